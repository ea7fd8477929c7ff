"""The report as a Markdown card, such as a repository or a data catalogue shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from neotype.report.content import Content
from neotype.report.words import AXES, goal, number

_SPECIAL = re.compile(r"([\\`*_\[\]|~$@])")
_MARKS = {"good": "●", "fair": "◐", "poor": "▲"}


def card(report: Content) -> str:
    """The whole card."""
    summary, facts = report.summary, report.facts
    name = f": {_text(facts.source)}" if facts.source else ""
    lines = [f"# Synthetic data report{name}", "", f"**{_text(summary.headline)}**", ""]
    lines += [
        f"- **{AXES[line.axis][0]}** ({line.verdict}): {_text(line.text)}" for line in summary.lines
    ]
    lines += ["", f"> {summary.caveat}", ""]
    known = [f"{rows:,} {part} rows" for part, rows in report.rows.items()]
    known += [f"target {_text(report.target)}"] if report.target else []
    known += [f"made by {_text(facts.synthesizer)}"] if facts.synthesizer else []
    lines += [" · ".join([*known, f"written {report.made}"]), "", "## Scores", ""]
    lines += _table(
        ("Measure", "Score", "Interval", "Floor", "Target", "Status"),
        [
            (
                _text(score.title),
                number(score.value),
                " to ".join(number(end) for end in score.interval) if score.interval else "–",
                number(score.floor),
                goal(score),
                f"{_MARKS.get(score.verdict, '○')} {score.verdict}",
            )
            for score in report.scores
        ],
    )
    lines += ["The floor is what real holdout rows score in the same test.", ""]
    if facts.protections:
        lines += ["## What was protected", ""]
        lines += _table(
            ("Column", "What", "Cells", "How"),
            [
                (_text(p.column), _text(p.what), f"{p.cells:,}", _text(p.note))
                for p in facts.protections
            ],
        )
    lines += ["## Schema", ""]
    lines += _table(
        ("Column", "Kind", "Stored as", "Why"),
        [(_text(c.name), c.kind, _text(c.storage), _text(c.reason)) for c in report.schema],
    )
    if facts.plan:
        plan = json.dumps(facts.plan, indent=2, ensure_ascii=False)
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", plan)), default=0))
        lines += ["## Plan", "", f"{fence}json", plan, fence, ""]
    if facts.versions:
        said = ", ".join(f"{_text(k)} {_text(v)}" for k, v in facts.versions.items())
        lines += ["## Versions", "", said, ""]
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}", *body, ""]


def _text(value: object) -> str:
    """The user's words, with nothing left that Markdown or HTML would act on."""
    flat = " ".join(str(value).split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat)
