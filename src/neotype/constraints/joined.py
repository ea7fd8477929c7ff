"""Cells of several columns as one label, and back without a stored table.

The label is the JSON list of the cells, so that it can be read by a person and taken apart by
anyone: every storage comes back exactly, a missing cell too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import polars as pl

from neotype.schema.constraint import Columns
from neotype.schema.schema import Boolean
from neotype.schema.storage import storage_dtype

LABEL = "\0label"
"""No column of a user is called so."""


def labels(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """One label a row. Only distinct rows are spelt out, so that long tables cost little."""
    plain = frame.select(_plain(frame[name]).alias(name) for name in columns)
    distinct = plain.unique(maintain_order=True)
    spelt = [json.dumps(row, ensure_ascii=False) for row in distinct.iter_rows()]
    table = distinct.with_columns(pl.Series(LABEL, spelt, dtype=pl.String))
    # An empty `on` is refused by polars; every rule here has columns.
    return plain.join(table, on=list(columns), how="left", nulls_equal=True, maintain_order="left")[
        LABEL
    ]


def cells(joined: pl.Series, dtypes: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The inverse of `labels`: one column a dtype, one row a label; nothing where there is none."""
    distinct = joined.unique().drop_nulls()
    rows = [json.loads(label) for label in distinct]
    parts = {
        name: pl.Series(
            name, [row[place] for row in rows], dtype=_plain_dtype(dtype), strict=False
        ).cast(dtype)
        for place, (name, dtype) in enumerate(dtypes.items())
    }
    table = pl.DataFrame(parts).with_columns(distinct.alias(LABEL))
    found = joined.alias(LABEL).to_frame().join(table, on=LABEL, how="left", maintain_order="left")
    return found.drop(LABEL)


def free_name(names: Sequence[str], columns: Columns) -> str:
    """What a column that joins these is called: by their names, and as no other is."""
    name = " & ".join(names)
    while name in columns:
        name += "'"
    return name


def dtypes_of(names: Sequence[str], columns: Columns) -> dict[str, pl.DataType]:
    """How the cells of these columns are stored."""
    return {name: storage_dtype(columns[name].storage) for name in names}


def truth(name: str, columns: Columns) -> tuple[object, object] | None:
    """What stands for false and for true in a column; None where it cannot say either."""
    column, dtype = columns[name], storage_dtype(columns[name].storage)
    if isinstance(column, Boolean) and column.labels is not None:
        return column.labels
    if isinstance(dtype, pl.Boolean):
        return False, True
    return (0, 1) if dtype.is_numeric() else None


def _plain(series: pl.Series) -> pl.Series:
    if series.dtype.is_temporal():
        series = series.to_physical()
    return series.cast(_plain_dtype(series.dtype))


def _plain_dtype(dtype: pl.DataType) -> pl.DataType:
    """What JSON can hold without loss."""
    if dtype.is_temporal():
        return pl.Int64()
    if dtype.is_float():
        return pl.Float64()
    if dtype.is_integer() or isinstance(dtype, pl.Boolean):
        return dtype
    return pl.String()
