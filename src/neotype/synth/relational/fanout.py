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

_FEW, _NEAR = 128, 0.1
Group = list[tuple[int, int]]
"""Numbers of children that are told as one, and how many rows have each."""


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
        groups = _groups(values.tolist(), rows.tolist(), alone.tolist(), protect)
        count = np.array([sum(n for _, n in group) for group in groups], dtype=np.int64)
        total = np.array([sum(value * n for value, n in group) for group in groups], dtype=float)
        mean = total / np.maximum(count, 1)
        # A group of several numbers lies evenly about its mean, half way to its neighbours.
        near = np.append(np.diff(mean), np.inf) / 2
        near = np.minimum(near, np.append(mean[:1], near[:-1]))
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

    def counts(self, drawn: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
        """The same as whole numbers, that add up to as many children as rows like these have."""
        return self._rounded(self.settled(drawn, rng), rng)

    def _rounded(self, wish: NDArray[np.float64], rng: Generator) -> NDArray[np.int64]:
        order = rng.permutation(len(wish))
        sums = np.cumsum(wish[order])
        out = np.empty(len(wish), dtype=np.int64)
        out[order] = np.diff(np.floor(sums + 0.5).astype(np.int64), prepend=0)
        return out

    def summing(self, drawn: NDArray[np.int64], total: int, rng: Generator) -> NDArray[np.float64]:
        """The same for rows that have `total` children together, a few more or less than learnt.

        As many rows of each number change it by one: scaling all would change the distribution
        most where it is densest. Where that is not enough, they are left to be scaled.
        """
        wish = self.settled(drawn, rng)
        whole = self._rounded(wish, rng)
        lack = total - int(whole.sum())
        if not 0 < abs(lack) <= _NEAR * total:
            return wish if lack else whole.astype(np.float64)
        level, size = np.unique(whole, return_counts=True)
        step = np.where(level > 0, size // 2, 0)
        low, high = 0, int(step.max(initial=0))
        while low < high:
            middle = (low + high) // 2
            enough = np.minimum(step, middle).sum() >= abs(lack)
            low, high = (low, middle) if enough else (middle + 1, high)
        step = np.minimum(step, low)
        if step.sum() < abs(lack):
            return wish
        order = np.lexsort((rng.random(len(whole)), whole))
        rank = np.arange(len(whole)) - np.searchsorted(whole[order], whole[order])
        moved = rng.permutation(order[rank < np.repeat(step, size)])[: abs(lack)]
        whole[moved] += np.sign(lack)
        return whole.astype(np.float64)

    def state(self) -> State:
        """At rest."""
        return State({}, {"children": self.children, "about": self.about, "rows": self.rows})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        return cls(state.array("children"), state.array("about"), state.array("rows"))


def _groups(values: list[int], rows: list[int], alone: list[bool], protect: int) -> list[Group]:
    """(number, rows) told as one, so that each group has `protect` rows or may be alone.

    A number that few rows have borrows rows of its neighbour below.
    """
    groups: list[Group] = []
    waiting: Group = []
    for k in range(len(values) - 1, -1, -1):
        left = rows[k]
        lack = protect - sum(n for _, n in waiting)
        if waiting and values[k]:
            waiting.append((values[k], min(lack, left)))
            left -= min(lack, left)
            if left or lack == waiting[-1][1]:
                groups.append(waiting)
                waiting = []
        if left >= protect or (left and alone[k]):
            if waiting and groups:
                _hidden(groups, waiting, protect)
                waiting = []
            groups.append([*waiting, (values[k], left)])
            waiting = []
        elif left:
            waiting = [(values[k], left)]
    if waiting and groups:
        _hidden(groups, waiting, protect)
    elif waiting:
        groups = [waiting]
    return groups[::-1]


def _hidden(groups: list[Group], waiting: Group, protect: int) -> None:
    """Add the last few rows, with as many of the group above them as hides them."""
    value, left = groups[-1][-1]
    lack = protect - sum(n for _, n in waiting)
    if len(groups[-1]) == 1 and left > lack:
        groups[-1] = [(value, left - lack)]
        groups.append([(value, lack), *waiting])
    else:
        groups[-1] += waiting
