"""Conditions that no row under the constraints can meet, as far as they say so themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from neotype.data import Known
from neotype.errors import DataError
from neotype.schema.constraint import Rule
from neotype.schema.schema import Schema
from neotype.schema.storage import storage_dtype

_EXAMPLES = 3


def refuse_broken(known: Known | None, rules: Sequence[Rule], schema: Schema) -> None:
    """DataError when known cells break a rule all of whose columns are known: which rows do."""
    if known is None:
        return
    cells = _told(known, schema)
    findings = []
    for rule in rules:
        about = rule.constraint.about
        if rule.whole or not set(about) <= set(cells.columns):
            continue
        told = np.ones(cells.height, dtype=np.bool_)
        if known.free is not None:
            free = [known.free[name].to_numpy() for name in about if name in known.free.columns]
            told = ~np.any([~told, *free], axis=0)
        broken = np.flatnonzero(~rule.holds(cells.select(about)).to_numpy() & told)
        if len(broken):
            shown = cells.select(about)[broken[:_EXAMPLES]].to_dicts()
            findings.append(
                f"{rule.constraint.title} does not hold in {len(broken):,} of {cells.height:,} "
                f"rows: {', '.join(map(str, broken[:_EXAMPLES].tolist()))} "
                f"(counted from 0), such as {'; '.join(map(str, shown))}"
            )
    if findings:
        raise DataError(
            "what is given contradicts constraints of the schema.",
            findings,
            mend="correct these rows, or leave one of the columns out",
        )


def _told(known: Known, schema: Schema) -> pl.DataFrame:
    """The known cells, those that a condition allows one value for among them."""
    cells = known.cells
    single = {
        one.column: one.values[0]
        for one in known.where
        if one.values is not None and len(one.values) == 1
    }
    rows = 1 if cells is None else cells.height
    frame = pl.DataFrame() if cells is None else cells
    for name, value in single.items():
        if name not in frame.columns:
            dtype = storage_dtype(schema.columns[name].storage)
            one = pl.Series(name, [value], dtype=dtype).new_from_index(0, rows)
            frame = frame.with_columns(one) if frame.width else one.to_frame()
    return frame
