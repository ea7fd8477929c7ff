"""The claim is attacked: honest noise withstands, and each of the classic mistakes is caught.

Neighbours are the worst there are: one row more, in a cell of its own or beside others. A true
claim fails here once in 10⁶ runs of a test. NEOTYPE_AUDIT_RUNS=100000 attacks harder.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from neotype.dp import noise
from neotype.dp.audit import Audit, audit
from neotype.dp.budget import Budget
from neotype.dp.event import Event
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.errors import BudgetError

pytest.importorskip("opendp", reason="pip install 'neotype[dp]'")

pytestmark = pytest.mark.fresh_noise

RUNS, CHANCE = int(os.environ.get("NEOTYPE_AUDIT_RUNS", "4000")), 1e-6
HERE, THERE = np.array([12, 4, 0, 7]), np.array([12, 4, 1, 7])
RHO = 0.5
BUDGET = Budget(20.0, 1e-6)
Ints = np.ndarray
Release = Callable[[Ints], np.ndarray]


def attacked(release: Release, here: Ints = HERE, there: Ints = THERE, runs: int = RUNS) -> Audit:
    return audit(release, here, there, runs=runs, delta=1e-6, chance=CHANCE)


def counts(values: Ints) -> np.ndarray:
    return Mechanism(Ledger(BUDGET)).counts(values, rho=RHO, purpose="t")[0]


def test_counts_withstand() -> None:
    found = attacked(counts)
    assert not found.refutes(rho=RHO)
    assert 0.45 < found.mu < 1.06  # √(2ρ) = 1; whole numbers fit up to 5 % above
    assert found.rho > RHO / 10  # the attack sees something, so that it would see more


def test_counts_of_replaced_rows_withstand() -> None:
    def release(values: Ints) -> np.ndarray:
        ledger = Ledger(Budget(20.0, 1e-6, "replace"))
        return Mechanism(ledger).counts(values, rho=RHO, purpose="t")[0]

    assert not attacked(release, np.array([5, 1, 0]), np.array([5, 0, 1])).refutes(rho=RHO)


def test_counts_of_an_entity_withstand_and_are_not_those_of_a_row() -> None:
    here, there = np.array([9, 5, 2]), np.array([9, 0, 2])

    def release(values: Ints, budget: Budget) -> np.ndarray:
        return Mechanism(Ledger(budget)).counts(values, rho=RHO, purpose="t")[0]

    bounded = Budget(20.0, 1e-6, unit="person", at_most=5)
    assert not attacked(lambda v: release(v, bounded), here, there, 1500).refutes(rho=RHO)
    assert attacked(lambda v: release(v, BUDGET), here, there, 1500).refutes(rho=RHO)


def test_laplace_and_choices_withstand() -> None:
    def laplace(values: Ints) -> np.ndarray:
        return Mechanism(Ledger(Budget(1.0))).laplace(values, epsilon=1.0, purpose="t")[0]

    found = audit(laplace, HERE, THERE, runs=1500, chance=CHANCE)
    assert not found.refutes(epsilon=1.0, rho=0.5)

    def choice(values: Ints) -> np.ndarray:
        door = Mechanism(Ledger(BUDGET))
        pick = door.choose(values * 1.0, rho=0.125, sensitivity=1.0, purpose="t")
        return np.eye(len(values))[pick]

    found = audit(choice, np.array([1, 0]), np.array([0, 1]), runs=1500, chance=CHANCE)
    assert not found.refutes(epsilon=1.0, rho=0.125)


def test_scores_withstand() -> None:
    def release(values: Ints) -> np.ndarray:
        door = Mechanism(Ledger(BUDGET))
        return door.scores(values / 3, rho=RHO, sensitivity=1 / 3, purpose="t")[0]

    assert not audit(release, HERE, THERE, runs=1000, chance=CHANCE).refutes(rho=RHO)


def words(values: Ints, door: Mechanism, delta: float) -> np.ndarray:
    """Which of the words come through, and how often."""
    found, noisy, _, _ = door.histogram("abcd", values, rho=RHO, delta=delta, purpose="t")
    there = np.zeros((2, 4))
    for word, many in zip(found, noisy, strict=True):
        there[:, "abcd".index(word)] = 1, many
    return there


def test_words_withstand() -> None:
    def release(values: Ints) -> np.ndarray:
        ledger = Ledger(Budget(20.0, 0.1), thresholds=0.5)
        return words(values, Mechanism(ledger), 0.05)

    found = audit(release, HERE, THERE, runs=RUNS, delta=0.05 + 1e-6, chance=CHANCE)
    assert not found.refutes(epsilon=5.2)  # ρ = .5 at δ = 1e-6


def test_a_true_claim_is_refuted_no_more_often_than_is_asked_for() -> None:
    rng = np.random.default_rng()
    truth = np.e / (1 + np.e)  # randomised response at ε = 1

    def release(bit: int) -> float:
        return bit if rng.random() < truth else 1 - bit

    # Tight in ε; the divergence of this one bit is the largest ρ that can be proved.
    found = [audit(release, 0, 1, runs=200, chance=0.5) for _ in range(120)]
    assert sum(one.refutes(epsilon=1.0) for one in found) < 0.5 * 120
    assert sum(one.refutes(rho=0.5 * np.tanh(0.5)) for one in found) < 0.5 * 120


def test_half_the_noise_is_caught() -> None:
    class Half(Mechanism):
        def counts(self, values: Ints, **asked: object) -> tuple[Ints, float]:  # type: ignore[override]
            _, sigma = super().counts(values, **asked)  # type: ignore[arg-type]
            return noise.gaussian(values, sigma / 2), sigma

    found = attacked(lambda v: Half(Ledger(BUDGET)).counts(v, rho=RHO, purpose="t")[0])
    assert found.refutes(rho=RHO)
    assert found.by == "direction"


def test_laplace_noise_of_floats_is_caught_by_its_digits() -> None:
    rng = np.random.default_rng()
    found = audit(
        lambda values: values + rng.laplace(scale=1.0, size=len(values)),
        HERE * 1.0,
        THERE * 1.0,
        runs=RUNS,
        chance=CHANCE,
    )
    assert found.refutes(epsilon=1.0)
    assert found.by == "digits"


def test_a_ledger_that_charges_too_little_is_caught() -> None:
    class Cheap(Ledger):
        def spend(self, event: Event | tuple[Event, ...], count: int = 1, *, purpose: str) -> None:
            if not self.steps:
                super().spend(event, count, purpose=purpose)

    charged = []

    def release(values: Ints) -> np.ndarray:
        door = Mechanism(Cheap(BUDGET))
        tables = [door.counts(values, rho=RHO, purpose="t")[0] for _ in range(4)]
        charged.append(sum(step.price for step in door.ledger.steps))
        return np.concatenate(tables)

    found = attacked(release)
    assert charged[0] == pytest.approx(RHO)
    assert found.refutes(rho=charged[0])


def test_words_that_are_read_for_free_are_caught() -> None:
    def release(values: Ints) -> np.ndarray:
        door = Mechanism(Ledger(BUDGET))
        there = np.flatnonzero(values)
        noisy, _ = door.counts(values[there], rho=RHO, purpose="t")
        told = np.full(len(values), -99)
        told[there] = noisy
        return told

    assert attacked(release).refutes(rho=RHO)


def test_an_attack_of_ones_own_can_be_added() -> None:
    rng = np.random.default_rng(3)

    def release(values: Ints) -> np.ndarray:
        return (2 * rng.integers(500, size=1) + values[2]) / 1000

    def parity(outputs: np.ndarray) -> np.ndarray:
        return np.rint(outputs[:, 0] * 1000) % 2

    plain = audit(release, HERE, THERE, runs=1000)
    own = audit(release, HERE, THERE, runs=1000, statistics={"parity": parity})
    assert plain.epsilon < 1 < own.epsilon
    assert own.by == "parity"


def test_too_few_runs_prove_nothing() -> None:
    with pytest.raises(BudgetError, match="prove nothing"):
        audit(counts, HERE, THERE, runs=10)
