"""Does a claimed differential privacy guarantee survive attacks on this very table?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.data import Dataset
from neotype.evaluate.asked import Claim
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError, Score
from neotype.evaluate.neighbors import Neighborhood
from neotype.evaluate.privacy.density_ratio import ratios
from neotype.evaluate.privacy.distance import measured
from neotype.evaluate.privacy.epsilon import Audit, audit, lower_bound, threshold_bound
from neotype.evaluate.privacy.shadow import Bools, Retrained, calibrated, leave_one_out

DELTA = 1e-6
"""The delta of a bound where no guarantee is claimed."""

PAIRS = 20
"""Pairs at least: five right guesses of five are the fewest that show anything at 95 %."""

STEINKE = "Steinke, Nasr and Jagielski 2023, Privacy auditing with one (1) training run"


@dataclass(frozen=True)
class EpsilonAudit(Measure):
    """The lower bound on epsilon that attacks on this one table show, at 95 % confidence.

    Train and holdout rows are paired at random: if the split was random, which row of a pair was
    learnt is a fair coin, and (epsilon, delta) bounds how often it can be guessed (Steinke, Nasr
    and Jagielski 2023). One half of the pairs chooses the score and how many guesses to risk, the
    other half counts. A pair's coin replaces one row by another, which is what a claim of that kind
    is about; for adding or removing one it is both in turn, and the bound is for either.
    """

    claim: Claim | None = None

    name: ClassVar[str] = "epsilon_audit"
    title: ClassVar[str] = "Lower bound on epsilon (attacks on this table)"
    how: ClassVar[str] = (
        "Of pairs of one training and one unseen row, attackers who see only the synthetic table "
        "guess which was used. Under a differential privacy guarantee they cannot be right too "
        "often; the number is the smallest epsilon that still explains their hits, at 95% "
        "confidence. It holds if rows were dealt to training and holdout at random."
    )
    reference: ClassVar[str] = STEINKE
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.0
    least_rows: ClassVar[int] = 100

    def blank(self, reason: str, detail: Mapping[str, Any] | None = None) -> Score:
        """A claim that could not be audited is still told."""
        claim = None if self.claim is None else asdict(self.claim)
        return super().blank(reason, {"claim": claim, **(detail or {})})

    def look(self, tables: Comparison) -> Finding:
        """Guess within pairs by distance and by density ratio; nothing found scores 0."""
        near, unit = measured(tables), self._unit(tables)
        scores = {name: paired(near, tables, name, unit) for name in ("density ratio", "distance")}
        pairs = len(scores["distance"][0])
        if pairs < PAIRS:
            raise NotMeasurableError(
                f"{pairs} pairs of a train and a holdout row, one of each entity, are too few: "
                f"a bound needs {PAIRS}."
            )
        margins = {name: members - others for name, (members, others) in scores.items()}
        half = len(margins["distance"]) // 2
        delta = DELTA if self.claim is None else self.claim.delta
        found = audit(
            {name: side[:half] for name, side in margins.items()},
            {name: side[half:] for name, side in margins.items()},
            delta,
            replaced=self.claim is None or self.claim.neighbors == "add-remove",
        )
        members, others = scores[found.score]
        rough = threshold_bound(
            (members[:half], others[:half]), (members[half:], others[half:]), delta
        )
        notes = [*near.notes, "valid if rows were dealt to train and holdout at random"]
        entity = tables.table.entity
        if unit is not None:
            notes.append(f"one row of each '{unit}': the bound is for whole entities")
        return bounded(
            found,
            self.claim,
            protects=entity is None or (self.claim is not None and self.claim.unit != "row"),
            detail={
                "pairs": len(members),
                "threshold_bound": rough,
                "notes": notes,
            },
        )

    def _unit(self, tables: Comparison) -> str | None:
        """The column that says whose each row is: rows of one owner have one coin."""
        claimed = None if self.claim is None else self.claim.unit
        return tables.table.entity or (claimed if claimed in tables.table.columns else None)


@dataclass(frozen=True)
class EpsilonAuditDeep(Retrained):
    """The lower bound on epsilon that shadow models of the recipe show, at 95 % confidence.

    In every run a coin decides for each target whether it is learnt: exactly the experiment of
    Steinke, Nasr and Jagielski 2023, for adding or removing one row, whatever the split. One half
    of the runs teaches the attacker, and how many guesses to risk; the other half counts.
    """

    claim: Claim | None = None

    name: ClassVar[str] = "epsilon_audit_deep"
    title: ClassVar[str] = "Lower bound on epsilon (shadow models)"
    how: ClassVar[str] = (
        "The recipe is learnt many times; coins decide which of the most unusual rows and planted "
        "canaries are learnt, and attackers guess the coins from synthetic rows alone. The number "
        "is the smallest epsilon that still explains their hits, at 95% confidence."
    )
    reference: ClassVar[str] = STEINKE
    tolerance: ClassVar[float] = 0.0

    def look(self, tables: Comparison) -> Finding:
        """Learn to guess on one half of the runs, guess on the other; nothing found scores 0."""
        runs = self.runs(tables)
        half = len(runs.included) // 2
        if half < 2:
            raise NotMeasurableError("a bound needs 4 shadow models: 2 to learn from, 2 to judge.")
        learn, judge = np.arange(half), np.arange(half, len(runs.included))
        # All guesses rest on the first half, whose coins are open: those of the other half are not.
        known = margins(leave_one_out(runs.some(learn)), runs.included[learn])
        tested = margins(calibrated(runs, learn, judge), runs.included[judge])
        sides = {"all targets": runs.planted | ~runs.planted, **runs.groups}
        delta = DELTA if self.claim is None else self.claim.delta
        found = audit(
            {name: known[:, chosen].ravel() for name, chosen in sides.items() if chosen.any()},
            {name: tested[:, chosen].ravel() for name, chosen in sides.items()},
            delta,
            replaced=False,
        )
        return bounded(
            found,
            self.claim,
            # A coin here adds or removes a row, of which a claim for replacing one says nothing.
            protects=self.claim is None or self.claim.neighbors == "add-remove",
            detail={"shadows": len(runs.included), "rows_learnt": runs.rows, "notes": [runs.note]},
        )


def margins(scores: Floats, included: Bools) -> Floats:
    """How sure each guess is, positive where it is right."""
    return np.where(included, scores, -scores)


def paired(
    near: Neighborhood, tables: Comparison, name: str, unit: str | None = None
) -> tuple[Floats, Floats]:
    """Scores of rows at random pairs of train and holdout; of an entity one row counts."""
    half = len(near.drawn.holdout) // 2
    if name == "distance":
        members, others = -near.to_train.back[:half], -near.to_holdout.back[half : 2 * half]
        sides = members.astype(np.float64), others.astype(np.float64)
    else:
        sides = ratios(near)
    learnt, held = near.drawn.train[:half], near.drawn.holdout[half : 2 * half]
    kept = firsts(tables.train, learnt, unit), firsts(tables.holdout, held, unit)
    most = min(len(side) for side in kept)
    return sides[0][kept[0][:most]], sides[1][kept[1][:most]]


def firsts(data: Dataset, rows: Ints, unit: str | None = None) -> Ints:
    """Positions of the first of these rows of every entity; all where rows stand for themselves."""
    owners = data.owners
    if owners is None and unit is not None:
        owners = data.frame[unit].rank("dense").fill_null(0).to_numpy().astype(np.int64)
    if owners is None:
        return np.arange(len(rows))
    return np.sort(np.unique(owners[rows], return_index=True)[1])


def bounded(
    found: Audit, claim: Claim | None, *, protects: bool, detail: Mapping[str, Any]
) -> Finding:
    """The bound beside the claim: above it, the claim is refuted.

    Without a claim, or where it does not `protect` what was audited, the bound is only shown.
    """
    bound = found.bound
    judged = claim if protects else None
    refuted = None if judged is None else bound > judged.epsilon
    return Finding(
        value=bound,
        # A one-sided bound has no other end.
        interval=(bound, bound),
        floor=0.0,
        target=None if judged is None else judged.epsilon,
        meaning=_said(bound, judged),
        detail={
            "refuted": refuted,
            "claim": None if claim is None else asdict(claim),
            "p_value": None if judged is None else found.p_value(judged.epsilon),
            "delta": found.delta,
            "confidence": 0.95,
            "score": found.score,
            "rows": found.rows,
            "guesses": found.guesses,
            "right": found.right,
            "replace_one_bound": lower_bound(found.rows, found.guesses, found.right, found.delta)
            if found.replaced
            else None,
            **detail,
        },
    )


def _said(bound: float, claim: Claim | None) -> str:
    least = f"with 95% confidence epsilon is at least {bound:.2f}"
    if claim is not None and bound > claim.epsilon:
        return f"The claimed guarantee is refuted: {least}, where {claim.epsilon:g} is claimed."
    if claim is not None:
        return (
            f"The claimed epsilon of {claim.epsilon:g} is not refuted: {least}. Attacks that find "
            f"less do not prove a claim."
        )
    if bound == 0:
        return (
            "The attacks find no leak: the lower bound on epsilon is 0 with 95% confidence. "
            "Stronger attacks may find more."
        )
    return (
        f"The attacks find a leak: {least}. No differential privacy is claimed for this table, and "
        f"none with a smaller epsilon could be."
    )
