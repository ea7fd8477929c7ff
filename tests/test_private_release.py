"""What leaves the house of a model that was learnt within a budget, and on which rows it rests."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.asking import made_by
from neotype.dp.budget import Budget
from neotype.errors import DataError
from neotype.synth.private.again import Again

ROWS = 1_500


def people(rows: int = ROWS, seed: int = 3) -> pl.DataFrame:
    draw = np.random.Generator(np.random.PCG64(seed))
    age = draw.integers(17, 91, rows)
    return pl.DataFrame(
        {
            "age": age,
            "school": draw.choice(["primary", "secondary", "university"], rows),
            "rich": draw.random(rows) < age / 100,
        }
    )


@pytest.fixture(scope="module")
def model() -> Any:
    return nt.fit(people(), "rich", epsilon=2.0, holdout=0.25, seed=5)


class TestHoldout:
    def test_the_rows_can_be_divided_again(self, model: Any) -> None:
        """As `run` does: by each row's own hash, and no fingerprint of the data is noted."""
        assert model.facts["holdout"] == {"share": 0.25, "seed": 5}
        report = nt.evaluate(
            model.sample(500), train=people(), model=model, metrics=["shape", "exact_copies"]
        )
        assert report.rows["train"] + report.rows["holdout"] == ROWS
        assert abs(report.rows["train"] - model.facts["rows"]) < 60

    def test_how_few_rows_are_apart_is_not_told(self) -> None:
        """An error that depends on the number of private rows would tell it for free."""
        for rows in (1, 30):
            assert nt.fit(people(rows), epsilon=1.0, holdout=0.25).facts["holdout"]

    @pytest.mark.parametrize("share", [0, 1, 2, -0.5, float("nan"), "a", True])
    def test_a_share_that_is_none(self, share: Any) -> None:
        with pytest.raises(DataError, match="no share of the rows"):
            nt.fit(people(30), epsilon=1.0, holdout=share)


def test_shadow_models_spend_the_same_budget_again(model: Any) -> None:
    """So that a policy for publication can be held against a private model, too."""
    report = nt.evaluate(
        model.sample(1_000),
        train=people(),
        model=model,
        metrics="mia_shadow",
        deep=True,
        shadows=2,
    )
    (attack,) = report.scores
    assert attack.value is not None
    assert attack.detail["shadows"] == 2
    # It was told by the model alone which strategy, which budget and which target.
    recipe = made_by(model.facts)
    assert isinstance(recipe, Again)
    assert recipe.guarantee.budget == Budget(2.0, 1e-6)
    assert recipe.target == "rich"
