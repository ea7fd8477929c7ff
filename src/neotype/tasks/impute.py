"""Missing cells of a real table filled with what they might have been; known cells stay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import NUMBERED, Constant, Json, Schema, Table, Text
from neotype.tasks.chain import Chain, Hole, holes
from neotype.tasks.copies import Copies
from neotype.trees.density import Growth

ROUNDS = 5
"""How often every column is drawn anew, given the others."""
FEWEST = 10
"""Known cells of a column below which nothing can be said of its missing ones."""


def impute(
    data: Dataset,
    columns: Sequence[str] = (),
    *,
    draws: int = 1,
    rounds: int = ROUNDS,
    growth: Growth | None = None,
    rng: Rng,
    progress: Progress = silent,
) -> Copies:
    """Copies of `data` whose missing cells in `columns` (all, if none is named) are drawn.

    Each is drawn given all other cells of its row; with several draws, each copy is learnt from
    rows drawn anew, so that their differences say how little is known. Columns that cannot be
    filled stay as they are, with a reason in `left`.
    """
    for name in columns:
        data.table.column(name, asked_by="columns")
    asked = [c for c in columns or data.table.columns if data.frame[c].null_count()]
    left = _unfillable(data, asked)
    asked = [name for name in asked if name not in left]
    known = _modelled(data, asked)
    codebook = Codebook.learn(known, protect=1)
    gaps = holes(codebook, known.frame, asked)
    chain = Chain(codebook, codebook.encode(known), gaps, growth or Growth())
    copies = []
    for draw in range(draws):
        stream = rng.child("draw").block(draw)
        tick = partial(_tick, progress, draw * rounds, draws * rounds)
        codes = chain.run(rounds, stream, anew=draws > 1, tick=tick)
        copies.append(_filled(data, gaps, codes, stream.child("decode")))
    drawn = pl.DataFrame({name: data.frame[name].is_null() for name in asked})
    return Copies(data, tuple(copies), drawn, missing=True, left=left)


def _tick(progress: Progress, before: int, total: int, turn: int) -> None:
    progress("impute", before + turn, total)


def _unfillable(data: Dataset, columns: Sequence[str]) -> dict[str, str]:
    """Why some of these columns stay as they are."""
    reasons = {}
    for name in columns:
        column, cells = data.table.columns[name], data.frame[name]
        known = len(cells) - cells.null_count()
        if isinstance(column, NUMBERED):
            reasons[name] = "it names one thing or person, and none can be guessed"
        elif isinstance(column, Text | Json):
            reasons[name] = f"{column.kind} is not guessed from other columns"
        elif not known:
            reasons[name] = "every cell is missing: there is nothing to learn from"
        elif known < FEWEST:
            reasons[name] = f"only {known} cells are known, and {FEWEST} are needed to learn from"
    return reasons


def _modelled(data: Dataset, asked: Sequence[str]) -> Dataset:
    """The columns that say something of others, and those that are to be filled."""
    silent_kinds = (*NUMBERED, Text, Json, Constant)
    columns = {
        name: column.model_copy(update={"nullable": True}) if name in asked else column
        for name, column in data.table.columns.items()
        if name in asked or not isinstance(column, silent_kinds)
    }
    return Dataset.of(Schema(tables={data.schema.name: Table(columns=columns)}), data.frame)


def _filled(data: Dataset, gaps: Sequence[Hole], codes: np.ndarray, rng: Rng) -> Dataset:
    """The data with every hole's missing cells decoded from these digits."""
    filled = {}
    for k, hole in enumerate(gaps):
        generator = rng.block(k).generator()
        mine = np.ascontiguousarray(codes[list(hole.places)][:, hole.rows])
        for made in hole.encoder.decode(mine, rng=generator, first_row=0):
            cells = data.frame[made.name]
            place = np.full(data.rows, 0, dtype=np.int64)
            place[hole.rows] = np.arange(len(hole.rows))
            filled[made.name] = cells.zip_with(cells.is_not_null(), made.gather(place))
    return Dataset.of(data.schema, data.frame.with_columns(**filled))
