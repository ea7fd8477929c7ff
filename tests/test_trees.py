"""The density engine: a proper distribution, learnt without overfitting, drawn as it says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import chisquare

from neotype.trees.density import Codes, DensityTrees, Growth, levels
from neotype.trees.relevance import mutual_information
from neotype.trees.weigh import STRENGTHS, weigh

SIZES = (3, 5, 2, 7)
UNPRUNED = Growth(least=1, split_odds=50.0)


def truth(sizes: tuple[int, ...], seed: int = 0, spread: float = 0.6) -> NDArray[np.float64]:
    """A joint distribution in which everything depends on everything."""
    g = np.random.default_rng(seed)
    return g.dirichlet(np.full(int(np.prod(sizes)), spread)).reshape(sizes)


def rows_of(joint: NDArray[np.float64], rows: int, seed: int = 0) -> Codes:
    """Digits × rows, drawn from a joint distribution."""
    cells = np.random.default_rng(seed).choice(joint.size, size=rows, p=joint.ravel())
    return np.array(np.unravel_index(cells, joint.shape), dtype=np.uint8)


def every(sizes: tuple[int, ...]) -> Codes:
    """Digits × all code words, the last digit fastest."""
    return np.array(list(product(*map(range, sizes))), dtype=np.uint8).T.copy()


def grown(codes: Codes, sizes: tuple[int, ...], growth: Growth | None = None) -> DensityTrees:
    order = range(len(sizes))
    return DensityTrees.grow(codes, sizes, [False] * len(sizes), order, growth or Growth())


def counts_of(codes: Codes, sizes: tuple[int, ...]) -> NDArray[np.int64]:
    return np.bincount(np.ravel_multi_index(codes, sizes), minlength=int(np.prod(sizes)))


@pytest.fixture(scope="module")
def model() -> DensityTrees:
    return grown(rows_of(truth(SIZES), 20_000), SIZES)


@pytest.fixture(scope="module")
def joint(model: DensityTrees) -> NDArray[np.float64]:
    """The model's own probability of every code word."""
    return np.exp(model.log_density(every(SIZES))).reshape(SIZES)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(1, 64), min_size=1, max_size=2),
    st.integers(1, 60),
    st.sampled_from([2, 3, 4, 8, 64]),
    st.booleans(),
)
def test_probabilities_of_all_codes_sum_to_one(
    some: list[int], rows: int, base: int, unpruned: bool
) -> None:
    sizes = tuple(some)
    g = np.random.default_rng(rows)
    codes = np.stack([g.integers(0, size, rows) for size in sizes]).astype(np.uint8)
    growth = Growth(base, 1 if unpruned else 10, 50.0 if unpruned else -7.0)
    total = np.exp(grown(codes, sizes, growth).log_density(every(sizes))).sum()
    assert total == pytest.approx(1.0, abs=2e-5)


@pytest.mark.parametrize("size", [5, 17, 40])
def test_a_digit_whose_size_is_no_power_is_drawn_as_its_density_says(size: int) -> None:
    codes = np.tile(np.arange(size, dtype=np.uint8), 6)[None, :]
    trees = grown(codes, (size,))
    drawn, _ = trees.draw(200_000, 1, 3)
    seen = np.bincount(drawn[0], minlength=size)
    assert len(seen) == size
    density = np.exp(trees.log_density(every((size,))))
    assert chisquare(seen, density / density.sum() * 200_000).pvalue > 0.001


def test_rows_are_drawn_as_often_as_their_density_says(
    model: DensityTrees, joint: NDArray[np.float64]
) -> None:
    drawn, _ = model.draw(300_000, len(SIZES), 11)
    expected = joint.ravel() / joint.sum() * 300_000
    often = expected >= 5
    seen = counts_of(drawn, SIZES)
    pooled = [np.append(a[often], a[~often].sum()) for a in (seen, expected)]
    assert chisquare(*pooled).pvalue > 0.001


def test_the_density_is_that_of_the_data() -> None:
    codes = rows_of(truth(SIZES), 100_000)
    density = np.exp(grown(codes, SIZES).log_density(every(SIZES)))
    assert np.abs(density - counts_of(codes, SIZES) / 100_000).sum() / 2 < 0.01
    assert np.abs(density - truth(SIZES).ravel()).sum() / 2 < 0.02


def test_of_little_data_the_frequent_is_still_probable() -> None:
    codes = np.zeros((2, 40), dtype=np.uint8)
    codes[:, :4] = 1
    density = np.exp(grown(codes, (2, 2)).log_density(every((2, 2)))).reshape(2, 2)
    assert density[0, 0] > 0.75
    assert (density > 0).all()


def limits(fixed: dict[int, int]) -> NDArray[np.uint64]:
    """Digits that must be one symbol, as sets that hold for all rows."""
    allowed = np.full((1, len(SIZES)), 2**64 - 1, dtype=np.uint64)
    for place, symbol in fixed.items():
        allowed[0, place] = 1 << symbol
    return allowed


def test_given_digits_are_kept_and_the_rest_follows_them(
    model: DensityTrees, joint: NDArray[np.float64]
) -> None:
    rows = 100_000
    drawn, logp = model.draw(rows, len(SIZES), 5, limits({0: 2, 1: 1}))
    assert (drawn[:2] == [[2], [1]]).all()
    exact = joint[2, 1] / joint[2, 1].sum()
    shares = counts_of(drawn[2:], SIZES[2:]).reshape(SIZES[2:]) / rows
    assert np.abs(shares - exact).sum() / 2 < 0.01
    # Both come first, so that every row has the same log-weight: log P(2, 1).
    np.testing.assert_allclose(logp, np.log(joint[2, 1].sum()), atol=1e-4)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_late_conditions_are_met_in_proportion_to_their_weight(
    model: DensityTrees, joint: NDArray[np.float64], place: int
) -> None:
    rows, symbol = 200_000, 1
    drawn, logp = model.draw(rows, len(SIZES), 6, limits({place: symbol}))
    assert (drawn[place] == symbol).all()
    weights = np.bincount(
        np.ravel_multi_index(drawn, SIZES), weights=np.exp(logp), minlength=joint.size
    )
    exact = np.moveaxis(np.zeros(SIZES), place, 0)
    exact[symbol] = np.moveaxis(joint, place, 0)[symbol]
    exact = np.moveaxis(exact, 0, place).ravel()
    assert np.abs(weights / weights.sum() - exact / exact.sum()).sum() / 2 < 0.015
    # The mean weight is the probability of the condition.
    assert np.exp(logp).mean() == pytest.approx(exact.sum(), rel=0.02)


def test_all_digits_given_weigh_the_density(model: DensityTrees) -> None:
    codes = rows_of(truth(SIZES), 500, seed=9)
    drawn, logp = model.draw(500, len(SIZES), 1, np.uint64(1) << codes.T.astype(np.uint64))
    np.testing.assert_array_equal(drawn, codes)
    np.testing.assert_array_equal(logp, model.log_density(codes))


def test_a_row_does_not_depend_on_the_rows_beside_it(model: DensityTrees) -> None:
    few, _ = model.draw(10, len(SIZES), 7)
    many, _ = model.draw(5000, len(SIZES), 7)
    other, _ = model.draw(5000, len(SIZES), 8)
    np.testing.assert_array_equal(many[:, :10], few)
    # Streams of other keys agree no more often than chance.
    assert abs((many == other).mean() - (many[:, ::-1] == other).mean()) < 0.02


def test_the_order_of_the_digits_is_that_of_drawing() -> None:
    codes = rows_of(truth(SIZES), 5000)
    trees = DensityTrees.grow(codes, SIZES, [False] * 4, [2, 0, 3, 1], Growth())
    assert list(dict.fromkeys(trees.steps[:, 0].tolist())) == [2, 0, 3, 1]
    # Given the first in the order, weights are all alike.
    _, logp = trees.draw(50, 4, 0, limits({2: 1}))
    assert len(np.unique(logp)) == 1


def chain(rows: int, seed: int) -> Codes:
    """Each digit follows the one before it, and nothing else."""
    g = np.random.default_rng(seed)
    steps = np.random.default_rng(42).dirichlet(np.ones(4), 4).cumsum(axis=1)
    digits = [g.integers(0, 4, rows)]
    for _ in range(5):
        digits.append((g.random(rows)[:, None] >= steps[digits[-1]]).sum(axis=1).clip(0, 3))
    return np.array(digits, dtype=np.uint8)


def test_averaging_over_prunings_beats_no_pruning() -> None:
    sizes = (4,) * 6
    train, held = chain(2000, 0), chain(20_000, 1)
    density = {
        odds: grown(train, sizes, Growth(least=1, split_odds=odds)).log_density(held).mean()
        for odds in (-1000.0, -7.0, 50.0)
    }
    assert density[-7.0] > density[50.0] + 0.1
    assert density[-7.0] > density[-1000.0] + 0.5


def test_structure_is_found_where_there_is_one() -> None:
    g = np.random.default_rng(0)
    first, second = g.integers(0, 4, (2, 8000))
    both = ((first % 2 == 1) & (second != 2)) ^ (g.random(8000) < 0.05)
    codes = np.stack([first, second, both]).astype(np.uint8)
    density = grown(codes[:, :4000], (4, 4, 2)).log_density(codes[:, 4000:]).mean()
    noise = -(0.05 * np.log(0.05) + 0.95 * np.log(0.95))
    # Sets of symbols that are no intervals, and an interaction of two digits.
    assert density > -(2 * np.log(4) + noise) - 0.03


def test_independent_noise_is_left_alone() -> None:
    g = np.random.default_rng(0)
    sizes = (2, 4, 3, 4, 2, 3)
    tables = [g.dirichlet(np.full(size, 3.0)) for size in sizes]
    codes = np.stack([g.choice(len(p), 12_000, p=p) for p in tables]).astype(np.uint8)
    train, held = codes[:, :2000], codes[:, 2000:]
    trees = grown(train, sizes)
    marginal = sum(
        np.log(np.bincount(t) / 2000)[h].mean() for t, h in zip(train, held, strict=True)
    )
    assert trees.log_density(held).mean() > marginal - 0.01
    assert grown(train, sizes, UNPRUNED).log_density(held).mean() < marginal - 0.05


def features_of(trees: DensityTrees) -> Iterator[tuple[int, set[int]]]:
    """Each tree's digit, and which digits it splits on."""
    ends = [*trees.steps[1:, 1].tolist(), len(trees.feature)]
    for step, end in zip(trees.steps.tolist(), ends, strict=True):
        yield step[0], set(trees.feature[step[1] : end].tolist()) - {-1}


def test_width_bounds_what_a_tree_looks_at_and_keeps_the_most_telling() -> None:
    g = np.random.default_rng(0)
    noise = g.integers(0, 4, (6, 6000))
    copy = np.where(g.random(6000) < 0.9, noise[2], g.integers(0, 4, 6000))
    codes = np.vstack([noise, copy]).astype(np.uint8)
    scratch = len(codes)
    for width in (1, 3):
        trees = grown(codes, (4,) * 7, Growth(width=width, split_odds=50.0))
        for _, features in features_of(trees):
            assert len(features - {scratch}) <= width
    features = dict(features_of(grown(codes, (4,) * 7, Growth(width=1))))
    assert features[6] == {2}


def test_a_tree_sees_only_what_it_may_look_at() -> None:
    codes = rows_of(truth(SIZES), 5000)
    looks: list[list[int]] = [[], [0], [0], [1]]
    trees = DensityTrees.grow(codes, SIZES, [False] * 4, range(4), Growth(), looks=looks)
    for digit, features in features_of(trees):
        assert features <= {*looks[digit], len(SIZES)}
    alone = DensityTrees.grow(codes, SIZES, [False] * 4, range(4), Growth(), looks=[[]] * 4)
    density = np.exp(alone.log_density(every(SIZES))).reshape(SIZES)
    for place, size in enumerate(SIZES):
        axes = tuple(i for i in range(4) if i != place)
        shares = np.bincount(codes[place], minlength=size) / 5000
        np.testing.assert_allclose(density.sum(axis=axes), shares, atol=0.01)
    product_ = np.einsum(
        "a,b,c,d->abcd", *(density.sum(axis=tuple({0, 1, 2, 3} - {i})) for i in range(4))
    )
    np.testing.assert_allclose(density, product_, atol=1e-5)


def test_trees_do_not_depend_on_the_order_of_threads() -> None:
    codes = rows_of(truth(SIZES), 3000)
    first = grown(codes, SIZES).arrays()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        others = [grown(codes, SIZES).arrays() for _ in range(5)]
    finally:
        sys.setswitchinterval(before)
    # Digit by digit, one after the other, they are the same trees too.
    alone = [
        DensityTrees.grow(codes, SIZES, [False] * 4, [d], Growth(), looks=[list(range(d))])
        for d in range(4)
    ]
    for name in ("feature", "mask", "cumulative"):
        parts = np.concatenate([trees.arrays()[name] for trees in alone])
        np.testing.assert_array_equal(parts, first[name])
    for name, array in first.items():
        for other in others:
            np.testing.assert_array_equal(other[name], array)


def test_every_leaf_has_enough_rows() -> None:
    codes = rows_of(truth(SIZES), 2000)
    for least in (10, 100):
        trees = grown(codes, SIZES, Growth(least=least, split_odds=50.0))
        ends = [*trees.steps[1:, 1].tolist(), len(trees.feature)]
        for (_, root, *_), end in zip(trees.steps.tolist(), ends, strict=True):
            assert (trees.feature[root:end] < 0).sum() <= 2000 // least


@pytest.mark.parametrize("sizes", [(1,), (1, 1), (4, 1), (1, 64)])
def test_one_row_and_one_symbol_can_be_learnt(sizes: tuple[int, ...]) -> None:
    codes = np.zeros((len(sizes), 1), dtype=np.uint8)
    trees = grown(codes, sizes)
    drawn, _ = trees.draw(1000, len(sizes), 0)
    assert (drawn.max(axis=1) < sizes).all()
    assert np.exp(trees.log_density(every(sizes))).sum() == pytest.approx(1.0, abs=1e-5)


def test_no_digits_are_drawn_as_none() -> None:
    trees = grown(np.zeros((0, 50), dtype=np.uint8), ())
    drawn, logp = trees.draw(7, 0, 0)
    assert drawn.shape == (0, 7)
    np.testing.assert_array_equal(logp, np.zeros(7))
    assert DensityTrees.restore(trees.arrays()).leaves == 0


def test_restored_trees_draw_alike(model: DensityTrees) -> None:
    again = DensityTrees.restore(model.arrays())
    one, two = (trees.draw(500, len(SIZES), 2)[0] for trees in (model, again))
    np.testing.assert_array_equal(one, two)
    assert again.leaves == model.leaves > len(SIZES)


def test_ticks_count_the_digits() -> None:
    done: list[int] = []
    codes = rows_of(truth(SIZES), 100)
    DensityTrees.grow(codes, SIZES, [True] * 4, range(4), Growth(), tick=done.append)
    assert done == [1, 2, 3, 4]


@given(st.integers(1, 64), st.integers(2, 64))
def test_sub_digits_are_few_and_reach_every_symbol(size: int, base: int) -> None:
    depth, radix = levels(size, base)
    assert radix**depth >= size
    assert 2 <= radix <= base
    assert depth == 1 or base ** (depth - 1) < size


def test_mutual_information_is_that_of_the_table_less_its_bias() -> None:
    joint = truth((3, 5), seed=1)
    first, second = rows_of(joint, 4000)
    noise = np.random.default_rng(5).integers(0, 64, 4000)
    x = np.stack([first, second, noise], axis=1).astype(np.uint8)
    nats = mutual_information(x, np.array([3, 5, 64]))
    share = counts_of(x.T[:2], (3, 5)).reshape(3, 5) / 4000
    outer = np.outer(share.sum(axis=1), share.sum(axis=0))
    full = share > 0
    exact = (share[full] * np.log(share[full] / outer[full])).sum() - 2 * 4 / 8000
    assert nats[0, 1] == nats[1, 0] == pytest.approx(exact, abs=1e-9)
    assert nats[0, 2] < 0.01


def evidence(counts: NDArray[np.int64], centre: NDArray[np.float64], strength: float) -> float:
    """Log-probability of counts under a Dirichlet prior, urn by urn."""
    full = (gammaln(strength * centre + counts) - gammaln(strength * centre)).sum()
    return float(full - gammaln(strength + counts.sum()) + gammaln(strength))


@pytest.mark.parametrize("odds", [-7.0, -4.0, 0.0])
def test_probabilities_are_averaged_over_prunings_by_their_evidence(odds: float) -> None:
    counts = np.array([[20, 14, 6], [16, 5, 1], [4, 9, 5]], dtype=np.int32)
    links = [np.array(a, dtype=np.int32) for a in ([0, -1, -1], [1, -1, -1], [-1, 0, 0])]
    keep, probability = weigh(*links, counts, np.array([-odds]), STRENGTHS)
    stops, estimates = [], []
    for node in range(3):
        centre = estimates[0] if node else np.full(3, 1 / 3)
        stop, strength = max((evidence(counts[node], centre, s), s) for s in STRENGTHS)
        stops.append(stop)
        estimates.append((counts[node] + strength * centre) / (counts[node].sum() + strength))
    # Prior odds times the ratio of evidence: two leaves against one.
    share = 1 / (1 + np.exp(-(odds + stops[1] + stops[2] - stops[0])))
    assert 0.01 < share < 0.99
    np.testing.assert_allclose(keep, [True, False, False])
    for leaf in (1, 2):
        mixed = (1 - share) * estimates[0] + share * estimates[leaf]
        np.testing.assert_allclose(probability[leaf], mixed, rtol=1e-9)
