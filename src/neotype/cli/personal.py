"""The part of `neotype inspect` on personal data: what was found, how surely, what is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

_DONE = {
    "fake": "made up anew",
    "pattern": "made anew in its form",
    "pseudonym": "replaced by tokens",
    "keep": "learnt",
    "mask": "masked, then learnt",
    "generalise": "made coarser, then learnt",
    "shift": "shifted, then learnt",
    "drop": "left out",
}


def find(frames: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The findings of every table, by column."""
    from neotype.personal.detect import detect

    return {name: detect(frame) for name, frame in frames.items()}


def facts(findings: Mapping[str, Mapping[str, Any]], schema: Any) -> dict[str, Any]:
    """The findings for machines."""
    return {
        table: [
            {
                "column": one.column,
                "category": one.category,
                "role": one.role,
                "confidence": one.confidence,
                "reason": one.reason,
                "treatment": _treatment(schema.tables[table].columns[one.column]),
            }
            for one in found.values()
        ]
        for table, found in findings.items()
    }


def show(page: Any, findings: Mapping[str, Any], content: Any) -> None:
    """The findings of one table, and which columns together may tell who somebody is."""
    if not findings:
        return
    from neotype.personal.categories import CATEGORIES

    page.print("\n[bold]Personal data[/]")
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("  column", "what", "sure", "what is done", "because"):
        shown.add_column(title, justify="right" if title == "sure" else "left")
    for one in sorted(findings.values(), key=lambda f: f.role != "direct"):
        treatment = _treatment(content.columns[one.column])
        shown.add_row(
            Text(f"  {one.column}", style="bold"),
            Text(CATEGORIES[one.category].title, style="cyan"),
            f"{one.confidence:.0%}",
            Text(_DONE[treatment], style="green" if treatment != "keep" else "yellow"),
            Text(one.reason, style="dim"),
        )
    page.print(shown)
    quasi = [one.column for one in findings.values() if one.role == "quasi"]
    if len(quasi) > 1 and not content.quasi_identifiers:
        page.print(
            f"  Together these may tell who it is: {escape(', '.join(quasi))}. Name them in the "
            "schema as quasi_identifiers, and evaluations will attack through them.",
            style="dim",
        )


def _treatment(column: Any) -> str:
    if column.kind == "identifier":
        return "pattern"
    return str(column.treatment) if column.kind == "personal" else "keep"
