"""For the statistician: whether the tables of a database go together as the real ones do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from neotype.evaluate.metric import Score
from neotype.registry import find as registered
from neotype.registry import names
from neotype.report.content import Content
from neotype.report.database import Tie
from neotype.report.detail import listed, mapped, numbered, told
from neotype.report.drawing import badge, marginal, sides, text
from neotype.report.lanes import Lane, Mark, dots
from neotype.report.parts.layout import Drawn, find, fold, linked, sheet
from neotype.report.questions import question
from neotype.report.words import number, percent

CARDS = 12
"""Pictures of children per parent that are shown at once."""
WORST = 12
"""Pairs of columns that differ most."""

KEYS = ("referential_integrity", "key_uniqueness", "cardinality", "joint_cardinality")
"""Measures of keys and of how many rows refer to one, in the order of the page."""


def between(report: Content) -> Drawn:
    """References, children per parent, then whatever else was measured across tables."""
    if report.database is None:
        return "", []
    own = [s for s in report.scores if is_between(s.metric) and s.axis != "privacy"]
    parts = [_keys(report, own), _children(report)]
    joint = find(report, "joint_cardinality")
    if joint is not None:
        parts.append(_joint(joint))
    hops = find(report, "hop_trends")
    if hops is not None:
        parts.append(_hops(hops))
    rest = [s for s in own if s.metric not in (*KEYS, "hop_trends")]
    others = dict.fromkeys(score.metric for score in rest)
    parts += [told_of([score for score in rest if score.metric == metric]) for metric in others]
    return "".join(parts), []


def is_between(metric: str) -> bool:
    """Whether a measure is of a whole database."""
    return scope(metric) == "database"


@cache
def scope(metric: str) -> str:
    """What a measure looks at: a table, a sequence, a database."""
    if metric not in names("metric"):
        return "table"
    said: str = getattr(registered("metric", metric), "scope", "table")
    return said


def _head(score: Score, *, note: str = "") -> str:
    """The question, the answer in a word and in a sentence."""
    said = f"<p>{text(score.meaning)}{note}</p>"
    return f"<h3>{text(question(score.metric, score.title))} {badge(score.verdict)}</h3>{said}"


def _keys(report: Content, own: Sequence[Score]) -> str:
    """Every foreign key: how many references, how many of them find nothing, how many children."""
    assert report.database is not None
    heads = [s for s in own if s.metric in ("referential_integrity", "key_uniqueness")]
    found, children = (_relationships(report, m) for m in ("referential_integrity", "cardinality"))
    rows = []
    for tie in report.database.ties:
        one, many = mapped(found.get(tie.title)), mapped(children.get(tie.title))
        mean, missing = mapped(many.get("mean")), mapped(one.get("missing"))
        rows.append(
            (
                f"<b>{text(tie.child)}</b>.{text(', '.join(tie.child_key))} → "
                f"<b>{text(tie.parent)}</b>" + _when(tie),
                _said(one.get("references")),
                _said(one.get("orphans")),
                _both(missing, percent),
                _both(mean, number),
                _beside(many),
            )
        )
    header = ("Foreign key", "References", "Of no row", "Missing", "Children per parent", "Apart")
    if not rows:
        return "".join(_head(score) for score in heads)
    note = (
        '<p class="soft small">Pairs are real and synthetic. Apart is the Kolmogorov-Smirnov '
        "distance between the numbers of children per parent, with what real rows score.</p>"
    )
    return "".join(_head(score) for score in heads) + sheet(header, "tnnnnn", rows) + note


def _relationships(report: Content, metric: str) -> Mapping[str, Any]:
    score = find(report, metric)
    return {} if score is None else mapped(score.detail.get("relationships"))


def _when(tie: Tie) -> str:
    return f'<span class="toward">where {text(tie.when)}</span>' if tie.when else ""


def _said(value: Any) -> str:
    known = numbered(value)
    return "–" if known is None else f"{known:,.0f}"


def _both(sides_of: Mapping[str, Any], say: Any) -> str:
    real, made = (numbered(sides_of.get(side)) for side in ("train", "synthetic"))
    return "–" if real is None or made is None else f"{say(real)} · {say(made)}"


def _beside(one: Mapping[str, Any]) -> str:
    value, floor = (numbered(one.get(key)) for key in ("ks", "floor"))
    return "–" if value is None else f"{number(value)} ({number(floor)})"


def _children(report: Content) -> str:
    """How many rows refer to each parent, furthest off first."""
    assert report.database is not None
    score = find(report, "cardinality")
    apart = _relationships(report, "cardinality")

    def off(tie: Tie) -> float:
        one = mapped(apart.get(tie.title))
        value = numbered(one.get("ks"))
        return -1.0 if value is None else value - (numbered(one.get("floor")) or 0.0)

    drawn = [tie for tie in report.database.ties if tie.children and tie.children.form != "none"]
    drawn.sort(key=off, reverse=True)
    cards = [_card(tie, mapped(apart.get(tie.title))) for tie in drawn]
    head = _head(score) if score is not None else "<h3>Children per parent</h3>"
    if not cards:
        return head if score is not None else ""
    grid = f'<div class="grid">{"".join(cards[:CARDS])}</div>'
    more = "".join(cards[CARDS:])
    rest = fold(f"{len(cards) - CARDS} more", f'<div class="grid">{more}</div>', True)
    return f"{head}{sides()}{grid}{rest if more else ''}"


def _card(tie: Tie, one: Mapping[str, Any]) -> str:
    assert tie.children is not None
    value = numbered(one.get("ks"))
    apart = "" if value is None else f'<span class="match">{number(value)} apart</span>'
    share = " of each row" if tie.parent == tie.child else ""
    return (
        f'<article class="column"><h3><span>{text(tie.child)} per {text(tie.parent)}</span>{apart}'
        f'</h3><p class="about">by {text(", ".join(tie.child_key))}{share}; share of the rows of '
        f"{text(tie.parent)}</p>{marginal(tie.children)}</article>"
    )


def _joint(score: Score) -> str:
    """Pairs of numbers of children, and how strongly they go together."""
    pairs = told(score.detail.get("pairs"))
    rows = []
    for one in sorted(pairs, key=_difference, reverse=True)[:WORST]:
        named = [str(part) for part in one.get("pair", ())]
        real, made = (number(numbered(one.get(side))) for side in ("real", "synthetic"))
        rows.append((" and ".join(f"<b>{text(name)}</b>" for name in named), real, made))
    if not rows:
        return _head(score) if score.value is not None else ""
    table = sheet(("Two numbers of children", "Real", "Synthetic"), "tnn", rows)
    return f"{_head(score)}{table}"


def _difference(one: Mapping[str, Any]) -> float:
    real, made = (numbered(one.get(side)) or 0.0 for side in ("real", "synthetic"))
    return abs(real - made)


def _hops(score: Score) -> str:
    """Ways along foreign keys, the worst first, and the pairs of columns that are most off."""
    if score.value is None:
        return ""
    ways = [
        (
            text(one.get("path", "")),
            _said(one.get("pairs")),
            number(numbered(one.get("similarity"))),
            number(numbered(one.get("floor"))),
        )
        for one in told(score.detail.get("paths"))
    ]
    pairs = [
        (
            " × ".join(f"<b>{text(part)}</b>" for part in listed(one.get("columns")))
            + f'<span class="toward">{text(one.get("path", ""))}</span>',
            number(numbered(one.get("real"))),
            number(numbered(one.get("synthetic"))),
            number(numbered(one.get("similarity"))),
            number(numbered(one.get("floor"))),
        )
        for one in told(score.detail.get("pairs"))[:WORST]
    ]
    header = ("Along", "Pairs", "Alike", "Real rows")
    along = sheet(header, "tnnn", ways[:WORST])
    rest = sheet(header, "tnnn", ways[WORST:])
    more = fold(f"{len(ways) - WORST} more ways", rest, True) if len(ways) > WORST else ""
    named = ("Pair", "Real tie", "Synthetic tie", "Alike", "Real rows")
    worst = fold("The pairs that differ most", sheet(named, "tnnnn", pairs), True) if pairs else ""
    return f"{_head(score)}{along if ways else ''}{more}{worst}"


def told_of(scores: Sequence[Score]) -> str:
    """A measure without a picture of its own: a lane for each table, and what is worst."""
    taken = [score for score in scores if score.value is not None]
    if not taken:
        return ""
    first = min(taken, key=lambda score: _WORST_FIRST.index(score.verdict))
    if len(taken) == 1:
        where = f"{first.table}: " if first.table else ""
        return _head(first).replace("<p>", f"<p>{text(where)}", 1)
    lanes = [
        Lane(
            text(score.table or "the whole"),
            (
                Mark("main", "score", score.value, score.interval),
                Mark("real", "floor: real rows", score.floor),
            ),
            linked(score),
        )
        for score in taken
    ]
    said = f"<p>{text(f'{first.table}: ' if first.table else '')}{text(first.meaning)}</p>"
    return (
        f"<h3>{text(question(first.metric, first.title))} {badge(first.verdict)}</h3>{said}"
        f'<figure class="panel">{dots(lanes)}</figure>'
    )


_WORST_FIRST = ("poor", "fair", "good", "not judged", "not measured")
