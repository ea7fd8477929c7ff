"""Coordinate pairs: cells of a k-d tree over the two axes, with heavy points kept exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import SYMBOLS, Codes, Digit, Masks, Protection, State, among, too_few
from neotype.errors import FitError
from neotype.schema.condition import Condition
from neotype.schema.schema import Geo
from neotype.schema.storage import storage_dtype, storage_name

Axis = NDArray[np.float64]
Points = NDArray[np.float64]
"""Points × 2, in the order of the encoder's columns."""

_ATOMS = 32
_SHARE = 2_000
"""A point of one row in so many (and of at least `protect`) is kept exactly."""
_STEPS, _SHRINKS = 8, 3
_EXACT = 15
_CHUNK = 8192
_ARRAYS = ("low", "high", "first", "regions")


@dataclass(frozen=True)
class GeoEncoder:
    """Two columns as a region (up to 64) and a cell within it (up to 64).

    Loss: a heavy point comes back exactly; any other as a point of the same cell, evenly drawn,
    with the decimals of the column. A cell is a rectangle with at least `protect` training rows,
    whose edges lie between points, moved in by eighths where it is empty. What lies farther out
    than the `protect`-th value of an axis is drawn inside.
    """

    name: str
    partner: str
    storages: tuple[str, str]
    decimals: tuple[int | None, int | None]
    low: Points
    """Cells × 2: the smallest coordinates; equal to `high` for a heavy point."""
    high: Points
    first: NDArray[np.int64]
    """Regions: the first cell of each, and the number of cells."""
    regions: NDArray[np.float64]
    """Regions × (low, high) × 2: rectangles that tile the whole; each holds its cells."""
    absent: tuple[int, ...]
    """Which halves may be missing: 1 the first, 2 the second, 3 both."""
    clipped: int

    @classmethod
    def learn(cls, name: str, column: Geo, frame: pl.DataFrame, *, protect: int) -> Self:
        """Learn the cells of a pair from the complete rows. FitError where a half is no number."""
        protect = 1 if column.public else protect
        names = (name, column.partner)
        halves = [_numbers(half, frame[half]) for half in names]
        gaps = np.isnan(halves[0]) + 2 * np.isnan(halves[1]).astype(np.int64)
        points = np.stack(halves, axis=1)[gaps == 0]
        places = tuple(
            column.decimals if column.decimals is not None else _decimals(half) for half in points.T
        )
        absent = tuple(kind for kind in (1, 2, 3) if (gaps == kind).any())
        if column.nullable and 3 not in absent:
            absent = (*absent, 3)
        low, high, first, regions, clipped = _cells(points, protect)
        storages = tuple(storage_name(frame[half].dtype) for half in names)
        return cls(*names, storages, places, low, high, first, regions, absent, clipped)  # type: ignore[arg-type]

    @property
    def columns(self) -> tuple[str, ...]:
        """Both columns."""
        return (self.name, self.partner)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Which half is missing (where one may be), the region, and the cell within it."""
        regions, depth = len(self.first) - 1, int(np.diff(self.first).max(initial=0))
        sizes = (
            (f"{self.name}.missing", (len(self.absent) + 1) * bool(self.absent)),
            (self.name, regions),
            (f"{self.name}.cell", depth),
        )
        return tuple(Digit(name, size, ordered=False) for name, size in sizes if size > 1)

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Points farther out than is shown, or all where they are few."""
        if not self.clipped:
            return ()
        if not len(self.low):
            return (too_few(self.name, self.clipped),)
        note = "the outermost points are drawn no further out than where several rows lie"
        return (Protection(self.name, "extremes", self.clipped, note),)

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""
        halves = [_numbers(half, frame[half]) for half in self.columns]
        gaps = np.isnan(halves[0]) + 2 * np.isnan(halves[1]).astype(np.int64)
        rows = []
        if self.absent:
            rows.append(np.searchsorted(self.absent, gaps) + 1)
            rows[0][(gaps == 0) | (rows[0] > len(self.absent))] = 0
        regions, depth = len(self.first) - 1, int(np.diff(self.first).max(initial=0))
        cell = np.zeros(frame.height, dtype=np.int64)
        complete = gaps == 0
        if regions:
            cell[complete] = self._nearest(np.stack(halves, axis=1)[complete])
        region = np.maximum(np.searchsorted(self.first, cell, side="right") - 1, 0)
        if regions > 1:
            rows.append(region)
        if depth > 1:
            rows.append(cell - self.first[region])
        return np.array(rows, dtype=np.uint8).reshape(len(rows), frame.height)

    def allowed(self, condition: Condition) -> Masks:
        """The symbols of cells with a point of which this half meets it."""
        half = self.columns.index(condition.column)
        dtype = storage_dtype(self.storages[half])
        met = np.zeros(len(self.low), dtype=np.bool_)
        for ends in condition.spans():
            low, high = _numbers(condition.column, pl.Series(ends, dtype=dtype))
            low, high = np.nan_to_num(low, nan=-np.inf), np.nan_to_num(high, nan=np.inf)
            met |= (self.high[:, half] >= low) & (self.low[:, half] <= high)
        gap = condition.holds(pl.Series([None], dtype=dtype)).item()
        absent = np.array([0, *self.absent])
        gone = (absent & (1 << half)) > 0
        whole = np.where(gone, gap, met.any())
        cells = np.flatnonzero(met | gap)
        region = np.searchsorted(self.first, cells, side="right") - 1
        codes = [region, cells - self.first[region]]
        sizes = [len(self.first) - 1, int(np.diff(self.first).max(initial=0))]
        masks = [among(np.flatnonzero(whole)[None, :])] if self.absent else []
        masks += [among(c[None, :]) for c, size in zip(codes, sizes, strict=True) if size > 1]
        return np.concatenate(masks) if masks else np.zeros(0, dtype=np.uint64)

    def _nearest(self, points: Points) -> NDArray[np.int64]:
        """The cell that holds each point, else the nearest of its region; heavy points first."""
        depth = int(np.diff(self.first).max())
        best = np.zeros(len(points), dtype=np.int64)
        for start in range(0, len(points), _CHUNK):
            part = points[start : start + _CHUNK, None, :]
            region = _closest(part, self.regions[:, 0], self.regions[:, 1])
            begin, end = self.first[region], self.first[region + 1]
            cells = np.minimum(begin[:, None] + np.arange(depth), (end - 1)[:, None])
            place = _closest(part, self.low[cells], self.high[cells])
            best[start : start + _CHUNK] = cells[np.arange(len(cells)), place]
        return best

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The two columns again, in their storage dtypes."""
        rows, row = codes.shape[1], 0
        gaps = np.zeros(rows, dtype=np.int64)
        if self.absent:
            gaps = np.array([0, *self.absent])[np.minimum(codes[0], len(self.absent))]
            row = 1
        regions, depth = len(self.first) - 1, int(np.diff(self.first).max(initial=0))
        points = np.full((rows, 2), np.nan)
        if regions:
            region = np.zeros(rows, dtype=np.int64)
            if regions > 1:
                region = np.minimum(codes[row], regions - 1).astype(np.int64)
                row += 1
            cell = self.first[region]
            if depth > 1:
                cell = np.minimum(cell + codes[row], self.first[region + 1] - 1)
            spin = rng.random((rows, 2))
            points = self.low[cell] * (1 - spin) + self.high[cell] * spin
        return [self._in_storage(points[:, half], gaps, half) for half in (0, 1)]

    def _in_storage(
        self, values: NDArray[np.float64], gaps: NDArray[np.int64], half: int
    ) -> pl.Series:
        places = self.decimals[half]
        if places is not None:
            values = np.round(values, places)
        dtype = storage_dtype(self.storages[half])
        series = pl.Series(values).fill_nan(None)
        if isinstance(dtype, pl.String):
            series = pl.Series(
                [None if v is None else _text(v, places) for v in series], dtype=dtype
            )
        elif dtype.is_integer():
            series = series.round()
        hidden = pl.Series((gaps & (1 << half)) > 0)
        series = series.cast(dtype)
        series = series.zip_with(~hidden, pl.Series([None], dtype=dtype))
        return series.alias(self.columns[half])

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """Halves that are missing in a way that training never showed; any point has a cell."""
        halves = [_numbers(half, frame[half]) for half in self.columns]
        gaps = np.isnan(halves[0]) + 2 * np.isnan(halves[1]).astype(np.int64)
        words = {1: f"'{self.name}' alone", 2: f"'{self.partner}' alone", 3: f"'{self.name}'"}
        return [
            f"{words[kind]} is missing in a row, and never was in training"
            for kind in sorted(set(gaps[gaps > 0].tolist()) - set(self.absent))
        ]

    def describe(self) -> str:
        """How many cells and points it holds."""
        exact = int((self.low == self.high).all(axis=1).sum())
        return (
            f"'{self.name}' with '{self.partner}': {len(self.low) - exact} rectangles in "
            f"{len(self.first) - 1} regions, {exact} points of many rows"
        )

    def state(self) -> State:
        """At rest."""
        facts: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("name", "partner", "storages", "decimals", "absent", "clipped")
        }
        return State(facts, {name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def restore(cls, state: State, column: Geo) -> Self:  # noqa: ARG003
        """The inverse of `state`."""
        first, second = state.fact("storages")
        places = state.fact("decimals")
        low, high, starts, regions = (state.array(name) for name in _ARRAYS)
        return cls(
            state.fact("name"),
            state.fact("partner"),
            (first, second),
            (places[0], places[1]),
            low,
            high,
            starts,
            regions,
            tuple(state.fact("absent")),
            state.fact("clipped"),
        )


def _closest(points: Points, low: Points, high: Points) -> NDArray[np.int64]:
    """Which rectangle is nearest to each point; points have shape (n, 1, 2)."""
    away = np.maximum(np.maximum(low - points, points - high), 0)
    return np.asarray(np.argmin((away**2).sum(axis=-1), axis=-1))


def _numbers(name: str, series: pl.Series) -> NDArray[np.float64]:
    """Coordinates as floats; NaN where missing or no finite number."""
    plain = series.dtype.is_numeric() or series.dtype == pl.String
    values = series.cast(pl.Float64, strict=False) if plain else pl.Series([None] * len(series))
    if values.null_count() == len(series) > series.null_count():
        raise FitError(
            f"column '{name}' of {series.dtype} holds no coordinates.",
            mend="correct its kind in the schema",
        )
    floats = values.fill_null(np.nan).to_numpy()
    return np.where(np.isfinite(floats), floats, np.nan)


def _decimals(values: NDArray[np.float64]) -> int | None:
    """The decimals that all values keep to, or None for plain floats."""
    for places in range(_EXACT):
        if np.allclose(np.round(values, places), values, rtol=0, atol=1e-12):
            return places
    return None


def _text(value: float, places: int | None) -> str:
    return repr(value) if places is None else f"{value:.{places}f}"


def _cells(points: Points, protect: int) -> tuple[Points, Points, NDArray[np.int64], Points, int]:
    """The cells, the first of each region, the regions, and how many rows lie outside."""
    if len(points) < max(protect, 1):
        empty = np.zeros((0, 2))
        return empty, empty, np.zeros(1, dtype=np.int64), np.zeros((0, 2, 2)), len(points)
    bounds = np.array([_fence(axis, protect) for axis in points.T]).T
    outside = ((points < bounds[0]) | (points > bounds[1])).any(axis=1)
    inside = np.clip(points, bounds[0], bounds[1])
    exact, tally = np.unique(points[~outside], axis=0, return_counts=True)
    heavy = exact[tally >= max(protect, len(points) / _SHARE)]
    lows: list[Axis] = []
    highs: list[Axis] = []
    first, boxes = [0], []
    for box, members in _split(bounds, inside, SYMBOLS, max(protect, len(inside) // 512)):
        atoms, spread = _atoms(members, heavy)
        lows += list(atoms)
        highs += list(atoms)
        room = SYMBOLS - len(atoms)
        if len(spread):
            for cell, owned in _split(box, spread, room, protect):
                shrunk = _shrunk(cell, owned)
                lows.append(shrunk[0])
                highs.append(shrunk[1])
        first.append(len(lows))
        boxes.append(box)
    starts = np.array(first, dtype=np.int64)
    return np.array(lows), np.array(highs), starts, np.array(boxes), int(outside.sum())


def _fence(axis: NDArray[np.float64], protect: int) -> tuple[float, float]:
    """Between the `protect`-th value from each end and the next one inwards."""
    ordered = np.sort(axis)
    if len(ordered) <= 2 * protect:
        middle = float(ordered.mean())
        return middle, middle
    below = (ordered[protect - 1] + ordered[protect]) / 2
    above = (ordered[-protect] + ordered[-protect - 1]) / 2
    return float(below), float(above)


def _split(box: Points, points: Points, most: int, least: int) -> list[tuple[Points, Points]]:
    """Halve the fullest rectangle at its median, along its wider side, until there are `most`."""
    done: list[tuple[Points, Points]] = []
    open_ = [(box, points)]
    while open_ and len(done) + len(open_) < most:
        index = max(range(len(open_)), key=lambda i: len(open_[i][1]))
        here, members = open_.pop(index)
        halves = _halved(here, members, least)
        if halves is None:
            done.append((here, members))
        else:
            open_ += halves
    return done + open_


def _halved(box: Points, points: Points, least: int) -> list[tuple[Points, Points]] | None:
    spread = np.ptp(points, axis=0) if len(points) else np.zeros(2)
    for axis in np.argsort(-spread, kind="stable"):
        ordered = np.sort(points[:, axis])
        edges = np.flatnonzero(np.diff(ordered) > 0) + 1
        edges = edges[(edges >= least) & (edges <= len(ordered) - least)]
        if not len(edges):
            continue
        edge = edges[np.argmin(np.abs(edges - len(ordered) // 2))]
        middle = (ordered[edge - 1] + ordered[edge]) / 2
        left, right = box.copy(), box.copy()
        left[1, axis] = right[0, axis] = middle
        smaller = points[:, axis] < middle
        return [(left, points[smaller]), (right, points[~smaller])]
    return None


def _atoms(members: Points, heavy: Points) -> tuple[Points, Points]:
    """The heavy points among these members, and the members that are none."""
    if not len(heavy):
        return heavy, members
    found, owner, counts = np.unique(members, axis=0, return_inverse=True, return_counts=True)
    known = {tuple(point) for point in heavy.tolist()}
    is_heavy = np.array([tuple(point) in known for point in found.tolist()], dtype=bool)
    ranked = np.argsort(np.where(is_heavy, -counts, 1), kind="stable")[
        : min(_ATOMS, is_heavy.sum())
    ]
    chosen = np.zeros(len(found), dtype=bool)
    chosen[ranked] = True
    return found[chosen], members[~chosen[owner.reshape(-1)]]


def _shrunk(box: Points, points: Points) -> Points:
    """The rectangle without the outer eighths of its sides that hold no point."""
    for _ in range(_SHRINKS):
        side = box[1] - box[0]
        safe = np.where(side > 0, side, 1)
        start = np.floor((points.min(axis=0) - box[0]) / safe * _STEPS) / _STEPS
        end = np.ceil((points.max(axis=0) - box[0]) / safe * _STEPS) / _STEPS
        low = box[0] + np.clip(start, 0, 1) * side
        box = np.stack([low, np.maximum(low, box[0] + np.clip(end, 0, 1) * side)])
    return box
