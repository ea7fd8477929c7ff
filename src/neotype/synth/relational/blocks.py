"""Rows on end as blocks that follow each other: days of hours, months of days, windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.encode.encoder import State
from neotype.schema.schema import Column, Datetime, Numeric
from neotype.synth.relational.clock import Clock, Ticks

Positions = NDArray[np.int64]
LONG = 2000
"""Rows of an owner from which on they fall into blocks."""
_LEAST, _MOST = 4, 200
"""Rows of a block."""
_MICRO = 86_400_000_000
_MONDAY = 3
_UNITS = ("hour", "day", "week", "month", "year")


@dataclass(frozen=True)
class Found:
    """The number of the block of each row, and of each block its first tick and its time."""

    block: Positions
    begin: Ticks
    at: pl.Series


@dataclass(frozen=True)
class Blocks:
    """How rows fall into blocks: by a unit of the calendar, by so many `rows`, or by their date."""

    clock: Clock
    unit: str
    rows: int
    dated: Clock | None
    low: int
    high: int
    """The range of ticks within a block."""

    @classmethod
    def learn(
        cls, clock: Clock, ticks: Ticks, owner: Positions, dated: Clock | None, *, single: bool
    ) -> Self | None:
        """None where owners have few rows each."""
        longest = int(np.bincount(owner).max(initial=0))
        if not single and longest <= LONG:
            return None
        if dated is not None:
            whole = cls(clock, "date", 0, dated, 0, 0)
            return whole if clock.per_day else whole._ranged(ticks)
        if clock.per_day:
            for unit in _UNITS:
                if unit == "hour" and clock.per_day <= 24:
                    continue
                one = cls(clock, unit, 0, None, 0, 0)
                found = one.of(owner, ticks, None)
                mean = len(ticks) / max(len(found.begin), 1)
                if _LEAST <= mean <= _MOST:
                    return one
        rows = int(np.clip(round(np.sqrt(longest)), _LEAST, _MOST))
        return cls(clock, "rows", rows, None, 0, 0)

    def _ranged(self, ticks: Ticks) -> Self:
        low, high = int(ticks.min(initial=0)), int(ticks.max(initial=0))
        return type(self)(self.clock, self.unit, self.rows, self.dated, low, high)

    @property
    def column(self) -> Column:
        """What the time of a block is."""
        if self._axis is None:
            return Numeric(subtype="integer", decimals=0, storage="Int64")
        if self.unit in ("day", "week", "month", "year") or self._axis.per_day == 1:
            return Datetime(storage="Date", part="date", resolution="day")
        return Datetime(storage="Datetime[us]", resolution="microsecond")

    @property
    def _axis(self) -> Clock | None:
        """The clock of the calendar, if there is one."""
        clock = self.clock if self.dated is None else self.dated
        return clock if clock.per_day else None

    def of(self, owner: Positions, ticks: Ticks, dates: Ticks | None) -> Found:
        """The blocks of rows, in the order of owners and time."""
        match self.unit:
            case "date":
                assert dates is not None
                stamp = dates
            case "rows":
                stamp = self._windows(owner, ticks)
            case _:
                stamp = self._floor(ticks)
        _, first, block = np.unique(
            np.stack([owner, stamp]), axis=1, return_index=True, return_inverse=True
        )
        at = self._at(stamp[first])
        return Found(block.ravel().astype(np.int64), self.begin(at), at)

    def _windows(self, owner: Positions, ticks: Ticks) -> Ticks:
        """The tick of the first row of each row's window."""
        order = np.lexsort((ticks, owner))
        mine = owner[order]
        rows = np.arange(len(mine))
        begin = np.append(True, mine[1:] != mine[:-1])[: len(mine)]
        place = rows - np.maximum.accumulate(np.where(begin, rows, 0))
        first = ticks[order][rows - place % self.rows]
        stamp = np.empty_like(ticks)
        stamp[order] = first
        return stamp

    def _floor(self, ticks: Ticks) -> Ticks:
        """The first tick of the unit in which a tick lies."""
        per_day = self.clock.per_day
        if self.unit == "hour":
            per_hour = per_day // 24
            return np.asarray(ticks // per_hour * per_hour)
        day = ticks // per_day
        if self.unit == "week":
            day = day - (day + _MONDAY) % 7
        elif self.unit != "day":
            unit = "M" if self.unit == "month" else "Y"
            days = day.astype("datetime64[D]").astype(f"datetime64[{unit}]")
            day = days.astype("datetime64[D]").astype(np.int64)
        return np.asarray(day * per_day)

    def _at(self, stamp: Ticks) -> pl.Series:
        """Ticks as the time of a block."""
        axis = self._axis
        if axis is None:
            return pl.Series(stamp)
        if self.column.storage == "Date":
            return pl.Series(stamp // axis.per_day).cast(pl.Int32).cast(pl.Date)
        if axis.per_day <= _MICRO:
            micro = stamp * (_MICRO // axis.per_day)
        else:
            micro = stamp // (axis.per_day // _MICRO)
        return pl.Series(micro).cast(pl.Datetime("us"))

    def _stamp(self, at: pl.Series, per_day: int) -> Ticks:
        """The inverse, on an axis of so many ticks a day."""
        whole = at.to_physical().cast(pl.Int64).to_numpy()
        if at.dtype == pl.Date:
            return whole * per_day
        if per_day <= _MICRO:
            return np.asarray(whole // (_MICRO // per_day))
        return whole * (per_day // _MICRO)

    def begin(self, at: pl.Series) -> Ticks:
        """The tick from which rows of a block are counted."""
        if self._axis is None or (self.dated is not None and not self.clock.per_day):
            return (
                at.to_numpy().astype(np.int64)
                if self.dated is None
                else np.zeros(len(at), dtype=np.int64)
            )
        return self._stamp(at, self.clock.per_day)

    def names(self, at: pl.Series) -> pl.Series:
        """The dates again, of owners that are dates."""
        assert self.dated is not None
        if not self.dated.per_day:
            return self.dated.cells(at.to_numpy().astype(np.int64))
        return self.dated.cells(self._stamp(at, self.dated.per_day))

    def room(self, begin: Ticks) -> tuple[int, Any]:
        """The first and last tick of each block, counted from its beginning."""
        if self.unit == "rows":
            return 0, None
        if self.unit == "date":
            if not self.clock.per_day:
                return self.low, self.high
            return np.iinfo(np.int64).min // 4, None
        per_day = self.clock.per_day
        if self.unit in ("hour", "day", "week"):
            ticks = {"hour": per_day // 24, "day": per_day, "week": 7 * per_day}[self.unit]
            return 0, ticks - 1
        step = "M" if self.unit == "month" else "Y"
        units = (begin // per_day).astype("datetime64[D]").astype(f"datetime64[{step}]")
        after = (units + 1).astype("datetime64[D]").astype(np.int64) * per_day
        return 0, after - begin - 1

    @property
    def words(self) -> str:
        """What a block is."""
        return {"date": "one a date", "rows": f"{self.rows} rows each"}.get(
            self.unit, f"one a {self.unit}"
        )

    def state(self) -> State:
        """At rest."""
        facts = {name: getattr(self, name) for name in ("unit", "rows", "low", "high")}
        return State.nest(facts, {} if self.dated is None else {"dated": self.dated.state()})

    @classmethod
    def restore(cls, state: State, clock: Clock, entity: Any) -> Self:
        """The inverse of `state`; `entity` is the column of owners that are dates."""
        dated = Clock.restore(state.within("dated"), entity) if "dated" in state.facts else None
        unit, rows, low, high = (state.fact(name) for name in ("unit", "rows", "low", "high"))
        return cls(clock, unit, rows, dated, low, high)
