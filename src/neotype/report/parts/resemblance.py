"""For the statistician: how the table resembles the real one, column by column and together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neotype.evaluate.metric import Score
from neotype.report import figures
from neotype.report.content import Content
from neotype.report.detail import mapped, numbered, told
from neotype.report.drawing import marginal, rank, sides, text
from neotype.report.marginals import RARE
from neotype.report.parts.layout import Drawn, absent, find, panel, place
from neotype.report.words import number, percent, signed


def columns(report: Content) -> Drawn:
    """Every column, real beside synthetic, worst first."""
    return (
        f"{SHARES}{sides()}"
        f'<div class="tools" id="column-tools" role="search" hidden><label>Find a column'
        f'<input type="search" placeholder="name or kind" autocomplete="off"></label>'
        f'<label>Order<select><option value="worst">worst match first</option>'
        f'<option value="table">as in the table</option></select></label>'
        f'<output class="soft small"></output></div>'
        f'<div class="grid" id="column-grid">{column_cards(report)}</div>'
        f'<button type="button" class="more" id="column-more" hidden>Show all</button>'
    ), []


SHARES = (
    '<p class="lead">Shares of all rows, on axes cut at the same places. Labels of fewer than '
    f"{RARE} training rows are not named, and the {RARE} most extreme values at either end "
    "are counted in the first and last bin.</p>"
)


def column_cards(report: Content, *, drawn: bool = False) -> str:
    """A card for each column of a table, worst match first; if `drawn` those with a picture."""
    shape = find(report, "shape")
    alike = mapped(shape.detail.get("columns")) if shape else {}
    match = {name: share for name, own in alike.items() if (share := numbered(own)) is not None}
    reasons = {column.name: column for column in report.schema}
    order = sorted(
        enumerate(report.marginals),
        key=lambda pair: (m if (m := match.get(pair[1].name)) is not None else 2.0, pair[0]),
    )
    cards = []
    for position, view in order:
        if drawn and view.form == "none":
            continue
        own = match.get(view.name)
        about = reasons[view.name]
        said = f"{about.kind} · {about.storage}" + (f" · {about.facts}" if about.facts else "")
        matched = f'<span class="match">{percent(own)} match</span>' if own is not None else ""
        cards.append(
            f'<article class="column" data-place="{position}" data-match="'
            f'{2 if own is None else own}" data-find="{text(f"{view.name} {view.kind}".lower())}">'
            f"<h3><span>{text(view.name)}</span>{matched}</h3>"
            f'<p class="about">{text(said)}</p>{marginal(view)}</article>'
        )
    return "".join(cards)


def pairs(report: Content) -> Drawn:
    """How strongly columns are tied, on both sides, and where the ties differ."""
    trend = find(report, "trend")
    maps = figures.pair_maps(trend.detail) if trend else []
    if trend is None or not maps:
        return absent("Ties between columns", trend), []
    places = "".join(
        f'<figure class="panel"><h3>{text(f.title)}</h3>{place(f)}</figure>' for f in maps
    )
    return (
        '<p class="lead">How strongly two columns go together, from 0 (not at all) to 1 (one '
        "tells the other): correlation without sign for two numbers, a measure of association "
        "otherwise. Real and synthetic should look alike, and the difference pale.</p>"
        f'<div class="maps">{places}</div><h3>The pairs that differ most</h3>'
        f"{pair_sheet(trend.detail)}",
        maps,
    )


def pair_sheet(detail: Mapping[str, Any], most: int = 10) -> str:
    """The pairs of columns whose tie differs most."""
    rows = "".join(
        f"<tr><td><b>{text(p.columns[0])}</b> × <b>{text(p.columns[1])}</b></td>"
        f'<td class="n" data-label="Real">{p.real:.3f}</td>'
        f'<td class="n" data-label="Synthetic">{p.synthetic:.3f}</td>'
        f'<td class="n" data-label="Difference">{signed(p.synthetic - p.real)}</td>'
        f'<td class="n" data-label="Match">{number(p.similarity)}</td></tr>'
        for p in figures.worst_pairs(detail, most)
    )
    header = "".join(
        f'<th scope="col"{" class=n" if i else ""}>{name}</th>'
        for i, name in enumerate(("Pair", "Real", "Synthetic", "Difference", "Match"))
    )
    return (
        f'<table class="sheet"><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>'
        if rows
        else ""
    )


def giveaways(report: Content) -> Drawn:
    """What a detector looks at first."""
    score = find(report, "c2st")
    if score is None or score.value is None:
        return absent("Detection", score), []
    curve = figures.roc("roc-c2st", "Detector, ROC curve", score)
    extra = [
        f"{label} {number(score.detail[key])}"
        for key, label in (
            ("logistic", "a logistic detector reaches"),
            ("published_score", "the score as published papers state it is"),
        )
        if numbered(score.detail.get(key)) is not None
    ]
    said = f" For comparison, {' and '.join(extra)}." if extra else ""
    ranked = detector_rank(score, 15) or '<p class="soft">No column stands out.</p>'
    return (
        f'<p class="lead">{text(score.meaning)} The columns that it leans on most are the first to '
        f"look at.{text(said)}</p>"
        f'<div class="duo"><figure class="panel"><h3>Share of the detector’s gain</h3>'
        f"{ranked}</figure>{panel(curve)}</div>",
        [curve] if curve else [],
    )


def detector_rank(score: Score, most: int) -> str:
    """The columns that a detector leans on, with their shares; empty where none is known."""
    shares = [
        (str(part.get("column", "")), share)
        for part in told(score.detail.get("importance"))
        if (share := numbered(part.get("share")))
    ]
    return rank(shares[:most]) if shares else ""
