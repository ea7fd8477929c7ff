"""Tables that may be published: their rows stay as they are, and so do their keys among each other.

What hangs below a public row is not public. How many rows refer to it is kept where those are
`protect` or more (a town of 600 customers has about as many again); smaller numbers are told as
their mean, and means over fewer rows are not told. When the rows below it begin and end is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.links import parent_rows
from neotype.rng import Rng
from neotype.schema.schema import Column, Relationship, Schema
from neotype.synth.relational.bond import Bond
from neotype.synth.synthesizer import Model

Positions = NDArray[np.int64]


def between_public(schema: Schema, tie: Relationship) -> bool:
    """Whether a key ties two tables that stay as they are."""
    return schema.tables[tie.child].public and schema.tables[tie.parent].public


def kept_rows(
    table: str,
    schema: Schema,
    frame: pl.DataFrame,
    content: Mapping[str, Column],
    below: Sequence[Bond],
    protect: int,
) -> pl.DataFrame:
    """The rows of a public table with what is said of the rows below each."""
    keys = {c for tie in schema.above(table) if between_public(schema, tie) for c in tie.child_key}
    shut = set(drawn_columns(content, below))
    made = frame.select(c for c in frame.columns if (c in content or c in keys) and c not in shut)
    lines = []
    for cells in made:
        if not cells.name.startswith("#") or cells.name in {bond.group for bond in below}:
            continue
        if cells.dtype.is_integer():
            lines.append(_counts(cells, protect))
            continue
        bond = next(one for one in below if cells.name in {one.level(name) for name in one.dense})
        few = frame[bond.rows] < protect
        lines.append(cells.set(few, None))
    return made.with_columns(lines)


def drawn_columns(content: Mapping[str, Column], below: Sequence[Bond]) -> dict[str, Column]:
    """What is drawn of public rows: when the rows below them begin and end."""
    times = {name for bond in below for name in (bond.start, bond.span)}
    return {name: column for name, column in content.items() if name in times}


def beside_kept(
    kept: pl.DataFrame, model: Model | None, rank: str | None, rng: Rng
) -> pl.DataFrame:
    """The kept rows with what is drawn of them; rows of many below get what such rows have."""
    if model is None:
        return kept
    made = model.sample(kept.height, rng=rng).frame
    if rank is not None:
        place = np.argsort(np.argsort(kept[rank].to_numpy(), kind="stable"), kind="stable")
        made = made[np.argsort(made[rank].fill_null(0).to_numpy(), kind="stable")][place]
    return made.with_columns(kept.get_columns())


def tied(schema: Schema, tie: Relationship, frames: Mapping[str, pl.DataFrame]) -> Positions | None:
    """To which row a row of one public table refers in another; None of other keys."""
    return parent_rows(tie, frames) if between_public(schema, tie) else None


def _counts(cells: pl.Series, protect: int) -> pl.Series:
    """Numbers of rows, those of fewer than `protect` as their mean."""
    counts = cells.fill_null(0).to_numpy().astype(np.int64)
    few = (counts > 0) & (counts < protect)
    if few.any():
        counts = np.where(few, max(1, round(float(counts[few].mean()))), counts)
    return pl.Series(cells.name, counts, dtype=cells.dtype)
