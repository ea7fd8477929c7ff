"""One column that is drawn: its laws, made ready to draw cells from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.schema.distribution import Distribution
from neotype.schema.specification import spelt
from neotype.schema.storage import storage_dtype
from neotype.spec.cases import Branch, branches
from neotype.spec.cells import grain, label_cells, number_cells
from neotype.spec.copula import arranged
from neotype.spec.laws import law, weighted
from neotype.spec.words import phrases

Numbers = NDArray[np.float64]
Draw = Callable[[Generator, int], NDArray[Any]]

_COUNTED = frozenset(("numeric", "geo", "datetime", "duration"))


@dataclass(frozen=True)
class Drawn:
    """A column whose cells follow laws, one for each case of what it depends on."""

    column: Any
    cases: Branch
    draws: tuple[Draw, ...]
    """One a leaf: numbers, or places in `labels`."""
    labels: pl.Series | None

    @classmethod
    def of(cls, column: Any, columns: Mapping[str, Any]) -> Drawn:
        """From its declaration, which is sound."""
        leaves: list[Distribution] = []
        cases = branches(column.distribution, column.depends_on, columns, leaves)
        if column.kind in _COUNTED:
            step = grain(column)
            laws = (law(_bounded(one, column), column.kind, grain=step) for one in leaves)
            return cls(column, cases, tuple(laws), None)
        if any(one.words for one in leaves):
            return cls(column, cases, tuple(_worded(one) for one in leaves), None)
        names, labels = label_cells(column)
        place = {name: k for k, name in enumerate(names)}
        return cls(column, cases, tuple(_labelled(one, place) for one in leaves), labels)

    def draw(
        self, generator: Generator, rows: int, frame: pl.DataFrame, beside: Numbers | None
    ) -> pl.Series:
        """Cells beside those of `frame`, in the order of the numbers beside them where given."""
        values: NDArray[Any] | None = None
        have = np.zeros(0, dtype=np.bool_)
        lacking = rows
        for leaf, here in self.cases.split(frame, None):
            count = rows if here is None else len(here)
            drawn = self.draws[leaf](generator, count)
            if beside is not None:
                drawn = arranged(drawn, beside if here is None else beside[here])
            lacking -= count
            if here is None:
                values = drawn
                break
            if values is None:
                values = np.zeros(rows, dtype=drawn.dtype)
                have = np.zeros(rows, dtype=np.bool_)
            values[here] = drawn
            have[here] = True
        if values is None:
            nothing = pl.Series([None], dtype=storage_dtype(self.column.storage))
            return nothing.new_from_index(0, rows)
        cells = self._cells(values)
        return emptied(cells, ~have) if lacking else cells

    def _cells(self, values: NDArray[Any]) -> pl.Series:
        if self.labels is not None:
            return self.labels.gather(values)
        if self.column.kind in _COUNTED:
            return number_cells(self.column, values)
        return phrases(values).cast(storage_dtype(self.column.storage))


def emptied(cells: pl.Series, gone: NDArray[np.bool_]) -> pl.Series:
    """The cells without those that are gone."""
    frame = pl.DataFrame({"cells": cells, "gone": gone})
    return frame.select(pl.when(~pl.col("gone")).then(pl.col("cells"))).to_series()


def _bounded(one: Distribution, column: Any) -> Distribution:
    """The law within the bounds of its column, where it has none of its own."""
    ends = {}
    for end in ("minimum", "maximum"):
        if getattr(one, end) is None and getattr(column, end, None) is not None:
            ends[end] = getattr(column, end)
    return one.model_copy(update=ends) if ends else one


def _labelled(one: Distribution, place: Mapping[str, int]) -> Draw:
    """Places of the labels, by their weights."""
    weights = np.zeros(len(place))
    if one.probability is not None:
        weights[:] = (1.0 - one.probability, one.probability)
    elif isinstance(one.weights, Mapping):
        for label, weight in one.weights.items():
            weights[place[label]] = weight
    elif one.weights is not None:
        weights[:] = one.weights
    else:
        weights[place[spelt(one.constant)]] = 1.0
    return weighted(weights)


def _worded(one: Distribution) -> Draw:
    """Seeds of phrases: the number of words, and where their words come from."""
    least, most = one.words or (4, 12)

    def draw(generator: Generator, rows: int) -> NDArray[np.uint64]:
        count = generator.integers(least, most, size=rows, endpoint=True).astype(np.uint64)
        return (count << np.uint64(48)) | generator.integers(1 << 48, size=rows, dtype=np.uint64)

    return draw
