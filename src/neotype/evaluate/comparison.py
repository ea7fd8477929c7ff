"""The three tables that every measure compares, and the views of them that measures share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.evaluate.compared import Compared, unlike_columns
from neotype.evaluate.features import Features, Sides, View, expand, show, view
from neotype.evaluate.interval import GROUPS, wilson
from neotype.rng import Rng
from neotype.schema.schema import Table

if TYPE_CHECKING:
    from neotype.evaluate.neighbors import Neighborhood

Ints = NDArray[np.int64]

ROWS = 50_000
"""Rows of a side whose distributions are compared; twice as many of train."""


@dataclass(frozen=True)
class Comparison(Compared):
    """A synthetic table, the rows it was learnt from, and real rows its model never saw.

    Views are made once, on first use. Train's schema says what the columns mean.
    """

    one: ClassVar[str] = "table"
    parts: ClassVar[str] = "row"
    mend: ClassVar[str] = (
        "give three tables of the same columns; the holdout is real rows that the model never saw"
    )

    def unlike(self) -> list[str]:
        """Columns that are missing or too many, and tables without rows."""
        findings = []
        for side, data in self.datasets._asdict().items():
            findings += unlike_columns(
                f"the {side} table", data.frame.columns, self.train.table.columns
            )
            if data.rows == 0:
                findings.append(f"the {side} table has no rows")
        return findings

    def same(self, one: Dataset, two: Dataset) -> bool:
        """Whether all rows of two tables are equal."""
        return one.frame.equals(two.frame)

    def refuse_shared(self) -> None:
        """DataError when two tables are one and the same, or the holdout holds rows of train."""
        self.refuse(self.identical() or overlap(self.train, self.holdout, self.left_out))

    @property
    def table(self) -> Table:
        """What the columns mean."""
        return self.train.table

    @cached_property
    def left_out(self) -> Mapping[str, str]:
        """Columns that no detector and no distance sees, each with the reason."""
        out = {}
        for name, column in self.table.columns.items():
            if column.kind in ("identifier", "personal"):
                kind = "an identifier" if column.kind == "identifier" else "personal data"
                out[name] = f"{kind} is made anew and means nothing"
            elif name == self.table.entity:
                out[name] = "it names the entity that a row belongs to"
        return out

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Every column that means something, as quantities or as labels."""
        return tuple(
            view(name, column, column.kind, self.series(name))
            for name, column in self.table.columns.items()
            if name not in self.left_out
        )

    @cached_property
    def features(self) -> Features:
        """What detectors and predictors are shown."""
        extras = {
            name: Sides(*(expand(name, column, column.kind, side) for side in self.series(name)))
            for name, column in self.table.columns.items()
            if column.kind in ("datetime", "text", "json") and name not in self.left_out
        }
        rows = Sides(*(data.rows for data in self.datasets))
        return show(self.views, extras, rows)

    @cached_property
    def neighbors(self) -> Neighborhood:
        """Distances to nearest rows, shared by every measure of copying."""
        from neotype.evaluate.neighbors import explore  # brings numba, which reports do not need

        rows = Sides(*(data.rows for data in self.datasets))
        return explore(self.views, rows, self.rng, self.holdout.owners)

    @cached_property
    def groups(self) -> Sides[Ints]:
        """A random group, 0 .. GROUPS − 1, for every row; an entity's rows share theirs."""
        return Sides(
            *(
                self._grouped(data, self.rng.child(f"bootstrap groups of {side}"))
                for side, data in self.datasets._asdict().items()
            )
        )

    @cached_property
    def sample(self) -> Sides[Ints]:
        """The rows whose distributions are compared: equally many of synthetic and of holdout.

        A smaller sample looks more different by chance alone, so the floor must be of one size with
        the value.
        """
        equal = min(self.synthetic.rows, self.holdout.rows, ROWS)
        wanted = Sides(equal, min(self.train.rows, 2 * ROWS), equal)
        return Sides(
            *(
                np.sort(self.rng.child(f"rows of {side}").generator().permutation(data.rows)[:rows])
                for (side, data), rows in zip(self.datasets._asdict().items(), wanted, strict=True)
            )
        )

    def series(self, name: str) -> Sides[pl.Series]:
        """One column of the three tables."""
        return Sides(*(data.frame[name] for data in self.datasets))

    @staticmethod
    def _grouped(data: Dataset, rng: Rng) -> Ints:
        generator = rng.generator()
        owners = data.owners
        if owners is None:
            return generator.permutation(data.rows) % GROUPS
        group = generator.permutation(int(owners.max(initial=0)) + 1) % GROUPS
        return group[owners]


def overlap(train: Dataset, holdout: Dataset, left_out: Collection[str]) -> list[str]:
    """Whether more holdout rows equal a train row than chance explains, and which.

    How often real rows repeat by chance is seen within train and within the holdout, whose rows may
    be of a later time: the larger share of rows that have a twin there. Columns that are `left_out`
    (identifiers) do not count.
    """
    names = [name for name in train.table.columns if name not in left_out]
    if not names:
        return []
    learnt, held = (data.frame.select(names).hash_rows(seed=0) for data in (train, holdout))
    shared = np.flatnonzero(held.is_in(learnt.implode()).to_numpy())
    natural = max(wilson(int(side.is_duplicated().sum()), len(side))[1] for side in (learnt, held))
    if wilson(len(shared), holdout.rows)[0] <= natural + 0.001:
        return []
    some = ", ".join(f"{row + 1:,}" for row in shared[:5])
    more = ", …" if len(shared) > 5 else ""
    return [
        f"{len(shared):,} of {holdout.rows:,} holdout rows are train rows (rows {some}{more} of "
        f"the holdout), where chance explains {natural:.1%}: rows that were learnt cannot show "
        f"what was copied"
    ]
