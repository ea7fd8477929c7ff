"""A real table enlarged until classes have the shares that are wanted, with what that gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.errors import DataError, SchemaError, did_you_mean
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.condition import Condition
from neotype.schema.wanted import wanted
from neotype.synth.learn import learn
from neotype.synth.trees import Trees
from neotype.tasks.dealing import Cell, Ints, deal, quotas, refuse_broken
from neotype.tasks.gain import Gain, gain
from neotype.tasks.shares import words

SEEN = 50
"""Real rows of a class below which what is drawn of it is hardly more than those rows."""
MOST_CLASSES = 100
SYNTHETIC = "synthetic"
"""The column that says which rows are synthetic, where it is wanted."""


@dataclass(frozen=True)
class Class:
    """One class: how many real rows it has, how many were made, and the share it has now."""

    name: str
    real: int
    made: int
    share: float


@dataclass(frozen=True)
class Augmented:
    """The real rows and the made ones: `synthetic` marks the latter, which come last."""

    data: Dataset
    synthetic: pl.Series
    classes: tuple[Class, ...]
    warnings: tuple[str, ...]
    gain: Gain | None = None


def augment(
    data: Dataset,
    asked: Sequence[tuple[Condition, float]],
    *,
    recipe: Trees,
    rng: Rng,
    holdout: Dataset | None = None,
    keep: bool = True,
    rows: int | None = None,
    seen: int = SEEN,
    progress: Progress = silent,
) -> Augmented:
    """Rows of some classes made until each has its share; the others keep their proportions.

    With `keep` the real rows come first and rows are only ever added, as few as will do; else
    `rows` synthetic rows are made in the wanted shares. The gain is measured when real rows are
    given that nothing was learnt from: a classifier learns the classes with and without the made
    rows, and answers for the holdout.
    """
    classes = _classes(data, asked)
    counts = np.bincount(_places(data.frame, classes), minlength=len(classes) + 1)
    shares = np.array([share for _, share in asked])
    _check(counts, shares)
    made = _added(counts, shares) if keep else _alone(counts, shares, rows or data.rows)
    if not made.sum():
        now = [
            f"{words(one)}: {n / data.rows:.1%}" for one, n in zip(classes, counts, strict=False)
        ]
        raise DataError(
            "every class has its share already: there is nothing to add.",
            found="; ".join(now),
            mend="ask for a larger share",
        )
    column = classes[0].column
    model = learn(
        replace(recipe, first=tuple(dict.fromkeys((column, *recipe.first)))),
        data,
        rng=rng.child("fit"),
        progress=progress,
    )
    cells = [Cell(int(made[k]), (one,), words(one)) for k, one in enumerate(classes)] + [
        Cell(int(made[-1]), (), "another class")
    ]
    drawn = deal(
        model,
        cells,
        lambda frame: _places(frame, classes),
        rng=rng.child("sample"),
        beside=data.frame if keep else None,
        progress=progress,
    )
    whole = Dataset.of(data.schema, pl.concat([data.frame, drawn.frame])) if keep else drawn
    refuse_broken(model, whole.frame)
    synthetic = pl.Series(SYNTHETIC, np.arange(whole.rows) >= whole.rows - drawn.rows)
    found = None
    if holdout is not None:
        found = gain(data, drawn, holdout, classes[int(np.argmin(counts[:-1]))], rng.child("gain"))
    told = _told(classes, counts, made, keep)
    return Augmented(whole, synthetic, told, _warned(classes, counts, made, seen), found)


def classes_of(
    data: Dataset, target: str, asked: Mapping[str, float] | str
) -> list[tuple[Condition, float]]:
    """Classes of a column and the shares they are to have; "equal" is the same for all of them."""
    data.table.column(target, asked_by="target")
    labels = data.frame[target].drop_nulls().unique().sort()
    if asked == "equal":
        if not 2 <= len(labels) <= MOST_CLASSES:
            raise SchemaError(
                f"'{target}' has {len(labels)} different values: no classes to make equal.",
                mend="name the classes that are to have a share",
            )
        return [(Condition(target, values=(label,)), 1 / len(labels)) for label in labels]
    if isinstance(asked, str):
        raise SchemaError(f"'{asked}' says no share.", mend="write equal, or yes=0.5")
    found = []
    for name, share in asked.items():
        (one,) = wanted({target: name}, data.table.columns)
        if not one.holds(data.frame[target]).any():
            raise DataError(
                f"no real row has {words(one)}, so that nothing is known of such rows.",
                found=f"'{target}' has: {', '.join(map(str, labels[:20]))}",
                mend=did_you_mean(str(name), map(str, labels[:1000])),
            )
        found.append((one, float(share)))
    return found


def _classes(data: Dataset, asked: Sequence[tuple[Condition, float]]) -> list[Condition]:
    if not asked:
        raise SchemaError("no class is named.", mend="name one with its share: '>50K=0.5'")
    columns = {one.column for one, _ in asked}
    if len(columns) > 1:
        raise SchemaError(
            f"classes of one column are wanted, and these are of {', '.join(sorted(columns))}.",
            mend="for shares of several columns, fit a model and use `neotype scenario`",
        )
    data.table.column(next(iter(columns)), asked_by="target")
    return [one for one, _ in asked]


def _places(frame: pl.DataFrame, classes: Sequence[Condition]) -> Ints:
    """The class of each row; the number of classes where it is in none."""
    place = np.full(frame.height, len(classes), dtype=np.int64)
    for k in reversed(range(len(classes))):
        place[classes[k].holds(frame[classes[k].column]).to_numpy()] = k
    return place


def _check(counts: Ints, shares: Any) -> None:
    if (shares < 0).any() or shares.sum() > 1 + 1e-9:
        raise SchemaError(
            f"the shares add up to {shares.sum():g}.", mend="together they are 1 at most"
        )
    if counts[-1] and shares.sum() > 1 - 1e-9:
        raise SchemaError(
            f"the shares add up to 1, and {counts[-1]:,} real rows are of another class.",
            mend="leave something for them, or name their classes too",
        )


def _added(counts: Ints, shares: Any) -> Ints:
    """The fewest rows of each class to add; what is named nowhere keeps its rows if it can."""
    goal = np.r_[shares, 1 - shares.sum()]
    if counts[-1] == 0:
        goal[-1] = 0.0
    goal /= goal.sum()
    known = goal > 0
    if (counts[~known] > 0).any():
        raise SchemaError(
            "a class with real rows is to have a share of 0.", mend="rows are only added"
        )
    total = int(np.ceil((counts[known] / goal[known]).max() - 1e-9))
    added: Ints = np.maximum(quotas(goal, total) - counts, 0)
    return added


def _alone(counts: Ints, shares: Any, rows: int) -> Ints:
    goal = np.r_[shares, max(0.0, 1 - shares.sum()) if counts[-1] else 0.0]
    return quotas(goal, rows)


def _told(classes: Sequence[Condition], counts: Ints, made: Ints, keep: bool) -> tuple[Class, ...]:
    now = counts + made if keep else made
    names = [*map(words, classes), "all others"]
    return tuple(
        Class(name, int(n), int(m), float(k / now.sum()))
        for name, n, m, k in zip(names, counts, made, now, strict=True)
        if n or m
    )


def _warned(classes: Sequence[Condition], counts: Ints, made: Ints, seen: int) -> tuple[str, ...]:
    return tuple(
        f"{words(one)} has {n} real rows, fewer than {seen}: the {m:,} made of it vary these few "
        "and hold nothing new"
        for one, n, m in zip(classes, counts.tolist(), made.tolist(), strict=False)
        if n < seen and m
    )
