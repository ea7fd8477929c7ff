"""When rows come at all: spells of time, between which no owner has a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import State
from neotype.synth.relational.clock import Ticks

_NEAR = 25
"""Rows before and after an empty stretch that say how many it should have had."""
_EMPTY = 20.0
"""So many it should have had: by chance it is empty once in 10⁸ times."""


@dataclass(frozen=True)
class Spells:
    """Stretches from tick `low` to tick `high`, one after the other (a sale, a season, a shift).

    None ends at a row: each is longer by the usual distance between rows there.
    """

    low: Ticks
    high: Ticks

    @classmethod
    def learn(cls, ticks: Ticks, owner: NDArray[np.int64], protect: int) -> Self | None:
        """Learn from the rows of all owners; None where no stretch is empty.

        A spell has rows of at least `protect` owners.
        """
        if len(ticks) < 2 * _NEAR:
            return None
        order = np.argsort(ticks, kind="stable")
        at, whose = ticks[order], owner[order]
        row = np.arange(1, len(at))
        before = at[row - 1] - at[np.maximum(row - _NEAR, 0)] + 1
        after = at[np.minimum(row + _NEAR - 1, len(at) - 1)] - at[row] + 1
        usual = (before + after) / (2 * _NEAR)
        cuts = np.flatnonzero(np.diff(at) - 1 > _EMPTY * usual) + 1
        parts = zip(np.append(0, cuts), np.append(cuts, len(at)), strict=True)
        kept = [(a, b) for a, b in parts if len(np.unique(whose[a:b])) >= protect]
        if len(kept) < 2:
            return None
        begin, end = np.array(kept).T
        more = np.ceil(np.concatenate([usual[:1], usual, usual[-1:]])).astype(np.int64)
        return cls(at[begin] - more[begin], at[end - 1] + more[end])

    def hold(self, ticks: Ticks) -> NDArray[np.bool_]:
        """Which times lie in a spell; those before the first and after the last do too."""
        spell = np.searchsorted(self.low, ticks, side="right") - 1
        between = (spell >= 0) & (spell < len(self.low) - 1) & (ticks > self.high[spell])
        return np.asarray(~between)

    def nearest(self, ticks: Ticks) -> Ticks:
        """Times between two spells become the end of one or the beginning of the other."""
        spell = np.clip(np.searchsorted(self.low, ticks, side="right") - 1, 0, len(self.low) - 2)
        before, after = self.high[spell], self.low[spell + 1]
        moved = np.where(ticks - before < after - ticks, before, after)
        return np.asarray(np.where(self.hold(ticks), ticks, moved))

    def state(self) -> State:
        """At rest."""
        return State({}, {"low": self.low, "high": self.high})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        return cls(state.array("low"), state.array("high"))
