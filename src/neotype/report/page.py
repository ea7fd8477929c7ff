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
from importlib.resources import files
from typing import Any

from neotype.report.content import Content
from neotype.report.drawing import text
from neotype.report.sections import SECTIONS, head


def page(report: Content) -> str:
    """The whole page."""
    parts, specs = [], {}
    for name, (label, draw) in SECTIONS.items():
        inside, drawn = draw(report)
        specs.update({figure.name: figure.spec for figure in drawn})
        parts.append(
            f'<section id="{name}" aria-labelledby="{name}-title">'
            f'<h2 id="{name}-title">{_TITLES.get(name, label)}</h2>{inside}</section>'
        )
    contents = "".join(
        f'<li><a href="#{name}">{label}</a></li>' for name, (label, _) in SECTIONS.items()
    )
    script = _asset("page.js")
    hashes, plotly = [_hash(script)], ""
    if specs:
        source = _plotly()
        hashes.append(_hash(source))
        packed = base64.b64encode(gzip.compress(source.encode(), 9, mtime=0)).decode()
        plotly = f'<script type="text/plain" id="plotly">{packed}</script>'
    policy = (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    name = f"{report.facts.source} · " if report.facts.source else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(name)}neotype report</title>\n<style>\n{_asset('page.css')}</style>\n"
        '</head>\n<body>\n<a class="skip" href="#scores">Skip to the scores</a>\n'
        f"{head(report)}\n"
        f'<nav aria-label="Contents"><div class="wrap"><ul>{contents}</ul></div></nav>\n'
        f'<main class="wrap">\n{"".join(f"{part}{chr(10)}" for part in parts)}</main>\n'
        f'<footer><div class="wrap">{_FOOT}</div></footer>\n'
        f'<script type="application/json" id="figures">{_inline(specs)}</script>\n'
        f"{plotly}\n<script>{script}</script>\n</body>\n</html>\n"
    )


_TITLES = {
    "scores": "Every measure",
    "columns": "Column by column",
    "pairs": "How columns go together",
    "giveaways": "What gives it away",
    "usefulness": "What can be learnt from it",
    "copying": "Is anything copied?",
    "protected": "What was protected",
    "schema": "What each column was taken for",
    "run": "How it was made",
}
_FOOT = (
    "Made by neotype. Aggregates only: no real row is in this page, and no formal privacy "
    "guarantee comes with it."
)


def _asset(name: str) -> str:
    return files("neotype.report").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    return files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _inline(value: Any) -> str:
    """JSON that cannot end the script element which holds it."""
    listed = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for mark in ("<", ">", "&", "\u2028", "\u2029"):
        listed = listed.replace(mark, f"\\u{ord(mark):04x}")
    return listed
