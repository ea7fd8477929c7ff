"""Are whole families copied: do the children of a synthetic parent equal those of a real one?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import polars as pl

from neotype.evaluate.features import Sides
from neotype.evaluate.interval import clopper_pearson
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.relational.between import Between
from neotype.evaluate.relational.databases import Databases
from neotype.schema.schema import Relationship

LEAST = 2
"""Children that a group needs: one child alone is a row, and rows have measures of their own."""

FEWEST = 20
"""Groups of a side below which shares say nothing."""

COMMON = 0.5
"""Where chance makes so many groups equal, children are too plain to tell copies."""

DIGITS = 9
"""Significant digits to which numbers must agree to be the same."""


class Copies(NamedTuple):
    """Synthetic groups that equal a group of train, and what chance makes of it."""

    copies: int
    groups: int
    natural: int
    held: int
    control: int


@dataclass(frozen=True)
class FamilyCopies(Between):
    """The share of synthetic parents all of whose children equal those of one real parent.

    For each foreign key whose parents belong to families, groups of two children and more,
    compared in every column but keys, whatever their order. The value is that of the foreign key
    furthest above its floor.
    """

    name: ClassVar[str] = "family_copies"
    title: ClassVar[str] = "Copies of whole families"
    how: ClassVar[str] = (
        "Of every foreign key, the share of synthetic parents with two or more children whose "
        "children equal, all of them and in every column but keys, those of one parent that the "
        "model learnt from, beside the share of real unseen parents whose children do. The foreign "
        "key furthest above what chance explains is shown."
    )
    reference: ClassVar[str] = "Clopper and Pearson 1934 (interval)"
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.005

    def look(self, databases: Databases) -> Finding:
        """Count equal groups of every foreign key."""
        found: dict[str, Copies] = {}
        for tie in databases.schema.relationships:
            if tie.parent in databases.divided and tie.child in databases.divided:
                groups = Sides(*(signatures(databases, tie, k) for k in range(3)))
                if min(len(one) for one in groups) >= FEWEST:
                    found[tie.title] = counted(groups)
        if not found:
            raise NotMeasurableError(
                f"no foreign key has {FEWEST} parents with {LEAST} children or more on every side "
                f"and children with columns that are no keys."
            )
        telling = [title for title in found if chance(found[title]) < COMMON] or list(found)
        worst = max(telling, key=lambda title: share(found[title]) - chance(found[title]))
        one = found[worst]
        return Finding(
            value=share(one),
            interval=clopper_pearson(one.copies, one.groups),
            floor=one.natural / one.held,
            target=chance(one) + 0.001,
            meaning=(
                f"{one.copies:,} of {one.groups:,} synthetic parents ({share(one):.2%}) have "
                f"exactly the children of a parent that the model learnt from, by {worst}; of real "
                f"parents that it never saw, {one.natural / one.held:.2%} do, by chance alone."
            ),
            detail={"relationships": {title: _facts(one) for title, one in found.items()}},
        )


def _facts(one: Copies) -> dict[str, Any]:
    return {
        "copies": one.copies,
        "groups": one.groups,
        "share": share(one),
        "floor": one.natural / one.held,
        "target": chance(one) + 0.001,
    }


def share(one: Copies) -> float:
    """The share of groups that are copies."""
    return one.copies / one.groups


def chance(one: Copies) -> float:
    """The share that chance explains: of the holdout in train, or of synthetic in the holdout."""
    return max(clopper_pearson(one.natural, one.held)[1], min(1.0, one.control / one.groups))


def counted(groups: Sides[pl.Series]) -> Copies:
    """How many synthetic groups, and holdout groups, are there in train."""
    made, train, held = groups
    return Copies(
        copies=_in(made, train),
        groups=len(made),
        natural=_in(held, train),
        held=len(held),
        control=round(_in(made, held) * max(1.0, train.n_unique() / held.n_unique())),
    )


def _in(some: pl.Series, others: pl.Series) -> int:
    return int(some.is_in(others.implode()).sum())


def signatures(databases: Databases, tie: Relationship, side: int) -> pl.Series:
    """A number for each parent with enough children, equal where all the children are equal."""
    frame = databases.datasets[side].frames[tie.child]
    columns = databases.without_keys(tie.child).table.columns
    meant = [name for name, one in columns.items() if one.kind not in ("identifier", "personal")]
    if not meant:
        return pl.Series([], dtype=pl.UInt64)
    cells = frame.select(_comparable(frame[name]) for name in meant)
    rows = pl.DataFrame(
        {
            "parent": databases.links[side].positions[tie.title],
            "row": cells.hash_rows(seed=0),
        }
    ).filter(pl.col("parent") >= 0)
    groups = rows.group_by("parent").agg(pl.col("row").sort(), many=pl.len())
    groups = groups.filter(pl.col("many") >= LEAST).sort("parent")
    return groups.select(pl.col("row").hash(seed=0)).to_series()


def _comparable(cells: pl.Series) -> pl.Series:
    """Numbers of any dtype alike if they agree to many digits; the rest as it is."""
    if not cells.dtype.is_numeric():
        return cells
    numbers = cells.cast(pl.Float64, strict=False).fill_nan(None)
    return numbers.round_sig_figs(DIGITS)
