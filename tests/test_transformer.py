"""The transformer: what users rely on."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch", reason="torch is not installed")

import torch

from neotype.data import Known
from neotype.errors import SchemaError
from neotype.nn.train import alone
from neotype.nn.transformer import Transformer as Network
from neotype.rng import Rng
from neotype.schema.condition import Condition
from neotype.synth.table import TableModel
from neotype.synth.transformer import Transformer
from zoo import towns_data

SIZES = (3, 7, 12, 2)
DIGITS = np.array(list(np.ndindex(*SIZES)), dtype=np.uint8)


@pytest.fixture(scope="module")
def network() -> Network:
    """One of strong opinions, which nobody taught."""
    with alone(0), torch.no_grad():
        made = Network(SIZES, heads=2, width=4, hidden=8, dropout=0.0, shuffled=0.5)
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) / 2)
    return made.eval()


def _share(rows: np.ndarray) -> np.ndarray:
    at = np.ravel_multi_index(tuple(rows.T.astype(np.int64)), SIZES)
    return np.bincount(at, minlength=len(DIGITS)) / len(rows)


@pytest.mark.parametrize("together", [1, 2, 32])
def test_densities_sum_to_one_and_rows_are_drawn_by_them(
    network: Network, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neotype.nn.transformer._TOGETHER", together)
    with alone(1), torch.no_grad():
        density = np.exp(network.log_density(DIGITS))
        rows, logp = network.draw(60_000, None)
    assert density.sum() == pytest.approx(1, abs=1e-4)
    assert (logp == 0).all()
    assert np.abs(_share(rows) - density).sum() / 2 < 0.02


def test_digits_are_among_those_allowed_and_weights_are_their_probability(network: Network) -> None:
    """Given digits come first, in the order of drawing: here 3 before 1."""
    every = np.uint64(2**64 - 1)
    masks = np.array([[every, 0b1010, every, 0b10]], dtype=np.uint64)
    with alone(2), torch.no_grad():
        rows, logp = network.draw(500, masks)
        alike, told = network.draw(500, np.repeat(masks, 500, axis=0))
    assert set(rows[:, 1]) <= {1, 3}
    assert set(alike[:, 1]) <= {1, 3}
    assert (rows[:, 3] == 1).all()
    ranks = torch.tensor([[2, 1, 3, 0]])
    with torch.no_grad():
        chances = network._log_probability(
            torch.from_numpy(DIGITS.astype(np.int64)), ranks.expand(len(DIGITS), -1)
        )
    meets = np.isin(DIGITS[:, 1], (1, 3)) & (DIGITS[:, 3] == 1)
    truth = np.log(np.exp(chances.numpy()[meets]).sum())
    np.testing.assert_allclose(logp, truth, rtol=1e-4)
    np.testing.assert_allclose(told, truth, rtol=1e-4)


def test_what_nothing_is_allowed_of_cannot_be(network: Network) -> None:
    with alone(3), torch.no_grad():
        _, logp = network.draw(5, np.array([[1 << 60, 1, 1, 1]], dtype=np.uint64))
    assert (logp == -np.inf).all()


@pytest.fixture(scope="module")
def model() -> TableModel:
    fitted = Transformer(refine=0, epochs=30, heads=4, width=8, hidden=32, batch=64).fit(
        towns_data(), rng=Rng(0)
    )
    assert isinstance(fitted, TableModel)
    return fitted


TOWN_OF = {"baker": "Graz", "cook": "Linz", "smith": "Wels"}


def _agree(made: pl.DataFrame) -> float:
    return float((made["job"].replace_strict(TOWN_OF) == made["town"]).to_numpy().mean())


def test_columns_that_depend_on_each_other_do_so_in_its_rows(model: TableModel) -> None:
    made = model.sample(2000, rng=Rng(0)).frame
    assert 0.85 < _agree(made) < 0.95
    assert (made["pay"] // 1000 == made["job"].replace_strict({"baker": 1, "cook": 2, "smith": 3})
            ).mean() > 0.97  # fmt: skip


@pytest.mark.parametrize("column", ["pay", "coin", "town"])
def test_any_column_may_be_given_and_the_others_follow(model: TableModel, column: str) -> None:
    given = model.sample(1000, rng=Rng(1)).frame.select(column)
    made = model.sample(rng=Rng(2), known=Known(given)).frame
    assert made.select(column).equals(given)
    assert 0.82 < _agree(made) < 0.97
    assert (made["pay"] // 1000).replace_strict({1: "baker", 2: "cook", 3: "smith"}).eq(
        made["job"]
    ).mean() > 0.95  # fmt: skip


def test_conditions_hold_and_the_others_follow(model: TableModel) -> None:
    where = (Condition("pay", low=3000),)
    made = model.sample(600, rng=Rng(3), known=Known(where=where)).frame
    assert made["pay"].min() >= 3000
    assert (made["job"] == "smith").mean() > 0.97
    assert (made["town"] == "Wels").mean() == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize("wrong", [{"heads": 0}, {"dropout": 1.0}, {"shuffled": 1.5}])
def test_what_cannot_be_a_recipe_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SchemaError, match=f"transformer: .*{next(iter(wrong))}"):
        Transformer(**wrong)  # type: ignore[arg-type]
