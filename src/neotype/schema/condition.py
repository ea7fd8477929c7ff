"""What is asked of the cells of a column: certain values, or a range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from neotype.schema.temporal import Part, parse


@dataclass(frozen=True)
class Condition:
    """Cells of `column` must be one of `values` (None is a missing cell), or lie in a range.

    `values` None is a range: from `low` to `high`, either end open where it is None; an end is
    part of the range unless `low_open` or `high_open`. A missing cell lies in no range.
    """

    column: str
    values: tuple[Any, ...] | None = None
    low: Any = None
    high: Any = None
    low_open: bool = False
    high_open: bool = False
    format: str | None = None
    part: Part = "datetime"
    """How times are read from cells of text, where the ends of a range are times."""

    def spans(self) -> list[tuple[Any, Any]]:
        """Ranges, ends included, that hold all known cells that meet it."""
        if self.values is None:
            return [(self.low, self.high)]
        return [(value, value) for value in self.values if value is not None]

    def holds(self, cells: pl.Series) -> pl.Series:
        """Boolean, one a cell; never null."""
        if self.values is not None:
            known = pl.Series([v for v in self.values if v is not None], dtype=cells.dtype)
            found = cells.is_in(known.implode()).fill_null(False)
            return found | cells.is_null() if None in self.values else found
        if cells.dtype == pl.String and self.format is not None:
            cells = parse(cells, self.format, self.part)
        elif cells.dtype == pl.String and (self.low, self.high) != (None, None):
            cells = cells.cast(pl.Float64, strict=False)
        found = cells.is_not_null()
        if cells.dtype.is_float():
            found &= ~cells.is_nan()
        if self.low is not None:
            found &= cells > self.low if self.low_open else cells >= self.low
        if self.high is not None:
            found &= cells < self.high if self.high_open else cells <= self.high
        return found.fill_null(False)


Where = tuple[Condition, ...]


def met(conditions: Where, frame: pl.DataFrame) -> pl.Series:
    """Boolean, one a row: whether all conditions hold."""
    found = pl.Series([True]).new_from_index(0, frame.height)
    for one in conditions:
        found &= one.holds(frame[one.column])
    return found


def at_odds(conditions: Where) -> list[str]:
    """Which columns are asked for what cannot be at once."""
    findings = []
    for name in dict.fromkeys(one.column for one in conditions):
        mine = [one for one in conditions if one.column == name]
        values = [one for one in mine if one.values is not None]
        if values:
            left = pl.Series([list(values[0].values or ())]).explode()
            meet = all(one.holds(left).any() for one in mine)
        else:
            low = max((one.low for one in mine if one.low is not None), default=None)
            high = min((one.high for one in mine if one.high is not None), default=None)
            meet = low is None or high is None or low <= high
        if not meet:
            findings.append(f"'{name}': these conditions contradict each other")
    return findings
