"""Copulas of two uniforms: which family fits, one given the other, and back.

Parametric families after Joe 2014, turned where dependence is negative or the other corner is
heavy, their parameter from Kendall's tau; or a grid of cells with even margins, which takes any
form. The one of the best BIC is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri, stdtr, stdtrit
from scipy.stats import kendalltau

Floats = NDArray[np.float64]

CELLS = 12
"""Of the grid, to each side."""
_FREEDOMS = (3.0, 8.0)
_EDGE = 1e-6
_WEAK, _STRONG = 0.005, 0.97
_STRONG_FRANK = 0.8
"""Beyond it, its exponentials end."""
_FITTED_ROWS = 4_000
_EVEN_PASSES = 30
_HALVINGS = 30


@dataclass(frozen=True)
class Pair:
    """A copula of (u, v); turned: that of 1 − u, or 1 − v, in place of either."""

    family: str
    parameters: tuple[float, ...] = ()
    turn_u: bool = False
    turn_v: bool = False

    def log_density(self, u: Floats, v: Floats) -> Floats:
        """Of each (u, v)."""
        return _DENSITY[self.family](*self._turned(u, v), self.parameters)

    def conditional(self, u: Floats, v: Floats) -> Floats:
        """The probability of less than u, given v."""
        if self.family == "independent":
            return u
        below = _inner(_CONDITIONAL[self.family](*self._turned(u, v), self.parameters))
        return 1 - below if self.turn_u else below

    def inverse(self, p: Floats, v: Floats) -> Floats:
        """The u below which the probability is p, given v."""
        if self.family == "independent":
            return p
        p, v = self._turned(p, v)
        u = _inner(_INVERSE[self.family](p, v, self.parameters))
        return 1 - u if self.turn_u else u

    @property
    def swapped(self) -> Pair:
        """The same copula of (v, u)."""
        parameters = self.parameters
        if self.family == "grid":
            parameters = tuple(np.reshape(parameters, (CELLS, CELLS)).T.ravel().tolist())
        return Pair(self.family, parameters, self.turn_v, self.turn_u)

    def _turned(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        u, v = _inner(u), _inner(v)
        return (1 - u if self.turn_u else u), (1 - v if self.turn_v else v)

    @classmethod
    def fit(cls, u: Floats, v: Floats, families: tuple[str, ...]) -> Pair:
        """The best of these families; independence always is among them."""
        some = slice(None, None, max(1, len(u) // _FITTED_ROWS))
        part = len(u[some]) / len(u)
        tau = float(kendalltau(u[some], v[some]).statistic)
        best, least = Pair("independent"), 0.0
        for pair, size in _candidates(tau if np.isfinite(tau) else 0.0, families, u, v):
            told = float(pair.log_density(u[some], v[some]).sum()) / part
            if np.isfinite(told) and size * np.log(len(u)) - 2 * told < least:
                best, least = pair, size * np.log(len(u)) - 2 * told
        return best


def _candidates(
    tau: float, families: tuple[str, ...], u: Floats, v: Floats
) -> list[tuple[Pair, int]]:
    """Copulas of this tau, each with how many parameters it has."""
    found: list[tuple[Pair, int]] = []
    size = min(abs(tau), _STRONG)
    rho = float(np.sin(np.pi * np.sign(tau) * size / 2))
    if size > _WEAK:
        found.append((Pair("gaussian", (rho,)), 1))
        found += [(Pair("clayton", (2 * size / (1 - size),), *t), 1) for t in _turns(tau)]
        found += [(Pair("gumbel", (1 / (1 - size),), *t), 1) for t in _turns(tau)]
        if size < _STRONG_FRANK:
            found.append((Pair("frank", (_frank_of(size),), tau < 0, False), 1))
    found += [(Pair("student", (rho, freedom)), 2) for freedom in _FREEDOMS]
    if "grid" in families:
        found.append((Pair("grid", tuple(_grid_of(u, v).ravel().tolist())), (CELLS - 1) ** 2))
    return [one for one in found if one[0].family in families]


def _turns(tau: float) -> list[tuple[bool, bool]]:
    return [(False, False), (True, True)] if tau > 0 else [(True, False), (False, True)]


def _inner(u: Floats) -> Floats:
    return np.asarray(np.clip(u, _EDGE, 1 - _EDGE))


def _gaussian_density(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    x, y, rest = ndtri(u), ndtri(v), 1 - at[0] ** 2
    square = (at[0] ** 2 * (x * x + y * y) - 2 * at[0] * x * y) / rest
    return np.asarray(-0.5 * np.log(rest) - 0.5 * square)


def _gaussian(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    return np.asarray(ndtr((ndtri(u) - at[0] * ndtri(v)) / np.sqrt(1 - at[0] ** 2)))


def _gaussian_inverse(p: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    return np.asarray(ndtr(ndtri(p) * np.sqrt(1 - at[0] ** 2) + at[0] * ndtri(v)))


def _student_density(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    rho, n = at
    x, y, rest = stdtrit(n, u), stdtrit(n, v), 1 - rho**2
    square = (x * x + y * y - 2 * rho * x * y) / (n * rest)
    scale = gammaln(n / 2 + 1) + gammaln(n / 2) - 2 * gammaln((n + 1) / 2) - 0.5 * np.log(rest)
    alone = np.log1p(x * x / n) + np.log1p(y * y / n)
    return np.asarray(scale - (n / 2 + 1) * np.log1p(square) + (n + 1) / 2 * alone)


def _student(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    rho, n = at
    x, y = stdtrit(n, u), stdtrit(n, v)
    return np.asarray(stdtr(n + 1, (x - rho * y) / np.sqrt((n + y * y) * (1 - rho**2) / (n + 1))))


def _student_inverse(p: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    rho, n = at
    y = stdtrit(n, v)
    spread = np.sqrt((n + y * y) * (1 - rho**2) / (n + 1))
    return np.asarray(stdtr(n, stdtrit(n + 1, p) * spread + rho * y))


def _clayton_density(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    a, x, y = at[0], np.log(u), np.log(v)
    total = _clayton_total(x, y, a)
    return np.asarray(np.log1p(a) - (1 + a) * (x + y) - (2 + 1 / a) * total)


def _clayton_total(x: Floats, y: Floats, a: float) -> Floats:
    """log(u^−a + v^−a − 1), from the logarithms of u and v."""
    most = -a * np.minimum(x, y)
    return np.asarray(most + np.log(np.exp(-a * x - most) + np.exp(-a * y - most) - np.exp(-most)))


def _clayton(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    a, x, y = at[0], np.log(u), np.log(v)
    return np.asarray(np.exp(-(1 + a) * y - (1 + 1 / a) * _clayton_total(x, y, a)))


def _clayton_inverse(p: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    a, y = at[0], np.log(v)
    inside = np.expm1(-a / (1 + a) * np.log(p))
    return np.asarray(np.exp(-(np.logaddexp(0.0, np.log(inside) - a * y)) / a))


def _gumbel_density(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    a, x, y = at[0], -np.log(u), -np.log(v)
    total = np.logaddexp(a * np.log(x), a * np.log(y))
    s = np.exp(total / a)
    both = (a - 1) * (np.log(x) + np.log(y)) + x + y
    return np.asarray(-s + both + (1 / a - 2) * total + np.log(s + a - 1))


def _gumbel(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    a, x, y = at[0], -np.log(u), -np.log(v)
    total = np.logaddexp(a * np.log(x), a * np.log(y))
    return np.asarray(np.exp(-np.exp(total / a) + y + (a - 1) * np.log(y) + (1 / a - 1) * total))


def _gumbel_inverse(p: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    low, high = np.full_like(p, _EDGE), np.full_like(p, 1 - _EDGE)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        under = _gumbel(middle, v, at) < p
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return np.asarray((low + high) / 2)


def _frank_of(tau: float) -> float:
    """The parameter of Frank's copula that has this tau."""
    low, high = 1e-3, 200.0
    for _ in range(60):
        middle = (low + high) / 2
        t = (np.arange(400) + 0.5) / 400 * middle
        debye = float((t / np.expm1(t)).mean())
        low, high = (middle, high) if 1 - 4 / middle * (1 - debye) < tau else (low, middle)
    return (low + high) / 2


def _frank_density(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    a = at[0]
    gone = -np.expm1(-a)
    below = gone - np.expm1(-a * u) * np.expm1(-a * v)
    return np.asarray(np.log(a * gone) - a * (u + v) - 2 * np.log(below))


def _frank(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    a = at[0]
    x, y = np.expm1(-a * u), np.expm1(-a * v)
    return np.asarray((y + 1) * x / (np.expm1(-a) + x * y))


def _frank_inverse(p: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    a = at[0]
    y = np.expm1(-a * v)
    return np.asarray(-np.log1p(p * np.expm1(-a) / (1 + y * (1 - p))) / a)


def _grid_of(u: Floats, v: Floats) -> Floats:
    """Densities of cells, with even margins (iterative proportional fitting)."""
    cell = _cell(_inner(u)) * CELLS + _cell(_inner(v))
    found = np.bincount(cell, minlength=CELLS**2).reshape(CELLS, CELLS) + 0.5
    for _ in range(_EVEN_PASSES):
        found = found / found.sum(axis=1, keepdims=True)
        found = found / found.sum(axis=0)
    return np.asarray(found * CELLS)


def _cell(u: Floats) -> NDArray[np.int64]:
    return np.minimum((u * CELLS).astype(np.int64), CELLS - 1)


def _grid_density(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    return np.asarray(np.log(np.reshape(at, (CELLS, CELLS))[_cell(u), _cell(v)]))


def _upto(at: tuple[float, ...]) -> Floats:
    """The probability below each line of cells, for each cell of what is given."""
    share = np.reshape(at, (CELLS, CELLS)).T
    share = share / share.sum(axis=1, keepdims=True)
    return np.concatenate([np.zeros((CELLS, 1)), np.cumsum(share, axis=1)], axis=1)


def _grid(u: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    upto, line, cell = _upto(at), _cell(v), _cell(u)
    low = upto[line, cell]
    return np.asarray(low + (u * CELLS - cell) * (upto[line, cell + 1] - low))


def _grid_inverse(p: Floats, v: Floats, at: tuple[float, ...]) -> Floats:
    upto, line = _upto(at), _cell(v)
    cell = np.minimum((upto[line, 1:] < p[:, None]).sum(axis=1), CELLS - 1)
    low, high = upto[line, cell], upto[line, cell + 1]
    return np.asarray((cell + (p - low) / np.maximum(high - low, 1e-300)) / CELLS)


_DENSITY = {
    "gaussian": _gaussian_density,
    "student": _student_density,
    "clayton": _clayton_density,
    "gumbel": _gumbel_density,
    "frank": _frank_density,
    "grid": _grid_density,
}
_CONDITIONAL = {
    "gaussian": _gaussian,
    "student": _student,
    "clayton": _clayton,
    "gumbel": _gumbel,
    "frank": _frank,
    "grid": _grid,
}
_INVERSE = {
    "gaussian": _gaussian_inverse,
    "student": _student_inverse,
    "clayton": _clayton_inverse,
    "gumbel": _gumbel_inverse,
    "frank": _frank_inverse,
    "grid": _grid_inverse,
}
FAMILIES = tuple(_DENSITY)
