"""`neotype compare`: several synthetic tables of one real table, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neotype.cli.options import (
    Force,
    Json,
    Metrics,
    Quasi,
    Seed,
    Sensitive,
    files_of,
    several,
    write_reports,
)
from neotype.cli.scores import SYMBOLS, VERDICTS, WIDEST
from neotype.cli.terminal import listening, out, say_json
from neotype.errors import SchemaError

if TYPE_CHECKING:
    from neotype.report.compare import ComparisonReport
    from neotype.report.frontier import Frontier

EPILOG = (
    "Example: [bold]neotype compare ours.csv theirs.csv --train train.csv --holdout holdout.csv "
    "--target income --html compare.html[/]\n\n"
    "Recipes beside it: [bold]neotype compare theirs.csv --recipe trees "
    "--recipe 'vae(refine=0, seconds=60)' --train train.csv --holdout holdout.csv "
    "--seconds theirs=391 --html compare.html[/]"
)


ModelsOf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TABLE=MODEL",
        help="The .neotype file of one of the tables, by the table's name, for what is promised of "
        "it: ours=ours.neotype. Repeatable.",
    ),
]
RecipesOf = Annotated[
    list[str] | None,
    typer.Option(
        "--recipe",
        metavar="NAME|NAME(SETTING=VALUE, …)",
        help="Learn the train rows by this recipe, make as many, and take the time: trees, or "
        "'vae(refine=0, seconds=60)'. Repeatable; one is learnt after the other.",
    ),
]
SecondsOf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TABLE=TIME",
        help="How long one of the tables took to be made, where that is known: theirs=391, or "
        "theirs=6m. Repeatable.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("compare", epilog=EPILOG)(compare)


def compare(
    *,
    synthetic: Annotated[
        list[str] | None,
        typer.Argument(metavar="SYNTHETIC…", help="Synthetic tables; two or more, with recipes."),
    ] = None,
    recipe: RecipesOf = None,
    train: Annotated[str, typer.Option(help="The real rows that were learnt.")],
    holdout: Annotated[str, typer.Option(help="Real rows that were not learnt.")],
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    schema: Annotated[Path | None, typer.Option(help="A schema file for the real rows.")] = None,
    model: ModelsOf = None,
    seconds: SecondsOf = None,
    metric: Metrics = None,
    sensitive: Sensitive = None,
    quasi: Quasi = None,
    html: Annotated[Path | None, typer.Option(help="Write the comparison as a page.")] = None,
    json_report: Annotated[Path | None, typer.Option(help="Write it as JSON.")] = None,
    card: Annotated[Path | None, typer.Option(help="Write it as Markdown.")] = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Measure several synthetic tables alike, and rank them; ties are called ties.

    Recipes are learnt on the train rows, one after another, and what they take is measured.
    """
    from neotype import api
    from neotype.outputs import ready

    files = [path for path in (html, json_report, card) if path is not None]
    ready(*files, force=force, inputs=files_of(*synthetic or (), train, holdout, schema))
    models = {name: Path(path) for name, path in pairs_of(model, MODEL).items()}
    with listening(quiet=json) as progress:
        compared = api.compare(
            synthetic or (),
            recipes=recipe or (),
            train=train,
            holdout=holdout,
            target=target,
            schema=schema,
            models=models,
            seconds=pairs_of(seconds, SECONDS),
            metrics=metric,
            sensitive=several(sensitive),
            quasi_identifiers=several(quasi),
            seed=seed,
            progress=progress,
        )
    write_reports(compared, html, json_report, card, force=force)
    if json:
        say_json(compared.to_facts())
        return
    show_comparison(compared)
    for path in files:
        out().print(f"[bold]{path}[/]")


MODEL = "--model ours=ours.neotype, with the name that the table has here"
SECONDS = "--seconds theirs=391, with the name that the table has here"


def pairs_of(given: list[str] | None, mend: str) -> dict[str, str]:
    """TABLE=WHAT pairs; SchemaError for what is none."""
    pairs = [text.partition("=") for text in given or ()]
    if any(not (name and equals and what) for name, equals, what in pairs):
        raise SchemaError(
            f"{mend.partition(' ')[0]} '{' '.join(given or ())}' does not say of which table.",
            mend=f"write {mend}",
        )
    return {name: what for name, _, what in pairs}


def show_comparison(compared: ComparisonReport) -> None:
    """The order with each axis's mean rank, then every measure with the tables side by side."""
    page = out()
    page.print(f"\n[bold]{escape(compared.headline)}[/]\n")
    page.print(_ranking(compared))
    page.print()
    page.print(_measures(compared, width=min(page.width, WIDEST)))
    if compared.frontier is not None:
        page.print()
        page.print(_frontier(compared.frontier))
    for name, why in compared.failed.items():
        page.print(f"\n  [bold]{escape(name)}[/] failed: {escape(why)}", style="red")
    for one in compared.ranking:
        if one.promise:
            page.print(f"\n  [bold]{escape(one.table)}[/]: {escape(one.promise)}.")
    if compared.uncovered:
        from neotype.report.words import UNCOVERED

        page.print(f"  {UNCOVERED}")
    page.print("\n  Bold: no other table is clearly better. Places go by mean rank.", style="dim")


def _ranking(compared: ComparisonReport) -> Table:
    axes = list(dict.fromkeys(axis for one in compared.ranking for axis in one.by_axis))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("  place", "table", "mean rank", *axes):
        table.add_column(title, justify="left" if title == "table" else "right", no_wrap=True)
    for one in compared.ranking:
        cells = [Text(f"{one.place}.", style="bold"), Text(one.table, style="bold")]
        cells.append(Text("–" if one.mean_rank is None else f"{one.mean_rank:.2f}"))
        for axis in axes:
            verdict = one.verdicts.get(axis, "not measured")
            rank = f"{one.by_axis[axis]:.2f} " if axis in one.by_axis else ""
            cells.append(Text(f"{rank}{SYMBOLS[verdict]} {verdict}", style=VERDICTS[verdict]))
        table.add_row(*cells)
    return table


def _frontier(frontier: Frontier) -> Table:
    """Fidelity, copying and time, and whom nobody beats."""
    from neotype.report.words import number, took

    table = Table(box=None, pad_edge=False, header_style="dim")
    titles = ("  frontier", "table", frontier.look.metric, "", frontier.copying.metric, "")
    for title in (*titles, "time", "CPU time"):
        table.add_column(title, justify="left" if title == "table" else "right", no_wrap=True)
    for point in frontier.points:
        cells = ["out" if point.out else "★" if point.front else "", escape(point.table)]
        for entry in (point.look, point.copying):
            ends = " to ".join(number(end) for end in entry.interval or ())
            cells += [number(entry.value), f"[dim]{ends}[/]"]
        cells += [took(point.seconds), "–" if point.cpu is None else took(point.cpu)]
        table.add_row(*cells)
    table.caption = "★ nobody is as good in all three and clearly better in one; out: copies"
    table.caption_justify = "left"
    return table


def _measures(compared: ComparisonReport, width: int) -> Table:
    from neotype.report.words import number

    table = Table(box=None, pad_edge=False, header_style="dim", width=width)
    table.add_column("", no_wrap=True, ratio=1)
    for name in compared.tables:
        table.add_column(Text(name, overflow="ellipsis"), justify="right", no_wrap=True)
    axis, skipped = None, []
    for contest in compared.contests:
        entries = {entry.table: entry for entry in contest.entries}
        if all(entry.value is None for entry in contest.entries):
            skipped.append(contest.called)
            continue
        if contest.axis != axis:
            axis = contest.axis
            table.add_row(Text(axis.upper(), style="bold"))
        cells = []
        for name in compared.tables:
            entry = entries[name]
            first = "bold " if contest.counted and entry.rank == 1 else ""
            measured = entry.value is not None
            shown = f"{number(entry.value)} {SYMBOLS[entry.verdict]}" if measured else "–  "
            cells.append(Text(shown, style=f"{first}{VERDICTS[entry.verdict]}"))
        table.add_row(Text(f"  {contest.called}"), *cells)
    if skipped:
        table.caption = f"not measured: {', '.join(skipped)}"
        table.caption_justify = "left"
    return table
