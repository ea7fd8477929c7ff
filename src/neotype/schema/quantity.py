"""Numbers, moments and lengths of time as a person writes them in a schema, as numbers.

A moment (2024-03-01, 2024-03-01T08:30, 08:30) is microseconds from 1970 or from midnight, a length
of time (90d, 1h30m, or a number of seconds) is microseconds.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time

_LENGTH = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|w|d|h|m|s))+")
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(us|ms|w|d|h|m|s)")
_UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6, "d": 86400e6, "w": 7 * 86400e6}
_TRUE = {"true": 1.0, "false": 0.0}


def amount(kind: str, value: object) -> float:
    """A value of a column of this kind; ValueError says what was expected."""
    if kind == "datetime":
        return moment(value)
    if kind == "duration":
        return length(value)
    if isinstance(value, str) and value.strip().lower() in _TRUE:
        return _TRUE[value.strip().lower()]
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
    if math.isnan(number):
        raise ValueError("NaN is not a number")
    return number


def spread(kind: str, value: object) -> float:
    """How far values of a column of this kind lie apart: of moments, a length of time."""
    return length(value) if kind in {"datetime", "duration"} else amount(kind, value)


def moment(value: object) -> float:
    """Microseconds from 1970, or of a time of day from midnight."""
    text = value.isoformat() if isinstance(value, date | time) else str(value).strip()
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", text):
            at = time.fromisoformat(text.zfill(5) if text.count(":") == 1 else text)
            seconds = at.hour * 3600 + at.minute * 60 + at.second
            return seconds * 1e6 + at.microsecond
        at_day = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{value!r} is no date or time, such as 2024-03-01 or 08:30") from None
    aware = at_day if at_day.tzinfo else at_day.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86400e6 + since.seconds * 1e6 + since.microseconds


def length(value: object) -> float:
    """Microseconds of 90d, 1h30m or a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) * 1e6
    text = str(value).strip().replace(" ", "")
    sign = -1.0 if text.startswith("-") else 1.0
    text = text.removeprefix("-")
    if _LENGTH.fullmatch(text):
        return sign * sum(float(n) * _UNITS[unit] for n, unit in _PARTS.findall(text))
    raise ValueError(f"{value!r} is no length of time, such as 90d, 1h30m or 20s")


def band(kind: str, text: str) -> tuple[float, float] | None:
    """The ends of "18..30", "18..<30", "..18" or "65.."; None for a text that is no range."""
    if text.count("..") != 1:
        return None
    low, high = (part.strip() for part in text.split(".."))
    ends = [-math.inf, math.inf]
    if low:
        ends[0] = amount(kind, low.removesuffix("<"))
        ends[0] = math.nextafter(ends[0], math.inf) if low.endswith("<") else ends[0]
    if high:
        ends[1] = amount(kind, high.removeprefix("<"))
        ends[1] = math.nextafter(ends[1], -math.inf) if high.startswith("<") else ends[1]
    if ends[0] > ends[1]:
        raise ValueError(f"the range {text!r} ends before it begins")
    return ends[0], ends[1]


def written(kind: str, value: float) -> int | float | str:
    """The inverse of `amount`, as short as can be."""
    if kind == "datetime":
        at = datetime.fromtimestamp(value / 1e6, UTC).replace(tzinfo=None)
        return at.date().isoformat() if at.time() == time() else at.isoformat()
    number = value / 1e6 if kind == "duration" else value
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else float(number)
