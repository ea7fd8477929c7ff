"""Whole rows, groups, time and rare values: what damages them moves the measure, and is named."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_schema, adult_train, independent, some
from neotype.data import Dataset
from neotype.evaluate.asked import Asked
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.evaluate import build, evaluate
from neotype.evaluate.fidelity.clouds import Cloud
from neotype.evaluate.fidelity.manifold import MMD, reached, supports
from neotype.evaluate.fidelity.seasons import gap
from neotype.evaluate.metric import Score
from neotype.evaluate.neighbors import k_nearest, place
from neotype.rng import Rng
from neotype.schema.schema import Categorical, Datetime, Identifier, Numeric, Schema, Table

ROWS = 4_000
WHOLE = ("mmd", "prdc", "alpha_precision", "beta_recall")
ALL = (*WHOLE, "subgroup_fidelity", "rare_events")


@cache
def thirds() -> tuple[Dataset, Dataset, Dataset]:
    """Real rows in the synthetic table's place, train and holdout."""
    frame = pl.concat([adult_train().frame, adult_holdout().frame])
    mixed = some(Dataset.of(adult_train().schema, frame), 3 * ROWS, seed=5)
    return tuple(mixed.take(np.arange(k * ROWS, (k + 1) * ROWS)) for k in range(3))


def score(name: str, synthetic: Dataset, **asked: object) -> Score:
    _, train, holdout = thirds()
    return build(name, Asked(**asked)).score(synthetic, train=train, holdout=holdout, rng=Rng(3))


def copied(share: float) -> Dataset:
    """Real rows of which a share are train rows."""
    synthetic, train, _ = thirds()
    many = round(share * ROWS)
    return Dataset.of(train.schema, pl.concat([train.frame[:many], synthetic.frame[many:]]))


def apart(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Distances of all pairs of points (columns, rows), by definition."""
    return np.minimum(np.abs(left[:, :, None] - right[:, None, :]), 1).sum(axis=0)


def cloud(points: np.ndarray) -> Cloud:
    rows = points.shape[1]
    return Cloud(np.ascontiguousarray(points.astype(np.float32)), np.arange(rows) % 32)


def test_k_nearest_are_those_of_all_pairs() -> None:
    generator = np.random.default_rng(0)
    left, right = (generator.normal(size=(4, rows)).astype(np.float32) for rows in (50, 1500))
    far, which = k_nearest(left, right, 7)
    every = apart(left, right)
    assert np.array_equal(which, np.argsort(every, axis=1, kind="stable")[:, :7])
    assert far == pytest.approx(np.sort(every, axis=1)[:, :7], abs=1e-5)


def test_no_row_is_its_own_neighbour_unless_it_has_a_twin() -> None:
    points = np.array([[0.0, 0.0, 0.3, 5.0]], dtype=np.float32)
    far, which = k_nearest(points, points, 4, exclude_self=True)
    assert far[:, 0] == pytest.approx([0, 0, 0.3, 1])
    assert which[0].tolist() == [1, 2, 3, -1]
    assert np.isinf(far[:, 3]).all()


def test_prdc_is_that_of_the_reference_implementation() -> None:
    """The numbers are those of the package prdc 0.2 on the same points (one column, k = 5)."""
    generator = np.random.default_rng(7)
    real, made = generator.normal(size=(1, 400)), generator.normal(2, 1.5, size=(1, 400))
    found = supports(cloud(real / 20), cloud(made / 20), 5, generator)
    assert found[:4] == pytest.approx((0.695, 0.9975, 0.619, 0.7))


def test_prdc_of_many_columns_is_that_of_the_definition() -> None:
    generator = np.random.default_rng(1)
    real, made = generator.integers(0, 3, (5, 150)), generator.integers(0, 4, (5, 120))
    own, other, between = (
        apart(*pair).astype(float) for pair in ((real, real), (made, made), (made, real))
    )
    for board in (own, other):
        np.fill_diagonal(board, np.inf)
    reach, span = np.sort(own, axis=1)[:, 2], np.sort(other, axis=1)[:, 2]
    inside = between <= reach
    wanted = (
        inside.any(axis=1).mean(),
        (between <= span[:, None]).any(axis=0).mean(),
        inside.sum() / 3 / 120,
        inside.any(axis=0).mean(),
    )
    assert supports(cloud(real), cloud(made), 3, generator)[:4] == pytest.approx(wanted)


def test_mmd_is_the_unbiased_estimate_of_all_pairs() -> None:
    synthetic, train, holdout = (data.take(np.arange(90)) for data in thirds())
    synthetic = independent(synthetic)
    tables = Comparison(synthetic, train, holdout, Rng(0))
    points = place(tables.views)
    boards = {}
    apart_in_train = apart(points.train, points.train)[np.triu_indices(90, 1)]
    width = np.median(apart_in_train)
    for name, left, right in (
        ("made", points.synthetic, points.synthetic),
        ("held", points.holdout, points.holdout),
        ("both", points.synthetic, points.holdout),
    ):
        boards[name] = np.exp(-apart(left, right) / width)
    wanted = ((boards["made"].sum() - 90 + boards["held"].sum() - 90) / (90 * 89)) - 2 * boards[
        "both"
    ].mean()
    found = MMD().measure(tables)
    assert found.detail["width"] == pytest.approx(width, rel=1e-5)
    assert found.detail["squared"] == pytest.approx(wanted, abs=1e-6)
    assert found.value == pytest.approx(max(0.0, wanted) ** 0.5, abs=1e-4)


def test_alpha_precision_is_that_of_the_definition() -> None:
    synthetic, train, holdout = (data.take(np.arange(120)) for data in thirds())
    tables = Comparison(synthetic, train, holdout, Rng(0))
    points = place(tables.views)
    made = apart(points.synthetic, points.holdout).mean(axis=1)
    real = apart(points.holdout, points.holdout).sum(axis=1) / 119
    alphas = np.linspace(0, 1, 51)[1:-1]
    edges = np.quantile(real, alphas)
    gaps = [abs((made <= edge).mean() - (real <= edge).mean()) for edge in edges]
    found = build("alpha_precision", Asked()).measure(tables)
    assert found.value == pytest.approx(1 - sum(gaps) / alphas.sum(), abs=1e-3)


def test_beta_recall_is_that_of_the_definition() -> None:
    generator = np.random.default_rng(2)
    real, made = generator.normal(size=(3, 80)) / 3, generator.normal(size=(3, 80)) / 4
    own, between = apart(real, real), apart(real, made)
    np.fill_diagonal(own, np.inf)
    odd = apart(made, made).sum(axis=1) / 79
    betas = np.linspace(0, 1, 51)[1:-1]
    near = between.min(axis=1) <= own.min(axis=1)
    curve = [
        (near & (odd[between.argmin(axis=1)] <= np.quantile(odd, b) + 1e-6)).mean() for b in betas
    ]
    value, _, found = reached(cloud(real), cloud(made), generator)
    assert found == pytest.approx(np.array(curve), abs=1e-9)
    assert value == pytest.approx(1 - np.abs(curve - betas).sum() / betas.sum(), abs=1e-9)


@pytest.mark.parametrize("name", ["mmd", "prdc", "subgroup_fidelity"])
def test_columns_without_structure_are_poor(name: str) -> None:
    assert score(name, independent(thirds()[1])).verdict == "poor"


def test_independent_columns_lose_rare_combinations() -> None:
    real, mixed = (score("rare_events", data) for data in (thirds()[0], independent(thirds()[1])))
    assert real.verdict == "good"
    assert mixed.verdict != "good"
    assert mixed.interval[1] < real.floor - 0.04


@pytest.mark.parametrize("rows", [200, 1500])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_real_rows_are_never_poor(rows: int, seed: int) -> None:
    parts = (some(data, rows, seed) for data in thirds())
    synthetic, train, holdout = parts
    scores = evaluate(synthetic, train=train, holdout=holdout, metrics=ALL, rng=Rng(seed))
    assert {one.verdict for one in scores} <= {"good", "fair", "not judged", "not measured"}


@pytest.mark.parametrize("name", ["mmd", "prdc", "alpha_precision"])
def test_copied_rows_earn_nothing(name: str) -> None:
    whole = score(name, copied(0.99))
    low, high = whole.interval
    assert low - 0.02 <= whole.floor <= high + 0.02


def test_beta_recall_rises_with_copies_and_is_no_quality() -> None:
    found = [score("beta_recall", copied(share)) for share in (0.0, 0.05, 0.2, 0.99)]
    values = [one.value for one in found]
    assert values == sorted(values)
    assert values[0] == pytest.approx(found[0].floor, abs=0.04)
    assert values[-1] > found[-1].floor + 0.2
    assert found[-1].detail["holdout_reached"] == pytest.approx(found[-1].floor, abs=0.04)
    assert {one.verdict for one in found} == {"not judged"}
    assert "not a mark of quality" in found[-1].meaning


def test_density_falls_where_rows_should_not_be_and_coverage_where_rows_lack() -> None:
    synthetic, train, _ = thirds()
    mixed = independent(train).frame
    half = Dataset.of(train.schema, pl.concat([synthetic.frame[::2], mixed[::2]]))
    noisy = score("prdc", half).detail
    assert noisy["density"]["value"] < noisy["density"]["floor"] - 0.3
    assert noisy["coverage"]["value"] > noisy["coverage"]["floor"] - 0.1
    men = synthetic.take(np.flatnonzero(synthetic.frame["sex"] == "Male"))
    narrow = score("prdc", men).detail
    assert narrow["density"]["value"] > narrow["density"]["floor"] - 0.1
    assert narrow["coverage"]["value"] < narrow["coverage"]["floor"] - 0.1


def spoilt(name: str, label: str) -> Dataset:
    """Real rows but for one group, whose columns are shuffled, each on its own."""
    synthetic = thirds()[0]
    frame, generator = synthetic.frame, np.random.default_rng(0)
    inside = np.flatnonzero(frame[name] == label)
    columns = []
    for series in frame:
        order = np.arange(frame.height)
        if series.name != name:
            order[inside] = generator.permutation(frame.height)[: len(inside)]
        columns.append(series[order])
    return Dataset.of(synthetic.schema, pl.DataFrame(columns))


def test_the_group_that_was_spoilt_is_named() -> None:
    bad = score("subgroup_fidelity", spoilt("occupation", "Exec-managerial"))
    assert bad.detail["worst"] == {"column": "occupation", "group": "Exec-managerial"}
    assert "occupation = Exec-managerial" in bad.meaning
    assert bad.verdict == "poor"
    others = score("subgroup_fidelity", thirds()[0])
    assert others.verdict == "good"
    low, high = others.interval
    assert low <= others.floor <= high


def test_declared_columns_alone_name_groups_none_of_them_small() -> None:
    found = score("subgroup_fidelity", thirds()[0], sensitive=("race", "age"))
    groups = found.detail["groups"]
    assert {group["column"] for group in groups} == {"race", "age"}
    assert {group["group"] for group in groups if group["column"] == "age"} == {
        "lowest quarter",
        "second quarter",
        "third quarter",
        "highest quarter",
    }
    everyone = score("subgroup_fidelity", thirds()[0]).detail["groups"]
    assert min(group["rows"] for group in everyone) >= 30
    assert min(group["train_rows"] for group in everyone) >= 30


def test_a_group_is_compared_in_equally_many_rows() -> None:
    frame = adult_train().frame.filter(pl.col("race") == "Black")
    group = score(
        "subgroup_fidelity", Dataset.of(adult_schema(), frame[-2500:]), sensitive=("race",)
    ).detail["groups"][0]
    assert group["group"] == "Black"
    assert group["rows"] < 500
    assert group["fidelity"] == pytest.approx(group["floor"], abs=0.015)


def test_a_group_that_hardly_occurs_is_said() -> None:
    synthetic = thirds()[0]
    rest = synthetic.take(np.flatnonzero(synthetic.frame["race"] != "Black"))
    found = score("subgroup_fidelity", rest, sensitive=("race",))
    assert found.detail["too_few_synthetic_rows"] == ["race = Black"]
    assert "race = Black" in found.meaning


def visits(rows: int, seed: int, shift: int = 0, owners: bool = False) -> Dataset:
    """Visits by day, more as the months go by, longer in the evening; of patients, if wanted."""
    generator = np.random.default_rng(seed)
    day = 365 * np.sqrt(generator.random(rows))
    hour = np.clip(np.round(generator.normal(14, 3, rows)), 0, 23).astype(int)
    start = np.datetime64("2023-01-01", "us")
    moved = day.astype(int) * 24 + (hour + shift) % 24
    frame = pl.DataFrame(
        {
            "when": start + moved.astype("timedelta64[h]"),
            "length": hour * 5 + generator.normal(size=rows),
        }
    )
    columns = {"when": Datetime(storage="Datetime[us]"), "length": Numeric(storage="Float64")}
    if not owners:
        return Dataset.of(Schema(tables={"visits": Table(columns=columns)}), frame)
    frame = frame.with_columns(patient=pl.Series(np.arange(rows) // 5))
    frame = frame.with_columns(pl.col("when").min().over("patient"))
    late = pl.duration(days=(7 + pl.col("patient") % 5) * pl.int_range(pl.len()).over("patient"))
    columns["patient"] = Identifier(storage="Int64", unique=False)
    table = Table(columns=columns, entity="patient")
    return Dataset.of(Schema(tables={"visits": table}), frame.with_columns(pl.col("when") + late))


def timed(synthetic: Dataset, train: Dataset, holdout: Dataset) -> Score:
    tables = {"train": train, "holdout": holdout}
    return build("time_patterns", Asked()).score(synthetic, **tables, rng=Rng(0))


def part(found: Score, name: str) -> dict[str, object]:
    return next(one for one in found.detail["profiles"] if one["part"] == name)


def test_time_patterns_of_the_same_origin_are_at_the_floor() -> None:
    found = timed(visits(3000, 0), visits(3000, 1), visits(3000, 2))
    assert found.verdict == "good"
    assert found.value == pytest.approx(found.floor, abs=0.01)
    assert {one["part"] for one in found.detail["profiles"]} == {
        *("hour", "weekday", "day of month", "month", "period")
    }
    assert sum(part(found, "hour")["shares"]["train"]) == pytest.approx(1)


def test_events_at_the_wrong_hour_are_poor_and_the_hour_is_named() -> None:
    found = timed(visits(3000, 0, shift=6), visits(3000, 1), visits(3000, 2))
    assert found.verdict == "poor"
    assert "the hour of 'when'" in found.meaning
    assert part(found, "weekday")["similarity"] > 0.95
    assert part(found, "hour")["worst_with"][0]["column"] == "length"


def test_hours_that_have_nothing_to_do_with_the_rest_are_poor() -> None:
    found = timed(independent(visits(3000, 0)), visits(3000, 1), visits(3000, 2))
    assert found.verdict == "poor"
    assert part(found, "hour")["similarity"] > 0.95
    means = next(one for one in found.detail["means"] if one["part"] == "hour")["means"]
    assert means["train"][9] == pytest.approx(45, abs=1)
    assert means["synthetic"][9] == pytest.approx(70, abs=5)
    assert means["train"][0] is None


def test_the_time_between_events_of_one_entity_is_compared() -> None:
    real = [visits(3000, seed, owners=True) for seed in range(3)]
    whole = timed(*real)
    assert part(whole, "time since the last")["similarity"] > 0.97
    mixed = timed(independent(real[0]), *real[1:])
    assert part(mixed, "time since the last")["similarity"] < 0.5


def test_the_first_event_of_an_entity_has_none_before_it() -> None:
    data = visits(10, 0, owners=True)
    seconds = data.frame["when"].dt.epoch("s").to_numpy().astype(float)
    found = gap(data, seconds) / 86_400
    firsts = data.frame.select(pl.col("when").rank("ordinal").over("patient") == 1).to_series()
    firsts = firsts.to_numpy()
    assert np.isnan(found[firsts]).all()
    assert sorted(found[~firsts]) == [7, 7, 7, 7, 8, 8, 8, 8]


def test_means_of_few_real_rows_are_not_told() -> None:
    train = visits(3000, 1)
    found = timed(independent(visits(3000, 0)), train, visits(3000, 2))
    hours = train.frame["when"].dt.hour().value_counts()
    rows = dict(hours.iter_rows())
    means = next(one for one in found.detail["means"] if one["part"] == "hour")["means"]["train"]
    assert any(0 < rows.get(hour, 0) < 5 for hour in range(24))
    assert [mean is not None for mean in means] == [rows.get(hour, 0) >= 5 for hour in range(24)]


def test_dates_written_as_text_are_read() -> None:
    texts = []
    for seed in range(3):
        frame = visits(1000, seed).frame.with_columns(pl.col("when").dt.strftime("%d/%m/%Y"))
        column = Datetime(storage="String", part="date", format="%d/%m/%Y", resolution="day")
        columns = {"when": column, "length": Numeric(storage="Float64")}
        texts.append(Dataset.of(Schema(tables={"visits": Table(columns=columns)}), frame))
    found = timed(*texts)
    assert found.verdict in ("good", "fair")
    assert part(found, "month")["floor"] > 0.9


def test_without_dates_there_are_no_time_patterns() -> None:
    found = score("time_patterns", thirds()[0])
    assert found.verdict == "not measured"
    assert "no column of dates" in found.meaning


def shop(rows: int, seed: int, returns: float = 0.003) -> Dataset:
    """Few returns, always of shoes; buyers whom one row alone names; and few buyers missing."""
    generator = np.random.default_rng(seed)
    item = generator.choice(["shoes", "shirt", "coat"], rows, p=[0.5, 0.3, 0.2])
    back = (item == "shoes") & (generator.random(rows) < 2 * returns)
    frame = pl.DataFrame(
        {
            "item": item,
            "returned": np.where(back, "yes", "no"),
            "buyer": [
                f"buyer {seed} {k}" if k < 9 else None if k % 200 == 9 else "others"
                for k in range(rows)
            ],
            "price": generator.normal(50, 10, rows),
        }
    )
    columns = {name: Categorical(storage="String") for name in ("item", "returned")}
    columns["buyer"] = Categorical(storage="String", nullable=True)
    columns["price"] = Numeric(storage="Float64")
    return Dataset.of(Schema(tables={"shop": Table(columns=columns)}), frame)


@pytest.mark.parametrize(
    ("returns", "verdict", "counted"),
    [(0.003, "good", None), (0.0, "poor", "missing"), (0.02, "poor", "over_twice")],
)
def test_rare_events_are_there_and_at_their_rate(
    returns: float, verdict: str, counted: str | None
) -> None:
    synthetic = shop(20_000, 0, returns)
    found = build("rare_events", Asked()).score(
        synthetic, train=shop(20_000, 1), holdout=shop(20_000, 2), rng=Rng(0)
    )
    assert found.verdict == verdict
    # Returned; returned shoes; returned by others; returned at one of four prices.
    assert found.detail["events"] == 7
    assert found.detail["values"] == 1
    if counted is not None:
        assert found.detail["synthetic"][counted] >= 6
        assert "returned = yes" in found.meaning
    told = json.dumps(dict(found.detail)) + found.meaning
    assert "buyer 1" not in told
    assert "buyer 0" not in told


def test_rare_events_know_their_rates() -> None:
    train = shop(20_000, 1)
    found = build("rare_events", Asked()).score(
        shop(20_000, 0, 0.02), train=train, holdout=shop(20_000, 2), rng=Rng(0)
    )
    top = next(one for one in found.detail["most_off"] if one["event"] == "returned = yes")
    rows = int((train.frame["returned"] == "yes").sum())
    assert top["train_rows"] == rows
    assert top["real"] == pytest.approx(rows / 20_000)
    assert top["synthetic"] == pytest.approx(0.02, abs=0.005)
