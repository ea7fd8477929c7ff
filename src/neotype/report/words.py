"""What the scores mean, said to someone who does not compute them.

Never more than was measured: finding no copies is not proof that there are none, and no measure
here is a guarantee.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neotype.evaluate.metric import Score

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


def summarize(scores: Sequence[Score]) -> Summary:
    """The verdict on a table from its scores."""
    state = {axis: worst([s for s in scores if s.axis == axis]) for axis in AXES}
    told = [axis for axis in AXES if axis != "fairness" or state[axis] != "not measured"]
    lines = tuple(Line(axis, state[axis], _line(axis, state[axis], scores)) for axis in told)
    return Summary(_headline(state, scores), lines)


def worst(scores: Sequence[Score]) -> str:
    """The worst verdict among those that were measured."""
    present = {score.verdict for score in scores}
    return next((v for v in ("poor", "fair", "good") if v in present), "not measured")


def unsure(score: Score) -> bool:
    """Whether a fair score may well be good: its interval reaches the target."""
    if score.verdict != "fair" or score.interval is None or score.target is None:
        return False
    low, high = score.interval
    return high >= score.target if score.better == "higher" else low <= score.target


def _headline(state: Mapping[str, str], scores: Sequence[Score]) -> str:
    """The first rule that fits; what speaks against the table comes first."""
    looks, works, copies = state["fidelity"], state["utility"], state["privacy"]
    sure = {s.axis for s in scores if s.verdict == "fair" and not unsure(s)}
    told = any(s.metric == "c2st" and s.verdict == "poor" for s in scores)
    apart = "is easily told" if told else "differs clearly"
    rules = (
        (
            set(state.values()) == {"not measured"},
            "Nothing was measured, so nothing can be said about this table.",
        ),
        (
            copies == "poor",
            "Not ready to share: there are signs that training rows were copied.",
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
            works == "poor",
            "It resembles the real data, but models trained on it do clearly worse.",
        ),
        (
            copies == "not measured",
            "Copying was not checked: hold this table back until it has been.",
        ),
        (
            "privacy" in sure,
            "Usable, with a caution: some copying checks lie above what chance explains.",
        ),
        (
            copies == "fair",
            "Usable, with a caution: there are too few rows to be sure that none was copied.",
        ),
        (
            bool(sure),
            "A usable stand-in, with differences from the real data that can be seen.",
        ),
        (
            "fair" in (looks, works),
            "A usable stand-in, as far as so few rows can show.",
        ),
        (
            "not measured" in (looks, works),
            "The copying checks raised no alarm; how well it stands in was only partly measured.",
        ),
    )
    best = "A close stand-in for the real data; the copying checks raised no alarm."
    return next((words for fits, words in rules if fits), best)


_LEADING = {
    "fidelity": ("c2st", "shape"),
    "utility": ("tstr", "tstr_all"),
    "privacy": ("dcr_share", "exact_copies"),
    "fairness": (),
}


def _line(axis: str, state: str, scores: Sequence[Score]) -> tuple[str, ...]:
    """What the axis's leading measures say, which measures are to blame, and what is not known."""
    own = [score for score in scores if score.axis == axis]
    said = [
        score.meaning
        for name in _LEADING[axis]
        for score in own
        if score.metric == name and score.verdict != "not measured"
    ]
    weak = [score for score in own if score.verdict == state and state in ("fair", "poor")]
    for because, group in (
        (f"Rated {state} because of", [s.title for s in weak if not unsure(s)]),
        ("Too few rows to be sure that it is good", [s.title for s in weak if unsure(s)]),
    ):
        if group:
            more = f" and {len(group) - 3} more" if len(group) > 3 else ""
            said.append(f"{because}: {', '.join(group[:3])}{more}.")
    missed = [score.title for score in own if score.verdict == "not measured"]
    if missed and len(missed) < len(own):
        said.append(f"Not measured: {', '.join(missed)}.")
    elif state == "not measured":
        said.append("No measure of it was taken." if not own else reason(own[0]))
    return tuple(said) or ("Every measure taken is good.",)


def reason(score: Score) -> str:
    """Why a score is missing, as a sentence."""
    why = str(score.detail.get("reason") or score.meaning).removeprefix("Not measured: ")
    return f"Not measured: {why}" if why else "Not measured."


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


def goal(score: Score) -> str:
    """The target with the side on which good lies."""
    sign = {"higher": "≥ ", "lower": "≤ "}.get(score.better, "")
    return "–" if score.target is None else f"{sign}{number(score.target)}"


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


def title(text: str) -> str:
    """The first letter large."""
    return text[:1].upper() + text[1:]
