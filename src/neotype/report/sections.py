"""The parts of the page, one function each, in the order in which they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from neotype.evaluate.metric import Score
from neotype.report import figures
from neotype.report.content import Content
from neotype.report.drawing import badge, diamond, gauge, marginal, rank, text, tone
from neotype.report.figures import Figure
from neotype.report.marginals import RARE
from neotype.report.words import (
    AXES,
    BETTER,
    READING,
    goal,
    number,
    percent,
    reason,
    signed,
    title,
)

Drawn = tuple[str, list[Figure]]
"""HTML, and the figures that it has places for."""

MANY = 40
"""A longer list is folded away."""


def head(report: Content) -> str:
    """What a manager reads: the verdict, why, and what it does not say."""
    summary = report.summary
    cards = "".join(
        f'<div class="question {tone(line.verdict)}"><h2>{AXES[line.axis][0]}'
        f'{badge(line.verdict)}</h2><p class="ask">{AXES[line.axis][1]}</p>'
        f"{''.join(f'<p>{text(sentence)}</p>' for sentence in line.sentences)}</div>"
        for line in summary.lines
    )
    known = [(f"{title(name)} rows", f"{rows:,}") for name, rows in report.rows.items()]
    known += [("Columns", f"{len(report.schema):,}")]
    given = (
        ("Target", report.target),
        ("Made by", report.facts.synthesizer),
        ("Written", report.made[:16].replace("T", " ") + " UTC"),
    )
    known += [(label, value) for label, value in given if value]
    listed = "".join(f"<div><dt>{label}</dt><dd>{text(value)}</dd></div>" for label, value in known)
    source = f" · {text(report.facts.source)}" if report.facts.source else ""
    return (
        f'<header><div class="wrap"><p class="eyebrow">Synthetic data report{source}</p>'
        f'<h1>{text(summary.headline)}</h1><div class="questions">{cards}</div>'
        f'<p class="caveat">{text(summary.caveat)}</p><dl class="facts">{listed}</dl>'
        f"</div></header>"
    )


def scores(report: Content) -> Drawn:
    """Every measure, by question."""
    rows = []
    for axis, (name, ask) in AXES.items():
        part = [score for score in report.scores if score.axis == axis]
        if part:
            label = f'{name} <span class="soft">{ask}</span>'
            rows.append(f'<tr class="axis"><th colspan="6" scope="colgroup">{label}</th></tr>')
            rows += [_score_row(score) for score in part]
    if not rows:
        return '<p class="lead">No measure was taken.</p>', []
    marks = (
        ('<circle class="dot" cx="11" cy="6" r="4.5"/>', "score"),
        ('<line class="spread" x1="3" x2="19" y1="6" y2="6"/>', "interval"),
        (diamond(11, 6), "floor: what real holdout rows score"),
        ('<line class="target" x1="11" x2="11" y1="0" y2="12"/>', "target: where good begins"),
    )
    key = "".join(
        f'<li><svg viewBox="0 0 22 12" aria-hidden="true">{mark}</svg>{words}</li>'
        for mark, words in marks
    )
    header = "".join(
        f'<th scope="col"{extra}>{label}</th>'
        for label, extra in (
            ("Measure", ""),
            ("Score", ' class="n"'),
            ("Floor", ' class="n"'),
            ("Target", ' class="n"'),
            ("", ' aria-label="Drawn"'),
            ("Status", ""),
        )
    )
    return (
        f'<p class="lead">{READING}</p><table class="sheet scores"><thead><tr>{header}'
        f'</tr></thead><tbody>{"".join(rows)}</tbody></table><ul class="key">{key}</ul>',
        [],
    )


def _score_row(score: Score) -> str:
    interval = ""
    if score.interval is not None and score.value is not None:
        low, high = (number(end) for end in score.interval)
        interval = f' <span class="interval">{low} to {high}</span>'
    said = (score.how, score.meaning, *_remarks(score))
    how = "".join(f"<p>{text(part)}</p>" for part in said if part)
    return (
        f'<tr id="score-{text(score.metric)}"><td class="what"><span class="name">'
        f'{text(score.title)}</span><span class="toward">{BETTER[score.better]}</span>'
        f'<details class="how"><summary>How it is computed</summary>{how}</details>'
        f'</td><td class="n" data-label="Score"><span><b>{number(score.value)}</b>{interval}'
        f'</span></td><td class="n" data-label="Floor">{number(score.floor)}</td>'
        f'<td class="n" data-label="Target">{goal(score)}</td>'
        f'<td class="gauge">{gauge(score)}</td>'
        f'<td class="status">{badge(score.verdict)}</td></tr>'
    )


def _remarks(score: Score) -> list[str]:
    """On which rows it was measured, and which columns were left out, with the reason."""
    said = [f"{title(str(note))}." for note in score.detail.get("notes") or []]
    left = list((score.detail.get("left_out") or {}).items())
    if left:
        more = f" and {len(left) - 8} more" if len(left) > 8 else ""
        named = "; ".join(f"{column} ({why})" for column, why in left[:8])
        said.append(f"Left out: {named}{more}.")
    return said


def columns(report: Content) -> Drawn:
    """Every column, real beside synthetic, worst first."""
    shape = _find(report, "shape")
    match = dict((shape.detail.get("columns") or {}) if shape else {})
    reasons = {column.name: column for column in report.schema}
    order = sorted(
        enumerate(report.marginals),
        key=lambda pair: (m if (m := match.get(pair[1].name)) is not None else 2.0, pair[0]),
    )
    cards = []
    for place, view in order:
        own = match.get(view.name)
        about = reasons[view.name]
        said = f"{about.kind} · {about.storage}" + (f" · {about.facts}" if about.facts else "")
        matched = f'<span class="match">{percent(own)} match</span>' if own is not None else ""
        cards.append(
            f'<article class="column" data-place="{place}" data-match="'
            f'{2 if own is None else own}" data-find="{text(f"{view.name} {view.kind}".lower())}">'
            f"<h3><span>{text(view.name)}</span>{matched}</h3>"
            f'<p class="about">{text(said)}</p>{marginal(view)}</article>'
        )
    return (
        f'<p class="lead">Shares of all rows, on axes cut at the same places. Labels of fewer than '
        f"{RARE} training rows are not named, and the {RARE} most extreme values at either end "
        f"are counted in the first and last bin.</p>"
        f'<p class="sides"><span>real (training rows)</span><span class="s">synthetic</span></p>'
        f'<div class="tools" id="column-tools" role="search" hidden><label>Find a column'
        f'<input type="search" placeholder="name or kind" autocomplete="off"></label>'
        f'<label>Order<select><option value="worst">worst match first</option>'
        f'<option value="table">as in the table</option></select></label>'
        f'<output class="soft small"></output></div>'
        f'<div class="grid" id="column-grid">{"".join(cards)}</div>'
        f'<button type="button" class="more" id="column-more" hidden>Show all</button>'
    ), []


def pairs(report: Content) -> Drawn:
    """How strongly columns are tied, on both sides, and where the ties differ."""
    trend = _find(report, "trend")
    maps = figures.pair_maps(trend.detail) if trend else []
    if trend is None or not maps:
        return _absent("Ties between columns", trend), []
    rows = "".join(
        f"<tr><td><b>{text(p.columns[0])}</b> × <b>{text(p.columns[1])}</b></td>"
        f'<td class="n" data-label="Real">{p.real:.3f}</td>'
        f'<td class="n" data-label="Synthetic">{p.synthetic:.3f}</td>'
        f'<td class="n" data-label="Difference">{signed(p.synthetic - p.real)}</td>'
        f'<td class="n" data-label="Match">{number(p.similarity)}</td></tr>'
        for p in figures.worst_pairs(trend.detail)
    )
    header = "".join(
        f'<th scope="col"{" class=n" if i else ""}>{name}</th>'
        for i, name in enumerate(("Pair", "Real", "Synthetic", "Difference", "Match"))
    )
    places = "".join(
        f'<figure class="panel"><h3>{text(f.title)}</h3>{_place(f)}</figure>' for f in maps
    )
    return (
        '<p class="lead">How strongly two columns go together, from 0 (not at all) to 1 (one '
        "tells the other): correlation without sign for two numbers, a measure of association "
        "otherwise. Real and synthetic should look alike, and the difference pale.</p>"
        f'<div class="maps">{places}</div><h3>The pairs that differ most</h3>'
        f'<table class="sheet"><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>',
        maps,
    )


def giveaways(report: Content) -> Drawn:
    """What a detector looks at first."""
    score = _find(report, "c2st")
    if score is None or score.value is None:
        return _absent("Detection", score), []
    shares = [
        (str(part["column"]), float(part["share"]))
        for part in score.detail.get("importance") or []
        if part.get("share")
    ]
    curve = figures.roc("roc-c2st", "Detector, ROC curve", score)
    extra = [
        f"{label} {number(score.detail[key])}"
        for key, label in (
            ("logistic", "a logistic detector reaches"),
            ("published_score", "the score as published papers state it is"),
        )
        if score.detail.get(key) is not None
    ]
    said = f" For comparison, {' and '.join(extra)}." if extra else ""
    ranked = rank(shares[:15]) if shares else '<p class="soft">No column stands out.</p>'
    return (
        f'<p class="lead">{text(score.meaning)} The columns that it leans on most are the first to '
        f"look at.{text(said)}</p>"
        f'<div class="duo"><figure class="panel"><h3>Share of the detector’s gain</h3>'
        f"{ranked}</figure>{_panel(curve)}</div>",
        [curve] if curve else [],
    )


def usefulness(report: Content) -> Drawn:
    """What models learn from synthetic rows, beside what they learn from real ones."""
    one, every = _find(report, "tstr"), _find(report, "tstr_all")
    parts = []
    if one is not None and one.detail.get("synthetic") is not None:
        detail = one.detail
        parts.append(
            f'<p class="lead">Predicting <b>{text(detail.get("target", report.target))}</b> '
            f"({text(detail.get('task', ''))}) for real rows never seen: trained on real rows "
            f"<b>{number(detail.get('real'))}</b> {text(detail.get('measure', ''))}, trained on "
            f"synthetic rows <b>{number(detail['synthetic'])}</b>.</p>"
        )
    kept = (every.detail.get("columns") or {}) if every else {}
    if kept:
        rows = "".join(
            f"<tr><td><b>{text(name)}</b>"
            f'<span class="toward">{text(part.get("measure", ""))}</span>'
            f'</td><td class="n" data-label="Trained on real">'
            f'{number(part.get("real"))}</td><td class="n" data-label="Trained on synthetic">'
            f'{number(part.get("synthetic"))}</td><td class="n" data-label="Kept">'
            f"{_kept(part.get('share'))}</td></tr>"
            for name, part in sorted(kept.items(), key=lambda item: _low(item[1].get("share")))
        )
        table = (
            '<table class="sheet narrow"><thead><tr><th scope="col">Column predicted</th>'
            '<th scope="col" class="n">Trained on real</th><th scope="col" class="n">Trained on '
            f'synthetic</th><th scope="col" class="n">Kept</th></tr></thead><tbody>{rows}</tbody>'
            "</table>"
        )
        intro = "<p>Each column predicted from all others, worst first.</p>"
        parts.append(intro + _fold(f"All {len(kept)} columns", table, len(kept) > MANY))
    return "".join(parts) or _absent("Usefulness", one or every), []


def _low(share: float | None) -> float:
    return 2.0 if share is None else share


def _kept(share: float | None) -> str:
    return "–" if share is None else percent(share)


def copying(report: Content) -> Drawn:
    """Whether synthetic rows lie nearer to training rows than unseen real rows do."""
    share, attack = _find(report, "dcr_share"), _find(report, "mia_distance")
    near = figures.distances(share.detail) if share else None
    curve = figures.roc("roc-mia", "Membership guess, ROC curve", attack) if attack else None
    counted = [
        f"<li><b>{text(score.title)}</b>: {text(score.meaning)}</li>"
        for score in report.scores
        if score.axis == "privacy" and score.value is not None
    ]
    if not (near or curve or counted):
        return _absent("Copying", share or attack), []
    drawn = [figure for figure in (near, curve) if figure is not None]
    listed = f'<ul class="plain">{"".join(counted)}</ul>' if counted else ""
    return (
        '<p class="lead">If rows were copied, synthetic rows would lie nearer to the training '
        "rows than to real rows that the model never saw. Where the curves agree, nothing was "
        "found. That is evidence, not a guarantee.</p>"
        f'{listed}<div class="duo">{"".join(_panel(figure) for figure in drawn)}</div>',
        drawn,
    )


def protected(report: Content) -> Drawn:
    """What the model does not hold as it was, and what it does hold."""
    parts = []
    if report.facts.protections:
        rows = "".join(
            f"<tr><td><b>{text(p.column)}</b></td><td data-label='What'>{text(p.what)}</td>"
            f"<td class='n' data-label='Cells'>{p.cells:,}</td><td>{text(p.note)}</td></tr>"
            for p in report.facts.protections
        )
        table = (
            '<table class="sheet"><thead><tr><th scope="col">Column</th><th scope="col">What</th>'
            '<th scope="col" class="n">Cells</th><th scope="col">How</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )
        count = len(report.facts.protections)
        parts.append(
            '<p class="lead">Rare and extreme values were replaced before the model learnt, so '
            "that it does not hold them.</p>" + _fold(f"All {count} entries", table, count > MANY)
        )
    else:
        parts.append(
            '<p class="lead">No protection of rare values is on record for this table.</p>'
        )
    if report.facts.statistics:
        held = "".join(f"<li>{text(line)}</li>" for line in report.facts.statistics)
        many = len(report.facts.statistics) > 12
        listed = f'<ul class="plain">{held}</ul>'
        parts.append(_fold("What the model holds", listed, many, heading=True))
    return "".join(parts), []


def schema(report: Content) -> Drawn:
    """Every column's kind, and why."""
    rows = "".join(
        f"<tr><td><b>{text(column.name)}</b></td><td data-label='Kind'>{text(column.kind)}</td>"
        f"<td data-label='Stored as'><code>{text(column.storage)}</code></td>"
        f"<td>{text(column.facts)}</td><td class='soft'>{text(column.reason)}</td></tr>"
        for column in report.schema
    )
    table = (
        '<table class="sheet"><thead><tr><th scope="col">Column</th><th scope="col">Kind</th>'
        '<th scope="col">Stored as</th><th scope="col">Details</th><th scope="col">Why</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )
    many = len(report.schema)
    return _fold(f"All {many} columns", table, many > MANY), []


def run(report: Content) -> Drawn:
    """The plan, where the time went, and the versions: enough to do it again."""
    facts, parts = report.facts, []
    if facts.plan:
        plan = json.dumps(facts.plan, indent=2, ensure_ascii=False)
        parts.append(f'<h3>Plan</h3><pre tabindex="0">{text(plan)}</pre>')
    tables = []
    if facts.timings:
        rows = [(stage, f"{seconds:,.2f} s") for stage, seconds in facts.timings.items()]
        rows.append(("total", f"{sum(facts.timings.values()):,.2f} s"))
        tables.append(_two("Time", "Stage", "Wall clock", rows))
    if facts.versions:
        tables.append(_two("Versions", "Package", "Version", list(facts.versions.items())))
    if tables:
        parts.append(f'<div class="duo" style="margin-top:20px">{"".join(tables)}</div>')
    return "".join(parts) or '<p class="lead">The run left no record of its plan.</p>', []


def _two(name: str, left: str, right: str, rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><td>{text(a)}</td><td class="n" data-label="{right}">{text(b)}</td></tr>'
        for a, b in rows
    )
    return (
        f'<div><h3>{name}</h3><table class="sheet"><thead><tr><th scope="col">{left}</th>'
        f'<th scope="col" class="n">{right}</th></tr></thead><tbody>{body}</tbody></table></div>'
    )


def _fold(name: str, inside: str, folded: bool, *, heading: bool = False) -> str:
    if folded:
        return f'<details class="fold"><summary>{name}</summary>{inside}</details>'
    return f"<h3>{name}</h3>{inside}" if heading else inside


def _find(report: Content, metric: str) -> Score | None:
    return next((score for score in report.scores if score.metric == metric), None)


def _absent(what: str, score: Score | None) -> str:
    why = reason(score) if score is not None else "Not measured."
    return f'<p class="lead"><b>{what}</b>. {text(why)}</p>'


def _place(figure: Figure) -> str:
    return (
        f'<div class="plot" data-figure="{figure.name}" role="img" '
        f'aria-label="{text(figure.alt)}"><p class="wait">Drawing…</p></div>'
    )


def _panel(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f'<figure class="panel"><h3>{text(figure.title)}</h3>{_place(figure)}</figure>'


SECTIONS: Mapping[str, tuple[str, Callable[[Content], Drawn]]] = {
    "scores": ("Scores", scores),
    "columns": ("Columns", columns),
    "pairs": ("Pairs", pairs),
    "giveaways": ("Giveaways", giveaways),
    "usefulness": ("Usefulness", usefulness),
    "copying": ("Copying", copying),
    "protected": ("Protected", protected),
    "schema": ("Schema", schema),
    "run": ("Run", run),
}
