"""Constraints that hold in a data file: shown with evidence, written as comments or taken up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from neotype.cli.terminal import listening

Proposals = Mapping[str, Sequence[Any]]


def find_constraints(schema: Any, frames: Mapping[str, Any], *, quiet: bool) -> Proposals:
    """Of each table what its rows obey; a bar shows where that takes long."""
    from neotype.constraints.discovery import propose

    with listening(quiet=quiet) as listen:
        return {
            name: propose(table.columns, frames[name], progress=listen)
            for name, table in schema.tables.items()
        }


def find_between(schema: Any, frames: Mapping[str, Any], *, quiet: bool) -> Sequence[Any]:
    """What holds between tables; nothing of one table."""
    from neotype.constraints.discovery.between import propose_between
    from neotype.data import Dataset

    if len(schema.tables) == 1:
        return ()
    with listening(quiet=quiet) as listen:
        return propose_between(Dataset(schema, frames), progress=listen)


def taken_up(schema: Any, proposals: Proposals) -> Any:
    """The schema with every proposed constraint that holds in all rows declared."""
    tables = {
        name: table.model_copy(
            update={
                "constraints": (
                    *table.constraints,
                    *(one.constraint for one in proposals[name] if one.holds),
                )
            }
        )
        for name, table in schema.tables.items()
    }
    between = [one.constraint for one in proposals.get("", ()) if one.holds]
    return schema.model_copy(update={"tables": tables}).constrained(between)


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
            page.print(Text(f"  {one.constraint.title}", style="cyan"))
            page.print(Text(f"    {one.evidence}", style="dim"))
