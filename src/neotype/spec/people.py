"""Personal columns: in one row they are about one invented person, who fits what else it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from neotype.personal.fake import PROVIDERS, UNIQUE, make
from neotype.personal.places import PLACES
from neotype.rng import Rng
from neotype.schema.names import words
from neotype.schema.storage import storage_dtype

_TOLD = {"sex": "sex", "gender": "sex", "country": "country", "city": "city"}
"""Words in the name of a column that the person has to fit, and what they tell."""


def people(
    columns: Mapping[str, Any], frame: pl.DataFrame, rng: Rng, first_row: int, rows: int
) -> dict[str, pl.Series]:
    """The personal columns of rows `first_row` on: who is in row i depends on the seed and on i."""
    wanted = {name: c for name, c in columns.items() if c.kind == "personal" and not c.formula}
    if not wanted:
        return {}
    numbers = np.arange(first_row, first_row + rows, dtype=np.uint64)
    row = dict(_told(columns, frame))
    cells = {}
    for name, column in wanted.items():
        made = make(
            column.category,
            numbers,
            key=str(rng.seed),
            locale=column.locale,
            unique=column.unique,
            scheme=column.scheme,
            row=row,
        )
        cells[name] = made.cast(storage_dtype(column.storage))
    return cells


def _told(columns: Mapping[str, Any], frame: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
    for name in frame.columns:
        if columns[name].kind in {"categorical", "boolean", "constant"}:
            what = _TOLD.get((words(name) or [""])[-1])
            if what is not None:
                yield what, frame[name].cast(pl.String)


def unmade(column: Any) -> str | None:
    """Why a personal column cannot be made."""
    if column.category not in PROVIDERS:
        return f"nothing is made of the category {column.category}"
    if column.unique and column.category not in UNIQUE:
        return f"cells of the category {column.category} repeat: there are not so many"
    if column.locale not in PLACES:
        return f"there is no locale '{column.locale}'; there are: {', '.join(PLACES)}"
    return None
