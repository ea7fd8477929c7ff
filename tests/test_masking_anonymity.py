"""k, l and t of masked tables, counted by the house's own measures; and how little they lose."""

from __future__ import annotations

import datetime as dt
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neotype as nt
from adult import EXAMPLES, adult_schema
from neotype.errors import NeotypeError
from neotype.masking.anonymity import Anonymised, Anonymity, anonymise
from neotype.masking.hierarchy import by_prefix, grown, read_tree
from neotype.schema.infer import infer_schema

QUASI = ("age", "education", "marital-status", "race", "sex", "native-country")
METHODS = ("mondrian", "relaxed", "full-domain")


@pytest.fixture(scope="module")
def adult() -> pl.DataFrame:
    return pl.read_parquet(EXAMPLES / "adult.parquet")


def alike(frame: pl.DataFrame, **asked: Any) -> Anonymised:
    columns = infer_schema({"t": frame}).columns
    return anonymise(frame, columns, Anonymity(**asked))


def measured(frame: pl.DataFrame, name: str, **asked: Any) -> float:
    """The measure of the house of the whole table."""
    half = frame.height // 2
    report = nt.evaluate(
        frame, train=frame.head(half), holdout=frame.tail(half), metrics=[name], **asked
    )
    (score,) = report.scores
    return float(score.value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", ["labels", "typical"])
def test_the_house_counts_the_k_that_was_asked_for(
    adult: pl.DataFrame, method: str, values: str
) -> None:
    some = adult.head(4000)
    done = alike(
        some, k=5, quasi_identifiers=QUASI[:4], method=method, values=values, suppress=0.05
    )
    found = measured(done.frame, "k_anonymity", quasi_identifiers=QUASI[:4])
    assert found == done.facts["k"] >= 5
    assert done.frame.height >= 0.95 * some.height
    if values == "typical":
        assert done.frame.schema == some.schema


@pytest.mark.parametrize("method", METHODS)
def test_secrets_are_diverse_and_close_as_the_house_measures(
    adult: pl.DataFrame, method: str
) -> None:
    some, quasi = adult.head(3000), ("age", "race", "sex")
    done = alike(
        some,
        k=5,
        quasi_identifiers=quasi,
        method=method,
        suppress=0.1,
        l_diversity=3,
        t_closeness=0.4,
        sensitive="occupation",
    )
    asked = {"quasi_identifiers": quasi, "sensitive": "occupation"}
    assert measured(done.frame, "k_anonymity", **asked) >= 5
    assert measured(done.frame, "l_diversity", **asked) >= 3
    assert measured(done.frame, "t_closeness", **asked) <= 0.4 + 1e-9


def test_all_of_adult_in_seconds_and_with_little_loss(adult: pl.DataFrame) -> None:
    begun = time.process_time()
    done = alike(adult, k=5, quasi_identifiers=QUASI)
    assert time.process_time() - begun < 10
    assert done.facts["k"] >= 5
    assert done.facts["suppressed"] == 0
    assert done.facts["information_loss"] < 0.03
    assert done.facts["classes"] > 2000
    untouched = [name for name in adult.columns if name not in QUASI]
    assert done.frame.select(untouched).equals(adult.select(untouched))


def test_a_larger_k_loses_more(adult: pl.DataFrame) -> None:
    lost = [
        alike(adult.head(5000), k=k, quasi_identifiers=QUASI).facts["information_loss"]
        for k in (2, 10, 50)
    ]
    assert lost == sorted(lost)
    assert lost[0] < lost[-1]


def test_mondrian_loses_less_than_whole_columns(adult: pl.DataFrame) -> None:
    some = adult.head(3000)
    asked: dict[str, Any] = {"k": 5, "quasi_identifiers": QUASI[:4], "suppress": 0.02}
    local = alike(some, **asked).facts["information_loss"]
    assert local < alike(some, method="full-domain", **asked).facts["information_loss"]


def says(label: str, value: int) -> bool:
    """Whether a label of numbers is true of the value."""
    low, _, high = label.partition("–")
    return label == "*" or int(low) <= value <= int(high or low)


@pytest.mark.parametrize("method", METHODS)
def test_labels_are_true_of_their_cells(adult: pl.DataFrame, method: str) -> None:
    some = adult.head(2000)
    done = alike(some, k=4, quasi_identifiers=("age", "education"), method=method, suppress=0.01)
    real = some[pl.Series(done.kept)]
    for label, value in zip(done.frame["age"], real["age"], strict=True):
        assert says(label, value)
    for label, value in zip(done.frame["education"], real["education"], strict=True):
        inside = label.removeprefix("not {").strip("{}").split(", ")
        assert label == "*" or ((value in inside) != label.startswith("not {"))


def test_full_domain_treats_all_rows_alike_and_suppresses_no_more_than_allowed(
    adult: pl.DataFrame,
) -> None:
    done = alike(
        adult, k=20, quasi_identifiers=("age", "sex", "race"), method="full-domain", suppress=0.01
    )
    assert 0 < done.facts["suppressed"] <= 0.01 * adult.height
    assert done.facts["levels"]["age"].startswith("bands of ")
    real = adult[pl.Series(done.kept)]
    pairs = pl.DataFrame([real["age"], done.frame["age"].alias("label")]).unique()
    assert pairs["age"].is_unique().all()
    assert pairs["label"].n_unique() < pairs.height


def test_without_suppression_no_row_goes(adult: pl.DataFrame) -> None:
    done = alike(adult.head(1000), k=3, quasi_identifiers=QUASI, method="full-domain")
    assert done.frame.height == 1000
    assert done.facts["k"] >= 3


DEGREES = {
    "school": {
        "early": ["Preschool", "1st-4th", "5th-6th", "7th-8th"],
        "high": ["9th", "10th", "11th", "12th", "HS-grad"],
    },
    "beyond": {
        "some": ["Some-college", "Assoc-voc", "Assoc-acdm"],
        "degree": ["Bachelors", "Masters", "Prof-school", "Doctorate"],
    },
}


@pytest.mark.parametrize("method", METHODS)
def test_groups_that_are_given_are_the_labels(adult: pl.DataFrame, method: str) -> None:
    done = alike(
        adult.head(3000),
        k=10,
        quasi_identifiers=("education", "age"),
        method=method,
        hierarchies={"education": DEGREES, "age": [5, 10, 25]},
    )
    tree = grown(DEGREES, asked_by="test")
    known = {*tree.leaves, *(name for path in tree.paths for name in path), "*"}
    assert set(done.frame["education"]) <= known
    paths = dict(zip(tree.leaves, tree.paths, strict=True))
    for label, value in zip(done.frame["education"], adult.head(3000)["education"], strict=True):
        assert label in (value, *paths[value], "*")
    if method == "full-domain":
        assert done.facts["levels"]["age"] in ("bands of 5", "bands of 10", "bands of 25", "all")


def test_groups_from_a_csv(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("cook;hand;*\nsmith;hand;*\njudge;office;*\n")
    tree = read_tree(tmp_path / "jobs.csv")
    assert tree.leaves == ("cook", "smith", "judge")
    assert tree.level(1) == ("hand", "hand", "office")
    assert tree.level(2) == ("*", "*", "*")
    assert tree.group(0, 1) == ("hand", 2)
    assert tree.group(0, 2) == ("*", 3)


def test_codes_go_by_their_beginnings() -> None:
    tree = by_prefix(["02139", "02138", "94110"])
    assert tree.level(1) == ("0213*", "0213*", "9411*")
    assert tree.group(0, 1) == ("0213*", 2)


def test_dates_become_parts_of_the_calendar() -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=3 * n) for n in range(400)]
    frame = pl.DataFrame({"born": days, "sex": ["f", "m"] * 200})
    done = alike(frame, k=5, quasi_identifiers=("born", "sex"))
    assert all(
        re.fullmatch(r"\d{4}(-Q\d|-\d\d(–\d{4}-\d\d)?)?|\d{4}–\d{4}", one)
        for one in done.frame["born"]
    )
    whole = alike(frame, k=5, quasi_identifiers=("born", "sex"), method="full-domain")
    assert whole.facts["levels"]["born"] in ("month", "quarter", "year")


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(12, 300),
    k=st.integers(2, 6),
    method=st.sampled_from(METHODS),
    values=st.sampled_from(["labels", "typical"]),
)
@settings(max_examples=40, deadline=None)
def test_any_table(seed: int, rows: int, k: int, method: str, values: str) -> None:
    g = np.random.default_rng(seed)
    holes = pl.Series(g.random(rows) < 0.15)
    start = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
    frame = pl.DataFrame(
        {
            "n": pl.Series(g.integers(-5, 5, rows)),
            "x": pl.Series(np.round(g.normal(0, 1e3, rows), 2)),
            "c": pl.Series(g.choice(list("abcdefg"), rows)),
            "at": pl.Series(
                [start + dt.timedelta(hours=int(h)) for h in g.integers(0, 9000, rows)]
            ),
            "b": pl.Series(g.random(rows) < 0.2),
        }
    )
    frame = frame.with_columns(
        pl.when(~holes).then(pl.col(name)).alias(name) for name in ("n", "c", "at")
    )
    quasi = tuple(frame.columns)
    done = alike(frame, k=k, quasi_identifiers=quasi, method=method, values=values, suppress=0.2)
    sizes = done.frame.group_by(quasi).len()["len"]
    assert sizes.min() >= k  # type: ignore[operator]
    assert done.facts["k"] == sizes.min()
    assert 0 <= done.facts["information_loss"] <= 1
    assert done.frame.height >= 0.8 * rows
    if values == "typical":
        assert done.frame.schema == frame.schema


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"quasi_identifiers": ("agee",)}, "did you mean 'age'"),
        ({"quasi_identifiers": ()}, "what an outsider may know"),
        ({"quasi_identifiers": "age", "k": 5000}, "cannot be 5000-anonymous"),
        ({"quasi_identifiers": "age", "l_diversity": 2}, "none is named"),
        (
            {"quasi_identifiers": "sex", "l_diversity": 3, "sensitive": "income"},
            "fewer than 3 values",
        ),
        ({"quasi_identifiers": "age", "l_diversity": 2, "sensitive": "age"}, "cannot be both"),
        ({"quasi_identifiers": "age", "hierarchies": {"sex": "prefix"}}, "no quasi-identifier"),
        ({"quasi_identifiers": "age", "hierarchies": {"age": ["ten"]}}, "widths such as"),
        ({"quasi_identifiers": "sex", "hierarchies": {"sex": {"x": ["Male"]}}}, "'Female'"),
        ({"quasi_identifiers": "sex", "hierarchies": {"sex": 5}}, "without an order"),
        (
            {"quasi_identifiers": "sex", "hierarchies": {"sex": {"x": ["Male"], "y": ["Male"]}}},
            "more than one group",
        ),
    ],
)
def test_what_cannot_be_is_said(adult: pl.DataFrame, asked: Any, problem: str) -> None:
    with pytest.raises(NeotypeError, match=re.escape(problem)):
        alike(adult.head(500), **{"k": 5, **asked})


def test_the_schema_says_who_may_know_what(adult: pl.DataFrame) -> None:
    table = adult_schema().table.model_copy(update={"quasi_identifiers": ("age", "sex")})
    schema = adult_schema().model_copy(update={"tables": {"adult": table}})
    done = nt.mask(adult.head(500), k=5, schema=schema)
    facts = done.receipt.anonymity
    assert facts is not None
    assert set(facts["loss_by_column"]) == {"age", "sex"}
