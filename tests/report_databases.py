"""A small shop with orders and lines, and a panel of visits, for tests of reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.report.report import Report, build
from neotype.rng import Rng
from neotype.schema.schema import Schema

KEY = {"kind": "identifier", "storage": "String", "pattern": "K[0-9a-f]{8}"}
RARE_CITY, RARE_AMOUNT = "Zzyzx Springs", 987_654_321.25
MEASURES = (
    "shape", "trend", "exact_copies", "dcr_share", "referential_integrity", "key_uniqueness",
    "cardinality", "joint_cardinality", "hop_trends",
)  # fmt: skip
OF_SEQUENCES = (
    "shape", "sequence_lengths", "inter_event_times", "autocorrelation", "seasonal_profile",
    "between_owner_spread", "transitions",
)  # fmt: skip


def shop_schema() -> Schema:
    """Regions (public) ← customers ← orders ← lines; a customer may be advised by another."""
    number = {"kind": "numeric", "subtype": "float", "storage": "Float64"}
    label = {"kind": "categorical", "storage": "String"}
    other = {**KEY, "unique": False}
    tables: dict[str, Any] = {
        "region": {"columns": {"region_id": KEY, "name": label}, "public": True},
        "customer": {
            "columns": {
                "customer_id": KEY, "region_id": other, "advised_by": {**other, "nullable": True},
                "city": label, "income": number,
            },
        },
        "order": {"columns": {"order_id": KEY, "customer_id": other, "amount": number}},
        "line": {"columns": {"line_id": KEY, "order_id": other, "article": label}},
    }  # fmt: skip
    for name, table in tables.items():
        table["primary_key"] = [f"{name}_id"]
    ties = [
        ("region", "region_id", "customer", "region_id"),
        ("customer", "customer_id", "customer", "advised_by"),
        ("customer", "customer_id", "order", "customer_id"),
        ("order", "order_id", "line", "order_id"),
    ]
    relationships = [
        {"parent": p, "parent_key": [pk], "child": c, "child_key": [ck]} for p, pk, c, ck in ties
    ]
    return Schema.model_validate({"tables": tables, "relationships": relationships})


def shop(seed: int, customers: int = 160, *, rare: bool = False, orphans: int = 0) -> Dataset:
    """Customers of three cities, richer ones with more and larger orders."""
    rng = np.random.default_rng(seed)

    def keys(rows: int) -> list[str]:
        return [f"K{key:08x}" for key in rng.choice(2**32, rows, replace=False)]

    regions, names = [f"K{k:08x}" for k in range(3)], ["north", "south", "west"]
    mine = keys(customers)
    income = rng.lognormal(10, 0.4, customers).round(2)
    city = rng.choice(["Aby", "Bde", "Cde"], customers).tolist()
    many = rng.poisson(income / income.mean() * 3)
    owner = np.repeat(np.arange(customers), many)
    amount = (income[owner] * rng.lognormal(-6, 0.5, len(owner))).round(2)
    orders = keys(len(owner))
    lines = np.repeat(np.arange(len(owner)), 1 + rng.poisson(1.5, len(owner)))
    advised = [None if k == 0 or rng.random() < 0.7 else mine[k // 2] for k in range(customers)]
    if rare:
        city[0], amount[0] = RARE_CITY, RARE_AMOUNT
    buyers = [mine[k] for k in owner]
    buyers[:orphans] = ["Kffffffff"] * orphans
    return Dataset(
        shop_schema(),
        {
            "region": pl.DataFrame({"region_id": regions, "name": names}),
            "customer": pl.DataFrame({
                "customer_id": mine, "region_id": rng.choice(regions, customers).tolist(),
                "advised_by": pl.Series(advised, dtype=pl.String), "city": city, "income": income,
            }),
            "order": pl.DataFrame({"order_id": orders, "customer_id": buyers, "amount": amount}),
            "line": pl.DataFrame({
                "line_id": keys(len(lines)), "order_id": [orders[k] for k in lines],
                "article": rng.choice(["cup", "pot", "pan", "lid"], len(lines)).tolist(),
            }),
        },
    )  # fmt: skip


def shop_report(**changes: Any) -> Report:
    """The report on another shop of the same kind."""
    train, holdout, made = shop(1, rare=True), shop(2), shop(3, **changes)
    found = evaluate(made, train=train, holdout=holdout, metrics=MEASURES, rng=Rng(0))
    return build(found, synthetic=made, train=train, holdout=holdout)


def visits(seed: int, owners: int = 120) -> Dataset:
    """Patients whose value drifts and whose state lasts, at times of their own."""
    rng = np.random.default_rng(seed)
    many = 4 + rng.poisson(4, owners)
    patient = np.repeat(np.arange(owners) + 1000 * seed, many)
    level = np.repeat(rng.normal(50, 10, owners), many)
    gaps = rng.integers(5, 30, len(patient))
    days = np.concatenate([np.cumsum(gaps[patient == p]) for p in np.unique(patient)])
    value = level + 5 * np.sin(days / 58) + rng.normal(0, 2, len(patient))
    state = np.where((days // 60) % 2, "ill", "well")
    when = pl.Series(days).cast(pl.Int32).cast(pl.Date)
    number = {"kind": "numeric", "subtype": "float", "storage": "Float64"}
    schema = Schema.model_validate({
        "tables": {
            "visit": {
                "entity": "patient", "sequence": "day",
                "columns": {
                    "patient": {"kind": "identifier", "storage": "Int64", "unique": False},
                    "day": {"kind": "datetime", "storage": "Date", "part": "date"},
                    "value": number,
                    "state": {"kind": "categorical", "storage": "String"},
                },
            }
        }
    })  # fmt: skip
    frame = {"patient": patient, "day": when, "value": value.round(3), "state": state}
    return Dataset.of(schema, pl.DataFrame(frame))


def visits_report() -> Report:
    """The report on other patients of the same kind."""
    train, holdout, made = visits(1), visits(2), visits(3)
    found = evaluate(made, train=train, holdout=holdout, metrics=OF_SEQUENCES, rng=Rng(0))
    return build(found, synthetic=made, train=train, holdout=holdout)


def wide_report(tables: int = 30, columns: int = 20) -> Report:
    """Many tables of many columns, each below the one before, with a score for each measure."""
    rng = np.random.default_rng(0)
    label = {"kind": "categorical", "storage": "String"}
    number = {"kind": "numeric", "subtype": "float", "storage": "Float64"}
    listed: dict[str, Any] = {}
    frames = {}
    ties = []
    rows = 400
    for k in range(tables):
        name = f"table_{k:02d}"
        cells: dict[str, Any] = {"id": np.arange(rows), "above": rng.integers(0, rows, rows)}
        kinds: dict[str, Any] = {
            "id": {"kind": "identifier", "storage": "Int64"},
            "above": {"kind": "identifier", "storage": "Int64", "unique": False},
        }
        for c in range(columns):
            cells[f"c{c}"] = rng.normal(size=rows) if c % 2 else rng.choice(list("abcdef"), rows)
            kinds[f"c{c}"] = number if c % 2 else label
        listed[name] = {"columns": kinds, "primary_key": ["id"]}
        frames[name] = pl.DataFrame(cells)
        if k:
            parent = f"table_{(k - 1) // 2:02d}"
            ties.append(
                {"parent": parent, "parent_key": ["id"], "child": name, "child_key": ["above"]}
            )
    schema = Schema.model_validate({"tables": listed, "relationships": ties})
    data = Dataset(schema, frames)
    scores = [
        replace(score, metric=f"{metric}", table=name)
        for name in frames
        for metric in ("shape", "trend", "c2st", "exact_copies", "near_copies", "dcr_share")
        for score in (plain_score(metric),)
    ]
    return build(scores, synthetic=data, train=data, holdout=data)


def plain_score(metric: str, verdict: Any = "good", *, axis: Any = None, table: str = "") -> Score:
    """A score without details."""
    private = metric in ("exact_copies", "near_copies", "dcr_share")
    return Score(
        metric, metric.replace("_", " ").capitalize(),
        axis or ("privacy" if private else "fidelity"), 0.5, (0.48, 0.52), 0.5, "near_floor", 0.53,
        verdict, f"{metric} is {verdict}.", {}, f"How {metric} is computed.", "", table,
    )  # fmt: skip
