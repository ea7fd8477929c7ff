"""Sums over rows that are sampled anew each time, with noise: what DP-SGD is made of.

Abadi et al. 2016. Each row is in a sum with the same chance, whatever the others do (Poisson), by
bits of the operating system. A caller says how far a row that is in it moves the sum (its clip).
Sums are floats, and their digits would tell what they were computed from, so they are rounded to a
grid and get noise of whole numbers, as all else that leaves `Mechanism`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import floor, sqrt

import numpy as np
from numpy.typing import NDArray

from neotype.dp import entropy, noise
from neotype.dp.accountant import Accountant
from neotype.dp.budget import Budget
from neotype.dp.event import SampledGaussian
from neotype.dp.ledger import Ledger
from neotype.errors import BudgetError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_LOTS = 2**32
"""A row's lot is one of so many: rates are rounded down to such parts."""
_FINE, _WIDEST = 0.02, 100_000
"""How much rounding to the grid may add to the sensitivity, unless the noise would be wider than so
many cells of it: a table of more symbols takes seconds to make."""
_STRAY = 1.02
"""Cells that rounding moves a number by at most: 1, and a little for sums done in floats."""
_FLOATS = 1 + 1e-4
"""What floats may add to a clip: the last digits of a row's part may hang on the rows beside it."""
_WIDEST_RATIO, _HALVINGS = 1e6, 60


class Sampled:
    """So many noisy sums, which were all paid for before the first."""

    def __init__(
        self, ledger: Ledger, *, rho: float, rate: float, steps: int, purpose: str
    ) -> None:
        check_samples(ledger.budget)
        if not rate > 0 or steps < 1:
            raise BudgetError(f"{steps} sums of rows sampled at {rate!r} are none.")
        lots = max(1, floor(min(rate, 1.0) * _LOTS))
        self.event = narrowest(ledger.accountant, rho, lots / _LOTS, steps)
        ledger.spend(self.event, steps, purpose=purpose)
        self.left = steps
        self._lots = lots

    def sum(self, rows: int, summed: Callable[[Ints], Floats], *, reach: float) -> Floats:
        """What `summed` says of the places of some of so many rows, with noise.

        A row that is among them moves the sum by `reach` at most (L2), and the places of others
        must not matter for what they add.
        """
        if not self.left:
            raise BudgetError(
                "no more sums were paid for.", mend="say beforehand how many there will be"
            )
        self.left -= 1
        values = summed(np.flatnonzero(_drawn(rows) < self._lots))
        reach, root = reach * _FLOATS, sqrt(values.size)
        fine = max(_FINE * _STRAY, self.event.ratio * _STRAY * root / _WIDEST)
        grid = fine * reach / (_STRAY * root)
        sigma = self.event.ratio * (1 + fine) * reach / grid
        whole = np.rint(values / grid).astype(np.int64)
        return (whole + noise.drawn(whole.size, sigma)).astype(np.float64) * grid


def check_samples(budget: Budget) -> None:
    """BudgetError where sums over sampled rows have no price: it follows from the budget alone."""
    if budget.delta is None:
        fault, mend = "has no delta", "give a delta, such as 1e-6"
    elif budget.swaps != 1:
        fault, mend = "is for replaced rows", "take neighbors='add-remove'"
    elif budget.at_most != 1:
        fault = f"protects up to {budget.at_most} rows of one {budget.unit}"
        mend = "give at_most=1, or make a table with one row of each"
    else:
        return
    raise BudgetError(
        "a network cannot be learnt within this budget: how much is gained by sampling rows is "
        f"known of one row that is there or not, and the budget {fault}.",
        mend=f"{mend}; or take the synthesizer 'marginals', which serves every budget",
    )


@lru_cache(maxsize=64)
def narrowest(accountant: Accountant, rho: float, rate: float, steps: int) -> SampledGaussian:
    """The least noise of which `steps` sums cost `rho` at most, to a millionth."""
    if not rho > 0:
        raise BudgetError(f"rho is {rho!r}, and must be a number above 0.")
    least, most = 1e-3, _WIDEST_RATIO
    for _ in range(_HALVINGS):
        ratio = sqrt(least * most)
        enough = accountant.price(SampledGaussian(ratio, rate)) * steps <= rho
        least, most = (least, ratio) if enough else (ratio, most)
    return SampledGaussian(most, rate)


def _drawn(rows: int) -> NDArray[np.uint32]:
    """A lot for each row, from the operating system."""
    return np.frombuffer(entropy.drawn(4 * rows), dtype=np.uint32)
