"""What is counted of a data set, all of it here: the one place that sees cells.

A count of fewer than `protect` rows is 0, and a number is told only as the mean of so many that lie
together, unless as many rows share it. Whoever adds noise to what this class gives has added it to
everything that a stated schema holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from neotype.data import Dataset
from neotype.schema.quantity import written
from neotype.schema.specification import known_labels, spelt
from neotype.spec.cells import cell_numbers, grain

Codes = NDArray[np.int64]
Floats = NDArray[Any]

COUNTED = ("numeric", "datetime", "duration")
LABELLED = ("categorical", "ordinal", "boolean")
OTHER = "otherwise"
_BANDS = 8
_ATOM, _STANDS_OUT = 0.01, 3
"""A value is told by itself where so many of the cells, and thrice as many as usual, are it."""
_BESIDE = 50
"""So many steps to either side are tried for a number that no few rows have."""
_FEW, _LEAST = 24, 4
"""So few values are told each; so many times `protect` numbers are needed to tell their shape."""


@dataclass(frozen=True)
class Coding:
    """Rows by case of a column: the keys of the cases, and of each row its number, −1 for none."""

    keys: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True)
class Shape:
    """Numbers of a group of rows: heavy values with their counts, and quantiles of the rest."""

    atoms: dict[float, int]
    rest: int
    knots: tuple[float, ...]


@dataclass(frozen=True)
class Tally:
    """Counts of a single-table data set."""

    data: Dataset
    protect: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.data.rows

    def missing(self, name: str) -> float:
        """The share of missing cells."""
        cells = self.data.frame[name]
        return self._counted(self._gaps(cells)) / max(1, self.rows)

    def labels(self, name: str, rows: Codes | None = None) -> dict[str, int]:
        """How many rows, of these, have each label."""
        coding = self.coding(name)
        codes = coding.codes if rows is None else coding.codes[rows]
        counts = np.bincount(codes[codes >= 0], minlength=len(coding.keys))
        return {
            key: int(count)
            for key, count in zip(coding.keys, counts, strict=True)
            if key != "missing" and count >= self.protect
        }

    def shape(self, name: str, rows: Codes | None = None) -> Shape | None:
        """How the numbers of these rows fall; None where there are too few."""
        numbers = self._numbers[name]
        numbers = numbers if rows is None else numbers[rows]
        numbers = np.sort(numbers[np.isfinite(numbers)])
        if len(numbers) < _LEAST * self.protect:
            return None
        values, counts = np.unique(numbers, return_counts=True)
        usual = float(np.median(counts))
        heavy = counts >= max(self.protect, _ATOM * len(numbers), _STANDS_OUT * usual)
        if len(values) <= _FEW and (counts >= self.protect).all():
            heavy[:] = True
        rest = numbers[np.isin(numbers, values[~heavy])]
        atoms = dict(zip(values[heavy].tolist(), counts[heavy].tolist(), strict=True))
        if len(rest) < _LEAST * self.protect:
            return (
                Shape(atoms, 0, ())
                if atoms
                else Shape({}, len(numbers), self._knots(name, numbers))
            )
        return Shape(atoms, len(rest), self._knots(name, rest))

    def words(self, name: str) -> tuple[int, int]:
        """Between which numbers of words nine in ten texts lie."""
        texts = self.data.frame[name].cast(pl.String).drop_nulls()
        if len(texts) < 20 * self.protect:
            return 4, 12
        counts = np.sort(texts.str.split(" ").list.len().to_numpy())
        low, high = (int(counts[int(share * (len(counts) - 1))]) for share in (0.05, 0.95))
        return max(1, low), min(1000, max(1, high))

    def hours(self, name: str) -> list[int] | None:
        """How many rows have each hour of the day."""
        numbers = self._numbers[name]
        hours = (numbers[np.isfinite(numbers)] % 86400e6 // 3600e6).astype(np.int64)
        return [self._least(n) for n in np.bincount(hours, minlength=24).tolist()]

    def weekdays(self, name: str) -> list[int]:
        """How many rows have each day of the week."""
        numbers = self._numbers[name]
        days = ((numbers[np.isfinite(numbers)] // 86400e6 + 3) % 7).astype(np.int64)
        return [self._least(n) for n in np.bincount(days, minlength=7).tolist()]

    def coding(self, name: str) -> Coding:
        """Which case of a column each row belongs to: its label, a range of numbers, or missing."""
        return self._codings[name]

    def together(self, one: str, other: str) -> NDArray[np.int64]:
        """How many rows belong to each pair of cases."""
        a, b = self.coding(one), self.coding(other)
        both = (a.codes >= 0) & (b.codes >= 0)
        wide = len(b.keys)
        flat = np.bincount(a.codes[both] * wide + b.codes[both], minlength=len(a.keys) * wide)
        table = flat.reshape(len(a.keys), wide)
        return np.where(table < self.protect, 0, table)

    def ranks(self, name: str, groups: Codes | None) -> Floats:
        """Of each cell its rank among those of its group, between 0 and 1; NaN where missing."""
        numbers = self._numbers[name]
        whole = np.full(len(numbers), np.nan)
        groups = np.zeros(len(numbers), dtype=np.int64) if groups is None else groups
        for group in np.unique(groups):
            here = np.flatnonzero((groups == group) & np.isfinite(numbers))
            if len(here) >= 2:
                whole[here] = (stats.rankdata(numbers[here]) - 0.5) / len(here)
        return whole

    # -- within ------------------------------------------------------------------------------------

    @cached_property
    def _numbers(self) -> dict[str, Floats]:
        found = {}
        for name, column in self.data.schema.columns.items():
            cells = self.data.frame[name]
            if column.kind == "ordinal":
                place = {spelt(value): float(k) for k, value in enumerate(column.values)}
                known = cells.cast(pl.String).replace_strict(place, default=None)
                found[name] = known.cast(pl.Float64).fill_null(np.nan).to_numpy()
            elif column.kind in (*COUNTED, "geo"):
                found[name] = cell_numbers(column, cells)
        return found

    @cached_property
    def _codings(self) -> dict[str, Coding]:
        columns = self.data.schema.columns
        modelled = {n: c for n, c in columns.items() if c.kind in (*COUNTED, *LABELLED)}
        return {name: self._coded(name, column) for name, column in modelled.items()}

    def _coded(self, name: str, column: Any) -> Coding:
        cells = self.data.frame[name]
        if column.kind in COUNTED:
            keys, codes = self._banded(name, column)
        else:
            text = _spelt(column, cells)
            counts = text.drop_nulls().value_counts(name="#rows")
            kept = counts.filter(pl.col("#rows") >= self.protect)[name].to_list()
            order = known_labels(column) if column.kind != "categorical" else None
            keys = [label for label in order or sorted(kept) if label in set(kept)]
            place = {key: k for k, key in enumerate(keys)}
            found = text.replace_strict(place, default=-1, return_dtype=pl.Int64)
            codes = found.fill_null(-1).to_numpy().copy()
        gaps = self._gaps(cells)
        codes[gaps] = -1
        if self._counted(gaps):
            codes[gaps] = len(keys)
            keys = [*keys, "missing"]
        return Coding(tuple(keys), codes)

    def _banded(self, name: str, column: Any) -> tuple[list[str], Codes]:
        """Ranges of about as many rows each, but a heavy value is one by itself."""
        numbers = self._numbers[name]
        present = np.sort(numbers[np.isfinite(numbers)])
        codes = np.full(len(numbers), -1, dtype=np.int64)
        if len(present) < 2 * _BANDS * self.protect:
            return [], codes
        size = len(present) // _BANDS
        cuts = [self._near(name, present, k * size) for k in range(1, _BANDS)]
        edges = np.unique(np.array(cuts))
        edges = edges[(edges >= present[0]) & (edges < present[-1])]
        bands = np.searchsorted(edges, numbers, side="left")
        counts = np.bincount(bands[np.isfinite(numbers)], minlength=len(edges) + 1)
        if (counts < self.protect).any():
            edges = edges[counts[:-1] >= self.protect]
            bands = np.searchsorted(edges, numbers, side="left")
        codes[np.isfinite(numbers)] = bands[np.isfinite(numbers)]
        ends = [str(written(column.kind, edge)) for edge in edges]
        ends = [f"{end}s" if column.kind == "duration" else end for end in ends]
        return [f"{low}..{high}" for low, high in zip(["", *ends], [*ends, ""], strict=True)], codes

    def _knots(self, name: str, numbers: Floats) -> tuple[float, ...]:
        """Evenly spaced quantiles, each the mean of as many cells as protect one.

        The outermost cells are left out: a mean with one of them would tell it.
        """
        numbers = numbers[self.protect - 1 : len(numbers) - self.protect + 1]
        steps = int(np.clip(len(numbers) // (2 * self.protect), 1, 20))
        places = np.linspace(0, len(numbers) - 1, steps + 1).round().astype(int)
        return tuple(np.maximum.accumulate([self._near(name, numbers, p) for p in places]).tolist())

    def _near(self, name: str, numbers: Floats, place: int) -> float:
        """The mean of the cells around a place, or the one that they all are; rounded.

        Where that happens to be a cell of fewer than `protect` rows, it lies beside it.
        """
        start = int(np.clip(place - self.protect // 2, 0, len(numbers) - self.protect))
        around = numbers[start : start + self.protect]
        if around[0] == around[-1]:
            return float(around[0])
        column = self.data.schema.columns[name]
        mean = float(around.mean())
        if column.kind in {"datetime", "duration"}:
            step = max(1e6, grain(column) / 2)
            return self._beside(numbers, around, float(np.floor(mean / 1e6) * 1e6), step)
        if column.kind == "numeric" and column.subtype == "integer":
            return self._beside(numbers, around, float(np.rint(mean)), 1.0)
        decimals = getattr(column, "decimals", None)
        return float(f"{mean:.6g}") if decimals is None else round(mean, decimals)

    def _beside(self, numbers: Floats, around: Floats, mean: float, step: float) -> float:
        """The nearest number between these sorted cells that no few rows have; else half a step."""
        for far in range(_BESIDE):
            for near in (mean + far * step, mean - far * step):
                rows = np.searchsorted(numbers, near, "right") - np.searchsorted(numbers, near)
                inside = around[0] <= near <= around[-1]
                if inside and not 0 < rows < self.protect:
                    return near
        return mean + step / 2

    def _gaps(self, cells: pl.Series) -> NDArray[np.bool_]:
        gaps = cells.is_null()
        if cells.dtype.is_float():
            gaps |= cells.is_nan().fill_null(False)
        return gaps.to_numpy()

    def _counted(self, rows: NDArray[np.bool_]) -> int:
        return self._least(int(rows.sum()))

    def _least(self, count: int) -> int:
        return count if count >= self.protect else 0


def _spelt(column: Any, cells: pl.Series) -> pl.Series:
    """Labels as tables of cases spell them."""
    if column.kind != "boolean":
        return cells.cast(pl.String)
    no, yes = column.labels or (False, True)
    truth = cells == pl.Series([yes], dtype=cells.dtype, strict=False)[0]
    both = pl.when(truth).then(pl.lit(spelt(yes))).otherwise(pl.lit(spelt(no)))
    return pl.select(pl.when(cells.is_not_null()).then(both)).to_series().alias(cells.name)
