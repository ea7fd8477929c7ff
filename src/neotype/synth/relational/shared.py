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
_GROUPED = 20_000_000
"""Owners times dates up to which groups are looked for."""
_MOST_GROUPS, _MOST_LEADERS = 32, 128
_ALIKE, _SETTLED = 0.2, 0.6
"""Of what the date leaves open: how far owners of a group may differ, and what groups may leave."""
_ROWS = 20.0
"""Rows a date, on average, from which on a date is shared at all."""


@dataclass(frozen=True)
class Shared:
    """For each date of at least `protect` rows the commonest code of columns that follow from it.

    Owners may fall into `groups`, each with dates of its own (shops of one country). `places` are
    digits that follow, `sizes` their symbols, `certain` those that do without exception;
    `levels` are digits of which the mean of a date is held, in sixteenths.
    """

    ticks: Ticks
    places: tuple[int, ...]
    certain: tuple[int, ...]
    levels: tuple[int, ...]
    sizes: tuple[int, ...]
    table: NDArray[np.uint8]
    """groups × (places + levels) × dates."""

    @classmethod
    def learn(
        cls,
        ticks: Ticks,
        codes: Codes,
        digits: Sequence[Digit],
        alone: set[int],
        group: NDArray[np.int64],
        protect: int,
    ) -> Self | None:
        """Learn from digits × rows, each of a `group`; None where hardly a date has several."""
        dates, index, counts = np.unique(ticks, return_inverse=True, return_counts=True)
        if len(ticks) < _ROWS * len(dates) or len(dates) < 3:
            return None
        kept = counts >= protect
        groups = int(group.max(initial=0)) + 1
        cell = group * len(dates) + index
        held = np.bincount(cell, minlength=groups * len(dates)).reshape(groups, -1)
        places, certain, levels, lines, sizes = [], [], [], [], []
        for place, digit in enumerate(digits):
            if place not in alone:
                continue
            cells = groups * len(dates)
            joint = np.bincount(cell * digit.size + codes[place], minlength=cells * digit.size)
            joint = joint.reshape(groups, len(dates), digit.size)
            plain = joint.sum(axis=(0, 1)).max() / len(ticks)
            whole = joint.sum(axis=0)
            # Of a group without rows on a date, what most owners have stands in.
            joint = np.where(held[:, :, None] > 0, joint, whole[None])
            hit = np.where(held > 0, joint.max(axis=2), 0).sum() / len(ticks)
            if plain < 1 and (hit - plain) / (1 - plain) >= _TELLS:
                places.append(place)
                lines.append(joint.argmax(axis=2).astype(np.uint8))
                sizes.append(digit.size)
                if hit == 1.0:
                    certain.append(place)
        for place, digit in enumerate(digits):
            if digit.ordered and digit.size > _LEVELS and place not in places:
                total = np.bincount(index, weights=codes[place].astype(float))
                level = np.clip(total / counts / digit.size * _LEVELS, 0, _LEVELS - 1)
                levels.append(place)
                lines.append(np.repeat(level.astype(np.uint8)[None], groups, axis=0))
                sizes.append(_LEVELS)
        if not lines or not kept.any():
            return None
        table = np.stack(lines, axis=1)[:, :, kept]
        return cls(dates[kept], tuple(places), tuple(certain), tuple(levels), tuple(sizes), table)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """For the date before, this date and the date after: each place and level."""
        return tuple(
            Digit(f"{when} {i}", size, ordered=True)
            for when in ("before", "now", "after")
            for i, size in enumerate(self.sizes)
        )

    def look(self, ticks: Ticks, group: NDArray[np.int64]) -> Codes:
        """Digits × events, of owners of these groups."""
        at = np.clip(np.searchsorted(self.ticks, ticks, side="right") - 1, 0, None)
        last = len(self.ticks) - 1
        near = (np.maximum(at - 1, 0), at, np.minimum(at + 1, last))
        own = np.minimum(group, len(self.table) - 1)
        return np.concatenate([self.table[own, :, rows].T for rows in near])

    def force(self, codes: Codes, ticks: Ticks, group: NDArray[np.int64]) -> None:
        """Set the digits that follow from the date, where the date is one of those held."""
        at = np.clip(np.searchsorted(self.ticks, ticks), 0, len(self.ticks) - 1)
        held = self.ticks[at] == ticks
        own = np.minimum(group, len(self.table) - 1)
        for place in self.certain:
            line = self.table[own, self.places.index(place), at]
            codes[place, held] = line[held]

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


def groups_of(
    ticks: Ticks, owner: NDArray[np.int64], labels: NDArray[np.int64], owners: int, protect: int
) -> tuple[NDArray[np.int64], float] | None:
    """Owners whose labels go together date by date, as groups of at least `protect` owners.

    Beside them in what share of rows they tell more than the date alone. None where a few groups
    do not tell much more than that.
    """
    dates, index = np.unique(ticks, return_inverse=True)
    sparse = len(ticks) < max(_ROWS * len(dates), 0.5 * owners * len(dates))
    if sparse or owners * len(dates) > _GROUPED:
        return None
    seen = np.full((owners, len(dates)), -1)
    seen[owner, index] = labels
    size = int(labels.max()) + 1
    whole = np.bincount(index * size + labels, minlength=len(dates) * size).reshape(-1, size)
    plain = (whole.argmax(axis=1)[index] != labels).mean()
    if not 0 < plain < 1 - _TELLS:
        return None
    leaders: list[int] = []
    group = np.zeros(owners, dtype=np.int64)
    for one in range(owners):
        apart = _apart(seen[one], seen[leaders])
        near = int(np.argmin(apart)) if leaders else -1
        if leaders and apart[near] <= _ALIKE * plain:
            group[one] = near
        elif len(leaders) == _MOST_LEADERS:
            return None
        else:
            group[one] = len(leaders)
            leaders.append(one)
    group = _merged(group, leaders, seen, protect)
    count = int(group.max()) + 1
    cell = (group[owner] * len(dates) + index) * size + labels
    joint = np.bincount(cell, minlength=count * len(dates) * size).reshape(-1, size)
    left = 1 - joint.max(axis=1).sum() / len(labels)
    return (group, float(plain - left)) if count > 1 and left <= _SETTLED * plain else None


def _merged(
    group: NDArray[np.int64], leaders: list[int], seen: NDArray[np.int64], protect: int
) -> NDArray[np.int64]:
    """Groups of too few owners join the likest of those that have enough."""
    sizes = np.bincount(group, minlength=len(leaders))
    large = [g for g in np.argsort(-sizes, kind="stable") if sizes[g] >= protect][:_MOST_GROUPS]
    if not large:
        return np.zeros_like(group)
    place = {int(g): k for k, g in enumerate(large)}
    for g in range(len(leaders)):
        if g not in place:
            others = seen[[leaders[other] for other in large]]
            place[g] = int(np.argmin(_apart(seen[leaders[g]], others)))
    return np.array([place[int(g)] for g in group], dtype=np.int64)


def _apart(one: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """In which share of the dates that both have one owner differs from each of others."""
    both = (one >= 0) & (others >= 0)
    return np.asarray(((one != others) & both).sum(axis=1) / np.maximum(both.sum(axis=1), 1))
