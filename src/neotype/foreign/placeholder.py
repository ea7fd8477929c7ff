"""A first guess of how the cells of a described column fall, so that it can be drawn at once.

A description says what is allowed and not what is frequent. The guess is written into the schema
file, where it is seen and mended.
"""

from __future__ import annotations

from typing import Any

from neotype.personal.lexicon import words
from neotype.schema.distribution import Distribution
from neotype.schema.schema import Column, Datetime, Duration, Geo, Json, Numeric, Schema

_MONEY = frozenset(
    (
        "price",
        "cost",
        "amount",
        "total",
        "salary",
        "income",
        "revenue",
        "fee",
        "balance",
        "value",
        "fare",
    )
)
_SHARE = frozenset(("share", "rate", "ratio", "percent", "percentage", "probability", "discount"))
_COUNT = frozenset(("count", "quantity", "qty", "number", "visits", "items"))
_DAYS = ("2021-01-01", "2025-12-31")


def begun(schema: Schema) -> Schema:
    """The schema with a distribution for every column that could not be drawn without one."""
    tables = {}
    for key, table in schema.tables.items():
        columns = {}
        for name, column in table.columns.items():
            law = _law(name, column) if column.formula is None else None
            fresh = law is not None and column.distribution is None
            update = {"distribution": Distribution.model_validate(law)} if fresh else {}
            columns[name] = column.model_copy(update=update)
        tables[key] = table.model_copy(update={"columns": columns})
    return schema.model_copy(update={"tables": tables})


def _law(name: str, column: Column) -> dict[str, Any] | None:  # noqa: PLR0911 (one case a kind)
    """The distribution to begin with, as in a schema file; None where the kind needs none."""
    match column:
        case Numeric():
            return _quantity(set(words(name)), column)
        case Datetime(part="time"):
            return {"uniform": ["00:00:00", "23:59:59"]}
        case Datetime():
            born = {"birth", "born", "dob"} & set(words(name))
            return {"uniform": ["1940-01-01", "2007-12-31"] if born else list(_DAYS)}
        case Duration():
            return {"exponential": "1d"}
        case Json():
            several = "[]" in column.reason or "array" in column.reason
            return {"constant": "[]" if several else "{}"}
        case Geo():
            limit = 90 if column.axis == "latitude" else 180
            return {"uniform": [-limit, limit]}
    return None


def _quantity(said: set[str], column: Numeric) -> dict[str, Any] | None:
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        return None
    whole = column.subtype == "integer"
    law: dict[str, Any] = {"uniform": [0, 1000] if whole else [0, 100]}
    if "age" in said:
        law = {"normal": [42, 16], "minimum": 0, "maximum": 100}
    elif "year" in said:
        law = {"uniform": [1990, 2025]}
    elif said & _SHARE and not whole:
        law = {"beta": [2, 5]}
    elif said & _MONEY:
        law = {"lognormal": [3.5, 1.0]}
    elif said & _COUNT and whole:
        law = {"poisson": 3}
    elif low is not None:
        law = {"uniform": [low, low + 100]}
    elif high is not None:
        law = {"uniform": [high - 100, high]}
    bounds = {"minimum": low, "maximum": high}
    return law | {key: bound for key, bound in bounds.items() if bound is not None}
