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
def _best_split(histogram, sizes, ordered, total, n, least, table):
    """The feature, the mask of symbols that go left, and the gain in nats of the best split."""
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
            for i in range(1, present):
                s, v, j = symbols[i], score[i], i - 1
                while j >= 0 and score[j] > v:
                    symbols[j + 1], score[j + 1] = symbols[j], score[j]
                    j -= 1
                symbols[j + 1], score[j + 1] = s, v
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
            gain = -whole - table[went] - table[n - went]
            for c in range(classes):
                gain += table[left[c]] + table[total[c] - left[c]]
            if gain > best_gain:
                best_gain, best_feature, best_mask = gain, f, mask
    return best_feature, best_mask, best_gain


@nb.njit(cache=True, nogil=True)
def _partition(x, index, start, end, feature, mask, spare):
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
def grow(x, y, sizes, ordered, classes, least, gain_floor, table):
    """A tree for class `y` given `x`.

    x: rows × features (uint8); y: rows (uint8); sizes, ordered: per feature. No child has fewer
    than `least` rows and no split gains less than `gain_floor` nats. `table[n]` is n·log n.
    Returns per node: feature (LEAF for none), mask of symbols going left, left child (the right
    one follows it), parent, and counts (nodes × classes). Parents come before children.
    """
    rows, features = x.shape
    room = 2 * (rows // max(least, 1)) + 3
    feature = np.full(room, LEAF, dtype=np.int32)
    mask = np.zeros(room, dtype=np.uint64)
    child = np.full(room, LEAF, dtype=np.int32)
    parent = np.full(room, LEAF, dtype=np.int32)
    counts = np.zeros((room, classes), dtype=np.int32)
    index = np.arange(rows).astype(np.int32)
    spare = np.empty(rows, dtype=np.int32)
    for i in range(rows):
        counts[0, y[i]] += 1
    # The larger child takes over its parent's histogram, so one more per level is enough.
    pool = np.zeros((_MAX_DEPTH + 2, features, sizes.max(), classes), dtype=np.int32)
    free = np.arange(_MAX_DEPTH + 1, -1, -1)
    available = len(free) - 1
    _count(x, y, index, 0, rows, pool[0])
    stack = np.empty((2 * _MAX_DEPTH + 4, 5), dtype=np.int64)
    stack[0] = (0, 0, rows, 0, 0)
    nodes, top = 1, 1
    while top > 0:
        top -= 1
        node, start, end, slot, depth = stack[top]
        n = end - start
        split, chosen, gain = LEAF, np.uint64(0), 0.0
        if n >= 2 * least and depth < _MAX_DEPTH and counts[node].max() < n:
            split, chosen, gain = _best_split(
                pool[slot], sizes, ordered, counts[node], n, least, table
            )
        if split == LEAF or gain < gain_floor:
            free[available] = slot
            available += 1
            continue
        cut = _partition(x, index, start, end, split, chosen, spare)
        feature[node], mask[node], child[node] = split, chosen, nodes
        left = (nodes, start, cut)
        right = (nodes + 1, cut, end)
        small, large = (left, right) if cut - start <= end - cut else (right, left)
        parent[nodes] = parent[nodes + 1] = node
        for i in range(small[1], small[2]):
            counts[small[0], y[index[i]]] += 1
        counts[large[0]] = counts[node] - counts[small[0]]
        nodes += 2
        available -= 1
        fresh = free[available]
        pool[fresh] = 0
        _count(x, y, index, small[1], small[2], pool[fresh])
        pool[slot] -= pool[fresh]
        stack[top] = (large[0], large[1], large[2], slot, depth + 1)
        stack[top + 1] = (small[0], small[1], small[2], fresh, depth + 1)
        top += 2
    return feature[:nodes], mask[:nodes], child[:nodes], parent[:nodes], counts[:nodes]
