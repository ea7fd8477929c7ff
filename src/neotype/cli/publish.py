"""`neotype publish`: what may leave the house of a private model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from neotype.cli.options import Force, Json, Rows, Seed, files_of, sizes_of
from neotype.cli.scores import show_report
from neotype.cli.terminal import listening, out, say_json, size

EPILOG = (
    "Example: [bold]neotype fit people.csv -o people.neotype --epsilon 1[/], then "
    "[bold]neotype publish people.neotype -o public/ -n 10000[/]\n\n"
    "With scores that may be seen: [bold]--public census.csv[/], real rows of the same columns "
    "that anybody may have and nobody learnt"
)


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("publish", epilog=EPILOG)(publish)


def publish(
    *,
    model: Annotated[
        Path, typer.Argument(help="A .neotype file that was learnt with an --epsilon.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder that gets all of it.")],
    rows: Rows = None,
    public: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Real rows that may be published, and were not learnt: for scores."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Rows, model and a report for everybody: the guarantee, and no score on private rows."""
    from neotype import api
    from neotype.outputs import ready

    ready(output / "model.neotype", force=force, inputs=files_of(model, public))
    with listening(quiet=json) as progress:
        done = api.publish(
            model,
            output,
            rows=sizes_of(rows),
            seed=seed,
            public=public,
            target=target,
            force=force,
            progress=progress,
        )
    if json:
        from neotype.cli.evaluate import facts_of

        paths = {name: str(path) for name, path in done.paths.items()}
        say_json({**facts_of(done.report), "paths": paths})
        return
    show_report(done.report)
    for name, path in done.paths.items():
        taken = "" if path.is_dir() else f" [dim]{size(path.stat().st_size)}[/]"
        out().print(f"  {name:<10} [bold]{escape(str(path))}[/]{taken}")
