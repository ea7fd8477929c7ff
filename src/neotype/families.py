"""Which rows of a database belong together: the families that a split or a subset takes whole.

A family is a row of an entity table (a customer, an account) with every row below it. What a family
refers to without owning it (a film, a district) is shared: it goes wherever it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from neotype.errors import DataError, did_you_mean
from neotype.links import Links
from neotype.rng import Rng
from neotype.schema.schema import Column, Personal, Relationship, Schema

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

LARGEST = 0.1
"""The share of all rows that one family may have; ties that would make larger ones are not held."""
FEWEST = 20
"""Rows that a table needs for its rows to be what is split."""
_PERSON = frozenset(
    (
        "full_name",
        "first_name",
        "last_name",
        "email",
        "username",
        "national_id",
        "passport",
        "date_of_birth",
    )
)
"""Categories of personal data of which a row says who somebody is, not where something is."""
_PERSONS = 0.1
"""The share of rows that belong to persons from which on it is the persons who are split."""
_OWNED, _REFERRED = 0.5, 0.8
"""Of a table above: rows that one family alone refers to, and rows that any refers to, for it to
belong to the families rather than be shared by them."""


@dataclass(frozen=True)
class Families:
    """For each row of the tables that are split the number of its family."""

    links: Links
    roots: tuple[str, ...]
    """The entity tables: a family is what belongs to a row of theirs."""
    owner: Mapping[str, Ints]
    """By table; tables that are not here are shared."""
    group: Ints
    """Of each family which families it is drawn among: those of the same table."""
    weight: Ints
    """Of each family how many rows of that table it has."""

    @classmethod
    def of(
        cls, schema: Schema, frames: Mapping[str, pl.DataFrame], roots: Iterable[str] | None = None
    ) -> Families:
        """The families of these frames; `roots` names the entity tables where the schema does not.

        Otherwise they are chosen: for all tables that are tied, the persons if there are any (of
        several kinds those of whom most are divided), else the table with most rows below it of
        which no single row has most of them.
        """
        links = Links.of(schema, frames)
        first = _numbers(schema, frames)
        if roots is not None:
            chosen = tuple(roots)
            wrong = [name for name in chosen if name not in schema.tables]
            if wrong:
                raise DataError(
                    f"there is no table '{wrong[0]}'.",
                    found=f"there are: {', '.join(schema.tables)}",
                    mend=did_you_mean(wrong[0], schema.tables),
                )
            return _grown(links, chosen, first).families(chosen)
        chosen = tuple(root for together in tied(schema) for root in _roots(links, together, first))
        return _grown(links, chosen, first).families(chosen)

    @property
    def largest(self) -> float:
        """The share of all rows that are split that the largest family has."""
        rows = np.zeros(max(len(self.group), 1), dtype=np.int64)
        for own in self.owner.values():
            rows += np.bincount(own, minlength=len(rows))
        return float(rows.max() / max(rows.sum(), 1))

    @property
    def split(self) -> tuple[str, ...]:
        """The tables whose rows belong to families."""
        return tuple(name for name in self.links.schema.tables if name in self.owner)

    @property
    def shared(self) -> tuple[str, ...]:
        """The tables whose rows belong to none."""
        return tuple(name for name in self.links.schema.tables if name not in self.owner)

    def drawn(self, share: float, rng: Rng, able: Mask | None = None) -> Mask:
        """Which families are among a `share` of those that are `able` (if unsaid: of all), by rows
        of the entity table.
        """
        generator = rng.generator()
        held = np.zeros(len(self.group), dtype=np.bool_)
        for group in range(int(self.group.max(initial=-1)) + 1):
            here = self.group == group if able is None else able & (self.group == group)
            order = generator.permutation(np.flatnonzero(here))
            sizes = self.weight[order]
            held[order[np.cumsum(sizes) <= round(share * int(sizes.sum()))]] = True
        return held

    def with_rows(self, table: str, rows: Mask) -> Mask:
        """Which families have one of these rows of a table that is split."""
        held = np.zeros(len(self.group), dtype=np.bool_)
        held[self.owner[table][rows]] = True
        return held

    def rows(self, held: Mask) -> dict[str, Mask]:
        """Of each table the rows of these families; none of the shared ones."""
        heights = self.links.heights
        return {
            name: held[self.owner[name]] if name in self.owner else np.zeros(rows, dtype=np.bool_)
            for name, rows in heights.items()
        }

    def part(self, held: Mask) -> dict[str, Mask]:
        """These families, the shared tables whole, and what either refers to."""
        rows = self.rows(held)
        for name in self.shared:
            rows[name][:] = True
        return above(self.links, rows)

    @property
    def words(self) -> str:
        """What is split and what is shared, in a sentence."""
        if not self.split:
            return "no table has rows to split: all are in both parts"
        below = [name for name in self.split if name not in self.roots]
        said = f"split by {_and(self.roots)}"
        if below:
            said += f", with the rows of {_and(below)} that belong to them"
        return said + (f"; whole in both parts: {', '.join(self.shared)}" if self.shared else "")


def above(links: Links, rows: Mapping[str, Mask]) -> dict[str, Mask]:
    """These rows and all that they refer to, directly or through others."""
    held = {name: mask.copy() for name, mask in rows.items()}
    fresh = {name: np.flatnonzero(mask) for name, mask in held.items()}
    while fresh:
        table, new = fresh.popitem()
        for tie in links.schema.above(table):
            parents = links.positions[tie.title][new]
            parents = parents[parents >= 0]
            parents = np.unique(parents[~held[tie.parent][parents]])
            if len(parents):
                held[tie.parent][parents] = True
                waiting = fresh.get(tie.parent)
                fresh[tie.parent] = (
                    parents if waiting is None else np.concatenate([waiting, parents])
                )
    return held


class _Families:
    """Families as they grow, table by table."""

    def __init__(self, links: Links) -> None:
        self.links, self.schema = links, links.schema
        self.owner: dict[str, Ints] = {}
        self.group: list[Ints] = []
        self.count = self.groups = self.entities = 0

    def root(self, table: str, numbers: Ints | None) -> None:
        """Families of a table: one for each row, or for each of these numbers."""
        if table in self.owner:
            return
        own = np.arange(self.links.heights[table]) if numbers is None else numbers
        self.owner[table] = own + self.count
        self.entities += int(own.max(initial=-1)) + 1
        self._new(int(own.max(initial=-1)) + 1)

    def _new(self, families: int) -> None:
        self.group.append(np.full(families, self.groups))
        self.groups += 1
        self.count += families

    def member(self, table: str) -> None:
        """The rows of a table belong to what they refer to, or else to what refers to them."""
        if table in self.owner:
            return
        own = np.full(self.links.heights[table], -1)
        for tie in self.schema.above(table):
            if tie.parent in self.owner:
                rows = self.links.positions[tie.title]
                free = (own < 0) & (rows >= 0)
                own[free] = self.owner[tie.parent][rows[free]]
        for tie in self.schema.below(table):
            if tie.child in self.owner:
                rows, theirs = self._pairs(tie)
                free = own[rows] < 0
                own[rows[free][::-1]] = theirs[free][::-1]
        alone = np.flatnonzero(own < 0)
        own[alone] = self.count + np.arange(len(alone))
        self._new(len(alone))
        self.owner[table] = own

    def _pairs(self, tie: Relationship) -> tuple[Ints, Ints]:
        """For each row that refers to one: which, and the family of the row that refers."""
        rows = self.links.positions[tie.title]
        known = rows >= 0
        return rows[known], self.owner[tie.child][known]

    def merge(self, tie: Relationship) -> bool:
        """Families that a tie joins become one, unless that made one of them too large."""
        rows, mine = self._pairs(tie)
        theirs = self.owner[tie.parent][rows]
        apart = mine != theirs
        if not apart.any():
            return True
        edges = coo_matrix(
            (np.ones(int(apart.sum()), dtype=np.int8), (mine[apart], theirs[apart])),
            shape=(self.count, self.count),
        )
        _, joined = connected_components(edges, directed=False)
        sizes = np.bincount(joined, weights=self.sizes())
        if sizes.max() > max(self.most(), float(self.sizes().max())):
            return False
        first = np.full(len(sizes), self.count)
        np.minimum.at(first, joined, np.arange(self.count))
        merged = first[joined]
        self.owner = {name: merged[own] for name, own in self.owner.items()}
        return True

    def sizes(self) -> NDArray[np.float64]:
        """How many rows each family has."""
        counted = sum(np.bincount(own, minlength=self.count) for own in self.owner.values())
        return np.asarray(counted, dtype=np.float64)

    def most(self) -> float:
        """How many rows a family may have."""
        rows = sum(len(own) for own in self.owner.values())
        return max(LARGEST, 3 / max(self.entities, 1)) * rows

    def belongs(self, tie: Relationship) -> bool:
        """Whether nearly every row of the parent is referred to, mostly by one family alone."""
        rows, mine = self._pairs(tie)
        pairs = np.unique(np.stack([rows, mine]), axis=1) if len(rows) else np.empty((2, 0))
        _, owners = np.unique(pairs[0], return_counts=True)
        height = self.links.heights[tie.parent]
        return len(owners) >= _REFERRED * height and (owners == 1).sum() >= _OWNED * len(owners)

    def families(self, roots: tuple[str, ...]) -> Families:
        """What grew, without numbers that no family has any more."""
        every = np.unique(np.concatenate([*self.owner.values(), np.empty(0, dtype=np.int64)]))
        owner = {name: np.searchsorted(every, own) for name, own in self.owner.items()}
        group = np.concatenate([*self.group, np.empty(0, dtype=np.int64)])[every]
        weight = np.zeros(len(every), dtype=np.int64)
        for table, own in owner.items():
            counted = np.bincount(own, minlength=len(every))
            first = int(group[own].min(initial=self.groups))
            if table in roots:
                weight[group == first] = counted[group == first]
        return Families(self.links, roots, owner, group, np.maximum(weight, 1))


def _grown(links: Links, roots: Sequence[str], first: Mapping[str, Ints]) -> _Families:
    """Families of these tables, with what is below them and what belongs to them alone."""
    schema, grown = links.schema, _Families(links)
    for root in roots:
        grown.root(root, first.get(root))
    for root in roots:
        _descend(grown, root)
    for tie in schema.relationships:
        if tie.child in grown.owner and tie.parent in grown.owner:
            grown.merge(tie)
    refused: set[str] = set()
    more = True
    while more:
        more = False
        for tie in schema.relationships:
            if tie.child not in grown.owner or tie.parent in grown.owner or tie.title in refused:
                continue
            if schema.tables[tie.parent].public or not _joins(grown, tie):
                refused.add(tie.title)
                continue
            _descend(grown, tie.parent)
            more = True
    return grown


def _joins(grown: _Families, tie: Relationship) -> bool:
    """Takes the parent of a tie among the tables of the families, where it belongs to them."""
    if not grown.belongs(tie):
        return False
    before = dict(grown.owner), list(grown.group), grown.count, grown.groups
    grown.member(tie.parent)
    if grown.merge(tie):
        return True
    grown.owner, grown.group, grown.count, grown.groups = before
    return False


def _descend(grown: _Families, table: str) -> None:
    """The tables below one belong to its families, but for what is also above families."""
    schema = grown.schema
    waiting = [table]
    while waiting:
        for tie in schema.below(waiting.pop(0)):
            if tie.child in grown.owner or schema.tables[tie.child].public:
                continue
            over = {one for name in (*grown.owner,) for one in reached(schema, name, up=True)}
            if tie.child in over:
                continue
            grown.member(tie.child)
            waiting.append(tie.child)


def _numbers(schema: Schema, frames: Mapping[str, pl.DataFrame]) -> dict[str, Ints]:
    """Of tables that name an owner which is no row of another table: the number of each owner."""
    found = {}
    for name, table in schema.tables.items():
        tied = any(tie.child_key == (table.entity,) for tie in schema.above(name))
        if table.entity is not None and not tied:
            ranks = frames[name][table.entity].rank("dense").fill_null(0)
            found[name] = ranks.to_numpy().astype(np.int64)
    return found


def tied(schema: Schema) -> list[tuple[str, ...]]:
    """Tables that are tied to each other, directly or through others; public ones tie nothing."""
    left = [name for name, table in schema.tables.items() if not table.public]
    found = []
    while left:
        together, waiting = {left[0]}, [left[0]]
        while waiting:
            name = waiting.pop()
            for tie in (*schema.above(name), *schema.below(name)):
                for other in {tie.parent, tie.child} - together:
                    if not schema.tables[other].public:
                        together.add(other)
                        waiting.append(other)
        found.append(tuple(name for name in schema.tables if name in together))
        left = [name for name in left if name not in together]
    return found


def reached(schema: Schema, table: str, *, up: bool) -> set[str]:
    """The tables above or below this one, itself only where it is reached again."""
    found: set[str] = set()
    waiting = [table]
    while waiting:
        name = waiting.pop()
        ties = schema.above(name) if up else schema.below(name)
        for other in (tie.parent if up else tie.child for tie in ties):
            if other not in found and not schema.tables[other].public:
                found.add(other)
                waiting.append(other)
    return found


def _roots(links: Links, together: tuple[str, ...], first: Mapping[str, Ints]) -> tuple[str, ...]:
    """The entity tables among tables that are tied: as declared, or the best there is."""
    schema, declared = links.schema, []
    for name in together:
        entity = schema.tables[name].entity
        if entity is not None:
            owners = [tie.parent for tie in schema.above(name) if tie.child_key == (entity,)]
            declared.append(owners[0] if owners else name)
    if declared:
        return tuple(dict.fromkeys(declared))
    if len(together) == 1:
        return together
    below = {name: reached(schema, name, up=False) for name in together}
    for name in together:
        below[name] -= {name, *reached(schema, name, up=True)}
    rows = {name: sum(links.heights[one] for one in {name, *below[name]}) for name in together}
    total = sum(links.heights[name] for name in together)
    able = [name for name in together if below[name] and links.heights[name] >= FEWEST]
    persons = {
        name
        for name in able
        if rows[name] >= _PERSONS * total
        and any(_personal(one) for one in schema.tables[name].columns.values())
    }
    ranked = sorted(able, key=lambda name: (name not in persons, -rows[name]))
    divided: dict[str, tuple[int, int]] = {}
    for name in ranked:
        if divided and name not in persons:
            break
        grown = _Families(links)
        grown.root(name, first.get(name))
        _descend(grown, name)
        if grown.sizes().max() <= grown.most():
            divided[name] = (_whole(grown, persons), links.heights[name] if persons else 0)
    if divided:
        return (max(divided, key=lambda name: divided[name]),)
    leaves = sorted(together, key=lambda name: (-rows[name] if below[name] else 0, name))
    return (ranked[0],) if ranked else (leaves[0],)


def _whole(grown: _Families, persons: set[str]) -> int:
    """How many persons belong to families, together with the rows that refer to them."""
    torn = {
        tie.parent
        for tie in grown.schema.relationships
        if {tie.child, tie.parent} <= set(grown.owner)
        and not grown.merge(tie)
        and tie.child != tie.parent
    }
    return sum(grown.links.heights[name] for name in persons & set(grown.owner) - torn)


def _personal(column: Column) -> bool:
    return isinstance(column, Personal) and column.category in _PERSON


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
