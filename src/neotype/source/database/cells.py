"""Cells in the form in which each database takes them."""

from __future__ import annotations

import io
from typing import Any

import polars as pl

_INSTANT = "%Y-%m-%d %H:%M:%S%.6f"


def as_csv(frame: pl.DataFrame) -> memoryview:
    """Lines for COPY: text is in quotes, a missing cell is nothing at all."""
    lines = io.BytesIO()
    written = frame.select(
        _for_copy(name, dtype).alias(name) for name, dtype in frame.schema.items()
    )
    written.write_csv(lines, include_header=False, quote_style="non_numeric")
    return lines.getbuffer()


def _for_copy(name: str, dtype: pl.DataType) -> pl.Expr:
    cells = pl.col(name)
    match dtype:
        case pl.List() | pl.Array() if not _inner(dtype).is_nested():
            return _array(cells.arr.to_list() if isinstance(dtype, pl.Array) else cells, dtype)
        case pl.Duration():
            return cells.dt.to_string("iso")
        case pl.Datetime():
            zone = "+00" if dtype.time_zone else ""
            utc = cells.dt.convert_time_zone("UTC") if dtype.time_zone else cells
            return utc.dt.to_string(_INSTANT) + zone
        case pl.Binary():
            return pl.lit("\\x") + cells.bin.encode("hex")
        case pl.Null():
            return cells.cast(pl.String)
    return _json(cells, dtype) if dtype.is_nested() else cells


def _inner(dtype: Any) -> Any:
    return dtype.inner


def _array(cells: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """PostgreSQL's {"a","b",NULL}."""
    element = pl.element().cast(pl.String)
    if isinstance(_inner(dtype), pl.Duration):
        element = pl.element().dt.to_string("iso")
    escaped = element.str.replace_all("\\", "\\\\", literal=True).str.replace_all(
        '"', '\\"', literal=True
    )
    quoted = pl.when(pl.element().is_null()).then(pl.lit("NULL")).otherwise('"' + escaped + '"')
    return pl.lit("{") + cells.list.eval(quoted).list.join(",") + pl.lit("}")


def _json(cells: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Struct):
        return cells.struct.json_encode()
    wrapped = pl.struct(cells.alias("x")).struct.json_encode().str.slice(len('{"x":'))
    return pl.when(cells.is_not_null()).then(wrapped.str.head(-1))


def plain(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Numbers and text alone, for drivers that take Python's values or a statement of text."""
    return frame.select(
        _plain(name, dtype, kind).alias(name) for name, dtype in frame.schema.items()
    )


def _plain(name: str, dtype: pl.DataType, kind: str) -> pl.Expr:  # noqa: PLR0911 (one case a dtype)
    cells = pl.col(name)
    match dtype:
        case pl.Datetime():
            zoned = dtype.time_zone is not None
            utc = cells.dt.convert_time_zone("UTC") if zoned else cells
            return utc.dt.to_string(_INSTANT) + ("+00:00" if zoned and kind == "sqlite" else "")
        case pl.Date():
            return cells.dt.to_string("%Y-%m-%d")
        case pl.Time():
            return cells.dt.to_string("%H:%M:%S%.6f")
        case pl.Duration():
            return cells.dt.total_microseconds()
        case pl.Boolean():
            return cells.cast(pl.Int8)
        case pl.Binary():
            return cells
    if dtype.is_float():
        return cells.fill_nan(None)
    if dtype.is_nested():
        return _json(cells, dtype)
    wide = dtype in (pl.UInt64, pl.Int128, pl.UInt128)
    if dtype.is_integer() and not (wide and kind == "sqlite"):
        return cells
    return cells.cast(pl.String)


def as_values(frame: pl.DataFrame) -> list[str]:
    """A text (1, 'a', NULL) for each row, as MySQL writes it with backslashes as escapes."""
    texts = plain(frame, "mysql")
    return (
        texts.select(
            pl.concat_str(
                [_literal(name, dtype) for name, dtype in texts.schema.items()], separator=","
            )
        )
        .to_series()
        .to_list()
    )


def clock(cells: pl.Expr) -> pl.Expr:
    """A length of time as MySQL's TIME: -120:00:01.000000."""
    whole = cells.dt.total_microseconds()
    size = whole.abs()
    parts = [size // 3_600_000_000, size // 60_000_000 % 60, size // 1_000_000 % 60]
    texts = [part.cast(pl.String).str.zfill(2) for part in parts]
    sign = pl.when(whole < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    rest = pl.lit(".") + (size % 1_000_000).cast(pl.String).str.zfill(6)
    return sign + pl.concat_str(texts, separator=":") + rest


def _literal(name: str, dtype: pl.DataType) -> pl.Expr:
    cells = pl.col(name)
    if dtype == pl.Binary:
        return (pl.lit("x'") + cells.bin.encode("hex") + pl.lit("'")).fill_null("NULL")
    if dtype.is_numeric():
        return cells.cast(pl.String).fill_null("NULL")
    escaped = cells.str.replace_all("\\", "\\\\", literal=True).str.replace_all(
        "'", "''", literal=True
    )
    return (pl.lit("'") + escaped + pl.lit("'")).fill_null("NULL")


class Stream:
    """A frame as DuckDB takes it without pyarrow: by the Arrow stream interface alone."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame.with_columns(
            _for_duckdb(name, dtype).alias(name) for name, dtype in frame.schema.items()
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


def _for_duckdb(name: str, dtype: pl.DataType) -> pl.Expr:
    cells = pl.col(name)
    if isinstance(dtype, pl.List | pl.Array) and not _inner(dtype).is_nested():
        return cells.arr.to_list() if isinstance(dtype, pl.Array) else cells
    if dtype.is_nested():
        return _json(cells, dtype)
    text = dtype in (pl.Int128, pl.UInt128, pl.Null) or isinstance(dtype, pl.Enum | pl.Categorical)
    return cells.cast(pl.String) if text else cells
