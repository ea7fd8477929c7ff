"""The two Protocols of generation: a recipe that fits, and the model that it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.encode.encoder import Protection, State
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema


@dataclass(frozen=True)
class Capabilities:
    """What a family can take."""

    conditional: bool = True
    private: bool = False


class Model(Protocol):
    """What fitting gives; there is no unfitted model."""

    @property
    def schema(self) -> Schema:
        """The schema of the rows it makes."""

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""

    def sample(self, rows: int | None = None, *, rng: Rng, known: Known | None = None) -> Dataset:
        """`rows` rows that meet what is known; one for each where cells of rows are known."""

    def blocks(self, rows: int, *, rng: Rng, start: int = 0) -> Iterator[pl.DataFrame]:
        """The sample from block `start` on; block k depends on (model, rng, k) alone."""

    def log_density(self, data: Dataset) -> NDArray[np.float64] | None:
        """The log-probability of each row's digits, or None where the family has none."""

    def describe(self) -> list[str]:
        """In words: which statistics the model holds."""

    def state(self) -> State:
        """The model at rest."""


class Synthesizer(Protocol):
    """A recipe: a frozen dataclass of hyperparameters and nothing else."""

    takes: ClassVar[Capabilities]

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> Model:
        """Learn `data`; what cannot be learnt is refused here with a reason, never at sample."""
