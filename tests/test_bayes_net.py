"""A Bayesian network: which parents it finds, and what its tables say."""

from __future__ import annotations

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.rng import Rng
from neotype.schema.infer import infer_schema
from neotype.synth.bayes_net import BayesNet
from neotype.synth.table import TableModel


def fitted(frame: pl.DataFrame, **settings: int) -> tuple[TableModel, Dataset]:
    data = Dataset(infer_schema({"t": frame}), {"t": frame})
    model = BayesNet(**settings).fit(data, rng=Rng(0))  # type: ignore[arg-type]
    assert isinstance(model, TableModel)
    return model, data


def chain(rows: int) -> pl.DataFrame:
    """a → b → c, and d on its own."""
    g = np.random.default_rng(0)
    a = g.integers(0, 2, rows)
    b = np.where(g.random(rows) < 0.9, a, g.integers(0, 3, rows))
    c = np.where(g.random(rows) < 0.9, b, g.integers(0, 4, rows))
    names = {"a": a, "b": b, "c": c, "d": g.integers(0, 5, rows)}
    return pl.DataFrame({name: [f"{name}{v}" for v in x] for name, x in names.items()})


def test_the_parents_of_a_chain_are_found_and_told() -> None:
    model, _ = fitted(chain(4000))
    assert model.describe()[:4] == ["a ← nothing", "b ← a", "c ← b", "d ← nothing"]


def test_densities_are_those_of_the_tables_and_sum_to_one() -> None:
    model, data = fitted(chain(4000))
    distinct = data.frame.group_by("a", "b", "c", "d").len()
    every = Dataset(data.schema, {"t": distinct.drop("len")})
    told = model.log_density(every)
    assert told is not None
    assert 0.98 < np.exp(told).sum() <= 1.0 + 1e-6
    share = distinct["len"].to_numpy() / 4000
    assert np.abs(np.exp(told) - share).sum() / 2 < 0.05


def test_what_only_two_symbols_together_tell_is_found() -> None:
    """The first symbols of a parent say nothing here: all four codes of a group are as frequent."""
    g = np.random.default_rng(1)
    a = g.integers(0, 16, 6000)
    frame = pl.DataFrame({"a": a, "b": [f"b{(v * 5) % 4}" for v in a]})
    model, _ = fitted(frame)
    made = model.sample(2000, rng=Rng(1)).frame
    assert (made["b"] == pl.Series([f"b{(v * 5) % 4}" for v in made["a"]])).mean() > 0.99


def test_no_table_looks_at_more_digits_than_asked() -> None:
    frame = chain(4000).with_columns((pl.col("b") + pl.col("d")).alias("e"))
    one, two = (fitted(frame, parents=k, base=64)[0].describe()[4] for k in (1, 2))
    assert one in ("e ← b", "e ← d")
    assert two in ("e ← b, d", "e ← d, b")
