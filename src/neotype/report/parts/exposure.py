"""For the legal review of a database: every threat to every table."""

from __future__ import annotations

from collections.abc import Sequence

from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.drawing import badge, text
from neotype.report.parts.layout import Drawn, drawer, sheet
from neotype.report.parts.legal import promise, state_of, threat_article, threats_of, untested
from neotype.report.parts.tables import scoped

_CALM = "Every judged privacy measure of this table is good."


def exposure(report: Content) -> Drawn:
    """A word for each threat to each table, then each table by itself."""
    own = [score for score in report.scores if score.axis == "privacy"]
    by_table = {name: [s for s in own if s.table == name] for name in (*report.tables, "")}
    named = [name for name, some in by_table.items() if some]
    groups = {name: dict_of(by_table[name]) for name in named}
    keys = list(dict.fromkeys(key for some in groups.values() for key in some))
    taken = [
        key
        for key in keys
        if any(s.value is not None for some in groups.values() for s in some.get(key, ((), ()))[1])
    ]
    titles = {key: some[key][0] for some in groups.values() for key in some}
    rows = [
        (
            f"<b>{text(name or 'the whole')}</b>",
            *(
                badge(state_of(groups[name][key][1])) if key in groups[name] else "–"
                for key in taken
            ),
        )
        for name in named
        if any(s.value is not None for s in by_table[name])
    ]
    parts = [promise(own, report.guarantee, report.footing)]
    if rows:
        header = ("Table", *(titles[key] for key in taken))
        parts.append(sheet(header, "t" * len(header), rows))
    quiet = [name for name in named if not any(s.value is not None for s in by_table[name])]
    if quiet:
        said = ", ".join(name or "the whole" for name in quiet)
        parts.append(f'<p class="soft small later">Not tested: {text(said)}.</p>')
    for place, name in enumerate(named):
        if any(s.value is not None for s in by_table[name]):
            parts.append(_table(name, by_table[name], place))
    return "".join(parts), []


def dict_of(scores: Sequence[Score]) -> dict[str, tuple[str, list[Score]]]:
    """The threats that any of these measures is about: title and measures by key."""
    return {t.key: (t.title, list(some)) for t, some in threats_of(scores) if some}


def _table(name: str, own: Sequence[Score], place: int) -> str:
    """One table's threats, folded; what was found is in the summary."""
    found = [s for s in own if s.verdict in ("poor", "fair")]
    inside = "".join(
        threat_article(threat, some)
        for threat, some in threats_of(own)
        if any(s.value is not None for s in some)
    )
    inside += untested([(threat, some) for threat, some in threats_of(own) if some])
    listed = ", ".join(f"{s.title} {s.verdict}" for s in found[:4]) or _CALM
    worst = next((v for v in ("poor", "fair") if any(s.verdict == v for s in found)), "good")
    judged = any(s.verdict in ("good", "fair", "poor") for s in own)
    about = (
        f"{badge(worst if judged else 'not judged')} "
        f'<span class="soft">{text(listed if judged else "shown, not judged")}</span>'
    )
    return drawer(name or "the whole", about, scoped(inside, f"p{place}-"))
