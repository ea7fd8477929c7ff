"""What scores say: verdicts, intervals, utility of any target, integrity, and clear refusals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from adult import adult_holdout, adult_train, some
from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError, DataError, NotRegisteredError
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.features import Sides
from neotype.evaluate.fidelity.integrity import Coverage, Missingness, Validity
from neotype.evaluate.fidelity.marginals import Shape, Trend
from neotype.evaluate.interval import auc, clopper_pearson, wilson
from neotype.evaluate.metric import verdict
from neotype.evaluate.task import Task, judge, tables
from neotype.evaluate.utility.prediction import TSTR
from neotype.rng import Rng
from neotype.schema.schema import Categorical, ColumnBase, Identifier, Numeric, Schema, Table

SCHEMA = adult_train().schema


def table(frame: pl.DataFrame, **columns: ColumnBase) -> Dataset:
    return Dataset.of(Schema(tables={"t": Table(columns=columns)}), frame)


@pytest.mark.parametrize(
    ("value", "interval", "floor", "better", "word"),
    [
        (0.55, (0.54, 0.56), 0.5, "lower", "good"),
        (0.65, (0.64, 0.66), 0.5, "lower", "fair"),
        (0.75, (0.74, 0.76), 0.5, "lower", "poor"),
        (0.66, (0.65, 0.67), 0.7, "lower", "good"),
        (0.55, (0.35, 0.75), 0.5, "lower", "fair"),
        (0.75, (0.59, 0.91), 0.5, "lower", "fair"),
        (0.65, (0.64, 0.66), 0.7, "higher", "good"),
        (0.55, (0.54, 0.56), 0.7, "higher", "fair"),
        (0.40, (0.39, 0.41), 0.7, "higher", "poor"),
        (0.45, (0.44, 0.46), 0.5, "near_floor", "good"),
        (0.10, (0.09, 0.11), 0.5, "near_floor", "poor"),
        (None, None, None, "lower", "not measured"),
    ],
)
def test_a_number_becomes_a_word(value, interval, floor, better, word) -> None:
    said = verdict(value, interval, floor=floor, target=0.6, tolerance=0.1, better=better)
    assert said == word


def test_shares_have_their_exact_intervals() -> None:
    assert clopper_pearson(0, 100) == pytest.approx((0.0, 0.036217), abs=1e-5)
    assert clopper_pearson(5, 50) == pytest.approx((0.033275, 0.218135), abs=1e-5)
    assert clopper_pearson(50, 50)[1] == 1.0
    assert wilson(5, 50) == pytest.approx((0.043478, 0.213602), abs=1e-4)


def test_an_auc_is_the_known_one_with_an_error_that_holds() -> None:
    generator = np.random.default_rng(0)
    values = []
    for _ in range(200):
        high, low = generator.normal(0.5, size=150).round(1), generator.normal(size=200).round(1)
        values.append(auc(high, low))
    truth = np.r_[np.ones(150), np.zeros(200)]
    assert values[-1][0] == pytest.approx(roc_auc_score(truth, np.r_[high, low]))
    spread = np.std([value for value, _ in values])
    assert np.mean([error for _, error in values]) == pytest.approx(spread, rel=0.2)


def test_macro_f1_is_the_known_one() -> None:
    generator = np.random.default_rng(0)
    truth, told = generator.integers(0, 5, 300).astype(float), generator.integers(0, 4, 300)
    task = Task("x", "multiclass", 5, Sides(truth, truth, truth))
    counts = tables(task, truth, told.astype(float), generator.integers(0, 32, 300))
    found = judge(task, counts.sum(axis=0, keepdims=True))[0]
    assert found == pytest.approx(f1_score(truth, told, average="macro"))


def thirds(rows: int = 1500) -> list[Dataset]:
    real = some(adult_train(), 2 * rows)
    return [
        real.take(np.arange(rows)),
        real.take(np.arange(rows, 2 * rows)),
        some(adult_holdout(), rows),
    ]


@pytest.mark.parametrize(
    ("target", "measure", "least"),
    [("income", "ROC AUC", 0.8), ("relationship", "macro-F1", 0.4), ("age", "R2", 0.2)],
)
def test_every_kind_of_target_is_predicted(target: str, measure: str, least: float) -> None:
    synthetic, train, holdout = thirds()
    score = TSTR(target).score(synthetic, train=train, holdout=holdout, rng=Rng(0))
    assert score.detail["measure"] == measure
    assert score.value is not None
    assert score.value > least
    assert score.verdict in ("good", "fair")
    low, high = score.detail["interval_real"]
    assert low <= score.detail["real"] <= high


def test_a_target_that_cannot_be_learnt_is_refused_with_the_reason() -> None:
    synthetic, train, holdout = thirds(100)
    constant = [
        Dataset.of(SCHEMA, side.frame.with_columns(income=pl.lit("same")))
        for side in (synthetic, train, holdout)
    ]
    score = TSTR("income").score(constant[0], train=constant[1], holdout=constant[2], rng=Rng(0))
    assert score.verdict == "not measured"
    assert "'income' has one value in train" in score.meaning
    none = TSTR().score(synthetic, train=train, holdout=holdout, rng=Rng(0))
    assert "no target column was named" in none.meaning


def test_a_synthetic_table_of_one_class_teaches_nothing() -> None:
    synthetic, train, holdout = thirds(400)
    flat = Dataset.of(SCHEMA, synthetic.frame.with_columns(income=pl.lit("<=50K")))
    score = TSTR("income").score(flat, train=train, holdout=holdout, rng=Rng(0))
    assert score.value == pytest.approx(0.5)
    assert score.verdict == "poor"


def test_wrong_names_and_wrong_tables_are_refused() -> None:
    synthetic, train, holdout = thirds(50)
    with pytest.raises(ColumnNotFoundError, match="did you mean 'income'"):
        evaluate(synthetic, train=train, holdout=holdout, asked=Asked(target="incom"), rng=Rng(0))
    with pytest.raises(NotRegisteredError, match="did you mean 'c2st'"):
        evaluate(synthetic, train=train, holdout=holdout, metrics=["c2t"], rng=Rng(0))
    with pytest.raises(DataError, match="the holdout is the train table itself"):
        evaluate(synthetic, train=train, holdout=train, rng=Rng(0))
    other = table(pl.DataFrame({"age": [1]}), age=Numeric(storage="Int64"))
    with pytest.raises(DataError, match="no column 'workclass'") as refused:
        evaluate(other, train=train, holdout=holdout.take(np.arange(0)), rng=Rng(0))
    assert len(refused.value.findings) == 15


def test_progress_ends_with_everything_done() -> None:
    synthetic, train, holdout = thirds(50)
    told: list[tuple[str, int, int]] = []
    evaluate(
        synthetic,
        train=train,
        holdout=holdout,
        metrics=["shape", "missingness"],
        rng=Rng(0),
        progress=lambda *step: told.append(step),
    )
    assert told[-1] == ("check", 2, 2)


def test_common_edges_see_a_shift_that_own_edges_hide() -> None:
    """A quantity moved as a whole keeps its own bins; beside train's it is somewhere else."""
    generator = np.random.default_rng(0)

    def side(shift: float) -> Dataset:
        x = generator.uniform(size=2000)
        label = np.where(x > 0.5, "high", "low")
        return table(
            pl.DataFrame({"x": x + shift, "label": label}),
            x=Numeric(storage="Float64"),
            label=Categorical(storage="String"),
        )

    moved, train, holdout = side(5.0), side(0.0), side(0.0)
    common = Trend().score(moved, train=train, holdout=holdout, rng=Rng(0))
    own = Trend(edges="tabsyn").score(moved, train=train, holdout=holdout, rng=Rng(0))
    assert common.value is not None
    assert own.value is not None
    assert common.value < 0.2
    assert own.value > 0.9


def test_shape_is_the_known_distance() -> None:
    """Uniform on 0..1 against 0..0.8: the distributions are 0.2 apart at 0.8."""
    grid = np.arange(1000) / 1000

    def side(top: float) -> Dataset:
        return table(pl.DataFrame({"x": grid * top}), x=Numeric(storage="Float64"))

    score = Shape().score(side(0.8), train=side(1.0), holdout=side(0.999), rng=Rng(0))
    assert score.value == pytest.approx(0.8, abs=0.002)
    assert score.detail["columns"]["x"] == score.value


def test_invented_and_impossible_cells_are_counted_and_named() -> None:
    columns: dict[str, ColumnBase] = {
        "id": Identifier(storage="String", pattern="[A-Z]{2}[0-9]{3}"),
        "n": Numeric(storage="Float64", decimals=1, minimum=0, maximum=10),
        "c": Categorical(storage="String"),
    }

    def side(start: int) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "id": [f"AB{k:03d}" for k in range(start, start + 100)],
                "n": [k / 10 for k in range(100)],
                "c": ["a", "b"] * 50,
            }
        )

    spoilt = side(200).with_columns(
        id=pl.Series([f"AB{k:03d}" for k in range(200, 298)] + ["AB200", "x"]),
        n=pl.Series([k / 10 for k in range(98)] + [11.0, 0.123]),
        c=pl.Series(["a", "b"] * 48 + ["invented", None, "a", "b"]),
    )
    score = Validity().score(
        table(spoilt, **columns),
        train=table(side(0), **columns),
        holdout=table(side(300), **columns),
        rng=Rng(0),
    )
    assert score.detail["columns"] == {"id": 0.97, "n": 0.98, "c": 0.98}
    assert score.floor == 1.0
    told = " ".join(score.detail["findings"])
    for said in (
        "occur twice",
        "another pattern",
        "above 10",
        "1 decimals",
        "real data",
        "missing",
    ):
        assert said in told


def test_lost_labels_and_gaps_are_seen() -> None:
    synthetic, train, holdout = thirds()
    fewer = synthetic.frame.with_columns(
        pl.col("age").clip(30, 40), workclass=pl.lit("Private"), race=pl.lit(None, pl.String)
    )
    poorer = Dataset.of(SCHEMA, fewer)
    covered = Coverage().score(poorer, train=train, holdout=holdout, rng=Rng(0))
    assert covered.verdict != "good"
    assert covered.detail["columns"]["race"] == 0.0
    assert covered.detail["columns"]["age"] < 0.5
    gone = Missingness().score(poorer, train=train, holdout=holdout, rng=Rng(0))
    assert gone.verdict == "poor"
    assert gone.detail["columns"]["race"] == {"real": 0.0, "synthetic": 1.0, "holdout": 0.0}


def test_labels_are_the_same_whatever_dtype_holds_them() -> None:
    kind = Categorical(storage="Int64", nullable=True)
    codes = [1, 2, 3, None] * 50
    score = Shape().score(
        table(pl.DataFrame({"c": pl.Series(codes, dtype=pl.Float64)}), c=kind),
        train=table(pl.DataFrame({"c": pl.Series(codes, dtype=pl.Int64)}), c=kind),
        holdout=table(
            pl.DataFrame({"c": [None if k is None else str(k) for k in codes[:-1]]}), c=kind
        ),
        rng=Rng(0),
    )
    assert score.value == pytest.approx(1.0, abs=0.01)
    assert score.floor == pytest.approx(1.0, abs=0.01)
