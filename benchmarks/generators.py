"""Every family on real tables: as it is learnt and refined, what it copies and what it costs.

A family is fitted once; its rows are scored, then it is refined and scored again.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from benchmarks.environment import Peer, environment, largest, ran, spent
from benchmarks.measure import Clock, alone, earlier, table
from benchmarks.tables import EXAMPLES, TABLES, mixed

NAMES = ("adult", "bank", "shoppers")
FAMILIES = (
    "trees", "bayes_net", "copula", "vine", "forest_flow",
    "vae", "gan", "diffusion", "transformer",
)  # fmt: skip
SLOW = ("forest_flow", "vae", "gan", "diffusion", "transformer")
"""Of these one fit has to do on all tables but the first."""
ASKED = {
    "bayes_net": "≤ .72 in 10",
    "copula": "≤ .90 in 10",
    "vae": "≤ .80 in 300",
    "gan": "≤ .85 in 300",
    "diffusion": "≤ .70 in 300",
    "transformer": "≤ .62 in 300",
}
WIDE = {"copula": "≤ 15", **dict.fromkeys(("gan", "vae", "diffusion", "transformer"), "≤ 240")}
METRICS = ("c2st", "dcr_share", "tstr", "trend")
SCORES = ("C2ST", "DCR share", "TSTR", "Trend")
ROUNDS = 8

PEERS = {
    "sdv": Peer(
        ("torch==2.13.0", "sdv==2.0.0 pyarrow"),
        ("GaussianCopula", "CTGAN", "TVAE"),
        "its defaults, but as many of the 300 epochs as the time allows",
    ),
    "mostlyai": Peer(
        ("torch==2.13.0", "mostlyai-engine==2.7.3"),
        ("TabularARGN",),
        "its defaults, and its own limit of time",
    ),
    "arfpy": Peer(("arfpy==0.1.1 pyarrow",), ("ARF",), "its defaults"),
}
CHOICES = (*FAMILIES, *PEERS)
NOTE = (
    "A family is fitted with its defaults (`refine=0`) and scored, then refined by "
    f"{ROUNDS} rounds and scored again: mean of so many fits ± standard deviation. C2ST, DCR "
    "share: .5 is the ideal; real holdout rows of Adult score .504 and .497. TSTR: AUC of the "
    "target, .928 of its real rows."
)
TRAINED = 400


def family(place: str, folder: str, name: str, seed: str) -> dict[str, Any]:
    """Fit one family, and refine it: scores and CPU seconds of both."""
    from neotype.data import Dataset
    from neotype.progress import silent
    from neotype.registry import find
    from neotype.rng import Rng
    from neotype.schema.infer import infer_schema
    from neotype.synth.refine import refined

    _warm(name)
    case = TABLES[place](Path(folder) if folder else None)
    data = Dataset(infer_schema({place: case.train}), {place: case.train})
    rng, clock = Rng(int(seed)), Clock()
    model = find("synthesizer", name)(refine=0).fit(data, rng=rng)
    fit, _ = clock.lap()
    found = {"plain": _scored(model, case, seed) | {"fit": fit}}
    clock = Clock()
    codes = model.codebook.encode(data)
    better = refined(model, model.codebook, codes, ROUNDS, rng.child("refine"), silent)
    more, _ = clock.lap()
    found["refined"] = _scored(better, case, seed) | {"fit": fit + more}
    return found | {"GiB": Clock.peak()}


def _warm(name: str) -> None:
    """Load every library and compiled kernel, so that they are not counted."""
    import neotype as nt
    from neotype.registry import find

    few = pl.read_parquet(EXAMPLES / "adult.parquet").head(600)
    kind = find("synthesizer", name)
    short = {"epochs": 1} if hasattr(kind, "learner") else {}
    nt.fit(few, synthesizer=kind(refine=1, **short), seed=0).sample(100, seed=0)


def _scored(model: Any, case: Any, seed: str) -> dict[str, float]:
    from neotype.rng import Rng

    clock = Clock()
    made = model.sample(case.train.height, rng=Rng(int(seed)).child("sample")).frame
    draw, _ = clock.lap()
    return judged(made, case) | {"sample": draw}


def judged(made: pl.DataFrame, case: Any) -> dict[str, float]:
    """What the rows score."""
    import neotype as nt

    report = nt.evaluate(
        made,
        train=case.train,
        holdout=case.holdout,
        target=case.target,
        metrics=list(METRICS),
    )
    return {score.metric: score.value for score in report.scores}


def wide(name: str) -> dict[str, float]:
    """Fit and sample 10,000 rows of 100 mixed columns, unrefined."""
    import neotype as nt
    from neotype.registry import find

    _warm(name)
    frame, clock = mixed(10_000, 100), Clock()
    model = nt.fit(frame, synthesizer=find("synthesizer", name)(refine=0), seed=0)
    fit, _ = clock.lap()
    model.sample(frame.height, seed=0)
    draw, _ = clock.lap()
    return {"fit": fit, "sample": draw, "GiB": Clock.peak()}


def peer(name: str, mechanism: str, python: str, limit: str) -> dict[str, Any]:
    """One run of another library on Adult: CPU seconds and memory are those of its process."""
    case = TABLES["adult"](None)
    with TemporaryDirectory() as folder:
        place = Path(folder)
        case.train.write_parquet(place / "train.parquet")
        asked = (python, name, mechanism, folder, limit)
        fault = ran(*asked, limit=4 * float(limit), OMP_NUM_THREADS="1")
        if fault:
            return {"error": fault}
        told = json.loads((place / "told.json").read_text())
        made = pl.read_parquet(place / "made.parquet")
    made = made.select(pl.col(c).cast(t, strict=False) for c, t in case.train.schema.items())
    cost = {"CPU-s": spent() - told["imports"], "note": told["note"], "GiB": largest()}
    return judged(made, case) | cost


def generators(
    folder: str | None,
    seeds: tuple[str, ...],
    only: list[str],
    cache: Path,
    limit: int,
    before: str,
) -> str:
    """The results; lines of what is not in `only` are those of `before`."""
    parts = [
        _of_table(p, folder or "", only, seeds, before) for p in NAMES if folder or p == "adult"
    ]
    parts += [_of_wide(only, before), _of_peers(only, cache, limit, before)]
    return "\n".join([f"{NOTE}\n", *parts])


def _earlier(before: str, title: str, first: str) -> list[list[str]]:
    _, _, section = before.partition(f"## {title}")
    return earlier(section.partition("\n## ")[0], first)


def _of_table(place: str, folder: str, only: list[str], seeds: tuple[str, ...], before: str) -> str:
    head = ["family", "refined", *SCORES, "fit + sample, CPU-s", "GiB", "fits", "C2ST asked, CPU-s"]
    rows = []
    for name in FAMILIES:
        if name not in only:
            rows += _earlier(before, place, name)
            continue
        few = seeds[:1] if name in SLOW and place != NAMES[0] else seeds
        runs = [alone("benchmarks.generators", "family", place, folder, name, s) for s in few]
        for way in ("plain", "refined"):
            cells = [name, "no" if way == "plain" else "yes"]
            cells += [_told([run[way][metric] for run in runs]) for metric in METRICS]
            cells.append(f"{statistics.mean(r[way]['fit'] + r[way]['sample'] for r in runs):.0f}")
            cells += [f"{max(run['GiB'] for run in runs):.2f}", str(len(runs))]
            asked = ASKED.get(name, "–") if way == "plain" else "≤ .60"
            rows.append([*cells, asked if place == "adult" else "–"])
            print(place, "  ".join(rows[-1]), flush=True)
    return f"## {place}\n\n{table(head, rows)}\n"


def _told(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def _of_wide(only: list[str], before: str) -> str:
    title = "10,000 rows of 100 mixed columns"
    rows = []
    for name in FAMILIES:
        if name not in only:
            rows += _earlier(before, title, name)
            continue
        found = alone("benchmarks.generators", "wide", name)
        cost = [f"{found['fit']:.0f}", f"{found['sample']:.1f}", f"{found['GiB']:.2f}"]
        rows.append([name, *cost, WIDE.get(name, "–")])
        print("wide", "  ".join(rows[-1]), flush=True)
    head = ["family", "fit, CPU-s", "sample, CPU-s", "GiB", "asked, CPU-s"]
    return f"## {title}, not refined\n\n{table(head, rows)}\n"


def _of_peers(only: list[str], cache: Path, limit: int, before: str) -> str:
    rows = []
    for name, one in PEERS.items():
        labels = [f"{name} {mechanism}" for mechanism in one.mechanisms]
        if name not in only:
            rows += [line for label in labels for line in _earlier(before, "Peers", label)]
            continue
        python, missing = environment(name, one, cache)
        for label, mechanism in zip(labels, one.mechanisms, strict=True):
            found: dict[str, Any] = {"error": missing}
            if not missing:
                told = (name, mechanism, str(python), str(limit))
                found = alone("benchmarks.generators", "peer", *told)
            rows.append([label, *_line(found)])
            print("  ".join(rows[-1]), flush=True)
    head = ["library", *SCORES, "fit + sample, CPU-s", "GiB", "note"]
    installed = "; ".join(
        f"{name}: `{'`, then `'.join(one.requirements)}` ({one.about})"
        for name, one in PEERS.items()
    )
    note = (
        f"Adult, one run each, in environments of their own; {limit} seconds to train at most. "
        f"One thread each, as ours; imports are not counted. Installed: {installed}."
    )
    return f"## Peers\n\n{note}\n\n{table(head, rows)}\n"


def _line(found: dict[str, Any]) -> list[str]:
    if "error" in found:
        return [*["–"] * 6, found["error"]]
    scores = [f"{found[metric]:.3f}" for metric in METRICS]
    return [*scores, f"{found['CPU-s']:.0f}", f"{found['GiB']:.2f}", found["note"] or "–"]
