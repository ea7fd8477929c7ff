"""A table model: a codebook and a joint distribution of its digits, sampled block by block."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Protection, State
from neotype.errors import ColumnNotFoundError, SamplingError
from neotype.rng import Rng
from neotype.schema.schema import Schema

BLOCK = 16_384
"""Rows of a block at most: part of the format, since block k of a sample must never change."""
_LEAST, _CELLS = 256, 1 << 21
"""Rows of a block at least, and about how many digits its candidates have at most."""
PARTICLES = 16
"""Candidates for a row whose conditions come late in the order of the digits."""

LogWeights = NDArray[np.float64]


class Density(Protocol):
    """A joint distribution of digits."""

    def draw(
        self, rows: int, digits: int, key: int, given: Codes | None, places: Sequence[int]
    ) -> tuple[Codes, LogWeights]:
        """Rows (digits × rows) with the digits at `places` given, and the log-weight of each."""

    def log_density(self, codes: Codes) -> LogWeights:
        """The log-probability of each row of digits × rows `codes`."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""


class Candidates(Protocol):
    """Rows that may be taken: their digits, the log-weight of each, and the rows themselves."""

    @property
    def codes(self) -> Codes:
        """Digits × candidates."""

    @property
    def log_weight(self) -> LogWeights:
        """How well each meets its conditions."""

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        """The first `rows` of the candidates at `picks`, numbered from `first_row`."""


class Sampler(Protocol):
    """What rows can be drawn from: `each` candidates for every row."""

    @property
    def schema(self) -> Schema:
        """The schema of the rows."""

    @property
    def codebook(self) -> Codebook:
        """What turns them into digits."""

    def exact(self, columns: list[str]) -> bool:
        """Whether one candidate a row suffices when these columns are given."""

    def candidates(self, rows: int, rng: Rng, given: pl.DataFrame | None) -> Candidates:
        """`rows` candidates; a row of `given` stands beside each when there are conditions."""


@dataclass(frozen=True)
class Drawn:
    """Candidates as digits, decoded only when taken."""

    codebook: Codebook
    codes: Codes
    log_weight: LogWeights
    rng: Rng

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        """The first `rows` of the candidates at `picks`, decoded."""
        codes = np.ascontiguousarray(self.codes[:, picks])
        generator = self.rng.child("decode").generator()
        return self.codebook.decode(codes, rng=generator, first_row=first_row, rows=rows)


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

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        return self.codebook.protections

    def exact(self, columns: list[str]) -> bool:
        """Whether the given digits come before all others, so that drawing needs no weights."""
        places = set(self.codebook.places(set(columns)))
        return set(self.order[: len(places)]) == places

    def candidates(self, rows: int, rng: Rng, given: pl.DataFrame | None) -> Drawn:
        """Rows as digits, weighted by how probable their conditions are."""
        fixed, places = (None, []) if given is None else self.codebook.encode_given(given)
        key = int(rng.child("draw").generator().integers(2**63))
        codes, weight = self.density.draw(rows, len(self.codebook.digits), key, fixed, places)
        return Drawn(self.codebook, codes, weight, rng)

    def sample(self, rows: int | None = None, *, rng: Rng, given: Dataset | None = None) -> Dataset:
        """`rows` rows, or one row for every row of `given`."""
        return sample(self, rows, rng, given, each=1)

    def blocks(self, rows: int, *, rng: Rng, start: int = 0) -> Iterator[pl.DataFrame]:
        """The sample from block `start` on."""
        return blocks(self, rows, rng, start, each=1)

    def log_density(self, data: Dataset) -> LogWeights:
        """The log-probability of each row's digits."""
        return self.density.log_density(self.codebook.encode(data))

    def describe(self) -> list[str]:
        """In words: which statistics the model holds."""
        return [*self.words, *self.codebook.describe()]

    def state(self) -> State:
        """At rest."""
        facts = {"order": list(self.order), "words": list(self.words)}
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
        )


def sample(
    model: Sampler, rows: int | None, rng: Rng, given: Dataset | pl.DataFrame | None, *, each: int
) -> Dataset:
    """A whole sample in memory, its blocks drawn side by side."""
    schema = model.schema
    if given is not None:
        frame = given.frame if isinstance(given, Dataset) else given
        for name in frame.columns:
            if name not in schema.columns:
                raise ColumnNotFoundError(name, schema.columns, asked_by="given")
        if rows is not None and rows != frame.height:
            raise SamplingError(
                f"{rows} rows are asked for, and given has {frame.height}.",
                mend="leave the number of rows out: one row is made for each given one",
            )
        if each == 1 and not model.exact(frame.columns):
            each = PARTICLES
        size = block_rows(model, each)
        count = -(-frame.height // size)
        frames = [_given_block(model, k, frame, rng, each, size) for k in range(count)]
        return Dataset.of(schema, pl.concat(frames) if frames else _nothing(schema))
    if rows is None or rows < 1:
        raise SamplingError(f"{rows} rows are asked for.", mend="ask for 1 row or more")
    size = block_rows(model, each)
    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1))) as pool:
        every = range(-(-rows // size))
        frames = list(pool.map(lambda k: _block(model, k, rng, each, rows, size), every))
    return Dataset.of(schema, pl.concat(frames))


def blocks(model: Sampler, rows: int, rng: Rng, start: int, *, each: int) -> Iterator[pl.DataFrame]:
    """One block after the other, from block `start` on; only one is in memory at a time."""
    size = block_rows(model, each)
    for k in islice(range(-(-rows // size)), start, None):
        yield _block(model, k, rng, each, rows, size)


def block_rows(model: Sampler, each: int) -> int:
    """Rows of a block of this model, a power of two.

    Every block is drawn whole, so that a short sample begins a long one. Where rows are wide or
    need many candidates a block has fewer of them, so that a short sample is quick all the same.
    """
    affordable = _CELLS // max(1, each * len(model.codebook.digits))
    return min(BLOCK, max(_LEAST, 1 << max(0, affordable.bit_length() - 1)))


def _block(model: Sampler, k: int, rng: Rng, each: int, rows: int, size: int) -> pl.DataFrame:
    """Block k of a sample of `rows` rows: the beginning of a pure function of (model, rng, k)."""
    here = rng.block(k)
    pool = model.candidates(size * each, here, None)
    picks = np.arange(size) if each == 1 else choose(pool.log_weight, size, here.child("choose"))
    return pool.take(picks, k * size, min(size, rows - k * size))


def _given_block(
    model: Sampler, k: int, given: pl.DataFrame, rng: Rng, each: int, size: int
) -> pl.DataFrame:
    """Block k of a conditional sample: the given columns as they are, the rest drawn."""
    here = rng.block(k)
    conditions = given.slice(k * size, size)
    wide = conditions[np.repeat(np.arange(conditions.height), each)]
    pool = model.candidates(wide.height, here, wide)
    spin = here.child("choose").generator().gumbel(size=wide.height)
    if each == 1:
        best = np.arange(wide.height)
    else:
        score = (pool.log_weight + spin).reshape(-1, each)
        best = np.arange(len(score)) * each + score.argmax(axis=1)
    frame = pool.take(best, k * size, conditions.height)
    kept = [conditions[name].cast(frame[name].dtype) for name in conditions.columns]
    return frame.with_columns(kept)


def choose(log_weight: LogWeights, rows: int, rng: Rng) -> NDArray[np.int64]:
    """`rows` of the candidates without replacement, each included in proportion to its weight.

    Systematic sampling on a random order (Madow 1949): inclusion is exactly proportional, but for
    candidates so heavy that they are certain.
    """
    generator = rng.generator()
    order = generator.permutation(len(log_weight))
    share = np.exp(log_weight - log_weight.max())[order]
    certain = np.zeros(len(share), dtype=bool)
    while True:
        left, rest = rows - int(certain.sum()), share[~certain].sum()
        if left <= 0 or rest <= 0.0:
            inclusion = certain.astype(np.float64)
            break
        inclusion = np.where(certain, 1.0, share * left / rest)
        heavy = (inclusion >= 1.0) & ~certain
        if not heavy.any():
            break
        certain |= heavy
    ladder = np.floor(np.cumsum(inclusion) + generator.random())
    ladder[-1] = max(ladder[-1], ladder[0])
    picks = order[np.flatnonzero(np.diff(ladder, prepend=0.0) >= 1)]
    spare = np.setdiff1d(order, picks)
    picks = np.concatenate([picks, spare[: max(0, rows - len(picks))]])[:rows]
    return np.asarray(generator.permutation(picks), dtype=np.int64)


def _nothing(schema: Schema) -> pl.DataFrame:
    from neotype.schema.storage import storage_dtype

    return pl.DataFrame(
        schema={name: storage_dtype(column.storage) for name, column in schema.columns.items()}
    )
