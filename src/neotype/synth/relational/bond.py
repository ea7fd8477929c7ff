"""What a row says of the rows below it: how many, from when to when, and how high they run.

These are columns that are learnt and drawn with the owner, so that what differs between owners is
there before the first child row is drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import State
from neotype.schema.schema import (
    Categorical,
    Column,
    Datetime,
    Numeric,
    Relationship,
    Schema,
    Table,
)
from neotype.synth.relational.clock import Clock, Ticks
from neotype.synth.relational.dated import Dated, origin_of, ticks_of, until_of
from neotype.synth.relational.fanout import FanOut
from neotype.synth.relational.mix import Mix
from neotype.synth.relational.shared import groups_of

_DENSE_ROWS = 30.0
"""Children an owner, on average, from which on their level is drawn with the owner."""
_DENSE_SHARE = 0.05
"""Share of the variance between owners from which on."""
_STEADY = 0.999
_FEW_LABELS = 8
_ENOUGH = 20


@dataclass(frozen=True)
class Bond:
    """A foreign key along which rows are made.

    `origin` is a time of the owner from which the first child's time is counted; `dense` are
    columns told as multiples of the owner's mean, with the mean over all owners (but the first: as
    a share of the first, since what sells more has more of all); `counters` are
    columns that number an owner's rows, with what they begin at.
    """

    tie: Relationship
    clock: Clock | None
    origin: str | None = None
    dense: Mapping[str, float] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    fan: FanOut | None = None
    """How many children owners have."""
    began: Datetime | None = None
    """How `origin` is stored."""
    grouped: str | None = None
    """The column by whose dates owners fall into groups."""
    dated: Dated = field(default_factory=lambda: Dated({}))
    """Further times of a child, told from the one that orders it."""
    cut: int | None = None
    """The tick at which all owners are looked at last, where most last rows are near it: then the
    time from last row to cut is drawn, and not that from first to last."""
    until: str | None = None
    """The owner's column that no row is later than: then it is the time from last row to it."""
    mix: Mix | None = None
    """The kinds of rows of which each owner has its own number."""
    usual: tuple[int, int] | None = None
    """The tick at which rows begin, and for how long they go on, where owners are too few to tell
    it of each."""

    @property
    def rows(self) -> str:
        """The owner's column with the number of its rows."""
        return f"#{self.tie.title}"

    @property
    def start(self) -> str:
        """The owner's column with the time of the first."""
        return f"#{self.tie.title} from"

    @property
    def span(self) -> str:
        """The owner's column with the ticks from first to last."""
        return f"#{self.tie.title} for"

    @property
    def group(self) -> str:
        """The owner's column with its group."""
        return f"#{self.tie.title} group"

    def level(self, name: str) -> str:
        """The owner's column with the mean of a column."""
        return f"#{self.tie.title} mean of {name}"

    @classmethod
    def learn(
        cls,
        tie: Relationship,
        schema: Schema,
        frames: Mapping[str, pl.DataFrame],
        owner: NDArray[np.int64],
        protect: int,
        apart: Collection[str] = (),
    ) -> Self:
        """Learn from the children, whose owners are the rows at positions `owner`.

        Columns that stand `apart` are left as they are.
        """
        table, child = schema.tables[tie.child], frames[tie.child]
        clock = clock_of(table, child) if child.height >= protect else None
        if clock is not None and isinstance(clock.column, Numeric) and _counts(clock, owner, child):
            clock = None
        keys = {name for own in schema.above(tie.child) for name in own.child_key}
        held = {name for rule in table.constraints for name in rule.about} | keys | set(apart)
        still = {*held, None if clock is None else clock.name}
        told = table.columns.items()
        numbers = [n for n, c in told if isinstance(c, Numeric) and n not in still]
        order = order_of(owner, child, clock)
        place = _place(owner[order])
        few = len(np.unique(owner)) < protect
        counters: dict[str, int] = {}
        dense: dict[str, float] = {}
        for name in numbers:
            cells = child[name]
            if cells.null_count() or (cells.dtype.is_float() and not cells.is_finite().all()):
                continue
            values = cells.cast(pl.Float64).to_numpy()
            begin = float(np.median(values[order] - place)) if len(values) else 0.0
            steady = (values[order] - place == begin).mean() if len(values) else 0.0
            if place.max(initial=0) > 0 and begin == round(begin) and steady >= _STEADY:
                counters[name] = int(begin)
                continue
            mean = None if few else _level(values, owner)
            if mean is not None:
                dense[name] = mean / next(iter(dense.values()), 1.0)
        parent = frames[tie.parent]
        origin, grouped, cut, until, usual = None, None, None, None, None
        ticks = None if clock is None else clock.ticks(child[clock.name])
        if ticks is not None and few:
            usual = _usual(ticks, protect)
        elif clock is not None and ticks is not None:
            origin = origin_of(clock, schema.tables[tie.parent], parent, owner, ticks)
            others = child.drop(clock.name, *keys)
            grouped = _grouped(ticks, owner, others, parent.height, protect)
            until = until_of(clock, schema.tables[tie.parent], parent, owner, ticks)
            cut = _cut(ticks, owner) if until is None else None
        fan = FanOut.learn(np.bincount(owner, minlength=parent.height), protect=protect)
        plain = {n: c for n, c in table.columns.items() if n not in keys}
        mix = None if few else Mix.learn(child, plain, owner)
        dated = Dated.learn(clock, child, {n: c for n, c in plain.items() if n not in held})
        found = schema.tables[tie.parent].columns.get(origin or "")
        began = found if isinstance(found, Datetime) else None
        times = (began, grouped, dated, cut, until)
        return cls(tie, clock, origin, dense, counters, fan, *times, mix, usual)

    def sketches(
        self, owner: NDArray[np.int64], child: pl.DataFrame, parent: pl.DataFrame, protect: int
    ) -> dict[str, pl.Series]:
        """The columns of the owners, from their children."""
        counts = np.bincount(owner, minlength=parent.height).astype(np.int64)
        found = {self.rows: pl.Series(self.rows, counts)}
        none = pl.Series(counts == 0)
        if self.clock is not None:
            ticks = self.clock.ticks(child[self.clock.name])
            first = np.full(parent.height, np.iinfo(np.int64).max)
            last = np.full(parent.height, np.iinfo(np.int64).min)
            np.minimum.at(first, owner, ticks)
            np.maximum.at(last, owner, ticks)
            lasting = last - first
            if self.ends(parent) is not None:
                lasting = np.maximum(self.ends(parent) - last, 0)
            span = np.where(counts > 0, lasting, 0)
            if self.origin is None:
                begun = self.clock.cells(np.where(counts > 0, first, ticks[:1].sum()))
            else:
                begun = pl.Series(np.where(counts > 0, first - self._zero(parent), 0))
            found[self.start] = begun.set(none, None).alias(self.start)
            found[self.span] = pl.Series(self.span, span).set(none, None)
        leading = None
        for name in self.dense:
            values = child[name].cast(pl.Float64).to_numpy()
            mean = _means(values, owner, parent.height)
            level = mean if leading is None else mean / leading
            leading = mean if leading is None else leading
            found[self.level(name)] = pl.Series(self.level(name), level).fill_nan(None)
        if self.clock is not None and self.grouped is not None:
            labels = _labels(child[self.grouped])
            groups = groups_of(ticks, owner, labels, parent.height, protect)
            assert groups is not None
            found[self.group] = pl.Series(self.group, groups[0])
        if self.mix is not None:
            for k, kind in enumerate(self.mix.counts(child, owner, parent.height)):
                name = self.mix.column(self.tie.title, k)
                found[name] = pl.Series(name, kind)
        return found

    def columns(self, parent: pl.DataFrame) -> dict[str, Column]:
        """How the columns of the owners are to be learnt."""
        missing = self.usual is not None or bool((parent[self.rows] == 0).any())
        whole: Any = {"subtype": "integer", "decimals": 0, "storage": "Int64"}
        found: dict[str, Column] = {self.rows: Numeric(**whole)}
        if self.clock is not None:
            found[self.start] = (
                Numeric(**whole, nullable=missing)
                if self.origin is not None
                else self.clock.column.model_copy(
                    update={"nullable": missing, "public": False, "reason": ""}
                )
            )
            found[self.span] = Numeric(**whole, nullable=missing)
        if self.grouped is not None:
            found[self.group] = Categorical(storage="Int64", public=True)
        if self.mix is not None:
            found |= self.mix.learnt_as(self.tie.title)
        for name in self.dense:
            level = self.level(name)
            found[level] = Numeric(storage="Float64", nullable=parent[level].null_count() > 0)
        return found

    def told(
        self, parent: pl.DataFrame, rng: Generator | None = None
    ) -> tuple[NDArray[np.int64], Ticks, Ticks, NDArray[np.int64]]:
        """Of owners: how many rows, from which tick to which, and of which group.

        With `rng`, owners were drawn: what remains of their counts is which has more than which.
        """
        cells = parent[self.rows].fill_null(0)
        rows = np.maximum(cells.to_numpy().astype(np.int64), 0)
        if rng is not None and self.fan is not None:
            rows = self.fan.counts(rows, rng)
        zero = np.zeros(parent.height, dtype=np.int64)
        if self.clock is None:
            return rows, zero, zero, zero
        begun, span = parent[self.start], parent[self.span]
        if self.usual is not None:
            known = begun.is_not_null().to_numpy()
            start = np.where(known, self.clock.ticks(_filled(begun, self.clock)), self.usual[0])
            span = span.fill_null(self.usual[1])
        elif self.origin is None:
            start = self.clock.ticks(_filled(begun, self.clock))
        else:
            start = begun.fill_null(0).to_numpy().astype(np.int64) + self._zero(parent)
        lasting = np.maximum(span.fill_null(0).to_numpy().astype(np.int64), 0)
        group = zero if self.grouped is None else parent[self.group].fill_null(0).to_numpy()
        end = start + lasting
        if self.ends(parent) is not None:
            end = np.maximum(self.ends(parent) - lasting, start)
        return rows, start, np.where(rows > 1, end, start), group

    def quota(self, parent: pl.DataFrame, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Kinds × owners: how many rows of each kind owners of so many rows have."""
        if self.mix is None:
            return np.zeros((0, len(rows)), dtype=np.int64)
        names = [self.mix.column(self.tie.title, k) for k in range(len(self.mix.kinds))]
        counts = np.stack([parent[name].fill_null(0).to_numpy() for name in names])
        counts = np.maximum(counts.astype(np.float64), 0)
        much = np.minimum(1.0, rows / np.maximum(counts.sum(axis=0), 1))
        return np.asarray(np.rint(counts * much).astype(np.int64))

    def encode(
        self, owner: NDArray[np.int64], child: pl.DataFrame, parent: pl.DataFrame, table: Table
    ) -> pl.DataFrame:
        """Children whose dense columns are multiples of their owner's mean."""
        lines = [
            pl.Series(name, child[name].cast(pl.Float64).to_numpy() / levels[owner])
            for name in self.dense
            for levels in (self._levels(name, parent),)
        ]
        child = self.dated.encode(self.clock, child.with_columns(lines), table.columns)
        return child.drop(list(self.counters))

    def decode(
        self, owner: NDArray[np.int64], child: pl.DataFrame, parent: pl.DataFrame, table: Table
    ) -> pl.DataFrame:
        """The inverse: values again, and rows numbered."""
        lines = []
        for name in self.dense:
            column = table.columns[name]
            levels = self._levels(name, parent)
            values = child[name].to_numpy() * levels[owner]
            decimals = getattr(column, "decimals", None)
            if getattr(column, "subtype", "") == "integer":
                decimals = 0
            if decimals is not None:
                values = np.round(values, decimals)
            lines.append(pl.Series(name, values))
        place = _place(owner)
        lines += [pl.Series(name, place + begin) for name, begin in self.counters.items()]
        return self.dated.decode(self.clock, child.with_columns(lines), table.columns)

    def ratios(self, columns: Mapping[str, Column]) -> dict[str, Column]:
        """How the children's columns are learnt: dense ones as floats, counters not at all."""
        kept = {name: one for name, one in columns.items() if name not in self.counters}
        return (
            kept
            | {name: Numeric(storage="Float64") for name in self.dense}
            | self.dated.columns(columns)
        )

    def _levels(self, name: str, parent: pl.DataFrame) -> NDArray[np.float64]:
        leading = next(iter(self.dense))
        filled = parent[self.level(name)].fill_null(self.dense[name]).to_numpy()
        levels = np.asarray(np.maximum(filled.astype(np.float64), 1e-9))
        return levels if name == leading else levels * self._levels(leading, parent)

    def in_time(self, ticks: Ticks, owner: NDArray[np.int64], parent: pl.DataFrame) -> Ticks:
        """Times of rows by owner and time, all nearer to the first where the last is too late."""
        if self.until is None or self.clock is None or not len(ticks):
            return ticks
        begin = np.searchsorted(owner, np.arange(parent.height))
        first = ticks[np.minimum(begin, len(ticks) - 1)][owner]
        last = ticks[np.searchsorted(owner, owner, side="right") - 1]
        room = np.maximum(self.clock.ticks(parent[self.until])[owner] - first, 0)
        nearer = np.minimum(room / np.maximum(last - first, 1), 1.0)
        return np.asarray(first + np.floor((ticks - first) * nearer), dtype=np.int64)

    def ends(self, parent: pl.DataFrame) -> Ticks | int | None:
        """From when back the last row is counted, if it is."""
        if self.until is None or self.clock is None:
            return self.cut
        return self.clock.ticks(parent[self.until])

    def _zero(self, parent: pl.DataFrame) -> Ticks:
        """The tick from which an owner's first child is counted."""
        assert self.clock is not None
        assert self.origin is not None
        assert self.began is not None
        ticks, known = ticks_of(self.clock, self.origin, self.began, parent[self.origin])
        return np.where(known, ticks, np.median(ticks[known]) if known.any() else 0).astype(
            np.int64
        )

    def state(self) -> State:
        """At rest."""
        facts = {
            "title": self.tie.title,
            "origin": self.origin,
            "dense": dict(self.dense),
            "counters": dict(self.counters),
            "timed": self.clock is not None,
            "grouped": self.grouped,
            "dated": dict(self.dated.steps),
            "cut": self.cut,
            "until": self.until,
            "usual": self.usual,
            "mix": None if self.mix is None else [self.mix.columns, self.mix.kinds],
        }
        parts = {"fan": self.fan.state()} if self.fan else {}
        if self.clock is not None:
            parts["clock"] = self.clock.state()
        return State.nest(facts, parts)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> Self:
        """The inverse of `state`."""
        title = state.fact("title")
        tie = next(tie for tie in schema.relationships if tie.title == title)
        clock = None
        if state.fact("timed"):
            part = state.within("clock")
            column = schema.tables[tie.child].columns[part.fact("name")]
            clock = Clock.restore(part, column)
        origin, dense, counters, grouped = (
            state.fact(name) for name in ("origin", "dense", "counters", "grouped")
        )
        fan = FanOut.restore(state.within("fan")) if "fan" in state.facts else None
        mix = None
        if state.fact("mix") is not None:
            columns, kinds = state.fact("mix")
            mix = Mix(tuple(columns), tuple(tuple(kind) for kind in kinds))
        cut, usual = state.fact("cut"), state.fact("usual")
        usual = None if usual is None else (usual[0], usual[1])
        dated = Dated(state.fact("dated"))
        there = schema.tables[tie.parent].columns.get(origin or "")
        began = there if isinstance(there, Datetime) else None
        times = (began, grouped, dated, cut, state.fact("until"))
        return cls(tie, clock, origin, dense, counters, fan, *times, mix, usual)


def clock_of(table: Table, frame: pl.DataFrame) -> Clock | None:
    """The clock of the column that orders a table's rows: the one it names, or its first time."""
    if table.sequence is not None:
        return Clock.learn(table.sequence, table.columns[table.sequence], frame[table.sequence])
    for name, column in table.columns.items():
        if isinstance(column, Datetime) and column.part != "time":
            clock = Clock.learn(name, column, frame[name])
            if clock is not None and frame[name].n_unique() > 1:
                return clock
    return None


def order_of(
    owner: NDArray[np.int64], child: pl.DataFrame, clock: Clock | None
) -> NDArray[np.int64]:
    """Rows by owner, then by time, then as they stand."""
    if clock is None:
        return np.argsort(owner, kind="stable")
    return np.lexsort((clock.ticks(child[clock.name]), owner))


def _counts(clock: Clock, owner: NDArray[np.int64], child: pl.DataFrame) -> bool:
    """Whether what orders the rows of an owner only numbers them."""
    order = order_of(owner, child, clock)
    apart = clock.ticks(child[clock.name])[order] - _place(owner[order]) * clock.unit
    return len(apart) > 0 and bool((apart == np.median(apart)).mean() >= _STEADY)


def _usual(ticks: Ticks, protect: int) -> tuple[int, int]:
    """The earliest tick that is not before that of `protect` rows, and how long until the last."""
    first, last = np.sort(ticks)[[protect - 1, -protect]].tolist()
    return first, max(last - first, 0)


def _cut(ticks: Ticks, owner: NDArray[np.int64]) -> int | None:
    """When observation ends, where last rows are nearer to it than rows are to each other."""
    order = np.lexsort((ticks, owner))
    is_last = np.append(owner[order][1:] != owner[order][:-1], True)
    first = ticks[order][np.append(True, is_last[:-1])]
    last = ticks[order][is_last]
    if len(last) < _ENOUGH:
        return None
    end = int(np.quantile(last, 0.99, method="nearest"))
    spread = np.subtract(*np.percentile(end - last, [75, 25]))
    return end if spread < 0.5 * np.subtract(*np.percentile(last - first, [75, 25])) else None


def _grouped(
    ticks: Ticks, owner: NDArray[np.int64], child: pl.DataFrame, owners: int, protect: int
) -> str | None:
    """The column of few labels that tells most of groups of owners, if one does."""
    best, most = None, 0.0
    for cells in child.iter_columns():
        few = not cells.dtype.is_float() and not cells.null_count()
        if few and cells.n_unique() <= _FEW_LABELS:
            found = groups_of(ticks, owner, _labels(cells), owners, protect)
            if found is not None and found[1] > most:
                best, most = cells.name, found[1]
    return best


def _labels(cells: pl.Series) -> NDArray[np.int64]:
    return cells.rank("dense").to_numpy().astype(np.int64) - 1


def _filled(cells: pl.Series, clock: Clock) -> pl.Series:
    """Times without a gap: a missing one is the middle of the others."""
    there = cells.drop_nulls().sort()
    middle = there[[len(there) // 2]] if len(there) else clock.cells(np.zeros(1, dtype=np.int64))
    return cells.zip_with(cells.is_not_null(), middle.new_from_index(0, len(cells)))


def _place(owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of rows sorted by owner: which of its owner's rows each is, from 0."""
    rows = np.arange(len(owner))
    begin = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    return rows - np.maximum.accumulate(np.where(begin, rows, 0))


def _means(
    values: NDArray[np.float64], owner: NDArray[np.int64], owners: int
) -> NDArray[np.float64]:
    """Each owner's mean of what is not zero; NaN where there is none."""
    there = values != 0
    total = np.bincount(owner[there], weights=values[there], minlength=owners)
    count = np.bincount(owner[there], minlength=owners)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _level(values: NDArray[np.float64], owner: NDArray[np.int64]) -> float | None:
    """The mean over owners, where owners differ in it and have rows enough to tell."""
    counts = np.bincount(owner)
    owners = int((counts > 0).sum())
    if owners < 2 or len(owner) < _DENSE_ROWS * owners or values.min() < 0:
        return None
    means = _means(values, owner, len(counts))
    there = values != 0
    spread = values[there].var()
    if not spread or np.isnan(means[counts > 0]).mean() > 0.1:
        return None
    within = (values[there] - means[owner[there]]).var()
    if 1 - within / spread < _DENSE_SHARE:
        return None
    return float(np.nanmean(means))
