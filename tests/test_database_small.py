"""Databases with tables of a few rows: none vanishes, and no cell is missing that must be there."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from key_databases import database
from neotype.data import Dataset
from neotype.rng import Rng
from neotype.synth.learn import learn
from neotype.synth.trees import Trees


def learnt(data: Dataset) -> Any:
    return learn(Trees(refine=0), data, rng=Rng(0))


@pytest.mark.parametrize("scale", [0.1, 1])
def test_a_table_below_few_owners_keeps_a_row(scale: float) -> None:
    """What refers to the one office of thirty towns would go with it."""
    draw = np.random.default_rng(0)
    data = database(
        {
            "town": {"town": range(30), "size": draw.integers(0, 9, 30)},
            "office": {"office": [1], "town": [4]},
            "clerk": {"clerk": range(60), "office": [1] * 60, "age": draw.integers(20, 60, 60)},
        },
        {"town": "town", "office": "office", "clerk": "clerk"},
        "office.town > town.town\nclerk.office > office.office",
    )
    model = learnt(data)
    for seed in range(6):
        made = model.sample(rng=Rng(seed), scale=scale).frames
        assert made["office"].height == 1
        assert made["clerk"].height == round(60 * scale)


def test_a_table_of_nothing_but_missing_keys_keeps_its_rows() -> None:
    data = database(
        {
            "town": {"town": range(30), "size": [1, 2, 3] * 10},
            "link": {"town": pl.Series([None, None], dtype=pl.Int64)},
        },
        {"town": "town"},
        "link.town > town.town",
    )
    made = learnt(data).sample(rng=Rng(1)).frames
    assert made["link"].to_dicts() == [{"town": None}] * 2
