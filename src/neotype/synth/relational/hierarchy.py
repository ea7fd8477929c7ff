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
