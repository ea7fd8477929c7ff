"""SQL types and dtypes: how cells of a type are asked for, read, and declared again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from neotype.source.database.layout import Column

_DIALECTS: Mapping[str, Any] = {
    "postgresql": postgresql.base.PGDialect(),  # type: ignore[no-untyped-call]
    "mysql": mysql.base.MySQLDialect(),
}
_MICROSECONDS = pl.Datetime("us")
_UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Kind:
    """A family of SQL types, and the dtype its cells get; None is left out."""

    family: str
    dtype: pl.DataType | None


_TEXT = Kind("text", pl.String())
_OTHER = Kind("other", pl.String())


def sql_of(type_: Any, kind: str) -> str:
    """The type as the database writes it, without collation; empty where it is not known."""
    if isinstance(type_, postgresql.DOMAIN):
        return sql_of(type_.data_type, kind)
    if isinstance(type_, sa.types.NullType):
        return ""
    if isinstance(type_, postgresql.ENUM):
        return str(type_.name)
    written = str(type_.compile(dialect=_DIALECTS[kind]))
    return re.sub(r" (?:COLLATE|CHARACTER SET) \S+", "", written)


def of_type(type_: Any, kind: str) -> Kind:  # noqa: C901, PLR0911, PLR0912 (one case a family)
    """The family of a type that SQLAlchemy found."""
    match type_:
        case postgresql.DOMAIN():
            return of_type(type_.data_type, kind)
        case mysql.SET():
            return _TEXT
        case sa.Enum():
            return Kind("enum", pl.Enum(list(type_.enums)))
        case sa.ARRAY():
            inner = of_type(type_.item_type, kind)
            if inner.dtype is None or inner.family in ("other", "interval", "enum"):
                inner = _TEXT
            return Kind("array", pl.List(inner.dtype or pl.String()))
        case sa.JSON():
            return Kind("json", pl.String())
        case sa.types.LargeBinary() | sa.types.BINARY() | sa.types.VARBINARY():
            return Kind("binary", None)
        case sa.Boolean():
            return Kind("boolean", pl.Boolean())
        case sa.Uuid():
            return Kind("uuid", pl.String())
        case sa.Interval() | postgresql.INTERVAL():
            return Kind("interval", pl.Duration("us"))
        case sa.DateTime():
            zoned = bool(type_.timezone) and kind == "postgresql"
            return Kind("zoned", _UTC) if zoned else Kind("datetime", _MICROSECONDS)
        case sa.Date():
            return Kind("date", pl.Date())
        case sa.Time():
            return _OTHER if type_.timezone and kind == "postgresql" else Kind("time", pl.Time())
        case mysql.BIT():
            return Kind("bit", pl.Boolean() if (type_.length or 1) == 1 else pl.UInt64())
        case mysql.YEAR():
            return Kind("integer", pl.Int16())
        case postgresql.MONEY():
            return Kind("money", pl.Decimal(19, 2))
        case sa.Float():
            single = isinstance(type_, sa.REAL | mysql.FLOAT) and kind != "sqlite"
            return Kind("float", pl.Float32() if single else pl.Float64())
        case sa.Integer():
            return Kind("integer", _integer(type_))
        case sa.Numeric():
            return _decimal(type_.precision, type_.scale)
        case sa.String():
            return _TEXT
    return _OTHER


def _integer(type_: Any) -> pl.DataType:
    whole = not getattr(type_, "unsigned", False)
    if isinstance(type_, mysql.TINYINT):
        return pl.Int8() if whole else pl.UInt8()
    if isinstance(type_, sa.SmallInteger):
        return pl.Int16() if whole else pl.UInt16()
    if isinstance(type_, sa.BigInteger):
        return pl.Int64() if whole else pl.UInt64()
    return pl.Int32() if whole else pl.UInt32()


def _decimal(precision: int | None, scale: int | None) -> Kind:
    """A decimal of a stated scale; one of none is settled when its cells are known."""
    if precision is None or precision > 38 or (scale or 0) < 0:
        return Kind("free", pl.String())
    return Kind("decimal", pl.Decimal(precision, scale or 0))


_WORDS: Mapping[str, Kind] = {
    "BOOL": Kind("boolean", pl.Boolean()),
    "BOOLEAN": Kind("boolean", pl.Boolean()),
    "BIT": Kind("boolean", pl.Boolean()),
    "LOGICAL": Kind("boolean", pl.Boolean()),
    "TINYINT": Kind("integer", pl.Int8()),
    "UTINYINT": Kind("integer", pl.UInt8()),
    "SMALLINT": Kind("integer", pl.Int16()),
    "USMALLINT": Kind("integer", pl.UInt16()),
    "INTEGER": Kind("integer", pl.Int32()),
    "UINTEGER": Kind("integer", pl.UInt32()),
    "BIGINT": Kind("integer", pl.Int64()),
    "UBIGINT": Kind("integer", pl.UInt64()),
    "HUGEINT": Kind("integer", pl.Int128()),
    "FLOAT": Kind("float", pl.Float32()),
    "DOUBLE": Kind("float", pl.Float64()),
    "DATE": Kind("date", pl.Date()),
    "TIME": Kind("time", pl.Time()),
    "DATETIME": Kind("datetime", _MICROSECONDS),
    "TIMESTAMP": Kind("datetime", _MICROSECONDS),
    "TIMESTAMP_S": Kind("datetime", _MICROSECONDS),
    "TIMESTAMP_MS": Kind("datetime", pl.Datetime("ms")),
    "TIMESTAMP_NS": Kind("datetime", pl.Datetime("ns")),
    "TIMESTAMP WITH TIME ZONE": Kind("zoned", _UTC),
    "TIMESTAMPTZ": Kind("zoned", _UTC),
    "INTERVAL": Kind("interval", pl.Duration("us")),
    "VARCHAR": _TEXT,
    "TEXT": _TEXT,
    "UUID": Kind("uuid", pl.String()),
    "JSON": Kind("json", pl.String()),
    "BLOB": Kind("binary", None),
}


def of_words(declared: str, kind: str) -> Kind:  # noqa: PLR0911 (SQLite's rules in their order)
    """The family of a declared type of SQLite or DuckDB."""
    found = re.fullmatch(r"\s*([^(\[]*?)\s*(?:\(([^()]*)\))?\s*", declared.upper())
    if found is None:
        return _OTHER
    name, sizes = found[1], [int(s) for s in re.findall(r"-?\d+", found[2] or "")]
    if name in ("DECIMAL", "NUMERIC", "DECIMAL_TEXT") and sizes:
        return _decimal(sizes[0], sizes[1] if len(sizes) > 1 else 0)
    if kind == "duckdb":
        return _WORDS.get(name, _OTHER)
    known = _WORDS.get(name)
    if known is not None and known.family not in ("integer", "float"):
        return known
    # The rules of affinity, https://www.sqlite.org/datatype3.html section 3.1.
    if "INT" in name:
        return Kind("integer", pl.Int64())
    if any(word in name for word in ("CHAR", "CLOB", "TEXT")):
        return _TEXT
    if "BLOB" in name:
        return Kind("binary", None)
    if any(word in name for word in ("REAL", "FLOA", "DOUB")):
        return Kind("float", pl.Float64())
    return Kind("free", pl.String())


_ASKED: Mapping[str, Mapping[str, str]] = {
    "postgresql": {
        "interval": "(extract(epoch from {0}) * 1000000)::bigint",
        "array": "array_to_json({0})::text",
        "money": "{0}::numeric",
        **dict.fromkeys(("text", "enum", "json", "uuid", "other"), "{0}::text"),
    },
    "mysql": {"bit": "{0} + 0", "other": "CAST({0} AS CHAR)"},
}


def asked(column: Column, quoted: str, kind: str) -> str:
    """The expression that gives the cells of a column in a form that `parsed` reads."""
    return _ASKED.get(kind, {}).get(column.family, "{0}").replace("{0}", quoted)


_DIRECT = ("integer", "float")
LATE = ("free", "array", "time")
"""Families whose dtype is known when all cells are: they are kept as text until then."""


def straight(column: Column) -> pl.DataType:
    """The dtype in which a CSV reader may take the cells at once."""
    whole = column.dtype is not None and column.family in _DIRECT
    return column.dtype if whole and column.dtype is not None else pl.String()


def parsed(cells: pl.Series, column: Column) -> pl.Series:  # noqa: PLR0911 (one case a family)
    """Cells of text as what the type says; what it cannot hold is null, and counted by who asks."""
    dtype = column.dtype
    if dtype is None or cells.dtype == dtype:
        return cells
    match column.family:
        case "boolean" | "bit" if dtype == pl.Boolean:
            return cells.str.to_lowercase().is_in(["t", "1", "true"])
        case "date":
            return cells.str.to_date("%Y-%m-%d", strict=False)
        case "datetime":
            return cells.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
        case "zoned":
            return cells.str.to_datetime(
                "%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False
            )
        case "interval":
            return cells.cast(pl.Int64, strict=False).cast(pl.Duration("us"))
    if column.family in LATE:
        return cells
    return cells.cast(dtype, strict=False)
