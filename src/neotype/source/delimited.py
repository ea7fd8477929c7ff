"""Delimited files: their records as columns of text, with every ragged line named."""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import SourceError
from neotype.source.cells import typed
from neotype.source.dialect import Dialect, decode, sniff
from neotype.source.kind import Taken

_SHOWN = 5


def read_delimited(data: bytes, origin: str, suffix: str, *, plain: bool = False) -> Taken:
    """The table of a CSV, TSV or other delimited file; SourceError lists what is wrong.

    `plain` cells are text without the spaces around it, and nothing of them decides on others.
    """
    text, encoding = decode(data, origin)
    notes = []
    if encoding in ("cp1252", "utf-16-le", "utf-16-be"):
        notes.append(f"{origin} is not UTF-8; read as {_said(encoding)}: check accented letters")
    if "\r" in text and "\n" not in text:
        text = text.replace("\r", "\n")
    if not text.strip():
        raise SourceError(f"'{origin}' is empty.", mend="give a file with a header line and rows")
    dialect = sniff(text, encoding, suffix)
    text = re.sub(r"\A(sep=.\r?\n)?[\r\n]*", "", text)
    header, said = _header(text, dialect, origin)
    notes += [*said, *_doubtful_header(header, origin)]
    cells = _cells(text, dialect, header, origin)
    if plain:
        bare = pl.all().str.strip_chars().replace("", None)
        return Taken(cells.with_columns(bare), _dialect(dialect, suffix, encoding))
    cells, padded = _unpadded(cells)
    if padded:
        notes.append(f"{origin} has a space after each delimiter, which is left out")
    frame, columns, said = typed(cells, tabular_comma=dialect.delimiter != ",")
    facts = {**_dialect(dialect, suffix, encoding), "columns": columns}
    return Taken(frame, facts, (*notes, *said))


def _dialect(dialect: Dialect, suffix: str, encoding: str) -> dict[str, Any]:
    return {
        "library": "file",
        "suffix": suffix,
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "encoding": encoding,
        "line_end": dialect.line_end,
    }


def _said(encoding: str) -> str:
    return "Windows-1252 (Western European)" if encoding == "cp1252" else encoding.upper()


def _header(text: str, dialect: Dialect, origin: str) -> tuple[list[str], list[str]]:
    """The names of the columns, and what had to be done to them, in words."""
    try:
        header = next(dialect.rows(text))
    except (csv.Error, StopIteration) as cause:
        raise SourceError(
            f"the header line of '{origin}' cannot be read: {cause}.",
            found=text[:80].splitlines()[0],
            mend="the first line must hold the column names",
        ) from None
    written, header = header, [name.strip() for name in header]
    notes = []
    if any(name and name != bare for name, bare in zip(written, header, strict=True)):
        notes.append(f"spaces around column names of {origin} are left out")
    nameless = [place for place, name in enumerate(header) if not name]
    for place in nameless:
        # unless the name is taken, the place of the column says what it is
        header[place] = next(
            name
            for number in range(place + 1, place + len(header) + 2)
            if (name := f"column_{number}") not in header
        )
    if nameless:
        listed = ", ".join(f"'{header[place]}'" for place in nameless[:_SHOWN])
        more = ", …" if len(nameless) > _SHOWN else ""
        notes.append(f"columns of {origin} without a name are called {listed}{more}")
    again = [name for name, times in Counter(header).items() if times > 1]
    if again:
        listed = ", ".join(f"'{name}' ({header.count(name)} times)" for name in again)
        raise SourceError(
            f"'{origin}' has columns of the same name: {listed}.",
            found=f"columns: {', '.join(header)}",
            mend="rename them; if the file has no header line, add one",
        )
    return header, notes


def _doubtful_header(header: list[str], origin: str) -> list[str]:
    """A header of mostly numbers is likely to be a row."""
    numbers = sum(bool(re.fullmatch(r"[+-]?\d+([.,]\d+)?", name)) for name in header)
    if numbers * 2 < max(len(header), 2):
        return []
    return [
        f"{numbers} of {len(header)} column names of {origin} are numbers: "
        f"if the file has no header line, add one"
    ]


def _cells(text: str, dialect: Dialect, header: list[str], origin: str) -> pl.DataFrame:
    """Every cell as text, empty ones as null; polars where it can, python's csv where it must."""
    data = text.encode()
    if dialect.escape is None:
        data, even = _structure(data, dialect, len(header))
        if even:
            try:
                frame = pl.read_csv(
                    data,
                    separator=dialect.delimiter,
                    quote_char=dialect.quote,
                    infer_schema=False,
                )
            except pl.exceptions.PolarsError:
                frame = None
            if frame is not None and frame.width == len(header):
                frame.columns = header
                return frame.with_columns(pl.all().replace("", None))
    return _careful(text, dialect, header, origin)


def _structure(data: bytes, dialect: Dialect, width: int) -> tuple[bytes, bool]:
    """The data without blank lines, and whether every record has as many cells as the header.

    A byte is inside quotes where the quotes before it are odd in number, so that records and
    cells can be counted without being parsed.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    bytes_ = np.frombuffer(data, dtype=np.uint8)
    newline, delimiter = bytes_ == 10, bytes_ == ord(dialect.delimiter)
    if dialect.quote is not None and dialect.quote.encode() in data:
        quotes = (bytes_ == ord(dialect.quote)).view(np.uint8)
        outside = (np.cumsum(quotes, dtype=np.uint8) & 1) == 0
        newline &= outside
        delimiter &= outside
    ends = np.flatnonzero(newline)
    if len(ends) == 0 or ends[-1] != len(data) - 1:
        return data, False
    if width > 1:
        data, ends, delimiter = _without_blank(bytes_, ends, delimiter)
    marks = np.flatnonzero(delimiter)
    before = np.searchsorted(marks, ends)
    widths = np.diff(before, prepend=0)
    return data, bool((widths == width - 1).all())


def _without_blank(
    bytes_: NDArray[np.uint8], ends: NDArray[np.intp], delimiter: NDArray[np.bool_]
) -> tuple[bytes, NDArray[np.intp], NDArray[np.bool_]]:
    lengths = np.diff(ends, prepend=-1)
    blank = (lengths == 1) | ((lengths == 2) & (bytes_[ends - 1] == 13))
    if not blank.any():
        return bytes_.tobytes(), ends, delimiter
    keep = np.ones(len(bytes_), dtype=bool)
    keep[ends[blank]] = False
    keep[ends[blank & (lengths == 2)] - 1] = False
    moved = (np.cumsum(keep) - 1)[ends[~blank]]
    return bytes_[keep].tobytes(), moved, delimiter[keep]


def _careful(text: str, dialect: Dialect, header: list[str], origin: str) -> pl.DataFrame:
    """Record by record, for what polars refuses; names every line that is ragged."""
    limit = csv.field_size_limit(sys.maxsize)
    rows: list[list[str]] = []
    ragged: list[tuple[int, int]] = []
    reader, line = dialect.rows(text), 1
    try:
        next(reader)
        line = reader.line_num + 1
        for row in reader:
            if len(row) == len(header):
                rows.append(row)
            elif row or len(header) == 1:
                rows.append(row or [""])
                if row:
                    ragged.append((line, len(row)))
            line = reader.line_num + 1
    except csv.Error as cause:
        raise SourceError(
            f"'{origin}' has a broken quote in the record that starts in line {line}: {cause}.",
            found=_excerpt(text, line),
            mend="a quote inside a quoted cell is written twice; check that each quote is closed",
        ) from None
    finally:
        csv.field_size_limit(limit)
    if ragged:
        raise _ragged(ragged, len(rows), dialect, header, origin)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    named = zip(header, columns, strict=True)
    return pl.DataFrame(
        {name: pl.Series(name, list(cells), dtype=pl.String) for name, cells in named}
    ).with_columns(pl.all().replace("", None))


def _excerpt(text: str, line: int) -> str:
    lines = text.splitlines()
    return lines[min(line, len(lines)) - 1][:100]


def _ragged(
    ragged: list[tuple[int, int]], rows: int, dialect: Dialect, header: list[str], origin: str
) -> SourceError:
    wide = len(header)
    lines = [f"line {line} has {cells}" for line, cells in ragged[:_SHOWN]]
    more = f", and {len(ragged) - _SHOWN} more" if len(ragged) > _SHOWN else ""
    delimiter = {"\t": "tab"}.get(dialect.delimiter, f"'{dialect.delimiter}'")
    if len(ragged) == rows and {cells for _, cells in ragged} == {wide + 1}:
        mend = "every row has one cell more than the header has names: name the first column too"
    else:
        mend = f"mend these lines; a {delimiter} inside a cell needs quotes around the cell"
    return SourceError(
        f"'{origin}' is ragged: {len(ragged):,} of {rows:,} rows do not have the header's "
        f"{wide} cells (delimiter {delimiter}).",
        found=", ".join(lines) + more,
        mend=mend,
    )


def _unpadded(cells: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """Without the space that follows every delimiter, where every cell but the first has one."""
    rest = cells.columns[1:]
    if not rest or cells.height < 2:
        return cells, False
    padded = cells.select(pl.col(rest).str.starts_with(" ").all()).row(0)
    present = cells.select(pl.col(rest).is_not_null().any()).row(0)
    if not any(present) or not all(padded):
        return cells, False
    stripped = [pl.col(name).str.strip_chars_start(" ").replace("", None) for name in rest]
    return cells.with_columns(stripped), True
