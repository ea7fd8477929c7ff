"""Conditions: what may be asked, and that rows which meet it are as the model would make them."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app
from neotype.constraints.order import Inequality
from neotype.data import Dataset, Known, Support, conform_given
from neotype.errors import ColumnNotFoundError, DataError, SamplingError
from neotype.rng import Rng
from neotype.schema.condition import Condition, at_odds, met
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Schema
from neotype.schema.wanted import Case, wanted
from neotype.synth.conditioned import where_block
from neotype.synth.learn import learn
from neotype.synth.trees import Trees
from neotype.synth.weighing import effective, resample, thin

LABELS = {"a": 3, "b": 4, "c": 3, "d": 5}


def related(rows: int, seed: int = 0) -> pl.DataFrame:
    """Four labels, each after those before it, the last rare in parts."""
    g = np.random.default_rng(seed)
    a = g.integers(0, 3, rows)
    b = (a + g.choice(4, rows, p=[0.6, 0.2, 0.15, 0.05])) % 4
    c = np.where(g.random(rows) < 0.7, (a + b) % 3, g.integers(0, 3, rows))
    d = np.where(g.random(rows) < 0.5, (2 * a + c) % 5, g.integers(0, 5, rows))
    columns = {"a": a, "b": b, "c": c, "d": d}
    return pl.DataFrame({name: [f"{name}{x}" for x in v] for name, v in columns.items()})


def as_data(frame: pl.DataFrame, **changes: Any) -> Dataset:
    """The frame with its inferred schema, its table changed."""
    schema = infer_schema({"t": frame})
    table = schema.table.model_copy(update=changes)
    return Dataset.of(Schema(tables={"t": table}), frame)


@pytest.fixture(scope="module", params=[0, 2], ids=["plain", "refined"])
def model(request: pytest.FixtureRequest) -> Any:
    return Trees(refine=request.param).fit(as_data(related(6000)), rng=Rng(0))


def every_row(model: Any) -> tuple[pl.DataFrame, np.ndarray]:
    """All rows there can be, and how probable the model holds each."""
    labels = [[f"{name}{x}" for x in range(size)] for name, size in LABELS.items()]
    rows = pl.DataFrame(list(itertools.product(*labels)), schema=list(LABELS), orient="row")
    return rows, np.exp(model.log_density(Dataset.of(model.schema, rows)))


WHERES = [
    (Condition("d", values=("d1", "d3")),),
    (Condition("a", values=("a0",)), Condition("d", values=("d4",))),
    (Condition("b", values=("b1", "b2", "b3")), Condition("c", values=("c0", "c2"))),
]


@pytest.mark.parametrize("where", WHERES, ids=["set", "rare", "two sets"])
def test_rows_are_distributed_as_the_model_conditions_them(model: Any, where: Any) -> None:
    """Against the conditional distribution by enumeration of all rows."""
    rows, probability = every_row(model)
    exact = probability * met(where, rows).to_numpy()
    exact /= exact.sum()
    count = 20_000
    made = model.sample(count, rng=Rng(5), known=Known(where=where)).frame
    assert met(where, made).all()
    tally = rows.with_row_index().join(made, on=list(LABELS), how="inner")["index"]
    seen = np.bincount(tally.to_numpy(), minlength=len(exact))
    usual = exact * count >= 5
    chi2 = ((seen - exact * count) ** 2 / (exact * count + ~usual))[usual].sum()
    # Candidates are drawn at random and then resampled: at most twice the variance of plain rows.
    freedom = usual.sum() - 1
    assert chi2 / 2 < freedom + 4 * np.sqrt(2 * freedom)
    assert np.abs(seen / count - exact).sum() / 2 < 0.035


@pytest.mark.parametrize("known", [("d",), ("b", "d"), ("a",)])
def test_given_rows_are_completed_as_the_model_conditions_them(
    model: Any, known: tuple[str, ...]
) -> None:
    rows, probability = every_row(model)
    where = tuple(Condition(name, values=(f"{name}1",)) for name in known)
    exact = probability * met(where, rows).to_numpy()
    exact /= exact.sum()
    count = 20_000
    cells = pl.DataFrame({name: [f"{name}1"] * count for name in known})
    made = model.sample(rng=Rng(6), known=Known(cells)).frame
    tally = rows.with_row_index().join(made, on=list(LABELS), how="inner")["index"]
    seen = np.bincount(tally.to_numpy(), minlength=len(exact)) / count
    assert np.abs(seen - exact).sum() / 2 < 0.04, np.abs(seen - exact).sum() / 2


def test_each_row_may_have_its_own_known_cells(model: Any) -> None:
    truth = related(4000, seed=3)
    g = np.random.default_rng(1)
    free = pl.DataFrame({name: g.random(4000) < 0.4 for name in LABELS})
    holes = truth.with_columns(
        pl.when(free[name]).then(None).otherwise(pl.col(name)).alias(name) for name in LABELS
    )
    made = model.sample(rng=Rng(2), known=Known(holes, free)).frame
    for name in LABELS:
        kept = ~free[name]
        assert made[name].filter(kept).equals(truth[name].filter(kept))
        assert made[name].null_count() == 0
    # A free cell follows the known ones of its row: c is (a + b) % 3 in most rows.
    both = (free["c"] & ~free["a"] & ~free["b"]).to_numpy()
    right = (made["c"] == truth["c"]).to_numpy()[both].mean()
    assert right > 0.5
    one = {name: free[name].to_numpy() for name in LABELS}
    only_c = one["c"] & ~one["a"] & ~one["b"] & ~one["d"]
    apart = model.sample(rng=Rng(2), known=Known(truth[np.flatnonzero(only_c)].drop("c"))).frame
    together = made[np.flatnonzero(only_c)]
    shares = [frame["c"].value_counts(normalize=True).sort("c") for frame in (apart, together)]
    assert np.abs(shares[0]["proportion"] - shares[1]["proportion"]).max() < 0.12


def test_sets_of_each_row_draw_as_the_same_set_for_all(model: Any) -> None:
    table = getattr(model, "inner", model)
    digits = len(table.codebook.digits)
    sets = np.full((3, digits), 2**64 - 1, dtype=np.uint64)
    sets[1, digits - 1], sets[2, 0], sets[2, 1] = 0b11, 0b101, 0b1
    pattern = np.arange(900) % 3
    mixed, weight = table.density.draw(900, digits, 4, sets[pattern])
    for k in range(3):
        alone, its_weight = table.density.draw(900, digits, 4, sets[k : k + 1])
        np.testing.assert_array_equal(mixed[:, pattern == k], alone[:, pattern == k])
        np.testing.assert_array_equal(weight[pattern == k], its_weight[pattern == k])
    plain, nothing = table.density.draw(900, digits, 4)
    np.testing.assert_array_equal(mixed[:, pattern == 0], plain[:, pattern == 0])
    assert (nothing == 0).all()


def test_one_row_in_ten_thousand_is_found_however_late_its_column_comes() -> None:
    g = np.random.default_rng(0)
    rows = 120_000
    kind = g.integers(0, 6, rows)
    fraud = (g.random(rows) < np.where(kind == 5, 5e-4, 2e-5)).astype(int)
    frame = pl.DataFrame({"kind": [f"k{x}" for x in kind], "fraud": fraud})
    share = frame["fraud"].mean()
    assert 5e-5 < share < 2e-4
    for first in (("kind",), ("fraud",)):
        model = Trees(refine=0, first=first).fit(as_data(frame), rng=Rng(0))
        known = Known(where=(Condition("fraud", values=(1,)),))
        made = model.sample(3000, rng=Rng(1), known=known)
        assert made.frame["fraud"].to_list() == [1] * 3000
        assert made.support is not None
        assert not made.support.weak
        kinds = pl.DataFrame({"kind": [f"k{x}" for x in range(6)], "fraud": [1] * 6})
        exact = np.exp(model.log_density(Dataset.of(model.schema, kinds)))
        assert made.frame["kind"].eq("k5").mean() == pytest.approx(exact[5] / exact.sum(), abs=0.03)


def test_conditions_that_come_first_cost_no_more_than_plain_rows() -> None:
    model = Trees(refine=0, first=("d",)).fit(as_data(related(3000)), rng=Rng(0))
    made = model.sample(1000, rng=Rng(0), known=Known(where=(Condition("d", values=("d1",)),)))
    assert made.support is not None
    assert made.support.candidates == made.support.effective == 1250


def test_same_seed_same_rows(model: Any) -> None:
    known = Known(where=WHERES[0])
    one, two, other = (model.sample(300, rng=Rng(s), known=known).frame for s in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)


def test_too_few_candidates_are_repeated_and_that_is_said(model: Any) -> None:
    known = Known(where=WHERES[1])
    frame, support = where_block(model, 0, Rng(0), 500, 0, known, budget=60)
    assert frame.height == 500
    assert met(known.where, frame).all()
    assert support.weak
    words = Support.of([support], known.columns).words
    assert "500 rows rest on about" in words
    assert "first=('a', 'd')" in words


@given(st.lists(st.floats(-30, 0), min_size=1, max_size=300), st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_thinning_keeps_the_weight(weights: list[float], most: int) -> None:
    log_weight = np.array(weights)
    picks, kept = thin(log_weight, most, Rng(0))
    assert len(set(picks.tolist())) == len(picks) <= max(most + 1, 1)
    assert (kept >= log_weight[picks] - 1e-9).all()
    assert effective(kept) <= len(kept) + 1e-6
    if len(picks) == len(weights):
        assert np.exp(kept).sum() == pytest.approx(np.exp(log_weight).sum())


def test_thinned_and_resampled_candidates_stand_for_all() -> None:
    g = np.random.default_rng(0)
    log_weight, value = g.normal(0, 1.5, 4000), g.normal(0, 1, 4000)
    exact = np.average(value, weights=np.exp(log_weight))
    means = []
    for seed in range(60):
        picks, kept = thin(log_weight, 400, Rng(seed))
        chosen = picks[resample(kept, 200, Rng(seed).child("r"))]
        means.append(value[chosen].mean())
    assert np.mean(means) == pytest.approx(exact, abs=4 * np.std(means) / np.sqrt(60))


# What may be asked

MIXED = pl.DataFrame(
    {
        "age": [20, 30, 40, 50, 60, 70] * 20,
        "pay": [1.5, 2.25, 3.75, 4.0, 5.5, 6.25] * 20,
        "sex": ["f", "m", "f", "m", None, "m"] * 20,
        "ok": [True, False, True, True, False, True] * 20,
        "day": [dt.date(2024, m, 15) for m in range(1, 7)] * 20,
        "at": [dt.datetime(2024, m, 15, 9, 30) for m in range(1, 7)] * 20,
        "said": [f"{m:02d}/15/2024" for m in range(1, 7)] * 20,
        "took": [dt.timedelta(minutes=m) for m in range(1, 7)] * 20,
        "odd": np.random.default_rng(0).random(120),
        "code": [f"ID-{i:05d}" for i in range(120)],
    }
)


@pytest.fixture(scope="module")
def mixed() -> nt.FittedModel:
    return nt.fit(MIXED, refine=0)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"age": "50.."}, pl.col("age") >= 50),
        ({"age": "..30"}, pl.col("age") <= 30),
        ({"age": "30..50"}, pl.col("age").is_between(30, 50)),
        ({"age": "30<..<50"}, pl.col("age") == 40),
        ({"age": ">60"}, pl.col("age") == 70),
        ({"age": "29.5..30.5"}, pl.col("age") == 30),
        ({"age": 40}, pl.col("age") == 40),
        ({"age": [20, 70]}, pl.col("age").is_in([20, 70])),
        ({"pay": "2..4"}, pl.col("pay").is_between(2, 4)),
        ({"pay": 2.25}, pl.col("pay") == 2.25),
        ({"odd": 0.123456}, pl.col("odd") == 0.123456),
        ({"odd": [0.25, 0.75]}, pl.col("odd").is_in([0.25, 0.75])),
        ({"sex": None}, pl.col("sex").is_null()),
        ({"sex": ["m", None]}, pl.col("sex").eq_missing("m") | pl.col("sex").is_null()),
        ({"ok": "no"}, ~pl.col("ok")),
        ({"ok": True, "sex": "f"}, pl.col("ok") & (pl.col("sex") == "f")),
        ({"day": "2024-02-01..2024-04-15"}, pl.col("day").dt.month().is_between(2, 4)),
        ({"day": dt.date(2024, 3, 15)}, pl.col("day").dt.month() == 3),
        ({"at": "2024-02-15..2024-04-15"}, pl.col("at").dt.month().is_between(2, 4)),
        ({"at": "2024-02-15T10:00.."}, pl.col("at").dt.month() >= 3),
        (
            {"said": "2024-02-01..04/15/2024"},
            pl.col("said").str.slice(0, 2).is_in(["02", "03", "04"]),
        ),
        ({"said": "2024-03-15"}, pl.col("said") == "03/15/2024"),
        ({"took": "90s..4m"}, pl.col("took").dt.total_minutes().is_between(2, 4)),
    ],
    ids=str,
)
def test_what_is_asked_is_met(mixed: nt.FittedModel, asked: dict[str, Any], holds: pl.Expr) -> None:
    made = mixed.sample(200, seed=1, where=asked)
    assert made.height == 200
    assert made.select(holds.all()).item(), asked
    assert made["code"].n_unique() == 200


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"aeg": 30}, "did you mean 'age'"),
        ({"age": "60..30"}, "is empty"),
        ({"age": "30<..30"}, "is empty"),
        ({"age": ".."}, "without ends"),
        ({"age": "x..3"}, "holds numbers, and 'x' is none"),
        ({"age": 30.5}, "whole numbers"),
        ({"age": True}, "holds numbers"),
        ({"pay": float("nan")}, "NaN is no condition"),
        ({"age": []}, "no value is asked for"),
        ({"sex": 1}, "holds text"),
        ({"ok": "maybe"}, "true or false"),
        ({"day": "soon"}, "holds dates"),
        ({"took": "long"}, "lengths of time"),
        ({"code": "ID-00001"}, "made anew"),
        ({"sex": "F"}, "did you mean 'f'"),
        ({"sex": "a..z"}, "not a label it learnt"),
        ({"age": None}, "never was in training"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused(
    mixed: nt.FittedModel, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        mixed.sample(10, where=asked)


def test_all_that_is_wrong_is_said_at_once(mixed: nt.FittedModel) -> None:
    with pytest.raises(DataError) as error:
        mixed.sample(10, where={"aeg": 1, "age": "9..1", "sex": 3})
    assert len(error.value.findings) == 3


@pytest.mark.parametrize("asked", [{"age": "200.."}, {"day": "..2020-01-01"}, {"took": ">9h"}])
def test_what_training_never_had_is_impossible_at_once(
    mixed: nt.FittedModel, asked: dict[str, Any]
) -> None:
    with pytest.raises(SamplingError, match="no row can meet the condition"):
        mixed.sample(10, where=asked)


def test_given_and_where_go_together_or_disagree(mixed: nt.FittedModel) -> None:
    cells = pl.DataFrame({"age": [20, 40, 60]})
    made = mixed.sample(given=cells, where={"pay": "..9", "ok": [True, False]})
    assert made["age"].to_list() == [20, 40, 60]
    with pytest.raises(DataError, match=r"2 of 3 given rows do not meet .* \(such as 40, 60\)"):
        mixed.sample(given=cells, where={"age": "..30"})


def test_half_a_pair_is_refused_and_free_cells_are_not() -> None:
    g = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"latitude": (48 + g.random(600)).round(4), "longitude": [0.0] * 600}
    ).with_columns(longitude=(pl.col("latitude") - 32 + pl.Series(g.random(600)) / 20).round(4))
    data = as_data(frame)
    assert data.table.columns["latitude"].kind == "geo"
    model = Trees(refine=0).fit(data, rng=Rng(0))
    half = frame.select("latitude").head(5)
    with pytest.raises(DataError, match="partner 'longitude'"):
        model.sample(rng=Rng(0), known=Known(half))
    free = pl.DataFrame({"latitude": [True] * 5})
    assert model.sample(rng=Rng(0), known=Known(half, free)).rows == 5
    # One half known and the other free: what is drawn lies near points of that latitude.
    lonely = pl.DataFrame({"latitude": [False] * 600, "longitude": [True] * 600})
    made = model.sample(rng=Rng(0), known=Known(frame, lonely)).frame
    assert made["latitude"].equals(frame["latitude"])
    away = (made["longitude"] - made["latitude"] - frame["longitude"] + frame["latitude"]).abs()
    assert away.median() < 0.1
    known = Known(where=(Condition("latitude", low=48.2, high=48.4),))
    made = model.sample(200, rng=Rng(0), known=known).frame
    assert made["latitude"].is_between(48.2, 48.4).all()


def test_cases_have_their_numbers_of_rows_and_identifiers_never_repeat(
    mixed: nt.FittedModel, caplog: pytest.LogCaptureFixture
) -> None:
    cases = [Case({"age": "..30"}, 40), Case({"age": ">60", "ok": True}, 30)]
    with caplog.at_level(logging.INFO, "neotype"):
        made = mixed.sample(where=cases, seed=3)
    assert made.height == 70
    assert made["age"].head(40).max() <= 30
    assert made["age"].tail(30).to_list() == [70] * 30
    assert made["code"].n_unique() == 70
    assert "70 rows rest on about" in caplog.text
    with pytest.raises(SamplingError, match="rows is said beside cases"):
        mixed.sample(10, where=cases)
    with pytest.raises(SamplingError, match="not one of cases"):
        mixed.sample(where=[{"age": 30}])  # type: ignore[list-item]


def test_conditions_on_one_column_that_contradict_each_other_are_found(
    mixed: nt.FittedModel,
) -> None:
    columns = mixed.schema.columns
    one, two = (wanted({"age": text}, columns) for text in ("60..", "..30"))
    assert at_odds((*one, *two)) == ["'age': these conditions contradict each other"]
    assert at_odds((*one, *wanted({"age": [20, 70]}, columns))) == []
    assert at_odds((*one, *wanted({"age": 20}, columns))) != []
    with pytest.raises(DataError, match="contradict each other"):
        mixed.model.sample(5, rng=Rng(0), known=Known(where=(*one, *two)))


NUMBERS = st.integers(-(10**6), 10**6)


@given(NUMBERS, NUMBERS, st.booleans(), st.booleans(), st.sampled_from(["", " "]))
@settings(deadline=None)
def test_a_range_is_read_as_it_is_written(
    one: int, two: int, low_open: bool, high_open: bool, space: str
) -> None:
    low, high = min(one, two), max(one, two)
    columns = infer_schema({"t": MIXED}).columns
    text = f"{low}{space}{'<' * low_open}..{'<' * high_open}{space}{high}"
    if low == high and (low_open or high_open):
        with pytest.raises(DataError, match="is empty"):
            wanted({"age": text}, columns)
        return
    (found,) = wanted({"age": text}, columns)
    cells = pl.Series([low - 1, low, low + 1, high - 1, high, high + 1])
    expected = [
        (c > low if low_open else c >= low) and (c < high if high_open else c <= high)
        for c in cells
    ]
    assert found.holds(cells).to_list() == expected


# Constraints


def stays() -> Dataset:
    g = np.random.default_rng(0)
    low = g.integers(0, 50, 2000)
    frame = pl.DataFrame({"low": low, "high": low + g.integers(0, 20, 2000)})
    return as_data(frame, constraints=(Inequality(low="low", high="high"),))


@pytest.mark.parametrize("refine", [0, 2])
def test_conditions_hold_beside_constraints(refine: int) -> None:
    model = learn(Trees(refine=refine), stays(), rng=Rng(0))
    where = (Condition("high", low=40), Condition("low", high=30))
    made = model.sample(300, rng=Rng(0), known=Known(where=where)).frame
    assert met(where, made).all()
    assert (made["low"] <= made["high"]).all()
    cells = pl.DataFrame({"high": [10, 45, 60]})
    made = model.sample(rng=Rng(0), known=Known(cells)).frame
    assert made["high"].to_list() == [10, 45, 60]
    assert (made["low"] <= made["high"]).all()


def test_what_contradicts_a_constraint_is_refused_with_its_rows() -> None:
    model = learn(Trees(refine=0), stays(), rng=Rng(0))
    cells = pl.DataFrame({"low": [1, 30, 5], "high": [2, 20, 4]})
    with pytest.raises(DataError, match=r"Inequality.* in 2 of 3 rows: 1, 2"):
        model.sample(rng=Rng(0), known=Known(cells))
    where = (Condition("low", values=(30,)), Condition("high", values=(20,)))
    with pytest.raises(DataError, match="contradicts constraints"):
        model.sample(5, rng=Rng(0), known=Known(where=where))


# The command line


@pytest.fixture(scope="module")
def saved(mixed: nt.FittedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed.save(tmp_path_factory.mktemp("model") / "m.neotype")


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["sample", *words])


def test_where_on_the_command_line(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    asked = (
        "--where",
        "age=30..60",
        "--where",
        "sex=m",
        "--where",
        "sex=",
        "--where",
        "day=..2024-05-20",
    )
    done = run(str(saved), "-n", "50", "-o", str(out), "--json", *asked)
    assert done.exit_code == 0, done.output
    made = pl.read_parquet(out)
    assert made["age"].is_between(30, 60).all()
    assert set(made["sex"]) <= {"m", None}
    assert '"effective"' in done.output


@pytest.mark.parametrize("name", ["cases.yaml", "cases.csv"])
def test_cases_in_a_file(saved: Path, tmp_path: Path, name: str) -> None:
    cases, out = tmp_path / name, tmp_path / "out.parquet"
    text = "- {rows: 20, where: {age: 20}}\n- {rows: 10, where: {age: 60.., sex: m}}\n"
    cases.write_text(text if name.endswith("yaml") else "rows,age,sex\n20,20,\n10,60..,m\n")
    done = run(str(saved), "--cases", str(cases), "--where", "ok=yes", "-o", str(out), "--json")
    assert done.exit_code == 0, done.output
    made = pl.read_parquet(out)
    assert made["age"].head(20).to_list() == [20] * 20
    assert (made["age"].tail(10) >= 60).all()
    assert made["sex"].tail(10).to_list() == ["m"] * 10
    assert made["ok"].all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--where", "age"], "is no condition"),
        (["--where", "age=9..1"], "is empty"),
        (["--cases", "none.csv"], "none.csv"),
    ],
)
def test_bad_conditions_on_the_command_line(
    saved: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    done = run(str(saved), "-o", str(tmp_path / "x.csv"), *words)
    assert done.exit_code == 1
    assert said in str(done.exception or "") + done.output


def test_a_folder_of_conditional_rows_is_refused(saved: Path, tmp_path: Path) -> None:
    done = run(str(saved), "-o", str(tmp_path / "parts"), "--where", "age=20")
    assert done.exit_code == 1
    assert "one file" in str(done.exception or "") + done.output


def test_an_unknown_column_of_known_cells_names_the_nearest(mixed: nt.FittedModel) -> None:
    with pytest.raises(ColumnNotFoundError, match="did you mean 'age'"):
        mixed.model.sample(3, rng=Rng(0), known=Known(where=(Condition("agee", low=3),)))


def test_texts_of_true_and_false_are_asked_for_in_any_case() -> None:
    g = np.random.default_rng(0)
    frame = pl.DataFrame({"paid": np.where(g.random(500) < 0.3, "True", "False")})
    data = as_data(frame)
    model = learn(Trees(refine=0), data, rng=Rng(0))
    columns = data.schema.columns
    for asked in (True, "true", "TRUE", "yes", "True"):
        known = Known(where=wanted({"paid": asked}, columns))
        assert set(model.sample(50, rng=Rng(1), known=known).frame["paid"]) == {"True"}
    with pytest.raises(DataError, match="its labels are 'False' and 'True'"):
        wanted({"paid": "maybe"}, columns)
    known = conform_given(pl.DataFrame({"paid": [True, False]}), data.schema)
    assert known.cells is not None
    assert known.cells["paid"].to_list() == ["True", "False"]


def test_a_given_row_that_cannot_be_is_given_up_in_seconds() -> None:
    g = np.random.default_rng(0)
    frame = pl.DataFrame({"months": g.integers(1, 6, 400) * 12, "rate": g.integers(1, 99, 400)})
    frame = frame.with_columns(total=pl.col("months") * pl.col("rate"))
    rule = nt.constraints.ColumnFormula(column="total", expression="months * rate")
    model = nt.fit(frame, constraints=[rule], refine=0)
    begun = time.monotonic()
    with pytest.raises(SamplingError, match="1 rows are asked for, and only 0"):
        model.sample(given=pl.DataFrame({"months": [24], "total": [241]}))
    assert time.monotonic() - begun < 30
