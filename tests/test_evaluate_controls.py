"""Tables whose faults are known: what is copied is found, what is not copied is not accused.

The base is real rows that were not learnt, which no measure can rightly object to; a share of
them is replaced by train rows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import evaluate, suite
from neotype.evaluate.metric import Score
from neotype.registry import find
from neotype.rng import Rng

ROWS = 10_000
SHARES = (0.0, 0.01, 0.05, 0.2)
ASKED = Asked(
    target="income",
    sensitive=("sex", "race"),
    quasi_identifiers=("age", "sex", "race", "education", "native-country"),
)

MOVED = (
    "dcr_share",
    "exact_copies",
    "near_copies",
    "hit_rate",
    "mia_distance",
    "mia_density_ratio",
    "mia_exposed",
    "singling_out_multivariate",
    "linkability",
    "attribute_inference",
)
"""Measures that say how much was copied."""


@cache
def tables() -> tuple[Dataset, Dataset, Dataset]:
    """Unseen real rows in the synthetic table's place, train, and holdout."""
    whole = some(adult_train(), 2 * ROWS)
    first, second = (whole.take(np.arange(k * ROWS, (k + 1) * ROWS)) for k in range(2))
    return first, second, some(adult_holdout(), ROWS)


@cache
def copied(share: float) -> dict[str, Score]:
    base, train, holdout = tables()
    copies = some(train, round(share * ROWS), seed=4).frame
    made = Dataset.of(base.schema, pl.concat([copies, base.frame[copies.height :]]))
    scores = evaluate(made, train=train, holdout=holdout, asked=ASKED, rng=Rng(0))
    return {score.metric: score for score in scores}


@cache
def shuffled() -> dict[str, Score]:
    _, train, holdout = tables()
    scores = evaluate(independent(train), train=train, holdout=holdout, asked=ASKED, rng=Rng(0))
    return {score.metric: score for score in scores}


@pytest.mark.parametrize("name", suite())
def test_unseen_real_rows_pass_every_measure(name: str) -> None:
    assert copied(0.0)[name].verdict in ("good", "fair", "not judged", "not measured")


def test_unseen_real_rows_are_good_in_nearly_all() -> None:
    judged = [s for s in copied(0.0).values() if s.verdict in ("good", "fair", "poor")]
    assert sum(score.verdict == "good" for score in judged) >= 0.85 * len(judged)


@pytest.mark.parametrize("name", MOVED)
def test_more_copies_never_score_better(name: str) -> None:
    """Up to what chance explains: half the width of the interval."""
    values, intervals = [], []
    for share in SHARES:
        score = copied(share)[name]
        # An attack that does no better than guessing found nothing.
        values.append(0.0 if score.value is None else score.value)
        intervals.append(score.interval or (0.0, 0.0))
    for k in range(len(SHARES) - 1):
        assert values[k + 1] >= values[k] - (intervals[k][1] - intervals[k][0]) / 2
    assert values[-1] > intervals[0][1]


@pytest.mark.parametrize("name", MOVED[:7])
def test_one_copied_row_in_twenty_is_caught(name: str) -> None:
    score, clean = copied(0.05)[name], copied(0.0)[name]
    assert score.value is not None
    assert clean.value is not None
    assert score.interval is not None
    assert score.interval[0] > clean.value
    assert score.interval[0] > (score.floor or 0.0)


def test_one_copied_row_in_twenty_is_not_let_through() -> None:
    judged = [copied(0.05)[name].verdict for name in MOVED]
    assert judged.count("poor") >= 2


INDIFFERENT = {
    "shape",
    "jensen_shannon",
    "wasserstein",
    "moments",
    "accuracy_1way",
    "missingness",
    "coverage",
    "validity",
    "time_patterns",
    "beta_recall",
    "alpha_precision",
}
"""Measures of single columns, of cells, of calendars (Adult has none), of how typical rows are."""


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in suite()
        if find("metric", n).axis == "fidelity"
        and getattr(find("metric", n), "scope", "table") == "table"
        and n not in INDIFFERENT
    ],
)
def test_independent_columns_fail_fidelity(name: str) -> None:
    assert shuffled()[name].verdict in ("poor", "fair", "not judged")
    assert shuffled()[name].verdict != copied(0.0)[name].verdict or name == "rare_events"
