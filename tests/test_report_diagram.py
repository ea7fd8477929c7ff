"""The drawing of a database: every table once, nothing upon anything else, whatever the circles."""

from __future__ import annotations

import random
import re
from itertools import combinations

import pytest

from neotype.report.database import Database
from neotype.report.diagram import Box, er_svg, plan
from neotype.schema.schema import Schema

KEY = {"kind": "identifier", "storage": "Int64"}


def schema_of(ties: list[tuple[str, str]], alone: tuple[str, ...] = ()) -> Schema:
    """Tables with an `id` and a column for each parent."""
    names = dict.fromkeys([name for tie in ties for name in tie] + list(alone))
    tables = {
        name: {
            "columns": {
                "id": KEY,
                **{f"{p}_id": {**KEY, "unique": False} for p, child in ties if child == name},
            },
            "primary_key": ["id"],
        }
        for name in names
    }
    relationships = [
        {"parent": p, "parent_key": ["id"], "child": c, "child_key": [f"{p}_id"]} for p, c in ties
    ]
    return Schema.model_validate({"tables": tables, "relationships": relationships})


def wild(tables: int, seed: int) -> Schema:
    """Tables that refer to up to three others, back and forth and to themselves."""
    draw = random.Random(seed)
    names = [f"table_{k:02d}" for k in range(tables)]
    ties = {
        (draw.choice(names), name) for name in names for _ in range(draw.choice([0, 1, 1, 2, 3]))
    }
    return schema_of(sorted(ties), tuple(names))


def apart(one: Box, other: Box) -> bool:
    return (
        one.right <= other.x
        or other.right <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@pytest.mark.parametrize("seed", range(8))
def test_thirty_tables_in_circles_do_not_overlap(seed: int) -> None:
    schema = wild(30, seed)
    laid = plan(Database.of(schema, {}))
    assert set(laid.boxes) == set(schema.tables)
    for one, other in combinations(laid.boxes.values(), 2):
        assert apart(one, other), (one, other)
    for path in laid.lanes.values():
        for left, right, y in path:
            for box in laid.boxes.values():
                assert right <= box.x or box.right <= left or not box.y < y < box.y + box.height
    for box in laid.boxes.values():
        assert box.x >= 0
        assert 0 <= box.y <= laid.bottom


def test_parents_lie_left_of_their_children_unless_the_tie_closes_a_circle() -> None:
    schema = schema_of([("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("d", "b")])
    laid = plan(Database.of(schema, {}))
    assert len(laid.turned) == 1
    for tie in schema.relationships:
        left = laid.boxes[tie.parent].x < laid.boxes[tie.child].x
        assert left == ((tie.parent, tie.child) not in laid.turned)


def test_a_tie_that_jumps_over_a_layer_goes_round_its_tables() -> None:
    laid = plan(Database.of(schema_of([("a", "b"), ("b", "c"), ("a", "c")]), {}))
    ((_, _, y),) = laid.lanes["a", "c"]
    box = laid.boxes["b"]
    assert y < box.y or y > box.y + box.height


def test_it_says_rows_keys_and_ties_and_escapes_names() -> None:
    evil = "<script>x</script>"
    schema = schema_of([("customer", "order"), ("customer", "customer")], alone=(evil,))
    drawn = er_svg(schema, {"customer": 1200, "order": 34_567}, {"order": "poor"})
    assert "1,200" in drawn
    assert "34,567" in drawn
    assert "order.customer_id → customer.id" in drawn
    assert 'class="v poor"' in drawn
    assert evil not in drawn
    assert drawn.count("<g>") == drawn.count("</g>") == 3 + 2
    assert not re.search(r"\bnan\b|\binf\b", drawn)


def test_a_schema_without_tables_or_ties_is_drawn_too() -> None:
    assert er_svg(Schema(tables={}), {}) == ""
    laid = plan(Database.of(schema_of([], tuple("abcdefghi")), {}))
    assert len({(box.x, box.y) for box in laid.boxes.values()}) == 9
