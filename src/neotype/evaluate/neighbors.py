"""Distances to the nearest row: the geometry under every measure of copying.

The distance between two rows is the sum over columns of min(1, |difference|): a quantity is
scaled by the range between the 5th and the 95th percentile of train, a label differs by 1, and a
missing cell differs by 1 from every present one (after Gower 1971, made robust). Memory stays with
the rows, whatever the number of pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.features import Floats, Ints, Numbers, Sides, View
from neotype.evaluate.search import search
from neotype.rng import Rng

Points = NDArray[np.float32]

REAL_ROWS = 20_000
SYNTHETIC_ROWS = 40_000
SEEN_ROWS = 200_000
STEPS = 50e9
"""Rows beyond these, and beyond so many comparisons of cells, are left to chance. More synthetic
rows are seen by real rows that look for their nearest than look for theirs: fewer would make every
attack weaker than it is."""

MISSING = np.float32(1e6)
"""Lies more than 1 away from every scaled quantity, and 0 from itself."""


@dataclass(frozen=True)
class Nearest:
    """Between two tables: for each row of the first the distances to its nearest and second
    nearest of the second, for each row of the second the distance to its nearest of the first, and
    for each row of the first which row of the second is the nearest.
    """

    first: Points
    second: Points
    back: Points
    which: NDArray[np.int64]


@dataclass(frozen=True)
class Neighborhood:
    """Nearest distances between synthetic rows, train rows and equally many holdout rows.

    The control puts one half of the holdout in the synthetic table's place, beside the other half
    and equally many train rows; an entity has rows in one of the halves only. `drawn` are the rows
    that were compared, in that order; of the synthetic rows the first `asking` looked for their own
    nearest.
    """

    to_train: Nearest
    to_holdout: Nearest
    control_to_train: Nearest
    control_to_holdout: Nearest
    holdout_to_all_train: Points
    columns: int
    drawn: Sides[Ints]
    asking: int
    notes: tuple[str, ...]

    @property
    def rows(self) -> Sides[int]:
        """How many rows of each table looked for their nearest."""
        return Sides(self.asking, len(self.drawn.train), len(self.drawn.holdout))


def choose(rows: Sides[int], columns: int, rng: Rng) -> tuple[Sides[Ints], int]:
    """Which rows are compared, in random order: equally many of train and of holdout.

    Where there are many columns, fewer rows of all sides: distances cost the product of both. Also
    how many of the synthetic rows look for their nearest; the others are only seen.
    """
    generator = rng.child("rows for distances").generator()
    real = min(rows.train, rows.holdout, REAL_ROWS)
    asking = min(rows.synthetic, SYNTHETIC_ROWS)
    share = min(1.0, math.sqrt(STEPS / (2.0 * real * asking * max(1, columns))))
    real, asking = math.ceil(share * real), math.ceil(share * asking)
    affordable = int(STEPS / (real * max(1, columns)))
    seen = max(asking, min(rows.synthetic, SEEN_ROWS, affordable))
    sides = zip(rows, (seen, real, real), strict=True)
    return Sides(*(generator.permutation(there)[:most] for there, most in sides)), asking


def sampling(rows: Sides[int], drawn: Sides[Ints]) -> tuple[str, ...]:
    """What a reader must know of the rows that were left out."""
    return tuple(
        f"{len(taken):,} of {there:,} {side} rows, drawn at random"
        for side, taken, there in zip(Sides._fields, drawn, rows, strict=True)
        if len(taken) < there
    )


def asked(drawn: Sides[Ints], asking: int) -> tuple[str, ...]:
    """What a reader must know of synthetic rows that are only seen."""
    seen = len(drawn.synthetic)
    if asking == seen:
        return ()
    return (f"{asking:,} of these {seen:,} synthetic rows are compared one by one, all are seen",)


def apart(drawn: Ints, owners: Ints, generator: np.random.Generator) -> Ints:
    """These rows in an order whose halves share no entity, a few of the larger part left out.

    Rows of one entity are near to each other: were they in both halves, the one half would know
    more of the other than any holdout knows of train. All rows as they are where one entity owns
    them.
    """
    who = generator.permutation(int(owners.max(initial=0)) + 1)[owners[drawn]]
    ends = np.cumsum(np.bincount(who))
    first = who <= int(np.argmin(np.abs(ends - len(drawn) / 2)))
    half = min(int(first.sum()), int((~first).sum()))
    return np.concatenate([drawn[first][:half], drawn[~first][:half]]) if half else drawn


def explore(
    views: tuple[View, ...], rows: Sides[int], rng: Rng, owners: Ints | None = None
) -> Neighborhood:
    """Draw equally many train and holdout rows, and measure all nearest distances once.

    `owners` are the entities of the holdout's rows.
    """
    drawn, asking = choose(rows, len(views), rng)
    if owners is not None:
        held = apart(drawn.holdout, owners, rng.child("halves of the holdout").generator())
        drawn = Sides(drawn.synthetic, drawn.train[: len(held)], held)
    seen, train, holdout = (
        np.ascontiguousarray(side[:, taken])
        for side, taken in zip(place(views), drawn, strict=True)
    )
    sample, half = seen[:, :asking], len(drawn.holdout) // 2
    control, rest = holdout[:, :half], holdout[:, half : 2 * half]
    with_half = nearest(control, train[:, :half])
    with_rest, _ = search(control, train[:, half:], 1)
    return Neighborhood(
        to_train=nearest(sample, train, seen),
        to_holdout=nearest(sample, holdout, seen),
        control_to_train=with_half,
        control_to_holdout=nearest(control, rest),
        holdout_to_all_train=np.minimum(with_half.first, with_rest[:, 0]),
        columns=len(views),
        drawn=drawn,
        asking=asking,
        notes=(*sampling(rows, drawn), *asked(drawn, asking)),
    )


def place(views: tuple[View, ...]) -> Sides[Points]:
    """Rows as points, (columns, rows), in which one step along a column is one whole difference."""
    lines = Sides[list[Points]]([], [], [])
    for item in views:
        placed = scale(item) if isinstance(item, Numbers) else item.sides
        for line, side in zip(lines, placed, strict=True):
            line.append(side.astype(np.float32))
    return Sides(*(np.ascontiguousarray(np.stack(line)) for line in lines))


def scale(item: Numbers) -> Sides[Floats]:
    """Quantities in units of train's middle 90 %, from its median; wider where that is a point."""
    known = item.sides.train[~np.isnan(item.sides.train)]
    centre = float(np.median(known)) if len(known) else 0.0
    spread = 1.0
    for share in (0.05, 0.01, 0.0):
        low, high = np.quantile(known, [share, 1 - share]) if len(known) else (0.0, 0.0)
        if high > low:
            spread = float(high / 2 - low / 2) * 2
            break
    scaled = (
        np.clip(side / spread - centre / spread, -1e5, 1e5).astype(np.float64)
        for side in item.sides
    )
    return Sides(*(np.where(np.isnan(side), MISSING, side) for side in scaled))


def nearest(left: Points, right: Points, seen: Points | None = None) -> Nearest:
    """All nearest distances between two sets of points of the same columns.

    The way back leads to the nearest of all that are `seen`, where these are more than the first
    set.
    """
    far, which = search(left, right, 2)
    back, _ = search(right, left if seen is None else seen, 1)
    return Nearest(far[:, 0], far[:, 1], back[:, 0], which[:, 0])


def k_nearest(
    left: Points, right: Points, k: int, exclude_self: bool = False
) -> tuple[Points, NDArray[np.int64]]:
    """For each row of the first set the `k` nearest of the second, nearest first.

    Distances and positions, both (rows, k); infinite and −1 where there are fewer than `k`. With
    `exclude_self` both sets are the same one, and no row is its own neighbour. Of equally far rows
    the earlier one is taken.
    """
    return search(left, right, k, exclude_self)


@numba.njit(cache=True, nogil=True)
def distances(left: Points, i: int, right: Points, start: int, far: Points) -> None:
    """Distances of one row of the first set to as many of the second as there is room for."""
    size = len(far)
    one = np.float32(1)
    far[:] = 0
    for c in range(left.shape[0]):
        here = left[c, i]
        cells = right[c, start : start + size]
        for j in range(size):
            step = abs(cells[j] - here)
            far[j] += min(step, one)
