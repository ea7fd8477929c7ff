"""Whether the columns of a table can be drawn as declared, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import polars as pl

from neotype.errors import SchemaError, did_you_mean
from neotype.expression import expression, names_in
from neotype.schema.distribution import MISSING, OTHERWISE, Distribution, faults
from neotype.schema.quantity import band

Columns = Mapping[str, Any]

CORRELATED = ("numeric", "ordinal", "datetime", "duration")
"""Kinds whose cells have ranks."""
_BANDED = ("numeric", "datetime", "duration", "geo")
_STORAGES: Mapping[str, str] = {
    "boolean": "Boolean",
    "duration": "Duration[us]",
    "text": "String",
    "geo": "Float64",
    "json": "String",
    "personal": "String",
}


def default_storage(kind: str, facts: Mapping[str, Any]) -> str:
    """The dtype of a column for which none is written."""
    match kind:
        case "numeric":
            return "Int64" if facts.get("subtype") == "integer" else "Float64"
        case "datetime":
            if facts.get("format"):
                return "String"
            parts = {"date": "Date", "time": "Time"}
            return parts.get(str(facts.get("part")), "Datetime[us]")
        case "identifier":
            return "String" if facts.get("pattern") else "Int64"
        case "boolean" | "categorical" | "ordinal" | "constant":
            key = {"boolean": "labels", "constant": "value"}.get(kind, "values")
            values = facts.get(key)
            values = values if isinstance(values, list | tuple) else [values]
            return _of_values(values, "Boolean" if kind == "boolean" else "String")
    return _STORAGES.get(kind, "String")


def _of_values(values: Any, otherwise: str) -> str:
    kinds = {type(value) for value in values}
    for kind, storage in ((bool, "Boolean"), (int, "Int64"), (float, "Float64"), (str, "String")):
        if kinds == {kind}:
            return storage
    return "Float64" if kinds == {int, float} else otherwise


def inputs(column: Any) -> tuple[str, ...]:
    """The columns that must be there before this one is drawn."""
    if column.formula is None:
        return tuple(column.depends_on)
    return tuple(dict.fromkeys(computed(column.formula).meta.root_names()))


def computed(formula: str) -> pl.Expr:
    """The expression of a formula in SQL or polars; SchemaError when it cannot be read."""
    try:
        made = expression(formula, asked_by="it")
        names_in(made, formula, asked_by="it")
    except pl.exceptions.PolarsError as fault:
        first = str(fault).strip().partition("\n")[0]
        raise SchemaError(
            f"it cannot be computed: {first}.",
            mend='write SQL, as in price * 1.19, or polars, as in pl.col("price") * 1.19',
        ) from None
    return made


def drawing_order(columns: Columns) -> tuple[str, ...]:
    """Parents before children, else as they stand; SchemaError names a circle."""
    place = {name: k for k, name in enumerate(columns)}
    sorter = TopologicalSorter({name: inputs(column) for name, column in columns.items()})
    try:
        sorter.prepare()
    except CycleError as circle:
        raise SchemaError(f"columns depend on each other: {' → '.join(circle.args[1])}.") from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=place.__getitem__)
        order += ready
        sorter.done(*ready)
    return tuple(order)


def table_faults(
    columns: Columns, correlations: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[str, str]]:
    """Every place where the declarations cannot be, and why."""
    sound = True
    for name, column in columns.items():
        for place, why in _column_faults(name, column, columns):
            sound = False
            yield f"columns.{name}.{place}", why
    if sound:
        try:
            drawing_order(columns)
        except SchemaError as circle:
            yield "columns", circle.problem.rstrip(".")
    yield from _correlation_faults(columns, correlations)


def _column_faults(name: str, column: Any, columns: Columns) -> Iterator[tuple[str, str]]:
    one: Distribution | None = column.distribution
    if column.formula is not None:
        for other in ("distribution", "depends_on"):
            if getattr(column, other):
                yield other, "a column with a formula has nothing else to be drawn from"
        yield from _formula_faults(column.formula, columns)
    elif column.depends_on:
        yield from _parent_faults(name, column, columns)
    elif one is not None and one.law == "cases":
        yield "distribution", "a table of cases needs depends_on, the column that decides"
    if one is not None:
        yield from faults(one, column.kind, "distribution")
        yield from _label_faults(one, column, "distribution")


def _formula_faults(text: str, columns: Columns) -> Iterator[tuple[str, str]]:
    try:
        names = computed(text).meta.root_names()
    except SchemaError as fault:
        yield "formula", " ".join(part for part in (fault.problem, fault.mend) if part)
        return
    for other in names:
        yield from _known(other, columns, "formula")


def _parent_faults(name: str, column: Any, columns: Columns) -> Iterator[tuple[str, str]]:
    missing = False
    for parent in column.depends_on:
        for fault in _known(parent, columns, "depends_on"):
            missing = True
            yield fault
        if parent == name:
            missing = True
            yield "depends_on", "a column cannot depend on itself"
        elif parent in columns and columns[parent].kind in {"identifier", "json"}:
            missing = True
            yield "depends_on", f"'{parent}' is {columns[parent].kind}: its cells tell nothing"
    if column.distribution is None:
        yield "depends_on", "a distribution is needed: a table with a case for each parent value"
    elif not missing:
        parents = [(parent, columns[parent]) for parent in column.depends_on]
        yield from _case_faults(column.distribution, parents, "distribution")


def _case_faults(
    one: Distribution, parents: list[tuple[str, Any]], path: str
) -> Iterator[tuple[str, str]]:
    if not parents:
        if one.law == "cases":
            yield path, "there are more levels of cases than columns in depends_on"
        return
    (name, parent), *rest = parents
    if one.law != "cases" or not one.cases:
        yield path, f"a table with a case for each value of '{name}' is needed"
        return
    labels = known_labels(parent)
    for key, inside in one.cases.items():
        why = _key_fault(key, name, parent, labels)
        if why:
            yield f"{path}.{key}", why
        yield from _case_faults(inside, rest, f"{path}.{key}")
    if labels is not None and OTHERWISE not in one.cases:
        lacking = [label for label in labels if label not in one.cases]
        if lacking:
            shown = ", ".join(lacking[:6])
            yield path, f"there is no case for {shown}; add it, or: {OTHERWISE}"


def _key_fault(key: str, name: str, parent: Any, labels: tuple[str, ...] | None) -> str | None:
    """Why a key of a table is no case of this parent column."""
    if key in {OTHERWISE, MISSING}:
        return None
    if parent.kind in _BANDED:
        try:
            found = band(parent.kind, key)
        except ValueError as fault:
            return str(fault)
        return None if found else f"'{name}' is {parent.kind}: write a range such as 18..30"
    if labels is None or key in labels:
        return None
    near = did_you_mean(key, labels) or f"its values: {', '.join(labels[:12])}"
    return f"'{name}' has no value '{key}'; {near}"


def known_labels(column: Any) -> tuple[str, ...] | None:
    """The labels that a column may have, as they are written; None where that is open."""
    if column.kind == "boolean":
        return tuple(spelt(label) for label in column.labels or (False, True))
    if column.kind == "constant":
        return (spelt(column.value),)
    if column.kind not in {"categorical", "ordinal"}:
        return None
    if column.values is not None:
        return tuple(spelt(value) for value in column.values)
    found: dict[str, None] = {}
    todo = [column.distribution]
    while todo:
        one = todo.pop()
        if one is None:
            return None
        todo += (one.cases or {}).values()
        if isinstance(one.weights, Mapping):
            found |= dict.fromkeys(one.weights)
        if one.constant is not None:
            found[spelt(one.constant)] = None
    return tuple(found)


def spelt(value: object) -> str:
    """A label as the key of a table spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _label_faults(one: Distribution, column: Any, path: str) -> Iterator[tuple[str, str]]:
    """Weights of labels that the column does not declare."""
    for key, inside in (one.cases or {}).items():
        yield from _label_faults(inside, column, f"{path}.{key}")
    if column.kind not in {"categorical", "ordinal", "boolean"}:
        return
    labels = known_labels(column) if column.kind == "boolean" or column.values else None
    if one.weights is not None and not isinstance(one.weights, Mapping):
        if labels is None:
            yield path, "weights without labels need values: [...], the labels in their order"
        elif len(one.weights) != len(labels):
            yield path, f"there are {len(one.weights)} weights for {len(labels)} values"
    elif labels is not None:
        said = one.weights or ({} if one.constant is None else {spelt(one.constant): 1.0})
        for label in said:
            if label not in labels:
                near = did_you_mean(label, labels) or f"values: {', '.join(labels[:12])}"
                yield f"{path}.{label}", f"the column has no value '{label}'; {near}"


def _correlation_faults(
    columns: Columns, correlations: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[str, str]]:
    said: dict[frozenset[str], float] = {}
    for one, others in correlations.items():
        yield from _ranked(one, columns, "correlations")
        for other, rho in others.items():
            place = f"correlations.{one}.{other}"
            yield from _ranked(other, columns, place)
            if one == other:
                yield place, "a column is not correlated with itself"
            if not -1 <= rho <= 1:
                yield place, f"{rho:g} is no rank correlation: they lie between -1 and 1"
            if said.setdefault(frozenset((one, other)), rho) != rho:
                yield place, f"it is {rho:g} here, and {said[frozenset((one, other))]:g} elsewhere"


def _ranked(name: str, columns: Columns, place: str) -> Iterator[tuple[str, str]]:
    yield from _known(name, columns, place)
    if name not in columns:
        return
    if columns[name].kind not in CORRELATED:
        kinds = ", ".join(CORRELATED)
        yield place, f"'{name}' is {columns[name].kind}; ranks have columns of kind {kinds}"
    elif columns[name].formula is not None:
        yield place, f"'{name}' has a formula, which decides alone"


def _known(name: str, columns: Columns, place: str) -> Iterator[tuple[str, str]]:
    if name not in columns:
        near = did_you_mean(name, columns) or f"columns: {', '.join(list(columns)[:20])}"
        yield place, f"there is no column '{name}'; {near}"
