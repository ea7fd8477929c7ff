"""Orderings: columns of which none is above the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from neotype.constraints.axis import axes_of
from neotype.constraints.ladder import Ladder
from neotype.schema.constraint import Columns, Constraint, Rule


class _Ascending(Constraint):
    """Columns in ascending order."""

    if TYPE_CHECKING:
        strict: bool

    @model_validator(mode="after")
    def _all_differ(self) -> Self:
        if len(set(self.about)) < len(self.about):
            raise ValueError(f"{self.type} names a column twice: {', '.join(self.about)}")
        return self

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """How exact the columns are, where cells are missing, and which values are special."""
        named = [(name, columns[name]) for name in self.about]
        axes = axes_of(named, frame, asked_by=self.title)
        return Ladder.learn(self, axes, self.strict, columns, frame, protect)

    def declare(self, columns: Columns) -> Rule:
        """How exact the columns are, and whether cells may be missing, as declared."""
        named = [(name, columns[name]) for name in self.about]
        axes = axes_of(named, None, asked_by=self.title)
        return Ladder.declared(self, axes, self.strict, columns)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        named = [(name, columns[name]) for name in self.about]
        axes = axes_of(named, None, asked_by=self.title)
        return Ladder.restore(self, axes, self.strict, columns, facts)


class Inequality(_Ascending):
    """`low` is never above `high`; strict: always below it. A missing cell breaks nothing."""

    type: Literal["Inequality"] = "Inequality"
    low: str
    high: str
    strict: bool = False

    @property
    def about(self) -> tuple[str, ...]:
        """The two columns."""
        return (self.low, self.high)


class Range(_Ascending):
    """`middle` lies between `low` and `high`. What is missing breaks nothing."""

    type: Literal["Range"] = "Range"
    low: str
    middle: str
    high: str
    strict: bool = False

    @property
    def about(self) -> tuple[str, ...]:
        """The three columns, lowest first."""
        return (self.low, self.middle, self.high)


class ChainedInequality(_Ascending):
    """Of `columns`, lowest first, none is above the next that is not missing."""

    type: Literal["ChainedInequality"] = "ChainedInequality"
    columns: tuple[str, ...] = Field(min_length=2)
    strict: bool = False

    @property
    def about(self) -> tuple[str, ...]:
        """The columns, lowest first."""
        return self.columns
