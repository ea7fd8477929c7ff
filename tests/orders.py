"""A small shop of five tables, whose keys are words that may appear in no model."""

from __future__ import annotations

import numpy as np
import polars as pl

COUNTRIES = ("Austria", "Chile", "Ghana", "Japan")


def orders(customers: int = 120, seed: int = 0) -> dict[str, pl.DataFrame]:
    """Countries, customers (natural keys), products, orders and their lines (two-column key)."""
    rng = np.random.default_rng(seed)
    country = pl.DataFrame({"country_id": range(1, 5), "name": COUNTRIES})
    key = [f"CUST-{9000 + 7 * k}" for k in range(customers)]
    rich = rng.random(customers) < 0.3
    customer = pl.DataFrame(
        {
            "customer_id": key,
            "country_id": rng.integers(1, 5, customers),
            "segment": np.where(rich, "gold", "plain"),
        }
    )
    product = pl.DataFrame(
        {
            "product_id": range(501, 521),
            "category": rng.choice(["book", "tool", "toy"], 20),
            "price": np.round(rng.lognormal(2, 0.5, 20), 2),
        }
    )
    owner = np.repeat(np.arange(customers), rng.poisson(np.where(rich, 5, 2)))
    many = len(owner)
    order = pl.DataFrame(
        {
            "order_id": range(70001, 70001 + many),
            "customer_id": [key[k] for k in owner],
            "channel": rng.choice(["web", "shop"], many, p=[0.7, 0.3]),
            "total": np.round(rng.lognormal(np.where(rich[owner], 4, 3), 0.4), 2),
        }
    )
    lines = rng.integers(1, 4, many)
    of = np.repeat(np.arange(many), lines)
    line = pl.DataFrame(
        {
            "order_id": 70001 + of,
            "line": np.concatenate([np.arange(1, n + 1) for n in lines]),
            "product_id": rng.integers(501, 521, len(of)),
            "quantity": rng.integers(1, 6, len(of)),
        }
    )
    return {
        "country": country,
        "customer": customer,
        "product": product,
        "order": order,
        "order_line": line,
    }


TIES = (
    ("customer", "country_id", "country"),
    ("order", "customer_id", "customer"),
    ("order_line", "order_id", "order"),
    ("order_line", "product_id", "product"),
)
"""Child, column, parent: the key has the same name on both sides."""


def orphans(frames: dict[str, pl.DataFrame]) -> int:
    """Rows whose foreign key refers to no row."""
    return sum(
        frames[child].join(frames[parent], on=column, how="anti").height
        for child, column, parent in TIES
    )
