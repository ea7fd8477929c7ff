"""Missing cells of a real table filled with what they might have been; known cells stay."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl

from neotype.constraints import DenormalizedTable, FixedCombinations
from neotype.data import Dataset, Known
from neotype.encode.codebook import Codebook
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.condition import Condition
from neotype.schema.schema import (
    NUMBERED,
    Boolean,
    Categorical,
    Constant,
    Json,
    Ordinal,
    Schema,
    Table,
    Text,
)
from neotype.synth.learn import learn, rules_of
from neotype.synth.trees import Trees
from neotype.tasks.chain import Chain, Hole, holes
from neotype.tasks.copies import Copies
from neotype.tasks.partial import opened, with_cells
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
    if not asked:
        return Copies(data, (data,) * draws, pl.DataFrame(), missing=True, left=left)
    ruled = [name for name in asked if name in _ruled(data)]
    known = _modelled(data, asked)
    codebook = Codebook.learn(known, protect=1)
    gaps = holes(codebook, known.frame, [name for name in asked if name not in ruled])
    chain = Chain(codebook, codebook.encode(known), gaps, growth or Growth())
    copies = []
    for draw in range(draws):
        stream = rng.child("draw").block(draw)
        tick = partial(_tick, progress, draw * rounds, draws * rounds)
        codes = chain.run(rounds, stream, anew=draws > 1, tick=tick)
        copy = _filled(data, gaps, codes, stream.child("decode"))
        if ruled:
            copy = _obeying(copy, ruled, stream.child("rules"), anew=draws > 1)
        copies.append(copy)
    drawn = pl.DataFrame({name: data.frame[name].is_null() for name in asked})
    return Copies(data, tuple(copies), drawn, missing=True, left=left)


def _ruled(data: Dataset) -> set[str]:
    """The columns that constraints speak of."""
    return {name for rule in data.table.constraints for name in rule.about}


def _obeying(data: Dataset, columns: Sequence[str], rng: Rng, *, anew: bool) -> Dataset:
    """The data with these columns filled from a model in which its constraints hold.

    All cells of a constraint are drawn together, given all that is known of the row. Where a
    constraint is about several rows, all rows are there, those without a gap as they are.
    """
    lacks = data.frame.select(pl.any_horizontal(pl.col(columns).is_null())).to_series()
    several = any(rule.whole for rule in rules_of(data, protect=1))
    index = np.arange(data.rows) if several else lacks.arg_true().to_numpy()
    given = [
        name
        for name, column in data.table.columns.items()
        if not isinstance(column, (*NUMBERED, Text, Json)) or name in columns
    ]
    first = tuple(name for name in given if name not in columns)
    lesson = data
    if anew and not several:
        lesson = data.take(rng.child("rows").generator().choice(data.rows, data.rows))
    schema = opened(data.schema, data.frame, data.table.columns)
    recipe = Trees(refine=0, first=first, protect=1)
    model = learn(recipe, Dataset.of(schema, lesson.frame), rng=rng.child("fit"))
    cells = data.frame[index].select(given)
    free = cells.select(
        pl.col(name).is_null() if name in columns else pl.lit(False).alias(name) for name in given
    )
    some = tuple(
        (free[name].arg_true().to_numpy().astype(np.int64), (_present(data, name),))
        for name in columns
    )
    known = Known(cells, free, some=tuple(each for each in some if len(each[0])))
    made = model.sample(rng=rng.child("sample"), known=known).frame
    filled = lacks.to_numpy()[index]
    return with_cells(data, made.select(columns).filter(filled), index[filled])


def _present(data: Dataset, name: str) -> Condition:
    """That a cell is not missing: one of the labels, or any quantity."""
    if not isinstance(data.table.columns[name], Categorical | Ordinal | Boolean):
        return Condition(name)
    return Condition(name, values=tuple(data.frame[name].drop_nulls().unique().sort().to_list()))


def _tick(progress: Progress, before: int, total: int, turn: int) -> None:
    progress("impute", before + turn, total)


def _unfillable(data: Dataset, columns: Sequence[str]) -> dict[str, str]:
    """Why some of these columns stay as they are."""
    reasons = {}
    about = [rule.about for rule in data.table.constraints if rule.type == "FixedNullCombinations"]
    tied = {name for each in about for name in each}
    for name in columns:
        column, cells = data.table.columns[name], data.frame[name]
        known = len(cells) - cells.null_count()
        if isinstance(column, NUMBERED):
            reasons[name] = "it names one thing or person, and none can be guessed"
        elif name in tied:
            reasons[name] = "a constraint says which cells are missing together"
        elif (title := _empty_by_rule(data, name)) is not None:
            reasons[name] = f"{title} knows no cell for some of its rows, only a missing one"
        elif isinstance(column, Text | Json):
            reasons[name] = f"{column.kind} is not guessed from other columns"
        elif not known:
            reasons[name] = "every cell is missing: there is nothing to learn from"
        elif known < FEWEST:
            reasons[name] = f"only {known} cells are known, and {FEWEST} are needed to learn from"
    return reasons


def _empty_by_rule(data: Dataset, name: str) -> str | None:
    """The combinations in which other cells of a row occur with a missing cell of `name` alone."""
    for rule in data.table.constraints:
        if name not in rule.about:
            continue
        if isinstance(rule, FixedCombinations) and rule.allowed is None:
            beside = [other for other in rule.about if other != name]
        elif isinstance(rule, DenormalizedTable) and rule.key != name:
            beside = [rule.key]
        else:
            continue
        lacks = data.frame[name].is_null()
        lonely = data.frame.filter(lacks).select(beside).drop_nulls()
        if lonely.join(data.frame.filter(~lacks).select(beside), on=beside, how="anti").height:
            return str(rule.title)
    return None


def _modelled(data: Dataset, asked: Sequence[str]) -> Dataset:
    """The columns that say something of others, and those that are to be filled."""
    silent_kinds = (*NUMBERED, Text, Json, Constant)
    columns = {
        name: column.model_copy(update={"nullable": True}) if name in asked else column
        for name, column in opened(data.schema, data.frame, data.table.columns).columns.items()
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
