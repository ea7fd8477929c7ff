"""An order for labels that have none: along what other columns tell them apart by most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.copulas.gaussian import Codes, Floats, middles, scores

_PASSES = 3
_RIDGE = 0.02
_FEWEST = 20.0
"""Rows of no label in particular that stand beside those of each."""
_MOST_ROWS = 50_000
_MOST_DIGITS = 200
"""Beyond so many digits, labels stay in the order they are in."""


def orders(
    codes: Codes, sizes: Sequence[int], free: Sequence[bool]
) -> tuple[NDArray[np.uint8], ...]:
    """For each digit its symbols in order; one that is not `free` keeps its own.

    A free digit's symbols are placed by their means on the first linear discriminant of the other
    digits, each scaled to normal (optimal scaling, Gifi 1990): so a copula can use most of what
    they know of each other.
    """
    found = [np.arange(size, dtype=np.uint8) for size in sizes]
    several = [k for k, size in enumerate(sizes) if free[k] and size > 2]
    if not several or len(sizes) < 2 or len(sizes) > _MOST_DIGITS:
        return tuple(found)
    codes = np.ascontiguousarray(codes[:, :: max(1, codes.shape[1] // _MOST_ROWS)])
    shares = [_counts(code, size) for code, size in zip(codes, sizes, strict=True)]
    score = scores(codes, [share[o] for share, o in zip(shares, found, strict=True)], found)
    products = score @ score.T / score.shape[1]
    for _ in range(_PASSES):
        for k in several:
            found[k] = _along(codes[k], shares[k], score, products, k)
            score[k] = middles(shares[k][found[k]])[np.argsort(found[k])[codes[k]]]
            products[k] = products[:, k] = score @ score[k] / score.shape[1]
    return tuple(found)


def _counts(code: NDArray[Any], size: int) -> Floats:
    return np.asarray(np.bincount(code, minlength=size), dtype=np.float64)


def _along(
    code: NDArray[np.uint8], counts: Floats, scores: Floats, products: Floats, own: int
) -> NDArray[np.uint8]:
    """The symbols in the order of their means on the first discriminant of all others."""
    sums = np.stack([np.bincount(code, weights=x, minlength=len(counts)) for x in scores], axis=1)
    weight = np.sqrt(counts / len(code))
    means = np.delete(sums / (counts + _FEWEST)[:, None], own, axis=1) * weight[:, None]
    total = np.delete(np.delete(products, own, axis=0), own, axis=1)
    total[np.diag_indices_from(total)] += _RIDGE
    # Symbols are fewer than digits: their places are had without the direction.
    _, places = np.linalg.eigh(means @ np.linalg.solve(total, means.T))
    there = weight > 0
    first = np.divide(places[:, -1], weight, where=there, out=np.zeros_like(weight))
    return np.argsort(first, kind="stable").astype(np.uint8)
