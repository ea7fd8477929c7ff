"""Free text: plausible in its words and its length, and in nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import (
    Codes,
    Digit,
    Masks,
    Protection,
    State,
    among,
    never_missing,
    too_few,
)
from neotype.encode.phrases import Phrases
from neotype.encode.scale import Scale
from neotype.errors import FitError
from neotype.schema.condition import Condition
from neotype.schema.schema import Text
from neotype.schema.storage import storage_dtype

_LENGTHS = 16
_LONGEST = 5_000
_CHARACTERS = 20_000_000
"""Texts are read up to about so many characters; of more, every k-th text."""


@dataclass(frozen=True)
class TextEncoder:
    """One digit for the length of a text in words, so that length goes with the other columns.

    Loss: everything but the words and the length. A decoded text is written by a chain of words in
    which any three neighbours stand in at least `protect` training texts (or are separately that
    common), so it reads well for a few words, means nothing as a whole and quotes nobody. Words of
    fewer texts become another word of the same case and length, which many texts share or which is
    made up of pairs of letters that many share, and numbers random digits. A text has at most
    5,000 words.
    """

    name: str
    column: Text
    phrases: Phrases
    lengths: Scale | None
    missing: bool
    rare: int
    hidden: int = 0
    """How many texts are too few to keep anything of."""

    @classmethod
    def learn(cls, name: str, column: Text, frame: pl.DataFrame, *, protect: int) -> Self:
        """Learn the words that `protect` texts share, and the lengths."""
        series = _texts(name, frame[name])
        present = series.drop_nulls()
        protect = 1 if column.public else protect
        size = int(present.str.len_bytes().sum())
        read = present.gather_every(size // _CHARACTERS + 1)
        phrases, counts, rare = Phrases.learn(read, protect)
        capped = np.minimum(counts.to_numpy(), _LONGEST).astype(np.int64)
        lengths = Scale.learn(capped, protect=protect, symbols=_LENGTHS - 1)
        missing = column.nullable or series.null_count() > 0
        hidden = 0 if lengths else len(present)
        return cls(name, column, phrases, lengths, missing, rare, hidden)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The length in words, or missing."""
        size = self.missing + (self.lengths.groups if self.lengths else 0)
        return (Digit(self.name, size, ordered=True),) if size > 1 else ()

    @property
    def protections(self) -> tuple[Protection, ...]:
        """The words that were too rare, or all texts where they are few."""
        if self.hidden:
            return (too_few(self.name, self.hidden),)
        note = "words of few texts became common or new words or random digits; no text is kept"
        return (Protection(self.name, "rare words", self.rare, note),) if self.rare else ()

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""
        series = _texts(self.name, frame[self.name])
        codes = np.zeros((len(self.digits), len(series)), dtype=np.uint8)
        if not len(codes):
            return codes
        groups = 0
        if self.lengths is not None:
            counts = Phrases.lengths(series.fill_null("")).to_numpy().astype(np.int64)
            codes[0] = self.lengths.encode(counts)[0]
            groups = self.lengths.groups
        if self.missing:
            codes[0, series.is_null().to_numpy()] = groups
        return codes

    def allowed(self, condition: Condition) -> Masks:
        """The lengths of the texts that it names."""
        dtype = storage_dtype(self.column.storage)
        named = pl.Series(self.name, list(condition.values or ()), dtype=dtype)
        return among(self.encode(named.to_frame()))

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """New texts of these lengths, in the column's storage dtype."""
        rows = codes.shape[1]
        symbol = codes[0] if len(codes) else np.zeros(rows, dtype=np.uint8)
        dtype = storage_dtype(self.column.storage)
        if self.lengths is None:
            return [pl.Series(self.name, [None] * rows, dtype=dtype)]
        absent = symbol >= self.lengths.groups
        counts = np.where(absent, 0, self._lengths(symbol, rng))
        series = self.phrases.write(counts, rng)
        if absent.any():
            series = series.zip_with(pl.Series(~absent), pl.Series([None], dtype=pl.String))
        return [series.cast(dtype).alias(self.name)]

    def _lengths(self, symbol: NDArray[np.uint8], rng: Generator) -> NDArray[np.int64]:
        """A number of words of each symbol; which cell of its group is drawn by mass."""
        scale = self.lengths
        assert scale is not None
        mass = np.add.reduceat(scale.mass, scale.piece[:-1])
        ends = np.concatenate([[0], np.cumsum(mass)])
        group = np.minimum(symbol, scale.groups - 1).astype(np.int64)
        first, last = scale.group[group], scale.group[group + 1]
        position = ends[first] + rng.random(len(group)) * (ends[last] - ends[first])
        cell = np.clip(np.searchsorted(ends, position, side="right") - 1, first, last - 1)
        codes = np.stack([group, cell - first]).astype(np.uint8)
        return np.asarray(scale.decode(codes, rng), dtype=np.int64)

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """A given text counts by its length; missing must have been seen in training."""
        return never_missing(frame[self.name], self.missing)

    def describe(self) -> str:
        """How many words and neighbours it holds."""
        pairs, triples = len(self.phrases.double.next), len(self.phrases.triple.next)
        words = len(self.phrases.vocabulary)
        return (
            f"'{self.name}': {words:,} words that many texts share, {pairs:,} pairs and "
            f"{triples:,} triples of neighbours; no text"
        )

    def state(self) -> State:
        """At rest."""
        names = ("name", "missing", "rare", "hidden")
        facts: dict[str, Any] = {name: getattr(self, name) for name in names}
        parts = {"phrases": self.phrases.state()}
        if self.lengths is not None:
            parts["lengths"] = self.lengths.state()
        return State.nest(facts, parts)

    @classmethod
    def restore(cls, state: State, column: Text) -> Self:
        """The inverse of `state`."""
        lengths = Scale.restore(state.within("lengths")) if "lengths" in state.facts else None
        phrases = Phrases.restore(state.within("phrases"))
        rest = (state.fact(name) for name in ("missing", "rare", "hidden"))
        return cls(state.fact("name"), column, phrases, lengths, *rest)


def _texts(name: str, series: pl.Series) -> pl.Series:
    if series.dtype not in (pl.String, pl.Categorical):
        raise FitError(
            f"column '{name}' of {series.dtype} holds no free text.",
            mend="make it categorical in the schema, or cast it to text",
        )
    return series.cast(pl.String)
