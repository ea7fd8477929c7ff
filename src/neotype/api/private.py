"""Learning within a privacy budget: what `fit` does when it is given an epsilon."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from neotype import intake
from neotype.api.learn import FittedModel
from neotype.data import Dataset
from neotype.dp.bound import within
from neotype.dp.budget import ROW, Budget
from neotype.dp.ledger import Ledger
from neotype.errors import ColumnNotFoundError, SchemaError
from neotype.plan import make_strategy
from neotype.progress import Progress
from neotype.schema.schema import Identifier, Schema
from neotype.schema.typed import typed_schema
from neotype.source import Source
from neotype.synth.private.private import fit_private

log = logging.getLogger("neotype")

DEFAULT = "marginals"


def fit_within(
    budget: Budget,
    source: Source,
    schema: Schema | Path | str | None,
    *,
    strategy: str,
    settings: Mapping[str, Any],
    target: str | None,
    progress: Progress,
) -> FittedModel:
    """The model of the only table of a source, paid for from `budget`.

    A schema that is given counts as public knowledge; without one, names and dtypes alone do.
    """
    recipe = make_strategy(strategy, settings)
    if schema is None:
        schema = typed_schema(source.frames)
    elif not isinstance(schema, Schema):
        schema = intake.schema_of(source, Path(schema))
    if len(schema.tables) > 1:
        raise SchemaError(
            f"a budget is for one table so far, and {source.origin} has {len(schema.tables)}: "
            f"{', '.join(schema.tables)}.",
            mend="give the file of one of them; rows of one entity count as one by unit= and "
            "at_most=",
        )
    data, budget = _bounded(intake.conformed(source, schema, source.origin), budget)
    if target is not None and target not in data.schema.columns:
        raise ColumnNotFoundError(target, data.schema.columns, asked_by="target")
    learnt = fit_private(recipe, data, Ledger(budget), target, progress)
    budget.check_rows(learnt.rows)
    facts = {
        "origin": source.origin,
        "rows": learnt.rows,
        "target": target,
        "synthesizer": type(recipe).__name__,
        "hyperparameters": asdict(recipe),
        "holdout": None,
        "privacy": learnt.guarantee.facts(),
    }
    return FittedModel(learnt.model, source.kind, source.single, facts)


def _bounded(data: Dataset, budget: Budget) -> tuple[Dataset, Budget]:
    """The data in which no unit has more rows than the budget says; its column is no content."""
    if budget.unit == ROW:
        return data, budget
    columns = dict(data.schema.columns)
    if budget.unit not in columns:
        raise ColumnNotFoundError(budget.unit, columns, asked_by="unit")
    units = data.frame[budget.unit]
    numbers = units.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
    kept = within(np.asarray(numbers), budget.at_most)
    columns[budget.unit] = Identifier(storage=columns[budget.unit].storage, nullable=False)
    schema = data.schema.model_copy(
        update={
            "tables": {
                data.schema.name: data.table.model_copy(
                    update={"columns": columns, "entity": None, "sequence": None}
                )
            }
        }
    )
    return Dataset.of(schema, data.frame.filter(pl.Series(kept))), budget
