"""Sums over sampled rows: their price against dp-accounting, their noise against attacks."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neotype.dp import noise
from neotype.dp.accountant import RDP, epsilon_of
from neotype.dp.audit import Audit, audit
from neotype.dp.budget import Budget
from neotype.dp.event import Gaussian, SampledGaussian
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.dp.sampled import Sampled, narrowest
from neotype.errors import BudgetError, BudgetExceededError

pytest.importorskip("dp_accounting", reason="pip install 'neotype[dp]'")

Floats = np.ndarray[Any, np.dtype[np.float64]]
RUNS, CHANCE = int(os.environ.get("NEOTYPE_AUDIT_RUNS", "8000")), 1e-6


def door(epsilon: float = 1.0) -> Mechanism:
    budget = Budget(epsilon, 1e-6)
    return Mechanism(Ledger(budget, accountant=RDP.of(budget)))


@pytest.mark.parametrize("ratio", [0.6, 2.0, 30.0])
@pytest.mark.parametrize("rate", [1e-4, 0.02, 0.5, 1.0])
def test_the_divergence_is_that_of_dp_accounting(ratio: float, rate: float) -> None:
    import dp_accounting as theirs
    from dp_accounting.rdp.rdp_privacy_accountant import RdpAccountant

    event = SampledGaussian(ratio, rate)
    for order in (2, 5, 22, 160):
        accountant = RdpAccountant([order])
        one = theirs.PoissonSampledDpEvent(rate, theirs.GaussianDpEvent(ratio))
        accountant.compose(one, 100)
        assert 100 * event.renyi(order) == pytest.approx(float(accountant._rdp[0]), rel=1e-6)
    # Between whole orders a chord is above the curve, which rises.
    for low in (2, 5, 22):
        assert event.renyi(low) <= event.renyi(low + 0.5) * (1 + 1e-12)
        assert event.renyi(low + 0.5) <= event.renyi(low + 1) * (1 + 1e-12)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 10.0])
def test_tables_and_steps_together_keep_to_epsilon(epsilon: float) -> None:
    import dp_accounting as theirs
    from dp_accounting.pld.pld_privacy_accountant import PLDAccountant
    from dp_accounting.rdp.rdp_privacy_accountant import RdpAccountant

    mechanism = door(epsilon)
    half, rate, steps = mechanism.ledger.left / 2, 0.03, 100
    _, sigma = mechanism.counts(np.zeros(4, dtype=np.int64), rho=half, purpose="tables")
    sums = mechanism.sampled(rho=mechanism.ledger.left, rate=rate, steps=steps, purpose="steps")
    order = mechanism.ledger.accountant.order  # type: ignore[attr-defined]
    orders = [*np.linspace(order * 0.5 + 0.6, order * 2, 40), order]
    found = []
    for accountant in (RdpAccountant(orders), PLDAccountant()):
        accountant.compose(theirs.GaussianDpEvent(sigma))
        step = theirs.PoissonSampledDpEvent(
            sums.event.rate, theirs.GaussianDpEvent(sums.event.ratio)
        )
        accountant.compose(step, steps)
        found.append(accountant.get_epsilon(0.9e-6))
    assert all(0.8 * epsilon < one <= epsilon * (1 + 1e-6) for one in found)


def test_the_order_costs_gaussian_noise_nothing() -> None:
    budget = Budget(1.0, 1e-6)
    plain, renyi = Ledger(budget), Ledger(budget, accountant=RDP.of(budget))
    assert renyi.whole == pytest.approx(plain.whole, rel=1e-3)
    assert renyi.whole <= plain.whole
    assert renyi.accountant.price(Gaussian(3.0)) == plain.accountant.price(Gaussian(3.0))
    assert epsilon_of(renyi.whole, 0.9e-6) <= 1.0


def test_the_noise_is_the_least_that_is_paid_for() -> None:
    for accountant in (RDP(22.0), RDP(3.7)):
        event = narrowest(accountant, 0.02, 0.05, 100)
        assert 100 * accountant.price(event) <= 0.02
        less = SampledGaussian(event.ratio * 0.999, event.rate)
        assert 100 * accountant.price(less) > 0.02


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget(1.0), "delta"),
        (Budget(1.0, 1e-6, "replace"), "replaced"),
        (Budget(1.0, 1e-6, unit="patient", at_most=3), "3 rows of one patient"),
    ],
)
def test_what_has_no_price_is_refused(budget: Budget, said: str) -> None:
    mechanism = Mechanism(Ledger(budget))
    with pytest.raises(BudgetError, match=said):
        mechanism.sampled(rho=0.01, rate=0.1, steps=3, purpose="t")
    assert not mechanism.ledger.steps


def test_all_steps_are_paid_before_the_first_and_none_after_the_last() -> None:
    mechanism = door()
    with pytest.raises(BudgetExceededError):
        mechanism.sampled(rho=mechanism.ledger.whole * 2, rate=0.1, steps=2, purpose="t")
    assert not mechanism.ledger.steps
    left = mechanism.ledger.left
    sums = mechanism.sampled(rho=left, rate=0.1, steps=2, purpose="t")
    assert mechanism.ledger.left < 1e-6 * left
    assert [step.count for step in mechanism.ledger.steps] == [2]

    def zeros(places: Any) -> Floats:
        return np.zeros(3)

    one, two = sums.sum(50, zeros, reach=1.0), sums.sum(50, zeros, reach=1.0)
    assert not np.array_equal(one, two)
    with pytest.raises(BudgetError, match="no more sums"):
        sums.sum(50, zeros, reach=1.0)


def test_rows_are_sampled_each_by_itself_and_noise_is_as_wide_as_was_paid_for() -> None:
    sums = door(5.0).sampled(rho=0.1, rate=0.25, steps=400, purpose="t")
    seen = np.zeros((400, 60))

    def step(turn: int) -> Floats:
        def summed(places: Any) -> Floats:
            seen[turn, places] = 1
            return np.zeros(40)

        return sums.sum(60, summed, reach=3.0)

    told = [step(turn) for turn in range(400)]
    assert abs(seen.mean() - 0.25) < 0.012
    assert abs(seen.sum(axis=1).var() / (60 * 0.25 * 0.75) - 1) < 0.35
    spread = np.array(told).std() / (3.0 * sums.event.ratio)
    assert 0.98 < spread < 1.06


def test_noise_in_many_numbers_stays_cheap() -> None:
    sums = door(0.1).sampled(rho=1e-4, rate=0.1, steps=3, purpose="t")
    told = sums.sum(5, lambda _: np.zeros(50_000), reach=1.0)
    assert told.std() == pytest.approx(sums.event.ratio, rel=0.2)


# One row more, whose part is as long as it may be: what two neighbours can differ by at most.
HERE, THERE = np.zeros((6, 2)), np.vstack([np.zeros((6, 2)), [[30.0, 40.0]]])
CLAIM, DELTA = 1.0, 0.01


def release(
    rows: Floats, rate: float = 0.5, cut: bool = True, kind: type[Sampled] = Sampled
) -> Floats:
    """The sum of two steps on rows that are gradients themselves, at a clip of 1."""
    budget = Budget(CLAIM, DELTA)
    ledger = Ledger(budget, accountant=RDP.of(budget), thresholds=0)
    sums = kind(ledger, rho=ledger.left, rate=rate, steps=2, purpose="t")

    def summed(places: Any) -> Floats:
        some = rows[places]
        length = np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1.0)
        return np.asarray((some / length if cut else some).sum(axis=0))

    first, second = (sums.sum(len(rows), summed, reach=1.0) for _ in range(2))
    return first + second


class Quiet(Sampled):
    """Draws a third of the noise that was paid for."""

    def sum(self, rows: int, summed: Callable[[Any], Floats], *, reach: float) -> Floats:
        return super().sum(rows, summed, reach=reach / 3)


class Everybody(Sampled):
    """Takes all rows, and pays for some."""

    def sum(self, rows: int, summed: Callable[[Any], Floats], *, reach: float) -> Floats:
        return super().sum(rows, lambda _: summed(np.arange(rows)), reach=reach)


def attacked(**how: Any) -> Audit:
    return audit(
        lambda rows: release(rows, **how), HERE, THERE, runs=RUNS, delta=DELTA, chance=CHANCE
    )


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_steps_withstand_an_attack(rate: float) -> None:
    assert not attacked(rate=rate).refutes(epsilon=CLAIM)


@pytest.mark.parametrize(
    "broken",
    [{"cut": False}, {"rate": 1.0, "kind": Quiet}, {"rate": 0.1, "kind": Everybody}],
    ids=["gradients that are not cut", "a third of the noise", "no sampling"],
)
def test_what_is_broken_is_caught(broken: dict[str, Any]) -> None:
    assert attacked(**broken).refutes(epsilon=CLAIM)


def test_no_bit_comes_from_a_seed() -> None:
    assert not np.array_equal(noise.drawn(50, 9.0), noise.drawn(50, 9.0))
