"""Can an attacker tell who was in train? Attacks that need no retraining, judged alike.

Every attack gives each row a score, the higher the likelier a member. Members are train rows,
non-members equally many holdout rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.asked import Likelihoods
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints
from neotype.evaluate.interval import around, auc, clopper_pearson, clustered_error, ranks, roc
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.privacy.distance import measured

RATES = (("1pct", 0.01), ("01pct", 0.001))
"""Shares of false alarms at which hits are counted (Carlini et al. 2022)."""


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
        floor, error = auc(
            -near.control_to_train.back.astype(float), -near.control_to_holdout.back.astype(float)
        )
        members, others = (-side.back.astype(float) for side in (near.to_train, near.to_holdout))
        return attacked(
            members,
            others,
            floor=floor,
            error=alike(tables, members, others, near.drawn.train, near.drawn.holdout),
            attacker="an attacker who looks for near synthetic rows",
            notes=near.notes,
            detail={
                "floor_interval": around(floor, error),
                "synthetic_rows": len(near.drawn.synthetic),
            },
        )


@dataclass(frozen=True)
class LikelihoodMIA(Measure):
    """Membership inference by the model's own likelihood: the AUC of the attack (0.5 = guessing).

    A white-box attack: whoever has the model asks it how likely a row is, and takes likely rows for
    members. Only the order of likelihoods counts, so that heavy tails do no harm; ties count half
    (Yeom et al. 2018; for generative models Hilprecht et al. 2019).
    """

    likelihoods: Likelihoods | None = None

    name: ClassVar[str] = "mia_likelihood"
    title: ClassVar[str] = "Membership inference (the model's likelihood)"
    how: ClassVar[str] = (
        "An attacker who holds the model itself, not only its output, guesses that rows which it "
        "finds likely were in the training data; the number is the ROC AUC of that guess."
    )
    reference: ClassVar[str] = (
        "Yeom et al. 2018, Privacy risk in machine learning; Carlini et al. 2022"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.02
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Attack equally many rows of train and of holdout; a blind attack scores one half."""
        if self.likelihoods is None:
            raise NotMeasurableError(
                "no model was given, or its family has no likelihood to ask for."
            )
        known = [np.asarray(side, np.float64) for side in self.likelihoods]
        known = [np.where(np.isnan(side), -np.inf, side) for side in known]
        sizes = [len(side) for side in known]
        equal = min(sizes)
        if not equal:
            raise NotMeasurableError("the model gave the likelihood of no row.")
        generator = tables.rng.child("rows for likelihoods").generator()
        members, others = (side[generator.permutation(len(side))[:equal]] for side in known)
        notes = [f"{equal:,} rows of either side, drawn at random"] if max(sizes) > equal else []
        notes.append("white-box: this attacker holds the model, not only its synthetic rows")
        impossible = [float(np.isneginf(side).mean()) for side in (members, others)]
        # Only the order counts, and places are numbers where likelihoods are infinite.
        places = ranks(np.concatenate([members, others]))
        return attacked(
            places[:equal],
            places[equal:],
            floor=0.5,
            attacker="an attacker who holds the model itself",
            notes=notes,
            detail={"impossible": dict(zip(("members", "non_members"), impossible, strict=True))},
        )


def alike(tables: Comparison, members: Floats, others: Floats, learnt: Ints, held: Ints) -> float:
    """The standard error of the AUC of these train and holdout rows that their entities explain."""
    owners = tables.train.owners, tables.holdout.owners
    if owners[0] is None or owners[1] is None:
        return 0.0
    return clustered_error(members, others, (owners[0][learnt], owners[1][held]))


def attacked(
    members: Floats,
    others: Floats,
    *,
    floor: float,
    attacker: str,
    target: float = 0.52,
    error: float = 0.0,
    notes: Sequence[str] = (),
    detail: Mapping[str, Any],
) -> Finding:
    """What every membership attack found, from the scores of members and of non-members.

    AUC with DeLong's interval (not narrower than a known standard `error`), and the share of
    members found at 1 % and at 0.1 % false alarms, each with its Clopper-Pearson interval.
    """
    value, delong = auc(members, others)
    rates = found(members, others)
    low, rare = rates["tpr_at_1pct_fpr"], rates["tpr_at_01pct_fpr"]
    said = list(notes)
    if len(others) < 1000:
        said.append(
            f"{len(others):,} non-members are too few for 0.1% false alarms: the threshold lies "
            "above all of them"
        )
    return Finding(
        value=value,
        interval=around(value, max(delong, error)),
        floor=floor,
        target=target,
        meaning=(
            f"Given one row that was used and one that was not, {attacker} picks the used one "
            f"{value:.1%} of the time (50% is guessing); allowed 1% false alarms, he finds "
            f"{low:.1%} of the rows that were used, and {rare:.2%} when allowed 0.1%."
        ),
        detail={
            "roc": roc(members, others),
            **rates,
            "interval": rates["tpr_at_1pct_fpr_interval"],
            "members": len(members),
            "non_members": len(others),
            **detail,
            "notes": said,
        },
    )


def found(members: Floats, others: Floats) -> dict[str, Any]:
    """The shares of members found at few false alarms, with exact 95 % intervals."""
    out: dict[str, Any] = {}
    for name, alarms in RATES:
        hits = caught(members, others, alarms)
        out[f"tpr_at_{name}_fpr"] = hits / max(1, len(members))
        out[f"tpr_at_{name}_fpr_interval"] = clopper_pearson(hits, len(members))
    return out


def caught(members: Floats, others: Floats, alarms: float) -> int:
    """Members above the lowest threshold that at most this share of the others pass."""
    descending = np.sort(others)[::-1]
    allowed = int(np.floor(alarms * len(others)))
    threshold = descending[min(allowed, len(others) - 1)]
    return int((members > threshold).sum())
