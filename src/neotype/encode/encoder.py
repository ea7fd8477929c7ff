"""What turns columns into digits and back, and the note of what was protected on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.errors import ModelFileError
from neotype.schema.condition import Condition

Codes = NDArray[np.uint8]
Masks = NDArray[np.uint64]
"""Sets of symbols: bit s of a set says whether a digit may be s."""
ALL = np.uint64(2**64 - 1)
"""The set of all symbols."""

SYMBOLS = 64
"""The most symbols that one digit may have."""


@dataclass(frozen=True)
class Lead:
    """How coarse the first digit of a column is: so many symbols, each of so many rows."""

    symbols: int = SYMBOLS
    least: int = 1


FINE = Lead()
"""As fine as the rows allow."""


@dataclass(frozen=True)
class Digit:
    """One small integer per row: `size` symbols, 0 .. size − 1, in order or not."""

    name: str
    size: int
    ordered: bool


@dataclass(frozen=True)
class Protection:
    """What of a column is not stored as it was: `cells` values became something safer."""

    column: str
    what: str
    cells: int
    note: str


def too_few(column: str, cells: int) -> Protection:
    """The note of a column of which nothing may be kept."""
    return Protection(
        column, "rare values", cells, "too few rows have a value: nothing of them is kept"
    )


def never_missing(series: pl.Series, missing: bool) -> list[str]:
    """The finding that a cell is missing where training had no missing one."""
    if missing or not series.null_count():
        return []
    return [f"'{series.name}' is missing in a row, and never was in training"]


def only(codes: NDArray[Any]) -> Masks:
    """For each code the set of nothing but it."""
    return np.uint64(1) << codes.astype(np.uint64)


def among(codes: NDArray[Any]) -> Masks:
    """For each digit (a line of `codes`) the set of the symbols that it has."""
    return np.asarray(np.bitwise_or.reduce(only(codes), axis=1), dtype=np.uint64)


def between(first: int, last: int) -> np.uint64:
    """The set of the symbols first .. last."""
    return np.uint64(sum(1 << symbol for symbol in range(max(first, 0), min(last, 63) + 1)))


@dataclass(frozen=True)
class State:
    """An encoder or a model at rest: JSON-ready facts and numpy arrays, nothing else."""

    facts: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    def fact(self, name: str) -> Any:
        """The fact of this name; ModelFileError when the file lacks it."""
        try:
            return self.facts[name]
        except KeyError:
            raise ModelFileError(f"the model file lacks '{name}': it is damaged.") from None

    def array(self, name: str) -> NDArray[Any]:
        """The array of this name; ModelFileError when the file lacks it."""
        try:
            return self.arrays[name]
        except KeyError:
            raise ModelFileError(f"the model file lacks array '{name}': it is damaged.") from None

    def within(self, prefix: str) -> State:
        """The part that was nested under `prefix`."""
        start = prefix + "/"
        arrays = {k[len(start) :]: v for k, v in self.arrays.items() if k.startswith(start)}
        return State(self.fact(prefix), arrays)

    @staticmethod
    def nest(facts: Mapping[str, Any], parts: Mapping[str, State]) -> State:
        """One state out of several, each under its own prefix."""
        arrays = {f"{p}/{k}": v for p, part in parts.items() for k, v in part.arrays.items()}
        return State({**facts, **{p: part.facts for p, part in parts.items()}}, arrays)


class Unlearnt:
    """What encoders share whose cells are made by the number of the row: only gaps are learnt."""

    name: str
    missing: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """Whether the cell is missing, where it may be."""
        return (Digit(self.name, 2, ordered=True),) if self.missing else ()

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""
        if not self.missing:
            return np.zeros((0, frame.height), dtype=np.uint8)
        return frame[self.name].is_null().to_numpy().astype(np.uint8)[None, :]


class Encoder(Protocol):
    """A fitted coding of one column (or of a pair) as digits.

    decode(encode(x)) returns x within the loss that the class states. What `encode` has not seen
    goes to the nearest cell, or to the symbol of rare values.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that it covers."""

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits that it writes; none for a column that is generated and not learnt."""

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What it does not store as it was."""

    @classmethod
    def learn(cls, name: str, column: Any, frame: pl.DataFrame, *, protect: int) -> Self:
        """Learn column `name` of `frame`; no value of fewer than `protect` rows is stored."""

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The columns again, in their storage dtypes; `first_row` is the first row's number."""

    def allowed(self, condition: Condition) -> Masks:
        """For each digit, the symbols of cells that meet the condition on one of the columns.

        It may allow too much (where digits depend on each other, or a symbol stands for cells that
        meet it and cells that do not), never too little.
        """

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """Why cells cannot be a condition: a sentence per unknown value; none if all can."""

    def describe(self) -> str:
        """In words: which statistics it holds."""

    def state(self) -> State:
        """At rest."""

    @classmethod
    def restore(cls, state: State, column: Any) -> Self:
        """The inverse of `state`."""
