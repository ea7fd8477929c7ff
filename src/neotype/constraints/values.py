"""Bounds and steps of one column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Annotated, Any, Literal, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import BeforeValidator, model_validator

from neotype.constraints.axis import FAR, WORDS, Axis, axes_of, over, plus, times
from neotype.constraints.ladder import fresh
from neotype.errors import SchemaError
from neotype.schema.condition import Condition
from neotype.schema.constraint import Columns, Constraint, Rule, replaced
from neotype.schema.schema import Numeric


def _plain(value: Any) -> Any:
    """A bound as a file can hold it."""
    if isinstance(value, bool):
        raise ValueError("a bound is a number, a time or a length of time, not true or false")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value // timedelta(microseconds=1)}us"
    if isinstance(value, Decimal):
        return str(value)
    return value


Bound = Annotated[int | float | str, BeforeValidator(_plain)]
"""A number; a time such as "2024-02-29" or "08:30"; a length of time such as "90m"."""


class _Bounded(Constraint):
    """Every value of a column lies between bounds."""

    column: str

    @property
    def about(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column,)

    @property
    def bounds(self) -> tuple[Any, Any, bool, bool]:
        """The lower and the upper bound (None for none), and whether each is left out."""
        raise NotImplementedError

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """How exact the column is."""
        return self._rule(_axis(self, columns, frame), columns)

    def declare(self, columns: Columns) -> Rule:
        """How exact the column is, as declared."""
        return self._rule(_axis(self, columns, None), columns)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        return self._rule(_as_learnt(_axis(self, columns, None), facts), columns)

    def _rule(self, axis: Axis, columns: Columns) -> Bounds:
        low, high, low_open, high_open = self.bounds
        least = None if low is None else axis.place(low)
        most = None if high is None else axis.place(high)
        if least is not None and most is not None and not _room(least, most, low_open, high_open):
            raise SchemaError(f"{self.title} allows nothing: no value lies between its bounds.")
        return Bounds(self, axis, least, most, low_open, high_open)


class ScalarRange(_Bounded):
    """Every value of `column` lies from `low` to `high`; strict: between them."""

    type: Literal["ScalarRange"] = "ScalarRange"
    low: Bound
    high: Bound
    strict: bool = False

    @property
    def bounds(self) -> tuple[Any, Any, bool, bool]:
        """Both."""
        return self.low, self.high, self.strict, self.strict


class ScalarInequality(_Bounded):
    """Every value of `column` is `relation` (>, >=, <, <=) `value`."""

    type: Literal["ScalarInequality"] = "ScalarInequality"
    relation: Literal[">", ">=", "<", "<="]
    value: Bound

    @property
    def bounds(self) -> tuple[Any, Any, bool, bool]:
        """One of them."""
        open_ = len(self.relation) == 1
        if self.relation.startswith(">"):
            return self.value, None, open_, False
        return None, self.value, False, open_


class _Signed(_Bounded):
    """A side of zero."""

    strict: bool = False

    def _rule(self, axis: Axis, columns: Columns) -> Bounds:
        if axis.family not in ("number", "length"):
            raise SchemaError(
                f"{self.title}: '{self.column}' holds {WORDS[axis.family]}, which have no sign.",
                mend="use ScalarRange or ScalarInequality with a bound",
            )
        return super()._rule(axis, columns)


class Positive(_Signed):
    """No value of `column` is below zero; strict: every one is above it."""

    type: Literal["Positive"] = "Positive"

    @property
    def bounds(self) -> tuple[Any, Any, bool, bool]:
        """Zero, from above."""
        return 0, None, self.strict, False


class Negative(_Signed):
    """No value of `column` is above zero; strict: every one is below it."""

    type: Literal["Negative"] = "Negative"

    @property
    def bounds(self) -> tuple[Any, Any, bool, bool]:
        """Zero, from below."""
        return None, 0, False, self.strict


@dataclass(frozen=True)
class Bounds(Rule):
    """The column stays as it is, and what is drawn beyond a bound becomes the nearest value."""

    constraint: _Bounded
    axis: Axis
    low: Decimal | None
    high: Decimal | None
    low_open: bool
    high_open: bool

    @property
    def _ends(self) -> tuple[Any, Any]:
        """The first and the last place that a cell may have."""
        if not self.axis.whole:
            kind: Any = np.float32 if self.axis.column.storage == "Float32" else np.float64
            low = None if self.low is None else _float_within(self.low, kind, self.low_open, 1)
            high = None if self.high is None else _float_within(self.high, kind, self.high_open, -1)
            return low, high
        step = self.axis.step
        low = high = None
        if self.low is not None:
            low = floor(self.low / step) + 1 if self.low_open else ceil(self.low / step)
        if self.high is not None:
            high = ceil(self.high / step) - 1 if self.high_open else floor(self.high / step)
        return (None if low is None else low * step), (None if high is None else high * step)

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        """Whether each cell lies within the bounds; a missing one does."""
        here = self.axis.read(frame[self.axis.name])
        good = pl.Series([True]).new_from_index(0, len(here))
        for bound, left_out, sign in (
            (self.low, self.low_open, 1),
            (self.high, self.high_open, -1),
        ):
            if bound is None:
                continue
            edge: Any = float(bound)
            if self.axis.whole:
                edge = ceil(bound) if (sign > 0) != left_out else floor(bound)
            if sign > 0:
                good &= (here > edge if left_out else here >= edge).fill_null(True)
            else:
                good &= (here < edge if left_out else here <= edge).fill_null(True)
        return good

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        """The columns as they are: every row within the bounds is one."""
        return dict(columns)

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        """Cells beyond a bound become the nearest within."""
        cells = frame[self.axis.name]
        good = self.holds(frame)
        if good.all():
            return frame
        low, high = self._ends
        inside = self.axis.write(self.axis.read(cells).clip(low, high))
        return frame.with_columns(cells.zip_with(good, inside).alias(self.axis.name))

    def facts(self) -> dict[str, Any]:
        """How exact the column is."""
        return {"whole": self.axis.whole, "step": self.axis.step}


class FixedIncrements(Constraint):
    """Every value of `column` is a multiple of `increment`: a number, or a time such as "15m".

    Times of day and points in time are multiples counted from midnight.
    """

    type: Literal["FixedIncrements"] = "FixedIncrements"
    column: str
    increment: Bound

    @model_validator(mode="after")
    def _is_step(self) -> Self:
        if isinstance(self.increment, int | float) and not 0 < self.increment < np.inf:
            raise ValueError(f"increment is {self.increment}; give a number above 0")
        return self

    @property
    def about(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column,)

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """How exact the column is."""
        return self._rule(_axis(self, columns, frame), columns)

    def declare(self, columns: Columns) -> Rule:
        """How exact the column is, as declared."""
        return self._rule(_axis(self, columns, None), columns)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        return self._rule(_as_learnt(_axis(self, columns, None), facts), columns)

    def _rule(self, axis: Axis, columns: Columns) -> Steps:
        if axis.family in ("instant", "clock"):
            axis = replace(axis, wall=True)
            lengths = Axis(self.column, axis.column, "length")
            step = lengths.place(self.increment)
        else:
            step = axis.place(self.increment)
        if step <= 0:
            raise SchemaError(f"{self.title}: the increment is not above zero.")
        if axis.whole and step % 1:
            raise SchemaError(
                f"{self.title}: '{self.column}' has {axis.decimals} decimals, and the increment "
                f"has more.",
                mend="give an increment of as many decimals, or correct `decimals` in the schema",
            )
        return Steps(self, axis, step, fresh(f"{self.column} / {self.increment}", columns))


@dataclass(frozen=True)
class Steps(Rule):
    """A number is told by how many increments it is; a time becomes the last multiple before."""

    constraint: FixedIncrements
    axis: Axis
    step: Decimal
    count: str

    @property
    def _counted(self) -> bool:
        return self.axis.family == "number" and self.axis.column.kind == "numeric"

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        """Whether each cell is a multiple; a missing one is, an infinite one is not."""
        here = self.axis.read(frame[self.axis.name])
        if not self.axis.whole:
            counts = here / float(self.step)
            near = (counts - counts.round()).abs() <= 1e-9 * counts.abs().clip(1.0, None)
            return (near & counts.is_finite()).fill_null(True)
        multiple = times(over(here, int(self.step)), int(self.step)) == here
        return (multiple & (here.abs() < FAR)).fill_null(True)

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        """How many increments; times stay, for the calendar tells more of them."""
        if not self._counted:
            return dict(columns)
        column, dtype = self.axis.column, self.axis.dtype
        storage = "Float64"
        if not dtype.is_float():
            storage = column.storage if dtype.is_integer() else "Int64"
        count = Numeric(
            storage=storage,
            subtype="integer",
            decimals=0,
            nullable=column.nullable,
            public=column.public,
        )
        return replaced(columns, {self.axis.name: {self.count: count}})

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows in counts of the increment."""
        if not self._counted:
            return frame
        cells, dtype = frame[self.axis.name], self.axis.dtype
        if dtype.is_float():
            counts = (cells.cast(pl.Float64) / self._float_step).round()
        else:
            counts = over(self.axis.read(cells), int(self.step))
            counts = counts.cast(dtype if dtype.is_integer() else pl.Int64, strict=False)
        return frame.with_columns(counts.alias(self.count)).drop(self.axis.name)

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        """Multiples of the increment."""
        if self._counted:
            counts = frame[self.count]
            made = self._written(counts)
            return frame.with_columns(made).drop(self.count)
        here = self.axis.read(frame[self.axis.name])
        good = self.holds(frame)
        if good.all() or not self.axis.whole:
            return frame
        low, _ = self.axis.limits
        last = times(over(here, int(self.step)), int(self.step))
        last = last.zip_with((last >= low).fill_null(True), plus(last, int(self.step)))
        cells = frame[self.axis.name].zip_with(good, self.axis.write(last))
        return frame.with_columns(cells.alias(self.axis.name))

    def _written(self, counts: pl.Series) -> pl.Series:
        if counts.dtype.is_float():
            cells = counts * self._float_step
            if self.axis.whole:
                cells = cells.round(self.axis.decimals or 0)
            return cells.cast(self.axis.dtype).alias(self.axis.name)
        low, high = (int(end / self.step) for end in self.axis.limits)
        return self.axis.write(times(counts.cast(pl.Int128).clip(low, high), int(self.step)))

    @property
    def _float_step(self) -> float:
        return float(self.step.scaleb(-(self.axis.decimals or 0)))

    def translate(self, condition: Condition) -> tuple[Condition, ...] | None:
        """The same of the number of increments."""
        if not self._counted:
            return (condition,)
        if condition.values is not None:
            wanted = [v if v is None else self._count(v) for v in condition.values]
            values = tuple(v if v is None else int(v) for v in wanted if v is None or v % 1 == 0)
            return (replace(condition, column=self.count, values=values),)
        low = None if condition.low is None else self._count(condition.low)
        high = None if condition.high is None else self._count(condition.high)
        return (
            Condition(
                self.count,
                low=None if low is None else ceil(low),
                high=None if high is None else floor(high),
                low_open=condition.low_open and low is not None and low % 1 == 0,
                high_open=condition.high_open and high is not None and high % 1 == 0,
            ),
        )

    def _count(self, value: Any) -> Decimal:
        return self.axis.place(value) / self.step

    def stands_for(self, column: str) -> tuple[str, ...]:
        """A number is told by its count."""
        return (self.count,) if self._counted else (column,)

    def facts(self) -> dict[str, Any]:
        """How exact the column is."""
        return {"whole": self.axis.whole, "step": self.axis.step}


def _room(low: Decimal, high: Decimal, low_open: bool, high_open: bool) -> bool:
    return low < high or (low == high and not (low_open or high_open))


def _axis(one: _Bounded | FixedIncrements, columns: Columns, frame: pl.DataFrame | None) -> Axis:
    (axis,) = axes_of([(one.column, columns[one.column])], frame, asked_by=one.title)
    return axis


def _as_learnt(axis: Axis, facts: Mapping[str, Any]) -> Axis:
    if not facts["whole"]:
        return replace(axis, decimals=None, step=1)
    return replace(axis, step=facts["step"])


def _float_within(bound: Decimal, kind: Any, left_out: bool, inwards: int) -> float:
    """The float nearest to a bound that lies within."""
    edge = kind(float(bound))
    beyond = Decimal(float(edge)) * inwards < bound * inwards
    if beyond or (left_out and Decimal(float(edge)) == bound):
        edge = np.nextafter(edge, kind(np.inf * inwards))
    return float(edge)
