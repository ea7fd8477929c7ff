"""Options that several verbs share, written once."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from neotype.cli.scores import show_ruling
from neotype.errors import SamplingError, SchemaError
from neotype.outputs import appearing, ready
from neotype.url import IfExists, Orphans, place

Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Json = Annotated[bool, typer.Option("--json", help="Say the result as JSON on stdout.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same result.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of the synthesizer."),
]
Metrics = Annotated[
    list[str] | None, typer.Option(help="Take this measure; all if unsaid. Repeatable.")
]
Sensitive = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B",
        help="Columns that name groups to treat alike, and secrets to guard; the schema's if "
        "unsaid.",
    ),
]
Quasi = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B",
        help="Columns that an outsider may know of a person; the schema's if unsaid.",
    ),
]
Scorer = Annotated[
    str | None,
    typer.Option(metavar="MODULE:FUNCTION", help="A measure of utility of your own."),
]
Deep = Annotated[
    bool,
    typer.Option("--deep", help="Attack with models that learn the recipe anew: minutes."),
]
PolicyOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="What must hold, else exit code 3: internal, partner, public, fair, good, or a file.",
    ),
]
Junit = Annotated[
    Path | None, typer.Option(help="Write what the policy decided as JUnit XML, for CI.")
]
SummaryFile = Annotated[
    Path | None,
    typer.Option(help='Append it as Markdown; in a GitHub job: "$GITHUB_STEP_SUMMARY".'),
]

TimeBudget = Annotated[
    str | None,
    typer.Option(
        help="Of --synthesizer auto: how long it may take to try families and to learn the one "
        "that wins, about: 10m, 90s; 5m unless said."
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(help="Of --synthesizer auto: fidelity (unless said), or utility of the target."),
]
Families = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B", help="Of --synthesizer auto: the families to try; all unless said."
    ),
]

Public = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B", help="Reference tables that may be published: kept as they are, row by row."
    ),
]
OrphansOption = Annotated[
    Orphans | None,
    typer.Option(
        help="Rows whose foreign key refers to no row: leave them out, empty the key, keep them; "
        "refused if unsaid."
    ),
]
Entity = Annotated[
    str | None, typer.Option(help="The column whose owner has several rows: a customer, a patient.")
]
Sequence_ = Annotated[
    str | None, typer.Option("--sequence", help="The column that orders the rows of an owner.")
]
Tables = Annotated[
    list[str] | None, typer.Option(metavar="A,B", help="Of a database, these tables alone.")
]
Without = Annotated[
    list[str] | None, typer.Option(metavar="A,B", help="Of a database, all tables but these.")
]
Rows = Annotated[
    list[str] | None,
    typer.Option(
        "-n",
        "--rows",
        metavar="N|TABLE=N",
        help="How many; as many as were learnt if unsaid. Of a database by table, -n "
        "customer=1000, and the others follow; repeatable.",
    ),
]
Scale = Annotated[
    float | None, typer.Option(help="How many times the rows that were learnt: .1 is a tenth.")
]
IfExistsOption = Annotated[
    IfExists | None,
    typer.Option(help="Tables that the target database has already; refused if unsaid."),
]

REFUSED = 3


def several(values: Sequence[str] | None) -> tuple[str, ...]:
    """Names from an option that takes a,b and may be repeated; '"a,b",c' are two names."""
    lines = csv.reader(values or (), skipinitialspace=True)
    return tuple(part.strip() for line in lines for part in line if part.strip())


def files_of(*given: object) -> list[Path]:
    """Those that are files or folders here, and neither addresses nor nothing."""
    known = (place(one) for one in given)
    return [one for one in known if isinstance(one, Path)]


def sizes_of(given: Sequence[str] | None) -> int | dict[str, int] | None:
    """-n 1000, or -n customer=1000 for each of several tables."""
    if not given:
        return None
    pairs = [text.rpartition("=") for text in given]
    if any(not re.fullmatch(r"-?\d{1,18}", number) for _, _, number in pairs):
        raise SamplingError(
            f"-n '{' '.join(given)}' is no number of rows.",
            mend="write -n 1000, or -n customer=1000 for a table of a database",
        )
    if all(equals for _, equals, _ in pairs):
        return {name.strip(): int(number) for name, _, number in pairs}
    if len(pairs) > 1:
        raise SamplingError(
            f"-n is given {len(pairs)} times, and not all name a table.",
            mend="write -n customer=1000 -n product=50",
        )
    return int(pairs[0][2])


def write_reports(
    report: Any, html: Path | None, json: Path | None, card: Path | None, *, force: bool
) -> None:
    """The forms of a report that are asked for."""
    for path, write in (
        (html, report.to_html),
        (json, report.to_json),
        (card, report.to_markdown),
    ):
        if path is not None:
            write(path, force=force)


def ready_to_say(
    policy: object,
    junit: Path | None,
    summary: Path | None,
    *,
    force: bool,
    inputs: Iterable[Path | None] = (),
) -> None:
    """Refuse now, and not after the work, files of a decision that nobody takes."""
    if policy is None and (junit is not None or summary is not None):
        raise SchemaError(
            "--junit and --summary say what a policy decided, and there is no policy.",
            mend="add --policy partner, or a file of your own",
        )
    inputs = (*inputs, Path(policy) if isinstance(policy, str | Path) else None)
    ready(*([junit] if junit else []), force=force, inputs=inputs)
    ready(*([summary] if summary else []), force=True, inputs=(*inputs, junit))


def say_ruling(report: Any, junit: Path | None, summary: Path | None, *, force: bool) -> None:
    """Write the decision for whoever waits for it, show what holds the table back, exit with 3."""
    ruling = report.ruling
    if ruling is None:
        return
    if junit is not None:
        from neotype.policy.junit import junit as to_junit

        with appearing(junit, force=force) as file:
            file.write(to_junit(ruling, made=report.made))
    if summary is not None:
        from neotype.policy.summary import append

        append(summary, ruling, headline=report.summary.headline)
    show_ruling(ruling)
    if not ruling.allowed:
        raise typer.Exit(REFUSED)


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
