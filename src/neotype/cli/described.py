"""What `neotype inspect` shows of a schema in another language: SQL, JSON Schema, dbt, pydantic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from neotype.cli.tables import show_tables
from neotype.cli.terminal import out, say_json
from neotype.errors import SchemaError, did_you_mean


def described(path: Path) -> bool:
    """Whether it names a description of tables and not data."""
    from neotype.foreign.read import is_foreign

    module, _, name = str(path).partition(":")
    if path.suffix.lower() in {".yaml", ".yml"} and path.is_file():
        return True
    return is_foreign(path) or bool(module and name.isidentifier() and not path.exists())


def show_described(
    path: Path, table: str | None, dialect: str | None, as_json: bool, quiet: bool
) -> Any:
    """Print its tables, and what of them could not be said here; gives the schema."""
    from neotype.foreign.read import import_schema

    read = import_schema(path, dialect=dialect)
    schema = read.schema if table is None else only(read.schema, table)
    if as_json:
        say_json({"notes": list(read.notes), "schema": schema.model_dump(mode="json")})
        return schema
    if quiet:
        return schema
    page = out()
    for name, content in schema.tables.items():
        page.print(f"\n[bold]{escape(name)}[/]: {len(content.columns)} columns\n")
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("column", "kind", "storage", "said as"):
            shown.add_column(title)
        for key, column in content.columns.items():
            kind = getattr(column, "category", None) or getattr(column, "subtype", None)
            label = f"{column.kind}, {kind}" if kind else column.kind
            cells = (key, f"[cyan]{label}[/]", escape(str(column.storage)), escape(column.reason))
            shown.add_row(*cells)
        page.print(shown)
        for rule in content.constraints:
            page.print(f"  [dim]must hold:[/] {escape(rule.title)}")
    if len(schema.tables) > 1:
        show_tables(page, schema)
    for note in read.notes:
        page.print(f"\n[yellow]note:[/] {escape(note)}")
    return schema


def only(schema: Any, table: str) -> Any:
    """The schema of this table alone; SchemaError where it is not there."""
    if table not in schema.tables:
        raise SchemaError(
            f"there is no table '{table}'.",
            found=f"there are: {', '.join(schema.tables)}",
            mend=did_you_mean(table, schema.tables),
        )
    return schema.only(table)
