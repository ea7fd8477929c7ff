"""Samples onto a disk: the same for any number of workers, resumed after a stop, never mixed."""

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

import neotype as nt
from neotype.errors import ModelFileError, OutputExistsError, SamplingError, SourceError
from neotype.synth.stream import MANIFEST, sample_to_folder

ROWS = 300_000


def parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*.parquet"))}


@pytest.fixture(scope="module")
def whole(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sample, made by one worker in parts of one block."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    sample_to_folder(model_file, folder, rows=ROWS, seed=3, part_rows=1)
    return folder


def test_the_parts_are_the_sample(model_file: Path, whole: Path) -> None:
    rows = pl.read_parquet(whole / "part-*.parquet")
    assert rows.height == ROWS
    assert rows.equals(nt.load(model_file).sample(ROWS, seed=3))
    manifest = json.loads((whole / MANIFEST).read_text())
    assert (manifest["seed"], manifest["rows"]) == (3, ROWS)
    assert len(parts(whole)) == manifest["parts"] > 2


def test_the_number_of_workers_changes_nothing(
    model_file: Path, whole: Path, tmp_path: Path
) -> None:
    heard: list[tuple[str, int, int]] = []
    sample_to_folder(
        model_file,
        tmp_path / "out",
        rows=ROWS,
        seed=3,
        part_rows=1,
        workers=2,
        progress=lambda *step: heard.append(step),
    )
    assert parts(tmp_path / "out") == parts(whole)
    assert heard[-1] == ("sample", ROWS, ROWS)
    done = [step[1] for step in heard]
    assert done == sorted(done)


def test_the_size_of_the_parts_changes_no_row(
    model_file: Path, whole: Path, tmp_path: Path
) -> None:
    sample_to_folder(model_file, tmp_path / "out", rows=ROWS, seed=3, part_rows=10**9)
    assert list(parts(tmp_path / "out")) == ["part-00000.parquet"]
    one = pl.read_parquet(tmp_path / "out" / "part-00000.parquet")
    assert one.equals(pl.read_parquet(whole / "part-*.parquet"))


def test_what_is_missing_or_damaged_is_made_again(
    model_file: Path, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for path in whole.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "part-00001.parquet").unlink()
    (folder / "part-00000.parquet").write_bytes(b"PAR1 and no more")
    (folder / "part-00002.parquet.partial").write_bytes(b"left by a killed worker")
    kept = (folder / "part-00002.parquet").stat().st_mtime_ns
    sample_to_folder(model_file, folder, rows=ROWS, seed=3)
    assert parts(folder) == parts(whole)
    assert (folder / "part-00002.parquet").stat().st_mtime_ns == kept
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize(
    ("other", "says"), [({"seed": 4}, "seed: 3 there, 4 asked for"), ({"rows": 7}, "7 asked for")]
)
def test_two_samples_are_never_mixed(
    other: dict[str, int], says: str, model_file: Path, whole: Path
) -> None:
    before = parts(whole)
    with pytest.raises(SourceError, match="two are never mixed") as caught:
        sample_to_folder(model_file, whole, **{"rows": ROWS, "seed": 3, **other})
    assert says in str(caught.value)
    assert parts(whole) == before


def test_another_model_is_refused(
    whole: Path, adult: pl.DataFrame, model_file: Path, tmp_path: Path
) -> None:
    other = nt.fit(adult.head(500), synthesizer="independent").save(tmp_path / "other.neotype")
    with pytest.raises(SourceError, match=r"model: \w+ there, \w+ asked for"):
        sample_to_folder(other, whole, rows=ROWS, seed=3)


def test_a_foreign_folder_is_left_alone(model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(OutputExistsError):
        sample_to_folder(model_file, tmp_path, rows=10)
    (tmp_path / MANIFEST).write_text('{"format": "something else"}')
    with pytest.raises(SourceError, match="another program"):
        sample_to_folder(model_file, tmp_path, rows=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", MANIFEST]


def test_force_begins_anew(model_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    sample_to_folder(model_file, folder, rows=ROWS, seed=3, part_rows=1)
    sample_to_folder(model_file, folder, rows=50, seed=4, force=True)
    rows = pl.read_parquet(folder / "part-*.parquet")
    assert rows.equals(nt.load(model_file).sample(50, seed=4))


def test_what_cannot_be_asked(model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(SamplingError, match="0 workers"):
        sample_to_folder(model_file, tmp_path / "out", rows=10, workers=0)
    with pytest.raises(SamplingError, match="part of 0 rows"):
        sample_to_folder(model_file, tmp_path / "out", rows=10, part_rows=0)
    with pytest.raises(ModelFileError):
        sample_to_folder(tmp_path / "no.neotype", tmp_path / "out", rows=10)
    assert not (tmp_path / "out").exists()


def start(model_file: Path, folder: Path, workers: int) -> subprocess.Popen[str]:
    words = ["sample", str(model_file), "-n", "1000000", "-o", f"{folder}/", "--part-rows", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "neotype", *words, "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_parts(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    deadline = time.monotonic() + 90
    while len(list(folder.glob("part-*.parquet"))) < count:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_the_finished_parts(workers: int, model_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with start(model_file, folder, workers) as process:
        wait_for_parts(process, folder, 2)
        # As a terminal does: to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    said = " ".join(said.split())
    assert "finished parts are kept" in said
    assert "the same command makes the rest" in said
    assert "Traceback" not in said
    assert not list(folder.glob("*.partial"))
    first = parts(folder)
    assert len(first) >= 2
    manifest = json.loads((folder / MANIFEST).read_text())
    assert len(first) < manifest["parts"]
    for number, name in enumerate(first):
        assert pl.read_parquet(folder / name).height == manifest["block_rows"], (number, name)


def test_a_killed_call_is_resumed(model_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with start(model_file, folder, 2) as process:
        wait_for_parts(process, folder, 3)
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    before = {name: (folder / name).stat().st_mtime_ns for name in parts(folder)}
    # The workers notice that nobody listens; what they still finish is as good as any.
    sample_to_folder(model_file, folder, rows=1_000_000, workers=2)
    assert pl.scan_parquet(folder / "part-*.parquet").select(pl.len()).collect().item() == 1_000_000
    assert not list(folder.glob("*.partial"))
    kept = {name: (folder / name).stat().st_mtime_ns for name in before}
    assert kept == before
    expected = nt.load(model_file).model
    from neotype.rng import Rng

    block = next(iter(expected.blocks(1_000_000, rng=Rng(0).child("sample"), start=5)))
    assert pl.read_parquet(folder / "part-00005.parquet").equals(block)
