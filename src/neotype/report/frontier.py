"""Fidelity × copying × time: which tables nobody beats.

A table is beaten by one that is at least as faithful and as fast, does not clearly copy more, and
is clearly better in one of the three: its whole interval is on the better side, or it took less
than four fifths of the time. What lies beyond the floor counts as at the floor. A time that nobody
knows decides nothing. Who surely copies is not on the frontier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from neotype.choose.select import COPYING, MOST_COPIED
from neotype.report.contest import Contest, Entry, Standing, Standings

LOOKS = ("c2st", "hop_trends", "trend", "accuracy_2way", "shape")
GUARDS = (COPYING, "family_copies", "near_copies")
"""What is drawn: the first that two tables have."""
_FASTER = 0.8

HOW = (
    "On the frontier is who is not beaten: no other is at least as faithful and as fast, copies no "
    "more, and is clearly better in one of the three. Clearly: the intervals do not overlap, or a "
    "fifth of the time is saved."
)


@dataclass(frozen=True)
class Axis:
    """A measure that the frontier is drawn along."""

    metric: str
    title: str
    better: str
    limit: float | None = None
    """Whose interval lies beyond it is out."""


@dataclass(frozen=True)
class Point:
    """One table: its two scores, its time where that is known, and whether nobody beats it."""

    mark: str
    """By which it is known in the figures: A is the most faithful."""
    table: str
    look: Entry
    copying: Entry
    seconds: float | None
    cpu: float | None
    out: bool
    front: bool = False


@dataclass(frozen=True)
class Frontier:
    """The tables that have both scores, the most faithful first."""

    look: Axis
    copying: Axis
    points: tuple[Point, ...]

    @classmethod
    def of(cls, standings: Standings) -> Frontier | None:
        """None where no two measures of the kind were taken of a table."""
        looks, guards = (_first(standings.contests, names) for names in (LOOKS, GUARDS))
        if looks is None or guards is None:
            return None
        look, copying = _axis(looks), _axis(guards)
        points = [
            point
            for standing in standings.ranking
            if (point := _point(standing, looks, guards, copying)) is not None
        ]
        marked = [
            replace(p, front=not p.out and not _beaten(p, points, look, copying)) for p in points
        ]
        sign = -1 if look.better == "higher" else 1
        marked.sort(key=lambda point: sign * (point.look.value or 0.0))
        lettered = tuple(replace(one, mark=_letters(k)) for k, one in enumerate(marked))
        return cls(look, copying, lettered) if marked else None

    @property
    def front(self) -> tuple[Point, ...]:
        """Those that nobody beats."""
        return tuple(point for point in self.points if point.front)

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready, with the rule in words."""
        names = [point.table for point in self.front]
        return {"rule": HOW, "front": names, **asdict(self)}


def _letters(place: int) -> str:
    """A to Z, then AA and on."""
    more, last = divmod(place, 26)
    return (_letters(more - 1) if more else "") + chr(ord("A") + last)


def _first(contests: Sequence[Contest], names: Sequence[str]) -> Contest | None:
    """The first of these measures that was taken of most tables."""
    whole = {
        one.metric: one
        for one in contests
        if not one.about and any(entry.value is not None for entry in one.entries)
    }
    return next((whole[name] for name in names if name in whole), None)


def _axis(contest: Contest) -> Axis:
    limit = MOST_COPIED if contest.metric == COPYING else None
    return Axis(contest.metric, contest.title, contest.better, limit)


def _point(standing: Standing, looks: Contest, guards: Contest, copying: Axis) -> Point | None:
    (look,), (guard,) = looks.of(standing.table), guards.of(standing.table)
    if look.value is None or guard.value is None:
        return None
    low = guard.interval[0] if guard.interval else guard.value
    out = copying.limit is not None and low > copying.limit
    time = (standing.seconds, standing.cpu)
    return Point("", standing.table, look, guard, *time, out)


def _beaten(point: Point, others: Sequence[Point], look: Axis, copying: Axis) -> bool:
    return any(_beats(one, point, look, copying) for one in others if not one.out)


def _beats(one: Point, two: Point, look: Axis, copying: Axis) -> bool:
    """At least as faithful and as fast, not clearly copying more, and clearly better in one."""
    looks, copies = (
        (_reach(p.look, look) for p in (one, two)),
        (_reach(p.copying, copying) for p in (one, two)),
    )
    (mine, its), (own, other) = looks, copies
    timed = one.seconds is not None and two.seconds is not None
    fast, slow = (one.seconds or 0.0, two.seconds or 0.0) if timed else (1.0, 1.0)
    if mine.value > its.value or fast > slow or other.high < own.low:
        return False
    return mine.high < its.low or own.high < other.low or fast < _FASTER * slow


class _Reach(NamedTuple):
    """A score with its interval where less is better; what lies beyond the floor is at it."""

    value: float
    low: float
    high: float


def _reach(entry: Entry, axis: Axis) -> _Reach:
    value = entry.value or 0.0
    low, high = entry.interval or (value, value)
    floor = entry.floor
    if axis.better == "higher":
        value, low, high = -value, -high, -low
        floor = None if floor is None else -floor
    ends = [value, low, high]
    return _Reach(*(ends if floor is None else (max(end, floor) for end in ends)))
