"""What was learnt of a database: every table, every key, and what lies between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.encode.encoder import Digit
from neotype.schema.schema import Relationship, Schema
from neotype.schema.storage import storage_dtype
from neotype.synth.relational.bond import Bond
from neotype.synth.relational.children import Children
from neotype.synth.relational.kin import Kin
from neotype.synth.relational.layout import Layout
from neotype.synth.relational.part import Part
from neotype.synth.relational.paths import Way
from neotype.synth.relational.public import drawn_columns
from neotype.synth.relational.reference import Reference
from neotype.synth.relational.roundness import Roundness
from neotype.synth.relational.ruled import keys_of
from neotype.synth.relational.running import Running
from neotype.synth.relational.tally import Tally
from neotype.synth.synthesizer import Model

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """All that was learnt, by table or by the title of a key."""

    layout: Layout
    keys: tuple[Relationship, ...]
    """Keys that are matched, in the order in which they are."""
    parts: Mapping[str, Part]
    bonds: Mapping[str, Bond]
    """By the table below."""
    references: Mapping[str, Reference | None]
    ways: Mapping[str, tuple[Way, ...]]
    models: Mapping[str, Model]
    children: Mapping[str, Children | None]
    kept: Mapping[str, pl.DataFrame]
    roundness: Mapping[str, Roundness]
    running: Mapping[str, Running]
    """Of tables in which a total runs."""
    kin: Mapping[str, Kin] = field(default_factory=dict)
    """By the table at the top of families that are weighed."""

    def reference_digits(self, table: str) -> tuple[Digit, ...]:
        """What rows of a table say of the rows that they refer to."""
        return tuple(
            digit
            for tie in self.keys
            if tie.child == table
            for reference in (self.references[tie.title],)
            if reference is not None
            for digit in reference.digits
        )

    def slice_of(self, tie: Relationship) -> slice:
        """Where among them those of a key are."""
        at = 0
        for other in self.keys:
            reference = self.references[other.title]
            width = 0 if reference is None else len(reference.digits)
            if other.title == tie.title:
                return slice(at, at + width)
            at += width if other.child == tie.child else 0
        raise AssertionError(tie.title)

    def untimed(self, table: str) -> list[int]:
        """The digits of a child table that its rows draw: all but those of its time."""
        part, clock = self.parts[table], self.bonds[table].clock
        timed = set(part.places(clock.name)) if clock is not None else set()
        return [place for place in range(len(part.digits)) if place not in timed]

    def tally(self, table: str) -> Tally | None:
        """What keeps the total of a table while its rows are drawn."""
        running, codebook = self.running.get(table), self.parts[table].codebook
        if running is None or codebook is None:
            return None
        place = {old: new for new, old in enumerate(self.untimed(table))}
        return Tally.of(running, codebook, place, self.roundness[table])

    def column_at(self, table: str, places: tuple[int, ...]) -> str:
        """The column whose drawn digits these are."""
        untimed, codebook = self.untimed(table), self.parts[table].codebook
        assert codebook is not None
        own = {untimed[place] for place in places}
        return next(
            encoder.columns[0]
            for encoder in codebook.encoders
            if own <= set(codebook.places({encoder.columns[0]}))
        )

    def drawn_content(self, table: str) -> Schema:
        """The columns of a table at the top that are drawn: of a public one, hardly any."""
        content, layout = self.parts[table].content, self.layout
        if not layout.schema.tables[table].public:
            return content
        below = [self.bonds[tie.child] for tie in layout.children(table)]
        drawn = drawn_columns(content.columns, below)
        if drawn:
            drawn[below[0].rows] = content.columns[below[0].rows]
        only = content.table.model_copy(
            update={"columns": drawn, "primary_key": (), "constraints": ()}
        )
        return content.model_copy(update={"tables": {table: only}})

    def distinct(self, tie: Relationship, positions: Mapping[str, Positions]) -> Positions | None:
        """The group within which no two rows may refer to the same row, where there is one."""
        return distinct_of(self.layout, tie, positions)

    def empty(self, table: str, content: Schema) -> pl.DataFrame:
        """A table without rows, in the content's columns."""
        columns = content.columns.items()
        return pl.DataFrame(
            schema={name: storage_dtype(column.storage) for name, column in columns}
        )


def distinct_of(
    layout: Layout, tie: Relationship, positions: Mapping[str, Positions]
) -> Positions | None:
    """The group within which no two rows of a table with a key of several keys may be alike."""
    for key in keys_of(layout.schema.tables[tie.child]):
        found = _group_of(layout, tie, set(key), positions)
        if found is not None:
            return found
    return None


def _group_of(
    layout: Layout, tie: Relationship, key: set[str], positions: Mapping[str, Positions]
) -> Positions | None:
    if not set(tie.child_key) <= key:
        return None
    rest = key - set(tie.child_key)
    others = [
        other
        for other in layout.schema.above(tie.child)
        if other.title != tie.title and set(other.child_key) <= rest
    ]
    covered = {name for other in others for name in other.child_key}
    if covered != rest or not others or any(o.title not in positions for o in others):
        return None
    groups = np.stack([positions[other.title] for other in others])
    return np.asarray(np.unique(groups, axis=1, return_inverse=True)[1].ravel(), dtype=np.int64)
