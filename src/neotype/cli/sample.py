"""`neotype sample`: rows out of a model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from neotype.cli.conditions import CasesOption, WhereOption, conditions
from neotype.cli.options import Force, Json, Seed
from neotype.cli.terminal import listening, out, say_json
from neotype.errors import OutputExistsError, SamplingError

EPILOG = (
    "Example: [bold]neotype sample adult.neotype -n 100000000 -o adult/[/]\n\n"
    "An output without a file suffix, or one that ends in /, is a folder of Parquet parts: "
    "any number of rows in bounded memory, resumed by the same command after a stop.\n\n"
    "Without any data: [bold]neotype sample examples/shop.yaml -n 1000000 -o shop.parquet[/]"
)


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
    model: Annotated[
        Path,
        typer.Argument(help="A .neotype file, or a schema with distributions."),
    ],
    output: Annotated[str, typer.Option("-o", "--output", help="A file, or a folder of parts.")],
    rows: Annotated[
        int | None, typer.Option("-n", "--rows", help="How many; as many as were learnt if unsaid.")
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option(help="A file with some of the columns: make the rest of each of its rows."),
    ] = None,
    where: WhereOption = None,
    cases: CasesOption = None,
    seed: Seed = 0,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes for a folder; every core if unsaid. The rows are the same."),
    ] = None,
    part_rows: Annotated[
        int | None, typer.Option(help="About how many rows a part of a folder has.")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make rows from a model, into one file or a folder of Parquet parts."""
    path = Path(output)
    asked = _Asked(model, rows, seed, force, json, conditions(where, cases))
    if not (path.is_dir() or not path.suffix or output.endswith(("/", os.sep))):
        facts = _to_file(path, asked, given, cases)
    elif given is None and asked.where is None:
        facts = _to_folder(path, asked, usable_cores() if workers is None else workers, part_rows)
    else:
        raise SamplingError(
            "rows under conditions go into one file, not a folder: all candidates are weighed "
            "together.",
            mend="write -o rows.parquet",
        )
    if json:
        say_json(facts)
        return
    parts = f" in {facts['parts']:,} parts" if "parts" in facts else ""
    out().print(f"[green]✓[/] {facts['rows']:,} rows{parts}: [bold]{facts['output']}[/]")


@dataclass(frozen=True)
class _Asked:
    model: Path
    rows: int | None
    seed: int
    force: bool
    quiet: bool
    where: Any


def _to_file(path: Path, asked: _Asked, given: Path | None, cases: Path | None) -> dict[str, Any]:
    from neotype import api
    from neotype.outputs import ready
    from neotype.source import write

    ready(path, force=asked.force, inputs=[asked.model, given, cases])
    with listening(quiet=asked.quiet) as progress:
        model = api.load(asked.model)
        progress("sample", 0, 1)
        made = model.draw(asked.rows, seed=asked.seed, given=given, where=asked.where)
        progress("sample", 1, 1)
        progress("write", 0, 1)
        write(made.frame, path, force=asked.force, kind=model.kind)
        progress("write", 1, 1)
    facts = {"output": str(path), "rows": made.rows, "seed": asked.seed}
    if made.support is None:
        return facts
    worth = {"effective": round(made.support.effective, 1), "candidates": made.support.candidates}
    return {**facts, **(worth if not made.support.given else {}), "support": made.support.words}


def _to_folder(folder: Path, asked: _Asked, workers: int, part_rows: int | None) -> dict[str, Any]:
    from neotype import api
    from neotype.synth import stream

    if folder.is_file():
        raise OutputExistsError(folder)
    learnt = api.load(asked.model).facts["rows"]
    rows = api.check_rows(learnt if asked.rows is None else asked.rows)
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
