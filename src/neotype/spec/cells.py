"""Numbers as cells in the dtype of their column, and cells as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.schema import Boolean, Datetime, Geo, Numeric
from neotype.schema.specification import known_labels
from neotype.schema.storage import storage_dtype
from neotype.schema.temporal import parse

_STEPS = {
    "day": 86400e6,
    "hour": 3600e6,
    "minute": 60e6,
    "second": 1e6,
    "millisecond": 1e3,
    "microsecond": 1.0,
    "nanosecond": 1.0,
}
Numbers = NDArray[np.float64]


def grain(column: Any) -> float:
    """The step between cells: 1 for whole numbers, microseconds for times, else 0."""
    if isinstance(column, Datetime):
        return _STEPS["day" if column.part == "date" else column.resolution]
    whole = isinstance(column, Numeric) and (
        column.subtype == "integer" or storage_dtype(column.storage).is_integer()
    )
    return float(whole)


def number_cells(column: Any, numbers: Numbers) -> pl.Series:
    """Numbers (of times: microseconds) as cells; what the dtype cannot hold is its nearest end."""
    dtype = storage_dtype(column.storage)
    if column.kind == "datetime":
        return _moments(column, numbers, dtype)
    if column.kind == "duration":
        return pl.Series(np.rint(numbers).astype(np.int64)).cast(pl.Duration("us")).cast(dtype)
    if isinstance(column, Numeric | Geo) and column.decimals:
        numbers = np.round(numbers, column.decimals)
    if dtype.is_integer():
        low, high = _ends(dtype)
        whole = np.uint64 if dtype == pl.UInt64 else np.int64
        return pl.Series(np.clip(np.rint(numbers), low, high).astype(whole)).cast(dtype)
    return pl.Series(numbers).cast(dtype)


def _ends(dtype: pl.DataType) -> tuple[float, float]:
    low, high = (pl.select(end).item() for end in (dtype.min(), dtype.max()))  # type: ignore[attr-defined]
    # The greatest 64-bit number is no float: the one below it is.
    beyond = 2.0**64 if dtype == pl.UInt64 else 2.0**63
    return max(float(low), -(2.0**63)), min(float(high), float(np.nextafter(beyond, 0)))


def _moments(column: Datetime, numbers: Numbers, dtype: pl.DataType) -> pl.Series:
    step = grain(column)
    ticks = pl.Series((np.floor(numbers / step) * step).astype(np.int64))
    if column.part == "time":
        cells = ((ticks % int(86400e6)) * 1000).cast(pl.Time)
    else:
        cells = ticks.cast(pl.Datetime("us"))
        cells = cells.cast(pl.Date) if column.part == "date" else cells
    if dtype == pl.String:
        return cells.dt.strftime(column.format or "%Y-%m-%dT%H:%M:%S")
    zone = getattr(dtype, "time_zone", None)
    if zone and cells.dtype == pl.Datetime("us"):
        later = cells.dt.offset_by("1h")  # an hour that the clocks skip is the next
        cells = _zoned(cells, zone).fill_null(_zoned(later, zone))
    return cells.cast(dtype)


def _zoned(cells: pl.Series, zone: str) -> pl.Series:
    return cells.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")


def cell_numbers(column: Any, cells: pl.Series) -> Numbers:
    """Cells as numbers (of times: microseconds, by the clock of their zone); NaN where missing."""
    if isinstance(column, Datetime):
        if cells.dtype == pl.String:
            cells = parse(cells, column.format or "%Y-%m-%d", column.part)
        if getattr(cells.dtype, "time_zone", None):
            cells = cells.dt.replace_time_zone(None)
        if cells.dtype == pl.Time:
            return _floats(cells.to_physical()) / 1000.0
        cells = cells.cast(pl.Datetime("us")).to_physical()
    elif column.kind == "duration":
        cells = cells.cast(pl.Duration("us")).to_physical()
    return _floats(cells)


def _floats(cells: pl.Series) -> Numbers:
    return np.asarray(cells.cast(pl.Float64).fill_null(np.nan).to_numpy())


def label_cells(column: Any) -> tuple[tuple[str, ...], pl.Series]:
    """The labels of a column as tables spell them, and as cells."""
    spelt = known_labels(column)
    dtype = storage_dtype(column.storage)
    if isinstance(column, Boolean):
        return spelt or (), pl.Series(column.labels or (False, True), dtype=dtype, strict=False)
    values = getattr(column, "values", None)
    if values is not None:
        return spelt or (), pl.Series(values, dtype=dtype, strict=False)
    if spelt is None:
        one = column.distribution
        spelt = tuple(one.weights or ()) if one.constant is None else (str(one.constant),)
    cells = pl.Series(list(spelt), dtype=pl.String)
    return spelt, cells.cast(dtype, strict=False)
