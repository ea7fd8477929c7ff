"""What `neotype inspect` shows of several tables: their keys, how they are tied, what is odd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_tables(page: Console, schema: Any, rows: Mapping[str, int] | None = None) -> None:
    """A line for each table, and one for each foreign key with the reason for it."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("table", "rows", "columns", "key", "refers to", "personal"):
        shown.add_column(title, justify="right" if title in ("rows", "columns") else "left")
    for name, table in schema.tables.items():
        persons = [key for key, column in table.columns.items() if column.kind == "personal"]
        size = table.rows if rows is None else rows[name]
        shown.add_row(
            Text(name, style="bold"),
            "" if size is None else f"{size:,}",
            str(len(table.columns)),
            Text(", ".join(table.primary_key), style="cyan"),
            Text(", ".join(dict.fromkeys(tie.parent for tie in schema.above(name)))),
            Text(", ".join(persons), style="dim"),
        )
    page.print("\n[bold]Tables[/]")
    page.print(shown)
    if schema.relationships:
        page.print("\n[bold]Foreign keys[/]")
        _show_ties(page, schema.relationships)


def show_more(
    page: Console,
    proposed: Sequence[Any],
    suggested: Mapping[str, Sequence[str]],
    faults: Sequence[Any],
) -> None:
    """Foreign keys that are doubtful, what may be said of tables, and what is wrong with them."""
    if proposed:
        page.print("\n[bold]Foreign keys that may be some (proposed, not applied)[/]")
        _show_ties(page, proposed)
    if suggested:
        page.print("\n[bold]What you may want to look at[/]")
        for name, said in suggested.items():
            for one in said:
                page.print(Text.assemble((f"  {name}: ", "cyan"), (one, "dim")))
    if faults:
        page.print("\n[bold]What is odd[/]")
        for fault in faults:
            page.print(Text(f"  {fault.shown}", style="yellow"))


def _show_ties(page: Console, ties: Sequence[Any]) -> None:
    for tie in ties:
        page.print(Text(f"  {tie.title}", style="cyan"))
        if tie.reason:
            page.print(Text(f"    {tie.reason}", style="dim"))


def facts(proposed: Sequence[Any], suggested: Mapping[str, Any], faults: Sequence[Any]) -> Any:
    """The same for machines."""
    return {
        "proposed": [tie.model_dump(mode="json", exclude_defaults=True) for tie in proposed],
        "suggestions": {name: list(said) for name, said in suggested.items()},
        "odd": [
            {"table": one.table, "what": one.what, "rows": one.rows, "of": one.of, "said": one.said}
            for one in faults
        ],
    }
