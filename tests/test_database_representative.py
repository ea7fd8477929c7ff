"""A small table of owners is made as a whole that is like the learnt one."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from key_databases import database
from neotype.data import Dataset
from neotype.encode.encoder import Digit
from neotype.rng import Rng
from neotype.synth.learn import learn
from neotype.synth.relational.representative import representative
from neotype.synth.trees import Trees


def shops(rows: int = 50) -> Dataset:
    draw = np.random.default_rng(2)
    kind = draw.permutation(
        np.repeat(["a", "b", "c"], [rows // 2, rows // 5, rows - rows // 2 - rows // 5])
    )
    since = pl.Series(draw.integers(1990, 2015, rows))
    gone = pl.Series(draw.random(rows) < 0.3)
    return database(
        {
            "shop": {
                "shop": range(rows),
                "kind": kind,
                "since": since.set(gone, None),
                "month": pl.Series(draw.integers(1, 13, rows)).set(gone, None),
            },
            "sale": {
                "sale": range(20 * rows),
                "shop": np.repeat(np.arange(rows), 20),
                "amount": draw.gamma(3, 10, 20 * rows).round(2),
            },
        },
        {"shop": "shop", "sale": "sale"},
        "sale.shop > shop.shop",
    )


@pytest.fixture(scope="module")
def model() -> Any:
    return learn(Trees(refine=0), shops(), rng=Rng(0))


def test_few_owners_vary_less_than_by_chance(model: Any) -> None:
    counts = []
    for seed in range(12):
        made = model.sample(rng=Rng(seed)).frames["shop"]
        assert made["shop"].n_unique() == made.height == 50
        counts.append([int((made["kind"] == kind).sum()) for kind in "abc"])
    share = np.mean(counts, axis=0) / 50
    assert np.abs(share - [0.5, 0.2, 0.3]).max() < 0.1
    by_chance = np.sqrt(50 * share * (1 - share))
    assert (np.std(counts, axis=0) < 0.8 * by_chance).all()


def test_owners_are_no_copies(model: Any) -> None:
    own = ["kind", "since", "month"]
    real = shops().frames["shop"].select(own)
    made = pl.concat([model.sample(rng=Rng(s)).frames["shop"].select(own) for s in range(8)])
    known = made.filter(pl.col("since").is_not_null())
    share = known.hash_rows().is_in(real.hash_rows().implode()).mean()
    assert share < 0.15


def test_what_is_missing_together_stays_so(model: Any) -> None:
    made = pl.concat([model.sample(rng=Rng(s)).frames["shop"] for s in range(8)])
    apart = made["since"].is_null() != made["month"].is_null()
    assert apart.mean() < 0.1


def test_rows_are_taken_once_in_the_shares_of_the_pool() -> None:
    draw = np.random.default_rng(1)
    digits = [Digit("x", 3, ordered=True), Digit("y", 8, ordered=True)]
    codes = np.stack([draw.integers(0, 3, 400), draw.integers(0, 8, 400)]).astype(np.uint8)
    picks = representative(codes, digits, 80, np.random.default_rng(0))
    assert len(np.unique(picks)) == 80
    for line, digit in zip(codes, digits, strict=True):
        due = np.bincount(line, minlength=digit.size) / 5
        assert np.abs(np.bincount(line[picks], minlength=digit.size) - due).max() <= 1
