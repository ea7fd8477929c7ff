"""For the statistician: whether rows follow each other as real ones do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.curves import bands, changes, correlogram
from neotype.report.detail import listed, mapped, numbered, squared, told
from neotype.report.drawing import badge, sides, strip, text
from neotype.report.lanes import Lane, Mark, dots
from neotype.report.marginals import RARE
from neotype.report.parts.between import scope
from neotype.report.parts.layout import Drawn, drawer, linked
from neotype.report.questions import question
from neotype.report.words import number, percent

MOST = 9
"""Pictures of one measure."""
MATRICES, LEAST_STATES = 4, 2
_REST = ("missing", "other")

_BANDS = (
    '<ul class="key"><li><svg viewBox="0 0 22 12" aria-hidden="true"><path class="inner" '
    'd="M0 3h22v6H0z"/></svg>middle half of real rows</li><li><svg viewBox="0 0 22 12" '
    'aria-hidden="true"><path class="outer" d="M0 1h22v10H0z"/></svg>middle 80%</li>'
    '<li><svg viewBox="0 0 22 12" aria-hidden="true"><path class="s" d="M0 6h22"/></svg>synthetic: '
    "median, and the same ends dashed and thin</li></ul>"
)


def sequences(report: Content) -> Drawn:
    """Paths, lengths, gaps, memory, seasons and changes of every table that is in an order."""
    tables = [name for name in (*report.tables, "") if _has(report, name)]
    if not tables:
        return "", []
    lead = (
        '<p class="lead">Rows in the order of time, owner by owner: how many there are, how far '
        "apart, how one goes with those before it. Pictures show shares and quantiles of many "
        "owners, never the path of one.</p>"
    )
    if len(tables) == 1:
        return f"{lead}{_table(report, tables[0])}", []
    drawers = (drawer(name, _state(report, name), _table(report, name)) for name in tables)
    return f"{lead}{''.join(drawers)}", []


def _own(report: Content, table: str) -> list[Score]:
    return [
        score
        for score in report.scores
        if score.table == table and score.value is not None and scope(score.metric) == "sequence"
    ]


def _has(report: Content, table: str) -> bool:
    return bool(_own(report, table)) or any(one.table == table for one in report.paths)


def _state(report: Content, table: str) -> str:
    word = {score.verdict for score in _own(report, table)}
    return badge(next((v for v in ("poor", "fair", "good") if v in word), "not judged"))


def _table(report: Content, table: str) -> str:
    own = {score.metric: score for score in _own(report, table)}
    parts = [_paths(report, table)]
    for metric, draw in _DRAWN.items():
        if metric in own:
            parts.append(_head(own[metric]) + draw(own[metric], report))
    parts.append(_detectors([score for name, score in own.items() if name not in _DRAWN]))
    return "".join(parts)


def _head(score: Score) -> str:
    return (
        f"<h3>{text(question(score.metric, score.title))} {badge(score.verdict)}</h3>"
        f'<p>{text(score.meaning)} <span class="soft">(score {linked(score)})</span></p>'
    )


def _paths(report: Content, table: str) -> str:
    cards = [
        _card(
            one.column,
            f"by {one.by}",
            bands(f"{one.column} by {one.by}", one.real, one.synthetic, one.ends),
        )
        for one in report.paths
        if one.table == table
    ]
    if not cards:
        return ""
    return f'<h3>How quantities run</h3>{_BANDS}<div class="grid">{"".join(cards)}</div>'


def _card(title: str, about: str, drawn: str, side: str = "") -> str:
    marked = f'<span class="match">{side}</span>' if side else ""
    return (
        f'<article class="column"><h3><span>{text(title)}</span>{marked}</h3>'
        f'<p class="about">{text(about)}</p>{drawn}</article>'
    )


# ---- lengths and gaps ---------------------------------------------------------------------------


def _lengths(score: Score, _: Content) -> str:
    owners = numbered(mapped(score.detail.get("owners")).get("train"))
    means = mapped(score.detail.get("means"))
    real, made = (number(numbered(means.get(side))) for side in ("train", "synthetic"))
    drawn = _histogram("rows per owner", mapped(score.detail.get("histogram")), owners)
    about = f"on average {real} real, {made} synthetic"
    return f'{sides()}<div class="grid">{_card("Rows per owner", about, drawn)}</div>'


_PARTS = {"gap": "Time to the next row", "first": "First time", "last": "Last time"}


def _gaps(score: Score, report: Content) -> str:
    named = (c for c in report.schema if c.table == score.table)
    kinds = {c.name: c.kind for c in named}
    timed = kinds.get(str(score.detail.get("sequence"))) in ("datetime", "duration")
    rows = numbered(mapped(score.detail.get("strands")).get("train"))
    cards = []
    for part, one in mapped(score.detail.get("parts")).items():
        facts = mapped(one)
        gap = part == "gap"
        say = lasting if gap and timed else short
        shares = mapped(facts.get("histogram"))
        drawn = _histogram(_PARTS.get(str(part), str(part)), shares, rows, say)
        unit = "as a share of the time that train spans"
        if gap:
            unit = "equally many rows in each bar" if timed else "in steps"
        side = f"{number(numbered(facts.get('value')))} apart"
        cards.append(_card(_PARTS.get(str(part), str(part)), unit, drawn, side))
    return f'{sides()}<div class="grid">{"".join(cards)}</div>' if cards else ""


def short(value: float) -> str:
    """A number in four digits at most."""
    return f"{value:,.4g}" if abs(value) < 1e5 else f"{value:,.0f}"


def lasting(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, size in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if abs(seconds) >= size:
            return f"{seconds / size:,.3g} {unit}"
    return f"{seconds:,.3g} s"


def _histogram(
    name: str, said: Mapping[str, Any], rows: float | None, say: Callable[[float], str] = short
) -> str:
    """Shares in common bins, those of a few real owners joined with their neighbours."""
    shares = mapped(said.get("shares"))
    upto = [end for end in map(numbered, listed(said.get("upto"))) if end is not None]
    real, made = (
        [numbered(x) or 0.0 for x in listed(shares.get(s))] for s in ("train", "synthetic")
    )
    if not upto or not len(upto) == len(real) == len(made):
        return ""
    ends, left, right = joined(upto, real, made, RARE / rows if rows else 0.0)
    if len(ends) < 2:
        return '<p class="note">Nearly all have the same number.</p>'
    high = max(*left, *right)
    return (
        f"{strip(name, left, right, 0.0, high)}"
        f'<div class="base"><span>up to {say(ends[0])}</span><span>bars up to {percent(high)}'
        f"</span><span>above {say(ends[-2])}</span></div>"
    )


def joined(
    upto: Sequence[float], real: Sequence[float], made: Sequence[float], least: float
) -> tuple[list[float], list[float], list[float]]:
    """Bins with at least so much of the real rows each; the last one takes what is left."""
    ends: list[float] = []
    left: list[float] = []
    right: list[float] = []
    open_left = open_right = 0.0
    for end, r, m in zip(upto, real, made, strict=True):
        open_left, open_right = open_left + r, open_right + m
        if open_left >= least - 1e-12:
            ends.append(end)
            left.append(open_left)
            right.append(open_right)
            open_left = open_right = 0.0
    if (open_left or open_right) and ends:
        ends[-1] = upto[-1]
        left[-1] += open_left
        right[-1] += open_right
    return ends, left, right


# ---- memory, seasons, spread, states -------------------------------------------------------------


def _memory(score: Score, _: Content) -> str:
    cards = []
    for one in told(score.detail.get("curves"))[:MOST]:
        lags, real, made, held = (
            [x for x in map(numbered, listed(one.get(key))) if x is not None]
            for key in ("lags", "train", "synthetic", "holdout")
        )
        what = "values" if one.get("of") == "values" else "changes from row to row"
        drawn = correlogram(f"{one.get('column')}: {what}", lags, real, made, held)
        side = f"{number(numbered(one.get('value')))} off"
        if drawn:
            cards.append(_card(str(one.get("column", "")), what, drawn, side))
    key = (
        '<p class="sides"><span>real (training rows)</span><span class="s">synthetic</span>'
        '<span class="held">holdout, dotted</span></p>'
    )
    return f'{key}<div class="grid">{"".join(cards)}</div>' if cards else ""


_ENDS = {
    "month": ("January", "December"),
    "weekday": ("Monday", "Sunday"),
    "hour": ("0 h", "23 h"),
}


def _seasons(score: Score, _: Content) -> str:
    cards = []
    for one in told(score.detail.get("profiles"))[:MOST]:
        real, made = (list(map(numbered, listed(one.get(s)))) for s in ("train", "synthetic"))
        known = [x for x in (*real, *made) if x is not None]
        if not known or len(real) != len(made):
            continue
        part = str(one.get("part", ""))
        at = [x for x in map(numbered, listed(one.get("at"))) if x is not None]
        first, last = _ENDS.get(part, ("", "")) if len(at) in (7, 12, 24) else ("", "")
        if not first and at:
            first, last = (f"{part} {short(end)}" for end in (at[0], at[-1]))
        title = f"{one.get('column', '')} by {part}"
        drawn = strip(title, real, made, min(known), max(known))
        base = f'<div class="base"><span>{text(first)}</span><span>{text(last)}</span></div>'
        about = f"of {one.get('by', '')}; explains {percent(numbered(one.get('weight')) or 0.0)}"
        side = f"correlation {number(numbered(one.get('value')))}"
        cards.append(_card(title, about, drawn + base, side))
    return f'{sides()}<div class="grid">{"".join(cards)}</div>' if cards else ""


def _spread(score: Score, _: Content) -> str:
    """The spread of owners’ means, as a share of the real one."""
    lanes = []
    for one in told(score.detail.get("columns"))[: 2 * MOST]:
        between = mapped(one.get("between"))
        made, real, held = (
            numbered(between.get(side)) for side in ("synthetic", "train", "holdout")
        )
        if not real or made is None:
            continue
        marks = [Mark("synthetic", "synthetic", made / real)]
        marks += [Mark("real", "holdout", held / real)] if held is not None else []
        lanes.append(Lane(text(one.get("column", "")), tuple(marks)))
    drawn = dots(lanes, line=1.0)
    note = (
        '<p class="soft small">Standard deviation of owners’ means, as a share of that of the '
        "training rows (dashed).</p>"
    )
    return f'<figure class="panel">{drawn}</figure>{note}' if drawn else ""


def _states(score: Score, report: Content) -> str:
    drawn = []
    for one in told(score.detail.get("columns")):
        states = [str(state) for state in listed(one.get("states"))]
        real, made = (squared(one.get(side), len(states)) for side in ("train", "synthetic"))
        views = (v for v in report.marginals if v.table == score.table)
        named = {bar.label for v in views if v.name == one.get("column") for bar in v.bars}
        # A state of a few real rows is not named, nor one that never comes.
        kept = [
            k
            for k, state in enumerate(states)
            if real and made and (state in named or (state in _REST and any(real[k])))
        ]
        if len(kept) < LEAST_STATES:
            continue
        states = [states[k] for k in kept]
        filled = [[[side[i][j] or 0.0 for j in kept] for i in kept] for side in (real, made)]
        drawn.append(
            f'<figure class="panel"><h3>{text(one.get("column", ""))} <span class="match">'
            f"{percent(numbered(one.get('value')) or 0.0)} alike</span></h3>"
            f"{changes(states, filled[0], filled[1])}</figure>"
        )
    if not drawn:
        return ""
    note = (
        '<p class="soft small">Of the rows of a state (left), how many percent the next state '
        "(above) follows: real, and synthetic smaller beside it. Orange is more, blue is less than "
        "real.</p>"
    )
    return f'{note}<div class="duo">{"".join(drawn[:MATRICES])}</div>'


def _detectors(scores: Sequence[Score]) -> str:
    """Whatever else was measured, each with its question; a lane for each."""
    if not scores:
        return ""
    lanes = [
        Lane(
            f"{text(question(score.metric, score.title))}",
            (
                Mark("main", "score", score.value, score.interval),
                Mark("real", "floor: real rows", score.floor),
            ),
            f"{linked(score)} {badge(score.verdict)}",
        )
        for score in scores
    ]
    return f'<h3>Can it be told from real?</h3><figure class="panel">{dots(lanes)}</figure>'


_DRAWN = {
    "sequence_lengths": _lengths,
    "inter_event_times": _gaps,
    "autocorrelation": _memory,
    "seasonal_profile": _seasons,
    "between_owner_spread": _spread,
    "transitions": _states,
}
