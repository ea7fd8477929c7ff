"""k, l, t, k-map and the risks of re-identification and attribution, on tables known by hand."""

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
from neotype.evaluate.evaluate import build
from neotype.evaluate.metric import Score
from neotype.evaluate.privacy.identification import zayatz
from neotype.rng import Rng
from neotype.schema.schema import Categorical, Identifier, Numeric, Schema, Table

ADULT = ("age", "sex", "race", "native-country", "education")


def table(**columns: list[Any]) -> Dataset:
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
    train: Dataset | None = None,
    holdout: Dataset | None = None,
    *,
    quasi: tuple[str, ...] = ("zip",),
    sensitive: tuple[str, ...] = (),
    target: str | None = None,
    seed: int = 0,
) -> Score:
    asked = Asked(quasi_identifiers=quasi, sensitive=sensitive, target=target)
    train = train or synthetic
    return build(name, asked).score(synthetic, train=train, holdout=holdout or train, rng=Rng(seed))


def zips(**sizes: int) -> list[str]:
    return [name for name, size in sizes.items() for _ in range(size)]


def test_k_is_the_smallest_class_and_small_classes_are_counted() -> None:
    synthetic = table(zip=zips(a=6, b=3, c=2), age=[1] * 11)
    train = table(zip=zips(a=5, b=4), age=[1] * 9)
    found = score("k_anonymity", synthetic, train, table(zip=zips(a=7), age=[1] * 7))
    assert found.value == 2
    assert found.interval == (2, 2)
    assert found.verdict == "not judged"
    assert found.detail["synthetic"]["share_small"] == pytest.approx(5 / 11)
    assert found.detail["synthetic"]["rows_by_class_size"] == pytest.approx(
        {
            "1": 0,
            "2 to 4": 5 / 11,
            "5 to 9": 6 / 11,
            "10 to 19": 0,
            "20 to 99": 0,
            "100 or more": 0,
        }
    )
    assert found.detail["train"]["k"] == 4
    assert found.detail["train"]["share_small"] == pytest.approx(4 / 9)
    assert found.detail["holdout"]["k"] == 7
    assert found.detail["real"]["rows"] == 11
    two = score("k_anonymity", synthetic, quasi=("zip", "age"))
    assert two.value == 2
    assert two.detail["synthetic"]["classes"] == 3


def test_rows_agree_only_where_they_agree_in_every_quasi_identifier() -> None:
    synthetic = table(zip=["a", "a", "b", "b"], age=[1, 2, 1, 1])
    assert score("k_anonymity", synthetic).value == 2
    both = score("k_anonymity", synthetic, quasi=("zip", "age"))
    assert both.value == 1
    assert both.detail["synthetic"]["classes"] == 3


def test_missing_agrees_with_missing_and_with_nothing_else() -> None:
    synthetic = table(zip=[None, None, "a", "a", "a"], age=[1.0, 1.0, None, None, float("nan")])
    assert score("k_anonymity", synthetic).value == 2
    assert score("k_anonymity", synthetic, quasi=("age",)).value == 2
    assert score("k_anonymity", synthetic, quasi=("age",)).detail["synthetic"]["classes"] == 2


def test_the_floor_is_of_as_many_real_rows() -> None:
    real = table(zip=[str(k % 100) for k in range(1000)])
    few = table(zip=["0"] * 30)
    found = score("k_anonymity", few, real, real)
    assert found.detail["real"]["rows"] == 30
    assert found.floor is not None
    assert found.floor < 5
    many = score("k_anonymity", table(zip=["0"] * 5000), real, real)
    assert many.detail["real"]["rows"] == 2000
    assert any("5,000 synthetic rows" in note for note in many.detail["notes"])


def test_l_is_the_least_diverse_class_by_count_and_by_entropy() -> None:
    synthetic = table(
        zip=zips(a=3, b=4),
        ill=["flu", "flu", "cold", "flu", "cold", "hiv", None],
    )
    found = score("l_diversity", synthetic, sensitive=("ill",))
    told = found.detail["secrets"]["ill"]["synthetic"]
    assert found.value == told["distinct"] == 2
    entropy = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    assert told["entropy"] == pytest.approx(np.exp(entropy))
    assert told["share_uniform"] == 0
    assert found.verdict == "not judged"
    alone = table(zip=zips(a=3, b=1), ill=["flu", "flu", "cold", "hiv"])
    found = score("l_diversity", alone, sensitive=("ill",))
    assert found.value == 1
    assert found.detail["secrets"]["ill"]["synthetic"]["share_uniform"] == 0.25


def test_t_of_ordered_quantities_is_that_of_the_paper() -> None:
    """The salaries of Li et al. 2007, section 4.3: .375 and .167 for the first two classes."""
    synthetic = table(zip=zips(a=3, b=3, c=3), pay=[3, 4, 5, 6, 8, 11, 7, 9, 10])
    told = score("t_closeness", synthetic, sensitive=("pay",))
    assert told.value == pytest.approx(0.375)
    mean = told.detail["secrets"]["pay"]["synthetic"]["mean"]
    assert mean == pytest.approx((0.375 + 1 / 6 + 17 / 72) / 3)


def test_a_missing_quantity_lies_below_all_others() -> None:
    synthetic = table(zip=zips(a=2, b=2), pay=[None, 1, 2, 2])
    told = score("t_closeness", synthetic, sensitive=("pay",))
    assert told.value == pytest.approx((0.25 + 0.5) / 2)


def test_t_of_labels_is_the_total_variation_from_the_whole_table() -> None:
    synthetic = table(zip=zips(a=2, b=2), ill=["flu", "flu", "flu", "cold"])
    told = score("t_closeness", synthetic, sensitive=("ill",))
    assert told.value == pytest.approx(0.25)
    assert told.detail["secrets"]["ill"]["synthetic"]["mean"] == pytest.approx(0.25)
    gone = table(zip=zips(a=2, b=2), ill=["flu", "flu", None, None])
    assert score("t_closeness", gone, sensitive=("ill",)).value == pytest.approx(0.5)


def test_t_is_the_largest_earth_movers_distance_of_any_table() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        rows = int(generator.integers(2, 60))
        where = generator.integers(0, 6, rows)
        pay = generator.integers(0, 9, rows)
        values = np.unique(pay)
        far = [
            np.abs([(pay[where == c] <= v).mean() - (pay <= v).mean() for v in values]).sum()
            / max(1, len(values) - 1)
            for c in np.unique(where)
        ]
        synthetic = table(zip=where.astype(str).tolist(), pay=pay.tolist())
        told = score("t_closeness", synthetic, sensitive=("pay",))
        assert told.value == pytest.approx(max(far), abs=1e-12)


def test_k_map_is_the_fewest_people_behind_a_combination_that_occurs() -> None:
    synthetic = table(zip=zips(a=5, b=1, nobody=4))
    train, holdout = table(zip=zips(a=3, b=1, c=1)), table(zip=zips(a=1, b=1))
    found = score("k_map", synthetic, train, holdout)
    assert found.value == 2
    assert found.floor == 1
    assert found.detail["synthetic"]["share_none"] == 0.4
    assert found.detail["people"] == 7
    nobody = score("k_map", table(zip=["nobody"] * 9), train, holdout)
    assert nobody.verdict == "not measured"
    assert "no real person" in nobody.meaning


def test_uniqueness_counts_rows_that_are_alone() -> None:
    synthetic = table(zip=[*zips(a=4), "b", "c"])
    train, holdout = table(zip=zips(a=2, b=1, c=1)), table(zip=zips(b=2))
    found = score("uniqueness", synthetic, train, holdout)
    assert found.value == pytest.approx(2 / 6)
    assert found.floor == pytest.approx(1 / 6)
    assert found.detail["sample_uniqueness"] == {"train": 0.5, "holdout": 0.0}
    assert found.detail["population"]["uniqueness"] == pytest.approx(1 / 6)
    assert found.detail["population"]["train_uniques_that_stay_unique"] == 0.5


def test_uniqueness_in_a_larger_population_is_estimated() -> None:
    assert zayatz(np.array([1, 1, 2]), 0.5) == pytest.approx(2 / 4 * 2 / 3)
    assert zayatz(np.array([1] * 50), 0.01) == 1
    assert zayatz(np.array([2, 5]), 0.1) == 0
    generator = np.random.default_rng(0)
    people = generator.zipf(1.4, 200_000) % 60_000
    sample = people[:20_000]
    there, here = np.bincount(people), np.bincount(sample)
    truth = (there[there > 0] == 1).sum() / len(people)
    assert zayatz(here, 0.1) == pytest.approx(truth, rel=0.35)
    assert (here == 1).sum() / len(sample) > 2 * truth


def town(prefix: str, ill: str) -> dict[str, list[str]]:
    """50 people: 30 who are alone in their zip, and 10 pairs."""
    alone = [f"{prefix}{k}" for k in range(30)]
    pairs = [f"{prefix} pair {k // 2}" for k in range(20)]
    return {"zip": alone + pairs, "ill": [ill] * 50}


def release() -> Dataset:
    """15 who are alone in train, 12 of them with their illness; 5 pairs; 3 of the holdout, one of
    them with two illnesses."""
    where = [f"t{k}" for k in range(15)]
    ill = ["flu"] * 12 + ["cold"] * 3
    where += [f"t pair {k}" for k in range(5)] + ["h0", "h1", "h1", "h2"]
    ill += ["flu"] * 5 + ["flu", "flu", "cold", "flu"]
    rest = 60 - len(where)
    return table(zip=where + ["elsewhere"] * rest, ill=ill + ["flu"] * rest)


def test_the_risk_of_reidentification_is_known_by_hand() -> None:
    train, holdout = table(**town("t", "flu")), table(**town("h", "flu"))
    found = score("reidentification", release(), train, holdout)
    assert found.value == pytest.approx((15 + 10 / 2) / 50)
    assert found.floor == pytest.approx(3 / 50)
    assert found.verdict == "poor"
    assert found.detail["prosecutor"]["largest"] == 1
    assert found.detail["prosecutor"]["share_above_0.09"] == pytest.approx(25 / 50)
    assert found.detail["journalist"]["mean"] == pytest.approx(20 / 50)
    assert found.detail["marketer"] == pytest.approx((15 + 5 / 2 + 4) / 60)
    assert found.detail["replicated_uniques"] == pytest.approx(
        {"train": 15 / 50, "holdout": 2 / 50}
    )


def test_the_share_of_right_secrets_is_known_by_hand() -> None:
    train, holdout = table(**town("t", "flu")), table(**town("h", "flu"))
    found = score("attribution", release(), train, holdout, sensitive=("ill",))
    told = found.detail["secrets"]["ill"]
    assert found.value == pytest.approx(12 / 30)
    assert found.floor == pytest.approx(2.5 / 30)  # h1 shows two illnesses: half right
    assert found.verdict == "poor"
    assert told["train"]["unique_people"] == 30
    assert told["train"]["shown"] == pytest.approx(15 / 30)
    assert told["train"]["tcap"] == pytest.approx((12 + 10) / (15 + 10))
    assert told["train"]["dcap"] == pytest.approx((12 + 10) / 50)
    assert told["train"]["disco"] == pytest.approx((12 + 10) / 50)
    assert told["holdout"]["tcap"] == 1  # h1 is not certain
    assert told["holdout"]["dcap"] == pytest.approx(2.5 / 50)
    assert told["holdout"]["guessing_the_commonest"] == 1


def test_few_unique_people_prove_nothing() -> None:
    train = table(zip=zips(a=100, b=100), ill=["flu"] * 200)
    found = score("attribution", train.take(np.arange(150)), train, train, sensitive=("ill",))
    assert found.verdict == "not measured"
    assert "fewer than 30" in found.meaning


def test_quantities_are_attacked_in_ranges_and_secrets_are_right_within_a_tenth() -> None:
    generator = np.random.default_rng(0)

    def people(rows: int) -> Dataset:
        return table(
            x=generator.normal(size=rows).tolist(),
            y=generator.normal(size=rows).tolist(),
            pay=generator.normal(size=rows).tolist(),
        )

    train, holdout = people(2000), people(2000)
    frame = train.frame.with_columns(pl.all() + 1e-9)
    copier = Dataset.of(train.schema, frame)
    for other, verdict in ((copier, "poor"), (people(2000), "good")):
        found = score("attribution", other, train, holdout, quasi=("x", "y"), sensitive=("pay",))
        assert found.verdict == verdict
        assert "'x' is compared in 100 ranges" in found.detail["notes"]
    exact = score("k_map", copier, train, holdout, quasi=("x", "y"))
    assert exact.verdict == "not measured"


@pytest.mark.parametrize(
    "name",
    [
        "k_anonymity",
        "l_diversity",
        "t_closeness",
        "k_map",
        "uniqueness",
        "reidentification",
        "attribution",
    ],
)
def test_what_was_not_declared_is_asked_for(name: str) -> None:
    real = table(zip=zips(a=40, b=40), id=[str(k) for k in range(80)])
    assert "no quasi-identifiers were declared (--quasi" in score(name, real, quasi=()).meaning
    assert "identifier" in score(name, real, quasi=("id",)).meaning
    both = score(name, real, quasi=("zip", "id"), target="zip", sensitive=("zip",))
    if both.value is None:
        assert "no sensitive column" in both.meaning or "unique" in both.meaning
    else:
        assert any("'id' is left out" in note for note in both.detail["notes"])


def test_the_target_is_the_secret_where_no_other_is_declared() -> None:
    synthetic = table(zip=zips(a=3, b=3), ill=["flu", "flu", "cold"] * 2)
    found = score("l_diversity", synthetic, sensitive=("zip",), target="ill")
    assert list(found.detail["secrets"]) == ["ill"]
    assert any("'ill' is taken as the secret" in note for note in found.detail["notes"])


@cache
def copied(share: float) -> dict[str, Score]:
    """Independent columns with a share of copied train rows, at the full size of Adult."""
    train, rest = adult_train(), independent(adult_train(), 1)
    copies = some(train, round(share * train.rows), seed=4).frame
    frame = pl.concat([copies, rest.frame.head(train.rows - copies.height)])
    return {
        name: score(
            name,
            Dataset.of(train.schema, frame),
            train,
            adult_holdout(),
            quasi=ADULT,
            sensitive=("sex", "race"),
            target="income",
        )
        for name in ("reidentification", "attribution")
    }


@pytest.mark.parametrize("name", ["reidentification", "attribution"])
def test_the_more_is_copied_the_higher_the_risk(name: str) -> None:
    values = [copied(share)[name].value for share in (0, 0.01, 0.05, 0.2)]
    assert values == sorted(values)
    assert copied(0)[name].verdict == "good"
    assert copied(0.2)[name].verdict == "poor"


def test_one_copy_in_twenty_is_caught_by_the_secrets_it_tells() -> None:
    found = copied(0.05)["attribution"]
    assert found.verdict == "poor"
    low, _ = found.interval or (0, 0)
    assert found.floor is not None
    assert low > found.floor + 0.02


@pytest.mark.parametrize("rows", [200, 1000, 5000])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["reidentification", "attribution"])
def test_real_unseen_rows_are_never_a_risk(name: str, rows: int, seed: int) -> None:
    train = some(adult_train(), 2 * rows, seed)
    unseen = some(adult_holdout(), 2 * rows, seed)
    synthetic, holdout = unseen.take(np.arange(rows)), unseen.take(np.arange(rows, 2 * rows))
    found = score(name, synthetic, train, holdout, quasi=ADULT, target="income", seed=seed)
    assert found.verdict in ("good", "fair")


def test_nothing_of_a_rare_person_is_told() -> None:
    train = table(
        zip=[f"zip{k}" for k in range(60)], ill=["flu"] * 57 + ["lepra1", "lepra2", "lepra3"]
    )
    holdout = table(zip=[f"other{k}" for k in range(60)], ill=["flu"] * 60)
    synthetic = train.take(np.arange(60)[::-1])
    for name in ("k_anonymity", "l_diversity", "t_closeness", "k_map", "attribution"):
        found = score(name, synthetic, train, holdout, sensitive=("ill",))
        told = json.dumps([found.meaning, dict(found.detail)])
        assert "lepra" not in told
        assert "zip1" not in told
