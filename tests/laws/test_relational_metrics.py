"""What every measure between tables must do, over the registry."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import polars as pl
import pytest

from neotype.constraints.between.keys import UniqueBridgeTable
from neotype.data import Dataset
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import build, evaluate
from neotype.evaluate.metric import Score
from neotype.evaluate.suites import suite_between
from neotype.rng import Rng
from neotype.schema.schema import Categorical, Identifier, Numeric, Relationship, Schema, Table
from shop import changed, rehomed, shop

METRICS = suite_between()
COUNTED = tuple(name for name in METRICS if "detection" not in name)
CUSTOMERS = 400


@cache
def sides() -> tuple[Dataset, Dataset, Dataset]:
    """Customers of one shop in three parts: the first stand in as a perfect synthetic database."""
    one, two, three = (shop(CUSTOMERS, seed) for seed in (1, 2, 3))
    ruled = one.schema.constrained([UniqueBridgeTable(table="line")])
    return Dataset(ruled, one.frames), Dataset(ruled, two.frames), Dataset(ruled, three.frames)


@cache
def scored(case: str) -> tuple[Score, ...]:
    real, train, holdout = sides()
    synthetic = {
        "real": lambda: real,
        "shuffled": lambda: rehomed(real),
        "uniform": lambda: rehomed(real, uniform=True),
        "orphans": orphaned,
        "repeated": repeated,
        "copied": copied,
    }[case]()
    metrics = METRICS if case in ("real", "shuffled") else COUNTED
    return evaluate(synthetic, train=train, holdout=holdout, metrics=metrics, rng=Rng(1))


def orphaned() -> Dataset:
    """One order in a hundred belongs to nobody."""
    order = sides()[0].frames["order"]
    lost = pl.Series(np.arange(order.height) % 100 == 0)
    key = pl.when(lost).then(-1).otherwise(pl.col("customer")).alias("customer")
    return changed(sides()[0], order=order.with_columns(key))


def repeated() -> Dataset:
    """Some lines are there twice."""
    line = sides()[0].frames["line"]
    return changed(sides()[0], line=pl.concat([line, line[:9]]))


def copied() -> Dataset:
    """A tenth of the customers are those of train, with new keys and all that is theirs."""
    real, train, _ = sides()
    named = train.frames["customer"]["customer"][: CUSTOMERS // 10]
    frames = dict(real.frames)
    for table in ("customer", "order", "visit"):
        mine = train.frames[table].filter(pl.col("customer").is_in(named.implode()))
        moved = {"customer": pl.col("customer") + 50_000}
        if table == "order":
            orders = mine["order"]
            moved["order"] = pl.col("order") + 500_000
        frames[table] = pl.concat([frames[table], mine.with_columns(**moved)])
    lines = train.frames["line"].filter(pl.col("order").is_in(orders.implode()))
    frames["line"] = pl.concat([frames["line"], lines.with_columns(pl.col("order") + 500_000)])
    return Dataset(real.schema, frames)


def of(case: str, metric: str, table: str = "") -> Score:
    (found,) = [one for one in scored(case) if one.metric == metric and one.table == table]
    return found


@pytest.mark.parametrize("name", METRICS)
def test_families_of_the_same_origin_score_at_the_floor(name: str) -> None:
    judged = [one for one in scored("real") if one.metric == name and one.value is not None]
    assert judged
    for score in judged:
        assert score.interval is not None
        assert score.floor is not None
        low, high = score.interval
        assert score.verdict in ("good", "fair"), score.meaning
        assert low <= score.value <= high
        assert score.floor == pytest.approx(score.value, abs=2 * max(high - low, 0.02))


@pytest.mark.parametrize("name", METRICS)
def test_a_score_can_be_written_and_read_by_anybody(name: str) -> None:
    for score in scored("real"):
        json.dumps(dict(score.detail), allow_nan=False)
        assert score.meaning.endswith(".")


@pytest.mark.parametrize(
    ("case", "name", "table"),
    [
        ("shuffled", "hop_trends", ""),
        ("shuffled", "parent_detection", "customer"),
        ("shuffled", "child_detection", "order"),
        ("shuffled", "key_uniqueness", ""),
        ("uniform", "cardinality", ""),
        ("uniform", "joint_cardinality", ""),
        ("orphans", "referential_integrity", ""),
        ("repeated", "key_uniqueness", ""),
        ("copied", "family_copies", ""),
    ],
)
def test_what_is_broken_is_found(case: str, name: str, table: str) -> None:
    assert of(case, name, table).verdict == "poor"


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("shuffled", "referential_integrity"),
        ("shuffled", "cardinality"),
        ("shuffled", "joint_cardinality"),
        ("shuffled", "family_copies"),
        ("uniform", "referential_integrity"),
        ("copied", "referential_integrity"),
        ("copied", "key_uniqueness"),
        ("copied", "hop_trends"),
    ],
)
def test_what_is_whole_is_not_blamed(case: str, name: str) -> None:
    assert of(case, name).verdict == "good"


@pytest.mark.parametrize("name", METRICS)
def test_the_same_seed_gives_the_same_score_alone_or_beside_others(name: str) -> None:
    real, train, holdout = sides()
    alone = evaluate(real, train=train, holdout=holdout, metrics=[name], rng=Rng(1))
    assert alone == tuple(one for one in scored("real") if one.metric == name)


def odd(rows: int, seed: int) -> Dataset:
    """What breaks counting: nothing but keys, an empty table, a tree, keys that are missing."""
    draw = np.random.default_rng(seed)
    key, other = Identifier(storage="Int64"), Identifier(storage="Int64", unique=False)
    loose = other.model_copy(update={"nullable": True})
    tables = {
        "node": Table(columns={"id": key, "above": loose}, primary_key=("id",)),
        "none": Table(columns={"id": key, "node": other, "x": Numeric(storage="Float64")}),
        "leaf": Table(
            columns={
                "node": loose,
                "x": Numeric(storage="Float64", nullable=True),
                "word": Categorical(storage="String", nullable=True),
            }
        ),
    }
    ties = (
        Relationship(parent="node", parent_key=("id",), child="node", child_key=("above",)),
        Relationship(parent="node", parent_key=("id",), child="none", child_key=("node",)),
        Relationship(
            parent="node", parent_key=("id",), child="leaf", child_key=("node",), when={"word": "a"}
        ),
    )
    above = [None if draw.random() < 0.3 else int(draw.integers(0, rows)) for _ in range(rows)]
    huge = draw.choice([1e308, -1e308, np.nan, np.inf, 0.0], 3 * rows)
    frames = {
        "node": pl.DataFrame({"id": np.arange(rows) + 1000 * seed, "above": above}).with_columns(
            pl.col("above").cast(pl.Int64) + 1000 * seed
        ),
        "none": pl.DataFrame(schema={"id": pl.Int64, "node": pl.Int64, "x": pl.Float64}),
        "leaf": pl.DataFrame(
            {
                "node": draw.integers(0, rows, 3 * rows) + 1000 * seed,
                "x": huge,
                "word": draw.choice(["a", "b", None], 3 * rows).tolist(),
            }
        ),
    }
    return Dataset(Schema(tables=tables, relationships=ties), frames)


@pytest.mark.parametrize("rows", [1, 2, 30, 300])
@pytest.mark.parametrize("name", METRICS)
def test_odd_and_tiny_databases_are_measured_or_refused_with_a_reason(name: str, rows: int) -> None:
    synthetic, train, holdout = (odd(rows, seed) for seed in (1, 2, 3))
    score = build(name, Asked()).score(synthetic, train=train, holdout=holdout, rng=Rng(0))
    if score.verdict == "not measured":
        assert score.value is None
        assert score.detail["reason"] in score.meaning
    else:
        assert score.value is not None
        assert np.isfinite(score.value)
    json.dumps(dict(score.detail), allow_nan=False)


@pytest.mark.parametrize("name", METRICS)
def test_of_one_table_no_tie_is_measured(name: str) -> None:
    customers = (side.only("customer") for side in sides())
    synthetic, train, holdout = customers
    score = build(name, Asked()).score(synthetic, train=train, holdout=holdout, rng=Rng(0))
    assert score.verdict == "not measured"
