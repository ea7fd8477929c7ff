"""What stands in the cells of a column that is never missing and of which nothing may be told.

A table of three rows has no label, number or date that may be kept, and yet a cell in each row: it
says nothing about the data, and fits the column.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import polars as pl

from neotype.schema.schema import Column, Datetime, Geo, Numeric
from neotype.schema.storage import storage_dtype

_DAY = datetime(2000, 1, 1)
_TEXTS = {"json": "{}", "geo": "0"}


def stood_in(cells: pl.Series, column: Column) -> pl.Series:
    """The cells with something in place of those that are missing."""
    if not cells.null_count():
        return cells
    one = _one(column, storage_dtype(column.storage))
    return cells.zip_with(cells.is_not_null(), one.cast(cells.dtype).new_from_index(0, len(cells)))


def _one(column: Column, dtype: pl.DataType) -> pl.Series:
    """The cell as a series of one."""
    if isinstance(column, Datetime) or isinstance(dtype, pl.Date | pl.Datetime | pl.Time):
        return _day(column, dtype)
    if isinstance(column, Numeric):
        least = 1.0 if column.minimum is None else max(1.0, column.minimum)
        return pl.Series([least if column.maximum is None else min(least, column.maximum)])
    if dtype.is_nested():
        return pl.Series([_nested(dtype)], dtype=dtype)
    if isinstance(dtype, pl.Enum):
        return pl.Series([dtype.categories[0]])
    if isinstance(dtype, pl.String | pl.Categorical):
        return pl.Series([_TEXTS.get(column.kind, "*")])
    return pl.Series([0 if isinstance(dtype, pl.Duration) or isinstance(column, Geo) else 1])


def _day(column: Column, dtype: pl.DataType) -> pl.Series:
    """A midnight, as a date, a time or a text of the column's format."""
    day, midnight = pl.Series([_DAY]), pl.Series([time(0)])
    if isinstance(column, Datetime) and isinstance(dtype, pl.String) and column.format is not None:
        return (midnight if column.part == "time" else day).dt.to_string(column.format)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return day.dt.replace_time_zone(dtype.time_zone)
    if isinstance(dtype, pl.Time):
        return midnight
    return day.dt.epoch("s") if dtype.is_integer() else day


def _nested(dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.List | pl.Map):
        return []
    return {} if isinstance(dtype, pl.Struct) else None
