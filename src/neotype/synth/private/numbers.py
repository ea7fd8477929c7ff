"""The cells of an axis of numbers: bounds, heavy values and the shape between, all with noise.

An axis holds whole numbers (int64) or floats. Nothing of it is known but what the schema declares:
its bounds come from a histogram of powers of two, the step of its numbers from a histogram of
their coarseness. Few whole numbers are counted one by one; of others, heavy values are found by a
histogram with a threshold and the rest is counted in cells: more of them between powers of two
that have more rows, or, where bounds are declared, evenly spaced ones and ones that widen with the
distance from zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.synth.private.powers import Powers, powers
from neotype.synth.private.purse import SURE, Floats, Ints, Purse, smoothed

Axis = NDArray[Any]

BOUNDS = 0.3
"""The share of a column's budget that undeclared bounds cost."""
COARSENESS = 0.1
"""The share that an undeclared step costs."""
_ATOMS = 0.25
_NARROW = 128
_CELLS = 0.15
_BEND = 2000.0
"""Cells widen from a distance of span / this on."""
_EXCEPTIONS = 0.01
"""The share of cells that may be finer than a step."""


@dataclass(frozen=True)
class Shape:
    """Intervals of an axis (both ends belong to them) with about how many rows each has."""

    low: Axis
    high: Axis
    mass: Floats
    missing: float
    """About how many cells are missing; 0 where they may be none."""
    sigma: float

    def drawn(self, rows: int, generator: Generator) -> Axis:
        """So many values, as many of each interval as it has mass for, in no order."""
        if not self.mass.sum() > 0:
            return np.resize(self.low, rows) if len(self.low) else np.zeros(rows, np.int64)
        index = dealt(self.mass, rows)
        low, high = self.low[index], self.high[index]
        starts = np.searchsorted(index, index, side="left")
        counts = np.searchsorted(index, index, side="right") - starts
        spin = (np.arange(rows) - starts + generator.random(rows)) / counts
        if self.low.dtype == np.int64:
            span = (high - low).astype(np.uint64).astype(np.float64) + 1
            offset = np.minimum(np.floor(spin * span), span - 1).astype(np.uint64)
            values = np.minimum((low.astype(np.uint64) + offset).astype(np.int64), high)
        else:
            values = np.clip(low * (1 - spin) + high * spin, low, high)
        return np.asarray(generator.permutation(values))


def dealt(mass: Floats, rows: int) -> Ints:
    """The places of so many rows, in order: each place as often as its mass says, to within one."""
    ends = np.rint(np.cumsum(mass) / mass.sum() * rows).astype(np.int64)
    ends[-1] = rows
    return np.repeat(np.arange(len(mass)), np.diff(ends, prepend=0))


def shape(
    values: Axis,
    known: NDArray[np.bool_],
    purse: Purse,
    *,
    low: Any,
    high: Any,
    limits: tuple[Any, Any],
    share: float = 1.0,
) -> Shape:
    """The shape of an axis. `low` and `high` are declared bounds, None where there is none.

    No value lies beyond `limits`, whatever the data is.
    """
    found = None
    if low is None or high is None:
        found = powers(values, known, purse, share * BOUNDS).within(low, high)
        low, high = found.low[0].item(), found.high[-1].item()
        share *= 1 - BOUNDS
    low, high = (min(max(end, limits[0]), limits[1]) for end in (low, high))
    high = max(low, high)
    values = np.clip(np.where(known, values, low), low, high)
    if values.dtype == np.int64:
        sigma = purse.sigma(share)
        if high - low < max(_NARROW, purse.rows / sigma):
            return _one_by_one(values, known, purse, share, (low, high), found)
    return _coarse(values, known, purse, share, (low, high), found)


def coarsest(level: Ints, levels: int, purse: Purse) -> int:
    """The coarsest level to which all but a few rows keep; −1 is a row without a value."""
    noisy, sigma = purse.counts(level + 1, levels + 1, COARSENESS, "how coarse the values are")
    beyond = np.cumsum(noisy[:0:-1])[::-1]
    chance = SURE * sigma * np.sqrt(np.arange(levels, 0, -1))
    few = np.append(beyond[1:] <= np.maximum(chance[1:], _EXCEPTIONS * purse.rows), True)
    return int(np.argmax(few))


def _one_by_one(
    values: Ints,
    known: NDArray[np.bool_],
    purse: Purse,
    share: float,
    ends: tuple[int, int],
    told: Powers | None,
) -> Shape:
    """Every whole number between the ends is a cell."""
    low, high = ends
    size = high - low + 1
    cell = np.where(known, values - low, size)
    noisy, sigma = purse.counts(cell, size + 1, share, "the values")
    each = np.arange(size, dtype=np.int64) + low
    counted = noisy[:-1]
    if told is not None:
        counted = _agreed(counted, each, sigma, told.within(*ends), each[:0], noisy[:0])
    return Shape(each, each, smoothed(counted, sigma), absent(noisy[-1], sigma), sigma)


def _coarse(
    values: Axis,
    known: NDArray[np.bool_],
    purse: Purse,
    share: float,
    ends: tuple[Any, Any],
    told: Powers | None,
) -> Shape:
    """Heavy values, and cells for the rest."""
    atoms, heavy = values[:0], np.zeros(0)
    if purse.delta > 0:
        distinct, counts = np.unique(values[known], return_counts=True)
        keys, found, _ = purse.found(
            distinct, counts.astype(np.int64), share * _ATOMS, "the frequent values"
        )
        kept = found >= 0.002 * purse.rows
        atoms, heavy = np.array(keys, dtype=values.dtype)[kept], found[kept]
        share *= 1 - _ATOMS
    cells = int(np.clip(_CELLS * purse.rows / purse.sigma(share), 16, 4096))
    whole = values.dtype == np.int64
    if told is None:
        lower, upper = _edges(ends, cells, whole)
    else:
        told = told.within(*ends)
        lower, upper = _divided(told, cells)
    place = np.searchsorted(upper, values, side="left")
    place = np.where(known, np.minimum(place, len(upper) - 1), len(upper) + 1)
    place[known & np.isin(values, atoms)] = len(upper)
    noisy, sigma = purse.counts(place, len(upper) + 2, share, "the intervals")
    counted = noisy[:-2]
    if told is not None:
        counted = _agreed(counted, lower, sigma, told, atoms, heavy)
    mass = np.concatenate([smoothed(counted, sigma), heavy])
    low, high = np.concatenate([lower, atoms]), np.concatenate([upper, atoms])
    return Shape(low, high, mass, absent(noisy[-1], sigma), sigma)


def _divided(told: Powers, cells: int) -> tuple[Axis, Axis]:
    """The intervals cut into about so many cells, more of them where more rows are."""
    mass = np.maximum(np.nan_to_num(told.mass), 0.0)
    wanted = np.maximum(1, np.rint(cells * mass / max(mass.sum(), 1.0))).astype(np.int64)
    lower: list[Axis] = []
    upper: list[Axis] = []
    for low, high, parts in zip(told.low, told.high, wanted, strict=True):
        inner = np.linspace(float(low), float(high), int(parts) + 1)[1:-1]
        if told.low.dtype == np.int64:
            whole = np.floor(np.minimum(inner, 2.0**63 - 1024)).astype(np.int64)
            whole = np.unique(whole[(whole >= low) & (whole < high)])
            lower.append(np.append(low, whole + 1))
            upper.append(np.append(whole, high))
        else:
            lower.append(np.append(low, inner))
            upper.append(np.append(inner, high))
    return np.concatenate(lower), np.concatenate(upper)


def _agreed(
    counted: Floats, lower: Axis, sigma: float, told: Powers, atoms: Axis, heavy: Floats
) -> Floats:
    """Counts of cells that add up to what their intervals were told to have, as far as those know
    better."""
    owner = np.searchsorted(told.low, lower, side="right") - 1
    size = np.bincount(owner, minlength=len(told.low))
    heavier = np.searchsorted(told.low, atoms, side="right") - 1
    apart = np.bincount(heavier, weights=heavy, minlength=len(told.low))
    gap = told.mass - apart - np.bincount(owner, weights=counted, minlength=len(told.low))
    weight = size * sigma**2 / (size * sigma**2 + told.sigma**2)
    moved = np.nan_to_num(gap * weight) / np.maximum(size, 1)
    return np.asarray(counted + moved[owner], dtype=np.float64)


def _edges(ends: tuple[Any, Any], cells: int, whole: bool) -> tuple[Axis, Axis]:
    """The first and last value of cells of which half are even and half widen from zero on."""
    low, high = (float(end) for end in ends)
    if not low < high:
        same = np.array([ends[0]], dtype=np.int64 if whole else np.float64)
        return same, same
    span = high / 2 - low / 2
    centre, bend = min(max(0.0, low), high), max(span * 2 / _BEND, float(whole))
    even = low / cells * np.arange(cells, -1, -2) + high / cells * np.arange(0, cells + 1, 2)
    first, last = np.arcsinh((low - centre) / bend), np.arcsinh((high - centre) / bend)
    bent = centre + bend * np.sinh(np.linspace(first, last, cells // 2 + 1))
    edges = np.unique(np.clip(np.concatenate([even, bent]), low, high))
    if not whole:
        edges = np.append(edges[:-1][np.diff(edges) > 1e-9 * span], high)
        edges[0] = low
        return edges[:-1], edges[1:]
    inner = np.floor(edges[1:-1])
    inner = inner[(inner > -(2.0**63)) & (inner < 2.0**63)].astype(np.int64)
    upper = np.unique(np.append(inner[(inner >= ends[0]) & (inner < ends[1])], ends[1]))
    return np.append(np.array([ends[0]], dtype=np.int64), upper[:-1] + 1), upper


def absent(noisy: float, sigma: float) -> float:
    """About how many cells are missing, unless noise alone may have said so."""
    return float(noisy) if noisy > SURE * sigma else 0.0
