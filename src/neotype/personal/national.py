"""National ids: their checksums, and numbers of the same form that belong to nobody.

`check` gives the check characters of a body, so that an id is valid where its own are these.
Made ids keep to ranges that are not issued wherever the country has such a range; the comment at
each scheme says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.permutation import Numbers
from neotype.personal.marks import Digits, compact, joined, luhn, modulo, places, values, written

Ints = NDArray[np.int64]
Check = Callable[[Digits], Digits]


@dataclass(frozen=True)
class Scheme:
    """A kind of id: its form, its check characters, how they stand in it, and how to make one."""

    title: str
    form: str
    """Regular expression of the compact text."""
    width: int
    checks: tuple[int, ...]
    """Places of the check characters."""
    check: Check
    """The check characters of the other places; −1 where none makes an id of them."""
    body: Callable[[Numbers, Ints], Digits]
    """Bodies (rows × other places) of these numbers, for men (0) and women (1)."""
    capacity: int
    layout: str
    """How people write it: a # for each character."""
    telling: bool
    """Whether the form or the checksum alone tells, whatever the column is called."""

    def valid(self, texts: pl.Series) -> pl.Series:
        """Which texts are ids of this kind; separators do not matter."""
        plain = compact(texts)
        good = plain.str.contains(f"^(?:{self.form})$").fill_null(False)
        index = good.arg_true().to_numpy()
        out = np.zeros(len(texts), dtype=bool)
        if len(index):
            digits = values(plain.gather(index), self.width)
            own = digits[:, self.checks]
            out[index] = (self.check(np.delete(digits, self.checks, axis=1)) == own).all(axis=1)
        return pl.Series(texts.name, out)

    def make(self, numbers: Numbers, women: Ints) -> pl.Series:
        """The ids of these numbers (below `capacity`), compact."""
        body = self.body(numbers, women)
        digits = np.zeros((len(numbers), self.width), dtype=np.int64)
        digits[:, [k for k in range(self.width) if k not in self.checks]] = body
        if self.checks:
            digits[:, self.checks] = self.check(body)
        return written(digits)


def _fixed(text: str, rows: int) -> Digits:
    return np.repeat(values(pl.Series([text]), len(text)), rows, axis=0)


def _after(prefix: str, width: int) -> Callable[[Numbers, Ints], Digits]:
    """A fixed beginning and `width` free digits."""
    return lambda n, _women: joined(_fixed(prefix, len(n)), places(n, width))


def _weighed(weights: tuple[int, ...], modulus: int, complement: bool, ten: int) -> Check:
    """The weighted sum modulo `modulus`, or what it lacks to it; `ten` stands for ten or more."""

    def check(body: Digits) -> Digits:
        rest = body @ np.array(weights) % modulus
        rest = -rest % modulus if complement else rest
        return np.asarray(np.where(rest > 9, ten, rest)[:, None])

    return check


def _mending(
    check: Check, place: int, body: Callable[[Numbers, Ints], Digits]
) -> Callable[[Numbers, Ints], Digits]:
    """Bodies in which the digit at `place`, 0 as made, is 1 where otherwise nothing would fit."""

    def made(numbers: Numbers, women: Ints) -> Digits:
        bodies = body(numbers, women)
        bodies[:, place] = (check(bodies) < 0).any(axis=1)
        return bodies

    return made


def _born(numbers: Numbers) -> tuple[Ints, Ints, Ints, Numbers]:
    """Year (of 60 from 1945 on), month and day, and what is left of the number."""
    rest, day = np.divmod(numbers, np.uint64(28))
    rest, month = np.divmod(rest, np.uint64(12))
    rest, year = np.divmod(rest, np.uint64(60))
    parts = (part.astype(np.int64) for part in (year, month, day))
    y, m, d = parts
    return y + 1945, m + 1, d + 1, rest


def _two(numbers: Ints) -> Digits:
    return places((numbers % 100).astype(np.uint64), 2)


_DAYS = 28 * 12 * 60


def _ssn_body(n: Numbers, _women: Ints) -> Digits:
    """Areas 900 to 999 are never issued; groups 01 to 49 are none of the tax numbers there."""
    rest, group = np.divmod(n, np.uint64(49))
    rest, serial = np.divmod(rest, np.uint64(9999))
    area = _fixed("9", len(n))
    groups = places(group + np.uint64(1), 2)
    return joined(area, places(rest, 2), groups, places(serial + np.uint64(1), 4))


def _nothing(body: Digits) -> Digits:
    return body[:, :0]


def _nino_body(n: Numbers, _women: Ints) -> Digits:
    """QQ is a prefix of examples only."""
    rest, suffix = np.divmod(n, np.uint64(4))
    return joined(_fixed("QQ", len(n)), places(rest, 6), suffix.astype(np.int64) + 10)


def _idnr_check(body: Digits) -> Digits:
    """ISO 7064 MOD 11,10."""
    product = np.full(len(body), 10)
    for column in body.T:
        total = (column + product) % 10
        product = np.where(total == 0, 10, total) * 2 % 11
    return np.asarray(((11 - product) % 10)[:, None])


def _nir_check(body: Digits) -> Digits:
    """97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    plain = body.copy()
    corsica = plain[:, 6] > 9
    plain[corsica, 5] = 1
    plain[corsica, 6] = 19 - plain[corsica, 6]
    return _two(97 - modulo(plain, 97))


def _nir_body(n: Numbers, women: Ints) -> Digits:
    """The department 00 does not exist."""
    rest, month = np.divmod(n, np.uint64(12))
    rest, year = np.divmod(rest, np.uint64(100))
    born = joined(places(year, 2), places(month + np.uint64(1), 2))
    return joined(women + 1, born, _fixed("00", len(n)), places(rest, 6))


_DNI = values(pl.Series(["TRWAGMYFPDXBNJZSQVHLCKE"]), 23)[0]


def _dni_check(body: Digits) -> Digits:
    """The number modulo 23 as a letter; X, Y and Z of foreigners count as 0, 1 and 2."""
    plain = np.where(body > 9, body - 33, body)
    return np.asarray(_DNI[modulo(plain, 23)][:, None])


_ODD = np.array(
    (
        *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17),
        *(19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
    )
)


def _cf_check(body: Digits) -> Digits:
    even = np.where(body > 9, body - 10, body)
    total = _ODD[body[:, ::2]].sum(axis=1) + even[:, 1::2].sum(axis=1)
    return np.asarray((total % 26 + 10)[:, None])


_CF_MONTHS = values(pl.Series(["ABCDEHLMPRST"]), 12)[0]
_CONSONANTS = values(pl.Series(["BCDFGLMNPRSTVZ"]), 14)[0]


def _cf_body(n: Numbers, women: Ints) -> Digits:
    """The place Z000 does not exist."""
    year, month, day, rest = _born(n)
    letters = []
    for _ in range(6):
        rest, letter = np.divmod(rest, np.uint64(14))
        letters.append(_CONSONANTS[letter.astype(np.int64)])
    months = _CF_MONTHS[month - 1]
    days = _two(day + 40 * women)
    return joined(*letters, _two(year), months, days, _fixed("Z000", len(n)))


_BSN = _weighed((9, 8, 7, 6, 5, 4, 3, 2), 11, complement=False, ten=-1)


_PESEL = _weighed((1, 3, 7, 9, 1, 3, 7, 9, 1, 3), 10, complement=True, ten=0)
_NIF = _weighed((9, 8, 7, 6, 5, 4, 3, 2), 11, complement=True, ten=0)


def _pesel_body(n: Numbers, women: Ints) -> Digits:
    """Months 81 to 92 are births of the 1800s."""
    year, month, day, rest = _born(n)
    rest, half = np.divmod(rest, np.uint64(5))
    sex = 2 * half.astype(np.int64) + 1 - women
    return joined(_two(year), _two(month + 80), _two(day), places(rest, 3), sex)


def _verhoeff(body: Digits) -> Digits:
    """Verhoeff's check digit (1969): permuted digits multiplied in the dihedral group of ten."""
    step = np.array([1, 5, 7, 6, 2, 8, 3, 0, 9, 4])
    turns = [np.arange(10)]
    for _ in range(7):
        turns.append(step[turns[-1]])
    a, b = np.arange(10)[:, None], np.arange(10)[None, :]
    plain = np.where(b < 5, (a + b) % 5, (a + b) % 5 + 5)
    turned = np.where(b < 5, (a - b) % 5 + 5, (a - b) % 5)
    product = np.where(a < 5, plain, turned)
    state = np.zeros(len(body), dtype=np.int64)
    for k, column in enumerate(body.T[::-1], start=1):
        state = product[state, turns[k % 8][column]]
    inverse = np.array([0, 4, 3, 2, 1, 5, 6, 7, 8, 9])
    return np.asarray(inverse[state][:, None])


def _cpf_check(body: Digits) -> Digits:
    first = _weighed(tuple(range(10, 1, -1)), 11, complement=True, ten=0)(body)
    second = _weighed(tuple(range(11, 1, -1)), 11, complement=True, ten=0)
    return joined(first, second(joined(body, first)))


def _ean(body: Digits) -> Digits:
    return np.asarray((-(body @ np.array([1, 3] * 6)) % 10)[:, None])


def _nn_check(body: Digits) -> Digits:
    return _two(97 - modulo(body, 97))


def _nn_body(n: Numbers, women: Ints) -> Digits:
    """The month 00 is of persons whose day of birth is unknown."""
    rest, year = np.divmod(n, np.uint64(100))
    rest, day = np.divmod(rest, np.uint64(100))
    count = places((2 * rest.astype(np.int64) + 1 + women).astype(np.uint64), 3)
    return joined(places(year, 2), _fixed("00", len(n)), places(day, 2), count)


def _luhn_check(body: Digits) -> Digits:
    return luhn(body)[:, None]


def _pnr_body(n: Numbers, women: Ints) -> Digits:
    """Serials 980 to 999 are kept for tests."""
    year, month, day, rest = _born(n)
    serial = 980 + 2 * (rest % np.uint64(10)).astype(np.int64) + 1 - women
    return joined(_two(year), _two(month), _two(day), places(serial.astype(np.uint64), 3))


_SVNR = _weighed((3, 7, 9, 5, 8, 4, 2, 1, 6), 11, complement=False, ten=-1)


def _svnr_body(n: Numbers, _women: Ints) -> Digits:
    """The month 13 is of persons whose day of birth is unknown; serials begin with 1 at least."""
    rest, year = np.divmod(n, np.uint64(100))
    serial, day = np.divmod(rest, np.uint64(28))
    count = places(serial * np.uint64(10) + np.uint64(100), 3)
    return joined(count, places(day + np.uint64(1), 2), _fixed("13", len(n)), places(year, 2))


_TFN = _weighed((1, 4, 3, 7, 5, 8, 6, 9), 11, complement=False, ten=-1)

SCHEMES: Mapping[str, Scheme] = {
    "us_ssn": Scheme(
        "US social security number",
        *(r"\d{9}", 9, (), _nothing, _ssn_body, 100 * 49 * 9999, "###-##-####", False),
    ),
    "uk_nino": Scheme(
        "UK national insurance number",
        r"(?:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]|QQ)\d{6}[A-D]",
        *(9, (), _nothing, _nino_body, 4_000_000, "## ## ## ## #", True),
    ),
    # Numbers that begin with 0 are for tests.
    "de_idnr": Scheme(
        "German tax id",
        *(r"\d{11}", 11, (10,), _idnr_check, _after("0", 9), 10**9, "## ### ### ###", True),
    ),
    "fr_nir": Scheme(
        "French social security number",
        r"[1-478]\d{4}(?:\d\d|2[AB])\d{8}",
        *(15, (13, 14), _nir_check, _nir_body, 1200 * 10**6, "# ## ## ## ### ### ##", True),
    ),
    # The numbers given out are still well below 99 million.
    "es_dni": Scheme(
        "Spanish DNI or NIE",
        r"(?:\d{8}|[XYZ]\d{7})[A-HJ-NP-TV-Z]",
        *(9, (8,), _dni_check, _after("99", 6), 10**6, "########-#", True),
    ),
    "it_cf": Scheme(
        "Italian codice fiscale",
        r"[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]",
        *(16, (15,), _cf_check, _cf_body, 14**6 * _DAYS, "#" * 16, True),
    ),
    # Numbers that begin with 999 are for tests.
    "nl_bsn": Scheme(
        "Dutch BSN",
        *(r"\d{9}", 9, (8,), _BSN, _mending(_BSN, 3, _after("9990", 4)), 10**4, "#" * 9, False),
    ),
    "pl_pesel": Scheme(
        "Polish PESEL",
        r"\d\d[02468][1-9]\d{7}|\d\d[13579][0-2]\d{7}",
        *(11, (10,), _PESEL, _pesel_body, 5000 * _DAYS, "#" * 11, True),
    ),
    # No number that is given out begins with 0 or 1.
    "in_aadhaar": Scheme(
        "Indian Aadhaar",
        *(r"\d{12}", 12, (11,), _verhoeff, _after("1", 10), 10**10, "#### #### ####", False),
    ),
    # Brazil keeps no range free.
    "br_cpf": Scheme(
        "Brazilian CPF",
        *(r"\d{11}", 11, (9, 10), _cpf_check, _after("", 9), 10**9, "###.###.###-##", True),
    ),
    # No number begins with 0.
    "ca_sin": Scheme(
        "Canadian SIN",
        *(r"\d{9}", 9, (8,), _luhn_check, _after("0", 7), 10**7, "### ### ###", False),
    ),
    "au_tfn": Scheme(
        "Australian tax file number",
        *(
            r"\d{9}",
            9,
            (8,),
            _TFN,
            _mending(_TFN, 2, _after("000", 5)),
            10**5,
            "### ### ###",
            False,
        ),
    ),
    # The country's 756 is followed by 0000, which is not given out.
    "ch_ahv": Scheme(
        "Swiss AHV number",
        *(r"756\d{10}", 13, (12,), _ean, _after("7560000", 5), 10**5, "###.####.####.##", True),
    ),
    "be_nn": Scheme(
        "Belgian national number",
        *(r"\d{11}", 11, (9, 10), _nn_check, _nn_body, 499 * 10**4, "##.##.##-###.##", False),
    ),
    "se_pnr": Scheme(
        "Swedish personal number",
        r"\d\d(?:0[1-9]|1[0-2])(?:[06][1-9]|[1278]\d|[39][01])\d{4}",
        *(10, (9,), _luhn_check, _pnr_body, 10 * _DAYS, "######-####", False),
    ),
    # Numbers of persons begin with 1, 2, 3 or 45.
    "pt_nif": Scheme(
        "Portuguese NIF",
        *(r"\d{9}", 9, (8,), _NIF, _after("0", 7), 10**7, "### ### ###", False),
    ),
    "at_svnr": Scheme(
        "Austrian insurance number",
        *(r"[1-9]\d{9}", 10, (3,), _SVNR),
        _mending(_SVNR, 2, _svnr_body),
        *(90 * 2800, "#### ######", False),
    ),
}
