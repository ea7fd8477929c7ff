"""A few rows that are together like all: of many drawn, those whose symbols are in their shares.

What chance does to 50 owners is seen in all that is below them. A real half of them is one of few
that there could be, and more alike to the other half than draws one by one are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import Codes, Digit

MOST = 200
"""Rows up to which chance is worth a choice."""
EACH = 5
"""Rows that are drawn for each that is taken."""
_SWEEPS = 4


def representative(
    codes: Codes, digits: Sequence[Digit], rows: int, rng: Generator
) -> NDArray[np.int64]:
    """Which rows (of digits × rows `codes`) to take.

    The sum over symbols of (taken − due)² / due is made small, one exchange after the other.
    """
    pool = codes.shape[1]
    starts = np.cumsum([0, *(digit.size for digit in digits)])
    symbols = codes.T.astype(np.int64) + starts[:-1]
    due = np.bincount(symbols.ravel(), minlength=starts[-1]) * (rows / max(pool, 1))
    price = 1 / np.maximum(due, 1)
    picks = rng.permutation(pool)[:rows]
    have = np.bincount(symbols[picks].ravel(), minlength=starts[-1]).astype(np.float64)
    own = price[symbols].sum(axis=1)
    is_free = np.ones(pool, dtype=np.bool_)
    is_free[picks] = False
    for _ in range(_SWEEPS):
        changed = False
        for place, old in enumerate(picks):
            have[symbols[old]] -= 1
            cost = own + 2 * (price * (have - due))[symbols].sum(axis=1)
            new = int(np.argmin(np.where(is_free, cost, np.inf)))
            if cost[new] < cost[old] - 1e-9:
                is_free[[old, new]] = True, False
                picks[place], changed = new, True
            have[symbols[picks[place]]] += 1
        if not changed:
            break
    return picks
