"""How far two sets of numbers are apart: the largest gap between their distributions."""

from __future__ import annotations

import numpy as np

from neotype.evaluate.features import Floats, Ints, Sides
from neotype.evaluate.interval import redraw, resample, tally
from neotype.evaluate.tables import DRAWS, Spread
from neotype.rng import Rng

FEW = 5
"""Rows of train below which nothing of them is told."""

STEPS = 400
"""Values of a distribution that are looked at; of more, that many quantiles."""


def weights(rng: Rng) -> Sides[Floats]:
    """How often the bootstrap draws each group of rows, for each side on its own."""
    return Sides(
        *(resample(rng.child(f"bootstrap of {side}").generator(), DRAWS) for side in Sides._fields)
    )


def kolmogorov(values: Sides[Floats], groups: Sides[Ints], drawn: Sides[Floats]) -> Spread:
    """The Kolmogorov-Smirnov distance of synthetic and train, and of holdout and train.

    `values` and the bootstrap groups of their rows; missing ones do not count.
    """
    known = [~np.isnan(side) for side in values]
    cells = [side[here] for side, here in zip(values, known, strict=True)]
    union = np.unique(np.concatenate(cells))
    if len(union) > STEPS:
        union = np.unique(np.quantile(union, np.linspace(0, 1, STEPS), method="lower"))
    counts = Sides(
        *(
            tally(np.searchsorted(union, side), len(union) + 1, group[here])
            for side, group, here in zip(cells, groups, known, strict=True)
        )
    )
    return Spread(
        value=float(largest(counts.synthetic.sum(axis=0), counts.train.sum(axis=0))),
        drawn=largest(redraw(drawn.synthetic, counts.synthetic), redraw(drawn.train, counts.train)),
        floor=float(largest(counts.holdout.sum(axis=0), counts.train.sum(axis=0))),
    )


def largest(left: Floats, right: Floats) -> Floats:
    """The largest difference of two cumulated tables of counts, over the last axis."""
    left, right = (
        np.cumsum(side, axis=-1) / np.maximum(side.sum(axis=-1, keepdims=True), 1e-12)
        for side in (left, right)
    )
    return np.asarray(np.abs(left - right).max(axis=-1))


def earth_mover(left: Floats, right: Floats) -> float:
    """How far the values of one side have to move, in means of the other; 0 where one is empty."""
    from scipy.stats import wasserstein_distance

    left, right = left[~np.isnan(left)], right[~np.isnan(right)]
    if not len(left) or not len(right):
        return 0.0
    unit = max(float(np.abs(right).mean()), 1e-300)
    return float(wasserstein_distance(left / unit, right / unit))


def histogram(values: Sides[Floats], parts: int = 24) -> dict[str, object]:
    """Shares of each side in common bins: whole numbers as they are, else train's quantiles.

    Every bin holds FEW values of train or more, and the last ends at the FEW-th largest of them
    (it counts what lies beyond), so that nobody's own number is an edge.
    """
    known = Sides(*(side[~np.isnan(side)] for side in values))
    edges = np.unique(known.train)
    if len(edges) > parts:
        edges = np.unique(np.quantile(known.train, np.linspace(0, 1, parts + 1)[1:]))
    if len(known.train) < 2 * FEW:
        return {"upto": [], "shares": {side: [] for side in Sides._fields}}
    upto = [float(np.sort(known.train)[-FEW])]
    for edge in edges[::-1]:
        inside = int(((known.train > edge) & (known.train <= upto[0])).sum())
        below = int((known.train <= edge).sum())
        if edge < upto[0] and inside >= FEW and below >= FEW:
            upto.insert(0, float(edge))
    shares = {
        side: np.bincount(
            np.minimum(np.searchsorted(upto, cells), len(upto) - 1), minlength=len(upto)
        )
        / max(1, len(cells))
        for side, cells in known._asdict().items()
    }
    return {"upto": upto, "shares": shares}
