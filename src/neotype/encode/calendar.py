"""A whole-number time axis as calendar parts: period × day in it × hour × rest, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ticks = NDArray[np.int64]
Layout = Literal["flat", "clock", "day", "week", "month"]

DAY = 86_400
PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}
"""Ticks of a second, by the time unit of the storage."""

_TELLING = 0.01
"""Nats per row from which on a calendar part is not chance."""
_MONDAY = 3
"""1970-01-01 was a Thursday: three days after a Monday."""


@dataclass(frozen=True)
class Calendar:
    """How a tick splits into parts; the parts together give exactly one tick.

    `per_day` is the number of ticks in a day. Layouts: *flat* (the axis itself), *clock* (hour and
    rest), *day*, *week* and *month* (period, day within it, hour and rest).
    """

    layout: Layout
    per_day: int

    @property
    def parts(self) -> tuple[tuple[str, int | None], ...]:
        """Name and number of values of each part; None for a part that needs a scale."""
        clock: tuple[tuple[str, int | None], ...] = ()
        if self.per_day > 1:
            clock = (("hour", 24),)
        if self.per_day > 24:
            clock = (*clock, ("rest", None))
        match self.layout:
            case "flat":
                return (("time", None),)
            case "clock":
                return clock
            case "day":
                return (("day", None), *clock)
            case "week":
                return (("week", None), ("weekday", 7), *clock)
        return (("month", None), ("day", 31), *clock)

    def split(self, ticks: Ticks) -> list[Ticks]:
        """The parts of each tick."""
        if self.layout == "flat":
            return [ticks]
        day, rest = np.divmod(ticks, self.per_day)
        per_hour = max(self.per_day // 24, 1)
        clock = [rest // per_hour] if self.per_day > 1 else []
        if self.per_day > 24:
            clock.append(rest % per_hour)
        match self.layout:
            case "clock":
                return clock
            case "day":
                return [day, *clock]
            case "week":
                week, weekday = np.divmod(day + _MONDAY, 7)
                return [week, weekday, *clock]
        month = _months(day)
        return [month, day - _first_days(month), *clock]

    def join(self, parts: list[Ticks]) -> Ticks:
        """The tick of these parts; a day beyond the end of its month is the month's last."""
        if self.layout == "flat":
            return parts[0]
        rest = list(parts)
        day = np.zeros(len(parts[0]), dtype=np.int64)
        match self.layout:
            case "day":
                day = rest.pop(0)
            case "week":
                week, weekday = rest.pop(0), rest.pop(0)
                day = week * 7 + weekday - _MONDAY
            case "month":
                month, within = rest.pop(0), rest.pop(0)
                first = _first_days(month)
                day = np.minimum(first + within, _first_days(month + 1) - 1)
        per_hour = max(self.per_day // 24, 1)
        edge = (2**63 - 1) // self.per_day - 1
        tick = np.clip(day, -edge, edge) * self.per_day
        for part, weight in zip(rest, (per_hour, 1), strict=False):
            tick = tick + part * weight
        return tick


def choose(ticks: Ticks, per_day: int) -> Calendar:
    """The layout whose day-within-period tells most; times of day always get their hour."""
    timed = per_day > 1
    day = ticks // per_day
    span = int(day.max()) - int(day.min())
    if span < 14 or span > 10**7:
        return Calendar("day" if timed and span <= 10**7 else "flat", per_day)
    weekly = _surprise((day + _MONDAY) % 7, np.ones(7))
    month = _months(day)
    covered = np.arange(int(day.min()), int(day.max()) + 1)
    possible = np.bincount(covered - _first_days(_months(covered)), minlength=31)
    monthly = _surprise(day - _first_days(month), possible)
    if monthly > max(weekly, _TELLING):
        return Calendar("month", per_day)
    if timed or weekly > _TELLING:
        return Calendar("week", per_day)
    return Calendar("flat", per_day)


def resolution(values: Ticks, per_second: int, protect: int) -> tuple[int, int]:
    """Ticks per step and steps per day, for the coarsest step that all but a few values keep to."""
    if per_second == 0:
        return 1, 1
    candidates = [(DAY * per_second, 1), (3600 * per_second, 24), (60 * per_second, 1440)]
    fine, per = per_second, DAY
    while fine >= 1:
        candidates.append((fine, per))
        fine, per = (fine // 1000, per * 1000) if fine > 1 else (0, 0)
    for unit, per_day in candidates:
        odd = int((values % unit != 0).sum())
        if odd == 0 or (odd < protect and odd * 100 < len(values)):
            return unit, per_day
    return 1, DAY * per_second


def _surprise(part: Ticks, possible: NDArray[np.float64] | NDArray[np.int64]) -> float:
    """Divergence of a part from evenly spread days, in nats, less what chance gives."""
    seen = np.bincount(part, minlength=len(possible)).astype(float)
    share, even = seen / seen.sum(), possible / possible.sum()
    here = seen > 0
    nats = float((share[here] * np.log(share[here] / even[here])).sum())
    return nats - (len(possible) - 1) / (2 * len(part))


def _months(day: Ticks) -> Ticks:
    """Months since January 1970."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _first_days(month: Ticks) -> Ticks:
    """The first day of each month, in days since 1970."""
    return month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
