"""Strength of association: Pearson for two quantities, Cramér's V for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neotype.evaluate.features import Floats, Ints, Numbers, Sides
from neotype.evaluate.interval import GROUPS, redraw
from neotype.evaluate.tables import Counter, Spread, take

Moments = tuple[Floats, ...]


@dataclass(frozen=True)
class Correlations:
    """Pearson correlations of all pairs of quantities, over rows where both are present.

    Matrices are (columns, columns), bootstrapped ones (draws, columns, columns); NaN where a side
    does not vary.
    """

    plain: Sides[Floats]
    drawn: Floats

    @classmethod
    def of(cls, items: Sequence[Numbers], rows: Sides[Ints], counter: Counter) -> Correlations:
        """From sums of products by bootstrap group: one pass over the rows."""
        cells = [take(item, rows) for item in items]
        sums = []
        for side, groups in enumerate(counter.groups):
            columns = [_unit(column, side) for column in cells]
            matrix = np.column_stack(columns) if columns else np.empty((len(groups), 0))
            sums.append(_moments(matrix, groups))
        plain = Sides(*(pearson(tuple(t.sum(axis=0) for t in side)) for side in sums))
        parts = [
            pearson(tuple(redraw(weights, table) for table in side))
            for weights, side in zip(counter.weights[:2], sums[:2], strict=True)
        ]
        return cls(plain, 1 - np.abs(parts[0] - parts[1]) / 2)

    def pair(self, a: int, b: int) -> tuple[Spread | None, tuple[float, float]]:
        """The similarity of a pair (None where train does not vary), and |r| of train, synthetic.

        A synthetic column that does not vary has no correlation, and counts as 0.
        """
        synthetic, train, holdout = (float(side[a, b]) for side in self.plain)
        strengths = abs(train), abs(synthetic)
        if np.isnan(train):
            return None, strengths
        value = 1 - abs(np.nan_to_num(synthetic) - train) / 2
        floor = 1 - abs(np.nan_to_num(holdout) - train) / 2
        drawn = np.nan_to_num(self.drawn[:, a, b], nan=float(value))
        return Spread(float(value), drawn, float(floor)), strengths


def _unit(column: Sides[Floats], side: int) -> Floats:
    """Cells around train's middle, of the order of 1, so that their squares stay finite."""
    known = column.train[~np.isnan(column.train)]
    centre = float(np.median(known)) if len(known) else 0.0
    moved = column[side] / 2 - centre / 2
    present = np.abs(moved[~np.isnan(moved)])
    return np.asarray(moved / max(float(present.max(initial=0.0)), 1e-300))


def _moments(cells: Floats, groups: Ints) -> Moments:
    """By group: pairs present, and sums of x, x² and xy over them, each (GROUPS, d, d)."""
    width = cells.shape[1]
    tables = [np.zeros((GROUPS, width, width)) for _ in range(4)]
    for group in range(GROUPS):
        here = cells[groups == group]
        present = (~np.isnan(here)).astype(np.float64)
        filled = np.nan_to_num(here)
        products = (present, filled, filled**2)
        for table, left in zip(tables, products, strict=False):
            table[group] = left.T @ present
        tables[3][group] = filled.T @ filled
    return tuple(tables)


def pearson(moments: Moments) -> Floats:
    """Correlations from sums; NaN where one side of the pair does not vary."""
    count, sums, squares, products = moments
    flipped, squared = np.swapaxes(sums, -1, -2), np.swapaxes(squares, -1, -2)
    many = np.maximum(count, 1)
    covariance = products / many - sums * flipped / many**2
    variance = (squares / many - (sums / many) ** 2) * (squared / many - (flipped / many) ** 2)
    flat = variance <= 1e-24
    return np.asarray(
        np.where(flat, np.nan, np.clip(covariance / np.sqrt(np.where(flat, 1, variance)), -1, 1))
    )


def cramers_v(table: Floats) -> float:
    """Cramér's V of a contingency table, 0 (independent) to 1 (one tells the other)."""
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    least = min(table.shape) - 1
    if least < 1:
        return float("nan")
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    chi = float(((table - expected) ** 2 / expected).sum())
    return float(np.sqrt(min(1.0, chi / total / least)))
