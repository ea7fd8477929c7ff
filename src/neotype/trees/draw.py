"""Walk rows through a chain of trees: draw the digits that are not given, weigh those that are.

Random numbers are a hash of (key, row, step), so that a row's digits do not depend on which rows
are drawn beside it.
"""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True, inline="always")
def _uniform(key, row, step):
    """A number in [0, 1) from a counter: splitmix64 (Steele, Lea & Flood 2014)."""
    z = key + np.uint64(row) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(step) * np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@nb.njit(cache=True, nogil=True, inline="always")
def leaf_of(x, r, root, feature, mask, child):
    """The leaf of the tree at `root` that row r of x falls in."""
    one = np.uint64(1)
    node = root
    while feature[node] >= 0:
        bit = (mask[node] >> np.uint64(x[r, feature[node]])) & one
        node = child[node] + np.int64(one - bit)
    return node


@nb.njit(cache=True, nogil=True)
def draw(x, key, steps, feature, mask, child, leaf, cumulative, given, logp):
    """Fill x (rows × (digits + 1), uint8) digit by digit; the last column is scratch.

    steps: one line per tree, in order: (digit, root, classes, divisor, size, first, last) — the
    tree draws the next sub-digit of `digit`, whose code so far is in the scratch column; `first`
    and `last` mark the steps that begin and complete it. Given digits are read from x, and the log-probability of
    each row's given digits is added to `logp`.
    """
    rows = x.shape[0]
    scratch = x.shape[1] - 1
    for t in range(steps.shape[0]):
        digit, root, classes = steps[t, 0], steps[t, 1], steps[t, 2]
        divisor, size, first, last = steps[t, 3], steps[t, 4], steps[t, 5], steps[t, 6]
        fixed = given[digit]
        for r in range(rows):
            if first:
                x[r, scratch] = 0
            at = leaf[leaf_of(x, r, root, feature, mask, child)]
            # The digit's size may end within this prefix: what lies beyond has no probability.
            top = min((size - 1) // divisor - x[r, scratch] * classes, classes - 1)
            whole = cumulative[at + top]
            if fixed:
                symbol = x[r, digit] // divisor - x[r, scratch] * classes
                symbol = min(symbol, top)
                p = cumulative[at + symbol]
                if symbol > 0:
                    p -= cumulative[at + symbol - 1]
                logp[r] += np.log(max(p / whole, 1e-12))
            else:
                u = _uniform(key, r, t) * whole
                symbol = 0
                while symbol < top and u >= cumulative[at + symbol]:
                    symbol += 1
            code = x[r, scratch] * classes + symbol
            if last and not fixed:
                x[r, digit] = code
            x[r, scratch] = code
