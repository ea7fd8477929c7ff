"""Rules of real databases that synthetic rows break are named, with their table."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from neotype.constraints.between.order import InequalityBetween
from neotype.data import Dataset
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.report.parts.tables import tables
from neotype.report.report import build
from neotype.rng import Rng
from neotype.schema.schema import (
    Categorical,
    Datetime,
    Identifier,
    Numeric,
    Relationship,
    Schema,
    Table,
)

KEY, DAY = Identifier(storage="Int64"), Datetime(storage="Date", part="date")
REFERENCE = Identifier(storage="Int64", unique=False)
SCHEMA = Schema(
    tables={
        "patient": Table(
            columns={"id": KEY, "since": DAY, "age": Numeric(storage="Int64")}, primary_key=("id",)
        ),
        "stay": Table(columns={"patient": REFERENCE, "begin": DAY, "end": DAY}),
    },
    relationships=(
        Relationship(parent="patient", parent_key=("id",), child="stay", child_key=("patient",)),
    ),
)
WARDS = pl.when(pl.col("patient") % 3 == 0).then(pl.lit("eye")).otherwise(pl.lit("ear"))
METRICS = ("shape", "constraints", "constraints_between")


def clinic(seed: int, *, early: float = 0.0, swapped: float = 0.0) -> Dataset:
    """200 patients with 3 stays each, some of which begin before the patient came, or after end."""
    draw = Rng(seed).generator()
    since = draw.integers(0, 1000, 200)
    patient = np.repeat(np.arange(200), 3)
    begin = since[patient] + draw.integers(0, 300, 600)
    begin -= 2000 * (draw.random(600) < early)
    end = begin + draw.integers(1, 30, 600) * np.where(draw.random(600) < swapped, -1, 1)

    def days(numbers: object) -> list[date]:
        return [date(2015, 1, 1) + timedelta(days=int(n)) for n in np.asarray(numbers)]

    people = {"id": range(200), "since": days(since), "age": draw.integers(18, 90, 200)}
    stays = {"patient": patient, "begin": days(begin), "end": days(end)}
    return Dataset(SCHEMA, {"patient": pl.DataFrame(people), "stay": pl.DataFrame(stays)})


def measured(synthetic: Dataset, train: Dataset | None = None) -> dict[tuple[str, str], Score]:
    scores = evaluate(
        synthetic,
        train=train or clinic(1),
        holdout=clinic(2),
        metrics=METRICS,
        rng=Rng(0),
    )
    return {(score.table, score.metric): score for score in scores}


def test_rules_between_tables_are_found_and_what_breaks_them_is_counted() -> None:
    assert measured(clinic(3))["", "constraints_between"].verdict == "good"
    score = measured(clinic(3, early=0.2))["", "constraints_between"]
    assert score.verdict == "poor"
    assert score.value == pytest.approx(0.8, abs=0.05)
    rules = {one["constraint"]: one for one in score.detail["constraints"]}
    rule = rules["InequalityBetween(low='patient.since', high='stay.begin')"]
    assert (rule["table"], rule["holdout"]) == ("stay", 1.0)
    assert rule["broken_rows"] == pytest.approx(120, abs=30)


def test_declared_rules_are_asked_for_and_no_other() -> None:
    rule = InequalityBetween(low="patient.since", high="stay.end")
    train = Dataset(SCHEMA.constrained([rule]), clinic(1).frames)
    score = measured(clinic(3, swapped=0.1), train)["", "constraints_between"]
    assert [one["constraint"] for one in score.detail["constraints"]] == [rule.title]
    assert score.detail["declared"] is True


def test_the_verdict_names_broken_rules_with_their_tables() -> None:
    synthetic = clinic(3, early=0.2, swapped=0.1)
    scores = tuple(measured(synthetic).values())
    report = build(scores, synthetic=synthetic, train=clinic(1), holdout=clinic(2))
    (line,) = [one for one in report.summary.lines if one.axis == "fidelity"]
    said = line.sentences[-1]
    assert said.startswith("Rules that are broken: stay: InequalityBetween(low='patient.since'")
    assert "stay: Inequality(low='begin', high='end', strict=True) (" in said
    fine = clinic(3)
    scores = tuple(measured(fine).values())
    report = build(scores, synthetic=fine, train=clinic(1), holdout=clinic(2))
    assert "Rules that are broken" not in " ".join(one.text for one in report.summary.lines)


def test_equal_rows_of_few_columns_are_said_to_tell_nothing_of_copying() -> None:
    sides = [clinic(seed) for seed in (3, 1, 2)]
    kind = Schema(
        tables={
            **SCHEMA.tables,
            "stay": Table(columns={"patient": REFERENCE, "ward": Categorical(storage="String")}),
        },
        relationships=SCHEMA.relationships,
    )
    made, train, holdout = (
        Dataset(kind, {**side.frames, "stay": side.frames["stay"].select("patient", ward=WARDS)})
        for side in sides
    )
    metrics = ["exact_copies"]
    scores = evaluate(made, train=train, holdout=holdout, metrics=metrics, rng=Rng(0))
    (score,) = [one for one in scores if one.table == "stay"]
    assert score.value == 1
    assert score.meaning.endswith(
        "has 1 column, too few to tell rows apart: that they are equal says nothing of copying."
    )
    page = build(scores, synthetic=made, train=train, holdout=holdout)
    assert "real rows too" in tables(page)[0]
