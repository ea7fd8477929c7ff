"""`neotype inspect`: what a data file is, or what a model holds."""

from __future__ import annotations

import json
import sys
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neotype.cli import personal, proposals, tables
from neotype.cli.described import described, only, show_described
from neotype.cli.options import Force, Json
from neotype.cli.terminal import out, say_json, size

EPILOG = (
    "Example: [bold]neotype inspect examples/adult.parquet --write schema.yaml[/]\n\n"
    "Statistics that make rows without the data: "
    "[bold]neotype inspect examples/adult.parquet -o spec.yaml --stats[/]\n\n"
    "A database: [bold]neotype inspect examples/sakila[/], as a diagram with [bold]--mermaid[/]\n\n"
    "A model: [bold]neotype inspect adult.neotype[/]"
)


_MADE = 50_000
"""Rows of a model of which statistics are taken."""


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("inspect", epilog=EPILOG)(inspect)


def inspect(
    *,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A data file, a folder of files, a database (file or URL), a schema, or a model.",
        ),
    ],
    write: Annotated[
        Path | None,
        typer.Option("-o", "--write", help="Write the schema as YAML, to edit and give to `fit`."),
    ] = None,
    stats: Annotated[
        bool,
        typer.Option(
            "--stats",
            help="Write statistics too (a model's: of rows it makes): a schema that makes rows.",
        ),
    ] = False,
    sdv: Annotated[Path | None, typer.Option(help="Write the schema as SDV metadata JSON.")] = None,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print the tables and their keys as a diagram.")
    ] = False,
    table: Annotated[
        str | None, typer.Option(help="Of several tables, this one alone, with its columns.")
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
    """Show what each column was taken for, and why; how tables are tied; what a model holds."""
    quiet = as_json or mermaid
    file = Path(path)
    if file.suffix == ".neotype":
        schema = _model(file, as_json, quiet)
        schema = _stated_of(file) if stats else schema
    elif described(file):
        schema = show_described(file, table, dialect, as_json, quiet)
    else:
        _inspect_data(path, table, write, stats, sdv, mermaid, constraints, force, as_json)
        return
    _write(schema, write, sdv, force)
    _finish(schema, write, sdv, mermaid, as_json)


def _inspect_data(
    path: str,
    table: str | None,
    write: Path | None,
    stats: bool,
    sdv: Path | None,
    mermaid: bool,
    constraints: bool,
    force: bool,
    as_json: bool,
) -> None:
    from neotype.schema.infer import examined
    from neotype.source import read

    source = read(path)
    whole = examined(source.frames, keys=source.keys)
    schema = whole.schema if table is None else only(whole.schema, table)
    frames = {name: source.frames[name] for name in schema.tables}
    several = len(frames) > 1
    found = {} if mermaid else proposals.find_constraints(schema, frames, quiet=as_json)
    schema = proposals.taken_up(schema, found) if constraints else schema
    remarks = proposals.remarks(found, taken=constraints or stats)
    proposed = whole.proposed if several else ()
    made = _stated(schema, frames) if stats else schema
    _write(made, write, sdv, force, remarks, proposed)
    if not mermaid:
        if as_json:
            say_json(_facts(source, schema, frames, found, proposed))
        elif several:
            _show_several(source, schema, frames, proposed)
            proposals.show(out(), list(chain(*found.values())), taken=constraints)
        else:
            _show(source, schema, frames, found, constraints)
    _finish(schema, write, sdv, mermaid, as_json)


def _facts(source: Any, schema: Any, frames: Any, found: Any, proposed: Any) -> dict[str, Any]:
    facts = {
        "rows": {name: frame.height for name, frame in frames.items()},
        "notes": source.notes,
        "schema": schema.model_dump(mode="json"),
        "constraints": proposals.facts(found),
        "personal": personal.facts(personal.find(frames), schema),
    }
    return facts | (tables.facts(proposed, *_odd(schema, frames)) if len(frames) > 1 else {})


def _odd(schema: Any, frames: Any) -> tuple[Any, Any]:
    from neotype.data import Dataset
    from neotype.integrity import faults
    from neotype.schema.infer_order import suggestions

    return suggestions(schema, frames), faults(Dataset(schema, frames))


def _show_several(source: Any, schema: Any, frames: Any, proposed: Any) -> None:
    page = out()
    tables.show_tables(page, schema, {name: frame.height for name, frame in frames.items()})
    tables.show_more(page, proposed, *_odd(schema, frames))
    for note in source.notes:
        page.print(f"\n[yellow]note:[/] {escape(note)}")
    page.print("\n[dim]Columns of one: --table NAME. As a diagram: --mermaid. To edit: -o FILE[/]")


def _finish(
    schema: Any, write: Path | None, sdv: Path | None, mermaid: bool, as_json: bool
) -> None:
    if mermaid and not as_json:
        from neotype.schema import diagram

        sys.stdout.write(diagram.mermaid(schema))
        return
    _say_written(write, sdv, as_json)


def _say_written(write: Path | None, sdv: Path | None, as_json: bool) -> None:
    for path in (write, sdv):
        if path and not as_json:
            out().print(f"\n[green]✓[/] [bold]{path}[/]")


def _show(source: Any, schema: Any, frames: Any, found: Any, taken: bool) -> None:
    page, persons = out(), personal.find(frames)
    for name, content in schema.tables.items():
        frame = frames[name]
        page.print(f"\n[bold]{name}[/]: {frame.height:,} rows × {frame.width} columns\n")
        page.print(_columns(content, frame))
        personal.show(page, persons[name], content)
        proposals.show(page, found[name], taken=taken)
    for note in source.notes:
        page.print(f"\n[yellow]note:[/] {escape(note)}")


def _stated_of(path: Path) -> Any:
    """Statistics of rows that a model makes: of a private one they cost nothing more."""
    from neotype import api

    model = api.load(path)
    rows = model.facts["rows"]
    made = model.draw(None if model.several else min(rows, _MADE))
    return _stated(made.schema, made.frames)


def _stated(schema: Any, frames: Any) -> Any:
    from neotype.data import Dataset
    from neotype.spec.stated import stated

    return stated(Dataset(schema, frames))


def _write(
    schema: Any,
    write: Path | None,
    sdv: Path | None,
    force: bool,
    remarks: Any = None,
    proposed: Any = (),
) -> None:
    from neotype.outputs import appearing, refuse_taken
    from neotype.schema.file import write_schema

    refuse_taken(*(path for path in (write, sdv) if path is not None), force=force)
    if write is not None:
        write_schema(schema, write, force=force, remarks=remarks or {}, proposed=proposed)
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


def _model(path: Path, as_json: bool, quiet: bool) -> Any:
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
    if quiet:
        return model.schema
    page = out()
    page.print(
        f"\n[bold]{path}[/] ({size(path.stat().st_size)}): "
        + (
            f"declared in {facts['origin']}, no data was learnt"
            if facts["synthesizer"] == "Specified"
            else f"{facts['synthesizer']}, learnt from {_rows(facts)} of {facts['origin']}"
        )
    )
    if facts.get("holdout"):
        page.print(f"  {facts['holdout']['share']:.0%} of the rows were kept apart and not learnt")
    if "chosen" in facts:
        page.print(f"  {escape(facts['chosen']['why'])}", highlight=False)
    promise = _promise(facts)
    if promise:
        page.print(f"  {escape(promise)}", highlight=False)
    holds = [line for line in holds if line != promise]
    page.print("\n[bold]It holds these statistics, and no rows[/]")
    for line in holds:
        page.print(f"  • {line}", highlight=False)
    page.print("\n[bold]Protected[/]" if protections else "\n[bold]Nothing had to be protected[/]")
    if protections:
        page.print(_protections(protections))
    page.print("\n[bold]Schema[/]")
    if len(model.schema.tables) > 1:
        tables.show_tables(page, model.schema)
        return model.schema
    for name, column in model.schema.columns.items():
        page.print(f"  {name}: [cyan]{_kind(column)}[/] [dim]{column.storage}[/]")
    return model.schema


def _promise(facts: dict[str, Any]) -> str:
    """The guarantee of a model that was learnt within a budget; of others, that there is none."""
    if "privacy" not in facts:
        return "" if facts["synthesizer"] == "Specified" else "No formal privacy guarantee."
    from neotype.dp.guarantee import Guarantee

    return Guarantee.restore(facts["privacy"]).sentence()


def _rows(facts: dict[str, Any]) -> str:
    rows = facts["rows"]
    if isinstance(rows, dict):
        return f"{sum(rows.values()):,} rows in {len(rows)} tables"
    return f"{rows:,} rows"


def _protections(protections: list[dict[str, Any]]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("  column", "what", "cells", "note"):
        shown.add_column(title, justify="right" if title == "cells" else "left")
    for p in protections:
        shown.add_row(f"  {p['column']}", p["what"], f"{p['cells']:,}", p["note"])
    return shown
