"""What must hold of children and the rows they refer to, and how it is mended by swaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Whole = NDArray[np.int64]
_SWAPS, _TRIES = 24, 20
_LOOKED_AT = 20_000_000
_TWICE = 10
"""A pair that is there twice weighs more than any number of meetings."""


@dataclass(frozen=True)
class Meeting:
    """Whether each child and its row lead to the same row further up."""

    same: NDArray[np.bool_]
    child: Whole
    row: Whole
    """The row further up, of each child and of each referenced row."""

    def broken(self, children: Whole, rows: Whole) -> NDArray[np.bool_]:
        """Which of these children would have it otherwise with these rows."""
        met = (self.child[children] == self.row[rows]) & (self.child[children] >= 0)
        return np.asarray(met != self.same[children])

    def met(self, rows: Whole) -> Whole:
        """Children that meet where they should not."""
        found = np.flatnonzero((rows >= 0) & ~self.same)
        return found[self.broken(found, rows[found])]


@dataclass(frozen=True)
class Asked:
    """What is asked of the rows of all children, and swaps until it holds.

    `block` are children whose rows may be swapped, `kind` those among them that are alike.
    """

    block: Whole
    kind: Whole
    meetings: list[Meeting]
    unit: Whole | None

    def swapped(self, rows: Whole, rng: Generator) -> Whole:
        """The same rows in other hands: no unit has one twice, nobody meets who should not.

        As far as a bounded number of rounds gets.
        """
        rows = rows.copy()
        fine = self.block * (int(self.kind.max(initial=0)) + 1) + self.kind
        keys = [(key, np.argsort(key, kind="stable")) for key in (fine, self.block)]
        for turn in range(_SWAPS):
            twice, held = self.twice(rows)
            bad = np.unique(np.concatenate([twice, *(one.met(rows) for one in self.meetings)]))
            if not len(bad):
                break
            self._swap(rows, bad, twice, held, keys[turn % 3 == 2], rng)
        return rows

    def twice(self, rows: Whole) -> tuple[Whole, Whole]:
        """Children whose unit has their row already; all (unit, row) as sorted numbers."""
        if self.unit is None:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        some = np.flatnonzero((rows >= 0) & (self.unit >= 0))
        pair = self._pairs(some, rows[some])
        order = np.argsort(pair, kind="stable")
        pair = pair[order]
        again = np.zeros(len(pair), dtype=np.bool_)
        again[1:] = pair[1:] == pair[:-1]
        return some[order[again]], pair

    def _pairs(self, children: Whole, rows: Whole) -> Whole:
        assert self.unit is not None
        return self.unit[children] << 32 | rows

    def _held(self, children: Whole, rows: Whole, held: Whole) -> NDArray[np.bool_]:
        """Whether the units of these children have these rows."""
        if self.unit is None or not len(held):
            return np.zeros(len(children), dtype=np.bool_)
        pair = self._pairs(children, rows)
        at = np.minimum(np.searchsorted(held, pair), len(held) - 1)
        return np.asarray((held[at] == pair) & (self.unit[children] >= 0))

    def _cost(self, children: Whole, rows: Whole) -> Whole:
        cost = np.zeros(len(children), dtype=np.int64)
        for one in self.meetings:
            cost += one.broken(children, rows)
        return cost

    def _swap(
        self,
        rows: Whole,
        bad: Whole,
        twice: Whole,
        held: Whole,
        key: tuple[Whole, Whole],
        rng: Generator,
    ) -> None:
        """Swap with others of equal key wherever that mends more than it breaks."""
        mine, order = key
        ordered = mine[order]
        start = np.searchsorted(ordered, mine[bad])
        size = np.searchsorted(ordered, mine[bad], side="right") - start
        other = order[start + (rng.random(len(bad)) * size).astype(np.int64)]
        turn = rng.permutation(np.flatnonzero((rows[other] >= 0) & (rows[other] != rows[bad])))
        bad, other = bad[turn], other[turn]
        first = np.full(len(rows), len(bad))
        np.minimum.at(first, bad, np.arange(len(bad)))
        np.minimum.at(first, other, np.arange(len(bad)))
        alone = (first[bad] == np.arange(len(bad))) & (first[other] == np.arange(len(bad)))
        bad, other = bad[alone], other[alone]
        gives, takes = rows[bad], rows[other]
        before = self._cost(bad, gives) + self._cost(other, takes)
        before += _TWICE * np.isin(bad, twice)
        after = self._cost(bad, takes) + self._cost(other, gives)
        after += _TWICE * self._held(bad, takes, held) + _TWICE * self._held(other, gives, held)
        better = after < before
        rows[bad[better]], rows[other[better]] = takes[better], gives[better]

    def moved(self, rows: Whole, pool: Whole, open_rows: Whole, rng: Generator) -> Whole:
        """What swaps left twice goes to any other open row, over capacity, or to none."""
        twice, held = self.twice(rows)
        rows = rows.copy()
        rows[twice] = -1
        order = open_rows[np.argsort(pool[open_rows], kind="stable")]
        ordered = pool[order]
        for _ in range(_TRIES):
            waiting = twice[rows[twice] < 0]
            if not len(waiting) or not len(order):
                return rows
            start = np.searchsorted(ordered, self.block[waiting])
            size = np.searchsorted(ordered, self.block[waiting], side="right") - start
            waiting, start, size = waiting[size > 0], start[size > 0], size[size > 0]
            found = order[start + (rng.random(len(waiting)) * size).astype(np.int64)]
            fits = ~self._held(waiting, found, held) & (self._cost(waiting, found) == 0)
            once = np.zeros(len(waiting), dtype=np.bool_)
            once[np.unique(self._pairs(waiting, found), return_index=True)[1]] = True
            waiting, found = waiting[fits & once], found[fits & once]
            rows[waiting] = found
            held = np.sort(np.concatenate([held, self._pairs(waiting, found)]))
        return self._searched(rows, twice[rows[twice] < 0], order, ordered, held)

    def _searched(
        self, rows: Whole, waiting: Whole, order: Whole, ordered: Whole, held: Whole
    ) -> Whole:
        """One by one, all rows of the pool looked through: for the last few of crowded units."""
        taken: set[int] = set()
        for child in waiting[: _LOOKED_AT // max(len(order), 1)]:
            block = self.block[child]
            first, last = np.searchsorted(ordered, [block, block + 1])
            theirs = order[first:last]
            same = np.full(len(theirs), child)
            fits = ~self._held(same, theirs, held) & (self._cost(same, theirs) == 0)
            for row in theirs[fits]:
                pair = int(self.unit[child]) << 32 | int(row)  # type: ignore[index]
                if pair not in taken:
                    taken.add(pair)
                    rows[child] = row
                    break
        return rows
