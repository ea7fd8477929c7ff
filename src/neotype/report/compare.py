"""The comparison of several reports on one real table, as page, card and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neotype.choose.recipes import Cost
from neotype.errors import DataError
from neotype.report.card import contest_card
from neotype.report.contest import Standings, stand
from neotype.report.contest_page import contest_page
from neotype.report.frontier import Frontier
from neotype.report.marginals import OTHER
from neotype.report.report import Report, written


class ComparisonReport(Standings):
    """Several synthetic tables of one real table, ranked; aggregates only."""

    @property
    def frontier(self) -> Frontier | None:
        """Fidelity, copying and time of each, and whom nobody beats in all of them."""
        return Frontier.of(self)

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready."""
        found = self.frontier
        return {**super().to_facts(), "frontier": None if found is None else found.to_facts()}

    def to_html(self, path: Path | str, *, force: bool = False) -> Path:
        """Write one page that opens without a network; OutputExistsError unless `force`."""
        return written(contest_page(self), path, force)

    def to_json(self, path: Path | str, *, force: bool = False) -> Path:
        """Write everything the page shows as JSON."""
        text = json.dumps(self.to_facts(), ensure_ascii=False, indent=1, allow_nan=False)
        return written(text + "\n", path, force)

    def to_markdown(self, path: Path | str, *, force: bool = False) -> Path:
        """Write a card that GitHub renders: the order, then every measure."""
        return written(contest_card(self), path, force)


def build_comparison(
    reports: Mapping[str, Report],
    *,
    costs: Mapping[str, Cost] = MappingProxyType({}),
    made: Sequence[str] = (),
    failed: Mapping[str, str] = MappingProxyType({}),
) -> ComparisonReport:
    """The tables of these reports, ranked; the keys are the names that readers will see.

    `costs` are the times that are known, `made` the tables that recipes made for this, and `failed`
    says of recipes why they made none. Raises DataError when there are fewer than two tables and
    failures, or when the tables are not about the same train and holdout rows, columns and target.
    """
    if not reports or len(reports) + len(failed) < 2:
        raise DataError(
            f"a comparison needs two reports or more, and {len(reports)} is given.",
            mend="evaluate a second synthetic table against the same real rows",
        )
    first, *rest = reports
    findings = [
        f"'{name}' and '{first}' {finding}"
        for name in rest
        for finding in _differences(reports[first], reports[name])
    ]
    if findings:
        raise DataError(
            "these reports are not about the same real table.",
            findings,
            mend="evaluate every synthetic table against the same train and holdout rows",
        )
    ranking, contests = stand(
        {name: report.scores for name, report in reports.items()},
        {name: report.rows["synthetic"] for name, report in reports.items()},
        reports[first].judged,
        {name: one.guarantee.promise for name, one in reports.items() if one.guarantee},
    )
    ranking = tuple(
        replace(one, recipe=one.table in made, **_spent(costs.get(one.table))) for one in ranking
    )
    one = reports[first]
    return ComparisonReport(
        ranking=ranking,
        contests=contests,
        rows={side: rows for side, rows in one.rows.items() if side != "synthetic"},
        columns=len(one.schema),
        target=one.target,
        source=one.facts.source,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        failed=dict(failed),
    )


def _spent(cost: Cost | None) -> dict[str, Any]:
    return {} if cost is None else {"seconds": cost.seconds, "cpu": cost.cpu}


def _differences(one: Report, other: Report) -> list[str]:
    """How the real sides of two reports differ, in words."""
    found = [
        f"have {one.rows.get(side, 0):,} and {other.rows.get(side, 0):,} {side} rows"
        for side in {**one.rows, **other.rows}
        if side != "synthetic" and one.rows.get(side) != other.rows.get(side)
    ]
    left, right = ({_placed(c.table, c.name): c.kind for c in r.schema} for r in (one, other))
    apart = [name for name in {**left, **right} if left.get(name) != right.get(name)]
    if apart:
        more = f" and {len(apart) - 5} more" if len(apart) > 5 else ""
        found.append(f"differ in columns: {', '.join(apart[:5])}{more}")
    if one.target != other.target:
        found.append(f"predict different targets: {one.target} and {other.target}")
    if not found:
        drawn, again = _real_side(one), _real_side(other)
        moved = [name for name, side in drawn.items() if side != again[name]]
        if moved:
            found.append(f"were learnt from different rows: {', '.join(moved[:5])} differ")
    return found


def _placed(table: str, column: str) -> str:
    return f"{table}.{column}" if table else column


def _real_side(report: Report) -> dict[str, object]:
    """What each column's picture says of the training rows alone."""
    return {
        _placed(view.table, view.name): (
            view.edges,
            view.real,
            view.missing.real,
            tuple((bar.label, bar.real) for bar in view.bars if bar.label != OTHER),
        )
        for view in report.marginals
    }
