"""Odd databases: tiny tables, several keys at once, an owner of nearly all rows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars as pl

from key_databases import database
from neotype.data import Dataset
from neotype.rng import Rng
from neotype.schema.constraint import constraint
from neotype.schema.schema import Text
from neotype.synth.learn import learn
from neotype.synth.trees import Trees


def learnt(data: Dataset) -> Any:
    return learn(Trees(refine=0), data, rng=Rng(0))


def test_two_keys_of_content_hold_together() -> None:
    """A row that is drawn again for one of them may repeat the other."""
    draw = np.random.default_rng(0)
    data = database(
        {
            "seat": {
                "row": [f"g{k // 10}" for k in range(120)],
                "place": [k % 10 for k in range(120)],
                "badge": draw.permutation(120) + 1,
            },
            "other": {"other": range(5), "x": [1, 1, 1, 2, 2]},
        },
        {"seat": "row place", "other": "other"},
        "",
        rules={"seat": (constraint({"type": "Unique", "columns": ["badge"]}),)},
    )
    model = learnt(data)
    for scale in (0.3, 1, 3):
        made = model.sample(rng=Rng(1), scale=scale).frames["seat"]
        assert made.height == 120 * scale
        assert not made.select("row", "place").is_duplicated().any()
        assert not made["badge"].is_duplicated().any()


def test_keys_of_a_table_of_one_row_are_there() -> None:
    """Of so few rows no cell may be told, yet a key is never missing, nor what refers to it."""
    own = [1] * 60
    data = database(
        {
            "place": {"town": ["Bern"], "number": [7], "area": [3.5]},
            "visit": {"visit": range(60), "town": ["Bern"] * 60, "number": [7] * 60, "x": own},
        },
        {"place": "town number", "visit": "visit"},
        "visit.town number > place.town number",
    )
    model = learnt(data)
    for scale in (0.3, 1, 3):
        made = model.sample(rng=Rng(1), scale=scale).frames
        place, visit = made["place"], made["visit"]
        assert not any(cells.null_count() for cells in place.select("town", "number"))
        assert not place.select("town", "number").is_duplicated().any()
        assert visit.join(place, on=["town", "number"], how="semi").height == visit.height


def test_lines_of_one_long_owner_are_numbered_soon() -> None:
    draw = np.random.default_rng(0)
    rows = 2_000
    own = np.sort(np.where(draw.random(rows) < 0.99, 0, draw.integers(0, 60, rows)))
    line = pl.Series(own).to_frame("own").select(pl.int_range(pl.len()).over("own")).to_series()
    data = database(
        {
            "shop": {"shop": range(60), "x": draw.integers(0, 9, 60)},
            "sale": {"shop": own, "line": line * 3 % 6007, "y": draw.integers(0, 9, rows)},
        },
        {"shop": "shop", "sale": "shop line"},
        "sale.shop > shop.shop",
    )
    model = learnt(data)
    begun = time.process_time()
    made = model.sample(rng=Rng(1), scale=1).frames["sale"]
    assert time.process_time() - begun < 20
    assert made.height == rows
    assert not made.select("shop", "line").is_duplicated().any()


def test_a_unique_number_of_children_is_settled_soon() -> None:
    """Texts are dear to write, and most rows that are drawn for a free number are not taken."""
    draw = np.random.default_rng(0)
    rows = 1_500
    words = ["we", "saw", "a", "fox", "and", "it", "was", "not", "afraid", "of", "us", "at", "all"]
    data = database(
        {
            "shop": {"shop": range(150), "x": draw.integers(0, 9, 150)},
            "note": {
                "shop": np.sort(draw.integers(0, 150, rows)),
                "badge": draw.permutation(rows) + 1,
                "said": [" ".join(draw.choice(words, 9)) for _ in range(rows)],
            },
        },
        {"shop": "shop"},
        "note.shop > shop.shop",
        rules={"note": (constraint({"type": "Unique", "columns": ["badge"]}),)},
    )
    columns = {**data.schema.tables["note"].columns, "said": Text(storage="String")}
    note = data.schema.tables["note"].model_copy(update={"columns": columns})
    tables = {**data.schema.tables, "note": note}
    data = Dataset(data.schema.model_copy(update={"tables": tables}), data.frames)
    model = learnt(data)
    begin = time.process_time()
    made = model.sample(rng=Rng(1)).frames["note"]
    assert time.process_time() - begin < 2
    assert not made["badge"].is_duplicated().any()
    assert made["badge"].n_unique() == rows


def test_one_row_that_may_refer_to_two_tables() -> None:
    data = database(
        {
            "a": {"a": range(1, 31), "x": [1, 2, 3] * 10},
            "b": {"b": range(1, 31), "x": [1, 2, 3] * 10},
            "note": {"note": [1], "kind": ["a"], "about": [7]},
        },
        {"a": "a", "b": "b", "note": "note"},
        """note.about > a.a
        note.about > b.b""",
        when={"note.about > a.a": {"kind": "a"}, "note.about > b.b": {"kind": "b"}},
    )
    model = learnt(data)
    assert model.sample(rng=Rng(1), scale=3).frames["note"].height == 3
