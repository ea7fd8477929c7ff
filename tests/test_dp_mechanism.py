"""The one door to noise: what is asked is paid for, and moves as far as the budget says."""

from __future__ import annotations

import inspect
import subprocess
import sys
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from neotype.dp.bound import within
from neotype.dp.budget import Budget
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.errors import BudgetError, BudgetExceededError

pytest.importorskip("opendp", reason="pip install 'neotype[dp]'")

pytestmark = pytest.mark.fresh_noise


def mechanism(**budget: object) -> Mechanism:
    return Mechanism(Ledger(Budget(**({"epsilon": 1e4, "delta": 1e-6} | budget))))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("budget", "rows", "reach"),
    [
        ({}, None, 1),
        ({"neighbors": "replace"}, None, sqrt(2)),
        ({"unit": "person", "at_most": 5}, None, 5),
        ({"unit": "person", "at_most": 5}, 1, 1),
        ({"unit": "person", "at_most": 5, "neighbors": "replace"}, None, 5 * sqrt(2)),
    ],
)
def test_noise_on_counts_is_as_wide_as_a_unit_reaches(
    budget: dict[str, object], rows: int | None, reach: float
) -> None:
    door = mechanism(**budget)
    counts, sigma = door.counts(np.zeros(20_000, np.int64), rho=0.02, purpose="t", rows=rows)
    assert sigma == pytest.approx(reach / sqrt(2 * 0.02))
    assert counts.std() == pytest.approx(sigma, rel=0.05)
    assert door.ledger.steps[0].price == pytest.approx(0.02)
    assert door.sigma(rho=0.02, rows=rows) == sigma
    # The farthest two neighbours of a histogram: all rows of a unit in one cell.
    cells = np.zeros((2, 3))
    cells[0, 0] = rows or budget.get("at_most", 1)
    if budget.get("neighbors") == "replace":
        cells[1, 1] = cells[0, 0]
    assert np.linalg.norm(cells[0] - cells[1]) == pytest.approx(reach)


def test_scores_lie_on_a_grid_that_no_score_decides() -> None:
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1.0, 1e6):
        values = rng.normal(size=500) * scale
        noisy, sigma = mechanism().scores(values, rho=1.0, sensitivity=4.0, purpose="t")
        grid = 2.0 ** np.floor(np.log2(0.01 * 4 / sqrt(500)))
        assert (noisy / grid == np.rint(noisy / grid)).all()
        assert 4 / sqrt(2) < sigma < 1.05 * 4 / sqrt(2)
        assert np.std(noisy - values) == pytest.approx(sigma, rel=0.25)


def test_rounding_to_the_grid_never_reaches_beyond_what_is_paid() -> None:
    rng = np.random.default_rng(1)
    rho = 1e9  # no noise to speak of: what comes back are the rounded scores
    door = mechanism(epsilon=1e12)
    for size in (1, 7, 300):
        here = rng.normal(size=size) * 50
        for step in (rng.normal(size=size), np.full(size, 1.0), np.eye(size)[0]):
            there = here + step / np.linalg.norm(step)
            (one, sigma), (other, _) = (
                door.scores(values, rho=rho, sensitivity=1.0, purpose="t")
                for values in (here, there)
            )
            assert np.linalg.norm(one - other) <= sigma * sqrt(2 * rho) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("budget", "reach"),
    [({"neighbors": "replace"}, 2), ({"unit": "person", "at_most": 5, "neighbors": "replace"}, 10)],
)
def test_what_may_rise_and_fall_moves_by_every_row_of_both_units(
    budget: dict[str, object], reach: int
) -> None:
    zeros = np.zeros(4)
    one, more = mechanism(), mechanism(**budget)
    (_, narrow), (_, wide) = (
        door.scores(zeros, rho=0.1, sensitivity=1.5, purpose="t") for door in (one, more)
    )
    assert wide == pytest.approx(reach * narrow, rel=0.01)
    noisy, scale = more.laplace(np.zeros(3000, int), epsilon=0.5, sensitivity=3.0, purpose="t")
    assert scale == pytest.approx(3 * reach / 0.5)
    assert np.abs(noisy).mean() == pytest.approx(scale, rel=0.15)
    # One unit lifts the one candidate and sinks the other: ε = √(8ρ) in all.
    picks = [
        more.choose(np.array([reach, -reach]), rho=0.125, sensitivity=1.0, purpose="t")
        for _ in range(1500)
    ]
    assert binomtest(picks.count(1), 1500, 1 / (1 + np.exp(1 / 1.02))).pvalue > 1e-7


def test_words_of_many_rows_are_found_and_those_of_one_row_are_not() -> None:
    words, counts = ["pear", "apple", "once", "fig", "none"], np.array([900, 500, 1, 1200, 0])
    door = mechanism()
    for _ in range(300):
        found, noisy, sigma, bound = door.histogram(
            words, counts, rho=0.02, delta=1e-11, purpose="words"
        )
        assert found == ["apple", "fig", "pear"]
        assert np.abs(noisy - [500, 1200, 900]).max() < 8 * sigma
    assert bound > 6.5 * sigma
    assert door.ledger.left_delta == pytest.approx(1e-7 - 300e-11)


def test_a_word_of_one_unit_comes_through_as_often_as_delta_says() -> None:
    delta, runs = 0.02, 4000
    door = Mechanism(Ledger(Budget(100.0, 0.5)))
    # Each word stands for a run of its own: their noise is independent. The others are not there.
    words = [f"w{k}" for k in range(runs)] + [f"none{k}" for k in range(runs)]
    counts = np.repeat([1, 0], runs)
    found, *_ = door.histogram(words, counts, rho=0.02, delta=delta, purpose="words")
    assert not any(word.startswith("none") for word in found)
    assert binomtest(len(found), runs, delta, alternative="greater").pvalue > 1e-6
    assert len(found) > 0.5 * delta * runs


def test_a_choice_follows_the_exponential_mechanism() -> None:
    door, rho, runs = mechanism(), 0.5, 3000
    scores = np.array([0.0, 1.0, 2.0, -300.0])
    picks = [door.choose(scores, rho=rho, sensitivity=1.0, purpose="t") for _ in range(runs)]
    weights = np.exp(sqrt(2 * rho) / 1.02 * scores)
    for place, expected in enumerate(weights / weights.sum()):
        assert binomtest(picks.count(place), runs, expected).pvalue > 1e-7
    assert door.ledger.steps[0].price == pytest.approx(rho)


def test_laplace_noise_needs_no_delta() -> None:
    door = Mechanism(Ledger(Budget(1.0)))
    noisy, scale = door.laplace(np.arange(5000), epsilon=0.5, purpose="t")
    assert scale == 2
    assert np.abs(noisy - np.arange(5000)).mean() == pytest.approx(2, rel=0.1)
    assert door.ledger.left == pytest.approx(0.5)


def test_nothing_is_drawn_that_cannot_be_paid() -> None:
    door = mechanism(epsilon=0.1)
    values = np.arange(3)
    asked = [
        lambda: door.counts(values, rho=1.0, purpose="t"),
        lambda: door.scores(values * 1.0, rho=1.0, sensitivity=1.0, purpose="t"),
        lambda: door.choose(values * 1.0, rho=1.0, sensitivity=1.0, purpose="t"),
        lambda: door.laplace(values, epsilon=5.0, purpose="t"),
        lambda: door.histogram(["a", "b", "c"], values, rho=1e-5, delta=1e-3, purpose="t"),
    ]
    for ask in asked:
        with pytest.raises(BudgetExceededError):
            ask()
    assert door.ledger.steps == ()


def test_what_makes_no_sense_is_refused_and_costs_nothing() -> None:
    door = mechanism(unit="person", at_most=3)
    whole, real = np.arange(3), np.arange(3) * 1.0
    asked = [
        (lambda: door.counts(real, rho=1.0, purpose="t"), "whole numbers"),
        (lambda: door.counts(whole, rho=0.0, purpose="t"), "rho is 0.0"),
        (lambda: door.counts(whole, rho=1.0, sensitivity=-1.0, purpose="t"), "sensitivity"),
        (lambda: door.counts(whole, rho=1.0, purpose="t", rows=4), "at_most is 3"),
        (lambda: door.counts(whole, rho=1.0, purpose=""), "a purpose"),
        (lambda: door.scores(real / 0.0, rho=1.0, sensitivity=1.0, purpose="t"), "finite"),
        (lambda: door.choose(real[:0], rho=1.0, sensitivity=1.0, purpose="t"), "nothing to"),
        (lambda: door.histogram("abc", whole, rho=1.0, delta=0.7, purpose="t"), "0 and .5"),
    ]
    for ask, told in asked:
        with np.errstate(all="ignore"), pytest.raises(BudgetError, match=told):
            ask()
    assert door.ledger.steps == ()


@given(st.lists(st.integers(-1, 6), max_size=40), st.integers(1, 4), st.integers(0, 6))
def test_the_rows_of_a_unit_are_bounded_and_no_unit_decides_for_another(
    units: list[int], at_most: int, removed: int
) -> None:
    table = np.array(units, dtype=np.int64)
    kept = within(table, at_most)
    for unit in set(units):
        rows = np.flatnonzero(table == unit)
        assert list(np.flatnonzero(kept & (table == unit))) == list(rows[: at_most * (unit >= 0)])
    others = table != removed
    assert (within(table[others], at_most) == kept[others]).all()


def test_no_noise_can_be_asked_for_by_a_seed() -> None:
    for name, method in inspect.getmembers(Mechanism, inspect.isfunction):
        assert not {"seed", "rng"} & set(inspect.signature(method).parameters), name


def test_without_the_extra_it_is_said_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['opendp'] = None\n"
        "from neotype.dp.budget import Budget\n"
        "from neotype.dp.ledger import Ledger\n"
        "from neotype.dp.mechanism import Mechanism\n"
        "ledger = Ledger(Budget(1.0, 1e-6))\n"
        "try: Mechanism(ledger)\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "missing: opendp" in done.stdout
    assert "pip install 'neotype[dp]'" in done.stdout


def test_paying_and_drawing_load_little() -> None:
    code = (
        "import sys, numpy as np\n"
        "from neotype.dp.budget import Budget\n"
        "from neotype.dp.ledger import Ledger\n"
        "from neotype.dp.mechanism import Mechanism\n"
        "Mechanism(Ledger(Budget(1.0, 1e-6))).counts(np.zeros(3, int), rho=1e-3, purpose='t')\n"
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "opendp" in loaded
    assert loaded & {"sklearn", "pandas", "dp_accounting", "scipy", "polars"} == set()
