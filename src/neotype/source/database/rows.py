"""Rows on their way into a database: which keys they keep, in which order the tables go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from neotype.errors import DataError
from neotype.schema.keys import Keys
from neotype.schema.schema import NUMBERED, Relationship, Schema


def declared(schema: Schema) -> Keys:
    """The keys that a schema says its tables have; a reference with a condition is none in SQL."""
    unique = {
        name: tuple(
            (column,)
            for column, kind in table.columns.items()
            if isinstance(kind, NUMBERED) and kind.unique and (column,) != table.primary_key
        )
        for name, table in schema.tables.items()
    }
    return Keys(
        {name: table.primary_key for name, table in schema.tables.items() if table.primary_key},
        {name: keys for name, keys in unique.items() if keys},
        tuple(tie for tie in schema.relationships if not tie.when),
    )


def kept(frames: Mapping[str, pl.DataFrame], keys: Keys) -> tuple[Keys, list[str]]:
    """The keys that the rows keep, and notes on those that they do not, which are not declared.

    DataError lists every primary key with missing or repeated cells.
    """
    primary = {t: key for t, key in keys.primary.items() if _there(frames, t, key)}
    _refuse_broken(frames, primary)
    notes: list[str] = []
    unique: dict[str, list[tuple[str, ...]]] = {}
    for table, several in keys.unique.items():
        for key in several:
            if _there(frames, table, key) and _distinct(frames[table], key):
                unique.setdefault(table, []).append(key)
            elif _there(frames, table, key):
                notes.append(f"table '{table}': {', '.join(key)} repeats and is not made unique")
    ties = []
    for tie in keys.foreign:
        if tie.when or not _there(frames, tie.child, tie.child_key):
            continue
        whole = tie.parent_key in (primary.get(tie.parent), *unique.get(tie.parent, ()))
        fault = _fault(frames, tie, whole=whole)
        if fault:
            notes.append(f"{tie.title}: {fault}, the key is not declared")
            continue
        if not whole:
            unique.setdefault(tie.parent, []).append(tie.parent_key)
        ties.append(tie)
    return Keys(primary, {t: tuple(k) for t, k in unique.items()}, tuple(ties)), notes


def _refuse_broken(
    frames: Mapping[str, pl.DataFrame], primary: Mapping[str, tuple[str, ...]]
) -> None:
    findings = []
    for table, key in primary.items():
        cells = frames[table].select(key)
        missing = int(cells.select(pl.any_horizontal(pl.all().is_null()).sum()).item())
        again = 0 if missing else cells.height - cells.n_unique()
        if missing or again:
            said = f"{missing:,} rows without it" if missing else f"{again:,} rows repeat it"
            findings.append(f"table '{table}', primary key {', '.join(key)}: {said}")
    if findings:
        raise DataError(
            "rows break the primary keys of their tables, and cannot be written.",
            findings,
            mend="correct the rows, or take primary_key out of the schema",
        )


def _fault(frames: Mapping[str, pl.DataFrame], tie: Relationship, *, whole: bool) -> str | None:
    """Why a foreign key cannot be declared."""
    if not _there(frames, tie.parent, tie.parent_key):
        return f"'{tie.parent}' is not written"
    orphans = _orphans(frames, tie)
    if orphans:
        return f"{orphans:,} rows refer to nothing"
    if not whole and not _distinct(frames[tie.parent], tie.parent_key):
        return "what it refers to repeats"
    return None


def _there(frames: Mapping[str, pl.DataFrame], table: str, key: Iterable[str]) -> bool:
    return table in frames and set(key) <= set(frames[table].columns)


def _distinct(frame: pl.DataFrame, key: tuple[str, ...]) -> bool:
    cells = frame.select(key).drop_nulls()
    return cells.height == cells.n_unique()


def _orphans(frames: Mapping[str, pl.DataFrame], tie: Relationship) -> int:
    mine = frames[tie.child].select(tie.child_key).drop_nulls()
    theirs = (
        frames[tie.parent]
        .select(tie.parent_key)
        .rename(dict(zip(tie.parent_key, tie.child_key, strict=True)))
    )
    for name in tie.child_key:
        if mine[name].dtype != theirs[name].dtype:
            whole = mine[name].dtype.is_integer() and theirs[name].dtype.is_integer()
            common = pl.col(name).cast(pl.Int128 if whole else pl.String)
            mine, theirs = mine.with_columns(common), theirs.with_columns(common)
    return mine.join(theirs, on=list(tie.child_key), how="anti").height


def in_order(tables: Iterable[str], ties: Iterable[Relationship]) -> tuple[list[str], set[str]]:
    """Parents before children; and the titles of the keys that close a cycle."""
    left = list(tables)
    above = {name: [t for t in ties if t.child == name and t.parent != name] for name in left}
    placed: list[str] = []
    closing: set[str] = set()
    while left:
        ready = [n for n in left if all(t.parent in placed for t in above[n] if t.parent in left)]
        chosen = ready or [_in_circle(left, above)]
        for name in chosen:
            closing |= {t.title for t in above[name] if t.parent in left and not ready}
        placed += chosen
        left = [name for name in left if name not in chosen]
    return placed, closing


def _in_circle(left: list[str], above: Mapping[str, list[Relationship]]) -> str:
    """Of tables that all wait, one that waits for itself, and for few others."""
    path: list[str] = [left[0]]
    while path[-1] not in path[:-1]:
        path.append(next(t.parent for t in above[path[-1]] if t.parent in left))
    circle = path[path.index(path[-1]) :]
    return min(circle, key=lambda n: sum(t.parent in left for t in above[n]))
