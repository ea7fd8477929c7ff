"""How fast a database is read and written: a table of ten columns on real servers and in files."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from benchmarks.measure import ROOT
from neotype.rng import Rng
from neotype.schema.keys import Keys
from neotype.source.database.pull import pull
from neotype.source.database.push import push


def rows(count: int) -> pl.DataFrame:
    """Whole numbers, floats, texts, a truth, a day, an instant and an amount."""
    draw = Rng(0).child("databases").generator()
    number = draw.integers(0, 10**6, count)
    return pl.DataFrame(
        {
            "id": range(count),
            "units": draw.integers(0, 1000, count),
            "x": draw.normal(size=count),
            "y": draw.normal(size=count).round(2),
            "name": pl.Series(number).cast(pl.String) + " name",
            "plan": draw.choice(["basic", "pro", "team"], count),
            "active": draw.integers(0, 2, count) == 1,
            "day": pl.Series(number // 50).cast(pl.Int32).cast(pl.Date),
            "seen": pl.Series(number * 1_000_003).cast(pl.Datetime("us")),
            "amount": pl.Series(number).cast(pl.Decimal(12, 0)).cast(pl.Decimal(12, 2)),
        }
    )


def _timed(work: Callable[[], object], count: int) -> str:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return f"{count / wall:,.0f} rows/s ({cpu:.1f} CPU-s here)"


def databases(count: int = 1_000_000) -> str:
    """Lines for each kind of database that is on this machine."""
    sys.path.append(str(ROOT / "tests"))
    import servers

    frame = rows(count)
    lines = [f"{count:,} rows × {frame.width} columns"]

    def line(name: str, url: str) -> None:
        keys = Keys({"t": ("id",)})
        written = _timed(lambda: push({"t": frame}, keys, url), count)
        read = _timed(lambda: pull(url), count)
        lines.append(f"{name}: written {written}, read {read}")

    with tempfile.TemporaryDirectory() as folder:
        for name in ("sqlite", "duckdb"):
            line(name, str(Path(folder) / f"rows.{name}"))
    for name, server in (("postgresql", servers.postgresql), ("mariadb", servers.mariadb)):
        try:
            with server() as running:
                line(name, running.url("postgres" if name == "postgresql" else "test"))
        except servers.NotHereError as reason:
            lines.append(f"{name}: {reason}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(databases(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
