"""Of which kind a row is, as those see it that refer to it: leaves of one small decision tree.

Rows of one leaf are exchangeable: which of them a child refers to says nothing about the child
that its kind does not say. The tree looks at what generated rows have too (their digits, and how
often they are referred to), so that it sorts rows that were never seen.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.discrete import leading_order
from neotype.encode.encoder import SYMBOLS, Codes, Digit, State

_ROWS = 6_000
"""Rows that the tree is grown from; more would cost time and move few splits."""
_FEATURES, _PROFILED, _COARSE = 32, 32, 8
"""The most digits looked at, the most digits of children that are told apart, and their symbols."""
_FEW, _MANY, _LIST = 128, 20, 16
"""Up to so many rows, of so many children each, one alone may be a kind; up to so many, the table
is a list: another would not have other rows, and what children say of one is no accident."""
_STEPS = 4
_EDGES = np.unique(np.round(2 ** (np.arange(0, 60) / 2))).astype(np.int64)
"""How often rows are referred to, in classes: 1, 2, 3, 4, 6, 8, 11, 16, …"""


@dataclass(frozen=True)
class Kinds:
    """The tree: node i looks at `feature[i]` (-1: a leaf of kind `leaf[i]`) and goes to
    `below[i]` where the mask has the symbol, else to `below[i]` + 1.

    The last two features are how often a row is referred to (in classes) and its standing among
    all rows by that; `standing` is the number of symbols of the latter, 1 where it is not used.
    In a table that is kept as it is (`public`), a row's standing is its place.
    """

    count: int
    standing: int
    public: bool
    feature: NDArray[np.int32]
    mask: NDArray[np.uint64]
    below: NDArray[np.int32]
    leaf: NDArray[np.uint8]

    @classmethod
    def learn(
        cls,
        rows: NDArray[np.int64],
        profiles: Codes,
        in_order: Sequence[bool],
        referenced: Codes,
        digits: Sequence[Digit],
        capacity: NDArray[np.int64],
        *,
        protect: int,
        public: bool,
        rng: Generator,
    ) -> Self:
        """Learn from children that refer to `rows`; `profiles` (digits × children) describe them.

        A kind holds at least `protect` referenced rows; where there are few, as many children.
        """
        used = np.unique(rows)
        mine = np.bincount(rows, minlength=referenced.shape[1])[used]
        few = public or (len(used) <= _FEW and len(rows) >= _MANY * len(used))
        standing = min(len(capacity), SYMBOLS) if few else 1
        if len(used) > _ROWS:
            some = np.sort(rng.choice(len(used), _ROWS, replace=False))
            used, mine = used[some], mine[some]
        features = _features(referenced, capacity, standing, public)[:, used]
        sizes = [*(d.size for d in digits), SYMBOLS, standing]
        ordered = [*(d.ordered for d in digits), True, True]
        place = np.full(referenced.shape[1], -1)
        place[used] = np.arange(len(used))
        of = place[rows]
        lines = _informative(profiles[:, of >= 0], in_order)
        fixed = public or (few and len(used) <= _LIST)
        profile, spans = _profile(of[of >= 0], lines, len(used), fixed=fixed)
        weight = mine if few else np.ones(len(used), dtype=np.int64)
        tree = _Growing(features, sizes, ordered, profile, spans, weight, protect).grown()
        return cls(standing=standing, public=public, **tree)._arranged(
            rows, profiles, referenced, capacity
        )

    def of(self, referenced: Codes, capacity: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The kind of each referenced row."""
        features = _features(referenced, capacity, self.standing, self.public)
        node = np.zeros(len(capacity), dtype=np.int64)
        rows = np.arange(len(capacity))
        while True:
            at = self.feature[node]
            inner = at >= 0
            if not inner.any():
                return self.leaf[node]
            symbol = features[np.where(inner, at, 0), rows].astype(np.uint64)
            stays = (self.mask[node] >> symbol) & np.uint64(1)
            node = np.where(inner, self.below[node] + 1 - stays.astype(np.int64), node)

    def _arranged(
        self,
        rows: NDArray[np.int64],
        profiles: Codes,
        referenced: Codes,
        capacity: NDArray[np.int64],
    ) -> Self:
        """Kinds whose children are alike become neighbours."""
        if self.count <= 2 or not len(profiles):
            return self
        order = leading_order(
            self.of(referenced, capacity)[rows].astype(np.int64), self.count, profiles
        )
        rank = np.empty(self.count, dtype=np.uint8)
        rank[order] = np.arange(self.count)
        facts = {name: getattr(self, name) for name in ("feature", "mask", "below")}
        return type(self)(self.count, self.standing, self.public, leaf=rank[self.leaf], **facts)

    def state(self) -> State:
        """At rest."""
        arrays = {name: getattr(self, name) for name in ("feature", "mask", "below", "leaf")}
        return State(
            {"count": self.count, "standing": self.standing, "public": self.public}, arrays
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        arrays = {name: state.array(name) for name in ("feature", "mask", "below", "leaf")}
        count, standing, public = (state.fact(n) for n in ("count", "standing", "public"))
        return cls(count, standing, public, **arrays)


def _features(referenced: Codes, capacity: NDArray[np.int64], standing: int, public: bool) -> Codes:
    """What the tree looks at (digits × rows)."""
    often = np.minimum(np.searchsorted(_EDGES, capacity, side="right"), SYMBOLS - 1)
    rank = np.empty(len(capacity), dtype=np.int64)
    order = np.arange(len(capacity)) if public else np.argsort(-capacity, kind="stable")
    rank[order] = np.arange(len(capacity))
    stands = rank * standing // max(len(capacity), 1)
    return np.vstack([referenced, often.astype(np.uint8), stands.astype(np.uint8)])


def _profile(
    of: NDArray[np.int64], lines: Sequence[NDArray[np.int64]], rows: int, *, fixed: bool
) -> tuple[NDArray[np.float32], list[int]]:
    """For each referenced row how many of its children have each symbol, and where digits start.

    Children of one row are no independent witnesses: as far as they agree by more than chance,
    they count as one (the design effect of a cluster sample; Kish, Survey Sampling, 1965). Not so
    where the rows are `fixed`: no others could be there.
    """
    parts, starts, start = [], [], 0
    size = np.bincount(of, minlength=rows).astype(np.float64)
    pairs = (size * (size - 1)).sum()
    for line in lines:
        symbols = int(line.max(initial=0)) + 1
        table = np.bincount(of * symbols + line, minlength=rows * symbols)
        counts = table.reshape(rows, symbols).astype(np.float64)
        share = counts.sum(axis=0) / max(len(of), 1)
        chance = (share**2).sum()
        agree = (counts * (counts - 1)).sum() / pairs if pairs else chance
        alike = min(max((agree - chance) / max(1 - chance, 1e-9), 0.0), 1.0) * (not fixed)
        counts /= (1 + (np.maximum(size, 1) - 1) * alike)[:, None]
        parts.append(counts.astype(np.float32))
        starts.append(start)
        start += symbols
    return np.concatenate(parts, axis=1) if parts else np.zeros((rows, 0), np.float32), starts


def _informative(profiles: Codes, in_order: Sequence[bool]) -> list[NDArray[np.int64]]:
    """The digits that vary, coarse enough to be told apart from few children."""
    lines = []
    for codes, ordered in zip(profiles, in_order, strict=True):
        counts = np.bincount(codes)
        line = codes.astype(np.int64)
        if len(counts) > _COARSE and ordered:
            # Equal shares, not equal steps: a skewed digit would else be one symbol.
            below = (np.cumsum(counts) - counts / 2) / max(len(line), 1)
            line = np.minimum(below * _COARSE, _COARSE - 1).astype(np.int64)[line]
        elif len(counts) > _COARSE:
            rank = np.empty(len(counts), dtype=np.int64)
            rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
            line = np.minimum(rank, _COARSE - 1)[line]
        if len(line) and line.min() != line.max():
            lines.append(line)
    return lines[:_PROFILED]


@dataclass
class _Growing:
    """The tree while it grows, best split first."""

    features: Codes
    sizes: list[int]
    ordered: list[bool]
    profile: NDArray[np.float32]
    starts: list[int]
    weight: NDArray[np.int64]
    least: int
    """Of the weight of its rows, what each side of a split has at least."""

    def grown(self) -> dict[str, Any]:
        """The arrays of the tree."""
        every = np.arange(self.features.shape[1])
        feature, mask, below = [-1], [0], [-1]
        heap: list[tuple[float, int, Any]] = []
        self._push(heap, 0, every)
        leaves = 1
        while heap and leaves < SYMBOLS:
            _, node, (at, chosen, left, right) = heapq.heappop(heap)
            feature[node], mask[node], below[node] = at, chosen, len(feature)
            for part in (left, right):
                feature.append(-1)
                mask.append(0)
                below.append(-1)
                self._push(heap, len(feature) - 1, part)
            leaves += 1
        final = np.array(feature, dtype=np.int32)
        leaf = np.where(final < 0, np.cumsum(final < 0) - 1, 0)
        return {
            "count": leaves,
            "feature": final,
            "mask": np.array(mask, dtype=np.uint64),
            "below": np.array(below, dtype=np.int32),
            "leaf": leaf.astype(np.uint8),
        }

    def _push(self, heap: list[tuple[float, int, Any]], node: int, rows: NDArray[np.int64]) -> None:
        if self.weight[rows].sum() < 2 * self.least or not self.profile.shape[1]:
            return
        found = self._best(rows)
        if found is not None:
            gain, at, symbols = found
            stays = np.isin(self.features[at, rows], symbols)
            chosen = sum(1 << int(s) for s in symbols)
            heapq.heappush(heap, (-gain, node, (at, chosen, rows[stays], rows[~stays])))

    def _best(self, rows: NDArray[np.int64]) -> tuple[float, int, NDArray[np.int64]] | None:
        """The split after which the children of both sides differ most, if by enough."""
        whole = self.profile[rows]
        total = whole.sum(axis=0, dtype=np.float64)
        best, choice = 0.0, None
        tried = 0
        for at in self._candidates(rows):
            codes = self.features[at, rows]
            order = np.argsort(codes, kind="stable")
            symbols, first = np.unique(codes[order], return_index=True)
            if len(symbols) < 2:
                continue
            tried += len(symbols) - 1
            table = np.add.reduceat(whole[order], first, axis=0, dtype=np.float64)
            size = np.add.reduceat(self.weight[rows][order], first)
            if not self.ordered[at] and len(symbols) > 2:
                turn = _along_main_axis(table, total)
                symbols, table, size = symbols[turn], table[turn], size[turn]
            left = np.cumsum(table, axis=0)[:-1]
            below = np.cumsum(size)[:-1]
            fits = (below >= self.least) & (size.sum() - below >= self.least)
            if not fits.any():
                continue
            gain = np.where(fits, self._gain(left, total), -np.inf)
            cut = int(np.argmax(gain))
            if gain[cut] > best:
                best, choice = float(gain[cut]), (at, symbols[: cut + 1])
        if choice is None or best <= np.log(max(tried, 1)):
            return None
        return best, *choice

    def _candidates(self, rows: NDArray[np.int64]) -> list[int]:
        vary = [at for at in range(len(self.sizes)) if np.ptp(self.features[at, rows])]
        return vary[:_FEATURES] + vary[max(_FEATURES, len(vary) - 2) :]

    def _gain(self, left: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-likelihood won by telling two sides apart, digit by digit, less its price (BIC)."""
        right = np.maximum(total - left, 0)
        cells = _n_log_n(left) + _n_log_n(right) - _n_log_n(total)
        won = np.add.reduceat(cells, self.starts, axis=1)
        sides = (np.add.reduceat(side, self.starts, axis=-1) for side in (left, right, total))
        here, there, both = sides
        won -= _n_log_n(here) + _n_log_n(there) - _n_log_n(both)
        symbols = np.add.reduceat((total > 0).astype(np.float64), self.starts)
        price = np.maximum(symbols - 1, 0) * np.log(np.maximum(both, 2)) / 2
        return np.asarray(np.maximum(won - price, 0).sum(axis=1))


def _n_log_n(count: NDArray[np.float64]) -> NDArray[np.float64]:
    return count * np.log(np.maximum(count, 1e-300))


def _along_main_axis(table: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.int64]:
    """Symbols ordered by the direction in which their children differ most."""
    mass = np.maximum(table.sum(axis=1, keepdims=True), 1e-9)
    away = (table / mass - total / max(total.sum(), 1e-9)) * np.sqrt(mass)
    axis = away[np.argmax((away**2).sum(axis=1))]
    for _ in range(_STEPS):
        axis = away.T @ (away @ axis)
        length = np.sqrt((axis**2).sum())
        if length == 0:
            break
        axis /= length
    return np.argsort((away / np.sqrt(mass)) @ axis, kind="stable")
