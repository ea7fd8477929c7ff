"""What a user hands over, as polars frames: a path, a database, a frame, or a dict of them."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import polars as pl

from neotype.errors import DataError, SourceError, did_you_mean
from neotype.source.database.address import is_database
from neotype.source.delimited import read_delimited
from neotype.source.frames import take
from neotype.source.kind import FrameKind, Source, Taken
from neotype.source.structured import read_excel, read_ipc, read_json, read_ndjson, read_parquet
from neotype.url import Url

_TEXT = (".csv", ".tsv", ".tab", ".txt", ".psv")
_FILES: Mapping[str, Callable[[Path, str], Mapping[str, Taken]]] = {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".feather": read_ipc,
    ".arrow": read_ipc,
    ".ipc": read_ipc,
    ".xlsx": read_excel,
    ".xls": read_excel,
    ".xlsm": read_excel,
    ".xlsb": read_excel,
    ".ods": read_excel,
}
_BYTES: Mapping[str, Callable[[bytes, str], Taken]] = {
    ".json": read_json,
    ".ndjson": read_ndjson,
    ".jsonl": read_ndjson,
}
SUFFIXES = (*_TEXT, *_BYTES, *_FILES)
_PART = re.compile(r"part[-_.]?\d+")


def read(data: object, *, name: str | None = None, plain: bool = False) -> Source:
    """The tables of a file, a folder, a database, a frame of any kind, or a dict of frames.

    `name` names the table of a single frame. `plain` leaves the cells of a file of text as text,
    and those of a column of python objects: what they are is not taken from them. SourceError says
    why a path cannot be read, DataError lists every column that cannot be taken.
    """
    data = data.reached() if isinstance(data, Url) else data
    if is_database(data):
        from neotype.source.database.pull import pull

        return pull(cast(str | Path, data))
    if isinstance(data, str | Path):
        return _read_path(Path(data).expanduser(), name, plain=plain)
    if isinstance(data, Mapping):
        return _read_mapping(data)
    taken = take(data, name or "table", plain=plain)
    return _source({name or "table": taken}, _a_frame(taken), single=True)


def _a_frame(taken: Taken) -> str:
    return f"a {taken.facts['library']} frame"


def _source(tables: Mapping[str, Taken], origin: str, *, single: bool) -> Source:
    named = len(tables) > 1
    notes = [
        f"table '{table}': {note}" if named else note
        for table, taken in tables.items()
        for note in taken.notes
    ]
    if not any(taken.frame.height for taken in tables.values()):
        _refuse_empty(tables)
    settled = {table: _settled(table, taken) for table, taken in tables.items()}
    notes += [
        f"table '{table}': {note}" if named else note
        for table, (_, _, said) in settled.items()
        for note in said
    ]
    return Source(
        frames={table: frame for table, (frame, _, _) in settled.items()},
        kind=FrameKind.of({table: facts for table, (_, facts, _) in settled.items()}),
        origin=origin,
        single=single,
        notes=tuple(notes),
    )


def _refuse_empty(tables: Mapping[str, Taken]) -> None:
    """One table, or every one of several, without a row; beside others an empty one stays."""
    table, taken = next(iter(tables.items()))
    if len(tables) > 1:
        raise DataError(f"none of the tables has a row: {', '.join(tables)}.")
    if taken.frame.width:
        raise DataError(
            f"table '{table}' has no rows, only the columns {', '.join(taken.frame.columns)}.",
            mend="give a table with at least one row",
        )


def _settled(table: str, taken: Taken) -> tuple[pl.DataFrame, dict[str, Any], list[str]]:
    """The frame with NaN as missing; refused where it has no column or a column is opaque."""
    frame, facts, notes = taken.frame, taken.facts, []
    if frame.width == 0:
        raise DataError(f"table '{table}' has no columns.")
    opaque = [name for name, dtype in frame.schema.items() if dtype.is_object()]
    if opaque:
        raise DataError(
            f"table '{table}' has columns of python objects, which cannot be learnt.",
            [f"column '{name}' has dtype Object" for name in opaque],
            mend="cast them to a plain dtype (numbers, text, dates) or drop them",
        )
    columns = dict(facts.get("columns", {}))
    for column in frame.iter_columns():
        if not column.dtype.is_float() or not bool(column.is_nan().any()):
            continue
        cells = int(column.is_nan().sum())
        if taken.facts["library"] != "pandas" and not column.null_count():
            columns[column.name] = {**columns.get(column.name, {}), "missing": "NaN"}
        elif taken.facts["library"] != "pandas":
            notes.append(f"column '{column.name}': {cells:,} NaN become null, as the others are")
        frame = frame.with_columns(column.fill_nan(None))
    return frame, {**facts, "columns": columns}, notes


def _read_mapping(data: Mapping[Any, Any]) -> Source:
    if not data:
        raise SourceError("the dict of tables is empty.", mend='give {"name": frame, ...}')
    wrong = [key for key in data if not isinstance(key, str)]
    if wrong:
        raise SourceError(f"table name {wrong[0]!r} is not text.", mend='give {"name": frame, ...}')
    tables: dict[str, Taken] = {}
    for key, value in data.items():
        if isinstance(value, str | Path):
            source = _read_path(Path(value).expanduser(), key)
            frame = source.frames[next(iter(source.frames))]
            facts = dict(source.kind.tables[next(iter(source.frames))])
            tables[key] = Taken(frame, facts, source.notes)
        else:
            tables[key] = take(value, key)
    return _source(tables, f"a dict of {len(tables)} tables", single=False)


def _read_path(path: Path, name: str | None, *, plain: bool = False) -> Source:
    try:
        if path.is_dir():
            return _read_folder(path, name, plain=plain)
        if not path.exists():
            raise _absent(path)
        tables = _read_file(path, name, plain=plain)
    except OSError as cause:
        raise SourceError(
            f"'{path}' cannot be read: {cause.strerror or cause}.",
            mend="check its permissions" if isinstance(cause, PermissionError) else None,
        ) from cause
    source = _source(tables, path.name, single=len(tables) == 1)
    return replace(source, untyped=plain and _suffix(path) in _TEXT)


def _absent(path: Path) -> SourceError:
    folder = path.parent
    if "://" in str(path) or str(path).startswith(("http:", "https:", "s3:")):
        return SourceError(f"'{path}' is an address, not a file.", mend="download the file first")
    if not folder.is_dir():
        return SourceError(f"there is no file '{path}', nor a folder '{folder}'.")
    there = sorted(p.name for p in folder.iterdir() if _suffix(p) in SUFFIXES)
    listed = ", ".join(there[:10]) + (", …" if len(there) > 10 else "")
    return SourceError(
        f"there is no file '{path}'.",
        found=f"'{folder}' has: {listed}" if there else f"'{folder}' has no table files",
        mend=_near(path, there),
    )


def _near(path: Path, there: list[str]) -> str | None:
    """The file that was meant; an equal suffix alone is no likeness."""
    stems = {_stem(Path(name)): name for name in there}
    if path.stem in stems:
        return f"did you mean '{stems[path.stem]}'?"
    near = did_you_mean(_stem(path), stems)
    return near and next(f"did you mean '{stems[s]}'?" for s in stems if f"'{s}'" in near)


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return (suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "") or (
        suffixes[-1] if suffixes else ""
    )


def _stem(path: Path) -> str:
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return Path(name).stem


def _read_file(path: Path, name: str | None, *, plain: bool = False) -> Mapping[str, Taken]:
    suffix, stem = _suffix(path), name or _stem(path)
    if suffix not in SUFFIXES:
        raise SourceError(
            f"'{path}' has a suffix that is not known: '{path.suffix}'.",
            found=f"known: {', '.join(SUFFIXES)}, and .gz after a text format",
            mend=did_you_mean(suffix, SUFFIXES) or "rename the file to what it holds",
        )
    if path.stat().st_size == 0:
        raise SourceError(f"'{path}' is empty.", mend="give a file with a header line and rows")
    if suffix in _FILES:
        tables = _FILES[suffix](path, stem)
        return tables if len(tables) > 1 else {stem: next(iter(tables.values()))}
    data = _content(path)
    if suffix in _TEXT:
        return {stem: read_delimited(data, path.name, suffix, plain=plain)}
    return {stem: _BYTES[suffix](data, path.name)}


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
            raise SourceError(f"'{path}' is a damaged gzip file: {cause}.") from cause
    return data


def _read_folder(folder: Path, name: str | None, *, plain: bool = False) -> Source:
    files = sorted(p for p in folder.iterdir() if p.is_file() and _suffix(p) in SUFFIXES)
    files = [p for p in files if not p.name.startswith((".", "~$", "_"))]
    if not files:
        raise SourceError(
            f"the folder '{folder}' has no tables.",
            found=f"known suffixes: {', '.join(SUFFIXES)}",
            mend="give a file, or a folder with one file for each table",
        )
    if all(_PART.match(p.name) for p in files):
        return _read_parts(folder, files, name, plain=plain)
    tables: dict[str, Taken] = {}
    left_out: list[str] = []
    for path in files:
        try:
            found = _read_file(path, None, plain=plain)
        except SourceError:
            # a folder of CSV files often holds a JSON file that describes them
            if _suffix(path) != ".json":
                raise
            left_out.append(f"{path.name} is not a table and is left out")
            continue
        for table, taken in found.items():
            if table in tables:
                raise SourceError(
                    f"the folder '{folder}' has two tables called '{table}'.",
                    mend="rename or move one of the files",
                )
            tables[table] = taken
    if not tables:
        raise SourceError(f"the folder '{folder}' has no tables.", found="; ".join(left_out))
    source = _source(tables, f"{folder.name}/", single=False)
    return Source(
        source.frames, source.kind, source.origin, single=False, notes=(*left_out, *source.notes)
    )


def _read_parts(
    folder: Path, files: list[Path], name: str | None, *, plain: bool = False
) -> Source:
    """The parts of one table, as `neotype sample -o folder/` writes them."""
    table = name or folder.name
    parts = [next(iter(_read_file(path, table, plain=plain).values())) for path in files]
    schemas = {
        tuple(part.frame.schema.items()): path for part, path in zip(parts, files, strict=True)
    }
    if len(schemas) > 1:
        listed = " and ".join(f"'{path.name}'" for path in list(schemas.values())[:2])
        raise SourceError(f"the parts {listed} of '{folder}' differ in their columns.")
    whole = Taken(pl.concat([part.frame for part in parts]), parts[0].facts, parts[0].notes)
    source = _source({table: whole}, f"{folder.name}/ ({len(files)} parts)", single=True)
    return replace(source, untyped=plain and _suffix(files[0]) in _TEXT)
