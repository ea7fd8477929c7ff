"""Columns whose cells occur together only as they may: combinations, and one of several flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.joined import cells, dtypes_of, free_name, labels, truth
from neotype.errors import ColumnNotFoundError, DataError, FitError, SchemaError
from neotype.rng import Rng
from neotype.schema.condition import Condition
from neotype.schema.constraint import Columns, Constraint, Rule, replaced, unsaid
from neotype.schema.schema import NUMBERED, Categorical, Constant, Geo
from neotype.schema.value import Scalar


class FixedCombinations(Constraint):
    """Cells of `columns` occur together only in the combinations that the data shows.

    A missing cell is a value like another. `allowed` lists the combinations instead, in the order
    of `columns`: those are public, rows of the data have no other, and each may occur. Where they
    are not listed, a combination of fewer than `protect` rows is not stored and not made.
    """

    type: Literal["FixedCombinations"] = "FixedCombinations"
    columns: tuple[str, ...] = Field(min_length=2)
    allowed: tuple[tuple[Scalar | None, ...], ...] | None = Field(default=None, min_length=1)

    @property
    def about(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def title(self) -> str:
        """Without the list of what is allowed, which may be long."""
        listed = "" if self.allowed is None else f", {len(self.allowed):,} allowed"
        return f"FixedCombinations({', '.join(self.columns)}{listed})"

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """The combinations of at least `protect` rows."""
        joinable(self, self.columns, columns)
        if self.allowed is not None:
            return self.restore({}, columns)
        found = labels(frame, self.columns).value_counts(name="rows")
        public = all(columns[name].public for name in self.columns)
        found = found.sort(pl.first())
        enough = found.filter(pl.col("rows") >= (1 if public else protect))
        if not enough.height:
            raise FitError(
                f"no combination of {', '.join(self.columns)} is in {protect} rows or more.",
                found=f"{found.height:,} combinations in {frame.height:,} rows",
                mend="list what is allowed, fit with a lower protect, or take the constraint out",
            )
        return self.restore(kept_facts(found, enough), columns)

    def declare(self, columns: Columns) -> Rule:
        """The combinations that are listed; SchemaError where none is."""
        joinable(self, self.columns, columns)
        if self.allowed is None:
            raise unsaid(
                self,
                "the combinations that rows show",
                f"list them: allowed: [[…, …], …], a cell each for {', '.join(self.columns)}",
            )
        return self.restore({}, columns)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule: what it allows is declared, or was learnt."""
        if self.allowed is None:
            return Joined.of(self, columns, facts)
        return Joined(self, columns, tuple(dict.fromkeys(self._listed(columns))))

    def _listed(self, columns: Columns) -> list[str]:
        assert self.allowed is not None
        wrong = [row for row in self.allowed if len(row) != len(self.columns)]
        if wrong:
            raise SchemaError(
                f"constraint {self.title} allows {list(wrong[0])}, which is no combination of "
                f"{len(self.columns)} cells.",
                mend=f"list a cell each for {', '.join(self.columns)}",
            )
        parts = []
        for place, (name, dtype) in enumerate(dtypes_of(self.columns, columns).items()):
            given = [row[place] for row in self.allowed]
            # Text is how a schema file says a date, or a label of an Enum.
            texts = all(cell is None or isinstance(cell, str) for cell in given)
            try:
                part = pl.Series(name, given, dtype=pl.String() if texts else None).cast(dtype)
            except (TypeError, pl.exceptions.PolarsError):
                raise SchemaError(
                    f"constraint {self.title} allows cells of '{name}' that do not fit its "
                    f"storage {columns[name].storage}.",
                    mend="write numbers without quotes, and dates as 2024-01-31",
                ) from None
            parts.append(part)
        return labels(pl.DataFrame(parts), self.columns).to_list()


def joinable(constraint: Constraint, names: tuple[str, ...], columns: Columns) -> None:
    """SchemaError when cells of these columns cannot be one label."""
    if len(set(names)) < len(names):
        raise SchemaError(f"constraint {constraint.title} names a column twice.")
    for name in names:
        column = columns[name]
        if isinstance(column, NUMBERED):
            raise SchemaError(
                f"constraint {constraint.title} combines '{name}' ({column.kind}), which is made "
                "anew.",
                mend="where other columns follow from it, declare DenormalizedTable",
            )
        if column.kind == "json" or column.storage == "Binary":
            raise SchemaError(f"constraint {constraint.title} combines '{name}', which is nested.")
        if isinstance(column, Geo) and column.partner not in names:
            raise SchemaError(
                f"constraint {constraint.title} combines '{name}' without '{column.partner}', its "
                "other half.",
                mend="name both, or neither",
            )


def kept_facts(found: pl.DataFrame, enough: pl.DataFrame) -> dict[str, Any]:
    """What a `Joined` learnt: of all labels with their rows, those of enough."""
    rare = int(found["rows"].sum()) - int(enough["rows"].sum())
    return {
        "kept": enough.to_series(0).to_list(),
        "rows": enough["rows"].to_list(),
        "rare": rare,
    }


def _unmet(constraint: Constraint, condition: Condition) -> DataError:
    """A condition that no row can meet, whatever is drawn."""
    asked = "in this range" if condition.values is None else f"in {list(condition.values)}"
    return DataError(
        "these conditions cannot be met.",
        [f"no '{condition.column}' {asked} is in a row that obeys {constraint.title}"],
        mend="ask for cells that the data has",
    )


@dataclass(frozen=True)
class Joined(Rule):
    """The cells are told by one label; those that may be are `kept`."""

    constraint: Any
    columns: Columns
    kept: tuple[str, ...]
    rows: tuple[int, ...] = ()
    """How many rows had each of them, where that was learnt."""
    rare: int = 0
    """How many rows had another, which is not kept."""

    @classmethod
    def of(cls, constraint: Any, columns: Columns, facts: Mapping[str, Any]) -> Self:
        """From what was learnt."""
        return cls(
            constraint, columns, tuple(facts["kept"]), tuple(facts["rows"]), int(facts["rare"])
        )

    @property
    def shown(self) -> bool:
        """Unless it was declared."""
        return bool(self.rows)

    @property
    def protected(self) -> tuple[str, int, str] | None:
        """Rows whose combination is too rare to keep."""
        if not self.rare:
            return None
        return "rare combinations", self.rare, "became a frequent one that is alike"

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.constraint.about)

    @cached_property
    def _name(self) -> str:
        return free_name(self._names, self.columns)

    @cached_property
    def _table(self) -> pl.DataFrame:
        """Every combination that may be."""
        return cells(pl.Series(self.kept, dtype=pl.String), dtypes_of(self._names, self.columns))

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        """Whether the combination may be."""
        return labels(frame, self._names).is_in(pl.Series(self.kept, dtype=pl.String).implode())

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        """One label for the cells of all."""
        public = all(columns[name].public for name in self._names)
        declared = None if self.shown else self.kept
        label = Categorical(storage="String", public=public, values=declared)
        return replaced(columns, {self._names[0]: {self._name: label}}, gone=self._names[1:])

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Cells to label; what is not kept becomes one that agrees in as much as it can."""
        found = labels(frame, self._names)
        known = found.is_in(pl.Series(self.kept, dtype=pl.String).implode())
        if self.shown and not known.all():
            alike = self._alike(frame.select(self._names).filter(~known))
            found = found.scatter((~known).arg_true(), alike)
        elif not known.all():
            found = found.set(~known, None)
        return frame.with_columns(found.alias(self._name)).drop(self._names)

    def _alike(self, frame: pl.DataFrame) -> pl.Series:
        """A kept label for each row, by its frequency among those that agree with the row.

        Columns of few values are held to longest: a rare town becomes another of its country.
        """
        order = sorted(self._names, key=lambda name: self._table[name].n_unique())
        spin = Rng(0).child(self.constraint.title).generator().random(frame.height)
        picks = np.full(frame.height, -1)
        for many in range(len(order) - 1, -1, -1):
            some = order[:many]
            sides = [self._table, frame]
            groups = [labels(t, some) if some else pl.Series([""] * t.height) for t in sides]
            sort = groups[0].arg_sort().to_numpy()
            ends = np.cumsum(np.array(self.rows, dtype=np.float64)[sort])
            span = pl.DataFrame({"group": groups[0].gather(sort), "end": ends}).with_columns(
                start=pl.col("end").shift(1, fill_value=0.0)
            )
            span = span.group_by("group").agg(pl.col("start").min(), pl.col("end").max())
            here = (
                groups[1]
                .alias("group")
                .to_frame()
                .join(span, on="group", how="left", maintain_order="left")
            )
            start, end = (here[name].fill_null(np.nan).to_numpy() for name in ("start", "end"))
            todo = (picks < 0) & np.isfinite(start)
            at = start[todo] + spin[todo] * (end - start)[todo]
            found = np.minimum(np.searchsorted(ends, at, side="right"), len(ends) - 1)
            picks[todo] = sort[found]
        return pl.Series(self.kept, dtype=pl.String).gather(picks)

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        """Label to cells; what is no label of ours to none, which the check then finds."""
        label = frame[self._name]
        ours = label.is_in(pl.Series(self.kept, dtype=pl.String).implode())
        made = cells(label.set(~ours, None), dtypes_of(self._names, self.columns))
        return frame.drop(self._name).hstack(made)

    def translate(self, condition: Condition) -> tuple[Condition, ...] | None:
        """The labels that meet it."""
        met = condition.holds(self._table[condition.column])
        found = pl.Series(self.kept, dtype=pl.String).filter(met)
        if not len(found):
            raise _unmet(self.constraint, condition)
        return (Condition(self._name, values=tuple(found)),)

    def stands_for(self, column: str) -> tuple[str, ...]:
        """The label."""
        return (self._name,) if column in self._names else (column,)

    def facts(self) -> dict[str, Any]:
        """The labels that may be, where they were not declared."""
        if not self.shown:
            return {}
        return {"kept": list(self.kept), "rows": list(self.rows), "rare": self.rare}


class OneHotEncoding(Constraint):
    """Exactly one of `columns` is 1 (or true) in a row, and the others are 0; with `none`, at most
    one. A missing cell breaks it.
    """

    type: Literal["OneHotEncoding"] = "OneHotEncoding"
    columns: tuple[str, ...] = Field(min_length=2)
    none: bool = Field(default=False, description="whether all may be 0")

    @property
    def about(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def title(self) -> str:
        """With the columns."""
        return f"OneHotEncoding({', '.join(self.columns)}{', or none' if self.none else ''})"

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        if len(set(self.columns)) < len(self.columns):
            raise SchemaError(f"constraint {self.title} names a column twice.")
        for name in self.columns:
            if name not in columns:
                raise ColumnNotFoundError(name, columns, asked_by=f"constraint {self.title}")
            if truth(name, columns) is None:
                raise SchemaError(
                    f"constraint {self.title} is about '{name}', which is {columns[name].kind} of "
                    f"{columns[name].storage}.",
                    mend="name columns of 0 and 1, or of true and false",
                )
        return _Flags(self, columns)


@dataclass(frozen=True)
class _Flags(Rule):
    """The flags are told by the name of the one that is set."""

    constraint: OneHotEncoding
    columns: Columns

    @property
    def _names(self) -> tuple[str, ...]:
        return self.constraint.columns

    @cached_property
    def _name(self) -> str:
        return free_name(self._names, self.columns)

    @cached_property
    def _values(self) -> dict[str, tuple[Any, Any]]:
        return {name: truth(name, self.columns) or (0, 1) for name in self._names}

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        known = pl.lit(True)
        for name, (off, on) in self._values.items():
            known &= (self._is(frame, name, off) | self._is(frame, name, on)).fill_null(False)
        ons = pl.sum_horizontal(
            self._is(frame, name, on).fill_null(False).cast(pl.Int32)
            for name, (_, on) in self._values.items()
        )
        one = ons <= 1 if self.constraint.none else ons == 1
        return frame.select((known & one).alias("holds")).to_series()

    @staticmethod
    def _is(frame: pl.DataFrame, name: str, value: Any) -> pl.Expr:
        return pl.col(name) == pl.lit(value, dtype=frame[name].dtype)

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        # A column that is 0 throughout never was the one that is set.
        able = [name for name in self._names if not isinstance(columns[name], Constant)]
        label = Categorical(
            storage="String", values=tuple(able or self._names), nullable=self.constraint.none
        )
        return replaced(columns, {self._names[0]: {self._name: label}}, gone=self._names[1:])

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        which = pl.coalesce(
            pl.when(self._is(frame, name, on)).then(pl.lit(name))
            for name, (_, on) in self._values.items()
        )
        return frame.with_columns(which.alias(self._name)).drop(self._names)

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        which = frame[self._name].to_frame("which")
        made = []
        for name, dtype in dtypes_of(self._names, self.columns).items():
            cold, hot = self._values[name]
            pair = pl.Series([cold, hot]).cast(dtype)
            is_it = which.select((pl.col("which") == name).fill_null(False)).to_series()
            made.append(pair.gather(is_it.cast(pl.UInt32)).alias(name))
        return frame.drop(self._name).with_columns(made)

    def translate(self, condition: Condition) -> tuple[Condition, ...] | None:
        dtype = dtypes_of(self._names, self.columns)[condition.column]
        off, on = condition.holds(pl.Series(list(self._values[condition.column])).cast(dtype))
        others: list[str | None] = [name for name in self._names if name != condition.column]
        if self.constraint.none:
            others.append(None)
        allowed = ([condition.column] if on else []) + (others if off else [])
        if not allowed:
            raise _unmet(self.constraint, condition)
        return (Condition(self._name, values=tuple(allowed)),)

    def stands_for(self, column: str) -> tuple[str, ...]:
        return (self._name,) if column in self._names else (column,)
