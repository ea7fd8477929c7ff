"""The Python that others' scripts rely on."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pytest

import neotype as nt


@pytest.fixture(scope="module")
def model(model_file: Path) -> nt.FittedModel:
    return nt.load(model_file)


def learn(data: object, **settings: object) -> nt.FittedModel:
    return nt.fit(data, refine=0, **settings)


def test_the_kind_of_frame_that_came_in_goes_out(adult: pl.DataFrame) -> None:
    small = adult.head(400)
    as_pandas = small.to_pandas().astype({"sex": "category", "age": "int16"})
    made = learn(as_pandas).sample(50)
    assert isinstance(made, pd.DataFrame)
    assert made.dtypes.astype(str).to_dict() == as_pandas.dtypes.astype(str).to_dict()
    table = small.to_arrow()
    from_arrow = learn(table).sample(50)
    assert isinstance(from_arrow, pa.Table)
    assert from_arrow.schema.names == table.schema.names
    from_polars = learn(small).sample(50)
    assert isinstance(from_polars, pl.DataFrame)
    assert from_polars.schema == small.schema
    assert set(learn({"people": small}).sample(50)) == {"people"}


def test_the_data_is_left_as_it_was(adult: pl.DataFrame) -> None:
    frame = adult.head(300).to_pandas()
    before = frame.copy(deep=True)
    learn(frame).sample(10)
    pd.testing.assert_frame_equal(frame, before)


def test_a_seed_decides_the_rows(model: nt.FittedModel) -> None:
    assert model.sample(500, seed=1).equals(model.sample(500, seed=1))
    assert not model.sample(500, seed=1).equals(model.sample(500, seed=2))


def test_as_many_rows_as_were_learnt_when_unsaid(model: nt.FittedModel) -> None:
    assert model.sample().height == model.facts["rows"] == 1500


@pytest.mark.parametrize("rows", [0, -1, 2.5, True])
def test_numbers_of_rows_that_cannot_be(rows: int, model: nt.FittedModel) -> None:
    with pytest.raises(nt.SamplingError, match="whole number of 1 or more"):
        model.sample(rows)


def test_given_columns_stay_and_the_rest_follows_from_them(
    model: nt.FittedModel, adult: pl.DataFrame
) -> None:
    given = adult.select("relationship", "age").head(1000)
    made = model.sample(given=given, seed=0)
    assert made.select("relationship", "age").equals(given)
    assert made.columns == adult.columns
    # Husbands are men: what was not given has to agree with what was.
    husbands = made.filter(pl.col("relationship") == "Husband")
    assert (husbands["sex"] == "Male").mean() > 0.9
    as_pandas = model.sample(given=given.to_pandas(), seed=0)
    polars.testing.assert_frame_equal(as_pandas, made)


def test_given_columns_are_all_checked_at_once(model: nt.FittedModel) -> None:
    with pytest.raises(nt.DataError) as caught:
        model.sample(given=pl.DataFrame({"aeg": [1], "sexx": ["Male"]}))
    assert len(caught.value.findings) == 2
    with pytest.raises(nt.NeotypeError, match="Martian"):
        model.sample(given=pl.DataFrame({"sex": ["Martian"]}))


def test_saved_and_loaded_it_samples_the_same(adult: pl.DataFrame, tmp_path: Path) -> None:
    fitted = learn(adult.head(500).to_pandas(), target="income")
    path = fitted.save(tmp_path / "m.neotype")
    again = nt.load(path)
    pd.testing.assert_frame_equal(again.sample(80, seed=5), fitted.sample(80, seed=5))
    assert again.facts["target"] == "income"
    assert again.describe() == fitted.describe()
    with pytest.raises(nt.OutputExistsError):
        fitted.save(path)


def test_a_model_without_its_facts_is_damaged(model_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.neotype"
    with zipfile.ZipFile(model_file) as whole, zipfile.ZipFile(path, "w") as broken:
        for name in whole.namelist():
            broken.writestr(name, b"{}" if name == "facts.json" else whole.read(name))
    with pytest.raises(nt.ModelFileError, match="damaged"):
        nt.load(path)


def test_a_holdout_is_kept_apart(adult: pl.DataFrame, tmp_path: Path) -> None:
    numbered = adult.head(400).with_columns(key=pl.Series([f"K{k:05d}" for k in range(400)]))
    fitted = learn(numbered, holdout=0.5, seed=9)
    assert fitted.facts["rows"] == 200
    assert fitted.facts["holdout"]["share"] == 0.5
    from neotype.api import split_again

    train, holdout = split_again(fitted, numbered)
    assert (train.rows, holdout.rows) == (200, 200)
    assert set(train.frame["key"]) & set(holdout.frame["key"]) == set()
    with pytest.raises(nt.DataError, match="not the data"):
        split_again(fitted, numbered.head(399))
    with pytest.raises(nt.DataError, match="no holdout was kept apart"):
        split_again(learn(numbered), numbered)


def test_a_synthesizer_by_name_or_instance(adult: pl.DataFrame) -> None:
    small = adult.head(300)
    by_name = nt.fit(small, synthesizer="trees", refine=0, protect=10)
    by_hand = nt.fit(small, synthesizer=nt.Trees(refine=0, protect=10))
    assert by_name.sample(60).equals(by_hand.sample(60))
    with pytest.raises(nt.SchemaError, match="write them inside Trees"):
        nt.fit(small, synthesizer=nt.Trees(), refine=0)
    with pytest.raises(nt.NotRegisteredError, match="did you mean 'trees'"):
        nt.fit(small, synthesizer="treees")
    with pytest.raises(nt.SchemaError, match="did you mean 'protect'"):
        nt.fit(small, protekt=3)


def test_a_schema_of_ones_own(adult: pl.DataFrame) -> None:
    small = adult.head(300)
    schema = nt.infer_schema(small)
    tables = schema.model_dump()
    name = schema.name
    tables["tables"][name]["columns"]["education-num"] = {
        "kind": "categorical",
        "storage": "Int64",
    }
    fitted = learn(small, schema=nt.Schema.model_validate(tables))
    assert fitted.schema.columns["education-num"].kind == "categorical"
    assert fitted.sample(30)["education-num"].dtype == pl.Int64


def test_evaluate_tells_learnt_rows_from_unrelated_ones(
    adult: pl.DataFrame, adult_holdout: pl.DataFrame
) -> None:
    shuffled = pl.DataFrame([adult[name].shuffle(seed=k) for k, name in enumerate(adult.columns)])
    metrics = ["shape", "trend", "exact_copies"]
    again = adult.sample(fraction=1, shuffle=True, seed=1)
    good = nt.evaluate(again, train=adult, holdout=adult_holdout, metrics=metrics)
    bad = nt.evaluate(shuffled, train=adult, holdout=adult_holdout, metrics=metrics)
    value = {score.metric: score.value for score in good.scores}
    worse = {score.metric: score.value for score in bad.scores}
    assert worse["trend"] < value["trend"]
    assert value["exact_copies"] > worse["exact_copies"], "copies of the training rows are seen"


def test_evaluate_lists_every_column_that_does_not_fit(
    adult: pl.DataFrame, adult_holdout: pl.DataFrame
) -> None:
    synthetic = adult.drop("sex").rename({"race": "rase"})
    with pytest.raises(nt.DataError) as caught:
        nt.evaluate(synthetic, train=adult, holdout=adult_holdout)
    assert len(caught.value.findings) == 3


class TestWhatElseIsKnown:
    """What may be said beside the tables reaches the measures that want it."""

    @pytest.fixture
    def fresh(self) -> pl.DataFrame:
        path = Path(__file__).parents[1] / "examples" / "adult_holdout.parquet"
        return pl.read_parquet(path)[1000:3000]

    def test_roles_are_the_schemas_unless_they_are_said(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, fresh: pl.DataFrame
    ) -> None:
        tables = {"train": adult, "holdout": adult_holdout}
        inferred = nt.infer_schema(adult)
        table = inferred.table.model_copy(update={"quasi_identifiers": ("age", "sex")})
        schema = inferred.model_copy(update={"tables": {inferred.name: table}})
        metrics = ["k_anonymity"]
        (bare,) = nt.evaluate(fresh, **tables, metrics=metrics).scores
        (declared,) = nt.evaluate(fresh, **tables, metrics=metrics, schema=schema).scores
        said = {"quasi_identifiers": "race", "schema": schema}
        (other,) = nt.evaluate(fresh, **tables, metrics=metrics, **said).scores
        assert bare.value is None
        assert declared.value == 1
        assert other.value is not None
        assert other.value > 1

    def test_several_tables_are_one_and_its_copies(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, fresh: pl.DataFrame
    ) -> None:
        from neotype.api import measure

        sides = measure._synthetic_sides([fresh, adult_holdout], [adult], nt.infer_schema(adult))
        assert [side.rows for side in sides] == [2000, 1000, 2000]
        tables = {"train": adult, "holdout": adult_holdout, "metrics": ["shape"]}
        one = nt.evaluate(fresh, **tables)
        several = nt.evaluate([fresh, fresh.reverse()], **tables)
        assert one.scores == several.scores, "the first is the one that is measured"
        with pytest.raises(nt.DataError, match="no synthetic table"):
            nt.evaluate([], **tables)
        with pytest.raises(nt.DataError, match="synthetic table 2"):
            nt.evaluate(fresh, copies=[fresh.drop("sex")], **tables)

    def test_one_table_alone_may_be_the_copy(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, fresh: pl.DataFrame
    ) -> None:
        tables = {"train": adult, "holdout": adult_holdout, "metrics": "shape"}
        one = nt.evaluate(fresh, copies=fresh.reverse(), **tables)
        assert [score.metric for score in one.scores] == ["shape"]
        with pytest.raises(nt.DataError, match="1 synthetic table cannot be compared"):
            nt.compare(fresh, **tables)

    def test_a_measure_named_twice_is_taken_once_and_what_no_measure_looks_at_is_refused(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, fresh: pl.DataFrame
    ) -> None:
        tables = {"train": adult, "holdout": adult_holdout}
        report = nt.evaluate(fresh, metrics=["shape", "validity", "shape"], **tables)
        assert [score.metric for score in report.scores] == ["shape", "validity"]
        for asked, says in (
            ({"metrics": []}, "no measure is named"),
            ({"metrics": ["shape"], "claim": 1.0}, "name epsilon_audit or"),
            ({"metrics": ["shape"], "scorer": max}, "name custom too"),
            ({"metrics": ["custom"], "scorer": 3}, "3 is no scorer"),
            ({"recipe": "trees"}, "a recipe is for a deep evaluation"),
            ({"recipe": 3, "deep": True}, "3 is no synthesizer"),
        ):
            with pytest.raises(nt.SchemaError, match=says):
                nt.evaluate(fresh, **asked, **tables)

    def test_a_scorer_of_ones_own(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, fresh: pl.DataFrame
    ) -> None:
        def score(learn: pl.DataFrame, test: pl.DataFrame) -> float:
            return -abs(float(learn["age"].mean()) - float(test["age"].mean()))

        (found,) = nt.evaluate(
            fresh, train=adult, holdout=adult_holdout, scorer=score, metrics=["custom"]
        ).scores
        assert found.value == pytest.approx(score(fresh, adult_holdout))
        assert found.floor == pytest.approx(score(adult, adult_holdout))

    @pytest.mark.parametrize("claim", [2, 2.0, (2.0, 1e-6), nt.Claim(2.0, 1e-6)])
    def test_a_claim_is_audited(
        self,
        claim: object,
        adult: pl.DataFrame,
        adult_holdout: pl.DataFrame,
        fresh: pl.DataFrame,
    ) -> None:
        tables = {"train": adult, "holdout": adult_holdout, "metrics": ["epsilon_audit"]}
        (score,) = nt.evaluate(fresh, **tables, claim=claim).scores
        assert score.target == 2
        assert nt.evaluate(fresh, **tables, claim=claim).ruling is None

    def test_a_refuted_claim_refuses_without_a_policy(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame
    ) -> None:
        copies = adult.sample(fraction=1, shuffle=True, seed=0)
        tables = {"train": adult, "holdout": adult_holdout, "metrics": ["epsilon_audit"]}
        report = nt.evaluate(copies, **tables, claim=0.1)
        assert report.ruling is not None
        assert not report.ruling.allowed

    @pytest.mark.parametrize("claim", ["much", True, (1.0,), (1.0, 0.1, 0.1), (1, True)])
    def test_what_is_no_claim(self, claim: object, adult: pl.DataFrame) -> None:
        with pytest.raises(nt.SchemaError, match="is no claim"):
            nt.evaluate(adult[:100], train=adult[100:], holdout=adult[:90], claim=claim)

    def test_a_deep_evaluation_learns_the_recipe_anew(
        self,
        adult: pl.DataFrame,
        adult_holdout: pl.DataFrame,
        fresh: pl.DataFrame,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        tables = {"train": adult, "holdout": adult_holdout, "metrics": ["mia_shadow"]}
        with caplog.at_level("INFO", logger="neotype"):
            (score,) = nt.evaluate(
                fresh, **tables, deep=True, recipe=nt.Independent(), shadows=3
            ).scores
        assert score.value is not None
        assert score.detail["shadows"] == 3
        assert "3 shadow models learn anew" in caplog.text
        assert "the other 2 take about" in caplog.text

    def test_a_model_lends_its_recipe(self, adult: pl.DataFrame) -> None:
        from neotype.asking import made_by

        fitted = nt.fit(adult, synthesizer=nt.Trees(refine=0, protect=9), target="income")
        assert made_by(fitted.facts) == nt.Trees(refine=0, protect=9, first=("income",))
        assert made_by({"synthesizer": "SomebodyElses"}) is None

    def test_a_policy_may_be_a_dict_and_is_part_of_the_report(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, fresh: pl.DataFrame, tmp_path: Path
    ) -> None:
        tables = {"train": adult, "holdout": adult_holdout, "metrics": ["shape"]}
        gates = [{"measure": "shape", "at_least": 0.9}]
        report = nt.evaluate(fresh, **tables, policy={"name": "mine", "gates": gates})
        assert report.ruling is not None
        assert report.ruling.allowed
        report.to_json(tmp_path / "r.json")
        assert nt.Report.read(tmp_path / "r.json").ruling == report.ruling
        assert nt.evaluate(fresh, **tables).ruling is None
        refused = nt.evaluate(fresh, **tables, policy=nt.read_policy("public")).ruling
        assert refused is not None
        assert not refused.allowed

    def test_a_faulty_expectation_is_told_before_any_work(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, fresh: pl.DataFrame, tmp_path: Path
    ) -> None:
        policy, stages = {"expectations": [{"rows": "aeg > 1"}]}, []
        adult.write_parquet(tmp_path / "a.parquet")
        (tmp_path / "policy.yaml").write_text("expectations: [{rows: aeg > 1}]\n")
        plan = {"source": tmp_path / "a.parquet", "output": tmp_path / "out"}

        def listen(stage: str, done: int, total: int) -> None:
            stages.append(stage)

        tables = {"train": adult, "holdout": adult_holdout, "metrics": ["shape"]}
        with pytest.raises(nt.ColumnNotFoundError, match="did you mean 'age'"):
            nt.evaluate(fresh, **tables, policy=policy, progress=listen)
        assert stages == []
        with pytest.raises(nt.ColumnNotFoundError, match="did you mean 'age'"):
            nt.run({**plan, "policy": tmp_path / "policy.yaml"}, progress=listen)
        assert stages == ["read"]

    def test_tables_are_compared(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, fresh: pl.DataFrame, tmp_path: Path
    ) -> None:
        apart = pl.DataFrame([adult[name].shuffle(seed=k) for k, name in enumerate(adult.columns)])
        tables = {"train": adult, "holdout": adult_holdout, "metrics": ["trend"]}
        compared = nt.compare({"apart": apart, "fresh": fresh}, **tables)
        assert [standing.table for standing in compared.ranking] == ["fresh", "apart"]
        for place in ("a", "b"):
            (tmp_path / place).mkdir()
            (fresh if place == "a" else apart).write_csv(tmp_path / place / "s.csv")
        paths = [tmp_path / "b" / "s.csv", tmp_path / "a" / "s.csv"]
        assert nt.compare(paths, **tables).tables == (str(paths[1]), str(paths[0]))


@pytest.fixture(scope="module")
def result(adult: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> nt.Result:
    folder = tmp_path_factory.mktemp("run")
    adult.write_csv(folder / "adult.csv")
    (folder / "plan.yaml").write_text(
        "source: adult.csv\noutput: out\ntarget: income\nsynthesizer: {name: trees, refine: 0}\n"
    )
    return nt.run(folder / "plan.yaml")


class TestRun:
    def test_it_writes_everything_and_nothing_else(self, result: nt.Result) -> None:
        folder = result.paths["report"].parent
        assert sorted(path.name for path in folder.iterdir()) == [
            "model.neotype",
            "plan.yaml",
            "report.html",
            "report.json",
            "report.md",
            "schema.yaml",
            "synthetic.csv",
        ]
        assert all(path.stat().st_size for path in result.paths.values())

    def test_the_files_agree_with_each_other(self, result: nt.Result) -> None:
        facts = json.loads(result.paths["json"].read_text())
        assert {s["metric"] for s in facts["scores"]} == {s.metric for s in result.report.scores}
        assert facts["rows"] == {"synthetic": 1500, "train": 1500, "holdout": 500}
        again = nt.load(result.paths["model"])
        written = nt.fit(result.paths["synthetic"], refine=0)
        assert written.facts["rows"] == 1500
        assert again.sample(1500, seed=0).equals(result.synthetic)

    def test_the_written_plan_gives_the_same_again(self, result: nt.Result, tmp_path: Path) -> None:
        from neotype.plan import read_plan

        plan = read_plan(result.paths["plan"]).with_changes(output=tmp_path / "again")
        again = nt.run(plan.model_copy(update={"metrics": ("shape",)}))
        assert again.paths["synthetic"].read_bytes() == result.paths["synthetic"].read_bytes()
        assert again.paths["model"].read_bytes() == result.paths["model"].read_bytes()

    def test_settings_are_a_plan_too(self, adult: pl.DataFrame, tmp_path: Path) -> None:
        adult.write_parquet(tmp_path / "adult.parquet")
        result = nt.run(
            {
                "source": tmp_path / "adult.parquet",
                "output": tmp_path / "out",
                "synthesizer": "independent",
                "metrics": ["shape"],
                "rows": 10,
            }
        )
        assert result.synthetic.height == 10
        assert result.paths["synthetic"].name == "synthetic.parquet"
        with pytest.raises(nt.OutputExistsError):
            nt.run({"source": tmp_path / "adult.parquet", "output": tmp_path / "out"})


def test_a_schema_of_another_table_is_refused() -> None:
    guests = pl.DataFrame({"age": list(range(30))})
    schema = nt.infer_schema({"guest": guests})
    with pytest.raises(nt.SchemaError, match=r"(?s)'guest'.*it has: guests, rooms.*'guests'"):
        nt.fit({"guests": guests, "rooms": guests}, schema=schema)


def test_a_model_brings_its_own_schema() -> None:
    guests = pl.DataFrame({"age": [i % 9 for i in range(90)]})
    model = nt.fit(guests, synthesizer="independent", holdout=0.5)
    with pytest.raises(nt.SchemaError, match="leave the schema out"):
        nt.evaluate(guests, train=guests, model=model, schema=nt.infer_schema(guests))


@pytest.mark.parametrize("name", ["trees", "independent"])
def test_protection_of_no_rows_is_refused(name: str) -> None:
    with pytest.raises(nt.SchemaError, match="protect is 0"):
        nt.fit(pl.DataFrame({"a": [1] * 9}), synthesizer=name, protect=0)


def test_a_table_of_a_few_rows_is_learnt_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    rows = pl.DataFrame({"age": [31, 44, 52], "town": ["Bern", "Genf", "Chur"]})
    nt.fit(rows, refine=0)
    assert "only 3 rows" in caplog.text
    caplog.clear()
    nt.fit(rows, refine=0, protect=1)
    assert not caplog.text
