"""A table with a column of every kind and every trouble, for the laws."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.registry import find, names
from neotype.schema.infer import infer_schema
from tongues import tiny_folder

NETWORKS = [name for name in names("synthesizer") if hasattr(find("synthesizer", name), "learner")]
"""Families that need torch."""
FAMILIES = [
    name
    for name in names("synthesizer")
    if name not in NETWORKS or all(map(find_spec, find("synthesizer", name).needs))
]
"""Families that can be tested here."""
_QUICK = {"epochs": 3, "refine": 0}


def recipe(name: str) -> Any:
    """A family as it is, but for those that learn long, whose laws do not ask how well."""
    quick = {"forest_flow": {"rounds": 5, "refine": 0}, **dict.fromkeys(NETWORKS, _QUICK)}
    if name == "language":
        quick[name] = {**_QUICK, "model": tiny_folder(), "batch": 256}
    return find("synthesizer", name)(**quick.get(name, {}))


def _name(number: int, letters: str) -> str:
    """A name that no list of names has."""
    base, word = len(letters), ""
    while number or not word:
        number, place = divmod(number, base)
        word += "xe" + letters[place]
    return word


def zoo(rows: int, seed: int = 0) -> pl.DataFrame:
    """A related table: `grade` follows `age`, `pay` follows `grade`, and so on."""
    g = np.random.default_rng(seed)
    age = g.integers(18, 80, rows)
    grade = np.clip((age - 18) // 12 + g.integers(-1, 2, rows), 0, 4)
    pay = np.round(1000 + 800 * grade + g.normal(0, 120, rows), 2)
    start = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
    seen = [start + dt.timedelta(minutes=int(m)) for m in g.integers(0, 700_000, rows)]
    words = ["late", "paid", "call back", "no answer", "please", "order", "again", "thanks"]
    missing = g.random(rows) < 0.1

    def holes(values: list[object]) -> list[object]:
        return [None if m else v for v, m in zip(values, missing, strict=True)]

    return pl.DataFrame(
        [
            pl.Series("person_id", np.arange(rows) + 70_000_000_000, dtype=pl.Int64),
            pl.Series("ref", [f"ORD-{i:06d}" for i in g.permutation(10 * rows)[:rows]]),
            pl.Series(
                "email",
                [f"{_name(i, 'abcdef')}.{_name(i // 7, 'klm')}@old.at" for i in range(rows)],
            ),
            pl.Series("last_name", holes([_name(i // 3, "rst").upper() for i in range(rows)])),
            pl.Series("phone", [f"+43 1 {5_000_000 + 37 * i}" for i in range(rows)]),
            pl.Series("age", age, dtype=pl.Int8),
            pl.Series("points", holes((age * 3).tolist()), dtype=pl.Int64),
            pl.Series("huge", (2**62 + g.integers(0, 2**40, rows)).tolist(), dtype=pl.Int64),
            pl.Series("beyond", [2**63 + int(a) for a in age], dtype=pl.UInt64),
            pl.Series("grade", [f"G{x}" for x in grade]),
            pl.Series("size", [("S", "M", "L")[x % 3] for x in grade], dtype=pl.Categorical),
            pl.Series(
                "level",
                holes([("low", "mid", "high")[x // 2] for x in grade]),
                dtype=pl.Enum(["low", "mid", "high"]),
            ),
            pl.Series("zip", [f"0{1000 + 7 * (x % 40)}" for x in age]),
            pl.Series("pay", pay, dtype=pl.Float64),
            pl.Series("price", [Decimal(int(p * 100)) / 100 for p in pay], dtype=pl.Decimal(12, 2)),
            pl.Series("ratio", g.random(rows).astype(np.float32), dtype=pl.Float32),
            pl.Series("active", holes((age % 2 == 0).tolist()), dtype=pl.Boolean),
            pl.Series("seen", seen, dtype=pl.Datetime("us", "Europe/Vienna")),
            pl.Series("born", [dt.date(2020 - int(a), 1 + int(a) % 12, 15) for a in age]),
            pl.Series("at", [dt.time(int(a) % 24, int(a) % 60) for a in age]),
            pl.Series("took", [dt.timedelta(seconds=int(a) * 37) for a in age]),
            pl.Series("note", holes([" ".join(g.choice(words, 6)) for _ in range(rows)])),
            pl.Series("latitude", np.round(48 + g.normal(0, 0.1, rows), 5)),
            pl.Series("longitude", np.round(16 + g.normal(0, 0.1, rows), 5)),
            pl.Series(
                "tags",
                [list(g.choice(["a", "b", "c"], int(x) % 3)) for x in age],
                dtype=pl.List(pl.String),
            ),
            pl.Series("extra", [json.dumps({"n": int(a) % 7, "ok": bool(a % 2)}) for a in age]),
            pl.Series("nothing", [None] * rows, dtype=pl.Float64),
            pl.Series("same", ["x"] * rows),
        ]
    )


def zoo_data(rows: int = 600, seed: int = 0) -> Dataset:
    """The same with its inferred schema."""
    frame = zoo(rows, seed)
    return Dataset(infer_schema({"zoo": frame}), {"zoo": frame})


def drinks() -> pl.DataFrame:
    """The kind decides on the price, and the price on whether it is dear."""
    g = np.random.default_rng(0)
    kind = g.choice(["tea", "coffee", "water"], 2000, p=[0.6, 0.3, 0.1])
    centre = np.select([kind == "tea", kind == "coffee"], [0.0, 8.0], 20.0)
    price = (centre + g.normal(size=2000)).round(3)
    return pl.DataFrame({"kind": kind, "price": price, "dear": price > 5})


def towns_data() -> Dataset:
    """Town decides on the job, and the job on pay; the coin on nothing."""
    g = np.random.default_rng(0)
    town = g.integers(0, 3, 1500)
    job = (town + (g.random(1500) < 0.1)) % 3
    frame = pl.DataFrame(
        {
            "town": np.array(["Graz", "Linz", "Wels"])[town],
            "job": np.array(["baker", "cook", "smith"])[job],
            "pay": 1000 * (job + 1) + 20 * g.integers(0, 8, 1500),
            "coin": g.random(1500) < 0.5,
        }
    )
    return Dataset(infer_schema({"t": frame}), {"t": frame})
