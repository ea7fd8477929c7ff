"""What has happened to each owner so far, as digits: what the next row is drawn from.

All owners move on together, one row each; the same code walks over real rows when a model is
learnt and over drawn rows when it is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import ALL, Codes, Digit
from neotype.synth.relational.clock import Ticks

Owners = NDArray[np.int64]
_COUNT, _SPAN, _MEAN, _SHARE = 24, 32, 16, 8
_WATCHED = 14
_TINY = 1e-9


@dataclass(frozen=True)
class Memory:
    """What is remembered of rows of `digits`.

    `firsts` are the leading digits of the columns; `watched` is how many of the commonest
    combinations (of `combinations`) are counted and timed; `beat` is a usual gap in ticks, 0
    where rows have no time; `kept` are the digits remembered by combination.
    """

    digits: tuple[Digit, ...]
    firsts: tuple[int, ...]
    kept: tuple[int, ...]
    combinations: int
    beat: float
    quotas: tuple[int, ...] = ()
    """Of each combination, which of the kinds whose number is known it is; −1 of none."""

    @property
    def watched(self) -> int:
        """How many combinations are counted."""
        return min(self.combinations, _WATCHED) if self.combinations > 1 else 0

    @property
    def kinds(self) -> int:
        """How many kinds there are of which the number is known."""
        return max(self.quotas, default=-1) + 1

    @property
    def means(self) -> tuple[int, ...]:
        """The digits of which a running mean is kept."""
        return tuple(p for p in self.firsts if self.digits[p].ordered and self.digits[p].size > 2)

    @property
    def before(self) -> tuple[Digit, ...]:
        """Known before the next row has a time."""
        count = [Digit("rows so far", _COUNT, True), Digit("rows to come", _COUNT, True)]
        if self.beat:
            count += [Digit("time left a row", _SPAN, True), Digit("time so far", _SPAN, True)]
        count += [Digit("of a kind to come", _COUNT, True) for _ in range(self.kinds)]
        lags = [self.digits[p] for p in self.firsts]
        means = [Digit("mean", _MEAN, True) for _ in self.means]
        shares = [Digit("share", _SHARE, True) for _ in range(self.watched)]
        since = [Digit("since", _SPAN, True) for _ in range(self.watched if self.beat else 0)]
        return (*count, *lags, *means, *shares, *since)

    @property
    def after(self) -> tuple[Digit, ...]:
        """Known once it has a time: how long ago each combination was."""
        return tuple(Digit("since", _SPAN, True) for _ in range(self.watched if self.beat else 0))

    @property
    def under(self) -> tuple[Digit, ...]:
        """Known once it has a combination: whether that was there, and the last row that had it."""
        return (Digit("seen", 2, True), *(self.digits[p] for p in self.kept))


class History:
    """The state of some owners: `rows` each will have, from tick `start` to tick `end`."""

    def __init__(
        self,
        memory: Memory,
        rows: Owners,
        start: Ticks,
        end: Ticks,
        quota: NDArray[np.int64] | None = None,
    ) -> None:
        owners = len(rows)
        none = np.zeros((memory.kinds, owners), dtype=np.int64)
        self.quota = none if quota is None else quota[: memory.kinds].copy()
        self.kind_of = np.array(memory.quotas or [-1] * memory.combinations, dtype=np.int64)
        self.memory, self.rows, self.start, self.end = memory, rows, start, end
        self.done: NDArray[np.int64] = np.zeros(owners, dtype=np.int64)
        self.now = start.copy()
        self.last = np.zeros((len(memory.digits), owners), dtype=np.uint8)
        self.total = np.zeros((len(memory.means), owners))
        self.times = np.zeros((memory.watched, owners), dtype=np.int64)
        self.when = np.full((memory.watched, owners), np.iinfo(np.int64).min // 4)
        shape = (memory.combinations, len(memory.kept) + 1, owners)
        self.kept = np.zeros(shape, dtype=np.uint8)

    def before(self, a: Owners) -> Codes:
        """For the owners `a`, what is known before the next row has a time."""
        memory, done = self.memory, self.done[a]
        left = self.rows[a] - done
        lines: list[NDArray[Any]] = [_count(done), _count(left)]
        if memory.beat:
            lines += [
                self.span((self.end[a] - self.now[a]) / np.maximum(left, 1)),
                self.span((self.now[a] - self.start[a]).astype(float)),
            ]
        lines += [_count(np.maximum(line[a], 0)) for line in self.quota]
        lines += list(self.last[list(memory.firsts)][:, a])
        many = np.maximum(done, 1)
        for line, place in enumerate(memory.means):
            mean = self.total[line, a] / many * (_MEAN / memory.digits[place].size)
            lines.append(np.minimum(mean, _MEAN - 1))
        for line in range(memory.watched):
            share = self.times[line, a] / many
            lines.append(np.ceil(share * (_SHARE - 1)))
        if memory.beat:
            lines += list(self.after(a, self.now[a]))
        return np.stack(lines).astype(np.uint8)

    def after(self, a: Owners, ticks: Ticks) -> Codes:
        """What is known once the next row of each has a time."""
        ago = ticks - self.when[:, a]
        codes = self.span(ago.astype(float))
        codes[ago > np.iinfo(np.int64).max // 16] = _SPAN - 1
        return codes

    def possible(self, a: Owners) -> NDArray[np.uint64] | None:
        """The combinations that the next row of each may be: of kinds that are not used up.

        Where all rows to come are of kinds whose number is known, only of these.
        """
        if not self.memory.kinds:
            return None
        left = np.maximum(self.quota[:, a], 0)
        full = left.sum(axis=0) >= self.rows[a] - self.done[a]
        sets = np.zeros(len(a), dtype=np.uint64)
        for combination, kind in enumerate(self.kind_of):
            may = left[kind] > 0 if kind >= 0 else ~full
            sets |= may.astype(np.uint64) << np.uint64(combination)
        return np.where(sets == 0, ALL, sets)

    def under(self, a: Owners, combination: NDArray[np.uint8]) -> Codes:
        """What is known once it has a combination."""
        return self.kept[combination, :, a].T

    def add(
        self, a: Owners, codes: Codes, combination: NDArray[np.uint8], ticks: Ticks | None
    ) -> None:
        """The next row of each owner has come."""
        memory = self.memory
        self.last[:, a] = codes
        self.total[:, a] += codes[list(memory.means)]
        for line in range(memory.watched):
            here = a[combination == line]
            self.times[line, here] += 1
            if ticks is not None:
                self.when[line, here] = ticks[combination == line]
        self.kept[combination, 0, a] = 1
        kind = self.kind_of[combination]
        self.quota[kind[kind >= 0], a[kind >= 0]] -= 1
        if memory.kept:
            self.kept[combination, 1:, a] = codes[list(memory.kept)].T
        if ticks is not None:
            self.now[a] = ticks
        self.done[a] += 1

    def span(self, ticks: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Lengths of time, two steps an octave around the usual gap."""
        scaled = 2 * np.log2(np.maximum(ticks, _TINY) / max(self.memory.beat, _TINY))
        codes = np.clip(np.rint(scaled) + _SPAN // 2, 1, _SPAN - 1)
        return np.where(ticks <= 0, 0, codes).astype(np.uint8)


def _count(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Counts up to 8 as they are, then two steps an octave."""
    above = 8 + np.floor(2 * np.log2(np.maximum(rows, 8) / 8))
    return np.minimum(np.where(rows < 8, rows, above), _COUNT - 1)
