"""The ways by which a row and the row it refers to lead to the same row further up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neotype.links import NOTHING
from neotype.schema.schema import Relationship, Schema
from neotype.synth.relational.layout import Layout

Positions = NDArray[np.int64]
_FAR = 3
"""Keys that a way up has at most."""
_WAYS = 12


@dataclass(frozen=True)
class Way:
    """Two walks up to one table: keys from the child, and from the row that it refers to."""

    mine: tuple[str, ...]
    theirs: tuple[str, ...]

    @property
    def name(self) -> str:
        """For messages, and as a key."""
        return " / ".join((" ".join(self.mine), " ".join(self.theirs) or "itself"))


def order_of_keys(layout: Layout) -> tuple[Relationship, ...]:
    """Matched keys in the order in which they are settled: those further up first."""
    schema = layout.schema
    depth: dict[str, int] = {}

    def visit(table: str, path: tuple[str, ...]) -> int:
        if table not in depth and table not in path:
            above = [visit(tie.parent, (*path, table)) for tie in schema.above(table)]
            depth[table] = 1 + max(above, default=0)
        return depth.get(table, 0)

    for table in schema.tables:
        visit(table, ())
    ties = [tie for table in layout.order for tie in layout.secondary(table)]
    return tuple(sorted(ties, key=lambda tie: (depth[tie.child], depth[tie.parent])))


def ways(layout: Layout, settled: Sequence[Relationship], tie: Relationship) -> tuple[Way, ...]:
    """The ways of a key, along contexts and keys that are settled before it."""
    known = [*layout.contexts.values(), *settled]
    mine = [walk for walk in _walks(layout.schema, known, tie.child) if walk]
    theirs = list(_walks(layout.schema, known, tie.parent))
    found = []
    for one in mine:
        for other in theirs:
            same_top = _top(known, one, tie.child) == _top(known, other, tie.parent)
            if same_top and not (other and one[-1:] == other[-1:] and len(one) > 1 < len(other)):
                found.append(Way(one, other))
    found.sort(key=lambda way: len(way.mine) + len(way.theirs))
    return tuple(found[:_WAYS])


def _walks(
    schema: Schema, known: Sequence[Relationship], table: str, far: int = _FAR
) -> Iterator[tuple[str, ...]]:
    """All walks up from a table along known keys, the empty one first."""
    yield ()
    if not far:
        return
    for tie in known:
        if tie.child == table and tie.parent != table:
            for walk in _walks(schema, known, tie.parent, far - 1):
                yield (tie.title, *walk)


def _top(known: Sequence[Relationship], walk: tuple[str, ...], start: str) -> str:
    """The table that a walk ends at."""
    by_title = {tie.title: tie.parent for tie in known}
    return by_title[walk[-1]] if walk else start


def follow(walk: tuple[str, ...], positions: Mapping[str, Positions], rows: int) -> Positions:
    """The row at the top of a walk, for each row at its foot."""
    here = np.arange(rows)
    for title in walk:
        above = positions[title]
        there = above[np.maximum(here, 0)] if len(above) else np.full(len(here), NOTHING)
        here = np.where(here >= 0, there, NOTHING)
    return here


def both(
    found: Sequence[Way], positions: Mapping[str, Positions], rows: int, referenced: int
) -> dict[str, tuple[Positions, Positions]]:
    """For each way the row at its top, by child and by referenced row."""
    return {
        way.name: (
            follow(way.mine, positions, rows),
            follow(way.theirs, positions, referenced),
        )
        for way in found
    }
