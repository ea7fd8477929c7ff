"""Which cells of a row are missing together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.joined import cells, dtypes_of, free_name, labels
from neotype.errors import FitError, SchemaError
from neotype.schema.constraint import Columns, Constraint, Rule, replaced, unsaid
from neotype.schema.schema import NUMBERED, Categorical


class FixedNullCombinations(Constraint):
    """Cells of `columns` are missing together only as the data shows: shipped and tracked, or
    neither. A pattern of fewer than `protect` rows is not stored and not made.
    """

    type: Literal["FixedNullCombinations"] = "FixedNullCombinations"
    columns: tuple[str, ...] = Field(min_length=2)

    @property
    def about(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def title(self) -> str:
        """With the columns."""
        return f"FixedNullCombinations({', '.join(self.columns)})"

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """The patterns of at least `protect` rows, and a usual cell of each column."""
        found = patterns(frame, self.columns).value_counts(name="rows")
        kept = found.filter(pl.col("rows") >= protect).to_series(0).sort().to_list()
        if not kept:
            raise FitError(
                f"no pattern of missing cells in {', '.join(self.columns)} is in {protect} rows "
                "or more.",
                found=f"{found.height:,} patterns in {frame.height:,} rows",
                mend="fit with a lower protect, or take the constraint out",
            )
        usual = {
            name: labels(cell.to_frame(), [name])[0]
            for name in self.columns
            if (cell := _usual(frame[name].drop_nulls(), protect)) is not None
        }
        return self.restore({"kept": kept, "usual": usual}, columns)

    def declare(self, columns: Columns) -> Rule:
        """SchemaError: patterns are what rows show."""
        raise unsaid(
            self,
            "the patterns of gaps that rows show",
            "say it in words that need no rows: Expression(expression='(a IS NULL) = (b IS NULL)')",
        )

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        if len(set(self.columns)) < len(self.columns):
            raise SchemaError(f"constraint {self.title} names a column twice.")
        made = [name for name in self.columns if isinstance(columns[name], NUMBERED)]
        if made:
            raise SchemaError(f"constraint {self.title} is about '{made[0]}', which is made anew.")
        return _Pattern(self, columns, tuple(facts["kept"]), facts["usual"])


def patterns(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.Series:
    """One mark a column, 1 where its cell is missing."""
    marks = (pl.col(name).is_null().cast(pl.Int8).cast(pl.String) for name in names)
    return frame.select(pl.concat_str(marks).alias("pattern")).to_series()


def _usual(known: pl.Series, protect: int) -> pl.Series | None:
    """The most frequent cell, or the middle of a number's, where no single row can be told."""
    if not len(known) or known.dtype.is_nested() or known.dtype == pl.Binary:
        return None
    found = known.value_counts(sort=True, name="#rows")
    if found["#rows"][0] >= protect:
        return known.filter(known == found.to_series(0)[0]).head(1)
    if not (known.dtype.is_numeric() or known.dtype.is_temporal()) or len(known) < 2 * protect:
        return None
    physical = known.to_physical().sort()
    middle = (len(known) - protect) // 2
    mean = physical[middle : middle + protect].cast(pl.Float64).mean()
    return pl.Series(known.name, [mean]).cast(physical.dtype).cast(known.dtype)


@dataclass(frozen=True)
class _Pattern(Rule):
    """A column tells the pattern; it and the gaps of the others agree once decoded.

    The columns keep their gaps: a model that sees the pattern learns them at once, and nothing
    that would fill them can distort what it learns of the cells that are there. The few gaps that
    it makes where the pattern has none are filled with a usual cell.
    """

    constraint: FixedNullCombinations
    columns: Columns
    kept: tuple[str, ...]
    usual: Mapping[str, str]

    @property
    def shown(self) -> bool:
        return True

    @cached_property
    def _name(self) -> str:
        return free_name([f"{' & '.join(self.constraint.columns)} missing"], self.columns)

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        kept = pl.Series(self.kept, dtype=pl.String).implode()
        return patterns(frame, self.constraint.columns).is_in(kept)

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        first = self.constraint.columns[0]
        pattern = Categorical(storage="String")
        return replaced(columns, {first: {self._name: pattern, first: columns[first]}})

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        found = patterns(frame, self.constraint.columns)
        return frame.with_columns(found.alias(self._name))

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        names = self.constraint.columns
        table = pl.Series(self.kept, dtype=pl.String)
        pattern = frame[self._name]
        made = []
        for place, (name, dtype) in enumerate(dtypes_of(names, self.columns).items()):
            gap = table.str.slice(place, 1) == "1"
            gone = pattern.is_in(table.filter(gap).implode()).to_numpy()
            series = frame[name].set(pl.Series(gone), None)
            if name in self.usual:
                usual = cells(pl.Series([self.usual[name]]), {name: dtype})[name]
                empty = pl.Series(series.is_null().to_numpy() & ~gone)
                series = series.zip_with(~empty, usual.gather(np.zeros(len(series), np.int64)))
            made.append(series.alias(name))
        return frame.drop(self._name).with_columns(made)

    def facts(self) -> dict[str, Any]:
        return {"kept": list(self.kept), "usual": dict(self.usual)}
