"""How many children do parents have, and do parents with many of one kind have many of another?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator

from neotype.evaluate.features import Floats, Ints, Sides
from neotype.evaluate.fidelity.marginals import largest_step
from neotype.evaluate.interval import GROUPS, around, ranks, resample, spread, tally
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.relational.between import Between
from neotype.evaluate.relational.databases import Databases
from neotype.evaluate.tables import DRAWS
from neotype.rng import Rng
from neotype.schema.schema import Relationship

PARENTS = 50_000
"""Parents of a side whose children are counted; twice as many of train."""

REPEATS = 20
"""Random draws of as many children, which say what chance alone does to their counts."""

FEWEST = 10
"""Parents below which a distribution of counts says nothing."""

UNUSUAL = 20
"""Parents that must have another number of children than most, for a correlation to mean much."""


class Gap(NamedTuple):
    """How far counts are apart, its standard error, and what real counts score."""

    value: float
    error: float
    floor: float


@dataclass(frozen=True)
class Cardinality(Between):
    """How far the numbers of children per parent are from the real ones: 0 is equal.

    The Kolmogorov-Smirnov distance of every foreign key, parents without children included. The
    value is that of the foreign key furthest above its floor.
    """

    name: ClassVar[str] = "cardinality"
    title: ClassVar[str] = "Children per parent"
    how: ClassVar[str] = (
        "Of every foreign key, the largest gap between the two cumulative curves of the number of "
        "children per parent, with parents that have none; the foreign key furthest above what "
        "real families score is shown. Of parents that all families share (reference tables) the "
        "floor is what a random draw of as many children scores."
    )
    reference: ClassVar[str] = "Kolmogorov-Smirnov; as SDMetrics' Cardinality Shape Similarity"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.06

    def look(self, databases: Databases) -> Finding:
        """Compare the counts of each foreign key."""
        gaps: dict[str, Gap] = {}
        shown: dict[str, Any] = {}
        for tie in databases.schema.relationships:
            counts = counted(databases, tie)
            if isinstance(counts, str):
                shown[tie.title] = {"reason": counts}
                continue
            rng = databases.rng.child(f"children of {tie.title}")
            gap = compared(counts, tie.parent in databases.divided, rng)
            gaps[tie.title] = gap
            shown[tie.title] = {
                "ks": gap.value,
                "floor": gap.floor,
                "interval": around(gap.value, gap.error),
                "mean": {side: float(one.mean()) for side, one in counts._asdict().items()},
                "childless": {
                    side: float((one == 0).mean()) for side, one in counts._asdict().items()
                },
            }
        if not gaps:
            raise NotMeasurableError("no foreign key has enough parents on every side.")
        worst = max(gaps, key=lambda name: gaps[name].value - gaps[name].floor)
        value, error, floor = gaps[worst]
        mean = float(np.mean([gap.value for gap in gaps.values()]))
        return Finding(
            value=value,
            interval=around(value, error),
            floor=floor,
            target=0.06,
            meaning=(
                f"The number of children per parent is at most {value:.3f} off (Kolmogorov-"
                f"Smirnov), in {worst}, where real families score {floor:.3f}; the mean of "
                f"{len(gaps)} foreign keys is {mean:.3f}."
            ),
            detail={"relationships": shown, "worst": worst, "mean": mean},
        )


def counted(databases: Databases, tie: Relationship) -> Sides[Ints] | str:
    """The number of children of each parent, or why it says nothing."""
    counts = Sides(*(links.fan_out(tie) for links in databases.links))
    for side, one in counts._asdict().items():
        if len(one) < FEWEST:
            return f"the {side} table '{tie.parent}' has {len(one)} rows"
    if not counts.train.any():
        return "no row of train refers to it"
    return counts


def compared(counts: Sides[Ints], divided: bool, rng: Rng) -> Gap:
    """Synthetic counts against train's, and the floor; all by parents drawn at random.

    The floor of parents that families share is what chance does to train's own counts. Where there
    are more synthetic or real children per parent of that kind, those are thinned to be as many:
    a larger sample has more children of the same reference rows.
    """
    generator = rng.child("parents").generator()
    if divided:
        equal = min(len(counts.synthetic), len(counts.holdout), PARENTS)
        sizes = Sides(equal, min(len(counts.train), 2 * PARENTS), equal)
        drawn = Sides(
            *(generator.permutation(one)[:size] for one, size in zip(counts, sizes, strict=True))
        )
        floor = largest_step(_floats(drawn.holdout), _floats(drawn.train))
    else:
        drawn = Sides(*alike(counts.synthetic, counts.train, generator), counts.holdout)
        again = (redrawn(drawn.train, generator) for _ in range(REPEATS))
        floor = float(np.mean([largest_step(_floats(one), _floats(drawn.train)) for one in again]))
    value = largest_step(_floats(drawn.synthetic), _floats(drawn.train))
    return Gap(value, _error(drawn.synthetic, drawn.train, rng), floor)


def alike(one: Ints, other: Ints, generator: Generator) -> tuple[Ints, Ints]:
    """Both counts with about equally many children per parent."""
    ratio = one.mean() / max(other.mean(), 1e-12)
    if ratio > 1.05:
        return generator.binomial(one, 1 / ratio), other
    if 0 < ratio < 0.95:
        return one, generator.binomial(other, ratio)
    return one, other


def redrawn(counts: Ints, generator: Generator) -> Ints:
    """As many children, each of a parent drawn by how many it has."""
    total = int(counts.sum())
    return generator.multinomial(total, counts / total).astype(np.int64)


def _floats(counts: Ints) -> Floats:
    return counts.astype(np.float64)


def _error(left: Ints, right: Ints, rng: Rng) -> float:
    """The bootstrapped standard error of the distance, by parents."""
    values, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    cut = codes[: len(left)], codes[len(left) :]
    curves = []
    for name, codes in zip(("left", "right"), cut, strict=True):
        generator = rng.child(f"bootstrap {name}").generator()
        groups = generator.permutation(len(codes)) % GROUPS
        drawn = resample(generator, DRAWS) @ tally(codes, len(values), groups)
        curves.append(np.cumsum(drawn, axis=1) / np.maximum(drawn.sum(axis=1, keepdims=True), 1))
    return spread(np.abs(curves[0] - curves[1]).max(axis=1))


@dataclass(frozen=True)
class JointCardinality(Between):
    """Whether parents with many children of one table have many of another: 0 is as in real data.

    For each two foreign keys to one parent, the difference of the rank correlations of the two
    numbers of children; the value is the mean over all pairs.
    """

    name: ClassVar[str] = "joint_cardinality"
    title: ClassVar[str] = "Numbers of children, jointly"
    how: ClassVar[str] = (
        "For each two foreign keys to the same parent, the correlation (Spearman) of the numbers "
        "of children of both; the mean absolute difference to the real one."
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.10

    def look(self, databases: Databases) -> Finding:
        """Compare the correlations of each pair of foreign keys."""
        pairs: list[dict[str, Any]] = []
        drawn: list[Floats] = []
        for name in databases.schema.tables:
            if name not in databases.divided:
                continue
            ties = databases.schema.below(name)
            counts = {tie.title: counted(databases, tie) for tie in ties}
            rng = databases.rng.child(f"children of {name} jointly")
            for one, two in combinations(counts, 2):
                left, right = counts[one], counts[two]
                if isinstance(left, str) or isinstance(right, str):
                    continue
                if min(unusual(left.train), unusual(right.train)) < UNUSUAL:
                    continue
                equal = min(len(left.synthetic), len(left.holdout), PARENTS)
                found = [
                    together(a, b, most, rng)
                    for a, b, most in zip(left, right, (equal, 2 * PARENTS, equal), strict=True)
                ]
                if any(np.isnan(value) for value, _ in found[1:]):
                    continue
                real, held = found[1][0], found[2][0]
                made = 0.0 if np.isnan(found[0][0]) else found[0][0]
                pairs.append({"pair": [one, two], "real": real, "synthetic": made, "holdout": held})
                drawn.append(np.abs(np.nan_to_num(found[0][1]) - np.nan_to_num(found[1][1])))
        if not pairs:
            raise NotMeasurableError("no parent has children of two tables, in numbers that vary.")
        gaps = [abs(one["synthetic"] - one["real"]) for one in pairs]
        floor = float(np.mean([abs(one["holdout"] - one["real"]) for one in pairs]))
        value, worst = float(np.mean(gaps)), pairs[int(np.argmax(gaps))]
        return Finding(
            value=value,
            interval=around(value, spread(np.mean(drawn, axis=0)), high=2.0),
            floor=floor,
            target=0.05,
            meaning=(
                f"Correlations between the numbers of children of two tables are {value:.3f} off "
                f"on average (real families: {floor:.3f}); most between "
                f"{' and '.join(worst['pair'])} ({worst['synthetic']:.2f} instead of "
                f"{worst['real']:.2f})."
            ),
            detail={"pairs": pairs},
        )


def unusual(counts: Ints) -> int:
    """Parents that have not the commonest number of children."""
    return len(counts) - int(np.bincount(counts).max())


def together(left: Ints, right: Ints, most: int, rng: Rng) -> tuple[float, Floats]:
    """The rank correlation of two counts of the same parents, and bootstrapped ones."""
    rows = rng.child("parents").generator().permutation(len(left))[:most]
    x, y = (ranks(_floats(one[rows])) / len(rows) - 0.5 for one in (left, right))
    groups = rng.child("groups").generator().permutation(len(rows)) % GROUPS
    parts = np.column_stack(
        [np.bincount(groups, of, GROUPS) for of in (np.ones(len(rows)), x, y, x * x, y * y, x * y)]
    )
    weights = resample(rng.child("bootstrap").generator(), DRAWS)
    sums = np.vstack([parts.sum(axis=0), weights @ parts])
    n, sx, sy, sxx, syy, sxy = (sums[:, k] for k in range(6))
    n = np.maximum(n, 1)
    spread_of = (sxx / n - (sx / n) ** 2) * (syy / n - (sy / n) ** 2)
    flat = spread_of <= 1e-12
    value = (sxy / n - sx * sy / n**2) / np.sqrt(np.where(flat, 1, spread_of))
    value = np.where(flat, np.nan, value)
    return float(value[0]), value[1:]
