"""The page opens anywhere: no network, no stray markup, no overflow, in a real browser too."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
import pytest

import report_browser
import report_cases as cases
from neotype.encode.encoder import Protection
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import evaluate
from neotype.policy.ruling import Outcome, Ruling
from neotype.report.card import card
from neotype.report.compare import build_comparison
from neotype.report.page import page
from neotype.report.report import Report, build
from neotype.rng import Rng

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "link", "br", "input", "img", "hr"}


class Outline(HTMLParser):
    """What elements there are, and whether each that opens is closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        values = dict(attrs)
        assert len(values) == len(attrs), (tag, attrs)
        self.found.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


@pytest.fixture(scope="module")
def html() -> str:
    return page(cases.full_report())


def evil_report() -> Report:
    frame = pl.DataFrame({
        EVIL: ["</script><img src=x onerror=alert(2)>", "\"'`&amp;"] * 50,
        "a|b `c` [d](javascript:alert(3)) $x$": np.arange(100.0),
        "</style><svg onload=alert(4)>": ["\u2028", "{{7*7}}"] * 50,
    })  # fmt: skip
    facts = replace(
        cases.FACTS,
        plan={EVIL: "</pre>" + EVIL}, versions={EVIL: EVIL}, timings={EVIL: 1.0},
        source=EVIL, synthesizer=EVIL, statistics=(EVIL,),
        protections=(Protection(EVIL, EVIL, 5, EVIL),),
    )  # fmt: skip
    made = cases.small_report(frame)
    outcome = Outcome(EVIL, "gate", "fail", None, None, EVIL, EVIL, EVIL, refuses=True)
    told = tuple(
        replace(
            score, title=EVIL, meaning=EVIL, how=EVIL, reference=EVIL, detail=evil(score.detail)
        )
        for score in cases.full_scores()
    )
    return replace(
        made, facts=facts, target=EVIL, scores=(*made.scores, *told),
        ruling=Ruling(EVIL, (outcome,), EVIL),
    )  # fmt: skip


def evil(said: Any) -> Any:
    """The same detail with every word, and every key that is somebody's word, replaced."""
    if isinstance(said, str):
        return EVIL
    if isinstance(said, list):
        return [evil(part) for part in said]
    if isinstance(said, dict):
        house = {"sex": EVIL, "income": EVIL}
        return {house.get(key, key): evil(part) for key, part in said.items()}
    return said


def test_elements_are_nested_and_ids_unique(html: str) -> None:
    outline = Outline(html)
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    anchors = [a["href"] for tag, a in outline.found if tag == "a"]
    assert all(anchor.startswith("#") and anchor[1:] in outline.ids for anchor in anchors)
    assert {"#decision", "#privacy", "#scores"} <= set(anchors)


def test_every_picture_says_in_words_what_it_shows(html: str) -> None:
    for tag, attributes in Outline(html).found:
        if attributes.get("role") == "img":
            assert attributes.get("aria-label"), (tag, attributes)
    for lane in re.findall(r'<ul class="lanes">.*?</ul>', html, re.S):
        for drawn in re.findall(r"<svg (?!class=.mark)[^>]*>", lane):
            assert 'aria-label="' in drawn or 'height="15"' in drawn, drawn


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    outline = Outline(html)
    for tag, attributes in outline.found:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base"), tag
        assert not {"src", "srcset", "action", "data"} & set(attributes), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert "@import" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_plotly_is_in_the_page_once_and_only_when_needed(html: str) -> None:
    assert html.count('id="plotly"') == 1
    assert 1.0e6 < len(html) < 2.5e6
    frame = pl.DataFrame({"x": np.arange(50.0)})
    small = cases.small_report(frame)
    bare = replace(small, scores=(cases.missed(),))
    assert 'id="plotly"' not in page(bare)
    assert len(page(bare)) < 60_000


def test_every_figure_is_one_that_plotly_accepts(html: str) -> None:
    text = re.search(r'id="figures">(.*?)</script>', html, re.S)
    assert text is not None
    figures = json.loads(text.group(1))
    wanted = {"pairs-real", "pairs-change", "roc-c2st", "roc-membership", "distances"}
    assert wanted <= set(figures)
    for figure in figures.values():
        go.Figure(figure)
    places = [a["data-figure"] for _, a in Outline(html).found if "data-figure" in a]
    assert sorted(places) == sorted(figures)


def test_what_the_measures_really_say_is_drawn(tmp_path: Path) -> None:
    train, holdout, synthetic = (data.take(np.arange(1500)) for data in cases.adult())
    scores = evaluate(
        synthetic, train=train, holdout=holdout, asked=Asked(target="income"), rng=Rng(0),
        metrics=["shape", "trend", "c2st", "tstr", "dcr_share", "exact_copies", "mia_distance"],
    )  # fmt: skip
    report = build(
        scores, synthetic=synthetic, train=train, holdout=holdout, target="income",
    )  # fmt: skip
    html = page(report)
    places = {a["data-figure"] for _, a in Outline(html).found if "data-figure" in a}
    maps = {"pairs-real", "pairs-synthetic", "pairs-change"}
    assert places == {*maps, "roc-c2st", "roc-membership", "distances"}
    assert html.count("% match") == len(train.frame.columns)
    assert not re.search("(?<!k-)(?<!k_)anonym", html.split('id="plotly"')[0].lower())
    path = report.to_json(tmp_path / "r.json")
    assert Report.read(path) == report


def test_user_text_stays_text() -> None:
    report = evil_report()
    outline = Outline(page(report))
    assert outline.open == []
    tags = [tag for tag, _ in outline.found]
    assert tags.count("script") == 3
    assert "img" not in tags
    assert not any(name.startswith("on") for _, attrs in outline.found for name in attrs)
    text = re.sub(r"```.*?```", "", card(report), flags=re.S)
    assert not re.search(r"<(?!/?details)", text)
    assert not re.search(r"(?<!\\)\]\(", text)


def test_the_report_is_not_drawn_with_what_the_core_need_not_have() -> None:
    code = (
        "import sys, neotype.report.report, neotype.report.page; "
        "print([m for m in ('plotly', 'pandas', 'pyarrow', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def browser() -> Iterator[report_browser.Page]:
    if report_browser.CHROMIUM is None:
        pytest.skip("no chromium on this machine: the page is not looked at in a browser")
    with report_browser.browser() as page_:
        yield page_


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(0)
    wide = {f"column_{i:03d}_" + "w" * (i % 40): rng.normal(size=200) for i in range(60)}
    whole = cases.full_report()
    blank = tuple(cases.missed(score.metric, score.axis) for score in whole.scores)
    reports = {
        "adult": whole,
        "blank": replace(whole, scores=blank, ruling=None),
        "evil": evil_report(),
        "wide": cases.small_report(pl.DataFrame(wide)),
        "long": cases.small_report(pl.DataFrame({"c" * 300: ["x" * 900] * 40})),
    }
    pages = {name: report.to_html(folder / f"{name}.html") for name, report in reports.items()}
    tables = {"trees": whole, "n" * 120: whole, EVIL: replace(whole, scores=whole.scores[:9])}
    pages["compared"] = build_comparison(tables).to_html(folder / "compared.html")
    return pages


@pytest.mark.parametrize("name", ["adult", "evil", "wide", "long", "blank", "compared"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_draws_it_offline_without_a_fault(
    browser: report_browser.Page, files: dict[str, Path], name: str, width: int
) -> None:
    browser.events.clear()
    browser.open(files[name], width=width, dark=width == 390)
    assert browser.faults() == []
    assert browser.requests() == [files[name].as_uri()]
    assert browser.ask("document.documentElement.scrollWidth") <= width
    undrawn = "[...document.querySelectorAll('.plot')].filter(p => !p.querySelector('svg')).length"
    assert browser.ask(undrawn) == 0
    wider = (
        "[...document.querySelectorAll('main *')].filter(e =>"
        " !e.closest('pre, svg, .plot, .bars, .scroll')"
        f" && e.getBoundingClientRect().right > {width} + 1).map(e => e.outerHTML.slice(0, 90))"
    )
    assert browser.ask(wider) == []


def test_columns_are_found_by_typing_and_shown_by_a_button(
    browser: report_browser.Page, files: dict[str, Path]
) -> None:
    browser.open(files["wide"], width=1280)
    shown = "[...document.querySelectorAll('.column')].filter(c => !c.hidden).length"
    assert browser.ask(shown) == 24
    browser.ask("document.getElementById('column-more').click()")
    assert browser.ask(shown) == 60
    typed = (
        "{ const i = document.querySelector('#column-tools input'); i.value = 'column_007';"
        " i.dispatchEvent(new Event('input')); }"
    )
    browser.ask(typed)
    assert browser.ask(shown) == 1


def test_a_score_leads_to_its_method_even_where_that_is_folded(
    browser: report_browser.Page, files: dict[str, Path]
) -> None:
    browser.open(files["adult"], width=1280)
    seen = "document.getElementById('how-c2st').checkVisibility()"
    assert not browser.ask(seen)
    browser.ask("document.querySelector('#score-c2st a.num').click()")
    top = "document.getElementById('how-c2st').getBoundingClientRect().top"
    deadline = time.monotonic() + 10
    while not (browser.ask(seen) and -5 <= browser.ask(top) <= 900):
        assert time.monotonic() < deadline, "the method stayed folded or out of sight"
        time.sleep(0.05)


def test_figures_follow_dark_mode(browser: report_browser.Page, files: dict[str, Path]) -> None:
    color = "document.querySelector('.plot')._fullLayout.font.color"
    browser.open(files["adult"], width=1280)
    light = browser.ask(color)
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    browser.call("Emulation.setEmulatedMedia", features=[scheme])
    deadline = time.monotonic() + 10
    while browser.ask(color) == light:
        assert time.monotonic() < deadline, "the figures kept their light colours"
        time.sleep(0.1)


def test_a_print_shows_every_column(browser: report_browser.Page, files: dict[str, Path]) -> None:
    browser.open(files["wide"], width=1280)
    browser.call("Emulation.setEmulatedMedia", media="print")
    seen = "[...document.querySelectorAll('.column')].filter(c => c.offsetHeight > 0).length"
    assert browser.ask(seen) == 60
    wide = "document.documentElement.scrollWidth"
    assert browser.ask(wide) <= 1280
    browser.call("Emulation.setEmulatedMedia", media="")
