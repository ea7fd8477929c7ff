"""Lengths of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator

from neotype.encode.calendar import PER_SECOND, resolution
from neotype.encode.encoder import (
    FINE,
    Codes,
    Digit,
    Lead,
    Masks,
    Protection,
    State,
    never_missing,
    only,
    too_few,
)
from neotype.encode.scale import Scale
from neotype.errors import FitError
from neotype.schema.condition import Condition
from neotype.schema.schema import Duration
from neotype.schema.storage import storage_dtype


@dataclass(frozen=True)
class DurationEncoder:
    """A length of time on a `Scale`, in the coarsest of days, hours, minutes … that loses nothing.

    Loss: as `Scale`'s; lengths of fewer than `protect` rows, and of under 1 %, may be cut to that
    unit. A missing cell is a symbol of the first digit.
    """

    name: str
    column: Duration
    scale: Scale | None
    step: int
    missing: bool
    hidden: int = 0
    """How many training cells are too few to keep anything of."""

    @classmethod
    def learn(
        cls, name: str, column: Duration, frame: pl.DataFrame, *, protect: int, lead: Lead = FINE
    ) -> Self:
        """Learn a column of lengths of time. FitError where its storage holds none."""
        series = frame[name]
        _check(name, series.dtype)
        missing = column.nullable or series.null_count() > 0
        values = series.drop_nulls().to_physical().to_numpy()
        protect = 1 if column.public else protect
        step = 1
        if isinstance(series.dtype, pl.Duration):
            step, _ = resolution(values, PER_SECOND[series.dtype.time_unit], protect)
        if values.dtype != np.float64:
            values = values.astype(np.int64) // step
        room = lead.symbols - missing
        scale = Scale.learn(values, protect=protect, symbols=room, least=lead.least)
        return cls(name, column, scale, step, missing, 0 if scale else len(values))

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The cell's group, and the cell within it where there are many."""
        if self.scale is None:
            return ()
        digits = self.scale.digits(self.name, int(self.missing))
        return digits if len(digits) > 1 or digits[0].size > 1 else ()

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Extremes that were clipped, or all lengths where they are few."""
        if self.hidden:
            return (too_few(self.name, self.hidden),)
        if self.scale is None or not self.scale.clipped:
            return ()
        note = "the shortest and longest are drawn no further out than where several rows lie"
        return (Protection(self.name, "extremes", self.scale.clipped, note),)

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""
        digits = self.digits
        if not digits or self.scale is None:
            return np.zeros((0, frame.height), dtype=np.uint8)
        series = frame[self.name]
        values = series.to_physical().fill_null(0).to_numpy()
        codes = self.scale.encode(values if values.dtype == np.float64 else values // self.step)
        codes = codes[: len(digits)].copy()
        if self.missing:
            absent = series.is_null().to_numpy()
            codes[:, absent] = 0
            codes[0, absent] = self.scale.groups
        return codes

    def allowed(self, condition: Condition) -> Masks:
        """The symbols of cells with a length that meets it."""
        masks = np.zeros(max(len(self.digits), 1), dtype=np.uint64)
        if self.scale is None or not self.digits:
            return masks[:0]
        dtype = storage_dtype(self.column.storage)
        for ends in condition.spans():
            known = pl.Series(ends, dtype=dtype).to_physical()
            axis = known if dtype.is_float() else known // self.step
            masks |= self.scale.allowed(*axis)
        if self.missing and condition.holds(pl.Series([None], dtype=dtype)).item():
            masks |= only(np.array([self.scale.groups, 0])[: len(masks)])
        return masks

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The lengths of time again, in their storage dtype."""
        rows = codes.shape[1]
        dtype = storage_dtype(self.column.storage)
        if self.scale is None:
            return [pl.Series(self.name, [None] * rows, dtype=dtype)]
        full = codes if len(codes) else np.zeros((1, rows), dtype=np.uint8)
        series = pl.Series(self.scale.decode(full, rng) * self.step).cast(dtype)
        absent = pl.Series(full[0] >= self.scale.groups)
        series = series.zip_with(~absent, pl.Series([None], dtype=dtype))
        return [series.alias(self.name)]

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """Missing where training had none; any length of time has a cell."""
        return never_missing(frame[self.name], self.missing)

    def describe(self) -> str:
        """How many cells it holds."""
        if self.scale is None:
            return f"'{self.name}': no lengths of time"
        cells, atoms = len(self.scale.upper), self.scale.atoms
        return f"'{self.name}': {cells} intervals of length, {atoms} lengths of many rows"

    def state(self) -> State:
        """At rest."""
        names = ("name", "step", "missing", "hidden")
        facts: dict[str, Any] = {name: getattr(self, name) for name in names}
        return State.nest(facts, {} if self.scale is None else {"scale": self.scale.state()})

    @classmethod
    def restore(cls, state: State, column: Duration) -> Self:
        """The inverse of `state`."""
        scale = Scale.restore(state.within("scale")) if "scale" in state.facts else None
        rest = (state.fact(name) for name in ("step", "missing", "hidden"))
        return cls(state.fact("name"), column, scale, *rest)


def _check(name: str, dtype: pl.DataType) -> None:
    if not (dtype == pl.Duration or dtype.is_integer() or dtype.is_float()):
        raise FitError(
            f"column '{name}' of {dtype} holds no lengths of time.",
            mend="make it text or categorical in the schema, or cast it to a duration",
        )
