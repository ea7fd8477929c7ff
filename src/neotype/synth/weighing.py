"""Weighted candidates: taking some in proportion to their weight, and saying what they are worth.

Weights are logarithms up to one constant that all candidates of a sampler share, so that
candidates which were drawn apart can be put together.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.rng import Rng

LogWeights = NDArray[np.float64]
Picks = NDArray[np.int64]


def effective(log_weight: LogWeights) -> float:
    """How many candidates of equal weight these are worth (Kong 1992)."""
    share = shares(log_weight)
    return float(share.sum() ** 2 / (share**2).sum()) if share.any() else 0.0


def repeated(log_weight: LogWeights, rows: int) -> float:
    """The share of `rows` rows that repeats another when each is taken in proportion."""
    share = shares(log_weight)
    if not share.any():
        return 1.0
    return float(np.maximum(share * (rows / share.sum()) - 1.0, 0.0).sum() / rows)


def shares(log_weight: LogWeights) -> NDArray[np.float64]:
    """The weights, the largest of them 1; all 0 where none may be taken."""
    top = log_weight.max(initial=-np.inf)
    return np.exp(log_weight - top) if top > -np.inf else np.zeros(len(log_weight))


def choose(log_weight: LogWeights, rows: int, rng: Rng) -> Picks:
    """`rows` of the candidates without replacement, each included in proportion to its weight.

    Systematic sampling on a random order (Madow 1949): inclusion is exactly proportional, but for
    candidates so heavy that they are certain.
    """
    generator = rng.generator()
    order = generator.permutation(len(log_weight))
    inclusion = _inclusion(np.exp(log_weight - log_weight.max())[order], rows)
    picks = order[_systematic(inclusion, generator)]
    spare = np.setdiff1d(order, picks)
    picks = np.concatenate([picks, spare[: max(0, rows - len(picks))]])[:rows]
    return np.asarray(generator.permutation(picks), dtype=np.int64)


def one_of_each(log_weight: LogWeights, generator: Generator) -> Picks:
    """Of groups × candidates one of each group, drawn in proportion to its weight.

    The largest of log-weights with Gumbel noise is such a draw.
    """
    noisy = log_weight + generator.gumbel(size=log_weight.shape)
    return np.asarray(noisy.argmax(axis=1), dtype=np.int64)


def thin(log_weight: LogWeights, most: int, rng: Rng) -> tuple[Picks, LogWeights]:
    """At most about `most` candidates that stand for all, and the weight of each.

    A candidate is kept with a probability in proportion to its weight, and weighs so much more for
    it: the expected weight of any set of candidates stays what it was (Fearnhead & Clifford 2003).
    """
    alive = np.flatnonzero(log_weight > -np.inf)
    if len(alive) <= most:
        return alive, log_weight[alive]
    generator = rng.generator()
    order = generator.permutation(alive)
    inclusion = _inclusion(shares(log_weight[order]), most)
    kept = np.sort(_systematic(inclusion, generator))
    return order[kept], log_weight[order[kept]] - np.log(inclusion[kept])


def resample(log_weight: LogWeights, rows: int, rng: Rng) -> Picks:
    """`rows` picks in proportion to weight, in random order; a heavy candidate comes repeatedly."""
    share = shares(log_weight)
    if len(share) == rows and (share == 1.0).all():
        return np.arange(rows)
    generator = rng.generator()
    order = generator.permutation(len(share))
    steps = np.cumsum(share[order])
    marks = (np.arange(rows) + generator.random()) * (steps[-1] / rows)
    picks = order[np.minimum(np.searchsorted(steps, marks, side="right"), len(order) - 1)]
    return np.asarray(generator.permutation(picks), dtype=np.int64)


def _inclusion(share: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """How probable each candidate is among `rows`: in proportion to its share, and 1 at most."""
    certain = np.zeros(len(share), dtype=bool)
    while True:
        left, rest = rows - int(certain.sum()), share[~certain].sum()
        if left <= 0 or rest <= 0.0:
            return certain.astype(np.float64)
        inclusion = np.where(certain, 1.0, share * left / rest)
        heavy = (inclusion >= 1.0) & ~certain
        if not heavy.any():
            return inclusion
        certain |= heavy


def _systematic(inclusion: NDArray[np.float64], generator: Generator) -> Picks:
    """The places where the sum of inclusions, begun at random, passes a whole number."""
    ladder = np.floor(np.cumsum(inclusion) + generator.random())
    ladder[-1] = max(ladder[-1], ladder[0])
    return np.flatnonzero(np.diff(ladder, prepend=0.0) >= 1)
