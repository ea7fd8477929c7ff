"""Walk rows through a chain of trees: draw each digit among the symbols that it may have.

Random numbers are a hash of (key, row, step), so that a row's digits do not depend on which rows
are drawn beside it.
"""

from __future__ import annotations

import numba as nb
import numpy as np

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
"""The set of all symbols: bit s of a set says whether a digit may be s."""
_LEAST = 1e-12
"""What a symbol's probability is at least, so that rounding makes nothing impossible."""


@nb.njit(cache=True, nogil=True, inline="always")
def uniform(key, row, step):
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


@nb.njit(cache=True, nogil=True, inline="always")
def _any_between(allowed, start, end):
    """Whether a set has a symbol of start .. end − 1."""
    span = min(end, 64) - start
    if span <= 0:
        return False
    bits = allowed >> np.uint64(start)
    return (bits & (ALL >> np.uint64(64 - span))) != 0


@nb.njit(cache=True, nogil=True, inline="always")
def _the_only(allowed):
    """The symbol of a set of one; 64 for any other set."""
    if allowed == 0 or (allowed & (allowed - np.uint64(1))) != 0:
        return 64
    symbol = 0
    for half in (32, 16, 8, 4, 2, 1):
        if (allowed >> np.uint64(symbol + half)) != 0:
            symbol += half
    return symbol


@nb.njit(cache=True, nogil=True)
def _draw_among(x, r, t, allowed, u, steps, feature, mask, child, leaf, cumulative, share):
    """Draw the digit that begins at step t among the symbols `allowed`; the log of their mass.

    All its steps are taken at once, along every prefix that leads to an allowed symbol, so that
    the draw is exact and the mass is the whole probability of the set. `share` (2 × 64) is scratch.
    """
    scratch = x.shape[1] - 1
    share[0, 0] = 1.0
    width, now = 1, 0
    while True:
        root, classes, divisor, size = steps[t, 1], steps[t, 2], steps[t, 3], steps[t, 4]
        reach = classes * divisor
        share[1 - now, :] = 0.0
        for prefix in range(width):
            if not _any_between(allowed, prefix * reach, min((prefix + 1) * reach, size)):
                continue
            x[r, scratch] = prefix
            at = leaf[leaf_of(x, r, root, feature, mask, child)]
            top = min((size - 1) // divisor - prefix * classes, classes - 1)
            whole = cumulative[at + top]
            for symbol in range(top + 1):
                begin = prefix * reach + symbol * divisor
                if _any_between(allowed, begin, min(begin + divisor, size)):
                    p = cumulative[at + symbol]
                    if symbol > 0:
                        p -= cumulative[at + symbol - 1]
                    code = prefix * classes + symbol
                    share[1 - now, code] = share[now, prefix] * max(p / whole, _LEAST)
        width, now = (size - 1) // divisor + 1, 1 - now
        if steps[t, 6]:
            break
        t += 1
    total = share[now, :width].sum()
    if total <= 0.0:
        x[r, steps[t, 0]] = 0
        return -np.inf
    u *= total
    last = 0
    for code in range(width):
        if share[now, code] > 0.0:
            last = code
            u -= share[now, code]
            if u < 0.0:
                break
    x[r, steps[t, 0]] = last
    return np.log(total)


@nb.njit(cache=True, nogil=True)
def draw(x, key, steps, feature, mask, child, leaf, cumulative, limited, allowed, logp):
    """Fill x (rows × (digits + 1), uint8) digit by digit; the last column is scratch.

    steps: one line per tree, in order: (digit, root, classes, divisor, size, first, last) — the
    tree draws the next sub-digit of `digit`, whose code so far is in the scratch column; `first`
    and `last` mark the steps that begin and complete it. A digit that is `limited` has in row r one
    of the symbols allowed[r, digit] (allowed[0, digit] where there is but one line), and the
    log-probability of that is added to `logp`.
    """
    rows = x.shape[0]
    scratch = x.shape[1] - 1
    alike = allowed.shape[0] == 1
    share = np.empty((2, 64))
    for t in range(steps.shape[0]):
        digit, root, classes = steps[t, 0], steps[t, 1], steps[t, 2]
        divisor, size, first, last = steps[t, 3], steps[t, 4], steps[t, 5], steps[t, 6]
        limit = limited[digit]
        for r in range(rows):
            if limit:
                among = allowed[0 if alike else r, digit]
                code = _the_only(among)
                if code < size:
                    if first:
                        x[r, digit], x[r, scratch] = code, 0
                    at = leaf[leaf_of(x, r, root, feature, mask, child)]
                    top = min((size - 1) // divisor - x[r, scratch] * classes, classes - 1)
                    symbol = code // divisor - x[r, scratch] * classes
                    p = cumulative[at + symbol]
                    if symbol > 0:
                        p -= cumulative[at + symbol - 1]
                    logp[r] += np.log(max(p / cumulative[at + top], _LEAST))
                    x[r, scratch] = code // divisor
                    continue
                if among != ALL:
                    if first:
                        u = uniform(key, r, t)
                        logp[r] += _draw_among(
                            x, r, t, among, u, steps, feature, mask, child, leaf, cumulative, share
                        )
                    continue
            if first:
                x[r, scratch] = 0
            at = leaf[leaf_of(x, r, root, feature, mask, child)]
            # The digit's size may end within this prefix: what lies beyond has no probability.
            top = min((size - 1) // divisor - x[r, scratch] * classes, classes - 1)
            u = uniform(key, r, t) * cumulative[at + top]
            symbol = 0
            while symbol < top and u >= cumulative[at + symbol]:
                symbol += 1
            code = x[r, scratch] * classes + symbol
            if last:
                x[r, digit] = code
            x[r, scratch] = code
