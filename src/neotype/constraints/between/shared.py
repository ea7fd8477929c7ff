"""Foreign keys that agree: with each other on a way, or by meaning, without a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.between.carry import CarryDown
from neotype.constraints.between.rule import Frames, Mask, TableRule
from neotype.errors import SchemaError
from neotype.schema.between import Place, TableConstraint, place
from neotype.schema.schema import Identifier, Relationship, Schema, Table
from neotype.schema.value import Names


class ForeignToForeignKey(TableConstraint):
    """Foreign keys of different tables that name the same things.

    With `via`, a foreign key of the first column's table: each row has the key of the row that it
    refers to (the customer of a payment is that of the rental that it pays for). Without: the
    columns share their values, and no table lists them.
    """

    type: Literal["ForeignToForeignKey"] = "ForeignToForeignKey"
    columns: Names = Field(min_length=2)
    via: Names = ()

    def settled(self, schema: Schema) -> Schema:
        """The columns are keys: they name, and are never learnt by value."""
        by = f"constraint {self.title}"
        for name in self.columns:
            table, column = place(name, schema, asked_by=by)
            content = schema.tables[table]
            old = content.columns[column]
            if isinstance(old, Identifier):
                continue
            new = Identifier(
                storage=old.storage, nullable=old.nullable, unique=False, reason=f"named in {by}"
            )
            made = content.model_copy(update={"columns": {**content.columns, column: new}})
            schema = schema.model_copy(update={"tables": {**schema.tables, table: made}})
        return schema

    def check(self, schema: Schema) -> None:
        """The columns are there; with `via`, they are two, of tables that are tied."""
        by = f"constraint {self.title}"
        if not self.via:
            stores = {n: schema.tables[t].columns[c].storage for n, (t, c) in self._at(schema)}
            if len(set(stores.values())) > 1:
                listed = ", ".join(f"{name} is {stored}" for name, stored in stores.items())
                raise SchemaError(f"{by} names columns that cannot be equal: {listed}.")
            return
        if len(self.columns) != 2:
            raise SchemaError(
                f"{by} names {len(self.columns)} columns and a way between two tables.",
                mend="name two columns with via, or leave via out",
            )
        self._carried.check(schema)

    def _at(self, schema: Schema) -> list[tuple[str, Place]]:
        by = f"constraint {self.title}"
        return [(name, place(name, schema, asked_by=by)) for name in self.columns]

    @property
    def _carried(self) -> CarryDown:
        return CarryDown(child=self.columns[0], parent=self.columns[1], via=self.via)

    def learn(self, schema: Schema, frames: Mapping[str, Any], *, protect: int) -> TableRule:
        """Whether rows that refer to nothing have keys of their own."""
        if not self.via:
            return self.restore({}, schema)
        learnt = self._carried.learn(schema, frames, protect=protect)
        return self.restore(learnt.facts(), schema)

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> TableRule:
        """The rule."""
        if self.via:
            rule = self._carried.restore(facts, schema)
            return replace(rule, constraint=self)
        return _Listed(self, tuple(where for _, where in self._at(schema)), schema)


@dataclass(frozen=True)
class _Listed(TableRule):
    """While rows are learnt and drawn, a table lists what the columns name."""

    constraint: ForeignToForeignKey
    places: tuple[Place, ...]
    schema: Schema

    @property
    def table(self) -> str:
        """What the table is called: as the first column, or like it."""
        name = self.places[0][1]
        while name in self.schema.tables:
            name += "'"
        return name

    def broken(self, frames: Frames) -> dict[str, Mask]:
        return {}

    def rewrite(self, schema: Schema) -> Schema | None:
        if any(c not in schema.tables[t].columns for t, c in self.places):
            return None
        storage = self.schema.tables[self.places[0][0]].columns[self.places[0][1]].storage
        listed = Table(columns={"key": Identifier(storage=storage)}, primary_key=("key",))
        ties = tuple(
            Relationship(
                parent=self.table,
                parent_key=("key",),
                child=table,
                child_key=(column,),
                reason="declared as ForeignToForeignKey",
            )
            for table, column in self.places
        )
        said = {
            "tables": {**schema.tables, self.table: listed},
            "relationships": (*schema.relationships, *ties),
        }
        return schema.model_copy(update=said)

    def encode(self, frames: Frames, outer: Frames) -> dict[str, pl.DataFrame]:
        cells = pl.concat([outer[table][column].alias("key") for table, column in self.places])
        listed = cells.drop_nulls().unique(maintain_order=True).to_frame()
        return {**frames, self.table: listed}

    def decode(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        return {name: frame for name, frame in frames.items() if name != self.table}
