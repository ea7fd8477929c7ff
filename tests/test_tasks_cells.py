"""Partial synthesis and imputation: what is drawn fits, and what is not drawn stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app
from neotype.tasks.copies import combine


@pytest.fixture(scope="module")
def few(adult: pl.DataFrame) -> pl.DataFrame:
    names = [
        "age",
        "education",
        "education-num",
        "marital-status",
        "sex",
        "hours-per-week",
        "income",
    ]
    return adult.select(names)


def with_holes(frame: pl.DataFrame, share: float = 0.2, seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    return frame.with_columns(
        pl.when(pl.Series(generator.random(frame.height) < share))
        .then(None)
        .otherwise(c)
        .alias(c.name)
        for c in frame
    )


def under(frame: pl.DataFrame, *rules: dict[str, object]) -> nt.Schema:
    facts = nt.infer_schema(frame).model_dump(mode="json")
    (table,) = facts["tables"].values()
    table["constraints"] = rules
    return nt.Schema.model_validate(facts)


def test_only_named_columns_are_replaced_and_the_rest_is_real(few: pl.DataFrame) -> None:
    done = nt.replace_columns(few, ["age", "income"], refine=0, seed=3)
    assert done.frame.drop("age", "income").equals(few.drop("age", "income"))
    assert done.frame.schema == few.schema
    assert dict(done.changes().select("column", "drawn").iter_rows()) == {
        "age": 2000,
        "income": 2000,
    }
    assert 1500 < done.changes()["changed"][0] < 2000


def test_replaced_cells_fit_the_cells_that_stay(few: pl.DataFrame) -> None:
    made = nt.replace_columns(few, "education-num", refine=0).frame
    assert made["education-num"].ne(few["education-num"]).mean() < 0.1  # education tells it
    old = few["education-num"].rank("dense")
    assert pl.select(pl.corr(made["education-num"], old)).item() > 0.95


def test_the_same_seed_gives_the_same_copies_and_draws_differ(few: pl.DataFrame) -> None:
    one = nt.replace_columns(few, "age", draws=2, refine=0, seed=1).frames
    two = nt.replace_columns(few, "age", draws=2, refine=0, seed=1).frames
    assert one[0].equals(two[0])
    assert one[1].equals(two[1])
    assert not one[0].equals(one[1])


def test_replacing_where_leaves_all_other_rows(few: pl.DataFrame) -> None:
    done = nt.replace_columns(few, "hours-per-week", where={"sex": "Female"}, refine=0)
    men = few["sex"] == "Male"
    assert done.frame.filter(men).equals(few.filter(men))
    assert done.changes()["drawn"].to_list() == [int((~men).sum())]
    assert not done.frame.filter(~men).equals(few.filter(~men))


def test_several_values_of_a_column_are_alternatives_on_the_command_line(
    few: pl.DataFrame, tmp_path: Path
) -> None:
    few.write_parquet(tmp_path / "few.parquet")
    asked = ["--where", "education=Masters", "--where", "education=Doctorate"]
    arguments = ["replace", str(tmp_path / "few.parquet"), "-o", str(tmp_path / "out.parquet")]
    extra = ["--columns", "age", "--set", "refine=0", "--json", *asked]
    done = CliRunner().invoke(app, [*arguments, *extra])
    assert done.exit_code == 0, done.output
    rows = few["education"].is_in(["Masters", "Doctorate"])
    drawn = json.loads(done.stdout)["columns"][0]["drawn"]
    assert drawn == rows.sum()


def test_names_with_commas_are_quoted_on_the_command_line(tmp_path: Path) -> None:
    frame = pl.DataFrame({"size, cm": np.arange(300) % 7, "kind": np.arange(300) % 3})
    frame.write_parquet(tmp_path / "a.parquet")
    files = [str(tmp_path / "a.parquet"), "-o", str(tmp_path / "b.parquet")]
    asked = ["--columns", '"size, cm",kind', "--set", "refine=0", "--json"]
    done = CliRunner().invoke(app, ["replace", *files, *asked])
    assert done.exit_code == 0, done.output
    assert [one["column"] for one in json.loads(done.stdout)["columns"]] == ["size, cm", "kind"]


def test_a_constraint_holds_between_replaced_and_real_cells() -> None:
    low = np.random.default_rng(0).integers(0, 100, 500)
    frame = pl.DataFrame({"low": low, "high": low + np.arange(500) % 7, "other": low % 3})
    schema = under(frame, {"type": "Inequality", "low": "low", "high": "high"})
    for column in ("low", "high"):
        made = nt.replace_columns(frame, column, schema=schema, refine=0).frame
        assert (made["low"] <= made["high"]).all()
        assert made.drop(column).equals(frame.drop(column))


def test_what_cannot_be_replaced_is_said(few: pl.DataFrame) -> None:
    with pytest.raises(nt.ColumnNotFoundError, match="did you mean 'age'"):
        nt.replace_columns(few, "agee")
    with pytest.raises(nt.SchemaError, match="no column is named"):
        nt.replace_columns(few, [])
    with pytest.raises(nt.DataError, match="no row meets"):
        nt.replace_columns(few, "age", where={"age": "200.."})
    with pytest.raises(nt.DataError, match="'education'; did you mean 'Masters'"):
        nt.replace_columns(few, "age", where={"education": "masters"})
    with pytest.raises(nt.SchemaError, match="draws is 0"):
        nt.replace_columns(few, "age", draws=0)


def test_known_cells_stay_bit_for_bit_and_every_hole_is_filled(few: pl.DataFrame) -> None:
    holes = with_holes(few)
    for copy in nt.impute(holes, draws=2).frames:
        assert copy.schema == few.schema
        assert sum(copy.null_count().row(0)) == 0
        for name in few.columns:
            known = holes[name].is_not_null()
            assert copy[name].filter(known).equals(holes[name].filter(known))


def test_filled_cells_are_told_by_the_rest_of_the_row(few: pl.DataFrame) -> None:
    holes = with_holes(few)
    made = nt.impute(holes).frame
    gone = holes["education"].is_null() & holes["education-num"].is_not_null()
    assert (made["education"].filter(gone) == few["education"].filter(gone)).mean() > 0.9
    gone = holes["hours-per-week"].is_null()
    before, after = few["hours-per-week"].filter(gone), made["hours-per-week"].filter(gone)
    assert abs(before.mean() - after.mean()) < 2
    assert 0.7 < after.std() / before.std() < 1.4


def test_a_column_without_holes_is_untouched_and_a_row_of_holes_is_filled(
    few: pl.DataFrame,
) -> None:
    holes = few.with_columns(
        pl.when(pl.int_range(pl.len()) > 5).then(c).alias(c) for c in few.columns[1:]
    )
    done = nt.impute(holes)
    assert done.frame["age"].equals(few["age"])
    assert "age" not in done.changes()["column"]
    assert sum(done.frame.null_count().row(0)) == 0
    whole = nt.impute(few)
    assert whole.frame.equals(few)
    assert whole.changes().is_empty()


def test_what_cannot_be_filled_is_left_with_its_reason(few: pl.DataFrame) -> None:
    frame = few.with_columns(
        empty=pl.lit(None, dtype=pl.Float64),
        scarce=pl.when(pl.int_range(pl.len()) < 3).then(1.5),
        age=pl.when(pl.int_range(pl.len()) > 50).then("age"),
    )
    done = nt.impute(frame)
    assert set(done.left) == {"empty", "scarce"}
    assert "every cell is missing" in done.left["empty"]
    assert "only 3" in done.left["scarce"]
    assert done.frame["empty"].null_count() == few.height
    assert done.frame["age"].null_count() == 0
    assert nt.impute(frame, ["hours-per-week"]).frame["age"].null_count() == 51


def test_rare_labels_of_an_order_are_no_hindrance(few: pl.DataFrame) -> None:
    size = pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("huge")).otherwise(pl.lit("low"))
    size = pl.when(pl.int_range(pl.len()) % 3 == 2).then(pl.lit("high")).otherwise(size)
    frame = few.with_columns(size=pl.when(pl.int_range(pl.len()) % 5 > 0).then(size))
    facts = nt.infer_schema(frame).model_dump(mode="json")
    (table,) = facts["tables"].values()
    order = {"kind": "ordinal", "values": ["low", "high"], "nullable": True}
    table["columns"]["size"] = {"storage": "String", **order}
    schema = nt.Schema.model_validate(facts)
    assert nt.impute(frame, schema=schema).frame["size"].null_count() == 0
    kept = nt.replace_columns(frame, "age", schema=schema, refine=0).frame
    assert kept["size"].equals(frame["size"])


def test_nan_is_missing_and_pandas_comes_back(few: pl.DataFrame) -> None:
    holes = with_holes(few).to_pandas()
    made = nt.impute(holes).frame
    assert type(made) is type(holes)
    assert not made.isna().any().any()
    floats = few.select(pl.col("age").cast(pl.Float64), "sex")
    nans = floats.with_columns(
        pl.when(pl.int_range(pl.len()) % 4 > 0).then("age").otherwise(np.nan)
    )
    filled = nt.impute(nans).frame
    assert not filled["age"].is_nan().any()
    assert filled["age"].null_count() == 0


def test_constraints_hold_in_what_is_filled() -> None:
    low = np.random.default_rng(0).integers(0, 100, 600)
    whole = pl.DataFrame({"low": low, "high": low + np.arange(600) % 7, "other": low % 3})
    schema = under(with_holes(whole, 0.1), {"type": "Inequality", "low": "low", "high": "high"})
    holes = with_holes(whole, 0.1)
    made = nt.impute(holes, schema=schema).frame
    assert sum(made.null_count().row(0)) == 0
    assert (made["low"] <= made["high"]).all()
    known = holes["high"].is_not_null()
    assert made["high"].filter(known).equals(holes["high"].filter(known))


def test_combining_rules_are_those_of_the_literature() -> None:
    values, variances = [1.0, 2.0, 3.0], [0.5, 0.5, 0.5]
    missing = combine(values, variances, missing=True)
    assert missing.estimates[0] == 2.0
    assert missing.errors[0] ** 2 == pytest.approx(0.5 + (1 + 1 / 3) * 1.0)
    assert combine(values, variances, missing=False).errors[0] ** 2 == pytest.approx(0.5 + 1 / 3)
    with pytest.raises(nt.DataError, match="draws=5"):
        combine([1.0], [0.5], missing=True)


def test_intervals_widen_by_what_is_missing(few: pl.DataFrame) -> None:
    def mean_age(frame: pl.DataFrame) -> tuple[float, float]:
        return frame["age"].mean(), frame["age"].var() / frame.height

    found = nt.impute(with_holes(few, 0.4), draws=5).combine(mean_age)
    alone = mean_age(few)
    assert found.low[0] < alone[0] < found.high[0]
    assert found.errors[0] > np.sqrt(alone[1])
    assert 0.05 < found.drawn[0] < 0.7


def test_the_verbs_write_one_file_or_as_many_as_draws(few: pl.DataFrame, tmp_path: Path) -> None:
    with_holes(few.head(500)).write_csv(tmp_path / "in.csv")
    call = CliRunner().invoke
    done = call(
        app, ["impute", str(tmp_path / "in.csv"), "-o", str(tmp_path / "f.csv"), "--draws", "2"]
    )
    assert done.exit_code == 0
    assert "cells filled in 7 columns" in done.stdout
    assert sum(pl.read_csv(tmp_path / "f-2.csv").null_count().row(0)) == 0
    args = ["replace", str(tmp_path / "f-1.csv"), "--columns", "age", "--set", "refine=0", "--json"]
    done = call(app, [*args, "-o", str(tmp_path / "r.csv")])
    assert done.exit_code == 0
    assert '"drawn": 500' in done.stdout
    assert call(app, [*args, "-o", str(tmp_path / "r.csv")]).exit_code == 1  # it is there already


def test_a_column_that_a_constraint_leaves_empty_is_said_and_not_searched_for() -> None:
    towns = {"Graz": "AT", "Oslo": None, "Linz": "AT", "Bonn": "DE"}
    town = np.random.default_rng(0).choice(list(towns), 400)
    frame = pl.DataFrame({"town": town, "land": [towns[t] for t in town], "stay": range(400)})
    schema = nt.infer_schema(frame)
    for rule in (
        nt.constraints.DenormalizedTable(key="town", columns=("land",)),
        nt.constraints.FixedCombinations(columns=("town", "land")),
    ):
        table = schema.table.model_copy(update={"constraints": (rule,)})
        ruled = schema.model_copy(update={"tables": {schema.name: table}})
        done = nt.impute(frame, schema=ruled)
        assert done.frame.equals(frame)
        assert "only a missing one" in done.left["land"]


def test_dates_in_text_are_filled_under_an_order() -> None:
    g = np.random.default_rng(0)
    ordered = g.integers(0, 300, 400)
    days = [ordered, ordered + g.integers(1, 9, 400)]
    told = [np.datetime64("2024-01-01") + day for day in days]
    frame = pl.DataFrame({"ordered": told[0].astype(str), "shipped": told[1].astype(str)})
    frame = frame.with_columns(frame["shipped"].set(pl.Series(ordered > 290), None))
    rule = nt.constraints.Inequality(low="ordered", high="shipped", strict=True)
    schema = nt.infer_schema(frame)
    table = schema.table.model_copy(update={"constraints": (rule,)})
    done = nt.impute(frame, schema=schema.model_copy(update={"tables": {schema.name: table}}))
    assert not done.frame["shipped"].null_count()
    assert (done.frame["ordered"] < done.frame["shipped"]).all()
