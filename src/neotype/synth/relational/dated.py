"""Further times of a row, told as how long before or after the time that orders it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.encode.calendar import DAY, resolution
from neotype.encode.datetime import in_storage, wall_clock
from neotype.schema.schema import Column, Datetime, Numeric, Table
from neotype.synth.relational.clock import Clock, Ticks

_NEARER = 0.5
"""Spread of the distance, as a share of that of the time itself, up to which it is told so."""
_BROKEN = 0.05
"""Share of pairs put together by chance that break an order, from which on the order tells."""


@dataclass(frozen=True)
class Dated:
    """Columns that are told by their distance, and of how many microseconds a step of it is."""

    steps: Mapping[str, int]

    @classmethod
    def learn(cls, clock: Clock | None, child: pl.DataFrame, columns: Mapping[str, Column]) -> Self:
        """Those that lie nearer to the time of their row than to each other, or on one side."""
        if clock is None or not isinstance(clock.column, Datetime):
            return cls({})
        base, _ = _micros(clock.name, clock.column, child[clock.name])
        found = {}
        for name, column in columns.items():
            if not isinstance(column, Datetime) or name == clock.name or column.part == "time":
                continue
            own, known = _micros(name, column, child[name])
            apart = (own - base)[known]
            if known.sum() > 1 and tells(own[known], base[known]):
                found[name] = resolution(apart, 10**6, 1)[0]
        return cls(found)

    def columns(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """How they are learnt."""
        return {
            name: Numeric(
                subtype="integer", decimals=0, storage="Int64", nullable=columns[name].nullable
            )
            for name in self.steps
        }

    def encode(
        self, clock: Clock | None, child: pl.DataFrame, columns: Mapping[str, Column]
    ) -> pl.DataFrame:
        """The frame with distances in the place of times."""
        if clock is None or not self.steps:
            return child
        base, _ = _micros(clock.name, clock.column, child[clock.name])
        lines = []
        for name, step in self.steps.items():
            own, known = _micros(name, columns[name], child[name])
            lines.append(pl.Series(name, (own - base) // step).set(pl.Series(~known), None))
        return child.with_columns(lines)

    def decode(
        self, clock: Clock | None, child: pl.DataFrame, columns: Mapping[str, Column]
    ) -> pl.DataFrame:
        """The inverse, once rows have the clock's times."""
        if clock is None or not self.steps:
            return child
        base, _ = _micros(clock.name, clock.column, child[clock.name])
        lines = []
        for name, step in self.steps.items():
            column = columns[name]
            assert isinstance(column, Datetime)
            micros = base + child[name].fill_null(0).to_numpy().astype(np.int64) * step
            per_second = _per_second(name, column)
            ticks = micros // (DAY * 10**6) if per_second == 0 else _scaled(micros, per_second)
            cells = in_storage(ticks, column)
            lines.append(cells.set(child[name].is_null(), None).alias(name))
        return child.with_columns(lines)


def tells(own: Ticks, base: Ticks) -> bool:
    """Whether times are better told by their distance from others of the same row.

    They are where the distance varies less, or where all are on one side of those others, which
    times put together by chance would not be.
    """
    apart = own - base
    spread = np.subtract(*np.percentile(apart, [75, 25]))
    if spread < _NEARER * np.subtract(*np.percentile(own, [75, 25])):
        return True
    other = own - np.roll(base, max(len(base) // 2, 1))
    if bool((apart >= 0).all()):
        return bool((other < 0).mean() >= _BROKEN)
    return bool((apart <= 0).all() and (other > 0).mean() >= _BROKEN)


def ticks_of(
    clock: Clock, name: str, column: Datetime, cells: pl.Series
) -> tuple[Ticks, NDArray[np.bool_]]:
    """Times of another column as ticks of a clock, and which are known."""
    assert isinstance(clock.column, Datetime)
    micros, known = _micros(name, column, cells)
    per_second = _per_second(clock.name, clock.column)
    ticks = micros // (DAY * 10**6) if per_second == 0 else _scaled(micros, per_second)
    return ticks // clock.unit, known


def _micros(name: str, column: object, cells: pl.Series) -> tuple[Ticks, NDArray[np.bool_]]:
    """Microseconds of each cell, and which are known."""
    assert isinstance(column, Datetime)
    ticks, known, per_second = wall_clock(name, column, cells)
    if per_second == 0:
        return ticks * (DAY * 10**6), known
    whole, rest = np.divmod(ticks, per_second)
    return whole * 10**6 + rest * 10**6 // per_second, known


def _scaled(micros: Ticks, per_second: int) -> Ticks:
    whole, rest = np.divmod(micros, 10**6)
    ticks: Ticks = whole * per_second + rest * per_second // 10**6
    return ticks


def _per_second(name: str, column: Datetime) -> int:
    """Ticks of a second in the storage of a column; 0 of dates."""
    return wall_clock(name, column, in_storage(np.zeros(1, dtype=np.int64), column))[2]


def origin_of(
    clock: Clock,
    table: Table,
    parent: pl.DataFrame,
    owner: NDArray[np.int64],
    ticks: Ticks,
) -> str | None:
    """The owner's time from which the first child's is best counted, if there is one."""
    if not isinstance(clock.column, Datetime):
        return None
    first = np.full(parent.height, np.iinfo(np.int64).max)
    np.minimum.at(first, owner, ticks)
    has = np.bincount(owner, minlength=parent.height) > 0
    best, least = None, np.inf
    for name, column in table.columns.items():
        if not isinstance(column, Datetime) or column.part == "time":
            continue
        told, known = ticks_of(clock, name, column, parent[name])
        if not known[has].all() or not tells(first[has], told[has]):
            continue
        spread = float(np.subtract(*np.percentile(first[has] - told[has], [75, 25])))
        if spread < least:
            best, least = name, spread
    return best


def until_of(
    clock: Clock, table: Table, parent: pl.DataFrame, owner: NDArray[np.int64], ticks: Ticks
) -> str | None:
    """The owner's number that no row is later than and that tells when its last one is: of a clock
    that is a number, the end of what was observed."""
    if not isinstance(clock.column, Numeric):
        return None
    has = np.bincount(owner, minlength=parent.height) > 0
    last = np.full(parent.height, np.iinfo(np.int64).min)
    np.maximum.at(last, owner, ticks)
    best, least = None, np.inf
    for name, column in table.columns.items():
        cells = parent[name]
        if not isinstance(column, Numeric):
            continue
        if cells.null_count() or (cells.dtype.is_float() and not cells.is_finite().all()):
            continue
        told = clock.ticks(cells)
        left = (told - last)[has]
        if not len(left) or left.min() < 0 or not tells(last[has], told[has]):
            continue
        spread = float(np.subtract(*np.percentile(left, [75, 25])))
        if spread < least:
            best, least = name, spread
    return best
