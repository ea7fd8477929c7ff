"""For the decision: the verdict, what a policy made of it, why, and where to read on."""

from __future__ import annotations

from neotype.policy.ruling import Outcome, Ruling
from neotype.report.content import Content
from neotype.report.drawing import badge, text, tone
from neotype.report.parts.layout import fold
from neotype.report.whole import DATABASE_AXES
from neotype.report.words import AXES, title

GUIDE = (
    ("decision", "For the decision", "the verdict, why, and what it does not say"),
    ("privacy", "For the legal review", "who could misuse it, what was tried, what was not"),
    ("scores", "For the statistician", "every measure, its uncertainty, and how it is computed"),
)
"""Anchor, reader, and what is there."""

OF_TABLES = ("For the statistician", "how tables go together, and each table with its measures")
"""The third of them, of a database."""


def head(report: Content) -> str:
    """What a manager reads."""
    summary = report.summary
    asked = DATABASE_AXES if report.tables else {axis: ask for axis, (_, ask) in AXES.items()}
    cards = "".join(
        f'<div class="question {tone(line.verdict)}"><h2>{AXES[line.axis][0]}'
        f'{badge(line.verdict)}</h2><p class="ask">{asked[line.axis]}</p>'
        f"{''.join(f'<p>{text(sentence)}</p>' for sentence in line.sentences)}</div>"
        for line in summary.lines
    )
    source = f" · {text(report.facts.source)}" if report.facts.source else ""
    return (
        f'<header id="decision"><div class="wrap"><p class="eyebrow">Synthetic data report{source}'
        f"</p>{guide(report)}<h1>{text(summary.headline)}</h1>"
        f"{ruling(report.ruling, summary.headline)}"
        f'<div class="questions">{cards}</div><p class="caveat">{text(summary.caveat)}</p>'
        f"{_known(report)}</div></header>"
    )


def guide(report: Content) -> str:
    """Three readers, three ways in."""
    listed = GUIDE if report.scores else GUIDE[:2]
    if report.database is not None:
        listed = (*GUIDE[:2], ("between" if report.database.ties else "each", *OF_TABLES))
    ways = "".join(
        f'<li><a href="#{name}">{reader}</a><span>{what}</span></li>'
        for name, reader, what in listed
    )
    return f'<ul class="guide" aria-label="Where to read">{ways}</ul>'


def _known(report: Content) -> str:
    known = [(f"{title(name)} rows", f"{rows:,}") for name, rows in report.rows.items()]
    known += [("Tables", f"{len(report.tables):,}")] if report.tables else []
    known += [("Columns", f"{len(report.schema):,}")]
    given = (
        ("Target", report.target),
        ("Made by", report.facts.synthesizer),
        ("Written", report.made[:16].replace("T", " ") + " UTC"),
    )
    known += [(label, value) for label, value in given if value]
    listed = "".join(f"<div><dt>{label}</dt><dd>{text(value)}</dd></div>" for label, value in known)
    return f'<dl class="facts">{listed}</dl>'


def ruling(decided: Ruling | None, headline: str = "") -> str:
    """What the policy decided: each check that holds the table back, then those that hold.

    What the `headline` of the page says already is not said again.
    """
    if decided is None:
        return ""
    held = decided.refused
    missed = [o for o in decided.outcomes if o.status == "not measured" and o not in held]
    passed = [o for o in decided.outcomes if o not in held and o not in missed]
    name = f"Policy “{text(decided.policy)}”" if decided.policy else "The claimed guarantee"
    word = "allowed" if decided.allowed else "refused" if decided.policy else "refuted"
    verdict = "good" if decided.allowed else "poor"
    parts = [f"<h2>{name}{badge(verdict, word)}</h2>"]
    if decided.headline != headline:
        parts.append(f'<p class="said">{text(decided.headline)}</p>')
    if decided.because:
        parts.append(f'<p class="ask">{text(_sentence(decided.because))}</p>')
    if held:
        parts.append(f'<ul class="gates">{"".join(_outcome(o) for o in held)}</ul>')
    for some, one, several in (
        (
            missed,
            "check was not measured, and may be missing",
            "checks were not measured, and may be missing",
        ),
        (passed, "check holds", "checks hold"),
    ):
        if some:
            many = f"{len(some)} {one if len(some) == 1 else several}"
            listed = f'<ul class="gates">{"".join(_outcome(o) for o in some)}</ul>'
            parts.append(fold(many, listed, True))
    inside = "".join(parts)
    return f'<div class="ruling {verdict}" id="policy">{inside}</div>'


_WORDS = {"pass": ("good", "holds"), "fail": ("poor", "fails")}


def _outcome(outcome: Outcome) -> str:
    verdict, word = _WORDS.get(outcome.status, ("not measured", outcome.status))
    asked = f'<span class="soft">Asked: {text(outcome.threshold)}.</span> '
    because = (
        f'<span class="soft">{text(_sentence(outcome.because))}</span>' if outcome.because else ""
    )
    return (
        f"<li>{badge(verdict, word)}<div><b>{text(outcome.name)}</b> {text(outcome.words)} "
        f"{asked if outcome.threshold else ''}{because}</div></li>"
    )


def _sentence(words: str) -> str:
    return f"{title(words.rstrip('.'))}."
