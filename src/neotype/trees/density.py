"""A joint distribution of digits: a chain of trees, one a sub-digit, each given what precedes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neotype.trees.draw import ALL, draw
from neotype.trees.grow import grow
from neotype.trees.relevance import mutual_information
from neotype.trees.weigh import STRENGTHS, weigh

log = logging.getLogger("neotype")

Codes = NDArray[np.uint8]
Masks = NDArray[np.uint64]
ARRAYS = ("steps", "feature", "mask", "child", "leaf", "cumulative")
_RELEVANCE_ROWS = 10_000
_FREE = 0.5
_WEIGHED = 1 << 16


@dataclass(frozen=True)
class Growth:
    """How trees grow.

    `base`: a digit is predicted as sub-digits of at most so many symbols; `least`: fewest rows in
    a leaf; `split_odds`: prior log-odds that a node splits, shared evenly by all splits that it
    could make (higher is sharper and copies more); `width`: most digits that one tree may look at.
    """

    base: int = 4
    least: int = 10
    split_odds: float = -6.0
    width: int = 24


@dataclass(frozen=True)
class DensityTrees:
    """Trees as flat arrays; see `draw` for their meaning."""

    steps: NDArray[np.int64]
    feature: NDArray[np.int32]
    mask: NDArray[np.uint64]
    child: NDArray[np.int32]
    leaf: NDArray[np.int32]
    cumulative: NDArray[np.float32]

    @classmethod
    def grow(
        cls,
        codes: Codes,
        sizes: Sequence[int],
        ordered: Sequence[bool],
        order: Sequence[int],
        growth: Growth,
        *,
        looks: Sequence[list[int]] | None = None,
        given: Sequence[int] = (),
        tick: Callable[[int], None] = lambda done: None,
    ) -> Self:
        """Learn digits × rows `codes`, each digit from those before it in `order`.

        `given` are digits that all trees see as well, and that are not drawn. `looks` may say for
        each place in the order which digits its trees see.
        """
        _announce_compiling()
        x = np.ascontiguousarray(codes.T)
        table = _n_log_n(len(x))
        size, is_ordered = np.array(sizes, dtype=np.int64), np.array(ordered, dtype=np.bool_)
        seen = looks if looks is not None else _candidates(x, size, order, given, growth.width)

        def one(place: int) -> list[Tree]:
            digit = order[place]
            return _digit_trees(x, digit, seen[place], size, is_ordered, growth, table)

        trees: list[Tree] = []
        with ThreadPoolExecutor(2) as pool:
            for done, grown in enumerate(pool.map(one, range(len(order))), 1):
                trees += grown
                tick(done)
        return cls.of(trees)

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> Self:
        """These trees, in the order of drawing."""
        return cls(*_flatten(trees))

    def draw(
        self, rows: int, digits: int, key: int, allowed: Masks | None = None
    ) -> tuple[Codes, NDArray[np.float64]]:
        """Draw rows, each digit among the symbols that are `allowed` (rows or 1, × digits).

        Returns the codes (digits × rows) and the log-probability of each row's limits, each digit
        given all digits before it.
        """
        x = np.zeros((rows, digits + 1), dtype=np.uint8)
        if allowed is None:
            allowed = np.full((1, digits), ALL)
        logp = np.zeros(rows)
        draw(
            x,
            np.uint64(key),
            self.steps,
            self.feature,
            self.mask,
            self.child,
            self.leaf,
            self.cumulative,
            (allowed != ALL).any(axis=0),
            allowed,
            logp,
        )
        return np.ascontiguousarray(x[:, :digits].T), logp

    def fill(self, x: Codes, key: int, allowed: Masks | None = None) -> NDArray[np.float64]:
        """Draw the digits of these trees into x (rows × (digits + 1), the last one scratch).

        All other digits are given as they stand in x; those drawn are among the symbols `allowed`
        (rows × digits). Returns the log-probability of each row's limits.
        """
        nothing = np.zeros(x.shape[1], dtype=np.bool_)
        if allowed is None:
            allowed = np.full((1, 1), ALL)
        else:
            nothing[: allowed.shape[1]] = (allowed != ALL).any(axis=0)
        logp = np.zeros(len(x))
        trees = (self.steps, self.feature, self.mask, self.child, self.leaf, self.cumulative)
        draw(x, np.uint64(key), *trees, nothing, allowed, logp)
        return logp

    def log_density(self, codes: Codes) -> NDArray[np.float64]:
        """The log-probability of each row of digits × rows `codes`."""
        digits, rows = codes.shape
        logp = np.zeros(rows)
        for start in range(0, rows, _WEIGHED):
            part = codes[:, start : start + _WEIGHED].T
            only = np.uint64(1) << part.astype(np.uint64)
            logp[start : start + _WEIGHED] = self.draw(len(part), digits, 0, only)[1]
        return logp

    @property
    def leaves(self) -> int:
        """How many leaves all trees have together."""
        return int((self.feature < 0).sum())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`."""
        return cls(*(arrays[name] for name in ARRAYS))


@dataclass(frozen=True)
class Tree:
    """One tree, on its own: `step` as `draw` reads it, without the place of its root."""

    step: tuple[int, int, int, int, int, int]
    feature: NDArray[np.int32]
    mask: NDArray[np.uint64]
    child: NDArray[np.int32]
    probability: NDArray[np.float64]


def levels(size: int, base: int) -> tuple[int, int]:
    """How many sub-digits a digit of `size` symbols has, and of how many symbols each."""
    depth = 1
    while base**depth < size:
        depth += 1
    radix = 2
    while radix**depth < size:
        radix += 1
    return depth, radix


def _announce_compiling() -> None:
    """One line on a machine's first fit, which is slower than all others."""
    cache = grow.stats.cache_path
    if cache and not any(Path(cache).glob("grow.grow-*.nbi")):
        log.warning("compiling the engine for this machine: about 15 seconds, once")


def _n_log_n(rows: int) -> NDArray[np.float64]:
    n = np.arange(rows + 1, dtype=np.float64)
    return n * np.log(np.maximum(n, 1))


def _candidates(
    x: Codes, sizes: NDArray[np.int64], order: Sequence[int], given: Sequence[int], width: int
) -> list[list[int]]:
    """For each place in the order, the digits given or before it that say most about it."""
    if len(order) + len(given) <= width:
        return [[*given, *order[:place]] for place in range(len(order))]
    step = max(1, len(x) // _RELEVANCE_ROWS)
    nats = mutual_information(np.ascontiguousarray(x[::step]), sizes)
    looks = []
    for place, digit in enumerate(order):
        before = np.array([*given, *order[:place]], dtype=np.int64)
        best = before[np.argsort(-nats[digit, before], kind="stable")[:width]]
        looks.append(sorted(int(d) for d in best))
    return looks


def _digit_trees(
    x: Codes,
    digit: int,
    looks: list[int],
    sizes: NDArray[np.int64],
    ordered: NDArray[np.bool_],
    growth: Growth,
    table: NDArray[np.float64],
) -> list[Tree]:
    """The trees of one digit, most significant sub-digit first."""
    rows, scratch = x.shape
    code = x[:, digit].astype(np.int64)
    size = int(sizes[digit])
    depth, radix = levels(size, growth.base)
    trees = []
    for level in range(depth):
        divisor = radix ** (depth - 1 - level)
        classes = -(-size // divisor) if level == 0 else radix
        columns = [*looks, scratch] if level else list(looks)
        seen = np.empty((rows, max(len(columns), 1)), dtype=np.uint8)
        seen[:, : len(looks)] = x[:, looks]
        prefix = code // (divisor * radix)
        if level:
            seen[:, -1] = prefix
        if not columns:
            seen[:] = 0
        y = (code // divisor - (prefix * radix if level else 0)).astype(np.uint8)
        widths = np.append(sizes[looks], radix**level)[: seen.shape[1]].astype(np.int64)
        kinds = np.append(ordered[looks], True)[: seen.shape[1]]
        price = _price(widths, growth.split_odds)
        # What is known of the digit so far is free to use: only other columns must pay for it.
        if level:
            price[-1] = _FREE
        feature, mask, child, parent, counts = grow(
            seen, y, widths, kinds, np.maximum(price, _FREE), classes, growth.least, table
        )
        keep, probability = weigh(feature, child, parent, counts, price, STRENGTHS)
        names = np.array([*columns, -1] if columns else [-1, -1], dtype=np.int32)
        step = (digit, classes, divisor, size, int(level == 0), int(level == depth - 1))
        trees.append(_pruned(step, names[feature], mask, child, keep, probability))
    return trees


def _price(sizes: NDArray[np.int64], split_odds: float) -> NDArray[np.float64]:
    """What a split by each feature costs in nats: the prior is shared by all splits there are."""
    return np.asarray(np.log(len(sizes) * np.maximum(sizes - 1.0, 1.0)) - split_odds)


def _pruned(
    step: tuple[int, int, int, int, int, int],
    feature: NDArray[np.int32],
    mask: NDArray[np.uint64],
    child: NDArray[np.int32],
    keep: NDArray[np.bool_],
    probability: NDArray[np.float64],
) -> Tree:
    """The nodes that remain when those not kept become leaves, renumbered."""
    alive = np.zeros(len(feature), dtype=np.bool_)
    alive[0] = True
    inner = np.flatnonzero(keep)
    alive[child[inner]] = alive[child[inner] + 1] = True
    number = np.cumsum(alive, dtype=np.int32) - 1
    leaf = np.where(keep, feature, -1)[alive].astype(np.int32)
    below = np.where(keep, number[np.maximum(child, 0)], -1)[alive].astype(np.int32)
    return Tree(step, leaf, mask[alive], below, probability[alive])


def _flatten(trees: Sequence[Tree]) -> tuple[Any, ...]:
    """All trees in one set of arrays."""
    steps = np.zeros((len(trees), 7), dtype=np.int64)
    child, leaf, cumulative = [], [], []
    nodes = values = 0
    for t, tree in enumerate(trees):
        digit, classes, divisor, size, first, last = tree.step
        steps[t] = (digit, nodes, classes, divisor, size, first, last)
        child.append(np.where(tree.child >= 0, tree.child + nodes, -1).astype(np.int32))
        is_leaf = tree.feature < 0
        place = np.full(len(is_leaf), -1, dtype=np.int32)
        place[is_leaf] = values + classes * np.arange(int(is_leaf.sum()), dtype=np.int32)
        leaf.append(place)
        share = tree.probability[is_leaf]
        share = np.cumsum(share / share.sum(axis=1, keepdims=True), axis=1)
        cumulative.append(share.astype(np.float32).ravel())
        nodes += len(is_leaf)
        values += classes * int(is_leaf.sum())
    return (
        steps,
        np.concatenate([t.feature for t in trees] or [np.zeros(0, np.int32)]),
        np.concatenate([t.mask for t in trees] or [np.zeros(0, np.uint64)]),
        np.concatenate(child or [np.zeros(0, np.int32)]),
        np.concatenate(leaf or [np.zeros(0, np.int32)]),
        np.concatenate(cumulative or [np.zeros(0, np.float32)]),
    )
