"""Made sequences: owners with irregular, seasonal, sticky rows, and one long series."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.schema.schema import Categorical, Datetime, Identifier, Numeric, Schema, Table

STATES = np.array(["idle", "run", "stop", "wait"])
COLUMNS = {
    "owner": Identifier(storage="Int64", unique=False),
    "day": Datetime(storage="Date", part="date", resolution="day", nullable=True),
    "level": Numeric(storage="Float64", nullable=True),
    "price": Numeric(storage="Float64"),
    "state": Categorical(storage="String"),
    "sort": Categorical(storage="String"),
}


def rows_of(days: np.ndarray, generator: np.random.Generator) -> dict[str, list[object]]:
    """The rows of one owner at these days: a season, memory, restless spells, sticky states."""
    many = len(days)
    own, noise = generator.normal(), generator.normal(size=(3, many))
    level, calm, state = np.empty(many), np.empty(many), np.empty(many, int)
    for k in range(many):
        level[k] = (0.8 * level[k - 1] if k else 0.0) + 0.6 * noise[0, k]
        restless = 0.9 * (calm[k - 1] if k else 0.0) + 0.5 * noise[1, k]
        calm[k] = restless
        stays = k and generator.random() < 0.8
        state[k] = state[k - 1] if stays else generator.integers(4)
    season = 2 * np.sin(2 * np.pi * days / 365.25) + (days % 7 >= 5)
    return {
        "day": [date(2024, 1, 1) + timedelta(days=int(day)) for day in days],
        "level": (own + level + season).tolist(),
        "price": (np.exp(calm) * noise[2]).tolist(),
        "state": STATES[state].tolist(),
        "sort": ["ab"[own > 0]] * many,
    }


@cache
def panel(owners: int, seed: int, most: int = 60) -> Dataset:
    """Owners with 1 to `most` rows each, about two days apart, in no order."""
    generator = np.random.default_rng(seed)
    frames = []
    for owner in range(owners):
        many = int(generator.integers(1, most + 1))
        days = generator.integers(0, 200) + np.cumsum(generator.integers(1, 4, many))
        frames.append(pl.DataFrame(rows_of(days, generator)).with_columns(owner=pl.lit(owner)))
    frame = pl.concat(frames).select(pl.all().shuffle(seed))
    # One shuffle of all columns alike: rows stay whole, and lose their order.
    table = Table(columns=COLUMNS, entity="owner", sequence="day")
    return Dataset.of(
        Schema(tables={"panel": table}), frame.with_columns(pl.col("owner").cast(pl.Int64))
    )


@cache
def series(rows: int, seed: int) -> Dataset:
    """One long daily series without an owner."""
    frame = pl.DataFrame(rows_of(np.arange(rows), np.random.default_rng(seed)))
    columns = {name: column for name, column in COLUMNS.items() if name != "owner"}
    return Dataset.of(Schema(tables={"series": Table(columns=columns, sequence="day")}), frame)


def restless(data: Dataset, seed: int = 0) -> Dataset:
    """The rows of each owner dealt anew to its times: what followed what is lost."""
    generator = np.random.default_rng(seed)
    owners = data.owners
    owners = np.zeros(data.rows, int) if owners is None else owners
    kept = [name for name in (data.table.entity, data.table.sequence) if name]
    rest = [name for name in data.frame.columns if name not in kept]
    places = np.argsort(owners, kind="stable")
    rows = np.empty(data.rows, int)
    rows[places] = np.lexsort((generator.random(data.rows), owners))
    return Dataset.of(data.schema, data.frame.with_columns(data.frame.select(rest)[rows]))


def scattered(data: Dataset, seed: int = 0) -> Dataset:
    """Every column shuffled on its own."""
    generator = np.random.default_rng(seed)
    return Dataset.of(
        data.schema, pl.DataFrame([one[generator.permutation(data.rows)] for one in data.frame])
    )
