"""What a measure between tables is: of a whole database, or of each table in its surroundings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from neotype.data import Dataset
from neotype.evaluate.metric import Finding, Judged, NotMeasurableError, Scope, Score
from neotype.evaluate.relational.databases import Databases
from neotype.rng import Rng

ORDER = ("poor", "fair", "good", "not judged", "not measured")


@dataclass(frozen=True)
class Between(Judged, ABC):
    """A measure of how tables are tied."""

    scope: ClassVar[Scope] = "database"

    def score(self, synthetic: Dataset, *, train: Dataset, holdout: Dataset, rng: Rng) -> Score:
        """Measure one synthetic database; of several tables, the score of the worst."""
        scores = self.measure(Databases(synthetic, train, holdout, rng))
        return min(scores, key=lambda score: ORDER.index(score.verdict))

    def measure(self, databases: Databases) -> tuple[Score, ...]:
        """Measure databases whose views other measures may share."""

        def look() -> Finding:
            refuse_untied(databases)
            return self.look(databases)

        return (self.judge(look),)

    def look(self, databases: Databases) -> Finding:
        """Measure, or raise NotMeasurableError with the reason."""
        raise NotImplementedError


@dataclass(frozen=True)
class OfTables(Between):
    """A measure of single tables together with those that they are tied to."""

    def measure(self, databases: Databases) -> tuple[Score, ...]:
        """One score for each table that the measure is about."""
        tables = self.tables(databases)
        if not tables:
            return super().measure(databases)

        def of(table: str) -> Score:
            return replace(self.judge(lambda: self.look_at(databases, table)), table=table)

        return tuple(of(table) for table in tables)

    def look(self, databases: Databases) -> Finding:
        """There is no such table."""
        raise NotMeasurableError(
            "no table is tied to another one, of those whose rows are not the same in train and "
            "holdout."
        )

    @abstractmethod
    def tables(self, databases: Databases) -> Sequence[str]:
        """The tables that the measure is about."""

    @abstractmethod
    def look_at(self, databases: Databases, table: str) -> Finding:
        """Measure one of them, or raise NotMeasurableError with the reason."""


def refuse_untied(databases: Databases) -> None:
    """NotMeasurableError where no table refers to another."""
    if not databases.schema.relationships:
        raise NotMeasurableError("no table refers to another one.")
