"""What synthetic rows teach: two kinds of models, importances, additions, inference, yours."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.errors import NeotypeError
from neotype.evaluate import glm
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import build
from neotype.evaluate.features import Sides
from neotype.evaluate.learner import Linear
from neotype.evaluate.metric import Measure, Score
from neotype.evaluate.task import Task
from neotype.evaluate.utility.augmentation import AugmentationGain, average_precision
from neotype.evaluate.utility.combining import combine
from neotype.evaluate.utility.custom import Custom, load_scorer
from neotype.evaluate.utility.importance import ImportanceAgreement
from neotype.evaluate.utility.inference import InferenceAgreement, Regression, overlap
from neotype.evaluate.utility.prediction import TSTR, TSTRLinear
from neotype.rng import Rng
from neotype.schema.schema import Categorical, ColumnBase, Numeric, Schema, Table

TARGETED = (
    "tstr",
    "tstr_linear",
    "importance_agreement",
    "augmentation_gain",
    "inference_agreement",
)


@cache
def thirds(rows: int = 2000) -> tuple[Dataset, Dataset, Dataset]:
    """Real rows in the synthetic table's place, train and holdout."""
    real = some(adult_train(), 2 * rows)
    return (
        real.take(np.arange(rows)),
        real.take(np.arange(rows, 2 * rows)),
        some(adult_holdout(), rows),
    )


def table(columns: dict[str, list | NDArray]) -> Dataset:
    """Numbers are quantities, texts are labels."""
    frame = pl.DataFrame(columns)
    kinds: dict[str, ColumnBase] = {
        name: Categorical(storage="String", nullable=True)
        if series.dtype == pl.String
        else Numeric(storage="Float64", nullable=True)
        for name, series in zip(frame.columns, frame, strict=True)
    }
    return Dataset.of(Schema(tables={"t": Table(columns=kinds)}), frame)


def measure(metric: Measure, tables: tuple[Dataset, Dataset, Dataset], seed: int = 0) -> Score:
    synthetic, train, holdout = tables
    return metric.score(synthetic, train=train, holdout=holdout, rng=Rng(seed))


@pytest.mark.parametrize("name", TARGETED)
def test_without_a_target_nothing_is_predicted(name: str) -> None:
    assert "no target column was named" in measure(build(name, Asked()), thirds()).meaning


@pytest.mark.parametrize("name", TARGETED)
@pytest.mark.parametrize("rows", [200, 1000, 2000])
def test_real_rows_are_never_poor(name: str, rows: int) -> None:
    score = measure(build(name, Asked(target="income")), thirds(rows), seed=rows)
    assert score.verdict in ("good", "fair", "not measured")
    assert rows == 200 or score.verdict != "not measured"


@pytest.mark.parametrize("name", sorted(set(TARGETED) - {"augmentation_gain"}))
def test_independent_columns_teach_nothing(name: str) -> None:
    _, train, holdout = thirds()
    score = measure(build(name, Asked(target="income")), (independent(train), train, holdout))
    assert score.verdict == "poor"


def test_the_chance_in_training_is_in_the_interval() -> None:
    """Synthetic tables of the same origin differ by about what the interval says they may."""
    real = some(adult_train(), 30_000)
    holdout = some(adult_holdout(), 2000)
    scores = [
        measure(
            TSTR("age"),
            (
                real.take(np.arange(k * 500, (k + 1) * 500)),
                real.take(np.arange(20_000 + k * 500, 20_500 + k * 500)),
                holdout,
            ),
            seed=k,
        )
        for k in range(12)
    ]
    values = np.array([score.value for score in scores], float)
    said = np.array([score.detail["training_error"] for score in scores])
    # What is said is the error of both models, of which only one differs here.
    assert 0.5 < np.mean(said**2) / (2 * values.var(ddof=1)) < 4
    assert all(score.verdict != "poor" for score in scores)


# --- two families of models


def crossed(rows: int, seed: int, *, broken: bool = False) -> Dataset:
    """The target is an interaction: whether x and y have one sign, with a little noise."""
    generator = np.random.default_rng(seed)
    x, y, noise = generator.normal(size=(3, rows))
    target = np.where((x * y + 0.1 * noise > 0), "yes", "no")
    if broken:
        generator.shuffle(y)
    return table({"x": x, "y": y, "target": target})


def test_a_linear_model_sees_main_effects_alone() -> None:
    tables = crossed(2000, 0), crossed(2000, 1), crossed(2000, 2)
    trees, linear = measure(TSTR("target"), tables), measure(TSTRLinear("target"), tables)
    assert trees.value is not None
    assert linear.value is not None
    assert trees.value > 0.95
    assert linear.value == pytest.approx(0.5, abs=0.06)
    lost = crossed(2000, 0, broken=True), *tables[1:]
    assert measure(TSTR("target"), lost).verdict == "poor"
    assert measure(TSTRLinear("target"), lost).verdict in ("good", "fair")


def test_a_linear_model_is_the_known_one() -> None:
    generator = np.random.default_rng(0)
    cells = generator.normal(size=(800, 4))
    cells = (cells - cells.mean(axis=0)) / cells.std(axis=0)
    scores = cells @ [1.0, -2.0, 0.5, 0.0] + generator.logistic(size=800)
    for classes in (2, 3):
        truth = np.digitize(scores, [0.0, 1.5][: classes - 1]).astype(float)
        kind = "binary" if classes == 2 else "multiclass"
        task = Task("t", kind, classes, Sides(truth, truth, truth))
        told = Linear().learn(task, cells, truth, (), 0)(cells)
        known = LogisticRegression(C=1.0, max_iter=500).fit(cells, truth).predict_proba(cells)
        # Equal but for the outermost rows, which are held within where nearly all lie.
        assert np.abs(told - (known[:, 1] if classes == 2 else known)).mean() < 0.002


@pytest.mark.parametrize(
    ("target", "measured", "least"),
    [("income", "ROC AUC", 0.85), ("relationship", "macro-F1", 0.4), ("age", "R2", 0.2)],
)
def test_a_linear_model_predicts_every_kind_of_target(
    target: str, measured: str, least: float
) -> None:
    score = measure(TSTRLinear(target), thirds())
    assert score.detail["measure"] == measured
    assert score.value is not None
    assert score.value > least
    assert score.floor == pytest.approx(score.value, abs=0.06)


def test_quantities_that_cannot_be_squared_are_refused_and_large_means_are_not() -> None:
    def side(seed: int, top: float, start: float) -> Dataset:
        x = np.random.default_rng(seed).uniform(size=400)
        return table({"x": x, "y": start + top * x})

    for metric in (TSTR("y"), TSTRLinear("y"), AugmentationGain("y")):
        huge = tuple(side(seed, 1e300, 0.0) for seed in range(3))
        assert "too large to be squared" in measure(metric, huge).meaning
    moved = tuple(side(seed, 1.0, 1e9) for seed in range(3))
    for metric in (TSTR("y"), TSTRLinear("y")):
        score = measure(metric, moved)
        assert score.value is not None
        assert score.value > 0.95


# --- importances


def leaning(rows: int, seed: int, weights: list[float]) -> Dataset:
    """A target that leans on columns a, b, c, d by these weights."""
    generator = np.random.default_rng(seed)
    cells = generator.normal(size=(rows, 4))
    target = np.where(cells @ weights + generator.logistic(size=rows) > 0, "yes", "no")
    return table({**dict(zip("abcd", cells.T, strict=True)), "target": target})


def test_the_columns_that_matter_are_ranked_and_a_swap_is_seen() -> None:
    real = [leaning(3000, seed, [3, 1.5, 0.7, 0.0]) for seed in range(3)]
    same = measure(ImportanceAgreement("target"), (real[0], real[1], real[2]))
    assert [found["column"] for found in same.detail["columns"]] == ["a", "b", "c", "d"]
    assert same.value == pytest.approx(1.0, abs=0.05)
    assert same.verdict == "good"
    swapped = leaning(3000, 9, [0.7, 0.0, 3, 1.5])
    other = measure(ImportanceAgreement("target"), (swapped, real[1], real[2]))
    assert other.value is not None
    assert other.value < 0.5
    assert other.verdict == "poor"
    assert other.detail["synthetic_among_themselves"] > 0.8


def test_no_ranking_is_asked_of_columns_that_say_nothing() -> None:
    nothing = tuple(leaning(1000, seed, [0.0] * 4) for seed in range(3))
    score = measure(ImportanceAgreement("target"), nothing)
    assert score.verdict == "not measured"
    assert "do not agree" in score.meaning
    few = tuple(leaning(100, seed, [3, 1, 0, 0]) for seed in range(3))
    assert "are too few" in measure(ImportanceAgreement("target"), few).meaning


# --- additions


def test_average_precision_is_the_known_one() -> None:
    generator = np.random.default_rng(0)
    positive = generator.random(300) < 0.2
    scores = (positive + generator.normal(size=300)).round(1)
    assert average_precision(positive, scores) == pytest.approx(
        average_precision_score(positive, scores)
    )


def test_rows_with_swapped_labels_do_harm_and_real_rows_help_who_has_few() -> None:
    synthetic, train, holdout = thirds()
    swapped = synthetic.frame.with_columns(
        income=pl.when(pl.col("income") == ">50K").then(pl.lit("<=50K")).otherwise(pl.lit(">50K"))
    )
    spoilt = Dataset.of(train.schema, swapped)
    harm = measure(AugmentationGain("income"), (spoilt, train, holdout))
    assert harm.verdict == "poor"
    assert harm.interval is not None
    assert harm.interval[1] < -0.03
    fresh = measure(AugmentationGain("income"), thirds())
    assert fresh.verdict == "good"
    few = fresh.detail["few_real_rows"]
    assert few["rows"] == 100
    assert few["interval"][0] > 0.02
    rarest = fresh.detail["rarest_class"]
    assert rarest["class"] == ">50K"
    assert rarest["few_both"]["pr_auc"] > rarest["few"]["pr_auc"] + 0.05
    assert rarest["rows"]["holdout"] == (holdout.frame["income"] == ">50K").sum()


def test_a_class_of_few_people_is_not_named() -> None:
    def side(seed: int, rare: int) -> Dataset:
        x = np.random.default_rng(seed).normal(size=600)
        label = np.where(x > 0, "high", "low").astype(object)
        label[:rare] = "secret"
        return table({"x": x, "label": label.tolist()})

    score = measure(AugmentationGain("label"), (side(0, 20), side(1, 3), side(2, 20)))
    assert score.detail["rarest_class"]["rows"]["train"] == 3
    assert "secret" not in str(score)


# --- inference


def test_regressions_are_the_known_ones() -> None:
    generator = np.random.default_rng(0)
    design = np.column_stack(
        [np.ones(700), generator.normal(size=(700, 3)), generator.random(700) < 0.1]
    )
    scores = design @ [0.4, 1.0, -1.5, 0.0, 0.8]
    truth = (generator.random(700) < 1 / (1 + np.exp(-scores))).astype(float)
    ours, known = glm.logistic(design, truth), sm.Logit(truth, design).fit(disp=0)
    assert ours.exists
    assert ours.coefficients == pytest.approx(known.params, abs=1e-6)
    assert ours.covariance == pytest.approx(known.cov_params(), abs=1e-6)
    quantity = scores + generator.normal(size=700)
    line, least = glm.gaussian(design, quantity), sm.OLS(quantity, design).fit()
    assert line.coefficients == pytest.approx(least.params)
    assert line.errors == pytest.approx(least.bse)


def test_classes_that_can_be_separated_have_no_estimate() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=200)
    for flag, truth in (
        (x, x > 0.1),
        ((x > 1).astype(float), (x > 1) | (generator.random(200) < 0.3)),
    ):
        design = np.column_stack([np.ones(200), flag])
        assert not glm.logistic(design, truth.astype(float)).exists


def test_combinations_of_earlier_columns_are_found() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 100))
    design = np.column_stack([np.ones(100), a, 2 * a + 3, b, np.zeros(100), a - b, a * b])
    assert glm.independent(design).tolist() == [0, 1, 3, 6]


def test_copies_are_combined_as_by_hand() -> None:
    """m = 3: q̄ = 2, b = 1, v̄ = 0.5, T = 4/3 − 1/2 = 5/6, degrees 2 (1 − 3/8)² = 0.78125."""
    found = combine(
        np.array([[1.0, 5.0], [2.0, 5.1], [3.0, 5.2]]),
        np.array([[0.4, 2.0], [0.5, 2.0], [0.6, 2.0]]),
        share=0.5,
    )
    assert found.estimates == pytest.approx([2.0, 5.1])
    assert found.reiter == pytest.approx([5 / 6, 1.0])
    assert found.degrees == pytest.approx([0.78125, np.inf])
    assert found.adjusted.tolist() == [False, True]
    assert found.raab == pytest.approx([0.5 * (1 / 2 + 1 / 3), 2.0 * (1 / 2 + 1 / 3)])
    assert found.total == pytest.approx([5 / 6, 2.0 * (1 / 2 + 1 / 3)])


@pytest.mark.parametrize("anew", [True, False])
def test_the_combined_variance_is_that_of_the_estimate(anew: bool) -> None:
    """A mean of 50 rows, from 10 copies of 50 rows of a model drawn anew or fitted once."""
    generator = np.random.default_rng(0)
    estimates, totals, reiter = [], [], []
    for _ in range(800):
        fitted = generator.normal(size=50).mean() + anew * generator.normal(size=(10, 1)) / 50**0.5
        copies = fitted + generator.normal(size=(10, 50))
        found = combine(
            copies.mean(axis=1, keepdims=True), copies.var(axis=1, ddof=1)[:, None] / 50, 1.0
        )
        estimates.append(found.estimates[0])
        totals.append(found.total[0])
        reiter.append(found.reiter[0])
    true = np.var(estimates)
    assert np.mean(totals) == pytest.approx(true, rel=0.25)
    assert np.mean(totals) > 0.9 * true
    if not anew:
        assert np.mean(reiter) < 0.7 * true


def test_intervals_overlap_as_defined() -> None:
    def fit(centres: list[float], halves: list[float]) -> Regression:
        lost = np.zeros(len(centres), bool)
        return Regression(np.array(centres), np.eye(len(centres)), np.array(halves), lost)

    one, other = (
        fit([0.0, 0.0, 0.0, 0.0], [1.0] * 4),
        fit([0.0, 1.0, 3.0, 0.0], [1.0, 1.0, 1.0, 2.0]),
    )
    assert overlap(one, other) == pytest.approx([1.0, 0.5, 0.0, 0.75])


def line(rows: int, seed: int, slope: float = 1.0) -> dict[str, NDArray]:
    generator = np.random.default_rng(seed)
    a, b, noise = generator.normal(size=(3, rows))
    group = generator.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1])
    y = slope * a - 0.5 * b + 0.8 * (group == "green") + noise
    return {"a": a, "b": b, "twice a": 2 * a, "group": group, "y": y}


def test_coefficients_are_those_of_a_statistician() -> None:
    sides = [line(1000, seed) for seed in range(3)]
    score = measure(InferenceAgreement("y"), tuple(table(side) for side in sides))
    dropped = score.detail["dropped"]
    assert len(dropped) == 1
    assert dropped.popitem() in (
        ("a", "it is a combination of other terms"),
        ("twice a", "it is a combination of other terms"),
    )
    terms = {term["term"]: term for term in score.detail["terms"]}
    assert set(terms) - {"a", "twice a"} == {"b", "group=green", "group=blue"}
    real = sides[1]
    design = np.column_stack(
        [np.ones(1000), real["a"], real["b"], real["group"] == "green", real["group"] == "blue"]
    )
    known = sm.OLS(real["y"], design.astype(float)).fit()
    estimate, half = terms["group=green"]["train"]
    scale = real["y"].std()
    assert estimate * scale == pytest.approx(known.params[3], rel=0.02)
    assert half * scale == pytest.approx(1.96 * known.bse[3], rel=0.02)
    assert score.verdict in ("good", "fair")
    assert score.detail["combining"]["too_narrow_by"] == pytest.approx(2**0.5)


def test_a_wrong_slope_is_found_and_named() -> None:
    tables = table(line(2000, 0, slope=0.5)), table(line(2000, 1)), table(line(2000, 2))
    score = measure(InferenceAgreement("y"), tables)
    worst = min(score.detail["terms"], key=lambda term: term["overlap"])
    assert worst["term"] in ("a", "twice a")
    assert worst["overlap"] == 0.0
    assert worst["difference"] < -10
    assert score.value is not None
    assert score.floor is not None
    assert score.value < score.floor


def test_what_only_the_synthetic_rows_cannot_estimate_counts_against_them() -> None:
    _, train, holdout = thirds()
    frame = thirds()[0].frame.with_columns(sex=pl.lit("Male"), age=pl.lit(40))
    score = measure(InferenceAgreement("income"), (Dataset.of(train.schema, frame), train, holdout))
    assert {"sex=Female", "age"} <= set(score.detail["lost"])
    lost = {t["term"]: t for t in score.detail["terms"] if t["term"] in score.detail["lost"]}
    assert lost["age"]["overlap"] == 0.0
    assert lost["age"]["synthetic"] is None
    one = thirds()[0].frame.with_columns(income=pl.lit("<=50K"))
    flat = measure(InferenceAgreement("income"), (Dataset.of(train.schema, one), train, holdout))
    assert flat.value == 0.0
    assert flat.verdict == "poor"


def test_copies_narrow_the_intervals_and_the_rule_is_said() -> None:
    tables = table(line(1000, 0)), table(line(1000, 1)), table(line(1000, 2))
    copies = tuple(table(line(1000, seed)) for seed in range(3, 8))
    one = measure(InferenceAgreement("y"), tables)
    all_six = measure(InferenceAgreement("y", copies=copies), tables)
    told = all_six.detail["combining"]
    assert told["copies"] == 6
    assert "Raghunathan" in told["rule"]
    assert told["raab"] == pytest.approx((1 + 1 / 6) ** 0.5)
    assert told["wider_than_one_copy"] >= told["raab"] - 1e-9
    assert all_six.value is not None
    assert one.value is not None
    assert all_six.value > one.value - 0.05


def test_too_few_rows_for_a_regression_are_said_to_be() -> None:
    score = measure(InferenceAgreement("income"), thirds(60))
    assert score.verdict == "not measured"
    assert "needs 30 rows of either outcome" in score.meaning


# --- a user's own


def rate(learn: pl.DataFrame, test: pl.DataFrame) -> float:
    return float((test["age"] - learn["age"].mean()).abs().mean()) * -1


def test_a_users_own_scorer_has_an_interval_and_a_floor() -> None:
    synthetic, train, holdout = thirds()
    score = measure(Custom(rate), (synthetic, train, holdout))
    assert score.value == pytest.approx(rate(synthetic.frame, holdout.frame))
    assert score.floor == pytest.approx(rate(train.frame, holdout.frame))
    assert score.interval is not None
    errors = (holdout.frame["age"] - synthetic.frame["age"].mean()).abs()
    half = (score.interval[1] - score.interval[0]) / 2
    # The mean of 2,000 rows has a textbook error; a jackknife of five groups knows it roughly.
    assert half == pytest.approx(2.776 * errors.std() / 2000**0.5, rel=0.8)
    assert score.verdict == "not judged"
    assert len(score.detail["without_a_fifth"]) == 5
    assert "test_evaluate_utility:rate" in score.meaning


def test_a_jackknife_of_five_groups_covers() -> None:
    """The interval of a mean holds the true mean 95 times of 100."""
    inside = 0
    for seed in range(60):
        sides = [table({"x": np.random.default_rng([seed, k]).normal(size=200)}) for k in range(3)]
        found = measure(Custom(lambda learn, test: test["x"].mean()), tuple(sides), seed).interval
        assert found is not None
        inside += found[0] <= 0 <= found[1]
    assert inside >= 52


def test_equally_many_rows_and_every_column_are_given() -> None:
    seen: list[tuple[int, list[str]]] = []

    def spy(learn: pl.DataFrame, test: pl.DataFrame) -> float:
        seen.append((learn.height, learn.columns))
        return 0.5

    synthetic, train, holdout = thirds()
    measure(Custom(spy), (synthetic.take(np.arange(300)), train, holdout))
    assert seen == [(300, train.frame.columns)] * 7


@pytest.mark.parametrize(
    ("given", "said"), [(float("nan"), "nan"), ("good", "a str"), (None, "a NoneType")]
)
def test_what_is_no_number_is_not_measured(given: object, said: str) -> None:
    score = measure(Custom(lambda learn, test: given), thirds())  # type: ignore[arg-type,return-value]
    assert score.verdict == "not measured"
    assert said in score.meaning


def test_what_a_scorer_raises_names_it() -> None:
    def fails(learn: pl.DataFrame, test: pl.DataFrame) -> float:
        raise ZeroDivisionError("no rows left")

    with pytest.raises(
        NeotypeError, match=r"fails' failed with ZeroDivisionError: no rows left"
    ) as e:
        measure(Custom(fails), thirds())
    assert isinstance(e.value.__cause__, ZeroDivisionError)
    assert "test_evaluate_utility.py, line" in str(e.value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = "import beside\nLIMIT = 3\ndef score(learn, test):\n    return beside.HALF\n"
    (tmp_path / "my_scorer.py").write_text(text)
    (tmp_path / "beside.py").write_text("HALF = 0.5\n")
    (tmp_path / "my_broken.py").write_text("import nowhere_to_be_found\n")
    return tmp_path


def test_a_scorer_is_found_in_the_current_folder(folder: Path) -> None:
    assert load_scorer("my_scorer:score")(pl.DataFrame(), pl.DataFrame()) == 0.5


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("my_scorer", "not of the form module:function"),
        ("./my_scorer.py:score", "write --scorer my_scorer:score"),
        ("my_scorrer:score", "did you mean 'my_scorer'"),
        ("my_scorer:scor", "did you mean 'score'"),
        ("my_scorer:LIMIT", "is a int, which cannot be called"),
        ("my_broken:score", "No module named 'nowhere_to_be_found'"),
    ],
)
def test_a_wrong_address_is_explained(folder: Path, address: str, said: str) -> None:
    with pytest.raises(NeotypeError) as refused:
        load_scorer(address)
    assert said in str(refused.value)
