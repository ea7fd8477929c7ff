"""What a person sees when an evaluation is asked for what cannot be: words, and nothing left."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from neotype.cli import app

USER_ERROR = 1
EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real rows, other real rows in the place of synthetic ones, and policies with faults."""
    home = tmp_path_factory.mktemp("evaluation")
    rows = pl.read_parquet(EXAMPLES / "adult.parquet")
    rows[:600].write_csv(home / "train.csv")
    rows[1000:1400].write_csv(home / "holdout.csv")
    rows[2000:2400].write_csv(home / "made.csv")
    rows[3000:3400].drop("sex").rename({"race": "rase"}).write_csv(home / "other.csv")
    (home / "faulty.yaml").write_text("gates: [{measure: c2sd, at_most: 1}]\n")
    (home / "crossed.yaml").write_text("gates: [{measure: c2st, at_least: .7, at_most: .6}]\n")
    (home / "empty.yaml").write_text("name: nothing\n")
    (home / "broken.yaml").write_text("gates: [\n")
    (home / "aeg.yaml").write_text("expectations: [{name: adults, rows: aeg >= 17}]\n")
    return home


def evaluate(folder: Path, *words: object, made: str = "made.csv", code: int = USER_ERROR) -> str:
    """Everything that the command says."""
    sides = ["--train", folder / "train.csv", "--holdout", folder / "holdout.csv"]
    line = ["evaluate", folder / made, *sides, "--metric", "shape", *words]
    before = sorted(path.name for path in folder.iterdir())
    done = CliRunner().invoke(app, [str(word).replace("{}", str(folder)) for word in line])
    assert done.exit_code == code, (done.exit_code, done.output)
    assert "Traceback" not in done.output
    assert sorted(path.name for path in folder.iterdir()) == before
    return " ".join(done.output.split())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--policy", "partnr"], "no policy is called 'partnr'. registered: fair, good, internal"),
        (["--policy", "partnr"], "did you mean 'partner'?"),
        (["--policy", "{}/no.yaml"], "cannot be read: No such file"),
        (["--policy", "{}/faulty.yaml"], "'gates.0': no measure is called 'c2sd'; did you mean"),
        (["--policy", "{}/crossed.yaml"], "nothing is at least 0.7 and at most 0.6"),
        (["--policy", "{}/empty.yaml"], "everything would pass"),
        (["--policy", "{}/broken.yaml"], "broken.yaml' is not YAML"),
        (["--policy", "{}/aeg.yaml"], "expectation 'adults' names column 'aeg'"),
        (["--policy", "{}/aeg.yaml"], "did you mean 'age'?"),
        (["--junit", "{}/j.xml"], "there is no policy"),
        (["--summary", "{}/s.md"], "add --policy partner"),
        (["--policy", "fair", "--junit", "{}/aeg.yaml"], "exists already"),
        (["--policy", "fair", "--junit", "{}/made.csv"], "is an input, and would be replaced"),
        (["--html", "{}/made.csv", "--force"], "is an input, and would be replaced"),
        (["--card", "{}/train.csv", "--force"], "name another path for the output"),
        (["--html", "{}/one", "--card", "{}/one"], "one' is named for two outputs"),
        (["--policy", "fair", "--html", "{}/one", "--summary", "{}/one"], "would be replaced"),
        (["--policy", "{}/faulty.yaml", "--summary", "{}/faulty.yaml"], "would be replaced"),
        (["--epsilon", "1"], "none of the measures that are named looks at it. name epsilon_audit"),
        (["--scorer", "math:dist"], "a scorer is given, and none of the measures"),
        (["--deep", "--recipe", "trees"], "to learn anew is given, and none of the measures"),
        (["--policy", "fair", "--junit", "/proc/nowhere/j.xml"], "cannot be written"),
        (["--policy", "fair", "--summary", "/proc/nowhere/s.md"], "cannot be written"),
        (["--sensitive", "sx"], "sensitive names column 'sx', which does not exist"),
        (["--quasi", "age,rcae"], "quasi-identifiers names column 'rcae'"),
        (["--quasi", "age,rcae"], "did you mean 'race'?"),
        (["--target", "incme"], "did you mean 'income'?"),
        (["--epsilon", "-1"], "epsilon -1 cannot be claimed"),
        (["--epsilon", "0"], "give a number above 0"),
        (["--epsilon", "inf"], "epsilon inf cannot be claimed"),
        (["--epsilon", "1", "--delta", "1"], "delta 1 cannot be claimed: it is a probability"),
        (["--epsilon", "1", "--delta", "-.1"], "delta -0.1 cannot be claimed"),
        (["--delta", "1e-6"], "--delta belongs to a claim"),
        (["--deep"], "no recipe is known. name the synthesizer that made the rows"),
        (["--deep", "--recipe", "tres"], "did you mean 'trees'?"),
        (["--deep", "--recipe", "trees", "--shadows", "1"], "take 2 or more"),
        (["--copy", "{}/other.csv"], "synthetic table 2 does not have the form"),
        (["--copy", "{}/other.csv"], "column 'rase' is not known; did you mean 'race'?"),
        (["--copy", "{}/no.csv"], "no.csv"),
        (["--metric", "shap"], "did you mean 'shape'?"),
    ],
)
def test_what_cannot_be_asked(options: list[str], says: str, folder: Path) -> None:
    assert says in evaluate(folder, *options)


@pytest.mark.parametrize(
    ("scorer", "says"),
    [
        ("nowhere:score", "nowhere"),
        ("scorers:sore", "sore"),
        ("scorers", "module:function"),
        ("scorers:NUMBER", "NUMBER"),
    ],
)
def test_a_scorer_that_cannot_be_found(
    scorer: str, says: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scorers.py").write_text("NUMBER = 3\ndef score(train, test): return 0.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert says in evaluate(folder, "--scorer", scorer)


def test_a_synthetic_table_of_another_form(folder: Path) -> None:
    said = evaluate(folder, made="other.csv")
    assert "column 'sex' is missing" in said
    assert "column 'rase' is not known; did you mean 'race'?" in said


def test_a_synthetic_table_that_is_the_train_table(folder: Path) -> None:
    assert "the synthetic table is the train table itself" in evaluate(folder, made="train.csv")


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        (["made.csv"], "1 synthetic table cannot be compared"),
        (["made.csv", "made.csv"], "given twice"),
        (["made.csv", "other.csv"], "column 'sex' is missing"),
        (["made.csv", "no.csv"], "no.csv"),
    ],
)
def test_tables_that_cannot_be_compared(tables: list[str], says: str, folder: Path) -> None:
    sides = ["--train", folder / "train.csv", "--holdout", folder / "holdout.csv"]
    words = ["compare", *(folder / name for name in tables), *sides, "--metric", "shape"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == USER_ERROR
    assert says in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("policy: partnr", "did you mean 'partner'?"),
        ("policy: no.yaml", "cannot be read"),
        ("policy: aeg.yaml", "expectation 'adults' names column 'aeg'"),
        ("sensitive: sx", "sensitive names column 'sx'"),
        ("quasi_identifiers: [age, rcae]", "did you mean 'race'?"),
        ("shadows: 1", "'shadows'"),
        ("deep: perhaps", "'deep'"),
        ("polcy: fair", "did you mean 'policy'?"),
        ("scorer: nowhere:score", "nowhere"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused_before_it_learns(
    settings: str, says: str, folder: Path
) -> None:
    plan = folder / "plan.yaml"
    plan.write_text(f"source: train.csv\noutput: out\n{settings}\n")
    done = CliRunner().invoke(app, ["run", str(plan)])
    assert done.exit_code == USER_ERROR, done.output
    assert says in " ".join(done.output.split())
    assert not (folder / "out").exists()
    plan.unlink()


def test_rows_that_the_model_did_not_learn(folder: Path, model_file: Path) -> None:
    said = evaluate(folder, "--model", model_file)
    assert "the model was learnt from 1,500 rows, and train has 600" in said


def test_a_policy_to_print_that_does_not_exist() -> None:
    done = CliRunner().invoke(app, ["policy", "publik"])
    assert done.exit_code == USER_ERROR
    assert "did you mean 'public'?" in done.output


def test_recipes_and_shadows_are_not_passed_over_in_silence(folder: Path) -> None:
    sides = ["--train", str(folder / "train.csv"), "--holdout", str(folder / "holdout.csv")]
    for options in (["--recipe", "trees"], ["--shadows", "4"]):
        done = CliRunner().invoke(app, ["evaluate", str(folder / "made.csv"), *sides, *options])
        assert done.exit_code == USER_ERROR, done.output
        assert "--deep" in done.output


def test_compare_names_the_faulty_table_before_it_measures_any(folder: Path) -> None:
    sides = ["--train", str(folder / "train.csv"), "--holdout", str(folder / "holdout.csv")]
    for other, says in (
        ("other.csv", "'other' does not have the form of the training data"),
        ("train.csv", "'train' is the train table itself, row by row"),
    ):
        tables = [str(folder / "made.csv"), str(folder / other)]
        done = CliRunner().invoke(app, ["compare", *tables, *sides, "--metric", "shape"])
        assert done.exit_code == USER_ERROR, done.output
        assert says in " ".join(done.output.split())


def test_no_model_replaces_the_data_that_it_learns(folder: Path) -> None:
    data = folder / "made.csv"
    held = data.read_bytes()
    done = CliRunner().invoke(app, ["fit", str(data), "-o", str(data), "--force"])
    assert done.exit_code == USER_ERROR
    assert "is an input" in done.output
    assert data.read_bytes() == held
