"""A report: what a run found, and the files that say it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from neotype.data import Dataset
from neotype.errors import SourceError
from neotype.evaluate.metric import Score
from neotype.outputs import appearing
from neotype.policy.ruling import Ruling
from neotype.report.card import card
from neotype.report.content import FORMAT, Content, Described, RunFacts
from neotype.report.database import Database
from neotype.report.marginals import marginals
from neotype.report.page import page
from neotype.report.paths import paths
from neotype.schema.schema import Schema

__all__ = ["Described", "Report", "RunFacts", "build", "written"]


class Report(Content):
    """How good a synthetic table or database is, ready to be read, drawn or stored.

    It holds aggregates only: no row, and no real value of fewer than 5 training rows.
    """

    def __repr__(self) -> str:
        return f"Report({self.summary.headline!r}, {len(self.scores)} scores)"

    def to_html(self, path: Path | str, *, force: bool = False) -> Path:
        """Write one page that opens without a network; OutputExistsError unless `force`."""
        return written(page(self), path, force)

    def to_json(self, path: Path | str, *, force: bool = False) -> Path:
        """Write everything the page shows as JSON; `Report.read` is the inverse."""
        text = json.dumps(self.to_facts(), ensure_ascii=False, indent=1, allow_nan=False)
        return written(text + "\n", path, force)

    def to_markdown(self, path: Path | str, *, force: bool = False) -> Path:
        """Write a card that GitHub renders: verdict, scores, protections, schema, versions."""
        return written(card(self), path, force)

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """A report from its JSON file; SourceError when the file is not one."""
        try:
            facts = json.loads(Path(path).read_text(encoding="utf-8"))
            if facts["neotype_report"] > FORMAT:
                raise SourceError(
                    f"'{path}' was written by a newer neotype.", mend="upgrade neotype"
                )
            return cls.from_facts(facts)
        except OSError as cause:
            raise SourceError(f"'{path}' cannot be read: {cause.strerror}.") from cause
        except (ValueError, KeyError, TypeError, AttributeError) as cause:
            raise SourceError(
                f"'{path}' is not a neotype report.", mend="give the file that to_json wrote"
            ) from cause


def build(
    scores: Sequence[Score],
    *,
    synthetic: Dataset,
    train: Dataset,
    holdout: Dataset,
    target: str | None = None,
    facts: RunFacts | None = None,
    ruling: Ruling | None = None,
) -> Report:
    """The report on `synthetic`, its columns beside those of `train` with rare values hidden.

    Of several tables there is one report, on all of them. `ruling` is what a policy decided of
    these scores, where one was asked.
    """
    sides = {"synthetic": synthetic, "train": train, "holdout": holdout}
    several = len(train.schema.tables) > 1
    content = Report(
        scores=tuple(scores),
        rows={side: sum(data.sizes.values()) for side, data in sides.items()},
        target=target,
        marginals=marginals(train, synthetic),
        schema=_described(train.schema),
        facts=facts or RunFacts(),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        ruling=ruling,
        database=Database.between(sides) if several else None,
        paths=paths(train, synthetic),
    )
    # Through JSON and back, so that a built report and the one read from its file are equal.
    return Report.from_facts(content.to_facts())


def unscored(synthetic: Dataset, facts: RunFacts, target: str | None = None) -> Report:
    """The report on rows that are compared with nothing: how they were made, and what is promised.

    Its columns are those of the synthetic rows; no real row is looked at.
    """
    content = Report(
        scores=(),
        rows={"synthetic": sum(synthetic.sizes.values())},
        target=target,
        marginals=(),
        schema=_described(synthetic.schema),
        facts=facts,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return Report.from_facts(content.to_facts())


def _described(schema: Schema) -> tuple[Described, ...]:
    several = len(schema.tables) > 1
    return tuple(
        _describe(name, column, table if several else "")
        for table, facts_of in schema.tables.items()
        for name, column in facts_of.columns.items()
    )


def _describe(name: str, column: Any, table: str) -> Described:
    said = [str(getattr(column, key)) for key in ("subtype", "part") if hasattr(column, key)]
    named = ("format", "pattern", "partner")
    said += [f"{key} {value}" for key in named if (value := getattr(column, key, None))]
    if getattr(column, "decimals", None):
        said.append(f"{column.decimals} decimals")
    said += [word for word in ("nullable", "public") if getattr(column, word)]
    return Described(name, column.kind, column.storage, ", ".join(said), column.reason, table)


def written(text: str, path: Path | str, force: bool) -> Path:
    """The path, once the text is there whole; OutputExistsError unless `force`."""
    path = Path(path)
    with appearing(path, force=force) as file:
        file.write(text.encode())
    return path
