"""A budget without δ: Laplace noise and choices alone, and labels that are declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.dp.audit import audit
from neotype.dp.budget import Budget
from neotype.dp.guarantee import Guarantee
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.errors import BudgetError, BudgetExceededError, FitError
from neotype.plan import make_plan
from neotype.schema.schema import Schema
from neotype.schema.typed import typed_schema
from strategies import TABLES

EXAMPLE = Path(__file__).parent.parent / "examples" / "adult.parquet"


def door(epsilon: float = 1.0, **said: Any) -> Mechanism:
    return Mechanism(Ledger(Budget(epsilon, **said)))


@pytest.fixture(scope="module")
def adult() -> pl.DataFrame:
    return pl.read_parquet(EXAMPLE)


@pytest.fixture(scope="module")
def public(adult: pl.DataFrame) -> Schema:
    """What anyone could write who never saw the rows: which labels there are."""
    schema = typed_schema({"adult": adult})
    columns = {
        name: column.model_copy(update={"values": tuple(adult[name].drop_nulls().unique().sort())})
        if column.kind == "categorical"
        else column
        for name, column in schema.columns.items()
    }
    table = schema.table.model_copy(update={"columns": columns})
    return schema.model_copy(update={"tables": {"adult": table}})


@pytest.mark.fresh_noise
class TestMechanism:
    def test_noise_is_of_laplace_as_wide_as_the_price_says(self) -> None:
        mechanism = door()
        noisy, sigma = mechanism.counts(np.zeros(4_000, np.int64), rho=0.25, purpose="counts")
        assert sigma == pytest.approx(4 * 2**0.5, rel=0.01)
        assert noisy.std() == pytest.approx(sigma, rel=0.1)
        assert np.abs(noisy).mean() == pytest.approx(4, rel=0.1)  # .8 sigma if it were Gaussian
        assert mechanism.ledger.left == pytest.approx(0.75)

    @pytest.mark.parametrize("tables", [1, 2, 3, 7, 105])
    def test_tables_at_once_cost_as_much_as_one_by_one(self, tables: int) -> None:
        mechanism = door()
        together = mechanism.sigma(rho=0.7, sensitivity=tables**0.5)
        assert together == pytest.approx(mechanism.sigma(rho=0.7 / tables))

    def test_units_and_swaps_are_multiplied_in(self) -> None:
        alone = door().sigma(rho=0.01)
        many = door(neighbors="replace", unit="person", at_most=5).sigma(rho=0.01)
        assert many == pytest.approx(10 * alone, rel=1e-3)

    def test_scores_and_choices_are_paid_in_epsilon(self) -> None:
        mechanism = door()
        scores, sigma = mechanism.scores(
            np.zeros(2_000), rho=0.5, sensitivity=2_000**0.5, purpose="scores"
        )
        assert sigma == pytest.approx(2_000 / 0.5 * 2**0.5, rel=0.05)
        assert scores.std() == pytest.approx(sigma, rel=0.15)
        place = mechanism.choose(
            np.array([0.0, 900.0, 0.0]), rho=0.1, sensitivity=1.0, purpose="choice"
        )
        assert place == 1
        assert [step.event for step in mechanism.ledger.steps] == ["laplace", "exponential"]
        assert mechanism.ledger.left == pytest.approx(0.4)

    def test_what_is_not_left_is_not_drawn(self) -> None:
        mechanism = door()
        with pytest.raises(BudgetExceededError):
            mechanism.counts(np.zeros(3, np.int64), rho=1.1, purpose="counts")
        with pytest.raises(BudgetError, match="needs a delta"):
            mechanism.histogram(["a"], np.array([5]), rho=0.1, delta=1e-9, purpose="labels")
        assert not mechanism.ledger.steps

    @pytest.mark.parametrize("broken", [False, True])
    def test_an_attack_finds_no_more_than_is_claimed(self, broken: bool) -> None:
        def release(counts: Any) -> Any:
            mechanism = door(8.0)
            return mechanism.counts(counts, rho=1.0 * (4 if broken else 1), purpose="audit")[0]

        found = audit(release, np.array([12, 4]), np.array([12, 5]), runs=1_000, delta=0.0)
        assert found.refutes(epsilon=1.0) is broken


@pytest.mark.parametrize("strategy", TABLES)
def test_every_strategy_spends_epsilon_and_nothing_else(
    adult: pl.DataFrame, public: Schema, strategy: str
) -> None:
    frame = adult[:6_000, ["age", "sex", "education", "income"]]
    columns = {name: public.columns[name] for name in frame.columns}
    table = public.table.model_copy(update={"columns": columns})
    schema = public.model_copy(update={"tables": {"adult": table}})
    model = nt.fit(frame, "income", epsilon=2.0, delta=0, schema=schema, synthesizer=strategy)
    told = Guarantee.restore(model.facts["privacy"])
    assert {step.event for step in told.steps} <= {"laplace", "exponential"}
    assert told.delta == 0
    assert told.rho is None
    assert 1.98 < sum(step.price for step in told.steps) <= 2
    assert model.sample(200).height == 200


def test_adult_from_end_to_end(adult: pl.DataFrame, public: Schema, tmp_path: Path) -> None:
    model = nt.fit(adult, "income", epsilon=2.0, delta=0, schema=public)
    sentence = Guarantee.restore(model.facts["privacy"]).sentence()
    assert sentence.startswith("Purely differentially private with ε = 2 for adding or removing")
    assert "δ" not in sentence
    made = nt.load(model.save(tmp_path / "pure.neotype")).sample(8_000, seed=1)
    assert abs(made.height / model.facts["rows"] - 8_000 / adult.height) < 0.1
    for frame in (adult, made):
        share = dict(frame.group_by("sex").agg((pl.col("income") == ">50K").mean()).iter_rows())
        assert share["Male"] - share["Female"] > 0.1
    assert made["age"].max() < 200
    assert abs(made["age"].mean() - adult["age"].mean()) < 3


def test_labels_that_nobody_declared_are_refused_by_the_schema_alone(adult: pl.DataFrame) -> None:
    told = []
    for frame in (adult[:500], adult[500:900].with_columns(sex=pl.lit("canary"))):
        with pytest.raises(FitError, match="needs a delta") as fault:
            nt.fit(frame, epsilon=1.0, delta=0)
        told.append(str(fault.value))
    assert told[0] == told[1]
    assert "'education'" in told[0]
    assert "'age'" not in told[0]
    assert "list their values" in told[0]


def test_a_plan_may_ask_for_it() -> None:
    facts = {"source": "a.csv", "output": "out", "budget": {"epsilon": 1, "delta": 0}}
    plan = make_plan(facts, "the plan")
    assert plan.budget is not None
    assert plan.budget.budget().delta is None
    assert Budget(1.0).delta is None
