"""DuckDB: its catalogue, and its rows through Arrow's stream interface, which needs no pyarrow."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import polars as pl

from neotype.source.database import sql_types
from neotype.source.database.layout import Column, Layout
from neotype.source.database.reflect import chosen, settled
from neotype.source.database.session import Session

_ENUM_LABEL = re.compile(r"'((?:[^']|'')*)'")


def reflect_duckdb(session: Session, only: Collection[str] | None) -> Layout:
    """The layout that DuckDB's catalogue gives."""
    where = "database_name = current_database() AND schema_name = 'main'"
    present = [
        name
        for (name,) in session.ask(
            f"SELECT table_name FROM duckdb_tables() WHERE {where} AND NOT internal"
        )
    ]
    names, notes = chosen(session.address, present, only)
    views = session.ask(f"SELECT view_name FROM duckdb_views() WHERE {where} AND NOT internal")
    if views and only is None:
        notes.append(f"views left out: {', '.join(sorted(name for (name,) in views))}")
    listed = session.ask(
        "SELECT table_name, constraint_type, constraint_column_names, referenced_table, "
        f"referenced_column_names FROM duckdb_constraints() WHERE {where}"
    )
    wanted = set(names)
    keys = [row for row in listed if row[0] in wanted]
    return settled(
        {name: _columns(session, where, name) for name in names},
        {t: cols for t, what, cols, _, _ in keys if what == "PRIMARY KEY"},
        {t: [c for u, w, c, _, _ in keys if u == t and w == "UNIQUE"] for t in names},
        [(t, c, p, pc) for t, what, c, p, pc in sorted(keys, key=str) if what == "FOREIGN KEY"],
        notes,
    )


def _columns(session: Session, where: str, table: str) -> tuple[Column, ...]:
    quoted = table.replace("'", "''")
    rows = session.ask(
        "SELECT column_name, data_type, is_nullable, column_default FROM duckdb_columns() "
        f"WHERE {where} AND table_name = '{quoted}' ORDER BY column_index"
    )
    columns = []
    for name, sql, nullable, default in rows:
        kind = _kind(session, sql)
        columns.append(
            Column(
                name=name,
                sql=sql,
                family=kind.family,
                dtype=kind.dtype,
                nullable=bool(nullable),
                identity="nextval(" in str(default),
                optional=bool(nullable) or default is not None,
            )
        )
    return tuple(columns)


def _kind(session: Session, sql: str) -> sql_types.Kind:
    if sql.startswith("ENUM("):
        labels = [label.replace("''", "'") for label in _ENUM_LABEL.findall(sql)]
        return sql_types.Kind("enum", pl.Enum(labels))
    if sql.endswith("]"):
        inner = _kind(session, sql[: sql.rindex("[")])
        if inner.dtype is None or inner.family in ("interval", "other", "enum"):
            return sql_types.Kind("other", pl.String())
        return sql_types.Kind("array", pl.List(inner.dtype))
    return sql_types.of_words(sql, "duckdb")


def streamed(raw: Any, place: str, columns: list[Column]) -> Iterator[pl.DataFrame]:
    """The table; what Arrow cannot carry is asked for in a form that it can."""
    listed = ", ".join(_asked(column) for column in columns)
    relation = raw.sql(f"SELECT {listed} FROM {place}")
    frame = pl.DataFrame(_Capsule(relation.__arrow_c_stream__()))
    yield frame.with_columns(_cast(column) for column in columns)


class _Capsule:
    """The stream alone: polars would remember the type of a relation beyond DuckDB's own end."""

    def __init__(self, capsule: object) -> None:
        self.capsule = capsule

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.capsule


def _asked(column: Column) -> str:
    quoted = '"' + column.name.replace('"', '""') + '"'
    match column.family:
        case "interval":
            return f"epoch_us({quoted}) AS {quoted}"
        case "other" | "json" | "uuid" | "enum":
            return f"{quoted}::VARCHAR AS {quoted}"
    return quoted


def _cast(column: Column) -> pl.Expr:
    cells = pl.col(column.name)
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone:
        return cells.dt.convert_time_zone("UTC")
    return cells.cast(column.dtype) if column.dtype is not None else cells
