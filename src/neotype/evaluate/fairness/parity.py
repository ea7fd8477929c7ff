"""Do groups have the good outcome as often, one beside the other, as in the real data?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fairness.groups import (
    Partition,
    folded,
    partitions,
    small_notes,
    surest,
    too_few,
)
from neotype.evaluate.fairness.outcome import Outcome, Rates, duel, large
from neotype.evaluate.features import Ints, Sides
from neotype.evaluate.interval import resample, spread
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter


@dataclass(frozen=True)
class Change:
    """How a gap between groups differs between two sources: the gaps, and the error of that."""

    part: Partition
    kept: Ints
    gaps: tuple[float, float]
    error: float

    @classmethod
    def of(cls, part: Partition, one: Rates, other: Rates) -> Change | None:
        """The change of the gap in rates; None where fewer than two groups are large enough."""
        kept = large(one, other)
        if len(kept) < 2:
            return None
        (first, drawn), (second, others) = one.gap(kept), other.gap(kept)
        return cls(part, kept, (first, second), spread(drawn - others))

    @property
    def difference(self) -> float:
        """The first gap less the second."""
        return self.gaps[0] - self.gaps[1]


def most_changed(changes: Sequence[Change]) -> tuple[Change, float]:
    """The column whose gap most surely differs, and the half width of its interval."""
    far = np.array([abs(change.difference) for change in changes])
    place, half = surest(far, np.array([change.error for change in changes]))
    return changes[place], half


@dataclass(frozen=True)
class DemographicParity(Measure):
    """How much the synthetic table changes the gap between groups in the rate of the good outcome.

    The gap is the demographic parity difference: the highest rate of a group less the lowest. The
    value is |gap in synthetic rows − gap in train rows| of the sensitive column where they most
    surely differ.
    """

    sensitive: tuple[str, ...] = ()
    target: str | None = None

    name: ClassVar[str] = "demographic_parity"
    title: ClassVar[str] = "Demographic parity as in the real data"
    how: ClassVar[str] = (
        "The gap between the groups with the highest and the lowest rate of the positive outcome, "
        "in synthetic and in real rows; the number is how far the two gaps are apart."
    )
    reference: ClassVar[str] = (
        "Dwork et al. 2012, Fairness through awareness; Calders et al. 2009, Building classifiers "
        "with independency constraints"
    )
    axis: ClassVar[Axis] = "fairness"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.02
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Gaps in the rows themselves; those in the answers of models stand in the detail."""
        found, notes = partitions(tables, self.sensitive, self.target)
        outcome = Outcome.of(tables, self.target)
        counter = Counter.of(tables, self.name)
        rates = {part.name: _rates(part, outcome, counter, tables.sample) for part in found}
        changes = _changes(found, rates, "synthetic")
        if not changes:
            raise too_few(found)
        worst, half = most_changed(changes)
        held = _changes(found, rates, "holdout")
        floor = abs(most_changed(held)[0].difference) if held else None
        made, real = worst.gaps
        low, high = _ends(worst, rates[worst.part.name].train)
        return Finding(
            value=abs(worst.difference),
            interval=folded(worst.difference, half),
            floor=floor,
            target=0.02,
            meaning=(
                f"Between groups of '{worst.part.name}', the share of rows with {outcome.words} "
                f"differs by up to {100 * real:.1f} points in the real data ('{high}' have it "
                f"most, '{low}' least) and by up to {100 * made:.1f} points in the synthetic."
            ),
            detail={
                "positive": outcome.words,
                "columns": {p.name: _shown(p, rates[p.name], changes) for p in found},
                "predictions": self._predicted(tables, found, outcome),
                "rows": {side: len(rows) for side, rows in tables.sample._asdict().items()},
                "notes": [*notes, *small_notes(found)],
            },
        )

    def _predicted(
        self, tables: Comparison, found: Sequence[Partition], outcome: Outcome
    ) -> dict[str, Any]:
        """The gaps in what models answer for holdout rows, by what they learnt from."""
        try:
            fought = duel(tables, outcome)
        except NotMeasurableError as reason:
            return {"reason": reason.problem}
        weights = resample(tables.rng.child(self.name).child("draws").generator())
        told = {}
        for part in found:
            both = {
                side: Rates.of(
                    part.codes.holdout[fought.asked],
                    len(part.labels),
                    outcome.chosen(getattr(fought, side)),
                    tables.groups.holdout[fought.asked],
                    weights,
                )
                for side in ("synthetic", "real")
            }
            change = Change.of(part, both["synthetic"], both["real"])
            if change is not None:
                told[part.name] = {
                    "gap": dict(zip(both, change.gaps, strict=True)),
                    "change": abs(change.difference),
                    "interval": folded(change.difference, 1.96 * change.error),
                    "groups": _listed(part, change.kept, both),
                }
        return told


def _rates(part: Partition, outcome: Outcome, counter: Counter, rows: Sides[Ints]) -> Sides[Rates]:
    return Sides(
        *(
            Rates.of(codes[here], len(part.labels), positive[here], groups, weights)
            for codes, positive, here, groups, weights in zip(
                part.codes, outcome.sides, rows, counter.groups, counter.weights, strict=True
            )
        )
    )


def _changes(
    found: Sequence[Partition], rates: Mapping[str, Sides[Rates]], side: str
) -> list[Change]:
    """The change from train to this side, of every column that has groups to compare."""
    pairs = (
        Change.of(part, getattr(rates[part.name], side), rates[part.name].train) for part in found
    )
    return [change for change in pairs if change is not None]


def _ends(change: Change, rates: Rates) -> tuple[str, str]:
    """The groups with the lowest and the highest rate."""
    order = change.kept[np.argsort(rates.plain[change.kept], kind="stable")]
    return change.part.labels[order[0]], change.part.labels[order[-1]]


def _shown(part: Partition, rates: Sides[Rates], changes: Sequence[Change]) -> dict[str, Any]:
    mine = [change for change in changes if change.part is part]
    told: dict[str, Any] = {"too_small": part.small}
    for change in mine:
        told["gap"] = dict(zip(("synthetic", "real"), change.gaps, strict=True))
        told["groups"] = _listed(part, change.kept, rates._asdict())
        told["too_small"] = part.small + len(part.labels) - len(change.kept)
    return told


def _listed(part: Partition, kept: Ints, rates: Mapping[str, Rates]) -> list[dict[str, Any]]:
    """Rows and rates of the groups, by source."""
    return [
        {
            "group": part.labels[k],
            **{side: each.plain[k] for side, each in rates.items()},
            **{f"{side}_rows": int(each.rows[k]) for side, each in rates.items()},
        }
        for k in kept
    ]
