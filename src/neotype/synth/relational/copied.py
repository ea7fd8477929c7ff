"""Columns that repeat a cell of the row referred to: left out, and copied once keys are settled.

The price of a line is the price of its product, the city of an invoice that of its customer. What
is copied in all rows of the data is copied in all rows of a sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.links import Links
from neotype.schema.schema import Identifier, Relationship, Schema
from neotype.schema.storage import storage_dtype

Positions = NDArray[np.int64]
_BY_CHANCE = 1e-6
"""As likely as that, two columns that have nothing to do with each other are alike."""


@dataclass(frozen=True)
class Copy:
    """`column` of the table below is `source` of the row that it refers to by a key."""

    tie: Relationship
    column: str
    source: str

    @property
    def words(self) -> str:
        """As it is said."""
        return f"{self.tie.child}.{self.column} = {self.tie.parent}.{self.source}"


@dataclass(frozen=True)
class Copies:
    """In the order in which they are filled."""

    outer: Schema
    copies: tuple[Copy, ...]

    @classmethod
    def find(cls, data: Dataset, protect: int) -> Self:
        """Columns that are copies in all rows of the data."""
        schema = data.schema
        links = Links.of(schema, data.frames)
        found: list[Copy] = []
        for table in schema.tables:
            for column in _free(schema, table):
                copy = _source(schema, data.frames, links, table, column, protect)
                if copy is not None:
                    found.append(copy)
        return cls(schema, _ordered(found))

    @property
    def inner(self) -> Schema:
        """The schema of what is learnt."""
        schema, gone = self.outer, self._gone()
        if not gone:
            return schema
        tables = {}
        for name, table in schema.tables.items():
            kept = {c: column for c, column in table.columns.items() if (name, c) not in gone}
            told: dict[str, Any] = {"columns": kept, "correlations": {}}
            for role in ("sensitive", "quasi_identifiers"):
                told[role] = tuple(c for c in getattr(table, role) if c in kept)
            tables[name] = table.model_copy(update=told)
        return schema.model_copy(update={"tables": tables})

    def encode(self, data: Dataset) -> Dataset:
        """The data without them."""
        inner = self.inner
        frames = {
            name: data.frames[name].select(list(table.columns))
            for name, table in inner.tables.items()
        }
        return Dataset(inner, frames)

    def decode(
        self, frames: Mapping[str, pl.DataFrame], positions: Mapping[str, Positions]
    ) -> dict[str, pl.DataFrame]:
        """The frames with them; `positions` are those of the rows referred to."""
        made = dict(frames)
        for copy in self.copies:
            tie = copy.tie
            dtype = storage_dtype(self.outer.tables[tie.child].columns[copy.column].storage)
            rows = positions[tie.title]
            index = pl.Series(rows).set(pl.Series(rows < 0), None)
            cells = made[tie.parent][copy.source].cast(dtype).gather(index).alias(copy.column)
            made[tie.child] = made[tie.child].with_columns(cells)
        return {
            name: made[name].select(list(table.columns))
            for name, table in self.outer.tables.items()
        }

    def describe(self) -> list[str]:
        """In words."""
        if not self.copies:
            return []
        return [f"copied of the row referred to: {'; '.join(one.words for one in self.copies)}"]

    def facts(self) -> list[list[str]]:
        """JSON-ready."""
        return [[one.tie.title, one.column, one.source] for one in self.copies]

    @classmethod
    def restore(cls, facts: list[list[str]], schema: Schema) -> Self:
        """The inverse of `facts`."""
        ties = {tie.title: tie for tie in schema.relationships}
        return cls(schema, tuple(Copy(ties[title], *names) for title, *names in facts))

    def _gone(self) -> set[tuple[str, str]]:
        return {(one.tie.child, one.column) for one in self.copies}


def _free(schema: Schema, table: str) -> list[str]:
    """Columns that nothing else speaks of: no key, no order of rows, no constraint."""
    content = schema.tables[table]
    if content.public:
        return []
    taken = {*content.primary_key, content.entity, content.sequence}
    taken |= {name for rule in content.constraints for name in rule.about}
    for tie in schema.relationships:
        taken |= {*tie.child_key, *tie.when} if tie.child == table else set()
        taken |= set(tie.parent_key) if tie.parent == table else set()
    taken |= {getattr(column, "partner", None) for column in content.columns.values()}
    return [name for name in content.columns if name not in taken]


def _source(
    schema: Schema,
    frames: Mapping[str, pl.DataFrame],
    links: Links,
    table: str,
    column: str,
    protect: int,
) -> Copy | None:
    """Where the cells of a column are from."""
    cells, kind = frames[table][column], schema.tables[table].columns[column]
    if isinstance(kind, Identifier) and kind.unique:
        return None
    if cells.dtype.is_nested() or cells.dtype == pl.Object or cells.n_unique() < 2:
        return None
    for tie in schema.above(table):
        rows = links.positions[tie.title]
        there = rows >= 0
        if tie.parent == table or there.sum() < protect or cells.filter(~there).is_not_null().any():
            continue
        mine = cells.filter(there)
        for other in schema.tables[tie.parent].columns:
            theirs = frames[tie.parent][other]
            if theirs.dtype != cells.dtype or other in tie.parent_key:
                continue
            if mine[0] != theirs[int(rows[there][0])] and mine[0] is not None:
                continue
            if not mine.eq_missing(theirs.gather(rows[there])).all():
                continue
            if _chance(mine) ** len(np.unique(rows[there])) < _BY_CHANCE:
                return Copy(tie, column, other)
    return None


def _chance(cells: pl.Series) -> float:
    """How likely two of these cells are alike."""
    shares = cells.value_counts(name="#rows")["#rows"].to_numpy() / len(cells)
    return float((shares**2).sum())


def _ordered(found: list[Copy]) -> tuple[Copy, ...]:
    """Each after those that fill its source; of a circle none is a copy."""
    done: list[Copy] = []
    left = list(found)
    while left:
        open_ = {(one.tie.child, one.column) for one in left}
        ready = [one for one in left if (one.tie.parent, one.source) not in open_]
        if not ready:
            # One of a circle is learnt, and the others are copies of it.
            left = left[1:]
            continue
        done += ready
        left = [one for one in left if one not in ready]
    return tuple(done)
