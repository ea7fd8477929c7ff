"""Learning within a privacy budget: what `fit` does when it is given an epsilon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from neotype import intake, pipeline
from neotype.api.learn import FittedModel
from neotype.dp.budget import Budget
from neotype.plan import make_strategy
from neotype.progress import Progress
from neotype.schema.schema import Schema
from neotype.source import Source
from neotype.synth.private.database import Learnt
from neotype.synth.private.private import PrivateTable
from neotype.synth.private.strategy import ledger_of


def fit_within(
    budget: Budget,
    source: Source,
    schema: Schema | Path | str | None,
    *,
    strategy: str,
    settings: Mapping[str, Any],
    target: str | None,
    constraints: Sequence[Any] = (),
    holdout: float | None = None,
    seed: int = 0,
    progress: Progress,
) -> FittedModel:
    """The model of a table, or of an entity with its events, paid for from `budget`.

    A schema that is given counts as public knowledge; without one, names and dtypes alone do. A
    `holdout` is dealt by each row's own hash, so that the guarantee is for the rows of both sides.
    """
    recipe = make_strategy(strategy, settings)
    public = schema if schema is None or isinstance(schema, Schema) else Path(schema)
    ledger = ledger_of(recipe, budget)
    data = intake.budgeted(source, public, budget, target, constraints, ledger)
    split = pipeline.Split(source, data, intake.without_rows(data))
    if holdout is not None:
        split = pipeline.split_apart(source, data, holdout, seed, budget)
    learnt = pipeline.learn_within(ledger, recipe, split.train, target, progress)
    return private(learnt, source, recipe, target, split.note)


def private(
    learnt: Learnt,
    source: Source,
    recipe: Any,
    target: str | None,
    holdout: Mapping[str, Any] | None = None,
) -> FittedModel:
    """The model with the facts of where it came from; no fact has read a row for free."""
    facts = {
        "origin": source.origin,
        "rows": learnt.rows,
        "target": target,
        "synthesizer": type(recipe).__name__,
        "hyperparameters": asdict(recipe),
        "holdout": holdout,
        "privacy": learnt.guarantee.facts(),
    }
    if isinstance(learnt, PrivateTable) and learnt.why:
        spent = learnt.strategy
        facts |= {"synthesizer": type(spent).__name__, "picked": learnt.why}
        facts |= {"hyperparameters": asdict(spent) if is_dataclass(spent) else {}}
    return FittedModel(learnt.model, source.kind.by_dtypes(), source.single, facts)
