"""What a report says that may be published: no number in it has read a private row for free."""

from __future__ import annotations

from collections.abc import Sequence

from neotype.dp.guarantee import Guarantee
from neotype.evaluate.metric import Score
from neotype.policy.ruling import Ruling
from neotype.report.words import (
    AXES,
    CAVEAT,
    UNCOVERED,
    Line,
    Summary,
    answer,
    faults,
    lowered,
    unsure,
    worst,
)

PUBLISHED = (
    "The scores here compare the synthetic rows with public rows, of which none was learnt: they "
    "may be published with the table."
)
UNTOLD = (
    "No score is told here, for each would have read private rows; nothing in this report has, "
    "save through the noise that was paid for."
)


def footing(scores: Sequence[Score], public: bool) -> str:
    """On which rows the report on a private model rests, and who may therefore see it."""
    if not public:
        return UNCOVERED
    return PUBLISHED if scores else UNTOLD


def released(
    scores: Sequence[Score], ruling: Ruling | None = None, guarantee: Guarantee | None = None
) -> Summary:
    """The verdict where scores are of public rows alone, or where there is none.

    Who was learnt is no question to such rows: that is what the guarantee is about.
    """
    asked = [axis for axis in AXES if any(score.axis == axis for score in scores)]
    state = {axis: worst([s for s in scores if s.axis == axis]) for axis in AXES}
    lines = tuple(Line(axis, state[axis], answer(axis, state[axis], scores)) for axis in asked)
    rests = footing(scores, True)
    if guarantee is None:
        return Summary(_headline(state, scores, ruling), lines, f"{CAVEAT} {rests}")
    promise = f"The model that made this table is {lowered(guarantee.promise)}."
    return Summary(_headline(state, scores, ruling), lines, f"{promise} {rests}")


def _headline(state: dict[str, str], scores: Sequence[Score], ruling: Ruling | None) -> str:
    if ruling is not None and not ruling.allowed:
        return ruling.headline
    if not scores:
        return "Made by a differentially private model, and measured on no private row."
    poor = next((words for fits, words in faults(state, scores) if fits), None)
    if poor is not None:
        return poor
    fair = [score for score in scores if score.verdict == "fair"]
    if any(not unsure(score) for score in fair):
        return "A usable stand-in, with differences from public rows that can be seen."
    if fair:
        return "A usable stand-in, as far as so few public rows can show."
    return "A close stand-in for rows like the public ones."
