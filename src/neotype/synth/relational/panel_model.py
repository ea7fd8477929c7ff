"""A model of one table whose rows are in an order: owners, blocks where there are, and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from neotype.data import Dataset, Known
from neotype.encode.encoder import Protection, State
from neotype.errors import SamplingError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.constraint import Rule
from neotype.schema.schema import Schema
from neotype.synth.learn import rules_of
from neotype.synth.relational.database import DatabaseModel, Relational
from neotype.synth.relational.kin import LEAST
from neotype.synth.relational.matching import Drawn
from neotype.synth.relational.pace import paces
from neotype.synth.relational.panel import BLOCK, EVENT, KEYS, OWNER, Panel
from neotype.synth.relational.rest import Loader
from neotype.synth.relational.weighed import families

_AT_ONCE = 1 << 17
"""Rows of a block of a sample."""
_SPARE = 1.1
_TURNS = 30


@dataclass(frozen=True)
class PanelModel:
    """A learnt table of rows in an order. `learnt`: rows by part (owners, blocks, events)."""

    panel: Panel
    database: DatabaseModel
    rules: tuple[Rule, ...]
    """What must hold in every row."""
    paces: tuple[float, ...]
    """By how much owners' gaps become longer."""

    family: ClassVar[str] = "panel"

    @classmethod
    def fit(cls, recipe: Any, data: Dataset, *, rng: Rng, progress: Progress = silent) -> Self:
        """Learn a table that names the column by which its rows are ordered."""
        rules = rules_of(data, protect=getattr(recipe, "protect", 5))
        panel = Panel.learn(data)
        parts = Dataset(panel.inner, panel.apart(data.frame).frames)
        own = _plain(recipe, panel, parts.frames[OWNER].height)
        made = Relational(own).fit(parts, rng=rng, progress=progress)
        if panel.single:
            # One owner is no distribution: how many blocks there are is what is asked for.
            bonds = {**made.fitted.bonds, BLOCK: replace(made.fitted.bonds[BLOCK], fan=None)}
            made = replace(made, fitted=replace(made.fitted, bonds=bonds, models={}))
        top, event = parts.frames[OWNER], parts.frames[EVENT]
        clock = made.fitted.bonds[EVENT].clock
        rates: tuple[float, ...] = (1.0,)
        if panel.blocks is None and clock is not None:
            owner = np.searchsorted(top[KEYS[OWNER]], event[KEYS[OWNER]])
            rates = paces(owner, clock.ticks(event[panel.sequence]))
        return cls(panel, made, rules, rates)

    @property
    def schema(self) -> Schema:
        """What the columns are."""
        return self.panel.outer

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        known = self.schema.columns
        notes = (
            replace(note, column=note.column.split(".", 1)[1]) for note in self.database.protections
        )
        return tuple(note for note in notes if note.column in known)

    # -- drawing ---------------------------------------------------------------------------------

    def sample(
        self,
        rows: int | None = None,
        *,
        rng: Rng,
        known: Known | None = None,
        owners: int | None = None,
    ) -> Dataset:
        """Owners with all their rows until there are `rows`, the last one cut; or `owners` owners.

        What is known may be conditions on columns that do not change within an owner.
        """
        self._refuse_known(known)
        if owners is not None:
            return self._owners(owners, rng, known)
        if rows is None or rows < 1:
            raise SamplingError(f"{rows} rows are asked for.", mend="ask for 1 row or more")
        return Dataset.of(self.schema, pl.concat(self._blocks(rows, rng, 0, known)))

    def blocks(self, rows: int, *, rng: Rng, start: int = 0) -> Iterator[pl.DataFrame]:
        """The sample from block `start` on."""
        return self._blocks(rows, rng, start, None)

    def _blocks(
        self, rows: int, rng: Rng, start: int, known: Known | None
    ) -> Iterator[pl.DataFrame]:
        if self.panel.single:
            # A series has no place to begin anew: it is drawn whole.
            whole = self._series(rows, rng)
            for first in range(start * _AT_ONCE, rows, _AT_ONCE):
                yield whole.slice(first, _AT_ONCE)
            return
        for k in range(start, -(-rows // _AT_ONCE)):
            wanted = min(_AT_ONCE, rows - k * _AT_ONCE)
            yield self._some(wanted, rng.block(k), k * _AT_ONCE, known)

    def _some(self, rows: int, rng: Rng, first: int, known: Known | None) -> pl.DataFrame:
        """`rows` rows, of owners that are numbered from `first`."""
        each = self.database.learnt[EVENT] / max(self.database.learnt[OWNER], 1)
        frames: list[pl.DataFrame] = []
        there = given = tried = 0
        for turn in range(_TURNS):
            if there >= rows:
                return pl.concat(frames).head(rows)
            stream = rng if turn == 0 else rng.child("more").block(turn)
            count = int(np.ceil((rows - there) / max(each, 1e-9) * _SPARE)) + 1
            count = min(count, rows - there)
            made = self._drawn(count, stream, first + given, known)
            kept = self._held(made)
            given, tried, there = given + count, tried + made.height, there + kept.height
            frames.append(kept)
            each = max(there, 1) / given
        raise SamplingError(
            f"{there:,} of {rows:,} rows were found in {tried:,}.",
            mend="ask for less, or take constraints that hardly any owner keeps out",
        )

    def _owners(self, owners: int, rng: Rng, known: Known | None) -> Dataset:
        """So many owners with all their rows."""
        if self.panel.entity is None:
            raise SamplingError(
                "owners are asked for, and all rows are one series.", mend="ask for rows"
            )
        if self.panel.dated is not None:
            return Dataset.of(self.schema, self._line(owners, rng))
        frames: list[pl.DataFrame] = []
        there = given = 0
        for turn in range(_TURNS):
            if there >= owners:
                return Dataset.of(self.schema, pl.concat(frames))
            stream = rng if turn == 0 else rng.child("more").block(turn)
            kept = self._held(self._drawn(owners - there, stream, given, known))
            given += owners - there
            there += kept[self.panel.entity].n_unique()
            frames.append(kept)
        raise SamplingError(
            f"{there:,} of {owners:,} owners were found whose rows keep every constraint.",
            mend="ask for less, or take constraints that hardly any owner keeps out",
        )

    def _drawn(self, owners: int, rng: Rng, first: int, known: Known | None) -> pl.DataFrame:
        """Owners, numbered from `first`, with all their rows."""
        fitted = self.database.fitted
        model: Any = fitted.models[OWNER]
        if OWNER in fitted.kin and known is None and BLOCK not in fitted.parts:
            drawn = families(self.database, OWNER, owners, rng)
            top = drawn[OWNER]
            if first:
                top = replace(top, frame=model.issue(top.frame, rng.child(OWNER), first))
            return self.whole({**drawn, OWNER: top})
        frame = model.sample(owners, rng=rng.child(OWNER), known=known).frame
        if first:
            frame = model.issue(frame, rng.child(OWNER), first)
        frame = fitted.roundness[OWNER].decode(frame, rng.child("round").generator())
        return self._below(frame, rng)

    def _series(self, rows: int, rng: Rng) -> pl.DataFrame:
        """One series of so many rows."""
        learnt = self.database.learnt
        blocks = max(round(learnt[BLOCK] * rows / learnt[EVENT]), 1)
        for _ in range(_TURNS):
            made = self._line(blocks, rng)
            if made.height >= rows:
                return made.head(rows)
            blocks += max(round((rows - made.height) / learnt[EVENT] * learnt[BLOCK] * 1.5), 1)
        raise SamplingError(f"{rows:,} rows do not come about.", mend="ask for less")

    def _line(self, blocks: int, rng: Rng) -> pl.DataFrame:
        """So many blocks of one series, from when it was learnt to begin."""
        found = self.database.fitted.bonds[BLOCK]
        clock, learnt = found.clock, self.database.learnt[BLOCK]
        assert clock is not None
        usual = (clock.last - clock.first) / max(learnt - 1, 1)
        begin = clock.cells(np.array([clock.first])).alias(found.start)
        top = pl.DataFrame(
            {"@owner": [1], found.rows: [blocks], found.span: [round(usual * (blocks - 1))]}
        ).with_columns(begin)
        return self._held(self._below(top, rng))

    def _below(self, top: pl.DataFrame, rng: Rng) -> pl.DataFrame:
        """The rows of owners, as the table's."""
        drawn = {OWNER: self.top(top)}
        database = self.database
        for table in database.layout.order:
            if table in database.layout.contexts:
                drawn[table] = database.below(table, drawn, rng.child(table))
                if table == BLOCK:
                    drawn[table] = self.settled(drawn[table])
        return self.whole(drawn)

    def top(self, frame: pl.DataFrame) -> Drawn:
        """Owners as those below them see them."""
        part = self.database.fitted.parts[OWNER]
        codes = part.codes(frame.select(list(part.content.columns)))
        return Drawn(frame, codes, codes, codes[:0], None)

    def settled(self, blocks: Drawn) -> Drawn:
        """Blocks with what follows from what was drawn of them."""
        if self.panel.trend is None:
            return blocks
        part = self.database.fitted.parts[BLOCK]
        frame = self.panel.settled(blocks.frame)
        codes = part.codes(frame.select(list(part.content.columns)))
        return replace(
            blocks,
            frame=frame,
            codes=codes,
            context=np.vstack([codes, blocks.context[len(codes) :]]),
        )

    def whole(self, drawn: Mapping[str, Drawn]) -> pl.DataFrame:
        """The parts as rows of the table."""
        frames = {}
        for name, one in drawn.items():
            lines = []
            tie = self.database.layout.contexts.get(name)
            if tie is not None and one.owner is not None:
                lines.append(pl.Series(tie.child_key[0], one.owner))
            if name in KEYS:
                lines.append(pl.Series(KEYS[name], np.arange(one.frame.height)))
            frames[name] = one.frame.with_columns(lines)
        return self.panel.whole(frames)

    def _held(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of owners all of whose rows keep every constraint; of one series such rows."""
        good = pl.Series([True]).new_from_index(0, frame.height)
        for rule in self.rules:
            good &= rule.holds(frame)
        if good.all():
            return frame
        if self.panel.single:
            return frame.filter(good)
        owner = frame[str(self.panel.entity)]
        return frame.filter(~owner.is_in(owner.filter(~good).unique().implode()))

    def _refuse_known(self, known: Known | None) -> None:
        """SamplingError for conditions that cannot be met here."""
        if known is None:
            return
        if known.cells is not None:
            raise SamplingError(
                "cells of rows are given, and rows come one after the other here.",
                mend="ask for where on columns that do not change within an owner, or continue a "
                "history with extend",
            )
        moving = [name for name in known.columns if name not in self.panel.above]
        if moving:
            still = ", ".join(self.panel.above) or "there are none"
            raise SamplingError(
                f"conditions are on {', '.join(moving)}, which change from row to row.",
                found=f"what does not change within an owner: {still}",
                mend="ask for these, or fit without sequence",
            )

    def extend(
        self, history: pl.DataFrame, *, steps: int, paths: int = 1, rng: Rng
    ) -> pl.DataFrame:
        """The next `steps` rows of each owner of a history, `paths` times."""
        from neotype.synth.relational.continuing import extend

        return extend(self, history, steps=steps, paths=paths, rng=rng)

    # -- what it is ------------------------------------------------------------------------------

    def describe(self) -> list[str]:
        """In words: which statistics the model holds."""
        panel, learnt = self.panel, self.database.learnt
        words = [f"rows follow each other by '{panel.sequence}'"]
        if not panel.single:
            words[0] += f" within '{panel.entity}': {learnt[OWNER]:,} owners were learnt"
        if panel.above:
            words.append(f"drawn once for each owner: {', '.join(panel.above)}")
        if panel.blocks is not None:
            words.append(
                f"{learnt[BLOCK]:,} blocks of rows ({panel.blocks.words}) follow each other; "
                "what a block is like on the whole is drawn before its rows"
            )
        return words

    def log_density(self, data: Dataset) -> None:
        """None: the density of a series is not known."""

    def state(self) -> State:
        """At rest."""
        facts = {
            "rules": [rule.facts() for rule in self.rules],
            "paces": list(self.paces),
            "ruled": [rule.constraint.title for rule in self.rules],
        }
        parts = {"panel": self.panel.state(), "database": self.database.state()}
        return State.nest(facts, parts)

    @classmethod
    def restore(cls, state: State, schema: Schema, load: Loader) -> Self:
        """The inverse of `state`; `load` restores the models of single tables."""
        panel = Panel.restore(state.within("panel"), schema)
        database = DatabaseModel.restore(state.within("database"), panel.inner, load)
        said = {rule.title: rule for rule in schema.table.constraints}
        kept = zip(state.fact("ruled"), state.fact("rules"), strict=True)
        rules = tuple(said[title].restore(facts, schema.columns) for title, facts in kept)
        return cls(panel, database, rules, tuple(state.fact("paces")))


def _plain(recipe: Any, panel: Panel, owners: int) -> Any:
    """The recipe with those of its `first` columns that owners have.

    Owners with blocks are not drawn several times to choose among: nothing is learnt for that.
    """
    if panel.blocks is not None and owners >= LEAST and hasattr(recipe, "refine"):
        recipe = replace(recipe, refine=0)
    first = getattr(recipe, "first", ())
    if not first:
        return recipe
    return replace(recipe, first=tuple(f"{OWNER}.{n}" for n in first if n in panel.above))
