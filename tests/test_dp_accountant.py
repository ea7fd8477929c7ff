"""What events cost: against dp-accounting, against exact sums, and against the literature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from neotype.dp.accountant import (
    PLD,
    ZCDP,
    delta_of,
    epsilon_of,
    gaussian_mu,
    loss_epsilon,
    planned,
    rho_of,
)
from neotype.dp.budget import Budget
from neotype.dp.event import Exponential, Gaussian, Laplace
from neotype.errors import BudgetError

pytest.importorskip("dp_accounting", reason="pip install 'neotype[dp]'")

EPSILONS = st.floats(0.01, 20)
DELTAS = st.floats(-12, -2).map(lambda power: 10**power)


def hockey_stick(sigma: float, step: int, epsilon: float) -> float:
    """The exact δ at ε of discrete Gaussian noise between counts that differ by `step`."""
    x = np.arange(-int(60 * sigma) - step, int(60 * sigma) + step + 1.0)
    here, there = (np.exp(-(((x - shift) / sigma) ** 2) / 2) for shift in (0, step))
    return float(np.maximum(here / here.sum() - np.exp(epsilon) * there / there.sum(), 0).sum())


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0.1, 1e-6), (1.0, 1e-6), (1.0, 1e-9), (3.0, 1e-5), (10.0, 1e-6)]
)
def test_rho_is_that_of_dp_accounting(epsilon: float, delta: float) -> None:
    from dp_accounting.rdp.rdp_privacy_accountant import compute_epsilon

    rho = rho_of(epsilon, delta)
    orders = 1 + np.geomspace(0.01, 1000, 20_000)
    theirs, _ = compute_epsilon(orders, orders * rho, delta)
    assert theirs == pytest.approx(epsilon, rel=1e-5)


def test_rho_is_that_of_the_literature() -> None:
    assert rho_of(1.0, 1e-6) == pytest.approx(0.024356, abs=1e-6)


@given(EPSILONS, DELTAS)
def test_conversions_undo_each_other_and_never_promise_too_much(
    epsilon: float, delta: float
) -> None:
    rho = rho_of(epsilon, delta)
    assert delta_of(rho, epsilon) <= delta
    assert delta_of(epsilon=epsilon, rho=rho * 1.001) > delta
    assert epsilon_of(rho, delta) == pytest.approx(epsilon, rel=1e-6)


@given(EPSILONS, DELTAS, st.floats(1.001, 5))
def test_more_epsilon_or_delta_is_more_rho(epsilon: float, delta: float, more: float) -> None:
    assert rho_of(epsilon * more, delta) > rho_of(epsilon, delta)
    assert rho_of(epsilon, delta * more) > rho_of(epsilon, delta)


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 4.0])
def test_the_promise_holds_of_the_noise_itself(epsilon: float) -> None:
    delta = 1e-6
    ratio = (1 / (2 * rho_of(epsilon, delta))) ** 0.5
    for step in (1, 3):
        assert hockey_stick(ratio * step, step, epsilon) <= delta


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
def test_rho_bounds_the_divergence_of_every_order_and_not_by_far(epsilon: float) -> None:
    """Concentrated privacy as it is defined: the Rényi divergence of order α is αρ at most."""
    x = np.arange(-2000, 2001.0)
    logits = np.array([epsilon / 4, -epsilon / 4])  # one score rises, the other falls
    pairs = {
        Laplace(1 / epsilon): (-np.abs(x) * epsilon, -np.abs(x - 1) * epsilon),
        Gaussian(1 / epsilon): (-((x * epsilon) ** 2) / 2, -(((x - 1) * epsilon) ** 2) / 2),
        Exponential(epsilon): (logits, logits[::-1]),
    }
    orders = 1 + np.geomspace(1e-3, 200, 60)[:, None]
    for event, (here, there) in pairs.items():
        one, other = (side - logsumexp(side) for side in (here, there))
        divergences = logsumexp(orders * one + (1 - orders) * other, axis=1) / (orders[:, 0] - 1)
        largest = (divergences / orders[:, 0]).max()
        assert largest <= event.rho * (1 + 1e-9)
        if epsilon < 2:
            assert largest > 0.7 * event.rho


def test_gaussian_privacy_is_that_of_dp_accounting() -> None:
    from dp_accounting import get_sigma_gaussian

    for epsilon, delta in ((0.1, 1e-6), (1.0, 1e-6), (8.0, 1e-9)):
        assert 1 / gaussian_mu(epsilon, delta) == pytest.approx(
            get_sigma_gaussian(epsilon, delta), rel=1e-6
        )


@pytest.mark.parametrize(("sigma", "step"), [(3.0, 1), (9.5, 2)])
def test_privacy_loss_bounds_the_exact_sum_closely(sigma: float, step: int) -> None:
    epsilon = loss_epsilon([Gaussian(sigma / step, (1, step))], 1e-6)
    assert hockey_stick(sigma, step, epsilon) == pytest.approx(1e-6, rel=1e-3)


def test_a_swap_of_rows_costs_two_cells_of_one_each() -> None:
    one, two = Gaussian(10.0, (1, 1)), Gaussian(10.0, (2, 1))
    assert loss_epsilon([one], 1e-6) == pytest.approx(loss_epsilon([two], 1e-6), rel=0.01)
    apart = [Gaussian(10 * 2**0.5, (1, 1))] * 2
    assert loss_epsilon([two], 1e-6) == pytest.approx(loss_epsilon(apart, 1e-6), rel=1e-3)


def test_a_plan_of_privacy_losses_gets_more_out_of_a_budget() -> None:
    budget = Budget(1.0, 1e-6)
    plan = planned(budget, 1e-6, [1.0, 2.0, 5.0])
    assert loss_epsilon(plan, 1e-6) <= 1
    rhos = [event.rho for event in plan]
    assert sum(rhos) > 1.1 * rho_of(1.0, 1e-6)
    assert [rho / rhos[0] for rho in rhos] == pytest.approx([1, 2, 5])
    assert PLD(plan).capacity(budget, 1e-6) == pytest.approx(sum(rhos))
    with pytest.raises(BudgetError, match=r"needs epsilon=1\.0"):
        PLD((*plan, Gaussian(50.0, (1, 1)))).capacity(budget, 1e-6)
    with pytest.raises(BudgetError, match="shape"):
        PLD((Gaussian(50.0),)).capacity(budget, 1e-6)


def test_pure_events_cost_no_more_in_a_plan_than_alone() -> None:
    for event in (Laplace(2.0), Exponential(0.5)):
        assert loss_epsilon([event], 1e-9) == pytest.approx(0.5, abs=2e-4)


def test_zcdp_needs_a_delta() -> None:
    with pytest.raises(BudgetError, match="needs a delta"):
        ZCDP().capacity(Budget(1.0), 0.0)
