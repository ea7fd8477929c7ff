"""The three attacks of the Article 29 Working Party catch copies, and nobody else."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import build
from neotype.evaluate.metric import Score
from neotype.evaluate.privacy.attack import Trials, excess
from neotype.evaluate.privacy.inference import UNIT, nearest_without
from neotype.evaluate.privacy.linkability import met
from neotype.evaluate.privacy.singling_out import EQUAL, LEAST, MISSING, MOST, NONE, Predicates
from neotype.rng import Rng
from neotype.schema.schema import Categorical, Identifier, Numeric, Schema, Table, Text

ATTACKS = (
    "singling_out_univariate",
    "singling_out_multivariate",
    "linkability",
    "attribute_inference",
)
ROWS = 4000
SHARES = (0.0, 0.01, 0.05, 0.2)


@cache
def real(rows: int, seed: int = 0) -> tuple[Dataset, Dataset, Dataset]:
    """Three tables of real rows, none in two of them; the first stands in as synthetic."""
    frame = pl.concat([adult_train().frame, adult_holdout().frame])
    mixed = some(Dataset.of(adult_train().schema, frame), 3 * rows, seed)
    return tuple(mixed.take(np.arange(k * rows, (k + 1) * rows)) for k in range(3))


def leaky(base: Dataset, train: Dataset, share: float) -> Dataset:
    """The base, with a share of its rows replaced by train rows."""
    copies = round(share * base.rows)
    frame = pl.concat([some(train, copies, seed=5).frame, base.frame.tail(base.rows - copies)])
    return Dataset.of(base.schema, frame)


def attacked(
    name: str, synthetic: Dataset, train: Dataset, holdout: Dataset, asked: Asked | None = None
) -> Score:
    metric = build(name, asked or Asked())
    return metric.score(synthetic, train=train, holdout=holdout, rng=Rng(1))


@cache
def leaked(name: str, share: float) -> Score:
    unseen, train, holdout = real(ROWS)
    return attacked(name, leaky(unseen, train, share), train, holdout)


def table(columns: dict[str, object], frame: pl.DataFrame, **roles: object) -> Dataset:
    return Dataset.of(Schema(tables={"t": Table(columns=columns, **roles)}), frame)


@pytest.mark.parametrize("name", ATTACKS)
def test_risk_grows_with_the_share_of_copied_rows(name: str) -> None:
    values = [leaked(name, share).value for share in SHARES]
    none, one, five, twenty = (value or 0.0 for value in values)
    assert none < 0.02
    assert one >= none - 0.01
    assert none < five < twenty
    assert one < five + 0.01


@pytest.mark.parametrize("name", ATTACKS)
def test_one_copied_row_in_five_is_caught(name: str) -> None:
    score = leaked(name, 0.2)
    assert score.verdict == "poor"
    assert score.interval is not None
    assert score.interval[0] > 0.05
    # No attack finds much more than there is.
    assert score.interval[0] < 0.2


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize(("rows", "seed"), [(200, 1), (200, 2), (600, 3), (2000, 4), (8000, 5)])
def test_real_rows_that_were_not_learnt_carry_no_risk(name: str, rows: int, seed: int) -> None:
    score = attacked(name, *real(rows, seed))
    if score.verdict == "not measured":
        assert rows == 200 or (rows == 600 and name == "singling_out_univariate")
        return
    assert score.verdict != "poor"
    assert score.interval is not None
    assert score.interval[0] < 0.01
    assert score.floor == 0.0


@pytest.mark.parametrize("name", ATTACKS)
def test_the_risk_is_that_of_the_rates(name: str) -> None:
    score = leaked(name, 0.2)
    detail = score.detail
    main, control = detail["main"], detail["control"]
    assert score.value == pytest.approx((main - control) / (1 - control))
    assert detail["baseline"] < control < main
    assert detail["trusted"]
    for run in ("main", "control", "baseline"):
        low, high = detail["intervals"][run]
        assert low < detail[run] < high
    assert f"{score.value:.1%}" in score.meaning


@pytest.mark.parametrize("name", ["linkability", "attribute_inference"])
def test_an_attack_that_only_guesses_is_no_proof_of_safety(name: str) -> None:
    _, train, holdout = real(ROWS)
    score = attacked(name, independent(train), train, holdout)
    assert score.verdict == "not measured"
    assert score.value is None
    assert "no better than guessing" in score.meaning
    assert score.detail["reason"] in score.meaning
    assert not score.detail["trusted"]
    assert {"main", "control", "baseline"} <= set(score.detail["intervals"])


def test_shuffled_columns_publish_every_value_that_one_person_has() -> None:
    _, train, holdout = real(ROWS)
    score = attacked("singling_out_univariate", independent(train), train, holdout)
    assert score.verdict == "poor"
    assert score.detail["by_column"]["fnlwgt"]["train"] > 0.9 * score.detail["guesses"]
    assert attacked("singling_out_multivariate", independent(train), train, holdout).verdict in (
        "good",
        "fair",
    )


def test_a_small_holdout_hides_no_copies() -> None:
    """A quarter of train is attacked, so that both tables have one size: the risk stays."""
    unseen, train, holdout = real(ROWS)
    few = holdout.take(np.arange(ROWS // 4))
    score = attacked("singling_out_multivariate", leaky(unseen, train, 0.5), train, few)
    whole = attacked("singling_out_multivariate", leaky(unseen, train, 0.5), train, holdout)
    assert score.detail["rows"]["train"] == ROWS // 4
    assert score.detail["reach"] == 0.25
    assert score.value is not None
    assert score.interval is not None
    assert whole.value is not None
    assert score.interval[0] <= whole.value <= score.interval[1]
    assert score.value > 0.25


def test_declared_roles_say_what_is_known_and_what_is_secret() -> None:
    unseen, train, holdout = real(ROWS)
    asked = Asked(sensitive=("occupation",), quasi_identifiers=("age", "sex", "fnlwgt"))
    synthetic = leaky(unseen, train, 0.2)
    told = attacked("attribute_inference", synthetic, train, holdout, asked)
    assert told.detail["secret"] == "occupation"
    assert set(told.detail["secrets"]) == {"occupation"}
    assert told.verdict == "poor"
    linked = attacked("linkability", synthetic, train, holdout, asked)
    (halves,) = linked.detail["halves"]
    assert halves[0] == ["age", "fnlwgt", "sex"]
    assert len(halves[1]) == 12
    rates = [step["main"] for step in linked.detail["by_neighbors"]]
    assert rates == sorted(rates)
    assert rates[-1] == linked.detail["main"]


def test_the_one_secret_that_leaks_is_found_among_many() -> None:
    """A label that nothing predicts is copied for rows whose other cells are disturbed."""
    generator = np.random.default_rng(0)

    def people(rows: int) -> pl.DataFrame:
        cells = {f"x{k}": generator.normal(size=rows) for k in range(8)}
        return pl.DataFrame(cells).with_columns(
            pl.Series("secret", generator.choice(list("abcdef"), rows))
        )

    columns: dict[str, object] = {f"x{k}": Numeric(storage="Float64") for k in range(8)}
    columns["secret"] = Categorical(storage="String")
    train, holdout = (table(columns, people(1500)) for _ in range(2))
    noise = [pl.col(f"x{k}") + pl.Series(generator.normal(size=1500) * 0.5) for k in range(8)]
    synthetic = Dataset.of(train.schema, train.frame.with_columns(noise))
    score = attacked("attribute_inference", synthetic, train, holdout)
    assert score.detail["secret"] == "secret"
    assert score.verdict == "poor"
    assert score.detail["control"] == pytest.approx(1 / 6, abs=0.05)
    # A model that generalises learns less of single people than their nearest rows tell.
    assert score.detail["generalised"]["risk"] < score.value


def test_facts_about_people_in_general_are_no_risk() -> None:
    """Income follows from the job for anybody: both runs are often right, and the risk is 0."""
    score = attacked("attribute_inference", *real(ROWS), Asked(sensitive=("marital-status",)))
    assert score.detail["main"] > 0.6
    assert score.detail["control"] > 0.6
    assert score.verdict in ("good", "fair")


def test_an_entity_is_guessed_about_once() -> None:
    generator = np.random.default_rng(0)
    columns: dict[str, object] = {
        "who": Categorical(storage="Int64"),
        "x": Numeric(storage="Float64"),
        "y": Numeric(storage="Float64"),
    }

    def visits(first: int) -> Dataset:
        x = generator.normal(size=900)
        frame = pl.DataFrame(
            {"who": first + np.arange(900) // 3, "x": x, "y": x + generator.normal(size=900)}
        )
        return table(columns, frame, entity="who")

    score = attacked("linkability", visits(0), visits(300), visits(600))
    assert score.detail["guesses"] == 300
    assert score.value is not None


def test_texts_single_out_by_their_words() -> None:
    generator = np.random.default_rng(0)

    def notes(rows: int) -> pl.DataFrame:
        words = generator.integers(10**9, 10**10, rows).astype(str)
        return pl.DataFrame({"note": words, "group": generator.choice(["a", "b"], rows)})

    columns: dict[str, object] = {
        "note": Text(storage="String"),
        "group": Categorical(storage="String"),
    }
    synthetic, train, holdout = (notes(400) for _ in range(3))
    mixed = pl.concat([train.head(100), synthetic.head(300)])
    score = attacked(
        "singling_out_univariate", *(table(columns, side) for side in (mixed, train, holdout))
    )
    assert score.value == pytest.approx(0.25)
    assert all(word not in json.dumps(dict(score.detail)) for word in train["note"].head(100))


def test_what_cannot_be_attacked_says_why() -> None:
    generator = np.random.default_rng(0)

    def sides(columns: dict[str, object], rows: int = 300) -> tuple[Dataset, ...]:
        return tuple(
            table(
                columns,
                pl.DataFrame(
                    {
                        name: generator.integers(0, 5, rows)
                        if isinstance(column, Numeric)
                        else generator.choice(["a", "b", "c"], rows)
                        for name, column in columns.items()
                    }
                ),
            )
            for _ in range(3)
        )

    number, label = Numeric(storage="Int64"), Categorical(storage="String")
    one = sides({"x": number})
    for name in ATTACKS[1:]:
        assert "two columns" in attacked(name, *one).meaning
    keys = sides({"id": Identifier(storage="String"), "key": Identifier(storage="String")})
    for name in ATTACKS:
        score = attacked(name, *keys)
        assert score.verdict == "not measured"
        assert "identifiers" in score.meaning or "two columns" in score.meaning
    few = sides({"x": number, "y": label}, rows=60)
    for name in ATTACKS:
        assert "60 rows" in attacked(name, *few).meaning
    dull = sides({"x": label, "y": label})
    for name in ATTACKS[:2]:
        assert "93 guesses" in attacked(name, *dull).meaning
    hidden = sides({"x": number, "y": label, "id": Identifier(storage="String")})
    score = attacked("attribute_inference", *hidden, asked=Asked(sensitive=("id",)))
    assert "'id': an identifier is made anew" in score.meaning


def test_an_interval_is_koopmans() -> None:
    """As statsmodels 0.15 gives it: confint_proportions_2indep(compare="ratio", method="score")."""
    value, (low, high) = excess(50, 20, 100)
    assert value == pytest.approx(0.375)
    assert (low, high) == pytest.approx((0.2292036309, 0.5039835890))
    draws = np.random.default_rng(0)
    covered = 0
    for main, control in draws.binomial(150, (0.97, 0.95), (500, 2)):
        low, high = excess(int(main), int(control), 150)[1]
        covered += low <= (0.97 - 0.95) / (1 - 0.95) <= high
    assert covered / 500 == pytest.approx(0.95, abs=0.025)


def test_the_ends_of_the_scale_are_judged() -> None:
    assert Trials(100, 0, 0, 100).risk[1][0] > 0.95
    assert Trials(0, 0, 0, 100).risk[0] == 0.0
    assert not Trials(100, 100, 100, 100).trusted
    # A quarter of train was in reach: a quarter of the excess is all of it.
    assert Trials(25, 0, 0, 100, reach=0.25).risk[0] == 1.0


def test_predicates_count_as_they_read() -> None:
    generator = np.random.default_rng(0)
    cells = generator.integers(0, 6, (4, 50)).astype(np.float64)
    cells[generator.random(cells.shape) < 0.2] = MISSING
    column = np.argsort(generator.random((400, 4)), axis=1)[:, :3]
    sign = generator.choice([NONE, EQUAL, MOST, LEAST], (400, 3))
    sign[:, 0] = generator.choice([EQUAL, MOST, LEAST], 400)
    value = generator.integers(0, 6, (400, 3)).astype(np.float64)
    value[(sign == EQUAL) & (generator.random(value.shape) < 0.2)] = MISSING
    counts = np.zeros(400, np.int64)
    for p in range(400):
        holds = np.ones(50, bool)
        for c, s, v in zip(column[p], sign[p], value[p], strict=True):
            line = cells[c]
            if s == EQUAL:
                holds &= line == v
            elif s == MOST:
                holds &= (line <= v) & (line != MISSING)
            elif s == LEAST:
                holds &= line >= v
        counts[p] = min(2, holds.sum())
    assert set(counts) == {0, 1, 2}
    assert (Predicates(column, sign, value).count(cells) == counts).all()


def test_the_secret_does_not_tell_itself() -> None:
    generator = np.random.default_rng(0)
    left = generator.random((5, 40)).astype(np.float32)
    right = generator.random((5, 2500)).astype(np.float32)
    which = nearest_without(left, right, np.array([1, 2]))
    steps = np.trunc(np.minimum(np.abs(right[:, None] - left[:, :, None]), 1) * UNIT)
    assert (which[0] == steps[[0, 2, 3, 4]].sum(axis=0).argmin(axis=1)).all()
    assert (which[1] == steps[[0, 1, 3, 4]].sum(axis=0).argmin(axis=1)).all()


def test_two_rankings_meet_at_the_least_depth() -> None:
    first, second = np.array([[4, 7, 9], [1, 2, 3]]), np.array([[7, 4, 0], [5, 6, 8]])
    assert met(first, second).tolist() == [2, 4]
