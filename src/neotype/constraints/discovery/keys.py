"""What tells rows apart, and what one row hands to the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from neotype.constraints.discovery.cells import Cells, Ints, Seen, some
from neotype.constraints.discovery.chance import telling
from neotype.constraints.discovery.found import Found, listed
from neotype.schema.names import names_id
from neotype.schema.schema import Datetime, Identifier

WIDEST = 4
"""Columns of a key at most."""

PARTS = 14
"""Columns that may be parts of a key: more are tried in pairs only."""

_PARTS_OF_KEYS = ("identifier", "categorical", "ordinal", "datetime")


def keys(seen: Seen, known: Sequence[Found]) -> list[Found]:
    """The smallest sets of columns in which no two rows agree, where chance would have had many."""
    parts = [c for c in seen.cells.values() if _may_be_part(c, seen.rows)]
    # What always goes with another part tells no rows apart that the other one does not.
    follows = {
        f.fields["key"]: set(f.fields["columns"]) for f in known if f.type == "DenormalizedTable"
    }
    parts = [c for c in parts if not any(c.name in right for right in follows.values())]
    found: list[Found] = []
    few = [some(seen.rows, most) for most in (2_000, 20_000, seen.rows)]
    shares = {c.name: _meeting(c) for c in parts}
    widest = WIDEST if len(parts) <= PARTS else 2
    tried = sum(len(list(combinations(range(len(parts)), k))) for k in range(1, widest + 1))
    for width in range(1, widest + 1):
        for group in combinations(parts, width):
            names = frozenset(c.name for c in group)
            if any(one.about <= names for one in found):
                continue
            twice = 0.5 * seen.rows**2 * float(np.prod([shares[name] for name in names]))
            if not telling(min(twice, seen.rows), tried):
                continue
            if any(_repeated(group, rows) for rows in few):
                continue
            found.append(_key(seen, group, twice))
    return found


def _meeting(one: Cells) -> float:
    """How often two rows have the same cell; of days that never do, how often they might."""
    rows = len(one.series)
    if one.distinct < rows:
        return float((one.counts * (one.counts - 1)).sum() / (rows * (rows - 1)))
    if isinstance(one.column, Datetime) and one.column.part == "date":
        days = (one.numbers.max() - one.numbers.min()) / 86_400e6
        return 1 / (float(days) + 1)
    return 0.0


def _may_be_part(one: Cells, rows: int) -> bool:
    """Ids, dates and parts of dates: a quantity is no part of a key."""
    named = isinstance(one.column, Identifier) and one.column.unique
    if named or one.gaps or one.distinct < 2 or one.kind in ("text", "boolean"):
        return False
    whole = one.unit == "number" and bool(one.whole) and one.distinct <= max(rows**0.5, 50)
    return one.kind in _PARTS_OF_KEYS or names_id(one.name) or whole


def _repeated(group: tuple[Cells, ...], rows: Ints) -> bool:
    joint, size = np.zeros(1, dtype=np.int64), 1
    for one in group:
        codes = one.codes[rows]
        if size * one.distinct >= 1 << 62:
            joint = np.unique(joint, return_inverse=True)[1]
            size = int(joint.max()) + 1
        joint, size = joint * one.distinct + codes, size * one.distinct
    return len(np.unique(joint)) < len(joint)


def _key(seen: Seen, group: tuple[Cells, ...], twice: float) -> Found:
    names = tuple(c.name for c in group)
    if len(names) == 1:
        saying = f"no two rows have the same '{names[0]}'"
    else:
        saying = f"no two rows agree in {listed(names)} together"
    return Found("Unique", {"columns": names}, saying, seen.rows, min(twice, seen.rows))


def carried_over(seen: Seen) -> list[Found]:
    """A quantity of a row that is another quantity of the row before, of the same owner."""
    numbers = [c for c in seen.quantities if not c.gaps]
    found: list[Found] = []
    if len(numbers) < 2:
        return found
    dates: list[Cells | None] = [None, *(c for c in seen.dates if not c.gaps)]
    owners: list[Cells | None] = [None, *(c for c in seen.cells.values() if _owns(c))]
    said: set[tuple[str, str]] = set()
    for owner in owners:
        for date in dates:
            order = np.lexsort(
                [c.codes for c in (date, owner) if c is not None] or [np.arange(seen.rows)]
            )
            same = (
                np.ones(seen.rows - 1, np.bool_)
                if owner is None
                else np.diff(owner.codes[order]) == 0
            )
            before = np.flatnonzero(same)
            if len(before) < 0.3 * seen.rows:
                continue
            few = before[some(len(before), 100)]
            first, second = order[few], order[few + 1]
            for one in numbers:
                for other in numbers:
                    if (one.name, other.name) in said or one is other:
                        continue
                    if (one.numbers[first] != other.numbers[second]).any():
                        continue
                    rule = _carried(seen, one, other, owner, date, order, before)
                    if rule is not None:
                        found.append(rule)
                        said.add((one.name, other.name))
    return found


def _owns(one: Cells) -> bool:
    return one.repeats and not one.gaps and (one.kind == "identifier" or names_id(one.name))


def _carried(
    seen: Seen,
    one: Cells,
    other: Cells,
    owner: Cells | None,
    date: Cells | None,
    order: Ints,
    before: Ints,
) -> Found | None:
    left, right = one.numbers[order[before]], other.numbers[order[before + 1]]
    if (left != right).any() or (one.numbers == other.numbers).mean() > 0.5:
        return None
    shares = other.counts / seen.rows
    expected = len(left) * (1 - float((shares**2).sum()))
    if not telling(expected, 1000 * len(seen.cells) ** 2):
        return None
    fields = {"from_column": one.name, "to_column": other.name}
    fields |= {"within": owner.name} if owner else {}
    fields |= {"order_by": date.name} if date else {}
    saying = f"'{other.name}' is '{one.name}' of the row before"
    saying += f" of the same '{owner.name}'" if owner else ""
    saying += f", by '{date.name}'" if date else ""
    return Found(
        "CarryOverColumns", fields, saying, len(left), expected, columns=(one.name, other.name)
    )
