"""What a user asks of rows, read as the columns are: values, lists of values, ranges.

A range is a text: "60..", "..18", "18..65", "2020-01-01..2020-06-30"; both ends belong to it,
unless written "18..<65" or "18<..65". ">60", ">=60", "<18" and "<=18" are ranges too. None is a
missing cell. A text that is no range is cast to what the column holds; text of labels is always a
label.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from neotype.errors import DataError, did_you_mean
from neotype.schema.condition import Condition, Where
from neotype.schema.schema import Boolean, Datetime, Identifier, Json, Ordinal, Text
from neotype.schema.storage import storage_dtype
from neotype.schema.temporal import parse

_DOTS = re.compile(r"^\s*(.*?)\s*(<?)\.\.(<?)\s*(.*?)\s*$")
_SIGN = re.compile(r"^\s*(>=|<=|>|<)\s*(.+?)\s*$")
_DATE = re.compile(r"^\d{4}-\d\d-\d\d$")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|m|s|ms|us|ns)")
_SECONDS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Case:
    """So many rows that meet conditions: `nt.Case({"fraud": 1}, rows=500)`."""

    where: Mapping[str, Any]
    rows: int


def wanted(asked: Mapping[str, Any], columns: Mapping[str, Any]) -> Where:
    """Conditions on these columns. DataError lists all that cannot be asked."""
    findings: list[str] = []
    found: list[Condition] = []
    if not isinstance(asked, Mapping):
        findings.append(f"{asked!r} is no mapping of columns to values, such as {{'age': '60..'}}")
        asked = {}
    for name, value in asked.items():
        if name not in columns:
            near = did_you_mean(str(name), columns)
            findings.append(f"column '{name}' is not known" + (f"; {near}" if near else ""))
            continue
        try:
            found.append(_condition(name, value, columns[name]))
        except _UnfitError as fault:
            findings.append(f"'{name}': {fault}")
    if findings:
        raise DataError(
            "these conditions cannot be asked.",
            findings,
            mend=f"the columns are: {', '.join(columns)}" if "not known" in str(findings) else None,
        )
    return tuple(found)


class _UnfitError(Exception):
    """Why a value cannot be asked of a column."""


def _condition(name: str, value: Any, column: Any) -> Condition:
    if isinstance(column, Json):
        raise _UnfitError("nested values cannot be asked for")
    if isinstance(value, Condition):
        return replace(value, column=name)
    if isinstance(value, str):
        between = _range(name, value, column)
        if between is not None:
            return between
    several = value if isinstance(value, list | tuple | set | frozenset | range) else (value,)
    if not len(several):
        raise _UnfitError("no value is asked for")
    values = tuple(None if one is None else _cast(one, column) for one in several)
    if isinstance(column, Identifier) and any(one is not None for one in values):
        raise _UnfitError(
            "is an identifier, which is made anew and cannot be asked for; leave it out"
        )
    return Condition(name, values=tuple(dict.fromkeys(values)))


def _range(name: str, text: str, column: Any) -> Condition | None:
    """The range that a text writes; None for a text that is a value."""
    dots, sign = _DOTS.match(text), _SIGN.match(text)
    if not (dots or sign) or _is_label(text, column):
        return None
    if dots:
        low, low_open, high_open, high = dots.groups()
    else:
        assert sign is not None
        mark, end = sign.groups()
        low, high = (end, "") if mark[0] == ">" else ("", end)
        low_open, high_open = ("<", "") if mark == ">" else ("", "<" if mark == "<" else "")
    if not low and not high:
        raise _UnfitError(f"{text!r} is a range without ends; write '60..', '..18' or '18..65'")
    if isinstance(column, Ordinal):
        return _of_ordered(name, text, column, (low, high), (bool(low_open), bool(high_open)))
    ends = (
        _End(_cast(low, column, end=True), bool(low_open)) if low else None,
        (_End(_cast(high, column, end=True), bool(high_open)) if high else None),
    )
    return _between(name, text, column, *ends)


@dataclass(frozen=True)
class _End:
    value: Any
    open: bool


def _between(name: str, text: str, column: Any, low: _End | None, high: _End | None) -> Condition:
    dtype = storage_dtype(column.storage)
    if high is not None and _is_day(high.value) and not high.open:
        # The last day belongs to the range as a whole.
        high = _End(high.value.day + dt.timedelta(days=1), open=True)
    low, high = (
        replace(end, value=end.value.day) if end is not None and _is_day(end.value) else end
        for end in (low, high)
    )
    if dtype.is_integer():
        low = low and _End(math.ceil(low.value), low.open and low.value == math.ceil(low.value))
        high = high and _End(
            math.floor(high.value), high.open and high.value == math.floor(high.value)
        )
    if (
        low
        and high
        and (low.value > high.value or (low.value == high.value and (low.open or high.open)))
    ):
        raise _UnfitError(f"the range {text!r} is empty: it begins above where it ends")
    form = column.format if isinstance(column, Datetime) and dtype == pl.String() else None
    return Condition(
        name,
        low=low.value if low else None,
        high=high.value if high else None,
        low_open=bool(low and low.open),
        high_open=bool(high and high.open),
        format=form,
        part=column.part if isinstance(column, Datetime) else "datetime",
    )


def _of_ordered(
    name: str, text: str, column: Ordinal, ends: tuple[str, str], opened: tuple[bool, bool]
) -> Condition:
    """The labels of an order from one to another."""
    labels = [str(label) for label in column.values]
    for end in ends:
        if end and end not in labels:
            raise _UnfitError(f"{end!r} is none of its labels: {', '.join(labels)}")
    first = labels.index(ends[0]) + opened[0] if ends[0] else 0
    last = labels.index(ends[1]) - opened[1] if ends[1] else len(labels) - 1
    if first > last:
        raise _UnfitError(f"the range {text!r} is empty: it begins above where it ends")
    return Condition(name, values=tuple(column.values[first : last + 1]))


def _is_label(text: str, column: Any) -> bool:
    """Whether a text stands for itself, whatever signs it has."""
    if isinstance(column, Ordinal):
        return text in column.values
    dtype = storage_dtype(column.storage)
    named = dtype == pl.String() or isinstance(dtype, pl.Categorical | pl.Enum)
    return isinstance(column, Identifier | Text) or (
        named and column.kind not in ("datetime", "geo")
    )


def _cast(value: Any, column: Any, *, end: bool = False) -> Any:
    """The value as cells of the column hold it; the end of a range as times themselves."""
    dtype = storage_dtype(column.storage)
    if isinstance(value, float) and math.isnan(value):
        raise _UnfitError("NaN is no condition; None asks for a missing cell")
    if isinstance(column, Boolean) and column.labels is not None:
        return _one_of_two(value, column.labels)
    if isinstance(dtype, pl.Boolean):
        return _truth(value)
    if isinstance(dtype, pl.Duration):
        return _length(value)
    if isinstance(column, Datetime) or dtype.is_temporal():
        return _time(value, column, dtype, end=end)
    if dtype.is_numeric() or column.kind == "geo":
        number = _number(value, dtype, whole=dtype.is_integer() and not end)
        return str(value) if dtype == pl.String() and not end else number
    return _label(value, dtype)


def _label(value: Any, dtype: pl.DataType) -> Any:
    if dtype == pl.String() or isinstance(dtype, pl.Categorical | pl.Enum):
        if not isinstance(value, str):
            raise _UnfitError(f"it holds text, and {value!r} is none; write {str(value)!r}")
        if isinstance(dtype, pl.Enum) and value not in dtype.categories:
            labels = dtype.categories.to_list()
            near = did_you_mean(value, labels) or f"its labels are {', '.join(labels)}"
            raise _UnfitError(f"{value!r} is not a label of it; {near}")
        return value
    return value


def _one_of_two(value: Any, labels: tuple[Any, Any]) -> Any:
    """The label that stands for true or false, or is written in another case."""
    if value in labels and not isinstance(value, bool):
        return value
    if not isinstance(value, bool):
        folded = str(value).strip().casefold()
        near = [one for one in labels if str(one).casefold() == folded]
        if near:
            return near[0]
        if folded not in (*_TRUE, *_FALSE):
            raise _UnfitError(f"its labels are {labels[0]!r} and {labels[1]!r}, not {value!r}")
    return labels[_truth(value)]


def _truth(value: Any) -> bool:
    folded = str(value).strip().casefold()
    if isinstance(value, bool | int | str) and folded in (*_TRUE, *_FALSE):
        return folded in _TRUE
    raise _UnfitError(f"it is true or false, and {value!r} is neither")


def _number(value: Any, dtype: pl.DataType, *, whole: bool) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        plain = hasattr(value, "__index__") or hasattr(value, "__float__")
        if isinstance(value, bool) or not plain:
            raise _UnfitError(f"it holds numbers, and {value!r} is none")
        value = value.__index__() if hasattr(value, "__index__") else float(value)
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise _UnfitError(f"it holds numbers, and {value!r} is none") from None
    if number.is_nan():
        raise _UnfitError("NaN is no condition; None asks for a missing cell")
    if isinstance(dtype, pl.Decimal):
        return number
    if number.is_infinite() or not dtype.is_integer():
        return float(number)
    if whole and number != number.to_integral_value():
        raise _UnfitError(f"it holds whole numbers, and {value!r} is none")
    if whole and pl.Series([int(number)], strict=False).cast(dtype, strict=False).null_count():
        raise _UnfitError(f"{value!r} is beyond what {dtype} holds")
    return int(number) if number == number.to_integral_value() else float(number)


@dataclass(frozen=True)
class _Day:
    """A date where points in time are compared: its midnight."""

    day: Any


def _is_day(value: Any) -> bool:
    return isinstance(value, _Day)


def _time(value: Any, column: Any, dtype: pl.DataType, *, end: bool) -> Any:
    text_format = getattr(column, "format", None) if dtype == pl.String() else None
    native = dtype
    if text_format is not None:
        native = parse(pl.Series([], dtype=pl.String), text_format, column.part).dtype
        if isinstance(value, str):
            read = parse(pl.Series([value]), text_format, column.part)[0]
            if read is not None:
                return read if end else value
    found = _moment(value, native)
    if end or text_format is None:
        return found if end or not isinstance(found, _Day) else found.day
    plain = found.day if isinstance(found, _Day) else found
    return pl.Series([plain], dtype=native).dt.to_string(text_format)[0]


def _moment(value: Any, dtype: pl.DataType) -> Any:
    """A date, time of day or point in time of this dtype."""
    read = _read_time if isinstance(dtype, pl.Time) else _read_date
    try:
        found = read(value)
    except (TypeError, ValueError):
        raise _UnfitError(
            f"it holds {_words(dtype)}, and {value!r} is none; write it as {_sample(dtype)}"
        ) from None
    if isinstance(dtype, pl.Time):
        return found
    point = isinstance(found, dt.datetime)
    if isinstance(dtype, pl.Date):
        return found.date() if point else found
    moment = found if point else dt.datetime.combine(found, dt.time())
    zone = getattr(dtype, "time_zone", None)
    if dtype.is_integer():
        moment = int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())
    elif zone:
        place = zoneinfo.ZoneInfo(zone)
        moment = moment.astimezone(place) if moment.tzinfo else moment.replace(tzinfo=place)
    elif moment.tzinfo:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment if point or dtype.is_integer() else _Day(moment)


def _read_time(value: Any) -> Any:
    return value if isinstance(value, dt.time) else dt.time.fromisoformat(value)


def _read_date(value: Any) -> Any:
    """A date or a point in time, whichever is written."""
    if isinstance(value, dt.date):
        return value
    text = value.strip()
    return (dt.date if _DATE.match(text) else dt.datetime).fromisoformat(text)


def _words(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Time):
        return "times of day"
    return "dates" if isinstance(dtype, pl.Date) else "points in time"


def _sample(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Time):
        return "'13:30:00'"
    return "'2024-03-01'" if isinstance(dtype, pl.Date) else "'2024-03-01T13:30:00'"


def _length(value: Any) -> Any:
    """A length of time: a timedelta, a number of seconds, or text such as '1h 30m'."""
    if isinstance(value, dt.timedelta):
        return value
    if isinstance(value, str):
        parts = _LENGTH.findall(value)
        if parts and not _LENGTH.sub("", value).strip():
            return dt.timedelta(seconds=sum(float(n) * _SECONDS[unit] for n, unit in parts))
    raise _UnfitError(f"it holds lengths of time, and {value!r} is none; write it as '1h 30m'")
