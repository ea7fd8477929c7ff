"""A model under constraints: rows are rewritten before it learns them, and back when it draws.

A rule that can rewrites its columns into others of which every combination obeys it, so that no
row can break it; every rule, rewriting or not, is checked on every row, and a row that breaks one
is never given out. It asks nothing of the model within but to be a `Sampler`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset, Known
from neotype.encode.encoder import Protection, State
from neotype.errors import SamplingError
from neotype.rng import Rng
from neotype.schema.schema import Personal, Schema
from neotype.synth.completing import completed
from neotype.synth.contradiction import refuse_broken
from neotype.synth.drawing import blocks, sample
from neotype.synth.reaching import reached
from neotype.synth.rewriting import Rewriting
from neotype.synth.sampler import Candidates, Sampler
from neotype.synth.synthesizer import Model
from neotype.synth.weighing import LogWeights
from neotype.synth.whole import is_whole, mended


class Inner(Sampler, Model, Protocol):
    """What can be put under constraints: a model whose candidates can be looked at."""

    @property
    def family(self) -> str:
        """The registered name of its synthesizer."""


@dataclass(frozen=True)
class _Decoded:
    """Candidates that are rewritten when they are taken."""

    inner: Candidates
    rewriting: Rewriting
    rng: Rng
    issue: Callable[[pl.DataFrame, Rng, int], pl.DataFrame] | None
    """Invents persons anew, where rewritten rows do not show all that these have to fit."""

    @property
    def log_weight(self) -> LogWeights:
        return self.inner.log_weight

    def take(self, picks: NDArray[np.int64], first_row: int, rows: int) -> pl.DataFrame:
        frame = self.rewriting.decode(self.inner.take(picks, first_row, rows), self.rng)
        return frame if self.issue is None else self.issue(frame, self.rng, first_row)


@dataclass(frozen=True)
class Reformed:
    """A fitted model of rewritten rows, in which the constraints of the schema hold."""

    inner: Inner
    rewriting: Rewriting

    @property
    def family(self) -> str:
        """The registered name of the inner model's synthesizer."""
        return self.inner.family

    @property
    def schema(self) -> Schema:
        """The schema of the rows, as the user wrote it."""
        return self.rewriting.outer

    @property
    def width(self) -> int:
        """How many digits a rewritten row has."""
        return self.inner.width

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        told = [(r.constraint.about, r.protected) for r in self.rewriting.rules if r.protected]
        rare = (Protection(" & ".join(about), *facts) for about, facts in told if facts)
        return (*self.inner.protections, *rare)

    @property
    def each(self) -> int:
        """Candidates that every row needs."""
        return self.inner.each

    def exact(self, columns: tuple[str, ...]) -> bool:
        """Whether one candidate a row suffices when these columns are given."""
        told = [name for column in columns for name in self.rewriting.stands_for(column)]
        partial = any(
            not set(rule.constraint.about) <= set(columns)
            for rule in self.rewriting.steps
            if set(rule.constraint.about) & set(columns)
        )
        return not partial and self.inner.exact(tuple(told))

    def candidates(self, rows: int, rng: Rng, known: Known | None) -> Candidates:
        """Candidates of the inner model, given what of the known can be said of its columns."""
        if known is not None:
            done = completed(self.inner, self.rewriting, rows, rng, known)
            if done is not None:
                return done
        told = None if known is None else self.rewriting.known(known)
        pool = None
        if known is not None and told is not None:
            pool = reached(self.inner, self.rewriting, rows, rng, known, told)
        pool = pool or self.inner.candidates(rows, rng, told)
        hidden = set(self.schema.columns) - set(self.rewriting.inner.columns)
        peopled = any(isinstance(one, Personal) for one in self.schema.columns.values())
        # rows under conditions are numbered at the end in any case
        issue = self.issue if hidden and peopled and known is None else None
        return _Decoded(pool, self.rewriting, rng.child("rewrite"), issue)

    def checks(self, frame: pl.DataFrame) -> Mapping[str, pl.Series]:
        """Every rule that a row alone can break, by its title."""
        rules = [rule for rule in self.rewriting.rules if not rule.whole]
        return {rule.constraint.title: rule.holds(frame) for rule in rules}

    def issue(self, frame: pl.DataFrame, rng: Rng, first_row: int) -> pl.DataFrame:
        """The rows with identifiers of `first_row` on, and what follows from those."""
        return self.rewriting.renew(self.inner.issue(frame, rng, first_row))

    def draw(self, rows: int | None, rng: Rng, known: Known | None) -> Dataset:
        """Rows that obey each by itself: rules about several rows may be broken."""
        return sample(self, rows, rng, known)

    def sample(self, rows: int | None = None, *, rng: Rng, known: Known | None = None) -> Dataset:
        """`rows` rows, or one row for every row that something is known of."""
        refuse_broken(known, self.rewriting.rules, self.schema)
        return mended(self, self.draw(rows, rng, known), rng.child("whole"), known)

    def blocks(self, rows: int, *, rng: Rng, start: int = 0) -> Iterator[pl.DataFrame]:
        """The sample from block `start` on. SamplingError where rules need to see all rows."""
        title = is_whole(self.rewriting)
        if title is not None:
            raise SamplingError(
                f"constraint {title} is about several rows, and rows made in parts cannot see "
                "each other.",
                mend="write one file instead of a folder",
            )
        return blocks(self, rows, rng, start)

    def log_density(self, data: Dataset) -> NDArray[np.float64] | None:
        """The log-probability of each row's digits, once it is rewritten."""
        frame = self.rewriting.encode(data.frame)
        return self.inner.log_density(Dataset.of(self.rewriting.inner, frame))

    def describe(self) -> list[str]:
        """In words: what must hold, and which statistics the model holds."""
        titles = [rule.constraint.title for rule in self.rewriting.rules]
        return [f"{len(titles)} constraints: {'; '.join(titles)}", *self.inner.describe()]

    def state(self) -> State:
        """At rest."""
        rules = [rule.facts() for rule in self.rewriting.rules]
        facts = {"rules": rules, "inner_schema": self.rewriting.inner.model_dump(mode="json")}
        return State.nest(facts, {"reformed": self.inner.state()})

    @classmethod
    def restore(cls, state: State, schema: Schema, inner: Callable[[State, Schema], Any]) -> Any:
        """The inverse of `state`; the inner model as it is where the file holds no rules."""
        if "rules" not in state.facts:
            return inner(state, schema)
        learnt = zip(schema.table.constraints, state.fact("rules"), strict=True)
        rules = tuple(one.restore(facts, schema.columns) for one, facts in learnt)
        narrow = Schema.model_validate(state.fact("inner_schema"))
        rewriting = Rewriting.of(rules, schema)
        return cls(inner(state.within("reformed"), narrow), rewriting)
