"""What follows from dates: the days between two of them, the year or the weekday of one."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import polars as pl

from neotype.constraints.discovery.cells import Cells, Floats, Seen, some
from neotype.constraints.discovery.chance import telling
from neotype.constraints.discovery.found import Found
from neotype.expression import polars_expression
from neotype.schema.schema import Datetime

FIRST = 24
"""Rows on which all parts are tried."""

_PARTS = {
    "year": ".dt.year()",
    "quarter": ".dt.quarter()",
    "month": ".dt.month()",
    "week of the year": ".dt.week()",
    "day of the month": ".dt.day()",
    "day of the year": ".dt.ordinal_day()",
    "weekday (Monday 1)": ".dt.weekday()",
    "weekday (Monday 0)": ".dt.weekday() - 1",
    "weekday (Sunday 0)": ".dt.weekday() % 7",
    "weekday (Sunday 1)": ".dt.weekday() % 7 + 1",
    "hour": ".dt.hour()",
    "minute": ".dt.minute()",
    "name of the weekday": '.dt.to_string("%A")',
    "short name of the weekday": '.dt.to_string("%a")',
    "name of the month": '.dt.to_string("%B")',
    "short name of the month": '.dt.to_string("%b")',
    "month of the year": '.dt.to_string("%Y-%m")',
}
_UNITS = {
    "days": ".dt.total_days()",
    "hours": ".dt.total_hours()",
    "minutes": ".dt.total_minutes()",
    "seconds": ".dt.total_seconds()",
}


def date_formulas(seen: Seen) -> list[Found]:
    """Columns that are a part of a date, or the time between two."""
    others = [c for c in seen.cells.values() if c.unit != "moment" and c.distinct > 1]
    others = [c for c in others if c.kind != "identifier"]
    if not seen.dates or not others:
        return []
    tried = len(others) * (len(_PARTS) * len(seen.dates) + len(_UNITS) * len(seen.dates) ** 2)
    found: dict[str, Found] = {}
    few = seen.sample[some(len(seen.sample), FIRST)]
    sources = seen.frame.select(c.name for c in seen.dates)
    numbers = [c for c in others if c.series.dtype.is_numeric()]
    texts = [c for c in others if c.series.dtype == pl.String]
    matrix = np.stack([c.numbers[few] for c in numbers]) if numbers else np.zeros((0, len(few)))
    for saying, text, parts in _texts(seen.dates):
        made = _made(text, sources[few])
        if made.dtype.is_numeric():
            counted = saying.startswith("the year of")
            fits = [(numbers[k], off) for k, off in _shifts(matrix, made) if counted or not off]
        else:
            fits = [(c, 0) for c in texts if _same(c.series[few], made)]
        for one, off in fits:
            if one.name not in found:
                shifted = f"{text} - {off}" if off else text
                words = f"{saying} less {off}" if off else saying
                rule = _judged(one, words, shifted, parts, sources, tried)
                found |= {one.name: rule} if rule is not None else {}
    return list(found.values())


def _texts(dates: list[Cells]) -> list[tuple[str, str, tuple[Cells, ...]]]:
    """What could be made of the dates: in words, and as polars expressions."""
    made: list[tuple[str, str, tuple[Cells, ...]]] = []
    for one, two in permutations(dates, 2):
        if one.zone != two.zone:
            continue
        for unit, method in _UNITS.items():
            text = f"({_moment(two)} - {_moment(one)}){method}"
            made.append((f"the {unit} from '{one.name}' to '{two.name}'", text, (one, two)))
        text = f"{_moment(two)}.dt.year() - {_moment(one)}.dt.year()"
        made.append((f"the year of '{two.name}' less that of '{one.name}'", text, (one, two)))
    for one in dates:
        timed = isinstance(one.column, Datetime) and one.column.part == "datetime"
        made += [
            (f"the {part} of '{one.name}'", f"{_moment(one)}{method}", (one,))
            for part, method in _PARTS.items()
            if timed or part not in ("hour", "minute")
        ]
    return made


def _moment(one: Cells) -> str:
    """The date in a polars expression, read where it is text."""
    text = f"pl.col({json.dumps(one.name, ensure_ascii=False)})"
    if one.series.dtype == pl.String and isinstance(one.column, Datetime):
        to = "to_date" if one.column.part == "date" else "to_datetime"
        text += f".str.{to}({json.dumps(one.column.format)})"
    return text


def _made(text: str, sources: pl.DataFrame) -> pl.Series:
    return sources.select(made=polars_expression(text, asked_by="discovery"))["made"]


def _shifts(matrix: Floats, made: pl.Series) -> list[tuple[int, int]]:
    """The rows of `matrix` that are `made` less a whole number: which, and which number."""
    there = ~np.isnan(matrix)
    gaps = made.cast(pl.Float64).fill_null(float("nan")).to_numpy() - matrix
    low = np.where(there, gaps, np.inf).min(axis=1, initial=np.inf)
    high = np.where(there, gaps, -np.inf).max(axis=1, initial=-np.inf)
    varied = np.where(there, matrix, np.inf).min(axis=1) < np.where(there, matrix, -np.inf).max(
        axis=1
    )
    fits = np.flatnonzero((low == high) & np.isfinite(low) & varied)
    return [(int(k), int(low[k])) for k in fits if low[k] == int(low[k])]


def _same(cells: pl.Series, made: pl.Series) -> bool:
    """Whether texts are what is made of the date, and differ."""
    there = cells.is_not_null()
    cells, made = cells.filter(there), made.filter(there)
    return not made.has_nulls() and made.n_unique() > 1 and bool((cells == made).all())


def _judged(
    one: Cells, saying: str, text: str, parts: tuple[Cells, ...], sources: pl.DataFrame, tried: int
) -> Found | None:
    made = _made(text, sources)
    there = ~(one.missing | np.any([c.missing for c in parts], axis=0))
    cells, made = one.series.filter(pl.Series(there)), made.filter(pl.Series(there))
    if made.has_nulls() or not bool((made.cast(cells.dtype, strict=False) == cells).all()):
        return None
    shares = made.value_counts(normalize=True)["proportion"].to_numpy()
    expected = len(cells) * (1 - float((shares**2).sum()))
    if not telling(expected, tried):
        return None
    return Found(
        "ColumnFormula",
        {"column": one.name, "expression": text},
        f"'{one.name}' is {saying}",
        len(cells),
        expected,
        columns=tuple(c.name for c in parts),
    )
