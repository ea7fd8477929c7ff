"""Dates, also those that are kept as text, and back into the form they came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from neotype.schema.schema import Datetime
from neotype.schema.temporal import find_format, parse


@dataclass(frozen=True)
class Dates:
    """The dates of a column; `form` is how text writes them."""

    values: pl.Series
    dtype: pl.DataType
    form: str | None

    def written(self, dates: pl.Series) -> pl.Series:
        """Other dates in the dtype and form of the column."""
        return dates.cast(self.dtype) if self.form is None else dates.dt.strftime(self.form)


def read_dates(cells: pl.Series, column: Any) -> Dates | None:
    """The cells as dates; None where they are none. Times of day are none."""
    if cells.dtype in (pl.Date, pl.Datetime):
        return Dates(cells, cells.dtype, None)
    if cells.dtype != pl.String or cells.null_count() == len(cells):
        return None
    form, part = None, "date"
    if isinstance(column, Datetime) and column.format is not None:
        form, part = column.format, column.part
    else:
        found = find_format(cells.drop_nulls())
        if found is not None:
            form, part = found
    if form is None or part == "time":
        return None
    return Dates(parse(cells, form, part), cells.dtype, form)  # type: ignore[arg-type]
