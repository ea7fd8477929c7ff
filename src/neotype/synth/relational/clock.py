"""The column that orders events, as whole ticks, and what a calendar says of a tick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.encode.calendar import resolution
from neotype.encode.datetime import in_storage, wall_clock
from neotype.encode.encoder import SYMBOLS, Codes, Digit, State
from neotype.schema.schema import Datetime, Numeric
from neotype.schema.storage import storage_dtype

Ticks = NDArray[np.int64]
_FINEST = 6
"""Decimals of a number of time that are kept."""
_MONDAY = 3
"""1970-01-01 was a Thursday: three days after a Monday."""


@dataclass(frozen=True)
class Clock:
    """Events of a time, date or number column on an axis of whole ticks.

    `unit`: what one tick is, in ticks of the storage (times) or as a power of ten (numbers);
    `per_day`: ticks of a day, 0 where the axis is no calendar.
    """

    name: str
    column: Datetime | Numeric
    unit: int
    per_day: int
    first: int = 0
    last: int = 0
    """The range of all ticks, by which early and late are told."""

    @classmethod
    def learn(cls, name: str, column: Any, cells: pl.Series) -> Self | None:
        """The clock of a column; None where cells are missing or are no times or numbers."""
        if cells.null_count() or not isinstance(column, Datetime | Numeric):
            return None
        if isinstance(column, Numeric):
            if cells.dtype.is_float() and not bool(cells.is_finite().all()):
                return None
            whole = column.subtype == "integer" or column.decimals == 0
            decimals = 0 if whole else min(column.decimals or _FINEST, _FINEST)
            return cls(name, column, 10**decimals, 0)._ranged(cells)
        ticks, known, per_second = wall_clock(name, column, cells)
        if not known.all():
            return None
        unit, per_day = resolution(ticks, per_second, 1)
        return cls(name, column, unit, 0 if column.part == "time" else per_day)._ranged(cells)

    def _ranged(self, cells: pl.Series) -> Self:
        """The range that all but one in a thousand keep to: no single event sets it."""
        low, high = np.quantile(self.ticks(cells), [0.001, 0.999], method="nearest")
        return replace(self, first=int(low), last=int(high))

    def ticks(self, cells: pl.Series) -> Ticks:
        """Cells as ticks."""
        steps: Ticks
        if isinstance(self.column, Numeric):
            if cells.dtype.is_integer():
                steps = cells.cast(pl.Int64).to_numpy()
                return steps * self.unit
            steps = np.rint(cells.cast(pl.Float64).to_numpy() * self.unit).astype(np.int64)
            return steps
        steps, _, _ = wall_clock(self.name, self.column, cells)
        return np.asarray(steps // self.unit, dtype=np.int64)

    def cells(self, ticks: Ticks) -> pl.Series:
        """Ticks as cells, in the storage of the column."""
        if isinstance(self.column, Numeric):
            dtype = storage_dtype(self.column.storage)
            values: Any = ticks if self.unit == 1 else ticks / self.unit
            return pl.Series(self.name, values).cast(dtype)
        return in_storage(ticks * self.unit, self.column).alias(self.name)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """What `calendar` says: how late, coarse and fine, and the parts of a date."""
        era = (Digit("era", SYMBOLS, ordered=True), Digit("era.fine", SYMBOLS, ordered=True))
        if not self.per_day:
            return era
        hour = (Digit("hour", 24, ordered=True),) if self.per_day > 1 else ()
        return (
            *era,
            Digit("weekday", 7, ordered=True),
            Digit("day of month", 31, ordered=True),
            Digit("days left of month", 31, ordered=True),
            Digit("month", 12, ordered=True),
            *hour,
        )

    def calendar(self, ticks: Ticks) -> Codes:
        """Digits × events."""
        steps = max(self.last - self.first + 1, 1)
        late = np.clip((ticks - self.first) / steps * SYMBOLS, 0, SYMBOLS - 1e-6)
        era = [late.astype(np.int64), ((late % 1) * SYMBOLS).astype(np.int64)]
        if not self.per_day:
            return np.stack(era).astype(np.uint8)
        day, rest = np.divmod(ticks, self.per_day)
        months = day.astype("datetime64[D]").astype("datetime64[M]")
        begin = months.astype("datetime64[D]").astype(np.int64)
        end = (months + 1).astype("datetime64[D]").astype(np.int64)
        parts = [
            *era,
            (day + _MONDAY) % 7,
            day - begin,
            end - 1 - day,
            months.astype(np.int64) % 12,
        ]
        if self.per_day > 1:
            parts.append(rest * 24 // self.per_day)
        return np.stack(parts).astype(np.uint8)

    def state(self) -> State:
        """At rest."""
        names = ("name", "unit", "per_day", "first", "last")
        return State({name: getattr(self, name) for name in names}, {})

    @classmethod
    def restore(cls, state: State, column: Any) -> Self:
        """The inverse of `state`."""
        rest = (state.fact(name) for name in ("unit", "per_day", "first", "last"))
        return cls(state.fact("name"), column, *rest)
