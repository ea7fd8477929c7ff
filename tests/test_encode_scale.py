"""An ordered axis as digits: cells in order, atoms exact, rare values nowhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from neotype.encode.scale import Scale

Axis = NDArray[Any]

LOWEST, HIGHEST = -(2**63), 2**63 - 1
SMALLEST = 5e-324

wholes = st.one_of(
    st.integers(-50, 50),
    st.integers(LOWEST, HIGHEST),
    st.sampled_from([LOWEST, LOWEST + 1, -1, 0, 1, HIGHEST - 1, HIGHEST]),
)
floats = st.one_of(
    st.floats(-10, 10),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-1.7e308, -SMALLEST, 0.0, SMALLEST, 2 * SMALLEST, 3 * SMALLEST, 1e308]),
    st.integers(0, 40).map(lambda ulps: 1.0 + ulps * 2.0**-52),
)


@st.composite
def axes(draw: Any, dtype: type = np.int64, elements: Any = wholes) -> Axis:
    """A few values, some of them in many rows."""
    distinct = draw(st.lists(elements, min_size=1, max_size=120))
    counts = draw(
        st.lists(st.sampled_from([1, 1, 1, 2, 4, 5, 30]), min_size=len(distinct), max_size=200)
    )
    return np.repeat(np.array(distinct, dtype=dtype), counts[: len(distinct)])


either = st.one_of(axes(), axes(np.float64, floats))
protects = st.sampled_from([1, 2, 5, 20])


def enough(values: Axis, protect: int) -> Scale:
    scale = Scale.learn(values, protect=protect)
    assume(scale is not None)
    return scale


def cell(scale: Scale, codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    fine = codes[1] if len(codes) > 1 else 0
    return np.asarray(scale.group[codes[0]] + fine)


@settings(deadline=None, max_examples=200)
@given(either, protects)
@example(np.array([LOWEST, HIGHEST] * 30), 5)
@example(np.repeat([1.0 + 2.0**-52, 1.0 + 2.0**-51], 30), 5)
@example(np.repeat([3 * SMALLEST, 4 * SMALLEST], 30), 5)
@example(np.arange(11), 5)
@example(np.arange(10) * 1.5, 5)
def test_a_decoded_value_lies_in_the_cell_of_its_origin(values: Axis, protect: int) -> None:
    scale = enough(values, protect)
    codes = scale.encode(values)
    sizes = [scale.groups, scale.depth][: len(codes)]
    assert scale.groups <= 64
    assert scale.depth <= 64
    assert (codes.max(axis=1) < sizes).all()
    for seed in range(3):
        decoded = scale.decode(codes, np.random.default_rng(seed))
        assert decoded.dtype == values.dtype
        np.testing.assert_array_equal(scale.encode(decoded), codes)


@settings(deadline=None, max_examples=200)
@given(either, protects)
def test_cells_are_ordered_and_hold_enough_rows(values: Axis, protect: int) -> None:
    scale = enough(values, protect)
    cells = len(scale.upper)
    assert (scale.upper[:-1] <= scale.upper[1:]).all()
    assert (np.diff(scale.group) > 0).all()
    assert scale.group[-1] == cells
    assert (np.diff(scale.piece) > 0).all()
    assert scale.piece[-1] == len(scale.mass)
    assert (scale.low <= scale.high).all()
    assert (scale.mass > 0).all()
    assert scale.mass.sum() == len(values)
    held = np.bincount(cell(scale, scale.encode(values)), minlength=cells)
    assert held.min() >= protect
    # Codes go up with values.
    index = cell(scale, scale.encode(np.sort(values)))
    assert (np.diff(index) >= 0).all()
    # What a cell holds is what its pieces weigh.
    np.testing.assert_array_equal(np.add.reduceat(scale.mass, scale.piece[:-1]), held)


@settings(deadline=None, max_examples=200)
@given(either)
def test_unprotected_few_values_come_back_exactly(values: Axis) -> None:
    values = values[np.isin(values, np.unique(values)[:64])]
    scale = Scale.learn(values, protect=1)
    decoded = scale.decode(scale.encode(values), np.random.default_rng(0))
    np.testing.assert_array_equal(decoded, values)
    assert scale.clipped == 0


@settings(deadline=None, max_examples=200)
@given(either)
def test_values_of_enough_rows_are_kept_exactly(values: Axis) -> None:
    scale = enough(values, 5)
    distinct, counts = np.unique(values, return_counts=True)
    pieces = zip(scale.low.tolist(), scale.high.tolist(), scale.mass.tolist(), strict=True)
    atoms = [(low, mass) for low, high, mass in pieces if low == high]
    heavy = counts >= 5
    assert set(zip(distinct[heavy].tolist(), counts[heavy].tolist(), strict=True)) <= set(atoms)
    # In a cell without lighter values nothing else can come out.
    light = cell(scale, scale.encode(distinct[~heavy]))
    pure = ~np.isin(cell(scale, scale.encode(values)), light)
    decoded = scale.decode(scale.encode(values), np.random.default_rng(0))
    assert np.isin(decoded[pure], distinct[heavy]).all()


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(-(2**40), 2**40), min_size=2, max_size=150, unique=True),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_value_of_few_rows_is_stored(numbers: list[int], heavy: int, whole: bool) -> None:
    # Values are three apart, so that no edge between two of them need be one of them.
    rare = np.array(numbers, dtype=np.int64 if whole else np.float64) * 3
    values = np.concatenate([np.repeat(rare[:heavy], 7), rare[heavy:], rare[heavy:][:4]])
    scale = enough(values, 5)
    distinct, counts = np.unique(values, return_counts=True)
    stored = np.concatenate([scale.upper, scale.low, scale.high])
    assert not np.isin(distinct[counts < 5], stored).any()


@settings(deadline=None, max_examples=200)
@given(either, st.sampled_from([1, 2, 5]))
def test_clipped_rows_are_counted_and_few(values: Axis, protect: int) -> None:
    scale = enough(values, protect)
    low, high = scale.low.min(), scale.high.max()
    assert scale.clipped == ((values < low) | (values > high)).sum()
    if len(scale.upper) > 1:
        # The value at which `protect` rows are reached has itself fewer.
        assert (values < low).sum() <= 2 * (protect - 1)
        assert (values > high).sum() <= 2 * (protect - 1)
        distinct, counts = np.unique(values, return_counts=True)
        shown = distinct[counts >= protect]
        # Neighbours on a whole-number axis leave no room between them for an edge.
        below, above = (values <= _next(low)).sum(), (values >= _before(high)).sum()
        assert below >= protect or low in shown
        assert above >= protect or high in shown
    decoded = scale.decode(scale.encode(values), np.random.default_rng(0))
    assert decoded.min() >= low
    assert decoded.max() <= high


def test_the_outermost_are_drawn_in_by_as_many_as_protect() -> None:
    values = np.arange(1000) * 10
    scale = Scale.learn(values, protect=5)
    # Fewer than six of a thousand distinct values lie beyond each end.
    assert scale.low.min() == 45
    assert scale.high.max() in (9945, 9946)
    assert scale.clipped == 10


@pytest.mark.parametrize("strange", [LOWEST, HIGHEST, -7, 10**15])
def test_unseen_whole_numbers_go_to_the_nearest_cell(strange: int) -> None:
    values = np.random.default_rng(0).integers(0, 10**6, 5000)
    scale = Scale.learn(values, protect=5)
    end = values.min() if strange < 0 else values.max()
    pair = scale.encode(np.array([strange, end]))
    np.testing.assert_array_equal(pair[:, 0], pair[:, 1])


@pytest.mark.parametrize("strange", [-np.inf, np.inf, 1.7e308, -1e300])
def test_unseen_floats_go_to_the_nearest_cell(strange: float) -> None:
    values = np.random.default_rng(0).normal(size=5000)
    scale = Scale.learn(values, protect=5)
    end = values.min() if strange < 0 else values.max()
    pair = scale.encode(np.array([strange, end]))
    np.testing.assert_array_equal(pair[:, 0], pair[:, 1])


def _next(value: Any) -> Any:
    return value + (value < HIGHEST) if isinstance(value, np.int64) else np.nextafter(value, np.inf)


def _before(value: Any) -> Any:
    return value - (value > LOWEST) if isinstance(value, np.int64) else np.nextafter(value, -np.inf)


def shapes() -> dict[str, Axis]:
    g = np.random.default_rng(0)
    rows = 20_000
    spiked = np.where(g.random(rows) < 0.4, 0.0, g.lognormal(3, 2, rows))
    return {
        "normal": g.normal(size=rows),
        "heavy tail": g.standard_cauchy(rows),
        "spike at 0": spiked,
        "two peaks": np.concatenate([g.normal(-5, 0.1, rows // 2), g.normal(5, 1, rows // 2)]),
        "uniform whole": g.integers(0, 10**9, rows),
        "geometric": g.geometric(0.02, rows).astype(np.int64),
        "the whole range": g.integers(LOWEST, HIGHEST, rows, endpoint=True),
        "huge": g.uniform(-1.0, 1.0, rows) * 1.7e308,
        "subnormal": g.integers(0, 10**6, rows) * SMALLEST,
        "few": g.integers(0, 9, rows),
        "ages": g.integers(17, 91, rows),
    }


@pytest.mark.parametrize("name", list(shapes()))
def test_the_decoded_distribution_is_the_original(name: str) -> None:
    values = shapes()[name]
    scale = Scale.learn(values, protect=5)
    decoded = scale.decode(scale.encode(values), np.random.default_rng(1))
    assert np.isfinite(decoded.astype(np.float64)).all()
    # A sample of its own would differ by about 0.0136 at the 5% level.
    assert ks_2samp(values, decoded).statistic < 0.004
    # A cell holds about rows / (symbols²) of them, so every single value is near its origin.
    ranks = np.searchsorted(np.sort(values), decoded) / len(values)
    original = np.searchsorted(np.sort(values), values) / len(values)
    heaviest = np.unique(values, return_counts=True)[1].max() / len(values)
    assert np.abs(ranks - original).max() < 0.004 + heaviest


def test_within_a_cell_values_are_drawn_evenly_and_atoms_by_their_mass() -> None:
    values = np.concatenate([np.arange(900) * 10.0, np.full(100, 4321.5)])
    scale = Scale.learn(values, protect=5, symbols=1)
    assert scale.groups == 1
    codes = np.zeros((2, 200_000), dtype=np.uint8)
    shares = np.add.reduceat(scale.mass, scale.piece[:-1]) / scale.mass.sum()
    g = np.random.default_rng(0)
    codes[1] = g.choice(len(shares), size=200_000, p=shares)
    decoded = scale.decode(codes, g)
    assert abs((decoded == 4321.5).mean() - 0.1) < 0.005
    rest = decoded[decoded != 4321.5]
    assert ks_2samp(rest, np.linspace(45, 8945, 100_000)).statistic < 0.01


def test_every_whole_number_of_a_cell_can_be_drawn() -> None:
    values = np.arange(0, 4096, 2)
    scale = Scale.learn(values, protect=5, symbols=4)
    codes = np.repeat(scale.encode(values), 60, axis=1)
    decoded = scale.decode(codes, np.random.default_rng(0))
    inner = np.arange(scale.low.min(), scale.high.max() + 1)
    np.testing.assert_array_equal(np.unique(decoded), inner)


@settings(deadline=None, max_examples=100)
@given(either, protects)
def test_a_restored_scale_codes_and_draws_alike(values: Axis, protect: int) -> None:
    scale = enough(values, protect)
    again = Scale.restore(scale.state())
    codes = scale.encode(values)
    np.testing.assert_array_equal(again.encode(values), codes)
    one, two = (s.decode(codes, np.random.default_rng(0)) for s in (scale, again))
    np.testing.assert_array_equal(one, two)
    assert again.clipped == scale.clipped


def test_room_for_other_symbols_is_kept() -> None:
    values = np.arange(100_000)
    scale = Scale.learn(values, protect=5, symbols=60)
    assert scale.groups <= 60
    first, second = scale.digits("x", extra=4)
    assert first.size <= 64
    assert second.size <= 64
    assert (first.ordered, second.ordered) == (True, True)


@pytest.mark.parametrize("values", [[], [7], [7] * 4, [1, 2, 3, 4]])
def test_of_fewer_values_than_protect_nothing_is_kept(values: list[int]) -> None:
    assert Scale.learn(np.array(values, dtype=np.int64), protect=5) is None
