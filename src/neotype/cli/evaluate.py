"""`neotype evaluate`: how good and how safe a synthetic table is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neotype.cli.options import (
    Deep,
    Force,
    Json,
    Junit,
    Metrics,
    PolicyOption,
    Quasi,
    Scorer,
    Seed,
    Sensitive,
    SummaryFile,
    files_of,
    ready_to_say,
    say_ruling,
    several,
    write_reports,
)
from neotype.cli.scores import scores_json, show_report
from neotype.cli.terminal import listening, out, say_json
from neotype.errors import SchemaError

if TYPE_CHECKING:
    from neotype.report.report import Report

EPILOG = (
    "Example: [bold]neotype evaluate synthetic.csv --train train.csv --holdout holdout.csv "
    "--target income --html report.html[/]\n\n"
    "Or, after `neotype fit data.csv -o m.neotype --holdout .25`: "
    "[bold]neotype evaluate synthetic.csv --train data.csv --model m.neotype[/]\n\n"
    "A database: [bold]neotype evaluate shop/ --train data/ --model shop.neotype[/]\n\n"
    "In CI: [bold]neotype evaluate synthetic.csv --train train.csv --holdout holdout.csv "
    "--policy partner --junit policy.xml[/]"
)

Synthetic = Annotated[
    str, typer.Argument(metavar="SYNTHETIC", help="The synthetic table, or database.")
]
Holdout = Annotated[
    str | None,
    typer.Option(help="Real rows that were not learnt. Needed, or --model."),
]
PublicRows = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="In place of --train and --holdout: real rows that may be published and that nobody "
        "learnt. So may the report.",
    ),
]
ModelFile = Annotated[
    Path | None,
    typer.Option(
        help="The model of the rows: lends its likelihoods and recipe; fitted with --holdout, it "
        "divides --train as `fit` did."
    ),
]
Html = Annotated[Path | None, typer.Option(help="Write the report as a page.")]
JsonReport = Annotated[Path | None, typer.Option(help="Write the report as JSON.")]
Card = Annotated[Path | None, typer.Option(help="Write the report as Markdown.")]

Copies = Annotated[
    list[Path] | None,
    typer.Option(help="A further synthetic table of the same model. Repeatable."),
]
Epsilon = Annotated[
    float | None,
    typer.Option(
        help="The differential privacy that is claimed, to be audited; that of --model if unsaid."
    ),
]
Delta = Annotated[float | None, typer.Option(help="The delta of that claim; 0 if unsaid.")]
RecipeName = Annotated[
    str | None,
    typer.Option(help="For --deep: the synthesizer that made the rows; the model's if unsaid."),
]
Shadows = Annotated[
    int | None, typer.Option(help="For --deep: how many models learn anew; 16 if unsaid.")
]


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("evaluate", epilog=EPILOG)(evaluate)


def evaluate(
    *,
    synthetic: Synthetic,
    train: Annotated[str | None, typer.Option(help="The real rows that were learnt.")] = None,
    holdout: Holdout = None,
    public: PublicRows = None,
    model: ModelFile = None,
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    schema: Annotated[Path | None, typer.Option(help="A schema file for the real rows.")] = None,
    metric: Metrics = None,
    html: Html = None,
    json_report: JsonReport = None,
    card: Card = None,
    sensitive: Sensitive = None,
    quasi: Quasi = None,
    copy: Copies = None,
    scorer: Scorer = None,
    epsilon: Epsilon = None,
    delta: Delta = None,
    deep: Deep = False,
    recipe: RecipeName = None,
    shadows: Shadows = None,
    policy: PolicyOption = None,
    junit: Junit = None,
    summary: SummaryFile = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Compare a synthetic table with the rows that were learnt and with rows that were not."""
    from neotype import api

    inputs = files_of(synthetic, train, holdout, public, model, schema, *(copy or ()))
    files = _ready((html, json_report, card), inputs, force=force)
    ready_to_say(policy, junit, summary, force=force, inputs=[*inputs, *files])
    with listening(quiet=json) as progress:
        report = api.evaluate(
            synthetic,
            train=train,
            holdout=holdout,
            public=public,
            model=None if model is None else api.load(model),
            target=target,
            schema=schema,
            sensitive=several(sensitive),
            quasi_identifiers=several(quasi),
            copies=copy or (),
            scorer=scorer,
            claim=_claim(epsilon, delta),
            deep=deep,
            recipe=recipe,
            shadows=_shadows(shadows, deep or metric is not None),
            policy=policy,
            metrics=metric,
            seed=seed,
            progress=progress,
        )
    write_reports(report, html, json_report, card, force=force)
    _show(report, files, json=json)
    say_ruling(report, junit, summary, force=force)


def _ready(forms: Sequence[Path | None], inputs: Sequence[Path], *, force: bool) -> list[Path]:
    """The files that are asked for; refused now, and not after the work, where they are taken."""
    from neotype.outputs import ready

    files = [path for path in forms if path is not None]
    ready(*files, force=force, inputs=inputs)
    return files


def _show(report: Report, files: Sequence[Path], *, json: bool) -> None:
    if json:
        say_json(facts_of(report))
        return
    show_report(report)
    for path in files:
        out().print(f"[bold]{path}[/]")


def facts_of(report: Report) -> dict[str, Any]:
    """What a program is told of a report: the verdict, the scores, and a policy's decision."""
    return {
        "verdict": report.verdict,
        "rows": dict(report.rows),
        "privacy": dict(report.facts.privacy) or None,
        "scores": scores_json(report.scores),
        "ruling": None if report.ruling is None else report.ruling.to_facts(),
    }


def _shadows(shadows: int | None, wanted: bool) -> int:
    if shadows is not None and not wanted:
        raise SchemaError("--shadows is for --deep.", mend="add --deep, or leave it out")
    return 16 if shadows is None else shadows


def _claim(epsilon: float | None, delta: float | None) -> tuple[float, float] | None:
    if epsilon is None and delta is not None:
        raise SchemaError("--delta belongs to a claim, which has an --epsilon too.")
    return None if epsilon is None else (epsilon, delta or 0.0)
