"""TimeGAN's scores: without torch a reason, with torch numbers that move with what they ask."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from neotype.data import Dataset
from neotype.evaluate.metric import Score
from neotype.evaluate.sequential.recurrent import DiscriminativeScore, PredictiveScore, Runs
from neotype.rng import Rng
from panels import panel, scattered

SCORES = (DiscriminativeScore, PredictiveScore)
needs_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason='torch is not installed: pip install "neotype[deep]"'
)


def score(metric: type, made: Dataset) -> Score:
    held = panel(150, 2)
    quick = metric(steps=300, runs=2)
    return quick.score(made, train=panel(150, 1), holdout=held, rng=Rng(1))


def test_runs_differ_and_so_do_owners() -> None:
    runs = Runs.of([(0.1, 0.02, 0.03), (0.2, 0.04, 0.05)])
    assert (runs.value, runs.floor) == pytest.approx((0.15, 0.03))
    assert runs.error == pytest.approx(np.sqrt((0.03**2 + 0.05**2) / 2 + 0.05**2 / 2))
    assert runs.detail["runs"][1] == {"value": 0.2, "floor": 0.04}


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
@pytest.mark.parametrize("metric", SCORES)
def test_without_torch_the_score_says_what_to_install(metric: type) -> None:
    found = score(metric, panel(150, 0))
    assert found.verdict == "not measured"
    assert 'needs neotype[deep]: pip install "neotype[deep]"' in found.meaning


@needs_torch
@pytest.mark.parametrize("metric", SCORES)
def test_real_rows_score_at_the_floor_and_equal_seeds_alike(metric: type) -> None:
    found = score(metric, panel(150, 0))
    assert found.value is not None
    assert found.interval is not None
    assert found.verdict in ("good", "fair")
    assert found.value == pytest.approx(found.floor, abs=0.08)
    assert found == score(metric, panel(150, 0))


@needs_torch
def test_rows_that_do_not_follow_each_other_are_told_apart() -> None:
    real, lost = (
        score(DiscriminativeScore, made) for made in (panel(150, 0), scattered(panel(150, 0)))
    )
    assert lost.value > real.value + 0.15
    assert lost.verdict == "poor"


@needs_torch
def test_nothing_is_learnt_of_what_comes_from_rows_without_an_order() -> None:
    real = score(PredictiveScore, panel(150, 0))
    lost = score(PredictiveScore, scattered(panel(150, 0)))
    assert lost.value >= real.value
    assert np.isfinite(lost.interval).all()
