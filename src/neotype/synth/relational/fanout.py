"""How often rows are referred to: their distribution, so that a draw of few rows has it too.

Capacities drawn row by row have the distribution of the real ones up to chance, and chance is
large where rows are few: two stores, sixteen categories. What is kept of a draw is which row has
more than which; how many each has is read off the learnt distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import State

_FEW = 128


@dataclass(frozen=True)
class FanOut:
    """Numbers of children, rising, how far rows lie about each, and how many rows had it."""

    children: NDArray[np.float64]
    about: NDArray[np.float64]
    rows: NDArray[np.int64]

    @classmethod
    def learn(cls, capacity: NDArray[np.int64], *, protect: int) -> Self:
        """Learn from how often each row is referred to.

        Numbers that fewer than `protect` rows have are told as the mean of some that as many
        have; in a short list a row is told alone that so many children refer to.
        """
        values, rows = np.unique(capacity, return_counts=True)
        alone = (rows >= protect) | (values == 0)
        if len(capacity) <= _FEW:
            alone |= values >= protect
        groups = _groups(rows, alone, protect)
        count = np.array([rows[group].sum() for group in groups], dtype=np.int64)
        total = np.array([(values[group] * rows[group]).sum() for group in groups])
        mean = total / np.maximum(count, 1)
        # A group of several numbers lies evenly about its mean, half way to its neighbours.
        near = np.append(np.diff(mean), np.inf) / 2
        near = np.minimum(near, np.append(np.inf, near[:-1]))
        single = np.array([len(group) == 1 for group in groups], dtype=np.bool_)
        return cls(mean, np.where(single | ~np.isfinite(near), 0.0, near), count)

    def settled(self, capacity: NDArray[np.int64], rng: Generator) -> NDArray[np.float64]:
        """These capacities in their order, as large as the learnt ones of the same rank."""
        if not len(self.rows) or not len(capacity):
            return capacity.astype(np.float64)
        order = np.lexsort((rng.random(len(capacity)), capacity))
        place = (np.arange(len(capacity)) + 0.5) / len(capacity) * self.rows.sum()
        upto = np.cumsum(self.rows)
        group = np.minimum(np.searchsorted(upto, place), len(upto) - 1)
        along = 1 - 2 * (upto[group] - place) / self.rows[group]
        out = np.empty(len(capacity))
        out[order] = self.children[group] + along * self.about[group]
        return out

    def state(self) -> State:
        """At rest."""
        return State({}, {"children": self.children, "about": self.about, "rows": self.rows})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        return cls(state.array("children"), state.array("about"), state.array("rows"))


def _groups(rows: NDArray[np.int64], alone: NDArray[np.bool_], protect: int) -> list[list[int]]:
    """Neighbouring numbers told as one, so that each group has `protect` rows or may be alone."""
    groups: list[list[int]] = []
    waiting: list[int] = []
    for k in range(len(rows) - 1, -1, -1):
        if alone[k] and waiting and groups:
            groups[-1] += waiting
            waiting = []
        waiting.append(k)
        if alone[k] or rows[waiting].sum() >= protect:
            groups.append(waiting)
            waiting = []
    if waiting:
        groups[-1:] = [[*groups[-1], *waiting]] if groups else [waiting]
    return groups[::-1]
