"""What may be done with a real column: each treatment is a line of the masking plan.

A treatment is given cells and gives cells of as many rows. A missing cell stays missing, and the
same cell under the same key becomes the same, in every row, table and run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import polars as pl
import yaml

from neotype.errors import ColumnNotFoundError, DataError, SchemaError
from neotype.masking.key import Key, canonical
from neotype.schema.value import Value


@dataclass(frozen=True)
class Setting:
    """What a treatment may know besides its cells: what the column is, the key, the whole table.

    `person` is the column that was named for whose each row is; `entity` is it, or the schema's.
    `own` are the columns that say who the row is about, with a word for each.
    """

    column: Any
    key: Key
    frame: pl.DataFrame
    person: str | None = None
    entity: str | None = None
    own: Mapping[str, str] = field(default_factory=dict)

    def of(self, column: Any) -> Setting:
        """The same for this column."""
        return replace(self, column=column)

    def owners(self, per: str | None) -> pl.Series:
        """Text that names whose each row is: the column `per`, the entity, or the row itself."""
        name = per or self.entity
        if per is not None and per not in self.frame.columns:
            raise ColumnNotFoundError(per, self.frame.columns, asked_by="per")
        row = pl.Series(range(self.frame.height)).cast(pl.String)
        if name is None or name not in self.frame.columns:
            return "row " + row
        owner = canonical(self.frame[name])
        return owner.zip_with(owner.is_not_null(), "row " + row)


class Treatment(Value):
    """The base of all; `treat` is the word for it, `short` the field that a word alone sets."""

    treat: str
    keyed: ClassVar[bool] = False
    short: ClassVar[str | None] = None

    def apply(self, cells: pl.Series, setting: Setting) -> pl.Series:
        """The cells in their new form, under the same name."""
        raise NotImplementedError

    @property
    def words(self) -> str:
        """As it would be written on the command line."""
        facts = self.model_dump(mode="json", exclude={"treat"}, exclude_defaults=True)
        told = ",".join(
            ("" if name == self.short else f"{name}=") + _said(value)
            for name, value in facts.items()
        )
        return f"{self.treat}:{told}" if told else self.treat


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def mapped(cells: pl.Series, texts: pl.Series, change: Callable[[list[str]], Any]) -> pl.Series:
    """`change` asked once for every distinct text, and its answers put where the texts were."""
    distinct = texts.drop_nulls().unique(maintain_order=True)
    if distinct.is_empty():
        return texts.alias(cells.name)
    changed = pl.Series(change(distinct.to_list()))
    table = pl.DataFrame([distinct.alias("old"), changed.alias("new")])
    joined = texts.alias("old").to_frame().join(table, on="old", how="left", maintain_order="left")
    return joined["new"].alias(cells.name)


def wrong(treatment: Treatment, cells: pl.Series, why: str, mend: str | None = None) -> DataError:
    """A treatment that does not fit its column, in words."""
    return DataError(f"column '{cells.name}' cannot have '{treatment.words}': {why}", mend=mend)


def spread(text: str) -> tuple[str, list[str]]:
    """'generalise:edges=[18,30],x' as its word and its parts; commas in brackets part nothing."""
    word, _, rest = text.partition(":")
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(rest):
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and not depth:
            parts.append(rest[start:at])
            start = at + 1
    return word.strip(), [part.strip() for part in (*parts, rest[start:]) if part.strip()]


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def facts_of(text: str, kinds: Mapping[str, type[Treatment]]) -> dict[str, Any]:
    """A treatment as it is written in one word: fake, generalise:3, mask:first=1,last=4."""
    word, parts = spread(text)
    facts: dict[str, Any] = {"treat": word}
    fields = kinds[word].model_fields if word in kinds else {}
    short = kinds[word].short if word in kinds else None
    for part in parts:
        name, equals, value = part.partition("=")
        if equals and name.strip() not in fields and short in fields and not name.isidentifier():
            equals = ""  # an equals sign within a pattern
        if not equals and short is None and word in kinds:
            raise SchemaError(f"'{text}': '{word}' takes nothing but name=value.")
        name, value = (name.strip(), value) if equals else (short or "to", part)
        if name in fields and fields[name].annotation in (str, str | None):
            facts[name] = _unquoted(value)
            continue
        try:
            facts[name] = yaml.safe_load(value)
        except yaml.YAMLError as cause:
            raise SchemaError(f"'{text}' has a value that cannot be read: {value}") from cause
    return facts
