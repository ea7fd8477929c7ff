"""`neotype inspect` proposes constraints with their evidence, and declares them only when asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.data import Dataset
from neotype.errors import SchemaError
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.rng import Rng
from neotype.schema.file import read_schema, to_yaml, write_schema
from neotype.schema.infer import infer_schema
from test_cli import neotype
from test_discovery import shop

LEVEL = "FixedCombinations(education, education-num)"


@pytest.fixture
def data(adult: pl.DataFrame, tmp_path: Path) -> Path:
    adult.write_csv(tmp_path / "adult.csv")
    return tmp_path / "adult.csv"


def test_proposals_are_shown_with_their_evidence(data: Path) -> None:
    said = neotype("inspect", data)
    title, line, because = said[said.index("Constraints that hold") :].splitlines()[:3]
    assert title == "Constraints that hold (proposed, not applied)"
    assert line.strip() == "FixedNullCombinations(workclass, occupation)" or LEVEL in line
    assert "in all 2,000 rows; were the columns unrelated, about" in because


def test_machines_get_them_too(data: Path) -> None:
    found = json.loads(neotype("inspect", data, "--json"))
    assert found["schema"]["tables"]["adult"]["constraints"] == []
    proposed = {tuple(one["constraint"]["columns"]): one for one in found["constraints"]["adult"]}
    one = proposed["education", "education-num"]
    assert one["constraint"]["type"] == "FixedCombinations"
    assert (one["holds"], one["support"], one["exceptions"]) == (True, 2_000, 0)
    assert one["expected_exceptions"] > 1_000


def test_a_schema_has_them_as_comments_that_one_can_take_up(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    neotype("inspect", data, "--write", path)
    assert read_schema(path).table.constraints == ()
    text = path.read_text()
    line = "    #- {type: FixedCombinations, columns: [education, education-num]}"
    assert text.count(line) == 1
    path.write_text(text.replace(line, line.replace("#", "", 1)))
    assert [one.title for one in read_schema(path).table.constraints] == [LEVEL]


def test_all_that_hold_are_declared_when_asked(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    said = neotype("inspect", data, "--write", path, "--constraints")
    assert "Constraints that hold (taken up)" in said
    assert LEVEL in [one.title for one in read_schema(path).table.constraints]
    model = tmp_path / "m.neotype"
    neotype(
        *("fit", data, "--schema", path, "-o", model),
        *("--synthesizer", "independent", "--force"),
    )
    neotype("sample", model, "-n", 500, "-o", tmp_path / "syn.csv")
    levels = pl.read_csv(data).select("education", "education-num").unique()
    made = pl.read_csv(tmp_path / "syn.csv").select("education", "education-num")
    assert made.join(levels, on=levels.columns, how="anti", nulls_equal=True).height == 0


def test_what_almost_holds_is_shown_apart_and_never_declared(tmp_path: Path) -> None:
    frame = shop(3_000).select("city", "country", "price")
    country = frame["country"].to_list()
    country[5] = "FR"
    frame.with_columns(country=pl.Series(country)).write_csv(tmp_path / "shop.csv")
    path = tmp_path / "schema.yaml"
    said = neotype("inspect", tmp_path / "shop.csv", "--write", path, "--constraints")
    assert "Constraints that hold" not in said
    almost = said[said.index("Constraints that almost hold") :]
    assert "in all but 1 of 3,000 rows" in almost
    assert read_schema(path).table.constraints == ()
    assert "#- {type: FixedCombinations, columns: [city, country]}" in path.read_text()


def test_a_table_without_rules_says_nothing(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({"a": draw.integers(0, 90, 500), "b": draw.normal(size=500).round(2)})
    frame.write_csv(tmp_path / "t.csv")
    said = neotype("inspect", tmp_path / "t.csv", "--write", tmp_path / "s.yaml")
    assert "Constraints" not in said
    assert "constraints" not in (tmp_path / "s.yaml").read_text()


def test_every_table_of_a_folder_has_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    folder.mkdir()
    shop(400).select("city", "country").write_csv(folder / "a.csv")
    shop(400).select("cash", "card", "invoice").write_csv(folder / "b.csv")
    path = tmp_path / "schema.yaml"
    neotype("inspect", folder, "--write", path, "--constraints")
    tables = read_schema(path).tables
    assert [one.type for one in tables["a"].constraints] == ["FixedCombinations"]
    assert [one.type for one in tables["b"].constraints] == ["OneHotEncoding"]
    neotype("inspect", folder, "--write", path, "--force")
    assert [table.constraints for table in read_schema(path).tables.values()] == [(), ()]


def test_odd_names_stay_within_their_comment(tmp_path: Path) -> None:
    frame = shop(400).select("city", "country").rename({"city": "a\nb: #", "country": "- [c]"})
    schema = infer_schema({"t": frame})
    found = nt.propose_constraints(frame, schema=schema)
    assert len(found) == 1
    remarks = {"t": [(one.constraint, one.evidence) for one in found]}
    path = write_schema(schema, tmp_path / "s.yaml", remarks=remarks)
    assert read_schema(path) == schema
    lines = path.read_text().splitlines()
    first = next(k for k, line in enumerate(lines) if "#-" in line)
    lines[first:] = [line.replace("#", "", 1) for line in lines[first:]]
    path.write_text("\n".join(lines))
    assert read_schema(path).table.constraints == (found[0].constraint,)


def test_a_schema_without_remarks_is_written_and_read_as_it_is() -> None:
    schema = infer_schema({"t": shop(100), "u": shop(100)})
    assert "#" not in to_yaml(schema).split("neotype_schema", 1)[1]


def test_a_faulty_constraint_is_still_refused(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    neotype("inspect", data, "--write", path)
    path.write_text(path.read_text().replace("#- {type: Fixed", "- {type: Fxed"))
    with pytest.raises((SchemaError, nt.NotRegisteredError)):
        read_schema(path)


def test_proposals_go_into_fit(adult: pl.DataFrame) -> None:
    found = nt.propose_constraints(adult)
    assert LEVEL in [one.constraint.title for one in found]
    model = nt.fit(
        adult, synthesizer="independent", constraints=[one.constraint for one in found if one.holds]
    )
    made = model.sample(800, seed=1).select("education", "education-num")
    levels = adult.select(made.columns).unique()
    assert made.join(levels, on=made.columns, how="anti", nulls_equal=True).height == 0


def rules_kept(synthetic: pl.DataFrame, train: pl.DataFrame, holdout: pl.DataFrame) -> Score:
    schema = infer_schema({"t": train})
    sides = (Dataset.of(schema, frame) for frame in (synthetic, train, holdout))
    made, seen, unseen = sides
    (score,) = evaluate(made, train=seen, holdout=unseen, metrics=["constraints"], rng=Rng(0))
    return score


def test_the_measure_counts_rows_that_break_a_rule_nobody_declared() -> None:
    train, holdout, fresh = (shop(800, seed).drop("refund") for seed in range(3))
    assert rules_kept(fresh, train, holdout).verdict == "good"
    total = fresh["total"].to_list()
    total[:80] = [cell + 1 for cell in total[:80]]
    score = rules_kept(fresh.with_columns(total=pl.Series(total)), train, holdout)
    assert score.value == pytest.approx(0.9)
    assert score.floor == 1
    assert score.verdict == "poor"
    worst = min(score.detail["constraints"], key=lambda one: one["synthetic"])
    assert worst["constraint"].startswith("ColumnFormula(total = ")
    assert worst["broken_rows"] == 80


def test_a_table_without_rules_is_not_measured() -> None:
    draw = np.random.default_rng(0)
    sides = (pl.DataFrame(draw.integers(0, 900, (200, 3)), schema=list("abc")) for _ in range(3))
    score = rules_kept(*sides)
    assert score.verdict == "not measured"
    assert "none was found" in score.meaning


def test_rules_of_a_databases_tables_name_their_table_and_are_taken_up_as_printed(
    tmp_path: Path,
) -> None:
    sakila = Path(__file__).parents[1] / "examples/sakila"
    path = tmp_path / "schema.yaml"
    said = neotype("inspect", sakila, "-o", path)
    shown = "rental: Inequality(low='rental_date', high='return_date', strict=True)"
    assert f"  {shown}" in said.splitlines()
    text = path.read_text()
    assert "#- {type: Inequality, table: rental, low: rental_date, high: return_date" in text
    path.write_text(text.replace("#- {type: Inequality, ", "- {type: Inequality, "))
    (rule,) = read_schema(path).tables["rental"].constraints
    assert rule.title == "Inequality(low='rental_date', high='return_date', strict=True)"
    found = nt.propose_constraints(sakila)
    rules = [one.constraint for one in found if one.holds and one.table == "rental"]
    assert rule.title in [one.title for one in rules]
    model = nt.fit(sakila, constraints=rules, synthesizer="independent")
    assert rule in model.schema.tables["rental"].constraints
    made = model.sample(seed=1)["rental"]
    assert (made["rental_date"] < made["return_date"]).all()
    with pytest.raises(SchemaError, match="does not say of which table"):
        nt.fit(sakila, constraints=[rule])


def test_a_rule_at_the_top_of_a_schema_file_stands_with_the_table_that_it_names(
    tmp_path: Path,
) -> None:
    columns = "{a: {kind: numeric, storage: Int64}, b: {kind: numeric, storage: Int64}}"
    tables = f"tables:\n  x: {{columns: {columns}}}\n  y: {{columns: {columns}}}\n"
    path = tmp_path / "s.yaml"
    path.write_text(tables + "constraints:\n- {type: Inequality, table: y, low: a, high: b}\n")
    schema = read_schema(path)
    assert [len(table.constraints) for table in schema.tables.values()] == [0, 1]
    assert schema.constraints == ()
    path.write_text(tables + "constraints:\n- {type: Inequality, table: yy, low: a, high: b}\n")
    with pytest.raises(SchemaError, match="table 'yy', which is not there"):
        read_schema(path)
