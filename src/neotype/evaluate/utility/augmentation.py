"""Does a model learn more from real and synthetic rows together than from the real ones alone?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neotype.evaluate import boosting
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats
from neotype.evaluate.interval import around, resample, spread
from neotype.evaluate.learner import Boosted
from neotype.evaluate.metric import Axis, Better, Finding, Interval, Measure, NotMeasurableError
from neotype.evaluate.task import decide
from neotype.evaluate.utility.duels import TREES, Exam, drawn, exam, scored

FEWEST = 10
"""Holdout rows of the rarest class below which nothing is said of it."""


@dataclass(frozen=True)
class AugmentationGain(Measure):
    """What synthetic rows, added to the real ones, do to a model of the target (0 = nothing).

    The score of a model that learns from train and as many synthetic rows, less that of one that
    learns from train alone, on the same holdout rows. Rows made from train hold nothing that train
    does not, so a gain is regularisation and none is no fault: good is not to harm. The floor
    is what fresh real rows would do: half of the holdout added, tested on the other half. `share`
    of the train rows stands for a user who has few rows of their own (in the detail).
    """

    target: str | None = None
    share: float = 0.05

    name: ClassVar[str] = "augmentation_gain"
    title: ClassVar[str] = "Real and synthetic rows together"
    how: ClassVar[str] = (
        "A model learns the target from the real train rows and as many synthetic ones, another "
        "from the train rows alone; the number is the first one's score on real holdout rows less "
        "the second one's. Fresh real rows in the synthetic ones' place set the floor."
    )
    reference: ClassVar[str] = (
        "Ravuri and Vinyals 2019, Classification accuracy score for conditional generative "
        "models (naive augmentation score)"
    )
    axis: ClassVar[Axis] = "utility"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.02
    least_rows: ClassVar[int] = 50

    learner: ClassVar[Boosted] = TREES

    def look(self, tables: Comparison) -> Finding:
        """Train with and without synthetic rows; bootstrap the difference over test rows."""
        examined = exam(tables, self.target)
        many = min(len(examined.known.train), self.learner.rows)
        added = min(len(examined.known.synthetic), many)
        few = min(many, max(FEWEST, round(self.share * many)))
        lessons = {
            "real": {"train": many},
            "both": {"train": many, "synthetic": added},
            "few": {"train": few},
            "few_both": {"train": few, "synthetic": added},
        }
        told = dict(
            zip(
                lessons,
                boosting.side_by_side(
                    lambda lesson: examined.answers(self.learner, **lesson), lessons.values()
                ),
                strict=True,
            )
        )
        task, truth = examined.task, examined.truth
        score = {name: scored(task, truth, decide(task, each)) for name, each in told.items()}
        if not np.isfinite(list(score.values())).all():
            raise NotMeasurableError(
                f"the {task.measure} of '{self.target}' is not a number: its quantities are too "
                "large to be squared."
            )
        gain, interval = self._gain(examined, told, "both", "real", tables)
        little, its_interval = self._gain(examined, told, "few_both", "few", tables)
        return Finding(
            value=gain,
            interval=interval,
            floor=self._floor(examined, told["real"], many),
            target=-0.005,
            meaning=(
                f"Synthetic rows added to the real ones change the {task.measure} of a model of "
                f"'{self.target}' by {gain:+.3f}, from {score['real']:.3f} to {score['both']:.3f}."
            ),
            detail={
                "target": self.target,
                "measure": task.measure,
                "real": score["real"],
                "both": score["both"],
                "rarest_class": _rarest(examined, told),
                "few_real_rows": {
                    "rows": few,
                    "real": score["few"],
                    "both": score["few_both"],
                    "gain": little,
                    "interval": its_interval,
                },
                "rows": {"train": many, "synthetic": added},
                "rows_tested": len(truth),
                "notes": [
                    "the synthetic rows were made from all train rows: what they add to a few of "
                    "them is what a user who has only those few would gain"
                ],
            },
        )

    def _gain(
        self, examined: Exam, told: Mapping[str, Floats], one: str, other: str, tables: Comparison
    ) -> tuple[float, Interval]:
        """The difference of two scores, with common bootstrap draws of test rows."""
        task, truth = examined.task, examined.truth
        groups = tables.groups.holdout[examined.asked]
        weights = resample(tables.rng.child(self.name).child("draws").generator())
        both = [decide(task, told[name]) for name in (one, other)]
        first, second = (scored(task, truth, each) for each in both)
        ours, theirs = (drawn(task, truth, each, groups, weights) for each in both)
        end = np.inf if task.kind == "regression" else 1.0
        return first - second, around(first - second, spread(ours - theirs), -end, end)

    def _floor(self, examined: Exam, alone: Floats, many: int) -> float | None:
        """The gain of half of the holdout, on its other half; None where that has one value."""
        task, known = examined.task, examined.known
        half = len(examined.asked) // 2
        held = np.isin(examined.asked, known.holdout[half : 2 * half])
        truth = examined.truth[held]
        if not held.any() or not np.ptp(truth):
            return None
        model = examined.model(self.learner, train=known.train[:many], holdout=known.holdout[:half])
        both = model(examined.cells("holdout", examined.asked[held]))
        return scored(task, truth, decide(task, both)) - scored(
            task, truth, decide(task, alone[held])
        )


def _rarest(examined: Exam, told: Mapping[str, Floats]) -> dict[str, Any] | None:
    """How well the rarest class of train is found, by lesson; None where there is little to see."""
    task, truth = examined.task, examined.truth
    if task.kind == "regression":
        return None
    learnt = task.truth.train[examined.known.train].astype(np.int64)
    rarest = int(np.argmin(np.bincount(learnt, minlength=task.classes)))
    positive = truth == rarest
    if positive.sum() < FEWEST or (~positive).sum() < FEWEST:
        return None
    found: dict[str, Any] = {
        "class": task.names[rarest],
        "rows": {
            "train": int((learnt == rarest).sum()),
            "synthetic": int((task.truth.synthetic == rarest).sum()),
            "holdout": int(positive.sum()),
        },
    }
    for name, each in told.items():
        chances = each if task.kind == "binary" else each[:, rarest]
        if task.kind == "binary":
            chances = chances if rarest else 1 - chances
            called = chances > 0.5
        else:
            called = decide(task, each) == rarest
        hits = float((called & positive).sum())
        found[name] = {
            "recall": hits / positive.sum(),
            "f1": 2 * hits / (called.sum() + positive.sum()),
            "pr_auc": average_precision(positive, chances),
        }
    return found


def average_precision(positive: NDArray[np.bool_], scores: Floats) -> float:
    """Area under the precision-recall curve as a sum of steps; ties are one step."""
    order = np.argsort(-scores, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(scores[order])), len(order) - 1]
    hits = np.cumsum(positive[order])[ends]
    recall = hits / hits[-1]
    return float((np.diff(recall, prepend=0.0) * hits / (ends + 1)).sum())
