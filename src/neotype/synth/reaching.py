"""Conditions on a column that is told by two others: one is drawn, the other must reach.

Where a stay must end in May and rows hold its beginning and its length, neither of these can be
told alone. So rows are drawn as far as the first of both; then the other one is drawn among what
meets the condition beside it. Each row weighs what that had of the probability, which makes
sequential importance sampling of it: with x all digits before the second column, the weight is
p(x) p(second in its set, and all that is told | x) / q(x), where q drew x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Known
from neotype.encode.encoder import ALL, Codes, Masks, only
from neotype.rng import Rng
from neotype.schema.condition import Condition, Where
from neotype.synth.refine import Refined
from neotype.synth.rewriting import Rewriting
from neotype.synth.sampler import Candidates, Sampler
from neotype.synth.table import Drawn, TableModel
from neotype.synth.weighing import LogWeights

_GROUPS = 256
"""Sets of symbols that are made for a pool: rows with near ranges share one that holds all."""
_ROWS = 32
"""Rows that share one at least."""


@dataclass(frozen=True)
class _Reached:
    """Candidates whose first column keeps the very values that the second had to fit."""

    inner: Drawn
    first: pl.Series

    @property
    def codes(self) -> Codes:
        """Digits × candidates."""
        return self.inner.codes

    @property
    def log_weight(self) -> LogWeights:
        """How probable the digits before were, and what the rest had of being allowed."""
        return self.inner.log_weight

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        """The first `rows` of the candidates at `picks`, numbered from `first_row`."""
        frame = self.inner.take(picks, first_row, rows)
        return frame.with_columns(self.first.gather(picks[:rows]))


def reached(
    model: Sampler, rewriting: Rewriting, rows: int, rng: Rng, known: Known, told: Known
) -> Candidates | None:
    """Candidates for conditions that two inner columns tell together; None where none are so.

    The conditions are not fully met by that: ranges are as wide as symbols, and are checked.
    """
    plain: Any = model.inner if isinstance(model, Refined) else model
    if known.cells is not None or not isinstance(plain, TableModel):
        return None
    found = _turn(plain, rewriting, known.where)
    if found is None:
        return None
    rule, asked, first, second, before = found
    book, density = plain.codebook, plain.density
    width = len(book.digits)
    allowed = book.allowed(told)
    early = np.zeros(width, dtype=np.bool_)
    early[before] = True
    streams = (rng.child("draw"), rng.child("reach"), rng.child("weigh"))
    keys = [int(one.generator().integers(2**63)) for one in streams]
    begun, drawn = density.draw(rows, width, keys[0], np.where(early, allowed, ALL))
    fixed = np.where(early, only(begun.T), ALL)
    _, base = density.draw(rows, width, keys[2], fixed)
    cells = _cells(plain, begun, first, told.where, rng.child("decode"))
    masks: Masks = np.where(early, fixed, allowed)
    places = book.places({second})
    for one in asked:
        masks[:, places] &= _sets(plain, second, rule.reach(one, cells))
    codes, weight = density.draw(rows, width, keys[1], masks)
    with np.errstate(invalid="ignore"):
        weight = np.where(np.isfinite(base), drawn + weight - base, -np.inf)
    pool = _Reached(Drawn(book, codes, weight, rng, told), cells)
    return model.weighed(pool, rng) if isinstance(model, Refined) else pool


def _turn(
    model: TableModel, rewriting: Rewriting, where: Where
) -> tuple[Any, list[Condition], str, str, list[int]] | None:
    """The rule, its conditions, which column comes first, and all places before the second."""
    rank = {place: k for k, place in enumerate(model.order)}
    for rule in rewriting.steps:
        for name in dict.fromkeys(one.column for one in where):
            pair = rule.pair(name)
            if pair is None or not set(pair) <= set(rewriting.inner.columns):
                continue
            mine = (one for one in where if one.column == name)
            asked = [one for one in mine if None not in (one.values or ())]
            ranks = [[rank[p] for p in model.codebook.places({c})] for c in pair]
            for k in (0, 1):
                if all(ranks) and max(ranks[k]) < min(ranks[1 - k]):
                    before = list(model.order[: min(ranks[1 - k])])
                    return rule, asked, pair[k], pair[1 - k], before
    return None


def _cells(model: TableModel, codes: Codes, name: str, where: Where, rng: Rng) -> pl.Series:
    """A column of digits as values, with those that conditions name."""
    book = model.codebook
    encoder = next(one for one in book.encoders if one.columns == (name,))
    generator = rng.generator()
    mine = np.ascontiguousarray(codes[book.places({name})])
    made = encoder.decode(mine, rng=generator, first_row=0)[0].to_frame()
    asked = tuple(one for one in where if one.column == name)
    return book.settled(made, codes, asked, generator)[name]


def _sets(model: TableModel, name: str, ends: tuple[pl.Series, pl.Series]) -> Masks:
    """For each row the symbols of a column between two ends, or where it is missing."""
    encoder = next(e for e in model.codebook.encoders if name in e.columns)
    low, high = ends
    numbered = pl.DataFrame({"low": low, "high": high}).with_row_index()
    order = numbered.sort("low", "high")["index"].to_numpy()
    lone = encoder.allowed(Condition(name, values=(None,)))
    masks = np.zeros((len(low), len(encoder.digits)), dtype=np.uint64)
    for rows in np.array_split(order, min(_GROUPS, -(-len(order) // _ROWS))):
        least, most = low.gather(rows).min(), high.gather(rows).max()
        least = None if low.gather(rows).has_nulls() else least
        most = None if high.gather(rows).has_nulls() else most
        masks[rows] = encoder.allowed(Condition(name, low=least, high=most)) | lone
    return masks
