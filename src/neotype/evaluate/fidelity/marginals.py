"""Does the synthetic table have the distributions of the real one: columns, pairs, triples?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any, ClassVar, Literal

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.correlation import Correlations, cramers_v
from neotype.evaluate.features import Floats, Labels, Numbers, Sides, View
from neotype.evaluate.interval import around, redraw, spread, tally
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter, Spread, Symbols, bins, deciles, mean, take
from neotype.rng import Rng

GRID = 256


def views(tables: Comparison, least: int = 1) -> tuple[View, ...]:
    """The columns that can be compared, or the reason why there are too few."""
    found = tables.views
    if len(found) < least:
        raise NotMeasurableError(
            f"this measure needs {least} columns, and {len(found)} are left once identifiers "
            f"are taken out."
        )
    return found


@dataclass(frozen=True)
class Shape(Measure):
    """How alike single columns are: 1 is equal.

    Mean over columns of the Kolmogorov-Smirnov complement (quantities, missing cells left out) and
    the total-variation complement (labels, missing as a label); SDMetrics' Column Shapes.
    """

    name: ClassVar[str] = "shape"
    title: ClassVar[str] = "Column shapes"
    how: ClassVar[str] = (
        "Per column, 1 minus the largest gap between the two cumulative curves (numbers) or 1 "
        "minus half the summed gap between the shares of the labels (categories); then the "
        "mean."
    )
    reference: ClassVar[str] = "Kolmogorov-Smirnov and total variation; as SDMetrics' Column Shapes"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.03

    def look(self, tables: Comparison) -> Finding:
        """Compare each column with train's."""
        counter = Counter.of(tables, self.name)
        found = {item.name: self._column(item, tables, counter) for item in views(tables)}
        scored = {name: one for name, one in found.items() if one is not None}
        if not scored:
            raise NotMeasurableError("every column is empty.")
        whole = mean(list(scored.values()))
        worst = min(scored, key=lambda name: scored[name].value)
        return Finding(
            value=whole.value,
            interval=around(whole.value, spread(whole.drawn)),
            floor=whole.floor,
            target=whole.floor - 0.02,
            meaning=(
                f"Single columns look {whole.value:.1%} like the real ones (real unseen rows: "
                f"{whole.floor:.1%}); the least alike is '{worst}' with {scored[worst].value:.1%}."
            ),
            detail={
                "columns": {name: one.value for name, one in scored.items()},
                "floors": {name: one.floor for name, one in scored.items()},
                "empty": [name for name, one in found.items() if one is None],
            },
        )

    def _column(self, item: View, tables: Comparison, counter: Counter) -> Spread | None:
        if isinstance(item, Labels):
            sides = Sides(*(side.astype(np.int64) for side in take(item, tables.sample)))
            return counter.similarity(counter.count([Symbols(item.name, item.size, sides)]))
        cells = take(item, tables.sample)
        known = Sides(*(side[~np.isnan(side)] for side in cells))
        if not len(known.train) and not len(known.synthetic):
            return None
        if not len(known.train) or not len(known.synthetic):
            return Spread(0.0, np.zeros(len(counter.weights.train)), 1.0)
        edges = np.unique(np.quantile(known.train, np.linspace(0, 1, GRID), method="lower"))
        counts = []
        for side, groups in zip(cells, counter.groups, strict=True):
            present = ~np.isnan(side)
            place = np.searchsorted(edges, side[present], side="left")
            counts.append(tally(place, len(edges) + 1, groups[present]))
        drawn = _steps(
            redraw(counter.weights.synthetic, counts[0]), redraw(counter.weights.train, counts[1])
        )
        return Spread(
            value=1 - largest_step(known.synthetic, known.train),
            drawn=drawn,
            floor=1 - largest_step(known.holdout, known.train),
        )


def _steps(left: Floats, right: Floats) -> Floats:
    """Kolmogorov-Smirnov complements of tables of counts on common edges, (draws, cells)."""
    gaps = [
        np.cumsum(side, axis=1) / np.maximum(side.sum(axis=1, keepdims=True), 1e-12)
        for side in (left, right)
    ]
    return np.asarray(1 - np.abs(gaps[0] - gaps[1]).max(axis=1))


def largest_step(left: Floats, right: Floats) -> float:
    """The Kolmogorov-Smirnov statistic: the largest gap between two distribution functions."""
    if not len(left) or not len(right):
        return 1.0 if len(left) != len(right) else 0.0
    left, right = np.sort(left), np.sort(right)
    points = np.concatenate([left, right])
    below = np.searchsorted(left, points, side="right") / len(left)
    under = np.searchsorted(right, points, side="right") / len(right)
    return float(np.abs(below - under).max())


@dataclass(frozen=True)
class Trend(Measure):
    """How alike pairs of columns are: 1 is equal.

    Mean over pairs of 1 − |difference of Pearson correlations| / 2 (two quantities) and of the
    contingency tables' total-variation complement (others, quantities in 10 bins of equal width):
    SDMetrics' Column Pair Trends. `edges="common"` cuts both sides at train's edges;
    `edges="tabsyn"` cuts each at its own, folds no labels and leaves the numbers of rows unequal,
    as published figures do (Zhang et al. 2024, TabSyn).
    """

    edges: Literal["common", "tabsyn"] = "common"
    most_pairs: int = 2000

    name: ClassVar[str] = "trend"
    title: ClassVar[str] = "Pairs of columns (Trend)"
    how: ClassVar[str] = (
        "Per pair of columns, 1 minus half the difference of the correlations (two numbers) "
        "or 1 minus the total variation between the two contingency tables, numbers cut into "
        "10 bins with edges from the real data; then the mean."
    )
    reference: ClassVar[str] = "as SDMetrics' Column Pair Trends; Zhang et al. 2024, TabSyn"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.015

    labels: ClassVar[int] = 62
    """Labels of a column told apart in pairs (common edges only)."""

    def look(self, tables: Comparison) -> Finding:
        """Compare each pair with train's; strengths of association are returned for drawing."""
        items = views(tables, 2)
        counter = Counter.of(tables, self.name)
        common = self.edges == "common"
        most = self.labels if common else 1000
        codes = [bins(item, tables.sample, common=common, most=most) for item in items]
        quantities = [k for k, item in enumerate(items) if isinstance(item, Numbers)]
        measured = [item for item in items if isinstance(item, Numbers)]
        lines = Correlations.of(measured, tables.sample, counter)
        size = len(items)
        boards = {key: np.full((size, size), np.nan) for key in ("real", "synthetic", "similarity")}
        found: dict[tuple[int, int], Spread] = {}
        for a, b in chosen(size, 2, self.most_pairs, tables.rng.child("pairs")):
            if a in quantities and b in quantities:
                one, strengths = lines.pair(quantities.index(a), quantities.index(b))
            else:
                counts = counter.count([codes[a], codes[b]])
                one = counter.similarity(counts)
                shape = (codes[a].size, codes[b].size)
                strengths = (
                    cramers_v(counts.train.sum(axis=0).reshape(shape)),
                    cramers_v(counts.synthetic.sum(axis=0).reshape(shape)),
                )
            for key, cell in zip(("real", "synthetic"), strengths, strict=True):
                boards[key][a, b] = boards[key][b, a] = cell
            if one is not None:
                found[a, b] = one
                boards["similarity"][a, b] = boards["similarity"][b, a] = one.value
        if not found:
            raise NotMeasurableError("no pair of columns varies.")
        return self._finding([item.name for item in items], found, boards, tables)

    def _finding(
        self,
        names: Sequence[str],
        found: dict[tuple[int, int], Spread],
        boards: dict[str, Floats],
        tables: Comparison,
    ) -> Finding:
        whole = mean(list(found.values()))
        a, b = min(found, key=lambda pair: found[pair].value - found[pair].floor)
        pairs = comb(len(names), 2)
        for board in boards.values():
            np.fill_diagonal(board, 1.0)
        return Finding(
            value=whole.value,
            interval=around(whole.value, spread(whole.drawn)),
            floor=whole.floor,
            target=whole.floor - 0.015,
            meaning=(
                f"Pairs of columns go together {whole.value:.1%} as in the real data (real unseen "
                f"rows: {whole.floor:.1%}); the pair most off is '{names[a]}' and '{names[b]}' "
                f"with {found[a, b].value:.1%}."
            ),
            detail={
                "columns": list(names),
                **boards,
                "edges": self.edges,
                "pairs": len(found),
                "notes": [f"{len(found):,} of {pairs:,} pairs, drawn at random"]
                if pairs > self.most_pairs
                else [],
            },
        )


def chosen(size: int, ways: int, most: int, rng: Rng) -> list[tuple[int, ...]]:
    """Sets of `ways` columns: all of them, or `most` different ones drawn at random."""
    if comb(size, ways) <= most:
        return list(combinations(range(size), ways))
    generator = rng.generator()
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < most:
        drawn[tuple(sorted(generator.choice(size, ways, replace=False).tolist()))] = None
    return list(drawn)


@dataclass(frozen=True)
class Accuracy(Measure):
    """How alike the joint distributions of 1, 2 or 3 columns are: 1 is equal.

    Quantities in train's deciles, labels as train's 10 commonest and others, missing on its own;
    1 − total variation, mean over sets of columns (Platzer and Reutterer 2021). The floor is the
    ceiling: what equally many holdout rows reach.
    """

    most_sets: int = 500

    ways: ClassVar[int]
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    margin: ClassVar[float] = 0.02
    tolerance: ClassVar[float] = 0.03

    def look(self, tables: Comparison) -> Finding:
        """Compare each set of columns with train's."""
        items = views(tables, self.ways)
        counter = Counter.of(tables, self.name)
        codes = [deciles(item, tables.sample) for item in items]
        sets = chosen(len(items), self.ways, self.most_sets, tables.rng.child(self.name))
        found = {
            sets_of: counter.similarity(counter.count([codes[k] for k in sets_of]))
            for sets_of in sets
        }
        whole = mean(list(found.values()))
        ranked = sorted(found.items(), key=lambda item: item[1].value - item[1].floor)
        named = [(", ".join(items[k].name for k in key), one) for key, one in ranked]
        detail: dict[str, Any] = {"ceiling": whole.floor, "sets": len(found)}
        if self.ways == 1:
            detail["columns"] = {name: one.value for name, one in named}
        detail["worst"] = [
            {
                "columns": [items[k].name for k in key],
                "accuracy": one.value,
                "ceiling": one.floor,
            }
            for key, one in ranked[:10]
        ]
        if len(found) < comb(len(items), self.ways):
            total = comb(len(items), self.ways)
            detail["notes"] = [f"{len(found):,} of {total:,} sets of columns, drawn at random"]
        what = {1: "Single columns", 2: "Pairs of columns", 3: "Triples of columns"}[self.ways]
        return Finding(
            value=whole.value,
            interval=around(whole.value, spread(whole.drawn)),
            floor=whole.floor,
            target=whole.floor - self.margin,
            meaning=(
                f"{what} have {whole.value:.1%} of their rows in the right place; real unseen rows "
                f"reach {whole.floor:.1%}. Furthest below that: {named[0][0]}."
            ),
            detail=detail,
        )


@dataclass(frozen=True)
class Accuracy1Way(Accuracy):
    """Marginal accuracy of single columns."""

    name: ClassVar[str] = "accuracy_1way"
    title: ClassVar[str] = "Accuracy, single columns"
    how: ClassVar[str] = (
        "Numbers are cut at the training deciles, categories to the ten most frequent and the "
        "rest; 1 minus the mean total variation between real and synthetic shares."
    )
    reference: ClassVar[str] = (
        "Platzer and Reutterer 2021, Holdout-based empirical assessment of mixed-type "
        "synthetic data"
    )
    ways: ClassVar[int] = 1


@dataclass(frozen=True)
class Accuracy2Way(Accuracy):
    """Marginal accuracy of pairs of columns."""

    name: ClassVar[str] = "accuracy_2way"
    title: ClassVar[str] = "Accuracy, pairs of columns"
    how: ClassVar[str] = "As the 1-way accuracy, over the joint shares of pairs of columns."
    reference: ClassVar[str] = (
        "Platzer and Reutterer 2021, Holdout-based empirical assessment of mixed-type "
        "synthetic data"
    )
    ways: ClassVar[int] = 2
    margin: ClassVar[float] = 0.015
    tolerance: ClassVar[float] = 0.01


@dataclass(frozen=True)
class Accuracy3Way(Accuracy):
    """Marginal accuracy of triples of columns."""

    name: ClassVar[str] = "accuracy_3way"
    title: ClassVar[str] = "Accuracy, triples of columns"
    how: ClassVar[str] = "As the 1-way accuracy, over the joint shares of triples of columns."
    reference: ClassVar[str] = (
        "Platzer and Reutterer 2021, Holdout-based empirical assessment of mixed-type "
        "synthetic data"
    )
    ways: ClassVar[int] = 3
