"""`neotype fit`: learn a table or a database, keep a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from neotype.cli.board import show_board
from neotype.cli.options import (
    Entity,
    Families,
    Force,
    Json,
    Objective,
    OrphansOption,
    Public,
    Seed,
    Sequence_,
    Settings,
    Tables,
    TimeBudget,
    Without,
    files_of,
    settings_of,
    several,
)
from neotype.cli.terminal import listening, out, say_json, size
from neotype.errors import BudgetError

if TYPE_CHECKING:
    from neotype.api import FittedModel

EPILOG = (
    "Example: [bold]neotype fit examples/adult.parquet -o adult.neotype --target income "
    "--set refine=0[/]\n\n"
    "A database: [bold]neotype fit examples/sakila/ -o sakila.neotype --public country,city[/], or "
    "[bold]neotype fit 'postgresql://me:${PGPASSWORD}@host/shop' -o shop.neotype[/]\n\n"
    "Private: [bold]neotype fit people.csv -o people.neotype --epsilon 1 --target income[/]\n\n"
    "The family by trying: [bold]neotype fit examples/adult.parquet -o adult.neotype "
    "--synthesizer auto --budget 2m[/]\n\n"
    "A panel: [bold]neotype fit visits.csv -o visits.neotype --entity patient --sequence date[/]"
)

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="The real table: CSV, Parquet, JSON, Excel, Arrow; or a database: a folder of files, "
        "an SQLite or DuckDB file, a URL.",
    ),
]
Apart = Annotated[
    float | None,
    typer.Option(help="Keep this share of the rows apart, unlearnt, to evaluate with later."),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        help="A registered synthesizer (trees unless said; auto tries them all); with --epsilon "
        "a strategy: auto (unless said), marginals, mst, aim, privbayes, independent; of networks "
        "transformer, vae, diffusion."
    ),
]
Epsilon = Annotated[
    float | None, typer.Option(help="Learn with differential privacy: 1 is common.")
]
Delta = Annotated[
    float | None, typer.Option(help="The chance that the bound fails: 1e-6 unless said.")
]
Unit = Annotated[
    str | None,
    typer.Option(
        help="The column of the person who is protected, or of several tables the one of which a "
        "row is; else each row."
    ),
]
AtMost = Annotated[
    str,
    typer.Option(
        help="How many rows of one unit count; more are left out. Of several tables a number for "
        "all, or order=10,card=2."
    ),
]
SchemaFile = Annotated[Path | None, typer.Option(help="A schema file, instead of inferring one.")]


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("fit", epilog=EPILOG)(fit)


def fit(
    *,
    data: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="The model file to write.")],
    target: Annotated[str | None, typer.Option(help="The column that matters most.")] = None,
    synthesizer: Recipe = None,
    schema: SchemaFile = None,
    settings: Settings = None,
    orphans: OrphansOption = None,
    public: Public = None,
    tables: Tables = None,
    without: Without = None,
    entity: Entity = None,
    sequence: Sequence_ = None,
    holdout: Apart = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    unit: Unit = None,
    at_most: AtMost = "1",
    budget: TimeBudget = None,
    objective: Objective = None,
    families: Families = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Learn a table, or all tables of a database, and write the model: statistics, never rows."""
    from neotype import api
    from neotype.outputs import ready

    ready(output, force=force, inputs=files_of(data, schema))
    with listening(quiet=json) as progress:
        model = api.fit(
            data,
            target,
            synthesizer=synthesizer,
            schema=schema,
            tables=several(tables),
            without=several(without),
            orphans=orphans,
            public=several(public),
            entity=entity,
            sequence=sequence,
            seed=seed,
            holdout=holdout,
            epsilon=epsilon,
            delta=delta,
            unit=unit or "row",
            at_most=_bounds(at_most),
            budget=budget,
            objective=objective,
            families=several(families),
            progress=progress,
            **settings_of(settings),
        )
        model.save(output, force=force)
    _show(model, output, json=json)


def _bounds(said: str) -> int | dict[str, int]:
    """A number, or numbers by table."""
    if "=" not in said and said.strip().isdigit():
        return int(said)
    parts = [one.partition("=") for one in said.split(",")]
    if not all(name.strip() and most.strip().isdigit() for name, _, most in parts):
        raise BudgetError(
            f"--at-most is {said!r}.", mend="say a number, or one for each table: order=10,card=2"
        )
    return {name.strip(): int(most) for name, _, most in parts}


def _show(model: FittedModel, output: Path, *, json: bool) -> None:
    if json:
        protected = [vars(p) for p in model.protections]
        say_json({"model": str(output), "facts": dict(model.facts), "protections": protected})
        return
    facts, page = model.facts, out()
    kept = f", {facts['holdout']['share']:.0%} kept apart" if facts["holdout"] else ""
    page.print(f"[green]✓[/] learnt {_learnt(model)} of {escape(facts['origin'])}{kept}")
    page.print(f"  [bold]{output}[/] ({size(output.stat().st_size)})")
    if "chosen" in facts:
        show_board(facts["chosen"])
    cells = sum(p.cells for p in model.protections)
    if cells and "privacy" not in facts:
        page.print(f"  {cells:,} rare or extreme values are protected; `neotype inspect {output}`")
    if "privacy" in facts:
        from neotype.dp.guarantee import Guarantee

        page.print(f"  {escape(Guarantee.restore(facts['privacy']).sentence())}")
    following = "-o synthetic/" if model.several else f"-n {facts['rows']} -o synthetic.csv"
    page.print(f"  next: neotype sample {output} {following}", style="dim")


def _learnt(model: FittedModel) -> str:
    rows = model.facts["rows"]
    about = "about " if "privacy" in model.facts else ""
    if not model.several:
        return f"{about}[bold]{rows:,}[/] rows × {len(model.schema.columns)} columns"
    ties = len(model.schema.relationships)
    return (
        f"{about}[bold]{sum(rows.values()):,}[/] rows of {len(rows)} tables, tied by {ties} "
        f"foreign key{'' if ties == 1 else 's'},"
    )
