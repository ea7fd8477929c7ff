"""Plans: what they say, how they fail, and that the journey follows them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from neotype import pipeline
from neotype.errors import (
    ColumnNotFoundError,
    DataError,
    NotRegisteredError,
    SchemaError,
    SourceError,
)
from neotype.plan import Plan, make_plan, make_synthesizer, read_plan


def plan_of(folder: Path, frame: pl.DataFrame, **settings: object) -> Plan:
    frame.write_parquet(folder / "data.parquet")
    paths = {"source": folder / "data.parquet", "output": folder / "out"}
    return make_plan({**paths, **settings}, "the plan")


class TestPlan:
    def test_every_fault_is_told_at_once_with_the_nearest_name(self, tmp_path: Path) -> None:
        path = tmp_path / "plan.yaml"
        path.write_text("source: a.csv\noutptu: out\nseed: -1\nholdout: 2.5\n")
        with pytest.raises(SchemaError) as caught:
            read_plan(path)
        said = str(caught.value)
        assert "plan.yaml" in said
        assert "'outptu' is not a setting; did you mean 'output'?" in said
        assert "'output' is missing" in said
        assert "'seed'" in said
        assert "there is -1" in said
        assert "'holdout'" in said
        assert "there is 2.5" in said

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("source: [unclosed", "is not YAML"),
            ("- a list", "is not a mapping"),
            ("", "is not a mapping"),
            ("source: a\noutput: b\nrows: 0", "'rows'"),
            ("source: a\noutput: b\nrows: many", "there is 'many'"),
            ("source: a\noutput: b\nmetrics: []", "'metrics'"),
        ],
    )
    def test_a_file_that_is_no_plan(self, text: str, says: str, tmp_path: Path) -> None:
        (tmp_path / "plan.yaml").write_text(text)
        with pytest.raises(SchemaError, match=says):
            read_plan(tmp_path / "plan.yaml")

    def test_no_file_and_binary_junk(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"no\.yaml.*No such file"):
            read_plan(tmp_path / "no.yaml")
        (tmp_path / "junk.yaml").write_bytes(b"\xff\xfe\x00\x81")
        with pytest.raises(SchemaError, match="UTF-8"):
            read_plan(tmp_path / "junk.yaml")

    def test_paths_are_taken_from_the_plans_folder(self, tmp_path: Path) -> None:
        (tmp_path / "plan.yaml").write_text("source: a.csv\noutput: out\nholdout: b.csv\n")
        plan = read_plan(tmp_path / "plan.yaml")
        assert plan.source == tmp_path / "a.csv"
        assert plan.output == tmp_path / "out"
        assert plan.holdout == tmp_path / "b.csv"

    def test_the_written_plan_is_the_plan_from_its_new_place(self, tmp_path: Path) -> None:
        (tmp_path / "plan.yaml").write_text(
            "source: a.csv\noutput: deep/out\nschema: s.yaml\nsynthesizer: {name: trees, refine: 0}"
        )
        plan = read_plan(tmp_path / "plan.yaml")
        folder = tmp_path / "deep" / "out"
        folder.mkdir(parents=True)
        (folder / "plan.yaml").write_text(plan.to_yaml(folder))
        again = read_plan(folder / "plan.yaml")
        assert again.source.resolve() == plan.source
        assert again.output.resolve() == plan.output
        assert again.schema_file is not None
        assert again.schema_file.resolve() == plan.schema_file
        assert again.synthesizer.hyperparameters == {"refine": 0}

    def test_a_synthesizer_is_named_alone_or_with_hyperparameters(self) -> None:
        short = make_plan({"source": "a", "output": "b", "synthesizer": "independent"}, "plan")
        assert short.synthesizer.name == "independent"
        with pytest.raises(NotRegisteredError, match="did you mean 'trees'"):
            make_plan({"source": "a", "output": "b", "synthesizer": "tres"}, "plan")
        with pytest.raises(SchemaError, match=r"'refin'(.|\n)*did you mean 'refine'"):
            make_plan(
                {"source": "a", "output": "b", "synthesizer": {"name": "trees", "refin": 1}}, "plan"
            )
        with pytest.raises(NotRegisteredError, match="did you mean 'c2st'"):
            make_plan({"source": "a", "output": "b", "metrics": ["c2sd"]}, "plan")

    def test_a_hyperparameter_of_the_wrong_type_is_named(self) -> None:
        with pytest.raises(SchemaError, match=r"'protect'.*there is 'lots'"):
            make_synthesizer("trees", {"protect": "lots"})


class TestSplit:
    def test_the_parts_share_no_row_and_lose_none(
        self, adult: pl.DataFrame, tmp_path: Path
    ) -> None:
        whole = adult.with_row_index("number").with_columns(pl.col("number").cast(pl.Int64))
        split = pipeline.read_split(plan_of(tmp_path, whole, holdout=0.25))
        numbers = [set(part.frame["number"]) for part in (split.train, split.holdout)]
        assert numbers[0] & numbers[1] == set()
        assert numbers[0] | numbers[1] == set(range(2000))
        assert split.holdout.rows == 500

    def test_a_seed_decides_it(self, adult: pl.DataFrame, tmp_path: Path) -> None:
        def held(seed: int) -> pl.DataFrame:
            return pipeline.read_split(plan_of(tmp_path, adult, seed=seed)).holdout.frame

        assert held(0).equals(held(0))
        assert not held(0).equals(held(1))

    def test_an_entity_is_never_divided(self, adult: pl.DataFrame, tmp_path: Path) -> None:
        from neotype.schema.infer import infer_schema

        frame = adult.select("age", "income").with_columns(
            owner=pl.Series([f"p{k // 8}" for k in range(2000)])
        )
        schema = infer_schema({"data": frame})
        tables = {"data": schema.table.model_copy(update={"entity": "owner"})}
        pipeline_schema = schema.model_copy(update={"tables": tables})
        from neotype.schema.file import write_schema

        write_schema(pipeline_schema, tmp_path / "schema.yaml")
        plan = plan_of(tmp_path, frame, schema=tmp_path / "schema.yaml")
        split = pipeline.read_split(plan)
        owners = [set(part.frame["owner"]) for part in (split.train, split.holdout)]
        assert owners[0] & owners[1] == set()
        assert split.holdout.rows > 400

    def test_too_few_rows_on_either_side(self, adult: pl.DataFrame, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"at least 20(.|\n)*holdout has 2 rows"):
            pipeline.read_split(plan_of(tmp_path, adult.head(40), holdout=0.05))
        with pytest.raises(DataError, match=r"train has 1 row(.|\n)*holdout has 0 rows"):
            pipeline.read_split(plan_of(tmp_path, adult.head(1)))

    def test_learnt_rows_are_no_holdout(self, adult: pl.DataFrame, tmp_path: Path) -> None:
        adult.write_csv(tmp_path / "again.csv")
        with pytest.raises(DataError, match="very rows that are to be learnt"):
            pipeline.read_split(plan_of(tmp_path, adult, holdout=tmp_path / "again.csv"))

    def test_a_holdout_of_another_form_lists_every_finding(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, tmp_path: Path
    ) -> None:
        other = adult_holdout.rename({"race": "rase"}).with_columns(
            pl.when(pl.col("age") == 25).then(pl.lit("young")).otherwise(pl.col("age")).alias("age")
        )
        other.write_parquet(tmp_path / "holdout.parquet")
        with pytest.raises(DataError) as caught:
            pipeline.read_split(plan_of(tmp_path, adult, holdout=tmp_path / "holdout.parquet"))
        said = str(caught.value)
        assert "column 'rase' is not known; did you mean 'race'?" in said
        assert "column 'race' is missing" in said
        assert "column 'age'" in said
        assert "'young'" in said


class TestRoles:
    @pytest.mark.parametrize("role", ["sensitive", "quasi_identifiers"])
    def test_a_role_of_no_column_is_refused_before_anything_is_learnt(
        self, role: str, adult: pl.DataFrame, tmp_path: Path
    ) -> None:
        with pytest.raises(ColumnNotFoundError, match="did you mean 'race'"):
            pipeline.read_split(plan_of(tmp_path, adult, **{role: ["age", "rcae"]}))

    def test_a_single_column_needs_no_list(self) -> None:
        plan = make_plan({"source": "a", "output": "b", "sensitive": "sex"}, "plan")
        assert plan.sensitive == ("sex",)

    def test_a_policy_is_a_preset_or_a_path_from_the_plans_folder(self, tmp_path: Path) -> None:
        for said, meant in (("fair", "fair"), ("fair.yaml", tmp_path / "fair.yaml")):
            (tmp_path / "plan.yaml").write_text(f"source: a.csv\noutput: out\npolicy: {said}\n")
            assert read_plan(tmp_path / "plan.yaml").policy == meant


class TestTarget:
    def test_the_nearest_column_is_offered(self, adult: pl.DataFrame, tmp_path: Path) -> None:
        with pytest.raises(ColumnNotFoundError, match="did you mean 'income'"):
            pipeline.read_split(plan_of(tmp_path, adult, target="incme"))

    @pytest.mark.parametrize("values", [["x"] * 100, [None] * 100, ["x"] * 50 + [None] * 50])
    def test_one_that_never_varies_is_refused(
        self, values: list[str | None], adult: pl.DataFrame, tmp_path: Path
    ) -> None:
        frame = adult.head(100).with_columns(flat=pl.Series(values, dtype=pl.String))
        with pytest.raises(DataError, match="'flat' has the same value in every row"):
            pipeline.read_split(plan_of(tmp_path, frame, target="flat"))


class TestRun:
    def test_it_follows_the_plan(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, tmp_path: Path
    ) -> None:
        adult_holdout.write_parquet(tmp_path / "holdout.parquet")
        plan = plan_of(
            tmp_path,
            adult,
            holdout=tmp_path / "holdout.parquet",
            rows=700,
            metrics=["shape", "exact_copies"],
            synthesizer={"name": "independent"},
        )
        stages: list[str] = []
        first = pipeline.run(plan, lambda stage, done, total: stages.append(stage))
        second = pipeline.run(plan)
        assert first.synthetic.rows == 700
        assert [score.metric for score in first.scores] == ["shape", "exact_copies"]
        assert first.synthetic.frame.schema == adult.schema
        assert first.synthetic.frame.equals(second.synthetic.frame)
        assert [score.value for score in first.scores] == [s.value for s in second.scores]
        assert first.split.train.frame.equals(adult), "the input is left as it was"
        assert {"read", "fit", "sample", "evaluate"} <= set(stages)
        assert not plan.output.exists(), "a run in memory writes nothing"


def test_who_inspects_the_data_may_refuse_it_before_it_is_learnt(
    adult: pl.DataFrame, tmp_path: Path
) -> None:
    seen: list[int] = []
    stages: list[str] = []

    def inspect(split: pipeline.Split) -> None:
        seen.append(split.train.rows)
        raise DataError("not this one.")

    with pytest.raises(DataError, match="not this one"):
        pipeline.run(
            plan_of(tmp_path, adult), lambda stage, *_: stages.append(stage), inspect=inspect
        )
    assert (seen, stages) == ([1500], ["read"])


def test_what_a_plan_knows_reaches_the_measures(adult: pl.DataFrame, tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        adult,
        metrics=["mia_likelihood", "k_anonymity", "group_representation"],
        sensitive=["sex"],
        quasi_identifiers=["age", "sex"],
        synthesizer="independent",
    )
    scores = pipeline.run(plan).scores
    assert [score.value is not None for score in scores] == [True] * 3


def test_what_reading_had_to_decide_is_said_on_the_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "old.csv"
    lines = [f"Jürgen{i % 3};{i}" for i in range(200)]
    path.write_bytes("\n".join(["name;x", *lines]).encode("cp1252"))
    pipeline.read_split(make_plan({"source": path, "output": tmp_path / "out"}, "the plan"))
    assert "old.csv is not UTF-8; read as Windows-1252" in caplog.text
