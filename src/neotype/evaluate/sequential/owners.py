"""Can a classifier tell a synthetic owner, with all of its rows, from a real one?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.sequential.lengths import owners
from neotype.evaluate.sequential.strands import SequenceMeasure, sequences
from neotype.evaluate.sequential.summaries import summarise
from neotype.evaluate.sequential.telling import Shown, against_holdout

OWNERS = 20
"""Owners that each side needs."""


@dataclass(frozen=True)
class OwnerDetection(SequenceMeasure):
    """The AUC of a detector of owners, told by aggregates of their rows: 0.5 cannot be told apart.

    `detail`: value, interval, rows (owners of a side), importance [{column, share}], roc [[x, y]];
    `floor` the same of train.
    """

    owners: int = 10_000
    trees: int = 100

    name: ClassVar[str] = "owner_detection"
    title: ClassVar[str] = "Detectability of owners"
    how: ClassVar[str] = (
        "Gradient-boosted trees see of each owner the number of its rows, the mean, deviation, "
        "slope, least, most and change of each quantity, shares and changes of labels, and when it "
        "begins, and learn to tell synthetic from equally many holdout owners. ROC AUC on owners "
        "not learnt from (5-fold cross-validation)."
    )
    reference: ClassVar[str] = "Lopez-Paz and Oquab 2017, Revisiting classifier two-sample tests"
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.10

    def look(self, tables: Comparison) -> Finding:
        """Tell synthetic owners from those of holdout; the floor tells train's from these."""
        found = sequences(tables)
        few = min(map(len, owners(found, "aggregates")))
        if few < OWNERS:
            raise NotMeasurableError(f"one side has {few} owners, and this measure needs {OWNERS}.")
        shown = summarise(tables, found, found.whole)
        sides = {
            side: Shown(cells, np.arange(len(cells)))
            for side, cells in shown.sides._asdict().items()
        }
        rng = tables.rng.child(self.name)
        told, floor = against_holdout(shown, sides, most=self.owners, trees=self.trees, rng=rng)
        return Finding(
            value=told.value,
            interval=told.interval,
            floor=floor.value,
            target=0.60,
            meaning=(
                f"A detector tells {told.rows:,} synthetic owners from as many real ones with AUC "
                f"{told.value:.3f} (0.5 is guessing; real against real: {floor.value:.3f})."
            ),
            detail={
                **told.words(shown),
                "floor": floor.words(shown),
                **found.detail,
                "rows": told.rows,
            },
        )
