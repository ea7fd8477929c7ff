"""`fit` within a privacy budget: what comes out, what is promised, and what is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.dp.guarantee import Guarantee
from neotype.errors import BudgetError, ColumnNotFoundError, SchemaError
from neotype.registry import names
from strategies import quick

ROWS = 6_000


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    """Income follows from age and education; a seventh of the ages are missing."""
    draw = np.random.Generator(np.random.PCG64(3))
    age = draw.integers(17, 91, ROWS)
    school = draw.choice(["primary", "secondary", "university"], ROWS, p=[0.3, 0.5, 0.2])
    odds = (age - 50) / 15 + 2.0 * (school == "university") - 1
    rich = draw.random(ROWS) < 1 / (1 + np.exp(-odds))
    return pl.DataFrame(
        {
            "age": pl.Series(age).set(pl.Series(draw.random(ROWS) < 1 / 7), None),
            "school": school,
            "wage": np.round(np.exp(draw.normal(10 + rich, 0.4)), 2),
            "born": np.datetime64("2024-06-01") - (age * 365).astype("timedelta64[D]"),
            "rich": rich,
        }
    )


@pytest.fixture(scope="module")
def model(people: pl.DataFrame) -> Any:
    return nt.fit(people, "rich", epsilon=2.0)


def test_rows_look_like_those_that_were_learnt(people: pl.DataFrame, model: Any) -> None:
    made = model.sample(seed=1)
    assert made.columns == people.columns
    assert [made[c].dtype for c in made.columns] == [people[c].dtype for c in people.columns]
    assert abs(made.height - people.height) < 300
    assert abs(made["age"].null_count() / made.height - 1 / 7) < 0.05
    for frame in (people, made):
        share = frame.group_by("school").agg(pl.col("rich").mean())
        rich = dict(share.filter(pl.col("school").is_not_null()).iter_rows())
        assert rich["university"] - rich["primary"] > 0.2
    assert abs(made["wage"].median() / people["wage"].median() - 1) < 0.15


def test_the_promise_is_a_sentence_and_goes_with_the_file(tmp_path: Path, model: Any) -> None:
    told = Guarantee.restore(model.facts["privacy"])
    assert told.epsilon == 2.0
    assert told.delta == 1e-6
    assert sum(step.price for step in told.steps) <= (told.rho or 0) * (1 + 1e-9)
    assert "ε = 2" in told.sentence()
    model.save(tmp_path / "people.neotype")
    again = nt.load(tmp_path / "people.neotype")
    assert again.facts["privacy"] == model.facts["privacy"]
    assert again.sample(500, seed=4).equals(model.sample(500, seed=4))


def test_conditions_are_met(model: Any) -> None:
    made = model.sample(400, where={"school": "university", "age": "60.."}, seed=2)
    assert (made["school"] == "university").all()
    assert (made["age"] >= 60).all()
    assert made["rich"].mean() > model.sample(2_000, seed=2)["rich"].mean()


def test_noise_does_not_follow_the_seed(people: pl.DataFrame) -> None:
    one, two = (nt.fit(people, epsilon=1.0, seed=5).sample(800, seed=5) for _ in range(2))
    assert not one.equals(two)


@pytest.mark.parametrize("strategy", names("strategy"))
def test_every_strategy_makes_rows_within_its_budget(people: pl.DataFrame, strategy: str) -> None:
    model = nt.fit(people, epsilon=1.0, synthesizer=strategy, **quick(strategy))
    assert model.sample(300).height == 300
    told = Guarantee.restore(model.facts["privacy"])
    assert 0.99 < sum(step.price for step in told.steps) / (told.rho or 0) <= 1


def test_rows_of_one_entity_are_protected_together(people: pl.DataFrame) -> None:
    owned = people.with_columns(owner=pl.Series(np.arange(ROWS) // 3))
    model = nt.fit(owned, epsilon=2.0, unit="owner", at_most=2)
    assert abs(model.facts["rows"] - ROWS * 2 / 3) < 400
    assert "owner" in Guarantee.restore(model.facts["privacy"]).sentence()


@pytest.mark.parametrize("epsilon", [0, -1, float("nan"), float("inf")])
def test_an_epsilon_that_is_none_is_refused(people: pl.DataFrame, epsilon: float) -> None:
    with pytest.raises(BudgetError, match="epsilon"):
        nt.fit(people, epsilon=epsilon)


def test_what_would_read_rows_for_free_is_refused(people: pl.DataFrame) -> None:
    with pytest.raises(BudgetError, match="orphans"):
        nt.fit(people, epsilon=1.0, orphans="drop")
    with pytest.raises(BudgetError, match="no epsilon"):
        nt.fit(people, delta=1e-6)
    with pytest.raises(BudgetError, match=r"1 / \d+ rows"):
        nt.fit(people, epsilon=1.0, delta=0.01)
    with pytest.raises(ColumnNotFoundError, match="patient"):
        nt.fit(people, epsilon=1.0, unit="patient", at_most=2)
    with pytest.raises(BudgetError, match="trees"):
        nt.fit(people, epsilon=1.0, synthesizer="trees")
    with pytest.raises(SchemaError, match="several tables"):
        nt.fit({"a": people, "b": people}, epsilon=1.0)


def test_a_label_of_one_person_does_not_come_out(people: pl.DataFrame) -> None:
    canary = people.with_columns(
        school=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("canary")).otherwise("school"),
        wage=pl.when(pl.int_range(pl.len()) == 7).then(9e12).otherwise("wage"),
    )
    made = nt.fit(canary, epsilon=10.0).sample(20_000)
    assert "canary" not in made["school"].unique().to_list()
    assert made["wage"].max() < 9e11


def test_labels_of_a_pandas_category_are_paid_for(people: pl.DataFrame, tmp_path: Path) -> None:
    frame = people.select("age", "school").to_pandas()
    rare = frame["school"].where(frame.index >= 8, "canary")  # eight rows are not enough for noise
    model = nt.fit(frame.assign(school=rare.astype("category")), epsilon=0.5)
    model.save(tmp_path / "people.neotype")
    with zipfile.ZipFile(tmp_path / "people.neotype") as file:
        assert not any(b"canary" in file.read(name) for name in file.namelist())
    assert set(model.sample(200)["school"].dropna()) <= {"primary", "secondary", "university"}
