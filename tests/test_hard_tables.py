"""Tables that break generators elsewhere, through the front desk, for every family."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.schema.schema import Categorical, Table
from zoo import FAMILIES, recipe


def few() -> pl.DataFrame:
    """Five rows: by default hardly a value may be stored."""
    return pl.DataFrame(
        {
            "size": [1, 2, 3, 4, 5],
            "kind": ["x", "y", "x", "y", "x"],
            "cost": [1.5, None, 2.5, 3.5, 4.5],
        }
    )


def hollow() -> pl.DataFrame:
    """Numbers that are all missing, a constant, and infinities, beside columns that are well."""
    draw = np.random.Generator(np.random.PCG64(0))
    cost = draw.normal(size=300)
    cost[:20] = np.inf
    return pl.DataFrame(
        {
            "none": pl.Series([None] * 300, dtype=pl.Float64),
            "same": ["x"] * 300,
            "cost": cost,
            "size": draw.integers(0, 9, 300),
        }
    )


def many_labels() -> pl.DataFrame:
    """15,000 labels of one row each, beside 20 that are common."""
    draw = np.random.Generator(np.random.PCG64(1))
    letters = draw.integers(97, 123, (15_000, 8), dtype=np.uint8)
    rare = ["the " + bytes(row).decode() for row in letters]
    common = [f"group {place}" for place in draw.integers(0, 20, 15_000)]
    return pl.DataFrame({"code": rare + common, "size": draw.integers(0, 9, 30_000)})


def wide() -> pl.DataFrame:
    """Many times as many columns as rows."""
    draw = np.random.Generator(np.random.PCG64(2))
    hidden = draw.normal(size=(60, 1))
    cells = hidden + draw.normal(size=(60, 150))
    return pl.DataFrame(
        {
            f"c{k}": cells[:, k].round(2) if k % 2 else [f"v{int(v)}" for v in cells[:, k]]
            for k in range(150)
        }
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("table", [few, hollow, many_labels, wide])
def test_a_hard_table_is_learnt_and_its_form_comes_back(family: str, table: object) -> None:
    frame = table()  # type: ignore[operator]
    schema = nt.infer_schema(frame)
    if table is many_labels:
        columns = {**schema.table.columns, "code": Categorical(storage="String")}
        schema = nt.Schema(tables={schema.name: Table(columns=columns)})
    model = nt.fit(frame, schema=schema, synthesizer=recipe(family), seed=0)
    made = model.sample(40, seed=0)
    assert made.height == 40
    assert made.schema == frame.schema
    for name in {"none"} & set(made.columns):
        assert made[name].null_count() == 40
        assert set(made["same"]) == {"x"}
        assert made["cost"].null_count() == 0
    if table is many_labels:
        rare = set(frame["code"].head(15_000))
        assert not rare & set(made["code"].drop_nulls())
        assert made["code"].str.contains("group").sum() > 5
