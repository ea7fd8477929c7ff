"""A budget on the whole journey: the plan, the comparison, the report, the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype import pipeline
from neotype.cli import app
from neotype.dp.budget import Budget
from neotype.dp.guarantee import Guarantee
from neotype.errors import BudgetError, SchemaError
from neotype.intake import budgeted
from neotype.plan import Plan, make_plan, read_plan
from neotype.policy.judge import judge
from neotype.policy.policy import read_policy
from neotype.report.report import Report
from neotype.source import read

ROWS = 2_000
QUICK = ["shape", "exact_copies", "epsilon_audit"]


def people(rows: int = ROWS) -> pl.DataFrame:
    draw = np.random.Generator(np.random.PCG64(3))
    age = draw.integers(17, 91, rows)
    return pl.DataFrame(
        {
            "person": np.arange(rows) // 4,
            "age": age,
            "school": draw.choice(["primary", "secondary", "university"], rows),
            "rich": draw.random(rows) < age / 100,
        }
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.csv"
    people().drop("person").write_csv(path)
    return path


@pytest.fixture(scope="module")
def result(source: Path) -> Any:
    """A run within a budget, with a policy that says what it asks of a guarantee."""
    plan = {"source": source, "output": source.parent / "out", "metrics": QUICK}
    return nt.run({**plan, "target": "rich", "budget": {"epsilon": 2, "delta": 1e-7}})


class TestPlan:
    def test_an_epsilon_alone_is_a_budget_and_names_a_strategy(self) -> None:
        plan = make_plan({"source": "a.csv", "output": "out", "budget": 1}, "the plan")
        assert plan.budget is not None
        assert plan.budget.budget() == Budget(1.0, 1e-6)
        assert plan.synthesizer.name == "auto"

    def test_it_is_written_and_read_again(self, tmp_path: Path) -> None:
        budget = {"epsilon": 0.5, "neighbors": "replace", "unit": "person", "at_most": 3}
        facts = {"source": tmp_path / "a.csv", "output": tmp_path, "budget": budget}
        plan = make_plan({**facts, "synthesizer": "mst"}, "the plan")
        (tmp_path / "plan.yaml").write_text(plan.to_yaml(tmp_path))
        again = read_plan(tmp_path / "plan.yaml")
        assert again.budget == plan.budget
        assert again.synthesizer == plan.synthesizer

    def test_an_option_goes_before_what_the_plan_says(self) -> None:
        plain = Plan(source=Path("a.csv"), output=Path("out"))
        assert plain.with_changes(budget={"epsilon": 1}).synthesizer.name == "auto"
        named = make_plan({**plain.model_dump(by_alias=True), "synthesizer": "trees"}, "it")
        with pytest.raises(BudgetError, match="trees"):
            named.with_changes(budget={"epsilon": 1})

    @pytest.mark.parametrize(
        ("budget", "says"),
        [
            (0, "above 0"),
            ({"epsilon": 1, "delta": 2}, "between 0 and 1"),
            ({"epsilon": 1, "unit": "row", "at_most": 2}, "at_most is 2"),
            ({"epsilon": 1, "dleta": 0.1}, "not a setting"),
        ],
    )
    def test_a_budget_that_is_none(self, budget: Any, says: str) -> None:
        with pytest.raises(SchemaError, match=says):
            make_plan({"source": "a.csv", "output": "out", "budget": budget}, "the plan")

    @pytest.mark.parametrize(
        "beside",
        [{"treat": {"zip": "drop"}}, {"orphans": "drop"}, {"entity": "person"}],
    )
    def test_what_would_read_rows_for_free_is_refused(self, beside: dict[str, Any]) -> None:
        with pytest.raises(BudgetError, match=next(iter(beside))):
            make_plan({"source": "a.csv", "output": "out", "budget": 1, **beside}, "the plan")


class TestSplit:
    @pytest.mark.parametrize("unit", ["row", "person"])
    def test_a_unit_more_changes_no_side_of_another(self, unit: str) -> None:
        """Else the guarantee would be for the rows that were learnt, and not for all."""
        whole = people().drop("person") if unit == "row" else people()
        fewer = whole.slice(1) if unit == "row" else whole.filter(pl.col("person") != 7)
        budget = Budget(1.0, 1e-6, unit=unit, at_most=1 if unit == "row" else 4)
        sides = []
        for frame in (whole, fewer):
            given = read(frame)
            data = budgeted(given, None, budget, None)
            split = pipeline.split_apart(given, data, 0.25, 5, budget)
            sides.append((split.train.frame, split.holdout.frame))
        lost = whole.height - fewer.height
        changed = 0
        for before, after in zip(*sides, strict=True):
            counts = [side.group_by(side.columns).len() for side in (before, after)]
            both = counts[0].join(counts[1], on=before.columns, how="full", nulls_equal=True)
            gone = both["len"].fill_null(0) - both["len_right"].fill_null(0)
            assert gone.min() >= 0
            changed += gone.sum()
        assert changed == lost
        assert abs(sides[0][1].height / whole.height - 0.25) < 0.05

    def test_no_more_rows_of_a_person_are_learnt_than_said(self) -> None:
        given = read(people())
        data = budgeted(given, None, Budget(1.0, 1e-6, unit="person", at_most=3), None)
        assert data.frame.group_by("person").len()["len"].unique().to_list() == [3]


class TestRun:
    def test_rows_come_from_a_model_that_is_paid_for(self, result: Any) -> None:
        told = Guarantee.restore(result.model.facts["privacy"])
        assert (told.epsilon, told.delta) == (2.0, 1e-7)
        learnt = result.report.rows["train"]
        assert 0 < abs(result.synthetic.height - ROWS * 0.75) < 300
        assert learnt + result.report.rows["holdout"] == ROWS
        # The exact number of rows, and a fingerprint of them, are facts about them.
        assert result.model.facts["rows"] == result.synthetic.height
        assert "of" not in result.model.facts["holdout"]

    def test_from_the_command_line(self, source: Path) -> None:
        words = ["run", str(source), "--epsilon", "1", "-o", str(source.parent / "cli")]
        made = CliRunner().invoke(app, [*words, "--holdout", ".5", "--set", "pairs=4"])
        assert "auto" in made.output + made.stderr  # which has no such setting
        plan = source.parent / "plan.yaml"
        plan.write_text("source: people.csv\noutput: cli\nbudget: 1\nmetrics: [shape]\n")
        made = CliRunner().invoke(app, ["run", str(plan), "--epsilon", "3", "--json"])
        assert made.exit_code == 0, made.output
        model = nt.load(source.parent / "cli" / "model.neotype")
        assert model.facts["privacy"]["epsilon"] == 3


class TestEvaluate:
    def test_the_model_lends_its_claim_and_the_scores_are_not_covered(
        self, result: Any, source: Path
    ) -> None:
        report = nt.evaluate(result.synthetic, train=source, model=result.model, metrics=QUICK)
        # The model notes no fingerprint, and divides the rows as the run did.
        assert report.rows == result.report.rows
        assert report.scores == result.report.scores
        audit = next(score for score in report.scores if score.metric == "epsilon_audit")
        assert audit.target == 2.0
        assert audit.detail["claim"]["neighbors"] == "add-remove"
        assert audit.detail["delta"] == 1e-7
        for said in (report.verdict, result.report.verdict):
            assert "computed from private rows and are not covered by ε" in said
            assert "no formal privacy guarantee" not in said

    def test_a_claim_that_nobody_looks_at_is_no_fault(self, result: Any, source: Path) -> None:
        report = nt.evaluate(result.synthetic, train=source, model=result.model, metrics="shape")
        assert "ε = 2" in report.verdict

    def test_it_is_printed(self, result: Any, source: Path) -> None:
        words = ["evaluate", str(result.paths["synthetic"]), "--train", str(source)]
        words += ["--model", str(result.paths["model"]), "--metric", "shape"]
        said = " ".join(CliRunner().invoke(app, words).output.split())
        assert "ε = 2" in said
        assert "not covered by ε" in said

    def test_rows_of_one_person_have_one_coin(self, tmp_path: Path) -> None:
        people().write_csv(tmp_path / "owned.csv")
        budget = {"epsilon": 3, "unit": "person", "at_most": 3, "neighbors": "replace"}
        facts = {"source": tmp_path / "owned.csv", "output": tmp_path / "out", "metrics": QUICK}
        made = nt.run({**facts, "budget": budget})
        audit = next(score for score in made.report.scores if score.metric == "epsilon_audit")
        assert audit.detail["claim"]["unit"] == "person"
        # One row of each of the 125 people or so who are held out.
        assert audit.detail["pairs"] < 170
        # Bounds for replacing one are not halved.
        assert audit.detail["replace_one_bound"] is None
        sides = made.report.rows
        assert sides["train"] + sides["holdout"] == ROWS * 3 / 4


class TestReport:
    def test_every_form_shows_what_is_promised(self, result: Any) -> None:
        sentence = Guarantee.restore(result.model.facts["privacy"]).sentence()
        again = Report.read(result.paths["json"])
        assert again.guarantee.sentence() == sentence
        assert sentence.split(". ")[0] in result.paths["report"].read_text()
        assert "## Guarantee" in result.paths["card"].read_text()
        assert "No formal guarantee" not in result.paths["report"].read_text()

    def test_inspect_shows_it_or_that_there_is_none(self, result: Any, tmp_path: Path) -> None:
        said = CliRunner().invoke(app, ["inspect", str(result.paths["model"])]).output
        assert " ".join(said.split()).count("Differentially private with ε = 2 and δ = 1e-07") == 1
        nt.fit(people(), refine=0).save(tmp_path / "plain.neotype")
        said = CliRunner().invoke(app, ["inspect", str(tmp_path / "plain.neotype")]).output
        assert "No formal privacy guarantee" in said


class TestPolicy:
    def ruling(self, result: Any, source: Path, **guarantee: Any) -> Any:
        told = {"train": source, "model": result.model, "metrics": "shape"}
        return nt.evaluate(
            result.synthetic, **told, policy={"name": "p", "guarantee": guarantee}
        ).ruling

    def test_a_guarantee_is_held_against_what_is_asked(self, result: Any, source: Path) -> None:
        assert self.ruling(result, source, epsilon_at_most=2, delta_at_most=1e-6).allowed
        assert not self.ruling(result, source, epsilon_at_most=1).allowed
        assert not self.ruling(result, source, epsilon_at_most=2, delta_at_most=1e-8).allowed

    def test_without_one_the_policy_says_what_happens(self) -> None:
        for missing, allowed in (("refuse", False), ("allow", True)):
            asked = {"epsilon_at_most": 1, "when_not_measured": missing}
            ruling = judge(read_policy({"name": "p", "guarantee": asked}), [])
            assert ruling is not None
            assert ruling.allowed is allowed
            assert "No formal privacy guarantee" in ruling.outcomes[0].words

    def test_public_asks_for_none_but_for_a_real_one(self) -> None:
        policy = read_policy("public")
        (vast,) = (
            outcome
            for outcome in judge(policy, [], claim=nt.Claim(50.0)).outcomes  # type: ignore[union-attr]
            if outcome.kind == "claim"
        )
        assert vast.refuses
