"""Identifiers: generated anew in the column's own form, never learnt.

The identifier of row i depends on the model and on i alone, so that any block of rows can be made
first, and no two rows share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import ALL, Codes, Masks, Protection, State, Unlearnt
from neotype.encode.family import Family, declared, freshened, learnt
from neotype.errors import FitError, SamplingError
from neotype.permutation import LARGEST, Numbers, Permutation
from neotype.schema.condition import Condition
from neotype.schema.schema import Identifier
from neotype.schema.storage import storage_dtype

_CYCLE = 4096


@dataclass(frozen=True)
class IdentifierEncoder(Unlearnt):
    """No digits (but one for missing cells): identifiers are made from the number of the row.

    Loss: all but the form. A generated identifier is not one of the training data as long as no
    more than `fresh` rows are drawn. The exception is a dense counter (1, 2, 3 …): it counts again
    from its round start and so repeats numbers, which say nothing but how many rows came before.
    A column of several rows per identifier keeps how many rows an identifier has, in consecutive
    rows.
    """

    name: str
    column: Identifier
    families: tuple[Family, ...]
    runs: NDArray[np.int64]
    """How many rows the 1st, 2nd, … identifier of each cycle has; empty where each has one."""
    missing: bool
    rows: int
    """How many training cells were replaced."""

    @classmethod
    def learn(cls, name: str, column: Identifier, frame: pl.DataFrame, *, protect: int) -> Self:
        """Learn the form of the identifiers, and how many rows one has."""
        series = frame[name]
        dtype = storage_dtype(column.storage)
        if isinstance(dtype, pl.Enum | pl.Boolean | pl.Object) or dtype.is_nested():
            raise FitError(
                f"column '{name}' of {column.storage} cannot hold new identifiers.",
                mend="make it categorical in the schema, or cast it to text",
            )
        texts = _as_text(series).drop_nulls()
        counts = texts.value_counts(name="#rows")
        distinct = counts[texts.name].sort()
        families = (
            declared(column.pattern, distinct)
            if column.pattern
            else learnt(distinct, dtype, protect)
        )
        families = tuple(freshened(f, distinct, f"{name}/{i}") for i, f in enumerate(families))
        runs = np.zeros(0, dtype=np.int64)
        if not column.unique and len(distinct) < len(texts):
            runs = _runs(counts["#rows"].to_numpy().astype(np.int64), protect)
        missing = column.nullable or series.null_count() > 0
        return cls(name, column, families, runs, missing, len(texts))

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Every identifier."""
        if not self.rows:
            return ()
        note = "identifiers are made anew in the same form"
        return (Protection(self.name, "identifiers", self.rows, note),)

    def allowed(self, condition: Condition) -> Masks:
        """Whether a missing cell meets it; of an identifier nothing can be known before."""
        masks = np.full(len(self.digits), ALL)
        if condition.values is not None:
            masks[:] = 2 * (None in condition.values) + any(v is not None for v in condition.values)
        return masks

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The identifiers of rows `first_row` on. SamplingError when there are not so many."""
        rows = np.arange(first_row, first_row + codes.shape[1], dtype=np.uint64)
        series = self._issued(self._owner(rows))
        if self.missing:
            series = series.set(pl.Series(codes[0] > 0), None)
        return [_in_storage(series, storage_dtype(self.column.storage)).alias(self.name)]

    def owners(self, first_row: int, rows: int) -> Numbers:
        """The number of the entity to which each of these rows belongs."""
        return self._owner(np.arange(first_row, first_row + rows, dtype=np.uint64))

    def _owner(self, rows: Numbers) -> Numbers:
        """The number of the entity to which each row belongs."""
        if not len(self.runs):
            return rows
        ends = np.cumsum(self.runs)
        cycle, place = np.divmod(rows, np.uint64(ends[-1]))
        within = np.searchsorted(ends, place.astype(np.int64), side="right")
        return cycle * np.uint64(len(ends)) + within.astype(np.uint64)

    def _issued(self, owners: Numbers) -> pl.Series:
        """The identifiers of these entities."""
        last = int(owners.max(initial=0))
        if last >= self._schedule[-1].start:
            raise SamplingError(
                f"column '{self.name}' has only {self._schedule[-1].start:,} identifiers "
                f"of its form, and more than {last:,} are needed.",
                mend="draw fewer rows, or give the column a longer pattern in the schema",
            )
        starts = np.array([phase.start for phase in self._schedule[1:]], dtype=np.uint64)
        phases = np.searchsorted(starts, owners, side="right")
        chosen = np.zeros(len(owners), dtype=np.int64)
        number = np.zeros(len(owners), dtype=np.uint64)
        for index in np.unique(phases):
            here = phases == index
            chosen[here], number[here] = self._schedule[index].assign(owners[here])
        parts, places = [], []
        for index in np.unique(chosen):
            here = np.flatnonzero(chosen == index)
            parts.append(self._render(int(index), number[here]))
            places.append(here)
        if not parts:
            return pl.Series([], dtype=pl.String)
        if len(parts) == 1:
            return parts[0]
        if any(part.dtype != parts[0].dtype for part in parts):
            parts = [part.cast(pl.String) for part in parts]
        order = np.argsort(np.concatenate(places))
        return pl.concat(parts).gather(order)

    def _render(self, index: int, number: Numbers) -> pl.Series:
        family = self.families[index]
        number = number + np.uint64(family.start)
        if family.scattered:
            number = Permutation(family.form.capacity, f"{self.name}/{index}").apply(
                number % np.uint64(family.form.capacity)
            )
        return family.form.render(number)

    @cached_property
    def _schedule(self) -> tuple[_Phase, ...]:
        """In which rows which families take turns; the last phase is the end of all."""
        used = [0] * len(self.families)
        alive = list(range(len(self.families)))
        phases, start = [], 0
        while alive and start < LARGEST:
            turns = [i for i in alive if self.families[i].share] or alive[:1]
            shares = [self.families[i].share if len(turns) > 1 else 1 for i in turns]
            rooms = [self.families[i].room - used[i] for i in turns]
            cycles = min(room // share for room, share in zip(rooms, shares, strict=True))
            if cycles:
                phases.append(_Phase.of(start, turns, shares, [used[i] for i in turns]))
                start += cycles * sum(shares)
            for i, share, room in zip(turns, shares, rooms, strict=True):
                used[i] += cycles * share
                if room - cycles * share < share:
                    alive.remove(i)
        return (*phases, _Phase.of(min(start, 2**63), [0], [1], [0]))

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """An identifier carries no meaning, so it can be no condition."""
        series = frame[self.name]
        if series.null_count() == len(series) and self.missing:
            return []
        return [
            f"'{self.name}' is an identifier, which is made anew and cannot be given; leave it out"
        ]

    def describe(self) -> str:
        """The forms, and whether rows share an identifier."""
        forms = ", ".join(family.describe() for family in self.families if family.share)
        rows = f"; {len(set(self.runs.tolist()))} sizes of groups of rows" if len(self.runs) else ""
        return f"'{self.name}': no identifier; only their form ({forms}){rows}"

    def state(self) -> State:
        """At rest."""
        families = [family.state() for family in self.families]
        facts = {
            "name": self.name,
            "families": families,
            "missing": self.missing,
            "rows": self.rows,
        }
        return State(facts, {"runs": self.runs})

    @classmethod
    def restore(cls, state: State, column: Identifier) -> Self:
        """The inverse of `state`."""
        families = tuple(Family.restore(facts) for facts in state.fact("families"))
        rest = (state.fact("missing"), state.fact("rows"))
        return cls(state.fact("name"), column, families, state.array("runs"), *rest)


@dataclass(frozen=True)
class _Phase:
    """From entity `start` on, families take turns in a fixed cycle."""

    start: int
    turn: NDArray[np.int64]
    """Cycle: the family of each place."""
    rank: NDArray[np.uint64]
    """Cycle: which of that family's turns in the cycle it is."""
    share: NDArray[np.uint64]
    """Cycle: how many turns that family has in a cycle."""
    used: NDArray[np.uint64]
    """Cycle: how many identifiers that family gave before this phase."""

    @classmethod
    def of(cls, start: int, alive: list[int], shares: list[int], used: list[int]) -> Self:
        """Spread each family's turns evenly over the cycle."""
        places = [(rank + 0.5) / share for share in shares for rank in range(share)]
        order = np.argsort(places, kind="stable")
        turn = np.repeat(alive, shares)[order]
        rank = np.concatenate([np.arange(share) for share in shares])[order]
        return cls(
            start,
            turn,
            rank.astype(np.uint64),
            np.repeat(shares, shares)[order].astype(np.uint64),
            np.repeat(np.array(used, dtype=np.uint64), shares)[order],
        )

    def assign(self, owners: Numbers) -> tuple[NDArray[np.int64], Numbers]:
        """Family, and number within the family, of each entity."""
        cycle, place = np.divmod(owners - np.uint64(self.start), np.uint64(len(self.turn)))
        place = place.astype(np.int64)
        number = self.used[place] + cycle * self.share[place] + self.rank[place]
        return self.turn[place], number.astype(np.uint64)


def _runs(rows: NDArray[np.int64], protect: int) -> NDArray[np.int64]:
    """A cycle of group sizes in the shares of the data, in a scattered order.

    Sizes that fewer than `protect` identifiers have are merged with the next smaller ones, and
    the smallest with the next larger.
    """
    sizes, counts = np.unique(rows, return_counts=True)
    merged: list[tuple[int, int]] = []
    weight = total = 0
    for size, count in zip(sizes[::-1].tolist(), counts[::-1].tolist(), strict=True):
        weight, total = weight + count, total + size * count
        if weight >= protect:
            merged.append((max(1, round(total / weight)), weight))
            weight = total = 0
    if weight and merged:
        size, count = merged.pop()
        weight, total = weight + count, total + size * count
    if weight:
        merged.append((max(1, round(total / weight)), weight))
    length = min(_CYCLE, len(rows))
    cumulative = np.cumsum([count for _, count in merged]) / len(rows)
    index = np.searchsorted(cumulative, (np.arange(length) + 0.5) / length)
    runs = np.array([size for size, _ in merged])[np.minimum(index, len(merged) - 1)]
    order = Permutation(length, "runs").apply(np.arange(length, dtype=np.uint64))
    return runs[order.astype(np.int64)].astype(np.int64)


def _as_text(series: pl.Series) -> pl.Series:
    dtype = series.dtype
    if dtype == pl.Binary:
        return series.bin.encode("hex")
    if dtype.is_temporal():
        return series.to_physical().cast(pl.String)
    if dtype.is_float() or isinstance(dtype, pl.Decimal):
        return series.cast(pl.Float64).round().cast(pl.Int128, strict=False).cast(pl.String)
    return series.cast(pl.String)


def _in_storage(series: pl.Series, dtype: pl.DataType) -> pl.Series:
    if isinstance(dtype, pl.Binary):
        text = series.cast(pl.String)
        odd = text.str.len_bytes() % 2 == 1
        return text.zip_with(~odd, pl.Series("0" + text)).str.decode("hex")
    if dtype.is_temporal() and series.dtype == pl.String:
        series = series.cast(pl.Int64)
    if isinstance(dtype, pl.Date):
        series = series.cast(pl.Int32)
    if isinstance(dtype, pl.Categorical):
        series = series.cast(pl.String)
    if dtype.is_float() or isinstance(dtype, pl.Decimal):
        series = (
            series.cast(pl.Int128).cast(pl.Float64) if dtype.is_float() else series.cast(pl.Int128)
        )
    return series.cast(dtype)
