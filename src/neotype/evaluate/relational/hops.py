"""Do columns of two tables go together as they do in real data, along one or more foreign keys?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neotype.data import Dataset
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.correlation import cramers_v
from neotype.evaluate.features import Ints, Labels, Numbers, Sides, View
from neotype.evaluate.interval import GROUPS, around, resample, spread
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.relational.between import Between
from neotype.evaluate.relational.databases import Databases, follow
from neotype.evaluate.tables import DRAWS, Counter, Spread, Symbols, deciles, mean
from neotype.rng import Rng
from neotype.schema.schema import Relationship

ROWS = 50_000
"""Child rows of a side that are compared; twice as many of train."""

FEWEST = 20
"""Rows that a column of quantities needs; those of fewer rows are compared by their labels."""

Path = tuple[Relationship, ...]


class Walk(NamedTuple):
    """From the rows of a table up to rows above them, along one or two ways."""

    table: str
    ways: tuple[Path, ...]

    @property
    def hops(self) -> int:
        """How many foreign keys lie between the two tables that are compared."""
        return sum(map(len, self.ways))

    @property
    def ends(self) -> tuple[str, ...]:
        """The tables at both ends."""
        ends = tuple(way[-1].parent for way in self.ways)
        return ends if len(ends) == 2 else (self.table, *ends)

    @property
    def title(self) -> str:
        """For people: trans → account → district, or client ← disp → account."""
        ups = [" → ".join((*(_by(tie) for tie in way[:-1]), _by(way[-1]))) for way in self.ways]
        if len(ups) == 2:
            return f"{ups[0]} ← {self.table} → {ups[1]}"
        return f"{self.table} → {ups[0]}"


def _by(tie: Relationship) -> str:
    """The parent's name, with the key where its name says more."""
    key = ", ".join(tie.child_key)
    return tie.parent if tie.child_key == tie.parent_key else f"{tie.parent} ({key})"


class Drawn(NamedTuple):
    """Rows of the table that a walk starts from, of which databases, and their bootstrap groups."""

    of: Databases
    rows: Sides[Ints]
    groups: Sides[Ints]


@dataclass(frozen=True)
class HopTrends(Between):
    """How alike pairs of columns of two tables are, up to `hops` foreign keys apart: 1 is equal.

    Mean over pairs of the contingency tables' total-variation complement: a child's columns with
    its parent's and grandparent's, and the columns of two parents that a link table joins.
    """

    hops: int = 2
    most_pairs: int = 600

    name: ClassVar[str] = "hop_trends"
    title: ClassVar[str] = "Pairs of columns across tables"
    how: ClassVar[str] = (
        "Per pair of a child's column and one of its parent's (one hop) or grandparent's (two "
        "hops), and of two parents of one link, 1 minus the total variation between the two "
        "contingency tables, numbers cut at the real deciles, the ten commonest labels and others; "
        "then the mean. Rows are drawn by whole families."
    )
    reference: ClassVar[str] = "as SDMetrics' Intertable Trends, with common edges"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.015

    def look(self, databases: Databases) -> Finding:
        """Compare the pairs of every walk along foreign keys."""
        walked = list(walks(databases, self.hops))
        share = max(4, self.most_pairs // max(1, len(walked)))
        pairs: list[dict[str, Any]] = []
        found: dict[int, list[Spread]] = {}
        notes = []
        for walk in walked:
            rng = databases.rng.child(f"walk {walk.title}")
            all_pairs = compared(databases, walk, share, rng)
            if isinstance(all_pairs, str):
                notes.append(f"{walk.title}: {all_pairs}")
                continue
            for one, facts in all_pairs:
                found.setdefault(walk.hops, []).append(one)
                pairs.append({"path": walk.title, "hops": walk.hops, **facts})
        every = [one for spreads in found.values() for one in spreads]
        if not every:
            raise NotMeasurableError("no two tables that are tied have columns to compare.")
        whole = mean(every)
        pairs.sort(key=lambda one: one["similarity"] - one["floor"])
        worst = pairs[0]
        return Finding(
            value=whole.value,
            interval=around(whole.value, spread(whole.drawn)),
            floor=whole.floor,
            target=whole.floor - 0.015,
            meaning=(
                f"Pairs of columns across tables go together {whole.value:.1%} as in the real data "
                f"(real unseen families: {whole.floor:.1%}); the pair most off is "
                f"{' and '.join(worst['columns'])} with {worst['similarity']:.1%}."
            ),
            detail={
                "hops": {str(hops): _summary(found[hops]) for hops in sorted(found)},
                "paths": _paths(pairs),
                "pairs": pairs[:100],
                "compared": len(pairs),
                "notes": notes,
            },
        )


def _summary(spreads: Sequence[Spread]) -> dict[str, float]:
    """Similarity, what real families reach, and the error relative to that."""
    one = mean(spreads)
    return {
        "similarity": one.value,
        "floor": one.floor,
        "error": max(0.0, 1 - one.value / max(one.floor, 1e-9)),
        "pairs": len(spreads),
    }


def _paths(pairs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mean of each walk, the worst first."""
    by: dict[str, list[dict[str, Any]]] = {}
    for one in pairs:
        by.setdefault(one["path"], []).append(one)
    means = [
        {
            "path": path,
            "similarity": float(np.mean([one["similarity"] for one in some])),
            "floor": float(np.mean([one["floor"] for one in some])),
            "pairs": len(some),
        }
        for path, some in by.items()
    ]
    return sorted(means, key=lambda one: one["similarity"] - one["floor"])


def walks(databases: Databases, hops: int) -> Iterator[Walk]:
    """Every way up from each table, up to so many foreign keys, and each two ways of one."""
    schema = databases.schema
    for table in schema.tables:
        ways: list[Path] = [(tie,) for tie in schema.above(table)]
        single = list(ways)
        for length in range(1, hops + 1):
            yield from (Walk(table, (way,)) for way in ways)
            if length < hops:
                ways = [(*way, tie) for way in ways for tie in schema.above(way[-1].parent)]
        if hops > 1:
            yield from (Walk(table, pair) for pair in combinations(single, 2))


def compared(
    databases: Databases, walk: Walk, most: int, rng: Rng
) -> list[tuple[Spread, dict[str, Any]]] | str:
    """The similarity of pairs of columns at both ends of a walk, or why there is none."""
    drawn = draw(databases, walk, rng)
    if isinstance(drawn, str):
        return drawn
    left, right = (views(databases, drawn.of, name) for name in walk.ends)
    if not left or not right:
        return "a table has no column but keys"
    above = [stepped(drawn.of, way, drawn.rows) for way in walk.ways]
    first, last = (above[0], above[1]) if len(above) == 2 else (drawn.rows, above[0])
    weights = (resample(rng.child(f"bootstrap of {s}").generator(), DRAWS) for s in Sides._fields)
    counter = Counter(drawn.groups, Sides(*weights))
    codes = [[deciles(item, at) for item in items] for items, at in ((left, first), (right, last))]
    kept = [[one for one in some if np.ptp(one.sides.train)] for some in codes]
    if walk.hops == 1 and walk.ends[1] in databases.divided:
        kept[1] += number_of(drawn.of, walk, last)
    pairs = list(product(*kept))
    if not pairs:
        return "no column varies"
    if len(pairs) > most:
        places = rng.child("pairs").generator().permutation(len(pairs))[:most]
        pairs = [pairs[place] for place in np.sort(places)]
    return [_pair(counter, one, two, walk) for one, two in pairs]


def _pair(
    counter: Counter, one: Symbols, two: Symbols, walk: Walk
) -> tuple[Spread, dict[str, Any]]:
    counts = counter.count([one, two])
    found = counter.similarity(counts)
    shape = (one.size, two.size)
    real, made = (
        cramers_v(side.sum(axis=0).reshape(shape)) for side in (counts.train, counts.synthetic)
    )
    lower, upper = walk.ends
    return found, {
        "columns": [f"{lower}.{one.name}", f"{upper}.{two.name}"],
        "similarity": found.value,
        "floor": found.floor,
        "real": float(real),
        "synthetic": float(made),
    }


def views(databases: Databases, drawn: Databases, name: str) -> list[View]:
    """A table's columns but its keys, of all rows; quantities only where there are enough rows."""

    def make() -> list[View]:
        frames = drawn.frames(name)
        least = min(frame.height for frame in frames)
        if not least:
            return []
        schema = databases.without_keys(name)
        made, train, held = (Dataset.of(schema, frame) for frame in frames)
        found = Comparison(made, train, held, databases.rng).views
        few = least < FEWEST and name not in databases.public
        return [item for item in found if isinstance(item, Labels) or not few]

    return drawn.kept(("views", name), make)


def number_of(databases: Databases, walk: Walk, rows: Sides[Ints]) -> list[Symbols]:
    """How many children the parent of each row has, as symbols."""
    (tie,) = walk.ways[0]
    counts = Sides(*(links.fan_out(tie).astype(np.float64) for links in databases.links))
    if not np.ptp(counts.train):
        return []
    item = Numbers(f"number of {walk.table}", "numeric", counts)
    return [deciles(item, rows)]


def stepped(databases: Databases, way: Path, rows: Sides[Ints]) -> Sides[Ints]:
    """The row at the end of a way of each of these; −1 where there is none."""
    sides = []
    for start, links in zip(rows, databases.links, strict=True):
        place = start
        for tie in way:
            place = follow(place, links.positions[tie.title])
        sides.append(place)
    return Sides(*sides)


def draw(databases: Databases, walk: Walk, rng: Rng) -> Drawn | str:
    """Rows that have all that the walk leads to: as many families of synthetic as of holdout.

    Where the walk leads to rows that all families share and that a model makes anew, what chance
    does to those decides: train's are halved at random, one half in the place of the holdout.
    """
    by, halved = clustered(databases, walk)
    of = databases.doubled if halved else databases
    whole = Sides(*(np.arange(links.heights[walk.table]) for links in of.links))
    reached = [stepped(of, way, whole) for way in walk.ways]
    there = [np.logical_and.reduce([way[k] >= 0 for way in reached]) for k in range(3)]
    rows = Sides(*(np.flatnonzero(mask) for mask in there))
    if min(len(side) for side in rows) < FEWEST:
        return f"{min(len(side) for side in rows)} rows of a side have all that it leads to"
    clusters = stepped(of, by, whole) if by is not None else databases.clusters(walk.table)
    of_rows = Sides(*(one[at] for one, at in zip(clusters, rows, strict=True)))
    generator = rng.child("families").generator()
    if halved:
        named = np.unique(of_rows.train)
        half = np.isin(of_rows.train, generator.permutation(named)[: len(named) // 2])
        rows = Sides(rows.synthetic, rows.train[~half], rows.train[half])
        of_rows = Sides(of_rows.synthetic, of_rows.train[~half], of_rows.train[half])
    equal = min(len(np.unique(of_rows.synthetic)), len(np.unique(of_rows.holdout)))
    taken = [
        _some(one, many, most, generator)
        for one, many, most in zip(
            of_rows, (equal, len(of_rows.train), equal), (ROWS, 2 * ROWS, ROWS), strict=True
        )
    ]
    kept = Sides(*(at[places] for at, (places, _) in zip(rows, taken, strict=True)))
    return Drawn(of, kept, Sides(*(groups for _, groups in taken)))


def clustered(databases: Databases, walk: Walk) -> tuple[Path | None, bool]:
    """The way to what rows are drawn by (none: by families), and whether train's are halved."""
    for way in walk.ways:
        for length in range(len(way), 0, -1):
            name = way[length - 1].parent
            anew = name in databases.shared and name not in databases.public
            if anew and databases.links.train.heights[name] >= 2 * FEWEST:
                return way[:length], True
    return (None, False) if walk.table in databases.divided else ((), True)


def _some(
    clusters: Ints, most: int, rows: int, generator: np.random.Generator
) -> tuple[Ints, Ints]:
    """Places of rows of random clusters, at most so many and of about so many rows; groups."""
    names, cluster = np.unique(clusters, return_inverse=True)
    rank = generator.permutation(len(names))
    sizes = np.bincount(rank[cluster], minlength=len(names))
    enough = int(np.searchsorted(np.cumsum(sizes), rows)) + 1
    places = np.flatnonzero(rank[cluster] < min(most, enough))
    return places, rank[cluster][places] % GROUPS
