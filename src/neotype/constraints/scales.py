"""Quantities whose unit or currency another column names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import Field, model_validator

from neotype.constraints.ladder import fresh
from neotype.errors import SchemaError
from neotype.schema.constraint import Columns, Constraint, Rule, replaced, unsaid
from neotype.schema.infer_number import decimals_of
from neotype.schema.schema import Numeric
from neotype.schema.storage import storage_dtype

_GROUP = 20
"""Rows of a group at least, of which a scale is kept."""
_EXACT = 2.0**53


class MixedScales(Constraint):
    """`column` is measured on a scale of its own for every label of `by`.

    Amounts in several currencies, lengths in several units, results of several tests. A value has
    no more decimals than those of its group have.
    """

    type: Literal["MixedScales"] = "MixedScales"
    column: str
    by: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_or_more(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and isinstance(given.get("by"), str):
            return {**given, "by": (given["by"],)}
        return given

    @model_validator(mode="after")
    def _all_differ(self) -> Self:
        if len({self.column, *self.by}) < 1 + len(self.by):
            raise ValueError(f"MixedScales names a column twice: {', '.join(self.about)}")
        return self

    @property
    def about(self) -> tuple[str, ...]:
        """The quantity and the labels."""
        return (self.column, *self.by)

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """The centre, the spread and the decimals of every group of enough rows."""
        self._check(columns)
        least = max(_GROUP, 4 * protect)
        groups: dict[str, _Scale] = {}
        values = _floats(frame[self.column]).alias("value")
        keyed = pl.DataFrame([_keys(frame, self.by), values])
        finite = keyed.filter(pl.col("value").is_finite())
        whole = _Scale.of(finite["value"], columns[self.column])
        for (key,), rows in finite.group_by("key", maintain_order=True):
            if rows.height >= least:
                groups[str(key)] = _Scale.of(rows["value"], columns[self.column])
        if finite.height < least or (finite["value"].abs() >= _EXACT).any():
            return Scales(self, columns[self.column], _name(self, columns), {}, None)
        ordered = dict(sorted(groups.items()))
        # a group of few rows has as many decimals as any
        rest = _Scale(whole.centre, whole.spread, _decimals(columns[self.column]))
        return Scales(self, columns[self.column], _name(self, columns), ordered, rest)

    def declare(self, columns: Columns) -> Rule:
        """SchemaError: scales are what rows show."""
        raise unsaid(self, "the scale of each group", "leave it out, or make a column a scale")

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        groups = {key: _Scale(*scale) for key, scale in facts["groups"].items()}
        rest = None if facts["rest"] is None else _Scale(*facts["rest"])
        return Scales(self, columns[self.column], _name(self, columns), groups, rest)

    def _check(self, columns: Columns) -> None:
        column = columns[self.column]
        if column.kind != "numeric":
            raise SchemaError(
                f"{self.title}: '{self.column}' is {column.kind}, and a scale is of numbers.",
                mend=f"make '{self.column}' numeric in the schema",
            )
        for name in self.by:
            if columns[name].kind not in ("categorical", "ordinal", "boolean", "constant"):
                raise SchemaError(
                    f"{self.title}: '{name}' is {columns[name].kind}, and groups are named by "
                    f"labels.",
                    mend=f"make '{name}' categorical in the schema, or name another column",
                )


@dataclass(frozen=True)
class _Scale:
    """Where a group's values lie: their median, and the width of the middle half, to two digits."""

    centre: float
    spread: float
    decimals: int | None

    @classmethod
    def of(cls, values: pl.Series, column: Numeric) -> Self:
        """The scale of a group's values."""
        if values.is_empty():
            return cls(0.0, 1.0, _decimals(column))
        low, middle, high = (float(values.quantile(q) or 0.0) for q in (0.25, 0.5, 0.75))
        spread = _rounded(high - low, 2) or _rounded(abs(middle), 2) or 1.0
        # the median to a tenth of the spread
        centre = float(np.round(middle / spread, 1) * spread)
        least = decimals_of(values.alias(""))
        known = [d for d in (least, _decimals(column)) if d is not None]
        return cls(centre, spread, min(known, default=None))

    def facts(self) -> list[Any]:
        """JSON-ready."""
        return [self.centre, self.spread, self.decimals]


@dataclass(frozen=True)
class Scales(Rule):
    """The quantity is told by how many spreads of its group it lies from its group's centre."""

    constraint: MixedScales
    column: Numeric
    name: str
    groups: Mapping[str, _Scale]
    rest: _Scale | None
    """The scale of groups of few rows; None where all rows are too few, or beyond what is exact."""

    @property
    def shown(self) -> bool:
        """Always: a scale is what the data shows."""
        return True

    def _scales(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Centre, spread and decimals for each row."""
        assert self.rest is not None
        listed = [*self.groups.values(), self.rest]
        table = pl.DataFrame(
            [scale.facts() for scale in listed],
            schema={"centre": pl.Float64, "spread": pl.Float64, "decimals": pl.Int64},
            orient="row",
        )
        index = {key: k for k, key in enumerate(self.groups)}
        keys = _keys(frame, self.constraint.by)
        place = keys.replace_strict(
            list(index) or [""],
            list(index.values()) or [len(listed) - 1],
            default=len(listed) - 1,
            return_dtype=pl.UInt32,
        )
        return table[place]

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        """Whether each value has no more decimals than its group's; a missing one has none."""
        always = pl.Series([True]).new_from_index(0, frame.height)
        if self.rest is None:
            return always
        values = _floats(frame[self.constraint.column])
        decimals = self._scales(frame)["decimals"]
        good = _to_decimals(values, decimals).cast(frame[self.constraint.column].dtype)
        same = good == frame[self.constraint.column]
        return (same | ~values.is_finite() | decimals.is_null()).fill_null(True)

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        """The quantity in spreads of its group; None where there are too few rows for a scale."""
        if self.rest is None or not self.groups:
            return None
        relative = Numeric(
            storage="Float64", nullable=self.column.nullable, public=self.column.public
        )
        return replaced(columns, {self.constraint.column: {self.name: relative}})

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows in spreads of their group."""
        scales = self._scales(frame)
        values = _floats(frame[self.constraint.column])
        told = (values - scales["centre"]) / scales["spread"]
        return frame.with_columns(told.alias(self.name)).drop(self.constraint.column)

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        """Rows on the scale of their group, with its decimals."""
        scales = self._scales(frame)
        values = frame[self.name] * scales["spread"] + scales["centre"]
        values = _to_decimals(values, scales["decimals"])
        cells = _stored(values, self.column).alias(self.constraint.column)
        return frame.with_columns(cells).drop(self.name)

    def stands_for(self, column: str) -> tuple[str, ...]:
        """The quantity is told by the labels and where it lies on their scale."""
        if column == self.constraint.column:
            return (*self.constraint.by, self.name)
        return (column,)

    def facts(self) -> dict[str, Any]:
        """The scale of every group of enough rows."""
        groups = {key: scale.facts() for key, scale in self.groups.items()}
        return {"groups": groups, "rest": None if self.rest is None else self.rest.facts()}


def _name(one: MixedScales, columns: Columns) -> str:
    return fresh(f"{one.column} on its scale", columns)


def _keys(frame: pl.DataFrame, by: tuple[str, ...]) -> pl.Series:
    """The labels of each row as one text; a missing one is its own."""
    texts = [pl.col(name).cast(pl.String).str.replace_all("|", "||", literal=True) for name in by]
    filled = [text.fill_null(" | ") for text in texts]
    return frame.select(pl.concat_str(filled, separator=" | ").alias("key")).to_series()


def _floats(cells: pl.Series) -> pl.Series:
    return cells.cast(pl.Float64)


def _decimals(column: Numeric) -> int | None:
    dtype = storage_dtype(column.storage)
    if dtype.is_integer() or column.subtype == "integer":
        return 0
    if isinstance(dtype, pl.Decimal):
        return dtype.scale
    return column.decimals


def _to_decimals(values: pl.Series, decimals: pl.Series) -> pl.Series:
    """Each value rounded to its own number of decimals; as it is where that is null."""
    power = 10.0 ** decimals.fill_null(0).cast(pl.Float64)
    rounded = (values * power).round() / power
    return rounded.zip_with(decimals.is_not_null() & rounded.is_finite(), values)


def _stored(values: pl.Series, column: Numeric) -> pl.Series:
    """Floats in the column's dtype, no further than it can hold."""
    dtype = storage_dtype(column.storage)
    if dtype.is_integer():
        unsigned, _, bits = column.storage.partition("Int")
        low = 0.0 if unsigned else -(2.0 ** (int(bits) - 1))
        high = float(np.nextafter(2.0 ** (int(bits) - (not unsigned)), 0.0))
        return values.round().clip(low, high).cast(dtype, strict=False)
    if isinstance(dtype, pl.Decimal):
        return values.round(dtype.scale).cast(dtype, strict=False)
    return values.cast(dtype)


def _rounded(value: float, digits: int) -> float:
    """A value to so many significant digits."""
    return float(f"{value:.{digits - 1}e}")
