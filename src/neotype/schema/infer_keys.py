"""Primary and foreign keys of several tables: declared by their source, or found in the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from neotype.schema.constraint import constraint
from neotype.schema.infer_composite import composite_key, composite_ties, key_of_ties
from neotype.schema.infer_order import in_order
from neotype.schema.infer_ties import TableKeys, polymorphic, single_ties
from neotype.schema.key_cells import KeyCells
from neotype.schema.key_names import Name, names_table, table_words
from neotype.schema.keys import Keys
from neotype.schema.pattern import pattern_of, room
from neotype.schema.schema import (
    Categorical,
    Column,
    Datetime,
    Identifier,
    Json,
    Numeric,
    Ordinal,
    Personal,
    Relationship,
    Schema,
    Table,
    Text,
)

_ENOUGH, _SURELY = 4.0, 9.0
_ROOM = 20
"""A pattern that has not so many times as many keys as there are would run out of them."""
_NATURAL = frozenset(
    (
        *("isbn", "iata", "icao", "vin", "ean", "gtin", "sku", "iso", "ticker", "symbol", "plate"),
        *("barcode", "matricule"),
    )
)


@dataclass(frozen=True)
class Found:
    """The schema with its keys, and foreign keys that a person should look at."""

    schema: Schema
    proposed: tuple[Relationship, ...] = ()


def find_keys(
    schema: Schema, frames: Mapping[str, pl.DataFrame], keys: Keys | None = None
) -> Found:
    """Primary keys and relationships of these tables, each with the evidence in words.

    What the source declares stands. Where it declares foreign keys, others are only proposed.
    """
    keys = keys or Keys()
    tables = {
        name: TableKeys(
            name,
            table_words(name, frames),
            {
                cells.name: KeyCells(cells, days=_days(schema.tables[name].columns[cells.name]))
                for cells in frame.iter_columns()
            },
            declared=tuple(keys.unique.get(name, ())),
        )
        for name, frame in frames.items()
    }
    for name, table in tables.items():
        table.primary = tuple(keys.primary.get(name, ())) or _single(table, schema.tables[name])
    unsure = {name: table for name, table in tables.items() if not table.primary}
    for name, table in unsure.items():
        table.primary = _tentative(table, schema.tables[name])
    declared = [_said(tie) for tie in keys.foreign if _there(tie, frames)]
    taken = {(tie.child, name) for tie in declared for name in tie.child_key}
    unions = [
        ties
        for ties in polymorphic(tables)
        if not any(
            (table, name) in taken for table, names in (t.ends for t in ties) for name in names
        )
    ]
    several = [tie for ties in unions for tie in ties]
    taken |= {(tie.relationship.child, tie.relationship.child_key[0]) for tie in several}
    plain, doubtful = single_ties(tables, taken)
    found = [tie.relationship for tie in (*plain, *several)]
    _settle(unsure, found, [tie.relationship for tie in doubtful])
    for name, table in tables.items():
        if name not in keys.primary:
            table.primary = composite_key(
                table, frames[name], schema.tables[name], [*declared, *found], tables
            )
    found, doubts = composite_ties(tables, frames, found, declared)
    for name, table in tables.items():
        if not table.primary:
            table.primary = key_of_ties(table, frames[name], [*declared, *found])
    proposed = [*(tie.relationship for tie in doubtful), *doubts]
    if keys.foreign:
        found, proposed = [], [*found, *proposed]
    ties = _ordered([*declared, *found], frames)
    made = {
        name: _keyed(table, tables[name], ties, frames[name])
        for name, table in schema.tables.items()
    }
    whole = Schema(tables=made, relationships=tuple(ties))
    return Found(in_order(whole, frames), tuple(proposed))


def _settle(
    unsure: Mapping[str, TableKeys], found: list[Relationship], doubtful: list[Relationship]
) -> None:
    """Keys that nothing refers to are none.

    Of a calendar the day is the key, whether or not other days are taken to refer to it.
    """
    for name, table in unsure.items():
        days = bool(table.primary) and table.cells[table.primary[0]].group == "day"
        ties = (*found, *doubtful) if days else found
        if not any(tie.parent == name and tie.parent_key == table.primary for tie in ties):
            table.primary = ()


def _days(column: Column) -> bool:
    return isinstance(column, Datetime) and column.part == "date"


def _there(tie: Relationship, frames: Mapping[str, pl.DataFrame]) -> bool:
    """Whether both ends were read: a source may have been asked for some of its tables."""
    ends = ((tie.parent, tie.parent_key), (tie.child, tie.child_key))
    return all(table in frames and set(key) <= set(frames[table].columns) for table, key in ends)


def _said(tie: Relationship) -> Relationship:
    return tie if tie.reason else tie.model_copy(update={"reason": "declared by the database"})


def _ordered(
    ties: Iterable[Relationship], frames: Mapping[str, pl.DataFrame]
) -> list[Relationship]:
    """In the order of tables and columns, each once."""
    once = {tie.title: tie for tie in ties}.values()
    place = {name: i for i, name in enumerate(frames)}
    return sorted(
        once, key=lambda tie: (place[tie.child], frames[tie.child].columns.index(tie.child_key[0]))
    )


def _single(table: TableKeys, content: Table) -> tuple[str, ...]:
    """The column that is the key: unique, and named like one."""
    worth = [(_worth(table, content, name), -i, name) for i, name in enumerate(table.uniques)]
    best = max(worth, default=None)
    if best is not None and best[0] >= _ENOUGH:
        return (best[2],)
    for name, cells in table.cells.items():
        if cells.nearly_unique and _worth(table, content, name) >= _SURELY:
            table.uniques = (*table.uniques, name)
            return (name,)
    return ()


def _tentative(table: TableKeys, content: Table) -> tuple[str, ...]:
    """The first column where it is unique: the key if anything refers to it."""
    name = next(iter(content.columns))
    cells = table.cells[name]
    return (name,) if cells.group is not None and name in table.uniques else ()


def _worth(  # noqa: PLR0911 (one return a piece of evidence)
    table: TableKeys, content: Table, column: str
) -> float:
    """How much a unique column looks like the key of its table."""
    name, kind = Name(column), content.columns[column]
    first = 1.0 if next(iter(content.columns)) == column else 0.0
    cells = table.cells[column]
    if cells.group is None or isinstance(kind, Json | Datetime):
        return 0.0
    if names_table(name, table.words):
        return first + (10.0 if name.says_id or name.core != name.words else 8.0)
    if name.quantity:
        return 0.0
    if name.bare:
        return first + 9.0
    if name.says_id or any(word in _NATURAL for word in name.words):
        shared = any(word in table.words for word in name.core)
        return first + (
            6.0 if shared or not name.core else 4.0 if isinstance(kind, Personal) else 5.0
        )
    if isinstance(kind, Text | Personal):
        return 0.0
    return first + (4.0 if isinstance(kind, Identifier) and first else 0.0)


def _keyed(
    table: Table, keys: TableKeys, ties: Iterable[Relationship], frame: pl.DataFrame
) -> Table:
    """The table with its key, and key columns that are made anew."""
    columns: dict[str, Column] = dict(table.columns)
    refers = {name: tie for tie in ties if tie.child == keys.name for name in tie.child_key}
    referred = {
        tie.parent_key[0] for tie in ties if tie.parent == keys.name and len(tie.parent_key) == 1
    }
    own = keys.primary[0] if len(keys.primary) == 1 else None
    for name, column in table.columns.items():
        if isinstance(column, Personal) and name not in refers:
            if name == own or name in referred:
                columns[name] = column.model_copy(update={"unique": True})
            continue
        if name in refers:
            reason = f"refers to {refers[name].parent}: {refers[name].reason}"
        elif name == own or name in referred:
            reason = (
                column.reason if isinstance(column, Identifier) else f"the key; {column.reason}"
            )
        else:
            continue
        if isinstance(column, Datetime):
            # A day means something though it is a key: it is learnt, and not made anew.
            columns[name] = column.model_copy(update={"reason": reason})
            continue
        unique = name == own or name not in refers
        columns[name] = _key_column(column, frame[name], unique, reason)
    said = _unique(keys, columns, set(refers), frame)
    rules = (*table.constraints, *(rule for rule in said if rule not in table.constraints))
    facts = {"columns": columns, "primary_key": keys.primary, "constraints": rules}
    return table.model_copy(update=facts)


def _unique(
    keys: TableKeys, columns: dict[str, Column], refers: set[str], frame: pl.DataFrame
) -> list[Any]:
    """What the source declares unique: constraints, or columns that are made anew."""
    rules = []
    for key in keys.declared:
        primary = set(keys.primary)
        if (primary and primary <= set(key)) or not set(key) <= set(columns):
            continue
        if frame.select(key).drop_nulls().is_duplicated().any():
            continue
        if len(key) > 1:
            rules.append(constraint({"type": "Unique", "columns": key}))
            continue
        (name,) = key
        column = columns[name]
        if name in refers:
            continue
        if isinstance(column, Identifier | Personal):
            columns[name] = column.model_copy(update={"unique": True})
        elif isinstance(column, Categorical | Ordinal):
            # Labels that each stand once could not be told without telling whose they are.
            columns[name] = _key_column(column, frame[name], True, "declared unique")
        elif isinstance(column, Numeric | Datetime | Text):
            rules.append(constraint({"type": "Unique", "columns": key}))
    return rules


def _key_column(column: Column, cells: pl.Series, unique: bool, reason: str) -> Identifier:
    facts: dict[str, Any] = {"storage": column.storage, "nullable": column.nullable}
    present = cells.drop_nulls()
    pattern = pattern_of(present) if cells.dtype == pl.String and len(present) else None
    return Identifier(
        **facts,
        unique=unique,
        pattern=pattern if pattern and room(pattern) >= _ROOM * present.n_unique() else None,
        public=column.public,
        reason=reason,
    )
