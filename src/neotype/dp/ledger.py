"""The one thing that changes as privacy is spent: nothing is drawn before it was paid here."""

from __future__ import annotations

from dataclasses import replace
from math import fsum
from threading import Lock

from neotype.dp.accountant import HAIR, ZCDP, Accountant, Pure, epsilon_of
from neotype.dp.budget import Budget
from neotype.dp.event import Event, Gaussian, Threshold
from neotype.dp.guarantee import Guarantee, Step
from neotype.errors import BudgetError, BudgetExceededError

THRESHOLDS = 0.1
"""The share of δ that is kept for stability thresholds; the rest is for converting ρ."""


class Ledger:
    """A budget, and what was paid from it. It cannot be copied: a copy would spend twice."""

    def __init__(
        self,
        budget: Budget,
        *,
        accountant: Accountant | None = None,
        thresholds: float = THRESHOLDS,
    ) -> None:
        if not 0 <= thresholds < 1:
            raise BudgetError(
                f"thresholds is {thresholds!r}, and must be a share of δ, 0 or more and below 1."
            )
        delta = budget.delta or 0.0
        self.budget = budget
        self.accountant = accountant or (ZCDP() if delta else Pure())
        self.whole = self.accountant.capacity(budget, delta * (1 - thresholds))
        """What the budget pays for, in the accountant's coin: ρ, or ε where there is no δ."""
        self._deltas = delta * thresholds
        self._delta = delta * (1 - thresholds)
        self._plan = self.accountant.plan
        self._free = list(self._plan or ())
        self._paid: list[tuple[float, float, Step]] = []
        self._lock = Lock()

    @property
    def left(self) -> float:
        """What can still be paid, in any shares: ρ, or ε where there is no δ.

        A hair less than all, so that shares which rounding made too large are paid, too.
        """
        return max(0.0, self.whole * (1 - HAIR) - fsum(price for price, _, _ in self._paid))

    @property
    def left_delta(self) -> float:
        """The δ that can still be paid for thresholds."""
        return max(0.0, self._deltas * (1 - HAIR) - fsum(delta for _, delta, _ in self._paid))

    def epsilon_of(self, price: float) -> float:
        """The ε that so much of the budget is worth by itself."""
        if self.accountant.coin == "ε":
            return price
        return epsilon_of(price, self._delta)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was paid, in order."""
        return tuple(step for _, _, step in self._paid)

    def spend(self, event: Event | tuple[Event, ...], count: int = 1, *, purpose: str) -> None:
        """Pay for `count` draws of an event, or of each of several, or raise and pay nothing."""
        events = event if isinstance(event, tuple) else (event,)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise BudgetError(f"count is {count!r}, and must be a whole number of 1 or more.")
        if not events or not purpose:
            raise BudgetError("a payment needs an event and a purpose that can be told.")
        price = fsum(self.accountant.price(one) for one in events) * count
        delta = fsum(one.delta for one in events if isinstance(one, Threshold)) * count
        with self._lock:
            self._check(price, delta, purpose)
            free = self._places(events * count, purpose)
            names = " and ".join(one.words for one in events)
            self._paid.append((price, delta, Step(purpose, names, count, price, delta)))
            self._free = free

    def portion(self, share: float, *, rows: int, table: str) -> Portion:
        """This share of what is left, for a table in which a unit has `rows` rows at most."""
        return Portion(self, share, rows, table)

    def guarantee(self) -> Guarantee:
        """What is promised, with the list of what was paid."""
        budget = self.budget
        return Guarantee(
            budget.epsilon,
            budget.delta or 0.0,
            self.whole if self.accountant.coin == "ρ" else None,
            budget.unit,
            budget.at_most,
            budget.neighbors,
            self.accountant.name,
            self.steps,
            budget.tables,
        )

    def _check(self, price: float, delta: float, purpose: str) -> None:
        if fsum([price, *(paid for paid, _, _ in self._paid)]) > self.whole:
            raise BudgetExceededError(
                f"{purpose} would cost {self.accountant.coin} = {price:.4g}.",
                found=f"{self.left:.4g} of {self.whole:.4g} is left",
                mend="give a larger epsilon, or ask for less",
            )
        if delta and fsum([delta, *(paid for _, paid, _ in self._paid)]) > self._deltas:
            raise BudgetExceededError(
                f"the threshold of {purpose} would cost δ = {delta:.4g}.",
                found=f"{self.left_delta:.4g} of {self._deltas:.4g} is left for thresholds",
                mend="give a larger delta, a larger share of it to thresholds, or public values",
            )

    def _places(self, events: tuple[Event, ...], purpose: str) -> list[Event]:
        """The places of the plan that stay free after these events took theirs."""
        free = list(self._free)
        if self._plan is None:
            return free
        for event in events:
            if isinstance(event, Threshold):
                continue
            fitting = [place for place in free if _fits(event, place)]
            if not fitting:
                raise BudgetExceededError(
                    f"the plan has no place left for {purpose}.",
                    found=f"{len(free)} of its {len(self._plan)} events are still to be drawn",
                    mend="draw what was planned, or take the accountant 'zcdp': it needs no plan",
                )
            free.remove(min(fitting, key=lambda place: place.rho))
        return free


class Portion(Ledger):
    """A share of a ledger for one table of several, which pays the ledger for all that it draws.

    Its budget says how many rows of the table a unit has, so that a mechanism needs no other.
    """

    def __init__(self, ledger: Ledger, share: float, rows: int, table: str) -> None:
        budget = replace(ledger.budget, at_most=ledger.budget.rows(rows), tables=())
        super().__init__(budget, accountant=ledger.accountant)
        self.whole, self._deltas = share * ledger.left, share * ledger.left_delta
        self._ledger, self._table = ledger, table

    def spend(self, event: Event | tuple[Event, ...], count: int = 1, *, purpose: str) -> None:
        """Pay for draws out of this share and out of the whole ledger."""
        super().spend(event, count, purpose=purpose)
        self._ledger.spend(event, count, purpose=f"{self._table}: {purpose}")

    def guarantee(self) -> Guarantee:
        """What the whole ledger promises."""
        return self._ledger.guarantee()


def _fits(event: Event, place: Event) -> bool:
    """Whether drawing this tells no more than what was planned."""
    alike = type(event) is type(place)
    if isinstance(event, Gaussian) and isinstance(place, Gaussian):
        alike = event.shape == place.shape
    return alike and event.rho <= place.rho * (1 + HAIR)
