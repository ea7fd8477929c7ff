"""For the record: what was protected, what each column was taken for, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Sequence

from neotype.choose.select import Trial
from neotype.report.content import Content, Described
from neotype.report.drawing import text
from neotype.report.parts.layout import MANY, Drawn, drawer, find, fold, sheet
from neotype.report.words import number, took


def protected(report: Content) -> Drawn:
    """What the model does not hold as it was, and what it does hold."""
    parts = []
    if report.facts.protections:
        table = sheet(
            ("Column", "What", "Cells", "How"),
            "ttnw",
            [
                (f"<b>{text(p.column)}</b>", text(p.what), f"{p.cells:,}", text(p.note))
                for p in report.facts.protections
            ],
        )
        count = len(report.facts.protections)
        parts.append(
            '<p class="lead">Rare and extreme values and personal data were replaced before the '
            "model learnt, so that it does not hold them.</p>"
            + fold(f"All {count} entries", table, count > MANY)
        )
    else:
        parts.append('<p class="lead">No protection of rare values is on record here.</p>')
    if report.facts.statistics:
        held = "".join(f"<li>{text(line)}</li>" for line in report.facts.statistics)
        many = len(report.facts.statistics) > 12
        listed = f'<ul class="plain">{held}</ul>'
        parts.append(fold("What the model holds", listed, many, heading=True))
    return "".join(parts), []


def schema(report: Content) -> Drawn:
    """Every column's kind, and why; of a database table by table."""
    if report.tables:
        by_table = {n: [c for c in report.schema if c.table == n] for n in report.tables}
        drawers = (
            drawer(name, f'<span class="soft">{len(own)} columns</span>', _columns(own))
            for name, own in by_table.items()
        )
        return "".join(drawers), []
    many = len(report.schema)
    return fold(f"All {many} columns", _columns(report.schema), many > MANY), []


def _columns(listed: Sequence[Described]) -> str:
    return sheet(
        ("Column", "Kind", "Stored as", "Details", "Why"),
        "tttww",
        [
            (
                f"<b>{text(column.name)}</b>",
                text(column.kind),
                f"<code>{text(column.storage)}</code>",
                text(column.facts),
                f'<span class="soft">{text(column.reason)}</span>' if column.reason else "",
            )
            for column in listed
        ],
    )


def choice(report: Content) -> Drawn:
    """The families that were tried, and why the one that learnt all rows won."""
    chosen = report.facts.chosen
    if not chosen:
        return "", []
    trials = [Trial(**said) for said in chosen["trials"]]
    rows = [
        (
            f"<b>{text(trial.name)}</b>",
            f'{number(trial.value)}<span class="interval">{_span(trial)}</span>',
            f"{number(trial.copied)}{' ▲ copies' if trial.copies else ''}",
            f"{trial.rows:,}",
            took(trial.seconds),
            text(trial.failed),
        )
        for trial in trials
    ]
    score = find(report, chosen["metric"])
    measure = text(chosen["metric"] if score is None else score.title)
    header = ("Tried", measure, "Copying", "Rows learnt", "Time", "Failed")
    shown = sheet(header, "tnnnnt", rows)
    left = "".join(
        f"<li>{text(name)} was left out: {text(why)}</li>"
        for name, why in chosen["left_out"].items()
    )
    lead = (
        f'<p class="lead">{text(chosen["why"])}. Families were tried on a part of the training '
        "rows, and scored on rows apart that none of them learnt; the holdout was not looked "
        "at.</p>"
    )
    table = fold(f"All {len(rows)} trials", shown, len(rows) > MANY)
    return f"{lead}{table}{f'<ul class=plain>{left}</ul>' if left else ''}", []


def _span(trial: Trial) -> str:
    return "" if trial.interval is None else " to ".join(map(number, trial.interval))


def run(report: Content) -> Drawn:
    """The plan, where the time went, and the versions: enough to do it again."""
    facts, parts = report.facts, []
    if facts.plan:
        plan = json.dumps(facts.plan, indent=2, ensure_ascii=False)
        parts.append(f'<h3>Plan</h3><pre tabindex="0">{text(plan)}</pre>')
    tables = []
    if facts.timings:
        rows = [(text(stage), f"{seconds:,.2f} s") for stage, seconds in facts.timings.items()]
        rows.append(("total", f"{sum(facts.timings.values()):,.2f} s"))
        tables.append(f"<div><h3>Time</h3>{sheet(('Stage', 'Wall clock'), 'tn', rows)}</div>")
    if facts.versions:
        rows = [(text(name), text(version)) for name, version in facts.versions.items()]
        tables.append(f"<div><h3>Versions</h3>{sheet(('Package', 'Version'), 'tn', rows)}</div>")
    if tables:
        parts.append(f'<div class="duo later">{"".join(tables)}</div>')
    return "".join(parts) or '<p class="lead">The run left no record of its plan.</p>', []
