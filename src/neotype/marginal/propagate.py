"""Belief propagation over flat tables: logarithms towards the root, probabilities back.

A clique's table has a line for each cell of its separator. Towards the root each line is summed and
divided by its sum, which leaves the probability of what is new in the clique, given the separator.
On the way back tables are products of those, so that nothing is exponentiated twice.
"""

from __future__ import annotations

import numba as nb
import numpy as np

_SHIFT = 6755399441055744.0  # 1.5 · 2^52: adding it leaves the nearest whole number in the low bits
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LEAST = -700.0
"""Where e^x is taken to be 0."""


@nb.njit(cache=True, nogil=True)
def exponentials(x, bits):
    """x becomes e^x in place (for x ≤ 0), within 2 units of the last place.

    `bits` is scratch of the same length. Straight loops without calls, which the compiler turns
    into vector instructions: four times as fast as `np.exp` here.
    """
    n = len(x)
    power = bits.view(np.int64)
    for i in range(n):
        bits[i] = max(x[i], _LEAST) * _LOG2_E + _SHIFT
    for i in range(n):
        v = max(x[i], _LEAST)
        k = bits[i] - _SHIFT
        r = (v - k * _LN2_HIGH) - k * _LN2_LOW
        # Taylor up to r^13 on |r| ≤ ln(2)/2: the remainder is below 2^-56
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        p = p * r + 1.0
        x[i] = p if x[i] > _LEAST else 0.0
    for i in range(n):
        power[i] = (power[i] + 1023) << 52
    for i in range(n):
        x[i] *= bits[i]


@nb.njit(cache=True, nogil=True, fastmath=True)
def dot(a, b):
    """The inner product on one core: BLAS would wake all of them for 10,000 numbers."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@nb.njit(cache=True, nogil=True)
def spread(host, rows, cols, guest, row_index, col_index):
    """Add to each cell of `host` (rows × cols) the cell of `guest` that it belongs to."""
    for r in range(rows):
        base, at = row_index[r], r * cols
        for c in range(cols):
            host[at + c] += guest[base + col_index[c]]


@nb.njit(cache=True, nogil=True)
def gather(host, rows, cols, guest, row_index, col_index):
    """Add each cell of `host` to the cell of `guest` that it belongs to."""
    for r in range(rows):
        base, at = row_index[r], r * cols
        for c in range(cols):
            guest[base + col_index[c]] += host[at + c]


@nb.njit(cache=True, nogil=True)
def _normalise(table, rows, cols, sums, bits):
    """Each line becomes probabilities; `sums` gets the logs of what the lines summed to."""
    for r in range(rows):
        at = r * cols
        top = table[at]
        for c in range(1, cols):
            top = max(top, table[at + c])
        sums[r] = top
        if top == -np.inf:
            top = 0.0
        for c in range(cols):
            table[at + c] -= top
    exponentials(table[: rows * cols], bits[: rows * cols])
    for r in range(rows):
        at = r * cols
        total = 0.0
        for c in range(cols):
            total += table[at + c]
        if total > 0.0:
            share = 1.0 / total
            for c in range(cols):
                table[at + c] *= share
            sums[r] += np.log(total)


@nb.njit(cache=True, nogil=True)
def collect(shape, up, links, pool, inner, factors, f_start, tables, messages, bits):
    """From log-weights to each clique's conditional probabilities; log Z.

    shape: a line per clique (start, rows, cols, start of its message, parent); up: where in `pool`
    the parent's lines and columns are told which line of this clique they belong to; links: (host,
    guest factor, its lines and columns in `pool`), the host a clique; inner: the same between
    factors, after (start, rows, cols) of the host. Factors are in one flat array, and hosts among
    them are added to in place.
    """
    for k in range(len(inner)):
        host, rows, cols, guest, a, b = inner[k]
        spread(factors[host:], rows, cols, factors[f_start[guest] :], pool[a:], pool[b:])
    tables[:] = 0.0
    for k in range(len(links)):
        host, guest, a, b = links[k]
        start, rows, cols = shape[host, 0], shape[host, 1], shape[host, 2]
        spread(tables[start:], rows, cols, factors[f_start[guest] :], pool[a:], pool[b:])
    return towards_root(shape, up, pool, tables, messages, bits)


@nb.njit(cache=True, nogil=True)
def towards_root(shape, up, pool, tables, messages, bits):
    """The second half of `collect`, from tables of log-weights that are there."""
    for k in range(len(shape) - 1, -1, -1):
        start, rows, cols, message, parent = shape[k]
        _normalise(tables[start:], rows, cols, messages[message:], bits)
        if parent >= 0:
            host, rows, cols = shape[parent, 0], shape[parent, 1], shape[parent, 2]
            a, b = up[k]
            spread(tables[host:], rows, cols, messages[message:], pool[a:], pool[b:])
    return messages[shape[0, 3]]


@nb.njit(cache=True, nogil=True)
def distribute(shape, up, pool, tables, messages):
    """From conditional probabilities to marginals, in place; `messages` gets the separators'."""
    messages[:] = 0.0
    messages[shape[0, 3]] = 1.0
    for k in range(len(shape)):
        start, rows, cols, message, parent = shape[k]
        if parent < 0:
            continue
        a, b = up[k]
        host, above, across = shape[parent, 0], shape[parent, 1], shape[parent, 2]
        gather(tables[host:], above, across, messages[message:], pool[a:], pool[b:])
        for r in range(rows):
            weight = messages[message + r]
            for c in range(cols):
                tables[start + r * cols + c] *= weight


@nb.njit(cache=True, nogil=True)
def measured(shape, links, pool, inner, f_start, tables, out):
    """The marginals of all factors, from those of the cliques."""
    out[:] = 0.0
    for k in range(len(links)):
        host, guest, a, b = links[k]
        start, rows, cols = shape[host, 0], shape[host, 1], shape[host, 2]
        gather(tables[start:], rows, cols, out[f_start[guest] :], pool[a:], pool[b:])
    for k in range(len(inner) - 1, -1, -1):
        host, rows, cols, guest, a, b = inner[k]
        gather(out[host:], rows, cols, out[f_start[guest] :], pool[a:], pool[b:])
