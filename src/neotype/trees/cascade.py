"""Boosted trees that tell any digit from whichever others are to be seen.

A digit is told by halving its symbols until one is left. At each halving of a depth the same
boosted trees say how probable the upper half is: they see what of the row is seen, and which half
they are at. Any digits may be drawn in any order, each given those before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neotype.trees.draw import ALL
from neotype.trees.vote import HIDDEN, choose, walk

Codes = NDArray[np.uint8]
Masks = NDArray[np.uint64]


@dataclass(frozen=True)
class Halvings:
    """How the symbols of digits are halved: a line for each half of two symbols or more.

    Symbols low … middle − 1 of `digit` are below, middle … high − 1 above; `below` and `above` are
    the lines where these are halved, or −1 − symbol where one is left. Parents come before
    children; `base` is the log-odds of the upper half where nothing is seen.
    """

    digit: NDArray[np.int64]
    depth: NDArray[np.int64]
    low: NDArray[np.int64]
    middle: NDArray[np.int64]
    high: NDArray[np.int64]
    below: NDArray[np.int64]
    above: NDArray[np.int64]
    base: NDArray[np.float64]

    @classmethod
    def of(cls, counts: Sequence[NDArray[np.int64]]) -> Self:
        """Halves of about as many rows each, where digits have symbols `counts` times."""
        lines: list[list[float]] = []
        for digit, count in enumerate(counts):
            mass = np.concatenate([[0.0], np.cumsum(count + 0.5)])
            waiting = [(0, len(count), 0, -1, 0)]
            while waiting:
                low, high, depth, parent, side = waiting.pop(0)
                if high - low == 1:
                    if parent >= 0:
                        lines[parent][side] = -1 - low
                    continue
                half = (mass[low] + mass[high]) / 2
                middle = low + 1 + int(np.abs(mass[low + 1 : high] - half).argmin())
                odds = np.log((mass[high] - mass[middle]) / (mass[middle] - mass[low]))
                if parent >= 0:
                    lines[parent][side] = len(lines)
                waiting += [(low, middle, depth + 1, len(lines), 5)]
                waiting += [(middle, high, depth + 1, len(lines), 6)]
                lines.append([digit, depth, low, middle, high, 0, 0, odds])
        table = np.array(lines, dtype=np.float64).reshape(len(lines), 8)
        *places, odds = table.T
        whole: list[NDArray[Any]] = [*(place.astype(np.int64) for place in places), odds]
        return cls(*whole)


@dataclass(frozen=True)
class Votes:
    """Boosted trees as flat arrays, a line a tree (of as many nodes as the largest has).

    A row goes left where its digit `feature` is at most `cut`, or where it is hidden and `hides`.
    `left` and `right` are nodes, or −1 − leaf; what a leaf has in `value` is added up.
    """

    feature: NDArray[np.int32]
    cut: NDArray[np.uint8]
    hides: NDArray[np.bool_]
    left: NDArray[np.int8]
    right: NDArray[np.int8]
    value: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Sequence[Votes]) -> Votes:
        """All trees of these, one after the other."""
        nodes = max((part.feature.shape[1] for part in parts), default=1)

        def whole(name: str, width: int, kind: Any) -> NDArray[Any]:
            padded = [
                np.pad(a, ((0, 0), (0, width - a.shape[1])))
                for a in (getattr(part, name) for part in parts)
            ]
            return np.concatenate([np.zeros((0, width), kind), *padded]).astype(kind)

        return cls(
            whole("feature", nodes, np.int32),
            whole("cut", nodes, np.uint8),
            whole("hides", nodes, np.bool_),
            whole("left", nodes, np.int8),
            whole("right", nodes, np.int8),
            whole("value", nodes + 1, np.float32),
        )


@dataclass(frozen=True)
class Cascade:
    """A joint distribution of digits, each told given whichever others are seen.

    `first` and `last` say of each halving which trees vote there; `order` is the order of drawing.
    """

    sizes: NDArray[np.int64]
    order: NDArray[np.int64]
    halvings: Halvings
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    votes: Votes

    def draw(
        self, rows: int, key: int, allowed: Masks | None = None
    ) -> tuple[Codes, NDArray[np.float64]]:
        """Rows × digits, each digit among the symbols `allowed` (rows or 1, × digits).

        What is known of a row is seen first, then what is limited; then all the rest follows.
        Beside the codes the log-probability of what is known and limited.
        """
        digits = len(self.sizes)
        x = np.full((rows, digits + 1), HIDDEN, dtype=np.uint8)
        logp = np.zeros(rows)
        free = np.ones((1, digits), dtype=np.bool_)
        if allowed is not None:
            every = ALL >> (64 - self.sizes).astype(np.uint64)
            may = np.ascontiguousarray(np.broadcast_to(allowed & every, (rows, digits)))
            known = (may & (may - np.uint64(1))) == 0
            free = (may == every) & ~known
            for mine in (known & ~free, ~known & ~free):
                for digit in self.order[mine[:, self.order].any(axis=0)]:
                    at, among = np.flatnonzero(mine[:, digit]), np.ascontiguousarray(may[:, digit])
                    choose(
                        x,
                        at,
                        digit,
                        *self._lines(digit),
                        np.uint64(key),
                        among,
                        logp,
                        *self._told(),
                    )
        for digit in self.order:
            at = np.flatnonzero(np.broadcast_to(free[:, digit], rows))
            walk(x, at, digit, *self._lines(digit), np.uint64(key), *self._told())
        return np.ascontiguousarray(x[:, :digits]), logp

    def log_density(self, codes: Codes) -> NDArray[np.float64]:
        """The log-probability of each of rows × digits, as it is drawn without conditions."""
        return self.draw(len(codes), 0, np.uint64(1) << codes.astype(np.uint64))[1]

    def _lines(self, digit: int) -> tuple[int, int]:
        """Where the halvings of a digit begin and end; none of a digit of one symbol."""
        begin, end = np.searchsorted(self.halvings.digit, [digit, digit + 1])
        return int(begin), int(end)

    def _told(self) -> tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...]]:
        h, v = self.halvings, self.votes
        halvings = (h.low, h.high, h.below, h.above, h.base, self.first, self.last)
        return halvings, (v.feature, v.cut, v.hides, v.left, v.right, v.value)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        own = {name: getattr(self, name) for name in ("sizes", "order", "first", "last")}
        for part in (self.halvings, self.votes):
            own |= {one.name: getattr(part, one.name) for one in fields(part)}
        return own

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`."""
        halvings = Halvings(*(arrays[one.name] for one in fields(Halvings)))
        votes = Votes(*(arrays[one.name] for one in fields(Votes)))
        return cls(
            arrays["sizes"], arrays["order"], halvings, arrays["first"], arrays["last"], votes
        )
