"""Two families of models that predict a column from the others: boosted trees, and linear ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from neotype.evaluate import boosting, glm
from neotype.evaluate.design import Design
from neotype.evaluate.features import Floats
from neotype.evaluate.task import Task

Model = Callable[[Floats], Floats]
"""From cells (rows, features) to the probability of class 1, (rows,), of every class,
(rows, classes), or to the quantity, (rows,)."""


STEPS = 50
"""Steps of descent of a logistic model of many classes: stopping early is mild regularisation."""


class Learner(Protocol):
    """A recipe for a model; hashable, so that models are trained once and shared."""

    @property
    def rows(self) -> int:
        """The rows it learns from, at most."""

    def learn(
        self, task: Task, cells: Floats, truth: Floats, categorical: tuple[int, ...], seed: int
    ) -> Model:
        """Train on rows whose truth is known; one class alone gives a constant answer."""


@dataclass(frozen=True)
class Boosted:
    """Gradient-boosted trees with native categories; `class_trees` bounds trees × classes."""

    rows: int
    trees: int
    class_trees: int
    leaves: int
    rate: float

    def learn(
        self, task: Task, cells: Floats, truth: Floats, categorical: tuple[int, ...], seed: int
    ) -> Model:
        """Grow trees."""
        if not np.ptp(truth):
            return _constant(task, float(truth[0]))
        many = {"num_class": task.classes} if task.kind == "multiclass" else {}
        rounds = self.trees
        if task.kind == "multiclass":
            rounds = max(10, min(rounds, self.class_trees // task.classes))
        settings = boosting.parameters(
            task.kind, seed, num_leaves=self.leaves, learning_rate=self.rate, **many
        )
        # LightGBM keeps quantities in single precision, which a large mean would use up.
        middle, scale = _scale(truth) if task.kind == "regression" else (0.0, 1.0)
        data = boosting.bins(cells, truth / scale - middle, categorical, settings)
        return Forest(boosting.grow(data, settings, rounds), middle, scale)


@dataclass(frozen=True)
class Forest:
    """Trained trees, which answer in `scale` from `middle` on."""

    booster: Any
    middle: float
    scale: float

    def __call__(self, cells: Floats) -> Floats:
        """What the trees say of each row."""
        return self.scale * (self.middle + boosting.predict(self.booster, cells))

    @property
    def gain(self) -> Floats:
        """How much each feature lessened the loss, (features,)."""
        return np.asarray(self.booster.feature_importance("gain"), np.float64)


@dataclass(frozen=True)
class Linear:
    """Multinomial logistic or ridge regression on the standardised design."""

    rows: int = 10_000
    penalty: float = 1.0

    def learn(
        self, task: Task, cells: Floats, truth: Floats, categorical: tuple[int, ...], seed: int
    ) -> Model:
        """Fit coefficients; nothing is random."""
        if not np.ptp(truth):
            return _constant(task, float(truth[0]))
        design = Design.of(cells, categorical)
        rows = design(cells)
        if task.kind == "regression":
            told = _ridge(rows, truth, self.penalty)
            return lambda asked: told(design(asked))
        if task.kind == "binary":
            sure = np.r_[0.0, np.full(rows.shape[1], self.penalty)]
            slopes = glm.logistic(_constant_first(rows), truth, sure).coefficients
            return lambda asked: _logistic(_constant_first(design(asked)) @ slopes)
        weights, start = _softmax(rows, truth.astype(np.int64), task.classes, self.penalty)
        return lambda asked: _chances(design(asked) @ weights + start)


def _constant(task: Task, truth: float) -> Model:
    """The model of rows that are all alike."""

    def answer(asked: Floats) -> Floats:
        if task.kind != "multiclass":
            return np.full(len(asked), truth)
        return np.tile(np.arange(task.classes) == truth, (len(asked), 1)).astype(np.float64)

    return answer


def _constant_first(rows: Floats) -> Floats:
    return np.column_stack([np.ones(len(rows)), rows])


def _logistic(scores: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -700, 700))))


def _scale(truth: Floats) -> tuple[float, float]:
    """The mean in units of the largest deviation from the median, and that unit; both finite."""
    unit = max(float(np.abs(truth / 2 - np.median(truth) / 2).max()) * 2, 1e-300)
    return float((truth / unit).mean()), unit


def _ridge(rows: Floats, truth: Floats, penalty: float) -> Model:
    """Least squares with a penalty on all but the constant; truth is scaled to stay finite."""
    centre, (middle, scale) = rows.mean(axis=0), _scale(truth)
    moved = rows - centre
    square = moved.T @ moved + penalty * np.eye(rows.shape[1])
    slopes = np.linalg.solve(square, moved.T @ (truth / scale - middle))
    return lambda asked: scale * (middle + (asked - centre) @ slopes)


def _softmax(
    rows: Floats, truth: np.ndarray, classes: int, penalty: float
) -> tuple[Floats, Floats]:
    """Coefficients (terms, classes) and constants (classes,) of a penalised logistic model."""
    from scipy.optimize import minimize

    many, width = rows.shape
    right = np.zeros((many, classes))
    right[np.arange(many), truth] = 1

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(width + 1, classes)
        scores = rows @ weights[:-1] + weights[-1]
        scores -= scores.max(axis=1, keepdims=True)
        total = np.log(np.exp(scores).sum(axis=1))
        wrong = np.exp(scores - total[:, None]) - right
        slope = np.vstack([rows.T @ wrong + penalty * weights[:-1], wrong.sum(axis=0)])
        value = (total - scores[np.arange(many), truth]).sum() + penalty / 2 * (
            weights[:-1] ** 2
        ).sum()
        return float(value) / many, slope.ravel() / many

    start = np.zeros((width + 1, classes))
    start[-1] = np.log(right.mean(axis=0) + 1e-9)
    options = {"maxiter": STEPS, "ftol": 1e-7}
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options).x
    weights = found.reshape(width + 1, classes)
    return weights[:-1], weights[-1]


def _chances(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
