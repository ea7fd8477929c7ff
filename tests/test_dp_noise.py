"""Noise is distributed as it says, to the last bit that a test of this size can see.

No test has a seed here; each may fail on right noise once in a million runs.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from neotype.dp import noise

pytest.importorskip("opendp", reason="pip install 'neotype[dp]'")

pytestmark = pytest.mark.fresh_noise

NEVER = 1e-6


def pmf(sigma: float, power: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers, and the probability of each as exp(−|x / sigma|^power / power)."""
    reach = int(40 * sigma) + 5
    x = np.arange(-reach, reach + 1)
    weights = np.exp(-(np.abs(x / sigma) ** power) / power)
    return x, weights / weights.sum()


def fits(drawn: np.ndarray, x: np.ndarray, probabilities: np.ndarray) -> float:
    """The p-value of chi-square, with the tails taken together where fewer than 10 are expected."""
    often = probabilities * drawn.size >= 10
    counts = np.bincount(drawn - x[0], minlength=len(x))
    seen = [*counts[often], counts[~often].sum()]
    expected = [*(probabilities[often] * drawn.size), probabilities[~often].sum() * drawn.size]
    if expected[-1] < 1:
        seen[-2:], expected[-2:] = [sum(seen[-2:])], [sum(expected[-2:])]
    return float(chisquare(seen, np.array(expected) * sum(seen) / sum(expected)).pvalue)


def test_noise_that_is_too_narrow_for_a_whole_number_is_none() -> None:
    assert not noise.drawn(1000, 0.05).any()


@pytest.mark.parametrize("sigma", [0.4, 0.8, 1.0, 3.7, 24.0, 310.0])
def test_tables_draw_the_discrete_gaussian(sigma: float) -> None:
    assert fits(noise.drawn(200_000, sigma), *pmf(sigma)) > NEVER


@pytest.mark.parametrize("word", [3, 8])
def test_cells_that_the_first_bits_leave_in_doubt_are_drawn_right(word: int) -> None:
    # With words of 3 bits nearly all cells are in doubt, some of them many times over.
    assert fits(noise.drawn(20_000, 2.3, word), *pmf(2.3)) > NEVER


@pytest.mark.parametrize("sigma", [0.3, 1.0, 6.25, 100.0])
def test_tables_enclose_the_true_distribution_within_two_of_2_to_the_64(sigma: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    table = noise._table(sigma, 64, 64)
    with mpmath.workprec(300):
        power = -1 / (2 * mpmath.mpf(sigma) ** 2)
        sizes = range(1, int(40 * sigma) + 10)
        weights = [mpmath.mpf(1), *(2 * mpmath.exp(m * m * power) for m in sizes)]
        unit, summed = mpmath.mpf(2) ** 64 / sum(weights), mpmath.mpf(0)
        for below, above, weight in zip(table.below, table.above, weights, strict=False):
            summed += weight
            assert below <= summed * unit <= above <= below + 2


def test_opendp_draws_the_same_as_the_tables() -> None:
    zeros = np.zeros(15_000, np.int64)
    theirs = noise._through_opendp(zeros, "make_gaussian", "l2_distance", 3.7)
    assert fits(theirs, *pmf(3.7)) > NEVER
    ours = noise.drawn(len(zeros), 3.7)
    sides = [np.bincount(np.clip(side, -12, 12) + 12, minlength=25) for side in (ours, theirs)]
    table = np.array(sides)[:, np.sum(sides, axis=0) >= 10]
    assert chi2_contingency(table).pvalue > NEVER


def test_few_cells_with_wide_noise_are_drawn_right_too() -> None:
    drawn = np.concatenate([noise.gaussian(np.full(50, 7), 60.0) - 7 for _ in range(60)])
    assert abs(drawn.mean()) < 5 * 60 / drawn.size**0.5
    assert 60 * 0.9 < drawn.std() < 60 * 1.1


def test_discrete_laplace_is_what_it_says() -> None:
    drawn = noise.laplace(np.zeros(15_000, np.int64), 2.5)
    assert fits(drawn, *pmf(2.5, power=1.0)) > NEVER


def test_bits_are_of_the_operating_system() -> None:
    # In a process of its own: the tests put a seed in its place.
    told = "import os; from neotype.dp import entropy; print(entropy.source is os.urandom)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_noise_is_new_each_time_and_keeps_the_shape() -> None:
    values = np.arange(600).reshape(20, 30)
    one, other = noise.gaussian(values, 50.0), noise.gaussian(values, 50.0)
    assert one.shape == values.shape
    assert (one != other).mean() > 0.9
    assert noise.gaussian(values[:0], 50.0).shape == (0, 30)


@pytest.mark.parametrize("sigma", [0.4, 2.0, 15.8])
@pytest.mark.parametrize("delta", [1e-2, 1e-8])
def test_a_threshold_is_the_least_that_hides_one_row(sigma: float, delta: float) -> None:
    x, probabilities = pmf(sigma)
    bound = noise.stability_threshold(sigma, delta)
    assert probabilities[1 + x >= bound].sum() <= delta < probabilities[2 + x >= bound].sum()


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize("sigma", [3.0, 30.0])
def test_a_threshold_hides_a_unit_however_its_rows_are_spread(rows: int, sigma: float) -> None:
    delta = 1e-3
    x, probabilities = pmf(sigma)
    bound = noise.stability_threshold(sigma, delta, rows)

    def spreads(left: int, most: int) -> list[list[int]]:
        return [[]] + [
            [c, *rest] for c in range(1, min(left, most) + 1) for rest in spreads(left - c, c)
        ]

    worst = max(
        sum(probabilities[count + x >= bound].sum() for count in spread)
        for spread in spreads(rows, rows)
    )
    assert 0.1 * delta < worst <= delta
