"""`neotype policy`: a policy to start one's own from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neotype.cli.options import Force
from neotype.cli.terminal import out

EPILOG = (
    "Example: [bold]neotype policy partner -o policy.yaml[/]\n\n"
    "Then edit it, and: [bold]neotype evaluate synthetic.csv --train train.csv "
    "--holdout holdout.csv --policy policy.yaml[/]"
)


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("policy", epilog=EPILOG)(policy)


def policy(
    *,
    name: Annotated[
        str, typer.Argument(help="A preset: internal, partner, public, fair, good; or a file.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; stdout if unsaid.")
    ] = None,
    force: Force = False,
) -> None:
    """Print a policy that comes with neotype, or check a file of your own."""
    from neotype.outputs import appearing
    from neotype.policy.policy import PRESETS, preset, read_policy

    if name not in PRESETS:
        found = read_policy(name)
        gates, expected = len(found.gates), len(found.expectations)
        out().print(f"[green]✓[/] policy '{found.name}': {gates} gates, {expected} expectations")
        return
    if output is None:
        typer.echo(preset(name), nl=False)
        return
    with appearing(output, force=force) as file:
        file.write(preset(name).encode())
    out().print(f"[green]✓[/] [bold]{output}[/]")
