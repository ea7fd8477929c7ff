"""Bank accounts, payment cards and addresses of machines: checks, and ones that nobody has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from neotype.permutation import Numbers, Permutation
from neotype.personal.marks import compact, joined, luhn, modulo, places, values, written

IBAN = r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$"
# fmt: off
_BBAN: Mapping[str, str] = {
    "AD": "n8c12", "AE": "n19", "AL": "n8c16", "AT": "n16", "BE": "n12", "BG": "a4n6c8",
    "CH": "n5c12", "CY": "n8c16", "CZ": "n20", "DE": "n18", "DK": "n14", "EE": "n16",
    "ES": "n20", "FI": "n14", "FR": "n10c11n2", "GB": "a4n14", "GR": "n7c16", "HR": "n17",
    "HU": "n24", "IE": "a4n14", "IL": "n19", "IS": "n22", "IT": "a1n10c12", "LI": "n5c12",
    "LT": "n16", "LU": "n3c13", "LV": "a4c13", "MC": "n10c11n2", "MT": "a4n5c18", "NL": "a4n10",
    "NO": "n11", "PL": "n24", "PT": "n21", "RO": "a4c16", "RS": "n18", "SA": "n2c18",
    "SE": "n20", "SI": "n15", "SK": "n20", "SM": "a1n10c12", "TR": "n6c16", "BR": "n23a1c1",
    "UA": "n6c19", "GE": "a2n16", "KZ": "n3c13", "QA": "a4c21",
}
# fmt: on
"""The account behind the check digits, by country: a letters, n digits, c either (SWIFT)."""

CARDS: Mapping[str, tuple[str, int]] = {
    "visa": ("400000", 16),
    "mastercard": ("555555", 16),
    "amex": ("378282", 15),
    "discover": ("601111", 16),
}
"""Beginnings of the card numbers that payment processors publish for tests, and lengths."""
CARD = (
    r"^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}"
    r"|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14})$"
)


def valid_iban(texts: pl.Series) -> pl.Series:
    """Which texts are IBANs: a known country, its length, and check digits (ISO 7064 MOD 97-10)."""
    plain = compact(texts)
    out = np.zeros(len(texts), dtype=bool)
    countries = plain.str.head(2)
    for country in countries.unique().drop_nulls().to_list():
        form = _BBAN.get(country)
        if form is None:
            continue
        length = 4 + sum(many for _, many in _parts(form))
        here = (plain.str.contains(IBAN) & (countries == country)).fill_null(False)
        here &= (plain.str.len_bytes() == length).fill_null(False)
        index = here.arg_true().to_numpy()
        if len(index):
            digits = values(plain.gather(index), length)
            turned = joined(digits[:, 4:], digits[:, :4])
            out[index] = modulo(turned, 97) == 1
    return pl.Series(texts.name, out)


def _parts(form: str) -> list[tuple[str, int]]:
    """a4n10 as letters, 4, and digits, 10."""
    marks = [k for k, mark in enumerate(form) if mark.isalpha()]
    return [
        (form[start], int(form[start + 1 : end]))
        for start, end in zip(marks, [*marks[1:], len(form)], strict=True)
    ]


def make_iban(numbers: Numbers, country: str) -> pl.Series:
    """Accounts at a bank whose code is all zeros or X, which no bank has, with right checks."""
    form = _BBAN.get(country, _BBAN["DE"])
    country = country if country in _BBAN else "DE"
    parts = []
    for mark, many in _parts(form):
        filler = 33 if mark == "a" else 0
        parts.append(np.full((len(numbers), many), filler, dtype=np.int64))
    account = joined(*parts)
    digits = [k for k, (mark, _) in enumerate(_spread(form)) if mark != "a"][-9:]
    account[:, digits] = places(numbers, len(digits))
    code = np.repeat(values(pl.Series([country]), 2), len(numbers), axis=0)
    zero = np.zeros((len(numbers), 2), dtype=np.int64)
    check = 98 - modulo(joined(account, code, zero), 97)
    return written(joined(code, places(check.astype(np.uint64), 2), account))


def _spread(form: str) -> list[tuple[str, int]]:
    return [(mark, k) for mark, many in _parts(form) for k in range(many)]


def valid_card(texts: pl.Series) -> pl.Series:
    """Which texts are card numbers: a known beginning and length, and Luhn's check digit."""
    plain = compact(texts)
    out = np.zeros(len(texts), dtype=bool)
    lengths = plain.str.len_bytes()
    fitting = plain.str.contains(CARD).fill_null(False)
    for length in (13, 14, 15, 16, 19):
        index = (fitting & (lengths == length)).arg_true().to_numpy()
        if len(index):
            digits = values(plain.gather(index), length)
            out[index] = luhn(digits[:, :-1]) == digits[:, -1]
    return pl.Series(texts.name, out)


def make_card(numbers: Numbers, brand: str) -> pl.Series:
    """Card numbers that begin like those which are published for tests; Luhn's digit is right."""
    prefix, length = CARDS[brand]
    start = np.repeat(values(pl.Series([prefix]), len(prefix)), len(numbers), axis=0)
    body = joined(start, places(numbers, length - len(prefix) - 1))
    return written(joined(body, luhn(body)))


_NETS = ((0xC0000200, 256), (0xC6336400, 256), (0xCB007100, 256), (0xC6120000, 1 << 17))
"""192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (documentation) and 198.18.0.0/15 (benchmarks)."""


def make_ipv4(numbers: Numbers) -> pl.Series:
    """Addresses that are routed nowhere: of documentation, then benchmarks, then 240.0.0.0/4."""
    address = np.zeros(len(numbers), dtype=np.int64)
    rest = numbers.astype(np.int64)
    open_ = np.ones(len(numbers), dtype=bool)
    for start, size in _NETS:
        here = open_ & (rest < size)
        address[here] = start + rest[here]
        open_ &= ~here
        rest = rest - np.where(open_, size, 0)
    address[open_] = 0xF0000000 + rest[open_] % (1 << 28)
    parts = [pl.Series(address >> shift & 255).cast(pl.String) for shift in (24, 16, 8, 0)]
    return parts[0] + "." + parts[1] + "." + parts[2] + "." + parts[3]


_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def _hexadecimal(numbers: Numbers, width: int) -> pl.Series:
    shifts = np.arange(4 * (width - 1), -1, -4, dtype=np.uint64)
    grid = _HEX[(numbers[:, None] >> shifts & np.uint64(15)).astype(np.int64)]
    return pl.Series(np.ascontiguousarray(grid).view(f"S{width}")[:, 0]).cast(pl.String)


def make_ipv6(numbers: Numbers) -> pl.Series:
    """Addresses of 2001:db8::/32, which is for documentation (RFC 3849)."""
    text = _hexadecimal(Permutation(1 << 62, "ipv6").apply(numbers), 16)
    parts = [text.str.slice(4 * k, 4).str.strip_chars_start("0") for k in range(4)]
    parts = [part.replace("", "0") for part in parts]
    return "2001:db8:" + parts[0] + ":" + parts[1] + "::" + parts[2] + ":" + parts[3]


def make_mac(numbers: Numbers) -> pl.Series:
    """Addresses with the bit of locally given ones, which no maker of cards has (02:…)."""
    text = _hexadecimal(numbers % np.uint64(1 << 40), 10)
    out = pl.Series(["02"]).extend_constant("02", len(text) - 1) if len(text) else text
    for k in range(5):
        out = out + ":" + text.str.slice(2 * k, 2)
    return out


def tokens(numbers: Numbers, width: int) -> pl.Series:
    """Texts of hexadecimal digits that say nothing."""
    many = -(-width // 15)
    parts = [
        _hexadecimal(Permutation(1 << 60, f"token/{k}").apply(numbers), 15) for k in range(many)
    ]
    text = parts[0]
    for part in parts[1:]:
        text = text + part
    return text.str.head(width)
