"""Keys of several tables: declared ones stand, others are found, and small numbers are none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import databases
import rentals
from neotype.cli import app
from neotype.errors import NeotypeError, SchemaError
from neotype.schema.diagram import mermaid
from neotype.schema.file import from_document, read_schema, to_document, write_schema
from neotype.schema.infer import examined, infer_schema
from neotype.schema.infer_order import suggestions
from neotype.schema.keys import Keys
from neotype.schema.schema import Relationship, Schema
from neotype.schema.sdv import from_sdv, to_sdv
from neotype.source import read

EXAMPLES = Path(__file__).parents[1] / "examples"


def drawn(ties: Any) -> set[str]:
    """Ties as the test databases write them."""
    return {
        f"{tie.child}.{', '.join(tie.child_key)} > {tie.parent}.{', '.join(tie.parent_key)}"
        for tie in ties
    }


@pytest.fixture(scope="module")
def sakila() -> dict[str, pl.DataFrame]:
    return dict(read(EXAMPLES / "sakila").frames)


class TestFound:
    @pytest.mark.parametrize("shape", databases.ALL, ids=lambda one: one.__name__)
    def test_what_a_person_would_draw_and_nothing_else(self, shape: Any) -> None:
        frames, ties = shape()
        assert drawn(infer_schema(frames).relationships) == ties

    def test_a_declared_database_is_found_without_its_declarations(self) -> None:
        source = read(EXAMPLES / "chinook.sqlite")
        assert source.keys is not None
        found = infer_schema(source.frames)
        assert drawn(found.relationships) == drawn(source.keys.foreign)
        assert {name: table.primary_key for name, table in found.tables.items()} == dict(
            source.keys.primary
        )

    def test_every_column_type_may_stand_beside_keys(self) -> None:
        found = infer_schema(rentals.tables())
        assert drawn(found.relationships) == drawn(rentals.KEYS.foreign)
        assert {name: table.primary_key for name, table in found.tables.items()} == dict(
            rentals.KEYS.primary
        )

    def test_the_order_of_tables_changes_nothing(self) -> None:
        frames, ties = databases.camel()
        turned = {name: frames[name] for name in sorted(frames, reverse=True)}
        assert drawn(infer_schema(turned).relationships) == ties

    def test_primary_keys_of_several_columns(self) -> None:
        keys = {
            name: table.primary_key
            for shape in (
                databases.camel,
                databases.subtypes,
                databases.seasons,
                databases.university,
            )
            for name, table in infer_schema(shape()[0]).tables.items()
        }
        assert keys["OrderLines"] == ("OrderId", "LineNo")
        assert keys["enrolment"] == ("student_id", "course_id")
        assert keys["takes"] == ("ID", "course_id", "sec_id", "year")
        assert keys["paper"] == ("ID", "attempt")
        assert keys["teams"] == ("season", "team")
        assert keys["appearances"] == ("player", "season", "team")

    def test_a_link_table_is_one_even_where_one_side_comes_once(
        self, sakila: dict[str, pl.DataFrame]
    ) -> None:
        assert sakila["film_category"]["film_id"].is_unique().all()
        table = infer_schema(sakila).tables["film_category"]
        assert table.primary_key == ("film_id", "category_id")

    def test_a_column_without_a_cell_is_tied_by_its_name(
        self, sakila: dict[str, pl.DataFrame]
    ) -> None:
        column = "original_language_id"
        tie = next(one for one in infer_schema(sakila).relationships if one.child_key == (column,))
        assert (tie.parent, sakila["film"][column].null_count()) == ("language", 1000)
        assert "all cells are missing" in tie.reason

    def test_a_reference_to_one_of_several_tables_says_when(self) -> None:
        ties = [t for t in infer_schema(databases.camel()[0]).relationships if t.when]
        assert {t.parent: t.when for t in ties} == {
            "Orders": {"SubjectType": "Order"},
            "Customers": {"SubjectType": "Customer"},
        }

    def test_small_numbers_are_no_references(self) -> None:
        draw = pl.Series(range(500))
        parents = {
            name: pl.DataFrame({f"{name}_id": range(1, rows + 1), "label": [name] * rows})
            for name, rows in (("colour", 5), ("shop", 30), ("town", 400))
        }
        facts = {
            name: draw % top + 1 for name, top in (("stars", 5), ("nights", 14), ("guests", 4))
        }
        stays = pl.DataFrame({"stay_id": draw + 1, "shop_id": draw % 30 + 1, **facts})
        found = examined({**parents, "stays": stays})
        assert drawn(found.schema.relationships) == {"stays.shop_id > shop.shop_id"}
        assert found.proposed == ()

    def test_one_table_has_no_relationships_and_is_what_it_was(
        self, sakila: dict[str, pl.DataFrame]
    ) -> None:
        one = infer_schema({"film": sakila["film"]})
        assert one.relationships == ()
        assert one.tables["film"].columns["language_id"].kind == "constant"


class TestEvidence:
    def test_reasons_count_and_name_no_cell(self) -> None:
        frames, _ = databases.hashes()
        for tie in infer_schema(frames).relationships:
            assert re.match(r"all [\d,]+ cells are among \w+\._id", tie.reason)
            for cell in frames[tie.parent]["_id"].head(50):
                assert cell not in tie.reason

    def test_key_columns_are_made_anew(self) -> None:
        tables = infer_schema(databases.camel()[0]).tables
        for table, column, unique in (
            ("Orders", "Id", True),
            ("Orders", "CustomerId", False),
            ("Customers", "CountryCode", False),
            ("Countries", "Code", True),
            ("Shipments", "LineNo", False),
        ):
            made = tables[table].columns[column]
            assert (made.kind, getattr(made, "unique", None)) == ("identifier", unique), column
        assert tables["OrderLines"].columns["LineNo"].kind == "numeric"
        assert tables["Countries"].columns["Code"].pattern == "[A-Z]{2}"

    def test_personal_keys_stay_personal(self) -> None:
        user = infer_schema(databases.blog()[0]).tables["shop_user"]
        assert (user.columns["email"].kind, user.columns["email"].unique) == ("personal", True)

    def test_what_a_source_declares_stands_and_others_are_proposed(self) -> None:
        frames, ties = databases.terse()
        only = Relationship(parent="CUST", parent_key="CUST_NO", child="ACCT", child_key="CUST_NO")
        found = examined(frames, keys=Keys(primary={"TXN": ("TXN_ID",)}, foreign=(only,)))
        assert [tie.reason for tie in found.schema.relationships] == ["declared by the database"]
        assert drawn(found.schema.relationships) | drawn(found.proposed) == ties

    def test_rows_are_in_order_within_their_owner(self, sakila: dict[str, pl.DataFrame]) -> None:
        schema = infer_schema(sakila)
        ordered = {name: table.sequence for name, table in schema.tables.items() if table.sequence}
        assert ordered == {"payment": "payment_date", "rental": "rental_date"}
        assert infer_schema(databases.camel()[0]).tables["OrderLines"].sequence == "LineNo"

    def test_lists_may_be_public_and_are_not_made_so(self, sakila: dict[str, pl.DataFrame]) -> None:
        schema = infer_schema(sakila)
        said = suggestions(schema, sakila)
        public = [name for name, lines in said.items() if "public: true" in " ".join(lines)]
        assert public == ["category", "city", "country", "language"]
        assert not any(table.public for table in schema.tables.values())


class TestFiles:
    @pytest.mark.parametrize("shape", databases.ALL, ids=lambda one: one.__name__)
    def test_a_schema_of_several_tables_comes_back(self, shape: Any, tmp_path: Path) -> None:
        found = examined(shape()[0])
        path = write_schema(found.schema, tmp_path / "s.yaml", proposed=found.proposed)
        assert read_schema(path) == found.schema

    def test_a_proposed_key_is_a_line_to_uncomment(self, tmp_path: Path) -> None:
        rows = {"PassengerId": list(range(801, 1201))}
        frames = {"test": pl.DataFrame(rows), "submission": pl.DataFrame(rows)}
        found = examined(frames)
        assert (found.schema.relationships, len(found.proposed)) == ((), 1)
        path = write_schema(found.schema, tmp_path / "s.yaml", proposed=found.proposed)
        path.write_text(re.sub(r"^#- ", "- ", path.read_text(), flags=re.MULTILINE))
        assert drawn(read_schema(path).relationships) == drawn(found.proposed)

    def test_roles_of_tables_come_back(self, tmp_path: Path) -> None:
        document = to_document(infer_schema(databases.camel()[0]))
        document["tables"]["Countries"]["public"] = True
        schema = from_document(document)
        again = read_schema(write_schema(schema, tmp_path / "s.yaml"))
        assert again == schema
        assert again.tables["Countries"].public
        assert again.tables["Orders"].sequence == "OrderDate"
        said = {tie.parent: tie.when["SubjectType"] for tie in again.above("Comments")}
        assert said == {"Orders": "Order", "Customers": "Customer"}

    @pytest.mark.parametrize(
        ("wrong", "near"),
        [
            ({"parent": "Customer"}, "did you mean 'Customers'?"),
            ({"child_key": ["CustomrId"]}, "did you mean 'CustomerId'?"),
            ({"parent_key": ["Id", "Level"]}, "name as many columns on both sides"),
            ({"wen": {}}, "did you mean 'when'?"),
            ({"when": {"Typ": 1}}, "CustomerId"),
        ],
    )
    def test_a_wrong_tie_names_what_was_meant(self, wrong: dict[str, Any], near: str) -> None:
        document = to_document(infer_schema(databases.camel()[0]))
        tie = next(t for t in document["relationships"] if t["child"] == "Orders")
        tie |= wrong
        with pytest.raises(NeotypeError) as fault:
            from_document(document)
        assert isinstance(fault.value, SchemaError)
        assert near in str(fault.value)

    @pytest.mark.parametrize("version", ["V1", "V2"])
    def test_sdv_has_the_same_ties(self, version: Any) -> None:
        schema = infer_schema(databases.subtypes()[0])
        again = from_sdv(json.loads(json.dumps(to_sdv(schema, version))))
        assert drawn(again.relationships) == drawn(schema.relationships)
        keys = [{n: t.primary_key for n, t in one.tables.items()} for one in (schema, again)]
        assert keys[0] == keys[1]

    def test_sdv_has_no_word_for_a_reference_to_one_of_several(self) -> None:
        schema = infer_schema(databases.camel()[0])
        children = [tie["child_table_name"] for tie in to_sdv(schema)["relationships"]]
        assert "Comments" not in children
        assert len(children) == len(schema.relationships) - 2


class TestDiagram:
    def test_how_many_on_each_side(self) -> None:
        drawn = mermaid(infer_schema(databases.camel()[0])).splitlines()
        for line in (
            '    "Addresses" ||--o{ "Orders" : "ShippingAddressId"',
            '    "Addresses" |o--o{ "Orders" : "BillingAddressId"',
            '    "Customers" |o--o{ "Comments" : "SubjectId where SubjectType is Customer"',
            "        identifier OrderId PK, FK",
        ):
            assert line in drawn
        assert '    "person" ||--o| "student" : "person_id"' in mermaid(
            infer_schema(databases.subtypes()[0])
        )

    def test_odd_names_cannot_break_it(self) -> None:
        odd = pl.DataFrame(
            {'a "b"\n%': [1, 2], "Größe": [1, 2], "1st": ["x", "y"], "order": [1, 1]}
        )
        text = mermaid(Schema(tables=infer_schema({'the "odd"\none': odd}).tables))
        assert len(text.splitlines()) == 3 + 4
        assert '"the _odd__one" {' in text
        names = re.findall(r"^        \S+ (\S+)", text, re.MULTILINE)
        assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in names)


class TestInspect:
    def says(self, *words: object) -> str:
        done = CliRunner().invoke(app, ["inspect", *map(str, words)])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    def test_a_folder_a_database_and_what_was_written(self, tmp_path: Path) -> None:
        said = self.says(EXAMPLES / "sakila")
        assert "store.manager_staff_id → staff.staff_id" in said
        assert "all 16,044 cells are among customer.customer_id" in said
        assert "category: 16 rows that film_category refer to" in said
        database = self.says(EXAMPLES / "chinook.sqlite", "-o", tmp_path / "c.yaml")
        assert database.count("declared by the database") == 11
        again = self.says(tmp_path / "c.yaml").partition("Foreign keys")[2]
        assert again.count("declared by the database") == 11

    def test_a_diagram_and_nothing_else(self, tmp_path: Path) -> None:
        text = self.says(EXAMPLES / "chinook.sqlite", "--mermaid")
        assert text.startswith("erDiagram\n")
        assert '"Employee" |o--o{ "Employee" : "ReportsTo"' in text
        (tmp_path / "s.sql").write_text(
            "CREATE TABLE a (id INT PRIMARY KEY);\n"
            "CREATE TABLE b (a_id INT PRIMARY KEY REFERENCES a (id));"
        )
        assert '"a" ||--o| "b" : "a_id"' in self.says(tmp_path / "s.sql", "--mermaid")

    def test_one_of_the_tables_and_machines(self) -> None:
        one = self.says(EXAMPLES / "sakila", "--table", "staff")
        assert "staff: 2 rows × 9 columns" in one.replace("\x1b", "")
        facts = json.loads(self.says(EXAMPLES / "chinook.sqlite", "--json"))
        assert len(facts["schema"]["relationships"]) == 11
        assert {"proposed", "suggestions", "odd"} <= set(facts)
        assert {one["what"] for one in facts["odd"]} <= {"only keys", "same time", "one owner"}
