"""The default: the pairs that are worth their noise, all scored at once, then measured and fitted.

With a target every digit is first measured together with it, and the pairs are scored against what
that explains; they are measured with the target or without, whichever is worth more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Self

import numpy as np

from neotype.dp.mechanism import Mechanism
from neotype.marginal.factor import Factor
from neotype.marginal.fit import fit
from neotype.marginal.graphical import Graphical
from neotype.marginal.measurement import Clique, FloatArray, Measurement
from neotype.progress import Progress, silent
from neotype.synth.private.digits import Codes, Digits
from neotype.synth.private.selection import Candidates, select
from neotype.synth.private.strategy import (
    MOST_CELLS,
    check_cells,
    measure_together,
    one_way,
    pairs_among,
    rows_told,
)

_CELLS = 400_000
_STEPS = 4


@dataclass(frozen=True)
class Marginals:
    """`single`, `star` and `selection` are shares of the budget; `selection` grows where scores
    would drown in noise. `caution` times its own error is what a table must explain, `breadth` how
    often a single digit's error counts in its pairs, `triples` what a score of a pair
    with the target counts beside one without; `second` is the share of the chosen tables' budget
    for those that the model of the others gets wrong; `cells` caps the junction tree."""

    single: float = 0.1
    star: float = 0.15
    selection: float = 0.05
    caution: float = 0.85
    breadth: float = 0.2
    triples: float = 1.0
    second: float = 0.0
    cells: int | None = None

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
        among: Sequence[Clique] | None = None,
        fixed: Sequence[Factor] = (),
        progress: Progress = silent,
    ) -> Graphical:
        """Single digits, the target's pairs, scores, chosen tables: then the model of all these.

        `among` are the pairs that may be measured: all, unless it is said.
        """
        digits = Digits(codes, sizes, mechanism)
        pairs = pairs_among(digits.sizes) if among is None else list(among)
        aim = target if target is not None and digits.sizes[target] > 1 else None
        stars = [pair for pair in pairs if aim in pair]
        others = [pair for pair in pairs if pair not in set(stars)]
        settled = [*stars, *(factor.axes for factor in fixed)]
        settled += [table.clique for table in known if len(table.clique) > 1]
        base = check_cells(digits.sizes, settled, self.cells or MOST_CELLS)
        cap = self.cells or max(_CELLS, 2 * base)
        single = self.single * rho if pairs else rho
        found, unused = one_way(digits, single, known if pairs else ())
        left = rho - single + unused
        progress("measure", 1, _STEPS)
        if stars:
            paid = left * (self.star if others else 1.0)
            found += digits.measure_all(stars, paid, "each column with the target")
            left -= paid
        progress("measure", 2, _STEPS)
        chosen = list[Clique]()
        if others:
            scores = len(others) * (2 if stars else 1)
            paid = left * self._selection(scores, digits.worth(left), total)
            left -= paid
            rows = rows_told(total, digits.worth(rho), found)
            before = fit(digits.sizes, found, rows, fixed=fixed)
            scored = _Scored.of(digits, before, others, aim, rows, paid, cap)
            candidates = scored.weighed(len(others), self.triples)
            chosen = self._select(digits, settled, candidates, left, cap)
        progress("measure", 3, _STEPS)
        if left > 0 and pairs:
            # Where nothing is worth its noise, what is told already gets clearer.
            last = self.second * left if chosen else 0.0
            self._measure(digits, chosen or stars, found, left - last)
            if last:
                model = fit(digits.sizes, found, rows, fixed=fixed)
                missed = scored.missed(model, rows, chosen)
                more = self._select(digits, [*settled, *chosen], missed, last, cap)
                self._measure(digits, more or chosen, found, last)
        found += [] if pairs else known
        model = fit(digits.sizes, found, rows_told(total, digits.worth(rho), found), fixed=fixed)
        progress("measure", _STEPS, _STEPS)
        return model

    def _select(
        self,
        digits: Digits,
        base: Sequence[Clique],
        candidates: Candidates,
        rho: float,
        cap: int,
    ) -> list[Clique]:
        worth = digits.worth(rho)
        return select(digits.sizes, base, candidates, rho=worth, caution=self.caution, cap=cap)

    def _measure(
        self, digits: Digits, cliques: Sequence[Clique], found: list[Measurement], rho: float
    ) -> None:
        measure_together(
            digits, cliques, found, rho=rho, breadth=self.breadth, purpose="columns together"
        )

    def _selection(self, scores: int, rho: float, total: int) -> float:
        """The share for scores: more where their noise is large beside the number of rows."""
        noise = sqrt(scores / (2 * rho)) / max(1, total)
        return float(np.clip(self.selection * (noise / 0.0014) ** 0.3, 0.02, 0.3))


@dataclass(frozen=True)
class _Scored:
    """How far tables are from what was expected of them, with noise of `sigma`."""

    cliques: list[Clique]
    expected: list[FloatArray]
    scores: FloatArray
    sigma: float

    @classmethod
    def of(
        cls,
        digits: Digits,
        before: Graphical,
        pairs: Sequence[Clique],
        target: int | None,
        total: float,
        rho: float,
        cap: int,
    ) -> Self:
        """How much each pair, and each pair with the target, has beyond what is known."""
        cliques = list(pairs)
        expected = [total * table for table in before.project(pairs)]
        if target is not None:
            triples = [(i, j, target) for i, j in pairs]
            small = [c for c in triples if prod(digits.sizes[a] for a in c) <= cap]
            cliques += small
            expected += [total * table for table in _given(before, small, target)]
        scores, sigma = digits.distances(cliques, expected, rho, "which columns belong together")
        return cls(cliques, expected, scores, sigma)

    def weighed(self, pairs: int, triples: float) -> Candidates:
        """The tables to choose from; those after the first `pairs` count `triples` times."""
        scores = self.scores.copy()
        scores[pairs:] *= triples
        return Candidates(self.cliques, scores)

    def missed(self, model: Graphical, total: float, chosen: Sequence[Clique]) -> Candidates:
        """The other tables, and how much nearer or further they are than in a model.

        Two columns that a third depends on depend on each other in a model that was never told that
        they do not; their own score knew.
        """
        there = set(chosen)
        left = [k for k, clique in enumerate(self.cliques) if clique not in there]
        tables = model.project([self.cliques[k] for k in left])
        far = [
            float(np.abs(total * table - self.expected[k]).sum())
            for k, table in zip(left, tables, strict=True)
        ]
        wrong = np.abs(np.array(far) - self.scores[left]) - self.sigma
        return Candidates([self.cliques[k] for k in left], np.maximum(wrong, 0.0))


def _given(model: Graphical, triples: Sequence[Clique], target: int) -> list[FloatArray]:
    """p(i, j, target) where i and j depend on nothing but the target."""
    digits = sorted({axis for clique in triples for axis in clique[:2]})
    joint = dict(zip(digits, model.project([(k, target) for k in digits]), strict=True))
    alone = model.marginal((target,))
    safe = np.where(alone > 0, alone, 1.0)
    return [np.einsum("at,bt->abt", joint[i], joint[j] / safe) for i, j, _ in triples]
