"""Small databases whose keys are hard: shared, overlapping, circular, natural, odd or empty.

Each is a Dataset. A tie is "child.columns > parent.columns"; columns of a tie and keys of one
column are identifiers, all others what their dtype says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.schema.pattern import pattern_of
from neotype.schema.schema import (
    Boolean,
    Categorical,
    Column,
    Datetime,
    Identifier,
    Numeric,
    Relationship,
    Schema,
    Table,
)
from neotype.schema.storage import storage_name

Frames = Mapping[str, pl.DataFrame]
_DAY = date(2021, 1, 1)


def database(
    frames: Mapping[str, Mapping[str, Any] | pl.DataFrame],
    keys: Mapping[str, str],
    ties: str,
    when: Mapping[str, Mapping[str, Any]] | None = None,
    rules: Mapping[str, tuple[Any, ...]] | None = None,
    public: tuple[str, ...] = (),
) -> Dataset:
    """The database; `keys` are primary keys, `ties` lines, `when` of a line's parent."""
    made = {name: pl.DataFrame(frame) for name, frame in frames.items()}
    found = []
    for line in filter(None, map(str.strip, ties.split("\n"))):
        (child, mine), (parent, theirs) = (side.strip().split(".") for side in line.split(">"))
        found.append(
            Relationship(
                parent=parent,
                parent_key=tuple(theirs.split()),
                child=child,
                child_key=tuple(mine.split()),
                when=(when or {}).get(line, {}),
            )
        )
    tables = {}
    for name, frame in made.items():
        primary = tuple(keys.get(name, "").split())
        refers = {c for tie in found if tie.child == name for c in tie.child_key}
        own = {primary[0]} if len(primary) == 1 else set()
        own |= {t.parent_key[0] for t in found if t.parent == name and len(t.parent_key) == 1}
        tables[name] = Table(
            columns={c.name: _column(c, c.name in own, c.name in refers) for c in frame},
            primary_key=primary,
            public=name in public,
            constraints=(rules or {}).get(name, ()),
        )
    return Dataset(Schema(tables=tables, relationships=tuple(found)), made)


def _column(cells: pl.Series, own: bool, refers: bool) -> Column:
    dtype, gaps = cells.dtype, cells.null_count() > 0
    storage: Any = {"storage": storage_name(dtype), "nullable": gaps}
    if own or refers:
        there = cells.drop_nulls()
        pattern = pattern_of(there) if dtype == pl.String and len(there) else None
        return Identifier(**storage, unique=own and not refers, pattern=pattern)
    if dtype == pl.Boolean:
        return Boolean(**storage)
    if dtype == pl.Date:
        return Datetime(**storage, part="date", resolution="day")
    if dtype.is_integer():
        return Numeric(**storage, subtype="integer", decimals=0)
    if dtype.is_numeric():
        return Numeric(**storage, decimals=2)
    return Categorical(**storage)


def _draw(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _ids(rows: int, first: int = 1) -> list[int]:
    return list(range(first, first + rows))


def _words(values: list[str], rows: int, seed: int) -> list[str]:
    return [values[k] for k in _draw(seed).integers(0, len(values), rows)]


def hexes(name: str, rows: int) -> list[str]:
    """Keys that nobody would guess, the same each time."""
    return [hashlib.sha256(f"{name}{k}".encode()).hexdigest()[:16] for k in range(rows)]


def league() -> Dataset:
    """A natural key of two columns that another table refers to."""
    draw = _draw(1)
    teams = ["ARS", "CHE", "LIV", "MUN", "TOT", "EVE", "NEW", "WHU", "AVL", "LEI"]
    every = [(season, team) for season in range(2010, 2020) for team in teams]
    played = pl.DataFrame(
        {"at": draw.integers(0, 100, 900), "player": draw.integers(0, 60, 900)}
    ).unique(maintain_order=True)
    which = [every[k] for k in played["at"]]
    return database(
        {
            "player": {"player": _ids(60), "height": draw.integers(160, 200, 60)},
            "team": {
                "season": [s for s, _ in every],
                "team": [t for _, t in every],
                "points": draw.integers(10, 100, 100),
            },
            "appearance": {
                "player": played["player"] + 1,
                "season": [s for s, _ in which],
                "team": [t for _, t in which],
                "goals": draw.integers(0, 30, played.height),
            },
        },
        {"player": "player", "team": "season team", "appearance": "player season team"},
        """appearance.player > player.player
        appearance.season team > team.season team""",
    )


def rooms() -> Dataset:
    """Keys of a building and a number, and of an order and a line number with gaps."""
    draw = _draw(2)
    room = pl.DataFrame(
        {"building": _words(["Watson", "Taylor", "Packard"], 150, 3), "number": [0] * 150}
    ).with_columns(number=100 + 3 * pl.int_range(pl.len()).over("building"))
    places = draw.integers(0, 150, 300)
    lines = [(o, 10 * (k + 1) + int(draw.integers(0, 5))) for o in _ids(120) for k in range(o % 5)]
    return database(
        {
            "room": room.with_columns(seats=pl.Series(draw.integers(10, 400, 150))),
            "lesson": {
                "lesson": _ids(300),
                "building": room["building"].gather(places),
                "number": room["number"].gather(places),
                "size": draw.integers(5, 60, 300),
            },
            "bill": {"bill": _ids(120), "day": [_DAY + timedelta(k) for k in range(120)]},
            "line": {
                "bill": [o for o, _ in lines],
                "line": [k for _, k in lines],
                "price": draw.integers(1, 99, len(lines)),
            },
        },
        {"room": "building number", "lesson": "lesson", "bill": "bill", "line": "bill line"},
        """lesson.building number > room.building number
        line.bill > bill.bill""",
    )


def tenants(*, owner: bool = True) -> Dataset:
    """Two keys of one row that share the tenant; `owner`: the tenants are a table of their own."""
    draw = _draw(4)
    who = draw.integers(1, 9, 90)
    what = draw.integers(1, 9, 60)
    number = pl.Series(who).to_frame("t").select(pl.int_range(pl.len()).over("t") + 1).to_series()
    part = pl.Series(what).to_frame("t").select(pl.int_range(pl.len()).over("t") + 1).to_series()
    buyer = draw.integers(0, 90, 500)
    products = {t: np.flatnonzero(what == t) for t in range(1, 9)}
    bought = np.array([draw.choice(products[int(who[k])]) for k in buyer])
    frames: dict[str, Any] = {
        "customer": {"tenant": who, "customer": number, "age": draw.integers(18, 80, 90)},
        "product": {"tenant": what, "product": part, "price": draw.integers(1, 99, 60)},
        "sale": {
            "sale": _ids(500),
            "tenant": who[buyer],
            "customer": number.to_numpy()[buyer],
            "product": part.to_numpy()[bought],
            "pieces": draw.integers(1, 9, 500),
        },
    }
    ties = """sale.tenant customer > customer.tenant customer
        sale.tenant product > product.tenant product"""
    if owner:
        frames["tenant"] = {"tenant": _ids(8), "plan": _words(["free", "paid"], 8, 1)}
        ties += """
        customer.tenant > tenant.tenant
        product.tenant > tenant.tenant"""
    keys = {"customer": "tenant customer", "product": "tenant product", "sale": "sale"}
    return database(frames, keys | ({"tenant": "tenant"} if owner else {}), ties)


def landlords() -> Dataset:
    """The same, without a table of tenants."""
    return tenants(owner=False)


def odds() -> Dataset:
    """Tables that are empty, of one row, of nothing but keys; keys that are all missing."""
    draw = _draw(5)
    none = pl.Series([], dtype=pl.Int64)
    pairs = pl.DataFrame(
        {"person": draw.integers(1, 121, 300), "club": draw.integers(1, 7, 300)}
    ).unique(maintain_order=True)
    return database(
        {
            "setting": {"setting": [1], "mode": ["on"]},
            "ghost": {"ghost": none, "size": none},
            "person": {
                "person": _ids(120),
                "ghost": pl.Series([None] * 120, dtype=pl.Int64),
                "age": draw.integers(18, 80, 120),
                "setting": [1] * 120,
            },
            "haunt": {"haunt": none, "ghost": none, "person": none},
            "club": {"club": _ids(6)},
            "member": pairs,
            "fan": {
                "fan": _ids(200),
                "person": draw.integers(1, 121, 200),
                "club": [None if k % 3 else 1 + k % 6 for k in range(200)],
                "noise": draw.normal(size=200).round(2),
            },
        },
        {
            "setting": "setting",
            "ghost": "ghost",
            "person": "person",
            "haunt": "haunt",
            "club": "club",
            "member": "person club",
            "fan": "fan",
        },
        """person.ghost > ghost.ghost
        person.setting > setting.setting
        haunt.ghost > ghost.ghost
        haunt.person > person.person
        member.person > person.person
        member.club > club.club
        fan.person > person.person
        fan.club > club.club""",
    )


def subtypes() -> Dataset:
    """Primary keys that are foreign keys, three deep, the ids of other dtypes."""
    draw = _draw(6)
    staff = np.sort(draw.choice(200, 120, replace=False)) + 1
    chiefs = np.sort(draw.choice(staff, 40, replace=False))
    return database(
        {
            "person": {"person": _ids(200), "born": draw.integers(1950, 2003, 200)},
            "staff": {
                "person": pl.Series(staff, dtype=pl.Int32),
                "pay": draw.integers(10, 99, 120),
            },
            "chief": {"person": pl.Series(chiefs, dtype=pl.Int16), "car": draw.integers(0, 2, 40)},
            "report": {
                "report": _ids(90),
                "chief": pl.Series(draw.choice(chiefs, 90), dtype=pl.Int16),
                "pages": draw.integers(1, 9, 90),
            },
        },
        {"person": "person", "staff": "person", "chief": "person", "report": "report"},
        """staff.person > person.person
        chief.person > staff.person
        report.chief > chief.person""",
    )


def circles() -> Dataset:
    """Cycles of two and of three tables whose keys are never missing, and a table in itself."""
    draw = _draw(7)
    return database(
        {
            "shop": {"shop": _ids(12), "head": draw.permutation(60)[:12] + 1, "size": _ids(12, 5)},
            "clerk": {
                "clerk": _ids(60),
                "shop": draw.integers(1, 13, 60),
                "boss": [None, *(int(draw.integers(1, k)) for k in range(2, 61))],
                "age": draw.integers(18, 60, 60),
            },
            "a": {"a": _ids(80), "b": draw.integers(1, 41, 80), "x": draw.integers(0, 9, 80)},
            "b": {"b": _ids(40), "c": draw.integers(1, 31, 40), "y": draw.integers(0, 9, 40)},
            "c": {"c": _ids(30), "a": draw.integers(1, 81, 30), "z": draw.integers(0, 9, 30)},
        },
        {"shop": "shop", "clerk": "clerk", "a": "a", "b": "b", "c": "c"},
        """shop.head > clerk.clerk
        clerk.shop > shop.shop
        clerk.boss > clerk.clerk
        a.b > b.b
        b.c > c.c
        c.a > a.a""",
    )


def roles() -> Dataset:
    """Several keys to one parent, a reference to one of two tables, keys of many types."""
    draw = _draw(8)
    codes = hexes("person", 80)
    days = [_DAY + timedelta(2 * k) for k in range(50)]
    money = [Decimal(k) for k in range(1000, 1040)]
    what = np.where(draw.random(150) < 0.4, "day", "book")
    return database(
        {
            "person": {"person": codes, "age": draw.integers(18, 80, 80)},
            "day": {"day": days, "heat": draw.integers(-5, 30, 50)},
            "book": pl.DataFrame(
                {"book": money, "cost": draw.integers(1, 50, 40)},
                schema_overrides={"book": pl.Decimal(10, 0)},
            ),
            "trade": pl.DataFrame(
                {
                    "trade": hexes("trade", 250),
                    "buyer": [codes[k] for k in draw.integers(0, 80, 250)],
                    "seller": [codes[k] for k in draw.integers(0, 80, 250)],
                    "day": [days[k] for k in draw.integers(0, 50, 250)],
                    "book": [money[k] for k in draw.integers(0, 40, 250)],
                    "pieces": draw.integers(1, 9, 250),
                },
                schema_overrides={"book": pl.Decimal(10, 0)},
            ),
            "note": {
                "note": _ids(150),
                "kind": what,
                "of": [codes[k] for k in draw.integers(0, 80, 150)],
            },
            "mark": {
                "mark": _ids(150),
                "about": what,
                "key": np.where(what == "day", 1 + draw.integers(0, 40, 150), 501),
            },
            "left": {"left": _ids(40), "v": draw.integers(0, 9, 40)},
            "right": {"right": [501, *_ids(30, 600)], "v": draw.integers(0, 9, 31)},
        },
        {
            "person": "person",
            "day": "day",
            "book": "book",
            "trade": "trade",
            "note": "note",
            "mark": "mark",
            "left": "left",
            "right": "right",
        },
        """trade.buyer > person.person
        trade.seller > person.person
        trade.day > day.day
        trade.book > book.book
        note.of > person.person
        mark.key > left.left
        mark.key > right.right""",
        when={
            "mark.key > left.left": {"about": "day"},
            "mark.key > right.right": {"about": "book"},
        },
    )


def published() -> Dataset:
    """Public tables that refer to each other, one the owner of a panel, with one label a row."""
    draw = _draw(9)
    towns = [f"town {k}" for k in range(30)]
    shop = draw.integers(0, 6, 900)
    town = draw.choice(30, 400, p=np.arange(1, 31) / 465)
    return database(
        {
            "land": {"land": _ids(4), "name": ["A", "B", "C", "D"]},
            "town": {
                "town": _ids(30),
                "name": towns,
                "land": draw.integers(1, 5, 30),
                "people": draw.integers(1, 99, 30) * 100,
            },
            "client": {
                "client": _ids(400, 1000),
                "town": town + 1,
                "age": draw.integers(18, 80, 400),
            },
            "shop": {"shop": _ids(6), "town": draw.integers(1, 31, 6), "size": _ids(6, 50)},
            "day": {
                "shop": shop + 1,
                "day": [_DAY + timedelta(int(k)) for k in draw.integers(0, 200, 900)],
                "sales": 100 * shop + draw.integers(0, 50, 900),
            },
        },
        {"land": "land", "town": "town", "client": "client", "shop": "shop"},
        """town.land > land.land
        client.town > town.town
        shop.town > town.town
        day.shop > shop.shop""",
        public=("land", "town", "shop"),
    )


ALL: tuple[Callable[[], Dataset], ...] = (
    league,
    rooms,
    tenants,
    landlords,
    odds,
    subtypes,
    circles,
    roles,
    published,
)
