"""Splits of databases: whole families, closed under reference, told in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from neotype.data import Dataset
from neotype.errors import DataError
from neotype.families import Families
from neotype.links import ORPHAN, Links
from neotype.rng import Rng
from neotype.schema.schema import Identifier as Id
from neotype.schema.schema import Numeric as Num
from neotype.schema.schema import Personal, Relationship, Schema, Table


def tie(child: str, key: str, parent: str, theirs: str = "id", **when: Any) -> Relationship:
    return Relationship(parent=parent, parent_key=theirs, child=child, child_key=key, when=when)


def database(
    frames: Mapping[str, dict[str, Any]], *ties: Relationship, **facts: dict[str, Any]
) -> Dataset:
    """Frames of whole numbers and texts; `id` is the primary key where there is one."""
    made = {name: pl.DataFrame(columns) for name, columns in frames.items()}
    tables = {}
    for name, frame in made.items():
        keys = {key for one in ties if one.child == name for key in one.child_key}
        columns: dict[str, Any] = {}
        for column, dtype in frame.schema.items():
            if column in (*keys, "id"):
                columns[column] = Id(unique=column == "id", storage=str(dtype), nullable=True)
            else:
                columns[column] = Num(storage="Int64", subtype="integer")
        key = ("id",) if "id" in columns else ()
        tables[name] = Table(columns=columns, primary_key=key, **facts.get(name, {}))
    return Dataset(Schema(tables=tables, relationships=ties), made)


def closed(data: Dataset) -> bool:
    links = Links.of(data.schema, data.frames)
    return not any((rows == ORPHAN).any() for rows in links.positions.values())


@pytest.fixture(scope="module")
def shop() -> Dataset:
    """Countries, customers, orders, lines and products; every customer has a login of its own."""
    draw = np.random.Generator(np.random.PCG64(1))
    return database(
        {
            "country": {"id": range(5), "size": range(5)},
            "login": {"id": range(200), "age": draw.integers(0, 90, 200)},
            "customer": {
                "id": range(200),
                "country": draw.integers(0, 5, 200),
                "login": draw.permutation(200),
            },
            "orders": {"id": range(1000), "customer": draw.integers(0, 200, 1000)},
            "line": {
                "orders": np.r_[np.arange(1000), draw.integers(0, 1000, 2000)],
                "product": draw.integers(0, 50, 3000),
                "pieces": draw.integers(1, 9, 3000),
            },
            "product": {"id": range(50), "price": range(50)},
        },
        tie("customer", "country", "country"),
        tie("customer", "login", "login"),
        tie("orders", "customer", "customer"),
        tie("line", "orders", "orders"),
        tie("line", "product", "product"),
    )


def test_a_split_divides_no_customer_and_says_what_is_shared(shop: Dataset) -> None:
    families = Families.of(shop.schema, shop.frames)
    assert set(families.split) == {"login", "customer", "orders", "line"}
    assert set(families.shared) == {"country", "product"}
    assert families.words.endswith("whole in both parts: country, product")
    train, hold = shop.split(0.25, Rng(3))
    assert closed(train)
    assert closed(hold)
    assert hold.sizes["customer"] == 50
    for table, column in (("customer", "id"), ("orders", "customer"), ("login", "id")):
        assert not set(train.frames[table][column]) & set(hold.frames[table][column])
        assert train.sizes[table] + hold.sizes[table] == shop.sizes[table]
    assert train.frames["country"].equals(hold.frames["country"])


def test_the_same_seed_splits_alike_and_fingerprints_tell_parts_apart(shop: Dataset) -> None:
    one, other = shop.split(0.25, Rng(3)), shop.split(0.25, Rng(3))
    assert [part.fingerprint() for part in one] == [part.fingerprint() for part in other]
    prints = {shop.fingerprint(), *(part.fingerprint() for part in one)}
    assert len(prints) == 3
    assert shop.split(0.25, Rng(4))[1].fingerprint() not in prints
    changed = shop.frames["product"].with_columns(price=pl.col("price").reverse())
    assert Dataset(shop.schema, {**shop.frames, "product": changed}).fingerprint() not in prints


def test_an_entity_column_or_a_root_decides_what_is_split(shop: Dataset) -> None:
    tables = dict(shop.schema.tables)
    tables["line"] = Table(**{**dict(tables["line"]), "entity": "product"})
    by_product = Families.of(shop.schema.model_copy(update={"tables": tables}), shop.frames)
    assert by_product.roots == ("product",)
    assert "line" in by_product.split
    assert Families.of(shop.schema, shop.frames, ["orders"]).roots == ("orders",)
    with pytest.raises(DataError, match="did you mean 'orders'"):
        Families.of(shop.schema, shop.frames, ["order"])


def test_of_two_kinds_of_persons_the_many_are_divided_not_those_who_look_after_them() -> None:
    draw = np.random.Generator(np.random.PCG64(4))
    doctor = np.where(draw.random(300) < 0.3, None, draw.integers(0, 40, 300))
    clinic = database(
        {
            "doctor": {"id": range(40), "name": range(40)},
            "patient": {"id": range(300), "doctor": doctor.tolist(), "name": range(300)},
            "stay": {
                "id": range(900),
                "patient": draw.integers(0, 300, 900),
                "doctor": draw.integers(0, 40, 900),
            },
        },
        tie("patient", "doctor", "doctor"),
        tie("stay", "patient", "patient"),
        tie("stay", "doctor", "doctor"),
    )
    named = Personal(category="last_name", storage="Int64")
    tables = {
        name: table.model_copy(update={"columns": {**table.columns, "name": named}})
        if "name" in table.columns
        else table
        for name, table in clinic.schema.tables.items()
    }
    families = Families.of(clinic.schema.model_copy(update={"tables": tables}), clinic.frames)
    assert families.roots == ("patient",)
    assert families.shared == ("doctor",)


def test_cycles_and_self_references_stay_closed() -> None:
    """Staff work in a store that one of them manages; staff report to staff; messages go across."""
    draw = np.random.Generator(np.random.PCG64(2))
    boss = [None, *(int(draw.integers(0, k)) for k in range(1, 300))]
    data = database(
        {
            "store": {"id": range(6), "manager": range(6)},
            "staff": {"id": range(300), "store": draw.integers(0, 6, 300), "boss": boss},
            "message": {
                "id": range(2000),
                "sender": draw.integers(0, 300, 2000),
                "receiver": draw.integers(0, 300, 2000),
                "answers": [None, *(int(draw.integers(0, k)) for k in range(1, 2000))],
            },
        },
        tie("store", "manager", "staff"),
        tie("staff", "store", "store"),
        tie("staff", "boss", "staff"),
        tie("message", "sender", "staff"),
        tie("message", "receiver", "staff"),
        tie("message", "answers", "message"),
    )
    families = Families.of(data.schema, data.frames)
    assert families.roots == ("staff",)
    assert "store" in families.shared
    train, hold = data.split(0.2, Rng(0))
    assert closed(train)
    assert closed(hold)
    kept = families.rows(families.drawn(0.2, Rng(0)))
    assert 0.1 < kept["message"].mean() < 0.3, "who sends a message owns it"


def test_small_trees_of_a_self_reference_are_never_divided() -> None:
    """Threads of comments: an answer goes where the comment goes, for any depth."""
    up = [None if k % 10 == 0 else k - 1 for k in range(20_000)]
    data = database(
        {"comment": {"id": range(20_000), "up": up, "words": range(20_000)}},
        tie("comment", "up", "comment"),
    )
    tables = {**data.schema.tables, "other": Table(columns={"x": Num(storage="Int64")})}
    schema = data.schema.model_copy(update={"tables": tables})
    data = Dataset(schema, {**data.frames, "other": pl.DataFrame({"x": range(30)})})
    train, hold = data.split(0.3, Rng(0))
    assert closed(train)
    assert closed(hold)
    assert train.sizes["comment"] + hold.sizes["comment"] == 20_000
    assert hold.sizes == {"comment": 6000, "other": 9}


def test_polymorphic_composite_missing_and_orphan_references() -> None:
    """Whatever a key does not say, a row is in one part, beside what it does refer to."""
    kinds = [1] * 20 + [2] * 20 + [None] * 20
    data = database(
        {
            "a": {"id": range(40), "x": range(40)},
            "b": {"id": range(20), "y": range(20)},
            "part": {
                "one": [k // 2 for k in range(78)] + [None, 99],
                "two": [k % 2 for k in range(80)],
            },
            "note": {"about": [k % 20 for k in range(60)], "kind": kinds},
            "deep": {"one": [0, 0, 38], "two": [1, None, 1], "z": range(3)},
        },
        tie("note", "about", "a", kind=1),
        tie("note", "about", "b", kind=2),
        tie("part", "one", "a"),
        Relationship(
            parent="part", parent_key=("one", "two"), child="deep", child_key=("one", "two")
        ),
    )
    before = Links.of(data.schema, data.frames).positions
    orphans = sum(int((rows == ORPHAN).sum()) for rows in before.values())
    assert orphans == 1
    parts = data.split(0.3, Rng(1))
    for name, size in data.sizes.items():
        assert sum(part.sizes[name] for part in parts) == size
    after = [Links.of(part.schema, part.frames).positions for part in parts]
    assert sum(int((rows == ORPHAN).sum()) for part in after for rows in part.values()) == orphans
    for title, rows in before.items():
        assert sum(int((part[title] >= 0).sum()) for part in after) == int((rows >= 0).sum())


def test_a_row_that_has_nearly_everything_is_no_reason_to_fail() -> None:
    owners = np.r_[np.zeros(9_900), np.arange(100)].astype(int)
    data = database(
        {"owner": {"id": range(100)}, "row": {"owner": owners, "x": range(10_000)}},
        tie("row", "owner", "owner"),
    )
    train, hold = data.split(0.2, Rng(0))
    assert closed(train)
    assert closed(hold)
    assert (train.sizes["owner"], hold.sizes["owner"]) == (80, 20)


def test_a_million_rows_are_split_in_seconds() -> None:
    from time import process_time

    def taken(times: int) -> float:
        draw = np.random.Generator(np.random.PCG64(2))
        n = 60_000 * times
        data = database(
            {
                "owner": {"id": range(n // 10)},
                "item": {"id": range(n // 100)},
                "row": {
                    "id": range(n),
                    "owner": draw.integers(0, n // 10, n),
                    "item": draw.integers(0, n // 100, n),
                },
                "event": {"row": draw.integers(0, n, n), "x": range(n)},
            },
            tie("row", "owner", "owner"),
            tie("row", "item", "item"),
            tie("event", "row", "row"),
        )
        start = process_time()
        data.split(0.2, Rng(0))
        return process_time() - start

    assert taken(8) < 16 * max(taken(1), 0.05)
