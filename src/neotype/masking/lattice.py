"""Full-domain generalisation: every column to one level, all rows alike, as little as is needed.

The levels of all columns span a lattice. What fails at one node fails at all nodes below it
(Samarati 2001; LeFevre et al. 2005, Incognito; El Emam et al. 2009, OLA), and cost grows upwards,
so that each look at a node settles many others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from neotype.errors import DataError
from neotype.masking.scale import Ints, Scale, Step

MOST_NODES = 200_000


def nodes_of(
    scales: Sequence[Scale], steps: Sequence[Sequence[Step]]
) -> tuple[Ints, NDArray[np.float64]]:
    """Every combination of levels, (nodes, columns), and its mean cost; cheapest first."""
    counts = [len(levels) for levels in steps]
    if np.prod([float(n) for n in counts]) > MOST_NODES:
        raise DataError(
            f"{len(scales)} quasi-identifiers with {', '.join(map(str, counts))} levels have more "
            f"than {MOST_NODES:,} combinations.",
            mend="name fewer levels (hierarchies: {age: [5, 10, 20]}), or use method: mondrian",
        )
    nodes = np.indices(counts).reshape(len(counts), -1).T
    cost = np.zeros(len(nodes))
    for at, (scale, levels) in enumerate(zip(scales, steps, strict=True)):
        rows = np.bincount(scale.codes, minlength=scale.size)
        own = [float((level.cost[level.groups] * rows).sum() / rows.sum()) for level in levels]
        cost += np.array(own)[nodes[:, at]] / len(scales)
    order = np.lexsort((nodes.sum(axis=1), cost))
    return nodes[order], cost[order]


def cheapest(nodes: Ints, holds: Callable[[Ints], bool]) -> Ints | None:
    """The first node of those that hold; `holds` is asked of a few of them only.

    `nodes` come cheapest first. A node that fails rules out all that generalise no column more.
    """
    left, best = np.arange(len(nodes)), None
    while len(left):
        at = left[len(left) // 2]
        if holds(nodes[at]):
            best = nodes[at]
            left = left[left < at]
        else:
            left = left[~(nodes[left] <= nodes[at]).all(axis=1)]
    return best
