"""Keys of drawn rows: each foreign key shows the key of the row that it refers to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import SamplingError
from neotype.links import NOTHING
from neotype.schema.schema import Relationship, Schema
from neotype.schema.storage import storage_dtype


def issued(
    schema: Schema,
    drawn: Mapping[str, pl.DataFrame],
    positions: Mapping[str, NDArray[np.int64]],
) -> dict[str, pl.DataFrame]:
    """The frames in the schema's columns; a row that refers to nothing has no key.

    Keys that are made of other keys wait until those are there.
    """
    frames = dict(drawn)
    waiting = list(schema.relationships)
    while waiting:
        ready = [tie for tie in waiting if set(tie.parent_key) <= _settled(frames, tie, waiting)]
        if not ready:
            listed = "; ".join(tie.title for tie in waiting)
            raise SamplingError(
                f"these keys are made of each other, without a beginning: {listed}."
            )
        for tie in ready:
            frames[tie.child] = _with_key(schema, frames, tie, positions[tie.title])
        waiting = [tie for tie in waiting if tie not in ready]
    return {name: frames[name].select(list(table.columns)) for name, table in schema.tables.items()}


def _settled(
    frames: Mapping[str, pl.DataFrame],
    tie: Relationship,
    waiting: list[Relationship],
) -> set[str]:
    """The columns of the parent that no waiting key will change."""
    coming = {c for one in waiting if one.child == tie.parent for c in one.child_key}
    return set(frames[tie.parent].columns) - coming


def _with_key(
    schema: Schema,
    frames: Mapping[str, pl.DataFrame],
    tie: Relationship,
    rows: NDArray[np.int64],
) -> pl.DataFrame:
    child, parent = frames[tie.child], frames[tie.parent]
    index = pl.Series(rows).set(pl.Series(rows == NOTHING), None)
    for mine, theirs in zip(tie.child_key, tie.parent_key, strict=True):
        dtype = storage_dtype(schema.tables[tie.child].columns[mine].storage)
        cells = parent[theirs].cast(dtype).gather(index).alias(mine)
        if mine in child.columns:
            cells = child[mine].zip_with(child[mine].is_not_null(), cells)
        child = child.with_columns(cells)
    return child
