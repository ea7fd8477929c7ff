"""Grow one multi-class decision tree on histograms of small integers.

Every split is a set of symbols of one feature, held as the bits of a 64-bit mask, so that ordered
and unordered features are the same thing afterwards.
"""

from __future__ import annotations

import numba as nb
import numpy as np

LEAF = -1
_MAX_DEPTH = 60


@nb.njit(cache=True, nogil=True)
def _count(x, y, index, start, end, histogram):
    """Add rows index[start:end] to histogram[feature, symbol, class]."""
    features = x.shape[1]
    for i in range(start, end):
        row = index[i]
        c = y[row]
        for f in range(features):
            histogram[f, x[row, f], c] += 1


@nb.njit(cache=True, nogil=True)
def _direction(cells, present, symbols, total, n, classes, weight, score):
    """Score each present symbol by the leading direction of the class distributions."""
    if classes == 2:
        for i in range(present):
            s = symbols[i]
            size = cells[s, 0] + cells[s, 1]
            score[i] = cells[s, 1] / size
        return
    for c in range(classes):
        weight[c] = (c + 1.0) * (1.0 if c % 2 == 0 else -0.7)
    fresh = np.empty(classes)
    for _ in range(4):
        fresh[:] = 0.0
        for i in range(present):
            s = symbols[i]
            size = 0
            dot = 0.0
            for c in range(classes):
                size += cells[s, c]
            for c in range(classes):
                dot += (cells[s, c] / size - total[c] / n) * weight[c]
            for c in range(classes):
                fresh[c] += dot * (cells[s, c] - size * total[c] / n)
        norm = 0.0
        for c in range(classes):
            norm += fresh[c] * fresh[c]
        if norm <= 1e-18:
            break
        norm = 1.0 / np.sqrt(norm)
        for c in range(classes):
            weight[c] = fresh[c] * norm
    for i in range(present):
        s = symbols[i]
        size = 0
        dot = 0.0
        for c in range(classes):
            size += cells[s, c]
            dot += cells[s, c] * weight[c]
        score[i] = dot / size


@nb.njit(cache=True, nogil=True)
def sort_by(score, symbols, present):
    """Sort the first `present` symbols by ascending score, both in place."""
    for i in range(1, present):
        s, v, j = symbols[i], score[i], i - 1
        while j >= 0 and score[j] > v:
            symbols[j + 1], score[j + 1] = symbols[j], score[j]
            j -= 1
        symbols[j + 1], score[j + 1] = s, v


@nb.njit(cache=True, nogil=True)
def _best_split(histogram, sizes, ordered, price, total, n, least, table):
    """The feature and the mask of symbols that go left of the split that pays best, if any does."""
    features, _, classes = histogram.shape
    best_gain, best_feature, best_mask = 0.0, LEAF, np.uint64(0)
    symbols = np.empty(64, dtype=np.int64)
    score = np.empty(64)
    weight = np.empty(classes)
    left = np.empty(classes, dtype=np.int64)
    one = np.uint64(1)
    whole = 0.0
    for c in range(classes):
        whole += table[total[c]]
    whole -= table[n]
    for f in range(features):
        cells = histogram[f]
        present = 0
        for s in range(sizes[f]):
            size = 0
            for c in range(classes):
                size += cells[s, c]
            if size > 0:
                symbols[present] = s
                present += 1
        if present < 2:
            continue
        if not ordered[f] and present > 2:
            _direction(cells, present, symbols, total, n, classes, weight, score)
            sort_by(score, symbols, present)
        left[:] = 0
        mask = np.uint64(0)
        went = 0
        for i in range(present - 1):
            s = symbols[i]
            mask |= one << np.uint64(s)
            for c in range(classes):
                left[c] += cells[s, c]
                went += cells[s, c]
            if went < least:
                continue
            if n - went < least:
                break
            gain = -price[f] - whole - table[went] - table[n - went]
            for c in range(classes):
                gain += table[left[c]] + table[total[c] - left[c]]
            if gain > best_gain:
                best_gain, best_feature, best_mask = gain, f, mask
    return best_feature, best_mask


@nb.njit(cache=True, nogil=True)
def partition(x, index, start, end, feature, mask, spare):
    """Reorder index[start:end]: the rows whose symbol is in the mask first; returns the cut."""
    one = np.uint64(1)
    cut, rest = start, 0
    for i in range(start, end):
        row = index[i]
        if (mask >> np.uint64(x[row, feature])) & one:
            index[cut] = row
            cut += 1
        else:
            spare[rest] = row
            rest += 1
    for i in range(rest):
        index[cut + i] = spare[i]
    return cut


@nb.njit(cache=True, nogil=True)
def subtract(whole, part):
    """The histogram of the other child, in place."""
    for f in range(whole.shape[0]):
        for s in range(whole.shape[1]):
            for c in range(whole.shape[2]):
                whole[f, s, c] -= part[f, s, c]


@nb.njit(cache=True, nogil=True)
def largest(values):
    """The largest of some numbers of 0 or more."""
    most = 0
    for value in values:
        most = max(most, value)
    return most


@nb.njit(cache=True, nogil=True)
def _tally(y, index, start, end, counts):
    """Add the classes of rows index[start:end]."""
    for i in range(start, end):
        counts[y[index[i]]] += 1


@nb.njit(cache=True, nogil=True)
def _count_children(x, y, index, rows, small, large, node, counts, whole, part):
    """Counts of both children, and in place of `whole` the histogram of the large one."""
    start, end = rows[small, 0], rows[small, 1]
    part[:] = 0
    _count(x, y, index, start, end, part)
    subtract(whole, part)
    _tally(y, index, start, end, counts[small])
    for c in range(counts.shape[1]):
        counts[large, c] = counts[node, c] - counts[small, c]


@nb.njit(cache=True, nogil=True)
def grow(x, y, sizes, ordered, price, classes, least, table):
    """A tree for class `y` given `x`.

    x: rows × features (uint8); y: rows (uint8); sizes, ordered, price: per feature. No child has
    fewer than `least` rows and no split gains less than its feature's price in nats; among those
    that do, the one that gains most beyond it is made. `table[n]` is n·log n.
    Returns per node: feature (LEAF for none), mask of symbols going left, left child (the right
    one follows it), parent, and counts (nodes × classes). Parents come before children.
    """
    total, features = x.shape
    room = 2 * (total // max(least, 1)) + 3
    feature = np.full(room, LEAF, dtype=np.int32)
    mask = np.zeros(room, dtype=np.uint64)
    child = np.full(room, LEAF, dtype=np.int32)
    parent = np.full(room, LEAF, dtype=np.int32)
    counts = np.zeros((room, classes), dtype=np.int32)
    index = np.arange(total).astype(np.int32)
    spare = np.empty(total, dtype=np.int32)
    _tally(y, index, 0, total, counts[0])
    # The larger child takes over its parent's histogram, so one more per level is enough.
    pool = np.zeros((_MAX_DEPTH + 2, features, largest(sizes), classes), dtype=np.int32)
    free = np.arange(_MAX_DEPTH + 1, -1, -1)
    available = len(free) - 1
    _count(x, y, index, 0, total, pool[0])
    # Waiting nodes: their rows are index[start:end]; the smaller child comes off the stack first.
    waiting = np.zeros(_MAX_DEPTH + 2, dtype=np.int64)
    rows = np.zeros((room, 2), dtype=np.int64)
    slot, depth = np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.int64)
    rows[0, 1] = total
    nodes, top = 1, 1
    while top > 0:
        top -= 1
        node = waiting[top]
        start, end, here = rows[node, 0], rows[node, 1], slot[node]
        n = end - start
        split, chosen = LEAF, np.uint64(0)
        if n >= 2 * least and depth[node] < _MAX_DEPTH and largest(counts[node]) < n:
            split, chosen = _best_split(
                pool[here], sizes, ordered, price, counts[node], n, least, table
            )
        if split == LEAF:
            free[available] = here
            available += 1
            continue
        feature[node], mask[node], child[node] = split, chosen, nodes
        cut = partition(x, index, start, end, split, chosen, spare)
        rows[nodes, 0], rows[nodes + 1, 1] = start, end
        rows[nodes, 1] = rows[nodes + 1, 0] = cut
        small = nodes if cut - start <= end - cut else nodes + 1
        large = 2 * nodes + 1 - small
        parent[nodes] = parent[nodes + 1] = node
        depth[nodes] = depth[nodes + 1] = depth[node] + 1
        available -= 1
        slot[small], slot[large] = free[available], here
        part = pool[slot[small]]
        _count_children(x, y, index, rows, small, large, node, counts, pool[here], part)
        waiting[top], waiting[top + 1] = large, small
        nodes += 2
        top += 2
    return feature[:nodes], mask[:nodes], child[:nodes], parent[:nodes], counts[:nodes]
