"""Laws of every registered constraint between tables, over the database of `table_rules.py`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from neotype.constraints.between import Between, learn_between
from neotype.data import Dataset
from neotype.errors import DataError, SchemaError
from neotype.links import ORPHAN, Links
from neotype.registry import TABLE_CONSTRAINTS
from neotype.rng import Rng
from neotype.schema.file import read_schema, write_schema
from neotype.schema.schema import Identifier, Schema
from neotype.schema.storage import storage_dtype
from table_rules import FRAMES, SAMPLES, Sample, schema

NAMES = [f"{k}-{one.line['type']}" for k, one in enumerate(SAMPLES)]
every = pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)


def drawn(between: Between, rng: Rng) -> dict[str, pl.DataFrame]:
    """A sample as a careless model makes it: keys are valid, all else is shuffled."""
    made = between.encode(FRAMES)
    generator = rng.generator()
    keys = {(tie.parent, name) for tie in between.inner.relationships for name in tie.parent_key}
    said = {
        (tie.child, name)
        for tie in between.inner.relationships
        for name in (*tie.when, *tie.child_key)
        if tie.when
    }
    for table, content in between.inner.tables.items():
        if content.public:
            continue
        frame = made[table]
        free = [
            name
            for name, column in content.columns.items()
            if (table, name) not in keys
            and not (isinstance(column, Identifier) and column.unique)
            and (table, name) not in said
        ]
        if set(content.primary_key) & set(free):
            free = [name for name in free if name not in content.primary_key]
        for name in free:
            frame = frame.with_columns(frame[name][generator.permutation(frame.height)])
        made[table] = frame
    return made


def orphans(links: Links) -> int:
    return sum(int((rows == ORPHAN).sum()) for rows in links.positions.values())


def test_every_registered_constraint_has_a_sample() -> None:
    assert set(TABLE_CONSTRAINTS) - {one.line["type"] for one in SAMPLES} == set()


@every
def test_tables_come_back_from_their_rewriting(sample: Sample) -> None:
    before = {name: frame.clone() for name, frame in FRAMES.items()}
    between = learn_between(sample.data)
    assert between.broken(FRAMES) == []
    assert bool(between.steps) >= sample.steps
    inner = between.encode(FRAMES)
    assert set(inner) == set(between.inner.tables)
    for name, table in between.inner.tables.items():
        assert inner[name].columns == list(table.columns)
        for column, facts in table.columns.items():
            assert inner[name][column].dtype == storage_dtype(facts.storage)
            assert facts.nullable or not inner[name][column].null_count()
    again = between.decode(inner)
    for name, frame in before.items():
        assert FRAMES[name].equals(frame)
        assert again[name].equals(frame)


@every
def test_a_careless_sample_obeys(sample: Sample) -> None:
    between = learn_between(sample.data)
    for seed in range(3):
        made = between.decode(drawn(between, Rng(seed)), Rng(seed))
        assert between.broken(made) == []
        assert {name: len(frame) for name, frame in made.items()} == {
            name: len(frame) for name, frame in FRAMES.items()
        }
        assert orphans(Links.of(between.outer, made)) == 0
        for name, frame in made.items():
            assert frame.schema == FRAMES[name].schema
        again = between.decode(drawn(between, Rng(seed)), Rng(seed))
        assert all(again[name].equals(frame) for name, frame in made.items())


@every
def test_tables_that_break_it_are_refused_with_counts(sample: Sample) -> None:
    if sample.change is None:
        return
    (told,) = learn_between(sample.data).broken(sample.damaged)
    assert str(sample.line["type"]) in told
    if sample.line["type"] == "ReferenceTable":
        return  # what is kept is what was there
    damaged = Dataset(sample.data.schema, sample.damaged)
    with pytest.raises(DataError, match=rf"{sample.line['type']}.* rows of '\w+' break it"):
        learn_between(damaged)


@every
def test_it_is_kept_in_a_file_and_restored(sample: Sample, tmp_path: Path) -> None:
    declared = sample.data.schema
    path = write_schema(declared, tmp_path / "schema.yaml")
    assert read_schema(path) == declared == declared.settled()
    assert Schema.model_validate(json.loads(declared.model_dump_json())) == declared
    between = learn_between(sample.data)
    again = Between.restore(json.loads(json.dumps(between.facts())), declared)
    assert again.inner == between.inner
    made = drawn(between, Rng(1))
    one, other = between.decode(made, Rng(1)), again.decode(made, Rng(1))
    assert all(other[name].equals(frame) for name, frame in one.items())


@every
@pytest.mark.parametrize("field", ["table", "tables", "columns", "column", "child", "high", "of"])
def test_what_is_not_there_is_named(sample: Sample, field: str) -> None:
    if field not in sample.line:
        return
    given = sample.line[field]
    wrong: object = ["none.such", "no"] if isinstance(given, list) else "none.such"
    wrong = {"none.such": "gold"} if isinstance(given, dict) else wrong
    with pytest.raises(SchemaError, match=r"none\.such|such"):
        schema({**sample.line, field: wrong})


def test_constraints_compose() -> None:
    """All at once; what one makes, others read: a person is carried, and dates lie after theirs."""
    lines = [dict(one.line) for one in SAMPLES if one.line["type"] not in ("CompositeKey",)]
    data = Dataset(schema(*lines).settled(), FRAMES)
    between = learn_between(data)
    assert len(between.steps) >= 5
    again = between.decode(between.encode(FRAMES))
    assert all(again[name].equals(frame) for name, frame in FRAMES.items())
    for seed in range(3):
        made = between.decode(drawn(between, Rng(seed)), Rng(seed))
        assert between.broken(made) == []


def test_chains_of_orders_and_totals_are_decoded_from_the_top_down() -> None:
    lines = [
        {"type": "InequalityBetween", "low": "b.day", "high": "c.day"},
        {"type": "InequalityBetween", "low": "a.day", "high": "b.day", "strict": True},
        {"type": "Aggregate", "column": "a.days", "of": "b", "expression": "day"},
        {"type": "Aggregate", "column": "b.many", "of": "c", "function": "count"},
    ]
    draw = np.random.Generator(np.random.PCG64(0))
    up, over = draw.integers(0, 50, 200), draw.integers(0, 200, 600)
    first = draw.integers(0, 100, 50)
    second = first[up] + 1 + draw.integers(0, 50, 200)
    days = np.bincount(up, weights=second, minlength=50).astype(int)
    frames = {
        "a": pl.DataFrame({"id": range(50), "day": first, "days": days}),
        "b": pl.DataFrame(
            {
                "id": range(200),
                "a": up,
                "day": second,
                "many": np.bincount(over, minlength=200),
            }
        ),
        "c": pl.DataFrame({"b": over, "day": second[over] + draw.integers(0, 9, 600)}),
    }
    document = {
        "tables": {
            name: {
                "primary_key": ["id"] if "id" in frame.columns else [],
                "columns": {
                    c: {"kind": "identifier", "storage": "Int64", "unique": c == "id"}
                    if c in ("id", "a", "b")
                    else {"kind": "numeric", "subtype": "integer", "storage": "Int64"}
                    for c in frame.columns
                },
            }
            for name, frame in frames.items()
        },
        "relationships": [
            {"parent": "a", "parent_key": "id", "child": "b", "child_key": "a"},
            {"parent": "b", "parent_key": "id", "child": "c", "child_key": "b"},
        ],
        "constraints": lines,
    }
    data = Dataset(Schema.model_validate(document), frames)
    between = learn_between(data)
    assert len(between.steps) == 4
    inner = between.encode(frames)
    generator = np.random.Generator(np.random.PCG64(3))
    for name, keys in (("a", ["id"]), ("b", ["id"]), ("c", [])):
        for column in inner[name].columns:
            if column not in keys:
                cells = inner[name][column][generator.permutation(inner[name].height)]
                inner[name] = inner[name].with_columns(cells)
    assert between.broken(between.decode(inner)) == []
