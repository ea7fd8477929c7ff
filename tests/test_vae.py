"""The variational autoencoder: what its rows keep, and what it is asked for."""

from __future__ import annotations

import polars as pl
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'neotype[deep]'")

import neotype as nt
from neotype.errors import SchemaError
from neotype.synth.vae import VAE
from zoo import drinks


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return drinks()


@pytest.fixture(scope="module")
def model(table: pl.DataFrame) -> nt.Model:
    return nt.fit(table, synthesizer=VAE(refine=0, epochs=30, batch=128))


def test_rows_keep_what_columns_have_to_do_with_each_other(
    table: pl.DataFrame, model: nt.Model
) -> None:
    made = model.sample(2000, seed=1)
    for kind in ("tea", "coffee", "water"):
        real, synthetic = (f.filter(pl.col("kind") == kind) for f in (table, made))
        assert synthetic.height == pytest.approx(real.height, rel=0.25)
        assert synthetic["price"].median() == pytest.approx(real["price"].median(), abs=0.5)
    assert (made["dear"] == (made["price"] > 5)).mean() > 0.97


def test_the_network_is_told_in_words(model: nt.Model) -> None:
    assert any("trained after 30 epochs" in line for line in model.describe())


def test_what_is_given_is_obeyed_with_all_that_hangs_on_it(model: nt.Model) -> None:
    made = model.sample(200, where={"kind": "water"}, seed=2)
    assert set(made["kind"]) == {"water"}
    assert (made["price"] > 14).mean() > 0.9


def test_the_same_seed_gives_the_same_network(table: pl.DataFrame) -> None:
    one, two = (nt.fit(table.head(300), synthesizer=VAE(refine=0, epochs=3), seed=5) for _ in "ab")
    assert one.sample(50, seed=0).equals(two.sample(50, seed=0))


@pytest.mark.parametrize("wrong", [{"beta": 0}, {"latent": 0}, {"components": 0}, {"rate": 0}])
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SchemaError, match=r"vae: "):
        VAE(**wrong)
