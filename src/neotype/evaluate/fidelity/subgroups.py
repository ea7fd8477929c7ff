"""Is every group of rows as true to life as real rows of that group are?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fairness.groups import FEWEST, Partition, partitions, small_notes, surest
from neotype.evaluate.features import Floats, Ints, Sides
from neotype.evaluate.interval import GROUPS, redraw, tally
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter, Symbols, deciles, overlap


class Rows(NamedTuple):
    """Rows of one side: the group that each belongs to, its place in the sample, its bootstrap."""

    codes: Ints
    place: Ints
    draws: Ints


class Inside(NamedTuple):
    """The groups of one column: fidelity within each, its floor, how unsure their difference is."""

    column: str
    labels: tuple[str, ...]
    value: Floats
    floor: Floats
    error: Floats
    rows: Ints
    train: Ints
    scarce: tuple[str, ...]
    """Groups that have too few synthetic rows to compare, and not half as many as the holdout."""


@dataclass(frozen=True)
class SubgroupFidelity(Measure):
    """How alike single columns are within the group that is most surely short of its floor.

    Groups are those of the `sensitive` columns, or of all columns where none is declared (at most
    `most_columns`, drawn at random): labels, and the quarters of quantities. Within a group,
    1-way accuracy of all other columns (Platzer and Reutterer 2021), from equally many synthetic
    and holdout rows. Among many groups some fall short by chance: the worst is the one that does so
    most surely, with intervals that hold for all groups at once (Bonferroni).
    """

    sensitive: tuple[str, ...] = ()
    most_columns: int = 20

    name: ClassVar[str] = "subgroup_fidelity"
    title: ClassVar[str] = "Fidelity of the worst group"
    how: ClassVar[str] = (
        "Within each group of rows (a label, or a quarter of a number): 1 minus the mean total "
        "variation of all other columns between real and synthetic rows of that group, as in the "
        "1-way accuracy, beside what equally many real unseen rows of the group reach. The number "
        "is that of the group that most surely falls short."
    )
    reference: ClassVar[str] = (
        "after Platzer and Reutterer 2021, Holdout-based empirical assessment of mixed-type "
        "synthetic data"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Compare every group with its own floor."""
        if len(tables.views) < 2:
            raise NotMeasurableError(
                "this measure needs 2 columns that are no identifiers: one that names groups, one "
                "to compare within them."
            )
        parts, notes = self._partitions(tables)
        counter = Counter.of(tables, self.name)
        columns = [deciles(item, tables.sample) for item in tables.views]
        dealt = self._deal(tables)
        found = [_inside(part, columns, tables, counter, dealt) for part in parts]
        named = [(one, n) for one in found for n in range(len(one.labels))]
        if not named:
            raise NotMeasurableError(f"no group has {FEWEST} rows in each of the three tables.")
        value, floor, error = (
            np.concatenate([getattr(one, field) for one in found])
            for field in ("value", "floor", "error")
        )
        worst, half = surest(floor - value, error)
        one, n = named[worst]
        scarce = [f"{part.column} = {label}" for part in found for label in part.scarce]
        return Finding(
            value=float(value[worst]),
            interval=(max(0.0, value[worst] - half), min(1.0, value[worst] + half)),
            floor=float(floor[worst]),
            target=float(floor[worst]) - 0.03,
            meaning=_said(f"{one.column} = {one.labels[n]}", value[worst], floor[worst], scarce)
            + f" {len(named)} groups were compared.",
            detail={
                "worst": {"column": one.column, "group": one.labels[n]},
                "groups": _table(named, floor - value),
                "measured_groups": len(named),
                "too_few_synthetic_rows": scarce,
                "rows": {side: len(rows) for side, rows in tables.sample._asdict().items()},
                "notes": [*notes, *small_notes(parts)],
            },
        )

    def _partitions(self, tables: Comparison) -> tuple[tuple[Partition, ...], list[str]]:
        """Whose groups are compared, and what is said about that."""
        if self.sensitive:
            found, left = partitions(tables, self.sensitive)
            return found, list(left)
        names = [item.name for item in tables.views if item.kind not in ("text", "json")]
        if not names:
            raise NotMeasurableError("no column names groups.")
        notes = ["groups of all columns, since no sensitive columns were declared"]
        if len(names) > self.most_columns:
            generator = tables.rng.child("columns for groups").generator()
            chosen = np.sort(generator.permutation(len(names))[: self.most_columns])
            notes.append(f"groups of {self.most_columns} of {len(names)} columns, drawn at random")
            names = [names[k] for k in chosen]
        return partitions(tables, names)[0], notes

    @staticmethod
    def _deal(tables: Comparison) -> Sides[Ints]:
        """The sampled rows in random order, so that the first of a group are any of it."""
        rng = tables.rng.child("order within groups")
        return Sides(
            *(
                rng.child(side).generator().permutation(len(rows))
                for side, rows in tables.sample._asdict().items()
            )
        )


def _inside(
    part: Partition,
    columns: list[Symbols],
    tables: Comparison,
    counter: Counter,
    dealt: Sides[Ints],
) -> Inside:
    """Fidelity within the groups of one column, with equal rows of synthetic and of holdout."""
    size = part.size
    sides = Sides(
        *(
            Rows(codes[rows][order], order, groups[order])
            for codes, rows, groups, order in zip(
                part.codes, tables.sample, counter.groups, dealt, strict=True
            )
        )
    )
    rows = Sides[Ints](*(np.bincount(side.codes, minlength=size)[: size - 1] for side in sides))
    equal = np.minimum(rows.synthetic, rows.holdout)
    real = np.minimum(rows.train, rows.holdout) >= FEWEST
    kept = np.flatnonzero(real & (equal >= FEWEST))
    here = Sides(
        _first(sides.synthetic, equal, kept),
        _first(sides.train, rows.train, kept),
        _first(sides.holdout, equal, kept),
    )
    others = [column for column in columns if column.name != part.name]
    value, floor = np.zeros(len(kept)), np.zeros(len(kept))
    short = np.zeros((len(counter.weights.train), len(kept)))
    for column in others if len(kept) else ():
        counts = Sides(
            *(
                tally(
                    side.codes * column.size + symbols[side.place],
                    len(kept) * column.size,
                    side.draws,
                ).reshape(GROUPS, len(kept), column.size)
                for side, symbols in zip(here, column.sides, strict=True)
            )
        )
        plain = Sides(*(side.sum(axis=0) for side in counts))
        drawn = Sides(*(redraw(w, c) for w, c in zip(counter.weights, counts, strict=True)))
        value += overlap(plain.synthetic, plain.train) / len(others)
        floor += overlap(plain.holdout, plain.train) / len(others)
        gap = overlap(drawn.holdout, drawn.train) - overlap(drawn.synthetic, drawn.train)
        short += gap / len(others)
    scarce = real & (rows.synthetic < FEWEST) & (2 * rows.synthetic < rows.holdout)
    return Inside(
        column=part.name,
        labels=tuple(part.labels[k] for k in kept),
        value=value,
        floor=floor,
        error=short.std(axis=0, ddof=1),
        rows=equal[kept],
        train=rows.train[kept],
        scarce=tuple(part.labels[k] for k in np.flatnonzero(scarce)),
    )


def _first(side: Rows, most: Ints, kept: Ints) -> Rows:
    """At most so many rows of each group, of the groups that are kept, which are counted anew."""
    order = np.argsort(side.codes, kind="stable")
    placed = side.codes[order]
    rank = np.arange(len(placed)) - np.searchsorted(placed, placed, side="left")
    new = np.full(len(most) + 1, -1)
    new[kept] = np.arange(len(kept))
    taken = order[(rank < np.append(most, 0)[placed]) & (new[placed] >= 0)]
    return Rows(new[side.codes[taken]], side.place[taken], side.draws[taken])


def _said(worst: str, value: float, floor: float, scarce: list[str]) -> str:
    said = (
        f"In the worst group ({worst}), single columns have {value:.1%} of their rows in the right "
        f"place; equally many real unseen rows of that group reach {floor:.1%}."
    )
    if scarce:
        more = f" and {len(scarce) - 1} more" if len(scarce) > 1 else ""
        said += f" Too few synthetic rows to compare: {scarce[0]}{more}."
    return said


def _table(named: list[tuple[Inside, int]], short: Floats, most: int = 100) -> list[dict[str, Any]]:
    """The groups, those furthest below their floor first."""
    ordered = [named[k] for k in np.argsort(-short, kind="stable")[:most]]
    return [
        {
            "column": one.column,
            "group": one.labels[n],
            "fidelity": one.value[n],
            "floor": one.floor[n],
            "error": one.error[n],
            "rows": one.rows[n],
            "train_rows": one.train[n],
        }
        for one, n in ordered
    ]
