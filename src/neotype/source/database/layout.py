"""What a database says of its tables before a row is read, and what was written into one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import polars as pl

from neotype.schema.keys import Keys


@dataclass(frozen=True)
class Column:
    """A column: its SQL type in words, its `family`, and the dtype its cells get here.

    `dtype` is None where the cells are left out. `identity` says that the database numbers the
    rows itself, `generated` that it computes the cells.
    """

    name: str
    sql: str
    family: str
    dtype: pl.DataType | None
    nullable: bool = True
    identity: bool = False
    generated: bool = False
    optional: bool = False
    """Whether a row may be written without this cell: it may be null or has a default."""

    @property
    def facts(self) -> dict[str, Any]:
        """JSON-ready: what a target of the same kind needs to declare the column again."""
        facts: dict[str, Any] = {"sql": self.sql, "nullable": self.nullable}
        if self.identity:
            facts["identity"] = True
        if isinstance(self.dtype, pl.Enum):
            facts["labels"] = self.dtype.categories.to_list()
        return facts


@dataclass(frozen=True)
class Layout:
    """The tables with their columns in order, the keys, and what a careful reader should know."""

    tables: Mapping[str, tuple[Column, ...]]
    keys: Keys = field(default_factory=Keys)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """What was written: rows by table, where, and what a careful reader should know."""

    target: str
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", MappingProxyType(dict(self.rows)))
