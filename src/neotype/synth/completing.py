"""Rows of which a rule's columns are known in part: the rest is drawn, then weighed.

Where the end of a stay is known and its beginning is not, no column of the rewritten row is known:
the beginning is drawn, what lies between follows from both, and the row counts by how probable
that is. Which is importance resampling: what is drawn comes from p(beginning), and the weight is
p(beginning, between) / p(beginning), both as the model within estimates them. Where a sum is known
and its parts are not, all parts but one are drawn, and that one is solved for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Known
from neotype.encode.numeric import NumericEncoder
from neotype.rng import Rng
from neotype.schema.constraint import Rule
from neotype.synth.conditioned import kept
from neotype.synth.refine import Refined
from neotype.synth.rewriting import Rewriting
from neotype.synth.sampler import Candidates, Sampler
from neotype.synth.table import TableModel
from neotype.synth.weighing import LogWeights

_EXACT = {"numeric", "categorical", "ordinal", "boolean", "datetime", "duration", "geo"}
"""Kinds of which a decoded cell has the digits that it was decoded from."""


@dataclass(frozen=True)
class Completed:
    """Candidates whose rewritten cells are known, as those were drawn and followed."""

    inner: Candidates
    known: Known
    rewriting: Rewriting
    rng: Rng
    log_weight: LogWeights

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        """The first `rows` of the candidates at `picks`, numbered from `first_row`."""
        frame = self.inner.take(picks, first_row, rows)
        return self.rewriting.decode(kept(frame, self.known.rows(picks[:rows])), self.rng)


def following(rewriting: Rewriting, known: Known) -> tuple[list[str], list[str]]:
    """Inner columns that are to be drawn, and those that follow from them and what is known."""
    cells, free = known.cells, known.free
    if cells is None:
        return [], []
    told = [c for c in cells.columns if free is None or not free[c].all()]
    drawn: dict[str, None] = {}
    follow: dict[str, None] = {}
    for rule in rewriting.steps:
        if rule.follows is not None:
            continue
        about = rule.constraint.about
        lacking = [c for c in about if c not in told or (free is not None and free[c].any())]
        for column in (c for c in about if c in told and c not in rewriting.inner.columns):
            mine = rewriting.stands_for(column)
            parts = [rewriting.stands_for(c) for c in lacking]
            below = {name for part in parts if set(part) <= set(mine) for name in part}
            more = [name for name in mine if name not in below]
            if below and more:
                drawn |= dict.fromkeys(name for name in mine if name in below)
                follow |= dict.fromkeys(more)
    return [name for name in drawn if name not in follow], list(follow)


def completed(
    model: Sampler, rewriting: Rewriting, rows: int, rng: Rng, known: Known
) -> Completed | None:
    """Candidates for rows of which rules' columns are known in part; None where none are."""
    drawn, follow = following(rewriting, known)
    told = rewriting.known(known)
    asked = [rule for rule in rewriting.steps if _tells(rule, known)]
    if told.cells is None or not (follow or asked):
        return None
    plain: Any = model
    if isinstance(model, Refined) and isinstance(model.inner, TableModel):
        plain = model.inner
    begun = plain.candidates(rows, rng.child("begin"), told)
    frame = begun.take(np.arange(rows), 0, rows)
    frame = kept(frame, told)
    outer = kept(rewriting.decode(frame, rng.child("rewrite")), known)
    solved: dict[str, pl.Series] = {}
    for rule in asked:
        outer = _solved(rule, outer, known, _last_first(rule, rewriting, plain), solved)
    if not follow and not solved:
        return None
    again = rewriting.encode(outer)
    good = _good(rewriting, outer, again.select(follow))
    parts = {c for rule in asked for c in rule.constraint.about if c in rewriting.inner.columns}
    drawn = [*drawn, *(c for c in again.columns if c in parts and c not in {*drawn, *follow})]
    drawn = _with_earlier(plain, drawn, follow)
    # rows that do not obey keep what was drawn: they are never taken
    new = {name: again[name].zip_with(pl.Series(good), frame[name]) for name in (*drawn, *follow)}
    free = told.free
    if free is None:
        free = pl.DataFrame({c: np.zeros(rows, dtype=np.bool_) for c in told.cells.columns})
    cells = told.cells.with_columns(one.alias(name) for name, one in new.items())
    none = pl.lit(False)
    before = free.with_columns(solved.get(name, none).alias(name) for name in drawn)
    after = free.with_columns(none.alias(name) for name in (*drawn, *follow))
    names = cells.columns
    first = replace(told, cells=cells, free=before.select(names))
    whole = replace(told, cells=cells, free=after.select(names))
    made = model.candidates(rows, rng.child("follow"), whole)
    base = plain.candidates(rows, rng.child("weigh"), first).log_weight
    value = np.zeros(rows)
    for name in (*follow, *solved):
        # a cell that was drawn or known beside solved ones of other rows weighs nothing there
        here = solved[name].to_numpy() if name in solved else True
        value += np.where(here, _values(plain, again.select(name)), 0.0)
    weight = np.where(good, made.log_weight + value + begun.log_weight - base, -np.inf)
    weight[np.isnan(weight)] = -np.inf
    return Completed(made, whole, rewriting, rng.child("rewrite"), weight)


def _good(rewriting: Rewriting, outer: pl.DataFrame, follow: pl.DataFrame) -> NDArray[np.bool_]:
    """Which rows obey, and have no gap where what follows cannot be missing."""
    good = np.ones(outer.height, dtype=np.bool_)
    for rule in rewriting.rules:
        if not rule.whole:
            good &= rule.holds(outer).to_numpy()
    for name in follow.columns:
        if not rewriting.inner.columns[name].nullable:
            good &= follow[name].is_not_null().to_numpy()
    return good


def _tells(rule: Rule, known: Known) -> bool:
    """Whether what the rule computes is known, and something that it follows from is not."""
    if rule.follows is None or known.cells is None or rule.follows not in known.cells.columns:
        return False
    free = [_free(known, name) for name in rule.constraint.about]
    result = _free(known, rule.follows)
    return any(bool((one & ~result).any()) for one in free)


def _last_first(rule: Rule, rewriting: Rewriting, model: Any) -> list[str]:
    """What the rule computes from, in the order in which it is solved for.

    The finest is first, prices rather than pieces; then what the model draws last, so that it can
    say how probable the others are without it.
    """
    columns = rewriting.inner.columns
    rank: dict[str, int] = {}
    if isinstance(model, TableModel):
        turn = {place: k for k, place in enumerate(model.order)}
        for name in columns:
            rank[name] = max((turn[p] for p in model.codebook.places({name})), default=-1)

    def key(name: str) -> tuple[float, int]:
        decimals = getattr(columns[name], "decimals", None)
        return (np.inf if decimals is None else float(decimals), rank.get(name, -1))

    parts = [name for name in rule.constraint.about if name in columns]
    return sorted(parts, key=key, reverse=True)


def _free(known: Known, name: str) -> pl.Series:
    """In which rows nothing is known of a column."""
    assert known.cells is not None
    if name not in known.cells.columns:
        return pl.Series(name, [True]).new_from_index(0, known.cells.height)
    if known.free is None:
        return pl.Series(name, [False]).new_from_index(0, known.cells.height)
    return known.free[name]


def _solved(
    rule: Rule,
    outer: pl.DataFrame,
    known: Known,
    parts: list[str],
    solved: dict[str, pl.Series],
) -> pl.DataFrame:
    """The rows with one unknown part each as it must be; `solved` says in which rows which is."""
    assert rule.follows is not None
    left = ~_free(known, rule.follows) & outer[rule.follows].is_not_null()
    for name in parts:
        here = left & _free(known, name)
        if name in solved or not here.any():
            continue
        found = rule.solve(name, outer)
        if found is None:
            continue
        here &= found.is_not_null()
        outer = outer.with_columns(found.zip_with(here, outer[name]))
        solved[name] = here
        left &= ~here
    return outer


def _with_earlier(model: Any, drawn: list[str], follow: list[str]) -> list[str]:
    """The drawn columns, and those that the model draws before: they led to what was drawn."""
    if not isinstance(model, TableModel):
        return drawn
    book = model.codebook
    rank = {place: k for k, place in enumerate(model.order)}
    last = max((rank[place] for place in book.places(set(drawn))), default=-1)
    earlier: list[str] = []
    for encoder in book.encoders:
        places = book.places(set(encoder.columns))
        kinds = {book.schema.columns[name].kind for name in encoder.columns}
        led = bool(places) and max(rank[place] for place in places) < last
        if led and kinds <= _EXACT and not set(encoder.columns) & {*drawn, *follow}:
            earlier += encoder.columns
    return [*drawn, *earlier]


def _values(model: Any, frame: pl.DataFrame) -> LogWeights:
    """How probable the very values of these columns are, given their digits.

    What was drawn has its value from its digits, so that this cancels there; what follows has not.
    """
    total = np.zeros(frame.height)
    for encoder in model.codebook.encoders if hasattr(model, "codebook") else ():
        if isinstance(encoder, NumericEncoder) and encoder.name in frame.columns:
            total += encoder.log_within(frame[encoder.name])
    return total
