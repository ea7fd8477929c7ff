"""How many rows do owners have, and how far apart are they?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Sides
from neotype.evaluate.interval import GROUPS, around, spread
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.sequential.apart import earth_mover, histogram, kolmogorov, weights
from neotype.evaluate.sequential.strands import SequenceMeasure, Sequences, sequences
from neotype.evaluate.tables import Spread, mean
from neotype.rng import Rng

OWNERS = 10
"""Owners that each side needs."""


@dataclass(frozen=True)
class GapMeasure(SequenceMeasure):
    """The largest gap between two distributions, or the mean of several such."""

    reference: ClassVar[str] = "Smirnov 1948, Table for estimating the goodness of fit"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.06

    def finding(self, apart: Spread, meaning: str, detail: Mapping[str, Any]) -> Finding:
        """Good lies where real unseen owners are."""
        return Finding(
            value=apart.value,
            interval=around(apart.value, spread(apart.drawn)),
            floor=apart.floor,
            target=max(0.06, apart.floor + 0.02),
            meaning=meaning,
            detail=detail,
        )


@dataclass(frozen=True)
class SequenceLengths(GapMeasure):
    """How alike the numbers of rows per owner are distributed: 0 is the same.

    `detail`: `histogram` {upto: [largest length of each bin], shares: {side: [share]}}, `means` of
    each side, `wasserstein` in means of train.
    """

    name: ClassVar[str] = "sequence_lengths"
    title: ClassVar[str] = "Rows per owner"
    how: ClassVar[str] = (
        "The largest gap (Kolmogorov-Smirnov) between the distributions of the number of rows per "
        "owner, of equally many synthetic and holdout owners against those of train."
    )

    def look(self, tables: Comparison) -> Finding:
        """Compare the lengths of owners."""
        found = sequences(tables)
        rng = tables.rng.child(self.name)
        lengths = owners(found, "the length of a sequence")
        values = some(Sides(*(side.astype(np.float64) for side in lengths)), rng)
        apart = kolmogorov(values, dealt(values, rng), weights(rng))
        means = {side: float(one.mean()) for side, one in values._asdict().items()}
        return self.finding(
            apart,
            meaning=(
                f"A synthetic owner has {means['synthetic']:.4g} rows on average, a real one "
                f"{means['train']:.4g}; the distributions are {apart.value:.3f} apart (real "
                f"unseen owners: {apart.floor:.3f})."
            ),
            detail={
                "histogram": histogram(values),
                "means": means,
                "wasserstein": earth_mover(values.synthetic, values.train),
                "owners": {side: len(one) for side, one in values._asdict().items()},
                "notes": found.notes,
            },
        )


@dataclass(frozen=True)
class InterEventTimes(GapMeasure):
    """How alike times are spaced: gaps, and where an owner's rows begin and end.

    `detail`: `parts` {gap | first | last: {value, floor, wasserstein, histogram}}; first and last
    are told as shares of the time that train spans, gaps in seconds or steps.
    """

    name: ClassVar[str] = "inter_event_times"
    title: ClassVar[str] = "Time between rows"
    how: ClassVar[str] = (
        "The largest gap (Kolmogorov-Smirnov) between the distributions of the time from one row "
        "of an owner to the next, of its first time and of its last (where observation is cut "
        "off), against train; the mean of these."
    )

    def look(self, tables: Comparison) -> Finding:
        """Compare gaps and ends."""
        found = sequences(tables)
        rng = tables.rng.child(self.name)
        drawn = weights(rng)
        times, parts = {}, {}
        gaps = Sides(*(one.gaps for one in found.sample))
        if all(map(len, gaps)):
            groups = Sides(
                *(
                    group[one.pairs(1)]
                    for group, one in zip(found.groups, found.sample, strict=True)
                )
            )
            times["gap"], parts["gap"] = gaps, kolmogorov(gaps, groups, drawn)
        if found.owned:
            for part, values in ends(found).items():
                chosen = some(values, rng.child(part))
                times[part] = chosen
                parts[part] = kolmogorov(chosen, dealt(chosen, rng.child(part)), drawn)
        if not parts:
            raise NotMeasurableError("no row follows another one.")
        whole = mean(list(parts.values()))
        worst = max(parts, key=lambda part: parts[part].value - parts[part].floor)
        words = {"gap": "time to the next row", "first": "first time", "last": "last time"}
        return self.finding(
            whole,
            meaning=(
                f"Times are {whole.value:.3f} apart from those of the real data (real unseen rows: "
                f"{whole.floor:.3f}); furthest off is the {words[worst]} with "
                f"{parts[worst].value:.3f}."
            ),
            detail={"parts": _told(times, parts), **found.detail},
        )


def _told(times: dict[str, Sides[Floats]], parts: dict[str, Spread]) -> dict[str, Any]:
    return {
        part: {
            "value": one.value,
            "floor": one.floor,
            "wasserstein": earth_mover(times[part].synthetic, times[part].train),
            "histogram": histogram(times[part]),
        }
        for part, one in parts.items()
    }


def ends(found: Sequences) -> dict[str, Sides[Floats]]:
    """The first and the last time of every owner, as shares of what train spans."""
    seen = found.whole.train.times
    low, span = float(seen.min()), float(seen.max() - seen.min()) or 1.0
    return {
        "first": Sides(*((one.times[one.starts[:-1]] - low) / span for one in found.whole)),
        "last": Sides(*((one.times[one.starts[1:] - 1] - low) / span for one in found.whole)),
    }


def owners(found: Sequences, what: str) -> Sides[Ints]:
    """The number of rows of each owner; NotMeasurableError where there are no or few owners."""
    if not found.owned:
        raise NotMeasurableError(f"the schema names no owner of rows (entity), who has {what}.")
    few = min(found.whole._asdict().items(), key=lambda item: len(item[1].lengths))
    if len(few[1].lengths) < OWNERS:
        raise NotMeasurableError(
            f"the {few[0]} table has {len(few[1].lengths)} owners, and this measure needs {OWNERS}."
        )
    return Sides(*(one.lengths for one in found.whole))


def some(values: Sides[Floats], rng: Rng) -> Sides[Floats]:
    """Equally many of synthetic and of holdout: fewer look more different by chance alone."""
    equal = min(len(values.synthetic), len(values.holdout))
    wanted = Sides(equal, len(values.train), equal)
    return Sides(
        *(
            one[rng.child(f"owners of {side}").generator().permutation(len(one))[:many]]
            for (side, one), many in zip(values._asdict().items(), wanted, strict=True)
        )
    )


def dealt(values: Sides[Floats], rng: Rng) -> Sides[Ints]:
    """A bootstrap group for each owner."""
    return Sides(
        *(
            rng.child(f"groups of {side}").generator().permutation(len(one)) % GROUPS
            for side, one in values._asdict().items()
        )
    )
