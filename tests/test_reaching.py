"""Conditions on a column that an order has rewritten: as rejection would have it, and quick."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import numpy as np
import polars as pl
import pytest

from neotype.constraints.order import Inequality
from neotype.data import Dataset, Known
from neotype.rng import Rng
from neotype.schema.condition import Condition, met
from neotype.schema.infer import infer_schema
from neotype.synth.learn import learn
from neotype.synth.reformed import Reformed
from neotype.synth.trees import Trees


def stays(kind: str, rows: int = 4000, empty: float = 0.0) -> pl.DataFrame:
    """Beginnings that groups differ in, and ends; the last column goes with both."""
    g = np.random.default_rng(0)
    group = g.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    low = np.round(g.gamma(3.0, 8.0, rows)) + 15 * (group == "c")
    gap = np.round(g.gamma(2.0, 3.0 + (group == "b"), rows))
    x = (low + gap) / 10 + g.normal(size=rows)
    if kind == "date":
        begin = np.datetime64("2020-01-01") + low.astype("timedelta64[D]")
        cells: list[Any] = [begin, begin + gap.astype("timedelta64[D]")]
    elif kind == "float":
        low, gap = np.round(low * g.uniform(0.5, 1.5, rows), 2), gap * g.uniform(0.5, 1.5, rows)
        cells = [low, np.round(low + gap, 2)]
    else:
        cells = [low.astype(int), (low + gap).astype(int)]
    frame = pl.DataFrame({"low": cells[0], "high": cells[1], "group": group, "x": x})
    gone = pl.Series(g.random(rows) < empty)
    return frame.with_columns(high=pl.when(~gone).then("high"))


def fitted(frame: pl.DataFrame, *constraints: Any, **settings: Any) -> Reformed:
    schema = infer_schema({"stays": frame})
    table = schema.table.model_copy(update={"constraints": constraints})
    schema = schema.model_copy(update={"tables": {schema.name: table}})
    model = learn(Trees(**settings), Dataset.of(schema, frame), rng=Rng(0))
    assert isinstance(model, Reformed)
    return model


def summary(frame: pl.DataFrame) -> pl.DataFrame:
    low, high = (pl.col(name).to_physical().cast(pl.Float64) for name in ("low", "high"))
    groups = {name: (pl.col("group") == name).cast(pl.Float64) for name in "bc"}
    return frame.select(low, high, "x", (high - low).alias("gap"), **groups)


DAY = dt.date(2020, 1, 1)
CASES = [
    ("whole", Condition("high", low=60), {}),
    ("whole", Condition("high", low=60), {"refine": 5}),
    ("whole", Condition("high", low=60), {"first": ("low",)}),
    ("whole", Condition("high", values=(48, 57)), {}),
    ("whole", Condition("high", high=6), {}),
    ("float", Condition("high", low=60.5, high=70.25), {}),
    ("float", Condition("high", high=5.0, high_open=True), {"first": ("low",)}),
    ("date", Condition("high", low=DAY + dt.timedelta(60)), {}),
]


@pytest.mark.parametrize(("kind", "asked", "settings"), CASES)
def test_rows_are_as_rejection_would_leave_them(
    kind: str, asked: Condition, settings: dict[str, Any]
) -> None:
    model = fitted(
        stays(kind, empty=0.2 if settings else 0.0), Inequality(low="low", high="high"), **settings
    )
    plain = model.sample(150_000, rng=Rng(1)).frame
    wanted = summary(plain.filter(met((asked,), plain)))
    made = model.sample(2000, rng=Rng(2), known=Known(where=(asked,))).frame
    assert met((asked,), made).all()
    assert (made["low"] <= made["high"]).all()
    found = summary(made)
    for name in wanted.columns:
        one, other = wanted[name].to_numpy(), found[name].to_numpy()
        error = one.std() * (1 / len(one) + 1 / 1000) ** 0.5
        assert abs(one.mean() - other.mean()) <= 4.5 * error + 1e-9, name


def test_one_row_in_a_thousand_takes_no_longer_than_seconds() -> None:
    model = fitted(stays("whole"), Inequality(low="low", high="high"), refine=5)
    plain = model.sample(100_000, rng=Rng(1)).frame
    edge = int(plain["high"].quantile(0.999) or 0)
    known = Known(where=(Condition("high", low=edge),))
    begun = time.perf_counter()
    made = model.sample(500, rng=Rng(2), known=known)
    assert time.perf_counter() - begun < 10
    assert (made.frame["high"] >= edge).all()
    assert made.support is not None
    assert made.support.candidates < 200_000
