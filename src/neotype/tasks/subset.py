"""A part of a real database that is closed: some families whole, and all that they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.errors import DataError, did_you_mean
from neotype.expression import condition, explained
from neotype.families import Families, Mask, above, reached, tied
from neotype.links import ORPHAN
from neotype.rng import Rng


@dataclass(frozen=True)
class Kept:
    """How many rows of a table there were and are, and by what they were taken."""

    table: str
    before: int
    after: int
    why: str

    @property
    def share(self) -> float:
        """Of its rows, those that were taken."""
        return self.after / self.before if self.before else 0.0


@dataclass(frozen=True)
class Subset:
    """Real rows, none of them changed, and what was taken of each table."""

    data: Dataset
    share: float
    roots: tuple[str, ...]
    tables: tuple[Kept, ...]
    notes: tuple[str, ...]


def subset(
    data: Dataset,
    share: float,
    rng: Rng,
    *,
    roots: Iterable[str] | None = None,
    where: Mapping[str, str] | None = None,
) -> Subset:
    """About `share` of the rows of the entity tables, with all rows that belong to them and all
    that either refers to, so that no reference leads out of the subset.

    `roots` names the entity tables; `where` says by table which rows are wanted (SQL or polars),
    and the share is of those. Public tables are kept whole. DataError where nothing can be taken.
    """
    if not 0 < share <= 1:
        raise DataError(f"a share of {share:g} is no part.", mend="give a share such as .1")
    families = Families.of(data.schema, data.frames, roots)
    able = _meant(data, families, where or {})
    held = families.drawn(share, rng, able)
    if not held.any() and able.any():
        held[np.flatnonzero(able)[0]] = True
    drawn = families.rows(held)
    alone = _alone(families, share, rng.child("alone"))
    rows = _closed(families, {name: drawn[name] | alone[name] for name in drawn})
    tables = tuple(_kept(families, name, rows[name], drawn[name]) for name in data.schema.tables)
    return Subset(data.where(rows), share, families.roots, tables, _notes(families, rows, tables))


def _meant(data: Dataset, families: Families, where: Mapping[str, str]) -> Mask:
    """The families that have a row that is wanted, of every table of which some are."""
    able = np.ones(len(families.group), dtype=np.bool_)
    findings = []
    for table in where:
        if table not in data.schema.tables:
            near = did_you_mean(table, data.schema.tables)
            findings.append(f"there is no table '{table}'" + (f"; {near}" if near else ""))
        elif table not in families.owner:
            findings.append(
                f"rows of '{table}' are taken where others refer to them; ask of "
                f"{', '.join(families.roots)}, or of what belongs to it"
            )
    if findings:
        raise DataError("what is wanted cannot be asked.", findings)
    for table, text in where.items():
        frame = data.frames[table]
        by = f"where of '{table}'"
        try:
            met = condition(text, frame, asked_by=by).fill_null(False).to_numpy()
        except pl.exceptions.PolarsError as fault:
            raise explained(fault, text, frame.columns, asked_by=by) from None
        together = next(names for names in tied(data.schema) if table in names)
        about = np.zeros(len(able), dtype=np.bool_)
        for name in together:
            if name in families.owner:
                about[families.owner[name]] = True
        able &= ~about | families.with_rows(table, met)
    if where and not able.any():
        raise DataError(
            "no row is wanted.",
            [f"'{table}' has no row where {text}" for table, text in where.items()],
        )
    return able


def _alone(families: Families, share: float, rng: Rng) -> dict[str, Mask]:
    """The share of those rows of shared tables that no family would ever bring: films that nobody
    rents. What belongs to such rows comes with them.
    """
    links, schema = families.links, families.links.schema
    everything = np.ones(len(families.group), dtype=np.bool_)
    brought = _closed(families, families.rows(everything))
    needed = {over for name in families.split for over in reached(schema, name, up=True)}
    found = {}
    for name, mask in brought.items():
        left = ~mask
        if name not in needed:
            for tie in schema.above(name):
                left &= links.positions[tie.title] < 0
        order = rng.child(name).generator().permutation(np.flatnonzero(left))
        found[name] = np.zeros(len(mask), dtype=np.bool_)
        found[name][order[: round(share * len(order))]] = True
    return found


def _closed(families: Families, rows: Mapping[str, Mask]) -> dict[str, Mask]:
    """What was drawn with all that it needs, and what belongs to that and to nothing else."""
    links, schema = families.links, families.links.schema
    held = {name: mask.copy() for name, mask in rows.items()}
    for name, table in schema.tables.items():
        if table.public:
            held[name][:] = True
    held = above(links, held)
    needed = {over for name in families.split for over in reached(schema, name, up=True)}
    beside = [
        name
        for name, table in schema.tables.items()
        if name not in families.owner and name not in needed and not table.public
    ]
    grounded = [name for name in beside if reached(schema, name, up=True) & needed]
    for group in (grounded, beside):
        _take_beside(families, held, group, free=set(beside) - set(group))
    return held


def _take_beside(
    families: Families, held: dict[str, Mask], tables: list[str], *, free: set[str]
) -> None:
    """Rows of tables that no family owns: those that refer to rows that were taken, and to no
    other; what they refer to in `free` tables is taken with them.
    """
    links, schema = families.links, families.links.schema
    grown = True
    while grown:
        grown = False
        for name in tables:
            wanted = np.ones(len(held[name]), dtype=np.bool_)
            some = np.zeros(len(held[name]), dtype=np.bool_)
            for tie in schema.above(name):
                if tie.parent in free or tie.parent == name:
                    continue
                parents = links.positions[tie.title]
                there = parents >= 0
                taken = held[tie.parent][np.maximum(parents, 0)] if len(held[tie.parent]) else there
                wanted &= ~there | taken
                some |= there & taken
            fresh = wanted & some & ~held[name]
            if fresh.any():
                grown = True
                held[name] |= fresh
                held.update(above(links, held))


def _kept(families: Families, table: str, mask: Mask, drawn: Mask) -> Kept:
    schema = families.links.schema
    before, after = len(mask), int(mask.sum())
    if schema.tables[table].public:
        why = "public: kept whole"
    elif table in families.roots:
        why = "drawn"
    elif table in families.owner:
        why = "goes with what it belongs to"
    else:
        over = dict.fromkeys(tie.child for tie in schema.below(table) if tie.child != table)
        first = [name for name in over if _needs(families, name)]
        why = (
            f"referred to by {', '.join(first or over)}" if over else "goes with what it refers to"
        )
    more = int((mask & ~drawn).sum())
    if more and table in families.owner and not schema.tables[table].public:
        why += f"; {more:,} more as others refer to them"
    return Kept(table, before, after, why)


def _needs(families: Families, table: str) -> bool:
    """Whether rows of it are taken before what they refer to."""
    schema = families.links.schema
    return table in families.owner or any(
        name in families.owner for name in reached(schema, table, up=False)
    )


def _notes(
    families: Families, rows: Mapping[str, Mask], tables: tuple[Kept, ...]
) -> tuple[str, ...]:
    links = families.links
    notes = []
    for tie in links.schema.relationships:
        kept = links.positions[tie.title][rows[tie.child]]
        orphans = int((kept == ORPHAN).sum())
        if orphans:
            notes.append(f"{orphans:,} rows refer to nothing, as before: {tie.title}")
    largest = families.largest
    if largest > 0.05:
        notes.append(
            f"one row of {' or '.join(families.roots)} has {largest:.0%} of all rows that are "
            "split: whether it is drawn decides on the size"
        )
    empty = [one.table for one in tables if one.before and not one.after]
    if empty:
        notes.append(f"no row was taken of {', '.join(empty)}: a larger share has some")
    return tuple(notes)
