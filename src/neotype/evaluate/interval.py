"""How sure a number is: exact intervals for shares and AUCs, a bootstrap for the rest."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Z = 1.959963984540054
"""Half the width of a 95 % interval, in standard errors."""

GROUPS = 32
"""Random groups of rows that the bootstrap draws from."""


def around(value: float, error: float, low: float = 0.0, high: float = 1.0) -> tuple[float, float]:
    """The 95 % normal interval, kept within the range that the number can take."""
    return max(low, value - Z * error), min(high, value + Z * error)


def clopper_pearson(hits: int, trials: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    if trials == 0:
        return 0.0, 1.0
    low = 0.0 if hits == 0 else float(betaincinv(hits, trials - hits + 1, 0.025))
    high = 1.0 if hits == trials else float(betaincinv(hits + 1, trials - hits, 0.975))
    return low, high


def wilson(hits: float, trials: float) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927); ties may count as half a hit."""
    if trials == 0:
        return 0.0, 1.0
    share, square = hits / trials, Z * Z
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    spread = share * (1 - share) / trials + square / (4 * trials * trials)
    half = Z * float(np.sqrt(spread)) / (1 + square / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


def ranks(values: Floats) -> Floats:
    """Mid-ranks from 1: equal values share the mean of their places."""
    order = np.argsort(values, kind="stable")
    placed = values[order]
    starts = np.flatnonzero(np.r_[True, placed[1:] != placed[:-1]])
    sizes = np.diff(np.r_[starts, len(placed)])
    out = np.empty(len(values))
    out[order] = np.repeat(starts + (sizes + 1) / 2, sizes)
    return out


def auc(positive: Floats, negative: Floats) -> tuple[float, float]:
    """Area under the ROC curve and its standard error.

    The error is that of DeLong, DeLong and Clarke-Pearson (1988), in the rank form of Sun and
    Xu (2014); ties count as half.
    """
    many, few = len(positive), len(negative)
    if not many or not few:
        return 0.5, 0.5
    above, below = placements(positive, negative)
    value = float(above.mean())
    variance = _variance(above) / many + _variance(below) / few
    # Two scores that part perfectly have no DeLong error; one row could still have fallen wrong.
    least = 1 / (2 * max(many, few))
    return value, max(float(np.sqrt(variance)), least if value in (0.0, 1.0) else 0.0)


def placements(positive: Floats, negative: Floats) -> tuple[Floats, Floats]:
    """The share of negatives that each positive is above, and of positives above each negative."""
    many, few = len(positive), len(negative)
    joint = ranks(np.concatenate([positive, negative]))
    return (joint[:many] - ranks(positive)) / few, 1 - (joint[many:] - ranks(negative)) / many


def clustered_error(positive: Floats, negative: Floats, entities: tuple[Ints, Ints]) -> float:
    """The standard error of an AUC whose rows belong to entities, none of them on both sides.

    Rows of one entity are alike, and say less than as many others do (Obuchowski 1997). One entity
    alone says nothing of others.
    """
    variance = 0.0
    for places, owners in zip(placements(positive, negative), entities, strict=True):
        names, entity = np.unique(owners, return_inverse=True)
        if len(names) < 2:
            return 0.5
        sums = np.bincount(entity, places - places.mean())
        variance += float((sums**2).sum()) * len(names) / (len(names) - 1) / len(places) ** 2
    return float(np.sqrt(variance))


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.25


def roc(positive: Floats, negative: Floats, points: int = 101) -> list[list[float]]:
    """The ROC curve as [false positive rate, true positive rate], at most `points` of them.

    A fifth of them lie below 1 % false positives, evenly on a logarithmic scale: there the most
    exposed rows are found.
    """
    scores = np.concatenate([positive, negative])
    truth = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    order = np.argsort(-scores, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(scores[order])), len(order) - 1]
    hits = np.cumsum(truth[order])[ends] / max(1, len(positive))
    falls = np.cumsum(1 - truth[order])[ends] / max(1, len(negative))
    hits, falls = np.r_[0.0, hits], np.r_[0.0, falls]
    if len(hits) > points:
        head = points // 5
        grid = np.r_[np.geomspace(1e-4, 0.01, head), np.linspace(0.01, 1, points - head)[1:]]
        hits, falls = np.r_[0.0, np.interp(grid, falls, hits)], np.r_[0.0, grid]
    return [[float(x), float(y)] for x, y in zip(falls, hits, strict=True)]


def resample(generator: Generator, draws: int = 100) -> Floats:
    """How often the bootstrap draws each group, (draws, GROUPS); every row sums to GROUPS.

    Rows are resampled in random groups (whole entities, where there are any), which bounds the cost
    (Efron 1979; the grouping as in the bag of little bootstraps, Kleiner et al. 2014).
    """
    even = np.full(GROUPS, 1 / GROUPS)
    return generator.multinomial(GROUPS, even, size=draws).astype(np.float64)


def tally(codes: Ints, size: int, groups: Ints) -> Floats:
    """How often each code, 0 .. size − 1, occurs in each group of rows: (GROUPS, size)."""
    counts = np.bincount(groups * size + codes, minlength=GROUPS * size)
    return counts.reshape(GROUPS, size).astype(np.float64)


def total(codes: Ints, size: int, groups: Ints, values: Floats) -> Floats:
    """What values sum to, by group of rows and code, 0 .. size − 1: (GROUPS, size)."""
    sums = np.bincount(groups * size + codes, values, GROUPS * size)
    return np.asarray(sums.reshape(GROUPS, size), np.float64)


def redraw(weights: Floats, tables: Floats) -> Floats:
    """The tables of bootstrapped rows, (draws, ...), of tables by group, (GROUPS, ...).

    NaN where a sum is infinite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        flat = weights @ tables.reshape(GROUPS, -1)
    return flat.reshape(len(weights), *tables.shape[1:])


def spread(values: Floats) -> float:
    """The standard error that bootstrapped values show; values that do not exist are left out."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else 0.0
