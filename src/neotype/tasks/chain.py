"""Missing digits drawn in turn, each column given all others, until they no longer change.

Multiple imputation by chained equations (van Buuren 2007), with density trees as the equations
(Burgette and Reiter 2010, with trees that are averaged over their prunings): everything happens in
digits, so that one encoding serves all rounds and all copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Encoder
from neotype.rng import Rng
from neotype.trees.density import DensityTrees, Growth
from neotype.trees.draw import ALL, draw
from neotype.trees.relevance import mutual_information

_LEARNT_ROWS = 100_000
"""Rows that a column is learnt from: more would cost time and change little."""
_RELEVANCE_ROWS = 10_000

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Hole:
    """The missing cells of one encoder: the digits that it writes, and the rows that lack them."""

    encoder: Encoder
    places: tuple[int, ...]
    rows: Rows
    known: Rows
    missing: tuple[int, ...]
    """The symbols of the first digit that say that a cell is missing."""


def holes(codebook: Codebook, frame: pl.DataFrame, columns: Sequence[str]) -> list[Hole]:
    """The holes in these columns, those of fewest cells first."""
    found = []
    start = 0
    for encoder in codebook.encoders:
        places = tuple(range(start, start + len(encoder.digits)))
        start += len(places)
        mine = [name for name in encoder.columns if name in columns]
        if not mine or not places:
            continue
        lacks = frame.select(pl.any_horizontal(pl.col(encoder.columns).is_null())).to_series()
        rows, known = lacks.arg_true().to_numpy(), (~lacks).arg_true().to_numpy()
        if len(rows):
            found.append(
                Hole(encoder, places, _whole(rows), _whole(known), _missing(encoder, frame))
            )
    return sorted(found, key=lambda hole: len(hole.rows))


def _whole(rows: NDArray[np.generic]) -> Rows:
    return rows.astype(np.int64)


def _missing(encoder: Encoder, frame: pl.DataFrame) -> tuple[int, ...]:
    """What the first digit is where a cell is missing: learnt from cells that are."""
    lacks = frame.filter(pl.any_horizontal(pl.col(encoder.columns).is_null()))
    return tuple(np.unique(encoder.encode(lacks)[0]).tolist())


@dataclass(frozen=True)
class Chain:
    """Rows as digits, of which some are missing."""

    codebook: Codebook
    codes: Codes
    holes: list[Hole]
    growth: Growth

    def run(self, rounds: int, rng: Rng, *, anew: bool, tick: Callable[[int], None]) -> Codes:
        """The digits after so many rounds; a hole begins as what other rows have there.

        `anew`: learn from rows drawn with replacement, as if other rows had been seen.
        """
        codes = self.codes.copy()
        rows = codes.shape[1]
        start = rng.child("start").generator()
        for hole in self.holes:
            donors = start.choice(hole.known, len(hole.rows))
            for place in hole.places:
                codes[place, hole.rows] = codes[place, donors]
        sizes = np.array([digit.size for digit in self.codebook.digits], dtype=np.int64)
        seen = np.arange(rows)
        if anew or rows > _LEARNT_ROWS:
            many = min(rows, _LEARNT_ROWS)
            seen = rng.child("rows").generator().choice(rows, many, replace=anew)
        for turn in range(rounds):
            step = max(1, rows // _RELEVANCE_ROWS)
            nats = mutual_information(np.ascontiguousarray(codes.T[::step]), sizes)
            for k, hole in enumerate(self.holes):
                self._redraw(hole, codes, seen, nats, rng.block(turn).block(k))
            tick(turn + 1)
        return codes

    def _redraw(
        self, hole: Hole, codes: Codes, seen: Rows, nats: NDArray[np.float64], rng: Rng
    ) -> None:
        """Learn one encoder's digits from rows that have them, and draw those that are missing."""
        digits = self.codebook.digits
        known = np.zeros(codes.shape[1], dtype=np.bool_)
        known[hole.known] = True
        rows = seen[known[seen]]
        if not len(rows):
            rows = hole.known
        others = np.setdiff1d(np.arange(len(digits)), hole.places)
        looks = []
        for k, place in enumerate(hole.places):
            near = others[np.argsort(-nats[place, others], kind="stable")[: self.growth.width]]
            looks.append([*sorted(near.tolist()), *hole.places[:k]])
        trees = DensityTrees.grow(
            np.ascontiguousarray(codes[:, rows]),
            [digit.size for digit in digits],
            [digit.ordered for digit in digits],
            hole.places,
            self.growth,
            looks=looks,
        )
        allowed = np.full((1, len(digits)), ALL)
        for symbol in hole.missing:
            allowed[0, hole.places[0]] &= ~(np.uint64(1) << np.uint64(symbol))
        key = int(rng.child("draw").generator().integers(2**63))
        codes[:, hole.rows] = _completed(trees, codes[:, hole.rows], key, allowed)


def _completed(trees: DensityTrees, codes: Codes, key: int, allowed: NDArray[np.uint64]) -> Codes:
    """`codes` with the digits of these trees drawn anew, and all others as they are."""
    digits, rows = codes.shape
    x = np.zeros((rows, digits + 1), dtype=np.uint8)
    x[:, :digits] = codes.T
    arrays = trees.arrays()
    limited = (allowed != ALL).any(axis=0)
    walk: Any = draw
    walk(x, np.uint64(key), *arrays.values(), limited, allowed, np.zeros(rows))
    return np.ascontiguousarray(x[:, :digits].T)
