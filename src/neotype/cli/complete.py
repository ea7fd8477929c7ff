"""`neotype impute` and `neotype replace`: a real table in which some cells are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neotype.cli.conditions import pairs
from neotype.cli.options import Force, Json, Seed, Settings, settings_of, several
from neotype.cli.terminal import listening, out, say_json
from neotype.errors import SchemaError

if TYPE_CHECKING:
    from neotype.api.tasks import Completed

IMPUTE = (
    "Example: [bold]neotype impute survey.csv -o filled.csv --draws 5[/]\n\n"
    "Several draws are written as filled-1.csv … filled-5.csv."
)
REPLACE = (
    "Example: [bold]neotype replace people.csv --columns income,age -o partly.csv[/]\n\n"
    "Only where it matters: [bold]neotype replace people.csv --columns income "
    "--where 'income=100000..' -o partly.csv[/]"
)

Data = Annotated[Path, typer.Argument(help="The real table.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The file to write.")]
Draws = Annotated[int, typer.Option(min=1, help="How many copies, each drawn anew.")]
SchemaFile = Annotated[Path | None, typer.Option(help="A schema file, instead of inferring one.")]


def add_to(app: typer.Typer) -> None:
    """Make them verbs."""
    app.command("impute", epilog=IMPUTE)(impute)
    app.command("replace", epilog=REPLACE)(replace)


def impute(
    *,
    data: Data,
    output: Output,
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Fill these; every column with missing cells if unsaid."),
    ] = None,
    draws: Draws = 1,
    rounds: Annotated[
        int, typer.Option(min=1, help="How often every missing cell is drawn anew.")
    ] = 5,
    schema: SchemaFile = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Fill the missing cells of a real table; cells that are known stay as they are."""
    from neotype import api

    paths = _ready(output, draws, force, [data, schema])
    with listening(quiet=json) as progress:
        done = api.impute(
            data,
            several(columns),
            draws=draws,
            rounds=rounds,
            schema=schema,
            seed=seed,
            progress=progress,
        )
    _write(done, paths, force=force)
    _say(done, paths, "filled", json=json)


def replace(
    *,
    data: Data,
    output: Output,
    columns: Annotated[
        list[str], typer.Option(metavar="A,B", help="The columns that become synthetic.")
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Only in such rows: sex=Female, age=65..; repeatable, and several values of a "
            "column are alternatives.",
        ),
    ] = None,
    draws: Draws = 1,
    schema: SchemaFile = None,
    settings: Settings = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Draw some columns of a real table anew, given the others, which stay as they are."""
    from neotype import api

    chosen = settings_of(settings)
    paths = _ready(output, draws, force, [data, schema])
    with listening(quiet=json) as progress:
        done = api.replace_columns(
            data,
            several(columns),
            draws=draws,
            where=pairs(where or ()),
            schema=schema,
            seed=seed,
            progress=progress,
            **chosen,
        )
    _write(done, paths, force=force)
    _say(done, paths, "replaced", json=json)


def condition(text: str) -> tuple[str, Any]:
    """COLUMN=VALUE; nothing after the sign is a missing cell."""
    column, equals, value = text.partition("=")
    if not equals or not column.strip():
        raise SchemaError(f"'{text}' is not COLUMN=VALUE.", mend="write sex=Female or age=65..")
    return column.strip(), value or None


def _ready(output: Path, draws: int, force: bool, inputs: list[Path | None]) -> list[Path]:
    """Where the copies go: one file, or as many, numbered."""
    from neotype.outputs import ready

    paths = [output]
    if draws > 1:
        paths = [output.with_name(f"{output.stem}-{k}{output.suffix}") for k in range(1, draws + 1)]
    ready(*paths, force=force, inputs=inputs)
    return paths


def _write(done: Completed, paths: list[Path], *, force: bool) -> None:
    from neotype.source import write

    for copy, path in zip(done.about.copies, paths, strict=True):
        write(copy.frame, path, force=force, kind=done.kind)


def _say(done: Completed, paths: list[Path], what: str, *, json: bool) -> None:
    changes = done.changes().to_dicts()
    if json:
        outputs = [str(path) for path in paths]
        say_json({"output": outputs, "columns": changes, "left": dict(done.left)})
        return
    page = out()
    cells = sum(one["drawn"] for one in changes)
    where = f"{len(changes)} column{'s' * (len(changes) != 1)}"
    page.print(f"[green]✓[/] {cells:,} cells {what} in {where}")
    width = max((len(one["column"]) for one in changes), default=0)
    for one in changes:
        same = one["drawn"] - one["changed"]
        note = f", {same:,.0f} came out as they were" if what == "replaced" else ""
        page.print(f"  {one['column']:<{width}}  {one['drawn']:>9,}{note}", markup=False)
    for name, reason in done.left.items():
        page.print(f"  '{name}' stays as it is: {reason}", markup=False, style="yellow")
    for path in paths:
        page.print(f"  {path}", style="bold", markup=False)
