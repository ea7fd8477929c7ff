"""Tables of log-weights over a few variables, closed under adding and summing out.

Adding two factors multiplies the weights; `onto` sums weights. All stays in logarithms, in which
nothing underflows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from neotype.marginal.measurement import Clique, FloatArray


@dataclass(frozen=True)
class Factor:
    """Log-weights: one axis of `values` for each variable of `axes`."""

    axes: Clique
    values: FloatArray

    @classmethod
    def zeros(cls, axes: Clique, sizes: Sequence[int]) -> Factor:
        """The factor that says nothing; `sizes` are those of all variables."""
        return cls(axes, np.zeros(tuple(sizes[axis] for axis in axes)))

    def over(self, axes: Clique) -> FloatArray:
        """The values as a view that broadcasts over `axes`, which hold all of its own."""
        order = sorted(range(len(self.axes)), key=lambda k: axes.index(self.axes[k]))
        shape = [1] * len(axes)
        for axis, size in zip(self.axes, self.values.shape, strict=True):
            shape[axes.index(axis)] = size
        return self.values.transpose(order).reshape(shape)

    def __add__(self, other: Factor) -> Factor:
        axes = self.axes + tuple(axis for axis in other.axes if axis not in self.axes)
        return Factor(axes, np.asarray(self.over(axes) + other.over(axes)))

    def onto(self, axes: Clique) -> Factor:
        """All other variables summed out; `axes`, all its own, are the order of the result."""
        out = tuple(k for k, axis in enumerate(self.axes) if axis not in axes)
        top = self.values.max(axis=out, keepdims=True)
        safe = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            summed = np.log(np.exp(self.values - safe).sum(axis=out)) + safe.squeeze(axis=out)
        kept = tuple(axis for axis in self.axes if axis in axes)
        return Factor(axes, np.asarray(summed).transpose([kept.index(axis) for axis in axes]))

    def normalised(self) -> Factor:
        """With weights that sum to 1."""
        return Factor(self.axes, self.values - self.onto(()).values)

    @property
    def probability(self) -> FloatArray:
        """The weights themselves."""
        return np.asarray(np.exp(self.values))


def product(factors: Iterable[Factor]) -> Factor:
    """All factors added up."""
    return reduce(Factor.__add__, factors, Factor((), np.zeros(())))


def eliminate(factors: Iterable[Factor], keep: Clique) -> Factor:
    """The product of `factors` summed onto `keep`, one variable after the other.

    The next variable is the one of which the table to sum is smallest.
    """
    left = list(factors)
    while True:
        size = {axis: f.values.shape[k] for f in left for k, axis in enumerate(f.axes)}
        gone = sorted(size.keys() - set(keep))
        if not gone:
            return product(left).onto(keep)
        cost = []
        for axis in gone:
            joined = {other for f in left if axis in f.axes for other in f.axes}
            cost.append(sum(float(np.log(size[other])) for other in joined))
        axis = gone[int(np.argmin(cost))]
        touched = product(f for f in left if axis in f.axes)
        rest = tuple(other for other in touched.axes if other != axis)
        left = [f for f in left if axis not in f.axes] + [touched.onto(rest)]
