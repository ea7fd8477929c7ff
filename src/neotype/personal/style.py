"""How a column writes what it holds: learnt from its cells, as forms that several rows share."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from neotype.personal.fake import Case, Style
from neotype.personal.places import locale_calling, place

_SLOTS, _FORMS = 64, 12
_DIGITS = 3
_NEARLY_ALL = 0.95
_MAIL = frozenset(("email", "username"))
_NAMES = frozenset(("full_name",))
_MASKED = frozenset(
    ("phone", "iban", "card_number", "national_id", "tax_id", "mac"),
)
_CASED = frozenset(
    ("full_name", "first_name", "last_name", "street_address", "address", "city", "mac", "company"),
)
_CODE = r"^(\+|00)\s?"
_CODE_OF = r"^(?:\+|00)\s?(\d{1,3})\b"


def learn_style(category: str, cells: pl.Series, protect: int) -> Style:
    """The style of cells (text without nulls): what fewer than `protect` rows show is left out."""
    if len(cells) < protect:
        return Style()
    if category in _MAIL:
        forms = _shared(_local_parts(cells, category), protect)
    elif category in _NAMES:
        forms = _shared(_orders(cells), protect)
    elif category in _MASKED:
        forms = _shared(_masks(category, cells), protect)
    else:
        forms = ()
    return Style(forms, _case(cells) if category in _CASED else "")


def own_style(category: str, cells: pl.Series, locale: str) -> pl.DataFrame:
    """How each cell is written by itself: its form, its case, and the locale of its code."""
    nothing = pl.repeat("", len(cells), dtype=pl.String, eager=True)
    form, case, whose = nothing, nothing, pl.repeat(locale, len(cells), eager=True)
    if category in _MASKED:
        form = _masks(category, cells).fill_null("")
    if category == "phone":
        codes = cells.str.strip_chars().str.extract(_CODE_OF)
        known = {code: _coded(code, locale) for code in codes.drop_nulls().unique().to_list()}
        found = codes.replace_strict(known, default=None, return_dtype=pl.String)
        whose = found.fill_null(locale)
        # A code that is not apart from the number would be taken for digits of it.
        loose = codes.is_not_null() & ~form.str.contains("{code}", literal=True)
        # Nor may a form carry words, or have so few digits that it is the cell itself.
        bare = form.str.replace(r"\{code\}", "").str.replace(r"(?i)(x|ext\.?)\s*#+$", "#")
        told = bare.str.contains(r"\p{L}") | (bare.str.count_matches("#") < _DIGITS)
        form = form.set(loose.fill_null(False) | told, "")
        for one in whose.unique().to_list():
            form = form.set((whose == one) & form.is_in(_usual(one)), "")
    if category in _CASED:
        lettered = cells.str.contains(r"\p{L}.*\p{L}")
        cased = (("upper", cells.str.to_uppercase()), ("lower", cells.str.to_lowercase()))
        for name, same in cased:
            case = case.set((lettered & (cells == same)).fill_null(False), name)
    return pl.DataFrame({"form": form, "case": case, "locale": whose})


def _usual(locale: str) -> list[str]:
    """The forms that are usual in a country: a number in one of them may have another."""
    local = [form.split(" ", 1)[1].replace("{area}", "###") for form in place(locale).phones]
    return sorted({"+{code} " + re.sub(r"\d", "#", form) for form in local})


def _coded(code: str, locale: str) -> str | None:
    """Whose calling code these digits begin with; of several, the locale itself."""
    for width in range(len(code), 0, -1):
        if code[:width] == place(locale).calling:
            return locale
        if found := locale_calling(code[:width]):
            return found
    return None


def _shared(forms: pl.Series, protect: int) -> tuple[tuple[str, int], ...]:
    """The commonest forms, in shares of 64."""
    counted = forms.drop_nulls().value_counts(sort=True, name="rows")
    kept = counted.filter(pl.col("rows") >= protect).head(_FORMS).rows()
    total = sum(rows for _, rows in kept)
    shares = [(str(form), max(1, round(_SLOTS * rows / total))) for form, rows in kept]
    return tuple(sorted(shares, key=lambda pair: (-pair[1], pair[0])))


def _case(cells: pl.Series) -> Case:
    lettered = cells.filter(cells.str.contains(r"\p{L}"))
    if not len(lettered):
        return ""
    for case in ("upper", "lower"):
        same = lettered.str.to_uppercase() if case == "upper" else lettered.str.to_lowercase()
        if _share(same == lettered) >= _NEARLY_ALL:
            return "upper" if case == "upper" else "lower"
    return ""


def _share(mask: pl.Series) -> float:
    return float(mask.cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


def _choose(cells: pl.Series, cases: list[tuple[str, str]], other: str) -> pl.Series:
    """The form of the first regular expression that a cell fits."""
    frame = pl.DataFrame({"text": cells})
    chain: Any = pl
    for pattern, form in cases:
        chain = chain.when(pl.col("text").str.contains(pattern)).then(pl.lit(form))
    return frame.select(chain.otherwise(pl.lit(other)))["literal"]


def _orders(cells: pl.Series) -> pl.Series:
    """Smith, Anna; Anna B. Smith; Ms. Anna Smith; Anna Smith."""
    return _choose(
        cells,
        [
            (r"^[^,]+, \S+ \p{Lu}\.?$", "{last}, {first} {middle}."),
            (r"^[^,]+, ", "{last}, {first}"),
            (r"^(?i:mr|mrs|ms|miss|herr|frau|dr)\.? ", "{title} {first} {last}"),
            (r"^\S+ \p{Lu}\. \S", "{first} {middle}. {last}"),
            (r"^\p{L}\. ?\p{L}", "{f}. {last}"),
        ],
        "{first} {last}",
    )


def _local_parts(cells: pl.Series, category: str) -> pl.Series:
    """anna.smith, a.smith, anna_smith, asmith; each with or without a number after it."""
    local = cells.str.to_lowercase().str.replace(r"@.*$", "")
    cases = []
    for mark in (r"\.", "_", "-"):
        plain = mark.strip("\\")
        for end, number in ((r"\d+$", "{number}"), ("", "")):
            cases += [
                (rf"^\p{{L}}{mark}\p{{L}}.*{end}", f"{{f}}{plain}{{last}}{number}"),
                (rf"^\p{{L}}+{mark}\p{{L}}.*{end}", f"{{first}}{plain}{{last}}{number}"),
            ]
    whole = "{f}{last}" if category == "username" else "{first}{last}"
    return _choose(local, [*cases, (r"\d+$", whole + "{number}")], whole)


def _masks(category: str, cells: pl.Series) -> pl.Series:
    """Every letter and digit as #, but for the code of a country."""
    if category != "phone":
        return cells.str.strip_chars().str.replace_all(r"[\p{L}\p{N}]", "#")
    text = cells.str.strip_chars()
    extension = text.str.extract(r"(?i)(\s*(?:x|ext\.?)\s*\d+)$").fill_null("")
    main = text.str.replace(r"(?i)\s*(?:x|ext\.?)\s*\d+$", "")
    codes = main.str.extract(_CODE_OF).fill_null("")
    known = codes.unique().to_list()
    valid = codes.is_in([code for code in known if locale_calling(code)])
    after = main.str.replace(_CODE + r"\d{1,3}", "").str.replace_all(r"\d", "#")
    start = main.str.extract(_CODE).fill_null("")
    coded = start + "{code}" + after
    plain = main.str.replace_all(r"\d", "#")
    return coded.zip_with(valid, plain) + extension.str.replace_all(r"\d", "#")
