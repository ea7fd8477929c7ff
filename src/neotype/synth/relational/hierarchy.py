"""Rows that refer to rows of their own table: how deep each stands, and trees without cycles."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Whole = NDArray[np.int64]


def depths(rows: Whole) -> Whole:
    """How many rows are above each; 0 of a row that refers to nothing or to itself.

    A cycle (a → b → a) is cut at its first row, which is taken for the child of a root.
    """
    here = np.arange(len(rows))
    root = (rows < 0) | (rows == here)
    up = np.where(root, here, rows)
    steps = (~root).astype(np.int64)
    cut = np.zeros(len(rows), dtype=np.bool_)
    above, depth = _climbed(up, steps)
    lost = ~root[above]
    if lost.any():
        cut[_firsts(up, np.unique(above[lost]))] = True
        above, depth = _climbed(np.where(cut, here, up), np.where(cut, 0, steps))
    return depth + cut[above]


def _climbed(up: Whole, steps: Whole) -> tuple[Whole, Whole]:
    """The topmost row above each and the steps to it, by doubling."""
    for _ in range(max(len(up), 2).bit_length()):
        steps = steps + steps[up]
        up = up[up]
    return up, steps


def _firsts(up: Whole, circling: Whole) -> Whole:
    """Of every cycle the row that comes first; `circling` are the rows on cycles."""
    first = np.arange(len(up))
    for _ in range(max(len(up), 2).bit_length()):
        first, up = np.minimum(first, first[up]), up[up]
    found: Whole = circling[first[circling] == circling]
    return found


def told(rows: Whole, protect: int) -> tuple[float, ...]:
    """How many of these `rows` stand at each depth, where `protect` or more stand on each.

    Depths of fewer are told as one with those below: each has q times the rows of the one above,
    so that they are as many together. The last few are told as a half of `protect`, a quarter, and
    so on, out of those above. A single row at the top is no secret: every tree has one.
    """
    alone = 1 if len(rows) and rows[0] == 1 else 0
    groups: list[list[int]] = []
    waiting: list[int] = []
    for count in rows[alone:].tolist():
        if waiting and groups and count >= protect > sum(groups[-1]) / len(groups[-1]):
            # A chain goes on as it was before it widens.
            groups[-1] += waiting
            waiting = []
        waiting.append(count)
        if sum(waiting) >= protect:
            groups.append(waiting)
            waiting = []
    tail = waiting if groups else []
    if not groups and waiting:
        groups = [waiting]
    found = [1.0] * alone
    for group in groups:
        found += _growing(found[-1] if found else 1.0, sum(group), len(group))
    few = [max(protect / 2**k, 1.0) for k in range(1, len(tail) + 1)]
    if few:
        whole = found[-1] + sum(tail)
        less = min(1.0, whole / 2 / sum(few))
        found[-1] = whole - less * sum(few)
        found += [less * one for one in few]
    return tuple(found)


def _growing(above: float, total: int, depths: int) -> list[float]:
    """Rows of so many depths below one of `above` rows: evenly growing, `total` together."""
    low, high = 0.0, max(total / above, 1.0)
    powers = np.arange(1, depths + 1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if above * (middle**powers).sum() < total else (low, middle)
    rows = above * high**powers
    found: list[float] = np.round(rows * (total / rows.sum()), 3).tolist()
    return found


def levels(depth: Whole, capacity: Whole, cap: int, *, deeper: bool, rng: Generator) -> Whole:
    """The level of each row, such that there are rows on every level above it.

    `depth` was drawn row by row, so that levels may be missing: those below move up. Rows drawn
    as `cap` are that deep or deeper; as many go one level down as the level above has room for.
    """
    present, level = np.unique(depth, return_inverse=True)
    level = level.astype(np.int64)
    last = len(present) - 1
    if not deeper or not len(present) or present[-1] != cap or last == 0:
        return level
    waiting = rng.permutation(np.flatnonzero(level == last))
    room = int(capacity[level == last - 1].sum())
    while 0 < room < len(waiting):
        able = np.flatnonzero(capacity[waiting] > 0)
        if len(able) and able[0] >= room:
            # Somebody on every level must have room for those below.
            waiting[[room - 1, able[0]]] = waiting[[able[0], room - 1]]
        stay, waiting = waiting[:room], waiting[room:]
        last += 1
        level[waiting] = last
        room = int(capacity[stay].sum())
    return level
