"""All measures of one synthetic table, beside the rows it was learnt from and rows it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.metric import Measure, Metric, Score
from neotype.progress import Progress, silent
from neotype.registry import find, names
from neotype.rng import Rng


def evaluate(
    synthetic: Dataset,
    *,
    train: Dataset,
    holdout: Dataset,
    target: str | None = None,
    metrics: Sequence[str] | None = None,
    rng: Rng,
    progress: Progress = silent,
) -> tuple[Score, ...]:
    """How good and how safe the synthetic table is: one score for each metric, in their order.

    `holdout` is real rows that the model never saw; there is no evaluation without them. `target`
    is the column that TSTR predicts. `metrics` are registered names, all of them by default. What
    cannot be measured says so, with the reason, in its own score. Raises DataError where the
    tables have not the same columns, ColumnNotFoundError and NotRegisteredError for wrong names.
    """
    tables = Comparison(synthetic, train, holdout, rng)
    if target is not None and target not in tables.table.columns:
        raise ColumnNotFoundError(target, tables.table.columns, asked_by="target")
    chosen = [build(name, target) for name in (metrics or names("metric"))]
    scores = []
    for done, metric in enumerate(chosen):
        progress("check", done, len(chosen))
        scores.append(_measure(metric, tables))
    progress("check", len(chosen), len(chosen))
    return tuple(scores)


def build(name: str, target: str | None) -> Metric:
    """The registered metric; one that has a field `target` is told it."""
    cls = find("metric", name)
    told = hasattr(cls, "__dataclass_fields__") and "target" in {f.name for f in fields(cls)}
    metric: Metric = cls(target=target) if told else cls()
    return metric


def _measure(metric: Metric, tables: Comparison) -> Score:
    """House metrics share their views of the tables; others are given the tables."""
    if isinstance(metric, Measure):
        return metric.measure(tables)
    synthetic, train, holdout = tables.datasets
    return metric.score(synthetic, train=train, holdout=holdout, rng=tables.rng)
