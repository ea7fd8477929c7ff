"""The ledger: what is not paid for is not drawn, and what is promised is what was paid."""

from __future__ import annotations

import copy
import json
from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neotype.dp.accountant import PLD, rho_of
from neotype.dp.budget import Budget
from neotype.dp.event import Event, Exponential, Gaussian, Laplace, Threshold
from neotype.dp.guarantee import Guarantee
from neotype.dp.ledger import Ledger
from neotype.errors import BudgetError, BudgetExceededError

BUDGET = Budget(1.0, 1e-6)
EVENTS = st.one_of(
    st.floats(1, 100).map(Gaussian),
    st.floats(1, 100).map(Laplace),
    st.floats(1e-3, 1).map(Exponential),
    st.floats(1e-10, 1e-7).map(Threshold),
)
PAYMENTS = st.lists(st.tuples(EVENTS, st.integers(1, 4)), max_size=30)


def pay(ledger: Ledger, payments: list[tuple[Event, int]]) -> list[bool]:
    """Which of the payments went through; one that did not changed nothing."""
    through = []
    for event, count in payments:
        before = (ledger.left, ledger.left_delta, ledger.steps, ledger.guarantee())
        try:
            ledger.spend(event, count, purpose="a test")
        except BudgetExceededError:
            assert (ledger.left, ledger.left_delta, ledger.steps, ledger.guarantee()) == before
            through.append(False)
        else:
            through.append(True)
    return through


@given(PAYMENTS)
def test_never_more_is_paid_than_there_is(payments: list[tuple[Event, int]]) -> None:
    ledger = Ledger(BUDGET)
    through = pay(ledger, payments)
    paid = [one for one, went in zip(payments, through, strict=True) if went]
    rho = fsum(event.rho * count for event, count in paid)
    delta = fsum(event.delta * count for event, count in paid)
    assert rho <= ledger.whole == pytest.approx(rho_of(1.0, 0.9e-6), rel=1e-6)
    assert delta <= 0.1e-6
    assert ledger.left == pytest.approx(ledger.whole - rho, abs=1e-9)
    assert ledger.left_delta == pytest.approx(0.1e-6 - delta, abs=1e-14)
    assert len(ledger.steps) == sum(through)


@given(PAYMENTS, st.randoms())
def test_order_does_not_matter(payments: list[tuple[Event, int]], chance: object) -> None:
    large = Budget(1000.0, 1e-2)
    shuffled = list(payments)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Ledger(large), Ledger(large)
    assert all(pay(one, payments))
    assert all(pay(other, shuffled))
    assert (one.left, one.left_delta) == (other.left, other.left_delta)


@given(st.floats(2, 100), st.integers(1, 20))
def test_many_at_once_cost_what_they_cost_one_by_one(ratio: float, count: int) -> None:
    large = Budget(1000.0, 1e-2)
    one, other = Ledger(large), Ledger(large)
    one.spend(Gaussian(ratio), count, purpose="at once")
    for _ in range(count):
        other.spend(Gaussian(ratio), purpose="one by one")
    assert one.left == pytest.approx(other.left, rel=1e-12)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=200))
def test_shares_of_all_there_is_can_all_be_paid(shares: list[float]) -> None:
    ledger = Ledger(BUDGET)
    whole = ledger.left
    for share in shares:
        rho = whole * share / sum(shares)
        ledger.spend(Gaussian((1 / (2 * rho)) ** 0.5), purpose="a share")
    assert sum(step.price for step in ledger.steps) <= ledger.whole
    with pytest.raises(BudgetExceededError):
        ledger.spend(Gaussian(200.0), purpose="one more")


def test_noise_and_its_threshold_are_paid_together_or_not_at_all() -> None:
    ledger = Ledger(BUDGET)
    with pytest.raises(BudgetExceededError, match=r"threshold of words would cost δ = 5e-07"):
        ledger.spend((Gaussian(20.0), Threshold(5e-7)), purpose="words")
    assert ledger.steps == ()
    ledger.spend((Gaussian(20.0), Threshold(5e-8)), purpose="words")
    (step,) = ledger.steps
    assert (step.event, step.price, step.delta) == ("gaussian and threshold", 1 / 800, 5e-8)


def test_what_is_refused_says_what_is_left_and_what_to_do() -> None:
    ledger = Ledger(BUDGET)
    with pytest.raises(BudgetExceededError) as told:
        ledger.spend(Gaussian(1.0), purpose="the row count")
    assert str(told.value).splitlines() == [
        "the row count would cost ρ = 0.5.",
        "  0.02413 of 0.02413 is left",
        "  give a larger epsilon, or ask for less",
    ]


def test_without_delta_epsilon_adds_up_and_gaussian_noise_has_no_price() -> None:
    ledger = Ledger(Budget(1.0))
    ledger.spend(Laplace(2.0), purpose="rows")
    ledger.spend(Exponential(0.25), purpose="a choice")
    assert ledger.left == pytest.approx(0.25)
    with pytest.raises(BudgetExceededError, match=r"ε = 0\.3"):
        ledger.spend(Exponential(0.3), purpose="another")
    with pytest.raises(BudgetError, match="Gaussian noise has no price"):
        ledger.spend(Gaussian(1000.0), purpose="a table")
    with pytest.raises(BudgetExceededError, match="δ"):
        ledger.spend(Threshold(1e-12), purpose="words")
    assert "ε = 1 for adding or removing one row." in ledger.guarantee().sentence()


def test_a_plan_is_drawn_as_planned_or_with_more_noise() -> None:
    pytest.importorskip("dp_accounting")
    plan = (Gaussian(20.0, (1, 1)), Gaussian(30.0, (1, 1)))
    ledger = Ledger(BUDGET, accountant=PLD(plan))
    ledger.spend((Gaussian(40.0, (1, 1)), Threshold(1e-8)), purpose="noisier than planned")
    with pytest.raises(BudgetExceededError, match="no place left"):
        ledger.spend(Gaussian(19.0, (1, 1)), purpose="too exact")
    with pytest.raises(BudgetExceededError, match="no place left"):
        ledger.spend(Gaussian(90.0), purpose="of another shape")
    ledger.spend(Gaussian(20.0, (1, 1)), purpose="as planned")
    with pytest.raises(BudgetExceededError):
        ledger.spend(Gaussian(1000.0, (1, 1)), purpose="not planned")
    assert [step.purpose for step in ledger.steps] == ["noisier than planned", "as planned"]


def test_a_ledger_cannot_be_copied() -> None:
    with pytest.raises(TypeError):
        copy.deepcopy(Ledger(BUDGET))


def test_the_guarantee_says_what_was_paid_and_survives_a_file() -> None:
    ledger = Ledger(Budget(1.0, 1e-6, "replace", unit="patient", at_most=5))
    ledger.spend(Gaussian(100.0), purpose="row count")
    ledger.spend((Gaussian(20.0), Threshold(5e-8)), 2, purpose="words of a column")
    guarantee = ledger.guarantee()
    assert guarantee.sentence() == (
        "Differentially private with ε = 1 and δ = 1e-06 for replacing one patient with at most 5 "
        "rows. Accountant: zCDP, converted as by Canonne, Kamath and Steinke 2020; ρ = 0.00255 "
        "paid of 0.02413. Paid for: row count (gaussian, ρ 5e-05); words of a column (gaussian and "
        "threshold × 2, ρ 0.0025, δ 1e-07)."
    )
    assert Guarantee.restore(json.loads(json.dumps(guarantee.facts()))) == guarantee


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epsilon": 0.0}, "epsilon is 0.0"),
        ({"epsilon": -1.0}, "epsilon is -1.0"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"epsilon": float("inf")}, "epsilon is inf"),
        ({"epsilon": "1"}, "epsilon is '1'"),
        ({"epsilon": True}, "epsilon is True"),
        ({"delta": 0.0}, "between 0 and 1"),
        ({"delta": 1.0}, "between 0 and 1"),
        ({"neighbors": "swap"}, "'add-remove' or 'replace'"),
        ({"at_most": 0, "unit": "person"}, "at_most is 0"),
        ({"at_most": 2.0, "unit": "person"}, "at_most is 2.0"),
        ({"at_most": 5}, "name the entity's column as unit"),
        ({"unit": ""}, "unit is empty"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(BudgetError, match=told):
        Budget(**({"epsilon": 1.0, "delta": 1e-6} | given))  # type: ignore[arg-type]


def test_delta_is_held_against_the_number_of_rows() -> None:
    Budget(1.0, 1e-6).check_rows(999_999)
    Budget(1.0).check_rows(10)
    with pytest.raises(BudgetError, match="take delta=1e-05 or less"):
        Budget(1.0, 1e-3).check_rows(10_000)
