"""What all owners share on a day: columns that follow from the date, and how high a day runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import Codes, Digit, State
from neotype.synth.relational.clock import Ticks

_TELLS = 0.5
"""Share of what the commonest label leaves open that the date must settle."""
_LEVELS = 16
_ROWS = 20.0
"""Rows a date, on average, from which on a date is shared at all."""


@dataclass(frozen=True)
class Shared:
    """For each date of at least `protect` rows the commonest code of columns that follow from it.

    `places` are digits that do, `sizes` their symbols, `certain` those that do without exception;
    `levels` are digits of which the mean of a date is held, in sixteenths.
    """

    ticks: Ticks
    places: tuple[int, ...]
    certain: tuple[int, ...]
    levels: tuple[int, ...]
    sizes: tuple[int, ...]
    table: NDArray[np.uint8]
    """(places + levels) × dates."""

    @classmethod
    def learn(
        cls, ticks: Ticks, codes: Codes, digits: Sequence[Digit], alone: set[int], protect: int
    ) -> Self | None:
        """Learn from digits × rows; None where hardly any date has several rows."""
        dates, index, counts = np.unique(ticks, return_inverse=True, return_counts=True)
        if len(ticks) < _ROWS * len(dates) or len(dates) < 3:
            return None
        kept = counts >= protect
        places, certain, levels, lines, sizes = [], [], [], [], []
        for place, digit in enumerate(digits):
            if place not in alone and (place == 0 or digits[place - 1].name == digit.name):
                continue
            joint = np.bincount(
                index * digit.size + codes[place], minlength=len(dates) * digit.size
            )
            joint = joint.reshape(len(dates), digit.size)
            hit = joint.max(axis=1).sum() / len(ticks)
            plain = joint.sum(axis=0).max() / len(ticks)
            if place in alone and plain < 1 and (hit - plain) / (1 - plain) >= _TELLS:
                places.append(place)
                lines.append(joint.argmax(axis=1).astype(np.uint8))
                sizes.append(digit.size)
                if hit == 1.0 and (kept | (counts > 1)).all():
                    certain.append(place)
        for place, digit in enumerate(digits):
            if digit.ordered and digit.size > _LEVELS and place not in places:
                total = np.bincount(index, weights=codes[place].astype(float))
                level = total / counts / digit.size * _LEVELS
                levels.append(place)
                lines.append(np.clip(level, 0, _LEVELS - 1).astype(np.uint8))
                sizes.append(_LEVELS)
        if not lines or not kept.any():
            return None
        table = np.stack(lines)[:, kept]
        return cls(dates[kept], tuple(places), tuple(certain), tuple(levels), tuple(sizes), table)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """For the date before, this date and the date after: each place and level."""
        return tuple(
            Digit(f"{when} {i}", size, ordered=True)
            for when in ("before", "now", "after")
            for i, size in enumerate(self.sizes)
        )

    def look(self, ticks: Ticks) -> Codes:
        """Digits × events."""
        at = np.clip(np.searchsorted(self.ticks, ticks, side="right") - 1, 0, None)
        last = len(self.ticks) - 1
        near = (np.maximum(at - 1, 0), at, np.minimum(at + 1, last))
        return np.concatenate([self.table[:, rows] for rows in near])

    def force(self, codes: Codes, ticks: Ticks) -> None:
        """Set the digits that follow from the date, where the date is one of those held."""
        at = np.clip(np.searchsorted(self.ticks, ticks), 0, len(self.ticks) - 1)
        held = self.ticks[at] == ticks
        for place in self.certain:
            line = self.table[self.places.index(place)]
            codes[place, held] = line[at[held]]

    def state(self) -> State:
        """At rest."""
        names = ("places", "certain", "levels", "sizes")
        facts = {name: list(getattr(self, name)) for name in names}
        return State(facts, {"ticks": self.ticks, "table": self.table})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        names = ("places", "certain", "levels", "sizes")
        places, certain, levels, sizes = (tuple(state.fact(name)) for name in names)
        ticks, table = state.array("ticks"), state.array("table")
        return cls(ticks, places, certain, levels, sizes, table)
