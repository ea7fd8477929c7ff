"""An order between a column and one of the row that is referred to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.axis import axes_of
from neotype.constraints.between.rule import (
    Frames,
    Mask,
    TableRule,
    carried,
    keys_of,
    spoken_for,
    with_columns,
)
from neotype.constraints.order import Inequality
from neotype.errors import SchemaError
from neotype.links import parent_rows
from neotype.schema.between import Place, TableConstraint, place, tie_between
from neotype.schema.constraint import Rule
from neotype.schema.schema import Datetime, Relationship, Schema
from neotype.schema.value import Names

_LEVELS = 64
"""How deep rows may refer to rows of their own table for all of them to be mended."""


_SEVERAL = 2.0
"""Rows of an owner from which on a time orders them, and is learnt as it is."""


class InequalityBetween(TableConstraint):
    """`low` is never above `high`, of which one belongs to the row that the other's row refers to:
    low "account.date", high "loan.date". What is missing breaks nothing.
    """

    type: Literal["InequalityBetween"] = "InequalityBetween"
    low: str
    high: str
    strict: bool = False
    via: Names = Field(default=(), description="the foreign key, where there are several")

    def check(self, schema: Schema) -> None:
        """The columns can be compared, and their tables are tied."""
        bare = self.restore({"rule": None}, schema)
        columns = {name: bare.columns[name] for name in (bare.names.low, bare.names.high)}
        axes_of(list(columns.items()), None, asked_by=f"constraint {self.title}")

    def learn(self, schema: Schema, frames: Mapping[str, Any], *, protect: int) -> TableRule:
        """How gaps are told, as for two columns of a table."""
        bare = self.restore({"rule": None}, schema)
        wide = bare.wide(frames)
        columns = dict(bare.columns)
        if wide[bare.carried].null_count():
            own = columns[bare.own[1]]
            columns[bare.own[1]] = own.model_copy(update={"nullable": True})
        learnt = bare.names.learn(columns, wide, protect=protect)
        rows = parent_rows(bare.tie, frames)
        rows = rows[rows >= 0]
        facts = {
            "rule": learnt.facts(),
            "nullable": columns != bare.columns,
            "history": len(rows) >= _SEVERAL * max(len(np.unique(rows)), 1),
        }
        return self.restore(facts, schema)

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> _Ordered:
        """The rule."""
        by = f"constraint {self.title}"
        low, high = (place(name, schema, asked_by=by) for name in (self.low, self.high))
        up = {one.parent for one in schema.above(high[0])}
        if low[0] == high[0] and low[0] not in up:
            raise SchemaError(
                f"{by} is about one table.",
                mend=f"write Inequality among the constraints of '{low[0]}'",
            )
        below = high if low[0] in up else low
        above = low if below is high else high
        tie = tie_between(schema, below[0], above[0], self.via, asked_by=by)
        return _Ordered(self, below, above, below is high, tie, schema, dict(facts))


@dataclass(frozen=True)
class _Ordered(TableRule):
    """The column of the row below is told by its gap to that of the row above."""

    constraint: InequalityBetween
    own: Place
    above: Place
    upward: bool
    """Whether it is the column below that is the higher one."""
    tie: Relationship
    schema: Schema
    learnt: Mapping[str, Any]

    @property
    def carried(self) -> str:
        """What the column of the row above is called beside those of the row below."""
        name = ".".join(self.above)
        while name in self.schema.tables[self.own[0]].columns:
            name += "'"
        return name

    @cached_property
    def columns(self) -> dict[str, Any]:
        """The columns of the table below, with that of the one above."""
        above = self.schema.tables[self.above[0]].columns[self.above[1]]
        above = above.model_copy(update={"nullable": True}) if self._gaps else above
        return {self.carried: above, **self.schema.tables[self.own[0]].columns}

    @property
    def _gaps(self) -> bool:
        """Whether a row may refer to nothing."""
        columns = self.schema.tables[self.tie.child].columns
        return bool(self.tie.when) or any(columns[c].nullable for c in self.tie.child_key)

    @property
    def names(self) -> Inequality:
        """The same order, of two columns of one table."""
        low, high = self.carried, self.own[1]
        if not self.upward:
            low, high = high, low
        return Inequality(low=low, high=high, strict=self.constraint.strict)

    def wide(self, frames: Frames) -> pl.DataFrame:
        """The table below with the column of the one above."""
        cells, _ = carried(self.tie, self.above[1], frames)
        return frames[self.own[0]].with_columns(cells.alias(self.carried))

    @cached_property
    def _rule(self) -> Rule:
        facts, columns = self.learnt["rule"], dict(self.columns)
        if self.learnt.get("nullable"):
            own = columns[self.own[1]]
            columns[self.own[1]] = own.model_copy(update={"nullable": True})
        return self.names.restore(facts, columns)

    @cached_property
    def _form(self) -> Rule | None:
        """The form of the rule that leaves the column of the row above alone."""
        for form in (self._rule, *self._rule.others):
            told = form.rewrite(self.columns)
            if told is not None and self.carried in told and self.own[1] not in told:
                found: Rule = form
                return found
        return None

    @property
    def reads(self) -> frozenset[Place]:
        return keys_of(self.tie) | {self.above}

    @property
    def writes(self) -> frozenset[Place]:
        return frozenset({self.own})

    def broken(self, frames: Frames) -> dict[str, Mask]:
        return {self.own[0]: (~self._rule.holds(self.wide(frames))).to_numpy()}

    def rewrite(self, schema: Schema) -> Schema | None:
        table, column = self.own
        here = schema.tables[table].columns
        if self.own == self.above or column not in here or spoken_for(schema, self.own):
            return None
        if self.learnt["history"] and isinstance(here[column], Datetime):
            return None  # it is the clock by which rows of an owner follow each other
        if self._form is None:
            return None
        told = self._form.rewrite({self.carried: self.columns[self.carried], **here})
        if told is None:
            return None
        return with_columns(schema, table, {n: c for n, c in told.items() if n != self.carried})

    def encode(self, frames: Frames, outer: Frames) -> dict[str, pl.DataFrame]:
        assert self._form is not None
        table = self.own[0]
        cells, _ = carried(self.tie, self.above[1], outer)
        wide = frames[table].with_columns(cells.alias(self.carried))
        return {**frames, table: self._form.encode(wide).drop(self.carried)}

    def decode(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        assert self._form is not None
        table = self.own[0]
        made = self._form.decode(self.wide(frames), rng).drop(self.carried)
        return {**frames, table: made}

    def mend(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        """Cells on the wrong side become the nearest that are allowed, from the top down."""
        made = dict(frames)
        for _ in range(_LEVELS if self.own == self.above else 1):
            if not self.broken(made)[self.own[0]].any():
                break
            made = self._nearest(made)
        return made

    def _nearest(self, frames: Frames) -> dict[str, pl.DataFrame]:
        wide = self.wide(frames)
        wrong = ~self._rule.holds(wide)
        pairs = [(name, self.columns[name]) for name in (self.own[1], self.carried)]
        axis, above = axes_of(pairs, wide, asked_by=f"constraint {self.constraint.title}")
        nearest = above.read(wide[self.carried])
        if self.constraint.strict:
            nearest = nearest + (axis.step if self.upward else -axis.step)
        table, column = self.own
        cells = wide[column].zip_with(~wrong, axis.write(nearest))
        return {**frames, table: frames[table].with_columns(cells.alias(column))}

    def facts(self) -> dict[str, Any]:
        return dict(self.learnt)
