"""`neotype sample`: rows out of a model."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from neotype.cli.conditions import CasesOption, WhereOption, conditions
from neotype.cli.options import Force, IfExistsOption, Json, Rows, Scale, Seed, sizes_of
from neotype.cli.terminal import listening, out, say_json
from neotype.errors import OutputExistsError, SamplingError
from neotype.url import IfExists, is_place

if TYPE_CHECKING:
    from neotype.api import FittedModel
    from neotype.data import Dataset

EPILOG = (
    "Example: [bold]neotype sample adult.neotype -n 100000000 -o adult/[/]\n\n"
    "An output without a file suffix, or one that ends in /, is a folder of Parquet parts: "
    "any number of rows in bounded memory, resumed by the same command after a stop.\n\n"
    "Without any data: [bold]neotype sample examples/shop.yaml -n 1000000 -o shop.parquet[/]\n\n"
    "A database: [bold]neotype sample shop.neotype --scale .1 -o shop/[/] (a file a table), "
    "[bold]-o shop.sqlite[/], or [bold]-o 'postgresql://me:${PGPASSWORD}@host/test'[/]"
)

Format = Annotated[
    str | None, typer.Option("--format", help="Of the files of a database: csv, parquet, …")
]

ModelFile = Annotated[Path, typer.Argument(help="A .neotype file, or a schema with distributions.")]
Output = Annotated[
    str,
    typer.Option(
        "-o", "--output", help="A file, or a folder of parts; of a database a folder, file or URL."
    ),
]
Owners = Annotated[
    int | None,
    typer.Option(help="Of rows in an order: so many owners, each with all of its rows."),
]
Given = Annotated[
    Path | None,
    typer.Option(help="A file with some of the columns: make the rest of each of its rows."),
]
History = Annotated[
    Path | None,
    typer.Option("--continue", help="A file of rows in an order: make what may come after them."),
]
Steps = Annotated[
    int | None, typer.Option(help="With --continue: how many rows follow those of each owner.")
]
Paths = Annotated[
    int | None, typer.Option(help="With --continue: how often, each time on its own; 1 if unsaid.")
]
Workers = Annotated[
    int | None,
    typer.Option(help="Processes for a folder; every core if unsaid. The rows are the same."),
]
PartRows = Annotated[int | None, typer.Option(help="About how many rows a part of a folder has.")]


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def add_to(app: typer.Typer) -> None:
    """Make it a verb."""
    app.command("sample", epilog=EPILOG)(sample)


def sample(
    *,
    model: ModelFile,
    output: Output,
    rows: Rows = None,
    scale: Scale = None,
    owners: Owners = None,
    format_: Format = None,
    if_exists: IfExistsOption = None,
    given: Given = None,
    where: WhereOption = None,
    cases: CasesOption = None,
    seed: Seed = 0,
    history: History = None,
    steps: Steps = None,
    paths: Paths = None,
    workers: Workers = None,
    part_rows: PartRows = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make rows from a model, into one file or a folder of Parquet parts; or a whole database."""
    asked = _Asked(
        model,
        _Size(sizes_of(rows), scale, owners),
        seed,
        force,
        json,
        conditions(where, cases),
        given,
        cases,
        _Next.of(history, steps, paths),
    )
    facts = _made(output, asked, format_, if_exists, workers, part_rows)
    if json:
        say_json(facts)
        return
    parts = f" in {facts['parts']:,} parts" if "parts" in facts else ""
    if isinstance(facts["rows"], dict):
        counts, parts = facts["rows"], f" of {len(facts['rows'])} tables"
        facts["rows"] = sum(counts.values())
        for name, count in counts.items():
            out().print(f"  {count:>12,}  {escape(name)}")
    out().print(f"[green]✓[/] {facts['rows']:,} rows{parts}: [bold]{escape(facts['output'])}[/]")


@dataclass(frozen=True)
class _Size:
    rows: int | dict[str, int] | None
    scale: float | None
    owners: int | None


@dataclass(frozen=True)
class _Next:
    """What is to come after a history."""

    history: Path
    steps: int
    paths: int

    @classmethod
    def of(cls, history: Path | None, steps: int | None, paths: int | None) -> _Next | None:
        """SamplingError where one is said without the other."""
        if (history is None) != (steps is None) or (history is None and paths is not None):
            raise SamplingError(
                "--continue says what came before, and --steps how many rows come after it.",
                mend="neotype sample m.neotype --continue history.csv --steps 30 -o next.csv",
            )
        return None if history is None or steps is None else cls(history, steps, paths or 1)


@dataclass(frozen=True)
class _Asked:
    model: Path
    size: _Size
    seed: int
    force: bool
    quiet: bool
    where: Any
    given: Path | None
    cases: Path | None
    next: _Next | None

    def drawn(self, model: FittedModel) -> Dataset:
        """The rows, in memory."""
        return model.draw(**vars(self.size), seed=self.seed, given=self.given, where=self.where)


def _made(
    output: str,
    asked: _Asked,
    suffix: str | None,
    if_exists: IfExists | None,
    workers: int | None,
    part_rows: int | None,
) -> dict[str, Any]:
    """What a program is told of the rows, once they are made."""
    from neotype import api

    model, path = api.load(asked.model), Path(output)
    if asked.next is not None:
        return _after(path, model, asked, asked.next)
    if model.several or (is_place(output) and not output.endswith("/")):
        return _to_tables(output, model, asked, suffix, if_exists)
    if suffix is not None or if_exists is not None:
        raise SamplingError(
            f"{'--format' if suffix else '--if-exists'} is for the tables of a database, and the "
            "model makes one table.",
            mend="say the format as the suffix of the output: -o rows.parquet",
        )
    if not (path.is_dir() or not path.suffix or output.endswith(("/", os.sep))):
        return _to_file(path, model, asked)
    if asked.given is None and asked.where is None and asked.size.owners is None:
        return _to_folder(
            path, model, asked, usable_cores() if workers is None else workers, part_rows
        )
    raise SamplingError(
        "rows under conditions go into one file, not a folder: all candidates are weighed "
        "together.",
        mend="write -o rows.parquet",
    )


def _after(path: Path, model: FittedModel, asked: _Asked, after: _Next) -> dict[str, Any]:
    """What may come after a history, as a file."""
    from neotype.outputs import ready
    from neotype.source import write

    if asked.size != _Size(None, None, None) or asked.given or asked.where is not None:
        raise SamplingError(
            "--continue is said, and how many rows come follows from it.",
            mend="leave -n, --scale, --owners, --given and --where out",
        )
    ready(path, force=asked.force, inputs=[asked.model, after.history])
    with listening(quiet=asked.quiet) as progress:
        progress("sample", 0, 1)
        made = model.draw_next(after.history, steps=after.steps, paths=after.paths, seed=asked.seed)
        progress("sample", 1, 1)
        write(made, path, force=asked.force, kind=model.kind)
    return {"output": str(path), "rows": made.height, "seed": asked.seed}


def _to_file(path: Path, model: FittedModel, asked: _Asked) -> dict[str, Any]:
    from neotype.outputs import ready
    from neotype.source import write

    ready(path, force=asked.force, inputs=[asked.model, asked.given, asked.cases])
    with listening(quiet=asked.quiet) as progress:
        progress("sample", 0, 1)
        made = asked.drawn(model)
        progress("sample", 1, 1)
        progress("write", 0, 1)
        write(made.frame, path, force=asked.force, kind=model.kind)
        progress("write", 1, 1)
    facts = {"output": str(path), "rows": made.rows, "seed": asked.seed}
    if made.support is None:
        return facts
    worth = {"effective": round(made.support.effective, 1), "candidates": made.support.candidates}
    return {**facts, **(worth if not made.support.given else {}), "support": made.support.words}


def _to_tables(
    output: str,
    model: FittedModel,
    asked: _Asked,
    suffix: str | None,
    if_exists: IfExists | None,
) -> dict[str, Any]:
    from neotype.api.destination import Destination

    there = Destination.at(output, if_exists=if_exists, suffix=suffix or _format(model))
    if asked.force and if_exists is None and not there.database:
        there = replace(there, if_exists="replace")
    there.refuse_taken(model.schema)
    with listening(quiet=asked.quiet) as progress:
        made = asked.drawn(model)
        there.write(made, model.kind, progress=progress)
    return {"output": str(there.place), "rows": dict(made.sizes), "seed": asked.seed}


def _format(model: FittedModel) -> str:
    """The format of the files that were learnt, or Parquet."""
    delimited = all("delimiter" in facts for facts in model.kind.tables.values())
    return "csv" if delimited and model.kind.tables else "parquet"


def _to_folder(
    folder: Path, model: FittedModel, asked: _Asked, workers: int, part_rows: int | None
) -> dict[str, Any]:
    from neotype.synth import stream
    from neotype.synth.sizes import rows_of_one

    if folder.is_file():
        raise OutputExistsError(folder)
    rows = rows_of_one(asked.size.rows, asked.size.scale, model.facts["rows"], model.schema)
    try:
        with listening(quiet=asked.quiet) as progress:
            made = stream.sample_to_folder(
                asked.model,
                folder,
                rows=rows,
                seed=asked.seed,
                workers=workers,
                part_rows=part_rows,
                force=asked.force,
                progress=progress,
            )
    except KeyboardInterrupt:
        finished = len(list(folder.glob(stream.PARTS)))
        raise KeyboardInterrupt(
            f"{finished} finished parts are kept in '{folder}': the same command makes the rest."
            if finished
            else "nothing was written."
        ) from None
    return {"output": str(folder), "rows": rows, "seed": asked.seed, "parts": made.parts}
