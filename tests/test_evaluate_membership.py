"""Membership inference and the audit of epsilon: what leaks is found, what does not leak is not."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from adult import adult_holdout, adult_train, independent, some
from neotype.data import Dataset
from neotype.evaluate.asked import Asked, Claim, Likelihoods
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.evaluate import build, evaluate
from neotype.evaluate.features import Labels, Numbers, Sides
from neotype.evaluate.interval import auc, clopper_pearson
from neotype.evaluate.metric import Score
from neotype.evaluate.neighbors import place
from neotype.evaluate.privacy.density_ratio import ratios
from neotype.evaluate.privacy.epsilon import audit, lower_bound, p_value, threshold_bound
from neotype.evaluate.privacy.hits import hit
from neotype.evaluate.privacy.membership import found
from neotype.evaluate.privacy.shadow import Shadows, aim, leave_one_out
from neotype.evaluate.search import search
from neotype.progress import Progress
from neotype.rng import Rng
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Identifier, Schema, Table

ROWS = 6000
COPYING = (
    "dcr_share",
    "exact_copies",
    "near_copies",
    "nndr",
    "hit_rate",
    "mia_distance",
    "mia_density_ratio",
    "mia_exposed",
    "epsilon_audit",
)
SHARES = (0.0, 0.01, 0.05, 0.2)


@cache
def sides() -> tuple[Dataset, Dataset]:
    return some(adult_train(), ROWS), some(adult_holdout(), ROWS)


@cache
def copied(share: float) -> dict[str, Score]:
    """Independent columns, with a share of train rows among them."""
    train, holdout = sides()
    rows = round(share * ROWS)
    frame = pl.concat([some(train, rows, seed=4).frame, independent(train).frame.head(ROWS - rows)])
    made = Dataset.of(train.schema, frame)
    scores = evaluate(made, train=train, holdout=holdout, metrics=COPYING, rng=Rng(0))
    return {score.metric: score for score in scores}


def values(name: str) -> list[float]:
    return [value for share in SHARES if (value := copied(share)[name].value) is not None]


@pytest.mark.parametrize("name", COPYING)
def test_the_more_rows_are_copied_the_more_every_measure_moves(name: str) -> None:
    found = values(name) if name != "nndr" else [-value for value in values(name)]
    assert len(found) == len(SHARES)
    assert found == sorted(found)
    assert found[2] < found[3]
    assert found[0] < found[2] - 0.02 or name == "exact_copies"


def test_one_copied_row_in_twenty_is_caught() -> None:
    scores = copied(0.05)
    for name in ("exact_copies", "near_copies", "nndr", "hit_rate"):
        assert scores[name].verdict == "poor", name
    for name in ("dcr_share", "mia_distance", "mia_density_ratio"):
        interval = scores[name].interval
        assert interval is not None
        assert interval[0] > 0.5, name
        assert scores[name].verdict != "good", name
    for name in ("mia_distance", "mia_density_ratio"):
        detail = scores[name].detail
        assert detail["tpr_at_1pct_fpr_interval"][0] > 0.03, name
        assert detail["tpr_at_01pct_fpr_interval"][0] > 0.01, name


def test_where_nothing_is_copied_nothing_is_found() -> None:
    for name, score in copied(0.0).items():
        assert score.verdict in ("good", "fair", "not judged"), name
    assert copied(0.0)["epsilon_audit"].value == 0


@pytest.mark.parametrize("rows", [200, 1000, 6000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_real_unseen_rows_in_the_synthetic_tables_place_are_never_poor(
    rows: int, seed: int
) -> None:
    frame = some(
        Dataset.of(adult_train().schema, pl.concat([adult_train().frame, adult_holdout().frame])),
        3 * rows,
        seed,
    )
    made, train, holdout = (frame.take(np.arange(k * rows, (k + 1) * rows)) for k in range(3))
    for score in evaluate(made, train=train, holdout=holdout, metrics=COPYING, rng=Rng(seed)):
        assert score.verdict != "poor", (score.metric, score.value, score.interval)


def test_rates_at_few_false_alarms_are_counted_exactly() -> None:
    others = np.arange(2000.0)
    above = {1979.5: 30, 1978.5: 7, 1998.5: 10, 1997.0: 5, -1.0: 48}
    members = np.repeat(list(above), list(above.values()))
    rates = found(members, others)
    # 1 % of 2,000 are 20 alarms: the scores 1980 and above; 0.1 % are 1998 and 1999.
    assert rates["tpr_at_1pct_fpr"] == pytest.approx(0.45)
    assert rates["tpr_at_1pct_fpr_interval"] == clopper_pearson(45, 100)
    assert rates["tpr_at_01pct_fpr"] == pytest.approx(0.10)
    assert rates["tpr_at_01pct_fpr_interval"] == clopper_pearson(10, 100)


def test_too_few_non_members_for_a_tenth_of_a_percent_are_named() -> None:
    train, holdout = some(adult_train(), 400), some(adult_holdout(), 400)
    made = some(adult_train(), 400, seed=5)
    few = build("mia_distance", Asked()).score(made, train=train, holdout=holdout, rng=Rng(0))
    assert any("400 non-members are too few for 0.1%" in note for note in few.detail["notes"])
    assert not any("too few" in note for note in copied(0.0)["mia_distance"].detail["notes"])


# --- the model's likelihood


def likelihood(members: np.ndarray, others: np.ndarray) -> Score:
    train, holdout = sides()
    asked = Asked(likelihoods=Likelihoods(members, others))
    return build("mia_likelihood", asked).score(
        independent(train), train=train, holdout=holdout, rng=Rng(0)
    )


def test_a_model_that_likes_its_own_rows_is_caught_whatever_the_tails() -> None:
    generator = np.random.default_rng(0)
    tails = generator.standard_cauchy((2, ROWS)) * 1e6
    score = likelihood(tails[0] + 4e6, tails[1])
    assert score.verdict == "poor"
    assert likelihood(*tails).verdict == "good"


def test_impossible_and_equal_likelihoods_are_ties() -> None:
    members = np.where(np.arange(ROWS) % 3 == 0, -np.inf, 0.0)
    members[:9] = np.nan
    score = likelihood(members, members[: ROWS // 2])
    assert score.value == pytest.approx(0.5, abs=0.01)
    assert score.detail["members"] == score.detail["non_members"] == ROWS // 2
    assert any("white-box" in note for note in score.detail["notes"])


def test_without_a_model_there_is_no_likelihood_and_without_a_recipe_no_shadow() -> None:
    train, holdout = sides()
    for name, reason in (
        ("mia_likelihood", "no model was given"),
        ("mia_shadow", "no recipe was given to retrain"),
        ("epsilon_audit_deep", "no recipe was given to retrain"),
    ):
        score = build(name, Asked()).score(
            independent(train), train=train, holdout=holdout, rng=Rng(0)
        )
        assert score.verdict == "not measured"
        assert score.meaning.startswith(f"Not measured: {reason}")


# --- geometry


@pytest.mark.parametrize("columns", [1, 3, 70])
@pytest.mark.parametrize("rows", [(1, 1), (5, 300), (700, 129), (257, 1)])
def test_the_search_finds_what_comparing_everything_finds(
    columns: int, rows: tuple[int, int]
) -> None:
    generator = np.random.default_rng(columns)

    def points(size: int) -> np.ndarray:
        cells = generator.normal(size=(columns, size)).astype(np.float32)
        cells[::2] = generator.integers(0, 3, cells[::2].shape)
        cells[generator.random(cells.shape) < 0.1] = 1e6
        return cells

    left, right = points(rows[0]), points(rows[1])
    gap = np.minimum(1, np.abs(left[:, :, None] - right[:, None, :])).sum(axis=0)
    far, which = search(left, right, 4)
    known = min(4, rows[1])
    np.testing.assert_allclose(far[:, :known], np.sort(gap, axis=1)[:, :known], rtol=1e-5)
    assert np.isinf(far[:, known:]).all()
    assert (which[:, known:] == -1).all()
    if columns == 1:
        # Whole numbers tie all the time: of equals the earlier rows are taken.
        order = np.argsort(gap, axis=1, kind="stable")[:, :known]
        np.testing.assert_array_equal(which[:, :known], order)
    picked = np.take_along_axis(gap, which[:, :known], axis=1)
    np.testing.assert_allclose(picked, far[:, :known], rtol=1e-5)
    own, other = search(left, left, 1, exclude_self=True)
    assert (other[:, 0] != np.arange(rows[0])).all()
    assert np.isinf(own).all() == (rows[0] == 1)


def test_hits_are_those_of_the_definition() -> None:
    generator = np.random.default_rng(0)

    def quantity(rows: int) -> np.ndarray:
        cells = generator.gamma(1.0, size=rows).round(2)
        cells[generator.random(rows) < 0.2] = np.nan
        return cells

    sizes = (900, 400, 300)
    first, second = (
        Numbers(name, "numeric", Sides(*(quantity(rows) for rows in sizes))) for name in "ab"
    )
    still = Numbers("c", "numeric", Sides(*(np.full(rows, 7.0) for rows in sizes)))
    still.sides.synthetic[:50] = 7.5
    codes = Sides(*(generator.integers(0, 4, rows) for rows in sizes))
    labels = Labels("d", "categorical", codes, ("x", "y", "z"))
    every = Sides(*(generator.permutation(rows) for rows in sizes))
    views = (labels, first, still, second)
    got = hit(views, every, 1 / 30)
    for side, struck in zip((1, 2), got, strict=True):
        alike = codes[side][:, None] == codes[0][None, :]
        alike &= still.sides[side][:, None] == still.sides[0][None, :]
        for item in (first, second):
            width = np.nanmax(item.sides.train) - np.nanmin(item.sides.train)
            here, there = item.sides[side][:, None], item.sides[0][None, :]
            close = np.abs(here - there) <= width / 30 + 1e-9
            alike &= close | (np.isnan(here) & np.isnan(there))
        np.testing.assert_array_equal(struck, alike.any(axis=1)[every[side]])
        assert 0 < struck.mean() < 1


def test_the_density_ratio_is_that_of_its_definition() -> None:
    made, train, holdout = (plane(300, seed) for seed in range(3))
    tables = Comparison(made, train, holdout, Rng(0))
    near, half = tables.neighbors, 150
    points = Sides(*(side[:, r] for side, r in zip(place(tables.views), near.drawn, strict=True)))

    def nearest_of(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        gaps = np.minimum(1, np.abs(rows[:, :, None] - others[:, None, :])).sum(axis=0)
        return np.asarray(gaps.min(axis=1), float) + 0.01

    reference = points.holdout[:, :half]
    attacked = points.train[:, :half], points.holdout[:, half:]
    for rows, got in zip(attacked, ratios(near), strict=True):
        exact = np.log(nearest_of(rows, reference) / nearest_of(rows, points.synthetic))
        np.testing.assert_allclose(got, exact, rtol=1e-4, atol=1e-4)


# --- epsilon


def plane(rows: int, seed: int) -> Dataset:
    """Two independent normal quantities."""
    cells = np.random.default_rng(seed).normal(size=(rows, 2))
    frame = pl.DataFrame(cells, schema=["x", "y"])
    return Dataset.of(infer_schema({"t": frame}), frame)


def test_the_audit_of_a_table_that_knows_nothing_seldom_finds_anything() -> None:
    """Choosing score and threshold where they are counted would find something in most of them."""
    found = []
    for seed in range(0, 240, 3):
        made, train, holdout = (plane(400, seed + k) for k in range(3))
        score = build("epsilon_audit", Asked()).score(
            made, train=train, holdout=holdout, rng=Rng(seed)
        )
        found.append(score.value)
    assert sum(value > 0 for value in found if value is not None) <= 9


@pytest.mark.parametrize(("epsilon", "guesses"), [(0.5, 400), (1.0, 2000), (3.0, 1000)])
def test_randomised_response_is_never_charged_with_more_than_its_epsilon(
    epsilon: float, guesses: int
) -> None:
    right = np.random.default_rng(1).binomial(guesses, 1 / (1 + np.exp(-epsilon)), 200)
    bounds = np.array([lower_bound(guesses, guesses, int(count)) for count in right])
    # A bound may be wrong in one audit of twenty: 18 of 200 or more would be (chance 1 in 100).
    assert (bounds > epsilon).sum() <= 18
    assert bounds.mean() > 0.6 * epsilon


def test_with_many_guesses_the_bound_is_near_epsilon_and_delta_only_lowers_it() -> None:
    assert lower_bound(10**6, 10**6, round(1e6 / (1 + np.exp(-1.0)))) == pytest.approx(1, abs=0.01)
    # All of r right: the bound solves (e^eps / (1 + e^eps))^r = .05.
    share = 0.05 ** (1 / 100)
    assert lower_bound(500, 100, 100) == pytest.approx(np.log(share / (1 - share)), abs=1e-4)
    bounds = [lower_bound(500, 100, 95, delta) for delta in (0, 1e-5, 1e-3, 1e-1)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > bounds[2]
    assert bounds[3] == 0
    assert lower_bound(500, 100, 95, replaced=True) == pytest.approx(bounds[0] / 2, abs=1e-5)


def test_the_price_of_delta_is_that_of_the_theorem() -> None:
    from scipy.stats import binom

    rows, guesses, right, epsilon, delta = 300, 40, 33, 0.7, 1e-4
    share = np.exp(epsilon) / (1 + np.exp(epsilon))
    pmf = binom.pmf(np.arange(guesses + 1), guesses, share)
    steepest = max(pmf[right - i : right].sum() / i for i in range(1, right + 1))
    exact = pmf[right:].sum() + 2 * rows * delta * steepest
    assert p_value(rows, guesses, right, epsilon, delta) == pytest.approx(exact, rel=1e-9)
    assert p_value(rows, guesses, 0, epsilon, delta) == 1


def test_choosing_the_rule_on_one_half_keeps_the_bound_honest() -> None:
    """Blind scores, among which the luckiest is chosen: no bound above 0 but by chance."""
    wrong, rough = 0, 0
    for seed in range(200):
        margins = np.random.default_rng(seed).normal(size=(5, 2, 300))
        choosing, testing = ({str(k): margins[k, side] for k in range(5)} for side in (0, 1))
        wrong += audit(choosing, testing, 0.0, replaced=False).bound > 0
        pairs = [(margins[0, side], margins[1, side]) for side in (0, 1)]
        rough += threshold_bound(pairs[0], pairs[1], 0.0) > 0
    assert wrong <= 18
    assert rough <= 18


def audited(share: float, claim: Claim | None) -> Score:
    train, holdout = sides()
    rows = round(share * ROWS)
    frame = pl.concat([some(train, rows, seed=4).frame, independent(train).frame.head(ROWS - rows)])
    return build("epsilon_audit", Asked(claim=claim)).score(
        Dataset.of(train.schema, frame), train=train, holdout=holdout, rng=Rng(0)
    )


def test_a_leaky_mechanism_refutes_its_claim_loudly() -> None:
    score = audited(0.05, Claim(epsilon=0.1))
    assert score.verdict == "poor"
    assert score.detail["refuted"] is True
    assert score.meaning.startswith("The claimed guarantee is refuted:")
    assert score.value is not None
    assert score.value > 0.5
    assert score.detail["p_value"] < 0.001
    assert score.detail["replace_one_bound"] == pytest.approx(2 * score.value, abs=1e-3)


def test_a_claim_that_attacks_do_not_touch_stands_and_none_is_not_judged() -> None:
    score = audited(0.0, Claim(epsilon=0.1))
    assert (score.verdict, score.detail["refuted"], score.target) == ("good", False, 0.1)
    score = audited(0.05, Claim(epsilon=10.0, delta=1e-6))
    assert (score.verdict, score.detail["refuted"]) == ("good", False)
    score = audited(0.05, None)
    assert (score.verdict, score.detail["refuted"]) == ("not judged", None)
    assert "refuted" not in score.meaning


def test_entities_are_audited_whole_and_a_claim_for_rows_is_not_judged_by_them() -> None:
    def entities(seed: int) -> Dataset:
        generator = np.random.default_rng(seed)
        frame = pl.DataFrame(
            {
                "who": np.repeat(np.arange(400) + 400 * seed, 3),
                "x": generator.normal(size=1200),
                "y": generator.normal(size=1200),
            }
        )
        columns = infer_schema({"t": frame.select("x", "y")}).columns
        named = {"who": Identifier(storage="Int64", unique=False), **columns}
        return Dataset.of(Schema(tables={"t": Table(columns=named, entity="who")}), frame)

    train, holdout = entities(0), entities(1)

    def judged(unit: str) -> Score:
        claim = Claim(0.1, unit=unit)
        return build("epsilon_audit", Asked(claim=claim)).score(
            train, train=train, holdout=holdout, rng=Rng(0)
        )

    of_rows, of_people = judged("row"), judged("who")
    assert of_rows.verdict == "not judged"
    assert of_people.verdict == "poor"
    assert of_people.detail["pairs"] < 400


# --- shadow models


def copier(data: Dataset, rows: int, rng: Rng) -> Dataset:
    """Every row that was learnt, again."""
    return data.take(rng.generator().permutation(np.resize(np.arange(data.rows), rows)))


def shuffler(data: Dataset, rows: int, rng: Rng) -> Dataset:
    """Independent columns."""
    generator = rng.generator()
    columns = [series[generator.integers(0, data.rows, rows)] for series in data.frame]
    return Dataset.of(data.schema, pl.DataFrame(columns))


def leaker(data: Dataset, rows: int, rng: Rng) -> Dataset:
    """One row in five is a copy."""
    some_rows = rng.child("copies").generator().permutation(data.rows)[: rows // 5]
    rest = shuffler(data, rows - rows // 5, rng).frame
    return Dataset.of(data.schema, pl.concat([data.take(some_rows).frame, rest]))


def blind(data: Dataset, rows: int, rng: Rng) -> Dataset:
    """Rows that have nothing to do with those that were learnt."""
    return some(independent(adult_train()), rows, seed=int(rng.generator().integers(10**6)))


@cache
def shadowed(name: str) -> dict[str, Score]:
    train, holdout = sides()
    recipe = {"copier": copier, "shuffler": shuffler, "leaker": leaker, "blind": blind}[name]
    scores = evaluate(
        independent(train),
        train=train,
        holdout=holdout,
        asked=Asked(retrain=recipe, shadows=12, claim=Claim(0.1)),
        metrics=("mia_shadow", "epsilon_audit_deep"),
        rng=Rng(0),
    )
    return {score.metric: score for score in scores}


def test_shadow_models_see_through_a_copier() -> None:
    score = shadowed("copier")["mia_shadow"]
    assert score.verdict == "poor"
    for group in ("canaries", "vulnerable"):
        assert score.detail[group]["auc"] > 0.99, group
        assert score.detail[group]["tpr_at_01pct_fpr"] > 0.9, group
        assert score.detail[group]["targets"] == 100
    deep = shadowed("copier")["epsilon_audit_deep"]
    assert deep.detail["refuted"] is True
    assert deep.value is not None
    assert deep.value > 3


def test_shadow_models_find_a_leak_of_one_row_in_five() -> None:
    score, deep = shadowed("leaker")["mia_shadow"], shadowed("leaker")["epsilon_audit_deep"]
    assert score.verdict != "good"
    assert score.detail["canaries"]["tpr_at_1pct_fpr_interval"][0] > 0.1
    assert deep.verdict == "poor"
    assert deep.detail["refuted"] is True


def test_shadow_models_find_nothing_where_nothing_was_learnt() -> None:
    score = shadowed("blind")["mia_shadow"]
    assert score.value == pytest.approx(0.5, abs=0.035)
    assert score.verdict == "good"
    deep = shadowed("blind")["epsilon_audit_deep"]
    assert (deep.verdict, deep.detail["refuted"]) == ("good", False)


def test_independent_columns_copy_nobody_but_publish_rare_values() -> None:
    score = shadowed("shuffler")["mia_shadow"]
    by = score.detail["by_statistic"]
    assert by["nearest row"] == pytest.approx(0.5, abs=0.035)
    assert by["pairs of values"] > 0.53
    assert score.verdict == "good"
    leak = shadowed("leaker")["mia_shadow"]
    assert leak.detail["by_statistic"]["nearest row"] > by["nearest row"] + 0.03


def test_what_shadow_runs_know_of_each_other_is_no_leak() -> None:
    """Noise: to judge a run by itself, or by a gain that is chance, would show in the AUC."""

    def noise(seed: int, gain: float) -> float:
        generator = np.random.default_rng(seed)
        included = generator.random((16, 200)) < 0.5
        seen = generator.normal(size=(2, 16, 200)) + generator.normal(size=(2, 1, 200))
        runs = Shadows(included, seen + gain * included, np.zeros(200, bool), 0)
        scores = leave_one_out(runs)
        return auc(scores[included], scores[~included])[0]

    blind = [noise(seed, 0.0) for seed in range(20)]
    assert np.mean(blind) == pytest.approx(0.5, abs=0.01)
    assert max(blind) < 0.54
    # Two statistics that are half a standard deviation higher: AUC Phi(.5) = .69 if all was known.
    assert np.mean([noise(seed, 0.5) for seed in range(5)]) > 0.65


def test_shadow_runs_are_made_once_and_tell_how_far_they_are() -> None:
    train, holdout = some(adult_train(), 1000), some(adult_holdout(), 500)
    learnt: list[Dataset] = []

    def counted(data: Dataset, rows: int, rng: Rng) -> Dataset:
        learnt.append(data)
        return shuffler(data, rows, rng)

    told: list[tuple[str, int, int]] = []

    def listen(stage: str, done: int, total: int) -> None:
        told.append((stage, done, total))

    heard: Progress = listen
    evaluate(
        independent(train),
        train=train,
        holdout=holdout,
        asked=Asked(retrain=counted, shadows=4),
        metrics=("mia_shadow", "epsilon_audit_deep"),
        rng=Rng(0),
        progress=heard,
    )
    assert len(learnt) == 4
    shadow = [(done, total) for stage, done, total in told if stage == "shadow models"]
    assert shadow == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    # Halves of what is no target, and about half of the targets; no two runs learn the same.
    assert all(400 < data.rows < 600 for data in learnt)
    assert len({data.fingerprint() for data in learnt}) == 4
    # Canaries are made of train's values alone.
    for data in learnt:
        for name in data.frame.columns:
            assert data.frame[name].is_in(train.frame[name].unique().implode()).all()


def test_a_recipe_that_cannot_learn_is_a_reason_and_no_crash() -> None:
    def broken(data: Dataset, rows: int, rng: Rng) -> Dataset:
        return data.take(np.arange(0))

    train, holdout = sides()
    score = build("mia_shadow", Asked(retrain=broken, shadows=2)).score(
        independent(train), train=train, holdout=holdout, rng=Rng(0)
    )
    assert score.verdict == "not measured"
    assert "made no rows" in score.meaning


def test_vulnerable_rows_are_the_lonely_ones() -> None:
    generator = np.random.default_rng(0)
    cells = generator.normal(size=(2000, 2))
    cells[:20] = generator.uniform(8, 30, (20, 2)) * generator.choice([-1, 1], (20, 2))
    frame = pl.DataFrame(cells, schema=["x", "y"])
    data = Dataset.of(infer_schema({"t": frame}), frame)
    targets = aim(Comparison(data, data, data.take(np.arange(1, 900)), Rng(0)), 20, 10, Rng(0))
    assert np.flatnonzero(targets.taken)[:20].tolist() == list(range(20))
    assert targets.taken.sum() == 30
    assert targets.planted.sum() == 10
