"""What is done to real columns before a synthesizer sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from neotype.data import Dataset
from neotype.errors import SchemaError
from neotype.masking.apply import apply
from neotype.masking.change import Keep, Shift
from neotype.masking.decide import default_treatment
from neotype.masking.key import Key
from neotype.masking.plan import MaskingPlan
from neotype.masking.receipt import Receipt
from neotype.masking.treatment import Treatment
from neotype.personal.categories import MADE
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Datetime, Geo, Numeric, Personal, Schema, Table
from neotype.schema.storage import storage_dtype


def before_learning(
    parts: Sequence[Dataset], treat: Mapping[str, Treatment], key: Key
) -> tuple[tuple[Dataset, ...], Receipt | None]:
    """These parts of one table with their columns treated alike, and what was done.

    Treated are the columns that are named, and the personal ones whose schema says mask,
    generalise, shift or drop. The schema of the result says what the columns are now.
    """
    table, name = parts[0].table, parts[0].schema.name
    said = {
        column: default_treatment(fact)
        for column, fact in table.columns.items()
        if isinstance(fact, Personal) and fact.treatment not in MADE | {"keep"}
    }
    said |= treat
    if not said:
        return tuple(parts), None
    rest = {column: Keep() for column in table.columns}
    whole = pl.concat([part.frame for part in parts])
    done = apply(whole, table, MaskingPlan(columns={**rest, **said}), key)
    schema = Schema(tables={name: _after(table, done.frame, said)})
    treated, start = [], 0
    for part in parts:
        treated.append(Dataset.of(schema, done.frame[start : start + part.rows]))
        start += part.rows
    columns = {column: one for column, one in done.receipt.columns.items() if column in said}
    facts = {**vars(done.receipt), "columns": columns}
    return tuple(treated), Receipt(**facts)


def _after(table: Table, frame: pl.DataFrame, said: Mapping[str, Any]) -> Table:
    """The table as it is now: what changed is inferred anew, roles of what went are gone."""
    columns = {}
    for name, column in table.columns.items():
        if name not in frame.columns:
            continue
        if name not in said or _still(column, said[name], frame[name]):
            columns[name] = column
        else:
            columns[name] = infer_schema({"t": frame.select(name)}, personal=False).columns[name]
    changed = {name for name in said if not isinstance(said[name], Keep)}
    broken = [rule.title for rule in table.constraints if changed & set(rule.about)]
    if broken:
        raise SchemaError(
            f"columns are treated of which constraints speak: {'; '.join(broken)}.",
            mend="take the treatments or the constraints out",
        )
    facts = {name: getattr(table, name) for name in type(table).model_fields}
    facts |= {
        role: tuple(name for name in getattr(table, role) if name in columns)
        for role in ("primary_key", "sensitive", "quasi_identifiers")
    }
    facts["entity"] = table.entity if table.entity in columns else None
    return Table(**{**facts, "columns": columns})


def _still(column: Any, treatment: Treatment, cells: pl.Series) -> bool:
    """Whether what the schema says of a column is true after the treatment."""
    if isinstance(treatment, Keep):
        return True
    if isinstance(treatment, Shift):
        return isinstance(column, Datetime)
    quantity = isinstance(column, Numeric | Geo) or (
        isinstance(column, Datetime) and column.format is None
    )
    return quantity and cells.dtype == storage_dtype(column.storage)
