"""What is wrong with the keys and the order of a database, and what is done about it.

Counts by table and by foreign key, all at once. Examples of cells are shown to the person at the
keyboard and are never in the notes, which are kept with models and reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.errors import DataError
from neotype.links import ORPHAN, parent_rows
from neotype.schema.schema import Relationship, Schema, Table
from neotype.schema.wording import count, percent

Choice = Literal["drop", "null", "keep"]
What = Literal[
    "orphans",
    "duplicate keys",
    "missing keys",
    "empty",
    "only keys",
    "unordered",
    "same time",
    "one owner",
]
_PLAIN = ("orphans", "only keys", "unordered")
_EXAMPLES, _NO_KEY, _MOST, _ENOUGH, _OWNERS = 3, 0.1, 0.9, 50, 3


@dataclass(frozen=True)
class Fault:
    """Something of a table that a person should know before it is learnt.

    `rows` of `of` are concerned; `said` holds counts alone, `examples` hold cells.
    """

    table: str
    what: What
    rows: int
    of: int
    said: str
    examples: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The sentence, with examples where there are any."""
        return self.said + (f" (such as {', '.join(self.examples)})" if self.examples else "")


def faults(data: Dataset) -> tuple[Fault, ...]:
    """Everything that is odd about the keys, the order and the sizes of these tables."""
    return tuple(fault for name in data.schema.tables for fault in _of_table(data, name))


def settle(data: Dataset, orphans: Choice | None = None) -> tuple[Dataset, tuple[str, ...]]:
    """The data in which every foreign key is dealt with, and notes on what was odd or done.

    Rows that refer to no row are refused; or they go, with all rows below them (`drop`); or refer
    to nothing (`null`, where the column may be missing); or stay as they are and count as
    referring to nothing (`keep`). DataError lists all of them, and keys that are no keys.
    """
    found = faults(data)
    _refuse_false_keys(found)
    lost = [fault for fault in found if fault.what == "orphans"]
    notes = [fault.said for fault in found if fault.what not in _PLAIN]
    if not lost:
        return data, tuple(notes)
    if orphans is None:
        raise DataError(
            "rows refer to rows that are not there.",
            [fault.shown for fault in lost],
            mend="choose what becomes of them: orphans='drop' (they go, with the rows below them), "
            "'null' (they refer to nothing) or 'keep'; on the command line --orphans drop",
        )
    if orphans == "drop":
        after, done = _dropped(data)
    elif orphans == "null":
        after, done = _emptied(data)
    else:
        after, done = data, [f"{fault.said}: kept, as references to nothing" for fault in lost]
    return after, (*notes, *done)


def _of_table(data: Dataset, name: str) -> Iterator[Fault]:
    table, frame, schema = data.schema.tables[name], data.frames[name], data.schema
    if not frame.height:
        yield Fault(name, "empty", 0, 0, f"table '{name}' has no rows")
        return
    yield from _own_key(name, table, frame)
    refer = {column for tie in schema.above(name) for column in (*tie.child_key, *tie.when)}
    if len(schema.tables) > 1 and set(frame.columns) <= refer | set(table.primary_key):
        said = f"table '{name}' has only keys"
        yield Fault(name, "only keys", frame.height, frame.height, said)
    for tie in schema.above(name):
        rows = parent_rows(tie, data.frames)
        yield from _orphans(tie, rows, frame)
        if tie.parent != name:
            yield from _one_owner(tie, rows)
    yield from _order(name, table, data)


def _own_key(name: str, table: Table, frame: pl.DataFrame) -> Iterator[Fault]:
    if not table.primary_key:
        return
    keys, title = frame.select(table.primary_key), ", ".join(table.primary_key)
    missing = keys.select(pl.any_horizontal(pl.all().is_null())).to_series()
    if missing.any():
        rows = int(missing.sum())
        said = f"table '{name}': the key {title} is missing in {count(rows, 'row')}"
        yield Fault(name, "missing keys", rows, frame.height, said)
    present = keys.filter(~missing)
    again = ~present.select(pl.struct(pl.all()).is_first_distinct()).to_series()
    if again.any():
        rows = int(again.sum())
        said = (
            f"table '{name}': the key {title} is that of another row in {count(rows, 'row')} of "
            f"{frame.height:,}; references mean the first of them"
        )
        yield Fault(name, "duplicate keys", rows, frame.height, said, _some(present.filter(again)))


def _some(keys: pl.DataFrame) -> tuple[str, ...]:
    few = keys.unique(maintain_order=True).head(_EXAMPLES)
    return tuple(
        repr(row[0]) if len(row) == 1 else "(" + ", ".join(map(repr, row)) + ")"
        for row in few.iter_rows()
    )


def _refuse_false_keys(found: tuple[Fault, ...]) -> None:
    false = [
        fault
        for fault in found
        if fault.what in ("duplicate keys", "missing keys") and fault.rows > _NO_KEY * fault.of
    ]
    if false:
        raise DataError(
            "what is called a primary key is none.",
            [fault.shown for fault in false],
            mend="name other columns as primary_key in the schema, or none; or mend the data",
        )


def _orphans(tie: Relationship, rows: NDArray[np.int64], frame: pl.DataFrame) -> Iterator[Fault]:
    lost = rows == ORPHAN
    if lost.any():
        many = int(lost.sum())
        said = f"{tie.title}: {many:,} of {count(len(rows), 'row')} refer to no row"
        examples = _some(frame.select(tie.child_key).filter(pl.Series(lost)))
        yield Fault(tie.child, "orphans", many, len(rows), said, examples)


def _one_owner(tie: Relationship, rows: NDArray[np.int64]) -> Iterator[Fault]:
    there = rows[rows >= 0]
    if len(there) < _ENOUGH or len(np.unique(there)) < _OWNERS:
        return
    most = int(np.bincount(there).max())
    if most > _MOST * len(there):
        said = (
            f"{tie.title}: one row of '{tie.parent}' has {percent(most / len(there))} of the "
            f"{len(there):,} rows that refer to it: what is learnt of the others is thin"
        )
        yield Fault(tie.child, "one owner", most, len(there), said)


def _order(name: str, table: Table, data: Dataset) -> Iterator[Fault]:
    """Rows of one owner that are not in order, or at the same time."""
    owner = _owner(name, table, data.schema)
    if owner is None or table.sequence is None:
        return
    frame = data.frames[name].select(
        pl.struct(owner).rank("dense").alias("owner"), pl.col(table.sequence).alias("at")
    )
    same = frame.filter(frame["at"].is_not_null())
    again = same.height - same.n_unique()
    title = f"table '{name}', ordered by {table.sequence} within {', '.join(owner)}"
    if again:
        said = f"{title}: {count(again, 'row')} come at the time of another; they keep their order"
        yield Fault(name, "same time", again, frame.height, said)
    before = same.select((pl.col("at") < pl.col("at").shift(1).over("owner")).sum()).item()
    if before:
        said = f"{title}: {count(int(before), 'row')} come before the row above; they are sorted"
        yield Fault(name, "unordered", int(before), frame.height, said)
    if len(data.schema.tables) > 1 or table.entity is None:
        return
    sizes = frame["owner"].value_counts()["count"].to_numpy()
    if len(sizes) > 1 and frame.height >= _ENOUGH and sizes.max() > _MOST * frame.height:
        said = (
            f"one {table.entity} has {percent(float(sizes.max()) / frame.height)} of the rows: "
            "what is learnt of the others is thin"
        )
        yield Fault(name, "one owner", int(sizes.max()), frame.height, said)


def _owner(name: str, table: Table, schema: Schema) -> tuple[str, ...] | None:
    """The columns that say whose a row is: the entity, or the first foreign key."""
    if table.entity is not None:
        return (table.entity,)
    keys = [tie.child_key for tie in schema.above(name) if tie.parent != name and not tie.when]
    inside = [key for key in keys if set(key) <= set(table.primary_key)]
    return next(iter((*inside, *keys)), None)


def _dropped(data: Dataset) -> tuple[Dataset, list[str]]:
    """Without rows that refer to no row, nor rows that then do, until there are none."""
    frames, ties = dict(data.frames), list(data.schema.relationships)
    before = dict(data.sizes)
    while ties:
        less = set()
        for tie in ties:
            lost = parent_rows(tie, frames) == ORPHAN
            if lost.any():
                frames[tie.child] = frames[tie.child].filter(pl.Series(~lost))
                less.add(tie.child)
        ties = [tie for tie in data.schema.relationships if tie.parent in less]
    notes = [
        f"table '{name}': {count(rows - frames[name].height, 'row')} of {rows:,} dropped, which "
        "referred to no row, or to one that was dropped"
        for name, rows in before.items()
        if frames[name].height < rows
    ]
    return replace(data, frames=frames), notes


def _emptied(data: Dataset) -> tuple[Dataset, list[str]]:
    """With missing cells where a foreign key refers to no row; DataError where none may be."""
    frames, notes, findings = dict(data.frames), [], []
    for tie in data.schema.relationships:
        lost = parent_rows(tie, data.frames) == ORPHAN
        if not lost.any():
            continue
        table = data.schema.tables[tie.child]
        free = [
            name
            for name in tie.child_key
            if table.columns[name].nullable and name not in table.primary_key
        ]
        said = f"{tie.title}: {int(lost.sum()):,} of {count(len(lost), 'row')} refer to no row"
        if not free:
            findings.append(f"{said}, and {', '.join(tie.child_key)} may not be missing")
            continue
        gone = pl.lit(pl.Series(lost))
        frames[tie.child] = frames[tie.child].with_columns(
            pl.when(gone).then(None).otherwise(pl.col(name)).alias(name) for name in free
        )
        notes.append(f"{said}: they refer to nothing now")
    if findings:
        raise DataError(
            "references to rows that are not there cannot be made missing.",
            findings,
            mend="write nullable: true to the column in the schema, or choose 'drop' or 'keep'",
        )
    return replace(data, frames=frames), notes
