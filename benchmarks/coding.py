"""A table as codes of a domain that is read from it for free: what libraries without one need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

BINS = 32

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Labels:
    """Every label of the table."""

    values: pl.Series

    def codes(self, cells: pl.Series) -> pl.Series:
        order = range(len(self.values))
        return cells.replace_strict(self.values, pl.Series(order), return_dtype=pl.Int64)

    def cells(self, codes: Codes, generator: np.random.Generator) -> pl.Series:
        return self.values.gather(codes)

    @property
    def size(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Bins:
    """Values that are heavy enough for a bin by themselves, and bins between quantiles of others.

    A bin holds the values from `low` to `high`, which are real ones, and all are as likely.
    """

    values: NDArray[Any]
    places: Codes
    low: NDArray[Any]
    high: NDArray[Any]
    dtype: Any

    @staticmethod
    def of(cells: pl.Series) -> Bins:
        known = np.sort(cells.drop_nulls().to_numpy())
        values, counts = np.unique(known, return_counts=True)
        keys = np.arange(len(values))
        if len(values) > BINS:
            alone = counts * BINS >= len(known)
            rest = np.repeat(values[~alone], counts[~alone])
            ends = np.linspace(0, len(rest) - 1, BINS - int(alone.sum()) + 1).astype(np.int64)
            edges, times = np.unique(rest[ends], return_counts=True)
            alone |= np.isin(values, edges[times > 1])
            edges = np.union1d(edges if times[-1] > 1 else edges[:-1], values[alone])
            keys = 2 * np.searchsorted(edges, values, side="right") - alone
        _, first, places = np.unique(keys, return_index=True, return_inverse=True)
        last = np.append(first[1:], len(values)) - 1
        return Bins(values, places, values[first], values[last], cells.dtype)

    def codes(self, cells: pl.Series) -> pl.Series:
        filled = cells.fill_null(self.values[0]).to_numpy()
        codes = pl.Series(self.places[np.searchsorted(self.values, filled)])
        return pl.select(pl.when(cells.is_not_null()).then(codes)).to_series()

    def cells(self, codes: Codes, generator: np.random.Generator) -> pl.Series:
        low, high = self.low[codes], self.high[codes]
        if self.dtype.is_integer():
            return pl.Series(generator.integers(low, high, endpoint=True), dtype=self.dtype)
        return pl.Series(generator.uniform(low, high), dtype=self.dtype)

    @property
    def size(self) -> int:
        return len(self.low)


class Domain:
    """The codes of a table's columns; a column with missing cells has one more, for these."""

    def __init__(self, train: pl.DataFrame) -> None:
        self._columns: dict[str, Labels | Bins] = {
            cells.name: Bins.of(cells)
            if cells.dtype.is_numeric()
            else Labels(cells.drop_nulls().unique().sort())
            for cells in train
        }
        self.sizes = {
            name: column.size + bool(train[name].null_count())
            for name, column in self._columns.items()
        }

    def codes(self, rows: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame(
            {
                name: column.codes(rows[name]).fill_null(column.size)
                for name, column in self._columns.items()
            }
        )

    def rows(self, codes: pl.DataFrame, seed: int) -> pl.DataFrame:
        generator = np.random.default_rng(seed)
        made = {}
        for name, column in self._columns.items():
            code = codes[name].to_numpy()
            cells = column.cells(np.minimum(code, column.size - 1), generator)
            known = pl.Series(code < column.size)
            made[name] = pl.select(pl.when(known).then(cells)).to_series()
        return pl.DataFrame(made)
