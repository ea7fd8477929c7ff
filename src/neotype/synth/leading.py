"""A joint distribution of leading digits, and trees that draw the finer ones beside them.

One leading digit a column (several of a time) says most of what columns have to do with each
other. So a family need only learn these; the rest of a column follows from its own digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.codebook import Codebook
from neotype.encode.encoder import ALL, Codes, Masks, only
from neotype.rng import Rng
from neotype.trees.density import DensityTrees, Growth

LogWeights = NDArray[np.float64]

_HEAD, _FINE = "head ", "fine "
_ECHOED = 20_000
"""Rows of a head that cannot be asked for some, from which trees learn to answer for it."""


class Head(Protocol):
    """A joint distribution of leading digits."""

    @property
    def sizes(self) -> Sequence[int]:
        """How many symbols each digit has."""

    def draw(self, rows: int, rng: Rng, given: Masks | None = None) -> tuple[Codes, LogWeights]:
        """Digits × rows, each digit among the symbols `given`, and how probable those were.

        One that does not `obey` is never given any.
        """

    def log_density(self, codes: Codes) -> LogWeights | None:
        """The log-probability of each row, or None where the family has none."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""


@dataclass(frozen=True)
class Leading:
    """A head for the digits at `leading`, and trees for all others given those of their column.

    Where a head does not `obey` conditions, trees that learnt from its own rows draw for it.
    """

    leading: NDArray[np.int64]
    head: Head
    fine: DensityTrees
    obeys: bool = True

    def draw(
        self, rows: int, digits: int, key: int, allowed: Masks | None
    ) -> tuple[Codes, LogWeights]:
        """Rows (digits × rows), and the log-probability of each row's limits."""
        x = np.zeros((rows, digits + 1), dtype=np.uint8)
        masks = None if allowed is None else np.ascontiguousarray(allowed[:, self.leading])
        logp = np.zeros(rows)
        if len(self.leading):
            codes, logp = self._head(rows, key, masks)
            x[:, self.leading] = codes.T
        beside = None
        if allowed is not None:
            beside = np.broadcast_to(allowed, (rows, digits)).copy()
            beside[:, self.leading] = ALL
        logp = logp + self.fine.fill(x, key, beside)
        return np.ascontiguousarray(x[:, :digits].T), logp

    def _head(self, rows: int, key: int, masks: Masks | None) -> tuple[Codes, LogWeights]:
        if masks is None or self.obeys:
            return self.head.draw(rows, Rng(key), masks)
        x = np.zeros((rows, len(self.leading) + 1), dtype=np.uint8)
        logp = self._echo.fill(x, key, np.broadcast_to(masks, (rows, len(self.leading))).copy())
        return np.ascontiguousarray(x[:, :-1].T), logp

    @cached_property
    def _echo(self) -> DensityTrees:
        """Trees that draw as the head does, and that can be asked for rows."""
        codes, _ = self.head.draw(_ECHOED, Rng(0).child("echo"))
        sizes = list(self.head.sizes)
        order = np.argsort(sizes, kind="stable").tolist()
        return DensityTrees.grow(codes, sizes, [False] * len(sizes), order, Growth())

    def log_density(self, codes: Codes) -> LogWeights | None:
        """The log-probability of each row of digits × rows `codes`."""
        told: LogWeights | None = np.zeros(codes.shape[1])
        if len(self.leading):
            told = self.head.log_density(np.ascontiguousarray(codes[self.leading]))
        if told is None:
            return None
        x = np.zeros((codes.shape[1], len(codes) + 1), dtype=np.uint8)
        x[:, self.leading] = codes[self.leading].T
        masks = only(codes.T)
        masks[:, self.leading] = ALL
        return np.asarray(told + self.fine.fill(x, 0, masks))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        head = {_HEAD + name: array for name, array in self.head.arrays().items()}
        fine = {_FINE + name: array for name, array in self.fine.arrays().items()}
        return {"leading": self.leading, **head, **fine}

    @classmethod
    def restore(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        head: Callable[[Mapping[str, NDArray[Any]]], Head],
        *,
        obeys: bool = True,
    ) -> Self:
        """The inverse of `arrays`; `head` is that of its own."""
        own, fine = (
            {name.removeprefix(part): a for name, a in arrays.items() if name.startswith(part)}
            for part in (_HEAD, _FINE)
        )
        return cls(arrays["leading"], head(own), DensityTrees.restore(fine), obeys)


def leading_order(leading: Sequence[int], digits: int) -> tuple[int, ...]:
    """All digits in the order of drawing: the leading ones before all others."""
    first = set(leading)
    return (*map(int, leading), *(place for place in range(digits) if place not in first))


def fine_digits(codebook: Codebook, codes: Codes) -> DensityTrees:
    """All digits but the leading ones, each given those before it in its column."""
    looks, order = [], []
    at, leading = 0, set(codebook.leading)
    for encoder in codebook.encoders:
        for place in range(at, at + len(encoder.digits)):
            if place not in leading:
                order.append(place)
                looks.append(list(range(at, place)))
        at += len(encoder.digits)
    return DensityTrees.grow(
        codes,
        [digit.size for digit in codebook.digits],
        [digit.ordered for digit in codebook.digits],
        order,
        Growth(),
        looks=looks,
    )
