"""Which row refers to which: foreign keys as positions of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.schema import Relationship, Schema

NOTHING, ORPHAN = -1, -2
"""Of a row that refers to nothing, and of one whose key no row of the parent has."""


@dataclass(frozen=True)
class Links:
    """For each foreign key the position of the row that every row of the child refers to."""

    schema: Schema
    heights: Mapping[str, int]
    positions: Mapping[str, NDArray[np.int64]]
    """By the title of the foreign key."""

    @classmethod
    def of(cls, schema: Schema, frames: Mapping[str, pl.DataFrame]) -> Links:
        """The links of these frames."""
        return cls(
            schema,
            {name: frames[name].height for name in schema.tables},
            {tie.title: parent_rows(tie, frames) for tie in schema.relationships},
        )

    def fan_out(self, tie: Relationship) -> NDArray[np.int64]:
        """How many rows of the child refer to each row of the parent."""
        rows = self.positions[tie.title]
        return np.bincount(rows[rows >= 0], minlength=self.heights[tie.parent])


def parent_rows(tie: Relationship, frames: Mapping[str, pl.DataFrame]) -> NDArray[np.int64]:
    """The position of each child row's parent; NOTHING where a key cell is missing, else ORPHAN.

    Where several rows of the parent have the key, it is the first of them.
    """
    child, parent = frames[tie.child], frames[tie.parent]
    names = [str(i) for i in range(len(tie.child_key))]
    mine = child.select(pl.col(tie.child_key[i]).alias(names[i]) for i in range(len(names)))
    theirs = parent.select(pl.col(tie.parent_key[i]).alias(names[i]) for i in range(len(names)))
    for name in names:
        if mine[name].dtype != theirs[name].dtype:
            mine = mine.with_columns(_alike(mine[name], theirs[name].dtype))
    theirs = theirs.with_row_index("row").drop_nulls().unique(names, keep="first")
    found = mine.join(theirs, on=names, how="left", maintain_order="left")["row"]
    rows: NDArray[np.int64] = found.cast(pl.Int64).fill_null(ORPHAN).to_numpy().copy()
    rows[mine.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy()] = NOTHING
    for name, value in tie.when.items():
        rows[~(child[name] == value).fill_null(False).to_numpy()] = NOTHING
    return rows


def _alike(cells: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Keys of two dtypes (a number with gaps read as a float) meet in that of the parent."""
    if cells.dtype.is_float() and dtype == pl.String:
        cells = cells.cast(pl.Int64, strict=False)
    return cells.cast(dtype, strict=False)
