"""What a person sees: progress, tables, errors. Data goes to stdout, everything else to stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from rich.text import Text

from neotype.errors import NeotypeError
from neotype.progress import Progress as Listener
from neotype.progress import silent


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
    with _notes(console, quiet=quiet):
        if quiet or not console.is_terminal:
            yield silent
            return
        with _bars(console) as listen:
            yield listen


class _Notes(logging.Handler):
    """What the work has to say on its way, between the bars and not across them."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        self.console.print(Text(f"note: {record.getMessage()}", style="yellow"))


@contextmanager
def _notes(console: Console, *, quiet: bool) -> Iterator[None]:
    log, handler = logging.getLogger("neotype"), _Notes(console)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


@contextmanager
def _bars(console: Console) -> Iterator[Listener]:
    bars = Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        _Rate(""),
        TextColumn("[dim]{task.fields[note]}[/]"),
        console=console,
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def listen(stage: str, done: int, total: int, note: str = "") -> None:
        if stage not in tasks:
            # A stage of one step has no share to show: its bar pulses until it is done.
            shown = None if total == 1 else total
            tasks[stage] = bars.add_task(escape(stage), total=shown, note="")
        shown = total if total > 1 or done == total else None
        bars.update(tasks[stage], completed=done, total=shown, note=escape(note))

    with bars:
        yield listen


def size(count: int) -> str:
    """Bytes, in the unit that reads best."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} GiB"
