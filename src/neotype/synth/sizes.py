"""How many rows are asked for: of one table a number, of several a number a table, or a scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from neotype.data import Dataset
from neotype.errors import SamplingError, did_you_mean
from neotype.rng import Rng
from neotype.schema.schema import Schema

Rows = int | Mapping[str, int] | None
"""A number, numbers by table, or as many as were learnt."""

_SCALE = 1e6


def check_rows(rows: Any) -> int:
    """The number of rows, when it is one that can be made."""
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise SamplingError(
            f"{rows!r} rows cannot be made.", mend="ask for a whole number of 1 or more"
        )
    return rows


def check_scale(scale: float | None) -> float:
    """The share of the learnt rows that is asked for; 1 where nothing is."""
    if scale is None:
        return 1.0
    number = isinstance(scale, int | float) and not isinstance(scale, bool)
    if not number or not math.isfinite(scale) or not 0 < scale <= _SCALE:
        raise SamplingError(
            f"scale {scale!r} is no size.",
            mend="ask for a number above 0: .1 is a tenth of what was learnt, 2 is twice as much",
        )
    return float(scale)


def rows_of_one(rows: Rows, scale: float | None, learnt: int, schema: Schema) -> int:
    """The number of rows of the only table."""
    if rows is not None and scale is not None:
        raise SamplingError("rows and a scale are both asked for.", mend="leave one of them out")
    if isinstance(rows, Mapping):
        named = check_named(rows, schema)
        return named.get(schema.name, learnt)
    if rows is None:
        return max(1, round(check_scale(scale) * learnt))
    return check_rows(rows)


def check_named(rows: Rows, schema: Schema) -> dict[str, int]:
    """The numbers that are asked of tables by name; SamplingError for a bare number.

    Of a table that is not named as many rows come as follow from the others.
    """
    if rows is None:
        return {}
    tables = ", ".join(schema.tables)
    if not isinstance(rows, Mapping):
        first = next(iter(schema.tables))
        raise SamplingError(
            f"{rows!r} rows are asked for of {len(schema.tables)} tables: {tables}.",
            mend=f'ask for all of them with scale=.1 (--scale .1), or by name with {{"{first}": '
            f"1000}} (-n {first}=1000)",
        )
    for name in rows:
        if name not in schema.tables:
            raise SamplingError(
                f"rows of table '{name}' are asked for, which the model does not know.",
                found=f"it knows: {tables}",
                mend=did_you_mean(str(name), schema.tables),
            )
    return {name: check_rows(number) for name, number in rows.items()}


def drawn(model: Any, rows: Rows, scale: float | None, learnt: Any, rng: Rng) -> Dataset:
    """A plain sample of any model; `learnt` is the number of rows that were learnt."""
    made: Dataset
    if len(model.schema.tables) > 1:
        named = check_named(rows, model.schema)
        made = model.sample(named or None, rng=rng, scale=check_scale(scale))
    else:
        made = model.sample(rows_of_one(rows, scale, learnt, model.schema), rng=rng)
    return made


def sample_owners(model: Any, owners: Any, rng: Rng, *, beside: bool = False) -> Dataset:
    """So many owners with all their rows, of a model of rows in an order."""
    check_sequential(model, "owners")
    if beside:
        raise SamplingError(
            "owners are asked for, and something else beside them.",
            mend="leave rows, scale, given and where out",
        )
    made: Dataset = model.sample(owners=check_rows(owners), rng=rng)
    return made


def follow_up(model: Any, history: Dataset, steps: Any, paths: Any, rng: Rng) -> pl.DataFrame:
    """The rows that may follow those of `history`."""
    for name, number in (("steps", steps), ("paths", paths)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise SamplingError(
                f"{name} is {number!r}.", mend="ask for a whole number of 1 or more"
            )
    made: pl.DataFrame = model.extend(history.frame, steps=steps, paths=paths, rng=rng)
    return made


def check_sequential(model: Any, what: str) -> None:
    """SamplingError where the model knows of no order of rows."""
    if hasattr(model, "extend"):
        return
    raise SamplingError(
        f"{what} can be asked of a table whose owners have rows in an order, and the model knows "
        "of none.",
        mend='fit with entity="customer", sequence="date" (--entity customer --sequence date)',
    )
