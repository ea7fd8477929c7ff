"""Bands of numbers and of the calendar, and what they are called: 30–39, 2020-Q1, 1980s."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl

DASH = "–"
_NICE = (1, 2, 5)
_MOST = 8
_SHORT_YEARS = 2


def number_band(cells: pl.Series, width: float, start: float = 0) -> pl.Series:
    """The band of each number as text: whole numbers 30–39, others 30–40 without its end."""
    whole = cells.dtype.is_integer() and float(width).is_integer() and float(start).is_integer()
    if whole:
        step, shift = int(width), int(start)
        low = (cells.cast(pl.Int64) - shift) // step * step + shift
        if step == 1:
            return low.cast(pl.String)
        return _joined(low, low + (step - 1))
    places = max(_places(width), _places(start))
    low = ((cells.cast(pl.Float64) - start) / width).floor() * width + start
    return _joined(_written(low, places), _written(low + width, places))


def _places(number: float) -> int:
    """The decimal places of a number as it is written."""
    return max(0, -int(Decimal(repr(float(number))).normalize().as_tuple().exponent))


def _written(numbers: pl.Series, places: int) -> pl.Series:
    if places == 0:
        return numbers.round(0).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.Series([None if n is None else f"{n:.{places}f}" for n in numbers], dtype=pl.String)


def _joined(low: pl.Series, high: pl.Series) -> pl.Series:
    pair = pl.DataFrame([low.cast(pl.String).alias("a"), high.cast(pl.String).alias("b")])
    return pair.select(pl.format(f"{{}}{DASH}{{}}", "a", "b")).to_series()


def edge_band(cells: pl.Series, edges: Sequence[float]) -> pl.Series:
    """The band between ascending edges: below 18, 18–64, 65 and over."""
    numbers = cells.cast(pl.Float64)
    whole = cells.dtype.is_integer() and all(float(edge).is_integer() for edge in edges)
    place = sum(((numbers >= edge).cast(pl.Int64) for edge in edges), start=numbers * 0)
    names = [f"below {edges[0]:g}"]
    for low, high in pairwise(edges):
        end = high - 1 if whole else high
        names.append(f"{low:g}" if end == low else f"{low:g}{DASH}{end:g}")
    names.append(f"{edges[-1]:g} and over")
    return place.cast(pl.Int64).replace_strict(range(len(names)), names, return_dtype=pl.String)


def _decade(cells: pl.Series, years: int) -> pl.Series:
    low = cells.dt.year().cast(pl.Int64) // years * years
    if years == 10:
        return low.cast(pl.String) + "s"
    return _joined(low, low + years - 1)


LEVELS: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "day": lambda cells: cells.dt.strftime("%Y-%m-%d"),
    "week": lambda cells: cells.dt.strftime("%G-W%V"),
    "month": lambda cells: cells.dt.strftime("%Y-%m"),
    "quarter": lambda cells: (
        cells.dt.year().cast(pl.String) + "-Q" + cells.dt.quarter().cast(pl.String)
    ),
    "year": lambda cells: cells.dt.year().cast(pl.String),
    "5 years": lambda cells: _decade(cells, 5),
    "decade": lambda cells: _decade(cells, 10),
}
"""Each unit of the calendar as a function from dates to labels."""

FLOORS: Mapping[str, str] = {
    "day": "1d",
    "week": "1w",
    "month": "1mo",
    "quarter": "1q",
    "year": "1y",
    "5 years": "5y",
    "decade": "10y",
}
"""The same units as polars truncates by."""


def number_label(low: Any, high: Any) -> str:
    """30–39, or 30 alone."""
    first, last = _plain(low), _plain(high)
    return first if first == last else f"{first}{DASH}{last}"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:g}"
    return str(value)


def date_label(low: dt.date, high: dt.date) -> str:  # noqa: PLR0911 (one way a unit)
    """The whole units that hold both: 2020-03-14, 2020-03, 2020-Q1, 2019-11–2020-02, 1980s."""
    if low == high:
        return low.isoformat() if type(low) is dt.date else str(low)
    first, last = (low.year, low.month), (high.year, high.month)
    if first == last:
        return f"{low.year}-{low.month:02d}"
    if low.year == high.year and low.month % 3 == 1 and high.month == low.month + 2:
        return f"{low.year}-Q{(low.month + 2) // 3}"
    if first == (low.year, 1) and last == (low.year, 12):
        return str(low.year)
    months = 12 * (high.year - low.year) + high.month - low.month
    if months <= 12 * _SHORT_YEARS:
        return f"{low.year}-{low.month:02d}{DASH}{high.year}-{high.month:02d}"
    if low.year % 10 == 0 and high.year == low.year + 9:
        return f"{low.year}s"
    return f"{low.year}{DASH}{high.year}"


def rounded_levels(values: pl.Series, widths: Sequence[Any]) -> Iterator[tuple[float, list[str]]]:
    """Bands of these widths, or of round ones, narrow to wide, of ascending values."""
    for width in widths or round_widths(values):
        yield float(width), number_band(values, width).to_list()


def round_widths(values: pl.Series) -> list[float]:
    """At most eight round widths between the smallest step and the range: 5, 10, 20, 50, …"""
    if len(values) < 3:
        return []
    reach = float(values[-1] - values[0])
    least = float(values.diff().drop_nulls().min())  # type: ignore[arg-type]
    first = math.floor(math.log10(max(least, reach / 1000)))
    found = [n * 10.0**e for e in range(first, first + 5) for n in _NICE]
    return [width for width in found if 1.5 * least < width < reach][-_MOST:]
