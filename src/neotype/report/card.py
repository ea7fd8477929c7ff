"""The report as a Markdown card, such as a repository or a data catalogue shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from neotype.choose.select import Trial
from neotype.evaluate.metric import Score
from neotype.report.content import Content
from neotype.report.contest import RULE, Entry, Standings
from neotype.report.frontier import HOW, Frontier
from neotype.report.whole import table_verdicts
from neotype.report.words import AXES, UNCOVERED, figure, goal, number, source, took

_SPECIAL = re.compile(r"([\\`*_\[\]|~$@])")
_MARKS = {"good": "●", "fair": "◐", "poor": "▲", "not judged": "▬"}


def card(report: Content) -> str:
    """The whole card."""
    summary, facts = report.summary, report.facts
    name = f": {_text(facts.source)}" if facts.source else ""
    lines = [f"# Synthetic data report{name}", "", f"**{_text(summary.headline)}**", ""]
    lines += [
        f"- **{AXES[line.axis][0]}** ({line.verdict}): {_text(line.text)}" for line in summary.lines
    ]
    lines += ["", f"> {_text(summary.caveat)}", "", *_decision(report)]
    if report.guarantee is not None:
        lines += ["## Guarantee", "", _text(report.guarantee.sentence()), ""]
    known = [f"{len(report.tables)} tables"] if report.tables else []
    known += [f"{rows:,} {part} rows" for part, rows in report.rows.items()]
    known += [f"target {_text(report.target)}"] if report.target else []
    known += [f"made by {_text(facts.synthesizer)}"] if facts.synthesizer else []
    lines += [" · ".join([*known, f"written {report.made}"]), "", *_tables(report)]
    if report.scores:
        lines += ["## Scores", "", *_scores(report)]
        lines += ["The floor is what real holdout rows score in the same test.", ""]
    if facts.protections:
        lines += ["## What was protected", ""]
        lines += _table(
            ("Column", "What", "Cells", "How"),
            [
                (_text(p.column), _text(p.what), f"{p.cells:,}", _text(p.note))
                for p in facts.protections
            ],
        )
    lines += _choice(report)
    lines += ["## Schema", ""]
    lines += _table(
        ("Column", "Kind", "Stored as", "Why"),
        [
            (
                _text(f"{c.table}.{c.name}" if c.table else c.name),
                c.kind,
                _text(c.storage),
                _text(c.reason),
            )
            for c in report.schema
        ],
    )
    if facts.plan:
        plan = json.dumps(facts.plan, indent=2, ensure_ascii=False)
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", plan)), default=0))
        lines += ["## Plan", "", f"{fence}json", plan, fence, ""]
    if facts.versions:
        said = ", ".join(f"{_text(k)} {_text(v)}" for k, v in facts.versions.items())
        lines += ["## Versions", "", said, ""]
    return "\n".join(lines)


def _scores(report: Content) -> list[str]:
    """A row for each measure, and of a database for each table."""
    return _table(
        ("Measure", "Score", "Interval", "Floor", "Target", "Status", "Paper"),
        [
            (
                _text(f"{score.title} of {score.table}" if score.table else score.title),
                figure(score, score.value),
                " to ".join(figure(score, e) for e in score.interval) if score.interval else "–",
                figure(score, score.floor),
                goal(score),
                _status(score.verdict),
                _text(source(score)) or "–",
            )
            for score in _in_order(report)
        ],
    )


def _tables(report: Content) -> list[str]:
    """A row for each table of a database: rows, the leading scores, the verdict."""
    if report.database is None:
        return []
    verdicts = {v.table: v.verdict for v in table_verdicts(report.scores, report.tables)}
    found = {(score.metric, score.table): score for score in report.scores}

    def leading(metric: str, table: str) -> str:
        score = found.get((metric, table))
        return "–" if score is None else figure(score, score.value)

    rows = [
        (
            _text(table.name),
            f"{table.rows.get('train', 0):,}",
            f"{table.rows.get('synthetic', 0):,}",
            *(leading(metric, table.name) for metric in ("shape", "trend", "c2st")),
            "kept as it is" if table.public else _status(verdicts[table.name]),
        )
        for table in report.database.tables
    ]
    header = ("Table", "Learnt", "Synthetic", "Shape", "Trend", "Detection", "Verdict")
    ties = [
        (
            _text(tie.title),
            "none or one" if tie.optional else "one",
            "none or one" if tie.single else "any number",
        )
        for tie in report.database.ties
    ]
    tied = (
        _table(("Foreign key", "A row refers to", "Rows that refer to one"), ties) if ties else []
    )
    return ["## Tables", "", *_table(header, rows), *tied]


def _decision(report: Content) -> list[str]:
    """What the policy decided, check by check."""
    ruling = report.ruling
    if ruling is None:
        return []
    marks = {"pass": "● holds", "fail": "▲ fails"}
    first = f"## Policy {_text(ruling.policy)}" if ruling.policy else "## The claimed guarantee"
    rows = [
        (
            _text(outcome.name),
            marks.get(outcome.status, f"○ {outcome.status}"),
            _text(outcome.threshold) or "–",
            _text(f"{outcome.words} {outcome.because}".strip()),
        )
        for outcome in ruling.outcomes
    ]
    return [
        first, "", _text(ruling.headline), "",
        *_table(("Check", "Outcome", "Asked", "Found"), rows),
    ]  # fmt: skip


def _choice(report: Content) -> list[str]:
    """The families that were tried."""
    chosen = report.facts.chosen
    if not chosen:
        return []
    rows = [
        (
            _text(one.name),
            _text(one.failed) if one.value is None else number(one.value),
            " to ".join(map(number, one.interval or ())) or "–",
            number(one.copied) + (" ▲ copies" if one.copies else ""),
            f"{one.rows:,}",
            took(one.seconds),
        )
        for one in (Trial(**said) for said in chosen["trials"])
    ]
    header = ("Tried", _text(chosen["metric"]), "Interval", "Copying", "Rows learnt", "Time")
    return ["## Why this family", "", f"{_text(chosen['why'])}.", "", *_table(header, rows)]


def _in_order(report: Content) -> list[Score]:
    """By question; in each, what was measured before what was not."""
    order, tables = list(AXES), ["", *report.tables]
    place = {table: k for k, table in enumerate(tables)}
    return sorted(
        report.scores,
        key=lambda s: (order.index(s.axis), place.get(s.table, 0), s.value is None),
    )


def contest_card(standings: Standings) -> str:
    """Several tables compared: the order, then every measure."""
    name = f": {_text(standings.source)}" if standings.source else ""
    lines = [f"# Synthetic tables compared{name}", "", f"**{_text(standings.headline)}**", ""]
    asked = [axis for axis in AXES if any(axis in s.by_axis for s in standings.ranking)]
    lines += _table(
        ("Place", "Table", *(AXES[axis][0] for axis in asked), "Overall", "Ahead on", "Privacy"),
        [
            (
                str(s.place),
                _text(s.table),
                *(f"{s.by_axis[axis]:.2f}" if axis in s.by_axis else "–" for axis in asked),
                "–" if s.mean_rank is None else f"{s.mean_rank:.2f}",
                f"{s.wins} measures",
                _status(s.verdicts.get("privacy", "not measured")),
            )
            for s in standings.ranking
        ],
    )
    for name, why in standings.failed.items():
        lines += [f"**{_text(name)}** failed: {_text(why)}", ""]
    lines += _frontier(Frontier.of(standings))
    kept = [f"- **{_text(s.table)}**: {_text(s.promise)}." for s in standings.ranking if s.promise]
    if kept:
        lines += ["## Guarantees", "", *kept, ""]
        lines += [_text(UNCOVERED), ""] if standings.uncovered else []
    lines += [_text(RULE), "", "## Every measure", ""]
    lines += _table(
        ("Measure", *map(_text, standings.tables)),
        [
            (
                _text(contest.called) + ("" if contest.counted else f" ({_text(contest.why)})"),
                *(_entry(entry) for table in standings.tables for entry in contest.of(table)),
            )
            for contest in standings.contests
        ],
    )
    lines += ["★ is clearly ahead of another table. Intervals are 95%.", ""]
    return "\n".join(lines)


def _frontier(frontier: Frontier | None) -> list[str]:
    """Fidelity, copying and time of each table."""
    if frontier is None:
        return []
    rows = [
        (
            _text(point.table),
            _entry(point.look).removesuffix(" ★"),
            _entry(point.copying).removesuffix(" ★"),
            took(point.seconds),
            "–" if point.cpu is None else took(point.cpu),
            "out: copies" if point.out else "★" if point.front else "beaten",
        )
        for point in frontier.points
    ]
    header = (_text(frontier.look.title), _text(frontier.copying.title), "Time", "CPU time")
    table = _table(("Table", *header, "Frontier"), rows)
    return ["## Fidelity, copying and time", "", *table, HOW, ""]


def _entry(entry: Entry) -> str:
    if entry.value is None:
        return "not measured"
    span = f" ({' to '.join(number(end) for end in entry.interval)})" if entry.interval else ""
    return f"{number(entry.value)}{span}{' ★' if entry.wins else ''}"


def _status(verdict: str) -> str:
    return f"{_MARKS.get(verdict, '○')} {verdict}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}", *body, ""]


def _text(value: object) -> str:
    """The user's words, with nothing left that Markdown or HTML would act on."""
    flat = " ".join(str(value).split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat)
