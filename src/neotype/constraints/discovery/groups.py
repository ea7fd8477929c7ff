"""Columns that are 0 and 1 in turn, and columns that are missing together."""

from __future__ import annotations

import numpy as np

from neotype.constraints.discovery.cells import Cells, Mask, Seen
from neotype.constraints.discovery.chance import telling
from neotype.constraints.discovery.found import Found, listed
from neotype.schema.wording import count

PATTERNS = 12
"""More patterns of missing cells than these are no rule."""


def one_hot(seen: Seen) -> list[Found]:
    """Groups of 0/1 columns of which exactly one is 1 in every row."""
    flags = [(c.name, cells) for c in seen.cells.values() if (cells := _flag(c)) is not None]
    if len(flags) < 2:
        return []
    matrix = np.stack([cells for _, cells in flags]).astype(np.float32)
    together = matrix @ matrix.T
    ones = np.diag(together)
    groups: list[list[int]] = []
    used: set[int] = set()
    for start in range(len(flags)):
        if start in used:
            continue
        group = _filled(start, together, ones, used, seen.rows)
        if group is not None:
            groups.append(group)
            used.update(group)
    return [
        f
        for group in groups
        if (f := _group(seen, [flags[k][0] for k in group], ones[group], len(flags)))
    ]


def _flag(one: Cells) -> Mask | None:
    if (
        one.gaps
        or one.distinct != 2
        or not (one.series.dtype.is_numeric() or one.series.dtype == "Boolean")
    ):
        return None
    cells = one.series.cast(float).to_numpy()
    return (
        cells == 1
        if set(np.unique(cells[:1000])) <= {0.0, 1.0} and ((cells == 0) | (cells == 1)).all()
        else None
    )


def _filled(
    start: int, together: np.ndarray, ones: np.ndarray, used: set[int], rows: int
) -> list[int] | None:
    """Columns from `start` on that never coincide and fill every row between them."""
    group, total = [start], float(ones[start])
    for k in range(start + 1, len(ones)):
        if k not in used and total + ones[k] <= rows and not together[k, group].any():
            group.append(k)
            total += float(ones[k])
        if total == rows:
            return group
    return None


def _group(seen: Seen, names: list[str], ones: np.ndarray, tried: int) -> Found | None:
    shares = ones / seen.rows
    exactly = float(np.sum([s * np.prod(1 - np.delete(shares, k)) for k, s in enumerate(shares)]))
    expected = seen.rows * (1 - exactly)
    if not telling(expected, tried**2):
        return None
    saying = f"exactly one of {listed(names)} is 1"
    return Found("OneHotEncoding", {"columns": tuple(names)}, saying, seen.rows, expected)


def null_patterns(seen: Seen) -> list[Found]:
    """Columns whose cells are missing together, or only where another one's are."""
    gappy = [c for c in seen.cells.values() if c.gaps]
    if len(gappy) < 2:
        return []
    matrix = np.stack([c.missing for c in gappy]).astype(np.float32)
    both = matrix @ matrix.T
    gone, tried = np.diag(both), len(gappy) ** 2
    ties = np.zeros(both.shape, dtype=np.bool_)
    for i, one in enumerate(gone):
        for j, other in enumerate(gone):
            # Wherever i is missing, j is: i's gaps would miss j's as often as j is there.
            expected = one * (1 - other / seen.rows)
            ties[i, j] = i != j and both[i, j] == one and telling(float(expected), tried)
            either = one + other == seen.rows and both[i, j] == 0
            ties[i, j] |= i != j and either and telling(float(one * other / seen.rows), tried)
    return [f for part in _parts(ties | ties.T) if (f := _together(seen, [gappy[k] for k in part]))]


def _parts(ties: np.ndarray) -> list[list[int]]:
    """Connected columns."""
    left, parts = set(range(len(ties))), []
    while left:
        part, new = set(), {min(left)}
        while new:
            part |= new
            new = {int(j) for i in new for j in np.flatnonzero(ties[i])} - part
        left -= part
        if len(part) > 1:
            parts.append(sorted(part))
    return parts


def _together(seen: Seen, cells: list[Cells]) -> Found | None:
    names = [c.name for c in cells]
    patterns = np.unique(np.stack([c.missing for c in cells], axis=1), axis=0)
    if len(patterns) > (3 if len(cells) == 2 else min(PATTERNS, 2 ** (len(cells) - 1))):
        return None
    shares = np.array([c.gaps for c in cells]) / seen.rows
    likely = sum(float(np.prod(np.where(p, shares, 1 - shares))) for p in patterns)
    expected = seen.rows * (1 - likely)
    turns = len(patterns) == 2 and (patterns[0] != patterns[1]).all()
    if turns and len(set(patterns[0])) == 1:
        saying = f"{listed(names)} are missing together ({count(cells[0].gaps, 'time')})"
    elif len(names) == 2:
        saying = _two(cells, patterns)
    else:
        ways = f"{2 ** len(cells):,} ways in which {listed(names)} could be missing"
        saying = f"of the {ways}, only {len(patterns)} occur"
    return Found("FixedNullCombinations", {"columns": tuple(names)}, saying, seen.rows, expected)


def _two(cells: list[Cells], patterns: np.ndarray) -> str:
    one, two = cells if cells[0].gaps <= cells[1].gaps else cells[::-1]
    if {tuple(p) for p in patterns.tolist()} == {(True, False), (False, True)}:
        return f"either '{one.name}' or '{two.name}' is missing, and never both"
    return f"where '{one.name}' is missing, '{two.name}' is ({count(one.gaps, 'time')})"
