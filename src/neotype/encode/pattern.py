"""The forms that identifiers take: numbers in a range, and templates of character classes.

A form is a numbered set: `render` gives the members of these numbers and `locate` the numbers of
these members, so that distinct numbers are distinct identifiers by construction.
"""

from __future__ import annotations

import math
import re
import string
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import SchemaError
from neotype.permutation import LARGEST, Numbers, Permutation

_LOWER, _UPPER, _DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
_CLASSES = {"d": _DIGITS, "w": _DIGITS + _UPPER + _LOWER + "_"}
_FEW = 4
_ROOMY = 8
_ENOUGH = 50
"""From so many identifiers on, characters that a position lacks are taken to be excluded there."""
_LONGEST = 256


@dataclass(frozen=True)
class Span:
    """The whole numbers low .. high, written after `prefix`, padded with zeros to `width` digits.

    `width` 0 is no padding.
    """

    low: int
    high: int
    prefix: str = ""
    width: int = 0

    @property
    def capacity(self) -> int:
        """How many there are (at most 2**62 are counted)."""
        return min(self.high - self.low + 1, LARGEST)

    def render(self, numbers: Numbers) -> pl.Series:
        """As numbers where there is no prefix and no padding, else as text."""
        if self.low >= -(2**63) and self.low + self.capacity <= 2**63:
            values = pl.Series(numbers.astype(np.int64) + self.low)
        elif self.low >= 0 and self.low + self.capacity <= 2**64:
            values = pl.Series(numbers + np.uint64(self.low))
        else:
            return pl.Series([str(self.low + int(n)) for n in numbers], dtype=pl.String)
        if not self.prefix and not self.width:
            return values
        text = values.cast(pl.String)
        return self.prefix + (text.str.zfill(self.width) if self.width else text)

    def locate(self, texts: pl.Series) -> Numbers:
        """The numbers of those of `texts` that belong."""
        digits = texts.str.strip_prefix(self.prefix) if self.prefix else texts
        # polars 2 has no arithmetic between a wide series and a Python int, only between series.
        low = pl.Series([self.low], dtype=pl.Int128)
        offsets = digits.cast(pl.Int128, strict=False).drop_nulls() - low
        capacity = pl.Series([self.capacity], dtype=pl.Int128)
        offsets = offsets.filter((offsets >= low - low) & (offsets < capacity))
        return np.asarray(offsets.cast(pl.UInt64).to_numpy())


@dataclass(frozen=True)
class Template:
    """Fixed length: each position takes the characters of its alphabet.

    Where there are more than 2**62 members, as many positions as needed follow from the others.
    """

    alphabets: tuple[str, ...]

    @cached_property
    def _free(self) -> tuple[int, ...]:
        """The positions that number the members, last first."""
        free, size = [], 1
        for position in range(len(self.alphabets) - 1, -1, -1):
            if size * len(self.alphabets[position]) > LARGEST:
                continue
            size *= len(self.alphabets[position])
            free.append(position)
        return tuple(free)

    @property
    def capacity(self) -> int:
        """How many members are numbered."""
        return math.prod(len(self.alphabets[p]) for p in self._free)

    def render(self, numbers: Numbers) -> pl.Series:
        """The members as text."""
        if not self.alphabets:
            return pl.Series([""] * len(numbers), dtype=pl.String)
        points = np.zeros((len(numbers), len(self.alphabets)), dtype=np.uint32)
        rest = numbers.copy()
        for position in self._free:
            letters = _codepoints(self.alphabets[position])
            rest, digit = np.divmod(rest, np.uint64(len(letters)))
            points[:, position] = letters[digit.astype(np.int64)]
        for position in set(range(len(self.alphabets))) - set(self._free):
            letters = _codepoints(self.alphabets[position])
            spin = Permutation(LARGEST, f"fill/{position}").apply(numbers)
            points[:, position] = letters[(spin % np.uint64(len(letters))).astype(np.int64)]
        return pl.Series(points.view(f"<U{len(self.alphabets)}")[:, 0], dtype=pl.String)

    def locate(self, texts: pl.Series) -> Numbers:
        """The numbers of those of `texts` that belong."""
        length = len(self.alphabets)
        fitting = texts.filter(texts.str.len_chars() == length)
        if not length or not len(fitting):
            return np.zeros(0, dtype=np.uint64)
        points = _matrix(fitting, length)
        numbers = np.zeros(len(points), dtype=np.uint64)
        inside = np.ones(len(points), dtype=bool)
        weight = 1
        for position in (*self._free, *(set(range(length)) - set(self._free))):
            letters = _codepoints(self.alphabets[position])
            order = np.argsort(letters)
            place = np.minimum(np.searchsorted(letters[order], points[:, position]), len(order) - 1)
            digit = order[place]
            inside &= letters[digit] == points[:, position]
            if position in self._free:
                numbers += digit.astype(np.uint64) * np.uint64(weight)
                weight *= len(letters)
        return numbers[inside]


Form = Span | Template


def parse(pattern: str) -> tuple[Template, ...]:
    r"""The templates of a restricted regular expression.

    Literals, escapes (\\d, \\w, \\.), classes such as [0-9A-F], counts {n} and {m,n}, and
    alternatives with | at the top. SchemaError for anything else.
    """
    templates: list[Template] = []
    for branch in re.split(r"(?<!\\)\|", pattern.removeprefix("^").removesuffix("$")):
        variants: list[tuple[str, ...]] = [()]
        position = 0
        while position < len(branch):
            alphabet, position = _atom(pattern, branch, position)
            count = re.compile(r"\{(\d+)(?:,(\d+))?\}").match(branch, position)
            least = most = 1
            if count:
                least, most = int(count[1]), int(count[2] or count[1])
                position = count.end()
            variants = [
                (*variant, *[alphabet] * n) for variant in variants for n in range(least, most + 1)
            ]
            if len(variants) > 64 or max(map(len, variants), default=0) > _LONGEST:
                raise _unreadable(pattern, "it has more than 64 lengths or 256 characters")
        templates += [Template(variant) for variant in variants]
    return tuple(templates)


def _atom(pattern: str, branch: str, position: int) -> tuple[str, int]:
    """The alphabet at this position, and the position after it."""
    sign = branch[position]
    if sign == "[":
        end = branch.find("]", position + 2)
        inside = branch[position + 1 : end]
        if end < 0 or inside.startswith("^"):
            raise _unreadable(pattern, "a class is not closed, or is a negated one")
        inside = inside.replace(r"\d", "0-9").replace("\\", "")
        letters = re.sub(r"(.)-(.)", lambda m: _range(m[1], m[2]), inside, flags=re.DOTALL)
        if not letters:
            raise _unreadable(pattern, "a class has no characters")
        return "".join(dict.fromkeys(letters)), end + 1
    if sign == "\\" and position + 1 < len(branch):
        return _CLASSES.get(branch[position + 1], branch[position + 1]), position + 2
    if sign in "()*+?.^${}":
        raise _unreadable(pattern, f"'{sign}' is not understood")
    return sign, position + 1


def _range(first: str, last: str) -> str:
    return "".join(map(chr, range(ord(first), ord(last) + 1)))


def _unreadable(pattern: str, why: str) -> SchemaError:
    return SchemaError(
        f"the identifier pattern '{pattern}' cannot be used: {why}.",
        mend="use literals, classes such as [0-9A-F], counts {n} or {m,n}, and |",
    )


def learn_template(texts: pl.Series, protect: int) -> Template:
    """The template of texts of one length: only characters that `protect` of them share.

    A position keeps a few characters, unless that leaves too few members to go on with.
    """
    length = min(int(texts.str.len_chars().max()), _LONGEST)  # type: ignore[arg-type]
    points = _matrix(texts, length)
    for few in (_FEW, 1):
        template = Template(tuple(_alphabet(column, protect, few) for column in points.T))
        if template.capacity >= _ROOMY * len(texts):
            break
    return template


def _alphabet(points: NDArray[np.uint32], protect: int, few: int) -> str:
    """What may stand at a position: a few characters, or the classes of those that are common."""
    values, counts = np.unique(points, return_counts=True)
    tally = {chr(p): int(n) for p, n in zip(values, counts, strict=True) if p}
    common = {letter for letter, n in tally.items() if n >= protect}
    if not common:
        return _classes(set(tally)) or _LOWER
    plain = common & set(_DIGITS + _UPPER + _LOWER)
    if not plain or (len(points) >= _ENOUGH and len(common) <= few):
        return "".join(sorted(common))
    alphabet = _classes(plain) + "".join(sorted(common - plain))
    if len(points) >= _ENOUGH and "0" not in tally:
        alphabet = alphabet.replace("0", "") or "0"
    return alphabet


def _classes(letters: set[str]) -> str:
    """The usual classes that these characters belong to: digits, hexadecimal, letters."""
    parts = [_DIGITS] if letters & set(_DIGITS) else []
    for alphabet in (_UPPER, _LOWER):
        seen = letters & set(alphabet)
        if seen:
            hexadecimal = parts and seen <= set(alphabet[:6])
            parts.append(alphabet[:6] if hexadecimal else alphabet)
    return "".join(parts)


def _codepoints(letters: str) -> NDArray[np.uint32]:
    return np.array([ord(letter) for letter in letters], dtype=np.uint32)


def _matrix(texts: pl.Series, length: int) -> NDArray[np.uint32]:
    """Code points, texts × positions; 0 after the end of a shorter text."""
    array = texts.to_numpy().astype(f"<U{length}")
    return np.ascontiguousarray(array).view(np.uint32).reshape(len(array), length)
