"""The graphical model that noisy tables speak for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neotype.errors import FitError
from neotype.marginal.descend import descend
from neotype.marginal.factor import Factor
from neotype.marginal.gauge import Gauge
from neotype.marginal.graphical import Graphical
from neotype.marginal.junction import junction_tree
from neotype.marginal.measurement import FloatArray, Measurement, merged
from neotype.marginal.propagate import collect, dot
from neotype.marginal.schedule import Propagation, Schedule

log = logging.getLogger("neotype")

LOOPY, TREE = 0.3, 0.2
"""The ridge in standard deviations, where measured cliques form loops, and where a tree."""
MOST_CELLS = 20_000_000
_FEW, _LEAST = 1.0, 1e-6


def fit(
    sizes: Sequence[int],
    measurements: Sequence[Measurement],
    total: float,
    *,
    ridge: float | None = None,
    start: Graphical | None = None,
    fixed: Sequence[Factor] = (),
    iterations: int = 200,
    tolerance: float = 1e-5,
) -> Graphical:
    """Minimise N·log Z(θ) − ⟨θ, y⟩ + ½ Σ aₘ‖θₘ‖², with N = `total` and aₘ = `ridge`·σₘ.

    A convex problem, whose answer is the model of most entropy that meets each table y up to
    aₘ·θₘ: no table is negative, and all agree. `start` is a model of much the same cliques whose
    potentials are near already, such as that of the round before. `fixed` are log-weights that hold
    whatever was measured: −∞ where a cell is impossible. It ends when five iterations gained less
    than `tolerance` nats a row.
    """
    _announce_compiling()
    tables, given = merged(measurements), [_in_order(f) for f in fixed]
    _check(sizes, tables, total)
    cliques = [*(m.clique for m in tables), *(f.axes for f in given)]
    tree = junction_tree(sizes, cliques)
    if tree.cells > MOST_CELLS:
        raise FitError(
            f"the junction tree needs {tree.cells:,} cells, of which the variables {tree.widest} "
            "have most.",
            found=f"{MOST_CELLS:,} is the most",
            mend="measure fewer pairs, or coarser ones",
        )
    loopy = any(clique not in set(cliques) for clique in tree.cliques if len(clique) > 1)
    strength = ridge if ridge is not None else (LOOPY if loopy else TREE)
    ridges = [max(strength * m.sigma, _LEAST) for m in tables]
    gauge = Gauge.of([m.clique for m in tables], sizes, ridges)
    a = _flat([np.full(m.counts.shape, own) for m, own in zip(tables, ridges, strict=True)])
    even = _flat([np.full(m.counts.shape, total / m.counts.size) for m in tables])
    # In what tables can trade they are made to agree, which changes no answer (see `Gauge`).
    agreed = a * gauge.project(_flat([m.counts for m in tables]) / a) + even
    problem = _Problem(
        Schedule.of(tree, cliques), agreed, a, _flat([f.values for f in given]), float(total)
    )
    begin = _independent(tables, total) if start is None else _from(start, tables)
    theta, _ = descend(
        problem.loss, begin, gauge.project, iterations=iterations, tolerance=tolerance
    )
    return Graphical(tree, (*_split(theta, tables), *given), len(given))


def _announce_compiling() -> None:
    """One line on a machine's first fit, which is slower than all others."""
    cache = collect.stats.cache_path
    if cache and not any(Path(cache).glob("propagate.collect-*.nbi")):
        log.warning("compiling graphical models for this machine: about 20 seconds, once")


class _Problem:
    """The loss of `fit` in nats a row, of the potentials that are free."""

    def __init__(
        self, schedule: Schedule, counts: FloatArray, a: FloatArray, fixed: FloatArray, total: float
    ) -> None:
        self.counts, self.a, self.total = counts, a, total
        self._run = Propagation(schedule)
        self._potentials = np.concatenate([counts, fixed])
        self._shares = np.empty_like(self._potentials)
        self._least = np.maximum(a, _FEW)

    def loss(self, theta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Value, gradient, and about the curvature along each potential."""
        n = len(theta)
        self._potentials[:n] = theta
        log_total = self._run.marginals(self._potentials, self._shares)
        pull, expected = self.a * theta, self.total * self._shares[:n]
        value = self.total * log_total - dot(theta, self.counts) + 0.5 * dot(pull, theta)
        slope = expected - self.counts + pull
        curvature = expected + self._least
        return float(value) / self.total, slope / self.total, curvature / self.total


def _independent(tables: Sequence[Measurement], total: float) -> FloatArray:
    """Potentials under which variables are independent, each as it was measured."""
    potentials = [np.zeros(m.counts.shape) for m in tables]
    best: dict[int, tuple[float, int]] = {}
    for k, m in enumerate(tables):
        for axis in m.clique:
            noise = m.sigma**2 * m.counts.size / m.counts.shape[m.clique.index(axis)]
            best[axis] = min(best.get(axis, (np.inf, k)), (noise, k))
    for axis, (noise, k) in best.items():
        m = tables[k]
        at = m.clique.index(axis)
        out = tuple(other for other in range(len(m.clique)) if other != at)
        floor = 0.5 + 0.5 * noise**0.5
        log_share = np.log(np.maximum(m.counts.sum(axis=out), floor) / total)
        log_share -= log_share.mean()
        potentials[k] += Factor((axis,), log_share).over(m.clique)
    return _flat(potentials)


def _from(start: Graphical, tables: Sequence[Measurement]) -> FloatArray:
    """The potentials of `start`; those of cliques no longer measured go to one that holds them."""
    free = start.potentials[: len(start.potentials) - start.fixed]
    known = {f.axes: f.values for f in free}
    potentials = {m.clique: known.pop(m.clique, np.zeros(m.counts.shape)) for m in tables}
    for axes, values in known.items():
        over = [clique for clique in potentials if set(axes) <= set(clique)]
        if over:
            potentials[over[0]] = potentials[over[0]] + Factor(axes, values).over(over[0])
    return _flat([potentials[m.clique] for m in tables])


def _flat(tables: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([*(table.ravel() for table in tables), np.zeros(0)])


def _in_order(factor: Factor) -> Factor:
    axes = tuple(sorted(factor.axes))
    return Factor(axes, factor.over(axes))


def _split(theta: FloatArray, tables: Sequence[Measurement]) -> list[Factor]:
    ends = np.cumsum([m.counts.size for m in tables])
    parts = np.split(theta, ends[:-1]) if tables else []
    return [
        Factor(m.clique, part.reshape(m.counts.shape))
        for m, part in zip(tables, parts, strict=True)
    ]


def _check(sizes: Sequence[int], tables: Sequence[Measurement], total: float) -> None:
    if not (np.isfinite(total) and total > 0):
        raise FitError(f"a total of {total} rows is no finite number above 0.")
    for m in tables:
        if any(axis >= len(sizes) or axis < 0 for axis in m.clique):
            raise FitError(
                f"a measurement names variables {m.clique}.",
                found=f"there are variables 0 .. {len(sizes) - 1}",
            )
        if m.counts.shape != tuple(sizes[axis] for axis in m.clique):
            raise FitError(
                f"the table of variables {m.clique} has the shape {m.counts.shape}.",
                found=f"their sizes are {tuple(sizes[axis] for axis in m.clique)}",
            )
