"""Average a tree over all its prunings, by Bayes' rule.

Every node is a Dirichlet estimate centred on its parent's, with a concentration chosen by the
evidence; a node's evidence is that of stopping there plus that of splitting, as in context-tree
weighting (Willems, Shtarkov & Tjalkens 1995) and in Bayesian trees (Buntine 1992).
"""

from __future__ import annotations

from math import lgamma

import numba as nb
import numpy as np

_FAINT = 0.001
STRENGTHS = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 400.0])


@nb.njit(cache=True, nogil=True)
def _rising(a, n):
    """log(a · (a + 1) ··· (a + n − 1))."""
    if n == 0:
        return 0.0
    if n == 1:
        return np.log(a)
    if n == 2:
        return np.log(a * (a + 1.0))
    if n == 3:
        return np.log(a * (a + 1.0) * (a + 2.0))
    return lgamma(a + n) - lgamma(a)


@nb.njit(cache=True, nogil=True)
def _estimates(parent, counts, strengths):
    """Each node's Dirichlet estimate, and the log-evidence of stopping there."""
    nodes, classes = counts.shape
    estimate = np.empty((nodes, classes))
    stop = np.empty(nodes)
    centre = np.full(classes, 1.0 / classes)
    for node in range(nodes):
        if node > 0:
            centre = estimate[parent[node]]
        n = 0
        for c in range(classes):
            n += counts[node, c]
        stop[node], strength = -np.inf, strengths[0]
        for s in strengths:
            evidence = -_rising(s, n)
            for c in range(classes):
                if counts[node, c] > 0:
                    evidence += _rising(s * centre[c], counts[node, c])
            if evidence > stop[node]:
                stop[node], strength = evidence, s
        for c in range(classes):
            estimate[node, c] = (counts[node, c] + strength * centre[c]) / (n + strength)
    return estimate, stop


@nb.njit(cache=True, nogil=True)
def _shares(feature, child, stop, price):
    """From the leaves up: each node's posterior probability that it splits."""
    total = stop.copy()
    share = np.zeros(len(stop))
    for node in range(len(stop) - 1, -1, -1):
        if feature[node] < 0:
            continue
        log_odds = -price[feature[node]]
        halt = stop[node] - np.log1p(np.exp(log_odds))
        go = total[child[node]] + total[child[node] + 1] - np.log1p(np.exp(-log_odds))
        top = max(halt, go)
        total[node] = top + np.log(np.exp(halt - top) + np.exp(go - top))
        share[node] = np.exp(go - total[node])
    return share


@nb.njit(cache=True, nogil=True)
def weigh(feature, child, parent, counts, price, strengths):
    """The pruned tree, and each node's class probabilities averaged over prunings.

    `price` is, per feature, the prior log-odds that a node does not split by it. Returns (keep, probability): `keep[i]`
    says whether node i stays internal, `probability` is nodes × classes.
    """
    nodes, classes = counts.shape
    estimate, stop = _estimates(parent, counts, strengths)
    share = _shares(feature, child, stop, price)
    # From the root down: what of the weight has not stopped above a node is its to divide.
    probability = np.zeros((nodes, classes))
    going = np.ones(nodes)
    keep = np.zeros(nodes, dtype=np.bool_)
    for node in range(nodes):
        above = parent[node]
        onward = going[node] * share[node]
        keep[node] = onward > _FAINT and (node == 0 or keep[above])
        here = going[node] - onward if keep[node] else going[node]
        for c in range(classes):
            base = 0.0 if node == 0 else probability[above, c]
            probability[node, c] = base + here * estimate[node, c]
        if feature[node] >= 0:
            going[child[node]] = going[child[node] + 1] = onward if keep[node] else 0.0
    return keep, probability
