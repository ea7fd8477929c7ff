"""In which order tables are made, and which foreign key each is made along.

A table has at most one *context*: its rows are drawn as the children of the rows of that table.
Its other keys are matched once all tables are there, so that cycles and keys to the table itself
need no order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neotype.links import Links
from neotype.schema.schema import Datetime, Relationship, Schema

_FEW, _MANY = 100, 24.0
"""A table of fewer rows, each with more children, is looked up rather than owned."""
_ALONE = 1.05
"""Children a parent of a key that says what a row goes with, rather than what it belongs to."""
_ALL = 0.9


@dataclass(frozen=True)
class Layout:
    """The tables, parents before children, and the context of each that has one."""

    schema: Schema
    order: tuple[str, ...]
    contexts: Mapping[str, Relationship]

    @classmethod
    def of(cls, schema: Schema, links: Links) -> Layout:
        """Choose contexts so that no table is its own ancestor."""
        ranked: dict[str, tuple[tuple[float, ...], Relationship]] = {}
        for table in schema.tables:
            found = [
                (rank, tie)
                for tie in schema.above(table)
                if (rank := _rank(schema, links, tie)) is not None
            ]
            if found and not schema.tables[table].public:
                ranked[table] = max(found, key=lambda pair: pair[0])
        while loop := _loop({name: tie.parent for name, (_, tie) in ranked.items()}):
            del ranked[min(loop, key=lambda name: ranked[name][0])]
        contexts = {name: tie for name, (_, tie) in ranked.items()}
        order: list[str] = []
        while len(order) < len(schema.tables):
            order += [
                name
                for name in schema.tables
                if name not in order and (name not in contexts or contexts[name].parent in order)
            ]
        return cls(schema, tuple(dict.fromkeys(order)), contexts)

    def secondary(self, table: str) -> tuple[Relationship, ...]:
        """The foreign keys of a table that are matched."""
        own = self.contexts.get(table)
        ties = self.schema.above(table)
        return tuple(tie for tie in ties if own is None or tie.title != own.title)

    def children(self, table: str) -> tuple[Relationship, ...]:
        """The keys along which rows of other tables are made below this one."""
        return tuple(tie for tie in self.contexts.values() if tie.parent == table)

    def root(self, table: str) -> str:
        """The table at the top of a table's line of contexts."""
        while table in self.contexts:
            table = self.contexts[table].parent
        return table


def _rank(schema: Schema, links: Links, tie: Relationship) -> tuple[float, ...] | None:
    """How well a key serves as context, the larger the better; None where it cannot."""
    rows = links.positions[tie.title]
    if tie.parent == tie.child or tie.when or not len(rows) or rows.min() < 0:
        return None
    table = schema.tables[tie.child]
    parents = int((links.fan_out(tie) > 0).sum())
    mean = len(rows) / parents
    identifying = set(tie.child_key) <= set(table.primary_key)
    others = {other.parent for other in schema.above(tie.child) if other.title != tie.title}
    leads = len(_ancestors(schema, tie.parent) & (others - {tie.parent}))
    height = links.heights[tie.parent]
    if not identifying and table.sequence is None and height < _FEW and mean > _MANY:
        return None
    if mean < _ALONE and parents > _ALL * height and not identifying and not leads:
        return None
    timed = table.sequence is not None or any(
        isinstance(column, Datetime) for column in table.columns.values()
    )
    keys = {name for other in schema.above(tie.child) for name in other.child_key}
    together = float((rows[1:] == rows[:-1]).sum() > _ALL * (len(rows) - parents))
    if len(keys) > 1 and set(table.primary_key) <= keys:
        together = 0.0
    size = mean if timed else float(height)
    # Rows that are told apart by a number or a date of their own below a row belong to it.
    weak = identifying and not set(table.primary_key) <= keys
    return (float(weak), float(leads), float(identifying), together, size)


def _ancestors(schema: Schema, table: str) -> set[str]:
    """The tables that a table leads to by its keys."""
    found: set[str] = set()
    open_ = [table]
    while open_:
        for tie in schema.above(open_.pop()):
            if tie.parent not in found:
                found.add(tie.parent)
                open_.append(tie.parent)
    return found


def _loop(parents: Mapping[str, str]) -> list[str]:
    """The tables of a cycle, if there is one."""
    for start in parents:
        path = [start]
        while (above := parents.get(path[-1])) is not None:
            if above in path:
                return path[path.index(above) :]
            path.append(above)
    return []
