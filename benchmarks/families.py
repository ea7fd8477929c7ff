"""The databases and panels that are measured, where they lie, and what is asked of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.tables import EXAMPLES
from neotype import intake
from neotype.data import Dataset
from neotype.schema.infer import infer_schema
from neotype.schema.keys import Keys
from neotype.schema.schema import Relationship
from neotype.source import Source


@dataclass(frozen=True)
class Number:
    """What is measured, and what is asked of it; `best` says which way is better."""

    title: str
    metric: str
    table: str = ""
    asked: float | None = None
    best: str = "≤"
    percent: bool = False

    def written(self, value: float | None) -> str:
        """As people read it."""
        if value is None:
            return "–"
        return f"{value:.1%}" if self.percent else f"{value:.3f}".removeprefix("0")

    def met(self, value: float, floor: float | None) -> str:
        """Whether the number is reached; where not, whether real rows reach it themselves."""
        if self.asked is None:
            return ""
        if self._reached(value):
            return "yes"
        return "no" if floor is None or self._reached(floor) else "no, nor do real rows"

    def _reached(self, value: float) -> bool:
        asked = self.asked or 0.0
        return value <= asked + 5e-4 if self.best == "≤" else value >= asked - 5e-4


@dataclass(frozen=True)
class Case:
    """A data set: how often it is halved, its numbers, and the tables that are declared public."""

    title: str
    place: str
    splits: int
    numbers: tuple[Number, ...]
    public: tuple[str, ...] = ()
    entity: str | None = None
    sequence: str | None = None
    cost: float | None = None


_TIED = (
    Number("references that find their row", "referential_integrity", "", 1.0, "≥", percent=True),
    Number("children per parent, KS of the worst key", "children", "", 0.06),
    Number("fan-out of matched keys, KS of the worst", "fan-out", "", 0.02),
    Number("trends over one foreign key, error", "trends 1", "", 0.05, percent=True),
    Number("trends over two foreign keys, error", "trends 2", "", 0.05, percent=True),
)
_STATIC = ("language", "country", "city", "category", "store", "staff")

CASES = {
    "rossmann": Case(
        "Rossmann, 2 tables",
        "rossmann",
        4,
        (
            Number("stores with aggregates, AUC", "parent_detection", "store", 0.58),
            Number("rows of sales, AUC", "c2st", "sales", 0.53),
            Number("three rows of sales on end, AUC", "window_detection", "sales", 0.57),
            Number("spread between stores, off by", "between_owner_spread", "sales", 0.1),
            *_TIED[:2],
        ),
    ),
    "berka": Case(
        "Berka, 8 tables",
        "berka",
        2,
        (
            Number("accounts with all below, AUC", "parent_detection", "account", 0.72),
            Number("rows of trans, AUC", "c2st", "trans", 0.63),
            Number("three rows of trans on end, AUC", "window_detection", "trans"),
            *_TIED,
        ),
        cost=60.0,
    ),
    "berka_public": Case(
        "Berka, district public", "berka", 2, _TIED, public=("district",), cost=60.0
    ),
    "sakila": Case("Sakila, 15 tables", "sakila", 2, _TIED, cost=60.0),
    "sakila_public": Case("Sakila, 6 tables public", "sakila", 2, _TIED, public=_STATIC, cost=60.0),
    "chinook": Case("Chinook, 11 tables", "chinook.sqlite", 2, _TIED),
    "pbc2": Case(
        "PBC2, 312 patients",
        "panel_pbc2.csv",
        4,
        (
            Number("patients with aggregates, AUC", "owner_detection", "", 0.60),
            Number("rows, AUC", "c2st", "", 0.70),
        ),
        entity="id",
        sequence="year",
    ),
    "bike": Case(
        "Bike sharing, 731 days of hours",
        "bike_sharing_hour.csv",
        2,
        (
            Number("rows, AUC", "c2st", "", 0.75),
            Number("days with aggregates, AUC", "owner_detection", "", 0.75),
            Number("monthly profile, correlation", "month", "", 0.8, "≥"),
        ),
        entity="dteday",
        sequence="hr",
    ),
}
SHIPPED = ("sakila", "sakila_public", "chinook")
"""Data sets of which a copy lies in examples/."""


def _declared(folder: Path) -> Source:
    """The tables of a folder or a file, with the keys that relations.json beside them names."""
    source = intake.taken(folder)
    path = folder / "relations.json"
    if source.keys is not None or not path.is_file():
        return source
    facts = json.loads(path.read_text(encoding="utf-8"))
    ties = tuple(
        Relationship(
            parent=tie["parent"],
            parent_key=tuple(tie["parent_columns"]),
            child=tie["child"],
            child_key=tuple(tie["child_columns"]),
        )
        for tie in facts["foreign_keys"]
    )
    primary = {name: tuple(one["primary_key"]) for name, one in facts["tables"].items()}
    frames = {name: source.frames[name] for name in facts["tables"]}
    return replace(source, frames=frames, keys=Keys(primary, {}, ties))


def given(name: str, folder: str) -> Dataset:
    """One of the data sets, whole."""
    case = CASES[name]
    place = Path(folder or EXAMPLES) / case.place
    source = _declared(place if place.exists() else EXAMPLES / case.place)
    schema = infer_schema(source.frames, keys=source.keys)
    schema = intake.declared(schema, public=case.public, entity=case.entity, sequence=case.sequence)
    return intake.learnable(source, schema, None)
