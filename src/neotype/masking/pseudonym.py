"""Keyed names and numbers in the place of real ones: pseudonym and pattern."""

from __future__ import annotations

import base64
from typing import Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from neotype.masking.checks import Check, check_of
from neotype.masking.key import canonical
from neotype.masking.letters import DIGITS, Form, fits, form_from, form_of, permuted
from neotype.masking.treatment import Setting, Treatment, mapped, wrong
from neotype.schema.pattern import pattern_of
from neotype.schema.schema import Identifier, Personal


class Pseudonym(Treatment):
    """A token that only the key's owner can make: HMAC-SHA256 in base 32, of text.

    `format: true` gives a text (or whole number) of the same form instead: a keyed permutation,
    so that no two become alike. `domain` parts what else would agree across columns and tables.
    """

    keyed: ClassVar[bool] = True
    short: ClassVar[str | None] = "length"

    treat: Literal["pseudonym"] = "pseudonym"
    length: int = Field(default=16, ge=4, le=52, description="letters of a token")
    prefix: str = Field(default="", description="what every token begins with")
    format: bool = Field(default=False, description="digits stay digits, letters letters")
    domain: str = Field(default="", description="pseudonyms of two domains never agree")

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:
        """Tokens as text, or values of the same form and dtype."""
        texts = canonical(cells)
        if self.format:
            subkey = setting.key.sub(f"format/{self.domain}")
            if cells.dtype.is_numeric():
                return _whole(self, cells, texts, subkey)
            _ascii_only(self, cells, texts)
            found = mapped(cells, texts, lambda ts: [permuted(t, form_of(t), subkey) for t in ts])
            return found.cast(pl.String)

        def tokens(distinct: list[str]) -> list[str]:
            made = [
                self.prefix + base64.b32encode(digest).decode().rstrip("=")[: self.length]
                for digest in setting.key.digests(f"token/{self.domain}", distinct)
            ]
            if len(set(made)) < len(made):
                raise wrong(
                    self,
                    cells,
                    f"two of {len(made):,} values would have one token.",
                    mend=f"give more letters: pseudonym:{min(52, self.length + 8)}",
                )
            return made

        return mapped(cells, texts, tokens).cast(pl.String)


def _whole(self: Treatment, cells: pl.Series, texts: pl.Series, subkey: bytes) -> pl.Series:
    """Whole numbers of as many digits, in the dtype of the column."""
    if not bool(texts.drop_nulls().str.contains(r"^-?\d+$").all()):
        raise wrong(self, cells, "it has numbers with decimal places.", mend="use: pseudonym")

    def form(text: str) -> Form:
        digits = text.removeprefix("-")
        first = DIGITS if len(digits) == 1 else DIGITS[1:]
        return (*text[: len(text) - len(digits)], first, *[DIGITS] * (len(digits) - 1))

    changed = mapped(cells, texts, lambda every: [permuted(t, form(t), subkey) for t in every])
    try:
        return changed.cast(pl.Int128).cast(cells.dtype).alias(cells.name)
    except pl.exceptions.PolarsError:
        raise wrong(
            self,
            cells,
            f"other numbers of as many digits do not fit into {cells.dtype}.",
            mend="use: pseudonym",
        ) from None


def _ascii_only(self: Treatment, cells: pl.Series, texts: pl.Series) -> None:
    foreign = int(texts.drop_nulls().str.contains(r"[^\x00-\x7f]").sum())
    if foreign:
        raise wrong(
            self,
            cells,
            f"{foreign:,} cells have letters beyond A to Z, which would stay.",
            mend="use: pseudonym",
        )


class Pattern(Treatment):
    """A text of the same form, with check digits that are right: learnt, or given as `like`.

    Letters that all rows share at a place (the CUST- of CUST-0017) stay. Different values become
    different values. `check` is iban, card, or a national id such as us_ssn; that of the column's
    category if unsaid.
    """

    keyed: ClassVar[bool] = True
    short: ClassVar[str | None] = "like"

    treat: Literal["pattern"] = "pattern"
    like: str | None = Field(default=None, description="a restricted regular expression")
    check: str | None = Field(default=None, description="iban, card, or a national id")
    domain: str = ""

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:
        """Text of the same form; whole numbers stay whole numbers."""
        subkey = setting.key.sub(f"pattern/{self.domain}")
        texts = canonical(cells)
        if cells.dtype.is_numeric() and self.like is None:
            return _whole(self, cells, texts, subkey)
        if texts.drop_nulls().is_empty():
            return texts.alias(cells.name)
        form = self._form(texts, setting.column)
        if form is None:
            _ascii_only(self, cells, texts)
        else:
            odd = sum(not fits(text, form) for text in texts.drop_nulls().unique())
            if odd:
                raise wrong(self, cells, f"{odd:,} different cells are not of this form.")
        check = check_of(self.check, setting.column)
        found = mapped(cells, texts, lambda ts: _all(ts, form, subkey, check))
        return found.cast(pl.String)

    def _form(self, texts: pl.Series, column: Any) -> Form | None:
        if self.like is not None:
            return form_from(self.like)
        if self.check is not None or isinstance(column, Personal):
            return None
        known = column.pattern if isinstance(column, Identifier) else None
        present = texts.drop_nulls()
        for pattern in (known, pattern_of(present)):
            if pattern is not None and "{" + "," not in pattern and "," not in pattern:
                form = form_from(pattern)
                if all(fits(text, form) for text in present.unique()):
                    return form
        return None


def _all(texts: list[str], form: Form | None, subkey: bytes, check: Check | None) -> list[str]:
    if check is not None:
        return check.permuted(texts, subkey)
    return [permuted(text, form or form_of(text), subkey) for text in texts]
