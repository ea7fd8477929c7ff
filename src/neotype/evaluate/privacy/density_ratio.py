"""Is the synthetic table denser around rows that were learnt than real rows would make it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats
from neotype.evaluate.interval import clopper_pearson
from neotype.evaluate.metric import Axis, Better, Finding, Measure
from neotype.evaluate.neighbors import Neighborhood, Points
from neotype.evaluate.privacy.distance import measured
from neotype.evaluate.privacy.membership import alike, attacked, caught

BLUR = 0.01
"""Added to distances, in whole differences: of two copies, the one in the emptier place leads."""


@dataclass(frozen=True)
class DensityRatioMIA(Measure):
    """Membership inference by local overfitting: the AUC of the attack (0.5 = guessing).

    A row is taken for a member where synthetic rows are denser than real ones: by
    log p_synthetic(x) − log p_real(x) (van Breugel et al. 2023, DOMIAS). Both densities are those
    of the nearest neighbour (Loftsgaarden and Quesenberry 1965), the sharpest there is: among 1, 3
    and 5 neighbours and a boosted classifier of synthetic against real rows, it finds copies best.
    Real rows are one half of the holdout; the other half are the non-members.
    """

    name: ClassVar[str] = "mia_density_ratio"
    title: ClassVar[str] = "Membership inference (density ratio)"
    how: ClassVar[str] = (
        "An attacker who has real rows of his own guesses that a row was in the training data "
        "where synthetic rows are denser than real ones: where overfitting shows. The number is "
        "the ROC AUC of that guess. 0.5 is a coin toss."
    )
    reference: ClassVar[str] = (
        "van Breugel et al. 2023, Membership inference attacks against synthetic data through "
        "overfitting detection"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.02
    least_rows: ClassVar[int] = 100

    def look(self, tables: Comparison) -> Finding:
        """Attack rows that are no reference; a synthetic table that knows neither scores .5."""
        near = measured(tables)
        members, others = ratios(near)
        return attacked(
            members,
            others,
            floor=0.5,
            error=alike(
                tables,
                members,
                others,
                near.drawn.train[: len(members)],
                near.drawn.holdout[len(others) : 2 * len(others)],
            ),
            attacker="an attacker who compares with real rows of his own",
            notes=near.notes,
            detail={
                "reference_rows": len(near.drawn.holdout) // 2,
                "synthetic_rows": len(near.drawn.synthetic),
            },
        )


@dataclass(frozen=True)
class ExposedMIA(Measure):
    """The share of train rows that an attacker finds who may accuse 1 % of the others wrongly.

    An AUC is about the average row: a generator that copies one row in twenty moves it by .025, and
    gives those rows away with near certainty. The attack is that by density ratio; what Carlini et
    al. 2022 ask to be reported first.
    """

    alarms: float = 0.01

    name: ClassVar[str] = "mia_exposed"
    title: ClassVar[str] = "Membership of the most exposed rows"
    how: ClassVar[str] = (
        "The attack by density ratio again, with a threshold so high that at most 1% of real rows "
        "that were not used pass it. The number is the share of used rows that pass: 1% by "
        "chance, and x when a share x of them was copied."
    )
    reference: ClassVar[str] = (
        "Carlini et al. 2022, Membership inference attacks from first principles; "
        "van Breugel et al. 2023"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.01
    least_rows: ClassVar[int] = 400

    def look(self, tables: Comparison) -> Finding:
        """Count members above the threshold; chance alone finds as many as false alarms."""
        near = measured(tables)
        members, others = ratios(near)
        hits, allowed = caught(members, others, self.alarms), int(self.alarms * len(others))
        value, chance = hits / len(members), clopper_pearson(allowed, len(others))
        return Finding(
            value=value,
            interval=clopper_pearson(hits, len(members)),
            floor=allowed / len(others),
            target=chance[1] + 0.01,
            meaning=(
                f"An attacker who accuses {self.alarms:.0%} of the people that were not used finds "
                f"{value:.1%} of those that were; by chance it would be about as few, up to "
                f"{chance[1]:.1%}."
            ),
            detail={
                "found": hits,
                "members": len(members),
                "non_members": len(others),
                "false_alarms": allowed,
                "chance": chance,
                "notes": list(near.notes),
            },
        )


def ratios(near: Neighborhood) -> tuple[Floats, Floats]:
    """Log density ratios of the first half of the drawn train rows, and of the second half of the
    drawn holdout rows; the first half of the holdout is the reference.
    """
    half = len(near.drawn.holdout) // 2
    members = ratio(near.to_train.back[:half], near.control_to_train.back)
    others = ratio(near.to_holdout.back[half : 2 * half], near.control_to_holdout.back)
    return members, others


def ratio(to_synthetic: Points, to_real: Points) -> Floats:
    """The log density ratio, up to a constant, of distances to the nearest neighbours."""
    return np.asarray(
        np.log(to_real.astype(np.float64) + BLUR) - np.log(to_synthetic.astype(np.float64) + BLUR)
    )
