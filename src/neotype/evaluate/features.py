"""From frames to arrays: how detectors, distances and histograms see each kind of column.

This is the evaluation's own reading of the data and shares nothing with a model's encoders: a
measure that saw the world through the model's bins could not find what they lose.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.schema import ColumnBase, Datetime

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")

LARGEST = 1e300
"""Stands for infinity, so that infinite cells stay extreme and arithmetic stays finite."""

WORDS = 254
"""Labels of a column that a detector tells apart; it sees how common the others are."""

NUMBER_KINDS = ("numeric", "duration", "geo")
MEASURED_KINDS = (*NUMBER_KINDS, "datetime", "text", "json")


class Sides(NamedTuple, Generic[T]):
    """The same thing of the three tables."""

    synthetic: T
    train: T
    holdout: T


@dataclass(frozen=True)
class Numbers:
    """A column as quantities; NaN is missing. Text counts as its length, a date as its second."""

    name: str
    kind: str
    sides: Sides[Floats]


@dataclass(frozen=True)
class Labels:
    """A column as codes into `words`, which all three tables share; code 0 is missing."""

    name: str
    kind: str
    sides: Sides[Ints]
    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of codes, missing included."""
        return len(self.words) + 1


View = Numbers | Labels


@dataclass(frozen=True)
class Features:
    """What a detector is shown: matrices (rows, features) with NaN for missing.

    `categorical` are the positions of codes; `sources` names the column behind each feature.
    """

    names: tuple[str, ...]
    sources: tuple[str, ...]
    categorical: tuple[int, ...]
    sides: Sides[Floats]


def view(name: str, column: ColumnBase, kind: str, sides: Sides[pl.Series]) -> View:
    """One column of the three tables, as quantities or as labels."""
    if kind in MEASURED_KINDS:
        return Numbers(name, kind, Sides(*(numbers(side, column, kind) for side in sides)))
    codes, words = labels(sides)
    return Labels(name, kind, codes, words)


def numbers(series: pl.Series, column: ColumnBase, kind: str) -> Floats:
    """The column as quantities: dates as seconds since 1970, text and lists as their length."""
    if kind == "datetime" and isinstance(column, Datetime):
        return _seconds(moments(series, column))
    if kind in ("text", "json"):
        return _floats(texts(series).str.len_chars())
    if series.dtype == pl.Duration:
        return _floats(series.dt.total_nanoseconds()) / 1e9
    return _floats(series)


def labels(sides: Sides[pl.Series]) -> tuple[Sides[Ints], tuple[str, ...]]:
    """Codes into the sorted union of the labels of all sides, from 1; 0 is missing."""
    written = [_words(side) for side in sides]
    union = pl.concat([side.drop_nulls().unique() for side in written]).unique().sort()
    words = tuple(union.to_list())
    if not words:
        return Sides(*(np.zeros(len(side), np.int64) for side in written)), ()
    known = pl.Enum(union)
    coded = (side.cast(known).to_physical().cast(pl.Int64) + 1 for side in written)
    return Sides(*(side.fill_null(0).to_numpy() for side in coded)), words


def expand(name: str, column: ColumnBase, kind: str, series: pl.Series) -> dict[str, Floats]:
    """What a detector sees of a column beside its quantity: calendar parts, the look of a text."""
    if kind == "datetime" and isinstance(column, Datetime):
        return {f"{name} {part}": cells for part, cells in _calendar(moments(series, column))}
    if kind in ("text", "json"):
        return {f"{name} {part}": cells for part, cells in _look(texts(series))}
    return {}


def moments(series: pl.Series, column: Datetime) -> pl.Series:
    """The column as Date, Datetime or Time, parsed where it is stored as text."""
    if series.dtype != pl.String:
        return series
    wanted = pl.Time if column.part == "time" else pl.Datetime("us")
    if column.format is None and wanted == pl.Time:
        return series.str.to_time("%H:%M:%S", strict=False)
    return series.str.strptime(wanted, column.format, strict=False)


def texts(series: pl.Series) -> pl.Series:
    """The column as text; lists and structs in their JSON form."""
    if series.dtype == pl.String:
        return series
    if not series.dtype.is_nested():
        return series.cast(pl.String, strict=False)
    cells = [None if cell is None else _json(cell) for cell in series.to_list()]
    return pl.Series(series.name, cells, dtype=pl.String)


def _json(cell: object) -> str:
    return json.dumps(cell, default=str, sort_keys=True, ensure_ascii=False)


def _floats(series: pl.Series) -> Floats:
    if series.dtype == pl.Binary or series.dtype.is_nested():
        series = texts(series).str.len_chars()
    cells = series.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    return np.asarray(np.clip(cells, -LARGEST, LARGEST))


def _seconds(series: pl.Series) -> Floats:
    if series.dtype == pl.Time:
        return _floats(series.cast(pl.Int64)) / 1e9
    if series.dtype == pl.Date or isinstance(series.dtype, pl.Datetime):
        return _floats(series.dt.epoch("us")) / 1e6
    return _floats(series)


def _calendar(series: pl.Series) -> list[tuple[str, Floats]]:
    if series.dtype == pl.Time:
        return [("hour", _floats(series.dt.hour())), ("minute", _floats(series.dt.minute()))]
    if series.dtype == pl.Date:
        return [("weekday", _floats(series.dt.weekday())), ("month", _floats(series.dt.month()))]
    if not isinstance(series.dtype, pl.Datetime):
        return []
    parts = series.dt
    return [
        ("weekday", _floats(parts.weekday())),
        ("month", _floats(parts.month())),
        ("hour", _floats(parts.hour())),
        ("second of hour", _floats(parts.minute().cast(pl.Int32) * 60 + parts.second())),
    ]


def _look(series: pl.Series) -> list[tuple[str, Floats]]:
    length = series.str.len_chars().cast(pl.Float64)
    whole = length.clip(lower_bound=1)
    return [
        ("words", _floats(series.str.count_matches(r"\S+"))),
        ("digits", _floats(series.str.count_matches(r"\d") / whole)),
        ("capitals", _floats(series.str.count_matches(r"\p{Lu}") / whole)),
        ("punctuation", _floats(series.str.count_matches(r"[^\w\s]") / whole)),
    ]


def _words(series: pl.Series) -> pl.Series:
    """Labels as text, so that 1, 1.0 and "1" are one label whatever the frame stored."""
    if series.dtype.is_nested():
        return texts(series)
    if series.dtype.is_float() or isinstance(series.dtype, pl.Decimal):
        cells = series.cast(pl.Float64).fill_nan(None)
        whole = cells.cast(pl.Int64, strict=False)
        same = (whole.cast(pl.Float64) == cells).fill_null(False)
        return whole.cast(pl.String).zip_with(same, cells.cast(pl.String))
    if series.dtype == pl.Binary:
        return series.bin.encode("hex")
    return series.cast(pl.String, strict=False)


def show(
    views: tuple[View, ...], extras: dict[str, Sides[dict[str, Floats]]], rows: Sides[int]
) -> Features:
    """The features of all columns, side by side."""
    names: list[str] = []
    sources: list[str] = []
    categorical: list[int] = []
    cells: Sides[list[Floats]] = Sides([], [], [])

    def add(name: str, source: str, sides: Sides[Floats]) -> None:
        names.append(name)
        sources.append(source)
        for column, side in zip(cells, sides, strict=True):
            column.append(side)

    for item in views:
        if isinstance(item, Numbers):
            add(item.name, item.name, item.sides)
            for part in extras[item.name].train if item.name in extras else ():
                add(part, item.name, Sides(*(side[part] for side in extras[item.name])))
            continue
        codes, common = fold(item, WORDS)
        categorical.append(len(names))
        add(item.name, item.name, Sides(*(side.astype(np.float64) for side in codes)))
        if common is not None:
            add(f"how common {item.name} is", item.name, Sides(*(common[s] for s in item.sides)))
    stacked = (
        np.column_stack(side) if side else np.empty((height, 0))
        for side, height in zip(cells, rows, strict=True)
    )
    return Features(tuple(names), tuple(sources), tuple(categorical), Sides(*stacked))


def fold(item: Labels, most: int) -> tuple[Sides[Ints], Floats | None]:
    """Codes of the `most` commonest labels of all sides together, and one code for the others.

    Where labels were folded, the logarithmic share of every label comes with them. Rows of all
    sides count alike: a mean of the sides' shares would tell which side a rare label is from.
    """
    if len(item.words) <= most:
        return item.sides, None
    shares = shares_of(np.concatenate(item.sides), item.size)
    code = codes_of_common(shares, most)
    return Sides(*(code[side] for side in item.sides)), np.log(shares + 1e-9)


def shares_of(codes: Ints, size: int) -> Floats:
    """The share of each code."""
    return np.bincount(codes, minlength=size) / max(1, len(codes))


def codes_of_common(shares: Floats, most: int) -> Ints:
    """Old code -> new: 0 stays missing, the commonest count from 1, the others are `most` + 1."""
    code = np.full(len(shares), most + 1)
    order = np.argsort(-shares[1:], kind="stable")[:most] + 1
    code[0] = 0
    code[order] = np.arange(1, len(order) + 1)
    return code
