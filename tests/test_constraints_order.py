"""Orderings, bounds, increments and scales: exact over dtypes, and as the data is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neotype as nt
from neotype.constraints import (
    ChainedInequality,
    FixedIncrements,
    Inequality,
    MixedScales,
    Positive,
    Range,
    ScalarInequality,
    ScalarRange,
)
from neotype.data import Dataset
from neotype.rng import Rng
from neotype.schema.constraint import Constraint, Rule
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Datetime, Duration, Numeric, Schema, Table
from neotype.schema.storage import storage_name
from neotype.synth.independent import Independent
from neotype.synth.learn import learn
from neotype.synth.trees import Trees

WHOLE = [pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64]
LIMITS = {
    dtype: (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for dtype, (bits, sign) in zip(
        WHOLE, [(b, s) for s in (False, True) for b in (8, 16, 32, 64)], strict=True
    )
}


def column_of(cells: pl.Series) -> Any:
    """A kind that needs no guess."""
    dtype = cells.dtype
    facts = {"storage": storage_name(dtype), "nullable": cells.null_count() > 0}
    if isinstance(dtype, pl.Duration):
        return Duration(**facts)
    if dtype.is_temporal():
        return Datetime(**facts)
    if dtype.is_integer():
        return Numeric(subtype="integer", decimals=0, **facts)
    return Numeric(**facts, decimals=getattr(dtype, "scale", None))


def ruled(constraint: Constraint, frame: pl.DataFrame, **columns: Any) -> Rule:
    kinds = {name: columns.get(name) or column_of(frame[name]) for name in frame.columns}
    return constraint.learn(kinds, frame, protect=5)


def comes_back(constraint: Constraint, frame: pl.DataFrame, **columns: Any) -> None:
    """Rows obey, come back from their rewriting, and obey however their parts are mixed."""
    rule = ruled(constraint, frame, **columns)
    assert rule.holds(frame).all()
    kinds = {name: columns.get(name) or column_of(frame[name]) for name in frame.columns}
    assert rule.rewrite(kinds) is not None
    inner = rule.encode(frame)
    again = rule.decode(inner, Rng(0).generator()).select(frame.columns)
    assert again.schema == frame.schema
    for name in frame.columns:
        if frame[name].dtype.is_float():
            a, b = again[name].to_numpy(), frame[name].to_numpy()
            known = frame.select(pl.selectors.float()).to_numpy()
            scale = float(np.nanmax(np.append(np.abs(known), 0.0)))
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=scale * 1e-6)
        else:
            assert again[name].equals(frame[name], null_equal=True)
    finite = frame.select(pl.selectors.float()).drop_nulls()
    if np.isfinite(finite.to_numpy()).all():
        generator = Rng(1).generator()
        mixed = pl.DataFrame([one[generator.permutation(len(one))] for one in inner])
        rows = rule.decode(mixed, generator).select(frame.columns)
        edge = [LIMITS.get(type(frame[n].dtype), (None, None)) for n in frame.columns]
        held = rule.holds(rows)
        # only at the edge of what can be stored is there no room above
        at_edge = pl.select(pl.lit(False)).to_series().new_from_index(0, len(held))
        for name, (low, high) in zip(frame.columns, edge, strict=True):
            if high is not None:
                at_edge |= ((rows[name] >= high) | (rows[name] <= low)).fill_null(False)
        assert (held | at_edge).all()


def ascending(rows: Sequence[tuple[Any, Any]], strict: bool) -> list[tuple[Any, Any]]:
    """The pairs, each in order; of a strict ordering those that differ."""
    kept = []
    for a, b in rows:
        if a is None or b is None:
            kept.append((a, b))
        elif a != b or not strict:
            kept.append((min(a, b), max(a, b)))
    return kept


def pairs(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[Any, Any]]]:
    maybe = st.one_of(cells, cells, cells, st.none())
    return st.lists(st.tuples(maybe, maybe), min_size=1, max_size=30)


def framed(rows: list[tuple[Any, Any]], low: Any, high: Any) -> pl.DataFrame:
    return pl.DataFrame(
        [
            pl.Series("low", [a for a, _ in rows], dtype=low),
            pl.Series("high", [b for _, b in rows], dtype=high),
        ]
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(WHOLE), st.sampled_from(WHOLE), st.booleans())
def test_whole_numbers_of_any_size(data: Any, low: Any, high: Any, strict: bool) -> None:
    least = max(LIMITS[low][0], LIMITS[high][0])
    most = min(LIMITS[low][1], LIMITS[high][1])
    cells = st.one_of(st.integers(least, most), st.sampled_from([least, most, most // 2]))
    rows = ascending(data.draw(pairs(cells)), strict)
    comes_back(Inequality(low="low", high="high", strict=strict), framed(rows, low, high))


@settings(max_examples=60, deadline=None)
@given(pairs(st.floats(-1e12, 1e12)), st.booleans())
def test_floats(rows: list[tuple[Any, Any]], strict: bool) -> None:
    frame = framed(ascending(rows, strict), pl.Float64, pl.Float64)
    comes_back(Inequality(low="low", high="high", strict=strict), frame)


@settings(max_examples=40, deadline=None)
@given(pairs(st.floats(-1e6, 1e6, width=32)), st.booleans(), st.booleans())
def test_floats_of_two_widths(rows: list[tuple[Any, Any]], strict: bool, turn: bool) -> None:
    kinds = (pl.Float32, pl.Float64) if turn else (pl.Float64, pl.Float32)
    frame = framed(ascending(rows, strict), *kinds)
    comes_back(Inequality(low="low", high="high", strict=strict), frame)


def test_what_is_no_number_and_what_is_endless_come_back() -> None:
    rows = [(-np.inf, 3.0), (np.nan, 3.0), (1.0, np.nan), (1.0, np.inf), (-np.inf, -np.inf)]
    frame = framed([*rows, (1.0, 2.5), (None, 4.5), (2.0, None)], pl.Float64, pl.Float64)
    for decimals in (None, 1):
        kinds = {
            name: Numeric(storage="Float64", decimals=decimals, nullable=True)
            for name in frame.columns
        }
        rule = ruled(Inequality(low="low", high="high"), frame, **kinds)
        assert rule.holds(frame).all()
        assert (
            rule.decode(rule.encode(frame), Rng(0).generator())
            .select(frame.columns)
            .equals(frame, null_equal=True)
        )
    endless = framed([(np.inf, 3.0), (1.0, -np.inf)], pl.Float64, pl.Float64)
    assert not rule.holds(endless).any()


@settings(max_examples=60, deadline=None)
@given(pairs(st.integers(-(10**9), 10**9)), st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_decimals_of_unlike_precision(
    rows: list[tuple[Any, Any]], first: int, second: int, strict: bool
) -> None:
    told = [
        (
            None if a is None else Decimal(a).scaleb(-first),
            None if b is None else Decimal(b).scaleb(-second),
        )
        for a, b in rows
    ]
    kept = [(a, b) for a, b in told if a is None or b is None or (a < b if strict else a <= b)] or [
        (None, None)
    ]
    frame = framed(kept, pl.Decimal(18, first), pl.Decimal(38, second))
    constraint = Inequality(low="low", high="high", strict=strict)
    comes_back(constraint, frame)
    floats = frame.cast(pl.Float64)
    kinds = {
        name: Numeric(storage="Float64", subtype="decimal", decimals=places, nullable=True)
        for name, places in (("low", first), ("high", second))
    }
    rule = ruled(constraint, floats, **kinds)
    again = rule.decode(rule.encode(floats), Rng(0).generator()).select(floats.columns)
    assert again.equals(floats, null_equal=True)


TIMES = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))


@settings(max_examples=40, deadline=None)
@given(
    pairs(TIMES),
    st.sampled_from(["ms", "us", "ns"]),
    st.sampled_from(["ms", "us", "ns"]),
    st.sampled_from([(None, None), ("Europe/Vienna", "Asia/Kolkata"), ("UTC", "UTC")]),
    st.booleans(),
)
def test_points_in_time(
    rows: list[tuple[Any, Any]], low: Any, high: Any, zones: Any, strict: bool
) -> None:
    whole = [tuple(None if t is None else t.replace(microsecond=0) for t in row) for row in rows]
    frame = framed(ascending(whole, strict), pl.Datetime(low), pl.Datetime(high))
    if zones[0]:
        frame = frame.with_columns(
            pl.col(name).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
            for name, zone in zip(frame.columns, zones, strict=True)
        )
    comes_back(Inequality(low="low", high="high", strict=strict), frame)


@settings(max_examples=40, deadline=None)
@given(pairs(TIMES), st.booleans(), st.booleans())
def test_dates_beside_points_in_time(rows: list[tuple[Any, Any]], strict: bool, turn: bool) -> None:
    kept = []
    for a, b in rows:
        day, time = (a.date() if a else None), b
        start = dt.datetime.combine(day, dt.time()) if day else None
        low, high = (time, start) if turn else (start, time)
        if start is None or time is None or (low < high if strict else low <= high):
            kept.append((time, day) if turn else (day, time))
    kinds = (pl.Datetime("us"), pl.Date) if turn else (pl.Date, pl.Datetime("us"))
    frame = framed(kept or [(None, None)], *kinds)
    comes_back(Inequality(low="low", high="high", strict=strict), frame)


@settings(max_examples=30, deadline=None)
@given(pairs(st.times()), pairs(st.timedeltas(dt.timedelta(-999), dt.timedelta(999))))
def test_times_of_day_and_lengths(clock: Any, lengths: Any) -> None:
    constraint = Inequality(low="low", high="high")
    comes_back(constraint, framed(ascending(clock, False), pl.Time, pl.Time))
    kind = pl.Duration("us")
    comes_back(constraint, framed(ascending(lengths, False), kind, kind))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 255)), min_size=4, max_size=4)))
def test_chains_with_holes(rows: list[list[Any]]) -> None:
    kept = [[None] * 4]
    for row in rows:
        known = sorted(v for v in row if v is not None)
        kept.append([None if v is None else known.pop(0) for v in row])
    frame = pl.DataFrame(kept, schema=dict.fromkeys("abcd", pl.UInt8), orient="row")
    comes_back(ChainedInequality(columns=("a", "b", "c", "d")), frame)


def test_a_value_is_compared_with_the_last_that_is_not_missing() -> None:
    frame = pl.DataFrame(
        {"a": [5, 5], "b": [None, None], "c": [4, 6]}, schema_overrides={"b": pl.Int64}
    )
    rule = ruled(Range(low="a", middle="b", high="c"), frame)
    assert rule.holds(frame).to_list() == [False, True]


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ"])
def test_times_as_text(form: str) -> None:
    g = np.random.default_rng(0)
    start = [
        dt.datetime(2020, 1, 1) + dt.timedelta(minutes=int(m)) for m in g.integers(0, 10**6, 300)
    ]
    end = [
        s + dt.timedelta(minutes=int(m))
        for s, m in zip(start, g.integers(0, 900, 300), strict=True)
    ]
    frame = pl.DataFrame(
        {"low": [s.date().isoformat() for s in start], "high": [e.strftime(form) for e in end]}
    )
    schema = infer_schema({"t": frame})
    comes_back(Inequality(low="low", high="high"), frame, **schema.columns)


def synthetic(frame: pl.DataFrame, *constraints: Constraint, recipe: Any = None) -> pl.DataFrame:
    schema = infer_schema({"t": frame}).constrained(constraints)
    model = learn(recipe or Trees(refine=2), Dataset.of(schema, frame), rng=Rng(0))
    made: pl.DataFrame = model.sample(frame.height, rng=Rng(1)).frame
    return made


def orders(rows: int = 3000) -> pl.DataFrame:
    """Orders on any day, shipped on workdays in office hours, some not yet, with an open end."""
    g = np.random.default_rng(3)
    placed = dt.datetime(2022, 1, 3) + g.integers(0, 700 * 1440, rows) * dt.timedelta(minutes=1)
    shipped = []
    for one, wait in zip(placed, g.integers(1, 12, rows), strict=True):
        day = one + dt.timedelta(int(wait))
        day += dt.timedelta(max(0, 7 - day.isoweekday()) if day.isoweekday() > 5 else 0)
        day += dt.timedelta(1) if day.isoweekday() == 7 else dt.timedelta(0)
        hour = int(g.integers(8, 17))
        shipped.append(dt.datetime(day.year, day.month, day.day, hour, int(g.integers(0, 60))))
    ends = [
        dt.datetime(9999, 12, 31) if late else s + dt.timedelta(days=int(x))
        for s, late, x in zip(shipped, g.random(rows) < 0.3, g.integers(20, 700, rows), strict=True)
    ]
    gone = g.random(rows) < 0.2
    return pl.DataFrame(
        {
            "placed": list(placed),
            "shipped": [None if x else s for s, x in zip(shipped, gone, strict=True)],
            "expires": ends,
        }
    )


def test_a_later_time_keeps_its_own_weekdays_hours_and_open_end() -> None:
    frame = orders()
    made = synthetic(frame, ChainedInequality(columns=("placed", "shipped", "expires")))
    there = made["shipped"].drop_nulls()
    assert (there.dt.weekday() <= 5).mean() > 0.995
    assert there.dt.hour().is_between(8, 16).mean() > 0.995
    open_ended = (made["expires"] == dt.datetime(9999, 12, 31)).mean()
    assert 0.25 < open_ended < 0.35
    assert 0.16 < made["shipped"].is_null().mean() < 0.24
    wait = (made["shipped"] - made["placed"]).drop_nulls()
    assert wait.min() >= dt.timedelta(0)
    assert wait.quantile(0.95) < dt.timedelta(14)


def test_a_value_that_is_never_missing_stays_so_and_one_alone_is_not_lost() -> None:
    g = np.random.default_rng(5)
    low = pl.Series("low", g.integers(0, 50, 2000))
    low = low.zip_with(pl.Series(g.random(2000) < 0.6), pl.Series([None], dtype=pl.Int64))
    high = (low.fill_null(30) + pl.Series(g.poisson(5, 2000))).alias("high")
    made = synthetic(pl.DataFrame([low, high]), Inequality(low="low", high="high"))
    assert made["high"].null_count() == 0
    alone = made.filter(made["low"].is_null())["high"]
    assert 700 < len(alone) < 900
    assert abs(alone.mean() - 35) < 2


def rewriting_of(frame: pl.DataFrame, *constraints: Constraint) -> Any:
    schema = infer_schema({"t": frame}).constrained(constraints)
    return learn(Independent(), Dataset.of(schema, frame), rng=Rng(0)).rewriting


@pytest.mark.parametrize(
    "constraints",
    [
        [("a", "b"), ("b", "c")],
        [("b", "c"), ("a", "b")],
        [("a", "b"), ("a", "c")],
        [("b", "c"), ("a", "c")],
        [("c", "d"), ("a", "b"), ("b", "c")],
    ],
)
def test_orderings_with_common_columns_are_all_rewritten(constraints: Any) -> None:
    g = np.random.default_rng(6)
    steps = np.cumsum(g.poisson(4, (1000, 4)), axis=1)
    frame = pl.DataFrame(dict(zip("abcd", steps.T, strict=True)))
    declared = [Inequality(low=low, high=high) for low, high in constraints]
    rewriting = rewriting_of(frame, *declared)
    assert len(rewriting.steps) == len(declared)
    inner = rewriting.encode(frame)
    assert rewriting.decode(inner, Rng(0)).equals(frame)
    generator = Rng(2).generator()
    mixed = pl.DataFrame([one[generator.permutation(1000)] for one in inner])
    rows = rewriting.decode(mixed, Rng(0))
    assert all(rule.holds(rows).all() for rule in rewriting.rules)


def test_constraints_that_close_a_circle_still_hold() -> None:
    g = np.random.default_rng(7)
    frame = pl.DataFrame({"a": g.integers(0, 9, 800)}).with_columns(
        b=pl.col("a") + pl.Series(g.integers(0, 9, 800)), d=pl.Series(g.integers(0, 30, 800))
    )
    frame = frame.with_columns(c=pl.max_horizontal("b", "d"))
    rules = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    declared = [Inequality(low=low, high=high) for low, high in rules]
    bounds = [ScalarRange(column="c", low=0, high=40), Positive(column="b")]
    made = synthetic(frame, *declared, *bounds, recipe=Independent())
    assert (made["a"] <= made["b"]).all()
    assert (made["b"] <= made["c"]).all()
    assert (made["d"] <= made["c"]).all()
    assert made["c"].is_between(0, 40).all()


def test_each_currency_has_its_own_scale_and_decimals() -> None:
    g = np.random.default_rng(8)
    rates = {"EUR": (1.0, 2), "JPY": (160.0, 0), "BTC": (2e-5, 7)}
    currency = g.choice(list(rates), 3000, p=[0.6, 0.3, 0.1])
    worth = g.lognormal(4.0, 0.4, 3000)
    amount = [round(w * rates[c][0], rates[c][1]) for w, c in zip(worth, currency, strict=True)]
    frame = pl.DataFrame({"currency": currency, "amount": amount})
    made = synthetic(frame, MixedScales(column="amount", by="currency"))
    for label, (_, decimals) in rates.items():
        real = frame.filter(pl.col("currency") == label)["amount"]
        mine = made.filter(pl.col("currency") == label)["amount"]
        assert (mine.round(decimals) == mine).all()
        for share in (0.1, 0.5, 0.9):
            assert mine.quantile(share) == pytest.approx(real.quantile(share), rel=0.2)


def test_no_scale_of_few_rows_is_kept() -> None:
    g = np.random.default_rng(9)
    label = ["a"] * 200 + ["b"] * 200 + ["canary"] * 4
    frame = pl.DataFrame({"label": label, "x": [*g.normal(0, 1, 400), 9e5, 9e5, 9e5, 9e5]})
    kinds = infer_schema({"t": frame}).columns
    rule = MixedScales(column="x", by="label").learn(kinds, frame, protect=5)
    assert "canary" not in str(rule.facts())
    assert "900000" not in str(rule.facts())


WRONG: list[tuple[Constraint, str]] = [
    (Inequality(low="n", high="day"), "holds points in time"),
    (Inequality(low="label", high="n"), "it has no order"),
    (Inequality(low="zoned", high="naive"), "has a time zone"),
    (ScalarRange(column="n", low=3, high=1), "allows nothing"),
    (ScalarRange(column="n", low=1, high=1, strict=True), "allows nothing"),
    (ScalarInequality(column="day", relation=">", value="soon"), "cannot be compared with 'day'"),
    (Positive(column="day"), "have no sign"),
    (FixedIncrements(column="n", increment=0.5), "increment has more"),
    (FixedIncrements(column="label", increment=1), "it has no order"),
    (MixedScales(column="label", by="n"), "a scale is of numbers"),
    (MixedScales(column="n", by="day"), "groups are named by labels"),
]


@pytest.mark.parametrize(("constraint", "words"), WRONG, ids=[one.title for one, _ in WRONG])
def test_what_cannot_be_is_refused_with_a_reason(constraint: Constraint, words: str) -> None:
    g = np.random.default_rng(0)
    naive = [dt.datetime(2020, 1, 1) + dt.timedelta(hours=int(h)) for h in g.integers(0, 999, 60)]
    frame = pl.DataFrame(
        {
            "n": g.integers(0, 50, 60),
            "label": g.choice(["x", "y"], 60),
            "day": [one.date() for one in naive],
            "naive": naive,
            "zoned": pl.Series(naive).dt.replace_time_zone("UTC"),
        }
    )
    with pytest.raises(nt.SchemaError, match=words):
        constraint.learn(infer_schema({"t": frame}).columns, frame, protect=5)


def test_declared_limits_of_a_column_are_kept() -> None:
    frame = pl.DataFrame(
        {"low": [90, 10, 20], "high": [95, 99, 21]}, schema_overrides={"high": pl.Int64}
    )
    kind = Numeric(storage="Int64", subtype="integer", decimals=0, maximum=100)
    rule = ruled(Inequality(low="low", high="high"), frame, high=kind)
    inner = rule.encode(frame).with_columns(pl.col("high - low").reverse() + 80)
    made = rule.decode(inner, Rng(0).generator())
    assert made["high"].max() <= 100
    assert rule.holds(made).all()


def test_conditions_on_counted_increments_are_exact() -> None:
    g = np.random.default_rng(1)
    frame = pl.DataFrame(
        {"price": g.integers(1, 40, 2000) * 0.25, "kind": g.choice(["a", "b"], 2000)}
    )
    model: Any = nt.fit(
        frame,
        synthesizer="independent",
        constraints=[{"type": "FixedIncrements", "column": "price", "increment": 0.25}],
    )
    given = pl.DataFrame({"price": [0.25, 5.0, 9.75]})
    assert model.sample(given=given)["price"].to_list() == [0.25, 5.0, 9.75]


def test_the_schema_of_a_model_has_its_constraints_and_given_rows_obey() -> None:
    g = np.random.default_rng(2)
    low = g.integers(0, 60, 2500)
    frame = pl.DataFrame({"low": low, "high": low + g.poisson(8, 2500)})
    model: Any = nt.fit(frame, constraints=[nt.constraints.Inequality(low="low", high="high")])
    assert [one.type for one in model.schema.table.constraints] == ["Inequality"]
    given = pl.DataFrame({"high": [20] * 300})
    made = model.sample(given=given, seed=1)
    assert (made["high"] == 20).all()
    assert (made["low"] <= 20).all()
    real = frame.filter(pl.col("high") == 20)["low"]
    assert abs(made["low"].mean() - real.mean()) < 1.5


def test_a_table_without_rows_of_both_cells_still_fits() -> None:
    frame = pl.DataFrame(
        {"low": [1.5, None] * 30, "high": [None, 2.5] * 30},
    )
    made = synthetic(frame, Inequality(low="low", high="high"), recipe=Independent())
    assert made.height == 60


def test_schema_and_table_say_the_same() -> None:
    columns = {"a": Numeric(storage="Int64"), "b": Numeric(storage="Int64")}
    schema = Schema(tables={"t": Table(columns=columns)})
    with pytest.raises(nt.ColumnNotFoundError, match="'c'"):
        schema.constrained([Inequality(low="a", high="c")])
