"""Columns as scales: which have an order, which lie under groups, and what missing cells are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from neotype.errors import DataError, SchemaError
from neotype.masking.bands import LEVELS
from neotype.masking.hierarchy import Tree, by_prefix, grown, placed, read_tree
from neotype.masking.scale import Labels, Ordered, Scale
from neotype.schema.schema import Categorical, Datetime, Geo, Identifier, Numeric, Ordinal, Personal

_MOST_LABELS = 3000
_CODE = r"^[0-9]{3,}$"


def scale_of(cells: pl.Series, column: Any, hierarchy: Any = None) -> Scale:
    """The scale of a quasi-identifier: in order where its kind has one, else of labels."""
    asked_by = f"the hierarchy of '{cells.name}'"
    tree = _tree(cells, hierarchy, asked_by)
    if tree is None and isinstance(column, Ordinal):
        return _in_order(cells.cast(pl.String), pl.Series([str(v) for v in column.values]))
    if tree is None:
        quantity = _quantity(cells, column)
        if quantity is not None:
            widths = _widths(hierarchy, quantity, asked_by)
            return _in_order(quantity, quantity.drop_nulls().unique().sort(), widths)
    if hierarchy is not None and tree is None:
        raise SchemaError(
            f"{asked_by} is {hierarchy!r}, and the column has labels without an order.",
            mend="give groups of labels, a CSV file of them, or prefix",
        )
    return _of_labels(cells, tree, asked_by, codes=_is_code(cells, column))


def _tree(cells: pl.Series, hierarchy: Any, asked_by: str) -> Tree | None:
    if isinstance(hierarchy, str) and hierarchy == "prefix":
        return by_prefix(cells.cast(pl.String).drop_nulls().unique().sort().to_list())
    if isinstance(hierarchy, str | Path) and Path(hierarchy).suffix.lower() in (".csv", ".txt"):
        return read_tree(Path(hierarchy))
    if isinstance(hierarchy, dict):
        return grown(hierarchy, asked_by=asked_by)
    if isinstance(hierarchy, list | tuple) and any(isinstance(x, dict | list) for x in hierarchy):
        return grown(hierarchy, asked_by=asked_by)
    return None


def _quantity(cells: pl.Series, column: Any) -> pl.Series | None:
    """The cells in a dtype with an order; None where they are labels."""
    if isinstance(column, Datetime) and column.format is not None:
        dtype = pl.Date if column.part == "date" else pl.Datetime
        return cells.str.strptime(dtype, column.format, strict=False)
    if cells.dtype.is_numeric() and (column is None or isinstance(column, Numeric | Geo)):
        return cells
    return cells if cells.dtype.is_temporal() else None


def _widths(hierarchy: Any, cells: pl.Series, asked_by: str) -> tuple[Any, ...]:
    """The bands that were asked for: widths of numbers, or units of the calendar."""
    if hierarchy is None:
        return ()
    given = tuple(hierarchy) if isinstance(hierarchy, list | tuple) else (hierarchy,)
    dated = cells.dtype in (pl.Date, pl.Datetime)
    for one in given:
        fits = one in LEVELS if dated else isinstance(one, int | float) and one > 0
        if not fits:
            known = f"units such as {', '.join(LEVELS)}" if dated else "widths such as [5, 10, 20]"
            raise SchemaError(f"{asked_by} has {one!r}.", mend=f"give {known}")
    return given


def _in_order(cells: pl.Series, values: pl.Series, widths: tuple[Any, ...] = ()) -> Scale:
    if not len(values):
        raise _empty(cells)
    codes = cells.replace_strict(
        values, np.arange(1, len(values) + 1), default=None, return_dtype=pl.Int64
    )
    if codes.null_count() > cells.null_count():
        raise DataError(f"column '{cells.name}' has labels that its schema does not list.")
    physical = values.to_physical() if values.dtype.is_temporal() else values
    place = physical.cast(pl.Float64) if physical.dtype.is_numeric() else np.arange(len(values))
    line = np.r_[0.0, np.asarray(place, dtype=np.float64)]
    line[0] = line[1]
    return Ordered(cells.name, codes.fill_null(0).to_numpy(), values, line, widths)


def _of_labels(cells: pl.Series, tree: Tree | None, asked_by: str, *, codes: bool) -> Scale:
    if cells.dtype.is_nested():
        raise DataError(
            f"quasi-identifier '{cells.name}' has nested values ({cells.dtype}).",
            mend="leave it out, or treat it first: --treat 'name=mask'",
        )
    texts = cells.cast(pl.String)
    counted = (
        texts.drop_nulls()
        .value_counts(sort=False)
        .sort(["count", texts.name], descending=[True, False])
    )
    found = counted[texts.name].to_list()
    if not found:
        raise _empty(cells)
    if len(found) > _MOST_LABELS:
        raise DataError(
            f"quasi-identifier '{cells.name}' has {len(found):,} different labels.",
            mend="generalise it first (--treat 'name=generalise:3'), or leave it out",
        )
    if tree is None and codes:
        tree = by_prefix(found)
    if tree is not None:
        placed(tree, found, asked_by=asked_by)
        found = list(tree.leaves)
    values = pl.Series(found, dtype=pl.String)
    places = texts.replace_strict(
        values, np.arange(1, len(found) + 1), default=None, return_dtype=pl.Int64
    )
    line = np.r_[1.0, np.arange(1, len(found) + 1)].astype(np.float64)
    return Labels(cells.name, places.fill_null(0).to_numpy(), values, line, tree)


def _is_code(cells: pl.Series, column: Any) -> bool:
    """Whether labels are digits of one length, such as postcodes: their beginnings are groups."""
    if isinstance(column, Personal):
        return column.category == "postcode"
    if not isinstance(column, Categorical | Identifier | None):
        return False
    texts = cells.cast(pl.String).drop_nulls()
    return bool(texts.str.contains(_CODE).all()) and texts.str.len_chars().n_unique() == 1


def _empty(cells: pl.Series) -> DataError:
    return DataError(
        f"quasi-identifier '{cells.name}' is missing in every row.", mend="leave it out"
    )
