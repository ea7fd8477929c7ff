"""What declared tables cost, and how like a table its statistics are."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Clock, alone, table
from benchmarks.tables import EXAMPLES, TABLES

PLAIN: dict[str, Any] = {
    "age": {
        "kind": "numeric",
        "subtype": "integer",
        "distribution": {"normal": [40, 12], "minimum": 18, "maximum": 95},
    },
    "income": {"kind": "numeric", "decimals": 2, "distribution": {"lognormal": [10, 0.5]}},
    "items": {"kind": "numeric", "subtype": "integer", "distribution": {"poisson": 3}},
    "weight": {"kind": "numeric", "distribution": {"gamma": [2, 1.5]}},
    "score": {"kind": "numeric", "distribution": {"uniform": [0, 100]}},
    "country": {
        "kind": "categorical",
        "distribution": {"DE": 5, "FR": 3, "IT": 2, "ES": 2, "PL": 1},
    },
    "plan": {"kind": "categorical", "distribution": {"basic": 6, "pro": 3, "team": 1}},
    "size": {"kind": "ordinal", "values": ["S", "M", "L", "XL"], "distribution": [2, 4, 3, 1]},
    "channel": {
        "kind": "categorical",
        "depends_on": "country",
        "distribution": {
            "DE": {"web": 3, "app": 1},
            "otherwise": {"web": 1, "app": 2, "shop": 1},
        },
    },
    "member": {"kind": "boolean", "distribution": 0.3},
}
PERSONAL: dict[str, Any] = {
    "name": {"kind": "personal", "category": "full_name"},
    "email": {"kind": "personal", "category": "email", "unique": True},
    "phone": {"kind": "personal", "category": "phone"},
    "address": {"kind": "personal", "category": "address"},
    "iban": {"kind": "personal", "category": "iban"},
}
LAPS = 7
TIED = {"age": {"income": 0.5, "weight": -0.2}, "income": {"score": 0.3}}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": (PLAIN, {}),
    "tied": (PLAIN, {"correlations": TIED}),
    "personal": (PERSONAL, {}),
    "both": (PLAIN | PERSONAL, {}),
}


def rate(case: str, rows: str) -> dict[str, Any]:
    """Rows of a declared table per second, the best of several laps."""
    import neotype as nt

    columns, facts = CASES[case]
    model = nt.from_spec({"tables": {"t": {"columns": columns, **facts}}})
    model.sample(20_000, seed=1)
    laps = []
    for seed in range(LAPS):
        clock = Clock()
        model.sample(int(rows), seed=seed)
        laps.append(clock.lap())
    cpu, wall = (min(times) for times in zip(*laps, strict=True))
    return {"rows/s": int(rows) / wall, "rows/CPU-s": int(rows) / cpu, "GiB": Clock.peak()}


def shop(rows: str) -> dict[str, Any]:
    """`neotype sample examples/shop.yaml`, as a user calls it, with the file written."""
    import resource
    import subprocess
    import sys

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.parquet"
        command = [sys.executable, "-m", "neotype", "sample", str(EXAMPLES / "shop.yaml")]
        clock = Clock()
        subprocess.run([*command, "-n", rows, "-o", str(path)], check=True, capture_output=True)
        _, wall = clock.lap()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime
        return {"wall": wall, "cpu": cpu, "MiB": path.stat().st_size / 2**20}


def likeness(name: str, how: str, seed: str) -> dict[str, Any]:
    """How like a real table the rows are that its statistics, or a model, make."""
    import neotype as nt
    from neotype.data import Dataset
    from neotype.spec.stated import stated

    real = TABLES[name](None)
    clock = Clock()
    if how == "stats":
        data = Dataset.of(nt.infer_schema(real.train), real.train)
        model: Any = nt.from_spec(stated(data))
    elif how == "trees":
        model = nt.fit(real.train, target=real.target, seed=int(seed))
    else:
        model = nt.fit(real.train, synthesizer=how, seed=int(seed))
    cpu, _ = clock.lap()
    made = model.sample(real.train.height, seed=int(seed))
    wanted = ["accuracy_1way", "accuracy_2way", "c2st", "tstr"]
    report = nt.evaluate(
        made, train=real.train, holdout=real.holdout, target=real.target, metrics=wanted
    )
    return {"cpu": cpu, **{s.metric: [s.value, s.floor] for s in report.scores}}


def spec(seeds: tuple[str, ...]) -> str:
    """Throughput, and the likeness of stated statistics."""
    rows = []
    for case, what, asked, count in (
        ("plain", "ten columns: five of numbers, five of labels", "≥ 1,000,000", "1000000"),
        ("tied", "the same, with three rank correlations", "", "1000000"),
        ("personal", "name, email (unique), phone, address, IBAN", "≥ 100,000", "200000"),
        ("both", "all fifteen", "", "200000"),
    ):
        found = alone("benchmarks.spec", "rate", case, count)
        per = [f"{found[key]:,.0f}" for key in ("rows/s", "rows/CPU-s")]
        rows.append([what, asked, *per, f"{found['GiB']:.2f}"])
    whole = alone("benchmarks.spec", "shop", "1000000")
    speed = table(["columns", "asked, rows/s", "rows/s", "rows per CPU-s", "GiB"], rows)
    command = (
        f"`neotype sample examples/shop.yaml -n 1000000 -o orders.parquet` (15 columns, with the "
        f"start of Python and a file of {whole['MiB']:.0f} MiB): {whole['wall']:.0f} s, "
        f"{whole['cpu']:.0f} CPU-s."
    )
    likes = []
    for how in ("independent", "stats", "trees"):
        runs = [alone("benchmarks.spec", "likeness", "adult", how, seed) for seed in seeds]
        cells = [
            f"{statistics.mean(run[m][0] for run in runs):.3f} ({runs[0][m][1]:.3f})"
            for m in ("accuracy_1way", "accuracy_2way", "c2st", "tstr")
        ]
        likes.append([how, *cells, f"{statistics.mean(run['cpu'] for run in runs):.1f}"])
    head = ["Adult by", "accuracy_1way", "accuracy_2way", "c2st", "tstr", "CPU-s to learn"]
    note = (
        f"`stats` is the schema that `neotype inspect --stats` writes. Mean over seeds: "
        f"{len(seeds)}; in brackets what real holdout rows score. "
        "C2ST: .5 is undetectable, 1 is told at once."
    )
    return (
        f"## Throughput\n\nOne process, frames in memory; the best of {LAPS} laps, since other "
        f"work ran beside.\n\n{speed}\n\n"
        f"{command}\n\n## Statistics instead of data\n\n{note}\n\n{table(head, likes)}\n"
    )
