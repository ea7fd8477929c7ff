"""The junction tree of a set of cliques: what exact inference works on, and how large it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, prod

import numpy as np
from numpy.typing import NDArray

from neotype.errors import FitError
from neotype.marginal.eliminate import (
    FILL,
    TABLE,
    admit,
    cells_by,
    cells_with,
    join,
    maximal,
    triangulate,
)
from neotype.marginal.measurement import Clique


@dataclass(frozen=True)
class Tree:
    """Cliques, parents before children; `parents[k]` is the place of the k-th one's parent.

    What two cliques share, all cliques between them hold. Parts that share nothing hang together
    by an empty separator, so that there is one root, the first.
    """

    sizes: tuple[int, ...]
    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]

    @cached_property
    def separators(self) -> tuple[Clique, ...]:
        """What each clique shares with its parent, in rising order; nothing for the root."""
        return tuple(
            () if parent < 0 else tuple(a for a in clique if a in set(self.cliques[parent]))
            for clique, parent in zip(self.cliques, self.parents, strict=True)
        )

    @cached_property
    def residuals(self) -> tuple[Clique, ...]:
        """What each clique has beyond its separator: every variable is in exactly one."""
        return tuple(
            tuple(axis for axis in clique if axis not in separator)
            for clique, separator in zip(self.cliques, self.separators, strict=True)
        )

    @property
    def cells(self) -> int:
        """The cells of all cliques' tables: time and memory are in proportion to it."""
        return sum(prod(self.sizes[axis] for axis in clique) for clique in self.cliques)

    @property
    def widest(self) -> Clique:
        """The clique of the largest table."""
        return max(self.cliques, key=lambda clique: prod(self.sizes[axis] for axis in clique))

    def holder(self, clique: Iterable[int]) -> int | None:
        """The place of the smallest clique that holds all these variables; None where none does."""
        wanted = set(clique)
        found = [k for k, own in enumerate(self.cliques) if wanted <= set(own)]
        size = {k: prod(self.sizes[axis] for axis in self.cliques[k]) for k in found}
        return min(found, key=lambda k: (size[k], k)) if found else None


def junction_tree(sizes: Sequence[int], cliques: Iterable[Clique]) -> Tree:
    """The tree for variables of these `sizes`, with a clique around each of `cliques`.

    Variables are taken out by fewest new edges or by smallest tables, whichever gives fewer cells;
    the same cliques give the same tree.
    """
    graph, log_size = _graph(sizes, cliques)
    rule = min((FILL, TABLE), key=lambda rule: (round(cells_by(graph, log_size, rule, inf)), rule))
    order, member = triangulate(graph, log_size, rule, inf)
    found = sorted(
        tuple(axis for axis in range(len(sizes)) if int(member[v, axis // 64]) >> axis % 64 & 1)
        for v in np.flatnonzero(maximal(order, member))
    )
    placed, parents = _spanning(found)
    return Tree(tuple(int(s) for s in sizes), placed, parents)


def cells(sizes: Sequence[int], cliques: Iterable[Clique]) -> int:
    """How many cells the tree of these cliques has, without making it."""
    graph, log_size = _graph(sizes, cliques)
    return min(round(float(cells_by(graph, log_size, rule, inf))) for rule in (FILL, TABLE))


def cells_each(
    sizes: Sequence[int], cliques: Iterable[Clique], candidates: Sequence[Clique]
) -> NDArray[np.float64]:
    """How many cells the tree of `cliques` would have with each one of `candidates` as well."""
    found = cells_with(*_graph(sizes, cliques), *_flat(candidates))
    return np.asarray(np.round(found))


def grow(
    sizes: Sequence[int], cliques: Iterable[Clique], candidates: Sequence[Clique], cap: int
) -> list[Clique]:
    """Those of `candidates` that enter, in their order, while the tree stays within `cap` cells."""
    enters = admit(*_graph(sizes, cliques), *_flat(candidates), float(cap) + 0.5)
    return [clique for clique, yes in zip(candidates, enters, strict=True) if yes]


def _graph(
    sizes: Sequence[int], cliques: Iterable[Clique]
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    n = len(sizes)
    graph = np.zeros((n, n // 64 + 1), dtype=np.uint64)
    for clique in cliques:
        if any(not 0 <= axis < n for axis in clique):
            raise FitError(
                f"a clique names variables {clique}.", found=f"there are variables 0 .. {n - 1}"
            )
        join(graph, np.array(clique, dtype=np.int64))
    return graph, np.log(np.asarray(sizes, dtype=np.float64))


def _flat(cliques: Sequence[Clique]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    members = np.array([axis for clique in cliques for axis in clique], dtype=np.int64)
    starts = np.cumsum([0, *(len(clique) for clique in cliques)], dtype=np.int64)
    return members, starts


def _spanning(cliques: list[Clique]) -> tuple[tuple[Clique, ...], tuple[int, ...]]:
    """A tree that shares as much as can be along its edges (Prim): that is a junction tree."""
    own = [sum(1 << axis for axis in clique) for clique in cliques]
    best = [-1] * len(cliques)
    shared = [-1] * len(cliques)
    placed: list[int] = []
    parents: list[int] = []
    while len(placed) < len(cliques):
        left = [k for k in range(len(cliques)) if best[k] > -2]
        k = max(left, key=lambda k: (shared[k], -k))
        parents.append(best[k])
        best[k] = -2
        placed.append(k)
        for other in left:
            both = (own[k] & own[other]).bit_count()
            if best[other] > -2 and both > shared[other]:
                shared[other], best[other] = both, len(placed) - 1
    return tuple(cliques[k] for k in placed), tuple(parents)
