"""UCI Adult as the tests see it: its schema by hand, train and holdout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.schema.schema import Categorical, Numeric, Schema, Table

EXAMPLES = Path(__file__).parent.parent / "examples"


@cache
def adult_schema() -> Schema:
    """Integers are quantities, texts are labels."""
    frame = pl.read_parquet(EXAMPLES / "adult.parquet")
    columns = {
        name: Categorical(storage="String", nullable=bool(series.null_count()))
        if series.dtype == pl.String
        else Numeric(storage="Int64", subtype="integer", decimals=0)
        for name, series in zip(frame.columns, frame, strict=True)
    }
    return Schema(tables={"adult": Table(columns=columns)})


@cache
def adult_train() -> Dataset:
    """The 32,561 rows to learn from."""
    return Dataset.of(adult_schema(), pl.read_parquet(EXAMPLES / "adult.parquet"))


@cache
def adult_holdout() -> Dataset:
    """The 16,281 rows that no model sees."""
    return Dataset.of(adult_schema(), pl.read_parquet(EXAMPLES / "adult_holdout.parquet"))


def some(data: Dataset, rows: int, seed: int = 0) -> Dataset:
    """A few of the rows, at random."""
    return data.take(np.random.default_rng(seed).permutation(data.rows)[:rows])


def independent(data: Dataset, seed: int = 0) -> Dataset:
    """Every column shuffled on its own: right columns, no structure (the negative control)."""
    generator = np.random.default_rng(seed)
    columns = [series[generator.permutation(data.rows)] for series in data.frame]
    return Dataset.of(data.schema, pl.DataFrame(columns))
