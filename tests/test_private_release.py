"""What leaves the house of a model that was learnt within a budget, and on which rows it rests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype.asking import made_by
from neotype.cli import app
from neotype.dp.budget import Budget
from neotype.dp.guarantee import Guarantee
from neotype.errors import BudgetError, DataError, SchemaError
from neotype.plan import make_plan
from neotype.report.report import Report
from neotype.synth.private.again import Again

ROWS = 1_500


def people(rows: int = ROWS, seed: int = 3) -> pl.DataFrame:
    draw = np.random.Generator(np.random.PCG64(seed))
    age = draw.integers(17, 91, rows)
    return pl.DataFrame(
        {
            "age": age,
            "school": draw.choice(["primary", "secondary", "university"], rows),
            "pay": draw.integers(0, 90_000, rows),
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
        assert abs(report.rows["train"] - model.facts["rows"]) < 400

    def test_how_few_rows_are_apart_is_not_told(self) -> None:
        """An error that depends on the number of private rows would tell it for free."""
        for rows in (1, 30):
            assert nt.fit(people(rows), epsilon=500.0, holdout=0.25).facts["holdout"]

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


def said(*words: object) -> str:
    made = CliRunner().invoke(app, [str(word) for word in words])
    assert made.exit_code == 0, made.output
    return " ".join(made.output.split())


class TestPublish:
    def test_a_bundle_has_the_guarantee_and_no_score(self, model: Any, tmp_path: Path) -> None:
        model.save(tmp_path / "m.neotype")
        told = said("publish", tmp_path / "m.neotype", "-o", tmp_path / "out", "-n", 400)
        assert "ε = 2" in told
        assert "No score is told" in told
        made = {path.name for path in (tmp_path / "out").iterdir()}
        rows = next(name for name in made if name.startswith("synthetic"))
        assert made == {rows, "model.neotype", "report.html", "report.json", "report.md"}
        assert pl.read_parquet(tmp_path / "out" / rows).height == 400
        report = Report.read(tmp_path / "out" / "report.json")
        assert (report.scores, report.marginals, report.rows) == ((), (), {"synthetic": 400})
        assert report.guarantee == Guarantee.restore(model.facts["privacy"])
        assert report.facts.plan["seed"] == 0
        page = (tmp_path / "out" / "report.html").read_text()
        assert "not covered by ε" not in page
        assert 'id="columns"' not in page

    def test_what_is_published_follows_from_the_model_alone(
        self, model: Any, tmp_path: Path
    ) -> None:
        """So nothing in it can have read a row again."""
        path = model.save(tmp_path / "m.neotype")
        one = nt.publish(model, tmp_path / "one", rows=50, seed=3)
        two = nt.publish(path, tmp_path / "two", rows=50, seed=3)
        assert one.synthetic.equals(two.synthetic)
        facts = [done.report.to_facts() | {"made": ""} for done in (one, two)]
        assert facts[0] == facts[1]

    def test_scores_are_of_public_rows(self, model: Any, tmp_path: Path) -> None:
        public = people(600, seed=9)
        done = nt.publish(model, tmp_path / "out", public=public, rows=600)
        axes = {score.axis for score in done.report.scores if score.value is not None}
        assert axes == {"fidelity", "utility"}
        assert done.report.rows == {"synthetic": 600, "public": 600}
        assert "they may be published with the table" in done.report.verdict
        assert "opying" not in done.report.verdict
        again = nt.evaluate(done.synthetic, public=public, model=model)
        assert again.scores == done.report.scores

    def test_other_models_promise_nothing(self, tmp_path: Path) -> None:
        plain = nt.fit(people(), refine=0)
        with pytest.raises(BudgetError, match="nothing is promised"):
            nt.publish(plain, tmp_path / "out")

    def test_public_rows_say_nothing_of_who_was_learnt(self, model: Any) -> None:
        rows, public = model.sample(100), people(100, seed=9)
        with pytest.raises(SchemaError, match="exact_copies: asks who was learnt"):
            nt.evaluate(rows, public=public, model=model, metrics=["shape", "exact_copies"])
        with pytest.raises(DataError, match="so are: train, claim"):
            nt.evaluate(rows, public=public, train=people(), claim=1.0)
        with pytest.raises(DataError, match="or public rows"):
            nt.evaluate(rows)

    def test_from_the_command_line(self, model: Any, tmp_path: Path) -> None:
        model.sample(300).write_parquet(tmp_path / "rows.parquet")
        people(300, seed=9).write_parquet(tmp_path / "public.parquet")
        path = model.save(tmp_path / "m.neotype")
        words = ["evaluate", tmp_path / "rows.parquet", "--public", tmp_path / "public.parquet"]
        told = said(*words, "--model", path, "--metric", "shape")
        assert "they may be published" in told
        assert "not covered" not in told


class TestRun:
    def plan(self, folder: Path, **more: Any) -> dict[str, Any]:
        people().write_csv(folder / "people.csv")
        people(200, seed=9).write_csv(folder / "public.csv")
        told = {"source": folder / "people.csv", "output": folder / "out", "budget": 1}
        return {**told, "metrics": ["shape", "exact_copies"], **more}

    def test_there_is_a_report_for_everybody(self, tmp_path: Path) -> None:
        done = nt.run(self.plan(tmp_path))
        opened = Report.read(done.paths["public_json"])
        assert (opened.scores, opened.facts.timings, opened.marginals) == ((), {}, ())
        counts = {str(done.report.rows["train"]), str(done.report.rows["holdout"])}
        for name in ("public_json", "public_card"):
            told = done.paths[name].read_text()
            assert not any(f" {count} " in told for count in counts)
        assert "not covered by ε" in done.paths["card"].read_text()

    def test_a_public_holdout_gives_scores_to_it(self, tmp_path: Path) -> None:
        told = self.plan(tmp_path, holdout=tmp_path / "public.csv", holdout_public=True)
        done = nt.run(told)
        opened = Report.read(done.paths["public_json"])
        assert [score.metric for score in opened.scores] == ["shape"]
        assert opened.rows["public"] == 200

    @pytest.mark.parametrize(
        ("more", "says"),
        [({"holdout": 0.25}, "share of the source"), ({"budget": None}, "no budget")],
    )
    def test_rows_of_the_source_are_not_public(self, more: dict[str, Any], says: str) -> None:
        told = {"source": "a.csv", "output": "out", "budget": 1, "holdout": "b.csv"}
        with pytest.raises(SchemaError, match=says):
            make_plan({**told, "holdout_public": True, **more}, "the plan")


def test_tables_compared_say_whose_model_promises_what(model: Any, tmp_path: Path) -> None:
    tables = {"ours": model.sample(200, seed=1), "theirs": model.sample(200, seed=2)}
    sides = {"train": people(), "holdout": people(200, seed=9), "metrics": "shape"}
    done = nt.compare(tables, **sides, models={"ours": model})
    promises = {one.table: one.promise for one in done.ranking}
    assert "ε = 2" in promises["ours"]
    assert promises["theirs"] == ""
    for write, name in ((done.to_html, "c.html"), (done.to_markdown, "c.md")):
        told = write(tmp_path / name).read_text()
        assert "ε = 2" in told
        assert "not covered by ε" in told
    assert json.loads(done.to_json(tmp_path / "c.json").read_text())["ranking"]
    with pytest.raises(DataError, match="'our'"):
        nt.compare(tables, **sides, models={"our": model})


def test_what_several_columns_cost_alike_is_told_once(model: Any) -> None:
    guarantee = Guarantee.restore(model.facts["privacy"])
    assert len(guarantee.payments) < len(guarantee.steps)
    assert sum(step.price for step in guarantee.payments) == pytest.approx(
        sum(step.price for step in guarantee.steps)
    )
    assert "the labels of column 'school'" in guarantee.sentence()
    assert "the bounds of each of 2 columns (" in guarantee.sentence()
