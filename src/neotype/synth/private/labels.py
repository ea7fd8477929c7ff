"""The labels of a column, with noise: declared ones, or those that many rows share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import polars as pl

from neotype.encode.family import held
from neotype.schema.schema import Boolean, Categorical, Ordinal
from neotype.schema.storage import storage_dtype
from neotype.synth.private.numbers import absent
from neotype.synth.private.purse import SURE, Floats, Purse


@dataclass(frozen=True)
class Labels:
    """Labels with about how many rows each has; `others` have none of them."""

    values: tuple[Any, ...]
    mass: Floats
    others: float
    missing: float


def labels(column: Categorical | Ordinal | Boolean, cells: pl.Series, purse: Purse) -> Labels:
    """The labels of a column of private cells."""
    cells = plain(cells)
    listed = declared(column)
    if listed is None and column.public:
        listed = cells.drop_nulls().unique().sort().to_list()
    if listed is not None:
        return _listed(listed, cells, purse, open_=isinstance(column, Categorical))
    return _found(cells, purse)


def _listed(listed: list[Any], cells: pl.Series, purse: Purse, *, open_: bool) -> Labels:
    size = len(listed)
    table = pl.Series(listed, dtype=cells.dtype, strict=False)
    place = pl.Series(np.arange(size), dtype=pl.Int64)
    index = cells.replace_strict(table, place, default=size, return_dtype=pl.Int64)
    index = index.zip_with(cells.is_not_null(), pl.Series([size + 1], dtype=pl.Int64))
    noisy, sigma = purse.counts(index.to_numpy(), size + 2, 1.0, "the labels")
    mass = np.maximum(noisy[:size], 0.0)
    others = absent(noisy[size], sigma) if open_ else 0.0
    return Labels(tuple(listed), mass, others, absent(noisy[size + 1], sigma))


def _found(cells: pl.Series, purse: Purse) -> Labels:
    """Labels that many rows share; what is left of all rows has others."""
    return _among(cells, Labels((), np.zeros(0), float(purse.rows), 0.0), purse, purse.spread)


def again(found: Labels, cells: pl.Series, purse: Purse) -> Labels:
    """The labels found, and those that are clear to a second purse among what has none of them.

    Which labels were found passed the mechanism, so that leaving their rows out costs nothing.
    """
    cells = plain(cells)
    table = pl.Series(found.values, dtype=cells.dtype, strict=False)
    left = ~cells.is_in(table.implode(), nulls_equal=True)
    if found.missing > 0:
        left &= cells.is_not_null()
    return _among(cells.filter(left), found, purse, 0.0)


def _among(cells: pl.Series, before: Labels, purse: Purse, spread: float) -> Labels:
    """Labels of these cells that many of them share, beside those found before."""
    tally = cells.value_counts(name="#rows")
    counts = tally["#rows"].to_numpy().astype(np.int64)
    keys = [(label is not None, label) for label in tally[cells.name].to_list()]
    there, noisy, sigma = purse.found(keys, counts, 1.0, "the labels")
    rest = before.others - float(noisy.sum())
    others = rest if rest > SURE * np.hypot(spread, sigma * np.sqrt(len(there))) else 0.0
    mass = dict(zip(before.values, before.mass.tolist(), strict=True))
    mass |= {key[1]: count for key, count in zip(there, noisy.tolist(), strict=True) if key[0]}
    missing = sum(count for key, count in zip(there, noisy.tolist(), strict=True) if not key[0])
    values = tuple(sorted(mass))
    each = np.array([mass[value] for value in values], dtype=np.float64)
    return Labels(values, each, others, before.missing + missing)


def declared(column: Any) -> list[Any] | None:
    """The labels that the schema or the dtype lists; None where neither does."""
    dtype = storage_dtype(column.storage)
    if isinstance(column, Categorical | Ordinal) and column.values is not None:
        return list(column.values)
    if isinstance(column, Boolean):
        return [False, True] if column.labels is None else list(column.labels)
    if isinstance(dtype, pl.Enum):
        return dtype.categories.to_list()
    return [False, True] if isinstance(dtype, pl.Boolean) else None


def plain(cells: pl.Series) -> pl.Series:
    """Labels as text where their dtype lists them; what is no number is missing."""
    if isinstance(cells.dtype, pl.Categorical | pl.Enum | pl.Null):
        return cells.cast(pl.String)
    return cells.fill_nan(None) if cells.dtype.is_float() else cells


def strangers(known: tuple[Any, ...], dtype: pl.DataType) -> Iterator[Any]:
    """Labels that are none of those known, for rows of which no more is known than that."""
    taken = set(known)
    if isinstance(dtype, pl.String | pl.Categorical):
        yield from (name for name in (f"other {i}" for i in count(1)) if name not in taken)
    elif dtype.is_integer():
        least, most = held(dtype)
        yield from (number for number in range(max(least, 0), most) if number not in taken)
    elif dtype.is_float():
        yield from (float(number) for number in range(1 << 20) if float(number) not in taken)
