"""All measures of one synthetic table or database, beside rows it was learnt from and others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError
from neotype.evaluate.asked import Asked
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.metric import Measure, Metric, Score
from neotype.evaluate.relational.database import evaluate_database
from neotype.evaluate.suites import build, suite
from neotype.progress import Progress, silent
from neotype.rng import Rng

__all__ = ["build", "evaluate", "suite"]


def evaluate(
    synthetic: Dataset,
    *,
    train: Dataset,
    holdout: Dataset,
    asked: Asked | None = None,
    metrics: Sequence[str] | None = None,
    deep: bool = False,
    rng: Rng,
    progress: Progress = silent,
) -> tuple[Score, ...]:
    """How good and how safe the synthetic table is: one score for each metric, in their order.

    `holdout` is real rows that the model never saw; there is no evaluation without them. `asked`
    is what else is known. `metrics` are registered names; by default all of them, those that take
    minutes only if `deep`. What cannot be measured says so, with the reason, in its own score.

    Of several tables, each is measured alone (a score's `table` says which) and then what ties
    them; `asked` names columns as "table.column". By default a shorter suite is taken of each
    table, and attacks are run on those that hold people or head the families: `metrics` may name
    any.
    Raises DataError where the tables have not the same columns or share rows that they must not,
    ColumnNotFoundError and NotRegisteredError for wrong names.
    """
    asked = replace(asked or Asked(), progress=progress)
    if len(train.schema.tables) > 1:
        return evaluate_database(
            synthetic,
            train=train,
            holdout=holdout,
            asked=asked,
            metrics=metrics,
            rng=rng,
            progress=progress,
        )
    tables = Comparison(synthetic, train, holdout, rng)
    tables.refuse_shared()
    _check(asked, tables)
    chosen = [build(name, asked) for name in (metrics or suite(deep))]
    scores = []
    for done, metric in enumerate(chosen):
        progress("check", done, len(chosen))
        scores.append(_measure(metric, tables))
    progress("check", len(chosen), len(chosen))
    return tuple(scores)


def _check(asked: Asked, tables: Comparison) -> None:
    """ColumnNotFoundError when a role is given to a column that is not there."""
    known = tables.table.columns
    named = [("target", asked.target)] if asked.target is not None else []
    named += [("sensitive", name) for name in asked.sensitive]
    named += [("quasi-identifiers", name) for name in asked.quasi_identifiers]
    for role, name in named:
        if name not in known:
            raise ColumnNotFoundError(name, known, asked_by=role)


def _measure(metric: Metric, tables: Comparison) -> Score:
    """House metrics share their views of the tables; others are given the tables."""
    if isinstance(metric, Measure):
        return metric.measure(tables)
    synthetic, train, holdout = tables.datasets
    return metric.score(synthetic, train=train, holdout=holdout, rng=tables.rng)
