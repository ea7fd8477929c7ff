"""Whose rows a sequence is: the entity of a table, or the parent that its foreign key names."""

from __future__ import annotations

import polars as pl

from neotype.data import Dataset
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Sides
from neotype.evaluate.metric import NotMeasurableError
from neotype.evaluate.relational.databases import Databases
from neotype.schema.schema import Identifier, Relationship, Schema, Table

OWNER = "owner of the row"
"""The column that says whose a row is where a foreign key does."""


def owner_of(schema: Schema, table: str) -> tuple[str, ...]:
    """The columns that name the owner of each row; none where the table is one long series.

    The entity, where the schema names one; else a foreign key to another table that is not public:
    one that a row cannot do without, then one that is part of the row's own key, then one to a
    table that leads to others of these, then the first.
    """
    facts = schema.tables[table]
    if facts.entity is not None:
        return (facts.entity,)
    ties = [tie for tie in schema.above(table) if tie.parent != table and not tie.when]
    ties = [tie for tie in ties if not schema.tables[tie.parent].public]
    parents = {tie.parent for tie in ties}

    def rank(tie: Relationship) -> tuple[bool, bool, bool]:
        optional = any(facts.columns[name].nullable for name in tie.child_key)
        leads = any(up.parent in parents - {tie.parent} for up in schema.above(tie.parent))
        return optional, not set(tie.child_key) <= set(facts.primary_key), not leads

    return min(ties, key=rank).child_key if ties else ()


def series(databases: Databases, table: str) -> Comparison:
    """One table of the three databases, without its keys, whose rows know their owners.

    NotMeasurableError where it is kept as it is, or where all families share its rows.
    """
    return databases.kept(("series", table), lambda: _series(databases, table))


def _series(databases: Databases, table: str) -> Comparison:
    alone = databases.table(table)
    if table in databases.shared:
        raise NotMeasurableError("all families share the rows of this table: none is unseen.")
    owner = owner_of(databases.schema, table)
    if not owner:
        return alone
    facts = databases.without_keys(table).table
    column = Identifier(storage="UInt32", nullable=True, unique=False)
    changed = {"columns": {**facts.columns, OWNER: column}, "entity": OWNER}
    schema = Schema(tables={table: Table.model_construct(**{**dict(facts), **changed})})
    known = pl.all_horizontal(pl.col(name).is_not_null() for name in owner)
    key = pl.when(known).then(pl.struct(owner).rank("dense")).cast(pl.UInt32).alias(OWNER)
    sides = Sides(
        *(Dataset.of(schema, frame.with_columns(key)) for frame in databases.frames(table))
    )
    return Comparison(*sides, databases.rng.child(f"table {table}"))
