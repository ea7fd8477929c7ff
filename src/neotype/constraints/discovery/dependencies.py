"""Functional dependencies: columns whose cells follow from those of one or two others.

Candidates are refuted on stretches of rows in which equal values of the left side lie together: a
few thousand rows refute nearly everything. What is left is counted over all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from neotype.constraints.discovery.cells import Cells, Codes, Ints, Mask, Seen
from neotype.constraints.discovery.chance import almost, telling
from neotype.constraints.discovery.found import Found, listed
from neotype.schema.names import names_id
from neotype.schema.wording import PROTECT

STRETCH, STRETCHES = 500, 6
PAIRS = 40
"""Left sides of two columns are tried where no more columns than these could be one."""

TABLE = 1_000
"""A left side of more values is a key with attributes rather than a set of combinations."""

QUANTITIES = 400
"""A number of more values measures something, and is no name of anything."""

_KEYS = ("identifier", "datetime", "text", "duration")


@dataclass(frozen=True)
class Dependency:
    """`right` follows from `left`; `expected` rows would break it by chance, `exceptions` do."""

    left: tuple[str, ...]
    right: str
    values: int
    expected: float
    exceptions: int


def dependencies(seen: Seen, known: Sequence[Found]) -> list[Found]:
    """Tables within the table, merged by their left side, none that another one implies."""
    singles = _singles(seen)
    said = [one.about for one in known if one.type in ("ColumnFormula", "OneHotEncoding")]
    singles = [d for d in singles if not _said(d, said)]
    exact = [d for d in singles if not d.exceptions]
    pairs = [d for d in _pairs(seen, exact) if not _said(d, said)]
    near = [d for d in singles if d.exceptions and not _implied(d, exact)]
    return [*_merged(seen, exact), *_doubles(seen, pairs), *_near(seen, near)]


def _said(rule: Dependency, said: list[frozenset[str]]) -> bool:
    """Whether a formula or a group of flags is about the same columns."""
    return any({*rule.left, rule.right} <= about for about in said)


def _left(seen: Seen) -> list[Cells]:
    return [c for c in seen.cells.values() if c.repeats and _may_lead(c, seen.rows)]


def _may_lead(one: Cells, rows: int) -> bool:
    """Whether cells may follow from its values: a quantity's have to be few and repeat often."""
    if one.kind in ("numeric", "geo", "duration") and not names_id(one.name):
        return one.distinct <= min(rows / 4, QUANTITIES)
    return True


def _stretches(order: Ints) -> Ints:
    """Rows of a few stretches of the order, spread evenly."""
    if len(order) <= STRETCH * STRETCHES:
        return order
    starts = np.linspace(0, len(order) - STRETCH, STRETCHES).astype(np.int64)
    return np.concatenate([order[start : start + STRETCH] for start in starts])


def _singles(seen: Seen) -> list[Dependency]:
    left = _left(seen)
    right = [c for c in seen.cells.values() if c.distinct > 1 and c.repeats]
    tried = len(left) * len(right)
    found = []
    for one in left:
        rows = _stretches(one.order)
        same = np.diff(one.codes[rows]) == 0
        for other in right:
            if other is one or other.distinct > 2 * one.distinct:
                continue
            cells = other.codes[rows]
            breaks = int(((cells[1:] != cells[:-1]) & same).sum())
            if breaks > 0.02 * max(int(same.sum()), 1) and breaks > 2:
                continue
            rule = _counted((one.name,), one.codes, one.missing, other, tried)
            if rule is not None:
                found.append(rule)
    return found


def _counted(
    names: tuple[str, ...], codes: Codes | Ints, missing: Mask, other: Cells, tried: int
) -> Dependency | None:
    """The dependency over all rows, where it holds or almost holds and is no accident.

    Rows without a cell on the left side may break it, but they are no evidence for it.
    """
    there = ~missing
    rows, values = int(there.sum()), int((np.bincount(codes[there]) > 0).sum())
    counts = np.bincount(other.codes[there])
    expected = float((rows - values) * (1 - counts.max(initial=0) / max(rows, 1)))
    if not telling(expected, tried):
        return None
    exceptions = _wrong(codes[there], other.codes[there])
    if exceptions and not almost(exceptions, expected, tried):
        return None
    return Dependency(names, other.name, values, expected, exceptions)


def _pairs(seen: Seen, exact: list[Dependency]) -> list[Dependency]:
    """Left sides of two columns, neither of which is enough and neither follows from the other."""
    left = [c for c in _left(seen) if c.distinct <= seen.rows**0.5 and c.kind != "text"]
    right = [c for c in seen.cells.values() if c.distinct > 1 and c.repeats]
    if len(left) > PAIRS or len(right) > 2 * PAIRS:
        return []
    follows = {(d.left[0], d.right) for d in exact}
    tried = len(left) ** 2 * len(right)
    found = []
    sample = np.stack([c.codes[seen.sample] for c in right]) if right else np.zeros((0, 0))
    for one, two in combinations(left, 2):
        names = (one.name, two.name)
        if names in follows or names[::-1] in follows:
            continue
        if one.distinct * two.distinct > len(seen.sample) / 4:
            continue
        joint = one.codes[seen.sample].astype(np.int64) * two.distinct + two.codes[seen.sample]
        order = np.argsort(joint, kind="stable")
        same = np.diff(joint[order]) == 0
        cells = sample[:, order]
        breaks = ((cells[:, 1:] != cells[:, :-1]) & same).any(axis=1)
        for k in np.flatnonzero(~breaks):
            other = right[k]
            if other.name in names or any((name, other.name) in follows for name in names):
                continue
            whole = one.codes.astype(np.int64) * two.distinct + two.codes
            rule = _counted(names, whole, one.missing | two.missing, other, tried)
            if rule is not None and not rule.exceptions and _needs_both(one, two, other):
                found.append(rule)
    return found


def _needs_both(one: Cells, two: Cells, other: Cells) -> bool:
    """Whether each of the two, alone, would be wrong in some share of what chance gets wrong."""
    chance = len(other.codes) - int(other.counts.max())
    return all(_wrong(side.codes, other.codes) >= 0.02 * chance for side in (one, two))


def _wrong(left: Codes | Ints, right: Codes) -> int:
    """Rows whose right cell is not the commonest one of their left cell."""
    wide = int(right.max(initial=0)) + 1
    cells, held = np.unique(left.astype(np.int64) * wide + right, return_counts=True)
    starts = np.flatnonzero(np.diff(cells // wide, prepend=-1))
    return int(len(left) - np.maximum.reduceat(held, starts).sum()) if len(left) else 0


def _implied(rule: Dependency, exact: list[Dependency]) -> bool:
    """Whether an almost rule is an exact one turned round, or one of two columns of one key."""
    held = {(d.left[0], d.right) for d in exact}
    left, right = rule.left[0], rule.right
    if (right, left) in held:
        return True
    return any((key, left) in held and (key, right) in held for key, _ in held)


def _merged(seen: Seen, exact: list[Dependency]) -> list[Found]:
    """One proposal for each column that leads others, columns that say the same taken as one."""
    follows: dict[str, dict[str, Dependency]] = {}
    for d in exact:
        follows.setdefault(d.left[0], {})[d.right] = d
    done: set[str] = set()
    found = []
    for one in sorted(follows, key=lambda name: -len(follows[name])):
        equal = [name for name in follows[one] if one in follows.get(name, {})]
        if one in done:
            continue
        led_by = [n for n in follows if one in follows[n] and n not in equal]
        done.update((one, *equal))
        if led_by:
            # What follows from it follows from those that lead it, and is said there.
            continue
        names = tuple(name for name in seen.cells if name == one or name in follows[one])
        lead = one if not equal else next(n for n in names if n == one or n in equal)
        found.append(_table(seen, lead, names, equal, list(follows[one].values())))
    return found


def _table(
    seen: Seen, lead: str, names: tuple[str, ...], equal: list[str], held: list[Dependency]
) -> Found:
    ids = [n for n in (lead, *equal) if seen.cells[n].kind == "identifier" or names_id(n)]
    lead = ids[0] if ids else lead
    cells, rows = seen.cells[lead], seen.rows
    rest = tuple(name for name in names if name != lead)
    expected = min(d.expected for d in held)
    saying = f"{listed(rest)} follow{'s' if len(rest) == 1 else ''} from '{lead}'"
    if len(equal) == len(rest):
        saying = f"each '{lead}' has its own {listed(rest)}, and the other way round"
    saying += f" ({cells.distinct:,} values)"
    kind, fields = _as_table(cells, rest, names)
    return Found(kind, fields, saying, rows, expected)


def _as_table(
    lead: Cells, rest: tuple[str, ...], names: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    """A key with attributes, or a set of combinations."""
    common = lead.counts[lead.counts >= PROTECT].sum() >= 0.99 * len(lead.codes)
    if lead.kind in _KEYS or lead.distinct > TABLE or names_id(lead.name) or not common:
        return "DenormalizedTable", {"key": lead.name, "columns": rest}
    return "FixedCombinations", {"columns": names}


def _doubles(seen: Seen, pairs: list[Dependency]) -> list[Found]:
    found: dict[frozenset[str], Found] = {}
    for left in dict.fromkeys(d.left for d in pairs):
        held = [d for d in pairs if d.left == left]
        rest = tuple(d.right for d in held)
        saying = (
            f"{listed(rest)} follow{'s' if len(rest) == 1 else ''} from {listed(left)} together "
            f"({held[0].values:,} combinations), and from neither alone"
        )
        fields = {"columns": (*left, *rest)}
        expected = min(d.expected for d in held)
        one = Found("FixedCombinations", fields, saying, seen.rows, expected)
        found.setdefault(frozenset(fields["columns"]), one)
    return list(found.values())


def _near(seen: Seen, near: list[Dependency]) -> list[Found]:
    found = []
    for d in near:
        saying = f"'{d.right}' follows from '{d.left[0]}' ({d.values:,} values)"
        lead = seen.cells[d.left[0]]
        kind, fields = _as_table(
            lead, (d.right,), tuple(n for n in seen.cells if n in (lead.name, d.right))
        )
        found.append(Found(kind, fields, saying, seen.rows, d.expected, d.exceptions))
    return found
