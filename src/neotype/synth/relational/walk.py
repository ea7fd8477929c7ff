"""Rows below their owners while they are drawn: the next one of all owners at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import ALL, Masks, only
from neotype.synth.relational.brood import Brood, Owners
from neotype.synth.relational.clock import Ticks
from neotype.synth.relational.expected import Going
from neotype.synth.relational.given import laid, told
from neotype.synth.relational.history import History
from neotype.synth.relational.sheet import Rows
from neotype.synth.relational.tally import Tally
from neotype.synth.weighing import one_of_each

if TYPE_CHECKING:
    from neotype.synth.relational.children import Children

Positions = NDArray[np.int64]
Values = NDArray[np.float64]
_MORE = 7
"""Rows among which another is looked for, where one would take a total below its floor."""
_TRIES = 8
"""How often a time is drawn that lies between spells."""
_LONG = 0.995
"""Share of gaps that are no longer than the longest usual one."""


@dataclass(frozen=True)
class Step:
    """A possible next row of each of some owners; an owner may have several."""

    rows: Rows
    """As sheets."""
    ticks: Ticks
    source: Positions
    """repeats × rows: the row whose very value each has."""
    values: NDArray[np.float64]
    """2 × rows: amounts and totals, where a total runs."""
    low: NDArray[np.bool_]
    """Which take a total below its floor."""
    scores: NDArray[np.float64]
    numbers: NDArray[np.float64]
    """columns × rows: numbers that go on, as scores and as values."""

    def take(self, picks: Positions) -> Step:
        """Some of the rows."""
        return Step(
            self.rows[picks],
            self.ticks[picks],
            self.source[:, picks],
            self.values[:, picks],
            self.low[picks],
            self.scores[:, picks],
            self.numbers[:, picks],
        )

    def put(self, places: Positions, other: Step, picks: Positions) -> None:
        """Some of the rows are those of `other` instead."""
        self.rows[places], self.ticks[places] = other.rows[picks], other.ticks[picks]
        self.source[:, places] = other.source[:, picks]
        self.values[:, places] = other.values[:, picks]
        self.scores[:, places] = other.scores[:, picks]
        self.numbers[:, places] = other.numbers[:, picks]


class Walk:
    """The rows of a block of owners, so far."""

    def __init__(
        self,
        children: Children,
        owners: Owners,
        rng: Generator,
        tally: Tally | None,
        given: Brood | None,
        encoders: Mapping[str, Any],
        *,
        keep: bool = False,
    ) -> None:
        self.children, self.owners, self.rng, self.tally = children, owners, rng, tally
        self.content = children.sheet.at("content")
        memory, total = children.memory, int(owners.rows.sum())
        repeats = len(children.repeats)
        self.codes = np.zeros((len(memory.digits), total), dtype=np.uint8)
        self.when = np.zeros(total, dtype=np.int64)
        self.origin = np.tile(np.arange(total), (repeats, 1))
        self.values = np.zeros((2, total))
        shape = (len(children.tuples), repeats, len(owners.rows))
        self.latest = np.zeros(shape, dtype=np.int64)
        self.begin = np.cumsum(owners.rows) - owners.rows
        self.context = np.ascontiguousarray(owners.codes[list(children.context)].T)
        self.until = int(owners.end.max(initial=0))
        start = owners.start if children.spells is None else children.spells.nearest(owners.start)
        self.history = History(memory, owners.rows, start, owners.end, owners.quota)
        self.encoders, codes = encoders, owners.codes[list(children.context)]
        self.going = None if children.expected is None else Going(children.expected, codes)
        many = 0 if children.expected is None else len(children.expected.columns)
        self.numbers = np.full((many, total), np.nan)
        self.begun = laid(given, self.begin, self.codes, self.when, self.values, self.numbers)
        self.step = 0
        self.sheets = children.sheet.blank(total if keep else 0)

    def to_the_end(self) -> Brood:
        """All rows of all owners."""
        for step in range(int(self.owners.rows.max(initial=0))):
            self.step = step
            a = np.flatnonzero(self.owners.rows > self.step)
            old, new = a[self.begun[a] > self.step], a[self.begun[a] <= self.step]
            at = self.begin[old] + self.step
            told(self.history, self.latest, self.children.tuples, old, at, self.codes, self.when)
            if self.going is not None and len(old):
                self.going.add(old, self.going.scores(self.numbers[:, at]))
            if len(new):
                self._add(new, self._next(new))
        owner = np.repeat(np.arange(len(self.owners.rows)), self.owners.rows)
        values = None if self.tally is None else self.values
        numbers = None if self.going is None else self.numbers
        return Brood(owner, self.codes, self.when, self.origin, values, numbers)

    def _next(self, a: Positions) -> Step:
        """The next row of each owner: another one, where a total would fall below its floor."""
        step = self._likely(a)
        low = np.flatnonzero(step.low)
        if not len(low):
            return step
        others = self._possible(a[low], _MORE)
        fine = ~others.low.reshape(-1, _MORE)
        found = fine.any(axis=1)
        picks = np.arange(len(low)) * _MORE + fine.argmax(axis=1)
        step.put(low[found], others, picks[found])
        rest = low[~found]
        if self.tally is not None and len(rest):
            codes, had = step.rows[rest, self.content].T, self._total(a[rest])
            step.values[:, rest] = self.tally.capped(codes, had)
            step.rows[rest, self.content] = codes.T
        return step

    def _likely(self, a: Positions) -> Step:
        """The next row of each owner, of several in proportion to their weight."""
        likely = self.children.likely
        if likely is None:
            return self._possible(a)
        many = self._possible(a, likely.each)
        weight = np.where(many.low, -np.inf, likely.log_weight(many.rows))
        best = one_of_each(weight.reshape(-1, likely.each), self.rng)
        return many.take(np.arange(len(a)) * likely.each + best)

    def _add(self, a: Positions, step: Step) -> None:
        """The next row of each owner has come."""
        at = self.begin[a] + self.step
        codes, combination = step.rows[:, self.content].T, self._combination(step.rows)
        self.codes[:, at], self.when[at] = codes, step.ticks
        if len(self.sheets):
            self.sheets[at] = step.rows
        self.origin[:, at], self.values[:, at] = step.source, step.values
        self.numbers[:, at] = step.numbers
        if self.going is not None:
            self.going.add(a, step.scores)
        for line, source in enumerate(step.source):
            self.latest[combination, line, a] = source
        ticks = step.ticks if self.children.clock is not None else None
        self.history.add(a, codes, combination, ticks)

    def _total(self, a: Positions) -> NDArray[np.float64]:
        """The running total of each owner so far."""
        before = self.values[1, self.begin[a] + self.step - 1]
        return np.asarray(before * (self.step > 0))

    def _combination(self, rows: Rows) -> NDArray[np.uint8]:
        return rows[:, self.children.sheet.places("combination")[0]]

    def _possible(self, a: Positions, each: int = 1) -> Step:
        """`each` next rows of each of the owners `a`, side by side."""
        rows, a = np.repeat(self._known(a), each, axis=0), np.repeat(a, each)
        ticks = self._draw(rows, a)
        scores, numbers = self._numbers(a, rows, ticks)
        at = self.begin[a] + self.step
        combination, again = self._combination(rows), rows[:, self.children.sheet.at("again")]
        source = np.tile(at, (len(self.latest[0]), 1))
        for line, same in enumerate(again.T > 0):
            source[line, same] = self.latest[combination[same], line, a[same]]
        values, low = np.zeros((2, len(a))), np.zeros(len(a), dtype=np.bool_)
        if self.tally is not None:
            codes, had = rows[:, self.content].T, self._total(a)
            first = self.tally.source(self.children.repeats, source, at)
            values[0] = self.tally.amounts(codes, self.values[0, first], first < at, self.rng)
            values[1] = self.tally.totals(codes, values[0], had)
            low = values[1] < np.minimum(self.tally.running.floor, had)
        return Step(rows, ticks, source, values, low, scores, numbers)

    def _numbers(self, a: Positions, rows: Rows, ticks: Ticks) -> tuple[Values, Values]:
        """Numbers that go on, whose digits are set in `rows`."""
        expected = self.children.expected
        if self.going is None or expected is None:
            return np.zeros((0, len(a))), np.zeros((0, len(a)))
        off = rows[:, self.children.sheet.at("off")].T
        phase = expected.phase(self.children.clock, ticks)
        scores, numbers = self.going.next(a, off, phase, self.rng)
        content = self.children.sheet.places("content")
        for column, line in zip(expected.columns, numbers, strict=True):
            codes = self.encoders[column.name].digits_of(line)
            for place, code in zip(column.places, codes, strict=True):
                rows[:, content[place]] = code
        return scores, numbers

    def _known(self, a: Positions) -> Rows:
        """Sheets with what is known before the next row of each is drawn."""
        sheet, clock = self.children.sheet, self.children.clock
        rows = sheet.blank(len(a))
        rows[:, sheet.at("context")] = self.context[a]
        rows[:, sheet.at("before")] = self.history.before(a).T
        if clock is not None:
            rows[:, sheet.at("last")] = clock.calendar(self.history.now[a]).T
        return rows

    def _draw(self, rows: Rows, a: Positions) -> Ticks:
        """Draw the rest of sheets of next rows of the owners `a`; when they come."""
        learnt, history = self.children, self.history
        sheet, stages = learnt.sheet, learnt.later if self.step else learnt.first
        ticks, group = history.now[a], self.owners.group[a]
        if learnt.clock is not None:
            if self.step:
                ticks = self._later(rows, a)
            rows[:, sheet.at("calendar")] = learnt.clock.calendar(ticks).T
            if learnt.shared is not None:
                rows[:, sheet.at("shared")] = learnt.shared.look(ticks, group).T
            rows[:, sheet.at("after")] = history.after(a, ticks).T
        place = sheet.places("combination")[0]
        stages.combination.fill(rows, self._key(), self._only(place, history.possible(a)))
        combination = rows[:, place]
        rows[:, sheet.at("under")] = history.under(a, combination).T
        content = rows[:, self.content]
        content[:, list(learnt.tuples.places)] = learnt.tuples.table[combination]
        if learnt.shared is not None:
            learnt.shared.force(content.T, ticks, group)
        stages.rest.fill(rows, self._key(), self._fixed(combination))
        self._repeat(rows)
        return ticks

    def _key(self) -> int:
        return int(self.rng.integers(2**63))

    def _only(self, place: int, sets: Masks | None) -> Masks | None:
        """The sets of one digit as those of all."""
        if sets is None:
            return None
        masks = np.full((len(sets), len(self.children.sheet.digits)), ALL)
        masks[:, place] = sets
        return masks

    def _repeat(self, rows: Rows) -> None:
        """Where a value comes again, its digits are those of the last row of the combination."""
        sheet, kept = self.children.sheet, self.children.memory.kept
        under, again, content = sheet.at("under"), sheet.places("again"), sheet.places("content")
        seen = rows[:, under.start] > 0
        for line, places in enumerate(self.children.repeats):
            rows[~seen, again[line]] = 0
            here = rows[:, again[line]] > 0
            for place in places:
                rows[here, content[place]] = rows[here, under.start + 1 + kept.index(place)]

    def _fixed(self, combination: NDArray[np.uint8]) -> Masks | None:
        """The only symbols of digits that follow from the combination."""
        fixed = self.children.tuples.fixed[combination]
        held = fixed >= 0
        if not held.any():
            return None
        masks = np.full((len(combination), len(self.children.sheet.digits)), ALL)
        masks[:, self.content] = np.where(held, only(np.maximum(fixed, 0)), ALL)
        return masks

    def _later(self, rows: Rows, a: Positions) -> Ticks:
        """When the next row of each owner comes: the last one when its time ends."""
        learnt, history = self.children, self.history
        sheet, now, end = learnt.sheet, history.now[a], history.end[a]
        left = np.maximum(end - now, 0)
        gap = self._gap(rows, now, left)
        is_last = history.rows[a] - history.done[a] == 1
        # What is left to the end is a gap, unless no real gap is like that.
        whole = np.where(self._usual(left), left, gap)
        ticks = now + np.where(is_last | (gap > left), whole, gap)
        if learnt.spells is not None:
            ticks = np.maximum(np.minimum(learnt.spells.nearest(ticks), self.until), now)
        if learnt.gaps is not None:
            again = learnt.gaps.encode(ticks - now)
            rows[:, sheet.at("gap")] = again[: len(sheet.places("gap"))].T
        return ticks

    def _gap(self, rows: Rows, now: Ticks, left: Ticks) -> Ticks:
        """How long after the last rows, at `now`, the next ones come: hardly ever past the end.

        Where rows come in spells, the next ones do too, and not after the last of all owners.
        """
        learnt = self.children
        gap = np.zeros(len(rows), dtype=np.int64)
        if learnt.clock is None or learnt.gaps is None or learnt.later.gap is None:
            return gap
        places = learnt.sheet.places("gap")
        masks = self._only(places[0], learnt.gaps.up_to(left)) if places else None
        some = np.arange(len(rows))
        for _ in range(_TRIES):
            sheets = rows[some]
            learnt.later.gap.fill(sheets, self._key(), None if masks is None else masks[some])
            own = sheets[:, places].T
            full = own if len(own) else np.zeros((1, len(some)), dtype=np.uint8)
            gap[some] = learnt.gaps.decode(full, self.rng)
            if learnt.spells is None:
                break
            at = now[some] + gap[some]
            some = some[~learnt.spells.hold(at) | (at > self.until)]
            if not len(some):
                break
        return gap

    def _usual(self, gap: Ticks) -> NDArray[np.bool_]:
        """Which gaps are as long as gaps are, and on the grid of those that are all of a kind."""
        scale = self.children.gaps
        if scale is None:
            return np.ones(len(gap), dtype=np.bool_)
        often = np.cumsum(scale.mass) <= _LONG * scale.mass.sum()
        longest = scale.high[min(int(often.sum()), len(scale.high) - 1)]
        grid = int(np.gcd.reduce(scale.low)) if (scale.low == scale.high).all() else 1
        fits = (gap >= scale.low.min()) & (gap <= longest)
        return np.asarray(fits & (gap % max(grid, 1) == 0))
