"""A regular vine: a joint copula made of copulas of two, one tree of them after the other.

Trees are grown as in Dissmann, Brechmann, Czado & Kurowicka 2013: each spans with the strongest
dependence what the one before left, and the vine ends after a few (truncated: Brechmann, Czado &
Aas 2012), beyond which all is independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import ndtri

from neotype.copulas.pairs import CELLS, FAMILIES, Pair
from neotype.rng import Rng

Floats = NDArray[np.float64]
Given = frozenset[int]
_NAMES = ("independent", *FAMILIES)
_EDGE = 1e-6


@dataclass(frozen=True)
class Edge:
    """The copula of variables a and b given some others."""

    a: int
    b: int
    given: Given
    pair: Pair


@dataclass(frozen=True)
class Vine:
    """Edges, and an order of the variables in which each hangs on those before it."""

    variables: int
    edges: tuple[Edge, ...]
    order: tuple[int, ...]

    @classmethod
    def learn(cls, u: Floats, families: tuple[str, ...], trees: int) -> Self:
        """Learn variables × rows `u`, each row's uniforms."""
        variables = len(u)
        seen: dict[tuple[int, Given], Floats] = {(k, frozenset()): u[k] for k in range(variables)}
        nodes: list[Given] = [frozenset((k,)) for k in range(variables)]
        shared: dict[Given, list[int]] = {frozenset(): list(range(variables))}
        edges: list[Edge] = []
        for _ in range(min(trees, variables - 1)):
            joined, around = list[Given](), dict[Given, list[int]]()
            for i, j in _spanning(nodes, shared, seen):
                given = nodes[i] & nodes[j]
                (a,), (b,) = nodes[i] - given, nodes[j] - given
                pair = Pair.fit(seen[a, given], seen[b, given], families)
                edges.append(Edge(a, b, given, pair))
                seen[a, given | {b}] = pair.conditional(seen[a, given], seen[b, given])
                seen[b, given | {a}] = pair.swapped.conditional(seen[b, given], seen[a, given])
                around.setdefault(nodes[i], []).append(len(joined))
                around.setdefault(nodes[j], []).append(len(joined))
                joined.append(nodes[i] | nodes[j])
            nodes, shared = joined, around
        return cls(variables, tuple(edges), _order(variables, edges))

    def draw(self, rows: int, rng: Rng) -> Floats:
        """Variables × rows: uniforms."""
        at: dict[tuple[int, Given], Floats] = {}
        place = {variable: k for k, variable in enumerate(self.order)}
        hung: list[list[Edge]] = [[] for _ in range(self.variables)]
        for edge in self.edges:
            later = max(edge.a, edge.b, key=lambda v: place[v])
            hung[later].append(edge)
        u = rng.generator().random((self.variables, rows))
        for variable in self.order:
            own = sorted(hung[variable], key=lambda edge: len(edge.given))
            p = u[variable]
            for edge in reversed(own):
                other = edge.b if edge.a == variable else edge.a
                pair = edge.pair if edge.a == variable else edge.pair.swapped
                at[variable, edge.given | {other}] = p
                p = pair.inverse(p, at[other, edge.given])
            at[variable, frozenset()] = u[variable] = p
            for edge in own:
                other = edge.b if edge.a == variable else edge.a
                pair = edge.pair if edge.b == variable else edge.pair.swapped
                back = pair.conditional(at[other, edge.given], at[variable, edge.given])
                at[other, edge.given | {variable}] = back
        return u

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        turned = [(e.pair.turn_u, e.pair.turn_v) for e in self.edges]
        given = [sorted(edge.given) for edge in self.edges]
        return {
            "order": np.array(self.order, dtype=np.int64),
            "ends": np.array([(e.a, e.b) for e in self.edges], dtype=np.int64).reshape(-1, 2),
            "depth": np.array([len(g) for g in given], dtype=np.int64),
            "given": np.array([v for g in given for v in g], dtype=np.int64),
            "family": np.array([_NAMES.index(e.pair.family) for e in self.edges], dtype=np.int64),
            "turned": np.array(turned, dtype=np.int64).reshape(-1, 2),
            "width": np.array([len(e.pair.parameters) for e in self.edges], dtype=np.int64),
            "parameters": np.array([p for e in self.edges for p in e.pair.parameters], dtype=float),
        }

    @classmethod
    def restore(cls, arrays: Any) -> Self:
        """The inverse of `arrays`."""
        edges = []
        given, parameters = arrays["given"].tolist(), arrays["parameters"].tolist()
        for (a, b), depth, family, (turn_u, turn_v), width in zip(
            *(arrays[name].tolist() for name in ("ends", "depth", "family", "turned", "width")),
            strict=True,
        ):
            own, given = given[:depth], given[depth:]
            at, parameters = tuple(parameters[:width]), parameters[width:]
            pair = Pair(_NAMES[family], at, bool(turn_u), bool(turn_v))
            edges.append(Edge(a, b, frozenset(own), pair))
        order = tuple(arrays["order"].tolist())
        return cls(len(order), tuple(edges), order)

    @property
    def numbers(self) -> int:
        """How many parameters it has."""
        grid = (CELLS - 1) ** 2
        return sum(grid if e.pair.family == "grid" else len(e.pair.parameters) for e in self.edges)


def _spanning(
    nodes: Sequence[Given],
    shared: dict[Given, list[int]],
    seen: dict[tuple[int, Given], Floats],
) -> list[tuple[int, int]]:
    """The pairs of nodes that the next tree joins: of those that share one, the most dependent."""
    first, second, weight = [], [], []
    for given, members in shared.items():
        if len(members) < 2:
            continue
        names = [next(iter(nodes[m] - given)) for m in members]
        z = ndtri(np.clip(np.stack([seen[name, given] for name in names]), _EDGE, 1 - _EDGE))
        rho = np.abs(np.corrcoef(z))
        # Kendall's tau, as it is between normals; a spanning tree takes the least, and no zeros.
        tau = 2 / np.pi * np.arcsin(np.clip(np.nan_to_num(rho), 0.0, 1.0))
        i, j = np.triu_indices(len(members), 1)
        place = np.array(members)
        first.append(place[i])
        second.append(place[j])
        weight.append(1.001 - tau[i, j])
    if not first:
        return []
    ends = (np.concatenate(first), np.concatenate(second))
    graph = coo_array((np.concatenate(weight), ends), shape=(len(nodes), len(nodes))).tocsr()
    tree = minimum_spanning_tree(graph).tocoo()
    return sorted(zip(tree.row.tolist(), tree.col.tolist(), strict=True))


def _order(variables: int, edges: Sequence[Edge]) -> tuple[int, ...]:
    """An order in which the variables can be drawn, by taking the last away again and again.

    The last is given in no edge and an end of one at most in each tree; a vine always has such.
    """
    given, ends = np.zeros(variables, dtype=np.int64), np.zeros((variables, variables), dtype=int)
    own: list[set[int]] = [set() for _ in range(variables)]
    for k, edge in enumerate(edges):
        for end in (edge.a, edge.b):
            own[end].add(k)
            ends[end, len(edge.given)] += 1
        given[list(edge.given)] += 1
    order: list[int] = []
    remaining = np.ones(variables, dtype=np.bool_)
    trees = 1 + max((len(edge.given) for edge in edges), default=0)
    for _ in range(variables):
        free = remaining & (given == 0) & (ends[:, :trees] <= 1).all(axis=1)
        last = int(np.flatnonzero(free)[-1])
        order.append(last)
        remaining[last] = False
        for k in sorted(own[last]):
            edge = edges[k]
            other = edge.b if edge.a == last else edge.a
            own[other].discard(k)
            ends[other, len(edge.given)] -= 1
            given[list(edge.given)] -= 1
    return tuple(reversed(order))
