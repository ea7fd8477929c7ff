"""Which columns of a table are about persons: by their names and by a sample of their cells.

Reasons hold counts and shares, never a cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from neotype.personal import contents as c
from neotype.personal.categories import CATEGORIES, FORMED, Category, Treatment
from neotype.personal.lexicon import hints_person, named, words
from neotype.personal.national import SCHEMES
from neotype.personal.places import PLACES, locale_calling, locale_named

SURE = 0.7
"""From this confidence on a column is taken for personal."""
_SAMPLE, _ROWS = 2_000, 20_000
_MANY = 20
"""Distinct cells that are needed where the name of the column says nothing."""
_DIVERSE = 0.3
_ABOUT_PERSONS = frozenset(
    (
        *("age", "sex", "gender", "race", "ethnicity", "marital", "religion", "salary", "birth"),
        *("occupation", "geschlecht", "alter", "sexe", "sexo", "edad", "beruf"),
    )
)


@dataclass(frozen=True)
class Finding:
    """A column that is, or may be, personal: why, and how surely (0 to 1)."""

    column: str
    category: Category
    confidence: float
    reason: str
    locale: str = "en"
    scheme: str | None = None

    @property
    def role(self) -> str:
        """direct, quasi or aside."""
        return CATEGORIES[self.category].role

    @property
    def sure(self) -> bool:
        """Whether the column tells who it is, beyond reasonable doubt."""
        return self.role == "direct" and self.confidence >= SURE

    @property
    def mentions(self) -> bool:
        """Whether its texts say who somebody is, beyond reasonable doubt."""
        return self.category == "free_text" and self.confidence >= SURE

    @property
    def treatment(self) -> Treatment:
        """What is done with it unless the user says otherwise."""
        if not self.sure:
            return "mask" if self.mentions else "keep"
        unknown = self.category == "national_id" and self.scheme is None
        return "pattern" if unknown or self.category in FORMED else "fake"


@dataclass(frozen=True)
class _Column:
    """A column under examination: its name and up to 2,000 of its distinct cells as text."""

    name: str
    dtype: pl.DataType
    cells: pl.Series
    rows: int
    """Rows of the sample that the distinct cells are of."""

    @property
    def said(self) -> str | None:
        return named(self.name)

    @cached_property
    def looks(self) -> Mapping[str, float]:
        """The share of cells that have each form."""
        return c.looks(self.cells)

    @property
    def many(self) -> bool:
        return len(self.cells) >= _MANY

    @property
    def diverse(self) -> bool:
        return len(self.cells) >= _DIVERSE * self.rows or len(self.cells) >= 500

    def found(
        self, category: Category, confidence: float, part: float | None, **more: str
    ) -> Finding:
        title = CATEGORIES[category].title
        by_name = f"named like {_a(title)}" if self.said == category else ""
        by_cells = (
            f"{part:.0%} of {len(self.cells):,} distinct cells fit" if part is not None else ""
        )
        reason = ", ".join(filter(None, (by_name, by_cells)))
        return Finding(self.name, category, round(confidence, 2), reason, **more)


def _a(title: str) -> str:
    return f"an {title}" if title[0] in "eiaoIEAO" else f"a {title}"


def detect(frame: pl.DataFrame) -> dict[str, Finding]:
    """The findings of a table, by column, in its order.

    Columns that are only quasi-identifying (city, postcode, country, date of birth) are found
    where other columns are about persons as well.
    """
    found: dict[str, Finding] = {}
    locales: Counter[str] = Counter()
    for series in frame.iter_columns():
        column = _sampled(series)
        finding = None if column is None else _examine(column)
        if column is None or finding is None:
            continue
        found[series.name] = finding
        if finding.sure:
            locales.update(_votes(finding, column))
    persons = any(f.role == "direct" for f in found.values()) or any(
        _ABOUT_PERSONS & set(words(name)) for name in frame.columns
    )
    locale = locales.most_common(1)[0][0] if locales else "en"
    return {
        name: replace(finding, locale=locale)
        for name, finding in found.items()
        if persons or finding.role != "quasi"
    }


def _sampled(series: pl.Series) -> _Column | None:
    """The column, where it may be personal at all."""
    dtype, said = series.dtype, named(series.name)
    text = isinstance(dtype, pl.String) or type(dtype) is pl.Categorical
    number = dtype.is_integer() and said is not None
    date = dtype in (pl.Date, pl.Datetime) and said == "date_of_birth"
    point = dtype.is_float() and said == "coordinates"
    if not (text or number or date or point):
        return None
    some = series.gather_every(max(1, len(series) // _ROWS)).head(_ROWS).drop_nulls()
    cells = some.cast(pl.String).str.strip_chars()
    cells = cells.filter(cells != "").unique(maintain_order=True).head(_SAMPLE)
    if cells.is_empty():
        return None
    return _Column(series.name, dtype, cells, min(len(some), _SAMPLE))


def _examine(column: _Column) -> Finding | None:
    if column.dtype in (pl.Date, pl.Datetime):
        return column.found("date_of_birth", 0.95, None)
    if column.dtype.is_float():
        return column.found("coordinates", 0.8, None)
    if column.dtype.is_integer():
        return _numbers(column)
    for look in (_accounts, _machines, _ids, _named, _people, _places, _prose):
        finding = look(column)
        if finding is not None:
            return finding
    return None


def _numbers(column: _Column) -> Finding | None:
    """Ids, phones, cards and postcodes that are stored as numbers, where the name says so."""
    cells, said = column.cells, column.said
    if said == "card_number" and (part := c.share_card(cells)) >= 0.8:
        return column.found("card_number", 0.99, part)
    if said in ("national_id", "tax_id"):
        return _id_of(column)
    if said == "phone" and (part := column.looks["bare phone"]) >= 0.8 and column.diverse:
        return column.found("phone", 0.9, part)
    if said == "postcode" and (part := c.share(cells, r"^\d{3,8}$")) >= 0.8:
        return column.found("postcode", 0.9, part)
    return None


def _accounts(column: _Column) -> Finding | None:
    """Addresses of mail, bank accounts, cards: forms and checksums that tell by themselves."""
    cells, said = column.cells, column.said
    enough = len(cells) >= 5
    tests: list[tuple[Category, float]] = [("email", column.looks["email"])]
    if column.looks["iban"] >= 0.8:
        tests.append(("iban", c.share_iban(cells)))
    if column.looks["card"] >= 0.8:
        tests.append(("card_number", c.share_card(cells)))
    for category, part in tests:
        if part >= 0.8 and (enough or said == category):
            return column.found(category, 0.99 if said == category else 0.95, part)
    return None


def _machines(column: _Column) -> Finding | None:
    cells, said = column.cells, column.said
    part = column.looks["ipv4"]
    # 1.2.10.4 is a version as well: without a name, large numbers must show
    if part >= 0.9 and (said == "ipv4" or (column.many and column.looks["three digits"] >= 0.9)):
        return column.found("ipv4", 0.98 if said == "ipv4" else 0.85, part)
    part, enough = column.looks["mac"], column.many or said == "mac"
    if part >= 0.9 and enough:
        return column.found("mac", 0.95, part)
    part, enough = column.looks["ipv6"], column.many or said in ("ipv6", "ipv4")
    if part >= 0.9 and enough and column.looks["clock"] < 0.1:
        return column.found("ipv6", 0.95, part)
    part = column.looks["url"]
    if part >= 0.9 and column.diverse:
        return column.found("url", 0.9 if said == "url" else 0.75, part)
    part = column.looks["secret"]
    if part >= 0.9 and len(cells) >= 5:
        return column.found("secret", 0.95, part)
    return None


def _ids(column: _Column) -> Finding | None:
    if column.said in ("national_id", "tax_id"):
        return _id_of(column)
    if not column.many or not column.diverse or column.looks["id"] < 0.95:
        return None
    scheme, part = c.best_scheme(column.cells, telling=True)
    if part >= 0.95:
        found = column.found("national_id", 0.9, part, scheme=scheme)
        return replace(found, reason=f"{part:.0%} are a valid {SCHEMES[scheme].title}")
    return None


def _id_of(column: _Column) -> Finding | None:
    """The kind of id of a column that is named like one."""
    scheme, part = c.best_scheme(column.cells, telling=False)
    said: Category = "tax_id" if column.said == "tax_id" else "national_id"
    if part >= 0.8:
        found = column.found("national_id", 0.98, part, scheme=scheme)
        return replace(
            found, reason=f"named like an id, {part:.0%} are a valid {SCHEMES[scheme].title}"
        )
    if column.diverse and column.looks["digits"] >= 0.8:
        return column.found(said, 0.75, None)
    return None


def _named(column: _Column) -> Finding | None:  # noqa: PLR0911 (one return a category)
    """What only the name tells, where the cells do not speak against it."""
    cells, said = column.cells, column.said
    if said == "phone" or (column.many and said is None):
        part = column.looks["phone"]
        dates = column.looks["date"]
        if said == "phone" and part >= 0.7 and dates < 0.5:
            return column.found("phone", 0.97, part)
        telling = column.looks["telling phone"]
        if said is None and part >= 0.9 and telling >= 0.9 and dates < 0.1:
            return column.found("phone", 0.8, part)
    single = column.looks["single"] >= 0.95
    if said == "username" and single and column.diverse:
        return column.found("username", 0.9, None)
    if said == "password" and column.diverse and c.share(cells, r"^\S{4,}$") >= 0.95:
        return column.found("password", 0.9, None)
    token = column.looks["token"] >= 0.9 and column.looks["uuid"] < 0.9  # a UUID is an identifier
    if said == "secret" and column.diverse and token:
        return column.found("secret", 0.85, None)
    coded = column.diverse and column.looks["digit"] >= 0.8 and column.looks["short"] >= 0.9
    if said in ("passport", "iban") and coded:
        return column.found("passport" if said == "passport" else "iban", 0.85, None)
    if said == "licence_plate" and coded and (part := column.looks["plate"]) >= 0.8:
        return column.found("licence_plate", 0.85, part)
    return None


def _people(column: _Column) -> Finding | None:
    """Names of persons: lists of known names say whether a column of words is one."""
    cells, said = column.cells, column.said
    wordy = column.looks["words"] >= 0.9 and column.looks["capital"] >= 0.6
    if said in ("first_name", "last_name") and column.looks["words"] >= 0.8:
        known = c.share_first(cells) if said == "first_name" else c.share_last(cells)
        if known >= 0.15 or column.diverse:
            category: Category = "first_name" if said == "first_name" else "last_name"
            return column.found(category, 0.97 if known >= 0.15 else 0.75, known)
    if not wordy or said in ("city", "country", "company", "sex"):
        return None
    whole = column.looks["capital words"]
    hinted = said == "full_name" or hints_person(column.name)
    if whole >= 0.7 and (said == "full_name" or (hinted and len(cells) >= 5) or column.many):
        first, last = c.share_first(cells), c.share_last(cells)
        if said == "full_name" and (first >= 0.2 or column.diverse):
            return column.found("full_name", 0.97 if first >= 0.2 else 0.75, first)
        least = 0.4 if hinted else 0.6
        if first >= least and (last >= least / 2 or hinted):
            return column.found("full_name", 0.9 if hinted else 0.75, first)
    if hinted and len(cells) >= 5 and column.looks["single"] >= 0.9:
        first, last = c.share_first(cells), c.share_last(cells)
        if max(first, last) >= 0.6:
            return column.found(
                "first_name" if first >= last else "last_name", 0.8, max(first, last)
            )
    return None


def _places(column: _Column) -> Finding | None:  # noqa: PLR0911 (one return a category)
    cells, said = column.cells, column.said
    numbered, street = column.looks["numbered"], column.looks["street"]
    if said == "street_address" and (numbered >= 0.4 or street >= 0.3) and len(cells) > 2:
        whole = column.looks["two places"] >= 0.5
        return column.found("address" if whole else "street_address", 0.95, max(numbered, street))
    if said is None and column.many and column.diverse and min(numbered, street) >= 0.7:
        return column.found("street_address", 0.75, min(numbered, street))
    if said == "postcode" and (part := column.looks["postcode"]) >= 0.8:
        return column.found("postcode", 0.9, part)
    if said in ("city", "country") and column.looks["words"] >= 0.9:
        return column.found("city" if said == "city" else "country", 0.8, None)
    if said == "company" and len(cells) > 2 and column.looks["letters"] >= 0.9:
        return column.found("company", 0.6, None)
    if said == "date_of_birth" and (part := column.looks["date"]) >= 0.9:
        return column.found("date_of_birth", 0.95, part)
    return None


def _prose(column: _Column) -> Finding | None:
    """Personal data within longer texts."""
    cells = column.cells
    if column.looks["prose"] < 0.5 or not column.diverse:
        return None
    parts = c.within(cells.head(1_000))
    if not parts:
        return None
    shown = ", ".join(
        f"{what} in {max(part, 0.01):.0%}"
        for what, part in sorted(parts.items(), key=lambda p: -p[1])
    )
    return Finding(
        column.name,
        "free_text",
        round(min(0.95, 0.5 + max(parts.values())), 2),
        f"texts with {shown} of the cells",
    )


def _votes(finding: Finding, column: _Column) -> dict[str, int]:
    """Which locale a column speaks for."""
    cells = column.cells
    if finding.scheme is not None:
        return {one: 3 for one, place in PLACES.items() if place.scheme == finding.scheme}
    match finding.category:
        case "iban":
            heads = Counter(cells.str.head(2).to_list())
            locale = locale_named(heads.most_common(1)[0][0])
            return {locale: 3} if locale else {}
        case "phone":
            codes = cells.str.extract(r"^(?:\+|00)\s?(\d{1,3})\b").drop_nulls()
            if len(codes) >= len(cells) / 2:
                most = Counter(codes.to_list()).most_common(1)[0]
                locale = locale_calling(most[0])
                return {locale: 2} if locale and most[1] > len(cells) / 2 else {}
        case "first_name" | "last_name" | "full_name" if column.many:
            locale, margin = c.best_locale(cells.head(500))
            return {locale: 2} if margin > 0.15 else {"en": 1}
    return {}
