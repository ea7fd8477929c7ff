"""Singling out: does the synthetic table tell conditions that hold for one real row alone?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numba
import numpy as np
from numpy.random import Generator

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Labels, Sides, labels
from neotype.evaluate.metric import Finding, NotMeasurableError
from neotype.evaluate.neighbors import sampling
from neotype.evaluate.privacy.attack import (
    AttackMeasure,
    Ints,
    Mask,
    Side,
    attempt,
    enough,
)

MISSING = -np.inf
"""A missing cell; quantities themselves are finite."""

NONE, EQUAL, MOST, LEAST = -1, 0, 1, 2
"""What a condition asks of a cell: nothing, to be equal, at most, at least."""

TRIES = 20
"""How often rows are tried on other columns before the attacker gives up."""


@dataclass(frozen=True)
class Cells:
    """Real and synthetic cells as numbers, (columns, rows), and which columns hold labels."""

    names: tuple[str, ...]
    ordered: Mask
    sides: Sides[Floats]
    reach: float
    rows: Sides[int]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, tables: Comparison, most: Sides[int], generator: Generator) -> Cells:
        """Train cut to the size of the holdout: how many rows are alone depends on the size."""
        there = Sides(*(data.rows for data in tables.datasets))
        equal = min(there.train, there.holdout, most.train)
        rows = Sides(min(there.synthetic, most.synthetic), equal, equal)
        drawn = Sides(
            *(
                np.sort(generator.permutation(have)[:here])
                for have, here in zip(there, rows, strict=True)
            )
        )
        lines: Sides[list[Floats]] = Sides([], [], [])
        ordered = []
        for item in tables.views:
            sides: Sides[Any]
            written = item.kind in ("text", "json")
            if written:  # a text is alone by its words, not by its length
                texts = zip(tables.series(item.name), drawn, strict=True)
                sides = labels(Sides(*(series[here] for series, here in texts)))[0]
            else:
                sides = Sides(*(side[here] for side, here in zip(item.sides, drawn, strict=True)))
            ordered.append(not (written or isinstance(item, Labels)))
            for line, side in zip(lines, sides, strict=True):
                cells = side.astype(np.float64)
                line.append(np.where(np.isnan(cells), MISSING, cells))
        return cls(
            tuple(item.name for item in tables.views),
            np.array(ordered, dtype=bool),
            Sides(*(np.stack(line) for line in lines)),
            equal / there.train,
            rows,
            sampling(there, drawn),
        )


@dataclass(frozen=True)
class Predicates:
    """Conjunctions of conditions on cells: column, sign and value, each (predicates, width)."""

    column: Ints
    sign: Ints
    value: Floats

    def take(self, rows: Ints | Mask) -> Predicates:
        """Some of them."""
        return Predicates(self.column[rows], self.sign[rows], self.value[rows])

    @classmethod
    def join(cls, parts: Sequence[Predicates]) -> Predicates:
        """All of them."""
        return cls(
            np.concatenate([part.column for part in parts]),
            np.concatenate([part.sign for part in parts]),
            np.concatenate([part.value for part in parts]),
        )

    def count(self, cells: Floats) -> Ints:
        """For how many rows each predicate holds: none, one, or 2 for any more.

        Of every predicate only the rows are looked at that meet its rarest condition.
        """
        order = np.argsort(cells, axis=1, kind="stable")
        low, high = np.zeros(self.column.shape, np.int64), np.full(self.column.shape, len(cells[0]))
        for c, line in enumerate(cells):
            placed = line[order[c]]
            here = (self.column == c) & (self.sign != NONE)
            sign, value = self.sign[here], self.value[here]
            first = np.searchsorted(placed, value, side="left")
            last = np.searchsorted(placed, value, side="right")
            present = np.searchsorted(placed, MISSING, side="right")
            low[here] = np.where(sign == MOST, present, first)
            high[here] = np.where(sign == LEAST, len(placed), last)
        rarest = np.argmin(high - low, axis=1)[:, None]
        start, end = (np.take_along_axis(side, rarest, 1)[:, 0] for side in (low, high))
        through = np.take_along_axis(self.column, rarest, 1)[:, 0]
        return _count(cells, order, through, start, end, self.column, self.sign, self.value)


@dataclass(frozen=True)
class Isolation:
    """The attack: predicates, each of which is said to hold for exactly one real row."""

    cells: Cells
    informed: Predicates
    random: Predicates

    def guess(self, about: Side, *, blind: bool) -> Mask:
        """Which predicates hold for exactly one row of the table."""
        chosen = self.random if blind else self.informed
        return np.asarray(chosen.count(getattr(self.cells.sides, about)) == 1)


@dataclass(frozen=True)
class SinglingOut(AttackMeasure):
    """What both ways of singling out share: the rows, at most, and how many guesses."""

    guesses: int = 5_000
    real_rows: int = 20_000
    synthetic_rows: int = 40_000

    reference: ClassVar[str] = (
        "Giomi et al. 2022, A unified framework for quantifying privacy risk in synthetic data; "
        "Cohen and Nissim 2020, Towards formalizing the GDPR's notion of singling out"
    )

    def cells(self, tables: Comparison) -> Cells:
        """The rows that are attacked."""
        if not tables.views:
            raise NotMeasurableError("no column is left once identifiers are taken out.")
        most = Sides(self.synthetic_rows, self.real_rows, self.real_rows)
        return Cells.of(tables, most, tables.rng.child("rows for singling out").generator())

    def attack(self, cells: Cells, informed: Predicates, generator: Generator) -> Finding:
        """Claim of each predicate that it holds for one real row alone."""
        isolation = Isolation(cells, informed, at_random(cells, informed, generator))
        trials = attempt(isolation, cells.reach)
        rates, risk = trials.rates, trials.risk[0]
        meaning = (
            f"Of conditions that single out one synthetic row, {rates['main']:.1%} single out one "
            f"row that the model learnt from, {rates['control']:.1%} one of as many rows that it "
            f"never saw: a singling-out risk of {risk:.1%} for the people in train."
        )
        return self.conclude(
            trials,
            meaning,
            {
                "by_column": by_column(isolation),
                "rows": cells.rows._asdict(),
                "notes": list(cells.notes),
            },
        )


@dataclass(frozen=True)
class SinglingOutUnivariate(SinglingOut):
    """Is a value that one synthetic row alone has the value of one train row alone?

    The attacker guesses that a value which occurs once, or an extreme of a quantity, belongs to
    exactly one real person.
    """

    name: ClassVar[str] = "singling_out_univariate"
    title: ClassVar[str] = "Singling out by one value"
    how: ClassVar[str] = (
        "Values that one synthetic row alone has, and extremes, are said to belong to exactly one "
        "real row. Risk is how much more often that is true of rows the model learnt from than of "
        "equally many rows it never saw: (main - control) / (1 - control), divided by the share of "
        "train that was attacked."
    )

    def look(self, tables: Comparison) -> Finding:
        """Attack with values that occur once."""
        cells = self.cells(tables)
        generator = tables.rng.child(self.name).generator()
        alone = values_alone(cells)
        many = len(alone.column)
        enough(many, f"the synthetic table has {many:,} values and extremes that occur once")
        chosen = np.sort(generator.permutation(many)[: self.guesses])
        return self.attack(cells, alone.take(chosen), generator)


@dataclass(frozen=True)
class SinglingOutMultivariate(SinglingOut):
    """Are conditions on several columns, met by one synthetic row alone, met by one train row?

    The attacker takes a synthetic row and 2 to `columns` of its columns, at random: labels are to
    be equal, quantities at least as far out as the row's.
    """

    columns: int = 10

    name: ClassVar[str] = "singling_out_multivariate"
    title: ClassVar[str] = "Singling out by several values together"
    how: ClassVar[str] = (
        "Combinations of conditions that one synthetic row alone meets are said to be met by "
        "exactly one real row. Risk is how much more often that is true of rows the model learnt "
        "from than of equally many rows it never saw: (main - control) / (1 - control), divided "
        "by the share of train that was attacked."
    )

    def look(self, tables: Comparison) -> Finding:
        """Attack with conjunctions."""
        most = min(self.columns, len(tables.views))
        if most < 2:
            raise NotMeasurableError("conditions on several columns need two columns.")
        cells = self.cells(tables)
        generator = tables.rng.child(self.name).generator()
        informed = conjunctions(cells, self.guesses, np.arange(2, most + 1), generator)
        many = len(informed.column)
        enough(many, f"{many:,} combinations of values were found that one synthetic row has")
        return self.attack(cells, informed, generator)


def by_column(isolation: Isolation) -> dict[str, dict[str, int]]:
    """For every column: the predicates that use it, and which of them came true of each table."""
    asked = isolation.informed
    hits = {side: isolation.guess(side, blind=False) for side in get_args(Side)}
    found = {}
    for c, name in enumerate(isolation.cells.names):
        uses = ((asked.column == c) & (asked.sign != NONE)).any(axis=1)
        if uses.any():
            counts = {side: int(mask[uses].sum()) for side, mask in hits.items()}
            found[name] = {"guesses": int(uses.sum()), **counts}
    return found


def values_alone(cells: Cells) -> Predicates:
    """Values that occur once in the synthetic table, and extremes that no other row reaches."""
    found: list[tuple[int, int, float]] = []
    for c, line in enumerate(cells.sides.synthetic):
        values, counts = np.unique(line, return_counts=True)
        found += [(c, EQUAL, value) for value in values[counts == 1]]
        here = np.flatnonzero(values > MISSING)
        if cells.ordered[c] and len(here) > 1:
            ends = ((MOST, here[0]), (LEAST, here[-1]))
            found += [(c, sign, values[end]) for sign, end in ends if counts[end] == 1]
    table = np.array(found, dtype=np.float64).reshape(-1, 3)
    column, sign = table[:, :1].astype(np.int64), table[:, 1:2].astype(np.int64)
    return Predicates(column, sign, np.ascontiguousarray(table[:, 2:]))


def conjunctions(cells: Cells, wanted: int, widths: Ints, generator: Generator) -> Predicates:
    """Predicates of several columns that hold for one synthetic row, no two of the same row.

    Rows that are not alone on the columns drawn for them are tried again on others.
    """
    left = generator.permutation(cells.rows.synthetic)
    found: list[Predicates] = []
    missing = wanted
    for _ in range(TRIES):
        tried = left[: max(4 * missing, 1000)]
        asked = about(cells, tried, widths, generator)
        alone = np.flatnonzero(asked.count(cells.sides.synthetic) == 1)[:missing]
        found.append(asked.take(alone))
        missing -= len(alone)
        left = np.roll(np.delete(left, alone), -len(tried) + len(alone))
        if not missing or not len(left):
            break
    return Predicates.join(found)


def about(cells: Cells, rows: Ints, widths: Ints, generator: Generator) -> Predicates:
    """Conditions that these synthetic rows meet, on as many random columns as a random width.

    A label must be equal, a quantity at least as far from the median as the row's is.
    """
    synthetic = cells.sides.synthetic
    middle = np.array([_median(line) for line in synthetic])
    column = _columns(len(rows), len(cells.names), int(widths.max()), generator)
    asked = np.arange(column.shape[1]) < generator.choice(widths, len(rows))[:, None]
    value = synthetic[column, rows[:, None]]
    sign = np.where(value > middle[column], LEAST, MOST)
    sign = np.where(cells.ordered[column] & (value > MISSING), sign, EQUAL)
    return Predicates(column, np.where(asked, sign, NONE), value)


def at_random(cells: Cells, like: Predicates, generator: Generator) -> Predicates:
    """Random conditions of the same widths: any column, any sign, any value that there could be."""
    many, width = like.column.shape
    column = _columns(many, len(cells.names), width, generator)
    share = generator.random(column.shape)
    value = np.empty(column.shape)
    for c, line in enumerate(cells.sides.synthetic):
        here, known = column == c, np.unique(line)
        ends = known[known > MISSING][[0, -1]] if cells.ordered[c] and known[-1] > MISSING else None
        if ends is not None:
            value[here] = ends[0] + share[here] * (ends[1] / 2 - ends[0] / 2) * 2
        else:
            value[here] = known[(share[here] * len(known)).astype(np.int64)]
    sign = np.where(cells.ordered[column], generator.integers(0, 3, column.shape), EQUAL)
    return Predicates(column, np.where(like.sign == NONE, NONE, sign), value)


def _columns(many: int, columns: int, width: int, generator: Generator) -> Ints:
    """`width` different columns at random for each of many predicates, (many, width)."""
    drawn = np.argsort(generator.random((many, columns)), axis=1)
    return np.ascontiguousarray(drawn[:, :width])


def _median(line: Floats) -> float:
    known = line[line > MISSING]
    return float(np.median(known)) if len(known) else 0.0


@numba.njit(cache=True, nogil=True)
def _count(
    cells: Floats,
    order: Ints,
    through: Ints,
    start: Ints,
    end: Ints,
    column: Ints,
    sign: Ints,
    value: Floats,
) -> Ints:
    many, width = column.shape
    found = np.zeros(many, np.int64)
    for p in range(many):
        for place in range(start[p], end[p]):
            i = order[through[p], place]
            holds = True
            for k in range(width):
                wanted = sign[p, k]
                if wanted == NONE:
                    continue
                cell, bound = cells[column[p, k], i], value[p, k]
                if wanted == EQUAL:
                    holds = cell == bound
                elif wanted == MOST:
                    holds = MISSING < cell <= bound
                else:
                    holds = cell >= bound
                if not holds:
                    break
            if holds:
                found[p] += 1
                if found[p] == 2:
                    break
    return found
