"""Constraints between tables through the front door: declared, learnt, held in every sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.constraints.between import learn_between
from neotype.constraints.between.hierarchy import depths
from neotype.data import Dataset
from neotype.errors import DataError, SchemaError
from table_rules import FRAMES, SAMPLES, schema

CHINOOK = Path(__file__).parents[1] / "examples" / "chinook.sqlite"


def test_a_learnt_database_keeps_what_holds_between_its_tables() -> None:
    rules = [
        nt.constraints.Aggregate(
            column="Invoice.Total", of="InvoiceLine", expression="UnitPrice * Quantity"
        ),
        nt.constraints.CarryDown(child="Invoice.BillingCity", parent="Customer.City"),
        {"type": "CarryDown", "child": "InvoiceLine.UnitPrice", "parent": "Track.UnitPrice"},
        {"type": "ReferenceTable", "tables": ["Genre", "MediaType"]},
        {"type": "SelfReferentialHierarchy", "table": "Employee", "key": ["ReportsTo"]},
    ]
    model = nt.fit(CHINOOK, synthesizer="independent", constraints=rules)
    assert model.describe()[0].startswith("5 constraints between tables: ")
    for seed in (0, 1):
        made = model.sample(seed=seed, scale=0.6)
        line = made["InvoiceLine"].with_columns(v=pl.col("UnitPrice") * pl.col("Quantity"))
        totals = line.group_by("InvoiceId").agg(pl.col("v").sum())
        both = made["Invoice"].join(totals, on="InvoiceId")
        assert both.height > 100
        assert (both["v"] == both["Total"]).all()
        towns = made["Invoice"].join(made["Customer"], on="CustomerId")
        assert towns["BillingCity"].equals(towns["City"], null_equal=True)
        prices = made["InvoiceLine"].join(made["Track"], on="TrackId")
        assert (prices["UnitPrice"] == prices["UnitPrice_right"]).all()
        assert made["Genre"].height == 25


def test_all_that_is_wrong_is_said_by_table() -> None:
    frames = dict(FRAMES)
    frames["bill"] = FRAMES["bill"].with_columns(pl.lit("Rom").alias("town"))
    frames["perk"] = FRAMES["perk"].with_columns(person=FRAMES["person"]["id"].head(60))
    lines = [dict(one.line) for one in SAMPLES if one.table in ("bill", "perk")]
    with pytest.raises(DataError) as caught:
        learn_between(Dataset(schema(*lines), frames))
    told = " ".join(caught.value.findings)
    assert "CarryDown" in told
    assert "ForeignToPrimaryKeySubset" in told
    assert "Rom" not in told, "messages hold no cells"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"type": "CarryDow"}, "CarryDown"),
        ({"type": "CarryDown", "child": "bill.town"}, "'parent' is missing"),
        ({"type": "CarryDown", "child": "club.fee", "parent": "person.town"}, "foreign key"),
        ({"type": "Aggregate", "column": "bill.total", "of": "line"}, "expression"),
        (
            {"type": "Aggregate", "column": "bill.town", "of": "line", "expression": "pieces"},
            "stored as String",
        ),
        (
            {"type": "InequalityBetween", "low": "person.town", "high": "bill.sent"},
            "cannot be compared|compares|text",
        ),
        ({"type": "ReferenceTable", "tables": ["member"]}, "whose rows are made anew"),
        ({"type": "UniqueBridgeTable", "table": "club"}, "0 foreign keys"),
    ],
)
def test_what_cannot_be_is_said_when_it_is_declared(line: dict[str, object], said: str) -> None:
    with pytest.raises((SchemaError, nt.NotRegisteredError), match=said):
        schema(line)


def test_circles_are_cut_and_deep_rows_hung_higher() -> None:
    lines = [{"type": "SelfReferentialHierarchy", "table": "person", "key": ["chief"], "depth": 20}]
    between = learn_between(Dataset(schema(*lines), FRAMES))
    people = FRAMES["person"]
    draw = np.random.Generator(np.random.PCG64(0))
    wild = people["id"][draw.integers(0, people.height, people.height)].alias("chief")
    chain = people["id"].shift(1).alias("chief")
    for chiefs in (wild, chain):
        made = between.decode({**FRAMES, "person": people.with_columns(chiefs)})
        assert between.broken(made) == []
        assert (made["person"]["chief"] == chiefs).mean() > 0.1  # type: ignore[operator]
    assert depths(np.array([-1, 0, 1, 4, 3, 5])).tolist() == [0, 1, 2, -1, -1, -1]


def test_a_total_of_rows_that_nothing_refers_to_is_as_it_was() -> None:
    bill, line = FRAMES["bill"], FRAMES["line"]
    asked = {
        "type": "Aggregate",
        "column": "bill.total",
        "of": "line",
        "expression": "pieces * price",
    }
    alone = ~bill["id"].is_in(line["bill"].implode())
    for value in (None, 7.5):
        frames = {**FRAMES, "bill": bill.with_columns(bill["total"].set(alone, value))}
        declared = schema(asked)
        content = declared.tables["bill"]
        total = content.columns["total"].model_copy(update={"nullable": True})
        tables = dict(declared.tables)
        tables["bill"] = content.model_copy(update={"columns": {**content.columns, "total": total}})
        data = Dataset(declared.model_copy(update={"tables": tables}), frames)
        between = learn_between(data)
        assert bool(between.steps) is (value is None)
        assert between.decode(between.encode(frames))["bill"].equals(frames["bill"])
