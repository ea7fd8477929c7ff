"""Groups kept, and treated as in the real data: gaps known by hand, and bias that is planted."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.evaluate.asked import Asked
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.evaluate import build, evaluate
from neotype.evaluate.fairness.outcome import Outcome, Rates, duel
from neotype.evaluate.interval import resample
from neotype.evaluate.metric import Score
from neotype.rng import Rng
from neotype.schema.schema import Categorical, Identifier, Numeric, Schema, Table

NAMES = ("group_representation", "demographic_parity", "equalised_odds", "group_utility")


def table(**columns: Any) -> Dataset:
    """Texts are labels, numbers are quantities, ids are identifiers."""
    frame = pl.DataFrame(columns)
    kinds = {
        name: Identifier(storage="String")
        if name == "id"
        else Categorical(storage="String", nullable=True)
        if series.dtype == pl.String
        else Numeric(storage=str(series.dtype), nullable=True)
        for name, series in zip(frame.columns, frame, strict=True)
    }
    return Dataset.of(Schema(tables={"t": Table(columns=kinds)}), frame)


def score(
    name: str,
    synthetic: Dataset,
    train: Dataset,
    holdout: Dataset,
    *,
    sensitive: tuple[str, ...] = ("sex",),
    target: str | None = "paid",
    seed: int = 0,
) -> Score:
    asked = Asked(sensitive=sensitive, target=target)
    return build(name, asked).score(synthetic, train=train, holdout=holdout, rng=Rng(seed))


def counted(**groups: tuple[int, int]) -> Dataset:
    """Rows of groups by name: how many, and how many of them are paid well."""
    sex = [name for name, (rows, _) in groups.items() for _ in range(rows)]
    paid = [
        p for rows, well in groups.values() for p in ["well"] * well + ["badly"] * (rows - well)
    ]
    return table(sex=sex, paid=paid)


def listed(found: Score, column: str = "sex") -> dict[str, dict[str, Any]]:
    return {each["group"]: each for each in found.detail["columns"][column]["groups"]}


def test_the_group_that_lost_its_share_is_named() -> None:
    real = counted(f=(500, 100), m=(500, 100))
    found = score("group_representation", counted(f=(250, 50), m=(750, 150)), real, real)
    assert found.value == pytest.approx(0.5, abs=0.01)
    assert found.floor == pytest.approx(1)
    assert found.verdict == "poor"
    assert "sex = 'f': 50.00% of real rows and 25.00% of synthetic ones" in found.meaning
    assert listed(found)["m"]["ratio"] == pytest.approx(1.5)
    assert found.detail["columns"]["sex"]["tv_complement"] == pytest.approx(0.75)


def test_an_intersection_that_is_gone_is_found_though_both_margins_are_kept() -> None:
    sex, race = ["f", "f", "m", "m"] * 400, ["x", "y", "x", "y"] * 400
    real = table(sex=sex, race=race)
    synthetic = table(sex=["f", "f", "m", "m"] * 400, race=["x", "x", "y", "y"] * 400)
    found = score("group_representation", synthetic, real, real, sensitive=("sex", "race"))
    assert found.detail["columns"]["sex"]["tv_complement"] == 1
    assert found.detail["columns"]["sex and race"]["tv_complement"] == pytest.approx(0.5)
    assert found.value is not None
    assert found.value < 0.01
    assert "sex and race = 'f, y'" in found.meaning
    assert found.verdict == "poor"


def test_missing_is_a_group_and_small_groups_are_only_counted() -> None:
    sex = ["f"] * 300 + [None] * 300 + ["lepra"] * 29 + ["pest"] * 3
    real = table(sex=sex, paid=["well", "badly"] * 316)
    found = score("group_representation", real.take(np.arange(632)[::-1]), real, real)
    assert set(listed(found)) == {"f", "missing"}
    assert found.detail["columns"]["sex"]["too_small"] == 2
    assert "2 groups of sex too small to compare" in found.detail["notes"]
    for name in NAMES:
        told = score(name, real.take(np.arange(632)[::-1]), real, real)
        assert "lepra" not in json.dumps([told.meaning, dict(told.detail)])


def test_quantities_name_groups_by_quarters_and_few_values_by_themselves() -> None:
    real = table(age=np.arange(400), kids=np.arange(400) % 3, paid=["well", "badly"] * 200)
    found = score("group_representation", real, real, real, sensitive=("age", "kids"))
    quarters = listed(found, "age")
    assert len(quarters) == 4
    assert quarters["lowest quarter"]["real"] == pytest.approx(0.25, abs=0.01)
    assert set(listed(found, "kids")) == {"0", "1", "2"}


def test_gaps_are_the_difference_of_the_highest_and_the_lowest_rate() -> None:
    real = counted(a=(1000, 400), b=(800, 320), c=(600, 300))
    synthetic = counted(a=(1000, 100), b=(800, 320), c=(600, 300))
    found = score("demographic_parity", synthetic, real, real)
    gap = found.detail["columns"]["sex"]["gap"]
    assert gap == pytest.approx({"real": 0.1, "synthetic": 0.4})
    assert found.value == pytest.approx(0.3)
    assert found.floor == 0
    assert found.verdict == "poor"
    assert listed(found)["a"]["synthetic"] == pytest.approx(0.1)
    assert "paid = 'well'" in found.meaning
    assert "10.0 points" in found.meaning
    assert "40.0 points" in found.meaning
    low, high = found.interval or (0, 0)
    assert 0.2 < low < 0.3 < high < 0.4


def test_gaps_are_those_of_fairlearn() -> None:
    """fairlearn 0.15: demographic parity difference .15, equalised odds difference .4."""
    groups = np.repeat([0, 1, 2], [100, 80, 60])
    truth = np.concatenate([np.arange(n) < k for n, k in ((100, 40), (80, 32), (60, 30))])
    # of the positives and of the others: how many are called positive
    hits = ((40, 30), (60, 12)), ((32, 16), (48, 12)), ((30, 27), (30, 3))
    told = np.concatenate([np.arange(n) < k for pair in hits for n, k in pair])
    weights = resample(np.random.default_rng(0))
    some_groups = np.arange(240) % 32

    def gap(rows: np.ndarray) -> float:
        rates = Rates.of(groups[rows], 3, told[rows], some_groups[rows], weights)
        return rates.gap(np.arange(3))[0]

    assert gap(np.arange(240)) == pytest.approx(0.15)
    assert max(gap(np.flatnonzero(truth)), gap(np.flatnonzero(~truth))) == pytest.approx(0.4)


def halved(data: Dataset, sex: str) -> Dataset:
    """Every second row of one sex that earns much earns little."""
    frame = data.frame.with_row_index()
    hit = (
        (pl.col("sex").str.strip_chars() == sex)
        & pl.col("income").str.contains(">")
        & (pl.col("index") % 2 == 0)
    )
    little = data.frame["income"].filter(~data.frame["income"].str.contains(">"))[0]
    income = pl.when(hit).then(pl.lit(little)).otherwise(pl.col("income")).alias("income")
    return Dataset.of(data.schema, frame.with_columns(income).drop("index"))


@cache
def adult(case: str) -> dict[str, Score]:
    unseen = some(adult_holdout(), 16_000)
    synthetic, holdout = unseen.take(np.arange(8000)), unseen.take(np.arange(8000, 16_000))
    if case == "independent":
        synthetic = independent(synthetic)
    elif case != "real":
        synthetic = halved(synthetic, case)
    found = evaluate(
        synthetic,
        train=some(adult_train(), 16_000),
        holdout=holdout,
        asked=Asked(sensitive=("sex", "race"), target="income"),
        metrics=("tstr", *NAMES),
        rng=Rng(0),
    )
    return {each.metric: each for each in found}


@pytest.mark.parametrize("name", NAMES)
def test_real_rows_treat_groups_as_real_rows(name: str) -> None:
    # What chance does in training is no part of the interval of the odds: they may be unsure.
    wanted = ("good", "fair") if name == "equalised_odds" else ("good",)
    assert adult("real")[name].verdict in wanted


@pytest.mark.parametrize("sex", ["Female", "Male"])
def test_a_halved_rate_of_one_sex_is_found(sex: str) -> None:
    found = adult(sex)["demographic_parity"]
    assert found.verdict == "poor"
    assert "'sex'" in found.meaning
    gap = found.detail["columns"]["sex"]["gap"]
    assert (gap["synthetic"] > gap["real"] + 0.03) == (sex == "Female")
    assert adult(sex)["group_representation"].verdict == "good"


def test_what_models_learn_from_halved_rates_is_found() -> None:
    found = adult("Female")["equalised_odds"]
    assert found.verdict == "poor"
    gaps = found.detail["columns"]["sex"]["equalised_odds_difference"]
    assert gaps["synthetic"] > gaps["real"] + 0.1
    told = adult("Female")["demographic_parity"].detail["predictions"]["sex"]
    assert told["gap"]["synthetic"] > told["gap"]["real"] + 0.05


def test_independent_columns_help_no_group() -> None:
    found = adult("independent")
    assert found["group_utility"].verdict == "poor"
    assert found["demographic_parity"].verdict == "poor"
    assert found["group_utility"].value == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("rows", [200, 1500])
def test_real_rows_are_never_unfair(rows: int, seed: int) -> None:
    train, unseen = some(adult_train(), 2 * rows, seed), some(adult_holdout(), 2 * rows, seed)
    found = evaluate(
        unseen.take(np.arange(rows)),
        train=train,
        holdout=unseen.take(np.arange(rows, 2 * rows)),
        asked=Asked(sensitive=("sex", "race", "age"), target="income"),
        metrics=NAMES,
        rng=Rng(seed),
    )
    assert all(each.verdict in ("good", "fair", "not measured") for each in found)


def people(rows: int, seed: int, forgotten: str = "") -> Dataset:
    """Pay follows skill in both sexes, except in the one that is forgotten; age follows it too."""
    generator = np.random.default_rng(seed)
    sex = generator.choice(["f", "m"], rows)
    skill = generator.normal(size=rows)
    luck = np.where(sex == forgotten, -skill, skill) + generator.normal(size=rows) / 3
    paid = np.where(luck > 0.8, "well", np.where(luck < -0.8, "badly", "so so"))
    return table(sex=sex, skill=skill, paid=paid, luck=luck.round(3))


@pytest.mark.parametrize(
    ("target", "measure", "positive"),
    [
        ("paid", "macro-F1", "paid = 'so so'"),
        ("luck", "R2", "luck above its median in train"),
    ],
)
def test_the_group_that_learns_nothing_is_named(target: str, measure: str, positive: str) -> None:
    def of(rows: int, seed: int, forgotten: str = "") -> Dataset:
        data = people(rows, seed, forgotten)
        drop = "luck" if target == "paid" else "paid"
        frame = data.frame.drop(drop)
        return table(**{name: frame[name].to_list() for name in frame.columns})

    tables = of(1500, 0, "f"), of(1500, 1), of(1500, 2)
    found = score("group_utility", *tables, target=target)
    assert found.verdict == "poor"
    assert "sex = 'f'" in found.meaning
    assert found.detail["measure"] == measure
    assert score("equalised_odds", *tables, target=target).detail["positive"] == positive
    fine = of(1500, 3), *tables[1:]
    taught = score("group_utility", *fine, target=target)
    assert taught.verdict in ("good", "fair")
    assert taught.value is not None
    assert 0.6 < taught.value <= 1
    assert score("equalised_odds", *fine, target=target).verdict in ("good", "fair")


def test_as_many_are_called_positive_as_are_in_train() -> None:
    train = some(adult_train(), 3000)
    tables = Comparison(some(adult_train(), 3000, 1), train, some(adult_holdout(), 2000), Rng(0))
    outcome = Outcome.of(tables, "income")
    share = float(np.nanmean(outcome.sides.train))
    fought = duel(tables, outcome)
    assert share == pytest.approx(float(train.frame["income"].str.contains(">").mean()))
    for told in (fought.synthetic, fought.real):
        assert outcome.chosen(told).mean() == pytest.approx(share, abs=0.01)
    assert duel(tables, outcome).synthetic is fought.synthetic  # trained once


def test_what_was_not_declared_is_asked_for() -> None:
    real = table(
        sex=["f", "m"] * 100, id=[str(k) for k in range(200)], paid=["well", "badly"] * 100
    )
    for name in NAMES:
        none = score(name, real, real, real, sensitive=())
        assert none.verdict == "not measured"
        assert "no sensitive columns were declared (--sensitive" in none.meaning
        assert "'id' is left out" in score(name, real, real, real, sensitive=("id",)).meaning
    for name in NAMES[1:]:
        assert "no target" in score(name, real, real, real, target=None).meaning
        assert "'sex' is left out" in score(name, real, real, real, target="sex").meaning
    one = table(sex=["f"] * 200, paid=["well", "badly"] * 100)
    assert "two groups" in score("demographic_parity", one, one, one).meaning
