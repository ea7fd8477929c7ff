"""Write a database: the tables with their types and keys, and every row, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from neotype.errors import DataError, SourceError
from neotype.outputs import probe, writing_to
from neotype.progress import Progress, silent
from neotype.schema.keys import Keys
from neotype.schema.schema import Schema
from neotype.source.database.address import Address
from neotype.source.database.ddl import Tables, longest
from neotype.source.database.layout import Column, Layout, Written
from neotype.source.database.reflect import namespace, reflect
from neotype.source.database.rows import declared, in_order, kept
from neotype.source.database.session import Session, faults, opened, spoken
from neotype.source.database.writers import Writer, writer
from neotype.source.kind import FrameKind

IfExists = Literal["refuse", "append", "truncate", "replace"]
_LEFT = "nothing was written: the target is as it was"


def push(
    frames: Mapping[str, pl.DataFrame],
    schema: Schema | Keys | None,
    target: str | Path | Address,
    *,
    if_exists: IfExists = "refuse",
    kind: FrameKind | None = None,
    progress: Progress = silent,
) -> Written:
    """Write the frames into a database, in one transaction.

    Tables that are not there are created, with the keys of `schema` and, where `kind` says that
    they came from the same kind of database, with the SQL types that they had. Of tables that are
    there, "refuse" fills empty ones and refuses when one holds rows; "append" adds rows,
    "truncate" empties them first, "replace" drops and creates them. Other tables are untouched.

    DataError when rows break a primary key or do not fit the columns of a table that is there;
    SourceError when the database refuses or goes away. Either way nothing is written.
    """
    address = target if isinstance(target, Address) else Address.of(target)
    keys = declared(schema) if isinstance(schema, Schema) else schema or Keys()
    facts = dict(kind.tables) if kind is not None else {}
    keys, notes = kept(frames, _with_unique(keys, facts))
    at = _At()
    with _in_place(address) as place:
        try:
            with opened(place, write=True) as session:
                at.doing = "looking at the tables that are there"
                there = reflect(session, frames)
                made = _write(session, frames, keys, facts, there, if_exists, at, progress)
        except faults(place) as cause:
            raise spoken(replace(place, shown=address.shown), cause, at.doing, _LEFT) from None
    rows = {table: frame.height for table, frame in frames.items()}
    return Written(address.shown, rows, (*notes, *made))


def refuse_full(
    target: str | Path | Address, tables: Iterable[str], *, if_exists: IfExists = "refuse"
) -> None:
    """Say now, and not after the work, that the target cannot be reached, or holds rows already."""
    address = target if isinstance(target, Address) else Address.of(target)
    if address.path is not None and not address.path.exists():
        probe(address.path.parent)
        return
    try:
        with opened(address) as session:
            _refuse(session, reflect(session, list(tables)), if_exists)
    except faults(address) as cause:
        raise spoken(address, cause, "looking at the tables that are there", _LEFT) from None


@dataclass
class _At:
    """How far the writing came, for messages."""

    doing: str = "connecting"


def _with_unique(keys: Keys, facts: Mapping[str, Mapping[str, Any]]) -> Keys:
    """Of tables of a database the unique keys that it declared, where they are unchanged."""
    unique = {t: list(k) for t, k in keys.unique.items() if "unique" not in facts.get(t, {})}
    for table, fact in facts.items():
        changed = set(fact.get("changed", ()))
        for key in map(tuple, fact.get("unique", ())):
            own = unique.setdefault(table, [])
            if key not in own and key != keys.primary.get(table) and not changed & set(key):
                own.append(key)
    return Keys(keys.primary, {t: tuple(k) for t, k in unique.items()}, keys.foreign)


@contextmanager
def _in_place(address: Address) -> Iterator[Address]:
    """A file that is not there yet is made beside its place and appears when it is whole."""
    if address.path is None or address.path.exists():
        yield address
        return
    partial = address.path.with_name(address.path.name + ".partial")
    with writing_to(address.path):
        address.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.unlink(missing_ok=True)
            yield replace(address, path=partial)
            partial.replace(address.path)
        finally:
            for end in ("", "-journal", "-wal", "-shm", ".wal"):
                partial.with_name(partial.name + end).unlink(missing_ok=True)


def _write(
    session: Session,
    frames: Mapping[str, pl.DataFrame],
    keys: Keys,
    facts: Mapping[str, Mapping[str, Any]],
    there: Layout,
    if_exists: IfExists,
    at: _At,
    progress: Progress,
) -> list[str]:
    _refuse(session, there, if_exists)
    old = {} if if_exists == "replace" else dict(there.tables)
    frames, notes = _fitting(frames, old)
    new = [table for table in frames if table not in old]
    order, closing = in_order(frames, [*keys.foreign, *there.keys.foreign])
    hand: Writer = writer(session, namespace(session))
    tables = Tables(session, frames, keys, facts, lambda t: hand.place(t, fresh=t in new))
    done = False
    try:
        hand.begin(new, there.tables, closing)
        at.doing = "making room in the target"
        if if_exists == "replace":
            hand.drop([table for table in reversed(order) if table in there.tables])
        if if_exists == "truncate":
            hand.empty([table for table in reversed(order) if table in old])
        at.doing = "creating its tables"
        hand.create(tables, [table for table in order if table in new], closing, notes)
        _fill(hand, tables, order, new, at, progress)
        at.doing = "declaring its keys"
        hand.constrain(tables, new, closing)
        broken = hand.broken()
        if broken:
            problem = "rows refer to rows that the target does not have; nothing was written."
            raise DataError(problem, broken)
        at.doing = "completing the transaction"
        hand.complete(list(frames), new)
        done = True
    finally:
        if not done:
            hand.abandon()
    return notes


def _fill(
    hand: Writer, tables: Tables, order: list[str], new: list[str], at: _At, progress: Progress
) -> None:
    done, total = 0, sum(frame.height for frame in tables.frames.values())
    for table in order:
        before = done
        at.doing = f"writing table '{table}'"
        frame, types = tables.frames[table], tables.types[table]
        for rows in hand.load(table, frame, types, fresh=table in new):
            done += rows
            at.doing = f"writing table '{table}' (after {done - before:,} rows)"
            progress("write rows", done, total)


def _refuse(session: Session, there: Layout, if_exists: IfExists) -> None:
    if if_exists != "refuse":
        return
    full = [
        table
        for table in there.tables
        if session.ask(f"SELECT 1 FROM {session.quoted(namespace(session), table)} LIMIT 1")
    ]
    if full:
        listed = ", ".join(full[:20]) + (", …" if len(full) > 20 else "")
        raise SourceError(
            f"{session.address.shown} is not empty.",
            found=f"these tables hold rows: {listed}",
            mend="say --if-exists append, truncate or replace (if_exists in Python and in a plan)",
        )


def _fitting(
    frames: Mapping[str, pl.DataFrame], old: Mapping[str, tuple[Column, ...]]
) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """The frames as tables that are there take them; DataError lists all that do not fit."""
    findings, notes, made = [], [], {}
    for table, frame in frames.items():
        columns = {column.name: column for column in old.get(table, ())}
        if not columns:
            made[table] = frame
            continue
        unknown = [name for name in frame.columns if name not in columns]
        needed = [
            column.name
            for column in columns.values()
            if column.name not in frame.columns and not column.optional and not column.generated
        ]
        findings += [f"table '{table}' has no column '{name}'" for name in unknown]
        findings += [f"table '{table}' needs column '{name}', which is missing" for name in needed]
        findings += [
            fault
            for name in frame.columns
            if name in columns and (fault := _misfit(table, columns[name], frame[name]))
        ]
        computed = [name for name in frame.columns if name in columns and columns[name].generated]
        notes += [f"table '{table}': the target computes '{name}' itself" for name in computed]
        made[table] = frame.drop(computed)
    if findings:
        raise DataError(
            "the tables of the target do not fit what is written.",
            findings,
            mend="replace them, or write to an empty target",
        )
    return made, notes


def _misfit(table: str, column: Column, cells: pl.Series) -> str | None:
    """Why the cells cannot go into a column that is there."""
    place = f"table '{table}', column '{column.name}'"
    room = longest(column.sql, cells)
    if room:
        return f"{place} is {column.sql}, and a cell has {room[1]} letters"
    missing = cells.null_count()
    if missing and not column.nullable and not column.identity and not column.generated:
        return f"{place} must not be null, and {missing:,} cells are missing"
    return None
