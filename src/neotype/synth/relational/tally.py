"""A running total while rows are drawn: amounts become values, and totals follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes
from neotype.rng import Rng
from neotype.synth.relational.roundness import Roundness
from neotype.synth.relational.running import Running

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """Where the digits of amount, total and kind are among those that rows draw."""

    running: Running
    encoders: tuple[Any, Any]
    """Of amount and total."""
    amount: tuple[int, ...]
    total: tuple[int, ...]
    kind: int | None
    signs: Values
    """By symbol of the kind."""
    zeros: int | None
    roundness: Roundness
    classes: NDArray[np.int64]
    """By symbol of the digit of closing zeros: how many."""

    @classmethod
    def of(
        cls, running: Running, codebook: Codebook, place: dict[int, int], roundness: Roundness
    ) -> Self:
        """`place` leads from the codebook's digits to those that rows draw."""
        named = {encoder.columns[0]: encoder for encoder in codebook.encoders}

        def places(name: str) -> tuple[int, ...]:
            return tuple(place[p] for p in codebook.places({name}))

        kind, signs = None, np.ones(1)
        if running.kind is not None:
            kind = places(running.kind)[0]
            signs = running.signs(_labels(named[running.kind]).to_frame())
        beside = Roundness.beside(running.amount)
        zeros, classes = None, np.zeros(1, dtype=np.int64)
        if beside in named and places(beside):
            zeros = places(beside)[0]
            classes = _labels(named[beside]).fill_null(0).to_numpy().astype(np.int64)
        return cls(
            running,
            (named[running.amount], named[running.total]),
            places(running.amount),
            places(running.total),
            kind,
            signs,
            zeros,
            roundness,
            classes,
        )

    def source(
        self, repeats: Sequence[tuple[int, ...]], source: NDArray[np.int64], at: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The rows whose amounts the rows `at` have: themselves, where it is new."""
        for line, places in enumerate(repeats):
            if places == self.amount:
                first: NDArray[np.int64] = source[line]
                return first
        return at

    def amounts(
        self, codes: Codes, known: Values, again: NDArray[np.bool_], rng: Generator
    ) -> Values:
        """The amount of each row of digits × rows; the `known` one where it comes `again`."""
        values: Values = self.encoders[0].numbers(codes[list(self.amount)], rng)
        if self.zeros is not None:
            classes = self.classes[codes[self.zeros]]
            values = self.roundness.rounded(self.running.amount, values, classes, rng)
        return np.where(again, known, values)

    def capped(self, codes: Codes, before: Values) -> Values:
        """2 × rows: amounts that leave a total at its floor, or hardly lower it, and the totals."""
        room = np.maximum(before - self.running.floor, self.running.unit)
        return np.stack([room, self.totals(codes, room, before)])

    def totals(self, codes: Codes, amounts: Values, before: Values) -> Values:
        """The total after each row; its digits are set in `codes`."""
        sign = self.signs if self.kind is None else self.signs[codes[self.kind]]
        totals: Values = np.asarray(np.round(before + sign * amounts, 9), dtype=np.float64)
        codes[list(self.total)] = self.encoders[1].digits_of(totals)
        return totals


def _labels(encoder: Any) -> pl.Series:
    """What each symbol of a column of one digit stands for."""
    size = encoder.digits[0].size
    codes = np.arange(size, dtype=np.uint8)[None]
    made: pl.Series = encoder.decode(codes, rng=Rng(0).generator(), first_row=0)[0]
    return made
