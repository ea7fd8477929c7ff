"""An entity with its events within one budget: what comes out, what moves, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app
from neotype.data import Dataset
from neotype.dp.audit import audit
from neotype.dp.bound import turns
from neotype.dp.budget import Budget
from neotype.dp.guarantee import Guarantee
from neotype.dp.ledger import Ledger
from neotype.dp.mechanism import Mechanism
from neotype.encode.codebook import Codebook
from neotype.errors import BudgetError, FitError, SamplingError, SchemaError
from neotype.links import parent_rows
from neotype.schema.file import from_document, write_schema
from neotype.schema.schema import Schema
from neotype.synth.private.events import TURNS, Owners, Rows, coded
from neotype.synth.private.marginals import Marginals
from neotype.synth.private.owned import Owned

pytest.importorskip("opendp", reason="pip install 'neotype[dp]'")

CLIENTS, MOST = 4_000, 12
Tables = dict[str, pl.DataFrame]


def schema(**of_order: Any) -> Schema:
    return from_document(
        {
            "tables": {
                "client": {
                    "primary_key": ["id"],
                    "columns": {
                        "id": {"kind": "identifier", "storage": "Int64"},
                        "premium": {"kind": "boolean"},
                        "age": {"kind": "numeric", "subtype": "integer", "storage": "Int64"},
                    },
                },
                "order": {
                    "primary_key": ["number"],
                    "columns": {
                        "number": {"kind": "identifier", "storage": "Int64"},
                        "client": {"kind": "identifier", "storage": "Int64"},
                        "day": {"kind": "datetime", "part": "date"},
                        "kind": {"kind": "categorical", "values": ["a", "b", "c"]},
                        "amount": {"kind": "numeric", "decimals": 2},
                    },
                    **of_order,
                },
            },
            "relationships": [
                {
                    "child": "order",
                    "child_key": ["client"],
                    "parent": "client",
                    "parent_key": ["id"],
                }
            ],
        }
    )


@pytest.fixture(scope="module")
def shop() -> Tables:
    """Premium clients order more often and for more; most orders are of the kind of the last."""
    draw = np.random.Generator(np.random.PCG64(7))
    age = draw.integers(18, 90, CLIENTS)
    premium = draw.random(CLIENTS) < np.where(age > 50, 0.7, 0.2)
    number = draw.geometric(1 / (2 + 3 * premium)) - 1
    owner = np.repeat(np.arange(CLIENTS), number)
    rows = len(owner)
    day = np.datetime64("2024-01-01") + draw.integers(0, 360, rows).astype("timedelta64[D]")
    order = np.lexsort((day, owner))
    first = np.append(True, owner[1:] != owner[:-1])
    kind, anew = draw.integers(0, 3, rows), draw.random(rows) < 0.3
    for row in np.flatnonzero(~first & ~anew):
        kind[row] = kind[row - 1]
    amount = np.exp(draw.normal(3 + 1.5 * premium[owner], 0.5)).round(2)
    return {
        "client": pl.DataFrame({"id": np.arange(CLIENTS) + 100, "premium": premium, "age": age}),
        "order": pl.DataFrame(
            {
                "number": np.arange(rows),
                "client": owner + 100,
                "day": day[order],
                "kind": np.array(["a", "b", "c"])[kind],
                "amount": amount,
            }
        ).sample(fraction=1.0, shuffle=True, seed=1),
    }


@pytest.fixture(scope="module")
def model(shop: Tables) -> Any:
    return nt.fit(shop, schema=schema(), epsilon=5.0, unit="client", at_most=MOST)


@pytest.fixture(scope="module")
def made(model: Any) -> Tables:
    tables: Tables = model.sample(seed=1)
    return tables


def seen(tables: Tables) -> dict[str, float]:
    """What clients and orders have to do with each other."""
    orders = tables["order"].join(tables["client"], left_on="client", right_on="id")
    orders = orders.sort("client", "day", "number")
    again = orders.select(
        (pl.col("kind") == pl.col("kind").shift(1)).filter(
            pl.col("client") == pl.col("client").shift(1)
        )
    ).to_series()
    premium = orders["premium"].cast(pl.Float64).to_numpy()
    number = (
        tables["client"]
        .join(orders.group_by("client").len(), left_on="id", right_on="client", how="left")
        .with_columns(pl.col("len").fill_null(0).clip(0, MOST))
        .group_by("premium")
        .agg(pl.col("len").mean())
        .sort("premium")["len"]
    )
    return {
        "amount of premium": float(np.corrcoef(premium, np.log(orders["amount"].to_numpy()))[0, 1]),
        "kind again": float(again.mean()),  # type: ignore[arg-type]
        "orders of others": number[0] / 4,
        "orders of premium": number[1] / 4,
    }


def test_keys_refer_and_bounds_hold(shop: Tables, made: Tables) -> None:
    clients, orders = made["client"], made["order"]
    assert {name: frame.schema for name, frame in made.items()} == {
        name: frame.schema for name, frame in shop.items()
    }
    assert clients["id"].is_unique().all()
    assert orders["number"].is_unique().all()
    assert orders["client"].is_in(clients["id"].implode()).all()
    assert orders.group_by("client").len()["len"].max() == MOST
    back = orders.filter(
        (pl.col("client") == pl.col("client").shift(1)) & (pl.col("day") < pl.col("day").shift(1))
    )
    assert not back.height


def test_what_orders_have_to_do_with_clients_is_learnt(shop: Tables, made: Tables) -> None:
    real, drawn = seen(shop), seen(made)
    assert abs(made["client"].height - CLIENTS) < 200
    for what, told in real.items():
        assert abs(drawn[what] - told) < 0.15, (what, told, drawn[what])


def test_the_promise_names_the_client_with_all_its_orders(model: Any, tmp_path: Path) -> None:
    told = Guarantee.restore(model.facts["privacy"])
    assert "one row of client with all its rows of order (at most 12 count)" in told.sentence()
    assert model.describe()[0] == told.sentence()
    spent = {
        name: sum(s.price for s in told.steps if s.purpose.startswith(name))
        for name in ("client: ", "order: ")
    }
    assert told.rho is not None
    assert spent["client: "] == pytest.approx(told.rho / 2, rel=1e-6)
    assert sum(spent.values()) == pytest.approx(sum(s.price for s in told.steps))
    assert sum(spent.values()) <= told.rho
    model.save(tmp_path / "shop.neotype")
    again = nt.load(tmp_path / "shop.neotype")
    assert Guarantee.restore(again.facts["privacy"]) == told
    one, two = model.sample(scale=0.1, seed=3), again.sample(scale=0.1, seed=3)
    assert all(one[name].equals(two[name]) for name in one)


def test_clients_are_asked_for_and_orders_follow(model: Any) -> None:
    assert model.sample({"client": 50})["client"].height == 50
    with pytest.raises(SamplingError, match="follows from 'client'"):
        model.sample({"order": 50})


def test_each_table_is_priced_by_how_far_a_client_moves_it() -> None:
    ledger = Ledger(Budget(1.0, 1e-6, unit="client", at_most=50, tables=(("order", 50),)))
    clients = ledger.portion(0.5, rows=1, table="client")
    orders = ledger.portion(1.0, rows=TURNS, table="order")
    assert Mechanism(clients).sigma(rho=0.5) == pytest.approx(1)
    assert Mechanism(orders).sigma(rho=0.5) == pytest.approx(TURNS)
    Mechanism(clients).counts(np.array([7]), rho=clients.left, purpose="rows")
    assert [step.purpose for step in ledger.steps] == ["client: rows"]
    assert ledger.left == pytest.approx(ledger.whole / 2)
    with pytest.raises(BudgetError, match="left"):
        Mechanism(clients).counts(np.array([7]), rho=ledger.left / 2, purpose="more")


@settings(max_examples=60, deadline=None)
@given(
    units=st.lists(st.integers(-1, 6), max_size=40), each=st.integers(1, 9), gone=st.integers(0, 6)
)
def test_turns_of_a_unit_are_its_own(units: list[int], each: int, gone: int) -> None:
    owner = np.array(units, dtype=np.int64)
    place = np.array([units[:row].count(unit) for row, unit in enumerate(units)], dtype=np.int64)
    lots = ((owner + 2) * 7919 + place * 104729) % 101
    picked = turns(owner, lots.astype(np.uint64), each)
    there, count = np.unique(owner[picked], return_counts=True)
    assert set(there) == {unit for unit in units if unit >= 0}
    assert (count == each).all()
    for unit in there:
        often = np.unique(picked[owner[picked] == unit], return_counts=True)[1]
        assert often.max() - often.min() <= 1
        assert len(often) == min(each, units.count(unit))
    kept = np.flatnonzero(owner != gone)
    less = kept[turns(owner[kept], lots[kept].astype(np.uint64), each)]
    assert sorted(less) == sorted(picked[owner[picked] != gone])


def digits(shop: Tables) -> tuple[np.ndarray, list[int]]:
    """All that is counted of orders, by codes that follow from no row of them."""
    told = schema()
    owned = Owned.of(told, "client")
    keyed = owned.keyed(told)
    draft = pl.DataFrame(
        {
            "number": np.arange(90),
            "client": np.arange(90),
            "day": np.repeat(np.array(["2024-01-01", "2024-12-01"], dtype="datetime64[D]"), 45),
            "kind": ["a", "b", "c"] * 30,
            "amount": np.geomspace(1, 900, 90).round(2),
        }
    )
    book = Codebook.learn(Dataset.of(keyed.only("order"), draft))
    owner = parent_rows(owned.ties["order"], shop)
    rows = Rows.of(Dataset.of(keyed.only("order"), shop["order"]), owner)
    codes = np.atleast_2d(shop["client"]["premium"].cast(pl.UInt8).to_numpy())
    owners = Owners(codes, (2,), ("id",), shop["client"], keyed.tables["client"], ())
    before = [k for k, place in enumerate(book.leading) if book.digits[place].name == "kind"]
    picks = rows.turns(owners, TURNS)
    return coded(rows, picks, owners, book, before), [2, 4]


def among(rows: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """The rows, in their order, with others anywhere between them."""
    draw = np.random.Generator(np.random.PCG64(9))
    places = np.append(np.arange(rows.height), draw.uniform(0, rows.height, more.height))
    return pl.concat([rows, more])[np.argsort(places, kind="stable")]


@pytest.mark.parametrize("alike", [False, True])
def test_a_client_with_a_thousand_orders_moves_no_table_further_than_is_paid(
    shop: Tables, alike: bool
) -> None:
    draw = np.random.Generator(np.random.PCG64(5))
    rows = 1_000
    kind = ["a"] * rows if alike else draw.choice(["a", "b", "c"], rows)
    orders = pl.DataFrame(
        {
            "number": np.arange(rows) + 10**6,
            "client": np.full(rows, 7),
            "day": np.repeat(np.array(["2024-05-05"], dtype="datetime64[D]"), rows),
            "kind": kind,
            "amount": np.full(rows, 5.0) if alike else draw.uniform(1, 900, rows),
        }
    )
    client = pl.DataFrame({"id": [7], "premium": [True], "age": [40]})
    more = {
        "client": pl.concat([client, shop["client"]]),
        "order": among(shop["order"], orders),
    }
    (here, _), (there, _) = digits(shop), digits(more)
    assert there.shape[1] == here.shape[1] + TURNS
    apart = []
    for i in range(len(here)):
        for j in range(i):
            tables = [
                np.bincount(codes[i].astype(np.int64) * 64 + codes[j], minlength=64**2)
                for codes in (here, there)
            ]
            moved = tables[1] - tables[0]
            assert (moved >= 0).all()
            apart.append(float(np.linalg.norm(moved)))
    assert max(apart) <= TURNS
    assert not alike or max(apart) > TURNS - 2


def test_noise_for_turns_withstands_where_all_orders_of_a_client_are_alike() -> None:
    budget = Budget(20.0, 1e-6, unit="client", at_most=50, tables=(("order", 50),))
    clients = np.append(np.repeat(np.arange(5), 3), np.full(40, 5))
    with_last = (clients, np.append(np.arange(15) % 3, np.full(40, 1)))
    without = (clients[:15], with_last[1][:15])

    def release(orders: tuple[np.ndarray, np.ndarray], rows: int, each: int) -> np.ndarray:
        owner, kind = orders
        picks = turns(owner, np.arange(len(owner), dtype=np.uint64), each)
        portion = Ledger(budget).portion(1.0, rows=rows, table="order")
        table = np.bincount(kind[picks], minlength=3)
        return Mechanism(portion).counts(table, rho=0.5, purpose="kinds")[0]

    honest = audit(lambda t: release(t, TURNS, TURNS), with_last, without, runs=2_000, delta=1e-6)
    assert not honest.refutes(rho=0.5)
    assert honest.rho > 0.05
    cheat = audit(lambda t: release(t, 1, TURNS), with_last, without, runs=2_000, delta=1e-6)
    assert cheat.refutes(rho=0.5)


def test_rows_of_nobody_are_left_out_without_a_word(
    shop: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    lost = shop["order"].with_columns(
        client=pl.when(pl.col("number") % 3 == 0)
        .then(None)
        .when(pl.col("number") % 3 == 1)
        .then(pl.col("client") + 10**6)
        .otherwise("client")
    )
    tables = {"client": pl.concat([shop["client"], shop["client"].head(500)]), "order": lost}
    model = nt.fit(tables, schema=schema(), epsilon=8.0, unit="client", at_most=MOST)
    assert abs(model.facts["rows"]["client"] - CLIENTS) < 200
    assert abs(model.facts["rows"]["order"] / (lost.height / 3) - 1) < 0.3
    assert not caplog.records


def test_a_kind_that_one_client_alone_orders_does_not_come_out(shop: Tables) -> None:
    whose = shop["client"]["id"][0]
    rows = 400
    orders = pl.DataFrame(
        {
            "number": np.arange(rows) + 10**6,
            "client": np.full(rows, whose),
            "day": np.repeat(np.array(["2024-05-05"], dtype="datetime64[D]"), rows),
            "kind": ["canary"] * rows,
            "amount": np.full(rows, 3.0),
        }
    )
    told = schema().model_dump(mode="json")
    del told["tables"]["order"]["columns"]["kind"]["values"]
    tables = {**shop, "order": pl.concat([shop["order"], orders])}
    model = nt.fit(tables, schema=from_document(told), epsilon=4.0, unit="client", at_most=400)
    assert "canary" not in set(model.sample()["order"]["kind"])


def test_a_number_of_the_row_counts_up_for_each_client(shop: Tables) -> None:
    orders = shop["order"].with_columns(number=pl.int_range(pl.len()).over("client") + 1)
    told = schema(sequence="number").model_dump(mode="json")
    told["tables"]["order"]["primary_key"] = ["client", "number"]
    model = nt.fit(
        {**shop, "order": orders},
        schema=from_document(told),
        epsilon=4.0,
        unit="client",
        at_most={"order": 5},
        holdout=0.2,
    )
    assert model.facts["rows"]["client"] < 0.9 * CLIENTS
    drawn = model.sample({"client": 300})["order"]
    assert (
        drawn["number"] == drawn.select(pl.int_range(pl.len()).over("client") + 1).to_series()
    ).all()


def test_what_two_columns_do_to_a_third_does_not_make_them_depend_on_each_other() -> None:
    one, two = np.indices((3, 3)).reshape(2, 9).repeat(3_000, axis=1)
    codes = np.stack([one, two, one + two]).astype(np.uint8)
    for _ in range(5):
        door = Mechanism(Ledger(Budget(2.0, 1e-6)))
        model = Marginals(second=0.35).fit(codes, (3, 3, 5), 27_000, door, rho=door.ledger.left)
        assert np.abs(model.marginal((0, 1)) - 1 / 9).sum() < 0.05
        assert door.ledger.left < 1e-6 * door.ledger.whole


def test_a_plan_and_the_command_line_take_it_all_the_way(shop: Tables, tmp_path: Path) -> None:
    few = shop["client"].head(1_500)
    (tmp_path / "shop").mkdir()
    few.write_parquet(tmp_path / "shop" / "client.parquet")
    orders = shop["order"].filter(pl.col("client").is_in(few["id"].implode()))
    orders.write_parquet(tmp_path / "shop" / "order.parquet")
    write_schema(schema(), tmp_path / "schema.yaml")
    said = f"fit {tmp_path}/shop -o {tmp_path}/shop.neotype --schema {tmp_path}/schema.yaml"
    said += " --epsilon 6 --unit client --at-most order=12 --force"
    done = CliRunner().invoke(app, said.split())
    assert done.exit_code == 0, done.output
    assert "one row of client" in done.output.replace("\n", " ")
    run = nt.run(
        {
            "source": tmp_path / "shop",
            "output": tmp_path / "out",
            "schema": tmp_path / "schema.yaml",
            "budget": {"epsilon": 6, "unit": "client", "at_most": {"order": 12}},
            "holdout": 0.3,
            "metrics": ["referential_integrity"],
        }
    )
    assert run.model.facts["privacy"]["tables"] == [["order", 12]]
    assert run.model.facts["rows"]["client"] < 1_300
    refused = CliRunner().invoke(app, said.replace("order=12", "many").split())
    assert refused.exit_code
    assert "order=10,card=2" in refused.output


@pytest.mark.parametrize("holds", [True, False])
def test_no_order_comes_before_its_client_where_none_did(shop: Tables, holds: bool) -> None:
    draw = np.random.Generator(np.random.PCG64(2))
    joined = np.datetime64("2023-06-01") + draw.integers(0, 400, CLIENTS).astype("timedelta64[D]")
    client = shop["client"].with_columns(joined=joined)
    orders = shop["order"].join(client, left_on="client", right_on="id", maintain_order="left")
    later = pl.max_horizontal(orders["day"], orders["joined"].dt.offset_by("10d"))
    kept = shop["order"].with_columns(day=later if holds else orders["day"])
    told = schema().model_dump(mode="json")
    told["tables"]["client"]["columns"]["joined"] = {"kind": "datetime", "part": "date"}
    model = nt.fit(
        {"client": client, "order": kept},
        schema=from_document(told),
        epsilon=4.0,
        unit="client",
        at_most=MOST,
    )
    made = model.sample()
    both = made["order"].join(made["client"], left_on="client", right_on="id")
    before = (both["day"] < both["joined"]).mean()
    assert before == 0 if holds else before > 0.1  # type: ignore[operator]


def test_what_cannot_be_learnt_is_refused_by_the_schema_alone(shop: Tables) -> None:
    few = {name: frame.head(2) for name, frame in shop.items()}
    rule = {"type": "Unique", "columns": ["amount"]}

    def fit(told: Schema | None = None, **said: Any) -> None:
        nt.fit(few, schema=told or schema(), **{"epsilon": 1.0, "unit": "client", **said})

    with pytest.raises(SchemaError, match="the unit is 'row'"):
        fit(unit="row", at_most=1)
    with pytest.raises(SchemaError, match="'client' has no foreign key to 'order'"):
        fit(unit="order", at_most=3)
    with pytest.raises(BudgetError, match="not read from the data"):
        fit()
    with pytest.raises(BudgetError, match="'rental' is none of them"):
        fit(at_most={"rental": 3})
    with pytest.raises(BudgetError, match="whole number"):
        fit(at_most={"order": 0.5})
    untied = schema().model_copy(update={"relationships": ()})
    with pytest.raises(SchemaError, match="'order' has no foreign key to 'client'"):
        fit(untied, at_most=3)
    with pytest.raises(SchemaError, match="constraints"):
        fit(schema(constraints=[rule]), at_most=3)
    grand = schema().model_dump(mode="json")
    grand["tables"]["item"] = {
        "columns": {"order": {"kind": "identifier", "storage": "Int64"}},
    }
    grand["relationships"].append(
        {"child": "item", "child_key": ["order"], "parent": "order", "parent_key": ["number"]}
    )
    with pytest.raises(SchemaError, match="'item' has no foreign key to 'client'"):
        fit(from_document(grand), at_most=3)
    told = schema().model_dump(mode="json")
    told["tables"]["order"]["columns"]["kind"] = {"kind": "text"}
    with pytest.raises(FitError, match="table 'order'"):
        fit(from_document(told), at_most=3)
