"""The cells of an axis of numbers: bounds, heavy values and the shape between, all with noise.

An axis holds whole numbers (int64) or floats. Nothing of it is known but what the schema declares:
its bounds come from a histogram of powers of two, the step of its numbers from a histogram of
their coarseness. Few whole numbers are counted one by one; of others, heavy values are found by a
histogram with a threshold and the rest is counted in cells, evenly spaced ones and ones that
widen with the distance from zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.synth.private.purse import SURE, Floats, Ints, Purse, smoothed

Axis = NDArray[Any]

BOUNDS = 0.3
"""The share of a column's budget that undeclared bounds cost."""
COARSENESS = 0.1
"""The share that an undeclared step costs."""
_ATOMS = 0.4
_NARROW = 128
_CELLS = 0.3
_BEND = 2000.0
"""Cells widen from a distance of span / this on."""
_SMALLEST, _LARGEST = -30, 64
"""Powers of two within which floats are told apart."""
_FALSE = 1e-3
"""How probable it may be that noise alone moves a bound."""
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
    if low is None or high is None:
        found = bounds(values, known, purse, share * BOUNDS)
        low = found[0] if low is None else low
        high = found[1] if high is None else high
        share *= 1 - BOUNDS
    low, high = (min(max(end, limits[0]), limits[1]) for end in (low, high))
    high = max(low, high)
    values = np.clip(np.where(known, values, low), low, high)
    if values.dtype == np.int64:
        sigma = purse.sigma(share)
        if high - low < max(_NARROW, purse.rows / sigma):
            return _one_by_one(values, known, purse, share, (low, high))
    return _coarse(values, known, purse, share, (low, high))


def coarsest(level: Ints, levels: int, purse: Purse) -> int:
    """The coarsest level to which all but a few rows keep; −1 is a row without a value."""
    noisy, sigma = purse.counts(level + 1, levels + 1, COARSENESS, "how coarse the values are")
    beyond = np.cumsum(noisy[:0:-1])[::-1]
    chance = SURE * sigma * np.sqrt(np.arange(levels, 0, -1))
    few = np.append(beyond[1:] <= np.maximum(chance[1:], _EXCEPTIONS * purse.rows), True)
    return int(np.argmax(few))


def bounds(values: Axis, known: NDArray[np.bool_], purse: Purse, share: float) -> tuple[Any, Any]:
    """The powers of two between which the values lie, but for a few."""
    whole = values.dtype == np.int64
    if whole:
        size = np.where(values < 0, -(values + 1), values).astype(np.float64)
        power = np.where(values < 0, np.frexp(size + 1)[1], np.frexp(size)[1])
        least, steps = 0, 64
    else:
        power = np.frexp(np.abs(values))[1].astype(np.int64)
        least, steps = _SMALLEST, _LARGEST - _SMALLEST
    place = np.clip(power - least, 0, steps) * (values != 0)
    cell = np.where(known, np.where(values < 0, steps - place, steps + place), 2 * steps + 1)
    noisy, sigma = purse.counts(cell, 2 * steps + 2, share, "the bounds")
    present = noisy[:-1]
    sure = purse.mechanism.beyond(_FALSE / len(present), sigma)
    there = np.flatnonzero(present > sure)
    if not len(there):
        there = np.array([int(np.argmax(present))])
    ends = [_end(int(there[0]) - steps, least, whole), _end(int(there[-1]) - steps, least, whole)]
    return min(ends[0][0], ends[1][0]), max(ends[0][1], ends[1][1])


def _end(place: int, least: int, whole: bool) -> tuple[Any, Any]:
    """The smallest and the largest value of a cell of powers of two."""
    if place == 0:
        return (0, 0) if whole else (0.0, 0.0)
    if whole:
        near, far = 2 ** (abs(place) - 1), 2 ** abs(place) - 1
        ends = (near, far) if place > 0 else (-far - 1, -near)
        return max(ends[0], -(2**63)), min(ends[1], 2**63 - 1)
    far_, near_ = 2.0 ** (abs(place) + least), 2.0 ** (abs(place) + least - 1)
    return (near_, far_) if place > 0 else (-far_, -near_)


def _one_by_one(
    values: Ints, known: NDArray[np.bool_], purse: Purse, share: float, ends: tuple[int, int]
) -> Shape:
    """Every whole number between the ends is a cell."""
    low, high = ends
    size = high - low + 1
    cell = np.where(known, values - low, size)
    noisy, sigma = purse.counts(cell, size + 1, share, "the values")
    each = np.arange(size, dtype=np.int64) + low
    return Shape(each, each, smoothed(noisy[:-1], sigma), absent(noisy[-1], sigma), sigma)


def _coarse(
    values: Axis, known: NDArray[np.bool_], purse: Purse, share: float, ends: tuple[Any, Any]
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
    lower, upper = _edges(ends, cells, values.dtype == np.int64)
    place = np.searchsorted(upper, values, side="left")
    place = np.where(known, np.minimum(place, len(upper) - 1), len(upper) + 1)
    place[known & np.isin(values, atoms)] = len(upper)
    noisy, sigma = purse.counts(place, len(upper) + 2, share, "the intervals")
    mass = np.concatenate([smoothed(noisy[:-2], sigma), heavy])
    low, high = np.concatenate([lower, atoms]), np.concatenate([upper, atoms])
    return Shape(low, high, mass, absent(noisy[-1], sigma), sigma)


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
