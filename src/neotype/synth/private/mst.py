"""A tree of pairs: the dependences that matter most, and nothing beside them.

McKenna, Miklau and Sheldon 2021, who won NIST's challenge of 2018 with it. A named target need not
become a neighbour of what predicts it: take `Marginals` then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neotype.dp.mechanism import Mechanism
from neotype.marginal.factor import Factor
from neotype.marginal.fit import fit
from neotype.marginal.graphical import Graphical
from neotype.marginal.measurement import Clique, FloatArray, Measurement
from neotype.progress import Progress, silent
from neotype.synth.private.digits import Codes, Digits
from neotype.synth.private.strategy import (
    MOST_CELLS,
    check_cells,
    measure_together,
    one_way,
    pairs_among,
    rows_told,
)


@dataclass(frozen=True)
class MST:
    """`single` and `selection` are shares of the budget; the pairs of the tree get the rest."""

    single: float = 0.2
    selection: float = 0.2
    breadth: float = 0.2
    cells: int = MOST_CELLS

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
        """The maximum spanning tree of distances from independence, edge by edge."""
        digits = Digits(codes, sizes, mechanism)
        pairs = pairs_among(digits.sizes)
        if not pairs:
            found, left = one_way(digits, rho, ())
            return fit(digits.sizes, [*known, *found], total, fixed=fixed)
        single = self.single * rho
        found, unused = one_way(digits, single, known)
        left = rho - single + unused
        progress("measure", 1, 3)
        rows = rows_told(total, digits.worth(rho), found)
        before = fit(digits.sizes, found, rows, fixed=fixed)
        references = [rows * table for table in before.project(pairs)]
        paid = self.selection * left
        edges = _spanning(digits, pairs, references, paid)
        check_cells(digits.sizes, [*edges, *(f.axes for f in fixed)], self.cells)
        progress("measure", 2, 3)
        left -= paid
        measure_together(
            digits, edges, found, rho=left, breadth=self.breadth, purpose="pairs of the tree"
        )
        model = fit(digits.sizes, found, rows_told(total, digits.worth(rho), found), fixed=fixed)
        progress("measure", 3, 3)
        return model


def _spanning(
    digits: Digits, pairs: Sequence[Clique], references: Sequence[FloatArray], rho: float
) -> list[Clique]:
    """Kruskal's tree, every edge a private choice among those that join two parts."""
    part = {axis: axis for pair in pairs for axis in pair}
    left, edges = list(range(len(pairs))), list[Clique]()
    picks = len(part) - 1
    for _ in range(picks):
        place = digits.choose(
            [pairs[k] for k in left], [references[k] for k in left], rho / picks, "pairs of a tree"
        )
        first, second = pairs[left[place]]
        edges.append(pairs[left[place]])
        old, new = part[first], part[second]
        part = {axis: new if own == old else own for axis, own in part.items()}
        left = [k for k in left if part[pairs[k][0]] != part[pairs[k][1]]]
    return edges
