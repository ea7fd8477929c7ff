"""How far single columns are from the real ones: in bits, in units of spread, moment by moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Numbers, Sides, View
from neotype.evaluate.fidelity.marginals import views
from neotype.evaluate.interval import GROUPS, around, redraw, spread, tally, total
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter, Spread, mean, quantiles, take, together

REACH = 50.0
"""Spreads beyond train's 1 to 99 % range at which a cell is held: none outweighs a table."""

GRID = 256
"""Steps of the distribution functions whose bootstrap gives the errors."""

LEAST = 5
"""Real rows that every number shown of a column rests on, at least."""

LEVELS = (0.01, 0.05, 0.25, 0.50, 0.75, 0.95, 0.99)
STATISTICS = ("mean", "sd", "skewness", *(f"q{round(100 * level):02d}" for level in LEVELS))


@dataclass(frozen=True)
class JensenShannon(Measure):
    """How far single columns are from the real ones, 0 (equal) to 1 (nothing in common).

    Mean over columns of the Jensen-Shannon distance, the root of the divergence in bits (Lin 1991;
    a metric: Endres and Schindelin 2003). Quantities are cut at train's quantiles into `parts`,
    labels are as they are, missing is a state.
    """

    parts: int = 20

    name: ClassVar[str] = "jensen_shannon"
    title: ClassVar[str] = "Jensen-Shannon distance of columns"
    how: ClassVar[str] = (
        "Per column, the root of the Jensen-Shannon divergence (base 2) between the real and the "
        "synthetic shares; numbers are cut at the training quantiles into 20 parts, missing is a "
        "state. Then the mean. 0 is equal, 1 has no value in common."
    )
    reference: ClassVar[str] = "Lin 1991, Divergence measures based on the Shannon entropy"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.04

    def look(self, tables: Comparison) -> Finding:
        """Compare each column's shares with train's."""
        counter = Counter.of(tables, self.name)
        found = {item.name: self._column(item, tables, counter) for item in views(tables)}
        whole = mean(list(found.values()))
        worst = furthest(found)
        return Finding(
            value=whole.value,
            interval=around(whole.value, spread(whole.drawn)),
            floor=whole.floor,
            target=whole.floor + 0.02,
            meaning=(
                f"The distributions of single columns are {whole.value:.3f} from the real ones on "
                f"a scale from 0 to 1 (real unseen rows: {whole.floor:.3f}); furthest "
                f"beyond chance is '{worst}' with {found[worst].value:.3f}."
            ),
            detail=by_column(found) | {"parts": self.parts, "rows": len(tables.sample.synthetic)},
        )

    def _column(self, item: View, tables: Comparison, counter: Counter) -> Spread:
        most = 0 if isinstance(item, Numbers) else item.size
        symbols = quantiles(item, tables.sample, parts=self.parts, most=most)
        counts = counter.count([together([symbols])])
        plain = Sides(*(side.sum(axis=0) for side in counts))
        return Spread(
            value=float(divergence(plain.synthetic, plain.train)),
            drawn=divergence(
                redraw(counter.weights.synthetic, counts.synthetic),
                redraw(counter.weights.train, counts.train),
            ),
            floor=float(divergence(plain.holdout, plain.train)),
        )


def divergence(left: Floats, right: Floats) -> Floats:
    """The Jensen-Shannon distance of two tables of counts over the last axis, base 2."""
    left = left / np.maximum(left.sum(axis=-1, keepdims=True), 1e-12)
    right = right / np.maximum(right.sum(axis=-1, keepdims=True), 1e-12)
    middle = np.maximum((left + right) / 2, 1e-300)
    bits = sum(
        (side * np.log2(np.where(side > 0, side, middle) / middle)).sum(axis=-1)
        for side in (left, right)
    )
    return np.asarray(np.sqrt(np.clip(np.asarray(bits) / 2, 0, 1)))


@dataclass(frozen=True)
class Ruler:
    """What train says of a quantity: its median, and the spread that differences are measured in.

    The spread is the standard deviation of train's cells held to its 1 and 99 % quantiles (0.1 and
    99.9 %, or the range, where those coincide). `low` and `high` are where cells are held.
    """

    centre: float
    unit: float
    low: float
    high: float

    @classmethod
    def of(cls, train: Floats, reach: float = REACH) -> Ruler | None:
        """The ruler of one column; None where train has fewer than 5 cells, or one value only."""
        known = train[~np.isnan(train)]
        if len(known) < LEAST:
            return None
        centre = float(np.quantile(known, 0.5, method="lower"))
        for tail in (0.01, 0.001, 0.0):
            low = float(np.quantile(known, tail, method="lower"))
            high = float(np.quantile(known, 1 - tail, method="higher"))
            unit = deviation(np.clip(known, low, high), centre)
            if unit > 0:
                return cls(centre, unit, low - reach * unit, high + reach * unit)
        return None

    def measure(self, cells: Floats) -> Floats:
        """Cells as spreads from train's median; NaN stays missing."""
        held = np.clip(cells, self.low, self.high)
        return np.asarray(held / self.unit - self.centre / self.unit)

    def held(self, cells: Floats) -> int:
        """How many cells lie further out than any is counted."""
        return int(((cells < self.low) | (cells > self.high)).sum())


def deviation(cells: Floats, centre: float) -> float:
    """The standard deviation of cells of any size, 0 where they are equal."""
    moved = cells / 2 - centre / 2
    largest = float(np.abs(moved).max(initial=0.0))
    if largest == 0 or moved.min() == moved.max():
        return 0.0
    return float(2 * largest * (moved / largest).std())


@dataclass(frozen=True)
class Measured:
    """A quantity of the sampled rows in units of train's spread; NaN is missing."""

    item: Numbers
    ruler: Ruler
    sides: Sides[Floats]
    held: Sides[int]


def measured(tables: Comparison, reach: float = REACH) -> tuple[list[Measured], list[str]]:
    """Every quantity that varies in train, and the names of those that do not."""
    found, flat = [], []
    for item in views(tables):
        if not isinstance(item, Numbers):
            continue
        ruler = Ruler.of(item.sides.train, reach)
        if ruler is None:
            flat.append(item.name)
            continue
        cells = take(item, tables.sample)
        sides = Sides(*(ruler.measure(side) for side in cells))
        found.append(Measured(item, ruler, sides, Sides(*(ruler.held(side) for side in cells))))
    return found, flat


def quantities(tables: Comparison) -> tuple[list[Measured], list[str]]:
    """The quantities, or the reason why nothing can be said of them."""
    found, flat = measured(tables)
    if found:
        return found, flat
    raise NotMeasurableError(
        f"the {len(flat)} columns of numbers, dates or lengths do not vary in train."
        if flat
        else "no column holds numbers, dates or lengths."
    )


@dataclass(frozen=True)
class Wasserstein(Measure):
    """How far the cells of quantities would have to move to become the real ones: 0 is equal.

    Mean over quantities of the 1-Wasserstein (earth mover's) distance, the area between the two
    distribution functions (Vallender 1974), in units of train's spread: the standard deviation of
    its cells held to the 1 and 99 % quantiles. Missing cells are left out.
    """

    name: ClassVar[str] = "wasserstein"
    title: ClassVar[str] = "Wasserstein distance of quantities"
    how: ClassVar[str] = (
        "Per column of numbers or dates, the mean way that cells must move to turn the synthetic "
        "distribution into the real one, divided by the real spread (the standard deviation within "
        "the 1 to 99 % range); then the mean. Missing cells are left out."
    )
    reference: ClassVar[str] = (
        "Vallender 1974, Calculation of the Wasserstein distance between probability distributions "
        "on the line"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Compare each quantity with train's."""
        counter = Counter.of(tables, self.name)
        items, flat = quantities(tables)
        found = {one.item.name: self._column(one, counter) for one in items}
        whole = mean(list(found.values()))
        worst = furthest(found)
        return Finding(
            value=whole.value,
            interval=around(whole.value, spread(whole.drawn), high=float("inf")),
            floor=whole.floor,
            target=whole.floor + 0.03,
            meaning=(
                f"Numbers and dates would have to move by {whole.value:.3f} of their real spread "
                f"to be distributed as the real ones (real unseen rows: {whole.floor:.3f}); most "
                f"beyond chance in '{worst}' with {found[worst].value:.3f}."
            ),
            detail=by_column(found)
            | {
                "spread": {one.item.name: one.ruler.unit for one in items},
                "held": held(items),
                "constant": flat,
                "rows": len(tables.sample.synthetic),
            },
        )

    def _column(self, one: Measured, counter: Counter) -> Spread:
        known = Sides(*(side[~np.isnan(side)] for side in one.sides))
        grid = steps(known)
        shares = []
        for cells, groups in zip(one.sides[:2], counter.groups[:2], strict=True):
            there = ~np.isnan(cells)
            place = np.searchsorted(grid, cells[there], side="left")
            shares.append(tally(place, len(grid), groups[there]))
        drawn = [
            np.cumsum(counts, axis=1) / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
            for counts in (
                redraw(weights, side)
                for weights, side in zip(counter.weights[:2], shares, strict=True)
            )
        ]
        return Spread(
            value=move(known.synthetic, known.train),
            drawn=np.abs(drawn[0] - drawn[1])[:, :-1] @ np.diff(grid),
            floor=move(known.holdout, known.train),
        )


def move(left: Floats, right: Floats) -> float:
    """The 1-Wasserstein distance of two samples; no cell at all is one spread away."""
    if not len(left) or not len(right):
        return float(len(left) != len(right))
    left, right = np.sort(left), np.sort(right)
    points = np.sort(np.concatenate([left, right]))
    below = np.searchsorted(left, points[:-1], side="right") / len(left)
    under = np.searchsorted(right, points[:-1], side="right") / len(right)
    return float(np.abs(below - under) @ np.diff(points))


def steps(known: Sides[Floats]) -> Floats:
    """Values of train and synthetic, of even rank, up to the largest."""
    both = np.concatenate([known.train, known.synthetic])
    levels = np.linspace(0, 1, GRID)
    return np.unique(np.quantile(both, levels, method="higher"))


def furthest(found: Mapping[str, Spread]) -> str:
    """The column that is furthest beyond its floor."""
    return max(found, key=lambda name: found[name].value - found[name].floor)


def by_column(found: Mapping[str, Spread]) -> dict[str, Any]:
    """Distances of every column and their floors, the furthest first."""
    ranked = sorted(found.items(), key=lambda pair: pair[1].floor - pair[1].value)
    return {
        "columns": {name: one.value for name, one in ranked},
        "floors": {name: one.floor for name, one in ranked},
    }


def held(items: Sequence[Measured]) -> dict[str, Any]:
    """The columns in which cells lie too far out, with how many on each side."""
    return {one.item.name: one.held._asdict() for one in items if any(one.held)}


@dataclass(frozen=True)
class Moments(Measure):
    """How far mean, spread, skewness and quantiles of quantities are from the real ones.

    Mean over quantities of the mean absolute difference of mean, standard deviation and the 1, 5,
    25, 50, 75, 95 and 99 % quantiles in units of train's spread, and of the nonparametric skewness
    (mean − median) / sd, which lies between −1 and 1 (Hotelling and Solomons 1932). A quantile is
    the mean of the rows within half a percent of its rank, 5 at least: no row is shown.
    """

    name: ClassVar[str] = "moments"
    title: ClassVar[str] = "Moments and quantiles"
    how: ClassVar[str] = (
        "Per column of numbers or dates: mean, standard deviation, skewness ((mean - median) / "
        "sd) and the 1, 5, 25, 50, 75, 95 and 99 % quantiles of both sides; the mean absolute "
        "difference, in units of the real spread (the standard deviation within the 1 to 99 % "
        "range)."
    )
    reference: ClassVar[str] = "Hotelling and Solomons 1932, The limits of a measure of skewness"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.10

    def look(self, tables: Comparison) -> Finding:
        """Compare each quantity's statistics with train's."""
        counter = Counter.of(tables, self.name)
        items, flat = quantities(tables)
        found, shown = {}, {}
        for one in items:
            plain = Sides(*(statistics(side) for side in one.sides))
            found[one.item.name] = self._column(one, plain, counter)
            shown[one.item.name] = table(one, plain, found[one.item.name])
        whole = mean(list(found.values()))
        worst = furthest(found)
        return Finding(
            value=whole.value,
            interval=around(whole.value, spread(whole.drawn), high=float("inf")),
            floor=whole.floor,
            target=whole.floor + 0.05,
            meaning=(
                f"Means, spreads and quantiles are {whole.value:.3f} of the real spread off on "
                f"average (real unseen rows: {whole.floor:.3f}); most beyond chance in "
                f"'{worst}' with {found[worst].value:.3f}."
            ),
            detail=by_column(found)
            | {
                "table": shown,
                "held": held(items),
                "constant": flat,
                "rows": len(tables.sample.synthetic),
            },
        )

    def _column(self, one: Measured, plain: Sides[Floats], counter: Counter) -> Spread:
        known = Sides(*(side[~np.isnan(side)] for side in one.sides))
        grid = steps(known)
        drawn = [
            bootstrapped(cells, grid, groups, weights)
            for cells, groups, weights in zip(
                one.sides[:2], counter.groups[:2], counter.weights[:2], strict=True
            )
        ]
        return Spread(
            value=float(gap(plain.synthetic, plain.train)),
            drawn=gap(drawn[0], drawn[1]),
            floor=float(gap(plain.holdout, plain.train)),
        )


def gap(left: Floats, right: Floats) -> Floats:
    """The mean absolute difference of statistics; one that a side has not is 1 off."""
    return np.asarray(np.nan_to_num(np.abs(left - right), nan=1.0).mean(axis=-1))


def statistics(cells: Floats) -> Floats:
    """The statistics of cells, in the order of `STATISTICS`; NaN where fewer than 5 are known."""
    known = np.sort(cells[~np.isnan(cells)])
    return describe(np.ones(len(known)), known, float(known @ known))


def describe(counts: Floats, sums: Floats, squares: float) -> Floats:
    """Statistics of cells in ascending steps, each of so many cells with such a sum.

    Quantiles are slopes of the Lorenz curve over a window of rank.
    """
    rows = counts.sum()
    if rows < LEAST:
        return np.full(len(STATISTICS), np.nan)
    middle = sums.sum() / rows
    variance = max(float(squares / rows - middle**2), 0.0) * rows / (rows - 1)
    sd = np.sqrt(variance) if variance > 1e-18 else 0.0
    half = max(0.005, LEAST / 2 / rows)
    starts = np.clip(np.array(LEVELS) - half, 0, 1 - 2 * half)
    ranks = np.r_[0.0, np.cumsum(counts) / rows]
    lorenz = np.r_[0.0, np.cumsum(sums) / rows]
    ends = np.interp(starts + 2 * half, ranks, lorenz)
    levels = np.asarray((ends - np.interp(starts, ranks, lorenz)) / (2 * half))
    skewness = np.clip((middle - levels[LEVELS.index(0.5)]) / sd, -1, 1) if sd else 0.0
    return np.concatenate([[middle, sd, skewness], levels])


def bootstrapped(cells: Floats, grid: Floats, groups: Ints, weights: Floats) -> Floats:
    """The statistics of bootstrapped rows, (draws, statistics)."""
    there = ~np.isnan(cells)
    known, of = cells[there], groups[there]
    place = np.searchsorted(grid, known, side="left")
    counts = redraw(weights, tally(place, len(grid), of))
    sums = redraw(weights, total(place, len(grid), of, known))
    squares = weights @ np.bincount(of, known**2, GROUPS)
    return np.array([describe(*draw) for draw in zip(counts, sums, squares, strict=True)])


def table(one: Measured, plain: Sides[Floats], found: Spread) -> dict[str, Any]:
    """What a statistician reads of a column: the statistics in its own units, and differences."""
    ruler = one.ruler
    shown: dict[str, Any] = {"kind": one.item.kind}
    for name, side, cells in zip(("synthetic", "real", "holdout"), plain, one.sides, strict=True):
        own = ruler.centre + side * ruler.unit
        own[1], own[2] = side[1] * ruler.unit, side[2]
        known = {"known": int((~np.isnan(cells)).sum())}
        shown[name] = known | dict(zip(STATISTICS, own, strict=True))
    shown["difference"] = dict(zip(STATISTICS, plain.synthetic - plain.train, strict=True))
    shown["floor"] = dict(zip(STATISTICS, plain.holdout - plain.train, strict=True))
    shown["value"] = found.value
    return shown
