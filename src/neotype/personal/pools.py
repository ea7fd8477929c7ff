"""Names, cities and streets to draw from, per locale: the word lists that Mimesis ships.

The lists are read as they lie there, sorted and cleaned; Mimesis itself is never imported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import polars as pl

from neotype.errors import NeotypeError
from neotype.personal.places import place

_LATIN = r"^[\p{Latin}][\p{Latin} .'’-]*$"
_STREET = r"^[\p{Latin}][\p{Latin} .'’-]{2,28}$"
_LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "å": "a"}
_LETTERS |= {"œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
_PARENTS = {"es-mx": "es", "pt-br": "pt", "nl-be": "nl", "de-at": "de", "de-ch": "de"}


@dataclass(frozen=True)
class Pools:
    """What a locale's people and places are called. Folded, no first name is there twice."""

    men: pl.Series
    women: pl.Series
    last: pl.Series
    cities: pl.Series
    streets: pl.Series


@cache
def pools(locale: str) -> Pools:
    """The lists of this locale; what it lacks is taken from its language."""
    place(locale)
    person, address = _facts(locale, "person"), _facts(locale, "address")
    men, women = (_list(person["names"][sex]) for sex in ("male", "female"))
    last = person["surnames"]
    last = last["male"] if isinstance(last, dict) else last
    street = address["street"]
    streets = _list(street["name"], _STREET)
    if locale.startswith("en"):
        suffixes = ("Street", "Avenue", "Road", "Lane", "Drive")
        plain = streets.filter(~streets.str.contains(" "))
        turn = pl.Series([suffixes[k % len(suffixes)] for k in range(len(plain))])
        streets = plain + " " + turn
    elif locale[:2] in ("fr", "it", "es", "pt"):
        first = {"fr": "Rue", "it": "Via", "es": "Calle", "pt": "Rua"}[locale[:2]]
        known = streets.str.contains(r"^(Rue|Via|Viale|Calle|Avenida|Rua|Av|Pra)\b")
        streets = (first + " " + streets).zip_with(~known, streets)
    women = _apart(women.filter(~folded(women).is_in(folded(men).implode())))
    men, last = _apart(men), _apart(_list(last))
    return Pools(men, women, last, _list(address["city"]), streets.unique().sort())


@cache
def first_names(locale: str) -> pl.Series:
    """All first names of a locale."""
    names = _facts(locale, "person")["names"]
    return _list([*names["male"], *names["female"]])


@cache
def last_names(locale: str) -> pl.Series:
    """All last names of a locale, of women as well where theirs differ."""
    last = _facts(locale, "person")["surnames"]
    return _list([*last["male"], *last["female"]] if isinstance(last, dict) else last)


def folded(words: pl.Series) -> pl.Series:
    """The words as they stand in an email address: small letters of ASCII, nothing else."""
    small = words.str.to_lowercase()
    small = small.str.replace_many(list(_LETTERS), list(_LETTERS.values()))
    return small.str.normalize("NFKD").str.replace_all(r"[^a-z0-9]", "")


def _apart(words: pl.Series) -> pl.Series:
    """Words that differ when folded as well."""
    return words.filter(folded(words).is_first_distinct())


def _list(words: list[str], form: str = _LATIN) -> pl.Series:
    """The words in order, once each, without those that are not plain names."""
    series = pl.Series(words, dtype=pl.String).str.strip_chars().unique().sort()
    return series.filter(series.str.contains(form) & (series.str.len_chars() > 1))


def _facts(locale: str, what: str) -> dict[str, Any]:
    """A list of Mimesis, above those of the language that it belongs to."""
    parent = _PARENTS.get(locale) or ("en" if locale.startswith("en-") else None)
    facts: dict[str, Any] = _facts(parent, what) if parent else {}
    path = _folder() / locale / f"{what}.json"
    try:
        own = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise NeotypeError(
            f"the names of locale '{locale}' cannot be read: {cause}",
            mend="pip install --force-reinstall mimesis",
        ) from cause
    merged = {**facts, **own}
    for name in ("street", "names"):
        if name in facts:
            merged[name] = {**facts[name], **own.get(name, {})}
    return merged


@cache
def _folder() -> Path:
    try:
        return Path(str(distribution("mimesis").locate_file("mimesis/datasets")))
    except PackageNotFoundError:
        raise NeotypeError(
            "names and addresses are made from the lists of Mimesis, which is not installed.",
            mend="pip install mimesis",
        ) from None
