"""Partial synthesis: some columns of a real table are drawn anew, every other cell stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from neotype.data import Dataset, Known
from neotype.errors import DataError, SchemaError, did_you_mean
from neotype.personal.categories import MADE
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.condition import Condition, Where, met
from neotype.schema.schema import NUMBERED, Geo, Ordinal, Personal, Schema
from neotype.synth.learn import learn
from neotype.synth.trees import Trees
from neotype.tasks.copies import Copies


def replace_columns(
    data: Dataset,
    columns: Sequence[str],
    *,
    recipe: Trees,
    rng: Rng,
    draws: int = 1,
    where: Where = (),
    progress: Progress = silent,
) -> Copies:
    """Copies of `data` in which the cells of `columns` (in rows that meet `where`) are drawn anew.

    They are drawn given all other cells of their row, which stay as they are. What is drawn comes
    from a model that learnt all rows, and that keeps no value of a replaced column which fewer
    rows share than the recipe protects.
    """
    kept = _kept(data.schema, columns)
    rows = met(where, data.frame)
    index = rows.arg_true().to_numpy()
    if not len(index):
        raise DataError(
            "no row meets the conditions, so that no cell can be replaced.",
            [
                f"{int(met((one,), data.frame).sum()):,} of {data.rows:,} rows meet what is asked "
                f"of '{one.column}'" + _nearest(one, data)
                for one in where
            ],
        )
    model: Any = learn(
        replace(recipe, first=tuple(kept)),
        _lesson(Dataset.of(opened(data.schema, data.frame, kept), data.frame), columns),
        rng=rng.child("fit"),
        progress=progress,
    )
    known = Known(data.frame.select(kept)[index]) if kept else None
    copies = []
    for draw in range(draws):
        stream = rng.child("draw").block(draw)
        made = model.sample(None if kept else len(index), rng=stream, known=known).frame
        copies.append(with_cells(data, made.select(columns), index))
        progress("draw", draw + 1, draws)
    drawn = pl.DataFrame(dict.fromkeys(columns, rows))
    return Copies(data, tuple(copies), drawn, missing=False)


def _nearest(asked: Condition, data: Dataset) -> str:
    """The label that may have been meant by one that no row has."""
    cells = data.frame[asked.column].drop_nulls().unique().cast(pl.String, strict=False)
    strange = [str(one) for one in asked.values or () if str(one) not in cells]
    near = did_you_mean(strange[0], cells.to_list()) if strange else None
    return f"; {near}" if near else ""


def _kept(schema: Schema, columns: Sequence[str]) -> list[str]:
    """The columns that are given: all others, but for those that are made anew."""
    if not columns:
        raise SchemaError("no column is named to be replaced.", mend="name one, such as income")
    for name in columns:
        column = schema.table.column(name, asked_by="columns")
        if isinstance(column, Geo) and column.partner not in columns:
            raise SchemaError(
                f"'{name}' is half of a place, and '{column.partner}' would tell the other half.",
                mend=f"replace both: {name},{column.partner}",
            )
    return [
        name
        for name, column in schema.columns.items()
        if name not in columns and not isinstance(column, NUMBERED)
    ]


def _lesson(data: Dataset, columns: Sequence[str]) -> Dataset:
    """The data without personal columns that stay as they are and from which nothing is learnt."""
    table = data.table
    ruled = {name for rule in table.constraints for name in rule.about}
    left = {
        name: column
        for name, column in table.columns.items()
        if name in columns
        or name in ruled
        or not isinstance(column, Personal)
        or column.treatment in MADE
    }
    facts: dict[str, Any] = {
        role: tuple(name for name in getattr(table, role) if name in left)
        for role in ("primary_key", "sensitive", "quasi_identifiers")
    }
    facts |= {"columns": left, "entity": table.entity if table.entity in left else None}
    schema = Schema(tables={data.schema.name: table.model_copy(update=facts)})
    return Dataset.of(schema, data.frame)


def opened(schema: Schema, frame: pl.DataFrame, names: Collection[str]) -> Schema:
    """The schema with these columns unprotected: their cells are in the result anyway."""
    columns = {
        name: _public(column, frame[name]) if name in names else column
        for name, column in schema.columns.items()
    }
    table = schema.table.model_copy(update={"columns": columns})
    return schema.model_copy(update={"tables": {schema.name: table}})


def _public(column: Any, cells: pl.Series) -> Any:
    """The column unprotected; an order of labels ends with those that it does not list."""
    changes: dict[str, Any] = {"public": True}
    if isinstance(column, Ordinal):
        extra = set(cells.drop_nulls().unique().to_list()) - set(column.values)
        changes["values"] = (*column.values, *sorted(extra, key=str))
    return column.model_copy(update=changes)


def with_cells(data: Dataset, cells: pl.DataFrame, index: np.ndarray) -> Dataset:
    """The data with these cells in the rows at `index`."""
    replaced = []
    for name in cells.columns:
        place = np.full(data.rows, -1, dtype=np.int64)
        place[index] = np.arange(len(index))
        here = pl.Series(place)
        new = cells[name].gather(here.clip(lower_bound=0))
        replaced.append(new.zip_with(here >= 0, data.frame[name]).alias(name))
    return Dataset.of(data.schema, data.frame.with_columns(replaced))
