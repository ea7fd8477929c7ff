"""Personal data: made anew for the number of the row, never learnt by value.

All personal columns of a row are of one person: the address of mail fits the name, the name fits
the column of sexes, the phone fits the country.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator

from neotype.encode.encoder import ALL, Codes, Masks, Protection, State, Unlearnt
from neotype.encode.identifier import IdentifierEncoder
from neotype.errors import FitError
from neotype.permutation import Numbers
from neotype.personal.categories import CATEGORIES, MADE
from neotype.personal.fake import UNIQUE, Style, make, pseudonyms
from neotype.personal.lexicon import named, owner_of, owners
from neotype.personal.people import sexes
from neotype.personal.style import learn_style
from neotype.schema.condition import Condition
from neotype.schema.schema import Identifier, Personal
from neotype.schema.storage import storage_dtype

_TELLING = frozenset(("sex", "city", "postcode", "country", "first_name", "last_name", "full_name"))
_LABELS = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class PersonalEncoder(Unlearnt):
    """No digits (but one for missing cells): what it makes follows from the number of the row.

    Loss: all but the way in which the column is written.
    """

    name: str
    column: Personal
    style: Style
    pattern: IdentifierEncoder | None
    """Makes the cells where the treatment is `pattern`."""
    missing: bool
    rows: int
    """How many training cells were replaced."""

    @classmethod
    def learn(cls, name: str, column: Personal, frame: pl.DataFrame, *, protect: int) -> Self:
        """Learn how the column writes."""
        if column.treatment not in MADE:
            raise FitError(
                f"column '{name}' has the treatment '{column.treatment}', which is done to the "
                f"data before it is learnt.",
                mend="learn with nt.fit or neotype fit, or use fake, pattern or pseudonym",
            )
        series = frame[name]
        dtype = storage_dtype(column.storage)
        if not (dtype.is_integer() or isinstance(dtype, pl.String | pl.Categorical)):
            raise FitError(
                f"column '{name}' of {column.storage} cannot hold personal data.",
                mend="give it another kind in the schema, or cast it to text",
            )
        cells = series.cast(pl.String).drop_nulls()
        missing = column.nullable or series.null_count() > 0
        if column.treatment == "pattern" or dtype.is_integer():
            declared = Identifier(storage=column.storage, nullable=missing, unique=column.unique)
            pattern = IdentifierEncoder.learn(name, declared, frame, protect=protect)
            return cls(name, column, Style(), pattern, missing, len(cells))
        style = learn_style(column.category, cells, protect)
        return cls(name, column, style, None, missing, len(cells))

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Every cell."""
        if not self.rows:
            return ()
        note = {
            "fake": "invented ones stand in their place",
            "pattern": "new ones in the same form stand in their place",
            "pseudonym": "tokens stand in their place",
        }[self.column.treatment]
        what = CATEGORIES[self.column.category].title
        return (Protection(self.name, what, self.rows, note),)

    def allowed(self, condition: Condition) -> Masks:
        """Whether a missing cell meets it; of what is invented nothing can be known before."""
        masks = np.full(len(self.digits), ALL)
        if condition.values is not None:
            masks[:] = 2 * (None in condition.values) + any(v is not None for v in condition.values)
        return masks

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The cells of rows `first_row` on, as if it were the only column."""
        return [self.write(codes, first_row, {}, rng, owner=owner_of(self.name))]

    def write(
        self,
        codes: Codes,
        first_row: int,
        row: Mapping[str, pl.Series],
        rng: Generator,
        entities: Numbers | None = None,
        owner: str = "",
    ) -> pl.Series:
        """The cells of rows `first_row` on, of persons of whom `row` is known.

        Rows with the same number among `entities` are of one person, unless all cells must differ.
        Columns of one `owner` are about the same person.
        """
        if self.pattern is not None:
            return self.pattern.decode(codes, rng=rng, first_row=first_row)[0]
        dtype = storage_dtype(self.column.storage)
        numbers: Numbers = np.arange(first_row, first_row + codes.shape[1], dtype=np.uint64)
        if entities is not None and not self.column.unique:
            numbers = entities
        category = self.column.category
        if self.column.treatment == "pseudonym":
            cells = pseudonyms(numbers, key=self.name)
        else:
            cells = make(
                category,
                numbers,
                key=owner,
                locale=self.column.locale,
                unique=self.column.unique and category in UNIQUE,
                scheme=self.column.scheme,
                style=self.style,
                row=row,
            )
        if self.missing:
            cells = cells.set(pl.Series(codes[0] > 0), None)
        return cells.cast(dtype).alias(self.name)

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """What is invented can be no condition."""
        series = frame[self.name]
        if series.null_count() == len(series) and self.missing:
            return []
        return [f"'{self.name}' is personal: it is made anew and cannot be given; leave it out"]

    def describe(self) -> str:
        """How the column writes."""
        forms = ", ".join(form for form, _ in self.style.forms)
        title = CATEGORIES[self.column.category].title
        how = f"; how it is written: {forms}" if forms else ""
        if self.pattern is not None:
            return f"{self.pattern.describe()} ({title})"
        return f"'{self.name}': no {title}{how}"

    def state(self) -> State:
        """At rest."""
        facts: dict[str, Any] = {"name": self.name, "style": self.style.state()}
        facts |= {"missing": self.missing, "rows": self.rows}
        parts = {} if self.pattern is None else {"pattern": self.pattern.state()}
        return State.nest(facts, parts)

    @classmethod
    def restore(cls, state: State, column: Personal) -> Self:
        """The inverse of `state`."""
        missing, pattern = state.fact("missing"), None
        if "pattern" in state.facts:
            declared = Identifier(storage=column.storage, nullable=missing, unique=column.unique)
            pattern = IdentifierEncoder.restore(state.within("pattern"), declared)
        style = Style.restore(state.fact("style"))
        return cls(state.fact("name"), column, style, pattern, missing, state.fact("rows"))


def written(
    parts: Sequence[tuple[PersonalEncoder, Codes]],
    others: Mapping[str, pl.Series],
    *,
    rng: Generator,
    first_row: int,
    entity: IdentifierEncoder | None = None,
) -> dict[str, pl.Series]:
    """The personal columns of rows `first_row` on, given the other columns of these rows.

    Rows of one entity are about one person.
    """
    made = {}
    whose = owners({encoder.name: encoder.column.category for encoder, _ in parts})
    for encoder, codes in parts:
        name, owner = encoder.name, whose[encoder.name]
        known = _known(name, owner, others)
        entities = None if entity is None else entity.owners(first_row, codes.shape[1])
        made[name] = encoder.write(codes, first_row, known, rng, entities, owner)
    return made


def _known(name: str, owner: str, others: Mapping[str, pl.Series]) -> dict[str, pl.Series]:
    """What other columns tell of the person whom the column `name` is of.

    Of several columns that tell the same, the one of the same owner does: customer_country for
    customer_phone.
    """
    found: dict[str, pl.Series] = {}
    for other, cells in others.items():
        what = named(other)
        if what not in _TELLING or what == named(name) or not isinstance(cells.dtype, _LABELS):
            continue
        if what == "sex" and sexes(cells) is None:
            continue
        if what not in found or owner_of(other) == owner:
            found[what] = cells.cast(pl.String)
    return found
