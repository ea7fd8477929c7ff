"""One table of a database as it is learnt: what of it is content, and how others see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.constraints.keys import Unique
from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Digit
from neotype.encode.numeric import NumericEncoder
from neotype.rng import Rng
from neotype.schema.schema import (
    Categorical,
    Column,
    Identifier,
    Relationship,
    Schema,
    Table,
)
from neotype.synth.learn import rules_of
from neotype.synth.relational.bond import Bond
from neotype.synth.relational.expected import Number
from neotype.synth.rewriting import Rewriting

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """A table without its foreign keys, with what it says of the rows below it.

    `codebook` is how other tables, and its own rows where they are children, are told as digits;
    None of a table that has nothing but keys.
    """

    name: str
    outer: Table
    content: Schema
    """The columns that are learnt, those about children among them."""
    codebook: Codebook | None
    rewriting: Rewriting | None = None
    """Of a child table with constraints."""

    @classmethod
    def learn(
        cls,
        name: str,
        schema: Schema,
        frame: pl.DataFrame,
        extra: Mapping[str, Column],
        bond: Bond | None,
        protect: int,
    ) -> tuple[Self, Codes]:
        """The part and the digits (× rows) of `frame`, which has its `extra` columns."""
        outer = schema.tables[name]
        keys = {column for tie in schema.above(name) for column in tie.child_key}
        own = {c: column.bare() for c, column in outer.columns.items() if c not in keys}
        own = {c: _told(c, column, frame, schema.above(name)) for c, column in own.items()}
        if outer.public:
            own = {c: column.model_copy(update={"public": True}) for c, column in own.items()}
        if bond is not None:
            own = bond.ratios(own)
        own |= extra
        content = _narrow(name, outer, own)
        rewriting = None
        data = Dataset.of(content, frame) if own else None
        if bond is not None and data is not None and content.table.constraints:
            rewriting = _rewriting(data, bond, protect)
            data = Dataset.of(rewriting.inner, rewriting.encode(data.frame))
        codebook = None if data is None or not data.rows else Codebook.learn(data, protect=protect)
        part = cls(name, outer, content, codebook, rewriting)
        return part, part.codes(frame)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """How a row is told."""
        return self.codebook.digits if self.codebook is not None else ()

    def codes(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows of a frame in the content's columns."""
        if self.codebook is None:
            return np.zeros((0, frame.height), dtype=np.uint8)
        if self.rewriting is not None:
            inner = self.rewriting.encode(frame.select(list(self.content.columns)))
            return self.codebook.encode(Dataset.of(self.rewriting.inner, inner))
        return self.codebook.encode(Dataset.of(self.content, frame))

    def decoded(
        self,
        codes: Codes,
        rows: int,
        rng: Rng,
        timed: tuple[str, pl.Series] | None,
        numbers: Mapping[str, NDArray[np.float64]],
    ) -> pl.DataFrame:
        """Rows in the content's columns.

        `timed` is the column of times, which is no digit; `numbers` are known beyond their digits.
        """
        if self.codebook is None:
            return pl.DataFrame(height=rows)
        frame = self.codebook.decode(codes, rng=rng.child("decode").generator())
        if timed is not None:
            frame = frame.with_columns(timed[1].alias(timed[0]))
        frame = frame.with_columns(
            pl.Series(name, values).fill_nan(None).cast(frame[name].dtype)
            for name, values in numbers.items()
        )
        if self.rewriting is not None:
            frame = self.rewriting.decode(frame, rng.child("rules"))
        return frame

    @property
    def encoders(self) -> dict[str, Any]:
        """How each column is told as digits."""
        found = self.codebook.encoders if self.codebook is not None else ()
        return {encoder.columns[0]: encoder for encoder in found}

    def numbers(
        self, frame: pl.DataFrame, place: Mapping[int, int], apart: Collection[str]
    ) -> dict[str, Number]:
        """Columns of numbers that do not stand `apart`, by the `place` of each digit."""
        inner, found = self.inner(frame), {}
        for name, encoder in self.encoders.items():
            places = self.places(name)
            if name in apart or name[:1] in "#~" or not all(p in place for p in places):
                continue
            if isinstance(encoder, NumericEncoder) and places and encoder.plain:
                values = inner[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
                mine = tuple(place[p] for p in places)
                found[name] = Number(values, encoder.decimals, mine)
        return found

    def inner(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame in the content's columns as the codebook sees it."""
        if self.rewriting is None:
            return frame
        return self.rewriting.encode(frame.select(list(self.content.columns)))

    def places(self, column: str) -> list[int]:
        """The digits of a column."""
        return self.codebook.places({column}) if self.codebook is not None else []

    @property
    def alone(self) -> set[int]:
        """Digits that are all there is of their column."""
        found, start = set(), 0
        for encoder in self.codebook.encoders if self.codebook is not None else ():
            if len(encoder.digits) == 1:
                found.add(start)
            start += len(encoder.digits)
        return found

    @property
    def firsts(self) -> list[int]:
        """The leading digit of each column."""
        found, start = [], 0
        for encoder in self.codebook.encoders if self.codebook is not None else ():
            if encoder.digits:
                found.append(start)
            start += len(encoder.digits)
        return found


def with_digits(
    content: Schema, frame: pl.DataFrame, digits: tuple[Digit, ...], codes: Codes
) -> Dataset:
    """Rows with digits as columns of labels beside them, for models that learn frames."""
    names = [digit_column(k, digit) for k, digit in enumerate(digits)]
    labels = {name: Categorical(storage="UInt8", public=True) for name in names}
    lines = [pl.Series(name, codes[k], dtype=pl.UInt8) for k, name in enumerate(names)]
    table = content.table.model_copy(update={"columns": {**content.columns, **labels}})
    schema = content.model_copy(update={"tables": {content.name: table}})
    return Dataset.of(schema, frame.select(list(content.columns)).with_columns(lines))


def digits_of(frame: pl.DataFrame, digits: tuple[Digit, ...]) -> Codes:
    """The digits again."""
    lines = [
        np.minimum(frame[digit_column(k, digit)].to_numpy(), digit.size - 1)
        for k, digit in enumerate(digits)
    ]
    empty = np.zeros((0, frame.height), dtype=np.uint8)
    return np.vstack([empty, *(line.astype(np.uint8)[None] for line in lines)])


def digit_column(number: int, digit: Digit) -> str:
    """The name of a digit as a column."""
    return f"@{number} {digit.name}"


def _narrow(name: str, outer: Table, columns: Mapping[str, Column]) -> Schema:
    """The table with these columns, and the constraints that speak of no other.

    What is unique is seen to once tables are drawn.
    """
    keys = {n: c for n, c in columns.items() if isinstance(c, Identifier)}
    table = Table(
        columns=dict(columns),
        primary_key=tuple(k for k in outer.primary_key if k in keys),
        constraints=tuple(
            rule
            for rule in outer.constraints
            if set(rule.about) <= set(columns) and not isinstance(rule, Unique)
        ),
    )
    return Schema(tables={name: table})


def _told(name: str, column: Column, frame: pl.DataFrame, above: Sequence[Relationship]) -> Column:
    """The column, nullable where a cell is missing; the schema names what it says of references."""
    if column.nullable and not frame[name].null_count():
        column = column.model_copy(update={"nullable": False})
    named = [tie.when[name] for tie in above if name in tie.when]
    if named and isinstance(column, Categorical):
        values = tuple(dict.fromkeys((*(column.values or ()), *named)))
        column = column.model_copy(update={"values": values})
    return column


def _rewriting(data: Dataset, bond: Bond, protect: int) -> Rewriting:
    """The constraints of children as rules, none of which takes the time away."""
    rules = rules_of(data, protect=protect)
    made = Rewriting.of(rules, data.schema)
    clock = None if bond.clock is None else bond.clock.name
    if clock is None or clock in made.inner.columns:
        return made
    kept = tuple(rule for rule in rules if clock not in rule.constraint.about)
    return Rewriting.of(kept, data.schema)
