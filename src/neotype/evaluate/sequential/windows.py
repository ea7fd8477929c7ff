"""Can a classifier tell a few synthetic rows on end from real ones?"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Features, Floats, Ints, Sides
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.sequential.strands import SequenceMeasure, Sequences, Strands, sequences
from neotype.evaluate.sequential.summaries import summarise
from neotype.evaluate.sequential.telling import FOLDS, Shown, Told, against_holdout
from neotype.rng import Rng

WINDOWS = 50
"""Windows that each side needs."""

STRETCHES = 40
"""Stretches of time of one long series that folds are made of."""


class Windows(NamedTuple):
    """Windows of equal length as strands of their own, and the owner of each."""

    strands: Strands
    owners: Ints
    folds: Ints | None


@dataclass(frozen=True)
class WindowMeasure(SequenceMeasure):
    """What detectors of windows share: which windows, which folds.

    `detail`: value, interval, rows, importance [{column, share}], roc [[x, y]]; `floor` the same of
    train; `length` of a window; `folds_by` "owner" or "time".
    """

    windows: int = 5_000
    trees: int = 100

    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.10
    reference: ClassVar[str] = "Lopez-Paz and Oquab 2017, Revisiting classifier two-sample tests"
    what: ClassVar[str]

    @abstractmethod
    def length(self, found: Sequences) -> int:
        """Rows of a window."""

    @abstractmethod
    def show(self, tables: Comparison, found: Sequences, cut: Sides[Windows]) -> Features:
        """What the detector sees of each window."""

    def look(self, tables: Comparison) -> Finding:
        """Tell windows of synthetic from those of holdout; the floor tells train's from these."""
        found = sequences(tables)
        length = self.length(found)
        rng = tables.rng.child(self.name)
        cut = windows(found, length, self.windows, rng)
        shown = self.show(tables, found, cut)
        sides = {
            side: Shown(cells, one.owners, one.folds)
            for (side, cells), one in zip(shown.sides._asdict().items(), cut, strict=True)
        }
        told, floor = against_holdout(shown, sides, most=self.windows, trees=self.trees, rng=rng)
        return self._finding(told, floor, shown, found, length, cut.holdout.folds is None)

    def _finding(
        self,
        told: Told,
        floor: Told,
        shown: Features,
        found: Sequences,
        length: int,
        owned: bool,
    ) -> Finding:
        return Finding(
            value=told.value,
            interval=told.interval,
            floor=floor.value,
            target=0.60,
            meaning=(
                f"A detector tells {self.what.format(length=length)} from real ones with AUC "
                f"{told.value:.3f} (0.5 is guessing; real against real: {floor.value:.3f})."
            ),
            detail={
                **told.words(shown),
                "floor": floor.words(shown),
                "length": length,
                "folds_by": "owner" if owned else "time",
                **found.detail,
                "rows": told.rows,
            },
        )


@dataclass(frozen=True)
class WindowDetection(WindowMeasure):
    """The AUC of a detector of three rows on end, side by side: 0.5 cannot be told apart."""

    name: ClassVar[str] = "window_detection"
    title: ClassVar[str] = "Detectability of rows on end"
    what: ClassVar[str] = "{length} synthetic rows on end"
    how: ClassVar[str] = (
        "Gradient-boosted trees see three rows of an owner on end, side by side, and learn to tell "
        "synthetic from equally many holdout ones; windows do not overlap, and folds never part an "
        "owner (of one long series, a stretch of time). ROC AUC on windows not learnt from."
    )

    def length(self, found: Sequences) -> int:
        """Three."""
        return 3

    def show(self, tables: Comparison, found: Sequences, cut: Sides[Windows]) -> Features:
        """The cells of every row, and the time to the next; the time itself of owners alone."""
        rows = tables.features
        absolute = [
            k for k, name in enumerate(rows.names) if name == found.name and not found.owned
        ]
        keep = [k for k in range(len(rows.names)) if k not in absolute]
        later = [k for k in keep if rows.names[k] != found.name]
        sides = (
            _side_by_side(cells, one.strands, keep, later)
            for cells, one in zip(rows.sides, cut, strict=True)
        )
        places = [*((0, k) for k in keep), *((row, k) for row in (1, 2) for k in later)]
        return Features(
            (*(f"{rows.names[k]} of row {row + 1}" for row, k in places), "gap 1", "gap 2"),
            (*(rows.sources[k] for _, k in places), found.name, found.name),
            tuple(at for at, (_, k) in enumerate(places) if k in rows.categorical),
            Sides(*sides),
        )


def _side_by_side(cells: Floats, one: Strands, keep: list[int], later: list[int]) -> Floats:
    at = one.rows.reshape(-1, 3)
    times = one.times.reshape(-1, 3)
    first = cells[at[:, 0]][:, keep]
    second, third = (cells[at[:, row]][:, later] for row in (1, 2))
    return np.concatenate([first, second, third, np.diff(times, axis=1)], axis=1)


@dataclass(frozen=True)
class SummaryDetection(WindowMeasure):
    """The AUC of a detector of what windows of up to 12 rows sum up to."""

    most_rows: int = 12

    name: ClassVar[str] = "summary_detection"
    title: ClassVar[str] = "Detectability of summaries of rows on end"
    what: ClassVar[str] = "summaries of {length} synthetic rows on end"
    how: ClassVar[str] = (
        "Gradient-boosted trees see of up to 12 rows of an owner on end the mean, deviation, "
        "slope, least, most and change of each quantity, shares and changes of labels, and gaps "
        "of time, and learn to tell synthetic from equally many holdout windows; folds never part "
        "an owner."
    )

    def length(self, found: Sequences) -> int:
        """As long as the median owner of train, within 2 and `most_rows`."""
        return int(np.clip(np.median(found.whole.train.lengths), 2, self.most_rows))

    def show(self, tables: Comparison, found: Sequences, cut: Sides[Windows]) -> Features:
        """Means, deviations, slopes, ends, shares."""
        return summarise(tables, found, Sides(*(one.strands for one in cut)))


def windows(found: Sequences, length: int, most: int, rng: Rng) -> Sides[Windows]:
    """At most so many windows of each side, none of which overlap, and their folds.

    Folds are whole owners. Where owners are few, or one has most windows, or where there are none,
    they are stretches of time, and of one long series these are the same on all sides.
    """
    cut = [
        _cut(strands, length, rng.child(f"windows of {side}"))
        for side, strands in found.whole._asdict().items()
    ]
    for side, one in zip(Sides._fields, cut, strict=True):
        if len(one.lengths) < WINDOWS:
            raise NotMeasurableError(
                f"the {side} table has {len(one.lengths)} windows of {length} rows of one owner, "
                f"and this measure needs {WINDOWS}."
            )
    owners = [_owners(one, strands) for one, strands in zip(cut, found.whole, strict=True)]
    kept = [
        _some(one, owner, most, rng.child(f"chosen windows of {side}"))
        for side, one, owner in zip(Sides._fields, cut, owners, strict=True)
    ]
    if found.owned and all(_many(owner) for _, owner in kept):
        return Sides(*(Windows(one, owner, None) for one, owner in kept))
    if found.owned:
        return Sides(*(_by_time(one, rng) for one, _ in kept))
    return _same_times(Sides(*(one for one, _ in kept)), rng)


def _cut(strands: Strands, length: int, rng: Rng) -> Strands:
    """Windows on end from a random first row of each strand; what is left over is left out."""
    spare = strands.lengths % length
    many = strands.lengths // length
    begin = rng.generator().random(len(spare)) * (spare + 1)
    first = strands.starts[:-1] + np.minimum(begin.astype(np.int64), spare)
    window = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    starts = np.repeat(first, many) + window * length
    places = (starts[:, None] + np.arange(length)).ravel()
    return Strands(strands.rows[places], strands.times[places], np.arange(len(starts) + 1) * length)


def _owners(cut: Strands, strands: Strands) -> Ints:
    """The strand that each window is of."""
    strand = np.empty(int(strands.rows.max()) + 1, np.int64)
    strand[strands.rows] = strands.strand
    return strand[cut.rows[cut.starts[:-1]]]


def _some(cut: Strands, owners: Ints, most: int, rng: Rng) -> tuple[Strands, Ints]:
    chosen = np.sort(rng.generator().permutation(len(owners))[:most])
    length = int(cut.lengths[0])
    return cut.take(chosen, most * length), owners[chosen]


def _many(owners: Ints) -> bool:
    """Whether owners are many enough, and none too large, to be dealt to folds."""
    sizes = np.bincount(owners)
    return int((sizes > 0).sum()) >= 2 * FOLDS and int(sizes.max()) <= len(owners) / FOLDS


def _by_time(one: Strands, rng: Rng) -> Windows:
    """Windows in stretches of each side's own, in the order of owners and times."""
    many = len(one.lengths)
    stretch = np.arange(many) * STRETCHES // many
    return Windows(one, stretch, _dealt(stretch, rng))


def _same_times(cut: Sides[Strands], rng: Rng) -> Sides[Windows]:
    """Stretches of equal length of the holdout's time; of synthetic windows those within them.

    A detector that saw other times of synthetic rows would tell times, not rows. Where too few
    synthetic rows are of a time of the holdout, all are taken: the series is a path of its own.
    """
    begin = [one.times[one.starts[:-1]] for one in cut]
    order = np.sort(begin[2])
    edges = order[np.arange(1, STRETCHES) * len(order) // STRETCHES]
    stretch = [np.searchsorted(edges, times, side="right") for times in begin]
    low, high = (end(begin[2], stretch[2]) for end in (_least, _most))
    inside = (begin[0] >= low[stretch[0]]) & (begin[0] <= high[stretch[0]])
    one = cut.synthetic
    if int(inside.sum()) >= WINDOWS:
        one = one.take(np.flatnonzero(inside), len(one.rows))
        stretch[0] = stretch[0][inside]
    return Sides(
        *(
            Windows(strands, here, _dealt(here, rng))
            for strands, here in zip((one, cut.train, cut.holdout), stretch, strict=True)
        )
    )


def _least(times: Floats, stretch: Ints) -> Floats:
    out = np.full(STRETCHES, np.inf)
    np.minimum.at(out, stretch, times)
    return out


def _most(times: Floats, stretch: Ints) -> Floats:
    out = np.full(STRETCHES, -np.inf)
    np.maximum.at(out, stretch, times)
    return out


def _dealt(stretch: Ints, rng: Rng) -> Ints:
    """The fold of each stretch: the same on every side."""
    home = rng.child("folds of stretches").generator().permutation(STRETCHES) % FOLDS
    return home[stretch]
