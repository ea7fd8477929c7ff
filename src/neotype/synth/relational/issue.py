"""Keys of drawn rows: each foreign key shows the key of the row that it refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import SamplingError
from neotype.links import NOTHING
from neotype.schema.schema import Relationship, Schema
from neotype.schema.storage import storage_dtype

Settle = Callable[[str, pl.DataFrame, Mapping[str, Any], frozenset[str]], pl.DataFrame]
"""The frame of a table that has all its keys, with rows that keep its rules; some columns stay."""


def issued(
    schema: Schema,
    drawn: Mapping[str, Any],
    positions: Mapping[str, NDArray[np.int64]],
    settle: Settle = lambda _table, frame, _drawn, _frozen: frame,
) -> dict[str, pl.DataFrame]:
    """The frames in the schema's columns; a row that refers to nothing has no key.

    Keys that are made of other keys wait until those are there, and as far as tables do not refer
    to each other in a circle, until the rows of the table that has them are settled. A key within
    the table is no circle where nothing that is settled is about it.
    """
    frames = {name: one.frame for name, one in drawn.items()}
    waiting = list(schema.relationships)
    done: set[str] = set()
    used: dict[str, set[str]] = {name: _shared(schema, name) for name in schema.tables}
    while waiting or len(done) < len(schema.tables):
        coming = {tie.child for tie in waiting if not _late(schema, tie)}
        for name in schema.tables:
            if name not in done and name not in coming:
                frames[name] = settle(name, frames[name], drawn, frozenset(used[name]))
                done.add(name)
        there = [tie for tie in waiting if set(tie.parent_key) <= _settled(frames, tie, waiting)]
        ready = [tie for tie in there if tie.parent in done or _named(schema, tie)] or there[:1]
        if waiting and not ready:
            listed = "; ".join(tie.title for tie in waiting)
            raise SamplingError(
                f"these keys are made of each other, without a beginning: {listed}."
            )
        for tie in ready:
            frames[tie.child] = _with_key(schema, frames, tie, positions[tie.title])
            used[tie.parent] |= set(tie.parent_key)
        waiting = [tie for tie in waiting if tie not in ready]
    return {name: frames[name].select(list(table.columns)) for name, table in schema.tables.items()}


def _late(schema: Schema, tie: Relationship) -> bool:
    """Whether a key within a table can wait until its rows are settled."""
    if tie.child != tie.parent:
        return False
    table = schema.tables[tie.child]
    told = {*table.primary_key, *(name for rule in table.constraints for name in rule.about)}
    told |= {name for other in schema.below(tie.parent) for name in other.parent_key}
    told |= {name for one in schema.above(tie.child) if one != tie for name in one.child_key}
    return not told & set(tie.child_key)


def _settled(
    frames: Mapping[str, pl.DataFrame],
    tie: Relationship,
    waiting: list[Relationship],
) -> set[str]:
    """The columns of the parent that no waiting key will change."""
    coming = {c for one in waiting if one.child == tie.parent for c in one.child_key}
    return set(frames[tie.parent].columns) - coming


def _named(schema: Schema, tie: Relationship) -> bool:
    """Whether the key referred to is an identifier, which stays as it is."""
    columns = schema.tables[tie.parent].columns
    return all(columns[name].kind == "identifier" for name in tie.parent_key)


def _shared(schema: Schema, table: str) -> set[str]:
    """The columns in which a row agrees with others that are referred to with it."""
    found = set()
    for tie in schema.below(table):
        for mine, theirs in zip(tie.child_key, tie.parent_key, strict=True):
            others = (one for one in schema.above(tie.child) if one.title != tie.title)
            if any(mine in one.child_key for one in others):
                found.add(theirs)
    return found


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
