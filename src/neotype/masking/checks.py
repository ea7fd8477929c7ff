"""Numbers with check digits, permuted so that valid ones become valid ones: IBAN, cards, ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import SchemaError, did_you_mean
from neotype.masking.letters import DIGITS, form_of, permuted
from neotype.personal.accounts import valid_card, valid_iban
from neotype.personal.marks import Digits, compact, luhn, modulo, values
from neotype.personal.national import SCHEMES
from neotype.schema.schema import Personal

_MOST_STEPS = 5000
_ISSUER = 6

Bodies = list[str]


@dataclass(frozen=True)
class Check:
    """A kind of number: what of it is free, and how the whole follows from the free part."""

    valid: Callable[[pl.Series], pl.Series]
    free: Callable[[str], str]
    whole: Callable[[Bodies, Bodies], Bodies]
    """The compact numbers of these free parts; the second argument are the numbers they replace."""

    def permuted(self, texts: list[str], subkey: bytes) -> list[str]:
        """Valid numbers in the layout of the old ones; what was not valid keeps its form only.

        Where a number would not be valid, it is permuted on until it is: what starts valid comes
        back to itself at the latest, and no two meet.
        """
        every = pl.Series(texts, dtype=pl.String)
        good = self.valid(every)
        out = [
            text if valid else permuted(text, form_of(text), subkey)
            for text, valid in zip(texts, good.to_list(), strict=True)
        ]
        plain = compact(every).to_list()
        places = good.arg_true().to_list()
        bodies = {at: self.free(plain[at]) for at in places}
        for _ in range(_MOST_STEPS):
            if not places:
                break
            for at in places:
                bodies[at] = permuted(bodies[at], form_of(bodies[at]), subkey)
            found = self.whole([bodies[at] for at in places], [plain[at] for at in places])
            holds = self.valid(pl.Series(found, dtype=pl.String)).to_list()
            for at, number, done in zip(places, found, holds, strict=True):
                if done:
                    out[at] = _laid_out(texts[at], number)
            places = [at for at, done in zip(places, holds, strict=True) if not done]
        return out


def _laid_out(text: str, number: str) -> str:
    """The number with the blanks, dashes and small letters of the text."""
    letters = iter(number)
    return "".join(
        (next(letters).lower() if mark.islower() else next(letters)) if mark.isalnum() else mark
        for mark in text
    )


def check_of(name: str | None, column: Any) -> Check | None:
    """The check of this name, or of the column's category; SchemaError when there is none such."""
    if name is None:
        if not isinstance(column, Personal):
            return None
        known = {"iban": "iban", "card_number": "card"}
        name = known.get(column.category, column.scheme)
        if name is None:
            return None
    if name == "iban":
        return Check(valid_iban, lambda text: text[4:], _ibans)
    if name == "card":
        return Check(valid_card, lambda text: text[_ISSUER:-1], _cards)
    if name not in SCHEMES:
        raise SchemaError(
            f"no check is called '{name}'.",
            found=f"there are: iban, card, {', '.join(SCHEMES)}",
            mend=did_you_mean(name, ("iban", "card", *SCHEMES)),
        )
    return _national(name)


def _ibans(bodies: Bodies, old: Bodies) -> Bodies:
    """Countries stay, check digits follow (ISO 7064 MOD 97-10)."""
    turned = [body + number[:2] + "00" for body, number in zip(bodies, old, strict=True)]
    rest = _by_length(turned, lambda digits: modulo(digits, 97))
    return [
        f"{number[:2]}{98 - left:02d}{body}"
        for body, number, left in zip(bodies, old, rest, strict=True)
    ]


def _cards(bodies: Bodies, old: Bodies) -> Bodies:
    """The issuer's first six digits stay, the last follows (Luhn)."""
    fronts = [number[:_ISSUER] + body for body, number in zip(bodies, old, strict=True)]
    return [front + DIGITS[d] for front, d in zip(fronts, _by_length(fronts, luhn), strict=True)]


def _by_length(texts: Bodies, reckon: Callable[[Digits], NDArray[np.int64]]) -> list[int]:
    """What is reckoned of the digits of each text, those of one length together."""
    out = np.zeros(len(texts), dtype=np.int64)
    lengths = np.array([len(text) for text in texts])
    for length in np.unique(lengths):
        here = np.flatnonzero(lengths == length)
        out[here] = reckon(values(pl.Series([texts[at] for at in here]), int(length)))
    return [int(one) for one in out]


def _national(name: str) -> Check:
    scheme = SCHEMES[name]
    fixed = len(scheme.form) - len(scheme.form.lstrip(DIGITS))
    places = [at for at in range(scheme.width) if at not in scheme.checks]
    free = [at for at in places if at >= fixed]

    def whole(bodies: Bodies, old: Bodies) -> Bodies:
        letters = np.array([list(number) for number in old])
        letters[:, free] = np.array([list(body) for body in bodies])
        if scheme.checks:
            digits = values(pl.Series(["".join(row) for row in letters[:, places]]), len(places))
            check = scheme.check(digits)
            marks = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ?"))
            letters[:, scheme.checks] = marks[check]
        return ["".join(row) for row in letters]

    return Check(scheme.valid, lambda text: "".join(text[at] for at in free), whole)
