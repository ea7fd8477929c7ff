"""Which real rows some synthetic row hits: equal labels, and every quantity close."""

from __future__ import annotations

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.evaluate.features import Floats, Ints, Labels, Sides, View

Bools = NDArray[np.bool_]


def hit(views: tuple[View, ...], drawn: Sides[Ints], within: float) -> tuple[Bools, Bools]:
    """Which of the drawn rows of train, and of holdout, have a drawn synthetic row that is close.

    Close is within the share `within` of train's range. A missing cell is close to a missing cell
    alone; a quantity that does not vary in train must be equal.
    """
    exact: Sides[list[pl.Series]] = Sides([], [], [])
    close: list[Sides[Floats]] = []
    for number, item in enumerate(views):
        cells = Sides(*(side[rows] for side, rows in zip(item.sides, drawn, strict=True)))
        unit = 0.0 if isinstance(item, Labels) else step(item.sides.train, within)
        if unit:
            close.append(Sides(*(np.nan_to_num(side) / unit for side in cells)))
        for column, side in zip(exact, cells, strict=True):
            column.append(pl.Series(f"{number}", np.isnan(side) if unit else side + 0))
    close.sort(key=crowding)
    keys = Sides(*(pl.DataFrame(columns).hash_rows(seed=0).to_numpy() for columns in exact))
    points = Sides(
        *(
            np.stack([item[side] for item in close]) if close else np.zeros((1, len(rows)))
            for side, rows in enumerate(drawn)
        )
    )
    known, group = np.unique(keys.synthetic, return_inverse=True)
    order = np.lexsort((points.synthetic[0], group))
    starts = np.searchsorted(group[order], np.arange(len(known) + 1))
    made = np.ascontiguousarray(points.synthetic[:, order])

    def struck(real: Floats, key: NDArray[np.uint64]) -> Bools:
        place = np.minimum(np.searchsorted(known, key), len(known) - 1)
        found: Bools = _struck(real, np.where(known[place] == key, place, -1), made, starts)
        return found

    return struck(points.train, keys.train), struck(points.holdout, keys.holdout)


def step(cells: Floats, within: float) -> float:
    """The largest difference that is close; rounding may not decide about a difference as large."""
    known = cells[~np.isnan(cells)]
    width = float(known.max()) - float(known.min()) if len(known) else 0.0
    return width * within * (1 + 1e-9)


def crowding(sides: Sides[Floats]) -> float:
    """The share of synthetic rows that are close to another one at random, in this quantity."""
    return float((np.abs(sides.synthetic - np.roll(sides.synthetic, 1)) <= 1).mean())


@numba.njit(cache=True, nogil=True)
def _struck(real: Floats, group: Ints, made: Floats, starts: Ints) -> Bools:
    columns, rows = real.shape
    out = np.zeros(rows, np.bool_)
    for i in range(rows):
        if group[i] < 0:
            continue
        low, high = starts[group[i]], starts[group[i] + 1]
        first = low + np.searchsorted(made[0, low:high], real[0, i] - 1.0)
        for j in range(first, high):
            if made[0, j] > real[0, i] + 1.0:
                break
            same = True
            for c in range(1, columns):
                if not abs(made[c, j] - real[c, i]) <= 1.0:
                    same = False
                    break
            if same:
                out[i] = True
                break
    return out
