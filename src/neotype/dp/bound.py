"""No unit has more rows than the budget says: the rest is left out before anything is counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def within(units: NDArray[np.integer], at_most: int) -> NDArray[np.bool_]:
    """Which rows may count: the first `at_most` of each unit, in the order of the table.

    Units are numbers; below 0 is a row that belongs to nobody, of which no bound holds: it is left
    out. What is kept of a unit follows from its own rows, so that tables which differ by a unit
    differ, when cut, by `at_most` rows or fewer.
    """
    order = np.argsort(units, kind="stable")
    ordered = units[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    kept = np.zeros(len(units), np.bool_)
    kept[order] = (np.arange(len(units)) - starts < at_most) & (ordered >= 0)
    return kept
