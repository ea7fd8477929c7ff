"""What holds in a database: within each of its tables, and between them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from neotype.constraints.combinations import FixedCombinations
from neotype.constraints.discovery.between import propose_between
from neotype.constraints.discovery.proposal import Proposal, propose
from neotype.constraints.keys import DenormalizedTable, Unique
from neotype.data import Dataset
from neotype.progress import Progress, silent
from neotype.schema.constraint import Constraint


def propose_database(data: Dataset, *, progress: Progress = silent) -> tuple[Proposal, ...]:
    """Of each table what its rows obey, each naming its table, and what holds between tables.

    Of one table alone its rules name none. What holds in all rows comes before what almost does.
    """
    if len(data.schema.tables) == 1:
        return propose(data.schema.columns, data.frame, progress=progress)
    found = [one for name in data.schema.tables for one in _within(data, name, progress)]
    found += propose_between(data, progress=progress)
    return tuple(sorted(found, key=lambda one: not one.holds))


def _within(data: Dataset, name: str, progress: Progress) -> list[Proposal]:
    table = data.schema.tables[name]
    keys = {column for tie in data.schema.above(name) for column in tie.child_key}
    return [
        replace(one, constraint=one.constraint.model_copy(update={"table": name}))
        for one in propose(table.columns, data.frames[name], progress=progress)
        if not _told_by_keys(one.constraint, table.primary_key, keys)
    ]


def _told_by_keys(one: object, primary: Collection[str], foreign: Collection[str]) -> bool:
    """Whether keys say so already, or it is about the row that a key refers to.

    What follows from a foreign key is a fact of that row: `CarryDown` where its table has it.
    """
    if isinstance(one, Unique):
        return bool(primary) and set(primary) <= set(one.columns)
    follows = isinstance(one, FixedCombinations | DenormalizedTable)
    return follows and isinstance(one, Constraint) and bool(set(one.about) & set(foreign))
