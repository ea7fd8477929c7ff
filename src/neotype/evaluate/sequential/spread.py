"""Do owners differ from each other as much as real ones do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Numbers, Sides
from neotype.evaluate.fidelity.seasons import few
from neotype.evaluate.interval import GROUPS, around, redraw, spread
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.sequential.apart import weights
from neotype.evaluate.sequential.lengths import dealt, owners
from neotype.evaluate.sequential.strands import (
    SequenceMeasure,
    Sequences,
    Strands,
    calm,
    quantities,
    sequences,
)
from neotype.evaluate.tables import Spread, mean


class Between(NamedTuple):
    """One column: how far deviations of owners' means are off, and the deviations themselves."""

    off: Spread
    between: Sides[float]
    within: Sides[float]


@dataclass(frozen=True)
class BetweenOwnerSpread(SequenceMeasure):
    """How far the deviation of owners' means is off that of real owners: 0 same, .1 a tenth.

    For each quantity 1 − the smaller of synthetic / train and train / synthetic deviation of the
    means of owners, the mean over columns. `detail.columns`: [{column, value, floor, between:
    {side: deviation of means}, within: {side: deviation within owners}}], in units of train's
    middle 99 %, those most off first.
    """

    most_columns: int = 40

    name: ClassVar[str] = "between_owner_spread"
    title: ClassVar[str] = "Spread between owners"
    how: ClassVar[str] = (
        "For each quantity the standard deviation of owners' means, synthetic against train: by "
        "what share the smaller of the two falls short of the larger; the mean over columns."
    )
    reference: ClassVar[str] = "after Laird and Ware 1982, Random-effects models"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.15

    def look(self, tables: Comparison) -> Finding:
        """Compare deviations of means."""
        found = sequences(tables)
        lengths = owners(found, "a mean")
        rng = tables.rng.child(self.name)
        chosen, notes = few(quantities(tables, found), self.most_columns, "columns", rng)
        groups = dealt(Sides(*(one.astype(np.float64) for one in lengths)), rng)
        drawn = weights(rng)
        columns = {item.name: _column(item, found, groups, drawn) for item in chosen}
        known = {name: one for name, one in columns.items() if one is not None}
        if not known:
            raise NotMeasurableError("no quantity differs between the owners of train.")
        return _finding(known, found, notes)


def _finding(known: dict[str, Between], found: Sequences, notes: list[str]) -> Finding:
    whole = mean([one.off for one in known.values()])
    ranked = sorted(known, key=lambda name: known[name].off.floor - known[name].off.value)
    worst = known[ranked[0]]
    return Finding(
        value=whole.value,
        interval=around(whole.value, spread(whole.drawn)),
        floor=whole.floor,
        target=max(0.1, whole.floor),
        meaning=(
            f"Owners differ from each other by {whole.value:.0%} more or less than real ones do "
            f"(real unseen owners: {whole.floor:.0%}); most in '{ranked[0]}', by "
            f"{worst.between.synthetic / worst.between.train - 1:+.0%}."
        ),
        detail={
            "columns": [
                {
                    "column": name,
                    "value": known[name].off.value,
                    "floor": known[name].off.floor,
                    "between": known[name].between._asdict(),
                    "within": known[name].within._asdict(),
                }
                for name in ranked
            ],
            **found.detail,
            "notes": [*found.notes, *notes],
        },
    )


def _column(
    item: Numbers, found: Sequences, groups: Sides[Ints], drawn: Sides[Floats]
) -> Between | None:
    sums, within = [], []
    for cells, strands, group in zip(calm(item), found.whole, groups, strict=True):
        middle, inner = means(cells[strands.rows], strands)
        known = ~np.isnan(middle)
        parts = [np.bincount(group[known], middle[known] ** k, GROUPS) for k in range(3)]
        sums.append(np.stack(parts, axis=1).astype(np.float64))
        within.append(inner)
    between = Sides(*(float(deviation(side.sum(axis=0))) for side in sums))
    if not between.train > 1e-9:
        return None
    drawn_sides = Sides(*(redraw(w, side) for w, side in zip(drawn, sums, strict=True)))
    off = Spread(
        value=float(shortfall(between.synthetic, between.train)),
        drawn=shortfall(deviation(drawn_sides.synthetic), deviation(drawn_sides.train)),
        floor=float(shortfall(between.holdout, between.train)),
    )
    return Between(off, between, Sides(*within))


def means(cells: Floats, strands: Strands) -> tuple[Floats, float]:
    """The mean of each owner, NaN where nothing is known, and the deviation within owners."""
    known = ~np.isnan(cells)
    many = len(strands.lengths)
    rows = np.bincount(strands.strand[known], minlength=many)
    total = np.bincount(strands.strand[known], cells[known], many)
    middle = np.where(rows > 0, total / np.maximum(rows, 1), np.nan)
    rest = cells[known] - middle[strands.strand[known]]
    freedom = int((rows - 1)[rows > 0].sum())
    return middle, float(np.sqrt((rest**2).sum() / freedom)) if freedom else 0.0


def deviation(sums: Floats) -> Floats:
    """The standard deviation from count, sum and sum of squares, over the last axis."""
    count = np.maximum(sums[..., 0], 1)
    middle = sums[..., 1] / count
    square = np.maximum(sums[..., 2] / count - middle**2, 0)
    return np.asarray(np.sqrt(square * count / np.maximum(count - 1, 1)))


def shortfall(left: Floats | float, right: Floats | float) -> Floats:
    """1 − the smaller over the larger; 0 where both are nothing."""
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    larger = np.maximum(left, right)
    return np.asarray(
        np.where(larger > 1e-12, 1 - np.minimum(left, right) / np.maximum(larger, 1e-12), 0.0)
    )
