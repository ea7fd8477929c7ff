"""Do the tables of a database obey the rules that hold between the real ones?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neotype.constraints.between.rule import Mask, TableRule
from neotype.data import Dataset
from neotype.evaluate.features import Sides
from neotype.evaluate.fidelity.rules import MOST, counted, percent
from neotype.evaluate.interval import wilson
from neotype.evaluate.metric import Axis, Better, Finding, NotMeasurableError
from neotype.evaluate.relational.between import Between
from neotype.evaluate.relational.databases import Databases
from neotype.schema.between import TableConstraint


@dataclass(frozen=True)
class ConstraintsBetween(Between):
    """The share of rows that obey all constraints between tables: 1 is all.

    Where none is declared, those that are found in train and hold in every row of train and of the
    holdout.
    """

    name: ClassVar[str] = "constraints_between"
    title: ClassVar[str] = "Rules between tables"
    how: ClassVar[str] = (
        "Of the tables that a rule speaks of, the share of rows that obey every constraint "
        "between tables of the schema; where none is declared, every rule between tables that was "
        "found in the real rows and holds in all of them."
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.03

    def look(self, databases: Databases) -> Finding:
        """Count the rows that break a rule."""
        schema, train = databases.schema.settled(), databases.train
        declared = [
            one.learn(schema, train.frames, protect=1) for one in databases.schema.constraints
        ]
        rules = declared or _found(databases)
        broken = Sides(
            *([rule.broken(data.frames) for rule in rules] for data in databases.datasets)
        )
        tables = [_tables(*masks) for masks in zip(*broken, strict=True)]
        if not any(tables):
            raise NotMeasurableError(
                "the schema declares no constraint between tables, and none was found that holds "
                "in every real row."
            )
        obeyed, rows = _obeyed(databases.synthetic, broken.synthetic, tables)
        floor, _ = _obeyed(databases.holdout, broken.holdout, tables)
        told = [
            {
                "table": ", ".join(names),
                "constraint": rule.constraint.title,
                "synthetic": _obeyed(databases.synthetic, [made], [names])[0],
                "holdout": _obeyed(databases.holdout, [held], [names])[0],
                "broken_rows": sum(int(mask.sum()) for mask in made.values()),
            }
            for rule, names, made, held in zip(
                rules, tables, broken.synthetic, broken.holdout, strict=True
            )
            if names
        ]
        worst = min(told, key=lambda one: float(one["synthetic"]))
        least = f"least kept is {worst['constraint']}, by {percent(float(worst['synthetic']))}"
        asked = counted(len(told), bool(declared))
        low, high = wilson(obeyed * rows, rows)
        return Finding(
            value=obeyed,
            interval=(low, max(high, obeyed)),
            floor=floor,
            target=floor - 0.01,
            meaning=(
                f"{percent(obeyed)} of the rows they speak of obey {asked} between tables "
                f"(real unseen rows: {percent(floor)}); "
                f"{least if float(worst['synthetic']) < 1 else 'none is broken'}."
            ),
            detail={"declared": bool(declared), "constraints": told},
        )


def _found(databases: Databases) -> list[TableRule]:
    from neotype.constraints.discovery.between import propose_between  # only where none is declared

    train, holdout = databases.train, databases.holdout
    rules: list[TableRule] = [
        one.constraint.learn(databases.schema, train.frames, protect=1)
        for one in propose_between(train)
        if one.holds and isinstance(one.constraint, TableConstraint)
    ]
    kept = [
        rule
        for rule in rules
        if not any(bool(mask.any()) for mask in rule.broken(holdout.frames).values())
    ]
    return kept[:MOST]


def _tables(*broken: dict[str, Mask]) -> tuple[str, ...]:
    """The tables whose rows a rule counts, on whichever side."""
    return tuple(dict.fromkeys(table for masks in broken for table in masks))


def _obeyed(
    data: Dataset, broken: Sequence[dict[str, Mask]], tables: Sequence[tuple[str, ...]]
) -> tuple[float, int]:
    """The share of rows of these tables that break none of the rules, and how many rows."""
    wrong, rows = 0, 0
    for table in dict.fromkeys(name for names in tables for name in names):
        rows += data.frames[table].height
        masks = [masks[table] for masks in broken if table in masks]
        wrong += int(np.any(masks, axis=0).sum()) if masks else 0
    return (1 - wrong / rows if rows else 1.0), rows
