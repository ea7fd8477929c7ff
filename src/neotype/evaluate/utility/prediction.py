"""Do models trained on synthetic rows do as well on real ones as models trained on real rows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.errors import ColumnNotFoundError
from neotype.evaluate import boosting
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Sides
from neotype.evaluate.interval import around, auc, redraw, resample, spread
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.task import Task, answer, chance, judge, tables, without
from neotype.rng import Rng


@dataclass(frozen=True)
class Duel:
    """One task answered for the holdout after learning from synthetic and from real rows."""

    task: Task
    truth: Floats
    synthetic: Floats
    real: Floats
    asked: np.ndarray

    @property
    def values(self) -> tuple[float, float]:
        """The measure of both, synthetic first."""
        if self.task.kind == "binary":
            return self._auc(self.synthetic)[0], self._auc(self.real)[0]
        alone = np.zeros(len(self.truth), np.int64)
        both = (
            judge(self.task, tables(self.task, self.truth, told, alone)[:1])
            for told in (self.synthetic, self.real)
        )
        value, real = (float(found[0]) for found in both)
        return value, real

    def _auc(self, told: Floats) -> tuple[float, float]:
        return auc(told[self.truth == 1], told[self.truth == 0])

    def errors(self, groups: np.ndarray, weights: Floats) -> tuple[Floats, Floats]:
        """Bootstrapped values of both, (draws,), with common draws of holdout rows."""
        both = (
            judge(
                self.task, redraw(weights, tables(self.task, self.truth, told, groups[self.asked]))
            )
            for told in (self.synthetic, self.real)
        )
        first, second = both
        return first, second


@dataclass(frozen=True)
class Training:
    """How both models of a duel learn: rows at most, trees, and their size."""

    rows: int
    trees: int
    class_trees: int
    leaves: int
    rate: float

    def duel(self, task: Task, comparison: Comparison, rng: Rng) -> Duel:
        """Train on equally many synthetic and train rows whose target is known."""
        shown = comparison.features
        kept, categorical = without(shown, task.column)
        if not len(kept):
            raise NotMeasurableError(f"there is no other column to predict '{task.column}' from.")
        known = Sides(*(np.flatnonzero(~np.isnan(side)) for side in task.truth))
        if not len(known.holdout) or len(np.unique(task.truth.holdout[known.holdout])) < 2:
            raise NotMeasurableError(f"'{task.column}' has fewer than two values in the holdout.")
        if not len(known.synthetic):
            raise NotMeasurableError(f"'{task.column}' is empty in the synthetic table.")
        equal = min(len(known.synthetic), len(known.train), self.rows)
        asked = _some(known.holdout, self.rows, rng.child("rows asked"))
        settings = boosting.parameters(
            task.kind,
            rng.child("trees").number(),
            num_leaves=self.leaves,
            learning_rate=self.rate,
            **({"num_class": task.classes} if task.kind == "multiclass" else {}),
        )
        rounds = self.trees
        if task.kind == "multiclass":
            rounds = max(20, min(rounds, self.class_trees // task.classes))

        def learn(side: int) -> Floats:
            rows = _some(known[side], equal, rng.child(f"rows of {Sides._fields[side]}"))
            cells = shown.sides[side][rows][:, kept]
            return answer(
                task,
                (cells, task.truth[side][rows]),
                shown.sides.holdout[asked][:, kept],
                categorical,
                settings,
                rounds,
            )

        synthetic, real = boosting.side_by_side(learn, (0, 1))
        return Duel(task, task.truth.holdout[asked], synthetic, real, asked)


def _some(rows: np.ndarray, most: int, rng: Rng) -> np.ndarray:
    return np.sort(rng.generator().permutation(rows)[:most])


@dataclass(frozen=True)
class TSTR(Measure):
    """Train on synthetic, test on real: how well the target is predicted (Esteban et al. 2017).

    ROC AUC for two classes, macro-F1 for more, R2 for a quantity (its RMSE in the detail). The
    floor is the same model trained on real rows, tested on the same holdout.
    """

    target: str | None = None
    training: Training = Training(rows=50_000, trees=150, class_trees=900, leaves=31, rate=0.06)

    name: ClassVar[str] = "tstr"
    title: ClassVar[str] = "Train on synthetic, test on real (TSTR)"
    how: ClassVar[str] = (
        "A model learns the target column from synthetic rows and is tested on real holdout "
        "rows; the same model trained on the real rows sets the floor."
    )
    reference: ClassVar[str] = (
        "Esteban et al. 2017, Real-valued (medical) time series generation with recurrent "
        "conditional GANs"
    )
    axis: ClassVar[Axis] = "utility"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.03
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Predict the target after learning from synthetic rows, and after real ones."""
        if self.target is None:
            raise NotMeasurableError("no target column was named.")
        if self.target not in tables.table.columns:
            raise ColumnNotFoundError(self.target, tables.table.columns, asked_by="target")
        item = {view.name: view for view in tables.views}.get(self.target)
        if item is None:
            reason = tables.left_out[self.target]
            raise NotMeasurableError(f"'{self.target}' cannot be predicted: {reason}.")
        task = Task.of(item, most=50)
        rng = tables.rng.child(self.name)
        duel = self.training.duel(task, tables, rng)
        value, real = duel.values
        first, second = duel.errors(tables.groups.holdout, resample(rng.child("draws").generator()))
        low = -np.inf if task.kind == "regression" else 0.0
        detail: dict[str, Any] = {
            "target": self.target,
            "task": task.kind,
            "measure": task.measure,
            "real": real,
            "synthetic": value,
            "interval_real": around(real, spread(second), low),
            "gap_interval": around(value - real, spread(first - second), -np.inf, np.inf),
            "rows_tested": len(duel.asked),
        }
        if task.kind == "regression":
            errors = (told - duel.truth for told in (duel.synthetic, duel.real))
            told = [float(np.sqrt(np.mean(error**2))) for error in errors]
            detail["rmse"] = {"synthetic": told[0], "real": told[1]}
        return Finding(
            value=value,
            interval=around(value, spread(first), low),
            floor=real,
            target=real - 0.02,
            meaning=(
                f"A model that learnt '{self.target}' from synthetic rows reaches {task.measure} "
                f"{value:.3f} on real rows; one that learnt from real rows reaches {real:.3f}."
            ),
            detail=detail,
        )


@dataclass(frozen=True)
class TSTRAllColumns(Measure):
    """How much of what real rows teach about every column the synthetic rows teach too (1 = all).

    Each column in turn is predicted from the others by small models; the score above chance is
    divided by that of real-trained ones. Columns that real rows cannot predict are left out.
    """

    training: Training = Training(rows=8_000, trees=40, class_trees=250, leaves=15, rate=0.15)
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

    least_skill: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Duel over every column, and the mean share of skill that is kept."""
        rng = tables.rng.child(self.name)
        skipped: dict[str, str] = dict(tables.left_out)
        columns: dict[str, dict[str, float | str]] = {}
        drawn = []
        weights = resample(rng.child("draws").generator())
        items = list(tables.views)
        if len(items) > self.most_columns:
            order = rng.child("columns").generator().permutation(len(items))
            for k in order[self.most_columns :]:
                skipped[items[k].name] = f"{self.most_columns} columns were drawn at random"
            items = [items[k] for k in np.sort(order[: self.most_columns])]
        for item in items:
            try:
                task = Task.of(item, most=10).ranked()
                duel = self.training.duel(task, tables, rng.child(item.name))
            except NotMeasurableError as reason:
                skipped[item.name] = reason.problem
                continue
            value, real = duel.values
            base = chance(task, duel.truth)
            if real - base < self.least_skill:
                skipped[item.name] = "real rows do not predict it either"
                continue
            share = _share(np.array([value]), np.array([real]), base)
            columns[item.name] = {
                "measure": task.measure,
                "real": real,
                "synthetic": value,
                "share": float(share[0]),
            }
            drawn.append(_share(*duel.errors(tables.groups.holdout, weights), base))
        if not columns:
            raise NotMeasurableError(
                "no column can be predicted from the others, not by real rows."
            )
        shares = {name: float(found["share"]) for name, found in columns.items()}
        mean = float(np.mean(list(shares.values())))
        worst = min(shares, key=lambda name: shares[name])
        return Finding(
            value=mean,
            interval=around(mean, spread(np.mean(drawn, axis=0)), high=1.25),
            floor=1.0,
            target=0.90,
            meaning=(
                f"Models that learn from synthetic rows keep {mean:.1%} of what real rows teach, "
                f"over {len(shares)} columns; least for '{worst}' with {shares[worst]:.1%}."
            ),
            detail={"columns": columns, "left_out": skipped},
        )


def _share(value: Floats, real: Floats, base: float) -> Floats:
    """The share of the real-trained skill above chance, from none to a quarter more than all."""
    skill = np.maximum(real - base, 1e-3)
    return np.clip((value - base) / skill, 0.0, 1.25)
