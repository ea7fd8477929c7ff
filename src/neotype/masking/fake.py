"""Made-up people in the place of real ones: the same value always becomes the same fake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import numpy as np
import polars as pl
from pydantic import Field

from neotype.errors import did_you_mean
from neotype.masking.key import canonical
from neotype.masking.treatment import Setting, Treatment, mapped, wrong
from neotype.permutation import Numbers
from neotype.personal.fake import LOCALES, PROVIDERS, Case, Style, make
from neotype.personal.style import own_style
from neotype.schema.names import words
from neotype.schema.schema import Personal

_PEOPLE = np.uint64(1 << 40)
_OWN = ("email", "username")
"""Of these, every one of the 2**40 people has another."""
_SEX = frozenset(("sex", "gender", "geschlecht", "sexe", "sexo", "sesso", "geslacht"))


class Fake(Treatment):
    """A made-up value of the column's category, in text.

    It is written as the value itself is: a phone in its grouping and with its country's code, a
    name in its case. A fake belongs to a value: who shared an address shares its fake. With `per`
    it belongs to the owner named there: all of a person's fakes go together, the name with the
    address of mail, and with the column that tells the sex. Two values may get the same fake where
    there are few; addresses of mail and user names never do.
    """

    keyed: ClassVar[bool] = True
    short: ClassVar[str | None] = "category"

    treat: Literal["fake"] = "fake"
    category: str | None = Field(default=None, description="what is made; found if unsaid")
    locale: str | None = Field(default=None, description="whose names and forms: en, de, …")
    per: str | None = Field(default=None, description="the column that names the owner")

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:
        """Text."""
        column = setting.column
        known = column if isinstance(column, Personal) else None
        category = self.category or (known.category if known else None)
        if category is None:
            raise wrong(
                self, cells, "nothing says what it holds.", "say it: fake:email, fake:full_name"
            )
        if category not in PROVIDERS:
            raise wrong(
                self,
                cells,
                f"nothing is made of the category '{category}'.",
                did_you_mean(category, PROVIDERS) or f"there are: {', '.join(PROVIDERS)}",
            )
        per = self.per or setting.person
        locale = self.locale or (known.locale if known else "en")
        if per is None and category in _OWN:
            # The locale that is found may differ between tables, and their fakes must not.
            locale = self.locale or "en"
        if locale not in LOCALES:
            raise wrong(
                self, cells, f"there are no names of '{locale}'.", did_you_mean(locale, LOCALES)
            )
        scheme = known.scheme if known else None

        texts, sort = canonical(cells), _Sort(category, locale, scheme)
        if per is None:

            def made(every: list[str]) -> pl.Series:
                numbers = setting.key.numbers(f"fake/{category}", every) % _PEOPLE
                return _like(pl.Series(every), numbers, sort, {})

            return mapped(cells, texts, made)
        numbers = setting.key.numbers("fake", setting.owners(per).to_list()) % _PEOPLE
        fakes = _like(texts, numbers, sort, _known(setting.frame))
        return fakes.zip_with(cells.is_not_null(), pl.Series([None], dtype=pl.String)).alias(
            cells.name
        )


@dataclass(frozen=True)
class _Sort:
    """What is made."""

    category: str
    locale: str
    scheme: str | None


def _like(
    texts: pl.Series, numbers: Numbers, sort: _Sort, row: Mapping[str, pl.Series]
) -> pl.Series:
    """Fakes of these numbers, each written as its own text is.

    What others in the column look like must not matter: in another table they are others.
    """
    ways = own_style(sort.category, texts, sort.locale).with_row_index("at")
    parts, places = [], []
    for (form, case, locale), rows in ways.group_by("form", "case", "locale", maintain_order=True):
        here = rows["at"]
        made = make(
            sort.category,
            numbers[here.to_numpy()],
            key="mask",
            locale=str(locale),
            unique=sort.category in _OWN,
            scheme=sort.scheme,
            style=Style(((str(form), 1),) if form else (), cast(Case, case)),
            row={name: cells.gather(here) for name, cells in row.items()},
        )
        parts.append(made)
        places.append(here)
    if not parts:
        return texts
    return pl.concat(parts).gather(pl.concat(places).arg_sort())


def _known(frame: pl.DataFrame) -> dict[str, pl.Series]:
    """The column that tells the sex, where there is one."""
    for name in frame.columns:
        if _SEX & set(words(name)):
            return {"sex": frame[name]}
    return {}
