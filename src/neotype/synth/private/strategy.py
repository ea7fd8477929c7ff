"""How a budget is turned into a model of leading digits: what all strategies have in common."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Protocol

from neotype.dp.budget import Budget
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.errors import FitError
from neotype.marginal.factor import Factor
from neotype.marginal.graphical import Graphical
from neotype.marginal.junction import cells, junction_tree
from neotype.marginal.measurement import Clique, Measurement
from neotype.progress import Progress, silent
from neotype.synth.leading import Head
from neotype.synth.private.digits import Codes, Digits
from neotype.synth.private.selection import shares_with_singles

MOST_CELLS = 4_000_000
"""More than that no default allows: minutes, and gigabytes."""
_COUNTED = 0.001
"""The share of the budget that the number of rows is taken to have cost."""


class CellsError(FitError):
    """A model would need more cells than it may have."""

    def __init__(
        self, needed: int, cap: int, shape: Sequence[int], digits: Sequence[object]
    ) -> None:
        self.needed, self.cap, self.shape, self.digits = needed, cap, shape, digits
        sizes = " × ".join(map(str, shape))
        super().__init__(
            f"the model needs {needed:,} cells, and its cap is {cap:,}; "
            f"{', '.join(map(str, digits))} alone have {sizes} = {prod(shape):,} together.",
            mend="raise the cap (cells=), leave columns out, or declare fewer categories or bins",
        )

    def named(self, names: Sequence[str]) -> CellsError:
        """The same of columns, given the name of each digit's."""
        told = [f"'{names[digit]}'" for digit in self.digits if isinstance(digit, int)]
        return CellsError(self.needed, self.cap, self.shape, told)


class Strategy(Protocol):
    """How a budget is spent: which tables are worth their noise, and how much each of them gets.

    One that cannot pay as others do has a method `accountant(budget)`, by whom it can.
    """

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
    ) -> Head:
        """A model of the digits × rows `codes`; all of `rho` is paid, and never more.

        `sizes`, `total` and `known`, tables that were measured before, are public or noisy.
        `fixed` are log-weights that hold whatever is measured: −∞ where rules allow no row.
        `target` is the digit of the column that others are to be predicted from.
        """


def ledger_of(strategy: Any, budget: Budget) -> Ledger:
    """A ledger in which the strategy can pay. BudgetError where it cannot, by the budget alone."""
    accountant = getattr(strategy, "accountant", None)
    return Ledger(budget, accountant=None if accountant is None else accountant(budget))


class Nothing:
    """What is measured of a table in which nothing was found that many rows share."""

    def fit(self, *_: Any, **__: Any) -> Graphical:
        """A model of one symbol, which no column has."""
        return Graphical.of((1,), ())


def one_way(
    digits: Digits, rho: float, known: Sequence[Measurement]
) -> tuple[list[Measurement], float]:
    """Each digit by itself, as it is known already or else measured, and what is left of `rho`.

    `rho` would pay for all digits; known ones leave their part. A digit of one symbol is no news.
    """
    there = {m.clique for m in known}
    told = [(k,) for k, size in enumerate(digits.sizes) if size > 1]
    missing = [clique for clique in told if clique not in there]
    if not missing:
        return list(known), rho
    paid = rho * len(missing) / len(told)
    found = digits.measure_all(missing, paid, "each column by itself")
    return [*known, *found], rho - paid


def rows_told(total: int, rho: float, tables: Sequence[Measurement]) -> float:
    """The number of rows that noisy tables and `total` speak for together.

    Every table adds up to it, and most are less noisy than a count that cost .1 % of the budget;
    `total` is taken to be such a count. A model of a wrong number of rows spreads the difference.
    """
    counts = [(float(total), _COUNTED * rho)]
    counts += [
        (float(m.counts.sum()), 0.5 / (m.sigma**2 * m.counts.size)) for m in tables if m.sigma
    ]
    weights = sum(weight for _, weight in counts)
    return max(1.0, sum(count * weight for count, weight in counts) / weights)


def measure_together(
    digits: Digits,
    cliques: Sequence[Clique],
    found: list[Measurement],
    *,
    rho: float,
    breadth: float,
    purpose: str,
) -> None:
    """Add to `found` these tables, and what single digits lack beside them, for all of `rho`."""
    worth = digits.worth(rho)
    tables, parts = shares_with_singles(digits.sizes, cliques, found, rho=worth, breadth=breadth)
    for table, part in zip(tables, parts, strict=True):
        found.append(digits.measure(table, rho * float(part), purpose))


def pairs_among(sizes: Sequence[int]) -> list[Clique]:
    """All pairs of digits that can depend on each other."""
    told = [k for k, size in enumerate(sizes) if size > 1]
    return [(i, j) for place, i in enumerate(told) for j in told[place + 1 :]]


def check_cells(sizes: Sequence[int], cliques: Sequence[Clique], cap: int) -> int:
    """The cells of the tree of these cliques, or an error that names the largest one."""
    needed = cells(sizes, cliques)
    if needed > cap:
        widest = junction_tree(sizes, cliques).widest
        raise CellsError(needed, cap, [sizes[axis] for axis in widest], [int(k) for k in widest])
    return needed
