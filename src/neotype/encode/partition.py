"""Cut an ordered axis of masses into contiguous groups of about equal mass, heavy ones alone."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

Masses = NDArray[np.int64]
Starts = NDArray[np.int64]


def partition(mass: Masses, groups: int, *, least: int = 1) -> Starts:
    """Where the groups start: at most `groups` of them, each of mass `least` or more if possible.

    An item at least as heavy as an average group is alone in its group, unless its neighbours are
    too light to be a group of their own. Returns the first item of each group, ascending.
    """
    items = len(mass)
    if items == 0:
        return np.zeros(0, dtype=np.int64)
    all_alone = np.arange(items, dtype=np.int64)
    return _absorb(mass, all_alone if items <= groups else _tightest(mass, groups, least), least)


def _tightest(mass: Masses, groups: int, least: int) -> Starts:
    """The cut with the smallest target mass that needs no more than `groups` groups."""
    masses = mass.tolist()
    total = [0, *np.cumsum(mass).tolist()]
    low, high = max(least, 1), total[-1] + 1
    best = [0]
    while low <= high:
        target = (low + high) // 2
        heavy = np.flatnonzero(mass >= target).tolist()
        starts = _greedy(masses, total, heavy, target, groups)
        if starts is None:
            low = target + 1
        else:
            best, high = starts, target - 1
    return np.array(best, dtype=np.int64)


def _greedy(
    mass: list[int], total: list[int], heavy: list[int], target: int, groups: int
) -> list[int] | None:
    """Groups of mass `target` from the left, items of that mass alone; None beyond `groups`."""
    starts: list[int] = []
    item, items = 0, len(mass)
    while item < items:
        if len(starts) == groups:
            return None
        starts.append(item)
        if mass[item] >= target:
            item += 1
            continue
        end = bisect_left(total, total[item] + target)
        following = bisect_left(heavy, item)
        barrier = heavy[following] if following < len(heavy) else items
        item = max(item + 1, min(end, barrier))
    return starts


def _absorb(mass: Masses, starts: Starts, least: int) -> Starts:
    """Merge each group lighter than `least` into its lighter neighbour."""
    sizes = np.add.reduceat(mass, starts).tolist()
    if min(sizes) >= least:
        return starts
    kept: list[int] = []
    weights: list[int] = []
    pending = False
    for index, (start, size) in enumerate(zip(starts.tolist(), sizes, strict=True)):
        if pending:
            weights[-1] += size
            pending = weights[-1] < least
            continue
        if size < least and kept:
            following = sizes[index + 1] if index + 1 < len(sizes) else None
            if following is None or weights[-1] <= following:
                weights[-1] += size
                continue
        kept.append(start)
        weights.append(size)
        pending = size < least
    if pending and len(kept) > 1:
        kept.pop()
    return np.array(kept, dtype=np.int64)
