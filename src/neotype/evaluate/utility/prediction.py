"""Do models trained on synthetic rows do as well on real ones as models trained on real rows?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats
from neotype.evaluate.interval import Z, around, resample, spread
from neotype.evaluate.learner import Boosted, Learner, Linear
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.task import Task, chance
from neotype.evaluate.utility.duels import TREES, Exam, duel, exam

MOST_CELLS = 800_000
"""Cells that a model of one column learns from: wide tables are read in fewer rows."""

MOST_FEATURES = 4_000
"""Features that the models of all columns see together: of wide tables fewer columns are asked."""


@dataclass(frozen=True)
class TSTR(Measure):
    """Train on synthetic, test on real: how well the target is predicted (Esteban et al. 2017).

    ROC AUC for two classes, macro-F1 for more, R2 for a quantity (its RMSE in the detail). The
    floor is the same model trained on real rows, tested on the same holdout.
    """

    target: str | None = None

    name: ClassVar[str] = "tstr"
    title: ClassVar[str] = "Train on synthetic, test on real (TSTR)"
    how: ClassVar[str] = (
        "Gradient-boosted trees learn the target column from synthetic rows and are tested on real "
        "holdout rows; the same model trained on equally many real rows sets the floor."
    )
    reference: ClassVar[str] = (
        "Esteban et al. 2017, Real-valued (medical) time series generation with recurrent "
        "conditional GANs"
    )
    axis: ClassVar[Axis] = "utility"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.03
    least_rows: ClassVar[int] = 50

    learner: ClassVar[Learner] = TREES
    model: ClassVar[str] = "A model"

    def look(self, tables: Comparison) -> Finding:
        """Predict the target after learning from synthetic rows, and after real ones."""
        fought = duel(tables, self.target, self.learner)
        task = fought.task
        value, real = fought.values
        if not np.isfinite([value, real]).all():
            raise NotMeasurableError(
                f"the {task.measure} of '{self.target}' is not a number: its quantities are too "
                "large to be squared."
            )
        weights = resample(tables.rng.child("tstr").child("draws").generator())
        first, second = fought.errors(tables.groups.holdout, weights)
        low = -np.inf if task.kind == "regression" else 0.0
        luck = exam(tables, self.target).training_error(self.learner)
        detail: dict[str, Any] = {
            "target": self.target,
            "task": task.kind,
            "measure": task.measure,
            "real": real,
            "synthetic": value,
            "interval_real": around(real, float(np.hypot(spread(second), luck)), low),
            "gap_interval": around(
                value - real, float(np.hypot(spread(first - second), luck)), -np.inf, np.inf
            ),
            "training_error": luck,
            "rows_tested": len(fought.asked),
            "rows": min(exam(tables, self.target).equal, self.learner.rows),
        }
        if task.kind == "regression":
            errors = (told - fought.truth for told in (fought.synthetic, fought.real))
            told = [float(np.sqrt(np.mean(error**2))) for error in errors]
            detail["rmse"] = {"synthetic": told[0], "real": told[1]}
        return Finding(
            value=value,
            interval=around(value, float(np.hypot(spread(first), luck)), low),
            floor=real,
            target=real - 0.02,
            meaning=(
                f"{self.model} that learnt '{self.target}' from synthetic rows reaches "
                f"{task.measure} {value:.3f} on real rows; one that learnt from real rows reaches "
                f"{real:.3f}."
            ),
            detail=detail,
        )


@dataclass(frozen=True)
class TSTRLinear(TSTR):
    """Train on synthetic, test on real, by a linear model: what main effects alone teach.

    Multinomial logistic or ridge regression on standardised quantities and a flag for every
    common label. Beside `tstr` it says whether a loss lies in main effects or in interactions.
    """

    name: ClassVar[str] = "tstr_linear"
    title: ClassVar[str] = "Train on synthetic, test on real, linear model"
    how: ClassVar[str] = (
        "Logistic regression (ridge regression for a quantity) learns the target column from "
        "synthetic rows and is tested on real holdout rows; the same model trained on equally "
        "many real rows sets the floor."
    )

    learner: ClassVar[Learner] = Linear()
    model: ClassVar[str] = "A linear model"


@dataclass(frozen=True)
class TSTRAllColumns(Measure):
    """How much of what real rows teach about every column the synthetic rows teach too (1 = all).

    Each column in turn is predicted from the others by small models; the score above chance is
    divided by that of real-trained ones. Columns that real rows cannot predict are left out.
    """

    most_columns: int = 40

    name: ClassVar[str] = "tstr_all"
    title: ClassVar[str] = "Every column predicted from the others (TSTR)"
    how: ClassVar[str] = (
        "Each column in turn is predicted from all others, by a model trained on synthetic "
        "and by one trained on real rows; the mean of the share of the real one's skill that "
        "is kept."
    )
    reference: ClassVar[str] = "after Esteban et al. 2017"
    axis: ClassVar[Axis] = "utility"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.10
    least_rows: ClassVar[int] = 50

    learner: ClassVar[Boosted] = Boosted(rows=8_000, trees=30, class_trees=120, leaves=15, rate=0.2)
    least_skill: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Duel over every column, and the mean share of skill that is kept."""
        rng = tables.rng.child(self.name)
        skipped: dict[str, str] = dict(tables.left_out)
        columns: dict[str, dict[str, float | str]] = {}
        drawn = []
        weights = resample(rng.child("draws").generator())
        width = len(tables.features.names)
        learner = replace(self.learner, rows=_bounded(MOST_CELLS // max(1, width), 3_000, 8_000))
        items = list(tables.views)
        most = min(self.most_columns, _bounded(MOST_FEATURES // max(1, width), 10, len(items)))
        if most < len(items):
            order = rng.child("columns").generator().permutation(len(items))
            for k in order[most:]:
                skipped[items[k].name] = f"{most} columns were drawn at random"
            items = [items[k] for k in np.sort(order[:most])]
        for item in items:
            try:
                task = Task.of(item, most=10).ranked()
                examined = Exam.of(task, tables, learner.rows, rng.child(item.name))
            except NotMeasurableError as reason:
                skipped[item.name] = reason.problem
                continue
            fought = examined.duel(learner)
            value, real = fought.values
            base = chance(task, fought.truth)
            first, second = fought.errors(tables.groups.holdout, weights)
            if real - base < max(self.least_skill, Z * spread(second)):
                skipped[item.name] = "real rows do not predict it either"
                continue
            share = _share(np.array([value]), np.array([real]), base)
            columns[item.name] = {
                "measure": task.measure,
                "real": real,
                "synthetic": value,
                "share": float(share[0]),
            }
            drawn.append(_share(first, second, base))
        if not columns:
            raise NotMeasurableError(
                "no column can be predicted from the others, not by real rows."
            )
        shares = {name: float(found["share"]) for name, found in columns.items()}
        mean = float(np.mean(list(shares.values())))
        worst = min(shares, key=lambda name: shares[name])
        # The chance in training, and which columns there are, show in how columns differ.
        differing = spread(np.array(list(shares.values()))) / np.sqrt(len(shares))
        error = float(np.hypot(spread(np.mean(drawn, axis=0)), differing))
        return Finding(
            value=mean,
            interval=around(mean, error, high=1.25),
            floor=1.0,
            target=0.90,
            meaning=(
                f"Models that learn from synthetic rows keep {mean:.1%} of what real rows teach, "
                f"over {len(shares)} columns; least for '{worst}' with {shares[worst]:.1%}."
            ),
            detail={"columns": columns, "left_out": skipped, "rows": learner.rows},
        )


def _bounded(wanted: int, low: int, high: int) -> int:
    return max(min(low, high), min(high, wanted))


def _share(value: Floats, real: Floats, base: float) -> Floats:
    """The share of the real-trained skill above chance, from none to a quarter more than all."""
    skill = np.maximum(real - base, 1e-3)
    return np.clip((value - base) / skill, 0.0, 1.25)
