"""`neotype run`: the whole journey."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neotype.cli.evaluate import facts_of
from neotype.cli.mask import show_receipt
from neotype.cli.options import (
    Force,
    Json,
    Junit,
    PolicyOption,
    Quasi,
    Scorer,
    Sensitive,
    Settings,
    SummaryFile,
    ready_to_say,
    say_ruling,
    settings_of,
    several,
)
from neotype.cli.scores import show_report
from neotype.cli.terminal import listening, out, say_json, size

if TYPE_CHECKING:
    from neotype.api import Result

EPILOG = (
    "Example: [bold]neotype run examples/adult.yaml[/]\n\n"
    "Without a plan: [bold]neotype run data.csv --target outcome -o out/[/]"
)


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("run", epilog=EPILOG)(run)


def run(
    *,
    plan: Annotated[Path, typer.Argument(help="A plan (YAML), or a data file alone.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder that gets everything.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    rows: Annotated[int | None, typer.Option("-n", "--rows", help="How many rows to make.")] = None,
    synthesizer: Annotated[str | None, typer.Option(help="A registered synthesizer.")] = None,
    settings: Settings = None,
    schema: Annotated[Path | None, typer.Option(help="A schema file.")] = None,
    holdout: Annotated[
        str | None, typer.Option(help="A share of the rows, or a file of real rows.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same result.")] = None,
    sensitive: Sensitive = None,
    quasi: Quasi = None,
    scorer: Scorer = None,
    deep: Annotated[
        bool | None,
        typer.Option("--deep/--no-deep", help="Attack with models that learn anew: minutes."),
    ] = None,
    policy: PolicyOption = None,
    junit: Junit = None,
    summary: SummaryFile = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Follow a plan: read, learn, sample, check, report. Options go before what the plan says."""
    from neotype import api

    followed = api.as_plan(plan)
    recipe = followed.synthesizer.model_dump()
    if synthesizer is not None and synthesizer != followed.synthesizer.name:
        recipe = {"name": synthesizer}
    followed = followed.with_changes(
        output=output,
        target=target,
        rows=rows,
        schema=schema,
        holdout=holdout,
        seed=seed,
        sensitive=several(sensitive) or None,
        quasi_identifiers=several(quasi) or None,
        scorer=scorer,
        deep=deep,
        policy=policy,
        synthesizer={**recipe, **settings_of(settings)},
    )
    ready_to_say(followed.policy, junit, summary, force=force)
    with listening(quiet=json) as progress:
        result = api.run(followed, force=force, progress=progress)
    if json:
        _say(result)
    else:
        _show(result)
    say_ruling(result.report, junit, summary, force=force)


def _say(result: Result) -> None:
    report = result.report
    masked = {} if result.masked is None else {"masked": result.masked.receipt.to_dict()}
    paths = {name: str(path) for name, path in result.paths.items()}
    say_json({**facts_of(report), "seconds": dict(report.facts.timings), "paths": paths, **masked})


def _show(result: Result) -> None:
    report, page = result.report, out()
    show_report(report)
    if result.masked is not None:
        page.print("\n[bold]The real rows, masked[/]")
        show_receipt(result.masked.receipt)
    for name, path in result.paths.items():
        page.print(f"  {name:<10} [bold]{path}[/] [dim]{size(path.stat().st_size)}[/]")
    stages = ", ".join(f"{name} {took:.1f} s" for name, took in report.facts.timings.items())
    page.print(f"\n[dim]{stages}[/]")
    page.print(f"The report: [bold]{result.paths['report']}[/]")
