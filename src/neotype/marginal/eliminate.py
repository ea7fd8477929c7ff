"""Triangulate a graph by taking one variable out after the other, the cheapest first.

Neighbours are sets of bits: line v of a graph has bit w of word w // 64 where v and w are joined.
"""

from __future__ import annotations

import numba as nb
import numpy as np

FILL, TABLE = 0, 1
"""What is cheap: few new edges, or a small table."""
_NEAR = 1e-9


@nb.njit(cache=True, nogil=True)
def _ones(x):
    """How many bits are set."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@nb.njit(cache=True, nogil=True)
def _members(bits, out):
    """The members of a set, in rising order, into `out`; how many."""
    count = 0
    for word in range(len(bits)):
        x = bits[word]
        while x != np.uint64(0):
            rest = x & (x - np.uint64(1))
            out[count] = 64 * word + _ones((x ^ rest) - np.uint64(1))
            count += 1
            x = rest
    return count


@nb.njit(cache=True, nogil=True)
def join(graph, members):
    """An edge between any two of `members`; whether one of them is new."""
    new = False
    for v in members:
        for w in members:
            bit = np.uint64(1) << np.uint64(w % 64)
            if v != w and graph[v, w // 64] & bit == np.uint64(0):
                graph[v, w // 64] |= bit
                new = True
    return new


@nb.njit(cache=True, nogil=True)
def _cost(v, graph, log_size, near, cost):
    """How many edges taking v out adds, and the log of the table that it leaves."""
    count = _members(graph[v], near)
    table, joined = log_size[v], 0
    for i in range(count):
        w = near[i]
        table += log_size[w]
        for word in range(graph.shape[1]):
            joined += _ones(graph[v, word] & graph[w, word])
    cost[v, FILL] = (count * (count - 1) - joined) / 2
    cost[v, TABLE] = table


@nb.njit(cache=True, nogil=True)
def _cheapest(cost, left, rule):
    """Ties fall to the other rule, then to the first."""
    best = -1
    for v in range(len(left)):
        if not left[v]:
            continue
        more = cost[v, rule] - cost[best, rule]
        other = cost[v, 1 - rule] - cost[best, 1 - rule]
        if best < 0 or more < -_NEAR or (more < _NEAR and other < -_NEAR):
            best = v
    return best


@nb.njit(cache=True, nogil=True)
def triangulate(graph, log_size, rule, log_cap):
    """(order, member): `member[v]` is the clique of v when it is taken out, as a set.

    `graph` is used up. The order ends early where a clique's table passes `log_cap`.
    """
    n, words = graph.shape
    left = np.ones(n, dtype=np.bool_)
    stale = left.copy()
    cost = np.zeros((n, 2))
    order = np.empty(n, dtype=np.int64)
    member = np.zeros((n, words), dtype=np.uint64)
    near, far = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    for step in range(n):
        for v in range(n):
            if left[v] and stale[v]:
                _cost(v, graph, log_size, near, cost)
                stale[v] = False
        v = _cheapest(cost, left, rule)
        if cost[v, TABLE] > log_cap:
            return order[:step], member
        order[step], left[v] = v, False
        member[v] = graph[v]
        count = _members(graph[v], near)
        bit = np.uint64(1) << np.uint64(v % 64)
        for i in range(count):
            graph[near[i], v // 64] ^= bit
            stale[near[i]] = True
        if cost[v, FILL] > 0:
            join(graph, near[:count])
            for i in range(count):
                for j in range(_members(graph[near[i]], far)):
                    stale[far[j]] = True
        member[v, v // 64] |= bit
    return order, member


@nb.njit(cache=True, nogil=True)
def maximal(order, member):
    """Which variables' cliques lie within no other.

    One that does is the clique of a variable taken out before it, less that variable.
    """
    n = len(order)
    place, width = np.empty(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    keep = np.ones(n, dtype=np.bool_)
    within = np.empty(n, dtype=np.int64)
    for step in range(n):
        place[order[step]] = step
        width[order[step]] = _members(member[order[step]], within)
    for v in range(n):
        first = -1
        for i in range(_members(member[v], within)):
            w = within[i]
            if w != v and (first < 0 or place[w] < place[first]):
                first = w
        if first >= 0 and width[v] == width[first] + 1:
            keep[first] = False
    return keep


@nb.njit(cache=True, nogil=True)
def cells_by(graph, log_size, rule, cap):
    """How many cells the cliques have together; infinitely many where one alone passes `cap`."""
    n = len(log_size)
    order, member = triangulate(graph.copy(), log_size, rule, np.log(cap) + _NEAR)
    if len(order) < n:
        return np.inf
    keep = maximal(order, member)
    within = np.empty(n, dtype=np.int64)
    cells = 0.0
    for v in range(n):
        if keep[v]:
            table = 0.0
            for i in range(_members(member[v], within)):
                table += log_size[within[i]]
            cells += np.exp(table)
    return cells


@nb.njit(cache=True, nogil=True)
def cells_with(graph, log_size, members, starts):
    """For each candidate clique, the cells of the tree that holds it as well."""
    cells = np.empty(len(starts) - 1)
    for c in range(len(cells)):
        more = graph.copy()
        join(more, members[starts[c] : starts[c + 1]])
        by_fill = cells_by(more, log_size, FILL, np.inf)
        cells[c] = min(by_fill, cells_by(more, log_size, TABLE, by_fill))
    return cells


@nb.njit(cache=True, nogil=True)
def admit(graph, log_size, members, starts, cap):
    """Which candidate cliques enter, one after the other, while all tables stay within `cap`."""
    enters = np.zeros(len(starts) - 1, dtype=np.bool_)
    for c in range(len(enters)):
        more = graph.copy()
        new = join(more, members[starts[c] : starts[c + 1]])
        if (
            not new
            or cells_by(more, log_size, FILL, cap) <= cap
            or cells_by(more, log_size, TABLE, cap) <= cap
        ):
            enters[c] = True
            graph[:] = more
    return enters
