"""Real rows and a model of them, made once and shared."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import servers
from neotype.dp import entropy, noise

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass
class _Seeded:
    """Private noise that is the same in every run: what is said of a draw then never varies.

    OpenDP, which takes no bytes from outside, is not asked, unless noise is so wide that nothing
    can be told: a table gives the very same distribution as its Gaussian.
    """

    random: np.random.Generator

    def laplace(self, values: Any, scale: float) -> Any:
        one, other = self.random.geometric(-np.expm1(-1 / scale), (2, *values.shape))
        return values + one - other

    def noisy_max(self, scores: Any, scale: float) -> int:
        return int(np.argmax(scores / scale + self.random.gumbel(size=len(scores))))


@contextmanager
def _noise_of(name: str) -> Iterator[None]:
    seeded = _Seeded(np.random.default_rng(zlib.crc32(name.encode())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entropy, "source", seeded.random.bytes)
        patch.setattr(noise, "CELL_THROUGH_OPENDP", 1e5)
        patch.setattr(noise, "laplace", seeded.laplace)
        patch.setattr(noise, "noisy_max", seeded.noisy_max)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    with _noise_of(f"{fixturedef.baseid} {fixturedef.argname}"):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Tests of what is done with noise have a seed; those of noise itself have OpenDP's."""
    if item.get_closest_marker("fresh_noise"):
        return (yield)
    with _noise_of(item.nodeid):
        return (yield)


@pytest.fixture(scope="session")
def adult() -> pl.DataFrame:
    """2,000 rows of Adult."""
    return pl.read_parquet(EXAMPLES / "adult.parquet").head(2000)


@pytest.fixture(scope="session")
def adult_holdout() -> pl.DataFrame:
    """1,000 other rows of Adult."""
    return pl.read_parquet(EXAMPLES / "adult_holdout.parquet").head(1000)


@pytest.fixture(scope="session")
def model_file(adult: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unrefined model of `adult`, fitted with a quarter kept apart. Not to be written to."""
    import neotype as nt

    folder = tmp_path_factory.mktemp("model")
    adult.write_csv(folder / "adult.csv")
    model = nt.fit(folder / "adult.csv", target="income", refine=0, holdout=0.25)
    return model.save(folder / "adult.neotype")


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Server]:
    """A real PostgreSQL server, or a skip that says why there is none."""
    try:
        with servers.postgresql() as server:
            yield server
    except servers.NotHereError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def maria() -> Iterator[servers.Server]:
    """A real MariaDB server, or a skip that says why there is none."""
    try:
        with servers.mariadb() as server:
            yield server
    except servers.NotHereError as reason:
        pytest.skip(str(reason))
