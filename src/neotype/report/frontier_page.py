"""The frontier drawn: fidelity against copying, and against time, with a table beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from neotype.report.drawing import text
from neotype.report.figures import Figure
from neotype.report.frontier import HOW, Axis, Frontier, Point
from neotype.report.parts.layout import panel, sheet
from neotype.report.words import number, took

_EVEN = 0.5
"""The share of rows nearer to train than to the holdout where nothing is copied."""
_LEAST, _MOST = 22.0, 46.0
"""Diameters of the fastest and the slowest table's circle, in pixels."""
_TIMES = {
    0.1: "0.1 s", 0.3: "0.3 s", 1: "1 s", 3: "3 s", 10: "10 s", 30: "30 s", 60: "1 min",
    180: "3 min", 600: "10 min", 1800: "30 min", 3600: "1 h", 10800: "3 h", 36000: "10 h",
}  # fmt: skip
_KEY = (
    '<ul class="key"><li><svg viewBox="-11 -8 22 16" aria-hidden="true"><circle r="7" '
    'class="f-front"/></svg>on the frontier</li>'
    '<li><svg viewBox="-11 -8 22 16" aria-hidden="true"><circle r="7" class="f-behind"/></svg>'
    "beaten by another</li>"
    '<li><svg viewBox="-11 -8 22 16" aria-hidden="true"><path class="f-behind" '
    'd="M-7-7h14v14h-14z"/></svg>its time is not known</li>'
    '<li><svg viewBox="-11 -8 22 16" aria-hidden="true"><path class="f-out" '
    'd="M0-8l8 8-8 8-8-8z"/></svg>copies: out</li></ul>'
)


def frontier_section(frontier: Frontier | None) -> tuple[str, list[Figure]]:
    """What stands on the page, and the figures that it has places for."""
    if frontier is None:
        return "", []
    drawn = [_copying(frontier), *_timed(frontier)]
    panels = "".join(panel(figure) for figure in drawn)
    lead = (
        "Down and to the left is better. A circle is the larger, the longer it took to learn and "
        "to make as many rows; crosses are 95% intervals, and letters those of the table below."
    )
    shown = f'<p class="lead">{lead}</p><div class="duo">{panels}</div>{_KEY}'
    return f'{shown}{_table(frontier)}<p class="ranked">{HOW}</p>', drawn


def _table(frontier: Frontier) -> str:
    def score(entry: Any) -> str:
        if entry.interval is None:
            return number(entry.value)
        ends = " to ".join(number(end) for end in entry.interval)
        return f'{number(entry.value)} <span class="interval">{ends}</span>'

    rows = [
        (
            f"<b>{point.mark}</b> {text(point.table)}",
            score(point.look),
            score(point.copying),
            took(point.seconds),
            "–" if point.cpu is None else took(point.cpu),
            _state(point),
        )
        for point in frontier.points
    ]
    header = ("Table", text(frontier.look.title), text(frontier.copying.title))
    return sheet((*header, "Time", "CPU time", "Frontier"), "tnnnnt", rows)


def _state(point: Point) -> str:
    return "out: copies" if point.out else "★ on it" if point.front else "beaten"


def _copying(frontier: Frontier) -> Figure:
    """Fidelity across, copying up, time as the size of a circle."""
    points, copying = frontier.points, frontier.copying
    ups = [_ends(point.copying) for point in points]
    layout = _layout(frontier.look, escape(copying.title))
    if copying.better == "higher":
        layout["yaxis"]["autorange"] = "reversed"
    elif copying.limit is not None:
        low = min(_EVEN, *(end[0] for end in ups))
        high = max(copying.limit, *(end[1] for end in ups))
        pad = 0.15 * (high - low)
        layout["yaxis"]["range"] = [low - pad, high + pad]
        layout |= _limits(copying.limit, high + pad)
    trace, line = _circles(frontier, _share), _joined(frontier, _share)
    alt = (
        f"{frontier.look.title} against {copying.title}, a circle for each table; the numbers are "
        "in the table below."
    )
    return Figure("frontier", "Fidelity × copying", alt, {"data": [line, trace], "layout": layout})


def _timed(frontier: Frontier) -> list[Figure]:
    """Fidelity across, seconds up; nothing where no time is known."""
    known = Frontier(
        frontier.look,
        frontier.copying,
        tuple(point for point in frontier.points if point.seconds is not None),
    )
    if not known.points:
        return []
    seconds = [point.seconds or 0.0 for point in known.points]
    low, high = min(seconds) / 2, max(seconds) * 2
    layout = _layout(frontier.look, "time to learn and to sample")
    ticks = {at: said for at, said in _TIMES.items() if low <= at <= high}
    layout["yaxis"] |= {
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
    }
    trace, line = (part(known, lambda point: point.seconds) for part in (_circles, _joined))
    missing = len(frontier.points) - len(known.points)
    title = "Fidelity × time" + (f" ({missing} without a known time)" if missing else "")
    alt = f"{frontier.look.title} against seconds; the numbers are in the table below."
    return [Figure("frontier-time", title, alt, {"data": [line, trace], "layout": layout})]


def _circles(frontier: Frontier, up: Callable[[Point], float | None]) -> dict[str, Any]:
    diameters = dict(zip(frontier.points, _sizes(frontier.points), strict=True))
    # The small ones last, so that none is hidden.
    points = sorted(frontier.points, key=lambda point: -diameters[point])
    shapes = ["diamond" if p.out else "square" if p.seconds is None else "circle" for p in points]
    tones = [
        "var(--poor)" if p.out else "var(--good)" if p.front else "var(--soft)" for p in points
    ]
    look, copying = escape(frontier.look.title), escape(frontier.copying.title)
    hover = [
        f"<b>{escape(p.table)}</b><br>{look} {number(p.look.value)}<br>{copying} "
        f"{number(p.copying.value)}<br>time: {took(p.seconds)}<br>{_state(p)}"
        for p in points
    ]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [point.look.value for point in points],
        "y": [up(point) for point in points],
        "text": [point.mark for point in points],
        "textfont": {
            "size": 12,
            "color": ["var(--card)" if p.front else "var(--ink)" for p in points],
        },
        "hovertext": hover,
        "hoverinfo": "text",
        "marker": {
            "symbol": shapes,
            "size": [diameters[point] for point in points],
            "opacity": 1,
            "color": ["var(--good)" if p.front else "var(--card)" for p in points],
            "line": {"width": 2, "color": tones},
        },
        "error_x": _bars([point.look for point in points]),
        **({"error_y": _bars([point.copying for point in points])} if up is _share else {}),
        "cliponaxis": False,
    }


def _share(point: Point) -> float | None:
    return point.copying.value


def _joined(frontier: Frontier, up: Callable[[Point], float | None]) -> dict[str, Any]:
    """A line through those on the frontier, from the most faithful on."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [point.look.value for point in frontier.front],
        "y": [up(point) for point in frontier.front],
        "line": {"color": "var(--good)", "width": 2, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _bars(entries: Sequence[Any]) -> dict[str, Any]:
    ends = [_ends(entry) for entry in entries]
    values = [entry.value or 0.0 for entry in entries]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for (_, high), value in zip(ends, values, strict=True)],
        "arrayminus": [value - low for (low, _), value in zip(ends, values, strict=True)],
        "color": "var(--soft)",
        "thickness": 1.2,
        "width": 3,
    }


def _ends(entry: Any) -> tuple[float, float]:
    value = entry.value or 0.0
    low, high = entry.interval or (value, value)
    return low, high


def _sizes(points: Sequence[Point]) -> list[float]:
    """Diameters that go with the logarithm of the time; the least where none is known."""
    known = [math.log(max(p.seconds, 1e-3)) for p in points if p.seconds is not None]
    if not known or max(known) - min(known) < 1e-9:
        return [_LEAST] * len(points)
    spread = max(known) - min(known)

    def size(point: Point) -> float:
        if point.seconds is None:
            return _LEAST
        share = (math.log(max(point.seconds, 1e-3)) - min(known)) / spread
        return round(_LEAST + share * (_MOST - _LEAST), 1)

    return [size(point) for point in points]


def _layout(look: Axis, up: str) -> dict[str, Any]:
    axis = {"gridcolor": "var(--line)", "zeroline": False, "linecolor": "var(--line)"}
    return {
        "height": 380,
        "margin": {"l": 58, "r": 40, "t": 14, "b": 48},
        "xaxis": {
            **axis,
            "title": {"text": escape(look.title)},
            "autorange": "reversed" if look.better == "higher" else True,
        },
        "yaxis": {**axis, "title": {"text": up}},
        "showlegend": False,
    }


def _limits(limit: float, top: float) -> dict[str, Any]:
    """The line of no copying, and the one from which on a table is out."""
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "layer": "between"}
    area = {
        "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": limit, "y1": top,
        "fillcolor": "var(--poor-soft)", "line": {"width": 0}, "layer": "below",
    }  # fmt: skip
    even = {"color": "var(--good)", "width": 1.5, "dash": "dash"}
    out = {"color": "var(--poor)", "width": 1.5, "dash": "dash"}
    said = {"xref": "paper", "x": 1.01, "xanchor": "left", "showarrow": False}
    return {
        "shapes": [
            area,
            {**line, "y0": _EVEN, "y1": _EVEN, "line": even},
            {**line, "y0": limit, "y1": limit, "line": out},
        ],
        "annotations": [
            {**said, "y": _EVEN, "text": "even"},
            {**said, "y": limit, "text": "limit"},
        ],
    }
