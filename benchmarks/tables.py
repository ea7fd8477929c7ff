"""The tables that are measured: Adult ships with the repository, others are read from a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Table:
    """A named table, its official or drawn holdout, and the target to predict."""

    train: pl.DataFrame
    holdout: pl.DataFrame
    target: str


def _adult(_: Path | None) -> Table:
    train, holdout = (
        pl.read_parquet(EXAMPLES / f"{n}.parquet") for n in ("adult", "adult_holdout")
    )
    return Table(train, holdout, "income")


def _split(frame: pl.DataFrame, target: str, owner: str | None = None) -> Table:
    """Two thirds to learn from and one third held out, whole owners where rows have them."""
    generator = np.random.default_rng(5)
    key = frame[owner].rank("dense").to_numpy() if owner else np.arange(1, frame.height + 1)
    held = generator.random(int(key.max()) + 1) < 1 / 3
    mask = pl.Series(held[key.astype(np.int64)])
    shuffled = generator.permutation(int((~mask).sum()))
    return Table(frame.filter(~mask)[shuffled], frame.filter(mask), target)


def _csv(name: str, target: str) -> Callable[[Path | None], Table]:
    def load(folder: Path | None) -> Table:
        assert folder is not None
        return _split(pl.read_csv(folder / name), target)

    return load


def _diabetes(folder: Path | None) -> Table:
    assert folder is not None
    return _split(pl.read_parquet(folder / "diabetes130.parquet"), "readmitted", "patient_nbr")


TABLES: dict[str, Callable[[Path | None], Table]] = {
    "adult": _adult,
    "shoppers": _csv("shoppers.csv", "Revenue"),
    "beijing": _csv("beijing_pm25.csv", "pm2.5"),
    "bank": _csv("bank_marketing.csv", "y"),
    "diabetes130": _diabetes,
}


def mixed(rows: int, columns: int) -> pl.DataFrame:
    """Related columns of every common kind, from a few hidden factors."""
    generator = np.random.default_rng(columns)
    hidden = generator.normal(size=(rows, 6))
    series = []
    for i in range(columns):
        x = hidden @ generator.normal(size=6) + generator.normal(size=rows)
        name = f"c{i:03d}"
        match i % 6:
            case 0:
                series.append(pl.Series(name, np.round(x * 10, 2)))
            case 1:
                series.append(pl.Series(name, np.floor(x * 3).astype(np.int64)))
            case 2:
                code = np.clip(np.floor(x * 2 + 6), 0, 11).astype(int)
                series.append(pl.Series(name, [f"v{c}" for c in code]))
            case 3:
                series.append(pl.Series(name, x > 1))
            case 4:
                days = np.datetime64("2020-01-01") + (x * 100).astype("timedelta64[D]")
                series.append(pl.Series(name, days.astype("datetime64[ms]")).cast(pl.Date))
            case _:
                holes = pl.Series(generator.random(rows) < 0.1)
                values = pl.Series(name, np.exp(x / 2))
                series.append(pl.select(pl.when(~holes).then(values).alias(name))[name])
    return pl.DataFrame(series)
