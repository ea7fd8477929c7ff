"""Nested values as a flat table and back: objects by key, lists by length and items."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import polars as pl

Values = list[Any]

ROOT = "$"
DEEPEST = 6
WIDEST = 64
"""Deeper values, and the rarer of more keys than this, are kept as text or left out."""


@dataclass
class Flat:
    """The columns of a flat table as they come to be, and the items of lists by column."""

    columns: dict[str, pl.Series] = field(default_factory=dict)
    items: dict[str, Values] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Node:
    """One place in the nested value: an object, a list, a plain value, or text of anything else.

    `name` is its column in the flat table. An object has a column that says whether it is there,
    if it may be missing; a list has a column with its length.
    """

    form: str
    name: str
    optional: bool = False
    children: tuple[tuple[str, Node], ...] = ()
    omitted: tuple[bool, ...] = ()
    """For each child: whether a missing value is an absent key (or else an explicit null)."""

    @classmethod
    def learn(cls, name: str, values: Values, protect: int, flat: Flat, depth: int = 0) -> Self:
        """The form of these values; None stands for missing."""
        present = [value for value in values if value is not None]
        optional = len(present) < len(values)
        kinds = {type(value) for value in present}
        if depth >= DEEPEST and kinds & {dict, list}:
            return cls("text", name)
        if kinds in ({list}, {tuple}):
            return cls("list", name)
        if kinds == {dict}:
            return cls._object(name, values, protect, flat, depth, optional)
        plain = len(kinds) <= 1 or kinds == {int, float}
        if not plain or kinds & {bytes, dict, list}:
            return cls("text", name)
        return cls("value", name)

    @classmethod
    def _object(
        cls, name: str, values: Values, protect: int, flat: Flat, depth: int, optional: bool
    ) -> Self:
        present = [value for value in values if value is not None]
        rows = Counter(key for value in present for key in value)
        kept = [key for key, n in rows.most_common() if n >= protect][:WIDEST]
        order = dict.fromkeys(key for value in present for key in value)
        children, omitted = [], []
        for key in order:
            if key not in kept:
                flat.dropped[name] += rows[key]
                continue
            inner = [value.get(key) for value in present]
            absent = len(present) - rows[key]
            nulls = sum(one is None for one in inner) - absent
            child = Node.learn(_path(name, key), inner, protect, flat, depth + 1)
            children.append((key, child))
            omitted.append(absent > nulls)
        return cls("object", name, optional, tuple(children), tuple(omitted))

    def flatten(self, values: Values, flat: Flat) -> None:
        """Add the columns of these values."""
        match self.form:
            case "object":
                whole = [value if isinstance(value, dict) else None for value in values]
                if self.optional:
                    there = [value is not None for value in whole]
                    flat.columns[f"{self.name}?"] = pl.Series(there, dtype=pl.Boolean)
                for key, child in self.children:
                    child.flatten([v.get(key) if v is not None else None for v in whole], flat)
            case "list":
                lists = [list(v) if isinstance(v, list | tuple) else None for v in values]
                lengths = [None if one is None else len(one) for one in lists]
                flat.columns[f"{self.name}#"] = pl.Series(lengths, dtype=pl.Int64)
                flat.items[self.name] = [item for one in lists if one for item in one]
            case "text":
                texts = [None if v is None else json.dumps(v, default=str) for v in values]
                flat.columns[self.name] = pl.Series(texts, dtype=pl.String)
            case _:
                plain = [None if isinstance(v, dict | list | tuple) else v for v in values]
                flat.columns[self.name] = _column(plain)

    def build(self, table: pl.DataFrame, rows: int, items: Callable[[str, int], Values]) -> Values:
        """Nested values again; `items(name, n)` gives n items for the list of that name."""
        match self.form:
            case "object":
                parts = [child.build(table, rows, items) for _, child in self.children]
                there = table[f"{self.name}?"].to_list() if self.optional else [True] * rows
                keys = [key for key, _ in self.children]
                return [
                    {
                        key: part[row]
                        for key, part, omit in zip(keys, parts, self.omitted, strict=True)
                        if part[row] is not None or not omit
                    }
                    if there[row]
                    else None
                    for row in range(rows)
                ]
            case "list":
                lengths = table[f"{self.name}#"].to_list()
                drawn = iter(items(self.name, sum(n for n in lengths if n)))
                return [None if n is None else [next(drawn) for _ in range(n)] for n in lengths]
            case "text":
                return [None if v is None else _loads(v) for v in table[self.name]]
        return table[self.name].to_list()

    def state(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {
            "form": self.form,
            "name": self.name,
            "optional": self.optional,
            "children": [[key, child.state()] for key, child in self.children],
            "omitted": list(self.omitted),
        }

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> Self:
        """The inverse of `state`."""
        children = tuple((key, Node.restore(child)) for key, child in facts["children"])
        rest = (children, tuple(facts["omitted"]))
        return cls(facts["form"], facts["name"], facts["optional"], *rest)


def _column(values: Values) -> pl.Series:
    """Plain values as a series; what does not fit the others is missing."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return pl.Series(values, dtype=pl.Float64, strict=False)
    return pl.Series(values, strict=False)


def _path(name: str, key: str) -> str:
    """The column of a key; keys of other characters are quoted, so that no two paths are alike."""
    return f"{name}.{key}" if key.isidentifier() else f"{name}.{json.dumps(key)}"


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
