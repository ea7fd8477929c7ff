"""What must hold between the tables of a database: declared at the top of the schema file.

A declaration may say something of the schema itself (a key, a relationship, a public table: see
`settled`), something of rows (see `learn`), or both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neotype.errors import SchemaError, did_you_mean
from neotype.schema.constraint import declared
from neotype.schema.value import Value

if TYPE_CHECKING:
    from neotype.schema.schema import Relationship, Schema

Place = tuple[str, str]
"""A table and one of its columns."""


class TableConstraint(Value):
    """The base of all constraints between tables; `type` is the registered name.

    Columns are named with their table: "loan.date".
    """

    type: str

    @property
    def title(self) -> str:
        """How it is named in messages, as it would be written in Python."""
        facts = self.model_dump(exclude={"type"}, exclude_defaults=True)
        return f"{self.type}({', '.join(f'{k}={v!r}' for k, v in facts.items())})"

    def settled(self, schema: Schema) -> Schema:
        """The schema with what this says of keys, relationships and public tables."""
        return schema

    def check(self, schema: Schema) -> None:
        """SchemaError where it cannot be about this schema."""
        raise NotImplementedError

    def learn(self, schema: Schema, frames: Mapping[str, Any], *, protect: int) -> Any:
        """The rule that these frames obey, of the class `TableRule`."""
        return self.restore({}, schema)

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> Any:
        """The rule again from its `facts`."""
        raise NotImplementedError


def table_constraint(value: object) -> Any:
    """A constraint between tables from its line in a file: the class of the registered `type`."""
    return declared(value, "table_constraint", TableConstraint)


def place(name: str, schema: Schema, *, asked_by: str) -> Place:
    """The table and column of "table.column", either of which may have dots in its name."""
    for table in sorted(schema.tables, key=len, reverse=True):
        if name.startswith(f"{table}."):
            column = name[len(table) + 1 :]
            schema.tables[table].column(column, asked_by=asked_by)
            return table, column
    raise SchemaError(
        f"{asked_by} names '{name}', which is no column of a table.",
        found=f"the schema has: {', '.join(schema.tables)}",
        mend=did_you_mean(name.split(".", maxsplit=1)[0], schema.tables)
        or "write it as table.column",
    )


def table_named(name: str, schema: Schema, *, asked_by: str) -> str:
    """The name of a table that is there."""
    if name not in schema.tables:
        raise SchemaError(
            f"{asked_by} names table '{name}', which is not there.",
            found=f"the schema has: {', '.join(schema.tables)}",
            mend=did_you_mean(name, schema.tables),
        )
    return name


def tie_between(
    schema: Schema, child: str, parent: str, via: tuple[str, ...], *, asked_by: str
) -> Relationship:
    """The foreign key that ties two tables; `via` names its columns where there are several."""
    ties = [one for one in schema.above(child) if one.parent == parent]
    ties = [one for one in ties if not via or one.child_key == via]
    if len(ties) == 1:
        return ties[0]
    if not ties:
        there = [one.title for one in schema.above(child)]
        raise SchemaError(
            f"{asked_by} needs a foreign key of '{child}' that refers to '{parent}'"
            + (f", of the columns {', '.join(via)}." if via else "."),
            found=f"'{child}' has: {', '.join(there)}" if there else f"'{child}' has none",
            mend="declare the relationship",
        )
    raise SchemaError(
        f"{asked_by}: '{child}' refers to '{parent}' in {len(ties)} ways.",
        found=", ".join(one.title for one in ties),
        mend=f"say which: via: {', '.join(ties[0].child_key)}",
    )
