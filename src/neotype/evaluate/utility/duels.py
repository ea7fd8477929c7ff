"""Models that learn a column from named rows and answer for the holdout: trained once, shared."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

import numpy as np

from neotype.errors import ColumnNotFoundError
from neotype.evaluate import boosting
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Features, Floats, Ints, Sides
from neotype.evaluate.interval import auc, redraw
from neotype.evaluate.learner import Boosted, Learner, Model
from neotype.evaluate.metric import NotMeasurableError
from neotype.evaluate.task import Task, decide, judge, tables, without
from neotype.rng import Rng

ROWS = 50_000
"""Rows that a model learns from, and that it is tested on, at most."""

CLASSES = 50
"""Classes of the target at most; the rarer ones count as one."""

FEW = 5_000
"""Rows to learn from up to which the chance in training is part of an interval."""

SCARCE = 10
"""Rows that two classes at least must have in train and in the holdout."""

REFITS = 3
"""Models of either side that show this chance."""

TREES = Boosted(rows=ROWS, trees=80, class_trees=300, leaves=31, rate=0.1)
"""The learner that the measures of one target share."""


@dataclass(frozen=True)
class Exam:
    """One column to be predicted for holdout rows, and the rows that can be learnt from.

    `known` are the rows whose truth is known, in random order: the first k are a sample of k.
    `owners` are the entities of all rows, where the schema names one.
    """

    task: Task
    shown: Features
    kept: Ints
    categorical: tuple[int, ...]
    known: Sides[Ints]
    asked: Ints
    rng: Rng
    owners: Sides[Ints | None]
    answered: dict[Hashable, Floats] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, task: Task, comparison: Comparison, rows: int, rng: Rng) -> Exam:
        """Ask at most `rows` holdout rows; NotMeasurableError where there is nothing to ask."""
        shown = comparison.features
        kept, categorical = without(shown, task.column)
        if not len(kept):
            raise NotMeasurableError(f"there is no other column to predict '{task.column}' from.")
        known = Sides(
            *(
                rng.child(f"rows of {side}").generator().permutation(np.flatnonzero(~np.isnan(t)))
                for side, t in task.truth._asdict().items()
            )
        )
        if not len(known.holdout) or not np.ptp(task.truth.holdout[known.holdout]):
            raise NotMeasurableError(f"'{task.column}' has fewer than two values in the holdout.")
        if not len(known.synthetic):
            raise NotMeasurableError(f"'{task.column}' is empty in the synthetic table.")
        _refuse_scarce(task)
        asked = np.sort(known.holdout[:rows])
        owners = Sides(*(data.owners for data in comparison.datasets))
        return cls(task, shown, kept, categorical, known, asked, rng, owners)

    @property
    def truth(self) -> Floats:
        """What is true of the rows asked."""
        return self.task.truth.holdout[self.asked]

    @property
    def equal(self) -> int:
        """The rows that synthetic and train both have."""
        return min(len(self.known.synthetic), len(self.known.train))

    def parts(self, side: str, many: int, size: int) -> list[Ints]:
        """Disjoint parts of the known rows of one side; hardly an entity has rows in two."""
        known, owners = getattr(self.known, side), getattr(self.owners, side)
        if owners is not None:
            generator = self.rng.child(f"entities of {side}").generator()
            place = generator.permutation(int(owners.max(initial=0)) + 1)
            known = known[np.argsort(place[owners[known]], kind="stable")]
        return [np.sort(known[part * size : (part + 1) * size]) for part in range(many)]

    def ranked(self, rows: int) -> Exam:
        """The same asked of at most `rows` rows, a quantity by its place among train's."""
        asked = np.sort(self.known.holdout[:rows])
        return replace(self, task=self.task.ranked(), asked=asked, answered={})

    def cells(self, side: str, rows: Ints) -> Floats:
        """What models are shown of these rows."""
        matrix: Floats = getattr(self.shown.sides, side)
        return matrix[rows][:, self.kept]

    def model(self, learner: Learner, **lessons: Ints) -> Model:
        """The model that learns from these rows of synthetic, train or holdout together."""
        truth = [getattr(self.task.truth, side)[rows] for side, rows in lessons.items()]
        return learner.learn(
            self.task,
            np.concatenate([self.cells(side, rows) for side, rows in lessons.items()]),
            np.concatenate(truth),
            self.categorical,
            self.rng.child("trees").number(),
        )

    def answers(self, learner: Learner, *, synthetic: int = 0, train: int = 0) -> Floats:
        """What a model of so many rows of both tables says of the rows asked; trained once."""
        key = learner, synthetic, train
        if key not in self.answered:
            lessons = {"synthetic": synthetic, "train": train}
            rows = {
                side: np.sort(getattr(self.known, side)[:k]) for side, k in lessons.items() if k
            }
            asked = self.cells("holdout", self.asked)
            self.answered[key] = self.model(learner, **rows)(asked)
        return self.answered[key]

    def duel(self, learner: Learner) -> Duel:
        """Train on equally many synthetic and train rows, and answer."""
        equal = min(self.equal, learner.rows)
        synthetic, real = boosting.side_by_side(
            lambda side: decide(self.task, self.answers(learner, **{side: equal})),
            ("synthetic", "train"),
        )
        return Duel(self.task, self.truth, synthetic, real, self.asked)

    def training_error(self, learner: Learner) -> float:
        """How much a duel's scores owe to the rows that were learnt: a standard error.

        Of both models together, by bootstrap of the rows, or the entities, that they learn from
        (Efron 1979). Of more than 5,000 rows it is not worth its cost, and 0.
        """
        equal = min(self.equal, learner.rows)
        if equal > FEW:
            return 0.0
        asked = self.cells("holdout", self.asked)

        def again(lesson: tuple[str, int]) -> float:
            side, draw = lesson
            generator = self.rng.child(f"learnt again of {side}").block(draw).generator()
            known, owners = getattr(self.known, side)[:equal], getattr(self.owners, side)
            rows = np.sort(redealt(known, None if owners is None else owners[known], generator))
            told = self.model(learner, **{side: rows})(asked)
            return scored(self.task, self.truth, decide(self.task, told))

        lessons = [(side, draw) for side in ("synthetic", "train") for draw in range(REFITS)]
        both = np.reshape(boosting.side_by_side(again, lessons), (2, REFITS))
        return float(np.sqrt(both.var(axis=1, ddof=1).sum()))


def _refuse_scarce(task: Task) -> None:
    """NotMeasurableError where fewer than two classes have rows to learn from and to test on."""
    if task.kind == "regression":
        return
    for side in ("train", "holdout"):
        truth: Floats = getattr(task.truth, side)
        counts = np.bincount(truth[~np.isnan(truth)].astype(np.int64), minlength=2)
        second = int(np.sort(counts)[-2])
        if second < SCARCE:
            raise NotMeasurableError(
                f"only one class of '{task.column}' has {SCARCE} rows in {side}: too few to tell "
                "classes apart."
            )


def redealt(rows: Ints, owners: Ints | None, generator: np.random.Generator) -> Ints:
    """As many rows, drawn with replacement; of whole entities where there are any."""
    if owners is None:
        return np.asarray(generator.choice(rows, len(rows)))
    _, entity = np.unique(owners, return_inverse=True)
    order, ends = np.argsort(entity, kind="stable"), np.cumsum(np.bincount(entity))
    held = np.split(rows[order], ends[:-1])
    return np.concatenate([held[k] for k in generator.integers(len(held), size=len(held))])


@dataclass(frozen=True)
class Duel:
    """One task answered for the holdout after learning from synthetic and from real rows.

    Answers are chances of class 1, classes, or quantities, (rows,).
    """

    task: Task
    truth: Floats
    synthetic: Floats
    real: Floats
    asked: Ints

    @property
    def values(self) -> tuple[float, float]:
        """The measure of both, synthetic first."""
        value, real = (scored(self.task, self.truth, told) for told in (self.synthetic, self.real))
        return value, real

    def errors(self, groups: Ints, weights: Floats) -> tuple[Floats, Floats]:
        """Bootstrapped values of both, (draws,), with common draws of holdout rows."""
        here = groups[self.asked]
        return (
            drawn(self.task, self.truth, self.synthetic, here, weights),
            drawn(self.task, self.truth, self.real, here, weights),
        )


def scored(task: Task, truth: Floats, told: Floats) -> float:
    """ROC AUC, macro-F1 or R2 of answers."""
    if task.kind == "binary":
        return auc(told[truth == 1], told[truth == 0])[0]
    alone = np.zeros(len(truth), np.int64)
    return float(judge(task, tables(task, truth, told, alone)[:1])[0])


def drawn(task: Task, truth: Floats, told: Floats, groups: Ints, weights: Floats) -> Floats:
    """The same of bootstrapped rows, (draws,)."""
    return judge(task, redraw(weights, tables(task, truth, told, groups)))


def exam(comparison: Comparison, target: str | None) -> Exam:
    """The exam in the target, one for all measures; NotMeasurableError says why there is none."""
    if target is None:
        raise NotMeasurableError("no target column was named.")
    return comparison.kept(("exam", target), lambda: _exam(comparison, target))


def _exam(comparison: Comparison, target: str) -> Exam:
    if target not in comparison.table.columns:
        raise ColumnNotFoundError(target, comparison.table.columns, asked_by="target")
    item = {view.name: view for view in comparison.views}.get(target)
    if item is None:
        reason = comparison.left_out[target]
        raise NotMeasurableError(f"'{target}' cannot be predicted: {reason}.")
    rng = comparison.rng.child("exam").child(target)
    return Exam.of(Task.of(item, CLASSES), comparison, ROWS, rng)


def duel(comparison: Comparison, target: str | None, learner: Learner = TREES) -> Duel:
    """Synthetic-trained against real-trained in the target: fought once for all measures."""
    return exam(comparison, target).duel(learner)
