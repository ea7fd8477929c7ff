"""Files that know their types: Parquet, Arrow IPC, JSON, NDJSON, Excel."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from neotype.errors import SourceError
from neotype.source.dialect import decode
from neotype.source.kind import Taken

_DAMAGED = "the file is damaged, cut short, or of another format than its suffix says"


def _file(frame: pl.DataFrame, suffix: str, notes: Iterable[str] = ()) -> Taken:
    return Taken(frame, {"library": "file", "suffix": suffix}, tuple(notes))


def _damaged(origin: str, what: str, cause: BaseException) -> SourceError:
    words = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    return SourceError(f"'{origin}' cannot be read as {what}: {words}.", mend=_DAMAGED)


def read_parquet(path: Path, table: str) -> Mapping[str, Taken]:
    """The table of a Parquet file."""
    try:
        return {table: _file(pl.read_parquet(path, glob=False), ".parquet")}
    except (pl.exceptions.PolarsError, OSError) as cause:
        raise _damaged(path.name, "Parquet", cause) from cause


def read_ipc(path: Path, table: str) -> Mapping[str, Taken]:
    """The table of a Feather or Arrow IPC file, or of an Arrow stream."""
    data = path.read_bytes()
    reader = pl.read_ipc if data.startswith(b"ARROW1") else pl.read_ipc_stream
    try:
        return {table: _file(reader(data), ".feather")}
    except (pl.exceptions.PolarsError, OSError) as cause:
        raise _damaged(path.name, "Feather or Arrow", cause) from cause


def read_excel(path: Path, table: str) -> Mapping[str, Taken]:
    """The sheets of a workbook that are not empty, each a table."""
    try:
        import fastexcel
    except ImportError:
        raise SourceError(
            f"reading '{path.name}' needs the package fastexcel, which is not installed.",
            mend='pip install "neotype[excel]"',
        ) from None
    # It prints what it guesses about empty columns, which is no news to anyone.
    logging.getLogger("fastexcel").addHandler(logging.NullHandler())
    try:
        book = fastexcel.read_excel(path)
        sheets = {name: book.load_sheet(name, header_row=None) for name in book.sheet_names}
    except fastexcel.FastExcelError as cause:
        raise _damaged(path.name, "an Excel workbook", cause) from cause
    filled = [name for name, sheet in sheets.items() if sheet.width and sheet.height]
    if not filled:
        raise SourceError(f"the workbook '{path.name}' has no cells.")
    single = len(filled) == 1
    return {table if single else name: _sheet(book, name, path.name) for name in filled}


def _sheet(book: Any, name: str, origin: str) -> Taken:
    top = book.load_sheet(name, header_row=None, n_rows=1, dtypes="string").to_polars()
    header = [bare for cell in top.row(0) if (bare := str(cell or "").strip())]
    again = sorted({cell for cell in header if header.count(cell) > 1})
    if again:
        raise SourceError(
            f"sheet '{name}' of '{origin}' has columns of the same name: {', '.join(again)}.",
            mend="rename them",
        )
    frame = book.load_sheet(name, schema_sample_rows=None).to_polars()
    bare = frame.rename(lambda name: name.strip() or name)
    return _file(bare.with_columns(_wholes(bare)), ".xlsx")


def _wholes(frame: pl.DataFrame) -> list[pl.Series]:
    """Columns of whole numbers as Int64: a sheet knows only floats."""
    wholes = []
    for cells in frame.iter_columns():
        present = cells.drop_nulls()
        if cells.dtype == pl.Float64 and len(present):
            whole = (present.floor() == present) & (present.abs() < 2.0**53)
            wholes += [cells.cast(pl.Int64)] if bool(whole.all()) else []
    return wholes


def read_ndjson(data: bytes, origin: str) -> Taken:
    """One JSON object a line."""
    text, _ = decode(data, origin)
    rows: list[Any] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as cause:
            raise SourceError(
                f"line {number} of '{origin}' is not JSON: {cause.msg}.",
                found=line[:80],
                mend="NDJSON holds one object on each line",
            ) from None
        if not isinstance(rows[-1], dict):
            raise SourceError(
                f"line {number} of '{origin}' is not an object.",
                found=line[:80],
                mend='NDJSON holds one object on each line, such as {"age": 42}',
            )
    return _from_rows(rows, origin, ".ndjson")


def read_json(data: bytes, origin: str) -> Taken:
    """A list of objects, an object of equally long lists, or one object a line."""
    text, _ = decode(data, origin)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as cause:
        if text.lstrip().startswith("{") and cause.msg == "Extra data":
            return read_ndjson(data, origin)
        raise SourceError(
            f"'{origin}' is not JSON: {cause.msg} in line {cause.lineno}, column {cause.colno}.",
            mend=_DAMAGED,
        ) from None
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _from_rows(value, origin, ".json")
    if isinstance(value, dict) and value:
        cells = list(value.values())
        if all(isinstance(c, list) for c in cells) and len({len(c) for c in cells}) == 1:
            rows = [dict(zip(value, row, strict=True)) for row in zip(*cells, strict=True)]
            return _from_rows(rows, origin, ".json")
    raise SourceError(
        f"'{origin}' is JSON but not a table.",
        found=f"it holds {_said(value)}",
        mend='give a list of objects, such as [{"age": 42}, {"age": 17}]',
    )


def _said(value: Any) -> str:
    if isinstance(value, list):
        return "an empty list" if not value else "a list that is not of objects"
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(list(value)[:8]) or '(none)'}"
    return f"the single value {str(value)[:40]}"


def _from_rows(rows: list[dict[str, Any]], origin: str, suffix: str) -> Taken:
    if not rows:
        raise SourceError(f"'{origin}' is empty.", mend="give at least one row")
    names = list(dict.fromkeys(name for row in rows for name in row))
    series, notes = [], []
    for name in names:
        column, note = json_column(name, [row.get(name) for row in rows])
        series.append(column)
        notes += [note] if note else []
    return _file(pl.DataFrame(series), suffix, notes)


def json_column(name: str, cells: list[Any]) -> tuple[pl.Series, str | None]:
    """Cells of JSON as a series; of mixed types as text, with a note that counts them."""
    types = {type(cell) for cell in cells if cell is not None}
    if types <= {int, float}:
        dtype = pl.Float64 if float in types else None
        try:
            return pl.Series(name, cells, dtype=dtype, strict=dtype is None), None
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            return pl.Series(name, [_text(c) for c in cells], dtype=pl.String), (
                f"column '{name}': numbers too large for 64 bits are kept as text"
            )
    if len(types) == 1:
        try:
            return pl.Series(name, cells), None
        except (TypeError, pl.exceptions.PolarsError):
            note = f"column '{name}': its nested values differ in form; kept as JSON text"
            return pl.Series(name, [_text(c) for c in cells], dtype=pl.String), note
    counts: dict[str, list[Any]] = {}
    for cell in cells:
        if cell is not None:
            counts.setdefault(_type(cell), []).append(cell)
    fewest = min(counts, key=lambda kind: len(counts[kind]))
    listed = ", ".join(f"{len(found):,} {kind}" for kind, found in counts.items())
    note = (
        f"column '{name}' mixes {listed} (for example {str(_text(counts[fewest][0]))[:40]!r} is "
        f"{fewest}): kept as text"
    )
    return pl.Series(name, [_text(c) for c in cells], dtype=pl.String), note


def _type(cell: Any) -> str:
    names = {bool: "true/false", int: "number", float: "number", str: "text", list: "list"}
    return names.get(type(cell), "object")


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return json.dumps(cell, ensure_ascii=False)
