"""Constraints with rows that obey them, for the laws: one or more for every registered name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

import neotype as nt
from neotype.data import Dataset
from neotype.schema.constraint import constraint
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Schema

ROWS = 600


@dataclass(frozen=True)
class Sample:
    """A constraint as a line of a schema file, and rows that obey it.

    `breaks`: cells that, put into any row, break it; None where no row alone can. `checked`:
    whether rows are only checked, not rewritten. `kinds`: facts of columns that are not guessed.
    """

    line: Mapping[str, Any]
    frame: pl.DataFrame
    breaks: Mapping[str, Any] | None
    checked: bool = False
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The registered name."""
        return str(self.line["type"])

    @property
    def bare(self) -> Dataset:
        """The rows with their inferred schema, without the constraint."""
        schema = infer_schema({"t": self.frame})
        columns = {
            name: column.model_copy(update=dict(self.kinds.get(name, {})))
            for name, column in schema.columns.items()
        }
        table = schema.table.model_copy(update={"columns": columns})
        return Dataset.of(schema.model_copy(update={"tables": {"t": table}}), self.frame)

    @property
    def data(self) -> Dataset:
        """The rows with a schema that has the constraint."""
        bare = self.bare
        table = bare.table.model_copy(update={"constraints": (constraint(self.line),)})
        schema = Schema(tables={"t": table})
        return Dataset.of(schema, self.frame)


def holes(values: pl.Series, share: float = 0.15, seed: int = 0) -> pl.Series:
    """The cells, some of them missing."""
    keep = pl.Series(np.random.default_rng(seed).random(len(values)) >= share)
    return values.zip_with(keep, pl.Series([None], dtype=values.dtype))


def _orders() -> list[Sample]:
    g = np.random.default_rng(1)
    low = pl.Series("low", g.integers(0, 80, ROWS))
    high = (low + pl.Series(g.poisson(6, ROWS))).alias("high")
    top = (high + pl.Series(g.poisson(3, ROWS)) + 1).alias("top")
    ordered = pl.Series("ordered", [dt.date(2023, 1, 1) + dt.timedelta(int(d)) for d in low])
    minutes = pl.Series([dt.timedelta(minutes=int(m)) for m in g.integers(1, 20_000, ROWS)])
    shipped = (ordered.cast(pl.Datetime("us")) + minutes).alias("shipped")
    weight = pl.Series("weight", g.gamma(3.0, 20.0, ROWS))
    gross = pl.Series("gross", (weight + pl.Series(g.gamma(1.0, 2.0, ROWS))).to_numpy())
    simple = {"type": "Inequality", "low": "low", "high": "high"}
    other = pl.Series("other", g.choice(["x", "y"], ROWS))
    return [
        Sample(simple, pl.DataFrame([low, other, high]), {"low": 5, "high": 4}),
        Sample(
            simple,
            pl.DataFrame([holes(low), other, holes(high, seed=2)]),
            {"low": 5, "high": 4},
        ),
        Sample(simple, pl.DataFrame([holes(low), other, high]), {"low": 5, "high": 4}),
        Sample(
            {"type": "Inequality", "low": "ordered", "high": "shipped", "strict": True},
            pl.DataFrame([ordered, shipped]),
            {"ordered": dt.date(2024, 1, 1), "shipped": dt.datetime(2024, 1, 1)},
        ),
        Sample(
            {"type": "Inequality", "low": "weight", "high": "gross"},
            pl.DataFrame([weight, gross]),
            {"weight": 3.5, "gross": 3.4},
        ),
        Sample(
            {"type": "Range", "low": "low", "middle": "high", "high": "top"},
            pl.DataFrame([low, high, top]),
            {"low": 5, "high": 10, "top": 9},
        ),
        Sample(
            {"type": "ChainedInequality", "columns": ["low", "high", "top"]},
            pl.DataFrame([holes(low), holes(high, seed=3), holes(top, seed=4)]),
            {"low": 5, "high": None, "top": 4},
        ),
    ]


def _values() -> list[Sample]:
    g = np.random.default_rng(2)
    whole = pl.Series("whole", g.integers(0, 60, ROWS), dtype=pl.Int16)
    real = pl.Series("real", g.exponential(3.0, ROWS) + 0.01)
    pay = pl.Series("pay", np.round(g.exponential(300.0, ROWS), 2))
    price = (pay.round(0) / 4).alias("price")
    at = pl.Series("at", [dt.time(8 + int(h), 15 * int(q)) for h, q in g.integers(0, 4, (ROWS, 2))])
    day = pl.Series("day", [dt.date(2022, 1, 1) + dt.timedelta(int(d)) for d in whole])
    took = pl.Series("took", [dt.timedelta(minutes=int(m)) for m in whole])
    seen = day.cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Kolkata").alias("seen")
    ranged = {"type": "ScalarRange", "column": "whole", "low": 0, "high": 100}
    label = pl.Series("label", g.choice(["x", "y"], ROWS))
    return [
        Sample(
            {"type": "Positive", "column": "whole"}, pl.DataFrame([holes(whole)]), {"whole": -1}
        ),
        Sample(
            {"type": "Positive", "column": "real", "strict": True},
            pl.DataFrame([holes(real), label]),
            {"real": 0.0},
        ),
        Sample({"type": "Positive", "column": "took"}, took.to_frame(), {"took": -dt.timedelta(1)}),
        Sample(
            {"type": "Negative", "column": "low"}, (-pay).alias("low").to_frame(), {"low": 0.01}
        ),
        Sample(ranged, pl.DataFrame([whole, label]), {"whole": 101}),
        Sample(
            {"type": "ScalarRange", "column": "seen", "low": "2021-12-31", "high": "2023-01-01"},
            seen.to_frame(),
            {"seen": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)},
        ),
        Sample(
            {"type": "ScalarInequality", "column": "at", "relation": "<", "value": "12:00"},
            at.to_frame(),
            {"at": dt.time(12)},
        ),
        Sample(
            {"type": "ScalarInequality", "column": "day", "relation": ">=", "value": "01.01.2022"},
            day.dt.to_string("%d.%m.%Y").to_frame(),
            {"day": "31.12.2021"},
        ),
        Sample(
            {"type": "FixedIncrements", "column": "price", "increment": 0.25},
            pl.DataFrame([holes(price), label]),
            {"price": 1.3},
        ),
        Sample(
            {"type": "FixedIncrements", "column": "whole", "increment": 5},
            pl.DataFrame([whole // 5 * 5, label]),
            {"whole": 7},
        ),
        Sample(
            {"type": "FixedIncrements", "column": "at", "increment": "15m"},
            at.to_frame(),
            {"at": dt.time(8, 20)},
        ),
        Sample(
            {"type": "FixedIncrements", "column": "seen", "increment": "1d"},
            seen.to_frame(),
            {"seen": dt.datetime(2022, 1, 1, tzinfo=dt.UTC)},
        ),
    ]


def _scales() -> list[Sample]:
    g = np.random.default_rng(4)
    currency = pl.Series("currency", g.choice(["EUR", "JPY", "BTC"], ROWS))
    worth = g.lognormal(3.0, 0.5, ROWS)
    rate = {"EUR": (1.0, 2), "JPY": (160.0, 0), "BTC": (1e-4, 6)}
    amount = [round(w * rate[c][0], rate[c][1]) for w, c in zip(worth, currency, strict=True)]
    line = {"type": "MixedScales", "column": "amount", "by": "currency"}
    amounts = pl.Series("amount", amount)
    part = pl.Series("part", g.choice(["a", "b"], ROWS))
    counts = (amounts * 1e6).round(0).cast(pl.Int64).alias("amount")
    return [
        Sample(line, pl.DataFrame([currency, amounts]), None),
        Sample(line, pl.DataFrame([holes(currency), holes(amounts, seed=1)]), None),
        Sample({**line, "by": ["currency", "part"]}, pl.DataFrame([counts, part, currency]), None),
    ]


def _tables() -> list[Sample]:
    g = np.random.default_rng(5)
    place = pl.Series("place", g.integers(0, 9, ROWS))
    city = pl.Series("city", [f"C{c}" for c in place])
    land = holes(pl.Series("land", [f"L{c // 3}" for c in place]).set(place == 8, None), share=0)
    since = pl.Series("since", [dt.date(1990 + int(c) // 2, 1, 1) for c in place])
    rate = (place / 8).alias("rate")
    other = pl.Series("other", g.normal(place.to_numpy(), 1.0))
    which = g.integers(0, 3, ROWS)
    flags = [pl.Series(f"is_{k}", (which == k).astype(int)) for k in range(3)]
    truths = [(flag == 1).alias(flag.name) for flag in flags[:2]]
    one_hot = {"type": "OneHotEncoding", "columns": ["is_0", "is_1", "is_2"]}
    sent = pl.Series("sent", g.integers(1, 400, ROWS) / 4)
    by = pl.Series("by", g.choice(["post", "van"], ROWS))
    gone = pl.Series(g.random(ROWS) < 0.3)
    nulls = {"type": "FixedNullCombinations", "columns": ["sent", "by"]}
    combinations = {"type": "FixedCombinations", "columns": ["city", "land", "since", "rate"]}
    listed = [[f"C{c}", None if c == 8 else f"L{c // 3}"] for c in range(9)]
    return [
        Sample(combinations, pl.DataFrame([city, other, land, since, rate]), None),
        Sample(
            {"type": "FixedCombinations", "columns": ["city", "land"], "allowed": listed},
            pl.DataFrame([other, city, land]),
            {"city": "C1", "land": "L2"},
        ),
        Sample(one_hot, pl.DataFrame([*flags, other]), {"is_0": 1, "is_1": 1, "is_2": 0}),
        Sample(
            {**one_hot, "columns": ["is_0", "is_1"], "none": True},
            pl.DataFrame([*truths, other]),
            {"is_0": True, "is_1": True},
        ),
        Sample(nulls, pl.DataFrame([s.set(gone, None) for s in (sent, by)] + [other]), None),
    ]


def _formulas() -> list[Sample]:
    g = np.random.default_rng(6)
    net = pl.Series("net", g.integers(100, 90_000, ROWS) / 100)
    pieces = pl.Series("pieces", g.integers(1, 9, ROWS), dtype=pl.Int8)
    total = (net * 1.19 * pieces).round(2).alias("total")
    day = pl.Series(
        "day", [dt.date(2022, 1, 1) + dt.timedelta(int(d)) for d in g.integers(0, 700, ROWS)]
    )
    name = pl.Series("name", g.choice(["ann", "bob", "cid"], ROWS))
    formula = {"type": "ColumnFormula", "column": "total", "expression": "net * 1.19 * pieces"}
    month = day.dt.strftime("%Y-%m").alias("month")
    label = pl.DataFrame([name, pieces]).select(
        "name", "pieces", label=pl.format("{}/{}", "name", "pieces")
    )
    return [
        Sample(formula, pl.DataFrame([total, net, pieces]), {"total": 0.0}),
        Sample(formula, pl.DataFrame([holes(total), net, pieces]), {"total": 0.0}),
        Sample(
            {
                "type": "ColumnFormula",
                "column": "month",
                "expression": 'pl.col("day").dt.strftime("%Y-%m")',
            },
            pl.DataFrame([day, month]),
            {"month": "2021-01"},
        ),
        Sample(
            {"type": "ColumnFormula", "column": "label", "expression": "name || '/' || pieces"},
            label,
            {"label": "dan/1"},
        ),
        Sample(
            {"type": "Expression", "expression": "net > 100 or pieces < 8"},
            pl.DataFrame([holes(net.clip(100.5)), pieces]),
            {"net": 2.0, "pieces": 8},
            checked=True,
        ),
        Sample(
            {"type": "Custom", "columns": ["net", "pieces"], "function": "rules:affordable"},
            pl.DataFrame([net, pieces]),
            {"net": 900.0, "pieces": 99},
            checked=True,
        ),
    ]


def affordable(rows: pl.DataFrame) -> pl.Series:
    """A condition that a user wrote in Python."""
    return rows["net"] * rows["pieces"] < 10_000


def _keys() -> list[Sample]:
    g = np.random.default_rng(7)
    seats = pl.DataFrame(
        {
            "seat": [f"S{k}" for k in range(40)] * 30,
            "day": [d for d in range(30) for _ in range(40)],
        }
    ).sample(ROWS, seed=1)
    owner = pl.Series("owner", [f"O-{k // 4:04d}" for k in range(ROWS)])
    town = pl.Series("town", [f"T{k // 4 % 7}" for k in range(ROWS)])
    shop = pl.Series("shop", [f"P{k}" for k in g.integers(0, 6, ROWS)])
    chain = pl.Series("chain", [f"H{int(s[1:]) // 2}" for s in shop])
    spent = pl.Series("spent", g.integers(1, 500, ROWS))
    alike = {"type": "DenormalizedTable", "key": "owner", "columns": ["town"]}
    step = pl.Series("step", [k % 4 for k in range(ROWS)])
    closing = spent.alias("closing")
    opening = pl.select(
        pl.when(step == 0).then(7).otherwise(closing.shift(1)).alias("opening")
    ).to_series()
    carried = {
        "type": "CarryOverColumns",
        "from_column": "closing",
        "to_column": "opening",
        "within": "owner",
        "order_by": "step",
    }
    return [
        Sample({"type": "Unique", "columns": ["seat", "day"]}, seats, {}, checked=True),
        Sample(alike, pl.DataFrame([owner, town, spent]), {"town": "T8"}, checked=True),
        Sample(
            {"type": "DenormalizedTable", "key": "shop", "columns": ["chain"]},
            pl.DataFrame([shop, spent, chain]),
            {"chain": "H9"},
        ),
        Sample(
            carried, pl.DataFrame([owner, step, opening, closing]), {"opening": -5}, checked=True
        ),
    ]


SAMPLES: list[Sample] = [
    *_orders(),
    *_values(),
    *_scales(),
    *_tables(),
    *_formulas(),
    *_keys(),
]


def described(
    frame: pl.DataFrame, *lines: dict[str, Any], changed: dict[str, Any] | None = None
) -> Schema:
    """The inferred schema, with these constraints."""
    schema = infer_schema({"t": frame})
    columns = {**schema.columns, **(changed or {})}
    table = schema.table.model_copy(
        update={"columns": columns, "constraints": tuple(constraint(line) for line in lines)}
    )
    return Schema(tables={"t": table})


def fitted(frame: pl.DataFrame, *lines: dict[str, Any], **settings: Any) -> Any:
    """A model of these rows under these constraints, of independent columns if unsaid."""
    changed = settings.pop("changed", None)
    settings.setdefault("synthesizer", "independent")
    return nt.fit(frame, schema=described(frame, *lines, changed=changed), **settings)


def obeyed(model: Any, frame: pl.DataFrame) -> bool:
    """Whether every row obeys every rule of the model."""
    return all(bool(rule.holds(frame).all()) for rule in model.model.rewriting.rules)
