"""Rules that hold in a table are found, with evidence; rules that do not, or by chance, are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neotype.constraints.discovery import Proposal, propose
from neotype.schema.infer import infer_schema

EXAMPLES = Path(__file__).parents[1] / "examples"
ROWS = 1_000


def found(frame: pl.DataFrame) -> tuple[Proposal, ...]:
    schema = infer_schema({"t": frame})
    return propose(schema.columns, frame)


def said(frame: pl.DataFrame) -> dict[str, Any]:
    """What holds: type and fields of each proposal."""
    return {
        one.constraint.title: one.constraint.model_dump(exclude_defaults=True)
        for one in found(frame)
        if one.holds
    }


def shop(rows: int = ROWS, seed: int = 0) -> pl.DataFrame:
    """Orders as a shop has them: everything that rows of one table can owe each other."""
    draw = np.random.default_rng(seed)
    cities = [("Graz", "AT"), ("Linz", "AT"), ("Bern", "CH"), ("Genf", "CH"), ("Ulm", "DE")]
    city = draw.integers(0, len(cities), rows)
    ordered = np.datetime64("2023-01-01") + draw.integers(0, 700, rows).astype("timedelta64[D]")
    shipped = ordered + draw.integers(0, 9, rows).astype("timedelta64[D]")
    arrived = shipped + draw.integers(1, 30, rows).astype("timedelta64[D]")
    price = draw.gamma(3, 12, rows).round(2)
    quantity = draw.integers(1, 12, rows)
    net = (price * quantity).round(2)
    tax = (draw.choice([0.1, 0.2], rows) * net).round(2)
    freight = draw.gamma(2, 4, rows).round(2)
    returned = draw.random(rows) < 0.2
    paid = draw.integers(0, 3, rows)
    first = draw.choice(["Ada", "Max", "Eva", "Tom", "Ida", "Jan"], rows)
    last = draw.choice(["Huber", "Moser", "Wolf", "Stein", "Bauer"], rows)
    return pl.DataFrame(
        {
            "city": [cities[k][0] for k in city],
            "country": [cities[k][1] for k in city],
            "ordered": ordered,
            "shipped": shipped,
            "arrived": arrived,
            "days": (arrived - ordered).astype(np.int64),
            "price": price,
            "quantity": quantity,
            "net": net,
            "tax": tax,
            "freight": freight,
            "total": (net + tax + freight).round(2),
            "cash": (paid == 0).astype(np.int64),
            "card": (paid == 1).astype(np.int64),
            "invoice": (paid == 2).astype(np.int64),
            "reason": [f"r{k}" if yes else None for k, yes in zip(city, returned, strict=True)],
            "refund": pl.Series(np.where(returned, net, np.nan), nan_to_null=True) * 0.5,
            "voucher": draw.integers(0, 20, rows) * 5,
            "customer": [f"{a} {b}" for a, b in zip(first, last, strict=True)],
            "first": first,
            "last": last,
        }
    )


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    return said(shop())


def of(rules: dict[str, Any], kind: str, key: str) -> list[Any]:
    return [one[key] for title, one in rules.items() if title.startswith(f"{kind}(")]


def test_a_city_has_its_country(rules: dict[str, Any]) -> None:
    assert ("city", "country") in of(rules, "FixedCombinations", "columns")


def test_dates_in_order_are_one_chain(rules: dict[str, Any]) -> None:
    ranges = [one for title, one in rules.items() if title.startswith("Range(")]
    assert [(r["low"], r["middle"], r["high"]) for r in ranges] == [
        ("ordered", "shipped", "arrived")
    ]
    assert not of(rules, "Inequality", "low")


def test_sums_products_days_and_joined_names_are_formulas(rules: dict[str, Any]) -> None:
    made = dict(
        zip(
            of(rules, "ColumnFormula", "column"),
            of(rules, "ColumnFormula", "expression"),
            strict=True,
        )
    )
    assert made.keys() == {"days", "net", "total", "customer", "refund"}
    assert made["refund"] == "net * 0.5"
    assert made["net"] == "price * quantity"
    assert sorted(made["total"].split(" + ")) == ["freight", "net", "tax"]
    assert made["days"] == '(pl.col("arrived") - pl.col("ordered")).dt.total_days()'
    assert made["customer"] == 'pl.concat_str(pl.col("first"), pl.lit(" "), pl.col("last"))'


def test_one_of_several_flags_is_found(rules: dict[str, Any]) -> None:
    assert of(rules, "OneHotEncoding", "columns") == [("cash", "card", "invoice")]


def test_cells_that_are_missing_together_are_found(rules: dict[str, Any]) -> None:
    assert of(rules, "FixedNullCombinations", "columns") == [("reason", "refund")]


def test_steps_are_found(rules: dict[str, Any]) -> None:
    assert of(rules, "FixedIncrements", "column") == ["voucher"]
    assert of(rules, "FixedIncrements", "increment") == [5]


def test_nothing_else_is_proposed(rules: dict[str, Any]) -> None:
    assert len(rules) == 10, list(rules)


def test_the_same_columns_shuffled_have_no_rules_but_those_of_one_column() -> None:
    frame = shop()
    draw = np.random.default_rng(1)
    shuffled = pl.DataFrame([cells[draw.permutation(ROWS)] for cells in frame.iter_columns()])
    assert {p.constraint.type for p in found(shuffled)} == {"FixedIncrements"}


def test_every_proposal_can_be_learnt_and_holds_in_the_data() -> None:
    frame = shop()
    columns = infer_schema({"t": frame}).columns
    for one in propose(columns, frame):
        rule = one.constraint.learn(columns, frame, protect=5)
        assert bool(rule.holds(frame).all()) == one.holds, one.constraint.title


def test_a_rule_with_a_few_errors_almost_holds_and_says_so() -> None:
    frame = shop(4_000)
    country = frame["country"].to_list()
    country[7] = "FR"
    country[1234] = "FR"
    almost = [p for p in found(frame.with_columns(country=pl.Series(country))) if not p.holds]
    assert [(p.constraint.about, p.exceptions) for p in almost] == [(("city", "country"), 2)]
    assert "all but 2 of 4,000 rows" in almost[0].evidence


def test_a_rule_with_many_errors_is_no_rule() -> None:
    frame = shop()
    country = frame["country"].to_list()
    country[:100] = frame["country"].reverse()[:100].to_list()
    frame = frame.select("city", country=pl.Series(country))
    assert found(frame) == ()


@pytest.mark.parametrize("size", [0, 1, 5, 29])
def test_a_handful_of_rows_proves_nothing(size: int) -> None:
    assert found(shop().head(size)) == ()


def test_ranges_that_do_not_meet_are_no_order() -> None:
    draw = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"age": draw.integers(18, 90, ROWS), "income": draw.integers(9_000, 90_000, ROWS)}
    )
    assert found(frame) == ()


def test_two_things_that_vary_together_are_no_order() -> None:
    """Kilograms are below centimetres in everybody, and mean nothing by it."""
    draw = np.random.default_rng(0)
    height = draw.normal(172, 9, ROWS)
    weight = (height - 100) * draw.uniform(0.7, 1.2, ROWS)
    frame = pl.DataFrame({"weight": weight.round(), "height": height.round()})
    assert found(frame.cast(pl.Int64)) == ()


def test_what_an_almost_unique_column_says_is_no_dependency() -> None:
    draw = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"weight": draw.integers(10_000, 900_000, ROWS), "sex": draw.choice(["m", "f"], ROWS)}
    )
    assert found(frame) == ()


def test_what_a_discount_leaves_is_a_product() -> None:
    draw = np.random.default_rng(0)
    price, many = draw.gamma(3, 12, ROWS).round(2), draw.integers(1, 9, ROWS)
    off = draw.choice([0.0, 0.05, 0.1, 0.25], ROWS)
    due = (price * many * (1 - off)).round(2)
    frame = pl.DataFrame({"price": price, "many": many, "discount": off, "due": due})
    made = of(said(frame), "ColumnFormula", "expression")
    assert made == ["price * many * (1 - discount)"]


def test_a_formula_with_a_typing_error_almost_holds() -> None:
    frame = shop(3_000)
    total = frame["total"].to_list()
    total[17] *= 10
    almost = [p for p in found(frame.with_columns(total=pl.Series(total))) if not p.holds]
    made = [p for p in almost if getattr(p.constraint, "column", "") == "total"]
    assert [p.exceptions for p in made] == [1]


def test_results_of_several_tests_have_scales_of_their_own() -> None:
    draw = np.random.default_rng(0)
    test = draw.choice(["sodium", "glucose", "platelets"], ROWS)
    centre = np.select([test == "sodium", test == "glucose"], [3.0, 90.0], 250_000.0)
    result = centre * draw.lognormal(0, 0.2, ROWS)
    frame = pl.DataFrame(
        {"test": test, "result": result.round(3), "age": draw.integers(0, 90, ROWS)}
    )
    (one,) = [p.constraint for p in found(frame)]
    assert (one.type, one.column, one.by) == ("MixedScales", "result", ("test",))


def test_chains_leave_out_what_follows_from_them() -> None:
    draw = np.random.default_rng(0)
    levels = np.cumsum(draw.gamma(2, 10, (ROWS, 4)), axis=1).round(1)
    frame = pl.DataFrame(levels, schema=["p10", "p50", "p90", "p99"])
    assert list(said(frame).values()) == [
        {"columns": ("p10", "p50", "p90", "p99"), "strict": True}
    ] or [p.constraint.about for p in found(frame)] == [("p10", "p50", "p90", "p99")]


def test_keys_of_several_columns_are_found() -> None:
    days = pl.DataFrame(
        {"day": pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 3, 9), eager=True)}
    )
    stores = pl.DataFrame({"store_id": [f"S{k}" for k in range(20)]})
    frame = days.join(stores, how="cross")
    sales = np.random.default_rng(0).integers(0, 900, frame.height)
    assert of(said(frame.with_columns(sales=sales)), "Unique", "columns") == [("day", "store_id")]


def test_a_balance_that_is_carried_over_is_found() -> None:
    draw = np.random.default_rng(0)
    moves = draw.integers(-500, 600, (12, 40)).cumsum(axis=1)
    frame = pl.DataFrame(
        {
            "account_id": np.repeat([f"A{k}" for k in range(12)], 40),
            "day": np.tile(np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]"), 12),
            "opening": np.hstack([np.zeros((12, 1), np.int64), moves[:, :-1]]).ravel(),
            "closing": moves.ravel(),
        }
    ).sample(fraction=1, shuffle=True, seed=3)
    (one,) = [p.constraint for p in found(frame) if p.constraint.type == "CarryOverColumns"]
    assert (one.from_column, one.to_column) == ("closing", "opening")
    assert (one.within, one.order_by) == ("account_id", "day")


def test_parts_of_a_date_stored_as_text_are_formulas() -> None:
    days = pl.Series(np.random.default_rng(0).integers(0, 1500, ROWS)).cast(pl.Int32)
    date = days.cast(pl.Date) + pl.duration(days=18_000)
    frame = pl.select(date=date).with_columns(
        pl.col("date").dt.to_string("%d.%m.%Y"),
        jahr=pl.col("date").dt.year(),
        wday=pl.col("date").dt.weekday() % 7,
    )
    made = of(said(frame), "ColumnFormula", "expression")
    assert made == [
        'pl.col("date").str.to_date("%d.%m.%Y").dt.year()',
        'pl.col("date").str.to_date("%d.%m.%Y").dt.weekday() % 7',
    ]


def test_a_scale_and_an_odd_column_name_make_an_expression_that_holds() -> None:
    celsius = np.random.default_rng(0).normal(12, 8, ROWS).round(1)
    frame = pl.DataFrame({'temp "C"': celsius, "order": (celsius * 1.8 + 32).round(1)})
    assert len(said(frame)) == 1


def test_evidence_counts_and_never_quotes_a_rare_cell() -> None:
    frame = shop().with_columns(pl.col("city").replace({"Ulm": "Secretville"}))
    rare = frame["city"].to_list()
    rare[0] = "Nowhereburg"
    told = " ".join(p.evidence for p in found(frame.with_columns(city=pl.Series(rare))))
    assert "1,000 rows" in told
    assert "Nowhereburg" not in told


def test_adult_has_two_rules() -> None:
    frame = pl.read_parquet(EXAMPLES / "adult.parquet")
    assert [p.constraint.title for p in found(frame)] == [
        "FixedNullCombinations(workclass, occupation)",
        "FixedCombinations(education, education-num)",
    ]


COLUMNS = st.lists(
    st.sampled_from(
        ["whole", "small", "money", "label", "flag", "date", "skewed", "gappy", "many"]
    ),
    min_size=2,
    max_size=12,
)


def independent(kinds: list[str], rows: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    make = {
        "whole": lambda: draw.integers(0, draw.integers(20, 5_000), rows),
        "small": lambda: draw.integers(0, draw.integers(2, 9), rows),
        "money": lambda: draw.gamma(2, draw.integers(5, 500), rows).round(2),
        "label": lambda: draw.choice(list("abcdefgh")[: draw.integers(2, 9)], rows),
        "flag": lambda: draw.random(rows) < draw.uniform(0.001, 0.6),
        "date": lambda: (
            np.datetime64("2020-01-01") + draw.integers(0, 900, rows).astype("timedelta64[D]")
        ),
        "skewed": lambda: (draw.random(rows) ** 20 * 300).astype(np.int64),
        "gappy": lambda: pl.Series([int(x * 90) if x > 0.3 else None for x in draw.random(rows)]),
        "many": lambda: np.char.add("n", draw.integers(0, rows, rows).astype(str)),
    }
    return pl.DataFrame({f"{kind}_{k}": make[kind]() for k, kind in enumerate(kinds)})


@given(COLUMNS, st.sampled_from([60, 500, 3_000]), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_columns_that_know_nothing_of_each_other_have_no_rules(
    kinds: list[str], rows: int, seed: int
) -> None:
    assert [(p.constraint.title, p.evidence) for p in found(independent(kinds, rows, seed))] == []
