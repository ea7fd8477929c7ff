"""L-BFGS with a diagonal that changes: the curvature along each variable is known all along.

`scipy`'s L-BFGS-B spends three times as long on its own book-keeping (for bounds, of which there
are none) as on the model, and takes one fixed scaling.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neotype.marginal.measurement import FloatArray
from neotype.marginal.propagate import dot

Loss = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]
"""Value, gradient, and about the second derivative along each variable."""
Project = Callable[[FloatArray], FloatArray]
_ENOUGH, _FLAT = 1e-4, 0.9
_TRIES, _CURVED = 25, 1e-12


def descend(
    loss: Loss,
    begin: FloatArray,
    project: Project,
    *,
    iterations: int,
    tolerance: float,
    memory: int = 10,
) -> tuple[FloatArray, int]:
    """Where the smooth convex `loss` is least, and after how many iterations.

    All stays in the subspace that `project` leads to, to which slopes are parallel.
    It ends when five iterations together gained less than `tolerance`, or nothing more is gained.
    """
    x = project(begin)
    value, slope, curvature = loss(x)
    steps: list[FloatArray] = []
    turns: list[FloatArray] = []
    values = [value]
    for iteration in range(iterations):
        way = _direction(slope, curvature, steps, turns, project)
        if dot(slope, way) >= 0:
            return x, iteration
        length, found = _line(loss, x, value, slope, way)
        if found is None:
            return x, iteration
        step = length * way
        value, new_slope, curvature = found
        turn = new_slope - slope
        x, slope = x + step, new_slope
        if dot(step, turn) > _CURVED * (dot(step, step) * dot(turn, turn)) ** 0.5:
            steps, turns = [*steps[1 - memory :], step], [*turns[1 - memory :], turn]
        values.append(value)
        if len(values) > 5 and values[-6] - value < tolerance:
            return x, iteration + 1
    return x, iterations


def _direction(
    slope: FloatArray,
    curvature: FloatArray,
    steps: list[FloatArray],
    turns: list[FloatArray],
    project: Project,
) -> FloatArray:
    """Minus the inverse Hessian times the slope, as the last steps tell it (Nocedal 1980)."""
    way = -slope
    weights = []
    for step, turn in zip(steps[::-1], turns[::-1], strict=True):
        weight = dot(step, way) / dot(step, turn)
        weights.append(weight)
        way = way - weight * turn
    way = project(way / curvature)
    bent = dot(turns[-1], project(turns[-1] / curvature)) if steps else 0.0
    if bent > 0:  # Not where a turn is what rounding left of it.
        way *= dot(steps[-1], turns[-1]) / bent
    for step, turn, weight in zip(steps, turns, weights[::-1], strict=True):
        way += (weight - dot(turn, way) / dot(step, turn)) * step
    return np.asarray(way)


def _line(
    loss: Loss, x: FloatArray, value: float, slope: FloatArray, way: FloatArray
) -> tuple[float, tuple[float, FloatArray, FloatArray] | None]:
    """A length that gains enough and leaves a flatter slope: weak Wolfe conditions, bisected."""
    low, high, length = 0.0, np.inf, 1.0
    down = float(dot(slope, way))
    best: tuple[float, tuple[float, FloatArray, FloatArray] | None] = (0.0, None)
    for _ in range(_TRIES):
        found = loss(x + length * way)
        if not found[0] <= value + _ENOUGH * length * down:
            high = length
        else:
            best = (length, found)
            if dot(found[1], way) >= _FLAT * down:
                return best
            low = length
        length = (low + high) / 2 if high < np.inf else 2 * length
        if best[1] is not None and high - low < 0.1 * low:
            return best
    return best
