"""The tables of a database with their columns treated, so that keys still agree."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from neotype.data import Dataset
from neotype.errors import DataError, SchemaError
from neotype.links import Links
from neotype.masking.apply import apply
from neotype.masking.key import Key
from neotype.masking.plan import MaskingPlan
from neotype.masking.receipt import Receipt
from neotype.masking.treatment import Treatment
from neotype.schema.between import place
from neotype.schema.schema import NUMBERED, Column, Schema, Table, Text


def masked(data: Dataset, plan: MaskingPlan, key: Key) -> tuple[Dataset, dict[str, Receipt]]:
    """Every table as the plan wants it, and the receipt of each. Columns are named with their
    table: "customer.email". What is done to a key is done to all that refer to it.

    Public tables stay as they are. SchemaError where the plan does not fit, DataError where keys
    would not agree any more.
    """
    asked = {"per": plan.per, "anonymity": plan.anonymity}
    of_one = [name for name, value in asked.items() if value is not None]
    if of_one:
        raise SchemaError(
            f"{' and '.join(of_one)} is said of the rows of one table, and there are "
            f"{len(data.schema.tables)}.",
            mend="leave it out, or mask a table by itself: neotype mask",
        )
    treatments = _spread(data.schema, _placed(data.schema, plan))
    frames, tables, receipts = dict(data.frames), dict(data.schema.tables), {}
    for name, table in data.schema.tables.items():
        if table.public and name not in treatments:
            continue
        mine = plan.model_copy(update={"columns": treatments.get(name, {})})
        done = apply(data.frames[name], table, mine, key)
        frames[name], receipts[name] = done.frame, done.receipt
        tables[name] = _changed(table, data.frames[name], done.frame)
    kept = tuple(
        tie
        for tie in data.schema.relationships
        if set(tie.child_key) <= set(tables[tie.child].columns)
        and set(tie.parent_key) <= set(tables[tie.parent].columns)
    )
    made = Dataset(Schema(tables=tables, relationships=kept), frames)
    _refuse_loose(data, made)
    return made, receipts


def _placed(schema: Schema, plan: MaskingPlan) -> dict[str, dict[str, Treatment]]:
    """The treatments by table and column."""
    found: dict[str, dict[str, Treatment]] = {}
    for name, treatment in plan.columns.items():
        table, column = place(name, schema, asked_by="the masking plan")
        found.setdefault(table, {})[column] = treatment
    return found


def _spread(
    schema: Schema, asked: Mapping[str, Mapping[str, Treatment]]
) -> dict[str, dict[str, Treatment]]:
    """What is done to one side of a reference is done to the other."""
    spread = {table: dict(columns) for table, columns in asked.items()}
    grown = True
    while grown:
        grown = False
        for tie in schema.relationships:
            for mine, theirs in zip(tie.child_key, tie.parent_key, strict=True):
                sides = ((tie.child, mine), (tie.parent, theirs))
                for (table, column), (other, far) in (sides, sides[::-1]):
                    known = spread.get(table, {}).get(column)
                    if known is not None and far not in spread.get(other, {}):
                        spread.setdefault(other, {})[far] = known
                        grown = True
    return spread


def _changed(table: Table, before: pl.DataFrame, after: pl.DataFrame) -> Table:
    """The table with the columns that are left: those of another dtype as text, and unique only
    where they still are.
    """
    columns: dict[str, Column] = {}
    for name, column in table.columns.items():
        if name not in after.columns:
            continue
        cells = after[name]
        if before[name].dtype != cells.dtype:
            columns[name] = Text(storage=str(cells.dtype), nullable=True)
        elif isinstance(column, NUMBERED) and column.unique:
            there = cells.drop_nulls()
            columns[name] = column.model_copy(update={"unique": there.n_unique() == len(there)})
        else:
            columns[name] = column
    key = tuple(table.primary_key) if set(table.primary_key) <= set(columns) else ()
    return Table(columns=columns, primary_key=key, public=table.public)


def _refuse_loose(before: Dataset, after: Dataset) -> None:
    """DataError where rows do not refer to the rows that they did."""
    was, now = (Links.of(after.schema, one.frames) for one in (before, after))
    findings = []
    for tie in after.schema.relationships:
        lost = now.positions[tie.title] != was.positions[tie.title]
        if lost.any():
            findings.append(f"{tie.title}: {int(lost.sum()):,} rows refer to another row, or none")
    if findings:
        raise DataError(
            "masked keys do not agree.",
            findings,
            mend="treat keys as pseudonym, which gives equal values for equal ones",
        )
