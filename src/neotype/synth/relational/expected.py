"""Numbers that go on from the rows before: where each was to be expected, and how far off it is.

What a number was before, how high it runs with its owner and what else the row says are told to
trees in digits, which are too coarse where numbers move slowly: errors of single rows add up to
owners of no level of their own. Of a column that mostly follows from these in a line (of normal
scores, a line for each hour or weekday) it is the distance from there that trees draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import Codes, Digit, State
from neotype.encode.scale import Scale
from neotype.synth.relational.clock import Clock, Ticks
from neotype.synth.relational.scores import Scores

Values = NDArray[np.float64]
Positions = NDArray[np.int64]
_FOLLOWS = 0.35
"""Share of the variance that must follow."""
_ROWS, _DISTINCT = 200, 12
_PHASES = 32
_CALM, _CALMER = 2.0, 20.0
"""Rows that speak for no influence, and for none that differs by phase."""
_LEADING = 5
_WEEK, _DAY = 7, 24
_OWN = 3
"""Features that come first: a constant, the last value of the column, and its mean so far."""
_ALONE = 0.2
"""Of what a row says of itself, what is believed at most is all but this."""
_TINY = 1e-9
_LABELS = 8


@dataclass(frozen=True)
class Number:
    """A column of numbers: NaN where one is missing, their decimals, and its digits' places."""

    values: Values
    decimals: int | None
    places: tuple[int, ...]


@dataclass(frozen=True)
class Column:
    """One column: its scores, the weights of what is known, and the distances that occur.

    `first` are the weights where it was never known before; `leading` are the features of which
    each phase has weights of its own.
    """

    name: str
    places: tuple[int, ...]
    scores: Scores
    leading: tuple[int, ...]
    first: Values
    later: Values
    off: Scale
    missing: bool

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Whether there is a number, where some are missing, and how far it is off."""
        there = (Digit(f"{self.name} there", 2, ordered=True),) if self.missing else ()
        return (*there, *self.off.digits(f"{self.name} off"))

    def encode(self, off: Values, known: NDArray[np.bool_]) -> Codes:
        """The digits of distances."""
        codes = self.off.encode(off)
        codes[:, ~known] = 0
        return np.concatenate([known[None].astype(np.uint8), codes]) if self.missing else codes

    def decode(self, codes: Codes, rng: Generator) -> Values:
        """Distances, NaN where there is no number."""
        if not self.missing:
            return np.asarray(self.off.decode(codes, rng))
        return np.where(codes[0] > 0, self.off.decode(codes[1:], rng), np.nan)


@dataclass(frozen=True)
class Expected:
    """Columns that go on. `tables`: for each digit of owners that is looked at its scores."""

    columns: tuple[Column, ...]
    tables: tuple[Values, ...]
    """(symbols × features) of each digit."""
    phases: int

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(column.name for column in self.columns)

    @property
    def places(self) -> tuple[int, ...]:
        """The digits of all of them, of which none is drawn."""
        return tuple(place for column in self.columns for place in column.places)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """What is drawn in place of the columns' own digits."""
        return tuple(digit for column in self.columns for digit in column.digits)

    @classmethod
    def learn(
        cls,
        numbers: Mapping[str, Number],
        owner: Positions,
        ticks: Ticks,
        clock: Clock | None,
        context: Codes,
        digits: Sequence[Digit],
        protect: int,
    ) -> tuple[Self | None, Codes]:
        """Learn from rows in the order of owners and time, whose owners have digits `context`.

        Beside it the digits × rows of how far each number is off.
        """
        tables = tuple(_table(line, digit) for line, digit in zip(context, digits, strict=True))
        phases = _phases(clock)
        above, phase = _owners(tables, context)[owner], _phase(clock, ticks, phases)
        chosen = [name for name, one in numbers.items() if _worth(one.values)]
        scores = {n: Scores.learn(numbers[n].values, numbers[n].decimals, protect) for n in chosen}
        lines = {n: scores[n].of(numbers[n].values) for n in chosen}
        while chosen:
            z = np.stack([lines[name] for name in chosen])
            last, mean = _before(z, owner)
            now = np.where(np.isnan(z), last, z)
            columns, off, shares = [], [], []
            for place, name in enumerate(chosen):
                x = _features(above, last, mean, now, place)
                leading = _leading(x, z[place])
                wide = _wide(x, leading, phase, phases)
                first, later, rest = _weights(wide, z[place], np.isnan(last[place]), x.shape[1])
                known = ~np.isnan(z[place])
                scale = Scale.learn(rest[known], protect=protect)
                shares.append(1 - (rest[known] ** 2).mean() / max(z[place][known].var(), _TINY))
                assert scale is not None
                own = (name, numbers[name].places, scores[name], leading, first, later, scale)
                columns.append(Column(*own, missing=not known.all()))
                off.append(columns[-1].encode(rest, known))
            if min(shares) >= _FOLLOWS:
                return cls(tuple(columns), tables, phases), np.concatenate(off)
            # Others lean on it: without it they are looked at anew.
            del chosen[int(np.argmin(shares))]
        return None, np.zeros((0, len(owner)), dtype=np.uint8)

    def phase(self, clock: Clock | None, ticks: Ticks) -> Positions:
        """Which of the phases rows are in."""
        return _phase(clock, ticks, self.phases)

    def owners(self, context: Codes) -> Values:
        """Owners as features, by their digits × owners."""
        return _owners(self.tables, context)

    def state(self) -> State:
        """At rest."""
        columns = [[c.name, c.places, c.leading, c.missing] for c in self.columns]
        facts = {"phases": self.phases, "tables": len(self.tables), "columns": columns}
        parts: dict[str, Any] = {}
        arrays = {f"table {k}": table for k, table in enumerate(self.tables)}
        for k, column in enumerate(self.columns):
            parts[f"scores {k}"], parts[f"off {k}"] = column.scores.state(), column.off.state()
            arrays |= {f"first {k}": column.first, f"later {k}": column.later}
        whole = State.nest(facts, parts)
        return State(whole.facts, {**whole.arrays, **arrays})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        columns = tuple(
            Column(
                name,
                tuple(places),
                Scores.restore(state.within(f"scores {k}")),
                tuple(leading),
                state.array(f"first {k}"),
                state.array(f"later {k}"),
                Scale.restore(state.within(f"off {k}")),
                missing,
            )
            for k, (name, places, leading, missing) in enumerate(state.fact("columns"))
        )
        tables = tuple(state.array(f"table {k}") for k in range(state.fact("tables")))
        return cls(columns, tables, state.fact("phases"))


class Going:
    """How the numbers of some owners went so far: `last` known scores, and their means."""

    def __init__(self, expected: Expected, context: Codes) -> None:
        owners, many = context.shape[1], len(expected.columns)
        self.expected, self.above = expected, expected.owners(context)
        self.last = np.full((many, owners), np.nan)
        self.total, self.count = np.zeros((many, owners)), np.zeros((many, owners))

    def next(
        self, a: Positions, off: Codes, phase: Positions, rng: Generator
    ) -> tuple[Values, Values]:
        """The scores and the values of next rows of the owners `a`, which are so far off."""
        expected, start = self.expected, 0
        last = self.last[:, a]
        mean = np.where(self.count[:, a] > 0, self.total[:, a] / np.maximum(self.count[:, a], 1), 0)
        z, values, now = np.full_like(last, np.nan), np.full_like(last, np.nan), last.copy()
        for place, column in enumerate(expected.columns):
            width = len(column.digits)
            codes, start = off[start : start + width], start + width
            x = _features(self.above[a], last, mean, now, place)
            wide = _wide(x, column.leading, phase, expected.phases)
            beta = np.where(np.isnan(last[place])[:, None], column.first, column.later)
            rest = column.decode(codes, rng)
            values[place] = column.scores.values((wide * beta).sum(axis=1) + rest)
            z[place] = column.scores.of(values[place])
            now[place] = np.where(np.isnan(rest), last[place], z[place])
        return z, values

    def add(self, a: Positions, scores: Values) -> None:
        """The next row of each has come."""
        known = ~np.isnan(scores)
        self.last[:, a] = np.where(known, scores, self.last[:, a])
        self.total[:, a] += np.where(known, scores, 0)
        self.count[:, a] += known

    def scores(self, values: Values) -> Values:
        """Columns × rows of values as scores."""
        columns = self.expected.columns
        return np.stack([c.scores.of(v) for c, v in zip(columns, values, strict=True)])


def _worth(values: Values) -> bool:
    known = values[~np.isnan(values)]
    return len(known) >= _ROWS and len(np.unique(known)) >= _DISTINCT


def _table(codes: NDArray[np.uint8], digit: Digit) -> Values:
    """What each symbol of an owner's digit is as features: its score, or which of few labels."""
    share = np.bincount(codes, minlength=digit.size)[: digit.size] / max(len(codes), 1)
    if digit.ordered or digit.size == 2:
        middle = np.cumsum(share) - share / 2
        centred = middle - (share * middle).sum()
        spread = np.sqrt((share * centred**2).sum())
        return np.asarray((centred / max(spread, 1e-9))[:, None])
    often = np.argsort(-share, kind="stable")[: min(_LABELS, digit.size)]
    return np.eye(digit.size)[:, often] - share[often]


def _owners(tables: Sequence[Values], context: Codes) -> Values:
    parts = [
        table[np.minimum(line, len(table) - 1)] for table, line in zip(tables, context, strict=True)
    ]
    return np.concatenate([np.zeros((context.shape[1], 0)), *parts], axis=1)


def _phases(clock: Clock | None) -> int:
    if clock is None:
        return 1
    if clock.per_day:
        return _DAY if clock.per_day > 1 else _WEEK
    steps = clock.last - clock.first + 1
    return steps if steps <= _PHASES else 1


def _phase(clock: Clock | None, ticks: Ticks, phases: int) -> Positions:
    if clock is None or phases == 1:
        return np.zeros(len(ticks), dtype=np.int64)
    if clock.per_day:
        parts = clock.calendar(ticks)
        return np.asarray(parts[-1] if clock.per_day > 1 else parts[2], dtype=np.int64)
    return np.clip(ticks - clock.first, 0, phases - 1)


def _before(z: Values, owner: Positions) -> tuple[Values, Values]:
    """For each row what each column was last known to be, and its mean so far."""
    frame = pl.DataFrame(list(z), schema=[str(k) for k in range(len(z))]).fill_nan(None)
    frame = frame.with_columns(pl.Series("owner", owner))
    last = frame.select(pl.all().exclude("owner").shift(1).forward_fill().over("owner"))
    known = pl.all().exclude("owner")
    total = frame.select(known.fill_null(0).cum_sum().shift(1, fill_value=0).over("owner"))
    count = frame.select(
        known.is_not_null().cast(pl.Float64).cum_sum().shift(1, fill_value=0).over("owner")
    )
    mean = total.to_numpy().T / np.maximum(count.to_numpy().T, 1)
    return last.cast(pl.Float64).fill_null(np.nan).to_numpy().T, mean


def _features(above: Values, last: Values, mean: Values, now: Values, place: int) -> Values:
    """Rows × what is known of them before the column at `place`; the own value before is first."""
    parts = [np.ones(last.shape[1]), last[place], mean[place]]
    parts += [line for k, line in enumerate(last) if k != place]
    parts += list(now[:place])
    return np.column_stack([np.nan_to_num(np.stack(parts).T), above])


def _leading(x: Values, z: Values) -> tuple[int, ...]:
    """The features that say most by themselves, beside the constant, the last value and mean."""
    known = ~np.isnan(z)
    x, z = x[known], z[known]
    spread = np.maximum(x.std(axis=0), _TINY)
    told = np.abs(((x - x.mean(axis=0)) * (z - z.mean())[:, None]).mean(axis=0)) / spread
    told[:_OWN] = 0
    order = np.argsort(-told, kind="stable")[:_LEADING]
    return (*range(_OWN), *sorted(int(k) for k in order if told[k] > 0))


def _wide(x: Values, leading: Sequence[int], phase: Positions, phases: int) -> Values:
    """Features, and after them the leading ones once for each phase."""
    if phases == 1:
        return x
    rows = np.arange(len(x))
    more = np.zeros((len(x), phases, len(leading)))
    more[rows, phase] = x[:, list(leading)]
    return np.concatenate([x, more.reshape(len(x), -1)], axis=1)


def _weights(
    x: Values, z: Values, new: NDArray[np.bool_], plain: int
) -> tuple[Values, Values, Values]:
    """The weights of rows whose number is `new` and of others, and how far each row is off.

    The first `plain` features are those of all phases.
    """
    off, known = np.zeros(len(z)), ~np.isnan(z)
    found = []
    for part in (known & new, known & ~new):
        weights, off[part] = _ridge(x[part], z[part], plain)
        found.append(weights)
    return found[0], found[1], off


def _ridge(x: Values, z: Values, plain: int) -> tuple[Values, Values]:
    """Weights, and how far each row is off where the others alone say what is expected."""
    calm = np.full(x.shape[1], _CALMER)
    calm[:plain] = _CALM
    calm[0] = _TINY
    inverse = np.linalg.inv(x.T @ x + np.diag(calm))
    weights = inverse @ (x.T @ z)
    lever = ((x @ inverse) * x).sum(axis=1)
    return weights, (z - x @ weights) / np.maximum(1 - lever, _ALONE)
