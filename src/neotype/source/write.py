"""Write a frame to a file by its suffix, or tables to one place: whole or not at all."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Literal

import polars as pl

from neotype.errors import DataError, SourceError, did_you_mean
from neotype.outputs import appearing, publish, refuse_taken
from neotype.progress import Progress, silent
from neotype.schema.keys import Keys
from neotype.schema.schema import Schema
from neotype.source.database.address import is_database
from neotype.source.database.layout import Written
from neotype.source.kind import FrameKind
from neotype.url import Url

_EXCEL_ROWS = 1_048_575


def write(
    frame: pl.DataFrame, path: Path | str, *, force: bool = False, kind: FrameKind | None = None
) -> Path:
    """The frame as a CSV, Parquet, NDJSON, JSON, Feather or Excel file, by the suffix of `path`.

    With the `kind` of the source, a CSV file looks as the source did: delimiter, decimal comma,
    encoding, words for missing cells. OutputExistsError unless `force`; SourceError when the disk
    is full or the path cannot be written.
    """
    path = Path(path).expanduser()
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise SourceError(
            f"'{path}' has a suffix that cannot be written: '{path.suffix}'.",
            found=f"known: {', '.join(_WRITERS)}",
            mend=did_you_mean(path.suffix.lower(), _WRITERS) or "for example synthetic.parquet",
        )
    with appearing(path, force=force) as file:
        try:
            writer(frame, file, _dialect(kind, path))
        except pl.exceptions.PolarsError as cause:
            raise OSError(str(cause).splitlines()[0]) from cause
    return path


def write_tables(
    frames: Mapping[str, pl.DataFrame],
    target: Path | str | Url,
    *,
    schema: Schema | Keys | None = None,
    kind: FrameKind | None = None,
    if_exists: Literal["refuse", "append", "truncate", "replace"] = "refuse",
    suffix: str = ".csv",
    force: bool = False,
    progress: Progress = silent,
) -> Written:
    """Several tables at once: into a database, a folder of one file a table, or a file.

    `target` is the URL or the file of a database, a path with a suffix of `WRITABLE` where there
    is one table, or else a folder. Into a database go the keys of `schema`, and tables that hold
    rows are refused unless `if_exists` says what becomes of them; `force` alone means "replace".
    In a folder `suffix` names the format. All of it is written, or nothing: OutputExistsError,
    SourceError and DataError leave the target as it was.
    """
    place = target.reached() if isinstance(target, Url) else target
    if is_database(place):
        from neotype.source.database.push import push

        there = "replace" if force and if_exists == "refuse" else if_exists
        return push(frames, schema, place, if_exists=there, kind=kind, progress=progress)
    path = Path(place).expanduser()
    rows = {table: frame.height for table, frame in frames.items()}
    if path.suffix.lower() in _WRITERS and not path.is_dir():
        if len(frames) > 1:
            raise SourceError(
                f"'{path}' holds one table, and there are {len(frames)}: {', '.join(frames)}.",
                mend="name a folder, or the file of a database such as out.sqlite",
            )
        write(next(iter(frames.values())), path, force=force, kind=kind)
        return Written(str(path), rows)
    if suffix not in _WRITERS:
        raise SourceError(
            f"tables cannot be written as '{suffix}'.",
            found=f"known: {', '.join(_WRITERS)}",
            mend=did_you_mean(suffix, _WRITERS),
        )
    files = {table: file_of(table, suffix) for table in frames}
    refuse_taken(*(path / name for name in files.values()), force=force)

    def fill(folder: Path) -> None:
        for done, (table, name) in enumerate(files.items()):
            own = (
                FrameKind.of({table: kind.tables[table]}) if kind and table in kind.tables else None
            )
            write(frames[table], folder / name, kind=own)
            progress("write tables", done + 1, len(files))

    publish(path, fill)
    return Written(f"{path}/", rows)


def file_of(table: str, suffix: str) -> str:
    """The name of a table's file in a folder."""
    return re.sub(r"[^\w.-]+", "_", table) + suffix


def _dialect(kind: FrameKind | None, path: Path) -> Mapping[str, Any]:
    """The facts of the delimited file that came in, where there was exactly one."""
    tables = list(kind.tables.values()) if kind is not None else []
    facts = dict(tables[0]) if len(tables) == 1 and "delimiter" in tables[0] else {}
    if path.suffix.lower() in (".tsv", ".tab"):
        facts["delimiter"] = "\t"
    return facts


def _write_csv(frame: pl.DataFrame, file: IO[bytes], facts: Mapping[str, Any]) -> None:
    _refuse(frame, "CSV", lambda dtype: dtype.is_nested() or dtype == pl.Binary)
    lengths = [cells for cells in frame.iter_columns() if isinstance(cells.dtype, pl.Duration)]
    frame = frame.with_columns(cells.dt.to_string("iso") for cells in lengths)
    frame = frame.with_columns(
        _as_written(frame[name], fact)
        for name, fact in facts.get("columns", {}).items()
        if name in frame.columns
    )
    encoding = facts.get("encoding", "utf-8")
    delimiter, quote = facts.get("delimiter", ","), facts.get("quote")
    end = facts.get("line_end", "\n")
    options: dict[str, Any] = {"separator": delimiter, "line_terminator": end}
    options["quote_char"] = quote or '"'
    if options["quote_char"] == '"' and _apostrophes(frame):
        # A reader could take apostrophes for the file's quotes, were there no others.
        options["quote_style"] = "non_numeric"
    if encoding == "utf-8":
        frame.write_csv(file, **options)
        return
    text = frame.write_csv(**options)
    try:
        file.write(text.encode(encoding))
    except UnicodeEncodeError as cause:
        letter = text[cause.start]
        raise SourceError(
            f"the letter {letter!r} cannot be written in {encoding}, the encoding of the source.",
            mend="write Parquet, or give the source as UTF-8",
        ) from None


def _as_written(cells: pl.Series, fact: Mapping[str, Any]) -> pl.Series:
    """Numbers with a decimal comma, times with their offsets, and the word for missing cells, as
    the source had them.
    """
    if "format" in fact and isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_zone:
        cells = cells.dt.to_string(fact["format"])
    if fact.get("decimal") == ",":
        cells = cells.cast(pl.String).str.replace(".", ",", literal=True)
    missing = fact.get("missing")
    if missing and cells.null_count():
        cells = cells.cast(pl.String).fill_null(missing)
    return cells


def _write_parquet(frame: pl.DataFrame, file: IO[bytes], facts: Mapping[str, Any]) -> None:
    del facts
    frame.write_parquet(file)


def _write_ipc(frame: pl.DataFrame, file: IO[bytes], facts: Mapping[str, Any]) -> None:
    del facts
    frame.write_ipc(file, compression="zstd")


def _write_ndjson(frame: pl.DataFrame, file: IO[bytes], facts: Mapping[str, Any]) -> None:
    del facts
    _refuse(frame, "JSON", lambda dtype: dtype == pl.Binary)
    frame.write_ndjson(file)


def _write_json(frame: pl.DataFrame, file: IO[bytes], facts: Mapping[str, Any]) -> None:
    del facts
    _refuse(frame, "JSON", lambda dtype: dtype == pl.Binary)
    file.write(frame.write_json().encode())


def _write_excel(frame: pl.DataFrame, file: IO[bytes], facts: Mapping[str, Any]) -> None:
    del facts
    if frame.height > _EXCEL_ROWS:
        raise SourceError(
            f"an Excel sheet holds {_EXCEL_ROWS:,} rows, and the table has {frame.height:,}.",
            mend="write Parquet or CSV",
        )
    _refuse(frame, "Excel", lambda dtype: dtype.is_nested() or dtype == pl.Binary)
    _refuse_numbers(frame)
    try:
        import xlsxwriter  # type: ignore[import-untyped]
    except ImportError:
        raise SourceError(
            "writing Excel needs the package xlsxwriter, which is not installed.",
            mend='pip install "neotype[excel]"',
        ) from None
    whole = io.BytesIO()
    # text stays text, though it begins with = or http
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(whole, options)
    frame.write_excel(book, autofit=False)
    book.close()
    file.write(whole.getbuffer())


def _refuse_numbers(frame: pl.DataFrame) -> None:
    """Excel keeps every number as a 64-bit float and every instant without a zone."""
    findings = []
    for cells in frame.iter_columns():
        if cells.dtype.is_integer() and bool((cells.cast(pl.Float64).abs() > 2.0**53).any()):
            findings.append(f"column '{cells.name}' has whole numbers beyond 2 to the power of 53")
        if cells.dtype.is_float() and bool(cells.is_infinite().any()):
            findings.append(f"column '{cells.name}' has infinite cells")
        if getattr(cells.dtype, "time_zone", None) is not None:
            findings.append(f"column '{cells.name}' has a time zone")
    if findings:
        raise DataError("Excel cannot hold these columns.", findings, mend="write Parquet")


def _apostrophes(frame: pl.DataFrame) -> bool:
    """Whether a text begins with one."""
    texts = frame.select(pl.col(pl.String).str.starts_with("'").any())
    return any(texts.row(0)) if texts.width else False


def _refuse(frame: pl.DataFrame, what: str, lost: Callable[[pl.DataType], bool]) -> None:
    findings = [
        f"column '{name}' is {dtype}" for name, dtype in frame.schema.items() if lost(dtype)
    ]
    if findings:
        raise DataError(f"{what} cannot hold these columns.", findings, mend="write Parquet")


_WRITERS: Mapping[str, Callable[[pl.DataFrame, IO[bytes], Mapping[str, Any]], None]] = {
    ".csv": _write_csv,
    ".tsv": _write_csv,
    ".tab": _write_csv,
    ".txt": _write_csv,
    ".parquet": _write_parquet,
    ".pq": _write_parquet,
    ".feather": _write_ipc,
    ".arrow": _write_ipc,
    ".ipc": _write_ipc,
    ".ndjson": _write_ndjson,
    ".jsonl": _write_ndjson,
    ".json": _write_json,
    ".xlsx": _write_excel,
}
WRITABLE = tuple(_WRITERS)
"""The suffixes that `write` knows."""
