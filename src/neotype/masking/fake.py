"""Made-up people in the place of real ones: the same value always becomes the same fake."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from neotype.errors import did_you_mean
from neotype.masking.key import canonical
from neotype.masking.treatment import Setting, Treatment, mapped, wrong
from neotype.permutation import Numbers
from neotype.personal.fake import LOCALES, PROVIDERS, make
from neotype.schema.names import words
from neotype.schema.schema import Personal

_PEOPLE = np.uint64(1 << 40)
_OWN = ("email", "username")
"""Of these, every one of the 2**40 people has another."""
_SEX = frozenset(("sex", "gender", "geschlecht", "sexe", "sexo", "sesso", "geslacht"))


class Fake(Treatment):
    """A made-up value of the column's category, in text.

    A fake belongs to a value: who shared an address shares its fake. With `per` it belongs to the
    owner named there: all of a person's fakes go together, the name with the address of mail, and
    with the column that tells the sex. Two values may get the same fake where there are few.
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

        def made(names: list[str], purpose: str, row: dict[str, pl.Series]) -> pl.Series:
            numbers: Numbers = setting.key.numbers(purpose, names) % _PEOPLE
            return make(
                category,
                numbers,
                key="mask",
                locale=locale,
                unique=category in _OWN,
                scheme=scheme,
                row=row,
            )

        if per is None:
            texts = canonical(cells)
            return mapped(cells, texts, lambda every: made(every, f"fake/{category}", {}))
        owners = setting.owners(per)
        fakes = made(owners.to_list(), "fake", _known(setting.frame))
        return fakes.zip_with(cells.is_not_null(), pl.Series([None], dtype=pl.String)).alias(
            cells.name
        )


def _known(frame: pl.DataFrame) -> dict[str, Any]:
    """The column that tells the sex, where there is one."""
    for name in frame.columns:
        if _SEX & set(words(name)):
            return {"sex": frame[name]}
    return {}
