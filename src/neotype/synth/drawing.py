"""Rows out of a sampler: candidates are drawn, weighed, chosen, checked, and numbered.

Every demand goes this way: plain rows here, rows that must meet conditions and the rest of given
rows in `conditioned`. What cannot be had within a bounded number of tries is a SamplingError that
says how near it came; never fewer rows than asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import polars as pl

from neotype.data import Dataset, Known, Support
from neotype.errors import ColumnNotFoundError, DataError, SamplingError
from neotype.rng import Rng
from neotype.schema.condition import at_odds
from neotype.schema.schema import Schema
from neotype.schema.storage import storage_dtype
from neotype.synth.conditioned import BUDGET, Tally, demands, given_block, where_block
from neotype.synth.sampler import Sampler
from neotype.synth.weighing import choose

BLOCK = 16_384
"""Rows of a block at most: part of the format, since block k of a sample must never change."""
_LEAST, _CELLS = 256, 1 << 21
"""Rows of a block at least, and about how many digits its candidates have at most."""
_PATIENCE = 200
"""How many times a block's candidates are drawn before plain rows are given up."""
_LONGER = 10
"""How many times as long, where that promises to be enough."""
_LEAST_BUDGET = 1 << 20

_Made = tuple[pl.DataFrame, Support]


def sample(model: Sampler, rows: int | None, rng: Rng, known: Known | None) -> Dataset:
    """A whole sample in memory, its blocks drawn side by side."""
    schema = model.schema
    for name in known.columns if known is not None else ():
        if name not in schema.columns:
            raise ColumnNotFoundError(name, schema.columns, asked_by="given")
    findings = [] if known is None else at_odds(known.where)
    if findings:
        raise DataError("no row can meet these conditions.", findings)
    if known is not None and known.cells is not None:
        return _given(model, rows, rng, known)
    if rows is None or rows < 1:
        raise SamplingError(f"{rows} rows are asked for.", mend="ask for 1 row or more")
    if known is not None and known.where:
        return _supported(schema, _where(model, rows, rng, known), known.columns)
    size = block_rows(model.width, model.each)
    every = range(-(-rows // size))
    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1))) as pool:
        frames = list(pool.map(lambda k: _block(model, k, rng, rows, size), every))
    return Dataset.of(schema, pl.concat(frames))


def blocks(
    model: Sampler, rows: int, rng: Rng, start: int, known: Known | None = None
) -> Iterator[pl.DataFrame]:
    """One block after the other, from block `start` on; only one is in memory at a time."""
    size = block_rows(model.width, model.each)
    for k in islice(range(-(-rows // size)), start, None):
        if known is not None and known.where:
            yield _where_block(model, k, rng, rows, size, known)[0]
        else:
            yield _block(model, k, rng, rows, size)


def block_rows(width: int, each: int) -> int:
    """Rows of a block of a model whose rows have `width` digits, a power of two.

    Every block is drawn whole, so that a short sample begins a long one. Where rows are wide or
    need many candidates a block has fewer of them, so that a short sample is quick all the same.
    """
    affordable = _CELLS // max(1, each * width)
    return min(BLOCK, max(_LEAST, 1 << max(0, affordable.bit_length() - 1)))


def _block(model: Sampler, k: int, rng: Rng, rows: int, size: int) -> pl.DataFrame:
    """Block k of a sample of `rows` rows: the beginning of a pure function of (model, rng, k)."""
    here, each = rng.block(k), model.each
    wanted, tally = min(size, rows - k * size), Tally()
    frames: list[pl.DataFrame] = []
    found = 0
    for turn in range(_PATIENCE * _LONGER):
        if turn >= _PATIENCE and found * _PATIENCE * _LONGER < wanted * turn:
            break
        stream = here if turn == 0 else here.child("again").block(turn)
        pool = model.candidates(size * each, stream, None)
        picks = np.arange(size)
        if each > 1:
            picks = choose(pool.log_weight, size, stream.child("choose"))
        if turn == 0:
            frame = pool.take(picks, k * size, wanted)
            if all(holds.all() for holds in demands(model, frame, None).values()):
                return frame
        frame = pool.take(picks, k * size, size)
        tally.tried += size
        good = tally.accept(demands(model, frame, None), frame.height)
        frames.append(frame.filter(good))
        found += int(good.sum())
        if found >= wanted:
            return model.issue(pl.concat(frames).head(wanted), here, k * size)
    raise tally.error(found, wanted)


def _where(model: Sampler, rows: int, rng: Rng, known: Known, first: int = 0) -> list[_Made]:
    """Rows that meet conditions, numbered from `first` on."""
    size = block_rows(model.width, model.each)
    every = range(-(-rows // size))
    return [_where_block(model, k, rng, rows, size, known, first) for k in every]


def _where_block(
    model: Sampler, k: int, rng: Rng, rows: int, size: int, known: Known, first: int = 0
) -> _Made:
    """Block k of such a sample; the budget is for the whole of it."""
    budget = max(_LEAST_BUDGET, BUDGET * size // max(rows, size))
    wanted = min(size, rows - k * size)
    return where_block(model, k, rng, wanted, first + k * size, known, budget)


def _cases(model: Sampler, rng: Rng, known: Known) -> Dataset:
    """Rows of which nothing is known but what some of them must meet; others are plain."""
    assert known.cells is not None
    made, places, first = [], [], 0
    left = np.ones(known.cells.height, dtype=np.bool_)
    for k, (rows, where) in enumerate(known.some):
        here = rows[left[rows]]
        left[here] = False
        if len(here):
            told = Known(where=(*known.where, *where))
            made += _where(model, len(here), rng.child("case").block(k), told, first)
            places.append(here)
            first += len(here)
    rest = np.flatnonzero(left)
    if len(rest):
        made += _where(model, len(rest), rng.child("rest"), Known(where=known.where), first)
        places.append(rest)
    whole = _supported(model.schema, made, known.columns)
    order = np.argsort(np.concatenate(places), kind="stable")
    frame = model.issue(whole.frame[order], rng.child("issue"), 0)
    return Dataset.of(model.schema, frame, whole.support)


def _given(model: Sampler, rows: int | None, rng: Rng, known: Known) -> Dataset:
    cells = known.cells
    assert cells is not None
    if rows is not None and rows != cells.height:
        raise SamplingError(
            f"{rows} rows are asked for, and given has {cells.height}.",
            mend="leave the number of rows out: one row is made for each given one",
        )
    if not cells.height:
        return Dataset.of(model.schema, _nothing(model.schema))
    if known.unknown:
        return _cases(model, rng, known)
    alike = known.free is None and not known.where and not known.some
    exact = model.each == 1 and alike and model.exact(known.columns)
    size = block_rows(model.width, 1 if exact else 16)
    budget = max(_LEAST_BUDGET, BUDGET * size // max(cells.height, size))
    made = []
    for k, first in enumerate(range(0, cells.height, size)):
        part = known.rows(np.arange(first, min(first + size, cells.height)))
        made.append(given_block(model, k, rng, part, first, budget, exact=exact))
    return _supported(model.schema, made, known.columns)


def _supported(schema: Schema, made: list[_Made], columns: tuple[str, ...]) -> Dataset:
    """The blocks as one data set, with a word on what they rest on."""
    support = Support.of([part for _, part in made], columns)
    return Dataset.of(schema, pl.concat([frame for frame, _ in made]), support)


def _nothing(schema: Schema) -> pl.DataFrame:
    return pl.DataFrame(
        schema={name: storage_dtype(column.storage) for name, column in schema.columns.items()}
    )
