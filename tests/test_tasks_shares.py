"""Augmentation, parity and scenarios: shares are met, the rest follows, and costs are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype.api import FittedModel
from neotype.cli import app
from neotype.tasks.dealing import quotas


@pytest.fixture(scope="module")
def model(adult: pl.DataFrame) -> FittedModel:
    return nt.fit(adult, target="income", refine=0)


def test_classes_reach_their_share_by_adding_the_fewest_rows(adult: pl.DataFrame) -> None:
    made = nt.augment(adult, "income", {">50K": 0.5}, holdout=None, refine=0)
    rich, poor = ((adult["income"] == label).sum() for label in (">50K", "<=50K"))
    assert made.frame.height == 2 * poor
    assert made.frame.head(adult.height).equals(adult)
    assert (made.frame["income"] == ">50K").sum() == poor
    assert made.about.synthetic.sum() == poor - rich
    assert made.about.gain is None
    added = made.frame.tail(poor - rich)
    assert (added["income"] == ">50K").all()
    real = adult.filter(pl.col("income") == ">50K")
    assert abs(added["age"].mean() - real["age"].mean()) < 3


def test_classes_can_be_made_alike_and_synthetic_alone(adult: pl.DataFrame) -> None:
    made = nt.augment(
        adult, "race", "equal", holdout=None, synthetic_only=True, rows=1000, refine=0
    )
    assert set(made.frame["race"].value_counts()["count"]) == {200}


def test_a_class_hardly_seen_is_warned_of(adult: pl.DataFrame) -> None:
    few = adult.filter(pl.col("race") == "Other").height
    assert few < 50
    made = nt.augment(adult, "race", {"Other": 0.2}, holdout=None, refine=0)
    assert f"has {few} real rows, fewer than 50" in made.about.warnings[0]
    assert not nt.augment(
        adult, "race", {"Other": 0.2}, holdout=None, seen=3, refine=0
    ).about.warnings


def test_the_gain_is_measured_beside_what_is_free(
    adult: pl.DataFrame, adult_holdout: pl.DataFrame
) -> None:
    gain = nt.augment(adult, "income", {">50K": 0.5}, holdout=adult_holdout, refine=0).about.gain
    assert gain is not None
    assert gain.rows == 1000
    assert [way.name for way in gain.ways] == [
        *("real rows alone", "class weights", "rows repeated", "with made rows")
    ]
    assert all(0.8 < way.auc < 0.97 for way in gain.ways)
    assert gain.interval[0] < gain.ways[-1].pr_auc - gain.ways[0].pr_auc < gain.interval[1]
    assert "PR AUC goes from" in gain.verdict


def test_shares_that_cannot_be_are_refused(adult: pl.DataFrame) -> None:
    def ask(share: object, **more: object) -> None:
        nt.augment(adult, "income", share, holdout=None, refine=0, **more)

    with pytest.raises(nt.DataError, match="no real row has income=>50k"):
        ask({">50k": 0.5})
    with pytest.raises(nt.DataError, match="there is nothing to add"):
        ask({">50K": float((adult["income"] == ">50K").mean())})
    with pytest.raises(nt.SchemaError, match=r"add up to 1\.3"):
        ask({">50K": 0.6, "<=50K": 0.7})
    with pytest.raises(nt.SchemaError, match="add up to 1, and"):
        ask({">50K": 1.0})
    with pytest.raises(nt.SchemaError, match="follows from the shares"):
        ask({">50K": 0.5}, rows=10)
    with pytest.raises(nt.ColumnNotFoundError):
        nt.augment(adult, "incom", {">50K": 0.5})


def test_groups_have_the_outcome_equally_often(model: FittedModel) -> None:
    made = nt.balance(model, {"income": ">50K"}, "sex", rows=2000, seed=1)
    rates = dict(made.frame.group_by("sex").agg((pl.col("income") == ">50K").mean()).iter_rows())
    assert abs(rates["Male"] - rates["Female"]) < 0.002
    before, after = made.about.gap
    assert before > 0.1
    assert after < 0.002
    whole = model.sample(20_000)
    assert abs((made.frame["sex"] == "Male").mean() - (whole["sex"] == "Male").mean()) < 0.02
    told = nt.balance(model, {"income": ">50K"}, "sex", rows=2000, rate=0.5).frame
    assert (told["income"] == ">50K").mean() == pytest.approx(0.5, abs=0.001)


def test_groups_of_two_columns_are_named_and_small_ones_do_not_decide(model: FittedModel) -> None:
    made = nt.balance(model, {"income": ">50K"}, ["sex", "race"], rows=500, seed=1).about
    assert "sex=Male and race=White" in [group.name for group in made.groups]
    assert {"sex=Female and race=Other"} <= {group.name for group in made.small}
    large = [group.after for group in made.groups if group not in made.small]
    assert made.gap[1] == max(large) - min(large)


def test_conditional_parity_holds_within_strata(model: FittedModel) -> None:
    made = nt.balance(model, {"income": ">50K"}, "sex", within="education", rows=4000).frame
    rates = (
        made.group_by("education", "sex")
        .agg(rate=(pl.col("income") == ">50K").mean(), rows=pl.len())
        .filter(pl.col("rows") > 100)
    )
    apart = rates.group_by("education").agg(gap=pl.col("rate").max() - pl.col("rate").min())
    assert rates.height > 8
    assert apart["gap"].max() < 0.015
    assert rates["rate"].max() - rates["rate"].min() > 0.3  # education still counts


def test_the_cost_of_parity_is_told(model: FittedModel, adult_holdout: pl.DataFrame) -> None:
    made = nt.balance(model, {"income": ">50K"}, ["sex"], rows=4000, holdout=adult_holdout)
    assert made.about.cost is not None
    plain, fair = made.about.cost
    assert fair.gap < plain.gap
    assert 0.75 < fair.auc < plain.auc + 0.02
    assert set(plain.rates) == {"Male", "Female"}


def test_parity_that_cannot_be_asked_is_refused(model: FittedModel) -> None:
    with pytest.raises(nt.DataError, match="'fnlwgt' has"):
        nt.balance(model, {"income": ">50K"}, "fnlwgt", rows=100)
    with pytest.raises(nt.SchemaError, match="once"):
        nt.balance(model, {"income": ">50K"}, "income", rows=100)
    with pytest.raises(nt.SchemaError, match="no rate"):
        nt.balance(model, {"income": ">50K"}, "sex", rate=1.2, rows=100)


def test_shares_of_a_scenario_are_met_and_the_rest_follows(model: FittedModel) -> None:
    made = nt.scenario(model, {"age": {"65..": 0.4}, "sex": {"Female": 0.5}}, rows=2000)
    assert (made.frame["age"] >= 65).mean() == pytest.approx(0.4, abs=0.001)
    assert (made.frame["sex"] == "Female").mean() == pytest.approx(0.5, abs=0.001)
    assert made.frame["hours-per-week"].mean() < 39  # the old work less
    old = made.frame.filter(pl.col("age") >= 65)
    plain = model.sample(60_000).filter(pl.col("age") >= 65)
    assert abs(old["hours-per-week"].mean() - plain["hours-per-week"].mean()) < 2
    assert "hours-per-week" in [moved.column for moved in made.about.moved]
    assert {"age", "sex"}.isdisjoint(moved.column for moved in made.about.moved)
    assert 0.1 < made.about.effective < 0.5
    assert made.about.divergence > 0.3


def test_a_mean_is_shifted(model: FittedModel) -> None:
    made = nt.scenario(model, means={"age": 45}, rows=4000)
    assert made.frame["age"].mean() == pytest.approx(45, abs=0.4)
    (reached,) = made.about.reached
    assert reached.before == pytest.approx(38.7, abs=1)
    assert reached.asked == 45


def test_a_rare_condition_becomes_common(model: FittedModel, adult: pl.DataFrame) -> None:
    assert adult.filter(pl.col("education") == "1st-4th").height < 20
    made = nt.scenario(model, {"education": {"1st-4th": 0.3}}, rows=1000).frame
    assert (made["education"] == "1st-4th").sum() == 300


def test_what_contradicts_itself_is_refused(model: FittedModel) -> None:
    with pytest.raises(nt.SamplingError, match="cannot hold together"):
        nt.scenario(model, {"sex": {"Female": 0.6, "Male": 0.7}}, rows=100)
    with pytest.raises(nt.SamplingError, match="cannot have a mean of 200"):
        nt.scenario(model, means={"age": 200}, rows=100)
    with pytest.raises(nt.SchemaError, match="no share"):
        nt.scenario(model, {"sex": {"Female": 1.6}}, rows=100)
    with pytest.raises(nt.SchemaError, match="nothing is asked"):
        nt.scenario(model, rows=100)
    with pytest.raises(nt.SchemaError, match="no mean to shift"):
        nt.scenario(model, means={"sex": 1}, rows=100)


def test_no_identifier_comes_twice() -> None:
    frame = pl.DataFrame(
        {"id": [f"K{k:05d}" for k in range(600)], "kind": ["a"] * 540 + ["b"] * 60, "x": range(600)}
    )
    model = nt.fit(frame, refine=0)
    made = nt.scenario(model, {"kind": {"b": 0.8}}, rows=1000).frame
    assert made["id"].n_unique() == 1000
    assert (made["kind"] == "b").sum() == 800


def test_quotas_are_whole_and_add_up() -> None:
    assert quotas(np.array([0.5, 0.25, 0.25]), 7).tolist() == [3, 2, 2]
    assert quotas(np.array([1.0, 0.0]), 3).tolist() == [3, 0]


def test_the_verbs_say_what_they_did(
    model: FittedModel, adult: pl.DataFrame, tmp_path: Path
) -> None:
    path = str(model.save(tmp_path / "m.neotype"))
    scenario = tmp_path / "what-if.yaml"
    scenario.write_text("shares:\n  age: {65..: 0.3}\nmeans: {hours-per-week: 35}\n")
    call = CliRunner().invoke
    out = str(tmp_path / "s.csv")
    done = call(app, ["scenario", path, "--file", str(scenario), "-n", "500", "-o", out, "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert [one["asked"] for one in told["reached"]] == [0.3, 35]
    assert pl.read_csv(out).height == 500
    out = str(tmp_path / "b.csv")
    done = call(
        app,
        ["balance", path, "--outcome", "income=>50K", "--parity", "sex", "-n", "500", "-o", out],
    )
    assert done.exit_code == 0
    assert "gap between groups" in done.stdout
    adult.write_csv(tmp_path / "a.csv")
    args = ["augment", str(tmp_path / "a.csv"), "--target", "income", "--share", ">50K=0.4"]
    out = str(tmp_path / "g.csv")
    done = call(app, [*args, "--set", "refine=0", "--provenance", "made", "-o", out])
    assert done.exit_code == 0
    assert "PR AUC" in done.stdout
    assert pl.read_csv(out)["made"].sum() > 0
    wrong = call(app, ["scenario", path, "--share", "age=65", "-o", str(tmp_path / "w.csv")])
    assert wrong.exit_code == 1
    assert "COLUMN=VALUE:SHARE" in wrong.stderr
