"""Rows as a linear model reads them: standardised quantities, and a flag for every common label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neotype.evaluate.features import WORDS, Floats

WIDEST = 400
"""Columns of a design at most: wide tables of labels are given fewer flags each."""


@dataclass(frozen=True)
class Quantity:
    """A quantity held within where nearly all rows lie, in standard deviations."""

    position: int
    low: float
    high: float
    mean: float
    deviation: float

    def __call__(self, cells: Floats) -> Floats:
        """The standardised column; missing cells lie at the mean."""
        unit = (np.clip(cells[:, self.position], self.low, self.high) - self.low) / (
            self.high - self.low
        )
        return np.nan_to_num((unit - self.mean) / self.deviation)


@dataclass(frozen=True)
class Flag:
    """Whether a feature is this code, or missing (NaN)."""

    position: int
    code: float

    def __call__(self, cells: Floats) -> Floats:
        """1 or 0 for every row."""
        column = cells[:, self.position]
        here = np.isnan(column) if np.isnan(self.code) else column == self.code
        return here.astype(np.float64)


@dataclass(frozen=True)
class Design:
    """How features become columns of a linear model, as learnt from some rows."""

    terms: tuple[Quantity | Flag, ...]

    @classmethod
    def of(cls, cells: Floats, categorical: tuple[int, ...], most: int = 30) -> Design:
        """Learn scales and common labels; `most` flags for a label, fewer in wide tables."""
        most = max(2, min(most, WIDEST // max(1, len(categorical))))
        terms: list[Quantity | Flag] = []
        for position in range(cells.shape[1]):
            column = cells[:, position]
            if position in categorical:
                counts = np.bincount(column.astype(np.int64), minlength=WORDS + 2)
                frequent = np.argsort(-counts, kind="stable")[:most]
                terms += [Flag(position, float(code)) for code in frequent if counts[code]]
                continue
            missing = np.isnan(column)
            scale = scaled(column[~missing], position)
            terms += [scale] if scale else []
            if missing.any() and not missing.all():
                terms.append(Flag(position, np.nan))
        return cls(tuple(terms))

    def __call__(self, cells: Floats) -> Floats:
        """The design of these rows, (rows, terms); a column of zeros where there is none."""
        if not self.terms:
            return np.zeros((len(cells), 1))
        return np.column_stack([term(cells) for term in self.terms])


def scaled(known: Floats, position: int = 0) -> Quantity | None:
    """The scale of these cells; None where they do not vary."""
    low, high = np.quantile(known, [0.001, 0.999]) if len(known) else (0.0, 0.0)
    if not high > low:
        return None
    unit = (np.clip(known, low, high) - low) / (high - low)
    deviation = max(float(unit.std()), 1e-9)
    return Quantity(position, float(low), float(high), float(unit.mean()), deviation)
