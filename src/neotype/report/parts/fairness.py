"""For the legal review: groups of people, real beside synthetic."""

from __future__ import annotations

from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.drawing import badge, text
from neotype.report.parts.beside import KEY, named, panel_of, records
from neotype.report.parts.layout import Drawn, linked
from neotype.report.words import number, percent, reason


def fairness(report: Content) -> Drawn:
    """Every measure of fairness, with its groups."""
    own = [score for score in report.scores if score.axis == "fairness"]
    if not own:
        return "", []
    parts = [
        '<p class="lead">Whether declared groups are in the table as they are in the real data, '
        "and are treated as the real data treats them. A synthetic table repeats what is unfair "
        "in its source; these measures ask whether it adds to it.</p>"
        f"{KEY}"
    ]
    parts += [_groups(score) for score in own if score.value is not None]
    missed = [score for score in own if score.value is None]
    if len(missed) == len(own):
        parts = parts[:1]
    if missed:
        reasons = {reason(score): score for score in missed}
        alike = {why: [s.title for s in missed if reason(s) == why] for why in reasons}
        listed = "".join(
            f"<li><b>{text(', '.join(names))}</b>: {text(why)}</li>" for why, names in alike.items()
        )
        parts.append(f'<ul class="plain missed">{listed}</ul>')
    return "".join(parts), []


_SHARES = ("group_representation", "demographic_parity", "equalised_odds")
"""Measures whose numbers are shares of rows."""


def _groups(score: Score) -> str:
    """One measure in words, and a panel for the groups of each column."""
    positive = score.detail.get("positive")
    counted = {
        "group_representation": "share of rows",
        "demographic_parity": f"share with {positive}",
        "equalised_odds": f"rows with and without {positive}",
        "group_utility": str(score.detail.get("measure", "")),
    }.get(score.metric, "")
    said = f"{counted}; " if counted else ""
    shares = score.metric in _SHARES
    panels = [
        panel_of(
            named(path) or score.title,
            some,
            say=percent if shares else number,
            within=(0.0, 1.0) if shares else None,
            key=False,
        )
        for path, some in records(score.detail)
    ]
    return (
        f"<h3>{text(score.title)} {badge(score.verdict)}</h3><p>{text(score.meaning)} "
        f'<span class="soft">({text(said)}score {linked(score)})</span></p>'
        f'<div class="trio">{"".join(panels[:9])}</div>'
    )
