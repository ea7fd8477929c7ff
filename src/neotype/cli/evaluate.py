"""`neotype evaluate`: how good and how safe a synthetic table is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neotype.cli.options import Force, GateOption, Json, Seed, hold
from neotype.cli.terminal import listening, out, say_json, scores_json, show_report

EPILOG = (
    "Example: [bold]neotype evaluate synthetic.csv --train train.csv --holdout holdout.csv "
    "--target income --html report.html[/]\n\n"
    "Or, after `neotype fit data.csv -o m.neotype --holdout .25`: "
    "[bold]neotype evaluate synthetic.csv --train data.csv --model m.neotype[/]"
)

Holdout = Annotated[
    Path | None, typer.Option(help="Real rows that were not learnt. Needed, or --model.")
]
ModelFile = Annotated[
    Path | None, typer.Option(help="A model fitted with --holdout: divides --train as `fit` did.")
]
Html = Annotated[Path | None, typer.Option(help="Write the report as a page.")]
JsonReport = Annotated[Path | None, typer.Option(help="Write the report as JSON.")]
Card = Annotated[Path | None, typer.Option(help="Write the report as Markdown.")]


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("evaluate", epilog=EPILOG)(evaluate)


def evaluate(
    *,
    synthetic: Annotated[Path, typer.Argument(help="The synthetic table.")],
    train: Annotated[Path, typer.Option(help="The real rows that were learnt.")],
    holdout: Holdout = None,
    model: ModelFile = None,
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    schema: Annotated[Path | None, typer.Option(help="A schema file for the real rows.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Take this measure; all if unsaid. Repeatable.")
    ] = None,
    html: Html = None,
    json_report: JsonReport = None,
    card: Card = None,
    gate: GateOption = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Compare a synthetic table with the rows that were learnt and with rows that were not."""
    from neotype import api
    from neotype.outputs import ready

    files = [path for path in (html, json_report, card) if path is not None]
    ready(*files, force=force)
    with listening(quiet=json) as progress:
        report = api.evaluate(
            synthetic,
            train=train,
            holdout=holdout,
            model=None if model is None else api.load(model),
            target=target,
            schema=schema,
            metrics=metric,
            seed=seed,
            progress=progress,
        )
    for wanted, to in (
        (html, report.to_html),
        (json_report, report.to_json),
        (card, report.to_markdown),
    ):
        if wanted is not None:
            to(wanted, force=force)
    if json:
        say_json({"verdict": report.verdict, "scores": scores_json(report.scores)})
    else:
        show_report(report)
        for path in files:
            out().print(f"[bold]{path}[/]")
    hold(report.scores, gate)
