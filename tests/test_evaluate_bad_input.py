"""Tables that cannot be compared are refused with every reason, and never measured in silence."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

import neotype as nt
from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.errors import DataError
from neotype.evaluate.comparison import overlap

ROWS = 2000


@pytest.fixture
def train() -> pl.DataFrame:
    return some(adult_train(), ROWS).frame


@pytest.fixture
def holdout() -> pl.DataFrame:
    return some(adult_holdout(), ROWS).frame


@pytest.fixture
def synthetic() -> pl.DataFrame:
    return independent(some(adult_train(), ROWS)).frame


def test_the_train_table_is_no_synthetic_table(train: pl.DataFrame, holdout: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="the synthetic table is the train table itself"):
        nt.evaluate(train, train=train, holdout=holdout, metrics=["shape"])
    with pytest.raises(DataError, match="the synthetic table is the holdout table itself"):
        nt.evaluate(holdout, train=train, holdout=holdout, metrics=["shape"])


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_a_holdout_that_was_learnt_is_found_counted_and_refused(
    train: pl.DataFrame, holdout: pl.DataFrame, synthetic: pl.DataFrame, share: float
) -> None:
    leaked = round(share * ROWS)
    mixed = pl.concat([holdout[leaked:], train.sample(leaked, seed=3)])
    with pytest.raises(DataError, match="of 2,000 holdout rows are train rows") as no:
        nt.evaluate(synthetic, train=train, holdout=mixed, metrics=["shape"])
    (counted,) = re.findall(r"([\d,]+) of 2,000", str(no.value))
    assert leaked <= int(counted.replace(",", "")) <= leaked + 5


def test_rows_that_repeat_by_chance_are_no_overlap() -> None:
    """Four columns of few labels: nearly every holdout row equals a train row, and may."""
    train, holdout = some(adult_train(), ROWS), some(adult_holdout(), ROWS)
    few = ["workclass", "marital-status", "sex", "income"]
    rest = [name for name in train.frame.columns if name not in few]
    assert overlap(train, holdout, rest) == []


def test_every_difference_of_columns_is_named(
    train: pl.DataFrame, holdout: pl.DataFrame, synthetic: pl.DataFrame
) -> None:
    narrow = synthetic.drop("age").rename({"sex": "gender"})
    with pytest.raises(DataError) as no:
        nt.evaluate(narrow, train=train, holdout=holdout, metrics=["shape"])
    said = str(no.value)
    assert "'age'" in said
    assert "'sex'" in said
    assert "'gender'" in said


def test_labels_never_seen_are_measured_and_named(
    train: pl.DataFrame, holdout: pl.DataFrame, synthetic: pl.DataFrame
) -> None:
    strange = synthetic.with_columns(workclass=pl.lit("Astronaut"))
    report = nt.evaluate(strange, train=train, holdout=holdout, metrics=["validity", "shape"])
    validity, shape = report.scores
    assert validity.verdict == "poor"
    assert any("workclass" in str(finding) for finding in validity.detail["findings"])
    assert shape.detail["columns"]["workclass"] == 0


def test_one_class_only_says_what_cannot_be_measured(
    train: pl.DataFrame, holdout: pl.DataFrame, synthetic: pl.DataFrame
) -> None:
    only = synthetic.with_columns(income=pl.lit("<=50K"))
    report = nt.evaluate(only, train=train, holdout=holdout, target="income", metrics=["tstr"])
    assert report.scores[0].verdict == "poor"
    one = holdout.filter(pl.col("income") == "<=50K")
    report = nt.evaluate(synthetic, train=train, holdout=one, target="income", metrics=["tstr"])
    assert report.scores[0].verdict == "not measured"
    assert "fewer than two values in the holdout" in report.scores[0].meaning


@pytest.mark.parametrize("rows", [20, 30, 60])
def test_few_rows_are_never_a_silent_pass(
    train: pl.DataFrame, holdout: pl.DataFrame, synthetic: pl.DataFrame, rows: int
) -> None:
    """Nothing may be called good in privacy on so few rows but what is certain about them."""
    report = nt.evaluate(
        synthetic[:rows], train=train[:rows], holdout=holdout[:rows], target="income"
    )
    for score in report.scores:
        if score.verdict == "not measured":
            assert score.detail["reason"] in score.meaning
        else:
            assert score.interval is not None
            assert all(np.isfinite(end) for end in score.interval)
    told = [score for score in report.scores if score.axis == "privacy"]
    assert any(score.verdict in ("fair", "not measured") for score in told)
    assert report.summary.lines[-1].verdict != "good"


def test_columns_that_are_all_missing_are_data(
    train: pl.DataFrame, holdout: pl.DataFrame, synthetic: pl.DataFrame
) -> None:
    empty = synthetic.with_columns(age=pl.lit(None, pl.Int64))
    report = nt.evaluate(empty, train=train, holdout=holdout, target="income")
    assert {score.metric for score in report.scores} >= {"shape", "c2st", "dcr_share"}
    shape = next(score for score in report.scores if score.metric == "shape")
    assert shape.detail["columns"]["age"] == 0


def test_a_later_time_with_more_rows_that_repeat_is_no_overlap() -> None:
    """Shops that close more often: closed days are alike in train and in the later holdout."""

    def days(closed: int, seed: int) -> Dataset:
        sales = np.random.default_rng(seed).normal(size=1_000)
        sales[:closed] = 0
        return Dataset.of(schema, pl.DataFrame({"sales": sales}))

    schema = nt.infer_schema(pl.DataFrame({"sales": [0.5, 1.5]}))
    train, holdout = days(20, 0), days(200, 1)
    assert overlap(train, holdout, []) == []
    copied = pl.concat([train.frame[500:600], days(20, 2).frame[:900]])
    assert overlap(train, Dataset.of(schema, copied), [])


def test_owners_and_identifiers_do_not_hide_an_overlap() -> None:
    """New row numbers do not make old rows new."""
    train = some(adult_train(), 400).frame.with_row_index("id")
    holdout = some(adult_holdout(), 400).frame.with_row_index("id", offset=10_000)
    leaked = pl.concat([holdout[40:], train[:40].with_columns(id=pl.col("id") + 90_000)])
    schema = nt.infer_schema(train)
    assert schema.columns["id"].kind == "identifier"
    data, held = Dataset.of(schema, train), Dataset.of(schema, leaked)
    assert "40 of 400 holdout rows" in overlap(data, held, ["id"])[0]
