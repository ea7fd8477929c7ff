"""The figures that are worth moving about in, as Plotly's JSON: pair maps, ROC curves, distances.

A colour is written as a CSS variable of the page; the page's script puts in what the variable
says, so that the figures follow light and dark mode. Plotly reads labels as a small HTML, hence
every name of the user is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from neotype.evaluate.metric import Score
from neotype.report.detail import listed, numbered, paired, squared

TICKS = 26
"""With more columns than this, a pair map names its columns only on hover."""
_LABEL = 13
_STRENGTH = [[0, "var(--low)"], [0.5, "var(--half)"], [1, "var(--high)"]]
_CHANGE = [[0, "var(--real)"], [0.5, "var(--low)"], [1, "var(--synthetic)"]]


@dataclass(frozen=True)
class Figure:
    """One Plotly figure: what it is called, what it shows in words, and its JSON."""

    name: str
    title: str
    alt: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """Two columns whose tie differs: the strength on both sides and the pair's Trend score."""

    columns: tuple[str, str]
    real: float
    synthetic: float
    similarity: float | None


def pair_maps(detail: Mapping[str, Any]) -> list[Figure]:
    """Strength of every pair on real rows, on synthetic rows, and the difference."""
    names = [str(name) for name in listed(detail.get("columns"))]
    real, made = (squared(detail.get(side), len(names)) for side in ("real", "synthetic"))
    if len(names) < 2 or not real or not made:
        return []
    change = [
        [None if r is None or s is None else s - r for r, s in zip(left, right, strict=True)]
        for left, right in zip(real, made, strict=True)
    ]
    reach = max([0.1, *(abs(c) for row in change for c in row if c is not None)])
    return [
        _map("pairs-real", "Real", names, real),
        _map("pairs-synthetic", "Synthetic", names, made),
        _map("pairs-change", "Synthetic − real", names, change, reach),
    ]


def worst_pairs(detail: Mapping[str, Any], most: int = 10) -> list[Pair]:
    """The pairs whose strength differs most, largest difference first."""
    names = [str(name) for name in listed(detail.get("columns"))]
    real, made, alike = (
        squared(detail.get(side), len(names)) for side in ("real", "synthetic", "similarity")
    )
    pairs = [
        Pair((a, b), r, m, alike[i][j] if alike else None)
        for i, a in enumerate(names)
        for j, b in enumerate(names[:i])
        if real and made and (r := real[i][j]) is not None and (m := made[i][j]) is not None
    ]
    return sorted(pairs, key=lambda p: -abs(p.synthetic - p.real))[:most]


def _map(
    name: str,
    title: str,
    names: Sequence[str],
    cells: Sequence[Sequence[float | None]],
    reach: float | None = None,
) -> Figure:
    """Strengths from 0 to 1, or differences of up to `reach` on either side of none."""
    ends, colors = ((0.0, 1.0), _STRENGTH) if reach is None else ((-reach, reach), _CHANGE)
    full = [escape(n) for n in names]
    short = [escape(n if len(n) <= _LABEL else n[: _LABEL - 1] + "…") for n in names]
    shown = len(names) <= TICKS
    rounded = [[None if c is None else round(c, 4) for c in row] for row in cells]
    trace = {
        "type": "heatmap",
        "x": full,
        "y": full,
        "z": rounded,
        "zmin": ends[0],
        "zmax": ends[1],
        "colorscale": colors,
        "xgap": 1 if shown else 0,
        "ygap": 1 if shown else 0,
        "hovertemplate": "%{y}<br>%{x}<br><b>%{z:.3f}</b><extra></extra>",
        "colorbar": {
            "thickness": 8,
            "len": 0.5,
            "x": 0,
            "y": -0.34 if shown else -0.02,
            "xanchor": "left",
            "yanchor": "top",
            "orientation": "h",
            "outlinewidth": 0,
            "nticks": 3,
        },
    }
    axis = {
        "type": "category",
        "tickmode": "array",
        "tickvals": full if shown else [],
        "ticktext": short if shown else [],
        "tickfont": {"size": 10},
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
    }
    layout = {
        "height": 400,
        "margin": {"l": 92 if shown else 12, "r": 8, "t": 8, "b": 112 if shown else 60},
        "xaxis": {**axis, "tickangle": -60},
        "yaxis": {**axis, "autorange": "reversed"},
    }
    alt = f"Heat map of the strength of the tie between every two columns: {title.lower()}."
    return Figure(name, title, alt, {"data": [trace], "layout": layout})


def roc(name: str, title: str, score: Score) -> Figure | None:
    """How many are found against how many are wrongly accused, as the threshold moves."""
    points = paired(score.detail.get("roc"))
    if not points or score.value is None:
        return None
    x, y = zip(*points, strict=True)
    curve = _line(x, y, "var(--synthetic)", "detector", fill=True)
    curve["hovertemplate"] = "wrong alarms %{x:.3f}<br>found %{y:.3f}<extra></extra>"
    chance = _line([0, 1], [0, 1], "var(--faint)", "guessing", dash="dot")
    chance["hoverinfo"] = "skip"
    layout = _layout("share of real rows accused", "share found", legend=False)
    for axis in ("xaxis", "yaxis"):
        layout[axis] |= {"range": [0, 1], "tickformat": ".1f", "dtick": 0.5}
    alt = f"ROC curve, area {score.value:.3f}; the dotted diagonal is guessing."
    return Figure(name, title, alt, {"data": [chance, curve], "layout": layout})


LOWEST = 1e-3
"""The smallest false positive rate that a logarithmic ROC curve shows."""
_CURVES = (
    ("var(--synthetic)", "solid"),
    ("var(--real)", "solid"),
    ("var(--good)", "dash"),
    ("var(--poor)", "dashdot"),
    ("var(--fair)", "longdash"),
)


def roc_low(name: str, scores: Sequence[Score]) -> Figure | None:
    """The ROC curves of several attacks where it matters: few wrong accusations, on log axes."""
    traces = []
    for place, score in enumerate(s for s in scores if s.value is not None):
        points = _low_points(score.detail)
        if len(points) > 1:
            color, dash = _CURVES[place % len(_CURVES)]
            x, y = zip(*points, strict=True)
            trace = _line(x, y, color, escape(score.title), dash=dash)
            trace["hovertemplate"] = "wrongly accused %{x:.2%}<br>found %{y:.2%}<extra></extra>"
            traces.append(trace)
    if not traces:
        return None
    chance = _line([LOWEST, 1], [LOWEST, 1], "var(--faint)", "guessing", dash="dot")
    chance["hoverinfo"] = "skip"
    layout = _layout("share of others wrongly accused", "share of members found", legend=True)
    ends = [math.log10(LOWEST), 0]
    ticks = {"tickvals": [0.001, 0.01, 0.1, 1], "ticktext": ["0.1%", "1%", "10%", "100%"]}
    for axis in ("xaxis", "yaxis"):
        layout[axis] |= {"type": "log", "range": ends, **ticks}
    layout["height"] = 360
    alt = "ROC curves of the membership attacks on logarithmic axes; the dotted line is guessing."
    title = "Members found at few wrong accusations"
    return Figure(name, title, alt, {"data": [chance, *traces], "layout": layout})


def _low_points(detail: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The ROC curve with the rates that are known at few false positives, which it may skip."""
    known = paired(detail.get("roc"))
    named = (("tpr_at_01pct_fpr", 0.001), ("tpr_at_1pct_fpr", 0.01))
    known += [(x, y) for key, x in named if (y := numbered(detail.get(key))) is not None]
    return sorted((x, y) for x, y in known if x >= LOWEST and y > 0)


def distances(detail: Mapping[str, Any]) -> Figure | None:
    """Distance to the nearest real row: synthetic to train, to holdout, and holdout to train."""
    edges = [edge for edge in map(numbered, listed(detail.get("edges"))) if edge is not None]
    sides = (
        ("synthetic_to_train", "synthetic → train", "var(--synthetic)", "solid"),
        ("synthetic_to_holdout", "synthetic → holdout", "var(--real)", "solid"),
        ("holdout_to_train", "holdout → train", "var(--faint)", "dot"),
    )
    traces = []
    for key, label, color, dash in sides:
        heights = [numbered(height) or 0.0 for height in listed(detail.get(key))]
        if len(edges) >= 2 and len(heights) == len(edges) - 1:
            trace = _line(edges, [*heights, heights[-1]], color, label, dash=dash)
            trace["line"]["shape"] = "hv"
            trace["hovertemplate"] = f"{label}<br>distance %{{x:.3g}}<extra></extra>"
            traces.append(trace)
    if not traces:
        return None
    layout = _layout("distance to the nearest row", "", legend=True)
    layout["yaxis"] |= {"showticklabels": False, "rangemode": "tozero"}
    alt = "Histograms of the distance to the nearest row; without copying, the two lines agree."
    return Figure(
        "distances", "Distance to the nearest row", alt, {"data": traces, "layout": layout}
    )


def _line(
    x: Iterable[float],
    y: Iterable[float],
    color: str,
    name: str,
    *,
    dash: str = "solid",
    fill: bool = False,
) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "x": [round(float(v), 5) for v in x],
        "y": [round(float(v), 5) for v in y],
        "name": name,
        "line": {"color": color, "width": 2, "dash": dash},
    }
    if fill:
        trace |= {"fill": "tozeroy", "fillcolor": "var(--synthetic-soft)"}
    return trace


def _layout(x: str, y: str, *, legend: bool) -> dict[str, Any]:
    axis = {"gridcolor": "var(--line)", "zeroline": False, "linecolor": "var(--line)"}
    return {
        "height": 320,
        "margin": {"l": 48 if y else 12, "r": 12, "t": 34 if legend else 10, "b": 46},
        "xaxis": {**axis, "title": {"text": x}},
        "yaxis": {**axis, "title": {"text": y}},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    }
