"""Write a frame to a file by its suffix: whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import polars as pl

from neotype.errors import DataError, SourceError, did_you_mean
from neotype.outputs import appearing
from neotype.source.kind import FrameKind

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
    """Numbers with a decimal comma, and the word for missing cells, as the source had them."""
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
