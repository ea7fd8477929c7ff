"""Mondrian: classes of at least k rows by cutting the rows in two, again and again.

LeFevre, DeWitt and Ramakrishnan 2006, Mondrian multidimensional k-anonymity. All classes of one
depth are cut at once, so that the work is a few sorts of the rows a level and no loop over classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neotype.masking.scale import Ints, Labels, Scale

Flags = NDArray[np.bool_]
Fits = Callable[[Ints, Ints], Flags]
"""Of rows in order and where their classes begin: which classes are diverse enough."""


def mondrian(scales: Sequence[Scale], k: int, *, fits: Fits | None, relaxed: bool) -> Ints:
    """The class of every row, numbered from 0; every class has k rows or more.

    Each class is cut in its widest column, at the place nearest to its middle that leaves both
    sides allowed; where none does, in its next widest. `relaxed` lets rows of equal value part.
    """
    rows = len(scales[0].codes)
    classes, made = np.zeros(rows, dtype=np.int64), 0
    state = _State(np.arange(rows), np.zeros(1, dtype=np.int64), np.ones((1, len(scales)), bool))
    while len(state.order):
        low, high = state.ends(scales)
        width = np.stack(
            [scale.width(low[at], high[at]) for at, scale in enumerate(scales)], axis=1
        )
        width[~state.open | (state.sizes < 2 * k)[:, None]] = 0
        done = width.max(axis=1) <= 0
        within = np.repeat(np.arange(len(done)), state.sizes)
        settled = done[within]
        number = made + np.cumsum(done) - 1
        classes[state.order[settled]] = number[within[settled]]
        made += int(done.sum())
        if done.all():
            break
        column = width.argmax(axis=1)[~done]
        state = state.only(~done, settled)
        ranges = (low[:, ~done], high[:, ~done])
        state = _cut(state, scales, column, ranges, k, fits, relaxed=relaxed)
    return classes


@dataclass(frozen=True)
class _State:
    """Rows in the order of their classes, where each begins, and the columns it may be cut in."""

    order: Ints
    starts: Ints
    open: Flags

    @property
    def sizes(self) -> Ints:
        """How many rows each class has."""
        return np.asarray(np.diff(np.r_[self.starts, len(self.order)]), dtype=np.int64)

    def ends(self, scales: Sequence[Scale]) -> tuple[Ints, Ints]:
        """The lowest and highest code of every class, (columns, classes)."""
        low = np.empty((len(scales), len(self.starts)), dtype=np.int64)
        high = np.empty_like(low)
        for at, scale in enumerate(scales):
            codes = scale.codes[self.order]
            low[at] = np.minimum.reduceat(codes, self.starts)
            high[at] = np.maximum.reduceat(codes, self.starts)
        return low, high

    def only(self, stay: Flags, settled: Flags) -> _State:
        """The classes that go on."""
        sizes = self.sizes[stay]
        return _State(self.order[~settled], np.r_[0, np.cumsum(sizes)[:-1]], self.open[stay])


def _cut(
    state: _State,
    scales: Sequence[Scale],
    column: Ints,
    ranges: tuple[Ints, Ints],
    k: int,
    fits: Fits | None,
    *,
    relaxed: bool,
) -> _State:
    """Every class cut in its column where that is allowed; closed to the column where not."""
    within = np.repeat(np.arange(len(column)), state.sizes)
    codes = np.empty(len(within), dtype=np.int64)
    for at in np.unique(column):
        rows = (column == at)[within]
        codes[rows] = scales[at].codes[state.order[rows]]
    sort = np.argsort(within * (codes.max() + 1) + codes, kind="stable")
    order, codes = state.order[sort], codes[sort]
    ends = state.starts + state.sizes
    candidates = _candidates(within, codes, scales, column, ranges, relaxed=relaxed)
    owner = within[candidates]
    enough = (candidates - state.starts[owner] >= k) & (ends[owner] - candidates >= k)
    candidates, owner = candidates[enough], owner[enough]
    far = np.abs(2 * candidates - state.starts[owner] - ends[owner])
    nearest = np.full(len(column), np.iinfo(np.int64).max)
    np.minimum.at(nearest, owner, far)
    best = np.flatnonzero(far == nearest[owner])
    owner, first = np.unique(owner[best], return_index=True)
    places = candidates[best][first]
    closed = np.setdiff1d(np.arange(len(column)), owner)
    is_open = state.open.copy()
    is_open[closed, column[closed]] = False
    if fits is not None and len(places):
        starts = np.sort(np.r_[state.starts, places])
        good = fits(order, starts)
        left = np.searchsorted(starts, places) - 1
        both = good[left] & good[left + 1]
        is_open[owner[~both], column[owner[~both]]] = False
        owner, places = owner[both], places[both]
    starts = np.r_[state.starts, places]
    merged = np.argsort(starts, kind="stable")
    origin = np.r_[np.arange(len(column)), owner][merged]
    children = is_open[origin]
    split = np.isin(origin, owner)
    # What could not be cut under a tree, or for want of diversity, may be cut in a part of it.
    again = np.array([fits is not None or _under_tree(scale) for scale in scales])
    children[np.ix_(split, again)] = True
    return _State(order, starts[merged], children)


def _under_tree(scale: Scale) -> bool:
    return isinstance(scale, Labels) and scale.tree is not None


def _candidates(
    within: Ints,
    codes: Ints,
    scales: Sequence[Scale],
    column: Ints,
    ranges: tuple[Ints, Ints],
    *,
    relaxed: bool,
) -> Ints:
    """The places where a class may be cut: before a row whose code differs from the last one's."""
    inside = within[1:] == within[:-1]
    if relaxed:
        free = np.array([not isinstance(scale, Labels) for scale in scales])
        places = np.flatnonzero(inside & (free[column[within[1:]]] | (codes[1:] != codes[:-1]))) + 1
    else:
        places = np.flatnonzero(inside & (codes[1:] != codes[:-1])) + 1
    owner = within[places]
    allowed = np.ones(len(places), dtype=bool)
    for at in np.unique(column):
        here = column[owner] == at
        mine = owner[here]
        if _under_tree(scales[at]):
            allowed[here] = scales[at].may_cut(
                codes[places[here] - 1],
                codes[places[here]],
                ranges[0][at][mine],
                ranges[1][at][mine],
            )
    return places[allowed]
