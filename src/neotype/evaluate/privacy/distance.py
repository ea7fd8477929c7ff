"""Are synthetic rows copies? Distances to train rows, beside those to equally many holdout rows.

None of these is a guarantee: they find copying that shows in distances, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Labels, Sides
from neotype.evaluate.features import texts as written
from neotype.evaluate.interval import around, clopper_pearson, wilson
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.neighbors import Nearest, Neighborhood, Points, choose, sampling

NEAR = 0.02
"""Near is nearer to train than this share of holdout rows is."""


def measured(tables: Comparison) -> Neighborhood:
    """The nearest distances, or the reason why there are none."""
    if not tables.views:
        raise NotMeasurableError("no column is left once identifiers are taken out.")
    return tables.neighbors


@dataclass(frozen=True)
class DCRShare(Measure):
    """The share of synthetic rows nearer to train than to equally many holdout rows (0.5 = none).

    Distance to closest record, as a share (Platzer and Reutterer 2021); ties count half.
    """

    name: ClassVar[str] = "dcr_share"
    title: ClassVar[str] = "Nearer to train than to holdout (DCR share)"
    how: ClassVar[str] = (
        "For each synthetic row, is the nearest real row a training row or a row of an "
        "equally large holdout? Without copying, half of them are nearer to a training row. A "
        "share near 0.5 is a sign, not a promise."
    )
    reference: ClassVar[str] = (
        "Platzer and Reutterer 2021, Holdout-based empirical assessment of mixed-type "
        "synthetic data"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.02
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Compare each row's two distances; the floor does so for one half of the holdout."""
        near = measured(tables)
        share = nearer(near.to_train.first, near.to_holdout.first)
        floor = nearer(near.control_to_train.first, near.control_to_holdout.first)
        return Finding(
            value=share,
            interval=sides(near.to_train, near.to_holdout),
            floor=floor,
            target=0.52,
            meaning=(
                f"{share:.1%} of synthetic rows are closer to a row the model learnt from than to "
                f"one it never saw; without any copying it would be about 50%, and real unseen "
                f"rows score {floor:.1%}."
            ),
            detail={
                **histograms(near),
                "nndr": {
                    "synthetic_to_train": ratios(near.to_train),
                    "synthetic_to_holdout": ratios(near.to_holdout),
                    "holdout_to_train": ratios(near.control_to_train),
                },
                "floor_interval": sides(near.control_to_train, near.control_to_holdout),
                "rows": near.rows._asdict(),
                "notes": list(near.notes),
            },
        )


@dataclass(frozen=True)
class ExactCopies(Measure):
    """The share of synthetic rows that equal a train row in every column but identifiers."""

    name: ClassVar[str] = "exact_copies"
    title: ClassVar[str] = "Exact copies of train rows"
    how: ClassVar[str] = (
        "Synthetic rows equal to a training row in every column, beside the number of real "
        "holdout rows that are: common combinations repeat by chance."
    )
    reference: ClassVar[str] = "Clopper and Pearson 1934 (interval)"
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.005

    def look(self, tables: Comparison) -> Finding:
        """Count equal rows; the floor is the share of holdout rows that equal a train row."""
        if not tables.views:
            raise NotMeasurableError("no column is left once identifiers are taken out.")
        keys = fingerprints(tables)
        equal = min(tables.train.rows, tables.holdout.rows)
        generator = tables.rng.child("rows for copies").generator()
        drawn = [
            keys.train[generator.permutation(len(keys.train))[:equal]],
            keys.holdout[generator.permutation(len(keys.holdout))[:equal]],
        ]
        copies, rows = int(np.isin(keys.synthetic, keys.train).sum()), tables.synthetic.rows
        natural, held = int(np.isin(keys.holdout, keys.train).sum()), tables.holdout.rows
        of_train, of_holdout = (int(np.isin(keys.synthetic, side).sum()) for side in drawn)
        control = of_holdout / rows * tables.train.rows / equal
        target = max(clopper_pearson(natural, held)[1], min(1.0, control)) + 0.001
        return Finding(
            value=copies / rows,
            interval=clopper_pearson(copies, rows),
            floor=natural / held,
            target=target,
            meaning=(
                f"{copies:,} of {rows:,} synthetic rows ({copies / rows:.2%}) are equal to a real "
                f"row that the model learnt from; of real rows that it never saw, "
                f"{natural / held:.2%} are, by chance alone." + _plain(tables, natural / held)
            ),
            detail={
                "copies": copies,
                "rows": rows,
                "train_copies": of_train,
                "holdout_copies": of_holdout,
                "equal_rows": equal,
                "natural_copies": natural,
            },
        )


PLAIN = 0.5
"""Where so many real rows equal another, that rows are equal says nothing of copying."""


def _plain(tables: Comparison, natural: float) -> str:
    """What it means that nearly all rows are equal to others, where that is so."""
    if natural < PLAIN:
        return ""
    many = len(tables.views)
    return (
        f" Besides keys and personal data this table has {many} column{'s'[: many > 1]}, too few "
        "to tell rows apart: that they are equal says nothing of copying."
    )


@dataclass(frozen=True)
class NearCopies(Measure):
    """The share of synthetic rows closer to train than all but 2 % of real unseen rows are."""

    name: ClassVar[str] = "near_copies"
    title: ClassVar[str] = "Near copies of train rows"
    how: ClassVar[str] = (
        "Synthetic rows closer to a training row than nearly all real holdout rows are."
    )
    reference: ClassVar[str] = "after Platzer and Reutterer 2021"
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.02
    least_rows: ClassVar[int] = 100

    def look(self, tables: Comparison) -> Finding:
        """Count rows within the distance that 2 % of holdout rows have to as many train rows."""
        near = measured(tables)
        edge = float(np.quantile(near.holdout_to_all_train, NEAR, method="lower"))
        rows = len(near.to_train.first)
        copies = int((near.to_train.first <= edge).sum())
        of_holdout = int((near.to_holdout.first <= edge).sum())
        natural, held = int((near.holdout_to_all_train <= edge).sum()), near.rows.holdout // 2
        target = max(clopper_pearson(natural, held)[1], clopper_pearson(of_holdout, rows)[1])
        return Finding(
            value=copies / rows,
            interval=clopper_pearson(copies, rows),
            floor=natural / held,
            target=target,
            meaning=(
                f"{copies / rows:.2%} of synthetic rows lie very close to a row that the model "
                f"learnt from, {of_holdout / rows:.2%} as close to one it never saw; of real "
                f"unseen rows {natural / held:.2%} lie as close."
            ),
            detail={
                "copies": copies,
                "rows": rows,
                "holdout_copies": of_holdout,
                "equal_rows": near.rows.train,
                "distance": edge,
                "notes": list(near.notes),
            },
        )


@dataclass(frozen=True)
class NNDR(Measure):
    """How singly synthetic rows point at train rows: the mean nearest-neighbour distance ratio.

    The distance to the nearest train row over that to the second nearest: near 0, a synthetic row
    lies at one real row and far from all others. Judged against the same ratio to equally many
    holdout rows (Lowe 2004; for synthetic tables Zhao et al. 2021).
    """

    name: ClassVar[str] = "nndr"
    title: ClassVar[str] = "Pointing at single train rows (NNDR)"
    how: ClassVar[str] = (
        "For each synthetic row, the distance to its nearest training row divided by that to the "
        "second nearest; the number is the mean. Near 0 a row points at one person; without "
        "copying it is as large as the same ratio to real rows that were never used."
    )
    reference: ClassVar[str] = (
        "Zhao et al. 2021, CTAB-GAN (as a privacy measure); Lowe 2004 (the ratio)"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.01
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """The mean ratio to train; the floor is the same rows' ratio to as many holdout rows."""
        near = measured(tables)
        value, interval = singled(near.to_train)
        unseen, around_unseen = singled(near.to_holdout)
        return Finding(
            value=value,
            interval=interval,
            floor=unseen,
            target=around_unseen[0],
            meaning=(
                f"The nearest training row is on average {value:.1%} as far from a synthetic row "
                f"as the second nearest; of real rows that were never used it is {unseen:.1%}. A "
                f"smaller share means that synthetic rows point at single training rows."
            ),
            detail={
                "to_train": ratios(near.to_train),
                "to_holdout": {**ratios(near.to_holdout), "interval": around_unseen},
                "holdout_to_train": ratios(near.control_to_train),
                "rows": near.rows._asdict(),
                "notes": list(near.notes),
            },
        )


@dataclass(frozen=True)
class HitRate(Measure):
    """The share of train rows that some synthetic row hits: all labels equal, quantities close.

    Close is within 1/30 of the column's range in train (Lu, Wang and Yu 2019, hitting rate).
    Judged against the share of equally many holdout rows that are hit.
    """

    within: float = 1 / 30

    name: ClassVar[str] = "hit_rate"
    title: ClassVar[str] = "Train rows that are hit"
    how: ClassVar[str] = (
        "Training rows for which some synthetic row has the same labels and every quantity within "
        "1/30 of the column's range, beside the same share of equally many real rows that were "
        "never used: common rows are hit by chance."
    )
    reference: ClassVar[str] = (
        "Lu, Wang and Yu 2019, Empirical evaluation on synthetic data generation with generative "
        "adversarial network"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.02
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Count rows that are hit; the floor counts them in the holdout."""
        from neotype.evaluate.privacy.hits import hit

        if not tables.views:
            raise NotMeasurableError("no column is left once identifiers are taken out.")
        rows = Sides(*(data.rows for data in tables.datasets))
        drawn, _ = choose(rows, len(tables.views), tables.rng)
        train, holdout = hit(tables.views, drawn, self.within)
        count, natural, trials = int(train.sum()), int(holdout.sum()), len(train)
        return Finding(
            value=count / trials,
            interval=clopper_pearson(count, trials),
            floor=natural / trials,
            target=clopper_pearson(natural, trials)[1],
            meaning=(
                f"{count / trials:.2%} of the rows that the model learnt from have a synthetic row "
                f"that is alike in every column; of real rows that it never saw, "
                f"{natural / trials:.2%} have one, by chance."
            ),
            detail={
                "hits": count,
                "holdout_hits": natural,
                "rows": {side: len(taken) for side, taken in drawn._asdict().items()},
                "within": self.within,
                "notes": list(sampling(rows, drawn)),
            },
        )


def nearer(to_train: Points, to_holdout: Points) -> float:
    """The share of rows nearer to train, ties as half."""
    return float((to_train < to_holdout).mean() + (to_train == to_holdout).mean() / 2)


def sides(to_train: Nearest, to_holdout: Nearest) -> tuple[float, float]:
    """The 95 % interval of the share of rows nearer to train.

    Two things are left to chance: which rows were made, and which real rows were learnt and which
    held out. A real row that is the nearest of many drags all of them to its side, so that the
    second does not go away with more synthetic rows. With p_j the share of rows whose nearest is
    real row j, and sides dealt at random, it adds (Σ p_j² − 1 / real rows) / 4 to the variance;
    Σ p_j² is estimated without bias from pairs of rows.
    """
    share, rows = nearer(to_train.first, to_holdout.first), len(to_train.first)
    near, far = to_train.first < to_holdout.first, to_train.first > to_holdout.first
    counts = np.concatenate(
        [np.bincount(to_train.which[near]), np.bincount(to_holdout.which[far])]
    ).astype(np.float64)
    pairs = float((counts * (counts - 1)).sum()) / (rows * max(1, rows - 1))
    real = len(to_train.back) + len(to_holdout.back)
    shared = max(0.0, pairs - float(near.mean() + far.mean()) ** 2 / real)
    trials = rows / (1 + rows * shared)
    return wilson(share * trials, trials)


def histograms(near: Neighborhood, bars: int = 40) -> dict[str, Any]:
    """Densities of nearest distances on common edges, up to the 99.5th percentile of all."""
    lines = {
        "synthetic_to_train": near.to_train.first,
        "synthetic_to_holdout": near.to_holdout.first,
        "holdout_to_train": near.holdout_to_all_train,
    }
    every = np.concatenate(list(lines.values()))
    top = max(float(np.quantile(every, 0.995)), 1e-6)
    edges = np.linspace(0, top, bars + 1)
    densities = {
        name: np.histogram(line, edges)[0] / len(line) / (edges[1] - edges[0])
        for name, line in lines.items()
    }
    return {"edges": edges, **densities}


def singled(near: Nearest) -> tuple[float, tuple[float, float]]:
    """The mean distance ratio, and its 95 % interval, in which synthetic rows with the same nearest
    real row count as one (cluster-robust, Liang and Zeger 1986).
    """
    cells = quotients(near)
    value = float(cells.mean())
    sums = np.bincount(near.which, cells - value)
    return value, around(value, float(np.sqrt((sums**2).sum())) / len(cells))


def quotients(near: Nearest) -> Floats:
    """Nearest over second nearest distance, 0 .. 1; 1 where both are 0."""
    safe = np.maximum(near.second, np.float32(1e-12))
    return np.asarray(np.where(near.second > 0, near.first / safe, 1.0), np.float64)


def ratios(near: Nearest) -> dict[str, float]:
    """Nearest-neighbour distance ratios: mean, middle and the lowest twentieth."""
    cells = quotients(near)
    low, middle = np.quantile(cells, [0.05, 0.5])
    return {"mean": float(cells.mean()), "median": float(middle), "p05": float(low)}


def fingerprints(tables: Comparison) -> Sides[np.ndarray]:
    """A 64-bit hash of every row's own values, alike in all tables."""
    names = {item.name for item in tables.views}
    texts = {
        n for n, c in tables.table.columns.items() if c.kind in ("text", "json") and n in names
    }
    columns: Sides[dict[str, pl.Series]] = Sides({}, {}, {})
    for item in tables.views:
        for side, cells in zip(columns, item.sides, strict=True):
            exact = cells if isinstance(item, Labels) else np.where(cells == 0, 0.0, cells)
            side[item.name] = pl.Series(item.name, exact)
    for name in texts:
        for side, series in zip(columns, tables.series(name), strict=True):
            side[name] = written(series)
    return Sides(*(pl.DataFrame(side).hash_rows(seed=0).to_numpy() for side in columns))
