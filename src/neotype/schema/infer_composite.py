"""Keys of several columns: of link tables, of lines of an order, of a day of a shop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from neotype.schema.infer_ties import TableKeys
from neotype.schema.key_names import Name, joins
from neotype.schema.schema import Datetime, Relationship, Table
from neotype.schema.wording import count

_STEP = frozenset(
    (
        *("line", "step", "seq", "sequence", "position", "pos", "number", "no", "nr", "num"),
        *("day", "visit", "year", "month", "quarter", "version", "item", "index", "idx", "period"),
        *("week", "hour", "date", "time", "zeile", "jahr", "monat", "tag", "woche", "datum"),
        *("ordinal", "row", "rank", "round", "lap", "season", "wave", "epoch", "order"),
        *("timestamp", "revision", "ligne", "linea", "riga", "sequential"),
    )
)
_NEARLY_ROWS, _MEETINGS = 0.7, 3.0
_WIDEST, _MOST_PARTS, _FIRST, _OWNERS = 8, 4, 3, 5


def composite_key(
    table: TableKeys,
    frame: pl.DataFrame,
    content: Table,
    ties: Iterable[Relationship],
    tables: Mapping[str, TableKeys],
) -> tuple[str, ...]:
    """The key as it is, or columns that are one together: foreign keys, then dates and steps."""
    mine = [tie for tie in ties if tie.child == table.name and len(tie.child_key) == 1]
    refer = [name for name in frame.columns if any(tie.child_key == (name,) for tie in mine)]
    parents = {tie.parent for tie in mine if tie.parent != table.name}
    linking = len(refer) > 1 and joins(table.words, (tables[name].words for name in parents))
    if table.primary and not (linking and table.primary[0] in refer):
        return table.primary
    if linking and _is_key(frame, tuple(refer)):
        return tuple(refer)
    if table.primary or not frame.height:
        return table.primary
    counted = _counted(table, frame, refer)
    if counted:
        return counted
    steps = [name for name in frame.columns if name not in refer and _is_step(name, content)]
    others = [
        name
        for name in frame.columns[:_FIRST]
        if name not in (*refer, *steps)
        and table.cells[name].group is not None
        and not Name(name).quantity
    ]
    parts = [*refer, *others, *steps][:_WIDEST]
    for size in range(2, min(len(parts), _MOST_PARTS) + 1):
        for some in combinations(parts, size):
            if _is_key(frame, some) and (
                (set(some) <= set(refer[:size]) and len(frame.columns) <= size + 2)
                or _by_no_chance(frame, [(name,) for name in some])
            ):
                return tuple(name for name in frame.columns if name in some)
    return ()


def _counted(table: TableKeys, frame: pl.DataFrame, refer: Sequence[str]) -> tuple[str, ...]:
    """An owner and a column that counts the rows of each: 1, 2, 3 and so on, never a gap."""
    for name in frame.columns:
        cells = table.cells[name]
        if cells.group != "number" or cells.missing or not len(cells.values) > 1 or name in refer:
            continue
        if int(cells.values[0]) not in (0, 1):
            continue
        for owner in refer:
            step = pl.col(name)
            groups = frame.group_by(owner).agg(
                pl.len().alias("rows"), step.n_unique().alias("steps"), step.max().alias("last")
            )
            first = int(cells.values[0])
            whole = (groups["steps"] == groups["rows"]) & (
                groups["last"] - first + 1 == groups["rows"]
            )
            if whole.all() and int((groups["rows"] > 1).sum()) >= _OWNERS:
                return (owner, name)
    return ()


def _is_step(name: str, content: Table) -> bool:
    column = content.columns[name]
    if isinstance(column, Datetime):
        return True
    parts = Name(name).words
    return Name(name).says_id or (
        any(part in _STEP for part in (*parts[:1], *parts[-1:])) and "Float" not in column.storage
    )


def key_of_ties(
    table: TableKeys, frame: pl.DataFrame, ties: Iterable[Relationship]
) -> tuple[str, ...]:
    """What a row refers to, all together: a student, and a course in a year."""
    units = list(dict.fromkeys(tie.child_key for tie in ties if tie.child == table.name))
    for size in (2, 3):
        for some in combinations(units, size):
            names = tuple(dict.fromkeys(name for unit in some for name in unit))
            if _is_key(frame, names) and _by_no_chance(frame, some):
                return tuple(name for name in frame.columns if name in names)
    return ()


def _is_key(frame: pl.DataFrame, names: tuple[str, ...]) -> bool:
    part = frame.select(names)
    if any(part[name].null_count() for name in names):
        return False
    return part.n_unique() == part.height


def _by_no_chance(frame: pl.DataFrame, units: Iterable[tuple[str, ...]]) -> bool:
    """Whether unrelated columns of so many values would have met in some row."""
    distinct = [frame.select(unit).n_unique() for unit in units]
    if max(distinct) > _NEARLY_ROWS * frame.height:
        return False
    return frame.height**2 / (2 * float(np.prod(distinct, dtype=float))) >= _MEETINGS


def composite_ties(
    tables: Mapping[str, TableKeys],
    frames: Mapping[str, pl.DataFrame],
    found: list[Relationship],
    declared: list[Relationship],
) -> tuple[list[Relationship], list[Relationship]]:
    """With the foreign keys of several columns; single ones that follow from these are left out."""
    sure: list[Relationship] = []
    doubts: list[Relationship] = []
    every = [*declared, *found]
    for parent in tables.values():
        if len(parent.primary) < 2:
            continue
        for child in tables.values():
            own = child is not parent and _matching(parent, child, every)
            if not own or any(
                tie.child == child.name and set(tie.child_key) == set(own) for tie in declared
            ):
                continue
            tie = _tuples(parent, child, own, frames)
            if tie is None:
                continue
            equal = (
                set(child.primary) == set(own)
                and frames[child.name].height >= frames[parent.name].height
            )
            named = (
                all(word in child.words for word in parent.words) and child.words != parent.words
            )
            (doubts if equal and not named else sure).append(tie)
    follow = {
        (tie.child, mine, up.parent)
        for tie in sure
        for mine, theirs in zip(tie.child_key, tie.parent_key, strict=True)
        for up in every
        if up.child == tie.parent and up.child_key == (theirs,)
    }
    kept = [tie for tie in found if (tie.child, tie.child_key[0], tie.parent) not in follow]
    return [*kept, *sure], doubts


def _matching(
    parent: TableKeys, child: TableKeys, ties: list[Relationship]
) -> tuple[str, ...] | None:
    """The columns of the child for the key of the parent: same name, or same grandparent."""
    refers = {
        (tie.child, tie.child_key[0]): (tie.parent, tie.parent_key)
        for tie in ties
        if len(tie.child_key) == 1
    }
    own = []
    for key in parent.primary:
        words, up = Name(key).words, refers.get((parent.name, key))
        named = [name for name in child.cells if Name(name).words == words]
        tied = [name for name in child.cells if up and refers.get((child.name, name)) == up]
        if not named and len(tied) != 1:
            return None
        own.append((named or tied)[0])
    return tuple(own) if len(set(own)) == len(own) else None


def _tuples(
    parent: TableKeys,
    child: TableKeys,
    own: tuple[str, ...],
    frames: Mapping[str, pl.DataFrame],
) -> Relationship | None:
    mine, theirs = (
        frames[child.name].select(own).drop_nulls(),
        frames[parent.name].select(parent.primary),
    )
    if not mine.height or [*mine.dtypes] != [*theirs.dtypes]:
        return None
    met = mine.join(theirs, left_on=own, right_on=list(parent.primary), how="semi").height
    if met < 0.9 * mine.height:
        return None
    all_of = (
        f"all {count(met, 'row')}"
        if met == mine.height
        else f"{met:,} of {count(mine.height, 'row')}"
    )
    return Relationship(
        parent=parent.name,
        parent_key=parent.primary,
        child=child.name,
        child_key=own,
        reason=f"{all_of} have a key of several columns that {parent.name} has too",
    )
