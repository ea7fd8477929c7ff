"""What was measured: a table of counts over a few variables, and how noisy it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neotype.errors import FitError

Clique = tuple[int, ...]
"""Numbers of variables that stand in one table."""
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """Counts over `clique`, one axis a variable in its order, with Gaussian noise of `sigma`."""

    clique: Clique
    counts: FloatArray
    sigma: float = 1.0

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, dtype=np.float64)
        object.__setattr__(self, "counts", counts)
        if len(set(self.clique)) != len(self.clique) or counts.ndim != len(self.clique):
            raise FitError(
                f"a measurement of variables {self.clique} has a table of {counts.ndim} axes.",
                mend="give each variable once, and a table with one axis for each",
            )
        if not np.isfinite(counts).all():
            raise FitError(f"the counts of variables {self.clique} are not all finite.")
        if not (self.sigma >= 0 and np.isfinite(self.sigma)):
            raise FitError(
                f"sigma {self.sigma} of variables {self.clique} is no finite number ≥ 0."
            )

    def in_order(self) -> Measurement:
        """The same with its variables in rising order."""
        order = np.argsort(self.clique)
        if all(order == np.arange(len(order))):
            return self
        return Measurement(
            tuple(sorted(self.clique)), self.counts.transpose(order), float(self.sigma)
        )


def merged(measurements: Sequence[Measurement]) -> list[Measurement]:
    """One measurement a clique: those of the same variables are averaged, weighted by 1/σ²."""
    of: dict[Clique, list[Measurement]] = {}
    for measurement in measurements:
        one = measurement.in_order()
        of.setdefault(one.clique, []).append(one)
    return [_averaged(same) for _, same in sorted(of.items(), key=lambda item: item[0])]


def _averaged(same: list[Measurement]) -> Measurement:
    exact = [one for one in same if one.sigma == 0]
    if len(same) == 1 or exact:
        counts = np.mean([one.counts for one in exact or same], axis=0)
        return Measurement(same[0].clique, counts, 0.0 if exact else same[0].sigma)
    weights = np.array([one.sigma**-2.0 for one in same])
    counts = np.tensordot(weights, np.array([one.counts for one in same]), 1) / weights.sum()
    return Measurement(same[0].clique, counts, float(weights.sum() ** -0.5))
