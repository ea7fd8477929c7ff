"""For the legal review: groups of people, real beside synthetic."""

from __future__ import annotations

from neotype.report.content import Content
from neotype.report.drawing import badge, text
from neotype.report.parts.beside import panel_of, records
from neotype.report.parts.layout import Drawn, linked
from neotype.report.words import percent, reason


def fairness(report: Content) -> Drawn:
    """Every measure of fairness, with its groups."""
    own = [score for score in report.scores if score.axis == "fairness"]
    if not own:
        return "", []
    parts = [
        '<p class="lead">Whether declared groups are in the table as they are in the real data, '
        "and are treated as the real data treats them. A synthetic table repeats what is unfair "
        "in its source; these measures ask whether it adds to it.</p>"
    ]
    for score in own:
        if score.value is None:
            continue
        panels = [
            panel_of(
                " · ".join(
                    key.replace("_", " ") for key in path if key not in ("columns", "groups")
                )
                or score.title,
                some,
                say=percent,
                within=(0.0, 1.0),
            )
            for path, some in records(score.detail)
        ]
        parts.append(
            f"<h3>{text(score.title)} {badge(score.verdict)}</h3><p>{linked(score)} "
            f'{text(score.meaning)}</p><div class="duo">{"".join(panels[:6])}</div>'
        )
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
