"""What a report knows of a database as a whole: its tables, their keys and how they are tied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from neotype.data import Dataset
from neotype.links import Links
from neotype.report.marginals import Marginal, counts
from neotype.schema.schema import Relationship, Schema


@dataclass(frozen=True)
class Tie:
    """A foreign key: `child` refers to `parent`.

    `optional` where a row may refer to nothing, `single` where no two rows refer to one parent,
    `when` where only some rows of the child refer to this parent, in words. `children` is how many
    rows refer to each parent, real beside synthetic.
    """

    title: str
    parent: str
    parent_key: tuple[str, ...]
    child: str
    child_key: tuple[str, ...]
    optional: bool = False
    single: bool = False
    when: str = ""
    children: Marginal | None = None

    @classmethod
    def of(cls, tie: Relationship, schema: Schema) -> Self:
        """The tie with what the columns of its child say of it."""
        child = schema.tables[tie.child]
        own = set(tie.child_key)
        unique = len(own) == 1 and getattr(child.columns[tie.child_key[0]], "unique", False)
        return cls(
            title=tie.title,
            parent=tie.parent,
            parent_key=tuple(tie.parent_key),
            child=tie.child,
            child_key=tuple(tie.child_key),
            optional=bool(tie.when) or any(child.columns[name].nullable for name in own),
            single=unique or (bool(child.primary_key) and set(child.primary_key) <= own),
            when=", ".join(f"{name} = {value}" for name, value in tie.when.items()),
        )


@dataclass(frozen=True)
class TableFacts:
    """One table: its key, how many rows each side has, and whether it is kept as it is."""

    name: str
    rows: Mapping[str, int]
    primary_key: tuple[str, ...] = ()
    columns: int = 0
    public: bool = False
    sequence: str = ""


@dataclass(frozen=True)
class Database:
    """Several tables and their ties; JSON-ready, and no value of the data among them."""

    tables: tuple[TableFacts, ...]
    ties: tuple[Tie, ...]

    @classmethod
    def between(cls, sides: Mapping[str, Dataset]) -> Self:
        """The tables of a synthetic database beside those of train and holdout."""
        schema, train, made = sides["train"].schema, sides["train"], sides["synthetic"]
        sizes = {
            name: {side: data.sizes[name] for side, data in sides.items()} for name in schema.tables
        }
        plain = cls.of(schema, sizes)
        real, drawn = (Links.of(schema, data.frames) for data in (train, made))
        ties = tuple(
            replace(said, children=_children(tie, real, drawn))
            for said, tie in zip(plain.ties, schema.relationships, strict=True)
        )
        return replace(plain, ties=ties)

    @classmethod
    def of(cls, schema: Schema, sizes: Mapping[str, Mapping[str, int]]) -> Self:
        """The tables of a schema; `sizes` are the rows of each table, by side."""
        tables = tuple(
            TableFacts(
                name=name,
                rows=dict(sizes.get(name, {})),
                primary_key=tuple(table.primary_key),
                columns=len(table.columns),
                public=table.public,
                sequence=table.sequence or "",
            )
            for name, table in schema.tables.items()
        )
        return cls(tables, tuple(Tie.of(tie, schema) for tie in schema.relationships))

    @property
    def names(self) -> tuple[str, ...]:
        """The tables, in the order of the schema."""
        return tuple(table.name for table in self.tables)

    @property
    def made(self) -> tuple[str, ...]:
        """Those of them that are made anew, and not kept as they are."""
        return tuple(table.name for table in self.tables if not table.public)

    def above(self, table: str) -> tuple[Tie, ...]:
        """The foreign keys of this table."""
        return tuple(tie for tie in self.ties if tie.child == table)

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """The inverse of `to_facts`."""
        tables = (
            TableFacts(**{**table, "primary_key": tuple(table["primary_key"])})
            for table in facts["tables"]
        )
        return cls(tuple(tables), tuple(_tie(tie) for tie in facts["ties"]))


def _tie(facts: Mapping[str, Any]) -> Tie:
    keys = {key: tuple(facts[key]) for key in ("parent_key", "child_key")}
    children = facts.get("children")
    view = None if children is None else Marginal.from_facts(children)
    return Tie(**{**facts, **keys, "children": view})


def _children(tie: Relationship, real: Links, made: Links) -> Marginal:
    name = f"{tie.child} per {tie.parent}"
    return counts(name, real.fan_out(tie).tolist(), made.fan_out(tie).tolist())
