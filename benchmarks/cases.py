"""The measurements, by name: each prints one line of JSON."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Clock
from benchmarks.tables import EXAMPLES, TABLES, mixed


def _warm() -> None:
    """Load every library and compiled kernel, so that they are not counted."""
    import polars as pl

    import neotype as nt

    few = pl.read_parquet(EXAMPLES / "adult.parquet").head(1500)
    nt.fit(few, refine=1, seed=0).sample(100, seed=0)


def frontier(name: str, folder: str, refine: str, seed: str) -> dict[str, Any]:
    """Fit, sample and measure one table: the scores and what they cost."""
    import neotype as nt

    table = TABLES[name](Path(folder) if folder else None)
    _warm()
    options = {} if refine == "default" else {"refine": int(refine)}
    clock = Clock()
    model = nt.fit(table.train, target=table.target, seed=int(seed), **options)
    fit, _ = clock.lap()
    made = model.sample(table.train.height, seed=int(seed))
    draw, _ = clock.lap()
    memory = Clock.peak()
    wanted = ["shape", "trend", "c2st", "tstr", "dcr_share", "exact_copies", "mia_distance"]
    report = nt.evaluate(
        made, train=table.train, holdout=table.holdout, target=table.target, metrics=wanted
    )
    measured, _ = clock.lap()
    scores = {s.metric: [s.value, s.interval, s.floor] for s in report.scores}
    return {
        "rows": table.train.height,
        "columns": table.train.width,
        "fit": fit,
        "sample": draw,
        "evaluate": measured,
        "GiB": memory,
        "scores": scores,
    }


def wide(rows: str, columns: str, refine: str) -> dict[str, Any]:
    """Fit and sample a made table of many columns or rows."""
    import neotype as nt

    frame = mixed(int(rows), int(columns))
    _warm()
    options = {} if refine == "default" else {"refine": int(refine)}
    clock = Clock()
    model = nt.fit(frame, seed=0, **options)
    fit, fit_wall = clock.lap()
    model.sample(min(int(rows), 100_000), seed=0)
    draw, _ = clock.lap()
    return {"fit": fit, "fit wall": fit_wall, "sample": draw, "GiB": Clock.peak()}


def rate(refine: str, rows: str) -> dict[str, Any]:
    """Rows of Adult sampled per second."""
    import polars as pl

    import neotype as nt

    model = nt.fit(pl.read_parquet(EXAMPLES / "adult.parquet"), refine=int(refine), seed=0)
    model.sample(20_000, seed=0)
    clock = Clock()
    model.sample(int(rows), seed=1)
    cpu, wall = clock.lap()
    return {"cpu": cpu, "wall": wall, "rows/s": int(rows) / wall, "rows/CPU-s": int(rows) / cpu}


def whole() -> dict[str, Any]:
    """`neotype run` on Adult, with the report, as a user calls it."""
    import resource

    plan = (EXAMPLES / "adult.yaml").read_text()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("adult.parquet", "adult_holdout.parquet"):
            (Path(folder) / name).symlink_to(EXAMPLES / name)
        (Path(folder) / "adult.yaml").write_text(plan)
        command = [sys.executable, "-m", "neotype", "run", "adult.yaml", "--force"]
        clock = Clock()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        _, wall = clock.lap()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu": used.ru_utime + used.ru_stime, "wall": wall, "GiB": used.ru_maxrss / 2**20}


def imports() -> dict[str, Any]:
    """`import neotype` beside an empty Python: seconds, the least of seven."""

    def least(code: str) -> float:
        times = []
        for _ in range(7):
            clock = Clock()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(clock.lap()[1])
        return min(times)

    return {"seconds": least("import neotype") - least("pass")}
