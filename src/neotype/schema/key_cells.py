"""The cells of a column that may be a key or refer to one: which values, and how often."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

_FEW, _NEARLY = 50, 0.98
_EXACT = float(2**53)
_TOKEN = r"^[0-9A-Za-z_\-{}:.]+$"


class KeyCells:
    """A column of whole numbers, of text or of days, as sorted numbers: all but numbers by hash.

    Text holds `days` where its schema says so.
    """

    def __init__(self, cells: pl.Series, *, days: bool = False) -> None:
        self.name, self.rows = cells.name, len(cells)
        self.group = "day" if days else _group(cells)
        self.cells = cells

    @cached_property
    def present(self) -> pl.Series:
        """The cells that are there, as integers or text."""
        cells = self.cells
        if self.group == "number":
            return (
                cells.drop_nulls().drop_nans().cast(pl.Int64)
                if cells.dtype.is_float()
                else cells.drop_nulls().cast(pl.Int64)
            )
        return cells.drop_nulls().cast(pl.String)

    @cached_property
    def _counted(self) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
        marks = self.present if self.group == "number" else self.present.hash(seed=0)
        counted = marks.rename("value").value_counts(name="rows").sort("value")
        return counted["value"].to_numpy(), counted["rows"].to_numpy().astype(np.int64)

    @property
    def values(self) -> NDArray[np.generic]:
        """The distinct values, sorted."""
        return self._counted[0]

    @property
    def counts(self) -> NDArray[np.int64]:
        """In how many rows each value is."""
        return self._counted[1]

    @property
    def missing(self) -> int:
        """How many cells are not there."""
        return self.rows - len(self.present)

    @property
    def empty(self) -> bool:
        """Whether no cell is there."""
        return self.missing == self.rows

    @property
    def unique(self) -> bool:
        """Whether every cell is there and differs from all others; in no rows, all do."""
        return self.group is not None and not self.missing and len(self.values) == self.rows

    @property
    def nearly_unique(self) -> bool:
        """Whether it would be unique but for a few cells that are missing or come twice."""
        enough = self.rows >= _FEW and self.group is not None
        return enough and len(self.values) >= _NEARLY * self.rows

    @cached_property
    def token(self) -> bool:
        """Whether the texts look like codes that nobody would write by accident: hashes, UUIDs."""
        if self.group != "text" or self.empty:
            return False
        some = self.present.head(200)
        long = bool((some.str.len_chars() >= 8).all())
        coded = some.str.contains(_TOKEN) & some.str.contains(r"\d")
        return long and int(coded.sum()) > 0.9 * len(some)

    @cached_property
    def coded(self) -> bool:
        """Whether the texts are codes: short, and of one word."""
        if self.group != "text" or self.empty:
            return False
        some = self.present.head(500)
        return bool((~some.str.contains(r"\s") & (some.str.len_chars() <= 16)).all())

    @cached_property
    def domain(self) -> float:
        """How many values there might be, in bits: by the range of numbers, the length of texts."""
        if self.empty:
            return 0.0
        if self.group == "number":
            return float(np.log2(float(self.values[-1]) - float(self.values[0]) + 1.0))
        some = self.present.head(500)
        length = float(np.median(some.str.len_chars().to_numpy()))
        letters = 10 if bool(some.str.contains(r"^\d+$").all()) else 26
        return min(length, 16.0) * float(np.log2(letters))

    def within(self, parent: KeyCells) -> NDArray[np.bool_]:
        """Which of the distinct values the other column has too."""
        at = np.searchsorted(parent.values, self.values)
        at[at == len(parent.values)] = 0
        found: NDArray[np.bool_] = parent.values[at] == self.values
        return found


def _group(cells: pl.Series) -> str | None:
    """number or text; None of what is never a key: fractions, moments, true and false."""
    dtype = cells.dtype
    if dtype.is_integer():
        wide = dtype == pl.UInt64 and bool((cells >= 2**63).any())
        return None if wide else "number"
    if dtype.is_float():
        present = cells.drop_nulls().drop_nans()
        whole = present.is_finite() & (present.abs() < _EXACT) & (present == present.floor())
        return "number" if len(present) and bool(whole.all()) else None
    if dtype in (pl.String, pl.Categorical, pl.Null) or isinstance(dtype, pl.Enum):
        return "text"
    return None
