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


def turns(
    units: NDArray[np.integer], lots: NDArray[np.unsignedinteger], each: int
) -> NDArray[np.int64]:
    """Rows such that every unit has `each` of them: its own in the order of `lots`, over and over.

    Of a unit that has more rows the last lots are left out. A lot follows from the rows of its unit
    alone, so that tables which differ by a unit differ in `each` turns. Whatever rows a unit has,
    it counts as much as any other: the noise that hides a unit is no larger for those that some
    have many of.
    """
    order = np.lexsort((lots, units))
    order = order[units[order] >= 0]
    _, first, count = np.unique(units[order], return_index=True, return_counts=True)
    place = first[:, None] + np.arange(each)[None, :] % count[:, None]
    return np.asarray(order[place.ravel()], dtype=np.int64)
