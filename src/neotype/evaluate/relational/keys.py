"""Do the keys of a synthetic database hold: does every reference find its row, is no key twice?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import polars as pl

from neotype.evaluate.features import Sides
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.relational.between import Between
from neotype.evaluate.relational.databases import Databases
from neotype.links import NOTHING, ORPHAN

EXPECTED = 5.0
"""Pairs of equal keys that chance would make, above which their absence is a rule."""


@dataclass(frozen=True)
class ReferentialIntegrity(Between):
    """The share of references that find their row: 1 is all, and less is no database."""

    name: ClassVar[str] = "referential_integrity"
    title: ClassVar[str] = "References that find their row"
    how: ClassVar[str] = (
        "Of every foreign key, the share of its synthetic cells that name a row of the parent "
        "table; cells that are missing refer to nothing. Every one is counted, so that there is no "
        "interval around it."
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.0

    def look(self, databases: Databases) -> Finding:
        """Count orphans of every foreign key."""
        ties: dict[str, Any] = {}
        held: list[tuple[int, int]] = []
        for tie in databases.schema.relationships:
            counts = []
            for links in databases.links:
                rows = links.positions[tie.title]
                counts.append((int((rows == ORPHAN).sum()), int((rows != NOTHING).sum())))
            ties[tie.title] = {
                "orphans": counts[0][0],
                "references": counts[0][1],
                "share": found(counts[0]),
                "real": found(counts[1]),
                "missing": _missing(databases, tie.title),
            }
            held.append(counts[1])
        orphans = sum(one["orphans"] for one in ties.values())
        whole = sum(one["references"] for one in ties.values())
        value = found((orphans, whole))
        worst = min(ties, key=lambda name: ties[name]["share"])
        return Finding(
            value=value,
            interval=(value, value),
            floor=found((sum(o for o, _ in held), sum(n for _, n in held))),
            target=1.0,
            meaning=(
                f"All {whole:,} references of {len(ties)} foreign keys find their row."
                if not orphans
                else f"{orphans:,} of {whole:,} references name a row that is not there; most in "
                f"{worst} ({1 - ties[worst]['share']:.1%})."
            ),
            detail={"relationships": ties},
        )


def found(counts: tuple[int, int]) -> float:
    """The share of references that are no orphans."""
    orphans, references = counts
    return 1 - orphans / references if references else 1.0


def _missing(databases: Databases, title: str) -> dict[str, float]:
    """The shares of rows that refer to nothing."""
    return {
        side: float((links.positions[title] == NOTHING).mean())
        if len(links.positions[title])
        else 0.0
        for side, links in databases.links._asdict().items()
    }


@dataclass(frozen=True)
class KeyUniqueness(Between):
    """The share of keys that occur once: 1 is all.

    Primary keys, keys that others refer to, identifiers that are unique, and pairs of foreign keys
    that no two real rows share although chance would have made some do (link tables).
    """

    name: ClassVar[str] = "key_uniqueness"
    title: ClassVar[str] = "Keys that occur once"
    how: ClassVar[str] = (
        "Of every primary or unique key, composite ones included, the share of synthetic rows "
        "whose key is of no earlier row and, if it is the primary key, complete; likewise of pairs "
        "of foreign keys that are never twice in the real data, where chance would have made some "
        "so."
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.0

    def look(self, databases: Databases) -> Finding:
        """Count keys that are there twice or not at all."""
        keys: dict[str, Any] = {}
        wrong, floors, rows = 0, 0, Sides(0, 0, 0)
        for table in databases.schema.tables:
            frames = databases.frames(table)
            for columns, why in unique_keys(databases, table).items():
                whole = columns == databases.schema.tables[table].primary_key
                bad = Sides(*(repeated(frame, columns, whole=whole) for frame in frames))
                height = frames.synthetic.height
                keys[f"{table}.{', '.join(columns)}"] = {
                    "why": why,
                    "rows": height,
                    "repeated": bad.synthetic,
                    "real": bad.train,
                }
                wrong, floors = wrong + bad.synthetic, floors + bad.train
                rows = Sides(rows[0] + height, rows[1] + frames.train.height, 0)
        if not keys:
            raise NotMeasurableError("no table has a key.")
        value = found((wrong, rows.synthetic))
        worst = max(keys, key=lambda name: keys[name]["repeated"])
        return Finding(
            value=value,
            interval=(value, value),
            floor=found((floors, rows.train)),
            target=1.0,
            meaning=(
                f"All {rows.synthetic:,} keys of {len(keys)} kinds occur once."
                if not wrong
                else f"{wrong:,} of {rows.synthetic:,} keys are missing or occur again; most in "
                f"{worst} ({keys[worst]['repeated']:,})."
            ),
            detail={"keys": keys},
        )


def unique_keys(databases: Databases, name: str) -> dict[tuple[str, ...], str]:
    """The columns that together must differ from row to row, and why they must."""
    table = databases.schema.tables[name]
    keys: dict[tuple[str, ...], str] = {}
    if table.primary_key:
        keys[table.primary_key] = "primary key"
    for tie in databases.schema.below(name):
        keys.setdefault(tie.parent_key, "other tables refer to it")
    for column, one in table.columns.items():
        if getattr(one, "unique", False):
            keys.setdefault((column,), "unique")
    ours = [tie.child_key for tie in databases.schema.above(name)]
    if not set(table.primary_key) <= {column for key in ours for column in key}:
        return keys  # its rows have a key of their own: it is no link table
    for first, second in combinations(dict.fromkeys(ours), 2):
        pair = tuple(dict.fromkeys((*first, *second)))
        taken = any(set(key) <= set(pair) for key in keys)
        if not taken and never_twice(databases.train.frames[name], first, second):
            keys[pair] = "no pair occurs twice"
    return keys


def never_twice(frame: pl.DataFrame, one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether no two rows share both keys, where rows that were paired at random would."""
    known = frame.select(*dict.fromkeys((*one, *two))).drop_nulls()
    if known.height < 2 or known.is_duplicated().any():
        return False
    expected = known.height * (known.height - 1) / 2
    for key in (one, two):
        counts = known.group_by(key).len("#rows")["#rows"].to_numpy().astype(np.float64)
        expected *= float((counts * (counts - 1)).sum()) / (known.height * (known.height - 1))
    return expected > EXPECTED


def repeated(frame: pl.DataFrame, columns: tuple[str, ...], *, whole: bool) -> int:
    """Rows whose key is that of an earlier row, or incomplete where it must be `whole`."""
    known = frame.select(columns).drop_nulls()
    rows = frame.height if whole else known.height
    return rows - known.n_unique() if known.height else rows
