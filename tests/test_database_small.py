"""Databases with tables of a few rows: none vanishes, and no cell is missing that must be there."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from key_databases import database
from neotype.data import Dataset
from neotype.rng import Rng
from neotype.synth.learn import learn
from neotype.synth.model_file import load, save
from neotype.synth.relational.hierarchy import told
from neotype.synth.trees import Trees


def learnt(data: Dataset) -> Any:
    return learn(Trees(refine=0), data, rng=Rng(0))


@pytest.mark.parametrize("scale", [0.1, 1])
def test_a_table_below_few_owners_keeps_a_row(scale: float) -> None:
    """What refers to the one office of thirty towns would go with it."""
    draw = np.random.default_rng(0)
    data = database(
        {
            "town": {"town": range(30), "size": draw.integers(0, 9, 30)},
            "office": {"office": [1], "town": [4]},
            "clerk": {"clerk": range(60), "office": [1] * 60, "age": draw.integers(20, 60, 60)},
        },
        {"town": "town", "office": "office", "clerk": "clerk"},
        "office.town > town.town\nclerk.office > office.office",
    )
    model = learnt(data)
    for seed in range(6):
        made = model.sample(rng=Rng(seed), scale=scale).frames
        assert made["office"].height == 1
        assert made["clerk"].height == round(60 * scale)


def test_a_table_of_nothing_but_missing_keys_keeps_its_rows() -> None:
    data = database(
        {
            "town": {"town": range(30), "size": [1, 2, 3] * 10},
            "link": {"town": pl.Series([None, None], dtype=pl.Int64)},
        },
        {"town": "town"},
        "link.town > town.town",
    )
    made = learnt(data).sample(rng=Rng(1)).frames
    assert made["link"].to_dicts() == [{"town": None}] * 2


def test_rows_of_nothing_but_their_owners_key_are_told_apart() -> None:
    """A table of members among thirty people, with nothing to say of them."""
    data = database(
        {
            "person": {"person": range(30), "age": range(20, 50)},
            "member": {"person": [3, 9, 11]},
        },
        {"person": "person", "member": "person"},
        "member.person > person.person",
    )
    model = learnt(data)
    for scale in (1, 3):
        made = model.sample(rng=Rng(1), scale=scale).frames["member"]
        assert made.height > 1
        assert not made["person"].is_duplicated().any()


def test_rows_of_nothing_but_keys_go_where_too_few_rows_can_be_referred_to() -> None:
    """Each of six links has another plan, and there are fewer plans."""
    data = database(
        {
            "town": {"town": range(60), "size": [1, 2, 3] * 20},
            "plan": {"plan": range(6), "town": range(6), "cost": [4, 5, 6, 7, 8, 9]},
            "link": {"plan": range(6), "town": pl.Series([None] * 6, dtype=pl.Int64)},
        },
        {"town": "town", "plan": "plan"},
        "link.plan > plan.plan\nlink.town > town.town\nplan.town > town.town",
    )
    model = learnt(data)
    for seed in range(4):
        made = model.sample({"plan": 2}, rng=Rng(seed)).frames
        assert made["link"].height == 2
        assert set(made["link"]["plan"]) <= set(made["plan"]["plan"])


def test_rows_of_few_owners_fall_in_the_time_of_the_data() -> None:
    """Of so few owners it cannot be told when the rows of each begin."""
    draw = np.random.default_rng(0)
    own = np.repeat(range(3), 20)
    data = database(
        {
            "shop": {"shop": range(3), "size": [3, 9, 4]},
            "sale": {"sale": range(60), "shop": own, "day": _days(draw, 60), "x": own * 7},
        },
        {"shop": "shop", "sale": "sale"},
        "sale.shop > shop.shop",
    )
    made = learnt(data).sample(rng=Rng(1)).frames["sale"]
    real, days = data.frames["sale"]["day"], made["day"]
    assert days.is_between(real.min(), real.max()).all()
    assert days.n_unique() > 10


def _days(draw: np.random.Generator, rows: int) -> list[date]:
    return [date(2021, 1, 1) + timedelta(int(k)) for k in draw.integers(0, 500, rows)]


def test_a_date_beside_the_owners_key_is_spread_where_rows_refer_to_each_other() -> None:
    """The key is (store, opened, day), the first two those of the owner; rows follow others."""
    draw = np.random.default_rng(0)
    store = np.repeat(range(40), 3)
    opened = [date(2020, 1, 1) + timedelta(k % 3) for k in range(120)]
    own = np.sort((draw.random(600) ** 3 * 120).astype(int))
    place = np.arange(600) - np.searchsorted(own, own)
    keys: dict[str, Any] = {
        "store": pl.Series(store).gather(own),
        "opened": pl.Series(opened).gather(own),
        "day": [date(2022, 1, 1) + timedelta(int(k)) for k in place],
    }
    up = pl.Series(np.where(draw.random(600) < 0.5, draw.integers(0, 600, 600), -1))
    up = up.set(up < 0, None)
    before = {f"after_{name}": pl.Series(cells).gather(up) for name, cells in keys.items()}
    till = pl.Series(np.where(draw.random(600) < 0.9, 7, draw.integers(0, 200, 600)))
    at = draw.integers(0, 120, 200)
    data = database(
        {
            "branch": {"store": store, "opened": opened, "area": draw.integers(0, 9, 120)},
            "till": {
                "till": range(200),
                "store": store[at],
                "opened": pl.Series(opened).gather(at),
            },
            "day": {**keys, "till": till, **before, "sum": draw.integers(0, 99, 600)},
        },
        {"branch": "store opened", "till": "till", "day": "store opened day"},
        "day.store opened > branch.store opened\nday.till > till.till\n"
        "till.store opened > branch.store opened\n"
        "day.after_store after_opened after_day > day.store opened day",
    )
    model = learnt(data)
    for scale in (0.3, 1, 3):
        made = model.sample(rng=Rng(1), scale=scale).frames
        day = made["day"]
        assert not day.select("store", "opened", "day").is_duplicated().any()
        on = [f"after_{name}" for name in keys]
        follows = day.drop_nulls(on)
        assert follows.height
        assert follows.join(day, left_on=on, right_on=list(keys), how="semi").height == (
            follows.height
        )


def test_something_stands_in_the_cells_of_three_rows(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    shops = pl.DataFrame(
        {
            "shop": range(3),
            "name": ["Aare", "Birs", "Emme"],
            "opened": _days(np.random.default_rng(0), 3),
            "area": [31.5, 70.25, 12.0],
            "kind": pl.Series(["s", "m", "m"], dtype=pl.Enum(["s", "m"])),
            "closed": pl.Series([None, None, 4], dtype=pl.Int64),
        }
    )
    sales = {"sale": range(60), "shop": [0, 1, 2] * 20, "x": [4, 5] * 30}
    tables: dict[str, Any] = {"shop": shops, "sale": sales}
    ties = "sale.shop > shop.shop"
    data = database(tables, {"shop": "shop", "sale": "sale"}, ties)
    caplog.set_level("WARNING", "neotype")
    model = learnt(data)
    assert "'shop'" in caplog.text
    assert "--public shop" in caplog.text
    made = model.sample(rng=Rng(1)).frames["shop"]
    assert made.schema == shops.schema
    told = made.drop("shop", "closed")
    assert not any(cells.null_count() for cells in told)
    for name in ("name", "opened", "area"):
        assert not set(made[name]) & set(shops[name])
    assert made["closed"].null_count() == 3
    again = load(save(model, tmp_path / "m.neotype"))[0].sample(rng=Rng(1)).frames["shop"]
    assert again.equals(made)
    caplog.clear()
    kept = learnt(database(tables, {"shop": "shop", "sale": "sale"}, ties, public=("shop",)))
    assert kept.sample(rng=Rng(1)).frames["shop"].equals(shops)
    assert "'shop'" not in caplog.text


def test_a_reference_to_one_of_two_tables_is_told_of_five_rows() -> None:
    """The schema says which tables there are: their names are no secret."""
    data = database(
        {
            "cat": {"cat": range(9), "x": [1, 2, 3] * 3},
            "dog": {"dog": range(9), "x": [1, 2, 3] * 3},
            "bite": {"bite": range(5), "kind": ["cat", "dog", "dog", "cat", "dog"], "of": range(5)},
        },
        {"cat": "cat", "dog": "dog", "bite": "bite"},
        "bite.of > cat.cat\nbite.of > dog.dog",
        when={"bite.of > cat.cat": {"kind": "cat"}, "bite.of > dog.dog": {"kind": "dog"}},
    )
    made = learnt(data).sample(rng=Rng(1)).frames["bite"]
    assert set(made["kind"]) <= {"cat", "dog"}
    assert not made["of"].null_count()


def test_rows_may_be_asked_of_a_table_below_another() -> None:
    """Customers hang below the few who look after them, and are what somebody thinks of."""
    draw = np.random.default_rng(0)
    rows: Any = draw.integers(1, 6, 300)
    data = database(
        {
            "clerk": {"clerk": range(15), "age": draw.integers(20, 60, 15)},
            "buyer": {"buyer": range(300), "clerk": np.sort(draw.integers(0, 15, 300)), "x": rows},
            "bill": {"bill": range(rows.sum()), "buyer": np.repeat(range(300), rows)},
        },
        {"clerk": "clerk", "buyer": "buyer", "bill": "bill"},
        "buyer.clerk > clerk.clerk\nbill.buyer > buyer.buyer",
    )
    model: Any = learn(Trees(refine=2), data, rng=Rng(0))
    assert model.layout.contexts["buyer"].parent == "clerk"
    for many in (0, 7, 1_000):
        made = model.sample({"buyer": many}, rng=Rng(1)).frames
        assert made["clerk"].height == 15
        assert made["buyer"].height == many
        assert abs(made["bill"].height - many * rows.mean()) <= 0.3 * many * rows.mean()
    made = model.sample({"clerk": 20, "buyer": 900, "bill": 100}, rng=Rng(1)).frames
    assert {name: frame.height for name, frame in made.items()} == {
        "clerk": 20,
        "buyer": 900,
        "bill": 100,
    }


def test_families_that_are_weighed_may_have_other_numbers_of_rows() -> None:
    draw = np.random.default_rng(0)
    rows: Any = draw.integers(1, 6, 200)
    data = database(
        {
            "buyer": {"buyer": range(200), "x": rows},
            "bill": {"bill": range(rows.sum()), "buyer": np.repeat(range(200), rows)},
        },
        {"buyer": "buyer", "bill": "bill"},
        "bill.buyer > buyer.buyer",
    )
    model: Any = learn(Trees(refine=2), data, rng=Rng(0))
    assert model.fitted.kin
    made = model.sample({"bill": 2_000}, rng=Rng(1)).frames
    assert (made["buyer"].height, made["bill"].height) == (200, 2_000)
    assert not model.sample({"buyer": 0}, rng=Rng(1)).frames["bill"].height
    assert made["bill"].join(made["buyer"], on="buyer", how="semi").height == 2_000


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([1, 2, 5], [1, 2, 5]),
        ([200, 100, 20], [200, 100, 20]),
        ([1, 6, 40, 3, 1], [1, 6, 40, 3, 1]),
        ([3, 10, 50], [3, 10, 50]),
        ([4], [4]),
    ],
)
def test_depths_of_few_rows_are_told_together(rows: list[int], shown: list[int]) -> None:
    """What is told is alike where other rows are hidden in the same depths."""
    found = told(np.array(rows), 5)
    assert sum(found) == pytest.approx(sum(rows), abs=0.01)
    assert np.allclose(found, shown, atol=1.6)
    moved = list(rows)
    few = [k for k, count in enumerate(rows) if count < 5 and k]
    for k in few[:1]:
        # One row more here and one less next to it: nobody can tell.
        other = k + 1 if k + 1 < len(rows) else k - 1
        moved[k], moved[other] = moved[k] + 1, moved[other] - 1
    assert told(np.array(moved), 5) == found


def test_a_row_has_one_below_it_at_most_where_it_is_their_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    draw = np.random.default_rng(0)
    data = database(
        {
            "land": {"land": range(60), "x": draw.integers(0, 9, 60)},
            "coast": {"land": np.arange(40), "length": draw.integers(0, 99, 40)},
        },
        {"land": "land", "coast": "land"},
        "coast.land > land.land",
        public=("land",),
    )
    model = learnt(data)
    for scale, rows in ((0.5, 20), (1, 40), (3, 60)):
        made = model.sample(rng=Rng(1), scale=scale).frames["coast"]
        assert made.height == rows
        assert made["land"].n_unique() == rows
    assert "'coast' has 60 rows and not 120" in caplog.text
