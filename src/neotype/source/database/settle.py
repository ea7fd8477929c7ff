"""Cells of which the type says too little: what they are is seen when all of them are read."""

from __future__ import annotations

import polars as pl

from neotype.source.database.layout import Column

_NUMBER = r"^-?\d+(\.\d+)?$"


def finished(cells: pl.Series, column: Column) -> tuple[pl.Series, str | None]:
    """The cells of a text column in the dtype they allow, and what is to be said of it."""
    match column.family:
        case "free":
            return _number(cells)
        case "array":
            return _list(cells, column)
        case "time":
            return _time(cells)
    return cells, None


def _number(cells: pl.Series) -> tuple[pl.Series, str | None]:
    """Int64 or a decimal where nothing is lost, else Float64, else text."""
    if bool(cells.str.contains(_NUMBER).all()):
        scale = _scale(cells)
        if scale == 0:
            whole = cells.cast(pl.Int64, strict=False)
            if whole.null_count() == cells.null_count():
                return whole, None
        if scale <= 38:
            exact = cells.cast(pl.Decimal(38, scale), strict=False)
            if exact.null_count() == cells.null_count():
                return exact, None
    loose = cells.cast(pl.Float64, strict=False)
    if loose.null_count() > cells.null_count():
        return cells, None
    return loose, "decimals of more than 38 digits, NaN or infinity are read as floats"


def _scale(cells: pl.Series) -> int:
    """The longest fraction, without the zeros at its end."""
    fractions = cells.str.extract(r"\.(\d*?)0*$", 1).str.len_bytes().fill_null(0)
    return int(fractions.max() or 0)  # type: ignore[arg-type]


def _list(cells: pl.Series, column: Column) -> tuple[pl.Series, str | None]:
    inner = column.dtype.inner if isinstance(column.dtype, pl.List) else pl.String()
    plain = inner in (pl.Boolean, pl.String) or inner.is_integer() or inner.is_float()
    try:
        lists = cells.str.json_decode(pl.List(inner if plain else pl.String()))
        if not plain and isinstance(inner, pl.Datetime):
            zone = "%#z" if inner.time_zone else ""
            form = f"%Y-%m-%dT%H:%M:%S%.f{zone}"
            cells = lists.list.eval(pl.element().str.to_datetime(form, time_zone=inner.time_zone))
        elif inner == pl.Date:
            cells = lists.list.eval(pl.element().str.to_date("%Y-%m-%d"))
        else:
            cells = lists if plain else lists.cast(pl.List(inner))
    except pl.exceptions.PolarsError:
        return cells, "arrays of more than one dimension are read as JSON text"
    return cells, None


def _time(cells: pl.Series) -> tuple[pl.Series, str | None]:
    """A time of day; MySQL's TIME may also be a length of time."""
    times = cells.str.to_time("%H:%M:%S%.f", strict=False)
    if times.null_count() == cells.null_count():
        return times, None
    parts = cells.str.extract_groups(r"^(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?$").struct.unnest()
    if parts.to_series(1).null_count() > cells.null_count():
        return cells, "times that are no time of day are read as text"
    whole = parts.select(
        sum(
            (pl.nth(k + 1).cast(pl.Int64) * size for k, size in enumerate((3600, 60, 1))),
            start=pl.lit(0),
        )
        * 1_000_000
        + pl.nth(4).fill_null("").str.pad_end(6, "0").cast(pl.Int64)
    ).to_series()
    signed = whole * (parts.to_series(0) == "-").replace_strict({True: -1, False: 1})
    return signed.cast(pl.Duration("us")), "times beyond a day are read as lengths of time"


def loose(values: list[object], column: Column) -> pl.Series:
    """A batch of SQLite's cells, whose type is each cell's own: whole numbers, floats or text."""
    for dtype in _likely(column):
        try:
            return pl.Series(values, dtype=dtype, strict=True)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            continue
    return pl.Series([None if v is None else _text(v) for v in values], dtype=pl.String)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _likely(column: Column) -> tuple[pl.DataType, ...]:
    match column.family:
        case "integer" | "boolean":
            return pl.Int64(), pl.Float64()
        case "float":
            return pl.Float64(), pl.Int64()
        case "decimal" | "free":
            return pl.Int64(), pl.Float64(), pl.String()
    return pl.String(), pl.Int64()


def joined(batches: list[pl.Series]) -> pl.Series:
    """The batches as one; where they differ, the type that holds them all."""
    types = {batch.dtype for batch in batches if batch.null_count() < len(batch)}
    if len(types) > 1:
        wide = pl.Float64() if types == {pl.Int64(), pl.Float64()} else pl.String()
        return pl.concat([batch.cast(wide) for batch in batches])
    dtype = types.pop() if types else batches[0].dtype
    return pl.concat([batch.cast(dtype) for batch in batches])


def declared(cells: pl.Series, column: Column) -> tuple[pl.Series, str | None]:
    """SQLite's cells in the dtype that the declared type promises, where every cell keeps it."""
    said = f"declared {column.sql}" if column.sql else "declared without a type"
    if column.dtype is None or cells.dtype == column.dtype:
        return cells, None
    if cells.null_count() == len(cells):
        return cells.cast(column.dtype), None
    made = _as_declared(cells, column)
    if made is not None and made.null_count() == cells.null_count():
        return made, None
    if column.family in ("free", "other"):
        return cells, None
    return cells, f"{said}, and read as {cells.dtype}, which is what the cells are"


def _as_declared(  # noqa: PLR0911 (one case a family)
    cells: pl.Series, column: Column
) -> pl.Series | None:
    dtype, number = column.dtype, cells.dtype.is_numeric()
    match column.family:
        case "boolean" if cells.dtype == pl.Int64:
            return cells.cast(pl.Boolean) if bool(cells.is_in([0, 1]).all()) else None
        case "decimal" if isinstance(dtype, pl.Decimal):
            if number:
                scaled = cells.cast(pl.Float64) * 10.0**dtype.scale
                exact = (scaled - scaled.round()).abs() <= scaled.abs() * 1e-15 + 1e-6
                if not bool(exact.all()) or bool((scaled.abs() > 2.0**53).any()):
                    return None
            return cells.cast(dtype, strict=False)
        case "date" if not number:
            return cells.str.to_date("%Y-%m-%d", strict=False)
        case "time" if not number:
            return cells.str.to_time("%H:%M:%S%.f", strict=False)
        case "datetime" | "zoned" if not number:
            return _instant(cells, column)
        case "float" | "text":
            return cells.cast(dtype) if dtype is not None else None
        case "interval" if cells.dtype == pl.Int64:
            return cells.cast(pl.Duration("us"))
    return None


def _instant(cells: pl.Series, column: Column) -> pl.Series:
    plain = cells.str.replace("T", " ", literal=True)
    if column.family == "zoned":
        form = "%Y-%m-%d %H:%M:%S%.f%#z"
        return plain.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
    # A day alone is midnight.
    plain = pl.select(
        pl.when(plain.str.len_bytes() == 10).then(plain + " 00:00:00").otherwise(plain)
    ).to_series()
    return plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
