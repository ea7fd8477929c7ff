"""Shadow models: the recipe learnt again and again, with and without the most vulnerable rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.errors import NeotypeError
from neotype.evaluate.asked import Retrain
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints
from neotype.evaluate.interval import around, auc
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.neighbors import Points, k_nearest, place
from neotype.evaluate.privacy.membership import attacked, found
from neotype.progress import Progress, silent
from neotype.rng import Rng

Bools = NDArray[np.bool_]

NEIGHBORS = 5
"""Nearest rows that vulnerability is measured by, and that an attacker looks at."""

CANDIDATES = 10_000
"""Train rows among which the most vulnerable are sought."""

BLUR = 0.01
"""Added to distances, in whole differences, before their logarithm is taken."""

CLOSE = 0.05
"""A quantity agrees with a target's within this share of train's middle 90 %."""

COLUMNS = 40
"""Columns whose pairs are counted, at random where there are more."""

STATISTICS = ("nearest row", "few nearest rows", "pairs of values")
"""What an attacker looks at, in the order in which it is kept."""

LEAST = 0.1
"""What a target adds at least on average, as an attacker expects, in standard deviations."""


@dataclass(frozen=True)
class Shadows:
    """What an attacker saw of shadow runs.

    `included` says which target was learnt in which run, (runs, targets); `seen` is what the run's
    synthetic rows show of a target, (statistics, runs, targets), higher for nearer; `planted`
    marks canaries among the targets.
    """

    included: Bools
    seen: Floats
    planted: Bools
    rows: int

    @property
    def groups(self) -> dict[str, Bools]:
        """Both sorts of targets."""
        return {"vulnerable": ~self.planted, "canaries": self.planted}

    def some(self, runs: Ints) -> Shadows:
        """These runs alone."""
        return Shadows(self.included[runs], self.seen[:, runs], self.planted, self.rows)

    @property
    def note(self) -> str:
        """What a reader must know of the runs."""
        return (
            f"{len(self.included)} runs that learn {self.rows:,} rows each: where the table was "
            "made from more, each of its rows weighs less"
        )


@dataclass(frozen=True)
class Retrained(Measure):
    """A measure that learns the recipe anew: the same runs for all that ask for the same.

    `shadows` runs learn `rows` rows each; `vulnerable` and `canaries` are the numbers of targets.
    """

    retrain: Retrain | None = None
    shadows: int = 16
    rows: int = 5_000
    vulnerable: int = 100
    canaries: int = 100
    progress: Progress = field(default=silent, compare=False)

    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    least_rows: ClassVar[int] = 100
    deep: ClassVar[bool] = True

    def runs(self, tables: Comparison) -> Shadows:
        """The shadow runs, made by the first that asks; or the reason why there are none."""
        retrain = self.retrain
        if retrain is None:
            raise NotMeasurableError("no recipe was given to retrain.")
        sizes = self.shadows, self.rows, self.vulnerable, self.canaries
        return tables.kept(("shadow runs", *sizes), lambda: train(self, retrain, tables))


@dataclass(frozen=True)
class ShadowMIA(Retrained):
    """Membership inference by shadow models on the most vulnerable rows: the attack's AUC.

    The recipe is learnt `shadows` times, from random rows and a coin's choice of targets: the train
    rows with the largest mean distance to their nearest (Meeus et al. 2023) and canaries planted
    for the purpose. An attacker who sees only synthetic rows judges each target in each run by what
    the other runs show with it and without it (Carlini et al. 2022). 0.5 is guessing.
    """

    name: ClassVar[str] = "mia_shadow"
    title: ClassVar[str] = "Membership inference (shadow models)"
    how: ClassVar[str] = (
        "The recipe is learnt many times, each time with a random half of the most unusual "
        "training rows and of planted canaries; an attacker who sees only synthetic rows tells "
        "from the other runs which of them were learnt. The number is the ROC AUC of that guess: "
        "the worst case, not the average row. 0.5 is a coin toss."
    )
    reference: ClassVar[str] = (
        "Carlini et al. 2022, Membership inference attacks from first principles; Meeus et al. "
        "2023, Achilles' Heels; Houssiau et al. 2022, TAPAS (counting queries)"
    )
    tolerance: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Judge all targets of all runs, each run by the others; a blind attack scores .5."""
        runs = self.runs(tables)
        scores = leave_one_out(runs)
        groups = {}
        for name, chosen in runs.groups.items():
            inside = runs.included[:, chosen]
            members, others = scores[:, chosen][inside], scores[:, chosen][~inside]
            value, spread = auc(members, others)
            groups[name] = {
                "auc": value,
                "interval": around(value, spread),
                "targets": int(chosen.sum()),
                **found(members, others),
            }
        return attacked(
            scores[runs.included],
            scores[~runs.included],
            floor=0.5,
            target=0.60,
            error=between(scores, runs),
            attacker="an attacker who trains models like this one and aims at the most unusual "
            "rows",
            notes=[runs.note],
            detail={
                **groups,
                "by_statistic": {name: alone(runs, k) for k, name in enumerate(STATISTICS)},
                "shadows": len(runs.included),
                "rows": runs.rows,
            },
        )


@dataclass(frozen=True)
class Targets:
    """Rows to be told apart, train rows that no run may learn otherwise, and who is a canary."""

    data: Dataset
    taken: Bools
    planted: Bools


def train(asked: Retrained, retrain: Retrain, tables: Comparison) -> Shadows:
    """Learn the recipe once for each run, and look at what it makes around every target."""
    asked.progress("shadow models", 0, asked.shadows)
    rng = tables.rng.child("shadow models")
    few = tables.train.rows // 20
    targets = aim(tables, min(asked.vulnerable, few), min(asked.canaries, few), rng)
    pool = np.flatnonzero(~targets.taken)
    size = min(asked.rows - targets.data.rows // 2, len(pool) // 2)
    if size < targets.data.rows:
        raise NotMeasurableError(
            f"{len(pool):,} train rows are left beside the targets, too few to learn halves of."
        )
    coins = rng.child("who is learnt").generator().random((asked.shadows, targets.data.rows))
    included = coins < 0.5
    # Each run publishes as many rows for every row learnt as the table that is evaluated.
    learns = size + targets.data.rows // 2
    rows = max(1, round(learns * min(10.0, tables.synthetic.rows / tables.train.rows)))
    made = []
    for run in range(asked.shadows):
        stream = rng.block(run)
        generator = stream.child("rows").generator()
        base = tables.train.take(generator.permutation(pool)[:size]).frame
        learnt = pl.concat([base, targets.data.take(np.flatnonzero(included[run])).frame])
        shuffled = learnt[generator.permutation(learnt.height)]
        made.append(_learn(retrain, Dataset.of(tables.train.schema, shuffled), rows, stream))
        asked.progress("shadow models", run + 1, asked.shadows)
    return Shadows(
        included=included,
        seen=watch(made, targets.data, tables),
        planted=targets.planted,
        rows=learns,
    )


def _learn(retrain: Retrain, data: Dataset, rows: int, rng: Rng) -> pl.DataFrame:
    try:
        made = retrain(data, rows, rng)
    except NeotypeError as cause:
        raise NotMeasurableError(f"the recipe cannot learn a part of train: {cause.problem}") from (
            cause
        )
    if made.rows == 0:
        raise NotMeasurableError("the recipe made no rows of a part of train.")
    return made.frame


def aim(tables: Comparison, vulnerable: int, canaries: int, rng: Rng) -> Targets:
    """The train rows furthest from their nearest, and as unusual ones made of train's values.

    Rows of a target's entity, and the rows whose identifiers canaries carry, are learnt in no run
    but as targets.
    """
    if not tables.views:
        raise NotMeasurableError("no column is left once identifiers are taken out.")
    data, generator = tables.train, rng.child("targets").generator()
    candidates = np.sort(generator.permutation(data.rows)[:CANDIDATES])
    points = np.ascontiguousarray(place(tables.views).train[:, candidates])
    far, _ = k_nearest(points, points, NEIGHBORS, exclude_self=True)
    order = candidates[np.argsort(-far.mean(axis=1), kind="stable")]
    owners = data.owners
    owner = np.arange(data.rows) if owners is None else owners
    # One row of an entity is enough, and an entity that carries a canary is no target.
    order = order[np.sort(np.unique(owner[order], return_index=True)[1])]
    exposed, rest = order[:vulnerable], generator.permutation(order[vulnerable:])
    carriers = rest[:canaries]
    frame = pl.concat([data.frame[exposed], plant(data, carriers, tables.left_out, generator)])
    return Targets(
        data=Dataset.of(data.schema, frame),
        taken=np.isin(owner, owner[np.concatenate([exposed, carriers])]),
        planted=np.arange(frame.height) >= len(exposed),
    )


def plant(
    data: Dataset, carriers: Ints, left_out: object, generator: np.random.Generator
) -> pl.DataFrame:
    """Canaries: every cell a distinct value of train's, drawn on its own, the rare as often as
    the common; identifiers and entities stay the carriers'.
    """
    columns = []
    kept = set(left_out) if isinstance(left_out, dict) else set()
    for name in data.frame.columns:
        series = data.frame[name]
        if name in kept:
            columns.append(series[carriers])
            continue
        _, first = np.unique(series.hash(seed=0).to_numpy(), return_index=True)
        columns.append(series[generator.choice(first, len(carriers))])
    return pl.DataFrame(columns)


def watch(made: list[pl.DataFrame], targets: Dataset, tables: Comparison) -> Floats:
    """What each run's rows show of each target, (statistics, runs, targets)."""
    whole = Dataset.of(tables.train.schema, pl.concat(made, how="vertical_relaxed"))
    points = place(Comparison(whole, tables.train, targets, tables.rng).views)
    generator = tables.rng.child("columns that shadow attacks count").generator()
    columns = np.sort(generator.permutation(len(points.train))[:COLUMNS])
    ends = np.cumsum([frame.height for frame in made])
    seen = []
    for frame, end in zip(made, ends, strict=True):
        synthetic = np.ascontiguousarray(points.synthetic[:, end - frame.height : end])
        near = nearness(points.holdout, synthetic)
        seen.append([*near, agreement(points.holdout[columns], synthetic[columns])])
    return np.moveaxis(np.array(seen), 0, 1)


def nearness(targets: Points, synthetic: Points) -> tuple[Floats, Floats]:
    """How near the nearest synthetic row is, and how near the few nearest are."""
    far, _ = k_nearest(targets, synthetic, NEIGHBORS)
    near = -np.log(np.minimum(far, 1e6).astype(np.float64) + BLUR)
    return near[:, 0], near.mean(axis=1)


def agreement(targets: Points, synthetic: Points) -> Floats:
    """How often synthetic rows agree with a target in two columns: logarithms, over all pairs.

    The counting queries of Houssiau et al. 2022 (TAPAS): values that occur together in a target
    alone occur together in the synthetic table if it was learnt, though no row is a copy.
    """
    pairs = np.triu_indices(len(targets), 1 if len(targets) > 1 else 0)
    out = np.empty(targets.shape[1])
    for number in range(targets.shape[1]):
        agree = np.abs(synthetic - targets[:, [number]]) <= CLOSE
        cells = agree.astype(np.float32)
        out[number] = np.log1p((cells @ cells.T)[pairs]).mean()
    return out


def leave_one_out(runs: Shadows) -> Floats:
    """How likely each target was learnt in each run, by all other runs, (runs, targets)."""
    every = np.arange(len(runs.included))
    return np.concatenate([calibrated(runs, every[every != k], every[[k]]) for k in every])


def alone(runs: Shadows, number: int) -> float:
    """The AUC of an attacker who looks at one statistic only."""
    scores = leave_one_out(Shadows(runs.included, runs.seen[[number]], runs.planted, runs.rows))
    return auc(scores[runs.included], scores[~runs.included])[0]


def calibrated(runs: Shadows, known: Ints, judged: Ints) -> Floats:
    """Log odds that targets were learnt in the judged runs, by the known ones, (judged, targets).

    Statistics are normal around a target's own mean with it and without it, of one covariance for
    all (Carlini et al. 2022, with the variance shared as they advise for few models). What a target
    adds is shrunk towards what targets add on average, since few runs know it (James and Stein).
    """
    # A run whose rows lie near to everything says nothing about any target.
    seen = runs.seen - runs.seen.mean(axis=2, keepdims=True)
    inside, cells = runs.included[known].astype(np.float64), seen[:, known]
    with_it, without = np.maximum(inside.sum(0), 0), (1 - inside).sum(0)
    safe = np.maximum(with_it, 1), np.maximum(without, 1)
    means = (cells * inside).sum(1) / safe[0], (cells * (1 - inside)).sum(1) / safe[1]
    both = (with_it > 0) & (without > 0)
    left = cells - np.where(inside > 0, means[0][:, None], means[1][:, None])
    spare = max(1, left[0].size - 2 * left.shape[2])
    shared = np.einsum("sij,tij->st", left, left) / spare
    shared += np.eye(len(shared)) * (1e-9 + 1e-6 * np.trace(shared))
    gain = np.where(both, means[0] - means[1], 0.0)
    usual = gain[:, both].mean(axis=1, keepdims=True) if both.any() else np.zeros((len(gain), 1))
    # To learn a row brings rows nearer, if anything: else chance in other runs would misguide.
    usual = np.maximum(usual, LEAST * np.sqrt(np.diag(shared))[:, None])
    noise = np.diag(shared)[:, None] * (1 / safe[0] + 1 / safe[1])
    excess = ((gain - usual)[:, both] ** 2 - noise[:, both]).mean(axis=1) if both.any() else 0.0
    own = np.maximum(excess, 0.0)[..., None] * np.ones_like(noise)
    gain = usual + np.where(both, own / (own + noise), 0.0) * (gain - usual)
    centre = cells.mean(axis=1) - gain * inside.mean(axis=0) + gain / 2
    pull = np.linalg.solve(shared, gain)
    return np.asarray(np.einsum("st,skt->kt", pull, seen[:, judged] - centre[:, None]))


def between(scores: Floats, runs: Shadows) -> float:
    """The standard error of the AUC that runs show, each on its own."""
    values = [
        auc(row[inside], row[~inside])[0]
        for row, inside in zip(scores, runs.included, strict=True)
        if inside.any() and not inside.all()
    ]
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.5
