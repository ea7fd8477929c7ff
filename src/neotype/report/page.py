"""The report as one HTML page that opens without a network.

Plotly is in the page once, packed (gzip in base64: 2 MB instead of 4.8), and only when a figure
needs it. The content security policy names the hashes of the two scripts and no address, so that
nothing is ever fetched and nothing that came in with the data can run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from neotype.report.content import Content
from neotype.report.drawing import text
from neotype.report.parts.between import between
from neotype.report.parts.decision import head
from neotype.report.parts.exposure import exposure
from neotype.report.parts.fairness import fairness
from neotype.report.parts.layout import Section
from neotype.report.parts.legal import privacy
from neotype.report.parts.measures import methods, scores, whole_scores
from neotype.report.parts.particulars import calendar, rare, subgroups
from neotype.report.parts.record import choice, protected, run, schema
from neotype.report.parts.resemblance import columns, giveaways, pairs
from neotype.report.parts.sequences import sequences
from neotype.report.parts.tables import diagram, each, tables
from neotype.report.parts.usefulness import usefulness
from neotype.report.words import claim

READERS: Mapping[str, tuple[Section, ...]] = {
    "For the legal review": (
        Section("privacy", "Privacy", "Who could misuse it, and how", privacy),
        Section("fairness", "Fairness", "Groups of people", fairness),
        Section("protected", "Protected", "What was protected", protected),
    ),
    "For the statistician": (
        Section("scores", "Scores", "Every measure", scores),
        Section("columns", "Columns", "Column by column", columns),
        Section("pairs", "Pairs", "How columns go together", pairs),
        Section("subgroups", "Groups", "Inside each group", subgroups),
        Section("rare", "Rare events", "Rare values and combinations", rare),
        Section("calendar", "Calendar", "When things happen", calendar),
        Section("sequences", "Sequences", "What follows what", sequences),
        Section("giveaways", "Giveaways", "What gives it away", giveaways),
        Section("usefulness", "Usefulness", "What can be learnt from it", usefulness),
        Section("methods", "Methods", "How each number was computed", methods),
    ),
    "For the record": (
        Section("schema", "Schema", "What each column was taken for", schema),
        Section("choice", "Choice", "Why this family", choice),
        Section("run", "Run", "How it was made", run),
    ),
}
"""The parts of the page after its head, by who reads them."""

OF_DATABASES: Mapping[str, tuple[Section, ...]] = {
    "The database": (
        Section("diagram", "Diagram", "The tables and how they are tied", diagram),
        Section("tables", "Tables", "How each table fared", tables),
    ),
    "For the legal review": (
        Section("privacy", "Privacy", "Who could misuse it, and how", exposure),
        Section("protected", "Protected", "What was protected", protected),
    ),
    "For the statistician": (
        Section("between", "Between tables", "How tables go together", between),
        Section("sequences", "Sequences", "What follows what", sequences),
        Section("scores", "Scores", "Every measure of the whole", whole_scores),
        Section("each", "Table by table", "Each table by itself", each),
        Section("methods", "Methods", "How each number was computed", methods),
    ),
    "For the record": (
        Section("schema", "Schema", "What each column was taken for", schema),
        Section("run", "Run", "How it was made", run),
    ),
}
"""The same of a report on several tables."""

UNSCORED = ("privacy", "protected", "schema", "run")
"""The parts of a report that tells no score, and is therefore for everybody."""


def page(report: Content) -> str:
    """The whole page."""
    parts, specs, listed = [], {}, []
    readers = OF_DATABASES if report.tables else READERS
    for reader, sections in readers.items():
        inside = []
        for section in sections:
            if not report.scores and report.facts.public and section.name not in UNSCORED:
                continue
            html, drawn = section.draw(report)
            if not html:
                continue
            specs.update({figure.name: figure.spec for figure in drawn})
            listed.append(f'<li><a href="#{section.name}">{section.label}</a></li>')
            inside.append(
                f'<section id="{section.name}" aria-labelledby="{section.name}-title">'
                f'<h2 id="{section.name}-title">{section.title}</h2>{html}</section>\n'
            )
        if inside:
            parts.append(f'<p class="reader"><span>{reader}</span></p>\n{"".join(inside)}')
    name = f"{report.facts.source} · " if report.facts.source else ""
    guarantee = (
        "no number in it has read a private row, save through the noise that was paid for"
        if report.guarantee and report.facts.public
        else "what they say of real rows is not covered by the guarantee of the model"
        if report.guarantee
        else "a formal guarantee is claimed for it, which nothing here proves"
        if claim(report.scores)
        else "no formal privacy guarantee comes with it"
    )
    return shell(
        title=f"{name}neotype report",
        head=head(report),
        contents="".join(listed),
        main="".join(parts),
        foot=f"Made by neotype. Aggregates only: no real row is in this page, and {guarantee}.",
        specs=specs,
    )


def shell(
    *, title: str, head: str, contents: str, main: str, foot: str, specs: Mapping[str, Any]
) -> str:
    """A page around its parts, which are HTML already; `specs` are the figures by name."""
    script = _asset("page.js")
    hashes, plotly = [_hash(script)], ""
    if specs:
        packed, digest = _plotly()
        hashes.append(digest)
        plotly = f'<script type="text/plain" id="plotly">{packed}</script>'
    policy = (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(title)}</title>\n<style>\n{_asset('page.css')}</style>\n"
        '</head>\n<body>\n<a class="skip" href="#main">Skip to the findings</a>\n'
        f"{head}\n"
        f'<nav aria-label="Contents"><div class="wrap"><ul>{contents}</ul></div></nav>\n'
        f'<main class="wrap" id="main">\n{main}</main>\n'
        f'<footer><div class="wrap">{foot}</div></footer>\n'
        f'<script type="application/json" id="figures">{_inline(specs)}</script>\n'
        f"{plotly}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return files("neotype.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> tuple[str, str]:
    """Plotly packed, and the hash of what is unpacked."""
    source = files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")
    packed = gzip.compress(source.encode(), 9, mtime=0)
    return base64.b64encode(packed).decode(), _hash(source)


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _inline(value: Any) -> str:
    """JSON that cannot end the script element which holds it."""
    listed = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for mark in ("<", ">", "&", "\u2028", "\u2029"):
        listed = listed.replace(mark, f"\\u{ord(mark):04x}")
    return listed
