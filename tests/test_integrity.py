"""Databases with rows that refer to nothing, keys that are none, empty tables and odd orders."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

import databases
from neotype.data import Dataset
from neotype.errors import DataError
from neotype.integrity import Choice, faults, settle
from neotype.links import Links
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Identifier, Relationship, Schema, Table


def dirty() -> Dataset:
    frames, _ = databases.dirty()
    return Dataset(infer_schema(frames), frames)


def key(*, unique: bool = False, nullable: bool = False) -> Identifier:
    return Identifier(storage="Int64", unique=unique, nullable=nullable)


def chain(*, nullable: bool) -> Dataset:
    """a ← b ← c, b refers to itself too; 3 of b are orphans, and c hangs on one of them."""
    tables = {
        "a": Table(columns={"id": key(unique=True)}, primary_key=("id",)),
        "b": Table(
            columns={
                "id": key(unique=True),
                "a_id": key(nullable=nullable),
                "up": key(nullable=True),
            },
            primary_key=("id",),
        ),
        "c": Table(columns={"b_id": key()}),
    }
    ties = (
        Relationship(parent="a", parent_key="id", child="b", child_key="a_id"),
        Relationship(parent="b", parent_key="id", child="b", child_key="up"),
        Relationship(parent="b", parent_key="id", child="c", child_key="b_id"),
    )
    frames = {
        "a": pl.DataFrame({"id": [1, 2]}),
        "b": pl.DataFrame(
            {"id": [1, 2, 3, 4, 5], "a_id": [1, 77, 2, 2, 2], "up": [None, 1, 2, 1, 3]}
        ),
        "c": pl.DataFrame({"b_id": [1, 2, 3, 4, 5, 5]}),
    }
    return Dataset(Schema(tables=tables, relationships=ties), frames)


class TestOrphans:
    def test_all_are_told_with_counts_and_the_choice_is_named(self) -> None:
        with pytest.raises(DataError) as fault:
            settle(dirty())
        told = str(fault.value)
        assert "invoices.client_id → clients.client_id: 34 of 2,000 rows refer to no row" in told
        assert "99999" in told
        for choice in ("drop", "null", "keep"):
            assert f"'{choice}'" in told

    def test_dropped_with_all_rows_below(self) -> None:
        after, notes = settle(dirty(), "drop")
        assert dict(after.sizes) == {"clients": 402, "invoices": 1966, "payments": 1966}
        links = Links.of(after.schema, after.frames)
        assert all((rows >= 0).all() for rows in links.positions.values())
        assert "table 'payments': 34 rows of 2,000 dropped" in " ".join(notes)

    def test_a_chain_falls_through_a_table_that_refers_to_itself(self) -> None:
        after, _ = settle(chain(nullable=False), "drop")
        assert after.frames["b"]["id"].to_list() == [1, 4]
        assert after.frames["c"]["b_id"].to_list() == [1, 4]

    def test_made_missing_where_they_may_be(self) -> None:
        after, notes = settle(chain(nullable=True), "null")
        assert after.frames["b"]["a_id"].to_list() == [1, None, 2, 2, 2]
        assert dict(after.sizes) == {"a": 2, "b": 5, "c": 6}
        assert notes == ("b.a_id → a.id: 1 of 5 rows refer to no row: they refer to nothing now",)

    def test_not_made_missing_where_they_may_not(self) -> None:
        with pytest.raises(DataError, match="a_id may not be missing") as fault:
            settle(chain(nullable=False), "null")
        assert "nullable: true" in str(fault.value)

    def test_kept_as_they_are(self) -> None:
        data = dirty()
        after, notes = settle(data, "keep")
        assert after.frames["invoices"].equals(data.frames["invoices"])
        assert "kept, as references to nothing" in " ".join(notes)

    @pytest.mark.parametrize("choice", ["drop", "keep"])
    def test_notes_hold_no_cell(self, choice: Choice) -> None:
        data = dirty()
        lost = data.frames["invoices"].filter(pl.col("client_id") > 99_998)["client_id"]
        _, notes = settle(data, choice)
        assert not any(str(cell) in note for cell in lost for note in notes)

    def test_a_missing_key_refers_to_nothing_and_is_no_orphan(self) -> None:
        found = faults(chain(nullable=True))
        assert [(one.table, one.rows) for one in found if one.what == "orphans"] == [("b", 1)]


class TestKeys:
    def test_a_few_that_come_twice_are_told(self) -> None:
        (twice,) = [one for one in faults(dirty()) if one.what == "duplicate keys"]
        assert (twice.table, twice.rows, twice.of) == ("clients", 2, 402)
        assert twice.examples == ("17", "23")
        assert not {"17", "23"} & set(twice.said.split())

    def test_what_is_no_key_is_refused(self) -> None:
        table = Table(columns={"id": key(unique=True)}, primary_key=("id",))
        schema = Schema(tables={"a": table, "b": table})
        frames = {"a": pl.DataFrame({"id": [1, 1, 1, 2]}), "b": pl.DataFrame({"id": [1, None]})}
        with pytest.raises(DataError, match="is none") as fault:
            settle(Dataset(schema, frames), "drop")
        assert len(fault.value.findings) == 2

    def test_empty_tables_and_tables_of_keys_alone(self) -> None:
        data = chain(nullable=True)
        frames = {**data.frames, "c": data.frames["c"].clear()}
        found = {(one.table, one.what) for one in faults(Dataset(data.schema, frames))}
        assert ("c", "empty") in found
        assert ("c", "only keys") in {(one.table, one.what) for one in faults(data)}

    def test_an_empty_parent_leaves_orphans(self) -> None:
        data = chain(nullable=True)
        frames = {**data.frames, "a": data.frames["a"].clear()}
        after, _ = settle(Dataset(data.schema, frames), "drop")
        assert dict(after.sizes) == {"a": 0, "b": 0, "c": 0}

    def test_clean_data_passes_untouched(self) -> None:
        frames, _ = databases.subtypes()
        data = Dataset(infer_schema(frames), frames)
        assert settle(data) == (data, ())


class TestOrder:
    def visits(self, days: list[int], whose: list[int]) -> Dataset:
        frames = {
            "person": pl.DataFrame({"person_id": range(1, 101), "weight": [60.5, 72.0] * 50}),
            "visit": pl.DataFrame(
                {
                    "person_id": whose,
                    "day": [date(2024, 1, 1) + timedelta(one) for one in days],
                    "pulse": [60 + one % 7 for one in days],
                }
            ),
        }
        schema = infer_schema(frames)
        visit = schema.tables["visit"].model_copy(update={"sequence": "day"})
        tables = {**schema.tables, "visit": visit}
        return Dataset(schema.model_copy(update={"tables": tables}), frames)

    def test_rows_out_of_order_and_at_one_time(self) -> None:
        whose = [1 + k // 4 for k in range(400)]
        days = [k % 4 for k in range(400)]
        assert faults(self.visits(days, whose)) == ()
        days[0:4] = [3, 2, 1, 1]
        found = {one.what: one.rows for one in faults(self.visits(days, whose))}
        assert found == {"same time": 1, "unordered": 2}

    def test_one_owner_of_nearly_all_rows(self) -> None:
        whose = [1] * 990 + list(range(2, 12))
        found = faults(self.visits(list(range(1000)), whose))
        assert [(one.what, one.rows) for one in found] == [("one owner", 990)]
        assert "99%" in found[0].said
