"""Private rows as digits: the only file of the strategies that reads them.

What leaves has passed the mechanism. A row counts once in every table, so that one more or less
moves a table by 1 in one cell, and its distance to a table that is public or noisy by 1 at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from neotype.dp.mechanism import Mechanism
from neotype.marginal.measurement import Clique, FloatArray, Measurement

Codes = NDArray[np.uint8]
_KEPT = 30_000_000
"""Cells of tables that are kept for being asked again: 4 bytes each."""


class Digits:
    """Digits × rows `codes` behind a mechanism; `sizes` are public."""

    def __init__(self, codes: Codes, sizes: Sequence[int], mechanism: Mechanism) -> None:
        self.sizes = tuple(int(size) for size in sizes)
        # A symbol beyond its size would be told by an error: it is taken for the last one.
        last = np.array(self.sizes, dtype=np.int64) - 1
        self._codes = [np.minimum(row, end) for row, end in zip(codes, last, strict=True)]
        self._mechanism = mechanism
        self._tables: dict[Clique, NDArray[np.int32]] = {}
        self._room = _KEPT

    def worth(self, rho: float) -> float:
        """The price of the same noise where a unit is one row: how clear tables for `rho` are."""
        return float(0.5 / self._mechanism.sigma(rho=rho) ** 2)

    def measure(self, clique: Clique, rho: float, purpose: str) -> Measurement:
        """One table of counts with noise."""
        counts, sigma = self._mechanism.counts(
            self._table(clique).astype(np.int64), rho=rho, purpose=purpose
        )
        return Measurement(clique, counts.astype(np.float64), sigma)

    def measure_all(self, cliques: Sequence[Clique], rho: float, purpose: str) -> list[Measurement]:
        """Tables that are equally noisy, in one draw: a row stands in every one, hence √tables."""
        if not cliques:
            return []
        tables = [self._table(clique) for clique in cliques]
        flat = np.concatenate([table.ravel() for table in tables]).astype(np.int64)
        noisy, sigma = self._mechanism.counts(
            flat, rho=rho, sensitivity=sqrt(len(tables)), purpose=purpose
        )
        parts = np.split(noisy, np.cumsum([table.size for table in tables])[:-1])
        return [
            Measurement(clique, part.reshape(table.shape).astype(np.float64), sigma)
            for clique, part, table in zip(cliques, parts, tables, strict=True)
        ]

    def distances(
        self, cliques: Sequence[Clique], references: Sequence[FloatArray], rho: float, purpose: str
    ) -> tuple[FloatArray, float]:
        """How far each table lies from its reference (L1), with noise, and its sigma.

        References must not come from the rows, save through a mechanism.
        """
        found = np.array([self._distance(c, r) for c, r in zip(cliques, references, strict=True)])
        return self._mechanism.scores(
            found, rho=rho, sensitivity=sqrt(len(cliques)), purpose=purpose
        )

    def choose(
        self,
        cliques: Sequence[Clique],
        references: Sequence[FloatArray],
        rho: float,
        purpose: str,
        *,
        minus: FloatArray | float = 0.0,
        weights: FloatArray | None = None,
    ) -> int:
        """The place of a table far from its reference: weights · (distance − minus)."""
        found = np.array([self._distance(c, r) for c, r in zip(cliques, references, strict=True)])
        weigh = np.ones(len(found)) if weights is None else weights
        return self._mechanism.choose(
            weigh * (found - minus), rho=rho, sensitivity=float(weigh.max()), purpose=purpose
        )

    def choose_parent(
        self,
        child: FloatArray,
        digit: int,
        parents: Sequence[Clique],
        rho: float,
        purpose: str,
        *,
        minus: FloatArray,
    ) -> int:
        """The place of the parents of which `digit` depends most: ‖M(x, Π) − p(x)·M(Π)‖₁ − minus.

        `child` is p(x), public or noisy, not negative, and sums to 1. A row moves M(x, Π) by 1 in
        one cell and p(x)·M(Π) by p(x) in one line, which sums to 1: by 2 at most together.
        """
        found = []
        for parent in parents:
            table = self._table((digit, *parent))
            apart = np.multiply.outer(child, table.sum(axis=0))
            found.append(float(np.abs(table - apart).sum()))
        return self._mechanism.choose(
            np.array(found) - minus, rho=rho, sensitivity=2.0, purpose=purpose
        )

    def _distance(self, clique: Clique, reference: FloatArray) -> float:
        return float(np.abs(self._table(clique) - reference).sum())

    def _table(self, clique: Clique) -> NDArray[np.int32]:
        """True counts."""
        known = self._tables.get(clique)
        if known is not None:
            return known
        shape = tuple(self.sizes[axis] for axis in clique)
        cells = prod(shape)
        index = np.zeros(len(self._codes[clique[0]]), dtype=np.intp)
        for axis, size in zip(clique, shape, strict=True):
            index *= size
            index += self._codes[axis]
        counts = np.bincount(index, minlength=cells)
        table: NDArray[np.int32] = counts.astype(np.int32).reshape(shape)
        if cells <= self._room:
            self._room -= cells
            self._tables[clique] = table
        return table
