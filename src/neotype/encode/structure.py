"""Lists, structs and JSON text: nested values, learnt part by part."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Digit, Masks, Protection, State, among
from neotype.encode.nesting import ROOT, Flat, Node, Values
from neotype.errors import DataError, FitError
from neotype.schema.condition import Condition
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Categorical, Identifier, Json, Numeric, Personal, Schema, Text
from neotype.schema.storage import storage_dtype

_STYLES: tuple[dict[str, Any], ...] = (
    {"separators": (", ", ": "), "ensure_ascii": True},
    {"separators": (", ", ": "), "ensure_ascii": False},
    {"separators": (",", ":"), "ensure_ascii": True},
    {"separators": (",", ":"), "ensure_ascii": False},
)
_PROBED = 100


@dataclass(frozen=True)
class Shape:
    """Nested values as digits: the flat table's codebook, and a chain for each list's items."""

    node: Node
    codebook: Codebook | None
    items: tuple[tuple[str, Items], ...]
    dropped: int

    @classmethod
    def learn(cls, values: Values, protect: int, *, items: bool = False) -> Self:
        """Learn values; for items of a list, identifiers are learnt as ordinary values."""
        flat = Flat()
        node = Node.learn(ROOT, values, protect, flat)
        node.flatten(values, flat)
        lists = tuple((name, Items.learn(found, protect)) for name, found in flat.items.items())
        codebook = None
        if flat.columns and values:
            frame = pl.DataFrame(flat.columns)
            schema = _leaves(infer_schema({"value": frame}), items=items)
            codebook = Codebook.learn(Dataset.of(schema, frame), protect=protect)
            # What nothing is known of is left out, and not stood in for.
            codebook = replace(codebook, hollow=frozenset())
        return cls(node, codebook, lists, sum(flat.dropped.values()))

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits of the flat table."""
        return self.codebook.digits if self.codebook else ()

    def table(self, values: Values) -> pl.DataFrame | None:
        """The flat table of these values, in the dtypes that were learnt."""
        if self.codebook is None:
            return None
        flat = Flat()
        self.node.flatten(values, flat)
        columns = self.codebook.schema.columns
        return pl.DataFrame(
            {
                name: flat.columns[name].cast(storage_dtype(column.storage), strict=False)
                for name, column in columns.items()
            }
        )

    def encode(self, values: Values) -> Codes:
        """Digits × values."""
        table = self.table(values)
        if table is None or self.codebook is None:
            return np.zeros((0, len(values)), dtype=np.uint8)
        return self.codebook.encode(Dataset.of(self.codebook.schema, table))

    def decode(self, codes: Codes, rng: Generator, first_row: int) -> Values:
        """Nested values again; items of lists are drawn from their own distribution."""
        rows = codes.shape[1]
        table = pl.DataFrame()
        if self.codebook is not None:
            table = self.codebook.decode(codes, rng=rng, first_row=first_row)
        chains = dict(self.items)
        return self.node.build(table, rows, lambda name, count: chains[name].draw(count, rng))

    def state(self) -> State:
        """At rest."""
        facts: dict[str, Any] = {
            "node": self.node.state(),
            "lists": [name for name, _ in self.items],
            "dropped": self.dropped,
        }
        parts = {f"list{i}": items.state() for i, (_, items) in enumerate(self.items)}
        if self.codebook is not None:
            facts["schema"] = self.codebook.schema.model_dump(mode="json")
            parts["codebook"] = self.codebook.state()
        return State.nest(facts, parts)

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        codebook = None
        if "codebook" in state.facts:
            schema = Schema.model_validate(state.fact("schema"))
            codebook = Codebook.restore(state.within("codebook"), schema)
        items = tuple(
            (name, Items.restore(state.within(f"list{i}")))
            for i, name in enumerate(state.fact("lists"))
        )
        return cls(Node.restore(state.fact("node")), codebook, items, state.fact("dropped"))


@dataclass(frozen=True)
class Items:
    """The items of lists: their shape, and how often each symbol follows the digit before it."""

    shape: Shape
    tables: tuple[NDArray[np.int64], ...]

    @classmethod
    def learn(cls, items: Values, protect: int) -> Self:
        """Count the digits of all items."""
        shape = Shape.learn(items, protect, items=True)
        codes = shape.encode(items).astype(np.int64)
        sizes = [digit.size for digit in shape.digits]
        tables = []
        for i, size in enumerate(sizes):
            before = codes[i - 1] if i else np.zeros(len(items), dtype=np.int64)
            width = sizes[i - 1] if i else 1
            counts = np.bincount(before * size + codes[i], minlength=width * size)
            tables.append(counts.reshape(width, size))
        return cls(shape, tuple(tables))

    def draw(self, count: int, rng: Generator) -> Values:
        """So many new items, independent of each other."""
        if not count:
            return []
        codes = np.zeros((len(self.tables), count), dtype=np.uint8)
        before = np.zeros(count, dtype=np.int64)
        for i, table in enumerate(self.tables):
            filled = np.where(table.sum(axis=1, keepdims=True) > 0, table, table.sum(axis=0))
            share = np.cumsum(filled, axis=1) / filled.sum(axis=1, keepdims=True)
            before = (rng.random(count)[:, None] >= share[before]).sum(axis=1)
            codes[i] = before
        return self.shape.decode(codes, rng, 0)

    def state(self) -> State:
        """At rest."""
        nested = State.nest({"tables": len(self.tables)}, {"shape": self.shape.state()})
        tables = {f"table{i}": table for i, table in enumerate(self.tables)}
        return State(nested.facts, {**nested.arrays, **tables})

    @classmethod
    def restore(cls, state: State) -> Self:
        """The inverse of `state`."""
        tables = tuple(state.array(f"table{i}") for i in range(state.fact("tables")))
        return cls(Shape.restore(state.within("shape")), tables)


@dataclass(frozen=True)
class StructureEncoder:
    """A nested value, flattened: each key of an object is a column of its own kind.

    Loss: that of each part's encoder. Of a list, the length goes with the other columns, and its
    items are drawn one by one from the distribution of all items: their order and what they have to
    do with each other and with the row is lost. Keys of fewer than `protect` values, and values
    deeper than six levels as such, are not kept. A key that is sometimes absent and sometimes null
    comes back as the commoner of the two. JSON text keeps its values but not its spacing.
    """

    name: str
    column: Json
    shape: Shape
    style: int
    unread: int

    @classmethod
    def learn(cls, name: str, column: Json, frame: pl.DataFrame, *, protect: int) -> Self:
        """Learn a nested column. FitError where it is text that is no JSON."""
        series = frame[name]
        values, unread = _values(name, series)
        if unread and unread * 2 >= len(series) - series.null_count():
            raise FitError(
                f"column '{name}' holds text that is no JSON.",
                mend="make it text or categorical in the schema",
            )
        try:
            shape = Shape.learn(values, 1 if column.public else protect)
        except DataError as cause:
            raise FitError(f"column '{name}' has parts that cannot be learnt: {cause}") from cause
        style = _style(series, values) if series.dtype == pl.String else 0
        return cls(name, column, shape, style, unread)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.name,)

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits of its parts."""
        return tuple(
            replace(d, name=f"{self.name}{d.name.removeprefix(ROOT)}") for d in self.shape.digits
        )

    @property
    def protections(self) -> tuple[Protection, ...]:
        """Those of its parts, rare keys, and text that is no JSON."""
        inner = self.shape.codebook.protections if self.shape.codebook else ()
        notes = [replace(note, column=self.name + note.column.removeprefix(ROOT)) for note in inner]
        if self.shape.dropped:
            words = "keys of few values are left out"
            notes.append(Protection(self.name, "rare keys", self.shape.dropped, words))
        if self.unread:
            words = "text that is no JSON became missing"
            notes.append(Protection(self.name, "unreadable", self.unread, words))
        return tuple(notes)

    def encode(self, frame: pl.DataFrame) -> Codes:
        """Digits × rows."""
        return self.shape.encode(_values(self.name, frame[self.name])[0])

    def allowed(self, condition: Condition) -> Masks:
        """The digits of the values that it names."""
        dtype = storage_dtype(self.column.storage)
        named = pl.Series(self.name, list(condition.values or ()), dtype=dtype)
        return among(self.encode(named.to_frame()))

    def decode(self, codes: Codes, *, rng: Generator, first_row: int) -> list[pl.Series]:
        """The nested values again, in their storage dtype."""
        values = self.shape.decode(codes, rng, first_row)
        dtype = storage_dtype(self.column.storage)
        if isinstance(dtype, pl.String):
            style = _STYLES[self.style]
            texts = [None if v is None else json.dumps(v, default=str, **style) for v in values]
            return [pl.Series(self.name, texts, dtype=dtype)]
        return [pl.Series(self.name, values, dtype=dtype, strict=False)]

    def unknown(self, frame: pl.DataFrame) -> list[str]:
        """What its parts do not know."""
        values, unread = _values(self.name, frame[self.name])
        findings = [f"'{self.name}' has text that is no JSON"] if unread else []
        table = self.shape.table(values)
        if table is not None and self.shape.codebook is not None:
            for encoder in self.shape.codebook.encoders:
                findings += [f"{self.name}: {finding}" for finding in encoder.unknown(table)]
        return findings

    def describe(self) -> str:
        """What is held of each part."""
        parts = self.shape.codebook.describe() if self.shape.codebook else ["nothing but its form"]
        lists = f"; items of {len(self.shape.items)} lists" if self.shape.items else ""
        return f"'{self.name}' in parts ({'; '.join(parts)}){lists}"

    def state(self) -> State:
        """At rest."""
        facts = {"name": self.name, "style": self.style, "unread": self.unread}
        return State.nest(facts, {"shape": self.shape.state()})

    @classmethod
    def restore(cls, state: State, column: Json) -> Self:
        """The inverse of `state`."""
        shape = Shape.restore(state.within("shape"))
        return cls(state.fact("name"), column, shape, state.fact("style"), state.fact("unread"))


def _values(name: str, series: pl.Series) -> tuple[Values, int]:
    """The nested values, and how many texts were no JSON (they are missing)."""
    if series.dtype.is_nested():
        return series.to_list(), 0
    if series.dtype != pl.String:
        raise FitError(
            f"column '{name}' of {series.dtype} holds no nested values.",
            mend="correct its kind in the schema",
        )
    values, unread = [], 0
    for text in series:
        value = None
        if text is not None:
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                unread += 1
        values.append(value)
    return values, unread


def _style(series: pl.Series, values: Values) -> int:
    """The way of writing JSON that rewrites most of the first texts as they are."""
    pairs = list(zip(series.head(_PROBED), values[:_PROBED], strict=True))
    hits = [sum(json.dumps(v, **style) == text for text, v in pairs) for style in _STYLES]
    return int(np.argmax(hits))


def _leaves(schema: Schema, *, items: bool) -> Schema:
    """JSON text inside is a label; items of lists have no row number to make identifiers from."""
    columns = dict(schema.columns)
    for name, column in columns.items():
        base = {"storage": column.storage, "nullable": column.nullable}
        if isinstance(column, Json):
            columns[name] = Categorical(**base)
        elif items and isinstance(column, Personal):
            columns[name] = column.model_copy(update={"unique": False})
        elif items and isinstance(column, Identifier):
            whole = "Int" in column.storage
            columns[name] = Numeric(subtype="integer", **base) if whole else Text(**base)
    table = schema.table.model_copy(update={"columns": columns, "primary_key": ()})
    return Schema(tables={schema.name: table})
