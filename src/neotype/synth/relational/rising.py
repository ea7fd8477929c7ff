"""Places of rows within groups: where each begins, and times that rise in each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neotype.synth.relational.clock import Ticks

Positions = NDArray[np.int64]


def rising(
    ticks: Ticks,
    group: Positions,
    low: int = np.iinfo(np.int64).min // 4,
    high: NDArray[np.int64] | int | None = None,
) -> Ticks:
    """Whole numbers that rise within each group (rows of a group on end), changed as little as
    need be, from `low` to `high` where there is room."""
    order = np.lexsort((ticks, group))
    mine, sorted_ticks = group[order], ticks[order].copy()
    begin = np.append(True, mine[1:] != mine[:-1])[: len(mine)]
    number = np.cumsum(begin) - 1
    rows = np.arange(len(mine))
    place = rows - np.maximum.accumulate(np.where(begin, rows, 0))
    count = np.bincount(number, minlength=1)[number]
    # Ranges of groups lie apart, so that one running maximum serves them all.
    if high is not None:
        top = np.broadcast_to(high, ticks.shape)[order] - (count - 1 - place)
        sorted_ticks = np.minimum(sorted_ticks, top)
    sorted_ticks = np.maximum(sorted_ticks, low + place)
    flat = sorted_ticks - place
    for start, end in _spans(begin):
        flat[start:end] = np.maximum.accumulate(flat[start:end])
    found = np.empty_like(ticks)
    found[order] = flat + place
    return found


def _spans(begin: NDArray[np.bool_]) -> list[tuple[int, int]]:
    starts = np.flatnonzero(begin)
    return list(zip(starts.tolist(), [*starts[1:].tolist(), len(begin)], strict=True))


def in_turn(keys: Positions) -> Positions:
    """Groups numbered as they first come."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse])


def firsts(groups: Positions) -> Positions:
    """Where each group begins, of rows by group."""
    return np.flatnonzero(np.append(True, groups[1:] != groups[:-1])[: len(groups)])
