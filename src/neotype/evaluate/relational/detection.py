"""Can a detector tell synthetic parents by what is below them, or children by their parents?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fidelity.detection import C2ST
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.relational.aggregates import with_children, with_parents
from neotype.evaluate.relational.between import OfTables
from neotype.evaluate.relational.databases import Databases

ROWS = 4_000
"""Rows of a side that a detector is shown."""


@dataclass(frozen=True)
class Detected(OfTables):
    """A two-sample test of wide rows: of one table with what it is tied to."""

    rows: int = ROWS
    folds: int = 5
    trees: int = 200

    reference: ClassVar[str] = (
        "Hudovernik et al. 2024, Benchmarking the fidelity and utility of synthetic relational "
        "data (C2ST-Agg)"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.10

    def test(self, wide: Comparison, said: str) -> Finding:
        """The two-sample test of wide rows; `said` is what one of them is."""
        least = min(data.rows for data in wide.datasets)
        if least < C2ST.least_rows:
            raise NotMeasurableError(
                f"a side has {least} rows of this table, and this measure needs {C2ST.least_rows}."
            )
        found = C2ST(self.rows, self.folds, self.trees).look(wide)
        told = found.detail["importance"][0]["column"]
        return replace(
            found,
            meaning=(
                f"Shown {said}, one synthetic and one real, a trained detector picks the synthetic "
                f"one {found.value:.1%} of the time (50% is guessing, and real ones against other "
                f"real ones score {found.floor:.1%}); most by '{told}'."
            ),
        )


@dataclass(frozen=True)
class ParentDetection(Detected):
    """The AUC of a detector of parents that sees what is below them (0.5 = undetectable).

    A parent's own columns and aggregates of its children and grandchildren are one wide row.
    """

    name: ClassVar[str] = "parent_detection"
    title: ClassVar[str] = "Detectability of parents with their children"
    how: ClassVar[str] = (
        "Gradient-boosted trees learn to tell synthetic rows from equally many real holdout rows "
        "by their own columns and by what is below them: the number of children, mean, deviation, "
        "least and largest of their numbers, how many labels and the commonest, first and last "
        "date, and the same of grandchildren. The number is the ROC AUC on rows they did not learn "
        "from; rows of one family are never in two folds."
    )

    def tables(self, databases: Databases) -> Sequence[str]:
        """Tables of families that others refer to."""
        tables, schema = databases.schema.tables, databases.schema
        return [name for name in tables if name in databases.divided and schema.below(name)]

    def look_at(self, databases: Databases, table: str) -> Finding:
        """Detect parents by what is below them."""
        wide = databases.kept(("below", table), lambda: with_children(databases, table))
        return self.test(wide, f"a row of '{table}' with all that is below it")


@dataclass(frozen=True)
class ChildDetection(Detected):
    """The AUC of a detector of children that sees whom they refer to (0.5 = undetectable).

    A child's own columns and those of its parents are one wide row: is the pairing credible?
    """

    name: ClassVar[str] = "child_detection"
    title: ClassVar[str] = "Detectability of children with their parents"
    how: ClassVar[str] = (
        "Gradient-boosted trees learn to tell synthetic rows from equally many real holdout rows "
        "by their own columns and those of the rows that they refer to. The number is the ROC AUC "
        "on rows they did not learn from; rows of one family are never in two folds."
    )

    def tables(self, databases: Databases) -> Sequence[str]:
        """Tables of families that refer to others."""
        tables, schema = databases.schema.tables, databases.schema
        return [name for name in tables if name in databases.divided and schema.above(name)]

    def look_at(self, databases: Databases, table: str) -> Finding:
        """Detect children by whom they belong to."""
        wide = databases.kept(("above", table), lambda: with_parents(databases, table))
        return self.test(wide, f"a row of '{table}' with those that it refers to")
