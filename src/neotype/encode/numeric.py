"""Quantities: whole numbers, decimals and floats, with their own precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

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
from neotype.encode.scale import Axis, Scale
from neotype.errors import FitError
from neotype.schema.condition import Condition
from neotype.schema.schema import Numeric
from neotype.schema.storage import storage_dtype

_EXACT = 2.0**53
_FINEST = 19
"""Decimals of a number whose 64-bit multiples fit 38 digits."""
_SPECIAL = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


@dataclass(frozen=True)
class NumericEncoder:
    """A quantity on a `Scale`; what is not a number on it (NaN, ±inf, missing) is a symbol.

    Whole numbers and numbers of few decimals lie on a grid, so that a decoded value never has
    more decimals than the column.
    """

    name: str
    column: Numeric
    scale: Scale | None
    special: tuple[str, ...]
    missing: bool
    unit: int
    """Steps of the grid per 1 (10 ** decimals), or 0 for a float axis."""
    stride: int
    """Every grid value is `offset` plus a multiple of it."""
    offset: int
    hidden: int = 0
    """How many training cells are too few to keep anything of."""

    @classmethod
    def learn(
        cls, name: str, column: Numeric, frame: pl.DataFrame, *, protect: int, lead: Lead = FINE
    ) -> Self:
        """Learn the cells of a quantity."""
        series = frame[name]
        values, special, unit = _on_grid(name, column, series)
        kinds = tuple(s for s in _SPECIAL if (special == s).any()) if special is not None else ()
        missing = column.nullable or series.null_count() > 0
        known = values[_known(series, special)]
        protect = 1 if column.public else protect
        stride, offset = _lattice(known, protect) if unit else (1, 0)
        if unit and stride > 1:
            known = _steps(known, stride, offset)
        room = lead.symbols - len(kinds) - missing
        scale = Scale.learn(known, protect=protect, symbols=room, least=lead.least)
        hidden = len(known) if scale is None else 0
        return cls(name, column, scale, kinds, missing, unit, stride, offset, hidden)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The cell's group, and the cell within it where there are many."""
        extra = len(self.special) + self.missing
        if self.scale is None:
            return (Digit(self.name, extra, ordered=True),) if extra > 1 else ()
        digits = self.scale.digits(self.name, extra)
        return digits if len(digits) > 1 or digits[0].size > 1 else ()

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Extremes that were clipped, or all values where they are few."""
        if self.hidden:
            return (too_few(self.name, self.hidden),)
        if self.scale is None or not self.scale.clipped:
            return ()
        note = "the outermost values are drawn no further out than where several rows lie"
        return (Protection(self.name, "extremes", self.scale.clipped, note),)

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""
        series = frame[self.name]
        codes = np.zeros((len(self.digits), len(series)), dtype=np.uint8)
        if not len(codes):
            return codes
        values, special, _ = _on_grid(self.name, self.column, series, self.unit)
        groups = 0
        if self.scale is not None:
            if self.unit and self.stride > 1:
                values = _steps(values, self.stride, self.offset)
            codes[: len(self.digits)] = self.scale.encode(values)[: len(self.digits)]
            groups = self.scale.groups
        unknown = ~_known(series, special)
        codes[:, unknown] = 0
        for symbol, kind in enumerate(self.special):
            if special is not None:
                codes[0, special == kind] = groups + symbol
        if self.missing:
            codes[0, series.is_null().to_numpy()] = groups + len(self.special)
        return codes

    def allowed(self, condition: Condition) -> Masks:
        """The symbols of cells with a value that meets it."""
        masks = np.zeros(max(len(self.digits), 1), dtype=np.uint64)
        dtype = storage_dtype(self.column.storage)
        if self.scale is not None:
            for low, high in condition.spans():
                ends = pl.Series([low, high], dtype=dtype)
                axis, special, _ = _on_grid(self.name, self.column, ends, self.unit)
                known = _known(ends, special)
                if self.unit and self.stride > 1:
                    axis = _steps(axis + np.array([self.stride - 1, 0]), self.stride, self.offset)
                masks |= self.scale.allowed(*(axis[i] if known[i] else None for i in (0, 1)))[
                    : len(masks)
                ]
        groups = 0 if self.scale is None else self.scale.groups
        kinds = [_SPECIAL[kind] for kind in self.special]
        for symbol, kind in enumerate(kinds):
            if condition.holds(pl.Series([kind], dtype=dtype)).item():
                masks |= only(np.array([groups + symbol, 0])[: len(masks)])
        if self.missing and condition.holds(pl.Series([None], dtype=dtype)).item():
            masks |= only(np.array([groups + len(kinds), 0])[: len(masks)])
        return masks[: len(self.digits)]

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The quantity again, in its storage dtype."""
        rows = codes.shape[1]
        dtype = storage_dtype(self.column.storage)
        if self.scale is None:
            return [self._without_scale(codes, rows, dtype)]
        full = codes if len(self.digits) else np.zeros((1, rows), dtype=np.uint8)
        values: Any = self.scale.decode(full, rng)
        if self.unit:
            values = values * self.stride + self.offset
        series = self._in_storage(values, dtype)
        groups = self.scale.groups
        for symbol, kind in enumerate(self.special):
            here = pl.Series(full[0] == groups + symbol)
            series = series.zip_with(~here, pl.Series([_SPECIAL[kind]]).cast(dtype))
        if self.missing:
            here = pl.Series(full[0] >= groups + len(self.special))
            series = series.zip_with(~here, pl.Series([None], dtype=dtype))
        return [series.alias(self.name)]

    @property
    def plain(self) -> bool:
        """Whether its cells are numbers or missing, and nothing special."""
        return self.scale is not None and not self.special

    @property
    def decimals(self) -> int | None:
        """How many decimals its numbers have, where that is known."""
        return round(math.log10(self.unit)) if self.unit else None

    def numbers(self, codes: Codes, rng: Generator) -> NDArray[np.float64]:
        """As `decode`, of cells none of which is missing or special, as plain numbers."""
        if self.scale is None:
            return np.zeros(codes.shape[1])
        full = codes if len(self.digits) else np.zeros((1, codes.shape[1]), dtype=np.uint8)
        values: Any = self.scale.decode(full, rng)
        if self.unit:
            values = (values * self.stride + self.offset) / self.unit
        return np.asarray(values, dtype=np.float64)

    def digits_of(self, numbers: NDArray[np.float64]) -> Codes:
        """As `encode`, of plain numbers."""
        codes = np.zeros((len(self.digits), len(numbers)), dtype=np.uint8)
        if self.scale is None or not len(codes):
            return codes
        unknown = np.isnan(numbers)
        values: Axis = np.where(unknown, 0.0, numbers)
        if self.unit:
            values = np.rint(values * self.unit).astype(np.int64)
            values = _steps(values, self.stride, self.offset) if self.stride > 1 else values
        codes[:] = self.scale.encode(values)[: len(codes)]
        codes[:, unknown] = 0
        codes[0, unknown] = self.scale.groups + len(self.special)
        return codes

    def _without_scale(self, codes: Codes, rows: int, dtype: pl.DataType) -> pl.Series:
        kinds = [_SPECIAL[kind] for kind in self.special] + [None] * self.missing
        symbols = codes[0] if len(codes) else np.zeros(rows, dtype=np.uint8)
        table = pl.Series(self.name, kinds or [None], dtype=pl.Float64).cast(dtype)
        return table.gather(pl.Series(symbols).cast(pl.UInt32)).alias(self.name)

    def _in_storage(self, values: Axis, dtype: pl.DataType) -> pl.Series:
        if self.unit == 0:
            series = pl.Series(values)
            return series.cast(dtype)
        if dtype.is_integer() and self.column.storage == "UInt64":
            return pl.Series(values.astype(np.int64).view(np.uint64) ^ np.uint64(1 << 63))
        if isinstance(dtype, pl.Decimal) and dtype.scale <= _FINEST:
            # A quotient has as many decimals as what is divided.
            return (pl.Series(values).cast(pl.Decimal(38, dtype.scale)) / self.unit).cast(dtype)
        if self.unit == 1:
            return pl.Series(values).cast(dtype)
        return pl.Series(values / self.unit).cast(dtype)

    def log_within(self, cells: pl.Series) -> NDArray[np.float64]:
        """How probable each cell's very value is, given its digits; 0 where it is no number."""
        if self.scale is None:
            return np.zeros(len(cells))
        values, special, _ = _on_grid(self.name, self.column, cells, self.unit)
        if self.unit and self.stride > 1:
            values = _steps(values, self.stride, self.offset)
        return np.where(_known(cells, special), self.scale.log_within(values), 0.0)

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """Missing or special values that training never showed; any other number has a cell."""
        series = frame[self.name]
        findings = never_missing(series, self.missing)
        _, special, _ = _on_grid(self.name, self.column, series, self.unit)
        findings += [
            f"'{self.name}' has {kind}, which training never showed"
            for kind in _SPECIAL
            if special is not None and kind not in self.special and (special == kind).any()
        ]
        if self.scale is None and len(series) > series.null_count():
            findings.append(f"'{self.name}' has values, and training showed none")
        return findings

    def describe(self) -> str:
        """How many cells and exact values it holds."""
        if self.scale is None:
            return f"'{self.name}': no values"
        cells, atoms = len(self.scale.upper), self.scale.atoms
        return f"'{self.name}': {cells} intervals with their counts, {atoms} values of many rows"

    def state(self) -> State:
        """At rest."""
        names = ("special", "missing", "unit", "stride", "offset", "hidden")
        facts: dict[str, Any] = {"name": self.name, **{n: getattr(self, n) for n in names}}
        if self.scale is None:
            return State(facts, {})
        return State.nest(facts, {"scale": self.scale.state()})

    @classmethod
    def restore(cls, state: State, column: Numeric) -> Self:
        """The inverse of `state`."""
        scale = Scale.restore(state.within("scale")) if "scale" in state.facts else None
        names = ("missing", "unit", "stride", "offset", "hidden")
        rest = [state.fact(name) for name in names]
        return cls(state.fact("name"), column, scale, tuple(state.fact("special")), *rest)


def _known(series: pl.Series, special: NDArray[np.str_] | None) -> NDArray[np.bool_]:
    known = ~series.is_null().to_numpy()
    return known if special is None else known & (special == "")


def _on_grid(
    name: str, column: Numeric, series: pl.Series, unit: int | None = None
) -> tuple[Any, NDArray[np.str_] | None, int]:
    """The values on their axis (missing ones 0), which of them are no numbers, and the grid."""
    dtype = series.dtype
    if dtype == pl.UInt64:
        plain = series.fill_null(1 << 63).to_numpy()
        return (plain ^ np.uint64(1 << 63)).view(np.int64), None, 1
    if dtype.is_integer():
        try:
            return series.cast(pl.Int64).fill_null(0).to_numpy(), None, 1
        except pl.exceptions.InvalidOperationError as cause:
            raise FitError(
                f"column '{name}' has whole numbers beyond 64 bits.",
                mend="make it a categorical or an identifier in the schema, or cast it to float",
            ) from cause
    if isinstance(dtype, pl.Decimal) and unit in (None, 10**dtype.scale):
        scaled = series.to_physical().cast(pl.Int64, strict=False)
        if dtype.scale <= _FINEST and scaled.null_count() == series.null_count():
            return scaled.fill_null(0).to_numpy(), None, 10**dtype.scale
    return _floats_on_grid(column, series.cast(pl.Float64).fill_null(0.0).to_numpy(), unit)


def _floats_on_grid(
    column: Numeric, floats: NDArray[np.float64], unit: int | None
) -> tuple[Any, NDArray[np.str_] | None, int]:
    """Floats of few decimals as whole numbers of their last decimal, others as they are."""
    special = None
    if not np.isfinite(floats).all():
        special = np.select(
            [np.isnan(floats), np.isposinf(floats), np.isneginf(floats)], list(_SPECIAL), ""
        )
        floats = np.where(special == "", floats, 0.0)
    if unit is None:
        decimals = 0 if column.subtype == "integer" else column.decimals
        unit = 0 if decimals is None else 10**decimals
        if np.abs(floats).max(initial=0) * unit >= _EXACT:
            unit = 0
    if not unit:
        return floats, special, 0
    limit = 2.0**62
    return np.rint(np.clip(floats * unit, -limit, limit)).astype(np.int64), special, unit


def _lattice(values: NDArray[np.int64], protect: int) -> tuple[int, int]:
    """The step and start of the coarsest grid on which all values lie, if it is a coarse one.

    Where one rare value stands beside a common one, their distance is a step and tells the rare
    one: either the common values alone have this step, or more than `protect` different ones.
    """
    if len(values) < 100:
        return 1, 0
    start = int(values.min())
    distances = values - start
    if (distances < 0).any():
        return 1, 0
    step = int(np.gcd.reduce(distances))
    if step <= 1:
        return 1, 0
    distinct, counts = np.unique(distances, return_counts=True)
    shared = np.gcd.reduce(np.diff(distinct[counts >= protect]))
    return (step, start % step) if shared == step or len(distinct) > protect else (1, 0)


def _steps(values: NDArray[np.int64], stride: int, offset: int) -> NDArray[np.int64]:
    """(values − offset) // stride, for an offset of less than one step, safe from overflow."""
    return values // stride - (values % stride < offset)
