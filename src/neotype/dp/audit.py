"""An attack on a private release: how far apart can two neighbouring tables be told?

The release is run many times on each of two neighbours. On the first half of the runs an attacker
picks what to look at and where to cut; on the other half, which nothing was picked on, the shares
on each side of the cut are bounded (Clopper and Pearson 1934), and with them from below:

- ε at a δ (Jagielski, Ullman and Oprea 2020), whatever the mechanism is;
- ρ of zCDP: the Rényi divergences of "above or below the cut" are no larger than those of outputs;
- μ, were the noise continuous and Gaussian (Nasr et al. 2023). Noise on whole numbers is not quite:
  it fits a μ that is 1 % above √(2ρ) at sigma 2 and 5 % at sigma 1. So μ describes, ρ proves.

A bound above the claim means that the claim is false, but for the small chance that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from math import inf, log
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

from neotype.dp.accountant import gaussian_epsilon
from neotype.errors import BudgetError

Floats = NDArray[np.float64]
Table = TypeVar("Table")
Statistic = Callable[[Floats], Floats]

_CUTS = 64
_ORDERS = 1 + np.geomspace(0.05, 100, 30)


@dataclass(frozen=True)
class Audit:
    """What an attack proved: lower bounds, each by the statistic that gave the highest."""

    epsilon: float
    """ε is at least this at the δ asked for."""
    rho: float
    """ρ is at least this, if what was claimed is zCDP without a δ of thresholds."""
    mu: float
    """μ is at least this, if the noise is Gaussian."""
    delta: float
    runs: int
    by: str

    @property
    def gaussian_epsilon(self) -> float:
        """The ε at δ of Gaussian noise with this μ."""
        return gaussian_epsilon(self.mu, self.delta) if self.delta else inf if self.mu else 0.0

    def refutes(self, *, epsilon: float | None = None, rho: float | None = None) -> bool:
        """Whether a claim of ε (at this δ) or of ρ is false."""
        return self.epsilon > (inf if epsilon is None else epsilon) or self.rho > (
            inf if rho is None else rho
        )


def audit(
    release: Callable[[Table], ArrayLike],
    here: Table,
    there: Table,
    *,
    runs: int = 1000,
    delta: float = 0.0,
    chance: float = 1e-3,
    statistics: Mapping[str, Statistic] | None = None,
) -> Audit:
    """Attack a release that gives equally many numbers at each run.

    Looked at are the direction in which outputs differ on average, how fine the digits of a number
    are (what gives floats away), and further `statistics`: a number for each row of outputs. A true
    claim is refuted with probability `chance` at most.
    """
    if runs < 100:
        raise BudgetError(f"{runs} runs prove nothing.", mend="take 1000 or more on each side")
    outputs = [_outputs(release, table, runs) for table in (here, there)]
    half = runs // 2
    first, second = ([part[:half] for part in outputs], [part[half:] for part in outputs])
    looks = {
        "direction": _direction(*first),
        "digits": _digits(*first),
        **(statistics or {}),
    }
    error = chance / (12 * len(looks))  # two orders, above and below the cut, three bounds
    found = {
        (name, way, sign): _bounds(
            [sign * look(part) for part in first[::way]],
            [sign * look(part) for part in second[::way]],
            delta,
            error,
        )
        for name, look in looks.items()
        for way, sign in product((1, -1), (1, -1))
    }
    by = max(found, key=lambda attack: found[attack][1])[0]
    epsilon, rho, mu = (max(0.0, *bounds) for bounds in zip(*found.values(), strict=True))
    return Audit(epsilon, rho, mu, delta, runs, by)


def _outputs(release: Callable[[Table], ArrayLike], table: Table, runs: int) -> Floats:
    return np.stack([np.asarray(release(table), np.float64).ravel() for _ in range(runs)])


def _direction(here: Floats, there: Floats) -> Statistic:
    """The best linear test if the noise of each number is independent and much the same."""
    spread = here.var(axis=0) + there.var(axis=0)
    weights = (here.mean(axis=0) - there.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return lambda outputs: np.asarray(outputs @ weights)


def _digits(here: Floats, there: Floats) -> Statistic:
    """The place of the last binary digit that is not 0, in the number that differs the most."""
    number = int(np.abs(here.mean(axis=0) - there.mean(axis=0)).argmax())

    def look(outputs: Floats) -> Floats:
        mantissa, exponent = np.frexp(outputs[:, number])
        whole = np.abs(mantissa * 2.0**53).astype(np.int64)
        lowest = np.log2(np.where(whole > 0, whole & -whole, 1).astype(np.float64))
        return np.where(whole > 0, lowest + exponent - 53, 1024.0)

    return look


def _bounds(
    tries: list[Floats], tests: list[Floats], delta: float, error: float
) -> tuple[float, float, float]:
    """Lower bounds of ε, ρ and μ where `here` lies above the cut more often than `there`."""
    cuts = np.unique(np.quantile(np.concatenate(tries), np.linspace(0, 1, _CUTS)))
    tried = [_shares(tries, cut, error) for cut in cuts]

    def proved(bound: Callable[[float, float], float]) -> float:
        picked = max(range(len(cuts)), key=lambda k: bound(*tried[k]))
        return bound(*_shares(tests, cuts[picked], error))

    return proved(lambda p, q: _epsilon_bound(p, q, delta)), proved(_rho_bound), proved(_mu_bound)


def _shares(sides: list[Floats], cut: float, error: float) -> tuple[float, float]:
    """The least share of the first side at or above the cut, the largest of the other.

    Each of the two is wrong with probability error / 2.
    """
    above, false = (int((side >= cut).sum()) for side in sides)
    runs = len(sides[0])
    least = 0.0 if above == 0 else float(betaincinv(above, runs - above + 1, error / 2))
    most = 1.0 if false == runs else float(betaincinv(false + 1, runs - false, 1 - error / 2))
    return least, most


def _epsilon_bound(least: float, most: float, delta: float) -> float:
    return log((least - delta) / most) if least > delta else -inf


def _rho_bound(least: float, most: float) -> float:
    """The largest Rényi divergence of a coin from another, each by its order."""
    if least <= most or least == 1:
        return 0.0
    kullback = least * log(least / most) + (1 - least) * log((1 - least) / (1 - most))
    both = np.logaddexp(
        _ORDERS * log(least) + (1 - _ORDERS) * log(most),
        _ORDERS * log(1 - least) + (1 - _ORDERS) * log(1 - most),
    )
    return max(kullback, float((both / (_ORDERS - 1) / _ORDERS).max()))


def _mu_bound(least: float, most: float) -> float:
    return float(ndtri(least) - ndtri(most)) if least > 0 and most < 1 else -inf
