"""Flow matching with boosted trees: what users rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest

from neotype.data import Dataset, Known
from neotype.errors import FitError, SchemaError
from neotype.rng import Rng
from neotype.schema.condition import Condition
from neotype.schema.infer import infer_schema
from neotype.synth.flow import _Learning, parsed
from neotype.synth.forest_flow import ForestFlow
from neotype.synth.model_file import load, save
from neotype.synth.table import TableModel
from neotype.trees.cascade import Cascade, Halvings, Votes
from zoo import towns_data

SIZES = (3, 7, 12, 2, 1)
DIGITS = np.array(list(np.ndindex(*SIZES)), dtype=np.uint8)
EVERY = np.uint64(2**64 - 1)


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    """One of strong opinions, which nobody taught: three trees of two splits at each halving."""
    g = np.random.default_rng(0)
    halvings = Halvings.of([g.integers(1, 90, size) for size in SIZES])
    lines = len(halvings.digit)
    trees = 3 * lines
    feature = g.integers(0, len(SIZES) + 1, (trees, 2))
    # What tells a digit is never the digit itself.
    own = feature == np.repeat(halvings.digit, 3)[:, None]
    votes = Votes(
        np.where(own, len(SIZES), feature).astype(np.int32),
        g.integers(0, 6, (trees, 2)).astype(np.uint8),
        g.random((trees, 2)) < 0.5,
        np.tile(np.array([[1, -1]], dtype=np.int8), (trees, 1)),
        np.tile(np.array([[-2, -3]], dtype=np.int8), (trees, 1)),
        g.normal(0, 1, (trees, 3)).astype(np.float32),
    )
    first = 3 * np.arange(lines)
    return Cascade(np.array(SIZES), np.array([4, 3, 0, 1, 2]), halvings, first, first + 3, votes)


def _share(rows: Any) -> Any:
    at = np.ravel_multi_index(tuple(rows.T.astype(np.int64)), SIZES)
    return np.bincount(at, minlength=len(DIGITS)) / len(rows)


def test_densities_sum_to_one_and_rows_are_drawn_by_them(cascade: Cascade) -> None:
    density = np.exp(cascade.log_density(DIGITS))
    rows, logp = cascade.draw(60_000, 1)
    assert density.sum() == pytest.approx(1, abs=1e-9)
    assert (logp == 0).all()
    assert np.abs(_share(rows) - density).sum() / 2 < 0.03


def test_digits_are_among_those_allowed_and_weights_are_their_probability(cascade: Cascade) -> None:
    """What is known comes first, then what is limited, then the others given both."""
    masks = np.array([[EVERY, 0b1010, EVERY, 0b10, EVERY]], dtype=np.uint64)
    rows, logp = cascade.draw(20_000, 2, masks)
    alike, told = cascade.draw(20_000, 2, np.repeat(masks, 20_000, axis=0))
    assert (rows == alike).all()
    assert set(rows[:, 1]) == {1, 3}
    assert (rows[:, 3] == 1).all()
    turned = Cascade(
        cascade.sizes, np.array([4, 3, 1, 0, 2]), cascade.halvings, cascade.first, cascade.last,
        cascade.votes,
    )  # fmt: skip
    chances = np.exp(turned.log_density(DIGITS))
    meets = np.isin(DIGITS[:, 1], (1, 3)) & (DIGITS[:, 3] == 1)
    for weight in (logp, told):
        np.testing.assert_allclose(weight, np.log(chances[meets].sum()), rtol=1e-9)
    assert np.abs(_share(rows) - np.where(meets, chances, 0) / chances[meets].sum()).sum() < 0.08


def test_what_nothing_is_allowed_of_cannot_be(cascade: Cascade) -> None:
    never = np.array([[1 << 60, 1, 1, 1, 1]], dtype=np.uint64)
    assert (cascade.draw(5, 0, never)[1] == -np.inf).all()


def test_rows_do_not_hang_on_how_many_are_drawn(cascade: Cascade) -> None:
    assert (cascade.draw(40, 7)[0] == cascade.draw(3000, 7)[0][:40]).all()


def test_trees_vote_as_lightgbm_does() -> None:
    """Its text becomes arrays; what is hidden goes where it sends what is missing."""
    g = np.random.default_rng(1)
    x = g.integers(0, 12, (4000, 3)).astype(np.float32)
    hidden = g.random(x.shape) < 0.3
    hidden[:, 2] = False
    x[hidden] = np.nan
    y = (np.nan_to_num(x[:, 0], nan=9) + x[:, 2] + g.normal(0, 2, 4000) > 11).astype(np.float32)
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_leaves": 15, "num_threads": 1},
        lightgbm.Dataset(x, y, init_score=np.zeros(4000)),
        20,
    )
    votes = parsed(booster.model_to_string())
    # Symbol 1 of a digit of two, whose only halving has all these trees.
    halvings = Halvings.of([np.ones(12), np.ones(12), np.ones(12), np.array([1, 1])])
    whole, nothing = np.arange(len(halvings.digit)), np.zeros(len(halvings.digit), dtype=np.int64)
    last = np.where(whole == whole[-1], len(votes.feature), 0)
    cascade = Cascade(np.array([12, 12, 12, 2]), np.arange(4), halvings, nothing, last, votes)
    for shown in ({2}, {0, 2}, {1, 2}, {0, 1, 2}):
        rows = g.integers(0, 12, (200, 3))
        cells = np.where([k in shown for k in range(3)], rows, np.nan)
        allowed = np.full((200, 4), EVERY)
        allowed[:, list(shown)] = np.uint64(1) << rows[:, list(shown)].astype(np.uint64)
        allowed[:, 3] = 0b10
        # Shown digits are told by their halves alone: each symbol has one twelfth.
        told = np.exp(cascade.draw(200, 0, allowed)[1]) * 12.0 ** len(shown)
        np.testing.assert_allclose(told, booster.predict(cells), rtol=1e-5)


@pytest.fixture(scope="module")
def table() -> Dataset:
    return towns_data()


@pytest.fixture(scope="module")
def model(table: Dataset) -> TableModel:
    fitted = ForestFlow(refine=0).fit(table, rng=Rng(0))
    assert isinstance(fitted, TableModel)
    return fitted


TOWN_OF = {"baker": "Graz", "cook": "Linz", "smith": "Wels"}


def _agree(made: pl.DataFrame) -> float:
    return float((made["job"].replace_strict(TOWN_OF) == made["town"]).to_numpy().mean())


def _paid(made: pl.DataFrame) -> float:
    jobs = (made["pay"] // 1000).replace_strict({1: "baker", 2: "cook", 3: "smith"})
    return float((jobs == made["job"]).to_numpy().mean())


def test_columns_that_depend_on_each_other_do_so_in_its_rows(model: TableModel) -> None:
    made = model.sample(2000, rng=Rng(0)).frame
    assert _agree(made) == pytest.approx(0.9, abs=0.04)
    assert _paid(made) > 0.95


@pytest.mark.parametrize("column", ["pay", "coin", "town"])
def test_any_column_may_be_given_and_the_others_follow(model: TableModel, column: str) -> None:
    given = model.sample(1000, rng=Rng(1)).frame.select(column)
    made = model.sample(rng=Rng(2), known=Known(given)).frame
    assert made.select(column).equals(given)
    assert _agree(made) == pytest.approx(0.9, abs=0.05)
    assert _paid(made) > 0.95


def test_conditions_hold_and_the_others_follow(model: TableModel) -> None:
    where = (Condition("pay", low=3000),)
    made = model.sample(600, rng=Rng(3), known=Known(where=where)).frame
    assert made["pay"].min() >= 3000  # type: ignore[operator]
    assert (made["job"] == "smith").mean() > 0.97
    assert (made["town"] == "Wels").mean() == pytest.approx(0.9, abs=0.06)


def test_a_saved_model_tells_the_same_likelihoods(
    model: TableModel, table: Dataset, tmp_path: Path
) -> None:
    told = model.log_density(table)
    assert told is not None
    again, _ = load(save(model, tmp_path / "m.neotype"))
    np.testing.assert_array_equal(again.log_density(table), told)
    # Town and coin take 1.1 and .69 nats, the job .33, and one of eight pays 2.08: 4.2.
    assert told.mean() == pytest.approx(-4.2, abs=0.15)


def test_it_stops_on_time_and_shows_its_loss(table: Dataset) -> None:
    notes: list[str] = []

    def tell(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "train":
            notes.append(note)

    made = ForestFlow(refine=0, seconds=1e-6).fit(table, rng=Rng(0), progress=tell)
    hurried = [float(n.removeprefix("loss ")) for n in notes]
    notes.clear()
    ForestFlow(refine=0, rounds=10).fit(table, rng=Rng(0), progress=tell)
    loss = [float(n.removeprefix("loss ")) for n in notes]
    assert "as was asked" in made.describe()[0]
    assert made.sample(50, rng=Rng(0)).rows == 50
    assert len(loss) == 4
    assert loss[-1] < hurried[-1] - 0.3


class Stopped(KeyboardInterrupt):
    """Ctrl-C."""


def _interrupted(recipe: ForestFlow, table: Dataset) -> None:
    def tell(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "train" and done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        recipe.fit(table, rng=Rng(0), progress=tell)


def test_an_interrupted_run_goes_on_to_the_flow_of_one_that_was_not(
    table: Dataset, model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = ForestFlow(refine=0, checkpoint=str(tmp_path / "kept" / "run"))
    _interrupted(recipe, table)
    learnt: list[int] = []
    digit = _Learning._digit

    def watched(self: _Learning, number: int) -> Any:
        learnt.append(number)
        return digit(self, number)

    monkeypatch.setattr(_Learning, "_digit", watched)
    resumed = recipe.fit(table, rng=Rng(0))
    assert sorted(learnt) == [2, 3]
    whole, again = model.log_density(table), resumed.log_density(table)
    assert whole is not None
    assert again is not None
    np.testing.assert_array_equal(again, whole)


def test_what_was_hurried_is_learnt_anew_where_there_is_time(
    table: Dataset, model: TableModel, tmp_path: Path
) -> None:
    file = str(tmp_path / "run")
    ForestFlow(refine=0, seconds=1e-6, checkpoint=file).fit(table, rng=Rng(0))
    longer = ForestFlow(refine=0, checkpoint=file).fit(table, rng=Rng(0)).log_density(table)
    whole = model.log_density(table)
    assert longer is not None
    assert whole is not None
    np.testing.assert_array_equal(longer, whole)


@pytest.mark.parametrize("other", ["data", "settings", "seed", "file"])
def test_a_checkpoint_of_another_run_is_refused(table: Dataset, tmp_path: Path, other: str) -> None:
    file = tmp_path / "run"
    ForestFlow(refine=0, rounds=1, checkpoint=str(file)).fit(table, rng=Rng(0))
    if other == "file":
        file.write_bytes(file.read_bytes()[:-40])
    if other == "data":
        frame = table.frame.reverse()
        table = Dataset(infer_schema({"t": frame}), {"t": frame})
    recipe = ForestFlow(refine=0, rounds=2 if other == "settings" else 1, checkpoint=str(file))
    said = "damaged" if other == "file" else "other data or other settings"
    with pytest.raises(FitError, match=said):
        recipe.fit(table, rng=Rng(1 if other == "seed" else 0))


def test_odd_tables_are_learnt() -> None:
    g = np.random.default_rng(3)
    for frame in (
        pl.DataFrame({"only": g.normal(size=300)}),
        pl.DataFrame({"same": ["x"] * 300, "none": [None] * 300}),
        pl.DataFrame({"a": [1, 2, 2, 3, 1], "b": ["x", "y", "x", "y", "y"]}),
        pl.DataFrame({"name": [f"n{i}" for i in range(5000)], "a": g.integers(0, 9, 5000)}),
    ):
        data = Dataset(infer_schema({"t": frame}), {"t": frame})
        made = ForestFlow(rounds=10).fit(data, rng=Rng(0)).sample(40, rng=Rng(0)).frame
        assert made.schema == frame.schema
        assert made.height == 40


def test_a_wide_table_is_learnt_from_fewer_cells() -> None:
    g = np.random.default_rng(4)
    base = g.integers(0, 2, 1500)
    frame = pl.DataFrame({f"c{k}": base ^ (g.random(1500) < 0.1) for k in range(24)})
    data = Dataset(infer_schema({"t": frame}), {"t": frame})
    recipe = ForestFlow(refine=0, width=8, cells=200_000, rounds=60)
    made = recipe.fit(data, rng=Rng(0)).sample(500, rng=Rng(0)).frame
    agree = (frame["c3"] == frame["c20"]).mean(), (made["c3"] == made["c20"]).mean()
    assert agree[1] == pytest.approx(agree[0], abs=0.08)


@pytest.mark.parametrize(
    "wrong", [{"rounds": 0}, {"leaves": 1}, {"leaves": 128}, {"shuffled": 1.5}, {"rate": 0.0}]
)
def test_what_cannot_be_a_recipe_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SchemaError, match=f"forest_flow: .*{next(iter(wrong))}"):
        ForestFlow(**wrong)  # type: ignore[arg-type]
