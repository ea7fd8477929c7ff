"""A column with the same date, time, length or amount in every row survives the model file."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import neotype as nt

MOMENT = dt.datetime(2024, 2, 29, 12, 30)


@pytest.mark.parametrize(
    "value",
    [MOMENT.date(), MOMENT, MOMENT.time(), dt.timedelta(hours=3), Decimal("12.50"), True, 7, "x"],
)
def test_a_constant_is_the_same_after_saving(value: object, tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": list(range(60)), "same": [value] * 60})
    model = nt.fit(frame, refine=0)
    path = model.save(tmp_path / "m.neotype")
    made = nt.load(path).sample(5, seed=1)
    assert made.equals(model.sample(5, seed=1))
    assert made["same"].to_list() == [value] * 5
    assert made["same"].dtype == frame["same"].dtype
