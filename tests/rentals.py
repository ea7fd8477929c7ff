"""A small shop that rents films, with every shape of key that databases have, and most types."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import polars as pl

from neotype.schema.keys import Keys
from neotype.schema.schema import Relationship

_DAY, _START = timedelta(days=1), datetime(2024, 3, 1, 9, 30, 0, 125000)


def tables(rentals: int = 60) -> dict[str, pl.DataFrame]:
    """The tables; staff and store refer to each other, staff to itself."""
    n = range(1, rentals + 1)
    films = range(1, 13)
    roles = [(a, f) for f in films for a in range(1, 6) if (a * f) % 3]
    return {
        "rental": pl.DataFrame(
            {
                "rental_id": [int(k) for k in n],
                "rented": [(_START + k * _DAY / 7).replace(tzinfo=UTC) for k in n],
                "film_id": [1 + k % 12 for k in n],
                "customer_id": [None if k % 11 == 0 else 1 + k % 9 for k in n],
                "staff_id": [1 + k % 4 for k in n],
                "paid": [None if k % 7 == 0 else Decimal(k * 37) / 100 for k in n],
                "length": [None if k % 5 == 0 else _DAY * (k % 6) + timedelta(hours=k) for k in n],
            },
            schema_overrides={
                "rented": pl.Datetime("us", "UTC"),
                "paid": pl.Decimal(10, 2),
                "length": pl.Duration("us"),
                "film_id": pl.Int16,
                "customer_id": pl.Int32,
                "staff_id": pl.Int32,
            },
        ),
        "store": pl.DataFrame(
            {"store_id": [1, 2], "manager_id": [1, 3], "opens": [time(9), time(10, 30, 0, 250)]},
            schema_overrides={"store_id": pl.Int32, "manager_id": pl.Int32},
        ),
        "staff": pl.DataFrame(
            {
                "staff_id": [1, 2, 3, 4],
                "store_id": [1, 1, 2, 2],
                "chief_id": [None, 1, 1, 3],
                "name": ['Ärne, "O\'Neil"', "line\nbreak", "back\\slash \\N", ""],
                "active": [True, False, None, True],
                "since": [date(2001, 2, 3), None, date(1960, 12, 31), date(2024, 2, 29)],
            },
            schema_overrides=dict.fromkeys(("staff_id", "store_id", "chief_id"), pl.Int32),
        ),
        "customer": pl.DataFrame(
            {
                "customer_id": list(range(1, 10)),
                "email": [None if k == 4 else f"c{k}@example.org" for k in range(1, 10)],
                "rating": [None, 0.1, -1e-300, 1e300, 1 / 3, 2.5, 0.0, 7.0, 1.0],
                "big": [2**62 + k for k in range(9)],
            },
            schema_overrides={"customer_id": pl.Int32},
        ),
        "card": pl.DataFrame(
            {"customer_id": [1, 5, 9], "pin": ["0012", "null", "NULL"]},
            schema_overrides={"customer_id": pl.Int32},
        ),
        "film": pl.DataFrame(
            {
                "film_id": list(films),
                "title": [f"film {k}" for k in films],
                "certificate": [("G", "PG", "R")[k % 3] for k in films],
                "made": [datetime(1990 + k, 1, k, 0, 0, k) for k in films],
            },
            schema_overrides={"film_id": pl.Int16, "certificate": pl.Enum(["G", "PG", "R"])},
        ),
        "actor": pl.DataFrame({"code": ["a1", "a2", "A3", "a4", "ä5"], "score": [1, 2, 3, 4, 5]}),
        "role": pl.DataFrame(
            {
                "code": [("a1", "a2", "A3", "a4", "ä5")[a - 1] for a, _ in roles],
                "film_id": [f for _, f in roles],
                "billing": [a + f for a, f in roles],
            },
            schema_overrides={"film_id": pl.Int16},
        ),
        "award": pl.DataFrame(
            {
                "award_id": [1, 2, 3],
                "code": ["a1", None, "a2"],
                "film_id": [1, 2, None],
            },
            schema_overrides={"film_id": pl.Int16},
        ),
        "nothing": pl.DataFrame(schema={"id": pl.Int64, "word": pl.String}),
    }


def _tie(child: str, mine: str, parent: str, theirs: str) -> Relationship:
    return Relationship(
        parent=parent, parent_key=theirs.split(), child=child, child_key=mine.split()
    )


KEYS = Keys(
    primary={
        "rental": ("rental_id",),
        "store": ("store_id",),
        "staff": ("staff_id",),
        "customer": ("customer_id",),
        "card": ("customer_id",),
        "film": ("film_id",),
        "actor": ("code",),
        "role": ("code", "film_id"),
        "award": ("award_id",),
        "nothing": ("id",),
    },
    unique={"customer": (("email",),), "film": (("made", "title"),)},
    foreign=(
        _tie("rental", "film_id", "film", "film_id"),
        _tie("rental", "customer_id", "customer", "customer_id"),
        _tie("rental", "staff_id", "staff", "staff_id"),
        _tie("store", "manager_id", "staff", "staff_id"),
        _tie("staff", "store_id", "store", "store_id"),
        _tie("staff", "chief_id", "staff", "staff_id"),
        _tie("card", "customer_id", "customer", "customer_id"),
        _tie("role", "film_id", "film", "film_id"),
        _tie("role", "code", "actor", "code"),
        _tie("award", "code film_id", "role", "code film_id"),
    ),
)
CIRCLES = ("staff", "store")
"""Tables of which DuckDB cannot declare all keys."""
