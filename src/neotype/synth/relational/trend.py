"""How high a series runs, period by period: the slow part, around which blocks are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

_BLOCKS, _MOST = 15, 32
"""Blocks of a period, and the most periods."""


@dataclass(frozen=True)
class Trend:
    """The mean of each column in each of several periods, in a line from middle to middle."""

    middles: tuple[float, ...]
    means: Mapping[str, tuple[float, ...]]

    @classmethod
    def learn(cls, at: pl.Series, means: Mapping[str, pl.Series]) -> Self:
        """Learn from the means of blocks at these times."""
        stamp = at.to_physical().cast(pl.Float64).to_numpy()
        order = np.argsort(stamp, kind="stable")
        periods = np.array_split(order, int(np.clip(len(order) // _BLOCKS, 1, _MOST)))
        middles = tuple(float(stamp[rows].mean()) for rows in periods)
        found = {}
        for name, cells in means.items():
            whole = cells.mean()
            lines = (cells.gather(pl.Series(rows)).mean() for rows in periods)
            found[name] = tuple(float(_told(line, _told(whole, 0.0))) for line in lines)
        return cls(middles, found)

    def at(self, name: str, at: pl.Series) -> NDArray[np.float64]:
        """How high the column runs at these times."""
        stamp = at.to_physical().cast(pl.Float64).to_numpy()
        return np.asarray(np.interp(stamp, self.middles, self.means[name]), dtype=np.float64)

    def facts(self) -> dict[str, Any]:
        """At rest."""
        means = {name: list(values) for name, values in self.means.items()}
        return {"middles": list(self.middles), "means": means}

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> Self:
        """The inverse of `facts`."""
        means = {name: tuple(values) for name, values in facts["means"].items()}
        return cls(tuple(facts["middles"]), means)


def _told(value: Any, otherwise: float) -> float:
    return otherwise if value is None else float(value)
