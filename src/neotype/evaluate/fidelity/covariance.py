"""Is the covariance of all columns together that of the real data: its size and its directions?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Labels, Sides
from neotype.evaluate.fidelity.dependence import capped
from neotype.evaluate.fidelity.distributions import measured
from neotype.evaluate.fidelity.marginals import views
from neotype.evaluate.interval import GROUPS, around, redraw, spread
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter, take


@dataclass(frozen=True)
class Covariance(Measure):
    """How far the covariance structure is from the real one: 0 is equal.

    Columns become features: quantities, and a flag for every label of at least 1 % of the rows but
    the commonest, all standardised by train. The value is the relative Frobenius error
    ‖C_synthetic − C_train‖ / ‖C_train‖ of their covariance matrices. Eigenvalues and the principal
    angles between the leading subspaces (Björck and Golub 1973; Krzanowski 1979) come with it.
    """

    features: int = 200
    flags: int = 10
    reach: float = 5.0

    name: ClassVar[str] = "covariance"
    title: ClassVar[str] = "Covariance structure"
    how: ClassVar[str] = (
        "Numbers and flags of the common categories, standardised by the real data; the size of "
        "the difference of the two covariance matrices (Frobenius norm), as a share of the real "
        "matrix's size."
    )
    reference: ClassVar[str] = (
        "Krzanowski 1979, Between-groups comparison of principal components; Björck and Golub "
        "1973, Numerical methods for computing angles between linear subspaces"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.05

    def look(self, tables: Comparison) -> Finding:
        """Compare the covariance of the features with train's."""
        counter = Counter.of(tables, self.name)
        every = features(tables, self.flags, self.reach)
        if len(every) < 2:
            raise NotMeasurableError("fewer than two features of the columns vary in train.")
        order = tables.rng.child("features").generator().permutation(len(every))
        kept = [every[k] for k in sorted(order[: self.features])]
        plain, drawn = covariances(standardised(kept), counter)
        value, floor = (float(relative(side, plain.train)) for side in (plain[0], plain[2]))
        spectrum, lead = axes(plain)
        return Finding(
            value=value,
            interval=around(value, spread(relative(*drawn)), high=float("inf")),
            floor=floor,
            target=floor + 0.05,
            meaning=(
                f"The covariance structure is {value:.1%} off (real unseen rows: {floor:.1%}); the "
                f"{lead['components']} leading directions of the synthetic rows hold "
                f"{lead['captured']['synthetic']:.1%} of what the real ones' do."
            ),
            detail={
                "eigenvalues": spectrum,
                **lead,
                "worst": self._worst([one.column for one in kept], plain),
                "features": len(kept),
                "rows": len(tables.sample.synthetic),
                "notes": capped(len(kept), len(every), "features"),
            },
        )

    @staticmethod
    def _worst(names: Sequence[str], plain: Sides[Floats]) -> list[dict[str, Any]]:
        gaps = (plain.synthetic - plain.train) ** 2
        whole = max(float(gaps.sum()), 1e-300)
        columns = list(dict.fromkeys(names))
        of = np.array([columns.index(name) for name in names])
        board = np.zeros((len(columns), len(columns)))
        np.add.at(board, (of[:, None], of[None, :]), gaps)
        board = np.triu(board + board.T - np.diag(np.diag(board)))
        order = np.argsort(-board, axis=None, kind="stable")[:10]
        spots = (np.unravel_index(spot, board.shape) for spot in order)
        return [
            {"columns": [columns[a], columns[b]], "share": float(board[a, b]) / whole}
            for a, b in spots
            if board[a, b] > 0
        ]


@dataclass(frozen=True)
class Feature:
    """A quantity, or a flag of a label or of missing cells (`label` NaN), made when it is wanted.

    Missing cells of a quantity count as its middle.
    """

    column: str
    sides: Sides[Floats]
    label: float | None = None

    def cells(self, side: int) -> Floats:
        """The sampled rows of a side."""
        here = self.sides[side]
        if self.label is None:
            return np.nan_to_num(here)
        return np.asarray((np.isnan(here) if np.isnan(self.label) else here == self.label) * 1.0)


def features(tables: Comparison, flags: int, reach: float) -> list[Feature]:
    """What varies in at least 1 % of train's rows: quantities, and all labels but the commonest."""
    found = []
    for one in measured(tables, reach)[0]:
        found += [Feature(one.item.name, one.sides, label) for label in (None, float("nan"))]
    for item in views(tables, 2):
        if isinstance(item, Labels):
            codes = take(item, tables.sample)
            counts = np.bincount(codes.train.astype(np.int64))
            common = np.argsort(-counts, kind="stable")[1 : flags + 1]
            found += [Feature(item.name, codes, float(code)) for code in common]
    return [one for one in found if varies(one.cells(1))]


def varies(cells: Floats) -> bool:
    """Whether at least 1 % of the cells are not 0, the middle, and they differ."""
    return bool((cells != 0).mean() >= 0.01 and cells.std() > 1e-9)


def standardised(kept: Sequence[Feature]) -> Sides[Floats]:
    """Matrices (rows, features) of the three sides, in train's standard units."""
    columns = []
    for one in kept:
        train = one.cells(1)
        centre, unit = train.mean(), train.std()
        columns.append([(one.cells(side) - centre) / unit for side in range(3)])
    return Sides(*(np.column_stack(side) for side in zip(*columns, strict=True)))


def covariances(cells: Sides[Floats], counter: Counter) -> tuple[Sides[Floats], list[Floats]]:
    """Covariance matrices of the sides, and bootstrapped ones of synthetic and train."""
    plain, drawn = [], []
    for side, (rows, groups) in enumerate(zip(cells, counter.groups, strict=True)):
        width = rows.shape[1]
        counts = np.bincount(groups, minlength=GROUPS).astype(np.float64)
        sums, products = np.zeros((GROUPS, width)), np.zeros((GROUPS, width, width))
        for group in range(GROUPS):
            here = rows[groups == group]
            sums[group], products[group] = here.sum(axis=0), here.T @ here
        once = np.ones((1, GROUPS))
        plain.append(_covariance(once, counts, sums, products)[0])
        if side < 2:
            drawn.append(_covariance(counter.weights[side], counts, sums, products))
    return Sides(*plain), drawn


def _covariance(weights: Floats, counts: Floats, sums: Floats, products: Floats) -> Floats:
    rows = np.maximum(weights @ counts, 1)
    middle = redraw(weights, sums) / rows[:, None]
    outer = middle[:, :, None] * middle[:, None, :]
    return np.asarray(redraw(weights, products) / rows[:, None, None] - outer)


def relative(left: Floats, right: Floats) -> Floats:
    """The relative Frobenius error of matrices (..., d, d)."""
    size = np.sqrt((right**2).sum(axis=(-2, -1)))
    return np.asarray(np.sqrt(((left - right) ** 2).sum(axis=(-2, -1))) / np.maximum(size, 1e-12))


def axes(plain: Sides[Floats], most: int = 20) -> tuple[dict[str, Any], dict[str, Any]]:
    """Eigenvalues, and how the leading subspaces of synthetic and holdout lie to train's.

    As many directions lead as hold half of train's variance. Angles are in degrees, the largest
    first; `captured` is train's variance along them over that along train's own.
    """
    values, directions = [], []
    for matrix in plain:
        eigenvalues, vectors = np.linalg.eigh(matrix)
        values.append(eigenvalues[::-1])
        directions.append(vectors[:, ::-1])
    shares = np.cumsum(values[1]) / max(float(values[1].sum()), 1e-300)
    lead = min(int(np.searchsorted(shares, 0.5)) + 1, most, len(shares))
    own = max(float(values[1][:lead].sum()), 1e-300)
    angles, captured = {}, {}
    for side, name in ((0, "synthetic"), (2, "holdout")):
        space = directions[side][:, :lead]
        cosines = np.linalg.svd(directions[1][:, :lead].T @ space, compute_uv=False)
        angles[name] = np.degrees(np.arccos(np.clip(cosines[::-1], 0, 1)))
        captured[name] = float(np.trace(space.T @ plain.train @ space)) / own
    named = zip(("synthetic", "real", "holdout"), values, strict=True)
    spectrum = {name: side[:most] for name, side in named}
    return spectrum, {"components": lead, "angles": angles, "captured": captured}
