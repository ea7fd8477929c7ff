"""Reports to test with: real Adult rows, and scores with every detail that measures promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.encode.encoder import Protection
from neotype.evaluate.metric import Score
from neotype.policy.ruling import Outcome, Ruling
from neotype.report.report import Report, RunFacts, build
from neotype.report.words import title
from neotype.schema.schema import Schema

EXAMPLES = Path(__file__).parent.parent / "examples"


def plain_schema(frame: pl.DataFrame, **kinds: Mapping[str, Any]) -> Schema:
    """Numbers are numeric, times datetime, the rest categorical, unless `kinds` says otherwise."""
    columns = {}
    for name, dtype in frame.schema.items():
        kind: dict[str, Any] = {"kind": "categorical", "reason": "few distinct labels"}
        if dtype.is_numeric():
            kind = {"kind": "numeric", "reason": "numbers with many values"}
            kind["subtype"] = "integer" if dtype.is_integer() else "float"
        elif dtype.is_temporal():
            kind = {"kind": "datetime", "reason": "a time"}
        elif dtype == pl.Boolean:
            kind = {"kind": "boolean", "reason": "true or false"}
        columns[name] = {"storage": str(dtype), **kinds.get(name, kind)}
    return Schema.model_validate({"tables": {"t": {"columns": columns}}})


def adult() -> tuple[Dataset, Dataset, Dataset]:
    """Train, holdout, and a stand-in: holdout rows with one cell in eight from another row."""
    train = pl.read_parquet(EXAMPLES / "adult.parquet")
    holdout = pl.read_parquet(EXAMPLES / "adult_holdout.parquet")
    rng = np.random.default_rng(0)
    mixed = {}
    for name in holdout.columns:
        swap = rng.random(holdout.height) < 0.12
        other = holdout[name].gather(rng.permutation(holdout.height))
        mixed[name] = holdout[name].zip_with(pl.Series(~swap), other)
    schema = plain_schema(train)
    return tuple(Dataset.of(schema, f) for f in (train, holdout, pl.DataFrame(mixed)))


def scores(columns: list[str], target: str | None = "income") -> tuple[Score, ...]:
    """What a good run says, with every detail."""
    rng = np.random.default_rng(1)
    size = len(columns)
    real = np.tril(rng.beta(1, 4, (size, size)), -1)
    real += real.T + np.eye(size)
    made = np.clip(real + np.tril(rng.normal(0, 0.03, (size, size)), -1), 0, 1)
    made = np.tril(made) + np.tril(made, -1).T
    match = dict(zip(columns, (1 - rng.beta(1, 60, size)).tolist(), strict=True))
    x = np.linspace(0, 1, 41)
    edges = np.linspace(0, 0.5, 31)
    bell = np.exp(-(((edges[:-1] - 0.12) / 0.06) ** 2))
    kept = {c: {"real": 0.8, "synthetic": 0.79, "share": 0.79 / 0.8} for c in columns}
    details: list[tuple[Any, ...]] = [
        ("shape", "Shape", "fidelity", 0.985, 0.993, "higher", 0.97, "good", {"columns": match}),
        (
            "trend", "Trend", "fidelity", 0.962, 0.982, "higher", 0.95, "good",
            {
                "columns": columns, "real": real.tolist(), "synthetic": made.tolist(),
                "similarity": (1 - abs(real - made) / 2).tolist(),
            },
        ),
        (
            "accuracy_3way", "3-way accuracy", "fidelity", 0.871, 0.902, "higher", 0.87, "good",
            {"ceiling": 0.902, "worst": [{"columns": columns[:3], "score": 0.71}]},
        ),
        (
            "c2st", "Detection (C2ST)", "fidelity", 0.563, 0.501, "lower", 0.55, "fair",
            {
                "importance": [
                    {"column": c, "share": s}
                    for c, s in zip(columns, np.geomspace(0.4, 0.001, size).tolist(), strict=True)
                ],
                "roc": np.stack([x, x**0.78], 1).tolist(),
                "logistic": 0.512, "published_score": 0.874, "rows": 16281,
            },
        ),
        (
            "tstr", "Train on synthetic, test on real", "utility", 0.921, 0.927, "higher", 0.917,
            "good",
            {
                "target": target, "task": "binary", "measure": "ROC AUC", "real": 0.927,
                "synthetic": 0.921, "interval_real": [0.922, 0.931],
            },
        ),
        (
            "tstr_all", "All columns in turn", "utility", 0.974, 1.0, "higher", 0.95, "good",
            {"columns": kept},
        ),
        (
            "dcr_share", "DCR share", "privacy", 0.508, 0.5, "near_floor", 0.515, "good",
            {
                "edges": edges.tolist(), "synthetic_to_train": bell.tolist(),
                "synthetic_to_holdout": (bell * 0.99).tolist(),
                "holdout_to_train": (bell * 0.98).tolist(),
                "nndr": {"edges": [], "synthetic": []},
            },
        ),
        (
            "exact_copies", "Exact copies", "privacy", 0.0003, 0.0005, "near_floor", 0.001, "good",
            {"copies": 9, "rows": 32561, "holdout_copies": 17},
        ),
        (
            "mia_distance", "Membership guess", "privacy", 0.504, 0.5, "lower", 0.51, "good",
            {
                "roc": np.stack([x, x], 1).tolist(), "tpr_at_1pct_fpr": 0.011,
                "interval": [0.009, 0.014],
            },
        ),
    ]  # fmt: skip
    return tuple(
        Score(
            name, title, axis, value, (value - 0.004, value + 0.004), floor, better, goal, verdict,
            f"What {title} tells: {value}.", detail,
        )
        for name, title, axis, value, floor, better, goal, verdict, detail in details
    )  # fmt: skip


def full_scores() -> tuple[Score, ...]:
    """One score for every kind of picture: attacks, groups, rare events, times, coefficients."""
    spans = {"main": [0.28, 0.34], "control": [0.27, 0.33], "baseline": [0.05, 0.08]}
    runs = {"main": 0.31, "control": 0.30, "baseline": 0.06, "intervals": spans, "guesses": 900}
    groups = [
        {"group": "Female", "real": 0.33, "synthetic": 0.31, "holdout": 0.33},
        {"group": "Male", "real": 0.67, "synthetic": 0.69, "holdout": 0.67},
    ]
    odds = [
        {"group": name, "real": {"tpr": 0.6, "fpr": 0.1}, "synthetic": {"tpr": 0.5, "fpr": 0.2}}
        for name in ("Female", "Male")
    ]
    hours = {side: np.linspace(1, 2, 24).tolist() for side in ("synthetic", "train", "holdout")}
    curve = [[x, x**0.9] for x in np.linspace(0, 1, 101).tolist()]
    low = {"tpr_at_1pct_fpr": 0.02, "tpr_at_1pct_fpr_interval": [0.01, 0.03]}
    claim = {"epsilon": 1.0, "delta": 1e-6, "unit": "row"}
    sizes = {"1": 0.2, "2 to 4": 0.3, "5 to 9": 0.5}
    details: list[tuple[Any, ...]] = [
        ("singling_out_multivariate", "privacy", 0.014, 0.0, "lower", 0.05, runs),
        (
            "attribute_inference", "privacy", 0.01, 0.0, "lower", 0.05,
            {**runs, "secrets": {"income": runs, "race": {**runs, "main": 0.5}}},
        ),
        ("mia_density_ratio", "privacy", 0.52, 0.5, "lower", 0.53, {"roc": curve, **low}),
        (
            "k_anonymity", "privacy", 1.0, 1.0, "higher", None,
            {side: {"rows_by_class_size": sizes} for side in ("synthetic", "real")},
        ),
        (
            "reidentification", "privacy", 0.03, 0.03, "lower", 0.04,
            {"prosecutor": {"mean": 0.03}, "journalist": {"mean": 0.01}},
        ),
        ("epsilon_audit", "privacy", 0.2, 0.0, "lower", 1.0, {"claim": claim, "refuted": False}),
        (
            "group_representation", "fairness", 0.97, 0.99, "higher", 0.9,
            {"columns": {"sex": {"groups": groups, "too_small": 0}}},
        ),
        (
            "equalised_odds", "fairness", 0.1, 0.05, "lower", 0.2,
            {"positive": "income = '>50K'", "columns": {"sex": {"groups": odds}}},
        ),
        (
            "subgroup_fidelity", "fidelity", 0.93, 0.96, "higher", 0.9,
            {
                "groups": [
                    {
                        "column": "race", "group": "Black", "fidelity": 0.93, "floor": 0.96,
                        "error": 0.01, "rows": 900, "train_rows": 1500,
                    }
                ]
            },
        ),
        (
            "rare_events", "fidelity", 0.8, 0.9, "higher", 0.85,
            {"most_off": [{"event": "a = b and c = d", "real": 0.004, "synthetic": 0.0}]},
        ),
        (
            "time_patterns", "fidelity", 0.97, 0.98, "higher", 0.95,
            {
                "profiles": [
                    {"column": "when", "part": "hour", "similarity": 0.97, "shares": hours}
                ],
                "means": [{"column": "when", "part": "hour", "of": "amount", "means": hours}],
            },
        ),
        (
            "inference_agreement", "utility", 0.9, 0.95, "higher", 0.85,
            {
                "model": "logistic",
                "terms": [
                    {
                        "term": "age", "overlap": 0.8, "train": [0.4, 0.1], "synthetic": [0.3, 0.2],
                    },
                    {"term": "sex = Male", "overlap": 0.1, "train": [-0.2, 0.1], "synthetic": None},
                ],
            },
        ),
        ("someone_elses", "privacy", 0.1, None, "lower", 0.2, {"deep": {"er": {"x": 1}}, "n": 3}),
    ]  # fmt: skip
    return tuple(
        Score(
            name, title(name.replace("_", " ")), axis, value, (value - 0.01, value + 0.01), floor,
            better, target, "not judged" if target is None else "good",
            f"What {name} tells: {value}.", detail, f"How {name} is computed.",
            "Nobody et al. 2020, A paper",
        )
        for name, axis, value, floor, better, target, detail in details
    )  # fmt: skip


RULING = Ruling(
    "partner sharing",
    (
        Outcome(
            "exact copies", "gate", "fail", 0.02, (0.01, 0.03), "at most 0.001",
            "2% of rows are copies.", "a copy is a person", refuses=True,
        ),
        Outcome(
            "linkability", "gate", "not measured", None, None, "at most 0.05",
            "There were too few rows.", refuses=True,
        ),
        Outcome("ages", "expectation", "pass", 1.0, None, "age between 17 and 90", "It holds."),
    ),
    "rows leave the house under contract",
)  # fmt: skip


def missed(metric: str = "tstr", axis: Any = "utility") -> Score:
    """A measure that could not be taken."""
    return Score(
        metric, "Train on synthetic, test on real (TSTR)", axis, None, None, None, "higher",
        None, "not measured",
        "Not measured: no target was named.", {"reason": "no target was named."},
    )  # fmt: skip


FACTS = RunFacts(
    protections=(
        Protection("native-country", "rare labels", 21, "3 labels of fewer than 5 rows resampled"),
        Protection("capital-gain", "extremes", 10, "moved to the 5th highest value"),
    ),
    statistics=("99 leaf tables of counts over 15 columns", "no row of the training data"),
    plan={"source": "examples/adult.parquet", "synthesizer": {"name": "trees"}, "seed": 0},
    versions={"neotype": "0.1.0", "python": "3.11.9"},
    timings={"fit": 12.31, "sample": 0.42, "evaluate": 24.9},
    source="adult.parquet",
    synthesizer="trees",
)


def adult_report() -> Report:
    """The whole journey's report."""
    train, holdout, synthetic = adult()
    return build(
        scores(train.frame.columns), synthetic=synthetic, train=train, holdout=holdout,
        target="income", facts=FACTS,
    )  # fmt: skip


def full_report() -> Report:
    """The journey's report with every picture and a policy that refuses."""
    report = adult_report()
    more = (*report.scores, *full_scores(), missed("linkability", "privacy"))
    return Report.from_facts(replace(report, scores=more, ruling=RULING).to_facts())


def small_report(
    train: pl.DataFrame, synthetic: pl.DataFrame | None = None, **kinds: Any
) -> Report:
    """A report on a frame of one's own; the stand-in is the same rows unless given."""
    schema = plain_schema(train, **kinds)
    real = Dataset.of(schema, train)
    made = real if synthetic is None else Dataset.of(schema, synthetic)
    return build(
        scores(train.columns, train.columns[0]), synthetic=made, train=real, holdout=real,
        facts=FACTS,
    )  # fmt: skip
