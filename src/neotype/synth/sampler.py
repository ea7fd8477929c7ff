"""What rows are drawn from: the two Protocols between a model and the loops that draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Known
from neotype.encode.encoder import Codes
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.weighing import LogWeights


class Candidates(Protocol):
    """Rows that may be taken: the log-weight of each, and the rows themselves."""

    @property
    def log_weight(self) -> LogWeights:
        """How well each meets what is known; −inf for one that must not be taken."""

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        """The first `rows` of the candidates at `picks`, numbered from `first_row`."""


class Coded(Candidates, Protocol):
    """Candidates whose digits can be seen, so that refinement can weigh them."""

    @property
    def codes(self) -> Codes:
        """Digits × candidates."""


class Sampler(Protocol):
    """What rows can be drawn from."""

    @property
    def schema(self) -> Schema:
        """The schema of the rows."""

    @property
    def width(self) -> int:
        """How many digits a row has."""

    @property
    def each(self) -> int:
        """Candidates that every row needs."""

    def exact(self, columns: tuple[str, ...]) -> bool:
        """Whether one candidate a row suffices when these columns are given."""

    def candidates(self, rows: int, rng: Rng, known: Known | None) -> Candidates:
        """`rows` candidates; where cells are known, those of a row stand beside each."""

    def checks(self, frame: pl.DataFrame) -> Mapping[str, pl.Series]:
        """What each row must satisfy, by title: booleans. Empty where nothing can break."""

    def issue(self, frame: pl.DataFrame, rng: Rng, first_row: int) -> pl.DataFrame:
        """The rows with what belongs to their number (identifiers) made for `first_row` on."""
