"""What the evaluation costs, and what each measure sees of controls that are known."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.measure import Clock, alone, table
from benchmarks.tables import EXAMPLES, mixed

ROLES: dict[str, Any] = {
    "target": "income",
    "sensitive": ("sex", "race"),
    "quasi_identifiers": ("age", "sex", "race", "education", "native-country"),
}
COPIED = (0.0, 0.01, 0.05, 0.2)


def adult() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Train and holdout."""
    train, holdout = (
        pl.read_parquet(EXAMPLES / f"{n}.parquet") for n in ("adult", "adult_holdout")
    )
    return train, holdout


def shuffled(frame: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Every column on its own: no structure, and no copies but by chance."""
    generator = np.random.default_rng(seed)
    return pl.DataFrame([series[generator.permutation(frame.height)] for series in frame])


class Watch:
    """CPU seconds between the steps that a progress listener hears of."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.spent, self.last = names, {}, time.process_time()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.process_time()
        if stage == "check" and done:
            self.spent[self.names[done - 1]] = now - self.last
        if stage == "check":
            self.last = now


def cost(kind: str) -> dict[str, Any]:
    """The standard evaluation of one table, by measure."""
    import neotype as nt
    from neotype.evaluate.evaluate import suite

    roles: dict[str, Any] = {}
    if kind in ("adult", "million"):
        train, holdout = adult()
        roles = ROLES
        made = nt.fit(train, refine=0, seed=0).sample(
            1_000_000 if kind == "million" else train.height, seed=1
        )
    else:
        rows, columns = (int(part) for part in kind.split("x"))
        whole = mixed(3 * rows, columns)
        made, train, holdout = (whole[k * rows : (k + 1) * rows] for k in range(3))
        roles = {"target": whole.columns[2]}
    few = (frame.head(300) for frame in (made, train, holdout))
    warm_made, warm_train, warm_holdout = few
    nt.evaluate(warm_made, train=warm_train, holdout=warm_holdout, **roles)
    watch, clock = Watch(suite()), Clock()
    nt.evaluate(made, train=train, holdout=holdout, progress=watch, **roles)
    cpu, wall = clock.lap()
    return {"cpu": cpu, "wall": wall, "GiB": Clock.peak(), "measures": watch.spent}


def control(kind: str) -> dict[str, Any]:
    """The scores of a table whose faults are known: real rows, independent columns, copies."""
    import neotype as nt

    train, holdout = adult()
    if kind == "real":
        whole = holdout.sample(fraction=1.0, shuffle=True, seed=3)
        made, holdout = whole[: holdout.height // 2], whole[holdout.height // 2 :]
    else:
        # Copies must show beside rows that are no copies, and are as good as rows can be.
        base = shuffled(train) if kind == "independent" else nt.fit(train, seed=0).sample(seed=2)
        share = 0.0 if kind == "independent" else float(kind)
        copied = train.sample(round(share * train.height), seed=4)
        made = pl.concat([copied, base.head(train.height - copied.height)])
    report = nt.evaluate(made, train=train, holdout=holdout, **ROLES)
    return {
        s.metric: {"value": s.value, "interval": s.interval, "verdict": s.verdict, "axis": s.axis}
        for s in report.scores
    }


def drawn(seeds: str) -> dict[str, Any]:
    """A million synthetic rows measured again and again, each time on other rows of them."""
    import neotype as nt

    train, holdout = adult()
    made = nt.fit(train, refine=0, seed=0).sample(1_000_000, seed=1)
    found: dict[str, Any] = {}
    for seed in range(int(seeds)):
        report = nt.evaluate(made, train=train, holdout=holdout, seed=seed, **ROLES)
        for score in report.scores:
            if score.value is not None and score.interval is not None:
                found.setdefault(score.metric, []).append([score.value, *score.interval])
    return found


def subsampling(seeds: int = 6) -> str:
    """How far sub-samples of a million rows lie apart, beside the intervals that are printed."""
    rows = []
    for name, scores in alone("benchmarks.evaluation", "drawn", str(seeds)).items():
        values, low, high = np.array(scores).T
        half = float((high - low).mean()) / 2
        # A mean of equal numbers is off by rounding.
        inside = float((np.abs(values.mean() - (low + high) / 2) <= (high - low) / 2 + 1e-9).mean())
        rows.append([f"`{name}`", f"{values.std(ddof=1):.4f}", f"{half:.4f}", f"{inside:.0%}"])
    head = ["measure", "standard deviation over seeds", "half of the interval", "hold the mean"]
    note = (
        f"Adult, 1,000,000 synthetic rows, evaluated with {seeds} seeds: each draws other rows. "
        "The last column is the share of the printed intervals that hold the mean of all seeds."
    )
    return f"## Sub-sampling\n\n{note}\n\n{table(head, rows)}\n"


def costs() -> str:
    """The cost of the standard evaluation beside what was asked, and where it goes."""
    rows, spent = [], {}
    for kind, what, asked in (
        ("adult", "Adult: 32,561 synthetic rows, 16,281 holdout", "≤ 30 CPU-s, ≤ 1.5 GiB"),
        ("million", "Adult: 1,000,000 synthetic rows", "≤ 3 min"),
        ("20000x200", "20,000 rows × 200 columns", "≤ 3 min"),
    ):
        found = alone("benchmarks.evaluation", "cost", kind)
        spent[kind] = found["measures"]
        said = f"{found['cpu']:.1f} CPU-s, {found['wall']:.0f} s, {found['GiB']:.2f} GiB"
        rows.append([what, asked, said])
        print("  ".join(rows[-1]), flush=True)
    order = sorted(spent["adult"], key=lambda name: -spent["adult"][name])
    parts = [[f"`{name}`", *(f"{spent[kind][name]:.2f}" for kind in spent)] for name in order]
    note = "A measure pays for the views that it is the first to need (features, distances)."
    return (
        f"## Cost of the standard evaluation\n\n{table(['what', 'asked', 'measured'], rows)}\n\n"
        f"{note}\n\n{table(['CPU seconds', *spent], parts)}\n"
    )


def controls() -> str:
    """What every measure says of tables whose faults are known."""
    kinds = ("real", "independent", *(str(share) for share in COPIED))
    heads = ("real rows", "independent columns", *(f"{share:.0%} copied" for share in COPIED))
    found = {kind: alone("benchmarks.evaluation", "control", kind) for kind in kinds}
    marks = {"good": "●", "fair": "◐", "poor": "▲", "not judged": "·", "not measured": "○"}
    rows = []
    for name, first in found["0.0"].items():
        cells = []
        for kind in kinds:
            score = found[kind][name]
            value = "–" if score["value"] is None else f"{score['value']:.3f}"
            cells.append(f"{value} {marks[score['verdict']]}")
        rows.append([f"`{name}`", first["axis"], *cells])
        print("  ".join(rows[-1]), flush=True)
    note = (
        "Adult. Real rows: one half of the holdout in the synthetic table's place. Copied: the "
        "default model's rows, a share of them replaced by train rows. "
        "● good, ◐ fair, ▲ poor, · not judged, ○ not measured."
    )
    return f"## Controls\n\n{note}\n\n{table(['measure', 'axis', *heads], rows)}\n"


def evaluation() -> str:
    """All of it."""
    return f"{costs()}\n{controls()}\n{subsampling()}"
