"""Strength of association of a pair of columns on every side: correlation, V, ratio, information.

Every strength is vectorised over leading axes, so that the tables of a bootstrap are one call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neotype.evaluate.features import Floats, Ints, Numbers, Sides
from neotype.evaluate.interval import GROUPS, ranks, redraw, tally, total
from neotype.evaluate.tables import Counter, Symbols, take


class Pair(NamedTuple):
    """A strength on the three sides, and bootstrapped of synthetic and train; NaN is undefined."""

    plain: Sides[float]
    drawn: tuple[Floats, Floats]


def labelled(
    left: Symbols, right: Symbols, counter: Counter, strength: Callable[[Floats], Floats]
) -> Pair:
    """A strength of two columns of symbols, from their contingency tables."""
    counts = counter.count([left, right])
    shape = (left.size, right.size)
    plain = Sides(*(float(strength(side.sum(axis=0).reshape(shape))) for side in counts))
    drawn = [
        strength(redraw(weights, side).reshape(-1, *shape))
        for weights, side in zip(counter.weights[:2], counts[:2], strict=True)
    ]
    return Pair(plain, (drawn[0], drawn[1]))


def grouped(number: Numbers, label: Symbols, counter: Counter) -> Pair:
    """The correlation ratio of a quantity by label; both hold the sampled rows."""
    plain, drawn = [], []
    for side, groups in enumerate(counter.groups):
        there = ~np.isnan(number.sides[side])
        cells, codes, of = number.sides[side][there], label.sides[side][there], groups[there]
        counts = tally(codes, label.size, of)
        sums = total(codes, label.size, of, cells)
        squares = np.bincount(of, cells**2, GROUPS).astype(np.float64)
        plain.append(float(ratio(counts.sum(axis=0), sums.sum(axis=0), squares.sum())))
        if side < 2:
            weights = counter.weights[side]
            drawn.append(ratio(redraw(weights, counts), redraw(weights, sums), weights @ squares))
    return Pair(Sides(*plain), (drawn[0], drawn[1]))


def ranking(item: Numbers, rows: Sides[Ints]) -> Numbers:
    """The sampled rows as mid-ranks within each side, from −1/2 to 1/2; NaN is missing."""
    sides = []
    for cells in take(item, rows):
        out = np.full(len(cells), np.nan)
        there = ~np.isnan(cells)
        out[there] = (ranks(cells[there]) - 0.5) / max(1, int(there.sum())) - 0.5
        sides.append(out)
    return Numbers(item.name, item.kind, Sides(*sides))


def corrected_v(tables: Floats) -> Floats:
    """Bias-corrected Cramér's V (Bergsma 2013) of tables (..., rows, columns).

    Its square is 0 on average where columns are independent, whatever the number of labels and of
    rows, but for being kept from below 0. NaN where a column does not vary.
    """
    count = np.maximum(tables.sum(axis=(-2, -1)), 2.0)
    rows, columns = tables.sum(axis=-1), tables.sum(axis=-2)
    expected = rows[..., :, None] * columns[..., None, :] / count[..., None, None]
    squares = tables**2 / np.where(expected > 0, expected, 1)
    r, c = (rows > 0).sum(axis=-1), (columns > 0).sum(axis=-1)
    phi = squares.sum(axis=(-2, -1)) / count - 1 - (r - 1) * (c - 1) / (count - 1)
    least = np.minimum(r - (r - 1) ** 2 / (count - 1), c - (c - 1) ** 2 / (count - 1)) - 1
    value = np.sqrt(np.clip(phi / np.maximum(least, 1e-12), 0, 1))
    return np.asarray(np.where(np.minimum(r, c) < 2, np.nan, value))


def ratio(counts: Floats, sums: Floats, squares: Floats) -> Floats:
    """The correlation ratio of a quantity by label, corrected for chance (Kelley 1935).

    Counts and sums of the quantity are (..., labels), the sum of its squares (...). NaN where the
    quantity or the label does not vary.
    """
    rows, groups = counts.sum(axis=-1), (counts > 0).sum(axis=-1)
    middle = sums.sum(axis=-1) ** 2 / np.maximum(rows, 1)
    whole = squares - middle
    between = (sums**2 / np.maximum(counts, 1e-12)).sum(axis=-1) - middle
    flat = (whole <= 1e-9 * np.maximum(rows, 1)) | (groups < 2) | (rows <= groups)
    eta = np.clip(between / np.where(flat, 1, whole), 0, 1)
    corrected = 1 - (1 - eta) * (rows - 1) / np.maximum(rows - groups, 1)
    return np.asarray(np.where(flat, np.nan, np.sqrt(np.clip(corrected, 0, 1))))


def information(tables: Floats) -> Floats:
    """Normalised mutual information of tables of counts (..., rows, columns), from 0 to 1.

    I(X; Y) over the mean of both entropies (Kvålseth 1987). 0 where one column does not vary, NaN
    where neither does.
    """
    shares = tables / np.maximum(tables.sum(axis=(-2, -1), keepdims=True), 1e-12)
    left, right = _entropy(shares.sum(axis=-1)), _entropy(shares.sum(axis=-2))
    joint = _entropy(shares.reshape(*shares.shape[:-2], -1))
    both = (left + right) / 2
    flat = both <= 1e-12
    value = np.clip((left + right - joint) / np.where(flat, 1, both), 0, 1)
    return np.asarray(np.where(flat, np.nan, value))


def _entropy(shares: Floats) -> Floats:
    return np.asarray(-(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=-1))
