"""Dates and times as text: the format under which every cell comes back as it was."""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

Part = Literal["datetime", "date", "time"]

_DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"),
    *("%m/%d/%Y", "%d/%m/%Y", "%-m/%-d/%Y", "%-d/%-m/%Y"),
    *("%d.%m.%Y", "%-d.%-m.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%-m/%-d/%y", "%-d/%-m/%y", "%d.%m.%y", "%y-%m-%d"),
    *("%d %b %Y", "%-d %b %Y", "%d %B %Y", "%-d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%-d-%b-%y"),
    *("%b %d, %Y", "%b %-d, %Y", "%B %d, %Y", "%B %-d, %Y"),
)
_TIMES = (
    *("%H:%M:%S", "%H:%M", "%-H:%M", "%H:%M:%S%.3f", "%H:%M:%S%.6f", "%H:%M:%S%.9f"),
    *("%I:%M %p", "%I:%M:%S %p", "%-I:%M %p", "%-I:%M:%S %p", "%H:%M:%S%.f"),
)
_ZONE = re.compile(r"(Z| ?UTC|[+-]\d\d:?\d\d)$")


def find_format(present: pl.Series) -> tuple[str, Part] | None:
    """The strftime format that reads and rewrites every cell unchanged, and what it holds.

    `present` has no nulls. A zone mark (Z, +02:00) must be the same in every cell and stays in the
    format as literal text.
    """
    if present.is_empty():
        return None
    cells = present.unique()
    first = str(cells[0])
    if not 4 <= len(first) <= 40 or not any(mark.isdigit() for mark in first):
        return None
    zone = _ZONE.search(first) if ":" in first else None
    tail = zone.group() if zone else ""
    if tail:
        if not bool(cells.str.ends_with(tail).all()):
            return None
        cells = cells.str.strip_suffix(tail)
    if bool(cells.str.contains(r"^[0-9]{8}$").any()) and not bool(
        cells.str.contains(r"^(19|20)[0-9]{6}$").all()
    ):
        return None
    probe = cells.head(50)
    for form, part in _forms(str(cells[0])):
        if _holds(probe, form, part) and _holds(cells, form, part):
            return form + tail, part
    return None


def also_reads(present: pl.Series, form: str) -> str | None:
    """The format with day and month exchanged, where it reads every cell as well."""
    swapped = re.sub("[dm]", lambda found: {"d": "m", "m": "d"}[found.group()], form)
    if not re.match(r"%-?[dm][/.-]%-?[dm]", form):
        return None
    part: Part = "datetime" if "%H" in form or "%I" in form or "%-I" in form else "date"
    return swapped if _holds(present.unique(), swapped, part) else None


def parse(cells: pl.Series, form: str, part: Part) -> pl.Series:
    """The text as Date, Datetime[us] (ns where the format has nine digits) or Time."""
    if part == "date":
        return cells.str.to_date(form, strict=False)
    if part == "time":
        return cells.str.to_time(form, strict=False)
    unit: Literal["us", "ns"] = "ns" if "%.9f" in form else "us"
    return cells.str.to_datetime(form, time_unit=unit, strict=False)


def instants(cells: pl.Series) -> pl.Series:
    """ISO 8601 texts with offsets from UTC as times; the texts as they are where one has none."""
    times = each_instant(cells)
    return cells if times.null_count() > cells.null_count() else times


def each_instant(cells: pl.Series) -> pl.Series:
    """ISO 8601 texts with offsets from UTC as times, each by itself; others are missing."""
    iso = cells.str.replace(r"^(\S+) ", "${1}T").str.replace(" ", "")
    return iso.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", strict=False)


def _forms(sample: str) -> list[tuple[str, Part]]:
    """The formats that the sample could have."""
    clock = ":" in sample
    day = re.search(r"\d[-/. ]|[A-Za-z]{3}|^\d{8}$", sample.partition(":")[0]) is not None
    if not clock:
        return [(form, "date") for form in _DATES]
    if not day:
        return [(form, "time") for form in _TIMES]
    between = "T" if re.search(r"\dT\d", sample) else " "
    return [(f"{date}{between}{time}", "datetime") for date in _DATES for time in _TIMES]


def _holds(cells: pl.Series, form: str, part: Part) -> bool:
    try:
        values = parse(cells, form, part)
    except pl.exceptions.PolarsError:
        return False
    if values.null_count():
        return False
    return bool((values.dt.to_string(form) == cells).all())


Resolution = Literal["day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond"]

_STEPS: tuple[tuple[Resolution, int], ...] = (
    ("day", 86_400_000_000_000),
    ("hour", 3_600_000_000_000),
    ("minute", 60_000_000_000),
    ("second", 1_000_000_000),
    ("millisecond", 1_000_000),
    ("microsecond", 1_000),
    ("nanosecond", 1),
)
_UNITS = {"ms": 1_000_000, "us": 1_000, "ns": 1}


def resolution_of(values: pl.Series) -> Resolution:
    """The coarsest unit of which every instant is a whole number, by its own clock."""
    if values.dtype == pl.Date:
        return "day"
    unit = 1
    if isinstance(values.dtype, pl.Datetime):
        unit = _UNITS[values.dtype.time_unit]
        if values.dtype.time_zone is not None:
            values = values.dt.replace_time_zone(None)
    numbers = values.drop_nulls().to_physical()
    steps = _STEPS[1:] if values.dtype == pl.Time else _STEPS
    for name, step in steps:
        if step < unit:
            break
        if bool((numbers % (step // unit) == 0).all()):
            return name
    return steps[-1][0]
