"""The command line, as a person and as a machine use it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from neotype.cli import app

GATE_REFUSED = 3


def neotype(*words: object, code: int = 0) -> str:
    """What the command puts on stdout."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, (done.exit_code, done.output, done.exception)
    return done.stdout


@pytest.fixture
def data(adult: pl.DataFrame, tmp_path: Path) -> Path:
    adult.write_csv(tmp_path / "adult.csv")
    return tmp_path / "adult.csv"


@pytest.mark.parametrize("verb", ["inspect", "fit", "sample", "evaluate", "run"])
def test_the_help_shows_an_example(verb: str) -> None:
    assert f"Example: neotype {verb} " in " ".join(neotype(verb, "--help").split())


def test_the_version() -> None:
    assert neotype("--version").startswith("neotype 0.")


class TestInspect:
    def test_a_table_and_why(self, data: Path) -> None:
        said = neotype("inspect", data)
        assert "2,000 rows × 15 columns" in said
        for name, column in pl.read_csv(data).schema.items():
            assert name in said
            assert str(column) in said

    def test_the_schema_can_be_edited_and_given_back(self, data: Path, tmp_path: Path) -> None:
        schema = tmp_path / "schema.yaml"
        neotype("inspect", data, "--write", schema, "--sdv", tmp_path / "metadata.json")
        metadata = json.loads((tmp_path / "metadata.json").read_text())
        assert (
            metadata["METADATA_SPEC_VERSION"] == "V2" or metadata["METADATA_SPEC_VERSION"] == "V1"
        )
        edited = schema.read_text().replace("kind: numeric", "kind: text", 1)
        schema.write_text(schema.read_text())
        assert edited != schema.read_text()
        for given in (schema, tmp_path / "metadata.json"):
            model = tmp_path / f"{given.stem}.neotype"
            neotype("fit", data, "-o", model, "--schema", given, "--set", "refine=0")

    def test_for_machines(self, data: Path) -> None:
        facts = json.loads(neotype("inspect", data, "--json"))
        assert list(facts["rows"].values()) == [2000]
        (table,) = facts["schema"]["tables"].values()
        assert table["columns"]["income"]["kind"] in {"categorical", "boolean"}
        assert table["columns"]["income"]["reason"]

    def test_a_model_in_words(self, model_file: Path) -> None:
        said = neotype("inspect", model_file)
        assert "no rows" in said
        assert "1,500 rows of" in said
        assert "25% of the rows were kept apart" in said
        facts = json.loads(neotype("inspect", model_file, "--json"))
        assert facts["rows_held"] == 0
        assert facts["holds"]
        assert facts["protections"]
        assert facts["bytes"] == model_file.stat().st_size


class TestJourney:
    """fit → sample → evaluate, one verb at a time."""

    def test_verb_by_verb(self, data: Path, tmp_path: Path) -> None:
        model, made = tmp_path / "m.neotype", tmp_path / "made.csv"
        facts = json.loads(
            neotype("fit", data, "-o", model, "--set", "refine=0", "--holdout", 0.3, "--json")
        )
        assert facts["facts"]["rows"] == 1400
        assert facts["facts"]["hyperparameters"]["refine"] == 0
        said = json.loads(neotype("sample", model, "-n", 1400, "-o", made, "--seed", 5, "--json"))
        assert said["rows"] == pl.read_csv(made).height == 1400
        page, card = tmp_path / "r.html", tmp_path / "r.md"
        words = ["evaluate", made, "--train", data, "--model", model, "--metric", "shape"]
        assert "shape" in neotype(*words, "--html", page, "--card", card).lower()
        assert page.read_text().lstrip().lower().startswith("<!doctype html")
        assert card.read_text().startswith("#")

    def test_a_csv_of_synthetic_rows_looks_as_the_source_did(
        self, adult: pl.DataFrame, tmp_path: Path
    ) -> None:
        adult.head(300).write_csv(tmp_path / "semi.csv", separator=";")
        model = tmp_path / "m.neotype"
        neotype("fit", tmp_path / "semi.csv", "-o", model, "--set", "refine=0")
        neotype("sample", model, "-n", 20, "-o", tmp_path / "made.csv")
        assert (tmp_path / "made.csv").read_text().splitlines()[0] == ";".join(adult.columns)

    def test_the_rest_of_given_rows(self, model_file: Path, tmp_path: Path) -> None:
        given = pl.DataFrame({"sex": ["Female"] * 30, "age": list(range(20, 50))})
        given.write_csv(tmp_path / "given.csv")
        out = tmp_path / "out.parquet"
        neotype("sample", model_file, "--given", tmp_path / "given.csv", "-o", out)
        assert pl.read_parquet(out).select("sex", "age").equals(given)

    def test_a_gate_refuses_with_its_own_exit_code(
        self, adult: pl.DataFrame, adult_holdout: pl.DataFrame, tmp_path: Path
    ) -> None:
        adult.write_csv(tmp_path / "train.csv")
        adult_holdout.write_csv(tmp_path / "holdout.csv")
        words = ["--train", tmp_path / "train.csv", "--holdout", tmp_path / "holdout.csv"]
        metric = ["--metric", "exact_copies"]
        copies = ["evaluate", tmp_path / "train.csv", *words, *metric]
        neotype(*copies)
        neotype(*copies, "--gate", "good", code=GATE_REFUSED)
        fresh = ["evaluate", tmp_path / "holdout.csv", *words, "--metric", "shape"]
        neotype(*fresh, "--gate", "fair")


class TestRun:
    def test_a_data_file_alone(self, data: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        words = ["run", data, "-o", out, "--target", "income", "--set", "refine=0", "-n", 900]
        said = neotype(*words)
        assert str(out / "report.html") in said
        for title in ("floor", "target", "status"):
            assert title in said
        assert pl.read_csv(out / "synthetic.csv").height == 900

    def test_options_go_before_the_plan(self, data: Path, tmp_path: Path) -> None:
        (tmp_path / "plan.yaml").write_text(
            "source: adult.csv\noutput: unused\nseed: 1\nmetrics: [shape]\n"
            "synthesizer: {name: trees, refine: 0}\n"
        )
        words = ["run", tmp_path / "plan.yaml", "-o", tmp_path / "out", "--seed", 2, "-n", 50]
        facts = json.loads(neotype(*words, "--synthesizer", "independent", "--json"))
        assert facts["rows"] == {"synthetic": 50, "train": 1500, "holdout": 500}
        assert [score["metric"] for score in facts["scores"]] == ["shape"]
        assert not (tmp_path / "unused").exists()
        written = (tmp_path / "out" / "plan.yaml").read_text()
        assert "name: independent" in written
        assert "seed: 2" in written
