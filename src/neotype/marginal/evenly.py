"""Draw rows without conditions, or with the same ones for all: every pair of digits comes out even.

Rows that agree in a separator get their symbols by systematic sampling: each symbol about as often
as expected. What a pair of symbols lacks by then is made up for by the rows that follow, within a
clique by how often a symbol is used, and for all pairs by which row gets it. So a table of counts
of any two digits is much nearer to the model than one of independent rows would be.
"""

from __future__ import annotations

import numba as nb
import numpy as np

_WIDEST = 64
"""Columns up to which rows are looked at one by one: beyond, several digits are drawn at once."""
_URGE = 0.7
"""By how many nats a row is drawn to a column that pairs lack one of."""


@nb.njit(cache=True, nogil=True)
def next_random(state):
    """A number in [0, 1) and the next state: splitmix64 (Steele, Lea & Flood 2014)."""
    state += np.uint64(0x9E3779B97F4A7C15)
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0), state


@nb.njit(cache=True, nogil=True)
def lines_of(codes, members, steps, line):
    """Of each row, the number of its cell over the digits `members`."""
    line[:] = 0
    for m in range(len(members)):
        step = np.int32(steps[m])
        own = codes[members[m]]
        for r in range(len(line)):
            line[r] += np.int32(own[r]) * step


@nb.njit(cache=True, nogil=True)
def _fill_slots(table, count, cols, sizes, state, slots):
    """For each line, as many columns as rows fall on it: systematic sampling with feedback.

    What a symbol of the separator lacks of a column is made up for in its next lines, by no more
    than as much again as the column has there. `sizes` are those of the separator's digits.
    """
    members = len(sizes)
    first = _firsts(sizes)
    lacking = np.zeros((first[members], cols))
    places = np.empty(members, dtype=np.int64)
    wanted, got = np.empty(cols), np.empty(cols)
    at = 0
    for r in range(len(count)):
        n = count[r]
        if n == 0:
            continue
        rest = r
        for m in range(members - 1, -1, -1):
            places[m] = first[m] + rest % sizes[m]
            rest //= sizes[m]
        total = table[r * cols : (r + 1) * cols].sum()
        whole = 0.0
        for c in range(cols):
            expected = table[r * cols + c] / total * n
            owed = 0.0
            for m in range(members):
                owed += lacking[places[m], c] / members
            got[c] = -expected
            wanted[c] = expected + min(max(owed, -expected), expected)
            whole += wanted[c]
        if not whole > 0.0:
            wanted[:] = table[r * cols : (r + 1) * cols]
            whole = total
        u, state = next_random(state)
        done, reached, last = 0, u, 0
        for c in range(cols):
            if wanted[c] <= 0.0:
                continue
            last = c
            reached += wanted[c] / whole * n
            while done < n and done + 1 <= reached:
                slots[at + done] = c
                got[c] += 1.0
                done += 1
        while done < n:
            slots[at + done] = last
            got[last] += 1.0
            done += 1
        at += n
        for m in range(members):
            for c in range(cols):
                lacking[places[m], c] -= got[c]
    return state


@nb.njit(cache=True, nogil=True)
def _firsts(sizes):
    """Where each begins, one behind the other; and the end."""
    first = np.zeros(len(sizes) + 1, dtype=np.int64)
    for k in range(len(sizes)):
        first[k + 1] = first[k] + sizes[k]
    return first


@nb.njit(cache=True, nogil=True)
def _shuffle(line, count, slots, state):
    """Deal the slots of each line to its rows at random: `line` becomes each row's column."""
    begin, left = _firsts(count), count.copy()
    for r in range(len(line)):
        group = line[r]
        u, state = next_random(state)
        pick = begin[group] + min(np.int64(u * left[group]), left[group] - 1)
        end = begin[group] + left[group] - 1
        line[r] = slots[pick]
        slots[pick] = slots[end]
        left[group] -= 1
    return state


@nb.njit(cache=True, nogil=True)
def _deal(line, count, slots, cols, codes, before, sizes, state):
    """`_shuffle`, by preference where pairs with the digits `before` lack a column.

    They should have it as often as the slots of their lines say.
    """
    begin = _firsts(count)
    left = np.zeros((len(count), cols), dtype=np.float32)
    share = np.zeros((len(count), cols), dtype=np.float32)
    for g in range(len(count)):
        for i in range(begin[g], begin[g + 1]):
            left[g, slots[i]] += np.float32(1.0)
        if count[g]:
            share[g] = left[g] / np.float32(count[g])
    first = _firsts(sizes[before])
    lacking = np.zeros((first[len(before)], cols), dtype=np.float32)
    owed = np.empty(cols, dtype=np.float32)
    for r in range(len(line)):
        g = line[r]
        owed[:] = np.float32(0.0)
        for d in range(len(before)):
            own = lacking[first[d] + codes[before[d], r]]
            for c in range(cols):
                own[c] += share[g, c]
                owed[c] += own[c]
        best, most = -1, -np.inf
        for c in range(cols):
            if left[g, c] > 0:
                u, state = next_random(state)
                # The largest of log-weights with Gumbel noise is one drawn in proportion to them.
                value = _URGE * owed[c] + np.log(left[g, c]) - np.log(-np.log(u + 1e-300))
                if value > most:
                    best, most = c, value
        left[g, best] -= np.float32(1.0)
        for d in range(len(before)):
            lacking[first[d] + codes[before[d], r], best] -= np.float32(1.0)
        line[r] = best
    return state


@nb.njit(cache=True, nogil=True)
def draw_evenly(codes, sizes, shape, own, own_start, steps, digits, digits_start, given, key):
    """Fill `codes` (digits × rows; digits of `sizes` symbols) from the tables `given`.

    own: of each clique the separator's digits from own_start[k, 0] on, and the new ones from
    own_start[k, 1] to own_start[k, 2]; steps: how far apart neighbours along a digit are among the
    lines, or the columns; digits: of each clique, from digits_start[k] on, for each new digit the
    symbol that it has in each column.
    """
    n = codes.shape[1]
    state = key
    line = np.empty(n, dtype=np.int32)
    slots = np.empty(n, dtype=np.int32)
    drawn, many = np.empty(len(codes), dtype=np.int64), 0
    for k in range(len(shape)):
        start, rows, cols = shape[k, 0], shape[k, 1], shape[k, 2]
        a, b, z = own_start[k]
        lines_of(codes, own[a:b], steps[a:b], line)
        count = np.zeros(rows, dtype=np.int64)
        for r in range(n):
            count[line[r]] += 1
        state = _fill_slots(given[start:], count, cols, sizes[own[a:b]], state, slots)
        if many and cols <= _WIDEST:
            state = _deal(line, count, slots, cols, codes, drawn[:many], sizes, state)
        else:
            state = _shuffle(line, count, slots, state)
        for m in range(b, z):
            drawn[many] = own[m]
            many += 1
            symbols = digits[digits_start[k] + (m - b) * cols :]
            into = codes[own[m]]
            for r in range(n):
                into[r] = symbols[line[r]]
