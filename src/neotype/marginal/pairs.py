"""Marginals of many pairs that lie in no common clique: one walk through the tree a variable."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from neotype.marginal.measurement import Clique, FloatArray


def pairs_of(
    parents: Sequence[int],
    axes: Sequence[Clique],
    tables: Sequence[FloatArray],
    pairs: Collection[Clique],
) -> dict[Clique, FloatArray]:
    """The probabilities over each of `pairs`; `tables` are the cliques' own, over `axes`.

    From a clique that holds the first variable its joint with each separator is carried outwards.
    """
    wanted: dict[int, dict[int, list[Clique]]] = {}
    for i, j in pairs:
        first, second = min(i, j), max(i, j)
        wanted.setdefault(first, {}).setdefault(second, []).append((i, j))
    near: list[list[int]] = [[] for _ in axes]
    for k, parent in enumerate(parents):
        if parent >= 0:
            near[k].append(parent)
            near[parent].append(k)
    found: dict[Clique, FloatArray] = {}
    for first, others in sorted(wanted.items()):
        left = set(others)
        for k, table in _walk(axes, tables, near, first):
            for second in sorted(left & set(axes[k])):
                left.discard(second)
                out = tuple(m + 1 for m, axis in enumerate(axes[k]) if axis != second)
                both = table.sum(axis=out)
                for pair in others[second]:
                    found[pair] = both if pair[0] == first else both.T
            if not left:
                break
    return found


def _walk(
    axes: Sequence[Clique], tables: Sequence[FloatArray], near: list[list[int]], first: int
) -> Iterator[tuple[int, FloatArray]]:
    """Every clique that does not hold `first`, with its joint: `first` is the first axis."""
    start = next(k for k, own in enumerate(axes) if first in own)
    todo: list[tuple[int, int, FloatArray]] = [(start, -1, np.zeros(0))]
    while todo:
        k, before, carried = todo.pop()
        own, table = axes[k], tables[k]
        if first in own:
            at = own.index(first)
            joint, rest = np.moveaxis(table, at, 0), own[:at] + own[at + 1 :]
        else:
            shared = tuple(a for a in own if a in axes[before])
            joint, rest = _joined(carried, shared, own, table), own
            yield k, joint
        for other in near[k]:
            if other != before:
                out = tuple(m + 1 for m, a in enumerate(rest) if a not in axes[other])
                kept = [a for a in rest if a in axes[other]]
                order = [0, *(kept.index(a) + 1 for a in axes[other] if a in kept)]
                todo.append((other, k, joint.sum(axis=out).transpose(order)))


def _joined(carried: FloatArray, shared: Clique, own: Clique, table: FloatArray) -> FloatArray:
    """p(first, own) out of p(first, shared) and p(own): first is independent of the rest of own."""
    out = tuple(m for m, a in enumerate(own) if a not in shared)
    below = table.sum(axis=out, keepdims=True)
    given = np.divide(table, below, out=np.zeros_like(table), where=below > 0)
    kept = [a for a in own if a in shared]
    moved = carried.transpose([0, *(shared.index(a) + 1 for a in kept)])
    shape = [
        len(carried),
        *(s if a in shared else 1 for s, a in zip(table.shape, own, strict=True)),
    ]
    return np.asarray(moved.reshape(shape) * given)
