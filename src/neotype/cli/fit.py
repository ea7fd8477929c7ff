"""`neotype fit`: learn a table, keep a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neotype.cli.options import Force, Json, Seed, Settings, settings_of
from neotype.cli.terminal import listening, out, say_json, size

EPILOG = (
    "Example: [bold]neotype fit examples/adult.parquet -o adult.neotype --target income "
    "--set refine=0[/]"
)


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("fit", epilog=EPILOG)(fit)


def fit(
    *,
    data: Annotated[Path, typer.Argument(help="The real table: CSV, Parquet, JSON, Excel, Arrow.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model file to write.")],
    target: Annotated[str | None, typer.Option(help="The column that matters most.")] = None,
    synthesizer: Annotated[str, typer.Option(help="A registered synthesizer.")] = "trees",
    schema: Annotated[
        Path | None, typer.Option(help="A schema file, instead of inferring one.")
    ] = None,
    settings: Settings = None,
    holdout: Annotated[
        float | None,
        typer.Option(help="Keep this share of the rows apart, unlearnt, to evaluate with later."),
    ] = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Learn a table and write the model: statistics, never rows."""
    from neotype import api
    from neotype.outputs import ready

    chosen = settings_of(settings)
    ready(output, force=force, inputs=[data, schema])
    with listening(quiet=json) as progress:
        model = api.fit(
            data,
            target,
            synthesizer=synthesizer,
            schema=schema,
            seed=seed,
            holdout=holdout,
            progress=progress,
            **chosen,
        )
        model.save(output, force=force)
    facts = model.facts
    if json:
        protected = [vars(p) for p in model.protections]
        say_json({"model": str(output), "facts": dict(facts), "protections": protected})
        return
    page = out()
    kept = f", {facts['holdout']['share']:.0%} kept apart" if facts["holdout"] else ""
    page.print(
        f"[green]✓[/] learnt [bold]{facts['rows']:,}[/] rows × {len(model.schema.columns)} columns "
        f"of {facts['origin']}{kept}"
    )
    page.print(f"  [bold]{output}[/] ({size(output.stat().st_size)})")
    cells = sum(p.cells for p in model.protections)
    if cells:
        page.print(f"  {cells:,} rare or extreme values are protected; `neotype inspect {output}`")
    page.print(f"  next: neotype sample {output} -n {facts['rows']} -o synthetic.csv", style="dim")
