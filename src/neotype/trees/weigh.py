"""Average a tree over all its prunings, by Bayes' rule.

Every node is a Dirichlet estimate centred on its parent's, with a concentration chosen by the
evidence; a node's evidence is that of stopping there plus that of splitting, as in context-tree
weighting (Willems, Shtarkov & Tjalkens 1995) and in Bayesian trees (Buntine 1992).
"""

from __future__ import annotations

from math import lgamma

import numba as nb
import numpy as np

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
def weigh(feature, child, parent, counts, split_odds, strengths):
    """The pruned tree, and each node's class probabilities averaged over prunings.

    `split_odds` is the prior log-odds that a node splits. Returns (keep, probability): `keep[i]`
    says whether node i stays internal, `probability` is nodes × classes.
    """
    nodes, classes = counts.shape
    estimate = np.empty((nodes, classes))
    stop = np.empty(nodes)
    for node in range(nodes):
        n = 0
        for c in range(classes):
            n += counts[node, c]
        best, strength = -np.inf, strengths[0]
        for s in strengths:
            evidence = -_rising(s, n)
            for c in range(classes):
                if counts[node, c] > 0:
                    centre = 1.0 / classes if node == 0 else estimate[parent[node], c]
                    evidence += _rising(s * centre, counts[node, c])
            if evidence > best:
                best, strength = evidence, s
        stop[node] = best
        for c in range(classes):
            centre = 1.0 / classes if node == 0 else estimate[parent[node], c]
            estimate[node, c] = (counts[node, c] + strength * centre) / (n + strength)
    log_split = -np.log1p(np.exp(-split_odds))
    log_stop = -np.log1p(np.exp(split_odds))
    total = np.empty(nodes)
    share = np.zeros(nodes)
    for node in range(nodes - 1, -1, -1):
        if feature[node] < 0:
            total[node] = stop[node]
            continue
        halt = log_stop + stop[node]
        go = log_split + total[child[node]] + total[child[node] + 1]
        top = max(halt, go)
        total[node] = top + np.log(np.exp(halt - top) + np.exp(go - top))
        share[node] = np.exp(go - total[node])
    # From the root down: what of the weight has not stopped above a node is its to divide.
    probability = np.zeros((nodes, classes))
    going = np.ones(nodes)
    keep = np.zeros(nodes, dtype=np.bool_)
    for node in range(nodes):
        here = going[node] * (1.0 - share[node])
        above = parent[node]
        for c in range(classes):
            base = 0.0 if node == 0 else probability[above, c]
            probability[node, c] = base + here * estimate[node, c]
        if feature[node] < 0:
            continue
        onward = going[node] * share[node]
        if onward > 0.001 and (node == 0 or keep[above]):
            keep[node] = True
            going[child[node]] = onward
            going[child[node] + 1] = onward
        else:
            for c in range(classes):
                probability[node, c] += onward * estimate[node, c]
            going[child[node]] = 0.0
            going[child[node] + 1] = 0.0
    return keep, probability, total[0]
