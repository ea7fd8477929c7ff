"""The pattern of an identifier: where its letters and digits are, never which ones they were."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

_CLASSES = (
    ("0-9", frozenset("0123456789")),
    ("0-9a-f", frozenset("0123456789abcdef")),
    ("0-9A-F", frozenset("0123456789ABCDEF")),
    ("A-Z", frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
    ("a-z", frozenset("abcdefghijklmnopqrstuvwxyz")),
    ("0-9A-Z", frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
    ("0-9a-z", frozenset("0123456789abcdefghijklmnopqrstuvwxyz")),
)
_ANY = "0-9A-Za-z"
_SPECIAL = frozenset("\\[]{}().*+?^$|")
_ENOUGH = 5
_LONGEST = 64
_UUID = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
)
"""With a version and the variant of RFC 9562, which are the same in all and tell of none."""


def pattern_of(present: pl.Series) -> str | None:
    """The pattern that every cell fits, where all are equally long; else None.

    A letter is kept as it is only where at least five cells have it in that place and all agree:
    the CUST- of CUST-0017.
    """
    cells = present.unique().to_list()
    length = len(cells[0])
    if not 0 < length <= _LONGEST or any(
        len(cell) != length or not cell.isascii() for cell in cells
    ):
        return None
    grid = np.frombuffer("".join(cells).encode(), dtype="S1").reshape(len(cells), length)
    columns = [
        frozenset(value.decode() for value in np.unique(grid[:, place])) for place in range(length)
    ]
    hexadecimal = _hexadecimal(columns)
    parts = [_class(seen, len(cells), hexadecimal) for seen in columns]
    if None in parts:
        return None
    if all(_UUID.match(cell) for cell in cells) and len({cell[14] for cell in cells}) == 1:
        parts[14], parts[19] = cells[0][14], "[89ab]" if hexadecimal == "0-9a-f" else "[89AB]"
    return _counted([part for part in parts if part is not None])


def room(pattern: str) -> int:
    """How many cells fit a pattern of `pattern_of`."""
    sizes = {name: len(marks) for name, marks in _CLASSES}
    found = 1
    for classes, times in re.findall(r"(?<!\\)\[([^\]]+)\](?:\{(\d+)\})?", pattern):
        found *= sizes.get(classes, len(_ANY)) ** int(times or 1)
    return found


def _hexadecimal(columns: Sequence[frozenset[str]]) -> str | None:
    """Digits and a to f in one word are one alphabet, though a place may show only digits."""
    seen = frozenset().union(*columns)
    letters = frozenset(mark for mark in seen if mark.isalnum())
    if len(columns) < 8 or letters <= _CLASSES[0][1]:
        return None
    return next((name for name, marks in _CLASSES[1:3] if letters <= marks), None)


def _class(seen: frozenset[str], cells: int, hexadecimal: str | None) -> str | None:
    if len(seen) == 1:
        mark = next(iter(seen))
        if not mark.isalnum() or (cells >= _ENOUGH and not mark.isdigit() and not hexadecimal):
            return "\\" + mark if mark in _SPECIAL else mark
    if not all(mark.isalnum() for mark in seen):
        return None
    if hexadecimal:
        return f"[{hexadecimal}]"
    return next((f"[{name}]" for name, marks in _CLASSES if seen <= marks), f"[{_ANY}]")


def _counted(parts: list[str]) -> str:
    """Runs of one class as a count: [0-9][0-9] is [0-9]{2}."""
    out: list[str] = []
    runs: list[tuple[str, int]] = []
    for part in parts:
        if runs and runs[-1][0] == part and part.startswith("["):
            runs[-1] = (part, runs[-1][1] + 1)
        else:
            runs.append((part, 1))
    for part, times in runs:
        out.append(part if times == 1 else f"{part}{{{times}}}")
    return "".join(out)
