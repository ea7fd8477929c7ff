"""Words that nobody wrote: letters follow each other as in many texts, up to a given length."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.succession import Succession

_READ = 100_000
"""Words that letters are learnt from."""
_VOWELS, _OTHERS = "aeiou", "lmnrst"


def letters_of(words: pl.Series, texts: NDArray[np.int64], protect: int) -> Succession:
    """Which letter follows which, of pairs that at least `protect` texts have."""
    step = len(words) // _READ + 1
    frame = pl.DataFrame({"text": texts, "word": words.str.to_lowercase()}).gather_every(step)
    frame = frame.filter(pl.col("word").str.contains(r"^[\p{L}]+$"))
    frame = frame.with_columns(letter=pl.col("word").str.split("")).with_row_index("row")
    frame = frame.explode("letter").drop_nulls("letter")
    codes = np.array([ord(letter[0]) for letter in frame["letter"].to_list()], dtype=np.int64)
    row = frame["row"].to_numpy()
    first = np.append(True, row[1:] != row[:-1])[: len(row)]
    before = np.where(first, 0, np.roll(codes, 1)) if len(codes) else codes
    return Succession.of(before, codes, frame["text"].to_numpy(), protect)


def invented(lengths: NDArray[np.int64], letters: Succession, rng: Generator) -> list[str]:
    """Words of so many letters, in lower case."""
    count, longest = len(lengths), int(lengths.max(initial=0))
    made = np.zeros((count, longest), dtype=np.int64)
    vowels, others = (np.array([ord(c) for c in own]) for own in (_VOWELS, _OTHERS))
    for place in range(longest):
        before = made[:, place - 1] if place else np.zeros(count, dtype=np.int64)
        letter = letters.draw(before, rng)
        # Where nothing is known of what follows, vowels and consonants take turns.
        bare = np.flatnonzero(letter < 0)
        turn = np.isin(before[bare], vowels)
        drawn = np.where(turn, rng.choice(others, len(bare)), rng.choice(vowels, len(bare)))
        letter[bare] = drawn
        made[:, place] = letter
    return ["".join(map(chr, row[:n])) for row, n in zip(made.tolist(), lengths, strict=True)]
