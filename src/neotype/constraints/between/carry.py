"""A column of a row that is that of the row it refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.between.rule import (
    Frames,
    Mask,
    TableRule,
    carried,
    keys_of,
    spoken_for,
    with_columns,
)
from neotype.schema.between import Place, TableConstraint, place, tie_between
from neotype.schema.schema import Relationship, Schema
from neotype.schema.storage import storage_dtype
from neotype.schema.value import Names


class CarryDown(TableConstraint):
    """`child`, a column such as "invoice.city", is that of the row it refers to: `parent`, such as
    "customer.city". A row that refers to nothing breaks nothing.
    """

    type: Literal["CarryDown"] = "CarryDown"
    child: str
    parent: str
    via: Names = Field(default=(), description="the foreign key, where there are several")

    def check(self, schema: Schema) -> None:
        """The columns and the foreign key are there."""
        self._told(schema)

    def _told(self, schema: Schema) -> tuple[Place, Place, Relationship]:
        by = f"constraint {self.title}"
        child = place(self.child, schema, asked_by=by)
        parent = place(self.parent, schema, asked_by=by)
        return child, parent, tie_between(schema, child[0], parent[0], self.via, asked_by=by)

    def learn(self, schema: Schema, frames: Mapping[str, Any], *, protect: int) -> TableRule:
        """Whether rows that refer to nothing have cells of their own."""
        rule = self.restore({"own": False}, schema)
        _, rows = rule.value(frames)
        own = frames[rule.child[0]][rule.child[1]].is_not_null().to_numpy() & (rows < 0)
        return self.restore({"own": bool(own.any())}, schema)

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> _Carried:
        """The rule."""
        return _Carried(self, *self._told(schema), schema, bool(facts["own"]))


@dataclass(frozen=True)
class _Carried(TableRule):
    """The column is left out, and copied; where some rows have cells of their own it stays."""

    constraint: Any
    child: Place
    parent: Place
    tie: Relationship
    schema: Schema
    own: bool

    @property
    def reads(self) -> frozenset[Place]:
        return keys_of(self.tie) | {self.parent}

    @property
    def writes(self) -> frozenset[Place]:
        return frozenset({self.child})

    def value(self, frames: Frames) -> tuple[pl.Series, Any]:
        """What the column must be, and which row of the parent each row refers to."""
        cells, rows = carried(self.tie, self.parent[1], frames)
        table, column = self.child
        dtype = storage_dtype(self.schema.tables[table].columns[column].storage)
        if cells.dtype != dtype:
            cells = cells.cast(dtype, strict=False)
        return cells.alias(column), rows

    def broken(self, frames: Frames) -> dict[str, Mask]:
        cells, rows = self.value(frames)
        table, column = self.child
        wrong = frames[table][column].ne_missing(cells).to_numpy() & (rows >= 0)
        return {table: wrong}

    def rewrite(self, schema: Schema) -> Schema | None:
        table, column = self.child
        alone = [tie for tie in schema.above(table) if tie.child_key == (column,)]
        known = schema.tables[table].columns
        freed = schema.model_copy(
            update={"relationships": tuple(t for t in schema.relationships if t not in alone)}
        )
        if self.own or column not in known or spoken_for(freed, self.child):
            return None
        return with_columns(freed, table, {n: c for n, c in known.items() if n != column})

    def encode(self, frames: Frames, outer: Frames) -> dict[str, pl.DataFrame]:
        table, column = self.child
        return {**frames, table: frames[table].drop(column)}

    def decode(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        cells, _ = self.value(frames)
        return {**frames, self.child[0]: frames[self.child[0]].with_columns(cells)}

    def mend(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        cells, rows = self.value(frames)
        table, column = self.child
        cells = cells.zip_with(pl.Series(rows >= 0), frames[table][column])
        return {**frames, table: frames[table].with_columns(cells)}

    def facts(self) -> dict[str, Any]:
        return {"own": self.own}
