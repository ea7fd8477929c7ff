"""How a delimited file is written: its encoding, delimiter and quotes, found from its bytes."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from neotype.errors import SourceError

_SAMPLE = 1 << 18
_DELIMITERS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = bytes(sorted(set(range(32)) - {7, 8, 9, 10, 12, 13, 26, 27}))


@dataclass(frozen=True)
class Dialect:
    """The form of a delimited file; `quote` None means that quotes are ordinary characters."""

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    line_end: str = "\n"

    def rows(self, text: str) -> Any:
        """The records of `text`, read strictly: csv.Error where quoting breaks."""
        return csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.delimiter,
            quotechar=self.quote or '"',
            escapechar=self.escape,
            doublequote=self.escape is None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            strict=True,
        )


def decode(data: bytes, origin: str) -> tuple[str, str]:
    """The text of a file and its encoding; SourceError when it is not text."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _strict(data, encoding, origin), encoding
    if data.translate(None, _CONTROL) != data:
        return _without_mark(data, origin)
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as cause:
        at = cause.start
    try:
        return data.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        line = data.count(b"\n", 0, at) + 1
        raise SourceError(
            f"'{origin}' is not in a known encoding.",
            found=f"byte {data[at]:#04x} in line {line} is neither UTF-8, UTF-16 nor Windows-1252",
            mend="save it as UTF-8, for example: iconv -f SHIFT_JIS -t UTF-8 in.csv > out.csv",
        ) from None


def _without_mark(data: bytes, origin: str) -> tuple[str, str]:
    """UTF-16 that lacks its mark shows as a zero in every second byte."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) > 0.3 * len(sample) / 2 and min(even, odd) < 0.05 * len(sample) / 2:
        encoding = "utf-16-le" if odd > even else "utf-16-be"
        return _strict(data, encoding, origin), encoding
    at = next(i for i, byte in enumerate(data) if byte in _CONTROL)
    raise SourceError(
        f"'{origin}' is not a text file.",
        found=f"byte {data[at]:#04x} at position {at:,}",
        mend="give the table as CSV, Parquet, NDJSON, JSON, Feather or Excel, named by its suffix",
    )


def _strict(data: bytes, encoding: str, origin: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as cause:
        raise SourceError(
            f"'{origin}' begins as {encoding.upper()} but breaks at byte {cause.start:,}.",
            mend="the file is damaged or cut short: make it again",
        ) from None


def sniff(text: str, encoding: str, suffix: str) -> Dialect:
    """The dialect under which the file's first records agree best with its header."""
    sample, whole = text[:_SAMPLE], len(text) <= _SAMPLE
    line_end = "\r\n" if "\r\n" in sample else "\n"
    declared = re.match(r"sep=(.)\r?\n", sample)
    delimiters: tuple[str, ...] = (declared.group(1),) if declared else _DELIMITERS
    if suffix in (".tsv", ".tab") and not declared:
        delimiters = ("\t", *(d for d in _DELIMITERS if d != "\t"))
    best, best_score = Dialect(encoding=encoding, line_end=line_end), (0.0, 0.0)
    for delimiter in delimiters:
        for quote, escape in _quotings(sample, delimiter):
            dialect = Dialect(delimiter, quote, escape, encoding, line_end)
            score = _score(dialect, sample, whole=whole)
            if score > best_score:
                best, best_score = dialect, score
    return best


def _quotings(sample: str, delimiter: str) -> list[tuple[str | None, str | None]]:
    options: list[tuple[str | None, str | None]] = [('"', None)]
    if '\\"' in sample:
        options.append(('"', "\\"))
    edge = re.escape(delimiter)
    if re.search(rf"(^|{edge})'[^'\n]*'({edge}|\r?$)", sample, re.MULTILINE):
        options.insert(len(options) if '"' in sample else 0, ("'", None))
    if '"' in sample:
        options.append((None, None))
    return options


def _score(dialect: Dialect, sample: str, *, whole: bool) -> tuple[float, float]:
    """(share of records as wide as the header, width of the header); more is better.

    A quote that breaks counts against the dialect; one column scores least of all agreeing ones.
    """
    widths: list[int] = []
    try:
        widths.extend(len(row) for row in dialect.rows(sample) if row)
    except csv.Error:
        if whole or len(widths) < 2:
            return 0.0, 0.0
    if not whole and len(widths) > 1:
        widths.pop()
    if not widths:
        return 0.0, 0.0
    header = widths[0]
    if header == 1:
        # of the delimiters that are not in the header, one that splits no row
        whole_rows = widths.count(1) / len(widths)
        return (0.2 if dialect.quote == '"' else 0.1) * whole_rows, 1.0
    common = Counter(widths[1:]).most_common(1)
    agree = widths[1:].count(header) / max(len(widths) - 1, 1) if len(widths) > 1 else 1.0
    if agree == 0.0 and common and common[0][0] == header + 1:
        agree = 0.5
    return max(agree, 0.3), float(header)
