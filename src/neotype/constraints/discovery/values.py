"""Steps that numbers come in, and bounds against which they pile up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neotype.constraints.discovery.cells import Cells, Seen
from neotype.constraints.discovery.chance import telling
from neotype.constraints.discovery.found import Found

LEAST_VALUES = 10
"""A column of fewer values has no steps that one would notice."""

PILE = 20
"""Rows at a bound, and how many times more than a value beside it has, that make a pile."""


def steps_and_bounds(seen: Seen, known: Sequence[Found]) -> list[Found]:
    """FixedIncrements and ScalarInequality, of columns that no formula already makes."""
    made = {one.fields["column"] for one in known if one.type == "ColumnFormula"}
    cells = [c for c in seen.quantities if c.name not in made and c.distinct >= LEAST_VALUES]
    found = []
    for one in cells:
        found += [rule for rule in (_steps(one, len(cells)), *_bounds(one)) if rule is not None]
    return found


def _steps(one: Cells, tried: int) -> Found | None:
    """The greatest number that all cells are multiples of, where that is no plain decimal place."""
    decimals = one.decimals
    if decimals is None or decimals > 6:
        return None
    known = one.numbers[~one.missing]
    whole = np.rint(known * 10**decimals)
    if np.abs(whole).max() >= 1 << 53:
        return None
    step = int(np.gcd.reduce(whole.astype(np.int64)))
    expected = len(known) * (1 - 1 / max(step, 1))
    if step < 2 or not telling(expected, tried):
        return None
    increment = round(step * 10.0**-decimals, decimals) if decimals else step
    saying = f"every '{one.name}' is a multiple of {increment:g}"
    fields = {"column": one.name, "increment": increment}
    why = "were other values as likely"
    return Found("FixedIncrements", fields, saying, len(known), expected, why=why)


def _bounds(one: Cells) -> list[Found]:
    """Where values pile up at their end: a cap, not the end of a tail."""
    counts = one.counts[1:] if one.gaps else one.counts
    if len(counts) < 5 * LEAST_VALUES:
        return []
    known = one.numbers[~one.missing]
    found = []
    for end, relation, beside in (
        (known.max(), "<=", counts[-1 - LEAST_VALUES : -1]),
        (known.min(), ">=", counts[1 : 1 + LEAST_VALUES]),
    ):
        pile = int((known == end).sum())
        # Zero is where counting begins, and -1 stands for no count: they need no rule.
        if end in (0, -1) or pile < PILE or pile < PILE * max(float(np.mean(beside)), 1.0):
            continue
        saying = f"no '{one.name}' is {'above' if relation == '<=' else 'below'} {end:,.12g}"
        fields = {
            "column": one.name,
            "relation": relation,
            "value": int(end) if one.whole else float(end),
        }
        why = f"{pile:,} lie at it, and few at the values beside it: without such a bound"
        found.append(Found("ScalarInequality", fields, saying, len(known), float(pile), why=why))
    return found
