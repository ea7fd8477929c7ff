"""Constraints about several rows: what a user relies on."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.errors import DataError, SamplingError, SchemaError
from neotype.rng import Rng
from neotype.schema.schema import Identifier
from rules import fitted, obeyed

N = 600


@pytest.fixture(scope="module")
def seats() -> pl.DataFrame:
    g = np.random.default_rng(5)
    rows = [(f"S{a}", f"D{b}") for a in range(20) for b in range(20)]
    taken = g.permutation(len(rows))[:300]
    return pl.DataFrame([rows[k] for k in taken], schema=["seat", "day"], orient="row")


UNIQUE = {"type": "Unique", "columns": ["seat", "day"]}


def test_no_row_repeats_up_to_the_last_that_there_is(seats: pl.DataFrame) -> None:
    model = fitted(seats, UNIQUE)
    for rows in (300, 400):
        made = model.sample(rows, seed=1)
        assert made.height == made.n_unique() == rows
        assert made.equals(model.sample(rows, seed=1))
    with pytest.raises(SamplingError, match=r"400 obey Unique\(seat, day\)"):
        model.sample(401)


def test_unique_rows_cannot_be_made_in_parts_but_identified_ones_can(seats: pl.DataFrame) -> None:
    with pytest.raises(SamplingError, match="write one file"):
        next(iter(fitted(seats, UNIQUE).model.blocks(10, rng=Rng(0))))
    numbered = seats.with_columns(ref=pl.Series([f"R-{k:06d}" for k in range(seats.height)]))
    line = {"type": "Unique", "columns": ["ref", "seat"]}
    model = fitted(numbered, line, changed={"ref": Identifier(storage="String")})
    parts = list(model.model.blocks(20_000, rng=Rng(0)))
    assert pl.concat(parts)["ref"].n_unique() == 20_000


def test_unique_rows_keep_what_is_given(seats: pl.DataFrame) -> None:
    model = fitted(seats, UNIQUE)
    asked = pl.DataFrame({"seat": ["S1", "S2"] * 20})
    made = model.sample(given=asked)
    assert made["seat"].equals(asked["seat"])
    assert made.n_unique() == 40
    with pytest.raises(SamplingError, match="20 obey Unique"):
        model.sample(given=pl.DataFrame({"seat": ["S1"] * 21}))
    with pytest.raises(SamplingError):
        model.sample(21, where={"seat": "S1"})
    assert model.sample(20, where={"seat": "S1"}).n_unique() == 20


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    g = np.random.default_rng(6)
    owner = np.sort(g.integers(0, 150, N))
    town = g.integers(0, 6, 150)[owner]
    return pl.DataFrame(
        {
            "customer": [f"C-{o:05d}" for o in owner],
            "town": [f"T{t}" for t in town],
            "land": [f"L{t // 3}" for t in town],
            "paid": g.normal(town * 10, 1.0).round(2),
        }
    )


ALIKE = {"type": "DenormalizedTable", "key": "customer", "columns": ["town", "land"]}
LANDS = {"type": "FixedCombinations", "columns": ["town", "land"]}


def test_what_belongs_to_a_key_is_the_same_in_its_rows(orders: pl.DataFrame) -> None:
    key = {"customer": Identifier(storage="String", unique=False)}
    model = fitted(orders, ALIKE, LANDS, changed=key, synthesizer="trees", refine=0)
    made = model.sample(1000)
    each = made.group_by("customer").agg(pl.col("town", "land").n_unique(), pl.len())
    assert (each["len"] > 1).sum() > 100
    assert each["town"].max() == each["land"].max() == 1
    assert obeyed(model, made)
    assert made["customer"].str.contains(r"^C-\d{5}$").all()
    # Rows that were drawn again follow from the town that they were given.
    mean = made.group_by("town").agg(pl.col("paid").mean()).sort("town")["paid"]
    assert (mean - pl.Series([0.0, 10, 20, 30, 40, 50])).abs().max() < 2


def test_a_key_with_two_towns_is_found(orders: pl.DataFrame) -> None:
    broken = pl.concat([orders, orders.tail(1).with_columns(town=pl.lit("T9"))])
    with pytest.raises(DataError, match="does not hold in 1 of 601 rows"):
        fitted(broken, ALIKE)


@pytest.fixture(scope="module")
def ledger() -> pl.DataFrame:
    g = np.random.default_rng(7)
    rows = []
    for account in range(80):
        balance = round(float(g.uniform(0, 400)), 2)
        for step in range(int(g.integers(4, 10))):
            amount = round(float(g.normal(5, 40)), 2)
            after = round(balance + amount, 2)
            rows.append((f"A-{account:04d}", step, balance, amount, after))
            balance = after
    names = ["account", "step", "opening", "amount", "closing"]
    return pl.DataFrame(rows, schema=names, orient="row")


CARRIED = {
    "type": "CarryOverColumns",
    "from_column": "closing",
    "to_column": "opening",
    "within": "account",
    "order_by": "step",
}
CLOSING = {"type": "ColumnFormula", "column": "closing", "expression": "opening + amount"}


def test_a_balance_is_carried_over(ledger: pl.DataFrame) -> None:
    key = {"account": Identifier(storage="String", unique=False)}
    model = fitted(ledger, CARRIED, CLOSING, changed=key)
    made = model.sample(400)
    lined = made.sort("account", "step", maintain_order=True).with_columns(
        before=pl.col("closing").shift().over("account")
    )
    later = lined.drop_nulls("before")
    assert later.height > 200
    assert (later["before"] == later["opening"]).all()
    assert (made["closing"] - made["opening"] - made["amount"]).abs().max() < 0.0051
    assert obeyed(model, made)
    assert model.sample(400).equals(made)


def test_a_carried_column_needs_the_storage_of_the_other(ledger: pl.DataFrame) -> None:
    with pytest.raises(SchemaError, match="carries Float64 into 'step' of Int64"):
        fitted(ledger, {**CARRIED, "to_column": "step", "order_by": None})


def test_a_cell_before_its_known_twin_is_the_one_that_is_drawn_again() -> None:
    every = [(f"S{a}", f"D{b}") for a in range(20) for b in range(6)]
    every = pl.DataFrame(every, schema=["seat", "day"], orient="row")
    first = (pl.int_range(pl.len()) % 7) == 0
    gaps = every.with_columns(day=pl.when(~first).then("day"))
    made = nt.impute(gaps, schema=nt.infer_schema(every).constrained([UNIQUE]), seed=2)
    assert made.frame.equals(every)


def test_rules_about_several_rows_leave_each_other_what_they_mended() -> None:
    rows = [(f"K-{k // 3:04d}", f"T{k // 3 % 5}", k % 3) for k in range(N)]
    frame = pl.DataFrame(rows, schema=["key", "town", "n"], orient="row")
    alike = {"type": "DenormalizedTable", "key": "key", "columns": ["town"]}
    unique = {"type": "Unique", "columns": ["key", "n"]}
    key = {"key": Identifier(storage="String", unique=False)}
    model = fitted(frame, alike, unique, changed=key)
    made = model.sample(300)
    assert obeyed(model, made)
    assert made["key"].n_unique() == 100
