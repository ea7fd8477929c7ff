"""Subsets of databases: closed, of the share that is asked for, alike in shape, told in words."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app
from neotype.data import Dataset
from neotype.errors import DataError, SchemaError
from neotype.intake import conformed
from neotype.links import NOTHING, ORPHAN, Links
from neotype.masking.key import Key
from neotype.masking.plan import make_masking
from neotype.rng import Rng
from neotype.schema.infer import infer_schema
from neotype.source import read
from neotype.tasks.masked import masked
from neotype.tasks.subset import subset

EXAMPLES = Path(__file__).parents[1] / "examples"
SAKILA, CHINOOK = str(EXAMPLES / "sakila"), str(EXAMPLES / "chinook.sqlite")


def dataset(place: str) -> Dataset:
    source = read(place)
    schema = infer_schema(source.frames, keys=source.keys)
    return conformed(source, schema, place)


@pytest.fixture(scope="module")
def sakila() -> Dataset:
    return dataset(SAKILA)


@pytest.fixture(scope="module")
def chinook() -> Dataset:
    return dataset(CHINOOK)


def dangling(data: Dataset) -> int:
    links = Links.of(data.schema, data.frames)
    return sum(int((rows == ORPHAN).sum()) for rows in links.positions.values())


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("place", ["sakila", "chinook"])
def test_no_reference_leads_out(place: str, share: float, request: pytest.FixtureRequest) -> None:
    data: Dataset = request.getfixturevalue(place)
    made = subset(data, share, Rng(0))
    (root,) = made.roots
    assert root.lower() == "customer"
    assert dangling(made.data) == 0
    assert made.data.sizes[root] == max(round(share * data.sizes[root]), 1)
    for kept in made.tables:
        whole, part = data.frames[kept.table], made.data.frames[kept.table]
        assert (kept.before, kept.after) == (whole.height, part.height)
        assert part.join(whole, on=part.columns, how="anti", nulls_equal=True).height == 0
        assert kept.why
    if share == 1:
        assert made.data.sizes == data.sizes


def test_families_are_whole_and_keep_their_shape(sakila: Dataset) -> None:
    made = subset(sakila, 0.25, Rng(1)).data
    customers = made.frames["customer"]["customer_id"].implode()
    for table in ("rental", "payment"):
        mine = sakila.frames[table].filter(pl.col("customer_id").is_in(customers))
        assert mine.height == made.sizes[table]
    before, after = (Links.of(one.schema, one.frames) for one in (sakila, made))
    for tie in sakila.schema.relationships:
        if (tie.parent, tie.child) in {("customer", "rental"), ("rental", "payment")}:
            one, other = np.sort(before.fan_out(tie)), np.sort(after.fan_out(tie))
            steps = np.arange(60)
            ranks = [np.searchsorted(x, steps, "right") / len(x) for x in (one, other)]
            assert np.abs(ranks[0] - ranks[1]).max() < 0.12
    links = [Links.of(one.schema, one.frames).positions for one in (sakila, made)]
    films = next(title for title in links[0] if title.startswith("film.original_language"))
    assert (links[0][films] == NOTHING).all()


def test_seeds_differ_and_repeat(chinook: Dataset) -> None:
    prints = [subset(chinook, 0.3, Rng(seed)).data.fingerprint() for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]


def test_a_condition_draws_among_the_families_that_meet_it(chinook: Dataset) -> None:
    french = subset(chinook, 1, Rng(0), where={"Customer": "Country = 'France'"})
    assert set(french.data.frames["Customer"]["Country"]) == {"France"}
    assert dangling(french.data) == 0
    dear = subset(chinook, 1, Rng(0), where={"Invoice": "Total > 20"}).data
    owners = chinook.frames["Invoice"].filter(pl.col("Total") > 20)["CustomerId"]
    assert set(dear.frames["Customer"]["CustomerId"]) == set(owners)
    invoices = chinook.frames["Invoice"].filter(pl.col("CustomerId").is_in(owners.implode()))
    assert dear.sizes["Invoice"] == invoices.height
    half = subset(chinook, 0.5, Rng(0), where={"Customer": "Country = 'USA'"}).data
    assert half.sizes["Customer"] == round(13 / 2)


def test_what_cannot_be_asked_is_named(chinook: Dataset) -> None:
    with pytest.raises(DataError, match="did you mean 'Customer'"):
        subset(chinook, 0.5, Rng(0), where={"Custome": "Country = 'USA'"})
    with pytest.raises(DataError, match="rows of 'Genre' are taken where others refer to them"):
        subset(chinook, 0.5, Rng(0), where={"Genre": "Name = 'Rock'"})
    with pytest.raises(DataError, match="no row is wanted"):
        subset(chinook, 0.5, Rng(0), where={"Customer": "Country = 'Atlantis'"})
    with pytest.raises(SchemaError, match="Countr"):
        subset(chinook, 0.5, Rng(0), where={"Customer": "Countr = 'USA'"})
    with pytest.raises(DataError, match="no part"):
        subset(chinook, 0, Rng(0))


def test_roots_and_public_tables_are_as_said(chinook: Dataset) -> None:
    made = subset(chinook, 0.2, Rng(0), roots=["Artist"])
    assert made.data.sizes["Artist"] == 55
    assert dangling(made.data) == 0
    tables = dict(chinook.schema.tables)
    for name in ("Genre", "MediaType"):
        tables[name] = tables[name].model_copy(update={"public": True})
    schema = chinook.schema.model_copy(update={"tables": tables})
    kept = subset(Dataset(schema, chinook.frames), 0.05, Rng(0))
    assert kept.data.sizes["Genre"] == chinook.sizes["Genre"]
    assert next(one.why for one in kept.tables if one.table == "Genre").startswith("public")


def test_orphans_that_were_there_are_there_and_counted(chinook: Dataset) -> None:
    invoice = chinook.frames["Invoice"]
    lost = invoice.with_columns(
        pl.when(pl.int_range(pl.len()) < 40).then(9999).otherwise("CustomerId").alias("CustomerId")
    )
    made = subset(Dataset(chinook.schema, {**chinook.frames, "Invoice": lost}), 0.5, Rng(0))
    assert dangling(made.data) == 20
    assert any("20 rows refer to nothing, as before" in note for note in made.notes)


def test_masked_keys_agree(chinook: Dataset) -> None:
    part = subset(chinook, 0.5, Rng(0)).data
    plan = make_masking(
        {
            "columns": {
                "Customer.CustomerId": {"treat": "pseudonym", "format": True},
                "Customer.Email": "pseudonym",
                "Employee.EmployeeId": "pseudonym",
            }
        },
        "the plan",
    )
    made, receipts = masked(part, plan, Key.of(b"0123456789abcdef0123456789abcdef"))
    assert dangling(made) == 0
    assert made.sizes == part.sizes
    assert not made.frames["Customer"]["CustomerId"].equals(part.frames["Customer"]["CustomerId"])
    assert made.frames["Employee"]["ReportsTo"].dtype == pl.String
    assert receipts["Customer"].columns["LastName"].treatment == "fake"
    before, after = (Links.of(one.schema, one.frames) for one in (part, made))
    for title, rows in before.positions.items():
        assert (after.positions[title] == rows).all()
    wrong = make_masking({"columns": {"Customer.Emai": "fake"}}, "the plan")
    with pytest.raises(SchemaError, match="Emai"):
        masked(part, wrong, Key.of())
    loose = make_masking({"columns": {"Customer.CustomerId": "mask"}}, "the plan")
    with pytest.raises(DataError, match="masked keys do not agree"):
        masked(part, loose, Key.of())


def test_the_verb_writes_a_folder_and_says_why(tmp_path: Path) -> None:
    out = tmp_path / "small"
    asked = ["subset", CHINOOK, "-o", str(out), "--share", ".2", "--format", "csv", "--json"]
    done = CliRunner().invoke(app, [*asked, "--where", "Customer: Country = 'USA'"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["roots"] == ["Customer"]
    assert told["tables"]["Customer"]["after"] == 3
    assert len(list(out.glob("*.csv"))) == 11
    again = CliRunner().invoke(app, asked)
    assert again.exit_code == 1
    assert "exists already" in again.stderr + again.stdout
    wrong = CliRunner().invoke(app, [*asked, "--force", "--where", "Country = 'USA'"])
    assert wrong.exit_code == 1


def test_a_database_becomes_a_smaller_one_and_never_itself(tmp_path: Path) -> None:
    here, there = tmp_path / "here.sqlite", tmp_path / "there.sqlite"
    shutil.copy(CHINOOK, here)
    whole = here.read_bytes()
    itself = ["subset", str(here), "-o", str(here), "--share", ".2", "--if-exists", "replace"]
    refused = CliRunner().invoke(app, itself)
    assert refused.exit_code == 1
    assert "is the source" in refused.stderr + refused.stdout
    done = CliRunner().invoke(app, ["subset", str(here), "-o", str(there), "--share", ".2"])
    assert done.exit_code == 0, done.output
    assert here.read_bytes() == whole
    with contextlib.closing(sqlite3.connect(there)) as made:
        assert made.execute("PRAGMA foreign_key_check").fetchall() == []
        assert made.execute("SELECT count(*) FROM Customer").fetchone() == (12,)


def test_frames_come_back_as_they_came() -> None:
    pandas = pytest.importorskip("pandas")
    frames = {
        "owner": pandas.DataFrame(
            {"owner_id": range(100), "age": [20 + k % 50 for k in range(100)]}
        ),
        "pet": pandas.DataFrame(
            {"pet_id": range(300), "owner_id": [k % 100 for k in range(300)], "legs": [4] * 300}
        ),
    }
    small = nt.subset(frames, 0.1, seed=1)
    assert isinstance(small["pet"], pandas.DataFrame)
    assert len(small["owner"]) == 10
    assert len(small["pet"]) == 30
    assert set(small["pet"]["owner_id"]) == set(small["owner"]["owner_id"])
