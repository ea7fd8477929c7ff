"""How many rows are made: of tables at the top, and of tables below others if somebody asks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import SamplingError, did_you_mean
from neotype.synth.relational.bond import Bond

log = logging.getLogger("neotype")


def sizes(model: Any, rows: int | Mapping[str, int] | None, scale: float) -> dict[str, int]:
    """By table: of those at the top and right below public ones, and of those that are named.

    `model` is a DatabaseModel.
    """
    kept = model.fitted.kept
    above = {table: tie.parent for table, tie in model.layout.contexts.items()}
    tops = [t for t in model.layout.order if above.get(t) in (None, *kept)]
    if isinstance(rows, int):
        raise SamplingError(
            f"{rows} rows are asked of a database of {len(model.schema.tables)} tables.",
            mend=f"say scale=2, or rows of certain tables, such as {{'{tops[0]}': {rows}}}",
        )
    if not scale > 0:
        raise SamplingError(f"scale {scale} makes no rows.", mend="use a scale such as .1 or 2")
    learnt = {name: model.learnt[name] for name in tops}
    found = {name: max(round(n * scale), 1) if n else 0 for name, n in learnt.items()}
    for name, count in (rows or {}).items():
        if name not in model.schema.tables:
            raise SamplingError(
                f"rows are asked of table '{name}', which is not there.",
                found=f"the model has: {', '.join(model.schema.tables)}",
                mend=did_you_mean(name, model.schema.tables),
            )
        if name in kept:
            raise SamplingError(
                f"table '{name}' is kept as it is: its number of rows follows.",
                mend=f"say it of: {', '.join(t for t in model.layout.order if t not in kept)}",
            )
        found[name] = count
    return found


def counted(
    bond: Bond, owners: pl.DataFrame, total: int, rng: np.random.Generator, *, single: bool
) -> pl.DataFrame:
    """Owners with `total` rows together, in the shares that they were drawn with.

    `single`: none has two, as the owner is the key of the row.
    """
    drawn = bond.told(owners, rng)[0]
    counts = scaled(drawn, total, rng)
    if single and total > owners.height:
        log.warning(
            "'%s' has %d rows and not %d: as many as '%s', each row of which has one at most.",
            *(bond.tie.child, owners.height, total, bond.tie.parent),
        )
    if single:
        first = np.lexsort((rng.random(len(drawn)), -drawn))
        counts = np.zeros_like(drawn)
        counts[first[:total]] = 1
    lines = [pl.Series(bond.rows, counts)]
    if bond.mix is not None:
        more = total / max(int(drawn.sum()), 1)
        names = [bond.mix.column(bond.tie.title, k) for k in range(len(bond.mix.kinds))]
        lines += [(owners[name].fill_null(0) * more).round().cast(pl.Int64) for name in names]
    return owners.with_columns(lines)


def scaled(counts: NDArray[np.int64], total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of children in the same shares, `total` together."""
    if not counts.any():
        counts = np.ones_like(counts)
    order = rng.permutation(len(counts))
    upto = np.floor(np.cumsum(counts[order]) * (total / max(int(counts.sum()), 1)) + 0.5)
    out = np.empty_like(counts)
    out[order] = np.diff(upto.astype(np.int64), prepend=0)
    return out
