"""Which case of a table each row belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.distribution import MISSING, OTHERWISE, Distribution
from neotype.schema.quantity import band
from neotype.schema.specification import spelt
from neotype.spec.cells import cell_numbers

Rows = NDArray[np.int64]

_BANDED = frozenset(("numeric", "datetime", "duration", "geo"))


@dataclass(frozen=True)
class Branch:
    """One level of a table: the cases of one parent; a leaf has no parent and one distribution."""

    leaf: int
    parent: str | None
    column: Any
    keys: tuple[str, ...]
    inside: tuple[Branch, ...]

    def split(self, frame: pl.DataFrame, rows: Rows | None) -> Iterator[tuple[int, Rows | None]]:
        """The leaves and the rows (None: all) that belong to each. Rows of no case are left out."""
        if self.parent is None:
            yield self.leaf, rows
            return
        cells = frame[self.parent]
        codes = self._codes(cells if rows is None else cells.gather(rows))
        order = np.argsort(codes, kind="stable")
        edges = np.searchsorted(codes[order], np.arange(len(self.keys) + 1))
        for k, branch in enumerate(self.inside):
            here = order[edges[k] : edges[k + 1]]
            if len(here):
                yield from branch.split(frame, here if rows is None else rows[here])

    def _codes(self, cells: pl.Series) -> NDArray[np.int16]:
        """The number of the key of each cell; as many as there are keys where it has none."""
        none, place = len(self.keys), {key: k for k, key in enumerate(self.keys)}
        codes = np.full(len(cells), place.get(OTHERWISE, none), dtype=np.int16)
        plain = [key for key in self.keys if key not in {OTHERWISE, MISSING}]
        if self.column.kind in _BANDED:
            numbers = cell_numbers(self.column, cells)
            for key in reversed(plain):
                low, high = band(self.column.kind, key) or (0.0, 0.0)
                codes[(numbers >= low) & (numbers <= high)] = place[key]
        else:
            found = _spelt(self.column, cells).cast(pl.Enum(plain), strict=False).to_physical()
            known = found.is_not_null().to_numpy()
            at = np.array([place[key] for key in plain], dtype=np.int16)
            codes[known] = at[found.drop_nulls().to_numpy()]
        if cells.null_count():
            codes[cells.is_null().to_numpy()] = place.get(MISSING, place.get(OTHERWISE, none))
        return codes


def _spelt(column: Any, cells: pl.Series) -> pl.Series:
    """Labels as the keys of a table spell them."""
    if column.kind == "boolean":
        no, yes = (spelt(label) for label in column.labels or (False, True))
        truth = cells
        if cells.dtype != pl.Boolean:
            truth = cells == pl.Series(column.labels or (False, True), dtype=cells.dtype)[1]
        return pl.select(pl.when(truth).then(pl.lit(yes)).otherwise(pl.lit(no))).to_series()
    return cells.cast(pl.String)


def branches(
    one: Distribution, parents: tuple[str, ...], columns: Any, leaves: list[Distribution]
) -> Branch:
    """The table as a tree whose leaves are numbered in `leaves`."""
    if not parents:
        leaves.append(one)
        return Branch(len(leaves) - 1, None, None, (), ())
    name, *rest = parents
    cases = one.cases or {}
    inside = tuple(branches(part, tuple(rest), columns, leaves) for part in cases.values())
    return Branch(-1, name, columns[name], tuple(cases), inside)
