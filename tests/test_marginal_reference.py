"""Our models beside those of the published package for private graphical models, `mbi`.

What mbi 2.0.0 (Apache-2.0, on JAX) gave for the noisy tables below in float64 was written down, and
is computed anew wherever mbi is installed: `make reference`, in an environment of its own.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from neotype.marginal.factor import Factor
from neotype.marginal.fit import fit
from neotype.marginal.graphical import Graphical
from neotype.marginal.measurement import Measurement

SIZES = (6, 8, 5, 7, 4, 6)
PAIRS = list(combinations(range(6), 2))
ROWS = 5000
CLIQUES = [(0,), (1,), (2,), (3,), (4,), (5,), (0, 1), (1, 2), (2, 3), (0, 3), (3, 4), (1, 5)]
LOSS, DISTANCE = 0.39823, 0.040333
"""Of mbi's model: squares of what it misses over σ², a measured cell; distance to the truth."""
PAIR = [
    [0.0047, 0.00215, 0.02622, 0.01073],
    [0.04509, 0.02762, 0.18594, 0.0571],
    [0.03755, 0.02754, 0.14453, 0.04253],
    [0.02798, 0.01317, 0.15757, 0.04745],
    [0.01823, 0.01331, 0.08526, 0.02533],
]
"""Its probabilities of variables 2 and 4, which no table holds both."""


def problem() -> tuple[list[NDArray[np.float64]], list[Measurement]]:
    """The true tables of all pairs, and noisy tables of a few cliques."""
    g = np.random.Generator(np.random.PCG64(0))
    truth = Graphical.of(
        SIZES,
        [Factor(c, 0.8 * g.normal(size=tuple(SIZES[a] for a in c))) for c in CLIQUES],
    )
    measured = []
    for k, clique in enumerate(CLIQUES):
        sigma = 20.0 + k
        noise = sigma * g.normal(size=tuple(SIZES[a] for a in clique))
        measured.append(Measurement(clique, ROWS * truth.marginal(clique) + noise, sigma))
    return truth.project(PAIRS), measured


def loss(tables: list[NDArray[np.float64]], measured: list[Measurement]) -> float:
    """What `tables` miss of those measured: squares over σ², a cell."""
    missed = [
        ((ROWS * t - m.counts) ** 2).sum() / m.sigma**2
        for t, m in zip(tables, measured, strict=True)
    ]
    return float(sum(missed) / sum(m.counts.size for m in measured))


def distance(tables: list[NDArray[np.float64]], others: list[NDArray[np.float64]]) -> float:
    """Mean total variation distance."""
    return float(np.mean([np.abs(a - b).sum() / 2 for a, b in zip(tables, others, strict=True)]))


def test_with_next_to_no_ridge_the_model_is_that_of_mbi() -> None:
    truth, measured = problem()
    ours = fit(SIZES, measured, ROWS, ridge=0.001, iterations=500, tolerance=1e-7)
    assert loss(ours.project(CLIQUES), measured) == pytest.approx(LOSS, rel=0.02)
    assert distance(ours.project(PAIRS), truth) == pytest.approx(DISTANCE, rel=0.02)
    np.testing.assert_allclose(ours.marginal((2, 4)), PAIR, rtol=0.1)


def test_the_ridge_brings_a_model_nearer_to_the_truth() -> None:
    truth, measured = problem()
    assert distance(fit(SIZES, measured, ROWS).project(PAIRS), truth) < 0.97 * DISTANCE


@pytest.mark.filterwarnings("ignore")
def test_what_was_written_down_is_what_mbi_gives() -> None:
    jax = pytest.importorskip("jax")
    mbi = pytest.importorskip("mbi")
    jax.config.update("jax_enable_x64", True)
    truth, measured = problem()
    domain = mbi.Domain([str(a) for a in range(len(SIZES))], SIZES)
    linear = [
        mbi.LinearMeasurement(m.counts.ravel(), tuple(map(str, m.clique)), stddev=m.sigma)
        for m in measured
    ]
    model = mbi.estimation.MirrorDescent().estimate(domain, linear, known_total=ROWS, iters=2000)

    def marginal(clique: tuple[int, ...]) -> NDArray[np.float64]:
        table = model.project(tuple(map(str, clique))).datavector()
        return np.asarray(table).reshape([SIZES[a] for a in clique]) / ROWS

    assert loss([marginal(c) for c in CLIQUES], measured) == pytest.approx(LOSS, rel=1e-3)
    assert distance([marginal(c) for c in PAIRS], truth) == pytest.approx(DISTANCE, rel=1e-3)
    np.testing.assert_allclose(marginal((2, 4)), PAIR, atol=1e-4)
