"""polars frames as pandas frames with the dtypes of the facts, without pyarrow unless asked."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import polars as pl

from neotype.source.pandas_in import parse


def to_pandas(frame: pl.DataFrame, facts: Mapping[str, Any], pandas: Any) -> Any:
    """The pandas frame; a column without facts gets the plain dtype of its kind."""
    columns = {
        name: _column(frame[name], facts.get("columns", {}).get(name) or {"form": "plain"}, pandas)
        for name in frame.columns
    }
    out = pandas.DataFrame(columns, index=pandas.RangeIndex(frame.height), copy=False)
    index = [name for name in facts.get("index", ()) if name in frame.columns]
    if index:
        out = out.set_index(index)
    if "integer_names" in facts:
        whole = set(facts["integer_names"])
        out.columns = [int(name) if name in whole else name for name in out.columns]
    return out


def _column(cells: pl.Series, facts: Mapping[str, Any], pandas: Any) -> Any:  # noqa: PLR0911
    match facts["form"]:
        case "numpy":
            return _numpy(cells, facts["dtype"], pandas)
        case "nullable":
            return _nullable(cells, facts["dtype"], pandas)
        case "string":
            return _string(cells, facts, pandas)
        case "zoned":
            return _zoned(cells, facts, pandas)
        case "period":
            begins = pandas.Series(cells.to_numpy())
            return begins.astype(facts["dtype"])
        case "category":
            return _category(cells, facts, pandas)
        case "object":
            return _object(cells, facts, pandas)
        case "arrow":
            return _arrow(cells, facts, pandas)
        case "named":
            return _named(cells, facts["dtype"], pandas)
    return _plain(cells, pandas)


def _numpy(cells: pl.Series, dtype: str, pandas: Any) -> Any:
    wanted = np.dtype(dtype)
    if wanted.kind in "iub" and cells.null_count():
        # the column that came in had no missing cell, so numpy has no form for one
        return _nullable(cells, _nullable_name(wanted), pandas)
    return pandas.Series(_values(cells, wanted))


def _values(cells: pl.Series, wanted: np.dtype[Any]) -> Any:
    if wanted.kind in "mM":
        unit = np.datetime_data(wanted)[0]
        shown = cells.dt.replace_time_zone(None) if wanted.kind == "M" else cells
        return shown.to_numpy().astype(f"{wanted.kind}8[{unit}]")
    if wanted.kind == "f":
        return cells.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(wanted)
    return cells.to_numpy().astype(wanted)


def _nullable_name(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "b":
        return "boolean"
    return ("UInt" if dtype.kind == "u" else "Int") + str(dtype.itemsize * 8)


def _nullable(cells: pl.Series, dtype: str, pandas: Any) -> Any:
    wanted = pandas.api.types.pandas_dtype(dtype)
    missing = cells.is_null().to_numpy()
    filled = cells.fill_null(False) if wanted.kind == "b" else cells.fill_null(0)
    values = pandas.Series(filled.to_numpy().astype(wanted.numpy_dtype)).astype(wanted)
    if missing.any():
        values[missing] = pandas.NA
    return values


def _string(cells: pl.Series, facts: Mapping[str, Any], pandas: Any) -> Any:
    storage = facts["storage"]
    if storage == "pyarrow" and not _has_arrow():
        storage = "python"
    na = pandas.NA if facts["na"] == "NA" else float("nan")
    return pandas.Series(cells.to_list(), dtype=pandas.StringDtype(storage, na_value=na))


def _has_arrow() -> bool:
    try:
        import_module("pyarrow")
    except ImportError:
        return False
    return True


def _zoned(cells: pl.Series, facts: Mapping[str, Any], pandas: Any) -> Any:
    naive = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
    series = pandas.Series(naive.astype(f"M8[{facts['unit']}]"))
    return series.dt.tz_localize("UTC").dt.tz_convert(facts["zone"])


def _category(cells: pl.Series, facts: Mapping[str, Any], pandas: Any) -> Any:
    texts = cells.cast(pl.String)
    labels = _labels(facts, facts["labels"], pandas)
    known = [_text(label) for label in labels]
    if facts["of"] != "text":
        # '*' stands for a label that is protected; of numbers and times it can be no label
        texts = texts.replace("*", None)
    seen = texts.drop_nulls().unique(maintain_order=True).to_list()
    new = [text for text in seen if text not in set(known)]
    added = _parsed(new, facts, pandas)
    every = [*labels, *added]
    order = list(range(len(every)))
    if facts.get("sorted") and added:
        order = sorted(order, key=lambda i: every[i])
    named = [*known, *new]
    place = {named[i]: position for position, i in enumerate(order)}
    codes = [-1 if text is None else place[text] for text in texts.to_list()]
    categories = _index([every[i] for i in order], facts, pandas)
    made = pandas.Categorical.from_codes(codes, categories=categories, ordered=facts["ordered"])
    return pandas.Series(made)


def _text(label: Any) -> str:
    return label.isoformat() if hasattr(label, "isoformat") else str(label)


def _labels(facts: Mapping[str, Any], labels: list[Any], pandas: Any) -> list[Any]:
    match facts["of"]:
        case "interval":
            kind = np.dtype(facts["dtype"]).type
            return [
                pandas.Interval(kind(left), kind(right), closed=facts["closed"])
                for left, right in labels
            ]
        case "datetime":
            return [pandas.Timestamp(label) for label in labels]
    return list(labels)


def _parsed(texts: list[str], facts: Mapping[str, Any], pandas: Any) -> list[Any]:
    """Labels that the facts do not keep, from their texts."""
    match facts["of"]:
        case "number":
            return [parse(text, ["bool", "int", "float"]) for text in texts]
        case "datetime":
            return [pandas.Timestamp(text) for text in texts]
        case "interval":
            ends = [text.strip("[]() ").split(",") for text in texts]
            numbers = [[parse(end.strip(), ["int", "float"]) for end in pair] for pair in ends]
            return _labels(facts, numbers, pandas)
    return list(texts)


def _index(labels: list[Any], facts: Mapping[str, Any], pandas: Any) -> Any:
    if facts["of"] == "interval":
        return pandas.IntervalIndex(
            labels, closed=facts["closed"], dtype=f"interval[{facts['dtype']}, {facts['closed']}]"
        )
    return pandas.Index(labels, dtype=facts["dtype"])


def _object(cells: pl.Series, facts: Mapping[str, Any], pandas: Any) -> Any:
    missing = {"None": None, "nan": float("nan"), "NaT": pandas.NaT, "NA": pandas.NA}[
        facts["missing"]
    ]
    values = cells.to_list()
    if facts["of"] == "mixed":
        values = [parse(value, facts["types"]) for value in values]
    holder = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        holder[position] = missing if value is None else value
    return pandas.Series(holder, dtype=object)


def _arrow(cells: pl.Series, facts: Mapping[str, Any], pandas: Any) -> Any:
    pyarrow = import_module("pyarrow")
    buffer = pyarrow.py_buffer(base64.b64decode(facts["schema"]))
    wanted = import_module("pyarrow.ipc").read_schema(buffer).field(0).type
    return pandas.Series(cells.to_arrow().cast(wanted), dtype=pandas.ArrowDtype(wanted))


def _named(cells: pl.Series, dtype: str, pandas: Any) -> Any:
    if dtype.startswith("Sparse"):
        return pandas.Series(_plain(cells, pandas)).astype(dtype)
    return pandas.Series(cells.to_list(), dtype=object).astype(dtype)


def _plain(cells: pl.Series, pandas: Any) -> Any:
    if cells.dtype.is_numeric() and not cells.dtype.is_decimal():
        if cells.null_count() and cells.dtype.is_integer():
            return _nullable(cells, str(cells.dtype), pandas)
        return pandas.Series(_values(cells, np.dtype(str(cells.dtype).lower())))
    if cells.dtype == pl.Boolean and not cells.null_count():
        return pandas.Series(cells.to_numpy())
    if isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_zone is None:
        return pandas.Series(cells.to_numpy())
    return pandas.Series(cells.to_list(), dtype="str" if cells.dtype == pl.String else object)
