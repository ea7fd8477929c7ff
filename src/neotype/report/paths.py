"""How a quantity runs from row to row, real beside synthetic, without showing the rows of anybody.

At each step (or stretch of time) stand quantiles of many rows, and no quantile has fewer than
`RARE` training rows beyond it: there is no path of one owner in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.report.marginals import RARE, positions, say
from neotype.schema.schema import Datetime, Schema

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
STEPS, FEWEST, COLUMNS = 60, round(RARE / min(QUANTILES)), 6
"""The most steps that are drawn, the fewest rows of a step, the most columns of a table."""
LEAST = 4
"""Steps of which a picture says something."""
VARIES = 8
"""Distinct values of a quantity that has a path."""

Floats = NDArray[np.float64]
Band = tuple[float, ...]


@dataclass(frozen=True)
class Paths:
    """The quantiles of one column at each step, and how the first and last step read.

    `at` is the owner's number of the row, or the middle of a stretch of time; `real` and
    `synthetic` hold one tuple for each step, in the order of QUANTILES, empty where too few rows.
    """

    table: str
    column: str
    by: str
    at: tuple[float, ...]
    ends: tuple[str, str]
    real: tuple[Band, ...]
    synthetic: tuple[Band, ...]

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """The inverse of `to_facts`."""
        sides = {side: tuple(map(tuple, facts[side])) for side in ("real", "synthetic")}
        return cls(**{**facts, "at": tuple(facts["at"]), "ends": tuple(facts["ends"]), **sides})


def paths(train: Dataset, synthetic: Dataset) -> tuple[Paths, ...]:
    """The paths of every table that has a sequence."""
    several = len(train.schema.tables) > 1
    found: list[Paths] = []
    for name, table in train.schema.tables.items():
        if table.sequence is not None and not table.public:
            sides = train.frames[name], synthetic.frames[name]
            found += _of_table(train.schema, name, *sides, label=name if several else "")
    return tuple(found)


def _of_table(
    schema: Schema, name: str, real: pl.DataFrame, made: pl.DataFrame, *, label: str
) -> list[Paths]:
    table = schema.tables[name]
    owner, order = owner_of(schema, name), str(table.sequence)
    keys = {*table.primary_key, *owner, order}
    keys |= {column for tie in schema.above(name) for column in tie.child_key}
    wanted = [
        (column, facts)
        for column, facts in table.columns.items()
        if facts.kind == "numeric" and column not in keys and _runs(real, owner, column)
    ]
    if owner:
        sides = [_numbered(frame, owner, order) for frame in (real, made)]
        steps = _long_enough(sides[0])
        by, at = "row of its owner", np.arange(1.0, steps + 1)
        ends = ("first row", f"row {steps}")
    else:
        sides, middles, ends = _stretches(table.columns[order], real[order], made[order])
        by, at, steps = order, middles, len(middles)
    if steps < LEAST:
        return []
    drawn = []
    for column, facts in wanted[:COLUMNS]:
        bands = [
            _bands(positions(frame[column], facts, "numeric"), place, steps)
            for frame, place in zip((real, made), sides, strict=True)
        ]
        if sum(map(bool, bands[0])) >= LEAST:
            drawn.append(Paths(label, column, by, tuple(at.tolist()), ends, bands[0], bands[1]))
    return drawn


def _runs(frame: pl.DataFrame, owner: Sequence[str], column: str) -> bool:
    """Whether a column has many values, and not the same ones in all rows of an owner."""
    if frame[column].n_unique() < VARIES:
        return False
    if not owner:
        return True
    own = frame.select(*owner, column)
    return own.n_unique() > 1.1 * own.select(owner).n_unique()


def owner_of(schema: Schema, name: str) -> tuple[str, ...]:
    """The columns that say whose a row is: the entity, or the first foreign key that all rows have.

    None of them where the table is one long series.
    """
    table = schema.tables[name]
    if table.entity is not None:
        return (table.entity,)
    for tie in schema.above(name):
        whole = not any(table.columns[column].nullable for column in tie.child_key)
        if whole and not tie.when and tie.parent != name and not schema.tables[tie.parent].public:
            return tuple(tie.child_key)
    return ()


def _numbered(frame: pl.DataFrame, owner: Sequence[str], order: str) -> pl.Series:
    """The number of each row among those of its owner, from 0."""
    whole = frame.select(*dict.fromkeys((*owner, order))).with_row_index("row of the frame")
    place = pl.struct(order, "row of the frame").rank("ordinal").over(owner)
    return whole.select(place.cast(pl.Int64) - 1).to_series()


def _long_enough(place: pl.Series) -> int:
    """The steps that enough owners have."""
    rows = np.bincount(place.to_numpy(), minlength=1)
    return int(min(STEPS, np.argmax(rows < FEWEST) if (rows < FEWEST).any() else len(rows)))


def _stretches(
    column: Any, real: pl.Series, made: pl.Series
) -> tuple[list[pl.Series], Floats, tuple[str, str]]:
    """One long series in stretches of time of enough rows."""
    kind = column.kind if isinstance(column, Datetime) or column.kind == "duration" else "numeric"
    times = [positions(side, column, kind).to_numpy() for side in (real, made)]
    known = np.sort(times[0][~np.isnan(times[0])])
    steps = min(STEPS, len(known) // (2 * FEWEST))
    if steps < LEAST or known[0] == known[-1]:
        return [], np.empty(0), ("", "")
    edges = np.linspace(known[0], known[-1], steps + 1)
    places = []
    for side in times:
        place = np.searchsorted(edges, side, side="right") - 1
        place = np.where(side == edges[-1], steps - 1, place)
        places.append(pl.Series(np.where((side >= edges[0]) & (side <= edges[-1]), place, -1)))
    width = float(edges[-1] - edges[0])
    rounded = (say(float(edges[k]), column, width) for k in (0, -1))
    first, last = rounded
    return places, (edges[1:] + edges[:-1]) / 2, (first, last)


def _bands(values: pl.Series, place: pl.Series, steps: int) -> tuple[Band, ...]:
    """The quantiles at each step; empty where a step has too few rows."""
    frame = pl.DataFrame({"value": values, "place": place})
    frame = frame.filter(pl.col("value").is_not_null() & pl.col("place").is_between(0, steps - 1))
    told = frame.group_by("place").agg(
        pl.len().alias("rows"),
        *(pl.col("value").quantile(q, "linear").alias(str(q)) for q in QUANTILES),
    )
    bands: list[Band] = [()] * steps
    for row in told.filter(pl.col("rows") >= FEWEST).iter_rows(named=True):
        bands[row["place"]] = tuple(float(f"{row[str(q)]:.4g}") for q in QUANTILES)
    return tuple(bands)
