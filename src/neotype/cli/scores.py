"""Scores and decisions as a person reads them in a terminal, and as a program does."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent, wrap
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from neotype.cli.terminal import err, out

if TYPE_CHECKING:
    from neotype.evaluate.metric import Score
    from neotype.policy.ruling import Ruling

WIDEST = 110
"""Columns of text that are easy to read; a wider terminal is not filled."""

SYMBOLS = {"good": "●", "fair": "◐", "poor": "▲", "not judged": "○", "not measured": "–"}
VERDICTS = {
    "good": "green",
    "fair": "yellow",
    "poor": "red",
    "not judged": "default",
    "not measured": "dim",
}


def show_report(report: Any) -> None:
    """The verdict in words, then the scores of each axis, then what was not measured, and why."""
    page = out()
    rows = ", ".join(f"{count:,} {name}" for name, count in report.rows.items())
    page.print(f"\n[bold]{escape(report.summary.headline)}[/]")
    for line in report.summary.lines:
        mark = f"{SYMBOLS.get(line.verdict, '○')} {line.verdict}"
        colour = VERDICTS.get(line.verdict, "default")
        page.print(Text.assemble("\n  ", (line.axis, "bold"), " ", (mark, colour)))
        page.print(_paragraph(line.text, page.width))
    page.print(f"\n  Rows: {rows}.\n", style="dim")
    if report.guarantee is not None:
        page.print(_paragraph(f"{report.guarantee.promise}. {report.footing}", page.width))
        page.print()
    wide = min(page.width, WIDEST)
    if report.tables:
        page.print(panel_of_tables(report, width=wide))
        page.print()
    page.print(
        panel_of_scores(report.between().scores if report.tables else report.scores, width=wide)
    )
    page.print()


def panel_of_tables(report: Any, *, width: int = WIDEST) -> Table:
    """A line for each table of a database: rows, the leading scores, the verdict."""
    from neotype.report.whole import table_verdicts
    from neotype.report.words import number

    found = {(score.metric, score.table): score.value for score in report.scores}
    verdicts = {one.table: one.verdict for one in table_verdicts(report.scores, report.tables)}
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", width=width)
    table.add_column(Text("TABLES", style="bold"), ratio=1)
    for title in ("learnt", "synthetic", "shape", "trend", "detection"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True, min_width=12)
    for one in report.database.tables:
        word = "not judged" if one.public else verdicts[one.name]
        table.add_row(
            Padding(Text(one.name), (0, 0, 0, 2)),
            *(f"{one.rows.get(side, 0):,}" for side in ("train", "synthetic")),
            *(number(found.get((metric, one.name))) for metric in ("shape", "trend", "c2st")),
            Text(f"{SYMBOLS[word]} {word}", style=VERDICTS[word]),
        )
    return table


def panel_of_scores(scores: Sequence[Score], *, width: int = WIDEST) -> Table:
    """Measure, score, interval, floor, target and status by axis; what is missing in a line."""
    axes = list(dict.fromkeys(score.axis for score in scores))
    whole = Table.grid()
    for axis in axes:
        own = [score for score in scores if score.axis == axis]
        measured = [score for score in own if score.value is not None]
        whole.add_row(_axis_of_scores(axis, measured, width))
        for missing in _missing(own):
            whole.add_row(_paragraph(missing, width, style="dim"))
        whole.add_row("")
    return whole


def _axis_of_scores(axis: str, scores: Sequence[Score], width: int) -> Table:
    from neotype.report.words import goal, number

    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", width=width)
    table.add_column(Text(axis.upper(), style="bold"), ratio=1)
    for title, wide in (("score", 6), ("95% interval", 16), ("floor", 7), ("target", 8)):
        table.add_column(title, justify="right", no_wrap=True, min_width=wide)
    table.add_column("status", no_wrap=True, min_width=12)
    for score in scores:
        colour = VERDICTS[score.verdict]
        table.add_row(
            Padding(Text(score.title), (0, 0, 0, 2)),
            Text(number(score.value), style=colour),
            Text(" – ".join(number(end) for end in score.interval or ()), style="dim"),
            number(score.floor),
            goal(score),
            Text(f"{SYMBOLS[score.verdict]} {score.verdict}", style=colour),
        )
    return table


def _missing(scores: Sequence[Score]) -> list[str]:
    """What was not measured, for each reason in one line."""
    from neotype.report.words import reason

    why: dict[str, list[str]] = {}
    for score in scores:
        if score.value is None:
            told = reason(score).removeprefix("Not measured: ").rstrip(".")
            why.setdefault(told, []).append(score.title)
    return [f"not measured: {', '.join(titles)} ({told})" for told, titles in why.items()]


def _paragraph(text: str, width: int, *, style: str = "") -> Text:
    lines = wrap(text, min(width, WIDEST) - 2)
    return Text(indent("\n".join(lines), "  "), style=style)


def show_ruling(ruling: Ruling) -> None:
    """The decision of a policy; everything that holds the table back, with its numbers."""
    from neotype.report.words import number

    page = err()
    colour = "green" if ruling.allowed else "red"
    page.print(Text(f"{'✓' if ruling.allowed else '✗'} {ruling.headline}", style=f"bold {colour}"))
    for outcome in ruling.refused:
        ends = " – ".join(number(end) for end in outcome.interval or ())
        found = "" if outcome.value is None else f": {number(outcome.value)}"
        found += f" ({ends})" if ends else ""
        asked = f", asked {outcome.threshold}" if outcome.threshold else ""
        page.print(
            Text.assemble(
                ("  ✗ ", "red"), (outcome.name, "bold"), f"{found}{asked} [{outcome.status}]"
            )
        )
        for words in (outcome.words, outcome.because):
            if words:
                page.print(Text(indent(_paragraph(words, page.width).plain, "  "), style="dim"))


def scores_json(scores: Any) -> list[dict[str, Any]]:
    """The scores without their details, for machines."""
    keys = (
        "metric",
        "table",
        "title",
        "axis",
        "value",
        "interval",
        "floor",
        "better",
        "target",
        "verdict",
    )
    return [{key: getattr(score, key) for key in keys} for score in scores]
