"""The loop in which networks learn: it ends in time, mends itself, and goes on where it was."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'neotype[deep]'")

import neotype as nt  # noqa: E402
from neotype.errors import FitError  # noqa: E402
from neotype.nn.train import Training, train, weights_of  # noqa: E402
from neotype.nn.vae import Autoencoder  # noqa: E402
from neotype.synth.vae import VAE  # noqa: E402

SIZES = (4, 3, 6)
SHAPE = {"latent": 3, "hidden": 16, "layers": 1, "components": 4, "beta": 0.5}


def rows(count: int = 400, seed: int = 0) -> Any:
    draw = np.random.Generator(np.random.PCG64(seed))
    first = draw.integers(0, 4, count)
    columns = [first, first % 3, np.minimum(first + draw.integers(0, 3, count), 5)]
    return np.stack(columns, axis=1).astype(np.uint8)


def plain() -> Autoencoder:
    return Autoencoder(SIZES, **SHAPE)


class Stopped(Autoencoder):
    """One that a person stops in the middle of an epoch."""

    left = 8

    def steps(self, rows: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().steps(rows)


class Broken(Autoencoder):
    """One whose loss is no number at some steps."""

    broken: Callable[[int], bool]
    step = 0

    def steps(self, rows: Any) -> Any:
        self.step += 1
        for part, loss in super().steps(rows):
            yield part, loss * float("nan") if self.broken(self.step) else loss


def same(one: Any, two: Any) -> bool:
    mine, theirs = weights_of(one), weights_of(two)
    return all(np.array_equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_an_interrupted_run_goes_on_to_the_network_of_one_that_was_not(
    tmp_path: Path, average: float
) -> None:
    file = tmp_path / "run.safetensors"
    whole = Training(epochs=6, batch=100, average=average)
    kept = Training(epochs=6, batch=100, average=average, checkpoint=file)
    straight, curve = train(plain, rows(), whole, seed=3)
    with pytest.raises(KeyboardInterrupt):
        train(lambda: Stopped(SIZES, **SHAPE), rows(), kept, seed=3)
    resumed, again = train(plain, rows(), kept, seed=3)
    assert again.losses == curve.losses
    assert same(straight, resumed)


def watched(data: Any, settings: Training) -> tuple[Any, list[str]]:
    notes: list[str] = []

    def tell(stage: str, done: int, total: int, note: str = "") -> None:
        notes.append(note)

    return train(plain, data, settings, seed=3, progress=tell)[0], notes


def test_it_shows_how_alike_its_rows_are_and_learns_the_same_for_that() -> None:
    settings = Training(epochs=40, batch=100, rate=5e-3)
    network, notes = watched(rows(4000), settings)
    told = [re.search(r"pairs ([\d.]+)% alike \(real: ([\d.]+)%\)", note) for note in notes[:-1]]
    alike = [float(one[1]) for one in told if one]
    real = {float(one[2]) for one in told if one}
    assert len(alike) == len(told)
    assert len(real) == 1
    assert 90 < min(real) < 100
    assert alike[0] + 5 < alike[-1] < 100
    assert same(network, train(plain, rows(4000), settings, seed=3)[0])


def test_too_few_rows_tell_nothing_of_how_alike_they_are() -> None:
    notes = watched(rows(400), Training(epochs=2, batch=100))[1]
    assert notes[0].startswith("loss ")
    assert "alike" not in notes[0]


def test_a_run_may_be_prolonged(tmp_path: Path) -> None:
    file = tmp_path / "run.safetensors"
    train(plain, rows(), Training(epochs=2, batch=100, checkpoint=file), seed=3)
    longer, curve = train(plain, rows(), Training(epochs=5, batch=100, checkpoint=file), seed=3)
    straight, _ = train(plain, rows(), Training(epochs=5, batch=100), seed=3)
    assert [epoch for epoch, _ in curve.losses] == [1, 2, 3, 4, 5]
    assert same(straight, longer)


@pytest.mark.parametrize("other", ["data", "settings", "network"])
def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, other: str) -> None:
    file = tmp_path / "run.safetensors"
    train(plain, rows(), Training(epochs=1, checkpoint=file), seed=3)
    settings = Training(epochs=1, checkpoint=file, rate=1e-2 if other == "settings" else 1e-3)
    shape = SHAPE | ({"beta": 0.1} if other == "network" else {})
    with pytest.raises(FitError, match="other data or other settings"):
        train(
            lambda: Autoencoder(SIZES, **shape),
            rows(seed=1 if other == "data" else 0),
            settings,
            seed=3,
        )


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x10" + 40 * b"\x00"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "run.safetensors"
    file.write_bytes(content)
    with pytest.raises(FitError, match="no checkpoint, or a damaged one"):
        train(plain, rows(), Training(epochs=1, checkpoint=file), seed=3)
    assert file.read_bytes() == content


def test_a_loss_that_is_no_number_restores_the_best_state_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def make() -> Broken:
        made = Broken(SIZES, **SHAPE)
        made.broken = lambda step: step == 14
        return made

    with caplog.at_level(logging.WARNING, logger="neotype"):
        learner, curve = train(make, rows(), Training(epochs=6, batch=100), seed=3)
    assert "the best state so far is restored" in caplog.text
    assert [epoch for epoch, _ in curve.losses] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(one).all() for one in weights_of(learner).values())


def test_a_loss_that_stays_no_number_ends_training_with_the_best_state() -> None:
    def make() -> Broken:
        made = Broken(SIZES, **SHAPE)
        made.broken = lambda step: step > 12
        return made

    learner, curve = train(make, rows(), Training(epochs=50, batch=100), seed=3)
    best, _ = train(plain, rows(), Training(epochs=3, batch=100), seed=3)
    assert curve.ended == "as the loss was no number again"
    assert same(learner, best)


def test_training_ends_on_time_with_the_best_network_so_far() -> None:
    begun = time.monotonic()
    learner, curve = train(plain, rows(), Training(epochs=100_000, seconds=0.5), seed=0)
    assert time.monotonic() - begun < 10
    assert curve.ended == "after 0.5 seconds, as was asked"
    assert curve.losses
    assert all(np.isfinite(one).all() for one in weights_of(learner).values())


def test_training_ends_where_nothing_gets_better() -> None:
    draw = np.random.Generator(np.random.PCG64(0))
    noise = np.stack([draw.integers(0, size, 100) for size in SIZES], axis=1).astype(np.uint8)
    _, curve = train(plain, noise, Training(epochs=2000, batch=50, rate=1e-2, patience=2), seed=0)
    assert curve.ended.endswith("as nothing got better")
    losses = [loss for _, loss in curve.losses]
    assert len(losses) < 500
    assert min(losses) < losses[-1]


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(FitError, match="torch knows no device 'abacus'"):
        train(plain, rows(), Training(device="abacus"), seed=0)
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA: that it is missing cannot be seen")
    with pytest.raises(FitError, match="torch sees no CUDA device") as error:
        nt.fit(pl.DataFrame({"a": [1, 2, 3] * 20}), synthesizer=VAE(device="cuda"))
    assert "device='cpu'" in str(error.value)


def test_where_torch_is_not_installed_the_line_that_installs_it_is_said() -> None:
    script = """
import sys
sys.modules["torch"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
import neotype as nt
import polars as pl
try:
    nt.fit(pl.DataFrame({"a": [1, 2, 3] * 20}), synthesizer="vae")
except nt.NeotypeError as fault:
    print(fault)
"""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert "pip install 'neotype[deep]'" in said
