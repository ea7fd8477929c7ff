"""When a rule that holds is no accident.

Every detector says in how many rows its rule would break, were the columns unrelated: were the
cells of one of them dealt to the rows anew. The chance that none of them does is then below
exp(−that number), so that one yardstick serves all rules, and it is moved by how many were tried.
"""

from __future__ import annotations

import math

import numpy as np

from neotype.constraints.discovery.cells import Floats, some

CERTAIN = 20.0
"""exp(−20): two in a billion, of a whole family of rules that were tried."""

ALMOST = 0.01
"""A rule almost holds when it breaks in at most this share of the rows that chance would break."""


def telling(expected: float, tried: int) -> bool:
    """Whether so many expected exceptions, and none found, rule accidents out."""
    return expected >= CERTAIN + math.log(max(tried, 1))


def almost(exceptions: int, expected: float, tried: int) -> bool:
    """Whether so few exceptions are typing errors of a rule rather than no rule."""
    return telling(0.5 * expected, tried) and exceptions <= ALMOST * expected


def above(low: Floats, high: Floats) -> float:
    """How often a cell of `low` lies above one of `high` of any other row."""
    low, high = (side[some(len(side), 2_000)] for side in (low, high))
    if not len(low) or not len(high):
        return 0.0
    below = np.searchsorted(np.sort(high), low, side="left")
    return float(below.mean() / len(high))


def about(expected: float) -> str:
    """The number of rows in words, in two digits: 27,000."""
    if expected < 10:
        return "some rows"
    digits = len(str(int(expected))) - 2
    return f"about {round(expected, -digits):,.0f} rows"
