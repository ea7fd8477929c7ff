"""Columns that are never above one another, chained where they follow each other.

That a column lies below another is common and mostly means nothing: age is below income. A rule is
proposed where both measure the same thing, as far as can be told: whole numbers or not, dates, and
ranges that overlap so much that chance would break the order often; and where the gap comes near
to nothing in some rows, as it does where a bound is a bound. Names such as min and max, or start
and end, ask for less.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from neotype.constraints.discovery.cells import Cells, Seen
from neotype.constraints.discovery.chance import above, almost, telling
from neotype.constraints.discovery.found import Found
from neotype.schema.names import words

OVERLAP = 0.02
"""Least share of shuffled rows that break the order."""

NAMED_OVERLAP = 0.001
ODD = 2
"""Rows of the sample that may break an order which almost holds."""

NEAR = 0.25
"""The smallest gaps (1 % of the rows) are at most this share of the median gap."""

_MIDDLE = "mean avg average median mid open close"
_OPPOSITES = tuple(
    (frozenset(small.split()), frozenset(large.split()))
    for small, large in (
        ("min minimum low lowest lower least floor", "max maximum high highest upper most ceiling"),
        ("min minimum low lowest lower", _MIDDLE),
        (_MIDDLE, "max maximum high highest upper"),
        (
            "start started begin begins from open opened first earliest",
            "end ended ends until to till close closed last latest finish finished return returned",
        ),
        ("birth born dob", "death died hire hired joined admission"),
        (
            "order ordered created issued booked",
            "ship shipped delivered delivery paid updated required due modified",
        ),
        ("in checkin arrival admitted admission", "out checkout discharged discharge departure"),
        ("departure", "arrival"),
        ("net cost", "gross price"),
        ("part sub subtotal", "total all sum"),
    )
)

_CALENDAR = frozenset(
    [
        "season",
        "quarter",
        "month",
        "mnth",
        "mon",
        "week",
        "weekday",
        "day",
        "dayofweek",
        "dow",
        "hour",
        "hr",
        "minute",
    ]
)


def orderings(seen: Seen, known: Sequence[Found]) -> list[Found]:
    """Inequality, Range and ChainedInequality over quantities, and over moments."""
    found = []
    zones = {one.zone: [c for c in seen.dates if c.zone == one.zone] for one in seen.dates}
    for group in (seen.quantities, *zones.values(), _times(seen)):
        names = {one.name for one in group}
        formulas = [one.about for one in known if one.type == "ColumnFormula"]
        found += _among(seen, group, _tied([about for about in formulas if about <= names]))
    return found


def _tied(sets: list[frozenset[str]]) -> list[frozenset[str]]:
    """Columns that formulas tie to each other, over several formulas: parts are below sums."""
    tied: list[frozenset[str]] = []
    for one in sets:
        near = [other for other in tied if other & one]
        tied = [other for other in tied if other not in near] + [one.union(*near)]
    return tied


def _times(seen: Seen) -> list[Cells]:
    return [c for c in seen.cells.values() if c.unit == "time of day" and c.distinct > 1]


def _among(seen: Seen, group: list[Cells], tied: list[frozenset[str]]) -> list[Found]:
    if len(group) < 2:
        return []
    edges = {}
    for low, high in _unrefuted(seen, group):
        if not any({low.name, high.name} <= part for part in tied):
            facts = _judged(low, high, len(group) ** 2)
            if facts is not None:
                edges[low.name, high.name] = facts
    exact = {pair for pair, facts in edges.items() if not facts.exceptions}
    names = [c.name for c in group]
    reduced = {
        (a, b) for a, b in exact if not any((a, m) in exact and (m, b) in exact for m in names)
    }
    chains = [*_chains(reduced), *(pair for pair in edges if pair not in exact)]
    return [_proposal(chain, edges) for chain in chains]


def _unrefuted(seen: Seen, group: list[Cells]) -> list[tuple[Cells, Cells]]:
    """Pairs whose order no row of the sample breaks."""
    matrix = np.stack([c.numbers[seen.sample] for c in group], axis=1)
    pairs = []
    for k, one in enumerate(group):
        broken = (matrix[:, [k]] > matrix).sum(axis=0) > ODD
        pairs += [(one, group[j]) for j in np.flatnonzero(~broken) if j != k]
    return pairs


class Facts(NamedTuple):
    """Rows with both cells, how many of them chance would break, and how many do."""

    support: int
    expected: float
    strict: bool
    exceptions: int


def _judged(low: Cells, high: Cells, tried: int) -> Facts | None:
    both = ~(low.missing | high.missing)
    left, right = low.numbers[both], high.numbers[both]
    exceptions = int((left > right).sum())
    if not len(left) or bool((left >= right).all()):
        return None
    named = opposite(low.name, high.name)
    if low.unit == "number" and not named and _unlike(low, high):
        return None
    real = (left != 0) | (right != 0) if low.unit == "number" else np.ones(len(left), np.bool_)
    left, right = left[real], right[real]
    overlap = above(left, right)
    expected = overlap * len(left)
    if overlap < (NAMED_OVERLAP if named else OVERLAP) or not telling(expected, tried):
        return None
    if exceptions and not almost(exceptions, expected, tried):
        return None
    gap = right - left
    if not named and float(np.quantile(gap, 0.01)) > NEAR * float(np.median(gap)):
        return None
    strict = bool((gap > 0).all()) and bool(real.all())
    return Facts(int(both.sum()), expected, strict, exceptions)


def _unlike(low: Cells, high: Cells) -> bool:
    """Whether they hardly measure the same thing: counts and amounts, parts of a calendar."""
    parts = [set(words(one.name)) & _CALENDAR for one in (low, high)]
    return all(parts) or (low.whole != high.whole and not _move_together(low, high))


def _move_together(low: Cells, high: Cells) -> bool:
    """Whether they vary as widely, and with each other."""
    both = ~(low.missing | high.missing)
    left, right = low.numbers[both], high.numbers[both]
    spreads = left.std(), right.std()
    if min(spreads) * 3 < max(spreads):
        return False
    return bool(np.corrcoef(left, right)[0, 1] > 0.5)


def opposite(low: str, high: str) -> bool:
    """Whether the names are two ends of one thing: start_date and end_date, min and max."""
    left, right = set(words(low)), set(words(high))
    return any(left & small and right & large for small, large in _OPPOSITES)


def _chains(edges: set[tuple[str, str]]) -> list[tuple[str, ...]]:
    """The edges as paths, the longest first, each edge in one path."""
    left, chains = set(edges), []
    while left:
        chains.append(_longest(left))
        left -= set(pairwise(chains[-1]))
    return chains


def _longest(edges: set[tuple[str, str]]) -> tuple[str, ...]:
    """The longest path; there is no way round in an order."""
    paths: dict[str, tuple[str, ...]] = {}

    def path(name: str) -> tuple[str, ...]:
        if name not in paths:
            after = [path(b) for a, b in sorted(edges) if a == name]
            paths[name] = (name, *max(after, key=len, default=()))
        return paths[name]

    return max((path(a) for a, _ in sorted(edges)), key=len)


def _proposal(chain: tuple[str, ...], edges: dict[tuple[str, str], Facts]) -> Found:
    facts = [edges[pair] for pair in pairwise(chain)]
    strict = all(one.strict for one in facts)
    support, expected = min(one.support for one in facts), min(one.expected for one in facts)
    verb = "below" if strict else "at most"
    if len(chain) == 2:
        fields = {"low": chain[0], "high": chain[1], "strict": strict}
        saying = f"'{chain[0]}' is {verb} '{chain[1]}'"
        return Found("Inequality", fields, saying, support, expected, facts[0].exceptions)
    sign = " < " if strict else " ≤ "
    saying = sign.join(f"'{name}'" for name in chain)
    if len(chain) == 3:
        names = dict(zip(("low", "middle", "high"), chain, strict=True))
        return Found("Range", {**names, "strict": strict}, saying, support, expected)
    fields = {"columns": chain, "strict": strict}
    return Found("ChainedInequality", fields, saying, support, expected)
