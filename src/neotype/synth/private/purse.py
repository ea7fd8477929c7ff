"""What one column may spend on its histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.dp.mechanism import Mechanism

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SURE = 3.0
"""A count of so many sigmas is no chance."""


@dataclass(frozen=True)
class Purse:
    """A share of the budget for one column of about `rows` rows: a number of sigma `spread`."""

    mechanism: Mechanism
    name: str
    rows: int
    spread: float
    rho: float
    delta: float

    def counts(self, cells: Ints, size: int, share: float, what: str) -> tuple[Floats, float]:
        """A noisy histogram of numbered cells, each row in one of them, and its sigma."""
        noisy, sigma = self.mechanism.counts(
            np.bincount(cells, minlength=size).astype(np.int64),
            rho=self.rho * share,
            purpose=f"{what} of column '{self.name}'",
        )
        return noisy.astype(np.float64), sigma

    def found(
        self, keys: Any, counts: Ints, share: float, what: str
    ) -> tuple[list[Any], Floats, float]:
        """The keys that many rows have, with noisy counts and their sigma."""
        there, noisy, sigma, _ = self.mechanism.histogram(
            keys,
            counts,
            rho=self.rho * share,
            delta=self.delta,
            purpose=f"{what} of column '{self.name}'",
        )
        return there, noisy.astype(np.float64), sigma

    def sigma(self, share: float) -> float:
        """How wide the noise of counts would be for that share."""
        return self.mechanism.sigma(rho=self.rho * share)


def smoothed(noisy: Floats, sigma: float, *, sure: float = 2.0) -> Floats:
    """Counts without negative ones, in which only differences that noise does not explain stay.

    Halves of the axis share what both have: as they were measured where they differ by `sure`
    sigmas, else evenly; then halves of halves (Haar wavelets with a hard threshold). A half within
    one sigma of nothing is nothing: else noise alone would fill the far ends of an axis.
    """
    sums, sizes = [noisy], [np.ones(len(noisy))]
    while len(sums[-1]) > 1:
        padded = [np.append(one, np.zeros(len(one) % 2)) for one in (sums[-1], sizes[-1])]
        sums[-1], sizes[-1] = padded
        sums.append(padded[0].reshape(-1, 2).sum(axis=1))
        sizes.append(padded[1].reshape(-1, 2).sum(axis=1))
    mass = np.maximum(sums[-1], 0.0)
    for below, size in zip(sums[-2::-1], sizes[-2::-1], strict=True):
        left, right = below.reshape(-1, 2).T
        here, there = size.reshape(-1, 2).T
        both = here + there
        differ = np.abs(left * there - right * here) > sure * sigma * np.sqrt(here * there * both)
        left = np.where(left > sigma * np.sqrt(here), left, 0.0)
        right = np.where(right > sigma * np.sqrt(there), right, 0.0)
        measured = left / np.maximum(left + right, 1e-9)
        share = np.where(differ & (left + right > 0), measured, here / both)
        mass = np.stack([mass[: len(share)] * share, mass[: len(share)] * (1 - share)], axis=1)
        mass = mass.ravel()
    return np.asarray(mass[: len(noisy)], dtype=np.float64)
