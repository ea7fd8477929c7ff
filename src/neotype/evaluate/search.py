"""The nearest rows on mixed types, by branch and bound over boxes of rows (Friedman et al. 1977).

Rows are halved along the column in which they differ most until few are left. The box around them
tells how near any of them can be, so that most are never looked at. Where columns are many and
boxes tell nothing, all rows are compared, and given up as soon as they are too far.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Ints = NDArray[np.int64]

LEAF = 128
"""Rows in a box."""

CHUNK = 32
"""Columns after which rows that are too far are given up."""

NOWHERE = np.float32(4e6)
"""Fills the last box: more than 1 away from every cell."""

SAFE = np.float32(1 - 1e-5)
"""A sum of rounded gaps may be a little larger than the distance that it bounds."""


def search(
    left: Points, right: Points, k: int, exclude_self: bool = False
) -> tuple[Points, NDArray[np.int64]]:
    """For each row of the first set the `k` nearest of the second, nearest first, both (rows, k).

    Sets are (columns, rows), and a distance is the sum over columns of min(1, |difference|).
    Infinite and −1 where there are fewer than `k`. Of equally far rows the earlier ones are taken.
    """
    far = np.full((left.shape[1], k), np.inf, dtype=np.float32)
    which = np.full((left.shape[1], k), -1, dtype=np.int64)
    if not left.shape[1] or not right.shape[1]:
        return far, which
    our_order, order = halve(left), halve(right)
    ours, theirs = pack(left, our_order), pack(right, order)
    for home in range(len(ours.cells)):
        us = our_order[home * LEAF : (home + 1) * LEAF]
        gaps = np.maximum(theirs.low - ours.high[home], ours.low[home] - theirs.high)
        least = np.clip(gaps, 0, 1).sum(axis=1, dtype=np.float32) * SAFE
        boxes = np.argsort(least, kind="stable")
        _tour(us, ours.cells[home], least, boxes, order, *theirs, exclude_self, far, which)
    return far, which


def halve(points: Points) -> Ints:
    """An order of the rows in which every LEAF of them lie together."""
    order = np.arange(points.shape[1])
    ranges = [(0, len(order))]
    while ranges:
        start, end = ranges.pop()
        part = order[start:end]
        half = len(part) // 2
        if len(part) <= LEAF:
            continue
        one, other = points[:, part[:half]], points[:, part[half : 2 * half]]
        widest = int(np.minimum(np.abs(one - other), 1).sum(axis=1).argmax())
        order[start:end] = part[np.argsort(points[widest, part], kind="stable")]
        middle = start + (len(part) + LEAF - 1) // LEAF // 2 * LEAF
        ranges += [(start, middle), (middle, end)]
    return order


class Boxes(NamedTuple):
    """Rows box by box, (boxes, columns, LEAF), and each box's ends, (boxes, columns)."""

    cells: Points
    low: Points
    high: Points


def pack(points: Points, order: Ints) -> Boxes:
    """The rows in this order, LEAF to a box; what is left of the last one is nowhere."""
    columns, rows = points.shape
    boxes = -(-rows // LEAF)
    cells = np.full((columns, boxes * LEAF), NOWHERE, np.float32)
    cells[:, :rows] = points[:, order]
    starts = np.arange(0, rows, LEAF)
    low = np.minimum.reduceat(cells[:, :rows], starts, axis=1).T
    high = np.maximum.reduceat(cells[:, :rows], starts, axis=1).T
    blocks = cells.reshape(columns, boxes, LEAF).swapaxes(0, 1)
    return Boxes(*(np.ascontiguousarray(part) for part in (blocks, low, high)))


@numba.njit(cache=True, nogil=True)
def _tour(
    us: Ints,
    ours: Points,
    least: Points,
    boxes: Ints,
    order: Ints,
    cells: Points,
    low: Points,
    high: Points,
    exclude_self: bool,
    far: Points,
    which: Ints,
) -> None:
    """Compare the rows of one box with those of others, nearest first, until none can be near."""
    for box in boxes:
        them, ends = order[box * LEAF : (box + 1) * LEAF], (low[box], high[box])
        if not _visit(us, ours, least[box], them, cells[box], ends, exclude_self, far, which):
            break


@numba.njit(cache=True, nogil=True)
def _visit(
    us: Ints,
    ours: Points,
    least: np.float32,
    them: Ints,
    theirs: Points,
    ends: tuple[Points, Points],
    exclude_self: bool,
    far: Points,
    which: Ints,
) -> bool:
    """Compare the rows of two boxes; False when none of ours can find a nearer row here."""
    room = np.empty(LEAF, np.float32)
    useful = False
    for q in range(len(us)):
        i = us[q]
        furthest = far[i, -1]
        if least > furthest:
            continue
        useful = True
        row = ours[:, q]
        if _apart(row, row, ends[0], ends[1]) > furthest:
            continue
        if not _near(row, theirs, furthest, room):
            continue
        for j in range(len(them)):
            if room[j] <= far[i, -1] and not (exclude_self and them[j] == i):
                _keep(far[i], which[i], room[j], them[j])
    return useful


@numba.njit(cache=True, nogil=True)
def _apart(low: Points, high: Points, other_low: Points, other_high: Points) -> np.float32:
    """No row of one box is nearer than this to any row of the other."""
    total = np.float32(0)
    for c in range(len(low)):
        gap = max(other_low[c] - high[c], low[c] - other_high[c])
        total += min(max(gap, np.float32(0)), np.float32(1))
    return np.float32(total * SAFE)


@numba.njit(cache=True, nogil=True)
def _near(row: Points, box: Points, furthest: np.float32, room: Points) -> bool:
    """Distances of one row to all of a box, unless all are beyond `furthest`."""
    room[:] = np.float32(0)
    for begin in range(0, len(row), CHUNK):
        for c in range(begin, min(begin + CHUNK, len(row))):
            here = row[c]
            for j in range(LEAF):
                room[j] += min(abs(box[c, j] - here), np.float32(1))
        closest = room[0]
        for j in range(1, LEAF):
            closest = min(closest, room[j])
        if closest > furthest:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _keep(far: Points, which: Ints, step: np.float32, other: int) -> None:
    """Insert one row among the nearest known, ordered by distance and then by number."""
    place = len(far) - 1
    if step == far[place] and which[place] >= 0 and other > which[place]:
        return
    while place > 0 and (
        far[place - 1] > step or (far[place - 1] == step and which[place - 1] > other)
    ):
        far[place], which[place] = far[place - 1], which[place - 1]
        place -= 1
    far[place], which[place] = step, other
