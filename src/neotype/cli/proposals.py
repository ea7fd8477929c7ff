"""Constraints that hold in a data file: shown with evidence, written as comments or taken up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from neotype.cli.terminal import listening

Proposals = Mapping[str, Sequence[Any]]


def find_constraints(schema: Any, frames: Mapping[str, Any], *, quiet: bool) -> Proposals:
    """Of each table what its rows obey, and under no name what holds between tables.

    A bar shows where that takes long.
    """
    from neotype.constraints.discovery.database import propose_database
    from neotype.data import Dataset

    found: dict[str, list[Any]] = {name: [] for name in schema.tables}
    alone = schema.name if len(schema.tables) == 1 else ""
    with listening(quiet=quiet) as listen:
        for one in propose_database(Dataset(schema, frames), progress=listen):
            found.setdefault(one.table or alone, []).append(one)
    return found


def taken_up(schema: Any, proposals: Proposals) -> Any:
    """The schema with every proposed constraint that holds in all rows declared."""
    return schema.constrained(
        one.constraint for found in proposals.values() for one in found if one.holds
    )


def remarks(proposals: Proposals, *, taken: bool) -> dict[str, list[tuple[Any, str]]]:
    """What is written as comments: all, or where they were taken up what only almost holds."""
    return {
        name: [(one.constraint, one.evidence) for one in found if not (taken and one.holds)]
        for name, found in proposals.items()
    }


def facts(proposals: Proposals) -> dict[str, list[dict[str, Any]]]:
    """For machines."""
    return {name: [one.facts() for one in found] for name, found in proposals.items()}


def show(page: Console, found: Sequence[Any], *, taken: bool) -> None:
    """What holds, and what almost does, each with its evidence."""
    held = [one for one in found if one.holds]
    almost = [one for one in found if not one.holds]
    done = "taken up" if taken else "proposed, not applied"
    for title, some in (
        (f"Constraints that hold ({done})", held),
        ("Constraints that almost hold (typing errors, or no rules)", almost),
    ):
        if some:
            page.print(f"\n[bold]{title}[/]")
        for one in some:
            named = f"{one.table}: " if one.table else ""
            page.print(Text(f"  {named}{one.constraint.title}", style="cyan"))
            page.print(Text(f"    {one.evidence}", style="dim"))
