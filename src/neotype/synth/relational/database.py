"""Whole databases: tables one after the other along their keys, and all other keys at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.encode.encoder import Protection, State
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.relational.brood import Brood, Owners
from neotype.synth.relational.copied import Copies
from neotype.synth.relational.fitted import Fitted
from neotype.synth.relational.fitting import fit_tables
from neotype.synth.relational.issue import issued
from neotype.synth.relational.layout import Layout
from neotype.synth.relational.matching import Drawn, placed_rows
from neotype.synth.relational.part import Part, digits_of
from neotype.synth.relational.public import beside_kept
from neotype.synth.relational.redraw import Redraw
from neotype.synth.relational.representative import EACH, MOST, representative
from neotype.synth.relational.rest import Loader, at_rest, state_of
from neotype.synth.relational.ruled import Ruled, keys_of
from neotype.synth.relational.sizes import counted, sizes
from neotype.synth.relational.weighed import families, learn_kin, renumbered
from neotype.synth.synthesizer import Capabilities
from neotype.synth.trees import Trees

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Relational:
    """A database, whose tables at the top are learnt by `table`."""

    takes: ClassVar[Capabilities] = Capabilities(conditional=False)

    table: Any = field(default_factory=Trees)

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> DatabaseModel:
        """Learn all tables and how they are tied."""
        copies = Copies.find(data, getattr(self.table, "protect", 5))
        found, seen = fit_tables(self.table, copies.encode(data), rng, progress)
        ruled = Ruled.learn(copies.encode(data), found.parts, getattr(self.table, "protect", 5))
        model = DatabaseModel(data.schema, found.layout, data.sizes, found, copies, ruled)
        rounds = getattr(self.table, "refine", 0)
        kin = learn_kin(model, seen, rounds, rng.child("families"), progress)
        return replace(model, fitted=replace(found, kin=kin))


@dataclass(frozen=True)
class DatabaseModel:
    """A learnt database. `learnt` is how many rows each table had."""

    schema: Schema
    layout: Layout
    learnt: Mapping[str, int]
    fitted: Fitted
    copies: Copies
    """Columns that repeat what they refer to."""
    ruled: Ruled
    """What must hold among rows, with their keys."""

    family: ClassVar[str] = "relational"

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        return tuple(
            Protection(f"{name}.{note.column}", note.what, note.cells, note.note)
            for name, part in self.fitted.parts.items()
            if part.codebook is not None and name not in self.fitted.kept
            for note in part.codebook.protections
            if not note.column.startswith(("#", "@"))
        )

    def sample(
        self,
        rows: int | Mapping[str, int] | None = None,
        *,
        rng: Rng,
        known: Known | None = None,
        scale: float = 1.0,
    ) -> Dataset:
        """`scale` times as many rows as were learnt; `rows` says it of certain tables.

        Of a table below another the owners stay as many, and have more rows each, or fewer.
        """
        asked = sizes(self, rows, scale)
        drawn: dict[str, Drawn] = {}
        anew: set[str] = set()
        redraw = Redraw(self, self.ruled, rng)
        for table in self.layout.order:
            tie = self.layout.contexts.get(table)
            if tie is not None and (table in asked or tie.parent in anew):
                # Families are drawn with as many rows as such owners have: others are wanted.
                anew.add(table)
            if table in self.fitted.kin:
                drawn |= families(self, table, asked[table], rng.child(table))
            elif table not in drawn or table in anew:
                drawn[table] = self._table(table, drawn, asked, rng.child(table))
            if not drawn[table].frame.height and asked.get(table, 1):
                drawn[table] = self._first(table, drawn, rng.child(f"first {table}"))
            drawn[table] = redraw.drawn(table, drawn)
        drawn, positions = placed_rows(self.fitted, drawn, rng.child("keys"))
        frames = issued(self.layout.schema, drawn, positions, redraw.issued)
        return Dataset(self.schema, self.copies.decode(frames, positions))

    def _table(
        self, table: str, drawn: Mapping[str, Drawn], asked: Mapping[str, int], rng: Rng
    ) -> Drawn:
        tie = self.layout.contexts.get(table)
        if tie is None:
            return self._alone(table, asked[table], rng)
        if table not in asked:
            return self.below(table, drawn, rng)
        above, stream = drawn[tie.parent], rng.child("public").generator()
        keys = keys_of(self.layout.schema.tables[table])
        single = any(set(key) <= set(tie.child_key) for key in keys)
        bond = self.fitted.bonds[table]
        frame = counted(bond, above.frame, asked[table], stream, single=single)
        owners = {tie.parent: replace(above, frame=frame)}
        return self.below(table, owners, rng, counted=True)

    def _alone(self, table: str, rows: int, rng: Rng) -> Drawn:
        """The rows of a table that belongs to no other: where they are few, like all together."""
        if table in self.fitted.kept or not 0 < rows <= MOST:
            return self.at_the_top(table, rows, rng)
        pool = self.at_the_top(table, rows * EACH, rng)
        digits = (*self.fitted.parts[table].digits, *self.fitted.reference_digits(table))
        picks = representative(pool.context, digits, rows, rng.child("choose").generator())
        return renumbered(self.fitted, table, pool.take(picks), rng)

    def _first(self, table: str, drawn: Mapping[str, Drawn], rng: Rng) -> Drawn:
        """One row where a few owners were drawn with none, so that what refers to it can."""
        tie = self.layout.contexts.get(table)
        if tie is None or not self.learnt[table] or not drawn[tie.parent].frame.height:
            return drawn[table]
        above, name = drawn[tie.parent], self.fitted.bonds[table].rows
        counts = np.zeros(above.frame.height, dtype=np.int64)
        counts[rng.child("whose").generator().integers(len(counts))] = 1
        owners = replace(above, frame=above.frame.with_columns(pl.Series(name, counts)))
        return self.below(table, {tie.parent: owners}, rng, counted=True)

    def at_the_top(self, table: str, rows: int, rng: Rng) -> Drawn:
        """The rows of a table that belongs to no other."""
        fitted = self.fitted
        part, digits = fitted.parts[table], fitted.reference_digits(table)
        frame = self._top(table, rows, rng)
        if table not in fitted.kept:
            frame = fitted.roundness[table].decode(frame, rng.child("round").generator())
        codes = part.codes(frame)
        references = digits_of(frame, digits)
        return Drawn(frame, codes, np.vstack([codes, references]), references, None)

    def _top(self, table: str, rows: int, rng: Rng) -> pl.DataFrame:
        model, kept = self.fitted.models.get(table), self.fitted.kept.get(table)
        if kept is not None:
            counted = [f"#{tie.title}" for tie in self.layout.children(table)]
            timed = set(counted) & set(self.fitted.drawn_content(table).columns)
            return beside_kept(kept, model, next(iter(timed), None), rng)
        if model is not None:
            return model.sample(rows, rng=rng).frame
        content = self.fitted.parts[table].content
        if content.columns:
            return self.fitted.empty(table, content)
        # Nothing but keys, of which nothing is learnt.
        return pl.DataFrame(height=rows)

    def below(
        self,
        table: str,
        drawn: Mapping[str, Drawn],
        rng: Rng,
        *,
        counted: bool = False,
        given: Brood | None = None,
        only: Positions | None = None,
    ) -> Drawn:
        """The rows of a table along its context; `counted`: owners have as many as they say.

        Those that are `given` come first; `only` the rows at these positions are put into cells.
        """
        fitted, bond = self.fitted, self.fitted.bonds[table]
        above = drawn[bond.tie.parent]
        part = fitted.parts[table]
        told = bond.told(above.frame, None if counted else rng.child("counts").generator())
        counts, start, end, group = told
        children = fitted.children[table]
        if children is None:
            counts = np.zeros_like(counts)
        owners = Owners(above.context, counts, start, end, group, bond.quota(above.frame, counts))
        brood = (
            _none(part)
            if children is None
            else children.draw(owners, rng.child("rows"), fitted.tally(table), given, part.encoders)
        )
        if given is None:
            brood = replace(brood, ticks=bond.in_time(brood.ticks, brood.owner, above.frame))
        if only is None:
            return self.decoded(table, above, brood, rng)
        rows = brood.told_by(only)
        return self.decoded(table, above, brood.take(rows), rng).take(np.searchsorted(rows, only))

    def decoded(self, table: str, above: Drawn, brood: Brood, rng: Rng) -> Drawn:
        """Rows below their owners as a frame, and as others see them."""
        fitted, bond = self.fitted, self.fitted.bonds[table]
        part, rows = fitted.parts[table], len(brood.owner)
        timed, told = None, np.zeros((len(part.digits), rows), dtype=np.uint8)
        untimed = fitted.untimed(table)
        told[untimed] = brood.codes[: len(untimed)]
        references = brood.codes[len(untimed) :]
        if bond.clock is not None:
            timed = (bond.clock.name, bond.clock.cells(brood.ticks))
        frame = part.decoded(told, rows, rng, timed, self._numbers(table, brood))
        if bond.clock is not None and len(untimed) < len(told):
            told = part.codes(frame)
        round_ = rng.child("round").generator()
        frame = self._valued(table, fitted.roundness[table].decode(frame, round_), brood)
        frame = bond.decode(brood.owner, frame, above.frame, part.outer)
        context = np.vstack([told, references, above.context[:, brood.owner]])
        return Drawn(frame, told, context, references, brood.owner)

    def _numbers(self, table: str, brood: Brood) -> dict[str, NDArray[np.float64]]:
        """Columns of numbers that go on from row to row."""
        children = self.fitted.children[table]
        if children is None or children.expected is None or brood.numbers is None:
            return {}
        return dict(zip(children.expected.names, brood.numbers, strict=True))

    def _valued(self, table: str, frame: pl.DataFrame, brood: Brood) -> pl.DataFrame:
        """Values that run on from row to row, and values that come again."""
        running, children = self.fitted.running.get(table), self.fitted.children[table]
        lines: dict[str, pl.Series] = {}
        if running is not None and brood.values is not None:
            for name, values in zip((running.amount, running.total), brood.values, strict=True):
                lines[name] = pl.Series(name, values).cast(frame[name].dtype)
        for line, places in enumerate(children.repeats if children is not None else ()):
            name = self.fitted.column_at(table, places)
            if name not in lines and brood.origin is not None and name in frame.columns:
                lines[name] = frame[name].gather(pl.Series(brood.origin[line]))
        return frame.with_columns(lines.values())

    def describe(self) -> list[str]:
        """In words: which statistics the model holds."""
        words = []
        for table in self.layout.order:
            tie = self.layout.contexts.get(table)
            how = f"below '{tie.parent}'" if tie is not None else "at the top"
            if table in self.fitted.kept:
                how = "public: kept as it is"
            words.append(f"'{table}', {how}; {self.learnt[table]:,} rows were learnt")
        words += [one.describe() for one in self.fitted.references.values() if one is not None]
        return [*words, *self.copies.describe()]

    def log_density(self, data: Dataset) -> None:
        """None: a database has no density that is known."""

    def state(self) -> State:
        """At rest."""
        tables = state_of(self.fitted, self.learnt)
        facts = {"copies": self.copies.facts(), "ruled": self.ruled.facts()}
        return State.nest(facts, {"tables": tables})

    @classmethod
    def restore(cls, state: State, schema: Schema, load: Loader) -> Self:
        """The inverse of `state`; `load` restores the models of single tables."""
        copies = Copies.restore(state.fact("copies"), schema)
        fitted, learnt = at_rest(state.within("tables"), copies.inner, load)
        ruled = Ruled.restore(state.fact("ruled"), copies.inner, fitted.parts)
        return cls(schema, fitted.layout, learnt, fitted, copies, ruled)


def _none(part: Part) -> Brood:
    none = np.zeros(0, dtype=np.int64)
    return Brood(none, np.zeros((len(part.digits), 0), dtype=np.uint8), none)
