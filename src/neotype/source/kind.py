"""What came in: the frames, and what polars cannot hold of the kind of frame they were."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import polars as pl

from neotype.errors import ModelFileError
from neotype.schema.keys import Keys


@dataclass(frozen=True)
class FrameKind:
    """The kind of frame that the user gave, so that he gets the same back.

    `tables` holds JSON-ready facts of each table: its `library`, facts of `columns` that polars
    cannot hold (a pandas dtype, a decimal comma), and for a file its dialect. It holds no cells,
    except labels that a category dtype declares or that many rows share.
    """

    library: str
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, Any]]) -> FrameKind:
        """The kind of these tables: their library, or "mixed"."""
        libraries = {facts["library"] for facts in tables.values()}
        return cls(libraries.pop() if len(libraries) == 1 else "mixed", tables)

    def changed(self, names: Collection[str]) -> FrameKind:
        """The kind where these columns have become something else: they come back as they are."""
        tables = {}
        for table, facts in self.tables.items():
            kept = {k: v for k, v in facts.get("columns", {}).items() if k not in names}
            tables[table] = {**facts, "columns": kept, "changed": sorted(names)}
        return FrameKind(self.library, tables)

    def by_dtypes(self) -> FrameKind:
        """The kind without what cells decided: labels of categories, words for what is missing."""
        tables = {}
        for table, facts in self.tables.items():
            columns = facts.get("columns", {}).items()
            kept = {k: v for k, v in columns if v.get("form") not in (None, "object", "category")}
            tables[table] = {**facts, "columns": kept}
        return FrameKind(self.library, tables)

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready; the inverse of `from_facts`."""
        return {"library": self.library, "tables": {k: dict(v) for k, v in self.tables.items()}}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> FrameKind:
        """The kind again; ModelFileError when the facts are damaged."""
        library, tables = facts.get("library"), facts.get("tables")
        if not isinstance(library, str) or not isinstance(tables, Mapping):
            raise ModelFileError("the model file does not say what kind of frame was learnt.")
        return cls(library, tables)


@dataclass(frozen=True)
class Source:
    """Polars frames by table name, and what they were.

    `origin` names the source in messages; `single` says that one frame came in, so that one goes
    out; `notes` are sentences on what a careful reader should know (cells read as missing, columns
    of mixed types, an index left out).
    """

    frames: Mapping[str, pl.DataFrame]
    kind: FrameKind
    origin: str
    single: bool
    notes: tuple[str, ...] = ()
    keys: Keys | None = None
    """What the source declares of its keys, where it is a database."""
    untyped: bool = False
    """Whether it is a file of text whose cells are text still: it says no dtypes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", MappingProxyType(dict(self.frames)))


@dataclass(frozen=True)
class Taken:
    """One table as it was taken in: its frame, its facts and what is to be said of it."""

    frame: pl.DataFrame
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()
