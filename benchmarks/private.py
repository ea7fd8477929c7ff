"""What a privacy budget costs: fidelity, use and CPU seconds of every strategy at ε = .1, 1 and 10.

Pairs of columns are compared as tables of counts. Numbers are cut at the deciles of the train rows,
and equal deciles once; every label of the train rows is a symbol, all others are one more, and a
missing cell is another.
"""

from __future__ import annotations

import statistics
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.measure import Clock, alone, table
from benchmarks.tables import TABLES, mixed

NAMES = ("adult", "bank", "shoppers")
EPSILONS = (0.1, 1.0, 10.0)
DELTA = 1e-6
BINS = 10
WAYS = (
    ("marginals", "target"),
    ("marginals", ""),
    ("aim", "target"),
    ("mst", ""),
    ("privbayes", ""),
    ("independent", ""),
)
"""Strategies, and whether they are told the target."""
ASKED = {
    ("marginals", 0.1): "TVD ≤ .065, TSTR ≥ .86",
    ("marginals", 1.0): "TVD ≤ .019, TSTR ≥ .90, C2ST ≤ .76, ≤ 5 CPU-s",
    ("marginals", 10.0): "TVD ≤ .011, TSTR ≥ .912",
    ("mst", 1.0): "≤ 1 CPU-s",
    ("aim", 1.0): "≤ 10 CPU-s",
}
"""Of Adult, in issue 6."""
BIG = (("10000", "100", "≤ 60 CPU-s, 2 GiB"), ("1000000", "15", "≤ 20 CPU-s, 2 GiB"))

Cells = NDArray[np.int64]


class Grid:
    """The symbols of a table's columns, and how far other rows are from it in total variation."""

    def __init__(self, train: pl.DataFrame) -> None:
        self._train = train
        self._cuts = {name: _cuts(train[name]) for name in train.columns}
        self._own = self._coded(train)

    def distances(self, rows: pl.DataFrame) -> tuple[dict[str, float], float]:
        """Of each column by itself, and the mean of all pairs."""
        other = self._coded(rows)
        single = {name: _apart([self._own[name]], [other[name]]) for name in self._own}
        pairs = [
            _apart([self._own[a], self._own[b]], [other[a], other[b]])
            for a, b in combinations(self._own, 2)
        ]
        return single, statistics.mean(pairs)

    def _coded(self, rows: pl.DataFrame) -> dict[str, Cells]:
        return {name: _symbols(rows[name], cuts) for name, cuts in self._cuts.items()}


def _cuts(cells: pl.Series) -> Any:
    if cells.dtype.is_numeric():
        return np.unique(np.quantile(cells.drop_nulls().to_numpy(), np.arange(1, BINS) / BINS))
    return cells.cast(pl.String).drop_nulls().unique().sort().to_list()


def _symbols(cells: pl.Series, cuts: Any) -> Cells:
    if isinstance(cuts, np.ndarray):
        values = cells.cast(pl.Float64).fill_null(np.nan).to_numpy()
        place = np.searchsorted(cuts, values, side="left")
        return np.where(np.isnan(values), len(cuts) + 1, place).astype(np.int64)
    labels = cells.cast(pl.String).replace_strict(
        cuts, list(range(len(cuts))), default=len(cuts), return_dtype=pl.Int64
    )
    missing = pl.Series([len(cuts) + 1], dtype=pl.Int64)
    return labels.zip_with(cells.is_not_null(), missing).to_numpy()


def _apart(own: list[Cells], other: list[Cells]) -> float:
    """Total variation between two tables of counts over the same columns."""
    shape = [int(max(a.max(), b.max())) + 1 for a, b in zip(own, other, strict=True)]
    shares = [
        np.bincount(np.ravel_multi_index(codes, shape), minlength=int(np.prod(shape)))
        / len(codes[0])
        for codes in (own, other)
    ]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def strategy(name: str, folder: str, way: str, told: str, seeds: str) -> dict[str, Any]:
    """Fit, sample and measure one table at every ε: all costs first, then all scores."""
    import neotype as nt

    case = TABLES[name](Path(folder))
    train, target = case.train, case.target if told else None

    def made(frame: pl.DataFrame, epsilon: float) -> pl.DataFrame:
        model = nt.fit(frame, target, epsilon=epsilon, delta=DELTA, synthesizer=way)
        rows: pl.DataFrame = model.sample(frame.height, seed=0)
        return rows

    made(train.head(3000), 10.0)
    runs = []
    for epsilon in EPSILONS:
        for _ in range(int(seeds)):
            clock = Clock()
            rows = made(train, epsilon)
            runs.append((epsilon, clock.lap()[0], rows))
    peak, grid = Clock.peak(), Grid(train)
    found = []
    for epsilon, cpu, rows in runs:
        single, pairs = grid.distances(rows)
        scores = {"CPU-s": cpu, "one-way": statistics.mean(single.values()), "TVD": pairs}
        found.append({"epsilon": epsilon, "single": single} | scores | _judged(rows, name, folder))
    return {"GiB": peak, "runs": found}


def _judged(rows: pl.DataFrame, name: str, folder: str) -> dict[str, float]:
    """C2ST against the holdout, and the ROC AUC there of trees learnt from these or real rows."""
    import neotype as nt

    case = TABLES[name](Path(folder))
    report = nt.evaluate(
        rows,
        train=case.train,
        holdout=case.holdout,
        target=case.target,
        metrics=["c2st", "tstr"],
    )
    scores = {score.metric: (score.value or 0.0, score.floor or 0.0) for score in report.scores}
    (c2st, _), (tstr, real) = scores["c2st"], scores["tstr"]
    return {"C2ST": c2st, "TSTR": tstr, "TRTR": real}


def floor(name: str, folder: str) -> dict[str, float]:
    """How far real rows are from the train rows: the holdout as if it were made."""
    case = TABLES[name](Path(folder))
    single, pairs = Grid(case.train).distances(case.holdout)
    return {"one-way": statistics.mean(single.values()), "TVD": pairs}


def wide(rows: str, columns: str) -> dict[str, Any]:
    """Fit at ε = 1 and sample a made table of many columns or rows."""
    import neotype as nt

    frame = mixed(int(rows), int(columns))
    nt.fit(frame[:2000, :12], epsilon=1.0).sample(100, seed=0)
    clock = Clock()
    model = nt.fit(frame, epsilon=1.0, delta=DELTA / 10)
    fit, _ = clock.lap()
    model.sample(int(rows), seed=0)
    draw, _ = clock.lap()
    return {"fit": fit, "sample": draw, "GiB": Clock.peak()}


def _line(name: str, way: str, told: str, epsilon: float, found: dict[str, Any]) -> list[str]:
    runs = [run for run in found["runs"] if run["epsilon"] == epsilon]

    def of(score: str, digits: int) -> str:
        values = [run[score] for run in runs]
        spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):.{digits}f}{spread}"

    scores = [of(score, 4) for score in ("one-way", "TVD")]
    scores += [of(score, 3) for score in ("TSTR", "C2ST")]
    cost = [f"{statistics.mean(run['CPU-s'] for run in runs):.2f}", f"{found['GiB']:.2f}"]
    asked = ASKED.get((way, epsilon), "") if name == "adult" else ""
    return [f"{way}, with target" if told else way, f"{epsilon:g}", *scores, *cost, asked]


def private(folder: str | None, seeds: tuple[str, ...]) -> str:
    """The strategies on real tables, and what large tables cost."""
    if folder is None:
        raise SystemExit("private: name the folder of the tables, --data FOLDER")
    head = ["strategy", "ε", "one-way TVD", "TVD of pairs", "TSTR", "C2ST"]
    head += ["fit + sample, CPU-s", "GiB", "asked"]
    parts = []
    for name in NAMES:
        real = floor(name, folder)
        lines = []
        for way, told in WAYS:
            found = alone(
                "benchmarks.private", "strategy", name, folder, way, told, str(len(seeds))
            )
            for epsilon in EPSILONS:
                lines.append(_line(name, way, told, epsilon, found))
                print(name, "  ".join(lines[-1]), flush=True)
        learnt = statistics.mean(run["TRTR"] for run in found["runs"])
        limit = [f"{real['one-way']:.4f}", f"{real['TVD']:.4f}", f"{learnt:.3f}", ".5"]
        lines.insert(0, ["*real rows*", "", *limit, "", "", ""])
        parts.append(f"## {name.capitalize()}\n\n{table(head, lines)}\n")
    lines = []
    for rows, columns, asked in BIG:
        found = alone("benchmarks.private", "wide", rows, columns)
        cost = f"fit {found['fit']:.1f} + sample {found['sample']:.1f} CPU-s"
        lines.append([f"{int(rows):,} × {columns}", asked, f"{cost}, {found['GiB']:.2f} GiB"])
        print("  ".join(lines[-1]), flush=True)
    parts.append(f"## Large made tables, ε = 1\n\n{table(['table', 'asked', 'measured'], lines)}\n")
    note = (
        f"Fits of each: {len(seeds)} (mean ± standard deviation), δ = {DELTA:g} (large tables: "
        f"{DELTA / 10:g}), add or remove one row; no label and no bound is declared, the domain "
        "is paid for. TVD: total variation to the train "
        f"rows, numbers cut at the {BINS - 1} deciles of these, every label a symbol; the mean of "
        "all columns, and of all pairs of columns; of real rows that of the holdout. TSTR: ROC AUC "
        "on the real holdout of boosted trees learnt from synthetic rows, and from the train rows. "
        "C2ST: ROC AUC of a classifier that tells synthetic from holdout rows. Compiling is not "
        "counted."
    )
    return "\n".join([note, "", *parts])
