"""Made-up personal data: names, addresses, accounts and ids that belong to nobody, by row number.

`make("email", numbers, key="staff", locale="de")` gives the addresses of those people whose names
`make("full_name", …)` gives for the same numbers, key and locale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from neotype.errors import SchemaError, did_you_mean
from neotype.permutation import Numbers
from neotype.personal import accounts
from neotype.personal.national import SCHEMES
from neotype.personal.people import People
from neotype.personal.places import PLACES, locales_of, place

Case = Literal["", "upper", "lower"]
UNIQUE = frozenset(
    (
        *("full_name", "email", "phone", "username", "street_address", "address", "iban"),
        *("card_number", "national_id", "tax_id", "passport", "licence_plate", "ipv4", "ipv6"),
        *("mac", "url", "password", "secret"),
    )
)
"""Categories of which every row can have its own."""
_AREAS = np.array([f"{a}{b}{c}" for a in "23456789" for b in "02345678" for c in "0123456789"])
_SLOTS = 64


@dataclass(frozen=True)
class Style:
    """How a column writes: forms with their shares of 64, and the case.

    Forms of names and addresses of mail hold {first}, {last}, {f}, {l}, {middle} and {number}; of
    numbers # for each character, and {code} for a country's calling code.
    """

    forms: tuple[tuple[str, int], ...] = ()
    case: Case = ""

    def state(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {"forms": [list(form) for form in self.forms], "case": self.case}

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> Style:
        """The inverse of `state`."""
        return cls(tuple((form, share) for form, share in facts["forms"]), facts["case"])


@dataclass(frozen=True)
class _Wish:
    """What is wanted of the people."""

    category: str
    unique: bool
    scheme: str | None
    style: Style


def make(
    category: str,
    numbers: Numbers,
    *,
    key: str = "",
    locale: str = "en",
    unique: bool = False,
    scheme: str | None = None,
    style: Style | None = None,
    row: Mapping[str, pl.Series] | None = None,
) -> pl.Series:
    """Cells of this category for the people of these numbers (0, 1, 2, …; uint64).

    The same key, locale and number is the same person in every category. `row` holds what is
    already known of each: `sex`, `country` (which then decides the locale row by row), `city`,
    `first_name`, `last_name`, `full_name`. With `unique` no two numbers have the same cell.
    SchemaError for a category or locale that does not exist.
    """
    if category not in PROVIDERS:
        raise SchemaError(
            f"nothing is made of the category '{category}'.",
            found=f"categories: {', '.join(PROVIDERS)}",
            mend=did_you_mean(category, PROVIDERS),
        )
    if unique and category not in UNIQUE:
        raise SchemaError(
            f"cells of the category '{category}' repeat: there are not so many.",
            mend=f"unique ones are: {', '.join(sorted(UNIQUE))}",
        )
    place(locale)
    wish = _Wish(category, unique, scheme, style or Style())
    known = {name: cells for name, cells in (row or {}).items() if len(cells) == len(numbers)}
    if "country" not in known or not len(numbers):
        return _made(wish, People(numbers, key, locale, known, unique))
    locales = locales_of(known["country"], locale)
    parts, places_ = [], []
    for one in locales.unique().sort().to_list():
        here = (locales == one).arg_true()
        rows = {name: cells.gather(here) for name, cells in known.items()}
        parts.append(_made(wish, People(numbers[here.to_numpy()], key, one, rows, unique)))
        places_.append(here)
    return pl.concat(parts).gather(pl.concat(places_).arg_sort())


def _made(wish: _Wish, people: People) -> pl.Series:
    cells = PROVIDERS[wish.category](people, wish)
    if wish.style.case:
        upper = wish.style.case == "upper"
        cells = cells.str.to_uppercase() if upper else cells.str.to_lowercase()
    return cells.alias(wish.category)


def _by_form(
    people: People, forms: tuple[tuple[str, int], ...], write: Callable[[str], pl.Series]
) -> pl.Series:
    """Each row in one of the forms, in their shares."""
    if len(forms) == 1:
        return write(forms[0][0])
    ends = np.cumsum([share for _, share in forms])
    which = np.searchsorted(ends, people.toss("form", int(ends[-1])), side="right")
    out: pl.Series | None = None
    for k, (form, _) in enumerate(forms):
        cells = write(form)
        out = cells if out is None else cells.zip_with(pl.Series(which == k), out)
    assert out is not None
    return out


def _written(people: People, form: str, parts: Mapping[str, Callable[[], pl.Series]]) -> pl.Series:
    """A form with its {parts} filled in."""
    text: pl.Series | None = None
    for piece in re.split(r"(\{\w+\})", form):
        if not piece:
            continue
        cells: Any = parts[piece[1:-1]]() if piece[1:-1] in parts else piece
        if text is None:
            count = len(people.numbers)
            text = cells if isinstance(cells, pl.Series) else pl.repeat(cells, count, eager=True)
        else:
            text = text + cells
    return pl.Series([""] * len(people.numbers)) if text is None else text


def _full_name(people: People, wish: _Wish) -> pl.Series:
    forms = wish.style.forms or (("{first} {last}", _SLOTS),)
    initials = people.initials if wish.unique else pl.repeat("", len(people.numbers), eager=True)
    title = pl.Series(["Mr.", "Ms."]).gather(people.women)
    parts = {
        "first": lambda: people.first,
        "last": lambda: initials + people.last,
        "middle": lambda: people.middle,
        "title": lambda: title,
    }
    return _by_form(people, forms, lambda form: _written(people, form, parts))


def _address_of_mail(people: People, wish: _Wish, what: str) -> pl.Series:
    """The local part, unique by names and turns where both names stand in it, else by number."""

    def write(form: str) -> pl.Series:
        apart = re.search(r"\{first\}[^{]+\{last\}|\{last\}[^{]+\{first\}", form)
        if wish.unique and "{number}" not in form and (not apart or people.named):
            form += "{number}"
        text = _written(people, form, parts)
        if wish.unique and "{number}" not in form:
            turn = people.turn(people.namesakes)
            suffix = pl.Series(turn).cast(pl.String).replace("0", "")
            text = text + suffix
        return text

    parts = {
        "first": lambda: people.first_folded,
        "last": lambda: people.last_folded,
        "f": lambda: people.first_folded.str.head(1),
        "l": lambda: people.last_folded.str.head(1),
        "number": lambda: people.tag(what),
    }
    default = "{first}.{last}" if what == "email" else "{f}{last}{number}"
    return _by_form(people, wish.style.forms or ((default, _SLOTS),), write)


def _email(people: People, wish: _Wish) -> pl.Series:
    return _address_of_mail(people, wish, "email") + "@" + people.domain


def _username(people: People, wish: _Wish) -> pl.Series:
    return _address_of_mail(people, wish, "username")


def _national_number(people: People) -> tuple[pl.Series, pl.Series]:
    """The digits of a phone after the country's code, and how they are usually grouped."""
    forms = people.place.phones
    free = [len(_AREAS) * 100 if "{area}" in form else 10 ** form.count("#") for form in forms]
    size = min(free) * len(forms)
    index = people.index("phone", size)
    which = (index % np.uint64(len(forms))).astype(np.int64)
    rest = index // np.uint64(len(forms))
    text: pl.Series | None = None
    for k, form in enumerate(forms):
        local = form.split(" ", 1)[1]
        number = rest
        if "{area}" in local:
            area = pl.Series(
                _AREAS[(number // np.uint64(100) % np.uint64(len(_AREAS))).astype(int)]
            )
            local, number = local.replace("{area}", ""), number % np.uint64(100)
        else:
            area = pl.repeat("", len(rest), eager=True)
        digits = pl.Series(number).cast(pl.String).str.zfill(local.count("#"))
        cells = area + filled(local, digits)
        text = cells if text is None else cells.zip_with(pl.Series(which == k), text)
    assert text is not None
    usual = text
    later = people.beyond(size)
    if (later > 0).any():
        width = len(re.sub(r"\D", "", forms[0].split(" ", 1)[1].replace("{area}", "###")))
        beyond = pl.Series(np.maximum(people.numbers, np.uint64(size)) - np.uint64(size))
        spare = "0" + beyond.cast(pl.String).str.zfill(width - 1)
        usual = spare.zip_with(pl.Series(later > 0), usual)
    return usual.str.replace_all(r"\D", ""), usual


def _phone(people: People, wish: _Wish) -> pl.Series:
    digits, usual = _national_number(people)
    code = people.place.calling
    if not wish.style.forms:
        return f"+{code} " + usual
    many = int(digits.str.len_bytes().max() or 0)  # type: ignore[arg-type]
    as_usual = "+{code} " + usual.str.replace_all(r"\d", "#")
    grouped = as_usual.is_in([form for form, _ in wish.style.forms])

    def write(form: str) -> pl.Series:
        form = form.replace("{code}", code)
        main, extension = form, ""
        cut = re.search(r"\s*(?:x|ext\.?)\s*#+$", form)
        if cut:
            main, extension = form[: cut.start()], cut.group()
        room = main.count("#")
        body = digits
        if room < many:
            # No country gives a number that begins with 0: what does must keep its beginning.
            given = digits.str.starts_with("0")
            body = digits.str.head(room).zip_with(given, digits.str.tail(room))
            if wish.unique:
                short = pl.Series(people.index("short phone", 10 ** (room - 1)))
                body = "0" + short.cast(pl.String).str.zfill(room - 1)
        elif room > many:
            trunk = "1" if code == "1" else "0"
            body = pl.repeat(trunk * (room - many), len(digits), eager=True) + digits
        cells = filled(main, body)
        if form.startswith("+" + code):
            cells = (f"+{code} " + usual).zip_with(grouped, cells)
        if extension:
            cells = cells + filled(
                extension, people.tag("extension").str.tail(extension.count("#"))
            )
        return cells

    return _by_form(people, wish.style.forms, write)


def filled(form: str, characters: pl.Series) -> pl.Series:
    """The form with its # replaced one by one; what has more characters than # stays as it is."""
    pieces: list[Any] = []
    at = 0
    for run in re.findall(r"#+|[^#]+", form):
        pieces.append(characters.str.slice(at, len(run)) if run[0] == "#" else run)
        at += len(run) if run[0] == "#" else 0
    text = pl.repeat("", len(characters), eager=True)
    for piece in pieces:
        text = text + piece
    fits = characters.str.len_chars() == at
    return text.zip_with(fits, characters)


def _formed(people: People, wish: _Wish, plain: pl.Series, usual: str = "") -> pl.Series:
    """Compact numbers, grouped as the column groups them."""
    forms = wish.style.forms or ((usual, _SLOTS),)
    if not forms[0][0]:
        return plain
    return _by_form(people, forms, lambda form: filled(form, plain))


def _street_address(people: People, _wish: _Wish) -> pl.Series:
    return people.street


def _address(people: People, _wish: _Wish) -> pl.Series:
    if people.locale.startswith("en"):
        return people.street + ", " + people.city + ", " + people.postcode
    return people.street + ", " + people.postcode + " " + people.city


def _company(people: People, _wish: _Wish) -> pl.Series:
    kinds = {"de": ["GmbH", "AG", "KG"], "fr": ["SARL", "SA"], "es": ["S.L.", "S.A."]}
    kinds |= {"it": ["S.r.l.", "S.p.A."], "nl": ["B.V."], "pt": ["Lda.", "S.A."]}
    endings = pl.Series(kinds.get(people.locale[:2], ["Ltd", "Inc.", "Group", "& Sons"]))
    names = people.pools.last.gather(people.toss("company", len(people.pools.last)))
    return names + " " + endings.gather(people.toss("company form", len(endings)))


def _iban(people: People, wish: _Wish) -> pl.Series:
    numbers = people.index("iban", 10**9)
    return _formed(people, wish, accounts.make_iban(numbers, people.place.iso))


def _mac(people: People, wish: _Wish) -> pl.Series:
    plain = accounts.make_mac(people.index("mac", 1 << 40))
    return _formed(people, wish, plain.str.replace_all(":", ""), "##:##:##:##:##:##")


def _card(people: People, wish: _Wish) -> pl.Series:
    numbers = people.index("card", 10**8)
    brands = (("visa", 8), ("mastercard", 6), ("amex", 1), ("discover", 1))
    cells = _by_form(people, brands, lambda brand: accounts.make_card(numbers, brand))
    return _formed(people, wish, cells)


def _national_id(people: People, wish: _Wish) -> pl.Series:
    scheme = SCHEMES.get(wish.scheme or people.place.scheme)
    if scheme is None:
        return _formed(
            people, wish, pl.Series(people.index("id", 10**10)).cast(pl.String).str.zfill(10)
        )
    if wish.unique and (people.turn(scheme.capacity) > 0).any():
        raise SchemaError(
            f"there are only {scheme.capacity:,} numbers of the form '{scheme.title}' that are "
            f"given to nobody.",
            mend="use the treatment pattern or pseudonym",
        )
    made = scheme.make(people.index("id", scheme.capacity), people.women)
    return _formed(people, wish, made, scheme.layout)


def _lettered(form: str, what: str) -> Callable[[People, _Wish], pl.Series]:
    """@ is a letter and # a digit: passports and plates."""
    letters = pl.Series(list("BCDFGHJKLMNPRSTVWXZ"))

    def made(people: People, _wish: _Wish) -> pl.Series:
        size = 1
        for mark in form:
            size *= {"#": 10, "@": len(letters)}.get(mark, 1)
        rest = people.index(what, size)
        text = pl.repeat("", len(rest), eager=True)
        for mark in form:
            if mark == "#":
                rest, digit = np.divmod(rest, np.uint64(10))
                text = text + pl.Series(digit).cast(pl.String)
            elif mark == "@":
                rest, letter = np.divmod(rest, np.uint64(len(letters)))
                text = text + letters.gather(letter.astype(np.int64))
            else:
                text = text + mark
        return text

    return made


def _url(people: People, _wish: _Wish) -> pl.Series:
    return "https://www." + people.domain + "/" + people.last_folded + people.tag("url")


def _token(width: int, what: str) -> Callable[[People, _Wish], pl.Series]:
    return lambda people, wish: accounts.tokens(people.index(what, 1 << 60), width)


def _born(people: People, _wish: _Wish) -> pl.Series:
    days = pl.Series(people.toss("born", 365 * 60) - 365 * 25).cast(pl.Int32)
    return days.cast(pl.Date).dt.to_string("%Y-%m-%d")


PROVIDERS: Mapping[str, Callable[[People, _Wish], pl.Series]] = {
    "full_name": _full_name,
    "first_name": lambda people, wish: people.first,
    "last_name": lambda people, wish: people.last,
    "email": _email,
    "phone": _phone,
    "username": _username,
    "street_address": _street_address,
    "address": _address,
    "city": lambda people, wish: people.city,
    "postcode": lambda people, wish: people.postcode,
    "country": lambda people, wish: people.country,
    "company": _company,
    "iban": _iban,
    "card_number": _card,
    "national_id": _national_id,
    "tax_id": _national_id,
    "passport": _lettered("@########", "passport"),
    "licence_plate": _lettered("@@-@@ ####", "plate"),
    "ipv4": lambda people, wish: accounts.make_ipv4(people.numbers),
    "ipv6": lambda people, wish: accounts.make_ipv6(people.index("ipv6", 1 << 60)),
    "mac": _mac,
    "url": _url,
    "password": _token(12, "password"),
    "secret": _token(32, "secret"),
    "date_of_birth": _born,
}
"""What is made, by category."""

LOCALES: tuple[str, ...] = tuple(PLACES)
"""Whose names and forms there are."""


def pseudonyms(numbers: Numbers, key: str, width: int = 12) -> pl.Series:
    """Opaque tokens, all different."""
    return accounts.tokens(People(numbers, key).index("pseudonym", 1 << 60), max(width, 15))
