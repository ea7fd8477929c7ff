"""A data set as digits, and back: one encoder a column, in the order of the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator

from neotype.data import Dataset, Known
from neotype.encode.discrete import LabelEncoder, leading_order
from neotype.encode.encoder import (
    ALL,
    FINE,
    Codes,
    Digit,
    Encoder,
    Lead,
    Masks,
    Protection,
    State,
    only,
)
from neotype.encode.identifier import IdentifierEncoder
from neotype.encode.personal import PersonalEncoder, written
from neotype.encode.standin import stood_in
from neotype.errors import DataError, FitError, SamplingError
from neotype.schema.condition import Condition, Where
from neotype.schema.schema import Categorical, Schema
from neotype.schema.storage import storage_dtype

ENCODERS: Mapping[str, str] = {
    "numeric": "neotype.encode.numeric:NumericEncoder",
    "categorical": "neotype.encode.discrete:LabelEncoder",
    "ordinal": "neotype.encode.discrete:LabelEncoder",
    "boolean": "neotype.encode.discrete:LabelEncoder",
    "constant": "neotype.encode.discrete:LabelEncoder",
    "datetime": "neotype.encode.datetime:DatetimeEncoder",
    "duration": "neotype.encode.duration:DurationEncoder",
    "identifier": "neotype.encode.identifier:IdentifierEncoder",
    "text": "neotype.encode.text:TextEncoder",
    "geo": "neotype.encode.geo:GeoEncoder",
    "json": "neotype.encode.structure:StructureEncoder",
    "personal": "neotype.encode.personal:PersonalEncoder",
}

_COARSENED = frozenset(
    ("numeric", "categorical", "ordinal", "boolean", "constant", "datetime", "duration")
)
"""Kinds whose first digit may be coarser than there are rows for."""
_PROFILED_ROWS = 100_000
_PROFILED_DIGITS = 24
_PROFILED_SYMBOLS = 16


@dataclass(frozen=True)
class Codebook:
    """The encoders of a table; a column of a pair that is encoded with its partner has none."""

    schema: Schema
    encoders: tuple[Encoder, ...]
    hollow: frozenset[str] = frozenset()
    """Columns without a missing cell of which nothing may be told: something stands in them."""

    @classmethod
    def learn(cls, data: Dataset, *, protect: int = 5, lead: Lead = FINE) -> Self:
        """Learn every column; FitError names all columns that cannot be learnt.

        Where `lead` is coarse, labels are grouped by how many rows have them, not by behaviour.
        """
        if data.rows == 0:
            raise FitError("the table has no rows.", mend="give at least one row to learn from")
        encoders: list[Encoder] = []
        covered: set[str] = set()
        findings = []
        for name, column in data.schema.columns.items():
            if name in covered:
                continue
            coarse: dict[str, Any] = {"lead": lead} if column.kind in _COARSENED else {}
            try:
                encoder = encoder_class(column.kind).learn(
                    name, column, data.frame, protect=protect, **coarse
                )
            except (FitError, pl.exceptions.PolarsError) as cause:
                findings.append(f"column '{name}' ({column.kind}): {cause}")
                continue
            encoders.append(encoder)
            covered |= set(encoder.columns)
        if findings:
            raise FitError(
                "these columns cannot be learnt.",
                findings,
                mend="correct their kinds in the schema, or leave them out",
            )
        hollow = {name for one in encoders for name in _hollow(one, data)}
        book = cls(data.schema, tuple(encoders), frozenset(hollow))
        return book._arranged(data) if lead == FINE else book

    def _arranged(self, data: Dataset) -> Self:
        """Labels of alike behaviour get neighbouring codes."""
        chosen = [
            i
            for i, encoder in enumerate(self.encoders)
            if isinstance(encoder, LabelEncoder)
            and isinstance(encoder.column, Categorical)
            and len(encoder.labels) > 4
        ]
        if not chosen or len(self.digits) < 2:
            return self
        step = max(1, data.rows // _PROFILED_ROWS)
        frame = data.frame.gather_every(step)
        first = [self._first(encoder, frame) for encoder in self.encoders]
        encoders = list(self.encoders)
        for i in chosen:
            encoder = encoders[i]
            assert isinstance(encoder, LabelEncoder)
            others = [c for j, c in enumerate(first) if j != i and c is not None]
            if not others:
                continue
            index = encoder.positions(frame)
            known = index >= 0
            context = np.stack(others[:_PROFILED_DIGITS])[:, known]
            order = leading_order(index[known], len(encoder.labels), context)
            encoders[i] = encoder.arranged(order)
        return replace(self, encoders=tuple(encoders))

    @staticmethod
    def _first(encoder: Encoder, frame: pl.DataFrame) -> Any:
        """The first digit, made coarse enough to count against many labels."""
        if not encoder.digits:
            return None
        size = encoder.digits[0].size
        code = encoder.encode(frame)[0]
        if size <= _PROFILED_SYMBOLS:
            return code
        return (code.astype(np.uint16) * _PROFILED_SYMBOLS // size).astype(np.uint8)

    @cached_property
    def digits(self) -> tuple[Digit, ...]:
        """All digits, in the order of the columns."""
        return tuple(digit for encoder in self.encoders for digit in encoder.digits)

    @property
    def leading(self) -> list[int]:
        """The positions of the digits that refine no other: one a column, several of a time."""
        places: list[int] = []
        start = 0
        for encoder in self.encoders:
            timed = self.schema.columns[encoder.columns[0]].kind == "datetime"
            places += [
                start + place
                for place, digit in enumerate(encoder.digits)
                if place == 0 or (timed and not digit.name.endswith(".fine"))
            ]
            start += len(encoder.digits)
        return places

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        return tuple(note for encoder in self.encoders for note in encoder.protections)

    def places(self, columns: set[str]) -> list[int]:
        """The positions of the digits that belong to these columns."""
        places: list[int] = []
        start = 0
        for encoder in self.encoders:
            end = start + len(encoder.digits)
            if columns & set(encoder.columns):
                places += range(start, end)
            start = end
        return places

    def encode(self, data: Dataset) -> Codes:
        """Digits × rows."""
        parts = [encoder.encode(data.frame) for encoder in self.encoders]
        parts = [part for part in parts if len(part)]
        return np.concatenate(parts) if parts else np.zeros((0, data.rows), dtype=np.uint8)

    def allowed(self, known: Known) -> Masks:
        """Which symbols each digit may have: (rows × digits), or 1 × digits for all rows alike.

        DataError lists every value that training never showed and every column of half a pair.
        """
        masks = np.full((1 if known.cells is None else known.cells.height, len(self.digits)), ALL)
        findings: list[str] = []
        start = 0
        for encoder in self.encoders:
            mine = masks[:, start : start + len(encoder.digits)]
            start += len(encoder.digits)
            findings += self._given(encoder, known, mine)
            for condition in known.where:
                if condition.column in encoder.columns:
                    strange = self._strange(encoder, condition)
                    mine &= ALL if strange else _possible(encoder, condition)
                    findings += strange
            for places, conditions in known.some:
                for condition in conditions:
                    if condition.column in encoder.columns:
                        mine[places] &= encoder.allowed(condition)
        if findings:
            raise DataError("these conditions cannot be met.", findings)
        return masks

    @staticmethod
    def _given(encoder: Encoder, known: Known, mine: Masks) -> list[str]:
        """Narrow an encoder's digits to the known cells of each row; what is wrong of those."""
        cells, free = known.cells, known.free
        have = [] if cells is None else [c for c in encoder.columns if c in cells.columns]
        if cells is None or not have:
            return []
        told = np.ones(cells.height, dtype=np.bool_)
        if free is not None:
            told = ~free.select(pl.any_horizontal(have)).to_series().to_numpy()
            _narrow_halves(encoder, cells.select(have), free.select(have), mine)
        if not told.any():
            return []
        if len(have) < len(encoder.columns):
            lacking = set(encoder.columns) - set(have)
            return [f"'{have[0]}' needs its partner '{lacking.pop()}' beside it"]
        part = cells.select(have) if told.all() else cells.select(have).filter(told)
        findings = encoder.unknown(part)
        if not findings:
            mine[told] &= only(encoder.encode(part)).T
        return findings

    def _strange(self, encoder: Encoder, condition: Condition) -> list[str]:
        """The values that a condition names and training never showed."""
        if condition.values is None or len(encoder.columns) > 1:
            return []
        dtype = storage_dtype(self.schema.columns[condition.column].storage)
        named = pl.Series(condition.column, list(condition.values), dtype=dtype, strict=False)
        return encoder.unknown(named.to_frame())

    def decode(
        self, codes: Codes, *, rng: Generator, first_row: int = 0, rows: int | None = None
    ) -> pl.DataFrame:
        """The table again; `first_row` is the number of its first row, for identifiers.

        Of its `rows` first rows where that is given: they are the same however many follow, and
        no identifier is issued for the others.
        """
        series: dict[str, pl.Series] = {}
        persons: list[tuple[PersonalEncoder, Codes]] = []
        start = 0
        for encoder in self.encoders:
            end = start + len(encoder.digits)
            mine = codes[start:end]
            start = end
            if isinstance(encoder, PersonalEncoder):
                persons.append((encoder, mine[:, :rows]))
                continue
            if isinstance(encoder, IdentifierEncoder):
                mine = mine[:, :rows]
            made = encoder.decode(mine, rng=rng, first_row=first_row)
            series |= {one.name: one.head(rows or len(one)) for one in made}
        series |= written(persons, series, rng=rng, first_row=first_row, entity=self._entity)
        for name in self.hollow:
            series[name] = stood_in(series[name], self.schema.columns[name])
        return pl.DataFrame({name: series[name] for name in self.schema.columns})

    def settled(
        self, frame: pl.DataFrame, codes: Codes, where: Where, rng: Generator
    ) -> pl.DataFrame:
        """`frame`, decoded from `codes`, with the very values that conditions name.

        A cell of the right symbol is decoded as some value of that symbol; where conditions name
        certain values, it becomes one of those that the symbol stands for.
        """
        for one in where:
            wrong = (~one.holds(frame[one.column])).arg_true().to_numpy()
            named = [value for value in one.values or () if value is not None]
            encoder = next(e for e in self.encoders if one.column in e.columns)
            if not len(wrong) or not named or len(encoder.columns) > 1:
                continue
            told = pl.Series(one.column, named, dtype=frame[one.column].dtype, strict=False)
            mine = codes[self.places({one.column})][:, wrong]
            same = (mine[:, :, None] == encoder.encode(told.to_frame())[:, None, :]).all(axis=0)
            place = (same * rng.random(same.shape)).argmax(axis=1)
            found = same.any(axis=1)
            cells = frame[one.column].scatter(wrong[found], told.gather(place[found]))
            frame = frame.with_columns(cells)
        return frame

    def issue(self, frame: pl.DataFrame, *, rng: Generator, first_row: int) -> pl.DataFrame:
        """`frame` with those columns made anew that belong to the number of the row.

        For rows that were chosen among many: decoded with others, they have the others' numbers.
        Missing cells stay missing.
        """
        persons: list[tuple[PersonalEncoder, Codes]] = []
        for encoder in self.encoders:
            if isinstance(encoder, PersonalEncoder):
                persons.append((encoder, encoder.encode(frame)))
            elif isinstance(encoder, IdentifierEncoder):
                made = encoder.decode(encoder.encode(frame), rng=rng, first_row=first_row)
                frame = frame.with_columns(made)
        alone = {encoder.name for encoder, _ in persons}
        others = {name: frame[name] for name in frame.columns if name not in alone}
        written_ = written(persons, others, rng=rng, first_row=first_row, entity=self._entity)
        return frame.with_columns(written_.values()) if written_ else frame

    @property
    def _entity(self) -> IdentifierEncoder | None:
        """What numbers the entity that rows belong to, where the schema names one."""
        name = self.schema.table.entity
        found = (e for e in self.encoders if isinstance(e, IdentifierEncoder) and e.name == name)
        return next(found, None)

    def describe(self) -> list[str]:
        """In words: what is held of each column."""
        return [encoder.describe() for encoder in self.encoders]

    def state(self) -> State:
        """At rest."""
        parts = {str(i): encoder.state() for i, encoder in enumerate(self.encoders)}
        columns = [encoder.columns[0] for encoder in self.encoders]
        return State.nest({"columns": columns, "hollow": sorted(self.hollow)}, parts)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> Self:
        """The inverse of `state`."""
        encoders = []
        for i, name in enumerate(state.fact("columns")):
            column = schema.table.column(name, asked_by="the model file")
            encoders.append(encoder_class(column.kind).restore(state.within(str(i)), column))
        return cls(schema, tuple(encoders), frozenset(state.fact("hollow")))


def _hollow(encoder: Encoder, data: Dataset) -> tuple[str, ...]:
    """The columns of an encoder that keeps nothing, where no cell may be missing and none is."""
    keeps = encoder.labels if isinstance(encoder, LabelEncoder) else encoder.digits
    if keeps or isinstance(encoder, PersonalEncoder | IdentifierEncoder):
        return ()
    return tuple(
        name
        for name in encoder.columns
        if not data.schema.columns[name].nullable and not data.frame[name].null_count()
    )


def _narrow_halves(encoder: Encoder, cells: pl.DataFrame, free: pl.DataFrame, mine: Masks) -> None:
    """Narrow the digits of a pair to the half that is known where the other is not."""
    for name in cells.columns if cells.width > 1 else ():
        rows = (~free[name] & free.select(pl.any_horizontal(pl.all())).to_series()).arg_true()
        known = cells.select(name).with_row_index("#row")[rows]
        for (value,), group in known.group_by(name, maintain_order=True):
            masks = encoder.allowed(Condition(name, values=(value,)))
            if masks.all():
                mine[group["#row"].to_numpy()] &= masks


def _possible(encoder: Encoder, condition: Condition) -> Masks:
    """The symbols that meet a condition. SamplingError where no row that can be made meets it."""
    masks = encoder.allowed(condition)
    if (masks == 0).any():
        raise SamplingError(
            f"no row can meet the condition on '{condition.column}': training had none that does, "
            "or too few to be told.",
            found=f"it learnt {encoder.describe()}",
            mend="ask for what occurs in the data",
        )
    return masks


def encoder_class(kind: str) -> Any:
    """The encoder of a kind of column."""
    module, _, name = ENCODERS[kind].partition(":")
    return getattr(import_module(module), name)
