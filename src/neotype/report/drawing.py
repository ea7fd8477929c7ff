"""Small pictures as SVG and HTML: they need no script, print sharply and follow the page's colours.

Everything that comes from the user passes through `text`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from neotype.evaluate.metric import Score
from neotype.report.marginals import MISSING, OTHER, Bar, Marginal
from neotype.report.words import number, percent

_WIDTH, _HEIGHT = 300.0, 110.0
_REST = (OTHER, MISSING)
_ICONS = {
    "good": '<circle cx="6" cy="6" r="5"/>',
    "fair": '<path d="M6 1a5 5 0 0 1 0 10z" stroke="none"/>'
    '<circle cx="6" cy="6" r="5" fill="none" stroke-width="1.6"/>',
    "poor": '<path d="M6 .8 11.6 11H.4z" stroke="none"/>',
    "not judged": '<path d="M1 4.6h10v2.8H1z" stroke="none"/>',
    "not measured": '<circle cx="6" cy="6" r="4.6" fill="none" stroke-width="1.6"/>',
}


def text(value: object) -> str:
    """The user's words, safe inside an element or a quoted attribute."""
    return escape(str(value), quote=True)


def tone(verdict: str) -> str:
    """The CSS class that carries a verdict's colour."""
    if verdict in ("good", "fair", "poor"):
        return verdict
    return "seen" if verdict == "not judged" else "none"


def badge(verdict: str, word: str = "") -> str:
    """A verdict as a shape and a word, so that colour is never the only sign."""
    icon = _ICONS.get(verdict, _ICONS["not measured"])
    return (
        f'<span class="badge {tone(verdict)}"><svg viewBox="0 0 12 12" aria-hidden="true">{icon}'
        f"</svg>{text(word or verdict)}</span>"
    )


def gauge(score: Score) -> str:
    """Where the score, its interval, the floor and the target lie beside one another."""
    interval = score.interval or ()
    marks = [m for m in (score.value, score.floor, score.target, *interval) if m is not None]
    if score.value is None or not all(math.isfinite(m) for m in marks):
        return ""
    low, high = min(marks), max(marks)
    pad = max(0.12 * (high - low), 0.004 * max(abs(low), abs(high), 1.0))
    low, high = low - pad, high + pad

    def x(mark: float) -> str:
        return f"{150 * (mark - low) / (high - low):.1f}"

    parts = ['<line class="track" x1="0" x2="150" y1="11" y2="11"/>']
    if len(interval) == 2:
        a, b = x(interval[0]), x(interval[1])
        parts.append(f'<line class="spread" x1="{a}" x2="{b}" y1="11" y2="11"/>')
    if score.target is not None:
        at = x(score.target)
        parts.append(f'<line class="target" x1="{at}" x2="{at}" y1="2" y2="20"/>')
    if score.floor is not None:
        parts.append(diamond(float(x(score.floor)), 11))
    parts.append(f'<circle class="dot" cx="{x(score.value)}" cy="11" r="4.5"/>')
    said = f"score {number(score.value)}, floor {number(score.floor)}"
    return (
        f'<svg viewBox="0 0 150 22" preserveAspectRatio="xMinYMid" role="img" '
        f'aria-label="{said}">{"".join(parts)}</svg>'
    )


def diamond(x: float, y: float) -> str:
    """The mark of the floor."""
    return f'<path class="floor" d="M{x:.1f} {y - 6}l6 6-6 6-6-6z"/>'


def marginal(view: Marginal) -> str:
    """The inside of a column's card."""
    parts = []
    if view.form == "histogram":
        parts.append(_histogram(view))
    bars = [*view.bars]
    if view.missing.real or view.missing.synthetic:
        bars.append(view.missing)
    if bars:
        parts.append(_bars(bars, apart=view.form == "histogram"))
    if view.note:
        parts.append(f'<p class="note">{text(view.note)}</p>')
    return "".join(parts)


def _histogram(view: Marginal) -> str:
    widths = [b - a for a, b in pairwise(view.at)]
    tall = [
        [share / width if width else 0.0 for share, width in zip(side, widths, strict=True)]
        for side in (view.real, view.synthetic)
    ]
    top = max(*tall[0], *tall[1]) or 1.0
    xs = [_WIDTH * at for at in view.at]
    area, line = (_steps(xs, [_HEIGHT * (1 - t / top) for t in side]) for side in tall)
    hits = "".join(
        f'<rect class="hit" x="{a:.1f}" width="{b - a:.1f}" height="{_HEIGHT:.0f}"><title>'
        f"{text(view.texts[i])} to {text(view.texts[i + 1])}: real {percent(view.real[i])}, "
        f"synthetic {percent(view.synthetic[i])}</title></rect>"
        for i, (a, b) in enumerate(pairwise(xs))
    )
    middle = view.texts[_nearest(xs, _WIDTH / 2)]
    scale = " (stretched axis)" if view.stretched else ""
    return (
        f'<svg class="hist" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" '
        f'role="img" aria-label="Histogram of {text(view.name)}, real beside synthetic">'
        f'<path class="r" d="{area}"/><path class="s" d="{line}"/>{hits}</svg>'
        f'<div class="base"><span>{text(view.texts[0])}</span>'
        f"<span>{text(middle)}{scale}</span><span>{text(view.texts[-1])}</span></div>"
    )


def strip(
    name: str,
    real: Sequence[float | None],
    made: Sequence[float | None],
    low: float,
    high: float,
) -> str:
    """Numbers in their order, real as an area and synthetic as a line; None is a gap."""
    wide = _WIDTH / max(1, len(real))
    tall = (high - low) or 1.0

    def steps(side: Sequence[float | None], *, area: bool) -> str:
        points, open_ = [], False
        for place, value in enumerate(side):
            x = wide * place
            if value is None:
                points.append(f"V{_HEIGHT:.0f}" if area and open_ else "")
                open_ = False
                continue
            y = _HEIGHT * (1 - (value - low) / tall)
            start = f"M{x:.1f} {_HEIGHT:.0f}V{y:.1f}" if area else f"M{x:.1f} {y:.1f}"
            points.append(f"{f'V{y:.1f}' if open_ else start}H{x + wide:.1f}")
            open_ = True
        return "".join([*points, f"V{_HEIGHT:.0f}" if area and open_ else ""])

    return (
        f'<svg class="hist" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" preserveAspectRatio="none" '
        f'role="img" aria-label="{text(name)}, real beside synthetic">'
        f'<path class="r" d="{steps(real, area=True)}"/>'
        f'<path class="s" d="{steps(made, area=False)}"/></svg>'
    )


def sides() -> str:
    """The key of every picture of both sides."""
    return '<p class="sides"><span>real (training rows)</span><span class="s">synthetic</span></p>'


def _nearest(xs: list[float], x: float) -> int:
    return min(range(len(xs)), key=lambda i: abs(xs[i] - x))


def _steps(xs: list[float], ys: list[float]) -> str:
    points = [f"M{xs[0]:.1f} {_HEIGHT:.0f}"]
    for x, y in zip(xs[1:], ys, strict=True):
        points.append(f"V{y:.1f}H{x:.1f}")
    return "".join([*points, f"V{_HEIGHT:.0f}"])


def _bars(bars: list[Bar], *, apart: bool) -> str:
    top = max([b.real for b in bars] + [b.synthetic for b in bars]) or 1.0
    rows = "".join(
        f"<tr class={'rest' if bar.label in _REST else 'named'}>"
        f'<td class="label" title="{text(bar.label)}">{text(bar.label)}</td>'
        f'<td><i class="r" style="width:{100 * bar.real / top:.1f}%"></i>'
        f'<i class="s" style="width:{100 * bar.synthetic / top:.1f}%"></i></td>'
        f'<td class="share">{percent(bar.real)}<br>{percent(bar.synthetic)}</td></tr>'
        for bar in bars
    )
    extra = " apart" if apart else ""
    return f'<table class="bars{extra}"><tbody>{rows}</tbody></table>'


def rank(shares: list[tuple[str, float]]) -> str:
    """Names with a bar each, as an ordered list."""
    top = max((share for _, share in shares), default=0.0) or 1.0
    rows = "".join(
        f'<li><span>{text(name)}</span><i style="width:{100 * share / top:.1f}%"></i>'
        f'<span class="n">{percent(share)}</span></li>'
        for name, share in shares
    )
    return f'<ol class="rank">{rows}</ol>'
