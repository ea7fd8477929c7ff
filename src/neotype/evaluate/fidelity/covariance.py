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
        names, design = self._design(tables)
        if len(names) < 2:
            raise NotMeasurableError("fewer than two features of the columns vary in train.")
        kept = np.arange(len(names))
        if len(names) > self.features:
            order = tables.rng.child("features").generator().permutation(len(names))
            kept = np.sort(order[: self.features])
        cells = Sides(*(side[:, kept] for side in design))
        plain, drawn = covariances(cells, counter)
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
                "worst": self._worst([names[k] for k in kept], plain),
                "features": len(kept),
                "rows": len(tables.sample.synthetic),
                "notes": capped(len(kept), len(names), "features"),
            },
        )

    def _design(self, tables: Comparison) -> tuple[list[str], Sides[Floats]]:
        """Standardised features of the sampled rows, and the column of each."""
        columns: list[tuple[str, Sides[Floats]]] = []
        for one in measured(tables, self.reach)[0]:
            columns.append((one.item.name, Sides(*(np.nan_to_num(side) for side in one.sides))))
            columns.append((one.item.name, Sides(*(np.isnan(side) * 1.0 for side in one.sides))))
        for item in views(tables, 2):
            if isinstance(item, Labels):
                codes = Sides(*(side.astype(np.int64) for side in take(item, tables.sample)))
                common = np.argsort(-np.bincount(codes.train), kind="stable")[1 : self.flags + 1]
                columns += [
                    (item.name, Sides(*((side == code) * 1.0 for side in codes))) for code in common
                ]
        names, kept = [], []
        for name, sides in columns:
            centre, unit = float(sides.train.mean()), float(sides.train.std())
            if unit > 1e-9 and float((sides.train != 0).mean()) >= 0.01:
                names.append(name)
                kept.append(Sides(*((side - centre) / unit for side in sides)))
        if not kept:
            return [], Sides(*(np.empty((len(rows), 0)) for rows in tables.sample))
        return names, Sides(*(np.column_stack(side) for side in zip(*kept, strict=True)))

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
