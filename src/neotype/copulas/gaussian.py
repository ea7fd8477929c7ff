"""A normal vector behind digits: which correlation it has, and digits drawn from it.

Digit i shows in which interval its latent normal z_i lies. The correlation of two latents is that
at which the means of z within the intervals are correlated as they are in the data; by Mehler's
formula that is a power series in it (Li & Hammond 1975 ask this of any two marginals).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from neotype.rng import Rng

Codes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Masks = NDArray[np.uint64]

_TERMS = 40
"""Of the power series in a correlation."""
_STEPS = 20
"""How often the range of a correlation is halved."""
_STRONGEST = 0.9995
_LEAST_EIGENVALUE = 1e-4
_CLIPS = 5
"""How often eigenvalues are clipped to come near the nearest correlation matrix."""
_FARTHEST = 9.0
"""Where the normal distribution ends, in standard deviations."""
_LEAST = 1e-14
"""What a symbol's probability is at least, so that rounding makes nothing impossible."""
_MANY = 500
"""From so many digits on, one clip must do."""


@dataclass(frozen=True)
class Gaussian:
    """Digits that show in which interval each of some correlated normals lies."""

    shares: tuple[Floats, ...]
    """How frequent each symbol of each digit is, in the order in which they lie on the line."""
    orders: tuple[Codes, ...]
    """Of each digit, the symbols in that order."""
    correlation: Floats

    @classmethod
    def learn(
        cls, codes: Codes, orders: Sequence[Codes], shares: Sequence[Floats] | None = None
    ) -> Gaussian:
        """Learn digits × rows `codes`; `shares` may say how frequent symbols shall be instead."""
        placed = [
            np.argsort(o).astype(np.uint8)[code] for o, code in zip(orders, codes, strict=True)
        ]
        seen = [
            np.bincount(code, minlength=len(order)) / len(code)
            for code, order in zip(placed, orders, strict=True)
        ]
        told = seen if shares is None else [s[o] for s, o in zip(shares, orders, strict=True)]
        ties = correlation(np.array(placed).reshape(codes.shape), seen)
        return cls(tuple(told), tuple(orders), ties)

    @property
    def sizes(self) -> list[int]:
        """How many symbols each digit has."""
        return [len(share) for share in self.shares]

    @cached_property
    def cuts(self) -> list[Floats]:
        """The ends of each digit's intervals."""
        return [cuts(share) for share in self.shares]

    @cached_property
    def _factor(self) -> Floats:
        return np.asarray(np.linalg.cholesky(self.correlation), dtype=np.float64)

    def draw(self, rows: int, rng: Rng, given: Masks | None = None) -> tuple[Codes, Floats]:
        """Digits × rows, each among the symbols `given` (rows or 1, × digits); how likely that was.

        Limited digits come first, each given those before it, so that the weight of a row is the
        probability of its limits along the way (Geweke, Hajivassiliou & Keane's simulator).
        """
        random = rng.generator()
        noise = random.standard_normal((len(self.shares), rows))
        logp = np.zeros(rows)
        digits = len(self.shares)
        if given is None:
            return self.symbols(self._factor @ noise), logp
        whole = np.array([(1 << size) - 1 for size in self.sizes], dtype=np.uint64)
        limited = np.flatnonzero(((given & whole) != whole).any(axis=0))
        order = np.concatenate([limited, np.setdiff1d(np.arange(digits), limited)])
        factor = np.linalg.cholesky(self.correlation[np.ix_(order, order)])
        codes = np.zeros((digits, rows), dtype=np.uint8)
        for k, digit in enumerate(limited):
            mean, spread = factor[k, :k] @ noise[:k], factor[k, k]
            below = ndtr((self.cuts[digit][:, None] - mean) / spread)
            u = random.random((2, rows))
            place, within, mass = _among(below, given[:, digit], self.orders[digit], u[0])
            codes[digit] = self.orders[digit][place]
            noise[k] = _normal(within, u[1])
            logp += np.log(mass)
        rest = order[len(limited) :]
        codes[rest] = self.symbols(factor[len(limited) :] @ noise, rest)
        return codes, logp

    def limited(self, given: Masks) -> Floats:
        """The log-probability that digits are among those `given`, were they independent."""
        logp = np.zeros(len(given))
        for digit, (share, order) in enumerate(zip(self.shares, self.orders, strict=True)):
            may = _may(given[:, digit], order)
            if not may.all():
                logp += np.log(np.maximum(may @ (share / share.sum()), _LEAST))
        return logp

    def symbols(self, z: Floats, digits: NDArray[np.int64] | None = None) -> Codes:
        """The symbols that normals (digits × rows) show; all digits, unless some are named."""
        codes = np.zeros(z.shape, dtype=np.uint8)
        for k, digit in enumerate(range(len(z)) if digits is None else digits):
            place = np.searchsorted(self.cuts[digit][1:-1], z[k], side="right")
            codes[k] = self.orders[digit][place]
        return codes

    def counted(self, codes: Codes) -> tuple[Floats, ...]:
        """How frequent symbols are among digits × rows `codes`, in the order of the line."""
        return tuple(
            np.bincount(code, minlength=len(order))[order] / len(code)
            for code, order in zip(codes, self.orders, strict=True)
        )

    def latent(self, codes: Codes, rng: Rng, sweeps: int) -> Floats:
        """Normals (digits × rows) that could be behind digits × rows `codes` (Gibbs sampling)."""
        random = rng.generator()
        rows = codes.shape[1]
        low, high, z = (np.empty((len(codes), rows)) for _ in range(3))
        for k, order in enumerate(self.orders):
            place = np.argsort(order)[codes[k]]
            low[k], high[k] = self.cuts[k][place], self.cuts[k][place + 1]
            z[k] = middles(self.shares[k])[place]
        inverse = np.linalg.inv(self.correlation)
        for _ in range(sweeps):
            for k in range(len(codes)):
                spread = 1 / np.sqrt(inverse[k, k])
                mean = z[k] - inverse[k] @ z * spread**2
                within = (ndtr((low[k] - mean) / spread), ndtr((high[k] - mean) / spread))
                step = mean + spread * _normal(within, random.random(size=(rows,)))
                z[k] = np.clip(step, low[k], high[k])
        return z

    def log_density(self, codes: Codes) -> None:
        """None: the probability of a box has no closed form."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        return {
            "sizes": np.array(self.sizes, dtype=np.int64),
            "orders": np.concatenate([*self.orders, np.zeros(0, dtype=np.uint8)]),
            "shares": np.concatenate([*self.shares, np.zeros(0)]),
            "correlation": self.correlation,
        }

    @classmethod
    def restore(cls, arrays: Any) -> Gaussian:
        """The inverse of `arrays`."""
        ends = np.cumsum(arrays["sizes"])[:-1]
        if not len(arrays["sizes"]):
            return cls((), (), np.zeros((0, 0)))
        shares, orders = (np.split(np.asarray(arrays[n]), ends) for n in ("shares", "orders"))
        return cls(tuple(shares), tuple(orders), np.asarray(arrays["correlation"]))


def cuts(share: Floats) -> Floats:
    """The ends of the intervals of a normal that have these shares."""
    below = np.concatenate([[0.0], np.cumsum(share / share.sum())])
    return np.asarray(np.clip(ndtri(np.clip(below, 0.0, 1.0)), -_FARTHEST, _FARTHEST))


def _density(x: Floats) -> Floats:
    return np.where(np.abs(x) >= _FARTHEST, 0.0, np.exp(-x * x / 2) / np.sqrt(2 * np.pi))


def middles(share: Floats) -> Floats:
    """The mean of a standard normal within each of its intervals."""
    height = _density(cuts(share))
    return np.asarray((height[:-1] - height[1:]) / np.maximum(share / share.sum(), 1e-300))


def scores(codes: Codes, shares: Sequence[Floats], orders: Sequence[Codes]) -> Floats:
    """The mean of each digit's normal within the interval that it shows (digits × rows)."""
    return np.stack(
        [
            middles(share)[np.argsort(order)[code]]
            for share, order, code in zip(shares, orders, codes, strict=True)
        ]
    )


def _series(share: Floats) -> Floats:
    """The coefficients of a digit's means in normalised Hermite polynomials, from the first on."""
    at, means = cuts(share), middles(share)
    height = _density(at)
    before, now = np.zeros_like(at), np.ones_like(at)
    found = np.empty(_TERMS)
    for k in range(1, _TERMS + 1):
        ends = height * now / np.sqrt(k)
        found[k - 1] = means @ (ends[:-1] - ends[1:])
        before, now = now, (at * now - np.sqrt(k - 1) * before) / np.sqrt(k)
    return found


def correlation(codes: Codes, shares: Sequence[Floats]) -> Floats:
    """The correlation of the latents of digits × rows `codes`, made a correlation matrix."""
    digits, rows = codes.shape
    if not digits:
        return np.zeros((0, 0))
    score = np.stack([middles(s)[code] for s, code in zip(shares, codes, strict=True)])
    seen = score @ score.T / rows
    # Of a wide table the first terms and fewer halvings do: it would be seconds for nothing.
    terms, steps = (_TERMS, _STEPS) if digits < _MANY else (_TERMS // 4, _STEPS // 2)
    series = np.stack([_series(share)[:terms] for share in shares])
    low, high = np.full_like(seen, -_STRONGEST), np.full_like(seen, _STRONGEST)
    for _ in range(steps):
        middle = (low + high) / 2
        value = np.zeros_like(seen)
        for k in range(terms - 1, -1, -1):
            value += np.outer(series[:, k], series[:, k])
            value *= middle
        under = value < seen
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    # What is always the same goes with nothing: any correlation would explain it.
    varied = np.diag(seen) > 0
    found = np.where(varied[:, None] & varied, (low + high) / 2, 0.0)
    np.fill_diagonal(found, 1.0)
    return nearest(found)


def nearest(matrix: Floats) -> Floats:
    """A correlation matrix near a symmetric one (alternating projections, Higham 2002)."""
    found = (matrix + matrix.T) / 2
    for _ in range(_CLIPS if len(found) < _MANY else 1):
        values, vectors = np.linalg.eigh(found)
        if values[0] >= _LEAST_EIGENVALUE:
            break
        found = (vectors * np.maximum(values, 2 * _LEAST_EIGENVALUE)) @ vectors.T
        scale = 1 / np.sqrt(np.diag(found))
        found = found * scale[:, None] * scale
    np.fill_diagonal(found, 1.0)
    return found


def _may(allowed: Masks, order: Codes) -> NDArray[np.bool_]:
    """Whether each symbol, in that order, is allowed (rows × symbols)."""
    return np.asarray((allowed[:, None] >> order.astype(np.uint64)) & np.uint64(1) != 0)


def _among(
    below: Floats, allowed: Masks, order: Codes, u: Floats
) -> tuple[NDArray[np.int64], tuple[Floats, Floats], Floats]:
    """For each row (a column of `below`): an interval of the allowed, its ends, the mass of all."""
    mass = np.where(_may(allowed, order).T, np.maximum(np.diff(below, axis=0), _LEAST), 0.0)
    upto = np.cumsum(mass, axis=0)
    total = upto[-1]
    place = (upto <= u * total).sum(axis=0)
    place = np.minimum(place, len(mass) - 1 - (mass[::-1] > 0).argmax(axis=0))
    at = np.arange(below.shape[1])
    return place, (below[place, at], below[place + 1, at]), total


def _normal(within: tuple[Floats, Floats], u: Floats) -> Floats:
    """A standard normal between two of its quantiles."""
    low, high = within
    return np.asarray(np.clip(ndtri(low + u * (high - low)), -_FARTHEST, _FARTHEST))
