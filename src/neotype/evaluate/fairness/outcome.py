"""What counts as the good outcome, and how often each group has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fairness.groups import FEWEST
from neotype.evaluate.features import Floats, Ints, Sides
from neotype.evaluate.interval import GROUPS, redraw, tally
from neotype.evaluate.metric import NotMeasurableError
from neotype.evaluate.task import Task
from neotype.evaluate.utility import duels
from neotype.evaluate.utility.duels import Duel


@dataclass(frozen=True)
class Outcome:
    """The target as positive (1) or not (0), NaN where it is missing; `words` say what is positive.

    Positive is the rarer of two classes, the most frequent of more, a quantity above train's
    median.
    """

    task: Task
    words: str
    sides: Sides[Floats]
    positive: float

    @classmethod
    def of(cls, tables: Comparison, target: str | None) -> Outcome:
        """The outcome that the target tells; or the reason why it tells none."""
        if target is None:
            raise NotMeasurableError("no target column was named.")
        item = {view.name: view for view in tables.views}.get(target)
        if item is None:
            reason = tables.left_out.get(target, "it is not there")
            raise NotMeasurableError(f"'{target}' cannot be predicted: {reason}.")
        task = Task.of(item, most=duels.CLASSES)
        known = task.truth.train[~np.isnan(task.truth.train)]
        if task.kind == "regression":
            positive = float(np.quantile(known, 0.5, method="lower"))
            sides = Sides(*(_where(side, side > positive) for side in task.truth))
            words = f"{target} above its median in train"
        else:
            counts = np.bincount(known.astype(np.int64), minlength=task.classes)
            positive = float(np.argmin(counts) if task.kind == "binary" else 0)
            sides = Sides(*(_where(side, side == positive) for side in task.truth))
            words = f"{target} = '{task.names[int(positive)]}'"
        many = int(np.nansum(sides.train))
        if many < FEWEST or np.isfinite(sides.train).sum() - many < FEWEST:
            raise NotMeasurableError(f"'{target}' is the same in all but {FEWEST} train rows.")
        return cls(task, words, sides, positive)

    def chosen(self, told: Floats) -> NDArray[np.bool_]:
        """Which rows a model's answers call positive.

        Of chances and quantities the highest, as many as are positive among train rows: models
        that answer on different scales are compared at one rate.
        """
        if self.task.kind == "multiclass":
            return np.asarray(told == self.positive)
        scores = -told if self.task.kind == "binary" and self.positive == 0 else told
        share = float(np.nanmean(self.sides.train))
        return np.asarray(scores > np.quantile(scores, 1 - share, method="lower"))


def _where(side: Floats, positive: NDArray[np.bool_]) -> Floats:
    return np.asarray(np.where(np.isnan(side), np.nan, positive))


@dataclass(frozen=True)
class Rates:
    """How often each group is positive: rows, the rate, and bootstrapped rates, (draws, groups)."""

    rows: Floats
    plain: Floats
    drawn: Floats

    @classmethod
    def of(
        cls,
        codes: Ints,
        size: int,
        positive: Floats | NDArray[np.bool_],
        groups: Ints,
        weights: Floats,
    ) -> Rates:
        """Count rows that are known to be positive or not; codes from `size` on are no group."""
        known = np.flatnonzero((codes < size) & np.isfinite(positive))
        joint = codes[known] * 2 + positive[known].astype(np.int64)
        counts = tally(joint, 2 * size, groups[known]).reshape(GROUPS, size, 2)
        drawn = redraw(weights, counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            return cls(
                rows=counts.sum(axis=(0, 2)),
                plain=_rate(counts.sum(axis=0)),
                drawn=_rate(drawn),
            )

    def gap(self, kept: Ints) -> tuple[float, Floats]:
        """The highest rate less the lowest of the groups kept, and bootstrapped, (draws,)."""
        return float(np.ptp(self.plain[kept])), np.ptp(self.drawn[:, kept], axis=1)


def _rate(counts: Floats) -> Floats:
    return np.asarray(counts[..., 1] / counts.sum(axis=-1))


def large(*sides: Rates, rows: int = FEWEST) -> Ints:
    """The groups with enough rows on every side."""
    return np.flatnonzero(np.all([side.rows >= rows for side in sides], axis=0))


def duel(tables: Comparison, outcome: Outcome) -> Duel:
    """The models of train on synthetic, test on real: trained once for all measures."""
    return duels.duel(tables, outcome.task.column)


def unlike(outcome: Outcome, fought: Duel, error: float, other: float) -> float:
    """The standard error of the difference between two models, given those of their own numbers.

    Chance in training is no part of a bootstrap of test rows. It is counted as if the number had
    also to be estimated from the rows that were learnt, and the models' errors as independent.
    """
    learnt = min(int(np.isfinite(side).sum()) for side in outcome.sides[:2])
    chance = len(fought.asked) / max(1, min(learnt, duels.ROWS))
    return float(np.hypot(error, other) * np.sqrt(1 + chance))
