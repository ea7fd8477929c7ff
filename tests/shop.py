"""A small shop: customers of public regions, their orders and visits, the lines of orders.

Everything depends on something in another table: amounts on the customer's segment, channels on the
region, quantities on the product, the number of orders on age, and visits on orders.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.schema.schema import (
    Categorical,
    Datetime,
    Identifier,
    Numeric,
    Relationship,
    Schema,
    Table,
)

KEY = Identifier(storage="Int64")
REFERENCE = Identifier(storage="Int64", unique=False)
NUMBER = Numeric(storage="Float64")
LABEL = Categorical(storage="String")
WORDS = np.array(["web", "shop", "phone"])
SCHEMA = Schema(
    tables={
        "region": Table(
            columns={"region": KEY, "climate": LABEL}, primary_key=("region",), public=True
        ),
        "product": Table(columns={"product": KEY, "price": NUMBER}, primary_key=("product",)),
        "customer": Table(
            columns={"customer": KEY, "region": REFERENCE, "segment": LABEL, "age": NUMBER},
            primary_key=("customer",),
        ),
        "order": Table(
            columns={
                "order": KEY,
                "customer": REFERENCE,
                "date": Datetime(storage="Date", part="date"),
                "amount": NUMBER,
                "channel": LABEL,
            },
            primary_key=("order",),
        ),
        "line": Table(
            columns={"order": REFERENCE, "product": REFERENCE, "quantity": NUMBER},
            primary_key=("order", "product"),
        ),
        "visit": Table(
            columns={"customer": REFERENCE, "minutes": NUMBER, "channel": LABEL},
        ),
    },
    relationships=tuple(
        Relationship(parent=parent, parent_key=(parent,), child=child, child_key=(parent,))
        for child, parent in (
            ("customer", "region"),
            ("order", "customer"),
            ("line", "order"),
            ("line", "product"),
            ("visit", "customer"),
        )
    ),
)


def shop(customers: int, seed: int) -> Dataset:
    """The shop of so many customers; other seeds are other customers of the same shop."""
    draw = np.random.default_rng(seed)
    regions, products = np.arange(12), np.arange(60)
    price = 5 + 2.0 * products
    key = np.arange(customers) + 100_000 * seed
    region = draw.integers(0, 12, customers)
    segment = draw.integers(0, 3, customers)
    age = np.round(draw.normal(30 + 15 * segment, 6))
    orders = draw.poisson(np.clip((age - 10) / 10, 0.2, 8))
    owner = np.repeat(np.arange(customers), orders)
    day = draw.integers(0, 300, len(owner)) + 100 * segment[owner]
    size = draw.integers(1, 4, len(owner))
    order_key = np.arange(len(owner)) + 1_000_000 * seed
    of = np.repeat(np.arange(len(owner)), size)
    # Products of an order differ: steps from a random first one.
    step = np.concatenate([np.arange(k) for k in size]) if len(size) else np.empty(0, int)
    bought = (draw.integers(0, 60, len(owner))[of] + 7 * step) % 60
    visits = draw.binomial(2 * orders, 0.6)
    visitor = np.repeat(np.arange(customers), visits)
    frames = {
        "region": pl.DataFrame(
            {"region": regions, "climate": np.array(["dry", "wet", "cold"])[regions % 3]}
        ),
        "product": pl.DataFrame({"product": products, "price": price}),
        "customer": pl.DataFrame(
            {
                "customer": key,
                "region": region,
                "segment": np.array(["small", "middle", "large"])[segment],
                "age": age,
            }
        ),
        "order": pl.DataFrame(
            {
                "order": order_key,
                "customer": key[owner],
                "date": pl.Series(day).cast(pl.Int32) + 19_000,
                "amount": np.round(np.exp(draw.normal(2 + segment[owner], 0.5)), 2),
                "channel": WORDS[(region[owner] + (draw.random(len(owner)) < 0.2)) % 3],
            }
        ).with_columns(pl.col("date").cast(pl.Date)),
        "line": pl.DataFrame(
            {
                "order": order_key[of],
                "product": bought,
                "quantity": 1.0 + draw.poisson(6 * (1 - bought / 60)),
            }
        ),
        "visit": pl.DataFrame(
            {
                "customer": key[visitor],
                "minutes": np.round(draw.gamma(2, age[visitor] / 5)),
                "channel": WORDS[draw.integers(0, 3, len(visitor))],
            }
        ),
    }
    return Dataset(SCHEMA, frames)


def changed(data: Dataset, **frames: pl.DataFrame) -> Dataset:
    """The same with other frames of some tables."""
    return Dataset(data.schema, {**data.frames, **frames})


def rehomed(data: Dataset, *, uniform: bool = False, seed: int = 0) -> Dataset:
    """The same tables whose foreign keys were shuffled, or drawn anew of any parent."""
    draw = np.random.default_rng(seed)
    frames = dict(data.frames)
    for tie in data.schema.relationships:
        frame = frames[tie.child]
        (mine,), (theirs,) = tie.child_key, tie.parent_key
        known = frames[tie.parent][theirs] if uniform else frame[mine]
        place = draw.integers(0, len(known), frame.height)
        if not uniform:
            place = draw.permutation(frame.height)
        frames[tie.child] = frame.with_columns(known[place].alias(mine))
    return Dataset(data.schema, frames)
