"""Tables whose rows come in an order, and tables that only list what others refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from neotype.schema.key_names import Name
from neotype.schema.schema import (
    Categorical,
    Datetime,
    Numeric,
    Ordinal,
    Personal,
    Relationship,
    Schema,
    Table,
    Text,
)
from neotype.schema.wording import count

_STEPS = frozenset(
    ("line", "step", "seq", "sequence", "position", "pos", "visit", "item", "round", "lap", "wave")
)
_NUMBERED = frozenset(("line", "item", "visit", "step", "seq", "pos", "zeile", "position", "lauf"))
_NO_EVENT = frozenset(
    (
        *("birth", "born", "birthday", "dob", "geburt", "geburtsdatum", "hire", "hired", "updated"),
        *("update", "modified", "valid", "expires", "expiry", "due", "death", "dod", "required"),
    )
)
_APART, _SEVERAL, _FEW_OF_OWNER = 0.6, 2.0, 20.0
_LIST_ROWS, _LIST_COLUMNS = 1000, 8


def in_order(schema: Schema, frames: Mapping[str, pl.DataFrame]) -> Schema:
    """The schema with `sequence` where a date or a step orders the rows of an owner."""
    found = {}
    for name, table in schema.tables.items():
        steps = [
            (fan, column)
            for tie in schema.above(name)
            if tie.parent != name and not tie.when
            for fan, column in _orders(table, frames[name], tie)
        ]
        if steps and table.sequence is None:
            found[name] = min(steps)
    # An account has transactions by date, and is no event of its district.
    owners = {
        tie.parent for name in found for tie in schema.above(name) if _dated(schema, name, found)
    }
    tables = {
        name: table.model_copy(update={"sequence": found[name][1]})
        if name in found and not (name in owners and found[name][0] > _FEW_OF_OWNER)
        else table
        for name, table in schema.tables.items()
    }
    return schema.model_copy(update={"tables": tables})


def _dated(schema: Schema, name: str, found: Mapping[str, tuple[float, str]]) -> bool:
    return isinstance(schema.tables[name].columns[found[name][1]], Datetime)


def _orders(table: Table, frame: pl.DataFrame, tie: Relationship) -> Iterable[tuple[float, str]]:
    """Columns that order the rows of an owner, with the mean number of rows of an owner."""
    own = frame.select(tie.child_key).drop_nulls()
    owners = own.n_unique() if own.height else 0
    fan = own.height / owners if owners else 0.0
    if fan < _SEVERAL:
        return
    for name, column in table.columns.items():
        if name in tie.child_key:
            continue
        parts = set(Name(name).words)
        if isinstance(column, Datetime) and not parts & _NO_EVENT and column.part != "time":
            part, least = frame.select(*tie.child_key, name).drop_nulls(), _APART
        elif _counts(name, table):
            part, least = frame.select(*tie.child_key, name).drop_nulls(), 1.0
        else:
            continue
        if part.height > 0.5 * own.height and part.n_unique() >= least * part.height:
            yield fan, name
            return


def _counts(name: str, table: Table) -> bool:
    words = Name(name).words
    step = bool(words) and (words[-1] in _STEPS or bool(set(words) & _NUMBERED))
    whole = isinstance(table.columns[name], Numeric) and table.columns[name].storage.startswith(
        ("Int", "UInt")
    )
    return step and whole


def suggestions(schema: Schema, frames: Mapping[str, pl.DataFrame]) -> dict[str, tuple[str, ...]]:
    """Of each table what a person may want to say of it: that it is public, that it is ordered."""
    made: dict[str, tuple[str, ...]] = {}
    lists: set[str] = set()
    for name in sorted(schema.tables, key=lambda one: len(schema.above(one))):
        table, rows = schema.tables[name], frames[name].height
        said = []
        if _is_list(schema, name, rows, lists):
            lists.add(name)
            children = sorted({tie.child for tie in schema.below(name)} - {name})
            said.append(
                f"{count(rows, 'row')} that {', '.join(children)} refer to, and nobody is named: "
                "if they may be published, public: true keeps them as they are"
            )
        if table.sequence is not None:
            said.append(f"its rows are read in the order of {table.sequence} within their owner")
        if said:
            made[name] = tuple(said)
    return {name: made[name] for name in schema.tables if name in made}


def _is_list(schema: Schema, name: str, rows: int, lists: set[str]) -> bool:
    """Whether the table looks like a list of labels: few rows, referred to, and no person."""
    table = schema.tables[name]
    named = any(isinstance(one, Text | Categorical | Ordinal) for one in table.columns.values())
    return (
        0 < rows <= _LIST_ROWS
        and not table.public
        and len(table.columns) <= _LIST_COLUMNS
        and named
        and any(tie.child != name for tie in schema.below(name))
        and all(tie.parent in lists or tie.parent == name for tie in schema.above(name))
        and not any(isinstance(one, Personal) for one in table.columns.values())
    )
