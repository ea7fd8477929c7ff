"""How discovery sees a table: each column as codes, and where it is a quantity as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.rng import Rng
from neotype.schema.constraint import Columns
from neotype.schema.infer_number import decimals_of
from neotype.schema.names import names_id
from neotype.schema.schema import ColumnBase, Datetime, Identifier, Numeric
from neotype.schema.temporal import parse

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SAMPLE = 2_000
"""Rows on which most of what does not hold is already refuted."""

_EXACT = float(1 << 53)
_MOMENT = {"date": "moment", "datetime": "moment", "time": "time of day"}


@dataclass(frozen=True)
class Cells:
    """One column of all rows."""

    name: str
    column: ColumnBase
    series: pl.Series

    @property
    def kind(self) -> str:
        """The kind of the column."""
        return str(getattr(self.column, "kind", ""))

    @cached_property
    def missing(self) -> Mask:
        """Where no cell is; not a number is no cell either."""
        return np.asarray(self.series.is_null().to_numpy())

    @cached_property
    def gaps(self) -> int:
        """How many cells are missing."""
        return int(self.series.null_count())

    @cached_property
    def codes(self) -> Codes:
        """Each cell as the number of its value; a missing cell is a value of its own, the first."""
        cells = self.series
        if cells.dtype == pl.String or isinstance(cells.dtype, pl.Categorical | pl.Enum):
            text = cells.cast(pl.String)
            coded = text.cast(pl.Enum(text.drop_nulls().unique())).to_physical().cast(pl.Int32)
        elif cells.dtype == pl.Boolean:
            # Not all columns hold both: what does not occur has no code.
            coded = cells.cast(pl.Int32) - int(bool(cells.all()))
        else:
            coded = cells.rank("dense").cast(pl.Int32) - 1
        if self.gaps:
            coded = (coded + 1).fill_null(0)
        return np.asarray(coded.to_numpy())

    @cached_property
    def distinct(self) -> int:
        """How many values there are, a missing one included."""
        return int(self.codes.max(initial=-1)) + 1

    @cached_property
    def counts(self) -> Ints:
        """Rows of each value."""
        return np.bincount(self.codes, minlength=self.distinct)

    @cached_property
    def order(self) -> Ints:
        """Rows so that equal values lie together."""
        return np.argsort(self.codes, kind="stable")

    @cached_property
    def unit(self) -> str | None:
        """What may be compared with what; None for what has no order of its own."""
        if isinstance(self.column, Numeric):
            return "number" if self.series.dtype.is_numeric() else None
        if isinstance(self.column, Datetime) and self.moments.dtype.is_temporal():
            return _MOMENT[self.column.part]
        return None

    @property
    def zone(self) -> str | None:
        """The time zone of moments; those of different zones are not compared."""
        zone: str | None = getattr(self.moments.dtype, "time_zone", None)
        return zone

    @cached_property
    def whole(self) -> bool:
        """Whether it is a whole number in every row."""
        return self.decimals == 0

    @cached_property
    def decimals(self) -> int | None:
        """Decimal places that every cell keeps to; None where there is no such number."""
        if not self.series.dtype.is_float():
            return 0 if self.series.dtype.is_integer() else decimals_of(self.series.drop_nulls())
        return decimals_of(self.series.drop_nulls())

    @cached_property
    def moments(self) -> pl.Series:
        """A column of dates as dates, however they are stored."""
        column = self.column
        if isinstance(column, Datetime) and column.format and self.series.dtype == pl.String:
            return parse(self.series, column.format, column.part)
        return self.series

    @cached_property
    def numbers(self) -> Floats:
        """The quantity, NaN where it is missing; moments in microseconds."""
        cells = self.series
        if isinstance(self.column, Datetime):
            cells = self.moments
            if cells.dtype == pl.Date or isinstance(cells.dtype, pl.Datetime):
                cells = cells.cast(pl.Datetime("us")).to_physical()
            elif cells.dtype == pl.Time:
                cells = cells.to_physical()
        return np.asarray(cells.cast(pl.Float64).fill_null(float("nan")).to_numpy())

    @cached_property
    def repeats(self) -> bool:
        """Whether a value says something about its row: neither one for all, nor one for each."""
        if isinstance(self.column, Identifier) and self.column.unique:
            return False
        named = self.kind == "identifier" or names_id(self.name)
        return 1 < self.distinct <= (0.8 if named else 0.5) * len(self.series)


@dataclass(frozen=True)
class Seen:
    """The columns of a table that rules may be about, and the few rows that are tried first."""

    frame: pl.DataFrame
    columns: Columns
    cells: dict[str, Cells]
    sample: Ints

    @classmethod
    def of(cls, columns: Columns, frame: pl.DataFrame) -> Seen:
        """Everything but nested and constant columns."""
        cells = {}
        for name, column in columns.items():
            series = frame[name]
            if series.dtype.is_nested() or column.kind in ("constant", "json"):
                continue
            if series.dtype.is_float():
                series = series.fill_nan(None)
            if series.null_count() < len(series):
                cells[name] = Cells(name, column, series)
        return cls(frame, columns, cells, some(frame.height, SAMPLE))

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return self.frame.height

    @cached_property
    def quantities(self) -> list[Cells]:
        """Numbers of more than two values that are exact as floats and finite."""
        found = []
        for one in self.cells.values():
            if one.unit == "number" and one.distinct > 2:
                known = one.numbers[~one.missing]
                if np.isfinite(known).all() and np.abs(known).max(initial=0) < _EXACT:
                    found.append(one)
        return found

    @cached_property
    def dates(self) -> list[Cells]:
        """Columns of dates or times that differ."""
        return [c for c in self.cells.values() if c.unit == "moment" and c.distinct > 1]


def some(rows: int, most: int) -> Ints:
    """At most so many rows, drawn without repeats, in order; always the same ones."""
    return np.arange(rows) if rows <= most else _drawn(rows, most)


@lru_cache(32)
def _drawn(rows: int, most: int) -> Ints:
    drawn = Rng(0).child("discovery").generator().choice(rows, most, replace=False)
    return np.sort(drawn)
