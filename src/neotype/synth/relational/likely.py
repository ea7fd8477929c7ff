"""Next rows weighed: of several that an owner may have next, the likest.

A density ratio learnt on rows beside the last of their kind says how much more frequent a row is
among real ones than among drawn ones. Drawn rows come from walks of whole histories, so that what
drifts from step to step is seen; what is weighed so is walked again, and weighed once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import State
from neotype.progress import Progress
from neotype.rng import Rng
from neotype.synth.relational.sheet import Rows, Sheet
from neotype.trees.ratio import Boost, Ratio

_TURNS = 3
"""How often rows are weighed, walked as they are then, and weighed again."""
_EACH = 4
"""Rows drawn for each that is taken."""
_ROUNDS, _TREES = 24, 20
_WORTH = 0.02
"""Nats a row that must be mended: less is not worth drawing several."""
FEWEST = 2_000
"""Rows from which on they are weighed."""
SEEN = 40_000
"""Rows that are walked at a time to learn a ratio from, about."""
_SECTIONS = ("gap", "calendar", "combination", "under", "again", "off", "content")


@dataclass(frozen=True)
class Likely:
    """Ratios that are multiplied, on the `places` of a sheet."""

    places: tuple[int, ...]
    ratios: tuple[Ratio, ...]

    @classmethod
    def learn(
        cls,
        sheet: Sheet,
        seen: Rows,
        owner: NDArray[np.int64],
        drawn: Callable[[Self | None, Rng], Rows],
        rng: Rng,
        progress: Progress,
    ) -> Self | None:
        """Learn from real sheets `seen`, of these owners; None where there is little to mend.

        `drawn` walks other sheets, their next rows weighed as they are so far.
        """
        places = sheet.places(*_SECTIONS)
        digits = [sheet.digits[place] for place in places]
        sizes = np.array([digit.size for digit in digits], dtype=np.int64)
        ordered = np.array([digit.ordered for digit in digits])
        real = np.ascontiguousarray(seen[:, places].T)
        found: Self | None = None
        for turn in range(_TURNS):
            walked = drawn(found, rng.block(turn))[:, places]
            ratio = Ratio.learn(
                real,
                lambda _, walked=walked: np.ascontiguousarray(walked.T),  # type: ignore[misc]
                sizes,
                ordered,
                Boost(fresh=_ROUNDS, rounds=_ROUNDS, trees=_TREES),
                rng.block(turn).child("boost").generator(),
                owner=owner,
            )
            progress("weigh rows", turn + 1, _TURNS)
            done = () if found is None else found.ratios
            if done and ratio.bound > done[-1].bound:
                # Walks under the last ratio are told apart more easily than those without it.
                return cls(tuple(places), done[:-1]) if done[:-1] else None
            if ratio.bound < _WORTH:
                break
            found = cls(tuple(places), (*done, ratio))
        return found

    @property
    def each(self) -> int:
        """How many rows are drawn for each that is taken."""
        return _EACH

    def log_weight(self, rows: Rows) -> NDArray[np.float64]:
        """How much more frequent each row is among real ones, up to a constant of its owner."""
        told = np.ascontiguousarray(rows[:, self.places])
        total: NDArray[np.float64] = np.sum([ratio.rows(told) for ratio in self.ratios], axis=0)
        return total

    def state(self) -> State:
        """At rest."""
        parts = {str(k): State({}, ratio.arrays()) for k, ratio in enumerate(self.ratios)}
        return State.nest({"places": list(self.places), "turns": len(self.ratios)}, parts)

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        parts = (state.within(str(k)) for k in range(state.fact("turns")))
        ratios = tuple(Ratio.restore(part.arrays, 0.0, 1) for part in parts)
        return cls(tuple(state.fact("places")), ratios)
