"""The detector: it detects, it is not fooled by order, and it is told nothing it must not know."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, some
from neotype.data import Dataset
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fidelity.detection import C2ST, deal
from neotype.evaluate.metric import Score
from neotype.rng import Rng
from neotype.schema.schema import (
    Categorical,
    ColumnBase,
    Datetime,
    Identifier,
    Json,
    Numeric,
    Schema,
    Table,
    Text,
)


def table(
    columns: dict[str, ColumnBase], frame: pl.DataFrame, entity: str | None = None
) -> Dataset:
    return Dataset.of(Schema(tables={"t": Table(columns=columns, entity=entity)}), frame)


def detect(synthetic: Dataset, train: Dataset, holdout: Dataset) -> Score:
    return C2ST(trees=60).score(synthetic, train=train, holdout=holdout, rng=Rng(0))


def test_the_order_of_rows_tells_nothing() -> None:
    """With one seed for folds and sub-samples, the place of a row in a sorted table would."""
    held, real = some(adult_holdout(), 4000), some(adult_train(), 3000)
    sides = [
        Dataset.of(side.schema, side.frame.sort("age", "fnlwgt", "education"))
        for side in (real, held)
    ]
    score = detect(sides[0], some(adult_train(), 3000, seed=9), sides[1])
    assert score.value == pytest.approx(0.5, abs=0.03)


def test_rows_of_the_holdout_itself_are_said_to_be_there() -> None:
    holdout = some(adult_holdout(), 1500)
    score = detect(holdout, some(adult_train(), 1500), holdout)
    assert score.verdict == "good"
    assert "rows of the holdout itself" in score.detail["notes"][0]


def test_a_broken_pair_is_found_and_its_columns_named_first() -> None:
    holdout = some(adult_holdout(), 4000)
    frame = some(adult_train(), 4000, seed=1).frame
    shuffled = frame["relationship"].sample(fraction=1.0, shuffle=True, seed=1)
    broken = Dataset.of(holdout.schema, frame.with_columns(shuffled))
    score = detect(broken, some(adult_train(), 4000, seed=2), holdout)
    assert score.value is not None
    assert score.value > 0.8
    assert score.value > score.detail["logistic"] + 0.1
    first = {found["column"] for found in score.detail["importance"][:3]}
    assert "relationship" in first
    assert score.detail["published_score"] == pytest.approx(2 - 2 * score.value, abs=0.01)
    assert score.detail["roc"][0] == [0.0, 0.0]
    assert score.detail["roc"][-1] == [1.0, 1.0]


def test_no_entity_is_in_two_folds_and_folds_are_even() -> None:
    generator = np.random.default_rng(0)
    entities = generator.integers(0, 200, 3000)
    fold = deal(3000, entities, 5, generator)
    for entity in range(200):
        assert len(set(fold[entities == entity])) <= 1
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() < 60


def test_rows_of_an_entity_do_not_betray_each_other() -> None:
    """Each owner has a look of its own, which a detector with mixed folds would learn by heart."""
    generator = np.random.default_rng(1)

    def side(owners: int) -> Dataset:
        owner = np.repeat(np.arange(owners), 20)
        look = np.repeat(generator.normal(size=(owners, 3)), 20, axis=0)
        frame = pl.DataFrame({"owner": owner, **{f"x{k}": look[:, k] for k in range(3)}})
        columns: dict[str, ColumnBase] = {
            "owner": Identifier(storage="Int64", unique=False),
            **{f"x{k}": Numeric(storage="Float64") for k in range(3)},
        }
        return table(columns, frame, "owner")

    score = detect(side(100), side(100), side(100))
    assert score.value == pytest.approx(0.5, abs=0.2)
    assert score.value != pytest.approx(1.0, abs=0.1)


def test_identifiers_are_left_out_and_said_to_be() -> None:
    def side(start: int) -> Dataset:
        generator = np.random.default_rng(start)
        frame = pl.DataFrame({"id": np.arange(start, start + 400), "x": generator.normal(size=400)})
        return table({"id": Identifier(storage="Int64"), "x": Numeric(storage="Float64")}, frame)

    score = detect(side(0), side(1000), side(2000))
    assert score.value == pytest.approx(0.5, abs=0.12)
    assert "identifier" in score.detail["left_out"]["id"]


FIRST = datetime(2020, 1, 1)


def events(rows: int, seed: int, *, weekend: bool) -> Dataset:
    generator = np.random.default_rng(seed)
    days = np.arange(700)
    if not weekend:
        days = np.array(
            [d for d in days if (datetime(2020, 1, 1) + timedelta(int(d))).weekday() < 5]
        )
    when = [datetime(2020, 1, 1) + timedelta(int(d)) for d in generator.choice(days, rows)]
    return table(
        {"when": Datetime(storage="String", format="%d.%m.%Y")},
        pl.DataFrame({"when": [moment.strftime("%d.%m.%Y") for moment in when]}),
    )


def test_dates_in_text_are_read_by_their_calendar() -> None:
    holdout, train = events(1500, 1, weekend=False), events(1500, 2, weekend=False)
    assert detect(events(1500, 3, weekend=False), train, holdout).value == pytest.approx(
        0.5, abs=0.06
    )
    score = detect(events(1500, 3, weekend=True), train, holdout)
    assert score.value is not None
    assert score.value > 0.6


def test_texts_and_lists_are_shown_by_their_look() -> None:
    def side(words: int, rows: int = 300) -> Dataset:
        frame = pl.DataFrame(
            {
                "note": [f"Item {k} " + "word " * (1 + k % words) for k in range(rows)],
                "tags": [["a"] * (1 + k % words) for k in range(rows)],
            }
        )
        return table({"note": Text(storage="String"), "tags": Json(storage="List[String]")}, frame)

    assert detect(side(9), side(3, 301), side(3)).value == pytest.approx(0.85, abs=0.1)


def test_a_hundred_thousand_labels_cost_no_more_than_a_few() -> None:
    def side(seed: int) -> Dataset:
        labels = np.random.default_rng(seed).integers(0, 100_000, 4000)
        frame = pl.DataFrame({"code": [f"c{label}" for label in labels], "x": labels % 7})
        return table({"code": Categorical(storage="String"), "x": Numeric(storage="Int64")}, frame)

    tables = Comparison(side(0), side(1), side(2), Rng(0))
    shown = tables.features
    assert max(side[:, k].max() for side in shown.sides for k in shown.categorical) <= 255
    assert C2ST(trees=30).measure(tables).value == pytest.approx(0.5, abs=0.05)
