"""What the languages of schemas have in common: a column in words, made a column of the house.

Every reader fills drafts; only this file knows what they become. What a language says and the
schema cannot is kept as a note, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neotype.foreign.placeholder import begun
from neotype.personal.categories import CATEGORIES
from neotype.personal.lexicon import hints_person, named
from neotype.schema.schema import (
    Boolean,
    Categorical,
    Column,
    Datetime,
    Duration,
    Identifier,
    Json,
    Numeric,
    Personal,
    Relationship,
    Schema,
    Table,
    Text,
)
from neotype.schema.value import Scalar

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_MADE = frozenset(CATEGORIES) - {"date_of_birth", "coordinates", "free_text"}
_INTEGERS = {8: "Int8", 16: "Int16", 32: "Int32", 64: "Int64", 128: "Int128"}


@dataclass
class Draft:
    """A column as a language describes it; `type` is one of those that `column` tells apart."""

    name: str
    type: str
    origin: str
    """How the language says it, for the reason: "VARCHAR(120)"."""
    nullable: bool = True
    unique: bool = False
    key: bool = False
    refers: bool = False
    """Whether it points at rows of another table."""
    bits: int = 64
    precision: int | None = None
    scale: int | None = None
    zone: bool = False
    values: tuple[Scalar, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    formula: str | None = None
    """SQL that computes it from other columns of its row."""
    personal: str | None = None
    """The category of personal data that the language itself names (format: email)."""

    def at_least(self, bound: float, *, strict: bool = False) -> bool:
        """Narrow the range from below; false where a strict bound cannot be said so."""
        step = self._step if strict else 0.0
        if strict and not step:
            return False
        self.minimum = max(bound + step, self.minimum if self.minimum is not None else -1e308)
        return True

    def at_most(self, bound: float, *, strict: bool = False) -> bool:
        """Narrow the range from above; false where a strict bound cannot be said so."""
        step = self._step if strict else 0.0
        if strict and not step:
            return False
        self.maximum = min(bound - step, self.maximum if self.maximum is not None else 1e308)
        return True

    @property
    def _step(self) -> float:
        if self.type == "integer":
            return 1.0
        return 10.0**-self.scale if self.type == "decimal" and self.scale is not None else 0.0


@dataclass
class TableDraft:
    """A table as a language describes it."""

    name: str
    columns: dict[str, Draft] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    constraints: list[dict[str, Any]] = field(default_factory=list)
    refers: list[tuple[tuple[str, ...], str, tuple[str, ...]]] = field(default_factory=list)
    """Foreign keys: own columns, the other table, its columns (empty for its primary key)."""

    def unique(self, names: tuple[str, ...]) -> None:
        """No two rows are equal in these columns."""
        if len(names) == 1 and names[0] in self.columns:
            self.columns[names[0]].unique = True
        elif names != self.primary_key:
            self.constraints.append({"type": "Unique", "columns": list(names)})


@dataclass(frozen=True)
class Imported:
    """A schema that was read, and what of it could not be said here."""

    schema: Schema
    notes: tuple[str, ...] = ()


def imported(tables: Mapping[str, TableDraft], notes: list[str]) -> Imported:
    """The schema of these drafts."""
    made, ties = {}, []
    for name, draft in tables.items():
        for own, other, theirs in draft.refers:
            parent = tables.get(other)
            if parent is None:
                notes.append(f"{name}.{', '.join(own)} refers to '{other}', which is not there")
                continue
            for column in own:
                if column in draft.columns:
                    draft.columns[column].refers = True
            key = theirs or parent.primary_key
            if key:
                ties.append(Relationship(parent=other, parent_key=key, child=name, child_key=own))
        _recognise(draft)
        made[name] = _table(draft)
    schema = Schema(tables=made, relationships=tuple(ties))
    return Imported(begun(schema), tuple(dict.fromkeys(notes)))


def _recognise(table: TableDraft) -> None:
    """What the names of plain text columns say of persons."""
    for name, draft in table.columns.items():
        if draft.type != "text" or draft.values or draft.pattern or draft.key or draft.refers:
            continue
        category = draft.personal or named(name)
        if category is None and name.lower() == "name" and hints_person(table.name.rstrip("sS")):
            category = "full_name"
        draft.personal = category if category in _MADE else None


def _table(draft: TableDraft) -> Table:
    if len(draft.primary_key) == 1:
        draft.columns[draft.primary_key[0]].key = True
    elif draft.primary_key:
        draft.constraints.append({"type": "Unique", "columns": list(draft.primary_key)})
        for name in draft.primary_key:
            draft.columns[name].nullable = False
    columns = {name: column(one) for name, one in draft.columns.items()}
    facts = {"columns": columns, "primary_key": draft.primary_key}
    return Table.model_validate({**facts, "constraints": draft.constraints})


_TIMES: Mapping[str, dict[str, Any]] = {
    "date": {"storage": "Date", "part": "date", "resolution": "day"},
    "datetime": {"storage": "Datetime[us]", "resolution": "second"},
    "time": {"storage": "Time", "part": "time", "resolution": "second"},
}


def column(draft: Draft) -> Column:
    """The column that a draft becomes."""
    base: dict[str, Any] = {"nullable": draft.nullable and not draft.key, "reason": draft.origin}
    if draft.formula is not None:
        base["formula"] = draft.formula
    if draft.values is not None and draft.type != "boolean":
        return _labels(draft, base)
    if draft.personal is not None:
        category: Any = draft.personal
        return Personal(**base, storage="String", category=category, unique=draft.unique)
    if _is_identifier(draft):
        return _identifier(draft, base)
    if draft.type in {"integer", "decimal", "float"}:
        return _numeric(draft, base)
    if draft.type in _TIMES:
        facts = {**_TIMES[draft.type], **({"storage": "Datetime[us,UTC]"} if draft.zone else {})}
        return Datetime(**base, **facts)
    plain: dict[str, Column] = {
        "boolean": Boolean(**base, storage="Boolean"),
        "duration": Duration(**base, storage="Duration[us]"),
        "json": Json(**base, storage="String"),
    }
    return plain.get(draft.type) or Text(**base, storage="String")


def _is_identifier(draft: Draft) -> bool:
    """Keys, what points at keys, and what is unique or of a fixed form."""
    if draft.key or draft.type == "uuid":
        return True
    if draft.type == "text":
        return draft.refers or draft.unique or draft.pattern is not None
    return draft.type == "integer" and (draft.refers or draft.unique)


def _labels(draft: Draft, base: dict[str, Any]) -> Categorical:
    kinds = {type(value) for value in draft.values or ()}
    plain = {int: "Int64", float: "Float64", bool: "Boolean"}
    storage = plain.get(kinds.pop(), "String") if len(kinds) == 1 else "String"
    return Categorical(**base, storage=storage, values=draft.values)


def _numeric(draft: Draft, base: dict[str, Any]) -> Numeric:
    facts: dict[str, Any] = {"minimum": draft.minimum, "maximum": draft.maximum}
    if draft.type == "integer":
        facts |= {"storage": _INTEGERS[draft.bits], "subtype": "integer", "decimals": 0}
    elif draft.type == "decimal" and draft.scale is not None:
        storage = f"Decimal[{draft.precision or 38},{draft.scale}]"
        facts |= {"storage": storage, "subtype": "decimal", "decimals": draft.scale}
    else:
        facts |= {"storage": "Float64", "subtype": "float"}
    return Numeric(**base, **facts)


def _identifier(draft: Draft, base: dict[str, Any]) -> Identifier:
    pattern = UUID if draft.type == "uuid" else draft.pattern
    storage = _INTEGERS[draft.bits] if draft.type == "integer" else "String"
    unique = draft.key or draft.unique or (draft.type == "uuid" and not draft.refers)
    return Identifier(**base, storage=storage, pattern=pattern, unique=unique)
