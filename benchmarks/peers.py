"""Other libraries for private tables on Adult: the same rows, budget and measures as ours.

Each is installed into an environment of its own, in a folder outside of the repository, and a small
script there (`benchmarks/adapters`) turns codes into codes. The domain, with bins that are read
from the train rows, is given to them for nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from benchmarks.coding import BINS, Domain
from benchmarks.environment import Peer, environment, largest, ran, spent
from benchmarks.measure import alone, earlier, table
from benchmarks.private import DELTA, HEAD, SCORES, Way, judged, lines, real_rows
from benchmarks.tables import TABLES

NAME, EPSILON = "adult", 1.0
LIMIT = 1200


PEERS = {
    "mbi": Peer(
        ("mbi==2.0.0 pandas pyarrow",),
        ("mst", "aim"),
        "the mechanisms are not in its wheel and were written after the papers, with the settings "
        "of its repository; inference and sampling are the library's",
    ),
    "dpmm": Peer(("dpmm==0.1.9 pyarrow==16.1.0",), ("mst", "privbayes", "aim"), "its defaults"),
    "smartnoise": Peer(
        # Asked for first: otherwise opacus brings whatever torch is newest, with gigabytes of CUDA.
        ("torch==2.13.0", "smartnoise-synth==1.0.8 pyarrow"),
        ("mst", "aim"),
        "its defaults",
    ),
}
LIBRARIES = ("neotype", *PEERS)
OURS = (
    Way("marginals", told=True, epsilons=(EPSILON,)),
    Way("marginals", told=True, declared=True, epsilons=(EPSILON,)),
    Way("mst", epsilons=(EPSILON,)),
    Way("mst", declared=True, epsilons=(EPSILON,)),
    Way("aim", epsilons=(EPSILON,)),
    Way("aim", declared=True, epsilons=(EPSILON,)),
    Way("privbayes", epsilons=(EPSILON,)),
)


def measured(name: str, mechanism: str, python: str, limit: str) -> dict[str, Any]:
    """One run of a peer: CPU seconds and memory are those of its process alone."""
    case = TABLES[NAME](None)
    domain = Domain(case.train)
    with TemporaryDirectory() as folder:
        place = Path(folder)
        domain.codes(case.train).write_parquet(place / "train.parquet")
        (place / "domain.json").write_text(json.dumps(domain.sizes))
        # Floats of 64 bits, as mbi asks for where there are many rows.
        fault = ran(
            python, name, mechanism, folder, str(EPSILON), str(DELTA),
            limit=float(limit), JAX_ENABLE_X64="1", JAX_PLATFORMS="cpu",
        )  # fmt: skip
        if fault:
            return {"error": fault}
        imports = json.loads((place / "imports.json").read_text())
        rows = domain.rows(pl.read_parquet(place / "made.parquet"), seed=0)
    cost = {"imports": imports, "CPU-s": spent() - imports}
    return cost | {"GiB": largest()} | judged(rows, NAME, "")


def coded() -> dict[str, float]:
    """The train rows after coding and decoding: what no peer can pass."""
    case = TABLES[NAME](None)
    domain = Domain(case.train)
    return judged(domain.rows(domain.codes(case.train), seed=0), NAME, "")


def _scores(found: dict[str, float]) -> list[str]:
    return [f"{found[score]:.{digits}f}" for score, digits in SCORES.items()]


def _of_peer(name: str, cache: Path, limit: int) -> list[list[str]]:
    python, missing = environment(name, PEERS[name], cache)
    rows = []
    for mechanism in PEERS[name].mechanisms:
        found: dict[str, Any] = {"error": missing}
        if not missing:
            found = alone("benchmarks.peers", "measured", name, mechanism, str(python), str(limit))
        cells = [name, mechanism, "given"]
        if "error" in found:
            cells += [found["error"], *[""] * 6]
        else:
            cost = [f"{found['CPU-s']:.1f}", f"{found['imports']:.1f}", f"{found['GiB']:.2f}"]
            cells += [*_scores(found), *cost]
        rows.append(cells)
        print("  ".join(cells), flush=True)
    return rows


def _of_ours(seeds: int) -> list[list[str]]:
    rows = []
    for way in OURS:
        for _, _, *scores, cpu, peak in lines(NAME, "", way, seeds):
            domain = "declared" if way.declared else "paid for"
            label = f"{way.strategy}, with target" if way.told else way.strategy
            rows.append(["neotype", label, domain, *scores, cpu, "–", peak])
    return rows


def peers(cache: Path, limit: int, only: list[str], seeds: int, before: str) -> str:
    """A section for the results of `private`; lines of libraries not in `only` stay."""
    _, _, *real = real_rows(NAME, "")
    rows = [["*real rows*", "", "", *real]]
    found = alone("benchmarks.peers", "coded")
    rows.append(["*coded rows*", "", "given", *_scores(found), "", "", ""])
    for name in LIBRARIES:
        if name not in only:
            rows += earlier(before, name)
        else:
            rows += _of_ours(seeds) if name == "neotype" else _of_peer(name, cache, limit)
    head = ["library", "mechanism", "domain", *HEAD, "fit + sample, CPU-s", "imports, CPU-s", "GiB"]
    return f"## Peers\n\n{_note()}\n\n{table(head, rows)}\n"


def _note() -> str:
    installed = "; ".join(
        f"{name}: `{'`, then `'.join(peer.requirements)}` ({peer.about})"
        for name, peer in PEERS.items()
    )
    return (
        f"Adult, ε = {EPSILON:g}, δ = {DELTA:g}; of neotype as many fits as seeds, of others one "
        "each; scores are computed from rows by the same code. *Given*: others need codes and "
        "get them for nothing, read from the train rows: every label, a code for missing cells, "
        f"and of numbers about {BINS} bins: heavy values by themselves, others between quantiles. "
        "They know the number of rows, too. Decoded numbers are spread evenly between the smallest "
        "and the largest value of their bin; *coded rows* are the train rows after that. *Paid "
        "for*: neotype knows names and dtypes alone; *declared*: `benchmarks/adult_public.yaml`, "
        "which counts as public. Each peer runs in an environment and a process of its own. What "
        "JAX compiles is part of their run, and their imports are not; neotype is compiled before. "
        "GiB: with imports. Noise is floating-point in mbi, and was never seeded anywhere. A run "
        "is stopped after the seconds of `--limit`; lines of libraries that `--only` does not name "
        f"are those of an earlier run. Installed: {installed}."
    )
