"""Texts that are made of other texts: joined, in capitals, or with something before and after."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import polars as pl

from neotype.constraints.discovery.cells import Cells, Ints, Seen
from neotype.constraints.discovery.chance import telling
from neotype.constraints.discovery.found import Found
from neotype.expression import polars_expression

FIRST = 12
"""Rows on which all pairs of columns are tried."""

MOST = 20
"""Columns that may be parts of one text."""

Piece = str | tuple[Cells, str]
"""Text as it is, or a column and how its letters are written."""

_CASES = {"": "", ".str.to_lowercase()": "in small letters", ".str.to_uppercase()": "in capitals"}


def text_formulas(seen: Seen) -> list[Found]:
    """Columns that follow from the letters of one or two others."""
    cells = [c for c in seen.cells.values() if c.series.dtype == pl.String and c.distinct > 2]
    found: list[Found] = []
    tried = len(cells) ** 3 * len(_CASES)
    said: set[frozenset[str]] = set()
    for target in cells:
        parts = [c for c in cells if c is not target and _inside(c, target)]
        ways = _candidates(target, parts) if len(parts) <= MOST else []
        rules = (_judged(seen, target, text, used, tried) for text, used in ways)
        rule = next((one for one in rules if one is not None), None)
        if rule is not None and rule.about not in said:
            found.append(rule)
            said.add(rule.about)
    return found


def _inside(part: Cells, whole: Cells) -> bool:
    """Whether the letters of the one occur in the other, in the first few rows with both."""
    rows = _few(part, whole)
    there = zip(_read(part, rows), _read(whole, rows), strict=True)
    return len(rows) > 0 and all(p and p.lower() in w.lower() for p, w in there)


def _candidates(target: Cells, others: list[Cells]) -> list[tuple[str, tuple[Cells, ...]]]:
    """Expressions that give the first few cells of the target."""
    ways: list[tuple[str, tuple[Cells, ...]]] = []
    for case in _CASES:
        for one in others:
            rows = _few(target, one)
            wanted, given = _read(target, rows), [_cased(g, case) for g in _read(one, rows)]
            affixes = {_around(w, g) for w, g in zip(wanted, given, strict=True)}
            if len(affixes) == 1 and (around := affixes.pop()) and len(set(given)) > 1:
                before, after = around
                ways.append((_joined([before, (one, case), after]), (one,)))
        for one, two in permutations(others, 2):
            rows = _few(target, one, two)
            left, right = ([_cased(g, case) for g in _read(c, rows)] for c in (one, two))
            if min(len(set(left)), len(set(right))) < 2:
                continue
            wanted = _read(target, rows)
            pieces = {_between(*three) for three in zip(wanted, left, right, strict=True)}
            if len(pieces) == 1 and (found := pieces.pop()):
                before, middle, after = found
                said: list[Piece] = [before, (one, case), middle, (two, case), after]
                ways.append((_joined(said), (one, two)))
    return ways


def _few(*cells: Cells) -> Ints:
    """A few rows, evenly spread, in which all have a cell."""
    if not any(c.gaps for c in cells):
        return _spread(len(cells[0].series))
    there = np.flatnonzero(~np.any([c.missing for c in cells], axis=0))
    return np.asarray(there[_spread(len(there))])


def _spread(rows: int) -> Ints:
    return np.linspace(0, rows - 1, min(FIRST, rows)).astype(np.int64)


def _read(one: Cells, rows: Ints) -> list[str]:
    return [str(cell) for cell in one.series[rows]]


def _cased(text: str, case: str) -> str:
    return text.lower() if "lower" in case else text.upper() if "upper" in case else text


def _around(whole: str, part: str) -> tuple[str, str] | None:
    before, found, after = whole.partition(part)
    return (before, after) if found and part else None


def _between(whole: str, left: str, right: str) -> tuple[str, str, str] | None:
    before, found, rest = whole.partition(left)
    middle, also, after = rest.partition(right)
    return (before, middle, after) if found and also and left and right else None


def _joined(pieces: Sequence[Piece]) -> str:
    """A polars expression that writes the pieces one after the other."""
    said = [
        f"pl.lit({json.dumps(p, ensure_ascii=False)})"
        if isinstance(p, str)
        else f"pl.col({json.dumps(p[0].name, ensure_ascii=False)}){p[1]}"
        for p in pieces
        if p
    ]
    return said[0] if len(said) == 1 else f"pl.concat_str({', '.join(said)})"


def _judged(
    seen: Seen, target: Cells, text: str, parts: tuple[Cells, ...], tried: int
) -> Found | None:
    there = pl.Series(~np.any([c.missing for c in (target, *parts)], axis=0))
    sources = seen.frame.select(target.name, *(c.name for c in parts)).filter(there)
    made = sources.select(made=polars_expression(text, asked_by="discovery"))["made"]
    if not bool((made == sources[target.name]).all()):
        return None
    shares = made.value_counts(normalize=True)["proportion"].to_numpy()
    expected = sources.height * (1 - float((shares**2).sum()))
    if not telling(expected, tried):
        return None
    names = " and ".join(f"'{c.name}'" for c in parts)
    case = next((word for key, word in _CASES.items() if key and key in text), "")
    plain = not re.search(r"concat_str", text)
    saying = f"'{target.name}' is {names}" + (f" {case}" if case else "")
    saying += "" if plain else " joined" if len(parts) > 1 else " with the same text around it"
    return Found(
        "ColumnFormula",
        {"column": target.name, "expression": text},
        saying,
        sources.height,
        expected,
        columns=tuple(c.name for c in parts),
    )
