"""A quasi-identifier as whole numbers in an order, what a range of them is called and costs.

The cost is the normalised certainty penalty (Xu et al. 2006, Utility-based anonymization using
local recoding): the share of the column's own width that a cell no longer tells, from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.masking.bands import LEVELS, date_label, number_label, rounded_levels
from neotype.masking.hierarchy import ALL, Tree

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MISSING = "missing"


@dataclass(frozen=True)
class Step:
    """A column generalised in whole: the group of every code, its name and its cost."""

    title: str
    groups: Ints
    labels: tuple[str | None, ...]
    cost: Floats


@dataclass(frozen=True)
class Scale:
    """The codes of a column, 0 for a missing cell; `values` are what codes 1 and up stand for.

    `line` is where each code lies: equally spaced for labels, by value for quantities.
    """

    name: str
    codes: Ints
    values: pl.Series
    line: Floats

    @property
    def size(self) -> int:
        """How many codes there are, that of missing cells included."""
        return len(self.line)

    @cached_property
    def span(self) -> float:
        """The width of the whole column."""
        used = self.line[1:] if len(self.line) > 1 else self.line
        return float(used.max() - used.min()) or 1.0

    def width(self, low: Ints, high: Ints) -> Floats:
        """How wide the ranges low .. high are, of the whole; any two codes are a little apart."""
        wide = (self.line[high] - self.line[np.maximum(low, 1)]) / self.span
        wide = np.where(low == 0, np.maximum(wide, 0) + 0.5, wide)
        return np.where(high > low, np.maximum(wide, 1e-9), 0.0)

    def may_cut(self, below: Ints, above: Ints, low: Ints, high: Ints) -> NDArray[np.bool_]:
        """Whether a range low .. high may be cut between the codes `below` and `above`."""
        del low, high
        return above > below

    def named(self, classes: Ints, count: int) -> tuple[list[str | None], Floats]:
        """What the cells of each class are called, and the cost of it."""
        low = np.full(count, self.size)
        high = np.zeros(count, dtype=np.int64)
        np.minimum.at(low, classes, np.where(self.codes == 0, self.size, self.codes))
        np.maximum.at(high, classes, self.codes)
        holes = np.zeros(count, dtype=bool)
        holes[classes[self.codes == 0]] = True
        low = np.where(high == 0, 0, low)
        pairs, place = np.unique(np.stack([low, high]), axis=1, return_inverse=True)
        names = [self.label(int(a), int(b)) for a, b in pairs.T]
        cost = self.cost(low, high)
        labels = [names[p] for p in place.reshape(-1)]
        mixed = holes & (high > 0)
        for at in np.flatnonzero(mixed):
            labels[at] = f"{labels[at]} or {MISSING}"
        return labels, np.where(mixed, np.maximum(cost, 1 / max(self.size - 1, 1)), cost)

    def label(self, low: int, high: int) -> str | None:
        """What the range low .. high is called."""
        raise NotImplementedError

    def cost(self, low: Ints, high: Ints) -> Floats:
        """The cost of the ranges."""
        wide = (self.line[high] - self.line[low]) / self.span
        return np.where(high > low, np.minimum(wide, 1.0), 0.0)

    def steps(self) -> list[Step]:
        """The column generalised further and further, from as it is to nothing."""
        raise NotImplementedError

    def _step(self, title: str, labels: Sequence[str | None]) -> Step:
        """A step that gives each code but that of missing cells one of these labels."""
        number = {label: at for at, label in enumerate(dict.fromkeys((None, *labels)))}
        groups = np.array([0, *(number[label] for label in labels)], dtype=np.int64)
        known = np.arange(1, self.size)
        low, high = np.full(len(number), self.size), np.zeros(len(number), dtype=np.int64)
        np.minimum.at(low, groups[1:], known)
        np.maximum.at(high, groups[1:], known)
        cost = self.cost(np.where(high == 0, 0, low), high)
        return Step(title, groups, tuple(number), cost)

    def _all(self) -> Step:
        """The step that tells nothing, not even whether the cell was missing."""
        return Step("all", np.zeros(self.size, dtype=np.int64), (ALL,), np.ones(1))

    def typical(self, classes: Ints, count: int) -> pl.Series:
        """One value a class in the dtype of the column: the median, or the most frequent label."""
        raise NotImplementedError


@dataclass(frozen=True)
class Ordered(Scale):
    """Quantities, dates and labels in order; `widths` are the bands of its steps, if given."""

    widths: tuple[Any, ...] = ()

    @property
    def _dated(self) -> bool:
        return self.values.dtype in (pl.Date, pl.Datetime)

    def label(self, low: int, high: int) -> str | None:
        """What the range low .. high is called."""
        if low == 0:
            return None
        first, last = self.values[low - 1], self.values[high - 1]
        return date_label(first, last) if self._dated else number_label(first, last)

    def steps(self) -> list[Step]:
        """The column generalised further and further."""
        own = [self.label(code, code) for code in range(1, self.size)]
        steps = [self._step("as it is", own)]
        if self._dated:
            for unit in self.widths or ("month", "quarter", "year", "decade"):
                labels = LEVELS[unit](self.values)
                steps.append(self._step(unit, labels.to_list()))
        elif self.values.dtype.is_numeric():
            for width, bands in rounded_levels(self.values, self.widths):
                steps.append(self._step(f"bands of {width:g}", bands))
        return [*steps, self._all()]

    def typical(self, classes: Ints, count: int) -> pl.Series:
        """One value a class in the dtype of the column."""
        order = np.lexsort((self.codes, classes))
        inside, codes = classes[order], self.codes[order]
        sizes = np.bincount(inside, minlength=count)
        empty = np.bincount(inside, codes == 0, minlength=count).astype(np.int64)
        known = sizes - empty
        middle = np.r_[0, np.cumsum(sizes)[:-1]] + empty + np.maximum(known - 1, 0) // 2
        place = np.where(known > 0, codes[np.minimum(middle, len(codes) - 1)] - 1, -1)
        return self.values.gather(pl.Series(place).replace(-1, None))


@dataclass(frozen=True)
class Labels(Scale):
    """Labels without order: under a tree of groups, or in sets. The most frequent come first."""

    tree: Tree | None = None
    """Where there is one, code − 1 is the place of the label in it."""

    def may_cut(self, below: Ints, above: Ints, low: Ints, high: Ints) -> NDArray[np.bool_]:
        """Under a tree, only between the groups right below the smallest that holds the range."""
        if self.tree is None:
            return above > below
        shared = self.tree.shared
        inside = shared[np.maximum(low, 1) - 1, high - 1]
        between = shared[np.maximum(below, 1) - 1, above - 1]
        return np.asarray((above > below) & ((below == 0) | (between <= inside)))

    def named(self, classes: Ints, count: int) -> tuple[list[str | None], Floats]:
        """What the cells of each class are called, and the cost of it."""
        if self.tree is not None:
            return super().named(classes, count)
        pairs = np.unique(classes * self.size + self.codes)
        where, codes = pairs // self.size, pairs % self.size
        ends = np.cumsum(np.bincount(where, minlength=count))
        names: dict[bytes, str | None] = {}
        labels: list[str | None] = []
        start = 0
        for end in ends.tolist():
            inside = codes[start:end]
            start = end
            key = inside.tobytes()
            if key not in names:
                names[key] = self._set(inside)
            labels.append(names[key])
        many = np.bincount(where, minlength=count)
        return labels, (many - 1) / max(self.size - 2, 1) * (many > 1)

    def _set(self, inside: Ints) -> str | None:
        """The set in words; of most of the labels, what is not in it."""
        known = [self.values[int(code) - 1] for code in inside if code]
        holes = [MISSING] if len(known) < len(inside) else []
        if not known:
            return None
        if len(known) + len(holes) == 1:
            return str(known[0])
        if len(known) == self.size - 1:
            return " or ".join([ALL, *holes])
        others = sorted(set(self.values.to_list()) - set(known))
        if len(known) > 3 and len(others) < len(known) / 2:
            return " or ".join([f"not {{{', '.join(others)}}}", *holes])
        return f"{{{', '.join([*sorted(map(str, known)), *holes])}}}"

    def label(self, low: int, high: int) -> str | None:
        """What the range low .. high is called."""
        if low == 0:
            return None
        assert self.tree is not None
        return self.tree.group(low - 1, high - 1)[0]

    def cost(self, low: Ints, high: Ints) -> Floats:
        """The cost of the ranges."""
        if self.tree is None:
            return np.where(high > low, (high - low) / max(self.size - 2, 1), 0.0)
        pairs, place = np.unique(np.stack([low, high]), axis=1, return_inverse=True)
        sizes = [self.tree.group(max(a - 1, 0), max(b - 1, 0))[1] for a, b in pairs.T.tolist()]
        cost = (np.array(sizes) - 1) / max(len(self.tree.leaves) - 1, 1)
        return np.asarray(cost[place.reshape(-1)], dtype=np.float64)

    def steps(self) -> list[Step]:
        """The column generalised further and further."""
        steps = [self._step("as it is", self.values.to_list())]
        if self.tree is not None:
            heights = range(1, self.tree.depth + 1)
            steps += [self._step(f"{n} up", self.tree.level(n)) for n in heights]
        return [*steps, self._all()]

    def typical(self, classes: Ints, count: int) -> pl.Series:
        """One value a class in the dtype of the column."""
        pairs, many = np.unique(classes * self.size + self.codes, return_counts=True)
        where, codes = pairs // self.size, pairs % self.size
        order = np.lexsort((codes, -many, where))
        _, first = np.unique(where[order], return_index=True)
        place = pl.Series(codes[order][first] - 1)
        return self.values.gather(place.replace(-1, None))
