"""The three tables that every measure compares, and the views of them that measures share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.errors import DataError
from neotype.evaluate.features import Features, Sides, View, expand, show, view
from neotype.evaluate.interval import GROUPS
from neotype.rng import Rng
from neotype.schema.schema import Table

if TYPE_CHECKING:
    from neotype.evaluate.neighbors import Neighborhood

Ints = NDArray[np.int64]

ROWS = 50_000
"""Rows of a side whose distributions are compared; twice as many of train."""


@dataclass(frozen=True)
class Comparison:
    """A synthetic table, the rows it was learnt from, and real rows its model never saw.

    Views are made once, on first use. Train's schema says what the columns mean.
    """

    synthetic: Dataset
    train: Dataset
    holdout: Dataset
    rng: Rng

    def __post_init__(self) -> None:
        wanted = list(self.train.table.columns)
        findings = []
        for side, data in self.datasets._asdict().items():
            have = data.frame.columns
            findings += [f"the {side} table has no column '{c}'" for c in wanted if c not in have]
            findings += [
                f"the {side} table has a column '{c}' that train has not"
                for c in have
                if c not in wanted
            ]
            if data.rows == 0:
                findings.append(f"the {side} table has no rows")
        if not findings and self.holdout.frame.equals(self.train.frame):
            findings.append("the holdout is the train table itself, row by row")
        if findings:
            raise DataError(
                "these tables cannot be compared.",
                findings,
                mend="give three tables of the same columns; the holdout is real rows that the "
                "model never saw",
            )

    @property
    def datasets(self) -> Sides[Dataset]:
        """The three tables."""
        return Sides(self.synthetic, self.train, self.holdout)

    @property
    def table(self) -> Table:
        """What the columns mean."""
        return self.train.table

    @cached_property
    def left_out(self) -> Mapping[str, str]:
        """Columns that no detector and no distance sees, each with the reason."""
        out = {}
        for name, column in self.table.columns.items():
            if column.kind == "identifier":
                out[name] = "an identifier is made anew and means nothing"
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

        return explore(self.views, Sides(*(d.rows for d in self.datasets)), self.rng)

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
