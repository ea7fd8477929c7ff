"""Private strategies: what is paid for is what was spent, rows move what they are said to move."""

from __future__ import annotations

from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.dp.budget import Budget
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.errors import BudgetExceededError, FitError
from neotype.marginal.measurement import Measurement
from neotype.synth.private.aim import AIM
from neotype.synth.private.digits import Digits
from neotype.synth.private.independent import Independent
from neotype.synth.private.marginals import Marginals
from neotype.synth.private.mst import MST
from neotype.synth.private.privbayes import PrivBayes
from neotype.synth.private.selection import Candidates, select, shares, shares_with_singles
from neotype.synth.private.strategy import Strategy, rows_told

pytest.importorskip("opendp", reason="pip install 'neotype[dp]'")

STRATEGIES: tuple[Strategy, ...] = (Marginals(), MST(), AIM(), PrivBayes(), Independent())
SIZES = (2, 5, 8, 3, 2)


def mechanism(epsilon: float = 1.0, **budget: Any) -> Mechanism:
    return Mechanism(Ledger(Budget(epsilon, 1e-6, **budget)))


def chain(rows: int = 4000, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Digits of SIZES; each leans on the one before, and the last on the first two."""
    g = np.random.default_rng(seed)
    codes = np.array([g.integers(0, size, rows) for size in SIZES], dtype=np.uint8)
    for k in range(1, len(SIZES)):
        lean = g.random(rows) < 0.4 + 0.1 * k
        before = codes[k - 1].astype(int) * SIZES[k] // SIZES[k - 1]
        codes[k] = np.where(lean, before, codes[k])
    said = (codes[0] + (codes[1] > 2)) % 2
    codes[-1] = np.where(g.random(rows) < 0.8, said, codes[-1])
    return codes


def shares_of(codes: np.ndarray[Any, Any], clique: tuple[int, ...]) -> np.ndarray[Any, Any]:
    shape = tuple(SIZES[axis] for axis in clique)
    index = np.ravel_multi_index([codes[axis] for axis in clique], shape)
    counts = np.bincount(index, minlength=int(np.prod(shape)))
    return np.asarray(counts.reshape(shape) / codes.shape[1])


class Watched(Mechanism):
    """Keeps what was asked, without noise: what neighbours' answers differ by can be seen."""

    def __init__(self) -> None:
        super().__init__(Ledger(Budget(1e6, 1e-6)))
        self.asked: list[tuple[np.ndarray[Any, Any], float]] = []

    def counts(self, values: Any, *, rho: float, sensitivity: float = 1.0, **more: Any) -> Any:
        self.asked.append((np.asarray(values, dtype=float), sensitivity))
        return super().counts(values, rho=rho, sensitivity=sensitivity, **more)

    def scores(self, values: Any, *, rho: float, sensitivity: float, **more: Any) -> Any:
        self.asked.append((np.asarray(values, dtype=float), sensitivity))
        return super().scores(values, rho=rho, sensitivity=sensitivity, **more)

    def choose(self, scores: Any, *, rho: float, sensitivity: float, **more: Any) -> int:
        self.asked.append((np.asarray(scores, dtype=float), sensitivity))
        return super().choose(scores, rho=rho, sensitivity=sensitivity, **more)


@given(st.integers(0, 10_000), st.integers(1, 30), st.booleans())
@settings(max_examples=40, deadline=None)
def test_one_row_moves_no_answer_further_than_is_paid_for(
    seed: int, rows: int, heavy: bool
) -> None:
    g = np.random.default_rng(seed)
    codes = np.array([g.integers(0, size, rows) for size in SIZES], dtype=np.uint8)
    pairs = list(combinations(range(5), 2))
    references = [g.random((SIZES[i], SIZES[j])) * (0.5 if heavy else 20) for i, j in pairs]
    weights = 1 + 2 * g.random(len(pairs))
    child = g.dirichlet(np.ones(SIZES[2]) * (0.05 if heavy else 1))
    parents = [(0,), (1,), (0, 3), (3, 4)]
    asked = []
    for own in (codes, np.delete(codes, g.integers(rows), axis=1)):
        door = Watched()
        digits = Digits(own, SIZES, door)
        digits.measure((1, 2, 4), 1.0, "t")
        digits.measure_all([(0,), (1, 2), (4,)], 1.0, "t")
        digits.distances(pairs, references, 1.0, "t")
        digits.choose(pairs, references, 1.0, "t", minus=3.0, weights=weights)
        digits.choose_parent(child, 2, parents, 1.0, "t", minus=np.arange(4.0))
        asked.append(door.asked)
    for place, ((one, reach), (other, same)) in enumerate(zip(*asked, strict=True)):
        assert reach == same
        moved = np.abs(one - other).ravel()
        # Choices are held to the largest move of any score, all else to the length of all moves.
        assert (moved.max() if place >= 3 else np.linalg.norm(moved)) <= reach + 1e-9


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("target", [None, 4])
def test_all_is_spent_and_never_more(strategy: Strategy, target: int | None) -> None:
    for epsilon in (0.1, 1.0, 20.0):
        door = mechanism(epsilon)
        half = door.ledger.left / 2
        model = strategy.fit(chain(), SIZES, 4000, door, rho=half, target=target)
        assert sum(step.price for step in door.ledger.steps) == pytest.approx(half, rel=1e-9)
        assert model.sizes == SIZES
        assert abs(model.marginal((0,)).sum() - 1) < 1e-9
        known = [
            Measurement((k,), np.full(size, 4000 / size), 50.0) for k, size in enumerate(SIZES)
        ]
        rest = door.ledger.left
        strategy.fit(chain(), SIZES, 4000, door, rho=rest, target=target, known=known)
        assert door.ledger.left == pytest.approx(0, abs=1e-9 * half)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_budget_too_small_stops_before_the_noise(strategy: Strategy) -> None:
    door = mechanism()
    with pytest.raises(BudgetExceededError):
        strategy.fit(chain(), SIZES, 4000, door, rho=door.ledger.whole * 1.5)
    assert sum(step.price for step in door.ledger.steps) <= door.ledger.whole


def test_with_all_budget_a_tree_is_the_one_that_spans_most() -> None:
    codes = chain()
    distance = {
        (i, j): np.abs(
            shares_of(codes, (i, j)) - np.outer(shares_of(codes, (i,)), shares_of(codes, (j,)))
        ).sum()
        for i, j in combinations(range(5), 2)
    }
    best = max(
        (edges for edges in combinations(distance, 4) if _spans(edges)),
        key=lambda edges: sum(distance[edge] for edge in edges),
    )
    model = MST().fit(codes, SIZES, 4000, mechanism(1e5), rho=1e4)
    assert {f.axes for f in model.potentials if len(f.axes) == 2} == set(best)
    for edge in best:
        assert np.abs(model.marginal(edge) - shares_of(codes, edge)).sum() < 1e-3


def _spans(edges: tuple[tuple[int, int], ...]) -> bool:
    reached = {0}
    for _ in edges:
        reached |= {axis for edge in edges if reached & set(edge) for axis in edge}
    return len(reached) == len(SIZES)


@pytest.mark.parametrize(
    "strategy", [Marginals(), AIM(), PrivBayes()], ids=lambda s: type(s).__name__
)
def test_what_the_target_depends_on_is_kept(strategy: Strategy) -> None:
    codes = chain(20_000)
    model = strategy.fit(codes, SIZES, 20_000, mechanism(3.0), rho=0.1, target=4)
    for other in (0, 1):
        true = shares_of(codes, (other, 4))
        apart = np.outer(true.sum(axis=1), true.sum(axis=0))
        error = np.abs(model.marginal((other, 4)) - true).sum()
        assert error < 0.35 * np.abs(true - apart).sum()


def test_with_all_budget_the_default_is_right_about_all_pairs() -> None:
    codes = chain()
    for target in (None, 4):
        model = Marginals().fit(codes, SIZES, 4000, mechanism(1e5), rho=1e4, target=target)
        for pair in combinations(range(5), 2):
            assert np.abs(model.marginal(pair) - shares_of(codes, pair)).sum() < 0.01


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    ("sizes", "rows"),
    [((4,), 50), ((1,), 50), ((1, 3), 50), ((3, 1, 2), 2), ((64, 64, 2), 300), ((2, 3), 0)],
    ids=str,
)
def test_odd_tables(strategy: Strategy, sizes: tuple[int, ...], rows: int) -> None:
    codes = np.array([np.arange(rows) * 7 % size for size in sizes], dtype=np.uint8)
    known = [Measurement((k,), np.ones(size), 9.0) for k, size in enumerate(sizes)]
    for target, told in ((None, ()), (len(sizes) - 1, ()), (None, known)):
        door = mechanism()
        model = strategy.fit(codes, sizes, 1, door, rho=0.01, target=target, known=told)
        assert model.sizes == sizes
        price = sum(step.price for step in door.ledger.steps)
        assert price == pytest.approx(0.01 if max(sizes) > 1 else 0)


def test_a_symbol_that_is_not_there_is_not_told() -> None:
    codes = chain(500)
    codes[1, 0] = 255
    model = Marginals().fit(codes, SIZES, 500, mechanism(), rho=0.01)
    assert model.sizes == SIZES


def test_a_cap_names_the_digits_that_pass_it() -> None:
    sizes = (60, 60, 2)
    codes = np.zeros((3, 100), dtype=np.uint8)
    door = mechanism()
    with pytest.raises(FitError, match=r"digits [01], [01]|60 × 60 = 3,600"):
        Marginals(cells=1000).fit(codes, sizes, 100, door, rho=0.01, target=1)
    assert not door.ledger.steps


def test_a_network_of_many_digits_stays_within_its_cells() -> None:
    """Second parents tie all digits together: where that passes the cap, one parent is enough."""
    draw = np.random.Generator(np.random.PCG64(3))
    base = draw.integers(0, 8, 3_000)
    codes = np.array([(base + draw.integers(0, 3, 3_000)) % 8 for _ in range(30)], dtype=np.uint8)
    model = PrivBayes(cells=50_000).fit(codes, (8,) * 30, 3_000, mechanism(50.0), rho=5.0)
    assert model.tree.cells <= 50_000
    assert any(len(clique) == 3 for clique in model.tree.cliques)


def test_tables_are_chosen_for_more_than_their_noise() -> None:
    sizes = (4, 4, 4, 30)
    pairs = [(0, 1), (1, 2), (0, 2), (2, 3)]
    scores = np.array([500.0, 400.0, 0.0, 450.0])
    chosen = [
        select(sizes, [], Candidates(pairs, scores), rho=rho, caution=1.0, cap=cap)
        for rho, cap in ((1.0, 10_000), (0.002, 10_000), (1e-9, 10_000), (1.0, 70))
    ]
    assert set(chosen[0]) == {(0, 1), (1, 2), (2, 3)}
    assert set(chosen[1]) == {(0, 1), (1, 2)}
    assert chosen[2] == []
    assert set(chosen[3]) == {(0, 1), (1, 2)}
    # The least summed error: no other division does better.
    cells = np.array([16.0, 120.0])
    own = shares(sizes, [(0, 1), (2, 3)])
    moved = [own + np.array([step, -step]) for step in (-0.05, 0.0, 0.05)]
    errors = [float((cells / np.sqrt(division)).sum()) for division in moved]
    assert np.argmin(errors) == 1


def test_single_digits_are_measured_where_they_are_least_clear() -> None:
    clear = Measurement((0,), np.ones(4), 0.01)
    noisy = Measurement((1,), np.ones(4), 500.0)
    cliques, parts = shares_with_singles(
        (4, 4, 4, 1), [(0, 1)], [clear, noisy], rho=0.01, breadth=1.0
    )
    assert set(cliques) >= {(1,), (2,), (0, 1)}
    assert (0,) not in cliques
    assert (3,) not in cliques
    assert parts.sum() == pytest.approx(1)
    assert dict(zip(cliques, parts, strict=True))[2,] >= dict(zip(cliques, parts, strict=True))[1,]


def test_rows_are_told_by_the_least_noisy_tables() -> None:
    tables = [Measurement((0,), np.array([480.0, 520.0]), 1.0), Measurement((1,), np.ones(9), 1e6)]
    assert rows_told(3000, 0.01, tables) == pytest.approx(1000, abs=1)
    assert rows_told(3000, 0.01, []) == pytest.approx(3000)
    assert rows_told(-5, 0.01, []) == 1


def test_units_of_many_rows_get_more_noise() -> None:
    sigmas = []
    for door in (mechanism(), mechanism(unit="person", at_most=4)):
        digits = Digits(chain(200), SIZES, door)
        sigmas.append([m.sigma for m in digits.measure_all([(0,), (1,)], 0.01, "t")])
    assert sigmas[0] == pytest.approx([sqrt(2 / 0.02)] * 2)
    assert sigmas[1] == pytest.approx([4 * sqrt(2 / 0.02)] * 2)
