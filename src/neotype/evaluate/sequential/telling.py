"""Detectors of rows that belong together: folds never part an owner, or a stretch of time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neotype.evaluate import boosting
from neotype.evaluate.features import Features, Floats, Ints
from neotype.evaluate.fidelity.detection import deal, importance
from neotype.evaluate.interval import around, auc, clustered_error, roc
from neotype.rng import Rng

FOLDS = 5


class Shown(NamedTuple):
    """Rows of one side as a detector is shown them, and whose they are.

    `folds` may say which fold a row is of: of a series, both sides share the times of a fold.
    """

    cells: Floats
    owners: Ints
    folds: Ints | None = None

    def draw(self, rows: int, rng: Rng) -> Shown:
        """So many rows, shuffled."""
        chosen = rng.generator().permutation(len(self.cells))[:rows]
        folds = None if self.folds is None else self.folds[chosen]
        return Shown(self.cells[chosen], self.owners[chosen], folds)


class Told(NamedTuple):
    """An AUC, its interval, and what gave the rows away."""

    value: float
    interval: tuple[float, float]
    gains: Floats
    curve: list[list[float]]
    rows: int

    def words(self, shown: Features) -> dict[str, Any]:
        """What lies behind the number, for the detail of a score."""
        return {
            "value": self.value,
            "interval": self.interval,
            "rows": self.rows,
            "importance": importance(shown, self.gains)[:10],
            "roc": self.curve,
        }


def tell(
    shown: Features, positive: Shown, negative: Shown, *, most: int, trees: int, rng: Rng
) -> Told:
    """How well boosted trees tell equally many rows of two sides apart, in cross-validation.

    Rows and folds are drawn from different streams: with a common seed sorted tables score below
    one half against their own copy.
    """
    rows = min(len(positive.cells), len(negative.cells), most)
    sides = [
        side.draw(rows, rng.child(f"rows of {name}"))
        for name, side in (("positive", positive), ("negative", negative))
    ]
    fold = np.concatenate(
        [
            deal(rows, side.owners, FOLDS, rng.child(f"folds of {name}").generator())
            if side.folds is None
            else side.folds
            for name, side in zip(("positive", "negative"), sides, strict=True)
        ]
    )
    cells = np.concatenate([side.cells for side in sides])
    truth = np.repeat([1.0, 0.0], rows)
    leaf = int(np.clip(rows // 25, 3, 20))
    settings = boosting.parameters("binary", rng.number(), num_leaves=15, min_data_in_leaf=leaf)
    data = boosting.bins(cells, truth, shown.categorical, settings)

    def one(k: int) -> tuple[Floats, Floats]:
        part = data.subset(np.flatnonzero(fold != k).tolist()).construct()
        booster = boosting.grow(part, settings, trees)
        gain = np.asarray(booster.feature_importance("gain"), np.float64)
        return boosting.predict(booster, cells[fold == k]), gain

    scores, values, gains = np.empty(2 * rows), [], []
    for k, (predicted, gain) in enumerate(boosting.side_by_side(one, range(FOLDS))):
        scores[fold == k] = predicted
        real = truth[fold == k] == 0
        values.append(auc(predicted[~real], predicted[real])[0])
        gains.append(gain)
    value = float(np.mean(values))
    error = clustered_error(scores[:rows], scores[rows:], (sides[0].owners, sides[1].owners))
    return Told(
        value,
        around(value, error),
        np.sum(gains, axis=0),
        roc(scores[:rows], scores[rows:]),
        rows,
    )


def against_holdout(
    shown: Features,
    sides: dict[str, Shown],
    *,
    most: int,
    trees: int,
    rng: Rng,
) -> tuple[Told, Told]:
    """Synthetic told from holdout, and, as the floor, train from holdout in equal number."""
    told = tell(
        shown, sides["synthetic"], sides["holdout"], most=most, trees=trees, rng=rng.child("told")
    )
    floor = tell(
        shown, sides["train"], sides["holdout"], most=told.rows, trees=trees, rng=rng.child("floor")
    )
    return told, floor
