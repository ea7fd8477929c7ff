"""`neotype subset`: a part of a real database in which every reference is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from neotype.cli.mask import show_receipt
from neotype.cli.options import Force, IfExistsOption, Json, Seed, several
from neotype.cli.terminal import listening, out, say_json
from neotype.errors import SchemaError, SourceError

if TYPE_CHECKING:
    from neotype.api.part import Part

EPILOG = (
    "Example: [bold]neotype subset examples/sakila/ -o test-data/ --share .1[/]\n\n"
    "From one database into another: [bold]neotype subset 'postgresql://me:${PGPASSWORD}@host/shop'"
    " -o shop.sqlite --share .01 --where \"customer: country = 'DE'\" --mask masking.yaml[/]"
)


Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="'TABLE: CONDITION'",
        help="Which rows are wanted: \"customer: country = 'DE'\". Repeatable.",
    ),
]
Roots = Annotated[
    list[str] | None,
    typer.Option(metavar="A,B", help="The tables whose rows are drawn; found out if unsaid."),
]
MaskFile = Annotated[
    Path | None,
    typer.Option(help="A masking plan (YAML), its columns named as table.column."),
]
KeyFile = Annotated[
    Path | None, typer.Option(help="The file with the secret key; else $NEOTYPE_KEY.")
]
Format = Annotated[
    str | None, typer.Option("--format", help="Of the files of a folder: csv, parquet, …")
]


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("subset", epilog=EPILOG)(subset)


def subset(
    *,
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="A folder of tables, an SQLite or DuckDB file, a URL."),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", help="A folder, a database file or a URL.")
    ],
    share: Annotated[float, typer.Option(help="How much of the rows that are drawn: .1")],
    where: Where = None,
    roots: Roots = None,
    mask: MaskFile = None,
    key_file: KeyFile = None,
    schema: Annotated[Path | None, typer.Option(help="A schema file.")] = None,
    seed: Seed = 0,
    format_: Format = None,
    if_exists: IfExistsOption = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Take whole families of a real database, with all that they refer to: real rows for tests."""
    from neotype.api.destination import Destination, same_place
    from neotype.api.part import taken
    from neotype.masking.key import Key
    from neotype.url import place

    known: Any = place(data)
    there = Destination.at(
        output,
        if_exists=if_exists or ("replace" if force else None),
        suffix=format_ or _format(known),
    )
    if same_place(there.place, known):
        raise SourceError(
            f"the target '{there.place}' is the source.",
            mend="name another database, or another folder",
        )
    asked = _where(where)
    with listening(quiet=json) as progress:
        part = taken(
            known,
            share,
            seed=seed,
            where=asked,
            roots=several(roots) or None,
            schema=schema,
            mask=mask,
            key=None if key_file is None else Key.of(None, file=key_file),
            progress=progress,
        )
        there.refuse_taken(part.data.schema)
        there.write(part.data, part.kind, progress=progress)
    if json:
        say_json(_facts(part, str(there.place)))
    else:
        _show(part, str(there.place))


def _format(data: object) -> str:
    """Files like those that are read, where there are such."""
    if isinstance(data, Path) and data.is_dir():
        found = sorted({one.suffix.lower() for one in data.iterdir() if one.is_file()})
        return "csv" if ".csv" in found and ".parquet" not in found else "parquet"
    return "parquet"


def _where(pairs: Sequence[str] | None) -> dict[str, str]:
    """TABLE: CONDITION by table; several of one table must all hold."""
    asked: dict[str, str] = {}
    for pair in pairs or ():
        table, colon, text = pair.partition(":")
        if not colon or not table.strip() or not text.strip():
            raise SchemaError(
                f"--where {pair!r} is not TABLE: CONDITION.",
                mend="write --where \"customer: country = 'DE'\"",
            )
        name = table.strip()
        asked[name] = f"({asked[name]}) AND ({text})" if name in asked else text.strip()
    return asked


def _facts(part: Part, output: str) -> dict[str, Any]:
    return {
        "output": output,
        "roots": list(part.taken.roots),
        "tables": {
            one.table: {"before": one.before, "after": one.after, "why": one.why}
            for one in part.taken.tables
        },
        "notes": list(part.taken.notes),
        "masked": {name: receipt.to_dict() for name, receipt in part.receipts.items()},
    }


def _show(part: Part, output: str) -> None:
    page = out()
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("table")
    for title in ("rows", "of", "share"):
        shown.add_column(title, justify="right")
    shown.add_column("because", style="dim")
    for one in part.taken.tables:
        shown.add_row(
            Text(one.table, style="bold" if one.table in part.taken.roots else ""),
            f"{one.after:,}",
            f"{one.before:,}",
            f"{one.share:.1%}",
            one.why,
        )
    page.print(shown)
    for name, receipt in part.receipts.items():
        page.print(f"\n[bold]{escape(name)}[/]")
        show_receipt(receipt)
    rows = sum(one.after for one in part.taken.tables)
    masked = "masked" if part.receipts else "real, unchanged"
    page.print(f"\n[green]✓[/] {rows:,} {masked} rows: [bold]{escape(output)}[/]")
