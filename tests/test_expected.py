"""Numbers that go on from the rows before, and rows that end before their owner does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt

OWNERS = 200


def patients() -> pl.DataFrame:
    """A slow marker in steps of .5, missing now and then; visits until the end of follow-up."""
    generator = np.random.default_rng(3)
    frames = []
    for patient in range(OWNERS):
        end = generator.uniform(2, 12)
        years = np.sort(generator.uniform(0, end, generator.integers(3, 12)))
        years[0] = 0.0
        path = generator.normal(20, 5) + np.cumsum(generator.normal(0, 0.7, len(years)))
        marker = np.where(generator.random(len(years)) < 0.1, np.nan, np.round(path * 2) / 2)
        rows = {"patient": [patient] * len(years), "year": years.round(4), "marker": marker}
        frames.append(pl.DataFrame(rows).with_columns(followed=pl.lit(round(end + 0.01, 4))))
    return pl.concat(frames).with_columns(pl.col("marker").fill_nan(None))


@pytest.fixture(scope="module")
def real() -> pl.DataFrame:
    return patients()


@pytest.fixture(scope="module")
def fitted(real: pl.DataFrame) -> nt.FittedModel:
    return nt.fit(real, entity="patient", sequence="year", seed=0)


@pytest.fixture(scope="module")
def made(fitted: nt.FittedModel) -> pl.DataFrame:
    drawn: pl.DataFrame = fitted.sample(owners=OWNERS, seed=1)
    return drawn


def within(frame: pl.DataFrame) -> float:
    """The share of the variance of the marker that lies within owners."""
    own = pl.col("marker") - pl.col("marker").mean().over("patient")
    return float(frame.select(own.var() / pl.col("marker").var()).item())


def steps(frame: pl.DataFrame) -> float:
    """The middle half of how much the marker changes from one visit to the next."""
    cells = (
        frame.sort("patient", "year").select(pl.col("marker").diff().over("patient")).to_series()
    )
    cells = cells.drop_nulls().sort()
    return float(cells[int(0.8 * len(cells))] - cells[int(0.2 * len(cells))])


def test_owners_keep_a_level_of_their_own(real: pl.DataFrame, made: pl.DataFrame) -> None:
    assert within(made) == pytest.approx(within(real), abs=0.04)
    assert steps(made) == pytest.approx(steps(real), abs=0.5)
    assert made["marker"].std() == pytest.approx(real["marker"].std(), rel=0.2)


def test_cells_are_missing_as_often_and_lie_on_the_grid(
    real: pl.DataFrame, made: pl.DataFrame
) -> None:
    assert made["marker"].is_null().mean() == pytest.approx(
        real["marker"].is_null().mean(), abs=0.05
    )
    assert (made["marker"].drop_nulls() * 2 % 1 == 0).all()


def test_no_row_comes_after_the_end_of_its_owner(made: pl.DataFrame) -> None:
    assert (made["year"] <= made["followed"]).all()


def test_a_history_goes_on_at_its_own_level(fitted: nt.FittedModel, tmp_path: Path) -> None:
    history = pl.DataFrame(
        {
            "patient": [1] * 4 + [2] * 4,
            "year": [0.0, 0.5, 1.0, 1.5] * 2,
            "marker": [11.0, 11.5, 11.0, 10.5, 29.0, 29.5, 30.0, 29.5],
            "followed": [9.0] * 8,
        }
    )
    more = fitted.extend(history, steps=2, paths=20, seed=0)
    low, high = (more.filter(pl.col("patient") == key)["marker"].mean() for key in (1, 2))
    assert low == pytest.approx(11, abs=2)
    assert high == pytest.approx(29.5, abs=2)
    fitted.save(tmp_path / "m.neotype")
    loaded = nt.load(tmp_path / "m.neotype")
    assert loaded.extend(history, steps=2, paths=20, seed=0).equals(more)
    assert loaded.sample(owners=20, seed=2).equals(fitted.sample(owners=20, seed=2))
