"""Times come back in their dtype, valid, and with their calendar."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.encode.datetime import DatetimeEncoder
from neotype.encode.duration import DurationEncoder
from neotype.encode.encoder import State
from neotype.errors import FitError
from neotype.schema.schema import Datetime, Duration
from neotype.schema.storage import storage_name


def learn(series: pl.Series, **options):
    kind = Duration if series.dtype == pl.Duration else Datetime
    encoder = DurationEncoder if kind is Duration else DatetimeEncoder
    column = kind(storage=storage_name(series.dtype), **options)
    return encoder.learn("t", column, series.alias("t").to_frame(), protect=5)


def reloaded(encoder):
    state = encoder.state()
    facts = json.loads(json.dumps(state.facts))
    return type(encoder).restore(State(facts, state.arrays), encoder.column)


def back(encoder, series: pl.Series) -> pl.Series:
    frame = series.alias("t").to_frame()
    codes = reloaded(encoder).encode(frame)
    assert codes.shape == (len(encoder.digits), len(series))
    for digit, row in zip(encoder.digits, codes, strict=True):
        assert 2 <= digit.size <= 64
        assert row.max(initial=0) < digit.size
    (decoded,) = reloaded(encoder).decode(codes, rng=np.random.default_rng(0), first_row=0)
    assert decoded.dtype == series.dtype
    assert decoded.name == "t"
    return decoded


def anything(encoder, rows: int = 3000) -> pl.Series:
    """What any sampler could draw: digits without regard to each other."""
    rng = np.random.default_rng(1)
    codes = np.array([rng.integers(0, d.size, rows) for d in encoder.digits], dtype=np.uint8)
    (decoded,) = encoder.decode(codes.reshape(-1, rows), rng=rng, first_row=0)
    return decoded


def hourly(rows: int = 20_000, unit: str = "us") -> pl.Series:
    start = datetime(2010, 1, 1)
    return pl.datetime_range(
        start, start + timedelta(hours=rows - 1), "1h", eager=True, time_unit=unit
    )


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_hours_come_back_to_the_week_cell_with_their_weekday_and_hour(unit: str) -> None:
    real = hourly(unit=unit)
    decoded = back(learn(real), real)
    assert decoded.dt.weekday().equals(real.dt.weekday())
    assert decoded.dt.hour().equals(real.dt.hour())
    assert (decoded.dt.minute() == 0).all()
    assert (decoded - real).abs().max() <= timedelta(weeks=1)


def test_an_exact_week_makes_it_exact() -> None:
    hours = hourly(40_000)
    real = pl.concat([hours, hours])
    decoded = back(learn(real), real)
    inner = slice(1000, 30_000)
    assert decoded[inner].equals(real[inner].alias("t"))


def test_a_busy_weekday_is_found_in_dates() -> None:
    rng = np.random.default_rng(0)
    days = rng.choice(3000, 20_000)
    days = days[(days % 7 != 3) | (rng.random(len(days)) < 0.1)]
    real = pl.Series(days).cast(pl.Int32).cast(pl.Date)
    encoder = learn(real)
    assert encoder.calendar.layout == "week"
    assert back(encoder, real).dt.weekday().equals(real.dt.weekday().alias("t"))


def test_the_first_of_the_month_is_found_in_dates() -> None:
    days = pl.date_range(date(1990, 1, 1), date(2020, 1, 1), "1d", eager=True)
    first = days.filter(days.dt.day() == 1)
    real = pl.concat([days, *[first] * 20])
    encoder = learn(real)
    assert encoder.calendar.layout == "month"
    assert back(encoder, real).dt.day().equals(real.dt.day().alias("t"))
    assert anything(encoder).null_count() == 0


def test_even_dates_need_no_calendar() -> None:
    real = pl.Series(np.random.default_rng(0).integers(-20_000, 10_000, 5000)).cast(pl.Int32)
    assert learn(real.cast(pl.Date)).calendar.layout == "flat"


def test_few_values_are_exact() -> None:
    real = pl.Series([datetime(2020, 1, d + 1, d) for d in range(20)] * 10)
    encoder = learn(real)
    assert len(encoder.digits) == 1
    assert back(encoder, real).equals(real.alias("t"))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"])
def test_a_zone_keeps_its_wall_clock_and_never_shows_a_skipped_hour(zone: str) -> None:
    real = hourly(50_000).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    encoder = learn(real)
    decoded = back(encoder, real)
    same = decoded.dt.hour() == real.dt.hour()
    assert same.mean() > 0.998
    assert decoded.null_count() == 0
    assert anything(encoder).null_count() == 0


def test_a_heavy_far_value_stays_one_value() -> None:
    rng = np.random.default_rng(0)
    stamps = [
        datetime(2020, 1, 1) + timedelta(seconds=int(s)) for s in rng.integers(0, 10**8, 5000)
    ]
    real = pl.Series([*stamps, *[datetime(9999, 12, 31)] * 500, *[None] * 50])
    encoder = learn(real, nullable=True)
    decoded = back(encoder, real)
    assert decoded.is_null().equals(real.is_null().alias("t"))
    assert (decoded == datetime(9999, 12, 31)).sum() == 500
    assert (decoded.drop_nulls().dt.year() < 2025).sum() == 5000
    assert (decoded[:5000].dt.hour() == real[:5000].dt.hour()).all()


def test_the_lonely_first_and_last_moment_are_not_stored() -> None:
    rng = np.random.default_rng(0)
    stamps = [
        datetime(2020, 1, 1) + timedelta(seconds=int(s)) for s in rng.integers(0, 10**8, 5000)
    ]
    real = pl.Series([*stamps, datetime(1890, 5, 5, 5, 5, 5), datetime(2190, 6, 6, 6, 6, 6)])
    encoder = learn(real)
    drawn = anything(encoder)
    assert drawn.dt.year().min() >= 2019
    assert drawn.dt.year().max() <= 2024
    assert encoder.protections[0].what == "extremes"
    stored = {int(v) for array in encoder.state().arrays.values() for v in array.ravel()}
    rare = set(real.to_physical()) | {int(v) // 10**6 for v in real.to_physical()}
    assert not stored & rare


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("%Y-%m-%d", "date"),
        ("%d.%m.%Y", "date"),
        ("%Y-%m-%dT%H:%M:%S%.3fZ", "datetime"),
        ("%m/%d/%Y %I:%M %p", "datetime"),
        ("%H:%M", "time"),
    ],
)
def test_text_keeps_its_format(form: str, part: str) -> None:
    rng = np.random.default_rng(0)
    stamps = pl.Series(rng.integers(0, 10**12, 3000)).cast(pl.Datetime("ms"))
    real = stamps.dt.to_string(form)
    encoder = learn(real, format=form, part=part)
    decoded = back(encoder, real)
    unit = {"date": pl.Date, "time": pl.Time, "datetime": pl.Datetime("us")}[part]
    read = anything(encoder).str.strptime(unit, form, strict=False)
    assert read.null_count() == 0
    assert decoded.null_count() == 0
    if part == "time":
        assert decoded.str.head(2).equals(real.str.head(2).alias("t"))


def test_text_that_is_no_date_becomes_missing_and_is_told() -> None:
    real = pl.Series(["2020-01-31", "2021-02-28", "2022-03-31"] * 50 + ["2023-02-30", "0000-00-00"])
    encoder = learn(real, format="%Y-%m-%d", part="date")
    assert back(encoder, real).null_count() == 2
    assert [(p.what, p.cells) for p in encoder.protections] == [("unreadable", 2)]
    asked = pl.DataFrame({"t": ["2020-13-01", "2020-01-01"]})
    assert encoder.unknown(asked) == ["'t' has '2020-13-01', which '%Y-%m-%d' cannot read"]


def test_times_of_day_keep_their_hour() -> None:
    real = pl.Series(np.random.default_rng(0).integers(0, 86_400, 5000) * 10**9).cast(pl.Time)
    decoded = back(learn(real), real)
    assert decoded.dt.hour().equals(real.dt.hour().alias("t"))
    assert (decoded.dt.nanosecond() == 0).all()


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_durations_keep_their_step_and_their_cell(unit: str) -> None:
    minutes = np.random.default_rng(0).geometric(0.01, 5000)
    real = pl.Series([timedelta(minutes=int(m)) for m in minutes], dtype=pl.Duration(unit))
    decoded = back(learn(real), real)
    seconds = decoded.dt.total_seconds()
    assert (seconds % 60 == 0).all()
    assert np.corrcoef(seconds, real.dt.total_seconds())[0, 1] > 0.99


@pytest.mark.parametrize(
    "real",
    [
        pl.Series([None, None], dtype=pl.Datetime("us")),
        pl.Series([datetime(2020, 1, 1)]),
        pl.Series([None, date(2020, 1, 1)]),
        pl.Series([time(1)] * 3),
        pl.Series([timedelta(1), None]),
        pl.Series([None], dtype=pl.Duration("ms")),
        pl.Series([-(2**63) + 1, 2**63 - 1, 0, None]).cast(pl.Datetime("us", "Asia/Tokyo")),
        pl.Series([-(2**62), 2**62, None]).cast(pl.Duration("ns")),
        pl.Series([-(2**31), 2**31 - 1], dtype=pl.Int32).cast(pl.Date),
    ],
    ids=[f"odd{i}" for i in range(9)],
)
def test_odd_columns_do_not_break(real: pl.Series) -> None:
    decoded = back(learn(real, nullable=bool(real.null_count()), public=True), real)
    assert decoded.is_null().equals(real.is_null().alias("t"))
    anything(learn(real, nullable=True, public=True), 10)
    # Of fewer than five times nothing is kept.
    few = learn(real)
    assert anything(few, 10).is_null().all()
    assert sum(note.cells for note in few.protections) == real.len() - real.null_count()


def test_what_is_no_time_is_refused_when_learning() -> None:
    with pytest.raises(FitError, match="no format"):
        learn(pl.Series(["a"]))
    with pytest.raises(FitError, match="no times"):
        learn(pl.Series([1.5]))


stamps = st.integers(-(2**63) + 1, 2**63 - 1)
near = st.integers(0, 2**45)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.lists(stamps, min_size=5, max_size=8), st.lists(near, min_size=64, max_size=200)),
    st.sampled_from(["ms", "us", "ns"]),
    st.sampled_from([None, "America/New_York"]),
)
def test_any_stamps_survive(values: list[int], unit: str, zone: str | None) -> None:
    real = pl.Series(values, dtype=pl.Int64).cast(pl.Datetime(unit, zone))
    decoded = back(learn(real), real)
    assert decoded.null_count() == 0
    day = 86_400 * {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    farthest = min(73_000_000 * day, 2**63) if zone else 2**63
    period = 32 * day
    inside = np.clip(np.array(values, dtype=object), -farthest, farthest)
    assert decoded.to_physical().max() - period <= inside.max()
    assert decoded.to_physical().min() + period >= inside.min()
