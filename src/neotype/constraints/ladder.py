"""Ascending columns as one of them and how far each other one lies above or below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.random import Generator

from neotype.constraints.axis import FAR, Axis, over, plus, times
from neotype.schema.condition import Condition
from neotype.schema.constraint import Columns, Constraint, Rule, replaced
from neotype.schema.schema import Numeric

_MOST_GAP = 2**64 - 1
_SPECIAL_SHARE, _MOST_SPECIAL = 0.01, 32
_NEIGHBOURS, _STANDS_OUT = 9, 4


@dataclass(frozen=True)
class Rung:
    """A column told by how many of its steps it lies beyond the first place that is allowed.

    That place depends on the column before it. A cell of which the gap cannot tell, or would tell
    badly (`special`: a frequent value, such as 9999-12-31, above values that differ), is kept as it
    is in the column `alone`. `up` is −1 for a column that lies below the one before it.
    """

    axis: Axis
    before: str
    up: int
    strict: bool
    gap: str
    alone: str | None = None
    missing: bool = True
    """Whether gaps may be missing."""
    never_missing: bool = False
    """Whether the column's cells may not."""
    special: tuple[int | float, ...] = ()

    def signed(self, cells: pl.Series) -> pl.Series:
        """Places on the axis, turned so that the column lies above the one before it."""
        return turned(self.axis.read(cells), self.up)

    def first(self, below: pl.Series) -> pl.Series:
        """The first place that is allowed above another; on an axis of floats, that one."""
        if not self.axis.whole:
            return below
        step = self.axis.step
        if self.strict:
            return times(plus(over(below, step), 1), step)
        return times(over(plus(below, step - 1), step), step)

    def obeys(self, here: pl.Series, below: pl.Series) -> pl.Series:
        """Whether a place may lie above another; true where one is missing."""
        return (here > below if self.strict else here >= below).fill_null(True)

    def too_far(self, here: pl.Series, below: pl.Series) -> bool:
        """Whether there is a gap beyond what can be stored, on a whole axis."""
        return bool((over(_finite(here) - below, self.axis.step) > _MOST_GAP).any())

    def encode(self, cells: pl.Series, here: pl.Series, below: pl.Series) -> list[pl.Series]:
        """The gap, and the cell where there is none."""
        gap = here - self.first(below)
        if self.axis.whole:
            gap = over(gap, self.axis.step)
            known = ((gap >= 0) & (gap <= _MOST_GAP) & (here < FAR)).fill_null(False)
            gap = gap.clip(0, _MOST_GAP).cast(pl.UInt64)
        else:
            known = (gap >= 0).fill_null(False) & gap.is_finite().fill_null(False)
        if self.special:
            known &= ~here.is_in(pl.Series(self.special, dtype=here.dtype).implode())
        told = [_where(known, gap).alias(self.gap)]
        if self.alone is not None:
            told.append(_where(~known, cells).alias(self.alone))
        return told

    def decode(self, frame: pl.DataFrame, below: pl.Series) -> pl.Series:
        """The column again, above the one before it."""
        first, gap = self.first(below), frame[self.gap]
        here = self._above(first, below, gap)
        cells = _where(here.is_not_null(), self.axis.write(turned(here, self.up)))
        alone = None if self.alone is None else frame[self.alone]
        if alone is not None:
            place = self.signed(alone)
            fits = alone.is_not_null() & self.obeys(place, below)
            fallback = self.axis.write(turned(self._above(first, below, gap.fill_null(0)), self.up))
            cells = cells.zip_with(cells.is_not_null() | alone.is_null(), fallback)
            cells = alone.zip_with(fits, cells)
        if self.never_missing and cells.null_count():
            nearest = self.axis.write(turned(self._above(first, below, gap.fill_null(0)), self.up))
            cells = cells.zip_with(cells.is_not_null(), nearest)
        return cells.alias(self.axis.name)

    def _above(self, first: pl.Series, below: pl.Series, gap: pl.Series) -> pl.Series:
        """The place of a gap, no further than can be stored."""
        if not self.axis.whole:
            return self._float_above(below, gap.cast(pl.Float64))
        here = first + times(gap.cast(pl.Int128), self.axis.step)
        low, high = self.axis.limits
        most = high if self.up > 0 else -low
        return _capped(here, first, most)

    def _float_above(self, below: pl.Series, gap: pl.Series) -> pl.Series:
        """The same among floats: what is stored is rounded, and goes one further where it must."""
        wanted = below + gap
        stored = self.signed(self.axis.write(turned(wanted, self.up)))
        low = (stored <= below if self.strict else stored < below).fill_null(False)
        if not low.any():
            return stored
        column, dtype = self.axis.column, self.axis.dtype
        places = stored.to_numpy()
        if dtype.is_integer():
            further: Any = places + 1
        elif isinstance(column, Numeric) and column.decimals is not None:
            further = places + 10.0**-column.decimals
        else:
            kind: Any = np.float32 if dtype == pl.Float32 else np.float64
            further = np.nextafter(places.astype(kind), kind(np.inf)).astype(np.float64)
        further = pl.Series(further, dtype=pl.Float64, nan_to_null=True)
        return stored.zip_with(~low, further)

    def columns(self) -> dict[str, Any]:
        """What the column becomes."""
        whole = self.axis.whole
        gap = Numeric(
            storage="UInt64" if whole else "Float64",
            subtype="integer" if whole else "float",
            decimals=0 if whole else None,
            nullable=self.missing,
            public=self.axis.column.public,
        )
        if self.alone is None:
            return {self.gap: gap}
        alone = self.axis.column.model_copy(update={"nullable": True, "reason": ""})
        return {self.gap: gap, self.alone: alone}


@dataclass(frozen=True)
class Ladder(Rule):
    """Ascending columns; all but that at `anchor` are rungs, climbed upwards and then downwards."""

    constraint: Constraint
    axes: tuple[Axis, ...]
    strict: bool
    anchor: int = 0
    rungs: tuple[Rung, ...] = ()
    """Nothing where rows are only checked."""
    others: tuple[Ladder, ...] = ()
    """The same rule, rewritten from another anchor."""

    @classmethod
    def learn(
        cls,
        constraint: Constraint,
        axes: tuple[Axis, ...],
        strict: bool,
        columns: Columns,
        frame: pl.DataFrame,
        protect: int,
    ) -> Self:
        """The ladder whose anchor is never missing, where there is such a column."""
        bare = cls(constraint, axes, strict)
        kinds = [columns[axis.name].kind in ("numeric", "datetime", "duration") for axis in axes]
        if not all(kinds) or any(axis.wall for axis in axes):
            return bare
        full = [_never_missing(axis, frame) for axis in axes]
        ends = [0, len(axes) - 1]
        anchors = [k for k, never in enumerate(full) if never] or ends
        made = [bare._climbed(k, columns, frame, full, protect) for k in anchors]
        made = [one for one in made if one.rungs]
        return replace(made[0], others=tuple(made[1:])) if made else bare

    def _climbed(
        self,
        anchor: int,
        columns: Columns,
        frame: pl.DataFrame,
        full: Sequence[bool],
        protect: int,
    ) -> Self:
        rungs = []
        for bare, below in self._climb(frame, self._bare_rungs(anchor, columns, full)):
            cells = frame[bare.axis.name]
            here = bare.signed(cells)
            rung = replace(bare, special=_special(here, below, protect))
            gap, alone = replace(rung, alone="alone").encode(cells, here, below)
            if rung.axis.whole and rung.too_far(here, below):
                return self
            needed = bool((gap.is_null() & alone.is_not_null()).any())
            rungs.append(
                replace(
                    rung,
                    alone=rung.alone if needed else None,
                    missing=gap.null_count() > 0,
                )
            )
        return replace(self, anchor=anchor, rungs=tuple(rungs))

    def _bare_rungs(self, anchor: int, columns: Columns, full: Sequence[bool]) -> list[Rung]:
        axes = self.axes
        way = [(k, k - 1, 1) for k in range(anchor + 1, len(axes))]
        way += [(k, k + 1, -1) for k in reversed(range(anchor))]
        rungs = []
        for k, before, up in way:
            name, other = axes[k].name, axes[before].name
            gap = f"{name} - {other}" if up > 0 else f"{other} - {name}"
            gap, alone = fresh(gap, columns), fresh(f"{name} alone", columns)
            rungs.append(Rung(axes[k], other, up, self.strict, gap, alone, never_missing=full[k]))
        return rungs

    def _climb(self, frame: pl.DataFrame, rungs: Sequence[Rung]) -> Any:
        """Each rung with the places of the last column before it that is not missing."""
        turn, places = 0, pl.Series()
        for rung in rungs:
            if rung.up != turn:
                axis = self._axis(rung.before)
                turn, places = rung.up, turned(_finite(axis.read(frame[axis.name])), rung.up)
            yield rung, places
            here = _finite(rung.signed(frame[rung.axis.name]))
            places = here.zip_with(here.is_not_null(), places)

    def _axis(self, name: str) -> Axis:
        return next(axis for axis in self.axes if axis.name == name)

    @property
    def name(self) -> str:
        """The column that stays."""
        return self.axes[self.anchor].name

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        """Whether each row's cells ascend, those that are missing left out."""
        good = pl.Series([True]).new_from_index(0, frame.height)
        before = self.axes[0].read(frame[self.axes[0].name])
        for axis in self.axes[1:]:
            here = axis.read(frame[axis.name])
            good &= (before < here if self.strict else before <= here).fill_null(True)
            before = here.zip_with(here.is_not_null(), before)
        return good

    def rewrite(self, columns: Columns) -> dict[str, Any] | None:
        """The columns with every rung as a gap; None where a kind has no gaps."""
        if not self.rungs:
            return None
        return replaced(columns, {rung.axis.name: rung.columns() for rung in self.rungs})

    def encode(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows with gaps."""
        told: list[pl.Series] = []
        for rung, below in self._climb(frame, self.rungs):
            cells = frame[rung.axis.name]
            told += rung.encode(cells, rung.signed(cells), below)
        return frame.with_columns(told).drop([rung.axis.name for rung in self.rungs])

    def decode(self, frame: pl.DataFrame, rng: Generator) -> pl.DataFrame:
        """Rows that ascend."""
        turn, places = 0, pl.Series()
        for rung in self.rungs:
            if rung.up != turn:
                axis = self._axis(rung.before)
                turn, places = rung.up, turned(_finite(axis.read(frame[axis.name])), rung.up)
            frame = frame.with_columns(rung.decode(frame, places))
            here = _finite(rung.signed(frame[rung.axis.name]))
            places = here.zip_with(here.is_not_null(), places)
        extra = [name for rung in self.rungs for name in rung.columns()]
        return frame.drop(extra)

    def translate(self, condition: Condition) -> tuple[Condition, ...] | None:
        """What a rung's value says of the column that stays: it lies on the near side of it."""
        rung = next((r for r in self.rungs if r.axis.name == condition.column), None)
        anchor = self.axes[self.anchor]
        if rung is None or not _never_null(anchor) or anchor.column.storage == "String":
            return None
        if rung.axis.column.storage != anchor.column.storage:
            return None
        low, high = condition.low, condition.high
        if condition.values is not None:
            if None in condition.values or not condition.values:
                return None
            low, high = min(condition.values), max(condition.values)
        if rung.up > 0 and high is not None:
            return (Condition(anchor.name, high=high, high_open=self.strict),)
        if rung.up < 0 and low is not None:
            return (Condition(anchor.name, low=low, low_open=self.strict),)
        return None

    def stands_for(self, column: str) -> tuple[str, ...]:
        """A rung is told by the column that stays and the gaps up to it."""
        if column == self.name or not self.rungs:
            return (column,)
        own = next(rung for rung in self.rungs if rung.axis.name == column)
        way = [rung for rung in self.rungs if rung.up == own.up]
        told = way[: way.index(own) + 1]
        return (self.name, *(name for rung in told for name in rung.columns()))

    def facts(self) -> dict[str, Any]:
        """The anchor, how exact the columns are, and of each rung what it keeps."""
        if not self.rungs:
            return {"whole": self.axes[0].whole, "steps": [axis.step for axis in self.axes]}
        rungs = [
            {
                "alone": rung.alone is not None,
                "missing": rung.missing,
                "never_missing": rung.never_missing,
                "special": list(rung.special),
            }
            for rung in self.rungs
        ]
        return {
            "whole": self.axes[0].whole,
            "steps": [axis.step for axis in self.axes],
            "anchor": self.anchor,
            "rungs": rungs,
            "others": [other.facts() for other in self.others],
        }

    @classmethod
    def restore(
        cls,
        constraint: Constraint,
        axes: tuple[Axis, ...],
        strict: bool,
        columns: Columns,
        facts: Mapping[str, Any],
    ) -> Self:
        """The inverse of `facts`."""
        if not facts["whole"]:
            axes = tuple(replace(axis, decimals=None, step=1) for axis in axes)
        exact = tuple(replace(a, step=s) for a, s in zip(axes, facts["steps"], strict=True))
        bare = cls(constraint, exact, strict)
        if "rungs" not in facts:
            return bare
        rungs = bare._bare_rungs(facts["anchor"], columns, [False] * len(exact))
        known = [
            replace(
                rung,
                alone=rung.alone if kept["alone"] else None,
                missing=kept["missing"],
                never_missing=kept["never_missing"],
                special=tuple(kept["special"]),
            )
            for rung, kept in zip(rungs, facts["rungs"], strict=True)
        ]
        others = tuple(
            cls.restore(constraint, axes, strict, columns, other) for other in facts["others"]
        )
        return replace(bare, anchor=facts["anchor"], rungs=tuple(known), others=others)


def fresh(name: str, columns: Columns) -> str:
    """A name that no column has."""
    while name in columns:
        name += "'"
    return name


def turned(places: pl.Series, up: int) -> pl.Series:
    """Places on an axis seen from its other end, where `up` is −1."""
    if up > 0:
        return places
    return times(places, -1) if places.dtype == pl.Int128 else -places


def _capped(here: pl.Series, first: pl.Series, most: int) -> pl.Series:
    """Places no further than `most`, but no nearer than the first one that is allowed."""
    beyond = (here > most).fill_null(False)
    if not beyond.any():
        return here
    edge = first.clip(most, None)
    return here.zip_with(~beyond, edge)


def _where(known: pl.Series, cells: pl.Series) -> pl.Series:
    """The cells where known, and missing ones elsewhere."""
    return cells.zip_with(known, pl.Series([None], dtype=cells.dtype))


def _finite(places: pl.Series) -> pl.Series:
    """The places that others can be measured from."""
    if places.dtype == pl.Int128:
        return _where(((places < FAR) & (places > -FAR)).fill_null(False), places)
    return _where(places.is_finite().fill_null(False), places)


def _never_missing(axis: Axis, frame: pl.DataFrame) -> bool:
    return not axis.column.nullable and axis.read(frame[axis.name]).null_count() == 0


def _never_null(axis: Axis) -> bool:
    return not axis.column.nullable


def _special(here: pl.Series, below: pl.Series, protect: int) -> tuple[int | float, ...]:
    """Values far more frequent than their neighbours, above values which differ.

    Their gaps differ as well, and would not add up to the very value again.
    """
    seen = pl.DataFrame({"here": _finite(here), "below": below}).drop_nulls()
    least = max(protect, _SPECIAL_SHARE * here.len(), 1)
    around = pl.col("rows").rolling_median(_NEIGHBOURS, center=True, min_samples=1)
    counted = (
        seen.group_by("here", "below")
        .agg(pair=pl.len())
        .group_by("here")
        .agg(rows=pl.col("pair").sum(), most=pl.col("pair").max())
        .sort("here")
        .filter(pl.col("rows") > _STANDS_OUT * around, pl.col("rows") >= least)
        .filter(pl.col("most") * 2 < pl.col("rows"))
        .sort("rows", "here", descending=True)
    )
    return tuple(counted["here"].head(_MOST_SPECIAL).to_list())
