"""The density ratio and what is made of it: weights, choices, refined models."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.rng import Rng
from neotype.schema.infer import infer_schema
from neotype.synth.independent import Independent
from neotype.synth.refine import refine
from neotype.synth.weighing import choose
from neotype.trees.density import Codes
from neotype.trees.ratio import Boost, Ratio, most


def rows_of(joint: NDArray[np.float64], rows: int, seed: int = 0) -> Codes:
    """Digits × rows, drawn from a joint distribution."""
    cells = np.random.default_rng(seed).choice(joint.size, size=rows, p=joint.ravel())
    return np.array(np.unravel_index(cells, joint.shape), dtype=np.uint8)


def every(sizes: tuple[int, ...]) -> Codes:
    """Digits × all code words, the last digit fastest."""
    return np.array(list(product(*map(range, sizes))), dtype=np.uint8).T.copy()


TILT = (4, 6, 3)


def tilted() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A product distribution, and what an interaction makes of it."""
    g = np.random.default_rng(3)
    base = np.einsum("a,b,c->abc", *(g.dirichlet(np.full(size, 5.0)) for size in TILT))
    real = base * np.exp(g.normal(0, 0.8, (4, 6)))[:, :, None]
    return base, real / real.sum()


def ratio_of(real: Codes, base: NDArray[np.float64], boost: Boost, rows: int = 20_000) -> Ratio:
    return Ratio.learn(
        real,
        lambda turn: rows_of(base, rows, seed=100 + turn),
        np.array(TILT),
        np.array([True, False, False]),
        boost,
        np.random.default_rng(9),  # a stream of its own: rows are drawn from 0 and 100 on
    )


def test_the_ratio_finds_a_known_tilt() -> None:
    base, real = tilted()
    seen: list[int] = []
    ratio = ratio_of(rows_of(real, 10_000), base, Boost(rounds=3))
    assert not seen
    score = ratio.rows(every(TILT).T.copy()).reshape(TILT)
    # Candidates weighted by it have the real rows' masses, cell by cell and in every margin.
    weighted = base * np.exp(score)
    weighted /= weighted.sum()
    before, after = (np.abs(p - real).sum() / 2 for p in (base, weighted))
    assert before > 0.25
    assert after < 0.05
    for axis in range(3):
        np.testing.assert_allclose(weighted.sum(axis), real.sum(axis), atol=0.02)
    kl = float((real * np.log(real / base)).sum())
    assert ratio.bound == pytest.approx(kl, abs=0.06)
    assert len(ratio.history) <= 3
    # log_mean makes it a density: the mean weight of candidates is 1.
    assert (base * np.exp(score - ratio.log_mean)).sum() == pytest.approx(1.0, abs=0.03)
    exact = 1 / (real**2 / base).sum()
    assert ratio.effective == pytest.approx(exact, abs=0.1)


def test_there_is_nothing_to_tilt_between_like_and_like() -> None:
    base, _ = tilted()
    ratio = ratio_of(rows_of(base, 5000), base, Boost(rounds=4))
    score = ratio.rows(every(TILT).T.copy())
    weighted = base.ravel() * np.exp(score)
    assert np.abs(weighted / weighted.sum() - base.ravel()).sum() / 2 < 0.03
    assert ratio.bound < 0.01


def test_too_few_rows_teach_no_ratio() -> None:
    base, real = tilted()
    ratio = ratio_of(rows_of(real, 60), base, Boost(rounds=4))
    assert len(ratio.roots) == 0
    np.testing.assert_array_equal(ratio.rows(every(TILT).T.copy()), np.zeros(72))


def test_a_few_candidates_never_outweigh_all_others() -> None:
    score = np.zeros(20_000)
    score[:5] = 30.0
    bound = most(score)
    assert np.exp(bound) == pytest.approx(16, rel=0.2)  # as many as one is chosen from
    assert most(score[5:]) == pytest.approx(np.log(16))


def test_a_restored_ratio_weighs_alike() -> None:
    base, real = tilted()
    ratio = ratio_of(rows_of(real, 1000), base, Boost(rounds=1, trees=5), rows=2000)
    again = Ratio.restore(ratio.arrays(), ratio.log_mean, ratio.each)
    rows = every(TILT).T.copy()
    np.testing.assert_array_equal(again.rows(rows), ratio.rows(rows))
    assert again.log_mean == ratio.log_mean


def test_candidates_are_chosen_in_proportion_to_their_weight() -> None:
    g = np.random.default_rng(0)
    log_weight = g.normal(0, 1, 40)
    share = np.exp(log_weight)
    trials, rows = 6000, 8
    taken, leading = np.zeros(40), np.zeros(40)
    for seed in range(trials):
        picks = choose(log_weight + 50.0, rows, Rng(seed))
        assert len(set(picks.tolist())) == rows
        taken[picks] += 1
        leading[picks[0]] += 1
    certain = np.zeros(40, dtype=bool)
    while True:
        expected = np.where(certain, 1.0, share * (rows - certain.sum()) / share[~certain].sum())
        if not (expected[~certain] >= 1).any():
            break
        certain |= expected >= 1
    spread = np.sqrt(expected * (1 - expected) / trials)
    assert (np.abs(taken / trials - expected) <= 4.5 * spread + 1e-9).all()
    # And in no order: the first of a sample is one of it at random.
    first = expected / rows
    assert (np.abs(leading / trials - first) <= 4.5 * np.sqrt(first / trials)).all()


def test_the_heaviest_are_certain_and_repeat_never() -> None:
    log_weight = np.array([0.0] * 30 + [9.0, 12.0])
    for seed in range(200):
        picks = choose(log_weight, 5, Rng(seed))
        assert {30, 31} <= set(picks.tolist())


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.floats(-40, 40), min_size=4, max_size=300),
    st.floats(0.001, 0.25),
    st.integers(0, 99),
)
def test_as_many_are_chosen_as_are_asked_for(some: list[float], part: float, seed: int) -> None:
    log_weight = np.array(some)
    rows = max(1, int(part * len(some)))
    picks = choose(log_weight, rows, Rng(seed))
    assert picks.dtype == np.int64
    assert len(picks) == len(set(picks.tolist())) == rows
    assert ((picks >= 0) & (picks < len(some))).all()
    np.testing.assert_array_equal(choose(log_weight, rows, Rng(seed)), picks)


def test_refinement_brings_a_lost_dependence_back() -> None:
    g = np.random.default_rng(0)
    first = g.normal(size=4000)
    second = 0.8 * first + 0.6 * g.normal(size=4000)
    frame = pl.DataFrame({"a": first, "b": second})
    train, held = frame[:3000], frame[3000:]
    data = Dataset(infer_schema({"t": train}), {"t": train})
    plain = Independent().fit(data, rng=Rng(0))
    better = refine(plain, data, rounds=3, rng=Rng(1))

    def correlation(model: object) -> float:
        rows = model.sample(8000, rng=Rng(2)).frame  # type: ignore[attr-defined]
        return float(np.corrcoef(rows["a"], rows["b"])[0, 1])

    assert abs(correlation(plain)) < 0.05
    # Four candidates a row hold too few of the outermost ones for all of 0.8.
    assert 0.6 < correlation(better) < 0.82
    unseen = Dataset.of(data.schema, held)
    gain = better.log_density(unseen).mean() - plain.log_density(unseen).mean()
    # The mutual information of the two is −log(1 − 0.8²) / 2 = 0.51 nats.
    assert 0.35 < gain < 0.6
