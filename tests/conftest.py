"""Real rows and a model of them, made once and shared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import servers

EXAMPLES = Path(__file__).parents[1] / "examples"


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
