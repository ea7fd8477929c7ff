"""Rows out of a sampler: candidates are drawn, weighed, chosen, checked, and numbered.

One loop for every kind of demand: plain rows, rows that must satisfy something, the rest of given
rows. What cannot be had within a bounded number of tries is a SamplingError that says how near it
came; never fewer rows than asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.encode.encoder import Codes
from neotype.errors import ColumnNotFoundError, SamplingError
from neotype.rng import Rng
from neotype.schema.condition import met
from neotype.schema.schema import Schema

BLOCK = 16_384
"""Rows of a block at most: part of the format, since block k of a sample must never change."""
_LEAST, _CELLS = 256, 1 << 21
"""Rows of a block at least, and about how many digits its candidates have at most."""
PARTICLES = 16
"""Candidates for a row whose conditions come late in the order of the digits."""
PATIENCE = 200
"""How many times a block's candidates are drawn before what is asked for is given up."""

LogWeights = NDArray[np.float64]


class Candidates(Protocol):
    """Rows that may be taken: their digits, the log-weight of each, and the rows themselves."""

    @property
    def codes(self) -> Codes:
        """Digits × candidates."""

    @property
    def log_weight(self) -> LogWeights:
        """How well each meets what is known; −inf for one that must not be taken."""

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        """The first `rows` of the candidates at `picks`, numbered from `first_row`."""


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

    def issue(self, frame: pl.DataFrame, codes: Codes, rng: Rng, first_row: int) -> pl.DataFrame:
        """The rows with what belongs to their number (identifiers) made for `first_row` on."""


def sample(model: Sampler, rows: int | None, rng: Rng, known: Known | None) -> Dataset:
    """A whole sample in memory, its blocks drawn side by side."""
    schema = model.schema
    if known is not None:
        for name in known.columns:
            if name not in schema.columns:
                raise ColumnNotFoundError(name, schema.columns, asked_by="given")
    if known is not None and known.cells is not None:
        return _given(model, rows, rng, known)
    if rows is None or rows < 1:
        raise SamplingError(f"{rows} rows are asked for.", mend="ask for 1 row or more")
    size = block_rows(model.width, model.each)
    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1))) as pool:
        every = range(-(-rows // size))
        frames = list(pool.map(lambda k: _block(model, k, rng, rows, size, known), every))
    return Dataset.of(schema, pl.concat(frames))


def blocks(model: Sampler, rows: int, rng: Rng, start: int) -> Iterator[pl.DataFrame]:
    """One block after the other, from block `start` on; only one is in memory at a time."""
    size = block_rows(model.width, model.each)
    for k in islice(range(-(-rows // size)), start, None):
        yield _block(model, k, rng, rows, size, None)


def block_rows(width: int, each: int) -> int:
    """Rows of a block of a model whose rows have `width` digits, a power of two.

    Every block is drawn whole, so that a short sample begins a long one. Where rows are wide or
    need many candidates a block has fewer of them, so that a short sample is quick all the same.
    """
    affordable = _CELLS // max(1, each * width)
    return min(BLOCK, max(_LEAST, 1 << max(0, affordable.bit_length() - 1)))


@dataclass
class _Tally:
    """How many candidates were looked at, and how many met each demand."""

    tried: int = 0
    met: dict[str, int] = field(default_factory=dict)

    def accept(self, checks: Mapping[str, pl.Series], rows: int) -> NDArray[np.bool_]:
        """Which rows meet every demand."""
        self.tried += rows
        good = np.ones(rows, dtype=np.bool_)
        for title, holds in checks.items():
            mask = holds.to_numpy()
            self.met[title] = self.met.get(title, 0) + int(mask.sum())
            good &= mask
        return good

    def error(self, found: int, rows: int) -> SamplingError:
        """What is missing, and which demand is hardest to meet."""
        each = "\n  ".join(f"{n:,} met {title}" for title, n in self.met.items())
        return SamplingError(
            f"{rows:,} rows are asked for, and only {found:,} were found among "
            f"{self.tried:,} candidates.",
            found=each,
            mend="ask for what occurs together in the data, or for fewer rows",
        )


def _block(
    model: Sampler, k: int, rng: Rng, rows: int, size: int, known: Known | None
) -> pl.DataFrame:
    """Block k of a sample of `rows` rows: the beginning of a pure function of (model, rng, k)."""
    here, each = rng.block(k), model.each
    wanted, tally = min(size, rows - k * size), _Tally()
    frames: list[pl.DataFrame] = []
    codes: list[Codes] = []
    found = 0
    for turn in range(PATIENCE):
        stream = here if turn == 0 else here.child("again").block(turn)
        tries = size * (each if known is None else max(each, PARTICLES))
        pool = model.candidates(tries, stream, known)
        picks = np.arange(size)
        if tries > size:
            picks = choose(pool.log_weight, size, stream.child("choose"))
        if turn == 0:
            frame = pool.take(picks, k * size, wanted)
            if all(holds.all() for holds in _demands(model, frame, known).values()):
                return frame
        frame = pool.take(picks, k * size, size)
        good = tally.accept(_demands(model, frame, known), frame.height)
        frames.append(frame.filter(good))
        codes.append(pool.codes[:, picks[good]])
        found += int(good.sum())
        if found >= wanted:
            every = np.concatenate(codes, axis=1)[:, :wanted]
            return model.issue(pl.concat(frames).head(wanted), every, here, k * size)
    raise tally.error(found, wanted)


def _demands(model: Sampler, frame: pl.DataFrame, known: Known | None) -> Mapping[str, pl.Series]:
    checks = dict(model.checks(frame))
    for one in known.where if known is not None else ():
        checks[f"the condition on '{one.column}'"] = met((one,), frame)
    return checks


def _given(model: Sampler, rows: int | None, rng: Rng, known: Known) -> Dataset:
    cells = known.cells
    assert cells is not None
    if rows is not None and rows != cells.height:
        raise SamplingError(
            f"{rows} rows are asked for, and given has {cells.height}.",
            mend="leave the number of rows out: one row is made for each given one",
        )
    alike = known.free is None and not known.where
    each = 1 if model.each == 1 and alike and model.exact(known.columns) else PARTICLES
    size = block_rows(model.width, each)
    count = -(-cells.height // size)
    frames = [_given_block(model, k, known, rng, each, size) for k in range(count)]
    return Dataset.of(model.schema, pl.concat(frames) if frames else _nothing(model.schema))


def _given_block(
    model: Sampler, k: int, known: Known, rng: Rng, each: int, size: int
) -> pl.DataFrame:
    """Block k of a conditional sample: the given columns as they are, the rest drawn."""
    assert known.cells is not None
    here, tally = rng.block(k), _Tally()
    todo = np.arange(k * size, min((k + 1) * size, known.cells.height))
    first, height = k * size, len(todo)
    frames: list[pl.DataFrame] = []
    codes: list[Codes] = []
    places: list[NDArray[np.int64]] = []
    for turn in range(PATIENCE):
        stream = here if turn == 0 else here.child("again").block(turn)
        wide = known.rows(np.repeat(todo, each))
        pool = model.candidates(len(todo) * each, stream, wide)
        spin = stream.child("choose").generator().gumbel(size=len(todo) * each)
        best = np.arange(len(todo))
        if each > 1:
            score = (pool.log_weight + spin).reshape(-1, each)
            best = np.arange(len(score)) * each + score.argmax(axis=1)
        frame = kept(pool.take(best, first, len(todo)), known.rows(todo))
        good = tally.accept(_demands(model, frame, known), frame.height)
        good &= pool.log_weight[best] > -np.inf
        frames.append(frame.filter(good))
        codes.append(pool.codes[:, best[good]])
        places.append(todo[good])
        todo = todo[~good]
        if not len(todo):
            order = np.argsort(np.concatenate(places))
            whole = pl.concat(frames)[order]
            if turn == 0:
                return whole
            every = np.concatenate(codes, axis=1)[:, order]
            issued = model.issue(whole, every, here, first)
            return kept(issued, known.rows(np.arange(first, first + height)))
    raise tally.error(height - len(todo), height)


def kept(frame: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The rows with their known cells as they were given."""
    cells, free = known.cells, known.free
    told = []
    for name in () if cells is None else cells.columns:
        mine = cells[name].cast(frame[name].dtype)
        told.append(mine if free is None else frame[name].zip_with(free[name], mine))
    return frame.with_columns(told)


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
