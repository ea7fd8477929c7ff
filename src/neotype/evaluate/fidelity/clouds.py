"""Equally many rows of each table as points, and the distances of all pairs, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Ints, Labels, Numbers, Sides, View
from neotype.evaluate.interval import GROUPS
from neotype.evaluate.metric import NotMeasurableError
from neotype.evaluate.neighbors import Points, distances, place

ROWS = 5_000
"""Rows of each side: pairs cost the product of both."""

BLOCK = 256
"""Rows whose distances to all others are held at once."""


class Cloud(NamedTuple):
    """Rows of one side as points (columns, rows), and the bootstrap group of each."""

    points: Points
    groups: Ints

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.points.shape[1])


def clouds(tables: Comparison, most: int) -> Sides[Cloud]:
    """Equally many rows of each side, the same for every measure here."""
    if not tables.views:
        raise NotMeasurableError("no column is left once identifiers are taken out.")
    equal = min(most, *(data.rows for data in tables.datasets))
    rows = Sides[Ints](
        *(
            tables.rng.child(f"cloud of {side}").generator().permutation(data.rows)[:equal]
            for side, data in tables.datasets._asdict().items()
        )
    )
    views = tuple(_few(item, rows) for item in tables.views)
    groups = (group[n] for group, n in zip(tables.groups, rows, strict=True))
    return Sides(*(Cloud(*side) for side in zip(place(views), groups, strict=True)))


def _few(item: View, rows: Sides[Ints]) -> View:
    if isinstance(item, Numbers):
        cells = (side[here] for side, here in zip(item.sides, rows, strict=True))
        return Numbers(item.name, item.kind, Sides(*cells))
    codes = (side[here] for side, here in zip(item.sides, rows, strict=True))
    return Labels(item.name, item.kind, Sides(*codes), item.words)


def drawn(tables: Comparison, equal: int) -> list[str]:
    """Which rows were left out, in words."""
    return [
        f"{equal:,} of {data.rows:,} {side} rows, drawn at random"
        for side, data in tables.datasets._asdict().items()
        if data.rows > equal
    ]


def boards(left: Cloud, right: Cloud) -> Iterator[tuple[slice, Points]]:
    """Distances of all pairs, (BLOCK rows of the first, all rows of the second) at a time."""
    room = np.empty((BLOCK, right.rows), dtype=np.float32)
    for start in range(0, left.rows, BLOCK):
        part = slice(start, min(start + BLOCK, left.rows))
        board = room[: part.stop - start]
        _fill(left.points, right.points, start, board)
        yield part, board


@numba.njit(cache=True, nogil=True)
def _fill(left: Points, right: Points, start: int, board: Points) -> None:
    for i in range(len(board)):
        distances(left, start + i, right, 0, board[i])


def members(groups: Ints) -> NDArray[np.float32]:
    """Which row is in which group, (rows, GROUPS)."""
    return np.eye(GROUPS, dtype=np.float32)[groups]
