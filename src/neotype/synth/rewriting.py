"""Rows in the user's columns, as rows in which no constraint can break, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Known
from neotype.rng import Rng
from neotype.schema.condition import Condition, Where
from neotype.schema.constraint import Columns, Rule
from neotype.schema.schema import Schema
from neotype.schema.storage import storage_dtype

_Some = list[tuple[NDArray[np.int64], Where]]


@dataclass(frozen=True)
class Rewriting:
    """Rules in their order; `steps` are those that rewrite the columns that they are about."""

    rules: tuple[Rule, ...]
    steps: tuple[Rule, ...]
    outer: Schema
    inner: Schema

    @classmethod
    def of(cls, rules: tuple[Rule, ...], schema: Schema) -> Self:
        """Each rule is a step where those before it leave it the room; the others check."""
        steps: list[Rule] = []
        for rule in _formulas_first(rules):
            for form in (rule, *rule.others):
                place = _place(form, steps, schema.columns)
                if place is not None:
                    steps.insert(place, form)
                    break
        columns = dict(schema.columns)
        for step in steps:
            columns = step.rewrite(columns) or columns
        table = schema.table
        narrow = {
            "columns": columns,
            "constraints": (),
            "primary_key": tuple(c for c in table.primary_key if c in columns),
            "entity": table.entity if table.entity in columns else None,
            "sensitive": (),
            "quasi_identifiers": (),
        }
        inner = schema.model_copy(update={"tables": {schema.name: table.model_copy(update=narrow)}})
        return cls(rules, tuple(steps), schema, inner)

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the user's columns as rows that the inner model knows."""
        for rule in self.steps:
            frame = rule.encode(frame)
        return frame.select(list(self.inner.columns))

    def decode(self, frame: pl.DataFrame, rng: Rng) -> pl.DataFrame:
        """The inverse of `encode`."""
        for k, rule in reversed(list(enumerate(self.steps))):
            frame = rule.decode(frame, rng.block(k).generator())
        return frame.select(list(self.outer.columns))

    def renew(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the user's columns in which some were changed, with what follows from those."""
        for rule in reversed(self.steps):
            frame = rule.renew(frame)
        return frame

    def stands_for(self, column: str) -> tuple[str, ...]:
        """The inner columns that carry what an outer one says."""
        names = [column]
        for rule in self.steps:
            about = rule.constraint.about
            names = [
                told
                for name in names
                for told in (rule.stands_for(name) if name in about else (name,))
            ]
        return tuple(name for name in dict.fromkeys(names) if name in self.inner.columns)

    def known(self, known: Known) -> Known:
        """What is known of outer columns, as far as it can be said of inner ones.

        The rest is checked when rows have been drawn.
        """
        where = self._told(known.where)
        if known.cells is None:
            return Known(where=where)
        cells, free = known.cells, known.free
        if free is None:
            free = pl.DataFrame({c: np.zeros(cells.height, dtype=np.bool_) for c in cells.columns})
        some = [(rows, self._told(asked)) for rows, asked in known.some]
        for k, rule in enumerate(self.steps):
            cells, free, more = self._rewritten(rule, cells, free)
            some += [(rows, self._told(asked, k + 1)) for rows, asked in more]
        names = [name for name in cells.columns if name in self.inner.columns]
        all_known = not any(free[name].any() for name in names)
        cells, free = cells.select(names), free.select(names)
        told = tuple((rows, asked) for rows, asked in some if asked)
        return Known(cells, None if all_known else free, where, told)

    def _rewritten(
        self, rule: Rule, cells: pl.DataFrame, free: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame, _Some]:
        """Known cells after one rule; of a row that is known in part, what can be said of it."""
        about = rule.constraint.about
        have = [name for name in about if name in cells.columns]
        if not have:
            return cells, free, []
        some: _Some = []
        for name in (name for name in about if name not in cells.columns):
            dtype = storage_dtype(self.outer.columns[name].storage)
            cells = cells.with_columns(pl.lit(None, dtype=dtype).alias(name))
            free = free.with_columns(pl.lit(True).alias(name))
        partly = free.select(pl.any_horizontal(about)).to_series()
        encoded = rule.encode(cells)
        gone = [name for name in have if name not in encoded.columns]
        for name in gone:
            known = (partly & ~free[name]).arg_true()
            groups = cells[name].gather(known).to_frame().with_columns(row=known)
            for (value,), rows in groups.group_by(name, maintain_order=True):
                told = rule.translate(Condition(name, values=(value,)))
                if told:
                    some.append((rows["row"].to_numpy().astype(np.int64), told))
        fresh = [name for name in encoded.columns if name not in free.columns]
        free = free.drop(gone, strict=False).with_columns(partly.alias(name) for name in fresh)
        return encoded, free.select(encoded.columns), some

    def _told(self, where: Where, after: int = 0) -> Where:
        """Conditions that hold before the step `after`, as far as inner columns can say them."""
        for rule in self.steps[after:]:
            gone = _gone(rule, self.outer.columns)
            where = tuple(
                told
                for one in where
                for told in ((rule.translate(one) or ()) if one.column in gone else (one,))
            )
        return where


def _place(rule: Rule, steps: list[Rule], columns: Columns) -> int | None:
    """Where among the steps a rule can stand; None where it can only check.

    It needs its columns as the user wrote them, so those before it leave them alone; and those
    after it need theirs, so it replaces none of them.
    """
    if rule.rewrite(columns) is None:
        return None
    about, gone = set(rule.constraint.about), _gone(rule, columns)
    for place in reversed(range(len(steps) + 1)):
        before = {name for step in steps[:place] for name in _gone(step, columns)}
        after = {name for step in steps[place:] for name in step.constraint.about}
        if not about & before and not gone & after:
            return place
    return None


def _gone(rule: Rule, columns: Columns) -> set[str]:
    """The columns that a rule replaces."""
    new = rule.rewrite(columns) or columns
    return {name for name in rule.constraint.about if new.get(name) is not columns[name]}


def _formulas_first(rules: tuple[Rule, ...]) -> list[Rule]:
    """Rules in the order of their steps: what follows from a column is left out before it."""
    formulas = [rule for rule in rules if rule.follows is not None]
    ordered: list[Rule] = []
    while formulas:
        read = {name for rule in formulas for name in rule.constraint.about if name != rule.follows}
        free = [rule for rule in formulas if rule.follows not in read] or formulas
        ordered += free
        formulas = [rule for rule in formulas if rule not in free]
    return [*ordered, *(rule for rule in rules if rule.follows is None)]
