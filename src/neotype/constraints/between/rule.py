"""A constraint between tables that has seen the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.links import parent_rows
from neotype.schema.between import Place
from neotype.schema.schema import Relationship, Schema

Frames = Mapping[str, pl.DataFrame]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]


class TableRule:
    """The base only checks. A rule that can rewrites tables so that it cannot break; one that
    cannot may mend a sample.
    """

    constraint: Any
    """What was declared, of the subclass of TableConstraint that it belongs to."""

    def broken(self, frames: Frames) -> dict[str, Mask]:
        """By table, the rows that break it; tables without such rows may be left out."""
        raise NotImplementedError

    @property
    def reads(self) -> frozenset[Place]:
        """The columns that it needs as the user has them."""
        return frozenset()

    @property
    def writes(self) -> frozenset[Place]:
        """The columns that it makes."""
        return frozenset()

    def rewrite(self, schema: Schema) -> Schema | None:
        """The schema of the tables after `encode`; None where a sample can only be mended."""
        return None

    def encode(self, frames: Frames, outer: Frames) -> dict[str, pl.DataFrame]:
        """Frames of `rewrite`; `outer` are all frames as the user has them."""
        return dict(frames)

    def decode(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        """The inverse of `encode`, for frames whose keys are valid."""
        return dict(frames)

    def mend(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        """A whole sample in which rows that break it were changed, as few as may be."""
        return dict(frames)

    def facts(self) -> dict[str, Any]:
        """JSON-ready: what it learnt, for `TableConstraint.restore`."""
        return {}


@dataclass(frozen=True)
class Implied(TableRule):
    """What the schema says already, once it is settled: rows are only checked."""

    constraint: Any
    check: Any
    """From frames to what is broken."""

    def broken(self, frames: Frames) -> dict[str, Mask]:
        """By table, the rows that break it."""
        found: dict[str, Mask] = self.check(frames)
        return found


def carried(tie: Relationship, column: str, frames: Frames) -> tuple[pl.Series, Ints]:
    """For each row of the child the parent's cell, and the parent's row (negative: none)."""
    rows = parent_rows(tie, frames)
    cells = frames[tie.parent][column]
    if not len(cells):
        return pl.Series(column, [None] * len(rows), dtype=cells.dtype), rows
    gathered = cells.gather(np.maximum(rows, 0))
    if (rows < 0).any():
        gathered = gathered.set(pl.Series(rows < 0), None)
    return gathered, rows


def keys_of(tie: Relationship) -> frozenset[Place]:
    """The columns by which a tie is followed."""
    return frozenset(
        {(tie.child, c) for c in (*tie.child_key, *tie.when)}
        | {(tie.parent, c) for c in tie.parent_key}
    )


def spoken_for(schema: Schema, where: Place, *, but: Relationship | None = None) -> bool:
    """Whether anything else needs this column to stay: a key, an order of rows, a constraint."""
    table, column = where
    content = schema.tables[table]
    named = (*content.primary_key, content.entity, content.sequence)
    if column in named or len(content.columns) == 1:
        return True
    if any(column in one.about for one in content.constraints):
        return True
    ties = (tie for tie in schema.relationships if tie != but)
    return any(
        (tie.child == table and column in (*tie.child_key, *tie.when))
        or (tie.parent == table and column in tie.parent_key)
        for tie in ties
    )


def with_columns(schema: Schema, table: str, columns: Mapping[str, Any]) -> Schema:
    """The schema where a table has these columns, and nothing is said of others."""
    content = schema.tables[table]
    kept = set(columns)
    said = {
        "columns": dict(columns),
        "sensitive": tuple(name for name in content.sensitive if name in kept),
        "quasi_identifiers": tuple(n for n in content.quasi_identifiers if n in kept),
        "correlations": {},
    }
    tables = {**schema.tables, table: content.model_copy(update=said)}
    return schema.model_copy(update={"tables": tables})
