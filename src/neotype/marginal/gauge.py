"""What potentials can trade among themselves without changing the model, and how to leave it out.

Weight on a variable may stand in any table that holds the variable. Along such a trade only the
ridge has curvature, thousands of times less than the model elsewhere, so that a descent spends
nearly all its steps there. But what is best there is known beforehand: the effect of the variables
S is shared in proportion to 1/(aₘ·rₘ), where rₘ is how many cells of table m one cell of S has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from math import prod
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array

from neotype.marginal.measurement import Clique, FloatArray
from neotype.marginal.schedule import cell_of

_DEEPEST = 3
"""Effects of more variables are left as they are."""


@dataclass(frozen=True)
class Gauge:
    """The projection onto potentials that are shared as is best: v + spread · share · mean · v.

    `mean` averages each table onto what it shares with others, `share` takes effects apart and
    shares them anew, `spread` puts the difference back into the cells.
    """

    mean: Any
    share: Any
    spread: Any

    @classmethod
    def of(cls, cliques: Sequence[Clique], sizes: Sequence[int], a: Sequence[float]) -> Self:
        """For tables over these cliques with ridges `a`, all above 0, in one flat array."""
        holders = Counter(part for clique in cliques for part in _parts(clique))
        spots = [
            (table, part)
            for table, clique in enumerate(cliques)
            for part in _parts(clique)
            if holders[part] > 1 or not part
        ]
        cells = [prod(sizes[v] for v in part) for _, part in spots]
        start = dict(zip(spots, np.cumsum([0, *cells]), strict=False))
        table_start = np.cumsum([0, *(prod(sizes[v] for v in clique) for clique in cliques)])
        lines, columns, weights = [], [], []
        for (table, part), size in zip(spots, cells, strict=True):
            whole = int(table_start[table + 1] - table_start[table])
            lines.append(start[table, part] + cell_of(cliques[table], part, sizes))
            columns.append(table_start[table] + np.arange(whole))
            weights.append(np.full(whole, size / whole))
        shape = (sum(cells), int(table_start[-1]))
        mean = _sparse(lines, columns, weights, shape)
        spread = _sparse(columns, lines, [np.ones_like(w) for w in weights], shape[::-1])
        effects = _effects(spots, start, sizes, shape[0])
        # What sharing costs in table m is aₘ·rₘ, and rₘ in proportion to its cells.
        cost = np.asarray(a) * np.diff(table_start)
        sharing = _sharing(spots, start, cells, cost, shape[0])
        return cls(mean, (sharing @ effects).tocsr(), spread)

    def project(self, v: FloatArray) -> FloatArray:
        """`v` shared as is best, without a constant."""
        return np.asarray(v + self.spread @ (self.share @ (self.mean @ v)))


def _parts(clique: Clique) -> list[Clique]:
    """All sets of its variables, the empty one first."""
    deepest = min(len(clique), _DEEPEST)
    return list(chain.from_iterable(combinations(clique, k) for k in range(deepest + 1)))


def _effects(
    spots: list[tuple[int, Clique]],
    start: dict[tuple[int, Clique], Any],
    sizes: Sequence[int],
    total: int,
) -> Any:
    """From means to effects: what a mean over variables says beyond those over fewer."""
    lines, columns, weights = [], [], []
    for table, part in spots:
        own = np.arange(prod(sizes[v] for v in part))
        for inner in _parts(part):
            lines.append(start[table, part] + own)
            columns.append(start[table, inner] + cell_of(part, inner, sizes))
            weights.append(np.full(len(own), (-1.0) ** (len(part) - len(inner))))
    return _sparse(lines, columns, weights, (total, total))


def _sharing(
    spots: list[tuple[int, Clique]],
    start: dict[tuple[int, Clique], Any],
    cells: list[int],
    cost: FloatArray,
    total: int,
) -> Any:
    """From effects to what must be added to each, so that all are shared as is best."""
    alike: dict[Clique, list[int]] = {}
    for table, part in spots:
        alike.setdefault(part, []).append(table)
    lines, columns, weights = [], [], []
    for (table, part), size in zip(spots, cells, strict=True):
        own = start[table, part] + np.arange(size)
        lines.append(own)
        columns.append(own)
        weights.append(np.full(size, -1.0))
        ease = {other: 1.0 / cost[other] for other in alike[part]}
        for other in alike[part] if part else []:
            lines.append(own)
            columns.append(start[other, part] + np.arange(size))
            weights.append(np.full(size, ease[table] / sum(ease.values())))
    return _sparse(lines, columns, weights, (total, total))


def _sparse(lines: list[Any], columns: list[Any], weights: list[Any], shape: Any) -> Any:
    at = (np.concatenate([*lines, []]).astype(int), np.concatenate([*columns, []]).astype(int))
    return csr_array((np.concatenate([*weights, []]), at), shape=shape)
