"""The words of reasons: counts, and of the cells only what several rows share."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

PROTECT = 5
"""What fewer rows than this share is never written into a reason."""


def count(number: int, noun: str) -> str:
    """1 cell, 2 cells, 1,234 cells."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def span(present: pl.Series) -> str:
    """from 17 to 90, with the four outermost cells on either side left aside; none of few cells."""
    ordered = present.filter(present.is_finite()) if present.dtype.is_float() else present
    if len(ordered) < 4 * PROTECT:
        return ""
    ordered = ordered.sort()
    low, high = ordered[PROTECT - 1], ordered[len(ordered) - PROTECT]
    return "" if low == high else f" from {_plain(low)} to {_plain(high)}"


def percent(share: float) -> str:
    """12%, and neither 0% of something nor 100% of not everything."""
    if 0 < share < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < share < 1 else f"{100 * share:.0f}%"


def _plain(value: Any) -> str:
    whole = not isinstance(value, float) or value == int(value)
    comma = "," if abs(value) >= 10_000 else ""  # 2014 is a year
    return format(value, f"{comma}.0f" if whole and abs(value) < 1e15 else f"{comma}.6g")


def common(present: pl.Series) -> tuple[str, float] | None:
    """The most frequent label and its share, where at least five rows have it."""
    counted = present.value_counts(sort=True, name="#rows").row(0)
    return (str(counted[0])[:40], counted[1] / len(present)) if counted[1] >= PROTECT else None


def shape(cell: str) -> str:
    """The form of a cell without what it says: 'AB-17 x' has the shape 'AA-99 a'."""
    masked = re.sub(r"[^\W\d_]", lambda mark: "A" if mark.group().isupper() else "a", cell[:20])
    return re.sub(r"\d", "9", masked)
