"""Reports on several tables and on sequences: every table is there, no key and no rare value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import report_browser
import report_cases
import report_databases as cases
from neotype.data import Dataset
from neotype.errors import DataError
from neotype.policy.expectations import check, rehearse
from neotype.policy.judge import judge
from neotype.policy.policy import read_policy
from neotype.report.card import card
from neotype.report.compare import build_comparison
from neotype.report.page import page
from neotype.report.parts.sequences import joined
from neotype.report.paths import FEWEST, owner_of, paths
from neotype.report.questions import QUESTIONS
from neotype.report.report import Report
from neotype.report.whole import summarize_tables, table_verdicts
from test_report_page import EVIL, Outline, evil

TABLES = ("region", "customer", "order", "line")


@pytest.fixture(scope="module")
def report() -> Report:
    return cases.shop_report()


@pytest.fixture(scope="module")
def panel() -> Report:
    return cases.visits_report()


class TestDatabase:
    def test_every_table_is_drawn_listed_and_told_by_itself(self, report: Report) -> None:
        html = page(report)
        for place, table in enumerate(TABLES):
            assert f'id="table-{place}"' in html
            assert f"<b>{table}</b>" in html
        assert len(re.findall(r'<text class="t"', html)) == len(TABLES)
        for part in ("diagram", "tables", "privacy", "between", "scores", "each", "methods"):
            assert f'<section id="{part}"' in html
        assert "order per customer" in html
        assert "line per order" in html
        assert QUESTIONS["cardinality"] in html
        assert "kept as it is" in html

    def test_elements_are_nested_ids_unique_and_links_lead_somewhere(self, report: Report) -> None:
        single = tuple(score for score in report.scores if score.table)
        for one in (report, replace(report, scores=single), replace(report, scores=())):
            outline = Outline(page(one))
            assert outline.open == []
            assert len(set(outline.ids)) == len(outline.ids)
            anchors = {str(a["href"]) for tag, a in outline.found if tag == "a"}
            assert {a for a in anchors if a[1:] not in outline.ids} == set()

    def test_nothing_is_loaded_and_no_script_is_needed(self, report: Report) -> None:
        html = page(report)
        assert "default-src 'none'" in html
        assert 'id="plotly"' not in html
        assert "url(" not in html
        for tag, attributes in Outline(html).found:
            assert tag not in ("link", "iframe", "img", "object", "embed", "base"), tag
            assert not {"src", "srcset", "action", "data"} & set(attributes), (tag, attributes)

    def test_no_key_and_no_rare_value_is_in_any_form(self, report: Report, tmp_path: Path) -> None:
        report.to_json(tmp_path / "r.json")
        written = (page(report), card(report), (tmp_path / "r.json").read_text())
        keys = set(cases.shop(1).frames["customer"]["customer_id"].to_list())
        assert len(keys) == 160
        for text in written:
            assert not re.search(r"K[0-9a-f]{8}\b", text.replace("K[0-9a-f]{8}", ""))
            assert cases.RARE_CITY not in text
            assert "987654" not in text.replace(",", "")

    def test_the_json_is_read_back_whole(self, report: Report, tmp_path: Path) -> None:
        again = Report.read(report.to_json(tmp_path / "r.json"))
        assert again == report
        facts = json.loads((tmp_path / "r.json").read_text())
        assert {score["table"] for score in facts["scores"]} == {"", *TABLES}
        assert [one["name"] for one in facts["database"]["tables"]] == list(TABLES)

    def test_the_card_names_every_table_and_score(self, report: Report) -> None:
        told = card(report)
        for table in TABLES:
            assert f"| {table} |" in told
        assert "| Column shapes of customer |" in told
        assert "order.customer\\_id → customer.customer\\_id" in told

    def test_orphans_are_the_verdict(self) -> None:
        broken = cases.shop_report(orphans=40)
        line = broken.summary.lines[0]
        assert line.verdict == "poor"
        assert "do not go together" in broken.summary.headline
        assert "Between tables" in line.text

    def test_names_that_are_markup_stay_words(self, report: Report) -> None:
        assert report.database is not None
        names = {name: EVIL + name for name in TABLES}
        facts = json.dumps(report.to_facts())
        for name, strange in names.items():
            facts = facts.replace(json.dumps(name), json.dumps(strange))
        named = Report.from_facts(json.loads(facts))
        scores = tuple(replace(s, detail=evil(s.detail), meaning=EVIL) for s in named.scores)
        told = replace(named, scores=scores)
        outline = Outline(page(told))
        assert outline.open == []
        assert len(outline.scripts) == 2
        assert EVIL not in page(told)
        assert EVIL not in card(told)

    def test_thirty_tables_of_twenty_columns_stay_small(self) -> None:
        html = page(cases.wide_report())
        assert html.count('class="column"') >= 30 * 20
        assert len(html) < 10e6
        outline = Outline(html)
        assert len(set(outline.ids)) == len(outline.ids)


class TestVerdict:
    def test_a_database_is_as_good_as_its_worst_table(self) -> None:
        good = [cases.plain_score("shape", table=t) for t in "abc"]
        bad = [*good, cases.plain_score("c2st", "poor", table="b")]
        assert [v.verdict for v in table_verdicts(bad, "abc")] == ["good", "poor", "good"]
        told = summarize_tables(bad, None, "abc")
        assert told.lines[0].verdict == "poor"
        assert "1 poor (b)" in told.lines[0].text
        privacy = cases.plain_score("dcr_share", "poor", table="c")
        assert "Not ready to share" in summarize_tables([*bad, privacy], None, "abc").headline
        assert "(c)" in summarize_tables([*bad, privacy], None, "abc").headline

    def test_what_was_not_judged_is_said(self) -> None:
        told = summarize_tables([cases.plain_score("shape", table="a")], None, ("a", "tiny"))
        assert "Not judged: tiny" in told.lines[0].text
        assert "Nothing was measured" in summarize_tables([], None, ("a",)).headline


class TestComparison:
    def test_databases_are_ranked_table_by_table(self, report: Report) -> None:
        broken = cases.shop_report(orphans=60)
        compared = build_comparison({"ours": report, "theirs": broken})
        about = {(contest.metric, contest.about) for contest in compared.contests}
        assert ("referential_integrity", "") in about
        assert ("shape", "customer") in about
        assert compared.tables[0] == "ours"
        assert compared.to_facts()["contests"]

    def test_a_database_and_a_table_cannot_be_compared(self, report: Report) -> None:
        with pytest.raises(DataError, match="not about the same real table"):
            build_comparison({"one": report, "other": report_cases.adult_report()})


class TestPolicy:
    def gates(self, *gates: dict[str, object]) -> dict[str, object]:
        return {"name": "mine", "gates": list(gates)}

    def test_a_gate_holds_in_every_table_or_in_the_one_that_is_named(self) -> None:
        scores = [
            replace(cases.plain_score("c2st", table="a"), value=0.55),
            replace(cases.plain_score("c2st", "poor", table="b"), value=0.9),
            replace(cases.plain_score("c2st", "not measured", table="tiny"), value=None),
        ]
        every = judge(read_policy(self.gates({"measure": "c2st", "at_most": 0.7})), scores)
        assert every is not None
        assert every.outcomes[0].status == "fail"
        assert every.outcomes[0].value == 0.9
        assert "b 0.9" in every.outcomes[0].words
        assert "Not measured in tiny" in every.outcomes[0].words
        named = {"measure": "c2st", "at_most": 0.7, "table": "a"}
        one = judge(read_policy(self.gates(named)), scores)
        assert one is not None
        assert one.allowed
        assert one.outcomes[0].name == "a.c2st"
        small = judge(read_policy(self.gates({**named, "table": "tiny"})), scores)
        assert small is not None
        assert small.outcomes[0].status == "not measured"
        assert not small.allowed

    def test_the_worst_table_of_an_axis_is_named(self, report: Report) -> None:
        policy = read_policy(self.gates({"axis": "fidelity", "verdict": "fair"}))
        bad = cases.plain_score("shape", "poor", table="order")
        decided = judge(policy, [*report.scores, bad])
        assert decided is not None
        assert not decided.allowed
        assert "of order" in decided.outcomes[0].words

    def test_expectations_are_of_a_table_or_a_query_over_all(self) -> None:
        data = cases.shop(1)
        asked = [
            {"table": "customer", "rows": "income > 0"},
            {"table": "customer", "unique": "customer_id"},
            {
                "sql": 'select * from "order" o left join customer c on o.customer_id = '
                "c.customer_id where c.city is null"
            },
        ]
        policy = read_policy({"name": "mine", "expectations": asked})
        rehearse(policy, data)
        outcomes = check(policy, synthetic=data, train=data, holdout=data)
        assert [one.status for one in outcomes] == ["pass"] * 3
        broken = cases.shop(3, orphans=5)
        outcomes = check(policy, synthetic=broken, train=data, holdout=data)
        assert outcomes[2].status == "fail"
        assert "5 rows" in outcomes[2].words

    def test_an_expectation_says_of_which_table_it_is(self) -> None:
        data = cases.shop(1)
        for asked, said in (
            ({"rows": "income > 0"}, "does not say of which table"),
            ({"table": "custmer", "rows": "income > 0"}, "did you mean 'customer'"),
            ({"table": "order", "rows": "income > 0"}, "income"),
            ({"sql": "select count(*) = 0 from nobody"}, "customer"),
        ):
            policy = read_policy({"name": "mine", "expectations": [asked]})
            with pytest.raises(Exception, match=said):
                rehearse(policy, data)


class TestSequences:
    def test_the_page_shows_paths_lengths_memory_and_states(self, panel: Report) -> None:
        html = page(panel)
        assert '<section id="sequences"' in html
        for metric in ("sequence_lengths", "autocorrelation", "transitions"):
            assert QUESTIONS[metric].replace("'", "&#x27;") in html
        assert "How quantities run" in html
        assert html.count('class="hist curve"') >= 3
        outline = Outline(html)
        assert outline.open == []
        assert len(set(outline.ids)) == len(outline.ids)

    def test_no_path_of_a_single_owner_is_shown(self, panel: Report) -> None:
        train = cases.visits(1)
        (found,) = panel.paths
        assert found.column == "value"
        order = train.frame.sort("patient", "day")
        place = order.select(pl.int_range(pl.len()).over("patient")).to_series()
        rows = place.value_counts()
        enough = rows.filter(pl.col("count") >= FEWEST).height
        assert len(found.at) == enough
        for step, band in enumerate(found.real):
            values = order.filter(place == step)["value"]
            assert (values < band[0]).sum() >= 4
            assert (values > band[-1]).sum() >= 4

    def test_a_series_without_owners_runs_by_stretches_of_time(self) -> None:
        frame = pl.DataFrame({"t": range(4000), "x": [float(k % 97) for k in range(4000)]})
        schema = report_cases.plain_schema(frame)
        table = schema.table.model_copy(update={"sequence": "t"})
        data = Dataset.of(schema.model_copy(update={"tables": {"t": table}}), frame)
        (found,) = paths(data, data)
        assert found.real == found.synthetic
        assert len(found.at) == 40
        assert owner_of(data.schema, "t") == ()
        few = Dataset.of(data.schema, frame.head(150))
        assert paths(few, few) == ()

    def test_bins_of_a_few_owners_are_joined(self) -> None:
        ends, real, made = joined([1, 2, 3, 4], [0.5, 0.01, 0.01, 0.48], [0.4, 0.2, 0.2, 0.2], 0.02)
        assert ends == [1, 3, 4]
        assert real == pytest.approx([0.5, 0.02, 0.48])
        assert made == pytest.approx([0.4, 0.4, 0.2])

    def test_every_measure_of_sequences_and_databases_has_its_question(self) -> None:
        from neotype.registry import find, names

        rooms = (".relational.", ".sequential.")
        own = [
            name
            for name in names("metric")
            if any(room in find("metric", name).__module__ for room in rooms)
        ]
        assert [name for name in own if name not in QUESTIONS] == []


@pytest.fixture(scope="module")
def browser() -> Iterator[report_browser.Page]:
    if report_browser.CHROMIUM is None:
        pytest.skip("no chromium here")
    with report_browser.browser() as opened:
        yield opened


@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_them_offline_without_a_fault(
    browser: report_browser.Page, report: Report, panel: Report, tmp_path: Path, width: int
) -> None:
    compared = build_comparison({"ours": report, "theirs": report})
    pages = {
        "database": report.to_html(tmp_path / "database.html"),
        "panel": panel.to_html(tmp_path / "panel.html"),
        "compared": compared.to_html(tmp_path / "compared.html"),
    }
    for name, path in pages.items():
        browser.events.clear()
        browser.open(path, width=width, dark=width == 390)
        browser.ask("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert browser.faults() == [], name
        assert browser.requests() == [path.as_uri()], name
        assert browser.ask("document.documentElement.scrollWidth") <= width, name
        wider = (
            "[...document.querySelectorAll('main *')].filter(e =>"
            " !e.closest('pre, svg, .plot, .bars, .scroll')"
            f" && e.getBoundingClientRect().right > {width} + 1).map(e => e.outerHTML.slice(0, 90))"
        )
        assert browser.ask(wider) == [], name
