"""Walk rows down the halvings of a digit, as boosted trees vote at each (`neotype.trees.cascade`).

`halvings` are the arrays low, high, below, above, base, first and last; `votes` are feature, cut,
hides, left, right and value. The last column of x is scratch: which half a row is at.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from neotype.trees.draw import ALL, uniform

HIDDEN = 255
"""The code of a digit that is not seen."""


@nb.njit(cache=True, nogil=True, inline="always")
def _above(x, r, node, halvings, votes):
    """How probable the upper half is for row r of x."""
    low, _, _, _, base, first, last = halvings
    feature, cut, hides, left, right, value = votes
    x[r, x.shape[1] - 1] = low[node]
    odds = base[node]
    for t in range(first[node], last[node]):
        at = 0
        while at >= 0:
            code = x[r, feature[t, at]]
            goes = hides[t, at] if code == HIDDEN else code <= cut[t, at]
            at = left[t, at] if goes else right[t, at]
        odds += value[t, -1 - at]
    return 1.0 / (1.0 + np.exp(-odds))


@nb.njit(cache=True, nogil=True)
def walk(x, rows, digit, begin, end, key, halvings, votes):
    """Draw a digit of these rows, whose halvings are the lines begin … end − 1."""
    below, above = halvings[2], halvings[3]
    for r in rows:
        node = begin if begin < end else -1
        while node >= 0:
            upper = uniform(key, r, node) < _above(x, r, node, halvings, votes)
            node = above[node] if upper else below[node]
        x[r, digit] = -1 - node


@nb.njit(cache=True, nogil=True, inline="always")
def _has(allowed, low, high):
    """Whether a set has a symbol of low … high − 1."""
    bits = allowed >> np.uint64(low)
    return (bits & (ALL >> np.uint64(64 - (high - low)))) != 0


@nb.njit(cache=True, nogil=True)
def _weigh(x, r, begin, end, allowed, halvings, votes, share, weight):
    """How probable each allowed symbol of a digit is for row r; `share` is scratch."""
    low, high, below, above = halvings[0], halvings[1], halvings[2], halvings[3]
    weight[:] = 0.0
    share[:] = 0.0
    share[0] = 1.0
    for node in range(begin, end):
        here = share[node - begin]
        if here == 0.0 or not _has(allowed, low[node], high[node]):
            continue
        upper = _above(x, r, node, halvings, votes)
        for side in range(2):
            to = above[node] if side else below[node]
            mass = here * (upper if side else 1.0 - upper)
            if to >= 0:
                share[to - begin] = mass
            elif (allowed >> np.uint64(-1 - to)) & np.uint64(1):
                weight[-1 - to] = mass
    if begin == end and allowed != 0:
        weight[0] = 1.0


@nb.njit(cache=True, nogil=True)
def choose(x, rows, digit, begin, end, key, may, logp, halvings, votes):
    """Draw a digit of these rows among the symbols it may have; the log of their mass is added."""
    share = np.zeros(max(1, end - begin))
    weight = np.zeros(64)
    for r in rows:
        _weigh(x, r, begin, end, may[r], halvings, votes, share, weight)
        total = weight.sum()
        logp[r] += np.log(total) if total > 0.0 else -np.inf
        u = uniform(key, r, begin) * total
        x[r, digit] = 0
        for code in range(64):
            if weight[code] > 0.0:
                x[r, digit] = code
                u -= weight[code]
                if u < 0.0:
                    break
