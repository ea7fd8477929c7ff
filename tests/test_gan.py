"""The adversarial network: what its rows keep, with and without the critic, and as a copula."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'neotype[deep]'")

import neotype as nt  # noqa: E402
from neotype.errors import SchemaError  # noqa: E402
from neotype.nn.gan import Adversary  # noqa: E402
from neotype.synth.gan import GAN  # noqa: E402
from zoo import drinks  # noqa: E402


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return drinks()


@pytest.mark.parametrize("settings", [{}, {"critic": 0.0}, {"copula": True}])
def test_rows_keep_what_columns_have_to_do_with_each_other(
    table: pl.DataFrame, settings: dict[str, Any]
) -> None:
    model = nt.fit(
        table, synthesizer=GAN(refine=0, epochs=12, batch=128, hidden=128, **settings), seed=1
    )
    made = model.sample(2000, seed=1)
    shares = made["kind"].value_counts(normalize=True)
    assert dict(shares.iter_rows())["tea"] == pytest.approx(0.6, abs=0.15)
    assert (made["dear"] == (made["price"] > 5)).mean() > 0.8
    low, high = (
        made.filter(pl.col("kind") == kind)["price"].median() for kind in ("tea", "coffee")
    )
    assert low < 3
    assert high > 5


@pytest.mark.parametrize("settings", [{}, {"match": 0.0}])
def test_the_same_seed_gives_the_same_network(
    table: pl.DataFrame, settings: dict[str, Any]
) -> None:
    recipe = GAN(refine=0, epochs=2, batch=64, hidden=16, **settings)
    one, two = (nt.fit(table.head(300), synthesizer=recipe, seed=5) for _ in "ab")
    assert one.sample(50, seed=0).equals(two.sample(50, seed=0))


def network(**settings: Any) -> Adversary:
    shape = GAN(noise=8, hidden=32, pack=4, **settings).shape
    return Adversary((3, 2), **shape)


def test_the_score_is_best_for_rows_like_the_real_ones() -> None:
    torch.manual_seed(0)
    rows = torch.stack([torch.randint(0, 3, (4000,)), torch.randint(0, 2, (4000,))], dim=1)
    skewed = rows.clone()
    skewed[:, 1] = (rows[:, 0] == 0).long()
    made = network()
    made.begin(rows)
    assert float(made.loss(rows)) < float(made.loss(skewed))


def test_symbols_asked_for_are_as_frequent_as_they_are() -> None:
    torch.manual_seed(0)
    rows = torch.tensor([[0, 0]] * 900 + [[2, 1]] * 100)
    made = network()
    made.begin(rows)
    symbols = made.draw(500, None)[0]
    assert symbols.shape == (500, 2)
    assert not (symbols[:, 0] == 1).all()


@pytest.mark.parametrize(
    "wrong", [{"critic": 0, "match": 0}, {"balance": 2}, {"pack": 0}, {"points": 0}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SchemaError, match=r"gan: "):
        GAN(**wrong)
