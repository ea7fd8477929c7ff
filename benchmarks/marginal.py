"""What graphical models from noisy tables cost, on made digits."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.measure import Clock, alone, table

CASES = {
    "15 variables × 16, pairs up to 100,000 cells": (15, 16, 40_000, 25, 0),
    "15 variables × 16, a tree of triples with the target": (15, 16, 40_000, 0, 25),
    "100 variables × 12, a tree": (100, 12, 10_000, 0, 0),
    "100 variables × 12, a tree and pairs up to 100,000 cells": (100, 12, 10_000, 60, 0),
}
"""Variables, symbols, rows, pairs beyond a tree, and triples with the last variable."""


def case(name: str) -> dict[str, Any]:
    """CPU-seconds of each step, compiling left out."""
    from neotype.marginal.fit import fit
    from neotype.marginal.junction import grow, junction_tree
    from neotype.marginal.measurement import Measurement
    from neotype.rng import Rng

    variables, symbols, rows, pairs, triples = CASES[name]
    g = np.random.default_rng(0)
    codes = g.integers(0, symbols, (variables, rows))
    for k in range(1, variables):
        near = (codes[(k - 1) // 2] + codes[k - 1] // 4 + g.integers(0, 3, rows)) % symbols
        codes[k] = np.where(g.random(rows) < 0.6, near, codes[k])
    sizes = (symbols,) * variables
    tree = [((k - 1) // 2, k) for k in range(1, variables)]
    every = [pair for pair in combinations(range(variables), 2) if pair not in tree]
    more = [every[k] for k in g.permutation(len(every))[: 4 * pairs]]
    last = variables - 1
    more += [(i, j, last) for i, j in tree[:triples] if j != last]

    def measured(clique: tuple[int, ...]) -> Measurement:
        shape = (symbols,) * len(clique)
        index = np.ravel_multi_index([codes[v] for v in clique], shape)
        counts = np.bincount(index, minlength=int(np.prod(shape))).reshape(shape)
        return Measurement(clique, counts + 30 * g.normal(size=shape), 30.0)

    found: dict[str, Any] = {}
    clock = Clock()
    grow(sizes, tree, more[:1], 100_000)
    clock.lap()
    cliques = [*tree, *grow(sizes, tree, more, 100_000)]
    found["grow"] = clock.lap()[0]
    tables = [measured(c) for c in [*((v,) for v in range(variables)), *cliques]]
    warm = fit(sizes, tables, rows, iterations=2)
    warm.sample(100, Rng(0))
    clock.lap()
    model = fit(sizes, tables, rows)
    found["fit"] = clock.lap()[0]
    fewer = fit(sizes, tables[:-1], rows)
    clock.lap()
    fit(sizes, tables, rows, start=fewer)
    found["again"] = clock.lap()[0]
    clock.lap()
    model.project(list(combinations(range(variables), 2)))
    found["project"] = clock.lap()[0]
    clock.lap()
    model.sample(1_000_000, Rng(0))
    found["sample"] = clock.lap()[0]
    found["cells"] = junction_tree(sizes, cliques).cells
    found["tables"] = len(tables)
    return found


def marginal() -> str:
    """The table of all cases."""
    rows = []
    for name in CASES:
        found = alone("benchmarks.marginal", "case", name)
        steps = [f"{found[step]:.2f}" for step in ("grow", "fit", "again", "project", "sample")]
        rows.append([name, str(found["tables"]), f"{found['cells']:,}", *steps])
        print("  ".join(rows[-1]), flush=True)
    head = ["made digits", "tables", "cells", "choose", "fit", "fit with one more"]
    head += ["all pairs", "1,000,000 rows"]
    return f"## Graphical models\n\nCPU-seconds.\n\n{table(head, rows)}\n"
