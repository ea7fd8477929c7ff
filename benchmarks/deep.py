"""A made database of thirty tables on eight levels, with a cycle: how costs grow with rows."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.random import Generator

from neotype.rng import Rng
from neotype.schema.keys import Keys
from neotype.schema.schema import Relationship

WIDTHS = (2, 4, 4, 4, 4, 4, 4, 4)
"""Tables of each level."""
TOP, CHILDREN = 200, 1.3
"""Rows of a table at the top, and the mean number of children of a row along a key."""


def deep(times: int) -> tuple[dict[str, pl.DataFrame], Keys]:
    """The tables with `times` as many rows at the top, and their keys.

    A row's number, label and day follow its parent's. Every third table below refers also to one
    two levels up; tables of the first level refer to rows of the last, so that keys form a cycle;
    and the first table to itself.
    """
    rng = Rng(0).child("deep").child(str(times))
    frames: dict[str, pl.DataFrame] = {}
    ties: list[Relationship] = []
    levels: list[list[str]] = []
    for level, width in enumerate(WIDTHS):
        here = [f"t{level}{'abcd'[k]}" for k in range(width)]
        for k, name in enumerate(here):
            draw = rng.child(name).generator()
            parent = levels[-1][k % len(levels[-1])] if levels else None
            above = frames[parent] if parent is not None else None
            frames[name] = _rows(draw, TOP * times, above)
            if parent is not None:
                ties.append(_tie(parent, name, "parent_id"))
            if level > 1 and k % 3 == 2:
                far = levels[-2][k % len(levels[-2])]
                frames[name] = _refer(draw, frames[name], frames[far].height, "other_id", 0.0)
                ties.append(_tie(far, name, "other_id"))
        levels.append(here)
    draw = rng.child("cycle").generator()
    for name, last in zip(levels[0], levels[-1], strict=False):
        frames[name] = _refer(draw, frames[name], frames[last].height, "latest_id", 0.2)
        ties.append(_tie(last, name, "latest_id"))
    first = levels[0][0]
    frames[first] = _refer(draw, frames[first], frames[first].height, "chief_id", 0.1)
    ties.append(_tie(first, first, "chief_id"))
    return frames, Keys(primary=dict.fromkeys(frames, ("id",)), foreign=tuple(ties))


def _tie(parent: str, child: str, key: str) -> Relationship:
    return Relationship(parent=parent, parent_key=("id",), child=child, child_key=(key,))


def _rows(draw: Generator, top: int, above: pl.DataFrame | None) -> pl.DataFrame:
    """Rows of a table: the children of `above`, or as many as there are at the top."""
    if above is None:
        rows = top
        level, label = draw.normal(size=rows), draw.integers(0, 5, rows)
        day = np.full(rows, 18_000)
        cells: dict[str, pl.Series] = {"id": pl.Series(range(1, rows + 1))}
    else:
        busy = draw.gamma(2, CHILDREN / 2, above.height)
        place = np.arange(above.height).repeat(draw.poisson(busy))
        rows = len(place)
        level = 0.7 * above["amount"].to_numpy()[place] / 10 + 0.7 * draw.normal(size=rows)
        same = draw.random(rows) < 0.7
        label = above["kind"].str.slice(1).cast(pl.Int64).to_numpy()[place]
        label = label * same + draw.integers(0, 5, rows) * ~same
        day = above["day"].to_physical().to_numpy()[place]
        cells = {"id": pl.Series(range(1, rows + 1)), "parent_id": above["id"].gather(place)}
    kind = "k" + pl.Series(label).cast(pl.String)
    return pl.DataFrame(
        {
            **cells,
            "amount": (10 * level).round(2),
            "kind": kind,
            "units": draw.poisson(1 + label),
            "day": pl.Series(day + draw.integers(1, 60, rows)).cast(pl.Int32).cast(pl.Date),
        }
    )


def _refer(
    draw: Generator, frame: pl.DataFrame, height: int, key: str, missing: float
) -> pl.DataFrame:
    """Some rows are referred to more often than others, and some references are missing."""
    rank = (height * draw.random(frame.height) ** 1.5).astype(int) + 1
    known = pl.Series(draw.random(frame.height) >= missing)
    return frame.with_columns(
        pl.when(known).then(pl.Series(rank.clip(1, height))).otherwise(None).alias(key)
    )
