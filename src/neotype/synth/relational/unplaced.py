"""Rows that must refer to another and found none: they go, with what hangs below them.

As a database does it: what refers to a row that goes refers to nothing where it may, and goes too
where it may not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from neotype.links import NOTHING
from neotype.schema.schema import Relationship, Schema

Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]


def may_be_nothing(schema: Schema, tie: Relationship) -> bool:
    """Whether a key may be missing."""
    columns = schema.tables[tie.child].columns
    return any(columns[name].nullable for name in tie.child_key)


def gone(
    schema: Schema,
    heights: Mapping[str, int],
    positions: Mapping[str, Positions],
    first: Mapping[str, Mask],
) -> dict[str, Mask]:
    """Which rows of each table go when the `first` do."""
    lost = {name: np.zeros(height, dtype=np.bool_) for name, height in heights.items()}
    for name, mask in first.items():
        lost[name] |= mask
    left = -1
    while left != (left := sum(int(mask.sum()) for mask in lost.values())):
        for tie in schema.relationships:
            if not may_be_nothing(schema, tie):
                lost[tie.child] |= _below(positions[tie.title], lost[tie.parent])
    return lost


def without(
    ties: Iterable[Relationship],
    positions: Mapping[str, Positions],
    lost: Mapping[str, Mask],
) -> dict[str, Positions]:
    """The positions of the rows that stay, among the rows that stay."""
    found = dict(positions)
    for tie in ties:
        rows, above = positions[tie.title], lost[tie.parent]
        rows = np.where(_below(rows, above), NOTHING, rows)[~lost[tie.child]]
        place = np.cumsum(~above) - 1
        found[tie.title] = np.where(rows < 0, rows, place[np.maximum(rows, 0)] if len(place) else 0)
    return found


def _below(rows: Positions, lost: Mask) -> Mask:
    """Which rows refer to one that goes."""
    if not len(lost):
        return np.zeros(len(rows), dtype=np.bool_)
    found: Mask = (rows >= 0) & lost[np.maximum(rows, 0)]
    return found
