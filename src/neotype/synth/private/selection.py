"""Which tables to measure, judged by noisy scores alone: nothing here reads a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, prod, sqrt

import numpy as np

from neotype.marginal.junction import grow
from neotype.marginal.measurement import Clique, FloatArray, Measurement

MEAN_NOISE = sqrt(2 / pi)
"""The mean size of Gaussian noise, in sigmas."""
_LEVELS = 16
_NEGLIGIBLE = 0.01


@dataclass(frozen=True)
class Candidates:
    """Tables that may be measured, and how far each is from what is known already (L1, noisy)."""

    cliques: Sequence[Clique]
    scores: FloatArray


def shares(sizes: Sequence[int], cliques: Sequence[Clique]) -> FloatArray:
    """How to divide ρ for the least error summed over all tables: as cells to the power of 2/3.

    A table of c cells that gets ρ is off by c·√(1/πρ); Lagrange does the rest.
    """
    weight = _weights(sizes, cliques)
    return np.asarray(weight / weight.sum())


def shares_with_singles(
    sizes: Sequence[int],
    cliques: Sequence[Clique],
    found: Sequence[Measurement],
    *,
    rho: float,
    breadth: float,
) -> tuple[list[Clique], FloatArray]:
    """`shares`, with single digits besides: each is wrong in its pairs with all the others.

    That counts `breadth` times, as chosen tables tell of single digits, too. Digits are given what
    `found` tables of them lack; where these are clear enough, nothing.
    """
    told = [(k,) for k, size in enumerate(sizes) if size > 1]
    wide = [sizes[k] * breadth * (len(told) - 1) for (k,) in told]
    weight = np.append(_weights(sizes, cliques), np.array(wide) ** (2 / 3))
    paid = dict.fromkeys(told, 0.0)
    for m in found:
        if m.clique in paid and m.sigma:
            paid[m.clique] += 0.5 / m.sigma**2
    had = np.append(np.zeros(len(cliques)), np.array(list(paid.values())))
    lacking = np.maximum((rho + had.sum()) * weight / weight.sum() - had, 0)
    every = [*cliques, *told]
    kept = np.flatnonzero(lacking > lacking.max() * _NEGLIGIBLE)
    return [every[k] for k in kept], np.asarray(lacking[kept] / lacking[kept].sum())


def select(
    sizes: Sequence[int],
    base: Sequence[Clique],
    candidates: Candidates,
    *,
    rho: float,
    caution: float,
    cap: int,
) -> list[Clique]:
    """The tables that explain most beyond the error of their own noise, times `caution`.

    How noisy a table gets depends on how many there are: several levels of noise are assumed, the
    tables worth it at that level are taken best first while the tree stays within `cap` cells, and
    the best beginning of any of these lists, at the noise that it really gets, is returned.
    """
    weight = _weights(sizes, candidates.cliques)
    unit = caution * MEAN_NOISE / sqrt(2 * rho)
    best, chosen = 0.0, list[Clique]()
    for whole in np.geomspace(weight.min(), weight.sum(), _LEVELS) if len(weight) else ():
        benefit = candidates.scores - unit * sqrt(whole) * weight
        order = [k for k in np.argsort(-benefit, kind="stable") if benefit[k] > 0]
        place = {candidates.cliques[k]: k for k in order}
        entered = grow(sizes, base, list(place), cap)
        at = [place[clique] for clique in entered]
        gain = np.cumsum(candidates.scores[at]) - unit * np.cumsum(weight[at]) ** 1.5
        if len(gain) and gain.max() > best:
            best = float(gain.max())
            chosen = entered[: int(gain.argmax()) + 1]
    return chosen


def _weights(sizes: Sequence[int], cliques: Sequence[Clique]) -> FloatArray:
    return np.array([prod(sizes[a] for a in c) ** (2 / 3) for c in cliques], dtype=np.float64)
