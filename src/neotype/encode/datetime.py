"""Points in time, dates and times of day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.calendar import DAY, PER_SECOND, Calendar, Ticks, choose, resolution
from neotype.encode.encoder import (
    FINE,
    SYMBOLS,
    Codes,
    Digit,
    Lead,
    Masks,
    Protection,
    State,
    among,
    between,
    never_missing,
    too_few,
)
from neotype.encode.scale import Scale
from neotype.errors import FitError
from neotype.schema.condition import Condition
from neotype.schema.schema import Datetime
from neotype.schema.storage import storage_dtype
from neotype.schema.temporal import parse

_FARTHEST = 73_000_000
"""Days from 1970 (about 200,000 years) beyond which time zones end."""
_SENTINELS = 8
_FEW_ROWS = 100


@dataclass(frozen=True)
class DatetimeEncoder:
    """A time as period × weekday (or day of the month) × hour × rest; wall-clock time in a zone.

    The first digit, where there are missing cells or sentinels (a heavy value far from all others,
    such as 9999-12-31), says which it is. Loss: exact where the parts are (as for hourly data),
    else within a cell of at least `protect` rows (parts are drawn one by one, so up to one week or
    month beyond the outermost); the repeated hour when clocks go back comes first; zoned times are
    held within 200,000 years of 1970; text that its format cannot read becomes missing.
    """

    name: str
    column: Datetime
    calendar: Calendar
    unit: int
    """Ticks of the storage in one step of the calendar's axis."""
    scales: tuple[Scale | None, ...]
    """For each part of the calendar; None where the part is a digit itself."""
    sentinels: Ticks
    missing: bool
    unread: int
    rows: int
    """Training rows with a time that is no sentinel; 0 also where they are too few to keep."""
    hidden: int = 0
    """How many rows that were."""

    @classmethod
    def learn(
        cls, name: str, column: Datetime, frame: pl.DataFrame, *, protect: int, lead: Lead = FINE
    ) -> Self:
        """Learn a column of times. FitError where its storage holds none."""
        series = frame[name]
        ticks, known, per_second = wall_clock(name, column, series)
        values = ticks[known]
        protect = 1 if column.public else protect
        missing = column.nullable or not bool(known.all())
        unread = int((~known).sum()) - series.null_count()
        sentinels = _sentinels(values, protect)
        values = values[~np.isin(values, sentinels)]
        hidden = len(values) if len(values) < protect else 0
        values = values[hidden:]
        unit, per_day = resolution(values, per_second, protect)
        steps = values // unit
        layout = Calendar("flat", per_day)
        room = SYMBOLS - (missing and not len(sentinels))
        if len(values) >= _FEW_ROWS and len(np.unique(steps)) >= room:
            timed = Calendar("clock", per_day)
            layout = timed if _part(column) == "time" and per_day > 1 else choose(steps, per_day)
        scales = tuple(
            Scale.learn(part, protect=protect, symbols=lead.symbols, least=lead.least)
            if size is None
            else None
            for (_, size), part in zip(layout.parts, layout.split(steps), strict=True)
        )
        rows = len(values)
        return cls(name, column, layout, unit, scales, sentinels, missing, unread, rows, hidden)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Sentinel or missing where there are such, then each part of the calendar."""
        extra = len(self.sentinels) + self.missing
        head = (Digit(self.name, extra + 1, ordered=False),) if extra else ()
        if not self.rows:
            return head if extra > 1 else ()
        return (*head, *(digit for part in self._part_digits() for digit in part))

    def _part_digits(self) -> list[tuple[Digit, ...]]:
        """The digits of each part; none for a part that is always the same."""
        found: list[tuple[Digit, ...]] = []
        for (part, size), scale in zip(self.calendar.parts, self.scales, strict=True):
            name = f"{self.name}.{part}"
            digits: tuple[Digit, ...] = (Digit(name, size, ordered=True),) if size else ()
            if scale is not None:
                digits = scale.digits(name)
            found.append(digits if len(digits) > 1 or (digits and digits[0].size > 1) else ())
        return found

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Extremes that were clipped, and text that is no time."""
        clipped = max((s.clipped for s in self.scales if s is not None), default=0)
        notes = []
        if clipped:
            note = "the earliest and latest are drawn no further out than where several rows lie"
            notes.append(Protection(self.name, "extremes", clipped, note))
        if self.hidden:
            notes.append(too_few(self.name, self.hidden))
        if self.unread:
            note = f"text that '{self.column.format}' cannot read became missing"
            notes.append(Protection(self.name, "unreadable", self.unread, note))
        return tuple(notes)

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""
        digits = self.digits
        codes = np.zeros((len(digits), frame.height), dtype=np.uint8)
        if not digits:
            return codes
        ticks, known, _ = wall_clock(self.name, self.column, frame[self.name])
        extra = len(self.sentinels) + self.missing
        row = int(extra > 0)
        if self.rows:
            parts = self.calendar.split(ticks // self.unit)
            for part, scale, own in zip(parts, self.scales, self._part_digits(), strict=True):
                if own:
                    coded = part.astype(np.uint8)[None, :] if scale is None else scale.encode(part)
                    codes[row : row + len(own)] = coded
                    row += len(own)
        for index, sentinel in enumerate(self.sentinels):
            here = ticks == sentinel
            codes[:, here] = 0
            codes[0, here] = index + bool(self.rows)
        codes[:, ~known] = 0
        if self.missing and len(digits):
            codes[0, ~known] = len(self.sentinels) + bool(self.rows)
        return codes

    def allowed(self, condition: Condition) -> Masks:
        """The symbols of times that meet it; parts are held to it as far as those before agree."""
        digits = self.digits
        masks = np.zeros(len(digits), dtype=np.uint64)
        extra = len(self.sentinels) + self.missing
        if self.rows and digits:
            for span in condition.spans():
                masks[int(extra > 0) :] |= self._spanned(span)
        if extra and digits:
            here = bool(condition.spans()) and masks[1:].all()
            special = [
                *in_storage(self.sentinels, self.column),
                *([None] if self.missing else []),
            ]
            cells = pl.Series(special, dtype=storage_dtype(self.column.storage))
            met = np.append([here], condition.holds(cells)) if self.rows else condition.holds(cells)
            masks[0] = among(np.flatnonzero(met)[None, :])[0]
            masks[1:] |= np.uint64(met[int(self.rows > 0) :].any())
        return masks

    def _spanned(self, span: tuple[Any, Any]) -> Masks:
        """The symbols of each part's digits for the times from one to the other."""
        text = any(isinstance(end, str) for end in span)
        cells = pl.Series(self.name, span, dtype=pl.String() if text else self._native)
        ticks, known, _ = wall_clock(self.name, self.column, cells)
        masks, tied = [], True
        parts = self.calendar.split(ticks // self.unit)
        for part, scale, own in zip(parts, self.scales, self._part_digits(), strict=True):
            low, high = (part[i] if known[i] and tied else None for i in (0, 1))
            if own and scale is not None:
                masks += list(scale.allowed(low, high))
            elif own:
                masks.append(between(low or 0, own[0].size - 1 if high is None else high))
            tied = tied and bool(known.all()) and part[0] == part[1]
        return np.array(masks, dtype=np.uint64)

    @property
    def _native(self) -> pl.DataType:
        """The dtype of times as such, where the storage is text."""
        dtype = storage_dtype(self.column.storage)
        if isinstance(dtype, pl.String) and self.column.format is not None:
            return parse(pl.Series([], dtype=dtype), self.column.format, self.column.part).dtype
        return dtype

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The times again, in their storage dtype and format."""
        rows = codes.shape[1]
        extra = len(self.sentinels) + self.missing
        head = codes[0].astype(np.int64) if extra and len(codes) else np.zeros(rows, dtype=np.int64)
        ticks = np.zeros(rows, dtype=np.int64)
        if self.rows:
            steps = self._joined(codes[1:] if extra else codes, rng)
            edge = (2**63 - 1) // self.unit
            ticks = np.clip(steps, -edge, edge) * self.unit
        for index, sentinel in enumerate(self.sentinels):
            ticks[head == index + bool(self.rows)] = sentinel
        absent = head >= len(self.sentinels) + bool(self.rows)
        series = in_storage(ticks, self.column)
        if absent.any():
            series = series.zip_with(pl.Series(~absent), pl.Series([None], dtype=series.dtype))
        return [series.alias(self.name)]

    def _joined(self, codes: Codes, rng: Generator) -> Ticks:
        rows, row = codes.shape[1], 0
        parts: list[Ticks] = []
        for scale, own in zip(self.scales, self._part_digits(), strict=True):
            coded = codes[row : row + len(own)] if own else np.zeros((1, rows), dtype=np.uint8)
            row += len(own)
            drawn = coded[0].astype(np.int64) if scale is None else scale.decode(coded, rng)
            parts.append(np.asarray(drawn, dtype=np.int64))
        return self.calendar.join(parts)

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """Missing where training had none, and text that is no time; any other time has a cell."""
        series = frame[self.name]
        _, known, _ = wall_clock(self.name, self.column, series)
        findings = never_missing(series, self.missing)
        strange = series.filter(pl.Series(~known) & series.is_not_null()).unique().sort()
        return findings + [
            f"'{self.name}' has {text!r}, which '{self.column.format}' cannot read"
            for text in strange.to_list()
        ]

    def describe(self) -> str:
        """The tables of the calendar."""
        words = []
        for (part, size), scale in zip(self.calendar.parts, self.scales, strict=True):
            if scale is not None:
                words.append(f"{len(scale.upper)} intervals of {part}")
            elif size:
                words.append(f"{part} ({size})")
        sentinels = f"; {len(self.sentinels)} special values" if len(self.sentinels) else ""
        return f"'{self.name}': {' × '.join(words) if self.rows else 'no times'}{sentinels}"

    def state(self) -> State:
        """At rest."""
        facts = {
            "name": self.name,
            "layout": self.calendar.layout,
            "per_day": self.calendar.per_day,
            "unit": self.unit,
            "scaled": [scale is not None for scale in self.scales],
            "missing": self.missing,
            "unread": self.unread,
            "rows": self.rows,
            "hidden": self.hidden,
        }
        parts = {f"part{i}": s.state() for i, s in enumerate(self.scales) if s is not None}
        nested = State.nest(facts, parts)
        return State(nested.facts, {**nested.arrays, "sentinels": self.sentinels})

    @classmethod
    def restore(cls, state: State, column: Datetime) -> Self:
        """The inverse of `state`."""
        scales = tuple(
            Scale.restore(state.within(f"part{i}")) if scaled else None
            for i, scaled in enumerate(state.fact("scaled"))
        )
        calendar = Calendar(state.fact("layout"), state.fact("per_day"))
        rest = (state.fact(name) for name in ("missing", "unread", "rows", "hidden"))
        sentinels = state.array("sentinels")
        return cls(
            state.fact("name"), column, calendar, state.fact("unit"), scales, sentinels, *rest
        )


def _part(column: Datetime) -> str:
    if column.format is None and column.storage == "Time":
        return "time"
    return column.part


def wall_clock(
    name: str, column: Datetime, series: pl.Series
) -> tuple[Ticks, NDArray[np.bool_], int]:
    """Wall-clock ticks (0 where unknown), which are known, and ticks per second (0: days)."""
    if series.dtype == pl.String:
        if column.format is None:
            raise FitError(
                f"column '{name}' is text and its schema has no format to read it as times.",
                mend="set `format` (such as '%Y-%m-%d') in the schema, or make it categorical",
            )
        series = parse(series, column.format, column.part)
    dtype = series.dtype
    known = series.is_not_null().to_numpy()
    if isinstance(dtype, pl.Datetime):
        per_second = PER_SECOND[dtype.time_unit]
        if dtype.time_zone:
            # polars panics on zoned times beyond its calendar.
            edge = min(_FARTHEST * DAY * per_second, 2**63 - 2 * DAY * per_second)
            series = series.to_physical().clip(-edge, edge).cast(dtype)
            series = series.dt.replace_time_zone(None)
    elif dtype == pl.Date:
        per_second = 0
        series = series.to_physical()
    elif dtype == pl.Time:
        per_second = 10**9
    elif dtype.is_integer():
        per_second = 1
        series = series.cast(pl.Int64)
    else:
        raise FitError(
            f"column '{name}' of {dtype} holds no times.",
            mend="make it numeric or categorical in the schema, or cast it to a date or time",
        )
    ticks = series.to_physical().cast(pl.Int64).fill_null(0).to_numpy()
    return ticks, known, per_second


def _sentinels(values: Ticks, protect: int) -> Ticks:
    """Heavy values that lie far from all lighter ones, such as 1900-01-01 and 9999-12-31."""
    distinct, counts = np.unique(values, return_counts=True)
    heavy = counts >= max(protect, len(values) / 200)
    light = np.sort(values[~np.isin(values, distinct[heavy])])
    if len(light) < max(20, 2 * protect):
        return np.zeros(0, dtype=np.int64)
    low, high = float(light[protect]), float(light[-1 - protect])
    reach = (high - low) / 2
    far = heavy & ((distinct < low - reach) | (distinct > high + reach))
    order = np.argsort(-counts[far], kind="stable")[:_SENTINELS]
    return np.sort(distinct[far][order]).astype(np.int64)


def in_storage(ticks: Ticks, column: Datetime) -> pl.Series:
    """Ticks of the wall clock in the column's dtype, or as text in its format."""
    dtype = storage_dtype(column.storage)
    if isinstance(dtype, pl.String) and column.format is not None:
        native = parse(pl.Series([], dtype=pl.String), column.format, column.part).dtype
        return _typed(ticks, native).dt.to_string(column.format)
    return _typed(ticks, dtype)


def _typed(ticks: Ticks, dtype: pl.DataType) -> pl.Series:
    series = pl.Series(ticks)
    if isinstance(dtype, pl.Date):
        return series.clip(-(2**31), 2**31 - 1).cast(pl.Int32).cast(dtype)
    if not isinstance(dtype, pl.Datetime) or not dtype.time_zone:
        return series.cast(dtype)
    naive = series.cast(pl.Datetime(dtype.time_unit))
    zoned = _zoned(naive, dtype.time_zone)
    # Clocks that were put forward skip an hour (or, at the date line, a day): go past the gap.
    for gap in ("1h", "1d"):
        if not zoned.null_count():
            break
        zoned = zoned.zip_with(
            zoned.is_not_null(), _zoned(naive.dt.offset_by(gap), dtype.time_zone)
        )
    return zoned


def _zoned(naive: pl.Series, zone: str) -> pl.Series:
    return naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
