"""Between which powers of two numbers lie, and about how many between each two: with noise."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.synth.private.purse import SURE, Floats, Ints, Purse

Axis = NDArray[Any]

_SMALLEST, _LARGEST = -30, 64
"""Powers of two within which floats are told apart."""
_PRICE = 1.5
"""What a cell must explain to belong to a run of cells that have rows: noise alone explains .25 in
the mean, z²/2 where it is above zero."""
_CLEAR = 9.0
"""What a run must explain beyond that; noise alone does it in one of some thousand tables."""


@dataclass(frozen=True)
class Powers:
    """Intervals of an axis side by side (both ends belong to them) and about how many rows have
    values there; `sigma` of a count that was measured, and nan is one that was not."""

    low: Axis
    high: Axis
    mass: Floats
    sigma: float

    def within(self, low: Any, high: Any) -> Powers:
        """Only what lies between these bounds, where they are given."""
        low = self.low[0] if low is None else low
        high = max(low, self.high[-1] if high is None else high)
        there = np.flatnonzero((self.high >= low) & (self.low <= high))
        kind = self.low.dtype
        if not len(there):
            ends = np.array([low], dtype=kind), np.array([high], dtype=kind)
            return Powers(*ends, np.full(1, np.nan), self.sigma)
        lower, upper = self.low[there].copy(), self.high[there].copy()
        lower[0], upper[-1] = low, high
        return Powers(lower, upper, self.mass[there], self.sigma)


def powers(values: Axis, known: NDArray[np.bool_], purse: Purse, share: float) -> Powers:
    """The powers of two between which the values lie, but for a few."""
    whole = values.dtype == np.int64
    cell, steps, least = _cells(values, known)
    noisy, sigma = purse.counts(cell, 2 * steps + 2, share, "the bounds")
    below, zero, above = noisy[:steps][::-1], float(noisy[steps]), noisy[steps + 1 : -1]
    runs = [_run(purse.mechanism.surprise(side, sigma)) for side in (below, above)]
    if not any(runs) and zero < SURE * sigma:
        runs = _largest(below, zero, above)
    left, right = (
        [(*_ends(place, least, whole), float(side[place])) for place in run]
        for side, run in zip((below, above), runs, strict=True)
    )
    pieces = [(-far, -near, mass) for near, far, mass in reversed(left)]
    if (left and right) or zero >= SURE * sigma or not (left or right):
        pieces += [(-far, -near, nan) for far, near in _gap(left, whole)]
        pieces += [(0, 0, zero)]
        pieces += [(near, far, nan) for far, near in _gap(right, whole)]
    low, high, mass = zip(*pieces, *right, strict=True)
    return Powers(_axis(low, whole), _axis(high, whole), np.array(mass), sigma)


def _cells(values: Axis, known: NDArray[np.bool_]) -> tuple[Ints, int, int]:
    """The cell of each value: negative powers, zero, positive ones, and one for none at all."""
    whole = values.dtype == np.int64
    if whole:
        size = np.where(values < 0, -(values + 1), values).astype(np.float64)
        power = np.where(values < 0, np.frexp(size + 1)[1], np.frexp(size)[1])
        least, steps = 0, 64
    else:
        power = np.frexp(np.abs(values))[1].astype(np.int64)
        least, steps = _SMALLEST, _LARGEST - _SMALLEST
    place = np.clip(power - least, 1, steps) * (values != 0)
    cell = np.where(known, np.where(values < 0, steps - place, steps + place), 2 * steps + 1)
    return cell.astype(np.int64), steps, least


def _run(surprise: Floats) -> range:
    """The run of cells that noise explains least; empty where it may explain every one."""
    total = np.concatenate([[0.0], np.cumsum(surprise - _PRICE)])
    explained = total - np.minimum.accumulate(total)
    end = int(np.argmax(explained))
    return range(int(np.argmin(total[: end + 1])), end) if explained[end] >= _CLEAR else range(0)


def _largest(below: Floats, zero: float, above: Floats) -> list[range]:
    """The one cell of most rows: on which side, if on one."""
    most = [int(np.argmax(side)) for side in (below, above)]
    heights = [float(below[most[0]]), zero, float(above[most[1]])]
    side = int(np.argmax(heights))
    return [range(most[k], most[k] + 1) if side == 2 * k else range(0) for k in range(2)]


def _ends(place: int, least: int, whole: bool) -> tuple[Any, Any]:
    """The smallest and the largest size in a cell of powers of two."""
    if whole:
        return 2**place, 2 ** (place + 1) - 1
    return 2.0 ** (place + least), np.nextafter(2.0 ** (place + least + 1), 0.0)


def _gap(side: list[tuple[Any, Any, float]], whole: bool) -> list[tuple[Any, Any]]:
    """What lies between zero and the nearest cell of a side: its far end, and its near one."""
    if not side:
        return []
    nearest = side[0][0]
    far, near = (nearest - 1, 1) if whole else (np.nextafter(nearest, 0.0), np.nextafter(0.0, 1.0))
    return [(far, near)] if far >= near else []


def _axis(ends: tuple[Any, ...], whole: bool) -> Axis:
    if whole:
        return np.array([min(max(end, -(2**63)), 2**63 - 1) for end in ends], dtype=np.int64)
    return np.array(ends, dtype=np.float64)
