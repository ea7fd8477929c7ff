"""Distances of columns and of their dependence: they find what is wrong, where, and by how much."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import build
from neotype.evaluate.fidelity.dependence import KMarginal
from neotype.evaluate.metric import Score
from neotype.rng import Rng
from neotype.schema.schema import Categorical, Numeric, Schema, Table

COLUMNS = ("jensen_shannon", "wasserstein", "moments")
TOGETHER = ("correlation", "covariance", "wnmis", "kmarginal")


def measure(name: str, synthetic: Dataset, train: Dataset, holdout: Dataset) -> Score:
    return build(name, Asked()).score(synthetic, train=train, holdout=holdout, rng=Rng(0))


def numbers(**columns: Any) -> Dataset:
    """A table of quantities alone."""
    frame = pl.DataFrame(
        {name: pl.Series(cells, dtype=pl.Float64) for name, cells in columns.items()},
        nan_to_null=True,
    )
    kinds = {name: Numeric(storage="Float64", nullable=True) for name in columns}
    return Dataset.of(Schema(tables={"t": Table(columns=kinds)}), frame)


def normal(seed: int, rows: int = 4000, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, rows)


@cache
def real() -> tuple[Dataset, Dataset]:
    return some(adult_train(), 6000), some(adult_holdout(), 3000, seed=1)


def changed(data: Dataset, *columns: pl.Expr) -> Dataset:
    return Dataset.of(data.schema, data.frame.with_columns(*columns))


@pytest.mark.parametrize("name", COLUMNS)
def test_the_column_that_is_off_is_named_and_comes_first(name: str) -> None:
    train, holdout = real()
    synthetic = changed(some(adult_holdout(), 3000, seed=2), pl.col("age") + 15)
    score = measure(name, synthetic, train, holdout)
    assert next(iter(score.detail["columns"])) == "age"
    assert "'age'" in score.meaning
    columns, floors = score.detail["columns"], score.detail["floors"]
    assert columns["age"] > 5 * floors["age"]
    assert columns["fnlwgt"] < 3 * floors["fnlwgt"] + 0.02
    assert score.value == pytest.approx(np.mean(list(columns.values())))
    assert score.floor == pytest.approx(np.mean(list(floors.values())))


@pytest.mark.parametrize("rows", [200, 3000])
@pytest.mark.parametrize("name", COLUMNS + TOGETHER)
def test_other_real_rows_are_never_poor(name: str, rows: int) -> None:
    frame = pl.concat([adult_train().frame, adult_holdout().frame])
    mixed = Dataset.of(adult_train().schema, frame)
    for seed in range(3):
        drawn = some(mixed, 3 * rows, seed=seed)
        parts = [drawn.take(np.arange(k * rows, (k + 1) * rows)) for k in range(3)]
        assert measure(name, *parts).verdict in ("good", "fair")


@pytest.mark.parametrize("name", TOGETHER)
def test_columns_that_lose_each_other_are_poor_and_the_more_the_poorer(name: str) -> None:
    train, holdout = real()
    source = some(adult_holdout(), 3000, seed=3)
    loose = independent(source).frame
    values = []
    for share in (0.0, 0.3, 0.6, 1.0):
        torn = int(share * source.rows)
        frame = pl.concat([loose.head(torn), source.frame.tail(source.rows - torn)])
        score = measure(name, Dataset.of(source.schema, frame), train, holdout)
        values.append(score.value)
    sign = 1 if score.better == "lower" else -1
    assert np.all(sign * np.diff(values) > 0)
    assert score.verdict == "poor"


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_that_only_lose_each_other_are_as_near_as_before(name: str) -> None:
    train, holdout = real()
    assert measure(name, independent(train), train, holdout).verdict == "good"


def test_a_distance_is_told_in_spreads_of_train() -> None:
    train, holdout = numbers(a=100 * normal(0)), numbers(a=100 * normal(1))
    moved = measure("wasserstein", numbers(a=100 * normal(2, shift=0.5)), train, holdout)
    # The spread is taken within the 1 to 99 % range, which is .98 of a normal's.
    assert moved.value == pytest.approx(0.5 / 0.98, abs=0.05)
    low, high = moved.interval
    assert low < 0.5 / 0.98 < high
    assert 0.05 < high - low < 0.2
    assert moved.detail["spread"]["a"] == pytest.approx(98, abs=3)
    assert moved.verdict == "poor"


def test_one_absurd_cell_does_not_outweigh_a_table() -> None:
    train, holdout = numbers(a=normal(0)), numbers(a=normal(1))
    cells = normal(2)
    cells[7] = 1e300
    for name in ("wasserstein", "moments"):
        score = measure(name, numbers(a=cells), train, holdout)
        assert score.value < 0.25
        assert score.detail["held"] == {"a": {"synthetic": 1, "train": 0, "holdout": 0}}


def test_a_quantity_that_is_never_there_is_far_away() -> None:
    train, holdout = numbers(a=normal(0), b=normal(3)), numbers(a=normal(1), b=normal(4))
    gone = numbers(a=normal(2), b=np.full(4000, np.nan))
    for name in ("jensen_shannon", "wasserstein", "moments"):
        score = measure(name, gone, train, holdout)
        assert score.detail["columns"]["b"] == pytest.approx(1.0)
        assert score.verdict == "poor"


def test_a_constant_has_no_spread_and_labels_have_no_distance() -> None:
    train = numbers(a=normal(0), one=np.ones(4000))
    score = measure("wasserstein", train, train, numbers(a=normal(1), one=np.ones(4000)))
    assert score.detail["constant"] == ["one"]
    assert list(score.detail["columns"]) == ["a"]
    words = Schema(tables={"t": Table(columns={"w": Categorical(storage="String")})})
    parts = [Dataset.of(words, pl.DataFrame({"w": ["x", "y"] * n})) for n in (30, 40, 50)]
    for name in ("wasserstein", "moments"):
        refused = measure(name, *parts)
        assert refused.verdict == "not measured"
        assert "no column holds numbers" in refused.meaning
    assert measure("jensen_shannon", *parts).verdict == "good"


def test_moments_are_those_of_the_rows() -> None:
    cells = np.random.default_rng(0).lognormal(3, 0.5, 4000)
    train, holdout = numbers(a=cells), numbers(a=np.random.default_rng(1).lognormal(3, 0.5, 4000))
    made = np.random.default_rng(2).lognormal(3.2, 0.5, 4000)
    detail = measure("moments", numbers(a=made), train, holdout).detail
    row = detail["table"]["a"]
    for side, own in (("real", cells), ("synthetic", made)):
        shown = row[side]
        assert shown["known"] == 4000
        assert shown["mean"] == pytest.approx(own.mean())
        assert shown["sd"] == pytest.approx(own.std(ddof=1))
        assert shown["skewness"] == pytest.approx(
            (own.mean() - np.median(own)) / own.std(), abs=0.01
        )
        for level in (5, 25, 50, 75, 95):
            near = np.quantile(own, [level / 100 - 0.006, level / 100 + 0.006])
            assert near[0] <= shown[f"q{level:02d}"] <= near[1]
    spread = (row["synthetic"]["mean"] - row["real"]["mean"]) / row["difference"]["mean"]
    assert np.clip(cells, *np.quantile(cells, [0.01, 0.99])).std() == pytest.approx(
        spread, rel=0.01
    )
    assert np.mean(np.abs(list(row["difference"].values()))) == pytest.approx(row["value"])


def test_the_moments_show_no_row_and_no_extreme() -> None:
    cells = np.round(np.random.default_rng(5).uniform(0, 1000, 300), 6)
    cells[:6] = [-6400.5, -3200.5, -1600.5, -800.5, -400.5, -200.5]
    train, holdout = numbers(a=cells), numbers(a=normal(1, 300))
    row = measure("moments", numbers(a=normal(2, 300)), train, holdout).detail["table"]["a"]["real"]
    for level in (name for name in row if name.startswith("q")):
        assert np.abs(cells - row[level]).min() > 1e-9
    # Five rows' worth of cells around the rank, here from the middle of the first to the sixth.
    assert row["q01"] == pytest.approx(np.average(cells[:6], weights=[0.5, 1, 1, 1, 1, 0.5]))
    few = np.full(300, np.nan)
    few[:4] = [1.0, 2.0, 3.0, 4.0]
    hidden = numbers(a=cells, few=few)
    detail = measure("moments", hidden, hidden, numbers(a=normal(1, 300), few=few)).detail
    assert "few" in detail["constant"]
    assert "few" not in detail["table"]


def test_correlations_are_shown_with_the_worst_pair_first() -> None:
    train, holdout = real()
    generator = np.random.default_rng(0)
    source = some(adult_holdout(), 3000, seed=4)
    torn = changed(source, source.frame["sex"][generator.permutation(3000)])
    score = measure("correlation", torn, train, holdout)
    worst = score.detail["worst"][0]
    assert set(worst["columns"]) == {"sex", "relationship"}
    assert worst["real"] > 0.6
    assert worst["synthetic"] < 0.05
    detail = score.detail
    places = [detail["columns"].index(name) for name in worst["columns"]]
    assert detail["real"][places[0]][places[1]] == pytest.approx(worst["real"], abs=1e-4)
    assert detail["pearson"]["columns"] == detail["spearman"]["columns"]
    assert len(detail["spearman"]["real"]) == 6
    assert detail["pairs"] == 105


def test_strength_counts_no_chance() -> None:
    """Many labels in few rows look associated by chance; the corrected strengths do not."""
    generator = np.random.default_rng(0)
    words = [f"w{k}" for k in range(30)]
    kinds = {"a": Categorical(storage="String"), "b": Categorical(storage="String")}
    schema = Schema(tables={"t": Table(columns={**kinds, "x": Numeric(storage="Float64")})})
    parts = []
    for rows in (500, 4000, 500):
        frame = {name: generator.choice(words, rows) for name in kinds}
        parts.append(Dataset.of(schema, pl.DataFrame({**frame, "x": generator.normal(size=rows)})))
    score = measure("correlation", *parts)
    assert score.value < 0.12
    assert measure("correlation", parts[0], parts[1], parts[2]).verdict != "poor"


def test_covariance_says_which_directions_are_lost() -> None:
    def rows(seed: int, sign: int) -> Dataset:
        generator = np.random.default_rng(seed)
        first, second = generator.normal(size=(2, 4000))
        a, b, c, d = 0.3 * generator.normal(size=(4, 4000))
        return numbers(a=first + a, b=first + b, c=second + c, d=sign * second + d)

    train, holdout = rows(0, 1), rows(1, 1)
    score = measure("covariance", rows(2, -1), train, holdout)
    assert score.verdict == "poor"
    assert score.detail["worst"][0]["columns"] == ["c", "d"]
    assert score.detail["components"] == 2
    assert score.detail["angles"]["synthetic"][0] > 85
    assert score.detail["captured"]["synthetic"] < 0.6
    assert score.detail["captured"]["holdout"] > 0.99
    assert score.detail["angles"]["holdout"][0] < 5
    assert sum(score.detail["eigenvalues"]["real"]) == pytest.approx(4, abs=1e-6)
    assert measure("covariance", rows(3, 1), train, holdout).verdict == "good"


def test_the_kmarginal_score_says_how_many_real_rows_do_as_well() -> None:
    train, _ = real()
    holdout = some(adult_holdout(), 6000, seed=1)
    itself = measure("kmarginal", train, train, holdout)
    assert itself.value == 1000
    assert itself.detail["equivalent_share"]["k3"] == 1
    loose = measure("kmarginal", independent(train), train, holdout)
    assert loose.detail["equivalent_share"]["k3"] < 0.2
    assert itself.detail["k2"] == 1000
    assert loose.value < loose.detail["k2"] < loose.detail["k2_floor"]


def test_wide_tables_are_sampled_and_say_so() -> None:
    def wide(seed: int) -> Dataset:
        generator = np.random.default_rng(seed)
        base = generator.normal(size=(300, 1))
        cells = base + generator.normal(size=(300, 90))
        return numbers(**{f"c{k}": cells[:, k] for k in range(90)})

    parts = [wide(seed) for seed in range(3)]
    said = {name: measure(name, *parts) for name in TOGETHER}
    assert said["correlation"].detail["notes"] == [
        "2,000 of 4,005 pairs of columns, drawn at random"
    ]
    assert len(said["correlation"].detail["columns"]) == 60
    assert said["kmarginal"].detail["notes"][0].startswith("100 of 117,480 triples")
    assert said["covariance"].detail["features"] == 90
    assert len(json.dumps(dict(said["correlation"].detail))) < 200_000
    assert all(score.verdict in ("good", "fair") for score in said.values())
    assert KMarginal(most_sets=10).score(
        parts[0], train=parts[1], holdout=parts[2], rng=Rng(0)
    ).detail["sets"] == {"k3": 10, "k2": 10}
