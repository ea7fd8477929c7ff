"""Options that several verbs share, written once."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml

from neotype.cli.terminal import err
from neotype.errors import SchemaError

Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Json = Annotated[bool, typer.Option("--json", help="Say the result as JSON on stdout.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same result.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of the synthesizer."),
]


GATE_REFUSED = 3


class Gate(StrEnum):
    """The worst verdict that is still let through."""

    fair = "fair"
    good = "good"


GateOption = Annotated[
    Gate | None,
    typer.Option(help="Exit with code 3 when a score is worse than this.", show_default=False),
]

_WORSE = {Gate.good: ("fair", "poor"), Gate.fair: ("poor",)}


def hold(scores: Any, gate: Gate | None) -> None:
    """Leave with exit code 3 when a score is worse than the gate lets through."""
    worse = [s.title for s in scores if gate is not None and s.verdict in _WORSE[gate]]
    if worse:
        err().print(f"[bold red]the gate '{gate}' refuses:[/] {', '.join(worse)}")
        raise typer.Exit(GATE_REFUSED)


def settings_of(pairs: Sequence[str] | None) -> dict[str, Any]:
    """NAME=VALUE pairs as settings; values are read as YAML does."""
    settings = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise SchemaError(f"--set '{pair}' is not NAME=VALUE.", mend="write --set refine=0")
        try:
            settings[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as cause:
            raise SchemaError(f"--set '{pair}' has a value that cannot be read.") from cause
    return settings
