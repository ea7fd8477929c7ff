"""What inspect proposes between tables: what was put there, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neotype as nt
from neotype.constraints.between import learn_between
from neotype.constraints.discovery.between import propose_between
from neotype.data import Dataset
from neotype.rng import Rng
from neotype.schema.file import read_schema, write_schema
from neotype.schema.schema import Identifier, Numeric, Relationship, Schema, Table
from table_rules import FRAMES, schema

HOME = Path(__file__).parents[1]


def titles(data: Dataset) -> dict[str, bool]:
    return {one.constraint.title: one.holds for one in propose_between(data)}


def test_what_holds_between_tables_is_found_and_can_be_declared(tmp_path: Path) -> None:
    data = Dataset(schema(), FRAMES)
    found = propose_between(data)
    types = [one.constraint.type for one in found]
    assert {t: types.count(t) for t in types} == {
        "ForeignToForeignKey": 1,
        "ForeignToPrimaryKeySubset": 1,
        "CarryDown": 1,
        "InequalityBetween": 2,
        "Aggregate": 1,
        "UniqueBridgeTable": 1,
    }
    assert all(one.holds and "would break it" in one.evidence for one in found)
    declared = data.schema.constrained(one.constraint for one in found)
    path = write_schema(declared, tmp_path / "schema.yaml")
    between = learn_between(Dataset(read_schema(path), FRAMES))
    assert len(between.rules) == 7
    asked = write_schema(
        data.schema,
        tmp_path / "remarks.yaml",
        remarks={"": [(one.constraint, one.evidence) for one in found]},
    )
    assert read_schema(asked).constraints == ()
    text = asked.read_text(encoding="utf-8")
    head, tail = text.split("# Found in the data", maxsplit=1)
    asked.write_text(head + "# Found in the data" + tail.replace("\n#- ", "\n- "), encoding="utf-8")
    assert len(read_schema(asked).constraints) == 7


def test_errors_in_few_rows_leave_a_rule_that_almost_holds() -> None:
    bill = FRAMES["bill"]
    towns = bill["town"].scatter(np.flatnonzero(bill["town"].is_not_null())[:2], ["Rom", "Rom"])
    frames = {**FRAMES, "bill": bill.with_columns(towns)}
    found = {one.constraint.type: one for one in propose_between(Dataset(schema(), frames))}
    assert not found["CarryDown"].holds
    assert found["CarryDown"].exceptions == 2


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_between_tables_that_have_nothing_to_do_with_each_other(
    seed: int,
) -> None:
    draw = Rng(seed).generator()
    frames = {
        name: frame.with_columns(
            frame[column][draw.permutation(frame.height)]
            for column in frame.columns
            if column not in ("id", "on", "what")
        )
        for name, frame in FRAMES.items()
    }
    assert titles(Dataset(schema(), frames)) == {}


def test_chinook_has_totals_prices_and_addresses_that_follow() -> None:
    found = {
        one.constraint.title for one in nt.propose_constraints(HOME / "examples/chinook.sqlite")
    }
    assert "Aggregate(Invoice.Total = sum of InvoiceLine UnitPrice * Quantity)" in found
    assert "CarryDown(child='InvoiceLine.UnitPrice', parent='Track.UnitPrice')" in found
    assert "CarryDown(child='Invoice.BillingCity', parent='Customer.City')" in found
    assert all("Aggregate" not in one or "Invoice.Total" in one for one in found)


def test_proposals_are_facts_for_machines_without_cells() -> None:
    for one in propose_between(Dataset(schema(), FRAMES)):
        told = json.dumps(one.facts())
        assert one.constraint.type in told
        assert "P00" not in one.evidence
    assert propose_between(Dataset(schema(), {n: f.clear() for n, f in FRAMES.items()})) == ()
    few = {name: frame.head(5) for name, frame in FRAMES.items()}
    few["bill"] = few["bill"].with_columns(pl.lit(None, dtype=pl.String).alias("person"))
    propose_between(Dataset(schema(), few))


def test_what_rows_repeat_is_not_said_again_as_their_least() -> None:
    draw = np.random.default_rng(0)
    price, of = np.round(draw.uniform(1, 50, 200), 2), draw.integers(0, 200, 3_000)
    prices = pl.Series(price[of]).scatter([0, 9], [0.5, 60.0])  # two of them typed wrong
    product = {"product_id": range(200), "price": price, "weight": draw.integers(1, 90, 200)}
    line = {"line_id": range(3_000), "product_id": of, "price": prices}
    tables = {"product": pl.DataFrame(product), "line": pl.DataFrame(line)}
    found = [one.constraint.title for one in nt.propose_constraints(tables)]
    assert found == ["CarryDown(child='line.price', parent='product.price')"]


def test_a_hierarchy_of_one_step_is_said_to_be_one() -> None:
    chief = [None, *([1] * 39)]
    people = pl.DataFrame({"id": range(1, 41), "chief_id": chief, "age": range(40)})
    columns = {"id": Identifier(storage="Int64"), "age": Numeric(storage="Int64")}
    columns["chief_id"] = Identifier(storage="Int64", unique=False, nullable=True)
    own = Relationship(parent="p", parent_key=("id",), child="p", child_key=("chief_id",))
    tables = {"p": Table(columns=columns, primary_key=("id",))}
    found = propose_between(Dataset(Schema(tables=tables, relationships=(own,)), {"p": people}))
    assert "and to the top in 1 step, in all" in found[0].evidence
