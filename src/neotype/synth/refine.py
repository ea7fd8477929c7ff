"""Refinement of any family: weight candidates by how much more frequent they are among real rows.

A boosted density ratio (`neotype.trees.ratio`) is learnt on digits, real rows against candidates
of the fitted model. Sampling draws several candidates a row and takes rows without replacement,
each in proportion to its ratio. It asks nothing of the synthesizer but rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Protection, State
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.drawing import blocks, sample
from neotype.synth.sampler import Candidates, Coded
from neotype.synth.table import TableModel
from neotype.synth.weighing import effective, thin
from neotype.trees.ratio import Boost, Ratio

_THINNED = 4.0
"""Candidates under a condition that are weighed, for each that they are worth."""
_TRIED = 4
"""Candidates per real row that the ratio is learnt from."""
_LEAST_CANDIDATES, _MOST_CANDIDATES = 4096, 1 << 17
_MOST_ROWS = 100_000
"""Real rows that the ratio is learnt from: more would cost time and change little."""


class RowModel(Protocol):
    """What refinement needs of a model."""

    @property
    def family(self) -> str:
        """The registered name of its synthesizer."""

    @property
    def schema(self) -> Schema:
        """The schema of its rows."""

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""

    def sample(self, rows: int | None = None, *, rng: Rng, known: Known | None = None) -> Dataset:
        """Rows."""

    def log_density(self, data: Dataset) -> NDArray[np.float64] | None:
        """The log-probability of each row, where the family has one."""

    def describe(self) -> list[str]:
        """In words: which statistics it holds."""

    def state(self) -> State:
        """At rest."""


@dataclass(frozen=True)
class _Weighted:
    """Candidates with their ratio added to their weight."""

    inner: Candidates
    log_weight: NDArray[np.float64]

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        return self.inner.take(picks, first_row, rows)


@dataclass(frozen=True)
class _Sampled:
    """Candidates that came as rows; identifiers are made anew, so that none repeats."""

    codebook: Codebook
    frame: pl.DataFrame
    codes: Codes
    log_weight: NDArray[np.float64]
    rng: Rng

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        frame = self.frame[picks[:rows]]
        generator = self.rng.child("decode").generator()
        return self.codebook.issue(frame, rng=generator, first_row=first_row)


@dataclass(frozen=True)
class Refined:
    """A fitted model whose rows are weighted by a learnt density ratio."""

    inner: RowModel
    codebook: Codebook
    ratio: Ratio

    @property
    def family(self) -> str:
        """The registered name of the inner model's synthesizer."""
        return self.inner.family

    @property
    def schema(self) -> Schema:
        """The schema of its rows."""
        return self.inner.schema

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        return self.inner.protections

    @property
    def width(self) -> int:
        """How many digits a row has."""
        return len(self.codebook.digits)

    @property
    def each(self) -> int:
        """Candidates that a row is chosen from."""
        return self.ratio.each

    def exact(self, columns: tuple[str, ...]) -> bool:
        """Never: a ratio always needs several candidates to choose from."""
        return False

    def candidates(self, rows: int, rng: Rng, known: Known | None) -> _Weighted:
        """Candidates of the inner model, weighted."""
        pool = _candidates(self.inner, self.codebook, rows, rng, known)
        weight = pool.log_weight
        if known is None or known.cells is not None:
            ratio = self.ratio.rows(np.ascontiguousarray(pool.codes.T))
            return _Weighted(pool, weight + ratio)
        return self.weighed(pool, rng)

    def weighed(self, pool: Coded, rng: Rng) -> _Weighted:
        """Candidates under a condition, with their ratio."""
        weight = pool.log_weight
        # A ratio is dear: of candidates that are worth little, a few stand for the others.
        picks, kept = thin(weight, int(_THINNED * effective(weight)) + 1, rng.child("refine"))
        weight = np.full(len(weight), -np.inf)
        weight[picks] = kept + self.ratio.rows(np.ascontiguousarray(pool.codes[:, picks].T))
        return _Weighted(pool, weight)

    def checks(self, frame: pl.DataFrame) -> Mapping[str, pl.Series]:
        """Nothing: every candidate is a row."""
        return {}

    def issue(self, frame: pl.DataFrame, rng: Rng, first_row: int) -> pl.DataFrame:
        """The rows with identifiers of `first_row` on."""
        generator = rng.child("issue").generator()
        return self.codebook.issue(frame, rng=generator, first_row=first_row)

    def sample(self, rows: int | None = None, *, rng: Rng, known: Known | None = None) -> Dataset:
        """`rows` rows, or one for every row that something is known of, refined within that."""
        return sample(self, rows, rng, known)

    def blocks(self, rows: int, *, rng: Rng, start: int = 0) -> Iterator[pl.DataFrame]:
        """The sample from block `start` on."""
        return blocks(self, rows, rng, start)

    def log_density(self, data: Dataset) -> NDArray[np.float64] | None:
        """The inner log-density plus the log-ratio, scaled to a mean weight of 1."""
        base = self.inner.log_density(data)
        if base is None:
            return None
        rows = np.ascontiguousarray(self.codebook.encode(data).T)
        return np.asarray(base + self.ratio.rows(rows) - self.ratio.log_mean)

    def describe(self) -> list[str]:
        """In words: which statistics the model holds."""
        trees = len(self.ratio.roots)
        words = (
            f"{trees} small trees that weight candidates, each leaf a ratio of how many real rows "
            f"and how many candidates fall in it"
        )
        return [words, *self.inner.describe()]

    def state(self) -> State:
        """At rest."""
        ratio = State(
            {"log_mean": self.ratio.log_mean, "each": self.ratio.each}, self.ratio.arrays()
        )
        parts = {"inner": self.inner.state(), "ratio": ratio}
        if not isinstance(self.inner, TableModel):
            parts["codebook"] = self.codebook.state()
        return State.nest({}, parts)

    @staticmethod
    def restore(state: State, schema: Schema, inner: Callable[[State], Any]) -> Any:
        """The inverse of `state`; the inner model as it is where the file holds no ratio."""
        if "ratio" not in state.facts:
            return inner(state)
        model = inner(state.within("inner"))
        part = state.within("ratio")
        ratio = Ratio.restore(part.arrays, part.fact("log_mean"), part.fact("each"))
        if isinstance(model, TableModel):
            return Refined(model, model.codebook, ratio)
        return Refined(model, Codebook.restore(state.within("codebook"), schema), ratio)


def refine(
    model: RowModel,
    data: Dataset,
    *,
    rounds: int,
    rng: Rng,
    protect: int = 5,
    progress: Progress = silent,
) -> Refined:
    """Learn how real rows differ from the rows of `model`, whatever its family.

    Where the model has no codebook of its own, one is learnt that stores no value of fewer than
    `protect` rows.
    """
    if isinstance(model, TableModel):
        codebook = model.codebook
    else:
        codebook = Codebook.learn(data, protect=protect)
    return refined(model, codebook, codebook.encode(data), rounds, rng, progress)


def refined(
    model: RowModel, codebook: Codebook, codes: Codes, rounds: int, rng: Rng, progress: Progress
) -> Refined:
    """The same, where the codebook and the data's digits are at hand."""
    rows = codes.shape[1]
    if rows > _MOST_ROWS:
        some = rng.child("rows").generator().permutation(rows)[:_MOST_ROWS]
        codes = np.ascontiguousarray(codes[:, np.sort(some)])
    each = min(max(_TRIED * codes.shape[1], _LEAST_CANDIDATES), _MOST_CANDIDATES)

    def candidates(turn: int) -> Codes:
        stream = rng.child("candidates").block(turn)
        return _candidates(model, codebook, each, stream, None).codes

    ratio = Ratio.learn(
        codes,
        candidates,
        np.array([digit.size for digit in codebook.digits], dtype=np.int64),
        np.array([digit.ordered for digit in codebook.digits], dtype=np.bool_),
        Boost(rounds=rounds),
        rng.child("boost").generator(),
        tick=lambda done: progress("refine", done, rounds),
    )
    progress("refine", rounds, rounds)
    return Refined(model, codebook, ratio)


def _candidates(
    model: RowModel, codebook: Codebook, rows: int, rng: Rng, known: Known | None
) -> Coded:
    """Candidates of a model of digits, or the rows of any other as candidates."""
    if isinstance(model, TableModel):
        return model.candidates(rows, rng, known)
    given = known is not None and known.cells is not None
    data = model.sample(None if given else rows, rng=rng, known=known)
    return _Sampled(codebook, data.frame, codebook.encode(data), np.zeros(rows), rng)
