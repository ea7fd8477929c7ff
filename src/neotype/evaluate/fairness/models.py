"""Do models that learn from the synthetic table treat groups as those that learn from real rows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fairness.groups import FEWEST, Partition, partitions, small_notes, surest
from neotype.evaluate.fairness.outcome import Outcome, Rates, duel, large, unlike
from neotype.evaluate.features import Floats, Ints
from neotype.evaluate.interval import auc, redraw, resample, spread, tally
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.task import Task
from neotype.evaluate.utility.duels import Duel, drawn, scored

EITHER = 10
"""A class with fewer rows in a group is not scored there."""


@dataclass(frozen=True)
class EqualisedOdds(Measure):
    """The equalised odds difference of a model trained on synthetic rows, on real holdout rows.

    The larger of two gaps between groups: of the true positive rate and of the false positive
    rate. The floor is that of the model trained on real rows, and the value should be near it: the
    column is shown where the two most surely differ.
    """

    sensitive: tuple[str, ...] = ()
    target: str | None = None

    name: ClassVar[str] = "equalised_odds"
    title: ClassVar[str] = "Equalised odds as with real rows"
    how: ClassVar[str] = (
        "A model learns the target from synthetic rows and one from real rows; both answer for "
        "real holdout rows. The number is the largest gap between groups in the share of true or "
        "of false positives, of the first model; the floor is that of the second."
    )
    reference: ClassVar[str] = "Hardt et al. 2016, Equality of opportunity in supervised learning"
    axis: ClassVar[Axis] = "fairness"
    better: ClassVar[Better] = "near_floor"
    tolerance: ClassVar[float] = 0.05
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Gaps of both models; the interval covers their difference."""
        found, notes = partitions(tables, self.sensitive, self.target)
        outcome = Outcome.of(tables, self.target)
        fought = duel(tables, outcome)
        weights = resample(tables.rng.child(self.name).child("draws").generator())
        odds = [_Odds.of(part, outcome, fought, tables, weights) for part in found]
        known = [each for each in odds if each is not None]
        if not known:
            raise NotMeasurableError(
                f"no sensitive column has two groups with {FEWEST} positive and {FEWEST} other "
                "holdout rows."
            )
        far = np.array([abs(each.gaps[0] - each.gaps[1]) for each in known])
        place, half = surest(far, np.array([each.error for each in known]))
        worst = known[place]
        value, floor = worst.gaps
        return Finding(
            value=value,
            interval=(max(0.0, value - half), min(1.0, value + half)),
            floor=floor,
            target=floor + 0.05,
            meaning=(
                f"Between groups of '{worst.part.name}', a model that learnt from synthetic rows "
                f"differs by up to {value:.1%} in how many it rightly or wrongly calls "
                f"{outcome.words}; one that learnt from real rows differs by up to {floor:.1%}."
            ),
            detail={
                "positive": outcome.words,
                "columns": {each.part.name: each.detail for each in known},
                "rows_tested": len(fought.asked),
                "notes": [*notes, *small_notes(found)],
            },
        )


@dataclass(frozen=True)
class _Odds:
    """Equalised odds differences, synthetic-trained first, and the error of their difference."""

    part: Partition
    gaps: tuple[float, float]
    error: float
    detail: dict[str, Any]

    @classmethod
    def of(
        cls,
        part: Partition,
        outcome: Outcome,
        fought: Duel,
        tables: Comparison,
        weights: Floats,
    ) -> _Odds | None:
        truth = outcome.sides.holdout[fought.asked]
        codes, groups = part.codes.holdout[fought.asked], tables.groups.holdout[fought.asked]
        rates: dict[str, dict[str, Rates]] = {}
        for side in ("synthetic", "real"):
            told = outcome.chosen(getattr(fought, side))
            rates[side] = {
                name: Rates.of(
                    codes[truth == whose],
                    len(part.labels),
                    told[truth == whose],
                    groups[truth == whose],
                    weights,
                )
                for name, whose in (("tpr", 1), ("fpr", 0))
            }
        kept = large(rates["real"]["tpr"], rates["real"]["fpr"])
        if len(kept) < 2:
            return None
        gaps = {
            side: {name: each.gap(kept) for name, each in both.items()}
            for side, both in rates.items()
        }
        values = {s: max(gap for gap, _ in both.values()) for s, both in gaps.items()}
        errors = [spread(np.maximum(*(d for _, d in both.values()))) for both in gaps.values()]
        return cls(
            part=part,
            gaps=(values["synthetic"], values["real"]),
            error=unlike(outcome, fought, *errors),
            detail={
                "equalised_odds_difference": values,
                "errors": dict(zip(gaps, errors, strict=True)),
                "gaps": {s: {n: gap for n, (gap, _) in b.items()} for s, b in gaps.items()},
                "too_small": part.small + len(part.labels) - len(kept),
                "groups": [
                    {
                        "group": part.labels[k],
                        "positives": int(rates["real"]["tpr"].rows[k]),
                        "negatives": int(rates["real"]["fpr"].rows[k]),
                        **{
                            side: {name: each.plain[k] for name, each in both.items()}
                            for side, both in rates.items()
                        },
                    }
                    for k in kept
                ],
            },
        )


@dataclass(frozen=True)
class GroupUtility(Measure):
    """How well synthetic rows teach to predict the target for each group: the worst group.

    The value is the score of the model trained on synthetic rows, on the holdout rows of the group
    that most surely loses; the floor is the score there of the model trained on real rows.
    """

    sensitive: tuple[str, ...] = ()
    target: str | None = None

    name: ClassVar[str] = "group_utility"
    title: ClassVar[str] = "Utility for every group"
    how: ClassVar[str] = (
        "Train on synthetic, test on real, for the holdout rows of each group alone; the number "
        "is the score of the group that most surely loses against a model trained on real rows, "
        "which sets the floor."
    )
    reference: ClassVar[str] = (
        "after Esteban et al. 2017 (TSTR) and Bhanot et al. 2021, The problem of fairness in "
        "synthetic healthcare data"
    )
    axis: ClassVar[Axis] = "fairness"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.04
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Score both models by group; the interval covers their difference there."""
        found, notes = partitions(tables, self.sensitive, self.target)
        outcome = Outcome.of(tables, self.target)
        fought = duel(tables, outcome)
        weights = resample(tables.rng.child(self.name).child("draws").generator())
        columns: dict[str, list[dict[str, Any]]] = {}
        for part in found:
            told = (
                _taught(part, k, outcome, fought, tables, weights) for k in range(len(part.labels))
            )
            columns[part.name] = [each for each in told if each is not None]
        every = [(name, each) for name, groups in columns.items() for each in groups]
        if not every:
            raise NotMeasurableError("no group has enough holdout rows to be tested on.")
        loss = np.array([each["real"] - each["synthetic"] for _, each in every])
        place, half = surest(loss, np.array([each["error"] for _, each in every]))
        name, worst = every[place]
        value, floor = worst["synthetic"], worst["real"]
        measure = fought.task.measure
        return Finding(
            value=value,
            interval=(value - half, min(1.0, value + half)),
            floor=floor,
            target=floor - 0.02,
            meaning=(
                f"The group that most surely loses is {name} = '{worst['group']}': a model that "
                f"learnt from synthetic rows reaches {measure} {value:.3f} on its real rows, one "
                f"that learnt from real rows {floor:.3f}."
            ),
            detail={
                "measure": measure,
                "columns": columns,
                "rows_tested": len(fought.asked),
                "notes": [*notes, *small_notes(found)],
            },
        )


def _taught(
    part: Partition,
    group: int,
    outcome: Outcome,
    fought: Duel,
    tables: Comparison,
    weights: Floats,
) -> dict[str, Any] | None:
    """Both scores on the holdout rows of a group; None where they are too few to score."""
    rows = np.flatnonzero(part.codes.holdout[fought.asked] == group)
    truth, groups = fought.truth[rows], tables.groups.holdout[fought.asked[rows]]
    if len(rows) < FEWEST or not np.ptp(truth):
        return None
    kept = np.arange(0)
    if fought.task.kind != "regression":
        kept = np.flatnonzero(np.bincount(truth.astype(np.int64)) >= EITHER)
        if len(kept) < 2:
            return None
    both = [
        _score(fought.task, kept, truth, told[rows], groups, weights)
        for told in (fought.synthetic, fought.real)
    ]
    (made, error), (real, other) = both
    if not np.isfinite([made, real]).all():
        return None
    return {
        "group": part.labels[group],
        "rows": len(rows),
        "synthetic": made,
        "real": real,
        "error": unlike(outcome, fought, error, other),
    }


def _score(
    task: Task, kept: Ints, truth: Floats, told: Floats, groups: Ints, weights: Floats
) -> tuple[float, float]:
    """The score of answers, for classes the kept ones alone, and its standard error.

    In a group, a class of one or two rows would make a third of a mean F1 come or go.
    """
    if task.kind == "regression":
        return scored(task, truth, told), spread(drawn(task, truth, told, groups, weights))
    if task.kind == "binary":
        return auc(told[truth == 1], told[truth == 0])
    codes, named = truth.astype(np.int64), told.astype(np.int64)
    hit, size = codes == named, task.classes
    right = tally(codes[hit], size, groups[hit])[:, kept]
    every = (tally(codes, size, groups) + tally(named, size, groups))[:, kept]
    with np.errstate(invalid="ignore"):
        value = 2 * right.sum(axis=0) / every.sum(axis=0)
        others = 2 * redraw(weights, right) / redraw(weights, every)
    return float(value.mean()), spread(np.asarray(others.mean(axis=1)))
