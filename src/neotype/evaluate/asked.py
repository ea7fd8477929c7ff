"""What an evaluation is told beside the tables: roles of columns, a model, a claim, more copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.progress import Progress, silent
from neotype.rng import Rng

Retrain = Callable[[Dataset, int, Rng], Dataset]
"""A recipe as an attacker sees it: learn these rows, give this many synthetic ones."""

Scorer = Callable[[pl.DataFrame, pl.DataFrame], float]
"""A user's own utility: train on the first table, test on the second, give a number."""


@dataclass(frozen=True)
class Claim:
    """A differential privacy guarantee that somebody states for the table.

    `unit` is protected: a row, or the column that says whose each row is. `neighbors` says whether
    a unit is there or not, or is another one.
    """

    epsilon: float
    delta: float = 0.0
    unit: str = "row"
    neighbors: Literal["add-remove", "replace"] = "add-remove"


class Likelihoods(NamedTuple):
    """The model's own log-probability of every train row and of every holdout row."""

    train: NDArray[np.float64]
    holdout: NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """Everything that is known beside the three tables; nothing of it must be.

    A metric that has a field of one of these names is told its value. `target` is the column to
    predict; `sensitive` columns name groups to be treated alike, and secrets to be guarded;
    `quasi_identifiers` are columns that an outsider may know; `copies` are further synthetic tables
    of the same model; `scorer` is a user's own measure of utility; `claim` is a guarantee to audit;
    `likelihoods` are the model's own; `retrain` is the recipe, `shadows` how often a deep attack
    may use it.
    """

    target: str | None = None
    sensitive: tuple[str, ...] = ()
    quasi_identifiers: tuple[str, ...] = ()
    copies: tuple[Dataset, ...] = ()
    scorer: Scorer | None = None
    claim: Claim | None = None
    likelihoods: Likelihoods | None = None
    retrain: Retrain | None = None
    shadows: int = 16
    progress: Progress = silent

    def told(self, metric: type) -> dict[str, Any]:
        """What this class of metric wants to know."""
        if not is_dataclass(metric):
            return {}
        known = {field.name for field in fields(self)}
        wanted = (field.name for field in fields(metric) if field.name in known)
        return {name: getattr(self, name) for name in wanted}
