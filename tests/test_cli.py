"""The command line, as a person and as a machine use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from typer.testing import CliRunner

from neotype.cli import app

EXAMPLES = Path(__file__).parents[1] / "examples"
REFUSED = 3


def neotype(*words: object, code: int = 0) -> str:
    """What the command puts on stdout."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, (done.exit_code, done.output, done.exception)
    return done.stdout


@pytest.fixture
def data(adult: pl.DataFrame, tmp_path: Path) -> Path:
    adult.write_csv(tmp_path / "adult.csv")
    return tmp_path / "adult.csv"


@pytest.mark.parametrize(
    "verb", ["inspect", "fit", "sample", "evaluate", "compare", "run", "policy"]
)
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


@pytest.fixture
def sides(adult: pl.DataFrame, adult_holdout: pl.DataFrame, tmp_path: Path) -> list[object]:
    """The options of real train and holdout rows; beside them lie a copier and a fresh table."""
    adult.write_csv(tmp_path / "train.csv")
    adult_holdout.write_csv(tmp_path / "holdout.csv")
    fresh = pl.read_parquet(EXAMPLES / "adult_holdout.parquet")[1000:3000]
    fresh.write_csv(tmp_path / "fresh.csv")
    pl.concat([fresh[:1800], adult[:200]]).write_csv(tmp_path / "copier.csv")
    return ["--train", tmp_path / "train.csv", "--holdout", tmp_path / "holdout.csv"]


class TestPolicy:
    """What must hold decides the exit code, and is told to people, to CI and to programs."""

    def test_copies_are_refused_with_their_own_exit_code(
        self, sides: list[object], tmp_path: Path
    ) -> None:
        metrics = [f"--metric={name}" for name in ("shape", "exact_copies", "near_copies")]
        metrics += ["--metric=dcr_share", "--metric=mia_distance", "--metric=validity"]
        words = ["evaluate", tmp_path / "copier.csv", *sides, *metrics]
        neotype(*words)
        papers = ["--junit", tmp_path / "policy.xml", "--summary", tmp_path / "summary.md"]
        done = CliRunner().invoke(app, [str(w) for w in [*words, "--policy", "internal", *papers]])
        assert done.exit_code == REFUSED
        said = " ".join(done.output.split())
        assert "Policy 'internal' refuses this table" in said
        assert re.search(r"exact_copies: 0\.1\d* \(0\.\d+ – 0\.\d+\), asked ≤ 0\.00", said)
        assert "mia_distance" not in said.split("refuses this table")[1]
        (suite,) = ElementTree.parse(tmp_path / "policy.xml").getroot()
        assert suite.get("tests") == "6"
        failed = [case.get("name") for case in suite if case.find("failure") is not None]
        assert "exact_copies" in failed
        assert (tmp_path / "summary.md").read_text().count("❌ fail") == len(failed)
        neotype("evaluate", tmp_path / "fresh.csv", *sides, *metrics, "--policy", "internal")

    def test_a_policy_of_ones_own_with_expectations(
        self, sides: list[object], tmp_path: Path
    ) -> None:
        policy = tmp_path / "mine.yaml"
        policy.write_text(
            "because: For the tests.\n"
            "gates: [{measure: shape, at_least: .9}]\n"
            "expectations:\n"
            "- {name: adults, rows: 'age >= 18'}\n"
            "- {rate: \"income = '>50K'\", like_train_within: .05}\n"
        )
        words = ["evaluate", tmp_path / "fresh.csv", *sides, "--metric", "shape", "--json"]
        facts = json.loads(neotype(*words, "--policy", policy, code=REFUSED))
        ruling = facts["ruling"]
        assert (ruling["policy"], ruling["allowed"]) == ("mine", False)
        status = {outcome["name"]: outcome["status"] for outcome in ruling["outcomes"]}
        assert status == {"shape": "pass", "adults": "fail", "rate income = '>50K'": "pass"}
        assert json.loads(neotype(*words))["ruling"] is None

    def test_what_was_not_measured_refuses(self, sides: list[object], tmp_path: Path) -> None:
        words = ["evaluate", tmp_path / "fresh.csv", *sides, "--metric", "shape", "--json"]
        ruling = json.loads(neotype(*words, "--policy", "good", code=REFUSED))["ruling"]
        status = {outcome["name"]: outcome["status"] for outcome in ruling["outcomes"]}
        assert status["axis fidelity"] == "pass"
        assert status["axis privacy"] == status["axis utility"] == "not measured"

    def test_a_run_obeys_too_and_writes_its_report_all_the_same(
        self, data: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "strict.yaml").write_text("gates: [{measure: shape, at_least: 1}]\n")
        (tmp_path / "plan.yaml").write_text(
            "source: adult.csv\noutput: out\nsynthesizer: independent\nmetrics: [shape]\n"
            "policy: strict.yaml\n"
        )
        words = ["run", tmp_path / "plan.yaml", "--junit", tmp_path / "j.xml", "--json"]
        facts = json.loads(neotype(*words, code=REFUSED))
        assert not facts["ruling"]["allowed"]
        assert json.loads((tmp_path / "out" / "report.json").read_text())["ruling"]["policy"]
        assert b"<failure" in (tmp_path / "j.xml").read_bytes()
        again = ["run", tmp_path / "out" / "plan.yaml", "-o", tmp_path / "again", "--json"]
        assert not json.loads(neotype(*again, code=REFUSED))["ruling"]["allowed"]
        (tmp_path / "lax.yaml").write_text("gates: [{measure: shape, at_least: .5}]\n")
        neotype(*again, "--force", "--policy", tmp_path / "lax.yaml")

    def test_a_preset_to_start_from(self, tmp_path: Path) -> None:
        mine = tmp_path / "policy.yaml"
        assert "measure: exact_copies" in neotype("policy", "partner")
        neotype("policy", "partner", "-o", mine)
        assert mine.read_text() == neotype("policy", "partner")
        assert "policy 'partner'" in neotype("policy", mine)


class TestWhatElseIsKnown:
    def test_roles_a_claim_and_copies_reach_the_measures(
        self, sides: list[object], tmp_path: Path
    ) -> None:
        metrics = ["k_anonymity", "group_representation", "epsilon_audit"]
        words = ["evaluate", tmp_path / "fresh.csv", *sides, "--json"]
        words += [f"--metric={name}" for name in metrics]
        bare = {s["metric"]: s["value"] for s in json.loads(neotype(*words))["scores"]}
        assert bare["k_anonymity"] is None
        assert bare["group_representation"] is None
        told = [*words, "--quasi", "age,sex", "--quasi", "race", "--sensitive", "sex"]
        told += ["--epsilon", 5, "--delta", 1e-6, "--copy", tmp_path / "copier.csv"]
        facts = json.loads(neotype(*told))
        assert all(score["value"] is not None for score in facts["scores"])

    def test_a_model_beside_a_holdout_lends_its_likelihoods(
        self, adult: pl.DataFrame, sides: list[object], tmp_path: Path
    ) -> None:
        model = tmp_path / "m.neotype"
        neotype("fit", tmp_path / "train.csv", "-o", model, "--set", "refine=0")
        words = ["evaluate", tmp_path / "fresh.csv", *sides, "--metric", "mia_likelihood", "--json"]
        (without,) = json.loads(neotype(*words))["scores"]
        (score,) = json.loads(neotype(*words, "--model", model))["scores"]
        assert without["value"] is None
        assert score["value"] > 0.5


class TestCompare:
    def test_tables_are_ranked_by_name(
        self, adult: pl.DataFrame, sides: list[object], tmp_path: Path
    ) -> None:
        shuffled = [adult[name].shuffle(seed=k) for k, name in enumerate(adult.columns)]
        pl.DataFrame(shuffled).write_csv(tmp_path / "apart.csv")
        page = tmp_path / "compare.html"
        words = ["compare", tmp_path / "apart.csv", tmp_path / "fresh.csv", *sides]
        words += ["--metric", "trend", "--metric", "shape", "--metric", "k_anonymity"]
        said = neotype(*words, "--html", page)
        assert "fresh comes first" in said
        assert "not measured: k-anonymity" in said
        assert page.read_text().lstrip().lower().startswith("<!doctype html")
        facts = json.loads(neotype(*words, "--json"))
        assert [standing["table"] for standing in facts["ranking"]] == ["fresh", "apart"]


def test_a_page_of_scores_fits_its_width(sides: list[object], tmp_path: Path) -> None:
    """Measured first; what was not, in a line at the end of its axis with the reason."""
    metrics = ["shape", "time_patterns", "trend", "k_anonymity", "exact_copies"]
    words = ["evaluate", tmp_path / "fresh.csv", *sides, *(f"--metric={name}" for name in metrics)]
    lines = neotype(*words).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 110
    order = ("FIDELITY", "Column shapes", "Pairs of columns", "not measured: Time", "PRIVACY")
    order += ("Exact copies", "not measured: k-anonymity")
    found = [next(k for k, line in enumerate(lines) if word in line) for word in order]
    assert found == sorted(found)
    assert any("● good" in line for line in lines)


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
