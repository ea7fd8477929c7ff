"""Several tables of one real table: who comes first follows a rule that is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
import report_browser
import report_cases as cases
from neotype.choose.recipes import Cost, called, read_recipe
from neotype.cli import app
from neotype.errors import DataError, OutputExistsError
from neotype.evaluate.metric import Score
from neotype.report.compare import ComparisonReport, build_comparison
from neotype.report.contest_page import contest_page
from neotype.report.report import Report

ADULT = Path(__file__).parents[1] / "examples" / "adult.parquet"
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report() -> Report:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.normal(size=400), "y": rng.integers(0, 4, 400).astype(str)})
    return cases.small_report(frame)


def moved(report: Report, by: float, half: float = 0.001, **verdicts: str) -> Report:
    """The same scores, worse by this much, with intervals of this half width."""

    def score(one: Score) -> Score:
        value = (one.value or 0.0) + (-by if one.better == "higher" else by)
        word = verdicts.get(one.axis, one.verdict)
        return replace(one, value=value, interval=(value - half, value + half), verdict=word)

    return replace(report, scores=tuple(score(one) for one in report.scores))


def contest(found: ComparisonReport, metric: str) -> dict[str, tuple[int | None, bool]]:
    one = next(c for c in found.contests if c.metric == metric)
    return {entry.table: (entry.rank, entry.wins) for entry in one.entries}


def test_a_clear_order_is_found_whatever_the_order_of_the_reports(report: Report) -> None:
    tables = {"good": moved(report, 0.02), "middle": moved(report, 0.05), "bad": moved(report, 0.1)}
    for names in (["bad", "good", "middle"], ["middle", "bad", "good"]):
        found = build_comparison({name: tables[name] for name in names})
        assert found.tables == ("good", "middle", "bad")
        assert [standing.place for standing in found.ranking] == [1, 2, 3]
        assert contest(found, "trend") == {
            "good": (1, True), "middle": (2, False), "bad": (3, False),
        }  # fmt: skip
    assert "good comes first of 3" in found.headline


def test_overlapping_intervals_part_nobody(report: Report) -> None:
    found = build_comparison({"a": moved(report, 0.02, 0.05), "b": moved(report, 0.03, 0.05)})
    assert {standing.place for standing in found.ranking} == {1}
    assert all(not entry.wins for one in found.contests for entry in one.entries)
    assert "No table is ahead" in found.headline


def test_a_rank_counts_only_those_that_are_clearly_better(report: Report) -> None:
    """Overlap is not transitive: b overlaps both, c overlaps b alone."""
    tables = {"a": 0.02, "b": 0.05, "c": 0.08}
    found = build_comparison({name: moved(report, by, 0.02) for name, by in tables.items()})
    assert contest(found, "trend") == {"a": (1, True), "b": (1, True), "c": (2, False)}


def test_more_than_real_rows_score_is_no_advantage(report: Report) -> None:
    floor = next(score.floor for score in report.scores if score.metric == "shape")
    assert floor is not None

    def of(value: float) -> Report:
        scores = tuple(
            replace(s, value=value, interval=(value - 0.0001, value + 0.0001))
            if s.metric == "shape"
            else s
            for s in report.scores
        )
        return replace(report, scores=scores)

    ranks = contest(
        build_comparison(
            {"copy": of(floor + 0.005), "honest": of(floor), "weak": of(floor - 0.01)}
        ),
        "shape",
    )
    assert ranks == {"copy": (1, True), "honest": (1, True), "weak": (3, False)}


def test_poor_privacy_never_comes_before(report: Report) -> None:
    found = build_comparison({
        "copier": moved(report, 0.0, privacy="poor"),
        "unchecked": replace(
            report, scores=tuple(s for s in moved(report, 0.05).scores if s.axis != "privacy")
        ),
        "weak": moved(report, 0.1, fidelity="poor", utility="poor"),
    })  # fmt: skip
    assert found.tables == ("weak", "unchecked", "copier")
    alone = build_comparison({"a": moved(report, 0.0, privacy="poor"),
                              "b": moved(report, 0.1, privacy="poor")})  # fmt: skip
    assert "None of these tables is ready to share" in alone.headline


def test_only_judged_measures_that_every_table_has_count(report: Report) -> None:
    without = tuple(
        replace(s, value=None, interval=None, verdict="not measured") if s.metric == "trend" else s
        for s in report.scores
    )
    shown = tuple(
        replace(s, verdict="not judged") if s.metric == "c2st" else s
        for s in moved(report, 0.1).scores
    )
    found = build_comparison({
        "a": replace(report, scores=without), "b": replace(report, scores=shown),
    })  # fmt: skip
    by_name = {one.metric: one for one in found.contests}
    assert by_name["trend"].why == "not measured for a"
    assert by_name["c2st"].why == "shown, not judged"
    for name in ("trend", "c2st"):
        assert not by_name[name].counted
        assert all(entry.rank is None for entry in by_name[name].entries)
    assert by_name["shape"].counted


def test_reports_on_other_real_rows_are_refused_with_every_difference(report: Report) -> None:
    with pytest.raises(DataError, match="two reports or more"):
        build_comparison({"alone": report})
    shorter = replace(report, rows={**report.rows, "train": 399})
    renamed = replace(report, schema=(replace(report.schema[0], name="z"), *report.schema[1:]))
    with pytest.raises(DataError) as refused:
        build_comparison({"a": report, "b": shorter, "c": renamed})
    said = str(refused.value)
    assert "400 and 399 train rows" in said
    assert "x, z" in said
    rng = np.random.default_rng(9)
    other = pl.DataFrame({"x": rng.normal(size=400), "y": rng.integers(0, 4, 400).astype(str)})
    with pytest.raises(DataError, match="different rows"):
        build_comparison({"a": report, "b": cases.small_report(other)})


def test_page_card_and_json_say_the_same(report: Report, tmp_path: Path) -> None:
    found = build_comparison({EVIL: moved(report, 0.02), "other|`b`": moved(report, 0.1)})
    html = found.to_html(tmp_path / "c.html").read_text()
    text = found.to_markdown(tmp_path / "c.md").read_text()
    facts = json.loads(found.to_json(tmp_path / "c.json").read_text())
    assert facts["ranking"][0]["table"] == EVIL
    assert facts["rule"]
    assert EVIL not in html
    assert EVIL not in text
    for one in found.contests:
        assert one.title in html
        assert one.title in text
    assert html.count("★ ahead") == sum(e.wins for c in found.contests for e in c.entries)
    assert "default-src 'none'" in html
    assert "anonym" not in html.lower()
    assert len(html.partition('id="plotly"')[0]) < 200_000
    with pytest.raises(OutputExistsError):
        found.to_html(tmp_path / "c.html")


def test_a_question_that_no_table_was_measured_on_has_no_legend(report: Report) -> None:
    blank = cases.missed("demographic_parity", "fairness")
    tables = {name: replace(report, scores=(*report.scores, blank)) for name in ("a", "b")}
    page = contest_page(build_comparison(tables))
    assert "score with its 95% interval" in page
    drawn = page.partition('-title">Fairness</h2>')[2]
    assert "Measured for no table" in drawn
    assert "score with its 95% interval" not in drawn


# ---- recipes, and the frontier of fidelity, copying and time ------------------------------------


def scored(report: Report, c2st: float, dcr: float, half: float = 0.01) -> Report:
    values = {"c2st": c2st, "dcr_share": dcr}
    scores = tuple(
        replace(s, value=(v := values[s.metric]), interval=(v - half, v + half))
        if s.metric in values
        else s
        for s in report.scores
    )
    return replace(report, scores=scores)


def test_on_the_frontier_is_whom_nobody_beats(report: Report, tmp_path: Path) -> None:
    tables = {
        "close": scored(report, 0.56, 0.51), "fast": scored(report, 0.60, 0.51),
        "slow": scored(report, 0.62, 0.50), "copier": scored(report, 0.52, 0.60),
        "vendor": scored(report, 0.98, 0.50), "best": scored(report, 0.53, 0.515),
    }  # fmt: skip
    costs = {"close": Cost(40.0, 38.0), "fast": Cost(4.0, 4.0), "slow": Cost(90.0, 80.0),
             "copier": Cost(1.0, 1.0), "best": Cost(38.0, 36.0)}  # fmt: skip
    found = build_comparison(tables, costs=costs, made=tuple(costs), failed={"x<i>": "it is <b>."})
    frontier = found.frontier
    assert frontier is not None
    assert [point.table for point in frontier.front] == ["best", "fast"]
    assert [point.table for point in frontier.points if point.out] == ["copier"]
    html = found.to_html(tmp_path / "c.html").read_text()
    text = found.to_markdown(tmp_path / "c.md").read_text()
    facts = json.loads(found.to_json(tmp_path / "c.json").read_text())
    assert facts["frontier"]["front"] == ["best", "fast"]
    assert facts["ranking"][0]["seconds"] == 38.0
    assert facts["failed"] == {"x<i>": "it is <b>."}
    assert "x<i>" not in html
    for said in (html, text):
        assert "not known" in said  # the vendor's time
        assert "out: copies" in said
    if report_browser.CHROMIUM is not None:
        with report_browser.browser() as page:
            page.open(tmp_path / "c.html", width=390, dark=True)
            assert page.faults() == []
            assert page.ask("document.querySelectorAll('#frontier .js-plotly-plot').length") == 2
            assert page.ask("document.documentElement.scrollWidth") == 390


def test_who_never_loses_is_not_beaten_by_a_time_that_nobody_knows(report: Report) -> None:
    tables = {"theirs": scored(report, 0.55, 0.5), "ours": scored(report, 0.60, 0.5)}
    found = build_comparison(tables, costs={"ours": Cost(1.0)}).frontier
    assert found is not None
    assert [point.table for point in found.front] == ["theirs"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("trees", "trees"),
        ("trees( refine = 0,leaf=20 )", "trees(refine=0, leaf=20)"),
        ("copula(marginals=parametric)", "copula(marginals=parametric)"),
        ("vine(families=[gaussian, grid])", "vine(families=[gaussian, grid])"),
    ],
)
def test_recipes_are_read_as_they_are_written(said: str, name: str) -> None:
    found, recipe = read_recipe(said)
    assert found == name
    assert recipe == read_recipe(found)[1]


@pytest.mark.parametrize("said", ["", "trees(refine)", "trees(refine=0", "tree", "trees(leafs=2)"])
def test_what_is_no_recipe_is_refused(said: str) -> None:
    with pytest.raises(nt.NeotypeError):
        read_recipe(said)


def test_settings_are_shown_whatever_they_are() -> None:
    settings = {"rate": 0.00123456, "copula": True, "seconds": None, "first": ("a", "b")}
    assert called("gan", settings) == ("gan(rate=0.00123, copula=true, seconds=null, first=[a, b])")


def test_recipes_learn_beside_a_file_and_one_that_fails_is_named(
    tmp_path: Path,
) -> None:
    frame = pl.read_parquet(ADULT).select("age", "education", "sex", "income").head(1_200)
    frame[:800].write_parquet(tmp_path / "train.parquet")
    frame[800:].write_parquet(tmp_path / "holdout.parquet")
    nt.fit(frame[:800], synthesizer="independent").sample(800).write_parquet(
        tmp_path / "theirs.parquet"
    )
    done = CliRunner().invoke(app, [
        "compare", str(tmp_path / "theirs.parquet"), "--recipe", "trees(refine=0)",
        "--recipe", "trees(first=[nowhere])",
        "--train", str(tmp_path / "train.parquet"), "--holdout", str(tmp_path / "holdout.parquet"),
        "--metric", "c2st", "--metric", "dcr_share", "--seconds", "theirs=6m", "--json",
    ])  # fmt: skip
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    by_name = {one["table"]: one for one in facts["ranking"]}
    assert by_name["theirs"]["seconds"] == 360
    assert by_name["theirs"]["cpu"] is None
    assert by_name["trees(refine=0)"]["recipe"]
    assert by_name["trees(refine=0)"]["cpu"] > 0
    assert facts["frontier"]["front"][0] == "trees(refine=0)"
    assert "nowhere" in facts["failed"]["trees(first=[nowhere])"]
    with pytest.raises(DataError, match="every recipe failed"):
        nt.compare([tmp_path / "theirs.parquet"], recipes=["trees(first=[nowhere])"],
                   train=frame[:800], holdout=frame[800:], metrics=["c2st"])  # fmt: skip
    with pytest.raises(DataError, match="1 recipe cannot be compared"):
        nt.compare(recipes=["trees"], train=frame[:800], holdout=frame[800:])


def test_a_recipe_that_needs_what_is_not_there_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("neotype.synth.network.find_spec", lambda name: None)
    frame = pl.DataFrame({"n": range(400), "kind": ["a", "b"] * 200})
    found = nt.compare(
        recipes=["trees(refine=0)", "vae"],
        train=frame[::2], holdout=frame[1::2], metrics=["c2st", "dcr_share"],
    )  # fmt: skip
    assert "pip install 'neotype[deep]'" in found.failed["vae"]
