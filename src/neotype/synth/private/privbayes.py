"""A network: every digit depends on at most two that come before it.

After Zhang, Cormode, Procopiuc, Srivastava and Xiao 2017, with distances from independence to a
noisy table of the child for scores: a row moves them by 2 at most, and mutual information by more.
What was measured is fitted as a whole, not multiplied child by child.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np

from neotype.dp.mechanism import Mechanism
from neotype.marginal.factor import Factor
from neotype.marginal.fit import fit
from neotype.marginal.graphical import Graphical
from neotype.marginal.junction import cells_each
from neotype.marginal.measurement import Clique, Measurement
from neotype.progress import Progress, silent
from neotype.synth.private.digits import Codes, Digits
from neotype.synth.private.selection import MEAN_NOISE
from neotype.synth.private.strategy import (
    check_cells,
    measure_together,
    one_way,
    pairs_among,
    rows_told,
)


@dataclass(frozen=True)
class PrivBayes:
    """`degree` is the most parents of a digit: 1 or 2. `single` and `selection` are shares of the
    budget; a network begins at the target, so that all that depend on it may name it a parent.
    `cells` caps the junction tree: where a second parent would pass it, one is enough."""

    degree: int = 2
    single: float = 0.15
    selection: float = 0.25
    caution: float = 0.5
    breadth: float = 0.2
    cells: int = 400_000

    def fit(
        self,
        codes: Codes,
        sizes: Sequence[int],
        total: int,
        mechanism: Mechanism,
        *,
        rho: float,
        target: int | None = None,
        known: Sequence[Measurement] = (),
        fixed: Sequence[Factor] = (),
        progress: Progress = silent,
    ) -> Graphical:
        """Single digits, the network one digit after the other, then its tables."""
        digits = Digits(codes, sizes, mechanism)
        pairs = pairs_among(digits.sizes)
        if not pairs:
            found, _ = one_way(digits, rho, ())
            return fit(digits.sizes, [*known, *found], total, fixed=fixed)
        single = self.single * rho
        found, unused = one_way(digits, single, known)
        left = rho - single + unused
        progress("measure", 1, 3)
        rows = rows_told(total, digits.worth(rho), found)
        before = fit(digits.sizes, found, rows, fixed=fixed)
        paid = self.selection * left
        network = _Network(digits, before, rows, paid, left - paid, self)
        settled = [factor.axes for factor in fixed]
        cliques = network.grow(pairs, target, settled)
        check_cells(digits.sizes, [*cliques, *settled], self.cells)
        progress("measure", 2, 3)
        left -= paid
        measure_together(
            digits, cliques, found, rho=left, breadth=self.breadth, purpose="children with parents"
        )
        model = fit(digits.sizes, found, rows_told(total, digits.worth(rho), found), fixed=fixed)
        progress("measure", 3, 3)
        return model


class _Network:
    """Digits enter one by one, each with the parents that it depends on most."""

    def __init__(
        self,
        digits: Digits,
        single: Graphical,
        total: float,
        selection: float,
        tables: float,
        strategy: PrivBayes,
    ) -> None:
        told = [k for k, size in enumerate(digits.sizes) if size > 1]
        second = max(0, len(told) - 2) if strategy.degree > 1 else 0
        self._rho = selection / (len(told) - 1 + second)
        # The mean noise of a cell if all tables get alike, times caution.
        each = digits.worth(tables / (len(told) - 1))
        self._noise = strategy.caution * MEAN_NOISE * sqrt(0.5 / each)
        self._digits, self._single, self._total = digits, single, total
        self._degree = strategy.degree
        self._told, self._cells = told, strategy.cells

    def grow(
        self, pairs: Sequence[Clique], target: int | None, settled: Sequence[Clique]
    ) -> list[Clique]:
        """The table of every digit but the first: itself and its parents. `settled` hold anyway."""
        references = dict(zip(pairs, self._single.project(pairs), strict=True))
        placed, cliques = list[int](), list[Clique]()
        if target in self._told:
            placed.append(target)
        while len(placed) < len(self._told):
            joining = [
                pair
                for pair in pairs
                if not placed or (pair[0] in placed) is not (pair[1] in placed)
            ]
            place = self._digits.choose(
                joining,
                [self._total * references[pair] for pair in joining],
                self._rho,
                "parents",
                minus=self._noise * np.array([references[pair].size for pair in joining]),
            )
            first, second = joining[place]
            child, parent = (second, first) if first in placed or not placed else (first, second)
            if not placed:
                placed.append(parent)
            cliques.append(self._with_second(child, parent, placed, [*settled, *cliques]))
            placed.append(child)
        return cliques

    def _with_second(
        self, child: int, parent: int, placed: Sequence[int], cliques: Sequence[Clique]
    ) -> Clique:
        """The table of a digit with one parent, or two where the tree stays within its cells."""
        sizes = self._digits.sizes
        pairs: list[Clique] = [(parent, axis) for axis in placed if axis != parent]
        if self._degree < 2 or not pairs:
            return (child, parent)
        needed = cells_each(sizes, cliques, [(child, *pair) for pair in pairs])
        # Digits that are still to come need a pair each.
        room = self._cells - (len(self._told) - len(placed)) * max(sizes) ** 2
        pairs = [pair for pair, size in zip(pairs, needed, strict=True) if size <= room]
        parents: list[Clique] = [(parent,), *pairs]
        cells = np.array([sizes[child] * prod(sizes[a] for a in own) for own in parents])
        place = self._digits.choose_parent(
            self._single.marginal((child,)),
            child,
            parents,
            self._rho,
            "parents",
            minus=self._noise * cells,
        )
        return (child, *parents[place])
