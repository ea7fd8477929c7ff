"""Coordinate pairs stay where points lie, together, and nobody's lonely place is stored."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.encode.encoder import State
from neotype.encode.geo import GeoEncoder
from neotype.errors import FitError
from neotype.schema.schema import Geo


def column(storage: str = "Float64", **options) -> Geo:
    return Geo(storage=storage, axis="latitude", partner="lon", **options)


def learn(frame: pl.DataFrame, **options) -> GeoEncoder:
    return GeoEncoder.learn("lat", column(str(frame["lat"].dtype), **options), frame, protect=5)


def back(encoder: GeoEncoder, frame: pl.DataFrame) -> pl.DataFrame:
    state = encoder.state()
    facts = json.loads(json.dumps(state.facts))
    again = GeoEncoder.restore(State(facts, state.arrays), column())
    codes = again.encode(frame)
    assert codes.shape == (len(encoder.digits), frame.height)
    for digit, row in zip(encoder.digits, codes, strict=True):
        assert row.max(initial=0) < digit.size <= 64
    decoded = pl.DataFrame(again.decode(codes, rng=np.random.default_rng(0), first_row=0))
    assert decoded.schema == frame.schema
    return decoded


def towns(rows: int = 8000, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    centres = np.stack([rng.uniform(47, 55, 12), rng.uniform(6, 15, 12)], axis=1)
    points = centres[rng.integers(0, 12, rows)] + rng.normal(0, 0.05, (rows, 2))
    return pl.DataFrame(np.round(points, 4), schema=["lat", "lon"])


def test_points_come_back_nearby_with_their_decimals() -> None:
    frame = towns()
    decoded = back(learn(frame), frame)
    away = np.abs(decoded.to_numpy() - frame.to_numpy())
    assert np.median(away) < 0.02
    assert np.quantile(away, 0.99) < 0.3
    assert np.array_equal(decoded.to_numpy(), np.round(decoded.to_numpy(), 4))


def test_any_cell_lies_near_real_points() -> None:
    frame = towns()
    encoder = learn(frame)
    rng = np.random.default_rng(1)
    codes = np.array([rng.integers(0, d.size, 4000) for d in encoder.digits], dtype=np.uint8)
    drawn = pl.DataFrame(encoder.decode(codes, rng=rng, first_row=0)).to_numpy()
    real = frame.to_numpy()[::4]
    nearest = np.array([np.abs(real - point).sum(axis=1).min() for point in drawn])
    assert np.median(nearest) < 0.05
    assert np.quantile(nearest, 0.99) < 0.5


def test_heavy_points_are_exact_and_lonely_ones_are_not_stored() -> None:
    shops = pl.DataFrame({"lat": [52.5201, 48.1372, 0.0], "lon": [13.4049, 11.5756, 0.0]})
    lonely = pl.DataFrame({"lat": [71.1234, -33.4321], "lon": [25.9876, 151.6789]})
    frame = pl.concat([towns(), *[shops] * 200, lonely])
    encoder = learn(frame)
    decoded = back(encoder, frame)
    both = (decoded == frame).to_numpy().all(axis=1)
    assert both[8000:8600].all()
    assert decoded["lat"].max() < 60
    assert decoded["lon"].max() < 30
    stored = set(np.concatenate([a.ravel() for a in encoder.state().arrays.values()]).tolist())
    assert not stored & set(lonely.to_numpy().ravel().tolist())
    assert encoder.protections[0].what == "extremes"


def test_missing_halves_stay_as_they_were() -> None:
    frame = towns(1000).with_columns(
        lat=pl.when(pl.int_range(1000) % 10 < 2).then(None).otherwise("lat"),
        lon=pl.when(pl.int_range(1000) % 10 == 1).then(None).otherwise("lon"),
    )
    decoded = back(learn(frame, nullable=True), frame)
    for half in ("lat", "lon"):
        assert decoded[half].is_null().equals(frame[half].is_null())


def test_a_gap_that_training_never_showed_is_named() -> None:
    encoder = learn(towns(100))
    asked = pl.DataFrame({"lat": [1.0], "lon": [None]}, schema_overrides={"lon": pl.Float64})
    assert encoder.unknown(asked) == ["'lon' alone is missing in a row, and never was in training"]


def test_text_and_narrow_storage() -> None:
    frame = towns(500)
    text = frame.select(pl.all().map_batches(lambda s: s.cast(pl.String)))
    assert back(learn(text), text)["lat"].str.contains(r"^\d+\.\d{4}$").all()
    narrow = frame.cast(pl.Float32)
    assert back(learn(narrow), narrow)["lon"].is_between(0, 20).all()


@pytest.mark.parametrize(
    ("lat", "lon"),
    [([None], [None]), ([1.5], [2.5]), ([1.0] * 20, [2.0] * 20), ([1.0] * 20, range(20))],
)
def test_odd_pairs_do_not_break(lat: list[float | None], lon: list[float | None]) -> None:
    frame = pl.DataFrame(
        {"lat": lat, "lon": list(lon)}, schema={"lat": pl.Float64, "lon": pl.Float64}
    )
    decoded = back(learn(frame, nullable=None in lat, public=True), frame)
    assert decoded["lat"].is_null().equals(frame["lat"].is_null())


def test_of_few_points_nothing_is_kept() -> None:
    frame = pl.DataFrame({"lat": [1.5] * 4 + [None] * 20, "lon": [2.5] * 4 + [None] * 20})
    encoder = learn(frame, nullable=True)
    assert back(encoder, frame)["lat"].is_null().all()
    assert encoder.protections[0].cells == 4


def test_what_is_no_coordinate_is_refused_when_learning() -> None:
    frame = pl.DataFrame({"lat": ["north"], "lon": ["east"]})
    with pytest.raises(FitError, match="no coordinates"):
        learn(frame)


finite = st.floats(-180, 180, width=32)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(finite, finite), min_size=5, max_size=80))
def test_any_points_stay_within_their_box(points: list[tuple[float, float]]) -> None:
    frame = pl.DataFrame(points, schema={"lat": pl.Float64, "lon": pl.Float64}, orient="row")
    decoded = back(learn(frame), frame)
    for half in ("lat", "lon"):
        slack = 1e-6 + 10.0 ** -(learn(frame).decimals[half == "lon"] or 15)
        assert decoded[half].min() >= frame[half].min() - slack
        assert decoded[half].max() <= frame[half].max() + slack
