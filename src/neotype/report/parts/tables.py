"""Of a database: how its tables are tied, how each of them fared, and each by itself."""

from __future__ import annotations

import re

from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.database import TableFacts
from neotype.report.diagram import draw
from neotype.report.drawing import badge, sides, text
from neotype.report.parts.between import is_between
from neotype.report.parts.fairness import fairness
from neotype.report.parts.layout import Drawn, drawer, find, linked, sheet
from neotype.report.parts.measures import score_key, score_sheets
from neotype.report.parts.particulars import calendar, rare, subgroups
from neotype.report.parts.resemblance import SHARES, column_cards, detector_rank, pair_sheet
from neotype.report.whole import table_verdicts
from neotype.report.words import AXES

_KEY = (
    '<ul class="key"><li><svg viewBox="-8 -8 16 16" aria-hidden="true"><path fill="var(--fair)" '
    'd="M0-6l6 6-6 6-6-6z"/></svg>part of the primary key</li>'
    '<li><svg viewBox="-8 -8 16 16" aria-hidden="true"><path class="m-real" d="M0-6l6 6-6 6-6-6z"'
    "/></svg>foreign key</li>"
    '<li><svg viewBox="-11 -8 22 16" aria-hidden="true"><path class="tie" d="M-10 0H0M0 0L10-6M0 '
    '0L10 0M0 0L10 6"/></svg>many rows refer</li>'
    '<li><svg viewBox="-11 -8 22 16" aria-hidden="true"><path class="tie" d="M-10 0H10M4-6V6"/>'
    "</svg>to one row, or (with a ring) to none</li>"
    "<li>numbers: rows that were learnt</li><li>colour: the table’s verdict</li></ul>"
)


def diagram(report: Content) -> Drawn:
    """The tables as boxes, coloured by how they fared."""
    if report.database is None:
        return "", []
    tones = {v.table: v.verdict for v in table_verdicts(report.scores, report.tables)}
    ties = len(report.database.ties)
    drawn = draw(report.database, tones)
    lead = (
        f"{len(report.tables)} tables and {ties} foreign key{'' if ties == 1 else 's'}. "
        "Tables lie right of those that they refer to; a dashed line closes a circle."
    )
    return (
        f'<p class="lead">{lead}</p><div class="scroll panel" tabindex="0">{drawn}</div>{_KEY}',
        [],
    )


PLAIN = 0.5
"""Real rows that equal another, above which equal rows say nothing of copying."""

_LEADING = (("shape", "Shape"), ("trend", "Trend"), ("c2st", "Detection"), ("copies", "Copies"))


def tables(report: Content) -> Drawn:
    """A row for each table: how many rows, the leading scores, and the verdict."""
    if report.database is None:
        return "", []
    verdicts = {v.table: v for v in table_verdicts(report.scores, report.tables)}
    rows = []
    for place, table in enumerate(report.database.tables):
        one = report.only(table.name)
        cells = [_leading(one, metric) for metric, _ in _LEADING]
        name = f'<a href="#table-{place}"><b>{text(table.name)}</b></a>'
        notes = _notes(table)
        rows.append(
            (
                name + (f'<span class="toward">{text(notes)}</span>' if notes else ""),
                f"{table.rows.get('train', 0):,}",
                f"{table.rows.get('synthetic', 0):,}",
                *cells,
                badge("not judged", "kept")
                if table.public
                else badge(verdicts[table.name].verdict),
            )
        )
    header = ("Table", "Learnt", "Synthetic", *(label for _, label in _LEADING), "Verdict")
    return (
        '<p class="lead">Rows on both sides, and the leading scores of every table: Shape and '
        "Trend are best at 1, Detection at 0.5, Copies (rows that are a training row) at the rate "
        "of real rows, which is 1 where a table has few columns but keys. The verdict is the worst "
        "of all judged measures of the table.</p>"
        f"{sheet(header, 'tnnnnnnt', rows)}",
        [],
    )


def _notes(table: TableFacts) -> str:
    notes = ["may be published: kept as it is"] if table.public else []
    notes += [f"in the order of {table.sequence}"] if table.sequence else []
    return ", ".join(notes)


def _leading(one: Content, metric: str) -> str:
    """The score of one table, or a dash."""
    names = ("exact_copies", "near_copies") if metric == "copies" else (metric,)
    found = (score for name in names if (score := find(one, name)) is not None)
    score = next((s for s in found if s.value is not None), None)
    if score is None:
        return "–"
    plain = metric == "copies" and (score.floor or 0.0) >= PLAIN
    return linked(score) + ('<span class="toward">real rows too</span>' if plain else "")


def each(report: Content) -> Drawn:
    """Every table by itself, folded: scores, columns, pairs, what gives it away."""
    if report.database is None:
        return "", []
    verdicts = {v.table: v for v in table_verdicts(report.scores, report.tables)}
    parts = []
    for place, table in enumerate(report.database.tables):
        one = report.only(table.name)
        verdict = verdicts[table.name]
        judged = "".join(
            f"<span>{AXES[axis][0]} {badge(word)}</span>"
            for axis, word in verdict.axes.items()
            if word != "not measured"
        )
        unjudged = badge("not judged", "kept") if table.public else badge("not measured")
        about = (
            f'<span class="soft">{table.rows.get("train", 0):,} rows, {table.columns} columns'
            f'</span> <span class="verdicts">{judged or unjudged}</span>'
        )
        inside = scoped(_table(one, table), f"t{place}-")
        parts.append(drawer(table.name, about, inside, anchor=f"table-{place}"))
    lead = "The scores of each table, its columns and the pairs of them, real beside synthetic."
    return f'<p class="lead">{lead}</p>{score_key()}{"".join(parts)}', []


def scoped(html: str, prefix: str) -> str:
    """The same part with anchors of its own, so that it can stand in a page several times.

    Links to the methods, which all tables share, stay.
    """
    html = re.sub(r' id="(?!how-)', f' id="{prefix}', html)
    return re.sub(r' href="#(?!how-)', f' href="#{prefix}', html)


def _table(one: Content, table: TableFacts) -> str:
    if table.public:
        return '<p class="soft">A reference table that may be published: kept as it is.</p>'
    own = tuple(s for s in one.scores if not is_between(s.metric))
    measured = [s for s in own if s.value is not None]
    parts = [score_sheets(one) if measured else _unmeasured(own)]
    cards = column_cards(one, drawn=True)
    if cards:
        parts.append(f'<h3>Columns</h3>{SHARES}{sides()}<div class="grid">{cards}</div>')
    plain = [view.name for view in one.marginals if view.form == "none"]
    if plain:
        said = text(", ".join(plain))
        parts.append(f'<p class="soft small later">Keys and what is made anew, not drawn: {said}.')
        parts.append("</p>")
    trend, told = find(one, "trend"), find(one, "c2st")
    pairs = pair_sheet(trend.detail, 6) if trend is not None else ""
    if pairs:
        parts.append(f"<h3>The pairs that differ most</h3>{pairs}")
    ranked = detector_rank(told, 8) if told is not None else ""
    if ranked and told is not None:
        parts.append(
            f'<h3>What gives it away</h3><div class="panel narrow"><p>{text(told.meaning)}</p>'
            f"{ranked}</div>"
        )
    for title, draw_part in (
        ("Inside each group", subgroups),
        ("Rare values and combinations", rare),
        ("When things happen", calendar),
        ("Groups of people", fairness),
    ):
        html, figures = draw_part(one)
        if html and not figures and _some(one, title):
            parts.append(f"<h3>{title}</h3>{html}")
    return "".join(parts)


def _some(one: Content, title: str) -> bool:
    """Whether there is a group of people to show at all."""
    if title != "Groups of people":
        return True
    return any(s.axis == "fairness" and s.value is not None for s in one.scores)


def _unmeasured(own: tuple[Score, ...]) -> str:
    why = {s.meaning.removeprefix("Not measured: ") for s in own}
    if len(why) == 1:
        return f'<p class="soft">Not measured: {text(next(iter(why)))}</p>'
    return '<p class="soft">Nothing of this table was measured by itself.</p>'
