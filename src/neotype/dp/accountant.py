"""What events cost together: pure, zero-concentrated, or by numerical privacy loss.

zCDP is the default. Its prices add up, whatever is chosen in the light of earlier answers: also
how much noise comes next (a privacy filter: Feldman and Zrnic 2021, Whitehouse et al. 2023).
Privacy loss distributions add up more tightly, 11 to 18 % more ρ for one ε, where the noise of all
events is settled beforehand: they take a plan. Noise on sampled rows has no good price that holds
of all orders of Rényi divergence, as ρ does, but a good one at the only order that is converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from math import erfc, exp, inf, log, log1p, sqrt
from typing import Any, ClassVar, Protocol, Self

from neotype.dp.budget import Budget
from neotype.dp.event import Event, Exponential, Gaussian, Laplace, SampledGaussian
from neotype.dp.noise import require
from neotype.errors import BudgetError

HAIR = 1e-9
"""The part of a budget that is not offered: sums and square roots of shares are rounded."""
_HALVINGS = 100


def delta_of(rho: float, epsilon: float) -> float:
    """The δ at which ρ-zCDP is (ε, δ)-private: Canonne, Kamath and Steinke 2020.

    The least over α > 1 of exp((α − 1)(αρ − ε)) / (α − 1) · (1 − 1/α)^α; any α is valid.
    """
    if rho == 0:
        return 0.0

    alpha = order_of(rho, epsilon)
    exponent = (alpha - 1) * (alpha * rho - epsilon) - log(alpha - 1) + alpha * log1p(-1 / alpha)
    return min(1.0, exp(min(0.0, exponent)))


def order_of(rho: float, epsilon: float) -> float:
    """The order α of the Rényi divergence by which ρ-zCDP has its least δ at ε."""
    # The derivative, (2α − 1)ρ − ε + log(1 − 1/α), grows with α.
    least, most = 1 + 1e-9, (epsilon + 1) / (2 * rho) + 2
    for _ in range(_HALVINGS):
        alpha = (least + most) / 2
        if (2 * alpha - 1) * rho - epsilon + log1p(-1 / alpha) < 0:
            least = alpha
        else:
            most = alpha
    return (least + most) / 2


def epsilon_of(rho: float, delta: float) -> float:
    """The ε at which ρ-zCDP is (ε, δ)-private, to within rounding and never too small."""
    least, most = 0.0, rho + 2 * sqrt(rho * log(1 / delta))
    for _ in range(_HALVINGS):
        epsilon = (least + most) / 2
        least, most = (least, epsilon) if delta_of(rho, epsilon) <= delta else (epsilon, most)
    return most


@lru_cache(maxsize=256)
def rho_of(epsilon: float, delta: float) -> float:
    """The ρ that (ε, δ) pays for by this conversion, to within rounding and never too large."""
    least, most = 0.0, epsilon + 1
    for _ in range(_HALVINGS):
        rho = (least + most) / 2
        least, most = (rho, most) if delta_of(rho, epsilon) <= delta else (least, rho)
    return least


def gaussian_delta(mu: float, epsilon: float) -> float:
    """The δ of μ-Gaussian privacy at ε (Balle and Wang 2018; Dong, Roth and Su 2019)."""
    upper, lower = epsilon / mu - mu / 2, epsilon / mu + mu / 2
    return (erfc(upper / sqrt(2)) - exp(min(epsilon, 700)) * erfc(lower / sqrt(2))) / 2


def gaussian_epsilon(mu: float, delta: float) -> float:
    """The ε of μ-Gaussian privacy at δ."""
    if mu <= 0:
        return 0.0
    least, most = 0.0, mu**2 / 2 + mu * sqrt(2 * log(1 / delta))
    for _ in range(_HALVINGS):
        epsilon = (least + most) / 2
        low_enough = gaussian_delta(mu, epsilon) <= delta
        least, most = (least, epsilon) if low_enough else (epsilon, most)
    return most


def gaussian_mu(epsilon: float, delta: float) -> float:
    """The μ of Gaussian privacy that (ε, δ) pays for."""
    least, most = 0.0, epsilon + 2
    for _ in range(_HALVINGS):
        mu = (least + most) / 2
        least, most = (mu, most) if gaussian_delta(mu, epsilon) <= delta else (least, mu)
    return least


class Accountant(Protocol):
    """Prices that add up, and how much they may add up to."""

    name: ClassVar[str]
    coin: ClassVar[str]
    """What prices are in: ε or ρ."""

    @property
    def plan(self) -> tuple[Event, ...] | None:
        """All that may ever be drawn, where that must be known beforehand."""

    def __hash__(self) -> int:
        """Accountants that are alike have the same prices."""

    def capacity(self, budget: Budget, delta: float) -> float:
        """The largest sum of prices; δ is what is left of the budget's beside thresholds."""

    def price(self, event: Event) -> float:
        """What one event costs."""


@dataclass(frozen=True)
class Pure:
    """Without δ: the ε of all events add up (Dwork et al. 2006)."""

    name: ClassVar[str] = "pure"
    coin: ClassVar[str] = "ε"
    plan: ClassVar[None] = None

    def capacity(self, budget: Budget, delta: float) -> float:
        """All of ε."""
        return budget.epsilon

    def price(self, event: Event) -> float:
        """Its ε."""
        if event.epsilon == inf:
            raise BudgetError(
                "Gaussian noise has no price in ε alone.",
                mend="give the budget a delta, such as 1e-6, or take Laplace noise",
            )
        return event.epsilon


@dataclass(frozen=True)
class ZCDP:
    """Zero-concentrated: the ρ of all events add up (Bun and Steinke 2016)."""

    name: ClassVar[str] = "zcdp"
    coin: ClassVar[str] = "ρ"
    plan: ClassVar[None] = None

    def capacity(self, budget: Budget, delta: float) -> float:
        """The ρ that ε and δ pay for."""
        if delta <= 0:
            raise BudgetError(
                "zCDP needs a delta.", mend="give the budget one, such as 1e-6, or none: pure"
            )
        return rho_of(budget.epsilon, delta)

    def price(self, event: Event) -> float:
        """Its ρ."""
        return event.rho


@dataclass(frozen=True)
class RDP:
    """Rényi divergence of one order, told as the ρ that would give it (Mironov 2017).

    Converting ρ to ε looks at one order alone: there Gaussian noise costs what zCDP says, and all
    of it is worth the same ε, while noise on sampled rows costs less. An order that is settled
    beforehand makes prices add up, whatever is chosen in the light of earlier answers (Feldman and
    Zrnic 2021).
    """

    order: float
    name: ClassVar[str] = "rdp"
    coin: ClassVar[str] = "ρ"
    plan: ClassVar[None] = None

    @classmethod
    def of(cls, budget: Budget) -> Self:
        """The order that is the best for Gaussian noise; it follows from ε and δ."""
        if budget.delta is None:
            raise BudgetError(
                "Rényi divergence needs a delta.", mend="give the budget one, such as 1e-6"
            )
        return cls(order_of(rho_of(budget.epsilon, budget.delta), budget.epsilon))

    def capacity(self, budget: Budget, delta: float) -> float:
        """The ρ of which this order is worth ε at δ."""
        if delta <= 0:
            raise BudgetError(
                "Rényi divergence needs a delta.", mend="give the budget one, such as 1e-6"
            )
        alpha = self.order
        spare = (log(delta) + log(alpha - 1) - alpha * log1p(-1 / alpha)) / (alpha - 1)
        return max(0.0, (budget.epsilon + spare) / alpha)

    def price(self, event: Event) -> float:
        """The ρ of its divergence."""
        if isinstance(event, SampledGaussian):
            return event.renyi(self.order) / self.order
        return event.rho


@dataclass(frozen=True)
class PLD:
    """Privacy loss distributions of dp-accounting, over a plan of all events to come.

    Noise that is chosen in the light of earlier answers is no composition that they bound; so what
    is drawn must fit a place of the plan that is still free: the same kind and shape, and as noisy.
    """

    plan: tuple[Event, ...]
    name: ClassVar[str] = "pld"
    coin: ClassVar[str] = "ρ"

    def capacity(self, budget: Budget, delta: float) -> float:
        """The ρ of the plan, which fits the budget; else an error says at which ε it would."""
        if delta <= 0:
            raise BudgetError("privacy loss needs a delta.", mend="give the budget one, say 1e-6")
        needed = loss_epsilon(self.plan, delta)
        if needed > budget.epsilon:
            raise BudgetError(
                f"the plan of {len(self.plan)} events needs epsilon={needed:.4g}.",
                found=f"the budget has {budget.epsilon:g}",
                mend="plan more noise: planned() gives the least noise in given shares",
            )
        return sum(event.rho for event in self.plan) / (1 - HAIR)

    def price(self, event: Event) -> float:
        """Its ρ, which is told and adds up to that of the plan."""
        return event.rho


def loss_epsilon(events: Sequence[Event], delta: float) -> float:
    """The ε of all events together at δ, an upper bound, by dp-accounting."""
    counts: dict[Event, int] = {}
    for event in events:
        if event.epsilon or event.rho:
            counts[event] = counts.get(event, 0) + 1
    composed: Any = None
    for event, count in counts.items():
        one = _loss(event)
        times = count * (event.shape[0] if isinstance(event, Gaussian) and event.shape else 1)
        part = one.self_compose(times) if times > 1 else one
        composed = part if composed is None else composed.compose(part)
    return 0.0 if composed is None else float(composed.get_epsilon_for_delta(delta))


@lru_cache(maxsize=1024)
def _loss(event: Event) -> Any:
    """One cell of noise, or one choice, as a privacy loss distribution.

    A Gaussian on whole numbers is log-concave: the best test between shifts is a half-line, and a
    larger shift only helps it, so the largest step dominates, in each cell by itself.
    """
    require("dp_accounting")
    losses = import_module("dp_accounting.pld.privacy_loss_distribution")
    if isinstance(event, Laplace | Exponential):
        parameters = import_module("dp_accounting.pld.common").DifferentialPrivacyParameters
        return losses.from_privacy_parameters(parameters(event.epsilon, 0.0))
    if not isinstance(event, Gaussian) or event.shape is None:
        raise BudgetError(
            "the privacy loss of this Gaussian noise is not known: its shape is not.",
            mend="take the accountant 'zcdp', which needs none",
        )
    cells, step = event.shape
    return losses.from_discrete_gaussian_mechanism(
        event.ratio * sqrt(cells) * step, sensitivity=step, use_connect_dots=True
    )


def planned(budget: Budget, delta: float, shares: Sequence[float]) -> tuple[Gaussian, ...]:
    """The least noise for histograms of rows, their ρ in proportion to shares, by privacy loss."""
    whole = sum(shares)
    shape = (budget.swaps, 1) if budget.at_most == 1 else None

    def plan(rho: float) -> tuple[Gaussian, ...]:
        return tuple(Gaussian(sqrt(whole / (2 * rho * share)), shape) for share in shares)

    # Nearly all of what continuous noise would allow fits as a rule; zCDP's share always does.
    continuous = gaussian_mu(budget.epsilon, delta) ** 2 / 2
    for share in (0.998, 0.99, 0.97, 0.94, 0.9):
        if loss_epsilon(plan(continuous * share), delta) <= budget.epsilon:
            return plan(continuous * share)
    return plan(rho_of(budget.epsilon, delta))
