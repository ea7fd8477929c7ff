"""The command line: one verb a stage of the journey, and the outermost door for errors."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neotype.cli import (
    compare,
    complete,
    evaluate,
    fit,
    inspect,
    mask,
    policy,
    publish,
    run,
    sample,
    shares,
    subset,
)
from neotype.cli.terminal import err, say_error
from neotype.errors import NeotypeError

JOURNEY = ("inspect", "fit", "sample", "evaluate", "compare", "run", "policy", "publish")
USER_ERROR, BUG, INTERRUPTED = 1, 70, 130


class Door(TyperGroup):
    """Where every error of every verb arrives: a user error in words, a bug with its traceback."""

    machine = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note whether a machine listens, so that errors too are JSON."""
        self.machine = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except NeotypeError as fault:
            say_error(fault, machine=self.machine)
            raise typer.Exit(USER_ERROR) from None
        except KeyboardInterrupt as stop:
            raise _stopped(stop) from None
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise
        except Exception as fault:
            if _interrupted(fault):
                raise _stopped(KeyboardInterrupt()) from None
            traceback.print_exc()
            err().print(
                "[bold red]This is a bug in neotype[/], not in what you asked for. "
                "Please report it with the lines above and the command."
            )
            raise typer.Exit(BUG) from None


def _interrupted(fault: BaseException | None) -> bool:
    """Whether Ctrl-C met compiled code or a class being made, which wrap it in errors of theirs."""
    while fault is not None and not isinstance(fault, KeyboardInterrupt):
        fault = fault.__cause__
    return fault is not None


def _stopped(stop: KeyboardInterrupt) -> typer.Exit:
    """Say what is left of the work, and leave."""
    err().print(f"[yellow]stopped.[/] {stop.args[0] if stop.args else 'nothing was written.'}")
    return typer.Exit(INTERRUPTED)


app = typer.Typer(
    name="neotype",
    cls=Door,
    help="Learn a real table, make a synthetic stand-in for it, and show how good and safe it is.",
    epilog="Begin with: [bold]neotype run data.csv --target outcome[/]",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"neotype {version('neotype')}")
        raise typer.Exit


@app.callback()
def _front(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


journey = (inspect, fit, sample, evaluate, compare, run, policy, publish)
for verb in (*journey, complete, shares, mask, subset):
    verb.add_to(app)
for command in app.registered_commands:
    first = command.name in JOURNEY
    command.rich_help_panel = "The journey" if first else "More than a copy"


def main() -> None:
    """The `neotype` command."""
    try:
        app()
    except KeyboardInterrupt as stop:
        sys.exit(_stopped(stop).exit_code)
