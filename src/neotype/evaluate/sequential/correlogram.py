"""Does a row go with those before it as in the real data?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Sides
from neotype.evaluate.fidelity.seasons import few
from neotype.evaluate.interval import GROUPS, around, redraw, spread
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.sequential.apart import weights
from neotype.evaluate.sequential.strands import (
    SequenceMeasure,
    Strands,
    calm,
    quantities,
    sequences,
)
from neotype.evaluate.tables import Spread, mean

PAIRS = 30
"""Pairs of rows that an autocorrelation needs on each side."""

SECOND, DAY = 1.0, 86_400.0
SEASONS: Sequence[tuple[float, tuple[int, ...]]] = (
    (60 * SECOND, (60, 1440)),
    (900 * SECOND, (4, 96, 672)),
    (1800 * SECOND, (48, 336)),
    (3600 * SECOND, (24, 168)),
    (DAY, (7, 30, 365)),
    (7 * DAY, (4, 52)),
    (30.4 * DAY, (12,)),
    (91.3 * DAY, (4,)),
)
"""Steps of time in which rows follow each other, and the lags at which a season may return."""


class Curves(NamedTuple):
    """Autocorrelations of a column at some lags, of each side and bootstrapped: (…, lags)."""

    lags: tuple[int, ...]
    sides: Sides[Floats]
    drawn: Sides[Floats]

    @property
    def off(self) -> Spread:
        """The mean absolute error over the lags."""
        return Spread(
            value=float(np.abs(self.sides.synthetic - self.sides.train).mean()),
            drawn=np.abs(self.drawn.synthetic - self.drawn.train).mean(axis=-1),
            floor=float(np.abs(self.sides.holdout - self.sides.train).mean()),
        )


@dataclass(frozen=True)
class Autocorrelation(SequenceMeasure):
    """How far autocorrelations are off those of train, of values and of how much they move.

    Of values about the owner's mean at lags 1 .. `lags` and at those of a season, and of absolute
    differences (volatility that comes in clusters) at lags 1 .. `lags`. `detail.curves`: [{column,
    of: "values" | "changes", lags: [int], value, floor, synthetic: [r], train: [r], holdout: [r]}],
    those most off first.
    """

    lags: int = 6
    most_columns: int = 20

    name: ClassVar[str] = "autocorrelation"
    title: ClassVar[str] = "Autocorrelation"
    how: ClassVar[str] = (
        "The correlation of a quantity with itself some rows before, within owners: values about "
        "their owner's mean, and absolute changes from row to row; the mean absolute error against "
        "train over columns and lags, seasonal ones included."
    )
    reference: ClassVar[str] = "Box and Jenkins 1970, Time series analysis; Wiese et al. 2020"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.04

    def look(self, tables: Comparison) -> Finding:
        """Compare correlograms."""
        found = sequences(tables)
        rng = tables.rng.child(self.name)
        chosen, notes = few(quantities(tables, found), self.most_columns, "columns", rng)
        season = seasons(found.whole.train)
        lags = tuple(sorted({*range(1, self.lags + 1), *season}))
        pairs = {lag: Sides(*(one.pairs(lag) for one in found.sample)) for lag in lags}
        lags = tuple(lag for lag in lags if min(map(len, pairs[lag])) >= PAIRS)
        if not lags:
            raise NotMeasurableError(f"fewer than {PAIRS} rows follow another one of their owner.")
        drawn = weights(rng)
        curves: dict[tuple[str, str], Curves] = {}
        for item in chosen:
            ordered = Sides(*(c[s.rows] for c, s in zip(calm(item), found.sample, strict=True)))
            centred = Sides(
                *(about(c, s, found.owned) for c, s in zip(ordered, found.sample, strict=True))
            )
            moves = Sides(*(changes(c, s) for c, s in zip(ordered, found.sample, strict=True)))
            near = tuple(lag for lag in lags if lag <= self.lags)
            for of, cells, asked in (("values", centred, lags), ("changes", moves, near)):
                here = Sides(
                    *(
                        np.stack([products(c, pairs[lag][k], lag, g) for lag in asked], axis=1)
                        for k, (c, g) in enumerate(zip(cells, found.groups, strict=True))
                    )
                )
                if float(here.train[..., 2].sum()) > 1e-9:
                    curves[item.name, of] = _curves(asked, here, drawn)
        if not curves:
            raise NotMeasurableError("no quantity changes within its owner.")
        return _finding(curves, {**found.detail, "notes": [*found.notes, *notes], "season": season})


def _curves(lags: tuple[int, ...], sums: Sides[Floats], drawn: Sides[Floats]) -> Curves:
    return Curves(
        lags,
        Sides(*(ratio(side.sum(axis=0)) for side in sums)),
        Sides(*(ratio(redraw(w, side)) for w, side in zip(drawn, sums, strict=True))),
    )


def _finding(curves: dict[tuple[str, str], Curves], detail: dict[str, Any]) -> Finding:
    off = {key: one.off for key, one in curves.items()}
    whole = mean(list(off.values()))
    ranked = sorted(off, key=lambda key: off[key].floor - off[key].value)
    (name, of), worst = ranked[0], curves[ranked[0]]
    at = int(np.argmax(np.abs(worst.sides.synthetic - worst.sides.train)))
    what = f"'{name}'" if of == "values" else f"the changes of '{name}'"
    return Finding(
        value=whole.value,
        interval=around(whole.value, spread(whole.drawn), high=2.0),
        floor=whole.floor,
        target=whole.floor + 0.02,
        meaning=(
            f"Autocorrelations are off by {whole.value:.3f} on average (real unseen rows: "
            f"{whole.floor:.3f}); most for {what}: {worst.sides.synthetic[at]:.2f} in place of "
            f"{worst.sides.train[at]:.2f} with {worst.lags[at]} rows before."
        ),
        detail={
            "curves": [
                {
                    "column": key[0],
                    "of": key[1],
                    "lags": curves[key].lags,
                    "value": off[key].value,
                    "floor": off[key].floor,
                    **curves[key].sides._asdict(),
                }
                for key in ranked
            ],
            **detail,
        },
    )


def about(cells: Floats, strands: Strands, owned: bool) -> Floats:
    """Values about the mean of their owner; of one long series, about the mean of all."""
    known = ~np.isnan(cells)
    if not owned:
        return cells - (cells[known].mean() if known.any() else 0.0)
    many = len(strands.lengths)
    rows = np.bincount(strands.strand[known], minlength=many)
    total = np.bincount(strands.strand[known], cells[known], many)
    return np.asarray(cells - (total / np.maximum(rows, 1))[strands.strand])


def changes(cells: Floats, strands: Strands) -> Floats:
    """Absolute changes from the row before, about their mean; NaN for the first of an owner."""
    out = np.full(len(cells), np.nan)
    here = strands.pairs(1)
    out[here + 1] = np.abs(cells[here + 1] - cells[here])
    known = ~np.isnan(out)
    return out - (out[known].mean() if known.any() else 0.0)


def products(cells: Floats, here: Ints, lag: int, groups: Ints) -> Floats:
    """Sums by bootstrap group, (GROUPS, 4): products and pairs at the lag, squares and cells.

    Squares are those of the cells in pairs, so that owners too short for the lag do not count.
    """
    first, second = cells[here], cells[here + lag]
    known = ~np.isnan(first) & ~np.isnan(second)
    first, second, group = first[known], second[known], groups[here][known]
    parts = (first * second, (first**2 + second**2) / 2)
    sums = [np.bincount(group, part, GROUPS) for part in parts]
    rows = np.bincount(group, minlength=GROUPS).astype(np.float64)
    return np.stack([sums[0], rows, sums[1], rows], axis=1)


def ratio(sums: Floats) -> Floats:
    """Autocorrelations from sums of products and squares; 0 where nothing varies."""
    return np.asarray(
        np.where(sums[..., 2] > 1e-12, sums[..., 0] / np.maximum(sums[..., 2], 1e-12), 0.0)
    )


def seasons(strands: Strands) -> tuple[int, ...]:
    """The lags at which a season may return, as the steps of a regular series suggest.

    Times that count years in fractions return after as many steps as a year has; plain step
    numbers tell nothing, and common seasons are tried.
    """
    gaps = strands.gaps
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return ()
    step = float(np.median(gaps))
    if np.mean(np.abs(gaps / step - 1) <= 0.2) < 0.8:
        return ()
    longest = int(strands.lengths.max())
    near = [lags for size, lags in SEASONS if abs(step / size - 1) < 0.05]
    inverse = round(1 / step) if step < 0.6 else 0
    if near:
        found = near[0]
    elif inverse > 1 and abs(inverse * step - 1) < 0.02:
        found = (inverse,)
    else:
        found = (7, 12, 24) if step == 1 else ()
    return tuple(lag for lag in found if 2 * lag < longest)
