"""A parent with all that is below it, and a child with all that is above it, as one wide row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Ints, Sides, moments
from neotype.evaluate.metric import NotMeasurableError
from neotype.evaluate.relational.databases import Databases
from neotype.links import Links
from neotype.rng import Rng
from neotype.schema.schema import (
    Categorical,
    Column,
    Datetime,
    Numeric,
    Relationship,
    Schema,
    Table,
)

DEPTH = 2
"""Generations below a parent that are summed up."""

SHOWN = 50_000
"""Children of a side that are shown with their parents."""

ROWS = 400_000
"""Child rows of a side that are summed up: there are fewer parents where each has many."""

FEATURES = 300
"""Columns of a wide row; those of the nearest tables come first."""

DIGITS = 9
"""Digits of a mean or a deviation that do not depend on the order of the rows."""

LABELS = ("categorical", "ordinal", "boolean", "constant")
NUMBERS = ("numeric", "duration")
MEANINGLESS = ("identifier", "personal")


def with_children(databases: Databases, table: str) -> Comparison:
    """The rows of a table with aggregates of their children and grandchildren, as one table.

    Number of children; mean, deviation, least and largest of numbers; how many labels and the
    commonest; first and last date and the time between; and the same of what is below the children.
    Only of tables of families: of others the holdout has only a part of what is below.
    """
    own = databases.table(table)
    rows = Sides(
        *(
            chosen(links, table, databases.rng.child(f"parents of {side} in {table}"))
            for side, links in databases.links._asdict().items()
        )
    )
    sides = []
    columns, extra = dict(own.table.columns), dict[str, Column]()
    for side, (whole, links, here) in enumerate(
        zip(databases.datasets, databases.links, rows, strict=True)
    ):
        below, extra = summed(databases, whole, links, table, here, DEPTH, (table,))
        sides.append((databases.alone(table, side).take(here), below))
    kept = [name for name in extra if any(_tells(below[name]) for _, below in sides[:2])]
    columns |= {name: extra[name] for name in kept[:FEATURES]}
    wide = [
        (data, data.frame.hstack(below.select(kept[:FEATURES]).get_columns()))
        for data, below in sides
    ]
    return joined(own, columns, wide, databases.rng.child(f"{table} with children"))


def _tells(cells: pl.Series) -> bool:
    """Whether the cells of a column differ."""
    return cells.drop_nulls().n_unique() > 1 or 0 < cells.null_count() < len(cells)


def joined(
    own: Comparison,
    columns: Mapping[str, Column],
    sides: Sequence[tuple[Dataset, pl.DataFrame]],
    rng: Rng,
) -> Comparison:
    """Wide rows as a table like any other, whose rows have the families that they had."""
    changed = {"columns": dict(columns), "constraints": (), "sequence": None}
    name = own.train.schema.name
    schema = Schema(tables={name: Table.model_construct(**{**dict(own.table), **changed})})
    made, train, held = (
        Dataset(schema, {name: frame}, families=data.families) for data, frame in sides
    )
    return Comparison(made, train, held, rng)


def chosen(links: Links, table: str, rng: Rng) -> Ints:
    """Rows of a parent at random, so many that not too many children are below them."""
    height = links.heights[table]
    order = rng.generator().permutation(height)
    below = np.zeros(height)
    for tie in links.schema.below(table):
        below += links.fan_out(tie)
    enough = int(np.searchsorted(np.cumsum(below[order]), ROWS)) + 1
    return np.sort(order[:enough])


def summed(
    databases: Databases,
    data: Dataset,
    links: Links,
    table: str,
    rows: Ints,
    depth: int,
    passed: tuple[str, ...],
) -> tuple[pl.DataFrame, dict[str, Column]]:
    """For each of these rows of a table, what is below it; and what the columns are."""
    frame = pl.DataFrame({"row": np.arange(len(rows))})
    columns: dict[str, Column] = {}
    place = np.full(links.heights[table], -1)
    place[rows] = np.arange(len(rows))
    for tie in links.schema.below(table):
        positions = links.positions[tie.title]
        parent = np.where(positions >= 0, place[np.maximum(positions, 0)], -1)
        children = np.flatnonzero(parent >= 0)
        schema = databases.without_keys(tie.child)
        cells, kinds = plainly(data.frames[tie.child][children], schema.table)
        if depth > 1 and tie.child not in passed:
            below, more = summed(
                databases, data, links, tie.child, children, depth - 1, (*passed, tie.child)
            )
            cells = pl.concat([cells, below], how="horizontal")
            kinds = kinds | more
        name = _name(tie, links.schema.below(table))
        found, made = grouped(cells, kinds, parent[children], name)
        frame = frame.join(found, on="row", how="left", maintain_order="left")
        count = f"number of {name}"
        frame = frame.with_columns(pl.col(count).fill_null(0))
        columns |= made
    return frame.drop("row"), columns


def _name(tie: Relationship, others: Sequence[Relationship]) -> str:
    """The child's name, with the key where it refers to this parent more than once."""
    many = sum(one.child == tie.child for one in others) > 1
    return f"{tie.child} ({', '.join(tie.child_key)})" if many else tie.child


def plainly(frame: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, dict[str, Column]]:
    """The columns that can be summed up: numbers as floats, labels as text, dates as dates."""
    cells, kinds = [], {}
    for name, column in table.columns.items():
        series = frame[name]
        if column.kind in NUMBERS:
            number = series.dt.total_seconds() if series.dtype == pl.Duration else series
            cells.append(number.cast(pl.Float64, strict=False).fill_nan(None))
        elif column.kind in LABELS and not series.dtype.is_nested():
            cells.append(series.cast(pl.String, strict=False))
        elif isinstance(column, Datetime):
            when = moments(series, column)
            if when.dtype == pl.Time:
                continue
            bare = when.dt.replace_time_zone(None) if isinstance(when.dtype, pl.Datetime) else when
            cells.append(bare.cast(pl.Datetime("us")))
        else:
            continue
        kinds[name] = column
    return pl.DataFrame(cells), kinds


def grouped(
    cells: pl.DataFrame, kinds: Mapping[str, Column], parent: Ints, of: str
) -> tuple[pl.DataFrame, dict[str, Column]]:
    """Aggregates of rows by parent, and what their columns are."""
    number: Column = Numeric(storage="Float64", nullable=True)
    moment: Column = Datetime(storage="Datetime[us]", nullable=True)
    label: Column = Categorical(storage="String", nullable=True)
    asked: dict[str, tuple[pl.Expr, Column]] = {
        f"number of {of}": (pl.len().cast(pl.Float64), number)
    }
    for name, column in kinds.items():
        one, title = pl.col(name), f"{of}.{name}"
        if column.kind in LABELS:
            asked[f"labels of {title}"] = one.n_unique().cast(pl.Float64), number
            asked[f"commonest {title}"] = one.drop_nulls().mode().sort().first(), label
        elif column.kind == "datetime":
            asked[f"first {title}"] = one.min(), moment
            asked[f"last {title}"] = one.max(), moment
            span = (one.max() - one.min()).dt.total_seconds().cast(pl.Float64)
            asked[f"span of {title}"] = span, number
        else:
            asked[f"mean {title}"] = settled(one.mean(), one), number
            asked[f"deviation of {title}"] = settled(one.std(), one), number
            asked[f"least {title}"] = one.min(), number
            asked[f"largest {title}"] = one.max(), number
    expressions = [expression.alias(name) for name, (expression, _) in asked.items()]
    by = (
        cells.with_columns(pl.Series("(parent)", parent))
        if cells.width
        else pl.DataFrame({"(parent)": parent})
    )
    found = by.group_by("(parent)").agg(expressions).rename({"(parent)": "row"})
    return found, {name: column for name, (_, column) in asked.items()}


def settled(told: pl.Expr, of: pl.Expr) -> pl.Expr:
    """A sum of cells to nine digits of the largest of them.

    Its last bits depend on the order of the rows, and a detector would tell tables by these.
    """
    largest = pl.max_horizontal(of.min().abs(), of.max().abs())
    unit = pl.lit(10.0) ** (largest.log10().floor() - DIGITS)
    rounded = (told / unit).round() * unit
    return pl.when((largest > 0) & largest.is_finite()).then(rounded).otherwise(told)


def with_parents(databases: Databases, table: str) -> Comparison:
    """The rows of a table with the columns of those that they refer to, as one table.

    Of parents that all families share only those that are kept as they are: their rows made anew
    would be told by themselves.
    """
    own = databases.table(table)
    whole = [databases.alone(table, side) for side in range(3)]
    rows = [
        np.sort(
            databases.rng.child(f"{side} of {table}").generator().permutation(data.rows)[:SHOWN]
        )
        for side, data in zip(Sides._fields, whole, strict=True)
    ]
    columns = dict(own.table.columns)
    sides = [data.take(at) for data, at in zip(whole, rows, strict=True)]
    frames = [data.frame for data in sides]
    ties = [
        tie
        for tie in databases.schema.above(table)
        if tie.parent in databases.divided or tie.parent in databases.public
    ]
    wide = 0
    for tie in ties:
        parent = databases.without_keys(tie.parent).table
        meant = [
            n for n, c in parent.columns.items() if c.kind not in ("identifier", "personal", "geo")
        ]
        if not meant:
            continue
        wide += 1
        names = {name: f"{tie.title}: {name}" for name in meant}
        columns |= {
            names[name]: parent.columns[name].model_copy(update={"nullable": True})
            for name in meant
        }
        for k, links in enumerate(databases.links):
            at = pl.Series(links.positions[tie.title][rows[k]])
            at = at.set(at < 0, None)
            above = databases.datasets[k].frames[tie.parent].select(meant)
            frames[k] = frames[k].hstack(
                [above[name].gather(at).alias(names[name]) for name in meant]
            )
    if not wide:
        raise NotMeasurableError("no table that it refers to has columns that tell rows apart.")
    both = list(zip(sides, frames, strict=True))
    return joined(own, columns, both, databases.rng.child(f"{table} with parents"))
