"""Laws of every registered synthesizer, refined and not."""

from __future__ import annotations

import datetime as dt
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from neotype.data import Dataset, Known
from neotype.errors import ColumnNotFoundError, DataError, SamplingError
from neotype.registry import find
from neotype.rng import Rng
from neotype.schema.condition import Condition, met
from neotype.schema.infer import infer_schema
from neotype.synth.drawing import BLOCK, block_rows
from neotype.synth.model_file import load, save
from neotype.synth.refine import refine
from zoo import FAMILIES, NETWORKS, recipe, zoo, zoo_data

GENERATED = ["person_id", "ref"]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return zoo_data(800)


@pytest.fixture(scope="module", params=[*FAMILIES, "independent+refine"])
def model(request: pytest.FixtureRequest, data: Dataset) -> Any:
    name, _, wrapped = request.param.partition("+")
    fitted = recipe(name).fit(data, rng=Rng(0))
    return refine(fitted, data, rounds=2, rng=Rng(1)) if wrapped else fitted


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_here_to_be_tested(name: str) -> None:
    if name not in FAMILIES:
        pytest.skip(f"'{name}' needs torch, which is not installed: no law is tested on it")
    assert hasattr(find("synthesizer", name), "obeys")


INTERRUPTED = [name for name in FAMILIES if hasattr(recipe(name), "checkpoint")]


@pytest.mark.parametrize("name", INTERRUPTED)
def test_an_interrupted_fit_goes_on_to_the_same_model(name: str, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "train" and done == 2:
            raise KeyboardInterrupt

    data, file = zoo_data(150), tmp_path / "run"
    kept = replace(recipe(name), checkpoint=str(file))
    with pytest.raises(KeyboardInterrupt):
        kept.fit(data, rng=Rng(0), progress=interrupt)
    before = file.read_bytes()
    resumed, straight = kept.fit(data, rng=Rng(0)), recipe(name).fit(data, rng=Rng(0))
    assert file.read_bytes() != before
    made, wanted = (m.sample(40, rng=Rng(1)).frame for m in (resumed, straight))
    assert made.equals(wanted)


def a_block(model: Any) -> int:
    """How many rows a block of its samples has."""
    return block_rows(model.width, model.each)


def test_the_row_count_is_exact_and_a_short_sample_begins_a_long_one(model: Any) -> None:
    rows = a_block(model) + 5
    short, long = (model.sample(count, rng=Rng(3)).frame for count in (7, rows))
    assert (short.height, long.height) == (7, rows)
    assert long.head(7).equals(short)


def test_same_seed_same_rows_other_seed_other_rows(model: Any) -> None:
    first, again, other = (model.sample(200, rng=Rng(seed)).frame for seed in (5, 5, 6))
    assert first.equals(again)
    assert not first.equals(other)


def test_blocks_are_the_sample_wherever_they_start(model: Any) -> None:
    rows = a_block(model) + 100
    whole = model.sample(rows, rng=Rng(8)).frame
    blocks = list(model.blocks(rows, rng=Rng(8)))
    assert pl.concat(blocks).equals(whole)
    assert len({block.height for block in blocks[:-1]}) == 1
    after = blocks[0].height
    assert next(iter(model.blocks(rows, rng=Rng(8), start=1))).equals(whole[after : 2 * after])


def test_a_short_sample_of_a_wide_table_draws_no_more_than_it_costs(model: Any) -> None:
    """Candidates are dear where rows are wide: a block has fewer rows then."""
    digits = model.width
    for each in (1, 2, 16, 200):
        size = block_rows(digits, each)
        assert 256 <= size <= BLOCK
        assert size == 256 or size * each * digits <= 1 << 21
        assert size == BLOCK or 2 * size * each * digits > 1 << 21


def test_dtypes_and_columns_come_back(model: Any, data: Dataset) -> None:
    made = model.sample(300, rng=Rng(0)).frame
    assert made.schema == data.frame.schema
    assert made["nothing"].null_count() == 300
    assert set(made["same"]) == {"x"}
    assert 0 < made["points"].null_count() < 90


def test_identifiers_are_unique_over_blocks_and_none_is_copied(model: Any, data: Dataset) -> None:
    made = model.sample(a_block(model) + 50, rng=Rng(0)).frame
    for name in GENERATED:
        assert made[name].n_unique() == made.height
    # A million forms, 800 of them taken: the longest free stretch is where generation begins.
    assert not set(made["ref"].head(4000)) & set(data.frame["ref"])


def test_values_stay_in_their_own_form(model: Any, data: Dataset) -> None:
    made = model.sample(500, rng=Rng(0)).frame
    assert made["ref"].str.contains(r"^ORD-\d{6}$").all()
    assert set(made["zip"]) <= set(data.frame["zip"])
    assert (made["pay"].round(2) == made["pay"]).all()
    assert made["huge"].min() >= 2**62
    assert made["beyond"].min() >= 2**63


def test_input_is_untouched_and_fit_is_repeatable() -> None:
    data = zoo_data(300, seed=4)
    before = data.fingerprint()
    for name in FAMILIES:
        one, two = (recipe(name).fit(data, rng=Rng(2)) for _ in range(2))
        assert one.sample(50, rng=Rng(0)).frame.equals(two.sample(50, rng=Rng(0)).frame)
    assert data.fingerprint() == before


def test_given_columns_are_kept(model: Any, data: Dataset) -> None:
    given = data.frame.select("grade", "points", "seen").head(40)
    made = model.sample(rng=Rng(0), known=Known(given)).frame
    assert made.select(given.columns).equals(given)
    assert made.schema == data.frame.schema


def test_cells_may_be_known_in_some_rows_and_free_in_others(model: Any, data: Dataset) -> None:
    truth = data.frame.select("grade", "points", "pay", "seen", "latitude", "longitude").head(40)
    g = np.random.default_rng(0)
    free = pl.DataFrame({name: g.random(40) < 0.5 for name in truth.columns})
    holes = truth.with_columns(
        pl.when(free[name]).then(None).otherwise(pl.col(name)).alias(name) for name in truth.columns
    )
    made = model.sample(rng=Rng(0), known=Known(holes, free)).frame
    assert made.schema == data.frame.schema
    for name in truth.columns:
        assert made[name].filter(~free[name]).equals(truth[name].filter(~free[name]))


CONDITIONS = {
    "age": Condition("age", low=30, high=40),
    "points": Condition("points", values=(None,)),
    "huge": Condition("huge", low=2**62 + 2**39),
    "grade": Condition("grade", values=("G1", "G3")),
    "level": Condition("level", values=("low", None)),
    "pay": Condition("pay", low=2000.0, high=2500.0, high_open=True),
    "ratio": Condition("ratio", high=0.25),
    "active": Condition("active", values=(True,)),
    "born": Condition("born", low=dt.date(1980, 1, 1), high=dt.date(1990, 12, 31)),
    "at": Condition("at", high=dt.time(12)),
    "took": Condition("took", low=dt.timedelta(minutes=30)),
    "latitude": Condition("latitude", low=48.0),
}


@pytest.mark.parametrize("names", [[name] for name in CONDITIONS] + [["age", "level", "latitude"]])
def test_what_every_row_must_meet_is_met(model: Any, names: list[str]) -> None:
    where = tuple(CONDITIONS[name] for name in names)
    made = model.sample(100, rng=Rng(0), known=Known(where=where))
    assert made.rows == 100
    assert met(where, made.frame).all()
    assert made.support is not None
    assert all(made.frame[name].n_unique() == 100 for name in GENERATED)


def test_an_unknown_condition_is_refused_with_all_findings(model: Any) -> None:
    given = pl.DataFrame({"grade": ["G1", "G9"], "zip": ["00000", "01126"]})
    with pytest.raises(DataError) as error:
        model.sample(rng=Rng(0), known=Known(given))
    assert any("'G9'" in finding for finding in error.value.findings)
    assert any("'00000'" in finding for finding in error.value.findings)


def test_a_condition_on_an_unknown_column_names_the_nearest(model: Any) -> None:
    given = pl.DataFrame({"grad": ["G1"]})
    with pytest.raises(ColumnNotFoundError, match="did you mean 'grade'"):
        model.sample(rng=Rng(0), known=Known(given))


@pytest.mark.parametrize("rows", [0, -3])
def test_no_rows_cannot_be_asked_for(model: Any, rows: int) -> None:
    with pytest.raises(SamplingError, match=f"{rows} rows"):
        model.sample(rows, rng=Rng(0))


def test_a_saved_model_gives_the_same_rows(model: Any, data: Dataset, tmp_path: Path) -> None:
    path = save(model, tmp_path / "m.neotype")
    again, _ = load(path)
    assert again.sample(60, rng=Rng(1)).frame.equals(model.sample(60, rng=Rng(1)).frame)
    density = model.log_density(data)
    if density is not None:
        np.testing.assert_array_equal(again.log_density(data), density)


def test_the_file_holds_no_training_row(tmp_path: Path) -> None:
    frame = zoo(600, seed=9)
    canary = pl.DataFrame(
        {
            "ref": ["CANARY-REF-1"],
            "email": ["canary.bird@old.at"],
            "last_name": ["CANARYBIRD"],
            "phone": ["+43 1 9876543"],
            "grade": ["CANARYGRADE"],
            "zip": ["98989"],
            "note": ["the canary sings alone at dawn"],
            "extra": ['{"canarykey": 1}'],
            "pay": [7777.77],
            "huge": [2**62 + 123_456_789],
        }
    )
    planted = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 17)
        .then(pl.lit(canary[name].item()))
        .otherwise(pl.col(name))
        .cast(frame.schema[name])
        .alias(name)
        for name in canary.columns
    )
    data = Dataset(infer_schema({"zoo": planted}), {"zoo": planted})
    for name in FAMILIES:
        model = recipe(name).fit(data, rng=Rng(0))
        path = save(model, tmp_path / f"{name}.neotype")
        with zipfile.ZipFile(path) as file:
            whole = b"".join(file.read(member) for member in file.namelist())
        for text in (b"CANARY", b"98989", b"canary", b"7777.77", b"9876543"):
            assert text not in whole
        assert np.float64(7777.77).tobytes() not in whole
        assert np.int64(777_777).tobytes() not in whole
        assert np.int64(2**62 + 123_456_789).tobytes() not in whole
        made = model.sample(2000, rng=Rng(0)).frame
        assert "CANARYGRADE" not in set(made["grade"])
        assert 7777.77 not in set(made["pay"])


@pytest.mark.parametrize("rows", [1, 2, 3, 20])
def test_tiny_tables(rows: int) -> None:
    data = zoo_data(rows)
    for name in FAMILIES:
        made = recipe(name).fit(data, rng=Rng(0)).sample(30, rng=Rng(0)).frame
        assert made.height == 30
        assert made.schema == data.frame.schema


def test_awkward_numbers_are_learnt() -> None:
    frame = pl.DataFrame(
        {
            "big": [1e308, -1e308, 0.0, 1.0, 2.0] * 40,
            "inf": [float("inf"), float("-inf"), float("nan"), 1.5, None] * 40,
            "edge": [-(2**63), 2**63 - 1, 0, 1, 2] * 40,
        }
    )
    data = Dataset(infer_schema({"t": frame}), {"t": frame})
    for name in FAMILIES:
        made = recipe(name).fit(data, rng=Rng(0)).sample(500, rng=Rng(0)).frame
        assert set(made["big"]) == set(frame["big"])
        assert set(made["edge"]) == set(frame["edge"])
        assert made["inf"].is_infinite().sum() > 50
        assert made["inf"].is_nan().sum() > 20
        assert made["inf"].null_count() > 20
