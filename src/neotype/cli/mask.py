"""`neotype mask`: real rows, changed so that they may be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neotype.cli.options import Force, Json, Quasi, Sensitive, several
from neotype.cli.terminal import listening, out, say_json
from neotype.errors import SchemaError

EPILOG = (
    "Example: [bold]neotype mask customers.csv -o masked.csv --treat email=fake "
    "--treat iban=pattern --k 5 --quasi birth_date,postcode --key-file mask.key[/]"
)


Treat = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=TREATMENT",
        help="drop, fake, pattern, pseudonym, mask:4, generalise:3, shift:30, keep.",
    ),
]
PlanFile = Annotated[Path | None, typer.Option(help="A masking plan (YAML).")]
Per = Annotated[str | None, typer.Option(help="The column that names whose each row is.")]
K = Annotated[int | None, typer.Option("--k", help="Rows that agree in --quasi.")]
Method = Annotated[str | None, typer.Option(help="mondrian, relaxed or full-domain.")]
Suppress = Annotated[
    float | None, typer.Option(help="full-domain: the share of rows that may be left out.")
]
Diversity = Annotated[
    int | None, typer.Option("--l", help="Different values of each secret in a class.")
]
Closeness = Annotated[
    float | None, typer.Option("--t", help="How far a secret in a class may be from the whole.")
]
Hierarchy = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=FILE", help="Groups of labels (CSV), or widths: age=5,10,20."),
]
Typical = Annotated[
    bool, typer.Option("--typical", help="Medians in the column's own dtype, not labels.")
]
Refuse = Annotated[
    bool, typer.Option("--refuse", help="Refuse while a personal column is not decided on.")
]
KeyFile = Annotated[
    Path | None, typer.Option(help="The file with the secret key; else $NEOTYPE_KEY.")
]
ReceiptFile = Annotated[Path | None, typer.Option(help="Write the receipt as JSON.")]
SchemaFile = Annotated[Path | None, typer.Option(help="A schema file.")]


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("mask", epilog=EPILOG)(mask)


def mask(
    *,
    data: Annotated[Path, typer.Argument(help="The real table.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    treat: Treat = None,
    plan: PlanFile = None,
    per: Per = None,
    k: K = None,
    quasi: Quasi = None,
    sensitive: Sensitive = None,
    method: Method = None,
    suppress: Suppress = None,
    diversity: Diversity = None,
    closeness: Closeness = None,
    hierarchy: Hierarchy = None,
    typical: Typical = False,
    refuse: Refuse = False,
    key_file: KeyFile = None,
    receipt: ReceiptFile = None,
    schema: SchemaFile = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Treat the columns of a real table, make its rows alike, and say what was done."""
    from neotype import api
    from neotype.outputs import ready
    from neotype.source import write

    asked: dict[str, Any] = {
        "k": k,
        "quasi_identifiers": several(quasi) or None,
        "sensitive": several(sensitive) or None,
        "method": method,
        "suppress": suppress,
        "l_diversity": diversity,
        "t_closeness": closeness,
        "values": "typical" if typical else None,
        "hierarchies": _hierarchies(hierarchy) or None,
    }
    written = [path for path in (output, receipt) if path is not None]
    ready(*written, force=force, inputs=[data, plan, schema, key_file])
    with listening(quiet=json):
        done = api.mask(
            data,
            _treatments(treat),
            plan=plan,
            per=per,
            undecided="refuse" if refuse else None,
            schema=schema,
            key_file=key_file,
            **_given(asked),
        )
        write(done.table, output, force=force, kind=done.kind)
    if receipt is not None:
        done.receipt.write(receipt, force=force)
    if json:
        say_json({"output": str(output), **done.receipt.to_dict()})
    else:
        show_receipt(done.receipt)
        out().print(f"\n[green]✓[/] {done.table.height:,} rows: [bold]{output}[/]")


def _given(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for at all."""
    return {name: value for name, value in asked.items() if value is not None}


def _treatments(pairs: Sequence[str] | None) -> dict[str, Any]:
    """COLUMN=TREATMENT pairs."""
    found: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise SchemaError(
                f"--treat '{pair}' is not COLUMN=TREATMENT.", mend="write --treat email=fake"
            )
        found[name.strip()] = value.strip()
    return found


def _hierarchies(pairs: Sequence[str] | None) -> dict[str, Any]:
    """COLUMN=FILE, COLUMN=prefix or COLUMN=5,10,20."""
    found: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise SchemaError(
                f"--hierarchy '{pair}' is not COLUMN=FILE.", mend="write --hierarchy job=jobs.csv"
            )
        parts = value.split(",")
        if value == "prefix" or Path(value).suffix:
            found[name] = value
        else:
            found[name] = [_number(part.strip()) for part in parts]
    return found


def _number(text: str) -> int | float | str:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        return text


def show_receipt(receipt: Any) -> None:
    """What was done to each column, what the rows became, and what to know."""
    page = out()
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("column", "treatment"):
        shown.add_column(title)
    for title in ("changed", "values"):
        shown.add_column(title, justify="right")
    shown.add_column("because", style="dim")
    for name, one in receipt.columns.items():
        before, after = one.distinct
        decided = one.because in ("", "asked for")
        shown.add_row(
            Text(name, style="bold"),
            Text(one.treatment, style="cyan" if decided else "yellow"),
            f"{one.changed / one.cells:.0%}" if one.changed else "",
            f"{before:,} → {after:,}" if one.changed else f"{before:,}",
            "; ".join(filter(None, (one.because, *one.notes))),
        )
    page.print(shown)
    facts = receipt.anonymity
    if facts is not None:
        page.print(
            f"\n[bold]k = {facts['k']}[/]: {facts['classes']:,} classes of "
            f"{facts['mean_class']:g} rows on average, {facts['suppressed']:,} rows left out, "
            f"information loss {facts['information_loss']:.1%} ({facts['method']})"
        )
        each = ", ".join(
            f"{name} {loss:.1%}" + (f" ({facts['levels'][name]})" if facts["levels"] else "")
            for name, loss in facts["loss_by_column"].items()
        )
        page.print(f"  lost of each: {escape(each)}", style="dim")
    for note in receipt.notes:
        page.print(f"[yellow]note:[/] {escape(note)}")
