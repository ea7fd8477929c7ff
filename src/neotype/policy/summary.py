"""A ruling as Markdown, such as a GitHub job shows: `--summary "$GITHUB_STEP_SUMMARY"`."""

from __future__ import annotations

import re
from pathlib import Path

from neotype.outputs import writing_to
from neotype.policy.judge import said
from neotype.policy.ruling import Outcome, Ruling

_SPECIAL = re.compile(r"([\\`*_\[\]|~$@#])")


def summary(ruling: Ruling, *, headline: str = "") -> str:
    """The decision, then every check, what holds the table back first.

    `headline` is the report's own verdict in a sentence.
    """
    sign = "✅" if ruling.allowed else "❌"
    lines = [f"### {sign} {_text(ruling.headline)}", ""]
    beside = [part for part in (headline, ruling.because) if part and part != ruling.headline]
    lines += [f"{_text(part)}\n" for part in beside]
    lines += ["| | Check | Found | Asked | |", "| --- | --- | --- | --- | --- |"]
    ordered = sorted(ruling.outcomes, key=lambda outcome: not outcome.refuses)
    lines += [_row(outcome) for outcome in ordered]
    return "\n".join([*lines, "", ""])


def _row(outcome: Outcome) -> str:
    sign = "❌" if outcome.refuses else "✅" if outcome.status == "pass" else "⚪"
    found = said(outcome.value)
    if outcome.interval is not None:
        found += f" ({' to '.join(said(end) for end in outcome.interval)})"
    told = "" if outcome.kind == "gate" and outcome.value is not None else outcome.words
    words = " ".join(filter(None, (told, outcome.because)))
    cells = (
        f"{sign} {outcome.status}",
        f"**{_text(outcome.name)}**",
        found,
        _text(outcome.threshold),
        _text(words),
    )
    return f"| {' | '.join(cells)} |"


def _text(value: str) -> str:
    """The user's words, with nothing left that Markdown or HTML would act on."""
    flat = " ".join(value.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat)


def append(path: Path, ruling: Ruling, *, headline: str = "") -> None:
    """Add the summary to a file, which CI systems share between steps; SourceError if it cannot."""
    with writing_to(path), path.open("a", encoding="utf-8") as file:
        file.write(summary(ruling, headline=headline))
