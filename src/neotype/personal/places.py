"""What differs from country to country: forms of phones, streets and postcodes, and their codes.

Phones are of ranges that are reserved for fiction where the country has some (US, CA: 555-01xx;
GB: Ofcom; DE: Bundesnetzagentur; FR: Arcep; AU: ACMA; SE: PTS), else of numbers that begin with 0
after the country's code, where no number does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from neotype.errors import SchemaError, did_you_mean


@dataclass(frozen=True)
class Place:
    """How a country writes. In forms # is a digit, @ a capital letter, everything else itself."""

    names: tuple[str, ...]
    """What the country is called in cells, its ISO codes first."""
    calling: str
    phones: tuple[str, ...]
    street: str
    postcode: str
    scheme: str
    """The national id that a person there has; empty where none is known here."""

    @property
    def iso(self) -> str:
        """The two-letter code."""
        return self.names[0].upper()


_NUMBER_LAST, _NUMBER_FIRST = "{street} {number}", "{number} {street}"
_DRAMA = tuple(
    f"+44 {area} {rest}###"
    for area, rest in (
        *(("20", "7946 0"), ("113", "496 0"), ("114", "496 0"), ("115", "496 0")),
        *(("116", "496 0"), ("117", "496 0"), ("118", "496 0"), ("121", "496 0")),
        *(("131", "496 0"), ("141", "496 0"), ("151", "496 0"), ("161", "496 0")),
        *(("191", "498 0"), ("7700", "900")),
    )
)
_FRENCH = tuple(
    f"+33 {start} ## ##" for start in ("1 99 00", "2 61 91", "3 53 01", "4 65 71", "5 36 49")
)
_GERMAN = ("+49 30 23125###", "+49 69 90009###", "+49 40 66969###", "+49 89 99998###")
_SWEDISH = ("+46 8 465004##", "+46 31 39006##", "+46 70 17406##")
_AUSTRALIAN = tuple(f"+61 {area} {rest} ####" for area in "2378" for rest in ("5550", "7010"))
_AMERICAN = ("+1 {area} 555-01##",)

PLACES: Mapping[str, Place] = {
    "en": Place(
        ("us", "usa", "united states", "united states of america", "u.s.", "u.s.a.", "america"),
        *("1", _AMERICAN, _NUMBER_FIRST, "#####", "us_ssn"),
    ),
    "en-gb": Place(
        ("gb", "gbr", "uk", "united kingdom", "great britain", "england", "scotland", "wales"),
        *("44", _DRAMA, _NUMBER_FIRST, "@@# #@@", "uk_nino"),
    ),
    "en-ca": Place(("ca", "can", "canada"), "1", _AMERICAN, _NUMBER_FIRST, "@#@ #@#", "ca_sin"),
    "en-au": Place(("au", "aus", "australia"), "61", _AUSTRALIAN, _NUMBER_FIRST, "####", "au_tfn"),
    "de": Place(
        ("de", "deu", "ger", "germany", "deutschland", "allemagne", "alemania"),
        *("49", _GERMAN, _NUMBER_LAST, "#####", "de_idnr"),
    ),
    "de-at": Place(
        ("at", "aut", "austria", "österreich"),
        *("43", ("+43 0## #######",), _NUMBER_LAST, "####", "at_svnr"),
    ),
    "de-ch": Place(
        ("ch", "che", "switzerland", "schweiz", "suisse", "svizzera"),
        *("41", ("+41 0# ### ## ##",), _NUMBER_LAST, "####", "ch_ahv"),
    ),
    "fr": Place(
        ("fr", "fra", "france", "frankreich", "francia"),
        *("33", _FRENCH, _NUMBER_FIRST, "#####", "fr_nir"),
    ),
    "nl": Place(
        ("nl", "nld", "netherlands", "the netherlands", "nederland", "holland", "niederlande"),
        *("31", ("+31 0# #######",), _NUMBER_LAST, "#### @@", "nl_bsn"),
    ),
    "nl-be": Place(
        ("be", "bel", "belgium", "belgië", "belgique", "belgien"),
        *("32", ("+32 0## ## ## ##",), _NUMBER_LAST, "####", "be_nn"),
    ),
    "es": Place(
        ("es", "esp", "spain", "españa", "spanien", "espagne"),
        *("34", ("+34 0## ### ###",), "{street}, {number}", "#####", "es_dni"),
    ),
    "es-mx": Place(
        ("mx", "mex", "mexico", "méxico"),
        *("52", ("+52 0## ### ####",), _NUMBER_LAST, "#####", ""),
    ),
    "it": Place(
        ("it", "ita", "italy", "italia", "italien"),
        *("39", ("+39 00 ########",), _NUMBER_LAST, "#####", "it_cf"),
    ),
    "pt": Place(
        ("pt", "prt", "portugal"),
        *("351", ("+351 0## ### ###",), "{street}, {number}", "####-###", "pt_nif"),
    ),
    "pt-br": Place(
        ("br", "bra", "brazil", "brasil", "brasilien"),
        *("55", ("+55 (0#) ####-####",), "{street}, {number}", "#####-###", "br_cpf"),
    ),
    "pl": Place(
        ("pl", "pol", "poland", "polska", "polen"),
        *("48", ("+48 0## ### ###",), _NUMBER_LAST, "##-###", "pl_pesel"),
    ),
    "sv": Place(
        ("se", "swe", "sweden", "sverige", "schweden"),
        *("46", _SWEDISH, _NUMBER_LAST, "### ##", "se_pnr"),
    ),
    "da": Place(
        ("dk", "dnk", "denmark", "danmark", "dänemark"),
        *("45", ("+45 0# ## ## ##",), _NUMBER_LAST, "####", ""),
    ),
    "no": Place(
        ("no", "nor", "norway", "norge", "norwegen"),
        *("47", ("+47 0## ## ###",), _NUMBER_LAST, "####", ""),
    ),
    "fi": Place(
        ("fi", "fin", "finland", "suomi", "finnland"),
        *("358", ("+358 0# ### ####",), _NUMBER_LAST, "#####", ""),
    ),
    "cs": Place(
        ("cz", "cze", "czech republic", "czechia", "česko", "tschechien"),
        *("420", ("+420 0## ### ###",), _NUMBER_LAST, "### ##", ""),
    ),
    "hu": Place(
        ("hu", "hun", "hungary", "magyarország", "ungarn"),
        *("36", ("+36 0# ### ####",), "{street} {number}.", "####", ""),
    ),
    "tr": Place(
        ("tr", "tur", "turkey", "türkiye", "türkei"),
        *("90", ("+90 0## ### ## ##",), _NUMBER_LAST, "#####", ""),
    ),
}

_BY_NAME = {name: locale for locale, place in PLACES.items() for name in place.names}
_BY_CALLING = {place.calling: locale for locale, place in reversed(list(PLACES.items()))}


def place(locale: str) -> Place:
    """The place of a locale; SchemaError names the nearest one when there is none."""
    known = locale_named(locale)
    if known is None:
        raise SchemaError(
            f"there are no names and addresses of the locale '{locale}'.",
            found=f"locales: {', '.join(PLACES)}",
            mend=did_you_mean(locale, PLACES),
        )
    return PLACES[known]


def locale_named(text: str) -> str | None:
    """The locale that is meant by de, de_DE, de-DE, DE, Germany or Deutschland; None if none is."""
    code = text.strip().casefold().replace("_", "-")
    if code in PLACES:
        return code
    head, _, tail = code.partition("-")
    if tail and len(tail) == 2:
        mixed = _BY_NAME.get(tail)
        return (
            mixed if mixed is not None and mixed[:2] == head else (head if head in PLACES else None)
        )
    return _BY_NAME.get(code)


def locales_of(countries: pl.Series, other: str) -> pl.Series:
    """The locale of each country; `other` where it is missing or not known."""
    cells = countries.cast(pl.String)
    found = {text: locale_named(text) or other for text in cells.drop_nulls().unique().to_list()}
    return cells.replace_strict(found, default=other, return_dtype=pl.String).fill_null(other)


def locale_calling(code: str) -> str | None:
    """The locale of a country's calling code."""
    return _BY_CALLING.get(code)
