"""The laws of a schema as numbers: each becomes a function that draws so many of them."""

# ruff: noqa: ARG001 (all laws are asked in the same way)

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import special

from neotype.errors import SamplingError
from neotype.schema.distribution import Distribution, bars, table
from neotype.schema.quantity import amount, length, spread

Numbers = NDArray[Any]
"""Floats."""
Draw = Callable[[Generator, int], Numbers]

_DAY, _HOUR = 86400e6, 3600e6
_TRIES = 200
"""How many times numbers outside the bounds are drawn again before the law is given up."""


def law(one: Distribution, kind: str, *, grain: float = 0.0) -> Draw:
    """Draws numbers (of times: microseconds) that follow it, in steps of `grain`.

    Steps of 1 are whole numbers; of times, even laws reach their last step.
    """
    if one.mixture is not None:
        draw = _mixed(one.mixture, kind, grain)
    else:
        draw = _LAWS[one.law](one, kind, grain)
    if one.hours is not None:
        draw = _by_hour(draw, weighted(one.hours))
    if one.weekdays is not None:
        draw = _by_weekday(draw, np.array(one.weekdays) / max(one.weekdays))
    if grain == 1 and one.law not in _WHOLE:
        draw = _rounded(draw)
    low = -math.inf if one.minimum is None else amount(kind, one.minimum)
    high = math.inf if one.maximum is None else amount(kind, one.maximum)
    if (math.isinf(low) and math.isinf(high)) or one.normal is not None:
        return draw
    return _within(draw, low, high, one)


def weighted(weights: Any) -> Callable[[Generator, int], NDArray[np.int64]]:
    """Draws places of a list of weights."""
    cumulated = np.cumsum(np.asarray(weights, dtype=np.float64))
    ladder = cumulated / cumulated[-1]
    # A last weight of 0 must not catch a number that rounding left above the ladder.
    ladder[np.flatnonzero(np.asarray(weights))[-1] :] = 1.0

    def draw(generator: Generator, rows: int) -> NDArray[np.int64]:
        return np.searchsorted(ladder, generator.random(rows), side="right")

    return draw


def _within(draw: Draw, low: float, high: float, one: Distribution) -> Draw:
    """Only numbers from low to high: others are drawn again."""

    def cut(generator: Generator, rows: int) -> Numbers:
        numbers = draw(generator, rows)
        outside = np.flatnonzero((numbers < low) | (numbers > high))
        for _ in range(_TRIES):
            if not len(outside):
                return numbers
            again = draw(generator, max(64, len(outside)))[: len(outside)]
            numbers[outside] = again
            outside = outside[(again < low) | (again > high)]
        raise SamplingError(
            f"hardly any number of the law {one.law} lies within its bounds.",
            found=f"{one.model_dump(mode='json')}",
            mend="widen minimum and maximum, or choose a law that lies between them",
        )

    return cut


def _rounded(draw: Draw) -> Draw:
    return lambda generator, rows: np.rint(draw(generator, rows))


def _mixed(parts: tuple[Distribution, ...], kind: str, grain: float) -> Draw:
    draws = [law(part, kind, grain=grain) for part in parts]
    pick = weighted([part.weight for part in parts])

    def draw(generator: Generator, rows: int) -> Numbers:
        chosen, numbers = pick(generator, rows), np.empty(rows)
        for k, one in enumerate(draws):
            here = np.flatnonzero(chosen == k)
            numbers[here] = one(generator, len(here))
        return numbers

    return draw


def _by_hour(draw: Draw, hour: Callable[[Generator, int], NDArray[np.int64]]) -> Draw:
    """The day as drawn, the time of day by the weights of the hours."""

    def timed(generator: Generator, rows: int) -> Numbers:
        day = np.floor(draw(generator, rows) / _DAY) * _DAY
        clock: Numbers = hour(generator, rows) * _HOUR + np.floor(generator.random(rows) * _HOUR)
        return day + clock

    return timed


def _by_weekday(draw: Draw, share: Numbers) -> Draw:
    """Moments kept as often as their weekday weighs."""

    def kept(generator: Generator, rows: int) -> Numbers:
        moments = draw(generator, rows)
        todo = np.arange(rows)
        for _ in range(_TRIES):
            weekday = ((moments[todo] // _DAY + 3) % 7).astype(np.int64)  # 1970 began on a Thursday
            todo = todo[generator.random(len(todo)) >= share[weekday]]
            if not len(todo):
                return moments
            moments[todo] = draw(generator, len(todo))
        raise SamplingError("the weekdays that have a weight hardly occur in the range of dates.")

    return kept


# -- one function a law ----------------------------------------------------------------------------


def _uniform(one: Distribution, kind: str, grain: float) -> Draw:
    low, high = (amount(kind, end) for end in one.uniform or ())
    if grain:
        ends = math.ceil(low / grain), math.floor(high / grain)
        return lambda generator, rows: grain * generator.integers(*ends, size=rows, endpoint=True)
    return lambda generator, rows: generator.uniform(low, high, size=rows)


def _normal(one: Distribution, kind: str, grain: float) -> Draw:
    """Exact within bounds, however far out they are (by the inverse of the distribution)."""
    mean, sd = amount(kind, (one.normal or (0, 1))[0]), spread(kind, (one.normal or (0, 1))[1])
    if one.minimum is None and one.maximum is None:
        return lambda generator, rows: generator.normal(mean, sd, size=rows)
    low = -math.inf if one.minimum is None else amount(kind, one.minimum)
    high = math.inf if one.maximum is None else amount(kind, one.maximum)
    whole = grain == 1
    if whole:
        low, high = np.ceil(low), np.floor(high)
    slack = 0.5 if whole else 0.0
    a, b = (low - slack - mean) / sd, (high + slack - mean) / sd
    sign = -1.0 if a > 0 else 1.0  # the lower tail keeps its digits
    if a > 0:
        a, b = -b, -a
    ends = special.ndtr(a), special.ndtr(b)

    def draw(generator: Generator, rows: int) -> Numbers:
        numbers = mean + sign * sd * special.ndtri(generator.uniform(*ends, size=rows))
        return np.asarray(np.clip(numbers, low, high))

    return draw


def _lognormal(one: Distribution, kind: str, grain: float) -> Draw:
    mean, sd = one.lognormal or (0, 1)
    return lambda generator, rows: generator.lognormal(mean, sd, size=rows)


def _exponential(one: Distribution, kind: str, grain: float) -> Draw:
    mean = spread(kind, one.exponential)
    return lambda generator, rows: generator.exponential(mean, size=rows)


def _gamma(one: Distribution, kind: str, grain: float) -> Draw:
    shape, scale = one.gamma or (1, 1)
    size = spread(kind, scale)
    return lambda generator, rows: generator.gamma(shape, size, size=rows)


def _beta(one: Distribution, kind: str, grain: float) -> Draw:
    a, b, *ends = one.beta or (1, 1)
    low, high = ends or (0.0, 1.0)
    return lambda generator, rows: low + (high - low) * generator.beta(a, b, size=rows)


def _triangular(one: Distribution, kind: str, grain: float) -> Draw:
    low, mode, high = (amount(kind, end) for end in one.triangular or ())
    return lambda generator, rows: generator.triangular(low, mode, high, size=rows)


def _poisson(one: Distribution, kind: str, grain: float) -> Draw:
    mean = one.poisson or 0.0
    return lambda generator, rows: generator.poisson(mean, size=rows).astype(np.float64)


def _binomial(one: Distribution, kind: str, grain: float) -> Draw:
    trials, share = one.binomial or (0, 0)
    return lambda generator, rows: generator.binomial(trials, share, size=rows).astype(np.float64)


def _zipf(one: Distribution, kind: str, grain: float) -> Draw:
    exponent = one.zipf or 2.0
    return lambda generator, rows: generator.zipf(exponent, size=rows).astype(np.float64)


def _pareto(one: Distribution, kind: str, grain: float) -> Draw:
    shape, least = one.pareto or (1, 1)
    return lambda generator, rows: least * (1.0 + generator.pareto(shape, size=rows))


def _quantiles(one: Distribution, kind: str, grain: float) -> Draw:
    """Even between two quantiles; a value that two of them share has all of what is between."""
    shares, values = map(np.array, table(one.quantiles, kind))
    return lambda generator, rows: np.interp(generator.random(rows), shares, values)


def _histogram(one: Distribution, kind: str, grain: float) -> Draw:
    low, high, weights = map(np.array, bars(one.histogram or {}, kind))
    pick = weighted(weights)

    def draw(generator: Generator, rows: int) -> Numbers:
        bar = pick(generator, rows)
        return np.asarray(low[bar] + (high - low)[bar] * generator.random(rows))

    return draw


def _weights(one: Distribution, kind: str, grain: float) -> Draw:
    assert isinstance(one.weights, Mapping)
    values = np.array([amount(kind, value) for value in one.weights])
    pick = weighted(list(one.weights.values()))

    def draw(generator: Generator, rows: int) -> Numbers:
        return np.asarray(values[pick(generator, rows)])

    return draw


def _constant(one: Distribution, kind: str, grain: float) -> Draw:
    value = length(one.constant) if kind == "duration" else amount(kind, one.constant)
    return lambda generator, rows: np.full(rows, value)


_WHOLE = frozenset(("uniform", "poisson", "binomial", "zipf", "mixture"))
"""Laws that are whole already where whole numbers are asked for."""
_LAWS: Mapping[str, Callable[[Distribution, str, float], Draw]] = {
    "uniform": _uniform,
    "normal": _normal,
    "lognormal": _lognormal,
    "exponential": _exponential,
    "gamma": _gamma,
    "beta": _beta,
    "triangular": _triangular,
    "poisson": _poisson,
    "binomial": _binomial,
    "zipf": _zipf,
    "pareto": _pareto,
    "quantiles": _quantiles,
    "histogram": _histogram,
    "weights": _weights,
    "constant": _constant,
}
