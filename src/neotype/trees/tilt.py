"""Boost a density ratio: small trees that say where real rows are more frequent than candidates.

The objective is the Kullback–Leibler bound  mean over real rows of F − log(mean over candidates of
exp F)  (Donsker & Varadhan 1983), climbed by trees as in gradient boosting (Friedman 2001): a leaf
adds the shrunken log-ratio of its real mass to its weighted candidate mass, so candidates weighted
by exp F come to have the real rows' masses. Digits are binned already, so no tree needs to sort.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from neotype.trees.grow import largest, partition, sort_by, subtract

_ABREAST, _BLOCK = 8, 512


@nb.njit(cache=True, nogil=True)
def _fill(x, index, start, end, columns, weight, side, histogram):
    """Add the weights of rows index[start:end] to histogram[column, symbol, side]."""
    for i in range(start, end):
        row = index[i]
        w = weight[row]
        for j in range(columns.shape[0]):
            histogram[j, x[row, columns[j]], side] += w


@nb.njit(cache=True, nogil=True, inline="always")
def _term(real, fake, calm):
    """What a leaf of these masses gains, to second order (a logarithm per symbol is dear)."""
    return (real - fake) * (real - fake) / (real + fake + 2.0 * calm)


@nb.njit(cache=True, nogil=True)
def _best(histogram, columns, sizes, ordered, calm, least):
    """The best split of one leaf: column position, mask of symbols going left, gain."""
    best_gain, best_column, best_mask = 0.0, -1, np.uint64(0)
    symbols = np.empty(64, dtype=np.int64)
    ratio = np.empty(64)
    one = np.uint64(1)
    for j in range(columns.shape[0]):
        d = columns[j]
        cells = histogram[j]
        present = 0
        real = fake = 0.0
        for s in range(sizes[d]):
            if cells[s, 0] + cells[s, 1] > 1e-9:
                symbols[present] = s
                ratio[present] = (cells[s, 0] + calm) / (cells[s, 1] + calm)
                present += 1
                real += cells[s, 0]
                fake += cells[s, 1]
        if present < 2:
            continue
        if not ordered[d]:
            sort_by(ratio, symbols, present)
        whole = _term(real, fake, calm)
        mask = np.uint64(0)
        left_real = left_fake = 0.0
        for i in range(present - 1):
            s = symbols[i]
            mask |= one << np.uint64(s)
            left_real += cells[s, 0]
            left_fake += cells[s, 1]
            if left_real + left_fake < least:
                continue
            if real - left_real + fake - left_fake < least:
                break
            gain = _term(left_real, left_fake, calm) - whole
            gain += _term(real - left_real, fake - left_fake, calm)
            if gain > best_gain:
                best_gain, best_column, best_mask = gain, j, mask
    return best_column, best_mask, best_gain


@nb.njit(cache=True, nogil=True)
def _leaf_values(feature, span, fake_index, weight, rate, calm):
    """What each leaf adds: the shrunken log-ratio of its two masses."""
    value = np.zeros(len(feature), dtype=np.float32)
    for node in range(len(feature)):
        if feature[node] < 0:
            fake = 0.0
            for i in range(span[node, 2], span[node, 3]):
                fake += weight[fake_index[i]]
            value[node] = rate * np.log((span[node, 1] - span[node, 0] + calm) / (fake + calm))
    return value


@nb.njit(cache=True, nogil=True)
def tilt_tree(
    real, fake, weight, real_index, fake_index, columns, sizes, ordered, leaves, rate, calm, least
):
    """One tree, grown best leaf first, on rows real_index of `real` and fake_index of `fake`.

    `weight` is the candidates' weights, scaled so that both samples have the same mass; `calm`
    rows are added to both masses of a leaf; a leaf has a mass of at least `least`.
    Returns per node: digit (−1 for a leaf), mask, left child, and the value that leaves add.
    """
    room = 2 * leaves
    feature = np.full(room, -1, dtype=np.int32)
    mask = np.zeros(room, dtype=np.uint64)
    child = np.full(room, -1, dtype=np.int32)
    pool = np.zeros((leaves + 1, columns.shape[0], largest(sizes), 2))
    # Of each node: its rows among the real ones and the fakes, its histogram, its best split.
    span = np.zeros((room, 4), dtype=np.int64)
    slot = np.zeros(room, dtype=np.int64)
    gain = np.full(room, -1.0)
    column = np.zeros(room, dtype=np.int64)
    chosen = np.zeros(room, dtype=np.uint64)
    spare = np.empty(max(real_index.shape[0], fake_index.shape[0]), dtype=np.int32)
    unit = np.ones(real.shape[0])
    span[0, 1], span[0, 3] = real_index.shape[0], fake_index.shape[0]
    _fill(real, real_index, 0, span[0, 1], columns, unit, 0, pool[0])
    _fill(fake, fake_index, 0, span[0, 3], columns, weight, 1, pool[0])
    column[0], chosen[0], gain[0] = _best(pool[0], columns, sizes, ordered, calm, least)
    nodes = 1
    for used in range(1, leaves):
        node = np.argmax(gain[:nodes])
        if gain[node] <= 0.0:
            break
        digit = columns[column[node]]
        feature[node], mask[node], child[node] = digit, chosen[node], nodes
        gain[node] = -1.0
        r0, r1, f0, f1 = span[node, 0], span[node, 1], span[node, 2], span[node, 3]
        rc = partition(real, real_index, r0, r1, digit, mask[node], spare)
        fc = partition(fake, fake_index, f0, f1, digit, mask[node], spare)
        left, right = nodes, nodes + 1
        span[left, 0], span[left, 1], span[left, 2], span[left, 3] = r0, rc, f0, fc
        span[right, 0], span[right, 1], span[right, 2], span[right, 3] = rc, r1, fc, f1
        small, large = (left, right) if rc - r0 + fc - f0 <= r1 - rc + f1 - fc else (right, left)
        slot[large], slot[small] = slot[node], used
        fresh = pool[used]
        _fill(real, real_index, span[small, 0], span[small, 1], columns, unit, 0, fresh)
        _fill(fake, fake_index, span[small, 2], span[small, 3], columns, weight, 1, fresh)
        subtract(pool[slot[large]], fresh)
        for i in (left, right):
            column[i], chosen[i], gain[i] = _best(
                pool[slot[i]], columns, sizes, ordered, calm, least
            )
        nodes += 2
    value = _leaf_values(feature[:nodes], span, fake_index, weight, rate, calm)
    return feature[:nodes], mask[:nodes], child[:nodes], value


@nb.njit(cache=True, nogil=True)
def _steady(roots, feature, mask, child):
    """The trees with leaves that lead to themselves, and how deep each tree is."""
    digit, among, below = feature.copy(), mask.copy(), child.copy()
    level = np.zeros(feature.shape[0], dtype=np.int64)
    depth = np.zeros(roots.shape[0], dtype=np.int64)
    for t in range(roots.shape[0]):
        end = roots[t + 1] if t + 1 < roots.shape[0] else feature.shape[0]
        for node in range(roots[t], end):
            if feature[node] < 0:
                digit[node], among[node], below[node] = 0, ~np.uint64(0), node
            else:
                level[child[node]] = level[child[node] + 1] = level[node] + 1
                depth[t] = max(depth[t], level[node] + 1)
    return digit, among, below, depth


@nb.njit(cache=True, nogil=True, inline="always")
def _descend(x, r, node, digit, among, below):
    bit = (among[node] >> np.uint64(x[r, digit[node]])) & np.uint64(1)
    return below[node] + np.int64(np.uint64(1) - bit)


@nb.njit(cache=True, nogil=True)
def tilt(x, roots, feature, mask, child, value, total):
    """Add to `total` the log-ratio that the trees at `roots` give each row of x (rows × digits).

    Eight rows go down a tree side by side, so that none waits for its node to be read.
    """
    digit, among, below, depth = _steady(roots, feature, mask, child)
    at = np.empty(_ABREAST, dtype=np.int64)
    for start in range(0, x.shape[0], _BLOCK):
        end = min(start + _BLOCK, x.shape[0])
        last = end - (end - start) % _ABREAST
        for t in range(roots.shape[0]):
            for r in range(start, last, _ABREAST):
                at[:] = roots[t]
                for _ in range(depth[t]):
                    for k in range(_ABREAST):
                        at[k] = _descend(x, r + k, at[k], digit, among, below)
                for k in range(_ABREAST):
                    total[r + k] += value[at[k]]
            for r in range(last, end):
                node = np.int64(roots[t])
                for _ in range(depth[t]):
                    node = _descend(x, r, node, digit, among, below)
                total[r] += value[node]
