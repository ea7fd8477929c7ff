"""Predicting one column from the others: what kind of task it is, and how answers are judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from neotype.evaluate.features import (
    Features,
    Floats,
    Ints,
    Labels,
    Sides,
    View,
    codes_of_common,
    shares_of,
)
from neotype.evaluate.interval import GROUPS, tally
from neotype.evaluate.metric import NotMeasurableError

Kind = Literal["binary", "multiclass", "regression"]

BINS = 256

FEWEST = 5
"""Train rows below which a class is not named."""


@dataclass(frozen=True)
class Task:
    """A target: its truth in the three tables (NaN where missing), and what a good answer is.

    `names` are those of the classes; a class of fewer than 5 train rows goes unnamed.
    """

    column: str
    kind: Kind
    classes: int
    truth: Sides[Floats]
    names: tuple[str, ...] = ()

    @property
    def measure(self) -> str:
        """The measure of an answer, by its name in the literature."""
        return {"binary": "ROC AUC", "multiclass": "macro-F1", "regression": "R2"}[self.kind]

    @classmethod
    def of(cls, item: View, most: int) -> Task:
        """What it is to predict this column; classes beyond the `most` commonest become one."""
        if item.kind in ("text", "json"):
            raise NotMeasurableError(f"'{item.name}' is {item.kind}, which is not predicted.")
        if isinstance(item, Labels):
            shares = shares_of(item.sides.train, item.size)
            code = codes_of_common(shares, most)
            seen = np.unique(code[np.flatnonzero(shares)])
            seen = seen[seen > 0]
            place = np.full(most + 2, np.nan)
            place[seen] = np.arange(len(seen))
            truth = Sides(*(place[code[side]] for side in item.sides))
            words = ("missing", *item.words)
            names = [words[int(np.flatnonzero(code == one)[0])] for one in seen if one <= most]
            return cls._classes(item.name, len(seen), truth, [*names, "another"])
        values = np.unique(item.sides.train[~np.isnan(item.sides.train)])
        if len(values) > 2:
            return cls(item.name, "regression", 1, item.sides)
        truth = Sides(*(_matches(side, values) for side in item.sides))
        return cls._classes(item.name, len(values), truth, [f"{value:.15g}" for value in values])

    @classmethod
    def _classes(cls, name: str, classes: int, truth: Sides[Floats], names: list[str]) -> Task:
        if classes < 2:
            what = "has one value" if classes else "is empty"
            raise NotMeasurableError(f"'{name}' {what} in train, so there is nothing to predict.")
        counts = np.bincount(truth.train[~np.isnan(truth.train)].astype(np.int64))
        shown = tuple(
            word if many >= FEWEST else "a rare one"
            for word, many in zip(names[:classes], counts, strict=True)
        )
        return cls(name, "binary" if classes == 2 else "multiclass", classes, truth, shown)

    def ranked(self) -> Task:
        """A regression on the quantity's place among train's, 0 .. 1: outliers weigh no more."""
        if self.kind != "regression":
            return self
        known = np.sort(self.truth.train[~np.isnan(self.truth.train)])
        places = Sides(*(_place(side, known) for side in self.truth))
        return replace(self, truth=places)


def _matches(cells: Floats, values: Floats) -> Floats:
    out = np.full(len(cells), np.nan)
    for code, value in enumerate(values):
        out[cells == value] = code
    return out


def _place(cells: Floats, known: Floats) -> Floats:
    low = np.searchsorted(known, cells, side="left")
    high = np.searchsorted(known, cells, side="right")
    places = (low + high) / (2 * max(1, len(known)))
    return np.asarray(np.where(np.isnan(cells), np.nan, places))


def without(shown: Features, column: str) -> tuple[Ints, tuple[int, ...]]:
    """The positions of the features of all other columns, and which of them are categorical."""
    kept = np.array([k for k, source in enumerate(shown.sources) if source != column], np.int64)
    categorical = tuple(p for p, k in enumerate(kept) if int(k) in shown.categorical)
    return kept, categorical


def decide(task: Task, told: Floats) -> Floats:
    """A model's words as `judge` reads them: a chance, the likeliest class, or the quantity."""
    return np.argmax(told, axis=1).astype(np.float64) if task.kind == "multiclass" else told


def tables(task: Task, truth: Floats, told: Floats, groups: Ints) -> Floats:
    """Counts or sums by bootstrap group that hold all that `judge` needs, (GROUPS, a, b)."""
    if task.kind == "regression":
        moved = truth - np.median(truth)  # whose squares do not drown what varies
        with np.errstate(over="ignore"):
            sums = [np.ones(len(truth)), moved, moved**2, (truth - told) ** 2]
        columns = [np.bincount(groups, part, minlength=GROUPS) for part in sums]
        return np.stack(columns, axis=1).astype(np.float64)[:, None, :]
    hits = truth.astype(np.int64)
    if task.kind == "multiclass":
        codes = hits * task.classes + told.astype(np.int64)
        return tally(codes, task.classes**2, groups).reshape(GROUPS, task.classes, task.classes)
    edges = np.unique(np.quantile(told, np.linspace(0, 1, BINS + 1)[1:-1]))
    codes = hits * BINS + np.searchsorted(edges, told, side="right")
    return tally(codes, 2 * BINS, groups).reshape(GROUPS, 2, BINS)


def judge(task: Task, tables: Floats) -> Floats:
    """AUC, macro-F1 or R2 of tables (draws, a, b); NaN where a draw has only one class."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if task.kind == "regression":
            count, total, square, wrong = np.moveaxis(tables[:, 0, :], -1, 0)
            return np.asarray(1 - wrong / (square - total**2 / count))
        if task.kind == "multiclass":
            right = np.diagonal(tables, axis1=1, axis2=2)
            named = tables.sum(axis=1) + tables.sum(axis=2)
            there = named > 0
            scores = np.where(there, 2 * right / named, 0.0)
            return np.asarray(scores.sum(axis=1) / there.sum(axis=1))
        negative, positive = tables[:, 0, :], tables[:, 1, :]
        below = np.cumsum(negative, axis=1) - negative / 2
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        return np.asarray((positive * below).sum(axis=1) / pairs)


def chance(task: Task, truth: Floats) -> float:
    """What the best constant answer scores."""
    if task.kind == "binary":
        return 0.5
    if task.kind == "regression":
        return 0.0
    share = float(np.bincount(truth.astype(np.int64)).max()) / len(truth)
    return 2 * share / (1 + share) / len(np.unique(truth))
