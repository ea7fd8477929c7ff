"""Tables that real users have: panels, columns of codes, rare classes, infinite targets."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from neotype.data import Dataset
from neotype.evaluate.asked import Asked
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.features import Sides
from neotype.evaluate.fidelity.rare import expected
from neotype.evaluate.interval import auc, clustered_error
from neotype.evaluate.metric import Score
from neotype.evaluate.utility.duels import exam
from neotype.rng import Rng
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Schema, Table


def measured(
    name: str, synthetic: Dataset, train: Dataset, holdout: Dataset, **asked: object
) -> Score:
    (score,) = evaluate(
        synthetic,
        train=train,
        holdout=holdout,
        asked=Asked(**asked),  # type: ignore[arg-type]
        metrics=[name],
        rng=Rng(0),
    )
    return score


def dealt(frame: pl.DataFrame, part: np.ndarray) -> tuple[Dataset, Dataset, Dataset]:
    """The rows of parts 0, 1 and 2 as synthetic, train and holdout."""
    schema = infer_schema({"t": frame})
    first, second, third = (Dataset.of(schema, frame.filter(part == k)) for k in range(3))
    return first, second, third


# --- several rows of one entity


def panel(entities: int, seed: int, visits: int = 8) -> Dataset:
    """People who differ much from each other, and little from visit to visit."""
    generator = np.random.default_rng(seed)
    people = np.repeat(generator.normal(size=(entities, 3)), visits, axis=0)
    cells = people + 0.05 * generator.normal(size=people.shape)
    frame = pl.DataFrame(cells, schema=["a", "b", "c"]).with_columns(
        person=np.repeat(np.arange(entities), visits),
        ill=(people[:, 0] + people[:, 1] > 0).astype(np.int64),
    )
    columns = infer_schema({"visits": frame}).columns
    schema = Schema(tables={"visits": Table(columns=dict(columns), entity="person")})
    return Dataset.of(schema, frame)


@pytest.mark.parametrize("seed", range(3))
def test_people_that_nobody_copied_are_not_exposed_by_their_other_visits(seed: int) -> None:
    sides = (panel(80, 10 * seed + k) for k in range(3))
    score = measured("mia_density_ratio", *sides)
    assert score.interval is not None
    assert score.interval[0] < 0.5 < score.interval[1]
    assert score.verdict != "poor"


def test_the_halves_of_the_holdout_share_no_entity() -> None:
    made, train, holdout = (panel(31, k, visits=7) for k in range(3))
    near = Comparison(made, train, holdout, Rng(0)).neighbors
    rows = near.drawn.holdout
    owners = holdout.owners
    assert owners is not None
    half = len(rows) // 2
    assert not set(owners[rows[:half]]) & set(owners[rows[half:]])
    assert len(near.drawn.train) == len(rows) >= 0.9 * holdout.rows


def test_the_interval_of_an_attack_counts_entities() -> None:
    """Of 20 entities an AUC scatters as 20 rows do, however many rows each has."""
    generator = np.random.default_rng(0)
    owners = np.repeat(np.arange(20), 50)
    values, clustered, plain = [], [], []
    for _ in range(200):
        one, two = (np.repeat(generator.normal(size=20), 50) for _ in range(2))
        value, error = auc(one, two)
        values.append(value)
        plain.append(error)
        clustered.append(clustered_error(one, two, (owners, owners)))
    assert np.mean(clustered) == pytest.approx(np.std(values), rel=0.15)
    assert np.mean(plain) < 0.3 * np.std(values)


def test_of_single_rows_the_clustered_error_is_that_of_delong() -> None:
    generator = np.random.default_rng(0)
    one, two = generator.normal(0.3, size=80), generator.normal(size=120)
    assert clustered_error(one, two, (np.arange(80), np.arange(120))) == pytest.approx(
        auc(one, two)[1], rel=1e-9
    )


def test_no_bound_on_epsilon_is_drawn_from_a_few_entities() -> None:
    score = measured("epsilon_audit", *(panel(3, k, visits=60) for k in range(3)))
    assert score.verdict == "not measured"
    assert "pairs" in score.meaning


def test_models_that_are_compared_learn_from_different_people() -> None:
    made, train, holdout = (panel(40, k) for k in range(3))
    asked = exam(Comparison(made, train, holdout, Rng(0)), "ill")
    owners = train.owners
    assert owners is not None
    parts = [set(owners[rows]) for rows in asked.parts("train", 4, 80)]
    assert all(not one & two for k, one in enumerate(parts) for two in parts[:k])


def test_what_one_person_holds_in_many_rows_is_no_event() -> None:
    def visits(seed: int) -> Dataset:
        data = panel(200, seed, visits=5)
        # One person has the odd label on every visit, others now and then on one.
        label = np.array(["plain"] * data.rows, dtype=object)
        label[:5] = "single"
        label[50:130:10] = "spread"
        frame = data.frame.with_columns(label=pl.Series(label, dtype=pl.String))
        columns = {**data.table.columns, **infer_schema({"t": frame}).columns}
        schema = Schema(tables={"visits": Table(columns=columns, entity="person")})
        return Dataset.of(schema, frame)

    score = measured("rare_events", *(visits(k) for k in range(3)))
    told = {event["event"] for event in score.detail["most_off"]}
    assert "label = spread" in told
    assert not any("single" in event for event in told)


# --- columns of many codes


def test_a_detector_is_not_told_the_side_by_how_common_a_code_is() -> None:
    """Tables of unequal size, and labels that few rows share: real rows are not found out."""
    generator = np.random.default_rng(0)
    rows = 2_100
    frame = pl.DataFrame(
        {
            "order": [f"o{k}" for k in generator.integers(0, 800, rows)],
            "price": generator.normal(size=rows),
        }
    )
    part = np.repeat([0, 1, 2], [720, 690, 690])[generator.permutation(rows)]
    score = measured("c2st", *dealt(frame, part))
    assert score.value == pytest.approx(0.5, abs=0.06)


def test_typical_rows_are_a_share_even_where_rows_are_equal() -> None:
    """A label that only the synthetic rows have: as bad as can be is 0, not less."""
    frame = pl.DataFrame({"x": ["a"] * 500 + ["b"] * 300 + ["c"] * 700})
    part = np.repeat([2, 1, 0], 500)
    score = measured("alpha_precision", *dealt(frame, part))
    assert score.value is not None
    assert score.interval is not None
    assert 0 <= score.interval[0] <= score.value <= score.interval[1] <= 1


# --- rare classes, rare events, infinite targets


def rows_with(target: np.ndarray, seed: int) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "x": generator.normal(size=len(target)),
            "c": generator.choice(["a", "b"], len(target)),
            "y": target,
        }
    )


@pytest.mark.parametrize("name", ["tstr", "tstr_linear", "augmentation_gain"])
def test_a_class_of_three_rows_is_not_what_a_model_is_judged_by(name: str) -> None:
    target = np.zeros(3_000, np.int64)
    target[::300] = 1
    sides = dealt(rows_with(target, 0), np.arange(3_000) // 1_000)
    score = measured(name, *sides, target="y")
    assert score.verdict == "not measured"
    assert "one class" in score.meaning


def test_a_class_that_the_synthetic_rows_lost_is_judged() -> None:
    generator = np.random.default_rng(0)
    frame = rows_with(np.zeros(3_000, np.int64), 0)
    frame = frame.with_columns(y=(pl.col("x") > 1.5).cast(pl.Int64))
    made, train, holdout = dealt(frame, generator.integers(0, 3, 3_000))
    lost = Dataset.of(made.schema, made.frame.with_columns(y=pl.lit(0, pl.Int64)))
    assert measured("tstr_linear", lost, train, holdout, target="y").verdict == "poor"


@pytest.mark.parametrize("name", ["tstr", "group_utility", "equalised_odds", "tstr_all"])
def test_an_infinite_target_is_no_reason_to_fail(name: str) -> None:
    generator = np.random.default_rng(0)
    target = generator.normal(size=3_000)
    target[generator.random(3_000) < 0.02] = np.inf
    target[generator.random(3_000) < 0.01] = -np.inf
    sides = dealt(rows_with(target, 0), generator.integers(0, 3, 3_000))
    score = measured(name, *sides, target="y", sensitive=("c",))
    assert score.verdict != "poor"
    assert score.value is None or np.isfinite(score.value)


def test_a_macro_f1_of_three_entities_has_an_interval() -> None:
    """Bootstrap draws may leave out every entity: they count for nothing, and nothing warns."""
    sides = [panel(3, k, visits=60) for k in range(3)]
    named = [
        Dataset.of(
            side.schema,
            side.frame.with_columns(ill=pl.Series(np.arange(side.rows) % 3, dtype=pl.Int64)),
        )
        for side in sides
    ]
    columns = dict(
        infer_schema({"t": named[0].frame.with_columns(pl.col("ill").cast(str))}).columns
    )
    schema = Schema(tables={"visits": Table(columns=columns, entity="person")})
    labelled = [
        Dataset.of(schema, side.frame.with_columns(pl.col("ill").cast(pl.String))) for side in named
    ]
    score = measured("tstr", *labelled, target="ill")
    assert score.interval is not None
    assert np.isfinite(score.interval).all()


def test_the_expected_share_of_rare_events_is_what_fresh_rows_keep() -> None:
    generator = np.random.default_rng(0)
    total = Sides(2_000, 3_000, 2_000)
    rate = 0.004
    seen = generator.binomial(total.train, rate, 20_000)
    fresh = generator.binomial(total.synthetic, rate, 20_000) / total.synthetic
    real = seen / total.train
    kept = (fresh >= real / 2) & (fresh <= real * 2)
    assert expected(seen[seen > 0], total) == pytest.approx(kept[seen > 0].mean(), abs=0.03)


def test_few_rare_events_are_asked_what_fresh_rows_keep_on_average() -> None:
    """That the holdout happens to keep all of a few events asks nobody else to do so."""

    def table(rare: float, seed: int) -> Dataset:
        drawn = np.random.default_rng(seed).random(3_000)
        label = np.where(drawn < 8 * rare, np.floor(drawn / max(rare, 1e-9)) + 2, drawn > 0.5)
        frame = pl.DataFrame({"x": [f"v{int(k)}" for k in label]})
        return Dataset.of(infer_schema({"t": frame}), frame)

    train, holdout = table(0.004, 0), table(0.004, 4)
    gone, fresh = (measured("rare_events", table(rare, 3), train, holdout) for rare in (0.0, 0.004))
    assert gone.verdict == "poor"
    assert fresh.verdict in ("good", "fair")
    assert gone.floor == 1.0
    assert gone.detail["expected"] < 0.95
    assert gone.target == pytest.approx(gone.detail["expected"] - 0.04)
