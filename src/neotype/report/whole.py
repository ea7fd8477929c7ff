"""What the scores of several tables mean together: the verdict on a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neotype.dp.guarantee import Guarantee
from neotype.evaluate.metric import Score
from neotype.policy.ruling import Ruling
from neotype.report.threats import gravity, threat_of
from neotype.report.words import (
    AXES,
    CAVEAT,
    JUDGED,
    REFUTED,
    Line,
    Summary,
    attacked,
    badness,
    broken_rules,
    cautions,
    caveat_of,
    refuted,
    worst,
)

DATABASE_AXES: Mapping[str, str] = {
    "fidelity": "Do the tables look like the real ones, and do they go together as those do?",
    "utility": "Does it teach the same things?",
    "privacy": "Does it tell who was in the real data, or what they are?",
    "fairness": "Does it treat groups as the real data does?",
}
"""The four questions, of a database."""

_ORDER = {"poor": 0, "fair": 1, "good": 2}
_FEW = 4


@dataclass(frozen=True)
class TableVerdict:
    """What became of one table: a verdict by question, and the worst of them."""

    table: str
    axes: Mapping[str, str]

    @property
    def verdict(self) -> str:
        """The worst of those that were judged."""
        found = set(self.axes.values())
        return next((v for v in JUDGED[::-1] if v in found), "not measured")


def table_verdicts(scores: Sequence[Score], tables: Sequence[str]) -> tuple[TableVerdict, ...]:
    """Every table's verdicts, from its own scores."""
    found = []
    for table in tables:
        own = [score for score in scores if score.table == table]
        axes = {axis: worst([s for s in own if s.axis == axis]) for axis in AXES}
        if axes["privacy"] == "good" and not attacked(own):
            axes["privacy"] = "not measured"
        found.append(TableVerdict(table, axes))
    return tuple(found)


def summarize_tables(
    scores: Sequence[Score],
    ruling: Ruling | None,
    tables: Sequence[str],
    guarantee: Guarantee | None = None,
) -> Summary:
    """The verdict on a database: as good as its worst table, and as its tables go together."""
    verdicts = table_verdicts(scores, tables)
    state = {axis: worst([s for s in scores if s.axis == axis]) for axis in AXES}
    if state["privacy"] == "good" and not attacked(scores):
        state["privacy"] = "not measured"
    told = [axis for axis in AXES if axis != "fairness" or state[axis] != "not measured"]
    lines = tuple(Line(axis, state[axis], _line(axis, scores, verdicts)) for axis in told)
    caveat = caveat_of(scores, guarantee).replace(CAVEAT, CAVEAT.replace("table", "database"))
    return Summary(_headline(state, scores, ruling, verdicts), lines, caveat)


def _line(axis: str, scores: Sequence[Score], verdicts: Sequence[TableVerdict]) -> tuple[str, ...]:
    """How many tables are good, the worst of them, and what is said of all together."""
    own = [score for score in scores if score.axis == axis]
    said = [count] if (count := _count(axis, verdicts)) else []
    single = [score for score in own if score.table and score.verdict in ("poor", "fair")]
    if single:
        first = min(single, key=_worst_first)
        said.append(f"Worst in {first.table}: {first.meaning}")
    whole = sorted(
        (s for s in own if not s.table and s.verdict in JUDGED), key=lambda s: _ORDER[s.verdict]
    )
    if axis == "fidelity" and whole:
        weak = [s for s in whole if s.verdict != "good"]
        if weak:
            said.append(f"Between tables: {weak[0].meaning}")
        else:
            said.append(f"Between tables all {len(whole)} measures are good.")
    elif whole and (whole[0].verdict != "good" or not said):
        said.append(f"Of all tables together: {whole[0].meaning}")
    if broken := broken_rules(own):
        said.append(broken)
    missed = [score.title for score in own if not score.table and score.value is None]
    if missed:
        said.append(f"Not measured of the whole: {named(missed, 3)}.")
    return tuple(said) or ("No measure of it was taken.",)


def _count(axis: str, verdicts: Sequence[TableVerdict]) -> str:
    """How many tables have which verdict, those that are not good by name."""
    by_word = {
        word: [v.table for v in verdicts if v.axes[axis] == word]
        for word in ("good", "fair", "poor", "not measured")
    }
    judged = len(verdicts) - len(by_word["not measured"])
    if not judged:
        return ""
    left = by_word["not measured"]
    rest = f" Not judged: {named(left, _FEW)}." if left else ""
    if judged == 1:
        word, (table, *_) = next((word, some) for word, some in by_word.items() if some)
        return f"The only table that could be judged, {table}, is {word}.{rest}"
    if len(by_word["good"]) == judged:
        said = f"All {judged} tables that could be judged are good."
        said = said.replace(" that could be judged", "") if judged == len(verdicts) else said
    else:
        parts = [
            f"{len(some)} {word} ({named(some, _FEW)})"
            for word in ("poor", "fair")
            if (some := by_word[word])
        ]
        parts += [f"{len(by_word['good'])} good"] if by_word["good"] else []
        said = f"Of {judged} tables {', '.join(parts)}."
    return said + rest


def _differ(tables: Sequence[str], many: int) -> str:
    return f"{len(tables)} of {many} tables {'differs' if len(tables) == 1 else 'differ'}"


def named(names: Sequence[str], most: int) -> str:
    """Names, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


_LEADING = ("c2st", "parent_detection", "owner_detection", "shape", "tstr")
"""Measures that say most of a table; of those that are as bad, they are told."""


def _worst_first(score: Score) -> tuple[int, bool, float]:
    """Poor before fair, those that say most first; then by how far it lies from its target."""
    low, high, target, floor = badness(score)
    further = score.metric not in _LEADING
    if target is None:
        return _ORDER[score.verdict], further, 0.0
    good = target if floor is None else max(target, floor)
    return _ORDER[score.verdict], further, -((low + high) / 2 - good) / (abs(good) or 1.0)


def _headline(
    state: Mapping[str, str],
    scores: Sequence[Score],
    ruling: Ruling | None,
    verdicts: Sequence[TableVerdict],
) -> str:
    """The first rule that fits; what speaks against the database comes first."""

    def poor(axis: str) -> list[str]:
        return [v.table for v in verdicts if v.axes[axis] == "poor"]

    weak = [s for s in scores if s.verdict == "poor"]
    alarm = min((s.metric for s in weak if s.axis == "privacy"), key=gravity, default="")
    apart = [s.title for s in weak if s.axis == "fidelity" and not s.table]
    many = len(verdicts)
    rules = (
        (refuted(scores) is not None, REFUTED),
        (ruling is not None and not ruling.allowed, ruling.headline if ruling else ""),
        (
            set(state.values()) == {"not measured"},
            "Nothing was measured, so nothing can be said about this database.",
        ),
        (
            state["privacy"] == "poor",
            f"Not ready to share: {threat_of(alarm).alarm}"
            + (f" ({named(poor('privacy'), _FEW)})." if poor("privacy") else "."),
        ),
        (
            bool(apart) and not poor("fidelity"),
            f"Each table by itself stands in, but they do not go together as the real ones do "
            f"({named(apart, 2)}).",
        ),
        (
            2 * len(poor("fidelity")) > many,
            f"A weak stand-in: {_differ(poor('fidelity'), many)} clearly from the real ones.",
        ),
        (
            bool(poor("fidelity")),
            f"A stand-in with clear weaknesses: {_differ(poor('fidelity'), many)} clearly from the "
            f"real ones ({named(poor('fidelity'), _FEW)}).",
        ),
        (
            state["utility"] == "poor",
            f"It resembles the real database, but falls short in use ({named(poor('utility'), 4)}"
            ").",
        ),
        (
            state["fairness"] == "poor",
            f"It does not treat groups as the real data does ({named(poor('fairness'), _FEW)}).",
        ),
        *(
            (fits, words.replace("this table", "this database"))
            for fits, words in cautions(state, scores)
        ),
    )
    best = "A close stand-in for the real database; the copying checks raised no alarm."
    return next((words for fits, words in rules if fits), best)
