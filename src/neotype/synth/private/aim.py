"""Round by round: choose the pair that the model gets most wrong, measure it, fit again.

McKenna, Mullins, Sheldon and Miklau 2022, over all pairs. A few pairs are chosen before each fit;
they are chosen, and paid for, one by one. Each fit starts from the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neotype.dp.mechanism import Mechanism
from neotype.marginal.factor import Factor
from neotype.marginal.fit import fit
from neotype.marginal.graphical import Graphical
from neotype.marginal.junction import cells_each
from neotype.marginal.measurement import Clique, FloatArray, Measurement
from neotype.progress import Progress, silent
from neotype.synth.private.digits import Codes, Digits
from neotype.synth.private.selection import MEAN_NOISE
from neotype.synth.private.strategy import one_way, pairs_among, rows_told


@dataclass(frozen=True)
class AIM:
    """`rounds` times the number of digits is the most pairs that are measured, `picks` at a time.

    Pairs with the target weigh `favour` times as much. `selection` is the share for choosing, and
    `cells` what the junction tree may reach by the time that all is spent.
    """

    rounds: float = 16
    picks: int = 4
    selection: float = 0.1
    favour: float = 3.0
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
        """Single digits first; then a round of pairs after the other until all is spent."""
        digits = Digits(codes, sizes, mechanism)
        pairs = pairs_among(digits.sizes)
        most = max(1.0, self.rounds * len(digits.sizes))
        single = rho * (1 - self.selection) * len(digits.sizes) / most if pairs else rho
        found, unused = one_way(digits, single, known)
        left = rho - single + unused
        if not pairs:
            return fit(digits.sizes, _more(digits, found, left), total, fixed=fixed)
        price, cliques = rho / most, [f.axes for f in fixed]
        rows = rows_told(total, digits.worth(rho), found)
        model = fit(digits.sizes, found, rows, fixed=fixed)
        tables = model.project(pairs)
        weights = np.array([self.favour if target in pair else 1.0 for pair in pairs])
        while left > 0:
            last = left < 2 * self.picks * price
            price = left / self.picks if last else price
            sigma = mechanism.sigma(rho=(1 - self.selection) * price)
            within = self.cells if last else self.cells * (1 - left / rho)
            chosen = list[int]()
            for _ in range(self.picks):
                fitting = _fitting(digits.sizes, cliques, pairs, within, chosen)
                place = self._choose(digits, pairs, fitting, tables, rows, weights, price, sigma)
                chosen.append(place)
                cliques.append(pairs[place])
                spent = (1 - self.selection) * price
                found.append(digits.measure(pairs[place], spent, "pairs that the model had wrong"))
            left = 0.0 if last else left - self.picks * price
            rows = rows_told(total, digits.worth(rho), found)
            model = fit(digits.sizes, found, rows, start=model, fixed=fixed)
            before, tables = tables, model.project(pairs)
            moved = [rows * float(np.abs(tables[k] - before[k]).sum()) for k in chosen]
            noise = [MEAN_NOISE * sigma * tables[k].size for k in chosen]
            if sum(moved) <= sum(noise):
                price *= 4  # Twice the epsilon of a choice, and half the sigma of a table.
            progress("measure", round(1000 * (1 - left / rho)), 1000)
        return model

    def _choose(
        self,
        digits: Digits,
        pairs: Sequence[Clique],
        fitting: Sequence[int],
        tables: Sequence[FloatArray],
        total: float,
        weights: FloatArray,
        price: float,
        sigma: float,
    ) -> int:
        """A pair that the model gets wrong by more than its own noise will be."""
        expected = np.array([MEAN_NOISE * sigma * tables[k].size for k in fitting])
        return fitting[
            digits.choose(
                [pairs[k] for k in fitting],
                [total * tables[k] for k in fitting],
                self.selection * price,
                "which pair the model has most wrong",
                minus=expected,
                weights=weights[fitting],
            )
        ]


def _fitting(
    sizes: Sequence[int],
    cliques: Sequence[Clique],
    pairs: Sequence[Clique],
    cap: float,
    chosen: Sequence[int],
) -> list[int]:
    """The pairs with which the tree stays within the cap; else the one that adds least to it."""
    free = [k for k in range(len(pairs)) if k not in set(chosen)] or list(range(len(pairs)))
    held = set(cliques)
    size = cells_each(sizes, cliques, [pairs[k] for k in free])
    fitting = [k for k, cells in zip(free, size, strict=True) if cells <= cap or pairs[k] in held]
    return fitting or [free[int(np.argmin(size))]]


def _more(digits: Digits, found: list[Measurement], rho: float) -> list[Measurement]:
    """Single digits once more, where nothing else can be measured."""
    told = [(k,) for k, size in enumerate(digits.sizes) if size > 1]
    return [*found, *digits.measure_all(told, rho, "each column by itself")] if rho > 0 else found
