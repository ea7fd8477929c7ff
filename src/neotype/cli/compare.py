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

EPILOG = (
    "Example: [bold]neotype compare ours.csv theirs.csv --train train.csv --holdout holdout.csv "
    "--target income --html compare.html[/]"
)


ModelsOf = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TABLE=MODEL",
        help="The .neotype file of one of the tables, by the table's name, for what is promised of "
        "it: ours=ours.neotype. Repeatable.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("compare", epilog=EPILOG)(compare)


def compare(
    *,
    synthetic: Annotated[
        list[str], typer.Argument(metavar="SYNTHETIC…", help="Two synthetic tables or more.")
    ],
    train: Annotated[str, typer.Option(help="The real rows that were learnt.")],
    holdout: Annotated[str, typer.Option(help="Real rows that were not learnt.")],
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    schema: Annotated[Path | None, typer.Option(help="A schema file for the real rows.")] = None,
    model: ModelsOf = None,
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
    """Measure several synthetic tables alike, and rank them; ties are called ties."""
    from neotype import api
    from neotype.outputs import ready

    files = [path for path in (html, json_report, card) if path is not None]
    ready(*files, force=force, inputs=files_of(*synthetic, train, holdout, schema))
    models = models_of(model)
    with listening(quiet=json) as progress:
        compared = api.compare(
            synthetic,
            train=train,
            holdout=holdout,
            target=target,
            schema=schema,
            models=models,
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


def models_of(given: list[str] | None) -> dict[str, Path]:
    """TABLE=MODEL pairs; SchemaError for what is none."""
    pairs = [text.partition("=") for text in given or ()]
    if any(not (name and equals and path) for name, equals, path in pairs):
        raise SchemaError(
            f"--model '{' '.join(given or ())}' does not say whose model it is.",
            mend="write --model ours=ours.neotype, with the name that the table has here",
        )
    return {name: Path(path) for name, _, path in pairs}


def show_comparison(compared: ComparisonReport) -> None:
    """The order with each axis's mean rank, then every measure with the tables side by side."""
    page = out()
    page.print(f"\n[bold]{escape(compared.headline)}[/]\n")
    page.print(_ranking(compared))
    page.print()
    page.print(_measures(compared, width=min(page.width, WIDEST)))
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
