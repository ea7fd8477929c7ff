"""Ascending columns as one of them and how far each other one lies above or below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import polars as pl
from numpy.random import Generator

from neotype.constraints.axis import Axis
from neotype.constraints.rung import Rung, finite, turned
from neotype.schema.condition import Condition
from neotype.schema.constraint import Columns, Constraint, Rule, replaced


@dataclass(frozen=True)
class Ladder(Rule):
    """Ascending columns; all but that at `anchor` are rungs, climbed upwards and then downwards."""

    constraint: Constraint
    axes: tuple[Axis, ...]
    strict: bool
    anchor: int = 0
    rungs: tuple[Rung, ...] = ()
    """Nothing where rows are only checked."""
    others: tuple[Ladder, ...] = ()
    """The same rule, rewritten from another anchor."""

    @classmethod
    def learn(
        cls,
        constraint: Constraint,
        axes: tuple[Axis, ...],
        strict: bool,
        columns: Columns,
        frame: pl.DataFrame,
        protect: int,
    ) -> Self:
        """The ladder whose anchor is never missing, where there is such a column."""
        bare = cls(constraint, axes, strict)
        if not bare._has_gaps(columns):
            return bare
        full = [_never_missing(axis, frame) for axis in axes]
        ends = [0, len(axes) - 1]
        anchors = [k for k, never in enumerate(full) if never] or ends
        made = [bare._climbed(k, columns, frame, full, protect) for k in anchors]
        made = [one for one in made if one.rungs]
        return replace(made[0], others=tuple(made[1:])) if made else bare

    @classmethod
    def declared(
        cls, constraint: Constraint, axes: tuple[Axis, ...], strict: bool, columns: Columns
    ) -> Self:
        """The ladder as the schema alone tells it; without rhythms and special values."""
        bare = cls(constraint, axes, strict)
        if not bare._has_gaps(columns):
            return bare
        full = [_never_null(axis) for axis in axes]
        anchors = [k for k, never in enumerate(full) if never] or [0, len(axes) - 1]
        made = [
            replace(
                bare,
                anchor=k,
                rungs=tuple(
                    rung.declared(alone=not all(full))
                    for rung in bare._bare_rungs(k, columns, full)
                ),
            )
            for k in anchors
        ]
        return replace(made[0], others=tuple(made[1:]))

    def _has_gaps(self, columns: Columns) -> bool:
        kinds = [
            columns[axis.name].kind in ("numeric", "datetime", "duration") for axis in self.axes
        ]
        return all(kinds) and not any(axis.wall for axis in self.axes)

    def _climbed(
        self,
        anchor: int,
        columns: Columns,
        frame: pl.DataFrame,
        full: Sequence[bool],
        protect: int,
    ) -> Self:
        rungs = []
        for bare, below in self._climb(frame, self._bare_rungs(anchor, columns, full)):
            rung = bare.fitted(frame[bare.axis.name], below, protect)
            if rung is None:
                return self
            rungs.append(rung)
        return replace(self, anchor=anchor, rungs=tuple(rungs))

    def _bare_rungs(self, anchor: int, columns: Columns, full: Sequence[bool]) -> list[Rung]:
        axes = self.axes
        way = [(k, k - 1, 1) for k in range(anchor + 1, len(axes))]
        way += [(k, k + 1, -1) for k in reversed(range(anchor))]
        rungs = []
        for k, before, up in way:
            name, other = axes[k].name, axes[before].name
            gap = f"{name} - {other}" if up > 0 else f"{other} - {name}"
            names = (gap, f"{name} alone", f"{name} weekday", f"{name} time")
            gap, alone, weekday, clock = (fresh(one, columns) for one in names)
            rungs.append(Rung(axes[k], other, up, self.strict, full[k], gap, alone, weekday, clock))
        return rungs

    def _climb(self, frame: pl.DataFrame, rungs: Sequence[Rung]) -> Any:
        """Each rung with the places of the last column before it that is not missing."""
        turn, places = 0, pl.Series()
        for rung in rungs:
            if rung.up != turn:
                axis = self._axis(rung.before)
                turn, places = rung.up, turned(finite(axis.read(frame[axis.name])), rung.up)
            yield rung, places
            here = finite(rung.signed(frame[rung.axis.name]))
            places = here.zip_with(here.is_not_null(), places)

    def _axis(self, name: str) -> Axis:
        return next(axis for axis in self.axes if axis.name == name)

    @property
    def name(self) -> str:
        """The column that stays."""
        return self.axes[self.anchor].name

    def farthest(self) -> dict[str, int]:
        """How large each gap may be, where the bounds of the columns below it are declared.

        Of all columns below: where the next one is missing, the gap begins at one before it.
        """
        found = {}
        for rung in self.rungs:
            way = [other.axis for other in self.rungs if other.up == rung.up]
            below = [self._axis(self.name), *way[: way.index(rung.axis)]]
            near, far = ("minimum", "maximum")[:: rung.up]
            ends = [getattr(axis.column, near, None) for axis in below]
            if rung.axis.whole and None not in (*ends, getattr(rung.axis.column, far, None)):
                first = min(axis.limits[:: rung.up][0] * rung.up for axis in below)
                last = rung.axis.limits[:: rung.up][1] * rung.up
                found[rung.gap] = max(0, (last - first) // rung.axis.step)
        return found

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        """Whether each row's cells ascend, those that are missing left out."""
        good = pl.Series([True]).new_from_index(0, frame.height)
        before = self.axes[0].read(frame[self.axes[0].name])
        for axis in self.axes[1:]:
            here = axis.read(frame[axis.name])
            good &= (before < here if self.strict else before <= here).fill_null(True)
            before = here.zip_with(here.is_not_null(), before)
        return good

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        """The columns with every rung as a gap; None where a kind has no gaps."""
        if not self.rungs:
            return None
        return replaced(columns, {rung.axis.name: rung.columns() for rung in self.rungs})

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows with gaps."""
        told: list[pl.Series] = []
        for rung, below in self._climb(frame, self.rungs):
            cells = frame[rung.axis.name]
            told += rung.encode(cells, rung.signed(cells), below).values()
        return frame.with_columns(told).drop([rung.axis.name for rung in self.rungs])

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        """Rows that ascend."""
        turn, places = 0, pl.Series()
        for rung in self.rungs:
            if rung.up != turn:
                axis = self._axis(rung.before)
                turn, places = rung.up, turned(finite(axis.read(frame[axis.name])), rung.up)
            frame = frame.with_columns(rung.decode(frame, places))
            here = finite(rung.signed(frame[rung.axis.name]))
            places = here.zip_with(here.is_not_null(), places)
        extra = [name for rung in self.rungs for name in rung.columns()]
        return frame.drop(extra)

    def translate(self, condition: Condition) -> tuple[Condition, ...] | None:
        """What a rung's value says of the column that stays: it lies on the near side of it."""
        rung = next((r for r in self.rungs if r.axis.name == condition.column), None)
        anchor = self.axes[self.anchor]
        if rung is None or not _never_null(anchor):
            return None
        if condition.values is not None and (None in condition.values or not condition.values):
            return None
        # a cell that is there has a gap, unless such cells may be told alone
        there = (Condition(rung.gap),) if rung.missing and rung.alone is None else ()
        return (*there, *self._near(condition, rung, anchor)) or None

    def _near(self, condition: Condition, rung: Rung, anchor: Axis) -> tuple[Condition, ...]:
        """On which side of the rung's values the anchor's are."""
        storage = anchor.column.storage
        if storage == "String" or rung.axis.column.storage != storage:
            return ()
        low, high = condition.low, condition.high
        if condition.values is not None:
            low, high = min(condition.values), max(condition.values)
        if rung.up > 0 and high is not None:
            return (Condition(anchor.name, high=high, high_open=self.strict),)
        if rung.up < 0 and low is not None:
            return (Condition(anchor.name, low=low, low_open=self.strict),)
        return ()

    def pair(self, column: str) -> tuple[str, str] | None:
        """The anchor and the gap of the rung next to it."""
        rung = next((r for r in self.rungs if r.axis.name == column), None)
        if rung is None or rung.before != self.name or rung.axis.column.storage == "String":
            return None
        return self.name, rung.gap

    def reach(self, condition: Condition, cells: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The gaps beside the anchor's cells, or its cells beside gaps, that meet a condition."""
        rung = next(r for r in self.rungs if r.axis.name == condition.column)
        axis = self._axis(self.name)
        if cells.name == self.name:
            return rung.gaps(condition, turned(finite(axis.read(cells)), rung.up))
        low, high = (axis.write(turned(one, rung.up)) for one in rung.below(condition, cells))
        return (low, high) if rung.up > 0 else (high, low)

    def stands_for(self, column: str) -> tuple[str, ...]:
        """A rung is told by the column that stays and the gaps up to it."""
        if column == self.name or not self.rungs:
            return (column,)
        own = next(rung for rung in self.rungs if rung.axis.name == column)
        way = [rung for rung in self.rungs if rung.up == own.up]
        told = way[: way.index(own) + 1]
        return (self.name, *(name for rung in told for name in rung.columns()))

    def facts(self) -> dict[str, Any]:
        """The anchor, how exact the columns are, and of each rung what it keeps."""
        if not self.rungs:
            return {"whole": self.axes[0].whole, "steps": [axis.step for axis in self.axes]}
        rungs = [
            {
                "alone": rung.alone is not None,
                "weekday": rung.weekday is not None,
                "clock": rung.clock is not None,
                "missing": rung.missing,
                "never_missing": rung.never_missing,
                "special": list(rung.special),
                "usual": rung.usual,
            }
            for rung in self.rungs
        ]
        return {
            "whole": self.axes[0].whole,
            "steps": [axis.step for axis in self.axes],
            "anchor": self.anchor,
            "rungs": rungs,
            "others": [other.facts() for other in self.others],
        }

    @classmethod
    def restore(
        cls,
        constraint: Constraint,
        axes: tuple[Axis, ...],
        strict: bool,
        columns: Columns,
        facts: Mapping[str, Any],
    ) -> Self:
        """The inverse of `facts`."""
        if not facts["whole"]:
            axes = tuple(replace(axis, decimals=None, step=1) for axis in axes)
        exact = tuple(replace(a, step=s) for a, s in zip(axes, facts["steps"], strict=True))
        bare = cls(constraint, exact, strict)
        if "rungs" not in facts:
            return bare
        rungs = bare._bare_rungs(facts["anchor"], columns, [False] * len(exact))
        known = [
            replace(
                rung,
                alone=rung.alone if kept["alone"] else None,
                weekday=rung.weekday if kept["weekday"] else None,
                clock=rung.clock if kept["clock"] else None,
                missing=kept["missing"],
                never_missing=kept["never_missing"],
                special=tuple(kept["special"]),
                usual=kept["usual"],
            )
            for rung, kept in zip(rungs, facts["rungs"], strict=True)
        ]
        others = tuple(
            cls.restore(constraint, axes, strict, columns, other) for other in facts["others"]
        )
        return replace(bare, anchor=facts["anchor"], rungs=tuple(known), others=others)


def fresh(name: str, columns: Columns) -> str:
    """A name that no column has."""
    while name in columns:
        name += "'"
    return name


def _never_missing(axis: Axis, frame: pl.DataFrame) -> bool:
    return not axis.column.nullable and axis.read(frame[axis.name]).null_count() == 0


def _never_null(axis: Axis) -> bool:
    return not axis.column.nullable
