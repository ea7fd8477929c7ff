"""Can an attacker who sees only the synthetic table tell who was in train?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats
from neotype.evaluate.interval import around, auc, clopper_pearson, roc
from neotype.evaluate.metric import Axis, Better, Finding, Measure
from neotype.evaluate.privacy.distance import measured


@dataclass(frozen=True)
class NearestDistanceMIA(Measure):
    """Membership inference by nearest distance: the AUC of the attack (0.5 = guessing).

    Members are train rows, non-members equally many holdout rows; the nearer the nearest synthetic
    row, the likelier a member (Chen et al. 2020, GAN-Leaks). The rate of hits at 1 % false alarms
    says what befalls the most exposed rows (Carlini et al. 2022).
    """

    name: ClassVar[str] = "mia_distance"
    title: ClassVar[str] = "Membership inference (nearest distance)"
    how: ClassVar[str] = (
        "An attacker guesses who was in the training data by the distance to the nearest "
        "synthetic row; the number is the ROC AUC of that guess. 0.5 is a coin toss."
    )
    reference: ClassVar[str] = (
        "Chen et al. 2020, GAN-Leaks; Carlini et al. 2022 (rates at few false alarms)"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.02
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Attack train and holdout; the floor attacks with half of the holdout as synthetic."""
        near = measured(tables)
        members, others = -near.to_train.back.astype(float), -near.to_holdout.back.astype(float)
        value, error = auc(members, others)
        floor, spread = auc(
            -near.control_to_train.back.astype(float), -near.control_to_holdout.back.astype(float)
        )
        hits = caught(members, others, 0.01)
        rate = hits / len(members)
        return Finding(
            value=value,
            interval=around(value, error),
            floor=floor,
            target=0.52,
            meaning=(
                f"Given one row that was used and one that was not, an attacker picks the used one "
                f"{value:.1%} of the time (50% is guessing); allowed 1% false alarms, he finds "
                f"{rate:.1%} of the rows that were used (1% is guessing)."
            ),
            detail={
                "roc": roc(members, others),
                "tpr_at_1pct_fpr": rate,
                "interval": clopper_pearson(hits, len(members)),
                "floor_interval": around(floor, spread),
                "members": len(members),
                "non_members": len(others),
                "synthetic_rows": near.rows.synthetic,
                "notes": list(near.notes),
            },
        )


def caught(members: Floats, others: Floats, alarms: float) -> int:
    """Members above the lowest threshold that at most this share of the others pass."""
    descending = np.sort(others)[::-1]
    allowed = int(np.floor(alarms * len(others)))
    threshold = descending[min(allowed, len(others) - 1)]
    return int((members > threshold).sum())
