"""Frames of any library as polars frames, with the facts that polars cannot hold."""

from __future__ import annotations

import base64
from typing import Any

import narwhals as nw
import polars as pl

from neotype.errors import SourceError
from neotype.source.kind import Taken
from neotype.source.pandas_in import take_pandas

_MEND = "give a pandas, polars or pyarrow frame, a path, or a dict of frames"


def take(data: Any, table: str, *, plain: bool = False) -> Taken:  # noqa: PLR0911 (one way a library)
    """One frame as a polars frame; SourceError where it is no frame.

    Python objects are what their cells are; `plain`, they are text.
    """
    if isinstance(data, pl.DataFrame):
        return Taken(data, {"library": "polars"})
    if isinstance(data, pl.LazyFrame):
        return Taken(data.collect(), {"library": "polars", "lazy": True})
    if isinstance(data, pl.Series) or not _is_frame(data):
        raise SourceError(f"{_said(data)} is not a table.", mend=_MEND)
    frame: Any = _known(data)
    if not isinstance(frame, nw.DataFrame | nw.LazyFrame):
        return _capsule(data)
    library = str(frame.implementation.name).lower()
    if library == "pandas":
        return take_pandas(data, table, library, plain=plain)
    if library == "modin":
        return take_pandas(data._to_pandas(), table, library, plain=plain)
    if library == "pyarrow":
        return _take_arrow(data)
    if isinstance(frame, nw.LazyFrame):
        if library == "dask":
            return take_pandas(data.compute(), table, library, plain=plain)
        collected = frame.collect(backend="polars").to_native()
    else:
        collected = frame.to_polars()
    note = f"a {library} frame came in; a polars frame goes out"
    return Taken(collected, {"library": "polars", "from": library}, (note,))


def _is_frame(data: Any) -> bool:
    known = _known(data)
    return isinstance(known, nw.DataFrame | nw.LazyFrame) or hasattr(data, "__arrow_c_stream__")


def _known(data: Any) -> Any:
    """The narwhals frame of the data, or the data itself where narwhals does not know it."""
    try:
        return nw.from_native(data, pass_through=True)
    except nw.exceptions.DuplicateError:
        names = [str(name) for name in data.columns]
        again = sorted({name for name in names if names.count(name) > 1})
        raise SourceError(
            f"{_said(data)} has columns of the same name: {', '.join(again)}.", mend="rename them"
        ) from None


def _said(data: Any) -> str:
    kind = type(data)
    module = kind.__module__.partition(".")[0]
    name = kind.__name__ if module == "builtins" else f"{module}.{kind.__name__}"
    return f"an object of type {name}"


def _capsule(data: Any) -> Taken:
    """A frame that only knows the Arrow stream interface."""
    try:
        frame = pl.DataFrame(data)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as cause:
        raise SourceError(f"{_said(data)} cannot be read: {cause}", mend=_MEND) from cause
    note = f"{_said(data)} came in; a polars frame goes out"
    return Taken(frame, {"library": "polars", "from": type(data).__name__}, (note,))


def _take_arrow(table: Any) -> Taken:
    """A pyarrow table; its types travel as an Arrow schema, without metadata and without cells."""
    names = table.schema.names
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise SourceError(
            f"the pyarrow table has columns of the same name: {', '.join(again)}.",
            mend="rename them",
        )
    try:
        frame = pl.DataFrame(table)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as cause:
        raise SourceError(f"the pyarrow table cannot be read: {cause}", mend=_MEND) from cause
    written = table.schema.remove_metadata().serialize().to_pybytes()
    types = {field.name: str(field.type) for field in table.schema}
    facts = {
        "library": "pyarrow",
        "schema": base64.b64encode(written).decode(),
        "types": types,
    }
    return Taken(frame, facts)
