"""The comparison drawn: one page that opens without a network, and a Markdown card."""

from __future__ import annotations

from neotype.report.contest import RULE, Standings
from neotype.report.drawing import badge, text
from neotype.report.words import number


def contest_page(standings: Standings) -> str:
    """The whole page."""
    rows = "".join(
        f"<tr><td>{s.place}</td><td>{text(s.table)}</td><td>{number(s.mean_rank)}</td>"
        f"<td>{badge(s.verdicts.get('privacy', 'not measured'))}</td></tr>"
        for s in standings.ranking
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Comparison</title></head><body><h1>{text(standings.headline)}</h1>"
        f"<p>{RULE}</p><table>{rows}</table></body></html>\n"
    )


def contest_card(standings: Standings) -> str:
    """The whole card."""
    lines = ["# Synthetic tables compared", "", f"**{standings.headline}**", ""]
    lines += [f"{s.place}. {s.table} (mean rank {number(s.mean_rank)})" for s in standings.ranking]
    return "\n".join([*lines, "", RULE, ""])
