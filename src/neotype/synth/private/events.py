"""Rows that belong to an entity, within a budget: each given its owner and the row before it.

Every entity that has rows has as many turns as any other (`dp.bound.turns`), so that what noise
hides of it does not grow with what others have. An owner's columns and the row before are drawn
already when a row is: only what rows have to do with those, and their columns with each other, is
worth a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, in_order
from neotype.dp.bound import turns
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import ALL, Codes, Masks, State, only
from neotype.marginal.graphical import Graphical
from neotype.marginal.measurement import Clique, Measurement
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Datetime, Schema, Table
from neotype.synth.leading import fine_digits
from neotype.synth.private.domain import Draft, readable
from neotype.synth.private.marginals import Marginals
from neotype.synth.private.owned import counts_up, order_of
from neotype.synth.private.private import drafted_within
from neotype.synth.private.since import (
    SHARE,
    begun,
    cells_of,
    dates,
    early,
    never_before,
)
from neotype.trees.density import DensityTrees

Ints = NDArray[np.int64]

SECOND = 0.35
"""The share for tables that the model of the others has wrong: what rows take from their owner and
what from the row before would else seem to depend on each other."""
_AGAIN = 8
"""How often times are drawn again where they were before their owner's."""
TURNS = 8
"""Rows of an owner that are looked at: more would be nearer to all of them, and take longer."""


@dataclass(frozen=True)
class Rows:
    """The rows of a table that belong to an entity, owner by owner and in their order."""

    data: Dataset
    owner: Ints
    """The place of each row's owner; in rising order."""

    @classmethod
    def of(cls, data: Dataset, owner: Ints) -> Self:
        """Rows in any order; those of nobody, whose owner is below 0, are left out."""
        order = order_of(data.table)
        time = np.arange(data.rows) if order is None else in_order(data.frame, data.table, order)
        placed = np.lexsort((time, owner))
        placed = placed[owner[placed] >= 0]
        return cls(data.take(placed), owner[placed])

    @property
    def place(self) -> Ints:
        """The place of each row among those of its owner."""
        starts = np.searchsorted(self.owner, self.owner, side="left")
        return np.asarray(np.arange(len(self.owner)) - starts)

    def turns(self, owners: Owners, each: int) -> Ints:
        """So many turns of each owner, by lots that follow from his key and the row's place."""
        told = owners.frame.select(pl.col(owners.key).cast(pl.String))[self.owner]
        lots = told.with_columns(pl.Series("#place", self.place)).hash_rows(seed=0)
        return turns(self.owner, lots.to_numpy(), each)


@dataclass(frozen=True)
class Owners:
    """What is known of the entities: their digits, how many symbols each has, and tables of it."""

    codes: Codes
    sizes: tuple[int, ...]
    key: tuple[str, ...]
    frame: pl.DataFrame
    table: Table
    known: tuple[Measurement, ...]
    """Noisy already, or drawn from what is: as probabilities, over those that have such rows."""


@dataclass(frozen=True)
class EventModel:
    """A fitted table of events.

    The variables of `graph` are the leading digits of the owner, then those of the row before (one
    symbol more: there is none) at `before`, then those of the row itself.
    """

    schema: Schema
    codebook: Codebook
    graph: Graphical
    fine: DensityTrees
    owned: int
    """How many digits an owner has."""
    before: tuple[int, ...]
    """Which of the leading digits are told of the row before."""
    since: tuple[str, ...] = ()
    """Dates of the owner before which no row comes."""

    @property
    def leading(self) -> list[int]:
        """The digits that the graph draws."""
        return self.codebook.leading

    @property
    def timed(self) -> str | None:
        """The column that is drawn first, and in whose order rows come."""
        order = order_of(self.schema.table)
        return None if order is None or counts_up(self.schema.table) else order

    def begun(self, entities: pl.DataFrame, table: Table) -> Ints:
        """For each entity when its first row may come."""
        column = self.schema.table.columns[self.timed] if self.timed else None
        return begun(entities, table, self.since, getattr(column, "part", ""))

    def draw(
        self, context: Codes, counts: Ints, begun: Ints, rng: Rng, first_row: int = 0
    ) -> tuple[Ints, pl.DataFrame]:
        """The owner of each row, and the rows: `counts` of each owner, in their order.

        None comes before its owner has `begun`.
        """
        owner = np.repeat(np.arange(len(counts)), counts)
        masks = np.full((len(owner), len(self.graph.sizes)), ALL)
        masks[:, : self.owned] = only(context[:, owner].T)
        first = self.owned + len(self.before)
        cells = self._times(owner, masks, begun[owner], rng.child("times")) if self.timed else None
        starts = np.searchsorted(owner, owner, side="left")
        place = np.arange(len(owner)) - starts
        chosen = np.zeros((len(self.leading), len(owner)), dtype=np.uint8)
        for step in range(int(counts.max(initial=0)) if self.before else min(len(owner), 1)):
            rows = np.flatnonzero(place == step) if self.before else np.arange(len(owner))
            mine = masks[rows]
            if self.before:
                told = chosen[:, rows - 1][list(self.before)] + np.uint8(1)
                mine[:, self.owned : first] = only((told if step else np.zeros_like(told)).T)
            chosen[:, rows] = self.graph.draw(len(rows), rng.child(f"row {step}"), mine)[0][first:]
        frame = self._decoded(chosen, rng, first_row)
        if cells is not None:
            frame = frame.with_columns(cells)
        if counts_up(self.schema.table):
            name = str(self.schema.table.sequence)
            frame = frame.with_columns(pl.Series(name, place + 1).cast(frame[name].dtype))
        return owner, frame

    def _times(self, owner: Ints, masks: Masks, begun: Ints, rng: Rng) -> pl.Series:
        """When rows come: times of an owner in order, with which their digits are settled."""
        first, name = self.owned + len(self.before), str(self.timed)
        chosen = self.graph.draw(len(owner), rng.child("drawn"), masks)[0][first:]
        cells = self._begun(self._decoded(chosen, rng)[name], masks, begun, rng)
        cells = cells[np.lexsort((in_order(cells.to_frame(), self.schema.table, name), owner))]
        encoder = next(e for e in self.codebook.encoders if name in e.columns)
        codes, places = encoder.encode(cells.to_frame()), self.codebook.places({name})
        for k, place in enumerate(self.leading):
            if place in places:
                size = self.codebook.digits[place].size
                masks[:, first + k] = only(np.minimum(codes[places.index(place)], size - 1))
        return cells

    def _begun(self, cells: pl.Series, masks: Masks, begun: Ints, rng: Rng) -> pl.Series:
        """The times, those anew that are before their owner has begun; at last, when he begins."""
        column = self.schema.table.columns[cells.name]
        if not self.since or not isinstance(column, Datetime):
            return cells
        for again in range(_AGAIN):
            rows, stream = early(cells, column, begun), rng.child(f"again {again}")
            if not len(rows):
                return cells
            chosen = self.graph.draw(len(rows), stream, masks[rows])[0]
            own = chosen[self.owned + len(self.before) :]
            cells = cells.scatter(rows, self._decoded(own, stream)[cells.name])
        rows = early(cells, column, begun)
        return cells.scatter(rows, cells_of(begun[rows], column))

    def _decoded(self, chosen: Codes, rng: Rng, first_row: int = 0) -> pl.DataFrame:
        """Rows of these leading digits, the finer ones drawn."""
        x = np.zeros((chosen.shape[1], len(self.codebook.digits) + 1), dtype=np.uint8)
        x[:, self.leading] = chosen.T
        self.fine.fill(x, rng.child("fine").number())
        codes = np.ascontiguousarray(x[:, :-1].T)
        generator = rng.child("decode").generator()
        return self.codebook.decode(codes, rng=generator, first_row=first_row)

    def state(self) -> State:
        """At rest."""
        parts = {
            "codebook": self.codebook.state(),
            "graph": State({}, self.graph.arrays()),
            "fine": State({}, self.fine.arrays()),
        }
        facts = {"owned": self.owned, "before": list(self.before), "since": list(self.since)}
        return State.nest(facts, parts)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> Self:
        """The inverse of `state`."""
        return cls(
            schema,
            Codebook.restore(state.within("codebook"), schema),
            Graphical.restore(state.within("graph").arrays),
            DensityTrees.restore(state.within("fine").arrays),
            int(state.fact("owned")),
            tuple(state.fact("before")),
            tuple(state.fact("since")),
        )


def fit_events(
    rows: Rows,
    owners: Owners,
    ledger: Ledger,
    target: str | None = None,
    progress: Progress = silent,
) -> EventModel:
    """Learn the rows of entities, each with `ledger.budget.at_most` turns, for all that is left."""
    mechanism, budget = Mechanism(ledger), ledger.budget
    picks = rows.turns(owners, budget.at_most)
    drafted = drafted_within(rows.data.take(picks), mechanism)
    book = drafted.codebook()
    before = _told_before(drafted, book) if budget.at_most > 1 else []
    found = earlier(rows, picks, owners)
    since = never_before(mechanism, found, drafted.rows, SHARE * ledger.left)
    owned, own = len(owners.sizes), [book.digits[place].size for place in book.leading]
    sizes = (*owners.sizes, *(own[k] + 1 for k in before), *own)
    clear = mechanism.sigma(rho=ledger.left / len(sizes))
    known = [Measurement(one.clique, one.counts * drafted.rows, clear) for one in owners.known]
    aim = [] if target is None else book.places({target})
    graph = Marginals(second=SECOND).fit(
        coded(rows, picks, owners, book, before),
        sizes,
        drafted.rows,
        mechanism,
        rho=ledger.left,
        target=owned + len(before) + book.leading.index(aim[0]) if aim else None,
        known=known,
        among=_worthwhile(sizes, owned, before, len(own)),
        progress=progress,
    )
    fine = fine_digits(book, book.encode(Dataset.of(drafted.schema, drafted.frame)))
    return EventModel(drafted.schema, book, graph, fine, owned, tuple(before), since)


def earlier(rows: Rows, picks: Ints, owners: Owners) -> dict[str, NDArray[np.bool_]]:
    """For each date of the owner, whether rows come before it."""
    table, name = rows.data.table, order_of(rows.data.table)
    column = None if name is None else table.columns[name]
    if name is None or not isinstance(column, Datetime):
        return {}
    cells, found = rows.data.frame[name][picks], {}
    for date in dates(owners.table):
        start = begun(owners.frame, owners.table, [date], column.part)[rows.owner[picks]]
        found[date] = np.isin(np.arange(len(picks)), early(cells, column, start))
    return found


def coded(rows: Rows, picks: Ints, owners: Owners, book: Codebook, before: Sequence[int]) -> Codes:
    """The digits of an `EventModel` of these rows: all that is ever counted of events."""
    last = np.array([book.digits[place].size for place in book.leading])[:, None] - 1
    first = rows.place[picks] == 0
    own, told = (
        np.minimum(book.encode(readable(rows.data.take(which)))[book.leading], last)
        for which in (picks, np.where(first, picks, picks - 1))
    )
    told = np.where(first, 0, told[list(before)] + 1)
    stacked = np.concatenate([owners.codes[:, rows.owner[picks]], told, own])
    return np.ascontiguousarray(stacked.astype(np.uint8))


def _told_before(drafted: Draft, book: Codebook) -> list[int]:
    """Which leading digits of the row before are told: none without an order, no time's ever."""
    order = order_of(drafted.schema.table)
    if order is None:
        return []
    own = set(book.places({order}))
    return [
        k
        for k, place in enumerate(book.leading)
        if place not in own and 1 < book.digits[place].size < 64
    ]


def _worthwhile(sizes: Sequence[int], owned: int, before: Sequence[int], own: int) -> list[Clique]:
    """The pairs that help to draw a row: of its digits, with its owner, with itself one before."""
    first = owned + len(before)
    pairs: list[Any] = [(k, first + j) for k in range(owned) for j in range(own)]
    pairs += [(owned + k, first + j) for k, j in enumerate(before)]
    pairs += [(first + i, first + j) for j in range(own) for i in range(j)]
    return [pair for pair in pairs if min(sizes[axis] for axis in pair) > 1]
