"""Are the cells themselves right: missing as often, within the schema, and of the real variety?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import (
    Floats,
    Labels,
    Numbers,
    Sides,
    labels,
    moments,
)
from neotype.evaluate.interval import around, redraw, spread, tally, wilson
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter, take
from neotype.schema.schema import (
    Boolean,
    Categorical,
    ColumnBase,
    Datetime,
    Identifier,
    Numeric,
    Ordinal,
    Personal,
)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Missingness(Measure):
    """How far the shares of missing cells are from the real ones: 0 is equal.

    The mean absolute difference over the columns in which real or synthetic cells are missing.
    """

    name: ClassVar[str] = "missingness"
    title: ClassVar[str] = "Missing cells"
    how: ClassVar[str] = "The share of missing cells of each column on both sides; the mean gap."
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.02

    def look(self, tables: Comparison) -> Finding:
        """Compare each column's share of missing cells with train's."""
        counter = Counter.of(tables, self.name)
        shares, drawn, gaps, floors = {}, [], [], []
        for name in tables.table.columns:
            gone = Sides(
                *(
                    missing(series)[rows]
                    for series, rows in zip(tables.series(name), tables.sample, strict=True)
                )
            )
            real, made = float(gone.train.mean()), float(gone.synthetic.mean())
            shares[name] = {"real": real, "synthetic": made, "holdout": float(gone.holdout.mean())}
            if real == 0 and made == 0:
                continue
            gaps.append(abs(made - real))
            floors.append(abs(float(gone.holdout.mean()) - real))
            parts = (
                redraw(weights, tally(side.astype(np.int64), 2, groups))
                for weights, side, groups in zip(
                    counter.weights[:2], gone[:2], counter.groups[:2], strict=True
                )
            )
            left, right = (part[:, 1] / np.maximum(part.sum(axis=1), 1e-12) for part in parts)
            drawn.append(np.abs(left - right))
        value = float(np.mean(gaps)) if gaps else 0.0
        floor = float(np.mean(floors)) if gaps else 0.0
        error = spread(np.mean(drawn, axis=0)) if gaps else 0.0
        widest = max(shares, key=lambda name: abs(shares[name]["real"] - shares[name]["synthetic"]))
        least = wilson(0, len(tables.sample.synthetic))[1]
        low, high = around(value, error)
        said = (
            f"In {len(gaps)} columns with missing cells, their share is {100 * value:.2f} "
            f"percentage points off on average; most in '{widest}' "
            f"({shares[widest]['synthetic']:.1%} missing instead of {shares[widest]['real']:.1%})."
        )
        return Finding(
            value=value,
            interval=(low, max(high, least)),
            floor=floor,
            target=floor + 0.01,
            meaning=said if gaps else "No cell is missing, in the real table or the synthetic one.",
            detail={"columns": shares},
        )


@dataclass(frozen=True)
class Coverage(Measure):
    """How much of the real variety is there: 1 is all.

    Mean over columns of the share of train's labels that occur, and for quantities of the share
    of train's 50 quantile bins that are filled.
    """

    name: ClassVar[str] = "coverage"
    title: ClassVar[str] = "Coverage of real values"
    how: ClassVar[str] = (
        "How much of the real categories, and of the range of the real numbers, the synthetic "
        "rows reach."
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.10

    def look(self, tables: Comparison) -> Finding:
        """Count what train has and the synthetic rows have, too."""
        counter = Counter.of(tables, self.name)
        found, floors, drawn = {}, [], []
        for item in tables.views:
            cells = take(item, tables.sample)
            size, codes = self._codes(item, cells)
            counts = [
                tally(code[code >= 0], size, group[code >= 0])
                for code, group in zip(codes, counter.groups, strict=True)
            ]
            there = counts[1].sum(axis=0) > 0
            if not there.any():
                continue
            found[item.name] = float((counts[0].sum(axis=0)[there] > 0).mean())
            floors.append(float((counts[2].sum(axis=0)[there] > 0).mean()))
            drawn.append((redraw(counter.weights.synthetic, counts[0])[:, there] > 0).mean(axis=1))
        if not found:
            raise NotMeasurableError("every column is empty, or an identifier.")
        value, floor = float(np.mean(list(found.values()))), float(np.mean(floors))
        worst = min(found, key=lambda name: found[name])
        return Finding(
            value=value,
            interval=around(value, spread(np.mean(drawn, axis=0))),
            floor=floor,
            target=floor - 0.05,
            meaning=(
                f"{value:.1%} of the labels and ranges of the real columns occur in the synthetic "
                f"rows (as many real unseen rows: {floor:.1%}); least in '{worst}' with "
                f"{found[worst]:.1%}."
            ),
            detail={"columns": found},
        )

    @staticmethod
    def _codes(item: Numbers | Labels, cells: Sides[Floats]) -> tuple[int, list[np.ndarray]]:
        """Bins or labels from 0, and below 0 what is missing or beyond train's range."""
        if isinstance(item, Labels):
            return max(item.size - 1, 1), [side.astype(np.int64) - 1 for side in cells]
        known = cells.train[~np.isnan(cells.train)]
        if not len(known):
            return 1, [np.full(len(side), -1) for side in cells]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, 51), method="lower"))
        codes = [
            np.where(
                np.isnan(side) | (side < edges[0]) | (side > edges[-1]),
                -1,
                np.searchsorted(edges, side, side="left"),
            )
            for side in cells
        ]
        return len(edges) + 1, codes


@dataclass(frozen=True)
class Validity(Measure):
    """The share of cells that the schema allows: 1 is all.

    Quantities within declared bounds and decimals, labels that are declared or that train has,
    texts that are dates where they must be, identifiers of their pattern and unique, and nothing
    missing where nothing may be.
    """

    name: ClassVar[str] = "validity"
    title: ClassVar[str] = "Valid cells"
    how: ClassVar[str] = (
        "The share of synthetic cells that obey the schema: known labels, declared ranges, "
        "formats and keys."
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.01
    least_rows: ClassVar[int] = 1

    def look(self, tables: Comparison) -> Finding:
        """Check each cell against train's schema."""
        shares, floors, findings = {}, [], []
        for name, column in tables.table.columns.items():
            sides = tables.series(name)
            wrong = faults(column, sides.synthetic, sides.train)
            shares[name] = 1 - float(np.logical_or.reduce(list(wrong.values())).mean())
            held = faults(column, sides.holdout, sides.train)
            floors.append(1 - float(np.logical_or.reduce(list(held.values())).mean()))
            findings += [
                f"'{name}': {int(mask.sum()):,} cells {what}"
                for what, mask in wrong.items()
                if mask.any()
            ]
        value, rows = float(np.mean(list(shares.values()))), tables.synthetic.rows
        return Finding(
            value=value,
            interval=wilson(value * rows, rows),
            floor=float(np.mean(floors)),
            target=0.999,
            meaning=(
                f"{value:.2%} of the synthetic cells are allowed by the schema; "
                + (f"{findings[0]}." if findings else "none breaks it.")
            ),
            detail={"columns": shares, "findings": findings},
        )


def missing(series: pl.Series) -> Mask:
    """Which cells are null, or not a number."""
    gone = series.is_null()
    if series.dtype.is_float():
        gone = gone | series.is_nan().fill_null(False)
    return gone.to_numpy()


def faults(column: ColumnBase, series: pl.Series, train: pl.Series) -> dict[str, Mask]:
    """What may be wrong with the cells of a column, and which cells it is."""
    gone = missing(series)
    wrong = {"are missing where none may be": gone & (not column.nullable)}
    if isinstance(column, Numeric):
        wrong |= _numeric(column, series)
    elif isinstance(column, (Categorical, Ordinal, Boolean)):
        wrong["are labels that the real data does not have"] = _unknown(column, series, train)
    elif isinstance(column, Datetime):
        wrong["are no dates"] = missing(moments(series, column)) & ~gone
    elif isinstance(column, Identifier | Personal):
        if column.unique:
            wrong["occur twice"] = (series.is_duplicated()).to_numpy() & ~gone
        if isinstance(column, Identifier) and column.pattern is not None:
            fits = series.cast(pl.String).to_list()
            form = re.compile(column.pattern)
            wrong["are identifiers of another pattern"] = np.array(
                [cell is not None and form.fullmatch(cell) is None for cell in fits]
            )
    return wrong


def _numeric(column: Numeric, series: pl.Series) -> dict[str, Mask]:
    cells = series.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    wrong: dict[str, Mask] = {"are not numbers": np.isnan(cells) & ~missing(series)}
    if column.minimum is not None:
        wrong[f"are below {column.minimum:g}"] = cells < column.minimum
    if column.maximum is not None:
        wrong[f"are above {column.maximum:g}"] = cells > column.maximum
    if column.decimals is not None and column.decimals <= 12:
        finite = np.where(np.isfinite(cells), cells, 0.0)
        rounded = np.round(finite, column.decimals)
        off = np.abs(rounded - finite) > 1e-9 * np.maximum(1.0, np.abs(finite))
        wrong[f"have more than {column.decimals} decimals"] = off
    return wrong


def _unknown(column: ColumnBase, series: pl.Series, train: pl.Series) -> Mask:
    declared = getattr(column, "values", None) or getattr(column, "labels", None) or ()
    public = pl.Series(train.name, [str(value) for value in declared], dtype=pl.String)
    codes, words = labels(Sides(series, train, public))
    known = np.zeros(len(words) + 1, dtype=bool)
    known[codes.train] = True
    known[codes.holdout] = True
    known[0] = True
    return ~known[codes.synthetic]
