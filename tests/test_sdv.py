"""SDV metadata, V1 and V2, comes in as a schema and goes out as metadata again."""

from __future__ import annotations

import json

import polars as pl
import pytest

import neotype as nt
from neotype.errors import ColumnNotFoundError, SchemaError
from neotype.schema.file import read_schema
from neotype.schema.infer import infer_schema
from neotype.schema.sdv import from_sdv, is_sdv, to_sdv

HOTEL = {
    "METADATA_SPEC_VERSION": "V2",
    "tables": {
        "hotels": {
            "primary_key": "hotel_id",
            "alternate_keys": ["code"],
            "columns": {
                "hotel_id": {"sdtype": "id", "regex_format": "HID_[0-9]{3}"},
                "code": {"sdtype": "id"},
                "city": {"sdtype": "city", "pii": True},
                "rating": {"sdtype": "numerical", "decimal_places": 1, "range_min": 0.0},
                "class": {"sdtype": "ordinal", "range_values": ["basic", "plus", "suite"]},
                "lat": {"sdtype": "latitude", "pii": True},
                "lon": {"sdtype": "longitude", "pii": True},
            },
        },
        "guests": {
            "primary_key": ["hotel_id", "guest_email"],
            "sequence_key": "hotel_id",
            "sequence_index": "checkin",
            "columns": {
                "hotel_id": {"sdtype": "id", "regex_format": "HID_[0-9]{3}"},
                "guest_email": {"sdtype": "email", "pii": True},
                "name": {"sdtype": "name", "pii": True},
                "rewards": {"sdtype": "boolean"},
                "room": {"sdtype": "categorical"},
                "nights": {"sdtype": "numerical", "computer_representation": "Int64"},
                "checkin": {"sdtype": "datetime", "datetime_format": "%d %b %Y"},
                "at": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d %H:%M"},
            },
        },
    },
    "relationships": [
        {
            "parent_table_name": "hotels",
            "parent_primary_key": "hotel_id",
            "child_table_name": "guests",
            "child_foreign_key": "hotel_id",
        }
    ],
}

V1 = {
    "METADATA_SPEC_VERSION": "SINGLE_TABLE_V1",
    "primary_key": "id",
    "columns": {
        "id": {"sdtype": "id", "regex_format": "[0-9]{6}"},
        "age": {"sdtype": "numerical", "computer_representation": "Int8"},
        "ssn": {"sdtype": "ssn", "pii": True},
        "size": {"sdtype": "categorical", "order": ["S", "M", "L"]},
        "day": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d"},
    },
}


def test_v2_says_kinds_keys_and_relationships():
    schema = from_sdv(HOTEL)
    hotels, guests = schema.tables["hotels"], schema.tables["guests"]
    assert {n: c.kind for n, c in hotels.columns.items()} == {
        "hotel_id": "identifier",
        "code": "identifier",
        "city": "categorical",
        "rating": "numeric",
        "class": "ordinal",
        "lat": "geo",
        "lon": "geo",
    }
    assert hotels.primary_key == ("hotel_id",)
    assert hotels.columns["hotel_id"].pattern == "HID_[0-9]{3}"
    assert hotels.columns["hotel_id"].unique
    assert hotels.columns["code"].unique
    assert hotels.columns["rating"].decimals == 1
    assert hotels.columns["rating"].minimum == 0.0
    assert hotels.columns["class"].values == ("basic", "plus", "suite")
    assert hotels.columns["lat"].partner == "lon"
    assert guests.primary_key == ("hotel_id", "guest_email")
    assert guests.entity == "hotel_id"
    assert not guests.columns["hotel_id"].unique
    email = guests.columns["guest_email"]
    assert (email.kind, email.category) == ("personal", "email")
    assert "personal" in guests.columns["guest_email"].reason
    assert guests.columns["name"].category == "full_name"
    assert guests.columns["nights"].storage == "Int64"
    assert guests.columns["checkin"].part == "date"
    assert guests.columns["at"].part == "datetime"
    assert (guests.entity, guests.sequence) == ("hotel_id", "checkin")
    (tie,) = schema.relationships
    assert (tie.parent, tie.child, tie.child_key) == ("hotels", "guests", ("hotel_id",))


def test_v2_goes_out_as_it_came_in():
    assert to_sdv(from_sdv(HOTEL)) == HOTEL
    assert from_sdv(to_sdv(from_sdv(HOTEL))) == from_sdv(HOTEL)


def test_v1_goes_out_as_it_came_in():
    schema = from_sdv(V1, name="people")
    assert schema.name == "people"
    assert schema.columns["size"].values == ("S", "M", "L")
    assert to_sdv(schema, "V1") == V1
    multi = to_sdv(from_sdv(HOTEL), "V1")
    assert multi["METADATA_SPEC_VERSION"] == "MULTI_TABLE_V1"
    assert set(multi["tables"]) == {"hotels", "guests"}


def test_an_inferred_schema_is_valid_sdv_metadata():
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3],
            "age": [17, 90, 33],
            "flag": [0, 1, 0],
            "job": ["x", "y", "x"],
            "day": ["2020-01-01", "2020-01-03", None],
            "tags": [[1], [2], [3]],
        }
    )
    out = to_sdv(infer_schema({"t": frame}))
    assert out["tables"]["t"]["primary_key"] == "id"
    assert {name: c["sdtype"] for name, c in out["tables"]["t"]["columns"].items()} == {
        "id": "id",
        "age": "numerical",
        "flag": "boolean",
        "job": "categorical",
        "day": "datetime",
        "tags": "categorical",
    }
    assert out["tables"]["t"]["columns"]["day"]["datetime_format"] == "%Y-%m-%d"
    kinds = {n: c.kind for n, c in from_sdv(out).columns.items()}
    assert kinds["age"] == "numeric"
    json.dumps(out)


def test_a_file_is_known_by_its_content_and_takes_storage_from_the_data(tmp_path):
    path = tmp_path / "people.json"
    path.write_text(json.dumps(V1))
    frame = pl.DataFrame(
        {
            "id": ["000001", "000002"],
            "age": pl.Series([4, None], dtype=pl.Int16),
            "ssn": ["1", "2"],
            "size": ["S", "L"],
            "day": ["2020-01-01", "2020-01-02"],
        }
    )
    assert read_schema(path).columns["age"].storage == "Int8"
    schema = read_schema(path, frames={"anything": frame})
    assert schema.name == "people"
    assert schema.columns["age"].storage == "Int16"
    assert schema.columns["size"].kind == "ordinal"
    assert schema.columns["size"].values == ("S", "M", "L")


def test_what_is_sdv():
    assert is_sdv(HOTEL)
    assert is_sdv({"columns": {"a": {"sdtype": "numerical"}}})
    assert not is_sdv({"neotype_schema": 1, "tables": {}})
    assert not is_sdv([1])


def test_unknown_sdtypes_become_text_and_say_so():
    document = {"columns": {"a": {"sdtype": "categorial"}, "b": {"sdtype": "iban", "pii": False}}}
    columns = from_sdv(document).columns
    assert columns["a"].kind == "text"
    assert "not known" in columns["a"].reason
    assert "did you mean 'categorical'?" in columns["a"].reason
    assert columns["b"].kind == "categorical"


def test_faults_are_named():
    with pytest.raises(
        SchemaError, match=r"columns\.a: has no sdtype\n.*columns\.b: has no sdtype"
    ):
        from_sdv({"METADATA_SPEC_VERSION": "V2", "tables": {"t": {"columns": {"a": {}, "b": 1}}}})
    with pytest.raises(SchemaError, match="neither 'tables' nor 'columns'"):
        from_sdv({"METADATA_SPEC_VERSION": "V2"})
    with pytest.raises(ColumnNotFoundError, match="did you mean 'id'"):
        from_sdv({**V1, "primary_key": "idd"})
    wrong = {**HOTEL, "relationships": [{**HOTEL["relationships"][0], "child_table_name": "guest"}]}
    with pytest.raises(SchemaError, match="did you mean 'guests'"):
        from_sdv(wrong)
    with pytest.raises(SchemaError, match="V1 or V2"):
        to_sdv(from_sdv(V1), "V3")


def test_constraints_of_sdv_are_read_as_they_are() -> None:
    def said(name: str, **parameters: object) -> dict[str, object]:
        return {"constraint_class": name, "constraint_parameters": parameters}

    rules = [
        said("Inequality", low_column_name="low", high_column_name="high"),
        said(
            "ScalarRange", column_name="low", low_value=-1, high_value=60, strict_boundaries=False
        ),
        said("FixedIncrements", column_name="high", increment=5),
        said("FixedCombinations", column_names=["low", "high"]),
    ]
    low = pl.Series("low", [k % 50 for k in range(300)])
    frame = pl.DataFrame([low, ((low // 5 + 1) * 5).alias("high")])
    model = nt.fit(frame, constraints=rules, synthesizer="independent")
    assert model.schema.table.constraints[0] == nt.constraints.Inequality(low="low", high="high")
    assert (model.sample(200)["high"] % 5 == 0).all()
    with pytest.raises(nt.errors.SchemaError, match="low_column_name"):
        nt.fit(frame, constraints=[said("Inequality", low_column="low")])
    with pytest.raises(nt.errors.SchemaError, match="Custom"):
        nt.fit(frame, constraints=[said("MyOwn", column_name="low")])
