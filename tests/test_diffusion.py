"""Masked diffusion: what users rely on."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="torch is not installed")

from neotype.data import Dataset, Known
from neotype.errors import SchemaError
from neotype.nn.diffusion import schedule
from neotype.rng import Rng
from neotype.schema.condition import Condition
from neotype.schema.infer import infer_schema
from neotype.synth.diffusion import Diffusion
from neotype.synth.table import TableModel

RECIPE = Diffusion(refine=0, epochs=40, hidden=48, layers=1, steps=3, batch=64, rate=4e-3)


def frame(rows: int, seed: int = 0) -> pl.DataFrame:
    """Town decides on the job, and the job on pay; the coin on nothing."""
    g = np.random.default_rng(seed)
    town = g.integers(0, 3, rows)
    job = (town + (g.random(rows) < 0.1)) % 3
    return pl.DataFrame(
        {
            "town": np.array(["Graz", "Linz", "Wels"])[town],
            "job": np.array(["baker", "cook", "smith"])[job],
            "pay": 1000 * (job + 1) + 20 * g.integers(0, 8, rows),
            "coin": g.random(rows) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def data() -> Dataset:
    table = frame(1500)
    return Dataset(infer_schema({"t": table}), {"t": table})


@pytest.fixture(scope="module")
def model(data: Dataset) -> TableModel:
    fitted = RECIPE.fit(data, rng=Rng(0))
    assert isinstance(fitted, TableModel)
    return fitted


def _agreeing(made: pl.DataFrame) -> Any:
    place = {"Graz": "baker", "Linz": "cook", "Wels": "smith"}
    return (made["town"].replace_strict(place) == made["job"]).to_numpy().mean()


def test_columns_that_depend_on_each_other_do_so_in_its_rows(
    model: TableModel, data: Dataset
) -> None:
    made = model.sample(1500, rng=Rng(1)).frame
    assert abs(_agreeing(made) - _agreeing(data.frame)) < 0.04
    smiths = made.filter(pl.col("job") == "smith")["pay"]
    assert (smiths >= 3000).to_numpy().mean() > 0.95


def test_what_is_known_is_obeyed_and_all_else_follows(model: TableModel) -> None:
    known = Known(pl.DataFrame({"job": ["smith"] * 400}))
    made = model.sample(rng=Rng(2), known=known).frame
    assert set(made["job"]) == {"smith"}
    assert 0.85 < (made["town"] == "Wels").to_numpy().mean() < 0.96
    rich = model.sample(400, rng=Rng(3), known=Known(where=(Condition("pay", low=3000),))).frame
    assert (rich["pay"] >= 3000).all()
    assert (rich["job"] == "smith").to_numpy().mean() > 0.95


def test_rows_that_are_as_those_learnt_are_likelier(model: TableModel) -> None:
    fresh = frame(400, seed=1)
    mixed = fresh.with_columns(pl.col("pay").shuffle(seed=0))
    told, other = (model.log_density(Dataset(model.schema, {"t": t})) for t in (fresh, mixed))
    assert told is not None
    assert other is not None
    assert told.mean() > other.mean() + 0.5


def test_columns_of_one_step_say_least_about_each_other() -> None:
    g = np.random.default_rng(0)
    a, b = g.integers(0, 8, 3000), g.integers(0, 8, 3000)
    rows = np.stack([a, a // 2, b, b // 2], axis=1)
    step = schedule(rows, [8, 4, 8, 4], 2)
    assert step[0] != step[1]
    assert step[2] != step[3]
    assert sorted(schedule(rows, [8, 4, 8, 4], 4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["steps", "hidden", "layers"])
def test_settings_without_meaning_are_refused(name: str) -> None:
    wrong: Any = {name: 0}
    with pytest.raises(SchemaError, match=f"{name} is 0"):
        Diffusion(**wrong)
