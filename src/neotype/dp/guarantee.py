"""What is promised, in numbers and in a sentence, and what was paid for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from neotype.dp.budget import Budget, Neighbors

_METHODS = {
    "pure": "pure composition",
    "zcdp": "zCDP, converted as by Canonne, Kamath and Steinke 2020",
    "rdp": "Rényi differential privacy of one order, converted as by Canonne, Kamath and Steinke "
    "2020",
    "pld": "privacy loss distributions (dp-accounting) over a plan settled beforehand",
}


@dataclass(frozen=True)
class Step:
    """One payment: what for, by which kind of noise, how often, and the price of all of it."""

    purpose: str
    event: str
    count: int
    price: float
    delta: float = 0.0


@dataclass(frozen=True)
class Guarantee:
    """The promise of a release.

    `epsilon` and `delta` are those of the budget, not of what was spent of it: they hold whatever
    would have been drawn in the light of what. `rho` is what they pay for (None where ε adds up).
    """

    epsilon: float
    delta: float
    rho: float | None
    unit: str
    at_most: int
    neighbors: Neighbors
    accountant: str
    steps: tuple[Step, ...]
    tables: tuple[tuple[str, int], ...] = ()
    """Of a database: the tables of a unit's rows, and how many of each count."""

    @property
    def promise(self) -> str:
        """What is promised, without what was paid for."""
        if not self.delta:
            pure = f"Purely differentially private with ε = {self.epsilon:g}"
            return f"{pure} for {self.budget.words}"
        private = f"ε = {self.epsilon:g} and δ = {self.delta:g}"
        return f"Differentially private with {private} for {self.budget.words}"

    @property
    def budget(self) -> Budget:
        """The budget that was kept to."""
        delta = self.delta or None
        return Budget(self.epsilon, delta, self.neighbors, self.unit, self.at_most, self.tables)

    def sentence(self) -> str:
        """All of it in words, fit for a report."""
        listed = "; ".join(_told(step, self.coin) for step in self.payments) or "nothing yet"
        return f"{self.promise}. {self.account} Paid for: {listed}."

    @property
    def coin(self) -> str:
        """What adds up: ρ, or ε where there is no δ."""
        return "ε" if self.rho is None else "ρ"

    @property
    def account(self) -> str:
        """By whom it was added up, and how much was paid of how much."""
        paid = sum(step.price for step in self.steps)
        whole = self.epsilon if self.rho is None else self.rho
        method = _METHODS.get(self.accountant, self.accountant)
        return f"Accountant: {method}; {self.coin} = {paid:.4g} paid of {whole:.4g}."

    @property
    def payments(self) -> tuple[Step, ...]:
        """What was paid for, with the same thing of several columns as one: `steps` has each."""
        return tuple(_summed(self.steps))

    def facts(self) -> dict[str, Any]:
        """All of it as JSON."""
        steps = [asdict(step) for step in self.steps]
        return asdict(self) | {"steps": steps, "tables": [list(one) for one in self.tables]}

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> Guarantee:
        """The guarantee that gave these facts."""
        steps = tuple(Step(**step) for step in facts["steps"])
        neighbors = cast(Neighbors, facts["neighbors"])
        tables = tuple((str(name), int(most)) for name, most in facts.get("tables", ()))
        return cls(**{**facts, "steps": steps, "neighbors": neighbors, "tables": tables})


def _summed(steps: tuple[Step, ...]) -> list[Step]:
    """Payments of one kind for one purpose, of whichever column, as one."""
    alike: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        alike.setdefault((_COLUMN.sub("column", step.purpose), step.event), []).append(step)
    return [_one(some) for some in alike.values()]


_COLUMN = re.compile(r"column '.*'")


def _one(some: list[Step]) -> Step:
    """These payments as one; those of several columns say of how many."""
    purposes = dict.fromkeys(step.purpose for step in some)
    purpose = next(iter(purposes))
    if len(purposes) > 1:
        purpose = _COLUMN.sub(f"each of {len(purposes)} columns", purpose)
    return Step(
        purpose,
        some[0].event,
        sum(step.count for step in some),
        sum(step.price for step in some),
        sum(step.delta for step in some),
    )


def _told(step: Step, coin: str) -> str:
    times = f" × {step.count}" if step.count > 1 else ""
    delta = f", δ {step.delta:.2g}" if step.delta else ""
    return f"{step.purpose} ({step.event}{times}, {coin} {step.price:.3g}{delta})"
