"""What a privacy budget costs: fidelity, use and CPU seconds of every strategy at ε = .1, 1 and 10.

Pairs of columns are compared as tables of counts. Numbers are cut at the deciles of the train rows,
and equal deciles once; every label of the train rows is a symbol (or each of the ten commonest),
all others are one more, and a missing cell is another.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
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
PUBLIC = Path(__file__).with_name("adult_public.yaml")


@dataclass(frozen=True)
class Way:
    """A strategy, whether it is told the target and a public domain, and the ε to measure."""

    strategy: str
    told: bool = False
    declared: bool = False
    epsilons: tuple[float, ...] = EPSILONS

    def __str__(self) -> str:
        told = [self.strategy, *["with target"] * self.told, *["declared"] * self.declared]
        return ", ".join(told)


WAYS = (
    Way("marginals", told=True),
    Way("marginals"),
    Way("aim", told=True, epsilons=(1.0,)),
    Way("mst", epsilons=(1.0,)),
    Way("privbayes", epsilons=(1.0,)),
    Way("independent", epsilons=(1.0,)),
)
DECLARED = (Way("marginals", told=True, declared=True), Way("marginals", declared=True))
"""Of Adult, whose labels are documented."""
ASKED = {
    ("marginals", 0.1): "TVD ≤ .065, TSTR ≥ .86",
    ("marginals", 1.0): "TVD ≤ .019, TSTR ≥ .90, C2ST ≤ .76, ≤ 5 CPU-s",
    ("marginals", 10.0): "TVD ≤ .011, TSTR ≥ .912",
    ("mst", 1.0): "≤ 1 CPU-s",
    ("aim", 1.0): "≤ 10 CPU-s",
}
"""Of Adult, in issue 6."""
BIG = (("10000", "100", "≤ 60 CPU-s, 2 GiB"), ("1000000", "15", "≤ 20 CPU-s, 2 GiB"))

SCORES = {"one-way": 4, "TVD": 4, "ten": 4, "TSTR": 3, "C2ST": 3}
HEAD = ("one-way TVD", "TVD of pairs", "of ten labels", "TSTR", "C2ST")

Cells = NDArray[np.int64]


class Grid:
    """The symbols of a table's columns, and how far other rows are from it in total variation."""

    def __init__(self, train: pl.DataFrame, labels: int | None = None) -> None:
        """Of each column the commonest `labels` are told apart, or all."""
        self._cuts = {name: _cuts(train[name], labels) for name in train.columns}
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


def _cuts(cells: pl.Series, labels: int | None) -> Any:
    if cells.dtype.is_numeric():
        return np.unique(np.quantile(cells.drop_nulls().to_numpy(), np.arange(1, BINS) / BINS))
    names = cells.cast(pl.String).drop_nulls().alias("label").value_counts(sort=True)
    return names["label"].head(labels if labels is not None else len(names)).sort().to_list()


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


def strategy(name: str, folder: str, way: str, seeds: str) -> dict[str, Any]:
    """Fit, sample and measure one table at every ε: all costs first, then all scores."""
    import neotype as nt

    case, how = TABLES[name](Path(folder)), Way(**json.loads(way))
    target, schema = case.target if how.told else None, PUBLIC if how.declared else None

    def made(frame: pl.DataFrame, epsilon: float) -> pl.DataFrame:
        model = nt.fit(
            frame, target, epsilon=epsilon, delta=DELTA, synthesizer=how.strategy, schema=schema
        )
        rows: pl.DataFrame = model.sample(frame.height, seed=0)
        return rows

    made(case.train.head(3000), 10.0)
    runs = []
    for epsilon in how.epsilons:
        for _ in range(int(seeds)):
            clock = Clock()
            rows = made(case.train, epsilon)
            runs.append((epsilon, clock.lap()[0], rows))
    peak = Clock.peak()
    found = [
        {"epsilon": epsilon, "CPU-s": cpu} | judged(rows, name, folder)
        for epsilon, cpu, rows in runs
    ]
    return {"GiB": peak, "runs": found}


def judged(rows: pl.DataFrame, name: str, folder: str) -> dict[str, float]:
    """Total variation to the train rows; against the holdout C2ST, and the ROC AUC of trees."""
    import neotype as nt

    case = TABLES[name](Path(folder))
    found = apart(case.train, rows)
    report = nt.evaluate(
        rows,
        train=case.train,
        holdout=case.holdout,
        target=case.target,
        metrics=["c2st", "tstr"],
    )
    scores = {score.metric: (score.value or 0.0, score.floor or 0.0) for score in report.scores}
    (c2st, _), (tstr, real) = scores["c2st"], scores["tstr"]
    return found | {"C2ST": c2st, "TSTR": tstr, "TRTR": real}


def apart(train: pl.DataFrame, rows: pl.DataFrame) -> dict[str, float]:
    """Total variation: of columns, of pairs, and of pairs where ten labels are told apart."""
    single, pairs = Grid(train).distances(rows)
    _, ten = Grid(train, labels=10).distances(rows)
    return {"one-way": statistics.mean(single.values()), "TVD": pairs, "ten": ten}


def floor(name: str, folder: str) -> dict[str, float]:
    """What real rows score: the holdout's distance, and trees learnt from the train rows."""
    case = TABLES[name](Path(folder))
    rows = case.train.sample(fraction=1.0, shuffle=True, seed=0)
    learnt = judged(rows, name, folder)["TRTR"]
    return apart(case.train, case.holdout) | {"TSTR": learnt, "C2ST": 0.5}


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


def _spread(values: list[float], digits: int) -> str:
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def lines(name: str, folder: str, way: Way, seeds: int) -> list[list[str]]:
    """Strategy, ε, scores and costs: one line for each ε."""
    found = alone(
        "benchmarks.private", "strategy", name, folder, json.dumps(asdict(way)), str(seeds)
    )
    rows = []
    for epsilon in way.epsilons:
        runs = [run for run in found["runs"] if run["epsilon"] == epsilon]
        cells = [str(way), f"{epsilon:g}"]
        for score, digits in SCORES.items():
            cells.append(_spread([run[score] for run in runs], digits))
        cells += [_spread([run["CPU-s"] for run in runs], 2), f"{found['GiB']:.2f}"]
        rows.append(cells)
        print(name, "  ".join(cells), flush=True)
    return rows


def _of_table(name: str, folder: str, seeds: int) -> str:
    """What every way makes of one table, beside what real rows score."""
    rows = []
    for way in WAYS + (DECLARED if name == "adult" else ()):
        asked = ASKED if name == "adult" else {}
        for epsilon, cells in zip(way.epsilons, lines(name, folder, way, seeds), strict=True):
            rows.append([*cells, asked.get((way.strategy, epsilon), "")])
    rows.insert(0, real_rows(name, folder))
    head = ["strategy", "ε", *HEAD, "fit + sample, CPU-s", "GiB", "asked"]
    return f"## {name.capitalize()}\n\n{table(head, rows)}\n"


def real_rows(name: str, folder: str) -> list[str]:
    found = alone("benchmarks.private", "floor", name, folder)
    return [
        "*real rows*",
        "",
        *(f"{found[score]:.{digits}f}" for score, digits in SCORES.items()),
        *[""] * 3,
    ]


def _large(seeds: int) -> str:
    """Made tables of many columns or rows."""
    rows = []
    for height, columns, asked in BIG:
        runs = [alone("benchmarks.private", "wide", height, columns) for _ in range(seeds)]
        fit, sample = (_spread([run[part] for run in runs], 1) for part in ("fit", "sample"))
        peak = max(run["GiB"] for run in runs)
        cost = f"fit {fit}, sample {sample} CPU-s; {peak:.2f} GiB"
        rows.append([f"{int(height):,} × {columns}", asked, cost])
        print("  ".join(rows[-1]), flush=True)
    return f"## Large made tables, ε = 1\n\n{table(['table', 'asked', 'measured'], rows)}\n"


def private(folder: str | None, seeds: tuple[str, ...]) -> str:
    """The strategies on real tables (without a folder on Adult), and what large tables cost."""
    names = NAMES if folder else NAMES[:1]
    parts = [_of_table(name, folder or "", len(seeds)) for name in names]
    return "\n".join([_note(len(seeds)), "", *parts, _large(len(seeds))])


def _note(seeds: int) -> str:
    return (
        f"Fits of each: {seeds} (mean ± standard deviation), δ = {DELTA:g} (large tables: "
        f"{DELTA / 10:g}), add or remove one row; no label and no bound is declared and the domain "
        "is paid for, but in lines that say *declared*: there `benchmarks/adult_public.yaml` is "
        "the schema, and all that it says counts as public. TVD: total variation to the train "
        f"rows, numbers cut at the {BINS - 1} deciles of these, every label a symbol; the mean of "
        "all columns, and of all pairs of columns; *of ten labels*: pairs where all but a column's "
        "ten commonest labels count as one; of real rows that of the holdout. TSTR: ROC AUC "
        "on the real holdout of boosted trees learnt from synthetic rows, and from the train rows. "
        "C2ST: ROC AUC of a classifier that tells synthetic from holdout rows. Compiling is not "
        "counted."
    )
