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
    """Numbers of children, rising, and how many rows had each."""

    children: NDArray[np.float64]
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
        groups: list[list[int]] = []
        held = protect
        for k in range(len(values) - 1, -1, -1):
            if alone[k] or held >= protect or alone[groups[-1][-1]]:
                groups.append([])
                held = 0
            groups[-1].append(k)
            held = protect if alone[k] else held + int(rows[k])
        if len(groups) > 1 and held < protect:
            last = groups.pop()
            target = groups[-1] if values[groups[-1][-1]] > 0 else last
            target.extend(last)
        groups.reverse()
        count = np.array([rows[group].sum() for group in groups], dtype=np.int64)
        total = np.array([(values[group] * rows[group]).sum() for group in groups])
        return cls(total / np.maximum(count, 1), count)

    def settled(self, capacity: NDArray[np.int64], rng: Generator) -> NDArray[np.float64]:
        """These capacities in their order, as large as the learnt ones of the same rank."""
        if not len(self.rows) or not len(capacity):
            return capacity.astype(np.float64)
        order = np.lexsort((rng.random(len(capacity)), capacity))
        share = (np.arange(len(capacity)) + 0.5) / len(capacity)
        upto = np.cumsum(self.rows) / self.rows.sum()
        out = np.empty(len(capacity))
        out[order] = self.children[np.minimum(np.searchsorted(upto, share), len(upto) - 1)]
        return out

    def state(self) -> State:
        """At rest."""
        return State({}, {"children": self.children, "rows": self.rows})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        return cls(state.array("children"), state.array("rows"))
