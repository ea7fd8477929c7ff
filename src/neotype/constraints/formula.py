"""Columns that follow from others by a formula, and conditions in SQL, polars or Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Literal

import polars as pl
from numpy.random import Generator
from pydantic import Field

from neotype.constraints.joined import free_name
from neotype.errors import ModelFileError, NeotypeError, SchemaError
from neotype.expression import condition, explained, expression, names_in
from neotype.schema.constraint import Columns, Constraint, Rule, replaced
from neotype.schema.schema import Boolean
from neotype.schema.storage import storage_dtype

_ROUNDING = 1e-9
"""Relative error that sums of floats may have."""
_GROUP = "neotype.constraints"


class Expression(Constraint):
    """A condition in SQL or polars that every row meets, such as `age >= 17 or married = 'no'`.

    As in SQL, one that is unknown for a missing cell breaks nothing.
    """

    type: Literal["Expression"] = "Expression"
    expression: str

    @property
    def about(self) -> tuple[str, ...]:
        """The columns that it names."""
        return _read(self)[1]

    @property
    def title(self) -> str:
        """The condition itself."""
        return f"Expression({' '.join(self.expression.split())})"

    def declare(self, columns: Columns) -> Rule:
        """It says all itself."""
        return self.restore({}, columns)

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """Nothing has to be learnt."""
        rule = self.restore({}, columns)
        _alone(self, lambda rows: _Meets.met(self, rows), frame)
        return rule

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        _Meets.met(self, _empty(columns))
        return _Meets(self)


@dataclass(frozen=True)
class _Meets(Rule):
    """Rows are only checked."""

    constraint: Expression

    @staticmethod
    def met(asked: Expression, frame: pl.DataFrame) -> pl.Series:
        by = f"constraint {asked.title}"
        wide = _wide(frame)
        return _computed(
            lambda: condition(asked.expression, wide, asked_by=by), asked.expression, frame, by
        )

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        return self.met(self.constraint, frame).fill_null(True)


class ColumnFormula(Constraint):
    """`column` is what `expression` (SQL or polars) makes of other columns of its row.

    It is not learnt but computed, in its own storage and decimals. A missing cell breaks nothing,
    and occurs as often as before; a cell where the formula gives nothing of cells that are all
    there breaks it. Numbers may differ by `tolerance`: if unsaid, by a rounding of the last
    decimal.
    """

    type: Literal["ColumnFormula"] = "ColumnFormula"
    column: str
    expression: str
    tolerance: float | None = Field(default=None, ge=0)

    @property
    def about(self) -> tuple[str, ...]:
        """The column, and those that it follows from."""
        return (self.column, *_read(self)[1])

    @property
    def title(self) -> str:
        """The equation."""
        return f"ColumnFormula({self.column} = {' '.join(self.expression.split())})"

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """Whether cells are missing though the formula gives something, or the reverse."""
        rule = _Formula(self, columns, gaps=False, alone=False)
        _alone(self, rule.value, frame)
        cells, value = frame[self.column], rule.value(frame)
        gaps = cells.is_null() & value.is_not_null()
        alone = cells.is_not_null() & value.is_null()
        return self.restore({"gaps": bool(gaps.any()), "alone": bool(alone.any())}, columns)

    def declare(self, columns: Columns) -> Rule:
        """Cells may be missing where the column's may; none is known beside what is missing."""
        return self.restore({"gaps": columns[self.column].nullable, "alone": False}, columns)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        if self.column in _read(self)[1]:
            raise SchemaError(
                f"constraint {self.title} computes '{self.column}' from itself.",
                mend="declare a condition as Expression",
            )
        rule = _Formula(self, columns, gaps=bool(facts["gaps"]), alone=bool(facts["alone"]))
        rule.value(_empty(columns))
        return rule


@dataclass(frozen=True)
class _Formula(Rule):
    """The column is left out. Where it has gaps, another says whether its cell is missing; and
    where cells are known beside missing ones that they follow from, another has those alone.
    """

    constraint: ColumnFormula
    columns: Columns
    gaps: bool
    alone: bool

    @cached_property
    def _name(self) -> str:
        return free_name((f"{self.constraint.column} is missing",), self.columns)

    @cached_property
    def _rest(self) -> str:
        return free_name((f"{self.constraint.column} alone",), self.columns)

    @property
    def _inputs(self) -> tuple[str, ...]:
        return self.constraint.about[1:]

    @property
    def follows(self) -> str | None:
        return self.constraint.column

    def value(self, frame: pl.DataFrame) -> pl.Series:
        """What the formula makes of each row, before it is stored."""
        asked = self.constraint
        by = f"constraint {asked.title}"

        def made() -> pl.Series:
            formula = expression(asked.expression, asked_by=by)
            found = _wide(frame).select(formula.alias(asked.column))[asked.column]
            if len(found) != frame.height:
                raise SchemaError(
                    f"{by} gives {len(found)} values for {frame.height} rows.",
                    mend="compute a row from that row alone",
                )
            return found.fill_nan(None) if found.dtype.is_float() else found

        return _computed(made, asked.expression, frame, by)

    def _stored(self, value: pl.Series) -> pl.Series:
        """In the storage and the decimals of the column."""
        column = self.columns[self.constraint.column]
        dtype = storage_dtype(column.storage)
        try:
            if dtype.is_numeric() and value.dtype.is_float():
                decimals = getattr(column, "decimals", None)
                decimals = 0 if dtype.is_integer() else decimals
                value = value if decimals is None else value.round(decimals)
            return value.cast(dtype, strict=False).alias(self.constraint.column)
        except pl.exceptions.PolarsError:
            raise SchemaError(
                f"constraint {self.constraint.title} gives {value.dtype}, and the column is "
                f"stored as {column.storage}.",
                mend=f"add a cast, such as CAST(… AS {'DOUBLE' if dtype.is_numeric() else 'TEXT'})",
            ) from None

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        cells, value = frame[self.constraint.column], self.value(frame)
        if cells.dtype.is_numeric() and value.dtype.is_numeric():
            one, two = cells.cast(pl.Float64), value.cast(pl.Float64)
            size = one.abs().to_frame("a").with_columns(two.abs().alias("b"))
            near = self._near + _ROUNDING * size.select(pl.max_horizontal("a", "b")).to_series()
            agree = (one - two).abs() <= near
            if cells.dtype.is_integer() and value.dtype.is_integer():
                agree |= cells == value
        else:
            agree = cells == self._stored(value)
        lacking = pl.any_horizontal(pl.col(name).is_null() for name in self._inputs)
        untold = value.is_null() & frame.select(lacking.alias("lacking"))["lacking"]
        return agree.fill_null(False) | cells.is_null() | untold

    @property
    def _near(self) -> float:
        if self.constraint.tolerance is not None:
            return self.constraint.tolerance
        column = self.columns[self.constraint.column]
        dtype = storage_dtype(column.storage)
        decimals = 0 if dtype.is_integer() else getattr(column, "decimals", None)
        return 0.0 if decimals is None else 0.5 * 10.0**-decimals

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        name = self.constraint.column
        told: dict[str, Any] = {}
        if self.gaps:
            told[self._name] = Boolean(storage="Boolean")
        if self.alone:
            told[self._rest] = columns[name].model_copy(update={"nullable": True, "reason": ""})
        return replaced(columns, {name: told} if told else {}, gone=(name,))

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        cells = frame[self.constraint.column]
        told = [cells.is_null().alias(self._name)] if self.gaps else []
        if self.alone:
            told.append(cells.set(self.value(frame).is_not_null(), None).alias(self._rest))
        return frame.drop(cells.name).with_columns(told)

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        cells = self._stored(self.value(frame))
        if self.alone:
            cells = cells.zip_with(cells.is_not_null(), frame[self._rest])
        if self.gaps:
            cells = cells.set(frame[self._name], None)
        return frame.drop(self._name, self._rest, strict=False).with_columns(cells)

    def renew(self, frame: pl.DataFrame) -> pl.DataFrame:
        old, cells = frame[self.constraint.column], self._stored(self.value(frame))
        cells = cells.zip_with(cells.is_not_null(), old)
        return frame.with_columns(cells.set(old.is_null(), None))

    def solve(self, part: str, frame: pl.DataFrame) -> pl.Series | None:
        """From the values at 0, 1 and 2: where those lie on a line, so does the result."""
        cells, result = frame[part], frame[self.constraint.column]
        if not (cells.dtype.is_numeric() and result.dtype.is_numeric()):
            return None
        tried = [frame.with_columns(pl.lit(float(x)).alias(part)) for x in (0, 1, 2)]
        zero, one, two = (self.value(rows).cast(pl.Float64, strict=False) for rows in tried)
        slope = one - zero
        line = ((two - one - slope).abs() <= _ROUNDING * (two.abs() + 1)) & (slope != 0)
        found = (result.cast(pl.Float64) - zero) / slope
        decimals = 0 if cells.dtype.is_integer() else getattr(self.columns[part], "decimals", None)
        found = found if decimals is None else found.round(decimals)
        return found.set(~line.fill_null(False), None).cast(cells.dtype, strict=False).alias(part)

    def stands_for(self, column: str) -> tuple[str, ...]:
        if column != self.constraint.column:
            return (column,)
        return (*self._inputs, *((self._rest,) if self.alone else ()))

    def facts(self) -> dict[str, Any]:
        return {"gaps": self.gaps, "alone": self.alone}


class Custom(Constraint):
    """What a Python function says of each row: `function` is "module:function", called with the
    `columns` as a polars frame, and gives a Boolean series or array, one a row.

    A file never makes neotype import code: the module has been imported, or an installed package
    names the function by an entry point in the group `neotype.constraints`.
    """

    type: Literal["Custom"] = "Custom"
    columns: tuple[str, ...] = Field(min_length=1)
    function: str = Field(pattern=r"^[\w.]+:[\w.]+$")

    @property
    def about(self) -> tuple[str, ...]:
        """The columns that the function sees."""
        return self.columns

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """Nothing has to be learnt."""
        return _Called(self, self._found(SchemaError))

    def declare(self, columns: Columns) -> Rule:
        """It sees none but made rows."""
        return _Called(self, self._found(SchemaError))

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule, with the function itself."""
        return _Called(self, self._found(ModelFileError))

    def _found(self, error: Callable[..., NeotypeError]) -> Callable[[pl.DataFrame], Any]:
        module, _, path = self.function.partition(":")
        named = [e for e in entry_points(group=_GROUP) if e.value == self.function]
        if named:
            found: Any = named[0].load()
        elif module in sys.modules:
            found = sys.modules[module]
            for part in path.split("."):
                found = getattr(found, part, None)
        else:
            raise error(
                f"constraint {self.title} names a module that has not been imported.",
                mend=f"import {module} first, or name the function by an entry point in the group "
                f"{_GROUP} of an installed package",
            )
        if not callable(found):
            raise error(f"constraint {self.title}: '{module}' has no function '{path}'.")
        function: Callable[[pl.DataFrame], Any] = found
        return function


@dataclass(frozen=True)
class _Called(Rule):
    """Rows are only checked, by the function."""

    constraint: Custom
    function: Callable[[pl.DataFrame], Any]

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        answer = self.function(frame.select(self.constraint.columns))
        met = pl.Series("met", answer)
        if met.dtype != pl.Boolean or len(met) != frame.height:
            raise SchemaError(
                f"constraint {self.constraint.title} gives {len(met)} values of {met.dtype} for "
                f"{frame.height} rows.",
                mend="return a Boolean series, one value a row",
            )
        return met.fill_null(True)


def _read(asked: Expression | ColumnFormula) -> tuple[pl.Expr, tuple[str, ...]]:
    """The expression, and the columns that it names."""
    by = f"constraint {asked.title}"
    try:
        made = expression(asked.expression, asked_by=by)
    except pl.exceptions.PolarsError as fault:
        raise explained(fault, asked.expression, (), asked_by=by) from None
    return made, names_in(made, asked.expression, asked_by=by)


def _empty(columns: Columns) -> pl.DataFrame:
    return pl.DataFrame(schema={n: storage_dtype(c.storage) for n, c in columns.items()})


def _wide(frame: pl.DataFrame) -> pl.DataFrame:
    """Small integers as large ones, in which sums and products have room."""
    small = (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)
    return frame.with_columns(pl.col(small).cast(pl.Int64))


def _computed(made: Callable[[], pl.Series], text: str, frame: pl.DataFrame, by: str) -> pl.Series:
    try:
        return made()
    except pl.exceptions.PolarsError as fault:
        if not frame.height:
            raise explained(fault, text, frame.columns, asked_by=by) from None
        # What polars says of rows may quote their cells.
        raise SchemaError(
            f"{by} cannot be computed of these rows ({type(fault).__name__})."
        ) from None


def _alone(
    asked: Constraint, made: Callable[[pl.DataFrame], pl.Series], frame: pl.DataFrame
) -> None:
    """SchemaError where a row's value changes with the other rows that are there."""
    whole = made(frame)
    for first in (0, 1):
        part = frame[first::2]
        if part.height and not made(part).equals(whole[first::2], null_equal=True):
            raise SchemaError(
                f"constraint {asked.title} depends on other rows than the one that it is about.",
                mend="compute a row from that row alone; policies are about whole tables",
            )
