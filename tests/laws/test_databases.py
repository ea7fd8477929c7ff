"""Laws of learnt databases, over the hard keys of `key_databases.py`."""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from key_databases import ALL, Frames, hexes
from neotype.data import Dataset
from neotype.links import NOTHING, ORPHAN, Links
from neotype.rng import Rng
from neotype.synth.learn import learn
from neotype.synth.model_file import load, save
from neotype.synth.trees import Trees

BUILD = {make.__name__: make for make in ALL}
every = pytest.mark.parametrize("name", BUILD)
SCALES = (0.3, 1.0, 3.0)


@cache
def data_of(name: str) -> Dataset:
    return BUILD[name]()


@cache
def model_of(name: str) -> Any:
    return learn(Trees(refine=0), data_of(name), rng=Rng(0))


@cache
def sample_of(name: str, scale: float) -> Dataset:
    made: Dataset = model_of(name).sample(rng=Rng(1), scale=scale)
    return made


def same(a: Frames, b: Frames) -> bool:
    return all(a[name].equals(b[name], null_equal=True) for name in a)


@every
@pytest.mark.parametrize("scale", SCALES)
def test_every_reference_finds_its_row(name: str, scale: float) -> None:
    data, made = data_of(name), sample_of(name, scale)
    links = Links.of(made.schema, made.frames)
    for tie in made.schema.relationships:
        rows = links.positions[tie.title]
        assert not (rows == ORPHAN).any(), tie.title
        may = any(data.frames[tie.child][c].null_count() for c in tie.child_key) or tie.when
        assert may or not (rows == NOTHING).any(), tie.title


@every
@pytest.mark.parametrize("scale", SCALES)
def test_no_primary_key_comes_twice(name: str, scale: float) -> None:
    made = sample_of(name, scale)
    for table, content in made.schema.tables.items():
        if content.primary_key:
            key = made.frames[table].select(content.primary_key)
            assert not key.is_duplicated().any(), table
            assert not any(cells.null_count() for cells in key), table


@every
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_there_are_as_many_rows_as_asked(name: str, scale: float) -> None:
    data, made = data_of(name), sample_of(name, scale)
    for table, content in data.schema.tables.items():
        asked = data.frames[table].height * (1 if content.public else scale)
        assert abs(made.frames[table].height - asked) <= max(0.02 * asked, 1), table
        assert made.frames[table].schema == data.frames[table].schema


@every
def test_the_seed_decides(name: str) -> None:
    model, first = model_of(name), sample_of(name, 1.0).frames
    assert same(first, model.sample(rng=Rng(1)).frames)
    other = model.sample(rng=Rng(2)).frames
    drawn = [t for t, one in data_of(name).schema.tables.items() if not one.public]
    assert not same({t: first[t] for t in drawn}, other)


@every
def test_a_saved_model_draws_the_same(name: str, tmp_path: Path) -> None:
    path = save(model_of(name), tmp_path / "m.neotype")
    back: Any = load(path)[0]
    assert same(sample_of(name, 1.0).frames, back.sample(rng=Rng(1)).frames)


@every
def test_nothing_is_written_into_the_data(name: str) -> None:
    before = {table: frame.clone() for table, frame in data_of(name).frames.items()}
    model_of(name)
    sample_of(name, 1.0)
    assert same(before, data_of(name).frames)
    assert same(before, BUILD[name]().frames)


@every
def test_public_tables_stay_as_they_are(name: str) -> None:
    data = data_of(name)
    for table, content in data.schema.tables.items():
        if content.public:
            for scale in SCALES:
                assert sample_of(name, scale).frames[table].equals(data.frames[table]), table


@pytest.mark.parametrize("scale", SCALES)
def test_keys_of_text_dates_and_hashes_are_new(scale: float) -> None:
    data, made = data_of("roles"), sample_of("roles", scale)
    for table, column in (("person", "person"), ("trade", "trade")):
        old, new = (one.frames[table][column] for one in (data, made))
        assert not new.is_in(old.implode()).any(), table
        assert new.str.contains("^[0-9a-f]{16}$").all()


def test_no_key_is_in_the_file(tmp_path: Path) -> None:
    path = save(model_of("roles"), tmp_path / "m.neotype")
    with zipfile.ZipFile(path) as file:
        inside = b"".join(file.read(name) for name in file.namelist())
    for key in (*hexes("person", 80), *hexes("trade", 250)):
        assert key.encode() not in inside


def test_keys_that_share_a_column_agree_on_it() -> None:
    for name in ("tenants", "landlords"):
        made = sample_of(name, 1.0).frames
        for other in ("customer", "product"):
            found = made["sale"].join(made[other], on=["tenant", other], how="semi")
            assert found.height == made["sale"].height
    assert isinstance(made["sale"], pl.DataFrame)
