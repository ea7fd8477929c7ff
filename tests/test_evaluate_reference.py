"""Our numbers beside those of other people's libraries, where the definitions are the same.

SDMetrics (MIT) 0.32.0 asks for pandas < 3, which our own tests do not: the numbers it gives for the
tables below were written down, and are computed anew wherever it is installed:
`make reference`, in an environment of its own.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.linalg import subspace_angles
from scipy.spatial.distance import jensenshannon
from scipy.stats import f_oneway, spearmanr, wasserstein_distance
from scipy.stats.contingency import association
from sklearn.metrics import normalized_mutual_info_score

from adult import adult_holdout, adult_train, some
from neotype.data import Dataset
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import build
from neotype.evaluate.fidelity.association import corrected_v, information, ratio
from neotype.evaluate.fidelity.covariance import Covariance
from neotype.evaluate.fidelity.dependence import Correlation, KMarginal, WeightedNMI
from neotype.evaluate.fidelity.distributions import JensenShannon, Wasserstein
from neotype.evaluate.fidelity.integrity import Missingness
from neotype.evaluate.fidelity.marginals import Shape, Trend
from neotype.evaluate.metric import Measure, Score
from neotype.rng import Rng
from neotype.schema.schema import Numeric, Schema, Table
from shop import changed, rehomed, shop

WHOLE = [  # columns without missing cells: SDMetrics leaves those out of labels, we count them
    name
    for name, series in zip(adult_train().frame.columns, adult_train().frame, strict=True)
    if series.null_count() == 0
]
QUANTITIES = [name for name in WHOLE if adult_train().frame[name].dtype != pl.String]

SDMETRICS = {
    "Column Shapes of whole columns": 0.9838543,
    "Column Pair Trends": 0.9237144,
    "ContingencySimilarity at real edges": 0.9713255,
    "KSComplement age": 0.9151922,
    "KSComplement hours-per-week": 0.9435147,
    "TVComplement education": 0.9890507,
    "CorrelationSimilarity Pearson": 0.9958245,
    "CorrelationSimilarity Spearman": 0.9963720,
    "MissingValueSimilarity occupation": 0.9028025,
}
"""What SDMetrics 0.32.0 says of `synthetic()` beside Adult's train rows."""


@cache
def synthetic() -> Dataset:
    """Holdout rows with ages shifted, hours rounded, occupations shuffled and some of them lost."""
    frame = adult_holdout().frame
    generator = np.random.default_rng(0)
    shuffled = frame["occupation"][generator.permutation(frame.height)]
    lost = pl.Series(generator.random(frame.height) < 0.1)
    frame = frame.with_columns(shuffled, pl.col("age") + 3, pl.col("hours-per-week") // 2 * 2)
    frame = frame.with_columns(pl.when(~lost).then(pl.col("occupation")))
    return Dataset.of(adult_train().schema, frame)


def ours(measure: Measure) -> Score:
    return measure.score(synthetic(), train=adult_train(), holdout=adult_holdout(), rng=Rng(0))


def only(data: Dataset, names: list[str]) -> Dataset:
    """The table with these columns alone."""
    table = data.table.model_copy(update={"columns": {n: data.table.columns[n] for n in names}})
    return Dataset.of(Schema(tables={"adult": table}), data.frame.select(names))


@cache
def numbers() -> dict[str, float]:
    """What we say, under SDMetrics' names."""
    shape, trend, common = ours(Shape()), ours(Trend(edges="tabsyn")), ours(Trend())
    correlation, missing = ours(Correlation()).detail, ours(Missingness()).detail["columns"]
    columns = shape.detail["columns"]
    lost = missing["occupation"]

    def of(detail: Any, pairs: list[tuple[str, str]]) -> float:
        place = {name: k for k, name in enumerate(detail["columns"])}
        return float(np.mean([detail["similarity"][place[a]][place[b]] for a, b in pairs]))

    def near(kind: str) -> float:
        real, made = (np.array(correlation[kind][side]) for side in ("real", "synthetic"))
        upper = np.triu_indices(len(QUANTITIES), 1)
        return float((1 - np.abs(real - made) / 2)[upper].mean())

    return {
        "Column Shapes of whole columns": float(np.mean([columns[name] for name in WHOLE])),
        "Column Pair Trends": float(trend.value),
        "ContingencySimilarity at real edges": of(common.detail, crossed()),
        "KSComplement age": columns["age"],
        "KSComplement hours-per-week": columns["hours-per-week"],
        "TVComplement education": columns["education"],
        "CorrelationSimilarity Pearson": near("pearson"),
        "CorrelationSimilarity Spearman": near("spearman"),
        "MissingValueSimilarity occupation": 1 - abs(lost["real"] - lost["synthetic"]),
    }


def crossed() -> list[tuple[str, str]]:
    """Pairs of a quantity and a label with few values."""
    return [(a, b) for a in QUANTITIES for b in ("education", "sex", "income", "relationship")]


@cache
def theirs() -> dict[str, float]:
    """What SDMetrics says; run where it is installed."""
    import pandas as pd
    from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity
    from sdmetrics.reports.single_table._properties import ColumnPairTrends
    from sdmetrics.single_column import KSComplement, MissingValueSimilarity, TVComplement

    real, made = (
        pd.DataFrame({name: series.to_list() for name, series in zip(f.columns, f, strict=True)})
        for f in (adult_train().frame, synthetic().frame)
    )
    kinds = {n: "numerical" if n in QUANTITIES else "categorical" for n in real.columns}
    metadata = {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}
    single = {
        name: (KSComplement if name in QUANTITIES else TVComplement).compute(real[name], made[name])
        for name in WHOLE
    }

    def near(coefficient: str) -> float:
        pairs = (list(pair) for pair in combinations(QUANTITIES, 2))
        found = (
            CorrelationSimilarity.compute(real[p], made[p], coefficient=coefficient) for p in pairs
        )
        return float(np.mean(list(found)))

    common = [
        ContingencySimilarity.compute(
            real[[a, b]].copy(), made[[a, b]].copy(), continuous_column_names=[a]
        )
        for a, b in crossed()
    ]
    return {
        "Column Shapes of whole columns": float(np.mean(list(single.values()))),
        "Column Pair Trends": ColumnPairTrends().get_score(real, made, metadata),
        "ContingencySimilarity at real edges": float(np.mean(common)),
        "KSComplement age": single["age"],
        "KSComplement hours-per-week": single["hours-per-week"],
        "TVComplement education": single["education"],
        "CorrelationSimilarity Pearson": near("Pearson"),
        "CorrelationSimilarity Spearman": near("Spearman"),
        "MissingValueSimilarity occupation": MissingValueSimilarity.compute(
            real["occupation"], made["occupation"]
        ),
    }


@pytest.mark.parametrize("name", SDMETRICS)
def test_sdmetrics_has_said_the_same(name: str) -> None:
    assert numbers()[name] == pytest.approx(SDMETRICS[name], abs=5e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SDMETRICS)
def test_sdmetrics_says_the_same(name: str) -> None:
    pytest.importorskip(
        "sdmetrics", reason="sdmetrics asks for pandas < 3: `make reference` compares with it"
    )
    assert numbers()[name] == pytest.approx(theirs()[name], abs=5e-4)
    assert theirs()[name] == pytest.approx(SDMETRICS[name], abs=1e-6)


TIES = {
    ("customer", "order"): (0.81, 0.7498127),
    ("customer", "visit"): (0.88, 1.0),
    ("order", "line"): (0.8636704, 1.0),
}
"""What SDMetrics 0.32.0 says of each foreign key of `tied()`: of cardinality, and of integrity."""


@cache
def tied() -> tuple[Dataset, Dataset, Dataset]:
    """A shop whose orders and visits belong to anybody, some orders to nobody; the real ones."""
    real = shop(400, 2)
    made = rehomed(shop(400, 1), uniform=True)
    lost = pl.int_range(pl.len()) % 4 == 0
    key = pl.when(lost).then(-1).otherwise(pl.col("customer")).alias("customer")
    return changed(made, order=made.frames["order"].with_columns(key)), real, shop(400, 3)


@cache
def of_ties() -> dict[tuple[str, str], tuple[float, float]]:
    """What we say, as similarities."""
    made, train, holdout = tied()
    scores = [
        build(name, Asked()).score(made, train=train, holdout=holdout, rng=Rng(0))
        for name in ("cardinality", "referential_integrity")
    ]
    counts, references = (score.detail["relationships"] for score in scores)
    named = {pair: f"{pair[1]}.{pair[0]} → {pair[0]}.{pair[0]}" for pair in TIES}
    return {
        pair: (1 - counts[title]["ks"], references[title]["share"]) for pair, title in named.items()
    }


@pytest.mark.parametrize("pair", TIES)
def test_sdmetrics_has_said_the_same_of_ties(pair: tuple[str, str]) -> None:
    assert of_ties()[pair] == pytest.approx(TIES[pair], abs=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pair", TIES)
def test_sdmetrics_says_the_same_of_ties(pair: tuple[str, str]) -> None:
    pytest.importorskip(
        "sdmetrics", reason="sdmetrics asks for pandas < 3: `make reference` compares with it"
    )
    import pandas as pd
    from sdmetrics.column_pairs import ReferentialIntegrity
    from sdmetrics.single_column import KSComplement
    from sdmetrics.utils import get_cardinality_distribution

    parent = pair[0]
    sides = [
        tuple(pd.Series(data.frames[table][parent].to_list()) for table in pair)
        for data in tied()[:2]
    ]
    made, real = (get_cardinality_distribution(*side) for side in sides)
    said = KSComplement.compute(real, made), ReferentialIntegrity.compute(sides[1], sides[0])
    assert of_ties()[pair] == pytest.approx(said, abs=1e-6)
    assert said == pytest.approx(TIES[pair], abs=1e-6)


@pytest.mark.parametrize("column", ["age", "fnlwgt", "hours-per-week", "capital-gain"])
def test_wasserstein_is_scipys(column: str) -> None:
    detail = ours(Wasserstein()).detail
    expected = wasserstein_distance(synthetic().frame[column], adult_train().frame[column])
    assert "held" in detail
    assert detail["columns"][column] * detail["spread"][column] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("column", ["occupation", "native-country", "sex"])
def test_jensen_shannon_is_scipys(column: str) -> None:
    left, right = (
        data.frame[column].fill_null("missing").value_counts(normalize=True)
        for data in (synthetic(), adult_train())
    )
    both = left.join(right, on=column, how="full", coalesce=True).fill_null(0)
    expected = jensenshannon(both["proportion"], both["proportion_right"], base=2)
    assert ours(JensenShannon()).detail["columns"][column] == pytest.approx(expected, abs=1e-9)


def test_spearman_is_scipys() -> None:
    detail = ours(Correlation()).detail["spearman"]
    assert detail["columns"] == QUANTITIES
    for side, data in (("real", adult_train()), ("synthetic", synthetic())):
        expected = spearmanr(data.frame.select(QUANTITIES).to_numpy()).statistic
        assert np.array(detail[side]) == pytest.approx(expected, abs=1e-4)


def test_mutual_information_is_sklearns() -> None:
    names = ["education", "sex", "income", "relationship", "race"]
    made, train, holdout = (
        only(data, names) for data in (synthetic(), adult_train(), adult_holdout())
    )
    score = WeightedNMI().score(made, train=train, holdout=holdout, rng=Rng(0))
    strengths = [
        [
            normalized_mutual_info_score(data.frame[a], data.frame[b])
            for a, b in combinations(names, 2)
        ]
        for data in (train, made)
    ]
    real, synth = np.array(strengths)
    expected = 1 - ((real + synth) * np.abs(real - synth)).sum() / (real + synth).sum()
    assert score.value == pytest.approx(expected, abs=1e-9)
    assert score.detail["real"][0][1] == pytest.approx(real[0], abs=1e-4)


def test_association_is_that_of_scipy_but_for_chance() -> None:
    frame = some(adult_train(), 2000).frame.select("education", "occupation").fill_null("none")
    table = frame.pivot(
        "occupation", index="education", values="occupation", aggregate_function="len"
    )
    counts = table.drop("education").fill_null(0).to_numpy().astype(float)
    n, (r, c) = counts.sum(), counts.shape
    phi = association(counts.astype(int), method="cramer") ** 2 * (min(r, c) - 1)
    # Bergsma 2013, equations 6 to 8.
    free = max(0.0, phi - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    assert float(corrected_v(counts)) == pytest.approx(np.sqrt(free / least))
    assert float(information(counts)) == pytest.approx(
        normalized_mutual_info_score(frame["education"], frame["occupation"])
    )
    assert float(corrected_v(np.diag([5.0, 8.0, 9.0]))) == pytest.approx(1)


def test_the_correlation_ratio_is_that_of_an_analysis_of_variance() -> None:
    generator = np.random.default_rng(0)
    groups = [generator.normal(k / 3, 1, 40 + 10 * k) for k in range(4)]
    found = f_oneway(*groups).statistic
    rows, many = sum(map(len, groups)), len(groups)
    # Kelley's epsilon squared in terms of F.
    expected = (found - 1) * (many - 1) / ((many - 1) * found + rows - many)
    counts = np.array([len(g) for g in groups], float)
    sums = np.array([g.sum() for g in groups])
    squares = float(sum((g**2).sum() for g in groups))
    assert float(ratio(counts, sums, np.float64(squares))) == pytest.approx(np.sqrt(expected))


def test_covariance_is_numpys_and_its_angles_are_scipys() -> None:
    generator = np.random.default_rng(0)
    mix = generator.normal(size=(5, 5))

    def rows(seed: int, turn: float) -> np.ndarray:
        cells = np.random.default_rng(seed).normal(size=(3000, 5))
        return np.asarray(cells @ (mix + turn * np.eye(5)))

    schema = {f"c{k}": pl.Float64 for k in range(5)}
    table = Table(columns={name: Numeric(storage="Float64") for name in schema})
    sides = [rows(0, 1.0), rows(1, 0.0), rows(2, 0.0)]
    data = [
        Dataset.of(Schema(tables={"t": table}), pl.DataFrame(side, schema=schema)) for side in sides
    ]
    score = Covariance().score(data[0], train=data[1], holdout=data[2], rng=Rng(0))
    made, train = (
        np.cov((side - sides[1].mean(axis=0)) / sides[1].std(axis=0), rowvar=False, bias=True)
        for side in sides[:2]
    )
    assert score.value == pytest.approx(
        np.linalg.norm(made - train) / np.linalg.norm(train), rel=1e-6
    )
    lead = score.detail["components"]
    spaces = [np.linalg.eigh(matrix)[1][:, ::-1][:, :lead] for matrix in (made, train)]
    expected = np.degrees(subspace_angles(*spaces))
    assert score.detail["angles"]["synthetic"] == pytest.approx(expected, abs=1e-4)
    assert score.detail["eigenvalues"]["real"] == pytest.approx(np.linalg.eigvalsh(train)[::-1])


def test_the_kmarginal_score_is_that_of_counting_groups() -> None:
    names = ["sex", "income", "race", "relationship"]
    data = [only(data, names) for data in (synthetic(), adult_train(), adult_holdout())]
    score = KMarginal().score(data[0], train=data[1], holdout=data[2], rng=Rng(0))
    for ways, key in ((3, "k3"), (2, "k2")):
        found = []
        for chosen in combinations(names, ways):
            left, right = (
                f.group_by(list(chosen)).len().with_columns(pl.col("len") / f.height)
                for f in (data[0].frame, data[1].frame)
            )
            both = left.join(right, on=list(chosen), how="full", coalesce=True).fill_null(0)
            found.append((2 - (both["len"] - both["len_right"]).abs().sum()) / 2)
        assert score.detail[key] == pytest.approx(1000 * np.mean(found))
