"""Every column gets the kind that an expert would give it, and says why."""

from __future__ import annotations

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from neotype.errors import DataError, SchemaError
from neotype.schema.infer import adopt, infer_schema
from neotype.schema.schema import Categorical, Datetime, Schema, Table
from neotype.schema.storage import storage_dtype, storage_name
from neotype.source import read

ADULT = Path(__file__).parent.parent / "examples" / "adult.parquet"


def guess(cells, name="x", **more):
    frame = pl.DataFrame({name: cells, **more})
    return infer_schema({"t": frame}).table.columns[name]


def labels(count, rows=200):
    return [f"label {i % count}" for i in range(rows)]


def test_adult_is_read_as_an_expert_would():
    schema = infer_schema(read(ADULT).frames)
    kinds = {name: column.kind for name, column in schema.columns.items()}
    whole = {"age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"}
    assert {name for name, kind in kinds.items() if kind == "numeric"} == whole
    assert {kind for name, kind in kinds.items() if name not in whole} == {"categorical"}
    assert schema.columns["age"].reason == "73 distinct whole numbers from 17 to 90"
    assert all(column.reason for column in schema.columns.values())
    assert [name for name, c in schema.columns.items() if c.nullable] == [
        "workclass",
        "occupation",
        "native-country",
    ]
    assert schema.table.primary_key == ()


@pytest.mark.parametrize(
    ("cells", "kind", "facts"),
    [
        ([1, 5, 7, 9, None], "numeric", {"subtype": "integer", "decimals": 0, "nullable": True}),
        ([1.0, 2.0, None], "numeric", {"subtype": "integer", "storage": "Float64"}),
        ([1.25, 2.5, 3.0], "numeric", {"subtype": "decimal", "decimals": 2}),
        ([1 / 3, 2 / 7, 3 / 11], "numeric", {"subtype": "float", "decimals": None}),
        ([1.0, 2.0, float("inf")], "numeric", {"subtype": "integer", "decimals": 0}),
        ([1e308, -1e308, float("inf")], "numeric", {"subtype": "float"}),
        ([Decimal("1.50"), Decimal("2.25")], "numeric", {"subtype": "decimal", "decimals": 2}),
        ([2**63 + 1, 5], "numeric", {"subtype": "integer", "storage": "UInt64"}),
        ([0, 1, 0, None], "boolean", {"labels": (0, 1), "nullable": True}),
        ([0.0, 1.0, None], "boolean", {"labels": (0.0, 1.0)}),
        ([0, 1, 2, 1], "numeric", {}),
        ([True, False, None], "boolean", {"labels": None}),
        (["True", "False"], "boolean", {"labels": ("False", "True")}),
        (["no", "yes", None], "boolean", {"labels": ("no", "yes")}),
        (["Male", "Female"] * 9, "categorical", {}),
        (["01581", "01730", "01581"], "categorical", {"storage": "String"}),
        (["low", "high", "medium", "low"] * 5, "ordinal", {"values": ("low", "medium", "high")}),
        (
            ["[70-80)", "[0-10)", "[10-20)"] * 5,
            "ordinal",
            {"values": ("[0-10)", "[10-20)", "[70-80)")},
        ),
        (
            ["18-24", "65+", "25-64", "<18"] * 5,
            "ordinal",
            {"values": ("<18", "18-24", "25-64", "65+")},
        ),
        (["May", "June", "Feb"] * 5, "ordinal", {"values": ("Feb", "May", "June")}),
        (["mon", "fri", "wed"] * 5, "ordinal", {"values": ("mon", "wed", "fri")}),
        (["HS-grad", "Masters", "10th"] * 9, "categorical", {}),
        (["S", "M", "D"], "categorical", {}),
        (["2020-01-31", "1999-12-01"], "datetime", {"part": "date", "format": "%Y-%m-%d"}),
        (["31.1.2020", "1.12.1999"], "datetime", {"part": "date", "format": "%-d.%-m.%Y"}),
        (["2020-01-31T10:00:00Z"] * 2 + [None], "datetime", {"format": "%Y-%m-%dT%H:%M:%SZ"}),
        (["9:05 AM", "11:30 PM"], "datetime", {"part": "time", "format": "%-I:%M %p"}),
        (["2020-02-30", "2020-01-01"], "categorical", {}),
        ([dt.date(2020, 1, 1), None], "datetime", {"part": "date", "resolution": "day"}),
        ([dt.time(9, 30)] * 2, "datetime", {"part": "time", "resolution": "minute"}),
        ([dt.datetime(2020, 1, 1, 5), None], "datetime", {"resolution": "hour"}),
        ([dt.timedelta(hours=1), dt.timedelta(0)], "duration", {}),
        ([[1, 2], [3]], "json", {}),
        ([{"a": 1}, {"a": 2}], "json", {}),
        (['{"a": 1}', "[2]"], "json", {}),
        (['{"a": 1}', "[2"], "categorical", {}),
        ([None, None], "constant", {"value": None, "storage": "Null"}),
        (["same"] * 5, "constant", {"value": "same"}),
        ([7] * 5, "constant", {"value": 7}),
        (["same"] * 5 + [None], "categorical", {}),
    ],
)
def test_kinds(cells, kind, facts):
    column = guess(cells)
    assert column.kind == kind, column
    assert {name: getattr(column, name) for name in facts} == facts
    assert column.reason


def test_the_range_of_a_reason_leaves_out_what_few_rows_have():
    reason = guess([10, 20, 30, 40] * 20 + [999_999]).reason
    assert reason == "5 distinct whole numbers from 10 to 40"


def test_reasons_hold_no_cell_that_few_rows_share():
    secrets = [f"Quirin Zacharias {i} of {i * 7} Elm" for i in range(40)]
    frame = pl.DataFrame(
        {
            "a": secrets,
            "b": ["x"] * 38 + secrets[:2],
            "c": [*map(str, range(38)), "Zacharias", "Quirin"],
            "d": [*range(39), 987654],
            "id": [f"Zacharias-{i:03d}" for i in range(4)] * 10,
        }
    )
    written = infer_schema({"t": frame}).model_dump_json()
    assert "Zacharias" not in written
    assert "Quirin" not in written
    assert "987" not in written


def test_an_order_leaves_out_labels_that_few_rows_have():
    ages = ["[0-10)", "[10-20)", "[20-30)"] * 20
    assert guess([*ages, *["[90-95)"] * 5]).values[-1] == "[90-95)"
    rare = guess([*ages, *["[90-95)"] * 4])
    assert rare.kind == "ordinal"
    assert "90" not in rare.model_dump_json()
    assert guess([*ages[:2] * 20, "[90-95)"]).kind == "categorical"


def test_one_row_stores_nothing_of_it():
    frame = pl.DataFrame({"name": ["Zacharias"], "age": [4711], "day": [dt.date(1971, 3, 4)]})
    schema = infer_schema({"t": frame})
    assert {c.kind for c in schema.columns.values()} == {"categorical", "numeric", "datetime"}
    assert not re.search("Zacharias|4711|1971", schema.model_dump_json())


@pytest.mark.parametrize("name", ["id", "user_id", "CustomerId", "patient_nbr", "No", "ID", "row"])
def test_unique_whole_numbers_with_the_name_of_an_id(name):
    column = guess([31, 17, 5, 99, 2, 45], name)
    assert (column.kind, column.unique) == ("identifier", True)
    assert "named like an id" in column.reason


@pytest.mark.parametrize("name", ["paid", "bid", "price", "valid", "grid", "amount"])
def test_unique_whole_numbers_with_another_name_are_quantities(name):
    assert guess([31, 17, 5, 99, 2, 45], name).kind == "numeric"


def test_a_row_counter_is_an_id_under_any_name():
    assert guess(list(range(1, 101)), "instant").kind == "identifier"
    assert guess(list(range(100, 0, -1)), "instant").kind == "numeric"
    assert guess(list(range(1900, 2000)), "year").kind == "numeric"


def test_unique_measurements_and_unique_texts_are_no_ids():
    assert guess([i / 7 for i in range(100)], "reading_id").kind == "numeric"
    texts = [f"The guest of room {i} asked for {i * 3} towels" for i in range(100)]
    assert guess(texts, "note").kind == "text"


def test_an_id_that_repeats_is_an_owner_or_a_label():
    owner = guess([i * 3 // 4 for i in range(400)], "patient_nbr")
    assert (owner.kind, owner.unique) == ("identifier", False)
    assert "set entity: patient_nbr" in owner.reason
    label = guess([i % 8 for i in range(400)], "admission_type_id")
    assert label.kind == "categorical"


def test_zero_led_and_lettered_ids_get_a_pattern():
    territory = guess([f"{i:05d}" for i in range(50)], "territory_id")
    assert territory.kind == "identifier"
    assert re.fullmatch(territory.pattern, "00017")
    hexes = guess([f"56be4db0acb8001400a5{i:04x}" for i in range(300)], "id")
    assert hexes.pattern == "[0-9a-f]{24}"
    customer = guess([f"CUST-{i:03d}" for i in range(100)], "customer_id")
    assert re.fullmatch(customer.pattern, "CUST-042")
    uuid = guess([f"0b1c2d3e-4f50-4a61-8b72-{i:012x}" for i in range(30)], "token")
    assert uuid.kind == "identifier"


def test_contact_data_is_made_anew():
    mails = [f"guest{i}@hotel.org" for i in range(30)]
    mail = guess(mails, "Email")
    assert (mail.kind, mail.category, mail.treatment, mail.unique) == (
        "personal",
        "email",
        "fake",
        True,
    )
    assert guess(["cellular", "telephone"] * 20, "phone").kind == "categorical"
    assert guess(["yes", "no"] * 20, "mobile").kind == "boolean"


def test_postcodes_are_codes():
    assert guess([10115 + i % 9 for i in range(100)], "zip").kind == "categorical"
    assert guess([f"{i % 9:05d}" for i in range(100)], "postal_code").kind == "categorical"


def test_text_is_long_or_diverse():
    assert guess(labels(20)).kind == "categorical"
    assert guess([f"Seen {i} of {i * 7} geese" for i in range(200)], "remark").kind == "text"
    contexts = [f"{'A long story of many words. ' * 9}{i % 40}" for i in range(200)]
    assert guess(contexts).kind == "text"
    assert guess([f"c{i}" for i in range(9)]).kind == "categorical"


def test_names_and_codes_that_hardly_repeat_are_not_labels():
    """As labels nearly all of them would be protected, and come back as '*'."""
    names = [f"{'ABCDEFGHIJ'[i % 10]}{'aeiou'[i % 5]}{'klmnrst'[i % 7]}a" for i in range(200)]
    assert guess(names).kind == "text"
    codes = guess([f"{i * 7919 % 90000}-{i * 104729 % 700000}" for i in range(500)])
    assert codes.kind == "identifier"
    assert codes.unique
    repeated = guess([f"Q{i % 70:02d}" for i in range(200)])
    assert repeated.kind == "identifier"
    assert not repeated.unique
    assert guess([f"label {i % 30}" for i in range(200)]).kind == "categorical"
    assert guess([*["usual"] * 60, *[f"odd {i}" for i in range(140)]]).kind == "categorical"


def test_dates_of_a_category_dtype_stay_labels():
    """They come back as the same dtype, whatever their texts look like."""
    days = pl.Series([f"2020-01-{1 + i % 28:02d}" for i in range(200)], dtype=pl.Categorical())
    assert guess(days).kind == "categorical"


def test_near_misses_are_explained():
    mixed = guess([str(i) for i in range(97)] + ["abc", "x-1", "7"])
    assert mixed.kind == "categorical"
    assert "2 of 100 cells are not numbers (shaped like 'aaa')" in mixed.reason
    dates = guess([f"2020-01-{1 + i % 28:02d}" for i in range(99)] + ["0000-00-00"])
    assert dates.kind == "categorical"
    assert "1 of 100 cells is not dates as %Y-%m-%d (shaped like '9999-99-99')" in dates.reason
    codes = guess([f"{i % 30:03d}" for i in range(100)])
    assert "leading zeros" in codes.reason


def test_day_and_month_that_could_change_places_are_said():
    assert "%d/%m/%Y would fit as well" in guess(["01/02/2020", "03/04/2021"]).reason
    assert "as well" not in guess(["01/02/2020", "12/31/2021"]).reason


def test_latitude_and_longitude_are_a_pair():
    frame = pl.DataFrame(
        {
            "pickup_latitude": [52.5, 48.1, None],
            "pickup_longitude": [13.4, 11.6, None],
            "lat": [91.5, 2.5, 3.5],
            "lon": [1.5, 2.5, 3.5],
        }
    )
    columns = infer_schema({"t": frame}).columns
    assert columns["pickup_latitude"].partner == "pickup_longitude"
    assert columns["pickup_longitude"].axis == "longitude"
    assert columns["lat"].kind == columns["lon"].kind == "numeric"


def test_an_enum_is_ordinal_only_where_its_order_means_something():
    order = pl.Enum(["low", "mid", "high"])
    column = guess(pl.Series(["high", "low"], dtype=order))
    assert (column.kind, column.values) == ("ordinal", ("low", "mid", "high"))
    alphabet = pl.Enum(["ant", "bee", "cow"])
    assert guess(pl.Series(["cow", "ant"], dtype=alphabet)).kind == "categorical"


def test_primary_key():
    frame = pl.DataFrame({"film_id": [1, 2, 3], "actor_id": [4, 5, 6], "n": [1, 1, 2]})
    assert infer_schema({"actor": frame}).table.primary_key == ("actor_id",)
    assert infer_schema({"x": frame}).table.primary_key == ("film_id",)
    assert infer_schema({"x": frame.drop("film_id", "actor_id")}).table.primary_key == ()


def test_binary_columns_are_all_refused():
    frame = pl.DataFrame({"a": [b"x"], "b": [1], "c": [b"y"]})
    with pytest.raises(DataError) as caught:
        infer_schema({"t": frame})
    assert len(caught.value.findings) == 2
    assert "column 'a' of table 't' has dtype Binary" in str(caught.value)


def test_adopt_takes_storage_from_the_data_and_leaves_kinds():
    columns = {
        "day": Datetime(storage="Datetime[us]"),
        "grade": Categorical(storage="String"),
    }
    schema = Schema(tables={"other": Table(columns=columns)})
    frame = pl.DataFrame({"day": ["31.01.2020", None], "grade": [1, 2]})
    adopted = adopt(schema, {"t": frame}).columns
    assert adopted["day"].format == "%d.%m.%Y"
    assert (adopted["grade"].kind, adopted["grade"].storage) == ("categorical", "Int64")
    assert adopted["day"].nullable


DTYPES = [
    *(pl.Int8(), pl.UInt64(), pl.Int128(), pl.Float32(), pl.Boolean(), pl.String(), pl.Date()),
    *(pl.Time(), pl.Null(), pl.Binary(), pl.Categorical(), pl.Enum([]), pl.Enum(['a"', "b],[é"])),
    *(pl.Datetime("ms"), pl.Datetime("ns", "Europe/Berlin"), pl.Duration("us")),
    *(pl.Decimal(38, 0), pl.Decimal(10, 2), pl.List(pl.List(pl.Int8())), pl.Array(pl.Int8, (2, 3))),
    *(pl.Struct({"a b": pl.Int8(), 'c"': pl.List(pl.Date())}), pl.Struct({})),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_storage_names_come_back(dtype):
    assert storage_dtype(storage_name(dtype)) == dtype
    assert json.loads(json.dumps(storage_name(dtype))) == storage_name(dtype)


@pytest.mark.parametrize(
    "name", ["Int46", "Datetime[s]", "Enum[a]", "Int64]", "", "List[", "Map[]"]
)
def test_storage_names_that_do_not_exist(name):
    with pytest.raises(SchemaError, match="storage"):
        storage_dtype(name)


def test_objects_have_no_storage_name():
    with pytest.raises(SchemaError, match="Object"):
        storage_name(pl.Object())
