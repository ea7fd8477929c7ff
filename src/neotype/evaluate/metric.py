"""What a measure is, and what it says: a value with its interval, its floor and a verdict."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from neotype.data import Dataset
from neotype.errors import NeotypeError
from neotype.evaluate.comparison import Comparison
from neotype.rng import Rng

Axis = Literal["fidelity", "utility", "privacy", "fairness"]
Better = Literal["higher", "lower", "near_floor"]
Verdict = Literal["good", "fair", "poor", "not judged", "not measured"]
Scope = Literal["table", "sequence", "database"]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """One measured number, with everything that is needed to read it.

    `floor` is what the real holdout itself scores against train: no synthetic table can be asked
    to do better. Without a `target` it is "not judged": a number to read, not to pass. `how` says
    how it was computed, `reference` names the paper. `detail` holds JSON-ready extras (per column,
    per pair, histograms). `table` names the table that a score is of: empty where there is only
    one, or where the number is of the database as a whole.
    """

    metric: str
    title: str
    axis: Axis
    value: float | None
    interval: Interval | None
    floor: float | None
    better: Better
    target: float | None
    verdict: Verdict
    meaning: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    how: str = ""
    reference: str = ""
    table: str = ""


class Metric(Protocol):
    """A measure of a synthetic table beside real train and holdout rows."""

    name: str
    axis: Axis
    better: Better

    def score(self, synthetic: Dataset, *, train: Dataset, holdout: Dataset, rng: Rng) -> Score:
        """Measure; missing values and all-null columns are data, not errors."""


def verdict(
    value: float | None,
    interval: Interval | None,
    *,
    floor: float | None,
    target: float | None,
    tolerance: float,
    better: Better,
) -> Verdict:
    """Good, fair or poor: the only place where a number becomes a word.

    Good reaches the target, or the floor where real rows themselves miss the target; fair is
    within `tolerance` of that; poor is beyond. An interval that reaches over the whole fair zone
    makes either extreme fair: too few rows prove neither.
    """
    if value is None or not math.isfinite(value):
        return "not measured"
    if target is None:
        return "not judged"
    low, high = interval or (value, value)
    if better == "near_floor":
        centre = floor or 0.0
        crossed = low <= centre <= high
        ends = abs(low - centre), abs(high - centre)
        low, high = (0.0 if crossed else min(ends)), max(ends)
        value, target, floor = abs(value - centre), abs(target - centre), 0.0
    elif better == "higher":
        value, low, high, target = -value, -high, -low, -target
        floor = None if floor is None else -floor
    good = target if floor is None else max(target, floor)
    fair = good + tolerance
    if value <= good + 1e-12:
        return "fair" if high > fair else "good"
    return "poor" if value > fair and low > good else "fair"


@dataclass(frozen=True)
class Finding:
    """What a house metric found, before it is judged; without a target it is only shown."""

    value: float
    interval: Interval
    floor: float | None
    target: float | None
    meaning: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class NotMeasurableError(NeotypeError):
    """This measure has nothing to say about these tables; the message says why.

    `detail` holds what was seen nevertheless, JSON-ready.
    """

    def __init__(self, problem: str, detail: Mapping[str, Any] | None = None) -> None:
        self.detail = detail or {}
        super().__init__(problem)


@dataclass(frozen=True)
class Judged(ABC):
    """What the house's metrics share: from what was found to a judged score, or to a reason.

    `how` tells a reader how the number is computed and `reference` where it was published. A
    `deep` measure is taken only when it is asked for: it costs minutes. The `scope` of a measure is
    one table, the order of its rows, or the tables of a database and how they are tied.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    axis: ClassVar[Axis]
    better: ClassVar[Better]
    tolerance: ClassVar[float]
    how: ClassVar[str]
    reference: ClassVar[str] = ""
    deep: ClassVar[bool] = False
    scope: ClassVar[Scope] = "table"

    def judge(self, look: Callable[[], Finding]) -> Score:
        """The score of what is found, or one that says why nothing is."""
        from threadpoolctl import threadpool_limits

        try:
            # Products here are small: threads of BLAS would cost more to wake than they save.
            with threadpool_limits(1, user_api="blas"):
                found = look()
        except NotMeasurableError as reason:
            return self.blank(reason.problem, reason.detail)
        value = float(found.value)
        low, high = (float(end) for end in found.interval)
        floor, target = (None if n is None else float(n) for n in (found.floor, found.target))
        return Score(
            metric=self.name,
            title=self.title,
            axis=self.axis,
            value=value,
            interval=(low, high),
            floor=floor,
            better=self.better,
            target=target,
            verdict=verdict(
                value,
                (low, high),
                floor=floor,
                target=target,
                tolerance=self.tolerance,
                better=self.better,
            ),
            meaning=found.meaning,
            how=self.how,
            reference=self.reference,
            detail=plain(found.detail),
        )

    def blank(self, reason: str, detail: Mapping[str, Any] | None = None) -> Score:
        """The score that says why there is none, with what was seen nevertheless."""
        return Score(
            metric=self.name,
            title=self.title,
            axis=self.axis,
            value=None,
            interval=None,
            floor=None,
            better=self.better,
            target=None,
            verdict="not measured",
            meaning=f"Not measured: {reason}",
            how=self.how,
            reference=self.reference,
            detail=plain({**(detail or {}), "reason": reason}),
        )


@dataclass(frozen=True)
class Measure(Judged):
    """A measure of one table."""

    least_rows: ClassVar[int] = 20

    def score(self, synthetic: Dataset, *, train: Dataset, holdout: Dataset, rng: Rng) -> Score:
        """Measure one synthetic table; equal seeds give equal scores."""
        return self.measure(Comparison(synthetic, train, holdout, rng))

    def measure(self, tables: Comparison) -> Score:
        """Measure tables whose views other measures may share."""

        def look() -> Finding:
            self._enough_rows(tables)
            found = self.look(tables)
            return replace(found, detail={"left_out": dict(tables.left_out), **found.detail})

        return self.judge(look)

    @abstractmethod
    def look(self, tables: Comparison) -> Finding:
        """Measure, or raise NotMeasurableError with the reason."""

    def _enough_rows(self, tables: Comparison) -> None:
        for side, data in tables.datasets._asdict().items():
            if data.rows < self.least_rows:
                raise NotMeasurableError(
                    f"the {side} table has {data.rows} row{'' if data.rows == 1 else 's'}, "
                    f"and this measure needs {self.least_rows}."
                )


def plain(value: Any) -> Any:
    """The same value in JSON's types: no numpy, and None for what is not a number."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
