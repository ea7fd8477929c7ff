"""The schema file: what is written is read again, and an edit that is wrong is told where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.errors import ColumnNotFoundError, OutputExistsError, SchemaError, SourceError
from neotype.schema.file import from_document, read_schema, to_document, to_yaml, write_schema
from neotype.schema.infer import infer_schema
from neotype.schema.schema import (
    Boolean,
    Categorical,
    Constant,
    Datetime,
    Duration,
    Geo,
    Identifier,
    Json,
    Numeric,
    Ordinal,
    Personal,
    Relationship,
    Schema,
    Table,
    Text,
)
from neotype.source import read

ADULT = Path(__file__).parent.parent / "examples" / "adult.parquet"

EVERY = Schema(
    tables={
        "stay": Table(
            columns={
                "id": Identifier(storage="String", pattern="[A-Z]{2}-[0-9]{4}"),
                "guest": Identifier(storage="Int64", unique=False),
                "rate": Numeric(storage="Decimal[10,2]", subtype="decimal", decimals=2, minimum=0),
                "size": Ordinal(storage='Enum["S","M","L"]', values=("S", "M", "L")),
                "code": Categorical(
                    storage="String", values=("01", "no", "1e3", "~", ""), rare="mask"
                ),
                "smoker": Boolean(storage="String", labels=("no", "yes"), public=True),
                "flag": Boolean(storage="Int64", labels=(0, 1), nullable=True),
                "real_flag": Boolean(storage="Float64", labels=(0.0, 1.0)),
                "in": Datetime(storage="String", part="date", format="%d.%m.%Y", resolution="day"),
                "nights": Duration(storage="Duration[us]"),
                "note": Text(storage="String", reason="a: 'quoted' # text\nof two lines"),
                "lat": Geo(storage="Float64", axis="latitude", partner="lon", decimals=5),
                "lon": Geo(storage="Float64", axis="longitude", partner="lat"),
                "brand": Constant(storage="String", value="2020-01-01"),
                "tags": Json(storage="List[String]"),
                "mail": Personal(storage="String", category="email", locale="de", unique=True),
                "ssn": Personal(
                    storage="Int64", category="national_id", treatment="drop", scheme="us_ssn"
                ),
                "2010": Numeric(storage="Int64"),
                "on": Numeric(storage="Int64"),
                "1.10": Numeric(storage="Int64"),
                "": Numeric(storage="Int64"),
            },
            primary_key=("id",),
            entity="guest",
        ),
        "guest": Table(columns={"id": Identifier(storage="Int64")}),
    },
    relationships=(
        Relationship(parent="guest", parent_key=("id",), child="stay", child_key=("guest",)),
    ),
)


@pytest.mark.parametrize("suffix", ["yaml", "yml", "json"])
def test_every_kind_comes_back_equal(tmp_path, suffix):
    path = write_schema(EVERY, tmp_path / f"s.{suffix}")
    back = read_schema(path)
    assert back == EVERY
    for name, column in back.tables["stay"].columns.items():
        labels = getattr(column, "labels", None)
        if labels:
            known = EVERY.tables["stay"].columns[name].labels
            assert [type(label) for label in labels] == [type(label) for label in known]


def test_an_inferred_schema_comes_back_equal(tmp_path):
    schema = infer_schema(read(ADULT).frames)
    assert read_schema(write_schema(schema, tmp_path / "adult.yaml")) == schema


def test_the_file_says_how_it_is_edited_and_only_what_matters():
    text = to_yaml(infer_schema(read(ADULT).frames))
    assert text.startswith("# What the columns mean.")
    assert (
        "      age:\n        kind: numeric\n        subtype: integer\n        decimals: 0\n"
        "        storage: Int64\n        reason: 73 distinct whole numbers from 17 to 90\n" in text
    )
    assert "public: false" not in text


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    values=st.lists(SCALARS, max_size=4),
    reason=NAMES,
)
def test_any_names_labels_and_reasons_come_back_equal(tmp_path_factory, names, values, reason):
    column = Categorical(storage="String", values=tuple(values), reason=reason)
    schema = Schema(tables={name: Table(columns={name: column}) for name in names})
    folder = tmp_path_factory.mktemp("schema")
    for path in ("s.yaml", "s.json"):
        back = read_schema(write_schema(schema, folder / path))
        assert back == schema
        found = back.tables[names[0]].columns[names[0]].values
        assert [type(value) for value in found] == [type(value) for value in values]


def edited(tmp_path: Path, *changes: tuple[str, str]) -> str:
    text = to_yaml(EVERY)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "edited.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError) as caught:
        read_schema(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "kind: numeric",
            "kind: numerc",
            "tables.stay.columns.rate: kind 'numerc' does not exist; did you mean 'numeric'?",
        ),
        ("decimals: 2", "decimls: 2", "columns.rate.decimls: 'decimls' is not known here; did you"),
        ("decimals: 2", "decimals: two", "tables.stay.columns.rate.decimals: "),
        (
            "subtype: decimal",
            "subtype: decimals",
            "subtype: 'decimals' is not allowed; did you mean",
        ),
        ("storage: Int64", "storage: Int46", "did you mean 'Int64'?"),
        ("        kind: text\n", "", "tables.stay.columns.note: has no kind"),
        ("primary_key: [id]", "primary_key: [ids]", "did you mean 'id'?"),
        ("entity: guest", "entity: gest", "did you mean 'guest'?"),
        ("entity: guest", "entty: guest", "tables.stay.entty: 'entty' is not known here; did you"),
        ("partner: lon", "partner: size", "does not name it back"),
        ("storage: Duration[us]", "storage: String", "kind duration needs a Duration"),
        ("        format: '%d.%m.%Y'\n", "", "kind datetime on text needs a format"),
        ("labels: ['no', 'yes']\n", "labels: ['no']\n", "tables.stay.columns.smoker.labels"),
        ("neotype_schema: 1", "neotype_schema: 2", "version 2; this neotype reads 1"),
        ("tables:", "table:", "has no 'tables'"),
        ("    columns:", "    colums:", "'colums' is not known here; did you mean 'columns'?"),
        ("      guest:\n", "      id:\n", "'id' comes a second time"),
        ("  stay:", "  stay", "not YAML"),
        ("    columns:", "\t columns:", "line 1"),
    ],
)
def test_a_wrong_edit_is_told_its_path_and_the_nearest_mend(tmp_path, old, new, said):
    assert said in edited(tmp_path, (old, new))


def test_all_faults_come_at_once(tmp_path):
    message = edited(
        tmp_path,
        ("kind: text", "kind: txt"),
        ("decimals: 2", "decimls: 2"),
        ("rare: mask", "rare: x"),
    )
    assert "3 faults" in message
    assert message.count("- tables.stay.columns.") == 3


def test_a_numeric_kind_on_text_is_refused(tmp_path):
    document = to_document(EVERY)
    document["tables"]["stay"]["columns"]["code"] = {"kind": "numeric", "storage": "String"}
    with pytest.raises(SchemaError, match="kind numeric needs numbers, and the storage is String"):
        from_document(document)


def test_files_that_are_no_schemas(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        read_schema(tmp_path / "none.yaml")
    for text, said in (
        ("", "has no 'tables'"),
        ("[1, 2", "not YAML"),
        ("just words", "no mapping"),
    ):
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(SchemaError, match=said):
            read_schema(tmp_path / "x.yaml")
    (tmp_path / "x.json").write_text('{"tables": ')
    with pytest.raises(SchemaError, match=r"not JSON.*line 1"):
        read_schema(tmp_path / "x.json")
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(SchemaError, match="not a text file"):
        read_schema(tmp_path / "x.yaml")


def test_unknown_columns_of_keys_are_named(tmp_path):
    document = to_document(EVERY)
    document["tables"]["guest"]["primary_key"] = ["idd"]
    with pytest.raises(ColumnNotFoundError, match="did you mean 'id'"):
        from_document(json.loads(json.dumps(document)))


def test_a_schema_file_is_not_overwritten_unasked(tmp_path):
    path = write_schema(EVERY, tmp_path / "s.yaml")
    with pytest.raises(OutputExistsError):
        write_schema(EVERY, path)
    write_schema(EVERY, path, force=True)
    assert list(tmp_path.iterdir()) == [path]
