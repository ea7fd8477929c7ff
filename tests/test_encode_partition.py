"""Cuts of an axis of masses: contiguous, few, heavy enough, and with heavy items alone."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neotype.encode.partition import partition

Counts = NDArray[np.int64]

counts = st.lists(st.one_of(st.integers(1, 12), st.integers(1, 5000)), min_size=1, max_size=200)


def cut(masses: list[int], groups: int, least: int) -> tuple[Counts, Counts, Counts]:
    """Masses, starts, and the mass of each group."""
    mass = np.array(masses, dtype=np.int64)
    starts = partition(mass, groups, least=least)
    return mass, starts, np.add.reduceat(mass, starts)


@settings(deadline=None, max_examples=300)
@given(counts, st.integers(1, 64), st.integers(1, 50))
@example([1], 1, 5)
@example([1] * 65, 64, 1)
@example([1, 1, 1, 1000], 2, 3)
@example([1000, 1], 64, 5)
@example([4, 4, 4, 4, 4], 64, 5)
def test_groups_are_ascending_few_and_heavy_enough(
    masses: list[int], groups: int, least: int
) -> None:
    mass, starts, sizes = cut(masses, groups, least)
    assert starts.dtype == np.int64
    assert starts[0] == 0
    assert starts[-1] < len(mass)
    assert (np.diff(starts) > 0).all()
    assert len(starts) <= groups
    assert sizes.sum() == mass.sum()
    if mass.sum() >= least:
        assert sizes.min() >= least
    else:
        assert len(starts) == 1


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(1, 20), min_size=2, max_size=200), st.integers(1, 20))
def test_only_too_light_neighbours_join_a_heavy_item(masses: list[int], least: int) -> None:
    masses[len(masses) // 2] = heavy = 10_000
    mass, starts, _ = cut(masses, 64, least)
    at = masses.index(heavy)
    ends = np.append(starts[1:], len(mass))
    group = np.searchsorted(starts, at, side="right") - 1
    assert mass[starts[group] : at].sum() < least
    assert mass[at + 1 : ends[group]].sum() < least


@settings(deadline=None, max_examples=100)
@given(st.integers(2, 64), st.integers(1, 40))
def test_equal_items_are_cut_evenly(groups: int, each: int) -> None:
    _, starts, sizes = cut([7] * (groups * each), groups, 1)
    assert len(starts) == groups
    assert set(sizes.tolist()) == {7 * each}


def greedily(masses: list[int], target: int) -> list[int]:
    """Groups from the left that end at `target`, before and after items of that mass."""
    starts: list[int] = []
    open_ = False
    total = 0
    for item, mass in enumerate(masses):
        if mass >= target or not open_:
            starts.append(item)
            total = 0
        total += mass
        open_ = total < target
    return starts


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 12))
def test_groups_are_as_fine_as_their_number_allows(masses: list[int], groups: int) -> None:
    starts = cut(masses, groups, 1)[1].tolist()
    if len(masses) <= groups:
        assert starts == list(range(len(masses)))
        return
    cuts = (greedily(masses, target) for target in range(1, sum(masses) + 2))
    assert starts == next(c for c in cuts if len(c) <= groups)


def test_a_light_group_joins_its_lighter_neighbour() -> None:
    assert cut([100, 2, 10, 100], 64, 5)[1].tolist() == [0, 1, 3]
    assert cut([10, 2, 100, 100], 64, 5)[1].tolist() == [0, 2, 3]
    assert cut([2, 10, 100, 2], 64, 5)[1].tolist() == [0, 2]


def test_no_items_no_groups() -> None:
    assert len(partition(np.zeros(0, dtype=np.int64), 64)) == 0


def test_a_million_items_are_cut_in_a_moment() -> None:
    mass = np.random.default_rng(0).zipf(1.5, 1_000_000).clip(1, 10**6)
    starts = partition(mass, 64, least=5)
    sizes = np.add.reduceat(mass, starts)
    assert len(starts) <= 64
    assert sizes.min() >= 5
