"""Weigh rows, and draw them under conditions, from a tree of conditional tables, the root first.

With conditions that differ from row to row, what is known flows to the root as far as it reaches,
and rows are drawn on the way back, which is exact (forward filtering, backward sampling).
"""

from __future__ import annotations

import numba as nb
import numpy as np

from neotype.marginal.evenly import lines_of, next_random


@nb.njit(cache=True, nogil=True)
def weigh_rows(codes, shape, own, own_start, steps, log_given, out):
    """Add to `out` each row's log-probability."""
    n = codes.shape[1]
    line = np.empty(n, dtype=np.int32)
    column = np.empty(n, dtype=np.int32)
    for k in range(len(shape)):
        start, cols = shape[k, 0], shape[k, 2]
        a, b, z = own_start[k]
        lines_of(codes, own[a:b], steps[a:b], line)
        lines_of(codes, own[b:z], steps[b:z], column)
        for r in range(n):
            out[r] += log_given[start + line[r] * cols + column[r]]


@nb.njit(cache=True, nogil=True)
def _may(masks, digit, symbol):
    return (masks[digit] >> np.uint64(symbol)) & np.uint64(1) != np.uint64(0)


@nb.njit(cache=True, nogil=True)
def _allowed(members, steps, sizes, masks, out):
    """The numbers of all cells over `members` that a row may be in, in order; how many."""
    out[0] = 0
    width = 1
    for m in range(len(members) - 1, -1, -1):
        digit, old, place = members[m], width, 0
        for s in range(sizes[digit]):
            place += _may(masks, digit, s)
        width = old * place
        # From the last symbol down, so that what is still needed is not written over.
        block = place
        for s in range(sizes[digit] - 1, -1, -1):
            if _may(masks, digit, s):
                block -= 1
                for i in range(old):
                    out[block * old + i] = out[i] + s * steps[m]
        if width == 0:
            return 0
    return width


@nb.njit(cache=True, nogil=True, inline="always")
def _from_below(k, line, column, tree, active, messages):
    """The probability of what is known below clique k, in one of its cells."""
    shape, up, pool, child, child_start = tree
    p = 1.0
    for e in range(child_start[k], child_start[k + 1]):
        c = child[e]
        if active[c]:
            p *= messages[shape[c, 3] + pool[up[c, 0] + line] + pool[up[c, 1] + column]]
    return p


@nb.njit(cache=True, nogil=True)
def _filter(k, tree, active, given, lines, columns, scale, messages):
    """What clique k tells its parent: for each allowed line the probability of what is known.

    Divided by the largest, whose logarithm goes into `scale`, so that nothing underflows.
    """
    start, cols, message = tree[0][k, 0], tree[0][k, 2], tree[0][k, 3]
    top = 0.0
    for line in lines:
        total = 0.0
        for column in columns:
            below = _from_below(k, line, column, tree, active, messages)
            total += given[start + line * cols + column] * below
        messages[message + line] = total
        top = max(top, total)
    scale[k] = np.log(top) if top > 0.0 else -np.inf
    if top > 0.0:
        for line in lines:
            messages[message + line] /= top


@nb.njit(cache=True, nogil=True)
def _learn(now, before, tree, layout, sizes, given, active, dirty, scale, below, messages, cells):
    """Let the masks `now` flow to the root, where they differ from those `before`.

    The log-probability of obeying them. `active` says below which cliques something is known,
    `dirty` which messages are new; `cells` is scratch.
    """
    own, own_start, steps = layout
    child, child_start = tree[3], tree[4]
    for k in range(len(own_start) - 1, -1, -1):
        a, b, z = own_start[k]
        changed, known = False, False
        for m in range(a, z):
            changed = changed or now[own[m]] != before[own[m]]
        for m in range(b, z):
            spare = np.uint64(64) - np.uint64(sizes[own[m]])
            known = known or (~now[own[m]] << spare) != np.uint64(0)
        below[k] = 0.0
        for e in range(child_start[k], child_start[k + 1]):
            changed = changed or dirty[child[e]]
            known = known or active[child[e]]
            below[k] += below[child[e]]
        dirty[k], active[k] = changed, known
        if known and changed:
            wide = _allowed(own[a:b], steps[a:b], sizes, now, cells[0])
            many = _allowed(own[b:z], steps[b:z], sizes, now, cells[1])
            _filter(k, tree, active, given, cells[0, :wide], cells[1, :many], scale, messages)
        if known:
            below[k] += scale[k]
    return below[0]


@nb.njit(cache=True, nogil=True)
def _draw_alike(codes, mask, tree, layout, sizes, drawn, given, active, messages, cells, state):
    """Fill `codes` (digits × rows), all rows of which obey `mask`."""
    shape = tree[0]
    own, own_start, steps = layout
    digits, digits_start = drawn
    share = np.empty(cells.shape[1])
    for k in range(len(shape)):
        start, cols = shape[k, 0], shape[k, 2]
        a, b, z = own_start[k]
        many = _allowed(own[b:z], steps[b:z], sizes, mask, cells[1])
        last, total = np.int64(-1), 0.0
        for r in range(codes.shape[1]):
            line = np.int64(0)
            for m in range(a, b):
                line += np.int64(codes[own[m], r]) * steps[m]
            if line != last:
                total, last = 0.0, line
                for j in range(many):
                    column = cells[1, j]
                    p = given[start + line * cols + column]
                    if active[k]:
                        p *= _from_below(k, line, column, tree, active, messages)
                    total += p
                    share[j] = total
            u, state = next_random(state)
            pick = min(np.searchsorted(share[:many], u * total, side="right"), max(many - 1, 0))
            column = cells[1, pick] if many > 0 else 0
            for m in range(b, z):
                codes[own[m], r] = digits[digits_start[k] + (m - b) * cols + column]
    return state


@nb.njit(cache=True, nogil=True)
def draw_given(codes, first, masks, tree, layout, sizes, drawn, given, key, logp):
    """Fill `codes` from the tables `given`; rows first[i] .. first[i + 1] − 1 obey masks[i].

    `logp` gets the log-probability of each line of masks. What neighbouring lines know alike is not
    worked out again, and parts of the tree of which nothing is known are not looked at. tree:
    (shape, up, pool, child, child_start), where those are of `propagate.collect`; layout: (own,
    own_start, steps) and drawn: (digits, digits_start), of `draw_evenly`.
    """
    shape = tree[0]
    active, dirty = np.zeros(len(shape), dtype=np.bool_), np.zeros(len(shape), dtype=np.bool_)
    scale, below = np.zeros(len(shape)), np.zeros(len(shape))
    messages = np.ones(shape[:, 1].sum())
    cells = np.empty((2, max(shape[:, 1].max(), shape[:, 2].max())), dtype=np.int64)
    before = np.full(masks.shape[1], np.uint64(0xFFFFFFFFFFFFFFFF))
    state = key
    for i in range(len(masks)):
        logp[i] = _learn(
            masks[i], before, tree, layout, sizes, given, active, dirty, scale, below, messages,
            cells,
        )  # fmt: skip
        before = masks[i]
        rows = codes[:, first[i] : first[i + 1]]
        state = _draw_alike(
            rows, masks[i], tree, layout, sizes, drawn, given, active, messages, cells, state
        )
