"""What a measure is, and what it says: a value with its interval, its floor and a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from neotype.data import Dataset
from neotype.rng import Rng
from neotype.schema.schema import Schema

Axis = Literal["fidelity", "utility", "privacy"]
Better = Literal["higher", "lower", "near_floor"]
Verdict = Literal["good", "fair", "poor", "not measured"]


@dataclass(frozen=True)
class Score:
    """One measured number, with everything that is needed to read it.

    `floor` is what the real holdout itself scores against train: no synthetic table can be asked
    to do better. `detail` holds JSON-ready extras (per column, per pair, histograms).
    """

    metric: str
    title: str
    axis: Axis
    value: float | None
    interval: tuple[float, float] | None
    floor: float | None
    better: Better
    target: float | None
    verdict: Verdict
    meaning: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class Metric(Protocol):
    """A measure of a synthetic table beside real train and holdout rows."""

    name: str
    axis: Axis
    better: Better

    def applies(self, schema: Schema) -> bool:
        """Whether the measure has a meaning for tables of this schema."""

    def score(self, synthetic: Dataset, *, train: Dataset, holdout: Dataset, rng: Rng) -> Score:
        """Measure; missing values and all-null columns are data, not errors."""
