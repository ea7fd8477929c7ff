"""For the statistician: where averages hide something: groups, rare events, times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neotype.evaluate.interval import Z
from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.detail import listed, mapped, numbered, told
from neotype.report.drawing import sides, strip, text
from neotype.report.lanes import Lane, Mark, dots
from neotype.report.parts.beside import panel_of, records
from neotype.report.parts.layout import Drawn, find, linked
from neotype.report.words import number, percent, rate

MOST_GROUPS = 16
MOST_PROFILES = 18
_ENDS = {
    "hour": ("0 h", "12 h", "23 h"),
    "weekday": ("Monday", "Thursday", "Sunday"),
    "day of month": ("1st", "16th", "31st"),
    "month": ("January", "July", "December"),
    "period": ("first tenth", "", "last tenth"),
    "gap": ("shortest", "", "longest"),
}
"""How the axis of a profile reads: start, middle, end."""


def _said(score: Score) -> str:
    return f'<p class="lead">{text(score.meaning)} Score {linked(score)}.</p>'


def subgroups(report: Content) -> Drawn:
    """How the table resembles the real one inside each group, worst first."""
    score = find(report, "subgroup_fidelity")
    groups = _list(score, "groups")
    lanes = [
        Lane(
            f"{text(group.get('column', ''))} = <b>{text(group.get('group', ''))}</b>",
            (
                Mark("synthetic", "synthetic rows of the group", value, _around(group)),
                Mark("real", "real unseen rows of the group", numbered(group.get("floor"))),
            ),
            f"{group['rows']:,} rows" if isinstance(group.get("rows"), int) else "",
        )
        for group in groups[:MOST_GROUPS]
        if (value := numbered(group.get("fidelity"))) is not None
    ]
    if score is None or not lanes:
        return "", []
    rest = len(groups) - len(lanes)
    more = f'<p class="soft small">{rest:,} more in the JSON report.</p>' if rest > 0 else ""
    drawn = dots(lanes)
    return f'{_said(score)}<figure class="panel">{drawn}{more}</figure>', []


def _around(group: Mapping[str, Any]) -> tuple[float, float] | None:
    value, error = (numbered(group.get(key)) for key in ("fidelity", "error"))
    return None if value is None or error is None else (value - Z * error, value + Z * error)


def rare(report: Content) -> Drawn:
    """Rare events that are furthest off, at their rates on both sides."""
    score = find(report, "rare_events")
    if score is None or score.value is None:
        return "", []
    panels = "".join(
        panel_of(
            "Rates of the rare events that are furthest off",
            some,
            say=rate,
            log=True,
            note="On a logarithmic scale.",
        )
        for _, some in records(score.detail)
    )
    return (f"{_said(score)}{panels}", []) if panels else ("", [])


def calendar(report: Content) -> Drawn:
    """When things happen, and how quantities go with it."""
    score = find(report, "time_patterns")
    profiles = _list(score, "profiles")
    if score is None or score.value is None or not profiles:
        return "", []
    cards = "".join(_profile(profile) for profile in profiles[:MOST_PROFILES])
    means = "".join(_mean(part) for part in _list(score, "means")[: MOST_PROFILES // 2])
    under = f'<h3>Means by time, furthest off first</h3><div class="grid">{means}</div>'
    rest = len(profiles) - MOST_PROFILES
    more = f'<p class="soft small">{rest:,} more in the JSON report.</p>' if rest > 0 else ""
    return (
        f'{_said(score)}{sides()}<div class="grid">{cards}</div>{more}{under if means else ""}',
        [],
    )


def _profile(profile: Mapping[str, Any]) -> str:
    shares = mapped(profile.get("shares"))
    real, made = (list(map(numbered, listed(shares.get(s)))) for s in ("train", "synthetic"))
    alike = numbered(profile.get("similarity"))
    side = f'<span class="match">{percent(alike)} alike</span>' if alike is not None else ""
    title = f"{profile.get('column', '')} by {profile.get('part', '')}"
    return _card(title, side, real, made, str(profile.get("part")), 0.0)


def _mean(part: Mapping[str, Any]) -> str:
    means = mapped(part.get("means"))
    real, made = (list(map(numbered, listed(means.get(s)))) for s in ("train", "synthetic"))
    title = f"mean {part.get('of', '')} by {part.get('part', '')} of {part.get('column', '')}"
    return _card(title, "", real, made, str(part.get("part")), None)


def _card(
    title: str,
    side: str,
    real: Sequence[float | None],
    made: Sequence[float | None],
    part: str,
    base: float | None,
) -> str:
    known = [v for v in (*real, *made) if v is not None]
    if not known or len(real) != len(made):
        return ""
    low = min(known) if base is None else base
    high = max(known)
    span = f"{number(low)} to {number(high)}" if base is None else f"up to {percent(high)}"
    first, middle, last = _ENDS.get(part, ("", "", ""))
    return (
        f'<article class="column"><h3><span>{text(title)}</span>{side}</h3>'
        f'<p class="about">{span}</p>{strip(title, real, made, low, high)}<div class="base">'
        f"<span>{first}</span><span>{middle}</span><span>{last}</span></div></article>"
    )


def _list(score: Score | None, key: str) -> list[Mapping[str, Any]]:
    return told(score.detail.get(key)) if score is not None else []
