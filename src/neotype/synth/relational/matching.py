"""From drawn tables to whole ones: every key finds its row, and shows that row's key."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.encode.encoder import Codes
from neotype.links import NOTHING
from neotype.rng import Rng
from neotype.schema.schema import Relationship
from neotype.synth.relational.fitted import Fitted
from neotype.synth.relational.overlap import shared_cells
from neotype.synth.relational.paths import both
from neotype.synth.relational.polymorphic import asked
from neotype.synth.relational.public import tied
from neotype.synth.relational.unplaced import gone, may_be_nothing, without

Positions = NDArray[np.int64]
log = logging.getLogger("neotype")


@dataclass(frozen=True)
class Drawn:
    """A table as it is drawn: rows in the content's columns, and as others see them."""

    frame: pl.DataFrame
    codes: Codes
    context: Codes
    references: Codes
    owner: Positions | None

    def take(self, picks: Positions, owner: Positions | None = None) -> Drawn:
        """Some of the rows, and whose they then are."""
        codes, context, references = (
            line[:, picks] for line in (self.codes, self.context, self.references)
        )
        frame = self.frame[picks] if self.frame.width else pl.DataFrame(height=len(picks))
        return Drawn(frame, codes, context, references, owner)


def of_rows(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns; with none of them polars forgets how many rows there are."""
    return frame.select(columns) if columns else pl.DataFrame(height=frame.height)


def placed_rows(
    fitted: Fitted, drawn: Mapping[str, Drawn], rng: Rng
) -> tuple[dict[str, Drawn], dict[str, Positions]]:
    """The rows that have all the rows they must refer to, and which those are, by key.

    A row that finds none goes: as many of a small sample as there are no rows to refer to.
    """
    schema = fitted.layout.schema
    positions = matched(fitted, drawn, rng)
    lost: dict[str, NDArray[np.bool_]] = {}
    for tie in fitted.keys:
        is_kept = schema.tables[tie.child].public
        if (
            is_kept
            or may_be_nothing(schema, tie)
            or tie.when
            or fitted.references[tie.title] is None
        ):
            continue
        missing = positions[tie.title] == NOTHING
        lost[tie.child] = lost.get(tie.child, np.zeros_like(missing)) | missing
    if not any(mask.any() for mask in lost.values()):
        return dict(drawn), positions
    heights = {name: one.frame.height for name, one in drawn.items()}
    out = gone(schema, heights, positions, lost)
    positions = without(schema.relationships, positions, out)
    contexts = {name: positions[tie.title] for name, tie in fitted.layout.contexts.items()}
    for name, mask in out.items():
        if mask.any():
            log.info("%s: %d of %d rows find no row to refer to", name, mask.sum(), len(mask))
    stay = {name: np.flatnonzero(~mask) for name, mask in out.items()}
    return {n: one.take(stay[n], contexts.get(n)) for n, one in drawn.items()}, positions


def matched(fitted: Fitted, drawn: Mapping[str, Drawn], rng: Rng) -> dict[str, Positions]:
    """To which row every row refers, by each key."""
    schema = fitted.layout.schema
    positions: dict[str, Positions] = {}
    frames = {name: one.frame for name, one in drawn.items()}
    settled = list(fitted.layout.contexts.values())
    for table, tie in fitted.layout.contexts.items():
        owner = drawn[table].owner
        assert owner is not None
        positions[tie.title] = owner
    for tie in fitted.keys:
        child, parent = drawn[tie.child], drawn[tie.parent]
        reference = fitted.references[tie.title]
        same = tied(schema, tie, frames)
        if same is not None:
            positions[tie.title] = same
            settled.append(tie)
            continue
        if reference is None:
            positions[tie.title] = np.full(child.frame.height, NOTHING)
            continue
        routes = fitted.ways[tie.title]
        paths = both(routes, positions, child.frame.height, parent.frame.height)
        positions[tie.title] = reference.assign(
            child.references[fitted.slice_of(tie)],
            referenced=parent.codes,
            capacity=capacity_of(parent.frame, tie),
            paths=paths | shared_cells(tie, settled, frames, positions),
            distinct=fitted.distinct(tie, positions),
            rng=rng.child(tie.title),
            asked=asked(tie, child.frame),
        )
        settled.append(tie)
    return positions


def capacity_of(frame: pl.DataFrame, tie: Relationship) -> Positions:
    """How many rows are to refer to each row by a key."""
    cells = frame[f"#{tie.title}"].fill_null(0)
    return np.asarray(np.maximum(cells.to_numpy().astype(np.int64), 0))
