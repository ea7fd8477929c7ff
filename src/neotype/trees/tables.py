"""Conditional tables with back-off: what a symbol depends on is found one step at a time.

A table tells a sub-digit given a chain of steps, each the next few symbols of one other digit. A
row's context after k steps is an estimate centred on that after k − 1 (hierarchical Dirichlet,
MacKay & Peto 1995), so that a context of few rows says little and one of none says nothing new.
A step is worth what it adds to the log-probability of each row, left out of its own counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

STRENGTHS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0])
_SIZES = 40

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Step:
    """The symbol `code // divisor % radix` of a digit, or of the child so far."""

    digit: int
    divisor: int
    radix: int

    @property
    def masks(self) -> NDArray[np.uint64]:
        """For each symbol, the set of codes that have it."""
        symbol = np.arange(64) // self.divisor % self.radix
        bits = np.uint64(1) << np.arange(64, dtype=np.uint64)
        return np.array([bits[symbol == s].sum() for s in range(self.radix)], dtype=np.uint64)


@dataclass
class Contexts:
    """The contexts of a chain, as far as it is."""

    of: Ints
    """Each row's context; −1 where too few rows share it."""
    left_out: Floats
    """Contexts × classes: what a row of this context and class expects, were it not there."""
    share: Floats
    """Contexts × classes: the estimate."""

    @classmethod
    def first(cls, y: NDArray[np.uint8], classes: int) -> Contexts:
        """One for all rows: how frequent each class is."""
        even = np.full((1, classes), 1.0 / classes)
        start = cls(np.zeros(len(y), dtype=np.int32), even, even)
        return start.refined(np.zeros(len(y), dtype=np.uint8), 1, y, np.ones(_SIZES), 1)[0]

    def worth(
        self, symbol: NDArray[np.uint8], radix: int, y: NDArray[np.uint8], least: int
    ) -> tuple[float, Floats]:
        """The nats that a step would gain, and how strongly contexts of 2 ** k rows back off."""
        gains = _gains(self.of, symbol, radix, y, self.left_out, least, STRENGTHS)
        # Sizes of which there are few contexts do as their neighbours do.
        beside = gains.copy()
        beside[1:] += gains[:-1] / 2
        beside[:-1] += gains[1:] / 2
        best = beside.argmax(axis=1)
        return float(gains[np.arange(len(gains)), best].sum()), STRENGTHS[best]

    def refined(
        self,
        symbol: NDArray[np.uint8],
        radix: int,
        y: NDArray[np.uint8],
        strengths: Floats,
        least: int,
    ) -> tuple[Contexts, Ints]:
        """After a step; beside it which context each old one becomes with each symbol, or −1."""
        of, child, left_out, share = _refine(
            self.of, symbol, radix, y, self.left_out, self.share, least, strengths
        )
        return Contexts(of, left_out, share), child


@nb.njit(cache=True, nogil=True)
def _count(of, symbol, radix, y, contexts, classes):
    counts = np.zeros((contexts * radix, classes), dtype=np.int32)
    for r in range(len(of)):
        if of[r] >= 0:
            counts[of[r] * radix + symbol[r], y[r]] += 1
    return counts


@nb.njit(cache=True, nogil=True)
def _gains(of, symbol, radix, y, left_out, least, strengths):
    contexts, classes = left_out.shape
    counts = _count(of, symbol, radix, y, contexts, classes)
    gains = np.zeros((_SIZES, len(strengths)))
    for c in range(len(counts)):
        total = counts[c].sum()
        if total < least or total < 2:
            continue
        before = 0.0
        for k in range(classes):
            if counts[c, k]:
                before += counts[c, k] * np.log(left_out[c // radix, k])
        for s in range(len(strengths)):
            strength, now = strengths[s], 0.0
            for k in range(classes):
                n = counts[c, k]
                if n:
                    now += n * np.log(n - 1 + strength * left_out[c // radix, k])
            gains[int(np.log2(total)), s] += now - total * np.log(total - 1 + strength) - before
    return gains


@nb.njit(cache=True, nogil=True)
def _refine(of, symbol, radix, y, left_out, share, least, strengths):
    contexts, classes = left_out.shape
    counts = _count(of, symbol, radix, y, contexts, classes)
    child = np.full(len(counts), -1, dtype=np.int32)
    made = 0
    for c in range(len(counts)):
        if counts[c].sum() >= least:
            child[c] = made
            made += 1
    next_left, next_share = np.empty((made, classes)), np.empty((made, classes))
    for c in range(len(counts)):
        if child[c] >= 0:
            total = counts[c].sum()
            strength = strengths[int(np.log2(total))] if total else 1.0
            for k in range(classes):
                n, prior = counts[c, k], strength * left_out[c // radix, k]
                next_left[child[c], k] = (max(n - 1, 0) + prior) / (max(total - 1, 0) + strength)
                prior = strength * share[c // radix, k]
                next_share[child[c], k] = (n + prior) / (total + strength)
    after = np.full(len(of), -1, dtype=np.int32)
    for r in range(len(of)):
        if of[r] >= 0:
            after[r] = child[of[r] * radix + symbol[r]]
    return after, child, next_left, next_share


@nb.njit(cache=True, nogil=True)
def as_tree(level_start, radix, child, share, features, masks):
    """The contexts of a chain as a tree of yes-or-no splits: feature, mask, child, probability.

    Contexts are numbered through; those of level k begin at level_start[k] and are split by step
    k, child[k-th contexts × radix[k]] giving those of the next level, −1 where there is none.
    """
    levels = len(radix)
    most = 1
    for k in range(levels):
        most += 2 * (level_start[k + 1] - level_start[k]) * radix[k]
    feature = np.full(most, -1, dtype=np.int32)
    mask = np.zeros(most, dtype=np.uint64)
    below = np.full(most, -1, dtype=np.int32)
    probability = np.empty((most, share.shape[1]))
    todo = np.empty((most, 5), dtype=np.int64)
    todo[0] = (0, 0, 0, 0, radix[0] if levels else 0)
    made, waiting = 1, 1
    offset = np.zeros(levels + 1, dtype=np.int64)
    for k in range(levels):
        offset[k + 1] = offset[k] + (level_start[k + 1] - level_start[k]) * radix[k]
    while waiting:
        waiting -= 1
        node, level, context, low, high = todo[waiting]
        probability[node] = share[level_start[level] + context]
        if level == levels:
            continue
        at = offset[level] + context * radix[level]
        if child[at + low : at + high].max() < 0:
            continue
        if high - low == 1:
            after = radix[level + 1] if level + 1 < levels else 0
            todo[waiting] = (node, level + 1, np.int64(child[at + low]), 0, after)
            waiting += 1
            continue
        half = (low + high) // 2
        feature[node], below[node] = features[level], made
        for symbol in range(low, half):
            mask[node] |= masks[level, symbol]
        todo[waiting] = (made, level, context, low, half)
        todo[waiting + 1] = (made + 1, level, context, half, high)
        made, waiting = made + 2, waiting + 2
    return feature[:made], mask[:made], below[:made], probability[:made]
