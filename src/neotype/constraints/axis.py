"""Columns on one axis, so that their cells can be compared, subtracted and put back.

Numbers, points in time, times of day and lengths of time each have an axis. Where all columns on
it are of known precision it is *whole*: cells are 128-bit counts of its smallest unit, so that
nothing is rounded and nothing overflows. Otherwise cells are floats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from math import floor
from typing import Any, Literal

import numpy as np
import polars as pl

from neotype.errors import SchemaError
from neotype.schema.schema import Datetime, Numeric
from neotype.schema.storage import storage_dtype
from neotype.schema.temporal import parse, resolution_of

Family = Literal["number", "instant", "clock", "length"]

WORDS = {
    "number": "numbers",
    "instant": "points in time",
    "clock": "times of day",
    "length": "lengths of time",
}
FAR = 1 << 120
"""Where infinite cells lie on a whole axis."""
_EXACT = 2.0**53
_FINEST = 18
_NS = {"ms": 10**6, "us": 10**3, "ns": 1}
_DAY = 86_400 * 10**9
_UNITS = {
    "day": _DAY,
    "hour": 3600 * 10**9,
    "minute": 60 * 10**9,
    "second": 10**9,
    "millisecond": 10**6,
    "microsecond": 10**3,
    "nanosecond": 1,
}


@dataclass(frozen=True)
class Axis:
    """One column on the axis of its family.

    `decimals`: on a whole axis of numbers a unit is 10 ** −decimals; of times it is a nanosecond.
    None where the axis is not whole. `step`: every cell of the column is a multiple of so many
    units. `wall`: points in time are read as their clock shows them, not as instants.
    """

    name: str
    column: Any
    family: Family
    decimals: int | None = None
    step: int = 1
    wall: bool = False

    @property
    def dtype(self) -> pl.DataType:
        """What the cells are stored as."""
        return storage_dtype(self.column.storage)

    @property
    def whole(self) -> bool:
        """Whether cells are counts, and not floats."""
        return self.family != "number" or self.decimals is not None

    def read(self, cells: pl.Series) -> pl.Series:
        """The cells on the axis (Int128 or Float64); null where one is missing or not a number."""
        if self.family != "number":
            return self._times(cells)
        if self.decimals is None:
            return cells.cast(pl.Float64).fill_nan(None)
        own = _digits_of(self.column, self.dtype)
        if cells.dtype.is_float():
            floats = cells.cast(pl.Float64).fill_nan(None)
            counts = (floats * 10.0**own).round().cast(pl.Int128, strict=False)
            endless = floats.is_infinite().fill_null(False)
            if endless.any():
                counts = counts.zip_with(~endless, _far(floats.sign()))
        elif isinstance(cells.dtype, pl.Decimal):
            counts, own = cells.to_physical().cast(pl.Int128), cells.dtype.scale
        else:
            counts = cells.cast(pl.Int128)
        return times(counts, 10 ** (self.decimals - own)).alias(self.name)

    def write(self, ticks: pl.Series) -> pl.Series:
        """The cells again: what `read` has read. Beyond what can be stored is the outermost."""
        if self.family != "number":
            return self._written_times(ticks)
        dtype = self.dtype
        if self.decimals is None:
            return self._written_floats(ticks)
        low, high = self.limits
        ticks = ticks.clip(low, high)
        own = _digits_of(self.column, dtype)
        counts = over(ticks, 10 ** (self.decimals - own))
        if dtype.is_integer():
            return counts.cast(dtype).alias(self.name)
        if isinstance(dtype, pl.Decimal):
            # A quotient has as many decimals as what is divided.
            quotient: pl.Series = counts.cast(pl.Decimal(38, dtype.scale)) / 10**own
            return quotient.cast(dtype).alias(self.name)
        return (counts.cast(pl.Float64) / 10.0**own).cast(dtype).alias(self.name)

    def _written_floats(self, values: pl.Series) -> pl.Series:
        dtype = self.dtype
        if dtype.is_integer():
            low, high = map(float, _bounds(dtype))
            return values.round().clip(low, high).cast(dtype, strict=False).alias(self.name)
        if isinstance(dtype, pl.Decimal):
            return values.round(dtype.scale).cast(dtype, strict=False).alias(self.name)
        if isinstance(self.column, Numeric) and self.column.decimals is not None:
            values = values.round(self.column.decimals)
        return values.cast(dtype).alias(self.name)

    @property
    def limits(self) -> tuple[int, int]:
        """On a whole axis: the outermost places that can be stored and are declared."""
        dtype, column = self.dtype, self.column
        low, high = -FAR, FAR
        if self.family != "number":
            low, high = self._time_limits()
        elif dtype.is_integer():
            low, high = (end * 10 ** (self.decimals or 0) for end in _bounds(dtype))
        elif isinstance(dtype, pl.Decimal):
            unit = 10 ** ((self.decimals or 0) - dtype.scale)
            most = 10 ** (dtype.precision or 38) - 1
            # a quotient of decimals has no more than 38 digits
            most = min(most, 10 ** (38 - dtype.scale) - 1)
            low, high = -most * unit, most * unit
        if isinstance(column, Numeric) and self.decimals is not None:
            if column.minimum is not None and np.isfinite(column.minimum):
                low = max(low, -_down(-Decimal(repr(column.minimum)), self))
            if column.maximum is not None and np.isfinite(column.maximum):
                high = min(high, _down(Decimal(repr(column.maximum)), self))
        return max(low, -FAR), min(high, FAR)

    def place(self, value: Any) -> Decimal:
        """Where a value that a user wrote lies, exactly, in units.

        SchemaError where it is no value of this family.
        """
        try:
            if self.family == "number":
                exact = Decimal(str(value))
                return exact if self.decimals is None else exact.scaleb(self.decimals)
            return Decimal(self._nanoseconds(value))
        except (InvalidOperation, ValueError, TypeError, pl.exceptions.PolarsError):
            raise SchemaError(
                f"{value!r} cannot be compared with '{self.name}', which holds "
                f"{WORDS[self.family]}.",
                mend={
                    "number": "give a number",
                    "instant": "give a date or time such as 2024-02-29 or 2024-02-29T12:30:00",
                    "clock": "give a time of day such as 08:30",
                    "length": "give a length such as 90m, 2h30m or 1d, or a number of seconds",
                }[self.family],
            ) from None

    def _nanoseconds(self, value: Any) -> int:
        if self.family == "length":
            return length(value)
        if self.family == "clock":
            clock = value if isinstance(value, time) else time.fromisoformat(str(value))
            return int(pl.Series([clock]).cast(pl.Int64)[0])
        return self._instant(value)

    def _instant(self, value: Any) -> int:
        if isinstance(value, str) and self.column.kind == "datetime" and self.column.format:
            told = parse(pl.Series([value]), self.column.format, self.column.part)
            if told.null_count() == 0:
                return int(self._times(pl.Series([value]))[0])
        if not isinstance(value, datetime | date):
            value = datetime.fromisoformat(str(value))
        cells = pl.Series([value])
        zone = getattr(self.dtype, "time_zone", None)
        if zone and not self.wall:
            cells = cells.cast(pl.Datetime("us")) if cells.dtype == pl.Date else cells
            if cells.dtype.time_zone is None:  # type: ignore[attr-defined]
                cells = cells.dt.replace_time_zone(zone, ambiguous="earliest")
        return int(_nanos(cells, wall=False)[0])

    def _times(self, cells: pl.Series) -> pl.Series:
        if cells.dtype == pl.String:
            cells = parse(cells, self.column.format or "", self.column.part)
        return _nanos(cells, wall=self.wall).alias(self.name)

    def _written_times(self, ticks: pl.Series) -> pl.Series:
        dtype, form = self.dtype, None
        if dtype == pl.String:
            form = self.column.format or ""
            dtype = parse(pl.Series([], dtype=pl.String), form, self.column.part).dtype
        low, high = self.limits
        ticks = ticks.clip(low, high)
        if dtype == pl.Date:
            cells = over(ticks, _DAY).cast(pl.Int32).cast(dtype)
        elif dtype == pl.Time:
            cells = ticks.cast(pl.Int64).cast(dtype)
        else:
            unit: Any = dtype.time_unit  # type: ignore[attr-defined]
            cells = over(ticks, _NS[unit]).cast(pl.Int64)
            zone = getattr(dtype, "time_zone", None)
            if zone and self.wall:
                naive = cells.cast(pl.Datetime(unit)).dt
                cells = naive.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
            cells = cells.cast(dtype)
        return (cells if form is None else cells.dt.to_string(form)).alias(self.name)

    def _time_limits(self) -> tuple[int, int]:
        dtype = self.dtype
        if self.family == "clock":
            return 0, _DAY - 1
        if dtype == pl.String:
            # text of four digits a year
            return -719_162 * _DAY, 2_932_897 * _DAY - 1
        if dtype == pl.Date:
            return -(2**31) * _DAY, (2**31 - 1) * _DAY
        unit = _NS[dtype.time_unit]  # type: ignore[attr-defined]
        return -(2**63) * unit, (2**63 - 1) * unit


def axes_of(
    columns: Sequence[tuple[str, Any]], frame: pl.DataFrame | None, *, asked_by: str
) -> tuple[Axis, ...]:
    """The columns on one axis; SchemaError where they cannot be compared.

    Where rows are given, the axis is as exact as their cells need.
    """
    families = {name: _family(name, column, asked_by) for name, column in columns}
    if len(set(families.values())) > 1:
        listed = ", ".join(f"'{n}' holds {WORDS[f]}" for n, f in families.items())
        raise SchemaError(
            f"{asked_by} compares what cannot be compared: {listed}.",
            mend="correct the kinds in the schema, or compare columns of one kind",
        )
    family = families[columns[0][0]]
    if family == "number":
        return _number_axes(columns, frame)
    wall = family == "instant" and _mixed_clocks(columns, asked_by)
    made = []
    for name, column in columns:
        axis = Axis(name, column, family, step=_time_step(column, wall), wall=wall)
        if frame is not None and axis.step > 1:
            ticks = axis.read(frame[name]).drop_nulls()
            if not bool((times(over(ticks, axis.step), axis.step) == ticks).all()):
                fine = 1 if axis.dtype == pl.String else _NS[getattr(axis.dtype, "time_unit", "ns")]
                axis = Axis(name, column, family, step=fine, wall=wall)
        made.append(axis)
    return tuple(made)


def times(ticks: pl.Series, factor: int) -> pl.Series:
    """Counts of an axis, each times a whole number."""
    return ticks if factor == 1 else ticks * pl.Series([factor], dtype=pl.Int128)


def over(ticks: pl.Series, divisor: int) -> pl.Series:
    """Counts of an axis, each divided and rounded down."""
    return ticks if divisor == 1 else ticks // pl.Series([divisor], dtype=pl.Int128)


def plus(ticks: pl.Series, more: int) -> pl.Series:
    """Counts of an axis, each with so many more."""
    return ticks if more == 0 else ticks + pl.Series([more], dtype=pl.Int128)


_LENGTHS = {"w": 7 * _DAY, "d": _DAY, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9}
_LENGTHS |= {"ms": 10**6, "us": 10**3, "ns": 1}


def length(value: Any) -> int:
    """Nanoseconds of a timedelta, a number of seconds, or a text such as 2h30m."""
    if isinstance(value, timedelta):
        return ((value.days * 86_400 + value.seconds) * 10**6 + value.microseconds) * 10**3
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(Decimal(str(value)) * 10**9)
    text = str(value).strip()
    sign = -1 if text.startswith("-") else 1
    parts = re.findall(r"(\d+(?:\.\d+)?) *(ms|us|ns|w|d|h|m|s) *", text.lstrip("+-"))
    if not parts or "".join(f"{n}{u}" for n, u in parts) != text.lstrip("+-").replace(" ", ""):
        raise ValueError(text)
    return sign * int(sum(Decimal(number) * _LENGTHS[unit] for number, unit in parts))


def _family(name: str, column: Any, asked_by: str) -> Family:
    dtype = storage_dtype(column.storage)
    if isinstance(column, Datetime) and dtype == pl.String:
        return "clock" if column.part == "time" else "instant"
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.Datetime | pl.Date):
        return "instant"
    if dtype == pl.Time:
        return "clock"
    if isinstance(dtype, pl.Duration):
        return "length"
    raise SchemaError(
        f"{asked_by} compares '{name}', which is {column.kind} stored as {column.storage}: "
        f"it has no order.",
        mend="name columns of numbers, dates or times; text that holds dates needs kind datetime "
        "and a format in the schema",
    )


def _digits_of(column: Any, dtype: pl.DataType) -> int:
    """How many decimals the cells have."""
    if dtype.is_integer():
        return 0
    if isinstance(dtype, pl.Decimal):
        return dtype.scale
    if getattr(column, "subtype", None) == "integer":
        return 0
    return int(column.decimals)


def _bounds(dtype: pl.DataType) -> tuple[int, int]:
    """The least and the greatest whole number of a dtype."""
    sign, _, bits = str(dtype).partition("Int")
    return (0, 2 ** int(bits) - 1) if sign else (-(2 ** (int(bits) - 1)), 2 ** (int(bits) - 1) - 1)


def _number_axes(
    columns: Sequence[tuple[str, Any]], frame: pl.DataFrame | None
) -> tuple[Axis, ...]:
    loose = tuple(Axis(name, column, "number") for name, column in columns)
    digits = []
    for name, column in columns:
        dtype = storage_dtype(column.storage)
        known = getattr(column, "decimals", None) is not None
        if dtype.is_float() and not known and getattr(column, "subtype", None) != "integer":
            return loose
        own = _digits_of(column, dtype)
        if own > _FINEST or (frame is not None and not _keeps_to(frame[name], own)):
            return loose
        digits.append(own)
    unit = max(digits)
    return tuple(
        Axis(name, column, "number", unit, 10 ** (unit - own))
        for (name, column), own in zip(columns, digits, strict=True)
    )


def _keeps_to(cells: pl.Series, decimals: int) -> bool:
    """Whether floats have no more decimals than that, and no more digits than a float holds."""
    if not cells.dtype.is_float():
        return True
    finite = cells.filter(cells.is_finite())
    counts = finite.cast(pl.Float64) * 10.0**decimals
    again = (counts.round() / 10.0**decimals).cast(cells.dtype)
    return bool((counts.abs() < _EXACT).all()) and bool((again == finite).all())


def _mixed_clocks(columns: Sequence[tuple[str, Any]], asked_by: str) -> bool:
    """Whether dates stand beside points in time of a zone; naive times may not."""
    dates: list[str] = []
    zoned: list[str] = []
    naive: list[str] = []
    for name, column in columns:
        dtype = storage_dtype(column.storage)
        is_date = dtype == pl.Date or (dtype == pl.String and column.part == "date")
        has_zone = getattr(dtype, "time_zone", None) is not None
        (dates if is_date else zoned if has_zone else naive).append(name)
    if zoned and naive:
        raise SchemaError(
            f"{asked_by} compares '{zoned[0]}', which has a time zone, with '{naive[0]}', "
            f"which has none.",
            mend="give both a time zone, or neither",
        )
    return bool(dates and zoned)


def _time_step(column: Any, wall: bool) -> int:
    """Nanoseconds of which every cell is a multiple, by what can be stored and is declared."""
    dtype = storage_dtype(column.storage)
    if dtype == pl.Date:
        return _DAY
    step = 1
    if dtype == pl.String:
        probe = pl.Series([datetime(2001, 2, 3, 4, 5, 6, 789_123)])
        probe = probe.dt.time() if column.part == "time" else probe
        probe = probe.dt.date() if column.part == "date" else probe
        again = parse(probe.dt.to_string(column.format or ""), column.format or "", column.part)
        step = 10**3 if again.null_count() else _UNITS[resolution_of(again)]
    elif isinstance(dtype, pl.Datetime | pl.Duration):
        step = _NS[dtype.time_unit]
    declared = _UNITS[column.resolution] if isinstance(column, Datetime) else 1
    if getattr(dtype, "time_zone", None) and not wall:
        # a whole hour of one zone is half an hour of another
        declared = min(declared, _UNITS["second"])
    return max(step, declared)


def _nanos(cells: pl.Series, *, wall: bool) -> pl.Series:
    """Nanoseconds, as Int128."""
    dtype = cells.dtype
    if dtype == pl.Date:
        return times(cells.cast(pl.Int32).cast(pl.Int128), _DAY)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone and wall:
        cells = cells.dt.replace_time_zone(None)
    unit = _NS[getattr(dtype, "time_unit", "ns")]
    return times(cells.cast(pl.Int64).cast(pl.Int128), unit)


def _far(sign: pl.Series) -> pl.Series:
    return times(sign.cast(pl.Int128, strict=False), FAR)


def _down(value: Decimal, axis: Axis) -> int:
    """The last step at or below a value."""
    return floor(value.scaleb(axis.decimals or 0) / axis.step) * axis.step
