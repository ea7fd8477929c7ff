"""Schemas in SQL, JSON Schema, pydantic and dbt are read, and what has no counterpart is said."""

from __future__ import annotations

import datetime
import decimal
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Literal

import polars as pl
import pydantic
import pytest
import yaml
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app
from neotype.errors import SchemaError, SourceError
from neotype.foreign.dbt import from_dbt
from neotype.foreign.ddl import from_ddl
from neotype.foreign.json_schema import from_json_schema, from_pydantic
from neotype.foreign.read import import_schema, is_foreign
from neotype.schema.file import from_document, read_schema, to_document, write_schema

SHOP = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE customers (
  id SERIAL PRIMARY KEY,
  email VARCHAR(120) UNIQUE NOT NULL,
  age INT CHECK (age BETWEEN 18 AND 120),
  state mood DEFAULT 'ok',
  price NUMERIC(10,2) CHECK (price > 0),
  made TIMESTAMPTZ DEFAULT now(),
  photo BYTEA,
  check_in DATE NOT NULL,
  check_out DATE,
  CONSTRAINT stay CHECK (check_in < check_out AND (price < 1000 OR state = 'ok'))
);
CREATE TABLE orders (
  id BIGINT, line SMALLINT, customer INT REFERENCES customers(id),
  status TEXT CHECK (status IN ('open', 'shipped')),
  quantity INT, unit_price DOUBLE PRECISION,
  total DOUBLE PRECISION GENERATED ALWAYS AS (quantity * unit_price) STORED,
  PRIMARY KEY (id, line)
);
INSERT INTO orders VALUES (1, 2);
CREATE UNIQUE INDEX ux ON orders (customer, status);
ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (customer) REFERENCES customers (id);
"""


def test_sql_types_keys_checks_and_ties() -> None:
    read = from_ddl(SHOP)
    customers, orders = read.schema.tables["customers"], read.schema.tables["orders"]
    assert customers.primary_key == ("id",)
    assert customers.columns["id"].kind == "identifier"
    assert not customers.columns["email"].nullable
    assert customers.columns["email"].category == "email"
    assert customers.columns["email"].unique
    assert (customers.columns["age"].minimum, customers.columns["age"].maximum) == (18, 120)
    assert customers.columns["age"].nullable
    assert customers.columns["state"].values == ("sad", "ok")
    assert customers.columns["price"].storage == "Decimal[10,2]"
    assert customers.columns["price"].minimum == 0.01, "above 0, in steps of a hundredth"
    assert customers.columns["made"].storage == "Datetime[us,UTC]"
    assert "photo" not in customers.columns
    assert any("photo is binary" in note for note in read.notes)
    types = [one.type for one in customers.constraints]
    assert types == ["Inequality", "Expression"]
    assert customers.constraints[0].strict
    assert orders.columns["status"].values == ("open", "shipped")
    assert [one.type for one in orders.constraints] == ["Unique", "Unique"]
    assert orders.columns["total"].formula == "quantity * unit_price"
    assert [(t.parent, t.child, t.child_key) for t in read.schema.relationships] == [
        ("customers", "orders", ("customer",))
    ], "said twice, and one tie"


def test_what_was_read_can_be_written_and_read_again() -> None:
    schema = from_ddl(SHOP).schema
    assert from_document(to_document(schema), origin="x") == schema


@pytest.mark.parametrize(
    ("text", "column", "kind"),
    [
        ("CREATE TABLE `t` (`a` TINYINT(1), b INT AUTO_INCREMENT PRIMARY KEY)", "a", "boolean"),
        ("CREATE TABLE `t` (`a` ENUM('x','y') NOT NULL)", "a", "categorical"),
        ("CREATE TABLE [dbo].[t] ([a] NVARCHAR(50), b INT IDENTITY(1,1))", "b", "identifier"),
        ("CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b REAL)", "b", "numeric"),
        ("CREATE TABLE t (a VARCHAR2(10), b NUMBER(8,2))", "b", "numeric"),
        ("CREATE TABLE t (a UUID, b JSONB)", "a", "identifier"),
        ("CREATE TABLE t (a INTERVAL, b JSONB)", "a", "duration"),
    ],
)
def test_dialects_are_told_apart(text: str, column: str, kind: str) -> None:
    table = next(iter(from_ddl(text).schema.tables.values()))
    assert table.columns[column].kind == kind


def test_bad_sql_says_where_and_what_to_do() -> None:
    with pytest.raises(SchemaError, match="cannot be read as SQL: line 1") as error:
        from_ddl("CREATE TABLE t (a INT,, b")
    assert "--dialect" in str(error.value)
    with pytest.raises(SchemaError, match="creates no table"):
        from_ddl("SELECT 1")
    with pytest.raises(SchemaError, match="did you mean 'postgres'"):
        from_ddl("SELECT 1", dialect="postgre")


class Place(pydantic.BaseModel):
    street: str
    code: str = pydantic.Field(pattern=r"^[0-9]{5}$")


class Person(pydantic.BaseModel):
    id: uuid.UUID
    age: int = pydantic.Field(ge=18, lt=120)
    price: decimal.Decimal = pydantic.Field(gt=0, decimal_places=2, max_digits=8)
    score: float | None = pydantic.Field(default=None, ge=0, le=1)
    tier: Literal["a", "b"]
    born: datetime.date
    home: Place
    tags: list[str] = []
    active: bool = True


def test_only_we_say_that_sql_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_text("CREATE TABEL x (a INT);")
    command = [sys.executable, "-m", "neotype", "inspect", str(tmp_path / "bad.sql")]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert told.startswith("SchemaError: ")


def test_a_pydantic_model_becomes_a_table() -> None:
    columns = from_pydantic(Person).schema.table.columns
    assert list(columns) == [
        *("id", "age", "price", "score", "tier", "born"),
        *("home.street", "home.code", "tags", "active"),
    ]
    assert (columns["age"].minimum, columns["age"].maximum) == (18, 119)
    assert columns["price"].decimals == 2
    assert columns["price"].minimum == 0.01
    assert columns["score"].nullable
    assert not columns["active"].nullable, "it has a default"
    assert columns["tier"].values == ("a", "b")
    assert columns["home.street"].category == "street_address"
    assert columns["home.code"].pattern == "[0-9]{5}"
    assert columns["tags"].kind == "json"


def test_json_schema_faults_are_said() -> None:
    with pytest.raises(SchemaError, match="no object with properties"):
        from_json_schema({"type": "string"})
    with pytest.raises(SchemaError, match="'#/\\$defs/x', which is not in it"):
        from_json_schema({"properties": {"a": {"$ref": "#/$defs/x"}}})
    loop = {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$ref": "#/$defs/x"}}}
    with pytest.raises(SchemaError, match="refers to itself"):
        from_json_schema(loop)
    read = from_json_schema({"properties": {"a": {"type": "string", "pattern": "(?=x)y"}}})
    assert "more than can be generated" in read.notes[0]


DBT = """
version: 2
models:
  - name: orders
    columns:
      - {name: order_id, data_type: bigint, data_tests: [unique, not_null]}
      - name: customer_id
        data_type: integer
        tests: [{relationships: {to: ref('customers'), field: id}}]
      - {name: status, data_type: varchar, tests: [{accepted_values: {values: [a, b]}}]}
      - name: amount
        data_type: numeric(10,2)
        tests: [{dbt_utils.accepted_range: {min_value: 0, max_value: 100, inclusive: false}}]
    tests: [{dbt_utils.recency: {field: at}}]
  - name: customers
    columns: [{name: id, data_type: int, constraints: [{type: primary_key}]}]
"""


def test_dbt_tests_become_keys_values_and_ranges() -> None:
    read = from_dbt(yaml.safe_load(DBT))
    orders = read.schema.tables["orders"]
    assert orders.primary_key == ("order_id",)
    assert orders.columns["status"].values == ("a", "b")
    assert (orders.columns["amount"].minimum, orders.columns["amount"].maximum) == (0.01, 99.99)
    assert read.schema.relationships[0].parent == "customers"
    assert read.notes == ("orders: test 'recency' was left out",)


def test_the_language_is_told_by_the_file(tmp_path: Path) -> None:
    files = {
        "shop.sql": SHOP,
        "schema.yml": DBT,
        "person.json": json.dumps(Person.model_json_schema()),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert is_foreign(tmp_path / name)
        assert import_schema(tmp_path / name).schema.tables
    (tmp_path / "data.json").write_text('[{"a": 1}]')
    assert not is_foreign(tmp_path / "data.json")
    with pytest.raises(SourceError, match="cannot be read"):
        import_schema(tmp_path / "none.sql")
    with pytest.raises(SchemaError, match="names no class"):
        import_schema("no.such.module:Model")
    assert import_schema("test_foreign:Person").schema.name == "Person"


@pytest.mark.parametrize("table", ["customers", "orders"])
def test_a_described_table_can_be_drawn_at_once(table: str, tmp_path: Path) -> None:
    schema = from_ddl(SHOP).schema
    one = schema.model_copy(update={"tables": {table: schema.tables[table]}, "relationships": ()})
    made = nt.load(write_schema(one, tmp_path / "spec.yaml")).sample(500)
    assert made.height == 500
    assert made.columns == list(one.columns)
    if table == "customers":
        assert (made["check_in"] < made["check_out"]).all()
        assert made["age"].is_between(18, 120).all()
        assert made["email"].n_unique() == 500
        assert made.filter(pl.col("price") >= 1000)["state"].is_in(["ok"]).all()
    else:
        assert (made["total"] - made["quantity"] * made["unit_price"]).abs().max() < 1e-6
        assert made.select("id", "line").is_unique().all()


def test_inspect_shows_a_description_and_writes_one_table(tmp_path: Path) -> None:
    (tmp_path / "shop.sql").write_text(SHOP)
    spec = tmp_path / "customers.yaml"
    door = CliRunner()
    shown = door.invoke(app, ["inspect", str(tmp_path / "shop.sql")])
    assert shown.exit_code == 0
    assert "orders.customer → customers.id" in shown.output
    assert "photo is binary" in shown.output
    asked = ["inspect", str(tmp_path / "shop.sql"), "--table", "customers", "--write", str(spec)]
    assert door.invoke(app, asked).exit_code == 0
    assert list(read_schema(spec).tables) == ["customers"]
    again = door.invoke(app, ["inspect", str(spec)])
    assert again.exit_code == 0, again.output
    assert "personal, email" in again.output
    early = door.invoke(app, ["sample", asked[1], "-n", "5", "-o", str(tmp_path / "x.csv")])
    assert early.exit_code == 1
    assert "neotype inspect" in early.output
    wrong = door.invoke(app, [*asked[:3], "customer"])
    assert wrong.exit_code == 1
    assert "did you mean 'customers'" in wrong.output


def test_sdv_metadata_is_a_description_too(tmp_path: Path) -> None:
    columns = {
        "id": {"sdtype": "id", "regex_format": "C[0-9]{6}"},
        "age": {"sdtype": "numerical", "computer_representation": "Int64"},
        "seen": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d"},
        "mail": {"sdtype": "email", "pii": True},
        "ok": {"sdtype": "boolean"},
    }
    table = {"primary_key": "id", "columns": columns}
    metadata = {"METADATA_SPEC_VERSION": "V2", "tables": {"guests": table}, "relationships": []}
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(metadata))
    assert is_foreign(path)
    made = nt.from_spec(nt.import_schema(path).schema).sample(300)
    assert made["age"].is_between(0, 100).all()
    assert made["id"].str.contains("^C[0-9]{6}$").all()
    assert made["mail"].str.contains("@").all()
