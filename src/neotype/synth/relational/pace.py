"""How fast rows follow each other, and how much that changes on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.synth.relational.clock import Ticks

_GROUPS, _OWN = 20, 5
"""Paces that are kept, and owners that make one."""
_USUAL = 2.0
"""How many usual gaps stand beside an owner's own."""


def paces(owner: NDArray[np.int64], ticks: Ticks) -> tuple[float, ...]:
    """By how much the gaps of owners' later halves are longer than was to be expected: 1, as a
    rule. Means of several owners each; `owner` and, within it, `ticks` rise."""
    count = np.bincount(owner)
    begin = np.cumsum(count) - count
    gaps = ticks[begin + count - 1] - ticks[begin]
    usual = gaps.sum() / max((count - 1).sum(), 1)
    chosen = np.flatnonzero(count >= 3)
    half = count[chosen] // 2
    first, middle = ticks[begin[chosen]], ticks[begin[chosen] + half]
    last = ticks[begin[chosen] + count[chosen] - 1]
    later = (last - middle) / (count[chosen] - 1 - half)
    ratios = np.sort(later / np.maximum(expected(middle - first, half, usual), 1e-9))
    groups = min(_GROUPS, len(ratios) // _OWN)
    if groups < 2:
        return (1.0,)
    return tuple(float(part.mean()) for part in np.array_split(ratios, groups))


def expected(span: NDArray[Any], gaps: NDArray[Any], usual: float) -> NDArray[np.float64]:
    """The gap to be expected after so many, which together were so long."""
    return np.asarray((span + _USUAL * usual) / (gaps + _USUAL), dtype=np.float64)
