"""Who is alike in what an outsider may know: classes of rows with equal quasi-identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Ints, Labels, Numbers, Sides, View, labels, texts
from neotype.evaluate.metric import NotMeasurableError


@dataclass(frozen=True)
class Classes:
    """The class of every row: rows of one class agree in all quasi-identifiers.

    Codes run from 0 to `size` − 1 and mean the same in all tables. Missing is a state of its own:
    it agrees with missing. `drawn` are the positions (train first, then holdout) of as many real
    rows as the synthetic table has, or of all of them: what real rows look like in its place.
    """

    names: tuple[str, ...]
    size: int
    sides: Sides[Ints]
    drawn: Ints
    notes: tuple[str, ...]

    @property
    def people(self) -> Ints:
        """The class of every real row: train, then holdout."""
        return np.concatenate([self.sides.train, self.sides.holdout])

    def count(self, codes: Ints) -> Ints:
        """The number of rows of each class, (size,)."""
        return np.bincount(codes, minlength=self.size)

    @property
    def words(self) -> str:
        """The quasi-identifiers in a sentence."""
        *most, last = self.names
        return f"{', '.join(most)} and {last}" if most else last

    @classmethod
    def of(cls, tables: Comparison, names: Sequence[str], ranges: int) -> Classes:
        """The classes of these columns, made once for all measures.

        Quantities are compared as they are; with `ranges`, those of more different values in
        train are compared in that many ranges of equally many train rows.
        """
        if not names:
            raise NotMeasurableError("no quasi-identifiers were declared (--quasi age,sex,zip).")
        key = ("classes", tuple(names), ranges)
        return tables.kept(key, lambda: cls._make(tables, names, ranges))

    @classmethod
    def _make(cls, tables: Comparison, names: Sequence[str], ranges: int) -> Classes:
        items = {item.name: item for item in tables.views}
        known = [items[name] for name in dict.fromkeys(names) if name in items]
        if not known:
            raise NotMeasurableError(
                "every quasi-identifier is an identifier or the entity, which is made anew."
            )
        notes = [
            f"'{name}' is left out of the quasi-identifiers: {tables.left_out[name]}"
            for name in dict.fromkeys(names)
            if name not in items
        ]
        columns = []
        for item in known:
            codes, size = exact(tables, item)
            if ranges and isinstance(item, Numbers) and item.kind not in ("text", "json"):
                edges = _edges(item, ranges)
                if edges is not None:
                    codes, size = in_ranges(item, edges), len(edges) + 2
                    notes.append(f"'{item.name}' is compared in {len(edges) + 1} ranges")
            columns.append((codes, size))
        sides, size = _join(columns)
        real, wanted = tables.train.rows + tables.holdout.rows, tables.synthetic.rows
        generator = tables.rng.child("real rows for disclosure").generator()
        if real < wanted:
            notes.append(f"{wanted:,} synthetic rows are set beside all {real:,} real ones")
        return cls(
            names=tuple(item.name for item in known),
            size=size,
            sides=sides,
            drawn=np.sort(generator.permutation(real)[:wanted]),
            notes=tuple(notes),
        )


def exact(tables: Comparison, item: View) -> tuple[Sides[Ints], int]:
    """A column as codes of its own values, in ascending order for quantities; 0 is missing."""
    if isinstance(item, Labels):
        return item.sides, item.size
    if item.kind in ("text", "json"):
        codes, words = labels(Sides(*(texts(side) for side in tables.series(item.name))))
        return codes, len(words) + 1
    every = np.concatenate(item.sides)
    values, place = np.unique(every, return_inverse=True)
    place = np.where(np.isnan(every), 0, place.reshape(-1) + 1)
    return _part(place, item.sides), len(values) + 1


def in_ranges(item: Numbers, edges: np.ndarray) -> Sides[Ints]:
    """A quantity as the number of its range, from 1; 0 is missing."""
    return Sides(
        *(np.where(np.isnan(side), 0, 1 + np.searchsorted(edges, side)) for side in item.sides)
    )


def _edges(item: Numbers, ranges: int) -> np.ndarray | None:
    """The upper ends of ranges of equally many train rows; None where train has fewer values."""
    known = item.sides.train[~np.isnan(item.sides.train)]
    if len(np.unique(known)) <= ranges:
        return None
    return np.unique(np.quantile(known, np.linspace(0, 1, ranges + 1)[1:-1], method="lower"))


def _join(columns: Sequence[tuple[Sides[Ints], int]]) -> tuple[Sides[Ints], int]:
    sides, size = columns[0]
    joint = np.concatenate(sides).astype(np.int64)
    for codes, many in columns[1:]:
        if size > 2**62 // many:
            values, joint = np.unique(joint, return_inverse=True)
            size = len(values)
        joint = joint.reshape(-1) * many + np.concatenate(codes)
        size *= many
    values, joint = np.unique(joint, return_inverse=True)
    return _part(joint.reshape(-1), sides), len(values)


def _part(codes: Ints, like: Sides[np.ndarray]) -> Sides[Ints]:
    ends = np.cumsum([len(side) for side in like])[:-1]
    return Sides(*np.split(codes, ends))


def secrets(
    tables: Comparison, sensitive: Sequence[str], target: str | None, known: Sequence[str]
) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """What an outsider wants to learn, with notes: sensitive columns that he does not know yet.

    Where none is left, the target is the secret.
    """
    items = {item.name: item for item in tables.views if item.name not in known}
    found = tuple(items[name] for name in dict.fromkeys(sensitive) if name in items)
    if found:
        return found, ()
    if target in items:
        return (items[target],), (
            f"no sensitive column is left: the target '{target}' is taken as the secret",
        )
    raise NotMeasurableError(
        "no sensitive column that is not itself a quasi-identifier was declared "
        "(--sensitive diagnosis)."
    )
