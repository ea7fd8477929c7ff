"""A column of numbers drafted: its axis, the shape of it that is paid for, and invented cells."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.family import held
from neotype.schema.schema import Numeric
from neotype.schema.storage import storage_dtype
from neotype.synth.private.numbers import COARSENESS, Shape, coarsest, shape
from neotype.synth.private.purse import Ints, Purse

_PLACES = 6
"""Decimals that are told apart where none are declared."""
_GRID = 2**62
_EXACT = 2.0**53
_DEEPEST = 18
"""Decimals of a number whose 64-bit multiples are still worth having."""


def quantity(
    column: Numeric, cells: pl.Series, purse: Purse, rows: int, generator: Generator
) -> tuple[pl.Series, Numeric]:
    """Invented numbers whose shape follows noisy histograms of the cells, and their decimals."""
    dtype = storage_dtype(column.storage)
    share = 1.0
    unit = _unit(column, dtype)
    if unit is None:
        floats = cells.cast(pl.Float64)
        places = coarsest(_places(floats), _PLACES + 2, purse)
        unit = 10**places if places <= _PLACES else 0
        share -= COARSENESS
        if unit:
            subtype = "decimal" if places else "integer"
            column = column.model_copy(update={"decimals": places, "subtype": subtype})
    axis, known = _axis(cells, unit)
    low, high = _declared(column, axis, known, unit)
    limits = _limits(dtype, unit)
    found = shape(axis, known, purse, low=low, high=high, limits=limits, share=share)
    made = with_gaps(
        lambda wanted: _in_storage(found.drawn(wanted, generator), unit, dtype),
        found,
        rows,
        generator,
    )
    return made, column


def with_gaps(drawn: Any, found: Shape, rows: int, generator: Generator) -> pl.Series:
    """So many cells, as many of them missing as the shape says; `drawn` makes the others."""
    total = float(found.mass.sum()) + found.missing
    gaps = min(ceil(rows * found.missing / total), rows) if total > 0 else 0
    present: pl.Series = drawn(rows - gaps)
    gap = pl.Series([None], dtype=present.dtype).new_from_index(0, gaps)
    return pl.concat([present, gap]).gather(generator.permutation(rows))


def _unit(column: Numeric, dtype: pl.DataType) -> int | None:
    """Steps per 1, as dtype or schema say; 0 is no step at all, None: neither says."""
    if dtype.is_integer():
        return 1
    if isinstance(dtype, pl.Decimal):
        return 10**dtype.scale if dtype.scale <= _DEEPEST else 0
    if column.subtype == "integer":
        return 1
    if column.decimals is not None:
        return 10**column.decimals if column.decimals <= _DEEPEST else 0
    return None


def _places(floats: pl.Series) -> Ints:
    """How many decimals each number has; one more than are told apart, −1 where there is none."""
    values = floats.fill_null(np.nan).to_numpy()
    level = np.full(len(values), _PLACES + 1, dtype=np.int64)
    for places in range(_PLACES, -1, -1):
        with np.errstate(over="ignore", invalid="ignore"):
            exact = np.abs(values) * 10.0**places < _EXACT
            level[exact & (np.round(values, places) == values)] = places
    level[~np.isfinite(values)] = -1
    return level


def _axis(cells: pl.Series, unit: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The numbers as multiples of their step, or as they are; and which cells have one."""
    known = cells.is_not_null().to_numpy().copy()
    dtype = cells.dtype
    if unit and (dtype.is_integer() or isinstance(dtype, pl.Decimal)):
        whole = cells.to_physical() if isinstance(dtype, pl.Decimal) else cells
        # A number beyond 64 bits is taken for the last that has them.
        near = whole.cast(pl.Float64).clip(-(2.0**63), 2.0**63 - 1024)
        exact = whole.cast(pl.Int64, strict=False)
        exact = exact.zip_with(exact.is_not_null(), near.fill_null(0.0).cast(pl.Int64))
        return exact.to_numpy().copy(), known
    floats = cells.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known &= np.isfinite(floats)
    floats = np.where(known, floats, 0.0)
    if not unit:
        return floats, known
    with np.errstate(over="ignore"):
        scaled = np.clip(floats * unit, -_GRID, _GRID)
    return np.rint(scaled).astype(np.int64), known


def _declared(
    column: Numeric, axis: NDArray[Any], known: NDArray[np.bool_], unit: int
) -> tuple[Any, Any]:
    """The bounds that the schema declares, or those of a public column, on the axis."""
    ends: list[Any] = [column.minimum, column.maximum]
    seen: tuple[Any, Any] = (None, None)
    if column.public and known.any():
        seen = axis[known].min().item(), axis[known].max().item()
    low, high = (
        own if end is None else _on_axis(end, unit) for own, end in zip(seen, ends, strict=True)
    )
    return low, high


def _on_axis(end: float, unit: int) -> Any:
    return round(max(-_GRID, min(end * unit, _GRID))) if unit else float(end)


def _limits(dtype: pl.DataType, unit: int) -> tuple[Any, Any]:
    """What the storage can hold, on the axis."""
    if not unit:
        most = 3e38 if dtype == pl.Float32 else 6e4 if dtype == pl.Float16 else 1e300
        return -most, most
    if isinstance(dtype, pl.Decimal):
        most_whole = min(10 ** (dtype.precision or 38) - 1, _GRID)
        return -most_whole, most_whole
    if dtype.is_integer():
        least, largest = held(dtype)
        return max(least, -(2**63)), min(largest, 2**63 - 1)
    return -_GRID, _GRID


def _in_storage(values: NDArray[Any], unit: int, dtype: pl.DataType) -> pl.Series:
    if isinstance(dtype, pl.Decimal) and unit:
        return (pl.Series(values).cast(pl.Decimal(38, dtype.scale)) / unit).cast(dtype)
    if unit <= 1:
        return pl.Series(values).cast(dtype)
    return pl.Series(values / unit).cast(dtype)
