"""Children to the rows that they refer to: everything by sorting, nothing row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Whole = NDArray[np.int64]
_EXACT = 1e-6
_FEW = 1 << 20
_SWAPS, _TRIES = 24, 40
_TWICE = 10
"""A pair that is there twice weighs more than any number of meetings."""


def dense(children: list[Whole], rows: list[Whole]) -> tuple[Whole, Whole]:
    """Equal numbers for equal combinations of values, on both sides."""
    mine, theirs = children[0], rows[0]
    for child, row in zip(children[1:], rows[1:], strict=True):
        low = min(child.min(initial=0), row.min(initial=0))
        span = max(child.max(initial=0), row.max(initial=0)) - low + 1
        if (max(mine.max(initial=0), theirs.max(initial=0)) + 1) * span >= 1 << 62:
            _, both = np.unique(np.concatenate([mine, theirs]), return_inverse=True)
            mine, theirs = both[: len(mine)], both[len(mine) :]
        mine, theirs = mine * span + (child - low), theirs * span + (row - low)
    return mine, theirs


def fitted(
    capacity: Whole, group: Whole, asked: Whole, rng: Generator, *, most: int, shy: bool
) -> Whole:
    """Capacities that add up to `asked` in every group: scaled, and rounded at random.

    Rows without capacity stay without, unless their whole group has none; `shy`: what is asked
    beyond the capacities goes to them first, as no row should be referred to twice. None gets
    more than `most`, so that less than `asked` may come out.
    """
    wish = np.minimum(capacity, most).astype(np.float64)
    have = np.bincount(group, weights=wish, minlength=len(asked))
    wish[(have == 0)[group]] = 1.0
    if shy:
        wish += _raised(wish, group, asked, rng)
    have = np.bincount(group, weights=wish, minlength=len(asked))
    sizes = np.bincount(group, minlength=len(asked))
    asked = np.minimum(asked, sizes * most) if most <= _FEW else np.where(sizes > 0, asked, 0)
    wish *= (asked / np.maximum(have, 1e-9))[group]
    order = np.lexsort((rng.random(len(group)), group))
    sums = np.cumsum(wish[order])
    # Every group starts and ends at a whole number: rounding may not say otherwise.
    sums[np.cumsum(sizes)[sizes > 0] - 1] = np.cumsum(asked)[sizes > 0]
    whole = np.round(sums)
    offset = np.repeat(rng.random(len(asked)), sizes)
    steps = np.where(np.abs(sums - whole) < _EXACT, whole, np.floor(sums + offset))
    out = np.empty(len(group), dtype=np.int64)
    out[order] = np.diff(steps.astype(np.int64), prepend=0)
    return np.minimum(out, most)


def _raised(
    wish: NDArray[np.float64], group: Whole, asked: Whole, rng: Generator
) -> NDArray[np.bool_]:
    """Rows without capacity that get one, as many as their group lacks."""
    have = np.bincount(group, weights=wish, minlength=len(asked)).astype(np.int64)
    order = np.lexsort((rng.random(len(group)), wish > 0, group))
    rank = np.arange(len(group)) - np.searchsorted(group[order], group[order])
    out = np.zeros(len(group), dtype=np.bool_)
    out[order] = (rank < (asked - have)[group[order]]) & (wish[order] == 0)
    return out


def matched(children: Whole, slots: Whole) -> Whole:
    """For each child a slot of its own with the same key, in the order of both; else -1."""
    by_child = np.argsort(children, kind="stable")
    by_slot = np.argsort(slots, kind="stable")
    mine, theirs = children[by_child], slots[by_slot]
    place = np.searchsorted(theirs, mine) + np.arange(len(mine)) - np.searchsorted(mine, mine)
    there = place < len(theirs)
    place = np.where(there, place, 0)
    if len(theirs):
        there &= theirs[place] == mine
    out = np.full(len(children), -1, dtype=np.int64)
    out[by_child[there]] = by_slot[place[there]]
    return out


def spread(unit: Whole, block: Whole, rng: Generator) -> Whole:
    """An order of children in which those of one unit stand evenly apart within their block.

    Slots of one row stand side by side, so that two children of a unit rarely meet in one row:
    systematic sampling, with some jitter so that units of one size do not walk in step.
    """
    order = np.lexsort((rng.random(len(unit)), unit, block))
    new = np.ones(len(unit), dtype=np.bool_)
    new[1:] = (np.diff(unit[order]) != 0) | (np.diff(block[order]) != 0)
    which = np.cumsum(new) - 1
    size = np.bincount(which) if len(unit) else np.zeros(0, np.int64)
    rank = np.arange(len(unit)) - np.flatnonzero(new)[which] if len(unit) else which
    offset = rng.random(len(size))
    at = (offset[which] + (rank + rng.random(len(unit)) / 2) / size[which]) % 1.0
    place = np.empty(len(unit))
    place[order] = at
    return np.argsort(place, kind="stable")


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
class Repair:
    """What must hold of the rows of all children, and swaps until it does.

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
        """What swaps left twice goes to any other row of the pool, over capacity, or to none."""
        twice, held = self.twice(rows)
        rows = rows.copy()
        rows[twice] = -1
        order = open_rows[np.argsort(pool[open_rows], kind="stable")]
        ordered = pool[order]
        for _ in range(_TRIES):
            waiting = twice[rows[twice] < 0]
            if not len(waiting) or not len(order):
                break
            start = np.searchsorted(ordered, self.block[waiting])
            size = np.searchsorted(ordered, self.block[waiting], side="right") - start
            waiting, start, size = waiting[size > 0], start[size > 0], size[size > 0]
            found = order[start + (rng.random(len(waiting)) * size).astype(np.int64)]
            fits = ~self._held(waiting, found, held)
            fits &= self._cost(waiting, found) == 0
            _, first = np.unique(self._pairs(waiting, found), return_index=True)
            once = np.zeros(len(waiting), dtype=np.bool_)
            once[first] = True
            fits &= once
            rows[waiting[fits]] = found[fits]
            held = np.sort(np.concatenate([held, self._pairs(waiting[fits], found[fits])]))
        return rows
