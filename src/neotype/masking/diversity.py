"""What classes need besides their size: secrets that differ, distributed as in the whole table.

Machanavajjhala et al. 2007 (distinct l-diversity) and Li et al. 2007 (t-closeness, by the earth
mover's distance: labels are equally far from each other, quantities by their order).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.masking.scale import Ints

_CELLS = 4_000_000
_EXACT = 1e-12


@dataclass(frozen=True)
class Secret:
    """A sensitive column as codes from 0; `ordered` where it has an order. Missing is a value."""

    name: str
    codes: Ints
    size: int
    ordered: bool

    @classmethod
    def of(cls, cells: pl.Series, *, ordered: bool) -> Secret:
        """The secret of these cells."""
        codes = cells.rank("dense").fill_null(0).to_numpy().astype(np.int64)
        _, codes = np.unique(codes, return_inverse=True)
        codes = codes.reshape(-1)
        return cls(cells.name, codes, int(codes.max()) + 1, ordered)

    def distinct(self, classes: Ints, count: int) -> Ints:
        """How many different values each class has."""
        pairs = np.unique(classes * self.size + self.codes[: len(classes)])
        return np.bincount(pairs // self.size, minlength=count)


@dataclass(frozen=True)
class Diversity:
    """At least `l` values of each secret in a class, distributed at most `t` from the whole."""

    secrets: tuple[Secret, ...]
    least: int
    most: float | None

    def of_classes(self, order: Ints, starts: Ints) -> NDArray[np.bool_]:
        """Of rows in order and where classes begin: which classes are diverse and close enough."""
        good = np.ones(len(starts), dtype=bool)
        sizes = np.diff(np.r_[starts, len(order)])
        classes = np.repeat(np.arange(len(starts)), sizes)
        for secret in self.secrets:
            codes = secret.codes[order]
            if self.least > 1:
                pairs = np.unique(classes * secret.size + codes)
                good &= np.bincount(pairs // secret.size, minlength=len(starts)) >= self.least
            if self.most is not None:
                far = distances(secret, classes, codes, sizes)
                good &= far <= self.most + _EXACT
        return good


def distances(secret: Secret, classes: Ints, codes: Ints, sizes: Ints) -> NDArray[np.float64]:
    """How far each class is from the whole table, from 0 to 1; `classes` ascend."""
    whole = np.bincount(secret.codes, minlength=secret.size) / len(secret.codes)
    far = np.empty(len(sizes))
    ends = np.cumsum(sizes)
    step = max(1, _CELLS // secret.size)
    for low in range(0, len(sizes), step):
        high = min(low + step, len(sizes))
        rows = slice(ends[low] - sizes[low], ends[high - 1])
        flat = (classes[rows] - low) * secret.size + codes[rows]
        counts = np.bincount(flat, minlength=(high - low) * secret.size)
        apart = counts.reshape(-1, secret.size) / sizes[low:high, None] - whole
        if secret.ordered and secret.size > 1:
            far[low:high] = np.abs(np.cumsum(apart, axis=1)).sum(axis=1) / (secret.size - 1)
        else:
            far[low:high] = np.abs(apart).sum(axis=1) / 2
    return far
