"""Every detector in turn; what they find is made a constraint and held against all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
from pydantic import ValidationError

from neotype.constraints.discovery.cells import Seen
from neotype.constraints.discovery.dates import date_formulas
from neotype.constraints.discovery.dependencies import dependencies
from neotype.constraints.discovery.formulas import formulas
from neotype.constraints.discovery.found import Found
from neotype.constraints.discovery.groups import null_patterns, one_hot
from neotype.constraints.discovery.keys import carried_over, keys
from neotype.constraints.discovery.orderings import orderings
from neotype.constraints.discovery.scales import mixed_scales
from neotype.constraints.discovery.texts import text_formulas
from neotype.constraints.discovery.values import steps_and_bounds
from neotype.errors import FitError, SchemaError
from neotype.progress import Progress, silent
from neotype.registry import find
from neotype.schema.between import TableConstraint
from neotype.schema.constraint import Columns, Constraint


@dataclass(frozen=True)
class Proposal:
    """A constraint that the data suggests, and why.

    `support` rows could have broken it, `exceptions` do; `expected` would have, were the columns
    unrelated.
    """

    constraint: Constraint | TableConstraint
    evidence: str
    support: int
    exceptions: int
    expected: float

    @property
    def holds(self) -> bool:
        """Whether no row breaks it, so that it can be given to `fit` as it is."""
        return self.exceptions == 0

    @property
    def table(self) -> str:
        """Of several tables, the one whose rows it is about; empty where it is between tables."""
        one = self.constraint
        return (one.table or "") if isinstance(one, Constraint) else ""

    def facts(self) -> dict[str, Any]:
        """JSON-ready."""
        declared = self.constraint.model_dump(mode="json", exclude_defaults=True)
        return {
            "constraint": {"type": self.constraint.type, **declared},
            "evidence": self.evidence,
            "holds": self.holds,
            "support": self.support,
            "exceptions": self.exceptions,
            "expected_exceptions": round(self.expected),
        }


DETECTORS: tuple[Callable[[Seen], list[Found]], ...] = (
    formulas,
    date_formulas,
    text_formulas,
    one_hot,
    null_patterns,
    carried_over,
)
"""What looks at the columns alone."""

AWARE: tuple[Callable[[Seen, Sequence[Found]], list[Found]], ...] = (
    orderings,
    dependencies,
    keys,
    mixed_scales,
    steps_and_bounds,
)
"""What does not say again what was found before."""

LEAST_ROWS = 30


def propose(
    columns: Columns, frame: pl.DataFrame, *, progress: Progress = silent
) -> tuple[Proposal, ...]:
    """What holds in all rows and is no accident, strongest kinds first; then what almost holds."""
    if frame.height < LEAST_ROWS:
        return ()
    seen = Seen.of(columns, frame)
    found: list[Found] = []
    detectors: list[Callable[[], list[Found]]] = [
        *(partial(detect, seen) for detect in DETECTORS),
        *(partial(detect, seen, found) for detect in AWARE),
    ]
    for done, detect in enumerate(detectors):
        progress("constraints", done, len(detectors))
        found += detect()
    progress("constraints", len(detectors), len(detectors))
    made = [_made(one, columns, frame) for one in found]
    held = [one for one in made if one is not None]
    return tuple(sorted(held, key=lambda p: not p.holds))


def _made(found: Found, columns: Columns, frame: pl.DataFrame) -> Proposal | None:
    """The constraint, where it can be learnt and the rows keep it."""
    try:
        constraint: Constraint = find("constraint", found.type).model_validate(dict(found.fields))
        if not found.exceptions:
            rule = constraint.learn(columns, frame, protect=5)
            if not rule.shown and not bool(rule.holds(frame).all()):
                return None
    except (FitError, SchemaError, ValidationError):
        return None
    return Proposal(
        constraint, found.evidence(frame.height), found.support, found.exceptions, found.expected
    )
