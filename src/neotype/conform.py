"""Frames brought to a schema: its columns in its dtypes, or every reason why that cannot be."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from neotype.data import Dataset
from neotype.errors import DataError, did_you_mean
from neotype.schema.schema import Geo, Schema, Table
from neotype.schema.storage import storage_dtype

_EXAMPLES = 3


def conform(frame: pl.DataFrame, schema: Schema, *, what: str) -> Dataset:
    """The frame as a data set of this schema, every column in its storage dtype.

    DataError lists every column that is missing, unknown, or has cells that its dtype cannot hold.
    """
    findings = _unknown(frame, schema.columns)
    for name in schema.columns:
        if name not in frame.columns:
            near = did_you_mean(name, [c for c in frame.columns if c not in schema.columns])
            findings.append(f"column '{name}' is missing" + (f"; {near}" if near else ""))
    return Dataset.of(schema, _cast(frame, schema, what, findings))


def conform_given(frame: pl.DataFrame, schema: Schema) -> Dataset:
    """A frame with some of the schema's columns, as the conditions of a sample."""
    known = schema.columns
    findings = _unknown(frame, known)
    for name in frame.columns:
        column = known.get(name)
        if isinstance(column, Geo) and column.partner not in frame.columns:
            findings.append(f"column '{name}' is given without its partner '{column.partner}'")
    if not frame.width:
        findings.append("no column is given")
    part = {name: column for name, column in known.items() if name in frame.columns}
    if not findings:
        narrow = Schema(tables={schema.name: Table(columns=part)})
        return Dataset.of(narrow, _cast(frame, narrow, "given", findings))
    raise DataError(
        "the given columns are not columns of the model.",
        findings,
        mend=f"the model knows: {', '.join(known)}",
    )


def _unknown(frame: pl.DataFrame, known: Collection[str]) -> list[str]:
    findings = []
    for name in frame.columns:
        if name not in known:
            near = did_you_mean(name, known)
            findings.append(f"column '{name}' is not known" + (f"; {near}" if near else ""))
    return findings


def _cast(frame: pl.DataFrame, schema: Schema, what: str, findings: list[str]) -> pl.DataFrame:
    columns = []
    for name, column in schema.columns.items():
        if name not in frame.columns:
            continue
        values = frame[name]
        dtype = storage_dtype(column.storage)
        if values.dtype == dtype:
            columns.append(values)
            continue
        try:
            brought = values.cast(dtype, strict=False)
        except pl.exceptions.PolarsError:
            findings.append(f"column '{name}' is {values.dtype}, and {dtype} is needed")
            continue
        lost = _lost(values, brought)
        if lost.len():
            shown = ", ".join(repr(v) for v in lost.unique(maintain_order=True)[:_EXAMPLES])
            findings.append(
                f"column '{name}': {lost.len()} cells cannot be {dtype} (such as {shown})"
            )
        columns.append(brought)
    if findings:
        raise DataError(f"{what} does not have the form of the training data.", findings)
    return pl.DataFrame(columns)


def _lost(values: pl.Series, brought: pl.Series) -> pl.Series:
    """The cells that a cast emptied, or, to whole numbers, cut."""
    gone = brought.is_null() & values.is_not_null()
    if values.dtype.is_float():
        gone &= ~values.is_nan()
        if brought.dtype.is_integer():
            gone |= (values != values.floor()).fill_null(False) & ~values.is_nan()
    return values.filter(gone)
