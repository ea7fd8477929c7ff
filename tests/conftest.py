"""Real rows and a model of them, made once and shared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

import servers
from neotype.dp import entropy, noise

_CELL = noise.CELL_THROUGH_OPENDP
EXAMPLES = Path(__file__).parents[1] / "examples"


def _noise(name: str) -> None:
    """Private noise that is the same in every run of what has this name.

    Few cells get it from tables too, unless it is so wide that nothing can be told of them:
    OpenDP, which gives the very same distribution, takes no bytes from outside.
    """
    entropy.source = Random(name).randbytes
    noise.CELL_THROUGH_OPENDP = 1e5


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    before = entropy.source
    _noise(f"{fixturedef.baseid} {fixturedef.argname}")
    try:
        return (yield)
    finally:
        entropy.source = before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Tests of what is done with noise see the same in every run; those of noise itself do not."""
    _noise(item.nodeid)
    if item.get_closest_marker("fresh_noise"):
        entropy.source, noise.CELL_THROUGH_OPENDP = os.urandom, _CELL
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
