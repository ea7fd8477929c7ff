"""A column may have any name, also one by which columns are counted and numbered inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt

NAMES = ("rows", "row", "kind", "len", "count", "index")


def cells() -> tuple[pl.Series, pl.Series, pl.Series]:
    """Owners, the days of each, and a label in which owners differ more than by chance."""
    draw = np.random.default_rng(0)
    owner = np.repeat(np.arange(60), 6)
    often = draw.choice([0.1, 0.9], 60)[owner]
    label = np.where(draw.random(360) < often, "a", "b")
    return pl.Series(owner), pl.Series(np.tile(np.arange(6), 60)), pl.Series(label)


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_owners_are_learnt_whatever_a_label_is_called(name: str, tmp_path: Path) -> None:
    owner, day, label = cells()
    real = pl.DataFrame({"who": owner, "day": day, name: label})
    model = nt.fit(real, entity="who", sequence="day")
    assert model.sample(owners=20, seed=1).columns == real.columns
    model.save(tmp_path / "m.neotype")
    model = nt.load(tmp_path / "m.neotype")
    assert model.extend(real.head(12), steps=2).height == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_learnt_and_judged_whatever_a_column_is_called(name: str) -> None:
    draw = np.random.default_rng(1)
    real = pl.DataFrame({name: draw.choice(["x", "y", "z"], 300), "n": draw.normal(size=300)})
    model = nt.fit(real, holdout=0.3)
    assert model.sample(50, seed=1, where={name: "x"})[name].to_list() == ["x"] * 50
    assert nt.evaluate(model.sample(), train=real, model=model, metrics=["shape"]).scores


@pytest.mark.parametrize("name", ["rows", "row", "len"])
def test_a_key_may_be_called_so(name: str) -> None:
    owner, _, label = cells()
    data = {
        "one": pl.DataFrame({name: [f"K{k:03d}" for k in range(60)], "size": range(60)}),
        "two": pl.DataFrame({"id": range(360), name: [f"K{k:03d}" for k in owner], "is": label}),
    }
    made = nt.fit(data).sample(seed=1)
    assert set(made["two"][name]) <= set(made["one"][name])
