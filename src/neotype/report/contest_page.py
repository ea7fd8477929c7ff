"""The comparison drawn: one page that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence

from neotype.report.contest import RULE, Contest, Entry, Standing, Standings
from neotype.report.drawing import badge, text, tone
from neotype.report.lanes import Lane, Mark, Scale, dots
from neotype.report.page import shell
from neotype.report.parts.layout import sheet
from neotype.report.words import AXES, BETTER, UNCOVERED, number

LOOKS = ("c2st", "hop_trends", "trend", "accuracy_2way", "shape")
GUARDS = ("mia_density_ratio", "mia_distance", "dcr_share", "near_copies")
"""What the map of resemblance against privacy is drawn with: the first that every table has."""

CAVEAT = (
    "Coming first says that a table is ahead of the others here, not that it is good enough: each "
    "table’s own report says that. Attacks can find a leak; they cannot prove that there is none."
)


_KEY = (
    '<ul class="key">'
    '<li><svg viewBox="-11 -8 22 16" aria-hidden="true"><path class="m-win" '
    'd="M0-8l2.4 5 5.6.7-4.1 3.9 1 5.6L0 4.5-4.9 7.2l1-5.6L-8-2.3l5.6-.7z"/></svg>'
    "ahead: clearly better than another, and nobody clearly better</li>"
    '<li><svg viewBox="-11 -8 22 16" aria-hidden="true"><line class="spread" x1="-9" x2="9" y1="0" '
    'y2="0"/><circle class="m-main" r="4.5"/></svg>score with its 95% interval</li>'
    '<li><svg viewBox="-11 -8 22 16" aria-hidden="true"><line class="target" x1="0" x2="0" y1="-8" '
    'y2="8" stroke-dasharray="4 3"/></svg>floor: what real rows score (a diamond where it differs '
    "between tables)</li></ul>"
)


def contest_page(standings: Standings) -> str:
    """The whole page."""
    sections = [
        ("order", "Order", "The order, and how it came about", _order(standings)),
        ("map", "Map", "Resemblance against privacy", _map(standings)),
    ]
    for axis, (name, ask) in AXES.items():
        own = [contest for contest in standings.contests if contest.axis == axis]
        if own:
            inside = f'<p class="lead">{ask}</p>{_measures(own, standings.tables)}'
            sections.append((axis, name, name, inside))
    listed = [section for section in sections if section[3]]
    main = "".join(
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{heading}</h2>'
        f"{inside}</section>\n"
        for key, _, heading, inside in listed
    )
    source = f"{standings.source} · " if standings.source else ""
    return shell(
        title=f"{source}synthetic tables compared",
        head=_head(standings),
        contents="".join(f'<li><a href="#{key}">{label}</a></li>' for key, label, _, _ in listed),
        main=main,
        foot="Made by neotype. Aggregates only: no real row is in this page.",
        specs={},
    )


def _head(standings: Standings) -> str:
    source = f" · {text(standings.source)}" if standings.source else ""
    caveat = f"{CAVEAT} {UNCOVERED}" if standings.uncovered else CAVEAT
    cards = "".join(_card(standing) for standing in standings.ranking)
    known = [(f"{side.title()} rows", f"{rows:,}") for side, rows in standings.rows.items()]
    known += [("Columns", f"{standings.columns:,}")]
    known += [("Target", standings.target)] if standings.target else []
    known += [("Written", standings.made[:16].replace("T", " ") + " UTC")]
    listed = "".join(f"<div><dt>{label}</dt><dd>{text(said)}</dd></div>" for label, said in known)
    return (
        f'<header><div class="wrap"><p class="eyebrow">Synthetic tables compared{source}</p>'
        f'<h1>{text(standings.headline)}</h1><ol class="podium">{cards}</ol>'
        f'<p class="caveat">{caveat}</p><dl class="facts">{listed}</dl></div></header>'
    )


def _card(standing: Standing) -> str:
    privacy = standing.verdicts.get("privacy", "not measured")
    badges = "".join(
        f"<span>{AXES[axis][0]} {badge(verdict)}</span>"
        for axis, verdict in standing.verdicts.items()
        if axis in AXES
    )
    promised = f'<p class="soft small">{text(standing.promise)}.</p>' if standing.promise else ""
    mean = "not ranked" if standing.mean_rank is None else f"mean rank {standing.mean_rank:.2f}"
    return (
        f'<li class="{tone(privacy)}"><b class="place">{standing.place}</b><div>'
        f"<h2>{text(standing.table)}</h2><p>{text(standing.headline)}</p>"
        f'<p class="verdicts">{badges}</p><p class="soft small">{mean} · ahead on '
        f"{standing.wins} {'measure' if standing.wins == 1 else 'measures'} · "
        f"{standing.rows:,} rows</p>{promised}</div></li>"
    )


def _order(standings: Standings) -> str:
    """Mean ranks by question, and the rule."""
    asked = [axis for axis in AXES if any(axis in s.by_axis for s in standings.ranking)]
    best = {axis: min(s.by_axis.get(axis, 1e9) for s in standings.ranking) for axis in asked}

    def cell(standing: Standing, axis: str) -> str:
        own = standing.by_axis.get(axis)
        if own is None:
            return "–"
        ahead = own == best[axis] and any(s.by_axis.get(axis) != own for s in standings.ranking)
        return f"{own:.2f}{' ★' if ahead else ''}"

    def name(standing: Standing) -> str:
        poor = standing.verdicts.get("privacy") == "poor" and standing.place > 1
        why = '<span class="toward">after the others: its privacy is poor</span>' if poor else ""
        return f"<b>{standing.place}. {text(standing.table)}</b>{why}"

    rows = [
        (
            name(standing),
            *(cell(standing, axis) for axis in asked),
            "–" if standing.mean_rank is None else f"<b>{standing.mean_rank:.2f}</b>",
            f"{standing.wins}",
            badge(standing.verdicts.get("privacy", "not measured")),
        )
        for standing in standings.ranking
    ]
    header = ("Table", *(AXES[axis][0] for axis in asked), "Overall", "Ahead on", "Privacy")
    table = sheet(header, f"t{'n' * len(asked)}nnt", rows)
    counted = sum(contest.counted for contest in standings.contests)
    return (
        f'<p class="lead">Mean ranks, 1 is first; {counted} of {len(standings.contests)} measures '
        f'count. ★ is the lowest of its question.</p>{table}<p class="ranked">{RULE}</p>'
    )


def _measures(contests: Sequence[Contest], order: Sequence[str]) -> str:
    """A card for each measure: those that part the tables first, those that do not count last."""
    key = {True: 0, False: 1}
    parted = sorted(
        contests, key=lambda c: (key[c.counted], key[any(entry.wins for entry in c.entries)])
    )
    shown = [c for c in parted if any(entry.value is not None for entry in c.entries)]
    cards = "".join(_measure(contest, order) for contest in shown)
    missed = [c.called for c in parted if c not in shown]
    rest = (
        f'<p class="soft">Measured for no table: {text(", ".join(missed))}.</p>' if missed else ""
    )
    return f'{_KEY}<div class="contests">{cards}</div>{rest}' if cards else rest


def _measure(contest: Contest, order: Sequence[str]) -> str:
    entries = sorted(contest.entries, key=lambda entry: order.index(entry.table))
    floors = {entry.floor for entry in entries if entry.floor is not None}
    lanes = [_lane(entry, floor=len(floors) > 1) for entry in entries]
    if contest.counted:
        ahead = [entry.table for entry in entries if entry.wins]
        said = f"Ahead: {', '.join(ahead)}." if ahead else "Nobody is clearly ahead."
    else:
        said = f"Does not count: {contest.why}."
    drawn = dots(lanes, line=floors.pop() if len(floors) == 1 else None, key=False)
    return (
        f'<figure class="panel"><h3>{text(contest.called)}</h3>'
        f'<p class="soft small">{BETTER.get(contest.better, "")}. {text(said)}</p>{drawn}</figure>'
    )


def _lane(entry: Entry, *, floor: bool) -> Lane:
    kind, name = ("winner", "ahead of another") if entry.wins else ("main", "score")
    marks = [Mark(kind, name, entry.value, entry.interval)]
    if floor:
        marks.append(Mark("real", "floor: real rows", entry.floor))
    side = number(entry.value)
    if entry.rank is not None:
        side += f'<span class="rank-of">{"★ ahead" if entry.wins else f"rank {entry.rank}"}</span>'
    return Lane(text(entry.table), tuple(marks), side)


# ---- resemblance against privacy ----------------------------------------------------------------


def _map(standings: Standings) -> str:
    """Every table as a numbered point with its intervals; the better corner is top right."""
    looks, guards = (_first(standings.contests, names) for names in (LOOKS, GUARDS))
    if looks is None or guards is None:
        return ""
    across, up = _Axis.of(looks), _Axis.of(guards)
    if across is None or up is None:
        return ""
    points = "".join(_point(standing, across, up) for standing in reversed(standings.ranking))
    listed = "".join(
        f"<li><b>{standing.place}</b> {text(standing.table)}: {text(looks.title)} "
        f"{number(across.value(standing.table))}, {text(guards.title)} "
        f"{number(up.value(standing.table))}</li>"
        for standing in standings.ranking
    )
    return (
        '<p class="lead">Up and to the right is better. Crosses are 95% intervals; dashed lines '
        "are what real rows score.</p>"
        f'<figure class="panel map"><p class="up soft small">↑ better: {text(guards.title)}</p>'
        '<svg class="scatter" height="340" role="img" aria-label="Tables by resemblance and '
        f'privacy; the numbers are in the list below">{_grid(across, up)}{points}</svg>'
        f'<p class="across soft small">better: {text(looks.title)} →</p>'
        f'<ul class="plain">{listed}</ul></figure>'
    )


def _first(contests: Sequence[Contest], names: Sequence[str]) -> Contest | None:
    whole = {
        contest.metric: contest
        for contest in contests
        if not contest.about and all(entry.value is not None for entry in contest.entries)
    }
    return next((whole[name] for name in names if name in whole), None)


class _Axis:
    """A measure laid out so that better lies at the end."""

    def __init__(self, contest: Contest, scale: Scale) -> None:
        self.entries = {entry.table: entry for entry in contest.entries}
        self.turned = contest.better != "higher"
        self.scale = scale
        self.floors = {e.floor for e in contest.entries if e.floor is not None}

    @classmethod
    def of(cls, contest: Contest) -> _Axis | None:
        """The axis on which every table's interval has a place."""
        marks = tuple(
            Mark("main", "", number_, interval)
            for entry in contest.entries
            for number_, interval in ((entry.value, entry.interval), (entry.floor, None))
        )
        scale = Scale.around([Lane("", marks)])
        return None if scale is None else cls(contest, scale)

    def value(self, table: str) -> float | None:
        """The table's score."""
        return self.entries[table].value

    def at(self, value: float) -> float:
        """Its place in percent, better at 100."""
        share = self.scale.at(value)
        return 100 - share if self.turned else share


def _point(standing: Standing, across: _Axis, up: _Axis) -> str:
    one, other = (axis.entries[standing.table] for axis in (across, up))
    x, y = across.at(one.value or 0.0), 100 - up.at(other.value or 0.0)
    lines = []
    if one.interval is not None:
        a, b = (f"{across.at(end):.2f}%" for end in one.interval)
        lines.append(f'<line class="spread" x1="{a}" x2="{b}" y1="{y:.2f}%" y2="{y:.2f}%"/>')
    if other.interval is not None:
        a, b = (f"{100 - up.at(end):.2f}%" for end in other.interval)
        lines.append(f'<line class="spread" x1="{x:.2f}%" x2="{x:.2f}%" y1="{a}" y2="{b}"/>')
    privacy = standing.verdicts.get("privacy", "not measured")
    return (
        f'{"".join(lines)}<svg x="{x:.2f}%" y="{y:.2f}%" overflow="visible" '
        f'class="{tone(privacy)}"><title>{text(standing.table)}</title><circle r="12"/>'
        f'<text y="4.5">{standing.place}</text></svg>'
    )


def _grid(across: _Axis, up: _Axis) -> str:
    parts = []
    for tick in across.scale.ticks():
        x = f"{across.at(tick):.2f}%"
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="100%"/>')
        parts.append(f'<text class="tick" x="{x}" y="100%" dy="-4">{text(number(tick))}</text>')
    for tick in up.scale.ticks():
        y = f"{100 - up.at(tick):.2f}%"
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick start" x="2" y="{y}" dy="-3">{text(number(tick))}</text>')
    if len(across.floors) == 1:
        x = f"{across.at(next(iter(across.floors))):.2f}%"
        parts.append(f'<line class="rule" x1="{x}" x2="{x}" y1="0" y2="100%"/>')
    if len(up.floors) == 1:
        y = f"{100 - up.at(next(iter(up.floors))):.2f}%"
        parts.append(f'<line class="rule" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
    return "".join(parts)
