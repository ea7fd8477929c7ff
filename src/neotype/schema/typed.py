"""The schema that column names and dtypes alone tell: not one cell is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import polars as pl

from neotype.errors import SchemaError
from neotype.schema.keys import Keys
from neotype.schema.schema import (
    Boolean,
    Categorical,
    Column,
    Datetime,
    Duration,
    Numeric,
    Schema,
    Table,
)
from neotype.schema.storage import storage_name

_PARTS: Mapping[str, Literal["date", "time"]] = {"Date": "date", "Time": "time"}
_REASON = "by its dtype alone"


def typed_schema(frames: Mapping[str, pl.DataFrame], keys: Keys | None = None) -> Schema:
    """Texts are labels, numbers are numbers, any cell may be missing; keys are those declared.

    SchemaError names the columns whose dtype says too little.
    """
    tables, findings = {}, []
    for name, frame in frames.items():
        columns = {}
        for column, dtype in frame.schema.items():
            kind = _column(dtype)
            if kind is None:
                findings.append(f"'{column}' of dtype {dtype}")
            else:
                columns[column] = kind
        primary = keys.primary.get(name, ()) if keys is not None else ()
        tables[name] = Table(columns=columns, primary_key=primary)
    if findings:
        raise SchemaError(
            "the dtype of a column does not tell what it is:",
            found="; ".join(findings),
            mend="leave the column out, or declare its kind in a schema",
        )
    ties = keys.foreign if keys is not None and len(tables) > 1 else ()
    return Schema(tables=tables, relationships=ties)


def _column(dtype: pl.DataType) -> Column | None:
    if dtype == pl.Null or dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return None
    facts: dict[str, Any] = {
        "nullable": True,
        "reason": _REASON,
        "storage": storage_name(dtype),
    }
    if dtype.is_numeric():
        return _number(dtype, facts)
    if dtype == pl.Boolean:
        return Boolean(**facts)
    if dtype == pl.Duration:
        return Duration(**facts)
    if dtype.is_temporal():
        return Datetime(part=_PARTS.get(str(dtype), "datetime"), **facts)
    return Categorical(**facts)


def _number(dtype: pl.DataType, facts: dict[str, Any]) -> Numeric:
    if dtype.is_integer():
        return Numeric(subtype="integer", decimals=0, **facts)
    if isinstance(dtype, pl.Decimal):
        return Numeric(subtype="decimal", decimals=dtype.scale, **facts)
    return Numeric(subtype="float", **facts)
