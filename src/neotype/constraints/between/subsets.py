"""Only some rows of a table may be referred to: those with certain cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.between.rule import Frames, Ints, Mask, TableRule, keys_of
from neotype.errors import SchemaError
from neotype.links import ORPHAN, parent_rows
from neotype.schema.between import Place, TableConstraint, place, table_named, tie_between
from neotype.schema.schema import Relationship, Schema
from neotype.schema.value import Names, Scalar


class ForeignToPrimaryKeySubset(TableConstraint):
    """Rows of `child` refer only to rows whose cell of `column` is one of `values`: perks belong to
    accounts with "account.type" of "premium".
    """

    type: Literal["ForeignToPrimaryKeySubset"] = "ForeignToPrimaryKeySubset"
    child: str
    column: str
    values: tuple[Scalar, ...] = Field(min_length=1)
    via: Names = Field(default=(), description="the foreign key, where there are several")

    def check(self, schema: Schema) -> None:
        """The column and the foreign key are there."""
        self.restore({}, schema)

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> TableRule:
        """The rule."""
        by = f"constraint {self.title}"
        column = place(self.column, schema, asked_by=by)
        child = table_named(self.child, schema, asked_by=by)
        tie = tie_between(schema, child, column[0], self.via, asked_by=by)
        return _Allowed(self, column, ((tie, self.values),), schema)


class PrimaryToPrimaryKeySubset(TableConstraint):
    """The primary keys of other tables are among those of `main`; where a `column` of it is named,
    `tables` says which of its cells a row must have to be in which table: {"minor": "parents"}
    turned round, {"parents": "minor"}.
    """

    type: Literal["PrimaryToPrimaryKeySubset"] = "PrimaryToPrimaryKeySubset"
    main: str
    tables: dict[str, Scalar | None] = Field(min_length=1)
    column: str | None = None

    def settled(self, schema: Schema) -> Schema:
        """The key of each other table is a foreign key, too."""
        by = f"constraint {self.title}"
        theirs = schema.tables[table_named(self.main, schema, asked_by=by)].primary_key
        ties = list(schema.relationships)
        for name in self.tables:
            mine = schema.tables[table_named(name, schema, asked_by=by)].primary_key
            if not mine or len(mine) != len(theirs):
                raise SchemaError(
                    f"{by}: the primary keys of '{name}' and '{self.main}' have {len(mine)} and "
                    f"{len(theirs)} columns.",
                    mend="declare both primary keys",
                )
            if not any(t.parent == self.main and t.child_key == mine for t in schema.above(name)):
                ties.append(
                    Relationship(
                        parent=self.main,
                        parent_key=theirs,
                        child=name,
                        child_key=mine,
                        reason="declared as PrimaryToPrimaryKeySubset",
                    )
                )
        return schema.model_copy(update={"relationships": tuple(ties)})

    def check(self, schema: Schema) -> None:
        """The column is there."""
        if self.column is not None:
            by = f"constraint {self.title}"
            schema.tables[self.main].column(self.column, asked_by=by)

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> TableRule:
        """The rule."""
        by = f"constraint {self.title}"
        told = []
        for name, value in self.tables.items():
            mine = schema.tables[name].primary_key
            tie = tie_between(schema, name, self.main, mine, asked_by=by)
            told.append((tie, None if value is None or self.column is None else (value,)))
        column = None if self.column is None else (self.main, self.column)
        return _Allowed(self, column, tuple(told), schema)


@dataclass(frozen=True)
class _Allowed(TableRule):
    """Rows that may not be referred to, and are, change places with rows that may, and are not:
    what they say of themselves, not their keys.
    """

    constraint: Any
    column: Place | None
    ties: tuple[tuple[Relationship, tuple[Scalar, ...] | None], ...]
    schema: Schema

    @property
    def reads(self) -> frozenset[Place]:
        """The keys, and the cells that decide."""
        keys = frozenset(key for tie, _ in self.ties for key in keys_of(tie))
        return keys if self.column is None else keys | {self.column}

    @property
    def writes(self) -> frozenset[Place]:
        """All that rows say of themselves."""
        if self.column is None:
            return frozenset()
        table = self.column[0]
        columns = self.schema.tables[table].columns
        return frozenset((table, n) for n in columns if n not in self._keys)

    @property
    def _keys(self) -> set[str]:
        """The columns by which rows of the main table are known."""
        assert self.column is not None
        table = self.column[0]
        keys = set(self.schema.tables[table].primary_key)
        keys |= {n for tie in self.schema.above(table) for n in (*tie.child_key, *tie.when)}
        return keys | {n for tie in self.schema.below(table) for n in tie.parent_key}

    def broken(self, frames: Frames) -> dict[str, Mask]:
        found = {}
        for tie, values in self.ties:
            rows = parent_rows(tie, frames)
            wrong = rows == ORPHAN
            if values is not None:
                allowed = self._allowed(frames[tie.parent], values)
                wrong = wrong | ((rows >= 0) & ~allowed[np.maximum(rows, 0)])
            found[tie.child] = wrong
        return found

    def _allowed(self, parent: pl.DataFrame, values: tuple[Scalar, ...]) -> Mask:
        assert self.column is not None
        cells = parent[self.column[1]]
        dtype = cells.dtype
        wanted = pl.Series(list(values)).cast(dtype, strict=False)
        allowed: Mask = cells.is_in(wanted.implode()).fill_null(False).to_numpy()
        return allowed if len(allowed) else np.zeros(1, dtype=np.bool_)

    def mend(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        if self.column is None:
            return dict(frames)
        frame = frames[self.column[0]]
        used = {tie.title: self._used(tie, frames) for tie, _ in self.ties}
        below = self.schema.below(self.column[0])
        busy = np.logical_or.reduce([self._used(tie, frames) for tie in below])
        for tie, values in self.ties:
            if values is None:
                continue
            mine = used[tie.title]
            others = [used[other.title] for other, _ in self.ties if other != tie]
            elsewhere = np.logical_or.reduce([np.zeros(len(mine), dtype=np.bool_), *others])
            allowed = self._allowed(frame, values)
            wrong = np.flatnonzero(mine & ~allowed)
            spare = rng.permutation(np.flatnonzero(~mine & allowed & ~elsewhere))
            spare = spare[np.argsort(busy[spare], kind="stable")]
            able = min(len(wrong), len(spare))
            wrong = rng.permutation(wrong)
            frame = self._swapped(frame, wrong[:able], spare[:able])
            rest = wrong[able:]
            if len(rest):
                cells = frame[self.column[1]]
                drawn = rng.integers(0, len(values), len(rest))
                picked = pl.Series([values[k] for k in drawn]).cast(cells.dtype, strict=False)
                frame = frame.with_columns(cells.scatter(rest, picked))
        return {**frames, self.column[0]: frame}

    @staticmethod
    def _used(tie: Relationship, frames: Frames) -> Mask:
        used = np.zeros(frames[tie.parent].height, dtype=np.bool_)
        rows = parent_rows(tie, frames)
        used[rows[rows >= 0]] = True
        return used

    def _swapped(self, frame: pl.DataFrame, one: Ints, other: Ints) -> pl.DataFrame:
        """Rows that change places, but for their keys."""
        free = [name for name in frame.columns if name not in self._keys]
        order = np.arange(frame.height)
        order[one], order[other] = other, one
        return frame.with_columns(frame.select(free)[order])
