"""The families that were tried, as a person sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from neotype.cli.terminal import out


def show_board(chosen: Mapping[str, Any]) -> None:
    """The trials, the best first, why the first one won, and what was not tried."""
    from neotype.choose.select import Trial

    board = Table(box=None, header_style="dim", pad_edge=False)
    for head in ("family", chosen["metric"], "", "copying", "rows", "seconds"):
        board.add_column(head, justify="left" if head == "family" else "right")
    trials = [Trial(**said) for said in chosen["trials"]]
    for trial in trials:
        low, high = trial.interval or (None, None)
        board.add_row(
            escape(trial.name),
            _number(trial.value, trial.late) or _unscored(trial.late),
            f"{low:.3f} to {high:.3f}" if low is not None else "",
            _number(trial.copied, trial.copies),
            f"{trial.rows:,}",
            f"{trial.seconds:.1f}",
        )
    page = out()
    page.print(board)
    page.print(f"  {escape(chosen['why'])}")
    for trial in trials:
        if trial.failed:
            page.print(f"  {escape(trial.name)}: {escape(trial.failed)}", style="dim")
    for name, why in chosen["left_out"].items():
        page.print(f"  {name} was left out: {escape(why)}", style="dim")


def _unscored(late: bool) -> str:
    """Why there is no score: time is no fault."""
    return "[dim]too slow[/]" if late else "[red]failed[/]"


def _number(value: float | None, out: bool) -> str:
    """A score; struck out where it takes its family out."""
    if value is None:
        return ""
    return f"[strike]{value:.3f}[/]" if out else f"{value:.3f}"
