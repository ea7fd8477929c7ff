"""What a person sees: progress, tables, errors. Data goes to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from textwrap import indent, wrap
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from neotype.errors import NeotypeError
from neotype.progress import Progress as Listener
from neotype.progress import silent

VERDICTS = {
    "good": "green",
    "fair": "yellow",
    "poor": "red",
    "not judged": "default",
    "not measured": "dim",
}


def out() -> Console:
    """The console for results."""
    return _console(stderr=False)


def err() -> Console:
    """The console for everything that is not the result."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Without a terminal there is no width to fit into: tables stay whole, lines are not folded.
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, width=160, soft_wrap=True)


def say_json(facts: Mapping[str, Any]) -> None:
    """One JSON value on stdout, and nothing else."""
    sys.stdout.write(json.dumps(facts, ensure_ascii=False, indent=1, default=str) + "\n")


def say_error(fault: NeotypeError, *, machine: bool) -> None:
    """The error in three parts: what is wrong, what is there, the nearest mend."""
    kind = type(fault).__name__
    if machine:
        parts = {"problem": fault.problem, "found": fault.found, "mend": fault.mend}
        say_json({"error": {"type": kind, **parts}})
    text = Text.assemble((f"{kind}: ", "bold red"), fault.problem)
    if fault.found:
        text.append(f"\n  {fault.found}", "dim")
    if fault.mend:
        text.append(f"\n  {fault.mend}", "cyan")
    err().print(text)


class _Rate(TextColumn):
    """Rows a second, for stages that count rows."""

    def render(self, task: Task) -> Text:
        if task.description != "sample" or not task.speed or (task.total or 0) <= 1:
            return Text("")
        return Text(f"{task.speed:,.0f} rows/s", style="cyan")


@contextmanager
def listening(*, quiet: bool = False) -> Iterator[Listener]:
    """A listener that shows each stage on a terminal's stderr, and nothing anywhere else."""
    console = err()
    if quiet or not console.is_terminal:
        yield silent
        return
    bars = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        _Rate(""),
        console=console,
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def listen(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            # A stage of one step has no share to show: its bar pulses until it is done.
            tasks[stage] = bars.add_task(escape(stage), total=None if total == 1 else total)
        shown = total if total > 1 or done == total else None
        bars.update(tasks[stage], completed=done, total=shown)

    with bars:
        yield listen


def panel_of_scores(scores: Any) -> Table:
    """Metric, score, interval, floor, target, status; the status in colour."""
    from neotype.report.words import goal, number

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("score", justify="right")
    table.add_column("95% interval", justify="right", style="dim")
    table.add_column("floor", justify="right")
    table.add_column("target", justify="right")
    table.add_column("status")
    axis = None
    for score in scores:
        if score.axis != axis:
            axis = score.axis
            table.add_row(Text(axis, style="bold"), end_section=False)
        colour = VERDICTS[score.verdict]
        table.add_row(
            f"  {score.title}",
            Text(number(score.value), style=colour if score.value is not None else "dim"),
            "" if score.interval is None else " – ".join(number(end) for end in score.interval),
            number(score.floor),
            goal(score),
            Text(f"● {score.verdict}", style=colour),
        )
    return table


def show_report(report: Any) -> None:
    """The verdict in words, then the table of scores."""
    page = out()
    rows = ", ".join(f"{count:,} {name}" for name, count in report.rows.items())
    page.print(f"\n[bold]{escape(report.summary.headline)}[/]")
    for line in report.summary.lines:
        lines = wrap(line.text, min(page.width, 110) - 2)
        page.print(Text(indent("\n".join(lines), "  ")))
    page.print(f"  Rows: {rows}.\n", style="dim")
    page.print(panel_of_scores(report.scores))
    page.print()


def scores_json(scores: Any) -> list[dict[str, Any]]:
    """The scores without their details, for machines."""
    keys = ("metric", "title", "axis", "value", "interval", "floor", "better", "target", "verdict")
    return [{key: getattr(score, key) for key in keys} for score in scores]


def size(count: int) -> str:
    """Bytes, in the unit that reads best."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} GiB"
