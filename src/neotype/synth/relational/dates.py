"""Columns that follow from the date of a row: its weekday, its month, its season."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.schema import NUMBERED, Table
from neotype.schema.storage import storage_dtype
from neotype.synth.relational.clock import Clock, Ticks

_PLAIN = ("hour", "weekday", "month", "year", "day of month")
_NEAR = "day of year"
_LABELS = 64
_DAYS = 5.0
"""Days that each part of the calendar has, on average, from which on a column follows from it."""
_MISSED, _SHARE = 0.05, 0.25
"""How often, at most, a day of the year is unlike the day next to it: of all days, and of those
that are unlike the commonest."""
_MONDAY = 3


@dataclass(frozen=True)
class Dates:
    """By column: the part of the calendar that it follows from, and what it is for each."""

    found: Mapping[str, tuple[str, tuple[int, ...], tuple[Any, ...]]]

    @classmethod
    def learn(
        cls, table: Table, frame: pl.DataFrame, names: list[str], clock: Clock, ticks: Ticks
    ) -> Self:
        """Those of the columns that are the same wherever a part of the calendar is."""
        held = {name for rule in table.constraints for name in rule.about}
        found = {}
        for name in names:
            cells = frame[name]
            plain = cells.dtype.is_integer() or cells.dtype in (pl.String, pl.Boolean)
            if not plain or name in held or isinstance(table.columns[name], NUMBERED):
                continue
            if not clock.per_day or cells.null_count() or not 1 < cells.n_unique() <= _LABELS:
                continue
            told = _followed(cells, clock, ticks)
            if told is not None:
                found[name] = told
        return cls(found)

    def columns(self, table: Table, clock: Clock, ticks: Ticks) -> list[pl.Series]:
        """The columns at these times; of a part that was never seen as of the nearest."""
        lines = []
        for name, (part, keys, values) in self.found.items():
            at = _nearest(np.array(keys), _part(part, clock, ticks))
            dtype = storage_dtype(table.columns[name].storage)
            lines.append(pl.Series(name, values, dtype=dtype).gather(pl.Series(at)))
        return lines

    def facts(self) -> dict[str, Any]:
        """At rest."""
        return {name: [part, list(k), list(v)] for name, (part, k, v) in self.found.items()}

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> Self:
        """The inverse of `facts`."""
        return cls({name: (p, tuple(k), tuple(v)) for name, (p, k, v) in facts.items()})


def _followed(
    cells: pl.Series, clock: Clock, ticks: Ticks
) -> tuple[str, tuple[int, ...], tuple[Any, ...]] | None:
    days = ticks // clock.per_day
    for part in (*_PLAIN, _NEAR):
        if part == "hour" and clock.per_day == 1:
            continue
        whole = pl.DataFrame({"part": _part(part, clock, ticks), "value": cells, "day": days})
        told = whole.group_by("part").agg(
            pl.col("value").n_unique().alias("values"),
            pl.col("value").first(),
            pl.col("day").n_unique().alias("days"),
        )
        told = told.sort("part")
        if told["values"].max() != 1:
            continue
        keys, values = told["part"].to_numpy(), told["value"]
        enough = told["days"].sum() >= _DAYS * told.height and told.height > 1
        if part == _NEAR:
            enough = _steady(keys, values)
        if enough:
            return part, tuple(int(key) for key in keys), tuple(values.to_list())
    return None


def _steady(keys: NDArray[np.int64], values: pl.Series) -> bool:
    """Whether nearly every day of the year is as the day next to it."""
    codes = values.rank("dense").to_numpy()
    if len(keys) < 3 * _DAYS:
        return False
    before, after = np.diff(keys, prepend=-9999), np.diff(keys, append=99999)
    near = np.where(before <= after, np.roll(codes, 1), np.roll(codes, -1))
    missed = (near != codes).mean()
    unlike = 1 - np.bincount(codes.astype(np.int64)).max() / len(codes)
    return bool(missed <= min(_MISSED, _SHARE * unlike))


def _nearest(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    right = np.clip(np.searchsorted(keys, wanted), 0, len(keys) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.abs(keys[left] - wanted) < np.abs(keys[right] - wanted)
    return np.where(nearer, left, right)


def _part(part: str, clock: Clock, ticks: Ticks) -> NDArray[np.int64]:
    """A part of the calendar, as a number."""
    day = ticks // clock.per_day
    months = day.astype("datetime64[D]").astype("datetime64[M]")
    month = months.astype(np.int64)
    of_month = day - months.astype("datetime64[D]").astype(np.int64) + 1
    match part:
        case "hour":
            return np.asarray(ticks % clock.per_day * 24 // clock.per_day)
        case "weekday":
            return np.asarray((day + _MONDAY) % 7)
        case "month":
            return np.asarray(month % 12)
        case "year":
            return np.asarray(month // 12)
        case "day of month":
            return np.asarray(of_month)
    return np.asarray(month % 12 * 32 + of_month)
