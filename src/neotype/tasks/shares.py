"""Rows of a model in which conditions have the shares, and quantities the means, that are wanted.

The least change that does so: among all distributions that meet the aims the one of least
Kullback–Leibler divergence from the model's, which multiplies each row's probability by one factor
an aim (Csiszár 1975; raking or iterative proportional fitting where all aims are shares, Deming and
Stephan 1940; exponential tilting for means). Rows that meet the same conditions share a factor, so
that the rest of them is as the model has it: it follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Known
from neotype.errors import SamplingError, SchemaError
from neotype.rng import Rng
from neotype.schema.condition import Condition
from neotype.synth.reformed import Reformed

POOL = 32_768
"""Rows of the model from which shares, and how conditions hang together, are known."""
FEW = 200
"""Rows of the pool below which those that meet a condition are drawn for it."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """Of all rows, `share` are to meet the condition."""

    condition: Condition
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise SchemaError(
                f"{self.share:g} is no share of the rows with {words(self.condition)}.",
                mend="a share lies between 0 and 1: 0.4 is 40 %",
            )


@dataclass(frozen=True)
class Mean:
    """The known cells of a quantity are to have this mean."""

    column: str
    mean: float


Aim = Share | Mean


def words(condition: Condition) -> str:
    """A condition as a person would write it."""
    if condition.values is not None:
        shown = ["missing" if value is None else str(value) for value in condition.values]
        return f"{condition.column}={'|'.join(shown)}"
    low, high = ("" if end is None else f"{end}" for end in (condition.low, condition.high))
    return f"{condition.column}={low}..{high}"


def named(aim: Aim) -> str:
    """An aim as a person would write it."""
    if isinstance(aim, Mean):
        return f"mean of {aim.column}"
    return words(aim.condition)


def quantity(cells: pl.Series) -> Floats:
    """A column as numbers; NaN where missing. SchemaError where it holds none."""
    dtype = cells.dtype
    if not dtype.is_numeric():
        raise SchemaError(
            f"'{cells.name}' is {dtype}, which has no mean to shift.",
            mend="name a column of numbers, or shift a share of it",
        )
    return cells.cast(pl.Float64).fill_null(np.nan).to_numpy()


@dataclass(frozen=True)
class Pool:
    """Rows of a model, each with a weight; the weights' sum is 1."""

    frame: pl.DataFrame
    weight: Floats

    def rate(self, rows: Bools) -> float:
        """How probable such rows are."""
        return float(self.weight[rows].sum())


def plain(model: Any, rows: int, rng: Rng) -> pl.DataFrame:
    """Rows of the model to count by; rules about several rows at once need not hold in them."""
    if isinstance(model, Reformed):
        return model.draw(rows, rng, None).frame
    frame: pl.DataFrame = model.sample(rows, rng=rng).frame
    return frame


def pool_of(model: Any, conditions: Sequence[Condition], rng: Rng, rows: int = POOL) -> Pool:
    """Rows of the model; of a condition that few of them meet, more rows at a lower weight."""
    frame = plain(model, rows, rng.child("pool"))
    weight = np.full(rows, 1 / rows)
    for k, one in enumerate(conditions):
        meets = one.holds(frame[one.column]).to_numpy()
        if meets.sum() >= FEW:
            continue
        stream = rng.child("rare").block(k)
        more = model.sample(5 * FEW, rng=stream, known=Known(where=(one,))).frame
        total = max(float(weight[meets].sum()), 0.5 / rows)
        frame = pl.concat([frame.filter(~meets), more])
        weight = np.r_[weight[~meets], np.full(5 * FEW, total / (5 * FEW))]
    return Pool(frame, weight / weight.sum())


@dataclass(frozen=True)
class Tilt:
    """The weights of the pool's rows under which the aims hold, and what they owe to means."""

    weight: Floats
    slopes: tuple[tuple[Mean, float], ...] = ()
    """For each mean, how much one more of the quantity adds to a row's log-weight."""

    def log_weight(self, frame: pl.DataFrame) -> Floats:
        """How much more often rows occur than others that meet the same conditions."""
        total = np.zeros(frame.height)
        for aim, slope in self.slopes:
            total += slope * np.nan_to_num(quantity(frame[aim.column]) - aim.mean)
        return total


def tilted(pool: Pool, aims: Sequence[Aim]) -> Tilt:
    """The nearest distribution in which the aims hold; SamplingError where there is none."""
    weight = pool.weight.copy()
    columns, wanted, scales, left = [], [], [], []
    for aim in aims:
        if isinstance(aim, Share) and aim.share in (0.0, 1.0):
            meets = aim.condition.holds(pool.frame[aim.condition.column]).to_numpy()
            weight[meets != bool(aim.share)] = 0.0
            continue
        feature, scale = _feature(pool, aim)
        columns.append(feature)
        wanted.append(0.0 if isinstance(aim, Mean) else aim.share)
        scales.append(scale)
        left.append(aim)
    if weight.sum() <= 0:
        raise _impossible(aims)
    weight /= weight.sum()
    if not columns:
        return Tilt(weight)
    feature, goal = np.column_stack(columns), np.array(wanted)
    found, slope = _dual(feature, weight, goal)
    missed = np.abs(found @ feature - goal) > 1e-4 * np.maximum(1e-3, feature.std(axis=0))
    if missed.any():
        raise _impossible([aim for aim, far in zip(left, missed, strict=True) if far])
    slopes = tuple(
        (aim, float(one / scale))
        for aim, one, scale in zip(left, slope, scales, strict=True)
        if isinstance(aim, Mean)
    )
    return Tilt(found, slopes)


def _feature(pool: Pool, aim: Aim) -> tuple[Floats, float]:
    """What an aim counts of each row, and its unit: that it meets, or how far it lies off."""
    if isinstance(aim, Share):
        meets = aim.condition.holds(pool.frame[aim.condition.column])
        return meets.to_numpy().astype(np.float64), 1.0
    cells = quantity(pool.frame[aim.column])
    known = cells[~np.isnan(cells)]
    if not len(known) or not known.min() < aim.mean < known.max():
        span = f"{known.min():g} to {known.max():g}" if len(known) else "no number at all"
        raise SamplingError(
            f"'{aim.column}' cannot have a mean of {aim.mean:g}.",
            found=f"the model draws {span}",
            mend="ask for a mean well inside of that",
        )
    scale = float(known.std())
    return np.where(np.isnan(cells), 0.0, cells - aim.mean) / scale, scale


def _dual(feature: Floats, weight: Floats, goal: Floats) -> tuple[Floats, Floats]:
    """Newton's method on the convex dual; weights and slopes where it ends, met or not."""
    slope = np.zeros(feature.shape[1])
    centred = feature - goal
    with np.errstate(divide="ignore"):
        log_weight = np.log(weight)

    def at(slope: Floats) -> tuple[float, Floats]:
        score = centred @ slope + log_weight
        top = float(score.max())
        raised = np.exp(score - top)
        return top + float(np.log(raised.sum())), raised / raised.sum()

    value, found = at(slope)
    for _ in range(100):
        gradient = found @ centred
        if np.abs(gradient).max() < 1e-10:
            break
        spread = (centred * found[:, None]).T @ centred - np.outer(gradient, gradient)
        step = np.linalg.lstsq(spread + 1e-12 * np.eye(len(slope)), gradient, rcond=None)[0]
        step *= min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        size = 1.0
        while size > 1e-6:
            lower, weights = at(slope - size * step)
            if lower <= value - 1e-4 * size * float(gradient @ step):
                break
            size /= 2
        else:
            break
        slope, value, found = slope - size * step, lower, weights
    return found, slope


def _impossible(aims: Sequence[Aim]) -> SamplingError:
    asked = [f"{named(aim)}: {aim.mean if isinstance(aim, Mean) else aim.share:g}" for aim in aims]
    return SamplingError(
        "these aims cannot hold together: no rows of the model are like that.",
        found="; ".join(asked),
        mend="leave one out, or move it nearer to what it is now",
    )
