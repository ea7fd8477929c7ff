"""Events that never come before a date of their owner: whether that holds is paid for, and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.dp.mechanism import Mechanism
from neotype.schema.schema import Datetime, Table
from neotype.schema.storage import storage_dtype

Ints = NDArray[np.int64]

NEVER = np.iinfo(np.int64).min
"""The moment of a missing cell: before all others."""
SHARE = 0.02
"""What it costs of the budget of a table of events to know."""
_SURE, _RARE = 3.0, 0.002
"""An exception is noise below so many sigmas; so many of all rows may be exceptions."""
_UNTOLD = 0.05
"""Where noise is that much of all rows, nothing is said."""
_DAY = 86_400_000_000


def dates(table: Table) -> list[str]:
    """The columns of days and points in time."""
    return [name for name, column in table.columns.items() if _dated(column)]


def _dated(column: Any) -> bool:
    return isinstance(column, Datetime) and column.part != "time"


def early(cells: pl.Series, column: Datetime, begun: Ints) -> Ints:
    """The places of the cells that are before their owner has begun."""
    told = moments(cells, column)
    return np.flatnonzero((told < begun) & (told != NEVER))


def moments(cells: pl.Series, column: Datetime) -> Ints:
    """Microseconds since 1970 of each cell; NEVER where it is missing."""
    if cells.dtype == pl.String:
        cells = cells.str.strptime(pl.Datetime("us"), column.format, strict=False)
    if getattr(cells.dtype, "time_zone", None):
        cells = cells.dt.replace_time_zone(None)
    whole = cells.cast(pl.Datetime("us"), strict=False).cast(pl.Int64)
    return whole.fill_null(NEVER).to_numpy().copy()


def cells_of(told: Ints, column: Datetime) -> pl.Series:
    """The cells of these moments in their storage."""
    dtype: Any = storage_dtype(column.storage)
    known = pl.Series(told, dtype=pl.Int64).cast(pl.Datetime("us"))
    if dtype == pl.String:
        return known.dt.strftime(str(column.format))
    zone = getattr(dtype, "time_zone", None)
    if zone:
        known = known.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return known.cast(dtype)


def begun(entities: pl.DataFrame, table: Table, names: Sequence[str], part: str) -> Ints:
    """For each entity the last of these dates, from which on its events come."""
    last = np.full(entities.height, NEVER)
    for name in names:
        column = table.columns[name]
        assert isinstance(column, Datetime)
        last = np.maximum(last, moments(entities[name], column))
    return np.where(last == NEVER, NEVER, last // _DAY * _DAY) if part == "date" else last


def never_before(
    mechanism: Mechanism, earlier: Mapping[str, NDArray[np.bool_]], rows: int, rho: float
) -> tuple[str, ...]:
    """The dates that hardly any event comes before; `earlier` says it of each event that counts."""
    if not earlier:
        return ()
    found = np.array([int(one.sum()) for one in earlier.values()], dtype=np.int64)
    noisy, sigma = mechanism.counts(
        found,
        rho=rho,
        sensitivity=sqrt(len(found)),
        purpose="rows before the dates of their owner",
    )
    if _SURE * sigma > _UNTOLD * rows:
        return ()
    told = noisy <= _SURE * sigma + _RARE * rows
    return tuple(name for name, holds in zip(earlier, told, strict=True) if holds)
