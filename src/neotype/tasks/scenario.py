"""What if: rows of a model in which some shares or means are others, and the rest follows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.errors import SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.condition import Condition, Where
from neotype.schema.schema import NUMBERED, Datetime, Duration, Geo, Json, Numeric, Text
from neotype.tasks.dealing import Cell, Ints, deal, quotas
from neotype.tasks.shares import (
    Aim,
    Floats,
    Mean,
    Pool,
    Share,
    Tilt,
    named,
    pool_of,
    quantity,
    tilted,
    words,
)

_CHANCE = 1.63
"""Distance in units of √(1/n + 1/m) that chance reaches once in a hundred times (Smirnov 1948)."""
_STEPS = 8
"""Steps that quantities are cut into, all together."""
_MOST_EACH = 20.0
"""Rows drawn for each one that is kept, at most, where a mean is shifted."""


@dataclass(frozen=True)
class Reached:
    """An aim, what it was in the model, and what it is in the rows that were made."""

    aim: str
    asked: float
    before: float
    after: float


@dataclass(frozen=True)
class Moved:
    """How far a column's distribution went: 0 not at all, 1 entirely.

    The largest difference of distribution functions for quantities (Kolmogorov and Smirnov), the
    total variation for labels; `before` and `after` are means, or the shares of the label that
    moved most.
    """

    column: str
    distance: float
    of: str
    before: float
    after: float


@dataclass(frozen=True)
class Scenario:
    """Rows of a changed world: what was asked and reached, and which other columns moved."""

    data: Dataset
    reached: tuple[Reached, ...]
    moved: tuple[Moved, ...]
    divergence: float
    """Kullback–Leibler divergence from the model, in nats: how far this world is."""
    effective: float
    """The share of the model's rows that this world makes use of (Kish)."""


def scenario(
    model: Any, rows: int, aims: Sequence[Aim], *, rng: Rng, progress: Progress = silent
) -> Scenario:
    """`rows` rows in which the aims hold and everything else is changed as little as can be.

    SamplingError where aims contradict each other, or where the model has no such rows.
    """
    _check(model, aims)
    conditions = [aim.condition for aim in aims if isinstance(aim, Share)]
    wanted = [aim.condition for aim in aims if isinstance(aim, Share) and aim.share > 0]
    progress("weigh", 0, 1)
    pool = pool_of(model, wanted, rng)
    tilt = tilted(pool, aims)
    progress("weigh", 1, 1)
    made = _drawn(model, rows, conditions, pool, tilt, rng, progress)
    ratio = tilt.weight / pool.weight
    inside = ratio > 0
    named_columns = {aim.column if isinstance(aim, Mean) else aim.condition.column for aim in aims}
    return Scenario(
        made,
        tuple(_reached(aim, pool, made.frame) for aim in aims),
        moved(pool, made, named_columns),
        float((tilt.weight[inside] * np.log(ratio[inside])).sum()),
        float(1 / (pool.weight * ratio**2).sum()),
    )


def _check(model: Any, aims: Sequence[Aim]) -> None:
    if not aims:
        raise SchemaError(
            "nothing is asked to change.", mend="name a share, such as age=65..:0.4, or a mean"
        )
    seen = set()
    for aim in aims:
        column = aim.column if isinstance(aim, Mean) else aim.condition.column
        model.schema.table.column(column, asked_by="the scenario")
        if named(aim) in seen:
            raise SchemaError(f"{named(aim)} is asked for twice.", mend="leave one out")
        seen.add(named(aim))


def _drawn(
    model: Any,
    rows: int,
    conditions: Sequence[Condition],
    pool: Pool,
    tilt: Tilt,
    rng: Rng,
    progress: Progress,
) -> Dataset:
    """Rows dealt into the cells of the conditions, and of steps of quantities whose mean shifts."""
    meets, steps = _codes(pool.frame, conditions), _Steps.of(pool, tilt)
    kinds, place = np.unique(meets, return_inverse=True)
    many = quotas(np.bincount(place, tilt.weight).astype(np.float64), rows)
    step = steps(pool.frame)
    factor = np.exp(tilt.log_weight(pool.frame))
    cells: list[Cell] = []
    number: dict[tuple[int, int], int] = {}
    for kind, wanted in zip(kinds.tolist(), many.tolist(), strict=True):
        inside = np.flatnonzero(meets == kind)
        those, where_in = np.unique(step[inside], return_inverse=True)
        parts = quotas(np.bincount(where_in, tilt.weight[inside]).astype(np.float64), wanted)
        met = [one for j, one in enumerate(conditions) if kind >> j & 1]
        name = ", ".join(map(words, met)) or "none of the conditions"
        for k, one in enumerate(those.tolist()):
            here = inside[where_in == k]
            spread = factor[here].max() / np.average(factor[here], weights=pool.weight[here])
            each = min(_MOST_EACH, 1.5 * spread) if tilt.slopes else 1.0
            number[kind, one] = len(cells)
            cells.append(Cell(int(parts[k]), (*met, *steps.where(one)), name, float(each)))

    def cell_of(frame: pl.DataFrame) -> Ints:
        keys = zip(_codes(frame, conditions).tolist(), steps(frame).tolist(), strict=True)
        return np.array([number.get(key, -1) for key in keys], dtype=np.int64)

    log_weight = tilt.log_weight if tilt.slopes else None
    return deal(
        model, cells, cell_of, rng=rng.child("deal"), log_weight=log_weight, progress=progress
    )


@dataclass(frozen=True)
class _Steps:
    """Quantities whose mean shifts, cut into steps, so that rows of a step weigh about the same."""

    columns: tuple[str, ...]
    edges: tuple[Floats, ...]
    """Of each quantity the upper ends of all steps but the last; missing cells come after that."""
    dtypes: tuple[pl.DataType, ...]

    @classmethod
    def of(cls, pool: Pool, tilt: Tilt) -> _Steps:
        columns = tuple(aim.column for aim, _ in tilt.slopes)
        many = max(2, round(_STEPS ** (1 / max(1, len(columns)))))
        edges = []
        for name in columns:
            cells = quantity(pool.frame[name])
            known = np.unique(cells[~np.isnan(cells)])
            places = np.linspace(0, 1, many + 1)[1:-1]
            even = np.quantile(cells[~np.isnan(cells)], places, method="lower")
            apart = known[0] + places * (known[-1] - known[0])
            apart = known[np.searchsorted(known, apart, side="right") - 1]
            edges.append(np.unique(np.r_[even, apart]))
        dtypes = tuple(pool.frame[name].dtype for name in columns)
        return cls(columns, tuple(edges), dtypes)

    def __call__(self, frame: pl.DataFrame) -> Ints:
        """The step of each row, of all quantities together."""
        code = np.zeros(frame.height, dtype=np.int64)
        for name, edges in zip(self.columns, self.edges, strict=True):
            cells = quantity(frame[name])
            step = np.searchsorted(edges, cells, side="left")
            code = code * (len(edges) + 2) + np.where(np.isnan(cells), len(edges) + 1, step)
        return code

    def where(self, code: int) -> Where:
        """What rows of a step meet."""
        found: list[Condition] = []
        each = zip(self.columns, self.edges, self.dtypes, strict=True)
        for name, edges, dtype in reversed(list(each)):
            code, step = divmod(code, len(edges) + 2)
            if step > len(edges):
                found.append(Condition(name, values=(None,)))
                continue
            ends = [None, *pl.Series(edges).cast(dtype).to_list(), None]
            found.append(Condition(name, low=ends[step], high=ends[step + 1], low_open=True))
        return tuple(found)


def _codes(frame: pl.DataFrame, conditions: Sequence[Condition]) -> Ints:
    """Which conditions each row meets, as the bits of a number."""
    codes = np.zeros(frame.height, dtype=np.int64)
    for j, one in enumerate(conditions):
        codes |= one.holds(frame[one.column]).to_numpy().astype(np.int64) << j
    return codes


def _reached(aim: Aim, pool: Pool, frame: pl.DataFrame) -> Reached:
    if isinstance(aim, Share):
        column = aim.condition.column
        before = pool.rate(aim.condition.holds(pool.frame[column]).to_numpy())
        after = float(aim.condition.holds(frame[column]).to_numpy().mean())
        return Reached(named(aim), aim.share, before, after)
    return Reached(
        named(aim),
        aim.mean,
        _mean(quantity(pool.frame[aim.column]), pool.weight),
        float(np.nanmean(quantity(frame[aim.column]))),
    )


def _mean(cells: Floats, weight: Floats) -> float:
    known = ~np.isnan(cells)
    return float(np.average(cells[known], weights=weight[known])) if known.any() else float("nan")


def moved(pool: Pool, made: Dataset, asked: Collection[str]) -> tuple[Moved, ...]:
    """Other columns whose distribution differs by more than chance would, those farthest first."""
    found = []
    chance = _CHANCE * np.sqrt(1 / made.rows + float((pool.weight**2).sum()))
    for name, column in made.schema.columns.items():
        if name in asked or isinstance(column, (*NUMBERED, Text, Json)):
            continue
        one, other = pool.frame[name], made.frame[name]
        before, of = _numbers(one)
        if of and isinstance(column, Numeric | Geo | Datetime | Duration):
            change = _quantities(name, before, pool.weight, _numbers(other)[0], of)
        elif not (one.dtype.is_nested() or one.dtype.is_temporal() or one.dtype == pl.Binary):
            change = _labels(name, one, pool.weight, other)
        else:
            continue
        if change.distance > chance:
            found.append(change)
    return tuple(sorted(found, key=lambda change: -change.distance))


def _numbers(cells: pl.Series) -> tuple[Floats, str]:
    """A column as numbers and what their mean is called; all missing where it holds none."""
    dtype = cells.dtype
    if dtype.is_numeric():
        return quantity(cells), "mean"
    if dtype == pl.Duration:
        return quantity(cells.dt.total_seconds(fractional=True)), "mean of seconds"
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return quantity(cells.dt.epoch("s") / 86_400), "mean of days since 1970"
    if dtype == pl.Time:
        return quantity(cells.cast(pl.Int64) / 3.6e12), "mean of hours"
    return np.full(len(cells), np.nan), ""


def _quantities(name: str, one: Floats, weight: Floats, other: Floats, of: str) -> Moved:
    """The largest difference of the two distribution functions."""
    known, those = ~np.isnan(one), np.sort(other[~np.isnan(other)])
    if not known.any() or not len(those):
        return Moved(name, 0.0, of, float("nan"), float("nan"))
    order = np.argsort(one[known], kind="stable")
    values, steps = one[known][order], np.cumsum(weight[known][order])
    grid = np.unique(values)
    first = (steps / steps[-1])[np.searchsorted(values, grid, side="right") - 1]
    second = np.searchsorted(those, grid, side="right") / len(those)
    far = float(np.abs(first - second).max())
    return Moved(name, far, of, _mean(one, weight), float(those.mean()))


def _labels(name: str, one: pl.Series, weight: Floats, other: pl.Series) -> Moved:
    """The total variation between the two, and the label that moved most."""
    first = pl.DataFrame({"label": one.cast(pl.String), "before": weight})
    first = first.group_by("label").agg(pl.col("before").sum())
    second = pl.DataFrame({"label": other.cast(pl.String), "after": 1 / len(other)})
    second = second.group_by("label").agg(pl.col("after").sum())
    both = first.join(second, on="label", how="full", coalesce=True, nulls_equal=True)
    both = both.with_columns(pl.col("before", "after").fill_null(0.0))
    both = both.with_columns(gap=(pl.col("after") - pl.col("before")).abs())
    top = both.sort(["gap", "label"], descending=[True, False]).row(0, named=True)
    label = "missing" if top["label"] is None else top["label"]
    far = float(both["gap"].sum()) / 2
    return Moved(name, far, f"share of {label}", top["before"], top["after"])
