"""A back-off Markov chain over words that several texts share.

Only runs of one, two and three tokens that at least `protect` different texts contain are counted;
what was left out is one number for each context, spent by backing off to a shorter context
(Katz, Estimation of Probabilities from Sparse Data, 1987).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.encode.encoder import State
from neotype.encode.invented import invented, letters_of
from neotype.encode.succession import Succession

Ids = NDArray[np.int64]

_TOKEN = (
    r"[ \t]*(?:[\p{Hiragana}\p{Katakana}\p{Han}\p{Hangul}\p{Thai}]|\p{N}+|[\p{L}\p{M}_'’]+)"
    r"|[ \t]*[^\s\p{L}\p{N}_]|\s*\n\s*"
)
_VOCABULARY = 20_000
_ENOUGH = 12
"""Shared words of a case and length from which on one of them stands for a rare word."""
_ENDINGS = r"^\s*[^\s\p{L}\p{N}\x00]$"
_SHORT = 5
"""Texts of so few tokens, such as "n/a", are counted by rows; longer ones once, however often."""
_MADE = 2_000
"""New words of one case and length that are made at once; more come again."""
_TABLES = ("single", "double", "triple", "ending", "letters")
START = 0
SILENT = -1


@dataclass(frozen=True)
class Phrases:
    """The vocabulary and the three tables of the chain.

    A token carries the spaces before it. A token that begins with "\\0" is a shape: "\\0d3" is any
    number of three digits, "\\0l5", "\\0T5" and "\\0U5" any word of five letters in lower, Title or
    UPPER case; without a number, one of a length that hardly any has.
    """

    vocabulary: tuple[str, ...]
    single: Succession
    double: Succession
    triple: Succession
    ending: Succession
    """Which punctuation a text ends with; backs off where it ends with none."""
    letters: Succession
    """Which letter follows which in rare words."""

    @classmethod
    def learn(cls, texts: pl.Series, protect: int) -> tuple[Self, pl.Series, int]:
        """The chain, the number of tokens of each text, and how many rare tokens were left out."""
        tokens = texts.str.extract_all(_TOKEN)
        lengths = tokens.list.len()
        flat = (
            pl.DataFrame({"row": np.arange(len(texts)), "text": _owners(texts, lengths)})
            .with_columns(token=tokens)
            .filter(pl.col("token").list.len() > 0)
            .explode("token")
        )
        flat = flat.with_columns(token=_plain(flat["token"]))
        common = _common(flat, protect)
        rare, words = ~flat["token"].is_in(common.implode()), flat["token"].str.strip_chars()
        letters = letters_of(words.filter(rare), flat["text"].filter(rare).to_numpy(), protect)
        shape = _shape(flat["token"])
        often = _common(flat.with_columns(token=shape).filter(rare & shape.is_not_null()), protect)
        lengthless = shape.str.replace(r"(\x00[lTU])\d+$", "$1")
        shape = shape.zip_with(shape.is_in(often.implode()), lengthless)
        shaped = shape.zip_with(rare, flat["token"])
        flat = flat.with_columns(token=shaped).drop_nulls()
        kept = _common(flat, protect).head(_VOCABULARY).sort()
        number = dict(zip(kept.to_list(), range(1, len(kept) + 1), strict=True))
        flat = flat.with_columns(
            pl.col("token").replace_strict(number, default=None, return_dtype=pl.Int64)
        ).drop_nulls()
        token, text, row = (flat[name].to_numpy() for name in ("token", "text", "row"))
        size = len(kept) + 1
        before, earlier = _shifted(token, row, 1), _shifted(token, row, 2)
        tables = (
            Succession.of(np.zeros_like(token), token, text, protect),
            Succession.of(before, token, text, protect),
            Succession.of(earlier * size + before, token, text, protect),
            _endings(token, text, row, kept, protect),
            letters,
        )
        return cls(tuple(kept.to_list()), *tables), lengths, int(rare.sum())

    @staticmethod
    def lengths(texts: pl.Series) -> pl.Series:
        """The number of tokens of each text."""
        return texts.str.count_matches(_TOKEN)

    def write(self, lengths: Ids, rng: Generator) -> pl.Series:
        """One text of so many tokens for each of `lengths`."""
        rows = len(lengths)
        size = len(self.vocabulary) + 1
        earlier = np.zeros(rows, dtype=np.int64)
        before = np.zeros(rows, dtype=np.int64)
        row_parts, token_parts = [], []
        alive = np.flatnonzero(lengths > 0)
        marks = _marks(pl.Series(self.vocabulary, dtype=pl.String))
        for step in range(int(lengths.max(initial=0))):
            alive = alive[lengths[alive] > step]
            token = self.triple.draw(earlier[alive] * size + before[alive], rng)
            for table, key in ((self.double, before[alive]), (self.single, alive * 0)):
                back = np.flatnonzero(token < 0)
                token[back] = table.draw(key[back], rng)
            token[token < 0] = START
            last = np.flatnonzero((lengths[alive] == step + 1) & (step > 0))
            mark = self.ending.draw(np.zeros_like(last), rng)
            token[last[mark >= 0]] = mark[mark >= 0]
            twice = last[marks[token[last]] & marks[before[alive[last]]]]
            token[twice] = SILENT
            earlier[alive], before[alive] = before[alive], token
            row_parts.append(alive[token != SILENT])
            token_parts.append(token[token != SILENT])
        if not row_parts:
            return pl.Series([""] * rows, dtype=pl.String)
        row, token = np.concatenate(row_parts), np.concatenate(token_parts)
        words = self._words(token, rng)
        joined = (
            pl.DataFrame({"row": row, "word": words})
            .sort("row", maintain_order=True)
            .with_columns(word=_parted())
            .group_by("row", maintain_order=True)
            .agg(pl.col("word").str.join(""))
        )
        written = np.full(rows, "", dtype=object)
        written[joined["row"].to_numpy()] = joined["word"].str.strip_chars().to_numpy()
        return pl.Series(written.tolist(), dtype=pl.String)

    def _words(self, token: Ids, rng: Generator) -> pl.Series:
        """The text of each token; shapes are filled in."""
        table = pl.Series(["", *self.vocabulary], dtype=pl.String)
        words = table.gather(token)
        shaped = np.flatnonzero(words.str.contains("\0", literal=True).to_numpy() | (token == 0))
        if not len(shaped):
            return words
        filled = words.to_numpy().astype(object)
        for shape in sorted(set(filled[shaped])):
            here = shaped[filled[shaped] == shape]
            filled[here] = self._fill(shape, len(here), rng)
        return pl.Series(filled.tolist(), dtype=pl.String)

    def _fill(self, shape: str, count: int, rng: Generator) -> list[str]:
        """Random digits of this length, or words of this case and length: shared ones, or new."""
        space, _, kind = shape.partition("\0")
        if kind.startswith("d"):
            digits = rng.integers(0, 10, (count, int(kind[1:]))).astype("U1")
            return [space + "".join(row) for row in digits]
        case, length = kind[:1] or "l", kind[1:]
        plain = [w.strip() for w in self.vocabulary if "\0" not in w and _case(w.strip()) == case]
        alike = [w for w in plain if str(len(w)) == length]
        space = space if shape else " "
        if len(alike) >= _ENOUGH:
            return [space + alike[i] for i in rng.integers(0, len(alike), count)]
        if length:
            lengths = np.full(count, int(length))
        else:
            known = [word.partition("\0")[2] for word in self.vocabulary]
            longest = max((int(w[1:] or 0) for w in known if w[:1] == case), default=3)
            lengths = longest + rng.integers(1, 4, count)
        words = invented(lengths[:_MADE], self.letters, rng)
        cased = {"U": str.upper, "T": str.title}.get(case, str.lower)
        made = [space + cased(word) for word in words]
        return made + [made[i] for i in rng.integers(0, _MADE, count - len(made))]

    def state(self) -> State:
        """At rest."""
        tables = {n: getattr(self, n).state() for n in _TABLES}
        return State.nest({"vocabulary": list(self.vocabulary)}, tables)

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        tables = (Succession.restore(state.within(n)) for n in _TABLES)
        return cls(tuple(state.fact("vocabulary")), *tables)


def _parted() -> pl.Expr:
    """Words with a space where one would grow together with the word before it."""
    before = pl.col("word").shift(1).over("row").str.contains(r"\p{L}$")
    grown = before.fill_null(False) & pl.col("word").str.contains(r"^\p{L}{2}")
    return pl.when(grown).then(" " + pl.col("word")).otherwise(pl.col("word"))


def _plain(token: pl.Series) -> pl.Series:
    """One kind of space: a blank, or a line break with the blank lines after it."""
    broken = token.str.replace(r"^\s*\n\s*\n\s*$", "\n\n").str.replace(
        r"^[^\S\n]*\n[^\S\n]*$", "\n"
    )
    return broken.str.replace(r"^[ \t]+", " ").str.replace_all("\0", "")


def _common(flat: pl.DataFrame, protect: int) -> pl.Series:
    """The tokens that at least `protect` texts contain, those of most texts first."""
    return (
        flat.group_by("token")
        .agg(pl.col("text").n_unique().alias("texts"))
        .filter(pl.col("texts") >= protect)
        .sort("texts", "token", descending=[True, False])["token"]
    )


def _shape(token: pl.Series) -> pl.Series:
    """What a rare token is replaced by: a number of so many digits, or a word of this case."""
    space = token.str.extract("^( ?)").fill_null("")
    word = token.str.strip_chars()
    length = word.str.len_chars().clip(0, 32).cast(pl.String)
    case = (
        pl.when(word.str.contains(r"^\p{N}+$"))
        .then("d" + length)
        .when(word.str.contains(r"^\p{Lu}[\p{Lu}\p{M}'’_]+$"))
        .then("U" + length)
        .when(word.str.contains(r"^\p{Lu}"))
        .then("T" + length)
        .when(word.str.contains(r"\p{L}"))
        .then("l" + length)
        .otherwise(pl.lit(None))
    )
    kinds = pl.select(case).to_series() if len(token) else pl.Series([], dtype=pl.String)
    return space + "\0" + kinds


def _case(word: str) -> str:
    if len(word) > 1 and word.isupper():
        return "U"
    return "T" if word[:1].isupper() else "l" if word.isalpha() else ""


def _endings(token: Ids, text: Ids, row: Ids, kept: pl.Series, protect: int) -> Succession:
    """The last tokens that are punctuation; all others are left to the chain."""
    last = np.append(row[1:] != row[:-1], True)[: len(row)]
    marks = _marks(kept)
    final = np.where(marks[token[last]], token[last], -1)
    # −1 is also what a draw says when it backs off.
    return Succession.of(np.zeros_like(final), final, text[last], protect)


def _marks(vocabulary: pl.Series) -> NDArray[np.bool_]:
    """Which tokens (from START on) are punctuation."""
    return np.append(False, vocabulary.str.contains(_ENDINGS).to_numpy())


def _owners(texts: pl.Series, lengths: pl.Series) -> Ids:
    """Equal texts count as one, so that a text of many rows is no less safe; short ones do not."""
    same = texts.rank("dense").cast(pl.Int64).to_numpy()
    each = np.arange(len(texts), dtype=np.int64) + len(texts) + 1
    return np.where(lengths.to_numpy() > _SHORT, same, each)


def _shifted(token: Ids, text: Ids, by: int) -> Ids:
    """The token `by` places earlier in the same text, or START."""
    result = np.zeros_like(token)
    result[by:] = np.where(text[by:] == text[:-by], token[:-by], START)
    return result
