"""The right-hand side of a regression: which columns enter, and as which terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neotype.evaluate.design import Quantity, scaled
from neotype.evaluate.features import Floats, Ints, Labels, View

LEVELS = 5
"""Levels of a label that have a term, beside the reference level, at most."""

CELL = 10
"""Rows that a level needs, with and without the outcome: fewer separate the classes by chance."""


@dataclass(frozen=True)
class Scale:
    """A quantity within where nearly all of train lies, in train's standard deviations."""

    column: str
    quantity: Quantity

    @property
    def name(self) -> str:
        """As a statistician writes it."""
        return self.column

    def cells(self, item: View, side: int, rows: Ints) -> Floats:
        """The standardised column; missing cells lie at the mean."""
        return self.quantity(np.asarray(item.sides[side][rows], np.float64)[:, None])


@dataclass(frozen=True)
class Level:
    """Whether a column has this level; None is missing."""

    column: str
    word: str | None

    @property
    def name(self) -> str:
        """As a statistician writes it."""
        return f"{self.column} is missing" if self.word is None else f"{self.column}={self.word}"

    def cells(self, item: View, side: int, rows: Ints) -> Floats:
        """1 or 0 for every row."""
        if not isinstance(item, Labels):
            return np.isnan(item.sides[side][rows]).astype(np.float64)
        here = item.sides[side][rows]
        code = 0 if self.word is None else -1
        if self.word in item.words:
            code = item.words.index(self.word) + 1
        return np.asarray(here == code, np.float64)


Term = Scale | Level


def formula(
    views: Sequence[View], outcome: Floats, rows: Ints, most: int, *, binary: bool
) -> list[Term]:
    """At most `most` terms, of the columns that correlate most with the outcome in train's rows.

    Quantities enter standardised, labels by their commonest levels against the commonest of all;
    missing cells have a term of their own. A level that is rare, or nearly decides a binary
    outcome, has none.
    """
    ranked = []
    for item in views:
        if item.kind in ("text", "json"):
            continue
        terms, strengths = [], []
        for term in _terms(item, rows):
            cells = term.cells(item, 1, rows)
            if isinstance(term, Level) and not supported(cells, outcome, CELL, binary=binary):
                continue
            terms.append(term)
            strengths.append(_correlation(cells, outcome))
        if terms:
            ranked.append((-max(strengths), item.name, terms))
    ranked.sort(key=lambda entry: entry[:2])
    return [term for _, _, terms in ranked for term in terms][:most]


def _terms(item: View, rows: Ints) -> Iterator[Term]:
    """What a column could enter as, by train's rows."""
    if not isinstance(item, Labels):
        here = item.sides.train[rows]
        quantity = scaled(here[~np.isnan(here)])
        if quantity is not None:
            yield Scale(item.name, quantity)
        yield Level(item.name, None)
        return
    counts = np.bincount(item.sides.train[rows], minlength=item.size)
    for code in np.argsort(-counts, kind="stable")[1 : LEVELS + 1]:
        yield Level(item.name, item.words[code - 1] if code else None)


def supported(cells: Floats, outcome: Floats, least: int, *, binary: bool) -> bool:
    """Whether a flag has enough rows on both sides: of both outcomes where there are two."""
    whole = np.ones(len(cells))
    outcomes = (outcome, whole - outcome) if binary else (whole,)
    return all(flag @ truth >= least for flag in (cells, whole - cells) for truth in outcomes)


def _correlation(cells: Floats, outcome: Floats) -> float:
    left, right = cells - cells.mean(), outcome - outcome.mean()
    size = float(np.sqrt((left @ left) * (right @ right)))
    return abs(float(left @ right)) / size if size > 0 else 0.0


def matrix(terms: Sequence[Term], views: Mapping[str, View], side: int, rows: Ints) -> Floats:
    """The design of these rows, the constant first: (rows, 1 + terms)."""
    columns = [term.cells(views[term.column], side, rows) for term in terms]
    return np.column_stack([np.ones(len(rows)), *columns])
