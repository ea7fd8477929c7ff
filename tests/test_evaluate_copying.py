"""Copies are caught, and what is no copy is not: the controls of the privacy measures."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.features import Labels, Numbers, Sides
from neotype.evaluate.metric import Score
from neotype.evaluate.neighbors import nearest, place
from neotype.rng import Rng
from neotype.schema.infer import infer_schema

COPYING = ("dcr_share", "exact_copies", "near_copies", "mia_distance")
ROWS = 4000


def jittered(data: Dataset) -> Dataset:
    """Every row again, its quantities a little off."""
    generator = np.random.default_rng(2)
    frame = data.frame.with_columns(
        pl.Series(name, data.frame[name].to_numpy() + generator.integers(-1, 2, data.rows))
        for name in ("age", "fnlwgt", "hours-per-week")
    )
    return Dataset.of(data.schema, frame)


def mixed(data: Dataset, share: float) -> Dataset:
    """Independent columns, with a share of train rows among them (the positive control)."""
    copies = some(data, round(share * data.rows), seed=4).frame
    rest = independent(data).frame.head(data.rows - copies.height)
    return Dataset.of(data.schema, pl.concat([copies, rest]))


@cache
def copying(case: str) -> dict[str, Score]:
    train, holdout = some(adult_train(), ROWS), some(adult_holdout(), ROWS)
    synthetic = {
        "copier": lambda: some(train, ROWS, seed=1),
        "one in five": lambda: mixed(train, 0.2),
        "jitter": lambda: jittered(train),
        "unseen": lambda: some(adult_train(), 2 * ROWS).take(np.arange(ROWS, 2 * ROWS)),
    }[case]()
    found = evaluate(synthetic, train=train, holdout=holdout, metrics=COPYING, rng=Rng(0))
    return {score.metric: score for score in found}


@pytest.mark.parametrize("name", COPYING)
def test_a_copier_is_caught_by_every_measure(name: str) -> None:
    assert copying("copier")[name].verdict == "poor"


@pytest.mark.parametrize("name", COPYING)
def test_unseen_real_rows_are_no_copies(name: str) -> None:
    score = copying("unseen")[name]
    assert score.verdict != "poor"
    assert score.interval is not None
    assert score.target is not None
    assert score.interval[0] <= score.target


def test_one_copied_row_in_five_is_counted_as_such() -> None:
    found = copying("one in five")
    assert found["exact_copies"].value == pytest.approx(0.2, abs=0.01)
    assert found["exact_copies"].verdict == "poor"
    assert found["dcr_share"].value == pytest.approx(0.6, abs=0.02)
    assert found["dcr_share"].verdict == "poor"
    assert found["mia_distance"].verdict == "poor"
    assert found["near_copies"].detail["copies"] > 5 * found["near_copies"].detail["holdout_copies"]


def test_jitter_hides_no_copying() -> None:
    found = copying("jitter")
    assert found["exact_copies"].detail["copies"] < ROWS / 10
    assert found["near_copies"].verdict == "poor"
    assert found["dcr_share"].value == pytest.approx(1.0, abs=0.02)
    assert found["mia_distance"].value == pytest.approx(1.0, abs=0.02)


def test_few_false_alarms_find_most_members_of_a_copier() -> None:
    detail = copying("copier")["mia_distance"].detail
    low, high = detail["interval"]
    assert low <= detail["tpr_at_1pct_fpr"] <= high
    assert detail["tpr_at_1pct_fpr"] > 0.9
    assert copying("unseen")["mia_distance"].detail["tpr_at_1pct_fpr"] < 0.03


def test_a_small_holdout_does_not_make_copies_of_fresh_rows() -> None:
    """Many synthetic rows beside few real ones: each real row counts for hundreds of them."""
    shares, widths = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        made, real = rng.normal(size=(4000, 2)), rng.normal(size=(2, 60, 2))
        tables = Dataset.of(
            infer_schema({"t": pl.DataFrame(real[0], schema=["x", "y"])}),
            pl.DataFrame(made, schema=["x", "y"]),
        )
        train, holdout = (
            Dataset.of(tables.schema, pl.DataFrame(side, schema=["x", "y"])) for side in real
        )
        score = evaluate(tables, train=train, holdout=holdout, metrics=["dcr_share"], rng=Rng(0))[0]
        assert score.value is not None
        assert score.interval is not None
        shares.append(score.value)
        widths.append((score.interval[1] - score.interval[0]) / 2)
        assert score.verdict != "poor", (seed, score.value, score.interval)
    # As wide as the shares do scatter, and not as four thousand rows alone would (.015).
    assert np.mean(widths) == pytest.approx(1.96 * np.std(shares), rel=0.3)


def test_train_is_cut_to_the_size_of_the_holdout() -> None:
    score = evaluate(
        some(adult_train(), 1000, seed=7),
        train=some(adult_train(), 3000, seed=8),
        holdout=some(adult_holdout(), 500),
        metrics=["dcr_share"],
        rng=Rng(0),
    )[0]
    assert score.detail["rows"] == {"synthetic": 1000, "train": 500, "holdout": 500}
    assert "500 of 3,000 train rows" in score.detail["notes"][0]


def test_distances_are_those_of_the_definition() -> None:
    generator = np.random.default_rng(0)

    def quantity(rows: int) -> np.ndarray:
        cells = generator.normal(size=rows) * 10
        cells[generator.random(rows) < 0.2] = np.nan
        return cells

    numbers = Numbers("x", "numeric", Sides(quantity(70), quantity(1500), quantity(5)))
    codes = Sides(*(generator.integers(0, 4, rows) for rows in (70, 1500, 5)))
    labels = Labels("c", "categorical", codes, ("a", "b", "c"))
    found = nearest(*place((numbers, labels))[:2])

    known = numbers.sides.train[~np.isnan(numbers.sides.train)]
    spread = np.quantile(known, 0.95) - np.quantile(known, 0.05)
    left, right = numbers.sides.synthetic[:, None], numbers.sides.train[None, :]
    gap = np.minimum(1, np.abs(left - right) / spread)
    gap = np.where(np.isnan(left) & np.isnan(right), 0, np.where(np.isnan(gap), 1, gap))
    gap = gap + (codes.synthetic[:, None] != codes.train[None, :])
    ordered = np.sort(gap, axis=1)
    np.testing.assert_allclose(found.first, ordered[:, 0], atol=1e-5)
    np.testing.assert_allclose(found.second, ordered[:, 1], atol=1e-5)
    np.testing.assert_allclose(found.back, gap.min(axis=0), atol=1e-5)
