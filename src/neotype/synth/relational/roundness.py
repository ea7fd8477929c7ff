"""How round numbers are: people withdraw hundreds, and banks pay interest to the tenth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.schema.schema import Categorical, Column, Numeric

_MOST = 6
_SHARE = 0.2
"""Share of numbers that end on a zero from which on their roundness is drawn: by chance, .1."""
_DISTINCT = 64
_NEAR = 0.03
"""How far, as a share of itself, a number that is too round may be moved."""


@dataclass(frozen=True)
class Roundness:
    """Columns of which the number of closing zeros is drawn beside them, and their decimals."""

    decimals: Mapping[str, int]

    @classmethod
    def learn(cls, frame: pl.DataFrame, columns: Mapping[str, Column]) -> Self:
        """Which of the columns hold rounder numbers than chance makes."""
        found = {}
        for name, column in columns.items():
            if not isinstance(column, Numeric) or name not in frame.columns:
                continue
            decimals = 0 if column.subtype == "integer" else column.decimals
            cells = frame[name].drop_nulls()
            if decimals is None or cells.n_unique() <= _DISTINCT:
                continue
            zeros = closing_zeros(cells.cast(pl.Float64).to_numpy(), decimals)
            if (zeros > 0).mean() >= _SHARE:
                found[name] = decimals
        return cls(found)

    @staticmethod
    def beside(name: str) -> str:
        """The column that says how round another one is."""
        return f"~{name}"

    @property
    def columns(self) -> dict[str, Column]:
        """The columns that are learnt beside."""
        label = Categorical(storage="Int64", public=True)
        return {self.beside(name): label for name in self.decimals}

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with these columns."""
        lines = []
        for name, decimals in self.decimals.items():
            values = frame[name].cast(pl.Float64).fill_null(0).to_numpy()
            lines.append(pl.Series(self.beside(name), closing_zeros(values, decimals)))
        return frame.with_columns(lines)

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        """The frame whose numbers are as round as is said beside them."""
        lines = []
        for name in self.decimals:
            values = frame[name].cast(pl.Float64).fill_null(0).to_numpy()
            zeros = frame[self.beside(name)].fill_null(0).to_numpy()
            cells = pl.Series(name, self.rounded(name, values, zeros, rng)).cast(frame[name].dtype)
            lines.append(cells.zip_with(frame[name].is_not_null(), frame[name]))
        return frame.with_columns(lines)

    def rounded(
        self, name: str, values: NDArray[np.float64], zeros: NDArray[np.int64], rng: Generator
    ) -> NDArray[np.float64]:
        """Values with so many closing zeros, near those that are given."""
        decimals = self.decimals[name]
        step = 10.0 ** (zeros - float(decimals))
        has = closing_zeros(values, decimals)
        moved = values + (has > zeros) * _NEAR * values * rng.uniform(-1, 1, len(values))
        rounder = np.rint(moved / step) * step
        # One step on, where chance made it rounder still; 0 is as round as anything.
        more = (closing_zeros(rounder, decimals) > zeros) & (values != 0)
        return np.asarray(np.round(rounder + more * step * np.sign(values), decimals))


def closing_zeros(values: NDArray[np.float64], decimals: int) -> NDArray[np.int64]:
    """How many zeros the last of the decimals and the digits before it are, up to six."""
    whole = np.rint(np.abs(values) * 10.0**decimals)
    zeros = np.zeros(len(values), dtype=np.int64)
    round_so_far = np.ones(len(values), dtype=np.bool_)
    for place in range(1, _MOST + 1):
        round_so_far &= whole % 10**place == 0
        zeros += round_so_far
    return zeros
