"""The rows below each row of a table: the k-th of all owners at once, given what came before.

In stages: when (for rows with a time), which combination of the small categoricals, and then all
else; each given the owner, the calendar, running aggregates of the rows before and the last one.
How many rows an owner has, and from when to when, is drawn with the owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import Digit, State
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
from neotype.synth.relational.clock import Clock
from neotype.synth.relational.expected import Expected, Number
from neotype.synth.relational.given import between
from neotype.synth.relational.history import History, Memory
from neotype.synth.relational.likely import FEWEST, SEEN, Likely
from neotype.synth.relational.shared import Shared
from neotype.synth.relational.sheet import Rows, Sheet
from neotype.synth.relational.spells import Spells
from neotype.synth.relational.tally import Tally
from neotype.synth.relational.tuples import Tuples
from neotype.synth.relational.walk import Walk
from neotype.synth.trees import trees_at_rest
from neotype.trees.density import DensityTrees, Growth

_FEW = 200
"""First rows of fewer owners than this are drawn like all others."""
_AGAIN = 0.05
"""Share of rows from which on it is drawn whether a value comes again."""
_SETTLED = 0.05
"""Share of rows whose combination settles a number, up to which it is drawn for all."""
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
    spells: Spells | None
    memory: Memory
    tuples: Tuples
    shared: Shared | None
    repeats: tuple[tuple[int, ...], ...]
    """Digits of columns whose value may be the last one of the same combination again."""
    computed: tuple[int, ...]
    """Digits of a total that follows from the rows before."""
    expected: Expected | None
    """Numbers of which the distance from what was to be expected is drawn."""
    first: Stages
    later: Stages
    likely: Likely | None = None
    """How possible next rows are weighed."""

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
    ) -> tuple[Self, Rows]:
        """Learn from rows in `columns` whose owners have digits `context`; the rows as sheets.

        `kind` is the kind of each row of which owners know the number.
        """
        digits, together = columns.digits, columns.alone - set(columns.computed)
        tuples = Tuples.learn(brood.codes, digits, set(together), protect)
        combination = tuples.encode(brood.codes)
        numbers = {n: o for n, o in columns.numbers.items() if _free(o, tuples, combination)}
        looked = relevant(brood, owners.codes, digits, context)
        seen = tuple(context[p] for p in looked)
        expected, off = Expected.learn(
            numbers, brood.owner, brood.ticks, clock, owners.codes[list(looked)], seen, protect
        )
        again = _again(brood, combination, columns, tuples, expected)
        shared, gaps, spells, beat = None, None, None, 0.0
        if clock is not None:
            group = owners.group[brood.owner]
            shared = Shared.learn(
                brood.ticks, brood.codes, digits, set(columns.alone), group, protect
            )
            between = np.diff(brood.ticks)[brood.owner[1:] == brood.owner[:-1]]
            gaps = Scale.learn(between, protect=protect) if len(between) else None
            spells = Spells.learn(brood.ticks, brood.owner, protect)
            beat = float(np.median(between[between > 0])) if (between > 0).any() else 1.0
        kept = tuple(p for p in range(len(digits)) if p not in tuples.places)
        known = quotas(combination, kind, len(tuples))
        memory = Memory(digits, columns.firsts, kept, len(tuples), beat, known)
        sheet = _sheet(memory, seen, clock, gaps, shared, len(again), expected)
        parts = (sheet, looked, clock, gaps, spells, memory, tuples, shared, tuple(again))
        blank = cls(*parts, columns.computed, expected, _unlearnt(), _unlearnt())
        rows = blank._walked(brood, owners)
        told = np.array(list(again.values()), dtype=np.uint8).T
        rows[:, sheet.at("again")] = told.reshape(len(rows), len(again))
        rows[:, sheet.at("off")] = off.T
        progress("grow trees", 0, 2)
        is_first = np.append(True, brood.owner[1:] != brood.owner[:-1])
        few = is_first.sum() < _FEW
        first = blank._grown(rows if few else rows[is_first], growth, gap=False)
        progress("grow trees", 1, 2)
        rest = rows if is_first.all() else rows[~is_first]
        later = blank._grown(rest, growth, gap=gaps is not None)
        progress("grow trees", 2, 2)
        return cls(*parts, columns.computed, expected, first, later), rows

    def weighed(
        self,
        seen: Rows,
        brood: Brood,
        owners: Owners,
        rng: Rng,
        progress: Progress,
        tally: Tally | None,
        encoders: Mapping[str, Any],
    ) -> Self:
        """With weights of its next rows, where there are rows enough to learn them from."""
        counts = owners.rows
        if len(seen) < FEWEST or (counts > 1).sum() < _FEW:
            return self

        def drawn(likely: Likely | None, rng: Rng) -> Rows:
            part, stream = replace(self, likely=likely), rng.generator()
            order = stream.permutation(len(counts))
            enough = int(np.searchsorted(np.cumsum(counts[order]), SEEN)) + 1
            some = owners.take(order[:enough])
            walk = Walk(part, some, stream, tally, None, encoders, keep=True)
            walk.to_the_end()
            return walk.sheets

        likely = Likely.learn(self.sheet, seen, brood.owner, drawn, rng, progress)
        return replace(self, likely=likely)

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
        other = {*told, *self.computed, *(() if self.expected is None else self.expected.places)}
        order += [content[p] for p in range(len(content)) if p not in other]
        order += sheet.places("off")
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
        self,
        owners: Owners,
        rng: Rng,
        tally: Tally | None = None,
        given: Brood | None = None,
        encoders: Mapping[str, Any] | None = None,
    ) -> Brood:
        """The rows of these owners; `tally` keeps the total where one runs.

        Of an owner with `given` rows those come first, and the others follow them.
        """
        parts: list[Brood] = []
        done = 0
        for number, block in enumerate(range(0, len(owners.rows), _AT_ONCE)):
            part = slice(block, min(block + _AT_ONCE, len(owners.rows)))
            mine = between(given, part.start, part.stop)
            stream = rng.block(number).generator()
            walk = Walk(self, owners.take(part), stream, tally, mine, encoders or {})
            drawn = walk.to_the_end()
            origin = None if drawn.origin is None else drawn.origin + done
            owner = drawn.owner + block
            parts.append(replace(drawn, owner=owner, origin=origin))
            done += len(owner)
        return joined(parts, len(self.memory.digits))

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
        if self.likely is not None:
            parts["likely"] = self.likely.state()
        if self.gaps is not None:
            parts["gaps"] = self.gaps.state()
        if self.expected is not None:
            parts["expected"] = self.expected.state()
        if self.spells is not None:
            parts["spells"] = self.spells.state()
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
            content,
            firsts,
            kept,
            len(tuples),
            state.fact("beat"),
            tuple(state.fact("quotas")),
        )
        gaps = Scale.restore(state.within("gaps")) if "gaps" in state.facts else None
        shared = Shared.restore(state.within("shared")) if "shared" in state.facts else None
        first, later = (_stages_at_rest(state.within(name)) for name in ("first", "later"))
        looked = tuple(state.fact("looked"))
        repeats = tuple(tuple(places) for places in state.fact("repeats"))
        computed = tuple(state.fact("computed"))
        spells = Spells.restore(state.within("spells")) if "spells" in state.facts else None
        going = Expected.restore(state.within("expected")) if "expected" in state.facts else None
        parts = (sheet, looked, clock, gaps, spells, memory, tuples, shared, repeats, computed)
        likely = Likely.restore(state.within("likely")) if "likely" in state.facts else None
        return cls(*parts, going, first, later, likely)


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
    brood: Brood,
    combination: NDArray[np.uint8],
    columns: Columns,
    tuples: Tuples,
    expected: Expected | None,
) -> dict[tuple[int, ...], NDArray[np.bool_]]:
    """Which rows have the very value of the last one of their combination, by the digits."""
    last = last_alike(brood.owner, combination)
    taken = {*tuples.places, *columns.computed}
    taken |= set() if expected is None else set(expected.places)
    same = {
        places: (last >= 0) & (ids == ids[np.maximum(last, 0)])
        for places, ids in columns.exact.items()
        if not set(places) & taken
    }
    return {places: rows for places, rows in same.items() if rows.mean() >= _AGAIN}


def _free(number: Number, tuples: Tuples, combination: NDArray[np.uint8]) -> bool:
    """Whether a column's digits are none of the combination's, and hardly ever follow from it."""
    if set(number.places) & set(tuples.places):
        return False
    settled: NDArray[np.bool_] = np.any(tuples.fixed[:, list(number.places)] >= 0, axis=1)
    return bool(settled[combination].mean() <= _SETTLED)


def _sheet(
    memory: Memory,
    context: tuple[Digit, ...],
    clock: Clock | None,
    gaps: Scale | None,
    shared: Shared | None,
    repeats: int,
    expected: Expected | None,
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
            ("off", () if expected is None else expected.digits),
        )
    )
