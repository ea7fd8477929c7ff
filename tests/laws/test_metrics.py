"""What every metric must do, over the registry: a new metric is tested as soon as it is named."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.evaluate.asked import Asked, Likelihoods
from neotype.evaluate.evaluate import build, evaluate
from neotype.evaluate.metric import Score
from neotype.evaluate.suites import between, ordered
from neotype.registry import names
from neotype.rng import Rng
from neotype.schema.schema import Categorical, Datetime, Numeric, Schema, Table

METRICS = tuple(name for name in names("metric") if not between(name) and not ordered(name))
"""Those of databases and of sequences have laws of their own: Adult is neither."""
ROWS = 1500


def shuffled(data: Dataset, rows: int, rng: Rng) -> Dataset:
    """A recipe that takes a moment to learn, for what learns recipes anew."""
    generator = rng.generator()
    columns = [series[generator.integers(0, data.rows, rows)] for series in data.frame]
    return Dataset.of(data.schema, pl.DataFrame(columns))


def unlearning(data: Dataset, rows: int, rng: Rng) -> Dataset:
    """A recipe that never looks at what it is to learn: its rows are as real as those."""
    holdout = thirds()[2]
    return holdout.take(rng.generator().integers(0, holdout.rows, rows))


def blind(rows: int) -> Likelihoods:
    """A model's likelihoods that know nothing of who was learnt."""
    return Likelihoods(*np.random.default_rng(0).normal(size=(2, rows)))


def closeness(learn: pl.DataFrame, test: pl.DataFrame) -> float:
    """A user's own utility: how close the share of rich people is."""
    rich = [(side["income"] == ">50K").mean() for side in (learn, test)]
    return 1 - abs(rich[0] - rich[1])


ASKED = Asked(
    target="income",
    sensitive=("sex", "race"),
    quasi_identifiers=("age", "sex", "native-country", "education"),
    likelihoods=blind(ROWS),
    retrain=unlearning,
    shadows=8,
    scorer=closeness,
)


@cache
def thirds() -> tuple[Dataset, Dataset, Dataset]:
    """Three parts of the same real rows: the first stands in as a perfect synthetic table.

    Adult has no date: one is made of its numbers.
    """
    seen = pl.datetime(2024, 1, 1) + pl.duration(
        days=4 * pl.col("age") + pl.col("fnlwgt") % 4, hours=pl.col("hours-per-week") % 24
    )
    frame = pl.concat([adult_train().frame, adult_holdout().frame]).with_columns(seen=seen)
    columns = {**adult_train().table.columns, "seen": Datetime(storage="Datetime[us]")}
    mixed = some(Dataset.of(Schema(tables={"adult": Table(columns=columns)}), frame), 3 * ROWS)
    return tuple(mixed.take(np.arange(k * ROWS, (k + 1) * ROWS)) for k in range(3))


@cache
def scored(case: str) -> dict[str, Score]:
    synthetic, train, holdout = thirds()
    if case == "independent":
        synthetic = independent(train)
    scores = evaluate(synthetic, train=train, holdout=holdout, asked=ASKED, deep=True, rng=Rng(1))
    return {score.metric: score for score in scores}


@pytest.mark.parametrize("name", METRICS)
def test_rows_of_the_same_origin_score_at_the_floor(name: str) -> None:
    score = scored("real")[name]
    assert score.value is not None
    assert score.floor is not None
    assert score.interval is not None
    low, high = score.interval
    if score.target is None:
        assert score.verdict == "not judged"
    else:
        assert score.verdict in ("good", "fair")
        assert high >= score.target if score.better == "higher" else low <= score.target
    assert low <= score.value <= high
    width = max(high - low, 0.02)
    assert score.floor == pytest.approx(score.value, abs=2 * width)


@pytest.mark.parametrize("name", METRICS)
def test_a_score_can_be_written_and_read_by_anybody(name: str) -> None:
    score = scored("real")[name]
    json.dumps(dict(score.detail), allow_nan=False)
    assert score.metric == name
    assert score.meaning.endswith(".")
    assert any(letter.isdigit() for letter in score.meaning)


@pytest.mark.parametrize(
    "name", ["trend", "accuracy_2way", "accuracy_3way", "c2st", "tstr", "tstr_all"]
)
def test_independent_columns_score_badly(name: str) -> None:
    assert scored("independent")[name].verdict == "poor"


@pytest.mark.parametrize(
    "name", ["shape", "accuracy_1way", "missingness", "coverage", "dcr_share", "mia_distance"]
)
def test_independent_columns_keep_their_margins_and_copy_nobody(name: str) -> None:
    assert scored("independent")[name].verdict == "good"


@pytest.mark.parametrize("name", METRICS)
def test_the_same_seed_gives_the_same_score_alone_or_beside_others(name: str) -> None:
    synthetic, train, holdout = thirds()
    alone = build(name, ASKED).score(synthetic, train=train, holdout=holdout, rng=Rng(1))
    assert alone == scored("real")[name]


def hard(rows: int, seed: int) -> Dataset:
    """Everything that breaks arithmetic: nothing at all, one value, one label, gaps, 1e308."""
    generator = np.random.default_rng(seed)
    floats = generator.normal(size=rows)
    floats[::7] = np.nan
    huge = generator.choice([1e308, -1e308, 0.0, np.inf], rows)
    frame = pl.DataFrame(
        {
            "empty": pl.Series([None] * rows, dtype=pl.Float64),
            "empty label": pl.Series([None] * rows, dtype=pl.String),
            "one": pl.Series([7] * rows, dtype=pl.Int64),
            "one label": ["same"] * rows,
            "gaps": pl.Series(floats, nan_to_null=True),
            "nan": pl.Series(floats),
            "huge": huge,
            "label": generator.choice(["a", "b", None], rows).tolist(),
        }
    )
    columns = {
        name: Categorical(storage="String", nullable=True)
        if "label" in name
        else Numeric(storage="Float64", nullable=True)
        for name in frame.columns
    }
    return Dataset.of(Schema(tables={"t": Table(columns=columns)}), frame)


@pytest.mark.parametrize("rows", [1, 2, 10, 60, 400])
@pytest.mark.parametrize("name", METRICS)
def test_hard_and_tiny_tables_are_measured_or_refused_with_a_reason(name: str, rows: int) -> None:
    synthetic, train, holdout = (hard(rows, seed) for seed in range(3))
    asked = Asked(
        target="label",
        sensitive=("huge", "gaps", "one label", "empty label"),
        quasi_identifiers=("label", "nan", "one", "empty"),
        likelihoods=blind(rows),
        retrain=shuffled,
        shadows=4,
    )
    score = build(name, asked).score(synthetic, train=train, holdout=holdout, rng=Rng(0))
    if score.verdict == "not measured":
        assert score.value is None
        assert score.detail["reason"] in score.meaning
    else:
        assert score.value is not None
        assert np.isfinite(score.value)
    json.dumps(dict(score.detail), allow_nan=False)
