"""Do models trained on synthetic rows lean on the same columns as models trained on real rows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from neotype.evaluate import boosting
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints
from neotype.evaluate.interval import GROUPS, around, redraw, resample, spread
from neotype.evaluate.learner import Boosted, Forest, Model
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.task import Task
from neotype.evaluate.utility.duels import Exam, exam

PARTS = 4
"""Disjoint parts of each table; a model learns from each."""

TOP = 5
"""The columns that count as the most important ones."""


@dataclass(frozen=True)
class ImportanceAgreement(Measure):
    """Whether synthetic rows say of the same columns that they matter for the target.

    Permutation importance on holdout rows (Breiman 2001; Fisher et al. 2019): how much worse a
    model's answers become when a column is shuffled. Models learn from four disjoint parts of the
    synthetic and of the train rows, all of one size; the value is Spearman's rank correlation of a
    synthetic-trained and a real-trained model's importances, the floor that of two real-trained
    ones, each the mean over all such pairs.
    """

    target: str | None = None
    rows_tested: int = 2_000
    most_columns: int = 20

    name: ClassVar[str] = "importance_agreement"
    title: ClassVar[str] = "The same columns matter"
    how: ClassVar[str] = (
        "Models learn the target from parts of the synthetic and of the real rows; each column is "
        "shuffled in the real holdout to see how much worse they answer. The number is the rank "
        "correlation of these importances, synthetic-trained against real-trained; two "
        "real-trained models set the floor."
    )
    reference: ClassVar[str] = (
        "Fisher et al. 2019, All models are wrong, but many are useful; Breiman 2001, Random "
        "forests"
    )
    axis: ClassVar[Axis] = "utility"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.15
    least_rows: ClassVar[int] = 50

    learner: ClassVar[Boosted] = Boosted(
        rows=2_500, trees=30, class_trees=100, leaves=15, rate=0.15
    )
    fewest: ClassVar[int] = 50
    least_floor: ClassVar[float] = 0.2

    def look(self, tables: Comparison) -> Finding:
        """Train on parts, shuffle columns, correlate ranks."""
        examined = exam(tables, self.target).ranked(self.rows_tested)
        size = min(examined.equal // PARTS, self.learner.rows)
        if size < self.fewest:
            raise NotMeasurableError(
                f"{examined.equal} rows with a known '{self.target}' are too few: {PARTS} parts "
                f"of {self.fewest} are needed of the synthetic and of the train table."
            )
        models = _models(examined, self.learner, size)
        columns = _candidates(examined, models, self.most_columns)
        if len(columns) < 3:
            raise NotMeasurableError(
                f"only {len(columns)} columns help to predict '{self.target}': that is no ranking."
            )
        rng = tables.rng.child(self.name)
        groups = tables.groups.holdout[examined.asked]
        losses = _losses(examined, models, columns, groups, rng.child("shuffles").generator())
        plain = losses.sum(axis=0) / len(examined.asked)
        between = correlations(plain)
        floor = float(_floors(between).mean())
        if floor < self.least_floor:
            raise NotMeasurableError(
                f"models of '{self.target}' that learnt from different real rows do not agree on "
                f"which columns matter (rank correlation {floor:.2f})."
            )
        weights = resample(rng.child("draws").generator())
        drawn = correlations(redraw(weights, losses))[:, :PARTS, PARTS:].mean(axis=(1, 2))
        value = float(between[:PARTS, PARTS:].mean())
        error = float(np.hypot(_jackknife(between[:PARTS, PARTS:]), spread(drawn)))
        return Finding(
            value=value,
            interval=around(value, error, -1.0, 1.0),
            floor=floor,
            target=floor - 0.10,
            meaning=(
                f"Models of '{self.target}' that learnt from synthetic and from real rows rank the "
                f"columns by importance with a correlation of {value:.2f}; models that learnt from "
                f"different real rows with {floor:.2f}."
            ),
            detail=_detail(examined, columns, plain, between, size),
        )


def _models(examined: Exam, learner: Boosted, size: int) -> list[Model]:
    """A model for each part of the synthetic table, then for each part of train."""
    lessons = [
        {side: rows}
        for side in ("synthetic", "train")
        for rows in examined.parts(side, PARTS, size)
    ]
    return boosting.side_by_side(lambda lesson: examined.model(learner, **lesson), lessons)


def _gains(examined: Exam, model: Model) -> dict[str, float]:
    """The share of a model's gain that each column gives; nothing of a model without trees."""
    if not isinstance(model, Forest):
        return {}
    total: dict[str, float] = {}
    for position, gain in zip(examined.kept, model.gain, strict=True):
        source = examined.shown.sources[position]
        total[source] = total.get(source, 0.0) + float(gain)
    whole = sum(total.values())
    return {column: gain / whole for column, gain in total.items() if gain > 0}


def _candidates(examined: Exam, models: list[Model], most: int) -> list[str]:
    """The columns that give most gain over all models, synthetic- and real-trained alike."""
    total: dict[str, float] = {}
    for model in models:
        for column, share in _gains(examined, model).items():
            total[column] = total.get(column, 0.0) + share
    return sorted(total, key=lambda column: (-total[column], column))[:most]


def _losses(
    examined: Exam, models: list[Model], columns: list[str], groups: Ints, generator: Generator
) -> Floats:
    """How much each model loses when a column is shuffled: sums, (GROUPS, models, columns)."""
    cells = examined.cells("holdout", examined.asked)
    sources = np.array([examined.shown.sources[position] for position in examined.kept])
    orders = [generator.permutation(len(cells)) for _ in columns]

    def one(model: Model) -> Floats:
        used = _gains(examined, model)
        before = loss(examined.task, examined.truth, model(cells))
        lost = np.zeros((GROUPS, len(columns)))
        for place, (column, order) in enumerate(zip(columns, orders, strict=True)):
            if column not in used:
                continue
            here = np.flatnonzero(sources == column)
            shuffled = cells.copy()
            shuffled[:, here] = cells[np.ix_(order, here)]
            more = loss(examined.task, examined.truth, model(shuffled)) - before
            lost[:, place] = np.bincount(groups, more, minlength=GROUPS)
        return lost

    return np.stack(boosting.side_by_side(one, models), axis=1)


def loss(task: Task, truth: Floats, told: Floats) -> Floats:
    """What each answer costs: −log of the chance of the true class, or the squared error."""
    if task.kind == "regression":
        return (truth - told) ** 2
    if task.kind == "binary":
        chance = np.where(truth == 1, told, 1 - told)
    else:
        chance = told[np.arange(len(truth)), truth.astype(np.int64)]
    return np.asarray(-np.log(np.maximum(chance, 1e-3)))


def correlations(importances: Floats) -> Floats:
    """Spearman's rank correlations of models, (..., models, models); 0 where all ranks tie."""
    from scipy.stats import rankdata

    placed = rankdata(importances, axis=-1)
    placed -= placed.mean(axis=-1, keepdims=True)
    size = np.sqrt((placed**2).sum(axis=-1, keepdims=True))
    unit = placed / np.where(size > 0, size, 1)
    return np.asarray(unit @ np.swapaxes(unit, -1, -2))


def _floors(between: Floats) -> Floats:
    """What every two real-trained models agree."""
    return np.asarray(between[PARTS:, PARTS:][np.triu_indices(PARTS, 1)])


def _jackknife(block: Floats) -> float:
    """The standard error of a mean over pairs, leaving out each model of either side."""
    variance = 0.0
    for axis in (0, 1):
        count = block.shape[axis]
        without = (block.sum() - block.sum(axis=1 - axis)) / (block.size - block.size // count)
        variance += (count - 1) * float(without.var())
    return float(np.sqrt(variance))


def _detail(
    examined: Exam, columns: list[str], plain: Floats, between: Floats, size: int
) -> dict[str, Any]:
    top = min(TOP, len(columns))
    first = np.argsort(-plain, axis=1, kind="stable")[:, :top]
    shared = np.array([[len(set(one) & set(two)) / top for two in first] for one in first])
    synthetic, real = plain[:PARTS].mean(axis=0), plain[PARTS:].mean(axis=0)
    order = np.argsort(-real, kind="stable")
    return {
        "target": examined.task.column,
        "loss": "squared error" if examined.task.kind == "regression" else "log loss",
        "columns": [
            {"column": columns[k], "real": real[k], "synthetic": synthetic[k]} for k in order
        ],
        "top": {
            "columns": top,
            "overlap": shared[:PARTS, PARTS:].mean(),
            "floor": _floors(shared).mean(),
        },
        "synthetic_among_themselves": between[:PARTS, :PARTS][np.triu_indices(PARTS, 1)].mean(),
        "rows": size,
        "rows_tested": len(examined.asked),
        "notes": [f"{PARTS} disjoint parts of {size:,} rows of each table"],
    }
