"""Read a database: every table from one snapshot, in batches, by the fastest way of its driver."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from neotype.progress import Progress, silent
from neotype.source.database import settle, sql_types
from neotype.source.database.address import Address
from neotype.source.database.layout import Column, Layout
from neotype.source.database.reflect import namespace, reflect
from neotype.source.database.session import Session, absent, faults, lost, opened, spoken
from neotype.source.kind import FrameKind, Source

_BYTES = 8 << 20
_ROWS = 50_000


def pull(
    data: str | Path | Address,
    *,
    schema: str | None = None,
    tables: Iterable[str] = (),
    exclude: Iterable[str] = (),
    progress: Progress = silent,
) -> Source:
    """The tables of a database as frames, and the keys that it declares.

    All tables are read in one transaction and belong together, whatever others write meanwhile.
    When the connection is lost, all is read once more; when it is lost again, SourceError says in
    which table, and nothing is kept.
    """
    address = data if isinstance(data, Address) else Address.of(data)
    address = replace(
        address,
        schema=schema or address.schema,
        tables=tuple(tables) or address.tables,
        exclude=tuple(exclude) or address.exclude,
    )
    if address.path is not None and not address.path.is_file():
        raise absent(address.path)
    broken: list[str] = []
    while True:
        reader = _Reader(address, progress)
        try:
            return reader.source(broken)
        except faults(address) as cause:
            if not lost(cause) or not reader.begun or broken:
                raise spoken(address, cause, reader.doing, reader.sofar) from None
            broken.append(f"the connection was lost while {reader.doing}; all was read once more")


class _Reader:
    """One attempt, and how far it came."""

    def __init__(self, address: Address, progress: Progress) -> None:
        self.address, self.progress = address, progress
        self.begun, self.rows = False, 0
        self.at: str | None = None
        self.frames: dict[str, pl.DataFrame] = {}

    @property
    def doing(self) -> str:
        """For messages: what the attempt was at."""
        if self.at is None:
            return "looking at its tables" if self.begun else "connecting"
        return f"reading table '{self.at}' (after {self.rows:,} rows)"

    @property
    def sofar(self) -> str | None:
        """For messages: the tables that had been read before."""
        if self.at is None:
            return None
        read = ", ".join(self.frames) or "none"
        return f"read before it: {read}; nothing was kept"

    def source(self, said: Iterable[str]) -> Source:
        with opened(self.address) as session:
            self.begun = True
            layout = reflect(session)
            notes = [*said, *layout.notes]
            for done, (table, columns) in enumerate(layout.tables.items()):
                self.progress("read tables", done, len(layout.tables))
                wanted = [column for column in columns if column.dtype is not None]
                if not wanted:
                    notes.append(f"table '{table}' has no columns that can be read: left out")
                    continue
                self.at, self.rows = table, 0
                frame, found = self._table(session, table, wanted)
                self.frames[table] = frame
                notes += [f"table '{table}': {note}" for note in found]
            self.progress("read tables", len(layout.tables), len(layout.tables))
        return _source(self.address, layout, self.frames, notes)

    def _table(
        self, session: Session, table: str, columns: list[Column]
    ) -> tuple[pl.DataFrame, list[str]]:
        gather = _Gathering(columns, native=session.kind in ("sqlite", "duckdb"))
        for batch in _batches(session, table, columns):
            gather.take(batch)
            self.rows += batch.height
        frame, notes = gather.whole(session.kind)
        return frame, notes + _months(session, table, columns)


class _Gathering:
    """Batches of one table on their way to a frame."""

    def __init__(self, columns: list[Column], *, native: bool) -> None:
        self.columns, self.native = columns, native
        self.parts: dict[str, list[pl.Series]] = {column.name: [] for column in columns}
        self.lost = dict.fromkeys(self.parts, 0)
        self.odd: dict[str, str] = {}

    def take(self, batch: pl.DataFrame) -> None:
        """One batch, each column at once as what it is."""
        for column, cells in zip(self.columns, batch.iter_columns(), strict=True):
            made = cells if self.native else sql_types.parsed(cells, column)
            missing = made.null_count() - cells.null_count()
            if missing:
                self.lost[column.name] += missing
                self.odd.setdefault(column.name, str(cells.filter(made.is_null())[0]))
            self.parts[column.name].append(made)

    def whole(self, kind: str) -> tuple[pl.DataFrame, list[str]]:
        """The frame, and what is to be said of its columns."""
        made, notes = [], []
        for column in self.columns:
            cells, note = self._column(column, kind)
            if note:
                notes.append(f"column '{column.name}': {note}")
            if self.lost[column.name]:
                notes.append(
                    f"column '{column.name}': {self.lost[column.name]:,} cells such as "
                    f"'{self.odd[column.name]}' cannot be held as {column.dtype}: missing"
                )
            if cells.dtype.is_float() and bool(cells.is_nan().any()):
                notes.append(f"column '{column.name}': {int(cells.is_nan().sum()):,} NaN: missing")
                cells = cells.fill_nan(None)
            made.append(cells.alias(column.name))
        frame = pl.DataFrame(made)
        return frame, [*notes, "no rows"] if frame.height == 0 else notes

    def _column(self, column: Column, kind: str) -> tuple[pl.Series, str | None]:
        # Each column's batches go as soon as it is whole.
        parts = self.parts.pop(column.name)
        if not parts:
            late = column.family == "free"
            return pl.Series(dtype=pl.Float64() if late else column.dtype), None
        if kind == "sqlite":
            return settle.declared(settle.joined(parts), column)
        cells = pl.concat(parts, rechunk=True)
        if kind == "duckdb":
            return cells, None
        if kind == "mysql" and column.sql.upper().startswith("TINYINT(1)"):
            return (cells.cast(pl.Boolean) if bool(cells.is_in([0, 1]).all()) else cells), None
        return settle.finished(cells, column)


def _months(session: Session, table: str, columns: list[Column]) -> list[str]:
    """A month has no length of its own: PostgreSQL counts 30 days, and so it is read."""
    place, notes = session.quoted(namespace(session), table), []
    for column in columns:
        if column.family == "interval" and session.kind == "postgresql":
            name = session.quoted(column.name)
            query = f"SELECT 1 FROM {place} WHERE extract(month from {name}) <> 0 LIMIT 1"
            if session.ask(query.replace("LIMIT", f"OR extract(year from {name}) <> 0 LIMIT")):
                notes.append(f"column '{column.name}': months are read as 30 days")
    return notes


def _batches(session: Session, table: str, columns: list[Column]) -> Iterator[pl.DataFrame]:
    place = session.quoted(namespace(session), table)
    listed = ", ".join(sql_types.asked(c, session.quoted(c.name), session.kind) for c in columns)
    query = f"SELECT {listed} FROM {place}"
    match session.kind:
        case "postgresql":
            yield from _copied(session.raw, query, columns)
        case "mysql":
            yield from _unbuffered(session.raw, query, columns)
        case "sqlite":
            cursor = session.raw.execute(query)
            while rows := cursor.fetchmany(_ROWS):
                cells = zip(columns, zip(*rows, strict=True), strict=True)
                yield pl.DataFrame([settle.loose(list(v), c).alias(c.name) for c, v in cells])
        case _:
            from neotype.source.database.duck import streamed

            yield from streamed(session.raw, place, columns)


def _copied(raw: Any, query: str, columns: list[Column]) -> Iterator[pl.DataFrame]:
    """COPY sends a line a row; a batch ends between two rows and is parsed by polars."""
    names = {str(k): sql_types.straight(column) for k, column in enumerate(columns)}
    with raw.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        lines, size = io.BytesIO(), 0
        for line in copy:
            size += lines.write(line)
            if size >= _BYTES:
                yield _lines(lines, names)
                lines, size = io.BytesIO(), 0
        if size:
            yield _lines(lines, names)


def _lines(lines: io.BytesIO, names: dict[str, pl.DataType]) -> pl.DataFrame:
    lines.seek(0)
    return pl.read_csv(lines, has_header=False, schema=names)


def _unbuffered(raw: Any, query: str, columns: list[Column]) -> Iterator[pl.DataFrame]:
    """Cells as MySQL sends them, as text: making Python objects of them would take longest."""
    from pymysql.cursors import SSCursor

    decoders, raw.decoders = raw.decoders, {}
    try:
        with raw.cursor(SSCursor) as cursor:
            cursor.execute(query)
            while rows := cursor.fetchmany(_ROWS):
                cells = zip(columns, zip(*rows, strict=True), strict=True)
                yield pl.DataFrame([pl.Series(c.name, list(v), dtype=pl.String) for c, v in cells])
    finally:
        raw.decoders = decoders


def _source(
    address: Address, layout: Layout, frames: dict[str, pl.DataFrame], notes: list[str]
) -> Source:
    facts = {
        table: {
            "library": "database",
            "dialect": address.kind,
            "columns": {
                c.name: _as_read(c, frames[table][c.name].dtype).facts
                for c in layout.tables[table]
                if c.dtype is not None
            },
            "unique": [list(key) for key in layout.keys.unique.get(table, ())],
        }
        for table in frames
    }
    return Source(
        frames=frames,
        kind=FrameKind.of(facts),
        origin=address.shown,
        single=len(frames) == 1,
        notes=tuple(notes),
        keys=layout.keys,
    )


def _as_read(column: Column, dtype: pl.DataType) -> Column:
    """An array that became JSON is JSON from here on."""
    became = column.family == "array" and dtype == pl.String
    return replace(column, sql="JSONB") if became else column
