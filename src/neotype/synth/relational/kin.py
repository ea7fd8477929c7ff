"""Families weighed as wholes: an owner with all that is below it, as one row of digits.

Row by row errors add up; what they add up to is seen in aggregates. A density ratio learnt on
owners with the aggregates of their families says how much more frequent a family is among real
ones than among drawn ones, and of several drawn families those that are likest are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import Codes, Digit, State
from neotype.synth.relational.layout import Layout
from neotype.trees.ratio import Boost, Ratio

Positions = NDArray[np.int64]
Values = NDArray[np.float64]
_BINS = 16
_SHARES = 6
_MOST = 5
"""Families drawn for each that is taken: more would cost more, and make them less diverse."""
LEAST = 150
"""Families from which on a ratio is learnt."""


@dataclass(frozen=True)
class Told:
    """A table below an owner: the digits of its rows, and which rows of the owner's they are."""

    digits: tuple[Digit, ...]
    codes: Codes
    top: Positions


@dataclass(frozen=True)
class Kin:
    """The ratio of families of `root`, and the edges by which aggregates become digits."""

    root: str
    sizes: tuple[int, ...]
    """Symbols of the digits of the owner itself."""
    symbols: tuple[tuple[tuple[int, ...], ...], ...]
    """Of each table below and each of its digits without order: the symbols that are counted."""
    edges: NDArray[np.float64]
    """aggregates × (bins − 1), rising."""
    ratio: Ratio

    @classmethod
    def begun(cls, root: str, own: Sequence[Digit], tables: Sequence[Told], families: int) -> Self:
        """Without a ratio yet, with edges that cut real aggregates into parts alike in number."""
        symbols = tuple(tuple(map(_common, table.digits, table.codes)) for table in tables)
        sizes = tuple(digit.size for digit in own)
        blank = cls(root, sizes, symbols, np.zeros((0, _BINS - 1)), Ratio.none())
        values = blank.aggregates(tables, families)
        cuts = np.linspace(0, 1, _BINS + 1)[1:-1]
        edges = np.quantile(values, cuts, axis=1).T if len(values) else blank.edges
        return replace(blank, edges=np.ascontiguousarray(edges))

    def codes(self, own: Codes, tables: Sequence[Told]) -> Codes:
        """Families as digits × families."""
        values = self.aggregates(tables, own.shape[1])
        lines = [np.searchsorted(*pair) for pair in zip(self.edges, values, strict=True)]
        return np.vstack([own, *(line.astype(np.uint8)[None] for line in lines)])

    def aggregates(self, tables: Sequence[Told], families: int) -> Values:
        """Aggregates × families: counts, and means, spreads and shares of digits."""
        lines: list[Values] = []
        for table, shown in zip(tables, self.symbols, strict=True):
            count = np.bincount(table.top, minlength=families).astype(float)
            lines.append(count)
            for line, symbols in zip(table.codes, shown, strict=True):
                if symbols:
                    lines += [
                        np.bincount(table.top[line == symbol], minlength=families)
                        / np.maximum(count, 1)
                        for symbol in symbols
                    ]
                else:
                    lines += _moments(line.astype(float), table.top, count)
        return np.array(lines).reshape(len(lines), families)

    @property
    def digit_sizes(self) -> NDArray[np.int64]:
        """Symbols of each digit of a family."""
        return np.array([*self.sizes, *([_BINS] * len(self.edges))], dtype=np.int64)

    @property
    def each(self) -> int:
        """Families to draw for each that is wanted."""
        return min(self.ratio.each, _MOST) if len(self.ratio.roots) else 1

    def log_weight(self, own: Codes, tables: Sequence[Told]) -> Values:
        """How much more frequent each family is among real ones, up to a constant."""
        return self.ratio.rows(np.ascontiguousarray(self.codes(own, tables).T))

    def state(self) -> State:
        """At rest."""
        facts = {"root": self.root, "sizes": list(self.sizes), "symbols": self.symbols}
        numbers = {"log_mean": self.ratio.log_mean, "each": self.ratio.each}
        whole = State.nest(facts, {"ratio": State(numbers, self.ratio.arrays())})
        return State(whole.facts, {**whole.arrays, "edges": self.edges})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        part = state.within("ratio")
        ratio = Ratio.restore(part.arrays, part.fact("log_mean"), part.fact("each"))
        symbols = tuple(tuple(tuple(one) for one in table) for table in state.fact("symbols"))
        sizes = tuple(state.fact("sizes"))
        return cls(state.fact("root"), sizes, symbols, state.array("edges"), ratio)


def boost(rounds: int) -> Boost:
    """How the ratio of families is learnt: drawn anew seldom, since families are dear."""
    return Boost(rounds=rounds, fresh=4)


def weighed(layout: Layout, root: str, families: int) -> bool:
    """Whether a table has families that are drawn, and enough of them to learn a ratio from."""
    if root in layout.contexts or layout.schema.tables[root].public:
        return False
    return families >= LEAST and bool(below(layout, root))


def below(layout: Layout, root: str) -> tuple[str, ...]:
    """The tables whose rows are made below those of a table, in the order of making."""
    return tuple(t for t in layout.order if t != root and layout.root(t) == root)


def tops(layout: Layout, root: str, owners: Mapping[str, Positions]) -> dict[str, Positions]:
    """For each row of each table below, its row of the root."""
    found: dict[str, Positions] = {}
    for table in below(layout, root):
        above = layout.contexts[table].parent
        owner = owners[table]
        found[table] = owner if above == root else found[above][owner]
    return found


def _common(digit: Digit, line: NDArray[np.uint8]) -> tuple[int, ...]:
    """The commonest symbols of a digit without order; none of one with an order."""
    if digit.ordered and digit.size > 2:
        return ()
    if digit.size == 2:
        return (1,)
    order = np.argsort(-np.bincount(line, minlength=digit.size), kind="stable")
    return tuple(sorted(int(symbol) for symbol in order[:_SHARES]))


def _moments(values: Values, top: Positions, count: Values) -> list[Values]:
    """Mean, spread and extremes of each family; −1 of one without rows."""
    many, families = np.maximum(count, 1), len(count)
    mean = np.bincount(top, weights=values, minlength=families) / many
    square = np.bincount(top, weights=values**2, minlength=families) / many
    low, high = np.full(families, 255.0), np.zeros(families)
    np.minimum.at(low, top, values)
    np.maximum.at(high, top, values)
    parts = (mean, np.sqrt(np.maximum(square - mean**2, 0)), low, high)
    return [np.where(count > 0, part, -1.0) for part in parts]
