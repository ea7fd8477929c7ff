"""What made rows gain: classifiers with and without them, all tested on real rows apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.errors import DataError
from neotype.evaluate import boosting
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.interval import auc
from neotype.evaluate.task import without
from neotype.evaluate.utility.augmentation import average_precision
from neotype.rng import Rng
from neotype.schema.condition import Condition
from neotype.tasks.shares import words

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TREES = 100
FEWEST = 10
"""Holdout rows of the class, and of the others, below which nothing is measured."""
DRAWS = 200


@dataclass(frozen=True)
class Way:
    """One way of learning, and how well it finds the class in real rows; F1 and the balanced
    accuracy are those of calling a row of the class when its chance is above a half."""

    name: str
    auc: float
    pr_auc: float
    balanced_accuracy: float
    f1: float


@dataclass(frozen=True)
class Gain:
    """How well a class is found with made rows, beside what costs nothing.

    `interval`: 95 % of the gain in PR AUC over the real rows alone, by bootstrap of the holdout.
    """

    of: str
    ways: tuple[Way, ...]
    interval: tuple[float, float]
    rows: int

    @property
    def verdict(self) -> str:
        """In words, whether the made rows helped."""
        alone, made = self.ways[0], self.ways[-1]
        change = made.pr_auc - alone.pr_auc
        low, high = self.interval
        said = f"the PR AUC goes from {alone.pr_auc:.3f} to {made.pr_auc:.3f} ({change:+.3f}"
        said += f", 95 % {low:+.3f} to {high:+.3f})"
        if low > 0:
            return f"made rows help to rank {self.of}: {said}"
        if high < 0:
            return f"made rows harm the ranking of {self.of}: {said}"
        free = max(self.ways[:-1], key=lambda way: way.balanced_accuracy)
        if made.balanced_accuracy > free.balanced_accuracy + 0.005:
            return f"made rows rank {self.of} no better, but find more of it: {said}"
        return f"made rows gain nothing over '{free.name}', which is free: {said}"


def gain(real: Dataset, made: Dataset, holdout: Dataset, one: Condition, rng: Rng) -> Gain:
    """Find rows that meet the condition, after learning in four ways; DataError where too few."""
    truth = {
        side: one.holds(data.frame[one.column]).to_numpy()
        for side, data in (("real", real), ("made", made), ("holdout", holdout))
    }
    positive = truth["holdout"]
    if min(positive.sum(), (~positive).sum()) < FEWEST:
        raise DataError(
            f"the holdout has {int(positive.sum())} rows with {words(one)} and "
            f"{int((~positive).sum())} others: too few to measure a gain.",
            mend=f"give a holdout with {FEWEST} or more of both, or measure none",
        )
    shown = Comparison(made, real, holdout, rng).features
    kept, categorical = without(shown, one.column)
    cells = {
        "real": shown.sides.train[:, kept],
        "made": shown.sides.synthetic[:, kept],
        "holdout": shown.sides.holdout[:, kept],
    }
    told = _answers(cells, truth, categorical, rng)
    ways = tuple(_judged(name, positive, each) for name, each in told.items())
    alone, *_, last = told.values()
    return Gain(words(one), ways, _spread(positive, alone, last, rng), len(positive))


def _answers(
    cells: dict[str, Floats], truth: dict[str, Bools], categorical: tuple[int, ...], rng: Rng
) -> dict[str, Floats]:
    """The chance of each holdout row by four ways of learning."""
    yes = truth["real"]
    weight = np.where(yes, (~yes).sum() / max(1, yes.sum()), 1.0)
    fewer, more = (yes, ~yes) if yes.sum() <= (~yes).sum() else (~yes, yes)
    again = (
        rng.child("again")
        .generator()
        .choice(np.flatnonzero(fewer), max(0, int(more.sum() - fewer.sum())))
    )
    every = np.r_[np.arange(len(yes)), again]
    lessons: dict[str, tuple[Floats, Bools, Floats | None]] = {
        "real rows alone": (cells["real"], yes, None),
        "class weights": (cells["real"], yes, weight),
        "rows repeated": (cells["real"][every], yes[every], None),
        "with made rows": (
            np.concatenate([cells["real"], cells["made"]]),
            np.r_[yes, truth["made"]],
            None,
        ),
    }
    seed = rng.child("trees").number()

    def learnt(lesson: tuple[Floats, Bools, Floats | None]) -> Floats:
        chance: Floats = classifier(*lesson, categorical, seed)(cells["holdout"])
        return chance

    answers = boosting.side_by_side(learnt, lessons.values())
    return dict(zip(lessons, answers, strict=True))


def classifier(
    cells: Floats, truth: Bools, weight: Floats | None, categorical: tuple[int, ...], seed: int
) -> Any:
    """Boosted trees that give the chance of a row."""
    if not np.ptp(truth.astype(int)):
        return lambda asked: np.full(len(asked), float(truth[0]))
    settings = boosting.parameters("binary", seed, learning_rate=0.1)
    data = boosting.bins(cells, truth.astype(np.float64), categorical, settings)
    if weight is not None:
        data.set_weight(weight)
    booster = boosting.grow(data, settings, TREES)
    return lambda asked: boosting.predict(booster, asked)


def _judged(name: str, positive: Bools, told: Floats) -> Way:
    called = told > 0.5
    recall = float(called[positive].mean())
    spared = float((~called[~positive]).mean())
    f1 = 2 * float((called & positive).sum()) / float(called.sum() + positive.sum())
    return Way(
        name,
        auc(told[positive], told[~positive])[0],
        average_precision(positive, told),
        (recall + spared) / 2,
        f1,
    )


def _spread(positive: Bools, one: Floats, other: Floats, rng: Rng) -> tuple[float, float]:
    """95 % of the difference in PR AUC, by common bootstrap draws of the holdout rows."""
    generator = rng.child("bootstrap").generator()
    found = []
    for _ in range(DRAWS):
        rows = generator.integers(len(positive), size=len(positive))
        if 0 < positive[rows].sum() < len(rows):
            found.append(
                average_precision(positive[rows], other[rows])
                - average_precision(positive[rows], one[rows])
            )
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
