"""Rows that meet conditions: importance resampling with the model's own likelihoods.

Candidates are drawn digit by digit among the symbols that a condition allows, and weigh what the
symbols allowed had of the probability (sequential importance sampling). Pools of candidates are
drawn until their rows are worth as many as are asked for, or until the budget is spent; each pool
is thinned before anything is decoded, and pools are put together by their weights, so that it does
not matter how many there were. Where the conditions come first in the order of the digits all
weights are equal, and the rows are exact.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Known, Support
from neotype.errors import SamplingError
from neotype.rng import Rng
from neotype.schema.condition import met
from neotype.synth.sampler import Sampler
from neotype.synth.weighing import LogWeights, effective, repeated, resample, shares, thin

BUDGET = 1 << 24
"""How many candidates a whole sample may cost."""
_HOPELESS = 16
"""The part of the budget after which nothing found at all is answer enough."""
_POOL_CELLS = 1 << 22
"""How many digits the candidates of a pool have at most."""
_REPEATED = 0.01
"""The share of rows that may repeat a candidate before more are drawn."""
_SPARE = 1.25
"""Rows of a pool that are decoded, for each that its weight promises."""
_PARTICLES = (16, 64, 256, 1024)
"""Candidates for a given row, then how many more where those before are worth too little; the last
are for rows that have found none to take."""
_LOOKED = 1 << 12
"""Candidates that are decoded together where the best of some rows did not do."""
_PATIENCE = 1 << 20
"""Candidates of a given row of which none could be taken, after which the row is given up."""
_BIAS = 0.03
"""How far the choice among so many candidates may be from what it would be among all."""


@dataclass
class Tally:
    """How many candidates were drawn, how many rows were looked at, and what those met."""

    tried: int = 0
    seen: int = 0
    good: int = 0
    met: dict[str, int] = field(default_factory=dict)

    def accept(self, checks: Mapping[str, pl.Series], rows: int) -> NDArray[np.bool_]:
        """Which of these rows meet every demand."""
        self.seen += rows
        good = np.ones(rows, dtype=np.bool_)
        for title, holds in checks.items():
            mask = holds.to_numpy()
            self.met[title] = self.met.get(title, 0) + int(mask.sum())
            good &= mask
        self.good += int(good.sum())
        return good

    def error(self, found: int, rows: int, known: Known | None = None) -> SamplingError:
        """What is missing, and which demand is hardest to meet."""
        told = [f"{n:,} met {title}" for title, n in self.met.items()]
        if not self.seen:
            told = ["none of them is possible: what is asked for, and must hold, leaves no row"]
        elif told and self.tried > self.seen:
            told = [f"of {self.seen:,} that were looked at:", *told]
        columns = () if known is None else known.columns
        first = ", ".join(map(repr, columns))
        mend = "ask for what occurs together in the data, or for fewer rows"
        if columns:
            mend = (
                "ask for what occurs together in the data; if it is rare, fit with "
                f"first=({first}{',' * (len(columns) == 1)}) so that these columns are drawn first"
            )
        return SamplingError(
            f"{rows:,} rows are asked for, and only {found:,} were found among "
            f"{self.tried:,} candidates.",
            found="\n  ".join(told) or None,
            mend=mend,
        )


def demands(model: Sampler, frame: pl.DataFrame, known: Known | None) -> Mapping[str, pl.Series]:
    """What each row must satisfy, by title: booleans."""
    checks = dict(model.checks(frame))
    if known is None:
        return checks
    for one in known.where:
        checks[f"the condition on '{one.column}'"] = met((one,), frame)
    for rows, where in known.some:
        for one in where:
            holds = np.ones(frame.height, dtype=np.bool_)
            holds[rows] = met((one,), frame[rows]).to_numpy()
            title = f"the condition on '{one.column}'"
            checks[title] = pl.Series(holds) & checks.get(title, True)
    return checks


@dataclass(frozen=True)
class _Kept:
    """Rows of a pool that meet every demand, with the weight of all that they stand for."""

    frame: pl.DataFrame
    log_weight: LogWeights


def where_block(
    model: Sampler, k: int, rng: Rng, wanted: int, first: int, known: Known, budget: int
) -> tuple[pl.DataFrame, Support]:
    """`wanted` rows that meet the conditions, numbered from `first`; block k of a sample."""
    here, tally = rng.block(k), Tally()
    kept: list[_Kept] = []
    largest = max(1024, _POOL_CELLS // max(1, model.width))
    size, turn = int(np.ceil(_SPARE * wanted * model.each)), 0
    weights = np.zeros(0)
    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1))) as crew:
        while True:
            # Where nothing at all was found, a part of the budget tells as much as the whole.
            room = budget if tally.good or not tally.tried else budget // _HOPELESS
            size = min(size, max(room - tally.tried, 1))
            pools = [largest] * (size // largest) + [size % largest] * (size % largest > 0)
            share = wanted * _SPARE * size / (tally.tried + size)
            share *= max(tally.seen, 1) / max(tally.good, 1)
            job = partial(_pool, model, known, here, max(share / size, 0.0))
            numbers = range(turn, turn + len(pools))
            for made, checks, seen in crew.map(job, numbers, pools):
                good = tally.accept(checks, seen)
                kept.append(_Kept(made.frame.filter(good), made.log_weight[good]))
            turn, tally.tried = turn + len(pools), tally.tried + size
            weights = np.concatenate([one.log_weight for one in kept])
            hopeless = not tally.good and _HOPELESS * tally.tried >= budget
            if repeated(weights, wanted) <= _REPEATED or tally.tried >= budget or hopeless:
                break
            worth = effective(weights)
            more = tally.tried * (2.0 * wanted / worth - 1.0 if worth else 8.0)
            size = int(np.clip(more, tally.tried / 4, 8 * tally.tried))
    if not shares(weights).any():
        raise tally.error(0, wanted, known)
    picks = resample(weights, wanted, here.child("resample"))
    frame = pl.concat([one.frame for one in kept])[picks]
    return model.issue(frame, here, first), Support(wanted, tally.tried, effective(weights))


def _pool(
    model: Sampler, known: Known, rng: Rng, share: float, number: int, size: int
) -> tuple[_Kept, Mapping[str, pl.Series], int]:
    """The candidates of one pool that are worth decoding, and what they meet."""
    stream = rng.block(number)
    pool = model.candidates(size, stream, known)
    worth = effective(pool.log_weight)
    most = int(np.ceil(min(share * size, 2.0 * worth, size))) if worth else 0
    picks, weights = thin(pool.log_weight, max(most, 1), stream.child("thin"))
    frame = pool.take(picks, 0, len(picks))
    return _Kept(frame, weights), demands(model, frame, known), len(picks)


@dataclass
class _Best:
    """For each given row the candidate that was taken so far, and what it was chosen among.

    The candidate of the largest log-weight plus Gumbel noise is one in proportion to weight, in
    however many pools they came (Efraimidis & Spirakis 2006).
    """

    score: NDArray[np.float64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    tried: NDArray[np.int64]
    places: list[NDArray[np.int64]] = field(default_factory=list)
    frames: list[pl.DataFrame] = field(default_factory=list)

    @classmethod
    def of(cls, rows: int) -> _Best:
        """Of rows of which no candidate was seen."""
        score, total, square = np.full((3, rows), -np.inf)
        return cls(score, total, square, np.zeros(rows, dtype=np.int64))

    @property
    def worth(self) -> NDArray[np.float64]:
        """How many candidates of equal weight each row was chosen among."""
        found = self.total > -np.inf
        worth = np.zeros(len(found))
        worth[found] = np.exp(2 * self.total[found] - self.square[found])
        return worth

    @property
    def bias(self) -> NDArray[np.float64]:
        """The variance of a row's weights over their number; 0 where all are equal."""
        with np.errstate(divide="ignore"):
            return 1.0 / self.worth - 1.0 / self.tried

    def weigh(self, rows: NDArray[np.int64], log_weight: LogWeights) -> None:
        """Count more candidates (rows × candidates)."""
        self.tried[rows] += log_weight.shape[1]
        for sums, power in ((self.total, 1), (self.square, 2)):
            more = np.logaddexp.reduce(power * log_weight, axis=1)
            sums[rows] = np.logaddexp(sums[rows], more)

    def take(self, rows: NDArray[np.int64], score: LogWeights, frame: pl.DataFrame) -> None:
        """These candidates, one a row, are the best so far."""
        self.score[rows] = score
        self.places.append(rows)
        self.frames.append(frame)

    def rows(self) -> pl.DataFrame:
        """The candidate taken last for each row."""
        places = np.concatenate(self.places)
        last = np.zeros(len(self.score), dtype=np.int64)
        last[places] = np.arange(len(places))
        return pl.concat(self.frames)[last]


def given_block(
    model: Sampler, k: int, rng: Rng, known: Known, first: int, budget: int, *, exact: bool
) -> tuple[pl.DataFrame, Support]:
    """A row for each that something is known of, numbered from `first`; block k of a sample."""
    assert known.cells is not None
    height = known.cells.height
    here, tally, best = rng.block(k), Tally(), _Best.of(height)
    todo, turn = np.arange(height), 0
    while len(todo) and tally.tried < budget:
        each = 1 if exact else max(_PARTICLES[min(turn, 3)], model.each)
        if turn > 3:
            # Few rows are left: as many candidates at once as a pool holds, within the patience.
            room = max(1, _POOL_CELLS // max(1, len(todo) * model.width))
            each = max(each, min(room, _PATIENCE // 4))
        stream = here if turn == 0 else here.child("again").block(turn)
        step = max(1, _POOL_CELLS // max(1, each * model.width))
        for number, start in enumerate(range(0, len(todo), step)):
            part = stream if start == 0 else stream.child("part").block(number)
            some = todo[start : start + step]
            deep = 1 if turn == 0 else _LOOKED // len(some)
            _improve(model, known, part, some, each, deep, best, tally)
        found = best.score > -np.inf
        # A refined model's candidates are dear: its rows make do with fewer.
        enough = exact or turn >= (2 if model.each == 1 else 1)
        todo = np.flatnonzero(~(found & (enough | (best.bias <= _BIAS))))
        turn += 1
        if (~found & (best.tried >= _PATIENCE)).any():
            break
    if len(todo) and not (best.score > -np.inf).all():
        raise tally.error(int((best.score > -np.inf).sum()), height, known)
    frame = kept(model.issue(best.rows(), here, first), known)
    worth = np.full(height, np.inf) if exact else best.worth
    return frame, Support(
        height, tally.tried, float(np.median(worth)), int((worth < 2.0).sum()), given=True
    )


def _improve(
    model: Sampler,
    known: Known,
    rng: Rng,
    rows: NDArray[np.int64],
    each: int,
    deep: int,
    best: _Best,
    tally: Tally,
) -> None:
    """Draw `each` candidates for these rows; one that beats what a row has is taken.

    Of a row's candidates the `deep` best are looked at, and the first that meets every demand
    counts.
    """
    pool = model.candidates(len(rows) * each, rng, known.rows(np.repeat(rows, each)))
    weight = pool.log_weight.reshape(-1, each)
    spin = rng.child("choose").generator().gumbel(size=weight.shape)
    score = weight + spin if each > 1 or model.each > 1 else weight
    tally.tried += weight.size
    best.weigh(rows, weight)
    deep = max(1, min(deep, each))
    front = np.argpartition(-score, deep - 1, axis=1)[:, :deep]
    order = np.argsort(-np.take_along_axis(score, front, axis=1), axis=1, kind="stable")
    place = np.take_along_axis(front, order, axis=1)
    tops = np.take_along_axis(score, place, axis=1)
    row, rank = np.nonzero(tops > best.score[rows][:, None])
    if not len(row):
        return
    picks = row * each + place[row, rank]
    told = known.rows(rows[row])
    frame = kept(pool.take(picks, 0, len(picks)), told)
    good = np.flatnonzero(tally.accept(demands(model, frame, told), frame.height))
    taken, first = np.unique(row[good], return_index=True)
    chosen = good[first]
    best.take(rows[taken], tops[taken, rank[chosen]], frame[chosen])


def kept(frame: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The rows with their known cells as they were given."""
    cells, free = known.cells, known.free
    if cells is None:
        return frame
    told = [cells[name].cast(frame[name].dtype) for name in cells.columns]
    if free is not None:
        told = [frame[one.name].zip_with(free[one.name], one) for one in told]
    return frame.with_columns(told)
