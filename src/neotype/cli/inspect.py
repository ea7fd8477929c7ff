"""`neotype inspect`: what a data file is, or what a model holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neotype.cli import personal, proposals
from neotype.cli.described import described, show_described
from neotype.cli.options import Force, Json
from neotype.cli.terminal import out, say_json, size

EPILOG = (
    "Example: [bold]neotype inspect examples/adult.parquet --write schema.yaml[/]\n\n"
    "Statistics that make rows without the data: "
    "[bold]neotype inspect examples/adult.parquet -o spec.yaml --stats[/]\n\n"
    "A model: [bold]neotype inspect adult.neotype[/]"
)


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("inspect", epilog=EPILOG)(inspect)


def inspect(
    *,
    path: Annotated[Path, typer.Argument(help="A data file, a folder of files, or a model.")],
    write: Annotated[
        Path | None,
        typer.Option("-o", "--write", help="Write the schema as YAML, to edit and give to `fit`."),
    ] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Write statistics too: a schema that makes rows.")
    ] = False,
    sdv: Annotated[Path | None, typer.Option(help="Write the schema as SDV metadata JSON.")] = None,
    table: Annotated[
        str | None, typer.Option(help="Of a schema of several tables, this one alone.")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(help="Of which database the SQL is; guessed if unsaid.")
    ] = None,
    constraints: Annotated[
        bool, typer.Option("--constraints", help="Write the constraints that hold as declared.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Show what each column was taken for, and why; or, of a model, which statistics it holds."""
    if path.suffix == ".neotype":
        _write(_model(path, as_json), write, sdv, force)
        _say_written(write, sdv, as_json)
        return
    if described(path):
        schema = show_described(path, table, dialect, as_json)
        _write(schema, write, sdv, force)
        _say_written(write, sdv, as_json)
        return
    from neotype.schema.infer import infer_schema
    from neotype.source import read

    source = read(path)
    schema = infer_schema(source.frames)
    found = proposals.find_constraints(schema, source.frames, quiet=as_json)
    schema = proposals.taken_up(schema, found) if constraints else schema
    persons = personal.find(source.frames)
    remarks = proposals.remarks(found, taken=constraints or stats)
    whole = _stated(schema, source.frames) if stats else schema
    _write(whole, write, sdv, force, remarks)
    if as_json:
        rows = {name: frame.height for name, frame in source.frames.items()}
        say_json(
            {
                "rows": rows,
                "notes": source.notes,
                "schema": schema.model_dump(mode="json"),
                "constraints": proposals.facts(found),
                "personal": personal.facts(persons, schema),
            }
        )
        return
    _show(source, schema, persons, found, constraints)
    _say_written(write, sdv, as_json)


def _say_written(write: Path | None, sdv: Path | None, as_json: bool) -> None:
    for path in (write, sdv):
        if path and not as_json:
            out().print(f"\n[green]✓[/] [bold]{path}[/]")


def _show(source: Any, schema: Any, persons: Any, found: Any, taken: bool) -> None:
    page = out()
    for name, content in schema.tables.items():
        frame = source.frames[name]
        page.print(f"\n[bold]{name}[/]: {frame.height:,} rows × {frame.width} columns\n")
        page.print(_columns(content, frame))
        personal.show(page, persons[name], content)
        proposals.show(page, found[name], taken=taken)
    for note in source.notes:
        page.print(f"\n[yellow]note:[/] {escape(note)}")


def _stated(schema: Any, frames: Any) -> Any:
    from neotype.data import Dataset
    from neotype.spec.stated import stated

    return stated(Dataset(schema, frames))


def _write(
    schema: Any, write: Path | None, sdv: Path | None, force: bool, remarks: Any = None
) -> None:
    from neotype.outputs import appearing, refuse_taken
    from neotype.schema.file import write_schema

    refuse_taken(*(path for path in (write, sdv) if path is not None), force=force)
    if write is not None:
        write_schema(schema, write, force=force, remarks=remarks or {})
    if sdv is not None:
        from neotype.schema.sdv import to_sdv

        with appearing(sdv, force=force) as file:
            file.write(json.dumps(to_sdv(schema), indent=1).encode() + b"\n")


def _columns(table: Any, frame: Any) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("column", "kind", "storage"):
        shown.add_column(title)
    shown.add_column("missing", justify="right")
    shown.add_column("because", style="dim")
    for name, column in table.columns.items():
        empty = frame[name].null_count()
        shown.add_row(
            Text(name, style="bold"),
            Text(_kind(column), style="cyan"),
            column.storage,
            f"{empty / frame.height:.1%}" if empty else "",
            column.reason,
        )
    return shown


def _kind(column: Any) -> str:
    detail = getattr(column, "subtype", None) or getattr(column, "part", None)
    return column.kind if detail in (None, column.kind) else f"{column.kind}, {detail}"


def _model(path: Path, as_json: bool) -> Any:
    from neotype import api

    model = api.load(path)
    holds, facts = model.describe(), dict(model.facts)
    protections = [vars(p) for p in model.protections]
    if as_json:
        say_json(
            {
                "bytes": path.stat().st_size,
                "facts": facts,
                "holds": holds,
                "rows_held": 0,
                "protections": protections,
                "schema": model.schema.model_dump(mode="json"),
            }
        )
        return model.schema
    page = out()
    page.print(
        f"\n[bold]{path}[/] ({size(path.stat().st_size)}): "
        + (
            f"declared in {facts['origin']}, no data was learnt"
            if facts["synthesizer"] == "Specified"
            else f"{facts['synthesizer']}, learnt from {facts['rows']:,} rows of {facts['origin']}"
        )
    )
    if facts.get("holdout"):
        page.print(f"  {facts['holdout']['share']:.0%} of the rows were kept apart and not learnt")
    page.print("\n[bold]It holds these statistics, and no rows[/]")
    for line in holds:
        page.print(f"  • {line}", highlight=False)
    page.print("\n[bold]Protected[/]" if protections else "\n[bold]Nothing had to be protected[/]")
    if protections:
        page.print(_protections(protections))
    page.print("\n[bold]Schema[/]")
    for name, column in model.schema.columns.items():
        page.print(f"  {name}: [cyan]{_kind(column)}[/] [dim]{column.storage}[/]")
    return model.schema


def _protections(protections: list[dict[str, Any]]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("  column", "what", "cells", "note"):
        shown.add_column(title, justify="right" if title == "cells" else "left")
    for p in protections:
        shown.add_row(f"  {p['column']}", p["what"], f"{p['cells']:,}", p["note"])
    return shown
