"""Rows in the order of time, owner by owner: what every measure of sequences looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from neotype.data import Dataset
from neotype.evaluate.comparison import ROWS, Comparison
from neotype.evaluate.features import Floats, Ints, Labels, Numbers, Sides, labels, numbers
from neotype.evaluate.interval import GROUPS
from neotype.evaluate.metric import Measure, NotMeasurableError, Scope
from neotype.rng import Rng
from neotype.schema.schema import Ordinal

SHORTEST = 5
"""Rows on end that the holdout of one long series needs on average."""


@dataclass(frozen=True)
class SequenceMeasure(Measure):
    """A measure of rows in an order: in a database it is told whose they are."""

    scope: ClassVar[Scope] = "sequence"


@dataclass(frozen=True)
class Strands:
    """Rows of a table in the order of time. A strand is an unbroken run of rows of one owner.

    `rows` (n,) are positions in the frame, `times` (n,) seconds or steps, `starts` (strands + 1,)
    says where in `rows` each strand begins. Equal times keep the order of the frame.
    """

    rows: Ints
    times: Floats
    starts: Ints

    @property
    def lengths(self) -> Ints:
        """The number of rows of each strand."""
        return np.diff(self.starts)

    @cached_property
    def strand(self) -> Ints:
        """The number of the strand that each row is of, (n,)."""
        return np.repeat(np.arange(len(self.starts) - 1), self.lengths)

    def pairs(self, lag: int) -> Ints:
        """The places whose row `lag` further on is of the same strand."""
        if lag >= len(self.rows):
            return np.empty(0, np.int64)
        return np.flatnonzero(self.strand[lag:] == self.strand[:-lag])

    @property
    def gaps(self) -> Floats:
        """The time from each row to the next of its strand."""
        here = self.pairs(1)
        return self.times[here + 1] - self.times[here]

    def take(self, chosen: Ints, most: int) -> Strands:
        """These strands, in this order, until there are `most` rows; the last is cut to fit."""
        lengths = self.lengths[chosen]
        before = np.cumsum(lengths) - lengths
        chosen, lengths, before = (one[before < most] for one in (chosen, lengths, before))
        lengths = np.minimum(lengths, most - before)
        places = np.repeat(self.starts[:-1][chosen] - before, lengths) + np.arange(lengths.sum())
        starts = np.r_[0, np.cumsum(lengths)].astype(np.int64)
        return Strands(self.rows[places], self.times[places], starts)

    def cut(self, length: int) -> Strands:
        """The same rows in strands of so many; what is left at the end of a strand is one more."""
        place = np.arange(len(self.rows)) - self.starts[:-1][self.strand]
        return Strands(
            self.rows, self.times, np.r_[np.flatnonzero(place % length == 0), [place.size]]
        )


@dataclass(frozen=True)
class Sequences:
    """The strands of the three tables.

    `owned`: whether rows have owners; else each table is one long series, in pieces where rows of
    the other real table lie between. `sample` holds equally many rows of synthetic and holdout,
    `groups` the bootstrap group of each of its rows: whole owners, or stretches of time.
    """

    name: str
    owned: bool
    whole: Sides[Strands]
    sample: Sides[Strands]
    groups: Sides[Ints]
    notes: tuple[str, ...]

    @property
    def detail(self) -> dict[str, Any]:
        """What every score of sequences says beside its numbers."""
        return {
            "sequence": self.name,
            "owned": self.owned,
            "strands": {side: len(one.lengths) for side, one in self.sample._asdict().items()},
            "rows": {side: len(one.rows) for side, one in self.sample._asdict().items()},
            "notes": list(self.notes),
        }


def sequences(tables: Comparison) -> Sequences:
    """The strands of these tables; NotMeasurableError where the schema names no sequence."""
    return tables.kept("sequences", lambda: _sequences(tables))


def _sequences(tables: Comparison) -> Sequences:
    name = tables.table.sequence
    if name is None:
        raise NotMeasurableError(
            "the schema names no sequence, the column that orders rows (a date, a step)."
        )
    owned = tables.table.entity is not None
    times = clock(tables, name)
    ordered = [
        _order(data, tables.table.entity, time)
        for data, time in zip(tables.datasets, times, strict=True)
    ]
    notes = [
        f"{data.rows - len(one.rows):,} of {data.rows:,} {side} rows have no time or no owner and "
        f"are left out"
        for (side, data), one in zip(tables.datasets._asdict().items(), ordered, strict=True)
        if len(one.rows) < data.rows
    ]
    if any(not len(one.rows) for one in ordered):
        raise NotMeasurableError(f"on one side no row has both an owner and a '{name}'.")
    if not owned:
        ordered = _pieces(*ordered)
    whole = Sides(*ordered)
    equal = min(len(whole.synthetic.rows), len(whole.holdout.rows), ROWS)
    wanted = Sides(equal, min(len(whole.train.rows), 2 * ROWS), equal)
    sample = Sides(
        *(
            _some(strands, most, owned, tables.rng.child(f"strands of {side}"))
            for (side, strands), most in zip(whole._asdict().items(), wanted, strict=True)
        )
    )
    groups = Sides(
        *(
            _grouped(strands, owned, tables.rng.child(f"groups of strands of {side}"))
            for side, strands in sample._asdict().items()
        )
    )
    return Sequences(name, owned, whole, sample, groups, tuple(notes))


def clock(tables: Comparison, name: str) -> Sides[Floats]:
    """When each row is: seconds, steps, or the place of an ordered label; NaN where missing."""
    column, sides = tables.table.columns[name], tables.series(name)
    if column.kind in ("datetime", "duration"):
        return Sides(*(numbers(side, column, column.kind) for side in sides))
    if all(side.dtype.is_numeric() for side in sides):
        return Sides(*(numbers(side, column, "numeric") for side in sides))
    codes, words = labels(sides)
    rank = np.arange(len(words) + 1, dtype=np.float64)
    rank[0] = np.nan
    if isinstance(column, Ordinal):
        order = {str(value): place for place, value in enumerate(column.values)}
        rank[1:] = [order.get(word, np.nan) for word in words]
    return Sides(*(rank[side] for side in codes))


def _order(data: Dataset, entity: str | None, times: Floats) -> Strands:
    """The rows that have a time and an owner, owner by owner."""
    owners = np.ones(data.rows, np.int64)
    if entity is not None:
        owners = data.frame[entity].rank("dense").fill_null(0).to_numpy().astype(np.int64)
    rows = np.flatnonzero(~np.isnan(times) & (owners > 0))
    rows = rows[np.lexsort((times[rows], owners[rows]))]
    here = owners[rows]
    starts = np.r_[np.flatnonzero(np.r_[True, here[1:] != here[:-1]][: len(here)]), len(rows)]
    return Strands(rows, times[rows], starts)


def _pieces(synthetic: Strands, train: Strands, holdout: Strands) -> list[Strands]:
    """One long series, cut where the split took rows out; synthetic in pieces like the holdout's.

    Rows of the holdout between two rows of train are a cut of train, and the other way round.
    """
    held, learnt = _apart(holdout, train.times), _apart(train, holdout.times)
    typical = len(held.rows) / len(held.lengths)
    if typical < min(SHORTEST, len(held.rows)):
        raise NotMeasurableError(
            f"rows of the holdout lie singly between those of train ({typical:.1f} on end): a "
            f"series is held out in blocks, or at its end."
        )
    return [synthetic.cut(max(1, round(typical))), learnt, held]


def _apart(mine: Strands, others: Floats) -> Strands:
    others = np.sort(others)
    upto = np.searchsorted(others, mine.times[1:], "left")
    between = upto - np.searchsorted(others, mine.times[:-1], "right") > 0
    starts = np.r_[0, np.flatnonzero(between) + 1, len(mine.rows)]
    return Strands(mine.rows, mine.times, starts)


def _some(strands: Strands, most: int, owned: bool, rng: Rng) -> Strands:
    """Whole strands with `most` rows in all: by chance, or of a series one from each stretch.

    Pieces at even distances would all be of one season.
    """
    many, generator = len(strands.lengths), rng.generator()
    if owned:
        return strands.take(generator.permutation(many), most)
    wanted = max(1, min(many, round(most / max(1, len(strands.rows)) * many)))
    spaced = ((np.arange(wanted) + generator.random(wanted)) * many / wanted).astype(np.int64)
    return strands.take(spaced, most)


def _grouped(strands: Strands, owned: bool, rng: Rng) -> Ints:
    """Whole strands by chance; of one long series stretches of time, of equal length."""
    if owned:
        many = len(strands.lengths)
        return (rng.generator().permutation(many) % GROUPS)[strands.strand]
    place = np.empty(len(strands.rows), np.int64)
    place[np.argsort(strands.times, kind="stable")] = np.arange(len(strands.rows))
    return place * GROUPS // max(1, len(strands.rows))


def quantities(tables: Comparison, found: Sequences) -> list[Numbers]:
    """Columns that are quantities, but the sequence itself, dates, and lengths of texts."""
    return [
        item
        for item in tables.views
        if isinstance(item, Numbers)
        and item.name != found.name
        and item.kind not in ("text", "json", "datetime")
    ]


def states(tables: Comparison, found: Sequences) -> list[Labels]:
    """Columns of labels, but the sequence itself."""
    return [v for v in tables.views if isinstance(v, Labels) and v.name != found.name]


def calm(item: Numbers) -> Sides[Floats]:
    """The column in units of train's middle 99 %, held within one such unit beyond it.

    One cell of 1e300 would decide on every mean; here it is merely the largest.
    """
    known = item.sides.train[~np.isnan(item.sides.train)]
    if not len(known):
        return Sides(*(np.full(len(side), np.nan) for side in item.sides))
    low, high = (float(end) for end in np.quantile(known, [0.005, 0.995]))
    if not high > low:
        low, high = float(known.min()), float(known.max())
    unit = high - low if high > low else 1.0
    return Sides(*(np.clip((side - low) / unit, -1.0, 2.0) for side in item.sides))


def worst_of(values: Mapping[str, tuple[float, float]]) -> str:
    """The name whose value is furthest above its floor."""
    return max(values, key=lambda name: values[name][0] - values[name][1])
