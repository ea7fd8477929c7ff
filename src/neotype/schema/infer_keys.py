"""Primary and foreign keys of several tables: declared by their source, or found in the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from neotype.schema.infer_order import in_order
from neotype.schema.infer_ties import TableKeys, polymorphic, single_ties
from neotype.schema.key_cells import KeyCells
from neotype.schema.key_names import Name, joins, names_table, table_words
from neotype.schema.keys import Keys
from neotype.schema.pattern import pattern_of
from neotype.schema.schema import (
    Column,
    Datetime,
    Identifier,
    Json,
    Personal,
    Relationship,
    Schema,
    Table,
    Text,
)
from neotype.schema.wording import count

_ENOUGH, _SURELY = 4.0, 9.0
_NATURAL = frozenset(
    (
        "isbn",
        "iata",
        "icao",
        "vin",
        "ean",
        "gtin",
        "sku",
        "iso",
        "ticker",
        "symbol",
        "plate",
        "barcode",
    )
)
_STEP = frozenset(
    (
        *("line", "step", "seq", "sequence", "position", "pos", "number", "no", "nr", "num", "day"),
        *("visit", "year", "month", "quarter", "version", "item", "index", "idx", "period", "week"),
        *("hour", "date", "time", "zeile", "jahr", "monat", "tag", "woche", "datum", "ordinal"),
        *(
            "row",
            "rank",
            "round",
            "lap",
            "season",
            "wave",
            "epoch",
            "order",
            "timestamp",
            "revision",
        ),
    )
)
_NEARLY_ROWS, _MEETINGS = 0.7, 3.0
_WIDEST, _MOST_PARTS, _FIRST = 8, 4, 3


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
            {cells.name: KeyCells(cells) for cells in frame.iter_columns()},
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
    for name, table in unsure.items():
        if not any(tie.parent == name and tie.parent_key == table.primary for tie in found):
            table.primary = ()
    for name, table in tables.items():
        if name not in keys.primary:
            table.primary = _composite(
                table, frames[name], schema.tables[name], [*declared, *found], tables
            )
    found, doubts = _composite_ties(tables, frames, found, declared)
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
    plain = cells.group is not None and not Name(name).quantity
    return (name,) if plain and name in table.uniques else ()


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


def _composite(
    table: TableKeys,
    frame: pl.DataFrame,
    content: Table,
    ties: Iterable[Relationship],
    tables: Mapping[str, TableKeys],
) -> tuple[str, ...]:
    """The key as it is, or columns that are one together: foreign keys, then dates and steps."""
    mine = [tie for tie in ties if tie.child == table.name and len(tie.child_key) == 1]
    refer = [name for name in frame.columns if any(tie.child_key == (name,) for tie in mine)]
    parents = {tie.parent for tie in mine if tie.parent != table.name}
    linking = len(refer) > 1 and joins(table.words, (tables[name].words for name in parents))
    if table.primary and not (linking and table.primary[0] in refer):
        return table.primary
    if linking and _is_key(frame, tuple(refer)):
        return tuple(refer)
    if table.primary or not frame.height:
        return table.primary
    steps = [name for name in frame.columns if name not in refer and _is_step(name, content)]
    others = [
        name
        for name in frame.columns[:_FIRST]
        if name not in (*refer, *steps)
        and table.cells[name].group is not None
        and not Name(name).quantity
    ]
    parts = [*refer, *others, *steps][:_WIDEST]
    for size in range(2, min(len(parts), _MOST_PARTS) + 1):
        for some in combinations(parts, size):
            if _is_key(frame, some) and (
                (set(some) <= set(refer[:size]) and len(frame.columns) <= size + 2)
                or _by_no_chance(frame, some)
            ):
                return tuple(name for name in frame.columns if name in some)
    return ()


def _is_step(name: str, content: Table) -> bool:
    column = content.columns[name]
    if isinstance(column, Datetime):
        return True
    parts = Name(name).words
    return Name(name).says_id or (
        bool(parts) and parts[-1] in _STEP and "Float" not in column.storage
    )


def _is_key(frame: pl.DataFrame, names: tuple[str, ...]) -> bool:
    part = frame.select(names)
    if any(part[name].null_count() for name in names):
        return False
    return part.n_unique() == part.height


def _by_no_chance(frame: pl.DataFrame, names: tuple[str, ...]) -> bool:
    """Whether unrelated columns of so many values would have met in some row."""
    distinct = [frame[name].n_unique() for name in names]
    if max(distinct) > _NEARLY_ROWS * frame.height:
        return False
    return frame.height**2 / (2 * float(np.prod(distinct, dtype=float))) >= _MEETINGS


def _composite_ties(
    tables: Mapping[str, TableKeys],
    frames: Mapping[str, pl.DataFrame],
    found: list[Relationship],
    declared: list[Relationship],
) -> tuple[list[Relationship], list[Relationship]]:
    """With the foreign keys of several columns; single ones that follow from these are left out."""
    sure: list[Relationship] = []
    doubts: list[Relationship] = []
    every = [*declared, *found]
    for parent in tables.values():
        if len(parent.primary) < 2:
            continue
        for child in tables.values():
            own = child is not parent and _matching(parent, child, every)
            if not own or any(
                tie.child == child.name and set(tie.child_key) == set(own) for tie in declared
            ):
                continue
            tie = _tuples(parent, child, own, frames)
            if tie is None:
                continue
            equal = (
                set(child.primary) == set(own)
                and frames[child.name].height >= frames[parent.name].height
            )
            named = (
                all(word in child.words for word in parent.words) and child.words != parent.words
            )
            (doubts if equal and not named else sure).append(tie)
    follow = {
        (tie.child, mine, up.parent)
        for tie in sure
        for mine, theirs in zip(tie.child_key, tie.parent_key, strict=True)
        for up in every
        if up.child == tie.parent and up.child_key == (theirs,)
    }
    kept = [tie for tie in found if (tie.child, tie.child_key[0], tie.parent) not in follow]
    return [*kept, *sure], doubts


def _matching(
    parent: TableKeys, child: TableKeys, ties: list[Relationship]
) -> tuple[str, ...] | None:
    """The columns of the child for the key of the parent: same name, or same grandparent."""
    refers = {
        (tie.child, tie.child_key[0]): (tie.parent, tie.parent_key)
        for tie in ties
        if len(tie.child_key) == 1
    }
    own = []
    for key in parent.primary:
        words, up = Name(key).words, refers.get((parent.name, key))
        named = [name for name in child.cells if Name(name).words == words]
        tied = [name for name in child.cells if up and refers.get((child.name, name)) == up]
        if not named and len(tied) != 1:
            return None
        own.append((named or tied)[0])
    return tuple(own) if len(set(own)) == len(own) else None


def _tuples(
    parent: TableKeys,
    child: TableKeys,
    own: tuple[str, ...],
    frames: Mapping[str, pl.DataFrame],
) -> Relationship | None:
    mine, theirs = (
        frames[child.name].select(own).drop_nulls(),
        frames[parent.name].select(parent.primary),
    )
    if not mine.height or [*mine.dtypes] != [*theirs.dtypes]:
        return None
    met = mine.join(theirs, left_on=own, right_on=list(parent.primary), how="semi").height
    if met < 0.9 * mine.height:
        return None
    all_of = (
        f"all {count(met, 'row')}"
        if met == mine.height
        else f"{met:,} of {count(mine.height, 'row')}"
    )
    return Relationship(
        parent=parent.name,
        parent_key=parent.primary,
        child=child.name,
        child_key=own,
        reason=f"{all_of} have a key of several columns that {parent.name} has too",
    )


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
            columns[name] = _key_column(column, frame[name], name == own, reason)
        elif name == own or name in referred:
            reason = (
                column.reason if isinstance(column, Identifier) else f"the key; {column.reason}"
            )
            columns[name] = _key_column(column, frame[name], True, reason)
    return table.model_copy(update={"columns": columns, "primary_key": keys.primary})


def _key_column(column: Column, cells: pl.Series, unique: bool, reason: str) -> Identifier:
    facts: dict[str, Any] = {"storage": column.storage, "nullable": column.nullable}
    present = cells.drop_nulls()
    text = cells.dtype == pl.String and len(present)
    return Identifier(
        **facts,
        unique=unique,
        pattern=pattern_of(present) if text else None,
        public=column.public,
        reason=reason,
    )
