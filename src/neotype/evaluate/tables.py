"""Columns cut into few symbols, and how often symbols occur together: what fidelity counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import (
    Floats,
    Ints,
    Labels,
    Numbers,
    Sides,
    View,
    codes_of_common,
    fold,
    shares_of,
)
from neotype.evaluate.interval import redraw, resample, tally
from neotype.rng import Rng

BINS = 10
"""Parts into which a quantity is cut."""

DRAWS = 50
"""Bootstrap draws behind a standard error: it is itself known to 10 %."""


@dataclass(frozen=True)
class Symbols:
    """A column as few symbols, 0 .. size − 1, of the sampled rows; symbol 0 is missing."""

    name: str
    size: int
    sides: Sides[Ints]


@dataclass(frozen=True)
class Spread:
    """A similarity of synthetic and train, its bootstrapped values, and that of the holdout."""

    value: float
    drawn: Floats
    floor: float


@dataclass(frozen=True)
class Counter:
    """Counts of joint symbols in bootstrap groups, and the similarity that they show."""

    groups: Sides[Ints]
    weights: Sides[Floats]

    @classmethod
    def of(cls, tables: Comparison, name: str) -> Counter:
        """The groups of the sampled rows, and the bootstrap's weights for a measure."""
        groups = (group[rows] for group, rows in zip(tables.groups, tables.sample, strict=True))
        rng = tables.rng.child(name)
        weights = (resample(_draws(rng, side).generator(), DRAWS) for side in Sides._fields)
        return cls(Sides(*groups), Sides(*weights))

    def count(self, columns: Sequence[Symbols]) -> Sides[Floats]:
        """How often the columns' symbols occur together: (GROUPS, cells) of every side."""
        size = int(np.prod([column.size for column in columns]))
        joint = []
        for side in range(3):
            codes = columns[0].sides[side]
            for column in columns[1:]:
                codes = codes * column.size + column.sides[side]
            joint.append(tally(codes, size, self.groups[side]))
        return Sides(*joint)

    def similarity(self, counts: Sides[Floats]) -> Spread:
        """1 − total variation of synthetic and train, and of holdout and train."""
        plain = Sides(*(side.sum(axis=0) for side in counts))
        drawn = overlap(
            redraw(self.weights.synthetic, counts.synthetic),
            redraw(self.weights.train, counts.train),
        )
        return Spread(
            value=float(overlap(plain.synthetic, plain.train)),
            drawn=drawn,
            floor=float(overlap(plain.holdout, plain.train)),
        )


def _draws(rng: Rng, side: str) -> Rng:
    return rng.child(f"bootstrap of {side}")


def overlap(left: Floats, right: Floats) -> NDArray[np.float64]:
    """1 − total variation of two tables of counts, over the last axis."""
    left = left / np.maximum(left.sum(axis=-1, keepdims=True), 1e-12)
    right = right / np.maximum(right.sum(axis=-1, keepdims=True), 1e-12)
    return np.asarray(1 - np.abs(left - right).sum(axis=-1) / 2)


def mean(spreads: Sequence[Spread]) -> Spread:
    """The mean of similarities that were bootstrapped together."""
    return Spread(
        value=float(np.mean([item.value for item in spreads])),
        drawn=np.mean([item.drawn for item in spreads], axis=0),
        floor=float(np.mean([item.floor for item in spreads])),
    )


def take(item: View, rows: Sides[Ints]) -> Sides[NDArray[np.float64]]:
    """The sampled rows of a column."""
    return Sides(
        *(np.asarray(side[here], np.float64) for side, here in zip(item.sides, rows, strict=True))
    )


def deciles(item: View, rows: Sides[Ints]) -> Symbols:
    """Quantities cut at train's deciles; train's 10 commonest labels and one for others."""
    return quantiles(item, rows, parts=BINS, most=BINS)


def quantiles(item: View, rows: Sides[Ints], *, parts: int, most: int) -> Symbols:
    """Quantities cut at train's quantiles into `parts`; train's `most` commonest labels, others."""
    if isinstance(item, Labels):
        code = codes_of_common(shares_of(item.sides.train, item.size), most)
        folded = Labels(item.name, item.kind, Sides(*(code[side] for side in item.sides)), ())
        return Symbols(item.name, most + 2, _whole(take(folded, rows)))
    known = item.sides.train[~np.isnan(item.sides.train)]
    cuts = np.linspace(0, 1, parts + 1)[1:-1]
    edges = np.unique(np.quantile(known, cuts, method="lower")) if len(known) else np.empty(0)
    return Symbols(item.name, len(edges) + 2, _cut(item, rows, Sides(edges, edges, edges)))


def together(columns: Sequence[Symbols]) -> Symbols:
    """Several columns as one, of the joint symbols that some row has: rare ones cost nothing."""
    size = int(np.prod([column.size for column in columns]))
    joint = []
    for side in range(3):
        codes = columns[0].sides[side]
        for column in columns[1:]:
            codes = codes * column.size + column.sides[side]
        joint.append(codes)
    there = np.zeros(size, dtype=np.bool_)
    for codes in joint:
        there[codes] = True
    place = np.cumsum(there) - 1
    name = ", ".join(column.name for column in columns)
    return Symbols(name, int(there.sum()), Sides(*(place[codes] for codes in joint)))


def bins(item: View, rows: Sides[Ints], *, common: bool, most: int) -> Symbols:
    """Quantities in 10 bins of equal width, of train's range or of each side's own; labels as is.

    Bins hold their lower edge, as SDMetrics' do; with edges of its own, a side's largest value has
    a bin to itself, as there. More than `most` labels are folded together by frequency.
    """
    if isinstance(item, Labels):
        codes, _ = fold(item, most)
        size = min(item.size, most + 2)
        folded = Labels(item.name, item.kind, codes, ())
        return Symbols(item.name, size, _whole(take(folded, rows)))
    own = Sides(*(_even(side) for side in item.sides))
    inner = own.train[:-1]
    edges = Sides(inner, inner, inner) if common else own
    return Symbols(item.name, len(edges.train) + 2, _cut(item, rows, edges, "right"))


def _even(cells: Floats) -> Floats:
    """The upper edges of bins of equal width."""
    known = cells[~np.isnan(cells)]
    if not len(known):
        return np.zeros(BINS)
    low, high = known.min() / 2, known.max() / 2
    return np.asarray(2 * np.linspace(low, high, BINS + 1)[1:])


def _cut(
    item: Numbers,
    rows: Sides[Ints],
    edges: Sides[Floats],
    edge: Literal["left", "right"] = "left",
) -> Sides[Ints]:
    cut = []
    for cells, side in zip(take(item, rows), edges, strict=True):
        codes = 1 + np.searchsorted(side, cells, side=edge)
        cut.append(np.where(np.isnan(cells), 0, codes))
    return Sides(*cut)


def _whole(sides: Sides[NDArray[np.float64]]) -> Sides[Ints]:
    return Sides(*(side.astype(np.int64) for side in sides))
