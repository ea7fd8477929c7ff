"""A foreign key whose rows are found when all tables are drawn: what kind of row a child refers
to is drawn with the child; which row of that kind is settled afterwards.

The digits that a child gets say whether it refers to anything, how deep it stands (where a table
refers to itself), the kind of row, and whether both lead to the same row of a table further up.
Rows are then filled up to the number of children that was drawn with each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import SYMBOLS, Codes, Digit, State
from neotype.links import NOTHING
from neotype.rng import Rng
from neotype.schema.schema import Relationship
from neotype.synth.relational.assign import dense, needed, placed
from neotype.synth.relational.cluster import Kinds
from neotype.synth.relational.fanout import FanOut
from neotype.synth.relational.hierarchy import depths, levels, told
from neotype.synth.relational.overlap import SHARED
from neotype.synth.relational.repair import Asked, Meeting, Whole

Paths = Mapping[str, tuple[Whole, Whole]]
"""By name of a way to a table further up: its row as each child's context leads to it, and as
each referenced row leads to it (NOTHING where it does not)."""

_CHILDREN = 100_000
"""Children that kinds are learnt from."""
_CLEAR, _WORTH = 4.0, 0.02
"""Standard errors, and share of children, by which a tie further up must differ from chance."""
_ACCIDENT = 0.05
"""As likely as that, all children of a small table met by accident: no tie then."""
_MOST_TIES = 3
_OWN, _OTHERS, _WEIGHED = 24, 8, 5_000
"""The most digits by which a child is known to kinds, and by which a child beside it is; and the
children by which digits are chosen."""
_NEARLY = 0.01
_ANY = 1 << 40


@dataclass(frozen=True)
class Tie:
    """Child and referenced row lead to the same row further up, in this share of the children."""

    path: str
    share: float
    chance: float

    @property
    def drawn(self) -> bool:
        """Whether it is a digit; else it always holds, or never."""
        return 0 < self.share < 1


@dataclass(frozen=True)
class Hierarchy:
    """A table that refers to itself: `cap` is the largest depth that is told apart."""

    cap: int
    deeper: bool
    top: str
    """What roots refer to: nothing, themselves, or each other in a ring (where data has cycles
    and no root)."""
    rows: tuple[float, ...]
    """How many rows stand at each depth, about: few are told together with those above."""

    def settled(self, drawn: NDArray[np.uint8]) -> Whole:
        """Depths in the order of those drawn row by row, with the learnt share at each.

        Drawn by chance, a short table of one head would have three or none.
        """
        upto = np.cumsum(self.rows) / sum(self.rows)
        place = (np.arange(len(drawn)) + 0.5) / max(len(drawn), 1)
        out = np.empty(len(drawn), dtype=np.int64)
        out[np.argsort(drawn, kind="stable")] = np.searchsorted(upto, place)
        return np.minimum(out, self.cap)


@dataclass(frozen=True)
class Reference:
    """How the rows of one foreign key are found; see `digits` for what each child draws."""

    title: str
    nullable: bool
    kinds: Kinds
    ties: tuple[Tie, ...]
    hierarchy: Hierarchy | None
    most: int
    """The most children that a row may have: 1 of a key that is 1:1, else no limit."""
    shy: bool
    """Whether (nearly) no row has two children."""
    fan_out: FanOut

    @classmethod
    def learn(
        cls,
        tie: Relationship,
        *,
        rows: Whole,
        child: Codes,
        child_sizes: Sequence[Digit],
        referenced: Codes,
        referenced_sizes: Sequence[Digit],
        capacity: Whole,
        paths: Paths,
        distinct: Whole | None,
        protect: int,
        rng: Rng,
        siblings: Whole | None = None,
        asked: NDArray[np.bool_] | None = None,
        public: bool = False,
    ) -> Self:
        """Learn from the position of the row that every child refers to (negative: nothing).

        `child` describes the children (digits × rows; those of their context may be among them).
        `distinct` is the group of each child in which no two may refer to one row; `siblings`
        the group in which rows referred to may be alike. `asked` are the children that a
        polymorphic reference is about. `public`: the referenced table is kept as it is.
        """
        drawn = rng.generator()
        refers = rows >= 0
        may = np.ones(len(rows), dtype=np.bool_) if asked is None else asked
        hierarchy = _hierarchy(rows, 1 if public else protect) if tie.parent == tie.child else None
        group = siblings if siblings is not None else distinct
        told = _telling(child, child_sizes, rows, referenced, referenced_sizes, drawn)
        profiles, ordered = child[told], [child_sizes[k].ordered for k in told]
        if group is not None:
            beside = _beside(rows, group, referenced, drawn)
            profiles = np.vstack([profiles, beside])
            ordered += [digit.ordered for digit in referenced_sizes[: len(beside)]]
        some = np.flatnonzero(refers)
        if len(some) > _CHILDREN:
            some = np.sort(drawn.choice(some, _CHILDREN, replace=False))
        kinds = Kinds.learn(
            rows[some],
            profiles[:, some],
            ordered,
            referenced,
            referenced_sizes,
            capacity,
            protect=protect,
            public=public,
            rng=drawn,
        )
        return cls(
            tie.title,
            bool((~refers & may).any()) and hierarchy is None,
            kinds,
            _ties(rows, capacity, paths),
            hierarchy,
            *_multiplicity(rows[refers]),
            FanOut.learn(capacity, protect=protect),
        )

    @property
    def digits(self) -> tuple[Digit, ...]:
        """What is drawn with each child."""
        found = []
        if self.nullable:
            found.append(Digit(f"{self.title}: refers", 2, ordered=True))
        if self.hierarchy is not None:
            found.append(Digit(f"{self.title}: depth", self.hierarchy.cap + 1, ordered=True))
        if self.kinds.count > 1:
            found.append(Digit(f"{self.title}: kind", self.kinds.count, ordered=True))
        named = [f"{self.title}: same by {tie.path}" for tie in self.ties if tie.drawn]
        return (*found, *(Digit(name, 2, ordered=True) for name in named))

    def encode(self, rows: Whole, referenced: Codes, capacity: Whole, paths: Paths) -> Codes:
        """The digits (× children) of children that refer to `rows`."""
        refers = rows >= 0
        lines: list[NDArray[Any]] = []
        if self.nullable:
            lines.append(refers)
        if self.hierarchy is not None:
            lines.append(np.minimum(depths(rows), self.hierarchy.cap))
        if self.kinds.count > 1:
            kind = self.kinds.of(referenced, capacity)
            lines.append(np.where(refers, kind[rows], 0))
        for tie in self.ties:
            if tie.drawn:
                mine, theirs = paths[tie.path]
                lines.append(refers & (mine == theirs[rows]) & (mine >= 0))
        empty = np.zeros((0, len(rows)), dtype=np.uint8)
        return np.vstack([empty, *(line.astype(np.uint8)[None] for line in lines)])

    def refers(self, codes: Codes) -> NDArray[np.bool_]:
        """Which children were drawn to refer to a row."""
        if self.nullable:
            return np.asarray(codes[0] > 0)
        if self.hierarchy is not None and self.hierarchy.top == "nothing":
            depth = self.hierarchy.settled(codes[0])
            return np.asarray(depth > depth.min(initial=self.hierarchy.cap))
        return np.ones(codes.shape[1], dtype=np.bool_)

    def assign(
        self,
        codes: Codes,
        *,
        referenced: Codes,
        capacity: Whole,
        paths: Paths,
        distinct: Whole | None,
        rng: Rng,
        asked: NDArray[np.bool_] | None = None,
    ) -> Whole:
        """The position of the row that every child refers to.

        It is NOTHING of those that refer to nothing, and of those that `refers` and that no row
        can take: all rows of its group are taken, or none leads to the same row further up.
        """
        drawn = rng.generator()
        part = dict(zip([digit.name for digit in self.digits], codes, strict=True))
        refers = self.refers(codes) if asked is None else self.refers(codes) & asked
        out = np.full(codes.shape[1], NOTHING, dtype=np.int64)
        child_group, row_group = self._groups(codes, len(capacity), capacity, paths, drawn)
        if self.hierarchy is not None and self.hierarchy.top != "nothing":
            tops = np.flatnonzero(child_group < 0)
            out[tops] = tops if self.hierarchy.top == "itself" else np.roll(tops, 1)
            refers = refers & (child_group >= 0)
        who = np.flatnonzero(refers)
        if not len(who) or not len(capacity):
            return out
        _, both = np.unique(np.concatenate([child_group[who], row_group]), return_inverse=True)
        block, pool = both[: len(who)], both[len(who) :]
        kind = part.get(f"{self.title}: kind", np.zeros(len(out), np.uint8))[who].astype(np.int64)
        kinds = self.kinds.of(referenced, capacity).astype(np.int64)
        meetings = []
        for tie in self.ties:
            if tie.share < 1:
                same = part[f"{self.title}: same by {tie.path}"][who] > 0 if tie.drawn else None
                mine, theirs = paths[tie.path]
                never = np.zeros(len(who), dtype=np.bool_)
                meetings.append(Meeting(never if same is None else same, mine[who], theirs))
        unit = None if distinct is None else distinct[who]
        asks = Asked(block, kind, meetings, unit)
        simple = self.hierarchy is None and self.most > 1 and not self.shy
        wish = (
            self.fan_out.summing(capacity, len(who), drawn)
            if simple
            else self.fan_out.counts(capacity, drawn)
        )
        places = needed(wish, pool, asks, drawn, most=self.most, shy=self.shy)
        slots = np.repeat(np.arange(len(capacity)), places)
        found = asks.swapped(placed(slots, pool, kinds, asks, drawn), drawn)
        if unit is not None:
            is_open = ((places > 0) | (capacity > 0)) & (self.most > 1)
            found = asks.moved(found, pool, np.flatnonzero(is_open), drawn)
        out[who] = found
        return out

    def _groups(
        self, codes: Codes, rows: int, capacity: Whole, paths: Paths, rng: Generator
    ) -> tuple[Whole, Whole]:
        """What must be equal of a child and its row; negative of a child that has no row above."""
        mine, theirs = [np.zeros(codes.shape[1], np.int64)], [np.zeros(rows, np.int64)]
        for tie in self.ties:
            if tie.share == 1:
                mine.append(paths[tie.path][0])
                theirs.append(paths[tie.path][1])
        child, row = dense(mine, theirs)
        if self.hierarchy is None:
            return child, row
        deep = self.hierarchy.settled(codes[0])
        level = levels(deep, capacity, self.hierarchy.cap, deeper=self.hierarchy.deeper, rng=rng)
        width = int(level.max(initial=0)) + 1
        return np.where(level > 0, child * width + level - 1, -1), row * width + level

    def describe(self) -> str:
        """In words: what it holds."""
        words = [f"{self.title}: {self.kinds.count} kinds of rows referred to"]
        if self.most == 1:
            words.append("no row referred to twice")
        words += [
            f"the same row by {tie.path} in {tie.share:.1%} (chance {tie.chance:.1%})"
            for tie in self.ties
        ]
        if self.hierarchy is not None:
            words.append(f"a hierarchy of {self.hierarchy.cap + 1} levels")
        return "; ".join(words)

    def state(self) -> State:
        """At rest."""
        kept = self.hierarchy
        facts = {
            "title": self.title,
            "nullable": self.nullable,
            "ties": [[tie.path, tie.share, tie.chance] for tie in self.ties],
            "hierarchy": None if kept is None else {**asdict(kept), "rows": list(kept.rows)},
            "most": self.most,
            "shy": self.shy,
        }
        return State.nest(facts, {"kinds": self.kinds.state(), "fan_out": self.fan_out.state()})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        kept = state.fact("hierarchy")
        return cls(
            state.fact("title"),
            state.fact("nullable"),
            Kinds.restore(state.within("kinds")),
            tuple(Tie(*tie) for tie in state.fact("ties")),
            None if kept is None else Hierarchy(**{**kept, "rows": tuple(kept["rows"])}),
            state.fact("most"),
            state.fact("shy"),
            FanOut.restore(state.within("fan_out")),
        )


def _multiplicity(rows: Whole) -> tuple[int, bool]:
    """The most children that a row may have, and whether (nearly) none has two."""
    counts = np.bincount(rows, minlength=1)
    repeated = float((counts > 1).sum()) / max(int((counts > 0).sum()), 1)
    return 1 if counts.max() <= 1 else _ANY, repeated <= _NEARLY


def _telling(
    child: Codes,
    child_sizes: Sequence[Digit],
    rows: Whole,
    referenced: Codes,
    referenced_sizes: Sequence[Digit],
    rng: Generator,
) -> list[int]:
    """The digits of children that say most of the rows they refer to."""
    if len(child) <= _OWN:
        return list(range(len(child)))
    some = np.flatnonzero(rows >= 0)
    some = rng.permutation(some)[:_WEIGHED]
    theirs = [_coarse(line, d.size) for line, d in zip(referenced, referenced_sizes, strict=True)]
    told = np.zeros(len(child))
    for k, digit in enumerate(child_sizes):
        mine = _coarse(child[k, some], digit.size)
        for line in theirs:
            told[k] = max(told[k], _mutual(mine, line[rows[some]]))
    return sorted(np.argsort(-told, kind="stable")[:_OWN].tolist())


def _coarse(line: NDArray[np.uint8], size: int) -> Whole:
    return line.astype(np.int64) * 8 // size if size > 8 else line.astype(np.int64)


def _mutual(mine: Whole, theirs: Whole) -> float:
    """What two lines of up to eight symbols say of each other, beyond what chance would."""
    table = np.bincount(mine * 8 + theirs, minlength=64).reshape(8, 8) / max(len(mine), 1)
    apart = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True)
    there = table > 0
    free = ((table.sum(axis=1) > 0).sum() - 1) * ((table.sum(axis=0) > 0).sum() - 1)
    told = (table[there] * np.log(table[there] / apart[there])).sum()
    return float(told - free / (2 * max(len(mine), 1)))


def _beside(rows: Whole, group: Whole, referenced: Codes, rng: Generator) -> Codes:
    """The digits of the row that another child of the group refers to; all 0 without one."""
    out = np.zeros((min(len(referenced), _OTHERS), len(rows)), dtype=np.uint8)
    some = np.flatnonzero((rows >= 0) & (group >= 0))
    order = some[np.lexsort((rng.random(len(some)), group[some]))]
    alike = group[order][1:] == group[order][:-1]
    near = referenced[: len(out), rows[order]].astype(np.int64) + 1
    out[:, order[1:][alike]] = np.minimum(near[:, :-1][:, alike], SYMBOLS - 1)
    return out


def _ties(rows: Whole, capacity: Whole, paths: Paths) -> tuple[Tie, ...]:
    """The ways up by which child and row meet clearly more, or less, often than by chance.

    Where one way always leads to the very row, the others say nothing more of the data, and of
    drawn tables they may not hold together with it: then none would be left.
    """
    always, often, settled = [], [], ""
    for name, (mine, theirs) in paths.items():
        refers = np.flatnonzero(rows >= 0)
        known = refers[mine[refers] >= 0]
        if not len(known):
            continue
        share = float((mine[known] == theirs[rows[known]]).mean())
        lead = theirs >= 0
        top = int(max(mine.max(), theirs.max())) + 1
        have = np.bincount(theirs[lead], weights=capacity[lead], minlength=top)
        chance = float((have / max(int(capacity.sum()), 1))[mine[known]].mean())
        if share == 1 and (mine[refers] == theirs[rows[refers]]).all():
            if chance ** len(known) > _ACCIDENT and not name.startswith(SHARED):
                continue
            always.append(Tie(name, 1.0, chance))
            if not settled and len(np.unique(theirs[lead])) == len(theirs):
                settled = name
            continue
        # Children that lead nowhere have no row in common: that they have not is drawn too.
        share = min(share, 1 - 1 / (len(refers) + 1))
        noise = np.sqrt(max(chance * (1 - chance), 1 / len(known)) / len(known))
        away = abs(share - chance)
        if away > max(_CLEAR * noise, _WORTH):
            often.append((away, Tie(name, share, chance)))
    if settled:
        return tuple(t for t in always if t.path == settled or t.path.startswith(SHARED))
    often.sort(key=lambda one: -one[0])
    return (*always, *(tie for _, tie in often[:_MOST_TIES]))


def _hierarchy(rows: Whole, protect: int) -> Hierarchy:
    depth = depths(rows)
    here = np.arange(len(rows))
    top = "itself" if (rows == here).any() else "each other"
    if (rows < 0).any():
        top = "nothing"
    cap = min(int(depth.max(initial=0)), SYMBOLS - 1)
    counts = np.bincount(np.minimum(depth, cap)).astype(np.int64)
    return Hierarchy(cap, bool((depth > cap).any()), top, told(counts, protect))
