"""`--where column=value` and `--cases file`: conditions as they are written on a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from neotype.errors import DataError, SchemaError, SourceError

if TYPE_CHECKING:
    from neotype.schema.wanted import Case

WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COLUMN=VALUE",
        help="What every row must meet: sex=Female, 'age=60..', 'age=18..<65'; nothing after = is "
        "a missing cell. Repeatable; several values of a column are alternatives.",
    ),
]
CasesOption = Annotated[
    Path | None,
    typer.Option(
        help="So many rows of each case: a YAML list of {rows, where}, or a CSV file with a column "
        "of rows and a column for each that is asked of.",
    ),
]


def conditions(
    where: Sequence[str] | None, cases: Path | None
) -> Mapping[str, Any] | list[Case] | None:
    """What was written, as `FittedModel.sample` takes it."""
    asked = pairs(where or ())
    if cases is None:
        return asked or None
    told = _read(cases)
    both = sorted({name for case in told for name in case.where if name in asked})
    if both:
        raise DataError(
            "--where and --cases ask of the same columns.",
            [f"'{name}' is in both" for name in both],
            mend="ask of each column in one place",
        )
    from neotype.schema.wanted import Case

    return [Case({**asked, **case.where}, case.rows) for case in told]


def pairs(where: Sequence[str]) -> dict[str, Any]:
    """The conditions by column, several values of one as a list."""
    asked: dict[str, list[Any]] = {}
    for pair in where:
        name, mark, value = pair.partition("=")
        if not mark or not name:
            raise SchemaError(
                f"--where {pair!r} is no condition.",
                mend="write --where column=value, or --where 'column=low..high'",
            )
        asked.setdefault(name.strip(), []).append(value or None)
    return {name: values[0] if len(values) == 1 else values for name, values in asked.items()}


def _read(path: Path) -> list[Case]:
    """The cases of a file. SchemaError names what is no case."""
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SourceError(f"there is no file '{path}'.", mend="write the cases there") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as cause:
            raise SourceError(f"'{path}' cannot be read: {cause}") from cause
    else:
        found = _rows_of_table(path)
    listed = found if isinstance(found, list) else [found]
    wrong = [one for one in listed if not _is_case(one)]
    if wrong or not listed:
        raise SchemaError(
            f"'{path}' has cases that are none: {'; '.join(map(str, wrong[:3])) or 'it is empty'}.",
            mend="write each as {rows: 500, where: {column: value}}",
        )
    from neotype.schema.wanted import Case

    return [Case(one["where"], one["rows"]) for one in listed]


def _is_case(one: object) -> bool:
    return (
        isinstance(one, Mapping)
        and set(one) == {"rows", "where"}
        and isinstance(one["where"], Mapping)
    )


def _rows_of_table(path: Path) -> list[dict[str, Any]]:
    """A table of cases: an empty cell asks nothing of its column."""
    from neotype.source import read

    (frame,) = read(path).frames.values()
    if "rows" not in frame.columns:
        raise SchemaError(
            f"'{path}' has no column 'rows'.",
            found=f"it has: {', '.join(frame.columns)}",
            mend="add a column 'rows' with how many rows each case is to have",
        )
    return [
        {"rows": row.pop("rows"), "where": {k: v for k, v in row.items() if v is not None}}
        for row in frame.to_dicts()
    ]
