"""How well missing cells are filled, and how often intervals from several copies hold the truth.

Cells are removed completely at random (MCAR), or the more often the higher another, always known
column is (MAR), and the filled cells are compared with the removed ones.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.measure import alone, table
from benchmarks.tables import TABLES

ROWS = 10_000
SHARE = 0.2
DRAWS = 10
WAYS = ("neotype", "mean and mode", "IterativeImputer")
TRIALS, SAMPLE, COPIES = 100, 1_000, 10


def removed(frame: pl.DataFrame, how: str, seed: int) -> pl.DataFrame:
    """The frame with a fifth of its cells gone; a first column stays whole under MAR."""
    generator = np.random.default_rng(seed)
    driver = next(name for name in frame.columns if frame[name].dtype.is_numeric())
    rank = frame[driver].rank("ordinal").to_numpy() / frame.height
    chance = np.full(frame.height, SHARE) if how == "MCAR" else 2 * SHARE * rank
    names = frame.columns if how == "MCAR" else [n for n in frame.columns if n != driver]
    gone = {name: pl.Series(generator.random(frame.height) < chance) for name in names}
    return frame.with_columns(
        pl.when(gone[name]).then(None).otherwise(pl.col(name)).alias(name) for name in names
    )


def _table(name: str, folder: str) -> pl.DataFrame:
    frame = TABLES[name](Path(folder) if folder else None).train
    names = [n for n in frame.columns if frame[n].n_unique() < 60 or frame[n].dtype.is_numeric()]
    ids = [n for n in names if n.lower() in ("no", "encounter_id", "patient_nbr")]
    return frame.select([n for n in names if n not in ids]).head(ROWS)


def _plain(frame: pl.DataFrame, holes: pl.DataFrame) -> list[pl.DataFrame]:
    """Means and modes."""
    filled = [
        holes[n].fill_null(
            holes[n].mean() if frame[n].dtype.is_float() else round(holes[n].mean())  # type: ignore[arg-type]
        )
        if frame[n].dtype.is_numeric()
        else holes[n].fill_null(holes[n].drop_nulls().mode().sort()[0])
        for n in frame.columns
    ]
    return [pl.DataFrame(filled)]


def _iterative(frame: pl.DataFrame, holes: pl.DataFrame, *, draw: bool) -> pl.DataFrame:
    """scikit-learn's IterativeImputer on quantities and one-hot labels."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    parts: list[np.ndarray] = []
    places: dict[str, tuple[int, int, list[str] | None]] = {}
    at = 0
    for n in frame.columns:
        if frame[n].dtype.is_numeric():
            part = holes[n].cast(pl.Float64).fill_null(np.nan).to_numpy()[:, None]
            places[n] = (at, at + 1, None)
        else:
            known = holes[n].drop_nulls().cast(pl.String).unique().sort().to_list()
            told = holes[n].cast(pl.String)
            part = np.array([(told == one).fill_null(False).to_numpy() for one in known]).T.astype(
                float
            )
            part[holes[n].is_null().to_numpy()] = np.nan
            places[n] = (at, at + len(known), known)
        parts.append(part)
        at += part.shape[1]
    cells = np.concatenate(parts, axis=1)
    scale = np.nanstd(cells, axis=0)
    scale[scale == 0] = 1
    model = IterativeImputer(
        max_iter=5,
        sample_posterior=draw,
        random_state=0,
        n_nearest_features=30,
        keep_empty_features=True,
    )
    made = model.fit_transform(cells / scale) * scale
    out = []
    for n in frame.columns:
        first, last, labels = places[n]
        if labels is None:
            drawn = pl.Series(n, made[:, first])
        else:
            drawn = pl.Series(n, np.array(labels)[made[:, first:last].argmax(axis=1)])
        out.append(holes[n].cast(drawn.dtype).fill_null(drawn).alias(n))
    return pl.DataFrame(out)


def imputation(name: str, folder: str, how: str, way: str) -> dict[str, Any]:
    """Error of the best guess, and distance of the distribution of single draws, of the holes."""
    import neotype as nt

    frame = _table(name, folder)
    holes = removed(frame, how, 0)
    start = time.perf_counter()
    if way == "neotype":
        draws = nt.impute(holes, draws=DRAWS, seed=0).frames
    elif way == "IterativeImputer":
        draws = [_iterative(frame, holes, draw=False)]
    else:
        draws = _plain(frame, holes)
    took = time.perf_counter() - start
    guess = draws
    if way == "IterativeImputer":
        draws = [_iterative(frame, holes, draw=True)]
    error, hits, far = [], [], []
    for n in frame.columns:
        gone = holes[n].is_null() & frame[n].is_not_null()
        if not gone.any():
            continue
        truth = frame[n].filter(gone)
        if truth.dtype.is_numeric():
            best = np.mean([d[n].filter(gone).to_numpy() for d in guess], axis=0)
            spread = float(frame[n].std() or 0.0)  # type: ignore[arg-type]
            if spread:
                error.append(float(np.sqrt(np.mean((best - truth.to_numpy()) ** 2))) / spread)
                far.append(_ks(truth.to_numpy(), draws[0][n].filter(gone).to_numpy()))
        else:
            votes = [d[n].filter(gone).cast(pl.String) for d in guess]
            best_label = pl.DataFrame({str(k): v for k, v in enumerate(votes)}).select(
                pl.concat_list(pl.all()).list.eval(pl.element().mode().sort().first()).list.first()
            )
            hits.append(float((best_label.to_series() == truth.cast(pl.String)).to_numpy().mean()))
            far.append(_tv(truth.cast(pl.String), draws[0][n].filter(gone).cast(pl.String)))
    return {
        "nrmse": float(np.mean(error)),
        "hits": float(np.mean(hits)) if hits else None,
        "far": float(np.mean(far)),
        "seconds": took,
    }


def _ks(one: np.ndarray, other: np.ndarray) -> float:
    grid = np.unique(np.r_[one, other])
    first, second = (np.searchsorted(np.sort(x), grid, side="right") / len(x) for x in (one, other))
    return float(np.abs(first - second).max())


def _tv(one: pl.Series, other: pl.Series) -> float:
    labels = pl.concat([one, other]).unique().to_list()
    return (
        sum(abs(float((one == x).mean() or 0) - float((other == x).mean() or 0)) for x in labels)
        / 2
    )


def coverage(how: str, way: str) -> dict[str, Any]:
    """How often 95 % intervals for facts of all of Adult hold them, and how wide they are."""
    import neotype as nt

    names = ["age", "education-num", "hours-per-week", "sex", "marital-status", "income"]
    whole = TABLES["adult"](None).train.select(names)
    truth = _facts(whole)[0]
    inside, width = np.zeros(len(truth)), np.zeros(len(truth))
    for trial in range(TRIALS):
        rows = np.random.default_rng(trial).permutation(whole.height)[:SAMPLE]
        frame = whole[rows]
        holes = frame if way == "no cell missing" else removed(frame, how, trial)
        if way == "neotype":
            found = nt.impute(holes, draws=COPIES, seed=trial).combine(_facts)
            low, high = found.low, found.high
        else:
            kept = holes.drop_nulls() if way == "complete rows" else _plain(frame, holes)[0]
            value, variance = _facts(frame if way == "no cell missing" else kept)
            low, high = value - 1.96 * np.sqrt(variance), value + 1.96 * np.sqrt(variance)
        inside += (low <= truth) & (truth <= high)
        width += high - low
    return {"inside": (inside / TRIALS).tolist(), "width": (width / TRIALS).tolist()}


FACTS = (
    "mean age",
    "mean hours",
    "share >50K",
    "slope of hours on education",
    "gap of sexes in >50K",
)


def _facts(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Five facts and their variances."""
    n = frame.height
    age, hours, school = (
        frame[c].to_numpy().astype(float) for c in ("age", "hours-per-week", "education-num")
    )
    rich, man = (frame["income"] == ">50K").to_numpy(), (frame["sex"] == "Male").to_numpy()
    centred = school - school.mean()
    slope = float(centred @ hours / (centred @ centred))
    rest = hours - hours.mean() - slope * centred
    p, q = rich[man].mean(), rich[~man].mean()
    value = [age.mean(), hours.mean(), rich.mean(), slope, p - q]
    variance = [
        age.var(ddof=1) / n,
        hours.var(ddof=1) / n,
        rich.var(ddof=1) / n,
        float((centred**2) @ (rest**2)) / float(centred @ centred) ** 2,
        p * (1 - p) / man.sum() + q * (1 - q) / (~man).sum(),
    ]
    return np.array(value), np.array(variance)


def tasks(folder: str | None) -> str:
    """Both tables of results."""
    rows = []
    for name in ("adult", "beijing", "diabetes130"):
        if name != "adult" and folder is None:
            continue
        for how in ("MCAR", "MAR"):
            for way in WAYS:
                found = alone("benchmarks.tasks", "imputation", name, folder or "", how, way)
                hits = "–" if found["hits"] is None else f"{found['hits']:.3f}"
                far, took = f"{found['far']:.3f}", f"{found['seconds']:.1f}"
                rows.append([name, how, way, f"{found['nrmse']:.3f}", hits, far, took])
                print("  ".join(rows[-1]), flush=True)
    head = ["table", "missing", "filled by", "NRMSE", "labels right", "distance", "seconds"]
    note = (
        f"{ROWS:,} rows, a fifth of the cells removed. NRMSE and labels right: the best guess, "
        f"mean or mode of {DRAWS} draws. Distance: of the filled cells of one copy to the removed "
        "ones, mean over columns (Kolmogorov–Smirnov, total variation). IterativeImputer has "
        "labels as one-hot columns and draws from its posterior for the distance."
    )
    held = []
    for how in ("MCAR", "MAR"):
        for way in ("no cell missing", "neotype", "complete rows", "mean and mode"):
            found = alone("benchmarks.tasks", "coverage", how, way)
            held.append(
                [
                    how,
                    way,
                    *(
                        f"{x:.2f} ({w:.3g})"
                        for x, w in zip(found["inside"], found["width"], strict=True)
                    ),
                ]
            )
            print("  ".join(held[-1]), flush=True)
    said = (
        f"{TRIALS} samples of {SAMPLE:,} rows of Adult, six columns; the share of 95 % intervals "
        f"that hold the fact of all rows, and in brackets their mean width. neotype: {COPIES} "
        "copies, combined by Rubin's rules."
    )
    return (
        f"## Missing cells filled\n\n{note}\n\n{table(head, rows)}\n\n"
        f"## Coverage\n\n{said}\n\n{table(['missing', 'way', *FACTS], held)}\n"
    )
