"""What the columns are, guessed from their dtype, cells and name, with the reason for each guess.

Reasons are read by people and stored with the model, so they hold counts, and of the cells only
what at least five rows share: a range leaves the outermost cells aside, and an odd cell is shown
by its shape ('aaa-99'), never as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from neotype.errors import DataError
from neotype.personal.categories import CATEGORIES
from neotype.personal.detect import Finding, detect
from neotype.personal.fake import UNIQUE
from neotype.schema.infer_keys import Found, find_keys
from neotype.schema.infer_number import decimals_of, number
from neotype.schema.infer_text import text
from neotype.schema.keys import Keys
from neotype.schema.names import coordinate
from neotype.schema.schema import (
    Boolean,
    Categorical,
    Column,
    Constant,
    Datetime,
    Duration,
    Geo,
    Identifier,
    Json,
    Numeric,
    Ordinal,
    Personal,
    Schema,
    Table,
)
from neotype.schema.storage import storage_name
from neotype.schema.temporal import Part, resolution_of
from neotype.schema.wording import PROTECT, count, percent

_MANY_LABELS = 64


def infer_schema(
    frames: Mapping[str, pl.DataFrame], *, personal: bool = True, keys: Keys | None = None
) -> Schema:
    """The schema of these tables; every column says why it is of its kind.

    Several tables are tied by their keys: those that the source declares (`keys`), or those found
    in the data. Columns that tell who somebody is are of kind personal, unless `personal` is
    false: then they are what their cells are otherwise, and are learnt.
    DataError lists every column whose dtype has no kind (binary data, python objects).
    """
    return examined(frames, personal=personal, keys=keys).schema


def examined(
    frames: Mapping[str, pl.DataFrame], *, personal: bool = True, keys: Keys | None = None
) -> Found:
    """The schema of these tables, and foreign keys of which the data does not say enough."""
    findings: list[str] = []
    for table, frame in frames.items():
        findings += [
            f"column '{name}' of table '{table}' has dtype {dtype}"
            for name, dtype in frame.schema.items()
            if dtype == pl.Binary or dtype.is_object()
        ]
    if findings:
        raise DataError(
            "columns of binary data or python objects cannot be learnt.",
            findings,
            mend="drop them, or turn them into text or numbers",
        )
    schema = Schema(tables={name: _table(name, frame, personal) for name, frame in frames.items()})
    return Found(schema) if len(frames) < 2 else find_keys(schema, frames, keys)


def adopt(schema: Schema, frames: Mapping[str, pl.DataFrame]) -> Schema:
    """The schema with the storage, labels and missing cells that the data really has.

    For metadata that was written without the data at hand (SDV): kinds stay as they are said.
    """
    tables = {}
    for name, table in schema.tables.items():
        frame = frames.get(name)
        if frame is None and len(frames) == 1 and len(schema.tables) == 1:
            frame = next(iter(frames.values()))
        columns = dict(table.columns)
        for key, column in table.columns.items():
            if frame is not None and key in frame.columns:
                columns[key] = _adopted(column, frame[key])
        tables[name] = table.model_copy(update={"columns": columns})
    return schema.model_copy(update={"tables": tables})


def _adopted(column: Column, cells: pl.Series) -> Column:
    guess = _column(cells)
    changes: dict[str, Any] = {
        "storage": guess.storage,
        "nullable": column.nullable or guess.nullable,
    }
    if isinstance(column, Boolean):
        changes["labels"] = guess.labels if isinstance(guess, Boolean) else column.labels
    if isinstance(column, Datetime):
        if isinstance(guess, Datetime):
            changes |= {"part": guess.part, "resolution": guess.resolution, "format": guess.format}
        elif guess.storage != "String":
            changes["format"] = None
    if isinstance(column, Numeric) and isinstance(guess, Numeric) and column.decimals is None:
        changes |= {"subtype": guess.subtype, "decimals": guess.decimals}
    return column.model_copy(update=changes)


def _table(name: str, frame: pl.DataFrame, personal: bool) -> Table:
    found = detect(frame) if personal else {}
    persons = {key: finding for key, finding in found.items() if finding.sure or finding.mentions}
    columns = {
        cells.name: _personal(persons[cells.name], cells)
        if cells.name in persons
        else _column(cells)
        for cells in frame.iter_columns()
    }
    columns |= _coordinates(frame, columns)
    return Table(columns=columns, primary_key=_primary_key(name, columns))


def _personal(finding: Finding, cells: pl.Series) -> Personal:
    """Columns that tell who somebody is are made anew, never learnt: not even as a constant."""
    title = CATEGORIES[finding.category].title
    present = cells.drop_nulls()
    unique = finding.category in UNIQUE and len(present) > 1
    return Personal(
        storage=storage_name(cells.dtype),
        nullable=len(present) < len(cells),
        category=finding.category,
        treatment=finding.treatment,
        locale=finding.locale,
        scheme=finding.scheme,
        unique=unique and present.n_unique() == len(present),
        reason=f"{title}, confidence {finding.confidence:.2f}: {finding.reason}",
    )


def settled(schema: Schema, frames: Mapping[str, pl.DataFrame]) -> Schema:
    """The schema with the kinds that personal columns would have, where the user keeps them."""
    tables = {}
    for name, table in schema.tables.items():
        columns = dict(table.columns)
        for key, column in table.columns.items():
            frame = frames.get(name)
            if isinstance(column, Personal) and column.treatment == "keep" and frame is not None:
                plain = _column(frame[key])
                reason = f"personal, and kept by the schema: {plain.reason}"
                columns[key] = plain.model_copy(update={"reason": reason})
        tables[name] = table.model_copy(update={"columns": columns})
    return schema.model_copy(update={"tables": tables})


def _column(cells: pl.Series) -> Column:
    base: dict[str, Any] = {"storage": storage_name(cells.dtype)}
    present = cells.drop_nulls()
    if cells.dtype.is_float():
        present = present.drop_nans()
    base["nullable"] = len(present) < len(cells)
    if present.is_empty():
        return Constant(**base, reason=f"all {count(len(cells), 'cell')} are missing")
    constant = _constant(cells, present, base)
    if constant is not None:
        return constant
    return _varied(present, len(cells), base)


def _constant(cells: pl.Series, present: pl.Series, base: dict[str, Any]) -> Constant | None:
    """One value in every row of at least five: fewer rows would have their own cell kept."""
    if len(present) < len(cells) or len(cells) < PROTECT or cells.dtype.is_nested():
        return None
    if present.n_unique() > 1:
        return None
    value = present[0]
    if not isinstance(value, bool | int | float | str):
        value = str(value)
    return Constant(**base, value=value, reason=f"the same value in all {len(cells):,} rows")


def _varied(present: pl.Series, rows: int, base: dict[str, Any]) -> Column:  # noqa: PLR0911
    dtype = present.dtype
    if dtype == pl.Boolean:
        share = percent(int(present.sum()) / len(present))
        return Boolean(**base, reason=f"stored as true and false, true in {share} of the rows")
    if dtype.is_numeric():
        return number(present, rows, base)
    if dtype.is_temporal() and not isinstance(dtype, pl.Duration):
        return _instant(present, base)
    if isinstance(dtype, pl.Duration):
        return Duration(**base, reason=f"stored as {dtype}")
    if isinstance(dtype, pl.Enum):
        return _enum(present, dtype, base)
    if isinstance(dtype, pl.Categorical | pl.String):
        return text(present, base)
    return Json(**base, reason=f"nested values: {storage_name(dtype)}"[:120])


def _instant(present: pl.Series, base: dict[str, Any]) -> Datetime:
    part: Part = "datetime"
    if present.dtype in (pl.Date, pl.Time):
        part = "date" if present.dtype == pl.Date else "time"
    resolution = resolution_of(present)
    zone = getattr(present.dtype, "time_zone", None)
    reason = f"stored as {present.dtype}" + (f" in the zone {zone}" if zone else "")
    reason += f"; every cell is a whole {resolution}"
    return Datetime(**base, part=part, resolution=resolution, reason=reason)


def _enum(present: pl.Series, dtype: pl.Enum, base: dict[str, Any]) -> Column:
    labels = dtype.categories.to_list()
    if 3 <= len(labels) <= _MANY_LABELS and labels != sorted(labels):
        reason = f"its dtype declares {len(labels)} labels in an order that is not the alphabet's"
        return Ordinal(**base, values=tuple(labels), reason=reason)
    distinct = present.n_unique()
    reason = f"its dtype declares {count(len(labels), 'label')}, of which {distinct} occur"
    return Categorical(**base, reason=reason)


def _coordinates(frame: pl.DataFrame, columns: Mapping[str, Column]) -> dict[str, Column]:
    """Latitude and longitude of one name, in range and present in the same rows, are a pair."""
    halves: dict[str, dict[str, str]] = {}
    for name, column in columns.items():
        found = coordinate(name)
        if found is not None and isinstance(column, Numeric) and frame[name].dtype.is_float():
            axis, rest = found
            limit = 90 if axis == "latitude" else 180
            if bool((frame[name].drop_nans().abs() <= limit).all()):
                halves.setdefault(rest, {}).setdefault(axis, name)
    pairs: dict[str, Column] = {}
    for half in halves.values():
        if len(half) < 2:
            continue
        for axis, other in (("latitude", "longitude"), ("longitude", "latitude")):
            name, partner = half[axis], half[other]
            column = columns[name]
            limit = 90 if axis == "latitude" else 180
            reason = f"named {axis}, within ±{limit}, and '{partner}' beside it holds the {other}"
            pairs[name] = Geo(
                storage=column.storage,
                nullable=column.nullable,
                axis="latitude" if axis == "latitude" else "longitude",
                partner=partner,
                decimals=decimals_of(frame[name].drop_nulls().drop_nans()),
                reason=reason,
            )
    return pairs


def _primary_key(table: str, columns: Mapping[str, Column]) -> tuple[str, ...]:
    """The first identifier without a missing or repeated cell, one named after the table first."""
    keys = [
        name
        for kind in (Identifier, Personal)
        for name, column in columns.items()
        if isinstance(column, kind) and column.unique and not column.nullable
    ]
    stem = table.casefold().rstrip("s")[:4]
    named = [name for name in keys if stem and name.casefold().startswith(stem)]
    return tuple((named or keys)[:1])
