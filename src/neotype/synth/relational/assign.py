"""Children to the rows that they refer to: everything by sorting, nothing row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.links import NOTHING
from neotype.synth.relational.repair import Asked, Whole

_EXACT = 1e-6
_FEW, _ANY = 1 << 20, 1 << 40
_KINDS = 64
_CROWDED, _CROWDS = 8, 512
"""A unit is crowded that takes one in so many of the rows it may take; so many are looked at."""


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
    capacity: NDArray[Any], group: Whole, asked: Whole, rng: Generator, *, most: int, shy: bool
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


def needed(
    capacity: NDArray[Any], pool: Whole, asks: Asked, rng: Generator, *, most: int, shy: bool
) -> Whole:
    """How many children each referenced row is to have: its capacity, scaled to their number.

    Where children were drawn to lead to the same row further up as the row they refer to, there
    are as many places below that row as there are such children.
    """
    asked = np.bincount(asks.block, minlength=int(pool.max(initial=0)) + 1)
    have = fitted(capacity, pool, asked, rng, most=most, shy=shy)
    one = next((meeting for meeting in asks.meetings if meeting.same.any()), None)
    if one is None:
        return have
    who = np.flatnonzero(one.same & (one.child >= 0))
    mine, theirs = dense([asks.block[who], one.child[who]], [pool, one.row])
    names, group = np.unique(theirs, return_inverse=True)
    there = np.minimum(np.searchsorted(names, mine), len(names) - 1)
    need = np.bincount(there[names[there] == mine], minlength=len(names))
    need = np.minimum(need, np.bincount(group) * most) if most <= _FEW else need
    held = np.bincount(group, weights=have, minlength=len(names)).astype(np.int64)
    if (held >= need).all():
        return have
    above = np.zeros(len(names), dtype=np.int64)
    above[group] = pool
    rest = asked - np.bincount(above, weights=need, minlength=len(asked)).astype(np.int64)
    spare = np.maximum(held - need, 0)
    more = fitted(spare, above, np.maximum(rest, 0), rng, most=_ANY, shy=False)
    return fitted(capacity, group, need + more, rng, most=most, shy=shy)


def placed(slots: Whole, pool: Whole, kinds: Whole, asks: Asked, rng: Generator) -> Whole:
    """The row of each child: first all that it asks for, then ever less of it."""
    block, kind = asks.block, asks.kind
    out = np.full(len(block), NOTHING, dtype=np.int64)
    if asks.unit is None:
        free, line = rng.permutation(slots), rng.permutation(len(block))
    else:
        line = spread(asks.unit, block * _KINDS + kind, rng)
        left = np.bincount(slots, minlength=len(kinds))
        if not asks.meetings:
            _crowd(out, left, pool, kinds, asks, rng)
            line = line[out[line] < 0]
        order = rng.permutation(len(kinds))
        free = np.repeat(order, left[order])

    def fill(who: Whole, mine: list[Whole], theirs: list[Whole]) -> None:
        nonlocal free
        a, b = dense([one[who] for one in mine], [one[free] for one in theirs])
        place = matched(a, b)
        there = place >= 0
        out[who[there]] = free[place[there]]
        left = np.ones(len(free), dtype=np.bool_)
        left[place[there]] = False
        free = free[left]

    which = np.zeros(len(block), dtype=np.int64)
    for k, one in enumerate(asks.meetings):
        which |= one.same.astype(np.int64) << k
    for pattern in sorted(range(1 << len(asks.meetings)), key=lambda p: (-p.bit_count(), p)):
        on = [one for k, one in enumerate(asks.meetings) if pattern >> k & 1]
        mine, theirs = [block, *(one.child for one in on)], [pool, *(one.row for one in on)]
        who = line[which[line] == pattern]
        fill(who, [*mine, kind], [*theirs, kinds])
        if on:
            fill(who[out[who] < 0], mine, theirs)
    # What is left goes to the nearest kinds: both sides in the order of kinds, k-th to k-th.
    rest = line[out[line] < 0]
    free = free[np.argsort(kinds[free], kind="stable")]
    fill(rest[np.argsort(kind[rest], kind="stable")], [block], [pool])
    return out


def _crowd(out: Whole, left: Whole, pool: Whole, kinds: Whole, asks: Asked, rng: Generator) -> None:
    """Crowded units choose first, while every row still has places: largest first.

    Each takes different rows, the likelier the more places a row has left (Efraimidis & Spirakis,
    Weighted random sampling with a reservoir, 2006).
    """
    assert asks.unit is not None
    some = np.flatnonzero(asks.unit >= 0)
    blocks = int(max(asks.block.max(initial=0), pool.max(initial=0))) + 1
    _, which = np.unique(asks.unit[some] * blocks + asks.block[some], return_inverse=True)
    size = np.bincount(which)
    room = np.bincount(pool[left > 0], minlength=blocks)
    block = np.zeros(len(size), dtype=np.int64)
    block[which] = asks.block[some]
    large = np.flatnonzero((size > 1) & (size * _CROWDED > room[block]))
    large = large[np.argsort(-size[large], kind="stable")][:_CROWDS]
    by_unit = some[np.argsort(which, kind="stable")]
    ends = np.cumsum(size)
    for unit in large:
        who = rng.permutation(by_unit[ends[unit] - size[unit] : ends[unit]])
        rows = np.flatnonzero((left > 0) & (pool == block[unit]))
        late = rng.exponential(size=len(rows)) / left[rows]
        rows = rows[np.lexsort((late, kinds[rows]))]
        place = matched(asks.kind[who], kinds[rows])
        out[who[place >= 0]] = rows[place[place >= 0]]
        rest = np.setdiff1d(np.arange(len(rows)), place)
        lacking = who[place < 0][: len(rest)]
        out[lacking] = rows[rest[: len(lacking)]]
        left[out[who[out[who] >= 0]]] -= 1
