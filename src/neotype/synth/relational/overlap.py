"""Foreign keys that share a column: what both refer to has the same cell there.

A sale of tenant 4 is of a customer of tenant 4 and of a product of tenant 4, whether or not there
is a table of tenants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.links import NOTHING
from neotype.schema.schema import Relationship

Positions = NDArray[np.int64]
SHARED = "the same "
"""How the ways are named by which this always holds."""


def shared_cells(
    tie: Relationship,
    settled: Sequence[Relationship],
    frames: Mapping[str, pl.DataFrame],
    positions: Mapping[str, Positions],
) -> dict[str, tuple[Positions, Positions]]:
    """For each column that a key shares with one settled before: equal numbers for equal cells.

    Of each child, and of each row that it may refer to. A child that is free to choose has the
    number of any row.
    """
    found = {}
    # No row has two of the tables that a polymorphic key may refer to.
    settled = [one for one in settled if not (one.child == tie.child and one.when and tie.when)]
    for mine, theirs in zip(tie.child_key, tie.parent_key, strict=True):
        given = cells_of(tie.child, mine, settled, frames, positions)
        asked = cells_of(tie.parent, theirs, settled, frames, positions)
        before = any(one.child == tie.child and mine in one.child_key for one in settled)
        if before and given is not None and asked is not None:
            found[f"{SHARED}{mine}"] = _numbered(given.cast(asked.dtype), asked)
    return found


def cells_of(
    table: str,
    column: str,
    settled: Sequence[Relationship],
    frames: Mapping[str, pl.DataFrame],
    positions: Mapping[str, Positions],
) -> pl.Series | None:
    """The cells of a column, where need be by following settled keys; None of one that is open."""
    if column in frames[table].columns:
        return frames[table][column]
    found = None
    for tie in settled:
        if tie.child != table or column not in tie.child_key or tie.parent == table:
            continue
        above = tie.parent_key[tie.child_key.index(column)]
        cells = cells_of(tie.parent, above, settled, frames, positions)
        if cells is not None:
            rows = positions[tie.title]
            gathered = cells.gather(pl.Series(rows).set(pl.Series(rows < 0), None))
            found = gathered if found is None else found.zip_with(found.is_not_null(), gathered)
    return None if found is None else found.alias(column)


def _numbered(mine: pl.Series, theirs: pl.Series) -> tuple[Positions, Positions]:
    rank = pl.concat([mine.alias("cell"), theirs.alias("cell")]).rank("dense").cast(pl.Int64)
    numbers = rank.fill_null(NOTHING).to_numpy()
    child, row = numbers[: len(mine)].copy(), numbers[len(mine) :]
    free = np.flatnonzero(child < 0)
    if len(row):
        child[free] = row[free % len(row)]
    return child, row
