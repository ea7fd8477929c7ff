"""The comparison drawn: one page that opens without a network."""

from __future__ import annotations

from collections.abc import Sequence

from neotype.report.contest import RULE, Contest, Entry, Standing, Standings
from neotype.report.drawing import badge, text, tone
from neotype.report.frontier import Frontier
from neotype.report.frontier_page import frontier_section
from neotype.report.lanes import Lane, Mark, dots
from neotype.report.page import shell
from neotype.report.parts.layout import sheet
from neotype.report.words import AXES, BETTER, UNCOVERED, number, took

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
    frontier, figures = frontier_section(Frontier.of(standings))
    sections = [
        ("order", "Order", "The order, and how it came about", _order(standings)),
        ("frontier", "Frontier", "Fidelity, copying and time", frontier),
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
        specs={figure.name: figure.spec for figure in figures},
    )


def _head(standings: Standings) -> str:
    source = f" · {text(standings.source)}" if standings.source else ""
    caveat = f"{CAVEAT} {UNCOVERED}" if standings.uncovered else CAVEAT
    cards = "".join(_card(standing) for standing in standings.ranking)
    cards += "".join(_failure(name, why) for name, why in standings.failed.items())
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
        f"{standing.rows:,} rows · {_time(standing)}</p>{promised}</div></li>"
    )


def _time(standing: Standing) -> str:
    """How the table came to be, and how long that took, as far as it is known."""
    if standing.seconds is None:
        return "made elsewhere, in a time that is not known"
    if not standing.recipe:
        return f"made elsewhere, it is said in {took(standing.seconds)}"
    return f"learnt and made here in {took(standing.seconds)}"


def _failure(name: str, why: str) -> str:
    """A recipe that made no table."""
    return (
        f'<li class="none"><b class="place">–</b><div><h2>{text(name)}</h2>'
        f"<p>This recipe failed: {text(why)}</p></div></li>"
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
