"""Rules about several rows: repaired in a whole sample, in place, once its rows are drawn.

Rows that break such a rule are drawn again, with their identifiers and all that was known of them;
their persons are invented anew, so that they fit. At the end every constraint is checked in every
row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.constraints.joined import labels
from neotype.data import Dataset, Known
from neotype.errors import SamplingError
from neotype.rng import Rng
from neotype.schema.condition import Where
from neotype.schema.schema import NUMBERED, Json, Personal, Schema, Text
from neotype.synth.rewriting import Rewriting

_OFTEN = 8
"""How many rows must want the same cells for plain rows to be looked through first."""
_ROUNDS = 8
"""How often all rules are gone through: mending one may break another."""


class Drawing(Protocol):
    """What draws rows in which the rules hold that a row alone can break."""

    @property
    def schema(self) -> Schema:
        """The schema of the rows."""

    @property
    def rewriting(self) -> Rewriting:
        """The rules."""

    def draw(self, rows: int | None, rng: Rng, known: Known | None) -> Dataset:
        """Rows, each by itself."""

    def issue(self, frame: pl.DataFrame, rng: Rng, first_row: int) -> pl.DataFrame:
        """The rows with what belongs to their number made for `first_row` on."""


def is_whole(rewriting: Rewriting) -> str | None:
    """The title of a rule that needs to see all rows; None where there is none."""
    titles = (rule.constraint.title for rule in rewriting.rules if rule.whole)
    return next(titles, None)


def mended(model: Drawing, made: Dataset, rng: Rng, known: Known | None) -> Dataset:
    """The sample with rules about several rows; SamplingError where not every row can obey."""
    rules = model.rewriting.rules
    whole = [rule for rule in rules if rule.whole]
    if not whole:
        return made
    frame, redraw = made.frame, _Redraw(model, rng, known)
    left = np.inf
    for _ in range(_ROUNDS):
        wrong = [int((~rule.holds(frame)).sum()) for rule in whole]
        if not 0 < sum(wrong) < left:
            break
        left = sum(wrong)
        for rule, count in zip(whole, wrong, strict=True):
            others = {name for one in whole if one is not rule for name in one.constraint.about}
            redraw.held = _said(model.schema, others - set(rule.constraint.about))
            frame = rule.mend(frame, redraw) if count else frame
    frame = _fitting_people(model, frame, rng.child("people")) if redraw.turn else frame
    findings = {rule.constraint.title: int(rule.holds(frame).sum()) for rule in rules}
    short = [f"{n:,} obey {title}" for title, n in findings.items() if n < frame.height]
    if known is not None:
        for one in known.where:
            n = int(one.holds(frame[one.column]).sum())
            short += [f"{n:,} meet the condition on '{one.column}'"] if n < frame.height else []
    if short:
        raise SamplingError(
            f"{frame.height:,} rows are asked for that obey rules about several rows, and not all "
            "could be found.",
            found="\n  ".join(short),
            mend="ask for fewer rows, or take a constraint out",
        )
    return Dataset.of(made.schema, frame, made.support)


def _fitting_people(model: Drawing, frame: pl.DataFrame, rng: Rng) -> pl.DataFrame:
    """The rows with persons who fit them; those that rules about several rows set stay."""
    ruled = {n for rule in model.rewriting.rules if rule.whole for n in rule.constraint.about}
    columns = model.schema.columns.items()
    names = [n for n, column in columns if isinstance(column, Personal) and n not in ruled]
    if not names:
        return frame
    people = model.issue(frame, rng, 0).select(names)
    return model.rewriting.renew(frame.with_columns(people))


@dataclass
class _Redraw:
    """Draws rows of a sample again, each time from a stream of its own."""

    model: Drawing
    rng: Rng
    known: Known | None
    turn: int = 0
    held: tuple[str, ...] = ()
    """Columns of other rules about several rows, which stay as they are."""

    @property
    def dear(self) -> bool:
        return self.known is not None and self.known.cells is not None

    def __call__(
        self, frame: pl.DataFrame, rows: NDArray[np.int64], cells: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        stream = self.rng.block(self.turn)
        self.turn += 1
        held = [name for name in self.held if cells is None or name not in cells.columns]
        if held:
            beside = frame[rows].select(held)
            cells = beside if cells is None else cells.hstack(beside)
        made = self._made(rows, cells, stream)
        columns = self.model.schema.columns
        own = [name for name, column in columns.items() if isinstance(column, NUMBERED)]
        return self.renew(made.with_columns(frame[rows].select(own))) if own else made

    def _made(
        self, rows: NDArray[np.int64], cells: pl.DataFrame | None, stream: Rng
    ) -> pl.DataFrame:
        """Rows for these positions, with the cells of a sample around them."""
        known = self.known or Known()
        told = _of_rows(known, rows, cells)
        if told.cells is None:
            return self.model.draw(len(rows), stream, told).frame
        if cells is None or known.cells is not None:
            return self.model.draw(None, stream, told).frame
        wanted = labels(cells, cells.columns)
        if _OFTEN * wanted.n_unique() > len(rows):
            return self.model.draw(None, stream, told).frame
        # Where few combinations are wanted often, plain rows that happen to have them are as good
        # as rows drawn for them, and cheaper.
        plain = self.model.draw(2 * len(rows), stream.child("plain"), known).frame
        place, found = _matched(wanted, labels(plain, list(cells.columns)))
        rest = np.setdiff1d(np.arange(len(rows)), place)
        parts = [plain[found]]
        if len(rest):
            left = self.model.draw(None, stream, _of_rows(known, rows[rest], cells[rest]))
            parts.append(left.frame)
        return pl.concat(parts)[np.argsort(np.concatenate([place, rest]))]

    def renew(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self.model.rewriting.renew(frame)

    def settled(self, rows: int, columns: tuple[str, ...]) -> NDArray[np.bool_]:
        known = self.known or Known()
        if known.cells is None or not set(columns) <= set(known.cells.columns):
            return np.zeros(rows, dtype=np.bool_)
        if known.free is None:
            return np.ones(rows, dtype=np.bool_)
        return (~known.free.select(pl.any_horizontal(columns)).to_series()).to_numpy()


def _said(schema: Schema, names: set[str]) -> tuple[str, ...]:
    """Those of which a model can be asked for certain cells."""
    unsaid = (*NUMBERED, Text, Json)
    columns = schema.columns.items()
    return tuple(name for name, c in columns if name in names and not isinstance(c, unsaid))


def _of_rows(known: Known, rows: NDArray[np.int64], cells: pl.DataFrame | None) -> Known:
    """What is known of these rows, and `cells` besides."""
    if known.cells is None:
        return Known(cells=cells, where=known.where)
    mine = known.rows(rows)
    assert mine.cells is not None
    both, free = mine.cells, mine.free
    for given in () if cells is None else cells:
        name = given.name
        if name not in both.columns:
            both = both.with_columns(given.alias(name))
            free = free if free is None else free.with_columns(pl.lit(False).alias(name))
        elif free is not None:
            both = both.with_columns(given.zip_with(free[name], both[name]).alias(name))
            free = free.with_columns(pl.lit(False).alias(name))
    return Known(both, free, known.where, _some(known, rows))


def _matched(wanted: pl.Series, have: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places among the wanted labels, and a row of its own that has the label, for each."""
    sides = [
        pl.DataFrame({"label": side, "at": np.arange(len(side))}).with_columns(
            pl.int_range(pl.len()).over("label").alias("nth")
        )
        for side in (wanted, have)
    ]
    both = sides[0].join(sides[1], on=["label", "nth"], maintain_order="left")
    return both["at"].to_numpy(), both["at_right"].to_numpy()


def _some(known: Known, rows: NDArray[np.int64]) -> tuple[tuple[NDArray[np.int64], Where], ...]:
    """`some` of the rows at these positions, which may repeat."""
    found = ((np.flatnonzero(np.isin(rows, some)), asked) for some, asked in known.some)
    return tuple((index, asked) for index, asked in found if len(index))
