"""Reading the detail of a score, which may be anybody's: what has another form is absent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from neotype.evaluate.metric import Interval


def numbered(said: Any) -> float | None:
    """A finite number."""
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        return None
    return float(said)


def spanned(said: Any) -> Interval | None:
    """Two numbers in order."""
    if not isinstance(said, list | tuple) or len(said) != 2:
        return None
    low, high = (numbered(end) for end in said)
    return None if low is None or high is None else (low, high)


def mapped(said: Any) -> Mapping[str, Any]:
    """Names with values."""
    return said if isinstance(said, Mapping) else {}


def listed(said: Any) -> list[Any]:
    """A list."""
    return said if isinstance(said, list) else []


def told(said: Any) -> list[Mapping[str, Any]]:
    """The records of a list."""
    return [part for part in listed(said) if isinstance(part, Mapping)]


def paired(said: Any) -> list[tuple[float, float]]:
    """The points of a curve."""
    return [point for point in map(spanned, listed(said)) if point is not None]


def squared(said: Any, size: int) -> list[list[float | None]]:
    """A square matrix of this size, None where there is no number; empty where it is none."""
    rows = [[numbered(cell) for cell in listed(row)] for row in listed(said)]
    return rows if len(rows) == size and all(len(row) == size for row in rows) else []
