"""For the statistician: every measure with its uncertainty, and how each number was computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.detail import numbered, spanned
from neotype.report.drawing import badge, diamond, gauge, text
from neotype.report.parts.layout import Drawn, anchor, fold, linked
from neotype.report.words import AXES, BETTER, READING, figure, goal, number, reason, source, title

MOST_ROWS = 12
"""Of a longer table of details the page shows this many rows; the JSON report has them all."""

_HEADER = (
    ("Measure", ""),
    ("Score", ' class="n"'),
    ("Floor", ' class="n"'),
    ("Target", ' class="n"'),
    ("", ' aria-label="Drawn"'),
    ("Status", ""),
)
_KEY = (
    ('<circle class="dot" cx="11" cy="6" r="4.5"/>', "score"),
    ('<line class="spread" x1="3" x2="19" y1="6" y2="6"/>', "interval"),
    (diamond(11, 6), "floor: what real holdout rows score"),
    ('<line class="target" x1="11" x2="11" y1="0" y2="12"/>', "target: where good begins"),
)


def scores(report: Content) -> Drawn:
    """Every measure, by question: the measured ones, then those that are missing and why."""
    parts = score_sheets(report)
    if not parts:
        return '<p class="lead">No measure was taken.</p>', []
    lead = f'<p class="lead">{READING} Each score leads to how it was computed.</p>'
    return f"{lead}{score_key()}{parts}", []


def whole_scores(report: Content) -> Drawn:
    """The measures of a database that are of none of its tables alone."""
    between = report.between()
    return scores(between) if between.scores else ("", [])


def score_key() -> str:
    """What the marks of a gauge mean."""
    key = "".join(
        f'<li><svg viewBox="0 0 22 12" aria-hidden="true">{mark}</svg>{words}</li>'
        for mark, words in _KEY
    )
    return f'<ul class="key">{key}</ul>'


def score_sheets(report: Content) -> str:
    """A sheet for each question, without more words."""
    return "".join(_axis(name, ask, own) for (name, ask), own in by_question(report))


def by_question(report: Content) -> list[tuple[tuple[str, str], list[Score]]]:
    """The scores of each question that has any."""
    groups = [(words, [s for s in report.scores if s.axis == axis]) for axis, words in AXES.items()]
    return [(words, own) for words, own in groups if own]


def _axis(name: str, ask: str, own: Sequence[Score]) -> str:
    taken = [score for score in own if score.value is not None]
    missed = [score for score in own if score.value is None]
    parts = [f'<h3>{name} <span class="soft">{ask}</span></h3>']
    if taken:
        header = "".join(f'<th scope="col"{extra}>{label}</th>' for label, extra in _HEADER)
        parts.append(
            f'<table class="sheet scores"><thead><tr>{header}</tr></thead>'
            f"<tbody>{''.join(_row(score) for score in taken)}</tbody></table>"
        )
    if missed:
        listed = "".join(
            f'<li id="{_row_anchor(s)}"><b>{text(s.title)}</b> {badge(s.verdict)} '
            f'{text(reason(s))} <a class="small" href="#{anchor(s.metric)}">How it is computed</a>'
            "</li>"
            for s in missed
        )
        inside = f'<ul class="plain missed">{listed}</ul>'
        parts.append(fold(f"{len(missed)} not measured, and why", inside, len(missed) > 2))
    return "".join(parts)


def _row_anchor(score: Score) -> str:
    return anchor(score.metric).replace("how-", "score-", 1)


def _row(score: Score) -> str:
    interval = ""
    if score.interval is not None:
        low, high = (figure(score, end) for end in score.interval)
        interval = f' <span class="interval">{low} to {high}</span>'
    cite = f'<span class="cite">{text(source(score))}</span>' if score.reference else ""
    return (
        f'<tr id="{_row_anchor(score)}"><td class="what"><span class="name">'
        f'{text(score.title)}</span><span class="toward">{BETTER[score.better]}</span>{cite}'
        f'</td><td class="n" data-label="Score"><span><b>{linked(score)}</b>{interval}'
        f'</span></td><td class="n" data-label="Floor">{figure(score, score.floor)}</td>'
        f'<td class="n" data-label="Target">{goal(score)}</td>'
        f'<td class="gauge">{gauge(score)}</td>'
        f'<td class="status">{badge(score.verdict)}</td></tr>'
    )


def methods(report: Content) -> Drawn:
    """How every number was computed: procedure, paper, rows, what was left out, further numbers."""
    many = len(report.scores) > MOST_ROWS
    parts = []
    for (name, _), own in by_question(report):
        listed = "".join(_method(some) for some in _alike_measures(own))
        count = len({score.metric for score in own})
        parts.append(
            fold(
                f"{name}: {count} measure{'s' if count > 1 else ''}",
                f'<div class="methods">{listed}</div>',
                many,
                heading=True,
            )
        )
    if not parts:
        return "", []
    return (
        '<p class="lead">Intervals are 95%: exact, analytic, or from a bootstrap over groups of '
        "rows (whole entities, where the schema names one). Both sides of a comparison have "
        f"equally many rows. The JSON report holds every number.</p>{''.join(parts)}",
        [],
    )


def _alike_measures(scores: Sequence[Score]) -> list[list[Score]]:
    """The scores of each measure, in the order of the measures."""
    found: dict[str, list[Score]] = {}
    for score in scores:
        found.setdefault(score.metric, []).append(score)
    return list(found.values())


def _method(some: Sequence[Score]) -> str:
    """How one measure is computed; of several tables, what it gave for each."""
    score = next((s for s in some if s.value is not None), some[0])
    alone = len(some) == 1 and not score.table
    facts = [("Reads", _reads(score) if alone else BETTER[score.better])]
    facts += [("Paper", score.reference)] if score.reference else []
    facts += _remarks(score) if alone else []
    listed = "".join(f"<div><dt>{label}</dt><dd>{text(said)}</dd></div>" for label, said in facts)
    how = f"<p>{text(score.how)}</p>" if score.how else ""
    return (
        f'<article class="method" id="{anchor(score.metric)}"><h4>{text(score.title)} '
        f"<code>{text(score.metric)}</code></h4>{how}"
        f"{_meaning(score) if alone else _by_table(some)}<dl>{listed}</dl>"
        f"{_further(some, alone)}</article>"
    )


def _meaning(score: Score) -> str:
    return (
        f'<p class="said">{text(score.meaning)} <a href="#{_row_anchor(score)}" '
        f'aria-label="Back to the score of {text(score.title)}">↑ score</a></p>'
    )


def _by_table(some: Sequence[Score]) -> str:
    """What the measure gave for each table."""
    rows = "".join(
        f'<tr><td>{text(s.table or "the whole")}</td><td class="n">{figure(s, s.value)}</td>'
        f'<td class="n">{figure(s, s.floor)}</td><td>{s.verdict}</td></tr>'
        for s in some
        if s.value is not None
    )
    if not rows:
        return f'<p class="said">{text(reason(some[0]))}</p>'
    head = '<th scope="col">Table</th><th scope="col" class="n">Score</th>'
    head += '<th scope="col" class="n">Floor</th><th scope="col">Status</th>'
    return (
        f'<div class="scroll" tabindex="0"><table class="mini"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _further(some: Sequence[Score], alone: bool) -> str:
    """The numbers of the detail; of several tables those are in the JSON report."""
    more = numbers(some[0].detail) if alone else ""
    return fold("Further numbers", more, True) if more else ""


def _reads(score: Score) -> str:
    said = BETTER[score.better]
    if score.target is not None:
        good = "within" if score.better == "near_floor" else "from"
        said += f"; good {good} {goal(score)}"
    elif score.value is not None:
        said += "; shown, not judged"
    return said if score.floor is None else f"{said}; real rows score {figure(score, score.floor)}"


def _remarks(score: Score) -> list[tuple[str, str]]:
    """On which rows it was measured, with which parameters, and what was left out and why."""
    said, detail = [], score.detail
    if rows := _counts(detail.get("rows")):
        said.append(("Rows", rows))
    if isinstance(parameters := detail.get("parameters"), Mapping):
        given = ", ".join(f"{_name(k)} {_cell(v)}" for k, v in parameters.items())
        said.append(("Parameters", given))
    if isinstance(notes := detail.get("notes"), list) and notes:
        said.append(("Notes", " ".join(f"{title(str(note)).rstrip('.')}." for note in notes)))
    left = detail.get("left_out")
    if isinstance(left, Mapping) and left:
        named = "; ".join(f"{column} ({why})" for column, why in list(left.items())[:8])
        more = f" and {len(left) - 8} more" if len(left) > 8 else ""
        said.append(("Left out", f"{named}{more}"))
    return said


def _counts(rows: Any) -> str:
    if isinstance(rows, Mapping):
        return ", ".join(f"{number(n)} {_name(side)}" for side, n in rows.items())
    return f"{number(rows)} on each side" if isinstance(rows, int) else ""


# ---- whatever else a measure says ---------------------------------------------------------------

_TOLD = {"rows", "notes", "left_out", "reason", "parameters", "meaning", "claim", "refuted"}


def numbers(detail: Mapping[str, Any]) -> str:
    """The detail of any measure as short tables; curves and matrices are left to the JSON."""
    flat: list[tuple[str, str]] = []
    tables: list[str] = []
    for key, value in detail.items():
        if key not in _TOLD:
            _tell(_name(key), value, flat, tables, 0)
    rows = "".join(
        f'<tr><td>{text(name)}</td><td class="n">{text(said)}</td></tr>'
        for name, said in flat[: 2 * MOST_ROWS]
    )
    first = f'<table class="mini"><tbody>{rows}</tbody></table>' if rows else ""
    first = f'<div class="scroll" tabindex="0">{first}</div>' if first else ""
    return first + "".join(tables[:6])


def _tell(
    name: str, value: Any, flat: list[tuple[str, str]], tables: list[str], depth: int
) -> None:
    """One entry: a line for a scalar, a table for alike entries, deeper for the rest."""
    if _scalar(value) or _span(value):
        flat.append((name, _cell(value)))
    elif isinstance(value, Mapping) and value:
        if all(_scalar(v) or _span(v) for v in value.values()) and len(value) > 4:
            tables.append(_table(name, ("", "value"), [(k, v) for k, v in value.items()]))
        elif _alike(list(value.values())):
            header = tuple(next(iter(value.values())))
            rows = [(k, *(part.get(h) for h in header)) for k, part in value.items()]
            tables.append(_table(name, ("", *header), rows))
        elif depth < 2:
            for key, part in value.items():
                _tell(f"{name}: {_name(key)}", part, flat, tables, depth + 1)
    elif isinstance(value, list) and value:
        if _alike(value):
            header = tuple(value[0])
            tables.append(_table(name, header, [tuple(p.get(h) for h in header) for p in value]))
        elif all(isinstance(v, str) for v in value):
            flat.append((name, _cell(", ".join(value))))


def _scalar(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


def _span(value: Any) -> bool:
    return spanned(value) is not None


def _alike(values: Sequence[Any]) -> bool:
    """Whether these are records of the same few fields, each a scalar, a span or missing."""
    first = values[0]
    if not isinstance(first, Mapping) or not 1 <= len(first) <= 6:
        return False
    return all(
        isinstance(v, Mapping)
        and list(v) == list(first)
        and all(p is None or _scalar(p) or _span(p) or _names(p) for p in v.values())
        for v in values
    )


def _names(value: Any) -> bool:
    return isinstance(value, list) and len(value) < 6 and all(isinstance(v, str) for v in value)


def _table(name: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(
        f'<th scope="col"{" class=n" if i else ""}>{text(_name(h))}</th>'
        for i, h in enumerate(header)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=n' if i else ''}>{text(_cell(c))}</td>" for i, c in enumerate(row))
        + "</tr>"
        for row in rows[:MOST_ROWS]
    )
    rest = len(rows) - MOST_ROWS
    more = f'<p class="soft small">{rest:,} more in the JSON report.</p>' if rest > 0 else ""
    return (
        f'<div class="scroll" tabindex="0"><table class="mini"><caption>{text(name)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
    )


def _name(key: str) -> str:
    return str(key).replace("_", " ")


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _span(value):
        return f"{number(value[0])} to {number(value[1])}"
    if _names(value):
        return " × ".join(value)
    said = str(value) if numbered(value) is None else number(value)
    return said if len(said) <= 80 else said[:79] + "…"
