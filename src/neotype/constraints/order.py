"""Orderings: one column is never above another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from numpy.random import Generator

from neotype.errors import SchemaError
from neotype.schema.constraint import Columns, Constraint, Rule, replaced
from neotype.schema.schema import Numeric


class Inequality(Constraint):
    """`low` is never above `high`; strict: always below it. A missing cell breaks nothing."""

    type: Literal["Inequality"] = "Inequality"
    low: str
    high: str
    strict: bool = False

    @property
    def about(self) -> tuple[str, ...]:
        """The two columns."""
        return (self.low, self.high)

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """Nothing has to be learnt."""
        return self.restore({}, columns)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        for name in self.about:
            if not isinstance(columns[name], Numeric):
                raise SchemaError(
                    f"constraint {self.title} compares '{name}', which is {columns[name].kind}."
                )
        return _Gap(self, columns[self.high])


@dataclass(frozen=True)
class _Gap(Rule):
    """`high` is told by how far it lies above `low`."""

    constraint: Inequality
    high: Numeric

    @property
    def _name(self) -> str:
        return f"{self.constraint.high} - {self.constraint.low}"

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        low, high = frame[self.constraint.low], frame[self.constraint.high]
        return (low < high if self.constraint.strict else low <= high).fill_null(True)

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        gap = self.high.model_copy(update={"minimum": None, "maximum": None, "nullable": True})
        return replaced(columns, {self.constraint.high: {self._name: gap}})

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        gap = (frame[self.constraint.high] - frame[self.constraint.low]).alias(self._name)
        return frame.with_columns(gap).drop(self.constraint.high)

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        high = (frame[self.constraint.low] + frame[self._name]).alias(self.constraint.high)
        return frame.with_columns(high).drop(self._name)

    def stands_for(self, column: str) -> tuple[str, ...]:
        return (self._name,) if column == self.constraint.high else (column,)
