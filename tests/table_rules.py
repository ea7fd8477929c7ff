"""A small database, constraints between its tables that hold in it, and rows that break each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

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

PEOPLE, BILLS = 160, 400


def _frames() -> dict[str, pl.DataFrame]:
    draw = np.random.Generator(np.random.PCG64(5))
    start = date(2020, 1, 1)
    joined = [start + timedelta(days=int(d)) for d in draw.integers(0, 500, PEOPLE)]
    towns = draw.choice(["Ulm", "Bonn", "Kiel", "Jena"], PEOPLE)
    kinds = draw.choice(["gold", "plain"], PEOPLE, p=[0.3, 0.7])
    person = pl.DataFrame(
        {
            "id": [f"P{k:04}" for k in range(PEOPLE)],
            "chief": [None, *(f"P{int(draw.integers(0, k)):04}" for k in range(1, PEOPLE))],
            "town": towns,
            "kind": kinds,
            "joined": joined,
        }
    )
    owner = draw.integers(0, PEOPLE, BILLS)
    lines = draw.integers(0, 4, BILLS)
    places = np.repeat(np.arange(BILLS), lines)
    pieces = draw.integers(1, 9, len(places))
    price = np.round(draw.uniform(0.5, 20, len(places)), 2)
    total = np.round(np.bincount(places, weights=pieces * price, minlength=BILLS), 2)
    guests = draw.random(BILLS) < 0.1
    after = draw.integers(0, 90, BILLS)
    sent = [joined[k] + timedelta(days=int(d)) for k, d in zip(owner, after, strict=True)]
    bill = pl.DataFrame(
        {
            "id": range(BILLS),
            "person": [None if g else f"P{k:04}" for g, k in zip(guests, owner, strict=True)],
            "town": [None if g else str(towns[k]) for g, k in zip(guests, owner, strict=True)],
            "sent": [None if d.day == 31 else d for d in sent],
            "total": total,
        }
    )
    line = pl.DataFrame(
        {
            "bill": places,
            "person": bill["person"].gather(places),
            "pieces": pieces,
            "price": price,
            "depot": draw.integers(100, 130, len(places)),
        }
    )
    gold = np.flatnonzero(kinds == "gold")
    perk = pl.DataFrame({"person": [f"P{k:04}" for k in draw.choice(gold, 60)], "size": range(60)})
    vip = person.filter(pl.col("kind") == "gold").head(20).select("id").with_columns(rank=pl.lit(3))
    pairs = draw.permutation(PEOPLE * 5)[:200]
    club = pl.DataFrame({"id": ["a", "b", "c", "d", "e"], "fee": [1, 2, 3, 4, 5]})
    member = pl.DataFrame(
        {
            "person": [f"P{k // 5:04}" for k in pairs],
            "club": ["abcde"[k % 5] for k in pairs],
        }
    )
    is_club = draw.random(90) < 0.5
    note = pl.DataFrame(
        {
            "on": ["club" if c else "person" for c in is_club],
            "what": [
                "abcde"[int(k) % 5] if club_note else f"P{int(k) % PEOPLE:04}"
                for club_note, k in zip(is_club, pairs[:90], strict=True)
            ],
            "stars": draw.integers(1, 6, 90),
        }
    )
    stock = pl.DataFrame({"depot": np.r_[np.arange(100, 130), 131], "space": range(31)})
    once = draw.permutation(PEOPLE)[:120]
    visit = pl.DataFrame(
        {
            "person": [f"P{k:04}" for k in once],
            "day": [joined[k] + timedelta(days=int(d)) for k, d in zip(once, after, strict=False)],
        }
    )
    return {
        "person": person,
        "visit": visit,
        "bill": bill,
        "line": line,
        "perk": perk,
        "vip": vip,
        "club": club,
        "member": member,
        "note": note,
        "stock": stock,
    }


FRAMES = _frames()

_KEYS: Mapping[str, tuple[str, ...]] = {
    "person": ("id",),
    "bill": ("id",),
    "vip": ("id",),
    "club": ("id",),
}
_TIES = (
    ("bill", "person", "person"),
    ("line", "bill", "bill"),
    ("line", "person", "person"),
    ("perk", "person", "person"),
    ("member", "person", "person"),
    ("visit", "person", "person"),
    ("member", "club", "club"),
)


def _column(name: str, table: str, cells: pl.Series) -> Any:
    gaps = cells.null_count() > 0
    keys = {(child, key) for child, key, _ in _TIES} | {("person", "chief"), ("note", "what")}
    if (table, name) in keys or name == "id":
        storage, alone = str(cells.dtype), name == "id"
        return Identifier(storage=storage, unique=alone, nullable=gaps)
    if cells.dtype == pl.Date:
        return Datetime(storage="Date", part="date", resolution="day", nullable=gaps)
    if cells.dtype == pl.String:
        return Categorical(storage="String", nullable=gaps)
    whole = cells.dtype.is_integer()
    subtype, decimals = ("integer", 0) if whole else ("decimal", 2)
    return Numeric(storage=str(cells.dtype), subtype=subtype, decimals=decimals)


def schema(*constraints: Mapping[str, Any]) -> Schema:
    tables = {
        name: Table(
            columns={c.name: _column(c.name, name, c) for c in frame.iter_columns()},
            primary_key=_KEYS.get(name, ()),
        )
        for name, frame in FRAMES.items()
    }
    ties = tuple(
        Relationship(parent=parent, parent_key="id", child=child, child_key=key)
        for child, key, parent in _TIES
    )
    return Schema.model_validate(
        {"tables": tables, "relationships": ties, "constraints": constraints}
    )


@dataclass(frozen=True)
class Sample:
    """A constraint as a line of a file, and a change of a table that breaks it (None: nothing
    can). `steps`: whether it rewrites tables.
    """

    line: Mapping[str, Any]
    table: str = ""
    change: pl.Expr | pl.DataFrame | None = None
    steps: bool = False

    @property
    def data(self) -> Dataset:
        return Dataset(schema(self.line).settled(), FRAMES)

    @property
    def damaged(self) -> dict[str, pl.DataFrame]:
        assert self.change is not None
        frame = self.change
        if isinstance(frame, pl.Expr):
            frame = FRAMES[self.table].with_columns(frame)
        return {**FRAMES, self.table: frame}


def _first(column: str, value: Any) -> pl.Expr:
    """The first cell that is there becomes this."""
    there = pl.col(column).is_not_null()
    first = pl.int_range(pl.len()) == there.arg_max()
    return pl.when(first).then(value).otherwise(pl.col(column)).alias(column)


SAMPLES = (
    Sample({"type": "ReferenceTable", "tables": ["club"]}, "club", _first("fee", pl.lit(9))),
    Sample(
        {"type": "CompositeKey", "table": "member", "columns": ["person", "club"]},
        "member",
        pl.concat([FRAMES["member"], FRAMES["member"].head(1)]),
    ),
    Sample(
        {"type": "UniqueBridgeTable", "table": "member"},
        "member",
        pl.concat([FRAMES["member"], FRAMES["member"].head(1)]),
    ),
    Sample(
        {
            "type": "PolymorphicRelationship",
            "table": "note",
            "key": ["what"],
            "says": "on",
            "parents": {"club": "club", "person": "person"},
        },
        "note",
        _first("what", pl.lit("P9999")),
    ),
    Sample(
        {
            "type": "PrimaryToPrimaryKeySubset",
            "main": "person",
            "tables": {"vip": "gold"},
            "column": "kind",
        },
        "person",
        pl.lit("plain").alias("kind"),
    ),
    Sample(
        {"type": "PrimaryToPrimaryKeySubset", "main": "person", "tables": {"vip": None}},
        "vip",
        _first("id", pl.lit("P9999")),
    ),
    Sample(
        {
            "type": "ForeignToPrimaryKeySubset",
            "child": "perk",
            "column": "person.kind",
            "values": ["gold"],
        },
        "perk",
        _first("person", pl.lit(FRAMES["person"].filter(kind="plain")["id"][0])),
    ),
    Sample(
        {"type": "ForeignToForeignKey", "columns": ["line.person", "bill.person"], "via": "bill"},
        "line",
        _first("person", pl.lit("P0000")),
    ),
    Sample({"type": "ForeignToForeignKey", "columns": ["line.depot", "stock.depot"]}, steps=True),
    Sample(
        {"type": "SelfReferentialHierarchy", "table": "person", "key": ["chief"], "depth": 30},
        "person",
        pl.col("chief").fill_null(pl.lit("P0119")),
    ),
    Sample(
        {"type": "InequalityBetween", "low": "person.joined", "high": "bill.sent"},
        "bill",
        pl.lit(date(1999, 1, 1)).alias("sent"),
    ),
    Sample(
        {"type": "InequalityBetween", "low": "person.joined", "high": "visit.day"},
        "visit",
        pl.lit(date(1999, 1, 1)).alias("day"),
        steps=True,
    ),
    Sample(
        {
            "type": "Aggregate",
            "column": "bill.total",
            "of": "line",
            "expression": "pieces * price",
        },
        "bill",
        pl.lit(1e6).alias("total"),
        steps=True,
    ),
    Sample(
        {"type": "CarryDown", "child": "bill.town", "parent": "person.town"},
        "bill",
        _first("town", pl.lit("Rom")),
        steps=True,
    ),
)
