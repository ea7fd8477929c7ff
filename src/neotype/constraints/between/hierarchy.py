"""Rows that refer to rows of their own table: a tree, without circles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.between.rule import Frames, Ints, Mask, TableRule
from neotype.errors import SchemaError
from neotype.links import parent_rows
from neotype.schema.between import Place, TableConstraint, table_named
from neotype.schema.schema import Relationship, Schema
from neotype.schema.value import Names


class SelfReferentialHierarchy(TableConstraint):
    """Whoever follows `key` upwards from a row of `table` never comes back to it, and is at the top
    after at most `depth` steps. A row that refers to nothing, or to itself, is at the top.
    """

    type: Literal["SelfReferentialHierarchy"] = "SelfReferentialHierarchy"
    table: str
    key: Names = Field(min_length=1)
    depth: int | None = Field(default=None, ge=1)

    def settled(self, schema: Schema) -> Schema:
        """The key is a foreign key to the table's own primary key."""
        by = f"constraint {self.title}"
        content = schema.tables[table_named(self.table, schema, asked_by=by)]
        for name in self.key:
            content.column(name, asked_by=by)
        if any(
            t.parent == self.table and t.child_key == self.key for t in schema.above(self.table)
        ):
            return schema
        if len(content.primary_key) != len(self.key):
            raise SchemaError(
                f"{by}: the primary key of '{self.table}' has {len(content.primary_key)} columns.",
                mend=f"declare it, with {len(self.key)} columns",
            )
        tie = Relationship(
            parent=self.table,
            parent_key=content.primary_key,
            child=self.table,
            child_key=self.key,
            reason="declared as SelfReferentialHierarchy",
        )
        return schema.model_copy(update={"relationships": (*schema.relationships, tie)})

    def check(self, schema: Schema) -> None:
        """`settled` has looked at all of it."""

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> TableRule:
        """The rule."""
        ties = (t for t in schema.above(self.table) if t.parent == self.table)
        return _Tree(self, next(t for t in ties if t.child_key == self.key), schema, self.depth)


@dataclass(frozen=True)
class _Tree(TableRule):
    """A circle is cut at its first row; what hangs too deep is hung higher."""

    constraint: Any
    tie: Relationship
    schema: Schema
    limit: int | None

    def _up(self, frames: Frames) -> Ints:
        rows = parent_rows(self.tie, frames)
        return np.where(rows == np.arange(len(rows)), -1, rows)

    def broken(self, frames: Frames) -> dict[str, Mask]:
        depth = depths(self._up(frames))
        wrong = depth < 0
        return {self.tie.child: wrong if self.limit is None else wrong | (depth > self.limit)}

    @property
    def writes(self) -> frozenset[Place]:
        return frozenset((self.tie.child, name) for name in self.tie.child_key)

    def mend(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        up = self._up(frames)
        before = up.copy()
        up[_firsts(up)] = -1
        while self.limit is not None:
            deep = np.flatnonzero(depths(up) > self.limit)
            if not len(deep):
                break
            up[deep] = up[up[deep]]
        changed = np.flatnonzero(up != before)
        if not len(changed):
            return dict(frames)
        frame = frames[self.tie.child]
        for mine, theirs in zip(self.tie.child_key, self.tie.parent_key, strict=True):
            nullable = self.schema.tables[self.tie.child].columns[mine].nullable
            target = np.where(up[changed] < 0, changed, up[changed])
            cells = frame[theirs].gather(target).cast(frame[mine].dtype, strict=False)
            if nullable:
                cells = cells.set(pl.Series(up[changed] < 0), None)
            frame = frame.with_columns(frame[mine].scatter(changed, cells))
        return {**frames, self.tie.child: frame}


def depths(up: Ints) -> Ints:
    """How many steps each row is below the top; −1 where there is none, for going in circles."""
    steps, over = (up >= 0).astype(np.int64), up.copy()
    for _ in range(max(len(up), 1).bit_length() + 1):
        on = np.flatnonzero(over >= 0)
        if not len(on):
            return steps
        steps[on], over[on] = steps[on] + steps[over[on]], over[over[on]]
    return np.where(over >= 0, -1, steps)


def _firsts(up: Ints) -> Ints:
    """The first row of each circle."""
    rows = np.arange(len(up))
    lowest, over = np.where(up >= 0, up, len(up)), up.copy()
    for _ in range(max(len(up), 1).bit_length() + 1):
        on = np.flatnonzero(over >= 0)
        lowest[on] = np.minimum(lowest[on], lowest[over[on]])
        over[on] = over[over[on]]
    return np.flatnonzero((lowest == rows) & (depths(up) < 0))
