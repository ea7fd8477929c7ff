"""Constraints under a privacy budget: what the schema says of them, and nothing that rows would.

A rule that can rewrites rows, one by one, into columns of which every combination obeys it; all
are checked on every row that is made. Private rows are never checked: whether they obey would be
told by the error. Where rules are about labels, what they forbid is a structural zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.constraints.ladder import Ladder
from neotype.constraints.values import Bounds
from neotype.data import Dataset
from neotype.dp.ledger import Ledger
from neotype.encode.codebook import Codebook
from neotype.errors import FitError
from neotype.marginal.factor import Factor
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.constraint import Rule
from neotype.schema.schema import Numeric, Schema
from neotype.synth.learn import undeclared
from neotype.synth.private.private import PrivateTable, fit_private
from neotype.synth.private.strategy import Strategy
from neotype.synth.reformed import Reformed
from neotype.synth.rewriting import Rewriting
from neotype.synth.table import TableModel

_CELLS = 20_000
"""The most combinations of labels that a rule is asked about."""
_TRIES = 8
"""How many rows of a combination must all break a rule for it to be impossible."""


def fit_ruled(
    strategy: Strategy,
    data: Dataset,
    ledger: Ledger,
    target: str | None = None,
    progress: Progress = silent,
) -> PrivateTable[TableModel | Reformed]:
    """Learn a table within what is left of the ledger, so that the rules of its schema hold.

    SchemaError, by the schema alone, for rules that would have to read rows.
    """
    data = undeclared(data)
    if not data.table.constraints:
        return fit_private(strategy, data, ledger, target, progress)
    rewriting = declared(data.schema)
    inner = Dataset.of(rewriting.inner, rewriting.encode(data.frame))
    told = () if target is None else rewriting.stands_for(target)
    learnt = fit_private(
        strategy,
        inner,
        ledger,
        next(iter(told), None),
        progress,
        zeros=lambda codebook: impossible(rewriting, codebook),
    )
    found = learnt.model.schema
    outer = {name: found.columns.get(name, one) for name, one in rewriting.outer.columns.items()}
    ruled = replace(rewriting, outer=_with_columns(rewriting.outer, outer), inner=found)
    made = Reformed(learnt.model, ruled)
    return PrivateTable(made, learnt.rows, learnt.guarantee, learnt.strategy, learnt.why)


def declared(schema: Schema) -> Rewriting:
    """The constraints of a schema as rules that know the schema alone."""
    columns = schema.table.columns
    rules = tuple(one.declare(columns) for one in schema.table.constraints)
    rewriting = Rewriting.of(rules, _bounded(schema, rules))
    inner = dict(rewriting.inner.columns)
    for step in rewriting.steps:
        if isinstance(step, Ladder):
            inner |= {gap: _spanning(inner[gap], most) for gap, most in step.farthest().items()}
    return replace(rewriting, inner=_with_columns(rewriting.inner, inner))


def _spanning(gap: Numeric, most: int) -> Numeric:
    """A gap whose bounds follow from those of the columns that it lies between."""
    return gap.model_copy(update={"minimum": 0.0, "maximum": float(most)})


def impossible(rewriting: Rewriting, codebook: Codebook) -> tuple[Factor, ...]:
    """What rules forbid of labels, over places of the leading digits: −∞ where no row may be.

    Rules that rewrite forbid nothing any more; those about numbers or several rows are left to the
    check of made rows. FitError where a rule leaves nothing. The codebook must be public or noisy.
    """
    checked = [rule for rule in rewriting.rules if rule not in rewriting.steps and not rule.whole]
    places = {place: k for k, place in enumerate(codebook.leading)}
    found = []
    for rule in checked:
        digits = _digits(rule, codebook)
        if digits is None or not set(digits) <= set(places):
            continue
        values = _forbidden(rule, codebook, digits)
        if np.isneginf(values).all():
            raise FitError(f"no row can obey {rule.constraint.title}: all labels break it.")
        if np.isneginf(values).any():
            axes = [places[digit] for digit in digits]
            order = np.argsort(axes)
            found.append(Factor(tuple(axes[k] for k in order), values.transpose(order)))
    return tuple(found)


def _bounded(schema: Schema, rules: Sequence[Rule]) -> Schema:
    """The schema in which bounds of numbers are declared that a rule declares."""
    columns = dict(schema.columns)
    for rule in rules:
        column = columns[rule.axis.name] if isinstance(rule, Bounds) else None
        if not isinstance(rule, Bounds) or not isinstance(column, Numeric):
            continue
        unit = 10 ** (rule.axis.decimals or 0)
        low = [float(rule.low / unit)] if rule.low is not None else []
        high = [float(rule.high / unit)] if rule.high is not None else []
        low += [] if column.minimum is None else [column.minimum]
        high += [] if column.maximum is None else [column.maximum]
        told = {"minimum": max(low, default=None), "maximum": min(high, default=None)}
        columns[rule.axis.name] = column.model_copy(update=told)
    return _with_columns(schema, columns)


def _with_columns(schema: Schema, columns: Mapping[str, Any]) -> Schema:
    table = schema.table.model_copy(update={"columns": dict(columns)})
    return schema.model_copy(update={"tables": {schema.name: table}})


def _digits(rule: Rule, codebook: Codebook) -> list[int] | None:
    """The digits of a rule's columns, where each has one that tells all, and they are few."""
    digits = []
    for name in rule.constraint.about:
        own = codebook.places({name})
        if len(own) != 1:
            return None
        digits.append(own[0])
    sizes = [codebook.digits[digit].size for digit in digits]
    return digits if len(set(digits)) == len(digits) and prod(sizes) <= _CELLS else None


def _forbidden(rule: Rule, codebook: Codebook, digits: Sequence[int]) -> NDArray[np.float64]:
    """0 where a row with these symbols was found to obey, −∞ elsewhere."""
    sizes = [codebook.digits[digit].size for digit in digits]
    symbols = np.indices(sizes).reshape(len(sizes), -1)
    codes = np.zeros((len(codebook.digits), symbols.shape[1]), dtype=np.uint8)
    codes[list(digits)] = symbols
    good = np.zeros(symbols.shape[1], dtype=np.bool_)
    root = Rng(0).child("structural zeros")
    for turn in range(_TRIES):
        frame = codebook.decode(
            codes, rng=root.block(turn).generator(), first_row=0, rows=codes.shape[1]
        )
        good |= _holds(rule, frame)
    return np.where(good, 0.0, -np.inf).reshape(sizes)


def _holds(rule: Rule, frame: pl.DataFrame) -> NDArray[np.bool_]:
    return rule.holds(frame).to_numpy()
