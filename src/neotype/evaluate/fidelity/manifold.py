"""Do synthetic rows lie where real rows lie, and everywhere they lie? Distances of whole rows.

Equally many rows of each side are drawn once and compared in the metric of
`neotype.evaluate.neighbors`. Real means holdout rows, and the floor is train in the synthetic
table's place: a row that was copied earns nothing. Beta-recall alone looks at train, to see copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Sides
from neotype.evaluate.fidelity.clouds import ROWS, Cloud, boards, clouds, drawn, members
from neotype.evaluate.interval import GROUPS, Z, around, redraw, resample, spread, tally
from neotype.evaluate.metric import Axis, Better, Finding, Measure
from neotype.evaluate.neighbors import k_nearest
from neotype.evaluate.tables import DRAWS

GRID = np.linspace(0, 1, 51)[1:-1]
"""Shares of the most typical rows at which supports are compared."""


@dataclass(frozen=True)
class MMD(Measure):
    """Maximum mean discrepancy of synthetic and holdout rows: 0 is equal.

    The distance of the two distributions' means in the space of a characteristic kernel, from the
    unbiased estimate of its square (Gretton et al. 2012). The kernel is exp(−d / width), d the
    distance on mixed types and width its median in train. It is positive definite, since 1 − min(1,
    |x|) is (Schoenberg 1938). `rows` caps each side.
    """

    rows: int = ROWS
    draws: int = 500

    name: ClassVar[str] = "mmd"
    title: ClassVar[str] = "Distance of whole rows (MMD)"
    how: ClassVar[str] = (
        "Two rows are alike by exp(-distance / median distance), over all columns of any type. "
        "The number is the root of: mean likeness within the synthetic rows, plus within the "
        "holdout, minus twice the mean likeness between them; 0 when both have one distribution."
    )
    reference: ClassVar[str] = "Gretton et al. 2012, A kernel two-sample test"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.01

    def look(self, tables: Comparison) -> Finding:
        """Compare synthetic with holdout, train with holdout, shuffled columns with holdout."""
        sides = clouds(tables, self.rows)
        generator = tables.rng.child("shuffled columns").generator()
        shuffled = Cloud(generator.permuted(sides.holdout.points, axis=1), sides.holdout.groups)
        width = middle(sides.train)
        own = likeness(sides.holdout, sides.holdout, width)
        found, floor, mixed = (
            _pool(
                likeness(side, side, width), likeness(side, sides.holdout, width), own, side, sides
            )
            for side in (sides.synthetic, sides.train, shuffled)
        )
        value, error = found.squared(), found.error()
        null = found.null(self.draws, tables.rng.child("permutations of mmd").generator())
        chance = root(float(np.quantile(null, 0.95)))
        score, unseen, bad = root(value), root(floor.squared()), root(mixed.squared())
        return Finding(
            value=score,
            interval=(root(value - Z * error), root(max(0.0, value) + Z * error)),
            floor=unseen,
            target=max(unseen, chance) + 0.005,
            meaning=(
                f"Whole rows are {score:.3f} away from real unseen rows; chance alone gives up to "
                f"{chance:.3f}, other real rows score {unseen:.3f}, and columns that have nothing "
                f"to do with each other {bad:.3f}."
            ),
            detail={
                "squared": value,
                "squared_error": error,
                "squared_floor": floor.squared(),
                "p_value": (1 + int((null >= value).sum())) / (1 + len(null)),
                "chance": chance,
                "independent_columns": bad,
                "kernel": "exp(-distance / width)",
                "width": width,
                "rows": sides.train.rows,
                "notes": drawn(tables, sides.train.rows),
            },
        )


class Pooled(NamedTuple):
    """Sums of likeness between the groups of two tables, (2 GROUPS, 2 GROUPS), and their rows."""

    sums: Floats
    rows: Floats

    def squared(self) -> float:
        """The unbiased square of the discrepancy; below 0 by chance where there is none."""
        return float(self._of(np.repeat([[1.0, 0.0]], GROUPS, axis=1))[0])

    def error(self) -> float:
        """Its standard error by the jackknife over groups, which errs upwards (Efron 1981)."""
        kept = 1 - np.eye(2 * GROUPS)
        first = np.repeat([1.0, 0.0], GROUPS)
        left_out = self._of(kept * first, kept * (1 - first)).reshape(2, GROUPS)
        gaps = left_out - left_out.mean(axis=1, keepdims=True)
        return float(np.sqrt((GROUPS - 1) / GROUPS * (gaps**2).sum()))

    def null(self, draws: int, generator: np.random.Generator) -> Floats:
        """Squares when groups are dealt to the two tables at random."""
        sides = np.tile(np.repeat([1.0, 0.0], GROUPS), (draws, 1))
        return self._of(generator.permuted(sides, axis=1))

    def _of(self, first: Floats, second: Floats | None = None) -> Floats:
        """For weights of groups, (draws, 2 GROUPS): those of the first and of the second table."""
        second = 1 - first if second is None else second
        many, others = first @ self.rows, second @ self.rows
        within = np.einsum("dg,gh,dh->d", first, self.sums, first, optimize=True)
        beside = np.einsum("dg,gh,dh->d", second, self.sums, second, optimize=True)
        between = np.einsum("dg,gh,dh->d", first, self.sums, second, optimize=True)
        pairs = np.maximum(many * (many - 1), 1), np.maximum(others * (others - 1), 1)
        return np.asarray(
            within / pairs[0] + beside / pairs[1] - 2 * between / np.maximum(many * others, 1)
        )


def _pool(within: Floats, between: Floats, own: Floats, side: Cloud, sides: Sides[Cloud]) -> Pooled:
    rows = [np.bincount(cloud.groups, minlength=GROUPS) for cloud in (side, sides.holdout)]
    return Pooled(
        np.block([[within, between], [between.T, own]]), np.concatenate(rows).astype(np.float64)
    )


def likeness(left: Cloud, right: Cloud, width: float) -> Floats:
    """Sums of exp(−distance / width) between groups; a row is not compared with itself."""
    sums = np.zeros((GROUPS, GROUPS))
    mine, theirs = members(left.groups), members(right.groups)
    for part, board in boards(left, right):
        sums += mine[part].T @ (np.exp(board * np.float32(-1 / width)) @ theirs)
    if left is right:
        np.fill_diagonal(sums, np.diag(sums) - mine.sum(axis=0))
    return sums


def middle(cloud: Cloud, most: int = 1_000) -> float:
    """The median distance of two rows; the mean where most rows are equal."""
    few = Cloud(np.ascontiguousarray(cloud.points[:, :most]), cloud.groups[:most])
    board = np.concatenate([board.copy() for _, board in boards(few, few)])
    apart = board[np.triu_indices(few.rows, 1)]
    return float(np.median(apart)) or float(apart.mean()) or 1.0


def root(squared: float) -> float:
    """The root of a square that chance may push below 0."""
    return float(np.sqrt(max(0.0, squared)))


class Supports(NamedTuple):
    """How two sets of rows overlap, each with the sums by group that a bootstrap needs."""

    precision: float
    recall: float
    density: float
    coverage: float
    drawn: Floats
    """Bootstrapped values, (draws, 4)."""


@dataclass(frozen=True)
class PRDC(Measure):
    """The smaller of density and coverage: are synthetic rows where real rows are, and everywhere?

    A ball around each row reaches to its k-th nearest of the same table. Density is the mean number
    of holdout balls that a synthetic row is in, over k; coverage the share of holdout balls that a
    synthetic row is in (Naeem et al. 2020). Density counts as at most 1.
    """

    k: int = 5
    rows: int = ROWS

    name: ClassVar[str] = "prdc"
    title: ClassVar[str] = "Density and coverage of whole rows"
    how: ClassVar[str] = (
        "A ball around each real holdout row reaches to its 5th nearest real row. Density: in how "
        "many balls synthetic rows are, real rows being in 5. Coverage: how many balls hold a "
        "synthetic row. The number is the smaller of the two."
    )
    reference: ClassVar[str] = (
        "Naeem et al. 2020, Reliable fidelity and diversity metrics for generative models"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.10

    def look(self, tables: Comparison) -> Finding:
        """Compare synthetic rows with the holdout's; the floor does so with train rows."""
        sides = clouds(tables, self.rows)
        generator = tables.rng.child(self.name).generator()
        found = supports(sides.holdout, sides.synthetic, self.k, generator)
        floor = supports(sides.holdout, sides.train, self.k, generator)
        value, unseen = weaker(found), weaker(floor)
        values = np.minimum(np.minimum(found.drawn[:, 2], 1), found.drawn[:, 3])
        return Finding(
            value=value,
            interval=around(value, spread(values)),
            floor=unseen,
            target=unseen - 0.05,
            meaning=(
                f"Synthetic rows lie {found.density:.0%} as densely around real unseen rows as "
                f"real ones do (other real rows: {floor.density:.0%}), and {found.coverage:.1%} of "
                f"the real rows have a synthetic one nearby (other real rows: "
                f"{floor.coverage:.1%})."
            ),
            detail={
                **_four(found, floor),
                "k": self.k,
                "rows": sides.train.rows,
                "notes": drawn(tables, sides.train.rows),
            },
        )


def _four(found: Supports, floor: Supports) -> dict[str, Any]:
    """All four numbers, each with its interval and its floor."""
    numbers = ("precision", "recall", "density", "coverage")
    return {
        name: {
            "value": getattr(found, name),
            "interval": around(
                getattr(found, name),
                spread(found.drawn[:, n]),
                high=np.inf if name == "density" else 1.0,
            ),
            "floor": getattr(floor, name),
        }
        for n, name in enumerate(numbers)
    }


def weaker(found: Supports) -> float:
    """The smaller of density, at most 1, and coverage."""
    return min(found.density, 1.0, found.coverage)


def supports(real: Cloud, made: Cloud, k: int, generator: np.random.Generator) -> Supports:
    """Precision, recall, density and coverage of made rows beside real ones (Naeem et al. 2020).

    On its edge is inside: rows of labels alone lie at distance 0 from their likes.
    """
    k = min(k, real.rows - 1, made.rows - 1)
    reach, span = (k_nearest(side.points, side.points, k, True)[0][:, -1] for side in (real, made))
    mine, theirs = members(made.groups), members(real.groups)
    balls = np.zeros((GROUPS, GROUPS))
    precise = np.zeros(made.rows, dtype=bool)
    recalled, covered = np.zeros(real.rows, dtype=bool), np.zeros(real.rows, dtype=bool)
    for part, board in boards(made, real):
        inside = board <= reach
        precise[part] = inside.any(axis=1)
        covered |= inside.any(axis=0)
        recalled |= (board <= span[part, None]).any(axis=0)
        balls += mine[part].T @ (inside @ theirs)
    weights = Sides(*(resample(generator, DRAWS) for _ in range(3)))
    rows = [np.bincount(side.groups, minlength=GROUPS) for side in (made, real)]
    pairs = np.maximum((weights[0] @ rows[0]) * (weights[1] @ rows[1]), 1)
    shares = (
        _redrawn(precise, made.groups, weights[0]),
        _redrawn(recalled, real.groups, weights[1]),
        np.einsum("dg,gh,dh->d", weights[0], balls, weights[1]) / pairs * (real.rows / k),
        _redrawn(covered, real.groups, weights[1]),
    )
    return Supports(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        density=float(balls.sum()) / (k * made.rows),
        coverage=float(covered.mean()),
        drawn=np.stack(shares, axis=1),
    )


def _redrawn(hit: NDArray[np.bool_], groups: Ints, weights: Floats) -> Floats:
    counts = redraw(weights, tally(hit.astype(np.int64), 2, groups))
    return np.asarray(counts[:, 1] / np.maximum(counts.sum(axis=1), 1e-12))


@dataclass(frozen=True)
class AlphaPrecision(Measure):
    """How well synthetic rows fill the α most typical part of the real ones, for every α: 1 is so.

    A row is the less typical the larger its mean distance to holdout rows. P(α) is the share of
    synthetic rows that are at least as typical as the α most typical holdout rows; the value is
    1 − 2 ∫ |P(α) − α| dα (Alaa et al. 2022), here without their embedding by a network.
    """

    rows: int = ROWS

    name: ClassVar[str] = "alpha_precision"
    title: ClassVar[str] = "Typical rows (alpha-precision)"
    how: ClassVar[str] = (
        "Real holdout rows are ordered from typical to odd by their mean distance to the others. "
        "For each share alpha of the most typical, the share of synthetic rows that are as typical "
        "should be alpha too; 1 minus twice the area between the two."
    )
    reference: ClassVar[str] = "Alaa et al. 2022, How faithful is your synthetic data?"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Compare how typical synthetic and holdout rows are; the floor, train and holdout."""
        sides = clouds(tables, self.rows)
        odd = Sides(*(oddness(side, sides.holdout) for side in sides))
        edges = np.quantile(odd.holdout, GRID)
        cells = Sides(*(np.searchsorted(edges, side, side="left") for side in odd))
        counts = Sides(
            *(
                tally(cell, len(GRID) + 1, side.groups)
                for cell, side in zip(cells, sides, strict=True)
            )
        )
        real, made, other = (
            _curve(side.sum(axis=0)) for side in (counts.holdout, counts.synthetic, counts.train)
        )
        generator = tables.rng.child(self.name).generator()
        moved = [
            _curve(redraw(resample(generator, DRAWS), side))
            for side in (counts.synthetic, counts.holdout)
        ]
        value, floor = float(agreement(made, real)), float(agreement(other, real))
        return Finding(
            value=value,
            interval=around(value, spread(agreement(*moved))),
            floor=floor,
            target=floor - 0.03,
            meaning=(
                f"Synthetic rows are as typical as real unseen rows to {value:.1%}; other real "
                f"rows reach {floor:.1%}. Of the synthetic rows, {made[-5]:.1%} lie where "
                f"{real[-5]:.1%} of the real ones do."
            ),
            detail={
                "alpha": real,
                "curve": made,
                "floor_curve": other,
                "rows": sides.train.rows,
                "notes": drawn(tables, sides.train.rows),
            },
        )


def oddness(side: Cloud, real: Cloud) -> Floats:
    """The mean distance of each row to real rows other than itself."""
    total = np.zeros(side.rows)
    for part, board in boards(side, real):
        total[part] = board.sum(axis=1, dtype=np.float64)
    # Sums of single precision differ in their last digits from one row to its equal.
    return np.round(total / max(1, real.rows - (side is real)), 6)


def _curve(counts: Floats) -> Floats:
    """Cumulative shares at the grid's edges, over the last axis."""
    whole = np.maximum(counts.sum(axis=-1, keepdims=True), 1e-12)
    return np.asarray(np.cumsum(counts, axis=-1)[..., :-1] / whole)


def agreement(curve: Floats, wanted: Floats) -> NDArray[np.float64]:
    """1 − 2 ∫ |curve − wanted|, over the last axis; 0 where ties of equal rows push it below."""
    return np.asarray(np.maximum(0, 1 - np.abs(curve - wanted).sum(axis=-1) / GRID.sum()))


@dataclass(frozen=True)
class BetaRecall(Measure):
    """How much of train the β most typical synthetic rows reach: about .5 for unseen real rows.

    A train row is reached when a synthetic row is as near to it as its nearest train row is. With
    R(β) the share of train rows that one of the β most typical synthetic rows reaches, the value is
    1 − 2 ∫ |R(β) − β| dβ (Alaa et al. 2022). Fresh rows of the same origin are nearer than the
    nearest train row half of the time: more is a sign of copying, not of quality.
    """

    rows: int = ROWS

    name: ClassVar[str] = "beta_recall"
    title: ClassVar[str] = "Reach of train rows (beta-recall)"
    how: ClassVar[str] = (
        "A training row is reached when some synthetic row is as near to it as the nearest other "
        "training row. For each share beta of the most typical synthetic rows, the share reached "
        "is compared with beta. Fresh real rows score about 0.5 (more where rows are equal by "
        "chance); a higher number means that training rows were copied."
    )
    reference: ClassVar[str] = "Alaa et al. 2022, How faithful is your synthetic data?"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "near_floor"
    tolerance: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Reach train rows from synthetic and from holdout rows; also holdout rows, as control."""
        sides = clouds(tables, self.rows)
        generator = tables.rng.child(self.name).generator()
        value, error, curve = reached(sides.train, sides.synthetic, generator)
        floor, _, real = reached(sides.train, sides.holdout, generator)
        control, _, _ = reached(sides.holdout, sides.synthetic, generator)
        return Finding(
            value=value,
            interval=around(value, error),
            floor=floor,
            target=None,
            meaning=(
                f"Synthetic rows reach the training rows to {value:.1%}, real unseen rows to "
                f"{floor:.1%}. This is not a mark of quality: above 50% and above what real unseen "
                f"rows reach, it is a sign that training rows were copied."
            ),
            detail={
                "beta": GRID,
                "curve": curve,
                "floor_curve": real,
                "holdout_reached": control,
                "rows": sides.train.rows,
                "notes": drawn(tables, sides.train.rows),
            },
        )


def reached(
    real: Cloud, made: Cloud, generator: np.random.Generator
) -> tuple[float, float, Floats]:
    """Integrated β-recall of real rows by made ones, its standard error, and the curve."""
    own = k_nearest(real.points, real.points, 1, True)[0][:, 0]
    near, which = (found[:, 0] for found in k_nearest(real.points, made.points, 1))
    odd = oddness(made, made)
    cell = np.searchsorted(np.quantile(odd, GRID), odd[which], side="left")
    # What is not reached lies beyond every support.
    cell = np.where(near <= own, cell, len(GRID))
    counts = tally(cell, len(GRID) + 1, real.groups)
    curve = _curve(counts.sum(axis=0))
    moved = agreement(_curve(redraw(resample(generator, DRAWS), counts)), GRID)
    return float(agreement(curve, GRID)), spread(moved), curve
