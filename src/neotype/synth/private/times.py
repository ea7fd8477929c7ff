"""Columns of times drafted: days, days of the week and hours are counted apart, with noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.calendar import DAY, PER_SECOND
from neotype.encode.datetime import in_storage, wall_clock
from neotype.schema.schema import Datetime, Duration
from neotype.schema.storage import storage_dtype
from neotype.synth.private.numbers import COARSENESS, Shape, coarsest, dealt, shape
from neotype.synth.private.purse import Ints, Purse, smoothed
from neotype.synth.private.quantities import with_gaps

_EPOCH = 10_957
"""Days from 1970 to 2000: powers of two are counted from there."""
_MONDAY = 3
"""1970-01-01 was a Thursday: three days after a Monday."""
_DAYS, _WEEKDAY, _HOUR = 0.6, 0.15, 0.25
_RESOLUTIONS = {"day": 0, "hour": 1, "minute": 2, "second": 3}
_STEPS = (DAY, 3600, 60, 1)
_FARTHEST = 2_900_000
"""Days from 1970: the years −9999 to 9999 are times that any storage can hold."""
_LONGEST = 2**62


def moment(
    column: Datetime, cells: pl.Series, purse: Purse, rows: int, generator: Generator
) -> pl.Series:
    """Invented times whose days, days of the week and hours follow noisy histograms."""
    ticks, known, per_second = wall_clock(purse.name, column, cells)
    timed = bool(per_second)
    per_day = DAY * per_second if timed else 1
    level = _RESOLUTIONS.get(column.resolution, 3) if timed else 0
    day, rest = np.divmod(ticks, per_day)
    clock_only = column.part == "time" or storage_dtype(column.storage) == pl.Time
    share = 1.0 - (_HOUR if level and not clock_only else 0.0)
    if clock_only:
        found = _hours(rest, known, purse, per_day, 1.0)
        step = max(_STEPS[level] * per_second, 1)

        def of_day(wanted: int) -> pl.Series:
            drawn = found.drawn(wanted, generator)
            return in_storage(drawn // step * step, column)

        return with_gaps(of_day, found, rows, generator)
    weekday = _weekdays(day, known, purse, share * _WEEKDAY)
    found = _days(day, known, purse, share * (1 - _WEEKDAY), per_day, column)
    hours = _hours(rest, known, purse, per_day, _HOUR) if level else None
    step = max(_STEPS[level] * per_second, 1)

    def drawn(wanted: int) -> pl.Series:
        days = _on_weekdays(found.drawn(wanted, generator) + _EPOCH, weekday, generator)
        within = 0 if hours is None else hours.drawn(wanted, generator) // step * step
        return in_storage(days * per_day + within, column)

    return with_gaps(drawn, found, rows, generator)


def _days(
    day: Ints,
    known: NDArray[np.bool_],
    purse: Purse,
    share: float,
    per_day: int,
    column: Datetime,
) -> Shape:
    """The shape of days, counted from 2000 on."""
    most = min(_FARTHEST, 2**62 // per_day)
    limits = (-most - _EPOCH, most - _EPOCH)
    axis = np.clip(day - _EPOCH, *limits)
    low = high = None
    if column.public and known.any():
        low, high = int(axis[known].min()), int(axis[known].max())
    return shape(axis, known, purse, low=low, high=high, limits=limits, share=share)


def _hours(rest: Ints, known: NDArray[np.bool_], purse: Purse, per_day: int, share: float) -> Shape:
    """How many rows each hour of the day has."""
    per_hour = per_day // 24
    cell = np.where(known, rest // per_hour, 24)
    noisy, sigma = purse.counts(cell, 25, share, "the hours")
    low = np.arange(24, dtype=np.int64) * per_hour
    missing = float(noisy[24]) if noisy[24] > 3 * sigma else 0.0
    return Shape(low, low + per_hour - 1, smoothed(noisy[:24], sigma), missing, sigma)


def _weekdays(day: Ints, known: NDArray[np.bool_], purse: Purse, share: float) -> NDArray[Any]:
    """The shares of the days of the week, Monday first."""
    cell = np.where(known, (day + _MONDAY) % 7, 7)
    noisy, sigma = purse.counts(cell, 8, share, "the days of the week")
    mass = smoothed(noisy[:7], sigma, sure=3.0)
    return mass / mass.sum() if mass.sum() > 0 else np.full(7, 1 / 7)


def _on_weekdays(day: Ints, weekday: NDArray[Any], generator: Generator) -> Ints:
    """The days moved within their weeks, so that days of the week have their shares."""
    if np.ptp(weekday) < 1e-9:
        return day
    wanted = generator.permutation(dealt(weekday, len(day)))
    moved: Ints = day - (day + _MONDAY) % 7 + wanted
    return moved


def length(
    column: Duration, cells: pl.Series, purse: Purse, rows: int, generator: Generator
) -> pl.Series:
    """Invented lengths of time whose shape follows noisy histograms."""
    dtype = storage_dtype(column.storage)
    physical = cells.to_physical()
    known = physical.is_not_null().to_numpy().copy()
    share, unit = 1.0, 1
    axis: Any = physical.fill_null(0).to_numpy()
    if dtype.is_float():
        known &= np.isfinite(axis)
        axis = np.where(known, axis, 0.0).astype(np.float64)
        limits: tuple[Any, Any] = (-1e300, 1e300)
    else:
        axis = axis.astype(np.int64)
        limits = (-_LONGEST, _LONGEST)
    if isinstance(dtype, pl.Duration):
        units = _units(PER_SECOND[dtype.time_unit])
        unit = units[coarsest(_unit_of(axis, known, units), len(units), purse)]
        share -= COARSENESS
        axis = axis // unit
        limits = (-(_LONGEST // unit), _LONGEST // unit)
    low = high = None
    if column.public and known.any():
        low, high = axis[known].min().item(), axis[known].max().item()
    found = shape(axis, known, purse, low=low, high=high, limits=limits, share=share)
    return with_gaps(
        lambda wanted: pl.Series(found.drawn(wanted, generator) * unit).cast(dtype),
        found,
        rows,
        generator,
    )


def _units(per_second: int) -> list[int]:
    """Ticks of a day, an hour, a minute, a second, and of what is finer than that."""
    units = [step * per_second for step in _STEPS]
    while units[-1] > 1:
        units.append(units[-1] // 1000)
    return units


def _unit_of(ticks: Ints, known: NDArray[np.bool_], units: list[int]) -> Ints:
    """The place of the coarsest unit of which each length is a whole number; −1: there is none."""
    level = np.full(len(ticks), len(units) - 1, dtype=np.int64)
    for place in range(len(units) - 1, -1, -1):
        level[ticks % units[place] == 0] = place
    level[~known] = -1
    return level
