"""Do things happen when they happen in the real data: by hour, weekday, month and year?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Numbers, Sides, View, moments
from neotype.evaluate.interval import around, spread
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter, Spread, Symbols, deciles, mean
from neotype.rng import Rng
from neotype.schema.schema import Datetime

T = TypeVar("T")

SEEN = 5
"""A mean of fewer real rows could tell what one of them holds."""

MOST = {"hour": 24, "weekday": 7, "day of month": 31, "month": 12}
"""The parts of a date, and how many values each takes."""


class Profile(NamedTuple):
    """One way to tell when: a part of a date, a period, a gap; and how alike it is."""

    column: str
    part: str
    cells: Symbols
    alone: Spread
    others: Mapping[str, Spread]
    """With every other column: how it goes with this part."""


@dataclass(frozen=True)
class TimePatterns(Measure):
    """How alike tables are by hour, weekday, day, month and period, alone and with other columns.

    For each datetime column 1 − total variation of the shares of each part of it, of ten periods
    with equally many train rows and, where the schema names an entity, of the time since the
    entity's last row; then of each with every other column in deciles. The mean of both means.
    """

    most_dates: int = 10
    most_columns: int = 30

    name: ClassVar[str] = "time_patterns"
    title: ClassVar[str] = "Time patterns"
    how: ClassVar[str] = (
        "For each date: 1 minus the total variation between real and synthetic shares of each "
        "hour, weekday, day of the month, month, and of ten periods from first to last; the same "
        "for each of them together with every other column. The mean of the two."
    )
    reference: ClassVar[str] = (
        "after Platzer and Reutterer 2021, Holdout-based empirical assessment of mixed-type "
        "synthetic data"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.01

    def look(self, tables: Comparison) -> Finding:
        """Compare each part of each date with train's."""
        dates = {
            name: column
            for name, column in tables.table.columns.items()
            if isinstance(column, Datetime) and name not in tables.left_out
        }
        if not dates:
            raise NotMeasurableError("the table has no column of dates or times.")
        counter = Counter.of(tables, self.name)
        rng = tables.rng.child("columns in time")
        views = [item for item in tables.views if item.name not in dates]
        others, left = few(views, self.most_columns, "other columns", rng)
        chosen, more = few(list(dates), self.most_dates, "date columns", rng)
        cut = [deciles(item, tables.sample) for item in others]
        found = []
        for name in chosen:
            for part, cells in when(tables, name, dates[name]).items():
                alone = counter.similarity(counter.count([cells]))
                beside = {
                    symbols.name: counter.similarity(counter.count([cells, symbols]))
                    for symbols in cut
                }
                found.append(Profile(name, part, cells, alone, beside))
        if not found:
            raise NotMeasurableError("every date is missing or the same.")
        return _finding(found, others, tables, [*more, *left])


def few(items: list[T], most: int, what: str, rng: Rng) -> tuple[list[T], list[str]]:
    """At most so many of them, in their order, and what was left out in words."""
    if len(items) <= most:
        return items, []
    chosen = np.sort(rng.child(what).generator().permutation(len(items))[:most])
    return [items[k] for k in chosen], [f"{most} of {len(items)} {what}, drawn at random"]


def when(tables: Comparison, name: str, column: Datetime) -> dict[str, Symbols]:
    """The parts of a date in which rows differ, as symbols of the sampled rows."""
    sides = tables.series(name)
    parts = Sides(
        *(
            calendar(moments(side[rows], column))
            for side, rows in zip(sides, tables.sample, strict=True)
        )
    )
    found = {
        part: Symbols(f"{name} {part}", MOST[part] + 1, Sides(*(side[part] for side in parts)))
        for part in MOST
        if all(part in side for side in parts)
    }
    item = next((item for item in tables.views if item.name == name), None)
    if item is not None:
        found["period"] = deciles(item, tables.sample)
    if isinstance(item, Numbers) and tables.table.entity is not None:
        gaps = (gap(data, side) for data, side in zip(tables.datasets, item.sides, strict=True))
        since = Numbers(f"{name} since the last", "duration", Sides(*gaps))
        found["time since the last"] = deciles(since, tables.sample)
    return {part: symbols for part, symbols in found.items() if varies(symbols)}


def varies(symbols: Symbols) -> bool:
    """Whether present cells of train or of the synthetic table differ."""
    cells = np.concatenate(symbols.sides[:2])
    return len(np.unique(cells[cells > 0])) > 1


def calendar(series: pl.Series) -> dict[str, Ints]:
    """Hour, weekday, day and month from 1, as far as the column has them; 0 is missing."""
    parts: dict[str, pl.Series] = {}
    if series.dtype == pl.Time or isinstance(series.dtype, pl.Datetime):
        parts["hour"] = series.dt.hour() + 1
    if series.dtype == pl.Date or isinstance(series.dtype, pl.Datetime):
        parts["weekday"] = series.dt.weekday()
        parts["day of month"] = series.dt.day()
        parts["month"] = series.dt.month()
    return {part: cells.cast(pl.Int64).fill_null(0).to_numpy() for part, cells in parts.items()}


def gap(data: Dataset, seconds: Floats) -> Floats:
    """Seconds since the row before of the same entity; NaN for its first and for missing dates."""
    owners = data.owners
    out = np.full(len(seconds), np.nan)
    if owners is None or len(seconds) < 2:
        return out
    order = np.lexsort((seconds, owners))
    same = owners[order][1:] == owners[order][:-1]
    out[order[1:][same]] = np.diff(seconds[order])[same]
    return out


def _finding(
    found: list[Profile], others: list[View], tables: Comparison, notes: list[str]
) -> Finding:
    parts = [mean([one.alone for one in found])]
    beside = [spread_of for one in found for spread_of in one.others.values()]
    if beside:
        parts.append(mean(beside))
    whole = mean(parts)
    worst = min(found, key=lambda one: one.alone.value - one.alone.floor)
    return Finding(
        value=whole.value,
        interval=around(whole.value, spread(whole.drawn)),
        floor=whole.floor,
        target=whole.floor - 0.015,
        meaning=(
            f"Patterns in time are {whole.value:.1%} those of the real data (real unseen rows: "
            f"{whole.floor:.1%}); furthest off is the {worst.part} of '{worst.column}' with "
            f"{worst.alone.value:.1%}."
        ),
        detail={
            "alone": {"value": parts[0].value, "floor": parts[0].floor},
            "with_others": {"value": parts[-1].value, "floor": parts[-1].floor} if beside else None,
            "profiles": [_told(one) for one in found],
            "means": _means(found, others, tables),
            "rows": {side: len(rows) for side, rows in tables.sample._asdict().items()},
            "notes": notes,
        },
    )


def _told(one: Profile) -> dict[str, Any]:
    """One profile's shares on all sides, and the columns that go with it least as they should."""
    shares = {
        side: np.bincount(cells, minlength=one.cells.size) / max(1, len(cells))
        for side, cells in one.cells.sides._asdict().items()
    }
    ranked = sorted(one.others, key=lambda name: one.others[name].value - one.others[name].floor)
    return {
        "column": one.column,
        "part": one.part,
        "similarity": one.alone.value,
        "floor": one.alone.floor,
        "missing": {side: share[0] for side, share in shares.items()},
        "shares": {side: share[1:] for side, share in shares.items()},
        "worst_with": [
            {
                "column": name,
                "similarity": one.others[name].value,
                "floor": one.others[name].floor,
            }
            for name in ranked[:5]
        ],
    }


def _means(
    found: list[Profile], others: list[View], tables: Comparison, most: int = 10
) -> list[dict[str, Any]]:
    """Means of quantities by part of the date, those most off first; None where rows are few."""
    quantities = {item.name: item for item in others if isinstance(item, Numbers)}
    pairs = [(one, name) for one in found for name in one.others if name in quantities]
    pairs.sort(key=lambda pair: pair[0].others[pair[1]].value - pair[0].others[pair[1]].floor)
    return [
        {
            "column": one.column,
            "part": one.part,
            "of": name,
            "means": {
                side: _by_cell(one.cells.sides[k], one.cells.size, cells[tables.sample[k]])
                for k, (side, cells) in enumerate(quantities[name].sides._asdict().items())
            },
        }
        for one, name in pairs[:most]
    ]


def _by_cell(cells: Ints, size: int, values: Floats) -> list[float | None]:
    """The mean of the present values at each symbol but that of missing."""
    known = ~np.isnan(values)
    rows = np.bincount(cells[known], minlength=size)
    # Halves first: the sum of two numbers of 1e308 is none.
    scale = max(1.0, float(np.abs(values[known]).max(initial=0.0)))
    sums = np.bincount(cells[known], weights=values[known] / scale, minlength=size)
    return [
        float(total / count * scale) if count >= SEEN else None
        for total, count in zip(sums[1:], rows[1:], strict=True)
    ]
