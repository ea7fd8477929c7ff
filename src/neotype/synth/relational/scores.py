"""Numbers as normal scores, and back."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import State

Values = NDArray[np.float64]
_KNOTS = 256
_BEYOND = 0.5
"""How far scores may lie beyond the outermost knot."""
_OFTEN = 0.95
"""Share of the rows whose values occur often, from which on only these are drawn."""


@dataclass(frozen=True)
class Scores:
    """Means of groups of at least `protect` neighbouring values, with their normal scores.

    `often` are the only values that are drawn, where hardly another occurs.
    """

    knots: Values
    places: Values
    often: Values
    decimals: int | None

    @classmethod
    def learn(cls, values: Values, decimals: int | None, protect: int) -> Self:
        """Learn from values, NaN where there is none."""
        known = np.sort(values[~np.isnan(values)])
        groups = int(np.clip(len(known) // max(protect, 1), 2, _KNOTS))
        knots = np.array([part.mean() for part in np.array_split(known, groups)])
        normal = NormalDist()
        places = np.array([normal.inv_cdf((k + 0.5) / groups) for k in range(groups)])
        distinct, counts = np.unique(known, return_counts=True)
        often = distinct[counts >= max(protect, 1)]
        if counts[counts >= max(protect, 1)].sum() < _OFTEN * len(known):
            often = often[:0]
        return cls(knots, places, often, decimals)

    def of(self, values: Values) -> Values:
        """Values as scores; NaN stays."""
        distinct, first, counts = np.unique(self.knots, return_index=True, return_counts=True)
        middle = (self.places[first] + self.places[first + counts - 1]) / 2
        if len(distinct) < 2:
            return np.where(np.isnan(values), np.nan, 0.0)
        found = np.interp(values, distinct, middle)
        found = found + _past(values, distinct, middle)
        low, high = self._ends
        return np.asarray(np.clip(found, low, high))

    def values(self, scores: Values) -> Values:
        """The inverse, rounded as values are."""
        low, high = self._ends
        scores = np.clip(scores, low, high)
        distinct, counts = np.unique(self.knots, return_counts=True)
        found = np.interp(scores, self.places, self.knots)
        if len(distinct) > 1:
            if counts[0] == 1:
                found = found + np.minimum(_past(scores, self.places, self.knots), 0)
            if counts[-1] == 1:
                found = found + np.maximum(_past(scores, self.places, self.knots), 0)
        if len(self.often) > 1:
            at = np.clip(np.searchsorted(self.often, found), 1, len(self.often) - 1)
            lower = found - self.often[at - 1] < self.often[at] - found
            near = np.where(lower, self.often[at - 1], self.often[at])
            return np.asarray(np.where(np.isnan(scores), np.nan, near))
        return found if self.decimals is None else np.round(found, self.decimals)

    @property
    def _ends(self) -> tuple[float, float]:
        return float(self.places[0]) - _BEYOND, float(self.places[-1]) + _BEYOND

    def state(self) -> State:
        """At rest."""
        arrays = {"knots": self.knots, "places": self.places, "often": self.often}
        return State({"decimals": self.decimals}, arrays)

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        knots, places, often = (state.array(name) for name in ("knots", "places", "often"))
        return cls(knots, places, often, state.fact("decimals"))


def _past(x: Values, at: Values, level: Values) -> Values:
    """How far a line through the outermost two places leads beyond them."""
    low = np.minimum(x - at[0], 0) * (level[1] - level[0]) / max(at[1] - at[0], 1e-12)
    high = np.maximum(x - at[-1], 0) * (level[-1] - level[-2]) / max(at[-1] - at[-2], 1e-12)
    return np.asarray(low + high)
