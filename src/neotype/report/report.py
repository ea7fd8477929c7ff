"""What a run found, as a value: JSON-ready content, from which page, card and file are drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from neotype.data import Dataset
from neotype.encode.encoder import Protection
from neotype.errors import SourceError
from neotype.evaluate.metric import Score
from neotype.outputs import appearing
from neotype.report.marginals import Marginal, marginals
from neotype.report.words import CAVEAT, Summary, summarize

FORMAT = 1
"""The version of the JSON form; a reader refuses what is newer."""


@dataclass(frozen=True)
class RunFacts:
    """What the run knows beside the scores; `timings` are seconds by stage."""

    protections: tuple[Protection, ...] = ()
    statistics: tuple[str, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    synthesizer: str = ""


@dataclass(frozen=True)
class Described:
    """One column of the schema, in words; no value of the data among them."""

    name: str
    kind: str
    storage: str
    facts: str
    reason: str


@dataclass(frozen=True)
class Report:
    """How good a synthetic table is, ready to be read, drawn or stored.

    It holds aggregates only: no row, and no real value of fewer than 5 training rows.
    """

    scores: tuple[Score, ...]
    rows: Mapping[str, int]
    target: str | None
    marginals: tuple[Marginal, ...]
    schema: tuple[Described, ...]
    facts: RunFacts
    made: str

    @property
    def summary(self) -> Summary:
        """The verdict: headline, a line each on resemblance, usefulness and copying, a caveat."""
        return summarize(self.scores)

    @property
    def verdict(self) -> str:
        """The verdict in plain words, as one paragraph."""
        summary = self.summary
        return " ".join([summary.headline, *(line.text for line in summary.lines), CAVEAT])

    def to_html(self, path: Path | str, *, force: bool = False) -> Path:
        """Write one page that opens without a network; OutputExistsError unless `force`."""
        from neotype.report.page import page

        return _write(page(self), path, force)

    def to_json(self, path: Path | str, *, force: bool = False) -> Path:
        """Write everything the page shows as JSON; `Report.read` is the inverse."""
        text = json.dumps(self.to_facts(), ensure_ascii=False, indent=1, allow_nan=False)
        return _write(text + "\n", path, force)

    def to_markdown(self, path: Path | str, *, force: bool = False) -> Path:
        """Write a card that GitHub renders: verdict, scores, protections, schema, versions."""
        from neotype.report.card import card

        return _write(card(self), path, force)

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready, with the verdict in words for whoever reads only that."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content["marginals"] = [marginal.to_facts() for marginal in self.marginals]
        for name in ("scores", "schema"):
            content[name] = [asdict(part) for part in content[name]]
        content["facts"] = asdict(self.facts)
        facts = {"neotype_report": FORMAT, "verdict": asdict(self.summary), **content}
        ready: dict[str, Any] = _json_ready(facts)
        return ready

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """The inverse of `to_facts`."""
        run = dict(facts["facts"])
        run["protections"] = tuple(Protection(**p) for p in run["protections"])
        run["statistics"] = tuple(run["statistics"])
        return cls(
            scores=tuple(_score(score) for score in facts["scores"]),
            rows=dict(facts["rows"]),
            target=facts["target"],
            marginals=tuple(Marginal.from_facts(m) for m in facts["marginals"]),
            schema=tuple(Described(**column) for column in facts["schema"]),
            facts=RunFacts(**run),
            made=facts["made"],
        )

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
) -> Report:
    """The report on `synthetic`, its columns beside those of `train` with rare values hidden."""
    content = Report(
        scores=tuple(scores),
        rows={"synthetic": synthetic.rows, "train": train.rows, "holdout": holdout.rows},
        target=target,
        marginals=marginals(train, synthetic),
        schema=tuple(_describe(name, column) for name, column in train.table.columns.items()),
        facts=facts or RunFacts(),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    # Through JSON and back, so that a built report and the one read from its file are equal.
    return Report.from_facts(content.to_facts())


def _describe(name: str, column: Any) -> Described:
    said = [str(getattr(column, key)) for key in ("subtype", "part") if hasattr(column, key)]
    named = ("format", "pattern", "partner")
    said += [f"{key} {value}" for key in named if (value := getattr(column, key, None))]
    if getattr(column, "decimals", None):
        said.append(f"{column.decimals} decimals")
    said += [word for word in ("nullable", "public") if getattr(column, word)]
    return Described(name, column.kind, column.storage, ", ".join(said), column.reason)


def _score(facts: Mapping[str, Any]) -> Score:
    interval = facts["interval"]
    return Score(**{**facts, "interval": None if interval is None else tuple(interval)})


def _json_ready(value: Any) -> Any:
    """Plain values only: numpy numbers unwrapped, NaN and infinities None, tuples lists."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _json_ready(item) for key, item in value.items()}
    if isinstance(value, Sequence) or hasattr(value, "tolist"):
        listed = value.tolist() if hasattr(value, "tolist") else value
        return [_json_ready(x) for x in listed] if isinstance(listed, Sequence) else listed
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else str(value)


def _write(text: str, path: Path | str, force: bool) -> Path:
    path = Path(path)
    with appearing(path, force=force) as file:
        file.write(text.encode())
    return path
