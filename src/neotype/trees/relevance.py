"""How much each digit says about each other one."""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True)
def mutual_information(x, sizes):
    """Pairwise mutual information in nats of the columns of x (rows × digits, uint8).

    Each pair's bias of (k − 1)(l − 1) / 2n (Miller 1955) is taken off, so that many-symbol digits
    are not preferred for their noise. Returns a symmetric digits × digits matrix.
    """
    rows, digits = x.shape
    table = np.zeros((64, 64), dtype=np.int64)
    result = np.zeros((digits, digits))
    single = np.zeros((digits, 64), dtype=np.int64)
    for r in range(rows):
        for d in range(digits):
            single[d, x[r, d]] += 1
    log = np.log(np.maximum(np.arange(rows + 1), 1)) * np.arange(rows + 1)
    entropy = np.zeros(digits)
    present = np.zeros(digits)
    for d in range(digits):
        for s in range(sizes[d]):
            entropy[d] -= log[single[d, s]]
            present[d] += single[d, s] > 0
    column = np.ascontiguousarray(x.T)
    for a in range(digits):
        for b in range(a):
            table[: sizes[a], : sizes[b]] = 0
            left, right = column[a], column[b]
            for r in range(rows):
                table[left[r], right[r]] += 1
            joint = 0.0
            for s in range(sizes[a]):
                for t in range(sizes[b]):
                    joint += log[table[s, t]]
            nats = (joint + entropy[a] + entropy[b] + log[rows]) / rows
            nats -= (present[a] - 1) * (present[b] - 1) / (2.0 * rows)
            result[a, b] = result[b, a] = max(nats, 0.0)
    return result
