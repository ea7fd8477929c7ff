"""The one door to private noise: pays from the ledger, then draws.

What a caller says of its numbers is how far they move when ONE ROW is added or removed; what the
budget says (neighbours, unit, contribution bound) is multiplied in here, so that it cannot be
forgotten. Numbers of type float are put on a grid first, as the digits of a float give away what
they were computed from (Mironov 2012). There is no seed: noise that can be drawn again is none.

A price, `rho`, is in the coin of the ledger's accountant. Without δ that is ε, and what is Gaussian
noise else is Laplace's.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, expm1, floor, log2, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.dp import noise
from neotype.dp.budget import Budget
from neotype.dp.event import Exponential, Gaussian, Laplace, Threshold
from neotype.dp.ledger import Ledger
from neotype.dp.sampled import Sampled
from neotype.errors import BudgetError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_FINE = 0.01
"""How much rounding to the grid may add to the sensitivity."""
_STRAY = 1.02
"""Grid cells that rounding moves a score by at most: 1, and a little for sums done in floats."""
_LARGEST = 2**53
_HAIR = 1e-6
"""What a square of a square root may be off by."""


class Mechanism:
    """Noisy answers, each paid for before it is drawn."""

    def __init__(self, ledger: Ledger) -> None:
        noise.require("opendp")
        self.ledger = ledger

    def counts(
        self,
        values: Ints,
        *,
        rho: float,
        sensitivity: float = 1.0,
        purpose: str,
        rows: int | None = None,
    ) -> tuple[Ints, float]:
        """Counts with discrete Gaussian (or Laplace) noise, and its sigma.

        One row adds a vector without negative entries, `sensitivity` long at most (L2): 1 for a
        histogram, √k for k histograms at once. A unit has up to `rows` of them (the budget's bound
        unless said: an entity has one row in its own table).
        """
        whole = _whole(values)
        sigma = self.sigma(rho=rho, sensitivity=sensitivity, rows=rows)
        if self.pure:
            scale = self._scale(rho, sensitivity, rows)
            self.ledger.spend(Laplace(1 / rho), purpose=purpose)
            return noise.laplace(whole, scale), sigma
        self.ledger.spend(Gaussian(_ratio(rho), self._shape(sensitivity, rows)), purpose=purpose)
        return noise.gaussian(whole, sigma), sigma

    def sigma(self, *, rho: float, sensitivity: float = 1.0, rows: int | None = None) -> float:
        """How wide the noise on counts would be for that price; nothing is drawn or paid."""
        if self.pure:
            return _deviation(self._scale(rho, sensitivity, rows))
        return _ratio(rho) * _above_zero(sensitivity, "sensitivity") * self._budget.reach_l2(rows)

    def scores(
        self,
        values: Floats,
        *,
        rho: float,
        sensitivity: float,
        purpose: str,
        rows: int | None = None,
    ) -> tuple[Floats, float]:
        """Real numbers with Gaussian (or Laplace) noise on a grid, and its sigma.

        Adding or removing one row moves the vector by `sensitivity` at most (L2), in any direction.
        """
        reach = _above_zero(sensitivity, "sensitivity") * self._budget.reach(rows)
        root = sqrt(max(1, values.size))
        if self.pure:
            return self._pure_scores(values, rho, reach * root, purpose)
        grid = _power_of_two(_FINE * reach / root)
        ratio = _ratio(rho)
        sigma = ratio * (reach / grid + _STRAY * root)
        places = _on_grid(values, grid)
        self.ledger.spend(Gaussian(ratio), purpose=purpose)
        noisy: Floats = noise.gaussian(places, sigma).astype(np.float64) * grid
        return noisy, sigma * grid

    def _pure_scores(
        self, values: Floats, epsilon: float, reach: float, purpose: str
    ) -> tuple[Floats, float]:
        """The same with Laplace noise: k numbers that move by r in L2 move by r·√k in L1."""
        size = max(1, values.size)
        grid = _power_of_two(_FINE * reach / size)
        scale = (reach / grid + _STRAY * size) / _above_zero(epsilon, "rho")
        places = _on_grid(values, grid)
        self.ledger.spend(Laplace(1 / epsilon), purpose=purpose)
        noisy: Floats = noise.laplace(places, scale).astype(np.float64) * grid
        return noisy, _deviation(scale) * grid

    def laplace(
        self,
        values: Ints,
        *,
        epsilon: float,
        sensitivity: float = 1.0,
        purpose: str,
        rows: int | None = None,
    ) -> tuple[Ints, float]:
        """Whole numbers with discrete Laplace noise, and its scale; the budget needs no δ for it.

        Adding or removing one row moves them by `sensitivity` at most, summed over all (L1).
        """
        whole = _whole(values)
        ratio = 1 / _above_zero(epsilon, "epsilon")
        scale = ratio * _above_zero(sensitivity, "sensitivity") * self._budget.reach(rows)
        self.ledger.spend(Laplace(ratio), purpose=purpose)
        return noise.laplace(whole, scale), scale

    def histogram(
        self,
        keys: Sequence[Any],
        counts: Ints,
        *,
        rho: float,
        delta: float,
        purpose: str,
        rows: int | None = None,
    ) -> tuple[list[Any], Ints, float, int]:
        """Which keys there are, with noisy counts: sigma and the threshold that all of them reach.

        A key that only one unit has comes through with probability δ at most. Keys come in their
        own order, whatever order they were found in.
        """
        if self.pure:
            raise BudgetError(
                f"{purpose} would be found by a threshold, which needs a delta.",
                mend="declare the values in the schema, or give the budget a delta, such as 1e-6",
            )
        whole = _whole(counts)
        sigma = self.sigma(rho=rho, rows=rows)
        bound = noise.stability_threshold(sigma, delta, self._budget.rows(rows))
        shape = self._shape(1.0, rows)
        self.ledger.spend((Gaussian(_ratio(rho), shape), Threshold(delta)), purpose=purpose)
        there = np.flatnonzero(whole > 0)
        noisy = noise.gaussian(whole[there], sigma)
        over = noisy >= bound
        found = [keys[place] for place in there[over]]
        order = sorted(range(len(found)), key=found.__getitem__)
        return [found[place] for place in order], noisy[over][order], sigma, bound

    def choose(
        self,
        scores: Floats,
        *,
        rho: float,
        sensitivity: float,
        purpose: str,
        rows: int | None = None,
    ) -> int:
        """The place of a high score, by the exponential mechanism.

        Adding or removing one row moves each score by `sensitivity` at most, up or down.
        """
        if not scores.size:
            raise BudgetError("there is nothing to choose from.")
        reach = _above_zero(sensitivity, "sensitivity") * self._budget.reach(rows)
        grid = _power_of_two(_FINE * reach)
        epsilon = _above_zero(rho, "rho") if self.pure else sqrt(8) * sqrt(_above_zero(rho, "rho"))
        ratio = 2 / epsilon
        places = _on_grid(scores.ravel(), grid)
        self.ledger.spend(Exponential(epsilon), purpose=purpose)
        return noise.noisy_max(places, ratio * (reach / grid + _STRAY))

    def sampled(self, *, rho: float, rate: float, steps: int, purpose: str) -> Sampled:
        """`steps` noisy sums over rows, each row in a sum with chance `rate`: all paid for now."""
        return Sampled(self.ledger, rho=rho, rate=rate, steps=steps, purpose=purpose)

    def surprise(self, counts: Floats, sigma: float) -> Floats:
        """About how many nats speak against it that noise alone made these counts, 0 if negative.

        Laplace noise has the longer tail.
        """
        sigmas = np.maximum(counts, 0.0) / sigma
        return sqrt(2) * sigmas if self.pure else sigmas**2 / 2

    @property
    def pure(self) -> bool:
        """Whether prices are in ε, and no noise may be Gaussian."""
        return self.ledger.accountant.coin == "ε"

    def _scale(self, epsilon: float, sensitivity: float, rows: int | None) -> float:
        """Of Laplace noise on counts. What a row adds is whole, so in L1 it is no longer than the
        square of its length in L2: k for k histograms.
        """
        most = ceil(_above_zero(sensitivity, "sensitivity") ** 2 - _HAIR)
        return max(1, most) * self._budget.reach(rows) / _above_zero(epsilon, "rho")

    @property
    def _budget(self) -> Budget:
        return self.ledger.budget

    def _shape(self, sensitivity: float, rows: int | None) -> tuple[int, int] | None:
        """Where a unit is one row of a histogram: one cell changes, or one of each of two."""
        alone = sensitivity == 1 and self._budget.rows(rows) == 1
        return (self._budget.swaps, 1) if alone else None


def _ratio(rho: float) -> float:
    return 1 / sqrt(2 * _above_zero(rho, "rho"))


def _deviation(scale: float) -> float:
    """The standard deviation of discrete Laplace noise."""
    return sqrt(2 * exp(-1 / scale)) / -expm1(-1 / scale)


def _above_zero(value: float, what: str) -> float:
    if not 0 < value < float("inf"):
        raise BudgetError(f"{what} is {value!r}, and must be a number above 0.")
    return value


def _whole(values: Ints) -> Ints:
    """Whole numbers, none of them anywhere near where 64 bits end."""
    if values.dtype.kind not in "iu":
        raise BudgetError(
            f"counts are whole numbers, and these are of type {values.dtype}.",
            mend="give numbers of type float to scores(), which rounds them to a grid",
        )
    return np.clip(values.astype(np.int64), -_LARGEST, _LARGEST)


def _on_grid(values: Floats, grid: float) -> Ints:
    """The nearest multiples of a power of two: dividing by it loses nothing."""
    if not np.isfinite(values).all():
        raise BudgetError("scores are finite numbers; one of these is not.")
    return np.rint(np.clip(values / grid, -_LARGEST, _LARGEST)).astype(np.int64)


def _power_of_two(value: float) -> float:
    return 2.0 ** floor(log2(value))
