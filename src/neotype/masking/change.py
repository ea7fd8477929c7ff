"""Treatments that show less of a value, or move it: keep, drop, mask, generalise, shift."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, field_validator, model_validator

from neotype.errors import did_you_mean
from neotype.masking.bands import FLOORS, LEVELS, edge_band, number_band, round_widths
from neotype.masking.dates import read_dates
from neotype.masking.hierarchy import ALL, by_prefix, grown, placed, read_tree
from neotype.masking.key import canonical
from neotype.masking.spans import hide_all
from neotype.masking.treatment import Setting, Treatment, mapped, wrong
from neotype.schema.schema import Geo, Numeric, Personal

OTHER = "other"
_HIDDEN = 4


class Keep(Treatment):
    """The column as it is."""

    treat: Literal["keep"] = "keep"

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:
        """The same cells."""
        return cells


class Drop(Treatment):
    """The column goes."""

    treat: Literal["drop"] = "drop"

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:
        """Never asked: the column is not in the result."""
        return cells.clear(len(cells))


class Mask(Treatment):
    """All but the ends becomes stars, of a fixed number so that the length is not told. Text.

    Never more than half of a value is shown: of shorter ones, nothing. `spans: true` is for longer
    texts: what is personal in them becomes [email], [phone], [name]. `hide` is a regular
    expression: of what it finds, the groups (or the whole, where it has none) become stars.
    """

    short: ClassVar[str | None] = "last"

    treat: Literal["mask"] = "mask"
    first: int = Field(default=0, ge=0, description="letters shown at the beginning")
    last: int = Field(default=0, ge=0, description="letters shown at the end")
    star: str = Field(default="*", min_length=1, max_length=1)
    hide: str | None = Field(default=None, description="a regular expression: what is hidden")

    spans: bool = Field(default=False, description="only what is personal within a text")

    @field_validator("hide")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as cause:
                raise ValueError(f"is no regular expression: {cause}") from cause
        return value

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:
        """Text."""
        texts = canonical(cells)
        if self.spans:
            own = [(word, setting.frame[name]) for name, word in setting.own.items()]
            return hide_all(texts, [one for one in own if one[1].name != cells.name])
        if self.hide is not None:
            found = re.compile(self.hide)
            return mapped(cells, texts, lambda every: [self._without(found, t) for t in every])
        shown = self.first + self.last
        stars = self.star * _HIDDEN
        short = texts.str.len_chars() < 2 * shown
        open_ = texts.str.head(self.first) + stars + texts.str.tail(self.last)
        return pl.repeat(stars, len(texts), eager=True).zip_with(short, open_).alias(cells.name)

    def _without(self, found: re.Pattern[str], text: str) -> str:
        stars = self.star * _HIDDEN
        out, at = [], 0
        for match in found.finditer(text):
            spans = [match.span(k) for k in range(1, found.groups + 1)] or [match.span()]
            for start, end in sorted(span for span in spans if span[0] >= at and span[0] >= 0):
                if start >= at and end > start:
                    out += [text[at:start], stars]
                    at = end
        return "".join([*out, text[at:]])


class Generalise(Treatment):
    """A coarser value: a band of numbers, a part of the calendar, the beginning of a code.

    `to` is read by what the column is: the width of bands (10), a unit (quarter), the letters of a
    code that stay (3), the decimals of a coordinate. Or give `edges` of bands, `groups` of labels
    (nested, or a CSV file; `level` steps up), or `top`: all but the n most frequent are "other".
    """

    short: ClassVar[str | None] = "to"

    treat: Literal["generalise"] = "generalise"
    to: int | float | str | None = None
    edges: tuple[float, ...] = ()
    groups: Any = None
    level: int = Field(default=1, ge=1)
    top: int | None = Field(default=None, ge=1)
    values: Literal["labels", "typical"] = Field(
        default="labels", description="30–39, or the middle of it in the column's own dtype"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Generalise:
        ways = [
            name
            for name in ("to", "edges", "groups", "top")
            if getattr(self, name) not in (None, ())
        ]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} are two ways; give one")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must ascend")
        return self

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:  # noqa: PLR0911 (a way each)
        """Text, or with `values: typical` the dtype of the column."""
        if self.groups is not None:
            return self._grouped(cells)
        if self.top is not None:
            return self._most_frequent(cells, self.top)
        column = setting.column
        if isinstance(column, Geo) or (
            isinstance(column, Personal)
            and column.category == "coordinates"
            and cells.dtype.is_numeric()
        ):
            return self._rounded(cells)
        numbers = cells.dtype.is_numeric() and (column is None or isinstance(column, Numeric))
        if numbers or (self.edges and cells.dtype.is_numeric()):
            return self._banded(cells)
        dates = read_dates(cells, column)
        if dates is not None:
            return self._calendar(cells, dates.values)
        if self.to is None and column is not None and column.kind in ("categorical", "ordinal"):
            return self._most_frequent(cells, 10)
        return self._beginning(cells)

    def _banded(self, cells: pl.Series) -> pl.Series:
        if self.edges:
            return edge_band(cells, self.edges).alias(cells.name)
        width = self.to
        if width is None:
            known = round_widths(cells.drop_nulls().unique().sort())
            width = known[len(known) // 2] if known else 1
        if isinstance(width, str) or width <= 0:
            raise wrong(self, cells, f"{width!r} is no width of bands.", "such as: generalise:10")
        if self.values == "labels":
            return number_band(cells, width).alias(cells.name)
        middle = (cells.cast(pl.Float64) / width).floor() * width + width / 2
        if cells.dtype.is_integer():
            middle = middle.floor()
        return middle.cast(cells.dtype).alias(cells.name)

    def _calendar(self, cells: pl.Series, dates: pl.Series) -> pl.Series:
        unit = "year" if self.to is None else str(self.to)
        if unit not in LEVELS:
            raise wrong(
                self,
                cells,
                f"'{unit}' is no part of the calendar.",
                did_you_mean(unit, LEVELS) or f"there are: {', '.join(LEVELS)}",
            )
        if self.values == "typical" and cells.dtype == dates.dtype:
            return dates.dt.truncate(FLOORS[unit]).alias(cells.name)
        return LEVELS[unit](dates).alias(cells.name)

    def _rounded(self, cells: pl.Series) -> pl.Series:
        decimals = 1 if self.to is None else self.to
        if not isinstance(decimals, int) or decimals < 0:
            raise wrong(self, cells, f"{decimals!r} is no number of decimals.", "generalise:1")
        return cells.round(decimals)

    def _beginning(self, cells: pl.Series) -> pl.Series:
        letters = 3 if self.to is None else self.to
        if not isinstance(letters, int) or isinstance(letters, bool) or letters < 1:
            raise wrong(
                self, cells, f"{letters!r} is no number of letters.", "such as: generalise:3"
            )
        texts = canonical(cells)
        longest = int(texts.str.len_chars().max() or 0)  # type: ignore[arg-type]
        stars = ALL * max(longest - letters, 1)
        short = texts.str.len_chars() <= letters
        whole = pl.repeat(ALL * max(longest, 1), len(texts), eager=True)
        return whole.zip_with(short, texts.str.head(letters) + stars).alias(cells.name)

    def _grouped(self, cells: pl.Series) -> pl.Series:
        asked_by = f"the groups of '{cells.name}'"
        labels = canonical(cells)
        found = labels.drop_nulls().unique().sort().to_list()
        if self.groups == "prefix":
            tree = by_prefix(found)
        elif isinstance(self.groups, str):
            tree = read_tree(Path(self.groups))
        else:
            tree = grown(self.groups, asked_by=asked_by)
        placed(tree, found, asked_by=asked_by)
        return labels.replace_strict(tree.leaves, tree.level(self.level), return_dtype=pl.String)

    def _most_frequent(self, cells: pl.Series, top: int) -> pl.Series:
        labels = canonical(cells).alias("label")
        counted = (
            labels.drop_nulls().value_counts().sort(["count", "label"], descending=[True, False])
        )
        stay = counted["label"].head(top)
        other = pl.repeat(OTHER, len(labels), eager=True)
        return labels.zip_with(labels.is_in(stay.implode()) | labels.is_null(), other).alias(
            cells.name
        )


class Shift(Treatment):
    """Dates moved by a number of days, another for each owner, so that what lies between stays.

    The owner is `per`, or the entity, or the row. All date columns of one owner move by as many
    days, where `days` agrees. Dtype and form stay.
    """

    keyed: ClassVar[bool] = True
    short: ClassVar[str | None] = "days"

    treat: Literal["shift"] = "shift"
    days: int = Field(default=30, ge=1, le=36525, description="at most so many, either way")
    per: str | None = Field(default=None, description="the column that names the owner")

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:
        """Dates, in the dtype and form they came in."""
        dates = read_dates(cells, setting.column)
        if dates is None:
            raise wrong(self, cells, f"it has no dates, but {cells.dtype}.", "use: generalise")
        owners = setting.owners(self.per)

        def moves(names: list[str]) -> np.ndarray:
            drawn = (setting.key.numbers("shift", names) % np.uint64(2 * self.days)).astype(int)
            return np.where(drawn < self.days, drawn - self.days, drawn - self.days + 1)

        far = mapped(owners, owners, moves)
        moved = dates.values + (far * 86_400_000_000).cast(pl.Duration("us"))
        return dates.written(moved).alias(cells.name)
