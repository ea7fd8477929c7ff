"""Rows on end told in few numbers: what a detector sees of an owner, or of a window."""

from __future__ import annotations

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import (
    Features,
    Floats,
    Ints,
    Numbers,
    Sides,
    codes_of_common,
    shares_of,
)
from neotype.evaluate.sequential.strands import Sequences, Strands, calm

LABELS = 6
"""Labels of a column whose shares are told, the commonest of all sides."""

DECIMALS = 12
"""Of quantities in units of train's middle 99 %: further ones depend on the order of sums."""

OF_NUMBERS = ("mean", "deviation", "slope", "least", "most", "first", "last less first")
OF_TIMES = ("span", "mean gap", "longest gap")


def summarise(tables: Comparison, found: Sequences, over: Sides[Strands]) -> Features:
    """One row for each strand: quantities, shares of labels, changes of labels, times, length.

    Of owners also when they begin: one long series has no beginning of its own.
    """
    names: list[str] = []
    sources: list[str] = []
    categorical: list[int] = []
    cells: Sides[list[Floats]] = Sides([], [], [])

    def add(source: str, told: tuple[str, ...], sides: Sides[Floats]) -> None:
        names.extend(f"{source} {part}".strip() for part in told)
        sources.extend([source] * len(told))
        for column, side in zip(cells, sides, strict=True):
            column.append(side)

    add(found.name, OF_TIMES, Sides(*map(of_times, over)))
    add("rows", ("",), Sides(*(one.lengths[:, None].astype(np.float64) for one in over)))
    if found.owned:
        add(found.name, ("first",), Sides(*(one.times[one.starts[:-1], None] for one in over)))
    for item in tables.views:
        if item.name == found.name:
            continue
        if isinstance(item, Numbers):
            values = zip(calm(item), over, strict=True)
            add(item.name, OF_NUMBERS, Sides(*(of_numbers(side[s.rows], s) for side, s in values)))
            continue
        most = min(LABELS, len(item.words))
        code = codes_of_common(shares_of(np.concatenate(item.sides), item.size), most)
        told = (*(f"is label {k}" for k in range(most + 2)), "changes", "different")
        sides = zip(item.sides, over, strict=True)
        add(item.name, told, Sides(*(of_labels(side[s.rows], code, most, s) for side, s in sides)))
        categorical.append(len(names))
        wide = codes_of_common(shares_of(np.concatenate(item.sides), item.size), 250)
        sides = zip(item.sides, over, strict=True)
        add(item.name, ("at first",), Sides(*(_first(side, wide, s) for side, s in sides)))
    stacked = (np.concatenate(side, axis=1) for side in cells)
    return Features(tuple(names), tuple(sources), tuple(categorical), Sides(*stacked))


def _first(codes: Ints, code: Ints, strands: Strands) -> Floats:
    return code[codes[strands.rows[strands.starts[:-1]]]][:, None].astype(np.float64)


def of_times(strands: Strands) -> Floats:
    """The time from first to last, the mean and the longest gap; NaN for single rows."""
    starts, ends = strands.starts[:-1], strands.starts[1:] - 1
    span = strands.times[ends] - strands.times[starts]
    several = strands.lengths > 1
    gaps = np.diff(strands.times, prepend=strands.times[:1])
    gaps[starts] = -np.inf
    longest = np.maximum.reduceat(gaps, starts)
    told = np.stack([span, span / np.maximum(strands.lengths - 1, 1), longest], axis=1)
    told[~several] = np.nan
    return told


def of_numbers(cells: Floats, strands: Strands) -> Floats:
    """OF_NUMBERS of the known cells of each strand, (strands, 7); NaN where none is known."""
    many, strand = len(strands.lengths), strands.strand
    known = ~np.isnan(cells)
    rows = np.bincount(strand[known], minlength=many)
    count = np.maximum(rows, 1)
    value, here = cells[known], strand[known]
    mean = np.bincount(here, value, many) / count
    rest = value - mean[here]
    square = np.bincount(here, rest**2, many)
    place = (np.arange(len(cells)) - strands.starts[:-1][strand])[known].astype(np.float64)
    place -= (np.bincount(here, place, many) / count)[here]
    width = np.bincount(here, place**2, many)
    slope = np.bincount(here, place * rest, many) / np.maximum(width, 1e-12)
    starts = strands.starts[:-1]
    least = np.minimum.reduceat(np.where(known, cells, np.inf), starts)
    most = np.maximum.reduceat(np.where(known, cells, -np.inf), starts)
    first, last = cells[starts], cells[strands.starts[1:] - 1]
    deviation = np.sqrt(square / np.maximum(rows - 1, 1))
    told = np.stack([mean, deviation, slope, least, most, first, last - first], axis=1)
    told[rows == 0] = np.nan
    told[rows < 2, 1:3] = np.nan
    return np.round(told, DECIMALS)


def of_labels(codes: Ints, code: Ints, most: int, strands: Strands) -> Floats:
    """Shares of missing, of the commonest labels and of others; of changes; how many differ."""
    many, strand = len(strands.lengths), strands.strand
    size = most + 2
    counts = np.bincount(strand * size + code[codes], minlength=many * size).reshape(many, size)
    shares = counts / strands.lengths[:, None]
    here = strands.pairs(1)
    moved = codes[here] != codes[here + 1]
    changes = np.bincount(strand[here], moved, many) / np.maximum(strands.lengths - 1, 1)
    return np.column_stack([shares, changes, (counts > 0).sum(axis=1)])
