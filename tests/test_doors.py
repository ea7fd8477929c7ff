"""Several tables through every door: frames, a folder, a file, a plan; and all that goes wrong."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import polars as pl
import psycopg
import pytest
from typer.testing import CliRunner

import neotype as nt
import servers
from neotype.cli import USER_ERROR, app
from neotype.source import write_tables
from orders import TIES, orders, orphans


@pytest.fixture(scope="module")
def real() -> dict[str, pl.DataFrame]:
    return orders()


@pytest.fixture(scope="module")
def model(real: dict[str, pl.DataFrame]) -> nt.FittedModel:
    return nt.fit(real, refine=0, public="country")


@pytest.fixture(scope="module")
def saved(model: nt.FittedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.save(tmp_path_factory.mktemp("shop") / "shop.neotype")


def folder(frames: dict[str, pl.DataFrame], path: Path) -> Path:
    path.mkdir()
    for name, frame in frames.items():
        frame.write_csv(path / f"{name}.csv")
    return path


def sqlite(frames: dict[str, pl.DataFrame], path: Path) -> Path:
    """The shop as a database that declares its keys."""
    keys = {"order_line": "order_id, line"}
    kinds = {pl.Int64: "INTEGER", pl.Float64: "REAL", pl.String: "TEXT"}
    with sqlite3.connect(path) as database:
        for name, frame in frames.items():
            lines = [f'"{c}" {kinds[type(d)]}' for c, d in frame.schema.items()]
            lines.append(f"PRIMARY KEY ({keys.get(name, frame.columns[0])})")
            lines += [
                f'FOREIGN KEY ("{column}") REFERENCES "{parent}" ("{column}")'
                for child, column, parent in TIES
                if child == name
            ]
            database.execute(f'CREATE TABLE "{name}" ({", ".join(lines)})')
            marks = ", ".join("?" * frame.width)
            database.executemany(f'INSERT INTO "{name}" VALUES ({marks})', frame.rows())
    database.close()
    return path


def neotype(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


class TestFrames:
    def test_a_dict_comes_back_whole_with_keys_that_hold(
        self, model: nt.FittedModel, real: dict[str, pl.DataFrame]
    ) -> None:
        made = model.sample(seed=1)
        assert {name: frame.schema for name, frame in made.items()} == {
            name: frame.schema for name, frame in real.items()
        }
        assert orphans(made) == 0
        assert not made["order_line"].select("order_id", "line").is_duplicated().any()
        assert made["country"].equals(real["country"])
        assert made["customer"].height == model.facts["rows"]["customer"] == 120
        for name, column in (("customer", "customer_id"), ("order", "order_id")):
            assert not set(made[name][column]) & set(real[name][column])

    def test_pandas_in_pandas_out(self, real: dict[str, pl.DataFrame]) -> None:
        frames = {name: frame.to_pandas() for name, frame in real.items()}
        frames["customer"]["segment"] = frames["customer"]["segment"].astype("category")
        before = {name: frame.copy(deep=True) for name, frame in frames.items()}
        made = nt.fit(frames, refine=0).sample(scale=0.5)
        for name, frame in frames.items():
            pd.testing.assert_frame_equal(frame, before[name])
            assert isinstance(made[name], pd.DataFrame)
            assert made[name].dtypes.to_dict() == frame.dtypes.to_dict()

    def test_the_seed_decides(self, model: nt.FittedModel) -> None:
        first, again, other = (model.sample(scale=0.3, seed=seed) for seed in (1, 1, 2))
        assert all(first[name].equals(again[name]) for name in first)
        assert not first["order"].equals(other["order"])

    def test_sizes_by_scale_and_by_table(self, model: nt.FittedModel) -> None:
        twice = model.sample(scale=2)
        assert twice["customer"].height == 240
        assert 400 < twice["order"].height < 900
        assert model.sample({"customer": 33})["customer"].height == 33

    def test_a_scale_of_one_table(self, real: dict[str, pl.DataFrame]) -> None:
        alone = nt.fit(real["order"], refine=0)
        assert alone.sample(scale=0.5).height == round(real["order"].height / 2)
        assert alone.sample({"table": 7}).height == 7
        with pytest.raises(nt.SamplingError, match="both"):
            alone.sample(5, scale=2)

    def test_some_tables_alone(self, real: dict[str, pl.DataFrame]) -> None:
        made = nt.fit(real, refine=0, without=["order*"]).sample()
        assert list(made) == ["country", "customer", "product"]
        with pytest.raises(nt.DataError, match="did you mean 'customer'"):
            nt.fit(real, tables=["custmer", "order"])


class TestOddTables:
    def test_a_table_without_rows_stays_one(
        self, real: dict[str, pl.DataFrame], tmp_path: Path
    ) -> None:
        few = {name: real[name] for name in ("country", "customer")}
        few["note"] = pl.DataFrame(schema={"note_id": pl.Int64, "text": pl.String})
        made = nt.fit(few, refine=0).sample()
        assert made["note"].schema == few["note"].schema
        assert made["note"].is_empty()
        read = nt.fit(folder(few, tmp_path / "data"), refine=0).sample()
        assert read["note"].is_empty()
        with pytest.raises(nt.DataError, match="has no rows"):
            nt.fit({"note": few["note"]})
        with pytest.raises(nt.DataError, match="none of the tables has a row"):
            nt.fit({"note": few["note"], "again": few["note"]})

    def test_a_table_of_keys_alone(self, real: dict[str, pl.DataFrame]) -> None:
        orders = real["order"]["order_id"]
        linked = real | {"gift": pl.DataFrame({"gift_id": range(50), "order_id": orders[:50]})}
        made = nt.fit(linked, refine=0).sample()
        assert made["gift"].join(made["order"], on="order_id", how="anti").is_empty()
        assert made["gift"].height == pytest.approx(50, abs=25)


class TestAskedWrongly:
    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"rows": 100}, r"100 rows .*5 tables(.|\n)*scale=.1"),
            ({"rows": {"custmer": 5}}, "did you mean 'customer'"),
            ({"rows": {"customer": 0}}, "whole number of 1 or more"),
            ({"scale": 0}, "a number above 0"),
            ({"scale": float("nan")}, "a number above 0"),
            ({"where": {"segment": "gold"}}, "one table"),
            ({"given": pl.DataFrame({"segment": ["gold"]})}, "one table"),
        ],
    )
    def test_samples_that_cannot_be(
        self, asked: dict[str, object], said: str, model: nt.FittedModel
    ) -> None:
        with pytest.raises(nt.SamplingError, match=said):
            model.sample(**asked)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"public": "countri"}, "did you mean 'country'"),
            ({"entity": "customer_id"}, "schema file"),
            ({"target": "segment"}, "does not exist"),
            ({"target": "customer.segmnt"}, "did you mean 'customer.segment'"),
        ],
    )
    def test_fits_that_cannot_be(
        self, settings: dict[str, str], said: str, real: dict[str, pl.DataFrame]
    ) -> None:
        with pytest.raises(nt.SchemaError, match=said):
            nt.fit(real, refine=0, **settings)  # type: ignore[arg-type]

    def test_uses_of_one_table(self, model: nt.FittedModel, real: dict[str, pl.DataFrame]) -> None:
        for use in (
            lambda: nt.impute(real),
            lambda: nt.replace_columns(real, "total"),
            lambda: nt.augment(real, "segment"),
            lambda: nt.mask(real),
            lambda: nt.balance(model, {"segment": "gold"}, "channel"),
            lambda: nt.scenario(model, {"segment": {"gold": 0.5}}),
        ):
            with pytest.raises(nt.SchemaError, match=r"one table(.|\n)*country, customer"):
                use()

    def test_an_order_of_rows_that_the_model_does_not_know(
        self, model: nt.FittedModel, real: dict[str, pl.DataFrame], tmp_path: Path
    ) -> None:
        alone = nt.fit(real["customer"], refine=0)
        for use in (
            lambda: model.sample(owners=3),
            lambda: alone.sample(owners=3),
            lambda: alone.extend(real["customer"], steps=2),
            lambda: model.extend(real, steps=2),
        ):
            with pytest.raises(nt.SamplingError, match="--entity customer --sequence date"):
                use()
        alone.save(tmp_path / "m.neotype")
        for words, said in (
            (["--owners", 5], "--entity customer"),
            (["--steps", 5], "--continue says what came before"),
            (["--continue", tmp_path / "h.csv"], "--steps how many rows"),
        ):
            made = ["sample", tmp_path / "m.neotype", "-o", tmp_path / "out.csv", *words]
            assert said in neotype(*made, code=USER_ERROR)


class TestOrphans:
    @pytest.fixture
    def torn(self, real: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Ten customers are gone, and their orders are still there."""
        return {**real, "customer": real["customer"].head(110)}

    def test_they_are_listed_and_refused(self, torn: dict[str, pl.DataFrame]) -> None:
        with pytest.raises(nt.DataError, match=r"order(.|\n)*orphans='drop'"):
            nt.fit(torn, schema=nt.infer_schema(orders()))

    def test_they_go_with_all_below_them(self, torn: dict[str, pl.DataFrame]) -> None:
        schema = nt.infer_schema(orders())
        dropped = nt.fit(torn, schema=schema, orphans="drop", refine=0)
        assert dropped.facts["rows"]["customer"] == 110
        assert dropped.facts["rows"]["order"] < torn["order"].height
        assert dropped.facts["rows"]["order_line"] < torn["order_line"].height
        assert orphans(dropped.sample()) == 0

    def test_of_one_table_there_are_none(self, real: dict[str, pl.DataFrame]) -> None:
        with pytest.raises(nt.SchemaError, match="one table"):
            nt.fit(real["order"], orphans="drop")


class TestModelFile:
    def test_it_comes_back_the_same_and_holds_no_key(
        self, model: nt.FittedModel, saved: Path
    ) -> None:
        again = nt.load(saved)
        first, second = model.sample(scale=0.5, seed=3), again.sample(scale=0.5, seed=3)
        assert all(first[name].equals(second[name]) for name in first)
        assert again.facts["rows"]["customer"] == 120
        with zipfile.ZipFile(saved) as archive:
            held = b"".join(archive.read(name) for name in archive.namelist())
        keys = [key.encode() for key in orders()["customer"]["customer_id"]]
        assert not [key for key in keys if key in held]


class TestCommandLine:
    def test_folder_to_folder(self, real: dict[str, pl.DataFrame], tmp_path: Path) -> None:
        data, kept, out = folder(real, tmp_path / "data"), tmp_path / "m.neotype", tmp_path / "out"
        said = neotype("fit", data, "-o", kept, "--set", "refine=0", "--public", "country")
        assert "rows of 5 tables, tied by 4 foreign keys" in said
        neotype("sample", kept, "-n", "customer=50", "-o", out)
        made = {path.stem: pl.read_csv(path) for path in out.iterdir()}
        assert set(made) == set(real)
        assert made["customer"].height == 50
        assert orphans(made) == 0
        assert "exists already" in neotype("sample", kept, "-o", out, code=USER_ERROR)
        neotype("sample", kept, "--scale", ".2", "-o", out, "--force")
        assert pl.read_csv(out / "customer.csv").height == 24
        words = ["sample", kept, "-o", tmp_path / "p", "--format", "parquet", "--json"]
        facts = json.loads(CliRunner().invoke(app, [str(word) for word in words]).stdout)
        assert facts["rows"]["customer"] == 120
        assert (tmp_path / "p" / "order.parquet").exists()

    def test_into_a_database_once(self, saved: Path, tmp_path: Path) -> None:
        target, rows = tmp_path / "out.sqlite", "SELECT count(*) FROM customer"
        neotype("sample", saved, "-o", target, "--scale", ".5")
        with sqlite3.connect(target) as database:
            assert database.execute(rows).fetchone() == (60,)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        said = neotype("sample", saved, "-o", target, code=USER_ERROR)
        assert "is not empty" in said
        neotype("sample", saved, "-o", target, "--if-exists", "replace", "--scale", ".1")
        with sqlite3.connect(target) as database:
            assert database.execute(rows).fetchone() == (12,)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["-n", "100"], "--scale .1"),
            (["-n", "customer=1", "-n", "5"], "not all name a table"),
            (["-n", "customer=x"], "is no number of rows"),
            (["--format", "docx"], "is no format"),
            (["--where", "segment=gold"], "one table"),
        ],
    )
    def test_asked_wrongly(self, words: list[str], said: str, saved: Path, tmp_path: Path) -> None:
        assert said in neotype("sample", saved, "-o", tmp_path / "out", *words, code=USER_ERROR)
        assert not (tmp_path / "out").exists()

    def test_one_file_holds_one_table(self, saved: Path, tmp_path: Path) -> None:
        said = neotype("sample", saved, "-o", tmp_path / "out.csv", code=USER_ERROR)
        assert "holds one table" in said


PLAN = """
source: {source}
target: {target}
output: {output}
scale: .5
synthesizer: {{name: trees, refine: 0}}
metrics: [shape, referential_integrity]
public: country
"""


class TestPlan:
    def plan(self, where: Path, source: object, target: object) -> Path:
        path = where / "plan.yaml"
        path.write_text(PLAN.format(source=source, target=target, output=where / "out"))
        return path

    def test_a_database_fills_another(self, real: dict[str, pl.DataFrame], tmp_path: Path) -> None:
        source, target = sqlite(orders(200), tmp_path / "real.sqlite"), tmp_path / "test.sqlite"
        plan = self.plan(tmp_path, source, target)
        said = neotype("run", plan)
        assert f"5 tables are in {target}" in said
        record = json.loads((tmp_path / "out" / "destination.json").read_text())
        assert record["written"]
        with sqlite3.connect(target) as database:
            counted = database.execute("SELECT count(*) FROM customer").fetchone()
            assert counted == (record["rows"]["customer"],)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            keys = database.execute("PRAGMA foreign_key_list(order_line)").fetchall()
            assert {key[2] for key in keys} == {"order", "product"}
        assert not (tmp_path / "out" / "synthetic").exists()
        assert nt.api.as_plan(tmp_path / "out" / "plan.yaml").destination is not None
        again = tmp_path / "again.sqlite"
        neotype("sample", tmp_path / "out" / "model.neotype", "-o", again, "--scale", ".5")
        lines = "SELECT * FROM order_line ORDER BY 1, 2"
        found = []
        for path in (target, again):
            with sqlite3.connect(path) as database:
                found.append(database.execute(lines).fetchall())
        assert found[0] == found[1]

    def test_a_full_target_is_refused_before_anything_is_learnt(self, tmp_path: Path) -> None:
        source = sqlite(orders(200), tmp_path / "real.sqlite")
        target = sqlite(orders(10), tmp_path / "test.sqlite")
        before = target.read_bytes()
        stages: list[str] = []
        with pytest.raises(nt.SourceError, match="is not empty"):
            nt.run(
                self.plan(tmp_path, source, target),
                progress=lambda stage, done, total: stages.append(stage),
            )
        assert "fit" not in stages
        assert target.read_bytes() == before
        assert not (tmp_path / "out").exists()

    def test_the_source_is_no_target(self, tmp_path: Path) -> None:
        source = sqlite(orders(50), tmp_path / "real.sqlite")
        for same in (source, f"sqlite:///{source}"):
            with pytest.raises(nt.SourceError, match="is the source"):
                nt.run(self.plan(tmp_path, source, same))

    def test_without_a_target_a_folder_of_files(self, tmp_path: Path) -> None:
        facts = {
            "source": folder(orders(200), tmp_path / "data"),
            "output": tmp_path / "out",
            "synthesizer": {"name": "trees", "refine": 0},
            "metrics": ["shape"],
            "rows": {"customer": 40},
        }
        result = nt.run(facts)
        assert result.synthetic["customer"].height == 40
        assert pl.read_parquet(tmp_path / "out" / "synthetic" / "order.parquet").equals(
            result.synthetic["order"]
        )
        with pytest.raises(nt.OutputExistsError):
            nt.run(facts)
        nt.run(facts, force=True)

    def test_a_policy_that_refuses_keeps_the_target_empty(self, tmp_path: Path) -> None:
        policy = tmp_path / "policy.yaml"
        policy.write_text("name: strict\ngates: [{measure: shape, at_least: 1.0}]\n")
        source, target = sqlite(orders(200), tmp_path / "real.sqlite"), tmp_path / "test.sqlite"
        result = nt.run(
            nt.api.as_plan(self.plan(tmp_path, source, target)).with_changes(policy=str(policy))
        )
        assert result.sent is not None
        assert "nothing was written" in result.sent
        assert not target.exists()
        assert not json.loads((tmp_path / "out" / "destination.json").read_text())["written"]


class TestPostgreSQL:
    """The main case: production to a test database, under a password from the environment."""

    @pytest.fixture
    def place(self, postgres: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Place:
        monkeypatch.setenv("DOORS_PASSWORD", servers.PASSWORD)
        place = Place(postgres)
        place.does("postgres", "DROP DATABASE IF EXISTS doors_real", "CREATE DATABASE doors_real")
        place.does("postgres", "DROP DATABASE IF EXISTS doors_test", "CREATE DATABASE doors_test")
        frames = orders(200)
        write_tables(frames, postgres.url("doors_real"), schema=nt.infer_schema(frames))
        return place

    def plan(self, place: Place, where: Path, user: str = "neo") -> Path:
        path = where / "plan.yaml"
        source, target = place.url("doors_real"), place.url("doors_test", user)
        path.write_text(PLAN.format(source=source, target=target, output=where / "out"))
        return path

    def test_production_to_test(self, place: Place, tmp_path: Path) -> None:
        said = neotype("run", self.plan(place, tmp_path))
        assert "5 tables are in postgresql://" in said
        made = nt.infer_schema(place.server.url("doors_test"))
        assert len(made.relationships) == 4
        (customers,) = place.does("doors_test", 'SELECT count(*) FROM "customer"')
        record = json.loads((tmp_path / "out" / "destination.json").read_text())
        assert record["rows"]["customer"] == customers[0]
        self.nowhere(tmp_path, said)
        again = neotype("run", self.plan(place, tmp_path), "--force", code=USER_ERROR)
        assert "is not empty" in again

    def test_a_target_that_may_not_be_written(self, place: Place, tmp_path: Path) -> None:
        place.does("postgres", "DROP ROLE IF EXISTS guest")
        place.does("postgres", f"CREATE ROLE guest LOGIN PASSWORD '{servers.PASSWORD}'")
        said = neotype("run", self.plan(place, tmp_path, "guest"), code=USER_ERROR)
        record = json.loads((tmp_path / "out" / "destination.json").read_text())
        assert not record["written"]
        assert "does not permit" in record["why"]
        assert f"neotype sample {tmp_path / 'out' / 'model.neotype'}" in said
        tables = "SELECT 1 FROM information_schema.tables WHERE table_schema = 'public'"
        assert place.does("doors_test", tables) == []
        self.nowhere(tmp_path, said)
        neotype("sample", tmp_path / "out" / "model.neotype", "-o", place.url("doors_test"))

    def nowhere(self, where: Path, said: str) -> None:
        """The password is in nothing that was written or said."""
        written = [path.read_bytes() for path in (where / "out").iterdir()]
        with zipfile.ZipFile(where / "out" / "model.neotype") as archive:
            written += [archive.read(name) for name in archive.namelist()]
        for form in (servers.PASSWORD, quote(servers.PASSWORD, safe="")):
            assert form not in said
            assert not [part for part in written if form.encode() in part]


class Place:
    """Databases of one server."""

    def __init__(self, server: servers.Server) -> None:
        self.server = server

    def url(self, database: str, user: str = "neo") -> str:
        """The address as a person writes it, with a variable for the password."""
        whole = self.server.url(database).replace("//neo:", f"//{user}:")
        return whole.replace(quote(servers.PASSWORD, safe=""), "${DOORS_PASSWORD}")

    def does(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """Run these, and give the rows of the last."""
        with psycopg.connect(
            user="neo",
            password=servers.PASSWORD,
            host=str(self.server.folder),
            dbname=database,
            autocommit=True,
        ) as connection:
            for statement in statements:
                done = connection.execute(statement)  # type: ignore[call-overload]
            return done.fetchall() if done.description else []


SECRET = "postgresql://me:hush@nowhere.invalid/shop"


class TestPasswords:
    def test_they_are_in_no_plan_record_or_message(self, tmp_path: Path) -> None:
        facts = {"source": SECRET, "target": SECRET + "2", "output": tmp_path / "out"}
        plan = nt.api.as_plan(facts)
        shown = [repr(plan), str(plan), plan.to_yaml(tmp_path), plan.model_dump_json()]
        for faulty in ({"holdout": SECRET + "3", "rows": SECRET}, {"output": SECRET}):
            with pytest.raises(nt.SchemaError) as caught:
                nt.api.as_plan({**facts, **faulty})
            shown.append(str(caught.value))
        with pytest.raises(nt.SourceError) as unreachable:
            nt.run(plan)
        shown.append(str(unreachable.value))
        assert not [text for text in shown if "hush" in text]
        assert "postgresql://me:***@nowhere.invalid/shop" in shown[2]

    def test_one_that_was_left_out_is_asked_for(self, tmp_path: Path) -> None:
        (tmp_path / "plan.yaml").write_text("source: postgresql://me:***@h/shop\noutput: out/\n")
        with pytest.raises(nt.SourceError, match="left out"):
            nt.run(tmp_path / "plan.yaml")

    def test_a_variable_is_looked_up_and_stays_a_variable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = "postgresql://me:${SHOP_PASSWORD}@nowhere.invalid/shop"
        plan = nt.api.as_plan({"source": url, "output": tmp_path / "out"})
        assert url in plan.to_yaml(tmp_path)
        monkeypatch.delenv("SHOP_PASSWORD", raising=False)
        with pytest.raises(nt.SourceError, match="SHOP_PASSWORD"):
            nt.run(plan)
