"""Measure everything, or one part, and write its tables: `python -m benchmarks [PART ...]`.

Adult, Chinook and Sakila ship with the repository; the other tables are read from FOLDER, as
downloaded from UCI: shoppers.csv, beijing_pm25.csv, bank_marketing.csv, diabetes130.parquet,
bike_sharing_hour.csv; and for `relational` also panel_pbc2.csv and the folders rossmann, berka and
sakila, one CSV for each table and the keys in relations.json.

`generators`, every family on three tables, and `peers` are measured where they are named: they take
hours, and install other libraries, 9 GB of them, into --cache. `peers` writes its section into the
results of `private`.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.environment import CACHE
from benchmarks.evaluation import evaluation
from benchmarks.generators import CHOICES, TRAINED, generators
from benchmarks.marginal import marginal
from benchmarks.measure import ROOT, alone, table
from benchmarks.peers import LIBRARIES, LIMIT, peers
from benchmarks.private import private
from benchmarks.relational import relational
from benchmarks.spec import spec
from benchmarks.tables import TABLES
from benchmarks.tasks import tasks

RESULTS = ROOT / "benchmarks" / "results"
PARTS = ("frontier", "cost", "evaluation", "spec", "tasks", "relational", "marginal", "private")
_OUTSIDE = ("frontier", "tasks", "relational", "private", "generators")
"""Parts that measure tables which do not ship."""
SEEDS = ("0", "1", "2")
SECTION = "## Peers"


def _mean(runs: list[dict[str, Any]], metric: str) -> str:
    values = [run["scores"][metric][0] for run in runs]
    floor = statistics.mean(run["scores"][metric][2] for run in runs)
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread} ({floor:.3f})"


def frontier(folder: str | None, seeds: tuple[str, ...]) -> str:
    """Fidelity, copying and cost of the default settings on real tables."""
    head = ["table", "rows × columns", "refine", "C2ST", "DCR share", "MIA", "Trend", "TSTR"]
    head += ["fit + sample, CPU-s", "GiB"]
    rows = []
    for name in TABLES:
        if name != "adult" and folder is None:
            continue
        for refine in ("default", "0"):
            runs = [
                alone("benchmarks.cases", "frontier", name, folder or "", refine, seed)
                for seed in seeds
            ]
            first = runs[0]
            cost = statistics.mean(run["fit"] + run["sample"] for run in runs)
            metrics = ("c2st", "dcr_share", "mia_distance", "trend", "tstr")
            rows.append(
                [name, f"{first['rows']:,} × {first['columns']}", refine]
                + [_mean(runs, metric) for metric in metrics]
                + [f"{cost:.1f}", f"{max(run['GiB'] for run in runs):.2f}"]
            )
            print("  ".join(rows[-1]), flush=True)
    note = (
        f"Mean of {len(seeds)} seeds ± standard deviation; in brackets the floor, what real "
        "holdout rows score. C2ST: .5 is undetectable. DCR share, MIA: .5 is no copying. TSTR: "
        "ROC AUC, R² on Beijing and macro-F1 on Diabetes130; its floor is the score of a model "
        "trained on real rows."
    )
    return f"## The frontier\n\n{note}\n\n{table(head, rows)}\n"


def cost() -> str:
    """What fitting, sampling and the whole run cost."""
    rows = []

    def add(what: str, asked: str, measured: str) -> None:
        rows.append([what, asked, measured])
        print(f"{what}: {measured}", flush=True)

    adult = alone("benchmarks.cases", "frontier", "adult", "", "0", "0")
    used = adult["fit"] + adult["sample"]
    add("Adult, `refine=0`: fit + sample", "≤ 2 CPU-s", f"{used:.2f} CPU-s")
    adult = alone("benchmarks.cases", "frontier", "adult", "", "default", "0")
    used = adult["fit"] + adult["sample"]
    add("Adult, default: fit + sample", "≤ 30 CPU-s", f"{used:.1f} CPU-s")
    for refine, least, many in (("0", "500,000", "2000000"), ("8", "30,000", "200000")):
        found = alone("benchmarks.cases", "rate", refine, many)
        label = "default" if refine == "8" else "`refine=0`"
        speed = f"{found['rows/s']:,.0f} rows/s, {found['rows/CPU-s']:,.0f} per CPU-s"
        add(f"Adult, {label}: sampling on two cores", f"≥ {least} rows/s", speed)
    for rows_, columns, refine, asked in (
        ("10000", "100", "0", "≤ 8 CPU-s"),
        ("10000", "100", "default", ""),
        ("1000000", "15", "0", "≤ 60 CPU-s, 4 GiB"),
        ("1000000", "15", "default", ""),
    ):
        found = alone("benchmarks.cases", "wide", rows_, columns, refine)
        how = "default" if refine == "default" else "`refine=0`"
        what = f"{int(rows_):,} × {columns} mixed, {how}"
        done = (
            f"fit {found['fit']:.1f} + sample {found['sample']:.1f} CPU-s, {found['GiB']:.2f} GiB"
        )
        add(what, asked, done)
    found = alone("benchmarks.cases", "whole")
    seconds = f"{found['cpu']:.0f} CPU-s, {found['GiB']:.2f} GiB"
    add("`neotype run` on Adult with the report", "≤ 60 CPU-s", seconds)
    add("`import neotype`", "≤ 0.3 s", f"{alone('benchmarks.cases', 'imports')['seconds']:.3f} s")
    return f"## Cost\n\n{table(['what', 'asked', 'measured'], rows)}\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = (*PARTS, "generators", "peers")
    parser.add_argument("parts", nargs="*", choices=names, metavar="PART", help=", ".join(names))
    parser.add_argument("--data", help="folder with the tables that do not ship")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--to", type=Path, default=RESULTS)
    parser.add_argument("--cache", type=Path, default=CACHE, help="environments of peers")
    parser.add_argument(
        "--limit",
        type=int,
        help=f"seconds for each run of a peer ({LIMIT}), or for its training ({TRAINED})",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=(*LIBRARIES, *CHOICES),
        metavar="NAME",
        help="of `peers` a library, of `generators` a family or a library; lines of others stay",
    )
    return parser.parse_args()


def parted(folder: Path) -> tuple[str, str]:
    """The results of `private` as they are, and the section of `peers` at their end."""
    path = folder / "private.md"
    own, mark, section = (path.read_text() if path.exists() else "").partition(SECTION)
    return own, mark + section


def earlier(path: Path) -> str:
    """What was measured before."""
    return path.read_text() if path.exists() else ""


def write(folder: Path, part: str, head: str, found: str) -> None:
    """The results of a part in a file; those of `peers` stand at the end of those of `private`."""
    folder.mkdir(parents=True, exist_ok=True)
    path, text = folder / f"{part}.md", f"# Results: {part}\n\n{head}\n\n{found}"
    own, section = parted(folder)
    if part == "private" and section:
        text += f"\n{section}"
    elif part == "peers":
        path = folder / "private.md"
        text = own + found.replace(SECTION, f"{SECTION}\n\n{head}", 1)
    path.write_text(text)
    print(f"written to {path}")


def main() -> None:
    asked = arguments()
    seeds = tuple(str(seed) for seed in range(asked.seeds))
    measured: dict[str, Callable[[], str]] = {
        "frontier": lambda: frontier(asked.data, seeds),
        "cost": cost,
        "evaluation": evaluation,
        "spec": lambda: spec(seeds),
        "tasks": lambda: tasks(asked.data),
        "relational": lambda: relational(asked.data),
        "marginal": marginal,
        "private": lambda: private(asked.data, seeds),
        "generators": lambda: generators(
            asked.data,
            seeds,
            asked.only or list(CHOICES),
            asked.cache,
            asked.limit or TRAINED,
            earlier(asked.to / "generators.md"),
        ),
        "peers": lambda: peers(
            asked.cache,
            asked.limit or LIMIT,
            asked.only or list(LIBRARIES),
            asked.seeds,
            parted(asked.to)[1],
        ),
    }
    names = ("neotype", "numpy", "polars", "numba", "lightgbm", "opendp")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    for part in asked.parts or PARTS:
        options = " --data FOLDER" if part in _OUTSIDE else ""
        if part in ("frontier", "spec", "private", "generators", "peers"):
            options += f" --seeds {asked.seeds}"
        if asked.only:
            options += f" --only {' '.join(asked.only)}"
        head = f"Made by `python -m benchmarks {part}{options}` on {machine}; {versions}."
        write(asked.to, part, head, measured[part]())


if __name__ == "__main__":
    main()
