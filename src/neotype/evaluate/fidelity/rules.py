"""Do rows obey the rules that hold in every real row?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.constraints.keys import DenormalizedTable
from neotype.data import Dataset
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.interval import wilson
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.schema.constraint import Constraint, Rule

MOST = 30
"""Rules that are looked for in the data where none is declared: those most surely no accident."""


@dataclass(frozen=True)
class Constraints(Measure):
    """The share of rows that obey all constraints of the schema: 1 is all.

    Where none is declared, those that are found in train and hold in every row of train and of the
    holdout.
    """

    name: ClassVar[str] = "constraints"
    title: ClassVar[str] = "Rules between columns"
    how: ClassVar[str] = (
        "The share of rows that obey every constraint of the schema; where none is declared, "
        "every rule that was found in the real rows and holds in all of them."
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.03

    def look(self, tables: Comparison) -> Finding:
        """Count the rows that break a rule."""
        declared = [_learnt(one, tables.train) for one in tables.table.constraints]
        rules = declared or _found(tables)
        if not rules:
            raise NotMeasurableError(
                "the schema declares no constraint, and none was found that holds in every real "
                "row."
            )
        kept, real = (_kept(rules, data) for data in (tables.synthetic, tables.holdout))
        value, floor = float(kept.all(axis=0).mean()), float(real.all(axis=0).mean())
        shares = kept.mean(axis=1)
        worst = int(shares.argmin())
        least = f"least kept is {rules[worst].constraint.title}, by {percent(shares[worst])}"
        asked = counted(len(rules), bool(declared))
        return Finding(
            value=value,
            interval=wilson(float(kept.all(axis=0).sum()), kept.shape[1]),
            floor=floor,
            target=floor - 0.01,
            meaning=(
                f"{percent(value)} of the synthetic rows obey {asked} "
                f"(real unseen rows: {percent(floor)}); "
                f"{least if shares[worst] < 1 else 'none is broken'}."
            ),
            detail={
                "declared": bool(declared),
                "constraints": [
                    {
                        "constraint": rule.constraint.title,
                        "synthetic": made,
                        "holdout": held,
                        "broken_rows": int((~row).sum()),
                    }
                    for rule, made, held, row in zip(
                        rules, shares, real.mean(axis=1), kept, strict=True
                    )
                ],
            },
        )


def counted(many: int, declared: bool) -> str:
    """How many rules, and why they are asked for."""
    if many == 1:
        return f"the rule that {'is declared' if declared else 'holds in every real row'}"
    return f"the {many} rules that {'are declared' if declared else 'hold in every real row'}"


def percent(share: float) -> str:
    """100% of all rows, and of nothing less."""
    digits = 1 if share == 1 or share < 0.999 else 3
    return f"{share:.{digits}%}"


def _learnt(constraint: Constraint, train: Dataset) -> Rule:
    """The rule of train as it is, rare combinations included: nothing is kept of it.

    Keys may be new in every table: what belongs to one has to be alike within the table.
    """
    if isinstance(constraint, DenormalizedTable):
        return constraint.restore({}, train.table.columns)
    return constraint.learn(train.table.columns, train.frame, protect=1)


def _found(tables: Comparison) -> list[Rule]:
    from neotype.constraints.discovery import propose  # what is declared need not be looked for

    train, holdout = tables.train, tables.holdout
    proposals = [one for one in propose(train.table.columns, train.frame) if one.holds]
    proposals.sort(key=lambda one: -one.expected / max(one.support, 1))
    rules = [
        _learnt(one.constraint, train)
        for one in proposals[:MOST]
        if isinstance(one.constraint, Constraint)
    ]
    return [rule for rule in rules if bool(rule.holds(holdout.frame).all())]


def _kept(rules: list[Rule], data: Dataset) -> Any:
    """Boolean (rules, rows)."""
    return np.stack([rule.holds(data.frame).to_numpy() for rule in rules])
