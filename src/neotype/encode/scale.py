"""An ordered axis as one or two digits: cells of about equal mass, with atoms inside.

`hi` names a group of neighbouring cells and `lo` the cell within it. A cell is an interval of the
axis; the values in it that at least `protect` rows share are *atoms*, kept exactly, and the rest
is drawn evenly over the interval. No rarer value is stored: intervals end half-way between
neighbours, and the outermost ones at the `protect`-th value from the end. Fewer values than
`protect` have no scale: whatever it held, it would tell of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import ALL, SYMBOLS, Codes, Digit, Masks, State, between
from neotype.encode.partition import partition

Axis = NDArray[Any]
"""int64 (a grid of whole numbers) or float64."""

_TAIL = 8.0
"""How fast values beyond the outermost cell lose probability: a power of their distance."""
_ARRAYS = ("upper", "group", "piece", "low", "high", "mass")


@dataclass(frozen=True)
class Scale:
    """Cells of an int64 axis (every whole number between edges may be drawn) or a float64 one.

    Loss of decode(encode(x)): an atom comes back exactly; any other value comes back as another
    value of the same cell, which holds at least `protect` rows.
    """

    upper: Axis
    """Cells: the last value that belongs to each."""
    group: NDArray[np.int64]
    """Groups: the first cell of each, and the number of cells."""
    piece: NDArray[np.int64]
    """Cells: the first piece of each, and the number of pieces."""
    low: Axis
    """Pieces: the smallest value; equal to `high` for an atom."""
    high: Axis
    mass: NDArray[np.int64]
    """Pieces: the number of training rows."""
    clipped: int
    """How many training rows lay outside the outermost edges."""

    @classmethod
    def learn(
        cls, values: Axis, *, protect: int, symbols: int = SYMBOLS, least: int = 1
    ) -> Self | None:
        """Learn an axis from its values (no missing ones); at most `symbols` groups.

        A group has `least` rows or more, and a cell `protect`. None where there are no values, or
        fewer than `protect`.
        """
        if len(values) < max(protect, 1):
            return None
        distinct, counts = np.unique(values, return_counts=True)
        counts = counts.astype(np.int64)
        rows = len(values)
        groups = symbols if len(distinct) <= symbols else min(symbols, fineness(rows))
        least = max(protect, least)
        hi = cells = partition(counts, groups, least=least)
        if len(distinct) > groups or least > protect:
            cells = np.concatenate(
                [
                    start + partition(counts[start:end], SYMBOLS, least=protect)
                    for start, end in zip(hi, [*hi[1:], len(counts)], strict=True)
                ]
            )
        bottom, top = _fences(distinct, counts, protect)
        clipped = int(counts[(distinct < bottom) | (distinct > top)].sum())
        starts = np.searchsorted(cells, np.append(hi, len(counts)))
        lower, upper = _edges(distinct, cells, bottom, top)
        piece, low, high, mass = _pieces(distinct, counts, cells, lower, upper, protect)
        return cls(upper, starts.astype(np.int64), piece, low, high, mass, clipped)

    @property
    def groups(self) -> int:
        """How many symbols the first digit needs."""
        return len(self.group) - 1

    @property
    def depth(self) -> int:
        """The largest number of cells in a group: how many symbols the second digit needs."""
        return int(np.diff(self.group).max(initial=1))

    @property
    def atoms(self) -> int:
        """How many exact values are kept."""
        return int((self.low == self.high).sum())

    def digits(self, name: str, extra: int = 0) -> tuple[Digit, ...]:
        """The first digit, with room for `extra` symbols beyond the axis, and the second if any."""
        first = Digit(name, self.groups + extra, ordered=True)
        if self.depth == 1:
            return (first,)
        return (first, Digit(f"{name}.fine", self.depth, ordered=True))

    def encode(self, values: Axis) -> Codes:
        """Digits × rows; values beyond the outermost cells go to those."""
        cell = np.minimum(np.searchsorted(self.upper, values, side="left"), len(self.upper) - 1)
        hi = np.searchsorted(self.group, cell, side="right") - 1
        if self.depth == 1:
            return hi.astype(np.uint8)[None, :]
        return np.stack([hi, cell - self.group[hi]]).astype(np.uint8)

    def allowed(self, low: Any, high: Any) -> Masks:
        """For each digit, the symbols of cells with a value in low .. high (None: no end)."""
        first = 0 if low is None else int(np.searchsorted(self.upper, low, side="left"))
        last = len(self.upper) - 1
        if high is not None:
            lowest = np.minimum.reduceat(self.low, self.piece[:-1])
            last = int(np.searchsorted(lowest, high, side="right")) - 1
        if first > last:
            return np.zeros(1 + (self.depth > 1), dtype=np.uint64)
        groups = np.searchsorted(self.group, [first, last], side="right") - 1
        masks = [between(*groups)]
        if self.depth > 1:
            start = self.group[groups[0]]
            alone = groups[0] == groups[1]
            masks.append(between(first - start, last - start) if alone else ALL)
        return np.array(masks, dtype=np.uint64)

    def up_to(self, high: Axis) -> Masks:
        """For each of many ends, the symbols of the first digit that have a value up to it."""
        lowest = np.minimum.reduceat(self.low, self.piece[:-1])[self.group[:-1]]
        count = np.maximum(np.searchsorted(lowest, high, side="right"), 1).astype(np.uint64)
        return np.asarray(ALL >> (np.uint64(SYMBOLS) - count), dtype=np.uint64)

    def decode(self, codes: Codes, rng: Generator) -> Axis:
        """A value of each cell, drawn as the training rows lay in it."""
        hi = np.minimum(codes[0], self.groups - 1).astype(np.int64)
        cell = self.group[hi]
        if self.depth > 1:
            cell = np.minimum(cell + codes[1], self.group[hi + 1] - 1)
        spin = rng.random(len(cell))
        index = self.piece[cell]
        if len(self.mass) > len(self.upper):
            cumulative = np.concatenate([[0], np.cumsum(self.mass)])
            start = cumulative[index]
            position = start + spin * (cumulative[self.piece[cell + 1]] - start)
            index = np.searchsorted(cumulative, position, side="right") - 1
            index = np.clip(index, self.piece[cell], self.piece[cell + 1] - 1)
            spin = np.clip((position - cumulative[index]) / self.mass[index], 0, 1 - 2**-53)
        low, high = self.low[index], self.high[index]
        if self.low.dtype == np.int64:
            span = (high - low).astype(np.uint64).astype(np.float64) + 1
            offset = np.minimum(np.floor(spin * span), span - 1).astype(np.uint64)
            value = (low.astype(np.uint64) + offset).astype(np.int64)
            return np.asarray(np.minimum(value, high))
        return np.asarray(np.clip(low * (1 - spin) + high * spin, low, high), dtype=np.float64)

    def log_within(self, values: Axis) -> NDArray[np.float64]:
        """How probable each value is among those of its cell; beyond the outermost less and less.

        On a float axis the density of the even rest, or the mass of an atom.
        """
        cell = np.minimum(np.searchsorted(self.upper, values, side="left"), len(self.upper) - 1)
        first, last = self.piece[cell], self.piece[cell + 1]
        sums = np.concatenate([[0], np.cumsum(self.mass)])
        log_total = np.log(sums[last] - sums[first])
        atoms = np.flatnonzero(self.low == self.high)
        alone = self.low[first] == self.high[first]
        rest = np.where(alone, 1.0, self.mass[first])
        low, high = self.low[first], np.where(alone, self.high[last - 1], self.high[first])
        span = np.maximum(_distance(low, high), np.finfo(np.float64).tiny)
        if self.low.dtype == np.int64:
            span += 1.0
        away = np.where(values < low, _distance(values, low), 0.0)
        away = np.where(values > high, _distance(high, values), away)
        told = np.log(rest) - log_total - np.log(span) - _TAIL * np.log1p(away / span)
        if len(atoms):
            ordered = atoms[np.argsort(self.low[atoms], kind="stable")]
            at = np.minimum(np.searchsorted(self.low[ordered], values), len(ordered) - 1)
            mine = ordered[at]
            told = np.where(self.low[mine] == values, np.log(self.mass[mine]) - log_total, told)
        return np.asarray(told, dtype=np.float64)

    def state(self) -> State:
        """At rest."""
        return State({"clipped": self.clipped}, {name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        arrays: dict[str, Any] = {name: state.array(name) for name in _ARRAYS}
        return cls(**arrays, clipped=state.fact("clipped"))


def _distance(low: Axis, high: Axis) -> NDArray[np.float64]:
    """How far apart values of the axis are where the second is above, however large they are."""
    if low.dtype == np.int64:
        return (high - low).astype(np.uint64).astype(np.float64)
    return np.asarray(high - low, dtype=np.float64)


def fineness(rows: int) -> int:
    """How many symbols a digit of many values deserves: a power of two that grows as √rows."""
    return int(np.clip(2 ** round(np.log2(max(np.sqrt(rows) / 1.5, 1))), 8, SYMBOLS))


def _fences(distinct: Axis, counts: NDArray[np.int64], protect: int) -> tuple[float, float]:
    """The outermost values that may be shown: beyond each lie fewer than `protect` + 1 rows."""
    from_left, from_right = np.cumsum(counts), np.cumsum(counts[::-1])
    last = len(distinct) - 1
    left = int(np.searchsorted(from_left, protect))
    right = last - int(np.searchsorted(from_right, protect))
    if left >= right:
        at = int(np.searchsorted(from_left, (from_left[-1] + 1) // 2))
        middle = distinct[at]
        if counts[at] < protect and last > 0:
            at = max(at, 1)
            middle = _between(distinct[at - 1], distinct[at])
        return middle, middle
    bottom, top = distinct[left], distinct[right]
    if counts[left] < protect:
        bottom = _between(bottom, distinct[left + 1])
    if counts[right] < protect:
        top = _after(_between(distinct[right - 1], top))
    return bottom, top


def _between(left: Any, right: Any) -> Any:
    """Half-way, rounded down so that it is below `right`, safe from overflow."""
    if np.issubdtype(left.dtype, np.integer):
        return (left & right) + ((left ^ right) >> 1)
    middle = left / 2 + right / 2
    return np.where((left <= middle) & (middle < right), middle, left)[()]


def _after(value: Any) -> Any:
    """The next value of the axis."""
    is_whole = np.issubdtype(np.asarray(value).dtype, np.integer)
    return value + 1 if is_whole else np.nextafter(value, np.inf)


def _edges(
    distinct: Axis, cells: NDArray[np.int64], bottom: float, top: float
) -> tuple[Axis, Axis]:
    """The first and last value of each cell, half-way to its neighbours."""
    middle = _between(distinct[cells[1:] - 1], distinct[cells[1:]])
    upper = np.append(middle, top).astype(distinct.dtype)
    lower = np.append(np.array([bottom], dtype=distinct.dtype), _after(middle))
    upper = np.clip(upper, bottom, top)
    return np.minimum(np.clip(lower, bottom, top), upper), upper


def _pieces(
    distinct: Axis,
    counts: NDArray[np.int64],
    cells: NDArray[np.int64],
    lower: Axis,
    upper: Axis,
    protect: int,
) -> tuple[NDArray[np.int64], Axis, Axis, NDArray[np.int64]]:
    """Each cell's even rest (if any) followed by its atoms."""
    owner = np.searchsorted(cells, np.arange(len(distinct)), side="right") - 1
    atom = counts >= protect
    rest = np.bincount(owner, weights=np.where(atom, 0, counts), minlength=len(cells))
    spread = np.flatnonzero(rest > 0)
    cell = np.concatenate([spread, owner[atom]])
    low = np.concatenate([lower[spread], distinct[atom]])
    high = np.concatenate([upper[spread], distinct[atom]])
    mass = np.concatenate([rest[spread].astype(np.int64), counts[atom]])
    order = np.argsort(cell, kind="stable")
    start = np.searchsorted(cell[order], np.arange(len(cells) + 1))
    return start.astype(np.int64), low[order], high[order], mass[order]
