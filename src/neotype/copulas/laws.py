"""Families of distributions for one quantity, the likeliest chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POSITIVE = ("lognorm", "gamma", "weibull_min", "expon")
ANY = ("norm", "logistic", "t", "uniform")
_FITTED_ROWS = 5_000


@dataclass(frozen=True)
class Law:
    """A member of a family of scipy's."""

    family: str
    parameters: tuple[float, ...]

    def quantiles(self, at: Floats) -> Floats:
        """The values below which these parts of the distribution lie."""
        return np.asarray(self._frozen.ppf(at), dtype=np.float64)

    def distance(self, values: Floats) -> float:
        """The largest difference between this distribution's part below a value and the data's."""
        ordered = np.sort(values)
        below = self._frozen.cdf(ordered)
        n = len(ordered)
        left = np.searchsorted(ordered, ordered, side="left") / n
        right = np.searchsorted(ordered, ordered, side="right") / n
        return float(np.maximum(below - left, right - below).max())

    @property
    def _frozen(self) -> Any:
        from scipy import stats

        return getattr(stats, self.family)(*self.parameters)


def likeliest(values: Floats) -> Law | None:
    """The family under which these values are likeliest, at its best; None if none can be had."""
    from scipy import stats

    some = values[:: max(1, len(values) // _FITTED_ROWS)]
    spread = float(some.std())
    if not np.isfinite(spread) or spread <= 0:
        return None
    best, most = None, -np.inf
    for family in (*ANY, *(POSITIVE if some.min() > 0 else ())):
        one = getattr(stats, family)
        fixed = {"floc": 0.0} if family in POSITIVE else {}
        try:
            with np.errstate(all="ignore"):
                parameters = tuple(float(p) for p in one.fit(some / spread, **fixed))
                told = float(one.logpdf(some / spread, *parameters).sum())
        except (stats.FitError, ValueError, FloatingPointError):
            continue
        if told > most:
            most = told
            best = Law(family, (*parameters[:-2], parameters[-2] * spread, parameters[-1] * spread))
    return best
