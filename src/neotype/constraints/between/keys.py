"""What is said of keys and of whole tables: mostly what the schema then says by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.between.rule import Frames, Implied, Mask, TableRule
from neotype.errors import SchemaError
from neotype.links import ORPHAN, parent_rows
from neotype.schema.between import TableConstraint, table_named
from neotype.schema.schema import Relationship, Schema
from neotype.schema.value import Names, Scalar

_ROUNDS = 16


class ReferenceTable(TableConstraint):
    """`tables` may be published: they are kept exactly as they are, and others refer to them."""

    type: Literal["ReferenceTable"] = "ReferenceTable"
    tables: Names = Field(min_length=1)

    def settled(self, schema: Schema) -> Schema:
        """The tables are public."""
        for name in self.tables:
            table_named(name, schema, asked_by=f"constraint {self.title}")
            schema = _changed(schema, name, public=True)
        return schema

    def check(self, schema: Schema) -> None:
        """They refer to tables that are kept as well, as the rows of others are new."""
        for name in self.tables:
            for tie in schema.above(name):
                if not schema.tables[tie.parent].public:
                    raise SchemaError(
                        f"constraint {self.title} keeps '{name}', which refers to '{tie.parent}', "
                        "whose rows are made anew.",
                        mend=f"keep '{tie.parent}' too, or take '{name}' out",
                    )

    def learn(self, schema: Schema, frames: Mapping[str, Any], *, protect: int) -> TableRule:
        """A fingerprint of each."""
        return self.restore({name: _print(frames[name]) for name in self.tables}, schema)

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> TableRule:
        """The rule."""
        return _Kept(self, dict(facts))


@dataclass(frozen=True)
class _Kept(TableRule):
    """Every row is wrong where any is."""

    constraint: Any
    prints: Mapping[str, str]

    def broken(self, frames: Frames) -> dict[str, Mask]:
        return {
            name: np.full(frames[name].height, _print(frames[name]) != kept)
            for name, kept in self.prints.items()
        }

    def facts(self) -> dict[str, Any]:
        return dict(self.prints)


def _print(frame: pl.DataFrame) -> str:
    lines = frame.select(sorted(frame.columns)).write_ndjson()
    return hashlib.blake2b(lines.encode(), digest_size=16).hexdigest()


class CompositeKey(TableConstraint):
    """`columns` together are the primary key of `table`."""

    type: Literal["CompositeKey"] = "CompositeKey"
    table: str
    columns: Names = Field(min_length=1)

    def settled(self, schema: Schema) -> Schema:
        """It is the table's key."""
        table_named(self.table, schema, asked_by=f"constraint {self.title}")
        return _changed(schema, self.table, primary_key=self.columns)

    def check(self, schema: Schema) -> None:
        """The columns are there."""
        for name in self.columns:
            schema.tables[self.table].column(name, asked_by=f"constraint {self.title}")

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> TableRule:
        """The rule."""
        return Implied(self, lambda frames: {self.table: _again(frames[self.table], self.columns)})


class UniqueBridgeTable(TableConstraint):
    """No two rows of `table` tie the same rows: `columns`, by default all its foreign keys, are
    unique together.
    """

    type: Literal["UniqueBridgeTable"] = "UniqueBridgeTable"
    table: str
    columns: Names = ()

    def settled(self, schema: Schema) -> Schema:
        """They are the table's key where it has none."""
        table_named(self.table, schema, asked_by=f"constraint {self.title}")
        named = self._named(schema)
        if schema.tables[self.table].primary_key or not named:
            return schema
        return _changed(schema, self.table, primary_key=named)

    def _named(self, schema: Schema) -> tuple[str, ...]:
        keys = (name for tie in schema.above(self.table) for name in tie.child_key)
        return self.columns or tuple(dict.fromkeys(keys))

    def check(self, schema: Schema) -> None:
        """The table ties two others, or the columns are there."""
        named = self._named(schema)
        if len(named) < 2:
            raise SchemaError(
                f"constraint {self.title}: '{self.table}' has {len(named)} foreign keys.",
                mend="name the columns, or declare the relationships",
            )
        for name in named:
            schema.tables[self.table].column(name, asked_by=f"constraint {self.title}")

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> TableRule:
        """The rule."""
        return _Bridge(self, self.table, self._named(schema))


@dataclass(frozen=True)
class _Bridge(TableRule):
    """Rows that tie again what is tied are pointed elsewhere."""

    constraint: Any
    table: str
    columns: tuple[str, ...]

    def broken(self, frames: Frames) -> dict[str, Mask]:
        return {self.table: _again(frames[self.table], self.columns, missing=False)}

    @property
    def writes(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self.table, self.columns[-1])})

    def mend(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        frame, last = frames[self.table], self.columns[-1]
        for _ in range(_ROUNDS):
            wrong = np.flatnonzero(_again(frame, self.columns, missing=False))
            if not len(wrong):
                break
            cells = frame[last]
            drawn = cells.gather(rng.integers(0, len(cells), len(wrong)))
            frame = frame.with_columns(cells.scatter(wrong, drawn))
        return {**frames, self.table: frame}


class PolymorphicRelationship(TableConstraint):
    """The `key` of a row of `table` refers to the table that its cell of `says` stands for, in
    `parents`: {"customer": "customer", "supplier": "supplier"}.
    """

    type: Literal["PolymorphicRelationship"] = "PolymorphicRelationship"
    table: str
    key: Names = Field(min_length=1)
    says: str
    parents: dict[str, str] = Field(min_length=1)

    def settled(self, schema: Schema) -> Schema:
        """There is a foreign key to each parent."""
        by = f"constraint {self.title}"
        table = schema.tables[table_named(self.table, schema, asked_by=by)]
        for name in (*self.key, self.says):
            table.column(name, asked_by=by)
        ties = [t for t in schema.relationships if t.child != self.table or t.child_key != self.key]
        for value, parent in self.parents.items():
            theirs = schema.tables[table_named(parent, schema, asked_by=by)].primary_key
            if len(theirs) != len(self.key):
                raise SchemaError(
                    f"{by}: the primary key of '{parent}' has {len(theirs)} columns.",
                    mend=f"declare its primary key, with {len(self.key)} columns",
                )
            ties.append(
                Relationship(
                    parent=parent,
                    parent_key=theirs,
                    child=self.table,
                    child_key=self.key,
                    when={self.says: self._cell(value, table.columns[self.says])},
                    reason="declared as PolymorphicRelationship",
                )
            )
        return schema.model_copy(update={"relationships": tuple(ties)})

    @staticmethod
    def _cell(value: str, column: Any) -> Scalar:
        return int(value) if "Int" in column.storage and value.lstrip("-").isdecimal() else value

    def check(self, schema: Schema) -> None:
        """`settled` has looked at all of it."""

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> TableRule:
        """The rule."""
        ties = [tie for tie in schema.above(self.table) if tie.child_key == self.key]

        def check(frames: Frames) -> dict[str, Mask]:
            frame = frames[self.table]
            known = frame.select(pl.all_horizontal(pl.col(self.key).is_not_null())).to_series()
            wrong = known & ~frame[self.says].is_in([tie.when[self.says] for tie in ties])
            mask = wrong.fill_null(True).to_numpy() & known.to_numpy()
            for tie in ties:
                mask = mask | (parent_rows(tie, frames) == ORPHAN)
            return {self.table: mask}

        return Implied(self, check)


def _changed(schema: Schema, table: str, **facts: Any) -> Schema:
    content = schema.tables[table].model_copy(update=facts)
    return schema.model_copy(update={"tables": {**schema.tables, table: content}})


def _again(frame: pl.DataFrame, columns: tuple[str, ...], *, missing: bool = True) -> Mask:
    """Rows that are equal to one before them; `missing`: those of which a cell is missing too."""
    told = frame.select(
        pl.struct(columns).is_first_distinct().alias("first"),
        pl.any_horizontal(pl.col(columns).is_null()).alias("missing"),
    )
    first, gaps = told["first"].to_numpy(), told["missing"].to_numpy()
    again: Mask = (~first | gaps) if missing else (~first & ~gaps)
    return again
