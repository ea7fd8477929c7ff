"""Declared rank correlations: columns keep the cells they drew, in an order that is correlated.

Normal numbers with the wanted correlation are drawn beside the cells, and the cells are put in the
order of these (Iman and Conover, Communications in Statistics B 11, 1982). So any law keeps its
shape exactly, and what a column depends on keeps its hold: only rows of one case change places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Matrix = NDArray[Any]
"""Floats."""

_LEAST = 1e-6
_ROUNDS = 100


@dataclass(frozen=True)
class Copula:
    """Normal numbers for each of `names`, correlated; `bent` is how far the declaration gave."""

    names: tuple[str, ...]
    root: Matrix
    bent: float

    @classmethod
    def of(cls, declared: Mapping[str, Mapping[str, float]], ties: Mapping[str, float]) -> Self:
        """From rank correlations of cells; `ties` is the share of rank variance left by ties.

        A Spearman correlation ρ of normal numbers is the Pearson correlation 2 sin(π ρ / 6).
        """
        names = tuple(dict.fromkeys(n for one, of in declared.items() for n in (one, *of)))
        place = {name: k for k, name in enumerate(names)}
        wanted = np.eye(len(names))
        for one, others in declared.items():
            for other, rho in others.items():
                latent = rho / np.sqrt(ties.get(one, 1.0) * ties.get(other, 1.0))
                pearson = 2.0 * np.sin(np.pi * np.clip(latent, -1.0, 1.0) / 6.0)
                wanted[place[one], place[other]] = wanted[place[other], place[one]] = pearson
        near = nearest(wanted)
        return cls(names, np.linalg.cholesky(near), float(np.abs(near - wanted).max(initial=0.0)))

    def normals(self, generator: Generator, rows: int) -> dict[str, Matrix]:
        """Correlated normal numbers by column."""
        numbers = self.root @ generator.standard_normal((len(self.names), rows))
        return dict(zip(self.names, numbers, strict=True))


def nearest(wanted: Matrix) -> Matrix:
    """The nearest correlation matrix that exists (alternating projections, Higham 2002)."""
    if np.linalg.eigvalsh(wanted).min(initial=1.0) >= _LEAST:
        return wanted
    near, step = wanted.copy(), np.zeros_like(wanted)
    for _ in range(_ROUNDS):
        values, vectors = np.linalg.eigh(near - step)
        inside = (vectors * np.maximum(values, 2 * _LEAST)) @ vectors.T
        step = inside - (near - step)
        near = inside.copy()
        np.fill_diagonal(near, 1.0)
    values, vectors = np.linalg.eigh(near)
    inside = (vectors * np.maximum(values, 2 * _LEAST)) @ vectors.T
    scale = 1.0 / np.sqrt(np.diag(inside))
    return np.asarray(inside * scale[:, None] * scale[None, :])


def arranged(numbers: Matrix, beside: Matrix) -> Matrix:
    """The same numbers, in the order of those beside them."""
    result = np.empty_like(numbers)
    result[np.argsort(beside)] = np.sort(numbers)
    return result


def left_by_ties(numbers: Matrix) -> float:
    """The variance of the ranks of cells, where ties share one, beside that of cells all unlike."""
    _, counts = np.unique(numbers, return_counts=True)
    share = counts / max(1, counts.sum())
    return float(max(1e-9, 1.0 - (share**3).sum()))
