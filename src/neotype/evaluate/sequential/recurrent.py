"""TimeGAN's two scores: can a recurrent network tell windows apart, and learn to look ahead?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import (
    Floats,
    Ints,
    Labels,
    Numbers,
    Sides,
    codes_of_common,
    shares_of,
)
from neotype.evaluate.fidelity.detection import deal
from neotype.evaluate.interval import around
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.sequential.strands import (
    SequenceMeasure,
    Sequences,
    Strands,
    calm,
    quantities,
    sequences,
)
from neotype.evaluate.sequential.telling import FOLDS
from neotype.evaluate.sequential.windows import Windows, windows
from neotype.nn import gru
from neotype.rng import Rng

LABELS = 10
"""Labels of a column that the network tells apart."""

LONGEST = 24
"""Rows of a window, as published."""


class Tensor(NamedTuple):
    """Windows of one side: (windows, rows, features), whose they are, and their folds."""

    cells: Floats
    owners: Ints
    folds: Ints

    def first(self, many: int) -> Tensor:
        """So many of them."""
        return Tensor(self.cells[:many], self.owners[:many], self.folds[:many])


@dataclass(frozen=True)
class RecurrentMeasure(SequenceMeasure):
    """What both scores share: windows, folds by owner, several trained networks.

    `detail`: `runs` [{value, floor}], `length` and number of `windows` of a side.
    """

    steps: int = 2_000
    runs: int = 3
    windows: int = 5_000

    deep: ClassVar[bool] = True
    better: ClassVar[Better] = "lower"
    reference: ClassVar[str] = (
        "Yoon, Jarrett and van der Schaar 2019, Time-series generative adversarial networks"
    )

    def prepare(self, tables: Comparison, rng: Rng) -> tuple[Sequences, Sides[Windows], int]:
        """The windows of all sides; NotMeasurableError without torch."""
        found = sequences(tables)
        if not gru.installed():
            raise NotMeasurableError(
                "it is defined by a recurrent network and needs neotype[deep]: "
                'pip install "neotype[deep]".'
            )
        length = int(np.clip(np.median(found.whole.train.lengths), 2, LONGEST))
        return found, windows(found, length, self.windows, rng), length


@dataclass(frozen=True)
class DiscriminativeScore(RecurrentMeasure):
    """|accuracy − .5| of a recurrent network that tells synthetic windows from real: 0 is best."""

    name: ClassVar[str] = "discriminative_score"
    title: ClassVar[str] = "Discriminative score (GRU)"
    axis: ClassVar[Axis] = "fidelity"
    tolerance: ClassVar[float] = 0.10
    how: ClassVar[str] = (
        "A recurrent network (one layer of gated units, 2,000 steps) learns to tell windows of up "
        "to 24 synthetic rows from holdout windows; the distance of its accuracy from one half on "
        "windows of owners that it did not learn from, mean of three runs."
    )

    def look(self, tables: Comparison) -> Finding:
        """Tell synthetic from holdout; the floor tells train from holdout."""
        rng = tables.rng.child(self.name)
        found, cut, length = self.prepare(tables, rng)
        cells = pictured(tables, found, Sides(*(one.strands for one in cut)))
        sides = Sides(*(_tensor(c, w, rng) for c, w in zip(cells, cut, strict=True)))
        many = min(len(side.cells) for side in sides)
        sides = Sides(*(side.first(many) for side in sides))
        results = [
            tuple(
                self._once(one, sides.holdout, run, rng.child(f"{name} {run}"))
                for name, one in (("told", sides.synthetic), ("floor", sides.train))
            )
            for run in range(self.runs)
        ]
        runs = Runs.of([(told.value, floor.value, told.error) for told, floor in results])
        return Finding(
            value=runs.value,
            interval=around(runs.value, runs.error, high=0.5),
            floor=runs.floor,
            target=0.10,
            meaning=(
                f"A recurrent network is right about {0.5 + runs.value:.1%} of windows of {length} "
                f"rows (50% is guessing; real against real: {0.5 + runs.floor:.1%})."
            ),
            detail={**runs.detail, "length": length, "windows": many, **found.detail},
        )

    def _once(self, one: Tensor, holdout: Tensor, run: int, rng: Rng) -> Judgement:
        cells = np.concatenate([one.cells, holdout.cells])
        truth = np.repeat([1.0, 0.0], [len(one.cells), len(holdout.cells)])
        test = np.concatenate([one.folds, holdout.folds]) == run % FOLDS
        owners = np.concatenate([2 * one.owners, 2 * holdout.owners + 1])[test]
        said = gru.tell(
            cells[~test],
            truth[~test],
            cells[test],
            hidden=max(2, cells.shape[2] // 2),
            steps=self.steps,
            seed=rng.number(),
        )
        right = ((said > 0.5) == (truth[test] > 0.5)).astype(np.float64)
        return Judgement(abs(float(right.mean()) - 0.5), clustered(right, owners))


class Runs(NamedTuple):
    """The mean of several runs, with the standard error of its value, and each of them."""

    value: float
    floor: float
    error: float
    detail: dict[str, list[dict[str, float]]]

    @classmethod
    def of(cls, results: Sequence[tuple[float, float, float]]) -> Self:
        """From value, floor and standard error of each: runs differ, and so do owners."""
        value, floor, error = np.array(results).T
        whole = float(np.sqrt((error**2).mean() + value.var() / len(results)))
        told = [{"value": one, "floor": two} for one, two, _ in results]
        return cls(float(value.mean()), float(floor.mean()), whole, {"runs": told})


class Judgement(NamedTuple):
    """A score of one run, and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class PredictiveScore(RecurrentMeasure):
    """The error of a recurrent forecaster learnt from synthetic rows, on real ones.

    The column that is foretold is `target` where it is a quantity, else the last quantity.
    """

    steps: int = 5_000
    target: str | None = None

    name: ClassVar[str] = "predictive_score"
    title: ClassVar[str] = "Predictive score (GRU)"
    axis: ClassVar[Axis] = "utility"
    tolerance: ClassVar[float] = 0.02
    how: ClassVar[str] = (
        "A recurrent network (one layer of gated units, 5,000 steps) learns from synthetic windows "
        "to foretell one quantity a row ahead from the other columns; its mean absolute error on "
        "holdout windows, in units of train's middle 99 %, mean of three runs. The floor is that "
        "of one that learnt from train."
    )

    def look(self, tables: Comparison) -> Finding:
        """Learn from synthetic and from train, ask of holdout."""
        rng = tables.rng.child(self.name)
        found, cut, length = self.prepare(tables, rng)
        known = [item.name for item in quantities(tables, found) if np.nanstd(calm(item).train) > 0]
        if not known:
            raise NotMeasurableError("the table has no quantity to foretell.")
        wanted = self.target if self.target in known else known[-1]
        strands = Sides(*(one.strands for one in cut))
        (item,) = (item for item in quantities(tables, found) if item.name == wanted)
        sides = pictured(tables, found, strands, without=wanted)
        ahead = Sides(
            *(
                side[one.rows].reshape(-1, length)
                for side, one in zip(calm(item), strands, strict=True)
            )
        )
        truth = ahead.holdout[:, 1:]
        results = []
        for run in range(self.runs):
            off = [
                self._once(sides[k], ahead[k], sides.holdout, truth, rng.child(f"{side} {run}"))
                for k, side in ((0, "told"), (1, "floor"))
            ]
            told, floor = (float(np.nanmean(one)) for one in off)
            worst = np.nan_to_num(np.nanmean(off[0], axis=1), nan=told)
            results.append((told, floor, clustered(worst, cut.holdout.owners)))
        runs = Runs.of(results)
        return Finding(
            value=runs.value,
            interval=around(runs.value, runs.error, high=np.inf),
            floor=runs.floor,
            target=1.05 * runs.floor + 0.002,
            meaning=(
                f"Learnt from synthetic rows, a recurrent network foretells '{wanted}' with a mean "
                f"absolute error of {runs.value:.4f} (learnt from real rows: {runs.floor:.4f})."
            ),
            detail={
                **runs.detail,
                "foretold": wanted,
                "length": length,
                "windows": len(truth),
                **found.detail,
            },
        )

    def _once(self, cells: Floats, ahead: Floats, asked: Floats, truth: Floats, rng: Rng) -> Floats:
        said = gru.forecast(
            cells[:, :-1],
            ahead[:, 1:],
            asked[:, :-1],
            hidden=max(2, cells.shape[2] // 2),
            steps=self.steps,
            seed=rng.number(),
        )
        return np.abs(said - truth)


def _tensor(cells: Floats, cut: Windows, rng: Rng) -> Tensor:
    """Windows in an order of their own, so that the first of them are a fair part."""
    order = rng.child("order").generator().permutation(len(cells))
    folds = cut.folds
    if folds is None:
        folds = deal(len(cells), cut.owners, FOLDS, rng.child("folds").generator())
    return Tensor(cells[order], cut.owners[order], folds[order])


def pictured(
    tables: Comparison, found: Sequences, over: Sides[Strands], without: str | None = None
) -> Sides[Floats]:
    """Windows as the network sees them, (windows, rows, features), nearly all within 0 and 1.

    Quantities in units of train's middle 99 %, flags of common labels and of missing cells, and the
    time since the row before. A table of one quantity foretells it from itself.
    """
    views = [item for item in tables.views if item.name not in (found.name, without)]
    views = views or [item for item in tables.views if item.name == without]
    gaps = found.whole.train.gaps
    unit = float(np.quantile(gaps, 0.99)) if len(gaps) else 0.0
    columns: Sides[list[Floats]] = Sides([], [], [])
    for item in views:
        for column, side in zip(columns, _seen(item, over), strict=True):
            column.append(side)
    for column, one in zip(columns, over, strict=True):
        since = np.diff(one.times, prepend=one.times[:1])
        since[one.starts[:-1]] = 0.0
        column.append(np.clip(since / (unit or 1.0), 0.0, 2.0)[:, None])
    length = int(over.train.lengths[0])
    stacked = (np.concatenate(column, axis=1) for column in columns)
    return Sides(*(side.reshape(-1, length, side.shape[1]) for side in stacked))


def _seen(item: Numbers | Labels, over: Sides[Strands]) -> Sides[Floats]:
    if isinstance(item, Numbers):
        cells = Sides(*(s[one.rows] for s, one in zip(calm(item), over, strict=True)))
        known = cells.train[~np.isnan(cells.train)]
        middle = float(known.mean()) if len(known) else 0.0
        gaps = any(np.isnan(side).any() for side in cells)
        parts = (
            [np.nan_to_num(side, nan=middle)] + [np.isnan(side).astype(np.float64)] * gaps
            for side in cells
        )
        return Sides(*(np.stack(part, axis=1) for part in parts))
    most = min(LABELS, len(item.words))
    code = codes_of_common(shares_of(item.sides.train, item.size), most)
    flags = np.eye(most + 2)
    return Sides(*(flags[code[s[one.rows]]] for s, one in zip(item.sides, over, strict=True)))


def clustered(values: Floats, owners: Ints) -> float:
    """The standard error of a mean of windows that belong to owners."""
    _, owner = np.unique(owners, return_inverse=True)
    many = int(owner.max()) + 1
    if many < 2:
        return 0.5
    sums = np.bincount(owner, values - values.mean())
    return float(np.sqrt((sums**2).sum() * many / (many - 1)) / len(values))
