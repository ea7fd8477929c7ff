"""Rows with owners, and what is worked out of them before they are learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import Codes, Digit
from neotype.synth.relational.clock import Ticks
from neotype.synth.relational.expected import Number
from neotype.trees.relevance import mutual_information

_WIDEST = 32
"""Digits of the owner that are looked at."""
_LOOKED_AT = 4096


@dataclass(frozen=True)
class Owners:
    """The rows that others belong to: their digits, and how many there will be, from when on."""

    codes: Codes
    rows: NDArray[np.int64]
    start: Ticks
    end: Ticks
    group: NDArray[np.int64]
    quota: NDArray[np.int64]
    """kinds × owners: how many rows of each kind there will be."""

    def take(self, picks: NDArray[np.int64] | slice) -> Owners:
        """Some of them."""
        return Owners(
            self.codes[:, picks],
            self.rows[picks],
            self.start[picks],
            self.end[picks],
            self.group[picks],
            self.quota[:, picks],
        )


@dataclass(frozen=True)
class Brood:
    """Rows with owners, in the order of their owners and, within those, of events."""

    owner: NDArray[np.int64]
    codes: Codes
    ticks: Ticks
    origin: NDArray[np.int64] | None = None
    """repeats × rows: the row whose very value each has (itself, where it is new)."""
    values: NDArray[np.float64] | None = None
    """2 × rows: amounts and totals, where a total runs."""
    numbers: NDArray[np.float64] | None = None
    """columns × rows: numbers that go on from the rows before."""

    def told_by(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """These rows and those whose values they have, rising."""
        origins = [] if self.origin is None else list(self.origin[:, rows])
        return np.unique(np.concatenate([rows, *origins]))

    def take(self, rows: NDArray[np.int64]) -> Brood:
        """Some of the rows (rising), and with each the row whose value it has."""
        origin = None
        if self.origin is not None:
            # A row that is there for the value of one column may have another's from elsewhere.
            last = max(len(rows) - 1, 0)
            origin = np.minimum(np.searchsorted(rows, self.origin[:, rows]), last)
        values = None if self.values is None else self.values[:, rows]
        numbers = None if self.numbers is None else self.numbers[:, rows]
        own = (self.owner[rows], self.codes[:, rows], self.ticks[rows])
        return Brood(*own, origin, values, numbers)


@dataclass(frozen=True)
class Columns:
    """The digits of rows, and which of them make up a column.

    `alone` are those that are all of their column, `firsts` the leading ones; `computed` follow
    from the rows before; `exact` tells equal values of a column from others, by its digits;
    `numbers` are columns that may go on from the rows before.
    """

    digits: tuple[Digit, ...]
    alone: frozenset[int]
    firsts: tuple[int, ...]
    exact: Mapping[tuple[int, ...], NDArray[np.int64]]
    computed: tuple[int, ...] = ()
    numbers: Mapping[str, Number] = field(default_factory=dict)


def joined(parts: list[Brood], width: int) -> Brood:
    """The rows of blocks of owners, one after the other."""
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Brood(none, np.zeros((width, 0), dtype=np.uint8), none)
    origins = [part.origin for part in parts if part.origin is not None]
    values = [part.values for part in parts if part.values is not None]
    numbers = [part.numbers for part in parts if part.numbers is not None]
    return Brood(
        np.concatenate([part.owner for part in parts]),
        np.concatenate([part.codes for part in parts], axis=1),
        np.concatenate([part.ticks for part in parts]),
        np.concatenate(origins, axis=1) if origins else None,
        np.concatenate(values, axis=1) if values else None,
        np.concatenate(numbers, axis=1) if numbers else None,
    )


def quotas(
    combination: NDArray[np.uint8], kind: NDArray[np.int64] | None, combinations: int
) -> tuple[int, ...]:
    """The kind that most rows of each combination are of."""
    if kind is None:
        return ()
    table = np.zeros((combinations, int(kind.max(initial=-1)) + 2), dtype=np.int64)
    np.add.at(table, (combination, kind), 1)
    return tuple(int(k) if k < table.shape[1] - 1 else -1 for k in table.argmax(axis=1))


def last_alike(owner: NDArray[np.int64], combination: NDArray[np.uint8]) -> NDArray[np.int64]:
    """For each row the one before it of the same owner and combination; −1 where there is none."""
    order = np.lexsort((np.arange(len(owner)), combination, owner))
    alike = (np.diff(owner[order]) == 0) & (np.diff(combination[order].astype(np.int64)) == 0)
    last = np.full(len(owner), -1)
    last[order[1:][alike]] = order[:-1][alike]
    return last


def relevant(
    brood: Brood, codes: Codes, digits: tuple[Digit, ...], context: tuple[Digit, ...]
) -> tuple[int, ...]:
    """The digits of owners that say most about their rows."""
    if len(context) <= _WIDEST:
        return tuple(range(len(context)))
    step = max(1, len(brood.owner) // _LOOKED_AT)
    rows = np.concatenate([codes[:, brood.owner[::step]], brood.codes[:, ::step]])
    sizes = np.array([digit.size for digit in (*context, *digits)], dtype=np.int64)
    nats = mutual_information(np.ascontiguousarray(rows.T), sizes)
    told = nats[: len(context), len(context) :].sum(axis=1)
    return tuple(sorted(int(p) for p in np.argsort(-told, kind="stable")[:_WIDEST]))
