"""Generalised linear models by maximum likelihood: coefficients with their covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neotype.evaluate.features import Floats, Ints

STEPS = 30
"""Newton steps at most: a likelihood that has a maximum needs about seven."""

FLAT = 1e-4
"""A curvature below this, of columns of about unit size, is a standard error above 100 of some
combination of terms: its estimate runs away, since it separates the classes."""


@dataclass(frozen=True)
class Fitted:
    """Coefficients (terms,), their covariance (terms, terms), and whether they exist.

    Without a maximum (a combination of terms that separates the classes) `exists` is False.
    """

    coefficients: Floats
    covariance: Floats
    exists: bool

    @property
    def errors(self) -> Floats:
        """The standard error of each coefficient."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0))


def gaussian(design: Floats, truth: Floats) -> Fitted:
    """Least squares of a design of full rank; the residual variance has n − p degrees."""
    rows, terms = design.shape
    inverse = np.linalg.inv(design.T @ design)
    found = inverse @ (design.T @ truth)
    residual = truth - design @ found
    return Fitted(found, inverse * float(residual @ residual) / max(1, rows - terms), rows > terms)


def logistic(design: Floats, truth: Floats, penalty: Floats | float = 0.0) -> Fitted:
    """Iteratively reweighted least squares (McCullagh and Nelder 1989) for a truth of 0 and 1.

    `penalty` is added to the curvature of each coefficient (ridge); 0 is maximum likelihood.
    """
    terms = design.shape[1]
    ridge = np.broadcast_to(np.asarray(penalty, np.float64), (terms,))
    found: Floats = np.zeros(terms)
    covariance: Floats = np.zeros((terms, terms))
    best = -np.inf
    step = np.zeros(terms)
    for _ in range(STEPS):
        tried = found + step
        scores = design @ tried
        likelihood = float(
            truth @ scores - np.logaddexp(0, scores).sum() - (ridge * tried**2).sum() / 2
        )
        if likelihood < best - 1e-9 * abs(best):
            step = step / 2
            continue
        settled = likelihood - best < 1e-10 * (1 + abs(likelihood))
        found, best = tried, likelihood
        chances = 1 / (1 + np.exp(-np.clip(scores, -700, 700)))
        weights = chances * (1 - chances)
        curvature = (design * weights[:, None]).T @ design + np.diag(ridge)
        values, vectors = np.linalg.eigh(curvature)
        # Where classes are separated the curvature vanishes; what is then found is not used.
        covariance = (vectors / np.maximum(values, 1e-12)) @ vectors.T
        if settled:
            return Fitted(found, covariance, bool(values[0] > FLAT))
        step = covariance @ (design.T @ (truth - chances) - ridge * found)
    return Fitted(found, covariance, False)


def independent(design: Floats) -> Ints:
    """The columns that are no combination of columns before them, by Cholesky's recursion."""
    size = np.sqrt((design**2).sum(axis=0))
    unit = design / np.where(size > 0, size, 1)
    gram = unit.T @ unit
    kept: list[int] = []
    factor = np.zeros((0, 0))
    for column in range(design.shape[1]):
        if size[column] == 0:
            continue
        across = np.linalg.solve(factor, gram[kept, column]) if kept else np.zeros(0)
        left = float(gram[column, column] - across @ across)
        if left < 1e-7:
            continue
        grown = np.zeros((len(kept) + 1, len(kept) + 1))
        grown[:-1, :-1], grown[-1, :-1], grown[-1, -1] = factor, across, np.sqrt(left)
        factor = grown
        kept.append(column)
    return np.array(kept, np.int64)
