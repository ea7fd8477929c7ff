"""What must hold between tables: tables in the user's columns, as tables in which it holds.

`learn_between` learns what a schema declares; `Between.encode` rewrites the tables that a model
learns, `decode` what the model draws, so that the constraints hold in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from neotype.constraints.between.rule import Frames, TableRule
from neotype.data import Dataset
from neotype.errors import DataError
from neotype.rng import Rng
from neotype.schema.schema import Schema

_FIRST = Rng(0)
_ROUNDS = 8
"""How often all rules are gone through."""


@dataclass(frozen=True)
class Between:
    """Rules between tables; `steps` are those that rewrite tables, in the order of decoding."""

    outer: Schema
    """The user's schema, with what the constraints say of keys."""
    inner: Schema
    """The schema of what is learnt and drawn."""
    rules: tuple[TableRule, ...]
    order: tuple[int, ...]
    """In which order rules are decoded or mended: what they read is made before."""
    steps: frozenset[int]
    """The rules that rewrite."""

    @classmethod
    def of(cls, rules: tuple[TableRule, ...], schema: Schema) -> Self:
        """Each rule rewrites where those before it leave it the room; the others mend or check."""
        inner, steps = schema, set[int]()
        made: set[tuple[str, str]] = set()
        for k, rule in enumerate(rules):
            told = None if rule.writes & made else rule.rewrite(inner)
            if told is not None and _ordered(rules, [*steps, k], steps | {k}) is not None:
                inner = told
                steps.add(k)
                made |= rule.writes
        order = _ordered(rules, list(range(len(rules))), steps)
        assert order is not None
        inner = inner.model_copy(update={"constraints": ()})
        return cls(schema, inner, rules, order, frozenset(steps))

    def encode(self, frames: Frames) -> dict[str, pl.DataFrame]:
        """The user's tables as tables that the inner model knows."""
        told = dict(frames)
        for k in sorted(self.steps):
            told = self.rules[k].encode(told, frames)
        return {n: told[n].select(list(t.columns)) for n, t in self.inner.tables.items()}

    def decode(self, frames: Frames, rng: Rng = _FIRST) -> dict[str, pl.DataFrame]:
        """The inverse of `encode`, for a whole sample whose keys are valid."""
        made = dict(frames)
        for k in self.order:
            stream = rng.block(k).generator()
            rule = self.rules[k]
            made = rule.decode(made, stream) if k in self.steps else rule.mend(made, stream)
        for turn in range(_ROUNDS):
            # Mending one rule may break another that was mended before.
            if not self.broken(made):
                break
            for k in self.order:
                made = self.rules[k].mend(made, rng.block(turn).block(k).generator())
        return {n: made[n].select(list(t.columns)) for n, t in self.outer.tables.items()}

    def broken(self, frames: Frames) -> list[str]:
        """What does not hold in the user's tables, with how often."""
        return [
            f"constraint {rule.constraint.title}: {int(mask.sum()):,} of {len(mask):,} rows of "
            f"'{table}' break it"
            for rule in self.rules
            for table, mask in rule.broken(frames).items()
            if mask.any()
        ]

    def facts(self) -> list[dict[str, Any]]:
        """JSON-ready: what each rule learnt, in the order of the schema's constraints."""
        return [rule.facts() for rule in self.rules]

    @classmethod
    def restore(cls, facts: list[dict[str, Any]], schema: Schema) -> Self:
        """The inverse of `facts`."""
        settled = schema.settled()
        learnt = zip(schema.constraints, facts, strict=True)
        return cls.of(tuple(one.restore(kept, settled) for one, kept in learnt), settled)


def learn_between(data: Dataset, protect: int = 5) -> Between:
    """What the schema declares between its tables, learnt from frames that obey.

    DataError lists every constraint that these frames break.
    """
    settled = data.schema.settled()
    declared = data.schema.constraints
    rules = tuple(one.learn(settled, data.frames, protect=protect) for one in declared)
    between = Between.of(rules, settled)
    findings = between.broken(data.frames)
    if findings:
        raise DataError(
            "the data breaks constraints between its tables.",
            findings,
            mend="correct the rows, or take the constraint out of the schema",
        )
    return between


def _ordered(
    rules: tuple[TableRule, ...], chosen: list[int], steps: set[int]
) -> tuple[int, ...] | None:
    """These rules, each after those that make what it reads; None where steps go in a circle."""
    left, done = list(chosen), []
    while left:
        made = {k: rules[k].writes for k in left}
        free = [
            k for k in left if not any(rules[k].reads & made[other] for other in left if other != k)
        ]
        if not free:
            free = [k for k in left if k not in steps][:1]
        if not free:
            return None
        done += free
        left = [k for k in left if k not in free]
    return tuple(done)
