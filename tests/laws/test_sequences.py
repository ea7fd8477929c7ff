"""What measures of sequences must tell, and what they must take: real rows, shuffled, odd ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl
import pytest

from neotype.data import Dataset
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.evaluate.sequential.strands import Strands
from neotype.evaluate.sequential.summaries import of_numbers
from neotype.evaluate.suites import of, ordered
from neotype.registry import names
from neotype.rng import Rng
from neotype.schema.schema import Identifier, Relationship, Schema, Table
from panels import COLUMNS, panel, restless, scattered, series

SEQUENTIAL = tuple(name for name in names("metric") if ordered(name) and not of(name).deep)
UNOWNED = tuple(
    name
    for name in SEQUENTIAL
    if name not in ("sequence_lengths", "between_owner_spread", "owner_detection")
)
MADE = {"real": lambda data: data, "restless": restless, "scattered": scattered}


@cache
def owned(case: str) -> dict[str, Score]:
    made, train, holdout = (panel(150, seed) for seed in range(3))
    return scores(MADE[case](made), train, holdout)


@cache
def alone(case: str) -> dict[str, Score]:
    """One long series; another path of the same law stands in as a perfect synthetic one."""
    train, holdout = series(4000, 1).split(0.25, Rng(0))
    return scores(MADE[case](series(4000, 2)), train, holdout)


def scores(made: Dataset, train: Dataset, holdout: Dataset) -> dict[str, Score]:
    found = evaluate(made, train=train, holdout=holdout, metrics=SEQUENTIAL, rng=Rng(1))
    return {score.metric: score for score in found}


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_other_real_owners_score_at_the_floor(name: str) -> None:
    at_the_floor(owned("real")[name])


@pytest.mark.parametrize("name", UNOWNED)
def test_another_path_of_the_same_law_scores_at_the_floor(name: str) -> None:
    at_the_floor(alone("real")[name])


def at_the_floor(score: Score) -> None:
    assert score.value is not None
    assert score.interval is not None
    assert score.floor is not None
    low, high = score.interval
    assert low <= score.value <= high
    assert score.verdict in ("good", "fair"), score.meaning
    assert score.floor == pytest.approx(score.value, abs=2 * max(high - low, 0.02))
    json.dumps(dict(score.detail), allow_nan=False)
    assert len(json.dumps(dict(score.detail))) < 40_000


ORDER = ("autocorrelation", "transitions", "window_detection", "summary_detection")


@pytest.mark.parametrize("name", [*ORDER, "owner_detection"])
def test_rows_shuffled_within_their_owner_score_badly(name: str) -> None:
    assert owned("restless")[name].verdict == "poor"


@pytest.mark.parametrize("name", ["sequence_lengths", "inter_event_times", "between_owner_spread"])
def test_rows_shuffled_within_their_owner_keep_times_and_means(name: str) -> None:
    assert owned("restless")[name].value == pytest.approx(owned("real")[name].value)


@pytest.mark.parametrize("name", ORDER)
def test_rows_of_one_series_shuffled_score_badly(name: str) -> None:
    assert alone("restless")[name].verdict == "poor"


SEASONLESS = ("sequence_lengths", "seasonal_profile")


@pytest.mark.parametrize("name", [n for n in SEQUENTIAL if n not in SEASONLESS])
def test_columns_shuffled_on_their_own_score_badly(name: str) -> None:
    assert owned("scattered")[name].verdict == "poor"


@pytest.mark.parametrize("case", ["restless", "scattered"])
def test_seasons_are_lost_where_values_do_not_keep_their_times(case: str) -> None:
    assert alone(case)["seasonal_profile"].verdict == "poor"
    assert owned(case)["seasonal_profile"].verdict != "good"


def test_owners_who_are_all_alike_are_seen_where_shapes_are_not() -> None:
    made, train, holdout = (panel(150, seed) for seed in range(3))
    middle = pl.col("level").mean()
    flat = made.frame.with_columns(level=middle + pl.col("level") - middle.over("owner"))
    found = scores(Dataset.of(made.schema, flat), train, holdout)
    assert found["between_owner_spread"].verdict == "poor"
    assert found["transitions"].verdict != "poor"


def test_owners_of_twice_as_many_rows_and_slower_clocks_are_seen() -> None:
    made, train, holdout = panel(150, 0, most=120), panel(150, 1), panel(150, 2)
    assert scores(made, train, holdout)["sequence_lengths"].verdict == "poor"
    first = pl.col("day").min().over("owner")
    slow = made.frame.with_columns(day=first + 3 * (pl.col("day") - first))
    assert scores(Dataset.of(made.schema, slow), train, holdout)["inter_event_times"].verdict == (
        "poor"
    )


def test_the_order_of_rows_in_the_frame_does_not_matter() -> None:
    made, train, holdout = (panel(60, seed) for seed in range(3))
    ordered = [Dataset.of(d.schema, d.frame.sort("owner", "day")) for d in (made, train, holdout)]
    mixed, sorted_ = scores(made, train, holdout), scores(*ordered)
    for name in SEQUENTIAL:
        if name != "window_detection":  # views of labels are the same, ties of trees are not
            assert mixed[name].value == pytest.approx(sorted_[name].value, abs=0.02), name


def test_the_same_seed_gives_the_same_score_alone_or_beside_others() -> None:
    made, train, holdout = (panel(150, seed) for seed in range(3))
    for name in SEQUENTIAL:
        again = of(name)().score(made, train=train, holdout=holdout, rng=Rng(1))
        assert again == owned("real")[name]


def test_a_table_without_a_sequence_is_not_measured_and_one_reason_says_why() -> None:
    tables = []
    for seed in range(3):
        data = panel(40, seed)
        told = data.table.model_copy(update={"sequence": None})
        tables.append(Dataset.of(Schema(tables={"panel": told}), data.frame))
    found = scores(*tables)
    assert {score.meaning for score in found.values()} == {
        "Not measured: the schema names no sequence, the column that orders rows (a date, a step)."
    }


def odd(change: Callable[[pl.DataFrame], pl.DataFrame], owners: int = 40) -> dict[str, Score]:
    """Scores where all three tables have the same oddity."""
    tables = (panel(owners, seed) for seed in range(3))
    return scores(*(Dataset.of(data.schema, change(data.frame)) for data in tables))


def refused_or_measured(found: dict[str, Score]) -> None:
    for score in found.values():
        if score.value is None:
            assert score.detail["reason"] in score.meaning
        else:
            assert np.isfinite(score.value)
            assert score.interval is not None
            assert np.all(np.isfinite(score.interval))
        json.dumps(dict(score.detail), allow_nan=False)


ODD = {
    "one time for all": pl.col("day").min().over("owner").alias("day"),
    "ties": pl.col("day").dt.truncate("1w").alias("day"),
    "missing times": pl.when(pl.int_range(pl.len()) % 3 > 0).then("day").alias("day"),
    "no time at all": pl.lit(None, dtype=pl.Date).alias("day"),
    "single rows": pl.int_range(pl.len(), dtype=pl.Int64).alias("owner"),
    "missing owners": pl.when(pl.int_range(pl.len()) % 3 > 0).then("owner").alias("owner"),
    "one owner with 99 %": pl.when(pl.int_range(pl.len()) % 100 > 0)
    .then(0)
    .otherwise("owner")
    .alias("owner"),
    "one owner": pl.lit(7, dtype=pl.Int64).alias("owner"),
    "constant": pl.lit(1.5).alias("level"),
    "missing cells": pl.when(pl.int_range(pl.len()) % 2 > 0).then("level").alias("level"),
    "nothing": pl.lit(None, dtype=pl.Float64).alias("level"),
    "huge": pl.when(pl.int_range(pl.len()) % 2 > 0).then(1e308).otherwise(-1e308).alias("level"),
    "one label": pl.lit("same").alias("state"),
    "a label a row": pl.int_range(pl.len()).cast(pl.String).alias("state"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_sequences_are_measured_or_refused_with_a_reason(case: str) -> None:
    refused_or_measured(odd(lambda frame: frame.with_columns(ODD[case])))


@pytest.mark.parametrize("rows", [1, 3, 20, 60])
def test_few_rows_are_measured_or_refused_with_a_reason(rows: int) -> None:
    refused_or_measured(odd(lambda frame: frame.head(rows)))


def test_what_stands_in_no_order_is_left_out_and_told() -> None:
    told = odd(lambda frame: frame.with_columns(ODD["missing times"]))["autocorrelation"]
    assert told.value is not None
    assert any("have no time or no owner" in note for note in told.detail["notes"])
    none = odd(lambda frame: frame.with_columns(ODD["no time at all"]))["autocorrelation"]
    assert "on one side no row has both an owner and a 'day'" in none.meaning


def test_a_long_series_is_held_out_in_blocks_that_do_not_touch() -> None:
    data = series(1000, 0)
    mixed = data.take(np.random.default_rng(0).permutation(1000))
    train, holdout = mixed.split(0.25, Rng(3))
    assert train.rows + holdout.rows == 1000
    assert holdout.rows == pytest.approx(250, abs=30)
    days = holdout.frame["day"].sort()
    cuts = (
        (days.diff().drop_nulls() > pl.duration(days=1)).sum()
        if False
        else int((days.diff().drop_nulls().dt.total_days() > 1).sum())
    )
    assert 4 <= cuts <= 11
    assert not set(days) & set(train.frame["day"])
    assert sum(half.rows for half in mixed.split(0.5, Rng(3))) == 1000


def test_a_holdout_of_single_rows_has_no_sequence_and_one_at_the_end_has() -> None:
    data = series(2000, 0)
    rows = np.random.default_rng(0).permutation(2000)
    strewn = scores(series(2000, 1), data.take(rows[:1500]), data.take(rows[1500:]))
    assert "held out in blocks" in strewn["autocorrelation"].meaning
    end = scores(series(2000, 1), data.take(np.arange(1500)), data.take(np.arange(1500, 2000)))
    assert end["autocorrelation"].value is not None
    assert end["window_detection"].value is not None


def test_a_step_number_an_ordered_label_and_a_text_date_order_rows_alike() -> None:
    found = []
    for cells, column in (
        (pl.col("day"), None),
        (pl.col("day").dt.epoch("d").cast(pl.Int64), {"kind": "numeric", "storage": "Int64"}),
        (
            pl.col("day").dt.strftime("%d.%m.%Y"),
            {"kind": "datetime", "storage": "String", "format": "%d.%m.%Y", "part": "date"},
        ),
    ):
        tables = []
        for seed in range(3):
            data = panel(40, seed)
            facts = data.schema.model_dump()
            if column:
                facts["tables"]["panel"]["columns"]["day"] = column
            schema = Schema.model_validate(facts)
            tables.append(Dataset.of(schema, data.frame.with_columns(day=cells)))
        found.append(scores(*tables))
    for other in found[1:]:
        for name in ("autocorrelation", "transitions"):
            assert other[name].value == pytest.approx(found[0][name].value, abs=1e-9)


def database(seed: int, composite: bool = False, owners: int = 150) -> Dataset:
    """The panel as a table below its owners, whose key may be of two columns."""
    rows = panel(owners, seed).frame.with_columns(region=pl.col("owner") % 3)
    people = rows.unique("owner", maintain_order=True).select("owner", "region")
    key = ("region", "owner") if composite else ("owner",)
    if composite:
        rows, people = (one.with_columns(pl.col("owner") // 3) for one in (rows, people))
    number = Identifier(storage="Int64", unique=False)
    columns = {**COLUMNS, "region": number}
    schema = Schema(
        tables={
            "person": Table(columns={"owner": number, "region": number}, primary_key=key),
            "event": Table(columns=columns, sequence="day"),
        },
        relationships=(
            Relationship(parent="person", parent_key=key, child="event", child_key=key),
        ),
    )
    return Dataset(schema, {"person": people, "event": rows})


@pytest.mark.parametrize("composite", [False, True])
def test_in_a_database_rows_belong_to_the_row_that_their_key_names(composite: bool) -> None:
    made, train, holdout = (database(seed, composite) for seed in range(3))
    names = ("autocorrelation", "transitions", "sequence_lengths")
    found = evaluate(made, train=train, holdout=holdout, metrics=names, rng=Rng(1))
    events = {score.metric: score for score in found if score.table == "event"}
    for name in names:
        assert events[name].value == pytest.approx(owned("real")[name].value, abs=0.02)
    assert all(score.value is None for score in found if score.table == "person")


def test_tables_with_a_sequence_are_measured_as_sequences_by_default() -> None:
    made, train, holdout = (database(seed, owners=40) for seed in range(3))
    found = evaluate(made, train=train, holdout=holdout, rng=Rng(1))
    told = {(score.table, score.metric) for score in found}
    assert ("event", "autocorrelation") in told
    assert ("person", "autocorrelation") not in told


def test_the_last_bits_of_sums_do_not_tell_the_order_of_rows() -> None:
    generator = np.random.default_rng(0)
    cells = generator.random((50, 1000))
    moved = generator.permuted(cells, axis=1)
    each = Strands(np.arange(50_000), np.tile(np.arange(1000.0), 50), np.arange(51) * 1000)
    one, two = (of_numbers(side.ravel(), each) for side in (cells, moved))
    assert np.array_equal(one[:, [0, 1, 3, 4]], two[:, [0, 1, 3, 4]])
    assert np.allclose(one[:, 0], cells.mean(axis=1))
