"""Rows dealt into cells until each has as many as it is to have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.errors import SamplingError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.condition import Where
from neotype.schema.schema import NUMBERED
from neotype.synth.weighing import choose

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PLAIN, ENOUGH = 4, 16_384
"""Plain samples that are dealt out before cells still short are drawn under their conditions, and
the fewest rows of each: fewer would cost a refined model as much."""
TURNS = 50
"""How often a cell is drawn under its conditions before it is given up."""

AGAIN = 10
"""How often rows that break rules about several rows give way to others."""


@dataclass(frozen=True)
class Cell:
    """Rows that are wanted: how many, what they meet, and how they are called in an error.

    `each` rows are drawn for each that is kept, when rows of one cell have different weights.
    """

    rows: int
    where: Where
    name: str
    each: float = 1.0

    @property
    def wanted(self) -> int:
        """How many rows are drawn."""
        return int(np.ceil(self.rows * self.each))


@dataclass
class _Hands:
    """What each cell has got so far."""

    cells: list[Cell]
    frames: list[list[pl.DataFrame]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frames = [[] for _ in self.cells]

    def lacks(self, k: int) -> int:
        """How many rows cell k is short of."""
        return self.cells[k].wanted - sum(frame.height for frame in self.frames[k])

    def deal(self, frame: pl.DataFrame, cell_of: Callable[[pl.DataFrame], Ints]) -> None:
        """Give each row to its cell, where that is short of rows."""
        places = cell_of(frame)
        for k in np.unique(places[places >= 0]).tolist():
            short = self.lacks(k)
            if short > 0:
                self.frames[k].append(frame[np.flatnonzero(places == k)[:short]])

    def rows(self) -> pl.DataFrame:
        """All rows, cell by cell."""
        return pl.concat(frame for frames in self.frames for frame in frames)

    def drop(self, rows: Bools) -> bool:
        """Take these of all rows away; whether there were any."""
        ends = np.cumsum([sum(frame.height for frame in frames) for frames in self.frames])
        for k, gone in enumerate(np.split(rows, ends[:-1])):
            if gone.any():
                self.frames[k] = [pl.concat(self.frames[k]).filter(~gone)]
        return bool(rows.any())


def deal(
    model: Any,
    cells: list[Cell],
    cell_of: Callable[[pl.DataFrame], Ints],
    *,
    rng: Rng,
    log_weight: Callable[[pl.DataFrame], Floats] | None = None,
    beside: pl.DataFrame | None = None,
    progress: Progress = silent,
) -> Dataset:
    """As many rows of each cell as it wants, shuffled; `cell_of` gives each row's cell, or −1.

    Rows come from plain samples as long as these serve, else from samples under the cell's
    conditions. A row that cannot stand in one table with those before it and with the rows `beside`
    gives way to another. SamplingError names a cell of which the model has too few rows.
    """
    total = sum(cell.rows for cell in cells)
    hands = _Hands(cells)
    first = model.sample(total, rng=rng.child("plain").block(0)).frame
    hands.deal(first, cell_of)
    for turn in range(1, PLAIN):
        short = sum(max(0, hands.lacks(k)) for k in range(len(cells)))
        progress("sample", total - min(total, short), total)
        if not short:
            break
        more = model.sample(max(total, ENOUGH), rng=rng.child("plain").block(turn))
        hands.deal(more.frame, cell_of)
    _fill(model, hands, cell_of, rng.child("cell"))
    for turn in range(AGAIN):
        if not hands.drop(~obeyed(model, hands.rows(), beside)):
            break
        _fill(model, hands, cell_of, rng.child("again").block(turn))
    progress("sample", total, total)
    chosen = [
        _chosen(pl.concat(hands.frames[k]), cell, log_weight, rng.child("choose").block(k))
        for k, cell in enumerate(cells)
        if cell.rows
    ]
    order = rng.child("order").generator().permutation(total)
    made = _numbered(model, pl.concat(chosen)[order], first, rng.child("issue"))
    refuse_broken(model, made)
    return Dataset.of(model.schema, made)


def _fill(model: Any, hands: _Hands, cell_of: Callable[[pl.DataFrame], Ints], rng: Rng) -> None:
    """Give cells that are short of rows some that are drawn under their conditions."""
    for k, cell in enumerate(hands.cells):
        stream, known = rng.block(k), Known(where=cell.where)
        for turn in range(TURNS):
            short = hands.lacks(k)
            if short <= 0:
                break
            more = model.sample(2 * short + 16, rng=stream.block(turn), known=known)
            hands.deal(more.frame, cell_of)
        if hands.lacks(k) > 0:
            raise SamplingError(
                f"{cell.rows:,} rows with {cell.name} are needed, and the model gives only "
                f"{cell.wanted - hands.lacks(k):,}.",
                mend="ask for less of it, or for fewer rows",
            )


def obeyed(model: Any, frame: pl.DataFrame, beside: pl.DataFrame | None = None) -> Bools:
    """Which rows may stand in one table with those before them and with the rows `beside`.

    Of what is numbered anew nothing is said: all rows may repeat an identifier.
    """
    rewriting = getattr(model, "rewriting", None)
    whole = frame if beside is None else pl.concat([beside.select(frame.columns), frame])
    good = np.ones(whole.height, dtype=np.bool_)
    for rule in rewriting.rules if rewriting is not None else ():
        columns = (model.schema.columns[name] for name in rule.constraint.about)
        if rule.parts_obey and rule.whole and not any(isinstance(c, NUMBERED) for c in columns):
            good &= rule.holds(whole).to_numpy()
    return good[whole.height - frame.height :]


def refuse_broken(model: Any, frame: pl.DataFrame) -> None:
    """SamplingError where rows that were put together break a constraint about several rows."""
    rewriting = getattr(model, "rewriting", None)
    for rule in rewriting.rules if rewriting is not None else ():
        broken = 0 if rule.shown else int((~rule.holds(frame)).sum())
        if broken:
            raise SamplingError(
                f"{rule.constraint.title} does not hold in {broken:,} of the {frame.height:,} rows "
                "that were put together.",
                mend="ask for fewer rows, or take the constraint out of the schema",
            )


def _chosen(
    frame: pl.DataFrame, cell: Cell, log_weight: Callable[[pl.DataFrame], Floats] | None, rng: Rng
) -> pl.DataFrame:
    if log_weight is None or frame.height == cell.rows:
        return frame
    return frame[np.sort(choose(log_weight(frame), cell.rows, rng))]


def _numbered(model: Any, frame: pl.DataFrame, plain: pl.DataFrame, rng: Rng) -> pl.DataFrame:
    """The rows numbered anew, so that no identifier comes twice and every person fits its row.

    A model that cannot number rows lends the identifiers of one plain sample.
    """
    issue = getattr(model, "issue", None)
    if issue is not None:
        numbered: pl.DataFrame = issue(frame, rng, 0)
        return numbered
    names = [name for name, column in model.schema.columns.items() if isinstance(column, NUMBERED)]
    return frame.with_columns(plain[name] for name in names)


def quotas(shares: Floats, rows: int) -> Ints:
    """Whole numbers of rows nearest to these shares, `rows` together (largest remainders)."""
    if not rows or not shares.sum():
        return np.zeros(len(shares), dtype=np.int64)
    exact = shares / shares.sum() * rows
    whole: Ints = np.floor(exact).astype(np.int64)
    rest = np.argsort(-(exact - whole), kind="stable")[: rows - int(whole.sum())]
    whole[rest] += 1
    return whole
