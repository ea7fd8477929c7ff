"""Several synthetic tables beside one real table: who is ahead on which measure, and how surely.

A table's rank on a measure is one more than the number of tables that are clearly better there:
whose whole interval lies on the better side of its own. Tables whose intervals overlap are not
parted. What lies beyond the floor counts as at the floor, since no table can be asked to do better
than real rows. Only judged measures that every table has are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from neotype.evaluate.metric import Interval, Score
from neotype.report.whole import summarize_tables
from neotype.report.words import AXES, badness, summarize

RULE = (
    "On each measure, a table’s rank is one more than the number of tables that are clearly "
    "better: whose whole 95% interval lies on the better side of its own. Overlapping intervals "
    "part nobody, and what lies beyond the floor of real rows counts as at the floor. A question’s "
    "mean rank is over the judged measures that every table has; the overall order goes by the "
    "mean over the questions, each counting alike. A table whose privacy is poor always comes "
    "after those whose is not, and one whose privacy was not measured lies between."
)


@dataclass(frozen=True)
class Entry:
    """One table on one measure; no `rank` where nothing is ranked."""

    table: str
    value: float | None
    interval: Interval | None
    floor: float | None
    target: float | None
    verdict: str
    rank: int | None = None
    wins: bool = False


@dataclass(frozen=True)
class Contest:
    """One measure over all tables; `counted` says whether it enters the mean ranks, else `why`.

    Of databases, `about` is the table of each that was measured; empty for the whole of them.
    """

    metric: str
    title: str
    axis: str
    better: str
    entries: tuple[Entry, ...]
    counted: bool
    why: str = ""
    about: str = ""

    @property
    def called(self) -> str:
        """The measure, and the table of a database that it is about."""
        return f"{self.title} of {self.about}" if self.about else self.title

    def of(self, table: str) -> list[Entry]:
        """The entry of one table."""
        return [entry for entry in self.entries if entry.table == table]


@dataclass(frozen=True)
class Standing:
    """Where one table ended, and what its own report says in short."""

    table: str
    place: int
    mean_rank: float | None
    by_axis: Mapping[str, float]
    wins: int
    verdicts: Mapping[str, str]
    headline: str
    rows: int
    promise: str = ""
    """What is promised of the model that made it, where it was learnt within a budget."""
    recipe: bool = False
    """Whether it was learnt and made for this comparison."""
    seconds: float | None = None
    """To learn and to make it, on the clock; measured of recipes, of others what is said."""
    cpu: float | None = None


@dataclass(frozen=True)
class Standings:
    """The outcome: tables in their order, and every measure they were compared on."""

    ranking: tuple[Standing, ...]
    contests: tuple[Contest, ...]
    rows: Mapping[str, int]
    columns: int
    target: str | None
    source: str
    made: str
    failed: Mapping[str, str] = field(default_factory=dict)
    """Recipes that made no table, and why."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables' names, best first."""
        return tuple(standing.table for standing in self.ranking)

    @property
    def uncovered(self) -> bool:
        """Whether scores on private rows stand beside a guarantee that does not cover them."""
        return any(s.promise for s in self.ranking) and "train" in self.rows

    @property
    def headline(self) -> str:
        """The outcome in one sentence."""
        first = [s.table for s in self.ranking if s.place == 1]
        best = self.ranking[0]
        if len(self.ranking) == 1:
            return f"{best.table} is alone: nothing else was made that it could be compared with."
        if best.mean_rank is None:
            return "No measure was taken of every table, so they cannot be ranked."
        if best.verdicts.get("privacy") == "poor":
            return "None of these tables is ready to share; all of them are poor in privacy."
        if len(first) == len(self.ranking):
            return "No table is ahead of the others: their intervals overlap on every measure."
        if len(first) > 1:
            return f"{' and '.join(first)} share the first place."
        return f"{first[0]} comes first of {len(self.ranking)}."

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready, with the rule in words."""
        return {"neotype_comparison": 1, "headline": self.headline, "rule": RULE, **asdict(self)}


def stand(
    tables: Mapping[str, Sequence[Score]],
    rows: Mapping[str, int],
    within: Sequence[str] = (),
    promises: Mapping[str, str] = MappingProxyType({}),
) -> tuple[tuple[Standing, ...], tuple[Contest, ...]]:
    """Every table's standing, best first, and the contests that decide; `rows` of each table.

    What is compared may be databases: `within` are the tables that each of them has. `promises` are
    the guarantees of those that have one.
    """
    contests = tuple(_contest(*key, tables) for key in _metrics(tables))
    summaries = {
        name: summarize_tables(scores, None, within) if within else summarize(scores)
        for name, scores in tables.items()
    }
    verdicts = {n: {line.axis: line.verdict for line in s.lines} for n, s in summaries.items()}
    means = {name: _mean_ranks(name, contests) for name in tables}
    overall = {n: sum(by.values()) / len(by) if by else None for n, by in means.items()}

    def key(name: str) -> tuple[int, float]:
        mean = overall[name]
        return _tier(verdicts[name]["privacy"]), 0.0 if mean is None else round(mean, 9)

    keys = {name: key(name) for name in tables}
    order = sorted(tables, key=lambda name: keys[name])
    standings = tuple(
        Standing(
            table=name,
            place=1 + sum(keys[other] < keys[name] for other in tables),
            mean_rank=overall[name],
            by_axis=means[name],
            wins=sum(e.wins for c in contests if c.counted for e in c.entries if e.table == name),
            verdicts=verdicts[name],
            headline=summaries[name].headline,
            rows=rows[name],
            promise=promises.get(name, ""),
        )
        for name in order
    )
    return standings, contests


def _tier(privacy: str) -> int:
    return {"poor": 2, "not measured": 1}.get(privacy, 0)


def _metrics(tables: Mapping[str, Sequence[Score]]) -> list[tuple[str, str]]:
    """Every measure, with what it is about: by question, then in the order they were taken."""
    axis = {(s.metric, s.table): s.axis for scores in tables.values() for s in scores}
    order = list(AXES)
    return sorted(axis, key=lambda m: order.index(axis[m]) if axis[m] in order else len(order))


def _contest(metric: str, about: str, tables: Mapping[str, Sequence[Score]]) -> Contest:
    found = {name: _find(metric, about, scores) for name, scores in tables.items()}
    some = next(score for score in found.values() if score is not None)
    missing = [name for name, s in found.items() if s is None or s.value is None]
    why = ""
    if missing:
        why = f"not measured for {', '.join(missing)}"
    elif any(s is not None and s.verdict == "not judged" for s in found.values()):
        why = "shown, not judged"
    places = {name: _reach(score) for name, score in found.items()}
    ranks = {
        name: 1 + sum(_beats(other, own) for other in places.values())
        for name, own in places.items()
    }
    parted = any(rank > 1 for rank in ranks.values())
    entries = tuple(
        Entry(
            table=name,
            value=score.value if score else None,
            interval=score.interval if score else None,
            floor=score.floor if score else None,
            target=score.target if score else None,
            verdict=score.verdict if score else "not measured",
            rank=None if why else ranks[name],
            wins=not why and parted and ranks[name] == 1,
        )
        for name, score in found.items()
    )
    return Contest(metric, some.title, some.axis, some.better, entries, not why, why, about)


def _find(metric: str, about: str, scores: Sequence[Score]) -> Score | None:
    return next((s for s in scores if s.metric == metric and s.table == about), None)


def _reach(score: Score | None) -> Interval | None:
    """The interval on a scale where less is better, cut at the floor."""
    if score is None or score.value is None:
        return None
    low, high, _, floor = badness(score)
    return (low, high) if floor is None else (max(low, floor), max(high, floor))


def _beats(one: Interval | None, other: Interval | None) -> bool:
    return one is not None and other is not None and one[1] < other[0]


def _mean_ranks(table: str, contests: Sequence[Contest]) -> dict[str, float]:
    """The table's mean rank by question, over the measures that count."""
    ranks: dict[str, list[int]] = {}
    for contest in contests:
        for entry in contest.entries:
            if contest.counted and entry.table == table and entry.rank is not None:
                ranks.setdefault(contest.axis, []).append(entry.rank)
    return {axis: sum(own) / len(own) for axis, own in ranks.items()}
