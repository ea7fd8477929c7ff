"""What the cells of a column look like: the share of them that is an address, a name, an id."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import polars as pl

from neotype.personal.accounts import valid_card, valid_iban
from neotype.personal.national import SCHEMES
from neotype.personal.places import PLACES
from neotype.personal.pools import first_names, folded, last_names

EMAIL = r"^[\p{L}\d._%+'-]+@[\p{L}\d-]+(\.[\p{L}\d-]+)*\.\p{L}{2,}$"
PHONE = r"^(\+|00)?[\s(]*\d[\d\s().\-/]{4,18}\d(\s*(x|ext\.?)\s*\d+)?$"
PHONE_TELLING = r"^(\+\d|00[1-9]|\(\d{2,5}\)|\d{3}[-.\s]\d{3}[-.\s]\d{4}$)"
IPV4 = r"^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$"
IPV6 = r"^[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){2,7}$"
MAC = r"^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$"
URL = r"^(https?://|www\.)\S+\.\S+$"
SECRET = (
    r"^(sk_(live|test)_|pk_(live|test)_|gh[pousr]_|xox[abp]-|AKIA[0-9A-Z]{12}|eyJ[\w-]+\.eyJ"
    r"|\$2[aby]\$\d\d\$|\$argon2|AIza[\w-]{30})"
)
STREET = (
    r"(?i)\b(street|st|avenue|ave|road|rd|lane|ln|drive|dr|blvd|boulevard|court|ct|square|sq|way"
    r"|terrace|place|pl|parkway|pkwy|rue|allée|chemin|impasse|quai|calle|c/|avda|avenida|paseo"
    r"|plaza|via|viale|corso|piazza|rua|travessa|praça|plein|gatan|vägen|vej|ulica|ul)\b"
    r"|(?i)(straße|strasse|str\.|gasse|weg|platz|allee|ring|ufer|damm|straat|laan|gracht|kade)\b"
)
NUMBERED = r"^\d{1,5}[a-zA-Z]?[,\s]+\p{L}|\p{L}[,.\s]+(N[º°o.]*\s*)?\d{1,5}\s?[a-zA-Z]?([,/\s]|$)"
WORDS = r"^\p{L}[\p{L}\p{M}.'’ -]*$"
CAPITAL_WORDS = r"^\p{Lu}[\p{L}.'’-]*(,? \p{L}[\p{L}.'’-]*){1,4}$"
POSTCODE = r"^[A-Za-z]{0,3}[- ]?\d[\dA-Za-z]{0,6}([- ]?[\dA-Za-z]{2,4})?$"
PLATE = r"^[A-Z0-9][A-Z0-9 ·-]{3,9}$|^[A-HJ-NPR-Z0-9]{17}$"
TOKEN = r"^\S{12,}$"
DATE = r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}"


_LOOKS: Mapping[str, str] = {
    "email": EMAIL,
    "phone": PHONE,
    "telling phone": PHONE_TELLING,
    "bare phone": r"^\d{7,15}$",
    "iban": r"^[A-Za-z]{2}\d{2}[\sA-Za-z0-9]{11,}$",
    "card": r"^\d[\d -]{11,22}$",
    "id": r"^[\dA-Za-z][\dA-Za-z ./-]{7,22}$",
    "ipv4": IPV4,
    "ipv6": IPV6,
    "mac": MAC,
    "url": URL,
    "secret": SECRET,
    "token": TOKEN,
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "street": STREET,
    "numbered": NUMBERED,
    "two places": r"\d{4,}.*,|,.*\d{4,}",
    "postcode": POSTCODE,
    "plate": PLATE,
    "words": WORDS,
    "capital": r"^\p{Lu}",
    "capital words": CAPITAL_WORDS,
    "single": r"^\S+$",
    "short": r"^.{4,20}$",
    "prose": r"\S+\s+\S+\s+\S+\s+\S+",
    "letters": r"\p{L}{2}",
    "digit": r"\d",
    "digits": r"\d.*\d.*\d.*\d",
    "three digits": r"\d{3}",
    "date": DATE,
    "clock": r"^\d{1,2}:\d\d(:\d\d)?$",
}


def looks(cells: pl.Series) -> Mapping[str, float]:
    """The share of cells that have each form, by its name."""
    text = pl.col("cells")
    every = (text.str.contains(p).cast(pl.Float64).mean().alias(n) for n, p in _LOOKS.items())
    return pl.DataFrame({"cells": cells}).select(every).row(0, named=True)


def share(cells: pl.Series, pattern: str) -> float:
    """The share of cells in which the pattern is found."""
    return _mean(cells.str.contains(pattern))


def share_iban(cells: pl.Series) -> float:
    """The share of valid IBANs."""
    return _mean(valid_iban(cells))


def share_card(cells: pl.Series) -> float:
    """The share of valid card numbers."""
    return _mean(valid_card(cells))


def best_scheme(cells: pl.Series, *, telling: bool) -> tuple[str, float]:
    """The national id that most cells are, and their share; only telling ones if so asked."""
    shares = {
        name: _mean(scheme.valid(cells))
        for name, scheme in SCHEMES.items()
        if scheme.telling or not telling
    }
    found = max(shares, key=lambda name: (shares[name], bool(SCHEMES[name].checks)))
    return found, shares[found]


def _mean(mask: pl.Series) -> float:
    return float(mask.cast(pl.Float64).fill_null(0.0).mean() or 0.0)  # type: ignore[arg-type]


@cache
def _known(locale: str | None) -> tuple[pl.Series, pl.Series]:
    """First and last names, folded: of one locale, or of all."""
    locales = list(PLACES) if locale is None else [locale]
    first = pl.concat([folded(first_names(one)) for one in locales]).unique()
    last = pl.concat([folded(last_names(one)) for one in locales]).unique()
    return first, last


def _parts(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The word that is the first name and the one that is the last, folded."""
    plain = cells.str.replace(r"^(?i:mr|mrs|ms|miss|dr|prof|herr|frau|sir)\.? ", "")
    turned = plain.str.replace(r"^([^,]+), *(.+)$", "$2 $1")
    first, last = turned.str.extract(r"^([^\s-]+)"), turned.str.extract(r"([^\s-]+)$")
    return folded(first.fill_null("")), folded(last.fill_null(""))


def share_first(cells: pl.Series, locale: str | None = None) -> float:
    """The share of cells that begin with a known first name."""
    return _mean(_parts(cells)[0].is_in(_known(locale)[0].implode()))


def share_last(cells: pl.Series, locale: str | None = None) -> float:
    """The share of cells that are known last names."""
    return _mean(_parts(cells)[1].is_in(_known(locale)[1].implode()))


def best_locale(cells: pl.Series) -> tuple[str, float]:
    """The locale to which most of these names belong, and by how much more than to English."""
    first, last = _parts(cells)
    score = {}
    for locale in PLACES:
        known_first, known_last = _known(locale)
        score[locale] = _mean(first.is_in(known_first.implode())) + _mean(
            last.is_in(known_last.implode())
        )
    found = max(score, key=lambda one: (score[one], -list(PLACES).index(one)))
    return found, score[found] - score["en"]


_WITHIN = {
    "email addresses": r"[\p{L}\d._%+-]+@[\p{L}\d-]+\.[\p{L}.]{2,}",
    "phone numbers": r"(?:\+\d{1,3}[\s.-]?)?(?:\(\d{2,5}\)|\d{2,5})[\s.-]\d{3,4}[\s.-]\d{3,4}\b",
    "web addresses": r"https?://\S+",
    "IP addresses": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
}
_CARD_LIKE = r"\b(?:\d[ -]?){13,19}\b"
_IBAN_LIKE = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b"
_ID_LIKE = r"\b(?:\d{3}-\d{2}-\d{4}|[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z])\b"
_NAME_LIKE = r"\b\p{Lu}\p{Ll}+ (?:\p{Lu}\. )?\p{Lu}\p{Ll}+\b"


def within(cells: pl.Series) -> dict[str, float]:
    """Of long texts: the share of cells that hold each kind of personal data."""
    found: dict[str, float] = {}
    rest = cells
    for what, pattern, valid in (
        ("card numbers", _CARD_LIKE, valid_card),
        ("IBANs", _IBAN_LIKE, valid_iban),
    ):
        hits = cells.str.extract(pattern, 0)
        found[what] = float(valid(hits.fill_null("")).sum()) / len(cells)
        rest = rest.str.replace_all(pattern, "") if hits.is_not_null().any() else rest
    found |= {what: share(rest, pattern) for what, pattern in _WITHIN.items()}
    found["national ids"] = share(rest, _ID_LIKE)
    every = cells.str.extract_all(_NAME_LIKE)
    rows = pl.DataFrame({"row": pl.int_range(len(cells), eager=True), "name": every})
    names = rows.explode("name").drop_nulls()
    if len(names):
        first, last = _parts(names["name"])
        known_first, known_last = _known(None)
        hit = first.is_in(known_first.implode()) & last.is_in(known_last.implode())
        found["names"] = names.filter(hit)["row"].n_unique() / len(cells)
    return {what: part for what, part in found.items() if part > 0}
