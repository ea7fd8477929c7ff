"""Real data on its way in: which tables there are, what their columns are, what is done first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from neotype.data import Dataset, conform
from neotype.dp.bound import within
from neotype.dp.budget import ROW, Budget
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.errors import ColumnNotFoundError, DataError, SchemaError, did_you_mean
from neotype.integrity import settle
from neotype.masking.before import before_learning
from neotype.masking.key import Key
from neotype.masking.receipt import ColumnReceipt, Receipt
from neotype.masking.treatment import Treatment
from neotype.plan import Chosen
from neotype.progress import Progress, silent
from neotype.schema.file import read_schema
from neotype.schema.infer import infer_schema, settled
from neotype.schema.places import places
from neotype.schema.schema import Constant, Identifier, Relationship, Schema, Table
from neotype.schema.typed import typed_schema
from neotype.source import Source, read
from neotype.source.database.address import is_database
from neotype.synth.private.dtypes import TYPES, counted_types
from neotype.synth.private.owned import Owned
from neotype.url import Orphans, Url

log = logging.getLogger("neotype")


def taken(
    data: object,
    tables: Chosen | None = None,
    progress: Progress = silent,
    *,
    plain: bool = False,
) -> Source:
    """What is to be learnt, wherever it is, without the tables that are not meant.

    Tables are named, or meant by a pattern such as `sales_*`. `plain`, no cell says what its column
    is. DataError or SourceError for those
    that are not there.
    """
    tables = tables or Chosen()
    data = data.reached() if isinstance(data, Url) else data
    if isinstance(data, str | Path) and is_database(data):
        from neotype.source.database.pull import pull

        return pull(data, tables=tables.include, exclude=tables.exclude, progress=progress)
    source = read(data, plain=plain)
    return only_tables(source, tables) if tables.include or tables.exclude else source


def only_tables(source: Source, tables: Chosen) -> Source:
    """The source without the tables that are not meant."""
    findings = []
    for name in (*tables.include, *tables.exclude):
        if not any(fnmatchcase(one, name) for one in source.frames):
            near = did_you_mean(name, source.frames)
            findings.append(f"there is no table '{name}'" + (f"; {near}" if near else ""))
    kept = [
        name
        for name in source.frames
        if (not tables.include or any(fnmatchcase(name, one) for one in tables.include))
        and not any(fnmatchcase(name, one) for one in tables.exclude)
    ]
    if not kept and not findings:
        findings.append("no table is left")
    if findings:
        raise DataError(
            f"the tables that are meant are not those of {source.origin}.",
            findings,
            mend=f"it has: {', '.join(source.frames)}",
        )
    keys = source.keys
    if keys is not None:
        ties = tuple(tie for tie in keys.foreign if {tie.parent, tie.child} <= set(kept))
        keys = replace(keys, foreign=ties)
    kinds = {name: source.kind.tables[name] for name in kept if name in source.kind.tables}
    return replace(
        source,
        frames={name: source.frames[name] for name in kept},
        kind=replace(source.kind, tables=kinds),
        single=source.single and len(kept) == 1,
        keys=keys,
    )


def schema_of(source: Source, path: Path | None) -> Schema:
    """The schema in the file, or the inferred one where there is no file."""
    if path is None:
        return infer_schema(source.frames, keys=source.keys)
    return read_schema(path, frames=source.frames)


def the_table(
    source: Source, schema: Schema, target: str | None, constraints: Sequence[Any] = ()
) -> Dataset:
    """The source's only table, for what is done to one; SchemaError where there are several."""
    if len(schema.tables) > 1:
        raise SchemaError(
            f"one table is needed here, and {source.origin} has {len(schema.tables)}: "
            f"{', '.join(schema.tables)}.",
            mend="give the file or the frame of one of them",
        )
    return learnable(source, schema.constrained(constraints) if constraints else schema, target)


def learnable(
    source: Source, schema: Schema, target: str | None, orphans: Orphans | None = None
) -> Dataset:
    """The source as a data set: its only table, whose target (if one is named) varies, or all.

    What reading had to decide (an encoding, a name, which words mean missing) is said on the way.
    """
    for note in source.notes:
        log.warning(note)
    data = closed(conformed(source, schema, source.origin), orphans)
    data = Dataset(settled(schema, data.frames), data.frames)
    check_target(target, data)
    return data


def budgeted(
    source: Source,
    schema: Schema | Path | None,
    budget: Budget,
    target: str | None,
    constraints: Sequence[Any] = (),
    ledger: Ledger | None = None,
) -> Dataset:
    """The source as it may be learnt within a budget: no cell is looked at.

    A schema that is given counts as public knowledge; without one, names and dtypes alone do (and
    keys that a database declares). A file of text says no dtypes: they are paid from the `ledger`.
    Of one table, rows of a unit beyond its bound are left out, and
    the unit's column is an identifier. Of several, the unit is a row of one of them; SchemaError
    where the others do not belong to it.
    """
    if schema is None and source.untyped and source.single and ledger is not None:
        named, frame = next(iter(source.frames.items()))
        cells, rho = counted(frame, budget), TYPES * ledger.left
        schema = counted_types(named, cells, Mechanism(ledger), rho=rho, unit=budget.unit)
    elif schema is None:
        _refuse_cell_by_cell(source)
        schema = typed_schema(source.frames, source.keys)
    elif not isinstance(schema, Schema):
        # Of SDV metadata dtypes alone are filled in: what cells would tell is not free.
        empty = {name: frame.clear() for name, frame in source.frames.items()}
        schema = read_schema(schema, frames=empty)
    schema = schema.constrained(constraints) if constraints else schema
    if len(schema.tables) > 1:
        Owned.of(schema, budget.unit).bounded(budget)
        if target is not None and target not in places(schema):
            raise ColumnNotFoundError(target, places(schema), asked_by="target")
        return conformed(source, schema, source.origin, silent=True)
    data = conformed(source, schema, source.origin, silent=True)
    for name, role in ((target, "target"), (None if budget.unit == ROW else budget.unit, "unit")):
        if name is not None and name not in schema.columns:
            raise ColumnNotFoundError(name, schema.columns, asked_by=role)
    if budget.unit == ROW:
        return data
    columns = dict(schema.columns)
    columns[budget.unit] = Identifier(storage=columns[budget.unit].storage, nullable=False)
    told = {"columns": columns, "entity": None, "sequence": None}
    table = data.table.model_copy(update=told)
    return Dataset.of(
        schema.model_copy(update={"tables": {schema.name: table}}), counted(data.frame, budget)
    )


_CELL_BY_CELL = (".json", ".ndjson", ".jsonl", ".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")


def _refuse_cell_by_cell(source: Source) -> None:
    """SchemaError for a file in which each cell says what it is: a column is what they all are."""
    suffixes = {str(facts.get("suffix")) for facts in source.kind.tables.values()}
    if suffixes & set(_CELL_BY_CELL):
        raise SchemaError(
            f"{source.origin} says of each cell what it is and of no column: to take that from the "
            "cells would read them for free.",
            mend="give a schema (schema=, --schema) that could have been written without them, or "
            "the same rows as Parquet or CSV",
        )


def counted(frame: pl.DataFrame, budget: Budget) -> pl.DataFrame:
    """The rows that count: of each unit as many as the budget says, and none of nobody's."""
    if budget.unit == ROW or budget.tables or budget.unit not in frame.columns:
        return frame
    numbers = frame[budget.unit].rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
    return frame.filter(pl.Series(within(np.asarray(numbers), budget.at_most)))


def closed(
    data: Dataset, orphans: Orphans | None, say: Callable[[str], None] = log.warning
) -> Dataset:
    """The data in which every foreign key refers to a row, or is dealt with as `orphans` says.

    What is odd about keys and order is said. DataError lists all orphans where nothing is chosen.
    """
    alone = len(data.schema.tables) == 1
    if alone and orphans is not None:
        raise SchemaError(
            "orphans are rows whose foreign key refers to no row, and the data has one table.",
            mend="leave orphans out",
        )
    if alone and data.table.sequence is None:
        return data
    done, notes = settle(data, orphans)
    for note in notes:
        say(note)
    return done


def conformed(source: Source, schema: Schema, what: str, *, silent: bool = False) -> Dataset:
    """The source as a data set of this schema, be it of one table or of several.

    DataError lists every fault of every table; where it is `silent`, none of a cell.
    """
    if len(schema.tables) == 1:
        return conform(only_frame(source, schema), schema, what=what, silent=silent)
    frames, findings = {}, []
    for name in schema.tables:
        if name not in source.frames:
            near = did_you_mean(name, source.frames)
            findings.append(f"table '{name}' is missing" + (f"; {near}" if near else ""))
            continue
        try:
            alone = schema.only(name)
            frames[name] = conform(source.frames[name], alone, what=name, silent=silent).frame
        except DataError as fault:
            findings += [f"table '{name}': {finding}" for finding in fault.findings]
    if findings:
        raise DataError(
            f"{what} does not have the tables of its schema.",
            findings,
            mend="give every table of the schema, with its columns and kinds of value",
        )
    return Dataset(schema, frames)


def declared(
    schema: Schema,
    *,
    public: str | Sequence[str] = (),
    entity: str | None = None,
    sequence: str | None = None,
) -> Schema:
    """The schema with these tables public, and with the owner and the order of the only table."""
    tables = dict(schema.tables)
    for name in (public,) if isinstance(public, str) else public:
        if name not in tables or len(tables) == 1:
            raise SchemaError(
                f"table '{name}' is to be public, and there is no such table beside others.",
                found=f"there are: {', '.join(tables)}",
                mend=did_you_mean(name, tables) if len(tables) > 1 else None,
            )
        tables[name] = tables[name].model_copy(update={"public": True})
    said = {"entity": entity, "sequence": sequence}
    said = {role: column for role, column in said.items() if column is not None}
    if said:
        if len(tables) > 1:
            raise SchemaError(
                f"{' and '.join(said)} are said of one table, and the data has {len(tables)}: "
                f"{', '.join(tables)}.",
                mend="write them into the table of a schema file: neotype inspect DATA -o "
                "schema.yaml, then --schema schema.yaml",
            )
        ((name, table),) = tables.items()
        tables[name] = Table(**{**dict(table), **said})
    tables = {name: _published(table) if table.public else table for name, table in tables.items()}
    if tables == dict(schema.tables):
        return schema
    return schema.model_copy(update={"tables": tables})


def _published(table: Table) -> Table:
    """A public table's columns are public too: no value of theirs is too rare to be kept."""
    columns = {name: one.model_copy(update={"public": True}) for name, one in table.columns.items()}
    return table.model_copy(update={"columns": columns})


def rows_of(data: Dataset) -> int | dict[str, int]:
    """The number of rows of the only table, or by table."""
    return data.rows if len(data.schema.tables) == 1 else dict(data.sizes)


def without_rows(data: Dataset) -> Dataset:
    """The same tables, with no row in them."""
    return Dataset(data.schema, {name: data.frames[name].clear() for name in data.schema.tables})


def only_frame(source: Source, schema: Schema) -> pl.DataFrame:
    """The frame of a source that has one table."""
    if len(source.frames) == 1:
        return next(iter(source.frames.values()))
    if schema.name not in source.frames:
        raise SchemaError(
            f"the schema is of table '{schema.name}', which {source.origin} does not have.",
            found=f"it has: {', '.join(source.frames)}",
            mend=did_you_mean(schema.name, source.frames),
        )
    return source.frames[schema.name]


def check_target(target: str | None, data: Dataset) -> None:
    """ColumnNotFoundError when the target does not exist, DataError when it never varies."""
    if target is None:
        return
    known = places(data.schema)
    if target not in known:
        raise ColumnNotFoundError(target, known, asked_by="target")
    table, column = known[target]
    fixed = isinstance(data.schema.tables[table].columns[column], Constant)
    if fixed or data.frames[table][column].drop_nulls().n_unique() < 2:
        raise DataError(
            f"target '{target}' has the same value in every row: there is nothing to predict.",
            mend="name another target, or leave it out",
        )


def treated(
    source: Source,
    sides: tuple[Dataset, ...],
    treat: Mapping[str, Treatment] = MappingProxyType({}),
    key: Key | None = None,
    target: str | None = None,
) -> tuple[Source, tuple[Dataset, ...], Receipt | None]:
    """Real rows whose columns were treated before anybody looks, as named or as the schema says.

    A column of one of several tables is named `table.column`.
    """
    schema, key = sides[0].schema, key or Key.of()
    if len(schema.tables) > 1:
        return _treated_tables(source, sides, treat, key)
    parts, receipt = before_learning(sides, treat, key)
    if receipt is None:
        return source, sides, None
    _say_treated(receipt)
    check_target(target, parts[0])
    return replace(source, kind=source.kind.changed(list(receipt.columns))), parts, receipt


def _treated_tables(
    source: Source, sides: tuple[Dataset, ...], treat: Mapping[str, Treatment], key: Key
) -> tuple[Source, tuple[Dataset, ...], Receipt | None]:
    """The same of several tables: each by itself, alike under one key."""
    schema = sides[0].schema
    named = _by_table(treat, schema)
    frames: list[dict[str, pl.DataFrame]] = [{} for _ in sides]
    tables: dict[str, Table] = {}
    columns: dict[str, ColumnReceipt] = {}
    notes, mark, kinds = [], None, dict(source.kind.tables)
    for name in schema.tables:
        parts, receipt = before_learning([side.only(name) for side in sides], named[name], key)
        tables[name] = parts[0].table
        for into, part in zip(frames, parts, strict=True):
            into[name] = part.frame
        if receipt is not None:
            columns |= {f"{name}.{column}": one for column, one in receipt.columns.items()}
            notes += [f"table '{name}': {note}" for note in receipt.notes]
            mark = receipt.key
            changed = source.kind.changed(list(receipt.columns)).tables
            kinds |= {name: changed[name]} if name in changed else {}
    if not columns:
        return source, sides, None
    ties = [tie for tie in schema.relationships if not _dropped(tie, tables)]
    after = Schema(tables=tables, relationships=tuple(ties))
    whole = Receipt(
        rows=sum(sum(side.sizes.values()) for side in sides),
        rows_left=sum(part.height for side in frames for part in side.values()),
        columns=columns,
        anonymity=None,
        notes=tuple(notes),
        key=mark,
    )
    _say_treated(whole)
    kind = replace(source.kind, tables=kinds)
    return replace(source, kind=kind), tuple(Dataset(after, one) for one in frames), whole


def _by_table(treat: Mapping[str, Treatment], schema: Schema) -> dict[str, dict[str, Treatment]]:
    """Treatments of `table.column` by table; SchemaError for what names none."""
    known = places(schema)
    named: dict[str, dict[str, Treatment]] = {name: {} for name in schema.tables}
    for place, treatment in treat.items():
        if place not in known:
            raise ColumnNotFoundError(place, known, asked_by="treat")
        table, column = known[place]
        named[table][column] = treatment
    return named


def _dropped(tie: Relationship, tables: Mapping[str, Table]) -> bool:
    """Whether a column of the foreign key is there no longer."""
    return not (
        set(tie.child_key) <= set(tables[tie.child].columns)
        and set(tie.parent_key) <= set(tables[tie.parent].columns)
    )


def _say_treated(receipt: Receipt) -> None:
    for note in receipt.notes:
        log.warning(note)
    for name, one in receipt.columns.items():
        log.info("'%s' is treated before it is learnt: %s", name, one.treatment)
