"""Do quantities rise and fall through the year, the week and the day as the real ones do?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import polars as pl

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Sides, moments
from neotype.evaluate.fidelity.seasons import MOST, SEEN, calendar, few
from neotype.evaluate.interval import around, redraw, spread, total
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.sequential.apart import weights
from neotype.evaluate.sequential.strands import (
    SequenceMeasure,
    Sequences,
    calm,
    clock,
    quantities,
    sequences,
)
from neotype.evaluate.tables import Spread
from neotype.schema.schema import Datetime

PARTS = ("month", "weekday", "hour")

WORDS = {
    **dict.fromkeys(("month", "mnth", "mon", "monat", "mois", "mes"), ("month", 1, 12)),
    **dict.fromkeys(("weekday", "dow", "dayofweek", "wochentag"), ("weekday", 0, 7)),
    **dict.fromkeys(("hour", "hr", "stunde", "heure", "hora"), ("hour", 0, 24)),
}
"""Names of columns of whole numbers that tell a part of a date, and the range they then have."""

POSITIONS = 60
"""Values of a sequence of steps that are a profile of their own."""


class Phase(NamedTuple):
    """A way to tell when in a round a row is: its values, 1 .. size − 1, of all rows; 0 missing."""

    column: str
    part: str
    lowest: float
    size: int
    sides: Sides[Ints]


class Profile(NamedTuple):
    """The means of a quantity over a round, correlated with train's."""

    column: str
    phase: Phase
    where: Ints
    weight: float
    correlation: Spread
    error: Spread
    means: Sides[Floats]


@dataclass(frozen=True)
class SeasonalProfile(SequenceMeasure):
    """How the means by month, weekday and hour of the day correlate with those of train.

    For each quantity and each part of a date (also of step numbers that few rows have, and of
    columns that are called month, weekday, hour): Pearson's correlation of the means, weighted by
    the share of the quantity's variance that the part explains in train, so that rounds without a
    season do not count. `detail.parts` {month: {value, floor, error, error_floor}};
    `detail.profiles`: [{column, by, part, weight, value, floor, error, error_floor, at: [value of
    the part], synthetic: [mean], train: [mean], holdout: [mean]}], means as shares of train's
    middle 99 %, at most 24, those that matter most first.
    """

    most_columns: int = 20

    name: ClassVar[str] = "seasonal_profile"
    title: ClassVar[str] = "Seasonal profiles"
    how: ClassVar[str] = (
        "The means of each quantity by month, weekday and hour: their correlation with train's, "
        "weighted by the share of the variance that the season explains in train."
    )
    reference: ClassVar[str] = "after Persons 1919, Indices of business conditions"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.10

    def look(self, tables: Comparison) -> Finding:
        """Compare means by part of the date."""
        found = sequences(tables)
        rng = tables.rng.child(self.name)
        phases = {(one.column, one.part): one for one in rounds(tables, found)}
        if not phases:
            raise NotMeasurableError("nothing tells the month, the weekday or the hour of a row.")
        told = {column for column, _ in phases}
        items = [item for item in quantities(tables, found) if item.name not in told]
        chosen, notes = few(items, self.most_columns, "columns", rng)
        drawn = weights(rng)
        profiles = []
        for item in chosen:
            cells = calm(item)
            made = (_profile(item.name, cells, one, found, drawn) for one in phases.values())
            profiles += [one for one in made if one is not None]
        whole = sum(one.weight for one in profiles)
        if not whole > 1e-9:
            raise NotMeasurableError("no quantity differs by month, weekday or hour in train.")
        return _finding(profiles, found, notes)


def _finding(profiles: list[Profile], found: Sequences, notes: list[str]) -> Finding:
    value = weighted([(one.weight, one.correlation) for one in profiles])
    ranked = sorted(profiles, key=lambda one: -one.weight)
    parts = {}
    for part in dict.fromkeys(one.phase.part for one in ranked):
        here = [one for one in ranked if one.phase.part == part]
        alike = weighted([(one.weight, one.correlation) for one in here])
        error = weighted([(one.weight, one.error) for one in here])
        parts[part] = {
            "value": alike.value,
            "floor": alike.floor,
            "error": error.value,
            "error_floor": error.floor,
        }
    worst = min(ranked, key=lambda one: one.weight * (one.correlation.value - 1))
    return Finding(
        value=value.value,
        interval=around(value.value, spread(value.drawn), low=-1.0),
        floor=value.floor,
        target=0.8,
        meaning=(
            f"Seasonal profiles correlate with those of train by {value.value:.2f} (real unseen "
            f"rows: {value.floor:.2f}); what counts most against it is '{worst.column}' by "
            f"{worst.phase.part} with {worst.correlation.value:.2f}."
        ),
        detail={
            "parts": parts,
            "profiles": [
                {
                    "column": one.column,
                    "by": one.phase.column,
                    "part": one.phase.part,
                    "weight": one.weight,
                    "value": one.correlation.value,
                    "floor": one.correlation.floor,
                    "error": one.error.value,
                    "error_floor": one.error.floor,
                    "at": one.where - 1 + one.phase.lowest,
                    **one.means._asdict(),
                }
                for one in ranked[:24]
            ],
            **found.detail,
            "notes": [*found.notes, *notes],
        },
    )


def rounds(tables: Comparison, found: Sequences) -> Iterator[Phase]:
    """Parts of every date, the sequence where it is a few steps, and columns that name a part."""
    for name, column in tables.table.columns.items():
        sides = tables.series(name)
        if isinstance(column, Datetime):
            parts = Sides(*(calendar(moments(side, column)) for side in sides))
            for part in PARTS:
                if all(part in side for side in parts):
                    lowest = 0.0 if part == "hour" else 1.0
                    cells = Sides(*(side[part] for side in parts))
                    yield Phase(name, part, lowest, MOST[part] + 1, cells)
            continue
        part, low, high = WORDS.get(name.lower().replace("_", ""), ("step", None, None))
        if name != found.name and low is None:
            continue
        times = clock(tables, name) if name == found.name else Sides(*map(_whole, sides))
        known = times.train[~np.isnan(times.train)]
        if not len(known) or np.any(known != np.floor(known)):
            continue
        first, last = float(known.min()), float(known.max())
        if low is not None and high is not None and not (low <= first and last <= high):
            part = "step"
        size = last - first + 2
        if 3 < size <= POSITIONS + 1:
            yield Phase(name, part, first, int(size), Sides(*(_at(t, first, last) for t in times)))


def _whole(series: pl.Series) -> Floats:
    cells = series.cast(pl.Float64, strict=False).fill_null(float("nan"))
    return np.asarray(cells.to_numpy(), np.float64)


def _at(times: Floats, first: float, last: float) -> Ints:
    """The place in the round from 1; 0 where it is missing, or none of train's."""
    inside = (times >= first) & (times <= last) & (times == np.floor(times))
    return np.where(inside, np.where(inside, times, first) - first + 1, 0).astype(np.int64)


def _profile(
    name: str, cells: Sides[Floats], phase: Phase, found: Sequences, drawn: Sides[Floats]
) -> Profile | None:
    tallies = []
    for values, place, strands, groups in zip(
        cells, phase.sides, found.sample, found.groups, strict=True
    ):
        value, here = values[strands.rows], place[strands.rows]
        known = ~np.isnan(value) & (here > 0)
        value, here, group = value[known], here[known], groups[known]
        parts = [total(here, phase.size, group, value**k) for k in range(3)]
        tallies.append(np.stack(parts, axis=-1))
    plain = Sides(*(side.sum(axis=0) for side in tallies))
    where = np.flatnonzero(np.min([side[:, 0] for side in plain], axis=0) >= SEEN)
    if len(where) < 3:
        return None
    drawn_means = [
        averages(redraw(weight, side[:, where]))
        for weight, side in zip(drawn, tallies, strict=True)
    ]
    means = Sides(*(averages(side[where]) for side in plain))
    share = explained(plain.train[where])
    if not share > 1e-6:
        return None
    shares = plain.train[where, 0] / plain.train[where, 0].sum()
    middle = float((shares * means.train).sum())
    unit = max(float(np.sqrt((shares * (means.train - middle) ** 2).sum())), 1e-9)
    return Profile(
        name,
        phase,
        where,
        share,
        Spread(
            float(correlate(means.synthetic, means.train, shares)),
            correlate(drawn_means[0], drawn_means[1], shares),
            float(correlate(means.holdout, means.train, shares)),
        ),
        Spread(
            float(apart(means.synthetic, means.train, shares) / unit),
            apart(drawn_means[0], drawn_means[1], shares) / unit,
            float(apart(means.holdout, means.train, shares) / unit),
        ),
        means,
    )


def averages(sums: Floats) -> Floats:
    """Means from (…, count and sum and square); of a cell without rows the mean of all."""
    count, value = sums[..., 0], sums[..., 1]
    middle = value.sum(axis=-1, keepdims=True) / np.maximum(count.sum(axis=-1, keepdims=True), 1)
    return np.asarray(np.where(count > 0, value / np.maximum(count, 1), middle))


def explained(sums: Floats) -> float:
    """The share of the variance that lies between the cells, less what chance puts there."""
    count, value, square = sums.sum(axis=0)
    whole = square - value**2 / count
    between = float((sums[:, 1] ** 2 / sums[:, 0]).sum() - value**2 / count)
    inner = max(whole - between, 0.0) / max(count - len(sums), 1)
    if not whole > 1e-12:
        return 0.0
    return max(0.0, float((between - (len(sums) - 1) * inner) / whole))


def correlate(left: Floats, right: Floats, shares: Floats) -> Floats:
    """Pearson's correlation over the last axis, cells by their share; 0 where one side is flat."""
    left = left - (shares * left).sum(axis=-1, keepdims=True)
    right = right - (shares * right).sum(axis=-1, keepdims=True)
    scale = np.sqrt((shares * left**2).sum(axis=-1) * (shares * right**2).sum(axis=-1))
    both = (shares * left * right).sum(axis=-1)
    return np.asarray(np.where(scale > 1e-12, both / np.maximum(scale, 1e-12), 0.0))


def apart(left: Floats, right: Floats, shares: Floats) -> Floats:
    """The root mean squared difference over the last axis, cells by their share."""
    return np.asarray(np.sqrt((shares * (left - right) ** 2).sum(axis=-1)))


def weighted(spreads: list[tuple[float, Spread]]) -> Spread:
    """The weighted mean of numbers that were bootstrapped together."""
    whole = sum(weight for weight, _ in spreads)
    return Spread(
        value=sum(weight * one.value for weight, one in spreads) / whole,
        drawn=np.asarray(sum(weight * one.drawn for weight, one in spreads) / whole),
        floor=sum(weight * one.floor for weight, one in spreads) / whole,
    )
