"""Columns of text to columns of numbers, only where every cell says the same in either form.

Times whose offsets from UTC change become times of a zone, see `offsets`.

What stays text: codes with leading zeros, dates (the schema holds their format), True and False,
and any column in which one cell is not a number. Words such as NA count as missing only where the
rest of the column is numbers or dates; elsewhere they are labels (Namibia, "no alley").
"""

from __future__ import annotations

from typing import Any

import polars as pl

from neotype.schema.temporal import find_format
from neotype.source.offsets import zoned

MISSING_WORDS = frozenset(
    (
        *("NA", "N/A", "n/a", "na", "#N/A", "NaN", "nan", "null", "NULL", "Null", "None", "none"),
        *("?", "-", "--", ".", "NaT", "<NA>", "(null)", "\\N"),
    )
)
"""Texts that stand for a missing cell among numbers or dates, and nowhere else."""

_ZERO_LED = r"^[+-]?0[0-9]"
_NUMBER = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?$"
_COMMA_NUMBER = r"^[+-]?[0-9]*,[0-9]+$|^[+-]?[0-9]+$"
_THOUSANDS = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+$"
_INFINITE = r"(?i)^[+-]?inf(inity)?$"
_MOSTLY = 0.9
_DATES = 5


def typed(
    cells: pl.DataFrame, *, tabular_comma: bool
) -> tuple[pl.DataFrame, dict[str, Any], list[str]]:
    """The frame with number columns as numbers; facts of columns; notes.

    `tabular_comma` says that the comma is not the delimiter, so that 1,234 is a decimal.
    """
    series: list[pl.Series] = []
    columns: dict[str, Any] = {}
    notes: list[str] = []
    for text in cells.iter_columns():
        column, facts, said = _column(text, tabular_comma=tabular_comma)
        series.append(column)
        notes += [f"column '{text.name}': {note}" for note in said]
        if facts:
            columns[text.name] = facts
    return pl.DataFrame(series), columns, notes


def _column(text: pl.Series, *, tabular_comma: bool) -> tuple[pl.Series, dict[str, Any], list[str]]:
    words = text.filter(text.is_in(sorted(MISSING_WORDS)))
    rest = text.set(text.is_in(sorted(MISSING_WORDS)), None) if len(words) else text
    present = rest.drop_nulls()
    if present.is_empty():
        return text, {}, []
    facts: dict[str, Any] = {}
    notes: list[str] = []
    number = _number(rest, present)
    if number is None:
        comma = _with_point(rest, present, tabular_comma=tabular_comma)
        if comma is not None:
            number, facts = comma, {"decimal": ","}
    timed = zoned(rest) if number is None else None
    if timed is not None:
        number, facts["format"] = timed
        zone = str(getattr(number.dtype, "time_zone", ""))
        notes.append(
            f"its offsets from UTC change as those of {zone}: read as times of that zone"
            if zone != "UTC"
            else "its offsets from UTC are of no one zone: read as times of UTC, and written so"
        )
    if number is None and not (len(words) and is_date_text(present)):
        return text, {}, _mixed(present)
    if len(words):
        counted = words.value_counts(sort=True, name="#rows")
        facts["missing"] = str(counted[words.name][0])
        listed = ", ".join(f"'{w}' ({n:,})" for w, n in counted.iter_rows())
        notes.append(f"{len(words):,} cells are read as missing: {listed}")
    return (rest if number is None else number), facts, notes


def _number(cells: pl.Series, present: pl.Series) -> pl.Series | None:  # noqa: PLR0911
    """The cells as numbers, or None where a cell would not come back the same."""
    first = present[0]
    if first[:1].isalpha() and not first.lower().startswith(("inf", "e")):
        return None
    if bool(present.str.contains(_ZERO_LED).any()):
        return None
    for dtype in (pl.Int64, pl.UInt64, pl.Int128):
        whole = cells.cast(dtype, strict=False)
        if whole.null_count() == cells.null_count():
            same = bool((whole.cast(pl.String) == cells).all())
            if same:
                return None if _is_day_number(present) else whole
            break
    finite = present.filter(~present.str.contains(_INFINITE))
    if finite.is_empty() or not bool(finite.str.contains(_NUMBER).all()):
        return None
    if not bool(finite.str.contains(r"[.eE]").any()) and not _plain(finite):
        return None
    real = cells.cast(pl.Float64, strict=False)
    if real.null_count() > cells.null_count():
        return None
    # 1e400 has no float: it would become infinite
    grown = finite.cast(pl.Float64, strict=False).is_infinite().any()
    return None if grown else real


def _plain(present: pl.Series) -> bool:
    """Whole numbers that a float holds, such as -0; not 60-digit codes or +49 numbers."""
    return bool(present.str.contains(r"^-?[0-9]{1,15}$").all())


def _is_day_number(present: pl.Series) -> bool:
    """Days written as 20240131, which as numbers would lose their calendar."""
    if not bool(present.str.contains(r"^(19|20)[0-9]{6}$").all()):
        return False
    days = present.str.to_date("%Y%m%d", strict=False)
    return days.null_count() == 0 and days.n_unique() >= _DATES


def _with_point(cells: pl.Series, present: pl.Series, *, tabular_comma: bool) -> pl.Series | None:
    """The cells of a column with decimal commas as numbers."""
    if not bool(present.str.contains(_COMMA_NUMBER).all()):
        return None
    if not tabular_comma and bool((~present.str.contains(r",") | _thousands(present)).all()):
        return None
    return _number(
        cells.str.replace(",", ".", literal=True), present.str.replace(",", ".", literal=True)
    )


def _thousands(present: pl.Series) -> pl.Series:
    return present.str.contains(_THOUSANDS)


def is_date_text(present: pl.Series) -> bool:
    """Whether every cell is a date or time in one of the known formats."""
    return find_format(present) is not None


def _mixed(present: pl.Series) -> list[str]:
    """What keeps a column of mostly numbers from being one."""
    if present.len() < 3:
        return []
    number = present.str.contains(_NUMBER)
    share = number.sum() / present.len()
    if share < _MOSTLY or share == 1.0:
        return []
    others = present.filter(~number)
    return [
        f"{len(others):,} of {len(present):,} cells are not numbers (for example "
        f"'{others[0][:40]}'): kept as text"
    ]
