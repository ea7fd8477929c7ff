"""Copulas: what a normal vector, pairs and vines say of columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import kendalltau

import neotype as nt
from neotype.copulas.gaussian import Gaussian, correlation, nearest
from neotype.copulas.laws import likeliest
from neotype.copulas.pairs import FAMILIES, Pair
from neotype.copulas.scaling import orders
from neotype.copulas.vine import Vine
from neotype.registry import find
from neotype.rng import Rng
from neotype.synth.grouped import Division, Grouped, division, gaussian, pairs_apart, restored


def correlated(rho: float, rows: int) -> np.ndarray:
    g = np.random.default_rng(0)
    return g.multivariate_normal([0, 0], [[1, rho], [rho, 1]], rows).T


def kept(sizes: list[int]) -> list[np.ndarray]:
    return [np.arange(size, dtype=np.uint8) for size in sizes]


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.3, 0.8])
def test_a_correlation_is_found_behind_few_symbols(rho: float) -> None:
    z = correlated(rho, 60_000)
    codes = np.stack([z[0] > 1, np.digitize(z[1], [-1.0, 0.2])]).astype(np.uint8)
    shares = [np.bincount(code) / len(code) for code in codes]
    assert correlation(codes, shares)[0, 1] == pytest.approx(rho, abs=0.02)


def test_a_matrix_that_is_no_correlation_becomes_one() -> None:
    odd = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    found = nearest(odd)
    assert np.linalg.eigvalsh(found)[0] > 0
    np.testing.assert_allclose(np.diag(found), 1)


def test_rows_under_conditions_are_those_that_meet_them_anyway() -> None:
    """Weighted by their log-weights, conditional rows have the shares of plain rows that obey."""
    ties = np.array([[1, 0.7, 0.5], [0.7, 1, -0.1], [0.5, -0.1, 1]])
    share = np.array([0.1, 0.2, 0.3, 0.4])
    model = Gaussian((share,) * 3, tuple(kept([4, 4, 4])), ties)
    plain, _ = model.draw(400_000, Rng(0))
    meets = np.isin(plain[0], [0, 2]) & np.isin(plain[1], [1, 2])
    allowed = np.array([[0b0101, 0b0110, 0b1111]], dtype=np.uint64)
    made, logp = model.draw(100_000, Rng(1), allowed)
    assert np.isin(made[0], [0, 2]).all()
    assert np.isin(made[1], [1, 2]).all()
    assert np.exp(logp).mean() == pytest.approx(meets.mean(), rel=0.02)
    weight = np.exp(logp) / np.exp(logp).sum()
    for k in range(3):
        told = np.bincount(plain[k, meets], minlength=4) / meets.sum()
        np.testing.assert_allclose(
            np.bincount(made[k], weights=weight, minlength=4), told, atol=0.01
        )


def test_labels_are_placed_along_what_tells_them_apart() -> None:
    z = correlated(0.9, 20_000)
    numbers = np.digitize(z[0], np.linspace(-2, 2, 15)).astype(np.uint8)
    shuffled = np.array([3, 0, 4, 1, 2], dtype=np.uint8)
    labels = shuffled[np.digitize(z[1], [-1.0, -0.3, 0.3, 1.0])]
    found = orders(np.stack([numbers, labels]), [16, 5], [False, True])
    assert found[0].tolist() == list(range(16))
    assert found[1].tolist() in (shuffled.tolist(), shuffled[::-1].tolist())


@pytest.mark.parametrize("turns", [(False, False), (True, True), (True, False), (False, True)])
@pytest.mark.parametrize(
    ("family", "at"),
    [
        ("gaussian", (0.6,)),
        ("student", (0.6, 3.0)),
        ("clayton", (2.0,)),
        ("gumbel", (2.0,)),
        ("frank", (6.0,)),
    ],
)
def test_a_pair_is_drawn_as_it_is_and_found_again(
    family: str, at: tuple[float, ...], turns: tuple[bool, bool]
) -> None:
    g = np.random.default_rng(0)
    p, v = g.random(8000), g.random(8000)
    pair = Pair(family, at, *turns)
    u = pair.inverse(p, v)
    np.testing.assert_allclose(pair.conditional(u, v), p, atol=1e-3)
    other = pair.swapped.conditional(v, u)
    assert abs(np.sort(other) - (np.arange(8000) + 0.5) / 8000).max() < 0.03
    assert abs(kendalltau(u, other).statistic) < 0.03
    assert Pair.fit(u, v, FAMILIES).family == family


def test_a_dependence_that_goes_both_ways_needs_a_grid() -> None:
    g = np.random.default_rng(1)
    v = g.random(8000)
    u = np.argsort(np.argsort(np.abs(v - 0.5) + 0.1 * g.random(8000))) / 8000
    pair = Pair.fit(u, v, FAMILIES)
    assert pair.family == "grid"
    made = pair.inverse(g.random(8000), v)
    assert np.corrcoef(np.abs(v - 0.5), made)[0, 1] > 0.9
    assert Pair.fit(u, v, ("gaussian",)).family in ("gaussian", "independent")


def test_a_vine_draws_what_it_learnt_and_comes_back_from_its_arrays() -> None:
    g = np.random.default_rng(2)
    factor = g.normal(size=(7, 3))
    z = factor @ g.normal(size=(3, 6000)) + 0.5 * g.normal(size=(7, 6000))
    u = (np.argsort(np.argsort(z, axis=1), axis=1) + 0.5) / 6000
    vine = Vine.learn(u, FAMILIES, 6)
    assert len(vine.edges) == 21
    again = Vine.restore(vine.arrays())
    made = vine.draw(6000, Rng(0))
    np.testing.assert_array_equal(again.draw(6000, Rng(0)), made)
    np.testing.assert_allclose(np.corrcoef(made), np.corrcoef(u), atol=0.06)
    assert abs(np.sort(made, axis=1) - np.sort(u, axis=1)).max() < 0.04


def test_a_family_is_chosen_by_likelihood() -> None:
    g = np.random.default_rng(3)
    assert likeliest(g.gamma(2.0, 50.0, 4000)).family == "gamma"  # type: ignore[union-attr]
    assert likeliest(g.normal(5, 2, 4000) - 10).family in ("norm", "t")  # type: ignore[union-attr]
    assert likeliest(np.ones(50)) is None


SIZES, ORDERED = [4, 6, 6, 6, 6], [False, *[True] * 4]
HALVES = np.array([0, 0, 0, 1, 1, 1])


def turned(rows: int, seed: int = 0) -> np.ndarray:
    """Pairs of quantities that go together in two groups and against each other in two."""
    g = np.random.default_rng(seed)
    group = g.integers(0, 4, rows)
    digits = [group]
    for _ in range(2):
        z = g.normal(size=rows)
        other = np.where(group < 2, z, -z) + 0.4 * g.normal(size=rows)
        digits += [np.digitize(one, [-1.0, -0.4, 0.0, 0.4, 1.0]) for one in (z, other)]
    return np.stack(digits).astype(np.uint8)


def grouped(codes: np.ndarray, found: Division) -> Grouped:
    return Grouped.learn(codes, found, lambda rows: gaussian(codes[:, rows], SIZES, ORDERED))


def test_rows_are_divided_by_what_turns_a_relationship() -> None:
    codes = turned(20_000)
    found = division(codes, SIZES, ORDERED, Rng(0))
    assert found is not None
    assert (found.place, found.groups) == (0, 4)
    made, _ = grouped(codes, found).draw(20_000, Rng(1))
    for group in range(4):
        told, real = (np.corrcoef(rows[1:, rows[0] == group]) for rows in (made, codes))
        np.testing.assert_allclose(told, real, atol=0.05)
    assert pairs_apart(made, turned(20_000, 1), SIZES).max() < 0.05


def test_rows_that_one_copula_tells_are_not_divided() -> None:
    ties = np.full((5, 5), 0.4) + 0.6 * np.eye(5)
    shares = tuple(np.full(size, 1 / size) for size in SIZES)
    codes, _ = Gaussian(shares, tuple(kept(SIZES)), ties).draw(20_000, Rng(0))
    assert division(codes, SIZES, [True] * 5, Rng(0)) is None
    assert division(turned(800), SIZES, ORDERED, Rng(0)) is None  # too few to learn from


def test_groups_under_conditions_are_those_that_meet_them_anyway() -> None:
    codes = turned(8_000)
    found = Division(0, np.array([0, 0, 1, 2]))
    model = Grouped.learn(codes, found, lambda rows: grouped(codes[:, rows], Division(1, HALVES)))
    model = restored(model.arrays(), Gaussian.restore)  # type: ignore[assignment]
    plain, none = model.draw(400_000, Rng(0))
    assert (none == 0).all()
    meets = np.isin(plain[0], [1, 2]) & np.isin(plain[2], [0, 5])
    allowed = np.array([[0b0110, 63, 0b100001, 63, 63]], dtype=np.uint64)
    for given in (allowed, np.repeat(allowed, 100_000, axis=0)):
        made, logp = model.draw(100_000, Rng(1), given)
        assert np.isin(made[0], [1, 2]).all()
        assert np.isin(made[2], [0, 5]).all()
        assert np.exp(logp).mean() == pytest.approx(meets.mean(), rel=0.02)
        weight = np.exp(logp) / np.exp(logp).sum()
        for k, size in enumerate(SIZES):
            told = np.bincount(plain[k, meets], minlength=size) / meets.sum()
            seen = np.bincount(made[k], weights=weight, minlength=size)
            np.testing.assert_allclose(seen, told, atol=0.01)


@pytest.mark.parametrize("family", ["copula", "vine"])
def test_what_depends_on_a_third_column_is_kept_and_said(family: str, tmp_path: Path) -> None:
    group, *rest = turned(4_000)
    g = np.random.default_rng(5)
    names = ("a", "b", "c", "d")
    frame = pl.DataFrame(
        {"kind": np.array(["n", "e", "s", "w"])[group]}
        | {name: 10.0 * code + g.random(4_000) for name, code in zip(names, rest, strict=True)}
    )

    def told(made: pl.DataFrame) -> np.ndarray:
        parts = (made.filter(kind=kind).select(names).to_numpy() for kind in "nesw")
        return np.stack([np.corrcoef(part.T)[[0, 2], [1, 3]] for part in parts])

    model = nt.fit(frame, synthesizer=find("synthesizer", family)(marginals="parametric"), seed=0)
    assert "groups of rows, by 'kind'" in "; ".join(model.describe())
    again = nt.load(model.save(tmp_path / "m.neotype"))
    np.testing.assert_allclose(told(again.sample(8_000, seed=1)), told(frame), atol=0.12)
    some = again.sample(2_000, where={"kind": "s"}, seed=1)
    assert (np.corrcoef(some.select("a", "b").to_numpy().T)[0, 1] < 0) == (told(frame)[2, 0] < 0)
    one = nt.fit(frame, synthesizer=find("synthesizer", family)(divide=0), seed=0)
    assert np.abs(told(one.sample(8_000, seed=1))).max() < 0.3
