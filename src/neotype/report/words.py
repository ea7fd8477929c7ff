"""What the scores mean, said to someone who does not compute them.

Never more than was measured: finding no copies is not proof that there are none, and no measure
here is a guarantee.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neotype.dp.guarantee import Guarantee
from neotype.evaluate.metric import Score
from neotype.policy.ruling import Ruling
from neotype.report.detail import mapped, numbered, told
from neotype.report.threats import gravity, threat_of

AXES: Mapping[str, tuple[str, str]] = {
    "fidelity": ("Resemblance", "Does it look like the real data?"),
    "utility": ("Usefulness", "Does it teach the same things?"),
    "privacy": ("Privacy", "Does it tell who was in the real data, or what they are?"),
    "fairness": ("Fairness", "Does it treat groups as the real data does?"),
}

CAVEAT = (
    "This table comes with no formal privacy guarantee. The copying checks can find a leak; "
    "they cannot prove that there is none. Decide who may see it as you would for anything derived "
    "from the original table."
)

UNCOVERED = (
    "These scores are computed from private rows and are not covered by ε: share the synthetic "
    "rows and the model, and keep this report to those who may see the rows."
)
"""Said of every table whose model was learnt within a privacy budget."""

REFUTED = "The claimed guarantee is refuted."

BETTER = {
    "higher": "higher is better",
    "lower": "lower is better",
    "near_floor": "best near the floor",
}

READING = (
    "Each score comes with the interval it would fall in were the test repeated, with its floor, "
    "which is what real holdout rows score in the same test (nothing can be asked to do better), "
    "and with a target, where “good” begins."
)


@dataclass(frozen=True)
class Line:
    """One of the three questions, answered."""

    axis: str
    verdict: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The answer as one paragraph."""
        return " ".join(self.sentences)


@dataclass(frozen=True)
class Summary:
    """The verdict: a headline, a line per question, and what it does not say."""

    headline: str
    lines: tuple[Line, ...]
    caveat: str = CAVEAT


def summarize(
    scores: Sequence[Score], ruling: Ruling | None = None, guarantee: Guarantee | None = None
) -> Summary:
    """The verdict on a table from its scores and from what a policy decided."""
    state = {axis: worst([s for s in scores if s.axis == axis]) for axis in AXES}
    if state["privacy"] == "good" and not attacked(scores):
        state["privacy"] = "not measured"
    told = [axis for axis in AXES if axis != "fairness" or state[axis] != "not measured"]
    lines = tuple(Line(axis, state[axis], answer(axis, state[axis], scores)) for axis in told)
    return Summary(_headline(state, scores, ruling), lines, caveat_of(scores, guarantee))


def attacked(scores: Sequence[Score]) -> bool:
    """Whether anything but equal rows was looked for: that there are none says very little."""
    own = (s for s in scores if s.axis == "privacy" and s.metric != "exact_copies")
    return any(score.verdict in JUDGED for score in own)


def worst(scores: Sequence[Score]) -> str:
    """The worst verdict among those that were judged."""
    present = {score.verdict for score in scores}
    return next((v for v in ("poor", "fair", "good") if v in present), "not measured")


def badness(score: Score) -> tuple[float, float, float | None, float | None]:
    """Interval, target and floor on a scale where less is better and, near a floor, 0 is best."""
    value = score.value or 0.0
    low, high = score.interval or (value, value)
    target, floor = score.target, score.floor
    if score.better == "near_floor":
        centre = floor or 0.0
        ends = abs(low - centre), abs(high - centre)
        nearest = 0.0 if low <= centre <= high else min(ends)
        return nearest, max(ends), None if target is None else abs(target - centre), 0.0
    if score.better == "lower":
        return low, high, target, floor
    minus = [None if mark is None else -mark for mark in (target, floor)]
    return -high, -low, minus[0], minus[1]


def unsure(score: Score) -> bool:
    """Whether a fair score may well be good: its interval reaches the target."""
    low, _, target, floor = badness(score)
    if score.verdict != "fair" or score.interval is None or target is None:
        return False
    return low <= (target if floor is None else max(target, floor))


def refuted(scores: Sequence[Score]) -> Score | None:
    """The measure that refutes a claimed guarantee, if one does."""
    return next((score for score in scores if score.detail.get("refuted") is True), None)


def claim(scores: Sequence[Score]) -> str:
    """The guarantee that is claimed for the table, in words; empty where none is."""
    for score in scores:
        said = mapped(score.detail.get("claim"))
        epsilon, delta = numbered(said.get("epsilon")), numbered(said.get("delta"))
        if epsilon is not None:
            small = f", delta {delta:g}" if delta else ""
            unit = f", protecting each {said['unit']}" if said.get("unit") else ""
            swapped = (
                " (as compared with another one)" if said.get("neighbors") == "replace" else ""
            )
            return f"differential privacy with epsilon {epsilon:g}{small}{unit}{swapped}"
    return ""


def caveat_of(scores: Sequence[Score], guarantee: Guarantee | None = None) -> str:
    """What the verdict does not say."""
    claimed, against = claim(scores), refuted(scores)
    if against is not None:
        said = f" ({claimed})" if claimed else ""
        return (
            f"A formal guarantee is claimed for this table{said}, and an attack achieved what it "
            "rules out. Treat the table as one without any guarantee until the reason is found."
        ) + (f" {UNCOVERED}" if guarantee else "")
    if guarantee is not None:
        return (
            f"The model that made this table is {lowered(guarantee.promise)}. The attacks here can "
            f"refute that; they cannot prove it. {UNCOVERED}"
        )
    if claimed:
        return (
            f"A formal guarantee is claimed for this table: {claimed}. The attacks here can refute "
            "such a claim; they cannot prove it. Who made the claim answers for it."
        )
    return CAVEAT


def _headline(state: Mapping[str, str], scores: Sequence[Score], ruling: Ruling | None) -> str:
    """The first rule that fits; what speaks against the table comes first."""
    rules = (
        (refuted(scores) is not None, REFUTED),
        (ruling is not None and not ruling.allowed, ruling.headline if ruling else ""),
        (
            set(state.values()) == {"not measured"},
            "Nothing was measured, so nothing can be said about this table.",
        ),
        *faults(state, scores),
        *cautions(state, scores),
    )
    best = "A close stand-in for the real data; the copying checks raised no alarm."
    return next((words for fits, words in rules if fits), best)


def faults(state: Mapping[str, str], scores: Sequence[Score]) -> tuple[tuple[bool, str], ...]:
    """What is poor, and whether it is the whole or a part."""
    looks, works = state["fidelity"], state["utility"]
    told = any(s.metric == "c2st" and s.verdict == "poor" for s in scores)
    learns_worse = any(s.metric in _LEARNING and s.verdict == "poor" for s in scores)
    weak = _poor(scores, "fidelity")
    judged = [s for s in scores if s.axis == "fidelity" and s.verdict in JUDGED]
    partly = not told and len(judged) > 3 and 3 * len(weak) <= len(judged)
    apart = "is easily told" if told else "differs clearly"
    first = min((s.metric for s in _poor(scores, "privacy")), key=gravity, default="")
    return (
        (state["privacy"] == "poor", f"Not ready to share: {threat_of(first).alarm}."),
        (
            looks == "poor" and partly and works != "poor",
            f"A stand-in with a clear weakness: {_named(weak, 2)}.",
        ),
        (
            looks == "poor" and works in ("poor", "not measured"),
            f"A weak stand-in: it {apart} from the real data.",
        ),
        (
            looks == "poor",
            f"It {apart} from the real data, though models can still learn from it.",
        ),
        (
            works == "poor" and learns_worse,
            "It resembles the real data, but models trained on it do clearly worse.",
        ),
        (
            works == "poor",
            f"It resembles the real data, but falls short in use: "
            f"{_named(_poor(scores, 'utility'), 2)}.",
        ),
        (
            state["fairness"] == "poor",
            f"It does not treat groups as the real data does: "
            f"{_named(_poor(scores, 'fairness'), 2)}.",
        ),
    )


def cautions(state: Mapping[str, str], scores: Sequence[Score]) -> tuple[tuple[bool, str], ...]:
    """What is fair or unknown, and whether that lies in the table or in too few rows."""
    looks, works, copies = state["fidelity"], state["utility"], state["privacy"]
    sure = {s.axis for s in scores if s.verdict == "fair" and not unsure(s)}
    return (
        (
            copies == "not measured",
            "Copying was not checked: hold this table back until it has been.",
        ),
        (
            "privacy" in sure,
            "Usable, with a caution: some privacy checks lie above what chance explains.",
        ),
        (
            copies == "fair",
            f"Usable, with a caution: {_close_calls(scores)}.",
        ),
        (
            bool(sure),
            "A usable stand-in, with differences from the real data that can be seen.",
        ),
        (
            "fair" in (looks, works),
            "A usable stand-in, as far as this many rows can show.",
        ),
        (
            "not measured" in (looks, works),
            "The copying checks raised no alarm; how well it stands in was only partly measured.",
        ),
    )


def _close_calls(scores: Sequence[Score]) -> str:
    own = [s for s in scores if s.axis == "privacy" and s.verdict in JUDGED]
    close = sum(s.verdict == "fair" for s in own)
    are = "is" if close == 1 else "are"
    return f"{close} of {len(own)} privacy checks {are} too close to the limit to call"


JUDGED = ("good", "fair", "poor")
_LEARNING = ("tstr", "tstr_linear", "tstr_all")
_LEADING = {
    "fidelity": ("c2st", "shape"),
    "utility": ("tstr", "tstr_all"),
}


def _poor(scores: Sequence[Score], axis: str) -> list[Score]:
    return [score for score in scores if score.axis == axis and score.verdict == "poor"]


def _named(scores: Sequence[Score], most: int) -> str:
    more = f" and {len(scores) - most} more" if len(scores) > most else ""
    return ", ".join(score.title for score in scores[:most]) + more


def answer(axis: str, state: str, scores: Sequence[Score]) -> tuple[str, ...]:
    """What the axis's leading measures say, which measures are to blame, and what is not known."""
    own = [score for score in scores if score.axis == axis]
    if axis == "privacy":
        leads = _gravest(own)
    else:
        leads = [s for name in _LEADING.get(axis, ()) for s in own if s.metric == name]
    said = [score.meaning for score in leads if score.verdict != "not measured"]
    weak = [score for score in own if score.verdict == state and state in ("fair", "poor")]
    if axis == "privacy":
        weak.sort(key=lambda score: gravity(score.metric))
    elif not said and weak:
        said.append(weak[0].meaning)
    for because, group in (
        (f"Rated {state} because of", [s for s in weak if not unsure(s)]),
        ("Too close to call with this many rows", [s for s in weak if unsure(s)]),
    ):
        if group:
            said.append(f"{because}: {_named(group, 3)}.")
    if broken := broken_rules(own):
        said.append(broken)
    missed = [score for score in own if score.verdict == "not measured"]
    if missed and len(missed) < len(own):
        said.append(f"Not measured: {_named(missed, 4)}.")
    elif state == "not measured":
        said.append("No measure of it was taken." if not own else _unknown(own, missed))
    return tuple(said) or ("Every measure taken is good.",)


def broken_rules(scores: Sequence[Score], most: int = 3) -> str:
    """The rules that synthetic rows break and real ones keep, with their table: most broken first.

    Empty where none is broken.
    """
    found = [
        (numbered(rule.get("synthetic")) or 0.0, score.table or rule.get("table"), rule)
        for score in scores
        for rule in told(score.detail.get("constraints"))
        if (numbered(rule.get("synthetic")) or 0.0) < (numbered(rule.get("holdout")) or 0.0)
    ]
    found.sort(key=lambda one: one[0])
    names = [
        f"{f'{table}: ' if table else ''}{rule.get('constraint')} ({percent(1 - kept)} of rows)"
        for kept, table, rule in found
    ]
    more = f"; and {len(names) - most} more" if len(names) > most else ""
    return f"Rules that are broken: {'; '.join(names[:most])}{more}." if names else ""


def _unknown(own: Sequence[Score], missed: Sequence[Score]) -> str:
    """Why a question has no verdict although measures of it were asked for."""
    return reason(missed[0]) if missed else f"Not enough for a verdict: {_named(own, 3)} alone."


def _gravest(own: Sequence[Score], most: int = 2) -> list[Score]:
    """The measures of privacy that matter most: worst verdict first, of different threats."""
    rank = {"poor": 0, "fair": 1, "good": 3, "not judged": 4}
    order = sorted(
        (score for score in own if score.verdict in rank),
        key=lambda s: (
            s.detail.get("refuted") is not True,
            rank[s.verdict] + unsure(s),
            gravity(s.metric),
        ),
    )
    leads: dict[str, Score] = {}
    for score in order:
        leads.setdefault(threat_of(score.metric).key, score)
    return list(leads.values())[:most]


def reason(score: Score) -> str:
    """Why a score is missing, as a sentence."""
    why = str(score.detail.get("reason") or score.meaning).removeprefix("Not measured: ")
    return f"Not measured: {why}" if why else "Not measured."


def source(score: Score) -> str:
    """Who published the measure and when, without the title."""
    short = re.match(r".*?\b(1[89]|20)\d\d[a-z]?\b", score.reference)
    return short.group(0) if short else score.reference


def number(value: Any) -> str:
    """A score as people write it: three decimals, or two digits where it is tiny."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    if value == 0 or (isinstance(value, int) and not isinstance(value, bool)):
        return f"{value:,}" if isinstance(value, int) else "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 0.01:
        return f"{value:.2g}" if abs(value) < 1e-4 else f"{value:.4f}"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"


def took(seconds: float | None) -> str:
    """A time as people say it."""
    if seconds is None:
        return "not known"
    if seconds < 600:
        return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def figure(score: Score, value: float | None) -> str:
    """A number of this score as people write it: a count without decimals."""
    ends = (score.value, *(score.interval or ()), *([score.floor] if score.floor else []))
    counted = score.interval is not None and score.interval[0] == score.interval[1]
    if counted and value is not None and all(end is not None and end % 1 == 0 for end in ends):
        return f"{value:,.0f}"
    return number(value)


def goal(score: Score) -> str:
    """The target with the side on which good lies."""
    if score.target is None:
        return "–"
    if score.better == "near_floor" and score.floor is not None:
        away = figure(score, abs(score.target - score.floor))
        return f"{figure(score, score.floor)} ± {away}"
    sign = {"higher": "≥ ", "lower": "≤ "}.get(score.better, "")
    return f"{sign}{figure(score, score.target)}"


def signed(change: float) -> str:
    """A difference with its sign."""
    return f"{change:+.3f}".replace("-", "−")


def percent(share: float) -> str:
    """A share as a percentage that never rounds something to nothing, nor almost all to all."""
    if not math.isfinite(share):
        return "–"
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{100 * share:.0f}%" if share in (0, 1) else f"{100 * share:.1f}%"


def rate(share: float) -> str:
    """A small share as a percentage with two digits, however small it is."""
    return f"{100 * share:.2g}%" if 0 < share < 0.1 else percent(share)


def lowered(text: str) -> str:
    """The first letter small, for a sentence inside another."""
    return text[:1].lower() + text[1:]


def title(text: str) -> str:
    """The first letter large."""
    return text[:1].upper() + text[1:]
