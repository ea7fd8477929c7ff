"""The groups that sensitive columns name, and which of them is most surely treated worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Labels, Numbers, Sides, View
from neotype.evaluate.metric import Interval, NotMeasurableError

FEWEST = 30
"""A group of fewer rows is not compared, and never named."""

VALUES = 10
"""A quantity with at most so many values in train names groups itself; others by quarters."""

PARTS = {
    1: ("lower part", "upper part"),
    2: ("lower part", "middle part", "upper part"),
    3: ("lowest quarter", "second quarter", "third quarter", "highest quarter"),
}
"""What the parts are called that so many different quartiles make: most cells may be one value."""


@dataclass(frozen=True)
class Partition:
    """Rows by the group that a sensitive column, or two of them, put them in.

    Codes are 0 .. groups − 1 for groups of at least 30 train rows, and the number of groups for
    rows of the `small` others.
    """

    name: str
    labels: tuple[str, ...]
    codes: Sides[Ints]
    small: int

    @property
    def size(self) -> int:
        """The number of codes, the one of small groups included."""
        return len(self.labels) + 1

    @classmethod
    def of(cls, name: str, labels: Sequence[str], codes: Sides[Ints]) -> Partition:
        """Set small groups aside; the code after the last label means that a row already is."""
        rows = np.bincount(codes.train, minlength=len(labels) + 1)[: len(labels)]
        kept = np.flatnonzero(rows >= FEWEST)
        place = np.full(len(labels) + 1, len(kept))
        place[kept] = np.arange(len(kept))
        seen = np.unique(np.concatenate(codes))
        return cls(
            name=name,
            labels=tuple(labels[int(k)] for k in kept),
            codes=Sides(*(place[side] for side in codes)),
            small=int((place[seen] == len(kept)).sum()),
        )

    def crossed(self, other: Partition) -> Partition:
        """Groups of both columns together; those that are small in either count as one."""
        labels = [f"{one}, {two}" for one in self.labels for two in other.labels]
        width = len(other.labels)
        codes = []
        for one, two in zip(self.codes, other.codes, strict=True):
            known = (one < len(self.labels)) & (two < width)
            codes.append(np.where(known, one * width + two, len(labels)))
        return Partition.of(f"{self.name} and {other.name}", labels, Sides(*codes))


def partitions(
    tables: Comparison, sensitive: Sequence[str], target: str | None = None
) -> tuple[tuple[Partition, ...], tuple[str, ...]]:
    """The groups of every sensitive column but the target, with notes on columns left out."""
    if not sensitive:
        raise NotMeasurableError("no sensitive columns were declared (--sensitive sex,race).")
    items = {item.name: item for item in tables.views}
    found, notes = [], []
    for name in dict.fromkeys(sensitive):
        item = items.get(name)
        if item is None:
            notes.append(f"'{name}' is left out: {tables.left_out.get(name, 'it is not there')}")
        elif item.kind in ("text", "json"):
            notes.append(f"'{name}' is left out: {item.kind} names no groups")
        elif name == target:
            notes.append(f"'{name}' is left out: it is the target")
        else:
            found.append(_partition(item))
    if not found:
        raise NotMeasurableError(f"no sensitive column names groups: {'; '.join(notes)}.")
    return tuple(found), tuple(notes)


def pairs(found: Sequence[Partition]) -> list[Partition]:
    """The groups of every two columns together."""
    return [one.crossed(two) for one, two in combinations(found, 2)]


def _partition(item: View) -> Partition:
    if isinstance(item, Labels):
        return Partition.of(item.name, ("missing", *item.words), item.sides)
    known = item.sides.train[~np.isnan(item.sides.train)]
    values = np.unique(known)
    if 0 < len(values) <= VALUES:
        return Partition.of(item.name, *_by_value(item, values))
    shares = [0.25, 0.5, 0.75]
    cuts = np.unique(np.quantile(known, shares, method="lower") if len(known) else [0.0])
    codes = (
        np.where(np.isnan(side), 0, 1 + np.searchsorted(cuts, side, side="left"))
        for side in item.sides
    )
    return Partition.of(item.name, ("missing", *PARTS[len(cuts)]), Sides(*codes))


def _by_value(item: Numbers, values: Floats) -> tuple[tuple[str, ...], Sides[Ints]]:
    """A group for each value, and one for values that train has not."""
    codes = []
    for side in item.sides:
        place = np.minimum(np.searchsorted(values, side), len(values) - 1)
        new = np.where(values[place] == side, 1 + place, len(values) + 1)
        codes.append(np.where(np.isnan(side), 0, new))
    return ("missing", *(f"{value:.15g}" for value in values), "other values"), Sides(*codes)


def surest(excess: Floats, errors: Floats) -> tuple[int, float]:
    """The place that most surely exceeds what it should, and the half width of its interval.

    Intervals hold for all places at once (Bonferroni), so that among many small groups the one
    that chance treated worst is not taken for the worst.
    """
    from scipy.special import ndtri

    half = float(ndtri(1 - 0.025 / max(1, len(excess)))) * errors
    worst = int(np.argmax(excess - half))
    return worst, float(half[worst])


def folded(difference: float, half: float) -> Interval:
    """The interval of |difference|, given the half width of the difference's own."""
    ends = abs(difference - half), abs(difference + half)
    return (0.0 if abs(difference) <= half else min(ends)), max(ends)


def too_few(found: Sequence[Partition]) -> NotMeasurableError:
    """The reason when no column has two groups that are large enough."""
    names = ", ".join(f"'{part.name}'" for part in found)
    return NotMeasurableError(
        f"no sensitive column ({names}) has two groups of at least {FEWEST} rows to compare."
    )


def small_notes(found: Sequence[Partition]) -> list[str]:
    """How many groups of each column were too small to compare, by number only."""
    return [
        f"{p.small} {'group' if p.small == 1 else 'groups'} of {p.name} too small to compare"
        for p in found
        if p.small
    ]
