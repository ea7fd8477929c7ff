"""Texts of one form, permuted under a key: other letters and digits, and no two become alike.

A keyed Feistel network on the number that a text is among all texts of its form (Black and Rogaway
2002, Ciphers with Arbitrary Finite Domains; Brier, Peyrin and Stern 2010, BPS; as FF1 of NIST SP
800-38G, with HMAC-SHA256 where FF1 has AES).
"""

from __future__ import annotations

import hmac
import math
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from neotype.errors import SchemaError

DIGITS, UPPER, LOWER = string.digits, string.ascii_uppercase, string.ascii_lowercase
_ROUNDS = 10

Form = tuple[str, ...]
"""An alphabet for each place; an alphabet of one letter is a letter that stays."""


_ALPHABET = {letter: alphabet for alphabet in (DIGITS, UPPER, LOWER) for letter in alphabet}


def form_of(text: str) -> Form:
    """Digits become digits, capitals capitals, small letters small letters; the rest stays."""
    return tuple([_ALPHABET.get(letter, letter) for letter in text])


@dataclass(frozen=True)
class _Halves:
    """The places of a form that are free, in two halves, and how many texts each half has."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    most: tuple[int, int]
    key: bytes


@lru_cache(maxsize=4096)
def _halves(form: Form, subkey: bytes) -> _Halves:
    free = tuple(at for at, alphabet in enumerate(form) if len(alphabet) > 1)
    cut = len(free) // 2
    left, right = free[:cut], free[cut:]
    most = tuple(math.prod(len(form[at]) for at in half) for half in (left, right))
    key = hmac.digest(subkey, repr(form).encode(), "sha256")
    return _Halves(left, right, (most[0], most[1]), key)


def permuted(text: str, form: Form, subkey: bytes) -> str:
    """Another text of the form. Under one key, different texts become different texts."""
    halves = _halves(form, subkey)
    if not halves.right:
        return text
    left, right = _number(text, form, halves.left), _number(text, form, halves.right)
    most_left, most_right = halves.most
    for turn in range(_ROUNDS):
        if turn % 2 == 0 and most_left > 1:
            left = (left + _mix(halves.key, turn, right)) % most_left
        else:
            right = (right + _mix(halves.key, turn, left)) % most_right
    letters = list(text)
    _write(left, form, halves.left, letters)
    _write(right, form, halves.right, letters)
    return "".join(letters)


def _number(text: str, form: Form, places: Sequence[int]) -> int:
    number = 0
    for at in places:
        number = number * len(form[at]) + form[at].index(text[at])
    return number


def _write(number: int, form: Form, places: Sequence[int], letters: list[str]) -> None:
    for at in reversed(places):
        number, place = divmod(number, len(form[at]))
        letters[at] = form[at][place]


def _mix(key: bytes, turn: int, number: int) -> int:
    return int.from_bytes(hmac.digest(key, b"%d|%d" % (turn, number), "sha256"), "big")


_ATOM = re.compile(r"\[([^\]^]+)\]|\\(.)|([^\\\[\](){}*+?.^$|])", re.DOTALL)
_COUNT = re.compile(r"\{(\d+)\}")
_CLASSES = {"d": DIGITS, "w": DIGITS + UPPER + LOWER + "_"}


def form_from(pattern: str) -> Form:
    r"""The form of a restricted regular expression: letters, classes such as [0-9A-F], \d, {n}.

    SchemaError for anything else.
    """
    text = pattern.removeprefix("^").removesuffix("$")
    form: list[str] = []
    at = 0
    while at < len(text):
        atom = _ATOM.match(text, at)
        if atom is None:
            raise SchemaError(
                f"the pattern '{pattern}' cannot be used: {text[at]!r} is not understood.",
                mend="use letters, classes such as [0-9A-F], \\d and counts {n}",
            )
        at = atom.end()
        if atom[1]:
            alphabet = _members(atom[1])
        else:
            alphabet = _CLASSES.get(atom[2], atom[2]) if atom[2] else atom[3]
        count = _COUNT.match(text, at)
        if count:
            at = count.end()
        form += [alphabet] * (int(count[1]) if count else 1)
    return tuple(form)


def _members(inside: str) -> str:
    spread = re.sub(
        r"(.)-(.)",
        lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))),
        inside.replace(r"\d", "0-9").replace("\\", ""),
    )
    return "".join(dict.fromkeys(spread))


def fits(text: str, form: Form) -> bool:
    """Whether the text is of the form."""
    return len(text) == len(form) and all(a in b for a, b in zip(text, form, strict=True))
