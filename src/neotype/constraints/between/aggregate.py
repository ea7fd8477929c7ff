"""A column that sums up the rows below: a total, a count, a last date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from pydantic import Field, model_validator

from neotype.constraints.between.rule import (
    Frames,
    Ints,
    Mask,
    TableRule,
    keys_of,
    spoken_for,
    with_columns,
)
from neotype.errors import SchemaError
from neotype.expression import explained, expression, names_in
from neotype.links import parent_rows
from neotype.schema.between import Place, TableConstraint, place, table_named, tie_between
from neotype.schema.schema import Relationship, Schema
from neotype.schema.storage import storage_dtype
from neotype.schema.value import Names

_ROUNDING = 1e-9


class Aggregate(TableConstraint):
    """`column`, such as "invoice.total", is the `function` of what `expression` (SQL or polars)
    makes of the rows of table `of` that refer to its row. Numbers may differ by `tolerance`: if
    unsaid, by a rounding of the last decimal. A missing cell breaks nothing.
    """

    type: Literal["Aggregate"] = "Aggregate"
    column: str
    of: str
    expression: str | None = Field(default=None, description="what is summed; a count needs none")
    function: Literal["sum", "count", "mean", "min", "max"] = "sum"
    tolerance: float | None = Field(default=None, ge=0)
    via: Names = Field(default=(), description="the foreign key, where there are several")

    @property
    def title(self) -> str:
        """The equation."""
        made = " ".join((self.expression or "").split())
        return f"Aggregate({self.column} = {self.function} of {self.of} {made}".rstrip() + ")"

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if self.expression is None and self.function != "count":
            raise ValueError(f"the {self.function} of what is not said: give an expression")
        return self

    def check(self, schema: Schema) -> None:
        """The columns are there, and the tables are tied."""
        rule = self.restore({"alone": "own", "gaps": False}, schema)
        rule.value(
            {
                name: pl.DataFrame(
                    schema={n: storage_dtype(c.storage) for n, c in table.columns.items()}
                )
                for name, table in schema.tables.items()
            }
        )

    def learn(self, schema: Schema, frames: Mapping[str, Any], *, protect: int) -> TableRule:
        """What rows have that nothing refers to, and whether cells are missing elsewhere."""
        rule = self.restore({"alone": "own", "gaps": False}, schema)
        cells = frames[rule.place[0]][rule.place[1]]
        _, counts = rule.value(frames)
        alone = cells.filter(pl.Series(counts == 0))
        gaps = cells.filter(pl.Series(counts > 0)).null_count() > 0
        zero = alone.dtype.is_numeric() and self.function in ("sum", "count")
        said = "own"
        if not len(alone):
            nullable = schema.tables[rule.place[0]].columns[rule.place[1]].nullable
            said = "zero" if zero else "null" if nullable else "own"
        elif alone.null_count() == len(alone):
            said = "null"
        elif zero and bool((alone == 0).fill_null(False).all()):
            said = "zero"
        return self.restore({"alone": said, "gaps": gaps}, schema)

    def restore(self, facts: Mapping[str, Any], schema: Schema) -> _Summed:
        """The rule."""
        by = f"constraint {self.title}"
        column = place(self.column, schema, asked_by=by)
        below = table_named(self.of, schema, asked_by=by)
        tie = tie_between(schema, below, column[0], self.via, asked_by=by)
        return _Summed(self, column, tie, schema, str(facts["alone"]), bool(facts["gaps"]))


@dataclass(frozen=True)
class _Summed(TableRule):
    """The column is left out and computed; it stays where some of its cells do not follow."""

    constraint: Aggregate
    place: Place
    tie: Relationship
    schema: Schema
    alone: str
    """What a row has that nothing refers to: zero, null, or a cell of its own."""
    gaps: bool

    @property
    def reads(self) -> frozenset[Place]:
        asked, names = self.constraint, tuple[str, ...]()
        if asked.expression is not None:
            made = expression(asked.expression, asked_by=asked.title)
            names = names_in(made, asked.expression, asked_by=asked.title)
        return keys_of(self.tie) | {(self.tie.child, name) for name in names}

    @property
    def writes(self) -> frozenset[Place]:
        return frozenset({self.place})

    def value(self, frames: Frames) -> tuple[pl.Series, Ints]:
        """What the column must be, and how many rows refer to each row."""
        asked, rows = self.constraint, parent_rows(self.tie, frames)
        height = frames[self.tie.parent].height
        counts = np.bincount(rows[rows >= 0], minlength=height)
        below = frames[self.tie.child].with_columns(
            pl.col(pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32).cast(pl.Int64)
        )
        made = self._summands(below)
        column = pl.col("value")
        summed = {
            "sum": column.sum(),
            "count": column.len(),
            "mean": column.mean(),
            "min": column.min(),
            "max": column.max(),
        }[asked.function]
        grouped = (
            made.with_columns(pl.Series("row", rows))
            .filter(pl.col("row") >= 0)
            .group_by("row")
            .agg(summed.alias("value"))
        )
        every = pl.DataFrame({"row": np.arange(height)})
        told = every.join(grouped, on="row", how="left", maintain_order="left")["value"]
        return self._stored(told, counts), counts

    def _summands(self, below: pl.DataFrame) -> pl.DataFrame:
        """What is summed of each row below."""
        text, by = self.constraint.expression, f"constraint {self.constraint.title}"
        if text is None:
            return pl.DataFrame({"value": np.ones(below.height, dtype=np.int64)})
        try:
            made = below.select(expression(text, asked_by=by).alias("value"))
        except pl.exceptions.PolarsError as fault:
            raise explained(fault, text, below.columns, asked_by=by) from None
        if made.height != below.height:
            raise SchemaError(
                f"{by} gives {made.height} values for {below.height} rows.",
                mend="compute a row from that row alone; the function sums them up",
            )
        return made

    def _stored(self, value: pl.Series, counts: Ints) -> pl.Series:
        table, name = self.place
        column = self.schema.tables[table].columns[name]
        dtype = storage_dtype(column.storage)
        if value.dtype.is_numeric() and self.alone == "zero":
            value = value.set(pl.Series(counts == 0), 0)
        if value.dtype.is_float() and dtype.is_numeric():
            decimals = 0 if dtype.is_integer() else getattr(column, "decimals", None)
            value = value if decimals is None else value.round(decimals)
        if value.dtype != pl.Null and value.dtype.is_numeric() != dtype.is_numeric():
            raise SchemaError(
                f"constraint {self.constraint.title} gives {value.dtype}, and the column is "
                f"stored as {column.storage}.",
                mend="add a cast to the expression",
            )
        return value.cast(dtype, strict=False).alias(name)

    def broken(self, frames: Frames) -> dict[str, Mask]:
        table, name = self.place
        cells, (value, counts) = frames[table][name], self.value(frames)
        if cells.dtype.is_numeric():
            one, two = cells.cast(pl.Float64), value.cast(pl.Float64)
            near = self._near + _ROUNDING * one.abs().fill_null(0.0)
            wrong = (one - two).abs() > near
        else:
            wrong = cells != value
        said = wrong.fill_null(False).to_numpy() & (counts > 0)
        if self.alone == "zero":
            said |= (cells != 0).fill_null(False).to_numpy() & (counts == 0)
        elif self.alone == "null":
            said |= cells.is_not_null().to_numpy() & (counts == 0)
        return {table: said}

    @property
    def _near(self) -> float:
        if self.constraint.tolerance is not None:
            return self.constraint.tolerance
        column = self.schema.tables[self.place[0]].columns[self.place[1]]
        dtype = storage_dtype(column.storage)
        decimals = 0 if dtype.is_integer() else getattr(column, "decimals", None)
        return 0.0 if decimals is None else 0.5001 * 10.0**-decimals

    def rewrite(self, schema: Schema) -> Schema | None:
        table, name = self.place
        columns = schema.tables[table].columns
        if self.alone == "own" or self.gaps or name not in columns:
            return None
        if spoken_for(schema, self.place):
            return None
        return with_columns(schema, table, {n: c for n, c in columns.items() if n != name})

    def encode(self, frames: Frames, outer: Frames) -> dict[str, pl.DataFrame]:
        table, name = self.place
        return {**frames, table: frames[table].drop(name)}

    def decode(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        value, _ = self.value(frames)
        return {**frames, self.place[0]: frames[self.place[0]].with_columns(value)}

    def mend(self, frames: Frames, rng: Generator) -> dict[str, pl.DataFrame]:
        """Cells that are there and follow from rows below are computed."""
        table, name = self.place
        value, counts = self.value(frames)
        cells = frames[table][name]
        follows = pl.Series(counts > 0) & cells.is_not_null()
        if self.alone != "own":
            follows |= pl.Series(counts == 0)
        return {**frames, table: frames[table].with_columns(value.zip_with(follows, cells))}

    def facts(self) -> dict[str, Any]:
        return {"alone": self.alone, "gaps": self.gaps}
