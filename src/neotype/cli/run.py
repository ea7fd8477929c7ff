"""`neotype run`: the whole journey."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from neotype.choice import AUTO
from neotype.cli.board import show_board
from neotype.cli.evaluate import facts_of
from neotype.cli.mask import show_receipt
from neotype.cli.options import (
    Entity,
    Families,
    Force,
    IfExistsOption,
    Json,
    Junit,
    Objective,
    OrphansOption,
    PolicyOption,
    Public,
    Quasi,
    Rows,
    Scale,
    Scorer,
    Sensitive,
    Sequence_,
    Settings,
    SummaryFile,
    Tables,
    TimeBudget,
    Without,
    ready_to_say,
    say_ruling,
    settings_of,
    several,
    sizes_of,
)
from neotype.cli.scores import show_report
from neotype.cli.terminal import listening, out, say_json, size
from neotype.errors import SchemaError

if TYPE_CHECKING:
    from neotype.api import Result
    from neotype.plan import Plan

EPILOG = (
    "Example: [bold]neotype run examples/adult.yaml[/]\n\n"
    "Without a plan: [bold]neotype run data.csv --target outcome -o out/[/]\n\n"
    "A database to a test database: [bold]neotype run 'postgresql://me:${PGPASSWORD}@host/shop' "
    "--destination 'postgresql://me:${PGPASSWORD}@host/shop_test' -o report/[/]"
)

PlanOrData = Annotated[
    str,
    typer.Argument(
        metavar="PLAN|DATA", help="A plan (YAML), or data alone: a file, a folder, a URL."
    ),
]
DestinationOption = Annotated[
    str | None,
    typer.Option(help="Where several tables go: a database by its URL or file, or a folder."),
]
DeepOrNot = Annotated[
    bool | None,
    typer.Option("--deep/--no-deep", help="Attack with models that learn anew: minutes."),
]
Holdout = Annotated[str | None, typer.Option(help="A share of the rows, or a file of real rows.")]


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("run", epilog=EPILOG)(run)


def run(
    *,
    plan: PlanOrData,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder that gets everything.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    rows: Rows = None,
    scale: Scale = None,
    destination: DestinationOption = None,
    if_exists: IfExistsOption = None,
    orphans: OrphansOption = None,
    public: Public = None,
    tables: Tables = None,
    without: Without = None,
    entity: Entity = None,
    sequence: Sequence_ = None,
    synthesizer: Annotated[
        str | None,
        typer.Option(
            help="A registered synthesizer (auto tries them all); with --epsilon a strategy."
        ),
    ] = None,
    budget: TimeBudget = None,
    objective: Objective = None,
    families: Families = None,
    settings: Settings = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Learn with differential privacy: 1 is common.")
    ] = None,
    schema: Annotated[Path | None, typer.Option(help="A schema file.")] = None,
    holdout: Holdout = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same result.")] = None,
    sensitive: Sensitive = None,
    quasi: Quasi = None,
    scorer: Scorer = None,
    deep: DeepOrNot = None,
    policy: PolicyOption = None,
    junit: Junit = None,
    summary: SummaryFile = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Follow a plan: read, learn, sample, check, report. Options go before what the plan says."""
    from neotype import api

    followed = _followed(dict(locals()))
    ready_to_say(followed.policy, junit, summary, force=force)
    with listening(quiet=json) as progress:
        result = api.run(followed, force=force, progress=progress)
    if json:
        _say(result)
    else:
        _show(result)
    say_ruling(result.report, junit, summary, force=force)


_AS_SAID = (
    *("output", "target", "scale", "destination", "if_exists", "orphans", "entity", "sequence"),
    *("schema", "holdout", "seed", "scorer", "deep", "policy"),
)
_LISTS = {"public": "public", "sensitive": "sensitive", "quasi": "quasi_identifiers"}


def _followed(said: Mapping[str, Any]) -> Plan:
    """The plan with the options of the command, by their names, put in."""
    from neotype import api

    plan = api.as_plan(said["plan"])
    known = "synthesizer" in plan.model_fields_set
    recipe, name = plan.synthesizer.model_dump() if known else {}, said["synthesizer"]
    if name is not None and name != recipe.get("name"):
        recipe = {"name": name}
    recipe |= settings_of(said["settings"])
    choice = {name: said[name] for name in ("budget", "objective") if said[name] is not None}
    choice |= {"families": listed} if (listed := several(said["families"])) else {}
    if choice and recipe.get("name") != AUTO:
        raise SchemaError(
            f"{', '.join(choice)}: said of a choice among families, and none is asked for.",
            mend="add --synthesizer auto, or leave them out",
        )
    recipe |= choice
    budget = None if plan.budget is None else plan.budget.model_dump()
    if said["epsilon"] is not None:
        budget = {**(budget or {}), "epsilon": said["epsilon"]}
    chosen = {"include": several(said["tables"]), "exclude": several(said["without"])}
    return plan.with_changes(
        **{name: said[name] for name in _AS_SAID},
        **{name: several(said[option]) or None for option, name in _LISTS.items()},
        rows=sizes_of(said["rows"]),
        tables=chosen if any(chosen.values()) else None,
        synthesizer=recipe or None,
        budget=budget,
    )


def _say(result: Result) -> None:
    report = result.report
    masked = {} if result.masked is None else {"masked": result.masked.receipt.to_dict()}
    sent = {} if result.sent is None else {"sent": result.sent}
    paths = {name: str(path) for name, path in result.paths.items()}
    say_json(
        {
            **facts_of(report),
            "seconds": dict(report.facts.timings),
            "paths": paths,
            **masked,
            **sent,
        }
    )


def _bytes(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _show(result: Result) -> None:
    report, page = result.report, out()
    if report.facts.chosen:
        show_board(report.facts.chosen)
    show_report(report)
    if result.masked is not None:
        page.print("\n[bold]The real rows, masked[/]")
        show_receipt(result.masked.receipt)
    for name, path in result.paths.items():
        page.print(f"  {name:<10} [bold]{path}[/] [dim]{size(_bytes(path))}[/]")
    if result.sent is not None:
        page.print(f"\n{escape(result.sent)}")
    stages = ", ".join(f"{name} {took:.1f} s" for name, took in report.facts.timings.items())
    page.print(f"\n[dim]{stages}[/]")
    page.print(f"The report: [bold]{result.paths['report']}[/]")
