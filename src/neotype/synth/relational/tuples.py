"""Small categoricals of a row taken together: one digit for the combinations that occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import SYMBOLS, Codes, Digit, State

_SMALL = 16
_TOLD = 0.98
"""Share of the rows that have a combination of rows enough to be told."""


@dataclass(frozen=True)
class Tuples:
    """`table` (combinations × places): the codes that each combination has at those `places`.

    The most frequent comes first. A combination of fewer rows than are needed is told as the
    likest of those that are kept.
    """

    places: tuple[int, ...]
    table: NDArray[np.uint8]
    fixed: NDArray[np.int64]
    """(combinations × digits): the code that all rows of a combination have at a digit; −1 where
    they differ. Closed shops sell nothing."""

    @classmethod
    def learn(cls, codes: Codes, digits: Sequence[Digit], alone: set[int], protect: int) -> Self:
        """Take in digits, smallest first, while what occurs fits one digit.

        `alone` are the places of digits that are all there is of their column.
        """
        chosen: list[int] = []
        sizes = [(digit.size, place) for place, digit in enumerate(digits) if place in alone]
        for size, place in sorted(sizes):
            if size > _SMALL:
                break
            found, counts = np.unique(codes[[*chosen, place]], axis=1, return_counts=True)
            told = counts[counts >= protect].sum() >= _TOLD * codes.shape[1]
            few = (counts >= protect).sum() <= SYMBOLS and found.shape[1] <= 4 * SYMBOLS
            if told and few:
                chosen.append(place)
        if len(chosen) < 1:
            return cls((), np.zeros((1, 0), np.uint8), np.full((1, len(digits)), -1))
        found, counts = np.unique(codes[chosen], axis=1, return_counts=True)
        keep = np.flatnonzero(counts >= min(protect, int(counts.max())))
        keep = keep[np.argsort(-counts[keep], kind="stable")][:SYMBOLS]
        table = np.ascontiguousarray(found[:, keep].T)
        plain = cls(tuple(chosen), table, np.full((len(table), len(digits)), -1))
        return replace(plain, fixed=plain._fixed(codes, protect))

    def _fixed(self, codes: Codes, protect: int) -> NDArray[np.int64]:
        combination = self.encode(codes)
        fixed = self.fixed.copy()
        often = np.bincount(combination, minlength=len(self)) >= protect
        for place, line in enumerate(codes):
            low = np.full(len(self), 255)
            high = np.full(len(self), -1)
            np.minimum.at(low, combination, line)
            np.maximum.at(high, combination, line)
            same = often & (low == high) & (line.min(initial=0) < line.max(initial=0))
            fixed[same, place] = low[same]
        return fixed

    def __len__(self) -> int:
        return len(self.table)

    def encode(self, codes: Codes) -> NDArray[np.uint8]:
        """The combination of each row of digits × rows."""
        if not self.places:
            return np.zeros(codes.shape[1], dtype=np.uint8)
        mine = codes[list(self.places)]
        found, index = np.unique(mine, axis=1, return_inverse=True)
        alike = (found.T[:, None, :] == self.table[None, :, :]).sum(axis=2)
        likest: NDArray[np.uint8] = alike.argmax(axis=1).astype(np.uint8)
        return likest[index.ravel()]

    def state(self) -> State:
        """At rest."""
        return State({"places": list(self.places)}, {"table": self.table, "fixed": self.fixed})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        return cls(tuple(state.fact("places")), state.array("table"), state.array("fixed"))
