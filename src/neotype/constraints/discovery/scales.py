"""Quantities that are measured on a scale of their own for every label of another column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neotype.constraints.discovery.cells import Cells, Codes, Floats, Seen
from neotype.constraints.discovery.chance import telling
from neotype.constraints.discovery.found import Found
from neotype.rng import Rng

GROUPS = 40
"""Labels at most."""

ROWS = 20
"""Rows that a label needs."""

EXPLAINED = 0.8
"""The share of the variation of magnitudes that lies between the labels."""

WIDE = 0.5
"""The standard deviation of magnitudes, in powers of ten, from which scales are mixed."""


OUTSIDE = 0.2
"""Least share of shuffled cells that lie beyond what their label has."""


def mixed_scales(seen: Seen, known: Sequence[Found]) -> list[Found]:
    """MixedScales: amounts in several currencies, results of several tests."""
    said = {one.fields["column"] for one in known if one.type == "ColumnFormula"}
    labels = [c for c in seen.cells.values() if _tells_scales(c, seen.rows)]
    wide = [c for c in seen.quantities if c.name not in said and _wide(c)]
    found = []
    for one in wide:
        values = _magnitudes(one)[seen.sample]
        shares = [(_explained(values, by.codes[seen.sample], by.distinct), by) for by in labels]
        share, by = max(shares, key=lambda x: x[0], default=(0.0, one))
        if share >= EXPLAINED:
            rule = _proposal(one, by, len(labels) * len(wide))
            found += [rule] if rule is not None else []
    return found


def _tells_scales(one: Cells, rows: int) -> bool:
    many = 1 < one.distinct <= min(GROUPS, rows / ROWS)
    return one.kind in ("categorical", "boolean") and many and int(one.counts.min()) >= ROWS


def _magnitudes(one: Cells) -> Floats:
    """Powers of ten, NaN for zero and what is missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        made = np.log10(np.abs(one.numbers))
    return np.where(np.isfinite(made), made, np.nan)


def _wide(one: Cells) -> bool:
    known = _magnitudes(one)
    known = known[~np.isnan(known)]
    return len(known) > 0.5 * len(one.series) and float(known.std()) >= WIDE


def _explained(values: Floats, codes: Codes, many: int) -> float:
    """The share of the variance that lies between the labels."""
    there = ~np.isnan(values)
    values, codes = values[there], codes[there]
    rows = np.maximum(np.bincount(codes, minlength=many), 1)
    means = np.bincount(codes, values, many) / rows
    whole = float(((values - values.mean()) ** 2).sum())
    return 1 - float(((values - means[codes]) ** 2).sum()) / whole if whole > 0 else 0.0


def _proposal(one: Cells, by: Cells, tried: int) -> Found | None:
    values = _magnitudes(one)
    there = ~np.isnan(values)
    values, codes = values[there], by.codes[there]
    dealt = values[Rng(0).child("scales").generator().permutation(len(values))]
    expected = float(_outside(dealt, values, codes, by.distinct))
    if expected < OUTSIDE * len(values) or not telling(expected, tried):
        return None
    saying = f"'{one.name}' has a scale of its own for every '{by.name}' ({by.distinct:,} of them)"
    fields = {"column": one.name, "by": (by.name,)}
    return Found("MixedScales", fields, saying, len(values), expected, columns=(by.name,))


def _outside(dealt: Floats, values: Floats, codes: Codes, many: int) -> int:
    """How many cells that are dealt anew lie beyond those that their label has."""
    low, high = np.full(many, np.inf), np.full(many, -np.inf)
    np.minimum.at(low, codes, values)
    np.maximum.at(high, codes, values)
    return int(((dealt < low[codes]) | (dealt > high[codes])).sum())
