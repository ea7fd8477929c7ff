"""The three databases that measures between tables compare, and the views that they share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.evaluate.compared import Compared, unlike_columns
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Ints, Sides
from neotype.evaluate.metric import NotMeasurableError
from neotype.families import Families
from neotype.links import Links
from neotype.schema.schema import Identifier, Schema, Table

ROWS = 50_000
"""Rows of a synthetic or holdout table that measures of single tables see."""


@dataclass(frozen=True)
class Databases(Compared):
    """A synthetic database, the one it was learnt from, and real families its model never saw.

    Train's schema says what tables and columns mean. Views are made once, on first use.
    """

    one: ClassVar[str] = "database"
    parts: ClassVar[str] = "table"
    mend: ClassVar[str] = (
        "give three databases of the same tables; the holdout is real families that the model "
        "never saw"
    )

    def unlike(self) -> list[str]:
        """Tables and columns that are missing or too many, and databases without a row."""
        findings = []
        for side, data in self.datasets._asdict().items():
            there = [name for name in self.schema.tables if name in data.frames]
            for name, table in self.schema.tables.items():
                if name not in there:
                    findings.append(f"the {side} database has no table '{name}'")
                    continue
                where = f"table '{name}' of the {side} database"
                findings += unlike_columns(where, data.frames[name].columns, table.columns)
            if not any(data.frames[name].height for name in there):
                findings.append(f"the {side} database has no rows")
        return findings

    def same(self, one: Dataset, two: Dataset) -> bool:
        """Whether all tables are equal but those that may be published."""
        own = [name for name, table in self.schema.tables.items() if not table.public]
        return all(one.frames[name].equals(two.frames[name]) for name in own)

    def refuse_shared(self) -> None:
        """DataError when two databases are one and the same, or the holdout is train's rows.

        Tables that families share (reference tables) are the same in train and holdout, and those
        that may be published are the same everywhere.
        """
        findings = self.identical()
        own = [name for name in self.schema.tables if self.holdout.frames[name].height]
        if not findings and all(name in self.shared for name in own):
            findings.append("every row of the holdout is a row of train")
        self.refuse(findings)

    @property
    def schema(self) -> Schema:
        """What the tables mean and how they are tied."""
        return self.train.schema

    @cached_property
    def links(self) -> Sides[Links]:
        """Which row refers to which, on every side."""
        return Sides(*(Links.of(self.schema, data.frames) for data in self.datasets))

    def frames(self, table: str) -> Sides[pl.DataFrame]:
        """One table of the three databases."""
        return Sides(*(data.frames[table] for data in self.datasets))

    @cached_property
    def public(self) -> frozenset[str]:
        """Reference tables that are kept as they are."""
        return frozenset(name for name, table in self.schema.tables.items() if table.public)

    @cached_property
    def shared(self) -> frozenset[str]:
        """Tables whose holdout rows are rows of train: no split by families divides them."""
        return frozenset(name for name in self.schema.tables if self._common(name) > 0.5)

    def _common(self, name: str) -> float:
        """The share of holdout rows that are train rows, less what repeats within a side."""
        _, train, held = (frame.hash_rows(seed=0) for frame in self.frames(name))
        if not len(held):
            return 0.0
        repeats = max(int(one.is_duplicated().sum()) / max(1, len(one)) for one in (train, held))
        return int(held.is_in(train.implode()).sum()) / len(held) - repeats

    @cached_property
    def divided(self) -> frozenset[str]:
        """Tables whose rows belong to families: on either side of the split there are others."""
        return frozenset(self.schema.tables) - self.shared - self.public

    def keys(self, table: str) -> frozenset[str]:
        """Columns that say which row is meant and not what it is like."""
        mine = (name for tie in self.schema.above(table) for name in tie.child_key)
        theirs = (name for tie in self.schema.below(table) for name in tie.parent_key)
        return frozenset((*mine, *theirs))

    def table(self, name: str) -> Comparison:
        """One table of the three databases, without its keys, for measures of single tables.

        Of a table that families share, train's rows stand in for unseen ones: one random half is
        compared with, the other gives the floor. NotMeasurableError says why there is nothing to
        compare.
        """
        return self.kept(("table", name), lambda: self._compare(name))

    def _compare(self, name: str) -> Comparison:
        if name in self.public:
            raise NotMeasurableError("it is a reference table, which is kept as it is.")
        frames = self.frames(name)
        for side, frame in frames._asdict().items():
            if not frame.height:
                raise NotMeasurableError(f"the {side} table has no rows.")
        made, train, held = (self.some(name, k) for k in range(3))
        if name in self.shared:
            order = self.rng.child(f"halves of {name}").generator().permutation(train.rows)
            half = len(order) // 2
            if not half:
                raise NotMeasurableError("the train table has 1 row.")
            train, held = train.take(np.sort(order[half:])), train.take(np.sort(order[:half]))
        return Comparison(made, train, held, self.rng.child(f"table {name}"))

    def alone(self, name: str, side: int) -> Dataset:
        """A table of one side without its keys, whose rows know their families."""
        frame = self.datasets[side].frames[name].select(list(self.schema.tables[name].columns))
        together = name in self.families.train.owner
        families = self.clusters(name)[side] if together else None
        return Dataset(self.without_keys(name), {name: frame}, families=families)

    def some(self, name: str, side: int) -> Dataset:
        """All rows of train, and of the others at most ROWS, drawn by whole families."""
        data = self.alone(name, side)
        if side == 1 or data.rows <= ROWS:
            return data
        families = np.arange(data.rows) if data.families is None else data.families
        _, family = np.unique(families, return_inverse=True)
        rng = self.rng.child(f"rows of {Sides._fields[side]} in {name}")
        rank = rng.generator().permutation(int(family.max()) + 1)[family]
        last = int(np.searchsorted(np.cumsum(np.bincount(rank)), ROWS))
        return data.take(np.flatnonzero(rank <= last))

    def without_keys(self, name: str) -> Schema:
        """The schema of a table alone, whose keys are identifiers that mean nothing."""
        table, keys = self.schema.tables[name], self.keys(name)
        columns = {
            column: Identifier(storage=one.storage, nullable=one.nullable, unique=False)
            if column in keys and one.kind != "identifier"
            else one
            for column, one in table.columns.items()
        }
        changed = {"columns": columns, "entity": None}
        return Schema(tables={name: Table.model_construct(**{**dict(table), **changed})})

    @cached_property
    def families(self) -> Sides[Families]:
        """Which rows belong together on every side, by the tables that train is split by."""
        train = Families.of(self.schema, self.train.frames)
        made, held = (
            Families.of(self.schema, data.frames, train.roots)
            for data in (self.synthetic, self.holdout)
        )
        return Sides(made, train, held)

    def clusters(self, name: str) -> Sides[Ints]:
        """The family of each row of a table; its own place where it belongs to none."""
        return Sides(
            *(
                one.owner[name] if name in one.owner else np.arange(links.heights[name])
                for one, links in zip(self.families, self.links, strict=True)
            )
        )

    @cached_property
    def doubled(self) -> Databases:
        """The same where train's own rows stand in the holdout's place."""
        return Databases(self.synthetic, self.train, self.train, self.rng)


def follow(rows: Ints, positions: Ints) -> Ints:
    """The position one hop further of each row; below 0 stays, and so does what lies beyond."""
    known = (rows >= 0) & (rows < len(positions))
    out = np.full(len(rows), -1)
    out[known] = positions[rows[known]]
    return out
