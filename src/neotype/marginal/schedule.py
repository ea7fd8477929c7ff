"""A junction tree and the tables that hang on it, laid out flat for the kernels of `propagate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from neotype.marginal.junction import Tree
from neotype.marginal.measurement import Clique, FloatArray
from neotype.marginal.propagate import collect, distribute, measured, towards_root

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Beliefs:
    """What propagation gives: `given` are each clique's probabilities given its separator."""

    log_total: float
    given: FloatArray
    marginals: FloatArray


@dataclass(frozen=True)
class Schedule:
    """See `propagate.collect` for the arrays. `axes` are a clique's: its separator, then the rest.

    A factor hangs on the smallest other factor that holds its variables, else on a clique, so that
    the large tables are walked through as seldom as can be.
    """

    tree: Tree
    factors: tuple[Clique, ...]
    axes: tuple[Clique, ...]
    shape: IntArray
    up: IntArray
    links: IntArray
    inner: IntArray
    pool: NDArray[np.int32]
    f_start: IntArray

    @classmethod
    def of(cls, tree: Tree, factors: Sequence[Clique]) -> Schedule:
        """The layout for factors over these cliques (their variables in rising order)."""
        sizes, pool = tree.sizes, _Pool(tree.sizes)
        pairs = list(zip(tree.separators, tree.residuals, strict=True))
        rows = [prod(sizes[a] for a in separator) for separator, _ in pairs]
        cols = [prod(sizes[a] for a in residual) for _, residual in pairs]
        start = np.cumsum([0, *(r * c for r, c in zip(rows, cols, strict=True))])
        message = np.cumsum([0, *rows])
        shape = np.array([*zip(start, rows, cols, message, tree.parents, strict=False)])
        up = [
            pool.index(*pairs[parent], pairs[k][0]) if parent >= 0 else (0, 0)
            for k, parent in enumerate(tree.parents)
        ]
        tables = [prod(sizes[a] for a in clique) for clique in factors]
        f_start = np.cumsum([0, *tables])
        links, inner = [], []
        # Smaller factors first: what hangs on a factor is in it before that is passed on.
        for guest in sorted(range(len(factors)), key=lambda f: (len(factors[f]), tables[f], f)):
            own = factors[guest]
            host = _smallest_over(own, factors, tables)
            if host is not None:
                whole = factors[host]
                a, b = pool.index(whole[:-1], whole[-1:], own)
                last = sizes[whole[-1]]
                inner.append((f_start[host], tables[host] // last, last, guest, a, b))
            else:
                k = tree.holder(own)
                assert k is not None, "every factor lies within a clique of its tree"
                links.append((k, guest, *pool.index(*pairs[k], own)))
        return cls(
            tree,
            tuple(factors),
            tuple(separator + residual for separator, residual in pairs),
            shape.astype(np.int64),
            np.array(up, dtype=np.int64).reshape(-1, 2),
            np.array(sorted(links), dtype=np.int64).reshape(-1, 4),
            np.array(inner, dtype=np.int64).reshape(-1, 6),
            pool.array(),
            f_start.astype(np.int64),
        )

    @property
    def cells(self) -> int:
        """The cells of all cliques."""
        return int((self.shape[:, 1] * self.shape[:, 2]).sum())

    @property
    def parameters(self) -> int:
        """The cells of all factors."""
        return int(self.f_start[-1])

    def table(self, flat: FloatArray, k: int) -> FloatArray:
        """The k-th clique's part of a flat array, one axis a variable of `axes[k]`."""
        start, rows, cols = self.shape[k, :3]
        shape = tuple(self.tree.sizes[a] for a in self.axes[k])
        return flat[start : start + rows * cols].reshape(shape)

    def beliefs(self, potentials: FloatArray) -> Beliefs:
        """Propagate the factors' log-weights."""
        run = Propagation(self)
        log_total = run.collect(potentials)
        given = run.tables.copy()
        run.distribute()
        return Beliefs(log_total, given, run.tables)


class Propagation:
    """The scratch of one propagation after another, so that each allocates nothing."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.tables = np.empty(schedule.cells)
        self._messages = np.empty(int(schedule.shape[:, 1].sum()))
        largest = int((schedule.shape[:, 1] * schedule.shape[:, 2]).max())
        self._bits = np.empty(largest)
        self._factors = np.empty(schedule.parameters)

    def condition(self, log_given: FloatArray) -> float:
        """Towards the root from tables of log-weights: `tables` as of `collect`; log Z."""
        s = self.schedule
        self.tables[:] = log_given
        scratch = (self.tables, self._messages, self._bits)
        return float(towards_root(s.shape, s.up, s.pool, *scratch))

    def collect(self, potentials: FloatArray) -> float:
        """Towards the root: `tables` become conditional probabilities; log Z."""
        s = self.schedule
        self._factors[:] = potentials
        scratch = (self._factors, s.f_start, self.tables, self._messages, self._bits)
        return float(collect(s.shape, s.up, s.links, s.pool, s.inner, *scratch))

    def distribute(self) -> None:
        """Back again: `tables` become marginals."""
        s = self.schedule
        distribute(s.shape, s.up, s.pool, self.tables, self._messages)

    def marginals(self, potentials: FloatArray, out: FloatArray) -> float:
        """All factors' marginals into `out`; log Z."""
        s = self.schedule
        log_total = self.collect(potentials)
        self.distribute()
        measured(s.shape, s.links, s.pool, s.inner, s.f_start, self.tables, out)
        return log_total


class _Pool:
    """Index tables, each kept once."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes
        self._parts: list[NDArray[np.int32]] = []
        self._at: dict[tuple[Clique, Clique], int] = {}
        self._end = 0

    def index(self, rows: Clique, cols: Clique, guest: Clique) -> tuple[int, int]:
        """Where it is told which cell of `guest` a host's lines, and its columns, belong to."""
        return self._one(rows, guest), self._one(cols, guest)

    def _one(self, axes: Clique, guest: Clique) -> int:
        key = axes, guest
        if key not in self._at:
            part = cell_of(axes, guest, self.sizes)
            self._at[key] = self._end
            self._parts.append(part)
            self._end += len(part)
        return self._at[key]

    def array(self) -> NDArray[np.int32]:
        return np.concatenate([*self._parts, np.zeros(1, dtype=np.int32)])


def cell_of(axes: Clique, guest: Clique, sizes: Sequence[int]) -> NDArray[np.int32]:
    """For each cell over `axes`, its share of the number of the cell of `guest` it belongs to."""
    index = np.zeros(1, dtype=np.int32)
    for axis in axes:
        step = strides(guest, sizes)[guest.index(axis)] if axis in guest else 0
        index = np.add.outer(index, step * np.arange(sizes[axis], dtype=np.int32)).ravel()
    return np.asarray(index, dtype=np.int32)


def strides(axes: Clique, sizes: Sequence[int]) -> list[int]:
    """How far apart in a flat table neighbours along each axis are."""
    return [prod(sizes[a] for a in axes[k + 1 :]) for k in range(len(axes))]


def _smallest_over(own: Clique, factors: Sequence[Clique], tables: Sequence[int]) -> int | None:
    over = [k for k, other in enumerate(factors) if set(own) < set(other)]
    return min(over, key=lambda k: (tables[k], k)) if over else None
