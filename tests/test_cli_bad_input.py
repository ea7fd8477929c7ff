"""What a person sees when something is wrong: a message, an exit code, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from neotype.cli import app

USER_ERROR, USAGE = 1, 2
ROWS = "a,b\n" + "".join(f"{k % 7},{'xy'[k % 2]}\n" for k in range(100))


def neotype(*words: object, code: int = 0) -> str:
    """Everything the command says."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, (done.exit_code, done.output)
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no.csv"),
        (b"", "empty"),
        (b"a,b,c\n", "no rows"),
        (b"a,b,a\n1,2,3\n4,5,6\n", "'a'"),
        (b"\x00\x01\x02\xff\xfe\x00" * 50, "input.csv"),
    ],
    ids=["no file", "empty file", "header only", "duplicate column names", "binary junk"],
)
@pytest.mark.parametrize("verb", ["inspect", "fit", "run"])
def test_data_that_cannot_be_read(
    verb: str, content: bytes | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / ("no.csv" if content is None else "input.csv")
    if content is not None:
        path.write_bytes(content)
    before = left_in(tmp_path)
    out = {"inspect": [], "fit": ["-o", tmp_path / "m.neotype"], "run": ["-o", tmp_path / "out"]}
    assert says in neotype(verb, path, *out[verb], code=USER_ERROR)
    assert left_in(tmp_path) == before


def test_one_row(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a,b\n1,x\n")
    said = neotype("run", tmp_path / "one.csv", "-o", tmp_path / "out", code=USER_ERROR)
    assert "train has 1 row" in said
    assert left_in(tmp_path) == ["one.csv"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--target", "bb"], "did you mean 'b'?"),
        (["--target", "c"], "target names column 'c', which does not exist. the table has: a, b"),
        (["--synthesizer", "tree"], "did you mean 'trees'?"),
        (["--set", "refin=0"], "did you mean 'refine'?"),
        (["--set", "refine"], "is not NAME=VALUE"),
        (["--set", "refine=soon"], "there is 'soon'"),
        (["--holdout", "0.01"], "holdout has 1 row"),
        (["--holdout", "1.5"], "a share"),
        (["--schema", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
@pytest.mark.parametrize("verb", ["fit", "run"])
def test_options_that_cannot_be_followed(
    verb: str, options: list[str], says: str, tmp_path: Path
) -> None:
    (tmp_path / "data.csv").write_text(ROWS)
    out = tmp_path / ("m.neotype" if verb == "fit" else "out")
    assert says in neotype(verb, tmp_path / "data.csv", "-o", out, *options, code=USER_ERROR)
    assert left_in(tmp_path) == ["data.csv"]


def test_a_constant_target(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(ROWS.replace("y\n", "x\n"))
    said = neotype(
        "run", tmp_path / "data.csv", "--target", "b", "-o", tmp_path / "out", code=USER_ERROR
    )
    assert "target 'b' has the same value in every row" in said
    assert left_in(tmp_path) == ["data.csv"]


def test_a_plan_with_a_typo(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("source: a.csv\noutput: out\ntraget: income\n")
    said = neotype("run", tmp_path / "plan.yaml", code=USER_ERROR)
    assert "'traget' is not a setting; did you mean 'target'?" in said


def test_an_unknown_verb_or_option_is_usage() -> None:
    assert "frobnicate" in neotype("frobnicate", code=USAGE)
    assert "--frobnicate" in neotype("run", "x.csv", "--frobnicate", code=USAGE)
    neotype("fit", code=USAGE)


@pytest.mark.parametrize("count", ["0", "-5"])
@pytest.mark.parametrize("output", ["out.csv", "out/"])
def test_no_rows_or_fewer(count: str, output: str, model_file: Path, tmp_path: Path) -> None:
    said = neotype(
        "sample", model_file, f"-n{count}", "-o", f"{tmp_path}/{output}", code=USER_ERROR
    )
    assert f"{count} rows cannot be made. ask for a whole number of 1 or more" in said
    assert left_in(tmp_path) == []


def test_given_rows_that_the_model_does_not_know(model_file: Path, tmp_path: Path) -> None:
    given, out = tmp_path / "given.csv", tmp_path / "out.csv"
    given.write_text("sax,age\nMale,30\n")
    said = neotype("sample", model_file, "--given", given, "-o", out, code=USER_ERROR)
    assert "column 'sax' is not known; did you mean 'sex'?" in said
    given.write_text("sex\nMale\nMartian\n")
    said = neotype("sample", model_file, "--given", given, "-o", out, code=USER_ERROR)
    assert "Martian" in said
    given.write_text("age\n30\nold\n")
    said = neotype("sample", model_file, "--given", given, "-o", out, code=USER_ERROR)
    assert "'old'" in said
    given.write_text("age\n30\n31\n")
    said = neotype("sample", model_file, "--given", given, "-n", 3, "-o", out, code=USER_ERROR)
    assert "3 rows are asked for, and 2 are given" in said
    said = neotype("sample", model_file, "--given", given, "-o", f"{tmp_path}/d/", code=USER_ERROR)
    assert "one file" in said
    assert left_in(tmp_path) == ["given.csv"]


@pytest.mark.parametrize("damage", ["cut", "junk", "empty", "text"])
def test_a_damaged_model(damage: str, model_file: Path, tmp_path: Path) -> None:
    whole = model_file.read_bytes()
    broken = {
        "cut": whole[: len(whole) // 2],
        "junk": os.urandom(1000),
        "empty": b"",
        "text": b"age,sex\n1,2\n",
    }
    path = tmp_path / "m.neotype"
    path.write_bytes(broken[damage])
    for words in (["inspect", path], ["sample", path, "-n", 5, "-o", tmp_path / "o.csv"]):
        assert "ModelFileError: '" in neotype(*words, code=USER_ERROR)
    assert left_in(tmp_path) == ["m.neotype"]


class TestTakenPaths:
    """An output that exists stays as it is, unless --force is given."""

    def test_fit(self, tmp_path: Path) -> None:
        (tmp_path / "data.csv").write_text(ROWS)
        out = tmp_path / "m.neotype"
        out.write_text("precious")
        words = ["fit", tmp_path / "data.csv", "-o", out, "--set", "refine=0"]
        assert "exists already. name another path, or add --force" in neotype(*words, code=1)
        assert out.read_text() == "precious"
        neotype(*words, "--force")
        assert out.read_bytes().startswith(b"PK")

    def test_sample_into_a_file(self, model_file: Path, tmp_path: Path) -> None:
        out = tmp_path / "rows.csv"
        out.write_text("precious")
        words = ["sample", model_file, "-n", 5, "-o", out]
        assert "exists already" in neotype(*words, code=USER_ERROR)
        assert out.read_text() == "precious"
        neotype(*words, "--force")
        assert pl.read_csv(out).height == 5

    def test_sample_into_a_folder(self, model_file: Path, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("precious")
        words = ["sample", model_file, "-n", 5, "-o", f"{tmp_path}/", "--workers", 1]
        assert "exists already" in neotype(*words, code=USER_ERROR)
        assert left_in(tmp_path) == ["notes.txt"]
        neotype(*words, "--force")
        assert left_in(tmp_path) == ["notes.txt", "part-00000.parquet", "sample.json"]

    def test_inspect(self, tmp_path: Path) -> None:
        (tmp_path / "data.csv").write_text(ROWS)
        out = tmp_path / "schema.yaml"
        out.write_text("precious")
        words = ["inspect", tmp_path / "data.csv", "--write", out]
        assert "exists already" in neotype(*words, code=USER_ERROR)
        assert out.read_text() == "precious"
        neotype(*words, "--force")
        assert "kind: categorical" in out.read_text()

    def test_run_before_any_work(self, tmp_path: Path) -> None:
        (tmp_path / "data.csv").write_text("this is never read")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "report.html").write_text("precious")
        said = neotype("run", tmp_path / "data.csv", "-o", tmp_path / "out", code=USER_ERROR)
        assert "exists already" in said
        assert left_in(tmp_path / "out") == ["report.html"]


@pytest.mark.parametrize("output", ["/proc/nowhere/x", "{file}/x"])
def test_a_folder_that_cannot_be_written(output: str, model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(ROWS)
    (tmp_path / "data.csv").write_text(ROWS)
    place = output.format(file=tmp_path / "file")
    data = tmp_path / "data.csv"
    for words in (
        ["fit", data, "-o", f"{place}/m.neotype"],
        ["run", data, "-o", place],
        ["sample", model_file, "-n", 5, "-o", f"{place}/rows.csv"],
        ["sample", model_file, "-n", 5, "-o", f"{place}/"],
    ):
        assert "cannot be written" in neotype(*words, code=USER_ERROR)
    assert left_in(tmp_path) == ["data.csv", "file"]


@pytest.mark.parametrize("output", ["rows.csv", "rows.parquet", "rows/"])
def test_a_full_disk(output: str, model_file: Path, tmp_path: Path) -> None:
    """The kernel refuses every byte after the first 64 KiB of a file, as a full disk does."""
    words = [sys.executable, "-m", "neotype", "sample", str(model_file), "-n", "200000"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh", *words, "-o", output, "--workers", "1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        check=False,
    )
    assert done.returncode == USER_ERROR, done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert left_in(tmp_path) == []


def test_ctrl_c_in_the_middle_of_a_run(tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "examples" / "adult.parquet"
    words = [sys.executable, "-m", "neotype", "run", str(data), "-o", str(tmp_path / "out")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        # Learning all of Adult takes far longer than this, and starting far less.
        time.sleep(5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "stopped. nothing was written." in said
    assert "Traceback" not in said
    assert left_in(tmp_path) == []


def test_ctrl_c_in_compiled_code_is_no_bug(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compiled code that Ctrl-C meets raises a SystemError, caused by one or by several more."""

    def compiled(*_: object, **__: object) -> None:
        try:
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as stop:
                raise SystemError("returned a result with an exception set") from stop
        except SystemError as first:
            raise SystemError("returned a result with an exception set") from first

    (tmp_path / "data.csv").write_text(ROWS)
    monkeypatch.setattr("neotype.api.fit", compiled)
    said = neotype("fit", tmp_path / "data.csv", "-o", tmp_path / "m.neotype", code=130)
    assert "stopped. nothing was written." in said


def test_a_bug_says_that_it_is_one(tmp_path: Path) -> None:
    """A third party's synthesizer that breaks is no fault of the user's data."""
    (tmp_path / "data.csv").write_text(ROWS)
    (tmp_path / "broken.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class Broken:\n"
        "    def fit(self, data, *, rng, progress=None): return 1 / 0\n"
    )
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[neotype.synthesizers]\nbroken = broken:Broken\n")
    words = ["fit", "data.csv", "-o", "m.neotype", "--synthesizer", "broken"]
    done = subprocess.run(
        [sys.executable, "-m", "neotype", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 70, done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "This is a bug in neotype" in done.stderr
    assert not (tmp_path / "m.neotype").exists()


def test_errors_are_json_for_machines(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["inspect", str(tmp_path / "no.csv"), "--json"])
    error = json.loads(done.stdout)["error"]
    assert done.exit_code == USER_ERROR
    assert error["type"] == "SourceError"
    assert "no.csv" in error["problem"]


def test_evaluating_without_a_holdout(
    model_file: Path, adult: pl.DataFrame, tmp_path: Path
) -> None:
    adult.write_csv(tmp_path / "rows.csv")
    rows = tmp_path / "rows.csv"
    said = neotype("evaluate", rows, "--train", rows, code=USER_ERROR)
    assert "rows that were not learnt" in said
    adult.head(500).write_csv(tmp_path / "other.csv")
    said = neotype(
        "evaluate", rows, "--train", tmp_path / "other.csv", "--model", model_file, code=USER_ERROR
    )
    assert "is not the data that the model was learnt from" in said
