"""Can a classifier tell synthetic rows from real ones that the model never saw?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from neotype.evaluate import boosting
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.design import Design
from neotype.evaluate.features import Features, Floats
from neotype.evaluate.interval import around, auc, clustered_error, roc
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.rng import Rng

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Detection:
    """What cross-validated detectors found: AUC by fold, and every row's held-out score."""

    folds: Floats
    error: float
    positive: Floats
    negative: Floats
    gains: Floats
    rows: int

    @property
    def value(self) -> float:
        """The mean AUC of the folds."""
        return float(self.folds.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean AUC: DeLong's variance of each fold, by entity if any.

        Folds share the rows they learn from, so that their errors go together (the correction of
        Nadeau and Bengio 2003): real rows against real ones spread 1.5 times as far as without.
        """
        return around(self.value, self.error)

    @property
    def accuracy(self) -> float:
        """The share of rows that are said to be of the side that they are of."""
        return float((self.positive > 0.5).mean() + (self.negative <= 0.5).mean()) / 2


@dataclass(frozen=True)
class C2ST(Measure):
    """Classifier two-sample test: the AUC of a detector of synthetic rows (0.5 = undetectable).

    Gradient-boosted trees with native categories learn to tell synthetic from holdout rows in
    equal number, in cross-validation (Lopez-Paz and Oquab 2017). `rows` caps each side.
    """

    rows: int = 20_000
    folds: int = 5
    trees: int = 200

    name: ClassVar[str] = "c2st"
    title: ClassVar[str] = "Detectability (C2ST)"
    how: ClassVar[str] = (
        "Gradient-boosted trees learn to tell synthetic rows from equally many real holdout "
        "rows; the number is their ROC AUC on rows they did not learn from (5-fold cross- "
        "validation). 0.5 is guessing, 1 is always right."
    )
    reference: ClassVar[str] = "Lopez-Paz and Oquab 2017, Revisiting classifier two-sample tests"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.10
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Detect synthetic against holdout; the floor detects holdout against train."""
        shown = tables.features
        if not shown.names:
            raise NotMeasurableError("no column is left once identifiers are taken out.")
        sides = shown.sides._asdict()
        of = {side: data.owners for side, data in tables.datasets._asdict().items()}
        rng = tables.rng.child("c2st")
        found = self.detect(shown, sides, of, ("synthetic", "holdout"), self.rows, rng)
        floor = self.detect(
            shown, sides, of, ("train", "holdout"), min(found.rows, 10_000), rng.child("floor")
        )
        weak = logistic(shown, sides, of, self.folds, self.rows, rng)
        published = 1 - float(np.mean(2 * np.maximum(0.5, found.folds) - 1))
        value = found.value
        return Finding(
            value=value,
            interval=found.interval,
            floor=floor.value,
            target=0.60,
            meaning=(
                f"Shown one synthetic and one real row, a trained detector picks the synthetic one "
                f"{value:.1%} of the time; 50% is pure guessing, and real rows against other real "
                f"rows score {floor.value:.1%}."
            ),
            detail={
                "importance": importance(shown, found.gains),
                "roc": roc(found.positive, found.negative),
                "logistic": weak,
                "accuracy": found.accuracy,
                "published_score": published,
                "rows": found.rows,
                "folds": found.folds,
                "floor_interval": floor.interval,
                "notes": notes(found, tables),
            },
        )

    def detect(
        self,
        shown: Features,
        sides: dict[str, Floats],
        owners: dict[str, Ints | None],
        pair: tuple[str, str],
        rows: int,
        rng: Rng,
    ) -> Detection:
        """Tell rows of the first side from as many of the second, in cross-validation."""
        cells, truth, fold, owner = stage(sides, owners, pair, self.folds, rows, rng)
        settings = boosting.parameters("binary", rng.child("trees").number())
        data = boosting.bins(cells, truth, shown.categorical, settings)

        def one(k: int) -> tuple[Floats, Floats]:
            part = data.subset(np.flatnonzero(fold != k).tolist()).construct()
            booster = boosting.grow(part, settings, self.trees)
            gain = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
            return boosting.predict(booster, cells[fold == k]), gain

        results = boosting.side_by_side(one, range(self.folds))
        scores = np.empty(len(truth))
        measured = []
        for k, (predicted, _) in enumerate(results):
            scores[fold == k] = predicted
            real = truth[fold == k] == 0
            value, error = auc(predicted[~real], predicted[real])
            if owner is not None:
                of = owner[fold == k]
                entities = of[~real], of[real]
                error = clustered_error(predicted[~real], predicted[real], entities)
            measured.append((value, error))
        errors = np.array([error for _, error in measured])
        return Detection(
            folds=np.array([value for value, _ in measured]),
            error=float(np.sqrt((errors**2).mean() * (1 / self.folds + 1 / (self.folds - 1)))),
            positive=scores[truth == 1],
            negative=scores[truth == 0],
            gains=np.sum([gain for _, gain in results], axis=0),
            rows=len(truth) // 2,
        )


def stage(
    sides: dict[str, Floats],
    owners: dict[str, Ints | None],
    pair: tuple[str, str],
    folds: int,
    most: int,
    rng: Rng,
) -> tuple[Floats, Floats, Ints, Ints | None]:
    """Equally many shuffled rows of both sides, which side each is of, its fold and its owner.

    Rows and folds are drawn from different streams: with a common seed, sorted tables score below
    one half against their own copy, since the fold of a row then tells its place.
    """
    rows = min(len(sides[pair[0]]), len(sides[pair[1]]), most)
    cells, fold, owned = [], [], []
    for side in pair:
        chosen = rng.child(f"rows of {side}").generator().permutation(len(sides[side]))[:rows]
        owner = owners[side]
        entities = None if owner is None else owner[chosen]
        if entities is not None:
            owned.append(entities)
        cells.append(sides[side][chosen])
        fold.append(deal(rows, entities, folds, rng.child(f"folds of {side}").generator()))
    truth = np.repeat([1.0, 0.0], rows)
    owner = np.concatenate(owned) if len(owned) == 2 else None
    return np.concatenate(cells), truth, np.concatenate(fold), owner


def deal(rows: int, entities: Ints | None, folds: int, generator: Generator) -> Ints:
    """A fold for each row, of about equal sizes; rows of one entity share theirs."""
    if entities is None:
        return generator.permutation(rows) % folds
    _, entity = np.unique(entities, return_inverse=True)
    sizes = np.bincount(entity)
    order = generator.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    if len(sizes) < folds:
        raise NotMeasurableError(
            f"the rows belong to {len(sizes)} entities, and {folds} folds need as many."
        )
    home = np.empty(len(sizes), dtype=np.int64)
    filled = np.zeros(folds, dtype=np.int64)
    for owner in order:
        home[owner] = int(np.argmin(filled))
        filled[home[owner]] += sizes[owner]
    return home[entity]


def notes(found: Detection, tables: Comparison) -> list[str]:
    """Which rows were shown, and why a detector may do worse than guess."""
    most = min(tables.synthetic.rows, tables.holdout.rows)
    said = []
    if found.rows < most:
        said.append(f"{found.rows:,} rows of either side, drawn at random")
    if found.interval[1] < 0.45:
        said.append(
            "below 0.5 beyond chance: the synthetic table holds rows of the holdout itself, so "
            "that rows learnt from belie their twins"
        )
    return said


def importance(shown: Features, gains: Floats) -> list[dict[str, Any]]:
    """The share of the detector's gain that each column gives, the largest first."""
    total: dict[str, float] = dict.fromkeys(shown.sources, 0.0)
    for source, gain in zip(shown.sources, gains, strict=True):
        total[source] += float(gain)
    whole = sum(total.values()) or 1.0
    ranked = sorted(total.items(), key=lambda item: -item[1])
    return [{"column": column, "share": gain / whole} for column, gain in ranked]


def logistic(
    shown: Features,
    sides: dict[str, Floats],
    owners: dict[str, Ints | None],
    folds: int,
    most: int,
    rng: Rng,
) -> float:
    """The AUC of a logistic detector: weak, since it sees no pair of columns; for comparison."""
    from sklearn.linear_model import LogisticRegression

    cells, truth, fold, _ = stage(sides, owners, ("synthetic", "holdout"), folds, most, rng)
    dense = Design.of(cells, shown.categorical)(cells)
    found = []
    for k in range(folds):
        model = LogisticRegression(solver="newton-cholesky", C=1.0, max_iter=50)
        model.fit(dense[fold != k], truth[fold != k])
        scores = model.decision_function(dense[fold == k])
        real = truth[fold == k] == 0
        found.append(auc(scores[~real], scores[real])[0])
    return float(np.mean(found))
