"""Graphical models from noisy tables: against the joint written out, and as they are drawn from."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from neotype.errors import FitError
from neotype.marginal.factor import Factor, eliminate, product
from neotype.marginal.fit import fit
from neotype.marginal.graphical import Graphical
from neotype.marginal.junction import cells, cells_each, grow, junction_tree
from neotype.marginal.measurement import Measurement
from neotype.rng import Rng

Clique = tuple[int, ...]
ALL = np.uint64(2**64 - 1)
SIZES = (3, 4, 2, 5, 3, 2)
LOOP: tuple[Clique, ...] = ((0, 1), (1, 2), (2, 3), (0, 3), (3, 4), (5,))


@st.composite
def graphs(draw: st.DrawFn, most: int = 6) -> tuple[tuple[int, ...], list[Clique]]:
    """Sizes of variables, and cliques over them."""
    n = draw(st.integers(1, most))
    sizes = tuple(draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)))
    members = st.sets(st.integers(0, n - 1), max_size=3).map(lambda s: tuple(sorted(s)))
    return sizes, draw(st.lists(members, max_size=2 * n, unique=True))


def potentials(
    sizes: tuple[int, ...], cliques: list[Clique], seed: int, spread: float = 2.0
) -> list[Factor]:
    g = np.random.default_rng(seed)
    return [Factor(c, spread * g.normal(size=tuple(sizes[a] for a in c))) for c in cliques]


def joint(sizes: tuple[int, ...], factors: list[Factor]) -> NDArray[np.float64]:
    """The distribution written out, by nothing but broadcasting."""
    total = np.zeros(sizes)
    for f in factors:
        shape = [sizes[a] if a in f.axes else 1 for a in range(len(sizes))]
        total = total + f.values.reshape(shape)
    p = np.exp(total - total.max())
    return np.asarray(p / p.sum())


def summed(p: NDArray[np.float64], clique: Clique) -> NDArray[np.float64]:
    left = sorted(clique)
    table = p.sum(axis=tuple(a for a in range(p.ndim) if a not in clique))
    return np.asarray(table.transpose([left.index(a) for a in clique]))


def every(sizes: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.indices(sizes).reshape(len(sizes), -1).astype(np.uint8)


def counted(codes: NDArray[np.uint8], sizes: tuple[int, ...], clique: Clique) -> NDArray[np.int64]:
    shape = tuple(sizes[a] for a in clique)
    if not clique:
        return np.array(codes.shape[1])
    index = np.ravel_multi_index([codes[a] for a in clique], shape)
    return np.bincount(index, minlength=int(np.prod(shape))).reshape(shape)


@pytest.fixture(scope="module")
def model() -> Graphical:
    """A loop, a tail and a variable of its own."""
    return Graphical.of(SIZES, potentials(SIZES, list(LOOP), seed=1, spread=1.0))


# The junction tree


@settings(max_examples=200, deadline=None)
@given(graphs(most=9))
def test_a_junction_tree_holds_every_clique_and_what_two_share_lies_on_the_way(
    graph: tuple[tuple[int, ...], list[Clique]],
) -> None:
    sizes, cliques = graph
    tree = junction_tree(sizes, cliques)
    assert all(tree.holder(c) is not None for c in cliques)
    assert sorted(a for new in tree.residuals for a in new) == list(range(len(sizes)))
    for k, parent in enumerate(tree.parents):
        assert -1 <= parent < k or (k == 0 and parent == -1)
        earlier = {a for c in tree.cliques[:k] for a in c}
        # Running intersection: what a clique shares with any before it, its parent has.
        assert set(tree.cliques[k]) & earlier == set(tree.separators[k])
        assert not any(set(tree.cliques[k]) <= set(c) for c in tree.cliques[:k])
    assert tree.cells == cells(sizes, cliques)
    assert tree == junction_tree(sizes, cliques[::-1])


@settings(max_examples=50, deadline=None)
@given(graphs(), st.integers(1, 200))
def test_cliques_enter_while_the_tree_stays_within_the_cap(
    graph: tuple[tuple[int, ...], list[Clique]], cap: int
) -> None:
    sizes, candidates = graph
    entered: list[Clique] = []
    for clique in candidates:
        inside = any(set(clique) <= set(other) for other in entered) or len(clique) < 2
        if inside or cells(sizes, [*entered, clique]) <= cap:
            entered.append(clique)
    assert grow(sizes, [], candidates, cap) == entered
    each = cells_each(sizes, entered, candidates)
    assert [int(c) for c in each] == [cells(sizes, [*entered, c]) for c in candidates]


def test_more_than_64_variables_have_a_tree() -> None:
    sizes = (3,) * 130
    ring = [*pairwise(range(130)), (0, 129)]
    tree = junction_tree(sizes, ring)
    assert tree.cells == 128 * 27
    assert cells(sizes, ring[:-1]) == 129 * 9


# Inference


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(0, 99), st.sampled_from([0.1, 3.0, 60.0]))
def test_propagation_gives_the_marginals_of_the_joint(
    graph: tuple[tuple[int, ...], list[Clique]], seed: int, spread: float
) -> None:
    sizes, cliques = graph
    factors = potentials(sizes, cliques, seed, spread)
    p, model = joint(sizes, factors), Graphical.of(sizes, factors)
    n = len(sizes)
    asked: list[Clique] = [*cliques, (), *((i, j) for i in range(n) for j in range(n) if i != j)]
    asked += [tuple(range(n))[::-1], tuple(range(0, n, 2))]
    for clique, table in zip(asked, model.project(asked), strict=True):
        np.testing.assert_allclose(table, summed(p, clique), atol=1e-12, rtol=0)
        np.testing.assert_allclose(model.marginal(clique), summed(p, clique), atol=1e-12, rtol=0)
    with np.errstate(divide="ignore"):
        expected = np.log(p.ravel())
    likely = expected > -500
    found = model.log_density(every(sizes))
    np.testing.assert_allclose(found[likely], expected[likely], atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(graphs(), st.integers(0, 99))
def test_factors_are_closed_under_adding_and_summing_out(
    graph: tuple[tuple[int, ...], list[Clique]], seed: int
) -> None:
    sizes, cliques = graph
    factors = potentials(sizes, cliques, seed)
    axes = tuple(range(len(sizes)))
    whole = product([Factor.zeros(axes, sizes), *factors])
    np.testing.assert_allclose(whole.normalised().probability, joint(sizes, factors), atol=1e-13)
    everywhere = [*factors, *(Factor.zeros((a,), sizes) for a in axes)]
    for keep in [(), axes[:2][::-1], axes[-1:]]:
        found = eliminate(everywhere, keep)
        assert found.axes == keep
        np.testing.assert_allclose(found.values, whole.onto(keep).values, atol=1e-10)


def test_a_model_comes_back_from_its_arrays(model: Graphical) -> None:
    back = Graphical.restore(model.arrays())
    assert back.tree == model.tree
    np.testing.assert_array_equal(back.marginal((0, 4)), model.marginal((0, 4)))
    np.testing.assert_array_equal(back.sample(50, Rng(3)), model.sample(50, Rng(3)))


# Fitting


def tables_of(
    p: NDArray[np.float64], cliques: tuple[Clique, ...], rows: float, sigma: float, seed: int = 0
) -> list[Measurement]:
    g = np.random.default_rng(seed)
    return [
        Measurement(c, rows * t + sigma * g.normal(size=t.shape), sigma)
        for c in cliques
        for t in [summed(p, c)]
    ]


def test_tables_without_noise_come_back(model: Graphical) -> None:
    p = joint(SIZES, list(model.potentials))
    fitted = fit(SIZES, tables_of(p, LOOP, 1000.0, 0.0), 1000, iterations=2000, tolerance=0)
    for clique in LOOP:
        np.testing.assert_allclose(fitted.marginal(clique), summed(p, clique), atol=1e-7)
    # The model of most entropy with these tables is the one that they were made by.
    np.testing.assert_allclose(fitted.marginal((1, 4)), summed(p, (1, 4)), atol=1e-7)


def test_the_answer_is_the_least_of_the_loss_as_it_is_written(model: Graphical) -> None:
    """scipy on the joint written out, with tables that do not agree, finds the same model."""
    rows, ridge, sizes = 2000.0, 0.4, SIZES[:4]
    cliques: tuple[Clique, ...] = ((0, 1, 2), (1, 2, 3), (0, 3), (2, 3), (1,))
    p = joint(sizes, potentials(sizes, list(cliques), seed=2, spread=0.7))
    measured = [
        Measurement(m.clique, m.counts, m.sigma * (1 + k))
        for k, m in enumerate(tables_of(p, cliques, rows, 15.0))
    ]
    ends = np.cumsum([m.counts.size for m in measured])
    y = np.concatenate([m.counts.ravel() for m in measured])
    a = np.concatenate([np.full(m.counts.size, ridge * m.sigma) for m in measured])

    def model_of(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parts = np.split(theta, ends[:-1])
        factors = [
            Factor(m.clique, part.reshape(m.counts.shape))
            for m, part in zip(measured, parts, strict=True)
        ]
        whole = product([Factor.zeros((0, 1, 2, 3), sizes), *factors])
        return float(whole.onto(()).values), joint(sizes, factors)

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_total, q = model_of(theta)
        expected = rows * np.concatenate([summed(q, m.clique).ravel() for m in measured])
        value = rows * log_total - theta @ y + 0.5 * (a * theta) @ theta
        return float(value), expected - y + a * theta

    options = {"maxiter": 20_000, "maxfun": 50_000, "ftol": 0, "gtol": 1e-6}
    found = minimize(loss, np.zeros(len(y)), jac=True, method="L-BFGS-B", options=options)
    ours = fit(sizes, measured, rows, ridge=ridge, tolerance=0).marginal((0, 1, 2, 3))
    np.testing.assert_allclose(ours, model_of(found.x)[1], atol=1e-7)


def test_noisy_tables_agree_and_come_nearer_to_the_truth(model: Graphical) -> None:
    p = joint(SIZES, list(model.potentials))
    measured = tables_of(p, LOOP, 2000.0, 25.0, seed=4)
    fitted = fit(SIZES, measured, 2000)
    raw = sum(np.abs(m.counts / 2000 - summed(p, m.clique)).sum() for m in measured)
    ours = sum(np.abs(fitted.marginal(m.clique) - summed(p, m.clique)).sum() for m in measured)
    assert ours < 0.75 * raw
    np.testing.assert_allclose(fitted.marginal((0, 1)).sum(0), fitted.marginal((1, 2)).sum(1))


def test_the_order_of_axes_and_of_tables_is_nothing(model: Graphical) -> None:
    p = joint(SIZES, list(model.potentials))
    measured = tables_of(p, LOOP, 500.0, 5.0)
    turned = [Measurement(m.clique[::-1], m.counts.T, m.sigma) for m in measured[::-1]]
    one, other = fit(SIZES, measured, 500), fit(SIZES, turned, 500)
    np.testing.assert_array_equal(one.marginal((0, 3)), other.marginal((0, 3)))


def test_a_table_measured_twice_is_averaged_by_precision() -> None:
    twice = [
        Measurement((0,), np.array([60.0, 40.0]), 1.0),
        Measurement((0,), np.array([90.0, 10.0]), 2.0),
    ]
    once = [Measurement((0,), np.array([66.0, 34.0]), 0.8**0.5)]
    np.testing.assert_allclose(
        fit((2,), twice, 100).marginal((0,)), fit((2,), once, 100).marginal((0,))
    )


def test_a_start_nearby_needs_fewer_iterations(model: Graphical) -> None:
    p = joint(SIZES, list(model.potentials))
    measured = tables_of(p, LOOP, 5000.0, 5.0)
    first = fit(SIZES, measured[:-2], 5000, iterations=500)
    best = fit(SIZES, measured, 5000, iterations=2000, tolerance=0).marginal((0, 3))
    warm = fit(SIZES, measured, 5000, start=first, iterations=12).marginal((0, 3))
    cold = fit(SIZES, measured, 5000, iterations=12).marginal((0, 3))
    assert np.abs(warm - best).sum() < 0.5 * np.abs(cold - best).sum()


def test_a_start_of_other_cliques_keeps_what_fits_in() -> None:
    p = joint((3, 4), potentials((3, 4), [(0, 1)], seed=5))
    ones = fit((3, 4), tables_of(p, ((0,), (1,)), 100.0, 0.0), 100, tolerance=0)
    pair = fit((3, 4), tables_of(p, ((0, 1),), 100.0, 0.0), 100, start=ones, iterations=0)
    np.testing.assert_allclose(pair.marginal((0,)), summed(p, (0,)), atol=1e-6)


def test_impossible_cells_stay_empty_whatever_was_measured(model: Graphical) -> None:
    p = joint(SIZES, list(model.potentials))
    never = np.zeros((4, 3))
    never[2, :] = -np.inf
    never[0, 1] = -np.inf
    measured = tables_of(p, LOOP, 500.0, 20.0)
    fitted = fit(SIZES, measured, 500, fixed=[Factor((1, 0), never)])
    assert (fitted.marginal((1, 0))[np.isinf(never)] == 0).all()
    codes = fitted.sample(5000, Rng(0))
    assert not ((codes[1] == 2) | ((codes[1] == 0) & (codes[0] == 1))).any()
    again = fit(SIZES, measured, 500, fixed=[Factor((1, 0), never)], start=fitted, iterations=0)
    np.testing.assert_allclose(again.marginal((3, 4)), fitted.marginal((3, 4)))


def test_nothing_measured_is_the_even_distribution() -> None:
    np.testing.assert_allclose(fit((2, 3), [], 10).marginal((0, 1)), np.full((2, 3), 1 / 6))


@pytest.mark.parametrize(
    ("measure", "says"),
    [
        (lambda: Measurement((0, 0), np.zeros((2, 2)), 1.0), "each variable once"),
        (lambda: Measurement((0,), np.zeros((2, 2)), 1.0), "table of 2 axes"),
        (lambda: Measurement((0,), np.array([1.0, np.nan]), 1.0), "not all finite"),
        (lambda: Measurement((0,), np.ones(2), -1.0), "sigma -1.0"),
        (lambda: fit((2, 2), [Measurement((2,), np.ones(2))], 2), "variables 0 .. 1"),
        (lambda: fit((2, 2), [Measurement((0,), np.ones(3))], 2), "sizes are (2,)"),
        (lambda: fit((2, 2), [], 0), "a total of 0 rows"),
        (
            lambda: fit((64,) * 5, [Measurement((0, 1), np.zeros((64, 64)))], 1, fixed=WIDE),
            "the variables (0, 1, 2, 3, 4) have most",
        ),
    ],
)
def test_what_cannot_be_fitted_is_said(measure, says) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(FitError) as caught:
        measure()
    assert says in str(caught.value)


WIDE = [Factor((i, j), np.zeros((64, 64))) for j in range(5) for i in range(j)]


# Drawing


def test_a_sample_has_every_cell_of_a_clique_as_often_as_expected(model: Graphical) -> None:
    rows = 50_000
    codes = model.sample(rows, Rng(1))
    assert codes.dtype == np.uint8
    assert codes.shape == (len(SIZES), rows)
    root = model.tree.cliques[0]
    assert np.abs(counted(codes, SIZES, root) - rows * model.marginal(root)).max() < 1 + 1e-6
    for k, clique in enumerate(model.tree.cliques):
        # Within each line of the separator the error is rounding alone.
        separator = model.tree.separators[k]
        own = counted(codes, SIZES, separator + model.tree.residuals[k])
        given_line = model.marginal(separator + model.tree.residuals[k])
        given_line = given_line / given_line.sum(
            axis=tuple(range(len(separator), len(clique))), keepdims=True
        )
        lines = counted(codes, SIZES, separator)
        expected = lines.reshape(*lines.shape, *[1] * (len(clique) - len(separator))) * given_line
        assert np.abs(own - expected).max() < 1 + 1e-6


def test_rows_are_drawn_from_the_joint(model: Graphical) -> None:
    p = joint(SIZES, list(model.potentials)).ravel()
    rows = 200_000
    index = np.ravel_multi_index(list(model.sample(rows, Rng(2))), SIZES)
    found = np.bincount(index, minlength=p.size)
    # Systematic draws deviate less than independent ones, whose χ² is about its degrees of freedom.
    assert ((found - rows * p) ** 2 / (rows * p)).sum() < 1.15 * p.size
    halves = [np.bincount(part, minlength=p.size) for part in np.split(index, 2)]
    assert (np.abs(halves[0] - halves[1]) < 6 * np.sqrt(rows * p + 1)).all()


def test_pairs_that_no_table_holds_come_out_evener_than_by_chance(model: Graphical) -> None:
    rows = 20_000
    codes = model.sample(rows, Rng(4))
    inside = [set(clique) for clique in model.tree.cliques]
    apart = [
        pair
        for pair in combinations(range(len(SIZES)), 2)
        if not any(set(pair) <= c for c in inside)
    ]
    assert apart
    for pair in apart:
        expected = rows * model.marginal(pair)
        found = counted(codes, SIZES, pair)
        by_chance = np.sqrt(expected * (1 - expected / rows)).sum() * np.sqrt(2 / np.pi)
        assert np.abs(found - expected).sum() < 0.5 * by_chance


def test_a_sample_follows_from_its_seed(model: Graphical) -> None:
    np.testing.assert_array_equal(model.sample(100, Rng(5)), model.sample(100, Rng(5)))
    assert (model.sample(100, Rng(5)) != model.sample(100, Rng(6))).any()
    assert model.sample(0, Rng(5)).shape == (len(SIZES), 0)


def allowed(p: NDArray[np.float64], mask: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The joint where the digits are among the symbols of `mask`, not normalised."""
    for axis, size in enumerate(p.shape):
        may = np.array([(int(mask[axis]) >> s) & 1 for s in range(size)], dtype=np.float64)
        p = p * may.reshape([-1 if a == axis else 1 for a in range(p.ndim)])
    return p


def conditions(sets: dict[int, int]) -> NDArray[np.uint64]:
    mask = np.full(len(SIZES), ALL)
    for axis, symbols in sets.items():
        mask[axis] = symbols
    return mask


CONDITIONS = [
    {4: 0b001},
    {0: 0b101, 4: 0b100},
    {0: 0b010, 1: 0b1001, 3: 0b10000, 5: 0b10},
    {},
    {2: 0b01},
    {0: 0b001, 1: 0b0001, 2: 0b01, 3: 0b00001, 4: 0b001},
]


@pytest.mark.parametrize("sets", CONDITIONS)
def test_a_condition_for_all_rows_is_met_exactly(model: Graphical, sets: dict[int, int]) -> None:
    p = allowed(joint(SIZES, list(model.potentials)), conditions(sets))
    rows = 60_000
    codes, logp = model.draw(rows, Rng(7), conditions(sets)[None])
    np.testing.assert_allclose(logp, np.log(p.sum()), atol=1e-10)
    share = p / p.sum()
    for clique in [(0, 1, 2), (2, 3), (3, 4), (5,), (1, 4)]:
        expected = rows * summed(share, clique)
        gap = np.abs(counted(codes, SIZES, clique) - expected)
        assert (gap < 5 * np.sqrt(expected) + 2).all()
        assert (counted(codes, SIZES, clique)[expected == 0] == 0).all()


def test_conditions_that_differ_from_row_to_row_are_met_exactly(model: Graphical) -> None:
    """Rows of six conditions, shuffled: each group as if it had been drawn alone."""
    p = joint(SIZES, list(model.potentials))
    each, lines = 30_000, np.array([conditions(sets) for sets in CONDITIONS])
    which = np.random.default_rng(0).permutation(np.repeat(np.arange(len(lines)), each))
    codes, logp = model.draw(len(which), Rng(8), lines[which])
    for group, line in enumerate(lines):
        share = allowed(p, line)
        np.testing.assert_allclose(logp[which == group], np.log(share.sum()), atol=1e-10)
        share = share / share.sum()
        mine = codes[:, which == group]
        for clique in [(0, 1, 2), (2, 3), (3, 4), (5,), (1, 4)]:
            expected = each * summed(share, clique)
            gap = np.abs(counted(mine, SIZES, clique) - expected)
            assert (gap < 5 * np.sqrt(expected) + 2).all()
            assert (counted(mine, SIZES, clique)[expected == 0] == 0).all()


def test_whole_rows_as_conditions_have_their_density(model: Graphical) -> None:
    codes = every(SIZES)
    drawn, logp = model.draw(codes.shape[1], Rng(9), np.uint64(1) << codes.T.astype(np.uint64))
    np.testing.assert_array_equal(drawn, codes)
    np.testing.assert_allclose(logp, model.log_density(codes), atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 99))
def test_the_probability_of_any_conditions_is_that_of_the_joint(
    graph: tuple[tuple[int, ...], list[Clique]], seed: int
) -> None:
    sizes, cliques = graph
    factors = potentials(sizes, cliques, seed)
    p, model = joint(sizes, factors), Graphical.of(sizes, factors)
    bits = np.random.default_rng(seed).integers(1, 16, size=(20, len(sizes))).astype(np.uint64)
    bits |= np.uint64(1) << (np.array(sizes) - 1).astype(np.uint64)
    expected = [np.log(allowed(p, line).sum()) for line in bits]
    codes, logp = model.draw(20, Rng(seed), bits)
    np.testing.assert_allclose(logp, expected, atol=1e-9)
    assert ((bits.T >> codes.astype(np.uint64)) & np.uint64(1) == 1).all()
    for line, log_share in zip(bits[:3], expected, strict=False):
        np.testing.assert_allclose(model.draw(1, Rng(0), line[None])[1], log_share, atol=1e-9)


def test_what_cannot_be_has_no_probability_and_no_end_of_the_world() -> None:
    never = Factor((0, 1), np.array([[0.0, -np.inf], [0.0, 0.0]]))
    model = Graphical.of((2, 2), [never])
    asked = np.array([[1, 2], [2, 2]], dtype=np.uint64)
    codes, logp = model.draw(2, Rng(0), asked)
    np.testing.assert_array_equal(codes, [[0, 1], [1, 1]])
    np.testing.assert_allclose(logp, [-np.inf, np.log(1 / 3)])
    codes, logp = model.draw(3, Rng(0), asked[:1])
    np.testing.assert_array_equal(codes, [[0] * 3, [1] * 3])
    assert (logp == -np.inf).all()


def test_conditions_for_another_number_of_rows_are_refused(model: Graphical) -> None:
    masks = np.array([conditions({0: 1}), conditions({0: 2})])
    with pytest.raises(FitError, match="conditions for 2 rows"):
        model.draw(3, Rng(0), masks)
