"""The user's kind of frame again, with the dtypes that came in."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import polars as pl

from neotype.errors import SourceError
from neotype.source.kind import FrameKind
from neotype.source.pandas_out import to_pandas


def restore(frames: Mapping[str, pl.DataFrame], kind: FrameKind, single: bool) -> Any:
    """The frames as the library that gave them makes them: one frame, or a dict of frames.

    A file gives polars frames. SourceError where the library is not installed here.
    """
    out = {
        table: _restored(frame, kind.tables.get(table, {"library": "polars"}))
        for table, frame in frames.items()
    }
    return next(iter(out.values())) if single else out


def _restored(frame: pl.DataFrame, facts: Mapping[str, Any]) -> Any:
    library = facts["library"]
    frame = _with_nan(frame, facts) if library in ("polars", "pyarrow") else frame
    match library:
        case "pandas":
            return to_pandas(frame, facts, _module("pandas"))
        case "modin":
            return _module("modin.pandas").DataFrame(to_pandas(frame, facts, _module("pandas")))
        case "dask":
            pandas = to_pandas(frame, facts, _module("pandas"))
            return _module("dask.dataframe").from_pandas(pandas, npartitions=1)
        case "pyarrow":
            return _to_arrow(frame, facts, _module("pyarrow"))
        case "polars" if facts.get("lazy"):
            return frame.lazy()
    return frame


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise SourceError(
            f"the data came as a {package} frame, and {package} is not installed here.",
            mend=f"pip install {package}",
        ) from None


def _with_nan(frame: pl.DataFrame, facts: Mapping[str, Any]) -> pl.DataFrame:
    """NaN again where the frame that came in had NaN and no null."""
    marked = [
        name
        for name, column in facts.get("columns", {}).items()
        if column.get("missing") == "NaN" and name in frame.columns
    ]
    return frame.with_columns(pl.col(marked).fill_null(float("nan"))) if marked else frame


def _to_arrow(frame: pl.DataFrame, facts: Mapping[str, Any], pyarrow: Any) -> Any:
    buffer = pyarrow.py_buffer(base64.b64decode(facts["schema"]))
    schema = import_module("pyarrow.ipc").read_schema(buffer)
    table = frame.to_arrow()
    kept = set(schema.names) - set(facts.get("changed", ()))
    fields = [schema.field(name) for name in frame.columns if name in kept]
    if len(fields) == frame.width:
        return table.cast(pyarrow.schema(fields))
    known = {field.name: field.type for field in fields}
    columns = [
        column.cast(known[name]) if name in known else column
        for name, column in zip(frame.columns, table.columns, strict=True)
    ]
    return pyarrow.table(dict(zip(frame.columns, columns, strict=True)))
