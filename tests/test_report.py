"""A report is a value: it reads back, tells the truth in plain words, and shows no rare value."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import report_cases as cases
from neotype.errors import OutputExistsError, SourceError
from neotype.evaluate.asked import Claim
from neotype.evaluate.metric import Score
from neotype.evaluate.privacy.audit import EpsilonAudit
from neotype.report.card import card
from neotype.report.page import READERS, page
from neotype.report.parts.attacks import pictures
from neotype.report.report import Report
from neotype.report.words import goal, number, percent, summarize, unsure


@pytest.fixture(scope="module")
def report() -> Report:
    return cases.adult_report()


def everything(report: Report) -> str:
    """All that leaves the house, without the packed Plotly."""
    return page(report).split('id="plotly"')[0] + json.dumps(report.to_facts()) + card(report)


def verdicts(**changed: str) -> tuple[Score, ...]:
    made = cases.scores(["a", "b", "income"])
    return tuple(replace(s, verdict=changed.get(s.axis, "good")) for s in made)


def test_json_reads_back_as_the_same_report(report: Report, tmp_path: Path) -> None:
    path = report.to_json(tmp_path / "r.json")
    assert Report.read(path) == report
    facts = json.loads(path.read_text())
    assert facts["verdict"]["headline"] == report.summary.headline
    assert {score["metric"] for score in facts["scores"]} >= {"c2st", "dcr_share", "tstr"}


def test_numbers_that_json_cannot_hold_become_none(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": np.arange(50.0)})
    report = cases.small_report(frame)
    odd = replace(report.scores[0], detail={"columns": {"x": math.nan, "y": np.float64(0.5)}})
    text = replace(report, scores=(odd,)).to_json(tmp_path / "r.json").read_text()
    assert json.loads(text)["scores"][0]["detail"] == {"columns": {"x": None, "y": 0.5}}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"neotype_report": 1}', "\x00"])
def test_a_file_that_is_no_report_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(SourceError, match="is not a neotype report"):
        Report.read(path)


def test_a_newer_or_absent_file_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"neotype_report": 99}')
    with pytest.raises(SourceError, match="newer neotype"):
        Report.read(path)
    with pytest.raises(SourceError, match="cannot be read"):
        Report.read(tmp_path / "none.json")


@pytest.mark.parametrize("write", ["to_html", "to_json", "to_markdown"])
def test_a_taken_path_is_kept_unless_forced(report: Report, tmp_path: Path, write: str) -> None:
    path = tmp_path / "taken"
    path.write_text("mine")
    with pytest.raises(OutputExistsError):
        getattr(report, write)(path)
    assert path.read_text() == "mine"
    getattr(report, write)(path, force=True)
    assert path.read_text() != "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_the_verdict_is_the_worst_of_what_was_measured() -> None:
    good = summarize(verdicts())
    assert [line.verdict for line in good.lines] == ["good"] * 3
    assert "raised no alarm" in good.headline
    assert "Not ready to share" in summarize(verdicts(privacy="poor")).headline
    assert "Not ready to share" in summarize(verdicts(privacy="poor", fidelity="poor")).headline
    assert "weak" in summarize(verdicts(fidelity="poor", utility="poor")).headline
    assert "caution" in summarize(verdicts(privacy="fair")).headline
    unchecked = [score for score in verdicts() if score.axis != "privacy"]
    assert "not checked" in summarize(unchecked).headline
    assert "Nothing was measured" in summarize([]).headline


def test_too_few_rows_are_not_told_as_a_fault_of_the_table() -> None:
    """A fair score whose interval reaches the target may well be good: the words say so."""
    wide = {"higher": (0.0, 1.0), "lower": (0.0, 1.0), "near_floor": (0.0, 1.0)}
    for axis, words in (
        ("privacy", "too close to the limit to call"),
        ("fidelity", "this many rows"),
    ):
        made = verdicts(**{axis: "fair"})
        unsure = summarize([replace(s, interval=wide[s.better]) for s in made])
        assert words in unsure.headline
        line = next(line.text for line in unsure.lines if line.axis == axis)
        assert "Too close to call with this many rows: " in line
        assert "Rated fair" not in line
        narrow = {"higher": (0.0, 0.1), "lower": (0.9, 1.0), "near_floor": (0.9, 1.0)}
        sure = summarize([replace(s, interval=narrow[s.better]) for s in made])
        assert words not in sure.headline
        assert "Too close" not in " ".join(line.text for line in sure.lines)
    detected = [s for s in verdicts(fidelity="poor", utility="poor") if s.metric != "c2st"]
    assert "easily told" not in summarize(detected).headline


def test_the_verdict_says_the_numbers_and_which_measure_is_to_blame(report: Report) -> None:
    for name in ("c2st", "tstr", "mia_distance", "exact_copies"):
        meaning = next(score.meaning for score in report.scores if score.metric == name)
        assert meaning in report.verdict
    assert "Rated fair because of: Detection (C2ST)" in report.verdict
    unmeasured = summarize([cases.missed()]).lines[1]
    assert unmeasured.text == "Not measured: no target was named."


def judged(metric: str, verdict: str, axis: str = "privacy", **detail: object) -> Score:
    return Score(
        metric, f"The {metric}", axis, 0.5, (0.49, 0.51), 0.1, "lower", 0.1, verdict,
        f"Meaning of {metric}.", detail,
    )  # fmt: skip


def test_a_refuted_claim_is_the_headline_whatever_else_was_found() -> None:
    claim = {"epsilon": 1.0, "delta": 1e-6, "unit": "patient"}
    refuting = judged("epsilon_audit", "poor", claim=claim, refuted=True)
    summary = summarize([*verdicts(privacy="poor"), refuting], cases.RULING)
    assert summary.headline == "The claimed guarantee is refuted."
    assert "epsilon 1, delta 1e-06, protecting each patient" in summary.caveat
    assert next(ln for ln in summary.lines if ln.axis == "privacy").sentences[0] == refuting.meaning
    kept = replace(refuting, verdict="good", detail={"claim": claim, "refuted": False})
    assert "refuted" not in summarize([*verdicts(), kept]).headline
    assert "cannot prove" in summarize([*verdicts(), kept]).caveat
    assert "no formal privacy guarantee" not in summarize([*verdicts(), kept]).caveat


def test_a_claim_that_could_not_be_audited_is_not_called_absent() -> None:
    blank = EpsilonAudit(claim=Claim(1.0)).blank("too few rows.")
    assert "epsilon 1" in summarize([blank]).caveat
    html = page(replace(cases.adult_report(), scores=(blank,)))
    assert "No formal guarantee is claimed" not in html


def test_a_policy_that_refuses_is_the_headline_before_the_scores() -> None:
    assert summarize(verdicts(), cases.RULING).headline == cases.RULING.headline
    assert "refuses" in cases.RULING.headline
    allowed = replace(cases.RULING, outcomes=cases.RULING.outcomes[2:])
    assert "Not ready to share" in summarize(verdicts(privacy="poor"), allowed).headline


def test_the_privacy_line_leads_with_the_gravest_attack_and_names_it() -> None:
    good = [judged(name, "good") for name in ("exact_copies", "linkability", "mia_distance")]
    poor = judged("attribute_inference", "poor")
    shown = judged("k_anonymity", "not judged")
    summary = summarize([*good, shown, poor])
    line = next(line for line in summary.lines if line.axis == "privacy")
    assert line.sentences[0] == poor.meaning
    assert "Rated poor because of: The attribute_inference." in line.text
    assert "secrets of people" in summary.headline
    copied = summarize([poor, judged("exact_copies", "poor")])
    assert "training rows were copied" in copied.headline


def test_what_is_not_judged_counts_neither_for_nor_against() -> None:
    shown = judged("k_anonymity", "not judged")
    assert summarize([*verdicts(), shown]).headline == summarize(verdicts()).headline
    only = summarize([s for s in verdicts() if s.axis != "privacy"] + [shown])
    assert next(ln.verdict for ln in only.lines if ln.axis == "privacy") == "not measured"
    assert "not checked" in only.headline


def test_one_weak_measure_among_many_is_named_and_not_taken_for_the_whole() -> None:
    many = [judged(f"m{k}", "good", "fidelity") for k in range(8)]
    weak = judged("rare_events", "poor", "fidelity")
    others = [s for s in verdicts() if s.axis != "fidelity"]
    assert summarize([*many, weak, *others]).headline.endswith("weakness: The rare_events.")
    told = replace(weak, metric="c2st")
    assert "easily told" in summarize([*many, told, *others]).headline
    assert "differs clearly" in summarize([weak, *others]).headline


def test_too_few_rows_near_a_floor_are_told_from_a_fault() -> None:
    """Beside the floor good lies on both sides of it."""
    near = Score(
        "dcr_share", "DCR share", "privacy", 0.4, (0.38, 0.42), 0.5, "near_floor", 0.515,
        "fair", "",
    )  # fmt: skip
    assert not unsure(near)
    assert unsure(replace(near, value=0.47, interval=(0.44, 0.5)))


def test_the_ruling_is_in_page_card_and_file(tmp_path: Path) -> None:
    report = cases.full_report()
    assert Report.read(report.to_json(tmp_path / "r.json")) == report
    for text in (page(report), card(report)):
        assert report.summary.headline == cases.RULING.headline
        for outcome in cases.RULING.outcomes:
            assert outcome.words in text
    assert "Asked: at most 0.05." in page(report)


@pytest.mark.parametrize("state", ["good", "fair", "poor", "not measured"])
def test_no_wording_promises_what_was_not_shown(state: str) -> None:
    train = pl.DataFrame({"a": range(100), "b": range(100)})
    made = cases.small_report(train)
    judged = tuple(replace(s, verdict=state) for s in made.scores)
    text = everything(replace(made, scores=judged)).lower()
    assert not re.search("(?<!k-)(?<!k_)anonym", text)
    assert "no formal privacy guarantee" in text
    for sentence in text.replace("guarantee of", "").split("."):
        if "guarantee" in sentence:
            assert any(no in sentence for no in ("no formal", "not a guarantee"))


def test_every_number_leads_to_how_it_was_computed() -> None:
    report = cases.full_report()
    html = page(report)
    for score in report.scores:
        method = html.split(f'id="how-{score.metric}"')[1].split("</article>")[0]
        assert score.meaning in method
        for said in (score.how, score.reference):
            assert said in method
    assert "Nobody et al. 2020" in html.split('id="scores"')[1].split('id="columns"')[0]


def test_the_legal_part_says_who_attacks_and_what_was_not_tried() -> None:
    report = cases.full_report()
    privacy = page(report).split('<section id="privacy"')[1].split("</section>")[0]
    for words in ("The attacker has", "Singling out", "Linkability", "Inference", "Membership"):
        assert words in privacy
    assert "Claimed: differential privacy with epsilon 1, delta 1e-06" in privacy
    untested = privacy.split('id="untested"')[1]
    assert "no target was named" in untested.lower()
    assert "retrains the recipe" in untested
    assert "Someone elses" in privacy
    for name in (
        "people in the training data 31.0% (28.0% to 34.0%)",
        "guessing without the table",
    ):
        assert name in privacy
    plain = page(cases.adult_report())
    assert "No formal guarantee is claimed." in plain
    in_vain = replace(cases.missed("attribute_inference", "privacy"), detail={
        "reason": "it only guessed.", "main": 0.2, "control": 0.2, "baseline": 0.2,
    })  # fmt: skip
    tried = page(replace(cases.adult_report(), scores=(in_vain,)))
    assert "inconclusive" in tried


def test_coefficients_are_drawn_with_their_intervals_and_the_worst_comes_first() -> None:
    useful = page(cases.full_report()).split('<section id="usefulness"')[1].split("</section>")[0]
    assert "real 0.400 (0.300 to 0.500); synthetic 0.300 (0.100 to 0.500)" in useful
    forest = useful.split("Coefficients of the logistic regression")[1]
    assert forest.index("sex = Male") < forest.index(">age<")


def test_an_event_that_is_not_there_has_no_place_on_a_logarithmic_scale() -> None:
    html = page(cases.full_report()).split('<section id="rare"')[1].split("</section>")[0]
    assert "real 0.4%; synthetic 0%" in html
    assert html.count(">none</text>") == 1


def test_within_a_threat_the_worst_comes_first() -> None:
    told = [judged("exact_copies", "good"), judged("near_copies", "poor"), judged("nndr", "fair")]
    html = page(replace(cases.adult_report(), scores=tuple(told)))
    copies = html.split('id="threat-copies"')[1].split("</article>")[0]
    places = [copies.index(f"The {name}") for name in ("near_copies", "nndr", "exact_copies")]
    assert places == sorted(places)


JUNK = (None, "x", 3, [], {}, [None], [1.0, None], {"a": None}, [[]], True, [{"group": "a"}])


def test_details_of_any_shape_are_drawn_or_left_out() -> None:
    """A third party, or another version, may say anything under any key."""
    report = cases.full_report()
    for place, score in enumerate(report.scores):
        for key, value in score.detail.items():
            details = [{**score.detail, key: junk} for junk in JUNK]
            if isinstance(value, dict):
                inside = [{**value, inner: junk} for inner in value for junk in JUNK]
                details += [{**score.detail, key: part} for part in inside]
            if isinstance(value, list) and value and isinstance(value[0], dict):
                inside = [{**value[0], inner: junk} for inner in value[0] for junk in JUNK]
                details += [{**score.detail, key: [part]} for part in inside]
            for detail in details:
                scores = list(report.scores)
                scores[place] = replace(score, detail=detail)
                odd = replace(report, scores=tuple(scores[place : place + 1]))
                for sections in READERS.values():
                    for section in sections:
                        if section.name not in ("columns", "schema"):
                            section.draw(odd)


def test_every_score_is_on_card_and_page_with_how_it_is_computed(report: Report) -> None:
    with_missed = replace(report, scores=(*report.scores, cases.missed("coverage")))
    html, text = page(with_missed), card(with_missed)
    for score in with_missed.scores:
        assert f'id="score-{score.metric}"' in html
        assert f'id="how-{score.metric}"' in html
        assert f'href="#how-{score.metric}"' in html
        assert f"| {score.title} |" in text
    assert "○ not measured" in text


def test_rare_real_values_are_nowhere() -> None:
    rng = np.random.default_rng(0)
    label = np.where(rng.random(2000) < 0.5, "common-a", "common-b").astype(object)
    label[:4] = "RARE-CANARY"
    label[10] = "UNIQUE-CANARY"
    amount = rng.normal(50_000, 9_000, 2000).round(2)
    amount[:4] = [987_654.32, 876_543.21, -765_432.1, 765_432.1]
    count = rng.integers(1, 6, 2000)
    count[7] = 424_242
    when = pl.Series(rng.integers(0, 10_000, 2000)).cast(pl.Int32).cast(pl.Date)
    when[3] = pl.Series([60_789]).cast(pl.Int32).cast(pl.Date)[0]
    train = pl.DataFrame({"label": label.astype(str), "amount": amount, "n": count, "when": when})
    text = everything(cases.small_report(train))
    assert "common-a" in text
    for secret in ("CANARY", "987654", "876543", "765432", "424242", "424,242", "2136-"):
        assert secret not in text


def test_no_bin_or_bar_holds_a_few_real_rows() -> None:
    rng = np.random.default_rng(1)
    rows = 300
    train = pl.DataFrame({
        "heavy": rng.standard_cauchy(rows), "skew": np.exp(3 * rng.normal(size=rows)),
        "zeros": np.where(rng.random(rows) < 0.8, 0.0, rng.normal(size=rows) * 1e4),
        "many": rng.zipf(1.5, rows).clip(max=10_000).astype(str),
    })  # fmt: skip
    for view in cases.small_report(train).marginals:
        bins = [round(share * rows) for share in view.real]
        named = [round(bar.real * rows) for bar in view.bars if bar.label != "other values"]
        assert all(count == 0 or count >= 5 for count in [*bins, *named]), view.name
        everything_drawn = sum(view.real) + sum(b.real for b in view.bars) + view.missing.real
        assert everything_drawn == pytest.approx(1)
        assert sum(view.synthetic) + sum(b.synthetic for b in view.bars) == pytest.approx(1)


def test_both_sides_are_counted_with_the_same_edges() -> None:
    train = pl.DataFrame({"x": np.repeat(np.arange(100.0), 10)})
    made = train.with_columns(pl.col("x").clip(upper_bound=49.0))
    view = cases.small_report(train, made).marginals[0]
    middle = next(i for i, edge in enumerate(view.edges) if edge >= 50)
    assert sum(view.real[:middle]) == pytest.approx(0.5, abs=0.05)
    assert sum(view.synthetic[:middle]) == pytest.approx(1)
    assert view.at[0] == 0
    assert view.at[-1] == 1


def test_missing_shares_are_of_all_rows() -> None:
    column = [None] * 30 + ["a"] * 70
    view = cases.small_report(pl.DataFrame({"c": column})).marginals[0]
    assert (view.missing.real, view.missing.synthetic) == (0.3, 0.3)
    assert [(bar.label, bar.real) for bar in view.bars] == [("a", 0.7)]
    floats = pl.DataFrame({"f": [math.nan] * 20 + [float(i) for i in range(80)]})
    assert cases.small_report(floats).marginals[0].missing.real == 0.2


HARD = {
    "all null": pl.Series([None] * 60, dtype=pl.Float64),
    "inf": [math.inf] * 10 + [1e308, -1e308] * 15 + [float(i) for i in range(20)],
    "huge": [2**63 - 1 - i for i in range(60)],
    "near": [1e9 + i * 1e-6 for i in range(60)],
    "zone": pl.Series(range(60)).cast(pl.Datetime("us", "UTC")),
    "clock": pl.Series([i * 10**9 * 1400 for i in range(60)]).cast(pl.Time),
    "span": pl.Series(range(60)).cast(pl.Duration("us")),
    "nested": [[1, 2]] * 60,
    "bytes": [b"\xff\x00"] * 60,
    "decimal": pl.Series(range(60)).cast(pl.Decimal(20, 3)),
    "日本語 😀": ["東京", "大阪"] * 30,
    "long": ["x" * 5000] * 60,
    "empty": [""] * 60,
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("rows", [0, 1, 60])
def test_any_column_can_be_drawn(name: str, rows: int) -> None:
    frame = pl.DataFrame({name: HARD[name]}).head(rows)
    kinds = {"span": {"kind": "duration"}, "nested": {"kind": "json"}, "long": {"kind": "text"}}
    chosen = {name: kinds[name]} if name in kinds else {}
    report = cases.small_report(frame, **chosen)
    assert Report.from_facts(json.loads(json.dumps(report.to_facts(), allow_nan=False))) == report
    assert f"<span>{name}</span>" in page(report)


def test_times_kept_as_text_are_drawn_as_times() -> None:
    days = pl.Series(range(1000)).cast(pl.Int32).cast(pl.Date).dt.strftime("%d/%m/%Y")
    kind = {"day": {"kind": "datetime", "part": "date", "format": "%d/%m/%Y"}}
    view = cases.small_report(pl.DataFrame({"day": days}), **kind).marginals[0]
    assert view.form == "histogram"
    assert view.texts[0] == "1970-01-01"
    assert view.texts[-1].startswith("1972-")


def test_numbers_read_as_people_write_them() -> None:
    assert [number(v) for v in (0.98123, 0.0, 0.0012, None, math.nan, 1234.5)] == [
        "0.981", "0", "0.0012", "–", "–", "1,234",
    ]  # fmt: skip
    assert [percent(v) for v in (0.0, 0.00001, 0.1234, 0.99999, 1.0)] == [
        "0%", "<0.1%", "12.3%", ">99.9%", "100%",
    ]  # fmt: skip


def test_one_good_measure_that_is_no_verdict_is_not_called_unmeasured() -> None:
    said = summarize([judged("exact_copies", "good")]).lines
    line = next(line for line in said if line.axis == "privacy")
    assert line.verdict == "not measured"
    assert "Not enough for a verdict: " in line.text
    assert "Not measured: " not in line.text


def test_a_target_near_a_floor_says_both_ends() -> None:
    near = replace(judged("equalised_odds", "good"), better="near_floor", floor=0.074, target=0.124)
    assert goal(near) == "0.074 ± 0.050"
    assert goal(replace(near, better="lower")) == "≤ 0.124"


def test_a_share_of_members_is_not_drawn_among_aucs_and_every_attacker_has_a_risk() -> None:
    aucs = judged("mia_distance", "good"), judged("mia_exposed", "good")
    drawn, _ = pictures("membership", [replace(score, value=0.5) for score in aucs])
    assert "The mia_distance" in drawn
    assert "The mia_exposed" not in drawn
    sure = replace(aucs[0], value=0.6, interval=(0.59, 0.61), floor=0.59)
    assert 'class="rule"' in pictures("membership", [sure])[0], "a coin toss is on the axis"
    risks = {
        "prosecutor": {"mean": 0.03, "share_above_0.09": 0.25},
        "journalist": {"mean": 0.01},
        "marketer": 0.02,
    }
    drawn, _ = pictures("disclosure", [judged("reidentification", "good", **risks)])
    assert "people with more than 9.0%: 25.0%" in drawn
    assert "Marketer" in drawn
    assert "mean: 2.0%" in drawn


def test_a_notebook_shows_a_report_in_one_line(report: Report) -> None:
    assert repr(report).count("\n") == 0
    assert report.summary.headline in repr(report)
    assert len(repr(report)) < 200


def test_an_importance_says_what_it_is(report: Report) -> None:
    parts = [{"column": name, "train": 0.2, "synthetic": 0.1} for name in ("age", "sex")]
    found = judged("importance_agreement", "good", "utility", columns=parts)
    drawn = page(replace(report, scores=(*report.scores, found)))
    assert "how much worse a model predicts when that column is shuffled" in drawn
