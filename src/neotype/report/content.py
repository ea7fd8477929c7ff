"""What a report holds: a value, JSON-ready. It knows neither pages nor files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from neotype.dp.guarantee import Guarantee
from neotype.encode.encoder import Protection
from neotype.evaluate.metric import Score
from neotype.policy.ruling import Ruling
from neotype.report.database import Database
from neotype.report.marginals import Marginal
from neotype.report.paths import Paths
from neotype.report.released import footing, released
from neotype.report.whole import summarize_tables
from neotype.report.words import Summary, summarize

FORMAT = 1
"""The version of the JSON form; a reader refuses what is newer."""


@dataclass(frozen=True)
class RunFacts:
    """What the run knows beside the scores.

    `timings` are seconds by stage; `privacy` are the facts of a guarantee, where there is one.
    `public` says that no private row had a part in the report, save through such a guarantee.
    `chosen` is how the family was chosen, by trying several.
    """

    protections: tuple[Protection, ...] = ()
    statistics: tuple[str, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    synthesizer: str = ""
    privacy: Mapping[str, Any] = field(default_factory=dict)
    public: bool = False
    chosen: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Described:
    """One column of the schema, in words; no value of the data among them.

    `table` is empty where there is only one.
    """

    name: str
    kind: str
    storage: str
    facts: str
    reason: str
    table: str = ""


@dataclass(frozen=True)
class Content:
    """How good a synthetic table or database is, ready to be read, drawn or stored.

    It holds aggregates only: no row, and no real value of fewer than 5 training rows. Of a database
    `rows` are those of all tables together, and `database` says how the tables are tied.
    """

    scores: tuple[Score, ...]
    rows: Mapping[str, int]
    target: str | None
    marginals: tuple[Marginal, ...]
    schema: tuple[Described, ...]
    facts: RunFacts
    made: str
    ruling: Ruling | None = None
    database: Database | None = None
    paths: tuple[Paths, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of a database, in the order of its schema; none where there is one table."""
        return () if self.database is None else self.database.names

    @property
    def judged(self) -> tuple[str, ...]:
        """The tables that were made anew; not those that may be published and are kept."""
        return () if self.database is None else self.database.made

    def only(self, table: str) -> Self:
        """What is said of one of the tables alone, as if there were no other."""
        assert self.database is not None
        one = next(facts for facts in self.database.tables if facts.name == table)
        return replace(
            self,
            scores=tuple(replace(s, table="") for s in self.scores if s.table == table),
            rows=one.rows,
            marginals=tuple(view for view in self.marginals if view.table == table),
            schema=tuple(column for column in self.schema if column.table == table),
            ruling=None,
            database=None,
        )

    def between(self) -> Self:
        """What is said of the database as a whole, and of none of its tables."""
        return replace(self, scores=tuple(s for s in self.scores if not s.table))

    @property
    def guarantee(self) -> Guarantee | None:
        """What is promised of the model that made the rows, where it was learnt with a budget."""
        return Guarantee.restore(self.facts.privacy) if self.facts.privacy else None

    @property
    def footing(self) -> str:
        """On which rows a report on a private model rests, and who may therefore see it."""
        return footing(self.scores, self.facts.public)

    @property
    def summary(self) -> Summary:
        """The verdict: headline, a line for each question, a caveat."""
        if self.facts.public:
            return released(self.scores, self.ruling, self.guarantee)
        if self.tables:
            return summarize_tables(self.scores, self.ruling, self.judged, self.guarantee)
        return summarize(self.scores, self.ruling, self.guarantee)

    @property
    def verdict(self) -> str:
        """The verdict in plain words, as one paragraph."""
        summary = self.summary
        return " ".join([summary.headline, *(line.text for line in summary.lines), summary.caveat])

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready, with the verdict in words for whoever reads only that."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content["marginals"] = [marginal.to_facts() for marginal in self.marginals]
        for name in ("scores", "schema"):
            content[name] = [asdict(part) for part in content[name]]
        content["facts"] = asdict(self.facts)
        content["ruling"] = None if self.ruling is None else self.ruling.to_facts()
        content["paths"] = [path.to_facts() for path in self.paths]
        content["database"] = None if self.database is None else self.database.to_facts()
        facts = {"neotype_report": FORMAT, "verdict": asdict(self.summary), **content}
        ready: dict[str, Any] = _json_ready(facts)
        return ready

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """The inverse of `to_facts`."""
        run = dict(facts["facts"])
        run["protections"] = tuple(Protection(**p) for p in run["protections"])
        run["statistics"] = tuple(run["statistics"])
        ruling, database = facts.get("ruling"), facts.get("database")
        return cls(
            scores=tuple(_score(score) for score in facts["scores"]),
            rows=dict(facts["rows"]),
            target=facts["target"],
            marginals=tuple(Marginal.from_facts(m) for m in facts["marginals"]),
            schema=tuple(Described(**column) for column in facts["schema"]),
            facts=RunFacts(**run),
            made=facts["made"],
            ruling=None if ruling is None else Ruling.from_facts(ruling),
            database=None if database is None else Database.from_facts(database),
            paths=tuple(Paths.from_facts(path) for path in facts.get("paths", ())),
        )


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
