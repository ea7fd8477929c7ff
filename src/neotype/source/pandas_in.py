"""pandas frames as polars frames, column by column and without pyarrow.

Each dtype of pandas has one `_Form` here, which reads a column; `pandas_out` holds the way back.
The facts of a column are JSON: {"form": "nullable", "dtype": "Int64"}.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import polars as pl

from neotype.errors import DataError, SourceError
from neotype.source.kind import Taken

Read = tuple[pl.Series, dict[str, Any], list[str]]

SHARED = 5
"""A label of a category dtype that fewer rows than this have is not kept in the facts."""


class _RefusedError(Exception):
    """Why a column cannot be taken."""


def take_pandas(frame: Any, table: str, library: str, *, plain: bool = False) -> Taken:
    """A pandas (or modin, dask) frame; DataError lists every column that cannot be taken.

    `plain`, a column of python objects is text, whatever they are.
    """
    frame, index, notes = _with_index(frame)
    names = _names(frame)
    series: list[pl.Series] = []
    columns: dict[str, Any] = {}
    findings: list[str] = []
    for position, name in enumerate(names):
        column = frame.iloc[:, position]
        try:
            values, facts, said = _texts(column) if plain and _opaque(column) else _column(column)
        except _RefusedError as refusal:
            findings.append(f"column '{name}' {refusal}")
            continue
        series.append(values.alias(name))
        columns[name] = facts
        notes += [f"column '{name}' {note}" for note in said]
    if findings:
        raise DataError(
            f"table '{table}' has columns that cannot be taken.",
            findings,
            mend="convert them to numbers, text or dates, or drop them",
        )
    facts = {"library": library, "columns": columns, "index": index}
    labels = [str(label) for label in frame.columns]
    if any(not isinstance(label, str) for label in frame.columns):
        whole = all(isinstance(label, int | np.integer) for label in frame.columns)
        if not whole:
            notes.append("column names that are not text become text")
        else:
            facts["integer_names"] = labels
    return Taken(pl.DataFrame(series), facts, tuple(notes))


def _with_index(frame: Any) -> tuple[Any, list[str], list[str]]:
    """The named levels of the index become columns; an index without a name is left out."""
    levels = [level for level in frame.index.names if level is not None]
    if frame.columns.nlevels > 1:
        raise SourceError(
            "the pandas frame has several levels of column names.",
            mend="flatten them: frame.columns = ['_'.join(map(str, c)) for c in frame.columns]",
        )
    if len(levels) == frame.index.nlevels and not set(levels) & set(frame.columns):
        return frame.reset_index(), [str(level) for level in levels], []
    plain = type(frame.index).__name__ == "RangeIndex" and frame.index.equals(
        type(frame.index)(len(frame))
    )
    note = "the index of the pandas frame has no name and is left out; reset_index() keeps it"
    return frame, [], [] if plain else [note]


def _names(frame: Any) -> list[str]:
    names = [str(label) for label in frame.columns]
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise SourceError(
            f"the pandas frame has columns of the same name: {', '.join(again)}.",
            mend="rename them",
        )
    return names


def _column(column: Any) -> Read:
    dtype = column.dtype
    kind = type(dtype).__name__
    if isinstance(dtype, np.dtype):
        return _numpy(column)
    reader = _FORMS.get(kind)
    if reader is not None:
        return reader(column)
    if hasattr(dtype, "numpy_dtype") and getattr(dtype, "kind", "") in "iufb":
        return _nullable(column)
    raise _RefusedError(f"has dtype {dtype}, which has no plain form")


def _numpy(column: Any) -> Read:
    dtype = column.dtype
    match dtype.kind:
        case "i" | "u" | "b":
            return pl.Series(_native(column)), {"form": "numpy", "dtype": str(dtype)}, []
        case "f" if dtype.itemsize <= 8:
            values = pl.Series(_native(column)).fill_nan(None)
            return values, {"form": "numpy", "dtype": str(dtype)}, []
        case "M" | "m":
            return _instants(column.to_numpy()), {"form": "numpy", "dtype": str(dtype)}, []
        case "O":
            return _objects(column)
    raise _RefusedError(f"has dtype {dtype}, which has no plain form")


def _native(column: Any) -> Any:
    """The cells in this machine's byte order."""
    values = column.to_numpy()
    return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))


def _instants(values: Any) -> pl.Series:
    """datetime64 or timedelta64 of any unit; seconds become milliseconds, which lose nothing."""
    unit = np.datetime_data(values.dtype)[0]
    if unit == "s":
        values = values.astype(f"{values.dtype.kind}8[ms]")
    return pl.Series(values)


def _nullable(column: Any) -> Read:
    """Int64, UInt8, Float32, boolean: values under a mask."""
    missing = column.isna().to_numpy(dtype=bool)
    plain = column.dtype.numpy_dtype
    values = pl.Series(column.fillna(plain.type(0)).to_numpy(dtype=plain))
    cells = values.to_frame("v").select(pl.when(pl.Series(~missing)).then(pl.col("v"))).to_series()
    return cells, {"form": "nullable", "dtype": str(column.dtype)}, []


def _string(column: Any) -> Read:
    dtype = column.dtype
    facts = {
        "form": "string",
        "storage": dtype.storage,
        "na": "NA" if type(dtype.na_value).__name__ == "NAType" else "nan",
    }
    return pl.Series(_objects_of(column), dtype=pl.String), facts, []


def _objects_of(column: Any) -> list[Any]:
    """The cells as python objects, None where missing."""
    missing = column.isna().to_numpy(dtype=bool)
    return [None if gone else cell for cell, gone in zip(column.tolist(), missing, strict=True)]


def _zoned(column: Any) -> Read:
    dtype = column.dtype
    unit = dtype.unit
    instants = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    values = _instants(instants).dt.replace_time_zone("UTC")
    zone = getattr(dtype.tz, "key", None) or getattr(dtype.tz, "zone", None)
    if zone is not None:
        values = values.dt.convert_time_zone(str(zone))
    facts = {"form": "zoned", "unit": unit, "zone": str(dtype.tz)}
    return values, facts, []


def _category(column: Any) -> Read:
    """Labels as text. An ordered dtype is an Enum; its labels are declared and all are kept."""
    dtype = column.dtype
    labels, facts = _labels(dtype.categories)
    codes = column.cat.codes.to_numpy().astype(np.int64)
    facts |= {"form": "category", "ordered": bool(dtype.ordered)}
    texts = pl.Series([*labels, None], dtype=pl.String)
    cells = texts.gather(np.where(codes < 0, len(labels), codes))
    if dtype.ordered:
        return cells.cast(pl.Enum(labels)), facts, []
    rows = np.bincount(codes[codes >= 0], minlength=len(labels))
    rare = (rows > 0) & (rows < SHARED)
    facts["sorted"] = labels == sorted(labels) if facts["of"] == "text" else _rising(dtype)
    facts["labels"] = [label for label, gone in zip(facts["labels"], rare, strict=True) if not gone]
    return cells.cast(pl.Categorical()), facts, []


def _rising(dtype: Any) -> bool:
    return bool(dtype.categories.is_monotonic_increasing)


def _labels(categories: Any) -> tuple[list[str], dict[str, Any]]:
    """The labels of a category dtype as distinct texts, and as JSON with their dtype."""
    if len(categories) == 0:
        return [], {"labels": [], "dtype": str(categories.dtype), "of": "text"}
    values = categories.tolist()
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return values, {"labels": values, "dtype": str(categories.dtype), "of": "text"}
    if kinds <= {int, float, bool} and len(kinds) == 1:
        texts = [str(value) for value in values]
        return texts, {"labels": values, "dtype": str(categories.dtype), "of": "number"}
    if type(categories).__name__ == "IntervalIndex" and categories.dtype.subtype.kind in "iuf":
        ends = [[value.left, value.right] for value in values]
        facts = {
            "labels": ends,
            "closed": categories.closed,
            "dtype": str(categories.dtype.subtype),
        }
        return [str(value) for value in values], {**facts, "of": "interval"}
    if type(categories).__name__ == "DatetimeIndex" and categories.tz is None:
        texts = [value.isoformat() for value in values]
        return texts, {"labels": texts, "dtype": str(categories.dtype), "of": "datetime"}
    raise _RefusedError(f"is a category of {categories.dtype} labels; make the labels text")


def _sparse(column: Any) -> Read:
    values, _, notes = _column(column.sparse.to_dense())
    return values, {"form": "named", "dtype": str(column.dtype)}, notes


def _period(column: Any) -> Read:
    """A period as the instant it begins, so that it is learnt as a time and not as a label."""
    facts = {"form": "period", "dtype": str(column.dtype)}
    return _instants(column.dt.start_time.to_numpy()), facts, []


def _arrow(column: Any) -> Read:
    array = column.array.__arrow_array__()
    values = pl.Series(array)
    if values.dtype.is_object():
        raise _RefusedError(f"has dtype {column.dtype}, which polars cannot hold")
    schema = import_module("pyarrow").schema([("column", array.type)])
    written = base64.b64encode(schema.serialize().to_pybytes()).decode()
    return values, {"form": "arrow", "dtype": str(column.dtype), "schema": written}, []


_FORMS: dict[str, Callable[[Any], Read]] = {
    "StringDtype": _string,
    "DatetimeTZDtype": _zoned,
    "CategoricalDtype": _category,
    "SparseDtype": _sparse,
    "PeriodDtype": _period,
    "ArrowDtype": _arrow,
}


def _opaque(column: Any) -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind == "O"


def _texts(column: Any) -> Read:
    """An object column as text, each cell by itself."""
    cells = [None if cell is None else str(cell) for cell in _objects_of(column)]
    return pl.Series(cells, dtype=pl.String), {"form": "object"}, []


def _objects(column: Any) -> Read:
    """An object column: of one python type where it is, else as text that says its types."""
    cells = _objects_of(column)
    kinds = {type(cell) for cell in cells if cell is not None}
    gone = _missing_mark(column)
    facts: dict[str, Any] = {"form": "object", "missing": gone}
    plain = _PLAIN.get(next(iter(kinds)).__name__) if len(kinds) == 1 else None
    if not kinds:
        return pl.Series([None] * len(cells), dtype=pl.Null), {**facts, "of": "nothing"}, []
    if plain is not None:
        try:
            return plain(cells), {**facts, "of": next(iter(kinds)).__name__}, []
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as cause:
            raise _RefusedError(f"holds objects that polars cannot hold: {cause}") from cause
    if kinds <= {int, float, bool, str}:
        return _mixed(cells, kinds, facts)
    listed = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise _RefusedError(f"holds python objects of the types {listed}")


def _missing_mark(column: Any) -> str:
    for cell, missing in zip(column.tolist(), column.isna().to_numpy(), strict=True):
        if missing:
            return {"NoneType": "None", "float": "nan", "NaTType": "NaT"}.get(
                type(cell).__name__, "NA"
            )
    return "None"


def _decimals(cells: list[Any]) -> pl.Series:
    exponents = [cell.as_tuple().exponent for cell in cells if cell is not None]
    if not all(isinstance(exponent, int) for exponent in exponents):
        raise ValueError("a Decimal that is not finite")
    scale = max(0, -min(exponents))
    return pl.Series(cells, dtype=pl.Decimal(38, scale))


_PLAIN: dict[str, Callable[[list[Any]], pl.Series]] = {
    "str": lambda cells: pl.Series(cells, dtype=pl.String),
    "bool": lambda cells: pl.Series(cells, dtype=pl.Boolean),
    "int": lambda cells: pl.Series(cells, dtype=_whole_dtype(cells)),
    "float": lambda cells: pl.Series(cells, dtype=pl.Float64),
    "Decimal": _decimals,
    "date": lambda cells: pl.Series(cells, dtype=pl.Date),
    "time": lambda cells: pl.Series(cells, dtype=pl.Time),
    "datetime": pl.Series,
    "timedelta": lambda cells: pl.Series(cells, dtype=pl.Duration("us")),
    "list": lambda cells: pl.Series(cells, strict=True),
    "dict": lambda cells: pl.Series(cells, strict=True),
    "bytes": lambda cells: pl.Series(cells, dtype=pl.Binary),
}


def _whole_dtype(cells: list[Any]) -> type[pl.DataType]:
    present = [cell for cell in cells if cell is not None]
    if min(present) >= -(2**63) and max(present) < 2**63:
        return pl.Int64
    return pl.UInt64 if min(present) >= 0 and max(present) < 2**64 else pl.Int128


def _mixed(cells: list[Any], kinds: set[type], facts: dict[str, Any]) -> Read:
    """Cells of several types as text; the types come back where the text tells them apart."""
    counts = {kind: sum(type(cell) is kind for cell in cells) for kind in kinds}
    fewest = min(counts, key=lambda kind: counts[kind])
    example = next(cell for cell in cells if type(cell) is fewest)
    words = {int: "whole numbers", float: "decimal numbers", bool: "true/false", str: "texts"}
    listed = ", ".join(f"{n:,} {words[kind]}" for kind, n in counts.items())
    texts = [None if cell is None else str(cell) for cell in cells]
    names = sorted(kind.__name__ for kind in kinds)
    told = all(
        cell is None or same(parse(text, names), cell)
        for text, cell in zip(texts, cells, strict=True)
    )
    note = f"mixes {listed} (for example {str(example)[:40]!r}): kept as text"
    facts |= {"of": "mixed", "types": names if told else ["str"]}
    return (
        pl.Series(texts, dtype=pl.String),
        facts,
        [note + ("" if told else ", and text goes out")],
    )


def same(one: Any, other: Any) -> bool:
    """Equal and of one type: 1 is not True."""
    return type(one) is type(other) and one == other


def parse(text: str | None, types: list[str]) -> Any:
    """The object that the text stands for, of the first of these types that it fits."""
    if text is None:
        return None
    if "bool" in types and text in ("True", "False"):
        return text == "True"
    for name, kind in (("int", int), ("float", float)):
        if name in types:
            try:
                value = kind(text)
            except ValueError:
                continue
            if str(value) == text:
                return value
    return text
