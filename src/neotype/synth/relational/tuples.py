"""Small categoricals of a row taken together: one digit for the combinations that occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import SYMBOLS, Codes, Digit, State

_SMALL = 16


@dataclass(frozen=True)
class Tuples:
    """`table` (combinations × places): the codes that each combination has at those `places`.

    The most frequent comes first. A combination of fewer rows than are needed is told as the
    likest of those that are kept.
    """

    places: tuple[int, ...]
    table: NDArray[np.uint8]
    weights: NDArray[np.int64]

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
            if (counts >= protect).sum() <= SYMBOLS and found.shape[1] <= 4 * SYMBOLS:
                chosen.append(place)
        if len(chosen) < 1:
            return cls((), np.zeros((1, 0), np.uint8), np.zeros(1, np.int64))
        found, counts = np.unique(codes[chosen], axis=1, return_counts=True)
        keep = np.flatnonzero(counts >= min(protect, int(counts.max())))
        keep = keep[np.argsort(-counts[keep], kind="stable")][:SYMBOLS]
        table = np.ascontiguousarray(found[:, keep].T)
        return cls(tuple(chosen), table, counts[keep].astype(np.int64))

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
        return State({"places": list(self.places)}, {"table": self.table, "weights": self.weights})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        return cls(tuple(state.fact("places")), state.array("table"), state.array("weights"))
