"""The rows below each row of a table: the k-th of all owners at once, given what came before.

In stages: when (for rows with a time), which combination of the small categoricals, and then all
else; each given the owner, the calendar, running aggregates of the rows before and the last one.
How many rows an owner has, and from when to when, is drawn with the owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import ALL, Digit, Masks, State, only
from neotype.encode.scale import Scale
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.synth.relational.brood import (
    Brood,
    Columns,
    Owners,
    joined,
    last_alike,
    quotas,
    relevant,
)
from neotype.synth.relational.clock import Clock, Ticks
from neotype.synth.relational.given import between, laid, told
from neotype.synth.relational.history import History, Memory
from neotype.synth.relational.shared import Shared
from neotype.synth.relational.sheet import Rows, Sheet
from neotype.synth.relational.tally import Tally
from neotype.synth.relational.tuples import Tuples
from neotype.synth.trees import trees_at_rest
from neotype.trees.density import DensityTrees, Growth

_FEW = 200
"""First rows of fewer owners than this are drawn like all others."""
_AGAIN = 0.05
"""Share of rows from which on it is drawn whether a value comes again."""
_TRIES = 8
"""How often a row is drawn that would take a total below its floor."""
_LONG = 0.995
"""Share of gaps that are no longer than the longest usual one."""
_AT_ONCE = 1 << 14
"""Owners whose rows are drawn side by side."""


@dataclass(frozen=True)
class Stages:
    """What is drawn one after the other: a gap (not of first rows), a combination, all else."""

    gap: DensityTrees | None
    combination: DensityTrees
    rest: DensityTrees


@dataclass(frozen=True)
class Children:
    """A fitted distribution of rows given their owners."""

    sheet: Sheet
    context: tuple[int, ...]
    """Which digits of the owner are looked at."""
    clock: Clock | None
    gaps: Scale | None
    memory: Memory
    tuples: Tuples
    shared: Shared | None
    repeats: tuple[tuple[int, ...], ...]
    """Digits of columns whose value may be the last one of the same combination again."""
    computed: tuple[int, ...]
    """Digits of a total that follows from the rows before."""
    first: Stages
    later: Stages

    @classmethod
    def learn(
        cls,
        brood: Brood,
        owners: Owners,
        columns: Columns,
        context: tuple[Digit, ...],
        clock: Clock | None,
        growth: Growth,
        protect: int,
        kind: NDArray[np.int64] | None = None,
        progress: Progress = silent,
    ) -> Self:
        """Learn from rows in `columns` whose owners have digits `context`.

        `kind` is the kind of each row of which owners know the number.
        """
        digits, together = columns.digits, columns.alone - set(columns.computed)
        tuples = Tuples.learn(brood.codes, digits, set(together), protect)
        combination = tuples.encode(brood.codes)
        again = _again(brood, combination, columns, tuples)
        shared, gaps, beat = None, None, 0.0
        if clock is not None:
            group = owners.group[brood.owner]
            shared = Shared.learn(
                brood.ticks, brood.codes, digits, set(columns.alone), group, protect
            )
            between = np.diff(brood.ticks)[brood.owner[1:] == brood.owner[:-1]]
            gaps = Scale.learn(between, protect=protect) if len(between) else None
            beat = float(np.median(between[between > 0])) if (between > 0).any() else 1.0
        kept = tuple(p for p in range(len(digits)) if p not in tuples.places)
        known = quotas(combination, kind, len(tuples))
        memory = Memory(digits, columns.firsts, kept, len(tuples), beat, known)
        looked = relevant(brood, owners.codes, digits, context)
        seen = tuple(context[p] for p in looked)
        sheet = _sheet(memory, seen, clock, gaps, shared, len(again))
        parts = (sheet, looked, clock, gaps, memory, tuples, shared, tuple(again))
        blank = cls(*parts, columns.computed, _unlearnt(), _unlearnt())
        rows = blank._walked(brood, owners)
        told = np.array(list(again.values()), dtype=np.uint8).T
        rows[:, sheet.at("again")] = told.reshape(len(rows), len(again))
        progress("grow trees", 0, 2)
        is_first = np.append(True, brood.owner[1:] != brood.owner[:-1])
        few = is_first.sum() < _FEW
        first = blank._grown(rows if few else rows[is_first], growth, gap=False)
        progress("grow trees", 1, 2)
        rest = rows if is_first.all() else rows[~is_first]
        later = blank._grown(rest, growth, gap=gaps is not None)
        progress("grow trees", 2, 2)
        return cls(*parts, columns.computed, first, later)

    def _grown(self, rows: Rows, growth: Growth, *, gap: bool) -> Stages:
        """The trees of all stages."""
        sheet = self.sheet
        known = sheet.places("context", "before")
        when = None
        if gap:
            when = sheet.grow(rows, sheet.places("gap"), known + sheet.places("last"), growth)
        known += sheet.places("gap", "calendar", "shared", "after")
        which = sheet.grow(rows, sheet.places("combination"), known, growth)
        told = {*self.tuples.places, *(self.shared.certain if self.shared is not None else ())}
        content = sheet.places("content")
        given = known + sheet.places("combination", "under") + [content[p] for p in sorted(told)]
        order = sheet.places("again")
        order += [content[p] for p in range(len(content)) if p not in {*told, *self.computed}]
        return Stages(when, which, sheet.grow(rows, order, given, growth))

    def _walked(self, brood: Brood, owners: Owners) -> Rows:
        """Real rows with all that was known before each, as sheets."""
        sheet = self.sheet
        rows = sheet.blank(len(brood.owner))
        rows[:, sheet.at("content")] = brood.codes.T
        rows[:, sheet.at("context")] = owners.codes[list(self.context)][:, brood.owner].T
        combination = self.tuples.encode(brood.codes)
        rows[:, sheet.places("combination")[0]] = combination
        ticks = brood.ticks
        if self.clock is not None:
            rows[:, sheet.at("calendar")] = self.clock.calendar(ticks).T
            if self.shared is not None:
                rows[:, sheet.at("shared")] = self.shared.look(ticks, owners.group[brood.owner]).T
            if self.gaps is not None:
                gap = self.gaps.encode(np.diff(ticks, prepend=ticks[:1]))
                gap[:, np.append(True, brood.owner[1:] != brood.owner[:-1])[: len(ticks)]] = 0
                rows[:, sheet.at("gap")] = gap[: len(sheet.places("gap"))].T
        begin = np.searchsorted(brood.owner, np.arange(len(owners.rows) + 1))
        for block in range(0, len(owners.rows), _AT_ONCE):
            part = slice(block, min(block + _AT_ONCE, len(owners.rows)))
            some = owners.take(part)
            history = History(self.memory, some.rows, some.start, some.end, some.quota)
            for step in range(int(some.rows.max(initial=0))):
                a = np.flatnonzero(some.rows > step)
                at = begin[:-1][part][a] + step
                now = ticks[at] if self.clock is not None else None
                rows[at, sheet.at("before")] = history.before(a).T
                if self.clock is not None and now is not None:
                    rows[at, sheet.at("last")] = self.clock.calendar(history.now[a]).T
                    rows[at, sheet.at("after")] = history.after(a, now).T
                rows[at, sheet.at("under")] = history.under(a, combination[at]).T
                history.add(a, brood.codes[:, at], combination[at], now)
        return rows

    def draw(
        self, owners: Owners, rng: Rng, tally: Tally | None = None, given: Brood | None = None
    ) -> Brood:
        """The rows of these owners; `tally` keeps the total where one runs.

        Of an owner with `given` rows those come first, and the others follow them.
        """
        parts: list[Brood] = []
        done = 0
        for number, block in enumerate(range(0, len(owners.rows), _AT_ONCE)):
            part = slice(block, min(block + _AT_ONCE, len(owners.rows)))
            mine = between(given, part.start, part.stop)
            drawn = self._block(owners.take(part), rng.block(number).generator(), tally, mine)
            origin = None if drawn.origin is None else drawn.origin + done
            owner = drawn.owner + block
            parts.append(Brood(owner, drawn.codes, drawn.ticks, origin, drawn.values))
            done += len(owner)
        return joined(parts, len(self.memory.digits))

    def _block(
        self, owners: Owners, rng: Generator, tally: Tally | None, given: Brood | None
    ) -> Brood:
        total = int(owners.rows.sum())
        codes = np.zeros((len(self.memory.digits), total), dtype=np.uint8)
        when = np.zeros(total, dtype=np.int64)
        origin = np.tile(np.arange(total), (len(self.repeats), 1))
        latest = np.zeros((len(self.tuples), len(self.repeats), len(owners.rows)), dtype=np.int64)
        values = np.zeros((2, total))
        drawn = np.zeros(len(owners.rows), dtype=np.uint8)
        begin = np.cumsum(owners.rows) - owners.rows
        history = History(self.memory, owners.rows, owners.start, owners.end, owners.quota)
        context = np.ascontiguousarray(owners.codes[list(self.context)].T)
        begun = laid(given, begin, codes, when, values)
        for step in range(int(owners.rows.max(initial=0))):
            a = np.flatnonzero(owners.rows > step)
            old, a = a[begun[a] > step], a[begun[a] <= step]
            told(history, latest, self.tuples, old, begin[old] + step, codes, when)
            if not len(a):
                continue
            at = begin[a] + step
            left = np.arange(len(a))
            for turn in range(_TRIES if tally is not None else 1):
                who, there = a[left], at[left]
                rows, ticks = self._stepped(
                    history, context[who], owners.group[who], who, step, rng
                )
                mine = rows[:, self.sheet.at("content")].T
                combination = rows[:, self.sheet.places("combination")[0]]
                for line, again in enumerate(rows[:, self.sheet.at("again")].T > 0):
                    before = latest[combination, line, who]
                    origin[line, there] = np.where(again, before, there)
                low = np.zeros(len(left), dtype=np.bool_)
                if tally is not None:
                    first, had = tally.source(self.repeats, origin, there), values[1, there - 1]
                    had = had * (step > 0)
                    values[0, there] = tally.amounts(mine, values[0, first], first < there, rng)
                    values[1, there] = tally.totals(mine, values[0, there], had)
                    low = values[1, there] < np.minimum(tally.running.floor, had)
                    if turn == _TRIES - 1:
                        values[:, there[low]] = tally.capped(mine, low, had)
                codes[:, there], when[there] = mine, ticks
                drawn[left] = combination
                left = left[low]
                if not len(left):
                    break
            for line in range(len(self.repeats)):
                latest[drawn[: len(a)], line, a] = origin[line, at]
            timed = self.clock is not None
            history.add(a, codes[:, at], drawn[: len(a)], when[at] if timed else None)
        owner = np.repeat(np.arange(len(owners.rows)), owners.rows)
        return Brood(owner, codes, when, origin, None if tally is None else values)

    def _stepped(
        self,
        history: History,
        context: Rows,
        group: NDArray[np.int64],
        a: NDArray[np.int64],
        step: int,
        rng: Generator,
    ) -> tuple[Rows, Ticks]:
        """The next row of each of the owners `a`."""
        sheet, stages = self.sheet, self.later if step else self.first
        rows = sheet.blank(len(a))
        rows[:, sheet.at("context")] = context
        rows[:, sheet.at("before")] = history.before(a).T
        ticks = history.now[a]
        if self.clock is not None:
            if step:
                ticks = self._next(history, rows, a, rng)
            rows[:, sheet.at("calendar")] = self.clock.calendar(ticks).T
            if self.shared is not None:
                rows[:, sheet.at("shared")] = self.shared.look(ticks, group).T
            rows[:, sheet.at("after")] = history.after(a, ticks).T
        place = sheet.places("combination")[0]
        stages.combination.fill(rows, _key(rng), self._only(place, history.possible(a)))
        combination = rows[:, place]
        rows[:, sheet.at("under")] = history.under(a, combination).T
        content = rows[:, sheet.at("content")]
        content[:, list(self.tuples.places)] = self.tuples.table[combination]
        if self.shared is not None:
            self.shared.force(content.T, ticks, group)
        stages.rest.fill(rows, _key(rng), self._fixed(combination))
        self._repeat(rows)
        return rows, ticks

    def _only(self, place: int, sets: Masks | None) -> Masks | None:
        """The sets of one digit as those of all."""
        if sets is None:
            return None
        masks = np.full((len(sets), len(self.sheet.digits)), ALL)
        masks[:, place] = sets
        return masks

    def _repeat(self, rows: Rows) -> None:
        """Where a value comes again, its digits are those of the last row of the combination."""
        under, again = self.sheet.at("under"), self.sheet.places("again")
        content = self.sheet.places("content")
        seen = rows[:, under.start] > 0
        for line, places in enumerate(self.repeats):
            rows[~seen, again[line]] = 0
            here = rows[:, again[line]] > 0
            for place in places:
                old = under.start + 1 + self.memory.kept.index(place)
                rows[here, content[place]] = rows[here, old]

    def _fixed(self, combination: NDArray[np.uint8]) -> Masks | None:
        """The only symbols of digits that follow from the combination."""
        fixed = self.tuples.fixed[combination]
        held = fixed >= 0
        if not held.any():
            return None
        masks = np.full((len(combination), len(self.sheet.digits)), ALL)
        masks[:, self.sheet.at("content")] = np.where(held, only(np.maximum(fixed, 0)), ALL)
        return masks

    def _next(self, history: History, rows: Rows, a: NDArray[np.int64], rng: Generator) -> Ticks:
        """When the next row of each owner comes: the last one when its time ends."""
        sheet = self.sheet
        now, end = history.now[a], history.end[a]
        gap = np.zeros(len(a), dtype=np.int64)
        if self.clock is not None and self.gaps is not None and self.later.gap is not None:
            rows[:, sheet.at("last")] = self.clock.calendar(now).T
            self.later.gap.fill(rows, _key(rng))
            own = rows[:, sheet.at("gap")].T
            full = own if len(own) else np.zeros((1, len(a)), dtype=np.uint8)
            gap = np.asarray(self.gaps.decode(full, rng), dtype=np.int64)
        left = np.maximum(end - now, 0)
        is_last = history.rows[a] - history.done[a] == 1
        # What is left to the end is a gap, unless no real gap is like that.
        whole = np.where(self._usual(left), left, gap)
        ticks = now + np.where(is_last | (gap > left), whole, gap)
        if self.gaps is not None:
            again = self.gaps.encode(ticks - now)
            rows[:, sheet.at("gap")] = again[: len(sheet.places("gap"))].T
        return ticks

    def _usual(self, gap: Ticks) -> NDArray[np.bool_]:
        """Which gaps are as long as gaps are, and on the grid of those that are all of a kind."""
        if self.gaps is None:
            return np.ones(len(gap), dtype=np.bool_)
        scale = self.gaps
        often = np.cumsum(scale.mass) <= _LONG * scale.mass.sum()
        longest = scale.high[min(int(often.sum()), len(scale.high) - 1)]
        grid = int(np.gcd.reduce(scale.low)) if (scale.low == scale.high).all() else 1
        fits = (gap >= scale.low.min()) & (gap <= longest)
        return np.asarray(fits & (gap % max(grid, 1) == 0))

    def state(self) -> State:
        """At rest."""
        memory = self.memory
        facts = {
            "sections": [
                [name, [[d.name, d.size, d.ordered] for d in digits]]
                for name, digits in self.sheet.sections
            ],
            "looked": list(self.context),
            "firsts": list(memory.firsts),
            "kept": list(memory.kept),
            "beat": memory.beat,
            "repeats": [list(places) for places in self.repeats],
            "computed": list(self.computed),
            "quotas": list(memory.quotas),
        }
        parts = {
            "tuples": self.tuples.state(),
            "first": _stages_state(self.first),
            "later": _stages_state(self.later),
        }
        if self.gaps is not None:
            parts["gaps"] = self.gaps.state()
        if self.shared is not None:
            parts["shared"] = self.shared.state()
        return State.nest(facts, parts)

    @classmethod
    def restore(cls, state: State, clock: Clock | None) -> Self:
        """The inverse of `state`."""
        sheet = Sheet(
            tuple(
                (name, tuple(Digit(*digit) for digit in digits))
                for name, digits in state.fact("sections")
            )
        )
        tuples = Tuples.restore(state.within("tuples"))
        content = dict(sheet.sections)["content"]
        firsts, kept = tuple(state.fact("firsts")), tuple(state.fact("kept"))
        memory = Memory(
            content, firsts, kept, len(tuples), state.fact("beat"), tuple(state.fact("quotas"))
        )
        gaps = Scale.restore(state.within("gaps")) if "gaps" in state.facts else None
        shared = Shared.restore(state.within("shared")) if "shared" in state.facts else None
        first, later = (_stages_at_rest(state.within(name)) for name in ("first", "later"))
        looked = tuple(state.fact("looked"))
        repeats = tuple(tuple(places) for places in state.fact("repeats"))
        computed = tuple(state.fact("computed"))
        parts = (sheet, looked, clock, gaps, memory, tuples, shared, repeats, computed)
        return cls(*parts, first, later)


def _key(rng: Generator) -> int:
    return int(rng.integers(2**63))


def _unlearnt() -> Stages:
    none = DensityTrees.grow(np.zeros((0, 1), np.uint8), [], [], [], Growth())
    return Stages(None, none, none)


def _stages_state(stages: Stages) -> State:
    parts = {"combination": stages.combination, "rest": stages.rest}
    if stages.gap is not None:
        parts["gap"] = stages.gap
    return State.nest({}, {name: State({}, trees.arrays()) for name, trees in parts.items()})


def _stages_at_rest(state: State) -> Stages:
    gap = trees_at_rest(state.within("gap")) if "gap" in state.facts else None
    rest = (trees_at_rest(state.within(name)) for name in ("combination", "rest"))
    return Stages(gap, *rest)


def _again(
    brood: Brood, combination: NDArray[np.uint8], columns: Columns, tuples: Tuples
) -> dict[tuple[int, ...], NDArray[np.bool_]]:
    """Which rows have the very value of the last one of their combination, by the digits."""
    last = last_alike(brood.owner, combination)
    taken = {*tuples.places, *columns.computed}
    same = {
        places: (last >= 0) & (ids == ids[np.maximum(last, 0)])
        for places, ids in columns.exact.items()
        if not set(places) & taken
    }
    return {places: rows for places, rows in same.items() if rows.mean() >= _AGAIN}


def _sheet(
    memory: Memory,
    context: tuple[Digit, ...],
    clock: Clock | None,
    gaps: Scale | None,
    shared: Shared | None,
    repeats: int,
) -> Sheet:
    """The sections of a row while it is drawn, in the order in which they come to be known."""
    calendar = clock.digits if clock is not None else ()
    combination = Digit("combination", max(memory.combinations, 1), ordered=False)
    return Sheet(
        (
            ("context", context),
            ("before", memory.before),
            ("last", calendar),
            ("gap", gaps.digits("gap") if gaps is not None else ()),
            ("calendar", calendar),
            ("shared", shared.digits if shared is not None else ()),
            ("after", memory.after),
            ("combination", (combination,)),
            ("under", memory.under),
            ("again", tuple(Digit("again", 2, ordered=True) for _ in range(repeats))),
            ("content", memory.digits),
        )
    )
