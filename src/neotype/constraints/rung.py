"""A column as how far it lies above another: one rung of a ladder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from neotype.constraints.axis import FAR, Axis, over, plus, times
from neotype.schema.condition import Condition
from neotype.schema.schema import Datetime, Numeric

DAY = 86_400 * 10**9
WEEK = 7 * DAY
_MONDAY = 3
"""1970-01-01 was a Thursday: three days after a Monday."""
_MOST_GAP = 2**64 - 1
_SPECIAL_SHARE, _MOST_SPECIAL = 0.01, 32
_NEIGHBOURS, _STANDS_OUT = 9, 4
_RHYTHM_ROWS, _TELLING = 100, 0.02


@dataclass(frozen=True)
class Rung:
    """A column told by how many of its steps it lies beyond the first place that is allowed.

    That place depends on the column before it. Where a time has its own rhythm (deliveries come on
    workdays, whenever they were ordered), its `weekday` and its time of day (`clock`) are columns,
    and the gap counts whole weeks or days from the first such time that is allowed. A cell of which
    the gap cannot tell, or would tell badly (`special`: a frequent value, such as 9999-12-31, above
    values that differ), is kept as it is in the column `alone`. `up` is −1 for a column that lies
    below the one before it.
    """

    axis: Axis
    before: str
    up: int
    strict: bool
    never_missing: bool
    gap: str
    alone: str | None = None
    weekday: str | None = None
    clock: str | None = None
    missing: bool = True
    """Whether gaps may be missing; `never_missing`: whether the column's cells may not."""
    special: tuple[int | float, ...] = ()
    usual: int = 0
    """A usual time since Monday, for rows of which the gap is missing: it decides nothing there."""

    def signed(self, cells: pl.Series) -> pl.Series:
        """Places on the axis, turned so that the column lies above the one before it."""
        return turned(self.axis.read(cells), self.up)

    def first(self, below: pl.Series) -> pl.Series:
        """The first place that is allowed above another; on an axis of floats, that one."""
        if not self.axis.whole:
            return below
        step = self.axis.step
        if self.strict:
            return times(plus(over(below, step), 1), step)
        return times(over(plus(below, step - 1), step), step)

    def obeys(self, here: pl.Series, below: pl.Series) -> pl.Series:
        """Whether a place may lie above another; true where one is missing."""
        return (here > below if self.strict else here >= below).fill_null(True)

    def too_far(self, here: pl.Series, below: pl.Series) -> bool:
        """Whether there is a gap beyond what can be stored, on a whole axis."""
        return bool((over(finite(here) - below, self.axis.step) > _MOST_GAP).any())

    @property
    def period(self) -> int | None:
        """After how many nanoseconds weekday and time of day come again."""
        return WEEK if self.weekday else DAY if self.clock else None

    def fitted(self, cells: pl.Series, below: pl.Series, protect: int) -> Rung | None:
        """The rung as these cells need it; None where their gaps cannot be stored."""
        here = self.signed(cells)
        if self.axis.whole and self.too_far(here, below):
            return None
        weekly, daily = rhythm(self.axis, turned(here, self.up), turned(below, self.up))
        rung = replace(
            self,
            weekday=self.weekday if weekly else None,
            clock=self.clock if daily else None,
            special=_special(here, below, protect),
        )
        if rung.period is not None:
            rung = replace(rung, usual=_usual(turned(here, self.up)))
        told = rung.encode(cells, here, below)
        gap, alone = told[rung.gap], told[rung.alone or ""]
        return replace(
            rung,
            alone=rung.alone if alone.null_count() < len(alone) else None,
            missing=gap.null_count() > 0,
        )

    def declared(self, *, alone: bool) -> Rung:
        """The rung of which the schema says whether a cell may stand `alone`."""
        name = self.alone if alone else None
        return replace(self, weekday=None, clock=None, alone=name, missing=alone)

    def encode(self, cells: pl.Series, here: pl.Series, below: pl.Series) -> dict[str, pl.Series]:
        """The gap, and the cell where there is none."""
        gap = here - self.first(below)
        if self.axis.whole:
            gap = over(gap, self.period or self.axis.step)
            known = ((gap >= 0) & (gap <= _MOST_GAP) & (here < FAR)).fill_null(False)
            gap = gap.clip(0, _MOST_GAP).cast(pl.UInt64)
        else:
            known = (gap >= 0).fill_null(False) & gap.is_finite().fill_null(False)
        if self.special:
            known &= ~here.is_in(pl.Series(self.special, dtype=here.dtype).implode())
        told = {self.gap: where(known, gap)}
        if self.period is not None:
            usual = pl.Series([self.usual], dtype=pl.Int128).new_from_index(0, len(cells))
            ticks = turned(here, self.up).zip_with(known, plus(usual, -_MONDAY * DAY))
            day, time = parts(ticks)
            told |= {self.weekday: day.cast(pl.UInt8)} if self.weekday else {}
            told |= {self.clock: time.cast(pl.Int64).cast(pl.Time)} if self.clock else {}
        if self.alone is not None:
            told[self.alone] = where(~known, cells)
        return {name: one.alias(name) for name, one in told.items()}

    def decode(self, frame: pl.DataFrame, below: pl.Series) -> pl.Series:
        """The column again, above the one before it."""
        gap = frame[self.gap]
        cells = self._above(frame, below, gap)
        cells = where(gap.is_not_null() & below.is_not_null(), cells)
        alone = None if self.alone is None else frame[self.alone]
        if alone is not None:
            fits = alone.is_not_null() & self.obeys(self.signed(alone), below)
            if not fits.all():
                nearest = self._above(frame, below, gap.fill_null(0))
                cells = cells.zip_with(cells.is_not_null() | alone.is_null(), nearest)
            cells = alone.zip_with(fits, cells)
        if self.never_missing and cells.null_count():
            nearest = self._above(frame, below, gap.fill_null(0))
            cells = cells.zip_with(cells.is_not_null(), nearest)
        return cells.alias(self.axis.name)

    def _above(self, frame: pl.DataFrame, below: pl.Series, gap: pl.Series) -> pl.Series:
        """The cells that lie so far above, but no further than can be stored."""
        if not self.axis.whole:
            here = self._float_above(below, gap.cast(pl.Float64))
            return self.axis.write(turned(here, self.up))
        first, period = self.first(below), self.period
        here = first + times(gap.cast(pl.Int128), period or self.axis.step)
        if period is not None:
            here += remainder(turned(self._phase(frame), self.up) - first, period).fill_null(0)
        low, high = self.axis.limits
        here = _capped(here, first, high if self.up > 0 else -low)
        return self.axis.write(turned(here, self.up))

    def gaps(self, condition: Condition, below: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The gaps from the places below to cells that meet a condition, or somewhat wider."""
        whole = self.axis.whole
        free = pl.Series([None], dtype=pl.UInt64 if whole else pl.Float64)
        free = free.new_from_index(0, len(below))
        ends = [free, free]
        for k, (end, slack) in enumerate(zip(self._ends(condition), (-2, 2), strict=True)):
            if end is not None and whole:
                far = pl.Series([end], dtype=pl.Int128) - self.first(below)
                far = plus(over(far, self.period or self.axis.step), slack)
                ends[k] = far.clip(0, _MOST_GAP).cast(pl.UInt64)
            elif end is not None:
                ends[k] = (end - below + slack * self._grain(end, below)).clip(0.0, None)
        return ends[0], ends[1]

    def below(self, condition: Condition, gap: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The places that are so far below cells that meet a condition, or somewhat wider."""
        whole = self.axis.whole
        free = pl.Series([None], dtype=pl.Int128 if whole else pl.Float64)
        free = free.new_from_index(0, len(gap))
        ends = [free, free]
        unit = self.period or self.axis.step
        for k, (end, slack) in enumerate(zip(self._ends(condition), (-2, 2), strict=True)):
            if end is not None and whole:
                far = pl.Series([end], dtype=pl.Int128) - times(gap.cast(pl.Int128), unit)
                ends[k] = plus(far, slack * unit)
            elif end is not None:
                ends[k] = end - gap + slack * self._grain(end, gap)
        return ends[0], ends[1]

    def _ends(self, condition: Condition) -> tuple[Any, Any]:
        """The places that all cells that meet a condition lie between; None where it has no end."""
        dtype, up = self.axis.dtype, self.up
        places = []
        for end in (end for span in condition.spans() for end in span):
            cells = pl.Series([end], dtype=dtype, strict=False)
            places.append(self.signed(cells)[0])
        if condition.values is not None:
            if None in places or not places:
                return None, None
            low, high = min(places), max(places)
        else:
            low, high = places[::up]
        if self.axis.whole:
            # what would lie beyond the last place lies there
            least, most = self.axis.limits
            last = (most if up > 0 else -least) - (self.period or self.axis.step)
            low = None if low is None else min(low, last)
            high = None if high is None or high >= last else high
        return low, high

    def _grain(self, end: float, other: pl.Series) -> pl.Series:
        """How far rounding may move what is stored among floats."""
        decimals = getattr(self.axis.column, "decimals", None)
        least = 0.0 if decimals is None else 10.0**-decimals
        least = 1.0 if self.axis.dtype.is_integer() else least
        return 1e-6 * (other.abs() + abs(end)) + least

    def _phase(self, frame: pl.DataFrame) -> pl.Series:
        """Nanoseconds since the beginning of the period; any time of it is one of the column's."""
        phase = pl.Series([0], dtype=pl.Int128).new_from_index(0, frame.height)
        if self.weekday is not None:
            days = frame[self.weekday].cast(pl.Int128)
            phase = plus(times(days, DAY), -_MONDAY * DAY)
        if self.clock is not None:
            time = frame[self.clock].cast(pl.Int64).cast(pl.Int128)
            phase += times(over(time, self.axis.step), self.axis.step)
        return phase

    def _float_above(self, below: pl.Series, gap: pl.Series) -> pl.Series:
        """The same among floats: what is stored is rounded, and goes one further where it must."""
        wanted = below + gap
        stored = self.signed(self.axis.write(turned(wanted, self.up)))
        low = (stored <= below if self.strict else stored < below).fill_null(False)
        if not low.any():
            return stored
        column, dtype = self.axis.column, self.axis.dtype
        places = stored.to_numpy()
        if dtype.is_integer():
            further: Any = places + 1
        elif isinstance(column, Numeric) and column.decimals is not None:
            further = places + 10.0**-column.decimals
        else:
            kind: Any = np.float32 if dtype == pl.Float32 else np.float64
            further = np.nextafter(places.astype(kind), kind(np.inf)).astype(np.float64)
        further = pl.Series(further, dtype=pl.Float64, nan_to_null=True)
        return stored.zip_with(~low, further)

    def columns(self) -> dict[str, Any]:
        """What the column becomes."""
        whole = self.axis.whole
        gap = Numeric(
            storage="UInt64" if whole else "Float64",
            subtype="integer" if whole else "float",
            decimals=0 if whole else None,
            nullable=self.missing,
            public=self.axis.column.public,
        )
        told: dict[str, Any] = {self.gap: gap}
        rest = {"public": self.axis.column.public}
        if self.weekday is not None:
            told[self.weekday] = Numeric(storage="UInt8", subtype="integer", decimals=0, **rest)
        if self.clock is not None:
            told[self.clock] = Datetime(storage="Time", part="time", **rest)
        if self.alone is not None:
            update = {"nullable": True, "reason": ""}
            told[self.alone] = self.axis.column.model_copy(update=update)
        return told


def turned(places: pl.Series, up: int) -> pl.Series:
    """Places on an axis seen from its other end, where `up` is −1."""
    if up > 0:
        return places
    return times(places, -1) if places.dtype == pl.Int128 else -places


def _capped(here: pl.Series, first: pl.Series, most: int) -> pl.Series:
    """Places no further than `most`, but no nearer than the first one that is allowed."""
    beyond = (here > most).fill_null(False)
    if not beyond.any():
        return here
    edge = first.clip(most, None)
    return here.zip_with(~beyond, edge)


def where(known: pl.Series, cells: pl.Series) -> pl.Series:
    """The cells where known, and missing ones elsewhere."""
    return cells.zip_with(known, pl.Series([None], dtype=cells.dtype))


def finite(places: pl.Series) -> pl.Series:
    """The places that others can be measured from."""
    if places.dtype == pl.Int128:
        return where(((places < FAR) & (places > -FAR)).fill_null(False), places)
    return where(places.is_finite().fill_null(False), places)


def _special(here: pl.Series, below: pl.Series, protect: int) -> tuple[int | float, ...]:
    """Values far more frequent than their neighbours, above values which differ.

    Their gaps differ as well, and would not add up to the very value again.
    """
    seen = pl.DataFrame({"here": finite(here), "below": below}).drop_nulls()
    least = max(protect, _SPECIAL_SHARE * here.len(), 1)
    around = pl.col("rows").rolling_median(_NEIGHBOURS, center=True, min_samples=1)
    counted = (
        seen.group_by("here", "below")
        .agg(pair=pl.len())
        .group_by("here")
        .agg(rows=pl.col("pair").sum(), most=pl.col("pair").max())
        .sort("here")
        .filter(pl.col("rows") > _STANDS_OUT * around, pl.col("rows") >= least)
        .filter(pl.col("most") * 2 < pl.col("rows"))
        .sort("rows", "here", descending=True)
    )
    return tuple(counted["here"].head(_MOST_SPECIAL).to_list())


def parts(ticks: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The weekday (Monday 0) and the nanoseconds since midnight of points in time."""
    day = over(ticks, DAY)
    return remainder(plus(day, _MONDAY), 7), ticks - times(day, DAY)


def remainder(ticks: pl.Series, divisor: int) -> pl.Series:
    """What is left of a division rounded down: never negative."""
    return ticks - times(over(ticks, divisor), divisor)


def rhythm(axis: Axis, here: pl.Series, below: pl.Series) -> tuple[bool, bool]:
    """Whether weekday and time of day tell more than the gap: of points in time without a zone.

    Both together tell the same. What depends less on the column before can be learnt by itself.
    """
    naive = axis.family == "instant" and getattr(axis.dtype, "time_zone", None) is None
    seen = pl.DataFrame({"here": here, "below": below}).drop_nulls()
    if not naive or seen.height < _RHYTHM_ROWS:
        return False, False
    (day, time), (day_below, time_below) = parts(seen["here"]), parts(seen["below"])
    gap = (seen["here"] - seen["below"]).abs()
    far = int(gap.median() or 0)  # type: ignore[arg-type]
    hour, hour_below = over(time, DAY // 24), over(time_below, DAY // 24)
    daily = axis.step < DAY and far >= DAY and _own(hour, hour_below, 24)
    weekly = (daily or axis.step == DAY) and far >= 2 * DAY and _own(day, day_below, 7)
    return weekly, daily


def _usual(ticks: pl.Series) -> int:
    """The weekday and the full hour that are most frequent, in nanoseconds since Monday."""
    day, time = parts(ticks.drop_nulls())
    hour = DAY // 24
    return int(day.mode().sort()[0]) * DAY + int(over(time, hour).mode().sort()[0]) * hour


def _own(phase: pl.Series, below: pl.Series, period: int) -> bool:
    """Whether a phase is uneven, and depends less on another than their difference does."""
    _, counts = np.unique(phase.cast(pl.Int64).to_numpy(), return_counts=True)
    share = counts / counts.sum()
    uneven = float((share * np.log(share * period)).sum()) - (period - 1) / (2 * len(phase))
    difference = remainder(phase - below, period)
    return uneven > _TELLING and _tied(phase, below) <= _tied(difference, below) + 1e-9


def _tied(one: pl.Series, other: pl.Series) -> float:
    """Mutual information, in nats."""
    x, y = (np.unique(s.cast(pl.Int64).to_numpy(), return_inverse=True)[1] for s in (one, other))
    joint = np.zeros((x.max() + 1, y.max() + 1))
    np.add.at(joint, (x, y), 1 / len(x))
    even = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    known = joint > 0
    return float((joint[known] * np.log(joint[known] / even[known])).sum())
