"""Expectations: what a user says must be so in the rows, counted and never shown."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError, NeotypeError, SchemaError
from neotype.policy.expectations import check, rehearse
from neotype.policy.policy import read_policy
from neotype.policy.ruling import Outcome
from neotype.schema.infer import infer_schema

ROWS = 100


def table(**changes: object) -> Dataset:
    """Shoppers: numbers, labels, gaps, days and moments."""
    frame = pl.DataFrame(
        {
            "age": [17 + k % 60 for k in range(ROWS)],
            "hours-per-week": [20 + (k % 60) // 2 for k in range(ROWS)],
            "income": ["high" if k % 4 == 0 else "low" for k in range(ROWS)],
            "zip": [None if k % 10 == 0 else f"z{k % 7}" for k in range(ROWS)],
            "weight": [float("nan") if k % 20 == 0 else 50.0 + k % 9 for k in range(ROWS)],
            "id": list(range(ROWS)),
            "day": [date(2024, 1, 1 + k % 28) for k in range(ROWS)],
            "member": [k % 2 == 0 for k in range(ROWS)],
            "secret": [f"hush{k % 3}" for k in range(ROWS)],
        }
    )
    frame = frame.with_columns(**changes)
    schema = infer_schema({"t": frame})
    return Dataset.of(schema, frame)


def looked(expectation: dict[str, object], synthetic: Dataset | None = None) -> Outcome:
    policy = read_policy({"expectations": [expectation]})
    train = table()
    (outcome,) = check(policy, synthetic=synthetic or train, train=train, holdout=train)
    assert outcome.kind == "expectation"
    return outcome


def faulty(expectation: dict[str, object]) -> NeotypeError:
    """What is said of it before the work, and of whoever checks without having rehearsed."""
    policy, data = read_policy({"expectations": [expectation]}), table()
    with pytest.raises(NeotypeError) as before:
        rehearse(policy, data)
    with pytest.raises(NeotypeError) as late:
        check(policy, synthetic=data, train=data, holdout=data)
    assert str(before.value) == str(late.value)
    return before.value


@pytest.mark.parametrize(
    ("expectation", "broken"),
    [
        ({"column": "age", "between": [17, 76]}, 0),
        ({"column": "age", "between": [18, 75]}, 3),
        ({"column": "age", "at_least": 18}, 2),
        ({"column": "age", "at_most": 75}, 1),
        ({"column": "income", "among": ["high", "low"]}, 0),
        ({"column": "income", "among": ["high"]}, 75),
        ({"column": "age", "among": [17, 18.0]}, 96),
        ({"column": "member", "among": [True]}, 50),
        ({"column": "zip", "among": ["z0", "z1", "z2", "z3", "z4", "z5", "z6"]}, 0),
        ({"column": "weight", "at_most": 58}, 0),
        ({"column": "day", "at_least": date(2024, 1, 2)}, 4),
        ({"column": "day", "at_least": "2024-01-02"}, 4),
        ({"unique": "id"}, 0),
        ({"unique": ["age", "income"]}, 40),
        ({"unique": "zip"}, 83),
        ({"rows": "age >= 18"}, 2),
        ({"rows": "\"hours-per-week\" <= 48 or income = 'low'"}, 0),
        ({"rows": "zip <> 'z1'"}, 14),
        ({"rows": "1 = 1"}, 0),
    ],
)
def test_rows_that_break_it_are_counted(expectation: dict[str, object], broken: int) -> None:
    outcome = looked(expectation)
    assert re.match(f"{broken} of 100 rows (break|repeat)s? it.", outcome.words), outcome.words
    assert outcome.status == ("fail" if broken else "pass")
    assert outcome.refuses is bool(broken)
    assert outcome.value == pytest.approx(1 - broken / 100)


def test_a_share_of_the_rows_may_be_enough() -> None:
    for about in ({"rows": "age >= 18"}, {"column": "age", "at_least": 18}):
        assert looked({**about, "share": 0.98}).status == "pass"
        assert looked({**about, "share": 0.99}).status == "fail"


@pytest.mark.parametrize(
    ("query", "held", "words"),
    [
        ("select count(*) = 0 from synthetic where age < 17", True, "The query gives true."),
        ("select count(*) = 0 from synthetic where age < 18", False, "The query gives false."),
        ("select id from synthetic where age < 18", False, "The query finds 2 rows."),
        ("select id from synthetic where age > 75", False, "The query finds 1 row."),
        ("select * from synthetic where age < 17", True, "The query finds 0 rows."),
        ("select (select avg(age) from train) = (select avg(age) from holdout)", True, "true"),
    ],
)
def test_a_query_gives_true_or_no_rows(query: str, held: bool, words: str) -> None:
    outcome = looked({"sql": query})
    assert words in outcome.words
    assert outcome.status == ("pass" if held else "fail")


@pytest.mark.parametrize(
    ("expectation", "value", "status"),
    [
        ({"rate": "income = 'high'", "between": [0.2, 0.3]}, 0.25, "pass"),
        ({"rate": "income = 'high'", "at_most": 0.2}, 0.25, "fail"),
        ({"rate": "zip = 'z1'", "at_least": 0.14}, 0.14, "pass"),
        ({"missing": "zip", "at_most": 0.1}, 0.1, "pass"),
        ({"missing": "weight", "at_most": 0.01}, 0.05, "fail"),
        ({"missing": "age", "at_most": 0}, 0.0, "pass"),
        ({"number": "avg(member)", "between": [0.4, 0.6]}, 0.5, "pass"),
        ({"number": "max(age)", "at_most": 70}, 76, "fail"),
        ({"correlation": ["age", "hours-per-week"], "at_least": 0.99}, 0.9996, "pass"),
        ({"correlation": ["age", "weight"], "at_least": 0.5}, 0.0071, "fail"),
        ({"correlation": ["age", "member"], "between": [-0.1, 0.1]}, -0.031, "pass"),
        ({"sql": "select max(age) - min(age) from synthetic", "at_most": 59}, 59, "pass"),
        ({"sql": "select max(age) - min(age) from synthetic", "at_most": 58}, 59, "fail"),
    ],
)
def test_what_is_compared(expectation: dict[str, object], value: float, status: str) -> None:
    outcome = looked(expectation)
    assert outcome.value == pytest.approx(value, abs=0.001)
    assert outcome.status == status
    assert outcome.threshold


@pytest.mark.parametrize(
    ("expectation", "real"),
    [
        ({"rate": "income = 'high'", "like_train_within": 0.1}, "0.25"),
        ({"missing": "zip", "like_train_within": 0.05}, "0.1"),
        ({"number": "avg(id)", "like_train_within": 3}, "49.5"),
        ({"correlation": ["age", "hours-per-week"], "like_train_within": 0.1}, "0.999"),
    ],
)
def test_what_train_has_is_the_yardstick(expectation: dict[str, object], real: str) -> None:
    assert looked(expectation).status == "pass"
    number = pl.int_range(ROWS)
    other = table(income=pl.lit("low"), zip=pl.lit("z1"), id=number + 9, age=number % 7)
    outcome = looked(expectation, other)
    assert outcome.status == "fail"
    assert f"train has {real}" in outcome.words


def test_moments_are_compared_in_their_own_time_zone() -> None:
    moments = pl.Series("at", [datetime(2024, 1, 1, 12), datetime(2024, 1, 2, 12)] * (ROWS // 2))
    for zone in (None, "America/New_York"):
        data = table(at=moments.dt.replace_time_zone(zone))
        policy = read_policy({"expectations": [{"column": "at", "at_most": date(2024, 1, 2)}]})
        (outcome,) = check(policy, synthetic=data, train=data, holdout=data)
        assert outcome.words == "50 of 100 rows break it."


def test_labels_of_a_category_are_texts() -> None:
    frame = table().frame.with_columns(pl.col("income").cast(pl.Categorical))
    data = Dataset.of(infer_schema({"t": frame}), frame)
    policy = read_policy({"expectations": [{"column": "income", "among": ["high"]}]})
    (outcome,) = check(policy, synthetic=data, train=data, holdout=data)
    assert outcome.words == "75 of 100 rows break it."


@pytest.mark.parametrize(
    "expectation",
    [
        {"correlation": ["age", "constant"], "at_least": 0},
        {"number": "avg(nothing)", "at_least": 0},
        {"sql": "select max(age) > 3 from synthetic where age < 0"},
        {"sql": "select cast(secret as int) from synthetic"},
    ],
)
def test_what_cannot_be_computed_is_not_checked_and_refuses(
    expectation: dict[str, object],
) -> None:
    data = table(constant=pl.lit(5), nothing=pl.lit(None, dtype=pl.Float64))
    for lets, refuses in (("refuse", True), ("allow", False)):
        policy = read_policy({"expectations": [{**expectation, "when_not_measured": lets}]})
        (outcome,) = check(policy, synthetic=data, train=data, holdout=data)
        assert (outcome.status, outcome.refuses) == ("not measured", refuses)
        assert outcome.words.startswith("Not checked: ")
        assert "hush" not in outcome.words, "no cell is shown"


@pytest.mark.parametrize(
    ("expectation", "says"),
    [
        ({"column": "aeg", "at_most": 1}, "'column aeg' names column 'aeg'.*did you mean 'age'"),
        ({"missing": "aeg", "at_most": 1}, "did you mean 'age'"),
        ({"unique": ["id", "aeg"]}, "did you mean 'age'"),
        ({"correlation": ["age", "hours"], "at_most": 1}, "names column 'hours'"),
        ({"rows": "aeg > 1", "name": "adults"}, "expectation 'adults' names column 'aeg'"),
        ({"rate": "aeg > 1", "at_most": 1}, "did you mean 'age'"),
        ({"number": "avg(aeg)", "at_most": 1}, "did you mean 'age'"),
        ({"sql": "select aeg from synthetic"}, "did you mean 'age'"),
    ],
)
def test_a_column_that_does_not_exist_is_named_with_the_nearest(
    expectation: dict[str, object], says: str
) -> None:
    fault = faulty(expectation)
    assert isinstance(fault, ColumnNotFoundError)
    with pytest.raises(ColumnNotFoundError, match=f"(?s){says}"):
        raise fault


@pytest.mark.parametrize(
    ("expectation", "says"),
    [
        ({"column": "income", "at_most": 1}, "the column is String"),
        ({"column": "age", "among": ["17"]}, "the column is Int64"),
        ({"column": "age", "at_most": date(2024, 1, 1)}, "the column is Int64"),
        ({"rows": "age >"}, "rows: age >"),
        ({"rows": "age"}, "gives Int64 values"),
        ({"rows": "avg(age) > 3"}, "one answer for all rows"),
        ({"rows": "income > 3"}, "cannot be computed"),
        ({"rows": "read_csv('/etc/passwd')"}, "cannot be computed"),
        ({"number": "age", "at_most": 1}, "not one number"),
        ({"correlation": ["age", "income"], "at_most": 1}, "which is String"),
        ({"sql": "selekt 1"}, "not a query"),
        ({"sql": "drop table train"}, "not a query"),
        ({"sql": "select 1; select 2"}, "one (and only one) statement"),
        ({"sql": "select * from people"}, "the tables are called synthetic, train, holdout"),
        ({"sql": "select count(*) from synthetic"}, "neither true nor false"),
        ({"sql": "select age > 3 from synthetic"}, "goes under `rows`"),
        ({"sql": "select frobnicate(age) from synthetic"}, "frobnicate"),
        ({"sql": "select * from synthetic", "at_most": 1}, "gives none"),
        ({"sql": "select * from read_csv('/nowhere')"}, "reads a file"),
        ({"sql": "select count(*) = 0 from \"read_csv\"('/etc/passwd')"}, "reads a file"),
    ],
)
def test_a_faulty_expression_is_named(expectation: dict[str, object], says: str) -> None:
    fault = faulty({**expectation, "name": "mine"})
    assert isinstance(fault, SchemaError)
    assert "expectation 'mine'" in str(fault)
    assert says in " ".join(str(fault).split())


def test_a_query_sees_the_three_tables_and_no_file(tmp_path: Path) -> None:
    table().frame.select("age").write_parquet(tmp_path / "other.parquet")
    for sql in (
        f"select * from read_parquet('{tmp_path}/other.parquet')",
        f"with t as (select * from read_parquet('{tmp_path}/other.parquet')) select * from t",
        f"select * from synthetic where age in (select age from read_parquet ('{tmp_path}/o'))",
        f"select * from '{tmp_path}/other.parquet'",
    ):
        assert isinstance(faulty({"sql": sql}), SchemaError)


def test_all_faulty_expressions_are_told_at_once() -> None:
    wrong = [{"rows": "aeg > 1"}, {"column": "zap", "among": ["a"]}, {"rows": "age"}]
    policy = read_policy({"name": "mine", "expectations": [*wrong, {"rows": "age > 1"}]})
    with pytest.raises(SchemaError) as caught:
        rehearse(policy, table())
    said = str(caught.value)
    assert said.count("\n  - ") == 3
    assert all(word in said for word in ("'mine'", "'age'", "'zip'"))


@pytest.mark.parametrize(
    ("expectation", "says"),
    [
        ({"name": "x"}, "names nothing"),
        ({"column": "a", "rows": "b", "at_most": 1}, "names column and rows"),
        ({"column": "a"}, "nothing is asked of `column`"),
        ({"column": "a", "share": 0.5}, "nothing is asked of `column`"),
        ({"rate": "a"}, "nothing is asked of `rate`"),
        ({"rows": "a", "at_most": 1}, "`rows` does not go with at_most; it takes: share"),
        ({"unique": "a", "share": 0.9}, "`unique` does not go with share"),
        ({"column": "a", "between": [2, 1]}, "nothing is at least 2"),
        ({"column": "a", "between": [2, 3], "at_most": 1}, "says at_least and at_most already"),
        ({"column": "a", "between": [1, "2024-01-01"]}, "one end is a date"),
        ({"column": "a", "at_most": float("inf")}, "not a finite number"),
        ({"column": "a", "among": []}, "'expectations.0.among'"),
        ({"rate": "a", "at_most": date(2024, 1, 1)}, "compared with numbers"),
        ({"rows": "a", "share": 1.5}, "'expectations.0.share'"),
        ({"rows": "a", "shaer": 0.5}, "did you mean 'share'"),
        ({"correlation": ["a"], "at_most": 1}, "'expectations.0.correlation"),
        ({"rate": "a", "like_train_within": -1}, "'expectations.0.like_train_within'"),
    ],
)
def test_an_expectation_that_says_nothing_sensible(
    expectation: dict[str, object], says: str
) -> None:
    with pytest.raises(SchemaError, match=f"(?s){says}"):
        read_policy({"expectations": [expectation]})
