"""A table model: a codebook and a joint distribution of its digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Masks, Protection, State
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.conditioned import kept
from neotype.synth.drawing import blocks, sample
from neotype.synth.weighing import LogWeights


class Density(Protocol):
    """A joint distribution of digits."""

    def draw(
        self, rows: int, digits: int, key: int, allowed: Masks | None
    ) -> tuple[Codes, LogWeights]:
        """Rows (digits × rows), each digit among the symbols `allowed` (rows or 1, × digits).

        Beside them the log-probability that each row's digits, drawn one after the other, had of
        being allowed; −inf where one could not be.
        """

    def log_density(self, codes: Codes) -> LogWeights | None:
        """The log-probability of each row of digits × rows `codes`; None: the family has none."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""


@dataclass(frozen=True)
class Drawn:
    """Candidates as digits, decoded only when taken."""

    codebook: Codebook
    codes: Codes
    log_weight: LogWeights
    rng: Rng
    known: Known | None = None

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        """The first `rows` of the candidates at `picks`, decoded."""
        codes = np.ascontiguousarray(self.codes[:, picks])
        generator = self.rng.child("decode").generator()
        frame = self.codebook.decode(codes, rng=generator, first_row=first_row, rows=rows)
        if self.known is None:
            return frame
        frame = self.codebook.settled(frame, codes[:, :rows], self.known.where, generator)
        return kept(frame, self.known.rows(picks[:rows]))


@dataclass(frozen=True)
class TableModel:
    """A fitted table. `family` is the registered name of the synthesizer that made it."""

    family: str
    schema: Schema
    codebook: Codebook
    density: Density
    order: tuple[int, ...]
    """In which order the digits are drawn."""
    words: tuple[str, ...] = ()
    """What the density holds, in sentences."""
    dear: int = 1
    """How much dearer rows are to draw than by their digits alone."""

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        return self.codebook.protections

    @property
    def width(self) -> int:
        """How many digits a row has, or costs as much as."""
        return len(self.codebook.digits) * self.dear

    @property
    def each(self) -> int:
        """One candidate a row: they need no weights."""
        return 1

    def exact(self, columns: tuple[str, ...]) -> bool:
        """Whether the given digits come before all others, so that drawing needs no weights."""
        places = set(self.codebook.places(set(columns)))
        return set(self.order[: len(places)]) == places

    def candidates(self, rows: int, rng: Rng, known: Known | None) -> Drawn:
        """Rows as digits, weighted by how probable what is known of them is."""
        allowed = None if known is None else self.codebook.allowed(known)
        key = int(rng.child("draw").generator().integers(2**63))
        codes, weight = self.density.draw(rows, len(self.codebook.digits), key, allowed)
        return Drawn(self.codebook, codes, weight, rng, known)

    def checks(self, frame: pl.DataFrame) -> Mapping[str, pl.Series]:
        """Nothing: every row of digits is a row."""
        return {}

    def issue(self, frame: pl.DataFrame, rng: Rng, first_row: int) -> pl.DataFrame:
        """The rows with identifiers of `first_row` on."""
        generator = rng.child("issue").generator()
        return self.codebook.issue(frame, rng=generator, first_row=first_row)

    def sample(self, rows: int | None = None, *, rng: Rng, known: Known | None = None) -> Dataset:
        """`rows` rows, or one row for every row that something is known of."""
        return sample(self, rows, rng, known)

    def blocks(self, rows: int, *, rng: Rng, start: int = 0) -> Iterator[pl.DataFrame]:
        """The sample from block `start` on."""
        return blocks(self, rows, rng, start)

    def log_density(self, data: Dataset) -> LogWeights | None:
        """The log-probability of each row's digits, where the family has one."""
        return self.density.log_density(self.codebook.encode(data))

    def describe(self) -> list[str]:
        """In words: which statistics the model holds."""
        return [*self.words, *self.codebook.describe()]

    def state(self) -> State:
        """At rest."""
        facts = {"order": list(self.order), "words": list(self.words), "dear": self.dear}
        density = State({}, self.density.arrays())
        return State.nest(facts, {"codebook": self.codebook.state(), "density": density})

    @classmethod
    def restore(
        cls, family: str, state: State, schema: Schema, density: Callable[[State], Density]
    ) -> Self:
        """The inverse of `state`."""
        return cls(
            family,
            schema,
            Codebook.restore(state.within("codebook"), schema),
            density(state.within("density")),
            tuple(state.fact("order")),
            tuple(state.fact("words")),
            state.fact("dear"),
        )
